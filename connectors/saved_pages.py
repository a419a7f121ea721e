"""Saved API pages: from a file to its JSON object, and from rows to batches of text by month.

Not here: what a provider's page looks like (each provider's pages.py), which of several files holds (buckets.py).
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.assembly import Part
from connectors.listings import SMALL_BYTES_MAX
from models.contracts.raw.shape import RawShape
from models.errors import BrokenFile

AGAIN = "Save the answer again, whole and as the API gives it, or remove the file."


def stamp(time: datetime) -> str:
    """An instant as rows carry it: UTC, with a Z, to the second where it is whole."""
    return time.replace(tzinfo=None).isoformat() + "Z"


def span_words(start: datetime, end: datetime) -> str:
    """A bucket's bounds, for messages."""
    return f"{stamp(start)} to {stamp(end)}"


def read_json(path: Path, where: str) -> dict[str, Any]:
    """A file's JSON object, gunzipped where it is gzip. Numbers are their own characters, as text.

    Raises BrokenFile where it is no whole JSON object, has a key twice, or is larger than SMALL_BYTES_MAX.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SMALL_BYTES_MAX + 1)
        if data.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
                data = unpacked.read(SMALL_BYTES_MAX + 1)
        if len(data) > SMALL_BYTES_MAX:
            raise BrokenFile(f"The file is larger than {SMALL_BYTES_MAX >> 20} MiB, as no page is.", where=where, todo=AGAIN)
        value = json.loads(data.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise BrokenFile("The file is truncated or damaged.", where=where, found="gzip that can't be unpacked", todo=AGAIN) from None
    except _KeyTwice:
        raise BrokenFile("An object has one key twice.", where=where, todo=AGAIN) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise BrokenFile(
            "The file is not whole JSON.", where=where, found=f"{len(data):,} bytes", expected="one JSON page of the API", todo=AGAIN
        ) from None
    if not isinstance(value, dict):
        raise BrokenFile("The file is not a page.", where=where, found="JSON that is no object", expected="one JSON page of the API", todo=AGAIN)
    return value


class _KeyTwice(Exception):
    """An object names a key twice, so that one of its values would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _KeyTwice
    return values


def is_whole_day(start: datetime, end: datetime, where: str) -> str:
    """`false` for a bucket within an hour, `true` for one within a day. Usage of more than a day could be priced on no day: BrokenFile."""
    last = end - timedelta(microseconds=1)
    if start.replace(minute=0, second=0, microsecond=0) == last.replace(minute=0, second=0, microsecond=0):
        return "false"
    if start.date() == last.date():
        return "true"
    raise BrokenFile(
        "A usage bucket is longer than a day, or runs over midnight UTC.",
        where=where,
        found=span_words(start, end),
        expected="hours or whole UTC days",
        todo="Save the answer with a bucket width of 1h or 1d, from midnight UTC.",
    )


def check_within_month(start: datetime, end: datetime, where: str) -> None:
    """Raise BrokenFile where a cost bucket runs over a month's end: its amount has no billing period."""
    last = end - timedelta(microseconds=1)
    if (start.year, start.month) != (last.year, last.month):
        raise BrokenFile(
            "A cost bucket runs over the end of a month, so that its amount belongs to no billing period.",
            where=where,
            found=span_words(start, end),
            expected="buckets within one UTC month",
            todo="Save the answer with a bucket width of 1d.",
        )


def parts(rows: Iterator[tuple[RawShape, date, dict[str, Any], str]]) -> Iterator[Part]:
    """Rows of text, given with their shape, month and place, as one batch per run of rows of one place."""
    batch: dict[tuple[str, date], tuple[RawShape, list[dict[str, Any]]]] = {}
    place = ""
    for shape, month, row, where in rows:
        if where != place:
            yield from _flushed(batch, place)
            batch, place = {}, where
        batch.setdefault((shape.name, month), (shape, []))[1].append(row)
    yield from _flushed(batch, place)


def _flushed(batch: dict[tuple[str, date], tuple[RawShape, list[dict[str, Any]]]], where: str) -> Iterator[Part]:
    for (name, month), (shape, rows) in batch.items():
        names = [column.name for column in shape.columns]
        try:
            columns = [pa.array([text(row.get(column)) for row in rows], pa.string()) for column in names]
        except UnicodeEncodeError:
            raise BrokenFile("A value holds half of a surrogate pair, which is no text.", where=where, todo=AGAIN) from None
        yield Part(name, month, pa.RecordBatch.from_arrays(columns, names=names))


def text(value: Any) -> str | None:
    """A value of a page as text; nothing where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
