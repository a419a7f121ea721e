-- One row per (source, delivery, billing period, version). What was read when, superseded versions too.
SELECT
    d.source_id,
    p.period,
    d.delivery,
    d.version,
    1 AS files,
    d.bytes,
    coalesce(p.row_count, d.row_count) AS rows,
    d.sha256,
    d.ingested_at,
    d.superseded_at
FROM ledger.delivery AS d
LEFT JOIN (
    SELECT x.source_id, x.delivery, x.version, x.period, CAST(sum(x.row_count) AS BIGINT) AS row_count
    FROM ledger.delivery_period AS x
    GROUP BY x.source_id, x.delivery, x.version, x.period
) AS p ON d.source_id = p.source_id AND d.delivery = p.delivery AND d.version = p.version
