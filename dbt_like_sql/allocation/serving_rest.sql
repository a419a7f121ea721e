-- One row per (telemetry source, pool, hour): what a pool's servers counted and no gateway log explains. It is the pool's unattributed work.
-- Logs and servers place a request in different hours, so the rest is taken per day and put where servers counted most beyond the logs.
WITH counted AS (
    SELECT
        s.source_id,
        p.pool_id,
        s.usage_hour,
        CAST(s.usage_hour AS DATE) AS usage_date,
        CAST(sum(greatest(CAST(s.input_tokens AS DECIMAL(38, 0)) - coalesce(s.cached_tokens, 0), 0)) AS DOUBLE) AS input_uncached,
        CAST(sum(CAST(s.cached_tokens AS DECIMAL(38, 0))) AS DOUBLE) AS cache_read,
        CAST(sum(CAST(s.output_tokens AS DECIMAL(38, 0))) AS DOUBLE) AS output,
        CAST(sum(CAST(s.requests AS DECIMAL(38, 0))) AS DOUBLE) AS requests
    FROM facts.serving_hourly AS s
    INNER JOIN allocation.serving_pool AS p ON s.key_id = p.key_id AND p.pool_id IS NOT NULL
    GROUP BY s.source_id, p.pool_id, s.usage_hour
),

logged_line AS (
    SELECT u.pool_id, u.usage_hour, 1 AS parts, u.input_uncached_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.requests
    FROM allocation.usage_matched AS u
    WHERE u.pool_id IS NOT NULL AND NOT u.is_whole_day
    UNION ALL
    SELECT
        u.pool_id, CAST(h.usage_hour AS TIMESTAMP), 24, u.input_uncached_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.requests
    FROM allocation.usage_matched AS u,
        generate_series(CAST(u.usage_date AS TIMESTAMP), CAST(u.usage_date AS TIMESTAMP) + INTERVAL 23 HOUR, INTERVAL 1 HOUR) AS h (usage_hour)
    WHERE u.pool_id IS NOT NULL AND u.is_whole_day
),

logged AS (
    SELECT
        l.pool_id,
        l.usage_hour,
        sum(CAST(CAST(l.input_uncached_tokens + l.cache_write_tokens AS DOUBLE) / l.parts AS DECIMAL(38, 6))) AS input_uncached,
        sum(CAST(CAST(l.cache_read_tokens AS DOUBLE) / l.parts AS DECIMAL(38, 6))) AS cache_read,
        sum(CAST(CAST(l.output_tokens AS DOUBLE) / l.parts AS DECIMAL(38, 6))) AS output,
        sum(CAST(CAST(l.requests AS DOUBLE) / l.parts AS DECIMAL(38, 6))) AS requests
    FROM logged_line AS l
    GROUP BY l.pool_id, l.usage_hour
),

hour AS (
    SELECT
        c.source_id,
        c.pool_id,
        c.usage_date,
        c.usage_hour,
        coalesce(c.input_uncached, 0) - coalesce(CAST(l.input_uncached AS DOUBLE), 0) AS input_uncached,
        coalesce(c.cache_read, 0) - coalesce(CAST(l.cache_read AS DOUBLE), 0) AS cache_read,
        coalesce(c.output, 0) - coalesce(CAST(l.output AS DOUBLE), 0) AS output,
        coalesce(c.requests, 0) - coalesce(CAST(l.requests AS DOUBLE), 0) AS requests
    FROM counted AS c
    LEFT JOIN logged AS l ON c.pool_id = l.pool_id AND c.usage_hour = l.usage_hour
),

-- logs of hours in which the servers counted nothing count against the day, too
unseen AS (
    SELECT
        d.source_id, d.pool_id, d.usage_date,
        sum(l.input_uncached) AS input_uncached, sum(l.cache_read) AS cache_read, sum(l.output) AS output, sum(l.requests) AS requests
    FROM (SELECT DISTINCT h.source_id, h.pool_id, h.usage_date FROM hour AS h) AS d
    INNER JOIN logged AS l ON d.pool_id = l.pool_id AND d.usage_date = CAST(l.usage_hour AS DATE)
    LEFT JOIN hour AS h ON d.source_id = h.source_id AND d.pool_id = h.pool_id AND l.usage_hour = h.usage_hour
    WHERE h.pool_id IS NULL
    GROUP BY d.source_id, d.pool_id, d.usage_date
),

