-- One row per (month, workload, provider, model, role). What a workload's tokens cost on an API: paid on the incumbent's models, and at the prices in
-- force on each candidate's. Null where any token has no price. Usage up to as-of.
WITH usage AS (
    SELECT u.*
    FROM allocation.usage AS u
    CROSS JOIN config.parameters AS p
    WHERE u.usage_date <= p.as_of AND u.workload_id <> 'unattributed'
),

paid AS (
    SELECT CAST(date_trunc('month', c.usage_date) AS DATE) AS month, c.workload_id, sum(c.effective_cost) AS effective_cost
    FROM allocation.cost AS c
    CROSS JOIN config.parameters AS p
    WHERE c.usage_date <= p.as_of AND c.cost_category = 'api_usage' AND c.workload_id <> 'unattributed'
    GROUP BY CAST(date_trunc('month', c.usage_date) AS DATE), c.workload_id
),

model AS (
    SELECT
        u.month, u.workload_id, u.provider, u.model, sum(u.priced_cost) AS priced_cost, bool_or(u.priced_cost IS NULL) AS is_unpriced,
        sum(CAST(u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens AS DECIMAL(38, 0))) AS tokens
    FROM usage AS u
    WHERE u.side = 'api'
    GROUP BY u.month, u.workload_id, u.provider, u.model
),

-- what was paid in a month, over its models in proportion to their prices
incumbent AS (
    SELECT
        m.month,
        m.workload_id,
        m.provider,
        m.model,
        m.tokens,
        CASE
            WHEN sum(m.priced_cost) OVER w > 0 AND f.effective_cost IS NOT NULL
                THEN CAST(f.effective_cost AS DOUBLE) * CAST(m.priced_cost AS DOUBLE) / CAST(sum(m.priced_cost) OVER w AS DOUBLE)
            WHEN count(*) OVER w = 1 AND f.effective_cost IS NOT NULL AND NOT m.is_unpriced THEN CAST(f.effective_cost AS DOUBLE)
            WHEN NOT m.is_unpriced THEN CAST(m.priced_cost AS DOUBLE)
        END AS token_cost
    FROM model AS m
    LEFT JOIN paid AS f ON m.month = f.month AND m.workload_id = f.workload_id
    WINDOW w AS (PARTITION BY m.month, m.workload_id)
),

tokens AS (
    SELECT
        u.month, u.workload_id, u.usage_date, u.price_class,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0))) AS input_uncached_tokens,
        sum(CAST(u.cache_read_tokens AS DECIMAL(38, 0))) AS cache_read_tokens,
        sum(CAST(u.cache_write_tokens - u.cache_write_1h_tokens AS DECIMAL(38, 0))) AS cache_write_5m_tokens,
        sum(CAST(u.cache_write_1h_tokens AS DECIMAL(38, 0))) AS cache_write_1h_tokens,
        sum(CAST(u.output_tokens AS DECIMAL(38, 0))) AS output_tokens
    FROM usage AS u
    GROUP BY u.month, u.workload_id, u.usage_date, u.price_class
),

candidate AS (
    SELECT
        t.month,
        t.workload_id,
        c.provider,
        c.model,
        bool_or(p.input_price IS NULL OR (t.output_tokens > 0 AND p.output_price IS NULL)) AS is_unpriced,
        bool_and(coalesce(p.is_negotiated, false)) AS is_negotiated,
        sum(t.input_uncached_tokens + t.cache_read_tokens + t.cache_write_5m_tokens + t.cache_write_1h_tokens + t.output_tokens) AS tokens,
        sum(
            CAST(p.input_price AS DOUBLE) * CAST(t.input_uncached_tokens AS DOUBLE) + CAST(p.cache_read_price AS DOUBLE) * CAST(t.cache_read_tokens AS DOUBLE)
            + CAST(p.cache_write_price AS DOUBLE) * CAST(t.cache_write_5m_tokens AS DOUBLE)
            + CAST(p.cache_write_1h_price AS DOUBLE) * CAST(t.cache_write_1h_tokens AS DOUBLE)
            + coalesce(CAST(p.output_price AS DOUBLE), 0) * CAST(t.output_tokens AS DOUBLE)
            ORDER BY t.usage_date, t.price_class
        ) AS token_cost
    FROM tokens AS t
    INNER JOIN config.api_candidate AS c ON t.workload_id = c.workload_id
    LEFT JOIN allocation.token_price AS p
        ON c.provider = p.provider AND c.model = p.model AND p.service_tier = 'standard' AND t.price_class = p.price_class AND t.usage_date = p.usage_date
    GROUP BY t.month, t.workload_id, c.provider, c.model
)

SELECT i.month, i.workload_id, i.provider, i.model, 'incumbent' AS role, i.token_cost, 'paid' AS price_basis, CAST(i.tokens AS DOUBLE) AS tokens
FROM incumbent AS i
UNION ALL
SELECT
    c.month, c.workload_id, c.provider, c.model, 'candidate' AS role, CASE WHEN NOT c.is_unpriced THEN c.token_cost END AS token_cost,
    CASE WHEN c.is_negotiated THEN 'negotiated' ELSE 'list' END AS price_basis, CAST(c.tokens AS DOUBLE) AS tokens
FROM candidate AS c
