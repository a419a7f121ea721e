"""What is asked of Prometheus, Thanos or Mimir: the raw samples of every known metric, a day at a time.

Source: prometheus.io "HTTP API", Range queries (start and end inclusive, at most 11,000 points of a series). Not here: which months are asked
for and how a month's folder is replaced (connectors/pulling.py), asking again (connectors/http_api.py), what the answers mean (pages.py).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from connectors.assembly import LocalFile
from connectors.http_api import ApiClient, Parameters, Question
from connectors.private_files import private_writer
from connectors.prometheus.answers import read_answer
from connectors.prometheus.metrics import GPU_GAUGES, SERVING_COUNTERS, SERVING_GAUGES

PATH = "/api/v1/query_range"
STEP_SECONDS = 60
# A day is 1,441 points of a series, far below the limit; larger fleets would make longer answers too large, and caches cut by day as well.
POINTS_MAX = 11_000
KEY_ADVICE = "Give api_key a token that may query metrics, or leave it out where none is asked for."


def _question(metric: str) -> Question:
    # Thanos, asked so, fails where a store is missing; the others don't know the parameter.
    return Question(metric.replace(":", "-"), PATH, (("query", metric), ("step", str(STEP_SECONDS)), ("partial_response", "false")))


QUESTIONS = tuple(_question(metric) for metric in (*SERVING_COUNTERS, *SERVING_GAUGES, *GPU_GAUGES))


class PrometheusClient(ApiClient):
    """The HTTP API at `base_url` (with a path before `/api/v1` where there is one, such as Mimir's `/prometheus`)."""

    def __init__(self, base_url: str, key: SecretStr | None, where: str, sleep: Callable[[float], None] = time.sleep) -> None:
        given = key or SecretStr("none")
        super().__init__(base_url, header="Authorization", prefix="Bearer ", key=given, key_advice=KEY_ADVICE, where=where, sleep=sleep)
        if key is None:
            self._http.auth = httpx.Auth()  # which adds nothing

    def range(self, parameters: Parameters) -> bytes:
        """The answer to one range query, as received. Raises SourceUnreachable where it can't be had."""
        return self._body(PATH, parameters)

    def _said(self, body: bytes) -> str:
        """What Prometheus says is wrong: `{"status":"error","errorType":"bad_data","error":"..."}`."""
        try:
            said = json.loads(body)
            message = f"{said['errorType']}: {said['error']}"
        except (ValueError, TypeError, KeyError, RecursionError):
            return ""
        return ": " + " ".join(message.replace(self._key.get_secret_value().strip(), "***").split())[:200]


def client(key: SecretStr | None, base_url: str | None, where: str, sleep: Callable[[float], None] = time.sleep) -> PrometheusClient:
    """The Prometheus at `base_url`."""
    if base_url is None:
        raise ValueError(f"{where} has no base_url to pull from")
    return PrometheusClient(base_url, key, where, sleep)


def pull_month(client: PrometheusClient, month_start: date, until: date, folder: Path) -> dict[str, list[dict[str, str]]]:
    """Save every metric's answers from `month_start` to `until` (UTC midnights, both inclusive) into `folder`: by question, each file's sha256.

    The sample at a month's first instant is what its first increase is counted from (Prometheus looks 5 minutes back for it), the one at its
    end what its last is counted to. Raises BrokenFile where an answer isn't one, SourceUnreachable where there is none.
    """
    return {question.name: list(_saved(client, question, month_start, until, folder)) for question in QUESTIONS}


def _saved(client: PrometheusClient, question: Question, month_start: date, until: date, folder: Path) -> Iterator[dict[str, str]]:
    for number in range((until - month_start).days):
        start, end = _seconds(month_start + timedelta(number)), _seconds(month_start + timedelta(number + 1))
        assert (end - start) // STEP_SECONDS + 1 <= POINTS_MAX
        body = client.range([("start", str(start)), ("end", str(end)), *question.parameters])
        name = f"{question.name}-{number + 1:04}.json"
        with private_writer(folder / name) as file:
            file.write(body)
        read_answer(LocalFile(name, folder / name), f"{client.where}, {PATH}, {question.name} of {month_start + timedelta(number)}")
        yield {"file": name, "sha256": hashlib.sha256(body).hexdigest()}


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
