"""AWS Data Exports (CUR 2.0 and FOCUS) in both delivery modes, wherever in or above the export's folder the listing begins.

`<export>/data/BILLING_PERIOD=YYYY-MM/[<timestamp>-<execution id>/]<export>-0000N.{csv.gz,snappy.parquet}`, and
`<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json`, which always is the latest run's and is written after its data.
Source: AWS Data Exports user guide, "Understanding export delivery". Not here: legacy Cost and Usage Reports, which have other columns.
"""

from __future__ import annotations

import re
from collections import Counter
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
    field_of,
    fingerprint_of,
    load_json,
    not_its_own,
    parts_of,
    whole_number,
)
from connectors.listings import OfferedDelivery, OfferedFile
from models.errors import BrokenFile, CrossoverError

_PARTITION = re.compile(r"billing_period=(\d{4}-(?:0[1-9]|1[0-2]))", re.IGNORECASE)
_CHUNK = re.compile(r"(.+)-\d+\.")
_MANIFEST = "-manifest.json"

# (export's folder, `data` or `metadata`, billing period, run's folder)
_Place = tuple[tuple[str, ...], str, str | None, str | None]


@dataclass(frozen=True)
class _Manifest:
    """A manifest where AWS puts it. `root` is the export's folder in the listing (empty where the listing begins there), `run` the folder
    of a create-new copy."""

    file: OfferedFile
    root: tuple[str, ...]
    period: str
    run: str | None

    @property
    def export(self) -> str:
        return self.file.basename[: -len(_MANIFEST)]


def recognise(files: Files, read: Read, where: str) -> Claim:
    """Every export with a manifest: one delivery for each billing period, `<export>/BILLING_PERIOD=YYYY-MM`."""
    claim = Claim()
    found = [manifest for file in files.values() if (manifest := _manifest_of(file)) is not None]
    latest = sorted((m for m in found if m.run is None), key=lambda m: m.file.name)
    # an export's folder shows by its manifests, or by its data alone where these are on their way
    roots = {manifest.root for manifest in latest} | {root for file in files.values() if (root := _root_of_data(file)) is not None}
    own = {name: place for name, file in files.items() if (place := _place_of(file, roots)) is not None}
    claim.names |= set(own)
    names = _names_of(latest)
    taken: set[str] = set()
    broken: set[tuple[tuple[str, ...], str]] = set()
    for manifest in latest:
        spot = f"{where}, file {manifest.file.name}"
        try:
            contents = load_json(manifest.file, read, where)
            run, data_files = field_of(contents, "executionId"), field_of(contents, "dataFiles")
            if not isinstance(data_files, list):
                claim.ignore([manifest.file.name], _why_no_manifest(contents))
                continue
            named = [_named(entry, spot) for entry in data_files]
            delivered = check_present(_matched(named, manifest, files, own, spot), spot)
            if not delivered:
                raise BrokenFile("The manifest names no data file.", where=spot, expected="the export's data files", todo=TODO_AGAIN)
        except CrossoverError as error:
            claim.refused.append((names[manifest], error))
            broken.add((manifest.root, manifest.period))
            continue
        taken |= {file.name for file in delivered}
        claim.deliveries.append(OfferedDelivery(names[manifest], delivered, fingerprint_of(str(run or ""), delivered)))
    waiting = _without_manifest(own, {(m.root, m.period) for m in latest})
    for (root, period), names_waiting in sorted(waiting.items()):
        claim.refused.append((_name_of_waiting(root, period, names_waiting, names), _no_manifest(root, period, len(names_waiting), where)))
    copies = {(m.root, m.period, m.run) for m in found if m.run is not None}
    superseded = {name for name, (root, folder, period, run) in own.items() if folder == "data" and run and (root, period, run) in copies}
    refused = {name for name, (root, folder, period, _) in own.items() if folder == "data" and (root, period) in broken}
    data = {name for name, (_, folder, _, _) in own.items() if folder == "data"}
    claim.ignore(data - taken - superseded - refused, "no manifest of its export names it: left over from an earlier run, or not delivered whole yet")
    others = set(own) - data - {manifest.file.name for manifest in found}
    claim.ignore(others, "it lies among an export's manifests and is none")
    return claim


def _manifest_of(file: OfferedFile) -> _Manifest | None:
    """A file as a manifest, by its place alone."""
    parts = tuple(file.name.split("/"))
    if not parts[-1].casefold().endswith(_MANIFEST):
        return None
    for above, run in ((3, None), (4, parts[-2] if len(parts) > 1 else None)):
        if len(parts) >= above and parts[-above].casefold() == "metadata" and (partition := _PARTITION.fullmatch(parts[1 - above])):
            return _Manifest(file, parts[:-above], partition.group(1), run)
    return None


