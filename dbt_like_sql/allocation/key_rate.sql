-- One row per (billing key, rate card entry that prices it). By provider and SKU (or its description) and the unit of what was consumed.
SELECT
    k.key_id,
    c.start_date,
    c.end_date,
    c.unit_price,
    c.currency
FROM facts.billing_key AS k
INNER JOIN facts.rate_card AS c
    ON lower(k.provider) = lower(c.provider) AND (lower(k.sku) = lower(c.sku) OR lower(k.description) = lower(c.sku))
    -- `Hour` and `Hours` are one unit
    AND regexp_replace(lower(k.consumed_unit), 's$', '') = regexp_replace(lower(c.unit), 's$', '')
