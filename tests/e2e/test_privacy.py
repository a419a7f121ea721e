"""What a run leaves behind says nothing of a person: no id, no name, no single salary, in no byte of no file and no line of output.

Two publications say nothing either, because standard rates are frozen for their half-year. Group sizes: six engineers, five of operations.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet
import pytest
import xlsxwriter
from small_company import CONFIGURATION, Place, Row, crossover, person_row, write_company, write_rows

from models.errors import CrossoverError
from pipelines.rate_ledger import CHAIN, freeze_rates, frozen_rates, rates_in_force

LIMIT_SECONDS = 120
BURDEN = Decimal("1.4")


@dataclass(frozen=True)
class Person:
    """A conspicuous person; the salary is a base salary."""

    number: int
    name: str
    role: str
    target: str

    @property
    def id(self) -> str:
        return f"zz-person-{self.number:04}"

    @property
    def salary(self) -> str:
        return f"{231847 + 1013 * self.number}.{13 + self.number}"

    def row(self, **changes: object) -> Row:
        row = person_row(self.id, self.target, role=self.role, currency="USD")
        del row["annual_loaded"]
        return {"full_name": self.name} | row | {"annual_base": self.salary} | changes


ENGINEERS = [Person(number, f"Zebulon Quillfeather-{number}", "ml_engineer", "pool:llama") for number in range(1, 7)]
OPERATORS = [Person(number, f"Xanthippe Wobbleton-{number}", "sre", "workload:chat") for number in range(11, 16)]
REFUSED = [Person(number, f"Ottokar Grumbleworth-{number}", "sre", "workload:chat") for number in range(21, 28)]
UNREAD = [Person(number, f"Kunigunde Plumscott-{number}", "sre", "platform") for number in range(31, 34)]
EVERYONE = [*ENGINEERS, *OPERATORS, *REFUSED, *UNREAD]


def refused_rows() -> list[Row]:
    """Rows that each break something, most of them with a person's own data in the wrong place."""
    over, overlapping, dangling, unreadable, shifted, misnamed, huge = REFUSED
    return [
        over.row(allocation_pct=60),
        over.row(allocation_pct=60, target="platform"),
        overlapping.row(allocation_pct=10),
        overlapping.row(allocation_pct=10, start="2026-06-01"),
        dangling.row(target="workload:ghost"),
        unreadable.row(annual_base=f"{unreadable.salary} p.a. ({unreadable.name})"),
        shifted.row(currency=shifted.salary, annual_base="100"),
        misnamed.row(currency=misnamed.name, target=misnamed.name, activity=misnamed.id, start=misnamed.name),
        huge.row(allocation_pct=huge.salary),
        huge.row(currency="CHF"),
    ]


def write_people_company(folder: Path) -> Path:
    """The small company with a CSV of people, a workbook of others, a folder of files that are refused. Returns the configuration's path."""
    configuration = write_company(folder)
    people = "  - {id: people, kind: people, path: people.csv}\n"
    sources = "  - {id: %s, kind: people, path: %s, max_quarantined_pct: 100}\n"
    assert people in CONFIGURATION
    named = "".join(sources % pair for pair in (("staff", "hr/staff.csv"), ("others", "hr/others.xlsx"), ("late", "hr/late/")))
    configuration.write_text(configuration.read_text().replace(people, named))
    (folder / "people.csv").unlink()
    write_rows(folder / "hr/staff.csv", [person.row() for person in ENGINEERS] + refused_rows())
    write_workbook(folder / "hr/others.xlsx", [person.row() for person in OPERATORS])
    unpaid, headless, truncated = UNREAD
    write_rows(folder / "hr/late/unpaid.csv", [{name: value for name, value in unpaid.row().items() if name != "annual_base"}])
    (folder / "hr/late/headless.csv").write_text(",".join(map(str, headless.row().values())) + "\n")
    (folder / "hr/late/truncated.xlsx").write_bytes(b"PK" + f"{truncated.id},{truncated.name},{truncated.salary}".encode())
    return configuration


