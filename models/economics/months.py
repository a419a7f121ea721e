"""Both sides of each workload's month of use, side by side.

Here: which side was actual and which is counterfactual (contract section 3, "Crossover"), and what follows for the month: status, odds,
break-evens. Not here: what a side costs (api_side, self_hosted_side), the quarter's rules (placement).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.config import Company, Workload
from models.economics.api_side import ApiMonth, ApiPricer, Components, todays_tokens_per_task
from models.economics.capacity import Floats
from models.economics.crossover import ApiSide, Factors, SelfHostedSide, break_even_price_per_million, robust_break_even
from models.economics.demand import API, SELF_HOST, Demand, DemandBook, demand_book
from models.economics.finance import dead_band_monthly
from models.economics.ledger import Ledger, read_ledger
from models.economics.periods import month_end
from models.economics.self_hosted_side import SelfHostedMonth, SelfHostedPricer

if TYPE_CHECKING:
    from models.economics.decision import DecisionInputs

HYBRID = "hybrid"

Side = ApiSide | SelfHostedSide


@dataclass(frozen=True)
class Month:
    """One workload's month of use; money over its covered days, in the reporting currency.

    placement: where it is declared to run, unless all its rows were on the other side.
    api: the API's view. self_hosted: all its tokens self-hosted; what was paid, for a self-hosted workload (with what overflowed to an API).
    provisioned: what its pools cost it, where any served it. today: what was paid on all its sides, None with `today_reason` if unknown.
    """

    workload_id: str
    month: date
    placement: str
    demand: Demand
    api: ApiMonth
    self_hosted: SelfHostedMonth
    provisioned: SelfHostedMonth | None
    today: tuple[Side, ...] | None
    today_reason: str | None
    people_basis: str

    @property
    def api_cost(self) -> float | None:
        """The incumbent API's cost; the best one's where nothing runs on an API."""
        side = self.api.paid if API in self.demand.sides and self.placement != SELF_HOST else self.api.best_side
        return None if side is None else side.total

    @property
    def today_cost(self) -> float | None:
        """What was paid, all sides together."""
        return None if self.today is None else sum(side.total for side in self.today)

    @property
    def leaving_costs_others(self) -> float:
        """What the others on its pools would have to carry if it left: its cost less the avoidable part (2.6)."""
        if self.provisioned is None or self.provisioned.side is None or self.provisioned.avoidable is None:
            return 0.0
        return max(self.provisioned.side.total - self.provisioned.avoidable.total, 0.0)

    @property
    def components(self) -> Mapping[str, Components]:
        """Each side's cost by category: the actual one's, and the best other's."""
        provisioned = self.provisioned or self.self_hosted
        return {API: self.api.components, SELF_HOST: provisioned.components}


@dataclass(frozen=True)
class BreakEven:
    """Where a month's two sides meet, robustly: from that volume on self-hosting stays the cheaper one."""

    tokens_per_day: float | None
    api_cost_monthly: float | None
    utilisation: float | None
    api_price_per_million: float | None


