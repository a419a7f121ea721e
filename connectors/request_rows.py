"""What logs of requests have in common: each request once, rows put together by month, and no person's address kept.

Not here: what a log's line or row holds and which of it is kept (logs.py; the folders of other kinds of log).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from connectors.assembly import LocalFile, Part
from models.errors import BrokenFile

BATCH_ROWS = 16_384
# Prompts are logged with their requests, so lines are long; this bounds what is no log.
LINE_BYTES_MAX = 64 << 20
PSEUDONYM_DIGITS = 16

_ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class RequestRow:
    """One request as it will be landed. `key` names it in every file that tells of it (None: nothing does); `values` follow the columns."""

    key: str | None
    month: date
    has_usage: bool
    values: tuple[str | None, ...]


def file_lines(file: LocalFile, where: str, todo: str) -> Iterator[bytes]:
    """The lines of a file, decompressed where its name ends with `.gz`. Raises BrokenFile where it is damaged or truncated, or a line has no end."""
    try:
        with gzip.open(file.path) if file.name.lower().endswith(".gz") else file.path.open("rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX + 1):
                if len(line) > LINE_BYTES_MAX:
                    raise BrokenFile("A line is too long.", where=where, found=f"more than {LINE_BYTES_MAX >> 20} MiB", todo=todo)
                yield line
    except EOFError:
        raise BrokenFile("The file is truncated.", where=where, found="the end of the file inside its gzip stream", todo=todo) from None
    except (gzip.BadGzipFile, zlib.error):
        raise BrokenFile("The file is damaged.", where=where, found="a gzip stream that can't be unpacked", todo=todo) from None


def utc_moment(text: str | None) -> datetime | None:
    """An ISO 8601 time in UTC (so is one without an offset: these logs are written in UTC); None where it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """A moment as it is landed: `2026-05-01T10:00:00.123000Z`."""
    return moment.replace(tzinfo=None).isoformat() + "Z"


def pseudonym(name: str) -> str:
    """What stands for a person's name: `sha256:` and 16 digits of the hash of it in lower case. Tells persons apart and joins their rows; it
    is no secret, since whoever knows a name can hash it."""
    return f"sha256:{hashlib.sha256(name.lower().encode(errors='surrogatepass')).hexdigest()[:PSEUDONYM_DIGITS]}"


def without_addresses(text: str) -> str:
    """The text with each e-mail address replaced by its pseudonym."""
    return _ADDRESS.sub(lambda found: pseudonym(found[0]), text) if "@" in text else text


class Months:
    """The month that each row of a file belongs to: its own, and for a row without a readable time that of the row before it.

    A row without a time is refused later, one by one; it must get there, so it needs a month.
    """

    def __init__(self) -> None:
        self._month: date | None = None
        self._waiting: list[tuple[str | None, bool, tuple[str | None, ...]]] = []

    def place(self, key: str | None, moment: datetime | None, has_usage: bool, values: tuple[str | None, ...]) -> Iterator[RequestRow]:
        """The row, and those that waited for the file's first readable time."""
        if moment is not None:
            self._month = moment.date().replace(day=1)
        self._waiting.append((key, has_usage, values))
        if self._month is not None:
            for waiting_key, waiting_usage, waiting_values in self._waiting:
                yield RequestRow(waiting_key, self._month, waiting_usage, waiting_values)
            self._waiting.clear()

    def close(self, where: str) -> None:
        """Raises BrokenFile where the file has rows and none of them a time."""
        if self._waiting:
            raise BrokenFile(
                "No row has a time that can be read.",
                where=where,
                found=f"{len(self._waiting):,} rows",
                expected="ISO 8601, such as 2026-05-01T10:00:00Z",
                todo="Export the log again with its times.",
            )


def each_once(rows: Iterable[RequestRow]) -> Iterator[RequestRow]:
    """Each request once: the first row that has usage, else the first row. Keys are kept as 64-bit hashes, some 80 bytes a request."""
    seen: set[int] = set()
    without_usage: list[tuple[int, RequestRow]] = []
    for row in rows:
        if row.key is None:
            yield row
            continue
        key = int.from_bytes(hashlib.blake2b(row.key.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
        if not row.has_usage:
            without_usage.append((key, row))
        elif key not in seen:
            seen.add(key)
            yield row
    for key, row in without_usage:
        if key not in seen:
            seen.add(key)
            yield row


def monthly_parts(shape: str, columns: Sequence[str], rows: Iterable[RequestRow]) -> Iterator[Part]:
    """The rows as parts of BATCH_ROWS at most, each of one month, in the order in which they come."""
    waiting: dict[date, list[tuple[str | None, ...]]] = {}
    for row in rows:
        of_month = waiting.setdefault(row.month, [])
        of_month.append(row.values)
        if len(of_month) >= BATCH_ROWS:
            yield _part(shape, row.month, columns, waiting.pop(row.month))
    for month in sorted(waiting):
        yield _part(shape, month, columns, waiting[month])


def _part(shape: str, month: date, columns: Sequence[str], rows: list[tuple[str | None, ...]]) -> Part:
    arrays = [_texts(column) for column in zip(*rows, strict=True)]
    return Part(shape, month, pa.RecordBatch.from_arrays(arrays, names=list(columns)))


def _texts(column: tuple[str | None, ...]) -> pa.Array:
    try:
        return pa.array(column, pa.string())
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can spell, is no text: a question mark stands for it.
        return pa.array([value if value is None else value.encode(errors="replace").decode() for value in column], pa.string())
