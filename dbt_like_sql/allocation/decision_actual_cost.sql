-- One row per (workload, month of use, side, category, basis, pool) up to as-of: what was paid, for the decision.
SELECT
    c.workload_id,
    CAST(date_trunc('month', c.usage_date) AS DATE) AS month,
    g.side,
    c.cost_category,
    c.cost_basis,
    c.pool_id,
    CAST(sum(c.effective_cost) AS DOUBLE) AS effective_cost,
    g.in_unit_cost
FROM allocation.cost AS c
INNER JOIN reference.cost_category AS g ON c.cost_category = g.cost_category
CROSS JOIN config.parameters AS p
WHERE c.usage_date <= p.as_of AND c.workload_id <> 'unattributed'
GROUP BY c.workload_id, CAST(date_trunc('month', c.usage_date) AS DATE), g.side, c.cost_category, c.cost_basis, c.pool_id, g.in_unit_cost
