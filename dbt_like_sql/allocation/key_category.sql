-- One row per (billing key). The category of a bill line by the user's and then the shipped classification, in order; what none knows is other_cloud.
SELECT
    k.key_id,
    coalesce(arg_min(e.owner_id, e.entry_rank), 'other_cloud') AS cost_category,
    count(e.entry_id) = 0 AS is_unclassified
FROM facts.billing_key AS k
LEFT JOIN allocation.key_entry AS e ON k.key_id = e.key_id AND e.feed = 'billing' AND e.owner_kind = 'category'
GROUP BY k.key_id
