"""What earlier runs published, and the ledger of what later ones restated.

The finance file that is about to be replaced is the record of what was published: its tables are read into schema `published`, and
`dbt_like_sql/marts/restatements.sql` compares. The restatements themselves are kept in `state/ledger/restatements.jsonl`, since nothing
could tell them again once the new file is there. Not here: the comparison and its causes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from models.config import Company
from pipelines.chain import Chain
from pipelines.warehouse import one

CHAIN = Chain(
    "restatements",
    ("period", "source_id", "workload_id", "cost_category", "cause", "old_effective_cost", "new_effective_cost", "delta", "run_id", "after_close"),
    "restatements",
    "what was restated until then is no longer listed",
)
# What the comparison reads of the old file.
_PUBLISHED = {
    "cost_daily": {
        **{"source_id": "VARCHAR", "billing_period": "DATE", "usage_date": "DATE", "workload_id": "VARCHAR", "cost_category": "VARCHAR"},
        "effective_cost": "DECIMAL(38, 12)",
    },
    "ingestions": {"source_id": "VARCHAR", "period": "DATE", "delivery": "VARCHAR", "sha256": "VARCHAR", "superseded_at": "TIMESTAMP"},
    "prices": {
        **{"provider": "VARCHAR", "model": "VARCHAR", "service_tier": "VARCHAR", "price_class": "INTEGER", "token_kind": "VARCHAR"},
        **{"valid_from": "DATE", "value": "DECIMAL(38, 12)"},
    },
    "runs": {"run_id": "VARCHAR", "finished_at": "TIMESTAMP", "as_of": "DATE", "config_sha256": "VARCHAR"},
}
_HISTORY = (
    "restatement_number BIGINT, period DATE, source_id VARCHAR, workload_id VARCHAR, cost_category VARCHAR, cause VARCHAR, "
    "old_effective_cost DECIMAL(38, 12), new_effective_cost DECIMAL(38, 12), delta DECIMAL(38, 12), run_id VARCHAR, after_close BOOLEAN"
)


def load_published(con: duckdb.DuckDBPyConnection, company: Company, run_id: str) -> None:
    """Fill schema `published` from the finance file in place (empty where there is none yet), and `ledger.restatement` from the ledger."""
    state = company.paths.state
    for table, columns in _PUBLISHED.items():
        con.execute(f"CREATE OR REPLACE TABLE published.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    if company.paths.finance.exists():
        _read(con, company.paths.finance, state / "spill" / "published.duckdb")
    is_published = one(con, "SELECT count(*) FROM published.runs WHERE run_id = ?", [run_id])
    lines = CHAIN.read(state)
    if is_published and not is_published[0]:
        # a run that was killed between writing the ledger and swapping the file in wrote of itself, and writes the same again
        while lines and lines[-1]["run_id"] == run_id:
            lines.pop()
    con.execute("DELETE FROM published.runs WHERE finished_at < (SELECT max(finished_at) FROM published.runs)")
    con.execute(f"CREATE OR REPLACE TABLE ledger.restatement ({_HISTORY})")
    rows = [[number, *(line[name] for name in CHAIN.fields)] for number, line in enumerate(lines, 1)]
    if rows:
        con.executemany("INSERT INTO ledger.restatement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def keep_restatements(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Append the run's restatements to the ledger, just before its file is swapped in."""
    new = con.execute(
        f"SELECT {', '.join(CHAIN.fields)} FROM marts.restatements WHERE restatement_number > (SELECT count(*) FROM ledger.restatement) "
        "ORDER BY restatement_number"
    ).fetchall()
    known = len(CHAIN.read(company.paths.state)) - len(con.execute("SELECT 1 FROM ledger.restatement").fetchall())
    CHAIN.append(company.paths.state, [[str(value).lower() if isinstance(value, bool) else str(value) for value in row] for row in new[known:]])


def _read(con: duckdb.DuckDBPyConnection, finance: Path, beside: Path) -> None:
    """Copy the needed columns of the published file, through another name: a log that a dead client left beside it is not replayed."""
    beside.unlink(missing_ok=True)
    try:
        os.link(finance, beside)
    except OSError:
        shutil.copyfile(finance, beside)
    con.execute(f"ATTACH '{str(beside).replace(chr(39), chr(39) * 2)}' AS old (READ_ONLY)")
    try:
        for table, columns in _PUBLISHED.items():
            con.execute(f"INSERT INTO published.{table} SELECT {', '.join(columns)} FROM old.main.{table}")
    except duckdb.Error:
        # a file of an older product: nothing in it can be compared
        for table in _PUBLISHED:
            con.execute(f"DELETE FROM published.{table}")
    finally:
        con.execute("DETACH old")
        beside.unlink(missing_ok=True)
