-- One row per (month, workload, category, source, delivery, match). The way from a cost back to the files and rows that it came from.
SELECT
    CAST(date_trunc('month', c.usage_date) AS DATE) AS month,
    c.workload_id,
    c.cost_category,
    c.source_id,
    l.delivery,
    c.match_id,
    c.cost_basis,
    CAST(sum(l.row_count) FILTER (WHERE c.line_kind = 'bill') AS BIGINT) AS source_rows,
    min(l.first_row_number) AS first_row_number,
    sum(c.effective_cost) AS effective_cost
FROM allocation.cost AS c
LEFT JOIN allocation.bill_line AS l ON c.line_kind = 'bill' AND c.line_id = l.line_id
GROUP BY CAST(date_trunc('month', c.usage_date) AS DATE), c.workload_id, c.cost_category, c.source_id, l.delivery, c.match_id, c.cost_basis
