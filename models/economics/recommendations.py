"""A workload's recommendation for a quarter, as published: the recommendation, its questions, its rules.

Here: the case put together from months and configuration, and the rows told from the decision. Not here: the rules (placement) and their
sentences (explanation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.comparison import Comparer, Comparison
from models.economics.crossover import Factors
from models.economics.demand import API, COMPLETE_MONTHS, SELF_HOST, UsageHistory
from models.economics.explanation import flips_if, question_rows
from models.economics.months import Month, MonthBook
from models.economics.periods import Quarter, add_months, fiscal_quarter, fiscal_quarters
from models.economics.placement import Answers, Case, Placement, Thresholds, place

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
}

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
    """One workload's quarter: what the rules saw, what they decided, and the alternative that is described beside it."""

    workload_id: str
    quarter: Quarter
    is_final: bool
    placement: Placement
    case: Case
    described: Comparison | None
    recent: tuple[Month, ...]
    recommendation_row: dict[str, Any]
    question_rows: list[dict[str, Any]]
    rule_rows: list[dict[str, Any]]


def reviews(company: Company, book: MonthBook, factors: Factors, as_of: date) -> list[Review]:
    """Each configured workload's as-of quarter, and every earlier one with usage, decided with the data up to its own end."""
    today = fiscal_quarter(as_of, company.fiscal_year_starts)
    found = []
    for workload in company.workloads:
        history = book.demand.histories.get(workload.id, UsageHistory(()))
        first = history.days[0] if history.days else as_of
        for quarter in fiscal_quarters(first, as_of, company.fiscal_year_starts):
            if quarter == today or any(quarter.first_day <= day <= quarter.last_day for day in history.days):
                found.append(_review(company, workload, book, history, factors, quarter, as_of))
    return found


def _review(company: Company, workload: Workload, book: MonthBook, history: UsageHistory, factors: Factors, quarter: Quarter, as_of: date) -> Review:
    until = min(quarter.last_day, as_of)
    declared = workload.placement.at(until)
    months = {month.month: month for month in book.months.get(workload.id, [])}
    persistence = company.assumptions.decision.persistence_months
    periods = history.complete_months(until, max(COMPLETE_MONTHS, persistence))
    comparer = Comparer(company, workload, declared, months, periods, factors)
    case = _case(company, workload, book, history, comparer, declared, until)
    decision = place(case)
    described = _described(case, decision, comparer)
    row = _row(workload, quarter, until, decision, case, described, comparer.recent)
    row["flips_if"] = flips_if(company, case, decision, described, comparer.recent)
    key = {"quarter": quarter.name, "workload_id": workload.id}
    return Review(
        workload_id=workload.id,
        quarter=quarter,
        is_final=until == quarter.last_day,
        placement=decision,
        case=case,
        described=described,
        recent=tuple(comparer.recent),
        recommendation_row=row,
        question_rows=[{**key, **question} for question in question_rows(workload, case, decision, comparer.recent, until)],
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
    )


def _case(company: Company, workload: Workload, book: MonthBook, history: UsageHistory, comparer: Comparer, placement: str, until: date) -> Case:
    decision, candidate, questions = company.assumptions.decision, workload.candidates.self_host, workload.questions
    feasible = book.self_hosted.is_feasible(candidate)
    shortfall = history.shortfall(until, decision.min_days)
    recent = comparer.recent
    compared = []
    if placement != SELF_HOST:
        compared.append(comparer.self_host(feasible))
    if placement != API:
        pools = {pool for month in recent for pool in month.demand.pools}
        ends = [commitment.ends for pool in company.pools if pool.id in pools for commitment in pool.commitments]
        compared.append(comparer.api(is_committed=any(day >= until for day in ends)))
    margin = float(decision.switch_margin)
    switches = [switch for switch in comparer.switches() if comparer.passes_margin(switch, margin)]
    unknown = [month.self_hosted.reason or month.api.reason for month in recent if month.self_hosted.reason or month.api.reason]
    return Case(
        placement=placement,
        answers=Answers(
            data_must_stay=questions.data_must_stay.answer if questions.data_must_stay else None,
            frontier_required=questions.frontier_required.answer if questions.frontier_required else None,
            engineering_capability=questions.engineering_capability.answer if questions.engineering_capability else None,
            planned_life_months=float(questions.planned_life_months.answer) if questions.planned_life_months else None,
        ),
        has_candidate=candidate is not None,
        is_candidate_eligible=candidate is not None and candidate.quality is not None and candidate.quality.score >= decision.min_quality,
        is_candidate_feasible=feasible,
        shortfall=shortfall,
        today_unknown=next((month.today_reason for month in recent if month.today_reason), None),
        alternatives=tuple(comparison for comparison in compared if comparison is not None),
        alternatives_unknown=unknown[0] if unknown else shortfall,
        switch=switches[0] if switches else None,
        frontier_switch=next((switch for switch in switches if switch.offer is not None and switch.offer.is_frontier), None),
        thresholds=Thresholds(float(decision.min_probability), float(decision.max_payback_months), decision.persistence_months),
    )


def _described(case: Case, decision: Placement, comparer: Comparer) -> Comparison | None:
    """The alternative that the row describes: the recommended one, else the cheapest of those that anybody knows."""
    verdict = decision.verdict
    wanted = {"move_to_api": "api", "move_to_self_host": "self_host", "switch_api_model": "switch_api_model"}.get(verdict.recommendation)
    if wanted == "switch_api_model":
        return verdict.comparison
    known = list(case.alternatives)
    if wanted is None and case.on_api:
        known += [switch for switch in comparer.switches()[:1] if switch.saving_monthly > 0 or not known]
    fitting = [comparison for comparison in known if wanted is None or comparison.alternative == wanted]
    return min(fitting, key=lambda comparison: (comparison.alternative_cost_monthly, comparison.alternative), default=None)


def _row(
    workload: Workload, quarter: Quarter, until: date, decision: Placement, case: Case, described: Comparison | None, recent: list[Month]
) -> dict[str, Any]:
    verdict = decision.verdict
    costs = [month.today_cost for month in recent]
    known = [cost for cost in costs if cost is not None]
    moves = verdict.recommendation in ("move_to_api", "move_to_self_host", "switch_api_model")
    delay = 0 if verdict.recommendation == "switch_api_model" else math.ceil(workload.migration.months)
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
        "effective_date": add_months(quarter.last_day + timedelta(days=1), delay) if moves else None,
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
            "self_host_share": 1.0 if described.alternative == "self_host" else 0.0,
        }
    return row
