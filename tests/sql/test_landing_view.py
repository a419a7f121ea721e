"""`landing.<kind>` over Parquet as exporters write it: exact decimals, instants in UTC, nothing silently null."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.contracts.raw import FOCUS, SHAPES, RawColumn, RawShape
from models.errors import BrokenFile
from pipelines.landing_view import landing_view_sql, unreadable_columns
from pipelines.warehouse import connect

D = Decimal
SHAPE = RawShape(
    "sample",
    "billing_line",
    (
        RawColumn("amount", "money", required=True),
        RawColumn("count", "count"),
        RawColumn("at", "timestamp"),
        RawColumn("day", "date"),
        RawColumn("period", "month"),
        RawColumn("label"),
        RawColumn("tags", "json"),
    ),
)


def read(folder: Path, table: dict[str, pa.Array], shape: RawShape = SHAPE, **settings: Any) -> list[dict[str, Any]]:
    """The view's rows over one file of these columns; what is unreadable as the names of its columns."""
    file = folder / "file.parquet"
    pq.write_table(pa.table(table), file)
    with connect() as con:
        physical = {str(row[0]): str(row[1]) for row in con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()}
        given = {"columns": {}, "constants": {}, "timezone": "UTC", **settings}
        found = con.execute(landing_view_sql(shape, [file], physical, where="source s, file f", **given))
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [row | {"unreadable": unreadable_columns(shape, row["unreadable"])} for row in sorted(rows, key=lambda row: row["row_number"])]


def one(folder: Path, column: str, value: pa.Array, **settings: Any) -> tuple[Any, bool]:
    """A single value read as the type of `column`, and whether it is unreadable."""
    (row,) = read(folder, {"amount": pa.array(["1"]), column: value}, **settings)
    return row[column], column in row["unreadable"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", "0.1"),
        ("-12.50", "-12.5"),
        ("123456789012345.123456789012", "123456789012345.123456789012"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("0.0000000000025", "0.000000000002"),
        ("0.00000000000250000001", "0.000000000003"),
        ("-0.0000000000005", "0"),
        ("-0.0000000000015", "-0.000000000002"),
        ("1e-7", "0.0000001"),
        ("1.5E3", "1500"),
        ("+2", "2"),
        (" 3 ", "3"),
    ],
)
def test_money_of_text_is_rounded_once_half_even_to_twelve_decimals(tmp_path: Path, text: str, expected: str) -> None:
    assert one(tmp_path, "amount", pa.array([text])) == (D(expected), False)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1234567.891, "1234567.891"),
        (1 / 3, "0.333333333333"),
        (2 / 3, "0.666666666667"),
        (1e15, "1000000000000000"),
        (2048.1, "2048.1"),
        (-0.30000000000000004, "-0.3"),
        (5e-13, "0"),
        (1.5e-12, "0.000000000002"),
        (2.5e-12, "0.000000000002"),
    ],
)
def test_money_of_a_double_is_its_shortest_text(tmp_path: Path, number: float, expected: str) -> None:
    assert one(tmp_path, "amount", pa.array([number])) == (D(expected), False)


def test_money_of_a_float_is_its_shortest_text(tmp_path: Path) -> None:
    assert one(tmp_path, "amount", pa.array([0.1], pa.float32())) == (D("0.1"), False)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        ("1.25", pa.decimal128(5, 2), "1.25"),
        ("0.0000000000005", pa.decimal128(38, 18), "0"),
        ("0.0000000000015", pa.decimal128(38, 18), "0.000000000002"),
        ("123456789012.123456789012345", pa.decimal128(38, 15), "123456789012.123456789012"),
        (7, pa.int64(), "7"),
        (7, pa.uint64(), "7"),
    ],
)
def test_money_of_exact_numbers_of_any_scale(tmp_path: Path, value: str | int, type_: pa.DataType, expected: str) -> None:
    exact = D(value) if pa.types.is_decimal(type_) else value
    assert one(tmp_path, "amount", pa.array([exact], type_)) == (D(expected), False)


@pytest.mark.parametrize("value", ["n/a", "1,50", "$1", "1e40", "NaN", "inf", nan, inf, -inf, 1e300])
def test_money_that_is_no_number_is_unreadable(tmp_path: Path, value: str | float) -> None:
    assert one(tmp_path, "amount", pa.array([value])) == (None, True)


