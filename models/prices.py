"""Token prices in force: the shipped list (`genai-prices`) as dated rows, the user's own rows on top.

Here: which price holds for (provider, model, service tier, size of the request) from when to when, in currency per million tokens.
Not here: multiplying by tokens (SQL does, exactly), which candidates are compared (`economics`) and the comparison with what the package
itself would charge (`pipelines.price_check`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices import types

STANDARD = "standard"
# Spellings of the standard tier in providers' logs.
STANDARD_SPELLINGS = ("", "standard", "default", "auto", "on_demand", "on-demand")
FIRST_DAY = date(1970, 1, 1)
BUCKETS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
# What the list calls a service tier: providers sell batches, tiers and speeds under three names.
_TIER_KEYS = ("service_tier", "processing", "speed")
_THRESHOLDS_MAX = 2


@dataclass(frozen=True)
class Price:
    """One dated price, per million tokens of each disjoint bucket; None where the list has none.

    `cache_write` is a write that lives five minutes, `cache_write_1h` one that lives an hour. `price_class` counts the context thresholds
    that a request's input exceeds (0: the base price). `valid_to` is exclusive. `apart` names what else the list charges for, which the
    buckets can't tell: `input_audio` (tokens), `web_searches` (calls), `requests`, ...
    """

    provider: str
    model: str
    service_tier: str
    price_class: int
    input: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None
    cache_write_1h: Decimal | None
    output: Decimal | None
    currency: str
    valid_from: date
    valid_to: date | None
    source: str
    precedence: int  # 0: the user's; 1: shipped
    apart: tuple[str, ...] = ()


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


def tier_context(service_tier: str) -> dict[str, str]:
    """How the list is asked for a service tier: under every name that a tier may have there, as none of them has two meanings."""
    return {} if service_tier == STANDARD else dict.fromkeys(_TIER_KEYS, service_tier)


@dataclass(frozen=True)
class ListedModel:
    """What the shipped list says of a model: `starts` are its service tiers with the first day of each (the standard one has always been).

    `moments` are the times of day at which its price may change; only midnight for nearly all.
    """

    info: types.ModelInfo
    starts: dict[str, date]
    days: tuple[date, ...]
    moments: tuple[time, ...]

    def at(self, day: date, service_tier: str) -> types.ModelPrice:
        """The price of a day, in a tier. Before a tier's first day its first price applies; of a day with several prices it is the dearest."""
        day = max(day, self.starts[service_tier])
        found = [self.info.get_prices(datetime.combine(day, at, UTC), tier_context(service_tier)) for at in self.moments]
        return max(found, key=lambda prices: tuple(_tiered(getattr(prices, f"{name}_mtok"))[0][1] or Decimal(0) for name in ("input", "output")))


@cache
def listed_model(provider: str, model: str) -> ListedModel | None:
    """The shipped list's entry of a model, under the names that providers and gateways give it; None where it has none."""
    from genai_prices import data_snapshot, types

    try:
        listing, info = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    # A model that a provider has from another one is sold at the other's standard price; what its tiers cost is not known.
    variants = [v for v in info.price_variants or [] if any(info is own for own in listing.models)]
    constraints = [entry.constraint for entry in info.prices] if isinstance(info.prices, list) else []
    constraints += [variant.constraint for variant in variants]
    starts = {STANDARD: FIRST_DAY}
    for variant in variants:
        (key, tier), *more = variant.when.items()
        if key in _TIER_KEYS and not more and tier not in STANDARD_SPELLINGS:
            day = variant.constraint.start_date if isinstance(variant.constraint, types.StartDateConstraint) else FIRST_DAY
            starts[tier] = min(day, starts.get(tier, day))
    days = {FIRST_DAY} | {c.start_date for c in constraints if isinstance(c, types.StartDateConstraint)}
    moments = {time(0)} | {t for c in constraints if isinstance(c, types.TimeOfDateConstraint) for t in (c.start_time, c.end_time)}
    return ListedModel(info, starts, tuple(sorted(days)), tuple(sorted(t.replace(tzinfo=None) for t in moments)))


@cache
def _shipped(provider: str, model: str) -> tuple[tuple[Price, ...], tuple[int, ...]]:
    listed = listed_model(provider, model)
    if listed is None:
        return (), ()
    found = {(day, tier): _by_name(listed.at(day, tier)) for day in listed.days for tier in sorted(listed.starts)}
    thresholds = sorted({start for prices in found.values() for value in prices.values() for start, _ in _tiered(value)} - {0})
    if len(thresholds) > _THRESHOLDS_MAX:
        return (), ()  # facts tell two thresholds apart: a price that knows more is unknown here rather than wrong
    rows: list[Price] = []
    # A day on which only another tier's price changes is none of this tier's.
    changes = {
        tier: [day for n, day in enumerate(listed.days) if n == 0 or found[day, tier] != found[listed.days[n - 1], tier]] for tier in listed.starts
    }
    for (day, tier), prices in found.items():
        if day not in changes[tier]:
            continue
        later = [other for other in changes[tier] if other > day]
        for price_class, above in enumerate([0, *thresholds]):
            value = {name: [price for start, price in _tiered(prices.get(name)) if start <= above][-1] for name in BUCKETS}
            rows.append(
                Price(
                    provider,
                    model,
                    tier,
                    price_class,
                    **value,
                    currency="USD",
                    valid_from=day,
                    valid_to=later[0] if later else None,
                    source=list_version(),
                    precedence=1,
                    apart=tuple(sorted(prices.keys() - set(BUCKETS))),
                )
            )
    return tuple(rows), tuple(thresholds)


def _by_name(prices: types.ModelPrice) -> dict[str, object]:
    """A price's parts by what they count: `input_mtok` is `input`, `web_searches_kcount` is `web_searches`."""
    return {key.rpartition("_")[0]: value for key, value in vars(prices).items() if value is not None and not key.startswith("_")}


def _tiered(value: object) -> list[tuple[int, Decimal | None]]:
    """The input tokens above which a price holds, with the price; the base price stands first, at 0."""
    from genai_prices import types

    if isinstance(value, types.TieredPrices):
        return [(0, value.base), *((tier.start, tier.price) for tier in value.tiers)]
    return [(0, value if isinstance(value, Decimal) else None)]