class MonthBook:
    """Every month of use of every configured workload, and the demand behind it."""

    def __init__(self, inputs: DecisionInputs) -> None:
        company: Company = inputs.company
        self.ledger: Ledger = read_ledger(inputs.actual_cost_monthly, inputs.api_cost_monthly, inputs.pool_monthly, inputs.pool_workload_monthly)
        self.self_hosted = SelfHostedPricer(company, self.ledger, inputs.as_of, _bursts(inputs.burst_monthly))
        candidates = {workload.id: workload.candidates.self_host for workload in company.workloads if workload.candidates.self_host is not None}
        self.demand: DemandBook = _in_parts(
            inputs.usage_hourly,
            lambda usage: demand_book(
                usage,
                inputs.as_of,
                candidate_rates={workload_id: self.self_hosted.rate(candidate.profile) for workload_id, candidate in candidates.items()},
                pool_rates={pool.id: self.self_hosted.rate(pool.profile) for pool in company.pools},
                task_equivalence={
                    workload.id: float(candidates[workload.id].tokens_per_task) / todays_tokens_per_task(workload)
                    for workload in company.workloads
                    if workload.id in candidates
                },
            ),
        )
        self._api = ApiPricer(company, self.ledger, self.demand.demand)
        self._as_of = inputs.as_of
        workloads = {workload.id: workload for workload in company.workloads}
        self.months: dict[str, list[Month]] = {workload_id: [] for workload_id in sorted(workloads)}
        for workload_id, month in sorted(self.demand.demand):
            if workload_id in workloads:
                self.months[workload_id].append(self._month(workloads[workload_id], month))

    def _month(self, workload: Workload, month: date) -> Month:
        demand = self.demand.demand[(workload.id, month)]
        declared = workload.placement.at(min(month_end(month), self._as_of))
        placement = declared if declared == HYBRID or declared in demand.sides else next(iter(demand.sides))
        api = self._api.month(workload, month)
        provisioned = self.self_hosted.provisioned(workload, month, demand, self.demand.pool_hours) if SELF_HOST in demand.sides else None
        if placement == SELF_HOST and provisioned is not None:
            self_hosted = _with_overflow(provisioned, api.paid)
        else:
            self_hosted = self.self_hosted.counterfactual(workload, demand)
        today, today_reason = _today(demand, api, provisioned)
        people = [self.ledger.paid_on(workload.id, month, side).people for side in demand.sides]
        return Month(
            workload_id=workload.id,
            month=month,
            placement=placement,
            demand=demand,
            api=api,
            self_hosted=self_hosted,
            provisioned=provisioned,
            today=today,
            today_reason=today_reason,
            people_basis="allocated" if any(cost is not None for cost in people) else "assumed",
        )


PART_ROWS = 500_000
"""Hourly rows that are turned into demand at once: it takes some ten times their own memory."""


def _in_parts(usage_hourly: pl.DataFrame, book_of: Callable[[pl.DataFrame], DemandBook]) -> DemandBook:
    """The book of all usage, made part by part; workloads that share a pool stay together."""
    if usage_hourly.height <= PART_ROWS:
        return book_of(usage_hourly)
    rows = dict(usage_hourly.group_by("workload_id").len().sort("workload_id").iter_rows())
    together = {workload_id: workload_id for workload_id in rows}

    def first_of(workload_id: str) -> str:
        while together[workload_id] != workload_id:
            workload_id = together[workload_id]
        return workload_id

    shared = usage_hourly.filter(pl.col("pool_id").is_not_null()).group_by("pool_id").agg(pl.col("workload_id").unique().sort()).sort("pool_id")
    for sharing in shared["workload_id"].to_list():
        for workload_id in sharing[1:]:
            together[first_of(workload_id)] = first_of(sharing[0])
    groups: dict[str, list[str]] = {}
    for workload_id in rows:
        groups.setdefault(first_of(workload_id), []).append(workload_id)
    parts: list[list[str]] = [[]]
    for group in groups.values():
        if parts[-1] and sum(rows[workload_id] for workload_id in (*parts[-1], *group)) > PART_ROWS:
            parts.append([])
        parts[-1] += group
    books = [book_of(usage_hourly.filter(pl.col("workload_id").is_in(part))) for part in parts]
    return DemandBook(**{each.name: {key: value for book in books for key, value in getattr(book, each.name).items()} for each in fields(DemandBook)})


def _bursts(burst_monthly: pl.DataFrame | None) -> dict[tuple[str, date], float]:
    """By workload and month."""
    if burst_monthly is None:
        return {}
    return {(workload_id, month): burst for workload_id, month, burst in burst_monthly.select("workload_id", "month", "burst_factor").iter_rows()}


