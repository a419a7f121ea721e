"""The rules of economics section 3, one by one, on cases made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from models.economics.comparison import Comparison
from models.economics.ledger import PricedOffer
from models.economics.placement import RULES, Answers, Case, Thresholds, place
from models.economics.switching import AcceptedMove
from models.economics.uncertainty import Odds

ANSWERS = Answers(data_must_stay=False, frontier_required=False, engineering_capability=True, planned_life_months=36)


def comparison(alternative: str = "self_host", saving: float = 10_000, **more: Any) -> Comparison:
    """One that passes every test."""
    return Comparison(
        **{
            "alternative": alternative,
            "alternative_cost_monthly": 20_000,
            "savings_monthly": (saving, saving, saving),
            "saving_monthly": saving,
            "odds": Odds(0.95, saving / 2, saving, saving * 2),
            "switching_cost": 60_000,
            "dead_band_monthly": 2_882.4,
            "payback_months": 6.0,
            "payback_months_discounted": 6.3,
            "npv": 100_000,
            "is_feasible": True,
            "is_committed": False,
            **more,
        }
    )


def case(**more: Any) -> Case:
    """A workload on an API that cost would move."""
    defaults: dict[str, Any] = {
        "placement": "api",
        "answers": ANSWERS,
        "has_candidate": True,
        "is_candidate_eligible": True,
        "is_candidate_feasible": True,
        "shortfall": None,
        "today_unknown": None,
        "alternatives": (comparison(),),
        "alternatives_unknown": None,
        "switch": None,
        "frontier_switch": None,
        "thresholds": Thresholds(0.8, 24, 3),
    }
    return Case(**{**defaults, **more})


def answers(**more: Any) -> Answers:
    return replace(ANSWERS, **more)


def decided(given: Case) -> tuple[str, str, str]:
    placed = place(given)
    return placed.verdict.recommendation, placed.binding_gate, placed.verdict.reason


SELF_HOSTED = {"placement": "self_host", "alternatives": (comparison("api"),)}
STAYS_ON_COST = (comparison(saving=-1.0),)


def test_cost_moves_it() -> None:
    assert decided(case()) == ("move_to_self_host", "cost", "cost")


def test_cost_moves_it_back() -> None:
    assert decided(case(**SELF_HOSTED)) == ("move_to_api", "cost", "cost")


@pytest.mark.parametrize(
    "against",
    [
        {"answers": answers(data_must_stay=True, frontier_required=True)},
        {"answers": answers(data_must_stay=True, engineering_capability=False)},
        {"answers": answers(data_must_stay=True, planned_life_months=11)},
        {"answers": answers(data_must_stay=True), "is_candidate_eligible": False},
        {"answers": answers(data_must_stay=True, frontier_required=True), **SELF_HOSTED},
    ],
)
def test_conflict(against: dict[str, Any]) -> None:
    assert decided(case(**against)) == ("escalate", "conflict", "conflict")


def test_what_is_self_hosted_has_an_eligible_model_and_all_the_life_it_needs() -> None:
    given = case(**{**SELF_HOSTED, "answers": answers(data_must_stay=True, planned_life_months=3), "is_candidate_eligible": False})
    assert decided(given) == ("stay_self_hosted", "sovereignty", "sovereignty")


def test_sovereignty_moves_without_asking_what_it_costs() -> None:
    given = case(answers=answers(data_must_stay=True), alternatives=STAYS_ON_COST, shortfall="days", today_unknown="no_price")
    assert decided(given) == ("move_to_self_host", "sovereignty", "sovereignty")


@pytest.mark.parametrize("placement", ["api", "hybrid"])
def test_sovereignty_needs_a_replica_that_works(placement: str) -> None:
    given = case(answers=answers(data_must_stay=True), is_candidate_feasible=False, placement=placement)
    assert decided(given) == ("escalate", "sovereignty", "capacity")


def test_sovereignty_waits_for_the_other_answers() -> None:
    given = case(answers=answers(data_must_stay=True, engineering_capability=None))
    assert decided(given) == ("insufficient_data", "data", "unanswered:engineering_capability")


@pytest.mark.parametrize("question", ["data_must_stay", "frontier_required", "engineering_capability", "planned_life_months"])
def test_an_unanswered_gating_question(question: str) -> None:
    assert decided(case(answers=answers(**{question: None}))) == ("insufficient_data", "data", f"unanswered:{question}")


def test_an_unanswered_question_comes_before_too_little_data() -> None:
    assert decided(case(answers=answers(frontier_required=None), shortfall="days"))[2] == "unanswered:frontier_required"


@pytest.mark.parametrize("reason", ["days", "coverage"])
def test_too_little_data(reason: str) -> None:
    assert decided(case(shortfall=reason)) == ("insufficient_data", "data", reason)


def test_an_unknown_cost_of_today() -> None:
    assert decided(case(today_unknown="no_price")) == ("insufficient_data", "data", "no_price")


def test_an_unknown_cost_of_the_other_side() -> None:
    assert decided(case(alternatives=(), alternatives_unknown="capacity")) == ("insufficient_data", "cost", "capacity")


@pytest.mark.parametrize(("gate", "answer"), [("frontier", {"frontier_required": True}), ("capability", {"engineering_capability": False})])
@pytest.mark.parametrize(("placement", "expected"), [("api", "stay_on_api"), ("self_host", "move_to_api"), ("hybrid", "move_to_api")])
def test_frontier_and_capability_mean_the_api(gate: str, answer: dict[str, Any], placement: str, expected: str) -> None:
    assert decided(case(placement=placement, answers=answers(**answer))) == (expected, gate, gate)


def test_quality() -> None:
    assert decided(case(is_candidate_eligible=False)) == ("stay_on_api", "quality", "quality")
    assert decided(case(is_candidate_eligible=False, has_candidate=False)) == ("stay_on_api", "quality", "no_candidate")


@pytest.mark.parametrize("months", [11.9, 0])
def test_a_short_life_stops_a_move(months: float) -> None:
    assert decided(case(answers=answers(planned_life_months=months))) == ("stay_on_api", "life", "life")


def test_a_life_shorter_than_the_payback() -> None:
    slow = comparison(payback_months_discounted=20.0)
    assert decided(case(alternatives=(slow,), answers=answers(planned_life_months=19)))[1] == "life"
    assert decided(case(alternatives=(slow,), answers=answers(planned_life_months=20)))[0] == "move_to_self_host"


def test_a_short_life_does_not_bind_what_stays_anyway() -> None:
    assert decided(case(alternatives=STAYS_ON_COST, answers=answers(planned_life_months=6))) == ("stay_on_api", "cost", "cost")


@pytest.mark.parametrize(
    ("reason", "failing"),
    [
        ("cost", {"saving_monthly": 0.0}),
        ("dead_band", {"saving_monthly": 2_000.0}),
        ("persistence", {"savings_monthly": (10_000.0, 2_000.0, 18_000.0)}),
        ("persistence", {"savings_monthly": (10_000.0, None, 10_000.0)}),
        ("persistence", {"savings_monthly": (10_000.0, 10_000.0)}),
        ("probability", {"odds": Odds(0.79, 0, 1, 2)}),
        ("payback", {"payback_months_discounted": 24.1}),
        ("payback", {"payback_months_discounted": None}),
        ("npv", {"npv": 0.0}),
        ("capacity", {"is_feasible": False}),
    ],
)
def test_the_first_failed_test_is_the_reason(reason: str, failing: dict[str, Any]) -> None:
    assert decided(case(alternatives=(comparison(**failing),))) == ("stay_on_api", "cost", reason)


NOW, LATER = date(2026, 11, 1), date(2027, 4, 1)


def test_of_two_dates_the_one_of_the_higher_npv_is_taken() -> None:
    dates = (comparison("api", effective_date=NOW, npv=100.0), comparison("api", effective_date=LATER, npv=200.0))
    assert chosen(case(placement="self_host", alternatives=dates)) == ("move_to_api", LATER)


def test_a_date_on_which_it_passes_comes_before_one_of_a_higher_npv() -> None:
    dates = (comparison("api", saving=1.0, effective_date=NOW, npv=300.0), comparison("api", effective_date=LATER, npv=200.0))
    assert chosen(case(placement="self_host", alternatives=dates)) == ("move_to_api", LATER)
    failing = (dates[0], replace(dates[1], npv=-1.0))
    assert decided(case(placement="self_host", alternatives=failing)) == ("stay_self_hosted", "cost", "dead_band")


def chosen(given: Case) -> tuple[str, date | None]:
    verdict = place(given).verdict
    return verdict.recommendation, verdict.comparison.effective_date if verdict.comparison else None


def test_a_split_wins_where_it_saves_more() -> None:
    both = (comparison("split", saving=12_000), comparison("self_host", saving=9_000))
    assert decided(case(alternatives=both))[0] == "split"
    assert decided(case(alternatives=(replace(both[0], npv=-1.0), both[1])))[0] == "move_to_self_host"
    assert decided(case(alternatives=(both[0], comparison("self_host", saving=15_000))))[0] == "move_to_self_host"


def test_a_short_life_stops_a_split_of_what_is_not_self_hosted() -> None:
    split = (comparison("split"),)
    assert decided(case(alternatives=split, answers=answers(planned_life_months=6))) == ("stay_on_api", "life", "life")
    assert decided(case(placement="self_host", alternatives=split, answers=answers(planned_life_months=6)))[0] == "split"


MOVED = AcceptedMove("move_to_self_host", "2026-Q2", "2026-Q4")


def test_after_a_move_nothing_moves_back_for_its_cost() -> None:
    assert decided(case(**SELF_HOSTED, cooling=MOVED)) == ("stay_self_hosted", "cost", "cool_down")


def test_an_accepted_move_that_is_still_to_be_made_is_recommended_again() -> None:
    assert decided(case(cooling=MOVED))[0] == "move_to_self_host"
    assert decided(case(alternatives=(comparison("split", saving=20_000), comparison()), cooling=MOVED))[0] == "move_to_self_host"


def test_no_cool_down_stops_a_gate() -> None:
    assert decided(case(**SELF_HOSTED, cooling=MOVED, answers=answers(frontier_required=True)))[0] == "move_to_api"


def test_what_would_not_move_anyway_keeps_its_own_reason() -> None:
    given = case(placement="self_host", alternatives=(comparison("api", saving=1_000),), cooling=MOVED)
    assert decided(given) == ("stay_self_hosted", "cost", "dead_band")


def test_a_hybrid_takes_the_larger_saving_of_two_that_pass() -> None:
    both = (comparison("api", saving=9_000), comparison("self_host", saving=12_000))
    assert decided(case(placement="hybrid", alternatives=both))[0] == "move_to_self_host"
    failing = replace(both[1], npv=-1.0)
    assert decided(case(placement="hybrid", alternatives=(both[0], failing)))[0] == "move_to_api"
    assert decided(case(placement="hybrid", alternatives=STAYS_ON_COST)) == ("stay_hybrid", "cost", "cost")


CHEAPER = comparison("switch_api_model", offer=PricedOffer("groq", "llama", False, 10, True, False, "list"))


@pytest.mark.parametrize(
    "staying",
    [
        {"alternatives": STAYS_ON_COST},
        {"answers": answers(engineering_capability=False)},
        {"is_candidate_eligible": False},
        {"answers": answers(planned_life_months=3)},
    ],
)
def test_staying_becomes_another_model_whichever_rule_gave_it(staying: dict[str, Any]) -> None:
    assert decided(case(switch=CHEAPER, **staying))[0] == "switch_api_model"


def test_frontier_work_only_changes_to_a_frontier_model() -> None:
    required = answers(frontier_required=True)
    assert decided(case(switch=CHEAPER, answers=required))[0] == "stay_on_api"
    assert decided(case(switch=CHEAPER, frontier_switch=CHEAPER, answers=required))[0] == "switch_api_model"


def test_a_change_of_model_does_not_make_up_for_missing_data() -> None:
    assert decided(case(switch=CHEAPER, shortfall="days"))[0] == "insufficient_data"


def test_what_cost_alone_would_have_said() -> None:
    assert place(case(answers=answers(frontier_required=True))).would_have_been == "move_to_self_host"
    assert place(case(shortfall="days", alternatives=STAYS_ON_COST)).would_have_been == "stay_on_api"
    assert place(case(today_unknown="no_price")).would_have_been is None
    assert place(case(alternatives=())).would_have_been is None


def test_every_rules_outcome_is_kept() -> None:
    outcomes = place(case(answers=answers(frontier_required=True))).outcomes
    assert [outcome.rule for outcome in outcomes] == [name for name, _ in RULES]
    assert [outcome.outcome for outcome in outcomes] == ["passes", "passes", "passes", "decides", *["not_reached"] * 4]
    assert outcomes[-1].verdict is not None
    assert outcomes[-1].verdict.recommendation == "move_to_self_host"
