"""Stage, validate and reduce one delivery: its landed file becomes daily facts (hourly for demand) less its refused rows.

The views of `pipelines.staging` are bound to the file, the contracts of `models.contracts.feeds` see distinct texts and batches of numbers,
one GROUP BY of `dbt_like_sql/facts` writes the facts; nothing holds a period's rows in memory. Not here: what is read when and in which
transaction (`pipelines.ingest`) and how one value is read (`pipelines.landing_view`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import duckdb
import pandera.polars as pa
import polars as pl

from models.config import Company, Source
from models.contracts import feeds
from models.contracts.raw import RawShape
from models.errors import BrokenFile, CrossoverError
from models.prices import shipped_prices
from pipelines import deliveries, sql_models
from pipelines.fx import monthly_rates, write_monthly_rates
from pipelines.landing_view import quoted, spelled_nulls_sql, unreadable_columns
from pipelines.matching import hourly_keys
from pipelines.staging import API_USAGE, BILLING_LINE, REFERENCE, Feed, fact_selects, stage_views
from pipelines.warehouse import one

BATCH_ROWS = 500_000
# More refused rows than this in one delivery are no bad rows but a broken file.
REFUSED_ROWS_MAX = 1_000_000


def reduce_rows(
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
    and, less what these two refused, all of them by the one GROUP BY that makes the facts. Keys aren't held either: a log with a
    request's id in its metadata has as many as rows.
    """
    staged = f"staging.{feed.name}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE landed_texts AS {texts}")
    plain = _plain_texts(con)
    stage_views(con, company, source, shape, view(texts="landed_texts", plain=plain), delivery)
    con.execute(f"CREATE OR REPLACE TEMP TABLE new_keys AS {sql_models.models()[feed.facts[0]].text}")
    con.execute(f"CREATE OR REPLACE VIEW landing.{shape.name} AS {view(plain=plain)}")
    con.execute("DROP TABLE landed_texts")
    _assert_unique_hashes(con, feed)
    if feed is API_USAGE:
        _write_context_tiers(con)
    key_refusals = _validate_keys(con, feed, shape, where)
    refusals, totals, quirks = _validate_numbers(con, feed, shape, staged, where)
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
    con.execute(f"INSERT INTO {feed.facts[0]} SELECT n.* FROM new_keys n ANTI JOIN {feed.facts[0]} k ON n.key_id = k.key_id")
    con.execute("DELETE FROM config.hourly_key")
    if is_subdaily and company.pools:
        hourly_keys(con)
    for name in feed.facts[1:]:
        con.execute(f"INSERT INTO {name} {sql_models.models()[name].text}")
    _record_totals(con, totals, source.id, delivery, version)
    _record_quarantine(con, company, feed, source.id, delivery, shape)
    _record_findings(con, source, delivery, feed, shape, quirks, company)
    con.execute("DROP TABLE new_keys")
    return is_subdaily


def keep_rows(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, shape: RawShape, view: str, delivery: str, version: int, where: str
) -> None:
    """Reference feeds are small: validated in one frame, kept row by row."""
    stage_views(con, company, source, shape, view, delivery)
    contract, table = REFERENCE[shape.name]
    frame = con.sql(f"SELECT * FROM staging.{shape.name} ORDER BY row_number").pl()
    bad = _unreadable(con, frame.select("row_number", "unreadable"), shape)
    found = pl.concat([bad, feeds.violations(contract, frame.drop("unreadable"), "row_number")])
    con.register("row_refusals", found)
    con.execute("DELETE FROM staging.refused")
    con.execute(
        "INSERT INTO staging.refused SELECT row_number, string_agg(DISTINCT reason, '; ' ORDER BY reason) FROM row_refusals GROUP BY row_number"
    )
    con.unregister("row_refusals")
    con.execute(f"INSERT INTO {table} {fact_selects(shape)[0][1]}")
    con.execute(
        "INSERT INTO ledger.delivery_period SELECT ?, ?, ?, NULL, NULL, count(*), NULL, NULL FROM staging." + shape.name,
        [source.id, delivery, version],
    )
    money = {"control_totals": "amount"}.get(shape.name, "NULL")
    currency = "NULL" if shape.name == "fx_rates" else "currency"
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT ?, ?, s.row_number, ?, r.reasons, NULL, {currency}, {money}, {money}, NULL, NULL "
        f"FROM staging.{shape.name} s JOIN staging.refused r USING (row_number)",
        [source.id, delivery, f"{shape.name}/{shape.feed}"],
    )


@dataclass
class Quirks:
    """What a delivery's rows do that is legal but worth knowing."""

    rows: int = 0
    subdaily_rows: int = 0
    effective_rounded_to_zero: int = 0
    charge_outside_billing_period: int = 0


def _validate_keys(con: duckdb.DuckDBPyConnection, feed: Feed, shape: RawShape, where: str) -> pl.DataFrame:
    """Every key's text through the contract in batches; the refused keys with all their reasons in one."""
    assert feed.keys is not None
    found = [pl.DataFrame(schema={"key_id": pl.UInt64, "reason": pl.String})]
    refused = 0
    with closing(_batches(con, f"SELECT {', '.join(_contract_columns(feed.keys))} FROM new_keys")) as batches:
        for batch in batches:
            found.append(feeds.violations(feed.keys, batch, "key_id"))
            refused += len(found[-1])
            _refuse_too_many(refused, found[-1], shape, where)
    return pl.concat(found).group_by("key_id").agg(pl.col("reason").sort().str.join("; "))


def _refuse_too_many(refused: int, found: pl.DataFrame, shape: RawShape, where: str) -> None:
    if refused > REFUSED_ROWS_MAX:
        raise BrokenFile(
            f"more than {REFUSED_ROWS_MAX:,} rows break the contract",
            where=where,
            found="; ".join(found["reason"].unique().sort().head(3).to_list()),
            expected=f"rows of a {shape.name} file",
            todo="check that the columns are mapped to what they are",
        )


