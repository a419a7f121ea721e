"""OpenRouter's activity from files, as usage and as cost: saved answers of `/api/v1/activity` (whole UTC days), and the activity page's CSV.

The CSV is of one row a generation (`generation_id`, `created_at`, `cost_total`, `tokens_prompt`, ...), or of the API's own columns. Here: which
rows hold, and their projection. Not here: pulling (pull.py). The API: "Get user activity grouped by endpoint" in OpenRouter's reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.assembly import LocalFile, Part
from connectors.buckets import PROVENANCE_NAME, natural
from connectors.files.folder import ending_of
from connectors.formats.decoding import read_text_table
from connectors.listings import FileSource
from connectors.request_rows import RequestRow, each_once, monthly_parts, utc_moment, utc_text, without_addresses
from connectors.saved_pages import AGAIN, read_json, text
from models.errors import BrokenFile

USAGE_SHAPE, COSTS_SHAPE = "openrouter_usage", "openrouter_costs"
USAGE_COLUMNS = (
    *("usage_at", "grain", "model", "requests", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "usage"),
    *("workspace_id", "api_key", "user", "metadata"),
)
COSTS_COLUMNS = ("start", "end", "usage", "model", "provider_name", "workspace_id", "usage_scope")

_DAY_REQUIRED = ("date", "usage", "requests", "prompt_tokens", "completion_tokens")
_GENERATION = (
    *("generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion", "tokens_reasoning", "tokens_cached"),
    *("model_permaslug", "variant", "provider_name", "api_key_name", "app_name", "user"),
)
_GENERATION_REQUIRED = ("generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion", "model_permaslug")

# One row of either kind under the API's names, with `key` (what names it) and `at` (its time in UTC).
Row = dict[str, Any]


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """Usage and cost of whole days and of generations, by the month of their UTC day (see `connectors.assembly.Assembler`).

    A day that several files tell of by endpoint holds as the file whose name sorts last gives it, whole: answers restate days. A
    generation counts once. On a day that is told by endpoint its generations are left out, being the same money.
    """
    pages = sorted((file for file in files if file.name.rsplit("/", 1)[-1] != PROVENANCE_NAME), key=lambda file: (natural(file.name), file.name))
    days = _days([(file.name, rows) for file in pages if (rows := _day_rows(file, source, where)) is not None], where)
    for shape, columns, projected in ((USAGE_SHAPE, USAGE_COLUMNS, _usage), (COSTS_SHAPE, COSTS_COLUMNS, _cost)):
        of_days = (row for day in sorted(days) for row in days[day])
        yield from monthly_parts(shape, columns, (_request_row(row, projected(row)) for row in of_days))
        generations = (row for file in reversed(pages) for row in _generation_rows(file, source, where) if row["at"].date() not in days)
        yield from monthly_parts(shape, columns, each_once(_request_row(row, projected(row)) for row in generations))


def _request_row(row: Row, values: tuple[str | None, ...]) -> RequestRow:
    return RequestRow(row["key"], row["at"].date().replace(day=1), True, values)


def _days(files: Sequence[tuple[str, list[Row]]], where: str) -> dict[date, list[Row]]:
    """The rows that hold, by day: each day as the last file that tells of it does, each endpoint once."""
    days: dict[date, list[Row]] = {}
    for name, rows in files:
        told: dict[date, dict[Any, Row]] = {}
        for number, row in enumerate(rows):
            endpoint = (row.get("endpoint_id"), row.get("workspace_id"), row.get("model"), row.get("model_permaslug"))
            of_day = told.setdefault(row["at"].date(), {})
            if of_day.setdefault(endpoint if endpoint[0] else number, row) != row:
                raise BrokenFile(
                    "A file says two things of one day and endpoint.",
                    where=f"{where}, file {name}",
                    found=f"{row['at'].date()} twice with other numbers",
                    expected="each endpoint of a day once",
                    todo="Save each answer into a file of its own.",
                )
        days |= {day: list(of_day.values()) for day, of_day in told.items()}
    return days


def _day_rows(file: LocalFile, source: FileSource, where: str) -> list[Row] | None:
    """The rows of a file that tells of whole days; None where it is a CSV of generations."""
    of_file = f"{where}, file {file.name}"
    if not _is_csv(file, source):
        page = read_json(file.path, of_file).get("data")
        if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
            raise BrokenFile(
                "The file is no page of OpenRouter's activity.", where=of_file, expected='{"data": [...]} of /api/v1/activity', todo=AGAIN
            )
        rows: list[Row] = [{name: text(value) for name, value in row.items()} for row in page]
    else:
        table = read_text_table(lambda: file.path.open("rb"), ending_of(file.name, source.kind) or "", of_file)
        if "generation_id" in table.columns:
            return None
        rows = [row for batch in table.batches for row in batch.to_pylist()]
    for row in rows:
        _check_columns(tuple(row), _DAY_REQUIRED, of_file)
        day = _moment(row["date"], "date", of_file)
        row |= {"key": None, "at": datetime(day.year, day.month, day.day, tzinfo=UTC), "grain": "day"}
        row["model"] = row.get("model") or row.get("model_permaslug")
    return rows


def _generation_rows(file: LocalFile, source: FileSource, where: str) -> Iterator[Row]:
    """The rows of a CSV of generations under the API's names; none of another file."""
    if not _is_csv(file, source):
        return
    of_file = f"{where}, file {file.name}"
    table = read_text_table(lambda: file.path.open("rb"), ending_of(file.name, source.kind) or "", of_file)
    if "generation_id" not in table.columns:
        return
    _check_columns(table.columns, _GENERATION_REQUIRED, of_file)
    for batch in table.batches:
        for told in batch.select([name for name in _GENERATION if name in table.columns]).to_pylist():
            variant = told.get("variant")
            model = told["model_permaslug"]
            yield {
                "key": told["generation_id"],
                "at": _moment(told["created_at"], "created_at", of_file),
                "grain": "request",
                "model": f"{model}:{variant}" if model and variant not in (None, "standard") and ":" not in model else model,
                "requests": "1",
                "prompt_tokens": told["tokens_prompt"],
                "cached_tokens": told.get("tokens_cached"),
                "completion_tokens": told["tokens_completion"],
                "reasoning_tokens": told.get("tokens_reasoning"),
                "usage": told["cost_total"],
                **{name: told.get(name) for name in ("provider_name", "api_key_name", "app_name", "user")},
            }


