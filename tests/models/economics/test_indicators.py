"""Indicators for and against self-hosting (economics section 3, Ivchenko sec. 9)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from small_companies import ANSWERED, INPUT, OUTPUT, company, row, usage, workload

from models.config import Workload
from models.economics.crossover_tables import CROSSOVER_MONTHLY
from models.economics.demand import demand_book
from models.economics.indicators import INDICATORS, Indicator, indicators, workload_indicators
from models.economics.periods import add_months, fiscal_quarter

UNTIL = date(2026, 9, 30)
FIRST = date(2025, 10, 1)


def one(**more: Any) -> Workload:
    return company([workload("chat", **more)]).workloads[0]


def month(volume: float, break_even: float | None, **more: Any) -> dict[str, Any]:
    """A row of crossover_monthly with both costs known."""
    known = {"best_api_cost_monthly": 1.0, "self_host_cost_monthly": 1.0}
    return {"tokens_per_day": volume, "break_even_tokens_per_day": break_even, "is_complete": True, **known, **more}


def year(volume: float = 50.0, break_even: float | None = 40.0) -> dict[date, dict[str, Any]]:
    """The twelve months up to September."""
    return {add_months(FIRST, back): month(volume, break_even) for back in range(12)}


def every_day(first: date = FIRST, last: date = UNTIL) -> dict[date, float]:
    return {first + timedelta(days=n): 50.0 for n in range((last - first).days + 1)}


def found(name: str, configured: Workload | None = None, days: dict[date, float] | None = None, months: Any = None) -> Indicator:
    listed = indicators(configured or one(), every_day() if days is None else days, year() if months is None else months, UNTIL)
    return next(each for each in listed if each.name == name)


def told(indicator: Indicator) -> tuple[float | None, bool | None]:
    return indicator.value, indicator.holds


def test_a_year_above_its_own_break_even_is_sustained() -> None:
    assert told(found("sustained_volume")) == (12, True)
    assert found("sustained_volume").evidence == "at or above its own break-even in 12 of the last 12 complete months"


def test_one_month_below_breaks_it() -> None:
    assert told(found("sustained_volume", months={**year(), date(2026, 5, 1): month(39, 40)})) == (4, False)


def test_a_month_without_usage_breaks_it() -> None:
    months = {each: figures for each, figures in year().items() if each != date(2026, 8, 1)}
    assert told(found("sustained_volume", months=months)) == (1, False)


def test_a_short_history_is_unknown_not_false() -> None:
    first = date(2026, 3, 15)
    months = {each: figures for each, figures in year().items() if each >= date(2026, 4, 1)} | {date(2026, 3, 1): month(50, 40, is_complete=False)}
    sustained = found("sustained_volume", days=every_day(first), months=months)
    assert told(sustained) == (6, None)
    assert sustained.evidence is not None
    assert sustained.evidence.endswith("in 6 of the last 12 complete months; 6 unknown")


def test_no_break_even_at_all_is_below_it() -> None:
    assert told(found("sustained_volume", months=year(break_even=None))) == (0, False)
    low = found("low_volume", months=year(break_even=None))
    assert (low.value, low.holds, low.evidence) == (50, True, "no break-even at this mix in 2026-09")


def test_an_unknown_cost_is_unknown() -> None:
    unknown = {each: month(50, None, self_host_cost_monthly=None) for each in year()}
    assert told(found("sustained_volume", months=unknown)) == (None, None)
    assert told(found("low_volume", months=unknown)) == (50, None)


def test_low_volume_is_below_break_even() -> None:
    assert told(found("low_volume")) == (50, False)
    assert told(found("low_volume", months=year(volume=39))) == (39, True)


def test_answers() -> None:
    answers = {**ANSWERED, "data_must_stay": {"answer": True, "evidence": "DPA section 4"}, "engineering_capability": False}
    configured = one(questions=answers)
    assert found("sovereignty", configured) == Indicator("sovereignty", "for", 1, True, "DPA section 4")
    assert told(found("existing_team", configured)) == (0, False)
    assert told(found("little_expertise", configured)) == (0, True)
    assert told(found("custom_model", configured)) == (0, False)
    assert told(found("uncertain_use_case", configured)) == (36, False)
    assert told(found("uncertain_use_case", one(questions={**ANSWERED, "planned_life_months": 11}))) == (11, True)


@pytest.mark.parametrize(("promised", "holds"), [(99, True), (100, False), (1500, False)])
def test_latency(promised: float, holds: bool) -> None:
    assert told(found("low_latency", one(questions={**ANSWERED, "sla": {"p99_latency_ms": promised}}))) == (promised, holds)


def test_an_sla_without_latency_is_unknown() -> None:
    assert told(found("low_latency", one(questions={**ANSWERED, "sla": {"availability_pct": 99}}))) == (None, None)


def test_unanswered_is_unknown_never_false() -> None:
    listed = indicators(one(questions={}), {}, {}, UNTIL)
    assert {each.name: told(each) for each in listed} == dict.fromkeys([each.name for each in listed], (None, None))
    assert len(listed) == 13


def test_what_nobody_has_said_is_listed() -> None:
    assert [told(found(name)) for name in ("strategic", "time_pressure", "compliance_by_provider", "capital_limits")] == [(None, None)] * 4


def test_what_was_said_is_kept_with_its_ground() -> None:
    said = one(indicators={"strategic": True, "capital_limits": {"answer": False, "evidence": "budget 2026", "owner": "finance"}})
    assert found("strategic", said) == Indicator("strategic", "for", 1, True, None)
    assert found("capital_limits", said) == Indicator("capital_limits", "against", 0, False, "budget 2026")


def test_daily_volume() -> None:
    assert told(found("variable_volume")) == (0, False)
    every_other = {day: 50.0 for day in every_day() if day.toordinal() % 2}
    alternating = found("variable_volume", days=every_other)
    assert alternating.value == pytest.approx(1)  # 0 and 50 around 25
    assert alternating.holds is True
    weekdays = {day: 50.0 for day in every_day() if day.weekday() < 5}
    assert found("variable_volume", days=weekdays).value == pytest.approx((26 / 66) ** 0.5)  # used on 66 of 92 days


def test_variation_needs_three_complete_months() -> None:
    assert told(found("variable_volume", days=every_day(date(2026, 7, 2)))) == (None, None)


def test_the_future_is_not_known() -> None:
    listed = indicators(one(), every_day(last=date(2026, 12, 31)), {**year(), date(2026, 10, 1): month(0, 40)}, UNTIL)
    assert told(next(each for each in listed if each.name == "sustained_volume")) == (12, True)


def test_the_frame() -> None:
    configured = company([workload("chat"), workload("new")])
    used = usage("chat", 10, date(2026, 6, 1), UNTIL)
    months = [date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)]
    daily = 12 * 10 * (INPUT + OUTPUT)
    crossover = pl.DataFrame(
        [{"workload_id": "chat", "month": each, **month(daily, daily + 1)} for each in months], schema=CROSSOVER_MONTHLY, orient="row"
    )
    reviewed = [(name, quarter) for name in ("new", "chat") for quarter in (fiscal_quarter(date(2026, 6, 1), 1), fiscal_quarter(UNTIL, 1))]
    histories = demand_book(used, UNTIL, {}, {}, {}).histories
    table = workload_indicators(configured, reviewed, UNTIL, histories, crossover)
    assert table.schema == INDICATORS
    assert table.height == 4 * 13 == table.select("quarter", "workload_id", "indicator").n_unique()
    low = row(table, quarter="2026-Q3", workload_id="chat", indicator="low_volume")
    assert (low["direction"], low["value"], low["holds"]) == ("against", daily, True)
    assert row(table, quarter="2026-Q2", workload_id="chat", indicator="variable_volume")["holds"] is None
    assert row(table, quarter="2026-Q3", workload_id="chat", indicator="variable_volume")["holds"] is False
    assert row(table, quarter="2026-Q3", workload_id="new", indicator="sustained_volume")["holds"] is None
    assert workload_indicators(configured, reversed(reviewed), UNTIL, histories, crossover.reverse()).equals(table)
