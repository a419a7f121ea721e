"""The rows of one metric and month: pairs of a counter's samples, a level's samples, spans that a GPU's gauge held.

Not here: which of several observers' samples count (sequences.py), text columns and files (pages.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from connectors.prometheus.metrics import DCGM_BLANK_MIN, GPU_GAUGES, SERVING_COUNTERS
from connectors.prometheus.sequences import GAP_INTERVALS, HOUR_MS, Positions, Times, chosen, cut_by_hour, scrape_interval_ms


@dataclass(frozen=True)
class LastSample:
    """The last sample of a series before a month; `is_value` is False where it says that there is none."""

    at_ms: int
    value: str
    is_value: bool
    interval_ms: int | None


Carried = dict[int, LastSample]
_BEFORE_ALL = -1


def rows_of_month(metric: str, samples: pl.DataFrame, first_ms: Mapping[int, int], carried: Carried) -> tuple[pl.DataFrame, Carried]:
    """The rows of a metric's samples of one month (columns at_ms, value, series, observer, file), and the last sample of each series.

    Columns `series` (its number), then times in milliseconds and values as text: for a serving metric hour, sampled_at, value, previous_at,
    previous_value; for a GPU's started_at, seconds, value. `first_ms` is each file's earliest instant. A value that is no finite number makes
    a row of its own, which the contract then refuses, and takes part in nothing else. NaN is no sample, nor is DCGM's blank; of a gauge
    either ends what was before it.
    """
    is_gpu = metric in GPU_GAUGES
    number = pl.col("value").cast(pl.Float64, strict=False)
    is_finite = number.is_finite().fill_null(False)
    is_nan = pl.col("value").str.to_lowercase() == "nan"
    is_blank = is_nan | (is_finite & (number >= DCGM_BLANK_MIN)) if is_gpu else is_nan
    judged = samples.with_columns(is_blank.alias("is_blank"), (~is_finite & ~is_nan).alias("is_bad"))
    bad = judged.filter("is_bad").unique(["series", "at_ms", "value"]).sort("series", "at_ms", "value")
    # a counter says nothing by saying nothing
    good = judged.filter(~pl.col("is_bad") & (pl.lit(is_gpu) | ~pl.col("is_blank"))).drop("is_bad").sort("series", "observer", "file", "at_ms")
    is_twice = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("series", "observer", "file", "at_ms")).fill_null(False)
    walk = _Walk(good.filter(~is_twice), first_ms, carried)
    if is_gpu:
        rows = _spans(walk)
        refused = bad.select("series", pl.col("at_ms").alias("started_at"), pl.lit("0").alias("seconds"), "value")
    else:
        rows = _pairs(walk) if metric in SERVING_COUNTERS else _levels(walk)
        refused = bad.select("series", _hour(pl.col("at_ms")), pl.col("at_ms").alias("sampled_at"), "value", *_NO_PREVIOUS)
    return pl.concat([rows, refused]), walk.carried


_NO_PREVIOUS = (pl.lit(None, pl.Int64).alias("previous_at"), pl.lit(None, pl.String).alias("previous_value"))


def _hour(at_ms: pl.Expr) -> pl.Expr:
    """The hour that a count up to this time belongs to; at a full hour, the one that ends there, as in Prometheus' own ranges."""
    return ((at_ms - 1) // HOUR_MS * HOUR_MS).alias("hour")


class _Walk:
    """The samples that count, in order of series and time, and with each its predecessor.

    `at`, `values`, `is_value` hold all samples and after them the carried ones; `now` and `before` are positions in them, `before` being -1 for
    a series' first sample; `interval` is the scrape interval at each of `now`, and `is_new` whether a first sample is a series' beginning.
    """

    def __init__(self, samples: pl.DataFrame, first_ms: Mapping[int, int], carried: Carried) -> None:
        numbers = list(carried)
        last = [carried[number] for number in numbers]
        of_carried = {number: len(samples) + position for position, number in enumerate(numbers)}
        self.at: Times = np.concatenate([samples["at_ms"].to_numpy(), np.array([each.at_ms for each in last], np.int64)])
        self.values = pl.concat([samples["value"], pl.Series("value", [each.value for each in last], pl.String)])
        self.is_value = np.concatenate([~samples["is_blank"].to_numpy(), np.array([each.is_value for each in last], bool)])
        self.series = np.concatenate([samples["series"].to_numpy(), np.array(numbers, np.uint32)])
        self.carried = dict(carried)
        observer, file = samples["observer"].to_numpy(), samples["file"].to_numpy()
        slices = _runs(samples["series"].to_numpy())
        read = {start: _runs(observer[start:end], file[start:end]) for start, end in slices}
        intervals = {
            start: scrape_interval_ms(self.at[start:end], [np.arange(*run) for run in read[start]], self._carried_ms(start)) for start, end in slices
        }
        usual = sorted(interval for interval in intervals.values() if interval)
        now: list[Positions] = []
        before: list[Positions] = []
        interval_at: list[NDArray[np.int64]] = []
        is_new: list[NDArray[np.bool_]] = []
        for start, end in slices:
            earlier = carried.get(int(self.series[start]))
            interval = intervals[start] or (earlier.interval_ms if earlier else None) or (usual[(len(usual) - 1) // 2] if usual else None)
            by_observer: dict[int, list[Positions]] = {}
            for first, stop in read[start]:
                by_observer.setdefault(int(observer[start + first]), []).append(np.arange(first, stop))
            mine = start + chosen(self.at[start:end], list(by_observer.values()), interval or 0, earlier.at_ms if earlier else None)
            first_before = of_carried.get(int(self.series[start]), _BEFORE_ALL)
            now.append(mine)
            before.append(np.concatenate([[first_before], mine[:-1]]))
            interval_at.append(np.full(mine.size, interval or 0))
            # A series is new where an answer that holds its first sample was looking before that.
            near = self.at[start:end] <= self.at[mine[0]] + (interval or 0) // 2
            looked_ms = min(first_ms[int(rank)] for rank in np.unique(file[start:end][near]))
            is_new.append(np.full(mine.size, self.at[mine[0]] - looked_ms >= max(interval or 0, 1)))
            final = int(mine[-1])
            self.carried[int(self.series[start])] = LastSample(int(self.at[final]), self.values[final], bool(self.is_value[final]), interval)
        self.now, self.before = _joined(now, np.int64), _joined(before, np.int64)
        self.interval, self.is_new = _joined(interval_at, np.int64), _joined(is_new, bool)

    def _carried_ms(self, start: int) -> int | None:
        earlier = self.carried.get(int(self.series[start]))
        return earlier.at_ms if earlier else None


def _pairs(walk: _Walk) -> pl.DataFrame:
    """Each sample of a counter with the one before it; a new series' first one with 0, and none for the first one of a series with a past."""
    kept = (walk.before != _BEFORE_ALL) | walk.is_new
    now, before = walk.now[kept], walk.before[kept]
    frame = pl.DataFrame({
        "series": walk.series[now],
        "sampled_at": walk.at[now],
        "value": walk.values.gather(now),
        "previous_at": walk.at[before],
        "previous_value": walk.values.gather(np.maximum(before, 0)),
        "is_pair": before != _BEFORE_ALL,
    })  # fmt: skip
    return frame.select(
        "series",
        _hour(pl.col("sampled_at")),
        "sampled_at",
        "value",
        pl.when("is_pair").then("previous_at").alias("previous_at"),
        pl.when("is_pair").then("previous_value").otherwise(pl.lit("0")).alias("previous_value"),
    )


def _levels(walk: _Walk) -> pl.DataFrame:
    """Each sample of a gauge of which the peak is asked, once there is a next one: until then it held."""
    held = walk.before[walk.before != _BEFORE_ALL]
    frame = pl.DataFrame({"series": walk.series[held], "hour": walk.at[held] // HOUR_MS * HOUR_MS, "sampled_at": walk.at[held]})
    return frame.with_columns(walk.values.gather(held).alias("value"), *_NO_PREVIOUS)


def _spans(walk: _Walk) -> pl.DataFrame:
    """The spans that a gauge's values held: until the next sample, for three scrape intervals at most; cut at full hours.

    The last sample of all has no next one: it holds nothing.
    """
    held = (walk.before != _BEFORE_ALL) & walk.is_value[walk.before]
    before, end = walk.before[held], walk.at[walk.now[held]]
    span, start, end = cut_by_hour(walk.at[before], np.minimum(end, walk.at[before] + GAP_INTERVALS * walk.interval[held]))
    milliseconds = pl.Series("seconds", end - start)
    seconds = (milliseconds // 1000).cast(pl.String) + "." + (milliseconds % 1000).cast(pl.String).str.zfill(3)
    frame = pl.DataFrame({"series": walk.series[before[span]], "started_at": start, "seconds": seconds})
    return frame.with_columns(walk.values.gather(before[span]).alias("value"))


def _runs(*columns: NDArray[Any]) -> list[tuple[int, int]]:
    """Start and end of each run of equal tuples."""
    size = columns[0].size
    differs = np.zeros(max(size - 1, 0), bool)
    for column in columns:
        differs |= column[1:] != column[:-1]
    edges = [0, *(np.flatnonzero(differs) + 1).tolist(), size]
    return list(pairwise(edges)) if size else []


def _joined(parts: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.empty(0, kind)
