"""Where two cost functions of volume cross: API(v) is a line, SELF(v) a staircase.

Here: both sides of a workload's month as functions of the volume multiplier v (v = 1: what was measured), and the exact break-evens on them
(economics 2.4). The steps are enumerated, never sampled. Not here: where the numbers come from (months), the published curve (curve) and
what is decided (placement).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.economics.capacity import Floats, whole, whole_array


@dataclass(frozen=True)
class Factors:
    """Multipliers on a month: volume on API cost, work (volume / throughput) on capacity, people on all people cost. One element per draw."""

    volume: Floats
    work: Floats
    people: Floats


_DUST = 1e-12
"""Two multipliers closer than this (relative) are one crossing in binary floats."""

MAX_TREADS = 2_000
"""Steps that are looked at one by one for crossings below V_robust; V_robust itself comes by division, however far away it is."""


@dataclass(frozen=True)
class ApiSide:
    """API(v) = token_cost v + people + other, per month."""

    token_cost: float
    people: float = 0.0
    other: float = 0.0

    @property
    def fixed(self) -> float:
        """What does not depend on volume."""
        return self.people + self.other

    @property
    def total(self) -> float:
        """API(1)."""
        return self.token_cost + self.fixed

    def cost(self, factors: Factors) -> Floats:
        """The month's cost under each draw."""
        return self.token_cost * factors.volume + self.people * factors.people + self.other


class _Staircase:
    """What a need of replicas costs, in whole ones: treads that end at `first_top` and then at every further whole replica."""

    first_top: float
    others: float | None = None

    def top(self, number: int) -> float:
        """The need at the end of the number-th tread."""
        return self.first_top if number == 0 else self._first_whole + number - self._shift

    def tops(self, numbers: Floats) -> Floats:
        """`top`, element by element."""
        found: Floats = np.where(numbers == 0, self.first_top, self._first_whole + numbers - self._shift)
        return found

    def tread(self, need: float) -> int:
        """On which tread a need lies."""
        return 0 if need <= self.first_top else max(1, whole(need + self._shift) - self._first_whole)

    @property
    def _first_whole(self) -> int:
        return math.floor(self.first_top + self._shift + _DUST)

    @property
    def _shift(self) -> float:
        return self.others or 0.0


@dataclass(frozen=True)
class Counterfactual(_Staircase):
    """The replicas of a fleet that is bought or joined for this workload: max(1, ceil(load v)) + spare, in whole instances (2.1).

    `load`: replicas the peak needs at v = 1, before rounding. `gpu_cost`: one GPU over the month's covered hours.
    Joined, it costs what the fleet costs more with it than without it (2.6): `others` is what the others' peak needs (None: a fleet of its
    own), `load` what it adds to that, `provisioned` the replicas that are there in any case.
    """

    load: float
    spare_replicas: int
    gpus_per_replica: int
    gpus_per_instance: int
    gpu_cost: float
    others: float | None = None
    provisioned: float = 0.0

    @property
    def first_top(self) -> float:  # type: ignore[override]
        """The need up to which the first step's cost holds."""
        if self.others is None:
            return 1.0
        return max(1.0, float(whole(self.others)), float(math.floor(self.provisioned)) - self.spare_replicas) - self.others

    @property
    def period(self) -> int:
        """After how many more replicas the instances come out even."""
        return self.gpus_per_instance // math.gcd(self.gpus_per_replica, self.gpus_per_instance)

    @property
    def replica_cost(self) -> float:
        """What a replica adds in the long run."""
        return self.gpus_per_replica * self.gpu_cost

    def cost_at(self, need: float) -> float:
        """GPU cost of serving a need of so many replicas (before rounding)."""
        return self._fleet_cost_at(need) if self.others is None else self._fleet_cost_at(need + self.others) - self._fleet_cost_at(self.others)

    def capacity_cost(self, need: Floats) -> Floats:
        """`cost_at`, element by element."""
        alone = 0.0 if self.others is None else self._fleet_cost_at(self.others)
        replicas = np.maximum(np.maximum(1.0, whole_array(need + self._shift)) + self.spare_replicas, self.provisioned)
        return whole_array(replicas * self.gpus_per_replica / self.gpus_per_instance) * self.gpus_per_instance * self.gpu_cost - alone

    def _fleet_cost_at(self, need: float) -> float:
        replicas = max(max(1, whole(need)) + self.spare_replicas, self.provisioned)
        return whole(replicas * self.gpus_per_replica / self.gpus_per_instance) * self.gpus_per_instance * self.gpu_cost


