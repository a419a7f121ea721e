"""The cheapest placement of a whole portfolio, how near to the true optimum it is proven to be, and what each workload adds to it.

Here: the search (a local one, then the program over representative hours, with more hours until the gap is closed) and its results. Not
here: what a placement costs (cost), the bound (milp), which of this is recommended (placement: cost never overrides a gate).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.economics.portfolio import milp
from models.economics.portfolio.cost import Booleans, CostBook, PoolBook, PoolCost, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT, Conflict, Portfolio, PortfolioWorkload
from models.economics.portfolio.milp import Ints, Representatives

GAP = 0.01
EXCUSED_ROUNDS = 6
NARROWING_PASSES = 5
MAX_ROUNDS = 3
MAX_PASSES = 30
SPARE_PEAKS = 60
"""Peak hours beyond those that the quantile may leave out."""
HOUR_GROUPS = 24

Placed = Literal["api", "self_host", "split"]
_NAMES: dict[int, Placed] = {API: "api", SELF_HOST: "self_host", SPLIT: "split"}

Status = Literal["optimal", "gap", "infeasible"]


@dataclass(frozen=True)
class Scenario:
    """One way to place everybody. None: unknown (today), or impossible (a portfolio with conflicts)."""

    name: str
    cost_monthly: float | None
    self_hosted_workloads: int | None
    gpus: float | None


@dataclass(frozen=True)
class WorkloadInPortfolio:
    """One workload at the optimum. Savings are an API's cost less self-hosting's: positive where self-hosting is cheaper.

    saving_alone: with a fleet, people and overheads of its own. saving_in_portfolio: marginal, with everybody else placed as in the optimum
    (fleets are sized anew). None where one of the sides is closed to it.
    self_host_share: of its work. average_cost: its share of its fleet's GPUs by work; marginal_cost: what those GPUs, and what other members
    overflow to APIs, would cost less without it; leaving_costs_others: average less marginal, below 0 where the others would gain (2.6).
    The three are None for a workload on an API.
    """

    workload_id: str
    placement: Placed
    api_model: str | None
    self_host_share: float
    saving_alone: float | None
    saving_in_portfolio: float | None
    average_cost: float | None
    marginal_cost: float | None
    leaving_costs_others: float | None


@dataclass(frozen=True)
class PortfolioResult:
    """The optimum and what it is compared with.

    status: `optimal` (proven within the gap asked for), `gap` (found, but proven to `gap` only) or `infeasible` (`conflicts` names who can
    be placed nowhere and why). gap: (cost - lower bound) / cost of the optimum, over all hours of the window. Scenarios, in order: today,
    all_api, all_self_hosted (pooled), each_best (each for itself on its cheaper side: the sum of stand-alone costs), optimum. Gates hold in all
    but today: who may not be on a scenario's side is on its other one. all_api_models: which model the all-API baseline takes, by workload.
    """

    status: Status
    gap: float | None
    lower_bound_monthly: float | None
    scenarios: tuple[Scenario, ...]
    workloads: tuple[WorkloadInPortfolio, ...]
    conflicts: tuple[tuple[str, Conflict], ...]
    all_api_models: tuple[tuple[str, str | None], ...]


def optimise(portfolio: Portfolio, gap: float = GAP) -> PortfolioResult:
    """The portfolio's optimum, proven to the relative `gap` if that can be had. The order of workloads and pools changes nothing."""
    book = CostBook(portfolio)
    today = _today(book.workloads)
    conflicts = tuple((workload.id, workload.conflict) for workload in book.workloads if workload.conflict)
    models = tuple((workload.id, workload.api_model) for workload in book.workloads if workload.can_api)
    if conflicts:
        unknown = [Scenario(name, None, None, None) for name in ("all_api", "all_self_hosted", "each_best", "optimum")]
        return PortfolioResult("infeasible", None, None, (today, *unknown), (), conflicts, models)
    sides, bound = _search(book, gap)
    pools = book.pool_costs(sides)
    total = book.total(pools)
    proven = max(total - bound, 0.0) / total if total > 0 else 0.0
    scenarios = (today, _scenario(book, "all_api", book.all_on(API)), _scenario(book, "all_self_hosted", book.all_on(SELF_HOST)), _each_best(book))
    return PortfolioResult(
        status="optimal" if proven <= gap + 1e-9 else "gap",
        gap=proven,
        lower_bound_monthly=min(bound, total),
        scenarios=(*scenarios, _scenario(book, "optimum", sides)),
        workloads=tuple(_described(book, sides, pools, index) for index in range(len(book.workloads))),
        conflicts=(),
        all_api_models=models,
    )


