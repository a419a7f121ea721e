"""The private warehouse: one DuckDB file in the state folder, opened by one writer at a time.

Here: the lock, the connection and its settings, the ledger's tables. Not here: what is computed (`dbt_like_sql`) or published.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from connectors.private_files import settle, temporary_file
from models.errors import WriterBusy

# Measured in design.md: too low a limit dies instead of spilling; two reader threads are what two cores take.
MEMORY_LIMIT = os.environ.get("CROSSOVER_MEMORY_LIMIT", "1500MB")
# Another layout of the ledger: the warehouse is built anew from the sources, which what can't be computed again doesn't depend on.
_LAYOUT = "layout_3"
SCHEMAS = ("landing", "staging", "config", "reference", "ledger", "facts", "allocation", "published", "marts", "checks")

_LEDGER = """
CREATE TABLE IF NOT EXISTS ledger.delivery (
    source_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, shape VARCHAR NOT NULL, delivery VARCHAR NOT NULL, offered_as VARCHAR NOT NULL,
    version INTEGER NOT NULL, fingerprint VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, reduced_with VARCHAR NOT NULL, bytes BIGINT NOT NULL,
    row_count BIGINT NOT NULL, is_subdaily BOOLEAN NOT NULL, ingested_at TIMESTAMP NOT NULL, superseded_at TIMESTAMP,
    PRIMARY KEY (source_id, delivery, version));
CREATE TABLE IF NOT EXISTS ledger.delivery_file (
    source_id VARCHAR NOT NULL, delivery VARCHAR NOT NULL, version INTEGER NOT NULL, file VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
    bytes BIGINT NOT NULL, landed VARCHAR, columnar VARCHAR, first_row BIGINT, row_count BIGINT);
CREATE TABLE IF NOT EXISTS ledger.delivery_period (
    source_id VARCHAR NOT NULL, delivery VARCHAR NOT NULL, version INTEGER NOT NULL, period DATE, currency VARCHAR, row_count BIGINT NOT NULL,
    source_billed DECIMAL(38, 12), source_effective DECIMAL(38, 12));
CREATE TABLE IF NOT EXISTS ledger.refusal (
    source_id VARCHAR NOT NULL, delivery VARCHAR NOT NULL, error VARCHAR NOT NULL, message VARCHAR NOT NULL, has_good_version BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS ledger.quarantine (
    source_id VARCHAR NOT NULL, delivery VARCHAR NOT NULL, row_number BIGINT NOT NULL, contract VARCHAR NOT NULL, reasons VARCHAR NOT NULL,
    period DATE, currency VARCHAR, source_billed_cost DECIMAL(38, 12), source_effective_cost DECIMAL(38, 12),
    billed_cost DECIMAL(38, 12), effective_cost DECIMAL(38, 12));
CREATE TABLE IF NOT EXISTS ledger.finding (
    source_id VARCHAR NOT NULL, delivery VARCHAR NOT NULL, check_name VARCHAR NOT NULL, severity VARCHAR NOT NULL,
    row_count BIGINT NOT NULL, amount DECIMAL(38, 12), message VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS ledger.closed_rate (currency VARCHAR NOT NULL, month DATE NOT NULL, rate DECIMAL(24, 12) NOT NULL);
CREATE TABLE IF NOT EXISTS ledger.closed_cost (
    usage_date DATE, billing_period DATE, accounting_month DATE, workload_id VARCHAR, environment VARCHAR, source_id VARCHAR, provider VARCHAR,
    service VARCHAR, region VARCHAR, pool_id VARCHAR, cost_category VARCHAR, charge_category VARCHAR, allocation_method VARCHAR,
    cost_basis VARCHAR, match_id VARCHAR, billed_cost DECIMAL(38, 12), effective_cost DECIMAL(38, 12), list_cost DECIMAL(38, 12));
CREATE TABLE IF NOT EXISTS ledger.run (
    run_id VARCHAR PRIMARY KEY, started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP, as_of DATE NOT NULL, product_version VARCHAR NOT NULL,
    config_sha256 VARCHAR NOT NULL, prices_version VARCHAR NOT NULL, assumptions_version VARCHAR NOT NULL, status VARCHAR NOT NULL);
"""


@contextmanager
def writer_lock(state: Path) -> Iterator[None]:
    """The one writer: command line and daemon can't meet. Raises WriterBusy at once where another run holds the lock."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(state / "writer.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WriterBusy(
            "another run is writing", where=str(state / "writer.lock"), todo="wait for it to end (`crossover ui` shows it), then run again"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def warehouse(state: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-write connection to `state/warehouse.duckdb`, made where it is missing, with every schema and the ledger's tables."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.chmod(0o700)
    spill = state / "spill"
    spill.mkdir(exist_ok=True, mode=0o700)
    umask = os.umask(0o077)  # the file, its log and what spills are the owner's alone
    try:
        with closing(connect(_made(state / "warehouse.duckdb"), spill)) as con:
            _make_room(con)
            yield con
    finally:
        os.umask(umask)


def _make_room(con: duckdb.DuckDBPyConnection) -> None:
    """Every schema and the ledger's tables; those of another layout go first."""
    made = one(con, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'ledger'")
    is_current = one(con, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'ledger' AND table_name = ?", [_LAYOUT])
    if made and made[0] and is_current and not is_current[0]:
        for schema in SCHEMAS:
            con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    for schema in SCHEMAS:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    con.execute(f"CREATE TABLE IF NOT EXISTS ledger.{_LAYOUT} (nothing BOOLEAN)")
    con.execute(_LEDGER)


def _made(file: Path) -> Path:
    """The file, made empty and whole where it is missing: what a kill left of a half-made one could never be opened again."""
    if not file.exists():
        with temporary_file(file.parent, file.name) as fresh:
            duckdb.connect(str(fresh)).close()
            settle(fresh, file)
    return file


def connect(file: Path | None = None, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the house's settings: UTC, two threads, a memory limit and a place to spill, no downloads."""
    con = duckdb.connect(str(file) if file else ":memory:")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET threads = 2")
    con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    con.execute("SET preserve_insertion_order = false")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute(f"SET temp_directory = '{spill or tempfile.gettempdir()}'")
    return con


def one(con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...] | None:
    """The first row of a small result, or None. Fetches all of it: an unfinished result blocks the connection (duckdb 2)."""
    rows = con.execute(sql, list(parameters)).fetchall()
    return rows[0] if rows else None
