"""OpenAI's saved pages: what of them counts, once, to the last digit."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged_rows import assembled, local_files, rows_of, save, staged, staged_columns

from connectors.openai.pages import assemble, scope_of_line_item
from models.contracts import feeds
from models.contracts.raw.openai import OPENAI_COSTS, OPENAI_USAGE
from models.errors import BrokenFile

D = Decimal
DAY = 86_400
MAY = 1777593600  # 2026-05-01T00:00:00Z

# As the published specification and the API's reference show it.
REFERENCE = {
    "object": "organization.usage.completions.result",
    "input_tokens": 1000,
    "input_cached_tokens": 400,
    "input_cache_write_tokens": 100,
    "input_uncached_tokens": 500,
    "output_tokens": 500,
    "num_model_requests": 5,
    "project_id": "proj_a",
    "api_key_id": None,
    "model": "gpt-4o",
    "batch": False,
    "service_tier": None,
}


def page(*buckets: dict[str, Any]) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": False, "next_page": None}


def bucket(start: int, *rows: dict[str, Any], seconds: int = DAY) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start, "end_time": start + seconds, "results": list(rows)}


def used(tokens: int, **fields: Any) -> dict[str, Any]:
    """A row of an older page: only what is always there, and a model."""
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": tokens,
        "output_tokens": 0,
        "num_model_requests": 1,
        "model": "m",
        **fields,
    }


def cost(value: Any, **fields: Any) -> dict[str, Any]:
    return {"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"}, **fields}


def read(folder: Path, **pages: Any) -> list[Any]:
    save(folder, **pages)
    return assembled(assemble, local_files(folder))


def tokens(parts: list[Any]) -> list[str]:
    return [row["input_tokens"] for row in rows_of(parts, "openai_usage")]


def amounts(parts: list[Any]) -> list[str]:
    return [row["amount"] for row in rows_of(parts, "openai_costs")]


def test_staging_gives_the_feeds_columns() -> None:
    assert staged_columns("openai_usage") == staged_columns("request_log")
    assert staged_columns("openai_costs") == staged_columns("focus")


def test_token_buckets_are_disjoint(tmp_path: Path) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, REFERENCE))), OPENAI_USAGE, tmp_path)
    assert row == {
        "row_number": 1,
        "usage_at": datetime(2026, 5, 1),
        "requests": 5,
        "input_uncached_tokens": 500,
        "cache_read_tokens": 400,
        "cache_write_tokens": 100,
        "cache_write_1h_tokens": 0,
        "output_tokens": 500,
        "reasoning_tokens": 0,
        "is_whole_day": True,
        "is_single_request": False,
        "provider": "openai",
        "model": "gpt-4o",
        "project": "proj_a",
    }


def test_older_pages_lack_fields_and_name_the_array_otherwise(tmp_path: Path) -> None:
    old = page({"object": "bucket", "start_time": MAY, "end_time": MAY + DAY, "result": [used(1000, input_cached_tokens=400)]})
    (row,) = staged(read(tmp_path, p=old), OPENAI_USAGE, tmp_path)
    assert (row["input_uncached_tokens"], row["cache_read_tokens"], row["cache_write_tokens"], row["requests"]) == (600, 400, 0, 1)


def test_cached_tokens_above_the_input_are_left_to_the_contract_to_refuse(tmp_path: Path) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, used(100, input_cached_tokens=101)))), OPENAI_USAGE, tmp_path)
    assert row["input_uncached_tokens"] == -1


def test_uncached_tokens_that_contradict_the_total_are_unknown(tmp_path: Path) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, {**REFERENCE, "input_uncached_tokens": 600}))), OPENAI_USAGE, tmp_path)
    assert "input_uncached_tokens" not in row


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({"batch": True, "service_tier": "default"}, "batch"),
        ({"batch": False, "service_tier": "default"}, None),
        ({"service_tier": "auto"}, None),
        ({"service_tier": "flex"}, "flex"),
        ({"service_tier": "priority"}, "priority"),
        ({}, None),
    ],
)
def test_service_tiers(tmp_path: Path, fields: dict[str, Any], tier: str | None) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, used(1, **fields)))), OPENAI_USAGE, tmp_path)
    assert row.get("service_tier") == tier


@pytest.mark.parametrize(("seconds", "is_whole_day"), [(DAY, True), (3600, False), (60, False)])
def test_an_hour_is_an_hour_and_a_day_a_day(tmp_path: Path, seconds: int, is_whole_day: bool) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, used(1), seconds=seconds))), OPENAI_USAGE, tmp_path)
    assert row["is_whole_day"] is is_whole_day


@pytest.mark.parametrize("start", [MAY, MAY + 3600])
def test_usage_that_runs_over_midnight_is_refused(tmp_path: Path, start: int) -> None:
    seconds = 7 * DAY if start == MAY else DAY
    with pytest.raises(BrokenFile, match="longer than a day, or runs over midnight"):
        read(tmp_path, p=page(bucket(start, used(1), seconds=seconds)))


@pytest.mark.parametrize(
    ("name", "counts", "known"),
    [
        ("embeddings", {"input_tokens": 7}, {"input_tokens": "7", "output_tokens": "0"}),
        ("moderations", {"input_tokens": 8}, {"input_tokens": "8", "output_tokens": "0"}),
        ("images", {"images": 2}, {"input_tokens": "0", "output_tokens": "0"}),
        ("audio_speeches", {"characters": 45}, {"input_tokens": "0", "output_tokens": "0"}),
        ("audio_transcriptions", {"seconds": 10}, {"input_tokens": "0", "output_tokens": "0"}),
    ],
)
def test_other_endpoints_keep_their_requests(tmp_path: Path, name: str, counts: dict[str, int], known: dict[str, str]) -> None:
    row = {"object": f"organization.usage.{name}.result", **counts, "num_model_requests": 3, "model": "m"}
    (found,) = rows_of(read(tmp_path, p=page(bucket(MAY, row))), "openai_usage")
    assert found.items() >= {**known, "num_model_requests": "3", "endpoint": name}.items()


@pytest.mark.parametrize(
    "row",
    [
        {"object": "organization.usage.vector_stores.result", "usage_bytes": 10},
        {"object": "organization.usage.code_interpreter_sessions.result", "num_sessions": 1},
        {"object": "organization.usage.file_searches.result", "num_requests": 1},
        {"object": "organization.usage.web_searches.result", "num_requests": 1, "num_model_requests": 1},
    ],
)
def test_what_has_no_tokens_and_no_requests_of_its_own_is_no_usage(tmp_path: Path, row: dict[str, Any]) -> None:
    assert read(tmp_path, p=page(bucket(MAY, row))) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.06", "0.06"), ("6.0e-05", "0.00006"), ('"12.345678901234"', "12.345678901234"), ("-1.5", "-1.5"), ("0.1234567890125", "0.123456789012")],
)
def test_amounts_are_exact(tmp_path: Path, value: str, expected: str) -> None:
    text = json.dumps(page(bucket(MAY, cost("VALUE", line_item="gpt-4o, input")))).replace('"VALUE"', value)
    (row,) = staged(read(tmp_path, p=text), OPENAI_COSTS, tmp_path)
    assert row["billed_cost"] == row["effective_cost"] == D(expected)


def test_a_cost_row_is_a_bill_line(tmp_path: Path) -> None:
    row = cost(0.06, line_item="gpt-4o, input", project_id="proj_abc", api_key_id="key_1", quantity=10000, quantity_unit="tokens")
    (line,) = staged(read(tmp_path, p=page(bucket(MAY, row))), OPENAI_COSTS, tmp_path)
    assert json.loads(line.pop("usage_scope")) == {"project": "proj_abc", "api_key": "key_1", "model": "gpt-4o", "token_kind": "input"}
    assert line == {
        "row_number": 1,
        "billed_cost": D("0.06"),
        "effective_cost": D("0.06"),
        "billing_period": date(2026, 5, 1),
        "charge_start": datetime(2026, 5, 1),
        "charge_end": datetime(2026, 5, 2),
        "consumed_quantity": D(10000),
        "consumed_unit": "tokens",
        "currency": "USD",
        "provider": "openai",
        "invoice_issuer": "openai",
        "sub_account": "proj_abc",
        "sku": "gpt-4o, input",
        "description": "gpt-4o, input",
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
    }


def test_an_ungrouped_cost_charges_for_whatever_was_used(tmp_path: Path) -> None:
    (line,) = staged(read(tmp_path, p=page(bucket(MAY, cost(0.06, line_item=None, project_id=None)))), OPENAI_COSTS, tmp_path)
    assert line["usage_scope"] == "{}"


@pytest.mark.parametrize("row", [{"object": "organization.costs.result"}, cost(None), cost("much")])
def test_an_amount_that_is_missing_or_no_number_is_no_zero(tmp_path: Path, row: dict[str, Any]) -> None:
    (line,) = staged(read(tmp_path, p=page(bucket(MAY, row))), OPENAI_COSTS, tmp_path)
    assert "billed_cost" not in line


@pytest.mark.parametrize(
    ("line_item", "scope"),
    [
        ("gpt-4o-2024-08-06, input", {"model": "gpt-4o-2024-08-06", "token_kind": "input"}),
        ("gpt-5.5-2026-04-23, cached input", {"model": "gpt-5.5-2026-04-23", "token_kind": "cache_read"}),
        ("gpt-5.6-sol, cache writes", {"model": "gpt-5.6-sol", "token_kind": "cache_write"}),
        ("gpt-4.1-2025-04-14, output", {"model": "gpt-4.1-2025-04-14", "token_kind": "output"}),
        ("priority | gpt-5.6-sol, output, long context", {"model": "gpt-5.6-sol", "token_kind": "output", "service_tier": "priority"}),
        ("flex | gpt-5-mini, input", {"model": "gpt-5-mini", "token_kind": "input", "service_tier": "flex"}),
        ("gpt-4o-2024-08-06 batch, input", {"model": "gpt-4o-2024-08-06", "token_kind": "input", "service_tier": "batch"}),
        ("gpt-4o-2024-08-06, batch output", {"model": "gpt-4o-2024-08-06", "token_kind": "output", "service_tier": "batch"}),
        ("gpt-audio-mini-2025-12-15 audio, input", {"model": "gpt-audio-mini-2025-12-15", "token_kind": "input"}),
        ("gpt-image-2.5-sunburst text, cached input", {"model": "gpt-image-2.5-sunburst", "token_kind": "cache_read"}),
        ("whisper-1, audio", {"model": "whisper-1"}),
        ("text-embedding-3-small", {"model": "text-embedding-3-small"}),
        ("web search tool calls", {}),
        ("web search tool calls | gpt-4o", {}),
        ("Vector storage", {}),
        ("code interpreter sessions", {}),
        ("whisper", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_what_a_line_item_charges_for(line_item: str | None, scope: dict[str, str]) -> None:
    assert scope_of_line_item(line_item) == scope


def test_a_line_without_a_tier_is_standard_beside_one_with(tmp_path: Path) -> None:
    rows = [cost(1, line_item=item) for item in ("gpt-5.6-sol, output", "priority | gpt-5.6-sol, output", "gpt-4o, output", "Vector storage")]
    lines = staged(read(tmp_path, p=page(bucket(MAY, *rows))), OPENAI_COSTS, tmp_path)
    assert [json.loads(line["usage_scope"]).get("service_tier") for line in lines] == ["standard", "priority", None, None]


def test_a_bucket_given_twice_counts_as_the_last_named_file_says(tmp_path: Path) -> None:
    first, second = page(bucket(MAY, used(1)), bucket(MAY + DAY, used(2))), page(bucket(MAY + DAY, used(20)), bucket(MAY + 2 * DAY, used(30)))
    assert tokens(read(tmp_path, pull_9=first, pull_10=second)) == ["1", "20", "30"]


def test_a_page_delivered_twice_counts_once(tmp_path: Path) -> None:
    said = page(bucket(MAY, cost(5), cost(6)))
    assert amounts(read(tmp_path, a__page_1=said, b__page_1=said)) == ["5", "6"]


def test_a_bucket_restated_to_nothing_is_nothing(tmp_path: Path) -> None:
    assert tokens(read(tmp_path, a=page(bucket(MAY, used(1))), b=page(bucket(MAY), bucket(MAY + DAY, used(2))))) == ["2"]


def test_another_grouping_of_the_same_time_replaces_and_never_adds(tmp_path: Path) -> None:
    coarse, fine = page(bucket(MAY, used(10))), page(bucket(MAY, used(4, project_id="a"), used(6, project_id="b")))
    assert tokens(read(tmp_path, a=coarse, b=fine)) == ["4", "6"]


@pytest.mark.parametrize(("last", "expected"), [("day", ["24"]), ("hours", ["1"] * 24)])
def test_hours_and_the_day_that_they_make_up_are_not_added(tmp_path: Path, last: str, expected: list[str]) -> None:
    day = page(bucket(MAY, used(24)))
    hours = page(*(bucket(MAY + 3600 * hour, used(1), seconds=3600) for hour in range(24)))
    names = {"a": hours, "b": day} if last == "day" else {"a": day, "b": hours}
    assert tokens(read(tmp_path, **names)) == expected


def test_some_hours_of_an_earlier_day_leave_its_rest_unknown(tmp_path: Path) -> None:
    day, hour = page(bucket(MAY, used(24))), page(bucket(MAY, used(1), seconds=3600))
    with pytest.raises(BrokenFile, match="covers part of a bucket only") as caught:
        read(tmp_path, a=day, b=hour)
    assert caught.value.where == "source bill, file a.json"
    assert tokens(read(tmp_path / "other", a=hour, b=day)) == ["24"]


def test_endpoints_do_not_replace_one_another(tmp_path: Path) -> None:
    embedding = {"object": "organization.usage.embeddings.result", "input_tokens": 7, "num_model_requests": 1, "model": "e"}
    parts = read(tmp_path, a=page(bucket(MAY, used(1))), b=page(bucket(MAY, embedding)), c=page(bucket(MAY, cost(5))))
    assert (tokens(parts), amounts(parts)) == (["1", "7"], ["5"])


def test_months_are_apart(tmp_path: Path) -> None:
    parts = read(tmp_path, p=page(bucket(MAY - DAY, used(1)), bucket(MAY, used(2))))
    assert [(part.month, part.rows.num_rows) for part in parts] == [(date(2026, 4, 1), 1), (date(2026, 5, 1), 1)]


def test_gzip_and_the_provenance_of_a_pull(tmp_path: Path) -> None:
    save(tmp_path, pull={"start": "2026-05-01"})
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(json.dumps(page(bucket(MAY, used(1)))).encode("utf-8-sig")))
    assert tokens(assembled(assemble, local_files(tmp_path))) == ["1"]


def test_a_page_of_nothing_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, p=page(bucket(MAY)), q=page()) == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("{", "not whole JSON"),
        ("[]", "not a page"),
        ('{"data": 1}', "not a page of OpenAI"),
        ('{"error": {"message": "no"}}', "not a page of OpenAI"),
        ('{"data": [], "data": []}', "one key twice"),
        (page({"start_time": MAY, "end_time": MAY + DAY}), "no results"),
        (page(bucket(MAY, {"object": "organization.usage.dreams.result"})), "known endpoint"),
        (page(bucket(MAY, used(1), cost(1))), "one known endpoint"),
        (page(bucket(MAY, used(1), seconds=0)), "does not start before"),
        (page({**bucket(MAY, used(1)), "start_time": "May"}), "is no time"),
        (page({**bucket(MAY, used(1)), "start_time": 1e30}), "is no time"),
        (page(bucket(MAY, used(1)), bucket(MAY, used(1))), "holds a bucket twice"),
        (page(bucket(MAY, used(1)), bucket(MAY, used(1), seconds=3600)), "overlap"),
        (page(bucket(MAY, cost(1), seconds=40 * DAY)), "over the end of a month"),
        (page(bucket(MAY, {**cost(1), "amount": 5})), "amount is no object"),
        (page(bucket(MAY, used(1, model="\ud800"))), "surrogate"),
    ],
)
def test_what_is_no_page_is_named(tmp_path: Path, broken: Any, words: str) -> None:
    with pytest.raises(BrokenFile, match=words) as caught:
        read(tmp_path, good=page(bucket(MAY - DAY, used(1))), odd__page_2=broken)
    assert "file odd/page_2.json" in str(caught.value.where)


@pytest.mark.parametrize("data", [b"\x1f\x8bbroken", gzip.compress(b'{"data": []}', mtime=0)[:-4], b"\xff\xfe{"])
def test_damaged_bytes_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.json.gz").write_bytes(data)
    with pytest.raises(BrokenFile, match=r"truncated or damaged|not whole JSON"):
        assembled(assemble, local_files(tmp_path))


def test_staged_rows_pass_their_contract(tmp_path: Path) -> None:
    (row,) = staged(read(tmp_path, p=page(bucket(MAY, REFERENCE))), OPENAI_USAGE, tmp_path)
    assert set(feeds.ApiUsageNumbers.to_schema().columns) <= set(row)


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=4, unique_by=lambda each: each[0]), max_size=5), st.randoms())
def test_the_order_of_listing_changes_nothing_and_each_day_counts_once(tmp_path_factory: pytest.TempPathFactory, pulls: Any, random: Any) -> None:
    folder = tmp_path_factory.mktemp("pulls")
    for number, days in enumerate(pulls):
        save(folder, **{f"pull_{number}": page(*(bucket(MAY + day * DAY, cost(value)) for day, value in days))})
    files = local_files(folder)
    parts = assembled(assemble, files)
    expected: dict[int, int] = {}
    for days in pulls:
        expected.update(days)
    assert sorted(amounts(parts)) == sorted(str(value) for value in expected.values())
    random.shuffle(files)
    assert assembled(assemble, files) == parts
