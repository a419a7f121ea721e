"""Red flags: what a reviewer should see although it decides nothing.

Here: the flags of economics section 3 (Ivchenko sec. 10.3), each where its data is at hand. Not here: anything that binds a decision (placement).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.comparison import Comparison
from models.economics.crossover_tables import table
from models.economics.demand import SELF_HOST
from models.economics.ledger import Ledger
from models.economics.months import Month
from models.economics.periods import add_months, fiscal_year_start

RED_FLAGS = {
    "month": pl.Date,
    "subject_kind": pl.String,
    "subject_id": pl.String,
    "flag": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
}

LOW_UTILISATION = 0.50
"""Token utilisation of a month below this is a red flag (economics 2.2)."""

BUSY_DEVICE = 0.70
"""A device this busy looks healthy; beside a low token utilisation it is not (economics 2.2: 78 % busy at 4.1 % of its capacity)."""

OPERATIONS_SHARE = 0.30
"""More of a team's time than this on operations is a red flag (Ivchenko sec. 10.3)."""

GROWTH_MONTHS = 3
"""A team's growth and the volume's are told from so many complete months against as many before."""

_DUST = 1e-9
"""Growth below this (relative) is binary floats."""

LONG_PAYBACK_MONTHS = 24
"""Discounted payback beyond this is a red flag (economics 2.9)."""


def _flag(month: date, kind: str, subject: str, flag: str, value: float | None, threshold: float) -> dict[str, Any]:
    return {"month": month, "subject_kind": kind, "subject_id": subject, "flag": flag, "value": value, "threshold": threshold}


def red_flags(company: Company, months: dict[str, list[Month]], ledger: Ledger, described: Mapping[tuple[str, date], Comparison]) -> pl.DataFrame:
    """One row per month, subject and flag. described: by workload and month, the best alternative beside a recommendation."""
    rows = list(_pool_flags(company, ledger))
    for workload in company.workloads:
        own = months.get(workload.id, [])
        for month in own:
            rows += _workload_flags(company, workload, month, ledger)
            rows += _team_flags(month, own, ledger)
    rows += [row for (workload_id, month), comparison in described.items() for row in _payback_flag(workload_id, month, comparison)]
    return table(rows, RED_FLAGS, ["month", "subject_kind", "subject_id", "flag"])


def _pool_flags(company: Company, ledger: Ledger) -> Iterable[dict[str, Any]]:
    configured = {pool.id for pool in company.pools}
    for (pool_id, month), figures in sorted(ledger.pools.items()):
        if pool_id not in configured or figures.hours_provisioned <= 0:
            continue
        utilisation = figures.hours_worked / figures.hours_provisioned
        if utilisation >= LOW_UTILISATION:
            continue
        yield _flag(month, "pool", pool_id, "low_utilisation", utilisation, LOW_UTILISATION)
        if figures.device_utilisation is not None and figures.device_utilisation >= BUSY_DEVICE:
            yield _flag(month, "pool", pool_id, "busy_but_underused", figures.device_utilisation, BUSY_DEVICE)


def _workload_flags(company: Company, workload: Workload, month: Month, ledger: Ledger) -> Iterable[dict[str, Any]]:
    must_stay = workload.questions.data_must_stay
    if must_stay is not None and must_stay.answer and month.demand.api_tokens > 0:
        yield _flag(month.month, "workload", workload.id, "sovereignty_breach", month.demand.api_tokens / month.demand.tokens, 0.0)
    if month.provisioned is None:
        return
    candidate, min_quality = workload.candidates.self_host, float(company.assumptions.decision.min_quality)
    if candidate is not None and candidate.quality is not None and candidate.quality.score < min_quality:
        yield _flag(month.month, "workload", workload.id, "quality_drop", float(candidate.quality.score), min_quality)
    planned, fleet = workload.plan.gpus, month.provisioned.fleet
    if planned is not None and fleet is not None and fleet.work_share_gpus > planned:
        yield _flag(month.month, "workload", workload.id, "gpus_over_plan", fleet.work_share_gpus, float(planned))
    budget = workload.plan.fine_tuning_annual
    if budget is not None:
        year = fiscal_year_start(month.month, company.fiscal_year_starts)
        spent = sum(
            paid.categories.get("fine_tuning", 0.0)
            for (workload_id, when, side), paid in sorted(ledger.paid.items())
            if workload_id == workload.id and side == SELF_HOST and year <= when <= month.month
        )
        if spent > float(budget):
            yield _flag(month.month, "workload", workload.id, "fine_tuning_over_plan", spent, float(budget))


def _team_flags(month: Month, months: Iterable[Month], ledger: Ledger) -> Iterable[dict[str, Any]]:
    """Of people who are allocated: a share needs both activities to be known, growth needs people on both sides of it."""
    operations, product = _operations_people(month, ledger), ledger.product_people.get((month.workload_id, month.month), 0.0)
    if operations and product > 0 and operations > OPERATIONS_SHARE * (operations + product):
        yield _flag(month.month, "workload", month.workload_id, "operations_share", operations / (operations + product), OPERATIONS_SHARE)
    by_month = {each.month: each for each in months if each.demand.coverage.is_complete}
    periods = [add_months(month.month, -back) for back in range(2 * GROWTH_MONTHS)]
    if not all(period in by_month for period in periods):
        return
    people = [_operations_people(by_month[period], ledger) or 0.0 for period in periods]
    tokens = [by_month[period].demand.tokens for period in periods]
    grown, base = sum(people[:GROWTH_MONTHS]), sum(people[GROWTH_MONTHS:])
    volume, before = sum(tokens[:GROWTH_MONTHS]), sum(tokens[GROWTH_MONTHS:])
    if base > 0 and before > 0 and grown > base * (1 + _DUST) and grown / base > volume / before * (1 + _DUST):
        yield _flag(month.month, "workload", month.workload_id, "team_outgrows_volume", grown / base, volume / before)


def _operations_people(month: Month, ledger: Ledger) -> float | None:
    """What its operations people cost on all its sides; None where nobody is allocated."""
    costs = [ledger.paid_on(month.workload_id, month.month, side).people for side in sorted(month.demand.sides)]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _payback_flag(workload_id: str, month: date, comparison: Comparison) -> Iterable[dict[str, Any]]:
    """A saving whose discounted payback is long; null as the value where it never comes."""
    payback = comparison.payback_months_discounted
    if comparison.saving_monthly > 0 and (payback is None or payback > LONG_PAYBACK_MONTHS):
        yield _flag(month, "workload", workload_id, "long_payback", payback, float(LONG_PAYBACK_MONTHS))
