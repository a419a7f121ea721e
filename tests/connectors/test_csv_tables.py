"""CSV keeps each value's own characters, or is refused with the row's number."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import csv_tables, decoding
from connectors.formats.decoding import read_text_table
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


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a,b\r\n1,2\r\n", "a,b\n1,2", "\ufeffa,b\n1,2\n", '"a","b"\n"1","2"\n'])
def test_a_csv_may_be_written_in_several_ways(text):
    assert rows_of(text) == [("a", "b"), ("1", "2")]


def test_values_keep_their_characters():
    assert rows_of("a,b\n007,1e-7\n0.10,  x \nNULL,nan\n") == [("a", "b"), ("007", "1e-7"), ("0.10", "  x "), ("NULL", "nan")]


def test_an_empty_value_is_null_quoted_or_not():
    assert rows_of('a,b\n,""\n') == [("a", "b"), (None, None)]


def test_a_quoted_value_may_hold_delimiters_quotes_and_lines():
    assert rows_of('a,b\n"1,5","x\n""y"""\n') == [("a", "b"), ("1,5", 'x\n"y"')]


def test_the_header_may_hold_a_quoted_line():
    assert rows_of('"a\nb",c\n1,2\n') == [("a\nb", "c"), ("1", "2")]


def test_a_decimal_comma_does_not_decide_the_delimiter():
    assert rows_of("a;b\n1,5;2,5\n") == [("a", "b"), ("1,5", "2,5")]


def test_blank_lines_are_no_rows():
    assert rows_of("\na,b\n\n1,2\n\n") == [("a", "b"), ("1", "2")]


def test_a_header_alone_is_a_table_without_rows():
    assert rows_of("a,b") == rows_of("a,b\n") == [("a", "b")]


def test_a_column_without_a_name_gets_its_position():
    assert rows_of(",a,\n0,1,2\n") == [("unnamed_1", "a", "unnamed_3"), ("0", "1", "2")]


def test_one_column_is_a_table():
    assert rows_of("a\n1\n2\n") == [("a",), ("1",), ("2",)]


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=5)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=20))
def test_any_quoted_text_comes_back(rows):
    text = "a,b\n" + "".join(",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n" for row in rows)
    assert rows_of(text)[1:] == [tuple(value or None for value in row) for row in rows]


def test_a_row_across_pieces_and_blocks_is_whole(monkeypatch):
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 7)
    monkeypatch.setattr(csv_tables, "ROW_BYTES_MAX", 64)
    text = "name,b\n" + "".join(f"é{i},ü\n" for i in range(100))
    with_header_in_first_piece = rows_of(text)
    assert with_header_in_first_piece[1:] == [(f"é{i}", "ü") for i in range(100)]


@pytest.mark.parametrize(
    ("row", "what", "found"),
    [("3", "A row has too few fields.", "1 fields"), ("3,4,5", "A row has too many fields.", "3 fields")],
)
def test_a_row_of_another_width_is_refused_by_its_number(row, what, found):
    refusal = refused(f"a,b\n1,2\n\n1,2\n{row}\n")
    assert (refusal.what, refusal.found) == (what, found)
    assert refusal.where == "source log, file a, row 3"
    assert refusal.expected == "2, as in the header"


def test_a_wrong_row_is_numbered_across_blocks(monkeypatch):
    monkeypatch.setattr(csv_tables, "ROW_BYTES_MAX", 64)
    assert refused("a,b\n" + "1,2\n" * 1000 + "3\n").where == "source log, file a, row 1,001"


def test_a_quotation_mark_that_is_not_closed_is_refused():
    assert refused('a,b\n1,"x\n2,3\n').what == "The file ends inside a quoted value."
    assert refused('a,b\n1,2\n"x').where == "source log, file a, row 2"


def test_a_quotation_mark_that_is_not_closed_in_the_header_is_refused():
    assert refused('a,"b\n1,2\n').what == "The rows can't be read as CSV."
    assert refused('a,"' + "x" * 200_000).what == "The header can't be read."


def test_a_row_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(csv_tables, "ROW_BYTES_MAX", 1 << 20)
    refusal = refused("a,b\n1," + "x" * (3 << 20) + "\n")
    assert refusal.what == "A row is longer than 1 MiB."


@pytest.mark.parametrize(
    ("header", "found"),
    [("a,b,a", "a, a"), ("Cost,b,cost", "Cost, cost (upper and lower case are not told apart)")],
)
def test_a_column_name_twice_is_refused(header, found):
    refusal = refused(f"{header}\n1,2,3\n")
    assert (refusal.what, refusal.found) == ("Two columns have the same name.", found)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_an_empty_csv_is_refused(data):
    assert refused(data).what == "The file is empty."
