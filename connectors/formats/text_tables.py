"""Tables of text: what every decoder makes, so that each value keeps its own characters and money is never read through a float.

Here: the table, writing it to Parquet, and what is said of its columns. Not here: the formats (decoding.py, csv_tables.py, json_tables.py,
workbooks.py), which columns a kind needs and which rows are valid (models.contracts), where files are put (landing.py).

One rule for all formats: a column is text; an empty value is null; row 1 is the first row after the header, blank lines not counted.
No message repeats a value, since the file may hold salaries or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from models.errors import BrokenFile

ROW_GROUP_ROWS = 122_880
ROW_GROUP_BYTES = 256 << 20

# Digits with the signs that dates, amounts and percentages are written with.
_DATA_LIKE = re.compile(r"[\s\d.,:;/%+\-–'()€$£TZ]*\d[\s\d.,:;/%+\-–'()€$£TZ]*")


@dataclass(frozen=True)
class TextTable:
    """A table of text on its way: its columns' names, and batches in the file's order that can be read once."""

    columns: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]


def write_text_table(table: TextTable, file: BinaryIO) -> int:
    """Write a table as zstd Parquet of text columns, in row groups of 122,880 rows (fewer where rows are large). Returns its rows."""
    schema = pa.schema([(name, pa.string()) for name in table.columns])
    rows_written = 0
    with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _row_groups(table.batches, schema):
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            rows_written += group.num_rows
    return rows_written


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse a table in which two columns have one name; upper and lower case are the same to SQL."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        if other is not None:
            raise BrokenFile(
                "Two columns have the same name.",
                where=where,
                found=names_text([other, name]) + (" (upper and lower case are not told apart)" if other != name else ""),
                expected="each column's name once",
                todo="Rename or leave out one of them where the file is made.",
            )
        seen[name.casefold()] = name


def names_text(names: Sequence[str]) -> str:
    """Columns' names for a message, unless they look like a row of data: a file without a header must not put its first row there."""
    if any(_DATA_LIKE.fullmatch(name) for name in names):
        return f"{len(names)} fields that look like data, not like names: the header may be missing"
    shown = ", ".join(names[:100])
    return shown if len(names) <= 100 else f"{shown} and {len(names) - 100} more"


def not_what_it_says(ending: str, where: str, found: str, expected: str) -> BrokenFile:
    """The refusal of a file whose contents are of another format than its ending promises."""
    todo = "Give the file the ending of its format, or export it again."
    return BrokenFile(f"The file is not what its ending {ending} says.", where=where, found=found, expected=expected, todo=todo)


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of whole row groups, and the rest."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        rows = sum(each.num_rows for each in waiting)
        if sum(each.nbytes for each in waiting) > ROW_GROUP_BYTES:
            yield pa.Table.from_batches(waiting, schema)
            waiting = []
        elif rows >= ROW_GROUP_ROWS:
            table = pa.Table.from_batches(waiting, schema)
            whole = rows - rows % ROW_GROUP_ROWS
            yield table.slice(0, whole)
            waiting = table.slice(whole).to_batches()
    if waiting:
        yield pa.Table.from_batches(waiting, schema)
