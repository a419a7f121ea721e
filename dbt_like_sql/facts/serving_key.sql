-- One row per (server, as its metrics' labels name it), named by its hash.
SELECT DISTINCT
    s.key_id, s.source_id, s.engine, s.model, s.namespace, s.pod, s.instance, s.job, s.labels
FROM staging.serving_usage AS s
