"""Standard costing of people: what may be said about them outside the private side.

Here: role groups large enough to hide in, their standard rates, and FTE per day at those rates (contract section 4). Exact arithmetic: the
caller books money from it. Not here: reading people's files, sharing platform people over workloads (SQL). No message and no result of this
module holds a person's key or salary; with min_people 1 the salary itself is the rate, as the configuration asks.

Frames of person-level rows have: row_number, person_key, role, target, activity, start, end (inclusive; null: still running),
allocation_pct (Decimal, 0-100), annual_loaded (Decimal, reporting currency).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl

from models.config import PeopleRate
from models.economics.periods import add_months, days_in_month, fiscal_half_year_start, month_end, month_of
from models.errors import ConfigError

OTHER = "other"
OWN_RATE = "own rate"
ROUNDED_TO = 1000
"""Standard rates are rounded to this, per year."""

# Six sixths of a person, each rounded to six decimals or more, are a little more than one.
_ROUNDING = Decimal("0.00001")

RATES: dict[str, pl.DataType] = {
    "role": pl.String(),
    "role_group": pl.String(),
    "annual_rate": pl.Decimal(38, 12),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
}
DAILY_FTE: dict[str, pl.DataType] = {
    "usage_date": pl.Date(),
    "target": pl.String(),
    "activity": pl.String(),
    "role_group": pl.String(),
    "annual_rate": pl.Decimal(38, 12),
    "allocation_pct": pl.Decimal(38, 12),
}


@dataclass(frozen=True, repr=False)
class _Allocation:
    """One person-level row up to `until`. Without a repr: it would hold a person."""

    row_number: int
    person_key: str
    role: str
    target: str
    activity: str
    start: date
    end: date
    allocation_pct: Decimal
    annual_loaded: Decimal

    def fte(self, month: date) -> Fraction:
        """FTE of the month: calendar days covered / days of the month x allocation."""
        days = (min(self.end, month_end(month)) - max(self.start, month)).days + 1
        return Fraction(max(days, 0), days_in_month(month)) * Fraction(self.allocation_pct) / 100


@dataclass(frozen=True, repr=False)
class _Group:
    """The allocations of a month that share a rate."""

    name: str
    allocations: tuple[_Allocation, ...]
    month: date

    @property
    def fte_by_person(self) -> dict[str, Fraction]:
        fte: dict[str, Fraction] = {}
        for allocation in self.allocations:
            fte[allocation.person_key] = fte.get(allocation.person_key, Fraction(0)) + allocation.fte(self.month)
        return fte

    @property
    def heads(self) -> int:
        return len(self.fte_by_person)

    def hides_everyone(self, min_people: int) -> bool:
        """Whether it has people enough, and none of them has over half of its FTE."""
        fte = self.fte_by_person
        return len(fte) >= min_people and 2 * max(fte.values()) <= sum(fte.values())

    def joined_by(self, other: _Group) -> _Group:
        return _Group(self.name, (*self.allocations, *other.allocations), self.month)

    @property
    def annual_rate(self) -> Decimal:
        """Loaded cost / FTE, rounded to 1,000 a year, a half upwards."""
        fte = sum(self.fte_by_person.values(), Fraction(0))
        loaded = sum((Fraction(each.annual_loaded) * each.fte(self.month) for each in self.allocations), Fraction(0))
        return Decimal(math.floor(loaded / fte / ROUNDED_TO + Fraction(1, 2)) * ROUNDED_TO)


def standard_rates(
    rows: pl.DataFrame, *, until: date, min_people: int, fiscal_year_starts: int, configured_rates: Sequence[PeopleRate] = ()
) -> pl.DataFrame:
    """The rate of each role in each fiscal half-year up to `until`: role, role_group, annual_rate, valid_from, valid_to (both inclusive).

    A group is a role with min_people people of whom none has over half of its FTE; smaller ones join `other`, which takes in the next
    smallest role until it hides everyone too. The rate is that of the half-year's first month with people. A role that appears within the
    half-year takes the rate of `other`, else of the largest group. With min_people 1 the rate is null: everyone's own.
    Where too few people are there in all, or one dominates all, configured_rates must cover every role, else ConfigError.
    """
    allocations = _allocations(rows, until)
    if not allocations:
        return pl.DataFrame(schema=RATES)
    first = min(allocation.start for allocation in allocations)
    rates: list[tuple[str, str, Decimal | None, date, date]] = []
    half_year = fiscal_half_year_start(first, fiscal_year_starts)
    while half_year <= until:
        following = add_months(half_year, 6)
        last = min(following - timedelta(days=1), until)
        present = [each for each in allocations if each.start <= last and each.end >= half_year]
        roles = sorted({allocation.role for allocation in present})
        if min_people <= 1:
            rates += [(role, OWN_RATE, None, half_year, following - timedelta(days=1)) for role in roles]
        elif roles:
            month = month_of(min(max(allocation.start, half_year) for allocation in present))
            groups = _groups([each for each in present if each.fte(month) > 0], month, min_people)
            if groups is None:
                rates += _configured(roles, configured_rates, half_year, following - timedelta(days=1), max(half_year, first), min_people)
            else:
                rates += [(role, *_rate_of(role, groups), half_year, following - timedelta(days=1)) for role in roles]
        half_year = following
    return pl.DataFrame(rates, schema=RATES, orient="row").sort("valid_from", "role")


def daily_fte(rows: pl.DataFrame, rates: pl.DataFrame, until: date) -> pl.DataFrame:
    """FTE by day: usage_date, target, activity, role_group, annual_rate, allocation_pct (summed), sorted by all but the last.

    A day's cost is allocation_pct / 100 x annual_rate / 12 / days of the month, so a month's is its FTE x annual_rate / 12.
    """
    known: dict[str, list[tuple[date, date, str, Decimal | None]]] = {}
    for row in rates.iter_rows(named=True):
        known.setdefault(row["role"], []).append((row["valid_from"], row["valid_to"], row["role_group"], row["annual_rate"]))
    spells = []
    for allocation in _allocations(rows, until):
        for valid_from, valid_to, group, annual_rate in known.get(allocation.role, []):
            start, end = max(allocation.start, valid_from), min(allocation.end, valid_to)
            if start <= end:
                rate = allocation.annual_loaded if annual_rate is None else annual_rate
                spells.append((start, end, allocation.target, allocation.activity, group, rate, allocation.allocation_pct))
    schema = {"start": pl.Date(), "end": pl.Date(), **{name: kind for name, kind in DAILY_FTE.items() if name != "usage_date"}}
    grain = ["usage_date", "target", "activity", "role_group", "annual_rate"]
    return (
        pl.DataFrame(spells, schema=schema, orient="row")
        .with_columns(usage_date=pl.date_ranges("start", "end"))
        .explode("usage_date")
        .group_by(grain)
        .agg(pl.col("allocation_pct").sum())
        .cast({"allocation_pct": pl.Decimal(38, 12)})
        .select(list(DAILY_FTE))
        .sort(grain)
    )


def overlaps(rows: pl.DataFrame) -> list[int]:
    """Row numbers of all rows of the same person, target and activity whose periods overlap."""
    groups: dict[tuple[str, str, str], list[_Allocation]] = {}
    for allocation in _allocations(rows, date.max):
        groups.setdefault((allocation.person_key, allocation.target, allocation.activity), []).append(allocation)
    found: set[int] = set()
    for group in groups.values():
        group.sort(key=lambda allocation: (allocation.start, allocation.end))
        longest = group[0]
        for allocation in group[1:]:
            if allocation.start <= longest.end:
                found |= {longest.row_number, allocation.row_number}
            longest = max(longest, allocation, key=lambda each: each.end)
    return sorted(found)


def over_allocated(rows: pl.DataFrame) -> list[int]:
    """Row numbers of all rows that run on a day on which their person's allocations sum to over 100 %."""
    by_person: dict[str, list[_Allocation]] = {}
    for allocation in _allocations(rows, date.max):
        by_person.setdefault(allocation.person_key, []).append(allocation)
    found: set[int] = set()
    for group in by_person.values():
        for day in {allocation.start for allocation in group}:  # a sum only rises on a day on which a row starts
            running = [allocation for allocation in group if allocation.start <= day <= allocation.end]
            if sum(allocation.allocation_pct for allocation in running) > 100 + _ROUNDING:
                found |= {allocation.row_number for allocation in running}
    return sorted(found)


