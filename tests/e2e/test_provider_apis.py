"""Providers' APIs through the command line: pulled or saved, restated, throttled, down; what is published of them and what is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from small_company import Outcome, Place, crossover

from tests.connectors.provider_server import KEY, Provider, serving

D = Decimal
M = 1_000_000
GPT, CLAUDE = "gpt-4o-2024-08-06", "claude-sonnet-4-20250514"
MONTH = datetime(2026, 5, 1, tzinfo=UTC)

CONFIGURATION = f"""\
company: Callers
currency: USD
paths: {{state: var, finance: out/finance.duckdb, reports: out/reports}}
sources:
SOURCES
workloads:
  - {{id: chat, placement: api, match: [{{source: gpt, project: proj_a, api_key: key_1}}]}}
  - {{id: batch, placement: api, match: [{{source: gpt, project: proj_a, api_key: key_2}}]}}
  - {{id: docs, placement: api, match: [{{source: gpt, project: proj_b}}]}}
  - {{id: code, placement: api, match: [{{source: claude, workspace: wrkspc_1}}]}}
assumptions:
  prices:
    - {{provider: openai, model: {GPT}, input: 2.5, cache_read: 1.25, output: 10, valid_from: 2024-08-06}}
    - {{provider: anthropic, model: {CLAUDE}, input: 3, output: 15, valid_from: 2024-08-06}}
"""
LIVE = """\
  - {{id: gpt, kind: openai, api_key: "${{PROVIDER_KEY}}", base_url: {url}, since: {since}}}
  - {{id: claude, kind: anthropic, api_key: "${{PROVIDER_KEY}}", base_url: {url}, since: {since}}}
"""
SAVED = """\
  - {id: gpt, kind: openai, path: saved/openai/}
  - {id: claude, kind: anthropic, path: saved/anthropic/}
"""


def of_day(day: int, hour: int = 0) -> datetime:
    return MONTH + timedelta(days=day - 1, hours=hour)


def completion(day: int, hour: int, project: str, key: str, uncached: int, cached: int = 0) -> dict[str, Any]:
    counts = {"input_tokens": uncached + cached, "input_cached_tokens": cached, "input_uncached_tokens": uncached, "num_model_requests": 2}
    return {"at": of_day(day, hour), "project_id": project, "api_key_id": key, "model": GPT, "batch": False, "service_tier": "default", **counts}


def facts() -> dict[str, list[dict[str, Any]]]:
    """OpenAI: $8 of input by 1 : 3, $0.50 of cached input, $10 in project B, a search and storage; a day that is not billed yet. Anthropic: $3."""
    said = {"model": CLAUDE, "service_tier": "standard", "context_window": "0-200k"}
    return {
        "openai/completions": [
            completion(1, 8, "proj_a", "key_1", 800_000),
            completion(1, 9, "proj_a", "key_2", 2_400_000, 400_000),
            completion(1, 9, "proj_b", "key_3", 4 * M),
            completion(2, 9, "proj_b", "key_3", 2 * M),
        ],
        "openai/costs": [
            {"at": of_day(1), "amount": 8, "line_item": f"{GPT}, input", "project_id": "proj_a"},
            {"at": of_day(1), "amount": 0.5, "line_item": f"{GPT}, cached input", "project_id": "proj_a"},
            {"at": of_day(1), "amount": 10, "line_item": f"{GPT}, input", "project_id": "proj_b"},
            {"at": of_day(1), "amount": 0.33, "line_item": "web search tool calls", "project_id": "proj_b"},
            {"at": of_day(1), "amount": 0.01, "line_item": "Vector storage", "project_id": None},
        ],
        "anthropic/usage_report/messages": [
            {"at": of_day(1, 9), "workspace_id": "wrkspc_1", "api_key_id": "apikey_1", "uncached_input_tokens": M, **said}
        ],
        "anthropic/cost_report": [
            {
                "at": of_day(1),
                "amount": "300.25",
                "workspace_id": "wrkspc_1",
                "description": "Claude Sonnet 4 Usage - Input Tokens",
                "cost_type": "tokens",
                "token_type": "uncached_input_tokens",
                **said,
            }
        ],
    }


COSTS = [
    (1, "gpt", "chat", "billed", D(2)),
    (1, "gpt", "batch", "billed", D("6.5")),
    (1, "gpt", "docs", "billed", D("10.33")),
    (1, "gpt", "unattributed", "billed", D("0.01")),
    (1, "claude", "code", "billed", D("3.0025")),
    (2, "gpt", "docs", "accrued", D(5)),
]


def costs(place: Place) -> list[tuple[Any, ...]]:
    return place.query("SELECT day(usage_date), source_id, workload_id, cost_basis, sum(effective_cost) FROM cost_daily GROUP BY ALL")


def configured(folder: Path, sources: str) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crossover.yaml").write_text(CONFIGURATION.replace("SOURCES\n", sources), encoding="utf-8")
    return Place(folder)


class Clock(datetime):
    """The day on which providers are asked, while the month may still be restated."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls(2026, 5, 20, 12, tzinfo=tz)


