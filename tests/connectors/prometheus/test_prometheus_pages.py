"""Saved answers of Prometheus become a counter's pairs of samples and a gauge's spans: nothing twice, nothing lost, nothing made up."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from prometheus_answers import GPU, PROMPT, SERVER, T0, answer, gpu_series, increases, parts, rows, save, series

from connectors.assembly import LocalFile
from connectors.prometheus.pages import assemble
from models.contracts.raw.prometheus import PROMETHEUS_GPU, PROMETHEUS_SERVING
from models.errors import BrokenFile

TWIN_A, TWIN_B = {"prometheus_replica": "prometheus-k8s-0"}, {"prometheus_replica": "prometheus-k8s-1"}
ENGINE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"


def tokens(folder: Path, files: dict[str, object], metric: str = PROMPT) -> dict[str, int]:
    return {hour: count for (name, hour), count in increases(rows(folder, files)).items() if name == metric}


def spans(folder: Path, files: dict[str, object]) -> list[tuple[str, str, str]]:
    return [(row["started_at"][8:23], row["seconds"], row["value"]) for row in rows(folder, files)]


def test_a_row_is_what_lies_between_two_samples(tmp_path: Path) -> None:
    found = rows(tmp_path, {"a.json": [series(PROMPT, {0: 100, 1: 150}, engine="0")]})
    series_id = found[0].pop("series")
    assert len(series_id) == 16
    assert found == [
        {
            "metric": PROMPT,
            "labels": '{"engine":"0","instance":"10.0.0.1:8000","job":"vllm","model_name":"llama","namespace":"ml","pod":"vllm-0"}',
            "model": "llama",
            "namespace": "ml",
            "pod": "vllm-0",
            "instance": "10.0.0.1:8000",
            "job": "vllm",
            "hour": "2026-07-01T10:00:00.000Z",
            "sampled_at": "2026-07-01T10:01:00.000Z",
            "value": "150",
            "previous_at": "2026-07-01T10:00:00.000Z",
            "previous_value": "100",
            "month": "2026-07",
        }
    ]


def test_rows_have_the_columns_of_their_shapes(tmp_path: Path) -> None:
    found = parts(tmp_path, {"a.json": [series(PROMPT, {0: 1, 1: 2}), gpu_series(ENGINE, {0: 0.5, 1: 0.5})]})
    columns = {part.shape: set(part.rows.schema.names) for part in found}
    known = {shape.name: {column.name for column in shape.columns} for shape in (PROMETHEUS_SERVING, PROMETHEUS_GPU)}
    assert columns == {**known, "prometheus_serving": known["prometheus_serving"] | {"sampled_at", "previous_at"}}
    assert {str(kind) for part in found for kind in part.rows.schema.types} == {"string"}


def test_a_values_characters_are_kept(tmp_path: Path) -> None:
    found = rows(tmp_path, {"a.json": [gpu_series(ENGINE, {0: "0.12345678901234567", 1: "1e-07", 2: 1})]})
    assert [row["value"] for row in found] == ["0.12345678901234567", "1e-07"]


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    assert tokens(tmp_path, {"a.json.gz": [series(PROMPT, {0: 1, 1: 5})]}) == {"01T10": 4}


def test_a_counter_that_fell_was_restarted(tmp_path: Path) -> None:
    assert tokens(tmp_path, {"a.json": [series(PROMPT, {0: 100, 1: 150, 2: 30, 3: 40})]}) == {"01T10": 50 + 30 + 10}


def test_the_first_sample_of_all_has_an_unknown_past(tmp_path: Path) -> None:
    assert tokens(tmp_path, {"a.json": [series(PROMPT, {0: 1_000_000, 1: 1_000_001})]}) == {"01T10": 1}


def test_a_series_that_appears_later_starts_at_zero(tmp_path: Path) -> None:
    old, new = series(PROMPT, {0: 1000, 1: 1000, 2: 1000}), series(PROMPT, {1: 70, 2: 75}, pod="vllm-1")
    assert tokens(tmp_path, {"a.json": [old, new]}) == {"01T10": 75}


def test_targets_that_are_scraped_seconds_later_are_not_new(tmp_path: Path) -> None:
    one, other = series(PROMPT, {0: 5, 1: 6, 2: 7}), series(PROMPT, {0.7: 1000, 1.7: 1001}, pod="vllm-1")
    assert tokens(tmp_path, {"a.json": [one, other]}) == {"01T10": 3}


def test_overlapping_chunks_count_once(tmp_path: Path) -> None:
    samples = {minute: minute * 10 for minute in range(60)}
    chunks = [{m: v for m, v in samples.items() if first <= m <= last} for first, last in ((0, 20), (20, 40), (35, 59))]
    files = {f"chunk-{number}.json": [series(PROMPT, chunk)] for number, chunk in enumerate(chunks, 9)}
    assert tokens(tmp_path, files) == {"01T10": 590}
    assert len(rows(tmp_path, files)) == 59


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    content = [series(PROMPT, {0: 1, 1: 5}), gpu_series(ENGINE, {0: 0.5, 1: 0.5, 2: 0.5})]
    assert rows(tmp_path, {"a.json": content}) == rows(tmp_path, {"a.json": content, "b/copy.json.gz": content})


def test_the_order_of_files_says_nothing(tmp_path: Path) -> None:
    files = save(tmp_path, {f"{n}.json": [series(PROMPT, {n * 10 + m: n * 100 + m * 10 for m in range(11)})] for n in range(12)})
    first, second = ([part.rows for part in assemble(None, order, "source s")] for order in (files, files[::-1]))  # type: ignore[arg-type]
    assert first == second


def test_a_new_series_across_a_chunks_border_starts_at_zero(tmp_path: Path) -> None:
    old = series(PROMPT, dict.fromkeys(range(21), 1000))
    first = {"1.json": [series(PROMPT, dict.fromkeys(range(11), 1000)), series(PROMPT, {10: 7}, pod="new")]}
    second = {"2.json": [old, series(PROMPT, {10: 7, 11: 9}, pod="new")]}
    assert tokens(tmp_path, first | second) == {"01T10": 9}


def test_a_month_begins_from_the_last_sample_before_it(tmp_path: Path) -> None:
    midnight = 31 * 24 * 60 - 10 * 60  # 2026-08-01T00:00:00Z
    july = [series(PROMPT, {midnight - 2: 100, midnight - 1: 110})]
    august = [series(PROMPT, {midnight + 1: 150, midnight + 2: 155})]
    found = rows(tmp_path, {"july.json": july, "august.json": august})
    assert [(row["month"], row["previous_value"], row["value"]) for row in found] == [
        ("2026-07", "100", "110"),
        ("2026-08", "110", "150"),
        ("2026-08", "150", "155"),
    ]


def test_what_was_counted_up_to_a_full_hour_is_that_hours(tmp_path: Path) -> None:
    """An answer's end is inclusive: the sample at its last instant counts what came before it."""
    midnight = 31 * 24 * 60 - 10 * 60
    samples = {0: 0, 60: 100, 61: 101, midnight: 201}
    found = rows(tmp_path, {"july.json": [series(PROMPT, samples)]})
    assert increases(found) == {(PROMPT, "01T10"): 100, (PROMPT, "01T11"): 1, (PROMPT, "31T23"): 100}
    assert {row["month"] for row in found} == {"2026-07"}


