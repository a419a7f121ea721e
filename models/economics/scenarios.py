"""Inputs at other values, and the scenarios made of them: decision_scenarios (economics 2.10, 2.16).

Here: what a comparison hangs on, each input with its plausible range, a month's two sides with several inputs changed at once, and the
published presets. Not here: one input at a time and where it flips a decision (sensitivity). Nothing in a scenario decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.crossover import ApiSide, Counterfactual, Provisioned, SelfHostedSide
from models.economics.demand import SELF_HOST
from models.economics.finance import people_monthly
from models.economics.months import Month, Side
from models.reference import staffing_presets

DECISION_SCENARIOS = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "scenario": pl.String,
    "saving_monthly": pl.Float64,
    "self_host_cost_monthly": pl.Float64,
    "api_cost_monthly": pl.Float64,
    "cheaper_side": pl.String,
}

SCENARIOS = {"optimistic": 1.0, "moderate": 0.0, "conservative": -0.5, "pessimistic": -1.0}
"""How far every input is moved at once from today's value (0) to the end of its range that favours self-hosting (1) or the API (-1)."""

REACH = 100.0
"""Multiples of today's value, up or down, beyond which an input is not looked at."""

SPARE_MAX = 20.0
_P95 = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True)
class Change:
    """Inputs at other values, as factors of today's. load: replicas per token (1 / throughput); spare_replicas are added."""

    volume: float = 1.0
    load: float = 1.0
    api_price: float = 1.0
    gpu_price: float = 1.0
    people: float = 1.0
    overheads: float = 1.0
    api_people: float = 1.0
    spare_replicas: float = 0.0


TODAY = Change()


def changed_cost(side: Side, change: Change) -> float:
    """A side's month with the inputs changed. The spare is that of a fleet not yet bought."""
    if isinstance(side, ApiSide):
        return side.token_cost * change.volume * change.api_price + side.people * change.api_people + side.other
    capacity = with_spare(side, change)
    cost = capacity.cost_at(capacity.load * change.volume * change.load) * change.gpu_price
    return cost + side.people * change.people + side.other * change.overheads


def with_spare(side: SelfHostedSide, change: Change) -> Counterfactual | Provisioned:
    """The side's capacity with the change's spare; what is provisioned has none of its own."""
    capacity = side.capacity
    if change.spare_replicas and isinstance(capacity, Counterfactual):
        return replace(capacity, spare_replicas=max(capacity.spare_replicas + round(change.spare_replicas), 0))
    return capacity


def combined(changes: Iterable[Change]) -> Change:
    """Several changes at once."""
    total = TODAY
    for change in changes:
        total = Change(
            volume=total.volume * change.volume,
            load=total.load * change.load,
            api_price=total.api_price * change.api_price,
            gpu_price=total.gpu_price * change.gpu_price,
            people=total.people * change.people,
            overheads=total.overheads * change.overheads,
            api_people=total.api_people * change.api_people,
            spare_replicas=total.spare_replicas + change.spare_replicas,
        )
    return total


@dataclass(frozen=True)
class Input:
    """One input: today's value, its plausible range, the field of `Change` that it moves, and the bounds within which it makes sense.

    is_inverse: twice the value is half the field's factor (throughput against replicas per token).
    """

    name: str
    unit: str
    base: float
    low: float | None
    high: float | None
    field: str
    bounds: tuple[float, float]
    is_inverse: bool = False

    def factor(self, value: float) -> float:
        """What the field is multiplied by where the input has this value; of spare replicas, what is added."""
        if self.field == "spare_replicas":
            return value - self.base
        if self.base == 0:
            return 1.0
        return self.base / value if self.is_inverse else value / self.base

    def value(self, factor: float) -> float:
        """The value that gives this factor."""
        return self.base / factor if self.is_inverse else self.base * factor

    def change(self, value: float) -> Change:
        """The input at another value."""
        return replace(TODAY, **{self.field: self.factor(value)})


Ranges = Mapping[str, tuple[float, float, float]]
"""Low, base and high of each assumption in force, by its name."""


def ranges_in_force(company: Company) -> Ranges:
    """An override outside the shipped range is its own low and high."""
    return {
        row.name: (float(row.base if row.low is None else row.low), float(row.base), float(row.base if row.high is None else row.high))
        for row in company.assumptions.rows()
    }


