-- One row per (bill line that usage explains, day and workload of that usage). The line's split by priced usage of its own days and, where its SKU
-- names a model, of that model.
WITH model AS (
    SELECT DISTINCT s.billed_by AS source_id, u.model
    FROM allocation.usage AS u
    INNER JOIN config.source AS s ON u.source_id = s.source_id
    WHERE s.billed_by IS NOT NULL
    UNION
    SELECT s.billed_by, x.model
    FROM config.source AS s
    CROSS JOIN (SELECT DISTINCT p.model FROM config.price AS p) AS x
    WHERE s.billed_by IS NOT NULL
),

-- the longest name wins: `gpt-4o-mini, input` is no gpt-4o
named AS (
    SELECT k.key_id, arg_max(m.model, (length(m.model), m.model)) AS model
    FROM facts.billing_key AS k
    INNER JOIN model AS m ON k.source_id = m.source_id AND contains(lower(coalesce(k.sku, k.description)), lower(m.model))
    GROUP BY k.key_id
),

line AS (
    SELECT l.line_id, l.source_id, l.charge_date, l.charge_date + l.charge_days AS charge_end, n.model
    FROM allocation.bill_line AS l
    INNER JOIN config.source AS s ON l.source_id = s.source_id AND s.is_bill_of_usage AND NOT s.is_prepaid
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    LEFT JOIN named AS n ON l.key_id = n.key_id
    -- an invoice is the provider's; a cloud's bill holds other services, too
    WHERE l.charge_category = 'Usage' AND m.rule_id IS NULL AND m.pool_id IS NULL
        AND (s.kind = 'invoice' OR l.cost_category = 'api_usage' OR n.model IS NOT NULL)
),

usage AS (
    SELECT s.billed_by AS source_id, u.usage_date, u.model, u.workload_id, u.environment, u.match_id, sum(u.priced_cost) AS priced_cost
    FROM allocation.usage AS u
    INNER JOIN config.source AS s ON u.source_id = s.source_id
    WHERE s.billed_by IS NOT NULL AND u.side = 'api' AND u.priced_cost > 0
    GROUP BY s.billed_by, u.usage_date, u.model, u.workload_id, u.environment, u.match_id
),

explained AS (
    SELECT l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id, sum(u.priced_cost) AS priced_cost
    FROM line AS l
    INNER JOIN usage AS u
        ON l.source_id = u.source_id AND l.charge_date <= u.usage_date AND l.charge_end > u.usage_date AND (l.model IS NULL OR l.model = u.model)
    GROUP BY l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id
)

SELECT
    l.line_id,
    l.charge_date,
    e.usage_date,
    e.workload_id,
    e.environment,
    e.match_id,
    CAST(CAST(e.priced_cost AS DOUBLE) / CAST(sum(e.priced_cost) OVER (PARTITION BY l.line_id) AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM line AS l
LEFT JOIN explained AS e ON l.line_id = e.line_id
