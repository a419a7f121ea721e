"""The metrics that are read, by what they are, and what their labels say. Any other metric of an answer is passed over.

Not here: how an answer is read (answers.py), what a measure becomes (`dbt_like_sql/staging/prometheus_*.sql`, which name the same metrics).
Sources: docs.vllm.ai "Production Metrics", huggingface.co text-generation-inference "Metrics", docs.sglang.io "Production Metrics", NVIDIA
dcgm-exporter's default counters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

SERVING = "prometheus_serving"
GPU = "prometheus_gpu"

SERVING_COUNTERS = (
    "vllm:prompt_tokens_total",  # cache hits among them
    "vllm:prefix_cache_hits_total",  # in tokens
    "vllm:generation_tokens_total",
    "vllm:request_success_total",
    "tgi_request_input_length_sum",
    "tgi_request_generated_tokens_sum",
    "tgi_request_success",
    "tgi_request_count",
    "sglang:prompt_tokens_total",
    "sglang:cached_tokens_total",
    "sglang:generation_tokens_total",
    "sglang:num_requests_total",
)
SERVING_GAUGES = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "tgi_batch_current_size",
    "tgi_queue_size",
    "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
)
GPU_GAUGES = (
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_SM_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_FB_USED",
)
SHAPES = {**dict.fromkeys((*SERVING_COUNTERS, *SERVING_GAUGES), SERVING), **dict.fromkeys(GPU_GAUGES, GPU)}

# DCGM says "no value" by numbers from 0x7ffffff0 up (of 32 and 64 bits, and 2**47 for floating point; dcgm_structs.h). No share, percentage
# or MiB of a GPU comes near.
DCGM_BLANK_MIN = 0x7FFFFFF0

# The replicas of a highly available Prometheus (its operator's, Thanos' and Cortex' or Mimir's label): the same scrape, twice.
_REPLICA_LABELS = ("prometheus_replica", "replica", "__replica__")
# Processes of one SGLang server that count the same requests; dp_rank is not among them, its requests are others.
_RANK_LABELS = ("tp_rank", "pp_rank", "moe_ep_rank")
# What tells series of one server apart that are summed.
_SUMMED_LABELS = ("finished_reason", "method", "cache_source")
_WORKLOAD_LABELS = ("namespace", "pod", "container")

Labels = Mapping[str, str]


def series_of(labels: Labels) -> tuple[dict[str, str], str]:
    """A series' labels without what only names the observer, and the observer: what differs in it alone says the same thing twice."""
    observers = (*_REPLICA_LABELS, *_RANK_LABELS) if labels["__name__"].startswith("sglang:") else _REPLICA_LABELS
    return {name: value for name, value in labels.items() if name not in observers}, canonical({n: labels[n] for n in observers if n in labels})


def canonical(labels: Labels) -> str:
    """Labels as compact JSON with sorted names; an empty label is an absent one to Prometheus."""
    return json.dumps({name: value for name, value in sorted(labels.items()) if value}, ensure_ascii=False, separators=(",", ":"))


def texts_of(labels: Labels) -> dict[str, str | None]:
    """The text columns of a series' rows."""
    metric = labels["__name__"]
    series = sha256(canonical(labels).encode()).hexdigest()[:16]
    texts = {"metric": metric, "series": series}
    if SHAPES[metric] == GPU:
        device = {name: labels.get(name) or None for name in ("Hostname", "gpu", "UUID", "modelName", "GPU_I_ID", "GPU_I_PROFILE")}
        return {**texts, **device, **_workload(labels)}
    server = {name: value for name, value in labels.items() if name != "__name__" and name not in _SUMMED_LABELS}
    return {
        **texts,
        "labels": canonical(server),
        "model": labels.get("model_name") or labels.get("model") or None,
        **{name: labels.get(name) or None for name in ("namespace", "pod", "instance", "job")},
    }


def _workload(labels: Labels) -> dict[str, str | None]:
    """Who has the GPU. Where Prometheus keeps its target's labels, the workload's are `exported_*` and the others the exporter's own pod."""
    exported = {name: labels.get(f"exported_{name}") or None for name in _WORKLOAD_LABELS}
    if any(exported.values()):
        return exported
    is_exporter = any("dcgm-exporter" in labels.get(name, "") for name in ("pod", "container"))
    return {name: None if is_exporter else labels.get(name) or None for name in _WORKLOAD_LABELS}
