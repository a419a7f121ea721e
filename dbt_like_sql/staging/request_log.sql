-- One row per (row of a delivered request log). Maps requests, or hourly and daily sums of them, onto the api_usage feed.
-- Token buckets are disjoint: where a source's input includes its cached tokens, they are taken out of it here.
SELECT
    r.row_number,
    r.unreadable,
    r."timestamp" AS usage_at,
    coalesce(r.requests, 1) AS requests,
    CASE
        WHEN d.input_includes_cache THEN r.input_tokens - coalesce(r.cached_tokens, 0) - coalesce(r.cache_write_tokens, 0)
        ELSE r.input_tokens
    END AS input_uncached_tokens,
    coalesce(r.cached_tokens, 0) AS cache_read_tokens,
    coalesce(r.cache_write_tokens, 0) AS cache_write_tokens,
    CAST(0 AS BIGINT) AS cache_write_1h_tokens,
    r.output_tokens,
    coalesce(r.reasoning_tokens, 0) AS reasoning_tokens,
    r."cost" AS reported_cost,
    d.grain = 'day' AS is_whole_day,
    d.grain = 'request' AS is_single_request,
    CAST(NULL AS INTEGER) AS reported_price_class,
    r.provider,
    r.model,
    r.workload,
    r.environment,
    r.project,
    r.workspace,
    r.api_key,
    r."user" AS user_name,
    r.team,
    CASE WHEN r.service_tier IN ('standard', 'default', 'auto', 'on_demand', 'on-demand') THEN NULL ELSE r.service_tier END AS service_tier,
    r.pool,
    r.metadata
FROM landing.request_log AS r
CROSS JOIN config.delivery AS d
