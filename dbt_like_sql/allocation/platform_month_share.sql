-- One row per (month, workload). Shares of all self-hosted work, by which platform people go; a month without any is unattributed (share 1).
WITH worked AS (
    SELECT w.month, w.workload_id, sum(w.replica_seconds) AS replica_seconds FROM allocation.work_hourly AS w GROUP BY w.month, w.workload_id
),

total AS (
    SELECT w.month, sum(w.replica_seconds) AS replica_seconds FROM worked AS w GROUP BY w.month
),

month AS (
    SELECT DISTINCT CAST(date_trunc('month', p.usage_date) AS DATE) AS month FROM facts.people_day AS p WHERE p.target_kind = 'platform'
)

SELECT w.month, w.workload_id, CAST(CAST(w.replica_seconds AS DOUBLE) / CAST(t.replica_seconds AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM worked AS w
INNER JOIN total AS t ON w.month = t.month
WHERE t.replica_seconds > 0
UNION ALL
SELECT m.month, 'unattributed' AS workload_id, 1 AS share
FROM month AS m
LEFT JOIN total AS t ON m.month = t.month
WHERE coalesce(t.replica_seconds, 0) = 0
