"""A provider's cost report, or the bill that pays for usage, over the usage that explains it: every split by hand, in the rows of the marts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tiny_company import TinyCompany, focus_line, invoice_line, pool, tiny_company, workload

D = Decimal
M = 1_000_000
GPT, MINI, CLAUDE = "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "claude-sonnet-4-20250514"
NOVA = "amazon.nova-pro-v1:0"
PRICES = [
    {"provider": "openai", "model": GPT, "input": 2.5, "cache_read": 1.25, "output": 10},
    {"provider": "openai", "model": MINI, "input": 0.15, "cache_read": 0.075, "output": 0.6},
    {"provider": "anthropic", "model": CLAUDE, "input": 3, "cache_read": 0.3, "cache_write": 3.75, "cache_write_1h": 6, "output": 15},
    {"provider": "aws", "model": NOVA, "input": 0.8, "cache_read": 0.2, "output": 3.2},
]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def openai_page(width: timedelta, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A page of OpenAI's API: buckets of `width`, each of the rows that begin at its start."""
    buckets: dict[str, list[Mapping[str, Any]]] = {}
    for start, row in rows:
        buckets.setdefault(start, []).append(row)
    data = [
        {"object": "bucket", "start_time": int(instant(at).timestamp()), "end_time": int((instant(at) + width).timestamp()), "results": results}
        for at, results in buckets.items()
    ]
    return {"object": "page", "data": data, "has_more": False, "next_page": None}


def completion(project: str | None, key: str | None, uncached: int, cached: int = 0, output: int = 0, **fields: Any) -> dict[str, Any]:
    counts = {"input_tokens": uncached + cached, "input_cached_tokens": cached, "output_tokens": output, "num_model_requests": 1}
    said = {"project_id": project, "user_id": None, "api_key_id": key, "model": GPT, "batch": False, "service_tier": "default"}
    return {"object": "organization.usage.completions.result", **counts, **said, **fields}


def charge(amount: str, line_item: str | None, project: str | None = None, key: str | None = None) -> dict[str, Any]:
    """A cost of OpenAI's. The amount keeps its digits: `saved` writes it as the JSON number that it reads as."""
    value = {"value": Number(amount), "currency": "usd"}
    return {"object": "organization.costs.result", "amount": value, "line_item": line_item, "project_id": project, "api_key_id": key}


