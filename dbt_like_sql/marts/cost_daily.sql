-- One row per (charge day and all dimensions, accounting month). Actual cost, every cent of every source once.
-- A closed month's rows stand as they were closed; what its days cost more or less by now is booked in the first month that is open.
WITH actual AS (
    SELECT
        c.usage_date, c.billing_period, c.workload_id, c.environment, c.source_id, c.provider, c.service, c.region, c.pool_id, c.cost_category,
        c.charge_category, c.allocation_method, c.cost_basis, c.match_id, c.billed_cost, c.effective_cost, c.list_cost, false AS is_booked
    FROM allocation.cost AS c
    UNION ALL
    SELECT
        b.usage_date, b.billing_period, b.workload_id, b.environment, b.source_id, b.provider, b.service, b.region, b.pool_id, b.cost_category,
        b.charge_category, b.allocation_method, b.cost_basis, b.match_id, -b.billed_cost, -b.effective_cost, -b.list_cost, true
    FROM ledger.closed_cost AS b
),

unbooked AS (
    SELECT
        a.usage_date, a.billing_period, a.workload_id, a.environment, a.source_id, a.provider, a.service, a.region, a.pool_id, a.cost_category,
        a.charge_category, a.allocation_method, a.cost_basis, a.match_id, bool_or(a.is_booked) AS is_booked, sum(a.billed_cost) AS billed_cost,
        sum(a.effective_cost) AS effective_cost, sum(a.list_cost) AS list_cost
    FROM actual AS a
    GROUP BY
        a.usage_date, a.billing_period, a.workload_id, a.environment, a.source_id, a.provider, a.service, a.region, a.pool_id, a.cost_category,
        a.charge_category, a.allocation_method, a.cost_basis, a.match_id
),

closed AS (
    SELECT max(m.month) AS last_month FROM config.closed_month AS m
)

SELECT
    u.usage_date,
    u.billing_period,
    CAST(CASE
        WHEN c.last_month IS NULL OR c.last_month < CAST(date_trunc('month', u.usage_date) AS DATE) THEN date_trunc('month', u.usage_date)
        ELSE c.last_month + INTERVAL 1 MONTH
    END AS DATE) AS accounting_month,
    u.workload_id,
    u.environment,
    u.source_id,
    u.provider,
    u.service,
    u.region,
    u.pool_id,
    u.cost_category,
    u.charge_category,
    u.allocation_method,
    u.cost_basis,
    u.match_id,
    u.billed_cost,
    u.effective_cost,
    u.list_cost
FROM unbooked AS u
CROSS JOIN closed AS c
WHERE NOT u.is_booked OR u.billed_cost <> 0 OR u.effective_cost <> 0 OR u.list_cost <> 0
UNION ALL
SELECT
    b.usage_date, b.billing_period, b.accounting_month, b.workload_id, b.environment, b.source_id, b.provider, b.service, b.region, b.pool_id,
    b.cost_category, b.charge_category, b.allocation_method, b.cost_basis, b.match_id, b.billed_cost, b.effective_cost, b.list_cost
FROM ledger.closed_cost AS b
