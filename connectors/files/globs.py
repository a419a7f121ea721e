"""Names below a source's path, whatever store they lie in: which of them a pattern means, and which are never data.

Not here: walking a folder (folder.py), listing a bucket (object_storage/).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# Written beside the data by the programs that deliver it; never data, so not worth a finding.
_MARKER_NAMES = ("_SUCCESS", "_committed_*", "_started_*", "~$*", "*.tmp", "*.crc", "Thumbs.db", "desktop.ini")
_MARKER_FOLDERS = ("_delta_log", "_spark_metadata", "_temporary", "__MACOSX")


def split_glob(parts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """A path's parts before the first with a wildcard (`*`, `?`, `[`), and those from there on; without a wildcard (all, None)."""
    for index, part in enumerate(parts):
        if any(wildcard in part for wildcard in "*?["):
            return parts[:index], parts[index:]
    return parts, None


def matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path's parts fit a pattern's; `**` stands for any number of folders, at the end for all that lies below."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ("*",)
        return any(matches(parts[start:], rest) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])


def is_hidden_or_marker(part: str) -> bool:
    """Whether a file's or a folder's own name says that it is no data: hidden, half-written, a sign of a finished delivery."""
    return part.startswith(".") or any(fnmatchcase(part, marker) for marker in _MARKER_NAMES)


def is_marker_folder(part: str) -> bool:
    """Whether a folder of this name holds a delivering program's own notes."""
    return part in _MARKER_FOLDERS


def is_passed_over(parts: tuple[str, ...]) -> bool:
    """Whether a file, or a folder above it, is hidden or a marker."""
    return any(is_hidden_or_marker(part) for part in parts) or any(is_marker_folder(part) for part in parts[:-1])
