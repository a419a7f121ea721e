"""The volume ahead (economics 2.14): a log-linear trend on weekly totals, its 80 % bounds, and what a move makes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_companies import company, inputs, priced, row, usage, workload

from models.economics.decision import DecisionOutputs, decide
from models.economics.demand import UsageHistory
from models.economics.forecast import forecast, growth, weekly_totals

JUNE, AS_OF = date(2026, 6, 1), date(2026, 9, 30)


def history(tokens: list[float], first: date = JUNE) -> UsageHistory:
    """These tokens a day from the first day on; a day of 0 is a day without usage."""
    used = [(first + timedelta(days=n), each) for n, each in enumerate(tokens) if each]
    return UsageHistory(tuple(day for day, _ in used), tuple(each for _, each in used))


def test_weeks_end_on_the_last_day_and_lie_within_90_days() -> None:
    days = history([1.0] * 122)
    assert weekly_totals(days, AS_OF).tolist() == [7.0] * 12
    assert weekly_totals(days, date(2026, 6, 16)).tolist() == [7.0] * 2
    assert weekly_totals(days, date(2026, 5, 1)).size == 0


def test_what_does_not_change_stays() -> None:
    ahead = forecast(np.full(12, 700.0), 700.0)
    assert ahead is not None
    for path in (ahead.low, ahead.middle, ahead.high):
        assert path == pytest.approx((1.0, 1.0, 1.0))


def test_a_doubling_every_month_goes_on_for_three_months_and_is_flat_then() -> None:
    week = 365.25 / 12 / 7
    weekly = 100 * 2 ** (np.arange(12) / week)
    ahead = forecast(weekly, 100.0)
    assert ahead is not None
    first = 2 ** ((12 - 0.5 + 0.5 * week) / week)  # the middle of the first month ahead
    assert ahead.middle == pytest.approx((first, 2 * first, 4 * first))
    assert ahead.low == pytest.approx(ahead.high)
    assert growth(ahead.middle, 1) == pytest.approx(first)
    assert growth(ahead.middle, 3) == growth(ahead.middle, 36) == pytest.approx(4 * first)


def test_the_bounds_are_those_of_the_80_percent_prediction_interval() -> None:
    # three weeks of 1, e, 1: no slope, mean 1/3, residuals -1/3, 2/3, -1/3, one degree of freedom
    ahead = forecast(np.array([1.0, math.e, 1.0]), 1.0)
    assert ahead is not None
    error, weeks = math.sqrt(6 / 9), 3 - 0.5 + 0.5 * 365.25 / 12 / 7
    width = 3.078 * error * math.sqrt(1 + 1 / 3 + (weeks - 1) ** 2 / 2)
    assert ahead.middle[0] == pytest.approx(math.exp(1 / 3))
    assert (ahead.low[0], ahead.high[0]) == pytest.approx((math.exp(1 / 3 - width), math.exp(1 / 3 + width)))


def test_weeks_without_usage_count_for_their_share() -> None:
    ahead = forecast(np.array([700.0, 0.0, 700.0, 700.0]), 700.0)
    assert ahead is not None
    assert ahead.middle == pytest.approx((0.75, 0.75, 0.75))


@pytest.mark.parametrize("weekly", [[], [1.0, 2.0], [0.0] * 12, [0.0, 1.0, 0.0, 1.0]])
def test_too_few_weeks_give_no_forecast(weekly: list[float]) -> None:
    assert forecast(np.array(weekly), 1.0) is None


@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-300, 1e300)), max_size=12), st.floats(1e-300, 1e300))
def test_bounds_are_in_order_and_finite_whatever_was_used(weekly: list[float], base: float) -> None:
    ahead = forecast(np.array(weekly), base)
    for low, middle, high in zip(ahead.low, ahead.middle, ahead.high, strict=True) if ahead else ():
        assert 0 < low <= middle <= high < math.inf


@given(st.lists(st.floats(1.0, 1e6), min_size=3, max_size=12), st.floats(0.1, 10))
def test_a_forecast_does_not_know_units(weekly: list[float], factor: float) -> None:
    one, other = forecast(np.array(weekly), 100.0), forecast(np.array(weekly) * factor, 100.0 * factor)
    assert one is not None
    assert other is not None
    assert other.high == pytest.approx(one.high, rel=1e-6)


def trending(weekly_factor: float, requests: float, pool: str | None = None, noise: tuple[float, ...] = (1.0,)) -> pl.DataFrame:
    """Usage that grows by the factor a week up to `requests` an hour in the last week."""
    days = (AS_OF - JUNE).days + 1
    parts = []
    for n in range(days):
        weeks_before_end = (days - 1 - n) // 7
        volume = requests * weekly_factor**-weeks_before_end * noise[weeks_before_end % len(noise)]
        parts.append(usage("chat", volume, JUNE + timedelta(days=n), JUNE + timedelta(days=n), pool=pool))
    return pl.concat(parts)


def decided(used: pl.DataFrame, **more: Any) -> DecisionOutputs:
    return decide(inputs(company([workload("chat", **more)]), AS_OF, [used], [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")]))


def recommended(used: pl.DataFrame, **more: Any) -> dict[str, Any]:
    return row(decided(used, **more).placement_recommendations, workload_id="chat", quarter="2026-Q3")


def test_a_shrinking_workload_is_not_moved_on_the_strength_of_its_past() -> None:
    steady, shrinking = recommended(trending(1.0, 20_000)), recommended(trending(0.92, 10_000))
    assert (steady["recommendation"], steady["volume_growth_low"]) == ("move_to_self_host", pytest.approx(1.0))
    assert shrinking["saving_monthly"] > steady["saving_monthly"]  # the months behind were even better
    assert (shrinking["recommendation"], shrinking["reason"]) == ("stay_on_api", "npv")
    assert shrinking["volume_growth_low"] < 0.4


def test_money_stays_the_mean_of_the_months_whatever_is_forecast() -> None:
    growing = recommended(trending(1.03, 20_000))
    assert growing["volume_growth_high"] > 1.3
    assert growing["saving_monthly"] == pytest.approx(growing["current_cost_monthly"] - growing["alternative_cost_monthly"])
    assert growing["payback_months"] == pytest.approx(60_000 / growing["saving_monthly"])
    flat = sum(growing["saving_monthly"] / 1.15 ** (t / 12) for t in range(2, 37)) - 60_000
    assert growing["npv"] > flat


def test_noise_lowers_what_a_move_to_self_hosting_is_worth() -> None:
    calm, noisy = recommended(trending(1.0, 20_000)), recommended(trending(1.0, 20_000, noise=(0.8, 1.2)))
    assert noisy["saving_monthly"] == pytest.approx(calm["saving_monthly"], rel=0.1)
    assert noisy["npv"] < 0.75 * calm["npv"]
    assert noisy["volume_growth_low"] < 0.75 < 1.3 < noisy["volume_growth_high"]


def test_declared_volume_is_compared_with_measured() -> None:
    used = trending(1.0, 432)
    assert recommended(used, declared_tokens_per_day=70_813_440)["declared_ratio"] == pytest.approx(10.0)
    assert recommended(used)["declared_ratio"] is None


def test_the_window_looks_back_from_the_quarters_end_only() -> None:
    used = trending(1.0, 20_000)
    later = replace(inputs(company([workload("chat")]), date(2026, 10, 10), [used, usage("chat", 1, date(2026, 10, 1), date(2026, 10, 10))]))
    then = row(decide(later).placement_recommendations, workload_id="chat", quarter="2026-Q3")
    assert then["volume_growth_low"] == pytest.approx(1.0)