@dataclass(frozen=True)
class Provisioned(_Staircase):
    """The replicas that a workload already pays for: its work share of the pool as the floor, then whole ones without a new spare.

    `capacity_monthly`: what its GPUs cost it today, `replica_cost`: the pool's own cost of one replica over the month's covered hours.
    A floor that already serves more than the target would allow keeps serving it: growth starts above today's need.
    """

    load: float
    floor: float
    capacity_monthly: float
    replica_cost: float

    @property
    def first_top(self) -> float:  # type: ignore[override]
        """The need up to which today's share is enough."""
        return self.floor if self.load <= self.floor else float(whole(self.load))

    @property
    def period(self) -> int:
        """Every further replica costs the same."""
        return 1

    def cost_at(self, need: float) -> float:
        """GPU cost of serving a need of so many replicas (before rounding)."""
        added = whole(need) - max(self.floor, self.first_top) if whole(need - self.first_top) > 0 else 0.0
        return self.capacity_monthly + max(added, 0.0) * self.replica_cost

    def capacity_cost(self, need: Floats) -> Floats:
        """`cost_at`, element by element."""
        added = np.where(whole_array(need - self.first_top) > 0, whole_array(need) - max(self.floor, self.first_top), 0.0)
        return self.capacity_monthly + np.maximum(added, 0.0) * self.replica_cost


@dataclass(frozen=True)
class SelfHostedSide:
    """SELF(v) = capacity(v) + people + other, per month. Capacity is a staircase that never falls."""

    capacity: Counterfactual | Provisioned
    people: float = 0.0
    other: float = 0.0

    @property
    def fixed(self) -> float:
        """What does not depend on volume."""
        return self.people + self.other

    @property
    def capacity_today(self) -> float:
        """What its GPUs cost at the measured volume."""
        return self.capacity.cost_at(self.capacity.load)

    @property
    def total(self) -> float:
        """SELF(1)."""
        return self.at(1.0)

    def cost(self, factors: Factors) -> Floats:
        """The month's cost under each draw."""
        return self.capacity.capacity_cost(self.capacity.load * factors.work) + self.people * factors.people + self.other

    def at(self, volume: float) -> float:
        """SELF(v)."""
        return self.capacity.cost_at(self.capacity.load * volume) + self.people + self.other


@dataclass(frozen=True)
class _Step:
    """One tread: need in (left, right], its cost."""

    left: float
    right: float
    cost: float


def _step(side: SelfHostedSide, number: int) -> _Step:
    """The number-th tread: 0 up to the first top, then one per further whole replica."""
    right = side.capacity.top(number)
    return _Step(side.capacity.top(number - 1) if number else 0.0, right, side.capacity.cost_at(right) + side.fixed)


def _is_dearer_within(step: _Step, api: ApiSide, load: float) -> bool:
    """Whether self-hosting is dearer than the API somewhere on the tread (right after its left edge, where the API is cheapest)."""
    return step.cost > api.fixed + api.token_cost * step.left / load


