"""Saved answers of providers' usage and cost APIs: OpenAI's and Anthropic's pages of a year, OpenRouter's activity of the last 30 days.

How much is used stands in small_workloads.py. One of Anthropic's months was saved twice: the first page came too early to hold its last days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pipelines.sample_company.bills import BillLine
from pipelines.sample_company.logs import Tokens
from pipelines.sample_company.months import add_months, each_day, last_day, name_of
from pipelines.sample_company.small_workloads import (
    BRIEFINGS_BLOCK,
    BRIEFINGS_MODEL,
    OPENROUTER_DAY,
    OPENROUTER_MODEL,
    TRANSLATION_MODEL,
    TRANSLATION_REQUEST,
    Counted,
    costs_of,
    times,
    workdays,
)
from pipelines.sample_company.writers import write_json

RESTATED_MONTH = 8
WEB_SEARCH_CENTS = Decimal(12)  # a working day's searches: in Anthropic's cost report, no tokens explain them
OPENROUTER_REACH_DAYS = 30

Reported = tuple[list[BillLine], list[Counted]]


def _cost(source: str, day: date, amount: Decimal) -> BillLine:
    return BillLine(source, day.replace(day=1), day, "USD", amount, amount, None, {})


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _number(amount: Decimal) -> float:
    """As JSON has it; of an amount this short, the shortest text is the amount."""
    return float(amount)


def write_openai(directory: Path, months: Sequence[date]) -> Reported:
    """`saved/openai/`: a page of usage and one of costs a month, by day and project; dollars."""
    bill: list[BillLine] = []
    usage: list[Counted] = []
    for number, month in enumerate(months):
        tokens = times(TRANSLATION_REQUEST, 3_000 + 100 * number)
        read, cached, _, out = costs_of(TRANSLATION_MODEL, tokens)
        items = (
            ("input", read, tokens.input_uncached_tokens),
            ("cached input", cached, tokens.cache_read_tokens),
            ("output", out, tokens.output_tokens),
        )
        used = {
            "object": "organization.usage.completions.result",
            "input_tokens": tokens.input_tokens,
            "input_cached_tokens": tokens.cache_read_tokens,
            "output_tokens": tokens.output_tokens,
            "num_model_requests": tokens.requests,
            "project_id": "proj_translation",
            "api_key_id": None,
            "model": TRANSLATION_MODEL,
            "batch": False,
            "service_tier": "default",
        }
        charged = [
            {
                "object": "organization.costs.result",
                "amount": {"value": _number(amount), "currency": "usd"},
                "line_item": f"{TRANSLATION_MODEL}, {item}",
                "project_id": "proj_translation",
                "quantity": count,
                "quantity_unit": "tokens",
            }
            for item, amount, count in items
        ]
        working = set(workdays(month))
        for name, results in (("usage", [used]), ("costs", charged)):
            buckets = [
                {
                    "object": "bucket",
                    "start_time": _seconds(day),
                    "end_time": _seconds(day + timedelta(days=1)),
                    "results": results if day in working else [],
                }
                for day in each_day(month)
            ]
            page = {"object": "page", "data": buckets, "has_more": False, "next_page": None}
            write_json(directory / "saved" / "openai" / f"{name}-{name_of(month)}.json", page)
        for day in workdays(month):
            bill += [_cost("openai-reports", day, amount) for _, amount, _ in items]
            usage.append(Counted("translation", "openai-reports", day, tokens))
    return bill, usage


def write_anthropic(directory: Path, months: Sequence[date]) -> Reported:
    """`saved/anthropic/`: the same by day and workspace, named by the day they were saved; cents. The restated month's costs are there twice."""
    bill: list[BillLine] = []
    usage: list[Counted] = []
    for number, month in enumerate(months):
        tokens = times(BRIEFINGS_BLOCK, 10 + number)
        costs = _briefings_costs(tokens)
        following, working = add_months(month, 1), workdays(month)
        saved = following + timedelta(days=7)
        _write_anthropic_page(directory, "usage", month, saved, {day: [_briefings_usage(tokens)] for day in working})
        _write_anthropic_page(directory, "cost", month, saved, dict.fromkeys(working, costs))
        if number == RESTATED_MONTH:
            _write_anthropic_page(directory, "cost", month, following, dict.fromkeys(working[:-2], costs))
        for day in working:
            bill += [_cost("anthropic-reports", day, Decimal(str(row["amount"])) / 100) for row in costs]
            usage.append(Counted("press-briefings", "anthropic-reports", day, tokens))
    return bill, usage


