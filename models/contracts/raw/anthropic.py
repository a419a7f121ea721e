"""Anthropic's usage and costs, row by row: what `connectors.anthropic.pages` reads out of the API's pages.

Names are the API's own, plus two of ours: `is_whole_day` (true: the row's hour is unknown) and `usage_scope` (which usage a cost line charges
for). Amounts are in `currency` here, while the API gives cents.
"""

from models.contracts.raw.shape import RawColumn, shape

ANTHROPIC_USAGE = shape(
    "anthropic_usage",
    "api_usage",
    RawColumn("starting_at", "timestamp", required=True),
    RawColumn("ending_at", "timestamp", required=True),
    RawColumn("is_whole_day", required=True),
    RawColumn("uncached_input_tokens", "count", required=True),
    RawColumn("cache_read_input_tokens", "count", required=True),
    RawColumn("ephemeral_5m_input_tokens", "count", required=True),
    RawColumn("ephemeral_1h_input_tokens", "count", required=True),
    RawColumn("output_tokens", "count", required=True),
    RawColumn("requests", "count"),
    RawColumn("api_key_id"),
    RawColumn("workspace_id"),
    RawColumn("model", required=True),
    RawColumn("service_tier"),
    RawColumn("context_window"),
)

ANTHROPIC_COSTS = shape(
    "anthropic_costs",
    "billing_line",
    RawColumn("starting_at", "timestamp", required=True),
    RawColumn("ending_at", "timestamp", required=True),
    RawColumn("amount", "money", required=True),
    RawColumn("list_amount", "money"),
    RawColumn("currency", required=True),
    RawColumn("description"),
    RawColumn("cost_type"),
    RawColumn("token_type"),
    RawColumn("model"),
    RawColumn("workspace_id"),
    RawColumn("inference_geo"),
    RawColumn("usage_scope", "json"),
)
