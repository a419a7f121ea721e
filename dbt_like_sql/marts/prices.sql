-- One row per (price list entry: provider, model, tier, context class, token kind, dates) that usage or a candidate may need.
SELECT
    p.provider,
    p.model,
    p.service_tier,
    p.price_class,
    b.token_kind,
    b.value,
    p.currency || ' per million tokens' AS unit,
    p.source,
    p.valid_from,
    p.valid_to
FROM config.price AS p,
    (
        VALUES ('input', p.input), ('cache_read', coalesce(p.cache_read, p.input)), ('cache_write', coalesce(p.cache_write, p.input)),
            ('cache_write_1h', coalesce(p.cache_write_1h, p.cache_write, p.input)), ('output', p.output)
    ) AS b (token_kind, value)
WHERE b.value IS NOT NULL
