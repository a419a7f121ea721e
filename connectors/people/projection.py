"""People files, of which no name, id or other column ever reaches the disk: only an allow-listed, pseudonymised projection.

Here: the key of the pseudonyms, and the projection. Not here: where the projection is put (landing.py), what a valid allocation is
(models.contracts), which people may be published together (the standard costing). No message repeats a cell.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import secrets
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import TextTable, check_names, names_text, not_what_it_says
from connectors.formats.workbooks import read_workbook
from connectors.listings import FileSource
from connectors.people.values import iso_dates, plain_numbers
from connectors.private_files import private_writer, settle, temporary_file
from models.errors import BrokenFile, ConfigError

KEY_VARIABLE = "CROSSOVER_PEOPLE_KEY"
KEY_BYTES = 32
FIELDS = ("person_id", "role", "target", "activity", "start", "end", "allocation_pct", "annual_base", "annual_loaded", "currency")
PROJECTION = ("person_key", *FIELDS[1:])

_REQUIRED = ("person_id", "role", "target", "start", "allocation_pct", "currency")
_PAY = ("annual_base", "annual_loaded")
_DATES = ("start", "end")
# What a value of these fields can look like at all, besides spellings of "no value". Anything else may be a name or an id in the wrong column:
# UNREADABLE stands in its place, which no later check accepts either.
_NO_VALUE = r"NULL|null|None|\(null\)|\\N"
_FORMS = {
    "target": r"platform|(workload|pool):.*",
    "activity": r"[a-z]{1,20}",
    **dict.fromkeys(_DATES, r"[0-9][0-9T:Z+./ -]*"),
    **dict.fromkeys(("allocation_pct", *_PAY), r"[0-9+.,eE-]*"),
    "currency": r"[A-Za-z]{3}",
}
UNREADABLE = "(unreadable)"
# What Excel writes where a formula fails. As an id it would make one person of many.
_FORMULA_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#DIV/0!")


def people_key(state_dir: Path, environ: Mapping[str, str]) -> bytes:
    """The key of the pseudonyms: from CROSSOVER_PEOPLE_KEY, else `people.key` in the state folder, made once (32 random bytes, mode 0600).

    The same key gives a person the same pseudonym in every delivery; a lost key makes everyone a stranger. Raises ConfigError where the
    stored key is damaged.
    """
    given = environ.get(KEY_VARIABLE, "")
    if given:
        return given.encode()
    path = state_dir / "people.key"
    if not path.exists():
        with temporary_file(state_dir, path.name) as temporary:
            with private_writer(temporary) as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            settle(temporary, path)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigError(
            "The key of people's pseudonyms is damaged.",
            where=str(path),
            found=f"{len(key)} bytes",
            expected=f"{KEY_BYTES} bytes",
            todo=f"Restore the file from a backup, or remove it and land all people files again, or set {KEY_VARIABLE}.",
        )
    return key


def person_key(person_id: str, key: bytes) -> str:
    """A person's pseudonym: HMAC-SHA256 of the id, as 64 hexadecimal digits."""
    return hmac.new(key, person_id.encode(), hashlib.sha256).hexdigest()


def read_people(data: bytes, ending: str, source: FileSource, key: bytes, where: str) -> pa.Table:
    """Project a people file, given whole, to the columns of PROJECTION, all text, in the file's order.

    A field is the source's constant, else the column that `columns` names for it, else the column of its own name, else null; names are
    compared without regard to case, spaces and how accents are encoded. Spaces around a value are dropped (an id with and without them is
    one person), and so are empty rows at the end. Numbers and dates of other notations become ours (values.py). What can't be a value of
    its field is replaced by UNREADABLE. Raises BrokenFile where the file can't be read, its numbers or dates can be read in two ways, or a
    required column is missing (person_id, role, target, start, allocation_pct, currency, annual_base or annual_loaded).
    """
    table = _text_table(data, ending, where)
    theirs = _their_columns(table.columns, source)
    _check_columns(table.columns, theirs, source, where)
    found = pa.Table.from_batches(list(table.batches), pa.schema([(name, pa.string()) for name in table.columns]))
    trimmed = {field: _trimmed(found[name]) for field, name in theirs.items()}
    fields = {field: _formed(field, column) for field, column in _in_our_notation(trimmed, ending, where).items()}
    rows = max((_rows_without_empty_end(column) for column in fields.values()), default=0)
    fields = {field: column.slice(0, rows) for field, column in fields.items()}
    for field in FIELDS:
        if field not in fields:
            constant = source.constants.get(field)
            fields[field] = pa.array([None if constant is None else str(constant)] * rows, pa.string())
    pseudonyms: dict[str | None, str | None] = {None: None}
    for person_id in fields["person_id"].unique().to_pylist():
        if person_id is not None:
            pseudonyms[person_id] = None if person_id in _FORMULA_ERRORS else person_key(person_id, key)
    fields["person_key"] = pa.array([pseudonyms[person_id] for person_id in fields["person_id"].to_pylist()], pa.string())
    return pa.table({name: fields[name] for name in PROJECTION})


