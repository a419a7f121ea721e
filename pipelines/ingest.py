"""Land, stage, validate and reduce: from what a source offers to facts, per delivery and only where something changed.

A delivery is what a source replaces as one: here one file, later one partition of an export. Each is reduced by delete-and-insert in one
transaction together with its entry in the ledger, so that a killed run leaves either the old facts or the new ones. A broken file or
an unreachable source keeps the last good version and is recorded. Not here: people (`pipelines.payroll`, whose rows never enter the
warehouse) and everything after the facts (`dbt_like_sql/allocation`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pandera.polars as pa
import polars as pl

from connectors.files import IgnoredFile, OfferedFile, list_files
from connectors.landing import LandedFile, land
from connectors.people import people_key
from models.config import Company, Source
from models.contracts import feeds
from models.contracts.raw import SHAPES, RawShape
from models.errors import BrokenFile, CrossoverError, SourceUnreachable
from models.prices import list_version, shipped_prices
from pipelines import sql_models
from pipelines.fx import monthly_rates, write_monthly_rates
from pipelines.landing_view import (
    distinct_texts_sql,
    landing_view_sql,
    literal,
    physical_column,
    quoted,
    spelled_nulls_sql,
    unreadable_columns,
)
from pipelines.matching import hourly_keys
from pipelines.warehouse import one

BATCH_ROWS = 500_000
# More refused rows than this in one delivery are no bad rows but a broken file.
REFUSED_ROWS_MAX = 1_000_000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Feed:
    """How a feed is validated and reduced. Feeds without keys are validated in one frame and kept row by row."""

    name: str
    numbers: type[pa.DataFrameModel]
    keys: type[pa.DataFrameModel] | None
    facts: tuple[str, ...]  # SQL models; the first is the key table where there are keys


BILLING_LINE = Feed("billing_line", feeds.BillingLineNumbers, feeds.BillingLineKeys, ("facts.billing_key", "facts.billing_line"))
API_USAGE = Feed("api_usage", feeds.ApiUsageNumbers, feeds.ApiUsageKeys, ("facts.usage_key", "facts.usage_hourly"))
_FEEDS = {"billing_line": BILLING_LINE, "api_usage": API_USAGE}
_REFERENCE = {
    "fx_rates": (feeds.FxRates, "facts.fx_rate"),
    "owned_hardware": (feeds.OwnedHardware, "facts.owned_hardware"),
    "control_totals": (feeds.ControlTotals, "facts.control_total"),
}
# Sources are read in this order: rates before the money that they convert.
KIND_ORDER = {"fx_rates": 0}


@dataclass
class SourceSync:
    """What a sync of one source did."""

    source_id: str
    offered: int = 0
    reduced: int = 0
    withdrawn: int = 0
    rows: int = 0
    periods: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # one line per broken file or unreachable source


def kinds_read() -> frozenset[str]:
    """The source kinds that can be ingested."""
    return frozenset(SHAPES)


def sync_source(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, progress: Progress, *, only_period: date | None = None
) -> SourceSync:
    """Bring one source's facts up to what it offers now. Never raises for what the source itself did wrong: that is in the result.

    `only_period` re-reduces the deliveries that hold this month, changed or not (a back-fill).
    """
    result = SourceSync(source.id)
    con.execute("DELETE FROM ledger.refusal WHERE source_id = ?", [source.id])
    con.execute("DELETE FROM ledger.finding WHERE source_id = ? AND delivery = '*'", [source.id])
    try:
        check_readable(source)
        listing = list_files(source, company.root)
    except (SourceUnreachable, BrokenFile) as error:
        _refuse(con, source, "*", error, result)
        return result
    result.offered = len(listing.offered)
    for ignored in listing.ignored:
        _finding(con, source.id, "*", "file_ignored", "info", 1, None, _ignored_text(ignored))
    redone: list[str] = []
    for number, offered in enumerate(listing.offered, 1):
        try:
            rows = _sync_file(con, company, source, offered, only_period)
        except (BrokenFile, SourceUnreachable) as error:
            _refuse(con, source, offered.name, error, result)
            continue
        if rows is not None:
            result.reduced += 1
            result.rows += rows
            redone.append(offered.name)
            progress(f"{source.id}: {offered.name} ({number} of {len(listing.offered)}): {rows:,} rows")
    result.withdrawn = _withdraw(con, company, source, {offered.name for offered in listing.offered})
    result.periods = _periods(con, source.id, redone)
    return result


def check_readable(source: Source) -> None:
    """Raises SourceUnreachable for what can be configured but not read yet, so that nobody takes its silence for zero."""
    if source.kind not in kinds_read() or source.path is None or source.path.startswith("s3://"):
        what = f"source kind {source.kind}" if source.kind not in kinds_read() else "object storage" if source.path else "a source without a path"
        raise SourceUnreachable(
            f"{what} can't be read by this version",
            where=f"source {source.id}",
            found=source.path or "no path",
            expected=f"files on this machine's disk of one of the kinds {', '.join(sorted(kinds_read()))}",
            todo="leave the source out, or deliver its bill as a file",
        )


def forget_sources_not_in(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Facts are a function of the configured sources: those of a source that left the configuration leave too."""
    configured = [source.id for source in company.sources]
    for (gone,) in con.execute("SELECT DISTINCT source_id FROM ledger.delivery WHERE NOT list_contains(?, source_id)", [configured]).fetchall():
        con.begin()
        for table in (*_fact_tables(con), "ledger.quarantine", "ledger.finding", "ledger.refusal", "ledger.delivery_period", "ledger.delivery"):
            con.execute(f"DELETE FROM {table} WHERE source_id = ?", [gone])
        con.commit()
    con.execute("DELETE FROM ledger.refusal WHERE NOT list_contains(?, source_id)", [configured])
    con.execute("DELETE FROM ledger.finding WHERE NOT list_contains(?, source_id)", [configured])


