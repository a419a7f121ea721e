-- One row per (rule, month, workload). How a rule splits usage rows of a month, by the month's usage before rules; shares add up to 1, and a month
-- without any basis leaves the whole to unattributed. Costs are list prices here: bills are split only after usage is.
WITH usage_month AS (
    SELECT
        u.month,
        u.workload_id,
        u.side,
        sum(u.replica_seconds) AS work,
        sum(u.replica_seconds * coalesce(p.gpus_per_replica, 1)) AS gpu_work,
        sum(u.priced_cost) AS cost,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0)) + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens
    FROM allocation.usage_matched AS u
    LEFT JOIN config.pool AS p ON u.pool_id = p.pool_id
    WHERE u.workload_id IS NOT NULL
    GROUP BY u.month, u.workload_id, u.side
),

-- who has rows on which side in which month
present AS (
    SELECT u.month, u.workload_id, u.side FROM usage_month AS u
),

basis AS (
    SELECT
        r.rule_id,
        a.month,
        a.workload_id,
        CASE r.split_by
            WHEN 'work' THEN sum(u.work)
            WHEN 'gpu_hours' THEN sum(u.gpu_work)
            WHEN 'tokens' THEN sum(u.tokens)
            WHEN 'cost' THEN sum(u.cost)
            ELSE 1
        END AS weight
    FROM config.rule AS r
    INNER JOIN present AS a ON r.among IN ('all', 'listed') OR r.among = a.side
    LEFT JOIN config.rule_member AS m ON r.rule_id = m.rule_id AND a.workload_id = m.workload_id
    LEFT JOIN usage_month AS u ON a.month = u.month AND a.workload_id = u.workload_id AND a.side = u.side
    WHERE r.among <> 'listed' OR (m.workload_id IS NOT NULL AND r.split_by NOT IN ('weights', 'even'))
    GROUP BY r.rule_id, r.split_by, a.month, a.workload_id
),

total AS (
    SELECT b.rule_id, b.month, sum(coalesce(b.weight, 0)) AS weight FROM basis AS b GROUP BY b.rule_id, b.month
),

-- every month in which something may have to be split
month AS (
    SELECT DISTINCT u.month FROM allocation.usage_matched AS u WHERE u.rule_id IS NOT NULL
)

SELECT
    b.rule_id,
    b.month,
    b.workload_id,
    CAST(CAST(b.weight AS DOUBLE) / CAST(t.weight AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM basis AS b
INNER JOIN total AS t ON b.rule_id = t.rule_id AND b.month = t.month
WHERE t.weight > 0 AND b.weight <> 0
UNION ALL
-- weights, and an even split over a list, are agreed: they need no basis (an even one has equal weights)
SELECT
    r.rule_id,
    n.month,
    m.workload_id,
    CAST(CAST(m.weight AS DOUBLE) / CAST(sum(m.weight) OVER (PARTITION BY r.rule_id, n.month) AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM config.rule AS r
INNER JOIN config.rule_member AS m ON r.rule_id = m.rule_id
CROSS JOIN month AS n
WHERE r.among = 'listed' AND r.split_by IN ('weights', 'even')
UNION ALL
SELECT r.rule_id, n.month, 'unattributed' AS workload_id, CAST(1 AS DECIMAL(38, 18)) AS share
FROM config.rule AS r
CROSS JOIN month AS n
LEFT JOIN total AS t ON r.rule_id = t.rule_id AND n.month = t.month
WHERE coalesce(t.weight, 0) <= 0 AND NOT (r.among = 'listed' AND r.split_by IN ('weights', 'even'))
