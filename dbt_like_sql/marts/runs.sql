-- One row per (run): what it was computed from. A run is named by its inputs, so an unchanged one keeps its name.
SELECT
    r.run_id, r.started_at, r.finished_at, r.as_of, r.product_version, r.config_sha256, r.prices_version, r.assumptions_version, r.status
FROM ledger.run AS r
