"""People as HR systems deliver them: mapped columns, workbooks, changes within a month, corrections, several currencies, what has to wait.

Everyone gives half of the time at 240,000 USD loaded (or what converts to it), so that a whole month of a person is 10,000 USD. With
`min_people: 1` everyone is costed at their own rate.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from small_company import MONTHS, Outcome, Place, Row, crossover, people_rows, person_row, write_company, write_rows

MAY, JUNE = MONTHS
PEOPLE = "  - {id: people, kind: people, path: people.csv}\n"
SECRETS = ("person-", "zz-", "Müller", "171428", "171.428", "239999", "654321")


@pytest.fixture
def exact(unread: Place) -> Place:
    """The company before its first run, everyone at their own rate."""
    unread.edit("min_people: 5", "min_people: 1")
    return unread


def deliver(place: Place, *people: Row, file: str = "people.csv") -> None:
    write_rows(place.folder / file, list(people))


def run(place: Place, code: int = 0) -> Outcome:
    """A run, of whose people nothing is printed or published."""
    outcome = place.run()
    assert outcome.code == code, outcome
    said = [outcome.out, outcome.err]
    if place.finance.exists():
        tables = [name for (name,) in place.query("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()")]
        said += [str(place.rows(table)) for table in tables]
    assert not [secret for secret in SECRETS if any(secret in text for text in said)]
    return outcome


def monthly(place: Place, source: str = "people") -> dict[date, Decimal]:
    """What a source's people cost, refused ones apart, to a millionth."""
    return dict(
        place.query(
            "SELECT period, round(attributed_effective + unattributed_effective, 6) FROM reconciliation WHERE source_id = ? ORDER BY 1", source
        )
    )


def to_a_millionth(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"))


# Shapes.

WORKDAY = "Worker Report,Employee ID,Job Profile,Cost Object,Effective Date,End Date,FTE %,Total Annual Cost,Currency\n"
SAP = "Personalnummer;Nachname;Planstelle;Gültig ab;Gültig bis;Kapazität in %;Jahresgehalt;Währung\n"
HR_SOURCES = """\
  - id: workday
    kind: people
    path: hr/workday.csv
    columns:
      person_id: Employee ID
      role: Job Profile
      target: Cost Object
      start: Effective Date
      end: End Date
      allocation_pct: FTE %
      annual_loaded: Total Annual Cost
      currency: Currency
  - id: sap
    kind: people
    path: hr/sap.csv
    columns:
      person_id: Personalnummer
      role: Planstelle
      start: Gültig ab
      end: Gültig bis
      allocation_pct: Kapazität in %
      annual_base: Jahresgehalt
      currency: Währung
    constants: {target: "pool:llama"}
  - id: personio
    kind: people
    path: hr/personio.xlsx
    columns: {person_id: Employee number, role: Position, start: Valid from, end: Valid to, allocation_pct: Share, annual_base: Fixed salary}
    constants: {target: platform, currency: USD}
"""


def write_hr_exports(folder: Path) -> None:
    """Two people from each of three systems; 171,428.57 with a burden of 40 % is 240,000 but for a fraction of a cent."""
    folder.mkdir()
    rows = [f'"Report, zz-{number}",zz-{number},ml_engineer,workload:chat,05/01/2026,06/30/2026,50,"240,000.00",USD\n' for number in (1, 2)]
    (folder / "workday.csv").write_text("\ufeff" + WORKDAY + "".join(rows), encoding="utf-8")
    rows = [f"0000{number};Müller;ml_engineer;01.05.2026;31.12.9999;50,0;171.428,57;USD\n" for number in (1001, 1002)]
    (folder / "sap.csv").write_text(SAP + "".join(rows), encoding="utf-8")
    with xlsxwriter.Workbook(folder / "personio.xlsx") as book:
        sheet, day, percent = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "0%"})
        sheet.write_row(0, 0, ["Last name", "Employee number", "Position", "Valid from", "Valid to", "Share", "Fixed salary"])
        for number in (1, 2):
            sheet.write_row(number, 0, ["Müller", f"zz-x{number}", "ml_engineer"])
            sheet.write_datetime(number, 3, datetime(2026, 5, 1), day)
            sheet.write_number(number, 5, 0.5, percent)
            sheet.write_number(number, 6, 171428.57)


