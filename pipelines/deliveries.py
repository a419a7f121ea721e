"""The ledger of deliveries: which version of which file is in the facts, what replaced it, what was refused.

A delivery is what a source replaces as one: here one file, later one partition of an export. Paths are kept relative to the state folder,
so that it can be moved. Not here: reading files (`pipelines.ingest`) and reducing them (`pipelines.reduce`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from connectors.landing import LandedFile
from models.config import Company, Source
from models.errors import CrossoverError
from pipelines.warehouse import one

# What a withdrawn delivery's fingerprint and hash read as, so that a file that comes back is new.
WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Delivery:
    """The newest version of a delivery. `landed` and `columnar` are absolute."""

    name: str
    version: int
    fingerprint: str
    sha256: str
    reduced_with: str
    landed: Path
    columnar: Path
    bytes: int
    rows: int
    is_subdaily: bool

    def as_landed(self) -> LandedFile:
        """What landing gave when this version came."""
        return LandedFile(self.name, self.sha256, self.bytes, self.rows, self.landed, self.columnar, ())


def newest(con: duckdb.DuckDBPyConnection, state: Path, source_id: str, name: str) -> Delivery | None:
    """The newest version of a delivery, current or withdrawn (a file that comes back goes on counting versions)."""
    row = one(
        con,
        "SELECT version, fingerprint, sha256, reduced_with, landed, columnar, bytes, row_count, is_subdaily, superseded_at IS NOT NULL "
        "FROM ledger.delivery WHERE source_id = ? AND delivery = ? ORDER BY version DESC LIMIT 1",
        [source_id, name],
    )
    if row is None:
        return None
    version, fingerprint, sha256, reduced_with, landed, columnar, size, rows, is_subdaily, is_withdrawn = row
    if is_withdrawn:
        fingerprint = sha256 = WITHDRAWN
    return Delivery(name, version, fingerprint, sha256, reduced_with, state / landed, state / columnar, size, rows, is_subdaily)


def enter(
    con: duckdb.DuckDBPyConnection,
    state: Path,
    source: Source,
    landed: LandedFile,
    fingerprint: str,
    version: int,
    reduced_with: str,
    is_subdaily: bool,
) -> None:
    """Make this version the current one of its delivery."""
    con.execute("DELETE FROM ledger.delivery WHERE source_id = ? AND delivery = ? AND version = ?", [source.id, landed.name, version])
    con.execute(
        "INSERT INTO ledger.delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            *(source.id, source.kind, landed.name, version, fingerprint, landed.sha256, reduced_with),
            *(str(landed.landed.relative_to(state)), str(landed.columnar.relative_to(state)), landed.bytes, landed.rows, is_subdaily, _now()),
        ],
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


def withdraw_all_but(con: duckdb.DuckDBPyConnection, company: Company, source: Source, offered: set[str]) -> int:
    """Facts mirror what the source offers now, so that a run from an empty state gives the same tables: a file that is gone takes its rows along."""
    current = con.execute("SELECT delivery FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL", [source.id]).fetchall()
    gone = sorted(str(name) for (name,) in current if name not in offered)
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
        for table in (*_fact_tables(con), "ledger.quarantine", "ledger.finding", "ledger.refusal", "ledger.delivery_period", "ledger.delivery"):
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
        "SELECT count(*) FROM ledger.delivery WHERE source_id = ? AND superseded_at IS NULL AND (delivery = ? OR ? = '*')",
        [source_id, name, name],
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
        "SELECT landed, columnar FROM ledger.delivery WHERE source_id = ? QUALIFY superseded_at IS NULL OR row_number() OVER ("
        "PARTITION BY delivery, superseded_at IS NULL ORDER BY version DESC) <= ?",
        [source.id, company.retention.superseded_versions],
    ).fetchall()
    keep = {state / path for row in kept for path in row}
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
