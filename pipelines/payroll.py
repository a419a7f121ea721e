"""People: from the private landed projection to standard cost per day, in memory.

Persons and salaries are read from `state/landing/<source>/` (mode 0600) into memory and never enter the warehouse: it gets the cost of
FTE at standard rates (contract section 4). Not here: pseudonymisation (`connectors.people.projection`), rates and groups (`models.economics.people`),
sharing platform and pool people (`dbt_like_sql/allocation`).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import duckdb
import polars as pl

from models.config import Company
from models.contracts import feeds
from models.contracts.raw import PEOPLE
from models.economics.people import OWN_RATE, daily_fte, over_allocated, overlaps
from models.economics.periods import add_months, month_end, month_of
from models.errors import ConfigError
from pipelines import sql_models
from pipelines.fx import RATE_STEP, monthly_rates
from pipelines.landing_view import landing_view_sql, unreadable_columns
from pipelines.rate_ledger import RATES_IN_FORCE, frozen_rates, rates_in_force
from pipelines.warehouse import connect, one

_DAY = (
    "source_id VARCHAR, usage_date DATE, target_kind VARCHAR, target_id VARCHAR, activity VARCHAR, role_group VARCHAR, annual_rate DECIMAL(38, 12), "
    "allocation_pct DECIMAL(38, 12), effective_cost DECIMAL(38, 12), is_refused BOOLEAN"
)
_CURRENCY = re.compile("[A-Z]{3}")
# Allocation x rate / 12 of the month up to a day, less the same up to the day before: days are rounded, whole months are not.
_MONTHLY = "CAST(allocation_pct AS DOUBLE) * CAST(annual_rate AS DOUBLE) / 1200"
_COST = (
    f"CAST(round({_MONTHLY} * day(usage_date) / day(last_day(usage_date)), 12) AS DECIMAL(38, 12)) "
    f"- CAST(round({_MONTHLY} * (day(usage_date) - 1) / day(last_day(usage_date)), 12) AS DECIMAL(38, 12))"
)
_RATE = "role VARCHAR, role_group VARCHAR, annual_rate DECIMAL(38, 12), valid_from DATE, valid_to DATE, source VARCHAR"


def cost_people(con: duckdb.DuckDBPyConnection, company: Company, as_of: date) -> pl.DataFrame:
    """Replace `facts.people_day`, `facts.people_rate` and the people's part of quarantine and findings, from all landed people files.

    Returns the rates in force (`rate_ledger.RATES_IN_FORCE`), for the ledger once they are published; none where everyone is costed at
    their own. Raises ConfigError where too few people would stand behind a published rate. No key, name or salary leaves this function.
    """
    _check_rate_currencies(company)
    rows = _staged(con, company)
    con.execute(f"CREATE OR REPLACE TABLE facts.people_day ({_DAY})")
    con.execute(f"CREATE OR REPLACE TABLE facts.people_rate ({_RATE})")
    people_sources = [source.id for source in company.sources if source.kind == "people"]
    con.execute("DELETE FROM ledger.quarantine WHERE list_contains(?, source_id)", [people_sources])
    con.execute("DELETE FROM ledger.finding WHERE list_contains(?, source_id) AND delivery <> '*'", [people_sources])
    if rows.is_empty():
        return pl.DataFrame(schema=RATES_IN_FORCE)
    _note_shares(con, rows)
    rows, refusals = _refusals(con, company, rows, as_of)
    refused = refusals["row_number"].unique()
    accepted = rows.filter(~pl.col("row_number").is_in(refused.implode()))
    rates = rates_in_force(
        accepted.select(_ECONOMICS),
        frozen_rates(company.paths.state, company.currency),
        until=as_of,
        min_people=company.privacy.min_people,
        fiscal_year_starts=company.fiscal_year_starts,
        configured_rates=company.assumptions.people_rates,
    )
    for source_id in rows["source_id"].unique().sort():
        _book(con, source_id, accepted.filter(pl.col("source_id") == source_id), rates, as_of, is_refused=False)
    _quarantine(con, rows, refusals, rates, as_of)
    published = rates.filter(pl.col("role_group") != OWN_RATE)
    con.register("rates", published.drop("is_frozen"))
    con.execute("INSERT INTO facts.people_rate SELECT * FROM rates")
    con.unregister("rates")
    return published


def _check_rate_currencies(company: Company) -> None:
    """A configured rate stands in the reporting currency: it stays for its time, and an exchange rate doesn't."""
    for rate in company.assumptions.people_rates:
        if rate.currency not in (None, company.currency):
            raise ConfigError(
                f"the people rate of {rate.role} is in {rate.currency}",
                where="assumptions.people_rates",
                found=str(rate.currency),
                expected=f"{company.currency}, the reporting currency",
                todo="convert the rate and leave its currency out",
            )


