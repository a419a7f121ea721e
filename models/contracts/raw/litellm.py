"""LiteLLM's spend logs: what connectors land of a row of LiteLLM_SpendLogs. Never messages, responses or the request itself."""

from models.contracts.raw.shape import RawColumn, shape

LITELLM = shape(
    "litellm",
    "api_usage",
    RawColumn("startTime", "timestamp", required=True),
    RawColumn("provider"),  # custom_llm_provider as prices know it, and so is the model
    RawColumn("model", required=True),
    RawColumn("call_type"),
    RawColumn("status"),
    RawColumn("cache_hit"),
    RawColumn("spend", "money"),
    RawColumn("prompt_tokens", "count", required=True),
    RawColumn("completion_tokens", "count", required=True),
    RawColumn("total_tokens", "count"),
    RawColumn("cache_read_tokens", "count"),
    RawColumn("cache_write_tokens", "count"),
    RawColumn("cache_write_1h_tokens", "count"),
    RawColumn("reasoning_tokens", "count"),
    RawColumn("service_tier"),
    RawColumn("api_key"),
    RawColumn("user"),
    RawColumn("team_id"),
    RawColumn("project"),
    RawColumn("metadata", "json"),
)
