"""`finance.duckdb`: built beside the old one from the audited tables, commented, verified by reopening, swapped in as a whole.

Readers see the old file or the new one, never half of one. Not here: what is in the tables (`dbt_like_sql/marts`, `pipelines.decide`).
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

import duckdb
import yaml

from models.errors import CrossoverError
from pipelines.warehouse import connect, one

# The oldest DuckDB whose clients can open the published file.
STORAGE_VERSION = "v1.5.0"


class TableComment(TypedDict):
    """What a table's rows are, and what each column means."""

    comment: str
    columns: dict[str, str]


@cache
def comments() -> dict[str, TableComment]:
    """The published tables in their order, with the meaning of each column."""
    text = files("dbt_like_sql").joinpath("comments.yaml").read_text(encoding="utf-8")
    loaded: dict[str, TableComment] = yaml.safe_load(text)
    return loaded


def publish(con: duckdb.DuckDBPyConnection, finance: Path) -> dict[str, int]:
    """Write every published table of `marts` to `finance`; returns row counts. The old file stays until the new one is complete."""
    _make_readable_folder(finance.parent)
    building = finance.with_name(f".{finance.name}.building")
    for leftover in (building, _wal(building)):
        leftover.unlink(missing_ok=True)
    con.execute(f"ATTACH '{_escaped(building)}' AS finance (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        counts = {}
        for table, said in comments().items():
            order = ", ".join(str(n) for n in range(1, len(said["columns"]) + 1))
            columns = ", ".join(f'"{name}"' for name in said["columns"])
            con.execute(f"CREATE TABLE finance.main.{table} AS SELECT {columns} FROM marts.{table} ORDER BY {order}")
            con.execute(f"COMMENT ON TABLE finance.main.{table} IS '{_escaped(said['comment'])}'")
            for name, text in said["columns"].items():
                con.execute(f"COMMENT ON COLUMN finance.main.{table}.\"{name}\" IS '{_escaped(text)}'")
            row = one(con, f"SELECT count(*) FROM finance.main.{table}")
            counts[table] = int(row[0]) if row else 0
        con.execute("CHECKPOINT finance")
    finally:
        con.execute("DETACH finance")
    _verify(building, counts)
    building.chmod(0o444)
    with building.open("rb") as file:
        os.fsync(file.fileno())
    # A client that opened the old file read-write and died leaves a log that would be replayed into the new one.
    _wal(finance).unlink(missing_ok=True)
    building.replace(finance)
    return counts


def _make_readable_folder(folder: Path) -> None:
    """Finance reads here, so folders made for it are open to read, whatever the umask of the private warehouse."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        path.chmod(0o755)


def _verify(file: Path, counts: dict[str, int]) -> None:
    with connect() as con:
        con.execute(f"ATTACH '{_escaped(file)}' AS finance (READ_ONLY)")
        for table, expected in counts.items():
            row = one(con, f"SELECT count(*) FROM finance.main.{table}")
            if row is None or row[0] != expected:
                raise CrossoverError("the new finance file doesn't hold what was written", where=table, found=str(row), expected=str(expected))


def _wal(file: Path) -> Path:
    return file.with_name(file.name + ".wal")


def _escaped(text: object) -> str:
    return str(text).replace("'", "''")
