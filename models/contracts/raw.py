"""The columns that each source kind delivers, as the provider names them, with the type each must be readable as.

Here: names, types, which are required, other names for the same thing. Not here: how a value is read (`pipelines.landing_view`), what it
is mapped to (`dbt_like_sql/staging`), which values are valid (the feeds' contracts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RawType = Literal["text", "money", "quantity", "count", "timestamp", "date", "month", "json"]


@dataclass(frozen=True)
class RawColumn:
    """One column of a source kind. `also` lists other names for it, tried in order where `name` is absent."""

    name: str
    type: RawType = "text"
    required: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawShape:
    """What a source kind delivers, and the feed that its rows become."""

    kind: str
    feed: str
    columns: tuple[RawColumn, ...]

    def column(self, name: str) -> RawColumn:
        return next(column for column in self.columns if column.name == name)


def _shape(kind: str, feed: str, *columns: RawColumn) -> RawShape:
    return RawShape(kind, feed, columns)


# FOCUS 1.0 to 1.4 (FinOps Open Cost and Usage Specification). 1.4 drops ProviderName and PublisherName for ServiceProviderName and
# HostProviderName; the columns not named here stay in the landed file.
FOCUS = _shape(
    "focus",
    "billing_line",
    RawColumn("BilledCost", "money", required=True),
    RawColumn("EffectiveCost", "money", required=True),
    RawColumn("ListCost", "money"),
    RawColumn("BillingCurrency", required=True),
    RawColumn("BillingPeriodStart", "timestamp", required=True),
    RawColumn("ChargePeriodStart", "timestamp", required=True),
    RawColumn("ChargePeriodEnd", "timestamp", required=True),
    RawColumn("ChargeCategory", required=True),
    RawColumn("ChargeClass"),
    RawColumn("ChargeDescription"),
    RawColumn("ChargeFrequency"),
    RawColumn("CommitmentDiscountId"),
    RawColumn("CommitmentDiscountStatus"),
    RawColumn("ConsumedQuantity", "quantity"),
    RawColumn("ConsumedUnit"),
    RawColumn("BillingAccountId"),
    RawColumn("SubAccountId"),
    RawColumn("InvoiceId"),
    RawColumn("InvoiceIssuerName"),
    RawColumn("ProviderName", required=True, also=("ServiceProviderName", "HostProviderName")),
    RawColumn("RegionId", also=("Region",)),
    RawColumn("ResourceId"),
    RawColumn("ServiceCategory"),
    RawColumn("ServiceName"),
    RawColumn("SkuId"),
    RawColumn("Tags", "json"),
)

INVOICE = _shape(
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

REQUEST_LOG = _shape(
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
PEOPLE = _shape(
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

FX_RATES = _shape(
    "fx_rates",
    "reference",
    RawColumn("date", "date", required=True),
    RawColumn("base", required=True),
    RawColumn("quote", required=True),
    RawColumn("rate", "money", required=True),
)

OWNED_HARDWARE = _shape(
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

CONTROL_TOTALS = _shape(
    "control_totals",
    "reference",
    RawColumn("issuer", required=True),
    RawColumn("invoice_id"),
    RawColumn("period", "month", required=True),
    RawColumn("amount", "money", required=True),
    RawColumn("currency", required=True),
)

SHAPES: dict[str, RawShape] = {shape.kind: shape for shape in (FOCUS, INVOICE, REQUEST_LOG, PEOPLE, FX_RATES, OWNED_HARDWARE, CONTROL_TOTALS)}
