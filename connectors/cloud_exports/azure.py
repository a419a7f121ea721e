"""Azure Cost Management's FOCUS export: every run has a folder with its blobs and a manifest, and the newest run of a month is the month.

`<path>/<export>/{YYYYMMDD-YYYYMMDD}/[{run time}/]{run GUID}/part_N_0001.{csv,csv.gz,snappy.parquet}` and `manifest.json` beside it. A run holds
a month up to its day; in a month's first days it may hold the month before, which `runInfo.startDate` tells. Source: Microsoft, "Tutorial:
Improved exports", and manifests in public issues of microsoft/finops-toolkit (#527, #2173). Not here: other datasets of Cost Management.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.cloud_exports.claims import (
    TODO_AGAIN,
    Claim,
    Files,
    NamedFile,
    Read,
    check_present,
    ends_alike,
    field_of,
    fingerprint_of,
    load_json,
    not_its_own,
    parts_of,
    whole_number,
)
from connectors.listings import OfferedDelivery, OfferedFile
from models.errors import BrokenFile, CrossoverError

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_DATES = re.compile(r"(\d{4})(\d{2})\d{2}-\d{8}")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?(?:Z|\+00:00)?", re.IGNORECASE)
_MANIFESTS = ("manifest.json", "_manifest.json")
_DAY = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))-(\d{2})(?:[T ].*)?")


@dataclass(frozen=True)
class _Run:
    """One run of the export, by its manifest."""

    manifest: OfferedFile
    contents: Mapping[str, Any]
    export: str
    period: str
    submitted: tuple[str, str, str]
    blobs: tuple[Any, ...]

    @property
    def name(self) -> str:
        return f"{self.export}/{self.period}"


def recognise(files: Files, read: Read, where: str) -> Claim:
    """The newest run of each month is that month's delivery, `<export>/YYYY-MM`; the runs before it are passed over.

    Raises BrokenFile where runs are of several exports.
    """
    claim = Claim()
    runs = _runs(files, read, where, claim)
    _refuse_several(runs, where)
    newest = {run.period: run for run in sorted(runs, key=lambda run: (run.submitted, run.manifest.name))}
    for run in newest.values():
        _deliver(run, any(each.blobs for each in runs if each.period == run.period), files, where, claim)
    # What the month's newest run is, can't be told while one of its manifests can't be read.
    broken = {name.casefold() for name, _ in claim.refused}
    claim.deliveries = [delivery for delivery in claim.deliveries if delivery.name.casefold() not in broken]
    waiting = {name for name in files if name not in claim.names and _is_in_run(name)}
    claim.names |= waiting
    claim.ignore(waiting, "its run has no manifest yet, so it may not be whole")
    return claim


def _runs(files: Files, read: Read, where: str, claim: Claim) -> list[_Run]:
    """The runs by their manifests, whose folders are claimed. What is no such manifest is ignored, what can't be read is refused."""
    runs: list[_Run] = []
    for name in sorted(files):
        if files[name].basename.casefold() not in _MANIFESTS:
            continue
        claim.names.add(name)
        try:
            contents = load_json(files[name], read, where)
            run_info, config = field_of(contents, "runInfo"), field_of(contents, "exportConfig")
            dataset = field_of(config, "type")
            if not isinstance(run_info, dict) or not isinstance(config, dict):
                claim.ignore([name], "it is no manifest of a cost export: it has no runInfo and exportConfig")
                continue
            claim.names |= _beside(name, files)
            if isinstance(dataset, str) and dataset.casefold() != "focuscost":
                claim.ignore([name], f"its export is {dataset[:40]}, not FocusCost")
                continue
            runs.append(_run(files[name], contents, config, run_info, f"{where}, file {name}"))
        except CrossoverError as error:
            if _is_in_run(name):
                claim.names |= _beside(name, files)
                claim.refused.append((_name_by_path(name), error))
            else:
                claim.ignore([name], f"it is no manifest of a cost export: {error.what}")
    return runs


def _deliver(run: _Run, had_files: bool, files: Files, where: str, claim: Claim) -> None:
    """Offer a run, refuse it, or say why it is nothing. `had_files`: some run of its month names files."""
    where = f"{where}, file {run.manifest.name}"
    try:
        delivered = check_present(_matched(run, files, where), where)
        _check_bytes(run, delivered, where)
        rows = _rows(run, where)
        if not delivered and had_files:
            raise BrokenFile("The newest run holds no file, while an earlier one did.", where=where, todo=TODO_AGAIN)
    except CrossoverError as error:
        claim.refused.append((run.name, error))
        return
    if not delivered:
        claim.ignore([run.manifest.name], "its run holds no file")
        return
    claim.deliveries.append(OfferedDelivery(run.name, delivered, fingerprint_of(str(run.submitted), delivered), rows))
    named = {file.name for file in delivered}
    claim.ignore({n for n in _beside(run.manifest.name, files) - named if n != run.manifest.name}, "its run's manifest doesn't name it")


