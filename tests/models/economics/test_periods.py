from __future__ import annotations

from datetime import date

import pytest

from models.economics.periods import add_months, fiscal_half_year_start, fiscal_quarter, fiscal_quarters, fiscal_year_start


@pytest.mark.parametrize(
    ("day", "starts", "name", "first", "last"),
    [
        (date(2026, 9, 30), 1, "2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
        (date(2026, 9, 30), 10, "2026-Q4", date(2026, 7, 1), date(2026, 9, 30)),
        (date(2026, 10, 1), 10, "2027-Q1", date(2026, 10, 1), date(2026, 12, 31)),
        (date(2026, 1, 31), 4, "2026-Q4", date(2026, 1, 1), date(2026, 3, 31)),
        (date(2026, 1, 31), 2, "2026-Q4", date(2025, 11, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), 2, "2027-Q1", date(2026, 2, 1), date(2026, 4, 30)),
    ],
)
def test_fiscal_quarters_are_named_after_the_year_in_which_the_fiscal_year_ends(day: date, starts: int, name: str, first: date, last: date) -> None:
    quarter = fiscal_quarter(day, starts)
    assert (quarter.name, quarter.first_day, quarter.last_day) == (name, first, last)


def test_all_quarters_between() -> None:
    assert [quarter.name for quarter in fiscal_quarters(date(2025, 12, 31), date(2026, 4, 1), 1)] == ["2025-Q4", "2026-Q1", "2026-Q2"]


def test_months_later() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2026, 1, 1), -1) == date(2025, 12, 1)


def test_starts_of_fiscal_periods() -> None:
    assert fiscal_half_year_start(date(2026, 5, 17), 1) == date(2026, 1, 1)
    assert fiscal_half_year_start(date(2026, 5, 17), 10) == date(2026, 4, 1)
    assert fiscal_year_start(date(2026, 5, 17), 10) == date(2025, 10, 1)
