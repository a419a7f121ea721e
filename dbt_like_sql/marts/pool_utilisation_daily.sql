-- One row per (day, pool). Work served against what was provisioned and paid; served and idle cost are all of the pool's bill lines but unused commitments.
WITH hour AS (
    SELECT
        h.pool_id,
        h.usage_date,
        sum(h.gpu_hours_billed) AS gpu_hours_billed,
        sum(h.replicas) AS replica_hours_provisioned,
        sum(h.replica_seconds) AS replica_seconds,
        max(h.replica_seconds) AS peak_seconds
    FROM allocation.pool_hour AS h
    GROUP BY h.pool_id, h.usage_date
),

cost AS (
    SELECT
        c.pool_id,
        c.usage_date,
        coalesce(sum(c.effective_cost) FILTER (WHERE c.cost_category = 'gpu_compute'), 0) AS served_cost,
        coalesce(sum(c.effective_cost) FILTER (WHERE c.cost_category = 'gpu_idle'), 0) AS idle_cost
    FROM marts.cost_daily AS c
    WHERE c.pool_id IS NOT NULL AND c.cost_category IN ('gpu_compute', 'gpu_idle')
    GROUP BY c.pool_id, c.usage_date
),

tokens AS (
    SELECT
        u.pool_id,
        u.usage_date,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0)) + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens
    FROM marts.usage_daily AS u
    WHERE u.pool_id IS NOT NULL
    GROUP BY u.pool_id, u.usage_date
)

SELECT
    h.usage_date,
    h.pool_id,
    h.gpu_hours_billed,
    h.replica_hours_provisioned,
    CAST(CAST(h.replica_seconds AS DOUBLE) / 3600 AS DECIMAL(38, 9)) AS replica_hours_worked,
    CASE
        WHEN h.replica_hours_provisioned > 0 THEN CAST(h.replica_seconds AS DOUBLE) / 3600 / CAST(h.replica_hours_provisioned AS DOUBLE)
    END AS token_utilisation,
    CASE WHEN d.covered_seconds > 0 THEN CAST(d.busy_seconds AS DOUBLE) / CAST(d.covered_seconds AS DOUBLE) END AS device_utilisation,
    c.served_cost,
    c.idle_cost,
    CASE
        WHEN t.tokens > 0 AND c.pool_id IS NOT NULL
            THEN CAST(round(CAST(c.served_cost + c.idle_cost AS DOUBLE) * 1000000 / CAST(t.tokens AS DOUBLE), 6) AS DECIMAL(38, 6))
    END AS cost_per_million_tokens,
    CASE WHEN h.replica_seconds > 0 THEN CAST(h.peak_seconds AS DOUBLE) * 24 / CAST(h.replica_seconds AS DOUBLE) END AS peak_to_mean
FROM hour AS h
LEFT JOIN cost AS c ON h.pool_id = c.pool_id AND h.usage_date = c.usage_date
LEFT JOIN allocation.pool_device_daily AS d ON h.pool_id = d.pool_id AND h.usage_date = d.usage_date
LEFT JOIN tokens AS t ON h.pool_id = t.pool_id AND h.usage_date = t.usage_date
