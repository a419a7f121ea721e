"""What the logs of gateways and clouds become in the feeds: disjoint tokens, money that is charged once, refusals that can be seen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.assembly import Assembler, LocalFile
from connectors.bedrock import logs as bedrock
from connectors.litellm import pages as litellm
from connectors.openrouter import pages as openrouter
from models.contracts import feeds
from models.contracts.raw import SHAPES
from pipelines import sql_models
from pipelines.landing_view import landing_view_sql
from pipelines.warehouse import connect

D = Decimal
BUCKETS = ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


@dataclass(frozen=True)
class Source:
    kind: str
    id: str = "log"
    path: str = "logs"
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


def staged(assemble: Assembler, kind: str, folder: Path, name: str, data: bytes, shape: str | None = None) -> list[dict[str, Any]]:
    """The staged rows of one file, in its order; `refused` holds what the feed's contracts say of each."""
    shape = shape or kind
    file = folder / name
    file.write_bytes(data)
    batches = [part.rows for part in assemble(Source(kind), [LocalFile(name, file)], "source log") if part.shape == shape]
    landed = folder / "landed.parquet"
    pq.write_table(pa.Table.from_batches(batches), landed)
    raw = SHAPES[shape]
    physical = dict.fromkeys(batches[0].schema.names, "VARCHAR")
    view = landing_view_sql(raw, [landed], physical, where="source log", columns={}, constants={}, timezone="UTC")
    with connect() as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS landing")
        con.execute(f"CREATE OR REPLACE VIEW landing.{shape} AS {view}")
        frame = con.sql(sql_models.models()[f"staging.{shape}"].text).pl().sort("row_number")
    return [row | {"refused": _refusals(raw.feed, frame)[row["row_number"]]} for row in frame.to_dicts()]


def _refusals(feed: str, frame: pl.DataFrame) -> dict[int, list[str]]:
    keys, numbers = {
        "api_usage": (feeds.ApiUsageKeys, feeds.ApiUsageNumbers),
        "billing_line": (feeds.BillingLineKeys, feeds.BillingLineNumbers),
    }[feed]
    named = frame.with_columns(key_id=pl.col("row_number").cast(pl.UInt64))
    found: dict[int, list[str]] = {row: [] for row in frame["row_number"]}
    for contract, identity in ((keys, "key_id"), (numbers, "row_number")):
        broken = feeds.violations(contract, named.select(list(contract.to_schema().columns)), identity)
        for row, reason in broken.iter_rows():
            found[row].append(reason)
    for row, mask in frame.select("row_number", "unreadable").iter_rows():
        found[row] += ["unreadable"] if mask else []
    return found


def buckets(row: Mapping[str, Any]) -> tuple[int | None, ...]:
    return tuple(row[name] for name in BUCKETS)


def spend_log(**columns: Any) -> dict[str, Any]:
    """A row of LiteLLM_SpendLogs as the proxy's API gives it."""
    row = {
        "request_id": "chatcmpl-1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.00125,
        "total_tokens": 600,
        "prompt_tokens": 500,
        "completion_tokens": 100,
        "startTime": "2026-05-01T10:00:00.123000Z",
        "endTime": "2026-05-01T10:00:02.000000Z",
        "model": "openai/gpt-4o",
        "model_group": "gpt-4o",
        "custom_llm_provider": "openai",
        "api_base": "https://api.openai.com/v1",
        "user": "u-1",
        "team_id": "team-1",
        "end_user": "",
        "cache_hit": "False",
        "status": "success",
        "request_tags": [],
        "metadata": {},
    }
    return row | columns