def _beside(name: str, files: Files) -> set[str]:
    """All files in a file's folder."""
    return {other for other in files if _folder(other) == _folder(name)}


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _is_in_run(name: str) -> bool:
    """Whether a file lies in a run's folder: a GUID somewhere below a range of dates."""
    parts = name.split("/")[:-1]
    return bool(parts) and bool(_GUID.fullmatch(parts[-1])) and any(_DATES.fullmatch(part) for part in parts[-3:-1])


def _name_by_path(name: str) -> str:
    """The delivery's name by the folders alone, for a manifest that can't be read."""
    parts = name.split("/")
    for depth, part in enumerate(parts):
        if depth and (dates := _DATES.fullmatch(part)):
            return f"{parts[depth - 1]}/{dates.group(1)}-{dates.group(2)}"
    return name


def _run(manifest: OfferedFile, contents: Any, config: Any, run_info: Any, where: str) -> _Run:
    export, submitted, blobs = field_of(config, "exportName"), field_of(run_info, "submittedTime"), field_of(contents, "blobs")
    start, end = (_DAY.fullmatch(str(field_of(run_info, name))) for name in ("startDate", "endDate"))
    time = _TIME.fullmatch(submitted) if isinstance(submitted, str) else None
    if not isinstance(export, str) or not export or start is None or time is None:
        raise BrokenFile(
            "The manifest doesn't say which run it is.",
            where=where,
            expected="exportConfig.exportName, runInfo.startDate and runInfo.submittedTime",
            todo=TODO_AGAIN,
        )
    if end is not None and end.group(1) > start.group(1) and end.group(2) > "01":
        raise BrokenFile(
            "The run holds more than one month.",
            where=where,
            found=f"costs from {start.group(1)} to {end.group(1)}",
            expected="one month a run, which is what replaces it",
            todo="Export each month by a run of its own.",
        )
    # times have up to seven decimals, which is more than a datetime holds: as text of one length they order alike
    day, clock, decimals = time.groups()
    when = (day, clock.ljust(8, "0"), (decimals or "").ljust(9, "0"))
    return _Run(manifest, contents, export, start.group(1), when, tuple(blobs) if isinstance(blobs, list) else ())


def _refuse_several(runs: list[_Run], where: str) -> None:
    """Two exports below one path hold the same costs, or different ones: only the user knows."""
    exports = {run.export.casefold(): run.export for run in runs}
    if len(exports) > 1:
        raise BrokenFile(
            "The path holds runs of several exports, whose costs may be the same.",
            where=where,
            found="exports " + ", ".join(sorted(exports.values())),
            expected="one export",
            todo="Let the source's path end with the folder of one export, and give another one a source of its own.",
        )


def _matched(run: _Run, files: Files, where: str) -> dict[NamedFile, OfferedFile | None]:
    """Each blob's listed file, beside the manifest. Blob names begin at the container, the listing anywhere at or below it."""
    folder = _folder(run.manifest.name)
    beside = {name.casefold(): files[name] for name in files if _folder(name) == folder}
    count = whole_number(field_of(run.contents, "blobCount"), "blobCount", where)
    if count is not None and count != len(run.blobs):
        raise BrokenFile("The manifest names another number of blobs than it says.", where=where, found=str(len(run.blobs)), expected=str(count))
    found = {}
    for blob in run.blobs:
        name = field_of(blob, "blobName")
        if not isinstance(name, str):
            raise BrokenFile("The manifest has a blob without a name.", where=where, expected="blobName and byteCount", todo=TODO_AGAIN)
        *above, last = parts_of(name.removeprefix("/"), where)
        if folder and above and not ends_alike(above[-1:], folder.split("/")[-1:]):
            raise not_its_own(name, f"a blob in {folder.split('/')[-1]}", where)
        path = f"{folder}/{last}" if folder else last
        found[NamedFile(name, whole_number(field_of(blob, "byteCount"), "byteCount", where))] = beside.get(path.casefold())
    return found


def _check_bytes(run: _Run, delivered: tuple[OfferedFile, ...], where: str) -> None:
    """A manifest says the bytes of each blob, and of all of them: either may be what a file in transit contradicts."""
    expected, found = whole_number(field_of(run.contents, "byteCount"), "byteCount", where), sum(file.bytes for file in delivered)
    if expected is not None and expected != found:
        raise BrokenFile(
            "The run's files have another size in all than its manifest says.",
            where=where,
            found=f"{found:,} bytes in {len(delivered)} files",
            expected=f"{expected:,} bytes",
            todo=TODO_AGAIN,
        )


def _rows(run: _Run, where: str) -> int | None:
    """The rows that the manifest promises: in all, else by blob; None where it doesn't say (dataRowCount may be null)."""
    total = whole_number(field_of(run.contents, "dataRowCount"), "dataRowCount", where)
    if total is not None:
        return total
    counts = [whole_number(field_of(blob, "dataRowCount"), "dataRowCount", where) for blob in run.blobs]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
