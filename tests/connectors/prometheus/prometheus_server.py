"""A Prometheus on loopback: `query_range` over scraped samples as its documentation describes it, with its limits and with faults on demand.

At each step the newest sample of the last 5 minutes is given, start and end inclusive; more than 11,000 points of a series are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOKBACK_SECONDS = 300
POINTS_MAX = 11_000

Scraped = tuple[dict[str, str], list[tuple[float, str]]]


@dataclass
class Prometheus:
    """What was scraped (labels with their samples), the token asked for, the statuses that the next requests get, and what was asked."""

    scraped: list[Scraped]
    token: str | None = None
    faults: list[int] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, query: dict[str, str], authorization: str | None) -> tuple[int, Any]:
        self.asked.append(query)
        if self.faults:
            return self.faults.pop(0), {"status": "error", "errorType": "timeout", "error": "query timed out"}
        if authorization != (f"Bearer {self.token}" if self.token else None):
            return 401, "Unauthorized"
        if path != "/prometheus/api/v1/query_range":
            return 404, "404 page not found"
        start, end, step = (float(query[name]) for name in ("start", "end", "step"))
        if (end - start) / step + 1 > POINTS_MAX:
            said = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            return 400, {"status": "error", "errorType": "bad_data", "error": said}
        times = [start + number * step for number in range(int((end - start) // step) + 1)]
        result = [series for scraped in self.scraped if scraped[0]["__name__"] == query["query"] and (series := _at(scraped, times))]
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


def _at(scraped: Scraped, times: list[float]) -> dict[str, Any] | None:
    labels, samples = scraped
    values, newest = [], -1
    for time in times:
        while newest + 1 < len(samples) and samples[newest + 1][0] <= time:
            newest += 1
        if newest >= 0 and time - samples[newest][0] < LOOKBACK_SECONDS:
            values.append([time, samples[newest][1]])
    return {"metric": labels, "values": values} if values else None


@contextmanager
def serving(prometheus: Prometheus) -> Iterator[Prometheus]:
    """Serve it on a free port of this machine until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, content = prometheus.answer(parts.path, query, self.headers.get("Authorization"))
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    prometheus.url = f"http://127.0.0.1:{server.server_address[1]}/prometheus"
    try:
        yield prometheus
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
