-- One row per (GPU or instance of one, and workload that had it), named by its hash. Without a pod it was idle.
SELECT DISTINCT
    g.key_id, g.source_id, g.hostname, g.gpu, g.uuid, g.gpu_model, g.mig_instance, g.mig_profile, g.namespace, g.pod, g.container
FROM staging.gpu_telemetry AS g
