"""What is pulled gives the same rows as the same answers saved by hand, and both count every fact once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from provider_server import KEY, Provider, at, serving
from pydantic import SecretStr
from staged_rows import assembled, local_files, rows_of

from connectors.anthropic import pages as anthropic_pages
from connectors.openai import pages as openai_pages
from connectors.pulling import refresh

ASSEMBLERS = {"openai": openai_pages.assemble, "anthropic": anthropic_pages.assemble}

ADMIN_KEY = SecretStr(KEY)


@dataclass(frozen=True)
class Source:
    kind: str
    base_url: str
    id: str = "bill"
    api_key: SecretStr = ADMIN_KEY


def completion(time: str, tokens: int, **fields: Any) -> dict[str, Any]:
    split = {"input_cached_tokens": tokens // 2, "input_uncached_tokens": tokens - tokens // 2}
    said = {"project_id": "proj_a", "api_key_id": "key_1", "model": "gpt-4o", "batch": False, "service_tier": "default"}
    return {"at": at(time), "input_tokens": tokens, **split, "output_tokens": 1, "num_model_requests": 1, **said, **fields}


def message(time: str, tokens: int, **fields: Any) -> dict[str, Any]:
    said = {"workspace_id": "wrkspc_a", "api_key_id": "apikey_1", "model": "claude-a", "service_tier": "standard", "context_window": "0-200k"}
    return {"at": at(time), "uncached_input_tokens": tokens, "ephemeral_1h_input_tokens": 7, **said, **fields}


FACTS = {
    "openai/completions": [
        completion("2026-04-30T23:59", 100),
        completion("2026-05-01T00:00", 10),
        completion("2026-05-01T00:30", 20),
        completion("2026-05-01T00:40", 40, batch=True),
        completion("2026-05-31T23:00", 80, project_id="proj_b", api_key_id=None),
    ],
    "openai/embeddings": [{"at": at("2026-05-09T10:00"), "input_tokens": 5, "num_model_requests": 1, "model": "text-embedding-3-small"}],
    "openai/images": [{"at": at("2026-05-09T10:00"), "images": 2, "num_model_requests": 2, "model": "gpt-image-1"}],
    "openai/costs": [
        {"at": at("2026-05-01"), "amount": 6e-05, "line_item": "gpt-4o, input", "project_id": "proj_a", "quantity": 30, "unit": "tokens"},
        {"at": at("2026-05-31"), "amount": 1.25, "line_item": "web search tool calls", "project_id": "proj_a"},
        {"at": at("2026-05-31"), "amount": -0.25, "line_item": "web search tool calls", "project_id": "proj_b"},
    ],
    "anthropic/usage_report/messages": [
        message("2026-05-01T00:00", 10),
        message("2026-05-20T12:10", 20),
        message("2026-05-20T12:50", 30),
        message("2026-05-20T12:50", 40, workspace_id=None),
    ],
    "anthropic/cost_report": [
        {"at": at("2026-05-20"), "amount": "123.78912", "workspace_id": "wrkspc_a", "description": "Claude A - Input", "model": "claude-a"},
        {"at": at("2026-05-20"), "amount": "0.5", "workspace_id": None, "description": "Claude A - Input", "model": "claude-a"},
    ],
}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_saved_and_pulled_pages_are_the_same_rows(tmp_path: Path, kind: str) -> None:
    with serving(Provider(FACTS)) as provider:
        refreshed = refresh(Source(kind, provider.url), tmp_path / "mirror", date(2026, 5, 31), date(2026, 5, 1))
        provider.saved(tmp_path / "saved")
    assert refreshed.refused == ()
    pulled = assembled(ASSEMBLERS[kind], local_files(tmp_path / "mirror"))
    saved = assembled(ASSEMBLERS[kind], local_files(tmp_path / "saved"))
    for shape in (f"{kind}_usage", f"{kind}_costs"):
        assert sorted(map(str, rows_of(pulled, shape))) == sorted(map(str, rows_of(saved, shape)))
        assert rows_of(pulled, shape)


def test_openai_counts_every_fact_of_the_month_once(tmp_path: Path) -> None:
    with serving(Provider(FACTS)) as provider:
        refresh(Source("openai", provider.url), tmp_path, date(2026, 6, 20), date(2026, 5, 1))
    may = [part for part in assembled(openai_pages.assemble, local_files(tmp_path)) if part.month == date(2026, 5, 1)]
    usage = rows_of(may, "openai_usage")
    found = [(row["endpoint"], row["start_time"], row["input_tokens"], row.get("batch"), row["num_model_requests"]) for row in usage]
    assert sorted(found, key=str) == [
        ("completions", "2026-05-01T00:00:00Z", "30", "false", "2"),
        ("completions", "2026-05-01T00:00:00Z", "40", "true", "1"),
        ("completions", "2026-05-31T23:00:00Z", "80", "false", "1"),
        ("embeddings", "2026-05-09T10:00:00Z", "5", None, "1"),
        ("images", "2026-05-09T10:00:00Z", "0", None, "2"),
    ]
    assert sum(Decimal(row["amount"]) for row in rows_of(may, "openai_costs")) == Decimal("1.00006")


def test_anthropic_counts_every_fact_of_the_month_once(tmp_path: Path) -> None:
    with serving(Provider(FACTS)) as provider:
        refresh(Source("anthropic", provider.url), tmp_path, date(2026, 5, 25), date(2026, 5, 1))
    parts = assembled(anthropic_pages.assemble, local_files(tmp_path))
    found = [
        (row["starting_at"], row["workspace_id"], row["uncached_input_tokens"], row["ephemeral_1h_input_tokens"])
        for row in rows_of(parts, "anthropic_usage")
    ]
    assert sorted(found) == [
        ("2026-05-01T00:00:00Z", "wrkspc_a", "10", "7"),
        ("2026-05-20T12:00:00Z", "default", "40", "7"),
        ("2026-05-20T12:00:00Z", "wrkspc_a", "50", "14"),
    ]
    assert sorted(Decimal(row["amount"]) for row in rows_of(parts, "anthropic_costs")) == [Decimal("0.005"), Decimal("1.2378912")]


def test_a_restated_day_is_what_the_next_pull_says(tmp_path: Path) -> None:
    facts = {"openai/costs": [{"at": at("2026-05-10"), "amount": 2.5, "line_item": "gpt-4o, input"}]}
    with serving(Provider(facts)) as provider:
        refresh(Source("openai", provider.url), tmp_path, date(2026, 5, 12), date(2026, 5, 1))
        facts["openai/costs"][0]["amount"] = 3.5
        refresh(Source("openai", provider.url), tmp_path, date(2026, 5, 13), date(2026, 5, 1))
    assert [row["amount"] for row in rows_of(assembled(openai_pages.assemble, local_files(tmp_path)), "openai_costs")] == ["3.5"]
