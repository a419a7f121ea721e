"""What a pool's own servers and GPUs say: their work is the pool's, logs split it, the rest is unattributed; device beside token utilisation.

June 1: the gateway's log has ten hours of 100,000 tokens in, 10,000 out and 100 requests for `search`; the servers count a fifth more.
A replica second is 2,000 tokens in or 1,000 out: the log's day is 600 seconds, the rest 120.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from small_company import Place

DAY = date(2026, 6, 1)
MIDNIGHT = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
SERVER = {"model_name": "meta-llama/Llama-3.1-8B-Instruct", "namespace": "ml", "pod": "vllm-0", "instance": "10.0.0.1:8000", "job": "vllm"}
GPU = {"gpu": "0", "UUID": "GPU-1", "modelName": "NVIDIA H100 80GB HBM3", "Hostname": "node-1"}
QUARTER_HOURS = 4


def counter(metric: str, hourly: int, first_hour: int = 8, hours: int = 10) -> dict[str, object]:
    """A counter that grows evenly by `hourly` from `first_hour` on, sampled every quarter of an hour."""
    values = [[MIDNIGHT + 3600 * first_hour + 900 * step, str(hourly // QUARTER_HOURS * step)] for step in range(hours * QUARTER_HOURS + 1)]
    return {"metric": {"__name__": metric, **SERVER}, "values": values}


def gauge(metric: str, value: object, labels: dict[str, str]) -> dict[str, object]:
    """A gauge that stands all day, sampled every 15 minutes, both midnights included."""
    return {"metric": {"__name__": metric, **labels}, "values": [[MIDNIGHT + 900 * step, str(value)] for step in range(97)]}


def save(folder: Path, name: str, results: list[dict[str, object]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": results}}))


def worked_seconds(place: Place) -> int:
    worked = "CAST(round(replica_hours_worked * 3600, 3) AS INTEGER)"
    seconds: int = place.value(f"SELECT {worked} FROM pool_utilisation_daily WHERE usage_date = ? AND pool_id = 'llama'", DAY)
    return seconds


@pytest.fixture
def measured(published: Place) -> Place:
    save(
        published.folder / "metrics",
        "june.json",
        [
            counter("vllm:prompt_tokens_total", 120_000),
            counter("vllm:generation_tokens_total", 12_000),
            counter("vllm:request_success_total", 120),
            gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.78, {**GPU, "namespace": "ml", "pod": "vllm-0"}),
        ],
    )
    published.edit("sources:", "sources:\n  - {id: metrics, kind: prometheus, path: metrics/}")
    return published


def test_what_no_log_explains_is_the_pools_unattributed_work(measured: Place) -> None:
    assert measured.run().code == 0
    assert measured.query(
        "SELECT source_id, workload_id, side, requests, input_uncached_tokens, output_tokens, priced_cost FROM usage_daily "
        "WHERE usage_date = ? AND pool_id = 'llama' ORDER BY 1",
        DAY,
    ) == [
        ("metrics", "unattributed", "self_host", 200, 200_000, 20_000, None),
        ("pool-log", "search", "self_host", 1000, 1_000_000, 100_000, None),
    ]
    assert worked_seconds(measured) == 720
    # a sixth of that day's served cost has no workload, of 24 USD x 720 s / 86,400 s
    served = measured.cost(f"usage_date = '{DAY}' AND cost_category = 'gpu_compute' AND workload_id = 'unattributed'")
    assert served.quantize(Decimal("0.000001")) == (Decimal(24) * 120 / 86_400).quantize(Decimal("0.000001"))


def test_logs_alone_are_believed_where_servers_count_less(measured: Place) -> None:
    save(measured.folder / "metrics", "june.json", [counter("vllm:prompt_tokens_total", 80_000), counter("vllm:generation_tokens_total", 8_000)])
    assert measured.run().code == 0
    assert measured.value("SELECT count(*) FROM usage_daily WHERE source_id = 'metrics'") == 0
    assert worked_seconds(measured) == 600


def test_a_request_counted_in_another_hour_than_it_was_logged_is_no_work_beyond(measured: Place) -> None:
    """The same tokens as the log's, an hour later each."""
    save(
        measured.folder / "metrics",
        "june.json",
        [counter("vllm:prompt_tokens_total", 100_000, first_hour=9), counter("vllm:generation_tokens_total", 10_000, first_hour=9)],
    )
    assert measured.run().code == 0
    assert measured.value("SELECT count(*) FROM usage_daily WHERE source_id = 'metrics'") == 0


def test_a_busy_device_that_serves_little_is_flagged(measured: Place) -> None:
    assert measured.run().code == 0
    assert measured.value("SELECT device_utilisation FROM pool_utilisation_daily WHERE usage_date = ?", DAY) == pytest.approx(0.78)
    assert measured.query("SELECT subject_id, flag FROM red_flags WHERE month = ? AND subject_kind = 'pool' ORDER BY flag", DAY) == [
        ("llama", "busy_but_underused"),
        ("llama", "low_utilisation"),
    ]


def test_an_idle_gpu_without_a_pod_counts_for_the_pool_of_its_host(measured: Place) -> None:
    busy = gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.78, {**GPU, "namespace": "ml", "pod": "vllm-0"})
    idle = gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0, {**GPU, "gpu": "1", "UUID": "GPU-2"})
    save(measured.folder / "metrics", "june.json", [busy, idle])
    assert measured.run().code == 0
    assert measured.value("SELECT device_utilisation FROM pool_utilisation_daily WHERE usage_date = ?", DAY) == pytest.approx(0.39)


def test_servers_of_no_pool_are_told(measured: Place) -> None:
    other = counter("vllm:prompt_tokens_total", 1000)
    other["metric"] = {**SERVER, "__name__": "vllm:prompt_tokens_total", "model_name": "qwen3-32b"}
    save(measured.folder / "metrics", "other.json", [other])
    assert measured.run().code == 0
    ((message,),) = measured.query("SELECT message FROM data_quality WHERE check_name = 'server_without_pool'")
    assert "qwen3-32b" in message


def test_metrics_read_twice_change_nothing(measured: Place) -> None:
    assert measured.run().code == 0
    before = measured.rows("usage_daily")
    text = (measured.folder / "metrics/june.json").read_text()
    (measured.folder / "metrics/june-again.json").write_text(text)
    outcome = measured.run()
    assert outcome.code == 0
    assert measured.rows("usage_daily") == before
