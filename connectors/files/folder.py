"""The store behind a source whose `path` is a file, a folder or a glob on this machine's disk: what is there, and reading it whole.

Not here: decoding (landing.py), which rows are valid (models.contracts), which files make a delivery. A source that is not on this
machine's disk is a module of its own (object_storage/bucket.py) that gives the same `Listing`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO, TypeVar

from connectors.files.globs import is_hidden_or_marker, is_marker_folder, matches, split_glob
from connectors.listings import SMALL_BYTES_MAX, FileSource, IgnoredFile, Listing, OfferedFile
from connectors.private_files import private_writer
from models.errors import BrokenFile, SourceUnreachable

ENTRIES_MAX = 1_000_000
CHUNK_BYTES = 1 << 20
READ_ATTEMPTS = 2

Result = TypeVar("Result")

_ENDINGS = (".csv", ".csv.gz", ".parquet", ".json", ".json.gz", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_ENDINGS_PEOPLE = (*_ENDINGS, ".xlsx")


def allowed_endings(kind: str) -> tuple[str, ...]:
    """The endings that a source kind reads, lower case, each with its dot."""
    return _ENDINGS_PEOPLE if kind == "people" else _ENDINGS


def ending_of(name: str, kind: str) -> str | None:
    """The allowed ending that a file's name has, in either case, or None. `x.snappy.parquet` ends with `.parquet`."""
    endings = (ending for ending in allowed_endings(kind) if name.lower().endswith(ending))
    return max(endings, key=len, default=None)


def fingerprint(status: os.stat_result) -> str:
    """Size, times and inode: equal while nobody wrote the file. Says nothing about equal contents; that is the sha256's part."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


class Folder:
    """The store behind a `path` on this machine's disk: a file, a folder with its subfolders, or a glob."""

    def __init__(self, source: FileSource, root: Path) -> None:
        self._source, self._root = source, root

    def list(self) -> Listing:
        """See `list_files`."""
        return list_files(self._source, self._root)

    def read(self, file: OfferedFile, bytes_max: int = SMALL_BYTES_MAX) -> bytes:
        """A small file, whole, that nobody wrote meanwhile. See `Store.read`."""
        data = _read_unchanged(file, self._where(file), lambda original: original.read(bytes_max + 1))
        if len(data) > bytes_max:
            raise BrokenFile(f"The file is larger than {bytes_max >> 20} MiB.", where=self._where(file), todo="Deliver it in parts.")
        return data

    def fetch(self, file: OfferedFile, target: Path) -> str:
        """Copy a file that nobody wrote meanwhile. See `Store.fetch`."""
        return _read_unchanged(file, self._where(file), lambda original: _copy(original, target))

    def _where(self, file: OfferedFile) -> str:
        return f"source {self._source.id}, file {file.name}"


def list_files(source: FileSource, root: Path) -> Listing:
    """List a source's file, folder (with its subfolders) or glob (`*`, `?`, `[...]`, and `**` for any folders), resolved against `root`.

    Hidden names and the markers of delivering programs are passed over. One file under two names (a link) is offered once. Links to
    folders are not followed. Raises SourceUnreachable where there is nothing to read or reading is not allowed, BrokenFile where a single
    file has an ending that the kind can't have.
    """
    if not source.path:
        raise SourceUnreachable("This source has no path to read files from.", where=f"source {source.id}", todo="Give it a path.")
    where = f"source {source.id}, path {source.path}"
    try:
        path = root / source.path
        if path.is_file():
            return Listing((_single_file(source, path, where),), ())
        if path.is_dir():
            folder, pattern = path, None
        else:
            before, pattern = split_glob(Path(source.path).parts)
            folder = root.joinpath(*before)
            if pattern is None or not folder.is_dir():
                raise _no_such_path(folder, where)
        listing = _sort_out(source, folder, pattern)
    except PermissionError as error:
        raise SourceUnreachable(
            "A path may not be read.",
            where=where,
            found=f"permission denied for {error.filename}",
            todo="Let the user that runs Crossover read the folder and all in it.",
        ) from None
    if not listing.offered:
        others = ", ".join(ignored.name for ignored in listing.ignored[:5])
        raise SourceUnreachable(
            "No file matches the pattern." if pattern else "The folder holds no file to read.",
            where=where,
            found=f"{len(listing.ignored)} other files: {others}" if others else "nothing",
            expected="files ending with " + ", ".join(allowed_endings(source.kind)),
            todo="Check the path, and that the delivery has arrived.",
        )
    return listing


