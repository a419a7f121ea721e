"""Rule 8's tests of one alternative as functions of its inputs.

Here: a month's saving in parts that an input moves, and the tests along one input: those of arithmetic, and the odds through the steps
(economics 2.10, section 3). Not here: where they turn and what is published of it (sensitivity), the tests at today's values (placement).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.config import Company, Workload
from models.economics.capacity import Floats
from models.economics.comparison import Comparison
from models.economics.crossover import ApiSide, Factors, SelfHostedSide
from models.economics.demand import API, COMPLETE_MONTHS, SELF_HOST
from models.economics.finance import dead_band_monthly, net_present_value, payback_months_discounted
from models.economics.months import Month, Side
from models.economics.placement import Thresholds
from models.economics.scenarios import TODAY, Change, with_spare
from models.economics.uncertainty import probability

_COSTS = {"api_price": "tokens", "people": "people", "overheads": "overheads", "api_people": "api_people"}
LINEAR = (*_COSTS, "gpu_price")
"""Inputs in which every cost is linear, and the part of a month's saving that they move."""


@dataclass(frozen=True)
class TestedMonth:
    """One month's saving in parts, what is given up above zero, what is taken below. rest: what no input changes."""

    tokens: float
    api_people: float
    people: float
    overheads: float
    rest: float
    fleets: tuple[tuple[int, SelfHostedSide], ...]

    def fleet_cost(self, change: Change) -> float:
        cost = 0.0
        for sign, side in self.fleets:
            capacity = with_spare(side, change)
            cost += sign * capacity.cost_at(capacity.load * change.volume * change.load)
        return cost

    def saving(self, change: Change) -> float:
        tokens = self.tokens * change.volume * change.api_price
        people = self.people * change.people + self.api_people * change.api_people
        return tokens + self.fleet_cost(change) * change.gpu_price + people + self.overheads * change.overheads + self.rest


def tested_month(month: Month, placement: str) -> TestedMonth | None:
    """The month's two sides as rule 8 compares them; None where a cost is unknown."""
    best, own = month.api.best_side, month.self_hosted.side
    before: Sequence[Side | None]
    after: Side | None
    if placement != SELF_HOST:
        before, after = ([best] if placement == API else list(month.today or [None])), own
    else:
        avoidable = month.provisioned.avoidable if month.provisioned else own
        before, after = [avoidable, *(side for side in month.today or () if isinstance(side, ApiSide))], best
    known = [(1, side) for side in before if side is not None] + ([(-1, after)] if after is not None else [])
    if len(known) < len(before) + 1:
        return None
    apis = [(sign, side) for sign, side in known if isinstance(side, ApiSide)]
    fleets = [(sign, side) for sign, side in known if isinstance(side, SelfHostedSide)]
    return TestedMonth(
        tokens=math.fsum(sign * side.token_cost for sign, side in apis),
        api_people=math.fsum(sign * side.people for sign, side in apis),
        people=math.fsum(sign * side.people for sign, side in fleets),
        overheads=math.fsum(sign * side.other for sign, side in fleets),
        rest=math.fsum(sign * side.other for sign, side in apis),
        fleets=tuple(fleets),
    )


@dataclass(frozen=True)
class Tests:
    """Rule 8's tests along one input, by its factor: those of arithmetic, and the odds less the odds asked for."""

    holds: Callable[[float], bool]
    odds_margin: Callable[[float], float]

    def passes(self, factor: float) -> bool:
        return self.holds(factor) and self.odds_margin(factor) >= 0


