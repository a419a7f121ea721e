from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.config import PeopleRate
from models.economics.people import daily_fte, over_allocated, overlaps, standard_rates
from models.errors import ConfigError

JUNE_END = date(2026, 6, 30)
BOOKS = Path(__file__).resolve().parents[3] / "../shared/cases/books/people.csv"

# 8 people of the books case: role, target, activity, end (None: 2026-06-30), %, loaded
BOOKS_ROWS = [
    ("ml_engineer", "workload:alpha", "operations", None, 50, 231000),
    ("ml_engineer", "workload:alpha", "operations", date(2026, 5, 31), 25, 242300),
    ("ml_engineer", "pool:shared", "operations", None, 100, 255750),
    ("ml_engineer", "workload:gamma", "operations", None, 20, 248100),
    ("ml_engineer", "platform", "operations", None, 100, 260900),
    ("ml_engineer", "workload:gamma", "product", None, 10, 237450),
    ("sre", "pool:shared", "operations", None, 50, 205000),
    ("sre", "platform", "operations", None, 40, 219500),
]


def people(rows: list[dict[str, Any]]) -> pl.DataFrame:
    defaults = {"role": "engineer", "target": "platform", "activity": "operations", "start": date(2026, 5, 1), "end": None}
    filled = [{"row_number": number, "person_key": f"k{number}", **defaults, **row} for number, row in enumerate(rows, start=1)]
    return pl.DataFrame(
        [{**row, "allocation_pct": Decimal(str(row["allocation_pct"])), "annual_loaded": Decimal(str(row["annual_loaded"]))} for row in filled],
        schema={
            "row_number": pl.Int64,
            "person_key": pl.String,
            "role": pl.String,
            "target": pl.String,
            "activity": pl.String,
            "start": pl.Date,
            "end": pl.Date,
            "allocation_pct": pl.Decimal(9, 4),
            "annual_loaded": pl.Decimal(38, 12),
        },
        orient="row",
    )


def books() -> pl.DataFrame:
    names = ("role", "target", "activity", "end", "allocation_pct", "annual_loaded")
    return people([dict(zip(names, row, strict=True)) for row in BOOKS_ROWS])


def team(role: str, heads: int, pct: float = 100, loaded: int = 200_000, **more: Any) -> list[dict[str, Any]]:
    return [{"role": role, "person_key": f"{role}-{n}", "allocation_pct": pct, "annual_loaded": loaded, **more} for n in range(heads)]


def rates_of(rows: pl.DataFrame, until: date = JUNE_END, min_people: int = 5, **more: Any) -> dict[str, tuple[str, Any]]:
    rates = standard_rates(rows, until=until, min_people=min_people, fiscal_year_starts=1, **more)
    return {row["role"]: (row["role_group"], row["annual_rate"]) for row in rates.iter_rows(named=True)}


def cost(rows: pl.DataFrame, until: date, first: date, last: date, **keys: str) -> Decimal:
    """Sum of pct / 100 x rate / 12 / days of the month, exactly as the caller books it (30- and 31-day months here)."""
    rates = standard_rates(rows, until=until, min_people=5, fiscal_year_starts=1)
    days = daily_fte(rows, rates, until).filter(pl.col("usage_date").is_between(first, last))
    for name, value in keys.items():
        days = days.filter(pl.col(name) == value)
    length = 31 if first.month == 5 else 30
    return sum((row["allocation_pct"] * row["annual_rate"] for row in days.iter_rows(named=True)), Decimal(0)) / 100 / 12 / length


def test_a_small_role_takes_in_the_next_until_it_hides_everyone() -> None:
    assert rates_of(books()) == {"ml_engineer": ("other", Decimal(242000)), "sre": ("other", Decimal(242000))}


@pytest.mark.skipif(not BOOKS.exists(), reason="the case is not beside this repository")
def test_the_books_case_file() -> None:
    read = pl.read_csv(BOOKS, try_parse_dates=True)
    rows = people([{**row, "annual_loaded": row["annual_loaded"]} for row in read.drop("person_id", "currency").iter_rows(named=True)])
    assert {rate for _, rate in rates_of(rows).values()} == {Decimal(242000)}


