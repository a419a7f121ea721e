"""What must hold of the portfolio's optimum whatever the numbers are. The brute force here knows nothing of the product's cost functions."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.economics.portfolio.cost import CostBook
from models.economics.portfolio.inputs import SELF_HOST, SPLIT, Platform, Pool, Portfolio, PortfolioWorkload
from models.economics.portfolio.milp import Relaxation, least_overflow
from models.economics.portfolio.optimum import PortfolioResult, optimise

HOURS = 4
EXACT = 1e-6


@st.composite
def portfolios(draw: st.DrawFn) -> Portfolio:
    pools = tuple(
        Pool(
            id=name,
            gpus_per_replica=draw(st.sampled_from([1, 2, 3, 8])),
            gpus_per_instance=draw(st.sampled_from([1, 2, 8])),
            gpu_cost_monthly=draw(st.integers(0, 50)),
            usable_seconds_per_hour=10,
            spare_replicas=draw(st.integers(0, 2)),
            burst_factor=draw(st.sampled_from([1.0, 1.25])),
        )
        for name in ("p", "q")[: draw(st.integers(1, 2))]
    )
    workloads = []
    for number in range(draw(st.integers(1, 5))):
        gate = draw(st.sampled_from(["free", "free", "free", "must_self_host", "must_api"]))
        pool_ids = [pool.id for pool in pools]
        workloads.append(
            PortfolioWorkload(
                id=f"w{number}",
                pool_id=draw(st.sampled_from(pool_ids if gate == "must_self_host" else [*pool_ids, None])),
                work_seconds=np.array(draw(st.lists(st.integers(0, 40), min_size=HOURS, max_size=HOURS)), dtype=float),
                api_cost_monthly=float(draw(st.integers(0, 600))),
                api_people_monthly=float(draw(st.integers(0, 30))),
                api_operations_share_monthly=float(draw(st.sampled_from([0, 0, 10, 100]))),
                gate=gate,
                may_split=draw(st.booleans()),
            )
        )
    first, overheads = draw(st.integers(0, 100)), draw(st.integers(0, 50))
    platform = Platform(first, draw(st.integers(0, first)), overheads, draw(st.sampled_from([0, 0, 20, 200])))
    return Portfolio(tuple(workloads), pools, platform, draw(st.sampled_from([1.0, 0.99, 0.5])))


def fleet_gpus(pool: Pool, replicas: int) -> int:
    return math.ceil(replicas * pool.gpus_per_replica / pool.gpus_per_instance) * pool.gpus_per_instance


def cost_of(portfolio: Portfolio, sides: tuple[str, ...]) -> float:
    """What a placement costs, the long way: hour by hour, every number of replicas tried."""
    total, opened = 0.0, 0
    for pool in portfolio.pools:
        hosted = [w for w, side in zip(portfolio.workloads, sides, strict=True) if side == "self_host" and w.pool_id == pool.id]
        split = [w for w, side in zip(portfolio.workloads, sides, strict=True) if side == "split" and w.pool_id == pool.id]
        opened += bool(hosted or split)
        if hosted:
            quota = {w.id: float(np.quantile(w.work_seconds, portfolio.peak_quantile)) for w in hosted}
            pooled = [sum(min(w.work_seconds[hour], quota[w.id]) for w in hosted) for hour in range(HOURS)]
            load = max(pooled) * pool.burst_factor / pool.usable_seconds_per_hour
            total += fleet_gpus(pool, max(1, math.ceil(load - 1e-9)) + pool.spare_replicas) * pool.gpu_cost_monthly
        if split:
            most = max(sum(w.work_seconds[hour] for w in split) for hour in range(HOURS))
            tried = range(1, 1 + max(1, math.ceil(most / pool.usable_seconds_per_hour)))
            total += min(
                fleet_gpus(pool, replicas) * pool.gpu_cost_monthly + burst_cost(split, replicas * pool.usable_seconds_per_hour) for replicas in tried
            )
    total += sum((w.api_cost_monthly or 0) + w.api_people_monthly for w, side in zip(portfolio.workloads, sides, strict=True) if side == "api")
    total += portfolio.platform.api_operations_monthly if set(sides) - {"self_host"} else 0
    platform = portfolio.platform
    return total + (
        platform.first_pool_people_monthly + platform.overheads_monthly + (opened - 1) * platform.next_pool_people_monthly if opened else 0
    )


def burst_cost(split: list[PortfolioWorkload], capacity: float) -> float:
    """What is beyond the capacity, hour by hour, at the cheapest APIs first."""
    total = 0.0
    price = {w.id: (w.api_cost_monthly or 0) / w.work_seconds.sum() if w.work_seconds.sum() else 0.0 for w in split}
    for hour in range(HOURS):
        beyond = max(sum(w.work_seconds[hour] for w in split) - capacity, 0)
        for w in sorted(split, key=lambda each: price[each.id]):
            part = min(beyond, w.work_seconds[hour])
            total, beyond = total + part * price[w.id], beyond - part
    return total


def choices(workload: PortfolioWorkload) -> list[str]:
    can_host = workload.pool_id is not None
    if workload.gate == "free":
        return ["api", *(["self_host"] * can_host), *(["split"] * (can_host and workload.may_split))]
    return ["api"] if workload.gate == "must_api" else ["self_host"]


def optimum(result: PortfolioResult) -> float:
    cost = next(each.cost_monthly for each in result.scenarios if each.name == "optimum")
    assert cost is not None
    return cost


@given(portfolios())
@settings(max_examples=150, deadline=None)
def test_brute_force_finds_nothing_cheaper(portfolio: Portfolio) -> None:
    result = optimise(portfolio, gap=0.0)
    cheapest = min(cost_of(portfolio, sides) for sides in itertools.product(*map(choices, portfolio.workloads)))
    assert optimum(result) == pytest.approx(cheapest, rel=EXACT, abs=EXACT)
    assert cost_of(portfolio, tuple(each.placement for each in result.workloads)) == pytest.approx(cheapest, rel=EXACT, abs=EXACT)
    assert result.lower_bound_monthly is not None
    assert result.lower_bound_monthly <= cheapest * (1 + EXACT) + EXACT
    assert result.status == "optimal" or (result.gap or 0) < EXACT


@given(portfolios(), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_the_bound_is_honest_at_any_gap(portfolio: Portfolio, gap: float) -> None:
    result = optimise(portfolio, gap)
    cheapest = min(cost_of(portfolio, sides) for sides in itertools.product(*map(choices, portfolio.workloads)))
    assert result.lower_bound_monthly is not None
    assert result.lower_bound_monthly <= cheapest * (1 + EXACT) + EXACT
    assert result.gap is not None
    assert optimum(result) - result.gap * optimum(result) <= cheapest * (1 + EXACT) + EXACT


@given(portfolios())
@settings(max_examples=100, deadline=None)
def test_one_workload_more_never_costs_more_than_it_does_alone(portfolio: Portfolio) -> None:
    *others, added = portfolio.workloads
    alone = optimum(optimise(replace(portfolio, workloads=(added,)), gap=0.0))
    without = optimum(optimise(replace(portfolio, workloads=tuple(others)), gap=0.0))
    together = optimise(portfolio, gap=0.0)
    assert optimum(together) <= (without + alone) * (1 + EXACT) + EXACT


@given(portfolios(), st.data())
@settings(max_examples=100, deadline=None)
def test_what_an_overflow_costs_at_least_is_never_more_than_it_does(portfolio: Portfolio, data: st.DataObject) -> None:
    """For any part of each member and any number of replicas, whole or not; exact where it was taken."""
    for pool in CostBook(portfolio).pools:
        parts = st.lists(st.floats(0, 1), min_size=len(pool.members), max_size=len(pool.members)).map(np.array)
        taken, asked = ((data.draw(parts), data.draw(st.floats(0, 8))) for _ in range(2))
        least = least_overflow(pool, *taken)
        for parts_of, replicas in (taken, asked):
            stacked = np.cumsum((pool.load * parts_of[:, np.newaxis])[pool.cheapest_first], axis=0)
            gone = np.diff(np.minimum(stacked, np.maximum(stacked[-1] - replicas, 0)), axis=0, prepend=0.0)
            true = float((gone * pool.price[pool.cheapest_first][:, np.newaxis]).sum())
            bound = float(least.by_member @ parts_of) - least.per_replica * replicas
            assert bound <= true + 1e-9 * (1 + abs(true))
            if parts_of is taken[0]:
                assert bound == pytest.approx(true, rel=1e-9, abs=1e-9)


@given(portfolios())
@settings(max_examples=60, deadline=None)
def test_no_relaxation_asks_for_more_than_a_placement_costs(portfolio: Portfolio) -> None:
    """The bound as the program proves it, before anything is known to be cheaper."""
    for pool in CostBook(portfolio).pools:
        opened = [np.array(sides, dtype=np.int8) for sides in itertools.product(*pool.choices) if any(sides)]
        cheapest = min(pool.cost(sides).cost for sides in opened)
        relaxation = Relaxation(pool, cheapest)
        for sides in opened:
            base = [float(pool.base_load(sides == SPLIT))] if (sides == SPLIT).any() else []
            relaxation.learn((sides == SELF_HOST).astype(float), (sides == SPLIT).astype(float), base)
        for found in (relaxation.relaxed(), relaxation.solve(opened[0], 0.0)):
            assert found is not None
            assert found.lower_bound <= cheapest + 1e-6 * (cheapest + float(pool.api_total.sum()) + 1)


@given(portfolios(), st.floats(0, 0.5))
@settings(max_examples=100, deadline=None)
def test_no_simple_rule_beats_the_optimum(portfolio: Portfolio, gap: float) -> None:
    result = optimise(portfolio, gap)
    for scenario in result.scenarios:
        assert scenario.name == "today" or scenario.cost_monthly is not None
        assert scenario.name == "today" or optimum(result) <= (scenario.cost_monthly or 0) * (1 + EXACT) + EXACT


@given(portfolios(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_workloads_changes_nothing(portfolio: Portfolio, random: object) -> None:
    workloads, pools = list(portfolio.workloads), list(portfolio.pools)
    random.shuffle(workloads)  # type: ignore[attr-defined]
    random.shuffle(pools)  # type: ignore[attr-defined]
    assert optimise(replace(portfolio, workloads=tuple(workloads), pools=tuple(pools))) == optimise(portfolio)


@given(portfolios())
@settings(max_examples=60, deadline=None)
def test_no_gate_is_overridden(portfolio: Portfolio) -> None:
    placements = {each.workload_id: each.placement for each in optimise(portfolio).workloads}
    for workload in portfolio.workloads:
        assert placements[workload.id] in choices(workload)


@given(portfolios(), st.sampled_from([0.001, 0.5, 3.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_all_costs_scale_together(portfolio: Portfolio, factor: float) -> None:
    platform = portfolio.platform
    dearer = Portfolio(
        tuple(
            replace(
                each,
                api_cost_monthly=(each.api_cost_monthly or 0) * factor,
                api_people_monthly=each.api_people_monthly * factor,
                api_operations_share_monthly=each.api_operations_share_monthly * factor,
            )
            for each in portfolio.workloads
        ),
        tuple(replace(pool, gpu_cost_monthly=pool.gpu_cost_monthly * factor) for pool in portfolio.pools),
        Platform(**{name: amount * factor for name, amount in vars(platform).items()}),
        portfolio.peak_quantile,
    )
    base = optimum(optimise(portfolio, gap=0.0))
    assert optimum(optimise(dearer, gap=0.0)) == pytest.approx(base * factor, rel=EXACT, abs=EXACT * factor)
