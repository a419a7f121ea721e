-- One row per (workload), and one for unattributed: what nobody claims.
WITH used AS (
    SELECT u.workload_id, min(u.usage_date) AS first_usage_date, max(u.usage_date) AS last_usage_date
    FROM marts.usage_daily AS u
    GROUP BY u.workload_id
),

workload AS (
    SELECT w.workload_id, w.name, w.owner, w.cost_center, w.placement, w.size_class, w.tier, w.planned_life_months FROM config.workload AS w
    UNION ALL
    SELECT 'unattributed', 'Unattributed', NULL, NULL, NULL, NULL, NULL, NULL
    UNION ALL
    -- one that left the configuration is still spoken of where its cost was restated or stands in a closed month
    SELECT
        f.workload_id, f.workload_id, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
        CAST(NULL AS INTEGER), CAST(NULL AS DOUBLE)
    FROM (SELECT r.workload_id FROM marts.restatements AS r UNION SELECT b.workload_id FROM ledger.closed_cost AS b) AS f
    WHERE f.workload_id <> 'unattributed' AND f.workload_id NOT IN (SELECT w.workload_id FROM config.workload AS w)
)

SELECT
    w.workload_id, w.name, w.owner, w.cost_center, w.placement, w.size_class, w.tier, w.planned_life_months, u.first_usage_date, u.last_usage_date
FROM workload AS w
LEFT JOIN used AS u ON w.workload_id = u.workload_id