def ensure_fact_tables(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Every fact table exists, empty where no source of its feed is configured, so that the SQL after it always runs."""
    for shape in SHAPES.values():
        if shape.feed != "people_allocation":
            _stage_views(con, company, _no_source(shape), shape, "SELECT " + ", ".join(_null_columns(shape)) + " WHERE false")
            for name, text in _fact_selects(shape):
                _ensure_table(con, name, text)


def _sync_file(con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: OfferedFile, only_period: date | None) -> int | None:
    """The rows reduced, or None where nothing changed."""
    shape = SHAPES[source.kind]
    current = _current(con, source.id, offered.name)
    if current and current["fingerprint"] == offered.fingerprint:
        forced = only_period is not None and only_period in [p for p, _ in _pairs(con, source.id, offered.name, current["version"])]
        settings = _reduced_with(con, company, source, _pairs(con, source.id, offered.name, current["version"]), current["is_subdaily"])
        columnar = Path(current["columnar"])
        if not forced and settings == current["reduced_with"] and columnar.exists():
            return None
        # people files land mapped already, so another mapping lands them again
        if columnar.exists() and Path(current["landed"]).exists() and source.kind != "people":
            landed = LandedFile(offered.name, current["sha256"], current["bytes"], current["row_count"], Path(current["landed"]), columnar, ())
            return _ingest(con, company, source, shape, offered, landed, current)
    key = people_key(company.paths.state, _environ()) if source.kind == "people" else None
    folder = company.paths.state
    landed = land(source, offered, folder / "landing" / source.id, folder / "staged" / source.id, key)
    return _ingest(con, company, source, shape, offered, landed, current)


def _ingest(
    con: duckdb.DuckDBPyConnection,
    company: Company,
    source: Source,
    shape: RawShape,
    offered: OfferedFile,
    landed: LandedFile,
    current: dict[str, object] | None,
) -> int:
    """Stage, validate and reduce one landed file, and enter it in the ledger, in one transaction."""
    where = f"source {source.id}, file {offered.name}"
    physical = _physical(con, landed.columnar, where)
    _check_cache_flag(source, shape, physical, where)
    files = [landed.columnar]
    view = partial(
        landing_view_sql, shape, files, physical, where=where, columns=_theirs(source), constants=source.constants, timezone=source.timezone
    )
    texts = distinct_texts_sql(shape, files, physical, columns=_theirs(source))
    all_rows = view()  # refuses a file without the columns, before anything is touched
    con.begin()
    try:
        is_new_content = current is None or current["sha256"] != landed.sha256
        version = (int(str(current["version"])) if current else 0) + is_new_content
        if current and is_new_content:
            con.execute(
                "UPDATE ledger.delivery SET superseded_at = ? WHERE source_id = ? AND delivery = ? AND superseded_at IS NULL",
                [_now(), source.id, offered.name],
            )
        _clear(con, source.id, offered.name, version)
        is_subdaily = False
        if shape.feed in _FEEDS:
            is_subdaily = _reduce(con, company, source, shape, _FEEDS[shape.feed], view, texts, offered.name, version, where)
        elif shape.feed == "reference":
            _keep_rows(con, company, source, shape, all_rows, offered.name, version, where)
        pairs = _pairs(con, source.id, offered.name, version)
        con.execute("DELETE FROM ledger.delivery WHERE source_id = ? AND delivery = ? AND version = ?", [source.id, offered.name, version])
        con.execute(
            "INSERT INTO ledger.delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                *(source.id, source.kind, offered.name, version, offered.fingerprint, landed.sha256),
                _reduced_with(con, company, source, pairs, is_subdaily),
                *(str(landed.landed), str(landed.columnar), landed.bytes, landed.rows, is_subdaily, _now()),
            ],
        )
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return landed.rows


def _reduce(
    con: duckdb.DuckDBPyConnection,
    company: Company,
    source: Source,
    shape: RawShape,
    feed: Feed,
    view: Callable[..., str],
    texts: str,
    delivery: str,
    version: int,
    where: str,
) -> bool:
    """Validate a delivery's rows and replace its facts. Returns whether any charge is shorter than a day.

    The rows are read three times and never held: their distinct texts, which are the keys; the numbers that the contract speaks of;
    and, less what these two refused, all of them by the one GROUP BY that makes the facts.
    """
    staged = f"staging.{feed.name}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE landed_texts AS {texts}")
    plain = _plain_texts(con)
    _stage_views(con, company, source, shape, view(texts="landed_texts", plain=plain), delivery)
    keys = con.sql(f"SELECT * FROM ({sql_models.models()[feed.facts[0]].text})").pl()
    con.execute(f"CREATE OR REPLACE VIEW landing.{shape.kind} AS {view(plain=plain)}")
    con.execute("DROP TABLE landed_texts")
    _assert_unique_hashes(con, feed, keys)
    if feed is API_USAGE:
        _write_context_tiers(con, keys)
    assert feed.keys is not None
    checked = keys.select(_contract_columns(feed.keys))
    key_refusals = feeds.violations(feed.keys, checked, "key_id").group_by("key_id").agg(pl.col("reason").sort().str.join("; "))
    refusals, totals, quirks = _validate_numbers(con, feed, shape, staged, keys, where)
    is_subdaily = feed is BILLING_LINE and quirks.subdaily_rows > 0
    con.register("key_refusals", key_refusals)
    con.register("row_refusals", refusals)
    con.execute("DELETE FROM staging.refused")
    con.execute(
        "INSERT INTO staging.refused SELECT row_number, string_agg(DISTINCT reason, '; ' ORDER BY reason) FROM ("
        "SELECT row_number, reason FROM row_refusals"
        + (f" UNION ALL SELECT s.row_number, k.reason FROM {staged} s JOIN key_refusals k USING (key_id)" if len(key_refusals) else "")
        + ") GROUP BY row_number"
    )
    con.unregister("key_refusals")
    con.unregister("row_refusals")
    if feed is BILLING_LINE:
        _convert(con, company, staged, totals)
    _check_refused_count(con, where)
    key_table = feed.facts[0]
    con.register("new_keys", keys)
    names = ", ".join(keys.columns)
    con.execute(f"INSERT INTO {key_table} SELECT {names} FROM new_keys WHERE key_id NOT IN (SELECT key_id FROM {key_table})")
    con.unregister("new_keys")
    con.execute("DELETE FROM config.hourly_key")
    if is_subdaily and company.pools:
        hourly_keys(con)
    for name in feed.facts[1:]:
        con.execute(f"INSERT INTO {name} {sql_models.models()[name].text}")
    _record_totals(con, totals, source.id, delivery, version)
    _record_quarantine(con, company, feed, source.id, delivery, shape)
    _record_findings(con, source, delivery, feed, shape, quirks, keys, company)
    return is_subdaily


def _keep_rows(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, shape: RawShape, view: str, delivery: str, version: int, where: str
) -> None:
    """Reference feeds are small: validated in one frame, kept row by row."""
    _stage_views(con, company, source, shape, view, delivery)
    contract, table = _REFERENCE[shape.kind]
    frame = con.sql(f"SELECT * FROM staging.{shape.kind} ORDER BY row_number").pl()
    bad = _unreadable(con, frame.select("row_number", "unreadable"), shape)
    found = pl.concat([bad, feeds.violations(contract, frame.drop("unreadable"), "row_number")])
    con.register("row_refusals", found)
    con.execute("DELETE FROM staging.refused")
    con.execute(
        "INSERT INTO staging.refused SELECT row_number, string_agg(DISTINCT reason, '; ' ORDER BY reason) FROM row_refusals GROUP BY row_number"
    )
    con.unregister("row_refusals")
    con.execute(f"INSERT INTO {table} {_fact_selects(shape)[0][1]}")
    con.execute(
        "INSERT INTO ledger.delivery_period SELECT ?, ?, ?, NULL, NULL, count(*), NULL, NULL FROM staging." + shape.kind,
        [source.id, delivery, version],
    )
    money = {"control_totals": "amount"}.get(shape.kind, "NULL")
    currency = "NULL" if shape.kind == "fx_rates" else "currency"
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT ?, ?, s.row_number, ?, r.reasons, NULL, {currency}, {money}, {money}, NULL, NULL "
        f"FROM staging.{shape.kind} s JOIN staging.refused r USING (row_number)",
        [source.id, delivery, f"{shape.kind}/{shape.feed}"],
    )


@dataclass
class Quirks:
    """What a delivery's rows do that is legal but worth knowing."""

    rows: int = 0
    subdaily_rows: int = 0
    effective_rounded_to_zero: int = 0
    charge_outside_billing_period: int = 0


def _validate_numbers(
    con: duckdb.DuckDBPyConnection, feed: Feed, shape: RawShape, staged: str, keys: pl.DataFrame, where: str
) -> tuple[pl.DataFrame, pl.DataFrame, Quirks]:
    """Every row's numbers through the contract in batches; the refusals, one row per broken check, the source's totals and the quirks."""
    columns = _contract_columns(feed.numbers)
    currencies = keys["currency"].unique() if feed is BILLING_LINE else pl.Series([None], dtype=pl.String)
    # A bill rarely has two currencies, and text is what costs most on its way from DuckDB to polars.
    currency = pl.lit(currencies.item(), pl.String) if len(currencies) == 1 else pl.col("currency")
    refusals = [pl.DataFrame(schema={"row_number": pl.Int64, "reason": pl.String})]
    totals = [pl.DataFrame(schema=_TOTALS)]
    quirks, refused, unreadable_everywhere = Quirks(), 0, -1
    with closing(_batches(con, f"SELECT {', '.join([*columns, 'unreadable', *currency.meta.root_names()])} FROM {staged}")) as batches:
        for batch in batches:
            found = pl.concat([
                _unreadable(con, batch.select("row_number", "unreadable"), shape),
                feeds.violations(feed.numbers, batch.select(columns), "row_number"),
            ])  # fmt: skip
            refused += len(found)
            if refused > REFUSED_ROWS_MAX:
                raise BrokenFile(
                    f"more than {REFUSED_ROWS_MAX:,} rows break the contract",
                    where=where,
                    found="; ".join(found["reason"].unique().sort().head(3).to_list()),
                    expected=f"rows of a {shape.kind} file",
                    todo="check that the columns are mapped to what they are",
                )
            refusals.append(found)
            totals.append(_totals(feed, batch, currency))
            quirks.rows += len(batch)
            unreadable_everywhere &= int(batch["unreadable"].bitwise_and() or 0)
            if feed is BILLING_LINE:
                _count_quirks(batch, quirks)
    if quirks.rows and unreadable_everywhere:
        raise BrokenFile(
            f"wrong type: column {' and '.join(unreadable_columns(shape, unreadable_everywhere))} can't be read in any row",
            where=where,
            found=f"{quirks.rows:,} rows, none of them readable",
            expected=_type_words(shape, unreadable_everywhere),
            todo="export the file again with this column in its documented type, or map another column to it in the source's `columns:`",
        )
    return pl.concat(refusals), pl.concat(totals).group_by("period", "currency").agg(pl.col("row_count").sum(), *_sums(_TOTALLED)), quirks


_TOTALS = {
    "period": pl.Date(),
    "currency": pl.String(),
    "row_count": pl.Int64(),
    "source_billed": pl.Decimal(38, 12),
    "source_effective": pl.Decimal(38, 12),
}


_TOTALLED = {"source_billed": "source_billed", "source_effective": "source_effective"}
_BILLED = {"source_billed": "billed_cost", "source_effective": "effective_cost"}


def _totals(feed: Feed, batch: pl.DataFrame, currency: pl.Expr) -> pl.DataFrame:
    """What a batch says in all, accepted or not, per period and currency."""
    money = _BILLED if feed is BILLING_LINE else {}
    day = pl.col("billing_period" if feed is BILLING_LINE else "usage_at").cast(pl.Date).alias("period")
    days = batch.group_by(day, *currency.meta.root_names()).agg(pl.len().alias("row_count"), *_sums(money))
    # The calendar is asked of the few days, not of the rows.
    found = {"period": pl.col("period").dt.truncate("1mo"), "currency": currency, "row_count": pl.col("row_count"), **{n: pl.col(n) for n in money}}
    return days.select(found.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in _TOTALS.items())


def _sums(columns: Mapping[str, str]) -> list[pl.Expr]:
    """Exact sums, under new names; where no row has a number there is no sum either."""
    return [pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()).alias(name) for name, column in columns.items()]