def test_people_of_may_and_june_in_all() -> None:
    assert cost(books(), JUNE_END, date(2026, 5, 1), date(2026, 5, 31)) == pytest.approx(Decimal("79658.3333"), abs=Decimal("0.001"))
    assert cost(books(), JUNE_END, date(2026, 6, 1), JUNE_END) == pytest.approx(Decimal("74616.6667"), abs=Decimal("0.001"))


def test_a_month_costs_fte_times_rate_over_twelve() -> None:
    # 0.75 FTE on alpha in May x 242,000 / 12
    assert cost(books(), JUNE_END, date(2026, 5, 1), date(2026, 5, 31), target="workload:alpha") == pytest.approx(
        Decimal(15125), abs=Decimal("0.001")
    )


def test_large_roles_are_groups_of_their_own() -> None:
    rows = people(team("dev", 5, loaded=200_400) + team("ops", 6, loaded=180_500))
    assert rates_of(rows) == {"dev": ("dev", Decimal(200000)), "ops": ("ops", Decimal(181000))}


def test_a_role_of_one_joins_other() -> None:
    rows = people(team("lead", 1, 100, 400_000) + team("dev", 6, 100, 200_000) + team("ops", 7, 50, 150_000))
    rates = rates_of(rows)
    assert rates["ops"] == ("ops", Decimal(150000))
    assert rates["lead"][0] == rates["dev"][0] == "other"  # dev (6 heads) is the next smallest


def test_the_weights_are_fte_not_heads() -> None:
    rows = people(
        team("dev", 4, 10, 100_000) + [{"role": "dev", "person_key": f"full-{n}", "allocation_pct": 100, "annual_loaded": 300_000} for n in (1, 2)]
    )
    assert rates_of(rows)["dev"][1] == Decimal(267000)  # (0.4 x 100,000 + 2 x 300,000) / 2.4 = 266,667


def test_too_few_people_need_configured_rates() -> None:
    rows = people(team("dev", 2, loaded=123_456))
    with pytest.raises(ConfigError) as refused:
        rates_of(rows)
    assert "role dev" in str(refused.value)
    assert "123" not in str(refused.value)
    assert "dev-0" not in str(refused.value)


def test_configured_rates_cover_them() -> None:
    rates = (PeopleRate(role="dev", annual_rate=Decimal(240000), valid_from=date(2026, 1, 1)),)
    assert rates_of(people(team("dev", 2)), configured_rates=rates) == {"dev": ("dev", Decimal(240000))}


def test_a_configured_rate_that_starts_too_late_is_refused() -> None:
    rates = (PeopleRate(role="dev", annual_rate=Decimal(240000), valid_from=date(2026, 6, 1)),)
    with pytest.raises(ConfigError):
        rates_of(people(team("dev", 2)), configured_rates=rates)


def test_a_dated_configured_rate_splits_the_half_year() -> None:
    dated = [PeopleRate(role="dev", annual_rate=Decimal(n), valid_from=day) for n, day in ((240000, date(2026, 1, 1)), (250000, date(2026, 6, 1)))]
    rates = standard_rates(people(team("dev", 2)), until=JUNE_END, min_people=5, fiscal_year_starts=1, configured_rates=dated)
    assert rates["valid_from"].to_list() == [date(2026, 1, 1), date(2026, 6, 1)]
    assert rates["valid_to"].to_list() == [date(2026, 5, 31), date(2026, 6, 30)]


def test_configured_rates_are_for_where_they_are_asked_for_only() -> None:
    rates = (PeopleRate(role="dev", annual_rate=Decimal(1), valid_from=date(2026, 1, 1)),)
    assert rates_of(people(team("dev", 5)), configured_rates=rates) == {"dev": ("dev", Decimal(200000))}


def test_a_role_that_appears_within_the_half_year_takes_the_largest_groups_rate() -> None:
    rows = people(team("dev", 5) + team("ops", 6, loaded=150_000) + team("new", 1, loaded=999_000, start=date(2026, 6, 15)))
    assert rates_of(rows)["new"] == ("ops", Decimal(150000))


