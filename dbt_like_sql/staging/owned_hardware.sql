-- One row per (owned asset). What an asset doesn't say about its running costs is zero: it has none of its own.
SELECT
    h.row_number,
    h.unreadable,
    h.asset_id,
    h.pool,
    h.gpus,
    h.purchase_price,
    h.currency,
    h.in_service,
    h.life_months,
    coalesce(h.residual, 0) AS residual,
    coalesce(h.power_kw, 0) AS power_kw,
    coalesce(h.pue, 1) AS pue,
    coalesce(h.price_per_kwh, 0) AS price_per_kwh,
    coalesce(h.rack_monthly, 0) AS rack_monthly
FROM landing.owned_hardware AS h
