"""Files whose bytes depend on nothing but their rows: no clock, no host name, no order of a dict. What stands in the rows is not decided here."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Cell = str | int | float | date | None
Row = Mapping[str, object]

# A workbook carries the time of its making. Any fixed one will do; this is the oldest that a zip archive can hold.
WORKBOOK_CREATED = datetime(1980, 1, 1)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 with Unix line ends, whatever the machine prefers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as CSV with a header; an absent or null value is an empty field. A key that is no column raises ValueError."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """One CSV file."""
    write_text(path, csv_text(columns, rows))


def write_csv_gz(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """One compressed CSV file."""
    _write_gz(path, csv_text(columns, rows))


def _write_gz(path: Path, text: str) -> None:
    """Neither time nor name stand in the gzip header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(text.encode("utf-8"))


def write_ndjson(path: Path, rows: Iterable[Row]) -> None:
    """One JSON object a line."""
    write_text(path, _ndjson_text(rows))


def write_ndjson_gz(path: Path, rows: Iterable[Row]) -> None:
    """The same, compressed."""
    _write_gz(path, _ndjson_text(rows))


def _ndjson_text(rows: Iterable[Row]) -> str:
    return "".join(_json_text(row) + "\n" for row in rows)


def write_json(path: Path, document: object) -> None:
    """One JSON document, compact."""
    write_text(path, _json_text(document))


def write_json_gz(path: Path, document: object) -> None:
    """The same, compressed."""
    _write_gz(path, _json_text(document))


def _json_text(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def write_parquet(path: Path, schema: pa.Schema, rows: Sequence[Row]) -> None:
    """One Parquet file of the given schema; absent values are null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    pq.write_table(pa.Table.from_pydict(columns, schema=schema), path, compression="zstd")


def write_xlsx(path: Path, sheet: str, columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> None:
    """One workbook with one sheet; dates are Excel dates, as a spreadsheet's user would type them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = xlsxwriter.Workbook(str(path))
    workbook.set_properties({"created": WORKBOOK_CREATED})
    bold = workbook.add_format({"bold": True})
    day = workbook.add_format({"num_format": "yyyy-mm-dd"})
    page = workbook.add_worksheet(sheet)
    page.write_row(0, 0, columns, bold)
    for number, row in enumerate(rows, start=1):
        for position, name in enumerate(columns):
            value = row[name]
            if isinstance(value, date):
                page.write_datetime(number, position, datetime(value.year, value.month, value.day), day)
            elif value is not None:
                page.write(number, position, value)
    workbook.close()
