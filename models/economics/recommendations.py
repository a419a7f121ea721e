"""A workload's recommendation for a quarter, as published: the recommendation, its questions, its rules.

Here: which quarters are decided with what, and the rows told from the decision. Not here: the case (cases), the rules (placement) and their
sentences (explanation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.cases import build_case, described_alternative
from models.economics.commitments import PoolStakes
from models.economics.comparison import Comparer, Comparison
from models.economics.crossover import Factors
from models.economics.demand import COMPLETE_MONTHS, SELF_HOST, UsageHistory
from models.economics.explanation import flips_if, question_rows
from models.economics.forecast import MONTHS_AHEAD, forecast, growth, weekly_totals
from models.economics.joining import SharedFleet, fleet_to_join, joined_months
from models.economics.months import Month, MonthBook
from models.economics.periods import Quarter, add_months, fiscal_quarter, fiscal_quarters
from models.economics.placement import Case, Placement, place
from models.economics.split import LOAD_DURATION, hourly_load
from models.economics.switching import AcceptedMove, accepted_move, cool_down_ends

RECOMMENDATIONS = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "state": pl.String,
    "placement": pl.String,
    "recommendation": pl.String,
    "reason": pl.String,
    "binding_gate": pl.String,
    "would_have_been": pl.String,
    "current_cost_monthly": pl.Float64,
    "alternative": pl.String,
    "alternative_cost_monthly": pl.Float64,
    "saving_monthly": pl.Float64,
    "saving_monthly_p5": pl.Float64,
    "saving_monthly_p50": pl.Float64,
    "saving_monthly_p95": pl.Float64,
    "probability": pl.Float64,
    "migration_cost": pl.Float64,
    "payback_months": pl.Float64,
    "payback_months_discounted": pl.Float64,
    "npv": pl.Float64,
    "effective_date": pl.Date,
    "self_host_share": pl.Float64,
    "flips_if": pl.String,
    "base_load_replicas": pl.Int64,
    "volume_growth_low": pl.Float64,
    "volume_growth_high": pl.Float64,
    "declared_ratio": pl.Float64,
    "saving_basis": pl.String,
    "saving_alone_monthly": pl.Float64,
}

STAND_ALONE, IN_PORTFOLIO = "stand_alone", "in_portfolio"
"""Whether the tested saving is that of a fleet of its own, or what a shared fleet gains or loses with the workload (2.13)."""

QUESTIONS = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "question": pl.String,
    "answer": pl.String,
    "evidence": pl.String,
    "owner": pl.String,
    "outcome": pl.String,
}

RULES = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "position": pl.Int64,
    "rule": pl.String,
    "outcome": pl.String,
    "recommendation": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Review:
    """One workload's quarter: what the rules saw, what they decided, and the alternative that is described beside it.

    months: as they were weighed, by month; recent: those that money is the mean of.
    """

    workload_id: str
    quarter: Quarter
    is_final: bool
    placement: Placement
    case: Case
    described: Comparison | None
    months: dict[date, Month]
    recent: tuple[Month, ...]
    recommendation_row: dict[str, Any]
    question_rows: list[dict[str, Any]]
    rule_rows: list[dict[str, Any]]
    load_duration: tuple[list[int], list[float]]


def reviews(
    company: Company,
    book: MonthBook,
    factors: Factors,
    as_of: date,
    *,
    decisions: pl.DataFrame | None = None,
    owned_hardware: pl.DataFrame | None = None,
) -> list[Review]:
    """Each configured workload's as-of quarter, and every earlier one with usage, decided with the data up to its own end.

    decisions: what was decided on earlier recommendations (switching.DECISIONS); owned_hardware: the pools' assets (commitments.OWNED_HARDWARE).
    """
    today = fiscal_quarter(as_of, company.fiscal_year_starts)
    found = []
    for workload in company.workloads:
        history = book.demand.histories.get(workload.id, UsageHistory(()))
        first = history.days[0] if history.days else as_of
        for quarter in fiscal_quarters(first, as_of, company.fiscal_year_starts):
            if quarter == today or any(quarter.first_day <= day <= quarter.last_day for day in history.days):
                cooling = accepted_move(decisions, workload.id, quarter.name)
                stakes = PoolStakes(company, book.ledger, workload.id, owned_hardware)
                fleet = fleet_to_join(company, workload, decisions, quarter.name)
                found.append(_review(company, workload, book, factors, quarter, min(quarter.last_day, as_of), stakes, cooling, fleet))
    return found


def _review(
    company: Company,
    workload: Workload,
    book: MonthBook,
    factors: Factors,
    quarter: Quarter,
    until: date,
    stakes: PoolStakes,
    cooling: AcceptedMove | None,
    fleet: SharedFleet | None,
) -> Review:
    declared, history = workload.placement.at(until), book.demand.histories.get(workload.id, UsageHistory(()))
    alone = {month.month: month for month in book.months.get(workload.id, [])}
    persistence = company.assumptions.decision.persistence_months
    periods = history.complete_months(until, max(COMPLETE_MONTHS, persistence))
    months = alone | {month.month: month for month in joined_months(book, fleet, [alone[period] for period in periods if period in alone])}
    recent = [months[period] for period in periods[-COMPLETE_MONTHS:] if period in months]
    ahead = forecast(weekly_totals(history, until), 7 * _tokens_per_day(recent))
    comparer = Comparer(company, workload, declared, months, periods, factors, stakes, quarter.last_day + timedelta(days=1), ahead)
    case = build_case(company, workload, book, comparer, declared, until, cooling)
    decision = place(case)
    described = described_alternative(case, decision, comparer)
    row = _row(workload, quarter, until, decision, case, described, recent)
    row |= {
        "volume_growth_low": growth(ahead.low, MONTHS_AHEAD) if ahead else None,
        "volume_growth_high": growth(ahead.high, MONTHS_AHEAD) if ahead else None,
        "declared_ratio": declared_ratio(workload, recent),
        **_saving_alone(described, [(alone[month.month], month) for month in recent]),
    }
    is_cooled = cooling is not None and decision.verdict.reason == "cool_down"
    row["flips_if"] = cool_down_ends(cooling) if cooling and is_cooled else flips_if(company, case, decision, described, recent)
    key = {"quarter": quarter.name, "workload_id": workload.id}
    return Review(
        workload_id=workload.id,
        quarter=quarter,
        is_final=until == quarter.last_day,
        placement=decision,
        case=case,
        described=described,
        months=months,
        recent=tuple(recent),
        recommendation_row=row,
        question_rows=[{**key, **question} for question in question_rows(workload, case, decision, recent, until)],
        rule_rows=[
            {
                **key,
                "position": position,
                "rule": outcome.rule,
                "outcome": outcome.outcome,
                "recommendation": outcome.verdict.recommendation if outcome.verdict else None,
                "reason": outcome.verdict.reason if outcome.verdict else None,
            }
            for position, outcome in enumerate(decision.outcomes, start=1)
        ],
        load_duration=_load_duration(company, book, workload.id, declared, until),
    )


def _saving_alone(described: Comparison | None, recent: list[tuple[Month, Month]]) -> dict[str, Any]:
    """Which saving was tested, and what it would be if nothing were shared: with a fleet of its own, or all given up that it bears of its pools.

    recent: each month with a fleet of its own, and as it was weighed. Null for a split of what is shared, where nobody weighs that.
    """
    if described is None or described.alternative == "switch_api_model":
        return {}
    joins = any(tested is not month for month, tested in recent)
    leaves = described.alternative != "self_host" and any(month.provisioned is not None for month, _ in recent)
    if not joins and not leaves:
        return {"saving_basis": STAND_ALONE, "saving_alone_monthly": described.saving_monthly}
    api = [None if month.api.best_side is None else month.api.best_side.total for month, _ in recent]
    own = [month.today_cost if leaves else month.self_hosted.side.total if month.self_hosted.side else None for month, _ in recent]
    known = [(cost - other) for cost, other in zip(own, api, strict=True) if cost is not None and other is not None]
    saving = math.fsum(known) / len(known) * (1 if leaves else -1) if len(known) == len(recent) and described.alternative != "split" else None
    return {"saving_basis": IN_PORTFOLIO, "saving_alone_monthly": saving}


def _load_duration(company: Company, book: MonthBook, workload_id: str, placement: str, until: date) -> tuple[list[int], list[float]]:
    """The load-duration curve of the window, on which a base load is chosen (2.12); no points where no replica is known to work."""
    window, hours = book.demand.window(workload_id, until)
    work = None if window is None else window.provisioned_work if placement == SELF_HOST else window.counterfactual_work
    return ([], []) if work is None else hourly_load(work, hours, company.assumptions.utilisation_target).duration_curve()


def load_durations(reviewed: list[Review]) -> pl.DataFrame:
    """Each review's curve: rank_hours (1 is the busiest hour of the last 90 days) and the replicas needed in that hour, before rounding."""
    columns: dict[str, list[Any]] = {name: [] for name in LOAD_DURATION}
    for review in reviewed:
        ranks, needed = review.load_duration
        columns["quarter"] += [review.quarter.name] * len(ranks)
        columns["workload_id"] += [review.workload_id] * len(ranks)
        columns["rank_hours"] += ranks
        columns["replicas_needed"] += needed
    return pl.DataFrame(columns, schema=LOAD_DURATION).sort("quarter", "workload_id", "rank_hours")


