-- One row per (line kind, line, day, workload, category) of money that no rule splits. Who bears which share of a line; the shares of a line add
-- up to 1 but for rounding, which allocation.cost_before_rules puts right.
WITH bill AS (
    SELECT d.line_id, d.usage_date, d.key_id, d.first_hour, d.charge_hours, d.charge_category, d.cost_category, d.is_unused_commitment,
        m.pool_id, m.workload_id, m.match_id, m.environment
    FROM allocation.bill_day AS d
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date
    WHERE m.rule_id IS NULL AND d.line_id NOT IN (SELECT u.line_id FROM allocation.billed_usage AS u WHERE u.workload_id IS NOT NULL)
),

-- what pays for a pool: compute is split into served and idle; the rest that hangs on it is shared like idle
pool_charge AS (
    SELECT
        'bill' AS line_kind, b.line_id, b.usage_date, b.pool_id, b.first_hour, b.charge_hours, b.match_id, b.environment,
        CASE
            WHEN b.is_unused_commitment THEN 'commitment_unused'
            WHEN b.charge_category = 'Tax' THEN 'tax'
            WHEN b.charge_category = 'Credit' THEN 'credit'
            ELSE 'gpu_compute'
        END AS cost_category
    FROM bill AS b
    WHERE b.pool_id IS NOT NULL
    UNION ALL
    SELECT l.line_kind, l.line_id, l.usage_date, l.pool_id, NULL, NULL, l.match_id, l.environment, 'gpu_compute'
    FROM allocation.money_line AS l
    WHERE l.line_kind = 'hardware'
),

served AS (
    SELECT c.line_kind, c.line_id, c.usage_date, w.workload_id, w.share
    FROM pool_charge AS c
    INNER JOIN allocation.pool_window_share AS w
        ON c.pool_id = w.pool_id AND c.usage_date = w.usage_date AND c.first_hour IS NOT DISTINCT FROM w.first_hour
        AND c.charge_hours IS NOT DISTINCT FROM w.charge_hours
    WHERE c.cost_category = 'gpu_compute'
),

served_total AS (
    SELECT s.line_kind, s.line_id, s.usage_date, sum(s.share) AS share FROM served AS s GROUP BY s.line_kind, s.line_id, s.usage_date
),

-- people of a workload run what it runs on in that month; where nothing ran, where it is declared to run
workload_side AS (
    SELECT u.month, u.workload_id, bool_or(u.side = 'self_host') AS is_self_hosted FROM allocation.usage AS u GROUP BY u.month, u.workload_id
),

people AS (
    SELECT
        l.line_kind,
        l.line_id,
        l.usage_date,
        l.pool_id,
        coalesce(l.workload_id, p.workload_id, f.workload_id) AS workload_id,
        CASE WHEN l.workload_id IS NOT NULL THEN 1 ELSE coalesce(p.share, f.share) END AS share,
        CASE
            WHEN l.activity = 'product' THEN 'product_engineering'
            WHEN l.workload_id IS NULL THEN 'engineering_operations'
            WHEN coalesce(s.is_self_hosted, h.placement <> 'api') THEN 'engineering_operations'
            ELSE 'api_operations'
        END AS cost_category,
        l.match_id,
        l.environment
    FROM allocation.money_line AS l
    LEFT JOIN allocation.pool_month_share AS p
        ON l.workload_id IS NULL AND l.pool_id = p.pool_id AND CAST(date_trunc('month', l.usage_date) AS DATE) = p.month
    LEFT JOIN allocation.platform_month_share AS f
        ON l.workload_id IS NULL AND l.pool_id IS NULL AND CAST(date_trunc('month', l.usage_date) AS DATE) = f.month
    LEFT JOIN workload_side AS s ON l.workload_id = s.workload_id AND CAST(date_trunc('month', l.usage_date) AS DATE) = s.month
    LEFT JOIN config.workload_history AS h
        ON l.workload_id = h.workload_id AND (h.valid_from IS NULL OR h.valid_from <= l.usage_date) AND (h.valid_to IS NULL OR h.valid_to > l.usage_date)
    WHERE l.line_kind = 'people'
),

part AS (
    -- a bill line that belongs to one workload, or to nobody
    SELECT
        'bill' AS line_kind, b.line_id, b.usage_date, CAST(NULL AS DATE) AS split_date, coalesce(b.workload_id, 'unattributed') AS workload_id,
        CAST(NULL AS VARCHAR) AS pool_id, CASE WHEN b.is_unused_commitment THEN 'commitment_unused' ELSE b.cost_category END AS cost_category,
        'direct' AS allocation_method, b.match_id, b.environment, CAST(1 AS DECIMAL(38, 18)) AS share
    FROM bill AS b
    WHERE b.pool_id IS NULL
    UNION ALL
    -- a provider's line that priced usage explains
    SELECT
        'bill', u.line_id, NULL, u.usage_date, u.workload_id, NULL, CASE WHEN l.cost_category = 'other_cloud' THEN 'api_usage' ELSE l.cost_category END,
        'usage_share', u.match_id, u.environment, u.share
    FROM allocation.billed_usage AS u
    INNER JOIN allocation.bill_line AS l ON u.line_id = l.line_id
    WHERE u.workload_id IS NOT NULL
    UNION ALL
    SELECT c.line_kind, c.line_id, c.usage_date, NULL, s.workload_id, c.pool_id, 'gpu_compute', 'work_share', c.match_id, c.environment, s.share
    FROM pool_charge AS c
    INNER JOIN served AS s ON c.line_kind = s.line_kind AND c.line_id = s.line_id AND c.usage_date = s.usage_date
    UNION ALL
    SELECT
        c.line_kind, c.line_id, c.usage_date, NULL, i.workload_id, c.pool_id, CASE WHEN c.cost_category = 'gpu_compute' THEN 'gpu_idle' ELSE c.cost_category END,
        'work_share', c.match_id, c.environment,
        CAST(CAST(greatest(1 - coalesce(t.share, 0), 0) AS DOUBLE) * CAST(i.share AS DOUBLE) AS DECIMAL(38, 18))
    FROM pool_charge AS c
    LEFT JOIN served_total AS t ON c.line_kind = t.line_kind AND c.line_id = t.line_id AND c.usage_date = t.usage_date
    INNER JOIN allocation.idle_share AS i ON c.pool_id = i.pool_id AND CAST(date_trunc('month', c.usage_date) AS DATE) = i.month
    UNION ALL
    SELECT l.line_kind, l.line_id, l.usage_date, NULL, l.workload_id, NULL, 'api_usage',
        CASE WHEN l.match_id LIKE 'rule:%' THEN 'rule' ELSE 'direct' END, l.match_id, l.environment, 1
    FROM allocation.money_line AS l
    WHERE l.line_kind = 'usage'
    UNION ALL
    SELECT p.line_kind, p.line_id, p.usage_date, NULL, p.workload_id, p.pool_id, p.cost_category, 'people', p.match_id, p.environment, p.share
    FROM people AS p
)

SELECT
    p.line_kind,
    p.line_id,
    p.usage_date,
    p.split_date,
    p.workload_id,
    p.pool_id,
    p.cost_category,
    CASE WHEN p.workload_id = 'unattributed' THEN 'unattributed' ELSE p.allocation_method END AS allocation_method,
    p.match_id,
    p.environment,
    p.share
FROM part AS p
WHERE p.share <> 0 OR p.share IS NULL
