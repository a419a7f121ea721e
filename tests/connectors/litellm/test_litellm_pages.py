"""LiteLLM's spend logs from files of every form: the same rows, each call once, and no prompt, answer, address or key kept."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.assembly import LocalFile, Part
from connectors.litellm.names import priced_names
from connectors.litellm.pages import assemble
from models.errors import BrokenFile

PLANTED = ("My prompt", "My answer", "jane.doe@example.com", "10.1.2.3", "sk-secret", "AIzaSECRET", "jane's key")


@dataclass(frozen=True)
class Source:
    kind: str = "litellm"
    id: str = "gateway"
    path: str = "spend"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


def spend_log(call: str = "call-1", **columns: Any) -> dict[str, Any]:
    row = {
        "request_id": f"chatcmpl-{call}",
        "litellm_call_id": call,
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55e",
        "spend": 0.00125,
        "total_tokens": 600,
        "prompt_tokens": 500,
        "completion_tokens": 100,
        "startTime": "2026-05-01T10:00:00.123000Z",
        "model": "openai/gpt-4o",
        "custom_llm_provider": "openai",
        "user": "u-1",
        "team_id": "team-1",
        "cache_hit": "False",
        "status": "success",
        "request_tags": ["b", "a"],
        "metadata": {"usage_object": {"cache_read_input_tokens": 300}, "user_api_key_project_id": "p-1"},
    }
    return row | columns


def in_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows).encode()


def in_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows({name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def in_parquet(rows: list[dict[str, Any]]) -> bytes:
    """As a dump of the table has it: JSON as text, times without an offset."""
    plain = [
        {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()}
        | {"startTime": datetime.fromisoformat(row["startTime"]).replace(tzinfo=None)}
        for row in rows
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(plain), buffer)
    return buffer.getvalue()


FORMS = {
    "logs.json": in_json,
    "logs.json.gz": lambda rows: gzip.compress(in_json(rows)),
    "logs.ndjson": lambda rows: b"\n".join(json.dumps(row).encode() for row in rows),
    "page.json": lambda rows: json.dumps({"data": rows, "total": len(rows), "page": 1, "page_size": 100, "total_pages": 1}).encode(),
    "logs.csv": in_csv,
    "logs.parquet": in_parquet,
}


def write(folder: Path, files: dict[str, bytes]) -> list[LocalFile]:
    written = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / f"{number}.bin"
        path.write_bytes(data)
        written.append(LocalFile(name, path))
    return written


def parts(files: list[LocalFile], **given: Any) -> list[Part]:
    return list(assemble(Source(**given), files, "source gateway"))


def rows(files: list[LocalFile], **given: Any) -> list[dict[str, Any]]:
    return [row for part in parts(files, **given) for row in part.rows.to_pylist()]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_row(tmp_path: Path, name: str) -> None:
    (part,) = parts(write(tmp_path, {name: FORMS[name]([spend_log()])}))
    assert (part.shape, part.month) == ("litellm", date(2026, 5, 1))
    (row,) = part.rows.to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {
        "startTime": "2026-05-01T10:00:00.123000Z",
        "provider": "openai",
        "model": "gpt-4o",
        "call_type": "acompletion",
        "status": "success",
        "cache_hit": "False",
        "spend": "0.00125",
        "prompt_tokens": "500",
        "completion_tokens": "100",
        "total_tokens": "600",
        "cache_read_tokens": "300",
        "api_key": "88dc28d0f030c55e",
        "user": "u-1",
        "team_id": "team-1",
        "project": "p-1",
        "metadata": '{"request_tags":"[\\"a\\", \\"b\\"]"}',
    }


@pytest.mark.parametrize("name", ["empty.json", "page.json"])
def test_a_day_without_requests_is_no_row(tmp_path: Path, name: str) -> None:
    assert parts(write(tmp_path, {name: {"empty.json": b"[]\n", "page.json": b'{"data": [], "total": 0}'}[name]})) == []


def test_a_call_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    files = write(tmp_path, {"a.json": in_json([spend_log(), spend_log("call-2")]), "b.json": in_json([spend_log(request_id="chatcmpl-other")])})
    assert len(rows(files)) == 2


def test_of_a_failed_attempt_and_a_success_of_one_call_the_success_counts(tmp_path: Path) -> None:
    failed = spend_log(request_id="attempt-1", status="failure", prompt_tokens=0, completion_tokens=0, total_tokens=0)
    for order in ([failed, spend_log()], [spend_log(), failed]):
        assert [row["status"] for row in rows(write(tmp_path, {"a.json": in_json(order)}))] == ["success"]


def test_without_a_calls_id_the_rows_id_names_it(tmp_path: Path) -> None:
    old = [spend_log(), spend_log(), spend_log("call-2")]
    for row in old:
        del row["litellm_call_id"]
    assert len(rows(write(tmp_path, {"a.json": in_json(old)}))) == 2


def test_the_last_named_file_restates_a_call(tmp_path: Path) -> None:
    files = write(tmp_path, {"dump-9.json": in_json([spend_log(prompt_tokens=1)]), "dump-10.json": in_json([spend_log(prompt_tokens=2)])})
    assert [row["prompt_tokens"] for row in rows(files)] == ["2"]


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_files_does_not_matter(tmp_path: Path, data: st.DataObject) -> None:
    files = write(tmp_path, {f"{n}.json": in_json([spend_log(f"call-{n % 3}", prompt_tokens=n), spend_log(f"own-{n}")]) for n in range(5)})
    assert rows(data.draw(st.permutations(files))) == rows(files)


def test_months_are_utc(tmp_path: Path) -> None:
    dump = [spend_log(startTime="2026-05-31 23:59:59.999"), spend_log("call-2", startTime="2026-06-01T01:00:00+02:00"), spend_log("c", startTime="?")]
    assert [(part.month, part.rows.num_rows) for part in parts(write(tmp_path, {"a.json": in_json(dump)}))] == [(date(2026, 5, 1), 3)]


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "openai/gpt-4o", ("openai", "gpt-4o")),
        ("groq", "groq/llama-3.3-70b-versatile", ("groq", "llama-3.3-70b-versatile")),
        ("groq", "openai/gpt-oss-120b", ("groq", "openai/gpt-oss-120b")),
        ("bedrock", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0")),
        ("bedrock_converse", "bedrock/converse/us-west-2/amazon.nova-lite-v1:0", ("aws", "amazon.nova-lite-v1:0")),
        ("vertex_ai-anthropic_models", "vertex_ai/claude-sonnet-4-5@20250929", ("google", "claude-sonnet-4-5@20250929")),
        ("gemini", "gemini/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("azure", "azure/gpt-4o", ("azure", "gpt-4o")),
        ("together_ai", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo")),
        ("openrouter", "openrouter/openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("hosted_vllm", "hosted_vllm/meta-llama/Llama-3.3-70B", ("hosted_vllm", "meta-llama/Llama-3.3-70B")),
        (None, "anthropic/claude-opus-4-5", ("anthropic", "claude-opus-4-5")),
        (None, "some-group", (None, "some-group")),
    ],
)
def test_provider_and_model_are_what_prices_know(provider: str | None, model: str, expected: tuple[str | None, str]) -> None:
    assert priced_names(provider, model, {}) == expected


def test_a_deployments_model_is_named_by_the_configuration(tmp_path: Path) -> None:
    row = spend_log(model="azure/chat-prod", custom_llm_provider="azure")
    (found,) = rows(write(tmp_path, {"a.json": in_json([row])}), model_map={"chat-prod": "gpt-4o"})
    assert (found["provider"], found["model"]) == ("azure", "gpt-4o")


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("sums.json", b'[{"startTime": "2026-05-01", "spend": 0.1, "users": {}, "models": {}}]', "no model"),
        ("tags.csv", b"tag,date,spend,prompt_tokens,completion_tokens,model,startTime\n", "no request_id"),
        ("page.json", b'{"data": "x"}', "no list of rows"),
        ("logs.parquet", b"PAR1", "not what its ending"),
        ("logs.json", b'[{"request_id": "1", ', "truncated"),
    ],
)
def test_what_is_no_spend_log_is_refused_by_name(tmp_path: Path, name: str, data: bytes, found: str) -> None:
    with pytest.raises(BrokenFile, match=found) as error:
        parts(write(tmp_path, {name: data}))
    assert name in str(error.value)


@pytest.mark.parametrize("name", FORMS)
def test_nothing_of_prompts_answers_persons_and_keys_lands(tmp_path: Path, name: str) -> None:
    prompt, answer, person, address, key, query, alias = PLANTED
    row = spend_log(
        messages=[{"role": "user", "content": prompt}],
        response={"choices": [{"message": {"content": answer}}]},
        proxy_server_request={"body": {"messages": prompt}},
        requester_ip_address=address,
        user=person,
        end_user=person,
        request_tags=["chat", f"for {person}"],
        api_base=f"https://u:{key}@host.example:8443/v1/models/gemini:generateContent?key={query}",
        metadata={
            "user_api_key_alias": alias,
            "user_api_key_user_email": person,
            "requester_metadata": {"prompt": prompt},
            "spend_logs_metadata": {"prompt": prompt},
            "error_information": {"error_message": answer},
            "usage_object": {"cache_read_input_tokens": 1, "note": prompt},
        },
    )
    found = parts(write(tmp_path, {name: FORMS[name]([row])}))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_batches([part.rows for part in found]), buffer, compression="none", use_dictionary=False)
    assert not [text for text in PLANTED if text.encode() in buffer.getvalue()]
    kept = json.loads(found[0].rows.to_pylist()[0]["metadata"])
    assert kept["api_base"] == "https://host.example:8443/v1/models/gemini:generateContent"
    assert kept["end_user"].startswith("sha256:")
