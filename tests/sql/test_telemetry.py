"""From saved answers of Prometheus to hours: what servers counted, and how long GPUs were seen and busy, in numbers to check by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandera.polars as pa
import polars as pl
import pyarrow as arrow
import pyarrow.parquet as pq
import pytest
from prometheus_answers import GPU, PROMPT, SERVER, gpu_series, parts, series

from models.contracts import telemetry_feeds
from models.contracts.feeds import violations
from models.contracts.raw import RawShape
from models.contracts.raw.prometheus import PROMETHEUS_GPU, PROMETHEUS_SERVING
from pipelines import sql_models
from pipelines.landing_view import landing_view_sql, unreadable_columns
from pipelines.warehouse import connect

D = Decimal
HITS, GENERATION, REQUESTS = "vllm:prefix_cache_hits_total", "vllm:generation_tokens_total", "vllm:request_success_total"
ENGINE, UTIL, TENSOR, SM, MEMORY = (
    *("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
    *("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_DEV_FB_USED"),
)


@dataclass(frozen=True)
class Telemetry:
    """One of the two feeds: its shape, its contracts and its tables."""

    shape: RawShape
    keys: type[pa.DataFrameModel]
    numbers: type[pa.DataFrameModel]
    key_table: str
    facts: str


SERVING = Telemetry(
    PROMETHEUS_SERVING, telemetry_feeds.ServingUsageKeys, telemetry_feeds.ServingUsageNumbers, "facts.serving_key", "facts.serving_hourly"
)
GPUS = Telemetry(PROMETHEUS_GPU, telemetry_feeds.GpuTelemetryKeys, telemetry_feeds.GpuTelemetryNumbers, "facts.gpu_key", "facts.gpu_hourly")


@contextmanager
def reduced(folder: Path, files: Mapping[str, Any], feed: Telemetry) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """The feed's facts over these answers, joined with their keys as table `hours`; and why rows were refused."""
    batches = [part.rows for part in parts(folder, files) if part.shape == feed.shape.name]
    file = folder / "part.parquet"
    pq.write_table(arrow.Table.from_batches(batches), file)
    models, staged = sql_models.models(), f"staging.{feed.shape.feed}"
    with connect() as con:
        for schema in ("landing", "staging", "config", "facts"):
            con.execute(f"CREATE SCHEMA {schema}")
        physical = {name: kind for name, kind, *_ in con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()}
        view = landing_view_sql(feed.shape, [file], physical, where="here", columns={}, constants={}, timezone="UTC")
        con.execute("CREATE TABLE config.delivery AS SELECT 'metrics' AS source_id, '2026-07' AS delivery")
        con.execute(f"CREATE VIEW landing.{feed.shape.name} AS {view}")
        con.execute(f"CREATE VIEW staging.{feed.shape.name} AS {models[f'staging.{feed.shape.name}'].text}")
        text_columns = [name for name, kind in sql_models.table_columns(con, f"staging.{feed.shape.name}") if kind == "VARCHAR" and name != "measure"]
        con.execute(
            f"CREATE VIEW {staged} AS SELECT s.*, 'metrics' AS source_id, hash({', '.join(text_columns)}) AS key_id FROM staging.{feed.shape.name} s"
        )
        con.execute(f"CREATE TABLE {feed.key_table} AS {models[feed.key_table].text}")
        keys = violations(feed.keys, con.sql(f"SELECT {', '.join(feed.keys.to_schema().columns)} FROM {feed.key_table}").pl(), "key_id")
        numbers = con.sql(f"SELECT {', '.join(feed.numbers.to_schema().columns)} FROM {staged}").pl()
        assert keys.is_empty()
        refused = violations(feed.numbers, numbers, "row_number")
        unreadable = con.sql(f"SELECT row_number, unreadable FROM {staged} WHERE unreadable <> 0").pl()
        masks = [" and ".join(unreadable_columns(feed.shape, mask)) + " unreadable" for mask in unreadable["unreadable"]]
        refused = pl.concat([refused, pl.DataFrame({"row_number": unreadable["row_number"], "reason": pl.Series(masks, dtype=pl.String)})])
        con.register("refusals", refused)
        con.execute("CREATE TABLE staging.refused AS SELECT row_number, min(reason) AS reasons FROM refusals GROUP BY row_number")
        con.execute(f"CREATE TABLE {feed.facts} AS {models[feed.facts].text}")
        con.execute(f"CREATE TABLE hours AS SELECT k.*, f.* EXCLUDE (key_id, source_id) FROM {feed.facts} f JOIN {feed.key_table} k USING (key_id)")
        yield con, sorted(refused["reason"].to_list())


def hours(folder: Path, files: Mapping[str, Any], feed: Telemetry, columns: str) -> list[tuple[Any, ...]]:
    """These columns of the feed's hours, in order; nothing may be refused."""
    with reduced(folder, files, feed) as (con, refused):
        assert refused == []
        return con.execute(f"SELECT {columns} FROM hours ORDER BY ALL").fetchall()


TOKENS = "extract(HOUR FROM usage_hour), input_tokens, cached_tokens, output_tokens, requests"


