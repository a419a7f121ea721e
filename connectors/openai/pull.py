"""What is asked of OpenAI: usage of every endpoint that counts tokens or requests by the hour, and costs by the day.

Source: OpenAI's published OpenAPI specification (parameters, what each endpoint groups by, the most buckets a page holds). Not here: how it is
asked (http_api.py), which months (pulling.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from connectors.http_api import ApiClient, Question, save_pages

ROOT = "https://api.openai.com"
KEY_ADVICE = (
    "Let an owner of the organization make an admin key (platform.openai.com, Settings, Organization, Admin keys) with the permission to read "
    "usage, and give that to api_key: a project's key can't read the organization's usage and costs."
)


def _usage(endpoint: str, *group_by: str) -> Question:
    fields = [("bucket_width", "1h"), ("limit", "168"), *(("group_by", field) for field in ("project_id", "api_key_id", "model", *group_by))]
    return Question(f"usage-{endpoint}", f"/v1/organization/usage/{endpoint}", tuple(fields))


QUESTIONS = (
    _usage("completions", "batch", "service_tier"),
    *(_usage(endpoint) for endpoint in ("embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions")),
    Question(
        "costs",
        "/v1/organization/costs",
        (("bucket_width", "1d"), ("limit", "180"), *(("group_by", field) for field in ("project_id", "line_item", "api_key_id"))),
    ),
)


def client(key: SecretStr, base_url: str | None, where: str, sleep: Callable[[float], None] = time.sleep) -> ApiClient:
    """OpenAI's API, or what lies at `base_url`."""
    return ApiClient(base_url or ROOT, header="Authorization", prefix="Bearer ", key=key, key_advice=KEY_ADVICE, where=where, sleep=sleep)


def pull_month(client: ApiClient, month_start: date, until: date, folder: Path) -> dict[str, list[dict[str, str]]]:
    """Save every question's pages from `month_start` to `until` (exclusive, UTC midnights) into `folder`: by question, each file's sha256."""
    times = [("start_time", _epoch(month_start)), ("end_time", _epoch(until))]
    return {question.name: save_pages(client, question, times, folder) for question in QUESTIONS}


def _epoch(day: date) -> str:
    return str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