def _count_quirks(batch: pl.DataFrame, quirks: Quirks) -> None:
    row = batch.select(
        subdaily=((pl.col("charge_end") - pl.col("charge_start")) < pl.duration(days=1)).sum(),
        zero=((pl.col("billed_cost") != 0) & (pl.col("effective_cost") == 0)).sum(),
    ).row(0)
    quirks.subdaily_rows += row[0]
    quirks.effective_rounded_to_zero += row[1]
    for month in batch["billing_period"].drop_nulls().unique():  # few months, many rows: the calendar is asked once per month
        first, following = (datetime(day.year, day.month, 1) for day in (month, month + timedelta(days=31)))
        start = batch.filter(pl.col("billing_period") == month)["charge_start"]
        quirks.charge_outside_billing_period += int(((start < first) | (start >= following)).sum())


def _unreadable(con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, shape: RawShape) -> pl.DataFrame:
    """Rows that hold something where a number or a time should be, as refusals."""
    bad = frame.filter(pl.col("unreadable") != 0)
    reasons = [f"{' and '.join(unreadable_columns(shape, mask))} can't be read as {_type_words(shape, mask)}" for mask in bad["unreadable"].to_list()]
    return pl.DataFrame({"row_number": bad["row_number"].cast(pl.Int64), "reason": pl.Series(reasons, dtype=pl.String)})


