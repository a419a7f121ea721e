-- One row per (source, delivery, billing period, version). What was read when, superseded versions too.
WITH period AS (
    SELECT x.source_id, x.delivery, x.version, x.period, CAST(sum(x.row_count) AS BIGINT) AS row_count
    FROM ledger.delivery_period AS x
    GROUP BY x.source_id, x.delivery, x.version, x.period
),

-- what a delivery was put together from counts, not what it was put together to
file AS (
    SELECT f.source_id, f.delivery, f.version, count(*) FILTER (WHERE f.columnar IS NOT NULL) AS delivered, count(*) FILTER (WHERE f.columnar IS NULL) AS pages
    FROM ledger.delivery_file AS f
    GROUP BY f.source_id, f.delivery, f.version
)

SELECT
    d.source_id,
    p.period,
    d.delivery,
    d.version,
    CAST(CASE WHEN f.pages > 0 THEN f.pages ELSE f.delivered END AS INTEGER) AS files,
    d.bytes,
    coalesce(p.row_count, d.row_count) AS rows,
    d.sha256,
    d.ingested_at,
    d.superseded_at
FROM ledger.delivery AS d
INNER JOIN file AS f ON d.source_id = f.source_id AND d.delivery = f.delivery AND d.version = f.version
LEFT JOIN period AS p ON d.source_id = p.source_id AND d.delivery = p.delivery AND d.version = p.version
