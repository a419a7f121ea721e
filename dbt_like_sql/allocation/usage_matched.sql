-- One row per (line of the usage facts), numbered, matched and priced, before rules split it. Self-hosted tokens have no price; unknown is null.
SELECT
    row_number() OVER (ORDER BY u.source_id, u.delivery, u.usage_hour, u.is_whole_day, u.key_id, u.price_class) AS usage_id,
    u.source_id,
    u.key_id,
    u.usage_hour,
    u.is_whole_day,
    m.usage_date,
    CAST(date_trunc('month', m.usage_date) AS DATE) AS month,
    k.provider,
    k.model,
    k.service_tier,
    u.price_class,
    m.rule_id,
    m.workload_id,
    m.pool_id,
    m.match_id,
    m.environment,
    CASE WHEN m.pool_id IS NULL THEN 'api' ELSE 'self_host' END AS side,
    u.requests,
    u.input_uncached_tokens,
    u.cache_read_tokens,
    u.cache_write_tokens,
    u.cache_write_1h_tokens,
    u.output_tokens,
    u.attention_tokens,
    CASE
        WHEN m.pool_id IS NOT NULL THEN NULL
        -- the price of a bucket without tokens may be unknown; else the log's own cost serves, where it has one
        WHEN (u.input_uncached_tokens > 0 AND p.input_price IS NULL) OR (u.output_tokens > 0 AND p.output_price IS NULL)
            OR (u.cache_read_tokens > 0 AND p.cache_read_price IS NULL)
            OR (u.cache_write_tokens > u.cache_write_1h_tokens AND p.cache_write_price IS NULL)
            OR (u.cache_write_1h_tokens > 0 AND p.cache_write_1h_price IS NULL)
            THEN u.reported_cost
        ELSE
            CAST(coalesce(p.input_price * u.input_uncached_tokens, 0) AS DECIMAL(38, 12)) + coalesce(p.cache_read_price * u.cache_read_tokens, 0)
            + coalesce(p.cache_write_price * (u.cache_write_tokens - u.cache_write_1h_tokens), 0)
            + coalesce(p.cache_write_1h_price * u.cache_write_1h_tokens, 0) + coalesce(p.output_price * u.output_tokens, 0)
    END AS priced_cost,
    -- replica-seconds of work (economics 2.1): prefill of what no cache served, decode, and the context term
    CAST(coalesce(
        (CAST(u.input_uncached_tokens AS DOUBLE) + CAST(u.cache_write_tokens AS DOUBLE)) * f.seconds_per_input_token
        + CAST(u.output_tokens AS DOUBLE) * f.seconds_per_output_token + CAST(u.attention_tokens AS DOUBLE) * f.context_seconds,
        0
    ) AS DECIMAL(38, 9)) AS replica_seconds
FROM facts.usage_hourly AS u
INNER JOIN facts.usage_key AS k ON u.key_id = k.key_id
INNER JOIN allocation.key_match AS m ON m.feed = 'usage' AND u.key_id = m.key_id AND CAST(u.usage_hour AS DATE) = m.usage_date
LEFT JOIN allocation.token_price AS p
    ON k.provider = p.provider AND k.model = p.model AND coalesce(k.service_tier, 'standard') = p.service_tier AND u.price_class = p.price_class
    AND m.usage_date = p.usage_date
LEFT JOIN config.pool AS f ON m.pool_id = f.pool_id
