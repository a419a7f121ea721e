"""The columns that each source kind delivers, as the provider names them, with the type each must be readable as.

Here: names, types, which are required, other names for the same thing; a module per kind. Not here: how a value is read
(`pipelines.landing_view`), what it is mapped to (`dbt_like_sql/staging`), which values are valid (the feeds' contracts).
"""

from __future__ import annotations

from models.contracts.raw.focus import FOCUS
from models.contracts.raw.plain import CONTROL_TOTALS, FX_RATES, INVOICE, OWNED_HARDWARE, PEOPLE, REQUEST_LOG
from models.contracts.raw.shape import RawColumn, RawShape, RawType

# By name: a shape is what one kind of file holds, and its name is that of the SQL file that stages it. A source kind has one shape of its
# own name, or several (`openai_usage`, `openai_costs`).
SHAPES: dict[str, RawShape] = {
    raw.name: raw
    for raw in (
        FOCUS,
        INVOICE,
        REQUEST_LOG,
        PEOPLE,
        FX_RATES,
        OWNED_HARDWARE,
        CONTROL_TOTALS,
    )
}

__all__ = ["CONTROL_TOTALS", "FOCUS", "FX_RATES", "INVOICE", "OWNED_HARDWARE", "PEOPLE", "REQUEST_LOG", "SHAPES", "RawColumn", "RawShape", "RawType"]
