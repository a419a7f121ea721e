"""What is read when: from what a source offers to facts, per delivery and only where something changed.

Each delivery is landed, then reduced by delete-and-insert in one transaction together with its entry in the ledger, so that a killed run
leaves either the old facts or the new ones. A broken file or an unreachable source keeps the last good version and is recorded. Not here:
what a source offers (`connectors.offers`), the reduction itself (`pipelines.reduce`), the ledger's rows (`pipelines.deliveries`), people
(`pipelines.payroll`, whose rows never enter the warehouse).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import duckdb

from connectors.landing import LandedDelivery, land, land_parts
from connectors.listings import OfferedDelivery, Store
from connectors.offers import assembler, offer, store_of
from connectors.people.projection import people_key
from connectors.pulling import refresh
from models.config import MONEY_KINDS, USAGE_KINDS, Company, Source
from models.contracts.raw import SHAPES, RawShape
from models.economics.periods import add_months
from models.errors import BrokenFile, CrossoverError, SourceUnreachable
from models.prices import list_version
from pipelines import deliveries, sql_models
from pipelines.deliveries import Delivery
from pipelines.fx import monthly_rates
from pipelines.landing_view import distinct_texts_sql, landing_view_sql, physical_column
from pipelines.reduce import keep_rows, reduce_rows
from pipelines.staging import FEEDS, fact_selects, has_rate_cards

Progress = Callable[[str], None]


# How far back an API is asked where the configuration doesn't say.
MONTHS_PULLED = 12
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
    refused: tuple[str, ...] = ()  # one line per broken delivery or unreachable source


def sync_source(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, progress: Progress, *, only: tuple[date, date] | None = None
) -> SourceSync:
    """Bring one source's facts up to what it offers now. Never raises for what the source itself did wrong: that is in the result.

    `only` re-reduces the deliveries that hold any of these days (first and last, inclusive), changed or not, and pulls their months anew
    where an API is the source: a back-fill.
    """
    return _Sync(con, company, source, progress, only).run()


class _Copy(Exception):
    """A delivery has the contents of another one: its money would count twice."""


class _Sync:
    """One source on its way into the facts."""

    def __init__(self, con: duckdb.DuckDBPyConnection, company: Company, source: Source, progress: Progress, only: tuple[date, date] | None) -> None:
        self.con, self.company, self.source, self.progress, self.only = con, company, source, progress, only
        self.state = company.paths.state
        self.result = SourceSync(source.id)
        self.delivered: set[str] = set()  # deliveries that are there, changed or not
        self.unread: set[str] = set()  # offered sets of files that couldn't be read
        self.redone: list[str] = []
        self.contents: dict[str, str] = {}  # hash of a delivery's contents -> the first delivery met that has it

    def run(self) -> SourceSync:
        con, source = self.con, self.source
        con.execute("DELETE FROM ledger.refusal WHERE source_id = ?", [source.id])
        # what landing found stays until the files are landed anew
        con.execute("DELETE FROM ledger.finding WHERE source_id = ? AND delivery = '*' AND check_name <> 'cost_report_not_used'", [source.id])
        mirror = self.state / "pulled" / source.id
        try:
            if source.path is None:
                self._pull(mirror)
            store = store_of(source, self.company.root, mirror)
            offered = offer(source, store)
        except (SourceUnreachable, BrokenFile) as error:
            self._refuse("*", error)
            return self.result
        self.result.offered = len(offered.deliveries)
        for ignored in offered.ignored:
            deliveries.finding(con, source.id, "*", "file_ignored", "info", 1, f"{ignored.name} is not read: {ignored.reason}")
        for name, refusal in offered.refused:
            self._refuse(name, refusal)
            self.unread.add(name)
        for number, delivery in enumerate(offered.deliveries, 1):
            try:
                self._sync(store, delivery, f"{number} of {len(offered.deliveries)}")
            except (BrokenFile, SourceUnreachable) as error:
                self._refuse(delivery.name, error)
                self.unread.add(delivery.name)
        self.result.withdrawn = deliveries.withdraw_all_but(con, self.company, source, self.delivered, self.unread)
        self.result.periods = deliveries.periods(con, source.id, self.redone)
        return self.result

    def _pull(self, mirror: Path) -> None:
        """Bring the mirror of a provider's API up to date. Months that can't be had stay as they were pulled last."""
        # the clock decides what is asked for, never what a number is
        today = datetime.now(UTC).date()
        since = self.source.since or add_months(today.replace(day=1), -MONTHS_PULLED)
        for month, error in refresh(self.source, mirror, today, since, again=self.only).refused:
            self._refuse(month, error)

    def _refuse(self, name: str, error: CrossoverError) -> None:
        deliveries.refuse(self.con, self.source.id, name, error)
        self.result.refused = (*self.result.refused, error.one_line)

    def _sync(self, store: Store, offered: OfferedDelivery, number: str) -> None:
        """One offered set of files: nothing where it is as it was, else landed, and each delivery in it reduced where that changed."""
        current = deliveries.offered_as(self.con, self.state, self.source.id, offered.name)
        is_as_listed = bool(current) and all(c.fingerprint == offered.fingerprint and c.is_on_disk for c in current)
        if is_as_listed and all(self._is_as_it_was(c) for c in current):
            for c in current:
                self._enter(c.landed, offered, number)
            return
        # people's files and those that are put together land mapped already, so another mapping lands them again
        is_mapped_on_landing = self.source.kind == "people" or assembler(self.source.kind) is not None
        landed = self._land(store, offered) if is_mapped_on_landing or not is_as_listed else [c.landed for c in current]
        for delivery in landed:
            self._enter(delivery, offered, number)

    def _land(self, store: Store, offered: OfferedDelivery) -> list[LandedDelivery]:
        landing, staged = self.state / "landing" / self.source.id, self.state / "staged" / self.source.id
        assemble = assembler(self.source.kind)
        if assemble is None:
            key = people_key(self.state, dict(os.environ)) if self.source.kind == "people" else None
            return [land(store, self.source, offered, landing, staged, key)]
        landed = land_parts(store, self.source, offered, landing, staged, assemble)
        used = [delivery for delivery in landed if not _is_paid_elsewhere(self.source, SHAPES[delivery.shape])]
        self.con.execute(
            "DELETE FROM ledger.finding WHERE source_id = ? AND delivery = ? AND check_name = 'cost_report_not_used'", [self.source.id, offered.name]
        )
        if len(used) < len(landed):
            said = f"the cost report is not used: {self.source.billed_by} pays for this usage, and money counts once"
            deliveries.finding(self.con, self.source.id, offered.name, "cost_report_not_used", "info", len(landed) - len(used), said)
        return used

    def _is_as_it_was(self, delivery: Delivery) -> bool:
        """Whether reducing it again would give the same facts, and nobody asked for it."""
        held = deliveries.periods_and_currencies(self.con, self.source.id, delivery.name, delivery.version)
        shape = SHAPES[delivery.landed.shape]
        if self.only is not None and deliveries.holds_day(self.con, self.source.id, delivery.name, shape.feed, *self.only):
            return False
        return _reduced_with(self.con, self.company, self.source, shape, held, delivery.is_subdaily) == delivery.reduced_with

    def _enter(self, landed: LandedDelivery, offered: OfferedDelivery, number: str) -> None:
        """Make a landed delivery the one that facts hold, unless its contents are those of another one or the facts hold it already."""
        first = self.contents.setdefault(landed.sha256, landed.name) if landed.rows and not landed.inputs else landed.name
        if first != landed.name:
            said = f"{landed.name} is a byte-for-byte copy of {first} and is not read: its rows would count twice"
            deliveries.finding(self.con, self.source.id, "*", "file_is_a_copy", "warning", 1, said)
            return
        self.delivered.add(landed.name)
        current = deliveries.newest(self.con, self.state, self.source.id, landed.name)
        if current and current.sha256 == landed.sha256 and self._is_as_it_was(current):
            if current.fingerprint != offered.fingerprint:
                deliveries.touch(self.con, self.source.id, landed.name, offered.fingerprint)
            return
        try:
            _ingest(self.con, self.company, self.source, offered, landed, current)
        except BrokenFile as error:  # other deliveries of the same files may still be good
            self._refuse(landed.name, error)
            return
        self.result.reduced += 1
        self.result.rows += landed.rows
        self.redone.append(landed.name)
        self.progress(f"{self.source.id}: {landed.name} ({number}): {landed.rows:,} rows")


def _is_paid_elsewhere(source: Source, shape: RawShape) -> bool:
    """A provider's cost report beside the invoice that is configured to pay for the usage would be the same money twice."""
    return shape.feed == "billing_line" and source.kind in USAGE_KINDS and source.billed_by not in (None, source.id)


