"""The small workloads that reports, a gateway and metrics tell of, with the figures of their use: round, so that a month adds up by hand.

What the company mainly does stands in story.py. Here nothing is drawn at random. How the reports look stands in the modules that write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.sample_company.logs import Tokens
from pipelines.sample_company.months import each_day
from pipelines.sample_company.story import LLAMA_8B, LLAMA_70B, Workload, answers, api_candidate, self_host_candidate

MILLION = 1_000_000

LABS_ACCOUNT = "210987650002"
LABS_PROJECT = "labs-experiments"

# Translation: on working days 3,000 requests in the first month, 100 more each month, of 900 + 300 cached tokens in and 400 out.
TRANSLATION_MODEL = "gpt-4o-mini-2024-07-18"
TRANSLATION_REQUEST = Tokens(1, 900, 300, 0, 400)
# Press briefings: on working days 10 blocks in the first month, one more each month. The report counts no requests.
BRIEFINGS_MODEL = "claude-haiku-4-5-20251001"
BRIEFINGS_BLOCK = Tokens(0, 150_000, 50_000, 10_000, 20_000)
# Labs: every day of the last 30 on OpenRouter, four calls a working day through the gateway, forty requests to Bedrock each Monday for three months.
OPENROUTER_MODEL = "mistralai/mistral-medium-3.1"
OPENROUTER_DAY = Tokens(50, 100_000, 0, 0, 15_000)
GATEWAY_MODEL = "llama-3.3-70b-versatile"
GATEWAY_CALL = Tokens(1, 20_000, 0, 0, 2_000)
GATEWAY_HOURS = (7, 10, 13, 16)
BEDROCK_MODEL = "amazon.nova-lite-v1:0"
BEDROCK_REQUEST = Tokens(1, 60_000, 0, 0, 2_000)
BEDROCK_REQUESTS = 40
BEDROCK_MONTHS = 3
# Reply drafts: six calls a working day through the same gateway, to the big pool.
DRAFTS_CALL = Tokens(1, 1_200, 0, 0, 250)
DRAFTS_HOURS = (8, 9, 10, 11, 12, 13)
# A nightly check that asks the big pool's servers directly: only their metrics know of it.
CHECK = Tokens(20, 10_000, 0, 0, 1_000)
CHECK_HOUR = 3

# $ per million tokens as these providers list them: input, cache read, cache write, output.
LIST_PRICES = {
    TRANSLATION_MODEL: (Decimal("0.15"), Decimal("0.075"), Decimal(0), Decimal("0.60")),
    BRIEFINGS_MODEL: (Decimal("1.00"), Decimal("0.10"), Decimal("1.25"), Decimal("5.00")),
    OPENROUTER_MODEL: (Decimal("0.40"), Decimal(0), Decimal(0), Decimal("2.00")),
    GATEWAY_MODEL: (Decimal("0.59"), Decimal(0), Decimal(0), Decimal("0.79")),
    BEDROCK_MODEL: (Decimal("0.06"), Decimal(0), Decimal(0), Decimal("0.24")),
}


@dataclass(frozen=True)
class Counted:
    """What a source counted for a workload on a day (UTC). `workload` None = unattributed."""

    workload: str | None
    source: str
    day: date
    tokens: Tokens


def workdays(month: date) -> tuple[date, ...]:
    """The month's Mondays to Fridays."""
    return tuple(day for day in each_day(month) if day.weekday() < 5)


def mondays(month: date) -> tuple[date, ...]:
    """The month's Mondays."""
    return tuple(day for day in each_day(month) if day.weekday() == 0)


def bedrock_days(months: Sequence[date]) -> tuple[date, ...]:
    """The Mondays on which models were tried on Bedrock."""
    return tuple(day for month in months[-BEDROCK_MONTHS:] for day in mondays(month))


def times(tokens: Tokens, count: int) -> Tokens:
    """As many of each."""
    return Tokens(*(count * number for number in vars(tokens).values()))


def costs_of(model: str, tokens: Tokens) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """USD at list prices: input, cache read, cache write, output."""
    counts = (tokens.input_uncached_tokens, tokens.cache_read_tokens, tokens.cache_write_tokens, tokens.output_tokens)
    read, cached, written, out = (count * price / MILLION for count, price in zip(counts, LIST_PRICES[model], strict=True))
    return read, cached, written, out


SMALL_WORKLOADS: tuple[Workload, ...] = (
    Workload(
        id="translation",
        why="A subsidiary's, with an OpenAI organization of its own: about $35 a month. It stays, for cost.",
        recommendation="stay_on_api",
        reason="cost",
        configuration={
            "name": "Translation",
            "owner": "communications",
            "cost_center": "CC-140",
            "placement": "api",
            "match": [{"source": "openai-reports", "project": "proj_translation"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_8B, "0.96", "eval-translation-2"),
                "api": [api_candidate("openai", TRANSLATION_MODEL, "1.0", "incumbent")],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="press-briefings",
        why="About $125 a month on a small model: it stays, for cost.",
        recommendation="stay_on_api",
        reason="cost",
        configuration={
            "name": "Press briefings",
            "owner": "communications",
            "cost_center": "CC-140",
            "placement": "api",
            "match": [{"source": "anthropic-reports", "workspace": "wrkspc_briefings"}],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.97", "eval-briefings-1"),
                "api": [api_candidate("anthropic", BRIEFINGS_MODEL, "1.0", "incumbent")],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="labs",
        why="Where models are tried out, in accounts of its own: cents of tokens, and fine-tuning by the hour. It stays, for cost.",
        recommendation="stay_on_api",
        reason="cost",
        configuration={
            "name": "Labs",
            "owner": "labs",
            "cost_center": "CC-600",
            "placement": "api",
            "match": [
                {"source": "openrouter"},
                {"source": "bedrock"},
                {"source": "team-gateway", "team": "team-labs"},
                {"sub_account": LABS_ACCOUNT},
                {"sub_account": LABS_PROJECT},
                {"source": "coreweave"},
            ],
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "0.96", "eval-labs-8"),
                "api": [api_candidate("openrouter", OPENROUTER_MODEL, "1.0", "incumbent")],
            },
            "questions": answers(planned_life_months=24),
            "migration": {"cost": 20_000, "months": 1},
        },
    ),
    Workload(
        id="reply-drafts",
        why="A guest on the big pool: six drafts a day save nothing by leaving. It stays.",
        recommendation="stay_self_hosted",
        reason="cost",
        configuration={
            "name": "Reply drafts",
            "owner": "customer-care",
            "cost_center": "CC-212",
            "placement": "self_host",
            "match": [{"source": "team-gateway", "team": "team-care"}],
            "size_class": "medium",
            "tier": 3,
            "candidates": {
                "self_host": self_host_candidate(LLAMA_70B, "1.0", "incumbent"),
                "api": [api_candidate("groq", GATEWAY_MODEL, "0.99", "eval-drafts-1")],
            },
            "questions": answers(),
            "migration": {"cost": 20_000, "months": 1, "back_cost": 10_000},
        },
    ),
)
