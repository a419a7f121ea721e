-- One row per (bill line that pays for usage, group of billable usage that it may charge for): usage of the line's own days and, as far as the line
-- says, of its project or workspace, key, model, tier and kind of token. A line without such usage has no row.
WITH line AS (
    SELECT
        l.line_id, l.source_id, l.charge_date, l.charge_days, b.model, b.is_family, b.project, b.workspace, b.api_key, b.service_tier, b.price_class,
        b.token_kind
    FROM allocation.bill_line AS l
    INNER JOIN allocation.bill_scope AS b ON l.key_id = b.key_id
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND l.key_id = m.key_id AND l.charge_date = m.usage_date
    WHERE m.rule_id IS NULL AND m.pool_id IS NULL
),

line_day AS (
    SELECT l.line_id, l.source_id, CAST(l.charge_date + CAST(s.day_number AS INTEGER) AS DATE) AS usage_date
    FROM line AS l, generate_series(0, l.charge_days - 1) AS s (day_number)
),

-- the line's kind of token of the usage: its cost at the price, and its tokens
charged AS (
    SELECT
        l.line_id,
        l.model IS NOT NULL AS names_a_model,
        u.group_id,
        CASE l.token_kind
            WHEN 'input' THEN u.input_cost
            WHEN 'cache_read' THEN u.cache_read_cost
            WHEN 'cache_write' THEN u.cache_write_cost
            WHEN 'cache_write_1h' THEN u.cache_write_1h_cost
            WHEN 'output' THEN u.output_cost
            ELSE u.priced_cost
        END AS priced_cost,
        CASE l.token_kind
            WHEN 'input' THEN u.input_tokens
            WHEN 'cache_read' THEN u.cache_read_tokens
            WHEN 'cache_write' THEN u.cache_write_tokens
            WHEN 'cache_write_1h' THEN u.cache_write_1h_tokens
            WHEN 'output' THEN u.output_tokens
            ELSE u.input_tokens + u.cache_read_tokens + u.cache_write_tokens + u.cache_write_1h_tokens + u.output_tokens
        END AS tokens
    FROM line_day AS d
    INNER JOIN line AS l ON d.line_id = l.line_id
    INNER JOIN allocation.billable_usage AS u
        ON d.source_id = u.paid_by AND d.usage_date = u.usage_date
        AND (
            l.model IS NULL OR l.model = u.model
            OR (l.is_family AND l.model = regexp_replace(u.model, '-(20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', ''))
        )
        -- usage that isn't grouped by a dimension says nothing of it
        AND (l.project IS NULL OR u.project IS NULL OR l.project = u.project)
        AND (l.workspace IS NULL OR u.workspace IS NULL OR l.workspace = u.workspace)
        AND (l.api_key IS NULL OR u.api_key IS NULL OR l.api_key = u.api_key)
        AND (l.service_tier IS NULL OR l.service_tier = u.service_tier)
        AND (l.price_class IS NULL OR l.price_class = u.price_class)
),

-- where a price is unknown, tokens of one model and kind still tell the shares; tokens of several models tell nothing
weighed AS (
    SELECT
        c.line_id,
        c.group_id,
        c.priced_cost,
        CASE
            WHEN c.names_a_model AND bool_or(c.priced_cost IS NULL AND c.tokens > 0) OVER line THEN CAST(c.tokens AS DECIMAL(38, 12))
            ELSE c.priced_cost
        END AS weight
    FROM charged AS c
    WINDOW line AS (PARTITION BY c.line_id)
)

SELECT w.line_id, w.group_id, w.priced_cost, w.weight
FROM weighed AS w
WHERE w.weight > 0
