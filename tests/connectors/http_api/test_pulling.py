"""The mirror: months pulled whole, again for a week after their end, and never half."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from provider_server import KEY, Provider, at, serving
from pydantic import SecretStr

from connectors import pulling
from connectors.pulling import Refreshed, refresh
from models.config import API_KINDS
from models.errors import SourceUnreachable

SERVER_ERROR = (500, {}, b"")

ADMIN_KEY = SecretStr(KEY)


@dataclass(frozen=True)
class Source:
    base_url: str
    kind: str = "openai"
    id: str = "bill"
    api_key: SecretStr = ADMIN_KEY


def usage(day: str, tokens: int) -> dict[str, Any]:
    return {"at": at(day), "model": "gpt-4o", "project_id": "proj_a", "input_tokens": tokens, "output_tokens": 1, "num_model_requests": 1}


def pull(provider: Provider, mirror: Path, today: str, since: str = "2026-04-20") -> Refreshed:
    return refresh(Source(provider.url), mirror, date.fromisoformat(today), date.fromisoformat(since), sleep=lambda _: None)


def months(refreshed: Refreshed) -> list[str]:
    return [f"{month:%Y-%m}" for month in refreshed.pulled]


def windows(provider: Provider) -> set[tuple[str, str]]:
    return {(path.split("start_time=")[1].split("&")[0], path.split("end_time=")[1].split("&")[0]) for path in provider.requests if "/costs?" in path}


def test_every_month_from_since_is_pulled_whole_up_to_the_end_of_today(tmp_path: Path) -> None:
    with serving(Provider()) as provider:
        refreshed = pull(provider, tmp_path, "2026-05-15")
    assert months(refreshed) == ["2026-04", "2026-05"]
    assert refreshed.refused == ()
    # 2026-04-01 to 2026-05-01, and 2026-05-01 to 2026-05-16
    assert windows(provider) == {("1775001600", "1777593600"), ("1777593600", "1778889600")}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["2026-05-02", "2026-05-03"], ["2026-04", "2026-05"]),
        (["2026-05-07", "2026-05-08"], ["2026-04", "2026-05"]),
        (["2026-05-08", "2026-05-09"], ["2026-05"]),
        (["2026-05-02", "2026-05-30"], ["2026-04", "2026-05"]),
        (["2026-04-28", "2026-06-20"], ["2026-04", "2026-05", "2026-06"]),
    ],
)
def test_a_month_is_pulled_again_until_a_week_after_its_end(tmp_path: Path, days: list[str], expected: list[str]) -> None:
    with serving(Provider()) as provider:
        for day in days:
            refreshed = pull(provider, tmp_path, day)
    assert months(refreshed) == expected


def test_provenance_tells_what_was_asked_and_the_hash_of_each_page(tmp_path: Path) -> None:
    with serving(Provider({"openai/completions": [usage("2026-05-01T10:00", 5)]})) as provider:
        pull(provider, tmp_path, "2026-05-20", since="2026-05-01")
    folder = tmp_path / "2026-05"
    said = json.loads((folder / "pull.json").read_text())
    assert (said["start"], said["end"], said["pulled_on"]) == ("2026-05-01", "2026-05-21", "2026-05-20")
    # 20 days of hours, 168 a page
    assert [page["file"] for page in said["pages"]["usage-completions"]] == [f"usage-completions-000{n}.json" for n in (1, 2, 3)]
    pages = [page for each in said["pages"].values() for page in each]
    assert sorted(page["file"] for page in pages) == sorted(path.name for path in folder.iterdir() if path.name != "pull.json")
    assert all(hashlib.sha256((folder / page["file"]).read_bytes()).hexdigest() == page["sha256"] for page in pages)
    assert ["group_by", "service_tier"] in said["questions"][0]["parameters"]
    assert KEY not in (folder / "pull.json").read_text()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_pull_that_fails_half_way_leaves_the_old_month_and_the_others_go_on(tmp_path: Path) -> None:
    with serving(Provider({"openai/completions": [usage("2026-04-30", 5)]})) as provider:
        pull(provider, tmp_path, "2026-05-02")
        before = {path.name: path.read_bytes() for path in (tmp_path / "2026-04").iterdir()}
        provider.facts["openai/completions"] = [usage("2026-04-30", 6)]
        provider.faults = [None, *[SERVER_ERROR] * 6]  # the second page of April never comes
        refreshed = pull(provider, tmp_path, "2026-05-03")
    assert months(refreshed) == ["2026-05"]
    assert [name for name, _ in refreshed.refused] == ["2026-04"]
    assert isinstance(refreshed.refused[0][1], SourceUnreachable)
    assert {path.name: path.read_bytes() for path in (tmp_path / "2026-04").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-04", "2026-05"]


def test_a_pull_replaces_the_month_as_a_whole(tmp_path: Path) -> None:
    with serving(Provider()) as provider:
        pull(provider, tmp_path, "2026-05-30", since="2026-05-01")
        stale = tmp_path / "2026-05" / "usage-completions-0099.json"
        stale.write_text("{}")
        pull(provider, tmp_path, "2026-05-31", since="2026-05-01")
    assert not stale.exists()


def test_a_run_killed_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    with serving(Provider()) as provider:
        pull(provider, tmp_path, "2026-05-20", since="2026-04-01")
        (tmp_path / "2026-04").rename(tmp_path / ".2026-04.old")
        refreshed = pull(provider, tmp_path, "2026-05-20", since="2026-04-01")
    assert months(refreshed) == ["2026-05"]  # April was closed, and is back
    assert (tmp_path / "2026-04" / "pull.json").exists()


@pytest.mark.parametrize("damage", ["page", "provenance", "nonsense"])
def test_a_damaged_month_is_pulled_again(tmp_path: Path, damage: str) -> None:
    with serving(Provider()) as provider:
        pull(provider, tmp_path, "2026-05-20")
        provenance = tmp_path / "2026-04" / "pull.json"
        if damage == "page":
            (tmp_path / "2026-04" / "costs-0001.json").unlink()
        elif damage == "provenance":
            provenance.unlink()
        else:
            provenance.write_text('{"end": 7}')
        assert months(pull(provider, tmp_path, "2026-05-20")) == ["2026-04", "2026-05"]


def test_other_questions_are_another_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.openai import pull as openai_pull

    with serving(Provider()) as provider:
        pull(provider, tmp_path, "2026-05-20")
        monkeypatch.setattr(openai_pull, "QUESTIONS", openai_pull.QUESTIONS[:-1])
        assert months(pull(provider, tmp_path, "2026-05-20")) == ["2026-04", "2026-05"]


def test_a_wrong_key_is_said_once_a_month_and_asked_once(tmp_path: Path) -> None:
    with serving(Provider()) as provider:
        refreshed = refresh(Source(provider.url, api_key=SecretStr("sk-no")), tmp_path, date(2026, 5, 2), date(2026, 4, 1))
    assert [name for name, _ in refreshed.refused] == ["2026-04", "2026-05"]
    assert len(provider.requests) == 2
    assert list(tmp_path.iterdir()) == []


def test_every_kind_with_an_api_is_pulled() -> None:
    assert set(pulling.PULLED_KINDS) == set(API_KINDS)
