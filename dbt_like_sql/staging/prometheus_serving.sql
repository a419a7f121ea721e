-- One row per (series, interval between two successive samples), and one per sample of a level. Maps serving metrics onto serving_usage.
-- A counter that fell was restarted: all that it shows has been counted since.
SELECT
    p.row_number,
    p.unreadable,
    p.hour AS usage_at,
    CASE
        WHEN p.metric IN ('vllm:prompt_tokens_total', 'tgi_request_input_length_sum', 'sglang:prompt_tokens_total') THEN 'input_tokens'
        WHEN p.metric IN ('vllm:prefix_cache_hits_total', 'sglang:cached_tokens_total') THEN 'cached_tokens'
        WHEN p.metric IN ('vllm:generation_tokens_total', 'tgi_request_generated_tokens_sum', 'sglang:generation_tokens_total') THEN 'output_tokens'
        WHEN p.metric IN ('vllm:request_success_total', 'tgi_request_success', 'sglang:num_requests_total') THEN 'requests'
        WHEN p.metric = 'tgi_request_count' THEN 'requests_received'
        WHEN p.metric IN ('vllm:num_requests_running', 'tgi_batch_current_size', 'sglang:num_running_reqs') THEN 'running'
        WHEN p.metric IN ('vllm:num_requests_waiting', 'tgi_queue_size', 'sglang:num_queue_reqs') THEN 'waiting'
    END AS measure,
    CASE WHEN p.value >= p.previous_value THEN p.value - p.previous_value WHEN p.previous_value IS NOT NULL THEN p.value END AS increase,
    CASE WHEN p.previous_value IS NULL THEN p.value END AS level,
    CASE WHEN p.metric LIKE 'vllm:%' THEN 'vllm' WHEN p.metric LIKE 'tgi_%' THEN 'tgi' WHEN p.metric LIKE 'sglang:%' THEN 'sglang' END AS engine,
    p.model,
    p.namespace,
    p.pod,
    p.instance,
    p.job,
    p.labels
FROM landing.prometheus_serving AS p
