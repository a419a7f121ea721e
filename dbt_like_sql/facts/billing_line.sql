-- One row per (delivery, billing period, first charge day and length, hour where a pool may be paid for, key). Bill lines less refused ones.
-- Amounts stand in the bill's own currency and, converted once per row at the billing period's rate, in the reporting currency.
SELECT
    d.source_id,
    d.delivery,
    l.billing_period,
    CAST(l.charge_start AS DATE) AS charge_date,
    l.charge_days,
    CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN extract(HOUR FROM l.charge_start) END AS first_hour,
    CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN l.charge_hours END AS charge_hours,
    l.key_id,
    CAST(count(*) AS BIGINT) AS row_count,
    min(l.row_number) AS first_row_number,
    sum(l.consumed_quantity) AS consumed_quantity,
    sum(l.billed_cost) AS source_billed_cost,
    sum(l.effective_cost) AS source_effective_cost,
    sum(coalesce(l.list_cost, l.billed_cost)) AS source_list_cost,
    sum(CASE WHEN l.currency = d.reporting_currency THEN l.billed_cost ELSE round_even(l.billed_cost * x.rate, 12) END) AS billed_cost,
    sum(CASE WHEN l.currency = d.reporting_currency THEN l.effective_cost ELSE round_even(l.effective_cost * x.rate, 12) END) AS effective_cost,
    sum(
        CASE
            WHEN l.currency = d.reporting_currency THEN coalesce(l.list_cost, l.billed_cost)
            ELSE round_even(coalesce(l.list_cost, l.billed_cost) * x.rate, 12)
        END
    ) AS list_cost
FROM staging.billing_line AS l
CROSS JOIN config.delivery AS d
LEFT JOIN staging.refused AS r ON l.row_number = r.row_number
LEFT JOIN config.hourly_key AS h ON l.key_id = h.key_id
LEFT JOIN config.fx_monthly AS x ON l.currency = x.currency AND l.billing_period = x.month
WHERE r.row_number IS NULL
GROUP BY
    d.source_id, d.delivery, l.billing_period, CAST(l.charge_start AS DATE), l.charge_days,
    CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN extract(HOUR FROM l.charge_start) END,
    CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN l.charge_hours END,
    l.key_id
