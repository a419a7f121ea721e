-- One row per (rule, month, workload). A rule's split of a month, by that month's basis before rules split bills; shares add up to 1, and a month without any
-- basis leaves the whole to unattributed.
WITH usage_month AS (
    SELECT
        u.month,
        u.workload_id,
        u.side,
        sum(u.replica_seconds) AS work,
        sum(u.replica_seconds * coalesce(p.gpus_per_replica, 1)) AS gpu_work,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0)) + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens
    FROM allocation.usage AS u
    LEFT JOIN config.pool AS p ON u.pool_id = p.pool_id
    WHERE u.workload_id <> 'unattributed'
    GROUP BY u.month, u.workload_id, u.side
),

cost_month AS (
    SELECT c.month, c.workload_id, g.side, sum(c.effective_cost) AS cost
    FROM allocation.cost_before_rules AS c
    INNER JOIN reference.cost_category AS g ON c.cost_category = g.cost_category
    WHERE c.workload_id <> 'unattributed'
    GROUP BY c.month, c.workload_id, g.side
),

-- who has rows on which side in which month
present AS (
    SELECT u.month, u.workload_id, u.side FROM usage_month AS u
    UNION
    -- what costs nothing makes nobody share in anything
    SELECT c.month, c.workload_id, c.side FROM cost_month AS c WHERE c.side <> 'neutral' AND c.cost <> 0
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
            WHEN 'cost' THEN sum(c.cost)
            ELSE 1
        END AS weight
    FROM config.rule AS r
    INNER JOIN present AS a ON r.among IN ('all', 'listed') OR r.among = a.side
    LEFT JOIN config.rule_member AS m ON r.rule_id = m.rule_id AND a.workload_id = m.workload_id
    LEFT JOIN usage_month AS u ON a.month = u.month AND a.workload_id = u.workload_id AND a.side = u.side
    LEFT JOIN cost_month AS c ON a.month = c.month AND a.workload_id = c.workload_id AND a.side = c.side
    WHERE r.among <> 'listed' OR (m.workload_id IS NOT NULL AND r.split_by NOT IN ('weights', 'even'))
    GROUP BY r.rule_id, r.split_by, a.month, a.workload_id
),

total AS (
    SELECT b.rule_id, b.month, sum(coalesce(b.weight, 0)) AS weight FROM basis AS b GROUP BY b.rule_id, b.month
),

-- every month in which something may have to be split
month AS (
    SELECT DISTINCT CAST(date_trunc('month', k.usage_date) AS DATE) AS month FROM allocation.key_match AS k
    WHERE k.feed = 'billing' AND k.rule_id IS NOT NULL
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