def test_nan_is_no_sample(tmp_path: Path) -> None:
    assert tokens(tmp_path, {"a.json": [series(PROMPT, {0: 10, 1: "NaN", 2: 30, 3: "NaN"})]}) == {"01T10": 20}


def test_infinity_is_a_row_of_its_own_and_moves_nothing_else(tmp_path: Path) -> None:
    found = rows(tmp_path, {"a.json": [series(PROMPT, {0: 10, 1: "+Inf", 2: 30})]})
    assert sorted((row["value"], row["previous_value"]) for row in found) == [("+Inf", None), ("30", "10")]


@pytest.mark.parametrize("offset", [0, 0.05, 0.1, 0.25, 0.45])
@pytest.mark.parametrize("label", ["prometheus_replica", "replica", "__replica__"])
def test_two_replicas_of_prometheus_count_once(tmp_path: Path, offset: float, label: str) -> None:
    """Even where the second one's samples lie seconds beside the first one's, and are older or newer than these."""
    one = {m: m * 10 for m in range(120)}
    late = {m + offset: max(m * 10 - 7, 0) for m in range(120)}
    alone = tokens(tmp_path, {"a.json": [series(PROMPT, one)]})
    assert tokens(tmp_path, {"a.json": [series(PROMPT, one, **{label: "a"}), series(PROMPT, late, **{label: "b"})]}) == alone
    assert alone == {"01T10": 600, "01T11": 590}


