"""The cheapest placement of a whole portfolio, how near to the true optimum it is proven to be, and what each workload adds to it.

Here: what is asked and the results. Not here: what a placement costs (cost), how the best one is found and proven (search), which of this is
recommended (placement: cost never overrides a gate).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.economics.portfolio.cost import Booleans, CostBook, PoolBook, PoolCost, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT, Conflict, Portfolio, PortfolioWorkload
from models.economics.portfolio.search import search

GAP = 0.005

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
class FleetAtOptimum:
    """What is bought of one pool at the optimum; a pool that nobody is placed in has none.

    replicas: for those that are self-hosted as a whole, the spare included (2.1); base_load_replicas: for those that are split (2.12).
    token_utilisation: work served / (replicas x 3,600 s) over the window's hours, both fleets together, the spare included (2.2).
    """

    pool_id: str
    self_hosted_workloads: int
    split_workloads: int
    replicas: int
    base_load_replicas: int
    gpus: int
    gpu_cost_monthly: float
    token_utilisation: float


@dataclass(frozen=True)
class PortfolioResult:
    """The optimum and what it is compared with.

    status: `optimal` (proven within the gap asked for), `gap` (found, but proven to `gap` only) or `infeasible` (`conflicts` names who can
    be placed nowhere and why). gap: (cost - lower bound) / cost of the optimum, over all hours of the window. Scenarios, in order: today,
    all_api, all_self_hosted (pooled), each_best (each for itself on its cheaper side: stand-alone costs, API operations once), optimum. Gates
    hold in all but today: who may not be on a scenario's side is on its other one. all_api_models: which model the all-API baseline takes, by
    workload.
    """

    status: Status
    gap: float | None
    lower_bound_monthly: float | None
    scenarios: tuple[Scenario, ...]
    workloads: tuple[WorkloadInPortfolio, ...]
    fleets: tuple[FleetAtOptimum, ...]
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
        return PortfolioResult("infeasible", None, None, (today, *unknown), (), (), conflicts, models)
    sides, bound = search(book, gap)
    pools = book.pool_costs(sides)
    total = book.total(sides, pools)
    proven = max(total - bound, 0.0) / total if total > 0 else 0.0
    scenarios = (today, _scenario(book, "all_api", book.all_on(API)), _scenario(book, "all_self_hosted", book.all_on(SELF_HOST)), _each_best(book))
    return PortfolioResult(
        status="optimal" if proven <= gap + 1e-9 else "gap",
        gap=proven,
        lower_bound_monthly=min(bound, total),
        scenarios=(*scenarios, _scenario(book, "optimum", sides)),
        workloads=tuple(_described(book, sides, pools, total, index) for index in range(len(book.workloads))),
        fleets=tuple(_fleet(pool, cost, sides[pool.members]) for pool, cost in zip(book.pools, pools, strict=True) if cost.is_open),
        conflicts=(),
        all_api_models=models,
    )


def _scenario(book: CostBook, name: str, sides: Sides) -> Scenario:
    pools = book.pool_costs(sides)
    return Scenario(name, book.total(sides, pools), int((sides != API).sum()), sum(pool.gpus for pool in pools))


def _fleet(pool: PoolBook, cost: PoolCost, members: Sides) -> FleetAtOptimum:
    served = float(pool.works[members != API].sum() - cost.overflow.sum())
    return FleetAtOptimum(
        pool_id=pool.pool.id,
        self_hosted_workloads=int((members == SELF_HOST).sum()),
        split_workloads=int((members == SPLIT).sum()),
        replicas=cost.replicas,
        base_load_replicas=cost.base_load_replicas,
        gpus=cost.gpus,
        gpu_cost_monthly=cost.gpu_cost,
        token_utilisation=served * pool.pool.usable_seconds_per_hour / (3600 * pool.hours * (cost.replicas + cost.base_load_replicas)),
    )


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
    sides = book.each_alone()
    hosted = [alone for index in np.flatnonzero(sides == SELF_HOST) if (alone := book.alone(int(index)))]
    on_apis = sum(workload.api_total for workload, side in zip(book.workloads, sides, strict=True) if side == API) + book.api_operations(sides)
    return Scenario("each_best", on_apis + sum(cost for cost, _ in hosted), len(hosted), sum(gpus for _, gpus in hosted))


def _described(book: CostBook, sides: Sides, pools: list[PoolCost], total: float, index: int) -> WorkloadInPortfolio:
    workload, side, alone = book.workloads[index], int(sides[index]), book.alone(index)
    saving_alone = workload.api_alone - alone[0] if alone is not None and workload.api_alone is not None else None
    in_portfolio: float | None = None
    share, average, marginal = 0.0, None, None
    if book.pool_of[index] >= 0:
        number = int(book.pool_of[index])
        pool = book.pools[number]
        mine = pool.members == index
        if side == API:
            in_portfolio = total - book.moved(sides, pools, index, SELF_HOST)[0]
        else:
            on_api, without_it = book.moved(sides, pools, index, API)
            in_portfolio = on_api - total if workload.can_api else None
            share, average = _shares(pool, pools[number], sides[pool.members], mine, side)
            without = without_it[number].cost - workload.api_total
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


def _shares(pool: PoolBook, now: PoolCost, members: Sides, mine: Booleans, side: int) -> tuple[float, float]:
    """The self-hosted share of a workload's work, and its part of its fleet's GPUs by the work that they serve."""
    who = members == side
    works = pool.works
    gpus, served = pool.gpus(now.base_load_replicas if side == SPLIT else now.replicas), works - now.overflow
    own, all_served = float(served[mine].sum()), float(served[who].sum())
    average = gpus * pool.pool.gpu_cost_monthly * (own / all_served if all_served > 0 else 1 / int(who.sum()))
    return (own / float(works[mine].sum()) if works[mine].sum() > 0 else 1.0), average
