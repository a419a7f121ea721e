"""Anthropic's saved usage and cost pages as rows of the shapes `anthropic_usage` and `anthropic_costs`.

Source of the formats: the Admin API's reference (`usage_report/messages`, `cost_report`) and that of the Usage and Cost Analytics API
(`analytics/usage`, `analytics/cost`; beta header analytics-usage-cost-2026-08-24). Names and addresses of people, which the latter can be
grouped by, are never read. Not here: fetching pages (pull.py), which file holds (connectors/buckets.py), the mapping to feeds (staging SQL).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.assembly import LocalFile, Part
from connectors.buckets import Bucket, Holding, Page, holding_buckets
from connectors.listings import FileSource
from connectors.saved_pages import AGAIN, check_within_month, is_whole_day, parts, span_words, stamp, text
from models.contracts.raw.anthropic import ANTHROPIC_COSTS, ANTHROPIC_USAGE
from models.contracts.raw.shape import RawShape
from models.errors import BrokenFile

USAGE, COST = "usage", "cost"
# The API's null: usage outside the workspaces that were made.
DEFAULT_WORKSPACE = "default"
_TOKEN_KINDS = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}
_EXPONENT_MAX = 100


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """Usage rows and cost rows, one per bucket and group, in the natural order of the files' names.

    Both pairs of endpoints tell of the same usage and the same money, so where both are there the one in the file whose name sorts last
    holds, bucket by bucket (`holding_buckets`). Cents become dollars by moving the point. A null workspace is the default one, and is named
    so where any row of its month names a workspace; else nothing tells it from an answer that was not grouped by workspace, and it stays
    unknown. Rows of usage that name no model and no tokens (code execution) are no usage of a model and left out; their money is in the cost.
    Raises BrokenFile where a file is no such page.
    """
    return parts(row for holding in holding_buckets(files, read_page, where, "workspace_id") for row in _rows(holding))


def read_page(page: dict[str, Any], where: str) -> Page:
    """A page of buckets with `results` (Admin API), or of rows with a `group` and its `usage` or `cost` (Analytics API)."""
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        found = "an answer that names an error" if page.get("type") == "error" else "a JSON object without a list of objects `data`"
        raise BrokenFile("The file is not a page of Anthropic's usage or cost.", where=where, found=found, expected="`data`: a list", todo=AGAIN)
    is_ranked = any("results" not in item for item in data)
    if is_ranked:
        rows: dict[tuple[datetime, datetime], list[dict[str, Any]]] = {}
        for item in data:
            rows.setdefault(_span(item, where), []).append(_flat(item, where))
        buckets = tuple(Bucket(start, end, tuple(each)) for (start, end), each in rows.items())
    else:
        buckets = tuple(Bucket(*_span(item, where), _results(item, where)) for item in data)
    families = {_family(row, where) for bucket in buckets for row in bucket.rows}
    if len(families) > 1:
        raise BrokenFile("A page holds usage and cost.", where=where, expected="the answer of one endpoint", todo=AGAIN)
    return Page(families.pop() if families else None, buckets, is_ranked, page.get("has_more") is True)


def _results(item: dict[str, Any], where: str) -> tuple[dict[str, Any], ...]:
    results = item["results"]
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise BrokenFile("A bucket has no results.", where=where, expected="`results`: a list of objects, in every bucket", todo=AGAIN)
    return tuple(results)


def _flat(item: dict[str, Any], where: str) -> dict[str, Any]:
    """A row of the Analytics API as one of the Admin API: the group's dimensions beside the numbers."""
    group, numbers = item.get("group"), item.get("usage", item.get("cost"))
    if not isinstance(numbers, dict) or not isinstance(group, dict | None):
        raise BrokenFile(
            "A row has neither results nor usage nor cost.", where=where, expected="`results`, or `group` and `usage` or `cost`", todo=AGAIN
        )
    return {**(group or {}), **numbers}


