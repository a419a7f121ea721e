-- Must return no rows: tokens and requests of the facts, and what servers counted beyond them, are those of usage_daily.
-- Where a source doesn't count all of its requests, a day's sum is unknown: its requests are not compared.
WITH uncounted AS (
    SELECT DISTINCT u.source_id FROM facts.usage_hourly AS u WHERE u.requests IS NULL
),

fact AS (
    SELECT sum(CAST(CASE WHEN u.source_id NOT IN (SELECT n.source_id FROM uncounted AS n) THEN u.requests END AS DECIMAL(38, 0))) AS requests,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0))) AS input_tokens,
        sum(CAST(u.cache_read_tokens AS DECIMAL(38, 0))) AS read_tokens, sum(CAST(u.cache_write_tokens AS DECIMAL(38, 0))) AS write_tokens,
        sum(CAST(u.output_tokens AS DECIMAL(38, 0))) AS output_tokens
    FROM (
        SELECT f.source_id, f.requests, f.input_uncached_tokens, f.cache_read_tokens, f.cache_write_tokens, f.output_tokens FROM facts.usage_hourly AS f
        UNION ALL
        SELECT r.source_id, r.requests, r.input_uncached_tokens, r.cache_read_tokens, 0, r.output_tokens FROM allocation.serving_rest AS r
    ) AS u
),

mart AS (
    SELECT sum(CAST(CASE WHEN u.source_id NOT IN (SELECT n.source_id FROM uncounted AS n) THEN u.requests END AS DECIMAL(38, 0))) AS requests,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0))) AS input_tokens,
        sum(CAST(u.cache_read_tokens AS DECIMAL(38, 0))) AS read_tokens, sum(CAST(u.cache_write_tokens AS DECIMAL(38, 0))) AS write_tokens,
        sum(CAST(u.output_tokens AS DECIMAL(38, 0))) AS output_tokens
    FROM marts.usage_daily AS u
)

SELECT f.requests, m.requests AS published_requests, f.output_tokens, m.output_tokens AS published_output_tokens
FROM fact AS f
CROSS JOIN mart AS m
WHERE (f.requests, f.input_tokens, f.read_tokens, f.write_tokens, f.output_tokens)
    IS DISTINCT FROM (m.requests, m.input_tokens, m.read_tokens, m.write_tokens, m.output_tokens)
