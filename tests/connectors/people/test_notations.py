"""Numbers, dates and column names as HR systems write them: read where they can mean one thing, refused where they can mean two."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pyarrow.parquet
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from connectors.people.projection import UNREADABLE
from connectors.people.values import iso_dates, plain_numbers
from models.errors import BrokenFile

COLUMNS = {
    "person_id": "Personalnummer",
    "role": "Tätigkeit",
    "start": "Gültig ab",
    "end": "Gültig bis",
    "allocation_pct": "Anteil in %",
    "annual_base": "Jahresgehalt brutto",
    "currency": "Währung",
}
CONSTANTS = {"target": "platform"}


def sap_like(*rows: str, header: str = "Personalnummer;Nachname;Tätigkeit;Gültig ab;Gültig bis;Anteil in %;Jahresgehalt brutto;Währung") -> str:
    return "\n".join((header, *rows)) + "\n"


@pytest.fixture
def project(land_bytes: Callable[..., object]) -> Callable[..., list[dict[str, str | None]]]:
    """The rows that land of a people file."""

    def rows(data: str | bytes, name: str = "people.csv", **given: object) -> list[dict[str, str | None]]:
        settings = {"columns": COLUMNS, "constants": CONSTANTS} | given
        file = land_bytes(name, data, kind="people", id="people", **settings)
        return pyarrow.parquet.read_table(file.columnar).to_pylist()

    return rows


def numbers(*salaries: str | None, shares: tuple[str | None, ...] = (), ending: str = ".csv") -> list[str | None]:
    fields = {"annual_base": list(salaries), "allocation_pct": list(shares)}
    return [value for values in plain_numbers(fields, "allocation_pct", ending, "file people.csv").values() for value in values]


def dates(*values: str | None) -> list[str | None]:
    return iso_dates({"start": list(values)}, "file people.csv")["start"]


def test_a_german_export_reads_as_ours(project):
    (first, second) = project(
        sap_like("00001001;Müller;ml_engineer;01.05.2026;31.12.9999;62,5;85.000,50;EUR", "00001002;Weiß;sre;20260510;20260514;100;64.000,00;EUR")
    )
    fields = ("role", "target", "start", "end", "allocation_pct", "annual_base", "currency")
    assert [first[name] for name in fields] == ["ml_engineer", "platform", "2026-05-01", "9999-12-31", "62.5", "85000.50", "EUR"]
    assert [second[name] for name in fields] == ["sre", "platform", "2026-05-10", "2026-05-14", "100", "64000.00", "EUR"]


@pytest.mark.parametrize(
    "spell",
    [
        lambda header: unicodedata.normalize("NFD", header),
        str.upper,
        lambda header: header.replace("Gültig ab", " Gültig  ab "),
        lambda header: header.replace("Gültig ab", "Gültig\u00a0ab"),
    ],
)
def test_a_column_is_found_however_its_name_is_spelled(project, spell):
    header = spell(sap_like().strip())
    (row,) = project(sap_like("1;M;sre;2026-05-01;;50;64000;EUR", header=header))
    assert (row["start"], row["end"], row["role"]) == ("2026-05-01", None, "sre")


def test_a_column_s_own_name_comes_before_those_like_it(project):
    data = "person_id,role,target,start,START ,allocation_pct,annual_base,currency\n1,sre,platform,2026-05-01,2020-01-01,50,64000,EUR\n"
    assert project(data, columns={}, constants={})[0]["start"] == "2026-05-01"


def test_of_several_columns_like_a_name_none_is_taken(project):
    data = "person_id,role,target,Start ,START,allocation_pct,annual_base,currency\n1,sre,platform,2026-05-01,2020-01-01,50,64000,EUR\n"
    with pytest.raises(BrokenFile) as refusal:
        project(data, columns={}, constants={})
    assert refusal.value.expected == "start"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("62400", "62400"),
        ("62400.5", "62400.5"),
        ("62,400.50", "62400.50"),
        ("1,062,400", "1062400"),
        ("62400,50", "62400.50"),
        ("62.400,50", "62400.50"),
        ("1.062.400", "1062400"),
        ("62 400,50", "62400.50"),
        ("62\u202f400", "62400"),
        ("62'400.50", "62400.50"),
        ("62’400", "62400"),
        ("6.24E+04", "6.24E+04"),
        ("62400.125", "62400.125"),
        ("0.125", "0.125"),
        ("-5,5", "-5.5"),
        ("62,40,0", "62,40,0"),
        ("1.062,400.5", "1.062,400.5"),
        (".", "."),
        ("62400 EUR", "62400 EUR"),
        ("50%", "50%"),
    ],
)
def test_a_salary_that_can_mean_one_thing_is_read(written, read):
    assert numbers(written) == [read]


@pytest.mark.parametrize(
    ("written", "read"),
    [("50", "50"), ("50%", "50"), ("62,5 %", "62.5"), ("33.333", "33.333"), ("33,333", "33.333"), ("half", "half"), (None, None)],
)
def test_a_percentage_has_no_thousands(written, read):
    assert numbers(shares=(written,)) == [read]


@pytest.mark.parametrize(
    ("salaries", "shares", "read"),
    [
        (("85.000", "64.000,00"), (), ["85000", "64000.00"]),
        (("85,000", "64,000.00"), (), ["85000", "64000.00"]),
        (("85.000",), ("62,5",), ["85000", "62.5"]),
        (("85,000",), ("62.5",), ["85000", "62.5"]),
    ],
)
def test_thousands_are_told_by_the_file_s_other_numbers(salaries, shares, read):
    assert numbers(*salaries, shares=shares) == read


@pytest.mark.parametrize(
    ("salaries", "shares"),
    [
        (("85.000",), ("50",)),
        (("85,000",), ("50",)),
        (("85.000", "64,000"), ("50",)),
        (("85.000", "64000.00"), ("50",)),
        (("85.000", "64000.00", "1,5"), ()),
    ],
)
def test_thousands_that_nothing_tells_are_refused(salaries, shares):
    with pytest.raises(BrokenFile, match="can be read in two ways") as refusal:
        numbers(*salaries, shares=shares)
    assert refusal.value.where == "file people.csv"
    assert not any(salary in str(refusal.value) for salary in salaries)


@pytest.mark.parametrize(("ending", "salary"), [(".json", "85.125"), (".parquet", "85.000"), (".xlsx", "85.125")])
def test_a_typed_number_has_a_point(ending, salary):
    assert numbers(salary, ending=ending) == [salary]


def test_a_number_kept_as_text_in_a_workbook_is_no_typed_number():
    with pytest.raises(BrokenFile):
        numbers("85.000", ending=".xlsx")


@given(st.lists(st.decimals(1000, 999_999, places=2), min_size=1, max_size=5), st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]))
def test_salaries_with_two_decimals_read_alike_in_every_notation(salaries: list[Decimal], signs: tuple[str, str]) -> None:
    thousands, decimal = signs
    written = [f"{salary:,.2f}".translate({ord(","): thousands, ord("."): decimal}) for salary in salaries]
    assert [Decimal(str(number)) for number in numbers(*written)] == salaries


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-05-31", "2026-05-31"),
        ("2026-05-31 00:00:00", "2026-05-31 00:00:00"),
        ("31.05.2026", "2026-05-31"),
        ("1.5.2026", "2026-05-01"),
        ("31.12.9999", "9999-12-31"),
        ("31.05.2026 00:00:00", "2026-05-31"),
        ("20260531", "2026-05-31"),
        ("31/05/2026", "2026-05-31"),
        ("05/31/2026", "2026-05-31"),
        ("5-31-2026", "2026-05-31"),
        ("05/05/2026", "2026-05-05"),
        ("31.05.26", "31.05.26"),
        (None, None),
    ],
)
def test_a_date_that_can_mean_one_day_is_read(written, read):
    assert dates(written) == [read]


def test_a_date_with_slashes_is_told_by_the_file_s_others():
    assert dates("05/01/2026", "05/31/2026") == ["2026-05-01", "2026-05-31"]
    assert dates("01/05/2026", "31/05/2026") == ["2026-05-01", "2026-05-31"]


@pytest.mark.parametrize("written", [("05/01/2026",), ("05/31/2026", "31/05/2026")])
def test_dates_that_can_mean_two_days_are_refused(written):
    with pytest.raises(BrokenFile, match="dates of a people file can be read in two ways") as refusal:
        dates(*written)
    assert not any(value in str(refusal.value) for value in written)


@given(st.lists(st.dates(date(1970, 1, 1)), min_size=1, max_size=5), st.sampled_from(["%d.%m.%Y", "%Y%m%d", "%Y-%m-%d"]))
def test_dates_of_one_meaning_read_alike(days: list[date], form: str) -> None:
    assert dates(*(day.strftime(form) for day in days)) == [day.isoformat() for day in days]


def test_what_is_no_date_and_no_number_does_not_land(project):
    (row,) = project(sap_like("1;M;sre;Mai;;halb;viel;EUR"))
    assert (row["start"], row["allocation_pct"], row["annual_base"]) == (UNREADABLE, UNREADABLE, UNREADABLE)


@pytest.mark.parametrize("options", [{}, {"date_1904": True}])
def test_a_workbook_s_dates_and_percentages_are_what_is_shown(project, options):
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True, **options}) as book:
        sheet = book.add_worksheet()
        day, percent, euro = (book.add_format({"num_format": text}) for text in ("dd.mm.yyyy", "0.0%", '#,##0.00 "€"'))
        sheet.write_row(0, 0, [COLUMNS[name] for name in ("person_id", "role", "start", "end", "allocation_pct", "annual_base", "currency")])
        for number, (start, end, share, salary) in enumerate(
            [(date(2026, 5, 1), date(2026, 5, 14), 0.5, 85000.5), (date(2026, 5, 15), None, 0.625, 90000)], 1
        ):
            sheet.write_row(number, 0, [1001, "sre"])
            sheet.write_datetime(number, 2, start, day)
            if end:
                sheet.write_datetime(number, 3, end, day)
            sheet.write_number(number, 4, share, percent)
            sheet.write_number(number, 5, salary, euro)
            sheet.write_string(number, 6, "EUR")
    rows = project(sink.getvalue(), "people.xlsx")
    assert [(row["start"], row["end"], row["allocation_pct"], row["annual_base"]) for row in rows] == [
        ("2026-05-01", "2026-05-14", "50", "85000.5"),
        ("2026-05-15", None, "62.5", "90000"),
    ]
    assert rows[0]["person_key"] == rows[1]["person_key"]


def test_the_last_day_that_a_workbook_knows_is_no_error(project):
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(COLUMNS.values()))
        sheet.write_row(1, 0, [1, "sre", "", "", 50, 1, "EUR"])
        for column, last in ((2, date(2026, 5, 1)), (3, date(9999, 12, 31))):
            sheet.write_datetime(1, column, last, book.add_format({"num_format": "yyyy-mm-dd"}))
    (row,) = project(sink.getvalue(), "people.xlsx")
    assert (row["start"], row["end"]) == ("2026-05-01", "9999-12-31")


def test_a_percentage_of_a_workbook_keeps_its_digits(project):
    """Excel stores a sixth with all the digits of a double."""
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        sheet, percent = book.add_worksheet(), book.add_format({"num_format": "0.0%"})
        sheet.write_row(0, 0, list(COLUMNS.values()))
        for number, share in enumerate((1 / 6, 0.07, 0.285, 1, 0), 1):
            sheet.write_row(number, 0, [number, "sre", "2026-05-01", "", "", 1, "EUR"])
            sheet.write_number(number, 4, share, percent)
    assert [row["allocation_pct"] for row in project(sink.getvalue(), "people.xlsx")] == ["16.66666666666667", "7", "28.5", "100", "0"]