def _search(book: CostBook, gap: float) -> tuple[Sides, float]:
    """The best placement found and the best bound proven: pool by pool, for they meet only in the platform's people and overheads."""
    pools = [_OpenPool(pool, gap) for pool in book.pools]
    least_people = min(book.platform.next_pool_people_monthly, book.platform.cost(1))
    for _ in range(MAX_ROUNDS * len(pools) + 1):
        sides, cost = book.combined([pool.sides for pool in pools], [pool.cost for pool in pools])
        _, bound = book.combined([pool.sides for pool in pools], [pool.lower_bound for pool in pools])
        unproven = [pool for pool in pools if pool.can_be_refined and pool.relevant_gap(least_people) > 0]
        if cost - bound <= gap * cost or not unproven:
            break
        max(unproven, key=lambda pool: pool.relevant_gap(least_people)).refine()
    return sides, bound


class _OpenPool:
    """A pool's best placement with anything self-hosted there at all, and what no such placement is below."""

    def __init__(self, pool: PoolBook, gap: float) -> None:
        self._pool, self._gap, self._choices = pool, gap, pool.choices
        starts = [np.array([side if side in choices else choices[-1] for choices in pool.choices], dtype=np.int8) for side in (SELF_HOST, SPLIT)]
        is_split = bool((starts[1] == SPLIT).any())
        self.sides, self.cost = min((_improved(pool, start) for start in starts[: 1 + is_split]), key=lambda found: found[1])
        self.lower_bound, self.can_be_refined, self._rounds = 0.0, True, 0
        self._hours = _first_hours(pool, [starts[0], self.sides])
        self._settle(starts[0])
        self._settle(self.sides)

    def _settle(self, sides: Sides) -> None:
        """Better placements from the one given: with its own busiest hours excused the program is easy; then with those of what that finds."""
        count = _allowed_above(self._pool) - 1
        for _ in range(EXCUSED_ROUNDS if count and (sides == SELF_HOST).any() else 0):
            self._hours = _more_hours(self._pool, self._hours, sides)
            told = replace(self._hours, excused=_busiest(self._pool, sides, SELF_HOST)[:count])
            found = milp.solve(self._pool, told, self._pool.choices, self.sides, self._gap / 2)
            if found.sides is None or not (found.sides != sides).any():
                break
            sides = found.sides
            self._take(sides)

    def relevant_gap(self, people_monthly: float) -> float:
        """What the bound leaves open, where opening the pool might pay at all."""
        if all(API in choices for choices in self._pool.choices):
            return min(self.cost, max(float(self._pool.api_total.sum()) - people_monthly, self.lower_bound)) - self.lower_bound
        return self.cost - self.lower_bound

    def refine(self) -> None:
        """One more solution of the relaxation, with the hours that the last one lacked, without the choices that can't improve on the best."""
        self._rounds += 1
        hours, cost = self._hours, self.cost
        for _ in range(NARROWING_PASSES):
            choices, bound = milp.narrowed(self._pool, hours, self._choices, self.sides, cost)
            self.lower_bound = min(max(self.lower_bound, bound), cost)
            if choices is None:
                self.lower_bound, self.can_be_refined = cost, False
                return
            if choices == self._choices:
                break
            self._choices = choices
        found = milp.solve(self._pool, hours, self._choices, self.sides, self._gap / 2)
        self.lower_bound = min(max(self.lower_bound, found.lower_bound), cost)
        if found.sides is not None:
            self._take(found.sides)
            self._hours = _more_hours(self._pool, hours, found.sides)
            self._settle(found.sides)
        self.can_be_refined = self._hours is not hours and self._rounds < MAX_ROUNDS

    def _take(self, sides: Sides) -> None:
        sides, cost = _improved(self._pool, sides)
        if cost < self.cost:
            self.sides, self.cost = sides, cost


def _improved(pool: PoolBook, sides: Sides) -> tuple[Sides, float]:
    """Moved one workload at a time as long as that saves money and leaves the pool open."""
    sides, cost = sides.copy(), pool.cost(sides).cost
    for _ in range(MAX_PASSES):
        before = cost
        for position, choices in enumerate(pool.choices):
            for side in choices:
                was = sides[position]
                sides[position] = side
                moved = pool.cost(sides)
                if side != was and moved.is_open and moved.cost < cost * (1 - 1e-12):
                    cost = moved.cost
                else:
                    sides[position] = was
        if cost == before:
            break
    return sides, cost


def _allowed_above(pool: PoolBook) -> int:
    """One more than the hours that may be above the quantile."""
    return pool.hours - math.floor(pool.quantile * (pool.hours - 1))


def _busiest(pool: PoolBook, sides: Sides, side: int) -> Ints:
    """Hours by the pooled work of those on that side, the busiest first, the earliest of equals."""
    return np.argsort(-pool.load[sides == side].sum(axis=0), kind="stable")


