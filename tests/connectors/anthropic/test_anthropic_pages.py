"""Anthropic's saved pages, of the Admin API and of the Analytics API: cents are dollars, and nothing counts twice."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged_rows import assembled, local_files, rows_of, save, staged, staged_columns

from connectors.anthropic.pages import assemble, dollars_of_cents
from models.contracts.raw.anthropic import ANTHROPIC_COSTS, ANTHROPIC_USAGE
from models.errors import BrokenFile

D = Decimal

# As the Admin API's reference shows it.
USAGE = {
    "uncached_input_tokens": 1500,
    "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
    "cache_read_input_tokens": 200,
    "output_tokens": 500,
    "server_tool_use": {"web_search_requests": 10},
    "api_key_id": "apikey_1",
    "workspace_id": "wrkspc_a",
    "model": "claude-sonnet-4-20250514",
    "service_tier": "standard",
    "context_window": "0-200k",
}
COST = {
    "currency": "USD",
    "amount": "123.78912",
    "workspace_id": "wrkspc_a",
    "description": "Claude Sonnet 4 Usage - Input Tokens",
    "cost_type": "tokens",
    "context_window": "0-200k",
    "model": "claude-sonnet-4-20250514",
    "service_tier": "standard",
    "token_type": "uncached_input_tokens",
    "inference_geo": "global",
}


def bucket(day: int, *rows: dict[str, Any], hours: tuple[int, int] = (0, 24)) -> dict[str, Any]:
    start, end = f"2026-05-{day:02}T{hours[0]:02}:00:00Z", f"2026-05-{day + hours[1] // 24:02}T{hours[1] % 24:02}:00:00Z"
    return {"starting_at": start, "ending_at": end, "results": list(rows)}


def page(*items: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"data": list(items), "has_more": more, "next_page": "page_x" if more else None}


def ranked(day: int, cents: str | None = None, tokens: int | None = None, **group: Any) -> dict[str, Any]:
    """A row of the Analytics API."""
    row = {"starting_at": f"2026-05-{day:02}T00:00:00Z", "ending_at": f"2026-05-{day + 1:02}T00:00:00Z", "group": group}
    if cents is not None:
        return {**row, "cost": {"amount": cents, "list_amount": f"{cents}0", "currency": "USD", "requests": None}}
    creation = {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0}
    usage = {"uncached_input_tokens": tokens, "cache_creation": creation, "cache_read_input_tokens": 0, "output_tokens": 0}
    return {**row, "usage": {**usage, "total_tokens": tokens, "requests": 3, "server_tool_use": {"web_search_requests": 0}}}


def read(folder: Path, **pages: Any) -> list[Any]:
    save(folder, **pages)
    return assembled(assemble, local_files(folder))


def amounts(parts: list[Any]) -> list[str]:
    return [row["amount"] for row in rows_of(parts, "anthropic_costs")]


def scopes(parts: list[Any]) -> list[dict[str, str]]:
    return [json.loads(row["usage_scope"]) for row in rows_of(parts, "anthropic_costs")]


def test_staging_gives_the_feeds_columns() -> None:
    assert staged_columns("anthropic_usage") == staged_columns("request_log")
    assert staged_columns("anthropic_costs") == staged_columns("focus")


def test_token_buckets_are_disjoint_as_given(tmp_path: Path) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(1, USAGE, hours=(9, 10)))), ANTHROPIC_USAGE, tmp_path)
    assert row == {
        "row_number": 1,
        "usage_at": datetime(2026, 5, 1, 9),
        "input_uncached_tokens": 1500,
        "cache_read_tokens": 200,
        "cache_write_tokens": 1500,
        "cache_write_1h_tokens": 1000,
        "output_tokens": 500,
        "reasoning_tokens": 0,
        "is_whole_day": False,
        "is_single_request": False,
        "reported_price_class": 0,
        "provider": "anthropic",
        "model": "claude-sonnet-4-20250514",
        "workspace": "wrkspc_a",
        "api_key": "apikey_1",
    }


@pytest.mark.parametrize(("window", "price_class"), [("0-200k", 0), ("200k-1M", 1), (None, None)])
def test_the_context_window_is_the_price_class(tmp_path: Path, window: str | None, price_class: int | None) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(1, {**USAGE, "context_window": window}))), ANTHROPIC_USAGE, tmp_path)
    assert row.get("reported_price_class") == price_class


@pytest.mark.parametrize(("tier", "expected"), [("standard", None), ("batch", "batch"), ("priority", "priority"), ("flex", "flex"), (None, None)])
def test_service_tiers(tmp_path: Path, tier: str | None, expected: str | None) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(1, {**USAGE, "service_tier": tier}))), ANTHROPIC_USAGE, tmp_path)
    assert row.get("service_tier") == expected


def test_a_cost_row_is_a_bill_line_in_dollars(tmp_path: Path) -> None:
    (line,) = staged(read(tmp_path, p=page(bucket(1, COST))), ANTHROPIC_COSTS, tmp_path)
    assert json.loads(line.pop("usage_scope")) == {
        "workspace": "wrkspc_a",
        "model": "claude-sonnet-4-20250514",
        "service_tier": "standard",
        "context_window": "0-200k",
        "token_kind": "input",
    }
    assert line == {
        "row_number": 1,
        "billed_cost": D("1.2378912"),
        "effective_cost": D("1.2378912"),
        "billing_period": date(2026, 5, 1),
        "charge_start": datetime(2026, 5, 1),
        "charge_end": datetime(2026, 5, 2),
        "currency": "USD",
        "provider": "anthropic",
        "invoice_issuer": "anthropic",
        "sub_account": "wrkspc_a",
        "service": "tokens",
        "region": "global",
        "sku": "Claude Sonnet 4 Usage - Input Tokens",
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
    }


@pytest.mark.parametrize(
    ("token_type", "kind"),
    [
        ("uncached_input_tokens", "input"),
        ("output_tokens", "output"),
        ("cache_read_input_tokens", "cache_read"),
        ("cache_creation.ephemeral_5m_input_tokens", "cache_write"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_write_1h"),
        (None, None),
    ],
)
def test_kinds_of_token(tmp_path: Path, token_type: str | None, kind: str | None) -> None:
    assert scopes(read(tmp_path, p=page(bucket(1, {**COST, "token_type": token_type}))))[0].get("token_kind") == kind


def test_code_execution_has_cost_only(tmp_path: Path) -> None:
    line = {"currency": "USD", "amount": "5", "description": "Code Execution Usage", "cost_type": "code_execution", "workspace_id": "wrkspc_a"}
    parts = read(tmp_path, p=page(bucket(1, line)))
    assert scopes(parts) == [{"workspace": "wrkspc_a"}]
    assert amounts(parts) == ["0.05"]


@pytest.mark.parametrize(
    ("cents", "dollars"),
    [
        ("123.78912", "1.2378912"),
        ("1", "0.01"),
        ("0", "0.00"),
        ("-250.5", "-2.505"),
        ("6.0e-05", "0.00000060"),
        ("1E+2", "1"),
        ("1e+3", "10"),
        ("12345678901234567890123456789012345678.123", "123456789012345678901234567890123456.78123"),
        ("much", "much"),
        ("NaN", "NaN"),
        ("1e999999", "1e999999"),
        (None, None),
    ],
)
def test_cents_to_dollars(cents: str | None, dollars: str | None) -> None:
    assert dollars_of_cents(cents) == dollars


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**15), max_value=10**15))
def test_cents_to_dollars_loses_nothing(cents: Decimal) -> None:
    dollars = dollars_of_cents(str(cents))
    assert dollars is not None
    assert Decimal(dollars) * 100 == cents


def test_the_default_workspace_is_named_where_workspaces_are(tmp_path: Path) -> None:
    usage = page(bucket(1, USAGE), bucket(2, {**USAGE, "workspace_id": None}))
    costs = page(bucket(1, COST), bucket(2, {**COST, "workspace_id": None}))
    parts = read(tmp_path, a=usage, b=costs)
    assert [row["workspace_id"] for row in rows_of(parts, "anthropic_usage")] == ["wrkspc_a", "default"]
    assert [scope["workspace"] for scope in scopes(parts)] == ["wrkspc_a", "default"]


def test_an_answer_without_workspaces_is_of_no_known_workspace(tmp_path: Path) -> None:
    parts = read(tmp_path, a=page(bucket(1, {**USAGE, "workspace_id": None})), b=page(bucket(1, {**COST, "workspace_id": None})))
    assert "workspace_id" not in rows_of(parts, "anthropic_usage")[0]
    assert "workspace" not in scopes(parts)[0]


def test_a_restated_bucket_counts_as_the_last_named_file_says(tmp_path: Path) -> None:
    first = page(bucket(1, COST), bucket(2, COST))
    second = page(bucket(2, {**COST, "amount": "200"}), bucket(3, {**COST, "amount": "300"}))
    assert amounts(read(tmp_path, costs_2=first, costs_10=second)) == ["1.2378912", "2.00", "3.00"]


def test_the_analytics_pair(tmp_path: Path) -> None:
    group = {"api_key_id": "apikey_1", "workspace_id": "wrkspc_a", "model": "claude-opus-5", "service_tier": "batch", "context_window": "200k-1M"}
    costs = page(ranked(1, "250", **group, cost_type="tokens", token_type="output_tokens"))
    parts = read(tmp_path, cost=costs, usage=page(ranked(1, tokens=70, **group)))
    (line,) = staged(parts, ANTHROPIC_COSTS, tmp_path)
    assert (line["billed_cost"], line["list_cost"], line["sku"]) == (D("2.5"), D("25"), "claude-opus-5, output_tokens")
    scope = {"workspace": "wrkspc_a", "api_key": "apikey_1", "model": "claude-opus-5", "service_tier": "batch", "context_window": "200k-1M"}
    assert json.loads(line["usage_scope"]) == {**scope, "token_kind": "output"}
    (row,) = staged(parts, ANTHROPIC_USAGE, tmp_path)
    assert (row["requests"], row["input_uncached_tokens"], row["service_tier"], row["reported_price_class"]) == (3, 70, "batch", 1)


def test_a_day_is_spread_over_the_pages_of_a_ranked_answer(tmp_path: Path) -> None:
    first = page(ranked(1, "900", model="a"), ranked(2, "800", model="a"), more=True)
    second = page(ranked(1, "700", model="b"), ranked(2, "600", model="b"))
    assert sorted(amounts(read(tmp_path, cost_1=first, cost_2=second))) == ["6.00", "7.00", "8.00", "9.00"]


def test_a_ranked_answer_may_end_with_a_page_of_nothing(tmp_path: Path) -> None:
    assert amounts(read(tmp_path, cost_1=page(ranked(1, "900"), more=True), cost_2=page())) == ["9.00"]


def test_a_later_ranked_answer_replaces_the_days_that_it_tells_of(tmp_path: Path) -> None:
    old = [page(ranked(1, "900", model="a"), more=True), page(ranked(1, "100", model="b"), ranked(2, "50", model="b"))]
    new = [page(ranked(1, "910", model="a"), more=True), page(ranked(1, "120", model="b"))]
    parts = read(tmp_path, monday__cost_1=old[0], monday__cost_2=old[1], tuesday__cost_1=new[0], tuesday__cost_2=new[1])
    assert sorted(amounts(parts)) == ["0.50", "1.20", "9.10"]


@pytest.mark.parametrize("copied", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("name", ["a_copy", "z_copy"])
def test_copies_of_ranked_pages_count_once(tmp_path: Path, copied: tuple[int, ...], name: str) -> None:
    pages = [page(ranked(1, "900", model="a"), more=True), page(ranked(1, "100", model="b"))]
    copies = {f"{name}_{number}": pages[number] for number in copied}
    assert sorted(amounts(read(tmp_path, m_cost_1=pages[0], m_cost_2=pages[1], **copies))) == ["1.00", "9.00"]


def test_a_ranked_answer_that_lacks_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match="Pages are missing"):
        read(tmp_path, cost_1=page(ranked(1, "900"), more=True))


def test_a_bucket_page_may_say_that_there_are_more(tmp_path: Path) -> None:
    assert amounts(read(tmp_path, cost_1=page(bucket(1, COST), more=True))) == ["1.2378912"]


def test_both_reports_of_one_day_are_the_same_money(tmp_path: Path) -> None:
    parts = read(tmp_path, analytics_cost=page(ranked(1, "500"), ranked(3, "70")), cost_report=page(bucket(1, COST), bucket(2, COST)))
    assert sorted(amounts(parts)) == ["0.70", "1.2378912", "1.2378912"]


def test_code_execution_in_ranked_usage_is_no_usage_of_a_model(tmp_path: Path) -> None:
    parts = read(tmp_path, usage=page(ranked(1, tokens=0, model=None), ranked(1, tokens=5, model="a")))
    assert [row["uncached_input_tokens"] for row in rows_of(parts, "anthropic_usage")] == ["5"]


def test_names_of_people_are_never_read(tmp_path: Path) -> None:
    actor = {"type": "user_actor", "email": "ada@example.com", "name": "Ada"}
    parts = read(tmp_path, usage=page(ranked(1, tokens=5, model="a", actor=actor)), cost=page(ranked(1, "5", actor=actor)))
    assert "ada" not in str([part.rows.to_pylist() for part in parts]).lower()


def test_a_total_over_days_is_cost_and_no_usage(tmp_path: Path) -> None:
    span = {"starting_at": "2026-05-01T00:00:00Z", "ending_at": "2026-05-08T00:00:00Z"}
    (line,) = staged(read(tmp_path, p=page({**ranked(1, "700"), **span})), ANTHROPIC_COSTS, tmp_path)
    assert (line["charge_start"], line["charge_end"]) == (datetime(2026, 5, 1), datetime(2026, 5, 8))
    with pytest.raises(BrokenFile, match="longer than a day"):
        read(tmp_path / "usage", p=page({**ranked(1, tokens=7, model="a"), **span}))


def test_days_replace_the_total_that_they_make_up(tmp_path: Path) -> None:
    total = {**ranked(1, "700"), "ending_at": "2026-05-03T00:00:00Z"}
    assert amounts(read(tmp_path, a=page(total), b=page(ranked(1, "300"), ranked(2, "450")))) == ["3.00", "4.50"]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"type": "error", "error": {"type": "not_found_error"}}, "not a page of Anthropic"),
        ({"data": [1]}, "not a page of Anthropic"),
        (page({"starting_at": "2026-05-01T00:00:00Z", "ending_at": "2026-05-02T00:00:00Z"}), "neither results nor usage nor cost"),
        (page({**bucket(1, COST), "results": None}), "no results"),
        (page(bucket(1, {"estimated": 1})), "neither usage of messages nor cost"),
        (page(bucket(1, COST), bucket(2, USAGE)), "usage and cost"),
        (page({**bucket(1, COST), "starting_at": "yesterday"}), "is no time"),
        (page({**bucket(1, COST), "ending_at": None}), "is no time"),
        (page({**bucket(1, COST), "ending_at": "2026-04-01T00:00:00Z"}), "does not start before"),
        (page({**bucket(1, COST), "ending_at": "2026-07-01T00:00:00Z"}), "over the end of a month"),
        (page(bucket(1, {**USAGE, "cache_creation": 5})), "cache_creation is no object"),
    ],
)
def test_what_is_no_page_is_named(tmp_path: Path, broken: Any, words: str) -> None:
    with pytest.raises(BrokenFile, match=words) as caught:
        read(tmp_path, odd=broken)
    assert caught.value.where == "source bill, file odd.json"


def test_times_with_an_offset_are_utc(tmp_path: Path) -> None:
    shifted = {**bucket(1, COST), "starting_at": "2026-05-01T02:00:00+02:00", "ending_at": "2026-05-02T00:00:00+00:00"}
    assert rows_of(read(tmp_path, p=page(shifted)), "anthropic_costs")[0]["starting_at"] == "2026-05-01T00:00:00Z"


@given(st.permutations(range(4)))
def test_the_order_of_listing_changes_nothing(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    folder = tmp_path_factory.mktemp("pages")
    pages = {"a": page(ranked(1, "1"), more=True), "b": page(ranked(1, "2")), "c": page(bucket(1, COST)), "d": page(bucket(1, USAGE))}
    save(folder, **pages)
    files = local_files(folder)
    assert assembled(assemble, [files[number] for number in order]) == assembled(assemble, files)
