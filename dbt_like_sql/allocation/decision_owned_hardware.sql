-- One row per (asset in service up to as-of): what a pool's own hardware cost and its life, for the decision. Null where no rate converts it.
SELECT
    h.pool AS pool_id,
    h.in_service,
    h.life_months,
    CAST(h.purchase_price * r.rate AS DOUBLE) AS purchase_price,
    CAST(h.residual * r.rate AS DOUBLE) AS residual
FROM facts.owned_hardware AS h
CROSS JOIN config.parameters AS p
LEFT JOIN config.price_rate AS r ON h.currency = r.currency AND r.month = CAST(date_trunc('month', p.as_of) AS DATE)
WHERE h.in_service <= p.as_of