class Tested:
    """Rule 8's tests of one alternative as a function of its inputs: at today's values they are the comparison's own.

    The months ahead (NPV) move with the mean month, whatever growth the comparison gives them.
    """

    def __init__(
        self, company: Company, workload: Workload, months: Sequence[TestedMonth], comparison: Comparison, thresholds: Thresholds, factors: Factors
    ) -> None:
        """`months`: those that comparison.savings_monthly speaks of, oldest first."""
        assumptions, life = company.assumptions, workload.questions.planned_life_months
        self._factors, self._thresholds = factors, thresholds
        self._rate, self._outlay = float(assumptions.discount_rate), comparison.switching_cost
        self._band = dead_band_monthly(1.0, self._rate, round(assumptions.decision.dead_band_months))
        known = [saving or 0.0 for saving in comparison.savings_monthly]
        # what the comparison knows beyond the two sides (commitments, capital) stays as it is
        self._months = [replace(each, rest=each.rest + saving - each.saving(TODAY)) for each, saving in zip(months, known, strict=True)]
        self._recent = self._months[-COMPLETE_MONTHS:]
        end = min(float(assumptions.horizon_months), float(life.answer)) if life is not None else float(assumptions.horizon_months)
        ahead = range(math.ceil(workload.migration.months) + 1, math.floor(end) + 1)
        erosion = float(assumptions.api_price_erosion)
        self._annuity = net_present_value(0.0, [(t, 1.0) for t in ahead], self._rate)
        self._eroded = net_present_value(0.0, [(t, (1 - erosion) ** (t / 12) - 1) for t in ahead], self._rate)
        self._npv_gap = 0.0
        self._npv_gap = comparison.npv - self._npv([each.saving(TODAY) for each in self._months], self._mean("tokens"), self._outlay)
        self._fleets = self._fleets_drawn(TODAY)

    def saving(self, change: Change) -> float:
        """The tested saving: the mean of the last three months."""
        return math.fsum(each.saving(change) for each in self._recent) / len(self._recent)

    def along(self, field: str) -> Tests:
        """The tests along one field of `Change`. Where every cost is linear in it the draws are made once."""
        if field in LINEAR:
            weights = [each.fleet_cost(TODAY) if field == "gpu_price" else getattr(each, _COSTS[field]) for each in self._months]
            base = [each.saving(TODAY) for each in self._months]
            tokens, more_tokens = self._mean("tokens"), self._mean("tokens") if field == "api_price" else 0.0
            drawn: list[Floats] = []

            def holds(factor: float) -> bool:
                savings = [saving + (factor - 1) * weight for saving, weight in zip(base, weights, strict=True)]
                return self._holds(savings, tokens + (factor - 1) * more_tokens, self._outlay)

            def odds(factor: float) -> float:
                if not drawn:
                    drawn.extend((self._drawn(TODAY, self._fleets), self._weight_drawn(field)))
                return self._odds_margin(drawn[0] + (factor - 1) * drawn[1])

            return Tests(holds, odds)

        def changed(factor: float) -> Change:
            return replace(TODAY, **{field: factor})

        def holds_at(factor: float) -> bool:
            change = changed(factor)
            return self._holds([each.saving(change) for each in self._months], self._mean("tokens") * change.volume, self._outlay)

        def odds_at(factor: float) -> float:
            change = changed(factor)
            return self._odds_margin(self._drawn(change, self._fleets_drawn(change)))

        return Tests(holds_at, odds_at)

    def along_outlay(self) -> Tests:
        """The tests along the switching cost itself."""
        savings = [each.saving(TODAY) for each in self._months]
        likely = self._odds_margin(self._drawn(TODAY, self._fleets))
        return Tests(lambda outlay: self._holds(savings, self._mean("tokens"), outlay), lambda _: likely)

    def _mean(self, part: str) -> float:
        return math.fsum(getattr(each, part) for each in self._recent) / len(self._recent)

    def _npv(self, savings: list[float], tokens: float, outlay: float) -> float:
        recent = savings[-COMPLETE_MONTHS:]
        return -outlay + math.fsum(recent) / len(recent) * self._annuity + tokens * self._eroded + self._npv_gap

    def _holds(self, savings: list[float], tokens: float, outlay: float) -> bool:
        recent, tests = savings[-COMPLETE_MONTHS:], self._thresholds
        saving, band = math.fsum(recent) / len(recent), outlay * self._band
        if saving <= 0 or saving <= band or min(savings[-tests.persistence_months :]) <= band or self._npv(savings, tokens, outlay) <= 0:
            return False
        payback = payback_months_discounted(outlay, saving, self._rate)
        return payback is not None and payback <= tests.max_payback_months

    def _odds_margin(self, drawn: Floats) -> float:
        return probability(drawn) - self._thresholds.min_probability

    def _fleets_drawn(self, change: Change) -> Floats:
        total = np.zeros_like(self._factors.work)
        for each in self._recent:
            for sign, side in each.fleets:
                capacity = with_spare(side, change)
                total += sign * capacity.capacity_cost((capacity.load * change.volume * change.load) * self._factors.work)
        return total / len(self._recent)

    def _drawn(self, change: Change, fleets: Floats) -> Floats:
        people = self._mean("people") + self._mean("api_people")
        steady = self._mean("overheads") + self._mean("rest")
        return self._mean("tokens") * change.volume * self._factors.volume + people * self._factors.people + steady + fleets

    def _weight_drawn(self, field: str) -> Floats:
        if field == "gpu_price":
            return self._fleets
        factors = {"api_price": self._factors.volume, "overheads": np.ones_like(self._factors.volume)}
        return self._mean(_COSTS[field]) * factors.get(field, self._factors.people)
