-- Must return no rows: for each source of money and period attributed + unattributed + quarantined = source, exactly, billed and effective.
SELECT r.source_id, r.period, r.currency, r.difference_billed, r.difference_effective
FROM marts.reconciliation AS r
WHERE r.difference_billed <> 0 OR r.difference_effective <> 0 OR r.difference_billed IS NULL OR r.difference_effective IS NULL
