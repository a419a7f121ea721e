"""Logs of single requests in their systems' own form: a LiteLLM gateway's spend logs, and Bedrock's invocation logs under the keys of their bucket.

How much is asked stands in small_workloads.py. No prompts, no answers, no names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pipelines.sample_company.logs import Tokens
from pipelines.sample_company.months import name_of
from pipelines.sample_company.small_workloads import (
    BEDROCK_MODEL,
    BEDROCK_REQUEST,
    BEDROCK_REQUESTS,
    DRAFTS_CALL,
    DRAFTS_HOURS,
    GATEWAY_CALL,
    GATEWAY_HOURS,
    GATEWAY_MODEL,
    LABS_ACCOUNT,
    Counted,
    bedrock_days,
    costs_of,
    times,
    workdays,
)
from pipelines.sample_company.writers import write_ndjson, write_ndjson_gz

SERVED_MODEL = "meta-llama/Llama-3.3-70B-Instruct"  # as the big pool's servers name it
BEDROCK_REGION = "us-east-1"


def write_gateway(directory: Path, months: Sequence[date]) -> list[Counted]:
    """`logs/litellm-*.ndjson`: the rows of LiteLLM_SpendLogs, of one team that asks Groq and of one that asks the big pool."""
    labs = {"team_id": "team-labs", "model": f"groq/{GATEWAY_MODEL}", "custom_llm_provider": "groq", "api_base": "https://api.groq.com/openai/v1"}
    care = {
        "team_id": "team-care",
        "model": f"hosted_vllm/{SERVED_MODEL}",
        "custom_llm_provider": "hosted_vllm",
        "api_base": "http://core-70b.internal:8000/v1",
    }
    spend = sum(costs_of(GATEWAY_MODEL, GATEWAY_CALL), Decimal(0))
    counted = []
    for month in months:
        rows = []
        for day in workdays(month):
            rows += [_spend_log(day, hour, labs, GATEWAY_CALL, spend) for hour in GATEWAY_HOURS]
            rows += [_spend_log(day, hour, care, DRAFTS_CALL, Decimal(0)) for hour in DRAFTS_HOURS]
            counted.append(Counted("labs", "team-gateway", day, times(GATEWAY_CALL, len(GATEWAY_HOURS))))
            counted.append(Counted("reply-drafts", "team-gateway", day, times(DRAFTS_CALL, len(DRAFTS_HOURS))))
        write_ndjson(directory / "logs" / f"litellm-{name_of(month)}.ndjson", sorted(rows, key=lambda row: str(row["startTime"])))
    return counted


def _spend_log(day: date, hour: int, route: dict[str, str], tokens: Tokens, spend: Decimal) -> dict[str, object]:
    begun = datetime(day.year, day.month, day.day, hour, 10, tzinfo=UTC)
    call = f"{route['team_id']}-{begun:%Y%m%d%H}"
    return {
        "request_id": f"chatcmpl-{call}",
        "litellm_call_id": call,
        "call_type": "acompletion",
        "api_key": {"team-labs": "5b1f0c6a77d2", "team-care": "c0a4e19d3f58"}[route["team_id"]],
        "spend": float(spend),
        "total_tokens": tokens.input_tokens + tokens.output_tokens,
        "prompt_tokens": tokens.input_tokens,
        "completion_tokens": tokens.output_tokens,
        "startTime": f"{begun:%Y-%m-%dT%H:%M:%S.000Z}",
        "endTime": f"{begun + timedelta(seconds=4):%Y-%m-%dT%H:%M:%S.000Z}",
        "user": "",
        "end_user": "",
        "cache_hit": "False",
        "status": "success",
        "request_tags": [],
        "metadata": {"usage_object": {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}},
        **route,
    }


def write_bedrock(directory: Path, months: Sequence[date]) -> list[Counted]:
    """`logs/bedrock/AWSLogs/...`: an object for each Monday's hour of trials. The second AWS account's bill pays for them."""
    of_region = f"AWSLogs/{LABS_ACCOUNT}/BedrockModelInvocationLogs/{BEDROCK_REGION}"
    days = bedrock_days(months)
    for day in days:
        folder = directory / "logs" / "bedrock" / of_region / f"{day:%Y/%m/%d}" / "06"
        write_ndjson_gz(
            folder / f"{day:%Y%m%d}T060000000Z_{day:%Y%m%d}0600.json.gz", [_invocation(day, number) for number in range(BEDROCK_REQUESTS)]
        )
    return [Counted("labs", "bedrock", day, times(BEDROCK_REQUEST, BEDROCK_REQUESTS)) for day in days]


def _invocation(day: date, number: int) -> dict[str, object]:
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": f"{day}T06:{number:02}:00Z",
        "accountId": LABS_ACCOUNT,
        "identity": {"arn": f"arn:aws:sts::{LABS_ACCOUNT}:assumed-role/model-trials/weekly"},
        "region": BEDROCK_REGION,
        "requestId": f"{day:%Y%m%d}-0600-4000-8000-{number:012}",
        "operation": "Converse",
        "modelId": f"arn:aws:bedrock:{BEDROCK_REGION}:{LABS_ACCOUNT}:inference-profile/us.{BEDROCK_MODEL}",
        "requestMetadata": {"suite": "weekly"},
        "input": {"inputContentType": "application/json", "inputTokenCount": BEDROCK_REQUEST.input_tokens},
        "output": {"outputContentType": "application/json", "outputTokenCount": BEDROCK_REQUEST.output_tokens},
    }
