"""Asking an API: patient with what passes, clear about what doesn't, silent about the key."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from provider_server import KEY, Provider, at, serving
from pydantic import SecretStr

from connectors.http_api import ATTEMPTS_MAX, RETRY_AFTER_SECONDS_MAX
from connectors.openai.pull import client
from models.errors import SourceUnreachable

MAY = [("start_time", "1777593600"), ("end_time", "1777680000")]  # 2026-05-01, one day
COSTS = "/v1/organization/costs"
BUSY = (503, {}, b"busy")


def ask(provider: Provider, parameters: list[tuple[str, str]] = MAY, key: str = KEY, path: str = COSTS) -> tuple[list[dict], list[float]]:
    """The pages, and the seconds that were waited between attempts."""
    waits: list[float] = []
    with client(SecretStr(key), provider.url, "source bill", waits.append) as api:
        return [json.loads(body) for body in api.pages(path, parameters)], waits


def refused(provider: Provider, **given: object) -> SourceUnreachable:
    with pytest.raises(SourceUnreachable) as caught:
        ask(provider, **given)  # type: ignore[arg-type]
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in said
    return caught.value


def test_pages_are_followed_to_the_end() -> None:
    provider = Provider({"openai/costs": [{"at": at("2026-05-02"), "amount": 0.5}]})
    with serving(provider):
        pages, waits = ask(provider, [("start_time", "1777593600"), ("end_time", "1777852800"), ("limit", "2")])
    assert [[bucket["start_time"] for bucket in page["data"]] for page in pages] == [[1777593600, 1777680000], [1777766400]]
    assert waits == []
    assert len(provider.requests) == 2


def test_what_passes_is_waited_for_longer_and_longer() -> None:
    provider = Provider(faults=[BUSY, "cut", (500, {}, b"")])
    with serving(provider):
        pages, waits = ask(provider)
    assert len(pages) == 1
    assert [int(wait) for wait in waits] == [1, 2, 4]


def test_a_throttled_question_waits_as_long_as_it_is_told() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    faults = [(429, {"Retry-After": value}, b"{}") for value in ("7", soon, "86400", "tomorrow")]
    provider = Provider(faults=list(faults))
    with serving(provider):
        _, waits = ask(provider)
    assert waits[0] == 7
    assert 40 < waits[1] <= 50
    assert waits[2] == RETRY_AFTER_SECONDS_MAX
    assert 8 <= waits[3] <= 9


def test_patience_has_an_end() -> None:
    provider = Provider(faults=[BUSY] * 20)
    with serving(provider):
        error = refused(provider)
    assert error.found == "status 503"
    assert len(provider.requests) == ATTEMPTS_MAX


def test_who_never_answers_is_asked_once_only_the_second_time() -> None:
    with serving(Provider()) as provider:
        pass  # gone by now
    waits: list[float] = []
    with client(SecretStr(KEY), provider.url, "source bill", waits.append) as api:
        for _ in range(2):
            with pytest.raises(SourceUnreachable, match="network"):
                list(api.pages(COSTS, MAY))
    assert len(waits) == ATTEMPTS_MAX - 1


@pytest.mark.parametrize(("status", "words"), [(401, "is not known"), (403, "may not read this")])
def test_a_key_that_may_not_is_told_how_to_become_one_that_may(status: int, words: str) -> None:
    provider = Provider(faults=[(status, {}, b'{"error":{"message":"Incorrect API key provided: ' + KEY.encode() + b'"}}')])
    with serving(provider):
        error = refused(provider)
    assert words in error.what
    assert "admin key" in str(error.todo)
    assert len(provider.requests) == 1


def test_a_wrong_key_is_refused_without_being_repeated() -> None:
    with serving(Provider()) as provider, pytest.raises(SourceUnreachable) as caught:
        ask(provider, key="sk-wrong-99")
    assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-ädmin", "sk-one two", "sk-one\nx-evil: 1"])
def test_what_can_be_no_key_is_not_sent(key: str) -> None:
    with serving(Provider()) as provider, pytest.raises(SourceUnreachable, match="characters that no key has") as caught:
        ask(provider, key=key)
    assert provider.requests == []
    assert key not in str(caught.value)


def test_a_key_with_its_file_s_last_newline_is_a_key() -> None:
    with serving(Provider()) as provider:
        assert len(ask(provider, key=KEY + "\n")[0]) == 1


@pytest.mark.parametrize(
    ("fault", "words"), [("not json", "not a JSON page"), ((200, {}, b'{"object":"list"}'), "not a JSON page"), ((200, {}, b"[1"), "not a JSON page")]
)
def test_an_answer_that_is_no_page_is_named(fault: object, words: str) -> None:
    with serving(Provider(faults=[fault])) as provider:
        assert words in refused(provider).what
    assert len(provider.requests) == 1


def test_pages_that_go_in_a_circle_end() -> None:
    page = json.dumps({"data": [], "has_more": True, "next_page": "again"}).encode()
    with serving(Provider(faults=[(200, {}, page)] * 5)) as provider:
        assert "read already" in refused(provider).what
    assert len(provider.requests) == 2


def test_more_pages_without_a_name_are_an_error() -> None:
    with serving(Provider(faults=[(200, {}, b'{"data": [], "has_more": true, "next_page": null}')])) as provider:
        assert "names none" in refused(provider).what


def test_a_question_that_the_provider_does_not_take_says_why() -> None:
    with serving(Provider()) as provider:
        error = refused(provider, parameters=[*MAY, ("limit", "181")])
    assert error.found == "status 400: limit must be between 1 and 180"


def test_what_the_provider_says_never_repeats_the_key() -> None:
    with serving(Provider(faults=[(400, {}, json.dumps({"error": {"message": f"bad header {KEY}"}}).encode())])) as provider:
        assert refused(provider).found == "status 400: bad header ***"


def test_a_moved_api_is_not_followed_with_the_key() -> None:
    with serving(Provider(faults=[(302, {"Location": "http://127.0.0.1:9/"}, b"")])) as provider:
        assert "base_url" in str(refused(provider).todo)


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_base_url_is_taken_with_and_without_its_version(suffix: str) -> None:
    with serving(Provider()) as provider:
        provider.url += suffix
        assert len(ask(provider)[0]) == 1


def test_the_key_is_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Provider()) as provider, client(SecretStr(KEY), provider.url, "source bill") as api:
        list(api.pages(COSTS, MAY))
        assert KEY not in repr(api) + repr(vars(api)) + repr(api._http.headers)
    assert caplog.records
    assert KEY not in caplog.text
