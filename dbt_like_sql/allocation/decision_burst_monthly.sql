-- One row per (workload, month) whose busiest hours are logged request by request: the busiest five minutes of those hours / their mean.
-- The busiest hours are a hundredth of those with usage, one at least. An hour that any sum took part in has no minutes, and its month no burst.
WITH slot AS (
    SELECT
        m.workload_id,
        b.usage_hour,
        sum(CAST(b.tokens_00 AS DECIMAL(18, 0))) AS tokens_00,
        sum(CAST(b.tokens_05 AS DECIMAL(18, 0))) AS tokens_05,
        sum(CAST(b.tokens_10 AS DECIMAL(18, 0))) AS tokens_10,
        sum(CAST(b.tokens_15 AS DECIMAL(18, 0))) AS tokens_15,
        sum(CAST(b.tokens_20 AS DECIMAL(18, 0))) AS tokens_20,
        sum(CAST(b.tokens_25 AS DECIMAL(18, 0))) AS tokens_25,
        sum(CAST(b.tokens_30 AS DECIMAL(18, 0))) AS tokens_30,
        sum(CAST(b.tokens_35 AS DECIMAL(18, 0))) AS tokens_35,
        sum(CAST(b.tokens_40 AS DECIMAL(18, 0))) AS tokens_40,
        sum(CAST(b.tokens_45 AS DECIMAL(18, 0))) AS tokens_45,
        sum(CAST(b.tokens_50 AS DECIMAL(18, 0))) AS tokens_50,
        sum(CAST(b.tokens_55 AS DECIMAL(18, 0))) AS tokens_55
    FROM facts.usage_burst AS b
    INNER JOIN allocation.key_match AS m ON m.feed = 'usage' AND b.key_id = m.key_id AND CAST(b.usage_hour AS DATE) = m.usage_date
    WHERE m.rule_id IS NULL AND m.workload_id IS NOT NULL
    GROUP BY m.workload_id, b.usage_hour
),

asked AS (
    SELECT
        u.workload_id,
        u.usage_hour,
        sum(CAST(u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens AS DECIMAL(38, 6))) AS tokens
    FROM allocation.decision_usage_hourly AS u
    WHERE u.workload_id <> 'unattributed'
    GROUP BY u.workload_id, u.usage_hour
),

ranked AS (
    SELECT
        a.workload_id,
        a.usage_hour,
        a.tokens,
        row_number() OVER (PARTITION BY a.workload_id, date_trunc('month', a.usage_hour) ORDER BY a.tokens DESC, a.usage_hour) AS hour_rank,
        count(*) OVER (PARTITION BY a.workload_id, date_trunc('month', a.usage_hour)) AS hours
    FROM asked AS a
),

busy AS (
    SELECT
        r.workload_id,
        CAST(date_trunc('month', r.usage_hour) AS DATE) AS month,
        r.tokens,
        CASE
            WHEN s.tokens_00 + s.tokens_05 + s.tokens_10 + s.tokens_15 + s.tokens_20 + s.tokens_25 + s.tokens_30 + s.tokens_35 + s.tokens_40 + s.tokens_45 + s.tokens_50 + s.tokens_55 = r.tokens
                THEN greatest(s.tokens_00, s.tokens_05, s.tokens_10, s.tokens_15, s.tokens_20, s.tokens_25, s.tokens_30, s.tokens_35, s.tokens_40, s.tokens_45, s.tokens_50, s.tokens_55)
        END AS peak_tokens
    FROM ranked AS r
    LEFT JOIN slot AS s ON r.workload_id = s.workload_id AND r.usage_hour = s.usage_hour
    WHERE r.hour_rank = 1 OR r.hour_rank * 100 <= r.hours
)

SELECT
    b.workload_id,
    b.month,
    -- five minutes are a twelfth of an hour
    greatest(CAST(sum(b.peak_tokens) AS DOUBLE) * 12 / CAST(sum(b.tokens) AS DOUBLE), 1) AS burst_factor
FROM busy AS b
GROUP BY b.workload_id, b.month
HAVING count(b.peak_tokens) = count(*) AND sum(b.tokens) > 0
