"""Landing a delivery: the provider's own bytes, untouched and named by their sha256, and beside them a columnar form to query.

Parquet is its own columnar form; CSV and JSON are decoded once to Parquet of text. A people file's bytes are never copied: its allow-listed
projection alone is landed. Not here: which files there are and which make a delivery (listings.py), which of them changed or were
superseded (pipelines).
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet

from connectors.assembly import Assembler, LocalFile
from connectors.files.folder import ending_of
from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import ROW_GROUP_ROWS, TextTable, check_names, not_what_it_says, write_text_table
from connectors.listings import ALL, FileSource, OfferedDelivery, OfferedFile, Store
from connectors.people.projection import read_people
from connectors.private_files import private_folder, private_writer, settle, temporary_file
from models.errors import BrokenFile

# Their originals may hold prompts, answers and names: what is landed is an allow-listed projection.
PRIVATE_KINDS = ("bedrock_logs", "litellm")
PEOPLE_BYTES_MAX = 256 << 20
VERSION_DIGITS = 16
NAME_BYTES_MAX = 200


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


@dataclass(frozen=True)
class InputFile:
    """A file that rows were put together from. `landed` is null where the original is not ours to keep (see `PRIVATE_KINDS`)."""

    name: str
    sha256: str
    bytes: int
    landed: Path | None


@dataclass(frozen=True)
class LandedDelivery:
    """A delivery in landing: its files, in the order in which their rows are numbered, and one hash of all their contents.

    `shape` names what the rows look like. `inputs` are the originals where the files are not the provider's own but put together.
    """

    name: str
    shape: str
    files: tuple[LandedFile, ...]
    inputs: tuple[InputFile, ...] = ()

    @property
    def sha256(self) -> str:
        """The file's own hash, or the hash of the files' hashes: the order in which a listing names them says nothing."""
        return content_sha256([file.sha256 for file in self.files])

    @property
    def bytes(self) -> int:
        """Size of the originals."""
        return sum(file.bytes for file in self.files)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)


def content_sha256(hashes: list[str]) -> str:
    """One hash of several files' contents."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def land(
    store: Store, source: FileSource, delivery: OfferedDelivery, landing_dir: Path, staged_dir: Path, people_key: bytes | None
) -> LandedDelivery:
    """Land every file of a delivery (see `land_file`). Raises BrokenFile where they hold other rows than the manifest says."""
    files = tuple(land_file(store, source, file, landing_dir, staged_dir, people_key) for file in delivery.files)
    landed = LandedDelivery(delivery.name, source.kind, files)
    if delivery.rows is not None and landed.rows != delivery.rows:
        raise BrokenFile(
            "The delivery's files don't hold the rows that its manifest says.",
            where=f"source {source.id}, delivery {delivery.name}",
            found=f"{landed.rows:,} rows",
            expected=f"{delivery.rows:,} rows",
            todo="Let the export run again; the last good version stays in use.",
        )
    return landed


