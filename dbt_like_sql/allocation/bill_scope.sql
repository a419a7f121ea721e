-- One row per (billing key of a source that pays for usage). Which usage the line charges for, as far as the provider says; null is any.
-- A cost report and a bill with AI fields (FOCUS SkuPriceDetails) say it themselves; else the SKU, or the description, may name a model.
WITH payer AS (
    SELECT DISTINCT p.paid_by AS source_id, p.payer_kind IN ('openai', 'anthropic', 'openrouter') AS is_cost_report
    FROM allocation.paying_source AS p
    WHERE NOT p.is_prepaid
),

scope AS (
    SELECT
        k.key_id,
        k.source_id,
        p.is_cost_report,
        -- where a SKU is an opaque id, the description tells
        concat_ws(' ', k.sku, k.description) AS line_text,
        CASE WHEN json_valid(k.usage_scope) AND k.usage_scope LIKE '{%' THEN k.usage_scope ELSE '{}' END AS said
    FROM facts.billing_key AS k
    INNER JOIN payer AS p ON k.source_id = p.source_id
),

read AS (
    SELECT
        s.key_id,
        s.source_id,
        s.is_cost_report,
        s.line_text,
        lower(coalesce(s.said ->> '$.model', s.said ->> '$.ModelId')) AS model,
        lower(s.said ->> '$.project') AS project,
        lower(s.said ->> '$.workspace') AS workspace,
        lower(s.said ->> '$.api_key') AS api_key,
        lower(s.said ->> '$.service_tier') AS service_tier,
        CASE s.said ->> '$.context_window' WHEN '0-200k' THEN 0 WHEN '200k-1M' THEN 1 END AS price_class,
        CASE
            WHEN s.said ->> '$.token_kind' IS NOT NULL THEN lower(s.said ->> '$.token_kind')
            WHEN lower(s.said ->> '$.TokenDirection') = 'output' THEN 'output'
            WHEN lower(s.said ->> '$.TokenCacheAction') = 'read' THEN 'cache_read'
            WHEN lower(s.said ->> '$.TokenCacheAction') = 'write' THEN 'cache_write'
            WHEN lower(s.said ->> '$.TokenDirection') = 'input' THEN 'input'
            -- a cloud's names of token SKUs: what is cached goes before what merely is input
            WHEN lower(s.line_text) LIKE '%cache-read-input-token%' THEN 'cache_read'
            WHEN lower(s.line_text) LIKE '%cache-write-input-token%' THEN 'cache_write'
            WHEN lower(s.line_text) LIKE '%input-token%' THEN 'input'
            WHEN lower(s.line_text) LIKE '%output-token%' THEN 'output'
        END AS token_kind
    FROM scope AS s
),

used AS (
    SELECT DISTINCT p.paid_by AS source_id, lower(u.model) AS model
    FROM allocation.usage AS u
    INNER JOIN allocation.paying_source AS p ON u.source_id = p.source_id
    WHERE u.side = 'api' AND u.model IS NOT NULL
),

-- a model that nobody used, but whose price is known, keeps its lines from another model's name that it begins with: `gpt-4o-mini` is no gpt-4o
known AS (
    SELECT u.source_id, u.model FROM used AS u
    UNION
    SELECT p.source_id, lower(x.model) FROM payer AS p CROSS JOIN (SELECT DISTINCT y.model FROM config.price AS y) AS x
),

-- bills write `Gemini 2.5 Pro` for gemini-2.5-pro: whole words are compared, whatever stands between them
words AS (
    SELECT k.source_id, k.model, ' ' || regexp_replace(regexp_replace(lower(k.model), '([0-9])[.]([0-9])', '\1_\2', 'g'), '[^a-z0-9_]+', ' ', 'g') || ' ' AS text
    FROM known AS k
),

line_words AS (
    SELECT r.key_id, r.source_id, ' ' || regexp_replace(regexp_replace(lower(coalesce(r.model, r.line_text)), '([0-9])[.]([0-9])', '\1_\2', 'g'), '[^a-z0-9_]+', ' ', 'g') || ' ' AS text
    FROM read AS r
),

named AS (
    SELECT r.key_id, r.source_id, arg_max(k.model, (length(k.model), k.model)) AS model
    FROM line_words AS r
    INNER JOIN words AS k ON r.source_id = k.source_id AND contains(r.text, k.text)
    GROUP BY r.key_id, r.source_id
),

-- bills name a model's family or one dated version of it, where logs name the other
meant AS (
    SELECT n.key_id, coalesce(max(CASE WHEN u.model = n.model THEN u.model END), max(u.model)) AS model
    FROM named AS n
    INNER JOIN used AS u
        ON n.source_id = u.source_id
        AND (u.model = n.model OR regexp_replace(u.model, '-(20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', '') = regexp_replace(n.model, '-(20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', ''))
    GROUP BY n.key_id
)

SELECT
    r.key_id,
    -- a model that no usage is of explains nothing, but it is still that model's line
    coalesce(m.model, n.model, r.model) AS model,
    r.project,
    r.workspace,
    r.api_key,
    r.service_tier,
    r.price_class,
    r.token_kind,
    -- a line of a cost report that is for something but no model's tokens: tool calls, storage, sessions
    r.is_cost_report AND r.line_text <> '' AND coalesce(m.model, n.model, r.model) IS NULL AS is_for_no_model
FROM read AS r
LEFT JOIN named AS n ON r.key_id = n.key_id
LEFT JOIN meant AS m ON r.key_id = m.key_id