def test_replicas_without_a_label_of_their_own_count_once(tmp_path: Path) -> None:
    """External labels are in no answer: two servers' files look alike."""
    one = {m: m * 10 for m in range(60)}
    late = {m + 0.3: max(m * 10 - 7, 0) for m in range(60)}
    assert tokens(tmp_path, {"prom-a/1.json": [series(PROMPT, one)], "prom-b/1.json": [series(PROMPT, late)]}) == {"01T10": 590}


def test_a_gap_of_one_replica_is_filled_by_the_other(tmp_path: Path) -> None:
    """A restart that the first one did not see is not lost; nor is anything counted twice where they change over."""
    truth = {**{m: m * 10 for m in range(31)}, **{m: (m - 31) * 10 for m in range(31, 61)}}
    blind = {m: v for m, v in truth.items() if not 20 < m < 50}
    found = rows(tmp_path, {"a.json": [series(PROMPT, blind, **TWIN_A), series(PROMPT, truth, **TWIN_B)]})
    assert increases(found) == {(PROMPT, "01T10"): 300 + 290}
    alone = rows(tmp_path, {"b.json": [series(PROMPT, truth)]})
    assert [row["value"] for row in found] == [row["value"] for row in alone]


def test_a_replica_that_ends_is_followed_by_the_other(tmp_path: Path) -> None:
    truth = {m: m * 10 for m in range(61)}
    dead = {m: v for m, v in truth.items() if m <= 30}
    assert tokens(tmp_path, {"a.json": [series(PROMPT, dead, **TWIN_A), series(PROMPT, truth, **TWIN_B)]}) == {"01T10": 600}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    growth=st.lists(st.integers(0, 50), min_size=5, max_size=80),
    gaps=st.lists(st.tuples(st.integers(0, 79), st.integers(1, 20)), max_size=3),
    cuts=st.lists(st.integers(1, 78), max_size=4),
    offset=st.sampled_from([0, 0.1, 0.25, 0.4, 0.5]),
)
def test_chunks_and_replicas_never_change_a_sum(
    tmp_path: Path, growth: list[int], gaps: list[tuple[int, int]], cuts: list[int], offset: float
) -> None:
    """However one server's samples are cut into overlapping files and seen twice, with gaps: what it counted is what it counted."""
    values = [sum(growth[: m + 1]) for m in range(len(growth))]
    last = len(values) - 1
    seen = {m: v for m, v in enumerate(values) if m in (0, last) or not any(start <= m < start + length for start, length in gaps)}
    twin = {m + offset: v for m, v in enumerate(values) if m + offset <= last}
    edges = sorted({0, last, *(cut for cut in cuts if cut < last)})
    pieces = [{m: v for m, v in seen.items() if edges[n] <= m <= edges[n + 1]} for n in range(len(edges) - 1)]
    files = {f"a-{n}.json": [series(PROMPT, piece, **TWIN_A)] for n, piece in enumerate(pieces)}
    assert sum(tokens(tmp_path, files | {"b.json": [series(PROMPT, twin, **TWIN_B)]}).values()) == values[-1] - values[0]


def test_one_rank_of_sglang_speaks_for_its_server(tmp_path: Path) -> None:
    metric = "sglang:prompt_tokens_total"
    ranks = [series(metric, {0: 0, 1: 100, 2: 250}, tp_rank=str(rank), pp_rank="0") for rank in (0, 1, 10, 2)]
    assert tokens(tmp_path, {"a.json": ranks}, metric) == {"01T10": 250}


