-- One row per (row of a delivered exchange-rate file). One unit of base is worth `rate` units of quote.
SELECT x.row_number, x.unreadable, x."date" AS rate_date, x.base, x.quote, x.rate
FROM landing.fx_rates AS x
