-- One row per (pool, day, hours that a charge covers, workload). The share of such a charge that served the workload: by the hour, work over the
-- larger of capacity and all work, so that idle is what is left and never negative.
WITH charge AS (
    SELECT DISTINCT m.pool_id, d.usage_date, d.first_hour, d.charge_hours
    FROM allocation.bill_day AS d
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date
    WHERE m.pool_id IS NOT NULL
    UNION
    SELECT DISTINCT h.pool_id, h.usage_date, NULL AS first_hour, NULL AS charge_hours FROM allocation.owned_hardware_day AS h
),

covered AS (
    -- a charge over midnight or of a whole day covers the day evenly
    SELECT
        c.*,
        c.first_hour IS NULL OR c.first_hour + c.charge_hours > 24 AS is_whole_day
    FROM charge AS c
)

SELECT
    c.pool_id,
    c.usage_date,
    c.first_hour,
    c.charge_hours,
    w.workload_id,
    sum(CAST(
        CAST(w.replica_seconds AS DOUBLE) / greatest(CAST(h.replica_seconds AS DOUBLE), CAST(h.replicas AS DOUBLE) * 3600)
        / CASE WHEN c.is_whole_day THEN 24 ELSE c.charge_hours END AS DECIMAL(38, 18)
    )) AS share
FROM covered AS c
INNER JOIN allocation.pool_hour AS h
    ON c.pool_id = h.pool_id AND c.usage_date = h.usage_date
    AND (c.is_whole_day OR (hour(h.usage_hour) >= c.first_hour AND hour(h.usage_hour) < c.first_hour + c.charge_hours))
INNER JOIN allocation.work_hourly AS w ON h.pool_id = w.pool_id AND h.usage_hour = w.usage_hour
WHERE w.replica_seconds > 0
GROUP BY c.pool_id, c.usage_date, c.first_hour, c.charge_hours, w.workload_id
