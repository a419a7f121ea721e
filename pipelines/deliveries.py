"""The ledger of deliveries: which version of what is in the facts, what replaced it, what was refused.

A delivery is what a source replaces as one: a file, a billing period of an export, a month of a provider's usage. Paths are kept relative
to the state folder, so that it can be moved. Not here: reading files (`pipelines.ingest`) and reducing them (`pipelines.reduce`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from connectors.landing import InputFile, LandedDelivery, LandedFile
from models.config import Company, Source
from models.errors import CrossoverError
from pipelines.warehouse import one

# What a withdrawn delivery's fingerprint and hash read as, so that one that comes back is new.
WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Delivery:
    """The newest version of a delivery. `landed` is what landing gave when it came, with absolute paths."""

    name: str
    version: int
    fingerprint: str
    sha256: str
    reduced_with: str
    is_subdaily: bool
    landed: LandedDelivery

    @property
    def is_on_disk(self) -> bool:
        """Whether its columnar files are still there."""
        return all(file.columnar.exists() for file in self.landed.files)


def newest(con: duckdb.DuckDBPyConnection, state: Path, source_id: str, name: str) -> Delivery | None:
    """The newest version of a delivery, current or withdrawn (one that comes back goes on counting versions)."""
    row = one(
        con,
        "SELECT version, fingerprint, sha256, reduced_with, is_subdaily, shape, superseded_at IS NOT NULL "
        "FROM ledger.delivery WHERE source_id = ? AND delivery = ? ORDER BY version DESC LIMIT 1",
        [source_id, name],
    )
    if row is None:
        return None
    version, fingerprint, sha256, reduced_with, is_subdaily, shape, is_withdrawn = row
    files = con.execute(
        "SELECT file, sha256, bytes, landed, columnar, row_count FROM ledger.delivery_file WHERE source_id = ? AND delivery = ? AND version = ? "
        "ORDER BY first_row, file",
        [source_id, name, version],
    ).fetchall()
    landed = LandedDelivery(
        name,
        shape,
        tuple(LandedFile(f, h, size, rows, state / where, state / columnar, ()) for f, h, size, where, columnar, rows in files if columnar),
        tuple(InputFile(f, h, size, state / where if where else None) for f, h, size, where, columnar, _ in files if not columnar),
    )
    if is_withdrawn:
        fingerprint = sha256 = WITHDRAWN
    return Delivery(name, version, fingerprint, sha256, reduced_with, is_subdaily, landed)


def offered_as(con: duckdb.DuckDBPyConnection, state: Path, source_id: str, offered: str) -> list[Delivery]:
    """The current deliveries that came of one offered set of files, sorted by name."""
    names = con.execute(
        "SELECT delivery FROM ledger.delivery WHERE source_id = ? AND offered_as = ? AND superseded_at IS NULL ORDER BY 1", [source_id, offered]
    ).fetchall()
    found = [newest(con, state, source_id, str(name)) for (name,) in names]
    return [delivery for delivery in found if delivery]


def enter(
    con: duckdb.DuckDBPyConnection,
    state: Path,
    source: Source,
    landed: LandedDelivery,
    offered: str,
    fingerprint: str,
    version: int,
    reduced_with: str,
    is_subdaily: bool,
) -> None:
    """Make this version the current one of its delivery, which came of the files that the source offers under the name `offered`."""
    key = [source.id, landed.name, version]
    for table in ("delivery", "delivery_file"):
        con.execute(f"DELETE FROM ledger.{table} WHERE source_id = ? AND delivery = ? AND version = ?", key)
    con.execute(
        "INSERT INTO ledger.delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            *(source.id, source.kind, landed.shape, landed.name, offered, version, fingerprint, landed.sha256, reduced_with),
            *(landed.bytes, landed.rows, is_subdaily, _now()),
        ],
    )
    first_row = 0
    rows: list[list[object]] = []
    for file in landed.files:
        paths = [str(path.relative_to(state)) for path in (file.landed, file.columnar)]
        rows.append([*key, file.name, file.sha256, file.bytes, *paths, first_row, file.rows])
        first_row += file.rows
    for page in landed.inputs:
        rows.append([*key, page.name, page.sha256, page.bytes, str(page.landed.relative_to(state)) if page.landed else None, None, None, None])
    con.executemany("INSERT INTO ledger.delivery_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def touch(con: duckdb.DuckDBPyConnection, source_id: str, name: str, fingerprint: str) -> None:
    """Equal contents were offered anew: only the fingerprint is another."""
    con.execute(
        "UPDATE ledger.delivery SET fingerprint = ? WHERE source_id = ? AND delivery = ? AND superseded_at IS NULL", [fingerprint, source_id, name]
    )


def supersede(con: duckdb.DuckDBPyConnection, source_id: str, name: str) -> None:
    """The current version of a delivery is so no longer; it stays listed."""
    con.execute(
        "UPDATE ledger.delivery SET superseded_at = ? WHERE source_id = ? AND delivery = ? AND superseded_at IS NULL", [_now(), source_id, name]
    )


def clear(con: duckdb.DuckDBPyConnection, source_id: str, name: str, version: int) -> None:
    """Replace, never append: what this delivery wrote before goes first."""
    for table in (*_fact_tables(con), "ledger.quarantine", "ledger.finding"):
        con.execute(f"DELETE FROM {table} WHERE source_id = ? AND delivery = ?", [source_id, name])
    con.execute("DELETE FROM ledger.delivery_period WHERE source_id = ? AND delivery = ? AND version = ?", [source_id, name, version])


def withdraw_all_but(con: duckdb.DuckDBPyConnection, company: Company, source: Source, delivered: set[str], unread: set[str]) -> int:
    """Facts mirror what the source offers now, so that a run from an empty state gives the same tables: what is gone takes its rows along.

    `delivered` names the deliveries that are there, `unread` the offered sets of files that couldn't be read: what they gave last stays.
    """
    current = con.execute("SELECT delivery, offered_as FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL", [source.id]).fetchall()
    gone = sorted(str(name) for name, offered in current if name not in delivered and offered not in unread)
    for name in gone:
        con.begin()
        clear(con, source.id, name, -1)
        supersede(con, source.id, name)
        con.commit()
    _prune(con, company, source)
    return len(gone)


def forget(con: duckdb.DuckDBPyConnection, configured: list[str]) -> None:
    """Facts are a function of the configured sources: those of a source that left the configuration leave too."""
    for (gone,) in con.execute("SELECT DISTINCT source_id FROM ledger.delivery WHERE NOT list_contains(?, source_id)", [configured]).fetchall():
        con.begin()
        ledger = ("quarantine", "finding", "refusal", "delivery_period", "delivery_file", "delivery")
        for table in (*_fact_tables(con), *(f"ledger.{name}" for name in ledger)):
            con.execute(f"DELETE FROM {table} WHERE source_id = ?", [gone])
        con.commit()
    con.execute("DELETE FROM ledger.refusal WHERE NOT list_contains(?, source_id)", [configured])
    con.execute("DELETE FROM ledger.finding WHERE NOT list_contains(?, source_id)", [configured])


def periods_and_currencies(con: duckdb.DuckDBPyConnection, source_id: str, name: str, version: int) -> list[tuple[date, str]]:
    """The (first day of a month, currency) pairs that a delivery holds; an empty currency where it has none."""
    rows = con.execute(
        "SELECT period, currency FROM ledger.delivery_period WHERE source_id = ? AND delivery = ? AND version = ? AND period IS NOT NULL "
        "ORDER BY ALL",
        [source_id, name, version],
    ).fetchall()
    return [(row[0], str(row[1] or "")) for row in rows]


def holds_day(con: duckdb.DuckDBPyConnection, source_id: str, name: str, feed: str, first: date, last: date) -> bool:
    """Whether the facts of a delivery hold any of these days; a bill counts by its billing period."""
    table, day = {
        "billing_line": ("billing_line", "billing_period"),
        "api_usage": ("usage_hourly", "CAST(usage_hour AS DATE)"),
        "serving_usage": ("serving_hourly", "CAST(usage_hour AS DATE)"),
        "gpu_telemetry": ("gpu_hourly", "CAST(usage_hour AS DATE)"),
    }[feed]
    row = one(
        con,
        f"SELECT count(*) FROM facts.{table} WHERE source_id = ? AND delivery = ? AND {day} BETWEEN ? AND ?",
        [source_id, name, first, last],
    )
    return bool(row and row[0])


def periods(con: duckdb.DuckDBPyConnection, source_id: str, names: list[str]) -> tuple[str, ...]:
    """The months (2026-05) that these current deliveries hold."""
    rows = con.execute(
        "SELECT DISTINCT strftime(p.period, '%Y-%m') FROM ledger.delivery_period p JOIN ledger.delivery d USING (source_id, delivery, version) "
        "WHERE p.source_id = ? AND d.superseded_at IS NULL AND list_contains(?, p.delivery) AND p.period IS NOT NULL ORDER BY 1",
        [source_id, names],
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


def refuse(con: duckdb.DuckDBPyConnection, source_id: str, name: str, error: CrossoverError) -> None:
    """Record that a delivery (`*`: the whole source) can't be used now, and whether an earlier version of it stays in use."""
    row = one(
        con,
        "SELECT count(*) FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL AND (delivery = ? OR offered_as = ? OR ? = '*')",
        [source_id, name, name, name],
    )
    con.execute("INSERT INTO ledger.refusal VALUES (?, ?, ?, ?, ?)", [source_id, name, type(error).__name__, error.one_line, bool(row and row[0])])


