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
)

SELECT
    w.workload_id, w.name, w.owner, w.cost_center, w.placement, w.size_class, w.tier, w.planned_life_months, u.first_usage_date, u.last_usage_date
FROM workload AS w
LEFT JOIN used AS u ON w.workload_id = u.workload_id
