-- One row per (delivery, hour or whole day, key, price class). Usage less refused rows; the price class is decided request by request, or reported.
-- attention_tokens is the sum over requests of O (I + O/2) with a row's mean request: what the context term of capacity needs (economics 2.1).
-- A sum that counts no requests has no mean request: as one request it would be far too much, so it adds nothing to that term.
SELECT
    d.source_id,
    d.delivery,
    CAST(date_trunc('hour', u.usage_at) AS TIMESTAMP) AS usage_hour,
    u.is_whole_day,
    u.key_id,
    CASE
        WHEN u.reported_price_class IS NOT NULL THEN u.reported_price_class
        WHEN NOT u.is_single_request OR u.requests <> 1 OR t.threshold_1 IS NULL THEN 0
        WHEN u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens > t.threshold_2 THEN 2
        WHEN u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens > t.threshold_1 THEN 1
        ELSE 0
    END AS price_class,
    u.reported_price_class IS NULL AND (NOT u.is_single_request OR u.requests <> 1) AND t.threshold_1 IS NOT NULL AS is_tier_unknown,
    CAST(count(*) AS BIGINT) AS row_count,
    min(u.row_number) AS first_row_number,
    -- unknown where any row's are
    CASE WHEN count(u.requests) = count(*) THEN CAST(sum(CAST(u.requests AS DECIMAL(18, 0))) AS BIGINT) END AS requests,
    CAST(sum(CAST(u.input_uncached_tokens AS DECIMAL(18, 0))) AS BIGINT) AS input_uncached_tokens,
    CAST(sum(CAST(u.cache_read_tokens AS DECIMAL(18, 0))) AS BIGINT) AS cache_read_tokens,
    CAST(sum(CAST(u.cache_write_tokens AS DECIMAL(18, 0))) AS BIGINT) AS cache_write_tokens,
    CAST(sum(CAST(u.cache_write_1h_tokens AS DECIMAL(18, 0))) AS BIGINT) AS cache_write_1h_tokens,
    CAST(sum(CAST(u.output_tokens AS DECIMAL(18, 0))) AS BIGINT) AS output_tokens,
    CAST(sum(CAST(u.reasoning_tokens AS DECIMAL(18, 0))) AS BIGINT) AS reasoning_tokens,
    sum(CAST(
        CAST(u.output_tokens AS DOUBLE)
        * (CAST(u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens AS DOUBLE) + CAST(u.output_tokens AS DOUBLE) * 0.5)
        * CASE
            WHEN u.requests > 1 THEN CAST(1 AS DOUBLE) / CAST(u.requests AS DOUBLE)
            WHEN u.requests = 1 OR u.is_single_request THEN CAST(1 AS DOUBLE)
            ELSE CAST(0 AS DOUBLE)
        END
        AS DECIMAL(38, 3)
    )) AS attention_tokens,
    sum(u.reported_cost) AS reported_cost
FROM staging.api_usage AS u
CROSS JOIN config.delivery AS d
LEFT JOIN staging.refused AS r ON u.row_number = r.row_number
LEFT JOIN config.context_tier AS t ON u.provider = t.provider AND u.model = t.model
WHERE r.row_number IS NULL
GROUP BY
    d.source_id, d.delivery, CAST(date_trunc('hour', u.usage_at) AS TIMESTAMP), u.is_whole_day, u.key_id,
    CASE
        WHEN u.reported_price_class IS NOT NULL THEN u.reported_price_class
        WHEN NOT u.is_single_request OR u.requests <> 1 OR t.threshold_1 IS NULL THEN 0
        WHEN u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens > t.threshold_2 THEN 2
        WHEN u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens > t.threshold_1 THEN 1
        ELSE 0
    END,
    u.reported_price_class IS NULL AND (NOT u.is_single_request OR u.requests <> 1) AND t.threshold_1 IS NOT NULL