def _ingest(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: OfferedDelivery, landed: LandedDelivery, current: Delivery | None
) -> None:
    """Stage, validate and reduce one landed delivery, and enter it in the ledger, in one transaction."""
    shape, where = SHAPES[landed.shape], f"source {source.id}, file {landed.name}"
    files = [file.columnar for file in landed.files]
    physical = _physical(con, files, where)
    _check_cache_flag(source, shape, physical, where)
    _check_not_emptied(shape, landed, current, where)
    columns = _theirs(source)
    constants = dict(source.constants)
    if shape.name == "focus" and has_rate_cards(company):
        # an export of quantities may leave the cost columns out
        constants |= {name: "0" for name in ("BilledCost", "EffectiveCost") if physical_column(shape.column(name), physical, columns) is None}
    rows = [file.rows for file in landed.files]
    view = partial(landing_view_sql, shape, files, physical, where=where, columns=columns, constants=constants, timezone=source.timezone, rows=rows)
    texts = distinct_texts_sql(shape, files, physical, columns=columns)
    all_rows = view()  # refuses a file without the columns, before anything is touched
    is_new_content = current is None or current.sha256 != landed.sha256
    number = (current.version if current else 0) + is_new_content
    con.begin()
    try:
        if is_new_content:
            deliveries.supersede(con, source.id, landed.name)
        deliveries.clear(con, source.id, landed.name, number)
        is_subdaily = False
        if shape.feed in FEEDS:
            is_subdaily = reduce_rows(con, company, source, shape, FEEDS[shape.feed], view, texts, landed.name, number, where)
        elif shape.feed == "reference":
            keep_rows(con, company, source, shape, all_rows, landed.name, number, where)
        held = deliveries.periods_and_currencies(con, source.id, landed.name, number)
        reduced_with = _reduced_with(con, company, source, shape, held, is_subdaily)
        deliveries.enter(con, company.paths.state, source, landed, offered.name, offered.fingerprint, number, reduced_with, is_subdaily)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _check_not_emptied(shape: RawShape, landed: LandedDelivery, current: Delivery | None, where: str) -> None:
    """A bill or a people file that had rows and has none now is an export that failed: the last good version stays."""
    if shape.feed in ("billing_line", "people_allocation") and current and current.landed.rows and not landed.rows:
        raise BrokenFile(
            "the file has no rows any more",
            where=where,
            found="a header only",
            expected=f"rows, as in its last version ({current.landed.rows:,} rows)",
            todo="deliver it again, or remove the file if its rows were not meant to be",
        )


