"""Answers of Prometheus for the last month of the big pool: what its four vLLM servers counted and how busy its eight GPUs were.

The servers count what the logs tell, and a nightly check that no log knows. One of them is restarted in the middle of the month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipelines.sample_company.logs import Tokens
from pipelines.sample_company.months import days_of, each_day, name_of
from pipelines.sample_company.request_logs import SERVED_MODEL
from pipelines.sample_company.small_workloads import CHECK, CHECK_HOUR, DRAFTS_CALL, DRAFTS_HOURS, Counted, workdays
from pipelines.sample_company.writers import write_json_gz

SERVERS, GPUS_OF_A_SERVER = 4, 2
COUNTED_BEFORE = 40_000_000_000  # what the counters showed when the month began: of its past nothing is known
RESTART_DAY = 15
GPU_SAMPLES_PER_HOUR = 4  # the servers are sampled hourly
BUSY_HOURS = range(7, 17)
BUSY_SHARE, QUIET_SHARE = "0.6", "0.48"

_COUNTERS: Mapping[str, Callable[[Tokens], int]] = {
    "vllm:prompt_tokens_total": lambda tokens: tokens.input_tokens,
    "vllm:generation_tokens_total": lambda tokens: tokens.output_tokens,
    "vllm:request_success_total": lambda tokens: tokens.requests,
}


def write_metrics(directory: Path, month: date, logged: Iterable[tuple[datetime, Tokens]]) -> list[Counted]:
    """`metrics/`: one answer of the servers and one of the GPUs. `logged` is what the pool's own log tells, hour by hour.

    Returns what only the metrics know of.
    """
    work: dict[datetime, Tokens] = {}
    drafts = [(_at(day, hour), DRAFTS_CALL) for day in workdays(month) for hour in DRAFTS_HOURS]
    checks = [(_at(day, CHECK_HOUR), CHECK) for day in each_day(month)]
    for hour, tokens in (*logged, *drafts, *checks):
        work[hour] = work.get(hour, Tokens()) + tokens
    hours = [_at(month, 0) + timedelta(hours=number) for number in range(24 * days_of(month))]
    servers = [_counter(metric, server, hours, work, count) for metric, count in _COUNTERS.items() for server in range(SERVERS)]
    gpus = [_gauge(gpu, hours) for gpu in range(SERVERS * GPUS_OF_A_SERVER)]
    for name, series in (("vllm", servers), ("dcgm", gpus)):
        answer = {"status": "success", "data": {"resultType": "matrix", "result": series}}
        write_json_gz(directory / "metrics" / f"{name}-{name_of(month)}.json.gz", answer)
    return [Counted(None, "metrics", day, CHECK) for day in each_day(month)]


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def _labels(metric: str, server: int) -> dict[str, str]:
    return {"__name__": metric, "namespace": "serving", "pod": f"core-70b-{server}"}


def _counter(metric: str, server: int, hours: list[datetime], work: Mapping[datetime, Tokens], count: Callable[[Tokens], int]) -> dict[str, object]:
    """A server's quarter of the work, shown at each hour's end; the restarted one begins anew at nothing."""
    shown = COUNTED_BEFORE
    values = [[int(hours[0].timestamp()), str(shown)]]
    for hour in hours:
        if server == 1 and (hour.day, hour.hour) == (RESTART_DAY, 0):
            shown = 0
        whole = count(work[hour]) if hour in work else 0
        shown += whole // SERVERS + (whole % SERVERS if server == 0 else 0)
        values.append([int((hour + timedelta(hours=1)).timestamp()), str(shown)])
    labels = {"model_name": SERVED_MODEL, "instance": f"10.20.0.{10 + server}:8000", "job": "vllm"}
    reason = {"finished_reason": "stop"} if metric == "vllm:request_success_total" else {}
    return {"metric": {**_labels(metric, server), **labels, **reason}, "values": values}


def _gauge(gpu: int, hours: list[datetime]) -> dict[str, object]:
    """Busier from seven to five, every day alike."""
    step = timedelta(hours=1) / GPU_SAMPLES_PER_HOUR
    samples = [hours[0] + number * step for number in range(GPU_SAMPLES_PER_HOUR * len(hours) + 1)]
    values = [[int(moment.timestamp()), BUSY_SHARE if moment.hour in BUSY_HOURS else QUIET_SHARE] for moment in samples]
    device = {"gpu": str(gpu), "UUID": f"GPU-7a66e20-{gpu}", "modelName": "NVIDIA H100 80GB HBM3", "Hostname": "core-70b", "container": "vllm"}
    return {"metric": {**_labels("DCGM_FI_PROF_GR_ENGINE_ACTIVE", gpu // GPUS_OF_A_SERVER), **device}, "values": values}
