-- One row per (refused row). Why, and the money it carries; nothing personal.
SELECT
    r.run_id, q.source_id, coalesce(f.file, q.delivery) AS file, q.row_number - coalesce(f.first_row, 0) AS row_number, q.contract, q.reasons, q.period,
    coalesce(q.currency, CASE WHEN q.contract LIKE 'people/%' THEN p.reporting_currency END) AS currency,
    coalesce(q.source_billed_cost, CASE WHEN q.contract LIKE 'people/%' THEN q.billed_cost END) AS billed_cost,
    coalesce(q.source_effective_cost, CASE WHEN q.contract LIKE 'people/%' THEN q.effective_cost END) AS effective_cost
FROM ledger.quarantine AS q
-- rows are numbered through all files of a delivery
LEFT JOIN ledger.delivery AS d ON q.source_id = d.source_id AND q.delivery = d.delivery AND d.superseded_at IS NULL
LEFT JOIN ledger.delivery_file AS f
    ON d.source_id = f.source_id AND d.delivery = f.delivery AND d.version = f.version AND q.row_number > f.first_row
    AND q.row_number <= f.first_row + f.row_count
CROSS JOIN config.parameters AS p
CROSS JOIN config.run AS r
UNION ALL
-- owned hardware in a currency without a rate: its days wait
SELECT
    r.run_id, h.source_id, f.delivery, f.row_number, 'owned_hardware/reference', 'no exchange rate from ' || h.currency || ' to ' || p.reporting_currency,
    h.billing_period, h.currency, 0, sum(h.source_effective_cost)
FROM allocation.owned_hardware_day AS h
INNER JOIN facts.owned_hardware AS f ON h.source_id = f.source_id AND h.asset_id = f.asset_id
CROSS JOIN config.parameters AS p
CROSS JOIN config.run AS r
WHERE h.effective_cost IS NULL
GROUP BY r.run_id, h.source_id, f.delivery, f.row_number, h.currency, p.reporting_currency, h.billing_period