def _grouped(order: Ints, groups: int) -> Ints:
    """Each hour's group: the busiest hours one by one for a quarter of the groups, the rest in even parts."""
    alone = min(groups // 4, order.size)
    numbers = np.empty(order.size, dtype=np.int64)
    numbers[order[:alone]] = np.arange(alone)
    for number, hours in enumerate(np.array_split(order[alone:], max(1, min(groups - alone, order.size - alone))), start=alone):
        numbers[hours] = number
    return numbers


def _first_hours(pool: PoolBook, placements: Sequence[Sides]) -> Representatives:
    count = _allowed_above(pool) + SPARE_PEAKS
    peaks = np.unique(np.concatenate([_busiest(pool, sides, SELF_HOST)[:count] for sides in placements]))
    return Representatives(_busiest(pool, placements[1], SELF_HOST), peaks, _grouped(_busiest(pool, placements[0], SELF_HOST), HOUR_GROUPS))


def _more_hours(pool: PoolBook, known: Representatives, sides: Sides) -> Representatives:
    """Also the peaks of what the program placed, and twice the groups; the same object where nothing is added."""
    peaks, groups = known.peaks, known.groups
    if (sides == SELF_HOST).any():
        peaks = np.union1d(peaks, _busiest(pool, sides, SELF_HOST)[: _allowed_above(pool)])
    if (sides == SPLIT).any() and int(groups.max()) + 1 < pool.hours:
        groups = _grouped(_busiest(pool, sides, SPLIT), 2 * (int(groups.max()) + 1))
    return known if peaks.size == known.peaks.size and groups is known.groups else Representatives(known.busiest, peaks, groups)


def _scenario(book: CostBook, name: str, sides: Sides) -> Scenario:
    pools = book.pool_costs(sides)
    return Scenario(name, book.total(pools), int((sides != API).sum()), sum(pool.gpus for pool in pools))


def _today(workloads: list[PortfolioWorkload]) -> Scenario:
    costs = [workload.today_cost_monthly for workload in workloads]
    hosted, gpus = [workload.today_self_hosted for workload in workloads], [workload.today_gpus for workload in workloads]
    return Scenario(
        "today",
        None if None in costs else sum(cost for cost in costs if cost is not None),
        None if None in hosted else sum(is_hosted is True for is_hosted in hosted),
        None if None in gpus else sum(count for count in gpus if count is not None),
    )


def _each_best(book: CostBook) -> Scenario:
    cost, hosted, gpus = 0.0, 0, 0
    for index, workload in enumerate(book.workloads):
        alone = book.alone(index)
        if alone is not None and (not workload.can_api or alone[0] < workload.api_total):
            cost, hosted, gpus = cost + alone[0], hosted + 1, gpus + alone[1]
        else:
            cost += workload.api_total
    return Scenario("each_best", cost, hosted, gpus)


def _described(book: CostBook, sides: Sides, pools: list[PoolCost], index: int) -> WorkloadInPortfolio:
    workload, side, alone = book.workloads[index], int(sides[index]), book.alone(index)
    saving_alone = workload.api_total - alone[0] if alone is not None and workload.can_api else None
    in_portfolio: float | None = None
    share, average, marginal = 0.0, None, None
    if book.pool_of[index] >= 0:
        number = int(book.pool_of[index])
        pool = book.pools[number]
        mine = pool.members == index
        if workload.can_api:
            hosted = SELF_HOST if side == API else side
            on_api = book.moved(sides, pools, index, API)[0]
            in_portfolio = on_api - book.moved(sides, pools, index, hosted)[0]
        if side != API:
            members = sides[pool.members]
            share, average = _shares(pool, members, mine, side)
            without = book.moved(sides, pools, index, API)[1][number].cost - workload.api_total
            own_overflow = (1 - share) * (workload.api_cost_monthly or 0.0)
            marginal = pools[number].cost - without - own_overflow
    return WorkloadInPortfolio(
        workload_id=workload.id,
        placement=_NAMES[side],
        api_model=workload.api_model,
        self_host_share=share,
        saving_alone=saving_alone,
        saving_in_portfolio=in_portfolio,
        average_cost=average,
        marginal_cost=marginal,
        leaving_costs_others=None if average is None or marginal is None else average - marginal,
    )


def _shares(pool: PoolBook, members: Sides, mine: Booleans, side: int) -> tuple[float, float]:
    """The self-hosted share of a workload's work, and its part of its fleet's GPUs by the work that they serve."""
    who = members == side
    works = pool.load.sum(axis=1)
    if side == SPLIT:
        base = pool.base_load(who)
        gpus, served = pool.gpus(base), works - pool.overflow(who, base)
    else:
        gpus, served = pool.gpus(pool.replicas(pool.load[who].sum(axis=0))), works
    own, all_served = float(served[mine].sum()), float(served[who].sum())
    average = gpus * pool.pool.gpu_cost_monthly * (own / all_served if all_served > 0 else 1 / int(who.sum()))
    return (own / float(works[mine].sum()) if works[mine].sum() > 0 else 1.0), average
