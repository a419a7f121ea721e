"""What is read when: from what a source offers to facts, per delivery and only where something changed.

Each delivery is landed, then reduced by delete-and-insert in one transaction together with its entry in the ledger, so that a killed run
leaves either the old facts or the new ones. A broken file or an unreachable source keeps the last good version and is recorded. Not here:
the reduction itself (`pipelines.reduce`), the ledger's rows (`pipelines.deliveries`), people (`pipelines.payroll`, whose rows never enter
the warehouse).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import duckdb

from connectors.files.folder import list_files
from connectors.landing import LandedFile, land
from connectors.listings import OfferedFile
from connectors.people.projection import people_key
from models.config import Company, Source
from models.contracts.raw import SHAPES, RawShape
from models.errors import BrokenFile, CrossoverError, SourceUnreachable
from models.prices import list_version
from pipelines import deliveries, sql_models
from pipelines.deliveries import Delivery
from pipelines.fx import monthly_rates
from pipelines.landing_view import distinct_texts_sql, landing_view_sql, physical_column
from pipelines.reduce import keep_rows, reduce_rows
from pipelines.staging import FEEDS, fact_selects

Progress = Callable[[str], None]


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

    def refuse(name: str, error: CrossoverError) -> None:
        deliveries.refuse(con, source.id, name, error)
        result.refused = (*result.refused, error.one_line)

    con.execute("DELETE FROM ledger.refusal WHERE source_id = ?", [source.id])
    con.execute("DELETE FROM ledger.finding WHERE source_id = ? AND delivery = '*'", [source.id])
    try:
        check_readable(source)
        listing = list_files(source, company.root)
    except (SourceUnreachable, BrokenFile) as error:
        refuse("*", error)
        return result
    result.offered = len(listing.offered)
    for ignored in listing.ignored:
        deliveries.finding(con, source.id, "*", "file_ignored", "info", 1, f"{ignored.name} is not read: {ignored.reason}")
    redone: list[str] = []
    names: dict[str, str] = {}
    copies: set[str] = set()
    for number, offered in enumerate(listing.offered, 1):
        try:
            rows = _sync_file(con, company, source, offered, names, only_period)
        except (BrokenFile, SourceUnreachable) as error:
            refuse(offered.name, error)
            continue
        except _Copy as copy:
            copies.add(offered.name)
            said = f"{offered.name} is a byte-for-byte copy of {copy} and is not read: its rows would count twice"
            deliveries.finding(con, source.id, "*", "file_is_a_copy", "warning", 1, said)
            continue
        if rows is not None:
            result.reduced += 1
            result.rows += rows
            redone.append(offered.name)
            progress(f"{source.id}: {offered.name} ({number} of {len(listing.offered)}): {rows:,} rows")
    result.withdrawn = deliveries.withdraw_all_but(con, company, source, {offered.name for offered in listing.offered} - copies)
    result.periods = deliveries.periods(con, source.id, redone)
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


def _sync_file(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: OfferedFile, names: dict[str, str], only_period: date | None
) -> int | None:
    """The rows reduced, or None where nothing changed. `names` maps the hashes met in this sync to the file that has them.

    Raises _Copy where the file is a byte-for-byte copy of one before it.
    """
    state = company.paths.state
    current = deliveries.newest(con, state, source.id, offered.name)
    if current and current.fingerprint == offered.fingerprint:
        held = deliveries.periods_and_currencies(con, source.id, offered.name, current.version)
        is_asked_for = only_period is not None and only_period in [period for period, _ in held]
        is_as_it_was = _reduced_with(con, company, source, held, current.is_subdaily) == current.reduced_with
        if is_as_it_was and not is_asked_for and current.columnar.exists():
            _refuse_copy(current.sha256, offered, names)
            return None
        # people files land mapped already, so another mapping lands them again
        if current.columnar.exists() and current.landed.exists() and source.kind != "people":
            return _ingest(con, company, source, offered, current.as_landed(), current)
    key = people_key(state, dict(os.environ)) if source.kind == "people" else None
    landed = land(source, offered, state / "landing" / source.id, state / "staged" / source.id, key)
    _refuse_copy(landed.sha256, offered, names)
    return _ingest(con, company, source, offered, landed, current)


class _Copy(Exception):
    """A file of a source has the bytes of another one: its money would count twice."""


def _refuse_copy(sha256: str, offered: OfferedFile, names: dict[str, str]) -> None:
    first = names.setdefault(sha256, offered.name)
    if first != offered.name:
        raise _Copy(first)


def _ingest(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: OfferedFile, landed: LandedFile, current: Delivery | None
) -> int:
    """Stage, validate and reduce one landed file, and enter it in the ledger, in one transaction."""
    shape, where = SHAPES[source.kind], f"source {source.id}, file {offered.name}"
    physical = _physical(con, landed.columnar, where)
    _check_cache_flag(source, shape, physical, where)
    _check_not_emptied(shape, landed, current, where)
    files, columns = [landed.columnar], _theirs(source)
    view = partial(landing_view_sql, shape, files, physical, where=where, columns=columns, constants=source.constants, timezone=source.timezone)
    texts = distinct_texts_sql(shape, files, physical, columns=columns)
    all_rows = view()  # refuses a file without the columns, before anything is touched
    is_new_content = current is None or current.sha256 != landed.sha256
    number = (current.version if current else 0) + is_new_content
    con.begin()
    try:
        if is_new_content:
            deliveries.supersede(con, source.id, offered.name)
        deliveries.clear(con, source.id, offered.name, number)
        is_subdaily = False
        if shape.feed in FEEDS:
            is_subdaily = reduce_rows(con, company, source, shape, FEEDS[shape.feed], view, texts, offered.name, number, where)
        elif shape.feed == "reference":
            keep_rows(con, company, source, shape, all_rows, offered.name, number, where)
        held = deliveries.periods_and_currencies(con, source.id, offered.name, number)
        reduced_with = _reduced_with(con, company, source, held, is_subdaily)
        deliveries.enter(con, company.paths.state, source, landed, offered.fingerprint, number, reduced_with, is_subdaily)
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return landed.rows


def _check_not_emptied(shape: RawShape, landed: LandedFile, current: Delivery | None, where: str) -> None:
    """A bill or a people file that had rows and has none now is an export that failed: the last good version stays."""
    if shape.feed in ("billing_line", "people_allocation") and current and current.rows and not landed.rows:
        raise BrokenFile(
            "the file has no rows any more",
            where=where,
            found="a header only",
            expected=f"rows, as in its last version ({current.rows:,})",
            todo="deliver it again, or remove the file if its rows were not meant to be",
        )


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
        "engine": [duckdb.__version__, version("crossover")],
        "rates": [[c, str(m), str(r)] for c, m, r in rates],
        "pools": [[str(e) for e in pool.match] for pool in company.pools] if is_subdaily else [],
        "prices": list_version() if shape.feed == "api_usage" and source.grain == "request" else "",
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _facts_of(shape: RawShape) -> list[tuple[str, str]]:
    return [] if shape.feed == "people_allocation" else fact_selects(shape)


def _physical(con: duckdb.DuckDBPyConnection, file: Path, where: str) -> dict[str, str]:
    try:
        rows = con.execute("DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(file)]).fetchall()
    except duckdb.Error as error:
        raise BrokenFile("the file can't be read as Parquet", where=where, found=str(error).splitlines()[0], todo="deliver it again") from None
    return {str(row[0]): str(row[1]) for row in rows}


def _check_cache_flag(source: Source, shape: RawShape, physical: dict[str, str], where: str) -> None:
    if shape.name != "request_log" or source.input_includes_cache is not None:
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
