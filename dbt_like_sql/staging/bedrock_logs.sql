-- One row per (request that Bedrock's invocation logs tell of). Maps model invocation records onto the api_usage feed.
-- The counts are disjoint already. A request without them (an error, an aborted stream) has unknown usage, so it is refused, not zero;
-- only what a model can't have is zero: cached tokens where none are told of, output of an embedding model.
SELECT
    b.row_number,
    b.unreadable,
    b."timestamp" AS usage_at,
    CAST(1 AS BIGINT) AS requests,
    b."inputTokenCount" AS input_uncached_tokens,
    coalesce(b."cacheReadInputTokenCount", 0) AS cache_read_tokens,
    coalesce(b."cacheWriteInputTokenCount", 0) AS cache_write_tokens,
    CAST(0 AS BIGINT) AS cache_write_1h_tokens,
    CASE
        WHEN b."outputTokenCount" IS NULL AND b."errorCode" IS NULL AND lower(b."modelId") LIKE '%embed%' THEN CAST(0 AS BIGINT)
        ELSE b."outputTokenCount"
    END AS output_tokens,
    CAST(0 AS BIGINT) AS reasoning_tokens,
    CAST(NULL AS DECIMAL(38, 12)) AS reported_cost,
    false AS is_whole_day,
    true AS is_single_request,
    CAST(NULL AS INTEGER) AS reported_price_class,
    'aws' AS provider,
    b.model,
    CAST(NULL AS VARCHAR) AS workload,
    CAST(NULL AS VARCHAR) AS environment,
    b."accountId" AS project,
    CAST(NULL AS VARCHAR) AS workspace,
    CAST(NULL AS VARCHAR) AS api_key,
    b.identity AS user_name,
    CAST(NULL AS VARCHAR) AS team,
    CAST(NULL AS VARCHAR) AS service_tier,
    CAST(NULL AS VARCHAR) AS pool,
    b.metadata
FROM landing.bedrock_logs AS b
