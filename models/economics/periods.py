"""Months, fiscal quarters and fiscal half-years.

Here: calendar arithmetic that every decision shares. Not here: what is measured or paid in a period.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, order=True)
class Quarter:
    """A fiscal quarter: its first and last day (inclusive), and its name, e.g. 2026-Q3."""

    first_day: date
    last_day: date
    name: str


def month_of(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def days_in_month(day: date) -> int:
    """How many days the day's month has."""
    return monthrange(day.year, day.month)[1]


def month_end(day: date) -> date:
    """The last day of the day's month."""
    return day.replace(day=days_in_month(day))


def add_months(day: date, months: int) -> date:
    """The same day `months` later; a day that the month lacks becomes its last one."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, days_in_month(first)))


def fiscal_quarter(day: date, fiscal_year_starts: int) -> Quarter:
    """The fiscal quarter that contains the day. A fiscal year is named after the calendar year in which it ends (contract, section 1)."""
    position = (day.month - fiscal_year_starts) % 12
    first = add_months(month_of(day), -(position % 3))
    year_end = add_months(month_of(day), 11 - position)
    return Quarter(first_day=first, last_day=month_end(add_months(first, 2)), name=f"{year_end.year}-Q{position // 3 + 1}")


def fiscal_quarters(first: date, last: date, fiscal_year_starts: int) -> list[Quarter]:
    """Every fiscal quarter that touches [first, last], in order."""
    quarters = [fiscal_quarter(first, fiscal_year_starts)]
    while quarters[-1].last_day < last:
        quarters.append(fiscal_quarter(quarters[-1].last_day + timedelta(days=1), fiscal_year_starts))
    return quarters


def fiscal_year_start(day: date, fiscal_year_starts: int) -> date:
    """The first day of the fiscal year that contains the day."""
    return add_months(month_of(day), -((day.month - fiscal_year_starts) % 12))


def fiscal_half_year_start(day: date, fiscal_year_starts: int) -> date:
    """The first day of the fiscal half-year that contains the day."""
    return add_months(month_of(day), -((day.month - fiscal_year_starts) % 6))


def complete_months(until: date, count: int) -> list[date]:
    """The last `count` whole calendar months that ended by then, oldest first."""
    last = month_of(until) if until == month_end(until) else add_months(month_of(until), -1)
    return [add_months(last, back - count + 1) for back in range(count)]
