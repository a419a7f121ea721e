"""OpenRouter's activity as usage and as cost: what connectors land of a day's row and of a generation's."""

from models.contracts.raw.shape import RawColumn, shape

OPENROUTER_USAGE = shape(
    "openrouter_usage",
    "api_usage",
    RawColumn("usage_at", "timestamp", required=True),
    RawColumn("grain", required=True),  # `day` or `request`
    RawColumn("model", required=True),
    RawColumn("requests", "count", required=True),
    RawColumn("prompt_tokens", "count", required=True),
    RawColumn("cached_tokens", "count"),
    RawColumn("completion_tokens", "count", required=True),
    RawColumn("reasoning_tokens", "count"),
    RawColumn("usage", "money"),  # OpenRouter's word for what it charged, in USD
    RawColumn("workspace_id"),
    RawColumn("api_key"),
    RawColumn("user"),
    RawColumn("metadata", "json"),
)

OPENROUTER_COSTS = shape(
    "openrouter_costs",
    "billing_line",
    RawColumn("start", "timestamp", required=True),
    RawColumn("end", "timestamp", required=True),
    RawColumn("usage", "money", required=True),
    RawColumn("model"),
    RawColumn("provider_name"),
    RawColumn("workspace_id"),
    RawColumn("usage_scope", "json"),
)
