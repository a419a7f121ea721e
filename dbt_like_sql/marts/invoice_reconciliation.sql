-- One row per (issuer, invoice or billing period, currency): finance's ledger against the bill.
WITH control AS (
    SELECT c.issuer, c.invoice_id, c.period, c.currency, sum(c.amount) AS amount
    FROM facts.control_total AS c
    GROUP BY c.issuer, c.invoice_id, c.period, c.currency
),

billed AS (
    SELECT k.invoice_issuer AS issuer, k.invoice_id, f.billing_period AS period, k.currency, sum(f.source_billed_cost) AS amount
    FROM facts.billing_line AS f
    INNER JOIN facts.billing_key AS k ON f.key_id = k.key_id
    GROUP BY k.invoice_issuer, k.invoice_id, f.billing_period, k.currency
),

-- a control total without an invoice's number is for all that the issuer billed for the period
tied AS (
    SELECT
        c.issuer,
        c.invoice_id,
        c.period,
        c.currency,
        c.amount AS control_amount,
        sum(b.amount) AS billed_amount
    FROM control AS c
    LEFT JOIN billed AS b
        ON lower(c.issuer) = lower(b.issuer) AND c.period = b.period AND c.currency = b.currency
        AND (c.invoice_id IS NULL OR c.invoice_id = b.invoice_id)
    GROUP BY c.issuer, c.invoice_id, c.period, c.currency, c.amount
)

SELECT
    t.issuer,
    t.invoice_id,
    t.period,
    t.currency,
    t.control_amount,
    t.billed_amount,
    t.billed_amount - t.control_amount AS difference,
    CASE WHEN t.billed_amount IS NULL THEN 'no_bill' WHEN t.billed_amount = t.control_amount THEN 'ties' ELSE 'differs' END AS status
FROM tied AS t
UNION ALL
SELECT b.issuer, b.invoice_id, b.period, b.currency, NULL, b.amount, NULL, 'no_control'
FROM billed AS b
WHERE NOT EXISTS (
    SELECT 1
    FROM control AS c
    WHERE lower(c.issuer) = lower(b.issuer) AND c.period = b.period AND c.currency = b.currency AND (c.invoice_id IS NULL OR c.invoice_id = b.invoice_id)
)
