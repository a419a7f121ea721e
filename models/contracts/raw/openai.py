"""OpenAI's usage and costs, row by row: what `connectors.openai.pages` reads out of the API's pages.

Names are the API's own (`/v1/organization/usage/*`, `/v1/organization/costs`), plus three of ours: `endpoint` (completions, embeddings, ...),
`is_whole_day` (true: the row's hour is unknown) and `usage_scope` (which usage a cost line charges for). Amounts are in `currency`.
"""

from models.contracts.raw.shape import RawColumn, shape

OPENAI_USAGE = shape(
    "openai_usage",
    "api_usage",
    RawColumn("start_time", "timestamp", required=True),
    RawColumn("end_time", "timestamp", required=True),
    RawColumn("is_whole_day", required=True),
    RawColumn("endpoint", required=True),
    RawColumn("input_tokens", "count", required=True),
    RawColumn("input_cached_tokens", "count"),
    RawColumn("input_cache_write_tokens", "count"),
    RawColumn("input_uncached_tokens", "count"),
    RawColumn("output_tokens", "count", required=True),
    RawColumn("num_model_requests", "count", required=True),
    RawColumn("project_id"),
    RawColumn("user_id"),
    RawColumn("api_key_id"),
    RawColumn("model", required=True),
    RawColumn("batch"),
    RawColumn("service_tier"),
)

OPENAI_COSTS = shape(
    "openai_costs",
    "billing_line",
    RawColumn("start_time", "timestamp", required=True),
    RawColumn("end_time", "timestamp", required=True),
    RawColumn("amount", "money", required=True),
    RawColumn("currency", required=True),
    RawColumn("line_item"),
    RawColumn("project_id"),
    RawColumn("api_key_id"),
    RawColumn("quantity", "quantity"),
    RawColumn("quantity_unit"),
    RawColumn("usage_scope", "json"),
)
