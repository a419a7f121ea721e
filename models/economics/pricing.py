"""What tokens cost on an API, as arithmetic: buckets, blends, margins.

Here: formulas 2.3, 2.15 and 2.17 on numbers. Not here: price lists, and the pricing of what was used (a set operation, in SQL and decimals).
Prices are per million tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.errors import ConfigError


def token_cost(tokens: Mapping[str, float], price_per_million: Mapping[str, float], *, platform_margin: float = 0.0) -> float:
    """The sum over disjoint token buckets, each at its own price (2.3). A used bucket without a price raises ConfigError: unknown is not zero."""
    unpriced = sorted(bucket for bucket, count in tokens.items() if count and bucket not in price_per_million)
    if unpriced:
        raise ConfigError("A token bucket has no price", found=", ".join(unpriced), expected="a price per million tokens for each bucket used")
    return sum(count * price_per_million[bucket] for bucket, count in tokens.items() if count) / 1e6 * (1 + platform_margin)


def blended_price_per_million(parts: Sequence[tuple[float, float]]) -> float:
    """The mean price of (share, price per million) parts: 75/25 of 10/30 is 15; a router's split of a strong and a weak model (2.17)."""
    return sum(share * price for share, price in parts) / sum(share for share, _ in parts)


def lock_in_premium(spend: float, price_paid: float, best_market_price: float) -> float:
    """What is paid above the best quality-eligible market price (2.15)."""
    return spend * (price_paid / best_market_price - 1)


def concentration(shares: Sequence[float]) -> float:
    """HHI over vendors' shares of spend (2.15): 1 is a single vendor."""
    return sum(share * share for share in shares)
