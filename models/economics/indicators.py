"""Indicators for and against self-hosting (Ivchenko sec. 9): recorded beside a recommendation, they decide nothing.

Here: what a workload's answers, months and daily volume say about each. A volume is measured against the workload's own break-even of the
month, never against a fixed number of tokens. What nobody knows or was asked is null, never false. Not here: the rules (placement), red flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl

from models.config import Company, Workload
from models.economics.crossover_tables import table
from models.economics.demand import COMPLETE_MONTHS, UsageHistory
from models.economics.periods import Quarter, complete_months, days_in_month
from models.economics.placement import MIN_LIFE_MONTHS

Direction = Literal["for", "against"]

INDICATORS = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "indicator": pl.String,
    "direction": pl.String,
    "value": pl.Float64,
    "holds": pl.Boolean,
    "evidence": pl.String,
}

SUSTAINED_MONTHS = 12
"""Volume counts as sustained after so many complete months in a row (Ivchenko sec. 9)."""

VARIABLE_CV = 0.5
"""A coefficient of variation of daily volume above this is variable (economics 2.14)."""

LOW_LATENCY_MS = 100.0
"""A p99 promised below this speaks for serving next to the user (Ivchenko sec. 9)."""


@dataclass(frozen=True)
class Indicator:
    """One indicator: what was found (months, a coefficient, ms, tokens a day; 1 and 0 for yes and no), whether it holds, on what ground."""

    name: str
    direction: Direction
    value: float | None
    holds: bool | None
    evidence: str | None


def workload_indicators(
    company: Company, reviewed: Iterable[tuple[str, Quarter]], as_of: date, histories: Mapping[str, UsageHistory], crossover_monthly: pl.DataFrame
) -> pl.DataFrame:
    """One row per quarter, workload and indicator, known or not.

    reviewed: the workloads and quarters that have a recommendation. histories: by workload; crossover_monthly: as published.
    Each quarter sees the data up to its own end or as-of.
    """
    workloads = {workload.id: workload for workload in company.workloads}
    days = {workload_id: dict(zip(history.days, history.tokens, strict=True)) for workload_id, history in histories.items()}
    months: dict[str, dict[date, dict[str, Any]]] = {}
    for row in crossover_monthly.iter_rows(named=True):
        months.setdefault(row["workload_id"], {})[row["month"]] = row
    rows = []
    for workload_id, quarter in reviewed:
        until = min(quarter.last_day, as_of)
        for each in indicators(workloads[workload_id], days.get(workload_id, {}), months.get(workload_id, {}), until):
            found = (quarter.name, workload_id, each.name, each.direction, each.value, each.holds, each.evidence)
            rows.append(dict(zip(INDICATORS, found, strict=True)))
    return table(rows, INDICATORS, ["quarter", "workload_id", "direction", "indicator"])


def indicators(workload: Workload, daily_tokens: Mapping[date, float], months: Mapping[date, Mapping[str, Any]], until: date) -> list[Indicator]:
    """Every indicator of one workload as known on `until`.

    daily_tokens: by day with usage; months: rows of crossover_monthly by month.
    """
    history = UsageHistory(tuple(sorted(daily_tokens))).until(until)
    questions = workload.questions
    sla, life = questions.sla, questions.planned_life_months
    latency = None if sla is None or sla.answer.p99_latency_ms is None else float(sla.answer.p99_latency_ms)
    planned = None if life is None else float(life.answer)
    return [
        _sustained_volume(history, months, until),
        _answer("sovereignty", "for", questions.data_must_stay),
        _answer("existing_team", "for", questions.engineering_capability),
        _answer("custom_model", "for", questions.fine_tuning_required),
        Indicator("low_latency", "for", latency, None if latency is None else latency < LOW_LATENCY_MS, sla.evidence if sla else None),
        _low_volume(history, months, until),
        _variable_volume(history, daily_tokens, until),
        _answer("little_expertise", "against", questions.engineering_capability, holds_on=False),
        Indicator("uncertain_use_case", "against", planned, None if planned is None else planned < MIN_LIFE_MONTHS, life.evidence if life else None),
        _answer("strategic", "for", workload.indicators.strategic),
        _answer("time_pressure", "against", workload.indicators.time_pressure),
        _answer("compliance_by_provider", "against", workload.indicators.compliance_by_provider),
        _answer("capital_limits", "against", workload.indicators.capital_limits),
    ]


def _answer(name: str, direction: Direction, question: Any, *, holds_on: bool = True) -> Indicator:
    """A yes-or-no answer; unanswered is unknown."""
    if question is None:
        return Indicator(name, direction, None, None, None)
    return Indicator(name, direction, float(question.answer), question.answer is holds_on, question.evidence)


def _is_at_break_even(history: UsageHistory, row: Mapping[str, Any] | None, month: date) -> bool | None:
    """Whether the month's volume reached its break-even; no usage did not. None for a month not all covered or with an unknown cost."""
    if not history.days or month < history.days[0]:
        return None
    if row is None:
        return False
    if not row["is_complete"]:
        return None
    if row["break_even_tokens_per_day"] is not None:
        return bool(row["tokens_per_day"] >= row["break_even_tokens_per_day"])
    # both costs known and no break-even: at this mix no volume is enough
    return False if row["best_api_cost_monthly"] is not None and row["self_host_cost_monthly"] is not None else None


def _sustained_volume(history: UsageHistory, months: Mapping[date, Mapping[str, Any]], until: date) -> Indicator:
    reached = [_is_at_break_even(history, months.get(month), month) for month in reversed(complete_months(until, SUSTAINED_MONTHS))]
    in_a_row = next((count for count, is_reached in enumerate(reached) if not is_reached), len(reached))
    holds = False if False in reached else None if None in reached else True
    evidence = f"at or above its own break-even in {reached.count(True)} of the last {len(reached)} complete months"
    unknown = reached.count(None)
    value = None if reached[0] is None else float(in_a_row)
    return Indicator("sustained_volume", "for", value, holds, evidence + (f"; {unknown} unknown" if unknown else ""))


def _low_volume(history: UsageHistory, months: Mapping[date, Mapping[str, Any]], until: date) -> Indicator:
    month = complete_months(until, 1)[0]
    row = months.get(month)
    reached = _is_at_break_even(history, row, month)
    if reached is None:
        return Indicator("low_volume", "against", None if row is None else row["tokens_per_day"], None, None)
    volume = 0.0 if row is None else row["tokens_per_day"]
    break_even = None if row is None else row["break_even_tokens_per_day"]
    meets = "no break-even at this mix" if break_even is None else f"break-even {break_even:,.0f} tokens a day"
    return Indicator("low_volume", "against", volume, not reached, f"no usage in {month:%Y-%m}" if row is None else f"{meets} in {month:%Y-%m}")


def _variable_volume(history: UsageHistory, daily_tokens: Mapping[date, float], until: date) -> Indicator:
    """Standard deviation / mean over the days of the last complete months; a day without usage is zero."""
    months = history.complete_months(until)
    days = [month.replace(day=day) for month in months for day in range(1, days_in_month(month) + 1)]
    volume = np.array([daily_tokens.get(day, 0.0) for day in days])
    if len(months) < COMPLETE_MONTHS or volume.sum() <= 0:
        return Indicator("variable_volume", "against", None, None, None)
    variation = float(volume.std() / volume.mean())
    evidence = f"daily tokens of {months[0]:%Y-%m} to {months[-1]:%Y-%m}, days without usage as zero"
    return Indicator("variable_volume", "against", variation, variation > VARIABLE_CV, evidence)
