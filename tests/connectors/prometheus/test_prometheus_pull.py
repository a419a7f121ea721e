"""Pulling from a Prometheus gives the rows that the same samples give when saved, however they are cut by days and months."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from prometheus_answers import GPU, PROMPT, SERVER, Source, increases
from prometheus_server import Prometheus, Scraped, serving
from pydantic import SecretStr

from connectors.assembly import LocalFile
from connectors.prometheus.pages import assemble
from connectors.prometheus.pull import QUESTIONS, client, pull_month
from models.errors import BrokenFile, SourceUnreachable

ENGINE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
JULY, AUGUST, THIRD = date(2026, 7, 30), date(2026, 8, 1), date(2026, 8, 3)


def at(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def scraped(metric: str, first: int, last: int, labels: dict[str, str] = SERVER, step: int = 240, start: int = 1000) -> Scraped:
    """A counter that rises by 10 each scrape."""
    times = range(first, last + 1, step)
    return {"__name__": metric, **labels}, [(time, str(start + 10 * number)) for number, time in enumerate(times)]


def pull(prometheus: Prometheus, folder: Path, first: date, until: date, key: str | None = None) -> dict[str, list[dict[str, str]]]:
    folder.mkdir(parents=True, exist_ok=True)
    with client(SecretStr(key) if key else None, prometheus.url, "source metrics", sleep=lambda seconds: None) as api:
        return pull_month(api, first, until, folder)


def assembled(folder: Path) -> list[dict[str, str]]:
    files = [LocalFile(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.json"))]
    return [{**row, "month": f"{part.month:%Y-%m}"} for part in assemble(Source(), files, "source metrics") for row in part.rows.to_pylist()]


def test_months_pulled_one_by_one_add_up_to_what_was_counted(tmp_path: Path) -> None:
    always = scraped(PROMPT, at(JULY) - 600, at(THIRD))
    new = scraped(PROMPT, at(AUGUST) + 3600, at(THIRD), {**SERVER, "pod": "vllm-1"}, start=0)
    with serving(Prometheus([always, new])) as prometheus:
        pull(prometheus, tmp_path / "2026-07", JULY, AUGUST)
        pull(prometheus, tmp_path / "2026-08", AUGUST, THIRD)
    counted = increases(assembled(tmp_path))
    # two days of a scrape every four minutes; then two more, and a new server from one o'clock on
    assert sum(count for (_, hour), count in counted.items() if hour[:2] in ("30", "31")) == 2 * 360 * 10
    assert sum(count for (_, hour), count in counted.items() if hour[:2] in ("01", "02")) == 2 * 360 * 10 + (2 * 360 - 15) * 10


def test_a_month_alone_says_nothing_of_its_neighbours(tmp_path: Path) -> None:
    times = range(at(JULY), at(THIRD) + 1, 15)
    engine: Scraped = {"__name__": ENGINE, **GPU}, [(float(time), "0.5") for time in times]
    running: Scraped = {"__name__": "vllm:num_requests_running", **SERVER}, [(float(time), "3") for time in times]
    with serving(Prometheus([scraped(PROMPT, at(JULY), at(THIRD)), engine, running])) as prometheus:
        pull(prometheus, tmp_path, AUGUST, date(2026, 8, 2))
    found = assembled(tmp_path)
    assert {row["month"] for row in found} == {"2026-08"}
    assert sum(increases(found).values()) == 360 * 10
    assert sum(float(row["seconds"]) for row in found if row["metric"] == ENGINE) == 86400


def test_every_metric_is_asked_for_a_day_at_a_time_within_the_limit(tmp_path: Path) -> None:
    with serving(Prometheus([scraped(PROMPT, at(AUGUST), at(THIRD))])) as prometheus:
        said = pull(prometheus, tmp_path, AUGUST, THIRD)
    assert len(prometheus.asked) == 2 * len(QUESTIONS)
    assert {int(query["end"]) - int(query["start"]) for query in prometheus.asked} == {86400}
    assert sorted(said) == sorted(question.name for question in QUESTIONS)
    for files in said.values():
        assert [file["file"][-9:] for file in files] == ["0001.json", "0002.json"]
        assert all(hashlib.sha256((tmp_path / file["file"]).read_bytes()).hexdigest() == file["sha256"] for file in files)
    saved = json.loads((tmp_path / "vllm-prompt_tokens_total-0001.json").read_bytes())
    assert len(saved["data"]["result"][0]["values"]) == 1441


def test_a_token_is_sent_where_one_is_given(tmp_path: Path) -> None:
    with serving(Prometheus([scraped(PROMPT, at(AUGUST), at(THIRD))], token="s3cret-token")) as prometheus:
        pull(prometheus, tmp_path, AUGUST, THIRD, "s3cret-token")
        for wrong in ("another-token", None):
            with pytest.raises(SourceUnreachable, match="key") as refused:
                pull(prometheus, tmp_path, AUGUST, THIRD, wrong)
            assert "token" not in str(refused.value).replace(refused.value.todo or "", "")
            assert "another" not in repr(refused.value)


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    with serving(Prometheus([scraped(PROMPT, at(AUGUST), at(THIRD))], faults=[503, 429])) as prometheus:
        pull(prometheus, tmp_path, AUGUST, THIRD)
        assert len(prometheus.asked) == 2 * len(QUESTIONS) + 2


def test_what_prometheus_says_is_wrong_is_told(tmp_path: Path) -> None:
    with serving(Prometheus([], faults=[422])) as prometheus, pytest.raises(SourceUnreachable, match="status 422: timeout: query timed out"):
        pull(prometheus, tmp_path, AUGUST, THIRD)


def test_an_answer_that_is_none_is_refused(tmp_path: Path) -> None:
    with serving(Prometheus([], faults=[200])) as prometheus, pytest.raises(BrokenFile, match="an error of Prometheus"):
        pull(prometheus, tmp_path, AUGUST, THIRD)


def test_the_server_keeps_the_documented_limit() -> None:
    """The server of these tests is as strict as the real one, else they would prove nothing."""
    query = {"query": PROMPT, "start": "0", "end": str(11_000 * 60), "step": "60"}
    assert Prometheus([]).answer("/prometheus/api/v1/query_range", query, None)[0] == 400
    assert Prometheus([]).answer("/prometheus/api/v1/query_range", {**query, "end": str(10_999 * 60)}, None)[0] == 200