def test_what_a_server_counted_by_the_hour(tmp_path: Path) -> None:
    results = [
        series(PROMPT, {0: 1000, 30: 1600, 61: 2000, 90: 2100}),
        series(HITS, {0: 10, 30: 110, 61: 110, 90: 110}),
        series(GENERATION, {0: 5, 30: 25, 61: 65, 90: 75}),
        series(REQUESTS, {0: 0, 30: 2, 61: 3, 90: 3}, finished_reason="stop"),
        series(REQUESTS, {0: 0, 30: 1, 61: 1, 90: 2}, finished_reason="length"),
        series("vllm:num_requests_running", {0: 1, 30: 4, 61: 2, 90: 0}),
        series("vllm:num_requests_waiting", {0: 0, 30: 0, 61: 7, 90: 0}),
    ]
    found = hours(tmp_path, {"a.json": results}, SERVING, f"{TOKENS}, peak_running, peak_waiting, engine, model, namespace, pod, job")
    server = ("vllm", "llama", "ml", "vllm-0", "vllm")
    assert found == [(10, 600, 100, 20, 3, 4, 0, *server), (11, 500, 0, 50, 2, 2, 7, *server)]


def test_a_restart_a_new_pod_twins_chunks_and_nan_at_once(tmp_path: Path) -> None:
    twin = {"prometheus_replica": "b"}
    first = [
        series(PROMPT, {0: 500, 10: 700, 20: 50}, prometheus_replica="a"),  # restarted after 10: 200 + 50
        series(PROMPT, {0.2: 510, 10.2: 705, 20.2: 55}, **twin),
    ]
    second = [
        series(PROMPT, {20: 50, 30: "NaN", 40: 90, 50: 90}, prometheus_replica="a"),  # 40
        series(PROMPT, {20.2: 55, 30.2: 60, 40.2: 95, 50.2: 95}, **twin),
        series(PROMPT, {30: 33, 40: 40, 50: 40}, pod="vllm-1", prometheus_replica="a"),  # 33 + 7
    ]
    assert hours(tmp_path, {"1.json": first, "2.json": second}, SERVING, "pod, input_tokens") == [("vllm-0", 290), ("vllm-1", 40)]


def test_what_a_server_has_no_metric_for_is_unknown_and_not_zero(tmp_path: Path) -> None:
    assert hours(tmp_path, {"a.json": [series(PROMPT, {0: 7, 1: 7})]}, SERVING, TOKENS) == [(10, 0, None, None, None)]


def test_tgi_counts_lengths_and_served_requests(tmp_path: Path) -> None:
    labels = {"instance": "10.0.0.2:80", "job": "tgi"}
    results = [
        series("tgi_request_input_length_sum", {0: 0, 1: 300}, labels),
        series("tgi_request_generated_tokens_sum", {0: 0, 1: 200}, labels),
        series("tgi_request_count", {0: 0, 1: 5}, labels),
        series("tgi_request_success", {0: 0, 1: 4}, labels),
        series("tgi_queue_size", {0: 2, 1: 0}, labels),
    ]
    assert hours(tmp_path, {"a.json": results}, SERVING, f"engine, model, {TOKENS}, peak_waiting") == [("tgi", None, 10, 300, None, 200, 4, 2)]
    assert hours(tmp_path, {"a.json": results[:3]}, SERVING, TOKENS) == [(10, 300, None, 200, 5)]


def test_sglang_is_not_summed_over_the_ranks_of_one_server(tmp_path: Path) -> None:
    results = [
        *(series("sglang:prompt_tokens_total", {0: 0, 1: 300}, tp_rank=str(rank)) for rank in range(4)),
        *(series("sglang:generation_tokens_total", {0: 0, 1: 200}, tp_rank=str(rank)) for rank in range(4)),
        series("sglang:cached_tokens_total", {0: 0, 1: 60}, tp_rank="0", cache_source="device"),
        series("sglang:cached_tokens_total", {0: 0, 1: 40}, tp_rank="0", cache_source="host"),
        series("sglang:num_requests_total", {0: 0, 1: 3}),
    ]
    assert hours(tmp_path, {"a.json": results}, SERVING, f"engine, {TOKENS}") == [("sglang", 10, 300, 100, 200, 3)]


@pytest.mark.parametrize(
    ("value", "why"),
    [("+Inf", "value unreadable"), ("20.5", "value unreadable"), ("-1", "the count is negative"), ("1e16", "above what can be")],
)
def test_a_count_that_is_none_is_refused_and_the_others_stand(tmp_path: Path, value: str, why: str) -> None:
    results = [series(PROMPT, {0: 10, 1: value}), series(GENERATION, {0: 10, 1: 15})]
    with reduced(tmp_path, {"a.json": results}, SERVING) as (con, refused):
        (reason,) = refused
        assert why in reason
        assert con.execute("SELECT input_tokens, output_tokens, row_count FROM hours").fetchall() == [(None, 5, 1)]


BUSY = "extract(HOUR FROM usage_hour), busy_measure, covered_seconds, busy_seconds"


