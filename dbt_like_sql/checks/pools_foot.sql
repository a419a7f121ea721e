-- Must return no rows: served + idle = the pool's bill lines, unused commitments apart.
WITH paid AS (
    SELECT m.pool_id, sum(d.effective_cost) AS effective_cost
    FROM allocation.bill_day AS d
    INNER JOIN allocation.key_match AS m ON m.feed = 'billing' AND d.key_id = m.key_id AND d.usage_date = m.usage_date AND m.pool_id IS NOT NULL
    WHERE NOT d.is_unused_commitment AND d.charge_category NOT IN ('Tax', 'Credit')
    GROUP BY m.pool_id
    UNION ALL
    SELECT h.pool_id, sum(h.effective_cost) FROM allocation.owned_hardware_day AS h GROUP BY h.pool_id
),

paid_pool AS (
    SELECT p.pool_id, sum(p.effective_cost) AS effective_cost FROM paid AS p GROUP BY p.pool_id
),

used AS (
    SELECT u.pool_id, sum(u.served_cost) + sum(u.idle_cost) AS effective_cost FROM marts.pool_utilisation_daily AS u GROUP BY u.pool_id
)

SELECT coalesce(p.pool_id, u.pool_id) AS pool_id, p.effective_cost AS paid, u.effective_cost AS served_and_idle
FROM paid_pool AS p
FULL JOIN used AS u ON p.pool_id = u.pool_id
WHERE coalesce(p.effective_cost, 0) <> coalesce(u.effective_cost, 0)