def _family(row: dict[str, Any], where: str) -> str:
    if "amount" in row:
        return COST
    if "uncached_input_tokens" in row or "output_tokens" in row:
        return USAGE
    raise BrokenFile("A result is neither usage of messages nor cost.", where=where, expected="`amount`, or token counts", todo=AGAIN)


def _span(item: dict[str, Any], where: str) -> tuple[datetime, datetime]:
    start, end = (_time(item.get(name), name, where) for name in ("starting_at", "ending_at"))
    if start >= end:
        raise BrokenFile("A bucket does not start before it ends.", where=where, found=span_words(start, end), todo=AGAIN)
    return start, end


def _time(value: Any, name: str, where: str) -> datetime:
    """An RFC 3339 instant."""
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        found = "nothing" if value is None else str(value)[:40]
        expected = "an RFC 3339 time, such as 2026-05-01T00:00:00Z"
        raise BrokenFile(f"A bucket's {name} is no time.", where=where, found=found, expected=expected, todo=AGAIN) from None


def _rows(holding: Holding) -> Iterator[tuple[RawShape, date, dict[str, Any], str]]:
    bucket = holding.bucket
    if not bucket.rows:
        return
    month = bucket.start.date().replace(day=1)
    times = {"starting_at": stamp(bucket.start), "ending_at": stamp(bucket.end)}
    if holding.family == USAGE:
        times["is_whole_day"] = is_whole_day(bucket.start, bucket.end, holding.where)
    else:
        check_within_month(bucket.start, bucket.end, holding.where)
    for row in bucket.rows:
        workspace = text(row.get("workspace_id")) or (DEFAULT_WORKSPACE if holding.is_any_scoped else None)
        if holding.family == COST:
            dollars = {name: dollars_of_cents(text(row.get(name))) for name in ("amount", "list_amount")}
            currency = text(row.get("currency"))
            said = {**dollars, "currency": currency.upper() if currency else None, "usage_scope": _scope(row, workspace)}
            yield ANTHROPIC_COSTS, month, {**row, **said, **times, "workspace_id": workspace}, holding.where
        elif tokens := _tokens(row, holding.where):
            yield ANTHROPIC_USAGE, month, {**row, **tokens, **times, "workspace_id": workspace}, holding.where


def _tokens(row: dict[str, Any], where: str) -> dict[str, Any] | None:
    """The token counts; None for a row of no model without any token."""
    creation = row.get("cache_creation") or {}
    if not isinstance(creation, dict):
        raise BrokenFile("A row's cache_creation is no object.", where=where, todo=AGAIN)
    kinds = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    tokens = {
        **{name: row.get(name) for name in ("uncached_input_tokens", "output_tokens")},
        "cache_read_input_tokens": row.get("cache_read_input_tokens") or "0",
        **{name: creation.get(name) or "0" for name in kinds},
    }
    return tokens if row.get("model") or any(count != "0" for count in tokens.values()) else None


def _scope(row: dict[str, Any], workspace: str | None) -> str:
    """The usage that a cost row charges for."""
    scope = {
        "workspace": workspace,
        **{key: text(row.get(name)) for key, name in (("api_key", "api_key_id"), ("model", "model"))},
        **{name: text(row.get(name)) for name in ("service_tier", "context_window")},
        "token_kind": _TOKEN_KINDS.get(text(row.get("token_type")) or ""),
    }
    return json.dumps({key: value for key, value in scope.items() if value}, ensure_ascii=False, sort_keys=True)


def dollars_of_cents(cents: str | None) -> str | None:
    """A hundredth of a decimal number, exactly: `123.78912` is `1.2378912`. What is no number stays as it is, to be refused as a row."""
    if cents is None:
        return None
    try:
        sign, digits, exponent = Decimal(cents).as_tuple()
    except InvalidOperation:
        return cents
    if not isinstance(exponent, int) or abs(exponent) > _EXPONENT_MAX:
        return cents
    return f"{Decimal((sign, digits, exponent - 2)):f}"
