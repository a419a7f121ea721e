"""What a workload adds to a fleet that others share, instead of a fleet of its own (economics 2.6, 2.13).

Here: which fleet there is to join - a pool that its candidate names, or the one that accepted moves of others will build - and the workload's
month on it: what the fleet costs more with it than without it. Platform people and overheads are there already. Not here: the cheapest
portfolio of all (portfolio), what a fleet of its own costs (self_hosted_side).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from models.config import Company, Workload
from models.economics.capacity import Floats
from models.economics.crossover import Counterfactual, SelfHostedSide
from models.economics.demand import API
from models.economics.months import Month, MonthBook
from models.economics.periods import month_end
from models.economics.self_hosted_side import SELF_HOST_CATEGORIES, SelfHostedMonth
from models.economics.switching import accepted_move

Hourly = tuple[npt.NDArray[np.datetime64], Floats]
"""Hours with usage, and the work in each."""


@dataclass(frozen=True)
class SharedFleet:
    """The fleet to join: a configured pool, or (None) the one of `accepted`, whose move to the same profile and GPU price was accepted."""

    pool_id: str | None
    accepted: tuple[str, ...] = ()


def fleet_to_join(company: Company, workload: Workload, decisions: pl.DataFrame | None, quarter: str) -> SharedFleet | None:
    """The fleet that its self-hosted candidate would share; None where it would need one of its own.

    A pool is joined where the candidate names it: which pool has room for whom is not for a program to guess. A move that was accepted builds a
    fleet for as long as it keeps others from happening (switching); once there, the fleet is a pool that candidates name.
    """
    candidate = workload.candidates.self_host
    if candidate is None:
        return None
    if candidate.pool is not None:
        return SharedFleet(candidate.pool)
    alike = [
        other.id
        for other in company.workloads
        if other.id != workload.id
        and (own := other.candidates.self_host) is not None
        and (own.profile, own.gpu_price, own.pool) == (candidate.profile, candidate.gpu_price, None)
    ]
    moves = {other: accepted_move(decisions, other, quarter) for other in alike}
    builds = [other for other, move in moves.items() if move is not None and move.recommendation == "move_to_self_host"]
    return SharedFleet(None, tuple(sorted(builds))) if builds else None


def joined_months(book: MonthBook, fleet: SharedFleet | None, months: Sequence[Month]) -> list[Month]:
    """The months with their self-hosted side on the shared fleet. Months that were on a pool already stay as they are."""
    return [month if fleet is None or month.placement != API else replace(month, self_hosted=_joined(book, fleet, month)) for month in months]


def _joined(book: MonthBook, fleet: SharedFleet, month: Month) -> SelfHostedMonth:
    alone = month.self_hosted
    if alone.side is None or not isinstance(alone.side.capacity, Counterfactual):
        return alone
    last = min(month_end(month.month), month.demand.coverage.last_day)
    own = book.demand.hours[month.workload_id].between(month.month, last)
    assert own.counterfactual_work is not None
    if fleet.pool_id is None:
        hours = [book.demand.hours[name].between(month.month, last) for name in fleet.accepted if name in book.demand.hours]
        others = [(each.hours, each.counterfactual_work) for each in hours if each.counterfactual_work is not None]
        provisioned, capacity = 0.0, alone.side.capacity
    else:
        figures = book.ledger.pools.get((fleet.pool_id, month.month))
        if figures is None or figures.bill_cost is None or figures.hours_provisioned <= 0:
            return SelfHostedMonth(None, "no_pool_cost", None, dict.fromkeys(SELF_HOST_CATEGORIES), is_feasible=alone.is_feasible)
        served = book.demand.pool_hours.get((fleet.pool_id, month.month))
        works = sorted(served.work_by_workload.items()) if served else []
        others = [(served.hours, work) for name, work in works if served and name != month.workload_id]  # a part of it may be there already
        provisioned = figures.replicas
        replica_cost = figures.bill_cost / figures.hours_provisioned * month.demand.coverage.hours
        capacity = replace(alone.side.capacity, gpus_per_replica=1, gpus_per_instance=1, gpu_cost=replica_cost)
    rest = _summed(others)
    load_of_others = book.self_hosted.load(rest[1], month.demand.coverage.hours, alone.burst_factor)
    all_of_them = _summed([rest, (own.hours, book.self_hosted.within_quota(own.counterfactual_work, month.demand.coverage.hours))])
    load_of_all = book.self_hosted.load(all_of_them[1], month.demand.coverage.hours, alone.burst_factor)
    joined = replace(capacity, load=max(load_of_all - load_of_others, 0.0), others=load_of_others, provisioned=provisioned)
    gpu_cost = joined.cost_at(joined.load)
    components = {**dict.fromkeys(SELF_HOST_CATEGORIES), "gpu_compute": gpu_cost}
    return replace(alone, side=SelfHostedSide(joined), fleet=None, components=components)


def _summed(parts: Sequence[Hourly]) -> Hourly:
    """Several workloads' hourly work together."""
    if not parts:
        return np.array([], dtype="datetime64[h]"), np.zeros(0)
    hours, position = np.unique(np.concatenate([each for each, _ in parts]), return_inverse=True)
    work: Floats = np.zeros(hours.size)
    np.add.at(work, position, np.concatenate([each for _, each in parts]))
    return hours, work
