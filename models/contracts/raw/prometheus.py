"""Metrics of self-hosted serving: what the rows assembled from Prometheus' answers hold."""

from models.contracts.raw.shape import RawColumn, shape

# A counter between two samples, or a level at one (then without a previous sample), and the hour that it belongs to. `series` names the
# metric with all its labels; `labels` are the server's own, as JSON. When the two samples were taken (sampled_at, previous_at) stays in the
# landed rows, unread: millions of times cost more to parse than all else.
PROMETHEUS_SERVING = shape(
    "prometheus_serving",
    "serving_usage",
    RawColumn("metric", required=True),
    RawColumn("series", required=True),
    RawColumn("labels", "json", required=True),
    RawColumn("model"),
    RawColumn("namespace"),
    RawColumn("pod"),
    RawColumn("instance"),
    RawColumn("job"),
    RawColumn("hour", "timestamp", required=True),
    RawColumn("value", "count", required=True),
    RawColumn("previous_value", "count"),
)

# A value of a GPU's gauge with the time that it held, within one hour. The device's and the workload's names are the DCGM exporter's.
PROMETHEUS_GPU = shape(
    "prometheus_gpu",
    "gpu_telemetry",
    RawColumn("metric", required=True),
    RawColumn("series", required=True),
    RawColumn("Hostname"),
    RawColumn("gpu"),
    RawColumn("UUID"),
    RawColumn("modelName"),
    RawColumn("GPU_I_ID"),
    RawColumn("GPU_I_PROFILE"),
    RawColumn("namespace"),
    RawColumn("pod"),
    RawColumn("container"),
    RawColumn("started_at", "timestamp", required=True),
    RawColumn("seconds", "quantity", required=True),
    RawColumn("value", "quantity", required=True),
)
