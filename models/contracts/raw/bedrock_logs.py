"""Bedrock's model invocation logs: what connectors land of a record. Never a prompt, an answer or a session's name."""

from models.contracts.raw.shape import RawColumn, shape

BEDROCK_LOGS = shape(
    "bedrock_logs",
    "api_usage",
    RawColumn("timestamp", "timestamp", required=True),
    RawColumn("accountId"),
    RawColumn("modelId"),  # as the request named it; `model` is the name that it is priced by
    RawColumn("model", required=True),
    RawColumn("operation"),
    RawColumn("errorCode"),
    RawColumn("identity"),
    RawColumn("inputTokenCount", "count", required=True),
    RawColumn("cacheReadInputTokenCount", "count"),
    RawColumn("cacheWriteInputTokenCount", "count"),
    RawColumn("outputTokenCount", "count", required=True),
    RawColumn("metadata", "json"),
)
