-- One row per (accounting month, workload, category). Cents by largest remainder, so that a month's rows add up to its rounded total.
WITH exact AS (
    SELECT c.accounting_month AS month, c.workload_id, c.cost_category, sum(c.billed_cost) AS billed, sum(c.effective_cost) AS effective
    FROM marts.cost_daily AS c
    GROUP BY c.accounting_month, c.workload_id, c.cost_category
),

floored AS (
    SELECT
        e.*,
        CAST(floor(e.billed * 100) AS DECIMAL(38, 0)) AS billed_cents,
        CAST(floor(e.effective * 100) AS DECIMAL(38, 0)) AS effective_cents
    FROM exact AS e
),

ranked AS (
    SELECT
        f.*,
        row_number() OVER (PARTITION BY f.month ORDER BY f.billed * 100 - f.billed_cents DESC, f.workload_id, f.cost_category) AS billed_rank,
        row_number() OVER (PARTITION BY f.month ORDER BY f.effective * 100 - f.effective_cents DESC, f.workload_id, f.cost_category) AS effective_rank,
        CAST(round_even(sum(f.billed) OVER (PARTITION BY f.month) * 100, 0) AS DECIMAL(38, 0))
        - sum(f.billed_cents) OVER (PARTITION BY f.month) AS billed_missing,
        CAST(round_even(sum(f.effective) OVER (PARTITION BY f.month) * 100, 0) AS DECIMAL(38, 0))
        - sum(f.effective_cents) OVER (PARTITION BY f.month) AS effective_missing
    FROM floored AS f
)

SELECT
    r.month,
    r.workload_id,
    h.owner,
    h.cost_center,
    r.cost_category,
    g.side,
    g.in_unit_cost,
    CAST((r.billed_cents + CASE WHEN r.billed_rank <= r.billed_missing THEN 1 ELSE 0 END) * 0.01 AS DECIMAL(38, 2)) AS billed_cost,
    CAST((r.effective_cents + CASE WHEN r.effective_rank <= r.effective_missing THEN 1 ELSE 0 END) * 0.01 AS DECIMAL(38, 2)) AS effective_cost
FROM ranked AS r
INNER JOIN reference.cost_category AS g ON r.cost_category = g.cost_category
-- whose workload it was on the month's last day
LEFT JOIN config.workload_history AS h
    ON r.workload_id = h.workload_id AND (h.valid_from IS NULL OR h.valid_from <= last_day(r.month)) AND (h.valid_to IS NULL OR h.valid_to > last_day(r.month))
