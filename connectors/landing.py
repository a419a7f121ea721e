"""Landing a file: the provider's own bytes, untouched and named by their sha256, and beside them a columnar form to query.

Parquet is its own columnar form; CSV and JSON are decoded once to Parquet of text. A people file's bytes are never copied: its allow-listed
projection alone is landed. Not here: which files there are (files.py), which of them changed or were superseded (pipelines).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet

from connectors.files.folder import ending_of, fingerprint
from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import TextTable, check_names, not_what_it_says, write_text_table
from connectors.listings import FileSource, OfferedFile
from connectors.people.projection import read_people
from connectors.private_files import private_writer, settle, temporary_file
from models.errors import BrokenFile, SourceUnreachable

CHUNK_BYTES = 1 << 20
PEOPLE_BYTES_MAX = 256 << 20
READ_ATTEMPTS = 2
VERSION_DIGITS = 16

Result = TypeVar("Result")


@dataclass(frozen=True)
class LandedFile:
    """A file in landing. `sha256` and `bytes` are the original's, `rows` and `columns` those of `columnar`, whose row order is the file's."""

    name: str
    sha256: str
    bytes: int
    rows: int
    landed: Path
    columnar: Path
    columns: tuple[str, ...]


def land(source: FileSource, offered: OfferedFile, landing_dir: Path, staged_dir: Path, people_key: bytes | None) -> LandedFile:
    """Copy a file into `landing_dir/<version>/` and make its columnar form, `staged_dir/<version>.parquet` where it is not Parquet itself.

    The version is the sha256's first 16 digits. Files appear whole or not at all, a file that is there already is kept, and of a refused
    one nothing stays. A folder has one writer at a time. People files need `people_key` (see people.py) and land as
    `landing_dir/<version>/people.parquet`. Raises BrokenFile where the file is not whole, not what its ending says, or keeps changing
    while it is read; SourceUnreachable where it can't be read at all.
    """
    where = f"source {source.id}, file {offered.name}"
    ending = ending_of(offered.name, source.kind)
    if ending is None:
        raise ValueError(f"{offered.name} is not a file that a {source.kind} source offers")
    if source.kind == "people":
        if people_key is None:
            raise ValueError("people files are landed with a key only")
        return _land_people(source, offered, landing_dir, ending, people_key, where)
    with temporary_file(landing_dir, "incoming") as incoming:
        sha256, size_bytes = _read_unchanged(offered.path, where, lambda original: _copy(original, incoming))
        if size_bytes == 0:
            raise BrokenFile("The file is empty.", where=where, found="no bytes", todo="Deliver it again, or leave it out.")
        version = sha256[:VERSION_DIGITS]
        landed = landing_dir / version / offered.path.name
        if ending == ".parquet":
            columnar = landed
            rows, columns = _parquet_shape(incoming, where)
        else:
            columnar = staged_dir / f"{version}.parquet"
            if not columnar.exists():
                _write_columnar(read_text_table(lambda: incoming.open("rb"), ending, where), columnar)
            rows, columns = _parquet_shape(columnar, where)
        if not (landed.exists() and landed.stat().st_size == size_bytes):
            settle(incoming, landed)
    return LandedFile(offered.name, sha256, size_bytes, rows, landed, columnar, columns)


def _land_people(source: FileSource, offered: OfferedFile, landing_dir: Path, ending: str, key: bytes, where: str) -> LandedFile:
    """Land the projection of a people file, made anew each time: the mapping of its columns may have changed while the file has not."""
    data = _read_unchanged(offered.path, where, lambda original: original.read(PEOPLE_BYTES_MAX + 1))
    if len(data) > PEOPLE_BYTES_MAX:
        raise BrokenFile(f"A people file is larger than {PEOPLE_BYTES_MAX >> 20} MiB.", where=where, todo="Deliver it in parts.")
    table = read_people(data, ending, source, key, where)
    sha256 = hashlib.sha256(data).hexdigest()
    landed = landing_dir / sha256[:VERSION_DIGITS] / "people.parquet"
    columns = tuple(table.schema.names)
    _write_columnar(TextTable(columns, iter(table.to_batches())), landed)
    return LandedFile(offered.name, sha256, len(data), table.num_rows, landed, landed, columns)


def _read_unchanged(path: Path, where: str, read: Callable[[BinaryIO], Result]) -> Result:
    """What `read` makes of a file that nobody wrote meanwhile; a second attempt where somebody did."""
    for _ in range(READ_ATTEMPTS):
        before = _fingerprint(path, where)
        with _opened(path, where) as original:
            result = read(original)
        if _fingerprint(path, where) == before:
            return result
    raise BrokenFile(
        "The file changes while it is read.",
        where=where,
        found=f"another size or time after each of {READ_ATTEMPTS} attempts",
        todo="Run again when its delivery is complete; deliver under a temporary name (.tmp) and rename at the end.",
    )


def _fingerprint(path: Path, where: str) -> str:
    try:
        return fingerprint(path.stat())
    except OSError as error:
        raise _unreadable(error, where) from None


def _opened(path: Path, where: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error, where) from None


def _unreadable(error: OSError, where: str) -> SourceUnreachable:
    todo = "Run again if it was just replaced; else let the user that runs Crossover read it."
    return SourceUnreachable("The file can't be read.", where=where, found=error.strerror, todo=todo)


def _copy(original: BinaryIO, target: Path) -> tuple[str, int]:
    """Copy to a private file; its sha256 and size in bytes."""
    digest = hashlib.sha256()
    size_bytes = 0
    with private_writer(target) as file:
        while chunk := original.read(CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
            file.write(chunk)
    return digest.hexdigest(), size_bytes


def _write_columnar(table: TextTable, path: Path) -> None:
    with temporary_file(path.parent, path.name) as temporary:
        with private_writer(temporary) as file:
            write_text_table(table, file)
        settle(temporary, path)


def _parquet_shape(path: Path, where: str) -> tuple[int, tuple[str, ...]]:
    """Rows and column names by the Parquet footer."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    try:
        metadata = pa.parquet.read_metadata(path)
        columns = tuple(metadata.schema.to_arrow_schema().names)
    except (pa.ArrowException, OSError):
        if is_parquet:
            raise BrokenFile("The file is truncated.", where=where, found="no readable Parquet footer", todo="Deliver the file again.") from None
        raise not_what_it_says(".parquet", where, found="no Parquet footer", expected="a Parquet file") from None
    check_names(columns, where)
    return metadata.num_rows, columns