def _today(demand: Demand, api: ApiMonth, provisioned: SelfHostedMonth | None) -> tuple[tuple[Side, ...] | None, str | None]:
    """What was paid on all its sides, or why nobody knows."""
    sides: list[Side] = []
    if API in demand.sides:
        if api.paid is None:
            return None, "no_price"
        sides.append(api.paid)
    if provisioned is not None:
        if provisioned.side is None:
            return None, provisioned.reason
        sides.append(provisioned.side)
    return tuple(sides), None


def _with_overflow(provisioned: SelfHostedMonth, paid: ApiSide | None) -> SelfHostedMonth:
    """A self-hosted workload's cost with what its overflow to an API was paid."""
    side = provisioned.side
    if side is None or paid is None:
        return provisioned
    whole = SelfHostedSide(side.capacity, side.people, side.other + paid.total)
    return SelfHostedMonth(whole, provisioned.reason, provisioned.fleet, provisioned.components, provisioned.avoidable)


def total_cost(sides: tuple[Side, ...], factors: Factors) -> Floats:
    """What several sides cost together under each draw."""
    total: Floats = np.sum([side.cost(factors) for side in sides], axis=0)
    return total


def switching_cost(workload: Workload, placement: str) -> float:
    """What leaving today's placement costs once: the migration, or the way back for a self-hosted workload (2.11)."""
    return float(workload.migration.back_cost if placement == SELF_HOST else workload.migration.cost)


def dead_band(company: Company, workload: Workload, placement: str, share: float = 1.0) -> float:
    """The monthly saving inside which nothing moves (2.11); of a partial month by its share of days."""
    assumptions = company.assumptions
    months = round(assumptions.decision.dead_band_months)
    return dead_band_monthly(switching_cost(workload, placement), float(assumptions.discount_rate), months) * share


def status(company: Company, workload: Workload, month: Month, shortfall: str | None) -> tuple[str, str | None]:
    """above (self-hosting is cheaper by more than the dead band), below, near, insufficient_data or not_applicable, and its reason (2.4).

    shortfall: why the data up to the month's end is too little, if it is.
    """
    reasons = [month.self_hosted.reason, month.api.reason]
    if "no_candidate" in reasons:
        return "not_applicable", "no_candidate"
    if "capacity" in reasons or not month.self_hosted.is_feasible:
        return "not_applicable", "capacity"
    unknown = month.today_reason or month.self_hosted.reason or month.api.reason
    if unknown or shortfall:
        return "insufficient_data", unknown or shortfall
    assert month.self_hosted.side is not None
    assert month.api.best_side is not None
    saving = month.api.best_side.total - month.self_hosted.side.total
    band = dead_band(company, workload, month.placement, month.demand.coverage.share)
    if abs(saving) <= band:
        return "near", "dead_band"
    if saving > 0:
        return "above", None
    return "below", "cost"


def break_even(month: Month) -> BreakEven:
    """The month's break-evens; each is None where there is none."""
    side, api = month.self_hosted.side, month.api.best_side
    if side is None or api is None:
        return BreakEven(None, None, None, None)
    volume = robust_break_even(side, api)
    tokens_per_day = month.demand.tokens / month.demand.coverage.days
    ratio = cost_ratio(month)
    fleet = month.self_hosted.fleet
    utilisation = fleet.token_utilisation / ratio if fleet and fleet.token_utilisation is not None and ratio else None
    return BreakEven(
        tokens_per_day=None if volume is None else volume * tokens_per_day,
        api_cost_monthly=None if volume is None else api.token_cost * volume + api.fixed,
        utilisation=utilisation if utilisation is not None and utilisation <= 1 else None,
        api_price_per_million=break_even_price_per_million(side.total - api.people, month.demand.tokens / 1e6),
    )


def cost_ratio(month: Month) -> float | None:
    """Best eligible API / self-hosting; None where either is unknown or self-hosting costs nothing."""
    side, api = month.self_hosted.side, month.api.best_side
    return api.total / side.total if side is not None and api is not None and side.total > 0 else None
