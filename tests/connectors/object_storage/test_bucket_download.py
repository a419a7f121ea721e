"""What is fetched is what was listed, byte for byte, however often the network breaks, and never a mixture."""

from __future__ import annotations

import hashlib
import io
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import IncompleteReadError
from fault_proxy import after, altered, cut_off, error, without
from hypothesis import given
from hypothesis import strategies as st

from connectors.listings import OfferedFile
from connectors.object_storage import download as downloading
from connectors.object_storage.download import Patience, Wanted, download
from models.errors import BrokenFile, SourceUnreachable

# No two parts of 1,000 bytes are alike.
BODY = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(110))[:3_500]
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(downloading, "PART_BYTES", 1_000)


@pytest.fixture
def one_thread(monkeypatch):
    monkeypatch.setattr(downloading, "THREADS", 1)


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "incoming"
    path.touch(mode=0o600)
    return path


@pytest.fixture
def listed(bucket, put, proxy):
    """A store with one file of 3,500 bytes, as listed; from here on the proxy counts."""

    def one(body: bytes = BODY, **more):
        put("d/a.csv", body, **more)
        store = bucket("d")
        (file,) = store.list().offered
        proxy.asked.clear()
        return store, file

    return one


def ranges(proxy) -> list[str | None]:
    return [asked.range for asked in proxy.of("GET")]


def test_a_small_file_is_fetched_by_one_plain_request(listed, proxy, target):
    store, file = listed()
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    (asked,) = proxy.asked
    assert (asked.method, asked.range, asked.headers["if-match"]) == ("GET", None, f'"{hashlib.md5(BODY).hexdigest()}"')


@pytest.mark.usefixtures("small_parts")
def test_a_large_file_is_fetched_in_parts_of_the_listed_version(listed, proxy, target):
    store, file = listed()
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY
    assert sorted(ranges(proxy)) == ["bytes=0-999", "bytes=1000-1999", "bytes=2000-2999", "bytes=3000-3499"]
    assert {asked.headers["if-match"] for asked in proxy.asked} == {f'"{hashlib.md5(BODY).hexdigest()}"'}


def test_what_lay_in_the_target_before_is_gone(listed, target):
    store, file = listed()
    target.write_bytes(b"x" * 9_999)
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY


def test_an_empty_file_is_fetched(listed, proxy, target):
    store, file = listed(b"")
    assert store.fetch(file, target) == hashlib.sha256(b"").hexdigest()
    assert store.read(file) == b""
    assert ranges(proxy) == [None, None]


def test_fetching_does_not_need_a_listing_of_its_own(bucket, put, target):
    put("d/a.csv", BODY)
    (file,) = bucket("d/a.csv").list().offered
    assert bucket("d/a.csv").fetch(file, target) == SHA256


