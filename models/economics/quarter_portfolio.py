"""The portfolio of a quarter: its reviews as the optimum's inputs, and the optimum as published tables (economics 2.13).

Workloads that name the same profile and GPU price would share a pool. Where the rules bind (a gate, an unanswered question, too little data), a
workload stays on the side that they leave it; the others are free. Fleets are sized with the assumed burst within the hour: bursts of several
workloads are not measured together. Not here: the optimum itself (portfolio), the rules (placement).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from models.config import Company, Workload
from models.economics.api_side import best_offer
from models.economics.capacity import Floats
from models.economics.crossover_tables import table
from models.economics.demand import API, COMPLETE_MONTHS, SELF_HOST
from models.economics.finance import people_monthly
from models.economics.ledger import PricedOffer
from models.economics.months import Month, MonthBook
from models.economics.periods import add_months, complete_months, month_end
from models.economics.portfolio.inputs import Gate, Platform, Pool, Portfolio, PortfolioWorkload
from models.economics.portfolio.optimum import PortfolioResult, optimise
from models.economics.recommendations import Review

PORTFOLIO_QUARTERLY: dict[str, pl.DataType | type[pl.DataType]] = {
    "quarter": pl.String,
    "scenario": pl.String,
    "cost_monthly": pl.Float64,
    "self_hosted_workloads": pl.Int64,
    "gpus": pl.Float64,
    "workloads": pl.Int64,
    "workloads_left_out": pl.Int64,
    "gap": pl.Float64,
}
PORTFOLIO_FLEETS: dict[str, pl.DataType | type[pl.DataType]] = {
    "quarter": pl.String,
    "profile": pl.String,
    "gpu_price": pl.String,
    "self_hosted_workloads": pl.Int64,
    "split_workloads": pl.Int64,
    "replicas": pl.Int64,
    "base_load_replicas": pl.Int64,
    "gpus": pl.Int64,
    "gpu_cost_monthly": pl.Float64,
    "token_utilisation": pl.Float64,
}
PORTFOLIO_WORKLOADS: dict[str, pl.DataType | type[pl.DataType]] = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "placement": pl.String,
    "self_host_share": pl.Float64,
    "api_model": pl.String,
    "gate": pl.String,
    "saving_alone_monthly": pl.Float64,
    "saving_in_portfolio_monthly": pl.Float64,
    "average_cost_monthly": pl.Float64,
    "marginal_cost_monthly": pl.Float64,
    "cost_to_others_monthly": pl.Float64,
    "left_out": pl.String,
}
MONTHS_PER_QUARTER = 3
_MUST_SELF_HOST, _MUST_API = ("sovereignty",), ("frontier", "capability", "quality")


@dataclass(frozen=True)
class QuarterPortfolio:
    """The published frames."""

    quarterly: pl.DataFrame
    fleets: pl.DataFrame
    workloads: pl.DataFrame


def quarter_portfolios(company: Company, book: MonthBook, reviewed: Sequence[Review], as_of: date) -> QuarterPortfolio:
    """The optimum of the as-of quarter and of the one before; older ones are no longer open to decisions."""
    by_quarter: dict[str, list[Review]] = {}
    for review in reviewed:
        if add_months(review.quarter.first_day, 2 * MONTHS_PER_QUARTER) > as_of:
            by_quarter.setdefault(review.quarter.name, []).append(review)
    quarterly: list[dict[str, Any]] = []
    fleets: list[dict[str, Any]] = []
    placed: list[dict[str, Any]] = []
    quarters = [(name, _Asked(company, book, each, min(each[0].quarter.last_day, as_of))) for name, each in sorted(by_quarter.items())]
    with ThreadPoolExecutor() as workers:  # the solver works without Python's lock
        results = list(workers.map(lambda quarter: quarter[1].optimum(), quarters))
    for (name, asked), result in zip(quarters, results, strict=True):
        placed += [{"quarter": name, "workload_id": workload_id, "left_out": why} for workload_id, why in asked.left_out.items()]
        if result is None:
            continue
        quarterly += [
            {
                "quarter": name,
                "scenario": scenario.name,
                "cost_monthly": scenario.cost_monthly,
                "self_hosted_workloads": scenario.self_hosted_workloads,
                "gpus": scenario.gpus,
                "workloads": len(asked.workloads),
                "workloads_left_out": len(asked.left_out),
                "gap": result.gap if scenario.name == "optimum" else None,
            }
            for scenario in result.scenarios
        ]
        fleets += [{"quarter": name, **asked.made_of[each.pool_id], **vars(each)} for each in result.fleets]
        placed += _placed(name, asked, result)
    return QuarterPortfolio(
        table(quarterly, PORTFOLIO_QUARTERLY, ["quarter", "scenario"]),
        table([{column: row[column] for column in PORTFOLIO_FLEETS} for row in fleets], PORTFOLIO_FLEETS, ["quarter", "profile", "gpu_price"]),
        table([{**dict.fromkeys(PORTFOLIO_WORKLOADS), **row} for row in placed], PORTFOLIO_WORKLOADS, ["quarter", "workload_id"]),
    )


def _placed(name: str, asked: _Asked, result: PortfolioResult) -> list[dict[str, Any]]:
    gates = {workload.id: workload.gate for workload in asked.workloads}
    return [
        {
            "quarter": name,
            "workload_id": each.workload_id,
            "placement": each.placement,
            "self_host_share": each.self_host_share,
            "api_model": each.api_model,
            "gate": gates[each.workload_id],
            "saving_alone_monthly": each.saving_alone,
            "saving_in_portfolio_monthly": each.saving_in_portfolio,
            "average_cost_monthly": each.average_cost,
            "marginal_cost_monthly": each.marginal_cost,
            "cost_to_others_monthly": each.leaving_costs_others,
        }
        for each in result.workloads
    ] + [{"quarter": name, "workload_id": workload_id, "left_out": why} for workload_id, why in result.conflicts]


class _Asked:
    """One quarter's reviews as workloads and pools, and who is left out and why. Hours are those of the months that money is the mean of."""

    def __init__(self, company: Company, book: MonthBook, reviews: Sequence[Review], until: date) -> None:
        self.workloads: list[PortfolioWorkload] = []
        self.pools: dict[str, Pool] = {}
        self.made_of: dict[str, dict[str, str]] = {}
        self.left_out: dict[str, str] = {}
        self._company, self._book = company, book
        months = complete_months(until, COMPLETE_MONTHS)
        self._first, self._last = months[0], month_end(months[-1])
        self._hours = 24 * ((self._last - self._first).days + 1)
        configured = {workload.id: workload for workload in company.workloads}
        for review in reviews:
            if not review.recent:
                self.left_out[review.workload_id] = "days"
                continue
            self._add(configured[review.workload_id], review)

    def optimum(self) -> PortfolioResult | None:
        """The cheapest placement of all; None where nobody is left to place."""
        if not self.workloads:
            return None
        assumptions = self._company.assumptions
        shares = any(workload.api_operations_share_monthly > 0 for workload in self.workloads)
        platform = _platform(self._company, has_api_operations=shares)
        return optimise(Portfolio(tuple(self.workloads), tuple(self.pools.values()), platform, assumptions.peak.quantile))

    def _add(self, workload: Workload, review: Review) -> None:
        months = review.recent
        today = [month.today_cost for month in months]
        best = [_best_api(month, review) for month in months]
        pool, work = self._pool(workload, review)
        costs = [offer.token_cost for offer in best if offer is not None and offer.token_cost is not None]
        token_cost = _mean(costs) if len(costs) == len(months) else None
        gate = _gate(review)
        if gate is None:
            self.left_out[workload.id] = "hybrid"
            return
        if (gate == "must_self_host" and pool is None) or (gate == "must_api" and token_cost is None) or (pool is None and token_cost is None):
            self.left_out[workload.id] = "no_candidate" if gate == "must_self_host" else "no_price"
            return
        if pool is not None:
            self.pools.setdefault(pool.id, pool)
        offer = best[-1]
        sides = [month.api.best_side for month in months if month.api.best_side is not None]
        assumed = max(_mean([month.api.assumed_people for month in months]), 0.0)
        paid = [cost for cost in today if cost is not None]
        self.workloads.append(
            PortfolioWorkload(
                id=workload.id,
                pool_id=None if pool is None else pool.id,
                work_seconds=work,
                api_cost_monthly=None if token_cost is None else max(token_cost, 0.0),
                api_people_monthly=max(_mean([side.people for side in sides]) - assumed, 0.0),
                api_operations_share_monthly=assumed,
                api_model=None if offer is None else f"{offer.provider} {offer.model}",
                gate=gate,
                may_split=review.recommendation_row["recommendation"] == "split",
                today_cost_monthly=_mean(paid) if len(paid) == len(months) else None,
                today_self_hosted=review.case.placement != API,
                today_gpus=_gpus(months[-1]),
            )
        )

    def _pool(self, workload: Workload, review: Review) -> tuple[Pool | None, Floats]:
        """The fleet that its candidate would join, and its work there in each hour."""
        work = np.zeros(self._hours)
        candidate = workload.candidates.self_host
        is_open = review.case.is_candidate_feasible and (review.case.is_candidate_eligible or review.case.placement == SELF_HOST)
        used = self._book.demand.hours.get(workload.id)
        if candidate is None or used is None or used.counterfactual_work is None or not is_open:
            return None, work
        assumptions = self._company.assumptions
        profile = next(profile for profile in assumptions.profiles if profile.id == candidate.profile)
        price = next(price for price in assumptions.gpu_prices if price.id == candidate.gpu_price)
        pool = Pool(
            id=f"{profile.id} on {price.id}",
            gpus_per_replica=profile.gpus_per_replica,
            gpus_per_instance=price.gpus_per_instance,
            gpu_cost_monthly=float(price.price_per_gpu_hour) * self._hours / COMPLETE_MONTHS,
            usable_seconds_per_hour=3600 * assumptions.utilisation_target,
            spare_replicas=assumptions.spare_replicas,
            burst_factor=float(assumptions.peak.burst_factor),
        )
        self.made_of[pool.id] = {"profile": profile.id, "gpu_price": price.id}
        within = used.between(self._first, self._last)
        assert within.counterfactual_work is not None
        work[(within.hours - np.datetime64(self._first, "h")).astype(int)] = within.counterfactual_work
        return pool, work