def _allocations(rows: pl.DataFrame, until: date) -> list[_Allocation]:
    """The rows as far as they have begun by `until`, cut there. Rows that end before they start, or allocate nothing, say nothing."""
    found = []
    for row in rows.iter_rows(named=True):
        end = min(row["end"] or until, until)
        if row["start"] <= end and row["allocation_pct"] > 0:
            names = (row["row_number"], row["person_key"], row["role"], row["target"], row["activity"])
            found.append(_Allocation(*names, row["start"], end, row["allocation_pct"], row["annual_loaded"]))
    return sorted(found, key=lambda allocation: (allocation.start, allocation.row_number))


def _groups(present: Iterable[_Allocation], month: date, min_people: int) -> dict[str, _Group] | None:
    """The month's groups by role; None where even all people together don't hide each of them."""
    by_role: dict[str, list[_Allocation]] = {}
    for allocation in present:
        by_role.setdefault(allocation.role, []).append(allocation)
    roles = {role: _Group(role, tuple(allocations), month) for role, allocations in by_role.items()}
    groups = {role: group for role, group in roles.items() if group.hides_everyone(min_people)}
    small = [role for role in roles if role not in groups]
    if not small:
        return groups
    other = _Group(OTHER, (), month)
    for role in small:
        other = other.joined_by(roles[role])
    joining = sorted(groups, key=lambda role: (groups[role].heads, role))
    while not other.hides_everyone(min_people):
        if not joining:
            return None
        role = joining.pop(0)
        other = other.joined_by(groups.pop(role))
        small.append(role)
    return {**groups, **dict.fromkeys(small, other)}


