-- One row per (quarter, workload) that was decided. What was recommended, what the board said, and what came of it.
-- Realised is measured from the effective date on, over complete months on the side that it was moved to: what the other side would have cost less what was paid.
WITH month AS (
    SELECT
        d.quarter,
        d.workload_id,
        CAST(round(avg(CAST(CASE
            WHEN d.recommendation IN ('move_to_self_host', 'split') THEN c.best_api_cost_monthly - c.self_host_cost_monthly
            WHEN d.recommendation = 'move_to_api' THEN c.self_host_cost_monthly - c.best_api_cost_monthly
        END AS DOUBLE)), 6) AS DECIMAL(38, 6)) AS realised,
        count(*) AS months
    FROM ledger.decision AS d
    INNER JOIN marts.crossover_monthly AS c
        ON d.workload_id = c.workload_id AND c.is_complete AND c.month >= d.effective_date
        AND (
            (d.recommendation = 'move_to_self_host' AND c.placement = 'self_host') OR (d.recommendation = 'split' AND c.placement = 'hybrid')
            OR (d.recommendation = 'move_to_api' AND c.placement = 'api')
        )
    WHERE d.decision = 'accept'
    GROUP BY d.quarter, d.workload_id
)

SELECT
    d.quarter,
    d.workload_id,
    d.recommendation,
    d.decision,
    d.decided_by,
    d.decided_at,
    d.note,
    d.projected_saving_monthly,
    m.realised AS realised_saving_monthly,
    d.effective_date,
    coalesce(m.months, 0) AS months_measured,
    -- a hit: money was saved where saving was projected
    CASE WHEN m.realised IS NOT NULL AND d.projected_saving_monthly IS NOT NULL THEN (m.realised > 0) = (d.projected_saving_monthly > 0) END AS is_hit
FROM ledger.decision AS d
LEFT JOIN month AS m ON d.quarter = m.quarter AND d.workload_id = m.workload_id
