-- One row per (feed, key, condition field, value). What match conditions can ask of a bill line or a usage row; values in lower case.
WITH billing AS (
    SELECT
        k.key_id,
        unnest(['source', 'workload', 'pool', 'provider', 'billing_account', 'sub_account', 'service', 'service_category', 'region', 'resource',
                'sku', 'description', 'charge_category', 'charge_class', 'commitment_id', 'invoice_id']) AS field,
        unnest([k.source_id, k.workload, k.pool, k.provider, k.billing_account, k.sub_account, k.service, k.service_category, k.region, k.resource,
                k.sku, k.description, k.charge_category, k.charge_class, k.commitment_id, k.invoice_id]) AS value
    FROM facts.billing_key AS k
),

usage AS (
    SELECT
        k.key_id,
        unnest(['source', 'workload', 'pool', 'provider', 'project', 'workspace', 'api_key', 'user', 'team', 'model']) AS field,
        unnest([k.source_id, k.workload, k.pool, k.provider, k.project, k.workspace, k.api_key, k.user_name, k.team, k.model]) AS value
    FROM facts.usage_key AS k
),

-- Distinct texts are parsed once; text that is no JSON object has no tags (and is a finding of staging).
tag_text AS (
    SELECT DISTINCT k.tags AS json_text FROM facts.billing_key AS k WHERE k.tags IS NOT NULL
    UNION
    SELECT DISTINCT k.metadata AS json_text FROM facts.usage_key AS k WHERE k.metadata IS NOT NULL
),

tag AS (
    SELECT t.json_text, lower(trim(e.key)) AS tag_key, lower(e.value ->> '$') AS tag_value
    FROM tag_text AS t, json_each(CASE WHEN json_valid(t.json_text) AND t.json_text LIKE '{%' THEN t.json_text ELSE '{}' END) AS e
),

-- what a cost report, or a bill with AI fields, says its line charges for: the usage's own words, so that one condition takes both
scope_text AS (
    SELECT DISTINCT k.usage_scope AS json_text FROM facts.billing_key AS k WHERE k.usage_scope LIKE '{%' AND json_valid(k.usage_scope)
),

scope AS (
    SELECT
        t.json_text,
        unnest(['project', 'workspace', 'api_key', 'model']) AS field,
        unnest([
            t.json_text ->> '$.project', t.json_text ->> '$.workspace', t.json_text ->> '$.api_key',
            coalesce(t.json_text ->> '$.model', t.json_text ->> '$.ModelId')
        ]) AS value
    FROM scope_text AS t
)

SELECT 'billing' AS feed, b.key_id, b.field, lower(b.value) AS value FROM billing AS b WHERE b.value IS NOT NULL
UNION ALL
SELECT 'billing' AS feed, k.key_id, s.field, lower(s.value) AS value
FROM facts.billing_key AS k
INNER JOIN scope AS s ON k.usage_scope = s.json_text
WHERE s.value IS NOT NULL
UNION ALL
SELECT 'usage' AS feed, u.key_id, u.field, lower(u.value) AS value FROM usage AS u WHERE u.value IS NOT NULL
UNION ALL
SELECT 'billing' AS feed, k.key_id, 'tag.' || t.tag_key AS field, t.tag_value AS value
FROM facts.billing_key AS k
INNER JOIN tag AS t ON k.tags = t.json_text
WHERE t.tag_value IS NOT NULL
UNION ALL
SELECT 'usage' AS feed, k.key_id, 'metadata.' || t.tag_key AS field, t.tag_value AS value
FROM facts.usage_key AS k
INNER JOIN tag AS t ON k.metadata = t.json_text
WHERE t.tag_value IS NOT NULL
