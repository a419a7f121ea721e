-- One row per (month of use, workload with usage). What a million tokens and a thousand requests cost, all categories of unit cost in.
WITH usage AS (
    SELECT
        CAST(date_trunc('month', u.usage_date) AS DATE) AS month,
        u.workload_id,
        CASE WHEN count(u.requests) = count(*) THEN sum(CAST(u.requests AS DECIMAL(38, 0))) END AS requests,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0)) + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens) AS tokens,
        sum(CASE
            WHEN u.side = 'self_host' OR u.priced_cost IS NOT NULL
                THEN CAST(u.input_uncached_tokens AS DECIMAL(38, 0)) + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens
            ELSE 0
        END) AS priced_tokens
    FROM marts.usage_daily AS u
    GROUP BY CAST(date_trunc('month', u.usage_date) AS DATE), u.workload_id
),

cost AS (
    SELECT CAST(date_trunc('month', c.usage_date) AS DATE) AS month, c.workload_id, sum(c.effective_cost) AS effective_cost
    FROM marts.cost_daily AS c
    INNER JOIN reference.cost_category AS g ON c.cost_category = g.cost_category
    WHERE g.in_unit_cost
    GROUP BY CAST(date_trunc('month', c.usage_date) AS DATE), c.workload_id
)

SELECT
    u.month,
    u.workload_id,
    CAST(u.requests AS BIGINT) AS requests,
    CAST(u.tokens AS BIGINT) AS tokens,
    CASE WHEN u.tokens > 0 THEN CAST(u.priced_tokens AS DOUBLE) / CAST(u.tokens AS DOUBLE) END AS priced_tokens_share,
    coalesce(c.effective_cost, 0) AS effective_cost,
    CASE
        WHEN u.tokens > 0 THEN CAST(round(CAST(coalesce(c.effective_cost, 0) AS DOUBLE) * 1000000 / CAST(u.tokens AS DOUBLE), 6) AS DECIMAL(38, 6))
    END AS cost_per_million_tokens,
    CASE
        WHEN u.requests > 0 THEN CAST(round(CAST(coalesce(c.effective_cost, 0) AS DOUBLE) * 1000 / CAST(u.requests AS DOUBLE), 6) AS DECIMAL(38, 6))
    END AS cost_per_thousand_requests
FROM usage AS u
LEFT JOIN cost AS c ON u.month = c.month AND u.workload_id = c.workload_id
