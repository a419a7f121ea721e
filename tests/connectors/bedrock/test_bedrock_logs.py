"""Bedrock's invocation logs: which records are read, each request once, which model it was, and nothing of a prompt or a person kept."""

from __future__ import annotations

import gzip
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
from connectors.bedrock.logs import assemble
from connectors.bedrock.models import priced_model
from models.errors import BrokenFile
from models.prices import shipped_prices

HOUR = "AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/2026/05/31/23"


@dataclass(frozen=True)
class Source:
    kind: str = "bedrock_logs"
    id: str = "bedrock"
    path: str = "s3://logs"
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    model_map: dict[str, str] = field(default_factory=dict)


def record(request: str = "r-1", **columns: Any) -> dict[str, Any]:
    found = {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-05-31T23:10:00Z",
        "accountId": "123456789012",
        "requestId": request,
        "modelId": "amazon.nova-lite-v1:0",
        "input": {"inputTokenCount": 4},
        "output": {"outputTokenCount": 38},
    }
    return found | columns


def write(folder: Path, files: dict[str, list[dict[str, Any]]]) -> list[LocalFile]:
    written = []
    for number, (name, records) in enumerate(files.items()):
        path = folder / f"{number}.bin"
        path.write_bytes(gzip.compress("".join(json.dumps(each) + "\n" for each in records).encode(), mtime=0))
        written.append(LocalFile(name, path))
    return written


def parts(files: list[LocalFile], **given: Any) -> list[Part]:
    return list(assemble(Source(**given), files, "source bedrock"))


def rows(files: list[LocalFile], **given: Any) -> list[dict[str, Any]]:
    return [row | {"month": part.month} for part in parts(files, **given) for row in part.rows.to_pylist()]


def test_a_request_lands_as_its_counts_and_names(tmp_path: Path) -> None:
    (row,) = rows(write(tmp_path, {f"{HOUR}/20260531T230000Z_a.json.gz": [record()]}))
    assert {name: value for name, value in row.items() if value is not None} == {
        "timestamp": "2026-05-31T23:10:00Z",
        "accountId": "123456789012",
        "modelId": "amazon.nova-lite-v1:0",
        "model": "amazon.nova-lite-v1:0",
        "inputTokenCount": "4",
        "outputTokenCount": "38",
        "month": date(2026, 5, 1),
    }


def test_large_bodies_and_the_permission_check_are_no_logs(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            f"{HOUR}/20260531T230000Z_a.json.gz": [record()],
            f"{HOUR}/data/r-1_input.json.gz": [{"messages": ["a large body"]}],
            "AWSLogs/123456789012/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check": [{}],
        },
    )
    assert len(rows(files)) == 1


def test_a_request_in_two_files_counts_once_with_its_tokens(tmp_path: Path) -> None:
    aborted = record(output={})
    files = write(tmp_path, {f"{HOUR}/a.json.gz": [record(input={}, output={}), aborted], f"{HOUR}/b.json.gz": [record(), record("r-2")]})
    found = sorted((row["inputTokenCount"], row["outputTokenCount"]) for row in rows(files) if row["outputTokenCount"])
    assert (len(rows(files)), found) == (2, [("4", "38")])


def test_requests_without_an_id_all_count(tmp_path: Path) -> None:
    nameless = record()
    del nameless["requestId"]
    assert len(rows(write(tmp_path, {"a.json.gz": [nameless, nameless]}))) == 2


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_files_does_not_matter(tmp_path: Path, data: st.DataObject) -> None:
    files = write(tmp_path, {f"{HOUR}/{n}.json.gz": [record(f"r-{n % 3}", output={"outputTokenCount": n}), record(f"s-{n}")] for n in range(5)})
    assert rows(data.draw(st.permutations(files))) == rows(files)


def test_a_record_belongs_to_the_month_of_its_own_time(tmp_path: Path) -> None:
    late = record("r-2", timestamp="2026-06-01T00:30:00+02:00")
    files = write(tmp_path, {f"{HOUR}/a.json.gz": [record(), late, record("r-3", timestamp="2026-06-01T00:00:00Z")]})
    assert [(part.month, part.rows.num_rows) for part in parts(files)] == [(date(2026, 5, 1), 2), (date(2026, 6, 1), 1)]


