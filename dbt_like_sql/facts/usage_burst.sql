-- One row per (delivery, hour, key) of logs of single requests: tokens of each five minutes of the hour, for the burst within it (economics 2.1).
WITH single AS (
    SELECT
        CAST(date_trunc('hour', u.usage_at) AS TIMESTAMP) AS usage_hour,
        extract(MINUTE FROM u.usage_at) AS usage_minute,
        u.key_id,
        u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens AS tokens
    FROM staging.api_usage AS u
    LEFT JOIN staging.refused AS r ON u.row_number = r.row_number
    WHERE r.row_number IS NULL AND u.is_single_request AND u.requests = 1
)

SELECT
    d.source_id,
    d.delivery,
    s.usage_hour,
    s.key_id,
    CAST(sum(CAST(CASE WHEN s.usage_minute < 5 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_00,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 5 AND s.usage_minute < 10 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_05,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 10 AND s.usage_minute < 15 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_10,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 15 AND s.usage_minute < 20 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_15,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 20 AND s.usage_minute < 25 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_20,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 25 AND s.usage_minute < 30 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_25,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 30 AND s.usage_minute < 35 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_30,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 35 AND s.usage_minute < 40 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_35,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 40 AND s.usage_minute < 45 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_40,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 45 AND s.usage_minute < 50 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_45,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 50 AND s.usage_minute < 55 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_50,
    CAST(sum(CAST(CASE WHEN s.usage_minute >= 55 THEN s.tokens ELSE 0 END AS DECIMAL(18, 0))) AS BIGINT) AS tokens_55
FROM single AS s
CROSS JOIN config.delivery AS d
GROUP BY d.source_id, d.delivery, s.usage_hour, s.key_id
