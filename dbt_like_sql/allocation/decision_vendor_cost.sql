-- One row per (month of use, vendor) up to as-of: what is paid to others for AI on either side, people left out, for the vendors' concentration.
SELECT
    CAST(date_trunc('month', c.usage_date) AS DATE) AS month,
    c.provider,
    CAST(sum(c.effective_cost) AS DOUBLE) AS effective_cost
FROM allocation.cost AS c
INNER JOIN reference.cost_category AS g ON c.cost_category = g.cost_category
CROSS JOIN config.parameters AS p
WHERE c.usage_date <= p.as_of AND c.cost_basis <> 'people' AND g.side IN ('api', 'self_host')
GROUP BY CAST(date_trunc('month', c.usage_date) AS DATE), c.provider
