"""A loopback server that answers as OpenAI's and Anthropic's usage and cost APIs do, from a few facts.

It pages by buckets with opaque cursors, honours `limit` and `group_by`, checks the key, and misbehaves when told to (`faults`). OpenAI's answers
are checked against the published specification, where that is at hand. Not here: any expectation of what a connector makes of the answers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared/data/specs/openai_usage_costs.openapi.json"
KEY = "sk-admin-test-7f3a"
WIDTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
LIMITS = {"1h": (24, 168), "1d": (7, 31)}

OPENAI_DIMENSIONS = {
    "completions": ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier"),
    **dict.fromkeys(("embeddings", "moderations", "audio_speeches", "audio_transcriptions"), ("project_id", "user_id", "api_key_id", "model")),
    "images": ("project_id", "user_id", "api_key_id", "model", "size", "source"),
    "costs": ("project_id", "line_item", "api_key_id"),
}
OPENAI_MEASURES = {
    "completions": ("input_tokens", "input_cached_tokens", "input_cache_write_tokens", "input_uncached_tokens", "output_tokens"),
    "embeddings": ("input_tokens",),
    "moderations": ("input_tokens",),
    "images": ("images",),
    "audio_speeches": ("characters",),
    "audio_transcriptions": ("seconds",),
}
ANTHROPIC_DIMENSIONS = {
    "usage_report/messages": ("api_key_id", "workspace_id", "model", "service_tier", "context_window"),
    "cost_report": ("workspace_id", "description"),
}
# What an answer that is grouped by description tells besides.
DESCRIBED = ("cost_type", "token_type", "model", "service_tier", "context_window", "inference_geo")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Provider:
    """What the server knows and how it misbehaves.

    `facts` by endpoint: dicts with `at` (an instant, UTC) and the endpoint's fields. `faults` are used up one a request: a status with
    headers and a body, "cut" (half a body), "not json", or None (none).
    """

    facts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    served: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""

    def saved(self, folder: Path) -> None:
        """What was served, as a person would save it: a page a file, in subfolders by endpoint."""
        for number, (path, body) in enumerate(self.served, 1):
            target = folder / path.strip("/").replace("/", "-") / f"page-{number}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """The provider at `provider.url` until the block ends."""
    errors: list[BaseException] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            try:
                self._answer()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            except BaseException as error:
                errors.append(error)
                raise

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            provider.requests.append(self.path)
            fault = provider.faults.pop(0) if provider.faults else None
            if isinstance(fault, tuple):
                status, headers, body = fault
                return self._send(status, body, headers)
            if fault == "not json":
                return self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
            is_openai = parts.path.startswith("/v1/organization/")
            key = self.headers.get("Authorization", "").removeprefix("Bearer ") if is_openai else self.headers.get("x-api-key")
            if key != KEY:
                return self._send(401, b'{"error":{"message":"Incorrect API key provided: ' + KEY.encode() + b'"}}')
            if not is_openai and self.headers.get("anthropic-version") != "2023-06-01":
                return self._send(400, b'{"type":"error","error":{"message":"anthropic-version: header is required"}}')
            page = openai_page(provider, parts.path, query) if is_openai else anthropic_page(provider, parts.path, query)
            if isinstance(page, str):
                return self._send(400, json.dumps({"error": {"message": page}}).encode())
            body = json.dumps(page).encode()
            if fault == "cut":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return None
            provider.served.append((parts.path, body))
            return self._send(200, body)

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {"Content-Type": "application/json"}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not errors, errors


def openai_page(provider: Provider, path: str, query: dict[str, list[str]]) -> dict[str, Any] | str:
    endpoint = path.rsplit("/", 1)[-1]
    width, limit_max = query.get("bucket_width", ["1d"])[0], 180
    group_by = query.get("group_by", [])
    wrong = sorted(set(group_by) - set(OPENAI_DIMENSIONS[endpoint]))
    if wrong or (endpoint == "costs" and width != "1d"):
        return f"Invalid group_by or bucket_width: {wrong} {width}"
    limit = 7
    if endpoint != "costs":
        limit, limit_max = LIMITS[width]
    limit = int(query.get("limit", [str(limit)])[0])
    if not 1 <= limit <= limit_max:
        return f"limit must be between 1 and {limit_max}"
    start, end = (datetime.fromtimestamp(int(query[name][0]), UTC) for name in ("start_time", "end_time"))

    def result(group: dict[str, Any], facts: list[dict[str, Any]]) -> dict[str, Any]:
        dimensions = {name: group.get(name) for name in OPENAI_DIMENSIONS[endpoint]}
        if endpoint == "costs":
            quantities = {fact.get("quantity") for fact in facts} | {None} if "line_item" in group_by else {None}
            amount = {"value": sum(fact["amount"] for fact in facts), "currency": "usd"}
            quantity = sum(fact["quantity"] for fact in facts) if len(quantities) > 1 else None
            return {
                "object": "organization.costs.result",
                "amount": amount,
                **dimensions,
                "quantity": quantity,
                "quantity_unit": facts[0].get("unit"),
            }
        counts = {name: sum(fact.get(name, 0) for fact in facts) for name in (*OPENAI_MEASURES[endpoint], "num_model_requests")}
        return {"object": f"organization.usage.{endpoint}.result", **counts, **dimensions}

    def bucket(first: datetime, last: datetime, results: list[dict[str, Any]]) -> dict[str, Any]:
        return {"object": "bucket", "start_time": int(first.timestamp()), "end_time": int(last.timestamp()), "results": results}

    page = _page(provider.facts.get(f"openai/{endpoint}", []), start, end, width, limit, group_by, query.get("page"), result, bucket)
    return _checked({"object": "page", **page})


def anthropic_page(provider: Provider, path: str, query: dict[str, list[str]]) -> dict[str, Any] | str:
    endpoint = path.removeprefix("/v1/organizations/")
    width = query.get("bucket_width", ["1d"])[0]
    group_by = query.get("group_by[]", [])
    wrong = sorted(set(group_by) - set(ANTHROPIC_DIMENSIONS[endpoint]))
    default, limit_max = LIMITS[width]
    limit = int(query.get("limit", [str(default)])[0])
    if wrong or "group_by" in query or not 1 <= limit <= limit_max or (endpoint == "cost_report" and width != "1d"):
        return f"Invalid group_by[], limit or bucket_width: {wrong} {limit} {width}"
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("starting_at", "ending_at"))
    told = [*group_by, *(DESCRIBED if "description" in group_by else ())]

    def result(group: dict[str, Any], facts: list[dict[str, Any]]) -> dict[str, Any]:
        if endpoint == "cost_report":
            cents = sum(round(float(fact["amount"]) * 10**6) for fact in facts)
            amount = f"{cents // 10**6}.{cents % 10**6:06}"
            return {"amount": amount, "currency": "USD", **{name: group.get(name) for name in ("workspace_id", "description", *DESCRIBED)}}
        counts = {name: sum(fact.get(name, 0) for fact in facts) for name in ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")}
        writes = ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")
        creation = {name: sum(fact.get(name, 0) for fact in facts) for name in writes}
        dimensions = {name: group.get(name) for name in ANTHROPIC_DIMENSIONS[endpoint]}
        return {**counts, "cache_creation": creation, "server_tool_use": {"web_search_requests": 0}, **dimensions}

    def bucket(first: datetime, last: datetime, results: list[dict[str, Any]]) -> dict[str, Any]:
        return {"starting_at": f"{first:%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{last:%Y-%m-%dT%H:%M:%SZ}", "results": results}

    return _page(provider.facts.get(f"anthropic/{endpoint}", []), start, end, width, limit, told, query.get("page"), result, bucket)


def _page(
    facts: list[dict[str, Any]],
    start: datetime,
    end: datetime,
    width: str,
    limit: int,
    group_by: list[str],
    cursor: list[str] | None,
    result: Callable[[dict[str, Any], list[dict[str, Any]]], dict[str, Any]],
    bucket: Callable[[datetime, datetime, list[dict[str, Any]]], dict[str, Any]],
) -> dict[str, Any]:
    """`limit` buckets from the cursor's, every one of them there, also the empty ones."""
    first = datetime.fromisoformat(base64.urlsafe_b64decode(cursor[0].removeprefix("page_")).decode()) if cursor else start
    buckets: list[dict[str, Any]] = []
    while first < end and len(buckets) < limit:
        last = first + WIDTHS[width]
        groups: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
        for fact in facts:
            if first <= fact["at"] < last:
                group = {name: fact.get(name) for name in group_by}
                groups.setdefault(json.dumps(group), (group, []))[1].append(fact)
        buckets.append(bucket(first, last, [result(*each) for each in groups.values()]))
        first = last
    following = "page_" + base64.urlsafe_b64encode(first.isoformat().encode()).decode() if first < end else None
    return {"data": buckets, "has_more": following is not None, "next_page": following}


def _checked(page: dict[str, Any]) -> dict[str, Any]:
    """The page, which the published specification allows."""
    if SPECIFICATION.exists():
        components = json.loads(SPECIFICATION.read_text(encoding="utf-8"))["components"]
        jsonschema.validate(page, {"$ref": "#/components/schemas/UsageResponse", "components": components})
    return page
