-- One row per (pool, month, workload). Who bears a pool's idle cost, by its idle policy: by the month's work, one owner, or nobody.
SELECT s.pool_id, s.month, s.workload_id, s.share
FROM allocation.pool_month_share AS s
INNER JOIN config.pool AS p ON s.pool_id = p.pool_id
WHERE p.idle_policy = 'proportional'
UNION ALL
SELECT DISTINCT s.pool_id, s.month, CASE WHEN p.idle_policy = 'owner' THEN p.idle_owner ELSE 'unattributed' END AS workload_id, 1 AS share
FROM allocation.pool_month_share AS s
INNER JOIN config.pool AS p ON s.pool_id = p.pool_id
WHERE p.idle_policy <> 'proportional'