@pytest.mark.parametrize("column", ["amount", "count", "at", "day", "period", "label"])
@pytest.mark.parametrize("text", ["", "NULL", "null", "None", "(null)", "\\N", None])
def test_spellings_of_nothing_are_null_and_readable(tmp_path: Path, column: str, text: str | None) -> None:
    assert one(tmp_path, column, pa.array([text], pa.string())) == (None, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array(["10"]), 10),
        (pa.array(["10.0"]), 10),
        (pa.array([10.0]), 10),
        (pa.array([D("10.00")]), 10),
        (pa.array([2**62]), 2**62),
        (pa.array(["4611686018427387905"]), 4611686018427387905),
        (pa.array([None], pa.float64()), None),
    ],
)
def test_a_whole_number_is_a_count(tmp_path: Path, value: pa.Array, expected: int | None) -> None:
    assert one(tmp_path, "count", value) == (expected, False)


@pytest.mark.parametrize("value", [pa.array(["10.5"]), pa.array([10.5]), pa.array([D("0.1")]), pa.array(["many"]), pa.array([nan]), pa.array([1e30])])
def test_what_is_not_whole_is_no_count(tmp_path: Path, value: pa.Array) -> None:
    assert one(tmp_path, "count", value) == (None, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T10:20:30Z", datetime(2026, 5, 1, 10, 20, 30)),
        ("2026-05-01T10:20:30.123456Z", datetime(2026, 5, 1, 10, 20, 30, 123456)),
        ("2026-05-01 10:20:30", datetime(2026, 5, 1, 10, 20, 30)),
        ("2026-05-01T10:20Z", datetime(2026, 5, 1, 10, 20)),
        ("2026-05-01T10:20", datetime(2026, 5, 1, 10, 20)),
        ("2026-05-01", datetime(2026, 5, 1)),
        ("2026-05-01T10:20:30+02:00", datetime(2026, 5, 1, 8, 20, 30)),
        ("2026-05-01T10:20:30.5-05:30", datetime(2026, 5, 1, 15, 50, 30, 500000)),
        ("2026-05-01T10:20:30+00:00", datetime(2026, 5, 1, 10, 20, 30)),
        ("2026-05-01T10:20+02:00", datetime(2026, 5, 1, 8, 20)),
    ],
)
def test_an_instant_is_naive_utc(tmp_path: Path, text: str, expected: datetime) -> None:
    assert one(tmp_path, "at", pa.array([text])) == (expected, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array(["2026-07-01T12:00:00"]), datetime(2026, 7, 1, 10)),
        (pa.array(["2026-01-01T12:00:00"]), datetime(2026, 1, 1, 11)),
        (pa.array(["2026-07-01T12:00:00Z"]), datetime(2026, 7, 1, 12)),
        (pa.array(["2026-07-01T12:00:00+00:00"]), datetime(2026, 7, 1, 12)),
        (pa.array([datetime(2026, 7, 1, 12)], pa.timestamp("us")), datetime(2026, 7, 1, 10)),
        (pa.array([datetime(2026, 7, 1, 12, tzinfo=UTC)], pa.timestamp("us", "UTC")), datetime(2026, 7, 1, 12)),
    ],
)
def test_a_source_s_zone_holds_for_instants_without_an_offset(tmp_path: Path, value: pa.Array, expected: datetime) -> None:
    assert one(tmp_path, "at", value, timezone="Europe/Berlin") == (expected, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array([date(2026, 5, 1)]), datetime(2026, 5, 1)),
        (pa.array([datetime(2026, 5, 1, 9)], pa.timestamp("ms")), datetime(2026, 5, 1, 9)),
        (pa.array([datetime(2026, 5, 1, 9)], pa.timestamp("ns")), datetime(2026, 5, 1, 9)),
        (pa.array([datetime(2026, 5, 1, 9, tzinfo=UTC)], pa.timestamp("us", "America/New_York")), datetime(2026, 5, 1, 9)),
    ],
)
def test_an_instant_of_any_temporal_type(tmp_path: Path, value: pa.Array, expected: datetime) -> None:
    assert one(tmp_path, "at", value) == (expected, False)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "01/05/2026"])
def test_what_is_no_instant_is_unreadable(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, "at", pa.array([text])) == (None, True)


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [("day", "2026-05-17", date(2026, 5, 17)), ("period", "2026-05", date(2026, 5, 1)), ("period", "2026-05-17", date(2026, 5, 1))],
)
def test_days_and_months(tmp_path: Path, column: str, text: str, expected: date) -> None:
    assert one(tmp_path, column, pa.array([text])) == (expected, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array(['{"team": "ml"}']), {"team": "ml"}),
        (pa.array([[("team", "ml"), ("env", None)]], pa.map_(pa.string(), pa.string())), {"team": "ml", "env": None}),
        (pa.array([{"team": "ml", "size": 2}]), {"team": "ml", "size": 2}),
    ],
)
def test_tags_are_json_text_whatever_they_were(tmp_path: Path, value: pa.Array, expected: dict[str, Any]) -> None:
    text, is_unreadable = one(tmp_path, "tags", value)
    assert (json.loads(text), is_unreadable) == (expected, False)


