"""What is asked of a LiteLLM proxy: its spend logs, a row a request, day by day.

The answer may hold prompts and answers, so its rows are projected before they are written. Source: `/spend/logs/v2` in the proxy's API and
litellm/proxy/spend_tracking/spend_management_endpoints.py. Not here: how it is asked (http_api.py), which months (pulling.py).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.http_api import PAGES_MAX, ApiClient, Question
from connectors.litellm.spend_logs import landed_row, text
from connectors.private_files import private_writer
from connectors.request_rows import utc_moment
from models.errors import SourceUnreachable

KEY_ADVICE = "Give the proxy's master key to api_key, or a key of a user with the role proxy_admin_viewer: other keys see their own requests only."
# The proxy refuses to give more at once.
PAGE_ROWS = 100

QUESTIONS = (
    Question("spend_logs", "/spend/logs/v2", (("page_size", str(PAGE_ROWS)), ("sort_by", "startTime"), ("sort_order", "asc"))),
)  # fmt: skip


def client(key: SecretStr, base_url: str | None, where: str, sleep: Callable[[float], None] = time.sleep) -> ApiClient:
    """The proxy at `base_url`. Raises SourceUnreachable without one: every company runs its own."""
    if base_url is None:
        raise SourceUnreachable("LiteLLM has no address of its own.", where=where, found="no base_url", todo="Add base_url: the proxy's address.")
    return ApiClient(base_url, header="Authorization", prefix="Bearer ", key=key, key_advice=KEY_ADVICE, where=where, sleep=sleep)


def pull_month(client: ApiClient, month_start: date, until: date, folder: Path) -> dict[str, list[dict[str, str]]]:
    """Save the rows that started from `month_start` to `until` (exclusive, UTC midnights), a file a day: by question, each file's sha256."""
    (question,) = QUESTIONS
    saved = []
    for number in range((until - month_start).days):
        day = month_start + timedelta(days=number)
        path = folder / f"{question.name}-{day}.ndjson"
        digest = hashlib.sha256()
        with private_writer(path) as file:
            for row in _rows(client, question, day):
                line = json.dumps(landed_row(row), ensure_ascii=False).encode(errors="replace") + b"\n"
                digest.update(line)
                file.write(line)
        if path.stat().st_size:
            saved.append({"file": path.name, "sha256": digest.hexdigest()})
        else:
            path.unlink()
    return {question.name: saved}


def _rows(client: ApiClient, question: Question, day: date) -> Iterator[dict[str, Any]]:
    """The rows of a UTC day, page after page until one is not full: the proxy stops counting at 10,000, so its `total_pages` is no guide."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    # The proxy wants this form of a time and no other, takes it as UTC, and includes the end.
    times = [("start_date", f"{start:%Y-%m-%d %H:%M:%S}"), ("end_date", f"{end:%Y-%m-%d %H:%M:%S}")]
    for page in range(1, PAGES_MAX + 1):
        (body,) = client.pages(question.path, [*times, ("page", str(page)), *question.parameters])
        answer = json.loads(body, parse_float=str, parse_int=str)
        rows = answer["data"]
        for row in rows:
            started = utc_moment(text(row.get("startTime"))) if isinstance(row, dict) else None
            if started is None:
                raise SourceUnreachable("The proxy's answer has a row without startTime.", where=client.where, expected="rows of LiteLLM_SpendLogs")
            if start <= started < end:
                yield row
        page_rows = text(answer.get("page_size"))
        if len(rows) < (int(page_rows) if page_rows and page_rows.isdecimal() else PAGE_ROWS):
            return
    raise SourceUnreachable("The proxy's answer has no end.", where=client.where, found=f"more than {PAGES_MAX:,} pages of {day}")