def _place_of(file: OfferedFile, roots: set[tuple[str, ...]]) -> _Place | None:
    """The place of a file in an export's own folders."""
    parts = tuple(file.name.split("/"))
    for depth, part in enumerate(parts[:-1]):
        if parts[:depth] in roots and part.casefold() in ("data", "metadata"):
            partition = _PARTITION.fullmatch(parts[depth + 1])
            return parts[:depth], part.casefold(), partition.group(1) if partition else None, parts[depth + 2] if len(parts) - depth > 3 else None
    return None


def _root_of_data(file: OfferedFile) -> tuple[str, ...] | None:
    """The export's folder of a file that lies where an export puts its data."""
    parts = tuple(file.name.split("/"))
    depths = (depth for depth in range(len(parts) - 2) if parts[depth].casefold() == "data" and _PARTITION.fullmatch(parts[depth + 1]))
    return next((parts[:depth] for depth in depths), None)


def _without_manifest(own: Mapping[str, _Place], delivered: set[tuple[tuple[str, ...], str]]) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """The data files of each month that no manifest speaks of: its first delivery may be on its way, or a copy of the export is not whole."""
    waiting: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for name, (root, folder, period, _) in sorted(own.items()):
        if folder == "data" and period and (root, period) not in delivered:
            waiting.setdefault((root, period), []).append(name)
    return waiting


def _name_of_waiting(root: tuple[str, ...], period: str, waiting: list[str], names: Mapping[_Manifest, str]) -> str:
    """What the month was and will be named: as its export's other months are, else by its data files, which have the export's name."""
    for manifest, name in names.items():
        if manifest.root == root:
            return f"{name.rpartition('=')[0]}={period}"
    chunk = _CHUNK.match(waiting[0].rsplit("/", 1)[-1])
    return f"{chunk.group(1) if chunk else (root or ('export',))[-1]}/BILLING_PERIOD={period}"


def _no_manifest(root: tuple[str, ...], period: str, files: int, where: str) -> BrokenFile:
    return BrokenFile(
        "A month's data is there without its manifest.",
        where=f"{where}, folder {'/'.join((*root, 'data', f'BILLING_PERIOD={period}'))}",
        found=f"{files} data file{'s' if files > 1 else ''} of which it can't be told whether they are all, and all of the latest run",
        expected=f"{'/'.join((*root, 'metadata', f'BILLING_PERIOD={period}'))}/<export>-Manifest.json, which is written last",
        todo="Run again when the delivery is complete; copy the export's metadata folder too where the files are a copy.",
    )


def _names_of(manifests: list[_Manifest]) -> dict[_Manifest, str]:
    """A delivery is named by its export; where two folders hold exports of one name, by the folder."""
    short = {m: f"{m.export}/BILLING_PERIOD={m.period}" for m in manifests}
    seen = Counter(short.values())
    return {m: name if seen[name] == 1 else "/".join((*m.root, name)) for m, name in short.items()}


def _why_no_manifest(contents: Any) -> str:
    if field_of(contents, "reportKeys") is not None:
        return "it is the manifest of a legacy Cost and Usage Report; create a Data Export (CUR 2.0 or FOCUS) instead"
    return "it is no manifest of a Data Export: it has no dataFiles"


def _named(entry: Any, where: str) -> NamedFile:
    """A data file of a manifest: its address as text, or an object with it and its size."""
    if isinstance(entry, str):
        return NamedFile(entry)
    address = next((value for key in ("s3Uri", "uri", "key") if isinstance(value := field_of(entry, key), str)), None)
    if address is None:
        raise BrokenFile("The manifest has a data file without an address.", where=where, expected="s3Uri and size", todo=TODO_AGAIN)
    return NamedFile(address, whole_number(field_of(entry, "size"), "size", where))


def _matched(named: list[NamedFile], manifest: _Manifest, files: Files, own: Mapping[str, object], where: str) -> dict[NamedFile, OfferedFile | None]:
    """Each named file's listed one: the same path below the export's `data` folder. A local copy may spell the partition in lower case."""
    listed = {name.casefold(): name for name in own}
    buckets, found = set(), {}
    for each in named:
        address = each.name
        if address.startswith("s3://"):
            bucket, _, address = address.removeprefix("s3://").partition("/")
            buckets.add(bucket)
            address = address.lstrip("/")  # a prefix may be given with slashes of its own
        parts = parts_of(address, where)
        starts = [i for i in range(len(parts) - 2) if parts[i].casefold() == "data" and _PARTITION.fullmatch(parts[i + 1])]
        partition = _PARTITION.fullmatch(parts[starts[-1] + 1]) if starts else None
        if partition is None or partition.group(1) != manifest.period or len(buckets) > 1:
            raise not_its_own(each.name, f"a file in data/BILLING_PERIOD={manifest.period}/, in one bucket", where)
        path = "/".join((*manifest.root, *parts[starts[-1] :]))
        found[each] = files.get(path) or files.get(listed.get(path.casefold(), ""))
    return found
