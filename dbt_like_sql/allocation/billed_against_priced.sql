-- One row per (usage source, month) whose bill explains any of it. What was billed for usage, and what that usage costs at its prices, in the reporting
-- currency: lines that no usage explains and usage that no line charges for are on neither side, nor is usage without a price.
WITH part AS (
    SELECT
        l.line_id,
        u.source_id,
        CAST(date_trunc('month', u.usage_date) AS DATE) AS month,
        sum(CASE WHEN l.priced_cost IS NOT NULL THEN l.weight END) AS weight
    FROM allocation.line_usage AS l
    INNER JOIN allocation.billable_usage AS u ON l.group_id = u.group_id
    GROUP BY l.line_id, u.source_id, CAST(date_trunc('month', u.usage_date) AS DATE)
),

total AS (
    SELECT l.line_id, sum(l.weight) AS weight FROM allocation.line_usage AS l GROUP BY l.line_id
),

billed AS (
    SELECT
        p.source_id,
        p.month,
        sum(CASE
            WHEN p.weight = t.weight THEN l.billed_cost
            ELSE CAST(round(CAST(l.billed_cost AS DOUBLE) * CAST(p.weight AS DOUBLE) / CAST(t.weight AS DOUBLE), 12) AS DECIMAL(38, 12))
        END) AS billed_cost
    FROM part AS p
    INNER JOIN total AS t ON p.line_id = t.line_id
    INNER JOIN allocation.bill_line AS l ON p.line_id = l.line_id
    WHERE p.weight IS NOT NULL
    GROUP BY p.source_id, p.month
),

-- a kind of token counts once, however many lines charge for it (corrections, surcharges)
charged AS (
    SELECT DISTINCT l.group_id, b.token_kind
    FROM allocation.line_usage AS l
    INNER JOIN allocation.bill_line AS k ON l.line_id = k.line_id
    INNER JOIN allocation.bill_scope AS b ON k.key_id = b.key_id
    WHERE l.priced_cost IS NOT NULL
),

kind AS (
    SELECT c.group_id, c.token_kind FROM charged AS c
    WHERE c.token_kind IS NULL OR c.group_id NOT IN (SELECT w.group_id FROM charged AS w WHERE w.token_kind IS NULL)
),

priced AS (
    SELECT
        u.source_id,
        CAST(date_trunc('month', u.usage_date) AS DATE) AS month,
        sum(CASE k.token_kind
            WHEN 'input' THEN u.input_cost
            WHEN 'cache_read' THEN u.cache_read_cost
            WHEN 'cache_write' THEN u.cache_write_cost
            WHEN 'cache_write_1h' THEN u.cache_write_1h_cost
            WHEN 'output' THEN u.output_cost
            ELSE u.priced_cost
        END) AS priced_cost
    FROM kind AS k
    INNER JOIN allocation.billable_usage AS u ON k.group_id = u.group_id
    GROUP BY u.source_id, CAST(date_trunc('month', u.usage_date) AS DATE)
)

SELECT b.source_id, b.month, b.billed_cost, p.priced_cost
FROM billed AS b
INNER JOIN priced AS p ON b.source_id = p.source_id AND b.month = p.month
