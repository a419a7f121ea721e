-- One row per (series, value, span within an hour that it held). Maps the DCGM exporter's metrics onto the gpu_telemetry feed.
-- Shares are 0 to 1; GPU_UTIL is a percentage.
SELECT
    p.row_number,
    p.unreadable,
    p.started_at AS usage_at,
    CASE
        WHEN p.metric = 'DCGM_FI_PROF_GR_ENGINE_ACTIVE' THEN 'engine_active'
        WHEN p.metric = 'DCGM_FI_PROF_SM_ACTIVE' THEN 'sm_active'
        WHEN p.metric = 'DCGM_FI_PROF_PIPE_TENSOR_ACTIVE' THEN 'tensor_active'
        WHEN p.metric = 'DCGM_FI_DEV_GPU_UTIL' THEN 'device_util'
        WHEN p.metric = 'DCGM_FI_DEV_FB_USED' THEN 'memory_used'
    END AS measure,
    p.seconds,
    CASE
        WHEN p.metric = 'DCGM_FI_DEV_GPU_UTIL' THEN CAST(p.value * 0.01 AS DECIMAL(38, 12))
        WHEN p.metric <> 'DCGM_FI_DEV_FB_USED' THEN p.value
    END AS share,
    CASE WHEN p.metric = 'DCGM_FI_DEV_FB_USED' THEN p.value END AS memory_used_mib,
    p."Hostname" AS hostname,
    p.gpu,
    p."UUID" AS uuid,
    p."modelName" AS gpu_model,
    p."GPU_I_ID" AS mig_instance,
    p."GPU_I_PROFILE" AS mig_profile,
    p.namespace,
    p.pod,
    p.container
FROM landing.prometheus_gpu AS p
