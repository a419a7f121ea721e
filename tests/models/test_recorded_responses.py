"""Recorded responses of many providers: their usage and cost here against what the price list's authors recorded with them.

`genai_prices_usages.json` holds 1,577 response bodies and, for each way in which its authors read one ((provider, flavour), right or wrong
for that body), the usage they found and what it cost at the list prices of 6 November 2025, noon UTC. Every one is read and priced here,
by `models.usage_extraction` and the product's SQL. What differs is listed with its reason and its number: a new difference fails, and so
does one that is gone.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from priced_usage import NOON, costs, priced

from models.errors import BrokenFile
from models.prices import listed_model, shipped_prices
from models.usage_extraction import ResponseUsage, response_usage

VECTORS = Path(__file__).resolve().parents[2] / "../shared/data/vectors/genai_prices_usages.json"
pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="the recorded responses are not at hand")

RESPONSES = 1577
MAIN = ("openai", "anthropic", "google", "aws", "azure", "mistral", "groq", "cohere")

# Why usage differs, and how many readings do, by the reader's provider.
USAGE_REASONS = {
    "left out": "the recorded reader passes over what the body says",
    "iterations left out": "compactions and advisors are billed beside the totals; the recorded reader doesn't know them",
    "Cohere's tokens": "the recorded reader counts the prompt's template; what is billed is `billed_units`, which is read here",
    "no usage": "the recorded reader finds no token in a body of another API, and nothing stands for unknown",
    "xAI's SDK": "the recorded reader expects the SDK's fields in bodies of the HTTP API, where reasoning is outside the completion",
}
USAGE_DIFFERENCES = {
    "Cohere's tokens": {"cohere": 13},
    "cache_read left out": {"anthropic": 10, "others": 15},
    "cache_write left out": {"anthropic": 6, "azure": 13, "google": 6, "groq": 6, "mistral": 6, "others": 68},
    "input_audio left out": {"anthropic": 2, "mistral": 2, "others": 22},
    "input_video left out": {"anthropic": 1, "azure": 1, "google": 1, "groq": 1, "mistral": 1, "openai": 1, "others": 24},
    "iterations left out": {"anthropic": 5, "aws": 5, "azure": 5, "google": 5, "others": 5},
    "no usage": {"cohere": 7},
    "reasoning left out": {"aws": 18, "azure": 18, "google": 18, "others": 273},
    "web_searches left out": {"aws": 7, "azure": 7, "google": 7, "others": 7},
    "xAI's SDK": {"others": 73},
}
# The same for costs.
COST_REASONS = {
    "charged apart": "the list has prices for another kind of token, or for calls: text prices don't tell the cost, so it is unknown",
    "further calls": "model calls beside the totals are billed, too: the cost is unknown",
    "the list changed": "the installed list gives what is given here: the recording is of an older one, or of a reader that left writes out",
    "the list grew": "the installed list knows the model, the recording's did not",
    "dearest hour": "the price depends on the hour; of a day the dearest is taken, and a finding says so",
    "no price": "a model without any price costs nothing there, and is unknown here",
    "nothing used": "no tokens cost nothing, also of a model that the provider doesn't have",
}
COST_DIFFERENCES = {
    "charged apart: cache_audio_read, input_audio": {"google": 2},
    "charged apart: input_audio": {"google": 37},
    "charged apart: output_image": {"google": 5},
    "charged apart: web_searches": {"anthropic": 7, "azure": 7},
    "dearest hour": {"azure": 6, "deepseek": 3},
    "further calls": {"anthropic": 5, "aws": 5, "azure": 5, "google": 5},
    "no price": {"cerebras": 2, "openrouter": 1},
    "nothing used": {"anthropic": 1, "aws": 1, "azure": 1, "doubleword": 2, "google": 1, "minimax": 2, "modal": 1, "openai": 1},
    "the list changed": {"azure": 3, "google": 2, "mistral": 1},
    "the list grew": {"aws": 11, "azure": 6, "cerebras": 4, "huggingface_cerebras": 13, "openrouter": 53, "zai": 6},
}
# Readings whose cost is the recorded one to the last digit, of 3,474 with a recorded cost.
EQUAL_COSTS = {
    "anthropic": 215,
    "aws": 230,
    "azure": 1278,
    "cerebras": 6,
    "deepseek": 3,
    "google": 614,
    "groq": 75,
    "huggingface_fireworks-ai": 13,
    "huggingface_groq": 33,
    "huggingface_hyperbolic": 22,
    "huggingface_nebius": 21,
    "huggingface_novita": 40,
    "huggingface_nscale": 33,
    "huggingface_ovhcloud": 20,
    "huggingface_sambanova": 18,
    "huggingface_together": 20,
    "mistral": 60,
    "openai": 604,
    "openrouter": 66,
    "ovhcloud": 6,
    "zai": 1,
    "zhipuai": 6,
}


@dataclass(frozen=True)
class Reading:
    """One way of reading one response: what was recorded, and what is found here (None where there is no usage)."""

    provider: str
    flavour: str
    model: str | None
    expected_usage: dict[str, int]
    expected_cost: Decimal | None
    usage: ResponseUsage | None


def api(provider: str, flavour: str) -> str:
    """The shape that a reader of the recording reads."""
    named = {
        ("anthropic", "default"): "anthropic_messages",
        ("minimax", "default"): "anthropic_messages",
        ("google", "default"): "gemini",
        ("aws", "default"): "bedrock_converse",
        ("perplexity", "default"): "perplexity_chat",
        ("cohere", "default"): "cohere_chat",
        ("cohere", "tokens"): "cohere_chat",
        ("cohere", "embeddings"): "cohere_embed",
        ("x-ai", "default"): "xai_chat",
        ("x-ai", "chat"): "xai_chat",
    }
    shapes = {"anthropic": "anthropic_messages", "responses": "openai_responses", "embeddings": "openai_embeddings"}
    return named.get((provider, flavour)) or shapes.get(flavour, "openai_chat")


def usage_or_none(body: dict[str, Any], name: str) -> ResponseUsage | None:
    try:
        return response_usage(body, name)
    except BrokenFile:
        return None


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert len(vectors) == RESPONSES
    found = []
    for vector in vectors:
        for extracted in vector["extracted"]:
            for reader in extracted["extractors"]:
                provider, flavour = reader["provider_id"], reader["api_flavor"]
                cost = Decimal(reader["input_price"]) + Decimal(reader["output_price"]) if "input_price" in reader else None
                usage = usage_or_none(vector["body"], api(provider, flavour))
                found.append(Reading(provider, flavour, vector.get("model"), extracted["usage"], cost, usage))
    return found


def usage_differences(reading: Reading) -> list[str]:
    if (reading.provider, reading.flavour) == ("cohere", "tokens"):
        return ["no usage"] if reading.usage is None else ["Cohere's tokens"]
    usage = reading.usage
    assert usage is not None
    here = {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "cache_write_1h": usage.cache_write_1h,
        "output": usage.output,
        "reasoning": usage.reasoning,
        **usage.apart,
    }
    names = {"output_reasoning": "reasoning"}
    there = {names.get(key.removesuffix("_tokens"), key.removesuffix("_tokens")): count for key, count in reading.expected_usage.items()}
    # a part of the input or output that is text, or a tool's, has no price of its own; a write is of five minutes unless it is of an hour
    parts_of_text = {"input_text", "output_text", "cache_text_read", "input_tool", "input_text_tool", "cache_write_5m"}
    differing = [name for name in sorted(here.keys() | there.keys() - parts_of_text) if here.get(name, 0) != there.get(name, 0)]
    if differing and (reading.provider, reading.flavour) == ("x-ai", "default") and "output" in differing:
        return ["xAI's SDK"]
    return [f"{name} left out" if name not in there else f"{name} differs" for name in differing]


def test_every_response_is_read_as_recorded_or_listed(readings):
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for reading in readings:
        for difference in usage_differences(reading):
            found[difference][reading.provider if reading.provider in MAIN else "others"] += 1
    assert found == USAGE_DIFFERENCES
    assert all(any(difference.endswith(reason) for reason in USAGE_REASONS) for difference in found)


def charged_apart(reading: Reading) -> list[str]:
    """What this usage has that the model's price of the day charges apart from the buckets."""
    if reading.usage is None or reading.model is None:
        return []
    prices, _ = shipped_prices([(reading.provider, reading.model)])
    apart = {
        name
        for price in prices
        if price.valid_from <= NOON.date() and (price.valid_to is None or price.valid_to > NOON.date())
        for name in price.apart
    }
    return sorted(apart & reading.usage.apart.keys())