_ECONOMICS = ["row_number", "person_key", "role", "target", "activity", "start", "end", "allocation_pct", "annual_loaded"]


def _staged(con: duckdb.DuckDBPyConnection, company: Company) -> pl.DataFrame:
    """Every row of every current people file, through the same view and staging SQL as other sources, in a database of memory only."""
    frames = []
    kinds = {source.id for source in company.sources if source.kind == "people"}
    deliveries = con.execute(
        "SELECT source_id, delivery, f.columnar FROM ledger.delivery_file f JOIN ledger.delivery d USING (source_id, delivery, version) "
        "WHERE d.superseded_at IS NULL AND d.kind = 'people' ORDER BY 1, 2"
    ).fetchall()
    with connect() as memory:
        memory.execute("CREATE SCHEMA landing")
        memory.execute("CREATE SCHEMA staging")
        memory.execute("SET temp_directory = ''")  # nothing of people may spill to disk
        for source_id, delivery, columnar in deliveries:
            if source_id not in kinds:
                continue
            where, file = f"source {source_id}, file {delivery}", company.paths.state / columnar
            physical = {str(c[0]): str(c[1]) for c in memory.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()}
            view = landing_view_sql(PEOPLE, [file], physical, where=where, columns={}, constants={}, timezone="UTC")
            memory.execute(f"CREATE OR REPLACE VIEW landing.people AS {view}")
            memory.execute(f"CREATE OR REPLACE VIEW staging.people AS {sql_models.models()['staging.people'].text}")
            frame = memory.sql("SELECT * FROM staging.people ORDER BY row_number").pl()
            frames.append(frame.with_columns(source_id=pl.lit(source_id), delivery=pl.lit(delivery)))
    if not frames:
        return pl.DataFrame()
    # one number per row over all files, so that overlaps are seen across files
    rows: pl.DataFrame = pl.concat(frames).rename({"row_number": "file_row_number"}).with_row_index("row_number", 1)
    return rows.cast({"row_number": pl.Int64})


