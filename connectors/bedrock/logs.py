"""Bedrock's model invocation logs in S3: gzip JSON lines, one record a request, projected to what costs need.

The records hold prompts and answers; none of it leaves this module. Here: reading records, the allow-listed projection. Not here: listing
and fetching the bucket (object_storage), one request once and months (request_rows.py). Record: the "Model invocation logging" chapter of
the Amazon Bedrock user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.assembly import LocalFile, Part
from connectors.bedrock.models import priced_model
from connectors.buckets import natural
from connectors.listings import FileSource
from connectors.request_rows import (
    Months,
    RequestRow,
    each_once,
    file_lines,
    monthly_parts,
    pseudonym,
    utc_moment,
    utc_text,
    without_addresses,
)
from models.errors import BrokenFile

SHAPE = "bedrock_logs"
COLUMNS = (
    *("timestamp", "accountId", "modelId", "model", "operation", "errorCode", "identity"),
    *("inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount", "outputTokenCount", "metadata"),
)
# Bedrock takes at most 16 pairs of request metadata, keys and values of at most 256 characters.
METADATA_CHARACTERS_MAX = 256

# Other objects under the logs' prefix: large bodies, and the file that setting up the logging leaves.
_NO_LOG = re.compile(r"(^|/)data/[^/]+_(input|output)\.json(\.gz)?$|/\d{2}/data/[^/]+$|amazon-bedrock-logs-permission-check")
_ROLE_SESSION = re.compile(r"(arn:aws[a-z-]*:sts::\d*:assumed-role/[^/]+)/.*")
_NAMED_PERSON = re.compile(r"(arn:aws[a-z-]*:(?:iam|sts)::\d*:(?:user|federated-user)/)(.+)")


def assemble(source: FileSource, files: Sequence[LocalFile], where: str) -> Iterator[Part]:
    """The requests of invocation logs, one row each, by the month of their time in UTC (see `connectors.assembly.Assembler`).

    A request that two files tell of counts once, with its tokens where one of them has them. Missing counts are null. The source's
    `model_map` names the models behind ARNs that hide them.
    """
    known: Mapping[str, str] = source.model_map
    logs = sorted((file for file in files if not _NO_LOG.search(file.name)), key=lambda file: natural(file.name))
    yield from monthly_parts(SHAPE, COLUMNS, each_once(row for file in logs for row in _rows(file, known, f"{where}, file {file.name}")))


def _rows(file: LocalFile, known: Mapping[str, str], where: str) -> Iterator[RequestRow]:
    months = Months()
    for number, line in enumerate(file_lines(file, where, _TODO), start=1):
        if line.isspace():
            continue
        record = _record(line, f"{where}, line {number:,}")
        moment = utc_moment(_text(record.get("timestamp")))
        given, produced = _object(record.get("input")), _object(record.get("output"))
        model_id = _text(record.get("modelId"))
        counts = (
            *(_text(given.get(name)) for name in ("inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount")),
            _text(produced.get("outputTokenCount")),
        )
        values = (
            utc_text(moment) if moment else None,
            _text(record.get("accountId")),
            model_id,
            priced_model(model_id, known) if model_id else None,
            _text(record.get("operation")),
            _text(record.get("errorCode")),
            _identity(_text(_object(record.get("identity")).get("arn"))),
            *counts,
            _metadata(record),
        )
        yield from months.place(_text(record.get("requestId")), moment, any(count is not None for count in counts), values)
    months.close(where)


_TODO = "Copy the object from the bucket again; if it is no invocation log, leave it out of the source's path."


def _record(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        record = None
    schema = record.get("schemaType", "ModelInvocationLog") if isinstance(record, dict) else None
    if not isinstance(record, dict) or schema != "ModelInvocationLog" or "modelId" not in record:
        raise BrokenFile(
            "A line is no Bedrock model invocation record.",
            where=where,
            found="JSON of another kind" if record is not None else "a line that is no JSON",
            expected="one JSON object a line with schemaType ModelInvocationLog and a modelId",
            todo=_TODO,
        )
    return record


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _identity(arn: str | None) -> str | None:
    """Who called: a role without its session, which is often a person's name or address; a user by pseudonym, its name being one, too."""
    if arn is None:
        return None
    role = _ROLE_SESSION.fullmatch(arn)
    named = _NAMED_PERSON.fullmatch(arn)
    return role[1] if role else without_addresses(named[1] + pseudonym(named[2]) if named else arn)


def _metadata(record: Mapping[str, Any]) -> str | None:
    """What conditions `metadata.KEY` can ask of: the request's own metadata, and with `aws.` before them where and how it was called."""
    own = {
        without_addresses(key): without_addresses(value)
        for key, value in _object(record.get("requestMetadata")).items()
        if isinstance(value, str) and len(key) <= METADATA_CHARACTERS_MAX and len(value) <= METADATA_CHARACTERS_MAX
    }
    ours = {f"aws.{name}": _text(record.get(key)) for name, key in (("region", "region"), ("inference_region", "inferenceRegion"))}
    found = own | {name: value for name, value in ours.items() if value is not None}
    return json.dumps(dict(sorted(found.items())), ensure_ascii=False, separators=(",", ":")) if found else None
