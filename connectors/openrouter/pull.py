"""What is asked of OpenRouter: the activity of the last 30 completed UTC days, which is all that it tells.

Days that have fallen out of its reach stay as they were pulled. Source: "Get user activity grouped by endpoint" in OpenRouter's API reference.
Not here: how it is asked (http_api.py), which months (pulling.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.http_api import ApiClient, Question
from connectors.private_files import private_writer
from connectors.request_rows import utc_moment
from connectors.saved_pages import text
from models.errors import SourceUnreachable

ROOT = "https://openrouter.ai/api"
KEY_ADVICE = "Make a management key (openrouter.ai, Settings, Management Keys) and give that to api_key: keys for inference can't read activity."

QUESTIONS = (Question("activity", "/v1/activity", (("group_by", "workspace"),)),)


def client(key: SecretStr, base_url: str | None, where: str, sleep: Callable[[float], None] = time.sleep) -> ApiClient:
    """OpenRouter's API, or what lies at `base_url`."""
    return ApiClient(base_url or ROOT, header="Authorization", prefix="Bearer ", key=key, key_advice=KEY_ADVICE, where=where, sleep=sleep)


def pull_month(client: ApiClient, month_start: date, until: date, folder: Path) -> dict[str, list[dict[str, str]]]:
    """Save the month's days into `folder`, a file each (`activity-2026-05-01.json`): by question, each file's sha256.

    `folder` lies in the mirror beside the month's present folder, `YYYY-MM`: days that the answer doesn't tell of are taken over from there.
    """
    (question,) = QUESTIONS
    present = folder.parent / f"{month_start:%Y-%m}"
    for file in sorted(present.glob(f"{question.name}-*.json")) if present.is_dir() else ():
        shutil.copyfile(file, folder / file.name)
        (folder / file.name).chmod(0o600)
    days: dict[date, list[dict[str, Any]]] = {}
    for body in client.pages(question.path, question.parameters):
        for row in json.loads(body, parse_float=str, parse_int=str)["data"]:
            moment = utc_moment(text(row.get("date"))) if isinstance(row, dict) else None
            if moment is None:
                raise SourceUnreachable("OpenRouter's answer has a row without a day.", where=client.where, expected="`date` in every row")
            days.setdefault(moment.date(), []).append(row)
    for day, rows in days.items():
        if month_start <= day < until:
            with private_writer(folder / f"{question.name}-{day}.json") as target:
                target.write(json.dumps({"data": rows}, ensure_ascii=False).encode(errors="replace"))
    files = sorted(folder.glob(f"{question.name}-*.json"))
    return {question.name: [{"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for file in files]}
