-- One row per (paying source, usage source, day, provider, model, tier, price class, project, workspace, key, workload, environment, match) of usage that
-- some source's money pays for, numbered. What each kind of token costs at its price; null where the price is unknown.
WITH usage AS (
    SELECT
        q.paid_by,
        u.source_id,
        u.usage_date,
        u.provider,
        lower(u.model) AS model,
        coalesce(lower(u.service_tier), 'standard') AS service_tier,
        u.price_class,
        lower(k.project) AS project,
        lower(k.workspace) AS workspace,
        lower(k.api_key) AS api_key,
        u.workload_id,
        u.environment,
        u.match_id,
        sum(u.priced_cost) AS priced_cost,
        CAST(sum(t.input_price * u.input_uncached_tokens) AS DECIMAL(38, 12)) AS input_cost,
        CAST(sum(t.cache_read_price * u.cache_read_tokens) AS DECIMAL(38, 12)) AS cache_read_cost,
        CAST(sum(t.cache_write_price * (u.cache_write_tokens - u.cache_write_1h_tokens)) AS DECIMAL(38, 12)) AS cache_write_cost,
        CAST(sum(t.cache_write_1h_price * u.cache_write_1h_tokens) AS DECIMAL(38, 12)) AS cache_write_1h_cost,
        CAST(sum(t.output_price * u.output_tokens) AS DECIMAL(38, 12)) AS output_cost,
        sum(CAST(u.input_uncached_tokens AS DECIMAL(38, 0))) AS input_tokens,
        sum(CAST(u.cache_read_tokens AS DECIMAL(38, 0))) AS cache_read_tokens,
        sum(CAST(u.cache_write_tokens - u.cache_write_1h_tokens AS DECIMAL(38, 0))) AS cache_write_tokens,
        sum(CAST(u.cache_write_1h_tokens AS DECIMAL(38, 0))) AS cache_write_1h_tokens,
        sum(CAST(u.output_tokens AS DECIMAL(38, 0))) AS output_tokens
    FROM allocation.usage AS u
    INNER JOIN allocation.paying_source AS q ON u.source_id = q.source_id AND NOT q.is_prepaid
    INNER JOIN allocation.usage_matched AS x ON u.usage_id = x.usage_id
    INNER JOIN facts.usage_key AS k ON x.key_id = k.key_id
    LEFT JOIN allocation.token_price AS t
        ON u.provider = t.provider AND u.model = t.model AND coalesce(u.service_tier, 'standard') = t.service_tier AND u.price_class = t.price_class
        AND u.usage_date = t.usage_date
    WHERE u.side = 'api'
    GROUP BY
        q.paid_by, u.source_id, u.usage_date, u.provider, lower(u.model), coalesce(lower(u.service_tier), 'standard'), u.price_class, lower(k.project),
        lower(k.workspace), lower(k.api_key), u.workload_id, u.environment, u.match_id
)

SELECT
    row_number() OVER (
        ORDER BY u.paid_by, u.source_id, u.usage_date, u.provider, u.model, u.service_tier, u.price_class, u.project, u.workspace, u.api_key,
            u.workload_id, u.environment, u.match_id
    ) AS group_id,
    u.paid_by, u.source_id, u.usage_date, u.provider, u.model, u.service_tier, u.price_class, u.project, u.workspace, u.api_key, u.workload_id,
    u.environment, u.match_id, u.priced_cost, u.input_cost, u.cache_read_cost, u.cache_write_cost, u.cache_write_1h_cost, u.output_cost,
    u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.cache_write_1h_tokens, u.output_tokens
FROM usage AS u
