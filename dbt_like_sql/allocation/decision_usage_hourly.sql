-- One row per (workload, hour, side, pool) up to as-of: measured demand, for the decision; unattributed only where it works a pool that others share. A whole day's log is spread evenly over its hours.
WITH hourly AS (
    SELECT u.workload_id, u.usage_hour, u.side, u.pool_id, 1 AS parts, u.requests, u.input_uncached_tokens, u.cache_read_tokens, u.cache_write_tokens,
        u.output_tokens, u.attention_tokens
    FROM allocation.usage AS u
    WHERE NOT u.is_whole_day
    UNION ALL
    SELECT u.workload_id, CAST(h.usage_hour AS TIMESTAMP), u.side, u.pool_id, 24, u.requests, u.input_uncached_tokens, u.cache_read_tokens,
        u.cache_write_tokens, u.output_tokens, u.attention_tokens
    FROM allocation.usage AS u,
        generate_series(CAST(u.usage_date AS TIMESTAMP), CAST(u.usage_date AS TIMESTAMP) + INTERVAL 23 HOUR, INTERVAL 1 HOUR) AS h (usage_hour)
    WHERE u.is_whole_day
)

SELECT
    h.workload_id,
    h.usage_hour,
    h.side,
    h.pool_id,
    -- sums of whole numbers are exact whatever their order; a day's 24th part is rounded once
    CAST(sum(CAST(CAST(h.requests AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS requests,
    CAST(sum(CAST(CAST(h.input_uncached_tokens AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS input_uncached_tokens,
    CAST(sum(CAST(CAST(h.cache_read_tokens AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS cache_read_tokens,
    CAST(sum(CAST(CAST(h.cache_write_tokens AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS cache_write_tokens,
    CAST(sum(CAST(CAST(h.output_tokens AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS output_tokens,
    CAST(sum(CAST(CAST(h.attention_tokens AS DOUBLE) / h.parts AS DECIMAL(38, 6))) AS DOUBLE) AS attention_tokens
FROM hourly AS h
CROSS JOIN config.parameters AS p
WHERE CAST(h.usage_hour AS DATE) <= p.as_of AND (h.workload_id <> 'unattributed' OR h.pool_id IS NOT NULL)
GROUP BY h.workload_id, h.usage_hour, h.side, h.pool_id
