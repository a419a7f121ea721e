"""Base load and burst: so many replicas of one's own, and what is beyond them goes to an API (economics 2.12).

Here: hourly work as a load-duration curve, the cheapest number of replicas on it, and a month's cost of such a split. There is no spare and no
provision for a peak, neither its quantile nor the burst within an hour: what is beyond is served by the API.
Not here: which months are compared and with what (comparison), pools of several workloads (portfolio).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.economics.capacity import Floats
from models.economics.crossover import Factors

MAX_STEPS = 10_000
"""So many numbers of replicas are tried at most; above that many replicas in equal steps."""

CURVE_POINTS = 61
"""Points of a published load-duration curve."""

_DUST = 1e-9
"""An overflow of this share of the work is none: binary floats, not volume."""

LOAD_DURATION = {"quarter": pl.String, "workload_id": pl.String, "rank_hours": pl.Int64, "replicas_needed": pl.Float64}


@dataclass(frozen=True)
class HourlyLoad:
    """Work by hour in replicas: 1 is what a replica serves in an hour at the target utilisation.

    replicas: ascending, hours without work left out; beyond: the sum of it and of all above it, with a 0 at the end. hours: all, empty ones too.
    """

    replicas: Floats
    beyond: Floats
    hours: int

    @property
    def total(self) -> float:
        """Replica-hours at the target utilisation."""
        return float(self.beyond[0])

    @property
    def peak(self) -> float:
        """The need of the busiest hour."""
        return float(self.replicas[-1]) if self.replicas.size else 0.0

    def overflow(self, replicas: Floats | float, work: Floats | float = 1.0) -> Floats:
        """What is beyond so many replicas, in replica-hours of the work served, with all work times a factor. Either may be an array."""
        ratio = np.asarray(replicas / np.asarray(work))
        first = np.searchsorted(self.replicas, ratio, side="right")
        return np.maximum(self.beyond[first] - ratio * (self.replicas.size - first), 0.0) * work

    def overflow_share(self, replicas: Floats | float, work: Floats | float = 1.0) -> Floats:
        """The share of the work that is beyond so many replicas, 0-1; 0 without any work."""
        overflow = self.overflow(replicas, work)
        if self.total <= 0:
            return np.zeros_like(overflow)
        share = overflow / (self.total * np.asarray(work))
        return np.where(share > _DUST, share, 0.0)

    def duration_curve(self) -> tuple[list[int], list[float]]:
        """Ranks of hours, the busiest being 1, and the replicas needed in each: at most CURVE_POINTS of them, the first and the last among them."""
        ranks = np.unique(np.round(np.linspace(1, max(self.hours, 1), CURVE_POINTS)).astype(np.int64))
        needed = np.concatenate([self.replicas[::-1], np.zeros(max(self.hours - self.replicas.size, 0) + 1)])
        return ranks.tolist(), needed[ranks - 1].tolist()


def hourly_load(work_seconds: Floats, hours: int, utilisation_target: float) -> HourlyLoad:
    """Replica-seconds of the hours with work, out of so many hours."""
    replicas = np.sort(work_seconds[work_seconds > 0]) / (3600 * utilisation_target)
    return HourlyLoad(replicas, np.append(np.cumsum(replicas[::-1])[::-1], 0.0), hours)


@dataclass(frozen=True)
class BaseLoad:
    """The replicas that are cheapest with the rest on an API, and the share of the work that they serve."""

    replicas: int
    self_host_share: float


def cheapest_base_load(
    load: HourlyLoad, gpu_cost: Callable[[Floats], Floats], fixed: float, token_cost: float, api_cost: float, *, is_burst_given: bool = False
) -> BaseLoad | None:
    """The replicas of the least cost, where that is inside: at least one, and some work beyond them; None where all on one side costs less.

    gpu_cost: of so many replicas; fixed: people and overheads of any; token_cost: all the work's tokens on the API; api_cost: the API alone.
    All over the same time. Of several cheapest the fewest replicas. is_burst_given: some work is to be beyond them even where replicas for
    all of it would cost less.
    """
    top = int(min(np.ceil(load.peak), 2.0**53))
    if top < 1:
        return None
    tried = np.unique(np.ceil(np.linspace(1, top, min(top, MAX_STEPS))))
    shares = load.overflow_share(tried)
    if is_burst_given:
        tried, shares = tried[shares > 0], shares[shares > 0]
        if not tried.size:
            return None
    costs = gpu_cost(tried) + fixed + token_cost * shares
    best = int(np.argmin(costs))
    if not costs[best] < api_cost or shares[best] <= 0:
        return None
    return BaseLoad(int(tried[best]), float(1 - shares[best]))


@dataclass(frozen=True)
class SplitSide:
    """A month on so many replicas with the rest on an API. token_cost: all the month's tokens on that API."""

    load: HourlyLoad
    replicas: int
    gpu_cost: float
    token_cost: float
    people: float
    other: float

    @property
    def total(self) -> float:
        """The month as it was."""
        return self.fixed + self.tokens_at(1.0)

    @property
    def fixed(self) -> float:
        """What does not depend on volume."""
        return self.gpu_cost + self.people + self.other

    def tokens_at(self, volume: float) -> float:
        """What the API takes at so many times the month's volume."""
        return self.token_cost * volume * float(self.load.overflow_share(self.replicas, volume))

    def cost(self, factors: Factors) -> Floats:
        """The month's cost under each draw: the same replicas, more or less overflow."""
        overflow = self.load.overflow_share(self.replicas, factors.work)
        return self.gpu_cost + self.people * factors.people + self.other + self.token_cost * factors.volume * overflow
