-- One row per (bill line that pays for usage, day, workload and match of that usage). The line's split by priced usage of its own days and, as far as the
-- line says, of its project or workspace, key, model, tier and kind of token; a line without such usage has one row without a workload.
WITH payer AS (
    SELECT DISTINCT p.paid_by AS source_id, p.payer_kind FROM allocation.paying_source AS p WHERE NOT p.is_prepaid
),

line AS (
    SELECT
        l.line_id, l.source_id, l.charge_date, l.charge_days, b.model, b.project, b.workspace, b.api_key, b.service_tier, b.price_class, b.token_kind
    FROM allocation.bill_line AS l
    INNER JOIN payer AS s ON l.source_id = s.source_id
    INNER JOIN allocation.bill_scope AS b ON l.key_id = b.key_id AND NOT b.is_for_no_model
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    -- an invoice is the provider's; a cloud's bill holds other services, too
    WHERE l.charge_category = 'Usage' AND m.rule_id IS NULL AND m.pool_id IS NULL
        AND (s.payer_kind = 'invoice' OR l.cost_category = 'api_usage' OR b.model IS NOT NULL)
),

line_day AS (
    SELECT l.line_id, l.source_id, CAST(l.charge_date + CAST(s.day_number AS INTEGER) AS DATE) AS usage_date
    FROM line AS l, generate_series(0, l.charge_days - 1) AS s (day_number)
),

-- what each kind of token costs at its price; where the price is unknown, tokens of one model and kind still tell the shares
usage AS (
    SELECT
        q.paid_by AS source_id,
        u.usage_date,
        lower(u.model) AS model,
        coalesce(lower(u.service_tier), 'standard') AS service_tier,
        u.price_class,
        lower(k.project) AS project,
        lower(k.workspace) AS workspace,
        lower(k.api_key) AS api_key,
        u.workload_id,
        u.environment,
        u.match_id,
        sum(u.priced_cost) AS priced_cost,
        sum(CAST(u.input_uncached_tokens AS DOUBLE) * coalesce(CAST(t.input_price AS DOUBLE), 1)) AS input_cost,
        sum(CAST(u.cache_read_tokens AS DOUBLE) * coalesce(CAST(t.cache_read_price AS DOUBLE), 1)) AS cache_read_cost,
        sum(CAST(u.cache_write_tokens - u.cache_write_1h_tokens AS DOUBLE) * coalesce(CAST(t.cache_write_price AS DOUBLE), 1)) AS cache_write_cost,
        sum(CAST(u.cache_write_1h_tokens AS DOUBLE) * coalesce(CAST(t.cache_write_1h_price AS DOUBLE), 1)) AS cache_write_1h_cost,
        sum(CAST(u.output_tokens AS DOUBLE) * coalesce(CAST(t.output_price AS DOUBLE), 1)) AS output_cost
    FROM allocation.usage AS u
    INNER JOIN allocation.paying_source AS q ON u.source_id = q.source_id AND NOT q.is_prepaid
    INNER JOIN allocation.usage_matched AS x ON u.usage_id = x.usage_id
    INNER JOIN facts.usage_key AS k ON x.key_id = k.key_id
    LEFT JOIN allocation.token_price AS t
        ON u.provider = t.provider AND u.model = t.model AND coalesce(u.service_tier, 'standard') = t.service_tier AND u.price_class = t.price_class
        AND u.usage_date = t.usage_date
    WHERE u.side = 'api'
    GROUP BY
        q.paid_by, u.usage_date, lower(u.model), coalesce(lower(u.service_tier), 'standard'), u.price_class, lower(k.project), lower(k.workspace),
        lower(k.api_key), u.workload_id, u.environment, u.match_id
),

weighed AS (
    SELECT
        l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id,
        sum(CASE
            WHEN l.token_kind = 'input' THEN u.input_cost
            WHEN l.token_kind = 'cache_read' THEN u.cache_read_cost
            WHEN l.token_kind = 'cache_write' THEN u.cache_write_cost
            WHEN l.token_kind = 'cache_write_1h' THEN u.cache_write_1h_cost
            WHEN l.token_kind = 'output' THEN u.output_cost
            ELSE CAST(u.priced_cost AS DOUBLE)
        END ORDER BY u.model, u.service_tier, u.price_class, u.project, u.workspace, u.api_key) AS weight
    FROM line_day AS d
    INNER JOIN line AS l ON d.line_id = l.line_id
    INNER JOIN usage AS u
        ON d.source_id = u.source_id AND d.usage_date = u.usage_date
        AND (l.model IS NULL OR l.model = u.model)
        -- usage that isn't grouped by a dimension says nothing of it
        AND (l.project IS NULL OR u.project IS NULL OR l.project = u.project)
        AND (l.workspace IS NULL OR u.workspace IS NULL OR l.workspace = u.workspace)
        AND (l.api_key IS NULL OR u.api_key IS NULL OR l.api_key = u.api_key)
        AND (l.service_tier IS NULL OR l.service_tier = u.service_tier)
        AND (l.price_class IS NULL OR l.price_class = u.price_class)
    GROUP BY l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id
),

explained AS (
    SELECT w.line_id, w.usage_date, w.workload_id, w.environment, w.match_id, w.weight, sum(w.weight) OVER (PARTITION BY w.line_id) AS total
    FROM weighed AS w
    WHERE w.weight > 0
)

SELECT
    l.line_id,
    l.charge_date,
    e.usage_date,
    e.workload_id,
    e.environment,
    e.match_id,
    CAST(e.weight / e.total AS DECIMAL(38, 18)) AS share
FROM line AS l
LEFT JOIN explained AS e ON l.line_id = e.line_id
