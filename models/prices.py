"""Token prices in force: the shipped list (`genai-prices`) as dated rows, the user's own rows on top.

Here: which price holds for (provider, model, service tier, size of the request) from when to when, in currency per million tokens.
Not here: multiplying by tokens (SQL does, exactly) and which candidates are compared (`economics`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import version

STANDARD = "standard"
# Spellings of the standard tier in providers' logs.
STANDARD_SPELLINGS = ("", "standard", "default", "auto", "on_demand", "on-demand")
FIRST_DAY = date(1970, 1, 1)
_FIELDS = ("input", "cache_read", "cache_write", "output")


@dataclass(frozen=True)
class Price:
    """One dated price, per million tokens of each disjoint bucket; None where the list has none.

    `price_class` counts the context thresholds that a request's input exceeds (0: the base price). `valid_to` is exclusive.
    """

    provider: str
    model: str
    service_tier: str
    price_class: int
    input: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None
    output: Decimal | None
    currency: str
    valid_from: date
    valid_to: date | None
    source: str
    precedence: int  # 0: the user's; 1: shipped


@dataclass(frozen=True)
class ContextTier:
    """Input tokens above which a request of this model costs another price; at most two thresholds are known in the field."""

    provider: str
    model: str
    threshold_1: int
    threshold_2: int | None


def list_version() -> str:
    """The version of the shipped price list, for the identity of a run."""
    return f"genai-prices {version('genai-prices')}"


def shipped_prices(pairs: Iterable[tuple[str, str]]) -> tuple[list[Price], list[ContextTier]]:
    """The shipped prices and context thresholds of the given (provider, model) pairs; unknown pairs have none."""
    prices: list[Price] = []
    tiers: list[ContextTier] = []
    for provider, model in sorted(set(pairs)):
        rows, thresholds = _shipped(provider, model)
        prices += rows
        if thresholds:
            tiers.append(ContextTier(provider, model, thresholds[0], thresholds[1] if len(thresholds) > 1 else None))
    return prices, tiers


@cache
def _shipped(provider: str, model: str) -> tuple[tuple[Price, ...], tuple[int, ...]]:
    from genai_prices import data_snapshot, types

    def tiered(value: object) -> list[tuple[int, Decimal | None]]:
        if isinstance(value, types.TieredPrices):
            return [(0, value.base), *((tier.start, tier.price) for tier in value.tiers)]
        return [(0, value if isinstance(value, Decimal) else None)]

    def start(constraint: object) -> date:
        return constraint.start_date if isinstance(constraint, types.StartDateConstraint) else FIRST_DAY

    try:
        _, info = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return (), ()
    base = info.prices if isinstance(info.prices, list) else [types.ConditionalPrice(prices=info.prices)]
    # Before its first date the first price applies (sources.md).
    dated = sorted(((start(entry.constraint) if n else FIRST_DAY, entry.prices) for n, entry in enumerate(base)), key=lambda pair: pair[0])
    variants = [
        (tier, start(variant.constraint), variant.prices)
        for variant in info.price_variants or []
        for tier in [variant.when.get("service_tier") or ("batch" if variant.when == {"processing": "batch"} else None)]
        if tier and tier not in STANDARD_SPELLINGS and len(variant.when) == 1
    ]
    boundaries = sorted({FIRST_DAY, *(day for day, _ in dated), *(day for _, day, _ in variants)})
    rows: list[Price] = []
    thresholds: set[int] = set()
    for number, day in enumerate(boundaries):
        until = boundaries[number + 1] if number + 1 < len(boundaries) else None
        standard = [prices for since, prices in dated if since <= day][-1]
        layers = {STANDARD: [standard]} | {tier: [prices, standard] for tier, since, prices in variants if since <= day}
        for tier, stack in sorted(layers.items()):
            found = {f: next((v for p in stack for v in [getattr(p, f"{f}_mtok", None)] if v is not None), None) for f in _FIELDS}
            starts = sorted({s for value in found.values() for s, _ in tiered(value)})
            thresholds |= set(starts) - {0}
            for price_class, at in enumerate(starts):
                value = {f: [price for s, price in tiered(v) if s <= at][-1] for f, v in found.items()}
                rows.append(
                    Price(
                        provider,
                        model,
                        tier,
                        price_class,
                        **value,
                        currency="USD",
                        valid_from=day,
                        valid_to=until,
                        source=list_version(),
                        precedence=1,
                    )
                )
    return tuple(rows), tuple(sorted(thresholds))