def _write_anthropic_page(directory: Path, name: str, month: date, saved: date, results: dict[date, list[dict[str, object]]]) -> None:
    buckets = [
        {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day + timedelta(days=1)}T00:00:00Z", "results": results.get(day, [])}
        for day in each_day(month)
    ]
    page = {"data": buckets, "has_more": False, "next_page": None}
    write_json(directory / "saved" / "anthropic" / f"{name}-{name_of(month)}-saved-{saved}.json", page)


_OF_BRIEFINGS = {
    "workspace_id": "wrkspc_briefings",
    "model": BRIEFINGS_MODEL,
    "service_tier": "standard",
    "context_window": "0-200k",
    "inference_geo": "global",
}


def _briefings_usage(tokens: Tokens) -> dict[str, object]:
    return {
        "uncached_input_tokens": tokens.input_uncached_tokens,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": tokens.cache_write_tokens},
        "cache_read_input_tokens": tokens.cache_read_tokens,
        "output_tokens": tokens.output_tokens,
        "server_tool_use": {"web_search_requests": 12},
        "api_key_id": None,
        **_OF_BRIEFINGS,
    }


def _briefings_costs(tokens: Tokens) -> list[dict[str, object]]:
    kinds = (
        ("Input Tokens", "uncached_input_tokens"),
        ("Input Tokens, Cache Read", "cache_read_input_tokens"),
        ("Input Tokens, Cache Write", "cache_creation.ephemeral_5m_input_tokens"),
        ("Output Tokens", "output_tokens"),
    )
    rows: list[dict[str, object]] = [
        {
            "currency": "USD",
            "amount": f"{(amount * 100).normalize():f}",
            "description": f"Claude Haiku 4.5 Usage - {words}",
            "cost_type": "tokens",
            "token_type": kind,
            **_OF_BRIEFINGS,
        }
        for (words, kind), amount in zip(kinds, costs_of(BRIEFINGS_MODEL, tokens), strict=True)
    ]
    search = {"currency": "USD", "amount": f"{WEB_SEARCH_CENTS}", "description": "Web Search Usage", "cost_type": "web_search"}
    nothing = dict.fromkeys(("token_type", "model", "service_tier", "context_window", "inference_geo"))
    return [*rows, {**search, **nothing, "workspace_id": "wrkspc_briefings"}]


def write_openrouter(directory: Path, months: Sequence[date]) -> Reported:
    """`saved/openrouter/`: the one answer that was saved at the end; it reaches back 30 days and no farther."""
    end = last_day(months[-1])
    days = [end - timedelta(days=back) for back in reversed(range(OPENROUTER_REACH_DAYS))]
    charged = sum(costs_of(OPENROUTER_MODEL, OPENROUTER_DAY), Decimal(0))
    rows = [
        {
            "date": f"{day}",
            "model": OPENROUTER_MODEL,
            "model_permaslug": OPENROUTER_MODEL,
            "endpoint_id": "5d3c0f6e-3b1a-4a57-9d0b-0a1f5b3c7e21",
            "provider_name": "Mistral",
            "usage": _number(charged),
            "byok_usage_inference": 0,
            "requests": OPENROUTER_DAY.requests,
            "prompt_tokens": OPENROUTER_DAY.input_tokens,
            "completion_tokens": OPENROUTER_DAY.output_tokens,
            "reasoning_tokens": 0,
        }
        for day in days
    ]
    write_json(directory / "saved" / "openrouter" / f"activity-{end}.json", {"data": rows})
    return [_cost("openrouter", day, charged) for day in days], [Counted("labs", "openrouter", day, OPENROUTER_DAY) for day in days]
