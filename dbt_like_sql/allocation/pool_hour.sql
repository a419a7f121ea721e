-- One row per (pool, hour that is billed, provisioned or worked). Replicas are the declared ones, else the bill's GPU-hours of that hour.
WITH gpu_line AS (
    -- GPU-hours of a bill line: its own unit says GPU-hours, or its hours are those of an instance with known GPUs
    SELECT
        m.pool_id,
        d.usage_date,
        d.first_hour,
        d.charge_hours,
        CASE WHEN lower(k.consumed_unit) LIKE '%gpu%' THEN d.consumed_quantity ELSE d.consumed_quantity * i.gpus END AS gpu_hours
    FROM allocation.bill_day AS d
    INNER JOIN facts.billing_key AS k ON d.key_id = k.key_id
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date AND m.pool_id IS NOT NULL
    LEFT JOIN allocation.key_instance AS i ON d.key_id = i.key_id
    WHERE k.charge_category = 'Usage' AND lower(k.consumed_unit) LIKE '%hour%' AND NOT d.is_unused_commitment
),

day AS (
    SELECT g.pool_id, g.usage_date FROM gpu_line AS g
    UNION
    SELECT m.pool_id, m.usage_date FROM allocation.key_match AS m WHERE m.feed = 'billing' AND m.pool_id IS NOT NULL
    UNION
    SELECT w.pool_id, w.usage_date FROM allocation.work_hourly AS w
    UNION
    SELECT h.pool_id, h.usage_date FROM allocation.owned_hardware_day AS h
),

hour AS (
    SELECT d.pool_id, d.usage_date, CAST(s.usage_hour AS TIMESTAMP) AS usage_hour
    FROM day AS d,
        generate_series(CAST(d.usage_date AS TIMESTAMP), CAST(d.usage_date AS TIMESTAMP) + INTERVAL 23 HOUR, INTERVAL 1 HOUR) AS s (usage_hour)
),

billed AS (
    SELECT
        h.pool_id,
        h.usage_hour,
        sum(CASE
            WHEN g.first_hour IS NULL THEN CAST(CAST(g.gpu_hours AS DOUBLE) / 24 AS DECIMAL(38, 9))
            ELSE CAST(CAST(g.gpu_hours AS DOUBLE) / g.charge_hours AS DECIMAL(38, 9))
        END) AS gpu_hours
    FROM hour AS h
    INNER JOIN gpu_line AS g
        ON h.pool_id = g.pool_id AND h.usage_date = g.usage_date
        AND (g.first_hour IS NULL OR (hour(h.usage_hour) >= g.first_hour AND hour(h.usage_hour) < g.first_hour + g.charge_hours))
    GROUP BY h.pool_id, h.usage_hour
),

worked AS (
    SELECT w.pool_id, w.usage_hour, sum(w.replica_seconds) AS replica_seconds
    FROM allocation.work_hourly AS w
    GROUP BY w.pool_id, w.usage_hour
)

SELECT
    h.pool_id,
    h.usage_date,
    h.usage_hour,
    b.gpu_hours AS gpu_hours_billed,
    coalesce(r.replicas, CAST(CAST(b.gpu_hours AS DOUBLE) / p.gpus_per_replica AS DECIMAL(38, 9)), 0) AS replicas,
    coalesce(w.replica_seconds, 0) AS replica_seconds
FROM hour AS h
INNER JOIN config.pool AS p ON h.pool_id = p.pool_id
LEFT JOIN config.pool_replicas AS r
    ON h.pool_id = r.pool_id AND (r.valid_from IS NULL OR r.valid_from <= h.usage_date) AND (r.valid_to IS NULL OR r.valid_to > h.usage_date)
LEFT JOIN billed AS b ON h.pool_id = b.pool_id AND h.usage_hour = b.usage_hour
LEFT JOIN worked AS w ON h.pool_id = w.pool_id AND h.usage_hour = w.usage_hour