def test_three_hr_systems_are_read_through_columns(unread: Place) -> None:
    unread.edit(PEOPLE, HR_SOURCES)
    write_hr_exports(unread.folder / "hr")
    run(unread)
    for source in ("workday", "sap", "personio"):
        assert monthly(unread, source) == {MAY: 20_000, JUNE: 20_000}
    assert unread.query("SELECT role, value FROM people_rates") == [("ml_engineer", 240_000)]
    assert unread.query("SELECT * FROM quarantine") == []


def test_salaries_that_can_mean_two_amounts_keep_the_last_good_file(unread: Place) -> None:
    unread.edit(PEOPLE, HR_SOURCES)
    write_hr_exports(unread.folder / "hr")
    run(unread)
    sap = unread.folder / "hr/sap.csv"
    sap.write_text(sap.read_text(encoding="utf-8").replace("171.428,57", "171.428").replace("50,0", "50"), encoding="utf-8")
    run(unread, 3)
    assert monthly(unread, "sap") == {MAY: 20_000, JUNE: 20_000}
    message = unread.value("SELECT message FROM data_quality WHERE check_name = 'file_refused' AND subject = 'sap'")
    assert "can be read in two ways" in message
    assert "the last good version stays in use" in message


def test_a_share_in_place_of_a_percentage_is_pointed_out(unread: Place) -> None:
    shares = [person_row(f"person-{number}", "platform", allocation_pct=share) for number, share in ((7, "0.5"), (8, "1"), (9, "1.5"))]
    deliver(unread, *people_rows(), *shares)
    run(unread)
    ((rows, severity, message),) = unread.query("SELECT rows, severity, message FROM data_quality WHERE check_name = 'allocation_may_be_a_share'")
    assert (rows, severity) == (2, "warning")
    assert "is a percentage (50), not a share (0.5)" in message
    assert monthly(unread) == {MAY: 60_000 + 100 + 200 + 300, JUNE: 60_000 + 100 + 200 + 300}


# Changes within a month.


def test_a_raise_within_the_month_counts_from_its_day(exact: Place) -> None:
    before = person_row("person-1", "workload:chat", end="2026-05-14")
    after = person_row("person-1", "workload:chat", start="2026-05-15", annual_loaded=300_000)
    deliver(exact, before, after)
    run(exact)
    may = to_a_millionth(Decimal(10_000) * 14 / 31 + Decimal(12_500) * 17 / 31)
    assert monthly(exact) == {MAY: may, JUNE: 12_500}


def test_a_raise_within_the_half_year_leaves_the_standard_rate(unread: Place) -> None:
    first, *others = people_rows()
    deliver(unread, first | {"end": "2026-06-14"}, first | {"start": "2026-06-15", "annual_loaded": 300_000}, *others)
    run(unread)
    assert monthly(unread) == {MAY: 60_000, JUNE: 60_000}


def test_a_day_that_belongs_to_both_rows_refuses_both(exact: Place) -> None:
    exact.edit("path: people.csv", "path: people.csv, max_quarantined_pct: 100")
    deliver(exact, person_row("person-1", "workload:chat", end="2026-05-15"), person_row("person-1", "workload:chat", start="2026-05-15"))
    run(exact)
    assert exact.query("SELECT row_number, reasons FROM quarantine ORDER BY 1") == [
        (1, "overlaps another row of the same person, target and activity"),
        (2, "overlaps another row of the same person, target and activity"),
    ]


def test_joiners_and_leavers_count_by_their_days(unread: Place) -> None:
    joiner, leaver, guest, *others = people_rows()
    deliver(unread, joiner | {"start": "2026-05-10"}, leaver | {"end": "2026-06-12"}, guest | {"start": "2026-05-20", "end": "2026-05-24"}, *others)
    run(unread)
    assert monthly(unread) == {
        MAY: to_a_millionth(40_000 + Decimal(10_000) * (22 + 5) / 31),
        JUNE: to_a_millionth(40_000 + Decimal(10_000) * 12 / 30),
    }


