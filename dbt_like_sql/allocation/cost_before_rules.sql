-- One row per (month, workload, category). Effective cost before rules split what is shared: the basis of rules that split by cost.
SELECT
    CAST(date_trunc('month', coalesce(s.split_date, l.usage_date)) AS DATE) AS month,
    s.workload_id,
    s.cost_category,
    sum(CAST(round(CAST(l.effective_cost AS DOUBLE) * CAST(s.share AS DOUBLE), 12) AS DECIMAL(38, 12))) AS effective_cost
FROM allocation.money_line AS l
INNER JOIN allocation.cost_share AS s
    ON l.line_kind = s.line_kind AND l.line_id = s.line_id AND l.usage_date IS NOT DISTINCT FROM s.usage_date
GROUP BY CAST(date_trunc('month', coalesce(s.split_date, l.usage_date)) AS DATE), s.workload_id, s.cost_category
