"""Google Cloud's usage cost export from BigQuery, standard or detailed: what its rows hold.

Names with dots are fields of nested columns: STRUCTs in Parquet, JSON in NDJSON, `service_description` where a query made them flat.
"""

from models.contracts.raw.shape import RawColumn, shape

# Source: Google Cloud, "Structure of Detailed data export". What a row costs is its cost and the credits on it, added up before they are rounded.
GCP_BILLING = shape(
    "gcp_billing",
    "billing_line",
    RawColumn("cost", "decimal", required=True),
    RawColumn("credits", "sum", also=("credits_amount",)),
    RawColumn("cost_at_list", "money"),
    RawColumn("currency", required=True),
    RawColumn("cost_type"),
    RawColumn("invoice.month", "month", required=True),
    RawColumn("usage_start_time", "timestamp", required=True),
    RawColumn("usage_end_time", "timestamp", required=True),
    RawColumn("billing_account_id"),
    RawColumn("project.id"),
    RawColumn("service.description"),
    RawColumn("sku.id"),
    RawColumn("sku.description"),
    RawColumn("location.region"),
    RawColumn("location.location"),
    RawColumn("resource.name"),
    RawColumn("resource.global_name"),
    RawColumn("usage.amount", "quantity"),
    RawColumn("usage.unit"),
    RawColumn("usage.amount_in_pricing_units", "quantity"),
    RawColumn("usage.pricing_unit"),
    RawColumn("subscription.instance_id"),
    RawColumn("adjustment_info.id"),
    RawColumn("labels", "tags"),
)
