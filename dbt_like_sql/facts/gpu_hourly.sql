-- One row per (delivery, hour, GPU and workload). Seconds that a GPU's use is known for, and that it was in use; less refused rows.
-- Busy is the engine's own share of time where the exporter has it, else the percentage that the driver gives (there is none under MIG).
WITH measured AS (
    SELECT
        CAST(date_trunc('hour', g.usage_at) AS TIMESTAMP) AS usage_hour,
        g.key_id,
        CAST(count(*) AS BIGINT) AS row_count,
        min(g.row_number) AS first_row_number,
        sum(CAST(CASE WHEN g.measure = 'engine_active' THEN g.seconds END AS DECIMAL(18, 3))) AS engine_covered_seconds,
        sum(CAST(CASE WHEN g.measure = 'engine_active' THEN g.seconds END AS DECIMAL(20, 3)) * CAST(g.share AS DECIMAL(18, 12)))
            AS engine_busy_seconds,
        sum(CAST(CASE WHEN g.measure = 'device_util' THEN g.seconds END AS DECIMAL(18, 3))) AS device_covered_seconds,
        sum(CAST(CASE WHEN g.measure = 'device_util' THEN g.seconds END AS DECIMAL(20, 3)) * CAST(g.share AS DECIMAL(18, 12)))
            AS device_busy_seconds,
        sum(CAST(CASE WHEN g.measure = 'sm_active' THEN g.seconds END AS DECIMAL(18, 3))) AS sm_covered_seconds,
        sum(CAST(CASE WHEN g.measure = 'sm_active' THEN g.seconds END AS DECIMAL(20, 3)) * CAST(g.share AS DECIMAL(18, 12)))
            AS sm_busy_seconds,
        sum(CAST(CASE WHEN g.measure = 'tensor_active' THEN g.seconds END AS DECIMAL(18, 3))) AS tensor_covered_seconds,
        sum(CAST(CASE WHEN g.measure = 'tensor_active' THEN g.seconds END AS DECIMAL(20, 3)) * CAST(g.share AS DECIMAL(18, 12)))
            AS tensor_busy_seconds,
        max(g.memory_used_mib) AS memory_used_mib_max
    FROM staging.gpu_telemetry AS g
    LEFT JOIN staging.refused AS r ON g.row_number = r.row_number
    WHERE r.row_number IS NULL
    GROUP BY CAST(date_trunc('hour', g.usage_at) AS TIMESTAMP), g.key_id
)

SELECT
    d.source_id,
    d.delivery,
    m.usage_hour,
    m.key_id,
    m.row_count,
    m.first_row_number,
    CASE
        WHEN m.engine_covered_seconds IS NOT NULL THEN 'engine_active'
        WHEN m.device_covered_seconds IS NOT NULL THEN 'device_util'
    END AS busy_measure,
    coalesce(m.engine_covered_seconds, m.device_covered_seconds) AS covered_seconds,
    coalesce(m.engine_busy_seconds, m.device_busy_seconds) AS busy_seconds,
    m.sm_covered_seconds,
    m.sm_busy_seconds,
    m.tensor_covered_seconds,
    m.tensor_busy_seconds,
    m.memory_used_mib_max
FROM measured AS m
CROSS JOIN config.delivery AS d