def test_a_gpus_time_is_weighted_by_how_long_each_value_held(tmp_path: Path) -> None:
    assert hours(tmp_path, {"a.json": [gpu_series(ENGINE, {0: 0.5, 1: 0, 2: 1, 4: 0.25, 5: 0})]}, GPUS, BUSY) == [
        (10, "engine_active", D(300), D(30) + D(0) + D(120) + D(15))
    ]


def test_a_regular_hour_is_covered_whole(tmp_path: Path) -> None:
    samples = {minute / 4: 0.25 for minute in range(4 * 60 + 1)}
    assert hours(tmp_path, {"a.json": [gpu_series(ENGINE, samples)]}, GPUS, BUSY) == [(10, "engine_active", D(3600), D(900))]


def test_a_gap_costs_coverage_and_not_busy_time(tmp_path: Path) -> None:
    samples = {**dict.fromkeys(range(11), 1), **dict.fromkeys(range(30, 41), 0)}
    # ten minutes busy and three that the last value holds, then ten of nothing to do
    assert hours(tmp_path, {"a.json": [gpu_series(ENGINE, samples)]}, GPUS, BUSY) == [(10, "engine_active", D(1380), D(780))]


def test_blanks_cost_coverage(tmp_path: Path) -> None:
    samples = {0: 1, 1: "9223372036854775794", 2: "140737488355328", 3: 1, 4: 0}
    assert hours(tmp_path, {"a.json": [gpu_series(ENGINE, samples)]}, GPUS, BUSY) == [(10, "engine_active", D(120), D(120))]


def test_the_engines_share_goes_before_the_drivers_percentage(tmp_path: Path) -> None:
    results = [gpu_series(UTIL, {0: 100, 1: 100, 61: 40, 62: 0}), gpu_series(ENGINE, {0: 0.5, 1: 0})]
    assert hours(tmp_path, {"a.json": results}, GPUS, BUSY) == [
        (10, "engine_active", D(60), D(30)),
        (11, "device_util", D(60), D(24)),
    ]


def test_what_else_the_exporter_says_of_a_gpu(tmp_path: Path) -> None:
    results = [
        gpu_series(ENGINE, {0: 1, 1: 1}),
        gpu_series(TENSOR, {0: 0.25, 1: 0}),
        gpu_series(SM, {0: 0.5, 1: 0}),
        gpu_series(MEMORY, {0: 70000, 1: 9}),
    ]
    columns = "busy_seconds, sm_covered_seconds, sm_busy_seconds, tensor_covered_seconds, tensor_busy_seconds, memory_used_mib_max"
    assert hours(tmp_path, {"a.json": results}, GPUS, columns) == [(D(60), D(60), D(30), D(60), D(15), D(70000))]


def test_an_idle_gpu_stays_beside_the_one_that_is_used(tmp_path: Path) -> None:
    used = gpu_series(ENGINE, {0: 1, 1: 1}, namespace="ml", pod="vllm-0", container="vllm")
    idle = gpu_series(ENGINE, {0: 0, 1: 0}, UUID="GPU-bbbb", gpu="1")
    assert hours(tmp_path, {"a.json": [used, idle]}, GPUS, "uuid, pod, covered_seconds, busy_seconds") == [
        ("GPU-aaaa", "vllm-0", D(60), D(60)),
        ("GPU-bbbb", None, D(60), D(0)),
    ]


def test_instances_of_a_divided_gpu_have_no_percentage(tmp_path: Path) -> None:
    results = [gpu_series(ENGINE, {0: share, 1: 0}, GPU_I_ID=number, GPU_I_PROFILE="3g.40gb") for number, share in (("1", 1), ("2", 0.5))]
    columns = "gpu_model, mig_instance, mig_profile, busy_measure, covered_seconds, busy_seconds"
    model = GPU["modelName"]
    assert hours(tmp_path, {"a.json": results}, GPUS, columns) == [
        (model, "1", "3g.40gb", "engine_active", D(60), D(60)),
        (model, "2", "3g.40gb", "engine_active", D(60), D(30)),
    ]


@pytest.mark.parametrize(("metric", "value", "why"), [(ENGINE, "1.5", "share"), (UTIL, "137", "share"), (ENGINE, "-Inf", "value unreadable")])
def test_a_share_above_one_is_refused(tmp_path: Path, metric: str, value: str, why: str) -> None:
    with reduced(tmp_path, {"a.json": [gpu_series(metric, {0: value, 1: "1", 2: "1"})]}, GPUS) as (con, refused):
        (reason,) = refused
        assert why in reason
        assert con.execute("SELECT covered_seconds FROM hours").fetchall() == [(D(60),)]


def test_a_server_of_many_series_is_one_key(tmp_path: Path) -> None:
    results = [series(metric, {0: 0, 1: 1}) for metric in (PROMPT, HITS, GENERATION)]
    with reduced(tmp_path, {"a.json": results}, SERVING) as (con, _):
        assert con.execute("SELECT pod, instance FROM facts.serving_key").fetchall() == [(SERVER["pod"], SERVER["instance"])]