def robust_break_even(side: SelfHostedSide, api: ApiSide) -> float | None:
    """V_robust = inf{V : SELF(v) <= API(v) for all v >= V}, as a multiple of the measured volume; None where there is none (2.4 d, e).

    Exact: along whole replicas the gap changes by the same amount every `period` treads, so the last tread on which self-hosting is
    dearer follows by division in each residue class.
    """
    capacity = side.capacity
    if capacity.load <= 0 or api.token_cost <= 0:
        return None
    api_per_replica = api.token_cost / capacity.load
    gain = capacity.period * (api_per_replica - capacity.replica_cost)
    last = -1
    for number in (0, 1):
        if _is_dearer_within(_step(side, number), api, capacity.load):
            last = number
    for residue in range(capacity.period):
        step = _step(side, 2 + residue)
        gap = step.cost - api.fixed - api_per_replica * step.left
        if gap <= 0 and gain >= 0:
            continue
        if gain <= 0:
            return None
        last = max(last, 2 + residue + capacity.period * (math.ceil(gap / gain) - 1))
    if last < 0:
        return 0.0
    step = _step(side, last)
    return min(step.right / capacity.load, (step.cost - api.fixed) / api.token_cost)


def cheaper_intervals(side: SelfHostedSide, api: ApiSide, until: float = math.inf) -> list[tuple[float, float]]:
    """Where in (0, until] self-hosting costs no more than the API: intervals of v in order (2.4 d). The first one starts at the first crossing.

    Without `until` the last one starts at V_robust and has no end (infinity); below it the first MAX_TREADS steps are looked at.
    """
    load = side.capacity.load
    if load <= 0:
        return [(0.0, until)] if until > 0 and _step(side, 0).cost <= api.fixed else []
    robust = robust_break_even(side, api)
    end = min(until, robust) if robust is not None else until
    treads = min(max(end * load - side.capacity.first_top, 0.0) + 3, MAX_TREADS)
    right = side.capacity.tops(np.arange(0.0, treads))
    left = np.concatenate([[0.0], right[:-1]])
    cost = side.capacity.capacity_cost(right) + side.fixed
    crossing = (cost - api.fixed) / api.token_cost if api.token_cost > 0 else np.where(cost <= api.fixed, 0.0, math.inf)
    starts, ends = np.maximum(left / load, crossing), np.minimum(right / load, end)
    found: list[tuple[float, float]] = []
    for start, stop in zip(starts[starts <= ends].tolist(), ends[starts <= ends].tolist(), strict=True):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    if robust is not None and robust < until:
        found = [interval for interval in found if interval[0] < robust * (1 - _DUST)] + [(robust, until)]
    return found


def break_even_volume_linear(fixed_self: float, fixed_api: float, api_price_per_million: float, self_price_per_million: float) -> float | None:
    """V* in million tokens of the fixed costs' period (2.4 a); None where the API's price never exceeds the own marginal cost."""
    margin = api_price_per_million - self_price_per_million
    return max(fixed_self - fixed_api, 0.0) / margin if margin > 0 else None


def break_even_utilisation(full_cost_per_million: float, api_price_per_million: float) -> float | None:
    """U* = c_full / p_api; None above 1: impossible (2.4 b)."""
    share = full_cost_per_million / api_price_per_million if api_price_per_million > 0 else math.inf
    return share if share <= 1 else None


def break_even_price_per_million(self_host_cost: float, million_tokens: float) -> float | None:
    """p* = C_self / V (2.4 c); None without tokens."""
    return self_host_cost / million_tokens if million_tokens > 0 else None


SIZE_BANDS: tuple[tuple[str, float, tuple[float, float]], ...] = (
    ("small", 14.0, (20_000.0, 40_000.0)),
    ("medium", 75.0, (50_000.0, 100_000.0)),
    ("large", math.inf, (100_000.0, 200_000.0)),
)
"""Size class, billions of parameters below it, and Redress's prior of monthly API spend (USD) at break-even: a sanity line, never the rule."""


def size_class(billion_parameters: float) -> str:
    """small < 14 B, medium 14-75 B, large from 75 B (2.4); a mixture of experts counts by its total."""
    return next(name for name, below, _ in SIZE_BANDS if billion_parameters < below)