def _rate_of(role: str, groups: dict[str, _Group]) -> tuple[str, Decimal]:
    """Group and rate of a role; one that the first month doesn't know takes those of `other`, else of the largest group."""
    group = groups.get(role) or next((each for each in groups.values() if each.name == OTHER), None)
    if group is None:
        group = max(groups.values(), key=lambda each: (each.heads, each.name))
    return group.name, group.annual_rate


def _configured(
    roles: Sequence[str], configured: Sequence[PeopleRate], half_year: date, half_year_end: date, needed_from: date, min_people: int
) -> list[tuple[str, str, Decimal | None, date, date]]:
    """The configured rates in force within the half-year, each role a group of its own."""
    found: list[tuple[str, str, Decimal | None, date, date]] = []
    for role in roles:
        dated = sorted((rate.valid_from or date.min, rate.annual_rate) for rate in configured if rate.role == role)
        if not dated or dated[0][0] > needed_from:
            raise ConfigError(
                "Too few people share their cost for a standard rate",
                where="assumptions.people_rates",
                found=f"no rate of role {role} from {needed_from.isoformat()} on",
                expected=f"{min_people} people or more of whom none has over half of the FTE, or a configured rate of every role",
                todo="add {role, annual_rate, valid_from} to people_rates, or say privacy: {min_people: 1}",
            )
        for (start, annual_rate), following in zip(dated, [*dated[1:], (date.max, Decimal(0))], strict=True):
            first, last = max(start, half_year), min(following[0] - timedelta(days=1), half_year_end)
            if first <= last:
                found.append((role, role, annual_rate, first, last))
    return found
