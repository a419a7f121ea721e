-- One row per (day, workload, environment, source, provider, model, tier, side, pool). Tokens in disjoint buckets; requests are null where any are
-- unknown, priced_cost where any of it has no price.
SELECT
    u.usage_date,
    u.workload_id,
    u.environment,
    u.source_id,
    u.provider,
    u.model,
    u.service_tier,
    u.side,
    u.pool_id,
    CASE WHEN count(u.requests) = count(*) THEN CAST(sum(CAST(u.requests AS DECIMAL(38, 0))) AS BIGINT) END AS requests,
    CAST(sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0))) AS BIGINT) AS input_uncached_tokens,
    CAST(sum(CAST(u.cache_read_tokens AS DECIMAL(38, 0))) AS BIGINT) AS cache_read_tokens,
    CAST(sum(CAST(u.cache_write_tokens AS DECIMAL(38, 0))) AS BIGINT) AS cache_write_tokens,
    CAST(sum(CAST(u.output_tokens AS DECIMAL(38, 0))) AS BIGINT) AS output_tokens,
    CASE WHEN bool_and(u.priced_cost IS NOT NULL) THEN sum(u.priced_cost) END AS priced_cost
FROM allocation.usage AS u
GROUP BY u.usage_date, u.workload_id, u.environment, u.source_id, u.provider, u.model, u.service_tier, u.side, u.pool_id
