-- One row per (delivery, hour, server). What servers counted themselves, less refused rows; null where a server has no such metric.
-- input_tokens includes cached_tokens. An increase belongs to the hour of its later sample; one at a full hour to the hour that ends there.
SELECT
    d.source_id,
    d.delivery,
    CAST(date_trunc('hour', s.usage_at) AS TIMESTAMP) AS usage_hour,
    s.key_id,
    CAST(count(*) AS BIGINT) AS row_count,
    min(s.row_number) AS first_row_number,
    CAST(sum(CAST(CASE WHEN s.measure = 'input_tokens' THEN s.increase END AS DECIMAL(38, 0))) AS BIGINT) AS input_tokens,
    CAST(sum(CAST(CASE WHEN s.measure = 'cached_tokens' THEN s.increase END AS DECIMAL(38, 0))) AS BIGINT) AS cached_tokens,
    CAST(sum(CAST(CASE WHEN s.measure = 'output_tokens' THEN s.increase END AS DECIMAL(38, 0))) AS BIGINT) AS output_tokens,
    -- served requests; those received where a server counts no others
    coalesce(
        CAST(sum(CAST(CASE WHEN s.measure = 'requests' THEN s.increase END AS DECIMAL(38, 0))) AS BIGINT),
        CAST(sum(CAST(CASE WHEN s.measure = 'requests_received' THEN s.increase END AS DECIMAL(38, 0))) AS BIGINT)
    ) AS requests,
    max(CASE WHEN s.measure = 'running' THEN s.level END) AS peak_running,
    max(CASE WHEN s.measure = 'waiting' THEN s.level END) AS peak_waiting
FROM staging.serving_usage AS s
CROSS JOIN config.delivery AS d
LEFT JOIN staging.refused AS r ON s.row_number = r.row_number
WHERE r.row_number IS NULL
GROUP BY d.source_id, d.delivery, CAST(date_trunc('hour', s.usage_at) AS TIMESTAMP), s.key_id
