"""Lock-in, vendors and tiers: formulas 2.15 and 2.17, the rest checked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_companies import ACTUAL_COLUMNS, API_COLUMNS, company, frame, row, usage, workload

from models.economics.demand import demand_book
from models.economics.market import NEGOTIATION_LIST, TIER_SHARES, TIERS, VENDOR_CONCENTRATION, negotiation_list, tier_shares, vendor_concentration
from models.economics.pricing import blended_price_per_million, concentration, lock_in_premium

JULY, AUGUST, OCTOBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 10, 1)
TOKENS = 100e6


def offer(model: str, cost: float | None, role: str = "candidate", month: date = JULY, **more: Any) -> dict[str, Any]:
    """An API's cost for the month's tokens."""
    provider = {"gpt-4o": "openai", "o1": "openai", "llama": "groq", "haiku": "anthropic"}[model]
    given = {"workload_id": "chat", "month": month, "provider": provider, "model": model, "role": role, "token_cost": cost, "is_eligible": True}
    return {**given, "quality_score": None, "is_frontier": False, "price_basis": "list", "tokens": TOKENS, **more}


def offers(*rows: dict[str, Any]) -> pl.DataFrame:
    return frame(list(rows), {**API_COLUMNS, "tokens": pl.Float64})


def chat(**more: Any) -> Any:
    return company([workload("chat", **more), workload("mail")])


def test_the_worked_examples() -> None:
    assert lock_in_premium(1000, 15, 10) == 500
    assert concentration([0.7, 0.2, 0.1]) == pytest.approx(0.54)
    mixed = blended_price_per_million([(0.2661, 24.7), (1 - 0.2661, 0.24)])
    assert 24.7 / mixed == pytest.approx(3.66, abs=0.005)  # RouteLLM


def test_a_premium_over_the_market() -> None:
    listed = negotiation_list(chat(), offers(offer("gpt-4o", 1500, "incumbent"), offer("llama", 1000), offer("haiku", 1200)))
    assert listed.schema == NEGOTIATION_LIST
    assert listed.row(0, named=True) == {
        "quarter": "2026-Q3",
        "position": 1,
        "provider": "openai",
        "model": "gpt-4o",
        "tokens": TOKENS,
        "effective_cost": 1500,
        "price_paid_per_million": 15,
        "market_price_per_million": 10,
        "market_provider": "groq",
        "market_model": "llama",
        "lock_in_premium": 750,
    }


def test_what_is_not_eligible_or_has_no_price_is_no_market() -> None:
    listed = negotiation_list(chat(), offers(offer("gpt-4o", 1500, "incumbent"), offer("llama", 100, is_eligible=False), offer("haiku", None)))
    assert listed.select("market_price_per_million", "market_provider", "lock_in_premium").row(0) == (None, None, None)


def test_less_than_the_market_is_a_negative_premium() -> None:
    listed = negotiation_list(chat(), offers(offer("gpt-4o", 800, "incumbent"), offer("gpt-4o", 1000)))
    assert listed["lock_in_premium"].item() == pytest.approx(-160)


def test_todays_model_is_eligible_without_being_a_candidate() -> None:
    listed = negotiation_list(chat(), offers(offer("haiku", 100, "incumbent"), offer("gpt-4o", 1000)))
    assert listed.select("market_price_per_million", "market_model", "lock_in_premium").row(0) == (1, "haiku", 0)


def test_tokens_per_task_are_weighed_in() -> None:
    candidates = {
        "api": [{"provider": "openai", "model": "gpt-4o", "quality": {"score": 1}}, {"provider": "groq", "model": "llama", "tokens_per_task": 2}]
    }
    listed = negotiation_list(chat(candidates=candidates), offers(offer("gpt-4o", 3000, "incumbent"), offer("llama", 1000)))
    assert listed["market_price_per_million"].item() == pytest.approx(20)


def test_a_quarter_adds_up_its_months_and_workloads() -> None:
    august: dict[str, Any] = {"month": AUGUST}
    mail: dict[str, Any] = {"workload_id": "mail", "tokens": 2 * TOKENS}
    listed = negotiation_list(
        chat(),
        offers(
            *(offer("gpt-4o", 1000, "incumbent"), offer("llama", 500)),
            *(offer("gpt-4o", 1000, "incumbent", **august), offer("llama", 500, **august)),
            *(offer("gpt-4o", 2000, "incumbent", **mail), offer("haiku", 1600, **mail)),
            *(offer("gpt-4o", 1000, "incumbent", month=OCTOBER), offer("llama", 1000, month=OCTOBER)),
        ),
    )
    third = row(listed, quarter="2026-Q3")
    assert (third["tokens"], third["effective_cost"], third["price_paid_per_million"]) == (4 * TOKENS, 4000, 10)
    assert third["market_price_per_million"] == pytest.approx(6.5)  # (500 + 500 + 1,600) / 400 M
    assert third["lock_in_premium"] == pytest.approx(4000 * (10 / 6.5 - 1))
    assert (third["market_provider"], third["market_model"]) == ("anthropic", "haiku")  # as many tokens as llama's: by name
    assert row(listed, quarter="2026-Q4")["lock_in_premium"] == 0


def test_the_most_money_comes_first_and_the_unknown_last() -> None:
    listed = negotiation_list(
        chat(),
        offers(
            offer("haiku", None, "incumbent"),
            offer("gpt-4o", 1100, "incumbent"),
            offer("o1", 3000, "incumbent"),
            offer("llama", 1000),
        ),
    )
    assert listed.select("position", "model", "lock_in_premium").rows() == [
        (1, "o1", pytest.approx(6000)),
        (2, "gpt-4o", pytest.approx(110)),
        (3, "haiku", None),
    ]
    assert listed["effective_cost"].to_list() == [3000, 1100, None]


def test_one_unknown_month_makes_the_quarter_unknown() -> None:
    listed = negotiation_list(
        chat(), offers(offer("gpt-4o", 1000, "incumbent"), offer("gpt-4o", None, "incumbent", month=AUGUST), offer("llama", 500))
    )
    assert listed.select("tokens", "effective_cost", "lock_in_premium").row(0) == (2 * TOKENS, None, None)


@given(st.permutations([offer("gpt-4o", 1000.1, "incumbent"), offer("o1", 70.7, "incumbent"), offer("llama", 0.3), offer("haiku", 0.2)]))
def test_order_does_not_matter(rows: list[dict[str, Any]]) -> None:
    given_in_order = offers(*sorted(rows, key=lambda each: each["model"]))
    assert negotiation_list(chat(), offers(*rows)).equals(negotiation_list(chat(), given_in_order))


def vendors(*rows: tuple[date, str | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"month": pl.Date, "provider": pl.String, "effective_cost": pl.Float64}, orient="row")


def test_concentration_of_a_quarter() -> None:
    found = vendor_concentration(
        chat(), vendors((JULY, "openai", 300), (AUGUST, "openai", 400), (JULY, "aws", 200), (JULY, "groq", 100), (OCTOBER, "aws", 5))
    )
    assert found.schema == VENDOR_CONCENTRATION
    assert found.rows() == [
        ("2026-Q3", "aws", 200, 0.2, pytest.approx(0.54)),
        ("2026-Q3", "groq", 100, 0.1, pytest.approx(0.54)),
        ("2026-Q3", "openai", 700, 0.7, pytest.approx(0.54)),
        ("2026-Q4", "aws", 5, 1, 1),
    ]


def test_own_hardware_is_no_vendor() -> None:
    found = vendor_concentration(chat(), vendors((JULY, None, 900), (JULY, "openai", 100)))
    assert found.rows() == [("2026-Q3", None, 900, None, 1), ("2026-Q3", "openai", 100, 1, 1)]


def test_a_vendor_that_pays_back_has_no_share() -> None:
    found = vendor_concentration(chat(), vendors((JULY, "aws", -50), (JULY, "openai", 100)))
    assert found.select("provider", "spend_share", "hhi").rows() == [("aws", 0, 1), ("openai", 1, 1)]


def test_an_unknown_cost_leaves_the_shares_unknown() -> None:
    found = vendor_concentration(chat(), vendors((JULY, "aws", None), (JULY, "openai", 100)))
    assert found.select("provider", "effective_cost", "spend_share", "hhi").rows() == [("aws", None, None, None), ("openai", 100, None, None)]


def cost(workload_id: str, amount: float | None, *, in_unit_cost: bool = True) -> dict[str, Any]:
    given = {"workload_id": workload_id, "month": JULY, "side": "api", "cost_category": "api_usage", "cost_basis": "billed", "pool_id": None}
    return {**given, "effective_cost": amount, "in_unit_cost": in_unit_cost}


def tiers(costs: list[dict[str, Any]]) -> pl.DataFrame:
    configured = company([workload("agent", tier=1), workload("mail", tier=3), workload("tags", tier=3), workload("other")])
    used = [
        usage(name, requests, JULY, JULY, hours=range(1))
        for name, requests in (("agent", 2), ("mail", 3), ("tags", 1), ("other", 4), ("unattributed", 9))
    ]
    return tier_shares(configured, demand_book(pl.concat(used), OCTOBER, {}, {}, {}).demand, frame(costs, ACTUAL_COLUMNS))


def test_shares_of_the_tiers_beside_the_published_ones() -> None:
    found = tiers([cost("agent", 50), cost("mail", 20), cost("tags", 5), cost("other", 25), cost("agent", 999, in_unit_cost=False)])
    assert found.schema == TIER_SHARES
    assert found.drop("quarter", "tokens").rows() == [
        (None, 1, 25, pytest.approx(0.4), 0.25, None, None, None, None),
        (1, 1, 50, pytest.approx(0.2), 0.5, 0.15, 0.25, 0.40, 0.60),
        (2, 0, 0, 0, 0, 0.35, 0.50, 0.30, 0.40),
        (3, 2, 25, pytest.approx(0.4), 0.25, 0.25, 0.40, 0.10, 0.20),
    ]


def test_a_used_workload_without_a_cost_is_unknown_not_free() -> None:
    found = tiers([cost("agent", 50), cost("mail", 20), cost("other", 25)])
    assert row(found, tier=3)["effective_cost"] is None
    assert found["spend_share"].to_list() == [None] * 4
    assert row(found, tier=1)["volume_share"] == pytest.approx(0.2)


def test_the_published_bands_are_those_of_redress() -> None:
    assert [(tier.volume, tier.spend) for tier in TIERS] == [((0.15, 0.25), (0.40, 0.60)), ((0.35, 0.50), (0.30, 0.40)), ((0.25, 0.40), (0.10, 0.20))]


def test_nothing_used_is_no_row() -> None:
    assert tier_shares(chat(), {}, frame([], ACTUAL_COLUMNS)).is_empty()
    assert negotiation_list(chat(), offers()).is_empty()
    assert vendor_concentration(chat(), vendors()).is_empty()