def finding(
    con: duckdb.DuckDBPyConnection, source_id: str, name: str, check: str, severity: str, rows: int, message: str, amount: Decimal | None = None
) -> None:
    """Record what a reader of this delivery's numbers should know; findings go with their delivery (`*`: with the next sync)."""
    con.execute("INSERT INTO ledger.finding VALUES (?, ?, ?, ?, ?, ?, ?)", [source_id, name, check, severity, rows, amount, message])


def _prune(con: duckdb.DuckDBPyConnection, company: Company, source: Source) -> None:
    """Superseded versions leave the disk beyond `retention`; their hashes stay in the ledger."""
    state = company.paths.state
    kept = con.execute(
        "SELECT f.landed, f.columnar FROM ledger.delivery_file f JOIN (SELECT source_id, delivery, version FROM ledger.delivery WHERE source_id = ? "
        "QUALIFY superseded_at IS NULL OR row_number() OVER (PARTITION BY delivery, superseded_at IS NULL ORDER BY version DESC) <= ?) d "
        "USING (source_id, delivery, version)",
        [source.id, company.retention.superseded_versions],
    ).fetchall()
    keep = {state / path for row in kept for path in row if path}
    for folder in (state / "landing" / source.id, state / "staged" / source.id):
        for file in sorted(folder.rglob("*")) if folder.exists() else []:
            if file.is_file() and file not in keep:
                file.unlink()
        for empty in sorted(folder.rglob("*"), reverse=True) if folder.exists() else []:
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


def _fact_tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        "SELECT DISTINCT table_name FROM duckdb_columns() WHERE schema_name = 'facts' AND column_name = 'delivery' ORDER BY 1"
    ).fetchall()
    return [f"facts.{row[0]}" for row in rows]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
