-- One row per (line kind, line, day) of money before it is split: bill lines by day, bill lines that usage explains as a whole (day null),
-- usage without a bill, people at standard rates, owned hardware. Amounts in the source's currency and in the reporting currency.
WITH bill AS (
    SELECT d.line_id, d.usage_date, d.source_billed_cost, d.source_effective_cost, d.billed_cost, d.effective_cost, d.list_cost
    FROM allocation.bill_day AS d
    WHERE d.line_id NOT IN (SELECT u.line_id FROM allocation.billed_usage AS u WHERE u.workload_id IS NOT NULL)
    UNION ALL
    SELECT l.line_id, NULL, l.source_billed_cost, l.source_effective_cost, l.billed_cost, l.effective_cost, l.list_cost
    FROM allocation.bill_line AS l
    WHERE l.line_id IN (SELECT u.line_id FROM allocation.billed_usage AS u WHERE u.workload_id IS NOT NULL)
),

-- the last day of each month that the paying source has billed: usage after it is accrued
billed_until AS (
    SELECT d.source_id, date_trunc('month', d.usage_date) AS month, max(d.usage_date) AS last_date
    FROM allocation.bill_day AS d
    INNER JOIN allocation.bill_scope AS b ON d.key_id = b.key_id
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date
    -- also what a rule splits is billed; what pays for a pool is none of the API's
    WHERE m.pool_id IS NULL
    GROUP BY d.source_id, date_trunc('month', d.usage_date)
),

usage AS (
    SELECT
        u.source_id,
        u.usage_date,
        u.provider,
        u.workload_id,
        u.environment,
        u.match_id,
        CASE WHEN NOT b.is_prepaid THEN 'accrued' ELSE 'priced' END AS cost_basis,
        sum(u.priced_cost) AS priced_cost
    FROM allocation.usage AS u
    LEFT JOIN allocation.paying_source AS b ON u.source_id = b.source_id
    LEFT JOIN billed_until AS t ON b.paid_by = t.source_id AND date_trunc('month', u.usage_date) = t.month
    WHERE u.side = 'api' AND u.priced_cost IS NOT NULL
        AND (b.source_id IS NULL OR b.is_prepaid OR t.last_date IS NULL OR u.usage_date > t.last_date)
    GROUP BY ALL
)

SELECT
    'bill' AS line_kind,
    l.line_id,
    b.usage_date,
    l.source_id,
    l.billing_period,
    l.currency,
    k.provider,
    k.service,
    k.region,
    l.charge_category,
    CASE WHEN l.is_rated THEN 'rate_card' ELSE 'billed' END AS cost_basis,
    CAST(NULL AS VARCHAR) AS workload_id,
    CAST(NULL AS VARCHAR) AS pool_id,
    CAST(NULL AS VARCHAR) AS environment,
    CAST(NULL AS VARCHAR) AS match_id,
    CAST(NULL AS VARCHAR) AS activity,
    b.source_billed_cost,
    b.source_effective_cost,
    b.billed_cost,
    b.effective_cost,
    b.list_cost
FROM bill AS b
INNER JOIN allocation.bill_line AS l ON b.line_id = l.line_id
INNER JOIN facts.billing_key AS k ON l.key_id = k.key_id
UNION ALL
SELECT
    'usage',
    row_number() OVER (ORDER BY u.source_id, u.usage_date, u.provider NULLS FIRST, u.workload_id, u.environment, u.match_id, u.cost_basis),
    u.usage_date, u.source_id, CAST(date_trunc('month', u.usage_date) AS DATE), p.reporting_currency, u.provider, NULL, NULL, 'Usage', u.cost_basis,
    u.workload_id, NULL, u.environment, u.match_id, NULL, 0, u.priced_cost, 0, u.priced_cost, u.priced_cost
FROM usage AS u
CROSS JOIN config.parameters AS p
UNION ALL
SELECT
    'people',
    row_number() OVER (ORDER BY d.source_id, d.usage_date, d.target_kind, d.target_id NULLS FIRST, d.activity, d.role_group, d.annual_rate),
    d.usage_date, d.source_id, CAST(date_trunc('month', d.usage_date) AS DATE), p.reporting_currency, NULL, NULL, NULL, 'Usage', 'people',
    CASE WHEN d.target_kind = 'workload' THEN d.target_id END, CASE WHEN d.target_kind = 'pool' THEN d.target_id END, 'prod', 'row', d.activity,
    0, d.effective_cost, 0, d.effective_cost, d.effective_cost
FROM facts.people_day AS d
CROSS JOIN config.parameters AS p
WHERE NOT d.is_refused
UNION ALL
SELECT
    'hardware',
    row_number() OVER (ORDER BY h.source_id, h.asset_id, h.usage_date),
    h.usage_date, h.source_id, h.billing_period, h.currency, NULL, NULL, NULL, 'Usage', 'amortised', NULL, h.pool_id, 'prod', 'row', NULL,
    0, h.source_effective_cost, 0, h.effective_cost, h.effective_cost
FROM allocation.owned_hardware_day AS h
-- without an exchange rate it waits in quarantine
WHERE h.effective_cost IS NOT NULL
