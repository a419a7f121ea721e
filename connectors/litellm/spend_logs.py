"""A row of LiteLLM's table LiteLLM_SpendLogs, projected to what costs need. The row may hold prompts, answers and addresses: they stay here.

Here: which columns are read at all, where a row's token counts stand, what of its metadata is kept. Not here: files and pages (pages.py),
what the counts mean (`dbt_like_sql/staging/litellm.sql`). The table: schema.prisma of BerriAI/litellm; what its rows are made of:
litellm/proxy/spend_tracking/spend_tracking_utils.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.litellm.names import priced_names
from connectors.request_rows import utc_moment, utc_text, without_addresses

# Of the table's columns only these are read.
READ = (
    *("request_id", "litellm_call_id", "call_type", "startTime", "status", "cache_hit", "spend", "model", "model_group", "custom_llm_provider"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "api_base", "api_key", "user", "team_id", "organization_id", "end_user"),
    *("request_tags", "metadata"),
)
COUNTS = ("prompt_tokens", "completion_tokens")
REQUIRED = ("startTime", "model", *COUNTS)
# Of the column `metadata` only these: the usage that the provider reported, and the project.
READ_OF_METADATA = ("usage_object", "additional_usage_values", "user_api_key_project_id", "litellm_call_id")

COLUMNS = (
    *("startTime", "provider", "model", "call_type", "status", "cache_hit", "spend", "prompt_tokens", "completion_tokens", "total_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens", "service_tier"),
    *("api_key", "user", "team_id", "project", "metadata"),
)
# Stands for a count that can't be told, since what holds it can't be read: no later check takes it for a number.
UNREADABLE = "(unreadable)"

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHE_READ = (("cache_read_input_tokens",), *((details, "cached_tokens") for details in _DETAILS))
_CACHE_WRITE = (
    ("cache_creation_input_tokens",),
    *((details, name) for details in _DETAILS for name in ("cache_creation_tokens", "cache_write_tokens")),
)
_CACHE_WRITE_1H = (
    *((details, "cache_creation_token_details", "ephemeral_1h_input_tokens") for details in _DETAILS),
    ("cache_creation", "ephemeral_1h_input_tokens"),
)
_REASONING = (("completion_tokens_details", "reasoning_tokens"), ("output_tokens_details", "reasoning_tokens"))


def text(value: Any) -> str | None:
    """A field as text; null where it is empty. Values come from JSON read with its numbers as text, from CSV, or from Parquet."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def with_metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its metadata parsed, once; broken metadata stays as they are."""
    metadata = _object(row.get("metadata"))
    return row if metadata is None else {**row, "metadata": metadata}


def request_key(row: Mapping[str, Any]) -> str | None:
    """What names a request in every row of it: the id of the call, else (older versions) the id of the row."""
    metadata = _object(row.get("metadata")) or {}
    return text(row.get("litellm_call_id")) or text(metadata.get("litellm_call_id")) or text(row.get("request_id"))


def has_usage(row: Mapping[str, Any]) -> bool:
    """Whether the provider told of tokens: of a failed attempt and a success under one id, the success counts."""
    return any(text(row.get(name)) not in (None, "0", "0.0") for name in COUNTS)


def projected(row: Mapping[str, Any], known: Mapping[str, str]) -> tuple[datetime | None, tuple[str | None, ...]]:
    """The time of a row of the table, and its values for COLUMNS. `known` names the models behind names that hide them."""
    moment = utc_moment(text(row.get("startTime")))
    metadata = _object(row.get("metadata"))
    usages = [found for found in (_object((metadata or {}).get(name)) for name in READ_OF_METADATA[:2]) if found]
    counts = [_count(usages, paths) if metadata is not None else UNREADABLE for paths in (_CACHE_READ, _CACHE_WRITE, _CACHE_WRITE_1H, _REASONING)]
    model = text(row.get("model"))
    provider = text(row.get("custom_llm_provider"))
    if model is not None:
        provider, model = priced_names(provider, model, known)
    tier = next((found for usage in usages if isinstance(found := usage.get("service_tier"), str)), None)
    user = text(row.get("user"))
    return moment, (
        utc_text(moment) if moment else None,
        provider,
        model,
        *(text(row.get(name)) for name in ("call_type", "status", "cache_hit", "spend", "prompt_tokens", "completion_tokens", "total_tokens")),
        *counts,
        tier,
        text(row.get("api_key")),
        without_addresses(user) if user else None,
        text(row.get("team_id")),
        text((metadata or {}).get("user_api_key_project_id")),
        _kept_metadata(row),
    )


def landed_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the API as it may be written to disk: the columns that are read, and of the column `metadata` what is read of it."""
    metadata = _object(row.get("metadata"))
    kept = {name: row[name] for name in READ if name in row and name != "metadata"}
    return kept | {"metadata": "" if metadata is None else {name: metadata[name] for name in READ_OF_METADATA if name in metadata}}


def _object(value: Any) -> dict[str, Any] | None:
    """A JSON object from itself or its text (some versions store the text of a text); empty where there is none, None where it is broken."""
    for _ in range(2):
        if not isinstance(value, str) or not value:
            break
        try:
            value = json.loads(value, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            return None
    if value is None or value == "":
        return {}
    return value if isinstance(value, dict) else None


def _count(usages: Sequence[Mapping[str, Any]], paths: Sequence[tuple[str, ...]]) -> str | None:
    """The first count above zero at any of the places where versions and providers put it, else zero where one says so, else null."""
    found = [value for usage in usages for path in paths if (value := _at(usage, path)) is not None]
    return next((value for value in found if value not in ("0", "0.0")), found[0] if found else None)


def _at(usage: Mapping[str, Any], path: tuple[str, ...]) -> str | None:
    value: Any = usage
    for name in path:
        value = (_object(value) or {}).get(name)
    return text(value)


def _kept_metadata(row: Mapping[str, Any]) -> str | None:
    """What conditions `metadata.KEY` can ask of: the server behind the gateway, the public name of the model, tags, customers."""
    kept = {name: text(row.get(name)) for name in ("model_group", "organization_id")}
    api_base, end_user = text(row.get("api_base")), text(row.get("end_user"))
    kept["api_base"] = _without_secrets(api_base) if api_base else None
    kept["end_user"] = without_addresses(end_user) if end_user else None
    tags = _tags(row.get("request_tags"))
    kept["request_tags"] = json.dumps(tags, ensure_ascii=False) if tags else None
    found = {name: value for name, value in sorted(kept.items()) if value is not None}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None


def _tags(value: Any) -> list[str]:
    """The request's tags, sorted; none where they are no list of texts."""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    return sorted({without_addresses(tag) for tag in listed if isinstance(tag, str)}) if isinstance(listed, list) else []


def _without_secrets(address: str) -> str:
    """A server's address without user, password and query: some providers' addresses carry the key (`?key=`)."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return UNREADABLE
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if parts.hostname else parts.path
