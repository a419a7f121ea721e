"""The columns that each source kind delivers, as the provider names them, with the type each must be readable as.

Here: names, types, which are required, other names for the same thing; a module per kind. Not here: how a value is read
(`pipelines.landing_view`), what it is mapped to (`dbt_like_sql/staging`), which values are valid (the feeds' contracts).
"""

from __future__ import annotations

from models.contracts.raw.anthropic import ANTHROPIC_COSTS, ANTHROPIC_USAGE
from models.contracts.raw.aws_cur2 import AWS_CUR2
from models.contracts.raw.bedrock_logs import BEDROCK_LOGS
from models.contracts.raw.focus import FOCUS
from models.contracts.raw.gcp_billing import GCP_BILLING
from models.contracts.raw.litellm import LITELLM
from models.contracts.raw.openai import OPENAI_COSTS, OPENAI_USAGE
from models.contracts.raw.openrouter import OPENROUTER_COSTS, OPENROUTER_USAGE
from models.contracts.raw.plain import CONTROL_TOTALS, FX_RATES, INVOICE, OWNED_HARDWARE, PEOPLE, REQUEST_LOG
from models.contracts.raw.prometheus import PROMETHEUS_GPU, PROMETHEUS_SERVING
from models.contracts.raw.rate_card import RATE_CARD
from models.contracts.raw.shape import RawColumn, RawShape, RawType

# By name: a shape is what one kind of file holds, and its name is that of the SQL file that stages it. A source kind has one shape of its
# own name, or several (`openai_usage`, `openai_costs`).
SHAPES: dict[str, RawShape] = {
    raw.name: raw
    for raw in (
        FOCUS,
        AWS_CUR2,
        GCP_BILLING,
        INVOICE,
        REQUEST_LOG,
        PEOPLE,
        FX_RATES,
        OWNED_HARDWARE,
        CONTROL_TOTALS,
        PROMETHEUS_SERVING,
        PROMETHEUS_GPU,
        RATE_CARD,
        BEDROCK_LOGS,
        LITELLM,
        OPENAI_USAGE,
        OPENAI_COSTS,
        ANTHROPIC_USAGE,
        ANTHROPIC_COSTS,
        OPENROUTER_COSTS,
        OPENROUTER_USAGE,
    )
}

__all__ = ["CONTROL_TOTALS", "FOCUS", "FX_RATES", "INVOICE", "OWNED_HARDWARE", "PEOPLE", "REQUEST_LOG", "SHAPES", "RawColumn", "RawShape", "RawType"]
