-- One row per (GPU, and workload that had it). Which pool a GPU serves: by the pool's match conditions, by the pod that runs on it, by another GPU of its
-- host; where there is one pool only, that one. An idle GPU has no pod, and it costs all the same.
WITH matched AS (
    SELECT e.key_id, arg_min(e.owner_id, e.entry_rank) AS pool_id
    FROM allocation.key_entry AS e
    WHERE e.feed = 'gpu' AND e.owner_kind = 'pool'
    GROUP BY e.key_id
),

pod AS (
    SELECT s.namespace, s.pod, CASE WHEN count(DISTINCT s.pool_id) = 1 THEN min(s.pool_id) END AS pool_id
    FROM allocation.serving_pool AS s
    WHERE s.pod IS NOT NULL AND s.pool_id IS NOT NULL
    GROUP BY s.namespace, s.pod
),

by_pod AS (
    SELECT k.key_id, k.hostname, coalesce(m.pool_id, p.pool_id) AS pool_id
    FROM facts.gpu_key AS k
    LEFT JOIN matched AS m ON k.key_id = m.key_id
    LEFT JOIN pod AS p ON k.pod = p.pod AND (p.namespace IS NULL OR k.namespace IS NULL OR k.namespace = p.namespace)
),

host AS (
    SELECT b.hostname, CASE WHEN count(DISTINCT b.pool_id) = 1 THEN min(b.pool_id) END AS pool_id
    FROM by_pod AS b
    WHERE b.hostname IS NOT NULL AND b.pool_id IS NOT NULL
    GROUP BY b.hostname
),

single AS (
    SELECT CASE WHEN count(*) = 1 THEN min(p.pool_id) END AS pool_id FROM config.pool AS p
)

SELECT k.key_id, k.source_id, k.hostname, k.gpu, k.uuid, k.mig_instance, coalesce(b.pool_id, h.pool_id, o.pool_id) AS pool_id
FROM facts.gpu_key AS k
INNER JOIN (SELECT x.key_id, min(x.pool_id) AS pool_id, any_value(x.hostname) AS hostname FROM by_pod AS x GROUP BY x.key_id) AS b ON k.key_id = b.key_id
LEFT JOIN host AS h ON k.hostname = h.hostname
CROSS JOIN single AS o
