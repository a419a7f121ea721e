-- One row per (provider, model, service tier, price class, day) that usage or a candidate needs: the price of one token of each bucket in force.
-- In the reporting currency, rounded once, half-even, to 12 decimals. The user's prices come before the shipped ones; without any, no row.
WITH usage_day AS (
    SELECT DISTINCT
        k.provider, k.model, coalesce(k.service_tier, 'standard') AS service_tier, u.price_class, CAST(u.usage_hour AS DATE) AS usage_date
    FROM facts.usage_hourly AS u
    INNER JOIN facts.usage_key AS k ON u.key_id = k.key_id
),

needed AS (
    SELECT d.provider, d.model, d.service_tier, d.price_class, d.usage_date FROM usage_day AS d WHERE d.provider IS NOT NULL
    UNION
    -- a candidate would serve all of these tokens at its standard tier
    SELECT c.provider, c.model, 'standard', d.price_class, d.usage_date
    FROM (SELECT DISTINCT a.provider, a.model FROM config.api_candidate AS a) AS c
    CROSS JOIN (SELECT DISTINCT b.price_class, b.usage_date FROM usage_day AS b) AS d
),

in_force AS (
    SELECT
        n.provider,
        n.model,
        n.service_tier,
        n.price_class,
        n.usage_date,
        arg_min(x, (x.precedence, -x.price_class, -epoch(x.valid_from))) AS price
    FROM needed AS n
    INNER JOIN config.price AS x
        ON n.provider = x.provider AND n.model = x.model AND n.service_tier = x.service_tier AND n.price_class >= x.price_class
        AND n.usage_date >= x.valid_from AND (x.valid_to IS NULL OR n.usage_date < x.valid_to)
    GROUP BY n.provider, n.model, n.service_tier, n.price_class, n.usage_date
)

SELECT
    f.provider,
    f.model,
    f.service_tier,
    f.price_class,
    f.usage_date,
    f.price.source AS price_source,
    f.price.precedence = 0 AS is_negotiated,
    CAST(round_even(f.price.input * r.rate * 0.000001, 12) AS DECIMAL(18, 12)) AS input_price,
    -- a missing cache price is the input price
    CAST(round_even(coalesce(f.price.cache_read, f.price.input) * r.rate * 0.000001, 12) AS DECIMAL(18, 12)) AS cache_read_price,
    CAST(round_even(coalesce(f.price.cache_write, f.price.input) * r.rate * 0.000001, 12) AS DECIMAL(18, 12)) AS cache_write_price,
    -- a write that lives an hour costs at least what one of five minutes does: where only that is known, pipelines.price_check tells
    CAST(round_even(coalesce(f.price.cache_write_1h, f.price.cache_write, f.price.input) * r.rate * 0.000001, 12) AS DECIMAL(18, 12))
        AS cache_write_1h_price,
    f.price.cache_write_1h IS NOT NULL AS has_cache_write_1h_price,
    CAST(round_even(f.price.output * r.rate * 0.000001, 12) AS DECIMAL(18, 12)) AS output_price
FROM in_force AS f
INNER JOIN config.price_rate AS r ON f.price.currency = r.currency AND CAST(date_trunc('month', f.usage_date) AS DATE) = r.month
