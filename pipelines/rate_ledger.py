"""Standard rates of people that were published stay for their half-year: the append-only ledger that holds them, and what is in force.

Rates computed anew from corrected or added salaries would tell these by subtraction of two publications (contract section 4), so the first
published ones are kept in `state/ledger/people_rates.jsonl`, one JSON object a line, each with the sha256 of the line before it. Not here:
groups and their rates (`models.economics.people`). Configured rates come from no salary and are never frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from models.config import PeopleRate
from models.economics.people import OTHER, RATES, standard_rates
from models.economics.periods import add_months, fiscal_half_year_start, month_end, month_of
from models.errors import ConfigError
from pipelines.chain import Chain

FROM_PEOPLE = "standard rate of the role group"
FROM_CONFIGURATION = "configuration"
RATES_IN_FORCE: dict[str, pl.DataType] = {**RATES, "source": pl.String(), "is_frozen": pl.Boolean()}

CHAIN = Chain(
    "people_rates",
    ("valid_from", "valid_to", "role", "role_group", "annual_rate", "currency"),
    "people's standard rates",
    "rates are then computed anew from today's people files, and what was published at the old rates will change",
)


def frozen_rates(state: Path, currency: str) -> pl.DataFrame:
    """The rates of earlier publications in this reporting currency, in the columns of RATES; raises CrossoverError where a line was changed."""
    rates = []
    for line in CHAIN.read(state):
        if line["currency"] == currency:
            span = (date.fromisoformat(line["valid_from"]), date.fromisoformat(line["valid_to"]))
            rates.append((line["role"], line["role_group"], Decimal(line["annual_rate"]), *span))
    return pl.DataFrame(rates, schema=RATES, orient="row")


def freeze_rates(state: Path, rates: pl.DataFrame, currency: str) -> int:
    """Append the published rates (columns of RATES_IN_FORCE) that came from people and are not frozen yet; returns how many.

    The file is replaced as a whole, so that a kill leaves the old lines or all of them.
    """
    new = rates.filter(~pl.col("is_frozen") & (pl.col("source") == FROM_PEOPLE)).sort("valid_from", "role")
    if new.is_empty():
        return 0
    rows = new.select("valid_from", "valid_to", "role", "role_group", "annual_rate").rows()
    CHAIN.append(state, [[*(str(value) for value in row), currency] for row in rows])
    return len(new)


def rates_in_force(
    rows: pl.DataFrame, frozen: pl.DataFrame, *, until: date, min_people: int, fiscal_year_starts: int, configured_rates: Sequence[PeopleRate]
) -> pl.DataFrame:
    """The rate of each role in each fiscal half-year up to `until`, in the columns of RATES_IN_FORCE: frozen where one is, else standard_rates.

    `rows` are person-level as standard_rates takes them, `frozen` has the columns of RATES. A role that a frozen half-year doesn't know
    takes its rate of `other`, else of the group with most people in its first month, and is not frozen yet. Raises ConfigError as
    standard_rates does.
    """
    pieces = [pl.DataFrame(schema=RATES_IN_FORCE)]
    allocating = rows.filter(pl.col("allocation_pct") > 0)
    first = allocating["start"].min()
    half_year = fiscal_half_year_start(first, fiscal_year_starts) if isinstance(first, date) else until + timedelta(days=1)
    while half_year <= until:
        following = add_months(half_year, 6)
        last = min(following - timedelta(days=1), until)
        present = _within(allocating, half_year, last)
        known = frozen.filter(pl.col("valid_from") == half_year)
        if not present.is_empty():
            if known.is_empty() or min_people <= 1:
                pieces.append(_computed(present, last, min_people, fiscal_year_starts, configured_rates))
            else:
                pieces.append(_kept(present, known))
        half_year = following
    return pl.concat(pieces).sort("valid_from", "role")


def _within(rows: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """The rows cut to a span of days."""
    start, end = pl.max_horizontal("start", pl.lit(first)), pl.min_horizontal(pl.col("end").fill_null(last), pl.lit(last))
    return rows.with_columns(start=start, end=end).filter(pl.col("start") <= pl.col("end"))


def _computed(present: pl.DataFrame, until: date, min_people: int, fiscal_year_starts: int, configured_rates: Sequence[PeopleRate]) -> pl.DataFrame:
    """The rates that the half-year's people make, else, where they are too few, the configured ones."""
    try:
        rates = standard_rates(present, until=until, min_people=min_people, fiscal_year_starts=fiscal_year_starts)
        source = FROM_PEOPLE
    except ConfigError:
        rates = standard_rates(present, until=until, min_people=min_people, fiscal_year_starts=fiscal_year_starts, configured_rates=configured_rates)
        source = FROM_CONFIGURATION
    return rates.with_columns(source=pl.lit(source), is_frozen=pl.lit(False))


def _kept(present: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The frozen rates of one half-year for the roles that it has now."""
    roles = present.select("role").unique()
    frozen = known.join(roles, on="role", how="semi").with_columns(source=pl.lit(FROM_PEOPLE), is_frozen=pl.lit(True))
    others = roles.join(known, on="role", how="anti")
    like = known.filter(pl.col("role_group") == _group_of_unknown(present, known)).head(1).drop("role")
    appeared = others.join(like, how="cross").with_columns(source=pl.lit(FROM_PEOPLE), is_frozen=pl.lit(False))
    return pl.concat([frozen, appeared.select(frozen.columns)])


def _group_of_unknown(present: pl.DataFrame, known: pl.DataFrame) -> str:
    """The group whose rate a role takes that the half-year's first month doesn't know: the rule of models.economics.people."""
    groups = set(known["role_group"])
    if OTHER in groups:
        return OTHER
    first = present["start"].min()
    assert isinstance(first, date)
    in_first_month = present.filter(pl.col("start") <= month_end(month_of(first))).join(known, on="role")
    heads: dict[str, int] = dict(in_first_month.group_by("role_group").agg(pl.col("person_key").n_unique()).iter_rows())
    largest: str = max(groups, key=lambda group: (heads.get(group, 0), group))
    return largest
