-- One row per (pool, workload, hour). Replica-seconds of work; a whole day's log is spread evenly over its hours.
WITH hourly AS (
    SELECT u.pool_id, u.workload_id, u.usage_hour, u.replica_seconds FROM allocation.usage AS u WHERE u.pool_id IS NOT NULL AND NOT u.is_whole_day
    UNION ALL
    SELECT
        u.pool_id,
        u.workload_id,
        CAST(h.usage_hour AS TIMESTAMP) AS usage_hour,
        CAST(CAST(u.replica_seconds AS DOUBLE) / 24 AS DECIMAL(38, 9)) AS replica_seconds
    FROM allocation.usage AS u,
        generate_series(CAST(u.usage_date AS TIMESTAMP), CAST(u.usage_date AS TIMESTAMP) + INTERVAL 23 HOUR, INTERVAL 1 HOUR) AS h (usage_hour)
    WHERE u.pool_id IS NOT NULL AND u.is_whole_day
)

SELECT
    h.pool_id,
    h.workload_id,
    h.usage_hour,
    CAST(h.usage_hour AS DATE) AS usage_date,
    CAST(date_trunc('month', h.usage_hour) AS DATE) AS month,
    sum(h.replica_seconds) AS replica_seconds
FROM hourly AS h
GROUP BY h.pool_id, h.workload_id, h.usage_hour
