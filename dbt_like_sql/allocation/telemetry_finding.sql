-- One row per (check, subject). What a reader should know of servers' and GPUs' metrics.
SELECT
    'server_without_pool' AS check_name, p.source_id AS subject, 'warning' AS severity, count(*) AS rows,
    'servers of ' || coalesce(p.model, '(no model)') || ' belong to no pool: their work is in nobody''s utilisation; name the pool''s model, or match them' AS message
FROM allocation.serving_pool AS p
WHERE p.pool_id IS NULL
GROUP BY p.source_id, p.model
UNION ALL
SELECT
    'gpu_without_pool', p.source_id, 'warning', count(*),
    'GPUs on ' || coalesce(p.hostname, '(no host name)') || ' belong to no pool: match them by resource (their host name) in the pool''s match list'
FROM allocation.gpu_pool AS p
WHERE p.pool_id IS NULL
GROUP BY p.source_id, p.hostname
UNION ALL
SELECT
    'device_coverage', d.pool_id, 'info', count(*),
    'days on which GPU metrics cover less than 80 % of their GPUs'' time: device utilisation speaks of the covered part only'
FROM allocation.pool_device_daily AS d
WHERE CAST(d.covered_seconds AS DOUBLE) < 0.8 * 86400 * d.gpus
GROUP BY d.pool_id
UNION ALL
SELECT
    'unlogged_work', r.pool_id, 'info', count(DISTINCT r.usage_date),
    'days on which servers counted work that no log explains: it is the pool''s unattributed work'
FROM allocation.serving_rest AS r
GROUP BY r.pool_id
