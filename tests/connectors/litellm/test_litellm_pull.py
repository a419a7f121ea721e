"""Pulling a LiteLLM proxy's spend logs: every row of the window, however many the proxy counts, and no prompt on disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from connectors.assembly import LocalFile
from connectors.litellm.pages import assemble
from connectors.litellm.pull import client, pull_month
from models.errors import SourceUnreachable

KEY = "sk-master"


@dataclass(frozen=True)
class Source:
    kind: str = "litellm"
    id: str = "gateway"
    path: str = "spend"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


@contextmanager
def proxy(rows: list[dict[str, Any]], counted_max: int = 10_000) -> Iterator[str]:
    """A proxy's `/spend/logs/v2`: bounds included, at most 100 rows a page, a total that stops counting."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if self.headers["Authorization"] != f"Bearer {KEY}":
                return self._answer(401, {"error": {"message": "no"}})
            if url.path != "/spend/logs/v2" or int(asked["page_size"]) > 100:
                return self._answer(422, {"detail": "page_size"})
            first, last = (datetime.strptime(asked[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for name in ("start_date", "end_date"))
            found = sorted((row for row in rows if first <= datetime.fromisoformat(row["startTime"]) <= last), key=lambda row: row["startTime"])
            page, size = int(asked["page"]), int(asked["page_size"])
            total = min(len(found), counted_max)
            said = {"total": total, "page": page, "page_size": size, "total_pages": -(-total // size), "total_is_capped": len(found) > counted_max}
            return self._answer(200, {"data": found[(page - 1) * size : page * size], **said})

        def _answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spend_log(number: int, started: str = "2026-05-01T10:00:00Z") -> dict[str, Any]:
    return {
        "request_id": f"r-{number}",
        "call_type": "acompletion",
        "spend": 1.5e-05,
        "total_tokens": 30,
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "startTime": started,
        "model": "openai/gpt-4o",
        "custom_llm_provider": "openai",
        "request_tags": ["chat"],
        "messages": [{"role": "user", "content": "My prompt"}],
        "metadata": {"usage_object": {"cache_read_input_tokens": 5}, "user_api_key_alias": "Jane's key", "proxy_server_request": "My prompt"},
    }


def pull(url: str | None, folder: Path, key: str = KEY) -> dict[str, list[dict[str, str]]]:
    folder.mkdir(exist_ok=True)
    with client(SecretStr(key), url, "source gateway", sleep=lambda _: None) as api:
        return pull_month(api, date(2026, 5, 1), date(2026, 5, 4), folder)


def rows(files: list[LocalFile]) -> list[dict[str, Any]]:
    return [row for part in assemble(Source(), files, "source gateway") for row in part.rows.to_pylist()]


def pulled(folder: Path) -> list[LocalFile]:
    return [LocalFile(file.name, file) for file in sorted(folder.iterdir())]


def test_what_is_pulled_gives_the_rows_of_what_is_saved(tmp_path: Path) -> None:
    told = [spend_log(number, f"2026-05-0{1 + number % 3}T10:00:{number:02}Z") for number in range(12)]
    (tmp_path / "saved.json").write_text(json.dumps({"data": told}), encoding="utf-8")
    with proxy(told) as url:
        saved = pull(url, tmp_path / "month")
    assert [page["file"] for page in saved["spend_logs"]] == [f"spend_logs-2026-05-0{day}.ndjson" for day in (1, 2, 3)]
    found, expected = (
        sorted(rows(files), key=lambda row: row["startTime"])
        for files in (pulled(tmp_path / "month"), [LocalFile("saved.json", tmp_path / "saved.json")])
    )
    assert (found, len(found)) == (expected, 12)


def test_a_total_that_stops_counting_ends_no_pull(tmp_path: Path) -> None:
    with proxy([spend_log(number) for number in range(250)], counted_max=100) as url:
        pull(url, tmp_path / "month")
    assert len(rows(pulled(tmp_path / "month"))) == 250


def test_the_window_is_half_open(tmp_path: Path) -> None:
    edges = ["2026-04-30T23:59:59.999Z", "2026-05-01T00:00:00Z", "2026-05-01T23:59:59.999Z", "2026-05-02T00:00:00Z", "2026-05-04T00:00:00Z"]
    with proxy([spend_log(number, started) for number, started in enumerate(edges)]) as url:
        pull(url, tmp_path / "month")
    assert sorted(row["startTime"][:10] for row in rows(pulled(tmp_path / "month"))) == ["2026-05-01", "2026-05-01", "2026-05-02"]


def test_no_prompt_and_no_name_is_written(tmp_path: Path) -> None:
    with proxy([spend_log(1)]) as url:
        pull(url, tmp_path / "month")
    written = b"".join(file.read_bytes() for file in (tmp_path / "month").iterdir())
    assert not [planted for planted in (b"My prompt", b"Jane", KEY.encode()) if planted in written]


def test_a_key_that_is_not_known_is_told_without_it(tmp_path: Path) -> None:
    with proxy([]) as url, pytest.raises(SourceUnreachable, match="master key") as error:
        pull(url, tmp_path / "month", key="sk-other")
    assert "sk-other" not in str(error.value)


def test_a_proxy_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="base_url"):
        pull(None, tmp_path / "month")