def test_data_parallel_ranks_have_requests_of_their_own(tmp_path: Path) -> None:
    metric = "sglang:prompt_tokens_total"
    ranks = [series(metric, {0: 0, 1: 100}, tp_rank=str(rank), dp_rank=str(rank)) for rank in (0, 1)]
    assert tokens(tmp_path, {"a.json": ranks}, metric) == {"01T10": 200}


def test_series_of_a_server_that_are_summed_have_its_labels(tmp_path: Path) -> None:
    metric = "vllm:request_success_total"
    found = rows(tmp_path, {"a.json": [series(metric, {0: 0, 1: n}, finished_reason=why) for n, why in ((3, "stop"), (2, "length"))]})
    assert len({row["series"] for row in found}) == 2
    (labels,) = {row["labels"] for row in found}
    assert json.loads(labels) == SERVER
    assert increases(found) == {(metric, "01T10"): 5}


def test_a_level_stands_at_each_sample_that_has_a_next_one(tmp_path: Path) -> None:
    found = rows(tmp_path, {"a.json": [series("vllm:num_requests_running", {0: 3, 60: 9, 61: 1})]})
    assert [(row["hour"][8:13], row["value"], row["previous_value"]) for row in found] == [("01T10", "3", None), ("01T11", "9", None)]


def test_a_gauge_holds_until_the_next_sample_cut_at_the_hour(tmp_path: Path) -> None:
    assert spans(tmp_path, {"a.json": [gpu_series(ENGINE, {58.5: 0.1, 59.5: 0.2, 60.5: 0.3, 61.5: 0.4})]}) == [
        ("01T10:58:30.000", "60.000", "0.1"),
        ("01T10:59:30.000", "30.000", "0.2"),
        ("01T11:00:00.000", "30.000", "0.2"),
        ("01T11:00:30.000", "60.000", "0.3"),
    ]


def test_a_gauge_holds_for_three_intervals_at_most(tmp_path: Path) -> None:
    found = spans(tmp_path, {"a.json": [gpu_series(ENGINE, {0: 0.5, 1: 0.5, 2: 0.5, 4: 0.6, 5: 0.7, 40: 0.8})]})
    assert [seconds for _, seconds, _ in found] == ["60.000", "60.000", "120.000", "60.000", "180.000"]


def test_a_gauge_holds_across_a_months_end(tmp_path: Path) -> None:
    midnight = 31 * 24 * 60 - 10 * 60
    files = {"1.json": [gpu_series(ENGINE, {midnight - 1.5: 0.1, midnight - 0.5: 0.2})], "2.json": [gpu_series(ENGINE, {midnight + 0.5: 0.3})]}
    assert sorted((row["month"], row["seconds"], row["value"]) for row in rows(tmp_path, files)) == [
        ("2026-07", "30.000", "0.2"),
        ("2026-07", "60.000", "0.1"),
        ("2026-08", "30.000", "0.2"),
    ]


@pytest.mark.parametrize("blank", ["9223372036854775794", "9223372036854775807", "140737488355328", "2147483632", "9.223372036854776e+18", "NaN"])
def test_a_blank_is_no_sample_and_covers_nothing(tmp_path: Path, blank: str) -> None:
    found = spans(tmp_path, {"a.json": [gpu_series(ENGINE, {0: 0.5, 1: blank, 2: 0.7, 3: 0.7})]})
    assert found == [("01T10:00:00.000", "60.000", "0.5"), ("01T10:02:00.000", "60.000", "0.7")]


def gpu_row(folder: Path, **labels: str) -> dict[str, object]:
    (row,) = rows(folder, {"a.json": [gpu_series(ENGINE, {0: 0, 1: 0}, **labels)]})
    return row


def test_a_gpu_without_a_pod_is_idle_capacity(tmp_path: Path) -> None:
    row = gpu_row(tmp_path, instance="10.0.0.9:9400", container="", pod="")
    assert (row["UUID"], row["Hostname"], row["modelName"]) == ("GPU-aaaa", "node-1", GPU["modelName"])
    assert (row["namespace"], row["pod"], row["container"], row["GPU_I_ID"]) == (None, None, None, None)