def _tokens_per_day(recent: list[Month]) -> float:
    return sum(month.demand.tokens for month in recent) / sum(month.demand.coverage.days for month in recent) if recent else 0.0


def declared_ratio(workload: Workload, recent: list[Month]) -> float | None:
    """Declared volume / measured; None where nothing was declared or measured (2.14: above 2 is to be pointed out)."""
    measured = _tokens_per_day(recent)
    return float(workload.declared_tokens_per_day) / measured if workload.declared_tokens_per_day is not None and measured > 0 else None


def _row(
    workload: Workload, quarter: Quarter, until: date, decision: Placement, case: Case, described: Comparison | None, recent: list[Month]
) -> dict[str, Any]:
    verdict = decision.verdict
    costs = [month.today_cost for month in recent]
    known = [cost for cost in costs if cost is not None]
    moves = verdict.recommendation in ("move_to_api", "move_to_self_host", "split", "switch_api_model")
    soonest = add_months(quarter.last_day + timedelta(days=1), math.ceil(workload.migration.months))
    row: dict[str, Any] = {
        "quarter": quarter.name,
        "workload_id": workload.id,
        "state": "final" if until == quarter.last_day else "provisional",
        "placement": case.placement,
        "recommendation": verdict.recommendation,
        "reason": verdict.reason,
        "binding_gate": decision.binding_gate,
        "would_have_been": decision.would_have_been,
        "current_cost_monthly": math.fsum(known) / len(known) if known and len(known) == len(costs) else None,
        "effective_date": (described.effective_date if described else soonest) if moves else None,
    }
    if described is not None:
        row |= {
            "alternative": described.alternative,
            "alternative_cost_monthly": described.alternative_cost_monthly,
            "saving_monthly": described.saving_monthly,
            "saving_monthly_p5": described.odds.saving_p5,
            "saving_monthly_p50": described.odds.saving_p50,
            "saving_monthly_p95": described.odds.saving_p95,
            "probability": described.odds.probability,
            "migration_cost": described.switching_cost,
            "payback_months": described.payback_months,
            "payback_months_discounted": described.payback_months_discounted,
            "npv": described.npv,
            "self_host_share": described.self_host_share,
            "base_load_replicas": described.replicas,
        }
    return row
