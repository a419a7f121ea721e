-- One row per (pool, day) that any GPU's metrics speak of. Seconds that its GPUs' use is known for, and that they were in use.
SELECT
    p.pool_id,
    CAST(g.usage_hour AS DATE) AS usage_date,
    sum(g.covered_seconds) AS covered_seconds,
    sum(g.busy_seconds) AS busy_seconds,
    count(DISTINCT coalesce(p.uuid, p.hostname || ' ' || p.gpu) || coalesce(' ' || p.mig_instance, '')) AS gpus
FROM facts.gpu_hourly AS g
INNER JOIN allocation.gpu_pool AS p ON g.key_id = p.key_id AND p.pool_id IS NOT NULL
WHERE g.covered_seconds > 0
GROUP BY p.pool_id, CAST(g.usage_hour AS DATE)
