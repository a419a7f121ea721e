-- Must return no rows: no money without a currency, no cost without an amount.
SELECT c.source_id, c.usage_date, c.workload_id, 'cost without an amount' AS problem
FROM allocation.cost AS c
WHERE c.effective_cost IS NULL OR c.billed_cost IS NULL OR c.currency IS NULL
UNION ALL
SELECT r.source_id, r.period, NULL, 'reconciled money without a currency'
FROM marts.reconciliation AS r
WHERE r.currency IS NULL AND (r.attributed_billed <> 0 OR r.attributed_effective <> 0)
