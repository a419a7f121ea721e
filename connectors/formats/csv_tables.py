"""CSV as a table of text, streamed through Arrow. Not here: compression and the file's bytes (decoding.py)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from connectors.formats.text_tables import TextTable, check_names
from models.errors import BrokenFile

# A CSV is read in blocks of this size, which a row must fit into; each block more in flight is memory.
ROW_BYTES_MAX = 4 << 20

# A row of our own after a CSV's last: should a quotation mark never be closed, this row is swallowed by it, and missed.
_END_MARK = "\x1e"


def csv_table(chunks: Iterator[tuple[bytes, str]], where: str) -> TextTable:
    """A table from a CSV's text in pieces (UTF-8 bytes, and decoded): at least one, of which the first holds the header.

    The delimiter is comma, semicolon or tab, as the header says; a column without a name gets `unnamed_` and its position. Raises
    BrokenFile, also while the batches are read, where a row has more or fewer fields than the header, a quotation mark is not closed, or
    two columns have one name.
    """
    first, first_text = next(chunks)
    delimiter, header = _csv_header(first_text, where)
    columns = tuple(name or f"unnamed_{position}" for position, name in enumerate(header, start=1))
    check_names(columns, where)
    end_row = f"\n{_END_MARK}{delimiter * (len(header) - 1)}\n".encode()
    stream = io.BufferedReader(_Stream(chain([first], (chunk for chunk, _ in chunks), [end_row])), ROW_BYTES_MAX)
    return TextTable(columns, _csv_batches(stream, delimiter, header, columns, where))


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _csv_header(text: str, where: str) -> tuple[str, list[str]]:
    """The delimiter (of comma, semicolon and tab the one that makes most fields of the header) and the header's fields."""
    try:
        headers = {delimiter: next(filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), []) for delimiter in ",;\t"}
    except csv.Error:
        raise BrokenFile("The header can't be read.", where=where, found="a quotation mark that is not closed, or a very long name") from None
    delimiter = max(headers, key=lambda each: len(headers[each]))
    if not headers[delimiter]:
        raise BrokenFile("The file is empty.", where=where, found="blank lines only", todo="Deliver it again, or leave it out.")
    return delimiter, headers[delimiter]


def _csv_batches(stream: BinaryIO, delimiter: str, header: list[str], columns: tuple[str, ...], where: str) -> Iterator[pa.RecordBatch]:
    refused: list[pa.csv.InvalidRow] = []

    def refuse(row: pa.csv.InvalidRow) -> str:
        refused.append(row)
        return "error"

    rows_read = 0
    waiting: pa.RecordBatch | None = None
    try:
        reader = pa.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            # Without threads, since only then Arrow counts the rows that it refuses.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=ROW_BYTES_MAX),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=True, null_values=[""], check_utf8=False
            ),
        )
        if reader.schema.names != header:
            raise BrokenFile("The header can't be read.", where=where, found="quotation marks inside its names", todo="Use plain names.")
        for batch in reader:
            if batch.num_rows == 0:
                continue
            if waiting is not None:
                rows_read += waiting.num_rows
                yield waiting
            waiting = pa.RecordBatch.from_arrays(batch.columns, names=list(columns))
    except pa.ArrowInvalid as error:
        rows_read += waiting.num_rows if waiting else 0
        raise _csv_refusal(refused, rows_read, is_long="straddling" in str(error), where=where) from None
    assert waiting is not None, "the row that marks the end is always there"
    last = [value for column in waiting.slice(waiting.num_rows - 1).columns for value in column.to_pylist()]
    if last != [_END_MARK] + [None] * (len(columns) - 1):
        raise BrokenFile(
            "The file ends inside a quoted value.",
            where=where,
            found="a quotation mark that is not closed",
            todo="The file may be truncated: deliver it again.",
        )
    yield waiting.slice(0, waiting.num_rows - 1)


def _csv_refusal(refused: list[pa.csv.InvalidRow], rows_read: int, is_long: bool, where: str) -> BrokenFile:
    """What Arrow refused, without Arrow's own message, which holds the row."""
    if not refused:
        what = f"A row is longer than {ROW_BYTES_MAX >> 20} MiB." if is_long else "The rows can't be read as CSV."
        todo = "A quotation mark may not be closed. Deliver the file again."
        return BrokenFile(what, where=f"{where}, after row {rows_read:,}", todo=todo)
    row = refused[0]
    return BrokenFile(
        "A row has too few fields." if row.actual_columns < row.expected_columns else "A row has too many fields.",
        where=f"{where}, row {row.number - 1:,}",  # Arrow counts the header as row 1
        found=f"{row.actual_columns} fields",
        expected=f"{row.expected_columns}, as in the header",
        todo="The file may be truncated, or a value with a delimiter stands without quotation marks. Deliver it again.",
    )
