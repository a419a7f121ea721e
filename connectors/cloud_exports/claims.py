"""What one cloud's layout makes of a listing, and what all manifests have in common: reading one, naming files in it, checking their sizes.

Not here: the layouts themselves (aws.py, azure.py, gcp.py) and their order (manifests.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.listings import IgnoredFile, OfferedDelivery, OfferedFile
from models.errors import BrokenFile, CrossoverError

Files = Mapping[str, OfferedFile]
Read = Callable[[OfferedFile], bytes]

TODO_AGAIN = "Let the export run again, or copy the whole delivery again; the last good version stays in use."


@dataclass
class Claim:
    """`names` are the files that belong to this layout, whatever became of them: no other layout reads them."""

    deliveries: list[OfferedDelivery] = field(default_factory=list)
    ignored: list[IgnoredFile] = field(default_factory=list)
    refused: list[tuple[str, CrossoverError]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def ignore(self, names: Iterable[str], reason: str) -> None:
        self.ignored += [IgnoredFile(name, reason) for name in sorted(names)]


@dataclass(frozen=True)
class NamedFile:
    """A data file as its manifest names it, with the size that it should have, where that is said."""

    name: str
    size_bytes: int | None = None


def load_json(file: OfferedFile, read: Read, where: str) -> Any:
    """A manifest's contents, numbers as text. Raises BrokenFile where it is not JSON (it may be on its way), and what `read` raises."""
    try:
        return json.loads(read(file).decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise BrokenFile(
            "The manifest is not valid JSON.", where=f"{where}, file {file.name}", found="text that is no JSON, or only a part of it", todo=TODO_AGAIN
        ) from None


def field_of(record: Any, name: str) -> Any:
    """A field of a JSON object in whatever case it is written, or None."""
    if not isinstance(record, dict):
        return None
    return next((value for key, value in record.items() if isinstance(key, str) and key.casefold() == name.casefold()), None)


def whole_number(value: Any, what: str, where: str) -> int | None:
    """A count in a manifest; None where it says nothing. Raises BrokenFile for what is no count."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    raise BrokenFile(f"The manifest's {what} is no whole number.", where=where, found=str(value)[:40], todo=TODO_AGAIN)


def parts_of(name: str, where: str) -> tuple[str, ...]:
    """The folders and the name of a file that a manifest names. Raises BrokenFile for a name that no export writes."""
    parts = tuple(name.split("/"))
    if not parts[0] or not parts[-1] or "\\" in name or "\0" in name or not {".", ".."}.isdisjoint(parts):
        raise not_its_own(name, "a file in the export's own folder", where)
    return parts


def not_its_own(name: str, expected: str, where: str) -> BrokenFile:
    """The refusal of a manifest that names a file where none of its export's can be."""
    todo = "Find out who wrote this manifest; nothing of it is read."
    return BrokenFile(
        "The manifest names a file outside its own export and period.", where=where, found=repr(name[:200]), expected=expected, todo=todo
    )


def check_present(found: Mapping[NamedFile, OfferedFile | None], where: str) -> tuple[OfferedFile, ...]:
    """The listed files behind a manifest's, sorted by name: rows are numbered in this order, and a refreshed manifest may have another one.

    Raises BrokenFile where one is missing, twice there, or of another size.
    """
    missing = [named.name for named, file in found.items() if file is None]
    if missing:
        raise BrokenFile(
            f"The manifest names {len(missing)} file{'s' if len(missing) > 1 else ''} that {'are' if len(missing) > 1 else 'is'} not there.",
            where=where,
            found="no " + ", ".join(sorted(missing)[:5]),
            expected=f"all {len(found)} data files",
            todo=TODO_AGAIN,
        )
    files = tuple(sorted((file for file in found.values() if file is not None), key=lambda file: file.name))
    if len({file.name for file in files}) < len(files):
        raise BrokenFile("The manifest names a file twice.", where=where, found=f"{len(files)} names", todo=TODO_AGAIN)
    for named, file in found.items():
        if file is not None and named.size_bytes is not None and file.bytes != named.size_bytes:
            raise BrokenFile(
                "A data file has another size than its manifest says.",
                where=f"{where}, file {file.name}",
                found=f"{file.bytes:,} bytes",
                expected=f"{named.size_bytes:,} bytes",
                todo=TODO_AGAIN,
            )
    return files


def fingerprint_of(run: str, files: Sequence[OfferedFile]) -> str:
    """One fingerprint of a delivery: of the export's run and of every file, in whatever order they are listed."""
    return hashlib.sha256("\n".join([run, *sorted(f"{file.name} {file.fingerprint}" for file in files)]).encode()).hexdigest()


def ends_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two paths agree from their ends as far as both reach, upper and lower case alike."""
    return all(a.casefold() == b.casefold() for a, b in zip(reversed(one), reversed(other), strict=False))
