-- One row per (call in LiteLLM's spend logs). Maps LiteLLM_SpendLogs onto the api_usage feed.
-- prompt_tokens include cached ones, completion_tokens the reasoning. Where total_tokens say that a version counted cached tokens beside the
-- prompt, they are left in; reasoning beside the completion (Gemini's thoughts) is added to it. Where no reading makes the buckets add up to
-- the total, the input is null and the row is refused.
-- What no provider worked for (a hit in LiteLLM's own cache, the reading of a stored response) is a request with no tokens and no cost.
-- A completion that succeeded with no tokens at all is one whose usage nobody told of (an aborted stream): unknown, so refused, not zero.
-- spend is LiteLLM's estimate: it serves where the price list knows no price, and is never added to a bill.
WITH called AS (
    SELECT
        l.row_number, l.unreadable, l."startTime", l.provider, l.model, l.spend, l.prompt_tokens, l.completion_tokens, l.cache_write_1h_tokens,
        l.reasoning_tokens, l.service_tier, l.api_key, l."user", l.team_id, l.project, l.metadata,
        coalesce(lower(l.cache_hit), '') <> 'true' AND coalesce(l.call_type, '') NOT IN ('get_responses', 'aget_responses') AS has_provider_work,
        coalesce(l.call_type, '') IN ('retrieve_batch', 'aretrieve_batch') AS is_batch,
        coalesce(l.status, 'success') = 'success' AND l.prompt_tokens = 0 AND l.completion_tokens = 0 AND l.call_type IN (
            'completion', 'acompletion', 'text_completion', 'atext_completion', 'responses', 'aresponses', 'anthropic_messages'
        ) AS has_unknown_usage,
        coalesce(l.cache_read_tokens, 0) AS read_tokens,
        coalesce(l.cache_write_tokens, 0) AS write_tokens,
        CASE WHEN coalesce(l.total_tokens, 0) = 0 THEN 0 ELSE l.total_tokens - l.prompt_tokens - l.completion_tokens END AS tokens_beside,
        -- of tokens cached and reasoned in one number, the cached ones are the likelier
        coalesce(l.total_tokens, 0) > 0 AND coalesce(l.reasoning_tokens, 0) > 0 AND coalesce(l.cache_write_tokens, 0) <> l.reasoning_tokens
        AND coalesce(l.cache_read_tokens, 0) + coalesce(l.cache_write_tokens, 0) <> l.reasoning_tokens
        AND l.total_tokens - l.prompt_tokens - l.completion_tokens = l.reasoning_tokens AS is_reasoning_beside
    FROM landing.litellm AS l
)

SELECT
    c.row_number,
    c.unreadable,
    c."startTime" AS usage_at,
    CAST(1 AS BIGINT) AS requests,
    CASE
        WHEN NOT c.has_provider_work THEN CAST(0 AS BIGINT)
        WHEN c.has_unknown_usage THEN NULL
        WHEN c.tokens_beside = 0 OR c.is_reasoning_beside THEN c.prompt_tokens - c.read_tokens - c.write_tokens
        WHEN c.tokens_beside = c.write_tokens THEN c.prompt_tokens - c.read_tokens
        WHEN c.tokens_beside = c.read_tokens + c.write_tokens THEN c.prompt_tokens
    END AS input_uncached_tokens,
    CASE WHEN c.has_provider_work THEN c.read_tokens ELSE CAST(0 AS BIGINT) END AS cache_read_tokens,
    CASE WHEN c.has_provider_work THEN c.write_tokens ELSE CAST(0 AS BIGINT) END AS cache_write_tokens,
    CASE WHEN c.has_provider_work THEN coalesce(c.cache_write_1h_tokens, 0) ELSE CAST(0 AS BIGINT) END AS cache_write_1h_tokens,
    CASE
        WHEN NOT c.has_provider_work THEN CAST(0 AS BIGINT)
        WHEN NOT coalesce(c.has_unknown_usage, false)
            THEN c.completion_tokens + CASE WHEN c.is_reasoning_beside THEN c.reasoning_tokens ELSE CAST(0 AS BIGINT) END
    END AS output_tokens,
    CASE WHEN c.has_provider_work THEN coalesce(c.reasoning_tokens, 0) ELSE CAST(0 AS BIGINT) END AS reasoning_tokens,
    CASE WHEN c.has_provider_work THEN c.spend ELSE CAST(0 AS DECIMAL(38, 12)) END AS reported_cost,
    false AS is_whole_day,
    -- a batch's usage is logged in one sum when it is retrieved
    NOT c.is_batch AS is_single_request,
    CAST(NULL AS INTEGER) AS reported_price_class,
    c.provider,
    c.model,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS environment,
    c.project,
    CAST(NULL AS VARCHAR) AS workspace,
    c.api_key,
    c."user" AS user_name,
    c.team_id AS team,
    CASE
        WHEN c.is_batch THEN 'batch'
        WHEN c.service_tier IN ('standard', 'default', 'auto', 'on_demand', 'on-demand') THEN NULL
        ELSE c.service_tier
    END AS service_tier,
    CAST(NULL AS VARCHAR) AS pool,
    c.metadata
FROM called AS c
