-- One row per (check, source, SKU): bill lines of a rate card's provider that carry a quantity, no cost, and that no entry in force prices.
SELECT
    'no_rate' AS check_name, l.source_id AS subject, 'error' AS severity, sum(l.row_count) AS rows,
    'no rate card entry prices ' || coalesce(k.sku, k.description, '(no SKU)') || ' per ' || coalesce(k.consumed_unit, '(no unit)')
    || ' on these days, or its currency has no exchange rate: their cost is unknown, and counted as none' AS message
FROM allocation.bill_line AS l
INNER JOIN facts.billing_key AS k ON l.key_id = k.key_id
INNER JOIN (SELECT DISTINCT lower(c.provider) AS provider FROM facts.rate_card AS c) AS c ON lower(k.provider) = c.provider
WHERE NOT l.is_rated AND l.source_billed_cost = 0 AND l.source_effective_cost = 0 AND l.consumed_quantity > 0
GROUP BY l.source_id, k.sku, k.description, k.consumed_unit
