"""What a source offers, wherever it lies: files in a store, and the deliveries that they make up.

A delivery is what a source replaces as one: a file, one billing period of an export with all its chunks, one month of a provider's usage.
Here: these concepts. Not here: stores (files/folder.py, object_storage/bucket.py), which files make a delivery (exports.py, assembly.py),
bringing one to disk (landing.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.errors import CrossoverError

# A manifest or an API page is small; what claims to be one and is larger is something else.
SMALL_BYTES_MAX = 64 << 20
# The name of an offered set of files that is all that a source has: they can only be read together.
ALL = "*"


class FileSource(Protocol):
    """The part of a configured source that connectors read. `path` is relative to the configuration's folder, or `s3://bucket/prefix`."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def constants(self) -> Mapping[str, object]: ...
    @property
    def model_map(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class OfferedFile:
    """A file in a store. `name` is its posix path below the source's path; `fingerprint` changes when the file may have changed.

    `path` is where the file lies on this machine, or None. Names come from outside: nothing is ever written to a path made from one.
    """

    name: str
    bytes: int
    fingerprint: str
    path: Path | None = None

    @property
    def basename(self) -> str:
        """The name's last part."""
        return self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class IgnoredFile:
    """A visible file or folder that is not read, and why: each is a finding."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """All that was seen in a source's path, each part sorted by name."""

    offered: tuple[OfferedFile, ...]
    ignored: tuple[IgnoredFile, ...]


class Store(Protocol):
    """Where a source's files lie: a folder of this machine, a bucket."""

    def list(self) -> Listing:
        """Every visible file below the source's path. Raises SourceUnreachable where nothing can be listed, or nothing is there."""

    def read(self, file: OfferedFile, bytes_max: int = SMALL_BYTES_MAX) -> bytes:
        """A small file, whole. Raises BrokenFile where it is larger or changes meanwhile, SourceUnreachable where it can't be read."""

    def fetch(self, file: OfferedFile, target: Path) -> str:
        """Copy a file into `target`, an existing private file, and give the sha256 of its bytes.

        Raises BrokenFile where its size or fingerprint is no longer what was listed (after a second attempt with what is there now),
        SourceUnreachable where it can't be read.
        """


@dataclass(frozen=True)
class OfferedDelivery:
    """Files that a source replaces as one. `fingerprint` changes when any of them may have; `rows` is what a manifest says they hold."""

    name: str
    files: tuple[OfferedFile, ...]
    fingerprint: str
    rows: int | None = None


@dataclass(frozen=True)
class Offer:
    """What a source delivers now, what of it is not read, and what can't be used: (delivery's name, why)."""

    deliveries: tuple[OfferedDelivery, ...]
    ignored: tuple[IgnoredFile, ...] = ()
    refused: tuple[tuple[str, CrossoverError], ...] = ()
