from __future__ import annotations

from datetime import date, timedelta

import pytest
from small_companies import INPUT, OUTPUT, usage

from models.economics.capacity import ReplicaRate
from models.economics.demand import UsageHistory, demand_book

RATE = ReplicaRate(14571.34, 14089.74, 6.8357e-8)


def every(first: date, last: date, step: int = 1) -> UsageHistory:
    return UsageHistory(tuple(first + timedelta(days=n) for n in range(0, (last - first).days + 1, step)))


def test_a_month_covers_its_days_from_the_first_usage() -> None:
    book = demand_book(usage("w", 10, date(2026, 8, 15), date(2026, 9, 10)), date(2026, 9, 10), {"w": RATE}, {}, {})
    august, september = book.demand[("w", date(2026, 8, 1))], book.demand[("w", date(2026, 9, 1))]
    assert (august.coverage.days, august.coverage.is_complete) == (17, False)
    assert (september.coverage.days, september.coverage.hours) == (10, 240)
    assert august.coverage.share == pytest.approx(17 / 31)


def test_tokens_and_work() -> None:
    book = demand_book(usage("w", 10, date(2026, 9, 1), date(2026, 9, 1), hours=range(2)), date(2026, 9, 1), {"w": RATE}, {}, {})
    asked = book.demand[("w", date(2026, 9, 1))]
    assert asked.tokens == 20 * (INPUT + OUTPUT)
    assert asked.counterfactual_work is not None
    assert asked.counterfactual_work.tolist() == pytest.approx([1.12421, 1.12421], abs=5e-6)


def test_rows_after_as_of_are_left_out() -> None:
    book = demand_book(usage("w", 10, date(2026, 9, 1), date(2026, 9, 9)), date(2026, 9, 2), {}, {}, {})
    assert book.histories["w"].days == (date(2026, 9, 1), date(2026, 9, 2))


def test_a_replica_that_does_not_work_gives_no_work() -> None:
    book = demand_book(usage("w", 10, date(2026, 9, 1), date(2026, 9, 1)), date(2026, 9, 1), {"w": ReplicaRate(0, 1)}, {}, {})
    assert book.demand[("w", date(2026, 9, 1))].counterfactual_work is None


def test_more_tokens_per_task_are_more_work() -> None:
    day = date(2026, 9, 1)
    once, twice = (
        demand_book(usage("w", 10, day, day), day, {"w": ReplicaRate(100, 100)}, {}, {"w": kappa}).demand[("w", day)].counterfactual_work
        for kappa in (1.0, 2.0)
    )
    assert once is not None
    assert twice is not None
    assert twice.tolist() == pytest.approx((2 * once).tolist())


def test_90_days_from_first_to_last() -> None:
    history = every(date(2026, 6, 2), date(2026, 9, 30))
    assert history.shortfall(date(2026, 9, 30), 90) is None
    assert history.shortfall(date(2026, 8, 30), 90) == "days"  # 90 days, but June and August are not complete
    assert every(date(2026, 8, 15), date(2026, 9, 30)).shortfall(date(2026, 9, 30), 90) == "days"


def test_60_percent_of_the_weekdays() -> None:
    assert every(date(2026, 6, 1), date(2026, 9, 30), step=2).shortfall(date(2026, 9, 30), 90) == "coverage"


def test_weekends_off_are_no_gap() -> None:
    weekdays = tuple(day for day in every(date(2026, 6, 1), date(2026, 9, 30)).days if day.weekday() < 5)
    assert UsageHistory(weekdays).shortfall(date(2026, 9, 30), 90) is None


def test_a_month_without_usage_is_no_basis() -> None:
    history = every(date(2026, 1, 1), date(2026, 7, 31))
    assert history.shortfall(date(2026, 7, 31), 90) is None
    assert history.shortfall(date(2026, 9, 30), 90) == "coverage"


def test_nothing_at_all() -> None:
    assert UsageHistory(()).shortfall(date(2026, 9, 30), 90) == "days"
    assert UsageHistory(()).complete_months(date(2026, 9, 30)) == []


def test_complete_months_may_cross_a_quarters_edge() -> None:
    assert every(date(2026, 1, 1), date(2026, 8, 15)).complete_months(date(2026, 8, 15)) == [date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)]
