-- One row per (control total of finance's ledger).
SELECT c.row_number, c.unreadable, c.issuer, c.invoice_id, c.period, c.amount, c.currency
FROM landing.control_totals AS c