class Number(float):
    """A JSON number that is written as it was given."""

    def __new__(cls, text: str) -> Number:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def anthropic_page(width: timedelta, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A page of Anthropic's Admin API."""
    buckets: dict[str, list[Mapping[str, Any]]] = {}
    for start, row in rows:
        buckets.setdefault(start, []).append(row)
    data = [
        {"starting_at": f"{instant(at):%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{instant(at) + width:%Y-%m-%dT%H:%M:%SZ}", "results": results}
        for at, results in buckets.items()
    ]
    return {"data": data, "has_more": False, "next_page": None}


def message(workspace: str | None, key: str, uncached: int = 0, **fields: Any) -> dict[str, Any]:
    creation = {"ephemeral_5m_input_tokens": fields.pop("write_5m", 0), "ephemeral_1h_input_tokens": fields.pop("write_1h", 0)}
    counts = {"uncached_input_tokens": uncached, "cache_read_input_tokens": 0, "output_tokens": 0, "cache_creation": creation}
    said = {"workspace_id": workspace, "api_key_id": key, "model": CLAUDE, "service_tier": "standard", "context_window": "0-200k"}
    return {**counts, "server_tool_use": {"web_search_requests": 0}, **said, **fields}


def cents(amount: str, workspace: str | None, token_type: str | None = "uncached_input_tokens", **fields: Any) -> dict[str, Any]:
    """A row of Anthropic's cost report, grouped by workspace and description. `amount` is in cents."""
    said = {"cost_type": "tokens", "model": CLAUDE, "service_tier": "standard", "context_window": "0-200k", "inference_geo": None}
    if token_type is None:
        said = {"cost_type": "code_execution", "model": None, "service_tier": None, "context_window": None, "inference_geo": None}
    description = f"Claude Sonnet 4 Usage - {token_type}" if token_type else "Code Execution Usage"
    row = {"amount": amount, "currency": "USD", "workspace_id": workspace, "description": description, "token_type": token_type}
    return {**row, **said, **fields}


def saved(folder: Path, **pages: Any) -> None:
    """Pages as files, one each; lists are NDJSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        text = "\n".join(map(json.dumps, page)) if isinstance(page, list) else json.dumps(page)
        (folder / (f"{name}.ndjson" if isinstance(page, list) else f"{name}.json")).write_text(text, encoding="utf-8")


@contextmanager
def company(
    folder: Path, sources: Sequence[Mapping[str, object]], files: Mapping[str, Any] | None = None, as_of: str = "2026-05-31", **configuration: Any
) -> Iterator[TinyCompany]:
    assumptions = {"prices": PRICES}
    with tiny_company(folder, sources, files or {}, as_of=as_of, assumptions=assumptions, **configuration) as made:
        yield made


def costs(made: TinyCompany, where: str = "true") -> dict[tuple[Any, ...], Decimal]:
    """Effective cost by day of May, workload and basis."""
    found = made.ask(
        f"SELECT day(usage_date), workload_id, cost_basis, sum(effective_cost) FROM marts.cost_daily WHERE {where} GROUP BY ALL ORDER BY ALL"
    )
    return {row[:-1]: row[-1] for row in found}


def difference(made: TinyCompany) -> list[tuple[str, Decimal, str]]:
    """What is said of bills that differ from prices."""
    return made.ask("SELECT subject, amount, message FROM marts.data_quality WHERE check_name = 'billed_differs_from_priced' ORDER BY ALL")


OPENAI = {"id": "openai", "kind": "openai", "path": "openai/"}
TEAMS = [
    workload("chat", match=[{"source": "openai", "project": "proj_a", "api_key": "key_1"}]),
    workload("batch", match=[{"source": "openai", "project": "proj_a", "api_key": "key_2"}]),
    workload("docs", match=[{"source": "openai", "project": "proj_b"}]),
]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# May 1: in project A, chat and batch use 1 : 3 of uncached and 2 : 1 of cached input, and as much output; docs in project B.
FIRST_OF_MAY = [
    ("2026-05-01T08:00", completion("proj_a", "key_1", 600_000, 400_000, 100_000)),
    ("2026-05-01T09:00", completion("proj_a", "key_2", 1_800_000, 200_000, 100_000)),
    ("2026-05-01T09:00", completion("proj_b", "key_3", 5 * M)),
    ("2026-05-01T10:00", completion("proj_a", "key_2", 7 * M, model=MINI)),
]
CHARGES = [
    ("2026-05-01", charge("6.00", f"{GPT}, input", "proj_a")),
    ("2026-05-01", charge("0.75", f"{GPT}, cached input", "proj_a")),
    ("2026-05-01", charge("2.00", f"{GPT}, output", "proj_a")),
    ("2026-05-01", charge("12.5", f"{GPT}, input", "proj_b")),
    ("2026-05-01", charge("1.05", f"{MINI}, input", "proj_a")),
]


class TestOpenAI:
    def test_a_line_is_split_over_its_own_project_model_and_kind_of_token(self, tmp_path: Path) -> None:
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY), costs=openai_page(DAY, CHARGES))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            # input 6 by 1 : 3, cached 0.75 by 2 : 1, output 2 by 1 : 1; batch alone used mini
            expected = {"chat": D("1.5") + D("0.5") + D(1), "batch": D("4.5") + D("0.25") + D(1) + D("1.05"), "docs": D("12.5")}
            assert costs(made) == {(1, team, "billed"): cost for team, cost in expected.items()}
            assert difference(made) == []

    def test_the_books_hold_the_cost_report_to_the_last_digit(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", completion("proj_a", f"key_{number}", number * 1_000_003)) for number in (1, 2, 3)]
        costs = openai_page(DAY, [("2026-05-01", charge("15.012345678901", f"{GPT}, input"))])
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=costs)
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            ((attributed, unattributed, total),) = made.ask(
                "SELECT attributed_billed, unattributed_billed, (SELECT sum(billed_cost) FROM marts.cost_daily) FROM marts.reconciliation"
            )
            assert attributed + unattributed == total == D("15.012345678901")

    def test_what_no_usage_explains_is_a_line_of_its_own_project(self, tmp_path: Path) -> None:
        more = [
            ("2026-05-01", charge("0.33", "web search tool calls", "proj_b")),
            ("2026-05-01", charge("0.44", f"web search tool calls | {GPT}", "proj_b")),
            ("2026-05-01", charge("0.10", "Vector storage")),
            ("2026-05-01", charge("0.70", "gpt-5-2025-08-07, input", "proj_b")),
        ]
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY), costs=openai_page(DAY, [*CHARGES, *more]))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            found = made.ask(
                "SELECT workload_id, cost_category, match_id, sum(billed_cost) FROM marts.cost_daily WHERE allocation_method <> 'usage_share' "
                "GROUP BY ALL ORDER BY ALL"
            )
            assert found == [("docs", "api_usage", "workload:docs#1", D("1.47")), ("unattributed", "api_usage", "none", D("0.1"))]
            assert made.findings()["unexplained_bill", "openai"] == 1

    def test_a_cost_line_can_be_matched_by_key_and_by_model(self, tmp_path: Path) -> None:
        lines = [("2026-05-01", charge("3", "code interpreter sessions", None, "key_9")), ("2026-05-01", charge("4", "whisper-1, audio"))]
        saved(tmp_path / "openai", costs=openai_page(DAY, lines))
        teams = [workload("keyed", match=[{"api_key": "KEY_9"}]), workload("voice", match=[{"model": "whisper*"}])]
        with company(tmp_path, [OPENAI], workloads=teams) as made:
            assert costs(made) == {(1, "keyed", "billed"): D(3), (1, "voice", "billed"): D(4)}

    def test_a_bill_line_without_a_project_is_not_of_one(self, tmp_path: Path) -> None:
        lines = [("2026-05-01", charge("3", "Vector storage", "proj_a")), ("2026-05-01", charge("4", "Vector storage"))]
        saved(tmp_path / "openai", costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=[workload("rest", match=[{"source": "openai", "not.project": "proj_a"}])]) as made:
            assert costs(made) == {(1, "rest", "billed"): D(4), (1, "unattributed", "billed"): D(3)}

    def test_days_after_the_last_billed_one_are_accrued(self, tmp_path: Path) -> None:
        later = [("2026-05-02T08:00", completion("proj_b", "key_3", 2 * M)), ("2026-06-01T08:00", completion("proj_b", "key_3", 4 * M))]
        saved(tmp_path / "openai", usage=openai_page(HOUR, [*FIRST_OF_MAY, *later]), costs=openai_page(DAY, CHARGES))
        with company(tmp_path, [OPENAI], as_of="2026-06-30", workloads=TEAMS) as made:
            found = made.ask("SELECT usage_date, effective_cost, billed_cost FROM marts.cost_daily WHERE cost_basis = 'accrued' ORDER BY 1")
            assert found == [(date(2026, 5, 2), D(5), D(0)), (date(2026, 6, 1), D(10), D(0))]

    def test_an_accrual_goes_when_its_cost_comes(self, tmp_path: Path) -> None:
        later = ("2026-05-02T08:00", completion("proj_b", "key_3", 2 * M))
        saved(tmp_path / "openai", usage=openai_page(HOUR, [*FIRST_OF_MAY, later]), costs=openai_page(DAY, CHARGES))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert costs(made, "usage_date = '2026-05-02'") == {(2, "docs", "accrued"): D(5)}
            saved(tmp_path / "openai", later=openai_page(DAY, [("2026-05-02", charge("4.95", f"{GPT}, input", "proj_b"))]))
            made.allocate()
            assert costs(made, "usage_date = '2026-05-02'") == {(2, "docs", "billed"): D("4.95")}

    def test_what_a_rule_splits_is_not_accrued_besides(self, tmp_path: Path) -> None:
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY), costs=openai_page(DAY, CHARGES))
        rule = {"id": "all-of-it", "match": [{"source": "openai"}], "split": {"among": ["chat", "docs"], "by": "even"}}
        with company(tmp_path, [OPENAI], workloads=TEAMS, rules=[rule]) as made:
            assert costs(made) == {(1, "chat", "billed"): D("11.15"), (1, "docs", "billed"): D("11.15")}

    def test_usage_without_costs_is_priced(self, tmp_path: Path) -> None:
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            # chat: 0.6 M at 2.50, 0.4 M at 1.25, 0.1 M at 10; batch: 1.8 M, 0.2 M, 0.1 M, and 7 M of mini at 0.15
            assert costs(made) == {(1, "chat", "priced"): D(3), (1, "batch", "priced"): D("6.8"), (1, "docs", "priced"): D("12.5")}

    def test_a_line_of_a_key_is_for_that_key_s_usage(self, tmp_path: Path) -> None:
        lines = [("2026-05-01", charge("2", f"{GPT}, input", "proj_a", "key_1")), ("2026-05-01", charge("5", f"{GPT}, input", "proj_a", "key_2"))]
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY), costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert costs(made) == {(1, "chat", "billed"): D(2), (1, "batch", "billed"): D(5)}

    def test_a_batch_is_billed_apart_from_what_is_not(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", completion("proj_a", "key_1", M)), ("2026-05-01", completion("proj_a", "key_2", 9 * M, batch=True))]
        lines = [("2026-05-01", charge("2.5", f"{GPT}, input", "proj_a")), ("2026-05-01", charge("11.25", f"{GPT} batch, input", "proj_a"))]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert costs(made) == {(1, "chat", "billed"): D("2.5"), (1, "batch", "billed"): D("11.25")}

    @pytest.mark.parametrize(
        ("billed", "used", "explained"),
        [
            ("gpt-4o-2024-08-06", ("gpt-4o", "gpt-4o-mini"), {"chat"}),
            ("gpt-4o", ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"), {"chat"}),
            ("gpt-4o", ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"), {"chat", "batch"}),
            ("gpt-4o-mini", ("gpt-4o", "o3"), set()),
            ("gpt-4o-2024-05-13", ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"), set()),
        ],
    )
    def test_a_model_s_family_and_its_dated_versions(self, tmp_path: Path, billed: str, used: tuple[str, str], explained: set[str]) -> None:
        usage = [("2026-05-01", completion("proj_a", f"key_{number}", M, model=model)) for number, model in enumerate(used, 1)]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, [("2026-05-01", charge("1", f"{billed}, input", "proj_a"))]))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert {row[1] for row in costs(made, "cost_basis = 'billed'")} == (explained or {"unattributed"})

    def test_tokens_tell_the_shares_of_a_model_without_a_price(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", completion("proj_a", f"key_{number}", number * M, model="secret-1-preview")) for number in (1, 2)]
        lines = [("2026-05-01", charge("6", "secret-1-preview, input")), ("2026-05-01", charge("9", "secret-1-preview"))]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert costs(made) == {(1, "chat", "billed"): D(5), (1, "batch", "billed"): D(10)}
            assert difference(made) == []

    def test_an_unknown_price_takes_nothing_of_a_line_for_any_model(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", completion("proj_a", "key_1", M)), ("2026-05-01", completion("proj_a", "key_2", M, model="secret-1-preview"))]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, [("2026-05-01", charge("2.5", None))]))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert costs(made) == {(1, "chat", "billed"): D("2.5")}

    @pytest.mark.parametrize(
        ("amount", "found"), [("2.55", []), ("2.551", [("openai", D("0.051"))]), ("2.45", []), ("2.449", [("openai", D("-0.051"))])]
    )
    def test_a_bill_more_than_two_percent_off_its_prices_is_a_finding(self, tmp_path: Path, amount: str, found: list[tuple[str, Decimal]]) -> None:
        lines = [("2026-05-01", charge(amount, f"{GPT}, input", "proj_a")), ("2026-05-01", charge("99", "web search tool calls", "proj_a"))]
        usage = [("2026-05-01", completion("proj_a", "key_1", M, 0, 5 * M)), ("2026-05-01", completion("proj_a", "key_2", M, model="unheard-of"))]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            assert [(subject, amount) for subject, amount, _ in difference(made)] == found

    def test_the_finding_names_both_figures_and_the_percentage(self, tmp_path: Path) -> None:
        lines = [("2026-05-01", charge("4", f"{GPT}, input")), ("2026-05-02", charge("-1", f"{GPT}, input"))]
        usage = [(day, completion("proj_a", "key_1", M)) for day in ("2026-05-01", "2026-05-02")]
        saved(tmp_path / "openai", usage=openai_page(DAY, usage), costs=openai_page(DAY, lines))
        with company(tmp_path, [OPENAI], workloads=TEAMS) as made:
            ((_, amount, words),) = difference(made)
            assert amount == D(-2)
            assert words.startswith("2026-05: billed 3.00 USD for usage that costs 5.00 USD at its prices (-40.0 %)")


ANTHROPIC = {"id": "claude", "kind": "anthropic", "path": "claude/"}
WORKSPACES = [
    workload("code", match=[{"source": "claude", "workspace": "wrkspc_1", "api_key": "apikey_1"}]),
    workload("review", match=[{"source": "claude", "workspace": "wrkspc_1", "api_key": "apikey_2"}]),
    workload("lab", match=[{"source": "claude", "workspace": "default"}]),
    workload("one", match=[{"source": "claude", "workspace": "wrkspc_1"}]),
]


class TestAnthropic:
    def test_cents_are_split_within_workspace_model_tier_and_kind(self, tmp_path: Path) -> None:
        usage = [
            ("2026-05-01T08:00", message("wrkspc_1", "apikey_1", M, write_1h=100_000)),
            ("2026-05-01T09:00", message("wrkspc_1", "apikey_2", 3 * M, write_5m=100_000)),
            ("2026-05-01T09:00", message("wrkspc_1", "apikey_2", 5 * M, service_tier="batch")),
            ("2026-05-01T09:00", message("wrkspc_1", "apikey_1", 7 * M, context_window="200k-1M")),
            ("2026-05-01T09:00", message(None, "apikey_3", M)),
        ]
        report = [
            ("2026-05-01", cents("1200.00", "wrkspc_1")),
            ("2026-05-01", cents("60", "wrkspc_1", "cache_creation.ephemeral_1h_input_tokens")),
            ("2026-05-01", cents("37.5", "wrkspc_1", "cache_creation.ephemeral_5m_input_tokens")),
            ("2026-05-01", cents("750", "wrkspc_1", service_tier="batch")),
            ("2026-05-01", cents("4200", "wrkspc_1", context_window="200k-1M")),
            ("2026-05-01", cents("300.5", None)),
            ("2026-05-01", cents("12.3", "wrkspc_1", None)),
        ]
        saved(tmp_path / "claude", usage=anthropic_page(HOUR, usage), costs=anthropic_page(DAY, report))
        with company(tmp_path, [ANTHROPIC], workloads=WORKSPACES) as made:
            assert costs(made) == {
                (1, "code", "billed"): D(3) + D("0.6") + D(42),
                (1, "review", "billed"): D(9) + D("0.375") + D("7.5"),
                (1, "lab", "billed"): D("3.005"),
                (1, "one", "billed"): D("0.123"),  # code execution is in the costs only
            }
            assert made.ask("SELECT sum(source_billed) FROM marts.reconciliation") == [(D("65.603"),)]

    def test_priority_usage_has_no_cost_of_its_own_and_takes_none(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", message("wrkspc_1", "apikey_1", M)), ("2026-05-01", message("wrkspc_1", "apikey_2", 9 * M, service_tier="priority"))]
        saved(tmp_path / "claude", usage=anthropic_page(DAY, usage), costs=anthropic_page(DAY, [("2026-05-01", cents("300", "wrkspc_1"))]))
        with company(tmp_path, [ANTHROPIC], workloads=WORKSPACES) as made:
            assert costs(made) == {(1, "code", "billed"): D(3)}

    def test_a_report_that_is_not_grouped_is_split_over_all_usage(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", message("wrkspc_1", "apikey_1", M)), ("2026-05-01", message("wrkspc_1", "apikey_2", output_tokens=M))]
        ungrouped = {"amount": "1800", "currency": "USD", **dict.fromkeys(("workspace_id", "description", "cost_type", "model", "token_type"))}
        saved(tmp_path / "claude", usage=anthropic_page(DAY, usage), costs=anthropic_page(DAY, [("2026-05-01", ungrouped)]))
        with company(tmp_path, [ANTHROPIC], workloads=WORKSPACES) as made:
            assert costs(made) == {(1, "code", "billed"): D(3), (1, "review", "billed"): D(15)}

    def test_the_newer_api_charges_by_key(self, tmp_path: Path) -> None:
        times = {"starting_at": "2026-05-01T00:00:00Z", "ending_at": "2026-05-02T00:00:00Z"}
        said = {"model": CLAUDE, "service_tier": "standard", "context_window": "0-200k", "workspace_id": "wrkspc_1"}
        usage = {"uncached_input_tokens": M, "cache_read_input_tokens": 0, "output_tokens": 0, "requests": 4}
        cost = {"amount": "270", "list_amount": "300", "currency": "USD"}
        group = {**said, "token_type": "uncached_input_tokens", "cost_type": "tokens"}
        rows = [{**times, "group": {**said, "api_key_id": key}, "usage": usage} for key in ("apikey_1", "apikey_2")]
        lines = [{**times, "group": {**group, "api_key_id": key}, "cost": cost} for key in ("apikey_1", "apikey_2")]
        lines[1]["cost"] = {**cost, "amount": "30"}
        saved(tmp_path / "claude", usage={"data": rows, "has_more": False}, costs={"data": lines, "has_more": False})
        with company(tmp_path, [ANTHROPIC], workloads=WORKSPACES) as made:
            assert costs(made) == {(1, "code", "billed"): D("2.7"), (1, "review", "billed"): D("0.3")}
            assert made.ask("SELECT sum(list_cost) FROM marts.cost_daily") == [(D(6),)]
            assert made.ask("SELECT sum(requests) FROM marts.usage_daily") == [(8,)]

    def test_requests_that_nobody_counts_are_unknown_and_not_none(self, tmp_path: Path) -> None:
        usage = [("2026-05-01", message("wrkspc_1", "apikey_1", M)), ("2026-05-01", message("wrkspc_1", "apikey_2", M))]
        saved(tmp_path / "claude", usage=anthropic_page(DAY, usage))
        log = [{"timestamp": "2026-05-01T08:00:00Z", "workload": "code", "provider": "openai", "model": GPT, "input_tokens": M, "output_tokens": 0}]
        sources = [ANTHROPIC, {"id": "log", "kind": "request_log", "path": "log.csv"}]
        rule = {"id": "reviews", "match": [{"source": "claude", "api_key": "apikey_2"}], "split": {"among": ["lab", "review"], "by": "even"}}
        with company(tmp_path, sources, {"log.csv": log}, workloads=WORKSPACES, rules=[rule]) as made:
            found = made.ask("SELECT workload_id, source_id, requests, input_uncached_tokens FROM marts.usage_daily ORDER BY ALL")
            assert found == [("code", "claude", None, M), ("code", "log", 1, M), ("lab", "claude", None, M // 2), ("review", "claude", None, M // 2)]
            assert made.ask("SELECT DISTINCT requests, cost_per_thousand_requests FROM marts.unit_cost_monthly") == [(None, None)]


class TestOtherBills:
    def test_openrouter_charges_by_model_and_day(self, tmp_path: Path) -> None:
        def activity(model: str, usage: str, prompt: int, day: str = "2026-05-01") -> dict[str, Any]:
            counts = {"requests": 2, "prompt_tokens": prompt, "completion_tokens": 0, "reasoning_tokens": 0, "byok_usage_inference": 5}
            said = {"date": day, "model": model, "model_permaslug": model, "endpoint_id": f"{model}-1", "provider_name": "Groq"}
            return {**said, "usage": Number(usage), **counts}

        rows = [activity("openai/gpt-4o", "2.6", M), activity("x-ai/grok-4", "0.4", M), activity("x-ai/grok-4", "0", M, "2026-05-02")]
        saved(tmp_path / "router", activity={"data": rows})
        teams = [workload(name, match=[{"source": "router", "model": f"{maker}/*"}]) for name, maker in (("chat", "openai"), ("lab", "x-ai"))]
        with company(tmp_path, [{"id": "router", "kind": "openrouter", "path": "router/"}], workloads=teams) as made:
            assert {key: cost for key, cost in costs(made).items() if cost} == {(1, "chat", "billed"): D("2.6"), (1, "lab", "billed"): D("0.4")}
            assert made.ask("SELECT sum(requests) FROM marts.usage_daily") == [(6,)]

    def test_bedrock_logs_split_the_cloud_s_bill_by_kind_of_token(self, tmp_path: Path) -> None:
        def record(team: str, number: int, **counts: int) -> dict[str, Any]:
            given = {"inputTokenCount": counts.get("input", 0), "cacheReadInputTokenCount": counts.get("read", 0)}
            produced = {"outputTokenCount": counts.get("output", 0)}
            said = {"schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": "2026-05-01T10:00:00Z", "accountId": "111122223333"}
            called = {"requestId": f"r-{number}", "operation": "Converse", "modelId": NOVA, "requestMetadata": {"team": team}}
            return {**said, **called, "region": "us-east-1", "input": given, "output": produced}

        logs = [record("chat", 1, input=M, read=3 * M), record("search", 2, input=3 * M, read=M, output=M)]
        saved(tmp_path / "logs", records=logs)

        def bedrock(amount: str, description: str, **columns: object) -> dict[str, object]:
            return focus_line("2026-05-01", amount, ServiceName="Amazon Bedrock", ProviderName="AWS", ChargeDescription=description, **columns)

        bill = [
            bedrock("3.2", "USE1-NovaPro-input-tokens"),
            bedrock("0.8", "USE1-NovaPro-cache-read-input-token-count"),
            bedrock("3.2", "USE1-NovaPro-output-tokens"),
            bedrock("10", "Provisioned throughput", ChargeCategory="Purchase"),
            focus_line("2026-05-01", "50", ServiceName="Amazon S3", ProviderName="AWS"),
        ]
        sources = [{"id": "aws", "kind": "focus", "path": "bill.csv"}, {"id": "logs", "kind": "bedrock_logs", "path": "logs/", "billed_by": "aws"}]
        teams = [workload(name, match=[{"metadata.team": name}]) for name in ("chat", "search")]
        with company(tmp_path, sources, {"bill.csv": bill}, workloads=teams) as made:
            assert costs(made) == {
                (1, "chat", "billed"): D("0.8") + D("0.6"),
                (1, "search", "billed"): D("2.4") + D("0.2") + D("3.2"),
                (1, "unattributed", "billed"): D(60),
            }
            assert difference(made) == []

    def test_a_gateway_s_rows_of_a_pool_are_the_pool_s_work_and_the_rest_is_billed_elsewhere(self, tmp_path: Path) -> None:
        def call(number: int, team: str, **columns: Any) -> dict[str, Any]:
            row = {"request_id": f"c-{number}", "call_type": "acompletion", "startTime": "2026-05-01T10:00:00Z", "status": "success", "team_id": team}
            row |= {"model": f"openai/{GPT}", "custom_llm_provider": "openai", "api_base": "https://api.openai.com/v1", "spend": 9.99}
            return {**row, "prompt_tokens": M, "completion_tokens": 0, "total_tokens": M, "cache_hit": "False", "metadata": {}, **columns}

        served = {"api_base": "http://llama.internal:8000/v1", "model": "hosted_vllm/llama", "custom_llm_provider": "hosted_vllm"}
        calls = [call(1, "a"), call(2, "b"), call(3, "b"), call(3, "b"), call(4, "a", **served), call(5, "a", cache_hit="True")]
        saved(tmp_path / "gateway", calls=calls)
        sources = [
            {"id": "invoice", "kind": "invoice", "path": "invoice.csv"},
            {"id": "gateway", "kind": "litellm", "path": "gateway/", "billed_by": "invoice"},
        ]
        pools = [pool("llama", match=[{"metadata.api_base": "http://llama.internal*"}])]
        teams = [workload(name, match=[{"team": name}]) for name in ("a", "b")]
        lines = [invoice_line("2026-05-01", "2026-05-02", 9, sku=GPT)]
        with company(tmp_path, sources, {"invoice.csv": lines}, workloads=teams, pools=pools) as made:
            assert costs(made) == {(1, "a", "billed"): D(3), (1, "b", "billed"): D(6)}
            found = made.ask("SELECT workload_id, side, pool_id, requests, input_uncached_tokens FROM marts.usage_daily ORDER BY ALL")
            assert found == [("a", "api", None, 2, M), ("a", "self_host", "llama", 1, M), ("b", "api", None, 2, 2 * M)]
            assert [subject for subject, *_ in difference(made)] == ["gateway"]  # 9.00 billed, 7.50 at prices

    def test_the_difference_is_told_of_each_source_that_a_bill_pays_for(self, tmp_path: Path) -> None:
        def log(model: str) -> list[dict[str, object]]:
            return [
                {"timestamp": "2026-05-01T08:00:00Z", "workload": "a", "provider": "openai", "model": model, "input_tokens": M, "output_tokens": 0}
            ]

        sources = [{"id": "invoice", "kind": "invoice", "path": "invoice.csv"}]
        sources += [{"id": name, "kind": "request_log", "path": f"{name}.csv", "billed_by": "invoice"} for name in ("big", "small")]
        lines = [invoice_line("2026-05-01", "2026-06-01", "2.5", sku=GPT), invoice_line("2026-05-01", "2026-06-01", "0.3", sku=MINI)]
        with company(tmp_path, sources, {"invoice.csv": lines, "big.csv": log(GPT), "small.csv": log(MINI)}, workloads=[workload("a")]) as made:
            assert [(subject, amount) for subject, amount, _ in difference(made)] == [("small", D("0.15"))]

    def test_a_cost_report_beside_the_invoice_that_pays_is_not_counted(self, tmp_path: Path) -> None:
        saved(tmp_path / "openai", usage=openai_page(HOUR, FIRST_OF_MAY), costs=openai_page(DAY, CHARGES))
        sources = [{"id": "invoice", "kind": "invoice", "path": "invoice.csv"}, OPENAI | {"billed_by": "invoice"}]
        with company(tmp_path, sources, {"invoice.csv": [invoice_line("2026-05-01", "2026-06-01", 20)]}, workloads=TEAMS) as made:
            assert made.ask("SELECT source_id, sum(billed_cost) FROM marts.cost_daily GROUP BY ALL") == [("invoice", D(20))]
            assert made.findings()["cost_report_not_used", "openai"] == 1
            made.allocate()
            assert made.ask("SELECT sum(billed_cost) FROM marts.cost_daily") == [(D(20),)]
