-- One row per (server whose metrics tell what a pool did). By the pool's own match conditions, else by the model that it serves; a pool's model may be named
-- shorter than the server names it (`llama-3.3-70b`, `meta-llama/Llama-3.3-70B-Instruct`), the longest such name wins, and two pools of one are none.
WITH matched AS (
    SELECT e.key_id, arg_min(e.owner_id, e.entry_rank) AS pool_id
    FROM allocation.key_entry AS e
    WHERE e.feed = 'serving' AND e.owner_kind = 'pool'
    GROUP BY e.key_id
),

served AS (
    SELECT k.key_id, ' ' || regexp_replace(regexp_replace(lower(k.model), '([0-9])[.]([0-9])', '\1_\2', 'g'), '[^a-z0-9_]+', ' ', 'g') || ' ' AS words
    FROM facts.serving_key AS k
),

pool AS (
    SELECT p.pool_id, ' ' || regexp_replace(regexp_replace(lower(p.model), '([0-9])[.]([0-9])', '\1_\2', 'g'), '[^a-z0-9_]+', ' ', 'g') || ' ' AS words
    FROM config.pool AS p
),

named AS (
    SELECT s.key_id, max(length(p.words)) AS longest
    FROM served AS s
    INNER JOIN pool AS p ON contains(s.words, p.words)
    GROUP BY s.key_id
),

by_model AS (
    SELECT s.key_id, CASE WHEN count(*) = 1 THEN min(p.pool_id) END AS pool_id
    FROM served AS s
    INNER JOIN named AS n ON s.key_id = n.key_id
    INNER JOIN pool AS p ON contains(s.words, p.words) AND length(p.words) = n.longest
    GROUP BY s.key_id
)

SELECT k.key_id, k.source_id, k.model, k.namespace, k.pod, coalesce(m.pool_id, b.pool_id) AS pool_id
FROM facts.serving_key AS k
LEFT JOIN matched AS m ON k.key_id = m.key_id
LEFT JOIN by_model AS b ON k.key_id = b.key_id