def test_a_body_that_breaks_off_is_resumed_there(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", cut_off(1_234))
    proxy.on("GET", "a.csv", cut_off(0))
    proxy.on("GET", "a.csv", cut_off(766))
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY
    assert ranges(proxy) == [None, "bytes=1234-3499", "bytes=1234-3499", "bytes=2000-3499"]


@pytest.mark.usefixtures("small_parts", "one_thread")
def test_a_part_that_breaks_off_is_resumed_there(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", cut_off(400))
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY
    assert ranges(proxy) == ["bytes=0-999", "bytes=400-999", "bytes=1000-1999", "bytes=2000-2999", "bytes=3000-3499"]


def test_a_body_that_stalls_is_asked_for_again(listed, proxy, target, monkeypatch):
    monkeypatch.setattr(downloading, "CHUNK_BYTES", 500)
    store, file = listed()
    proxy.on("GET", "a.csv", cut_off(1_000, pause_s=20))
    assert store.fetch(file, target) == SHA256
    assert ranges(proxy) == [None, "bytes=1000-3499"]


def test_a_body_that_breaks_off_always_is_given_up(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", cut_off(0), times=99)
    with pytest.raises(SourceUnreachable, match="break off") as refused:
        store.fetch(file, target)
    assert len(proxy.asked) == Patience().attempts_max == 6
    assert "source bill, file a.csv" in str(refused.value)


@pytest.mark.parametrize(
    "fault", [error(500, "InternalError"), error(503, "SlowDown"), error(429, "TooManyRequests"), error(400, "RequestTimeout"), error(502)]
)
def test_a_fault_that_passes_is_not_seen(fault, listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", fault, times=2)
    assert store.fetch(file, target) == SHA256
    assert len(proxy.asked) == 3


def test_a_fault_that_stays_is_given_up(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", error(503, "SlowDown"), times=99)
    with pytest.raises(SourceUnreachable, match=r"asks to slow down[\s\S]*SlowDown \(HTTP 503\)"):
        store.fetch(file, target)
    assert len(proxy.asked) == 6


@pytest.mark.usefixtures("small_parts")
def test_a_refusal_ends_all_parts(listed, proxy, target):
    store, file = listed(BODY * 10)
    proxy.on("GET", "a.csv", error(403, "AccessDenied"), times=999)
    with pytest.raises(SourceUnreachable, match="s3:GetObject"):
        store.fetch(file, target)
    assert len(proxy.asked) < 35 // 2


def test_a_file_replaced_after_the_listing_is_refused(listed, put, proxy, target):
    store, file = listed()
    put("d/a.csv", BODY[::-1])
    with pytest.raises(BrokenFile, match="changed while it was read") as refused:
        store.fetch(file, target)
    assert "expected: the listed 3,500 bytes with ETag" in str(refused.value)
    assert [asked.method for asked in proxy.asked] == ["GET", "HEAD"]
    with pytest.raises(BrokenFile, match="changed while it was read"):
        store.read(file)


@pytest.mark.usefixtures("small_parts", "one_thread")
def test_a_file_replaced_between_two_parts_is_refused(listed, put, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", lambda asked, forward: forward(asked))
    proxy.on("GET", "a.csv", after(lambda: put("d/a.csv", BODY[::-1])))
    with pytest.raises(BrokenFile, match="changed while it was read"):
        store.fetch(file, target)


@pytest.mark.usefixtures("small_parts", "one_thread")
def test_a_file_that_got_shorter_is_refused(listed, put, proxy, target):
    store, file = listed()
    blind = without("if-match")
    proxy.on("GET", "a.csv", blind)
    proxy.on("GET", "a.csv", lambda asked, forward: after(lambda: put("d/a.csv", b"short"))(asked, lambda asked: blind(asked, forward)), times=9)
    with pytest.raises(BrokenFile, match="changed while it was read"):
        store.fetch(file, target)


def test_a_store_that_knows_no_if_match_is_seen_through(listed, put, proxy, target):
    store, file = listed()
    put("d/a.csv", BODY[::-1])
    proxy.on("GET", "a.csv", without("if-match"), times=9)
    with pytest.raises(BrokenFile, match=r"changed while it was read[\s\S]*another ETag"):
        store.fetch(file, target)


@pytest.mark.usefixtures("small_parts")
def test_a_store_that_knows_no_ranges_is_refused(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", without("range"), times=99)
    with pytest.raises(BrokenFile, match=r"other bytes than the range[\s\S]*Content-Encoding: gzip"):
        store.fetch(file, target)


def test_a_store_that_unpacks_what_it_serves_is_refused(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", altered(lambda answer: replace(answer, body=answer.body * 2)), times=99)
    with pytest.raises(BrokenFile, match="7000 bytes, twice, while the listed version is still there"):
        store.fetch(file, target)


def test_a_listed_version_that_is_still_there_is_tried_once_more(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", error(412, "PreconditionFailed"))
    assert store.fetch(file, target) == SHA256
    assert [asked.method for asked in proxy.asked] == ["GET", "HEAD", "GET"]


def flipped(answer):
    """One bit of the body is another."""
    return replace(answer, body=bytes([answer.body[0] ^ 1]) + answer.body[1:])


@pytest.mark.usefixtures("small_parts")
def test_bytes_that_are_not_those_of_the_etag_are_fetched_again(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", altered(flipped))
    assert store.fetch(file, target) == SHA256
    assert target.read_bytes() == BODY


def test_bytes_that_are_never_those_of_the_etag_are_refused(listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", altered(flipped), times=99)
    with pytest.raises(BrokenFile, match="MD5 is not the listed ETag"):
        store.fetch(file, target)
    with pytest.raises(BrokenFile, match="MD5 is not the listed ETag"):
        store.read(file)
    assert len(proxy.of("GET")) == 4


def test_the_etag_of_a_file_uploaded_in_parts_is_not_an_md5(bucket, s3, target):
    upload = s3.create_multipart_upload(Bucket="finance-exports", Key="d/a.csv")
    given = {"Bucket": "finance-exports", "Key": "d/a.csv", "UploadId": upload["UploadId"]}
    bodies = [b"a" * (5 << 20), b"b"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=body, **given)["ETag"]} for n, body in enumerate(bodies, 1)]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **given)
    store = bucket("d")
    (file,) = store.list().offered
    assert file.fingerprint.endswith("-2")
    assert store.fetch(file, target) == hashlib.sha256(b"".join(bodies)).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-server-side-encryption": "aws:kms"},
        {"x-amz-server-side-encryption": "aws:kms:dsse"},
        {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
    ],
)
def test_the_etag_of_a_file_encrypted_with_a_kept_key_is_not_an_md5(headers, listed, proxy, target):
    store, file = listed()
    proxy.on("GET", "a.csv", altered(lambda answer: flipped(replace(answer, headers=answer.headers | headers))), times=9)
    assert store.fetch(file, target) != SHA256
    assert store.read(file)[1:] == BODY[1:]


def test_a_file_removed_after_the_listing_says_so(listed, s3, target):
    store, file = listed()
    s3.delete_object(Bucket="finance-exports", Key="d/a.csv")
    with pytest.raises(SourceUnreachable, match=r"no longer there[\s\S]*NoSuchKey"):
        store.fetch(file, target)


def test_a_small_read_is_as_careful(listed, proxy):
    store, file = listed()
    proxy.on("GET", "a.csv", cut_off(1_500))
    assert store.read(file) == BODY
    assert ranges(proxy) == [None, "bytes=1500-3499"]


def test_what_is_too_large_to_be_small_is_not_asked_for(listed, proxy):
    store, file = listed()
    with pytest.raises(BrokenFile, match=r"3,500 bytes[\s\S]*at most 3,499"):
        store.read(file, 3_499)
    assert store.read(file, 3_500) == BODY
    assert len(proxy.asked) == 1


def test_a_name_is_never_a_path(bucket, put, tmp_path, target):
    put("d/a.csv")
    store = bucket("d")
    store.list()
    with pytest.raises(SourceUnreachable):
        store.fetch(OfferedFile("../../escaped.csv", 3, "3-abc"), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incoming"]


class BreakingClient:
    """Serves a body's ranges, and breaks each answer off after the next of `cuts` bytes while there are any."""

    def __init__(self, body: bytes, cuts: list[int]) -> None:
        self.body, self.cuts, self.bytes_sent = body, cuts, 0

    def get_object(self, Bucket: str, Key: str, IfMatch: str, Range: str | None = None) -> dict[str, object]:
        start, end = (int(edge) for edge in Range.removeprefix("bytes=").split("-")) if Range else (0, len(self.body) - 1)
        sent = self.body[start : end + 1]
        answer = {"ETag": IfMatch, "ContentLength": len(sent)}
        if Range:
            answer["ContentRange"] = f"bytes {start}-{end}/{len(self.body)}"
        if self.cuts:
            sent = sent[: self.cuts.pop()]
        self.bytes_sent += len(sent)
        return answer | {"Body": BreakingBody(sent)}


class BreakingBody(io.BytesIO):
    def read(self, amount: int | None = -1) -> bytes:
        chunk = super().read(amount)
        if not chunk:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=amount)
        return chunk


@given(body=st.binary(max_size=400), part=st.integers(1, 150), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_wherever_it_breaks_off_every_byte_comes_once(body, part, cuts):
    """Five cuts at most, so that even a part that gets all of them has a sixth attempt."""
    client = BreakingClient(body, cuts)
    patience = Patience(wait_first_s=0, wait_max_s=0)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(downloading, "PART_BYTES", part)
        target = Path(folder) / "incoming"
        sha256 = download(client, Wanted("b", "k", len(body), "etag"), target, patience)
        assert target.read_bytes() == body
    assert sha256 == hashlib.sha256(body).hexdigest()
    assert client.bytes_sent == len(body)