def test_the_workloads_labels_may_be_exported_ones(tmp_path: Path) -> None:
    exporter = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x2k", "container": "exporter"}
    row = gpu_row(tmp_path, **exporter, exported_namespace="ml", exported_pod="vllm-0", exported_container="vllm")
    assert (row["namespace"], row["pod"], row["container"]) == ("ml", "vllm-0", "vllm")
    idle = gpu_row(tmp_path, **exporter)
    assert (idle["namespace"], idle["pod"], idle["container"]) == (None, None, None)


def test_an_instance_of_a_gpu_is_one_of_its_own(tmp_path: Path) -> None:
    instances = [gpu_series(ENGINE, {0: 0.5, 1: 0.5}, GPU_I_ID=number, GPU_I_PROFILE="1g.10gb") for number in ("7", "8")]
    found = rows(tmp_path, {"a.json": instances})
    assert [(row["GPU_I_ID"], row["GPU_I_PROFILE"]) for row in found] == [("7", "1g.10gb"), ("8", "1g.10gb")]


def test_other_metrics_are_passed_over(tmp_path: Path) -> None:
    others = [series("vllm:prefix_cache_queries_total", {1: 1, 2: 9}), series("up", {0: 1, 1: 1})]
    assert tokens(tmp_path, {"a.json": [*others, series(PROMPT, {1: 1, 2: 2})]}) == {"01T10": 2}  # `up` saw that it began later


def test_nothing_but_other_metrics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"(?s)No file holds a metric that is known.*node_load1"):
        rows(tmp_path, {"a.json": [series("node_load1", {0: 1})]})


def test_an_answer_without_series_says_nothing(tmp_path: Path) -> None:
    assert parts(tmp_path, {"a.json": []}) == []
    assert parts(tmp_path, {}) == []


def test_the_record_of_a_pull_is_no_answer(tmp_path: Path) -> None:
    assert tokens(tmp_path, {"2026-07/pull.json": '{"start": "2026-07-01"}', "2026-07/a.json": [series(PROMPT, {0: 1, 1: 2})]}) == {"01T10": 1}


INSTANT = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"__name__": PROMPT}, "value": [T0, "1"]}]}}
ERROR = {"status": "error", "errorType": "bad_data", "error": "exceeded maximum resolution of 11,000 points per timeseries."}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (INSTANT, "not one over a range"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [T0, "1"]}}, "not one over a range"),
        (ERROR, r"(?s)an error of Prometheus.*bad_data: exceeded"),
        ('{"status":"success","data":{"resultType":"matrix","result":[', "truncated"),
        ("[]", "no answer of Prometheus"),
        ("{}", "no answer of Prometheus"),
        ({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"job": "vllm"}, "values": [[T0, "1"]]}]}}, "no metric name"),
        ({"status": "success", "data": {"resultType": "matrix", "result": ["x"]}}, "not a series"),
        (answer({"metric": {"__name__": PROMPT}, "values": [[T0]]}), "not a time and a value"),
        (answer({"metric": {"__name__": PROMPT}, "values": [T0, "1"]}), "not a time and a value"),
        (answer({"metric": {"__name__": PROMPT}, "values": [["noon", "1"]]}), "not a time and a value"),
        (answer({"metric": {"__name__": PROMPT}, "values": [[T0 * 1000, "1"]]}), "not a time and a value"),
        (answer({"metric": {"__name__": PROMPT}, "values": [[T0, None]]}), "not a time and a value"),
    ],
)
def test_what_is_no_answer_to_a_range_query_is_refused(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(BrokenFile, match=said) as refused:
        rows(tmp_path, {"good.json": [series(PROMPT, {0: 1})], "sub/bad.json": content})
    assert refused.value.where == "source metrics, file sub/bad.json"


def test_a_damaged_packed_file_is_refused(tmp_path: Path) -> None:
    (file,) = save(tmp_path, {"a.json.gz": [series(PROMPT, {m: m for m in range(50)})]})
    file.path.write_bytes(file.path.read_bytes()[:-20])
    with pytest.raises(BrokenFile, match="truncated"):
        list(assemble(None, [LocalFile("a.json.gz", file.path)], "source s"))  # type: ignore[arg-type]
