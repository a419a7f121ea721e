-- One row per (feed, key, match entry whose conditions all hold), whatever its dates.
WITH hit AS (
    SELECT DISTINCT v.feed, v.key_id, c.entry_id, c.condition_number, c.is_negated
    FROM (
        SELECT k.feed, k.key_id, k.field, k.value FROM allocation.key_value AS k
        UNION ALL
        SELECT t.feed, t.key_id, t.field, t.value FROM allocation.telemetry_value AS t
    ) AS v
    INNER JOIN config.match_condition AS c ON v.field = c.field AND v.value GLOB c.pattern
),

score AS (
    SELECT
        h.feed,
        h.key_id,
        h.entry_id,
        count(*) FILTER (WHERE NOT h.is_negated) AS positive_hits,
        count(*) FILTER (WHERE h.is_negated) AS negative_hits
    FROM hit AS h
    GROUP BY h.feed, h.key_id, h.entry_id
),

every_key AS (
    SELECT 'billing' AS feed, k.key_id FROM facts.billing_key AS k
    UNION ALL
    SELECT 'usage' AS feed, k.key_id FROM facts.usage_key AS k
),

matched AS (
    SELECT s.feed, s.key_id, s.entry_id
    FROM score AS s
    INNER JOIN config.match_entry AS e ON s.entry_id = e.entry_id
    WHERE e.positive_conditions > 0 AND s.positive_hits = e.positive_conditions AND s.negative_hits = 0
    UNION ALL
    -- entries that only say what must not be
    SELECT k.feed, k.key_id, e.entry_id
    FROM every_key AS k
    CROSS JOIN config.match_entry AS e
    LEFT JOIN score AS s ON k.feed = s.feed AND k.key_id = s.key_id AND e.entry_id = s.entry_id
    WHERE e.positive_conditions = 0 AND coalesce(s.negative_hits, 0) = 0
)

SELECT
    m.feed, m.key_id, m.entry_id, e.owner_kind, e.owner_id, e.entry_number, e.entry_rank, e.environment, e.valid_from, e.valid_to
FROM matched AS m
INNER JOIN config.match_entry AS e ON m.entry_id = e.entry_id