def test_one_person_may_change_target_within_the_month_at_full_time(exact: Place) -> None:
    deliver(
        exact,
        person_row("person-1", "workload:chat", allocation_pct=100, end="2026-06-15"),
        person_row("person-1", "workload:search", allocation_pct=100, start="2026-06-16"),
    )
    run(exact)
    found = exact.query("SELECT workload_id, round(sum(effective_cost), 6) FROM cost_daily WHERE source_id = 'people' GROUP BY 1 ORDER BY 1")
    assert found == [("chat", 30_000), ("search", 10_000)]


def test_six_sixths_of_a_workbook_are_one_person(exact: Place) -> None:
    exact.edit("path: people.csv", "path: people.xlsx")
    targets = [(target, activity) for target in ("workload:chat", "workload:search", "pool:llama") for activity in ("operations", "product")]
    with xlsxwriter.Workbook(exact.folder / "people.xlsx") as book:
        sheet, percent = book.add_worksheet(), book.add_format({"num_format": "0.0%"})
        for number, (target, activity) in enumerate(targets, 1):
            row = person_row("person-1", target, activity=activity)
            sheet.write_row(0, 0, list(row))
            sheet.write_row(number, 0, list(row.values()))
            sheet.write_number(number, list(row).index("allocation_pct"), 1 / 6, percent)
    run(exact)
    assert {month: round(cost, 4) for month, cost in monthly(exact).items()} == {MAY: 20_000, JUNE: 20_000}


# Deliveries.


def test_a_corrected_file_replaces_the_one_before(published: Place) -> None:
    first, *others = people_rows()
    deliver(published, first | {"end": "2026-05-31"}, *others)
    run(published)
    assert monthly(published) == {MAY: 60_000, JUNE: 50_000}
    assert published.query("SELECT DISTINCT cause, delta FROM restatements WHERE source_id = 'people' AND period = ?", JUNE) == [("people", -10_000)]
    assert published.query("SELECT version, rows, superseded_at IS NULL FROM ingestions WHERE source_id = 'people' ORDER BY 1") == [
        (1, 6, False),
        (2, 6, True),
    ]


def test_a_correction_of_a_closed_month_is_booked_in_the_open_one(published: Place) -> None:
    assert crossover("close", "2026-05", "--config", published.configuration).code == 0
    first, *others = people_rows()
    deliver(published, first | {"start": "2026-06-01"}, *others)
    run(published)
    booked = published.query(
        "SELECT accounting_month, round(sum(effective_cost), 6) FROM cost_daily WHERE source_id = 'people' GROUP BY 1 ORDER BY 1"
    )
    assert booked == [(MAY, 60_000), (JUNE, 50_000)]
    assert monthly(published) == {MAY: 50_000, JUNE: 60_000}


def test_a_folder_s_files_add_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_company(place.folder)
    place.edit("path: people.csv", "path: hr/")
    deliver(place, *(row | {"end": "2026-05-31"} for row in people_rows()), file="hr/2026-05.csv")
    deliver(place, *(row | {"start": "2026-06-01"} for row in people_rows()), file="hr/2026-06.csv")
    run(place)
    assert monthly(place) == {MAY: 60_000, JUNE: 60_000}


