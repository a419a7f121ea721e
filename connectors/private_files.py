"""Folders and files that only their owner reads, and files that appear whole or not at all.

Here: how bytes get onto the disk. What the bytes are is decided in landing.py and people.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def private_folder(folder: Path) -> Path:
    """Make a folder with mode 0700, and its missing parents likewise; an existing one is closed to others."""
    missing = []
    parent = folder
    while not parent.exists():
        missing.append(parent)
        parent = parent.parent
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


@contextmanager
def temporary_file(folder: Path, name: str) -> Iterator[Path]:
    """A place in `folder` to write to before the final name is known or deserved. Gone afterwards, unless `settle` moved it.

    The name is the same each time, so what a killed run left behind is overwritten; a folder therefore has one writer (the run's lock).
    """
    path = private_folder(folder) / f".{name}.tmp"
    path.unlink(missing_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def private_writer(path: Path) -> Iterator[BinaryIO]:
    """Write a file of mode 0600 from its beginning; on disk when the block ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def settle(temporary: Path, final: Path) -> None:
    """Give a finished temporary file of the same file system its final name: a kill leaves the old file or the new one, never half."""
    private_folder(final.parent)
    temporary.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
