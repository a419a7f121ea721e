-- One row per (source of money, billing period, currency): what the source says against what became of it, in its own currency and in the reporting one.
WITH total AS (
    -- bills: every staged row, refused ones too, summed on its own when the delivery was read
    SELECT p.source_id, p.period, p.currency, 'source' AS amounts, sum(p.source_billed) AS billed, sum(p.source_effective) AS effective
    FROM ledger.delivery_period AS p
    INNER JOIN ledger.delivery AS d ON p.source_id = d.source_id AND p.delivery = d.delivery AND p.version = d.version AND d.superseded_at IS NULL
    WHERE p.source_billed IS NOT NULL OR p.source_effective IS NOT NULL
    GROUP BY p.source_id, p.period, p.currency
    UNION ALL
    -- what a rate card says of lines without a cost
    SELECT l.source_id, l.billing_period, l.currency, 'source', 0, sum(l.source_effective_cost)
    FROM allocation.bill_line AS l
    WHERE l.is_rated
    GROUP BY l.source_id, l.billing_period, l.currency
    UNION ALL
    SELECT l.source_id, l.billing_period, l.currency, 'reporting', 0, sum(l.effective_cost)
    FROM allocation.bill_line AS l
    CROSS JOIN config.parameters AS p
    WHERE l.is_rated AND l.currency <> p.reporting_currency
    GROUP BY l.source_id, l.billing_period, l.currency
    UNION ALL
    SELECT f.source_id, f.billing_period, k.currency, 'reporting', sum(f.billed_cost), sum(f.effective_cost)
    FROM facts.billing_line AS f
    INNER JOIN facts.billing_key AS k ON f.key_id = k.key_id
    CROSS JOIN config.parameters AS p
    WHERE k.currency <> p.reporting_currency
    GROUP BY f.source_id, f.billing_period, k.currency
    UNION ALL
    SELECT q.source_id, q.period, q.currency, 'reporting', sum(q.billed_cost), sum(q.effective_cost)
    FROM ledger.quarantine AS q
    CROSS JOIN config.parameters AS p
    WHERE q.contract LIKE '%/billing_line' AND q.currency <> p.reporting_currency AND q.billed_cost IS NOT NULL
    GROUP BY q.source_id, q.period, q.currency
    UNION ALL
    SELECT d.source_id, CAST(date_trunc('month', d.usage_date) AS DATE), p.reporting_currency, 'source', 0, sum(d.effective_cost)
    FROM facts.people_day AS d
    CROSS JOIN config.parameters AS p
    GROUP BY d.source_id, CAST(date_trunc('month', d.usage_date) AS DATE), p.reporting_currency
    UNION ALL
    SELECT l.source_id, l.billing_period, l.currency, 'source', 0, sum(l.source_effective_cost)
    FROM allocation.money_line AS l
    WHERE l.line_kind = 'usage'
    GROUP BY l.source_id, l.billing_period, l.currency
    UNION ALL
    SELECT h.source_id, h.billing_period, h.currency, 'source', 0, sum(h.source_effective_cost)
    FROM allocation.owned_hardware_day AS h
    GROUP BY h.source_id, h.billing_period, h.currency
    UNION ALL
    SELECT h.source_id, h.billing_period, h.currency, 'reporting', 0, sum(h.effective_cost)
    FROM allocation.owned_hardware_day AS h
    CROSS JOIN config.parameters AS p
    WHERE h.currency <> p.reporting_currency AND h.effective_cost IS NOT NULL
    GROUP BY h.source_id, h.billing_period, h.currency
),

source_total AS (
    SELECT t.source_id, t.period, t.currency, t.amounts, sum(coalesce(t.billed, 0)) AS billed, sum(coalesce(t.effective, 0)) AS effective
    FROM total AS t
    GROUP BY t.source_id, t.period, t.currency, t.amounts
),

placed AS (
    SELECT
        c.source_id,
        c.billing_period AS period,
        c.currency,
        c.workload_id = 'unattributed' AS is_unattributed,
        sum(c.source_billed_cost) AS source_billed,
        sum(c.source_effective_cost) AS source_effective,
        sum(c.billed_cost) AS billed,
        sum(c.effective_cost) AS effective
    FROM allocation.cost AS c
    GROUP BY c.source_id, c.billing_period, c.currency, c.workload_id = 'unattributed'
),

