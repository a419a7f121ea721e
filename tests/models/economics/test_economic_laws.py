"""What must hold whatever the numbers are."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_companies import (
    ACTUAL_COLUMNS,
    ANSWERED,
    POOL_COLUMNS,
    SHARE_COLUMNS,
    company,
    frame,
    inputs,
    priced,
    usage,
    workload,
)
from test_placement import ANSWERS, case, comparison

from models.economics.capacity import peak_of_hours, within_quota
from models.economics.crossover import ApiSide, Counterfactual, Provisioned, SelfHostedSide, cheaper_intervals, robust_break_even
from models.economics.decision import DecisionInputs, DecisionOutputs, decide
from models.economics.finance import payback_months, payback_months_discounted
from models.economics.placement import place
from models.economics.uncertainty import Odds

JUNE, AS_OF = date(2026, 6, 1), date(2026, 9, 30)
AMOUNT = st.floats(0, 1e6, allow_subnormal=False)
POSITIVE = st.floats(0.01, 1e4)

FLEET = {
    "load": st.floats(0.01, 50),
    "spare_replicas": st.integers(0, 3),
    "gpus_per_replica": st.integers(1, 8),
    "gpus_per_instance": st.sampled_from([1, 2, 4, 8]),
    "gpu_cost": POSITIVE,
}
COUNTERFACTUAL = st.builds(Counterfactual, **FLEET)
JOINED = st.builds(Counterfactual, **FLEET, others=st.floats(0, 50), provisioned=st.integers(0, 60).map(float))
PROVISIONED = st.builds(Provisioned, load=st.floats(0.01, 50), floor=st.floats(0.01, 50), capacity_monthly=AMOUNT, replica_cost=POSITIVE)
SIDES = st.builds(SelfHostedSide, capacity=st.one_of(COUNTERFACTUAL, JOINED, PROVISIONED), people=AMOUNT)
APIS = st.builds(ApiSide, token_cost=st.floats(0.01, 1e6), people=AMOUNT)


@given(SIDES, st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_self_hosting_never_gets_cheaper_with_volume(side: SelfHostedSide, volumes: list[float]) -> None:
    costs = [side.at(volume) for volume in sorted(volumes)]
    assert costs == sorted(costs)


@given(SIDES, APIS)
@settings(max_examples=200)
def test_from_the_robust_break_even_on_self_hosting_is_never_dearer(side: SelfHostedSide, api: ApiSide) -> None:
    volume = robust_break_even(side, api)
    load = side.capacity.load

    def gap(at: float) -> float:
        return side.at(at) - api.token_cost * at - api.fixed

    slack = 1e-6 * (side.at(1) + api.total + 1)
    if volume is None:
        assert api.token_cost / load <= side.capacity.replica_cost * (1 + 1e-9)  # beyond some volume every replica costs more than it saves
        return
    tops = side.capacity.tops(side.capacity.tread(volume * load) + np.arange(200.0))
    for need in [volume * load, *tops, *(tops + 1e-6)]:
        if need >= volume * load:
            assert gap(need / load) <= slack + 1e-6 * api.token_cost * need / load
    need, tread = volume * load, side.capacity.tread(volume * load)
    edge = side.capacity.top(tread - 1) if tread else 0.0  # where the tread starts on which they meet
    if need - edge > 1e-6:
        just_below = (need - min(1e-6 * need, (need - edge) / 2)) / load
        assert gap(just_below) > -slack - 1e-5 * api.token_cost * volume


@given(SIDES, APIS)
def test_inside_the_intervals_self_hosting_is_no_dearer(side: SelfHostedSide, api: ApiSide) -> None:
    intervals = cheaper_intervals(side, api, until=3)
    assert intervals == sorted(intervals)
    for left, right in intervals:
        middle = (left + right) / 2
        assert 0 <= left <= right <= 3
        assert side.at(middle) <= api.token_cost * middle + api.fixed + 1e-6 * (side.at(middle) + 1)


@given(st.lists(POSITIVE, max_size=30), st.integers(1, 60), st.floats(0, 1))
def test_a_peak_is_the_quantile_with_the_empty_hours(work: list[float], hours: int, quantile: float) -> None:
    hours = max(hours, len(work))
    everything = np.array(work + [0.0] * (hours - len(work)))
    assert peak_of_hours(np.array(work), hours, quantile) == pytest.approx(float(np.quantile(everything, quantile)), rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=30), st.integers(0, 30), st.floats(0, 1))
def test_who_joins_adds_no_more_than_it_would_need_alone(work: list[tuple[float, float]], empty: int, quantile: float) -> None:
    others, own = np.array(work).T
    hours = len(work) + empty
    counted, alone = within_quota(own, hours, quantile), peak_of_hours(own, hours, quantile)
    assert peak_of_hours(counted, hours, 1.0) == alone
    slack = 1e-9 * (others.max() + own.max() + 1)
    assert peak_of_hours(others + counted, hours, quantile) <= peak_of_hours(others, hours, quantile) + alone + slack
    assert float((within_quota(others, hours, quantile) + counted).max()) <= peak_of_hours(others, hours, quantile) + alone + slack


@given(st.one_of(st.just(0.0), st.floats(0.01, 1e6)), st.floats(0.01, 1e6), st.one_of(st.just(0.0), st.floats(1e-6, 0.5)))
def test_discounting_never_shortens_a_payback(outlay: float, saving: float, rate: float) -> None:
    simple, discounted = payback_months(outlay, saving), payback_months_discounted(outlay, saving, rate)
    assert simple is not None
    assert discounted is None or discounted >= simple * (1 - 1e-9)


COMPARISONS = st.builds(
    lambda saving, npv, probability: comparison(saving=saving, npv=npv, odds=Odds(probability, saving, saving, saving)),
    st.floats(-1e5, 1e5),
    st.floats(-1e6, 1e6),
    st.floats(0, 1),
)


@given(COMPARISONS, st.sampled_from(["api", "self_host", "hybrid"]))
def test_cost_never_overrides_a_gate(alternative: Any, placement: str) -> None:
    turned = replace(alternative, alternative="api" if placement == "self_host" else "self_host")
    gated = {
        "conflict": {"data_must_stay": True, "frontier_required": True},
        "sovereignty": {"data_must_stay": True},
        "data": {"frontier_required": None},
        "frontier": {"frontier_required": True},
        "capability": {"engineering_capability": False},
    }
    for gate, answers in gated.items():
        decided = place(case(placement=placement, alternatives=(turned,), answers=replace(ANSWERS, **answers)))
        assert decided.binding_gate == gate
        without = place(case(placement=placement, alternatives=(), answers=replace(ANSWERS, **answers)))
        assert decided.verdict.recommendation == without.verdict.recommendation


@given(SIDES, st.lists(st.floats(0.01, 100), min_size=2, max_size=20))
def test_within_a_step_more_volume_makes_self_hosting_cheaper_per_token(side: SelfHostedSide, volumes: list[float]) -> None:
    ordered = sorted(volumes)
    for less, more in itertools.pairwise(ordered):
        if side.at(less) == side.at(more):
            assert side.at(more) / more <= side.at(less) / less


def two_sided(requests: float, price: float, order: int = 1) -> DecisionInputs:
    """A workload on an API and one on a pool, in either order, at so many times gpt-4o's price."""
    on_api, on_pool = usage("chat", requests, JUNE, AS_OF, hours=range(8, 12)), usage("tags", 432, JUNE, AS_OF, pool="p", hours=range(8, 12))
    months = [date(2026, month, 1) for month in (6, 7, 8, 9)]
    days = {month: (date(2026, month.month % 12 + 1, 1) - timedelta(days=1)).day for month in months}
    pools = [
        {"pool_id": "p", "month": month, "bill_cost": 5745.6 * days[month] / 30, "replicas": 1, "gpus": 2, "covered_hours": days[month] * 24}
        | {"replica_hours_provisioned": days[month] * 24, "replica_hours_worked": 2.0, "device_utilisation": None}
        for month in months
    ]
    shares = [{"pool_id": "p", "workload_id": "tags", "month": month, "replica_hours_worked": 2.0, "work_share": 1.0} for month in months]
    paid = [
        {"workload_id": "tags", "month": month, "side": "self_host", "cost_category": category, "cost_basis": basis, "pool_id": "p"}
        | {"effective_cost": amount, "in_unit_cost": True}
        for month in months
        for category, basis, amount in (
            ("gpu_compute", "billed", 45.6 * days[month] / 30),
            ("gpu_idle", "billed", 5700 * days[month] / 30),
            ("engineering_operations", "people", 5833.33),
        )
    ]
    pool = {"id": "p", "model": "llama", "profile": "two", "replicas": 1, "match": [{"pool": "p"}]}
    return inputs(
        company([workload("chat"), workload("tags", "self_host")][::order], [pool]),
        AS_OF,
        [on_api, on_pool][::order],
        [
            priced(on_api, "openai", "gpt-4o", 2.5 * price, 10 * price, "incumbent"),
            priced(on_pool, "openai", "gpt-4o", 2.5 * price, 10 * price),
        ][::order],
        frame(paid[::order], ACTUAL_COLUMNS),
        frame(pools[::order], POOL_COLUMNS),
        frame(shares[::order], SHARE_COLUMNS),
    )