def inputs_of(company: Company, ranges: Ranges, workload: Workload, recent: Sequence[Month], placement: str) -> list[Input]:
    """Every input that the tested saving hangs on, with its range: low and high of the assumption, else the 5th and 95th percentile."""
    spread, currency = company.assumptions.uncertainty, company.currency

    def scaled(name: str, unit: str, base: float, factors: tuple[float, float]) -> Input:
        return Input(name, unit, base, base * factors[0], base * factors[1], name, (0.0, base * REACH))

    def percentiles(sigma: float) -> tuple[float, float]:
        return math.exp(-_P95 * sigma), math.exp(_P95 * sigma)

    def assumption(name: str, unit: str, field: str, bounds: tuple[float, float], is_inverse: bool = False) -> Input:
        low, base, high = ranges[name]
        return Input(name, unit, base, low, high, field, bounds, is_inverse)

    tokens = sum(month.demand.tokens for month in recent)
    tokens_per_day = tokens / sum(month.demand.coverage.days for month in recent)
    best = [month.api.best_side for month in recent if month.api.best_side]
    own = [side for month in recent if (side := _own_side(month, placement))]
    low, _, high = ranges["api_price_erosion"]
    gpu_hours = [price for month in recent if (price := _gpu_hour(month, placement))]
    gpu_hour, people = _mean(gpu_hours), percentiles(float(spread.people))
    found = [
        replace(
            scaled("volume", "tokens/day", tokens_per_day, percentiles(float(spread.volume))), bounds=(tokens_per_day / REACH, tokens_per_day * REACH)
        ),
        scaled("api_price", f"{currency} per million tokens", _per_million(sum(side.token_cost for side in best), tokens), (1 - high, 1 - low)),
        scaled("gpu_price", f"{currency} per GPU-hour", gpu_hour, _gpu_range(company, workload, gpu_hour)),
        Input("throughput", "times the profile's", 1.0, *percentiles(float(spread.throughput)), "load", (1 / REACH, REACH), is_inverse=True),
        scaled("people", f"{currency} a month", _mean([side.people for side in own]), people),
        scaled("overheads", f"{currency} a month", _mean([side.other for side in own]), _overheads_range(ranges)),
        scaled("api_people", f"{currency} a month", _mean([side.people for side in best]), people),
    ]
    if placement == SELF_HOST:
        return found
    return [
        *found,
        assumption("utilisation_target", "share of measured capacity", "load", (1 / REACH, 1.0), is_inverse=True),
        _burst(ranges, recent),
        assumption("spare_replicas", "replicas", "spare_replicas", (0.0, SPARE_MAX)),
    ]


def _burst(ranges: Ranges, recent: Sequence[Month]) -> Input:
    """Around what was measured, where it was."""
    low, assumed, high = ranges["peak.burst_factor"]
    sized = _mean([month.self_hosted.burst_factor or assumed for month in recent])
    return Input("peak.burst_factor", "peak within the hour / its mean", sized, min(low, sized), max(high, sized), "load", (1.0, REACH))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _per_million(cost: float, tokens: float) -> float:
    return cost / (tokens / 1e6) if tokens > 0 else 0.0


def _own_side(month: Month, placement: str) -> SelfHostedSide | None:
    """The self-hosted side that the comparison is about: the one to be built, or what leaving the pools would avoid."""
    return month.provisioned.avoidable if placement == SELF_HOST and month.provisioned else month.self_hosted.side


def _gpu_hour(month: Month, placement: str) -> float | None:
    side, hours = _own_side(month, placement), month.demand.coverage.hours
    if side is None:
        return None
    if isinstance(side.capacity, Counterfactual):
        return side.capacity.gpu_cost / hours
    fleet = month.provisioned.fleet if month.provisioned else None
    return side.capacity.replica_cost / hours / (fleet.gpus / fleet.replicas) if fleet and fleet.gpus > 0 and fleet.replicas > 0 else None


def _gpu_range(company: Company, workload: Workload, base: float) -> tuple[float, float]:
    """The cheapest and the dearest known price of the same GPU, around today's."""
    known = {price.id: price for price in company.assumptions.gpu_prices}
    named = workload.candidates.self_host.gpu_price if workload.candidates.self_host else None
    if named is None or base <= 0:
        return 1.0, 1.0
    same = [float(price.price_per_gpu_hour) for price in known.values() if (price.gpu, price.currency) == (known[named].gpu, known[named].currency)]
    return min(*same, base) / base, max(*same, base) / base


def _overheads_range(ranges: Ranges) -> tuple[float, float]:
    overheads = [each for name, each in ranges.items() if name.startswith("overheads_annual.")]
    low, base, high = (math.fsum(each) for each in zip(*overheads, strict=True))
    return (low / base, high / base) if base > 0 else (1.0, 1.0)


def scenario_rows(inputs: Sequence[Input], placement: str, recent: Sequence[Month], key: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per scenario: the stand-alone view, all on the best API against all self-hosted, mean of the recent months.

    The staffing presets replace the engineers that are assumed; people who are really allocated stay. Empty where a side is unknown.
    """
    sides = [(month.api.best_side, month.self_hosted.side) for month in recent]
    known = [(api, own) for api, own in sides if api is not None and own is not None]
    if not known or len(known) < len(sides):
        return []

    def costs(change: Change, fte_monthly: float | None = None) -> tuple[float, float]:
        owned = [own if fte_monthly is None else replace(own, people=fte_monthly) for _, own in known]
        api = math.fsum(changed_cost(side, change) for side, _ in known) / len(known)
        return api, math.fsum(changed_cost(side, change) for side in owned) / len(known)

    def saving(change: Change) -> float:
        api, own = costs(change)
        return api - own

    ends = [_ends(each, saving) for each in inputs]
    is_assumed = placement != SELF_HOST or all(month.people_basis == "assumed" for month in recent)
    found = {}
    for name, position in SCENARIOS.items():
        moved = [(each, each.base + abs(position) * ((good if position > 0 else bad) - each.base)) for each, bad, good in ends]
        found[name] = costs(combined(each.change(value) for each, value in moved))
    for preset in staffing_presets():
        found[preset.name] = costs(TODAY, people_monthly(float(preset.fte), float(preset.loaded_annual)) if is_assumed else None)
    return [
        {
            **key,
            "scenario": name,
            "saving_monthly": api - own,
            "self_host_cost_monthly": own,
            "api_cost_monthly": api,
            "cheaper_side": "self_host" if own < api else "api",
        }
        for name, (api, own) in found.items()
    ]


def _ends(each: Input, saving: Callable[[Change], float]) -> tuple[Input, float, float]:
    """The input with the end of its range that is bad for self-hosting and the one that is good."""
    low, high = (each.base if end is None else end for end in (each.low, each.high))
    return (each, low, high) if saving(each.change(low)) <= saving(each.change(high)) else (each, high, low)
