"""What a source offers when its `path` is a file, a folder or a glob: the list of files, without reading one.

Not here: copying and decoding (landing.py), which rows are valid (models.contracts), which period a file belongs to. A source that is not
on this machine's disk (an S3 prefix, a provider's API) is a module of its own beside this one that gives the same `Listing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from connectors.listings import FileSource, IgnoredFile, Listing, OfferedFile
from models.errors import BrokenFile, SourceUnreachable

ENTRIES_MAX = 1_000_000

_ENDINGS = (".csv", ".csv.gz", ".parquet", ".json", ".json.gz", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_ENDINGS_PEOPLE = (*_ENDINGS, ".xlsx")
# Written beside the data by the programs that deliver it; never data, so not worth a finding.
_MARKER_NAMES = ("_SUCCESS", "_committed_*", "_started_*", "~$*", "*.tmp", "*.crc", "Thumbs.db", "desktop.ini")
_MARKER_FOLDERS = ("_delta_log", "_spark_metadata", "_temporary", "__MACOSX")


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


def offered_files(source: FileSource, root: Path) -> tuple[OfferedFile, ...]:
    """The files of `list_files` that can be landed. Raises as it does."""
    return list_files(source, root).offered


def list_files(source: FileSource, root: Path) -> Listing:
    """List a source's file, folder (with its subfolders) or glob (`*`, `?`, `[...]`, and `**` for any folders), resolved against `root`.

    Hidden names and the markers of delivering programs are passed over; in a focus folder so is every `.json`, which is a manifest. One
    file under two names (a link) is offered once. Links to folders are not followed. Raises SourceUnreachable where there is nothing to
    read or reading is not allowed, BrokenFile where a single file has an ending that the kind can't have.
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
            folder, pattern = _split_glob(root, Path(source.path))
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


def _split_glob(root: Path, path: Path) -> tuple[Path, tuple[str, ...] | None]:
    """The folder before the first part with a wildcard, and the parts from there on; without a wildcard (the whole path, None)."""
    for index, part in enumerate(path.parts):
        if any(wildcard in part for wildcard in "*?["):
            return root.joinpath(*path.parts[:index]), path.parts[index:]
    return root / path, None


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
        if pattern and not _matches(tuple(name.split("/")), pattern):
            continue
        if source.kind == "focus" and entry.name.lower().endswith(".json"):
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
                if entry.name.startswith(".") or any(fnmatchcase(entry.name, marker) for marker in _MARKER_NAMES):
                    continue
                name = prefix + entry.name
                if not entry.is_dir(follow_symlinks=False):
                    yield name, entry
                elif entry.name not in _MARKER_FOLDERS and (depth_max is None or depth < depth_max):
                    waiting.append((f"{name}/", current / entry.name, depth + 1))


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path's parts fit a pattern's; `**` stands for any number of folders, at the end for all that lies below."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ("*",)
        return any(_matches(parts[start:], rest) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
