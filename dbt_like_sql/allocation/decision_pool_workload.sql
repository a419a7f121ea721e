-- One row per (pool, month, workload) up to as-of: whose work a pool did, for the decision.
WITH worked AS (
    SELECT w.pool_id, w.month, w.workload_id, sum(w.replica_seconds) AS replica_seconds
    FROM allocation.work_hourly AS w
    CROSS JOIN config.parameters AS p
    WHERE w.usage_date <= p.as_of
    GROUP BY w.pool_id, w.month, w.workload_id
)

SELECT
    w.pool_id,
    w.workload_id,
    w.month,
    CAST(w.replica_seconds AS DOUBLE) / 3600 AS replica_hours_worked,
    CAST(w.replica_seconds AS DOUBLE) / CAST(sum(w.replica_seconds) OVER (PARTITION BY w.pool_id, w.month) AS DOUBLE) AS work_share
FROM worked AS w
WHERE w.replica_seconds > 0