def _validate_numbers(
    con: duckdb.DuckDBPyConnection, feed: Feed, shape: RawShape, staged: str, where: str
) -> tuple[pl.DataFrame, pl.DataFrame, Quirks]:
    """Every row's numbers through the contract in batches; the refusals, one row per broken check, the source's totals and the quirks."""
    columns = _contract_columns(feed.numbers)
    currencies = con.execute("SELECT DISTINCT currency FROM new_keys").fetchall() if feed is BILLING_LINE else [(None,)]
    # A bill rarely has two currencies, and text is what costs most on its way from DuckDB to polars.
    currency = pl.lit(currencies[0][0], pl.String) if len(currencies) == 1 else pl.col("currency")
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
            _refuse_too_many(refused, found, shape, where)
            refusals.append(found)
            totals.append(_totals(feed, batch, currency))
            quirks.rows += len(batch)
            unreadable_everywhere &= int(str(batch["unreadable"].bitwise_and() or 0))
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


def _assert_unique_hashes(con: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Two different tuples under one hash would merge their money: never seen, never allowed."""
    row = one(con, "SELECT count(*) - count(DISTINCT key_id) FROM new_keys")
    if row and row[0]:
        raise CrossoverError(f"two different keys of {feed.name} have one hash", todo="report this: the hash must be widened")
    same = " AND ".join(f"n.{name} IS NOT DISTINCT FROM k.{name}" for name, _ in sql_models.table_columns(con, feed.facts[0]))
    row = one(con, f"SELECT count(*) FROM new_keys n JOIN {feed.facts[0]} k USING (key_id) WHERE NOT ({same})")
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
    else:
        money = "CAST(date_trunc('month', s.usage_at) AS DATE), NULL, NULL, NULL, NULL, NULL"
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT ?, ?, s.row_number, ?, r.reasons, {money} "
        f"FROM staging.{feed.name} s JOIN staging.refused r USING (row_number){joined}",
        [source_id, delivery, f"{shape.name}/{feed.name}"],
    )
    row = one(
        con,
        "SELECT (SELECT count(*) FROM staging.refused), count(*) FROM ledger.quarantine WHERE source_id = ? AND delivery = ?",
        [source_id, delivery],
    )
    if row is None or row[0] != row[1]:
        raise CrossoverError("not every refused row reached quarantine", where=f"source {source_id}, file {delivery}", found=str(row))


def _record_findings(
    con: duckdb.DuckDBPyConnection, source: Source, delivery: str, feed: Feed, shape: RawShape, quirks: Quirks, company: Company
) -> None:
    def record(name: str, severity: str, rows: int, message: str, amount: Decimal | None = None) -> None:
        if rows:
            deliveries.finding(con, source.id, delivery, name, severity, rows, message, amount)

    row = one(con, "SELECT count(*), sum(billed_cost) FROM ledger.quarantine WHERE source_id = ? AND delivery = ?", [source.id, delivery])
    if row:
        record(
            "rows_refused", "warning", row[0], f"{row[0]} rows of {delivery} are in quarantine: see table quarantine for each one's reasons", row[1]
        )
    if feed is BILLING_LINE:
        waiting = con.execute(
            "SELECT reasons, count(*), sum(source_billed_cost) FROM ledger.quarantine WHERE source_id = ? AND delivery = ? "
            "AND reasons LIKE 'no exchange rate%' GROUP BY reasons ORDER BY reasons",
            [source.id, delivery],
        ).fetchall()
        for reasons, rows, amount in waiting:
            message = f"{reasons}: these lines wait in quarantine until a source of kind fx_rates gives it (amount in their own currency)"
            record("no_exchange_rate", "error", rows, message, amount)
        record("effective_cost_rounded_to_zero", "info", quirks.effective_rounded_to_zero, "billed cost is not zero but effective cost is")
        record(
            "charge_outside_billing_period",
            "info",
            quirks.charge_outside_billing_period,
            "the charge began outside the billing period: a correction, or late usage",
        )
        with closing(_batches(con, "SELECT DISTINCT tags FROM new_keys WHERE tags IS NOT NULL")) as batches:
            broken = sum(not _is_json_object(text) for batch in batches for text in batch["tags"])
        record("tags_not_json", "warning", broken, "tags that are no JSON object match no tag condition")
        negative = one(
            con,
            "SELECT CAST(coalesce(sum(f.row_count), 0) AS BIGINT), sum(f.billed_cost) FROM facts.billing_line f "
            "JOIN facts.billing_key k USING (key_id) "
            "WHERE f.source_id = ? AND f.delivery = ? AND k.charge_category = 'Usage' AND k.charge_class IS NULL AND f.billed_cost < 0",
            [source.id, delivery],
        )
        if negative:
            record("negative_usage", "info", negative[0], "usage below zero that is not marked as a correction", negative[1])
        unnamed = one(con, "SELECT count(*) FROM new_keys WHERE service IS NULL AND sku IS NULL") if shape.name == "focus" else None
        record(
            "service_and_sku_missing",
            "info",
            unnamed[0] if unnamed else 0,
            "lines that name neither service nor SKU can only be matched by account, resource or tag",
        )
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


def _write_context_tiers(con: duckdb.DuckDBPyConnection) -> None:
    pairs = con.execute("SELECT DISTINCT provider, model FROM new_keys WHERE provider IS NOT NULL AND model IS NOT NULL").fetchall()
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


def _contract_columns(contract: type[pa.DataFrameModel]) -> list[str]:
    return list(contract.to_schema().columns)