@pytest.fixture(autouse=True)
def _asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key, on that day, and without waiting between attempts."""
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    monkeypatch.setattr("pipelines.ingest.datetime", Clock)
    monkeypatch.setattr("connectors.http_api._wait", lambda _: 0.0)


@contextmanager
def live(folder: Path) -> Iterator[tuple[Place, Provider]]:
    """A company that pulls both providers, which answer at a loopback address."""
    with serving(Provider(facts())) as provider:
        yield configured(folder, LIVE.format(url=provider.url, since=f"{MONTH:%Y-%m-%d}")), provider


def ran(place: Place, code: int = 0) -> Outcome:
    outcome = place.run()
    assert outcome.code == code, outcome
    return outcome


def test_a_pulled_month_is_in_the_books(tmp_path: Path) -> None:
    with live(tmp_path) as (place, _):
        ran(place)
    assert sorted(costs(place)) == sorted(COSTS)
    assert place.query("SELECT source_id, source_billed, difference_billed FROM reconciliation WHERE source_billed > 0 ORDER BY 1") == [
        ("claude", D("3.0025"), D(0)),
        ("gpt", D("18.84"), D(0)),
    ]


def test_live_and_saved_answers_give_the_same_tables(tmp_path: Path) -> None:
    with live(tmp_path / "live") as (pulled, provider):
        ran(pulled)
        saved = configured(tmp_path / "saved", SAVED)
        for kind in ("openai", "anthropic"):
            plural = "organizations" if kind == "anthropic" else "organization"
            served = [(path, body) for path, body in provider.served if path.startswith(f"/v1/{plural}/")]
            Provider(served=served).saved(tmp_path / "saved/saved" / kind)
    ran(saved)
    for table in ("cost_daily", "usage_daily", "unit_cost_monthly"):
        assert saved.rows(table) == pulled.rows(table) != []


def test_a_second_run_reduces_what_changed_and_nothing_else(tmp_path: Path) -> None:
    with live(tmp_path) as (place, provider):
        ran(place)
        before = place.rows("cost_daily")
        again = ran(place)
        assert {name: again.source(name)["changed"] for name in ("gpt", "claude")} == {"gpt": 0, "claude": 0}
        assert place.rows("cost_daily") == before
        provider.facts["openai/costs"][2]["amount"] = 11  # restated, and never added
        restated = ran(place)
    assert {name: restated.source(name)["changed"] for name in ("gpt", "claude")} == {"gpt": 1, "claude": 0}
    assert place.cost("workload_id = 'docs' AND cost_basis = 'billed'") == D("11.33")
    assert place.query("SELECT source_id, cause, delta FROM restatements") == [("gpt", "source", D(1))]


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [((429, {"Retry-After": "1"}, b"{}"), 6), ("not json", 1)],
    ids=["throttled", "login page"],
)
def test_a_provider_that_fails_leaves_the_last_good_month_and_the_other_provider(tmp_path: Path, fault: object, attempts: int) -> None:
    with live(tmp_path) as (place, provider):
        ran(place)
        provider.facts["openai/costs"][2]["amount"] = 99
        provider.facts["anthropic/cost_report"][0]["amount"] = "500"
        provider.faults += [fault] * attempts
        outcome = ran(place, 3)
    assert outcome.source("gpt")["refused"]
    assert outcome.source("claude")["refused"] == []
    assert place.cost("source_id = 'gpt' AND cost_basis = 'billed'") == D("18.84")
    assert place.cost("source_id = 'claude'") == D(5)
    ((severity, words),) = place.query("SELECT severity, message FROM data_quality WHERE check_name = 'file_refused' AND subject = 'gpt'")
    assert severity == "error"
    assert words.endswith("the last good version stays in use")
    assert place.value("SELECT status FROM reconciliation WHERE source_id = 'gpt'") == "stale"


def test_the_key_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(0)
    with live(tmp_path) as (place, provider):
        outcomes = [ran(place)]
        provider.faults.append((401, {}, b'{"error":{"message":"Incorrect API key provided: ' + KEY.encode() + b'"}}'))
        provider.faults.append((400, {}, b'{"error":{"message":"What is ' + KEY.encode() + b'?"}}'))
        outcomes += [ran(place, 3), crossover("status", "--config", place.configuration), crossover("check", "--config", place.configuration)]
        outcomes.append(crossover("run", "--debug", "--config", place.configuration))
        monkeypatch.setenv("PROVIDER_KEY", KEY + "-old")  # the server answers with the key in its words
        outcomes.append(ran(place, 3))
    assert not any(KEY in text for outcome in outcomes for text in (outcome.out, outcome.err))
    assert KEY not in caplog.text
    files = [Path(folder) / name for folder, _, names in os.walk(tmp_path) for name in names]
    assert len(files) > 10
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []


def test_a_key_that_is_not_set_is_a_wrong_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live(tmp_path) as (place, provider):
        monkeypatch.delenv("PROVIDER_KEY")
        outcome = place.run()
    assert outcome.code == 2
    assert "PROVIDER_KEY" in outcome.out + outcome.err
    assert provider.requests == []