def _single_file(source: FileSource, path: Path, where: str) -> OfferedFile:
    if ending_of(path.name, source.kind) is None:
        raise BrokenFile(
            "The file has an ending that this kind of source can't have.",
            where=where,
            found=path.suffix or "no ending",
            expected="one of " + ", ".join(allowed_endings(source.kind)),
            todo="Export it in one of these formats, or name the right file.",
        )
    status = path.stat()
    return OfferedFile(path.name, status.st_size, fingerprint(status), path)


def _no_such_path(folder: Path, where: str) -> SourceUnreachable:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    return SourceUnreachable(
        "There is no such path.",
        where=where,
        found=f"{nearest} exists, {folder.relative_to(nearest)} in it does not",
        expected="a file, a folder or a pattern that matches files",
        todo="Correct the source's path (relative paths start at the configuration's folder), or mount what it names.",
    )


def _sort_out(source: FileSource, folder: Path, pattern: tuple[str, ...] | None) -> Listing:
    """Walk the folder and tell what is offered from what is ignored."""
    depth_max = len(pattern) if pattern and "**" not in pattern else None
    offered: list[tuple[bool, tuple[int, int], OfferedFile]] = []
    ignored: list[IgnoredFile] = []
    for name, entry in _walk(folder, depth_max, where=f"source {source.id}, path {source.path}"):
        if pattern and not matches(tuple(name.split("/")), pattern):
            continue
        try:
            status = entry.stat()
        except PermissionError:
            raise
        except OSError:
            ignored.append(IgnoredFile(name, "it is a link to nothing, or was removed meanwhile"))
            continue
        if S_ISDIR(status.st_mode):
            ignored.append(IgnoredFile(name, "a link to a folder is not followed; name that folder itself"))
        elif not S_ISREG(status.st_mode):
            ignored.append(IgnoredFile(name, "it is not a regular file"))
        elif ending_of(name, source.kind) is None:
            ignored.append(IgnoredFile(name, "its ending is none of " + ", ".join(allowed_endings(source.kind))))
        else:
            file = OfferedFile(name, status.st_size, fingerprint(status), Path(entry.path))
            offered.append((entry.is_symlink(), (status.st_dev, status.st_ino), file))
    # The same file twice would be the same money twice. A real name goes before a link's.
    first_name: dict[tuple[int, int], str] = {}
    once = []
    for _, identity, file in sorted(offered, key=lambda item: (item[0], item[2].name)):
        if identity in first_name:
            ignored.append(IgnoredFile(file.name, f"it is the same file as {first_name[identity]}"))
        else:
            first_name[identity] = file.name
            once.append(file)
    return Listing(tuple(sorted(once, key=lambda file: file.name)), tuple(sorted(ignored, key=lambda file: file.name)))


def _walk(folder: Path, depth_max: int | None, where: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every visible entry below a folder but its real subfolders, which are walked; links to folders are given, not followed."""
    entries_seen = 0
    waiting = [("", folder, 1)]
    while waiting:
        prefix, current, depth = waiting.pop()
        with os.scandir(current) as entries:
            for entry in entries:
                entries_seen += 1
                if entries_seen > ENTRIES_MAX:
                    raise SourceUnreachable(
                        f"The path holds more than {ENTRIES_MAX:,} entries.", where=where, todo="Name a narrower folder or pattern."
                    )
                if is_hidden_or_marker(entry.name):
                    continue
                name = prefix + entry.name
                if not entry.is_dir(follow_symlinks=False):
                    yield name, entry
                elif not is_marker_folder(entry.name) and (depth_max is None or depth < depth_max):
                    waiting.append((f"{name}/", current / entry.name, depth + 1))


def _read_unchanged(file: OfferedFile, where: str, read: Callable[[BinaryIO], Result]) -> Result:
    """What `read` makes of a file that nobody wrote meanwhile; a second attempt where somebody did."""
    path = file.path
    assert path is not None, "a folder's files lie on this machine"
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


def _copy(original: BinaryIO, target: Path) -> str:
    """Copy to a private file; the sha256 of its bytes."""
    digest = hashlib.sha256()
    with private_writer(target) as file:
        while chunk := original.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
