"""Which keys a bucket offers, by what names, and what of them is never data."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from fault_proxy import altered, cut_off, error
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.globs import is_passed_over, matches, split_glob
from connectors.listings import IgnoredFile
from connectors.object_storage.address import flaw_of, parse_address, printable
from models.errors import SourceUnreachable


def names(store) -> list[str]:
    return [file.name for file in store.list().offered]


def test_a_prefix_is_a_folder_with_or_without_its_slash(bucket, put):
    for key in ("exports/b.csv", "exports/2026/a.csv", "exports-old/c.csv", "exports.csv", "other/d.csv"):
        put(key)
    assert names(bucket("exports")) == names(bucket("exports/")) == ["2026/a.csv", "b.csv"]


def test_a_whole_bucket_is_a_prefix_too(bucket, put):
    put("b.csv")
    put("a/x.csv")
    assert names(bucket("")) == names(bucket(url="s3://finance-exports")) == ["a/x.csv", "b.csv"]


def test_a_key_is_one_file(bucket, put, tmp_path):
    put("exports/bill.csv", b"money")
    put("exports/bill.csv.old")
    store = bucket("exports/bill.csv")
    (file,) = store.list().offered
    assert (file.name, file.bytes, file.path) == ("bill.csv", 5, None)
    assert store.read(file) == b"money"


def test_the_fingerprint_is_size_and_etag(bucket, put):
    etag = put("a.csv", b"12345")
    (first,) = bucket().list().offered
    assert first.fingerprint == f"5-{etag}"
    put("a.csv", b"12345")
    assert bucket().list().offered == (first,)
    put("a.csv", b"54321")
    assert bucket().list().offered[0].fingerprint != first.fingerprint


def test_a_pattern_is_matched_below_its_folder(bucket, put):
    for key in ("logs/chat-1.csv", "logs/chat-2.csv", "logs/chat-old/3.csv", "logs/other.csv", "logs/a/chat-4.csv"):
        put(key)
    assert names(bucket("logs/chat-*.csv")) == ["chat-1.csv", "chat-2.csv"]
    assert names(bucket("logs/**/chat-*.csv")) == ["a/chat-4.csv", "chat-1.csv", "chat-2.csv"]
    assert names(bucket("logs/chat*/?.csv")) == ["chat-old/3.csv"]
    assert names(bucket("**")) == ["logs/a/chat-4.csv", "logs/chat-1.csv", "logs/chat-2.csv", "logs/chat-old/3.csv", "logs/other.csv"]


def test_a_pattern_asks_only_for_what_can_match(bucket, put, proxy):
    put("logs/chat-1.csv")
    bucket("logs/chat-*.csv").list()
    assert "prefix=logs/chat-&" in proxy.asked[0].path + "&"


def test_more_than_a_page_of_keys_is_listed(bucket, put_many, proxy):
    put_many([f"d/{number:04}.csv" for number in range(2_001)])
    assert names(bucket("d")) == [f"{number:04}.csv" for number in range(2_001)]
    assert len(proxy.of("GET", "list-type=2")) == 3


def test_what_delivering_programs_leave_is_passed_over(bucket, put):
    put("d/", b"")
    put("d/sub/", b"")
    put("d/old_$folder$", b"")
    put("d/empty.csv", b"")
    for key in ("d/_SUCCESS", "d/.hidden.csv", "d/.git/x.csv", "d/b.csv.tmp", "d/_delta_log/0.json", "d/_temporary/0/a.csv"):
        put(key)
    listing = bucket("d").list()
    assert [file.name for file in listing.offered] == ["empty.csv"]
    assert listing.ignored == ()


def test_what_is_not_accepted_is_ignored_with_its_reason(bucket, put):
    put("d/a.csv")
    put("d/notes.docx")
    listing = bucket("d", accepts=lambda name: None if name.endswith(".csv") else "its ending is none of .csv").list()
    assert [file.name for file in listing.offered] == ["a.csv"]
    assert listing.ignored == (IgnoredFile("notes.docx", "its ending is none of .csv"),)


@pytest.mark.parametrize("key", ["d/../../etc/passwd", "d/./a.csv", "d//a.csv", "d/a.csv/", "d/a\x01.csv", "d/a\u202ecsv.exe", "d/a\u200b.csv"])
def test_a_key_that_is_no_name_is_ignored(key, bucket, put, proxy):
    put("d/ok.csv")
    put("d/zz.csv")

    # A test server's own tools may tidy such keys away, so the listing itself says them.
    def renamed(answer):
        return replace(answer, body=answer.body.replace(b"<Key>d/zz.csv</Key>", f"<Key>{quote(key)}</Key>".encode()))

    proxy.on("GET", "list-type=2", altered(renamed))
    listing = bucket("d").list()
    assert [file.name for file in listing.offered] == ["ok.csv"]
    (ignored,) = listing.ignored
    assert ignored.name == printable(key.removeprefix("d/"))
    assert ignored.name.isprintable()
    assert ignored.reason.startswith("its name h")


def test_two_spellings_of_one_name_are_one_file_and_a_finding(bucket, put):
    put("d/cafe\u0301.csv")
    put("d/caf\u00e9.csv")
    listing = bucket("d").list()
    assert [file.name for file in listing.offered] == ["cafe\u0301.csv"]
    assert listing.ignored == (IgnoredFile("caf\u00e9.csv", "its name looks like that of another file"),)


def test_names_with_spaces_signs_and_letters_are_kept(bucket, put):
    for name in ("a b+c=d&e.csv", "50%.csv", "Größe 1.csv", "x?y#z.csv", "A.csv", "a.csv"):
        put(f"d/{name}", name.encode())
    store = bucket("d")
    assert (
        {store.read(file).decode() for file in store.list().offered}
        == set(names(store))
        == {
            *("a b+c=d&e.csv", "50%.csv", "Größe 1.csv", "x?y#z.csv", "A.csv", "a.csv"),
        }
    )


def test_an_empty_prefix_says_so(bucket, put):
    put("exports-old/a.csv")
    with pytest.raises(SourceUnreachable, match="No file lies under this prefix") as refused:
        bucket("exports").list()
    assert "source bill, path s3://finance-exports/exports" in str(refused.value)


def test_a_pattern_without_a_match_says_so(bucket, put):
    put("logs/a.csv")
    with pytest.raises(SourceUnreachable, match=r"No file matches the pattern.[\s\S]*1 keys, none of which fits"):
        bucket("logs/*.parquet").list()


def test_a_prefix_of_unreadable_files_names_some(bucket, put):
    put("d/a.docx")
    with pytest.raises(SourceUnreachable, match=r"1 files that are not read: a.docx: no table"):
        bucket("d", accepts=lambda name: "no table").list()


def test_a_listing_passes_over_faults(bucket, put, proxy):
    put("d/a.csv")
    proxy.on("GET", "list-type=2", error(503, "SlowDown"))
    proxy.on("GET", "list-type=2", error(500, "InternalError"))
    proxy.on("GET", "list-type=2", error(502))
    proxy.on("GET", "list-type=2", cut_off(100))
    assert names(bucket("d")) == ["a.csv"]
    assert len(proxy.asked) == 5


@pytest.mark.parametrize("sent_bytes", [0, 60, 400])
def test_a_page_that_is_cut_off_is_never_taken_for_a_short_one(sent_bytes, bucket, put_many, proxy):
    put_many([f"d/{number:04}.csv" for number in range(1_200)])
    proxy.on("GET", "continuation-token", cut_off(sent_bytes), times=99)
    with pytest.raises(SourceUnreachable, match="again and again"):
        bucket("d").list()
    assert len(proxy.of("GET", "continuation-token")) == 6


def test_an_endless_listing_is_refused(bucket, put, proxy):
    put("d/a.csv")
    again = b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    endless = altered(lambda answer: replace(answer, body=answer.body.replace(b"<IsTruncated>false</IsTruncated>", again)))
    proxy.on("GET", "list-type=2", endless, times=99)
    with pytest.raises(SourceUnreachable):
        bucket("d").list()
    assert len(proxy.asked) < 10


PARTS = st.lists(st.sampled_from(["a", "b.csv", "**", "*", "?", "_SUCCESS", ".x", "..", "", "x\n"]), min_size=1, max_size=4)


@given(PARTS)
def test_a_name_without_a_flaw_stays_below_its_folder(parts):
    name = "/".join(parts)
    if flaw_of(name) is None:
        assert ".." not in parts
        assert "" not in parts
        assert name.isprintable()
    assert printable(name).isprintable()


@given(PARTS)
def test_a_pattern_splits_and_joins_again(parts):
    before, pattern = split_glob(tuple(parts))
    assert (*before, *(pattern or ())) == tuple(parts)
    assert not any(wildcard in part for part in before for wildcard in "*?[")


@given(PARTS.filter(lambda parts: all(part not in ("", "..") for part in parts)))
def test_an_address_asks_for_no_more_than_its_folder(parts):
    address = parse_address("s3://b2b/" + "/".join(parts), "here")
    assert address.listed_prefix.startswith(address.folder)
    assert address.folder == "" or address.folder.endswith("/")


def test_markers_hide_what_lies_below_them():
    assert is_passed_over(("_delta_log", "a.json"))
    assert not is_passed_over(("_delta_log",))
    assert matches(("a", "b"), ("**",))
