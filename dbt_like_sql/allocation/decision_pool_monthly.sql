-- One row per (pool, month) up to as-of: capacity, work and bill of a pool, for the decision. The bill is null where no bill line pays for the pool.
WITH paid AS (
    SELECT c.pool_id, CAST(date_trunc('month', c.usage_date) AS DATE) AS month, sum(c.effective_cost) AS bill_cost
    FROM allocation.cost AS c
    CROSS JOIN config.parameters AS p
    WHERE c.cost_category IN ('gpu_compute', 'gpu_idle') AND c.pool_id IS NOT NULL AND c.usage_date <= p.as_of
    GROUP BY c.pool_id, CAST(date_trunc('month', c.usage_date) AS DATE)
),

device AS (
    SELECT
        d.pool_id, CAST(date_trunc('month', d.usage_date) AS DATE) AS month,
        CAST(sum(d.busy_seconds) AS DOUBLE) / CAST(sum(d.covered_seconds) AS DOUBLE) AS device_utilisation
    FROM allocation.pool_device_daily AS d
    CROSS JOIN config.parameters AS p
    WHERE d.usage_date <= p.as_of
    GROUP BY d.pool_id, CAST(date_trunc('month', d.usage_date) AS DATE)
)

SELECT
    h.pool_id,
    CAST(date_trunc('month', h.usage_date) AS DATE) AS month,
    CAST(any_value(c.bill_cost) AS DOUBLE) AS bill_cost,
    CAST(sum(h.replicas) AS DOUBLE) / count(*) AS replicas,
    CAST(sum(h.replicas) AS DOUBLE) / count(*) * any_value(p.gpus_per_replica) AS gpus,
    CAST(count(*) AS DOUBLE) AS covered_hours,
    CAST(sum(h.replicas) AS DOUBLE) AS replica_hours_provisioned,
    CAST(sum(h.replica_seconds) AS DOUBLE) / 3600 AS replica_hours_worked,
    any_value(d.device_utilisation) AS device_utilisation
FROM allocation.pool_hour AS h
INNER JOIN config.pool AS p ON h.pool_id = p.pool_id
CROSS JOIN config.parameters AS a
LEFT JOIN device AS d ON h.pool_id = d.pool_id AND CAST(date_trunc('month', h.usage_date) AS DATE) = d.month
LEFT JOIN paid AS c ON h.pool_id = c.pool_id AND CAST(date_trunc('month', h.usage_date) AS DATE) = c.month
WHERE h.usage_date <= a.as_of
GROUP BY h.pool_id, CAST(date_trunc('month', h.usage_date) AS DATE)
