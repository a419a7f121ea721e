"""What the staging SQL makes of an assembler's rows: pages in, rows of the feed out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot

from connectors.assembly import Assembler, LocalFile, Part
from models.contracts.raw.shape import RawShape
from pipelines import sql_models
from pipelines.landing_view import landing_view_sql, unreadable_columns
from pipelines.warehouse import connect


@dataclass(frozen=True)
class Source:
    path: str = "pages/"
    kind: str = "openai"
    id: str = "bill"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


def local_files(folder: Path) -> list[LocalFile]:
    return [LocalFile(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if path.is_file()]


def save(folder: Path, **pages: Any) -> None:
    """Write pages, given by their names with `__` for a folder's `/`."""
    for name, page in pages.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page if isinstance(page, str) else json.dumps(page), encoding="utf-8")


def assembled(assemble: Assembler, files: Iterable[LocalFile]) -> list[Part]:
    return list(assemble(Source(), list(files), "source bill"))


def rows_of(parts: Iterable[Part], shape: str) -> list[dict[str, str]]:
    """The raw rows of a shape without their nulls, in the order of the parts."""
    found = [row for part in parts if part.shape == shape for row in part.rows.to_pylist()]
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def staged(parts: Iterable[Part], shape: RawShape, folder: Path) -> list[dict[str, Any]]:
    """The feed's rows, less columns that are null; `unreadable` as the names of columns that could not be read."""
    batches = [part.rows for part in parts if part.shape == shape.name]
    file = folder / "rows.parquet"
    pq.write_table(pa.Table.from_batches(batches), file)
    physical = dict.fromkeys(batches[0].schema.names, "VARCHAR")
    with connect() as con:
        view = landing_view_sql(shape, [file], physical, where="source bill", columns={}, constants={}, timezone="UTC")
        con.execute("CREATE SCHEMA IF NOT EXISTS landing")
        con.execute(f"CREATE VIEW landing.{shape.name} AS {view}")
        found = con.execute(f"SELECT * FROM ({sql_models.models()[f'staging.{shape.name}'].text}) ORDER BY row_number")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        row["unreadable"] = unreadable_columns(shape, row["unreadable"]) or None
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def staged_columns(name: str) -> list[str]:
    """The columns that a staging model gives, in their order."""
    return list(sqlglot.parse_one(sql_models.models()[f"staging.{name}"].text, dialect="duckdb").named_selects)