def write_workbook(file: Path, rows: list[Row]) -> None:
    """The rows as Excel keeps them: salaries and percentages as numbers."""
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(rows[0]))
        for number, row in enumerate(rows, 1):
            values = row | {"annual_base": float(str(row["annual_base"])), "allocation_pct": float(str(row["allocation_pct"]))}
            sheet.write_row(number, 0, list(values.values()))


# No byte.


def test_no_byte_that_a_run_leaves_tells_of_a_person(tmp_path: Path) -> None:
    configuration = write_people_company(tmp_path)
    first, too_strict = configuration.read_text(), configuration.with_name("strict.yaml")
    too_strict.write_text(first.replace("min_people: 5", "min_people: 50"))
    (tmp_path / "tmp").mkdir()
    outputs = [command(tmp_path, 2, "run", "--debug", "--config", too_strict)]
    assert "Traceback" in outputs[0]
    outputs += [command(tmp_path, 3, *arguments) for arguments in (("run",), ("run", "--json"), ("status",))]
    reasons = {reason for (reason,) in Place(tmp_path).query("SELECT reasons FROM quarantine")}
    assert len(reasons) >= 6, reasons
    assert Place(tmp_path).value("SELECT count(*) FROM data_quality WHERE check_name = 'file_refused'") == 3
    identities, salaries = [text.encode() for p in EVERYONE for text in (p.id, p.name)], [form for p in EVERYONE for form in salary_forms(p.salary)]
    assert not leaks("output", "".join(outputs).encode(), [*identities, *salaries])
    found, salaries_landed = [], 0
    for file in sorted(tmp_path.rglob("*")):
        if not file.is_file() or file.is_relative_to(tmp_path / "hr"):
            continue
        for where, content in readings(file):
            found += leaks(where, content, identities)
            if is_private_landing(file, tmp_path):
                salaries_landed += len(leaks(where, content, salaries))
            else:
                found += leaks(where, content, salaries)
    assert not found
    assert salaries_landed >= len(ENGINEERS), "the scan does find salaries where they may be"
    for file in (tmp_path / "hr").rglob("*"):
        if file.is_file() and "truncated" not in file.name and "unpaid" not in file.name:
            assert any(leaks(where, content, identities) for where, content in readings(file)), f"the scan does find people in {file}"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "var", *(tmp_path / "var").rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def command(folder: Path, code: int, *arguments: object) -> str:
    """All that a command prints, run as a user does, with every default folder below the company's."""
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), "HOME": str(folder / "tmp")}
    call = [sys.executable, "-c", "from pipelines.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def is_private_landing(file: Path, folder: Path) -> bool:
    return any(file.is_relative_to(folder / "var/landing" / source) for source in ("staff", "others", "late"))


def salary_forms(text: str) -> Iterator[bytes]:
    """A salary, also with its burden, as text and as the numbers that files keep: double, cents, and DECIMAL(38, 12)."""
    for amount in (Decimal(text), Decimal(text) * BURDEN):
        plain = f"{amount.normalize():f}"
        yield from (plain.encode(), f"{amount:,.2f}".encode(), f"{amount:.2f}".encode())
        yield struct.pack("<d", float(amount))
        yield struct.pack("<q", int(amount * 100))
        yield struct.pack("<q", int(amount * 10**12))


def leaks(where: str, content: bytes, needles: list[bytes]) -> list[str]:
    return [f"{where}: {needle!r}" for needle in needles if needle in content]


def readings(file: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and what they say where they are compressed or a database."""
    data = file.read_bytes()
    yield str(file), data
    if data.startswith(b"\x1f\x8b"):
        yield f"{file} (gzip)", gzip.decompress(data)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield f"{file} (zip)", b"".join(archive.read(name) for name in archive.namelist())
    if data.startswith(b"PAR1"):
        table = pyarrow.parquet.read_table(file, partitioning=None)
        yield f"{file} (parquet)", spelled(tuple(column.values()) for column in table.to_pylist())
    if data.startswith(b"SQLite format 3"):
        yield f"{file} (sqlite)", b"\n".join(sqlite_values(file))
    if data[8:12] == b"DUCK":
        yield f"{file} (duckdb)", b"\n".join(duckdb_values(file))


def sqlite_values(file: Path) -> Iterator[bytes]:
    """Every value, and what a compressed one unpacks to (Dagster's snapshots)."""
    connection = sqlite3.connect(file)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            yield spelled([row])
            for value in row:
                if isinstance(value, bytes):
                    yield value
                    yield zlib.decompress(value) if value[:1] == b"\x78" else b""
    connection.close()


def duckdb_values(file: Path) -> Iterator[bytes]:
    with duckdb.connect(str(file), read_only=True) as con:
        for schema, table in con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
            yield spelled(con.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall())
        yield spelled(con.execute("SELECT sql FROM duckdb_views()").fetchall())


def spelled(rows: Iterator[tuple[object, ...]] | list[tuple[object, ...]]) -> bytes:
    return "\n".join(" ".join(map(str, row)) for row in rows).encode()


# No subtraction.


def test_a_corrected_salary_and_a_joiner_leave_the_published_rate_as_it_was(tmp_path: Path) -> None:
    place = Place(tmp_path / "kept")
    write_company(place.folder)
    team = [person_row(f"zz-person-{number}", "pool:llama", allocation_pct=100, annual_loaded=240_000) for number in range(5)]
    write_rows(place.folder / "people.csv", team)
    assert place.run().code == 0
    numbers = published_numbers(place)
    assert place.query("SELECT role, value, valid_from, valid_to FROM people_rates") == [
        ("ml_engineer", 240_000, date(2026, 1, 1), date(2026, 6, 30)),
    ]

    corrected = [*team[:4], team[4] | {"annual_loaded": 480_000}]
    write_rows(place.folder / "people.csv", corrected)
    assert place.run().code == 0
    assert published_numbers(place) == numbers

    joiner = person_row("zz-person-9", "pool:llama", allocation_pct=100, annual_loaded=900_000, start="2026-06-01")
    write_rows(place.folder / "people.csv", [*corrected, joiner])
    assert place.run().code == 0
    assert place.value("SELECT value FROM people_rates") == 240_000
    costs = place.query("SELECT month, sum(effective_cost) FROM cost_monthly WHERE cost_category = 'engineering_operations' GROUP BY 1 ORDER BY 1")
    assert costs == [(date(2026, 5, 1), 5 * 20_000), (date(2026, 6, 1), 6 * 20_000)]

    fresh = Place(tmp_path / "fresh")
    shutil.copytree(place.folder, fresh.folder, ignore=shutil.ignore_patterns("var", "out"))
    write_rows(fresh.folder / "people.csv", corrected)
    assert fresh.run().code == 0
    assert fresh.value("SELECT value FROM people_rates") == (4 * 240_000 + 480_000) / 5


def published_numbers(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all published tables, but for what names the run and its inputs."""
    tables = [name for (name,) in place.query("SELECT table_name FROM duckdb_tables() ORDER BY 1") if name not in ("runs", "ingestions")]
    volatile = ("run_id", "snapshot_id")
    columns = {table: [name for name, *_ in place.query(f"DESCRIBE {table}") if name not in volatile] for table in tables}
    return {table: place.query(f"SELECT {', '.join(columns[table])} FROM {table} ORDER BY ALL") for table in tables}


def test_a_failed_run_freezes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_company(place.folder)
    place.edit("{id: cloud, kind: focus, path: billing/}", "{id: cloud, kind: focus, path: billing/, max_quarantined_pct: 0}")
    (place.folder / "billing/2026-07.csv").write_text((place.folder / "billing/2026-06.csv").read_text().replace("Usage", "Nonsense"))
    outcome = crossover("run", "--config", place.configuration)
    assert outcome.code == 1, outcome
    assert not CHAIN.file(place.folder / "var").exists()


# The ledger.

JANUARY, JUNE_END, JULY, DECEMBER_END = date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1), date(2026, 12, 31)


def people(*teams: tuple[str, int, int], start: date = JANUARY) -> pl.DataFrame:
    """Teams of (role, people, loaded salary), full time on the platform."""
    rows = [
        (f"{role}-{number}", role, "platform", "operations", start, None, Decimal(100), Decimal(salary))
        for role, count, salary in teams
        for number in range(count)
    ]
    names = ("person_key", "role", "target", "activity", "start", "end", "allocation_pct", "annual_loaded")
    frame = pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"end": pl.Date})
    return (
        frame.cast({"allocation_pct": pl.Decimal(38, 12), "annual_loaded": pl.Decimal(38, 12)})
        .with_row_index("row_number", 1)
        .cast({"row_number": pl.Int64})
    )


def in_force(rows: pl.DataFrame, state: Path, until: date = JUNE_END, min_people: int = 5) -> pl.DataFrame:
    frozen = frozen_rates(state, "USD")
    return rates_in_force(rows, frozen, until=until, min_people=min_people, fiscal_year_starts=1, configured_rates=())


def rates(found: pl.DataFrame) -> list[tuple[str, str, int, date]]:
    return [
        (role, group, int(rate), start) for role, group, rate, start in found.select("role", "role_group", "annual_rate", "valid_from").iter_rows()
    ]


def test_a_frozen_half_year_keeps_its_rates_and_the_next_one_has_its_own(tmp_path: Path) -> None:
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path), "USD")
    found = in_force(people(("dev", 5, 150_000)), tmp_path, until=DECEMBER_END)
    assert rates(found) == [("dev", "dev", 100_000, JANUARY), ("dev", "dev", 150_000, JULY)]
    assert found["is_frozen"].to_list() == [True, False]
    assert freeze_rates(tmp_path, found, "USD") == 1
    assert freeze_rates(tmp_path, in_force(people(("dev", 5, 150_000)), tmp_path, until=DECEMBER_END), "USD") == 0


def test_too_few_people_are_no_matter_once_the_rate_is_frozen(tmp_path: Path) -> None:
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path), "USD")
    assert rates(in_force(people(("dev", 2, 150_000)), tmp_path)) == [("dev", "dev", 100_000, JANUARY)]


@pytest.mark.parametrize(
    ("teams", "group", "rate"),
    [
        ((("dev", 5, 100_000), ("ops", 2, 200_000), ("qa", 3, 300_000)), "other", 260_000),
        ((("dev", 5, 100_000), ("ops", 6, 200_000)), "ops", 200_000),
    ],
)
def test_a_role_that_appears_takes_the_rate_that_a_fresh_state_would_give_it(
    tmp_path: Path, teams: tuple[tuple[str, int, int], ...], group: str, rate: int
) -> None:
    freeze_rates(tmp_path, in_force(people(*teams), tmp_path), "USD")
    later = pl.concat([people(*teams), people(("new", 1, 999_999), start=date(2026, 3, 1))])
    found = in_force(later, tmp_path)
    assert ("new", group, rate, JANUARY) in rates(found)
    assert rates(found) == rates(in_force(later, tmp_path / "fresh"))
    assert freeze_rates(tmp_path, found, "USD") == 1


def test_own_rates_and_another_currency_pass_the_ledger_by(tmp_path: Path) -> None:
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path), "USD")
    own = in_force(people(("dev", 5, 150_000)), tmp_path, min_people=1)
    assert own["annual_rate"].to_list() == [None]
    assert frozen_rates(tmp_path, "EUR").is_empty()


def test_the_ledger_is_private_and_grows_only_at_its_end(tmp_path: Path) -> None:
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path), "USD")
    first = CHAIN.file(tmp_path).read_bytes()
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path, until=DECEMBER_END), "USD")
    assert CHAIN.file(tmp_path).read_bytes().startswith(first)
    assert stat.S_IMODE(CHAIN.file(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(CHAIN.file(tmp_path).parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace("100000", "100001"), lines[1]],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0]],
        lambda lines: [lines[0], lines[1][:40]],
        lambda lines: [lines[0], "[]"],
    ],
)
def test_a_changed_ledger_is_refused_with_what_to_do(tmp_path: Path, change: object) -> None:
    freeze_rates(tmp_path, in_force(people(("dev", 5, 100_000)), tmp_path, until=DECEMBER_END), "USD")
    file = CHAIN.file(tmp_path)
    assert callable(change)
    file.write_text("\n".join(change(file.read_text().splitlines())) + "\n")
    with pytest.raises(
        CrossoverError, match=r"was changed after it was written\n(.|\n)*people_rates.jsonl, line \d\n(.|\n)*restore the file from a backup"
    ):
        frozen_rates(tmp_path, "USD")
