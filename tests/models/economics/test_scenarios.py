"""Scenarios, and what a workload costs its pool on average and at the margin."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from small_companies import ANSWERED, ASSUMPTIONS, SELF_HOST, row, workload
from test_decision import AUGUST, DAYS, on_api, on_pool
from test_economic_laws import two_sided

from models.economics import months
from models.economics.capacity import weights_gb
from models.economics.decision import DecisionInputs, DecisionOutputs, decide
from models.economics.scenarios import SCENARIOS, TODAY, Change, combined

HOURS = (744 + 744 + 720) / 3  # July, August, September


def scenario(decided: DecisionOutputs, name: str, workload_id: str = "chat") -> dict[str, Any]:
    return row(decided.decision_scenarios, quarter="2026-Q3", workload_id=workload_id, scenario=name)


def test_moderate_is_today() -> None:
    decided = decide(on_api())
    today = scenario(decided, "moderate")
    assert today["self_host_cost_monthly"] == pytest.approx(6 * 3.99 * HOURS + 70_000 / 12)
    assert today["saving_monthly"] == pytest.approx(row(decided.placement_recommendations, quarter="2026-Q3")["saving_monthly"])
    assert today["cheaper_side"] == "self_host"


@pytest.mark.parametrize(
    ("preset", "people"), [("lyceum", 15_625.03 / 12), ("garnet", 70_000 / 12), ("redress", 375_000.75 / 12), ("ivchenko", 1_484_000 / 12)]
)
def test_an_authors_staffing(preset: str, people: float) -> None:
    assert scenario(decide(on_api()), preset)["self_host_cost_monthly"] == pytest.approx(6 * 3.99 * HOURS + people, abs=0.01)


def test_scenarios_are_ordered_by_their_name() -> None:
    savings = [scenario(decide(on_api()), name)["saving_monthly"] for name in ("optimistic", "moderate", "conservative", "pessimistic")]
    assert savings == sorted(savings, reverse=True)
    assert list(SCENARIOS) == ["optimistic", "moderate", "conservative", "pessimistic"]


def test_people_who_are_allocated_stay() -> None:
    decided = decide(on_pool({"tags": 432}))
    costs = {scenario(decided, preset, "tags")["self_host_cost_monthly"] for preset in ("lyceum", "garnet", "redress", "ivchenko")}
    assert len(costs) == 1


def test_without_a_candidate_there_is_no_scenario() -> None:
    alone = workload("chat", candidates={"api": [{"provider": "openai", "model": "gpt-4o", "quality": {"score": 1.0}}]})
    assert decide(on_api(configured=alone)).decision_scenarios.is_empty()


def test_changes_combine() -> None:
    both = combined([Change(volume=2.0), Change(volume=1.5, gpu_price=3.0), Change(spare_replicas=1), TODAY])
    assert both == Change(volume=3.0, gpu_price=3.0, spare_replicas=1)


def marginal(decided: DecisionOutputs, workload_id: str) -> dict[str, Any]:
    return row(decided.pool_marginal_monthly, month=AUGUST, pool_id="p", workload_id=workload_id)


def test_average_and_marginal_of_a_shared_pool() -> None:
    # 4 replicas at 2 x 3.99 x 744; big's share is 100/101; without tags 2 + 1 replicas do, without big 1 + 1
    decided, replica = decide(on_pool({"big": 43200, "tags": 432}, replicas=4)), 2 * 3.99 * 744
    tags, big = marginal(decided, "tags"), marginal(decided, "big")
    assert tags["average_cost"] == pytest.approx(4 * replica / 101 + 70_000 / 12 / 101)
    assert (tags["marginal_cost"], big["marginal_cost"]) == (pytest.approx(replica), pytest.approx(2 * replica))  # people only when it empties
    assert tags["cost_to_others"] == pytest.approx(tags["average_cost"] - replica)
    assert tags["average_cost"] + big["average_cost"] == pytest.approx(4 * replica + 70_000 / 12)


def test_the_last_one_to_leave_frees_it_all() -> None:
    alone = marginal(decide(on_pool({"tags": 432})), "tags")
    assert alone["marginal_cost"] == alone["average_cost"] == pytest.approx(2 * 3.99 * 744 + 70_000 / 12)
    assert alone["cost_to_others"] == 0


def test_a_pool_without_a_bill_has_no_margin() -> None:
    unknown = marginal(decide(on_pool({"tags": 432}, bill=False)), "tags")
    assert (unknown["average_cost"], unknown["marginal_cost"], unknown["cost_to_others"]) == (None, None, None)


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(1, 50_000), min_size=1), st.integers(1, 6))
@settings(max_examples=10, deadline=None)
def test_averages_add_up_and_nobody_frees_more_than_there_is(requests: dict[str, float], replicas: int) -> None:
    rows = decide(on_pool(requests, replicas=replicas)).pool_marginal_monthly.filter(month=AUGUST)
    whole = 2 * 3.99 * 24 * DAYS[AUGUST] * replicas + 70_000 / 12
    assert rows["average_cost"].sum() == pytest.approx(whole)
    assert rows["marginal_cost"].min() >= 0
    assert rows["marginal_cost"].max() <= whole * (1 + 1e-9)


def test_weights_from_parameters() -> None:
    assert (weights_gb(70, "FP8"), weights_gb(70, "fp16"), weights_gb(70, None), weights_gb(None, "FP8")) == (70, 140, None, None)


def test_a_month_whose_model_does_not_fit_is_no_comparison() -> None:
    # 70 billion at FP16 need 168 GB with headroom; two H100 of the catalogue have 160
    profile = {**ASSUMPTIONS["profiles"][0], "parameters_billions": 70, "precision": "FP16"}
    decided = decide(on_api(profiles=[profile]))
    month = row(decided.crossover_monthly, workload_id="chat", month=AUGUST)
    assert (month["status"], month["reason"]) == ("not_applicable", "capacity")
    must_stay = workload("chat", questions={**ANSWERED, "data_must_stay": True})
    assert row(decide(on_api(configured=must_stay, profiles=[profile])).placement_recommendations, quarter="2026-Q3")["recommendation"] == "escalate"


def test_a_benchmark_of_ones_own_goes_before_the_catalogue() -> None:
    shipped = {**SELF_HOST, "profile": "llama-3.3-70b-fp8-h100x2"}
    chat = workload("chat", candidates={"self_host": shipped, "api": [{"provider": "openai", "model": "gpt-4o", "quality": {"score": 1.0}}]})
    measured = {
        **ASSUMPTIONS["profiles"][0],
        "id": "llama-3.3-70b-fp8-h100x2",
        "prefill_tokens_per_second": 4857.11,
        "decode_tokens_per_second": 4696.58,
    }
    replicas = [
        row(decide(on_api(configured=chat, profiles=profiles)).crossover_monthly, workload_id="chat", month=AUGUST)["replicas"]
        for profiles in ([], [measured])
    ]
    assert replicas == [3, 6]  # 12 x 0.1124 / 0.8 = 1.7, and three times slower but for the context term 12 x 0.3009 / 0.8 = 4.5; + 1 each


def test_large_demand_is_taken_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decide(two_sided(5000, 1.0))
    monkeypatch.setattr(months, "PART_ROWS", 100)
    parts = decide(two_sided(5000, 1.0))
    for name, table in vars(whole).items():  # sums of floats may differ in their last digit
        assert_frame_equal(table, vars(parts)[name], rel_tol=1e-12)


def test_those_who_share_a_pool_stay_in_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    given_inputs = on_pool({"big": 43200, "tags": 432}, replicas=4)
    whole = decide(given_inputs)
    monkeypatch.setattr(months, "PART_ROWS", 10)
    assert_frame_equal(decide(given_inputs).pool_marginal_monthly, whole.pool_marginal_monthly)


def test_a_month_without_data_has_no_row_and_no_figure() -> None:
    given_inputs = on_api()
    gap = given_inputs.usage_hourly.filter(pl.col("usage_hour").dt.month() != 8)
    decided = decide(DecisionInputs(**{**vars(given_inputs), "usage_hourly": gap}))
    assert decided.crossover_curve["month"].unique().sort().to_list() == [date(2026, 6, 1), date(2026, 7, 1), date(2026, 9, 1)]
    assert row(decided.placement_recommendations, quarter="2026-Q3")["reason"] == "coverage"
    assert decided.decision_sensitivity.filter(quarter="2026-Q3").is_empty()
