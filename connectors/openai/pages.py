"""OpenAI's saved usage and cost pages as rows of the shapes `openai_usage` and `openai_costs`.

Source of the format: OpenAI's published OpenAPI specification, `/organization/usage/*` and `/organization/costs`; older pages lack many fields
and name a bucket's array `result`. Not here: fetching pages (pull.py), which file holds (connectors/buckets.py), token buckets (staging SQL).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.assembly import LocalFile, Part
from connectors.buckets import Bucket, Holding, Page, holding_buckets
from connectors.listings import FileSource
from connectors.saved_pages import AGAIN, check_within_month, is_whole_day, parts, span_words, stamp, text
from models.contracts.raw.openai import OPENAI_COSTS, OPENAI_USAGE
from models.contracts.raw.shape import RawShape
from models.errors import BrokenFile

COSTS = "organization.costs.result"
# What each usage endpoint counts: fields that its results always have, and token counts that it has no notion of, which are 0.
_TOKENS = ("input_tokens", "output_tokens")
_NO_SUCH_TOKENS = {
    "organization.usage.completions.result": (),
    "organization.usage.embeddings.result": ("output_tokens",),
    "organization.usage.moderations.result": ("output_tokens",),
    "organization.usage.images.result": _TOKENS,
    "organization.usage.audio_speeches.result": _TOKENS,
    "organization.usage.audio_transcriptions.result": _TOKENS,
}
# Counted in bytes, sessions and tool calls, which no request and no token explains: their money is in the costs. The requests of a web search
# stand in the completions already.
_NOT_USAGE_OF_A_MODEL = frozenset(
    f"organization.usage.{name}.result" for name in ("vector_stores", "code_interpreter_sessions", "file_searches", "web_searches")
)
_EPOCH_END = Decimal(253402300800)  # the year 10000

_TIERS = ("batch", "flex", "priority")
_TIER = "|".join(_TIERS)
_LINE_ITEM = re.compile(rf"(?:(?P<tier>{_TIER}) \| )?(?P<model>[^\s,|]+)(?P<modality>(?: (?:text|audio|image|video|{_TIER}))*)(?:, (?P<what>[^|]+))?")


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """Usage rows (one per bucket, group and endpoint) and cost rows (one per day and group), in the natural order of the files' names.

    A bucket holds as the file whose name sorts last gives it, whole; `holding_buckets` says what that means where buckets overlap. Vector
    stores, code interpreter sessions, file and web searches have no usage rows. Images and audio have requests and 0 tokens: their units are
    in the costs. Raises BrokenFile where a file is no such page.
    """
    return parts(row for holding in holding_buckets(files, read_page, where) for row in _rows(holding))


def read_page(page: dict[str, Any], where: str) -> Page:
    """A page of `{"data": [{"start_time", "end_time", "results": [{"object", ...}]}]}`."""
    if not isinstance(page.get("data"), list):
        found = "an answer that names an error" if "error" in page else "a JSON object without a list `data`"
        raise BrokenFile(
            "The file is not a page of OpenAI's usage or costs.", where=where, found=found, expected="`data`: a list of buckets", todo=AGAIN
        )
    buckets = tuple(_bucket(bucket, where) for bucket in page["data"])
    kinds = sorted({str(row.get("object")) for bucket in buckets for row in bucket.rows})
    known = {COSTS, *_NO_SUCH_TOKENS, *_NOT_USAGE_OF_A_MODEL}
    if len(kinds) > 1 or not known.issuperset(kinds):
        raise BrokenFile(
            "A page does not hold results of one known endpoint.",
            where=where,
            found=", ".join(kinds)[:200],
            expected=f"`object` of every result is one of {', '.join(sorted(known))}",
            todo="Remove the file, or save the answer of one of these endpoints.",
        )
    return Page(kinds[0] if kinds else None, buckets)


def _bucket(bucket: Any, where: str) -> Bucket:
    rows = bucket.get("results", bucket.get("result")) if isinstance(bucket, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenFile("A bucket has no results.", where=where, expected="`results`: a list of objects, in every bucket", todo=AGAIN)
    start, end = (_time(bucket.get(name), name, where) for name in ("start_time", "end_time"))
    if start >= end:
        raise BrokenFile("A bucket does not start before it ends.", where=where, found=span_words(start, end), todo=AGAIN)
    return Bucket(start, end, tuple(rows))


def _time(value: Any, name: str, where: str) -> datetime:
    """An instant given in Unix seconds."""
    try:
        seconds = Decimal(value)
        if seconds == int(seconds) and 0 <= seconds < _EPOCH_END:
            return datetime.fromtimestamp(int(seconds), UTC)
    except (InvalidOperation, TypeError, ValueError, OverflowError):
        pass
    found = "nothing" if value is None else str(value)[:40]
    raise BrokenFile(f"A bucket's {name} is no time.", where=where, found=found, expected="Unix seconds", todo=AGAIN)


def _rows(holding: Holding) -> Iterator[tuple[RawShape, date, dict[str, Any], str]]:
    bucket = holding.bucket
    if holding.family in _NOT_USAGE_OF_A_MODEL or not bucket.rows:
        return
    month = bucket.start.date().replace(day=1)
    times = {"start_time": stamp(bucket.start), "end_time": stamp(bucket.end)}
    if holding.family == COSTS:
        check_within_month(bucket.start, bucket.end, holding.where)
        marked = {scope["model"] for row in bucket.rows if "service_tier" in (scope := scope_of_line_item(text(row.get("line_item"))))}
        for row in bucket.rows:
            yield OPENAI_COSTS, month, {**row, **_amount(row, holding.where), "usage_scope": _scope(row, marked), **times}, holding.where
        return
    times["is_whole_day"] = is_whole_day(bucket.start, bucket.end, holding.where)
    times["endpoint"] = holding.family.split(".")[2]
    zeros = dict.fromkeys(_NO_SUCH_TOKENS[holding.family], "0")
    for row in bucket.rows:
        yield OPENAI_USAGE, month, {**row, **zeros, **times}, holding.where


def _amount(row: dict[str, Any], where: str) -> dict[str, Any]:
    """The amount's value, a JSON number or text of it, and its currency in capitals. What is missing is null, and refused as a row later."""
    amount = row.get("amount")
    if amount is not None and not isinstance(amount, dict):
        raise BrokenFile("An amount is no object.", where=where, expected='{"value": 0.06, "currency": "usd"}', todo=AGAIN)
    currency = text((amount or {}).get("currency"))
    return {"amount": (amount or {}).get("value"), "currency": currency.upper() if currency else None}


