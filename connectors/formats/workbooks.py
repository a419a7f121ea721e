"""The first sheet of an XLSX workbook as a table of text, read in memory: nothing of it is written to the disk.

A cell becomes what a person reads in it, in the notation of the other formats: a date ISO text (the time left out at midnight), a number
its shortest text, a number shown as a percentage the number before the sign (Excel stores 30 % as 0.3). Which cells are shown so, and
which hold a formula's error, fastexcel does not tell; both are read from the workbook's own XML. An error is its text (#REF!), which no
column of numbers or dates will take.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from xml.etree import ElementTree

import fastexcel
import pyarrow as pa

from connectors.formats.text_tables import TextTable, check_names, not_what_it_says
from models.errors import BrokenFile

UNPACKED_BYTES_MAX = 512 << 20

_BUILT_IN_PERCENT_FORMATS = (9, 10)
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d) 00:00:00(\.0+)?")
# In a number format quoted and escaped characters are shown as they are: their % does not multiply.
_LITERAL = re.compile(r'"[^"]*"|\\.')

Cell = tuple[int, int]


def read_workbook(data: bytes, where: str) -> TextTable:
    """Decode an XLSX file's first sheet; its first row that is not empty is the header. Empty rows at the end are left out.

    Raises BrokenFile where the bytes are no workbook; no message repeats a cell.
    """
    if not data.startswith(b"PK\x03\x04"):
        found = "a workbook of the old XLS format, or one with a password" if data.startswith(b"\xd0\xcf\x11\xe0") else "no zip archive"
        raise not_what_it_says(".xlsx", where, found=found, expected="an Excel workbook")
    try:
        columns = _columns(data, where)
    except (fastexcel.FastExcelError, zipfile.BadZipFile, ElementTree.ParseError, LookupError, ValueError, EOFError, NotImplementedError):
        found, todo = "a damaged or truncated file", "Save it again as XLSX, or as CSV UTF-8."
        raise BrokenFile("The workbook can't be read.", where=where, found=found, todo=todo) from None
    if not columns or not columns[0]:
        raise BrokenFile("The file is empty.", where=where, found="a first sheet without any cell", todo="Put the table on the first sheet.")
    names = tuple(cells[0] or f"unnamed_{position}" for position, cells in enumerate(columns, start=1))
    check_names(names, where)
    texts = [pa.array([_without_midnight(cell) for cell in cells[1:]], pa.string()) for cells in columns]
    return TextTable(names, iter([pa.RecordBatch.from_arrays(texts, names=list(names))]))


def _columns(data: bytes, where: str) -> list[list[str | None]]:
    """The first sheet's cells by column, the header among them."""
    marks, first_row, first_column = _marks(data, where)
    sheet = fastexcel.read_excel(data).load_sheet(0, header_row=None, dtypes="string", skip_whitespace_tail_rows=True, whitespace_as_null=True)
    columns: list[list[str | None]] = [column.to_pylist() for column in sheet.to_arrow().columns]
    for (row, column), text in marks.items():
        columns[column - first_column][row - first_row] = text
    return columns


def _times_hundred(stored: str | None, where: str) -> str:
    """What is shown of a percentage that the XML stores as a double, with up to 17 digits: 7.0000000000000007E-2 is 7."""
    try:
        return f"{(Decimal(repr(float(stored or ''))) * 100).normalize():f}"
    except ValueError:
        raise BrokenFile("A cell shown as a percentage holds no number.", where=where, todo="Save the sheet as CSV UTF-8.") from None


def _without_midnight(cell: str | None) -> str | None:
    match = _MIDNIGHT.fullmatch(cell) if cell else None
    return match[1] if match else cell


def _marks(data: bytes, where: str) -> tuple[dict[Cell, str | None], int, int]:
    """The text of the first sheet's cells (row, column, from 0) that hold an error (#REF!) or a percentage (30); and its first row and column
    that hold anything.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > UNPACKED_BYTES_MAX:
            todo = "Deliver the table alone, or as CSV UTF-8."
            raise BrokenFile(f"The workbook unpacks to more than {UNPACKED_BYTES_MAX >> 20} MiB.", where=where, todo=todo)
        percent_styles = _percent_styles(archive)
        marks: dict[Cell, str | None] = {}
        first_row, first_column = None, None
        for row, column, cell in _cells_with_value(archive, _first_sheet_part(archive)):
            first_row = row if first_row is None else min(first_row, row)
            first_column = column if first_column is None else min(first_column, column)
            kind = cell.get("t", "n")
            if kind == "e":
                marks[row, column] = cell.findtext(f"{_MAIN}v")
            elif kind == "n" and cell.get("s", "0") in percent_styles:
                marks[row, column] = _times_hundred(cell.findtext(f"{_MAIN}v"), f"{where}, sheet row {row + 1}, sheet column {column + 1}")
    return marks, first_row or 0, first_column or 0


def _first_sheet_part(archive: zipfile.ZipFile) -> str:
    """The archive's name of the first sheet: by the workbook's list of sheets and its relations."""
    sheet = ElementTree.fromstring(archive.read("xl/workbook.xml")).find(f"{_MAIN}sheets/{_MAIN}sheet")
    if sheet is None:
        raise KeyError("sheet")
    for relation in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")):
        if relation.get("Id") == sheet.get(_RELATION_ID):
            target = relation.get("Target", "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError("relation")


def _percent_styles(archive: zipfile.ZipFile) -> set[str]:
    """The cell styles (by the index that cells name) whose number format multiplies by a hundred."""
    if "xl/styles.xml" not in archive.namelist():
        return set()
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    percent_formats = {str(number) for number in _BUILT_IN_PERCENT_FORMATS}
    for number_format in styles.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt"):
        if "%" in _LITERAL.sub("", number_format.get("formatCode", "")):
            percent_formats.add(number_format.get("numFmtId", ""))
    formats = styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    return {str(index) for index, each in enumerate(formats) if each.get("numFmtId") in percent_formats}


def _cells_with_value(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, int, ElementTree.Element]]:
    """Each cell of a sheet that holds something, with its row and column counted from 0."""
    row, column = -1, -1
    with archive.open(part) as sheet:
        for event, element in ElementTree.iterparse(sheet, events=("start", "end")):
            if event == "start" and element.tag == f"{_MAIN}row":
                row, column = int(element.get("r", row + 2)) - 1, -1
            elif event == "start" and element.tag == f"{_MAIN}c":
                letters = element.get("r", "").rstrip("0123456789")
                column = _column_index(letters) if letters else column + 1
            elif event == "end" and element.tag == f"{_MAIN}c":
                value = element.find(f"{_MAIN}v")
                if (value is not None and value.text) or element.find(f"{_MAIN}is") is not None:
                    yield row, column, element
            elif event == "end" and element.tag == f"{_MAIN}row":
                element.clear()


def _column_index(letters: str) -> int:
    """`A` is 0, `Z` 25, `AA` 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
