-- One row per (billing key that pays for usage). Which usage the line charges for, as far as the provider says; null is any.
-- A cost report and a bill with AI fields (FOCUS SkuPriceDetails) say it themselves; else the SKU, or the description, may name a model.
WITH payer AS (
    SELECT DISTINCT p.paid_by AS source_id, p.payer_kind, p.payer_kind IN ('openai', 'anthropic', 'openrouter') AS is_cost_report
    FROM allocation.paying_source AS p
    WHERE NOT p.is_prepaid
),

scope AS (
    SELECT
        k.key_id,
        k.source_id,
        p.payer_kind,
        p.is_cost_report,
        c.cost_category,
        -- where a SKU is an opaque id, the description tells
        concat_ws(' ', k.sku, k.description) AS line_text,
        CASE WHEN json_valid(k.usage_scope) AND k.usage_scope LIKE '{%' THEN k.usage_scope ELSE '{}' END AS said
    FROM facts.billing_key AS k
    INNER JOIN payer AS p ON k.source_id = p.source_id
    INNER JOIN allocation.key_category AS c ON k.key_id = c.key_id
    WHERE k.charge_category = 'Usage'
),

read AS (
    SELECT
        s.key_id,
        s.source_id,
        s.payer_kind,
        s.is_cost_report,
        s.cost_category,
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
    -- a cost report gives the model's own id, which is no other's; what gives none, as `web search tool calls | gpt-4o`, is for no tokens
    WHERE NOT r.is_cost_report
),

named AS (
    SELECT r.key_id, r.source_id, arg_max(k.model, (length(k.model), k.model)) AS model
    FROM line_words AS r
    INNER JOIN words AS k ON r.source_id = k.source_id AND contains(r.text, k.text)
    GROUP BY r.key_id, r.source_id
),

-- bills name a model's family where logs name its dated versions, or a dated version where logs name the family
meant AS (
    SELECT
        r.key_id,
        coalesce(n.model, r.model) AS model,
        regexp_replace(coalesce(n.model, r.model), '-(20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', '') AS family
    FROM read AS r
    LEFT JOIN named AS n ON r.key_id = n.key_id
),

said AS (
    SELECT
        r.*,
        CASE WHEN u.model IS NULL AND f.model IS NOT NULL THEN m.family ELSE m.model END AS named_model,
        u.model IS NULL AND m.model = m.family AS is_family
    FROM read AS r
    INNER JOIN meant AS m ON r.key_id = m.key_id
    LEFT JOIN used AS u ON r.source_id = u.source_id AND m.model = u.model
    LEFT JOIN used AS f ON r.source_id = f.source_id AND m.family = f.model
)

SELECT
    s.key_id,
    -- a model that no usage is of explains nothing, but it is still that model's line
    s.named_model AS model,
    -- the line is for whatever dated versions of its model were used
    s.is_family,
    s.project,
    s.workspace,
    s.api_key,
    s.service_tier,
    s.price_class,
    s.token_kind
FROM said AS s
-- an invoice is the provider's; a cloud's bill holds other services, too; a cost report also tool calls, storage and sessions
WHERE CASE
    WHEN s.is_cost_report THEN s.named_model IS NOT NULL OR s.line_text = ''
    WHEN s.payer_kind = 'invoice' THEN true
    ELSE s.cost_category = 'api_usage' OR s.named_model IS NOT NULL
END
