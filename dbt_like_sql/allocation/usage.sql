-- One row per (line of the usage facts, workload): usage after rules split it. Tokens are whole and add up; what a rounding leaves goes to the largest share.
WITH shared AS (
    SELECT
        u.*,
        r.workload_id AS owner_id,
        r.share,
        row_number() OVER (PARTITION BY u.usage_id ORDER BY r.share DESC, r.workload_id) = 1 AS takes_remainder
    FROM allocation.usage_matched AS u
    INNER JOIN allocation.usage_rule_share AS r ON u.rule_id = r.rule_id AND u.month = r.month
),

part AS (
    SELECT
        s.*,
        CAST(floor(CAST(s.requests AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS requests_part,
        CAST(floor(CAST(s.input_uncached_tokens AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS input_part,
        CAST(floor(CAST(s.cache_read_tokens AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS read_part,
        -- short and long writes are split apart, so that no workload gets more long ones than writes
        s.cache_write_tokens - s.cache_write_1h_tokens AS cache_write_5m_tokens,
        CAST(floor(CAST(s.cache_write_tokens - s.cache_write_1h_tokens AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS write_5m_part,
        CAST(floor(CAST(s.cache_write_1h_tokens AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS write_1h_part,
        CAST(floor(CAST(s.output_tokens AS DOUBLE) * CAST(s.share AS DOUBLE)) AS BIGINT) AS output_part,
        CAST(round(CAST(s.attention_tokens AS DOUBLE) * CAST(s.share AS DOUBLE), 3) AS DECIMAL(38, 3)) AS attention_part,
        CAST(round(CAST(s.replica_seconds AS DOUBLE) * CAST(s.share AS DOUBLE), 9) AS DECIMAL(38, 9)) AS work_part,
        CAST(round(CAST(s.priced_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) AS priced_part
    FROM shared AS s
),

divided AS (
    SELECT
        p.*,
        p.write_5m_part
        + CASE WHEN p.takes_remainder THEN p.cache_write_5m_tokens - CAST(sum(p.write_5m_part) OVER line AS BIGINT) ELSE 0 END AS write_5m,
        p.write_1h_part
        + CASE WHEN p.takes_remainder THEN p.cache_write_1h_tokens - CAST(sum(p.write_1h_part) OVER line AS BIGINT) ELSE 0 END AS write_1h
    FROM part AS p
    WINDOW line AS (PARTITION BY p.usage_id)
)

SELECT
    u.usage_id, u.source_id, u.usage_hour, u.is_whole_day, u.usage_date, u.month, u.provider, u.model, u.service_tier, u.price_class,
    coalesce(u.workload_id, 'unattributed') AS workload_id, u.pool_id, u.match_id, u.environment, u.side, u.requests, u.input_uncached_tokens,
    u.cache_read_tokens, u.cache_write_tokens, u.cache_write_1h_tokens, u.output_tokens, u.attention_tokens, u.replica_seconds, u.priced_cost
FROM allocation.usage_matched AS u
WHERE u.rule_id IS NULL
UNION ALL
SELECT
    p.usage_id,
    p.source_id,
    p.usage_hour,
    p.is_whole_day,
    p.usage_date,
    p.month,
    p.provider,
    p.model,
    p.service_tier,
    p.price_class,
    p.owner_id AS workload_id,
    p.pool_id,
    p.match_id,
    p.environment,
    p.side,
    p.requests_part + CASE WHEN p.takes_remainder THEN p.requests - CAST(sum(p.requests_part) OVER line AS BIGINT) ELSE 0 END AS requests,
    p.input_part
    + CASE WHEN p.takes_remainder THEN p.input_uncached_tokens - CAST(sum(p.input_part) OVER line AS BIGINT) ELSE 0 END AS input_uncached_tokens,
    p.read_part + CASE WHEN p.takes_remainder THEN p.cache_read_tokens - CAST(sum(p.read_part) OVER line AS BIGINT) ELSE 0 END AS cache_read_tokens,
    p.write_5m + p.write_1h AS cache_write_tokens,
    p.write_1h AS cache_write_1h_tokens,
    p.output_part + CASE WHEN p.takes_remainder THEN p.output_tokens - CAST(sum(p.output_part) OVER line AS BIGINT) ELSE 0 END AS output_tokens,
    p.attention_part + CASE WHEN p.takes_remainder THEN p.attention_tokens - sum(p.attention_part) OVER line ELSE 0 END AS attention_tokens,
    p.work_part + CASE WHEN p.takes_remainder THEN p.replica_seconds - sum(p.work_part) OVER line ELSE 0 END AS replica_seconds,
    p.priced_part + CASE WHEN p.takes_remainder THEN p.priced_cost - sum(p.priced_part) OVER line ELSE 0 END AS priced_cost
FROM divided AS p
WINDOW line AS (PARTITION BY p.usage_id)
UNION ALL
-- what servers counted and no log explains
SELECT
    (SELECT coalesce(max(m.usage_id), 0) FROM allocation.usage_matched AS m)
    + row_number() OVER (ORDER BY r.source_id, r.pool_id, r.usage_hour) AS usage_id,
    r.source_id,
    r.usage_hour,
    false AS is_whole_day,
    r.usage_date,
    r.month,
    NULL AS provider,
    r.model,
    NULL AS service_tier,
    0 AS price_class,
    'unattributed' AS workload_id,
    r.pool_id,
    'none' AS match_id,
    'prod' AS environment,
    'self_host' AS side,
    r.requests,
    r.input_uncached_tokens,
    r.cache_read_tokens,
    0 AS cache_write_tokens,
    0 AS cache_write_1h_tokens,
    r.output_tokens,
    r.attention_tokens,
    r.replica_seconds,
    NULL AS priced_cost
FROM allocation.serving_rest AS r
