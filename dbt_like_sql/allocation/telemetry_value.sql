-- One row per (feed, key, condition field, value). What a pool's match conditions can ask of a server's or a GPU's metrics; values in lower case.
WITH serving AS (
    SELECT
        k.key_id,
        unnest(['source', 'model', 'metadata.engine', 'metadata.namespace', 'metadata.pod', 'metadata.instance', 'metadata.job']) AS field,
        unnest([k.source_id, k.model, k.engine, k.namespace, k.pod, k.instance, k.job]) AS value
    FROM facts.serving_key AS k
),

gpu AS (
    SELECT
        k.key_id,
        unnest(['source', 'resource', 'metadata.hostname', 'metadata.uuid', 'metadata.gpu_model', 'metadata.namespace', 'metadata.pod', 'metadata.container'])
            AS field,
        unnest([k.source_id, k.hostname, k.hostname, k.uuid, k.gpu_model, k.namespace, k.pod, k.container]) AS value
    FROM facts.gpu_key AS k
)

SELECT 'serving' AS feed, s.key_id, s.field, lower(s.value) AS value FROM serving AS s WHERE s.value IS NOT NULL
UNION ALL
SELECT 'gpu' AS feed, g.key_id, g.field, lower(g.value) AS value FROM gpu AS g WHERE g.value IS NOT NULL
