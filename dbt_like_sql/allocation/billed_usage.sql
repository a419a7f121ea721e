-- One row per (bill line that usage explains, day, workload, environment and match of that usage). The line's split by priced usage.
WITH part AS (
    SELECT l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id, sum(l.weight) AS weight
    FROM allocation.line_usage AS l
    INNER JOIN allocation.billable_usage AS u ON l.group_id = u.group_id
    GROUP BY l.line_id, u.usage_date, u.workload_id, u.environment, u.match_id
)

SELECT
    p.line_id,
    p.usage_date,
    p.workload_id,
    p.environment,
    p.match_id,
    CAST(CAST(p.weight AS DOUBLE) / CAST(sum(p.weight) OVER (PARTITION BY p.line_id) AS DOUBLE) AS DECIMAL(38, 18)) AS share
FROM part AS p
