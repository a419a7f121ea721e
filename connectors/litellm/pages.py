"""LiteLLM's spend logs from files: dumps of the table LiteLLM_SpendLogs (CSV, JSON, NDJSON, Parquet) and saved answers of the proxy's API.

Here: which rows files hold. Not here: what is kept of a row (spend_logs.py), pulling the API (pulling.py).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from connectors.assembly import LocalFile, Part
from connectors.buckets import PROVENANCE_NAME, natural
from connectors.files.folder import ending_of
from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import not_what_it_says
from connectors.listings import FileSource
from connectors.litellm.spend_logs import COLUMNS, COUNTS, READ, REQUIRED, has_usage, projected, request_key, with_metadata
from connectors.request_rows import Months, RequestRow, each_once, file_lines, monthly_parts
from models.errors import BrokenFile

SHAPE = "litellm"
# A JSON file up to this size is an answer of the API, read at once; a larger one is a dump, read row by row.
SMALL_BYTES_MAX = 16 << 20

_TODO = "Export the table again, or save the answer again, whole."


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """The requests of spend logs, one row each, by the month of their start in UTC (see `connectors.assembly.Assembler`).

    A call that several rows tell of counts once: the row with usage, of several such the one in the file whose name sorts last.
    The source's `model_map` says which model a deployment's name or an ARN stands for.
    """
    known: Mapping[str, str] = source.model_map
    logs = [file for file in files if file.name.rsplit("/", 1)[-1] != PROVENANCE_NAME]
    logs.sort(key=lambda file: natural(file.name), reverse=True)
    yield from monthly_parts(SHAPE, COLUMNS, each_once(row for file in logs for row in _requests(file, source, known, where)))


def _requests(file: LocalFile, source: FileSource, known: Mapping[str, str], where: str) -> Iterator[RequestRow]:
    of_file = f"{where}, file {file.name}"
    months = Months()
    for told in _rows(file, source, of_file):
        row = with_metadata(told)
        moment, values = projected(row, known)
        yield from months.place(request_key(row), moment, has_usage(row), values)
    months.close(of_file)


def _rows(file: LocalFile, source: FileSource, where: str) -> Iterator[Mapping[str, Any]]:
    """The file's rows, of which only the columns that are read are ever looked at."""
    ending = ending_of(file.name, source.kind) or ""
    if ending == ".parquet":
        yield from _parquet_rows(file, where)
    elif ending.startswith((".ndjson", ".jsonl")):
        for number, line in enumerate(file_lines(file, where, _TODO), start=1):
            if not line.isspace():
                yield _checked(_json(line), f"{where}, line {number:,}")
    elif ending.startswith(".json") and (found := _small_json(file, where)) is not None:
        for row in found:
            yield _checked(row, where)
    else:
        table = read_text_table(lambda: file.path.open("rb"), ending, where)
        _check_columns(table.columns, where)
        for batch in table.batches:
            yield from batch.select([name for name in READ if name in table.columns]).to_pylist()


def _small_json(file: LocalFile, where: str) -> list[Any] | None:
    """The rows of an answer of the API: a list, or a page `{"data": [...], "total": ..., "page": ...}` of `/spend/logs/v2`; an object of
    another kind as a row. None where the file is large, or not one value."""
    try:
        with gzip.open(file.path) if file.name.lower().endswith(".gz") else file.path.open("rb") as opened:
            data = opened.read(SMALL_BYTES_MAX + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None  # reading it row by row tells what is wrong
    found = _json(data) if len(data) <= SMALL_BYTES_MAX else None
    if isinstance(found, dict):
        found = found["data"] if "data" in found and "startTime" not in found else [found]
        if not isinstance(found, list):
            raise BrokenFile("A page holds no list of rows.", where=where, expected='{"data": [...]} of /spend/logs/v2', todo=_TODO)
    return found if isinstance(found, list) else None


def _json(text: bytes) -> Any:
    """JSON with its numbers as text; None where it is none."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _checked(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise BrokenFile("A row is no whole JSON object.", where=where, expected="one object a row of LiteLLM_SpendLogs", todo=_TODO)
    # What is null may be left out of an object: a row without counts is refused by itself, later.
    _check_columns((*row, *COUNTS), where)
    return row


def _parquet_rows(file: LocalFile, where: str) -> Iterator[Mapping[str, Any]]:
    try:
        table = pa.parquet.ParquetFile(file.path)
        names = table.schema_arrow.names
        _check_columns(tuple(names), where)
        for batch in table.iter_batches(columns=[name for name in READ if name in names]):
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise not_what_it_says(".parquet", where, found="no readable Parquet", expected="a whole Parquet file") from None


def _check_columns(names: Sequence[str], where: str) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if not {"request_id", "litellm_call_id"} & set(names):
        missing.append("request_id")
    if missing:
        raise BrokenFile(
            "These are no rows of LiteLLM_SpendLogs.",
            where=where,
            found="no " + ", no ".join(missing),
            expected="the table's own columns, one row a request (the API with summarize=false)",
            todo="Export the table itself, or save /spend/logs/v2; sums by day or by tag can't be used.",
        )
