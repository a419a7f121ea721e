"""Saved pages of usage and cost APIs: which file's word holds for which time, where several speak of the same.

Providers answer in time buckets and restate them, so a bucket is replaced whole and never added up. Here: the buckets that hold. Not here: a
page's JSON and rows of text (saved_pages.py), what a provider's page looks like (each provider's pages.py), fetching pages (http_api.py).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.assembly import LocalFile
from connectors.saved_pages import AGAIN, read_json, span_words
from models.errors import BrokenFile

# Written beside pulled pages: what was asked, when, and each page's hash. No page itself.
PROVENANCE_NAME = "pull.json"


@dataclass(frozen=True)
class Bucket:
    """What a page says of the time from `start` to `end` (exclusive, both UTC): its rows, none where there was nothing."""

    start: datetime
    end: datetime
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Page:
    """One saved answer. `family` names what it tells of (one bucket holds per family and time), None where it tells nothing.

    Pages of a ranked answer count rows, not buckets: a bucket's rows are spread over pages, the last of which has no more.
    """

    family: str | None
    buckets: tuple[Bucket, ...]
    is_ranked: bool = False
    has_more: bool = False


@dataclass(frozen=True)
class Holding:
    """A bucket that holds, with its family and the place to name in messages. `is_any_scoped`: see `holding_buckets`."""

    family: str
    bucket: Bucket
    where: str
    is_any_scoped: bool


@dataclass
class _Unit:
    """Files that were one answer: a page, or the pages of a ranked answer with their hashes. `spans`: (start, end) to whether any row is scoped."""

    family: str
    files: list[int]
    hashes: list[str]
    is_complete: bool
    spans: dict[tuple[datetime, datetime], bool] = field(default_factory=dict)


def natural(name: str) -> tuple[tuple[tuple[str, int, str], ...], ...]:
    """The key by which names sort as people count: page-10 comes after page-9, folder by folder."""
    return tuple(tuple((text, int(number or 0), number) for text, number in re.findall(r"(\D*)(\d*)", part)) for part in name.split("/"))


def holding_buckets(
    files: Sequence[LocalFile], read: Callable[[dict[str, Any], str], Page], where: str, scope_key: str | None = None
) -> Iterator[Holding]:
    """The buckets that hold, in the natural order of the files' names; files are read twice and never all held.

    Of two buckets of a family that share time, the one in the file whose name sorts last holds, whole: a bucket is a restatement of what it
    covers, even by buckets of another width or grouping. Pages of a ranked answer (consecutive names, each but the last with more to
    come) are one such file; a copy of some of them says nothing new. `is_any_scoped` tells whether any row that holds within the bucket's
    family and month has a value under `scope_key`. Raises BrokenFile where a page can't be read, holds a time twice, lacks the rest of its
    ranked answer, or covers part of an earlier bucket only, whose remainder nobody knows.
    """
    ordered = sorted((file for file in files if file.name.rsplit("/", 1)[-1] != PROVENANCE_NAME), key=lambda file: (natural(file.name), file.name))
    units = _units(ordered, read, where, scope_key)
    holds = _resolve(units, ordered, where)
    scoped = {
        (unit.family, start.year, start.month)
        for unit in units
        for (start, end), is_scoped in unit.spans.items()
        if is_scoped and holds[unit.files[-1], start, end]
    }
    last_file = {number: unit.files[-1] for unit in units for number in unit.files}
    for number, file in enumerate(ordered):
        if number not in last_file:
            continue
        page = read(read_json(file.path, f"{where}, file {file.name}"), f"{where}, file {file.name}")
        for bucket in page.buckets:
            if page.family and holds.get((last_file[number], bucket.start, bucket.end)):
                is_any_scoped = (page.family, bucket.start.year, bucket.start.month) in scoped
                yield Holding(page.family, bucket, f"{where}, file {file.name}", is_any_scoped)


def _units(files: Sequence[LocalFile], read: Callable[[dict[str, Any], str], Page], where: str, scope_key: str | None) -> list[_Unit]:
    """All answers, in the order of their last files' names."""
    units: list[_Unit] = []
    open_answers: dict[str, _Unit] = {}
    for number, file in enumerate(files):
        here = f"{where}, file {file.name}"
        page = read(read_json(file.path, here), here)
        if page.family is None:
            if not page.buckets and not page.has_more:
                _complete(open_answers)  # an answer may end with a page that holds nothing
            continue
        hashes = [hashlib.sha256(file.path.read_bytes()).hexdigest()] if page.is_ranked else []
        unit = open_answers.pop(page.family, None) if page.is_ranked else None
        if unit is None:
            unit = _Unit(page.family, [], [], True)
            units.append(unit)
        if not (hashes and hashes[0] in unit.hashes):
            unit.files.append(number)
            unit.hashes += hashes
            unit.is_complete = not (page.is_ranked and page.has_more)
            for bucket in page.buckets:
                span = (bucket.start, bucket.end)
                if span in unit.spans and not page.is_ranked:
                    raise BrokenFile("A page holds a bucket twice.", where=here, found=span_words(*span), expected="each bucket once", todo=AGAIN)
                unit.spans[span] = unit.spans.get(span, False) or (scope_key is not None and any(row.get(scope_key) for row in bucket.rows))
        if not unit.is_complete:
            open_answers[page.family] = unit
    return sorted(_without_copies(units, files, where), key=lambda unit: unit.files[-1])