def _type_words(shape: RawShape, mask: int) -> str:
    words = {"money": "a number", "quantity": "a number", "count": "a whole number"}
    return " and ".join(sorted({words.get(shape.column(name).type, f"a {shape.column(name).type}") for name in unreadable_columns(shape, mask)}))


def _batches(con: duckdb.DuckDBPyConnection, sql: str) -> Generator[pl.DataFrame, None, None]:
    """The rows of a query as eager polars frames of BATCH_ROWS: pandera checks nothing but types on a LazyFrame.

    One batch is fetched while the one before it is looked at; the connection is the generator's until it is closed.
    """
    reader = con.sql(sql).to_arrow_reader(BATCH_ROWS)
    with ThreadPoolExecutor(max_workers=1) as ahead:
        fetched = ahead.submit(next, reader, None)
        while (batch := fetched.result()) is not None:
            fetched = ahead.submit(next, reader, None)
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            yield frame


def _assert_unique_hashes(con: duckdb.DuckDBPyConnection, feed: Feed, keys: pl.DataFrame) -> None:
    """Two different tuples under one hash would merge their money: never seen, never allowed."""
    if keys["key_id"].n_unique() != len(keys):
        raise CrossoverError(f"two different keys of {feed.name} have one hash", todo="report this: the hash must be widened")
    con.register("new_keys", keys)
    same = " AND ".join(f"n.{c} IS NOT DISTINCT FROM k.{c}" for c in keys.columns)
    row = one(con, f"SELECT count(*) FROM new_keys n JOIN {feed.facts[0]} k USING (key_id) WHERE NOT ({same})")
    con.unregister("new_keys")
    if row and row[0]:
        raise CrossoverError(f"a key of {feed.name} has the hash of another one", todo="report this: the hash must be widened")


