-- One row per (bucket, group and endpoint of OpenAI's usage API). Maps it onto the api_usage feed.
-- input_tokens count cached and cache-write tokens too, so both are taken out; where the page gives the uncached ones as well and they don't
-- add up to the total, nobody knows which is true: the row is left without them, and so refused.
SELECT
    u.row_number,
    u.unreadable,
    u.start_time AS usage_at,
    u.num_model_requests AS requests,
    CASE
        WHEN u.input_uncached_tokens IS NULL
            OR u.input_uncached_tokens = u.input_tokens - coalesce(u.input_cached_tokens, 0) - coalesce(u.input_cache_write_tokens, 0)
            THEN u.input_tokens - coalesce(u.input_cached_tokens, 0) - coalesce(u.input_cache_write_tokens, 0)
    END AS input_uncached_tokens,
    coalesce(u.input_cached_tokens, 0) AS cache_read_tokens,
    coalesce(u.input_cache_write_tokens, 0) AS cache_write_tokens,
    CAST(0 AS BIGINT) AS cache_write_1h_tokens,
    u.output_tokens,
    CAST(0 AS BIGINT) AS reasoning_tokens,
    CAST(NULL AS DECIMAL(38, 12)) AS reported_cost,
    u.is_whole_day = 'true' AS is_whole_day,
    false AS is_single_request,
    CAST(NULL AS INTEGER) AS reported_price_class,
    'openai' AS provider,
    u.model,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS environment,
    u.project_id AS project,
    CAST(NULL AS VARCHAR) AS workspace,
    u.api_key_id AS api_key,
    u.user_id AS user_name,
    CAST(NULL AS VARCHAR) AS team,
    CASE
        WHEN u.batch = 'true' THEN 'batch'
        WHEN u.service_tier IN ('standard', 'default', 'auto', 'on_demand', 'on-demand') THEN NULL
        ELSE u.service_tier
    END AS service_tier,
    CAST(NULL AS VARCHAR) AS pool,
    CAST(NULL AS VARCHAR) AS metadata
FROM landing.openai_usage AS u