def recommendations(decided: DecisionOutputs) -> dict[str, str]:
    rows = decided.placement_recommendations.filter(quarter="2026-Q3")
    return dict(zip(rows["workload_id"], rows["recommendation"], strict=True))


@given(st.floats(500, 20_000), st.floats(0.2, 3), st.floats(1, 4))
@settings(max_examples=12, deadline=None)
def test_a_dearer_api_never_turns_a_move_into_a_stay(requests: float, price: float, dearer: float) -> None:
    before, after = (recommendations(decide(two_sided(requests, times))) for times in (price, price * dearer))
    assert not (before["chat"] in ("move_to_self_host", "split") and after["chat"] == "stay_on_api")
    assert not (before["tags"] == "stay_self_hosted" and after["tags"] == "move_to_api")


@given(st.floats(500, 20_000), st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_order_changes_nothing(requests: float, seed: int) -> None:
    ordered = decide(two_sided(requests, 1.0))
    turned = two_sided(requests, 1.0, order=-1)
    shuffled = decide(replace(turned, usage_hourly=turned.usage_hourly.sample(fraction=1, shuffle=True, seed=seed)))
    for name, table in vars(ordered).items():
        assert table.equals(vars(shuffled)[name]), name


def finite(decided: DecisionOutputs) -> None:
    for name, table in vars(decided).items():
        for column in table.select(pl.selectors.float()):
            assert column.is_finite().all(), f"{name}.{column.name}"


HOSTILE = [0.0, 1e-9, 1e12]


@pytest.mark.parametrize("requests", HOSTILE)
@pytest.mark.parametrize("price", [0.0, 1e-6, 1e6])
def test_hostile_volumes_and_prices_give_numbers_or_nulls(requests: float, price: float) -> None:
    decided = decide(two_sided(requests, price))
    finite(decided)
    assert set(recommendations(decided)) == {"chat", "tags"}


def test_no_volume_is_a_named_outcome() -> None:
    rows = decide(two_sided(0.0, 1.0)).crossover_monthly.filter(workload_id="chat", month=date(2026, 8, 1))
    assert (rows["status"][0], rows["reason"][0], rows["break_even_tokens_per_day"][0]) == ("below", "cost", None)


def test_a_replica_that_serves_nothing_is_a_named_outcome() -> None:
    given_inputs = two_sided(43200, 1.0)
    configured = given_inputs.company
    dead = configured.assumptions.profiles[0].model_copy(update={"decode_tokens_per_second": 0.0})
    assumptions = configured.assumptions.model_copy(update={"profiles": (dead,)})
    decided = decide(replace(given_inputs, company=configured.model_copy(update={"assumptions": assumptions})))
    finite(decided)
    month = decided.crossover_monthly.filter(workload_id="chat", month=date(2026, 8, 1))
    assert (month["status"][0], month["reason"][0], month["self_host_cost_monthly"][0]) == ("not_applicable", "capacity", None)
    chat = decided.placement_recommendations.filter(workload_id="chat", quarter="2026-Q3")
    assert (chat["recommendation"][0], chat["reason"][0]) == ("insufficient_data", "capacity")


@pytest.mark.parametrize("change", [{"bill_cost": 0.0}, {"replicas": 0.0, "gpus": 0.0, "replica_hours_provisioned": 0.0}, {"covered_hours": 0.0}])
def test_hostile_pools_give_numbers_or_nulls(change: dict[str, float]) -> None:
    given_inputs = two_sided(43200, 1.0)
    finite(decide(replace(given_inputs, pool_monthly=given_inputs.pool_monthly.with_columns(**{name: pl.lit(v) for name, v in change.items()}))))


@pytest.mark.parametrize("answer", [0, 1e9])
def test_hostile_lives_give_numbers_or_nulls(answer: float) -> None:
    used = usage("chat", 43200, JUNE, AS_OF)
    long = workload("chat", questions={**ANSWERED, "planned_life_months": answer}, migration={"cost": 0, "months": 0})
    finite(decide(inputs(company([long], discount_rate=0), AS_OF, [used], [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")])))
