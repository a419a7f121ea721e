"""Today's placement against one alternative, over the last complete months.

Here: the tested saving month by month, its odds, payback and NPV (economics 2.9, 2.10, section 3 rule 8). Not here: the tests it must pass
(placement). Growth is 1: without a forecast, the months ahead are like the mean of those behind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from models.config import Company, Workload
from models.economics.crossover import ApiSide, Factors
from models.economics.demand import API, COMPLETE_MONTHS, SELF_HOST
from models.economics.finance import dead_band_monthly, net_present_value, payback_months, payback_months_discounted
from models.economics.ledger import PricedOffer
from models.economics.months import Month, Side, total_cost
from models.economics.uncertainty import Odds, odds

Alternative = Literal["api", "self_host", "split", "switch_api_model"]


@dataclass(frozen=True)
class Comparison:
    """An alternative to today's placement. Money per month in the reporting currency; the mean of the last three complete months.

    savings_monthly: the tested saving of each month asked for, oldest first; None for a month that had no usage.
    saving_monthly: what is tested (best API - self-hosting, or the avoidable cost - best API), not by how much the bill falls.
    """

    alternative: Alternative
    alternative_cost_monthly: float
    savings_monthly: tuple[float | None, ...]
    saving_monthly: float
    odds: Odds
    switching_cost: float
    dead_band_monthly: float
    payback_months: float | None
    payback_months_discounted: float | None
    npv: float
    is_feasible: bool
    is_committed: bool
    offer: PricedOffer | None = None


@dataclass(frozen=True)
class _Pair:
    """What is given up and what is taken instead, in one month."""

    before: tuple[Side, ...]
    after: Side

    @property
    def saving(self) -> float:
        return sum(side.total for side in self.before) - self.after.total

    @property
    def token_cost_given_up(self) -> float:
        """API tokens no longer paid less those newly paid: the part that follows API prices."""
        after = self.after.token_cost if isinstance(self.after, ApiSide) else 0.0
        return sum(side.token_cost for side in self.before if isinstance(side, ApiSide)) - after


def to_self_host(month: Month, placement: str) -> _Pair | None:
    """Self-hosting instead of the best eligible API, or of all that a hybrid pays today. None where a cost is unknown."""
    before: tuple[Side, ...] | None = (month.api.best_side,) if month.api.best_side else None
    if placement not in (API, SELF_HOST):
        before = month.today
    return _Pair(before, month.self_hosted.side) if before is not None and month.self_hosted.side is not None else None


def to_api(month: Month, placement: str) -> _Pair | None:
    """The best eligible API instead of the avoidable part of what is paid today. None where a cost is unknown."""
    if month.api.best_side is None:
        return None
    if month.provisioned is None:
        own = month.self_hosted.side if placement == SELF_HOST else None
        before = month.today if own is None else (own,)
        return _Pair(before, month.api.best_side) if before is not None else None
    if month.provisioned.avoidable is None or month.today is None:
        return None
    on_api = tuple(side for side in month.today if isinstance(side, ApiSide))
    return _Pair((month.provisioned.avoidable, *on_api), month.api.best_side)


def to_other_model(month: Month, provider: str, model: str) -> _Pair | None:
    """Another API model instead of the incumbent, for all tokens; people and the rest stay. None where either has no price."""
    incumbent = next((offer.token_cost for offer in month.api.offers if offer.is_incumbent), None)
    other = next(
        (offer.token_cost for offer in month.api.offers if (offer.provider, offer.model) == (provider, model) and not offer.is_incumbent), None
    )
    best = month.api.best_side
    if incumbent is None or other is None or best is None:
        return None
    return _Pair((ApiSide(incumbent, best.people, best.other),), ApiSide(other, best.people, best.other))


class Comparer:
    """Comparisons of one workload, over the complete months up to a decision."""

    def __init__(
        self, company: Company, workload: Workload, placement: str, months: Mapping[date, Month], periods: Sequence[date], factors: Factors
    ) -> None:
        """`periods`: the complete months asked for, oldest first; `months`: the workload's months with usage."""
        self._company, self._workload, self._placement, self._factors = company, workload, placement, factors
        self._periods = list(periods)
        self._months = months

    @property
    def recent(self) -> list[Month]:
        """The months that money is the mean of."""
        return [self._months[period] for period in self._periods[-COMPLETE_MONTHS:] if period in self._months]

    def self_host(self, is_feasible: bool) -> Comparison | None:
        """Moving to self-hosting; None where any recent month's cost is unknown."""
        pairs = {month.month: to_self_host(month, self._placement) for month in self._months.values()}
        return self._compare("self_host", pairs, float(self._workload.migration.cost), is_feasible=is_feasible)

    def api(self, is_committed: bool) -> Comparison | None:
        """Moving to the best eligible API; None where any recent month's cost is unknown. is_committed: a pool's commitments still run."""
        pairs = {month.month: to_api(month, self._placement) for month in self._months.values()}
        return self._compare("api", pairs, float(self._workload.migration.back_cost), is_committed=is_committed)

    def switches(self) -> list[Comparison]:
        """Every other eligible API that has a price in each recent month, the largest saving first. Changing the model costs nothing here."""
        keys = {(offer.provider, offer.model) for month in self.recent for offer in month.api.offers if offer.is_eligible and not offer.is_incumbent}
        found = []
        for provider, model in sorted(keys):
            pairs = {month.month: to_other_model(month, provider, model) for month in self._months.values()}
            offers = [offer for offer in self.recent[-1].api.offers if (offer.provider, offer.model) == (provider, model)]
            comparison = self._compare("switch_api_model", pairs, 0.0, offer=offers[-1] if offers else None)
            if comparison is not None:
                found.append(comparison)
        return sorted(found, key=lambda each: -each.saving_monthly)

    def passes_margin(self, switch: Comparison, margin: float) -> bool:
        """Whether the other API's tokens cost less than the incumbent's by the margin in each of three recent months."""
        recent = self.recent
        incumbents = [next((offer.token_cost for offer in month.api.offers if offer.is_incumbent), None) for month in recent]
        savings = switch.savings_monthly[-COMPLETE_MONTHS:]
        return len(recent) == COMPLETE_MONTHS == len(savings) and all(
            paid is not None and saving is not None and paid > 0 and saving >= margin * paid for paid, saving in zip(incumbents, savings, strict=True)
        )

    def _compare(
        self,
        alternative: Alternative,
        pairs: Mapping[date, _Pair | None],
        switching_cost: float,
        *,
        is_feasible: bool = True,
        is_committed: bool = False,
        offer: PricedOffer | None = None,
    ) -> Comparison | None:
        recent = [pairs[month.month] for month in self.recent]
        known = [pair for pair in recent if pair is not None]
        if not known or len(known) < len(recent):
            return None
        assumptions = self._company.assumptions
        rate = float(assumptions.discount_rate)
        asked = [pairs.get(period) for period in self._periods]
        saving = math.fsum(pair.saving for pair in known) / len(known)
        drawn = np.mean([total_cost(pair.before, self._factors) - pair.after.cost(self._factors) for pair in known], axis=0)
        return Comparison(
            alternative=alternative,
            alternative_cost_monthly=math.fsum(pair.after.total for pair in known) / len(known),
            savings_monthly=tuple(None if pair is None else pair.saving for pair in asked),
            saving_monthly=saving,
            odds=odds(drawn),
            switching_cost=switching_cost,
            dead_band_monthly=dead_band_monthly(switching_cost, rate, round(assumptions.decision.dead_band_months)),
            payback_months=payback_months(switching_cost, saving),
            payback_months_discounted=payback_months_discounted(switching_cost, saving, rate),
            npv=self._npv(alternative, switching_cost, saving, math.fsum(pair.token_cost_given_up for pair in known) / len(known)),
            is_feasible=is_feasible,
            is_committed=is_committed,
            offer=offer,
        )

    def _npv(self, alternative: Alternative, outlay: float, saving: float, token_cost_given_up: float) -> float:
        """NPV over t = delay + 1 .. min(horizon, planned life); API prices fall by the erosion a year (2.9)."""
        assumptions, life = self._company.assumptions, self._workload.questions.planned_life_months
        erosion = float(assumptions.api_price_erosion)
        delay = 0 if alternative == "switch_api_model" else math.ceil(self._workload.migration.months)
        end = min(float(assumptions.horizon_months), float(life.answer)) if life is not None else float(assumptions.horizon_months)
        savings = [(t, saving + token_cost_given_up * ((1 - erosion) ** (t / 12) - 1)) for t in range(delay + 1, math.floor(end) + 1)]
        return net_present_value(outlay, savings, float(assumptions.discount_rate))