def _best_api(month: Month, review: Review) -> PricedOffer | None:
    """The best API; for frontier work today's or the best that is marked frontier, where there is one (section 3, rule 4)."""
    if review.case.answers.frontier_required:
        fit = best_offer(tuple(offer for offer in month.api.offers if offer.is_incumbent or offer.is_frontier))
        return fit or month.api.best
    return month.api.best


def _gate(review: Review) -> Gate | None:
    """What the rules leave open: cost decides only where it is what binds. None: it stays on both sides, which no placement here is."""
    gate = review.placement.binding_gate
    if gate in _MUST_SELF_HOST:
        return "must_self_host"
    if gate in _MUST_API:
        return "must_api"
    if review.recommendation_row["recommendation"] in ("insufficient_data", "escalate") or gate == "life":
        stays: dict[str, Gate] = {SELF_HOST: "must_self_host", API: "must_api"}
        return stays.get(review.case.placement)
    return "free"


def _gpus(month: Month) -> float:
    """GPUs that it works on today: its part of its pools', none on an API."""
    fleet = month.provisioned.fleet if month.provisioned is not None else None
    return 0.0 if fleet is None else fleet.work_share_gpus


def _platform(company: Company, *, has_api_operations: bool) -> Platform:
    """One platform team, of staffing that is given as such; of presets (2.16) a further pool takes what it does beside an existing team, and no
    more than the first."""
    assumptions, api = company.assumptions, company.assumptions.api_operations
    staffings = [assumptions.staffing_for(has_pool=has_pool) for has_pool in (bool(company.pools), True)]
    first, beside = (people_monthly(float(staffing.fte), float(staffing.loaded_annual)) for staffing in staffings)
    return Platform(
        first_pool_people_monthly=first,
        next_pool_people_monthly=min(first, beside) if staffings[1].preset else 0.0,
        overheads_monthly=sum(float(annual) for _, annual in assumptions.overheads_annual) / 12,
        api_operations_monthly=people_monthly(float(api.fte), float(api.loaded_annual)) if has_api_operations else 0.0,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
