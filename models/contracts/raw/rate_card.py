"""A rate card: prices for bills that carry quantities only."""

from models.contracts.raw.shape import RawColumn, shape

RATE_CARD = shape(
    "rate_card",
    "reference",
    RawColumn("provider", required=True),
    RawColumn("sku", required=True),
    RawColumn("start", "date"),
    RawColumn("end", "date"),
    RawColumn("unit", required=True),
    RawColumn("unit_price", "money", required=True),
    RawColumn("currency", required=True),
)
