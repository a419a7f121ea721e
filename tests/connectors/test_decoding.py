"""What is not the text that its ending promises is refused, and no message repeats a value."""

from __future__ import annotations

import gzip
import io
import traceback

import pytest

from connectors.formats import csv_tables, decoding
from connectors.formats.decoding import read_text_table
from connectors.formats.text_tables import names_text
from models.errors import BrokenFile


def rows_of(data: bytes | str, ending: str = ".csv") -> list[tuple[str | None, ...]]:
    """The header and the rows."""
    raw = data if isinstance(data, bytes) else data.encode()
    table = read_text_table(lambda: io.BytesIO(raw), ending, "source log, file a")
    rows = [tuple(row[name] for name in table.columns) for batch in table.batches for row in batch.to_pylist()]
    return [table.columns, *rows]


def refused(data: bytes | str, ending: str = ".csv") -> BrokenFile:
    with pytest.raises(BrokenFile) as refusal:
        rows_of(data, ending)
    return refusal.value


@pytest.mark.parametrize(("ending", "line"), [(".csv", b"1,2\n"), (".ndjson", b'{"a":1}\n')])
def test_batches_come_before_the_file_is_read_to_its_end(monkeypatch, ending, line):
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 1 << 10)
    monkeypatch.setattr(csv_tables, "ROW_BYTES_MAX", 1 << 10)
    opened: list[io.BytesIO] = []

    def open_file() -> io.BytesIO:
        opened.append(io.BytesIO(line * 200_000))
        return opened[-1]

    table = read_text_table(open_file, ending, "source log, file a")
    next(table.batches)
    assert 0 < opened[-1].tell() < len(line) * 100_000


def test_a_byte_that_is_not_utf8_is_named_by_position(monkeypatch):
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 4)
    refusal = refused(b"a,b\n1,M" + "ü".encode("latin-1") + b"ller\n")
    assert refusal.what == "The file is not text in UTF-8."
    assert refusal.found == "a byte at position 7 (counted from 0) that UTF-8 can't have there"
    assert "Export it again as UTF-8" in refusal.todo


def test_a_csv_cut_inside_a_character_is_refused():
    assert refused("a,b\n1,ü".encode()[:-1]).found == "a byte at position 6 (counted from 0) that UTF-8 can't have there"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (gzip.compress(b"a,b\n", mtime=0), "the beginning of a gzip file"),
        (b"PAR1....", "the beginning of a Parquet file"),
        (b"PK\x03\x04..", "the beginning of a zip or XLSX file"),
        (b"a,b\n1,\x00\n", "a zero byte at position 6"),
    ],
)
def test_a_csv_that_is_not_text_is_refused(data, found):
    refusal = refused(data)
    assert (refusal.what, refusal.found) == ("The file is not what its ending .csv says.", found)


def test_a_gz_without_gzip_is_refused():
    refusal = refused(b"a,b\n1,2\n", ".csv.gz")
    assert (refusal.what, refusal.found) == ("The file is not what its ending .csv.gz says.", "no gzip header")


def test_a_gz_of_parquet_is_refused():
    assert refused(gzip.compress(b"PAR1...."), ".csv.gz").found == "the beginning of a Parquet file"


def test_a_truncated_gz_is_refused():
    assert refused(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20], ".csv.gz").what == "The file is truncated."


def test_a_damaged_gz_is_refused():
    data = bytearray(gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 100))
    data[-5] ^= 255
    assert refused(bytes(data), ".csv.gz").what == "The file is damaged."


def test_a_gz_of_nothing_is_refused():
    assert refused(gzip.compress(b""), ".csv.gz").what == "The file is empty."


def test_two_gz_members_are_one_file():
    assert rows_of(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), ".csv.gz") == [("a", "b"), ("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        ("a,b\nsecret,2,3\n", ".csv"),
        ('a,b\n1,"secret\n', ".csv"),
        (b"a,b\n1,secret\xff\n", ".csv"),
        ('{"a":"secret"', ".json"),
        ('{"a":"secret\\ud800"}', ".json"),
        ("e-1,secret,2026-01-01,2026-01-01\n", ".csv"),
    ],
)
def test_no_message_repeats_a_value(data, ending):
    assert "secret" not in "".join(traceback.format_exception(refused(data, ending)))


def test_names_are_listed_unless_they_look_like_data():
    assert names_text(["day", "gpu2"]) == "day, gpu2"
    for value in ("2026-05-01", "184,000.00 €", "50 %", "2026-05-01T00:00:00Z"):
        assert names_text(["Jane", value]) == "2 fields that look like data, not like names: the header may be missing"