def _text_table(data: bytes, ending: str, where: str) -> TextTable:
    if not data:
        raise BrokenFile("The file is empty.", where=where, found="no bytes", todo="Deliver it again, or leave it out.")
    if ending == ".xlsx":
        return read_workbook(data, where)
    if ending == ".parquet":
        return _parquet_table(data, where)
    return read_text_table(lambda: io.BytesIO(data), ending, where)


def _parquet_table(data: bytes, where: str) -> TextTable:
    try:
        table = pa.parquet.read_table(pa.BufferReader(data))
        names = tuple(table.schema.names)
        check_names(names, where)
        text = pa.table([pyarrow.compute.cast(column, pa.string()) for column in table.columns], names=list(names))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise not_what_it_says(".parquet", where, found="no Parquet file with plain columns", expected="a whole Parquet file") from None
    return TextTable(names, iter(text.to_batches()))


def _their_columns(names: tuple[str, ...], source: FileSource) -> dict[str, str]:
    """The file's own name of each field's column, of those that it has and no constant fixes."""
    found: dict[str, str] = {}
    for field in FIELDS:
        wanted = source.columns.get(field, field)
        alike = [wanted] if wanted in names else [name for name in names if _name_key(name) == _name_key(wanted)]
        if field not in source.constants and len(alike) == 1:
            found[field] = alike[0]
    return found


def _name_key(name: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip().casefold()


def _check_columns(names: tuple[str, ...], theirs: Mapping[str, str], source: FileSource, where: str) -> None:
    """Refuse a file without a required column, or without one that the configuration names."""
    given = {*theirs, *(field for field, value in source.constants.items() if value is not None)}
    missing = [source.columns.get(field, field) for field in _REQUIRED if field not in given]
    if not given.intersection(_PAY):
        missing.append(" or ".join(source.columns.get(field, field) for field in _PAY))
    missing += [name for field, name in source.columns.items() if field in FIELDS and field not in given and name not in missing]
    if missing:
        raise BrokenFile(
            "A people file lacks a column.",
            where=where,
            found=f"columns {names_text(names)}",
            expected=", ".join(missing),
            todo="Deliver the column, or name theirs under the source's `columns:`, or fix a value under `constants:`.",
        )


def _in_our_notation(columns: Mapping[str, pa.ChunkedArray], ending: str, where: str) -> dict[str, pa.ChunkedArray]:
    texts = {field: columns[field].to_pylist() for field in ("allocation_pct", *_PAY, *_DATES) if field in columns}
    numbers = plain_numbers({field: texts[field] for field in texts if field not in _DATES}, "allocation_pct", ending, where)
    dates = iso_dates({field: texts[field] for field in texts if field in _DATES}, where)
    return {**columns, **{field: pa.chunked_array([pa.array(values, pa.string())]) for field, values in {**numbers, **dates}.items()}}


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pyarrow.compute.utf8_trim_whitespace(column)
    return pyarrow.compute.if_else(pyarrow.compute.equal(text, ""), pa.scalar(None, pa.string()), text)


def _formed(field: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    form = _FORMS.get(field)
    if form is None:
        return column
    fits = pyarrow.compute.match_substring_regex(column, f"^({form}|{_NO_VALUE})$")
    return pyarrow.compute.if_else(fits, column, pa.scalar(UNREADABLE, pa.string()))


def _rows_without_empty_end(column: pa.ChunkedArray) -> int:
    filled = pyarrow.compute.indices_nonzero(column.is_valid())
    return int(filled[-1].as_py()) + 1 if len(filled) else 0
