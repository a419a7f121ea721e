-- One row per (charge day and all dimensions). Actual cost, every cent of every source once.
SELECT
    c.usage_date,
    c.billing_period,
    CAST(date_trunc('month', c.usage_date) AS DATE) AS accounting_month,
    c.workload_id,
    c.environment,
    c.source_id,
    c.provider,
    c.service,
    c.region,
    c.pool_id,
    c.cost_category,
    c.charge_category,
    c.allocation_method,
    c.cost_basis,
    c.match_id,
    sum(c.billed_cost) AS billed_cost,
    sum(c.effective_cost) AS effective_cost,
    sum(c.list_cost) AS list_cost
FROM allocation.cost AS c
GROUP BY
    c.usage_date, c.billing_period, c.workload_id, c.environment, c.source_id, c.provider, c.service, c.region, c.pool_id, c.cost_category,
    c.charge_category, c.allocation_method, c.cost_basis, c.match_id