def _convert(con: duckdb.DuckDBPyConnection, company: Company, staged: str, totals: pl.DataFrame) -> None:
    """The rates of this delivery's currencies and billing periods; rows without one wait in quarantine."""
    pairs = totals.filter(pl.col("currency") != company.currency).select("currency", "period").drop_nulls().rows()
    rates = monthly_rates(con, company.currency, pairs)
    write_monthly_rates(con, rates)
    if len(rates) < len(pairs):
        con.execute(
            f"INSERT INTO staging.refused SELECT s.row_number, 'no exchange rate from ' || s.currency || ' to ' || ? || ' for ' "
            f"|| strftime(s.billing_period, '%Y-%m') FROM {staged} s LEFT JOIN config.fx_monthly x ON s.currency = x.currency "
            f"AND s.billing_period = x.month LEFT JOIN staging.refused r ON r.row_number = s.row_number "
            f"WHERE s.currency <> ? AND x.rate IS NULL AND r.row_number IS NULL",
            [company.currency, company.currency],
        )


def _check_refused_count(con: duckdb.DuckDBPyConnection, where: str) -> None:
    row = one(con, "SELECT count(*), count(DISTINCT row_number) FROM staging.refused")
    if row is None or row[0] != row[1]:
        raise CrossoverError("a row was refused twice", where=where)


def _record_totals(con: duckdb.DuckDBPyConnection, totals: pl.DataFrame, source_id: str, delivery: str, version: int) -> None:
    """The source's totals were summed independently of the facts: reconciliation compares the two."""
    con.register("new_totals", totals)
    con.execute(
        f"INSERT INTO ledger.delivery_period SELECT ?, ?, ?, {', '.join(_TOTALS)} FROM new_totals",
        [source_id, delivery, version],
    )
    con.unregister("new_totals")


def _record_quarantine(con: duckdb.DuckDBPyConnection, company: Company, feed: Feed, source_id: str, delivery: str, shape: RawShape) -> None:
    money = "NULL, NULL, NULL, NULL, NULL, NULL"
    joined = ""
    if feed is BILLING_LINE:
        rate = f"CASE WHEN s.currency = '{company.currency}' THEN 1 ELSE x.rate END"
        money = (
            "s.billing_period, s.currency, s.billed_cost, s.effective_cost, "
            f"CAST(round_even(s.billed_cost * CAST({rate} AS DECIMAL(24, 12)), 12) AS DECIMAL(38, 12)), "
            f"CAST(round_even(s.effective_cost * CAST({rate} AS DECIMAL(24, 12)), 12) AS DECIMAL(38, 12))"
        )
        joined = " LEFT JOIN config.fx_monthly x ON x.currency = s.currency AND x.month = s.billing_period"
    elif feed is API_USAGE:
        money = "CAST(date_trunc('month', s.usage_at) AS DATE), NULL, NULL, NULL, NULL, NULL"
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT ?, ?, s.row_number, ?, r.reasons, {money} "
        f"FROM staging.{feed.name} s JOIN staging.refused r USING (row_number){joined}",
        [source_id, delivery, f"{shape.kind}/{feed.name}"],
    )
    row = one(
        con,
        "SELECT (SELECT count(*) FROM staging.refused), count(*) FROM ledger.quarantine WHERE source_id = ? AND delivery = ?",
        [source_id, delivery],
    )
    if row is None or row[0] != row[1]:
        raise CrossoverError("not every refused row reached quarantine", where=f"source {source_id}, file {delivery}", found=str(row))