def of_litellm(folder: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return staged(litellm.assemble, "litellm", folder, "logs.json", json.dumps(rows).encode())


def with_cache(read: int, write: int) -> dict[str, Any]:
    return {"usage_object": {"cache_read_input_tokens": read, "cache_creation_input_tokens": write}}


def test_a_spend_log_is_a_request_with_its_tokens(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log())
    assert (row["provider"], row["model"], row["requests"], buckets(row)) == ("openai", "gpt-4o", 1, (500, 0, 0, 100))
    assert str(row["usage_at"]) == "2026-05-01 10:00:00.123000"
    assert (row["team"], row["user_name"], row["reported_cost"]) == ("team-1", "u-1", D("0.00125"))
    assert (row["is_single_request"], row["is_whole_day"], row["refused"]) == (True, False, [])


def test_cached_tokens_are_taken_out_of_the_prompt_that_includes_them(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(metadata=with_cache(300, 50)))
    assert buckets(row) == (150, 300, 50, 100)


@pytest.mark.parametrize(
    "usage",
    [
        {"usage_object": {"prompt_tokens_details": {"cached_tokens": 300}}},
        {"usage_object": {"cache_read_input_tokens": 0, "prompt_tokens_details": {"cached_tokens": 300}}},
        {"usage_object": None, "additional_usage_values": {"prompt_tokens_details": {"cached_tokens": 300, "text_tokens": None}}},
        {"usage_object": {}, "additional_usage_values": {"cache_read_input_tokens": 300}},
    ],
)
def test_cached_tokens_are_found_wherever_versions_put_them(tmp_path: Path, usage: dict[str, Any]) -> None:
    (row,) = of_litellm(tmp_path, spend_log(metadata=usage))
    assert buckets(row) == (200, 300, 0, 100)


def test_what_was_cached_for_an_hour_and_what_was_reasoned_is_a_part_of_its_bucket(tmp_path: Path) -> None:
    usage = {
        "cache_creation_input_tokens": 50,
        "prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}},
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    (row,) = of_litellm(tmp_path, spend_log(metadata={"usage_object": usage}))
    assert (buckets(row), row["cache_write_1h_tokens"], row["reasoning_tokens"]) == ((450, 0, 50, 100), 30, 40)


@pytest.mark.parametrize(("total", "uncached"), [(600, 150), (650, 200), (950, 500)])
def test_the_total_tells_which_cached_tokens_a_version_counts_in_the_prompt(tmp_path: Path, total: int, uncached: int) -> None:
    (row,) = of_litellm(tmp_path, spend_log(total_tokens=total, metadata=with_cache(300, 50)))
    assert sum(count or 0 for count in buckets(row)) == total
    assert (row["input_uncached_tokens"], row["refused"]) == (uncached, [])


@given(
    uncached=st.integers(0, 10**9), read=st.integers(0, 10**9), write=st.integers(0, 10**9), output=st.integers(1, 10**9), knows_total=st.booleans()
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_buckets_are_disjoint_and_make_the_total(tmp_path: Path, uncached: int, read: int, write: int, output: int, knows_total: bool) -> None:
    prompt = uncached + read + write
    total = prompt + output if knows_total else None
    row = spend_log(prompt_tokens=prompt, completion_tokens=output, total_tokens=total, metadata=with_cache(read, write))
    (found,) = of_litellm(tmp_path, row)
    assert buckets(found) == (uncached, read, write, output)


def test_thoughts_that_a_version_counts_beside_the_completion_are_output(tmp_path: Path) -> None:
    usage = {"cache_read_input_tokens": 300, "completion_tokens_details": {"reasoning_tokens": 40}}
    (row,) = of_litellm(tmp_path, spend_log(total_tokens=640, metadata={"usage_object": usage}))
    assert (buckets(row), row["reasoning_tokens"], row["refused"]) == ((200, 300, 0, 140), 40, [])


def test_a_row_whose_counts_are_left_out_is_refused_alone(tmp_path: Path) -> None:
    untold = spend_log(request_id="chatcmpl-2")
    del untold["prompt_tokens"]
    whole, row = of_litellm(tmp_path, spend_log(), untold)
    assert (whole["refused"], row["refused"]) == ([], ["input_uncached_tokens is missing"])


def test_a_total_that_nothing_explains_is_refused(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(total_tokens=777))
    assert row["refused"] == ["input_uncached_tokens is missing"]


def test_more_cached_tokens_than_prompt_are_refused(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(metadata=with_cache(501, 0)))
    assert row["refused"] == ["uncached input tokens are negative (cached tokens above the input, or a negative count)"]


def test_metadata_that_cannot_be_read_hides_the_cached_tokens_so_the_row_is_refused(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(metadata='{"usage_object": {"cache_read_in'))
    assert "unreadable" in row["refused"]


def test_a_hit_in_the_gateways_own_cache_is_a_request_that_no_provider_charges_for(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(cache_hit="True", metadata=with_cache(300, 0)))
    assert (row["requests"], buckets(row), row["reported_cost"], row["refused"]) == (1, (0, 0, 0, 0), 0, [])


def test_reading_a_stored_response_again_costs_nothing_again(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(call_type="aget_responses"))
    assert (row["requests"], buckets(row), row["reported_cost"]) == (1, (0, 0, 0, 0), 0)


def test_a_failure_is_a_request_without_tokens(tmp_path: Path) -> None:
    failure = spend_log(status="failure", prompt_tokens=0, completion_tokens=0, total_tokens=0, spend=0, custom_llm_provider="", model="gpt-4o")
    (row,) = of_litellm(tmp_path, failure)
    assert (row["requests"], buckets(row), row["provider"], row["refused"]) == (1, (0, 0, 0, 0), None, [])


def test_a_completion_that_succeeded_without_any_token_has_unknown_usage(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(prompt_tokens=0, completion_tokens=0, total_tokens=0))
    assert row["refused"] == ["input_uncached_tokens is missing", "output_tokens is missing"]


def test_a_batch_is_priced_as_one_and_not_by_the_size_of_its_sum(tmp_path: Path) -> None:
    (row,) = of_litellm(tmp_path, spend_log(call_type="aretrieve_batch"))
    assert (row["service_tier"], row["is_single_request"]) == ("batch", False)


@pytest.mark.parametrize(("tier", "expected"), [("priority", "priority"), ("default", None), (None, None)])
def test_the_standard_tier_has_no_name(tmp_path: Path, tier: str | None, expected: str | None) -> None:
    (row,) = of_litellm(tmp_path, spend_log(metadata={"usage_object": {"service_tier": tier}}))
    assert row["service_tier"] == expected


def test_pools_and_workloads_can_match_the_server_tags_and_groups(tmp_path: Path) -> None:
    row = spend_log(api_base="http://vllm.internal:8000/v1", request_tags=["job:7", "chat"], organization_id="org-1", end_user="customer-9")
    (row,) = of_litellm(tmp_path, row)
    assert json.loads(row["metadata"]) == {
        "api_base": "http://vllm.internal:8000/v1",
        "end_user": "customer-9",
        "model_group": "gpt-4o",
        "organization_id": "org-1",
        "request_tags": '["chat", "job:7"]',
    }


def test_spend_keeps_every_digit(tmp_path: Path) -> None:
    text = json.dumps([spend_log(spend="SPEND")]).replace('"SPEND"', "1.2345678901e-05")
    (row,) = staged(litellm.assemble, "litellm", tmp_path, "logs.json", text.encode())
    assert row["reported_cost"] == D("0.000012345679")


def invocation(**columns: Any) -> dict[str, Any]:
    """A model invocation record of Bedrock."""
    record = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-05-31T23:59:59Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/chat-backend/i-0abc"},
        "region": "us-east-1",
        "requestId": "ff4b6c63-5561-4431-93b8-06a817275900",
        "operation": "ConverseStream",
        "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "requestMetadata": {"workload": "chat"},
        "input": {"inputContentType": "application/json", "inputTokenCount": 100, "cacheReadInputTokenCount": 30, "cacheWriteInputTokenCount": 20},
        "output": {"outputContentType": "application/json", "outputTokenCount": 7},
        "inferenceRegion": "us-west-2",
    }
    return record | columns


def of_bedrock(folder: Path, *records: dict[str, Any]) -> list[dict[str, Any]]:
    data = gzip.compress("\n".join(map(json.dumps, records)).encode())
    return staged(bedrock.assemble, "bedrock_logs", folder, "20260531T235959Z_1.json.gz", data)


def test_a_bedrock_record_is_a_request_whose_counts_are_disjoint(tmp_path: Path) -> None:
    (row,) = of_bedrock(tmp_path, invocation())
    assert (row["provider"], row["model"], buckets(row)) == ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0", (100, 30, 20, 7))
    assert (row["project"], row["user_name"]) == ("123456789012", "arn:aws:sts::123456789012:assumed-role/chat-backend")
    assert json.loads(row["metadata"]) == {"workload": "chat", "aws.region": "us-east-1", "aws.inference_region": "us-west-2"}
    assert (str(row["usage_at"]), row["is_single_request"], row["refused"]) == ("2026-05-31 23:59:59", True, [])


def test_cached_tokens_that_a_record_does_not_speak_of_are_none(tmp_path: Path) -> None:
    (row,) = of_bedrock(tmp_path, invocation(input={"inputTokenCount": 100}))
    assert (buckets(row), row["refused"]) == ((100, 0, 0, 7), [])


def test_the_missing_usage_of_an_aborted_stream_is_unknown_and_seen(tmp_path: Path) -> None:
    aborted = invocation(requestId="2", output={"outputContentType": "application/json"})
    failed = invocation(requestId="3", errorCode="ThrottlingException", input={}, output={})
    whole, *rows = of_bedrock(tmp_path, invocation(), aborted, failed)
    assert whole["refused"] == []
    assert [row["refused"] for row in rows] == [["output_tokens is missing"], ["input_uncached_tokens is missing", "output_tokens is missing"]]


def test_an_embedding_has_no_output(tmp_path: Path) -> None:
    (row,) = of_bedrock(tmp_path, invocation(modelId="amazon.titan-embed-text-v2:0", operation="InvokeModel", output={}))
    assert (row["output_tokens"], row["refused"]) == (0, [])


def activity(**columns: Any) -> dict[str, Any]:
    """A row of OpenRouter's activity."""
    row = {
        "date": "2026-05-01",
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
        "provider_name": "OpenAI",
        "usage": 0.015,
        "byok_usage_inference": 0.012,
        "requests": 5,
        "prompt_tokens": 50,
        "completion_tokens": 125,
        "reasoning_tokens": 25,
    }
    return row | columns


def of_openrouter(folder: Path, shape: str, data: object, name: str = "activity.json") -> list[dict[str, Any]]:
    body = data.encode() if isinstance(data, str) else json.dumps({"data": data}).encode()
    return staged(openrouter.assemble, "openrouter", folder, name, body, shape)


def test_a_day_of_openrouter_is_usage_of_a_whole_day(tmp_path: Path) -> None:
    (row,) = of_openrouter(tmp_path, "openrouter_usage", [activity()])
    assert (row["provider"], row["model"], row["requests"], buckets(row)) == ("openrouter", "openai/gpt-4.1", 5, (50, 0, 0, 125))
    assert (row["reasoning_tokens"], row["is_whole_day"], row["is_single_request"], row["refused"]) == (25, True, False, [])


def test_openrouter_bills_its_own_money_and_not_what_own_keys_spent_elsewhere(tmp_path: Path) -> None:
    (row,) = of_openrouter(tmp_path, "openrouter_costs", [activity(workspace_id="ws-1")])
    assert (row["billed_cost"], row["effective_cost"], row["currency"]) == (D("0.015"), D("0.015"), "USD")
    assert (str(row["charge_start"]), str(row["charge_end"])) == ("2026-05-01 00:00:00", "2026-05-02 00:00:00")
    assert (row["provider"], row["invoice_issuer"], row["charge_category"], str(row["billing_period"])) == (
        *("openrouter", "openrouter"),
        *("Usage", "2026-05-01"),
    )
    assert json.loads(row["usage_scope"]) == {"model": "openai/gpt-4.1", "workspace": "ws-1"}
    assert row["refused"] == []


def test_a_refund_is_below_zero_and_stands(tmp_path: Path) -> None:
    (row,) = of_openrouter(tmp_path, "openrouter_costs", [activity(usage=-1.5)])
    assert (row["billed_cost"], row["refused"]) == (D("-1.5"), [])


GENERATIONS = """generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,\
model_permaslug,variant,provider_name,api_key_name
gen-a,2026-04-13T10:20:00Z,0.12,10,20,3,4,openai/gpt-4o-mini,standard,OpenAI,primary
gen-b,2026-04-13T11:00:00Z,0,15,25,0,0,deepseek/deepseek-r1,free,Chutes,primary
"""


def test_a_generation_of_the_activity_pages_csv_is_a_request_with_its_cached_tokens(tmp_path: Path) -> None:
    paid, free = of_openrouter(tmp_path, "openrouter_usage", GENERATIONS, "openrouter_activity.csv")
    assert (paid["model"], paid["requests"], buckets(paid), paid["api_key"]) == ("openai/gpt-4o-mini", 1, (6, 4, 0, 20), "primary")
    assert (str(paid["usage_at"]), paid["is_whole_day"], paid["is_single_request"]) == ("2026-04-13 10:20:00", False, True)
    assert free["model"] == "deepseek/deepseek-r1:free"


def test_a_generation_is_charged_on_its_day(tmp_path: Path) -> None:
    rows = of_openrouter(tmp_path, "openrouter_costs", GENERATIONS, "openrouter_activity.csv")
    assert [row["billed_cost"] for row in rows] == [D("0.12"), 0]
    assert {(str(row["charge_start"]), str(row["charge_end"])) for row in rows} == {("2026-04-13 00:00:00", "2026-04-14 00:00:00")}
    assert json.loads(rows[0]["usage_scope"]) == {"model": "openai/gpt-4o-mini", "api_key": "primary"}


@pytest.mark.parametrize(
    ("shape", "like"),
    [("bedrock_logs", "request_log"), ("litellm", "request_log"), ("openrouter_usage", "request_log"), ("openrouter_costs", "invoice")],
)
def test_every_log_has_its_feeds_columns_in_their_order(shape: str, like: str) -> None:
    assert _columns(shape) == _columns(like)


def _columns(shape: str) -> Sequence[tuple[str, str]]:
    types = {
        "text": "VARCHAR",
        "json": "VARCHAR",
        "money": "DECIMAL(38,12)",
        "quantity": "DECIMAL(38,12)",
        "count": "BIGINT",
        "timestamp": "TIMESTAMP",
    }
    nulls = ", ".join(f'CAST(NULL AS {types.get(column.type, "DATE")}) AS "{column.name}"' for column in SHAPES[shape].columns)
    with connect() as con:
        for schema in ("landing", "config"):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        con.execute("CREATE OR REPLACE TABLE config.delivery AS SELECT true AS input_includes_cache, 'day' AS grain, false AS is_prepaid")
        con.execute(f"CREATE OR REPLACE VIEW landing.{shape} AS SELECT CAST(1 AS BIGINT) AS row_number, {nulls}, CAST(0 AS BIGINT) AS unreadable")
        return [(str(row[0]), str(row[1])) for row in con.execute(f"DESCRIBE {sql_models.models()[f'staging.{shape}'].text}").fetchall()]