def _is_csv(file: LocalFile, source: FileSource) -> bool:
    return (ending_of(file.name, source.kind) or "").startswith(".csv")


def _moment(value: str | None, name: str, where: str) -> datetime:
    moment = utc_moment(value)
    if moment is None:
        raise BrokenFile(f"A row's {name} can't be read.", where=where, expected="a UTC day such as 2026-05-01, or a time in ISO 8601", todo=AGAIN)
    return moment


def _check_columns(names: Sequence[str], required: Sequence[str], where: str) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        raise BrokenFile(
            "The file lacks columns of OpenRouter's activity.",
            where=where,
            found="no " + ", no ".join(missing),
            expected=", ".join(required),
            todo="Save the API's answer, or export the activity page with its own columns.",
        )


def _usage(row: Row) -> tuple[str | None, ...]:
    user = row.get("user")
    kept = {name: row.get(name) for name in ("app_name", "provider_name")}
    return (
        utc_text(row["at"]),
        *(row.get(name) for name in USAGE_COLUMNS[1:10]),
        _key_name(row),
        without_addresses(user) if user else None,
        _json({name: without_addresses(value) for name, value in kept.items() if value}),
    )


def _cost(row: Row) -> tuple[str | None, ...]:
    """A cost of the row's whole UTC day, with what names the usage that it is for."""
    start = datetime(row["at"].year, row["at"].month, row["at"].day, tzinfo=UTC)
    scope = {"model": row.get("model"), "workspace": row.get("workspace_id"), "api_key": _key_name(row)}
    return (
        utc_text(start),
        utc_text(start + timedelta(days=1)),
        *(row.get(name) for name in COSTS_COLUMNS[2:6]),
        _json({name: value for name, value in scope.items() if value}),
    )


def _key_name(row: Row) -> str | None:
    name = row.get("api_key_name")
    return without_addresses(name) if name else None


def _json(values: Mapping[str, str]) -> str | None:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else None
