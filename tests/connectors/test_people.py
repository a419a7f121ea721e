"""Of people files a pseudonymised projection lands; no id, name or cell is found anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import os
import traceback
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import xlsxwriter

from connectors.people.projection import PROJECTION, people_key
from models.errors import BrokenFile, ConfigError

KEY = b"k" * 32
HEADER = "person_id,name,role,target,activity,start,end,allocation_pct,annual_base,currency"
ROW = "e-100,Jane Doe,ml_engineer,workload:chat,operations,2026-05-01,2026-06-30,30,185000.50,USD"
CSV = f"{HEADER}\n{ROW}\n"


@pytest.fixture
def land_people(land_bytes):
    def land_one(name: str, data: bytes | str, **given: object):
        return land_bytes(name, data, kind="people", id="people", **given)

    return land_one


def rows_of(file) -> list[dict[str, str | None]]:
    return pa.parquet.read_table(file.columnar).to_pylist()


def pseudonym(person_id: str) -> str:
    return hmac.new(KEY, person_id.encode(), hashlib.sha256).hexdigest()


def workbook(header: list[str], row: list[object]) -> bytes:
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, header)
        sheet.write_row(1, 0, row)
    return sink.getvalue()


def test_only_the_projection_lands(land_people):
    file = land_people("people.csv", CSV)
    assert file.columns == PROJECTION
    assert rows_of(file) == [
        {
            "person_key": pseudonym("e-100"),
            "role": "ml_engineer",
            "target": "workload:chat",
            "activity": "operations",
            "start": "2026-05-01",
            "end": "2026-06-30",
            "allocation_pct": "30",
            "annual_base": "185000.50",
            "annual_loaded": None,
            "currency": "USD",
        }
    ]


def test_the_file_is_named_by_the_hash_of_the_original(land_people, tmp_path):
    file = land_people("people.csv", CSV)
    assert file.sha256 == hashlib.sha256(CSV.encode()).hexdigest()
    assert file.landed == file.columnar == tmp_path / "landing" / file.sha256[:16] / "people.parquet"
    assert (file.name, file.bytes, file.rows) == ("people.csv", len(CSV), 1)


def test_only_the_owner_reads_it(land_people):
    file = land_people("people.csv", CSV)
    assert file.landed.stat().st_mode & 0o777 == 0o600
    assert file.landed.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".xlsx", ".json", ".parquet"])
def test_no_id_and_no_name_lies_on_the_disk_after_landing(land_people, tmp_path, ending):
    names, values = HEADER.split(","), ROW.split(",")
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({name: [value] for name, value in zip(names, values, strict=True)}), sink)
    data = {
        ".csv": CSV,
        ".csv.gz": gzip.compress(CSV.encode()),
        ".xlsx": workbook(names, list(values)),
        ".json": str([dict(zip(names, values, strict=True))]).replace("'", '"'),
        ".parquet": sink.getvalue().to_pybytes(),
    }[ending]
    file = land_people(f"people{ending}", data)
    (tmp_path / f"people{ending}").unlink()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [file.landed]
    assert rows_of(file)[0]["person_key"] == pseudonym("e-100")
    content = str(rows_of(file)).encode() + file.landed.read_bytes()
    assert b"e-100" not in content
    assert b"Jane" not in content


def test_a_refused_people_file_leaves_nothing(land_people, tmp_path):
    with pytest.raises(BrokenFile):
        land_people("people.csv", f"{CSV}short\n")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["people.csv"]


def test_columns_are_renamed_and_constants_fixed(land_people):
    data = "Nr;Pct;Since;Pay\n7;50;2026-01-01;100000\n"
    file = land_people(
        "people.csv",
        data,
        columns={"person_id": "Nr", "allocation_pct": "Pct", "start": "Since", "annual_loaded": "Pay"},
        constants={"role": "developer", "target": "platform", "currency": "EUR"},
    )
    (row,) = rows_of(file)
    assert row["person_key"] == pseudonym("7")
    assert [row[name] for name in ("role", "target", "start", "allocation_pct", "annual_loaded", "currency")] == [
        "developer",
        "platform",
        "2026-01-01",
        "50",
        "100000",
        "EUR",
    ]


def test_another_mapping_of_the_same_file_is_projected_anew(land_people):
    data = "person_id,role,target,start,allocation_pct,a,b,currency\n1,r,platform,2026-01-01,50,1,2,USD\n"
    assert rows_of(land_people("people.csv", data, columns={"annual_base": "a"}))[0]["annual_base"] == "1"
    assert rows_of(land_people("people.csv", data, columns={"annual_base": "b"}))[0]["annual_base"] == "2"


def test_spaces_around_values_do_not_make_another_person(land_people):
    rows = rows_of(land_people("people.csv", CSV + ROW.replace("e-100", " e-100 ").replace("USD", "USD ") + "\n"))
    assert rows[0] == rows[1]


def test_empty_rows_at_the_end_are_dropped(land_people):
    file = land_people("people.csv", f"{CSV},,,,,,,,,\n{ROW}\n , ,,,,,,,,\n,,,,,,,,,\n")
    assert file.rows == 3
    assert rows_of(file)[1]["person_key"] is None


def test_a_header_alone_is_nobody(land_people):
    assert land_people("people.csv", HEADER).rows == 0


def test_a_workbook_gives_the_same_rows(land_people):
    data = workbook(HEADER.split(","), [*ROW.split(",")[:7], 30, 185000.5, "USD"])
    (row,) = rows_of(land_people("people.xlsx", data))
    assert row == rows_of(land_people("people.csv", CSV))[0] | {"annual_base": "185000.5"}


def test_a_formula_error_is_no_person(land_people):
    assert rows_of(land_people("people.csv", CSV.replace("e-100", "#N/A")))[0]["person_key"] is None


def test_typed_parquet_becomes_text(land_people, tmp_path):
    path = tmp_path / "x.parquet"
    columns = {"person_id": [7], "role": ["r"], "target": ["platform"], "start": ["2026-01-01"], "allocation_pct": [12.5], "currency": ["USD"]}
    pa.parquet.write_table(pa.table({**columns, "annual_base": [100000.1]}), path)
    (row,) = rows_of(land_people("people.parquet", path.read_bytes()))
    assert (row["person_key"], row["allocation_pct"], row["annual_base"]) == (pseudonym("7"), "12.5", "100000.1")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("person_id", "person_id"),
        ("role", "role"),
        ("target", "target"),
        ("start", "start"),
        ("allocation_pct", "allocation_pct"),
        ("currency", "currency"),
        ("annual_base", "annual_base or annual_loaded"),
    ],
)
def test_a_missing_column_is_refused_with_the_names_found(land_people, column, expected):
    with pytest.raises(BrokenFile, match="lacks a column") as refusal:
        land_people("people.csv", CSV.replace(column, "other"))
    assert refusal.value.expected == expected
    assert refusal.value.found == "columns " + HEADER.replace(column, "other").replace(",", ", ")
    assert refusal.value.where == "source people, file people.csv"


def test_a_column_that_the_configuration_names_must_be_there(land_people):
    with pytest.raises(BrokenFile) as refusal:
        land_people("people.csv", CSV, columns={"end": "Until"})
    assert refusal.value.expected == "Until"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("people.csv", f"{ROW}\n{ROW}\n"),
        ("people.csv", f"{CSV}{ROW},more\n"),
        ("people.csv", f'{CSV}"{ROW}\n'),
        ("people.csv", CSV.encode() + ROW.encode() + b"\xff"),
        ("people.json", '[{"person_id":"e-100","name":"Jane Doe","annual_base":185000.50]'),
        ("people.json", '[{"person_id":"e-100","name":"Jane Doe"}]'),
        ("people.xlsx", workbook(list(ROW.split(",")), [1])),
        ("people.xlsx", CSV),
        ("people.parquet", CSV),
        ("people.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-9]),
    ],
)
def test_no_refusal_repeats_a_cell(land_people, name, data, caplog, capfd):
    with pytest.raises(BrokenFile) as refusal:
        land_people(name, data)
    said = "".join(traceback.format_exception(refusal.value)) + refusal.value.one_line + caplog.text + "".join(capfd.readouterr())
    for value in ("e-100", "Jane", "185000", "workload:chat"):
        assert value not in said


@pytest.mark.parametrize("name", ["people.csv", "people.xlsx", "people.parquet"])
def test_an_empty_people_file_is_refused(land_people, name):
    with pytest.raises(BrokenFile, match="The file is empty"):
        land_people(name, b"")


def test_a_people_file_beyond_the_bound_is_refused(land_people, monkeypatch):
    monkeypatch.setattr("connectors.landing.PEOPLE_BYTES_MAX", 10)
    with pytest.raises(BrokenFile, match="larger than"):
        land_people("people.csv", CSV)


# The key


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    key = people_key(tmp_path / "state", {})
    assert len(key) == 32
    assert people_key(tmp_path / "state", {}) == key
    path = tmp_path / "state" / "people.key"
    assert path.read_bytes() == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "state") == ["people.key"]  # noqa: PTH208


def test_the_environment_s_key_goes_first_and_is_not_stored(tmp_path: Path):
    assert people_key(tmp_path / "state", {"CROSSOVER_PEOPLE_KEY": "of our own"}) == b"of our own"
    assert not (tmp_path / "state").exists()


def test_a_damaged_key_is_refused_instead_of_replaced(tmp_path):
    (tmp_path / "people.key").write_bytes(b"half")
    with pytest.raises(ConfigError, match="damaged") as refusal:
        people_key(tmp_path, {})
    assert (refusal.value.found, refusal.value.expected) == ("4 bytes", "32 bytes")
    assert (tmp_path / "people.key").read_bytes() == b"half"
