"""OpenRouter's activity: days are restated and never added up, and the same money is not read from two kinds of file."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.assembly import LocalFile, Part
from connectors.openrouter.pages import assemble
from models.errors import BrokenFile

GENERATIONS_HEADER = (
    "generation_id,created_at,cost_total,byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,user"
)


@dataclass(frozen=True)
class Source:
    kind: str = "openrouter"
    id: str = "router"
    path: str = "activity"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


def day(of: str, usage: object = 0.5, endpoint: str | None = "e-1", **columns: Any) -> dict[str, Any]:
    return {
        "date": of,
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "endpoint_id": endpoint,
        "provider_name": "OpenAI",
        "usage": usage,
        "byok_usage_inference": 9,
        "requests": 5,
        "prompt_tokens": 50,
        "completion_tokens": 125,
        "reasoning_tokens": 25,
    } | columns


def page(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"data": rows}).encode()


def write(folder: Path, files: dict[str, bytes]) -> list[LocalFile]:
    written = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / f"{number}.bin"
        path.write_bytes(data)
        written.append(LocalFile(name, path))
    return written


def parts(files: list[LocalFile]) -> list[Part]:
    return list(assemble(Source(), files, "source router"))


def amounts(files: list[LocalFile], shape: str = "openrouter_costs") -> list[tuple[str, str]]:
    """(day, amount) of every row of a shape."""
    found = [row for part in parts(files) if part.shape == shape for row in part.rows.to_pylist()]
    return sorted(((row.get("start") or row["usage_at"])[:10], row["usage"]) for row in found)


def test_a_days_row_is_usage_and_cost_of_its_month(tmp_path: Path) -> None:
    found = parts(write(tmp_path, {"a.json": page(day("2026-05-31"), day("2026-06-01"))}))
    assert [(part.shape, part.month, part.rows.num_rows) for part in found] == [
        ("openrouter_usage", date(2026, 5, 1), 1),
        ("openrouter_usage", date(2026, 6, 1), 1),
        ("openrouter_costs", date(2026, 5, 1), 1),
        ("openrouter_costs", date(2026, 6, 1), 1),
    ]


def test_a_day_holds_as_the_file_whose_name_sorts_last_gives_it(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {"pull-9.json": page(day("2026-05-01", 1), day("2026-05-01", 2, "e-2"), day("2026-05-02", 3)), "pull-10.json": page(day("2026-05-01", 4))},
    )
    assert amounts(files) == [("2026-05-01", "4"), ("2026-05-02", "3")]


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_files_does_not_matter(tmp_path: Path, data: st.DataObject) -> None:
    files = write(tmp_path, {f"{n}.json": page(day(f"2026-05-0{1 + n % 3}", n), day(f"2026-05-0{2 + n % 3}", 10 + n)) for n in range(5)})
    shuffled = data.draw(st.permutations(files))
    assert [part.rows.to_pylist() for part in parts(shuffled)] == [part.rows.to_pylist() for part in parts(files)]


def test_one_endpoint_told_twice_in_a_file_counts_once(tmp_path: Path) -> None:
    assert amounts(write(tmp_path, {"a.json": page(day("2026-05-01", 1), day("2026-05-01", 1))})) == [("2026-05-01", "1")]


def test_one_endpoint_with_two_amounts_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match="two things of one day"):
        parts(write(tmp_path, {"a.json": page(day("2026-05-01", 1), day("2026-05-01", 2))}))


def test_workspaces_of_one_endpoint_are_apart(tmp_path: Path) -> None:
    rows = [day("2026-05-01", n, workspace_id=f"ws-{n}") for n in (1, 2)]
    assert amounts(write(tmp_path, {"a.json": page(*rows)})) == [("2026-05-01", "1"), ("2026-05-01", "2")]


def test_the_apis_columns_as_csv_are_the_same_day(tmp_path: Path) -> None:
    row = day("2026-05-01 00:00:00", "1e-05")
    text = ",".join(row) + "\n" + ",".join(str(value) for value in row.values()) + "\n"
    assert amounts(write(tmp_path, {"a.csv": text.encode()})) == [("2026-05-01", "1e-05")]


def generations(*rows: tuple[str, str, str]) -> bytes:
    """A CSV of the activity page: (id, time, cost) of each generation."""
    lines = [f"{name},{at},{cost},0,10,20,3,4,openai/gpt-4o-mini,jane.doe@example.com" for name, at, cost in rows]
    return "\n".join([GENERATIONS_HEADER, *lines, ""]).encode()


def test_a_generation_in_two_exports_counts_once(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "a.csv": generations(("g-1", "2026-05-01T10:00:00Z", "1"), ("g-2", "2026-05-01T11:00:00Z", "2")),
            "b.csv": generations(("g-2", "2026-05-01T11:00:00Z", "2"), ("g-3", "2026-05-02T00:00:00Z", "3")),
        },
    )
    assert amounts(files) == [("2026-05-01", "1"), ("2026-05-01", "2"), ("2026-05-02", "3")]
    assert amounts(files, "openrouter_usage") == amounts(files)


def test_generations_of_a_day_that_is_told_by_endpoint_are_the_same_money(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {"a.csv": generations(("g-1", "2026-05-01T10:00:00Z", "1"), ("g-2", "2026-05-02T10:00:00Z", "2")), "b.json": page(day("2026-05-01", 7))},
    )
    assert amounts(files) == [("2026-05-01", "7"), ("2026-05-02", "2")]


def test_no_persons_address_lands(tmp_path: Path) -> None:
    found = [
        part for part in parts(write(tmp_path, {"a.csv": generations(("g-1", "2026-05-01T10:00:00Z", "1"))})) if part.shape == "openrouter_usage"
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_batches([part.rows for part in found]), buffer, compression="none", use_dictionary=False)
    assert b"jane.doe" not in buffer.getvalue()
    assert b"sha256:" in buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("error.json", b'{"error": {"code": 403}}', "no page of OpenRouter"),
        ("a.json", page({"date": "2026-05-01", "model": "m"}), "no usage"),
        ("a.json", page(day("someday")), "date can't be read"),
        ("a.csv", b"Model,Spend\ngpt,1\n", "no date"),
        ("a.json", b'{"data": [', "not whole JSON"),
    ],
)
def test_what_is_no_activity_is_refused_by_name(tmp_path: Path, name: str, data: bytes, found: str) -> None:
    with pytest.raises(BrokenFile, match=found) as error:
        parts(write(tmp_path, {name: data}))
    assert name in str(error.value)


def test_what_a_pull_notes_beside_its_pages_is_no_page(tmp_path: Path) -> None:
    assert parts(write(tmp_path, {"2026-05/pull.json": b'{"pages": {}}'})) == []
