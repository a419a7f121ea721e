-- One row per (pool, month, workload). The month's shares of a pool's work, by which idle cost and the pool's people go; a month without any work
-- is unattributed (share 1).
WITH month AS (
    SELECT DISTINCT h.pool_id, CAST(date_trunc('month', h.usage_date) AS DATE) AS month FROM allocation.pool_hour AS h
    UNION
    SELECT DISTINCT p.target_id AS pool_id, CAST(date_trunc('month', p.usage_date) AS DATE) AS month
    FROM facts.people_day AS p
    WHERE p.target_kind = 'pool'
),

worked AS (
    SELECT w.pool_id, w.month, w.workload_id, sum(w.replica_seconds) AS replica_seconds
    FROM allocation.work_hourly AS w
    GROUP BY w.pool_id, w.month, w.workload_id
),

total AS (
    SELECT w.pool_id, w.month, sum(w.replica_seconds) AS replica_seconds FROM worked AS w GROUP BY w.pool_id, w.month
)

SELECT
    w.pool_id,
    w.month,
    w.workload_id,
    w.replica_seconds,
    CAST(CAST(w.replica_seconds AS DOUBLE) / CAST(t.replica_seconds AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM worked AS w
INNER JOIN total AS t ON w.pool_id = t.pool_id AND w.month = t.month
WHERE t.replica_seconds > 0
UNION ALL
SELECT m.pool_id, m.month, 'unattributed' AS workload_id, 0 AS replica_seconds, 1 AS share
FROM month AS m
LEFT JOIN total AS t ON m.pool_id = t.pool_id AND m.month = t.month
WHERE coalesce(t.replica_seconds, 0) = 0
