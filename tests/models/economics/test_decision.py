"""From frames to published tables: small companies whose numbers are checked by hand. August 2026 has 744 hours."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from small_companies import (
    ACTUAL_COLUMNS,
    ANSWERED,
    GPT,
    INPUT,
    OUTPUT,
    POOL_COLUMNS,
    SELF_HOST,
    SHARE_COLUMNS,
    company,
    frame,
    inputs,
    priced,
    row,
    usage,
    workload,
)

from models.economics.decision import DecisionInputs, DecisionOutputs, decide
from models.economics.explanation import break_even_sentence
from models.economics.months import MonthBook

JUNE, JULY, AUGUST, SEPTEMBER = (date(2026, month, 1) for month in (6, 7, 8, 9))
AS_OF = date(2026, 9, 30)
DAYS = {JUNE: 30, JULY: 31, AUGUST: 31, SEPTEMBER: 30}
WORK_PER_REQUEST = 0.112421 / 3600  # replica-hours


def on_api(requests: float = 43200, configured: dict[str, Any] | None = None, last: date = AS_OF, **assumptions: Any) -> DecisionInputs:
    """One workload on gpt-4o from June on: 80,311.82 in August at 12 requests a second half the day."""
    used = usage("chat", requests, JUNE, last)
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")]
    return inputs(company([configured or workload("chat")], **assumptions), last, [used], prices)


def pool_month(month: date, pool: str = "p", replicas: int = 1, worked: float = 5.0, bill: bool = True) -> dict[str, Any]:
    hours = DAYS[month] * 24
    return {
        "pool_id": pool,
        "month": month,
        "bill_cost": 2 * 3.99 * hours * replicas if bill else None,
        "replicas": replicas,
        "gpus": 2 * replicas,
        "covered_hours": hours,
        "replica_hours_provisioned": hours * replicas,
        "replica_hours_worked": worked,
        "device_utilisation": None,
    }


def paid(workload_id: str, month: date, category: str, amount: float, basis: str = "billed", side: str = "self_host") -> dict[str, Any]:
    return {
        "workload_id": workload_id,
        "month": month,
        "side": side,
        "cost_category": category,
        "cost_basis": basis,
        "pool_id": None,
        "effective_cost": amount,
        "in_unit_cost": True,
    }


POOL = {"id": "p", "model": "llama", "profile": "two", "replicas": 1, "match": [{"pool": "p"}]}


def on_pool(
    requests: dict[str, float], replicas: int = 1, bill: bool = True, pool: dict[str, Any] = POOL, as_of: date = AS_OF, **assumptions: Any
) -> DecisionInputs:
    """Workloads that share one pool, by requests an hour; its cost goes by their share of work, people are 0.25 FTE in all."""
    names, total = sorted(requests), sum(requests.values())
    used = [usage(name, requests[name], JUNE, as_of, pool="p") for name in names]
    actual, shares = [], []
    for month, days in DAYS.items():
        for name in names:
            share = requests[name] / total
            shares.append({"pool_id": "p", "workload_id": name, "month": month, "replica_hours_worked": 1.0, "work_share": share})
            actual.append(paid(name, month, "gpu_compute", 2 * 3.99 * days * 24 * replicas * share))
            actual.append(paid(name, month, "engineering_operations", 70_000 / 12 * share, basis="people"))
    return inputs(
        company([workload(name, "self_host") for name in names], [pool], **assumptions),
        as_of,
        used,
        [priced(each, "openai", "gpt-4o", 2.5, 10) for each in used],
        frame(actual, ACTUAL_COLUMNS),
        frame([pool_month(month, replicas=replicas, bill=bill) for month in DAYS], POOL_COLUMNS),
        frame(shares, SHARE_COLUMNS),
    )


def recommended(decided: DecisionOutputs, workload_id: str = "chat", quarter: str = "2026-Q3") -> dict[str, Any]:
    return row(decided.placement_recommendations, workload_id=workload_id, quarter=quarter)


def august(decided: DecisionOutputs, workload_id: str = "chat") -> dict[str, Any]:
    return row(decided.crossover_monthly, workload_id=workload_id, month=AUGUST)


def components(decided: DecisionOutputs, side: str, workload_id: str = "chat") -> dict[str, float | None]:
    rows = decided.crossover_cost_components.filter(month=AUGUST, workload_id=workload_id, side=side)
    return dict(zip(rows["cost_category"], rows["cost_monthly"], strict=True))


def test_the_worked_example() -> None:
    decided = decide(on_api())
    month = august(decided)
    assert month["api_cost_monthly"] == month["best_api_cost_monthly"] == pytest.approx(80_311.824)
    assert (month["replicas"], month["gpus"], month["status"], month["reason"]) == (3, 6, "above", None)
    assert month["self_host_cost_monthly"] == pytest.approx(3.99 * 6 * 744 + 70_000 / 12)
    assert month["price_basis"] == "paid"
    assert month["people_basis"] == "assumed"
    moves = recommended(decided)
    assert moves["recommendation"] == "move_to_self_host"
    assert moves["payback_months"] == pytest.approx(1.0715, abs=5e-5)
    assert moves["saving_monthly"] == pytest.approx(moves["current_cost_monthly"] - moves["alternative_cost_monthly"])
    assert moves["saving_monthly_p5"] < moves["saving_monthly_p50"] < moves["saving_monthly_p95"]
    assert (moves["alternative"], moves["self_host_share"], moves["effective_date"]) == ("self_host", 1, date(2026, 11, 1))
    assert moves["flips_if"].startswith("All of it on self-hosting passes its tests unless ")


def test_components_add_up_to_the_sides() -> None:
    decided = decide(on_api(overheads_annual={"observability": 30_000}))
    month = august(decided)
    own, api = components(decided, "self_host"), components(decided, "api")
    assert sum(cost or 0 for cost in own.values()) == pytest.approx(month["self_host_cost_monthly"])
    assert sum(cost or 0 for cost in api.values()) == pytest.approx(month["api_cost_monthly"])
    assert own["observability"] == pytest.approx(2500)
    assert own["gpu_compute"] / (own["gpu_compute"] + own["gpu_idle"]) == pytest.approx(month["token_utilisation"])
    assert api["integration"] is None
    assert own["commitment_unused"] is None


def test_a_partial_month_counts_assumptions_by_its_days() -> None:
    decided = decide(on_api(last=date(2026, 9, 15)))
    month = row(decided.crossover_monthly, workload_id="chat", month=SEPTEMBER)
    assert month["self_host_cost_monthly"] == pytest.approx(3.99 * 6 * 360 + 70_000 / 12 / 2)
    assert (month["is_complete"], month["days_covered"]) == (False, 15)


def test_an_unfinished_quarter_is_provisional_and_looks_at_complete_months() -> None:
    decided = decide(on_api(last=date(2026, 9, 15)))
    now = recommended(decided)
    assert (now["state"], now["recommendation"]) == ("provisional", "move_to_self_host")
    assert now["current_cost_monthly"] == pytest.approx(80_311.824 * (30 + 31 + 31) / 31 / 3)  # June, July, August


def test_earlier_quarters_are_decided_with_what_was_known_then() -> None:
    then = recommended(decide(on_api()), quarter="2026-Q2")
    assert (then["state"], then["recommendation"], then["reason"]) == ("final", "insufficient_data", "days")


def test_quarters_follow_the_fiscal_year() -> None:
    used = usage("chat", 10, JUNE, AS_OF)
    decided = decide(inputs(company([workload("chat")], starts=10), AS_OF, [used], [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")]))
    assert decided.placement_recommendations["quarter"].to_list() == ["2026-Q3", "2026-Q4"]


def test_a_workload_without_usage_has_a_row_for_the_quarter() -> None:
    decided = decide(inputs(company([workload("idle"), workload("asked", questions={})]), AS_OF, []))
    assert decided.crossover_monthly.is_empty()
    assert [recommended(decided, name)["reason"] for name in ("idle", "asked")] == ["days", "unanswered:data_must_stay"]
    assert decided.placement_questions.height == 14


def test_what_nobody_configured_gets_no_row() -> None:
    used = usage("unattributed", 10, JUNE, AS_OF)
    decided = decide(inputs(company([workload("chat")]), AS_OF, [used]))
    assert decided.crossover_monthly.is_empty()
    assert decided.placement_recommendations["workload_id"].to_list() == ["chat"]


def test_a_status_knows_the_data_up_to_its_months_end() -> None:
    months = decide(on_api()).crossover_monthly
    assert dict(zip(months["month"], months["status"], strict=True)) == {
        JUNE: "insufficient_data",
        JULY: "insufficient_data",
        AUGUST: "above",
        SEPTEMBER: "above",
    }


def test_near_is_within_the_dead_band() -> None:
    huge = workload("chat", migration={"cost": 3_000_000, "months": 1})  # dead band 144,121 a month
    decided = decide(on_api(configured=huge))
    assert (august(decided)["status"], august(decided)["reason"]) == ("near", "dead_band")
    assert recommended(decided)["reason"] == "dead_band"


def test_without_a_candidate_the_comparison_does_not_apply() -> None:
    decided = decide(on_api(configured=workload("chat", candidates={"api": [GPT]})))
    assert (august(decided)["status"], august(decided)["reason"]) == ("not_applicable", "no_candidate")
    assert august(decided)["self_host_cost_monthly"] is None
    assert recommended(decided)["binding_gate"] == "quality"
    assert recommended(decided)["reason"] == "no_candidate"
    assert recommended(decided)["would_have_been"] is None


def test_without_a_price_nothing_is_known() -> None:
    given = on_api()
    unpriced = given.api_cost_monthly.with_columns(token_cost=pl.lit(None, dtype=pl.Float64))
    decided = decide(DecisionInputs(**{**vars(given), "api_cost_monthly": unpriced}))
    assert (august(decided)["status"], august(decided)["reason"], august(decided)["api_cost_monthly"]) == ("insufficient_data", "no_price", None)
    assert (recommended(decided)["reason"], recommended(decided)["current_cost_monthly"]) == ("no_price", None)


def test_weights_that_do_not_fit_stop_a_move() -> None:
    tight = {"id": "two", "model": "llama", "gpu": "H100", "gpus_per_replica": 2, "prefill_tokens_per_second": 14571.34}
    profile = {**tight, "decode_tokens_per_second": 14089.74, "context_seconds": 6.8357e-8, "weights_gb": 140, "gpu_memory_gb": 80}
    assert recommended(decide(on_api(profiles=[profile])))["reason"] == "capacity"
    must_stay = workload("chat", questions={**ANSWERED, "data_must_stay": True})
    assert recommended(decide(on_api(configured=must_stay, profiles=[profile])))["recommendation"] == "escalate"


def switching(price: float, **more: Any) -> DecisionOutputs:
    """A small workload on gpt-4o that could change to another API at so many times its price."""
    used = usage("chat", 432, JUNE, AS_OF)
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(used, "groq", "llama", 2.5 * price, 10 * price, **more)]
    return decide(inputs(company([workload("chat")]), AS_OF, [used], prices))


def test_another_model_by_the_margin() -> None:
    changed = recommended(switching(0.90))
    assert (changed["recommendation"], changed["alternative"], changed["reason"]) == ("switch_api_model", "switch_api_model", "cost")
    assert changed["saving_monthly"] == pytest.approx(0.1 * changed["current_cost_monthly"])
    assert (changed["migration_cost"], changed["payback_months"], changed["effective_date"]) == (0, 0, date(2026, 10, 1))
    assert changed["would_have_been"] == "switch_api_model"


def test_another_model_within_the_margin() -> None:
    assert recommended(switching(0.96))["recommendation"] == "stay_on_api"


def test_the_comparator_is_the_best_eligible_api() -> None:
    month = august(switching(0.90))
    assert (month["best_api_provider"], month["price_basis"]) == ("groq", "list")
    assert month["best_api_cost_monthly"] == pytest.approx(0.9 * month["api_cost_monthly"])


def test_a_cheap_api_without_the_quality_is_none() -> None:
    decided = switching(0.10, is_eligible=False)
    assert august(decided)["best_api_model"] == "gpt-4o"
    assert recommended(decided)["recommendation"] == "stay_on_api"


def test_a_candidate_that_is_the_incumbent_is_no_second_alternative() -> None:
    used = usage("chat", 432, JUNE, AS_OF)
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(used, "openai", "gpt-4o", 1.0, 1.0)]
    month = august(decide(inputs(company([workload("chat")]), AS_OF, [used], prices)))
    assert month["best_api_cost_monthly"] == month["api_cost_monthly"]


def test_an_incumbent_of_several_models_costs_their_sum() -> None:
    used = usage("chat", 432, JUNE, AS_OF)
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(used, "openai", "gpt-4o-mini", 0.1, 0.2, "incumbent")]
    month = august(decide(inputs(company([workload("chat")]), AS_OF, [used], prices)))
    assert month["api_cost_monthly"] == pytest.approx(432 * 12 * 31 * (INPUT * 2.6 + OUTPUT * 10.2) / 1e6)
    assert month["best_api_model"] == "gpt-4o"


def test_api_operations_are_shared_by_cost_where_nobody_is_allocated() -> None:
    used = [usage(name, requests, JUNE, AS_OF) for name, requests in (("a", 300), ("b", 100), ("c", 500))]
    actual = frame([paid("c", AUGUST, "api_operations", 4033.33, "people", "api")], ACTUAL_COLUMNS)
    configured = company([workload(name) for name in "abc"], api_operations={"fte": 1, "loaded_annual": 120_000})
    decided = decide(inputs(configured, AS_OF, used, [priced(each, "openai", "gpt-4o", 2.5, 10, "incumbent") for each in used], actual))
    people = {name: components(decided, "api", name)["api_operations"] for name in "abc"}
    assert people == {"a": pytest.approx(7500), "b": pytest.approx(2500), "c": pytest.approx(4033.33)}
    assert august(decided, "c")["people_basis"] == "allocated"


def test_a_pool_workload_costs_what_was_paid() -> None:
    decided = decide(on_pool({"tags": 432}))
    month = august(decided, "tags")
    assert month["self_host_cost_monthly"] == pytest.approx(2 * 3.99 * 744 + 70_000 / 12)
    assert month["api_cost_monthly"] == month["best_api_cost_monthly"] == pytest.approx(803.11824)
    assert (month["replicas"], month["gpus"], month["people_basis"], month["price_basis"]) == (1, 2, "allocated", "list")
    assert month["break_even_tokens_per_day"] == pytest.approx(7_081_344 * month["self_host_cost_monthly"] / 803.11824)
    moves = recommended(decided, "tags")
    assert (moves["recommendation"], moves["alternative"], moves["self_host_share"]) == ("move_to_api", "api", 0)


def test_without_people_the_actual_side_carries_the_assumption() -> None:
    given = on_pool({"tags": 432})
    nobody = given.actual_cost_monthly.filter(pl.col("cost_basis") != "people")
    month = august(decide(DecisionInputs(**{**vars(given), "actual_cost_monthly": nobody})), "tags")
    assert month["people_basis"] == "assumed"
    assert month["self_host_cost_monthly"] == pytest.approx(2 * 3.99 * 744 + 70_000 / 12)


def test_a_pool_without_a_bill_has_an_unknown_cost() -> None:
    decided = decide(on_pool({"tags": 432}, bill=False))
    month = august(decided, "tags")
    assert (month["status"], month["reason"], month["self_host_cost_monthly"]) == ("insufficient_data", "no_pool_cost", None)
    assert recommended(decided, "tags")["reason"] == "no_pool_cost"


def test_leaving_a_shared_pool_saves_only_what_the_rest_does_not_need() -> None:
    decided = decide(on_pool({"big": 4320, "tags": 432}))  # one replica serves both, and would serve either
    stays = recommended(decided, "tags")
    assert (stays["recommendation"], stays["reason"]) == ("stay_self_hosted", "cost")
    assert stays["saving_monthly"] == pytest.approx(-stays["alternative_cost_monthly"])  # nothing is avoidable
    assert "load" in stays["flips_if"]
    assert august(decided, "tags")["status"] == "near"  # stand-alone: 1,070 for 10 % of the pool against 803, within the dead band


def test_leaving_a_large_pool_saves_its_spare_replicas() -> None:
    decided = decide(on_pool({"big": 43200, "tags": 432}, replicas=4))  # the rest of tags' pool needs 2 + 1
    expected = sum(2 * 3.99 * days * 24 for month, days in DAYS.items() if month != JUNE) / 3
    stays = recommended(decided, "tags")
    assert stays["saving_monthly"] + stays["alternative_cost_monthly"] == pytest.approx(expected)


def test_a_pool_with_commitments_is_left_for_what_they_do_not_bind() -> None:
    bound = {**POOL, "commitments": [{"ends": "2027-03-31", "monthly": 5000}]}
    left = recommended(decide(on_pool({"tags": 432}, pool=bound)), "tags")
    free = recommended(decide(on_pool({"tags": 432})), "tags")
    assert (left["recommendation"], left["reason"]) == ("move_to_api", "cost")
    assert left["saving_monthly"] == pytest.approx(free["saving_monthly"] - 5000)


def test_a_hybrids_sides_add_up_to_today() -> None:
    used = [usage("mix", 400, JUNE, AS_OF), usage("mix", 100, JUNE, AS_OF, pool="p")]
    given = on_pool({"mix": 100})
    api = priced(used[0], "openai", "gpt-4o", 2.5, 10, "incumbent")
    mixed = company([workload("mix", "hybrid")], [POOL])
    decided = decide(DecisionInputs(**{**vars(given), "company": mixed, "usage_hourly": pl.concat(used), "api_cost_monthly": api}))
    pool_cost = sum(2 * 3.99 * days * 24 + 70_000 / 12 for month, days in DAYS.items() if month != JUNE) / 3
    now = recommended(decided, "mix")
    assert now["current_cost_monthly"] == pytest.approx(pool_cost + 803.11824 * 400 / 432 * 92 / 93)
    assert (now["placement"], now["recommendation"]) == ("hybrid", "move_to_api")
    assert now["alternative_cost_monthly"] == pytest.approx(803.11824 * 500 / 432 * 92 / 93)  # all tokens at what the API part was paid


@pytest.mark.parametrize(("model", "expected"), [("llama", "move_to_self_host"), ("mistral", "escalate")])
def test_what_serves_a_part_of_it_today_is_eligible_without_a_score(model: str, expected: str) -> None:
    used = [usage("mix", 400, JUNE, AS_OF), usage("mix", 100, JUNE, AS_OF, pool="p")]
    given = on_pool({"mix": 100})
    api = priced(used[0], "openai", "gpt-4o", 2.5, 10, "incumbent")
    candidate = {key: value for key, value in SELF_HOST.items() if key != "quality"} | {"model": model}
    kept = workload("mix", "hybrid", questions={**ANSWERED, "data_must_stay": True}, candidates={"self_host": candidate, "api": []})
    changed = {"company": company([kept], [POOL]), "usage_hourly": pl.concat(used), "api_cost_monthly": api}
    decided = decide(DecisionInputs(**{**vars(given), **changed}))
    assert recommended(decided, "mix")["recommendation"] == expected


def test_a_workload_that_moved_keeps_each_months_own_side() -> None:
    moved = workload("tags", placement=[{"value": "api"}, {"value": "self_host", "valid_from": "2026-08-01"}])
    before, after = usage("tags", 432, JUNE, date(2026, 7, 31)), usage("tags", 432, AUGUST, AS_OF, pool="p")
    given = on_pool({"tags": 432})
    prices = [priced(before, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(after, "openai", "gpt-4o", 2.5, 10)]
    changed = {"company": company([moved], [POOL]), "usage_hourly": pl.concat([before, after]), "api_cost_monthly": pl.concat(prices)}
    decided = decide(DecisionInputs(**{**vars(given), **changed}))
    assert decided.crossover_monthly["placement"].to_list() == ["api", "api", "self_host", "self_host"]
    assert recommended(decided, "tags")["placement"] == "self_host"


def test_sovereignty_breach_is_flagged_every_month() -> None:
    decided = decide(on_api(configured=workload("chat", questions={**ANSWERED, "data_must_stay": True})))
    flags = decided.red_flags.filter(flag="sovereignty_breach")
    assert flags["month"].to_list() == [JUNE, JULY, AUGUST, SEPTEMBER]
    assert set(flags["value"]) == {1.0}
    assert recommended(decided)["recommendation"] == "move_to_self_host"


def test_low_utilisation_of_a_pool_is_flagged() -> None:
    flags = decide(on_pool({"tags": 432})).red_flags.filter(flag="low_utilisation")
    assert flags["subject_id"].to_list() == ["p"] * 4
    assert flags["value"][0] == pytest.approx(5 / 720)


def test_a_busy_device_with_little_work_is_flagged() -> None:
    given = on_pool({"tags": 432})
    busy = given.pool_monthly.with_columns(device_utilisation=pl.lit(0.78))
    assert decide(DecisionInputs(**{**vars(given), "pool_monthly": busy})).red_flags.filter(flag="busy_but_underused").height == 4


def test_a_long_payback_is_flagged() -> None:
    decided = decide(on_api(configured=workload("chat", migration={"cost": 1_500_000, "months": 1})))
    flag = row(decided.red_flags, flag="long_payback")
    assert (flag["subject_id"], flag["month"], flag["threshold"]) == ("chat", SEPTEMBER, 24)
    assert flag["value"] == recommended(decided)["payback_months_discounted"]
    assert flag["value"] > 24


def test_two_quarters_that_end_on_one_month_flag_it_once() -> None:
    long = workload("chat", migration={"cost": 1_500_000, "months": 1})
    decided = decide(on_api(configured=long, last=date(2026, 10, 10)))
    assert recommended(decided)["reason"] == recommended(decided, quarter="2026-Q4")["reason"] == "dead_band"
    assert decided.red_flags.filter(flag="long_payback", month=SEPTEMBER).height == 1


def test_more_gpus_than_planned_are_flagged() -> None:
    given = on_pool({"tags": 432})
    planned = company([workload("tags", "self_host", plan={"gpus": 1})], [POOL])
    assert decide(DecisionInputs(**{**vars(given), "company": planned})).red_flags.filter(flag="gpus_over_plan")["value"].to_list() == [2.0] * 4


def with_people(given: DecisionInputs, *costs: tuple[date, str, float]) -> DecisionInputs:
    """Also these people of `tags`: month, category, cost."""
    side = {"engineering_operations": "self_host", "product_engineering": "neutral"}
    rows = [paid("tags", month, category, cost, "people", side[category]) for month, category, cost in costs]
    return DecisionInputs(**{**vars(given), "actual_cost_monthly": pl.concat([given.actual_cost_monthly, frame(rows, ACTUAL_COLUMNS)])})


@pytest.mark.parametrize(("operations", "product", "share"), [(4000.0, 6000.0, 0.4), (3000.0, 7000.0, None), (4000.0, 0.0, None)])
def test_a_team_that_mostly_operates_is_flagged(operations: float, product: float, share: float | None) -> None:
    given = on_pool({"tags": 432})
    own = given.actual_cost_monthly.filter(pl.col("cost_basis") != "people")
    people = [(JULY, "engineering_operations", operations), *([(JULY, "product_engineering", product)] if product else [])]
    flags = decide(with_people(DecisionInputs(**{**vars(given), "actual_cost_monthly": own}), *people)).red_flags.filter(flag="operations_share")
    assert [(each["month"], each["value"], each["threshold"]) for each in flags.to_dicts()] == ([(JULY, share, 0.3)] if share else [])


@pytest.mark.parametrize(("people", "requests", "flagged"), [(2.0, 1, True), (2.0, 3, False), (1.0, 0.5, False)])
def test_a_team_that_grows_faster_than_volume_is_flagged(people: float, requests: float, flagged: bool) -> None:
    """July to September against April to June."""
    first, volumes = date(2026, 4, 1), [(date(2026, 4, 1), date(2026, 6, 30), 432.0), (JULY, AS_OF, 432.0 * requests)]
    used = [usage("tags", volume, start, end, pool="p") for start, end, volume in volumes]
    months = [first, date(2026, 5, 1), JUNE, JULY, AUGUST, SEPTEMBER]
    costs = [(month, "engineering_operations", 5000.0 * (people if month >= JULY else 1)) for month in months]
    given = DecisionInputs(**{**vars(on_pool({"tags": 432})), "usage_hourly": pl.concat(used), "actual_cost_monthly": frame([], ACTUAL_COLUMNS)})
    flags = decide(with_people(given, *costs)).red_flags.filter(flag="team_outgrows_volume")
    found = [(each["month"], each["value"], each["threshold"]) for each in flags.to_dicts()]
    assert found == ([(SEPTEMBER, 2.0, pytest.approx(requests * 92 / 91))] if flagged else [])  # days of three months


def test_the_seven_questions() -> None:
    decided = decide(on_api(configured=workload("chat", declared_tokens_per_day=7_081_344_000)))
    asked = decided.placement_questions.filter(quarter="2026-Q3")
    assert set(asked["question"]) == {"monthly_volume", *ANSWERED}
    answers = {each["question"]: each for each in asked.iter_rows(named=True)}
    assert answers["monthly_volume"]["outcome"] == "binds"
    assert "10.0 times the measured, check it" in answers["monthly_volume"]["evidence"]
    assert answers["sla"] == {**answers["sla"], "answer": "p99_latency_ms 1500, availability_pct 99", "outcome": "recorded"}
    assert (answers["engineering_capability"]["answer"], answers["engineering_capability"]["outcome"]) == ("yes", "passes")


def test_a_binding_answer_says_so() -> None:
    decided = decide(on_api(configured=workload("chat", questions={**ANSWERED, "engineering_capability": False, "sla": None})))
    outcomes = decided.placement_questions.filter(quarter="2026-Q3")
    assert dict(zip(outcomes["question"], outcomes["outcome"], strict=True)) == {
        "monthly_volume": "passes",
        "frontier_required": "passes",
        "data_must_stay": "passes",
        "engineering_capability": "binds",
        "fine_tuning_required": "recorded",
        "sla": "unanswered",
        "planned_life_months": "passes",
    }


def test_tokens_per_task_make_the_other_side_work_more() -> None:
    verbose = {**SELF_HOST, "tokens_per_task": 2.0}
    once, twice = (
        august(decide(on_api(configured=workload("chat", candidates={"self_host": candidate, "api": [GPT]})))) for candidate in (SELF_HOST, verbose)
    )
    assert (once["replicas"], twice["replicas"]) == (3, 5)  # 12 x (2 x 0.09424 + 4 x 0.01818) / 0.8 = 3.92, + 1
    assert once["tokens_per_day"] == twice["tokens_per_day"]


def test_npv_counts_from_after_the_delay_to_the_end_of_life() -> None:
    brief = workload("chat", questions={**ANSWERED, "planned_life_months": 13}, migration={"cost": 60_000, "months": 2})
    decided = recommended(decide(on_api(configured=brief)))
    rate = 1.15 ** (1 / 12)
    assert decided["npv"] == pytest.approx(-60_000 + sum(decided["saving_monthly"] / rate**t for t in range(3, 14)))


def test_api_prices_that_fall_make_a_move_worth_less() -> None:
    flat, falling = (recommended(decide(on_api(api_price_erosion=erosion)))["npv"] for erosion in (0, 0.10))
    assert falling < flat


def test_where_no_input_flips_it_the_break_even_is_told() -> None:
    months = MonthBook(on_api()).months["chat"]
    assert break_even_sentence("api", months, moves=True).startswith("Volume goes below ")
    few = MonthBook(on_api(requests=100)).months["chat"]
    assert break_even_sentence("api", few, moves=False).startswith("Volume goes above ")
    assert break_even_sentence("self_host", months, moves=False) == "What leaving its pools would avoid exceeds what the API costs."
    assert break_even_sentence("self_host", months, moves=True) == "What leaving its pools would avoid no longer exceeds what the API costs."


def test_rented_gpus_may_get_cheaper_ahead() -> None:
    """Six GPUs at 3.99 and 10 % less a year: what falls counts from the second month ahead to the 36th, each month discounted at 15 % a year."""
    gpus = sum(6 * 3.99 * days * 24 for month, days in DAYS.items() if month != JUNE) / 3
    steady, falling = recommended(decide(on_api()))["npv"], recommended(decide(on_api(gpu_price_erosion=0.1)))["npv"]
    assert falling - steady == pytest.approx(sum(gpus * (1 - 0.9 ** (t / 12)) / 1.15 ** (t / 12) for t in range(2, 37)))


def test_gpus_to_buy_cost_what_having_them_does_whatever_renting_will() -> None:
    """320,000 for eight GPUs, 36 months at 15 %: 10,945.84 a month; 10.2 kW x 1.4 x 0.12 an hour: 2.0885 an hour and GPU (2.8)."""
    machine = {"purchase_price": 320_000, "power_kw": 10.2, "pue": 1.4, "price_per_kwh": 0.12}
    own = [{"id": "h100", "gpu": "H100", "gpus_per_instance": 8, "owned": machine}]
    decided = decide(on_api(gpu_prices=own))
    august = row(decided.crossover_monthly, workload_id="chat", month=AUGUST)
    assert august["gpus"] == 8
    assert august["self_host_cost_monthly"] == pytest.approx(8 * 2.0885 * 744 + 70_000 / 12, rel=1e-5)
    later = recommended(decide(on_api(gpu_prices=own, gpu_price_erosion=0.1)))
    assert later["npv"] == pytest.approx(recommended(decided)["npv"])


def test_a_pool_left_later_would_have_got_cheaper_unless_it_is_owned() -> None:
    given = on_pool({"tags": 432}, gpu_price_erosion=0.1)
    steady, falling = recommended(decide(on_pool({"tags": 432})), "tags")["npv"], recommended(decide(given), "tags")["npv"]
    gpus = sum(2 * 3.99 * days * 24 for month, days in DAYS.items() if month != JUNE) / 3
    assert steady - falling == pytest.approx(sum(gpus * (1 - 0.9 ** (t / 12)) / 1.15 ** (t / 12) for t in range(2, 37)))
    asset = {"pool_id": "p", "in_service": date(2026, 1, 1), "life_months": 36, "purchase_price": 0.0, "residual": 0.0}
    owned = DecisionInputs(**{**vars(given), "owned_hardware": pl.DataFrame([asset])})
    assert recommended(decide(owned), "tags")["npv"] == pytest.approx(steady)
