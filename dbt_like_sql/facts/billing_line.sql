-- One row per (delivery, billing period, first charge day and length, hour where a pool may be paid for, key). Bill lines less refused ones.
-- Amounts stand in the bill's own currency and, converted once per row at the billing period's rate, in the reporting currency.
-- Only foreign rows have a rate, and a key has one currency: what is in the reporting currency already isn't summed a second time.
WITH reduced AS (
    SELECT
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
        sum(round_even(l.billed_cost * x.rate, 12)) AS converted_billed_cost,
        sum(round_even(l.effective_cost * x.rate, 12)) AS converted_effective_cost,
        sum(round_even(coalesce(l.list_cost, l.billed_cost) * x.rate, 12)) AS converted_list_cost
    FROM staging.billing_line AS l
    LEFT JOIN staging.refused AS r ON l.row_number = r.row_number
    LEFT JOIN config.hourly_key AS h ON l.key_id = h.key_id
    LEFT JOIN config.fx_monthly AS x ON l.currency = x.currency AND l.billing_period = x.month
    WHERE r.row_number IS NULL
    GROUP BY
        l.billing_period, CAST(l.charge_start AS DATE), l.charge_days,
        CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN extract(HOUR FROM l.charge_start) END,
        CASE WHEN h.key_id IS NOT NULL AND l.charge_hours < 24 THEN l.charge_hours END,
        l.key_id
)
SELECT
    d.source_id,
    d.delivery,
    b.billing_period,
    b.charge_date,
    b.charge_days,
    b.first_hour,
    b.charge_hours,
    b.key_id,
    b.row_count,
    b.first_row_number,
    b.consumed_quantity,
    b.source_billed_cost,
    b.source_effective_cost,
    b.source_list_cost,
    CASE WHEN k.currency = d.reporting_currency THEN b.source_billed_cost ELSE b.converted_billed_cost END AS billed_cost,
    CASE WHEN k.currency = d.reporting_currency THEN b.source_effective_cost ELSE b.converted_effective_cost END AS effective_cost,
    CASE WHEN k.currency = d.reporting_currency THEN b.source_list_cost ELSE b.converted_list_cost END AS list_cost
FROM reduced AS b
INNER JOIN facts.billing_key AS k ON b.key_id = k.key_id
CROSS JOIN config.delivery AS d
