"""Sources whose files aren't what they deliver: pages of an API, gateways' logs, metrics. Many files are put together to deliveries.

A connector of such a kind reads files that lie on this machine (saved by the user, or pulled by `pulling.py`) and yields rows as text; rows
of one shape and one month are one delivery. Not here: how each kind reads its files (its own folder), pulling pages over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from connectors.listings import FileSource


@dataclass(frozen=True)
class LocalFile:
    """A file to read: its posix name below the source's path, and where it lies on this machine."""

    name: str
    path: Path


@dataclass(frozen=True)
class Part:
    """Some rows of one delivery. `shape` names a RawShape; `month` is the first day of the rows' UTC month.

    All columns are text under the shape's raw names, null where unknown; the parts of one delivery have one schema.
    """

    shape: str
    month: date
    rows: pa.RecordBatch


class Assembler(Protocol):
    """Reads a kind's files. Equal contents give equal rows, whatever order `files` come in; what is said twice is counted once.

    Raises BrokenFile, which names the file, where one is not what it should be: the source's last good version then stays.
    """

    def __call__(self, source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]: ...
