"""The quarter's portfolio out of measured months: one pool, one platform and one spare where each alone would need its own."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from small_companies import ASSUMPTIONS, SELF_HOST, company, inputs, priced, usage, workload
from test_decision import POOL

from models.economics.decision import DecisionOutputs, decide

JUNE, AS_OF = date(2026, 6, 1), date(2026, 9, 30)
QUARTER = "2026-Q3"


def decided(*requests: float, names: str = "abcdef", **questions: Any) -> DecisionOutputs:
    """Workloads on gpt-4o with so many requests an hour, half the day, all with the same candidate."""
    asked = [usage(names[n], count, JUNE, AS_OF) for n, count in enumerate(requests)]
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, role) for used in asked for role in ("incumbent",)]
    configured = company([workload(names[n]) | questions.get(names[n], {}) for n in range(len(requests))])
    return decide(inputs(configured, AS_OF, asked, prices))


def costs(outputs: DecisionOutputs) -> dict[str, float]:
    quarter = outputs.portfolio_quarterly.filter(pl.col("quarter") == QUARTER)
    return dict(quarter.select("scenario", "cost_monthly").iter_rows())


def test_the_optimum_is_no_dearer_than_any_other_way() -> None:
    found = costs(decided(43200, 20000, 800))
    assert set(found) == {"today", "all_api", "all_self_hosted", "each_best", "optimum"}
    assert found["optimum"] <= min(found["all_api"], found["all_self_hosted"], found["each_best"]) * (1 + 1e-9)


def test_today_is_what_the_recommendations_say() -> None:
    outputs = decided(43200, 20000)
    current = outputs.placement_recommendations.filter(pl.col("quarter") == QUARTER)["current_cost_monthly"].sum()
    assert costs(outputs)["today"] == pytest.approx(current, rel=1e-6)


def test_two_on_one_pool_share_platform_and_spare() -> None:
    """Each alone pays people, overheads and a spare of its own; beside the other its own part is less."""
    outputs = decided(43200, 43200)
    rows = outputs.portfolio_workloads.filter(pl.col("quarter") == QUARTER)
    assert rows["placement"].to_list() == ["self_host", "self_host"]
    assert (rows["saving_in_portfolio_monthly"] > rows["saving_alone_monthly"]).all()
    found = costs(outputs)
    assert found["optimum"] < found["each_best"]


def test_peaks_at_different_hours_share_one_fleet() -> None:
    """Day and night, 12 requests a second each: alone 2 + 1 replicas of 2 GPUs, together no more. July to September have 2,208 hours."""
    asked = [usage("day", 43200, JUNE, AS_OF, hours=range(12)), usage("night", 43200, JUNE, AS_OF, hours=range(12, 24))]
    outputs = decide(
        inputs(company([workload("day"), workload("night")]), AS_OF, asked, [priced(u, "openai", "gpt-4o", 2.5, 10, "incumbent") for u in asked])
    )
    fleet, people = 6 * 3.99 * 2208 / 3, 70_000 / 12
    found = costs(outputs)
    assert found["all_self_hosted"] == found["optimum"] == pytest.approx(fleet + people)
    assert found["each_best"] == pytest.approx(2 * (fleet + people))
    rows = outputs.portfolio_workloads.filter(pl.col("quarter") == QUARTER)
    assert rows["marginal_cost_monthly"].to_list() == pytest.approx([0, 0], abs=1e-6)
    fleets = outputs.portfolio_fleets.filter(pl.col("quarter") == QUARTER)
    assert fleets.drop("gpu_cost_monthly", "token_utilisation").rows() == [(QUARTER, "two", "h100", 2, 0, 3, 0, 6)]
    assert fleets["gpu_cost_monthly"].to_list() == pytest.approx([fleet])
    assert fleets["token_utilisation"].to_list() == pytest.approx([43200 * 0.112421 / (3 * 3600)], rel=1e-4)
    recommended = outputs.placement_recommendations.filter(pl.col("quarter") == QUARTER)
    assert rows["saving_alone_monthly"].to_list() == pytest.approx(recommended["saving_monthly"].to_list())


def test_a_rule_is_never_overridden_by_cost() -> None:
    frontier = {"questions": {**workload("x")["questions"], "frontier_required": True}}
    outputs = decided(43200, 43200, a=frontier)
    rows = dict(outputs.portfolio_workloads.filter(pl.col("quarter") == QUARTER).select("workload_id", "placement").iter_rows())
    assert rows == {"a": "api", "b": "self_host"}


def test_the_order_of_workloads_says_nothing() -> None:
    one, other = decided(43200, 800, names="ab"), decided(800, 43200, names="ba")
    assert costs(one) == pytest.approx(costs(other))


def test_a_workload_without_any_month_is_left_out_by_name() -> None:
    used = usage("a", 43200, JUNE, AS_OF)
    outputs = decide(inputs(company([workload("a"), workload("quiet")]), AS_OF, [used], [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")]))
    left = outputs.portfolio_workloads.filter(pl.col("left_out").is_not_null())
    assert left.select("workload_id", "left_out").rows() == [("quiet", "days")]


def test_frontier_work_stays_on_its_model_unless_another_is_marked_frontier() -> None:
    used = usage("a", 43200, JUNE, AS_OF)
    asked = company([workload("a", questions={**workload("a")["questions"], "frontier_required": True})])

    def all_api(**flags: Any) -> float:
        prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(used, "cheap", "mini", 0.25, 1, **flags)]
        return costs(decide(inputs(asked, AS_OF, [used], prices)))["all_api"]

    assert all_api() == pytest.approx(10 * all_api(is_frontier=True))


def test_people_who_look_after_apis_are_counted_once() -> None:
    """Half an engineer of 120,000 a year, by API cost: 2,500 for each of two alike; both on GPUs, and nobody is needed."""
    asked = [usage(name, 43200, JUNE, AS_OF) for name in "ab"]
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent") for used in asked]
    free, paid = (
        decide(inputs(company([workload("a"), workload("b")], api_operations={"fte": fte, "loaded_annual": 120_000}), AS_OF, asked, prices))
        for fte in (0, 0.5)
    )
    assert costs(paid)["all_api"] - costs(free)["all_api"] == pytest.approx(5000)
    assert costs(paid)["today"] - costs(free)["today"] == pytest.approx(5000)
    assert costs(paid)["optimum"] == costs(free)["optimum"]


def test_what_stays_on_both_sides_is_left_out_by_name() -> None:
    used = [usage("mix", 20000, JUNE, AS_OF), usage("mix", 200, JUNE, AS_OF, pool="p")]
    unanswered = workload("mix", "hybrid", questions={})
    outputs = decide(inputs(company([unanswered], [POOL]), AS_OF, used, [priced(used[0], "openai", "gpt-4o", 2.5, 10, "incumbent")]))
    left = outputs.portfolio_workloads.filter(pl.col("left_out").is_not_null())
    assert left.filter(pl.col("quarter") == QUARTER).select("workload_id", "left_out").rows() == [("mix", "hybrid")]


def test_a_platform_has_one_team() -> None:
    """Two models on two fleets: of a team that is given as such there is one; the presets add a quarter of an engineer beside the first."""
    other = {**ASSUMPTIONS["profiles"][0], "id": "three", "model": "mistral"}
    asked = [usage(name, 43200, JUNE, AS_OF) for name in "ab"]
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent") for used in asked]

    def hosted(**staffing: Any) -> float:
        second = workload("b", candidates={"self_host": {**SELF_HOST, "profile": "three", "model": "mistral"}, "api": []})
        configured = company([workload("a"), second], profiles=[*ASSUMPTIONS["profiles"], other], staffing=staffing)
        return costs(decide(inputs(configured, AS_OF, asked, prices)))["all_self_hosted"]

    fleets = 2 * 6 * 3.99 * 2208 / 3
    assert hosted(fte=1, loaded_annual=120_000) == pytest.approx(fleets + 10_000)
    assert hosted() == pytest.approx(fleets + 2.25 * 166_667 / 12 + 0.25 * 280_000 / 12)