def test_tags_that_are_null_stay_null(tmp_path: Path) -> None:
    assert one(tmp_path, "tags", pa.array([None], pa.map_(pa.string(), pa.string()))) == (None, False)


def test_text_of_a_number_is_the_number_s_own(tmp_path: Path) -> None:
    assert one(tmp_path, "label", pa.array([42])) == ("42", False)


def test_rows_are_numbered_and_their_unreadable_columns_named(tmp_path: Path) -> None:
    rows = read(tmp_path, {"amount": pa.array(["1", "x", "2"]), "count": pa.array(["1", "1.5", "no"])})
    assert [(row["row_number"], row["unreadable"]) for row in rows] == [(1, []), (2, ["amount", "count"]), (3, ["count"])]


def test_an_optional_column_that_is_missing_is_null(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {"amount": pa.array(["1"])})
    assert {name: row[name] for name in ("count", "at", "day", "label", "unreadable")} == {
        "count": None,
        "at": None,
        "day": None,
        "label": None,
        "unreadable": [],
    }


def test_a_column_of_another_name_is_mapped(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {"Betrag": pa.array(["1.5"]), 'odd "name"': pa.array(["x"])}, columns={"amount": "Betrag", "label": 'odd "name"'})
    assert (row["amount"], row["label"]) == (D("1.5"), "x")


def test_a_constant_goes_for_every_row_and_for_a_required_column(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {"label": pa.array(["x"])}, constants={"amount": "2.50", "tags": "it's"})
    assert (row["amount"], row["tags"]) == (D("2.5"), "it's")


FOCUS_ROW = {
    **dict.fromkeys(("BilledCost", "EffectiveCost"), pa.array(["1"])),
    **dict.fromkeys(("BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd"), pa.array(["2026-05-01T00:00:00Z"])),
    **dict.fromkeys(("BillingCurrency", "ChargeCategory"), pa.array(["x"])),
}


@pytest.mark.parametrize("name", ["ProviderName", "ServiceProviderName", "HostProviderName"])
def test_focus_1_4_names_its_provider_otherwise(tmp_path: Path, name: str) -> None:
    (row,) = read(tmp_path, {**FOCUS_ROW, name: pa.array(["AWS"])}, shape=FOCUS)
    assert row["ProviderName"] == "AWS"


def test_a_mapping_goes_before_alternative_names(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path,
        {**FOCUS_ROW, "ServiceProviderName": pa.array(["AWS"]), "Seller": pa.array(["Shop"])},
        shape=FOCUS,
        columns={"ProviderName": "Seller"},
    )
    assert row["ProviderName"] == "Shop"


def test_a_missing_required_column_breaks_the_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile) as caught:
        read(tmp_path, FOCUS_ROW, shape=FOCUS)
    assert caught.value.what == "missing column: ProviderName or ServiceProviderName or HostProviderName"
    assert caught.value.where == "source s, file f"
    assert "BilledCost" in str(caught.value.found)


def test_a_mapped_column_that_is_missing_is_named_as_the_file_s_own(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match="missing column: Betrag"):
        read(tmp_path, {"amount": pa.array(["1"])}, columns={"amount": "Betrag"})


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("amount", pa.array([True]), "a number"),
        ("amount", pa.array([date(2026, 5, 1)]), "a number"),
        ("count", pa.array([datetime(2026, 5, 1)]), "a whole number"),
        ("at", pa.array([7]), "a timestamp"),
        ("day", pa.array([7.5]), "a date"),
    ],
)
def test_a_column_of_the_wrong_type_breaks_the_file(tmp_path: Path, column: str, value: pa.Array, expected: str) -> None:
    with pytest.raises(BrokenFile, match=f"wrong type: column {column} holds") as caught:
        one(tmp_path, column, value)
    assert caught.value.expected == expected


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_every_shape_reads_a_file_of_text(tmp_path: Path, kind: str) -> None:
    shape = SHAPES[kind]
    columns = {column.name: pa.array(["2026-05-01" if column.type in ("timestamp", "date", "month") else "1"]) for column in shape.columns}
    (row,) = read(tmp_path, columns, shape=shape)
    assert row["unreadable"] == []
    assert None not in row.values()
