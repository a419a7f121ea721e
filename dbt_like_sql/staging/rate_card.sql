-- One row per (row of a delivered rate card). One unit of a SKU costs unit_price from start_date until before end_date; null is open.
SELECT r.row_number, r.unreadable, r.provider, r.sku, r."start" AS start_date, r."end" AS end_date, r.unit, r.unit_price, r.currency
FROM landing.rate_card AS r
