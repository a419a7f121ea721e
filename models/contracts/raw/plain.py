"""The plain kinds: files whose columns are ours, or are renamed to ours by `columns:`."""

from models.contracts.raw.shape import RawColumn, shape

INVOICE = shape(
    "invoice",
    "billing_line",
    RawColumn("invoice_id", required=True),
    RawColumn("provider", required=True),
    RawColumn("invoice_date", "date"),
    RawColumn("start", "timestamp", required=True),
    RawColumn("end", "timestamp", required=True),
    RawColumn("sku"),
    RawColumn("resource"),
    RawColumn("charge_category"),
    RawColumn("quantity", "quantity"),
    RawColumn("unit"),
    RawColumn("unit_price", "money"),
    RawColumn("amount", "money", required=True),
    RawColumn("currency", required=True),
    RawColumn("workload"),
    RawColumn("pool"),
)

REQUEST_LOG = shape(
    "request_log",
    "api_usage",
    RawColumn("timestamp", "timestamp", required=True),
    RawColumn("provider"),
    RawColumn("model", required=True),
    RawColumn("workload"),
    RawColumn("environment"),
    RawColumn("project"),
    RawColumn("workspace"),
    RawColumn("api_key"),
    RawColumn("user"),
    RawColumn("team"),
    RawColumn("input_tokens", "count", required=True),
    RawColumn("cached_tokens", "count"),
    RawColumn("cache_write_tokens", "count"),
    RawColumn("output_tokens", "count", required=True),
    RawColumn("reasoning_tokens", "count"),
    RawColumn("requests", "count"),
    RawColumn("service_tier"),
    RawColumn("pool"),
    RawColumn("cost", "money"),
    RawColumn("metadata", "json"),
)

# What connectors land of a people file: never an id or a name, only the keyed hash.
PEOPLE = shape(
    "people",
    "people_allocation",
    RawColumn("person_key", required=True),
    RawColumn("role", required=True),
    RawColumn("target", required=True),
    RawColumn("activity"),
    RawColumn("start", "date", required=True),
    RawColumn("end", "date"),
    RawColumn("allocation_pct", "quantity", required=True),
    RawColumn("annual_base", "money"),
    RawColumn("annual_loaded", "money"),
    RawColumn("currency", required=True),
)

FX_RATES = shape(
    "fx_rates",
    "reference",
    RawColumn("date", "date", required=True),
    RawColumn("base", required=True),
    RawColumn("quote", required=True),
    RawColumn("rate", "money", required=True),
)

OWNED_HARDWARE = shape(
    "owned_hardware",
    "reference",
    RawColumn("asset_id", required=True),
    RawColumn("pool", required=True),
    RawColumn("gpus", "count", required=True),
    RawColumn("purchase_price", "money", required=True),
    RawColumn("currency", required=True),
    RawColumn("in_service", "date", required=True),
    RawColumn("life_months", "count", required=True),
    RawColumn("residual", "money"),
    RawColumn("power_kw", "quantity"),
    RawColumn("pue", "quantity"),
    RawColumn("price_per_kwh", "money"),
    RawColumn("rack_monthly", "money"),
)

CONTROL_TOTALS = shape(
    "control_totals",
    "reference",
    RawColumn("issuer", required=True),
    RawColumn("invoice_id"),
    RawColumn("period", "month", required=True),
    RawColumn("amount", "money", required=True),
    RawColumn("currency", required=True),
)
