"""Pulling OpenRouter's activity, of which it tells the last 30 days: what has fallen out of its reach stays in the books."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors import pulling
from connectors.assembly import LocalFile
from connectors.openrouter.pages import assemble
from models.errors import SourceUnreachable


@dataclass(frozen=True)
class Source:
    kind: str = "openrouter"
    id: str = "router"
    path: str | None = None
    api_key: SecretStr | None = field(default_factory=lambda: SecretStr("sk-or-management"))
    base_url: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


@dataclass
class Account:
    """What OpenRouter knows, and which day it is there."""

    today: date
    usage: dict[date, str]

    def activity(self) -> bytes:
        told = {day: amount for day, amount in self.usage.items() if self.today - timedelta(30) <= day < self.today}
        rows = [f'{{"date": "{day}", "model": "m", "endpoint_id": "e", "usage": {amount}, {COUNTS}}}' for day, amount in told.items()]
        return f'{{"data": [{", ".join(rows)}]}}'.encode()


COUNTS = '"requests": 1, "prompt_tokens": 2, "completion_tokens": 3'


@contextmanager
def openrouter(account: Account) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Bearer sk-or-management"
            found = self.path.startswith("/api/v1/activity")
            data = account.activity() if known and found else b"{}"
            self.send_response(200 if known and found else 403 if found else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pulling.PULLED_KINDS, "openrouter", "connectors.openrouter.pull")


def refresh(account: Account, url: str, mirror: Path, **given: Any) -> pulling.Refreshed:
    return pulling.refresh(Source(base_url=url, **given), mirror, account.today, date(2026, 4, 1), sleep=lambda _: None)


def amounts(mirror: Path) -> dict[str, str]:
    """Each day's amount in the books."""
    files = [LocalFile(file.relative_to(mirror).as_posix(), file) for file in mirror.rglob("*.json")]
    costs = [part for part in assemble(Source(), files, "source router") if part.shape == "openrouter_costs"]
    return {row["start"][:10]: row["usage"] for part in costs for row in part.rows.to_pylist()}


def test_days_that_fall_out_of_reach_stay_and_days_in_reach_are_restated(tmp_path: Path) -> None:
    usage = {date(2026, 4, 20): "1.50", date(2026, 5, 2): "2", date(2026, 5, 10): "3"}
    account = Account(date(2026, 5, 11), usage)
    with openrouter(account) as url:
        assert refresh(account, url, tmp_path).pulled == (date(2026, 4, 1), date(2026, 5, 1))
        assert amounts(tmp_path) == {"2026-04-20": "1.50", "2026-05-02": "2", "2026-05-10": "3"}
        account.today = date(2026, 6, 5)
        account.usage = {date(2026, 5, 2): "999", date(2026, 5, 10): "3.25", date(2026, 6, 4): "4"}
        refresh(account, url, tmp_path)
        # 6 May is as far back as 5 June sees
        assert amounts(tmp_path) == {"2026-04-20": "1.50", "2026-05-02": "2", "2026-05-10": "3.25", "2026-06-04": "4"}


def test_a_month_that_is_out_of_reach_is_not_emptied(tmp_path: Path) -> None:
    account = Account(date(2026, 5, 3), {date(2026, 5, 1): "1"})
    with openrouter(account) as url:
        refresh(account, url, tmp_path)
        account.today, account.usage = date(2026, 9, 1), {}
        refresh(account, url, tmp_path)
    assert amounts(tmp_path) == {"2026-05-01": "1"}


def test_amounts_keep_their_own_characters(tmp_path: Path) -> None:
    account = Account(date(2026, 5, 3), {date(2026, 5, 1): "1.0e-07", date(2026, 5, 2): "0.30000000000000004"})
    with openrouter(account) as url:
        refresh(account, url, tmp_path)
    assert amounts(tmp_path) == {"2026-05-01": "1.0e-07", "2026-05-02": "0.30000000000000004"}


def test_a_pull_is_noted_with_its_files_hashes(tmp_path: Path) -> None:
    account = Account(date(2026, 5, 3), {date(2026, 5, 1): "1"})
    with openrouter(account) as url:
        refresh(account, url, tmp_path)
    noted = json.loads((tmp_path / "2026-05" / "pull.json").read_bytes())
    (page,) = noted["pages"]["activity"]
    assert (page["file"], len(page["sha256"])) == ("activity-2026-05-01.json", 64)


def test_a_key_for_inference_is_told_to_be_the_wrong_one(tmp_path: Path) -> None:
    account = Account(date(2026, 5, 3), {})
    with openrouter(account) as url:
        (refused, *_) = refresh(account, url, tmp_path, api_key=SecretStr("sk-or-inference")).refused
    assert isinstance(refused[1], SourceUnreachable)
    assert "management key" in str(refused[1])
    assert "sk-or-inference" not in str(refused[1])