def _record_findings(
    con: duckdb.DuckDBPyConnection, source: Source, delivery: str, feed: Feed, shape: RawShape, quirks: Quirks, keys: pl.DataFrame, company: Company
) -> None:
    def record(name: str, severity: str, rows: int, message: str, amount: Decimal | None = None) -> None:
        if rows:
            _finding(con, source.id, delivery, name, severity, rows, amount, message)

    row = one(con, "SELECT count(*), sum(billed_cost) FROM ledger.quarantine WHERE source_id = ? AND delivery = ?", [source.id, delivery])
    if row:
        record(
            "rows_refused", "warning", row[0], f"{row[0]} rows of {delivery} are in quarantine: see table quarantine for each one's reasons", row[1]
        )
    if feed is BILLING_LINE:
        record("effective_cost_rounded_to_zero", "info", quirks.effective_rounded_to_zero, "billed cost is not zero but effective cost is")
        record(
            "charge_outside_billing_period",
            "info",
            quirks.charge_outside_billing_period,
            "the charge began outside the billing period: a correction, or late usage",
        )
        tags = keys.filter(pl.col("tags").is_not_null())["tags"].unique()
        broken = [text for text in tags.to_list() if not _is_json_object(text)]
        record("tags_not_json", "warning", len(broken), "tags that are no JSON object match no tag condition")
        negative = one(
            con,
            "SELECT CAST(coalesce(sum(f.row_count), 0) AS BIGINT), sum(f.billed_cost) FROM facts.billing_line f JOIN facts.billing_key k USING (key_id) "
            "WHERE f.source_id = ? AND f.delivery = ? AND k.charge_category = 'Usage' AND k.charge_class IS NULL AND f.billed_cost < 0",
            [source.id, delivery],
        )
        if negative:
            record("negative_usage", "info", negative[0], "usage below zero that is not marked as a correction", negative[1])
        unnamed = keys.filter(pl.col("service").is_null() & pl.col("sku").is_null()).height if shape.kind == "focus" else 0
        record("service_and_sku_missing", "info", unnamed, "lines that name neither service nor SKU can only be matched by account, resource or tag")
    else:
        tier = one(
            con,
            "SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) FROM facts.usage_hourly WHERE source_id = ? AND delivery = ? AND is_tier_unknown",
            [source.id, delivery],
        )
        if tier:
            record("tier_unknown", "warning", tier[0], "sums of a model whose price depends on a request's context are priced at the base price")


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _stage_views(con: duckdb.DuckDBPyConnection, company: Company, source: Source, shape: RawShape, view: str, delivery: str = "") -> None:
    """Bind `landing.<kind>`, `staging.<kind>` and `staging.<feed>` to one delivery, with its parameters in one-row tables."""
    con.execute(
        "CREATE OR REPLACE TABLE config.delivery AS SELECT CAST(? AS VARCHAR) AS source_id, CAST(? AS VARCHAR) AS delivery, "
        "CAST(? AS VARCHAR) AS reporting_currency, CAST(? AS BOOLEAN) AS input_includes_cache, CAST(? AS VARCHAR) AS grain, CAST(? AS BOOLEAN) AS is_prepaid",
        [source.id, delivery, company.currency, bool(source.input_includes_cache), source.grain, source.prepaid],
    )
    con.execute("CREATE TABLE IF NOT EXISTS staging.refused (row_number BIGINT, reasons VARCHAR)")
    con.execute("CREATE TABLE IF NOT EXISTS config.hourly_key (key_id UBIGINT)")
    con.execute("CREATE TABLE IF NOT EXISTS config.fx_monthly (currency VARCHAR, month DATE, rate DECIMAL(24, 12))")
    con.execute("CREATE TABLE IF NOT EXISTS config.context_tier (provider VARCHAR, model VARCHAR, threshold_1 BIGINT, threshold_2 BIGINT)")
    con.execute(f"CREATE OR REPLACE VIEW landing.{shape.kind} AS {view}")
    con.execute(f"CREATE OR REPLACE VIEW staging.{shape.kind} AS {sql_models.models()[f'staging.{shape.kind}'].text}")
    if shape.feed == "billing_line":
        # Row keys and whole days are this engine's own functions, so they stand here and not in the portable SQL files.
        # A division is dear and a long charge rare, so it stands behind a comparison.
        lasts = "(epoch_us(s.charge_end) - epoch_us(s.charge_start))"
        once = "s.charge_frequency = 'One-Time' OR s.charge_category = 'Purchase'"
        con.execute(
            f"CREATE OR REPLACE VIEW staging.billing_line AS SELECT s.*, {literal(source.id)} AS source_id, "
            f"hash({_key_columns('facts.billing_key', source)}) AS key_id, "
            f"CAST(CASE WHEN {lasts} <= 86400000000 OR {once} THEN 1 ELSE ({lasts} + 86399999999) // 86400000000 END AS INTEGER) AS charge_days, "
            f"CAST(CASE WHEN {lasts} <= 3600000000 THEN 1 ELSE ({lasts} + 3599999999) // 3600000000 END AS BIGINT) AS charge_hours "
            f"FROM staging.{shape.kind} s"
        )
    elif shape.feed == "api_usage":
        con.execute(
            f"CREATE OR REPLACE VIEW staging.api_usage AS SELECT s.*, {literal(source.id)} AS source_id, "
            f"hash({_key_columns('facts.usage_key', source)}) AS key_id FROM staging.{shape.kind} s"
        )


def _write_context_tiers(con: duckdb.DuckDBPyConnection, keys: pl.DataFrame) -> None:
    pairs = keys.select("provider", "model").drop_nulls().unique().rows()
    _, tiers = shipped_prices([(str(p), str(m)) for p, m in pairs])
    con.execute("DELETE FROM config.context_tier")
    for tier in tiers:
        con.execute("INSERT INTO config.context_tier VALUES (?, ?, ?, ?)", [tier.provider, tier.model, tier.threshold_1, tier.threshold_2])