day AS (
    SELECT
        h.source_id,
        h.pool_id,
        h.usage_date,
        floor(greatest(sum(h.input_uncached ORDER BY h.usage_hour) - coalesce(CAST(any_value(u.input_uncached) AS DOUBLE), 0), 0) + 0.000001) AS input_uncached,
        floor(greatest(sum(h.cache_read ORDER BY h.usage_hour) - coalesce(CAST(any_value(u.cache_read) AS DOUBLE), 0), 0) + 0.000001) AS cache_read,
        floor(greatest(sum(h.output ORDER BY h.usage_hour) - coalesce(CAST(any_value(u.output) AS DOUBLE), 0), 0) + 0.000001) AS output,
        floor(greatest(sum(h.requests ORDER BY h.usage_hour) - coalesce(CAST(any_value(u.requests) AS DOUBLE), 0), 0) + 0.000001) AS requests,
        sum(greatest(h.input_uncached, 0) ORDER BY h.usage_hour) AS input_beyond,
        sum(greatest(h.cache_read, 0) ORDER BY h.usage_hour) AS read_beyond,
        sum(greatest(h.output, 0) ORDER BY h.usage_hour) AS output_beyond,
        sum(greatest(h.requests, 0) ORDER BY h.usage_hour) AS requests_beyond
    FROM hour AS h
    LEFT JOIN unseen AS u ON h.source_id = u.source_id AND h.pool_id = u.pool_id AND h.usage_date = u.usage_date
    GROUP BY h.source_id, h.pool_id, h.usage_date
),

part AS (
    SELECT
        h.source_id,
        h.pool_id,
        h.usage_date,
        h.usage_hour,
        d.input_uncached AS day_input,
        d.cache_read AS day_read,
        d.output AS day_output,
        d.requests AS day_requests,
        CASE WHEN d.input_beyond > 0 THEN floor(d.input_uncached * greatest(h.input_uncached, 0) / d.input_beyond) ELSE 0 END AS input_part,
        CASE WHEN d.read_beyond > 0 THEN floor(d.cache_read * greatest(h.cache_read, 0) / d.read_beyond) ELSE 0 END AS read_part,
        CASE WHEN d.output_beyond > 0 THEN floor(d.output * greatest(h.output, 0) / d.output_beyond) ELSE 0 END AS output_part,
        CASE WHEN d.requests_beyond > 0 THEN floor(d.requests * greatest(h.requests, 0) / d.requests_beyond) ELSE 0 END AS requests_part,
        row_number() OVER (
            PARTITION BY h.source_id, h.pool_id, h.usage_date
            ORDER BY greatest(h.output, 0) DESC, greatest(h.input_uncached, 0) DESC, h.usage_hour
        ) = 1 AS takes_remainder
    FROM hour AS h
    INNER JOIN day AS d ON h.source_id = d.source_id AND h.pool_id = d.pool_id AND h.usage_date = d.usage_date
),

rest AS (
    SELECT
        p.source_id,
        p.pool_id,
        p.usage_date,
        p.usage_hour,
        CAST(p.input_part + CASE WHEN p.takes_remainder THEN p.day_input - sum(p.input_part) OVER day ELSE 0 END AS BIGINT) AS input_uncached_tokens,
        CAST(p.read_part + CASE WHEN p.takes_remainder THEN p.day_read - sum(p.read_part) OVER day ELSE 0 END AS BIGINT) AS cache_read_tokens,
        CAST(p.output_part + CASE WHEN p.takes_remainder THEN p.day_output - sum(p.output_part) OVER day ELSE 0 END AS BIGINT) AS output_tokens,
        CAST(p.requests_part + CASE WHEN p.takes_remainder THEN p.day_requests - sum(p.requests_part) OVER day ELSE 0 END AS BIGINT) AS requests
    FROM part AS p
    WINDOW day AS (PARTITION BY p.source_id, p.pool_id, p.usage_date)
),

-- the context term with a mean request, as for logs that only give sums
worked AS (
    SELECT
        r.*,
        CAST(CASE
            WHEN r.requests > 0
                THEN CAST(r.output_tokens AS DOUBLE) * (CAST(r.input_uncached_tokens + r.cache_read_tokens AS DOUBLE) + CAST(r.output_tokens AS DOUBLE) * 0.5)
                    / CAST(r.requests AS DOUBLE)
            ELSE 0
        END AS DECIMAL(38, 3)) AS attention_tokens
    FROM rest AS r
    WHERE r.input_uncached_tokens + r.cache_read_tokens + r.output_tokens + r.requests > 0
)

SELECT
    w.source_id,
    w.pool_id,
    w.usage_date,
    CAST(date_trunc('month', w.usage_date) AS DATE) AS month,
    w.usage_hour,
    p.model,
    w.requests,
    w.input_uncached_tokens,
    w.cache_read_tokens,
    w.output_tokens,
    w.attention_tokens,
    CAST(
        CAST(w.input_uncached_tokens AS DOUBLE) * p.seconds_per_input_token + CAST(w.output_tokens AS DOUBLE) * p.seconds_per_output_token
        + CAST(w.attention_tokens AS DOUBLE) * p.context_seconds
        AS DECIMAL(38, 9)
    ) AS replica_seconds
FROM worked AS w
INNER JOIN config.pool AS p ON w.pool_id = p.pool_id
