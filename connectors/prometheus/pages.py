"""Saved answers of Prometheus as rows: for a counter one between each two samples, for a GPU's gauge one for each span that a value held.

Rows, not sums: what an increase or a busy second is, SQL says (`dbt_like_sql/staging/prometheus_*.sql`). A month's rows stand for themselves,
since each carries the sample before it. Files are read one by one and put aside by metric and month, so that memory holds one metric's
month. Not here: one answer (answers.py), which samples count (sequences.py), the metrics (metrics.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from connectors.assembly import LocalFile, Part
from connectors.buckets import PROVENANCE_NAME, natural
from connectors.listings import FileSource
from connectors.prometheus.answers import Answer, read_answer
from connectors.prometheus.metrics import SHAPES, canonical, series_of, texts_of
from connectors.prometheus.rows import Carried, rows_of_month
from models.errors import BrokenFile

BATCH_ROWS = 65_536
PIECE_SAMPLES = 500_000


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """The rows of saved answers of `query_range`, one JSON answer a file (`.json`, `.json.gz`), under whatever names.

    The same sample in two files counts once, and so does a scrape seen by two replicas of Prometheus (sequences.py has the rule). A series
    that begins later than the answers which hold it starts at 0; one that is there from their first instant on has an unknown past, so its
    first sample is where counting starts. A part's rows are of one metric; metrics come one after the other, each in the order of months
    (but for what a gauge held at a month's end, which is known when the next sample is there). Metrics that aren't known are passed over; answers
    of other metrics alone are refused. Raises BrokenFile, which names the file.
    """
    with TemporaryDirectory(prefix="crossover-") as folder:
        shelf = _Shelf(Path(folder))
        unknown: set[str] = set()
        for rank, file in enumerate(sorted(files, key=lambda file: (natural(file.name), file.name))):
            if file.path.name != PROVENANCE_NAME:
                answer = read_answer(file, f"{where}, file {file.name}")
                unknown |= answer.unknown
                shelf.put(rank, answer)
        if unknown and not shelf.texts:
            raise BrokenFile(
                "No file holds a metric that is known.",
                where=where,
                found=", ".join(sorted(unknown)[:5]),
                expected=", ".join(list(SHAPES)[:3]) + " or another metric of vLLM, TGI, SGLang or the DCGM exporter",
                todo="Save the raw metrics under their own names.",
            )
        for metric in SHAPES:
            yield from _parts(shelf, metric)


def _parts(shelf: _Shelf, metric: str) -> Iterator[Part]:
    months = shelf.months(metric)
    if not months:
        return
    texts = pl.DataFrame(list(shelf.texts.values()), infer_schema_length=None).select(texts_of({"__name__": metric}).keys())
    instants = pl.from_epoch(pl.selectors.integer() - pl.selectors.by_name("series"), "ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    carried: Carried = {}
    for samples in chain.from_iterable(_whole_series(shelf.samples(metric, month)) for month in months):
        rows, carried = rows_of_month(metric, samples, shelf.first_ms, carried)
        for part in rows.with_columns(_month(pl.coalesce("^(hour|started_at)$"))).partition_by("month", maintain_order=True):
            for batch in part.drop("month").iter_slices(BATCH_ROWS):
                named = texts[batch["series"].cast(pl.Int64)].hstack(batch.with_columns(instants).drop("series"))
                yield Part(SHAPES[metric], part["month"][0], _record_batch(named))


def _whole_series(samples: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The samples in pieces of some whole series each, so that what is made of them stays small."""
    sizes = samples.group_by("series").len().sort("series")
    pieces = sizes.select("series", ((pl.col("len").cum_sum() - 1) // PIECE_SAMPLES).alias("piece"))
    for (_,), numbers in pieces.partition_by("piece", as_dict=True, maintain_order=True).items():
        yield samples.filter(pl.col("series").is_in(numbers["series"].implode()))


def _month(at_ms: pl.Expr) -> pl.Expr:
    return pl.from_epoch(at_ms, "ms").dt.date().dt.truncate("1mo").alias("month")


def _record_batch(rows: pl.DataFrame) -> pa.RecordBatch:
    schema = pa.schema([(name, pa.string()) for name in rows.columns])
    (batch,) = rows.rechunk().to_arrow().cast(schema).combine_chunks().to_batches()
    return batch


@dataclass
class _Shelf:
    """Samples put aside on disk by metric and month, and what is known of all series and files."""

    folder: Path
    texts: dict[str, dict[str, str | None]] = field(default_factory=dict)  # by the series' labels; a series' number is its place
    observers: list[str] = field(default_factory=list)
    first_ms: dict[int, int] = field(default_factory=dict)  # of the answer's earliest sample, by the file's rank
    _numbers: dict[str, int] = field(default_factory=dict)

    def put(self, rank: int, answer: Answer) -> None:
        if answer.first_ms is not None:
            self.first_ms[rank] = answer.first_ms
        by_metric: dict[str, list[pl.DataFrame]] = {}
        for series in answer.series:
            labels, observer = series_of(series.labels)
            name = canonical(labels)
            number = self._numbers.setdefault(name, len(self._numbers))
            self.texts.setdefault(name, texts_of(labels))
            if observer not in self.observers:
                self.observers.append(observer)
            numbered = series.samples.with_columns(
                series=pl.lit(number, pl.UInt32), observer=pl.lit(self.observers.index(observer), pl.UInt32), file=pl.lit(rank, pl.UInt32)
            )
            by_metric.setdefault(labels["__name__"], []).append(numbered)
        for metric, frames in by_metric.items():
            # a count up to a month's first instant is the month's before it
            samples = pl.concat(frames).with_columns(_month(pl.col("at_ms") - 1))
            for (month,), part in samples.partition_by("month", as_dict=True, include_key=False).items():
                place = self._folder(metric) / f"{month:%Y-%m}"
                place.mkdir(parents=True, exist_ok=True)
                part.write_parquet(place / f"{rank}.parquet", compression="lz4")

    def months(self, metric: str) -> list[date]:
        folder = self._folder(metric)
        return sorted(date.fromisoformat(f"{month.name}-01") for month in folder.iterdir()) if folder.exists() else []

    def samples(self, metric: str, month: date) -> pl.DataFrame:
        """Columns at_ms, value, series, observer, file; observers numbered in the order in which they are believed."""
        order = sorted(range(len(self.observers)), key=lambda number: (natural(self.observers[number]), self.observers[number]))
        believed = {number: place for place, number in enumerate(order)}
        files = sorted((self._folder(metric) / f"{month:%Y-%m}").iterdir())
        samples = pl.concat([pl.read_parquet(file) for file in files])
        return samples.with_columns(pl.col("observer").replace_strict(believed, return_dtype=pl.UInt32))

    def _folder(self, metric: str) -> Path:
        return self.folder / metric.replace(":", "-")