def _plain_texts(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The landed text columns that spell no null anywhere: row by row they are read as they stand."""
    names = [name for name, kind in sql_models.table_columns(con, "landed_texts") if kind == "VARCHAR"]
    if not names:
        return frozenset()
    row = one(con, f"SELECT {', '.join(spelled_nulls_sql(quoted(name)) for name in names)} FROM landed_texts")
    assert row is not None
    return frozenset(name for name, spells_null in zip(names, row, strict=True) if not spells_null)


def _key_columns(model: str, source: Source) -> str:
    """What a key's hash is made of: the select list of its key model, less the hash itself."""
    select = sql_models.models()[model].text.split("SELECT DISTINCT", 1)[1].split("FROM", 1)[0]
    names = [name.strip().split(".")[1] for name in select.split(",")]
    return ", ".join(literal(source.id) if name == "source_id" else f"s.{name}" for name in names if name != "key_id")


def _fact_selects(shape: RawShape) -> list[tuple[str, str]]:
    """The fact tables of a shape's feed with the SELECT that fills each."""
    if shape.feed in _FEEDS:
        return [(name, sql_models.models()[name].text) for name in _FEEDS[shape.feed].facts]
    table = _REFERENCE[shape.kind][1]
    return [
        (
            table,
            f"SELECT d.source_id, d.delivery, s.* EXCLUDE (unreadable) FROM staging.{shape.kind} s CROSS JOIN config.delivery d "
            "LEFT JOIN staging.refused r ON r.row_number = s.row_number WHERE r.row_number IS NULL",
        )
    ]


def _ensure_table(con: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    """Make a fact table from its SELECT; one whose columns changed with the product is dropped (its deliveries are all reduced again)."""
    wanted = [(str(c[0]), str(c[1])) for c in con.execute(f"DESCRIBE SELECT * FROM ({text})").fetchall()]
    schema, _, table = name.partition(".")
    exists = one(con, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [schema, table])
    if exists and exists[0] and sql_models.table_columns(con, name) != wanted:
        con.execute(f"DROP TABLE {name}")
        exists = None
    if not exists or not exists[0]:
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM ({text}) LIMIT 0")


def _null_columns(shape: RawShape) -> list[str]:
    types = {
        "text": "VARCHAR",
        "json": "VARCHAR",
        "money": "DECIMAL(38,12)",
        "quantity": "DECIMAL(38,12)",
        "count": "BIGINT",
        "timestamp": "TIMESTAMP",
    }
    nulls = [f'CAST(NULL AS {types.get(column.type, "DATE")}) AS "{column.name}"' for column in shape.columns]
    return ["CAST(NULL AS BIGINT) AS row_number", *nulls, "CAST(0 AS BIGINT) AS unreadable"]


def _no_source(shape: RawShape) -> Source:
    return Source.model_validate({"id": "none", "kind": shape.kind, "path": "none"})


def _clear(con: duckdb.DuckDBPyConnection, source_id: str, delivery: str, version: int) -> None:
    """Replace, never append: what this delivery wrote before goes first."""
    for table in (*_fact_tables(con), "ledger.quarantine", "ledger.finding"):
        con.execute(f"DELETE FROM {table} WHERE source_id = ? AND delivery = ?", [source_id, delivery])
    con.execute("DELETE FROM ledger.delivery_period WHERE source_id = ? AND delivery = ? AND version = ?", [source_id, delivery, version])


def _fact_tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        "SELECT DISTINCT table_name FROM duckdb_columns() WHERE schema_name = 'facts' AND column_name = 'delivery' ORDER BY 1"
    ).fetchall()
    return [f"facts.{row[0]}" for row in rows]


def _withdraw(con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: set[str]) -> int:
    """Facts mirror what the source offers now, so that a run from an empty state gives the same tables: a file that is gone takes its rows along."""
    current = con.execute("SELECT delivery, version FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL", [source.id]).fetchall()
    gone = [(str(delivery), int(version)) for delivery, version in current if delivery not in offered]
    for delivery, version in gone:
        con.begin()
        _clear(con, source.id, delivery, -1)
        con.execute(
            "UPDATE ledger.delivery SET superseded_at = ? WHERE source_id = ? AND delivery = ? AND version = ?",
            [_now(), source.id, delivery, version],
        )
        con.commit()
    _prune(con, company, source)
    return len(gone)


def _prune(con: duckdb.DuckDBPyConnection, company: Company, source: Source) -> None:
    """Superseded versions leave the disk beyond `retention`; their hashes stay in the ledger."""
    kept = con.execute(
        "SELECT landed, columnar FROM ledger.delivery WHERE source_id = ? QUALIFY superseded_at IS NULL OR row_number() OVER ("
        "PARTITION BY delivery, superseded_at IS NULL ORDER BY version DESC) <= ?",
        [source.id, company.retention.superseded_versions],
    ).fetchall()
    keep = {str(path) for row in kept for path in row}
    for folder in (company.paths.state / "landing" / source.id, company.paths.state / "staged" / source.id):
        for file in sorted(folder.rglob("*")) if folder.exists() else []:
            if file.is_file() and str(file) not in keep:
                file.unlink()
        for empty in sorted(folder.rglob("*"), reverse=True) if folder.exists() else []:
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


def _current(con: duckdb.DuckDBPyConnection, source_id: str, delivery: str) -> dict[str, object] | None:
    """The newest version of a delivery, current or withdrawn (a file that comes back goes on counting versions)."""
    names = ("version", "fingerprint", "sha256", "reduced_with", "landed", "columnar", "bytes", "row_count", "is_subdaily", "superseded_at")
    row = one(
        con,
        f"SELECT {', '.join(names)} FROM ledger.delivery WHERE source_id = ? AND delivery = ? ORDER BY version DESC LIMIT 1",
        [source_id, delivery],
    )
    if row is None:
        return None
    found = dict(zip(names, row, strict=True))
    if found["superseded_at"] is not None:
        found |= {"fingerprint": "withdrawn", "sha256": "withdrawn"}
    return found


def _pairs(con: duckdb.DuckDBPyConnection, source_id: str, delivery: str, version: object) -> list[tuple[date, str]]:
    rows = con.execute(
        "SELECT period, currency FROM ledger.delivery_period WHERE source_id = ? AND delivery = ? AND version = ? AND period IS NOT NULL ORDER BY ALL",
        [source_id, delivery, version],
    ).fetchall()
    return [(row[0], str(row[1] or "")) for row in rows]


def _reduced_with(con: duckdb.DuckDBPyConnection, company: Company, source: Source, pairs: list[tuple[date, str]], is_subdaily: bool) -> str:
    """What a delivery's facts depend on besides its own bytes, as one hash."""
    shape = SHAPES[source.kind]
    rates = monthly_rates(con, company.currency, [(c, p) for p, c in pairs if c and c != company.currency]) if shape.feed == "billing_line" else []
    depends = {
        "kind": source.kind,
        "columns": dict(source.columns),
        "constants": dict(source.constants),
        "settings": [source.timezone, source.grain, source.input_includes_cache, source.prepaid, company.currency],
        "sql": [sql_models.models()[f"staging.{source.kind}"].sha256, *(hashlib.sha256(t.encode()).hexdigest() for _, t in _facts_of(shape))],
        "engine": duckdb.__version__,
        "rates": [[c, str(m), str(r)] for c, m, r in rates],
        "pools": [[str(e) for e in pool.match] for pool in company.pools] if is_subdaily else [],
        "prices": list_version() if shape.feed == "api_usage" and source.grain == "request" else "",
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _facts_of(shape: RawShape) -> list[tuple[str, str]]:
    return [] if shape.feed == "people_allocation" else _fact_selects(shape)


def _periods(con: duckdb.DuckDBPyConnection, source_id: str, deliveries: list[str]) -> tuple[str, ...]:
    rows = con.execute(
        "SELECT DISTINCT strftime(p.period, '%Y-%m') FROM ledger.delivery_period p JOIN ledger.delivery d USING (source_id, delivery, version) "
        "WHERE p.source_id = ? AND d.superseded_at IS NULL AND list_contains(?, p.delivery) AND p.period IS NOT NULL ORDER BY 1",
        [source_id, deliveries],
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


def _physical(con: duckdb.DuckDBPyConnection, file: Path, where: str) -> dict[str, str]:
    try:
        rows = con.execute("DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(file)]).fetchall()
    except duckdb.Error as error:
        raise BrokenFile("the file can't be read as Parquet", where=where, found=str(error).splitlines()[0], todo="deliver it again") from None
    return {str(row[0]): str(row[1]) for row in rows}


def _check_cache_flag(source: Source, shape: RawShape, physical: dict[str, str], where: str) -> None:
    if shape.kind != "request_log" or source.input_includes_cache is not None:
        return
    if "cached_tokens" in source.constants or physical_column(shape.column("cached_tokens"), physical, _theirs(source)):
        raise BrokenFile(
            "the log has cached tokens, and the configuration doesn't say whether its input tokens include them",
            where=where,
            expected="`input_includes_cache: true` or `false` on the source (OpenAI, Azure OpenAI, Gemini, LiteLLM: true; Anthropic, Bedrock: false)",
            todo="add the key to the source",
        )


def _theirs(source: Source) -> dict[str, str]:
    """People files land under our own names, so their mapping is done by then."""
    return {} if source.kind == "people" else dict(source.columns)


def _contract_columns(contract: type[pa.DataFrameModel]) -> list[str]:
    return list(contract.to_schema().columns)


def _refuse(con: duckdb.DuckDBPyConnection, source: Source, delivery: str, error: CrossoverError, result: SourceSync) -> None:
    row = one(
        con,
        "SELECT count(*) FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL AND (delivery = ? OR ? = '*')",
        [source.id, delivery, delivery],
    )
    has_good = bool(row and row[0])
    con.execute("INSERT INTO ledger.refusal VALUES (?, ?, ?, ?, ?)", [source.id, delivery, type(error).__name__, error.one_line, has_good])
    result.refused = (*result.refused, error.one_line)


def _finding(
    con: duckdb.DuckDBPyConnection, source_id: str, delivery: str, name: str, severity: str, rows: int, amount: Decimal | None, message: str
) -> None:
    con.execute("INSERT INTO ledger.finding VALUES (?, ?, ?, ?, ?, ?, ?)", [source_id, delivery, name, severity, rows, amount, message])


def _ignored_text(ignored: IgnoredFile) -> str:
    return f"{ignored.name} is not read: {ignored.reason}"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)