def test_a_rate_stays_for_the_half_year_and_is_set_anew_in_the_next() -> None:
    raised = team("dev", 5, loaded=300_000, start=date(2026, 6, 1))
    rows = people(team("dev", 5, end=date(2026, 5, 31)) + raised)
    rates = standard_rates(rows, until=date(2026, 7, 31), min_people=5, fiscal_year_starts=1)
    assert rates["annual_rate"].to_list() == [Decimal(200000), Decimal(300000)]
    assert rates["valid_from"].to_list() == [date(2026, 1, 1), date(2026, 7, 1)]


def test_the_fiscal_year_moves_the_half_years() -> None:
    rates = standard_rates(people(team("dev", 5)), until=JUNE_END, min_people=5, fiscal_year_starts=10)
    assert rates["valid_from"].to_list() == [date(2026, 4, 1)]
    assert rates["valid_to"].to_list() == [date(2026, 9, 30)]


def test_with_min_people_1_everyone_is_at_their_own_exact_rate() -> None:
    rows = people([{"allocation_pct": 30, "annual_loaded": "259000.01"}, {"allocation_pct": 50, "annual_loaded": 245000}])
    rates = standard_rates(rows, until=JUNE_END, min_people=1, fiscal_year_starts=1)
    days = daily_fte(rows, rates, date(2026, 5, 1))
    assert days["annual_rate"].to_list() == [Decimal(245000), Decimal("259000.01")]
    assert set(days["role_group"]) == {"own rate"}


def test_what_lies_after_until_waits() -> None:
    rows = people([*team("dev", 5), *team("late", 5, start=date(2026, 8, 1))])
    rates = standard_rates(rows, until=JUNE_END, min_people=5, fiscal_year_starts=1)
    assert set(rates["role"]) == {"dev"}
    assert daily_fte(rows, rates, JUNE_END)["usage_date"].max() == JUNE_END


def test_rows_at_the_same_rate_are_one_line_a_day() -> None:
    rows = people(team("dev", 5, 20))
    days = daily_fte(rows, standard_rates(rows, until=JUNE_END, min_people=5, fiscal_year_starts=1), JUNE_END)
    assert days.height == 61
    assert set(days["allocation_pct"]) == {Decimal(100)}


def test_nobody_at_all() -> None:
    rates = standard_rates(people([]), until=JUNE_END, min_people=5, fiscal_year_starts=1)
    assert rates.is_empty()
    assert daily_fte(people([]), rates, JUNE_END).is_empty()


def test_overlapping_rows_of_one_person_target_and_activity() -> None:
    mine = {"person_key": "a", "allocation_pct": 10, "annual_loaded": 1}
    rows = people(
        [
            {**mine, "end": date(2026, 5, 31)},
            {**mine, "start": date(2026, 5, 31), "end": date(2026, 6, 30)},  # shares a day with the first
            {**mine, "start": date(2026, 7, 1)},
            {**mine, "activity": "product"},
            {**mine, "target": "pool:p"},
            {**mine, "person_key": "b"},
        ]
    )
    assert overlaps(rows) == [1, 2]


def test_a_person_over_100_percent() -> None:
    mine = {"person_key": "a", "annual_loaded": 1}
    rows = people(
        [
            {**mine, "allocation_pct": 60},
            {**mine, "allocation_pct": 40, "target": "pool:p", "end": date(2026, 5, 31)},
            {**mine, "allocation_pct": "40.01", "target": "pool:p", "start": date(2026, 6, 1)},
            {**mine, "allocation_pct": 100, "person_key": "b"},
        ]
    )
    assert over_allocated(rows) == [1, 3]


def test_a_role_that_one_dominates_joins_other_however_many_it_has() -> None:
    lead = [{"role": "lead", "person_key": "boss", "allocation_pct": 100, "annual_loaded": 400_000}, *team("lead", 5, 1, 100_000)]
    assert {group for group, _ in rates_of(people(lead + team("dev", 6))).values()} == {"other"}


def test_one_who_dominates_all_needs_configured_rates() -> None:
    with pytest.raises(ConfigError):
        rates_of(people([{"person_key": "boss", "allocation_pct": 100, "annual_loaded": 400_000}, *team("dev", 6, 1)]))
