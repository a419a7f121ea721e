-- One row per (distinct tuple of a usage row's text), named by its hash.
SELECT DISTINCT
    u.key_id, u.source_id, u.provider, u.model, u.workload, u.environment, u.project, u.workspace, u.api_key, u.user_name, u.team, u.service_tier,
    u.pool, u.metadata
FROM staging.api_usage AS u
