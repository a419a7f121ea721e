"""The mirror of what providers' APIs said: one folder a month, pulled whole and replaced whole.

Here: which months are asked for, and how a month's folder is replaced. Not here: the questions (each provider's pull.py), the asking
(http_api.py), what the pages mean (each provider's pages.py, which reads a mirror as it reads saved pages).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from pydantic import SecretStr

from connectors.buckets import PROVENANCE_NAME
from connectors.http_api import ApiClient, Question
from connectors.private_files import private_folder, private_writer
from models.errors import CrossoverError

PULLED_KINDS = {kind: f"connectors.{kind}.pull" for kind in ("openai", "anthropic", "litellm", "openrouter", "prometheus")}
# Usage and costs are restated for some days, so a month is pulled anew until this long after its end, and once more then.
RESTATED_DAYS = 7


class ApiSource(Protocol):
    """The part of a configured source that is pulled."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def api_key(self) -> SecretStr | None: ...
    @property
    def base_url(self) -> str | None: ...


@dataclass(frozen=True)
class Refreshed:
    """The months (first days) that were pulled, and those that could not be: (`YYYY-MM`, why)."""

    pulled: tuple[date, ...]
    refused: tuple[tuple[str, CrossoverError], ...]


def refresh(
    source: ApiSource,
    mirror: Path,
    today: date,
    since: date,
    *,
    again: tuple[date, date] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Refreshed:
    """Pull every UTC month from `since` to `today` that is not closed in `mirror`, oldest first; closed ones, too, that hold a day of `again`.

    A month is closed once it was pulled whole RESTATED_DAYS or more after its end, by the questions that are asked now. A month's folder
    `mirror/YYYY-MM/` holds the pages as received and `pull.json`: what was asked, of which window, when, and each page's sha256. It is replaced
    when all of it is there, so that a pull that fails leaves the old one; other months are pulled all the same. Raises SourceUnreachable where
    the key can't be one.
    """
    kind = import_module(PULLED_KINDS[source.kind])
    private_folder(mirror)
    pulled, refused = [], []
    with kind.client(source.api_key, source.base_url, f"source {source.id}", sleep) as client:
        for month in _months(since, today):
            _recover(mirror, month)
            is_asked_for = again is not None and again[0] < _next(month) and again[1] >= month
            if not is_asked_for and _is_closed(mirror, month, kind.QUESTIONS):
                continue
            try:
                _pull(kind.pull_month, kind.QUESTIONS, client, mirror, month, min(_next(month), today + timedelta(days=1)), today)
            except CrossoverError as error:
                refused.append((f"{month:%Y-%m}", error))
            else:
                pulled.append(month)
    return Refreshed(tuple(pulled), tuple(refused))


def probe(source: ApiSource, today: date, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Ask every question for today alone and keep nothing: whether the API is there and the key may ask. The number of pages it gave.

    Raises as `refresh` and its questions do.
    """
    kind = import_module(PULLED_KINDS[source.kind])
    with TemporaryDirectory() as folder, kind.client(source.api_key, source.base_url, f"source {source.id}", sleep) as client:
        into = private_folder(Path(folder) / "pages")
        pages = kind.pull_month(client, today, today + timedelta(days=1), into)
    return sum(len(files) for files in pages.values())


def _months(since: date, today: date) -> Iterator[date]:
    month = since.replace(day=1)
    while month <= today:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _pull(
    pull_month: Callable[[ApiClient, date, date, Path], dict[str, list[dict[str, str]]]],
    questions: tuple[Question, ...],
    client: ApiClient,
    mirror: Path,
    month: date,
    until: date,
    today: date,
) -> None:
    """Pull a month beside the old one, and put it into its place."""
    temporary, old, final = mirror / f".{month:%Y-%m}.tmp", mirror / f".{month:%Y-%m}.old", mirror / f"{month:%Y-%m}"
    shutil.rmtree(temporary, ignore_errors=True)
    private_folder(temporary)
    try:
        pages = pull_month(client, month, until, temporary)
        said = {
            "start": month.isoformat(),
            "end": until.isoformat(),
            "pulled_on": today.isoformat(),
            "pulled_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "questions": _asked(questions),
            "pages": pages,
        }
        with private_writer(temporary / PROVENANCE_NAME) as file:
            file.write(json.dumps(said, indent=1).encode())
        if final.exists():
            final.replace(old)
        temporary.replace(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _recover(mirror: Path, month: date) -> None:
    """Take back the old folder where a killed run had put it aside and not yet put the new one into its place."""
    old, final = mirror / f".{month:%Y-%m}.old", mirror / f"{month:%Y-%m}"
    if old.exists() and not final.exists():
        old.replace(final)
    shutil.rmtree(old, ignore_errors=True)


def _is_closed(mirror: Path, month: date, questions: tuple[Question, ...]) -> bool:
    folder = mirror / f"{month:%Y-%m}"
    try:
        said = json.loads((folder / PROVENANCE_NAME).read_bytes())
        is_whole = date.fromisoformat(said["end"]) >= _next(month) and date.fromisoformat(said["pulled_on"]) >= _next(month) + timedelta(
            RESTATED_DAYS
        )
        files = [page["file"] for pages in said["pages"].values() for page in pages]
        return is_whole and said["questions"] == _asked(questions) and all((folder / name).is_file() for name in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _asked(questions: tuple[Question, ...]) -> list[dict[str, Any]]:
    return [{"name": question.name, "path": question.path, "parameters": [list(pair) for pair in question.parameters]} for question in questions]
