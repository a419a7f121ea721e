"""JSON as a table of text: an array of objects, or objects one after the other (NDJSON). A number keeps its own characters.

Not here: compression and the file's bytes (decoding.py); what a provider's saved pages hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from connectors.formats.text_tables import TextTable, check_names
from models.errors import BrokenFile

ROW_CHARACTERS_MAX = 64 << 20
BATCH_ROWS = 16_384
BATCH_CHARACTERS = 16 << 20
COLUMNS_MAX = 10_000

_JSON_SPACE = re.compile(r"[ \t\r\n]*")


def json_table(open_pieces: Callable[[], Iterator[str]], where: str) -> TextTable:
    """A table from the file's text in pieces, read twice: the columns, all objects' keys in the order of their appearance, are known at its end.

    An object or array in a field is compact JSON text. Raises BrokenFile, also while the batches are read, where the text is not an array
    of objects or one object after the other, and where there is no key at all.
    """
    columns: dict[str, None] = {}
    for row in _json_rows(open_pieces(), where):
        columns.update(dict.fromkeys(row))
        if len(columns) > COLUMNS_MAX:
            raise BrokenFile(f"The file has more than {COLUMNS_MAX:,} different keys, which can't be columns.", where=where)
    if not columns:
        raise BrokenFile("The file holds no row, so its columns are unknown.", where=where, todo="Leave the file out until there are rows.")
    names = tuple(columns)
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise BrokenFile("A key holds half of a surrogate pair, which is no text.", where=where) from None
    check_names(names, where)
    return TextTable(names, _json_batches(names, _json_rows(open_pieces(), where), where))


class _Number(str):
    """A JSON number by its own characters."""

    __slots__ = ()


class _KeyTwice(ValueError):
    """An object names a key twice, so that one of its values would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _KeyTwice
    return values


def _json_rows(pieces: Iterator[str], where: str) -> Iterator[dict[str, Any]]:
    """The objects of a file that holds one array of them, or one after the other (a line each, or not)."""
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    buffer, position, row, is_complete = "", 0, 0, False
    is_array: bool | None = None
    is_after_row = False

    def broken(what: str, found: str | None = None) -> BrokenFile:
        expected = "an array of JSON objects, or one object a line"
        return BrokenFile(what, where=f"{where}, row {row + 1:,}", found=found, expected=expected, todo="Deliver the file again.")

    while True:
        position = _json_space_end(buffer, position)
        if position == len(buffer):
            piece = next(pieces, None)
            if piece is not None:
                buffer, position = piece, 0
                continue
            if is_array and not is_complete:
                raise broken("The file is truncated.", "the end of the file inside its array")
            return
        if is_complete:
            raise broken("There is something after the array's end.")
        character = buffer[position]
        if is_array is None:
            is_array = character == "["
            position += is_array
        elif is_array and character == "]" and (is_after_row or row == 0):
            is_complete = True
            position += 1
        elif is_array and is_after_row:
            if character != ",":
                raise broken("Two rows of the array are not separated by a comma.")
            is_after_row = False
            position += 1
        elif character != "{":
            raise broken("The file does not hold JSON objects." if row == 0 else "A row is not a JSON object.")
        else:
            try:
                value, position = decoder.raw_decode(buffer, position)
            except _KeyTwice:
                raise broken("An object has one key twice.") from None
            except RecursionError:
                raise broken("An object is nested too deeply.") from None
            except json.JSONDecodeError:
                # Cut off by the piece's end, or wrong: which of the two, more text tells, up to a bound.
                buffer, position = buffer[position:], 0
                piece = next(pieces, None) if len(buffer) <= ROW_CHARACTERS_MAX else None
                if piece is None and len(buffer) <= ROW_CHARACTERS_MAX:
                    raise broken("The file is truncated, or a row is not valid JSON.") from None
                if piece is None:
                    raise broken("A row is not valid JSON.", f"no end of the object within {ROW_CHARACTERS_MAX >> 20} million characters") from None
                buffer += piece
                continue
            yield value
            row += 1
            is_after_row = True


def _json_space_end(buffer: str, position: int) -> int:
    match = _JSON_SPACE.match(buffer, position)
    return match.end() if match else position


def _json_batches(columns: tuple[str, ...], rows: Iterator[dict[str, Any]], where: str) -> Iterator[pa.RecordBatch]:
    values: dict[str, list[str | None]] = {name: [] for name in columns}
    count, characters, rows_read = 0, 0, 0
    for row in chain(rows, [None]):
        if row is not None:
            count += 1
            for name, column in values.items():
                try:
                    text = _json_value(row.get(name))
                except RecursionError:
                    raise BrokenFile("An object is nested too deeply.", where=f"{where}, row {rows_read + count:,}") from None
                characters += len(text) if text else 0
                column.append(text)
        if count and (row is None or count >= BATCH_ROWS or characters >= BATCH_CHARACTERS):
            try:
                yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in values.values()], names=list(columns))
            except UnicodeEncodeError:
                rows_text = f"{where}, rows {rows_read + 1:,} to {rows_read + count:,}"
                raise BrokenFile("A value holds half of a surrogate pair, which is no text.", where=rows_text) from None
            rows_read += count
            values = {name: [] for name in columns}
            count, characters = 0, 0


def _json_value(value: Any) -> str | None:
    """A field's text: a text as it is, a number by its own characters, an object or array as compact JSON."""
    if value is None or value == "":
        return None
    return str(value) if isinstance(value, str) else _json_text(value)


def _json_text(value: Any) -> str:
    """Compact JSON in which numbers keep their characters, as json.dumps could not."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_json_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
