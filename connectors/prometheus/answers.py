"""One saved answer of `query_range` as samples: `{"status":"success","data":{"resultType":"matrix","result":[...]}}`.

Times become whole milliseconds (which is what Prometheus stores), values stay text. Not here: which samples count (sequences.py) and how
files are put together (pages.py).
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any

import polars as pl

from connectors.assembly import LocalFile
from connectors.formats.text_tables import not_what_it_says
from connectors.prometheus.metrics import SHAPES, Labels
from models.errors import BrokenFile, SourceUnreachable

FILE_BYTES_MAX = 512 << 20
# 9999-12-31: above it a time is not in seconds.
SECONDS_MAX = 253_402_300_800


@dataclass(frozen=True)
class Series:
    """A series of an answer: all its labels, and its samples (columns at_ms, value) in the answer's order."""

    labels: Labels
    samples: pl.DataFrame


@dataclass(frozen=True)
class Answer:
    """What an answer holds: the known metrics' series, the time of its earliest sample of any metric, the names of the other metrics."""

    series: tuple[Series, ...]
    first_ms: int | None
    unknown: frozenset[str]


def read_answer(file: LocalFile, where: str) -> Answer:
    """Read a saved answer, `.json` or `.json.gz`. Raises BrokenFile where it is not the whole answer to a range query of a metric."""
    try:
        # Series are turned into columns as soon as each is parsed: a list of samples takes ten times their room.
        answer = json.loads(_text(file, where), object_hook=_object, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError:
        raise BrokenFile("The file is truncated, or not valid JSON.", where=where, expected=_EXPECTED, todo=_AGAIN) from None
    except RecursionError:
        raise BrokenFile("The file is nested too deeply.", where=where, expected=_EXPECTED, todo=_AGAIN) from None
    except _NoSample as error:
        raise BrokenFile("A sample is not a time and a value.", where=where, found=str(error), expected=_SAMPLE, todo=_AGAIN) from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(answer, dict) and answer.get("status") == "error":
        found = f"{answer.get('errorType')}: {str(answer.get('error'))[:200]}"
        raise BrokenFile("The file is an error of Prometheus, not an answer.", where=where, found=found, todo="Query and save it again.")
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise BrokenFile("The file is no answer of Prometheus.", where=where, expected=_EXPECTED, todo=_AGAIN)
    results = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(results, list):
        found = f"resultType {data.get('resultType')}"
        todo = "Query /api/v1/query_range; one instant says nothing of what was used between two."
        raise BrokenFile("The answer is not one over a range of time.", where=where, found=found, expected="resultType matrix", todo=todo)
    return _answer(results, where)


_EXPECTED = '{"status":"success","data":{"resultType":"matrix","result":[...]}}, as /api/v1/query_range gives it'
_SAMPLE = "[seconds since 1970, a value as text]"
_AGAIN = "Save the answer again, as it was received."


class _NoSample(ValueError):
    """A sample is not what it should be; the text says how, without any value."""


def _answer(results: list[Any], where: str) -> Answer:
    series, firsts, unknown = [], [], set()
    for result in results:
        if not isinstance(result, Series):
            # a native histogram has `histograms`; none of the known metrics is one
            if isinstance(result, dict) and isinstance(result.get("metric"), dict) and "values" not in result:
                continue
            raise BrokenFile("A result is not a series.", where=where, expected='{"metric":{...},"values":[...]}', todo=_AGAIN)
        name = result.labels.get("__name__")
        if not name:
            raise BrokenFile(
                "A series has no metric name: it is the value of an expression.",
                where=where,
                found="a series without __name__",
                expected="the raw samples of a metric",
                todo="Query the metric itself, without rate(), increase() or sum().",
            )
        first_ms = result.samples["at_ms"].min()
        if isinstance(first_ms, int):
            firsts.append(first_ms)
        if name in SHAPES:
            series.append(result)
        else:
            unknown.add(name)
    return Answer(tuple(series), min(firsts, default=None), frozenset(unknown))


def _object(value: dict[str, Any]) -> Any:
    """JSON's objects as they are, but a series with its samples in columns."""
    labels, samples = value.get("metric"), value.get("values")
    if not isinstance(labels, dict) or not isinstance(samples, list):
        return value
    if not all(isinstance(label, str) for label in labels.values()):
        raise _NoSample("a label that is no text")
    try:
        times, values = zip(*samples, strict=True) if samples else ((), ())
        frame = pl.DataFrame({"at": times, "value": values}, schema={"at": pl.String, "value": pl.String}, strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        raise _NoSample("something else in a series' values") from None
    seconds = pl.col("at").cast(pl.Float64, strict=False)
    frame = frame.select(seconds.alias("at"), "value")
    if frame["at"].null_count() or frame["value"].null_count() or not frame["at"].is_between(0, SECONDS_MAX).all():
        raise _NoSample("a time that is no number of seconds")
    return Series(labels, frame.select((pl.col("at") * 1000).round().cast(pl.Int64).alias("at_ms"), "value"))


def _text(file: LocalFile, where: str) -> str:
    is_packed = file.name.lower().endswith(".gz")
    try:
        with gzip.open(file.path) if is_packed else file.path.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except (gzip.BadGzipFile, zlib.error):
        raise not_what_it_says(".json.gz", where, found="no gzip stream, or a damaged one", expected="a gzip file") from None
    except EOFError:
        raise BrokenFile("The file is truncated.", where=where, found="the end of the file inside its gzip stream", todo=_AGAIN) from None
    except OSError as error:
        raise SourceUnreachable(
            "The file can't be read.", where=where, found=error.strerror, todo="Let the user that runs Crossover read it."
        ) from None
    if len(data) > FILE_BYTES_MAX:
        todo = "Query shorter ranges, or fewer metrics at once."
        raise BrokenFile(f"The answer is larger than {FILE_BYTES_MAX >> 20} MiB.", where=where, todo=todo)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BrokenFile("The file is not text in UTF-8.", where=where, expected=_EXPECTED, todo=_AGAIN) from None
