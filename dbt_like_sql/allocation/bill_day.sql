-- One row per (bill line, day it covers). A line longer than a day is spread evenly, the last day takes what the rounding leaves.
WITH spread AS (
    SELECT
        l.*,
        CAST(l.charge_date + CAST(s.day_number AS INTEGER) AS DATE) AS usage_date,
        s.day_number = l.charge_days - 1 AS is_last_day,
        CAST(round(CAST(l.source_billed_cost AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS source_billed_part,
        CAST(round(CAST(l.source_effective_cost AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS source_effective_part,
        CAST(round(CAST(l.billed_cost AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS billed_part,
        CAST(round(CAST(l.effective_cost AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS effective_part,
        CAST(round(CAST(l.list_cost AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS list_part,
        CAST(round(CAST(l.consumed_quantity AS DOUBLE) / l.charge_days, 12) AS DECIMAL(38, 12)) AS quantity_part
    FROM allocation.bill_line AS l, generate_series(0, l.charge_days - 1) AS s (day_number)
    WHERE l.charge_days > 1
)

SELECT
    l.line_id, l.source_id, l.billing_period, l.charge_date AS usage_date, l.first_hour, l.charge_hours, l.key_id, l.currency, l.charge_category,
    l.cost_category, l.is_unused_commitment, l.consumed_quantity, l.source_billed_cost, l.source_effective_cost, l.billed_cost, l.effective_cost,
    l.list_cost
FROM allocation.bill_line AS l
WHERE l.charge_days = 1
UNION ALL
SELECT
    s.line_id, s.source_id, s.billing_period, s.usage_date, NULL, NULL, s.key_id, s.currency, s.charge_category,
    s.cost_category,
    s.is_unused_commitment,
    CASE WHEN s.is_last_day THEN s.consumed_quantity - s.quantity_part * (s.charge_days - 1) ELSE s.quantity_part END,
    CASE WHEN s.is_last_day THEN s.source_billed_cost - s.source_billed_part * (s.charge_days - 1) ELSE s.source_billed_part END,
    CASE WHEN s.is_last_day THEN s.source_effective_cost - s.source_effective_part * (s.charge_days - 1) ELSE s.source_effective_part END,
    CASE WHEN s.is_last_day THEN s.billed_cost - s.billed_part * (s.charge_days - 1) ELSE s.billed_part END,
    CASE WHEN s.is_last_day THEN s.effective_cost - s.effective_part * (s.charge_days - 1) ELSE s.effective_part END,
    CASE WHEN s.is_last_day THEN s.list_cost - s.list_part * (s.charge_days - 1) ELSE s.list_part END
FROM spread AS s
