"""FOCUS, the FinOps Open Cost and Usage Specification: what a bill in it delivers."""

from models.contracts.raw.shape import RawColumn, shape

# FOCUS 1.0 to 1.4 (FinOps Open Cost and Usage Specification). 1.4 drops ProviderName and PublisherName for ServiceProviderName and
# HostProviderName; the columns not named here stay in the landed file.
FOCUS = shape(
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
    RawColumn("SkuPriceDetails", "json"),  # names the model and the kind of token that an AI line charges for (1.5 draft)
    RawColumn("Tags", "tags"),
)