def listed_cost(reading: Reading) -> Decimal | None:
    """What the installed list's own calculation charges for the buckets that are found here."""
    usage = reading.usage
    assert usage is not None
    assert reading.model is not None
    counts = Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        output_tokens=usage.output,
    )
    try:
        price = calc_price(counts, reading.model, provider_id=reading.provider, genai_request_timestamp=NOON.replace(tzinfo=UTC))
    except LookupError:
        return None
    return price.input_price + price.output_price


def cost_difference(reading: Reading, cost: Decimal | None) -> str:
    """Why a cost isn't the recorded one; a reason holds only where it can be shown."""
    assert reading.usage is not None
    listed = listed_model(reading.provider, str(reading.model))
    now = listed_cost(reading)
    if apart := charged_apart(reading):
        return f"charged apart: {', '.join(apart)}"
    if "iterations" in reading.usage.apart:
        return "further calls"
    if not reading.usage.input + reading.usage.output:
        return "nothing used"
    if cost is None and now == 0 and listed is not None and not vars(listed.at(NOON.date(), "standard")):
        return "no price"
    if listed is not None and len(listed.moments) > 1 and cost is not None and now is not None and cost > now:
        return "dearest hour"
    if cost == now:
        return "the list grew" if reading.expected_cost is None else "the list changed"
    return f"unexplained: {cost} here, {now} in the list"


def test_every_response_costs_what_is_recorded_or_is_listed(readings):
    named = [reading for reading in readings if reading.model is not None and reading.usage is not None]
    con = priced([
        {
            "provider": reading.provider,
            "model": reading.model,
            "input_uncached_tokens": reading.usage.input_uncached,
            "cache_read_tokens": reading.usage.cache_read,
            "cache_write_tokens": reading.usage.cache_write,
            "cache_write_1h_tokens": reading.usage.cache_write_1h,
            "output_tokens": reading.usage.output,
        }
        for reading in named
    ])  # fmt: skip
    found: dict[str, Counter[str]] = defaultdict(Counter)
    equal: Counter[str] = Counter()
    for reading, cost in zip(named, costs(con), strict=True):
        if charged_apart(reading) or "iterations" in reading.usage.apart:
            cost = None
        if cost != reading.expected_cost:
            found[cost_difference(reading, cost)][reading.provider] += 1
        elif cost is not None:
            equal[reading.provider] += 1
    assert found == COST_DIFFERENCES
    assert {difference.split(":")[0] for difference in found} == COST_REASONS.keys()
    assert equal == EQUAL_COSTS
