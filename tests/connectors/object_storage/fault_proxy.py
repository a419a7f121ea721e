"""A small HTTP proxy before an S3 server: it records what is asked, and breaks answers on demand."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass(frozen=True)
class Asked:
    """A request as it came; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass(frozen=True)
class Answer:
    """What is sent back: `sent_bytes` of the body (all where None), then a pause, then the connection is closed."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_bytes: int | None = None
    pause_s: float = 0


Fault = Callable[[Asked, Callable[[Asked], Answer]], Answer]


def error(status: int, code: str = "", more: str = "", message: str = "a message with alice and AKIASECRET", **headers: str) -> Fault:
    """An S3 error; without a code, an answer without a body."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>" if code else ""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked, forward: Answer(status, {"Content-Type": "application/xml", **named}, body.encode())


def cut_off(after_bytes: int, pause_s: float = 0) -> Fault:
    """The right headers, but only so much of the body, and perhaps a pause before the end."""
    return lambda asked, forward: replace(forward(asked), sent_bytes=after_bytes, pause_s=pause_s)


def altered(change: Callable[[Answer], Answer]) -> Fault:
    return lambda asked, forward: change(forward(asked))


def after(happening: Callable[[], object]) -> Fault:
    """Something happens in the store just before the request reaches it."""

    def fault(asked: Asked, forward: Callable[[Asked], Answer]) -> Answer:
        happening()
        return forward(asked)

    return fault


def without(*headers: str) -> Fault:
    """The store does not see these request headers."""
    return lambda asked, forward: forward(replace(asked, headers={name: value for name, value in asked.headers.items() if name not in headers}))


@dataclass
class Rule:
    method: str
    part: str
    fault: Fault
    times: int


@dataclass
class FaultProxy:
    """`asked` is what came, in order. A fault is for requests whose method and path (decoded, with the query) fit, a number of times."""

    upstream: tuple[str, int]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, part: str, fault: Fault, times: int = 1) -> None:
        self.rules.append(Rule(method, part, fault, times))

    def of(self, method: str, part: str = "") -> list[Asked]:
        return [asked for asked in self.asked if asked.method == method and part in asked.path]

    def answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            rule = next((rule for rule in self.rules if rule.times > 0 and rule.method == asked.method and rule.part in asked.path), None)
            if rule:
                rule.times -= 1
        return rule.fault(asked, self._forward) if rule else self._forward(asked)

    def _forward(self, asked: Asked) -> Answer:
        connection = http.client.HTTPConnection(*self.upstream, timeout=30)
        try:
            connection.request(asked.method, asked.headers[":target"], headers={k: v for k, v in asked.headers.items() if k[0] != ":"})
            response = connection.getresponse()
            return Answer(
                response.status, {k: v for k, v in response.getheaders() if k.lower() not in ("connection", "date", "server")}, response.read()
            )
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        proxy: FaultProxy = self.server.proxy  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()} | {":target": self.path}
        answer = proxy.answer(Asked(self.command, unquote(self.path), headers))
        self.close_connection = True
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() != "content-length" or self.command == "HEAD":
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.sent_bytes])
                self.wfile.flush()
            if answer.pause_s:
                proxy.released.wait(answer.pause_s)
        except ConnectionError:
            pass  # the client gave up, as it may

    do_GET = do_HEAD = do_PUT = do_POST = _serve

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running_proxy(upstream: tuple[str, int]) -> Iterator[FaultProxy]:
    proxy = FaultProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.proxy = proxy  # type: ignore[attr-defined]
    server.daemon_threads = False
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