def _refusals(con: duckdb.DuckDBPyConnection, company: Company, rows: pl.DataFrame, as_of: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with targets resolved and salaries loaded, in monthly pieces at each month's rate; and what is refused, with reasons."""
    names = {name: workload.id for workload in company.workloads for name in (workload.id, *workload.aliases)}
    pools = {pool.id for pool in company.pools}
    contract = feeds.PeopleAllocations
    checked = rows.select(list(contract.to_schema().columns))
    found = [feeds.violations(contract, checked, "row_number")]
    unreadable = rows.filter(pl.col("unreadable") != 0)
    unread = [f"{' and '.join(unreadable_columns(PEOPLE, mask))} can't be read" for mask in unreadable["unreadable"]]
    found.append(_reasons(unreadable["row_number"].to_list(), unread))
    dangling = [
        (row["row_number"], f"target {row['target_kind']}:{row['target_id']} is not configured")
        for row in rows.select("row_number", "target_kind", "target_id").iter_rows(named=True)
        if (row["target_kind"] == "workload" and row["target_id"] not in names) or (row["target_kind"] == "pool" and row["target_id"] not in pools)
    ]
    found.append(_reasons([n for n, _ in dangling], [reason for _, reason in dangling]))
    resolved = pl.col("target_id").replace(names)
    rows = rows.with_columns(
        target_id=pl.when(pl.col("target_kind") == "workload").then(resolved).otherwise("target_id"),
        start=pl.col("start_date"),
        end=pl.col("end_date"),
    ).with_columns(target=pl.concat_str(["target_kind", "target_id"], separator=":", ignore_nulls=True))
    rows, unconverted = _loaded(con, company, rows, as_of)
    found.append(_reasons([n for n, _ in unconverted], [f"no exchange rate from {currency} to {company.currency}" for _, currency in unconverted]))
    broken = pl.concat(found)["row_number"].unique()
    whole = rows.filter(~pl.col("row_number").is_in(broken.implode())).unique("row_number")
    whole = whole.with_columns(start=pl.col("start_date"), end=pl.col("end_date"))
    files = [file.select(_ECONOMICS) for file in whole.partition_by("source_id", "delivery")]
    for refused, reason in (
        (overlaps, "overlaps another row of the same person, target and activity"),
        (over_allocated, "the person's allocations add up to more than 100 %"),
    ):
        within_a_file = {number for file in files for number in refused(file)}
        numbers = refused(whole.select(_ECONOMICS))
        reasons = [reason if number in within_a_file else f"{reason}, together with another file" for number in numbers]
        found.append(_reasons(numbers, reasons))
    return rows, pl.concat(found).unique().sort("row_number", "reason")


def _note_shares(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> None:
    """A percentage of one or less is valid and rare; a share in its place would make a hundredth of somebody's cost."""
    small = rows.filter((pl.col("allocation_pct") > 0) & (pl.col("allocation_pct") <= 1))
    for source_id, delivery, count in small.group_by("source_id", "delivery").len().sort("source_id", "delivery").iter_rows():
        message = f"{count} rows of {delivery} allocate 1 % of a person or less: allocation_pct is a percentage (50), not a share (0.5)"
        con.execute(
            "INSERT INTO ledger.finding VALUES (?, ?, 'allocation_may_be_a_share', 'warning', ?, NULL, ?)", [source_id, delivery, count, message]
        )


def _loaded(con: duckdb.DuckDBPyConnection, company: Company, rows: pl.DataFrame, as_of: date) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Rows with `annual_loaded` in the reporting currency: as they are, or cut into months where a month's rate converts them."""
    burden = 1 + company.assumptions.burden
    pieces: list[dict[str, object]] = []
    unconverted: list[tuple[int, str]] = []
    waiting: dict[tuple[str, str, str], list[list[date]]] = {}
    rates = _rates(con, company, rows, as_of)
    for row in rows.iter_rows(named=True):
        loaded = row["annual_loaded"] if row["annual_loaded"] is not None else row["annual_base"] * burden if row["annual_base"] is not None else None
        months = [] if row["currency"] in (None, company.currency) else _months(row["start"], row["end"], as_of)
        if loaded is None or not months:
            pieces.append(row | {"annual_loaded": loaded})
            continue
        without_rate = [month for month in months if (row["currency"], month) not in rates]
        if without_rate:
            # what is no currency is refused as such, unnamed: where columns are shifted it may be anything of a person's
            if _CURRENCY.fullmatch(str(row["currency"])):
                unconverted.append((row["row_number"], row["currency"]))
                waiting.setdefault((row["source_id"], row["delivery"], row["currency"]), []).append(without_rate)
            pieces.append(row | {"annual_loaded": None})
            continue
        for month in months:
            first, last = max(row["start"], month), min(row["end"] or as_of, as_of, month_end(month))
            with localcontext() as context:
                context.prec = 60
                converted = (loaded * rates[row["currency"], month]).quantize(RATE_STEP, ROUND_HALF_EVEN)
            pieces.append(row | {"annual_loaded": converted, "start": first, "end": last})
    _note_missing_rates(con, company, waiting)
    return pl.DataFrame(pieces, schema=rows.schema, orient="row"), unconverted


def _rates(con: duckdb.DuckDBPyConnection, company: Company, rows: pl.DataFrame, as_of: date) -> dict[tuple[str, date], Decimal]:
    """The rates of all months of all rows in other currencies, each asked for once."""
    foreign = rows.filter(pl.col("currency") != company.currency).select("currency", "start", "end").unique()
    pairs = {(currency, month) for currency, start, end in foreign.iter_rows() for month in _months(start, end, as_of)}
    return {(currency, month): rate for currency, month, rate in monthly_rates(con, company.currency, pairs)}


def _note_missing_rates(con: duckdb.DuckDBPyConnection, company: Company, waiting: dict[tuple[str, str, str], list[list[date]]]) -> None:
    """One finding per file and currency, from the months that each waiting row lacks. A rate serves all months after it, too."""
    for (source_id, delivery, currency), months in sorted(waiting.items()):
        first, last = min(map(min, months)), max(map(max, months))
        span = f"{first:%Y-%m}" if first == last else f"{first:%Y-%m} to {last:%Y-%m}"
        message = (
            f"no exchange rate from {currency} to {company.currency} for {span}: rows of {delivery} wait in quarantine; "
            f"a source of kind fx_rates with a rate dated {first:%Y-%m-%d} or before lets them in"
        )
        con.execute("INSERT INTO ledger.finding VALUES (?, ?, 'no_exchange_rate', 'error', ?, NULL, ?)", [source_id, delivery, len(months), message])


def _months(start: date | None, end: date | None, as_of: date) -> list[date]:
    """The months that a row covers up to as-of."""
    months: list[date] = []
    month = month_of(start) if start else as_of
    while start and month <= min(end or as_of, as_of):
        months.append(month)
        month = add_months(month, 1)
    return months


def _book(con: duckdb.DuckDBPyConnection, source_id: str, rows: pl.DataFrame, rates: pl.DataFrame, as_of: date, *, is_refused: bool) -> Decimal:
    """Add the daily cost of these rows; returns their sum."""
    if rows.is_empty():
        return Decimal(0)
    daily = daily_fte(rows.select(_ECONOMICS), rates, as_of)
    con.register("daily", daily)
    con.execute(
        "INSERT INTO facts.people_day SELECT ?, usage_date, split_part(target, ':', 1), nullif(split_part(target, ':', 2), ''), activity, "
        f"role_group, annual_rate, allocation_pct, {_COST}, ? FROM daily",
        [source_id, is_refused],
    )
    row = one(con, f"SELECT sum({_COST}) FROM daily")
    con.unregister("daily")
    return Decimal(row[0]) if row and row[0] is not None else Decimal(0)


def _quarantine(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, refusals: pl.DataFrame, rates: pl.DataFrame, as_of: date) -> None:
    """Refused rows with their reasons and what they would have cost at the standard rate; unknown where it can't be told."""
    reasons: dict[int, str] = dict(refusals.group_by("row_number").agg(pl.col("reason").sort().str.join("; ")).iter_rows())
    per_file: dict[tuple[str, str], int] = {}
    priced_roles = set(rates["role"])
    for number, reason in sorted(reasons.items()):
        pieces = rows.filter(pl.col("row_number") == number)
        first = pieces.row(0, named=True)
        # an allocation that can't be one would be the row's own number in what is published: its cost is unknown
        needed = ["person_key", "role", "start", "allocation_pct", "annual_loaded", "target", "activity"]
        known = pieces.filter(pl.col("allocation_pct").is_between(0, 100)).drop_nulls(needed)
        is_costed = len(known) == len(pieces) and first["role"] in priced_roles
        cost = _book(con, first["source_id"], known, rates, as_of, is_refused=True) if is_costed else None
        con.execute(
            "INSERT INTO ledger.quarantine VALUES (?, ?, ?, 'people/people_allocation', ?, NULL, NULL, NULL, NULL, 0, ?)",
            [first["source_id"], first["delivery"], first["file_row_number"], reason, cost],
        )
        key = (first["source_id"], first["delivery"])
        per_file[key] = per_file.get(key, 0) + 1
    for (source_id, delivery), count in sorted(per_file.items()):
        con.execute(
            "INSERT INTO ledger.finding VALUES (?, ?, 'rows_refused', 'warning', ?, NULL, ?)",
            [source_id, delivery, count, f"{count} rows of {delivery} are in quarantine: see table quarantine for each one's reasons"],
        )


def _reasons(numbers: list[int], reasons: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"row_number": pl.Series(numbers, dtype=pl.Int64), "reason": pl.Series(reasons, dtype=pl.String)})