def _scope(row: dict[str, Any], marked: set[str]) -> str:
    """The usage that a cost row charges for. A line without a tier is standard where another line of its model and day names one."""
    scope = {"project": text(row.get("project_id")), "api_key": text(row.get("api_key_id")), **scope_of_line_item(text(row.get("line_item")))}
    if "token_kind" in scope and scope.get("model") in marked:
        scope.setdefault("service_tier", "standard")
    return json.dumps({key: value for key, value in scope.items() if value}, ensure_ascii=False, sort_keys=True)


def scope_of_line_item(line_item: str | None) -> dict[str, str]:
    """Model, service tier and kind of token that a line item names, as far as it does.

    OpenAI publishes no grammar; met are `gpt-4o-2024-08-06, cached input`, `gpt-5.6-sol, cache writes`, `priority | gpt-5.6-sol, output, long
    context`, `flex | gpt-5-mini, input`, `gpt-audio-mini-2025-12-15 audio, input`, `whisper-1, audio`, `text-embedding-3-small`, `Vector
    storage` and `web search tool calls | gpt-4o`, of which the last two are charges for no tokens.
    """
    found = _LINE_ITEM.fullmatch(line_item or "")
    if not found or not (found["what"] or "-" in found["model"]):
        return {}
    words = re.findall(r"[a-z]+", f"{found['modality']} {found['what'] or ''}".lower())
    tier = found["tier"] or next((tier for tier in _TIERS if tier in words), None)
    scope = {"model": found["model"], "service_tier": tier, "token_kind": _token_kind(words)}
    return {key: value for key, value in scope.items() if value}


def _token_kind(words: Sequence[str]) -> str | None:
    if "cache" in words and ("writes" in words or "write" in words):
        return "cache_write"
    if "output" in words:
        return "output"
    if "input" in words:
        return "cache_read" if "cached" in words else "input"
    return None
