"""What a person reads in a sheet is what is read from it."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime

import pytest
import xlsxwriter

from connectors.formats.workbooks import read_workbook
from models.errors import BrokenFile


def workbook(fill: Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]) -> bytes:
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        fill(book, book.add_worksheet())
    return sink.getvalue()


def rows_of(data: bytes) -> list[tuple[str | None, ...]]:
    table = read_workbook(data, "source people, file a.xlsx")
    return [table.columns, *(tuple(row[name] for name in table.columns) for batch in table.batches for row in batch.to_pylist())]


def cell(value: object, number_format: str = "General") -> str | None:
    """One cell below the header `x`, beside another cell."""

    def fill(book, sheet):
        sheet.write_row(0, 0, ["id", "x"])
        sheet.write(1, 0, "p")
        if isinstance(value, datetime):
            sheet.write_datetime(1, 1, value, book.add_format({"num_format": number_format}))
        else:
            sheet.write(1, 1, value, book.add_format({"num_format": number_format}))

    return rows_of(workbook(fill))[1][1]


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        ("  text ", "General", "  text "),
        (30, "General", "30"),
        (185000.5, "#,##0.00 [$EUR]", "185000.5"),
        (True, "General", "true"),
        (datetime(2026, 1, 31), "dd/mm/yyyy", "2026-01-31"),
        (datetime(2026, 1, 31, 9, 30), "dd/mm/yyyy hh:mm", "2026-01-31 09:30:00"),
        (0.3, "0%", "30"),
        (0.07, "0.00%", "7"),
        (0.125, "0.0 %", "12.5"),
        (1, "0%", "100"),
        (30, '0"%"', "30"),
        (30, "0\\%", "30"),
    ],
)
def test_a_cell_is_what_is_shown(value, number_format, text):
    assert cell(value, number_format) == text


def test_a_formula_error_is_its_text():
    def fill(book, sheet):
        sheet.write_row(0, 0, ["id", "x"])
        sheet.write(1, 0, "p")
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")

    assert rows_of(workbook(fill)) == [("id", "x"), ("p", "#DIV/0!")]


def test_the_table_may_start_anywhere():
    def fill(book, sheet):
        sheet.write_row(3, 2, ["id", "pct"])
        sheet.write(4, 2, 1001)
        sheet.write(4, 3, 0.5, book.add_format({"num_format": "0%"}))

    assert rows_of(workbook(fill)) == [("id", "pct"), ("1001", "50")]


def test_empty_rows_at_the_end_are_left_out_and_between_are_kept():
    def fill(book, sheet):
        sheet.write_column(0, 0, ["id", "p", None, "q", " "])
        sheet.write_blank(9, 0, None, book.add_format({"num_format": "0%"}))

    assert rows_of(workbook(fill)) == [("id",), ("p",), (None,), ("q",)]


def test_the_first_sheet_is_read():
    def fill(book, sheet):
        sheet.write_column(0, 0, ["id", "p"])
        book.add_worksheet().write_column(0, 0, ["other", "q"])

    assert rows_of(workbook(fill)) == [("id",), ("p",)]


def test_a_column_name_twice_is_refused():
    with pytest.raises(BrokenFile, match="Two columns have the same name"):
        rows_of(workbook(lambda book, sheet: sheet.write_row(0, 0, ["id", "id"])))


def test_an_empty_sheet_is_refused():
    with pytest.raises(BrokenFile, match="The file is empty") as refusal:
        rows_of(workbook(lambda book, sheet: None))
    assert refusal.value.found == "a first sheet without any cell"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"id,role\n", "no zip archive"),
        (b"\xd0\xcf\x11\xe0....", "a workbook of the old XLS format, or one with a password"),
    ],
)
def test_what_is_no_zip_is_refused(data, found):
    with pytest.raises(BrokenFile, match=r"not what its ending \.xlsx says") as refusal:
        rows_of(data)
    assert refusal.value.found == found


def test_a_truncated_workbook_is_refused():
    data = workbook(lambda book, sheet: sheet.write_row(0, 0, ["id"]))
    with pytest.raises(BrokenFile, match="The workbook can't be read"):
        rows_of(data[: len(data) // 2])


def test_a_workbook_that_unpacks_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("connectors.formats.workbooks.UNPACKED_BYTES_MAX", 1 << 10)
    with pytest.raises(BrokenFile, match="unpacks to more than 0 MiB"):
        rows_of(workbook(lambda book, sheet: sheet.write_row(0, 0, ["id"])))