def test_a_record_whose_time_cannot_be_read_goes_with_its_neighbours_to_be_refused(tmp_path: Path) -> None:
    files = write(tmp_path, {"a.json.gz": [record("r-0", timestamp="yesterday"), record()]})
    assert [(row["timestamp"], row["month"]) for row in rows(files)] == [(None, date(2026, 5, 1)), ("2026-05-31T23:10:00Z", date(2026, 5, 1))]


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::123456789012:assumed-role/chat/jane.doe@example.com", "arn:aws:sts::123456789012:assumed-role/chat"),
        ("arn:aws:iam::123456789012:role/service/chat", "arn:aws:iam::123456789012:role/service/chat"),
        ("arn:aws:iam::123456789012:user/jane", "arn:aws:iam::123456789012:user/sha256:81f8f6dde88365f3"),
        ("arn:aws-us-gov:sts::123456789012:federated-user/jane", "arn:aws-us-gov:sts::123456789012:federated-user/sha256:81f8f6dde88365f3"),
    ],
)
def test_a_role_is_kept_and_a_person_is_not(tmp_path: Path, arn: str, expected: str) -> None:
    (row,) = rows(write(tmp_path, {"a.json.gz": [record(identity={"arn": arn})]}))
    assert row["identity"] == expected


@pytest.mark.parametrize(
    ("model_id", "model"),
    [
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("apac.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (
            "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-3-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0"),
        # only its profiles have a price
        ("us.amazon.nova-2-lite-v1:0", "us.amazon.nova-2-lite-v1:0"),
    ],
)
def test_a_models_name_is_one_that_has_a_price(model_id: str, model: str) -> None:
    assert priced_model(model_id, {}) == model
    assert shipped_prices([("aws", model)])[0]


def test_a_global_profile_keeps_its_own_price() -> None:
    everywhere, here = (priced_model(f"{where}.anthropic.claude-sonnet-4-5-20250929-v1:0", {}) for where in ("global", "eu"))
    first = [prices[0].input for prices, _ in (shipped_prices([("aws", model)]) for model in (everywhere, here))]
    assert [str(price) for price in first] == ["3", "3.3"]


def test_a_profile_that_hides_its_model_is_named_by_the_configuration_or_stays_unknown(tmp_path: Path) -> None:
    hidden = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
    files = write(tmp_path, {"a.json.gz": [record(modelId=hidden)]})
    assert [row["model"] for row in rows(files)] == [hidden]
    (row,) = rows(files, model_map={hidden: "amazon.nova-lite-v1:0"})
    assert (row["modelId"], row["model"]) == (hidden, "amazon.nova-lite-v1:0")


@pytest.mark.parametrize("where", ["a.json.gz"])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (gzip.compress(b'{"schemaType": "ModelInvocationLog"', mtime=0)[:-9], "truncated"),
        (gzip.compress(b'{"schemaType": "ModelInvocationLog", "prompt": "SECRET', mtime=0), "no Bedrock model invocation record"),
        (gzip.compress(b'{"schemaType": "GuardrailLog", "modelId": "m"}', mtime=0), "no Bedrock model invocation record"),
        (gzip.compress(b'["SECRET"]', mtime=0), "no Bedrock model invocation record"),
        (b'{"schemaType": "SECRET"}', "damaged"),
    ],
)
def test_a_file_that_is_no_log_is_refused_by_name_and_without_its_words(tmp_path: Path, where: str, data: bytes, found: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(BrokenFile, match=found) as error:
        parts([LocalFile(where, path)])
    assert where in str(error.value)
    assert "SECRET" not in str(error.value)


def test_nothing_of_prompts_answers_and_persons_lands(tmp_path: Path) -> None:
    planted = ["My prompt", "My answer", "jane.doe@example.com", "john", "a very long note", "s3://bucket/data/r-1_input.json.gz"]
    files = write(
        tmp_path,
        {
            "a.json.gz": [
                record(
                    input={"inputTokenCount": 4, "inputBodyJson": {"messages": [{"content": planted[0]}]}, "inputBodyS3Path": planted[5]},
                    output={"outputTokenCount": 38, "outputBodyJson": {"text": planted[1]}},
                    identity={"arn": f"arn:aws:sts::1:assumed-role/chat/{planted[2]}"},
                    requestMetadata={"owner": f"by {planted[2]}", "note": planted[4] * 20, "nested": {"prompt": planted[0]}, "team": "search"},
                    another={"prompt": planted[0]},
                ),
                record("r-2", identity={"arn": f"arn:aws:iam::1:user/{planted[3]}"}),
                record("r-3", requestMetadata={"half": "\ud800"}),
            ]
        },
    )
    written = written_bytes(parts(files))
    assert not [text for text in planted if text.encode() in written]
    assert b"search" in written


def written_bytes(found: list[Part]) -> bytes:
    """The bytes of the rows in Parquet, uncompressed and plain so that any text in them can be seen."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_batches([part.rows for part in found]), buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()
