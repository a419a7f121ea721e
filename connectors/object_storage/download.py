"""One object's bytes: whole or in parts at once, each part resumed where it broke off, all of them of the listed version.

Not here: what is listed, what is retried after a change, what a refusal means (bucket.py, refusals.py).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, TypeVar

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential
from tenacity.nap import sleep_using_event

from connectors.object_storage.refusals import CutOff, is_passing, status_of
from connectors.private_files import private_writer

PART_BYTES = 16 << 20
CHUNK_BYTES = 128 << 10
THREADS = 4

_MD5 = re.compile(r"[0-9a-f]{32}")
_KEPT_KEYS = ("aws:kms", "aws:kms:dsse")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long a store is waited for. A page or a part of a file is asked for `attempts_max` times, within `request_max_s` in all."""

    attempts_max: int = 6
    wait_first_s: float = 1.0
    wait_max_s: float = 20.0
    request_max_s: float = 900.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0


class Changed(Exception):
    """What the store gives is not the version that it listed. The text says what was found."""


@dataclass(frozen=True)
class Wanted:
    """An object as it was listed."""

    bucket: str
    key: str
    size_bytes: int
    etag: str


def plain_etag(etag: str) -> str:
    """An ETag without quotes, and without the mark by which a proxy that packs answers calls it weak."""
    return etag.removeprefix("W/").strip('"')


def patiently(request: Callable[[], Result], patience: Patience, stopped: Event | None = None) -> Result:
    """Make a request again while it fails for reasons that pass, with random waits that double. Raises its last error."""
    retrying = Retrying(
        retry=retry_if_exception(is_passing),
        stop=stop_after_attempt(patience.attempts_max) | stop_after_delay(patience.request_max_s),
        wait=wait_random_exponential(multiplier=patience.wait_first_s, max=patience.wait_max_s),
        sleep=sleep_using_event(stopped or Event()),
        reraise=True,
    )
    return retrying(request)


def download(client: Any, wanted: Wanted, target: Path, patience: Patience) -> str:
    """Write an object into a private file, parts at once, and give the sha256 of what is then on disk.

    Memory is a chunk a thread, whatever the size. Raises Changed where the bytes are not the listed ones, botocore's errors otherwise.
    """
    stopped = Event()
    with private_writer(target) as file:
        os.truncate(file.fileno(), wanted.size_bytes)
        ranges = [(start, min(start + PART_BYTES, wanted.size_bytes)) for start in range(0, wanted.size_bytes, PART_BYTES)] or [(0, 0)]
        with ThreadPoolExecutor(min(THREADS, len(ranges)), thread_name_prefix="download") as pool:
            parts = [_Part(client, wanted, start, end, lambda chunk, at: _write_at(file, chunk, at), patience, stopped) for start, end in ranges]
            running = [pool.submit(part.fetch) for part in parts]
            try:
                for part in as_completed(running):
                    part.result()
            except BaseException:
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    with target.open("rb") as written:
        sha256, md5 = _digests(written, wanted.size_bytes)
    if all(part.etag_may_be_md5 for part in parts):
        _check_md5(wanted, md5)
    return sha256


def download_small(client: Any, wanted: Wanted, patience: Patience) -> bytes:
    """An object's bytes, in memory. Raises as `download` does."""
    data = bytearray(wanted.size_bytes)

    def keep(chunk: bytes, at: int) -> None:
        data[at : at + len(chunk)] = chunk

    part = _Part(client, wanted, 0, wanted.size_bytes, keep, patience, Event())
    part.fetch()
    if part.etag_may_be_md5:
        _check_md5(wanted, hashlib.md5(data, usedforsecurity=False).hexdigest())
    return bytes(data)


class _Part:
    """The bytes from `start` up to `end` of an object; `position` is where the next request begins."""

    def __init__(
        self, client: Any, wanted: Wanted, start: int, end: int, write: Callable[[bytes, int], None], patience: Patience, stopped: Event
    ) -> None:
        self._client, self._wanted, self._write, self._patience, self._stopped = client, wanted, write, patience, stopped
        self._position, self._end = start, end
        self.etag_may_be_md5 = True

    def fetch(self) -> None:
        self._deadline_s = time.monotonic() + self._patience.request_max_s
        patiently(self._ask, self._patience, self._stopped)

    def _ask(self) -> None:
        """Ask for what is missing and write what comes; what came before an error is not asked for again."""
        if self._stopped.is_set():
            return
        wanted, position = self._wanted, self._position
        is_whole = position == 0 and self._end == wanted.size_bytes
        byte_range = {} if is_whole else {"Range": f"bytes={position}-{self._end - 1}"}
        try:
            answer = self._client.get_object(Bucket=wanted.bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"', **byte_range)
        except ClientError as error:
            if status_of(error) in (412, 416):
                raise Changed("another ETag, or fewer bytes") from None
            raise
        body = answer["Body"]
        try:
            self._check(answer, is_whole)
            while self._position < self._end and not self._stopped.is_set():
                chunk = body.read(min(CHUNK_BYTES, self._end - self._position))
                if not chunk:
                    raise CutOff
                self._write(chunk, self._position)
                self._position += len(chunk)
                if time.monotonic() > self._deadline_s:
                    raise CutOff
        finally:
            body.close()

    def _check(self, answer: Mapping[str, Any], is_whole: bool) -> None:
        """Refuse an answer that is of another version or another range: some stores know no If-Match, some unpack and then know no ranges."""
        wanted = self._wanted
        if answer.get("ETag") and plain_etag(answer["ETag"]) != wanted.etag:
            raise Changed("another ETag")
        if is_whole and answer.get("ContentLength", wanted.size_bytes) != wanted.size_bytes:
            raise Changed(f"{answer['ContentLength']} bytes")
        expected = f"bytes {self._position}-{self._end - 1}/"
        if not is_whole and answer.get("ContentRange") not in (f"{expected}{wanted.size_bytes}", f"{expected}*"):
            raise Changed("other bytes than the range that was asked for")
        if answer.get("ServerSideEncryption") in _KEPT_KEYS or answer.get("SSECustomerAlgorithm"):
            self.etag_may_be_md5 = False


def _write_at(file: BinaryIO, chunk: bytes, at: int) -> None:
    rest = memoryview(chunk)
    while rest:
        written = os.pwrite(file.fileno(), rest, at)
        rest, at = rest[written:], at + written


def _digests(file: BinaryIO, size_bytes: int) -> tuple[str, str]:
    """sha256 and md5 of a file that must have this many bytes."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size_read = 0
    while chunk := file.read(1 << 20):
        sha256.update(chunk)
        md5.update(chunk)
        size_read += len(chunk)
    assert size_read == size_bytes, f"{size_read} bytes on disk instead of {size_bytes}"
    return sha256.hexdigest(), md5.hexdigest()


def _check_md5(wanted: Wanted, md5: str) -> None:
    """The ETag of an object that was put at once, and not encrypted with a kept key, is its MD5; one put in parts has `-N` at its end."""
    if _MD5.fullmatch(wanted.etag) and wanted.etag != md5:
        raise Changed("bytes whose MD5 is not the listed ETag")