def _complete(open_answers: dict[str, _Unit]) -> None:
    for unit in open_answers.values():
        unit.is_complete = True
    open_answers.clear()


def _without_copies(units: Sequence[_Unit], files: Sequence[LocalFile], where: str) -> Iterator[_Unit]:
    """The answers less those that are copies of some pages of another one. Only ranked answers have several pages, and so hashes."""
    whole = [set(unit.hashes) for unit in units if unit.is_complete and unit.hashes]
    for unit in units:
        if unit.hashes and any(set(unit.hashes) < hashes for hashes in whole):
            continue
        if not unit.is_complete:
            raise BrokenFile(
                "Pages are missing after this one, which says that there are more.",
                where=f"{where}, file {files[unit.files[-1]].name}",
                found="has_more, and no later page that goes on",
                expected="all pages of an answer whose rows are ranked, under names in their order",
                todo="Save the missing pages too, or remove those of the unfinished answer.",
            )
        yield unit


def _resolve(units: Sequence[_Unit], files: Sequence[LocalFile], where: str) -> dict[tuple[int, datetime, datetime], bool]:
    """Which (last file of the answer, start, end) hold."""
    covered: dict[str, _Intervals] = {}
    holds: dict[tuple[int, datetime, datetime], bool] = {}
    for unit in reversed(units):
        later = covered.setdefault(unit.family, _Intervals())
        mine = _Intervals()
        for start, end in sorted(unit.spans):
            here = f"{where}, file {files[unit.files[-1]].name}"
            if mine.share(start, end):
                raise BrokenFile("Buckets of one answer overlap.", where=here, found=span_words(start, end), todo=AGAIN)
            mine.add(start, end)
            is_replaced = later.contain(start, end)
            if later.share(start, end) and not is_replaced:
                raise BrokenFile(
                    "A later file covers part of a bucket only, so that the rest of it is unknown.",
                    where=here,
                    found=f"the bucket {span_words(start, end)}, and shorter ones within it in a file whose name sorts later",
                    expected="buckets of the same bounds, or all the shorter ones that make up the longer",
                    todo="Save the shorter buckets for the whole of it, or remove one of the two files.",
                )
            holds[unit.files[-1], start, end] = not is_replaced
        for start, end in unit.spans:
            later.add(start, end)
    return holds


class _Intervals:
    """A set of instants as disjoint, sorted, merged half-open intervals."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []

    def contain(self, start: datetime, end: datetime) -> bool:
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]

    def share(self, start: datetime, end: datetime) -> bool:
        at = bisect_right(self._ends, start)
        return at < len(self._starts) and self._starts[at] < end

    def add(self, start: datetime, end: datetime) -> None:
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]
