-- One row per (month, workload, category, source, delivery, match, basis). The way from a cost back to the files and rows that it came from.
WITH line AS (
    -- a line that is spread over days or split into parts counts its rows once
    SELECT
        CAST(date_trunc('month', c.usage_date) AS DATE) AS month,
        c.workload_id,
        c.cost_category,
        c.source_id,
        c.match_id,
        c.cost_basis,
        c.line_kind,
        c.line_id,
        sum(c.effective_cost) AS effective_cost
    FROM allocation.cost AS c
    GROUP BY
        CAST(date_trunc('month', c.usage_date) AS DATE), c.workload_id, c.cost_category, c.source_id, c.match_id, c.cost_basis, c.line_kind, c.line_id
)

SELECT
    c.month,
    c.workload_id,
    c.cost_category,
    c.source_id,
    l.delivery,
    c.match_id,
    c.cost_basis,
    CAST(sum(l.row_count) AS BIGINT) AS source_rows,
    min(l.first_row_number) AS first_row_number,
    sum(c.effective_cost) AS effective_cost
FROM line AS c
LEFT JOIN allocation.bill_line AS l ON c.line_kind = 'bill' AND c.line_id = l.line_id
GROUP BY c.month, c.workload_id, c.cost_category, c.source_id, l.delivery, c.match_id, c.cost_basis
