"""Base load and burst (economics 2.12): a small company whose chat has one hour a day five times as busy as the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_companies import ACTUAL_COLUMNS, ANSWERED, GPT, INPUT, OUTPUT, company, frame, inputs, priced, row, usage, workload
from test_decision import DAYS, POOL, on_pool, paid, recommended

from models.economics.crossover import Factors
from models.economics.decision import DecisionInputs, decide
from models.economics.demand import DemandBook
from models.economics.months import MonthBook
from models.economics.recommendations import load_durations, reviews
from models.economics.split import SplitSide, cheapest_base_load, hourly_load
from models.economics.uncertainty import Spread, draw_factors

JUNE, AS_OF = date(2026, 6, 1), date(2026, 9, 30)
SECONDS = 0.112421  # of one request
USABLE = 3600 * 0.8
PRICE = (INPUT * 2.5 + OUTPUT * 10) / 1e6
BASE, PEAK = 18_000, 100_000


def load(*replicas: float, hours: int | None = None) -> Any:
    return hourly_load(np.array(replicas) * USABLE, hours or len(replicas), 0.8)


def best(given_load: Any, replica_cost: float, token_cost: float, fixed: float = 0.0, api_fixed: float = 0.0, **more: bool) -> Any:
    return cheapest_base_load(given_load, lambda count: count * replica_cost, fixed, token_cost, token_cost + api_fixed, **more)


def test_what_is_beyond_the_replicas_overflows() -> None:
    hourly = load(3.0, 1.0, 2.0, 0.5)
    assert hourly.overflow(np.array([0.0, 1.0, 2.0, 3.0])).tolist() == pytest.approx([6.5, 3.0, 1.0, 0.0])
    assert float(hourly.overflow(1.0, 2.0)) == pytest.approx(2 * 6.5 - 1.0 - 3 * 1.0)  # 6, 2, 4 and 1 on one replica
    assert float(hourly.overflow_share(1.0)) == pytest.approx(3 / 6.5)


def test_the_cheapest_number_of_replicas() -> None:
    hourly = load(1.0, 1.0, 1.0, 3.0)  # 6 replica-hours at 10 each: a second replica saves one hour's 10, the first 40
    assert best(hourly, 15.0, 60.0).replicas == 1
    assert best(hourly, 15.0, 60.0).self_host_share == pytest.approx(4 / 6)
    assert best(hourly, 9.0, 60.0) is None  # three replicas: nothing is left for the API
    assert best(hourly, 9.0, 60.0, is_burst_given=True).replicas == 2
    assert best(load(1.0, 1.0), 9.0, 60.0, is_burst_given=True) is None
    assert best(hourly, 41.0, 60.0) is None  # none: all stays on the API
    assert best(hourly, 15.0, 60.0, fixed=26.0) is None  # people tip it: 15 + 26 + 20 against 60
    assert best(hourly, 15.0, 60.0, fixed=26.0, api_fixed=2.0).replicas == 1


@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=24),
    st.floats(0.1, 100),
    st.floats(0, 1000),
    st.floats(0, 50),
    st.sampled_from([(1, 1), (2, 1), (2, 8), (3, 8)]),
)
def test_no_other_number_of_replicas_is_cheaper(work: list[float], gpu_cost: float, token_cost: float, fixed: float, gpus: tuple[int, int]) -> None:
    hourly, (each, instance) = load(*work), gpus

    def bought(count: Any) -> Any:
        return np.ceil(np.asarray(count) * each / instance) * instance * gpu_cost

    found = cheapest_base_load(hourly, bought, fixed, token_cost, token_cost)
    total = sum(work)
    costs = {
        count: (bought(count) + fixed if count else 0.0) + token_cost * (sum(max(hour - count, 0) for hour in work) / total if total else 0.0)
        for count in range(22)
    }
    if found is None:
        inside = [cost for count, cost in costs.items() if 0 < count < max(work) * (1 - 1e-6)]
        assert all(cost >= min(costs[0], *(costs[n] for n in range(22) if n >= max(work))) - 1e-6 for cost in inside) or total == 0
    else:
        assert costs[found.replicas] <= min(costs.values()) + 1e-6
        assert 0 < found.self_host_share < 1


def test_a_draw_overflows_as_if_it_were_the_month() -> None:
    side = SplitSide(load(1.0, 1.0, 3.0), 1, 100.0, 500.0, 10.0, 1.0)
    assert side.total == pytest.approx(111 + 500 * 2 / 5)
    drawn = side.cost(Factors(volume=np.array([1.0, 2.0]), work=np.array([1.0, 2.0]), people=np.array([1.0, 3.0])))
    assert drawn.tolist() == pytest.approx([side.total, 100 + 30 + 1 + 1000 * 7 / 10])
    assert side.tokens_at(2.0) == pytest.approx(1000 * 7 / 10)


@pytest.mark.parametrize("work", [[], [0.0], [1e-300], [1e15, 1.0]])
def test_hostile_work_gives_a_plan_or_none(work: list[float]) -> None:
    found = best(load(*work, hours=24), 1.0, 1e6)
    assert found is None or 0 < found.self_host_share < 1


def peaky(workload_id: str = "chat", pool: str | None = None, share: float = 1.0) -> pl.DataFrame:
    base = usage(workload_id, BASE * share, JUNE, AS_OF, pool=pool, hours=range(23))
    return pl.concat([base, usage(workload_id, PEAK * share, JUNE, AS_OF, pool=pool, hours=range(23, 24))])


def on_api(configured: dict[str, Any] | None = None, times: float = 1.0, **assumptions: Any) -> DecisionInputs:
    used = peaky()
    prices = [priced(used, "openai", "gpt-4o", 2.5 * times, 10 * times, "incumbent")]
    return inputs(company([configured or workload("chat")], **assumptions), AS_OF, [used], prices)


OVERFLOW = (PEAK * SECONDS / USABLE - 1) / ((23 * BASE + PEAK) * SECONDS / USABLE)
"""The share of the work beyond one replica: 2.9035 of 20.064 replica-hours a day."""


def split_cost(days: float, share: float = OVERFLOW) -> float:
    return 2 * 3.99 * 24 * days + 70_000 / 12 + days * (23 * BASE + PEAK) * PRICE * share


def test_the_base_load_is_self_hosted_and_the_peak_is_not() -> None:
    split = recommended(decide(on_api()))
    assert (split["recommendation"], split["alternative"], split["reason"]) == ("split", "split", "cost")
    assert split["base_load_replicas"] == 1
    assert split["self_host_share"] == pytest.approx(1 - OVERFLOW, rel=1e-5)
    assert split["alternative_cost_monthly"] == pytest.approx(sum(split_cost(days) for days in (31, 31, 30)) / 3, rel=1e-5)
    assert split["saving_monthly"] == pytest.approx(split["current_cost_monthly"] - split["alternative_cost_monthly"])
    assert (split["payback_months"], split["effective_date"]) == (pytest.approx(60_000 / split["saving_monthly"]), date(2026, 11, 1))
    assert split["saving_monthly_p5"] < split["saving_monthly_p50"] < split["saving_monthly_p95"]


def test_self_hosting_with_its_spare_would_save_less() -> None:
    found = reviews_of(on_api())[-1].case.alternatives
    by_name = {comparison.alternative: comparison for comparison in found}
    assert 0 < by_name["self_host"].saving_monthly < by_name["split"].saving_monthly


def reviews_of(given_inputs: DecisionInputs) -> Any:
    return reviews(given_inputs.company, MonthBook(given_inputs), draw_factors(7, Spread(0.25, 0.2, 0.15)), given_inputs.as_of)


def test_a_second_replica_that_pays_leaves_nothing_to_split() -> None:
    dear = recommended(decide(on_api(times=2.0)))  # every further replica saves 7.7 thousand of overflow and costs 5.8
    assert (dear["recommendation"], dear["self_host_share"], dear["base_load_replicas"]) == ("move_to_self_host", 1, None)


def test_instances_are_bought_whole() -> None:
    eight = [{"id": "h100", "gpu": "H100", "price_per_gpu_hour": "1.00", "gpus_per_instance": 8}]
    whole = recommended(decide(on_api(gpu_prices=eight)))
    # four replicas fit into the first instance of 8 GPUs and leave nothing to overflow: self-hosting, and its spare takes a second instance
    assert whole["recommendation"] == "move_to_self_host"


def test_a_short_life_stops_a_split() -> None:
    brief = workload("chat", questions={**ANSWERED, "planned_life_months": 11})
    stays = recommended(decide(on_api(brief)))
    assert (stays["recommendation"], stays["binding_gate"], stays["would_have_been"]) == ("stay_on_api", "life", "split")


def test_a_split_must_pass_the_same_tests() -> None:
    costly = workload("chat", migration={"cost": 3_000_000, "months": 1})
    stays = recommended(decide(on_api(costly)))
    assert (stays["recommendation"], stays["reason"]) == ("stay_on_api", "dead_band")
    assert (stays["alternative"], stays["self_host_share"]) == ("split", pytest.approx(1 - OVERFLOW, rel=1e-5))


def test_without_a_candidate_there_is_no_split() -> None:
    assert recommended(decide(on_api(workload("chat", candidates={"api": [GPT]}))))["alternative"] is None


def test_a_hybrid_may_be_split() -> None:
    used = [peaky("mix", share=0.9), peaky("mix", pool="p", share=0.1)]
    given_inputs = on_pool({"mix": 100}, replicas=6)
    hybrid = company([workload("mix", "hybrid")], [POOL])
    prices = priced(used[0], "openai", "gpt-4o", 2.5, 10, "incumbent")
    decided = decide(replace(given_inputs, company=hybrid, usage_hourly=pl.concat(used), api_cost_monthly=prices))
    split = recommended(decided, "mix")
    assert (split["placement"], split["recommendation"]) == ("hybrid", "split")
    today = sum(2 * 3.99 * 6 * days * 24 + 70_000 / 12 + 0.9 * days * (23 * BASE + PEAK) * PRICE for days in (31, 31, 30)) / 3
    assert split["current_cost_monthly"] == pytest.approx(today)
    assert split["saving_monthly"] == pytest.approx(today - sum(split_cost(days) for days in (31, 31, 30)) / 3, rel=1e-5)


def test_a_pool_sized_for_its_peak_may_keep_the_base_load_only() -> None:
    used = peaky("tags", pool="p")
    given_inputs = on_pool({"tags": 432}, replicas=5)
    decided = decide(replace(given_inputs, usage_hourly=used, api_cost_monthly=priced(used, "openai", "gpt-4o", 2.5, 10)))
    split = recommended(decided, "tags")
    assert (split["recommendation"], split["base_load_replicas"], split["migration_cost"]) == ("split", 1, 60_000)
    # four of five replicas of the pool are given up; the people stay
    saving = sum(4 * 2 * 3.99 * days * 24 - days * (23 * BASE + PEAK) * PRICE * OVERFLOW for days in (31, 31, 30)) / 3
    assert split["saving_monthly"] == pytest.approx(saving, rel=1e-5)


def test_a_shared_pool_gives_up_only_what_the_others_do_not_need() -> None:
    used = [peaky("tags", pool="p"), peaky("big", pool="p")]
    given_inputs = on_pool({"big": 432, "tags": 432}, replicas=5)  # the others alone need 4 + 1
    prices = [priced(each, "openai", "gpt-4o", 2.5, 10) for each in used]
    decided = decide(replace(given_inputs, usage_hourly=pl.concat(used), api_cost_monthly=pl.concat(prices)))
    assert recommended(decided, "tags")["recommendation"] == "stay_self_hosted"


def test_a_workload_that_just_moved_has_no_base_load_yet() -> None:
    before, after = (
        peaky("tags").filter(pl.col("usage_hour") < date(2026, 8, 1)),
        peaky("tags", pool="p").filter(pl.col("usage_hour") >= date(2026, 8, 1)),
    )
    placements: Any = [{"value": "api"}, {"value": "self_host", "valid_from": "2026-08-01"}]
    moved = workload("tags", placement=placements)
    given_inputs = on_pool({"tags": 432}, replicas=5)
    prices = [priced(before, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(after, "openai", "gpt-4o", 2.5, 10)]
    changed = replace(given_inputs, company=company([moved], [POOL]), usage_hourly=pl.concat([before, after]), api_cost_monthly=pl.concat(prices))
    assert all(comparison.alternative != "split" for comparison in reviews_of(changed)[-1].case.alternatives)


@pytest.mark.parametrize("dearer", [1.05, 1.1, 1.25, 1.5, 2.0, 5.0])
def test_a_dearer_api_never_turns_a_split_into_a_stay(dearer: float) -> None:
    assert recommended(decide(on_api(times=dearer)))["recommendation"] in ("split", "move_to_self_host")


def test_it_stays_a_split_where_replicas_for_all_of_it_would_pay_but_for_their_spare() -> None:
    # 5.69 replicas half the day: from 0.1806 times gpt-4o's price a sixth replica costs less than what it serves; with a seventh as the spare
    # self-hosting saves too little until 0.186
    used = usage("chat", 5.69 * USABLE / SECONDS, JUNE, AS_OF)
    seen = []
    for times in (0.1795, 0.1835, 0.2):
        prices = [priced(used, "openai", "gpt-4o", 2.5 * times, 10 * times, "incumbent")]
        certain = company([workload("chat")], uncertainty={"volume": 0, "throughput": 0, "people": 0})
        seen.append(recommended(decide(inputs(certain, AS_OF, [used], prices))))
    assert [each["recommendation"] for each in seen] == ["split", "split", "move_to_self_host"]
    assert seen[0]["saving_monthly"] < seen[1]["saving_monthly"]


def test_the_load_duration_curve_is_kept() -> None:
    curve = load_durations(reviews_of(on_api())).filter(quarter="2026-Q3")
    assert curve["rank_hours"].to_list()[:2] == [1, 37]
    assert curve["rank_hours"].to_list()[-1] == 90 * 24
    assert len(curve) == 61
    needed = dict(zip(curve["rank_hours"], curve["replicas_needed"], strict=True))
    assert needed[1] == needed[73] == pytest.approx(PEAK * SECONDS / USABLE, rel=1e-5)  # 90 days, one hour each
    assert needed[2160] == pytest.approx(BASE * SECONDS / USABLE, rel=1e-5)
    assert curve["replicas_needed"].is_sorted(descending=True)


def test_hours_without_usage_are_part_of_the_curve() -> None:
    ranks, needed = load(2.0, hours=48).duration_curve()
    assert (ranks[0], ranks[-1], needed[0], needed[1], needed[-1]) == (1, 48, pytest.approx(2.0), 0.0, 0.0)


def test_a_book_without_usage_has_no_window() -> None:
    assert DemandBook().window("chat", AS_OF) == (None, 0)


def test_people_paid_for_are_kept_by_a_split_of_a_pool() -> None:
    rows = [paid("tags", month, "gpu_compute", 5 * 2 * 3.99 * days * 24) for month, days in DAYS.items()]
    used = peaky("tags", pool="p")
    given_inputs = replace(on_pool({"tags": 432}, replicas=5), actual_cost_monthly=frame(rows, ACTUAL_COLUMNS))
    decided = decide(replace(given_inputs, usage_hourly=used, api_cost_monthly=priced(used, "openai", "gpt-4o", 2.5, 10)))
    split = row(decided.placement_recommendations, workload_id="tags", quarter="2026-Q3")
    assert split["alternative_cost_monthly"] == pytest.approx(sum(split_cost(days) for days in (31, 31, 30)) / 3, rel=1e-5)  # people assumed
