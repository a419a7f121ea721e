-- One row per (asset, day in service up to as-of). Straight line over the life, rack and power; a month's amount is spread evenly over its days.
-- Amounts in the asset's own currency and at the month's rate.
WITH day AS (
    SELECT
        h.source_id,
        h.asset_id,
        h.pool AS pool_id,
        h.gpus,
        h.currency,
        CAST(s.day AS DATE) AS usage_date,
        CAST(date_trunc('month', s.day) AS DATE) AS month,
        day(last_day(CAST(s.day AS DATE))) AS days_in_month,
        CASE
            WHEN CAST(s.day AS DATE) < h.in_service + to_months(CAST(h.life_months AS INTEGER)) THEN (h.purchase_price - h.residual) / h.life_months
            ELSE 0
        END AS depreciation_monthly,
        h.rack_monthly,
        CAST(h.power_kw AS DOUBLE) * CAST(h.pue AS DOUBLE) * 24 * CAST(h.price_per_kwh AS DOUBLE) AS power_daily
    FROM facts.owned_hardware AS h
    CROSS JOIN config.parameters AS p,
        generate_series(h.in_service, p.as_of, INTERVAL 1 DAY) AS s (day)
    WHERE h.in_service <= p.as_of
),

-- cumulative rounding keeps every whole month exact to the last decimal
amount AS (
    SELECT
        d.*,
        CAST(round(d.depreciation_monthly * day(d.usage_date) / d.days_in_month, 12) AS DECIMAL(38, 12))
        - CAST(round(d.depreciation_monthly * (day(d.usage_date) - 1) / d.days_in_month, 12) AS DECIMAL(38, 12))
        + CAST(round(CAST(d.rack_monthly AS DOUBLE) * day(d.usage_date) / d.days_in_month, 12) AS DECIMAL(38, 12))
        - CAST(round(CAST(d.rack_monthly AS DOUBLE) * (day(d.usage_date) - 1) / d.days_in_month, 12) AS DECIMAL(38, 12))
        + CAST(round(d.power_daily, 12) AS DECIMAL(38, 12)) AS source_effective_cost
    FROM day AS d
)

SELECT
    a.source_id,
    a.asset_id,
    a.pool_id,
    a.gpus,
    a.currency,
    a.usage_date,
    a.month AS billing_period,
    a.source_effective_cost,
    CAST(round_even(a.source_effective_cost * r.rate, 12) AS DECIMAL(38, 12)) AS effective_cost
FROM amount AS a
LEFT JOIN config.price_rate AS r ON a.currency = r.currency AND a.month = r.month