refused AS (
    SELECT q.source_id, q.period, q.currency, 'source' AS amounts, sum(q.source_billed_cost) AS billed, sum(q.source_effective_cost) AS effective
    FROM ledger.quarantine AS q
    WHERE q.contract LIKE '%/billing_line'
    GROUP BY q.source_id, q.period, q.currency
    UNION ALL
    SELECT q.source_id, q.period, q.currency, 'reporting', sum(q.billed_cost), sum(q.effective_cost)
    FROM ledger.quarantine AS q
    WHERE q.contract LIKE '%/billing_line' AND q.billed_cost IS NOT NULL
    GROUP BY q.source_id, q.period, q.currency
    UNION ALL
    SELECT d.source_id, CAST(date_trunc('month', d.usage_date) AS DATE), p.reporting_currency, 'source', 0, sum(d.effective_cost)
    FROM facts.people_day AS d
    CROSS JOIN config.parameters AS p
    WHERE d.is_refused
    GROUP BY d.source_id, CAST(date_trunc('month', d.usage_date) AS DATE), p.reporting_currency
    UNION ALL
    SELECT h.source_id, h.billing_period, h.currency, 'source', 0, sum(h.source_effective_cost)
    FROM allocation.owned_hardware_day AS h
    WHERE h.effective_cost IS NULL
    GROUP BY h.source_id, h.billing_period, h.currency
),

compared AS (
    SELECT
        t.source_id,
        t.period,
        t.currency,
        t.amounts,
        t.billed AS source_billed,
        t.effective AS source_effective,
        coalesce(sum(CASE WHEN t.amounts = 'source' THEN p.source_billed ELSE p.billed END) FILTER (WHERE NOT p.is_unattributed), 0) AS attributed_billed,
        coalesce(sum(CASE WHEN t.amounts = 'source' THEN p.source_effective ELSE p.effective END) FILTER (WHERE NOT p.is_unattributed), 0)
            AS attributed_effective,
        coalesce(sum(CASE WHEN t.amounts = 'source' THEN p.source_billed ELSE p.billed END) FILTER (WHERE p.is_unattributed), 0) AS unattributed_billed,
        coalesce(sum(CASE WHEN t.amounts = 'source' THEN p.source_effective ELSE p.effective END) FILTER (WHERE p.is_unattributed), 0)
            AS unattributed_effective,
        coalesce(any_value(r.billed), 0) AS quarantined_billed,
        coalesce(any_value(r.effective), 0) AS quarantined_effective
    FROM source_total AS t
    LEFT JOIN placed AS p
        ON t.source_id = p.source_id AND t.period IS NOT DISTINCT FROM p.period AND t.currency IS NOT DISTINCT FROM p.currency
    LEFT JOIN refused AS r
        ON t.source_id = r.source_id AND t.period IS NOT DISTINCT FROM r.period AND t.currency IS NOT DISTINCT FROM r.currency AND t.amounts = r.amounts
    GROUP BY t.source_id, t.period, t.currency, t.amounts, t.billed, t.effective
),

-- Microsoft's exports hold no taxes, so they can't equal the invoice
without_tax AS (
    SELECT f.source_id, f.billing_period AS period
    FROM facts.billing_line AS f
    INNER JOIN facts.billing_key AS k ON f.key_id = k.key_id
    GROUP BY f.source_id, f.billing_period
    HAVING bool_and(lower(k.provider) IN ('microsoft', 'azure', 'microsoft azure')) AND NOT bool_or(k.charge_category = 'Tax')
)

SELECT
    c.source_id,
    c.period,
    CASE WHEN c.amounts = 'reporting' THEN p.reporting_currency ELSE c.currency END AS currency,
    -- a source's own currency where it was converted, else null
    CASE WHEN c.amounts = 'reporting' THEN c.currency END AS converted_from,
    c.amounts = 'reporting' OR c.currency IS NOT DISTINCT FROM p.reporting_currency AS is_reporting_currency,
    c.source_billed,
    c.source_effective,
    c.attributed_billed,
    c.attributed_effective,
    c.unattributed_billed,
    c.unattributed_effective,
    c.quarantined_billed,
    c.quarantined_effective,
    c.source_billed - c.attributed_billed - c.unattributed_billed - c.quarantined_billed AS difference_billed,
    c.source_effective - c.attributed_effective - c.unattributed_effective - c.quarantined_effective AS difference_effective,
    CASE
        WHEN c.source_billed <> c.attributed_billed + c.unattributed_billed + c.quarantined_billed
            OR c.source_effective <> c.attributed_effective + c.unattributed_effective + c.quarantined_effective THEN 'difference'
        WHEN c.source_id IN (SELECT r.source_id FROM ledger.refusal AS r) THEN 'stale'
        WHEN last_day(c.period) > p.as_of THEN 'provisional'
        WHEN t.source_id IS NOT NULL THEN 'no_tax_in_source'
        ELSE 'ok'
    END AS status
FROM compared AS c
CROSS JOIN config.parameters AS p
LEFT JOIN without_tax AS t ON c.source_id = t.source_id AND c.period = t.period
