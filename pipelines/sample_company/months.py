"""Calendar months: lists of first days and their lengths. No money and no rows here."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def add_months(month: date, count: int) -> date:
    """The first day of the month `count` months after (before, if negative) the month that starts at `month`."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def months_ending(last_month: date, count: int) -> tuple[date, ...]:
    """`count` first days of months, oldest first, the last of them `last_month`."""
    return tuple(add_months(last_month, offset) for offset in range(1 - count, 1))


def days_of(month: date) -> int:
    """How many days the month has."""
    return calendar.monthrange(month.year, month.month)[1]


def last_day(month: date) -> date:
    """The month's last day."""
    return month.replace(day=days_of(month))


def each_day(month: date) -> tuple[date, ...]:
    """All days of the month, in order."""
    return tuple(month + timedelta(days=offset) for offset in range(days_of(month)))


def name_of(month: date) -> str:
    """`2026-09`, as billing periods are written."""
    return f"{month:%Y-%m}"