def land_file(store: Store, source: FileSource, offered: OfferedFile, landing_dir: Path, staged_dir: Path, people_key: bytes | None) -> LandedFile:
    """Copy a file into `landing_dir/<version>/` and make its columnar form, `staged_dir/<version>.parquet` where it is not Parquet itself.

    The version is the sha256's first 16 digits. Files appear whole or not at all, a file that is there already is kept, and of a refused
    one nothing stays. A folder has one writer at a time. People files need `people_key` (see people/projection.py) and land as
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
        return _land_people(store, source, offered, landing_dir, ending, people_key, where)
    with temporary_file(landing_dir, "incoming") as incoming:
        sha256 = store.fetch(offered, incoming)
        size_bytes = incoming.stat().st_size
        if size_bytes == 0:
            raise BrokenFile("The file is empty.", where=where, found="no bytes", todo="Deliver it again, or leave it out.")
        version = sha256[:VERSION_DIGITS]
        landed = landing_dir / version / _disk_name(offered.basename, ending)
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


def land_parts(
    store: Store, source: FileSource, offered: OfferedDelivery, landing_dir: Path, staged_dir: Path, assemble: Assembler
) -> list[LandedDelivery]:
    """Fetch the files of an offer, put them together, and make each shape's month a delivery of its own, sorted by name.

    Pages land as received, under their hash; of kinds whose files may hold prompts only the projection stays. Raises as `Store` and
    `Assembler` do: then nothing is landed.
    """
    where = f"source {source.id}" + ("" if offered.name == ALL else f", delivery {offered.name}")
    with TemporaryDirectory(dir=private_folder(landing_dir), prefix=".incoming-") as folder, ExitStack() as writers:
        inputs, files = [], []
        for number, file in enumerate(offered.files):
            landed = None
            if source.kind in PRIVATE_KINDS and file.path:
                fetched = file.path  # read where it lies: not even for a moment is there a copy
                sha256 = _sha256(fetched)
            else:
                fetched = Path(folder) / str(number)
                sha256 = store.fetch(file, fetched)
            if source.kind not in PRIVATE_KINDS:
                landed = landing_dir / sha256[:VERSION_DIGITS] / _disk_name(file.basename, ".json")
            inputs.append((fetched, InputFile(file.name, sha256, fetched.stat().st_size, landed)))
            files.append(LocalFile(file.name, fetched))
        parts: dict[tuple[str, date], _PartWriter] = {}
        for part in assemble(source, files, where):
            if (part.shape, part.month) not in parts:
                temporary = writers.enter_context(temporary_file(staged_dir, f"{part.shape}-{part.month}"))
                parts[part.shape, part.month] = _PartWriter(temporary, part.rows.schema)
            parts[part.shape, part.month].write(part.rows)
        pages = tuple(page for _, page in inputs)
        delivered = []
        for (shape, month), writer in sorted(parts.items()):
            name = f"{shape}/{month:%Y-%m}" if offered.name == ALL else f"{offered.name}/{shape}/{month:%Y-%m}"
            delivered.append(LandedDelivery(name, shape, (writer.settle(name, staged_dir),), pages))
        for fetched, page in inputs:
            if page.landed and not page.landed.exists():
                settle(fetched, page.landed)
    return delivered


class _PartWriter:
    """Rows of one delivery on their way into Parquet, in whole row groups."""

    def __init__(self, temporary: Path, schema: pa.Schema) -> None:
        self._temporary, self._schema = temporary, schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        temporary.touch(mode=0o600)
        self._writer = pa.parquet.ParquetWriter(temporary, schema, compression="zstd")

    def write(self, rows: pa.RecordBatch) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if sum(batch.num_rows for batch in self._waiting) >= ROW_GROUP_ROWS:
            self._flush()

    def settle(self, name: str, staged_dir: Path) -> LandedFile:
        self._flush()
        self._writer.close()
        sha256 = _sha256(self._temporary)
        final = staged_dir / f"{sha256[:VERSION_DIGITS]}.parquet"
        landed = LandedFile(name, sha256, self._temporary.stat().st_size, self._rows, final, final, tuple(self._schema.names))
        settle(self._temporary, final)
        return landed

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _disk_name(basename: str, ending: str) -> str:
    """A file's own last name, unless it is none that a folder can hold: names come from outside."""
    is_fit = basename not in (".", "..") and len(basename.encode()) <= NAME_BYTES_MAX and not set(basename) & {"/", "\0"}
    return basename if is_fit else f"file{ending}"


def _land_people(store: Store, source: FileSource, offered: OfferedFile, landing_dir: Path, ending: str, key: bytes, where: str) -> LandedFile:
    """Land the projection of a people file, made anew each time: the mapping of its columns may have changed while the file has not."""
    data = store.read(offered, PEOPLE_BYTES_MAX)
    table = read_people(data, ending, source, key, where)
    sha256 = hashlib.sha256(data).hexdigest()
    landed = landing_dir / sha256[:VERSION_DIGITS] / "people.parquet"
    columns = tuple(table.schema.names)
    _write_columnar(TextTable(columns, iter(table.to_batches())), landed)
    return LandedFile(offered.name, sha256, len(data), table.num_rows, landed, landed, columns)


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
