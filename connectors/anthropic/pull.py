"""What is asked of Anthropic: usage of messages by the hour, and cost by the day.

Source: the Admin API's reference (parameters, what each endpoint groups by, the most buckets a page holds). Not here: how it is asked
(http_api.py), which months (pulling.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from connectors.http_api import ApiClient, Question, save_pages

ROOT = "https://api.anthropic.com"
VERSION = "2023-06-01"
KEY_ADVICE = (
    "Let an administrator of the organization make an admin key (sk-ant-admin...; Claude Console, Settings, Admin keys) and give that to "
    "api_key: a workspace's key can't read the organization's usage and cost, and individual accounts have no Admin API."
)


def _question(name: str, path: str, bucket_width: str, limit: int, *group_by: str) -> Question:
    return Question(name, path, (("bucket_width", bucket_width), ("limit", str(limit)), *(("group_by[]", field) for field in group_by)))


QUESTIONS = (
    _question(
        "usage-messages",
        "/v1/organizations/usage_report/messages",
        "1h",
        168,
        *("api_key_id", "workspace_id", "model", "service_tier", "context_window"),
    ),
    _question("cost", "/v1/organizations/cost_report", "1d", 31, "workspace_id", "description"),
)


def client(key: SecretStr, base_url: str | None, where: str, sleep: Callable[[float], None] = time.sleep) -> ApiClient:
    """Anthropic's API, or what lies at `base_url`."""
    return ApiClient(
        base_url or ROOT,
        header="x-api-key",
        prefix="",
        key=key,
        key_advice=KEY_ADVICE,
        where=where,
        headers={"anthropic-version": VERSION},
        sleep=sleep,
    )


def pull_month(client: ApiClient, month_start: date, until: date, folder: Path) -> dict[str, list[dict[str, str]]]:
    """Save every question's pages from `month_start` to `until` (exclusive, UTC midnights) into `folder`: by question, each file's sha256."""
    times = [("starting_at", f"{month_start}T00:00:00Z"), ("ending_at", f"{until}T00:00:00Z")]
    return {question.name: save_pages(client, question, times, folder) for question in QUESTIONS}