def test_a_correction_beside_the_first_file_is_refused_with_both_files_named(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_company(place.folder)
    place.edit("path: people.csv", "path: hr/")
    first, *others = people_rows()
    deliver(place, first, *others, file="hr/2026-05.csv")
    run(place)
    corrected = first | {"annual_loaded": 654_321}
    deliver(place, corrected, file="hr/2026-05-corrected.csv")
    outcome = run(place, 1)
    reason = "overlaps another row of the same person, target and activity, together with another file"
    for file in ("2026-05.csv", "2026-05-corrected.csv"):
        assert f"{file} row 1: {reason}" in outcome.out + outcome.err
    assert monthly(place) == {MAY: 60_000, JUNE: 60_000}  # the published file is the old one

    (place.folder / "hr/2026-05.csv").unlink()
    deliver(place, corrected, *others, file="hr/2026-05-corrected.csv")
    run(place)
    assert monthly(place) == {MAY: 60_000, JUNE: 60_000}
    assert place.query("SELECT * FROM quarantine") == []


def test_a_person_of_two_files_has_no_more_than_all_of_the_time(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_company(place.folder)
    place.edit("path: people.csv", "path: hr/, max_quarantined_pct: 100")
    deliver(place, *people_rows(), file="hr/a.csv")
    deliver(place, person_row("person-1", "pool:llama", allocation_pct=60), file="hr/b.csv")
    run(place)
    reason = "the person's allocations add up to more than 100 %, together with another file"
    assert place.query("SELECT file, row_number, reasons FROM quarantine ORDER BY 1") == [("a.csv", 1, reason), ("b.csv", 1, reason)]


# Currencies.


def test_salaries_of_several_currencies_are_converted_month_by_month(exact: Place) -> None:
    deliver(exact, person_row("person-1", "workload:chat"), person_row("person-2", "workload:search", annual_loaded=120_000, currency="EUR"))
    run(exact)
    assert monthly(exact) == {MAY: 10_000 + 5_500, JUNE: 10_000 + 6_000}
    fx = exact.folder / "fx.csv"
    fx.write_text(fx.read_text().replace("1.20", "1.30"))
    run(exact)
    assert monthly(exact) == {MAY: 10_000 + 5_500, JUNE: 10_000 + 6_500}


def test_a_closed_month_keeps_its_rate_for_salaries_too(exact: Place) -> None:
    deliver(exact, person_row("person-1", "workload:chat", annual_loaded=120_000, currency="EUR"))
    run(exact)
    assert crossover("close", "2026-05", "--config", exact.configuration).code == 0
    fx = exact.folder / "fx.csv"
    fx.write_text(fx.read_text().replace("1.10", "1.50").replace("1.20", "1.30"))
    run(exact)
    assert monthly(exact) == {MAY: 5_500, JUNE: 6_500}


def test_a_salary_without_a_rate_waits_and_comes_in_with_it(unread: Place) -> None:
    unread.edit("path: people.csv", "path: people.csv, max_quarantined_pct: 20")
    swiss = person_row("person-7", "workload:chat", start="2026-03-15", currency="CHF")
    deliver(unread, *people_rows(), swiss)
    run(unread)
    assert monthly(unread) == {MAY: 60_000, JUNE: 60_000}
    assert unread.query("SELECT file, row_number, reasons, effective_cost FROM quarantine") == [
        ("people.csv", 7, "no exchange rate from CHF to USD", None),
    ]
    assert unread.query("SELECT subject, severity, rows, message FROM data_quality WHERE check_name = 'no_exchange_rate'") == [
        (
            *("people", "error", 1),
            "no exchange rate from CHF to USD for 2026-03 to 2026-06: rows of people.csv wait in quarantine; "
            "a source of kind fx_rates with a rate dated 2026-03-01 or before lets them in",
        )
    ]
    with (unread.folder / "fx.csv").open("a") as fx:
        fx.write("2026-02-15,CHF,USD,1.00\n")
    run(unread)
    assert unread.query("SELECT * FROM quarantine") == []
    assert monthly(unread) == {date(2026, 3, 1): to_a_millionth(Decimal(10_000) * 17 / 31), date(2026, 4, 1): 10_000, MAY: 70_000, JUNE: 70_000}


def test_too_many_salaries_without_a_rate_stop_the_run(published: Place) -> None:
    deliver(published, *people_rows()[:5], person_row("person-6", "platform", currency="CHF"))
    outcome = run(published, 1)
    assert "people.csv row 6: no exchange rate from CHF to USD" in outcome.out + outcome.err
    assert monthly(published) == {MAY: 60_000, JUNE: 60_000}


def test_what_begins_after_as_of_waits(unread: Place) -> None:
    deliver(
        unread, *(row | {"end": ""} for row in people_rows()), person_row("person-7", "workload:chat", start="2026-07-01", end="", currency="CHF")
    )
    run(unread)
    assert monthly(unread) == {MAY: 60_000, JUNE: 60_000}
    assert unread.query("SELECT * FROM quarantine") == []
    assert unread.run("--as-of", "2026-06-15").code == 0
    assert monthly(unread) == {MAY: 60_000, JUNE: 30_000}
