"""Asking a provider's HTTP API: the key, waiting and asking again, following its pages.

Here: what is the same for every provider. Not here: which questions are put (openai/pull.py, anthropic/pull.py), which months are asked for
(pulling.py), what the answers mean (each provider's pages.py). The key is in no message, and an answer's text only where it says what is
wrong with a question.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType

import httpx
import tenacity
from pydantic import SecretStr

from connectors.listings import SMALL_BYTES_MAX
from connectors.private_files import private_writer
from models.errors import SourceUnreachable

ATTEMPTS_MAX = 6
WAIT_SECONDS_MAX = 60
# What a provider may ask us to wait before the next attempt; more than that is not waited.
RETRY_AFTER_SECONDS_MAX = 120
TIMEOUT = httpx.Timeout(60, connect=10)
PAGES_MAX = 10_000
_PASSING = frozenset({408, 425, 429, *range(500, 600)})

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Question:
    """What is asked of one endpoint, page after page. `name` begins the names of the saved pages; `parameters` are without times and page."""

    name: str
    path: str
    parameters: tuple[tuple[str, str], ...]


class _Passing(Exception):
    """What may be otherwise a moment later, and after how many seconds the provider says so."""

    def __init__(self, what: str, retry_after_seconds: float | None = None, is_answer: bool = True) -> None:
        super().__init__(what)
        self.what, self.retry_after_seconds, self.is_answer = what, retry_after_seconds, is_answer


class _Key(httpx.Auth):
    """Puts the key into each request as it leaves, so that no client and no header map holds it."""

    def __init__(self, header: str, prefix: str, key: SecretStr) -> None:
        self._header, self._prefix, self._key = header, prefix, key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._prefix + self._key.get_secret_value().strip()
        yield request


class ApiClient:
    """One provider's API. `root` is its address up to and without `/v1`; `key_advice` tells how to come by a key that may read this.

    `sleep` is called with the seconds to wait. Use as a context manager.
    """

    def __init__(
        self,
        root: str,
        *,
        header: str,
        prefix: str,
        key: SecretStr,
        key_advice: str,
        where: str,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        secret = key.get_secret_value().strip()
        if not (secret.isascii() and secret.isprintable() and " " not in secret):
            raise SourceUnreachable("The API key holds characters that no key has.", where=where, todo="Look at the variable that api_key names.")
        self.where, self._key, self._key_advice, self._sleep = where, key, key_advice, sleep
        self._attempts_max = ATTEMPTS_MAX
        self._root = root.rstrip("/").removesuffix("/v1")
        self._http = httpx.Client(
            auth=_Key(header, prefix, key), headers={"User-Agent": "crossover/1", **(headers or {})}, timeout=TIMEOUT, follow_redirects=False
        )

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._http.close()

    def pages(self, path: str, parameters: Parameters) -> Iterator[bytes]:
        """The bodies of all pages, as received, each of them a JSON object with `data`.

        Raises SourceUnreachable where a page can't be had after ATTEMPTS_MAX attempts, isn't JSON, or the pages don't come to an end.
        """
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(PAGES_MAX):
            body = self._body(path, [*parameters, *([("page", cursor)] if cursor else [])])
            page = self._json(path, body)
            yield body
            if page.get("has_more") is not True:
                return
            following = page.get("next_page")
            if not isinstance(following, str) or not following or following in seen:
                what = "names a next page that was read already" if following else "says there are more pages and names none"
                raise SourceUnreachable(f"The provider {what}.", where=self._at(path), found=f"page {len(seen) + 1}", todo="Run again later.")
            cursor = following
            seen.add(cursor)
        raise SourceUnreachable("The provider's answer has no end.", where=self._at(path), found=f"more than {PAGES_MAX:,} pages")

    def _at(self, path: str) -> str:
        return f"{self.where}, {self._root}{path}"

    def _json(self, path: str, body: bytes) -> dict[str, object]:
        try:
            page = json.loads(body)
        except (ValueError, RecursionError):
            page = None
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise SourceUnreachable(
                "The answer is not a JSON page.",
                where=self._at(path),
                found=f"{len(body):,} bytes that are {'JSON of another form' if page is not None else 'no JSON'}",
                expected="a JSON object with a list `data`",
                todo="Look at base_url, and at proxies on the way; run again later.",
            )
        return page

    def _body(self, path: str, parameters: Parameters) -> bytes:
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts_max),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_Passing),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._ask, path, parameters)
        except _Passing as error:
            if not error.is_answer:
                self._attempts_max = 1  # who did not answer at all is asked just once more for whatever follows
            todo = "Run again later." if error.is_answer else "Look at the network, proxies and base_url; run again later."
            raise SourceUnreachable("The provider can't be read now.", where=self._at(path), found=error.what, todo=todo) from None

    def _ask(self, path: str, parameters: Parameters) -> bytes:
        try:
            with self._http.stream("GET", self._root + path, params=list(parameters)) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > SMALL_BYTES_MAX:
                        raise SourceUnreachable(f"An answer is larger than {SMALL_BYTES_MAX >> 20} MiB.", where=self._at(path))
        except httpx.TransportError as error:
            raise _Passing(f"no whole answer ({type(error).__name__})", is_answer=False) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnreachable("The provider's answer can't be read.", where=self._at(path), found=type(error).__name__) from None
        status = response.status_code
        if status == 200:
            return bytes(body)
        if status in _PASSING:
            raise _Passing(f"status {status}", _retry_after_seconds(response.headers.get("retry-after")))
        if status in (401, 403):
            what = "The API key is not known." if status == 401 else "The API key may not read this."
            raise SourceUnreachable(what, where=self._at(path), found=f"status {status}", expected="an admin key", todo=self._key_advice)
        todo = "Look at base_url: it is the API's address, up to and without /v1." if status in (301, 302, 307, 308, 404) else None
        found = f"status {status}{self._said(bytes(body))}"
        raise SourceUnreachable("The provider does not answer this question.", where=self._at(path), found=found, todo=todo)

    def _said(self, body: bytes) -> str:
        """What the provider says is wrong, in its error object's first words and never with the key."""
        try:
            message = json.loads(body)["error"]["message"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return ""
        secret = self._key.get_secret_value().strip()
        return ": " + " ".join(str(message).replace(secret, "***").split())[:200]


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds to the next attempt: what the provider asks for, up to a bound; else 1, 2, 4, ... and a part of a second by chance."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.retry_after_seconds is not None:
        return min(error.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
    return float(tenacity.wait_exponential_jitter(initial=1, max=WAIT_SECONDS_MAX, jitter=1)(state))


def _retry_after_seconds(value: str | None) -> float | None:
    """A Retry-After header: seconds or an HTTP date. None where there is none, or it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(min(int(value.strip()), RETRY_AFTER_SECONDS_MAX)) if len(value) < 20 else RETRY_AFTER_SECONDS_MAX
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def save_pages(client: ApiClient, question: Question, times: Parameters, folder: Path) -> list[dict[str, str]]:
    """Write the pages of a question into `folder`, as received and readable by their owner only; each one's name and sha256."""
    saved = []
    for number, body in enumerate(client.pages(question.path, [*times, *question.parameters]), 1):
        name = f"{question.name}-{number:04}.json"
        with private_writer(folder / name) as file:
            file.write(body)
        saved.append({"file": name, "sha256": hashlib.sha256(body).hexdigest()})
    return saved
