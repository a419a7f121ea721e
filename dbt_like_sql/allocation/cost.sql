-- One row per (line kind, line, day, workload, category, match). The one place where money is split: every line times its shares, exactly, because the
-- part with the largest share takes what rounding leaves.
WITH share AS (
    SELECT s.line_kind, s.line_id, s.usage_date, s.split_date, s.workload_id, s.pool_id, s.cost_category, s.allocation_method, s.match_id, s.environment, s.share
    FROM allocation.cost_share AS s
    UNION ALL
    SELECT
        'bill', d.line_id, d.usage_date, NULL, r.workload_id, NULL, coalesce(u.category, d.cost_category),
        CASE WHEN r.workload_id = 'unattributed' THEN 'unattributed' ELSE 'rule' END, m.match_id, m.environment, r.share
    FROM allocation.bill_day AS d
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date
    INNER JOIN config.rule AS u ON m.rule_id = u.rule_id
    INNER JOIN allocation.rule_share AS r ON m.rule_id = r.rule_id AND CAST(date_trunc('month', d.usage_date) AS DATE) = r.month
),

shared AS (
    SELECT
        l.line_kind, l.line_id, l.usage_date AS line_date, coalesce(s.split_date, l.usage_date) AS usage_date, l.source_id, l.billing_period, l.currency,
        l.provider, l.service, l.region, l.charge_category, l.cost_basis, s.workload_id, s.pool_id, s.cost_category, s.allocation_method, s.match_id,
        s.environment, s.share, l.source_billed_cost, l.source_effective_cost, l.billed_cost, l.effective_cost, l.list_cost,
        row_number() OVER (
            PARTITION BY l.line_kind, l.line_id, l.usage_date
            ORDER BY s.share DESC, s.split_date, s.workload_id, s.cost_category, s.environment, s.match_id
        ) = 1 AS takes_remainder
    FROM allocation.money_line AS l
    INNER JOIN share AS s ON l.line_kind = s.line_kind AND l.line_id = s.line_id AND l.usage_date IS NOT DISTINCT FROM s.usage_date
),

part AS (
    SELECT
        s.*,
        CASE WHEN s.share = 1 THEN s.source_billed_cost ELSE CAST(round(CAST(s.source_billed_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) END AS source_billed_part,
        CASE WHEN s.share = 1 THEN s.source_effective_cost ELSE CAST(round(CAST(s.source_effective_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) END AS source_effective_part,
        CASE WHEN s.share = 1 THEN s.billed_cost ELSE CAST(round(CAST(s.billed_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) END AS billed_part,
        CASE WHEN s.share = 1 THEN s.effective_cost ELSE CAST(round(CAST(s.effective_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) END AS effective_part,
        CASE WHEN s.share = 1 THEN s.list_cost ELSE CAST(round(CAST(s.list_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12)) END AS list_part
    FROM shared AS s
)

SELECT
    p.line_kind, p.line_id, p.usage_date, p.source_id, p.billing_period, p.currency, p.provider, p.service, p.region, p.charge_category, p.cost_basis,
    p.workload_id, p.pool_id, p.cost_category, p.allocation_method, p.match_id, p.environment,
    p.source_billed_part + CASE WHEN p.takes_remainder THEN p.source_billed_cost - sum(p.source_billed_part) OVER line ELSE 0 END AS source_billed_cost,
    p.source_effective_part + CASE WHEN p.takes_remainder THEN p.source_effective_cost - sum(p.source_effective_part) OVER line ELSE 0 END AS source_effective_cost,
    p.billed_part + CASE WHEN p.takes_remainder THEN p.billed_cost - sum(p.billed_part) OVER line ELSE 0 END AS billed_cost,
    p.effective_part + CASE WHEN p.takes_remainder THEN p.effective_cost - sum(p.effective_part) OVER line ELSE 0 END AS effective_cost,
    p.list_part + CASE WHEN p.takes_remainder THEN p.list_cost - sum(p.list_part) OVER line ELSE 0 END AS list_cost
FROM part AS p
WINDOW line AS (PARTITION BY p.line_kind, p.line_id, p.line_date)
