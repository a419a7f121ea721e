"""One claim and how a verdict follows from two sets of numbers. The claims themselves stand beside this module, one module per author."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 0.01
"""A published figure this close to the recomputed one is right: articles round."""


@dataclass(frozen=True)
class Claim:
    """What an article says, what comes out of the arithmetic, and how far they are apart.

    arithmetic: the inputs and the formula (numbers of economics sections: 2.4 is the crossover). figures: the recomputed numbers behind the
    text. is_rebuilt: False where the article's own inputs are not recorded here, so that the recomputed figure is taken over, not derived.
    """

    article: str
    place: str
    claim: str
    published: str
    recomputed: str
    verdict: str
    arithmetic: str
    figures: tuple[float, ...]
    is_rebuilt: bool = True


def agrees(published: Sequence[float], recomputed: Sequence[float], tolerance: float = TOLERANCE) -> bool:
    """Whether each published figure is the recomputed one, up to rounding. Raises ValueError where they are not as many."""
    return all(abs(said / found - 1) <= tolerance for said, found in zip(published, recomputed, strict=True))


def times_apart(published: Sequence[float], recomputed: Sequence[float]) -> str:
    """By which factor they differ, whichever is larger: 99-164x, or 1,000x for a slip of units."""
    factors = sorted(max(said / found, found / said) for said, found in zip(published, recomputed, strict=True))
    texts = [_factor(factor) for factor in (factors[0], factors[-1])]
    return f"{texts[0]}x" if texts[0] == texts[1] else f"{'-'.join(texts)}x"


def judged(published: Sequence[float], recomputed: Sequence[float], tolerance: float = TOLERANCE) -> str:
    """right, or wrong by so many times."""
    return "right" if agrees(published, recomputed, tolerance) else f"wrong by {times_apart(published, recomputed)}"


def usd(amount: float) -> str:
    """Whole dollars."""
    return f"${amount:,.0f}"


def usd_range(low: float, high: float) -> str:
    """Two amounts in thousands: $15.9-41.3K."""
    return f"${low / 1e3:,.1f}-{high / 1e3:,.1f}K"


def _factor(factor: float) -> str:
    if abs(factor / 1000 - 1) <= TOLERANCE:
        return "1,000"
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"