def _reduced_with(
    con: duckdb.DuckDBPyConnection, company: Company, source: Source, shape: RawShape, pairs: list[tuple[date, str]], is_subdaily: bool
) -> str:
    """What a delivery's facts depend on besides its own bytes, as one hash."""
    rates = monthly_rates(con, company.currency, [(c, p) for p, c in pairs if c and c != company.currency]) if shape.feed == "billing_line" else []
    depends = {
        "kind": source.kind,
        "columns": dict(source.columns),
        "constants": dict(source.constants),
        "settings": [source.timezone, source.grain, source.input_includes_cache, source.prepaid, company.currency, _payer(source)],
        "model_map": dict(source.model_map),
        "rate_cards": has_rate_cards(company),
        "sql": [sql_models.models()[f"staging.{shape.name}"].sha256, *(hashlib.sha256(t.encode()).hexdigest() for _, t in _facts_of(shape))],
        "engine": [duckdb.__version__, version("crossover")],
        "rates": [[c, str(m), str(r)] for c, m, r in rates],
        "pools": [[str(e) for e in pool.match] for pool in company.pools] if is_subdaily else [],
        "prices": list_version() if shape.feed == "api_usage" and source.grain == "request" else "",
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _payer(source: Source) -> str | None:
    """Who pays for usage whose provider has a cost report of its own: that report is read, or not."""
    return source.billed_by if source.kind in MONEY_KINDS else None


def _facts_of(shape: RawShape) -> list[tuple[str, str]]:
    return [] if shape.feed == "people_allocation" else fact_selects(shape)


def _physical(con: duckdb.DuckDBPyConnection, files: Sequence[Path], where: str) -> dict[str, str]:
    try:
        paths = [str(file) for file in files]
        rows = con.execute("DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false)", [paths]).fetchall()
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
