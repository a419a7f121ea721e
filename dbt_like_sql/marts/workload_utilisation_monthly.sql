-- One row per (month, workload, pool). Whose work a pool did, and whose cost it was; shares of a pool's month add up to 1.
WITH cost AS (
    SELECT
        CAST(date_trunc('month', c.usage_date) AS DATE) AS month,
        c.workload_id,
        c.pool_id,
        coalesce(sum(c.effective_cost) FILTER (WHERE c.cost_category = 'gpu_compute'), 0) AS served_cost,
        coalesce(sum(c.effective_cost) FILTER (WHERE c.cost_category = 'gpu_idle'), 0) AS idle_cost
    FROM marts.cost_daily AS c
    WHERE c.pool_id IS NOT NULL AND c.cost_category IN ('gpu_compute', 'gpu_idle')
    GROUP BY CAST(date_trunc('month', c.usage_date) AS DATE), c.workload_id, c.pool_id
)

SELECT
    coalesce(s.month, c.month) AS month,
    coalesce(s.workload_id, c.workload_id) AS workload_id,
    coalesce(s.pool_id, c.pool_id) AS pool_id,
    CAST(CAST(coalesce(s.replica_seconds, 0) AS DOUBLE) / 3600 AS DECIMAL(38, 9)) AS replica_hours_worked,
    CAST(coalesce(s.share, 0) AS DOUBLE) AS work_share,
    coalesce(c.served_cost, 0) AS served_cost,
    coalesce(c.idle_cost, 0) AS idle_cost
FROM allocation.pool_month_share AS s
FULL JOIN cost AS c ON s.month = c.month AND s.workload_id = c.workload_id AND s.pool_id = c.pool_id
