"""Today's placement against one alternative, over the last complete months.

Here: the tested saving month by month, its odds, payback and NPV (economics 2.9, 2.10, section 3 rule 8), and the dates from which a move may
hold where commitments bind (2.7). Money, and with it the tested saving and its payback, is the mean of the months behind, as section 3 says;
the months ahead, with the forecast's growth and falling API prices, count in the NPV (2.9, 2.14).
Not here: what is given up and taken in a month (exchange), the tests that a comparison must pass (placement).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from models.config import Company, Workload
from models.economics.commitments import PoolStakes
from models.economics.crossover import Factors
from models.economics.demand import COMPLETE_MONTHS, SELF_HOST, WorkloadHours
from models.economics.exchange import Ahead, Exchange, SplitPlan, plan_split, to_api, to_other_model, to_self_host, to_split
from models.economics.finance import dead_band_monthly, net_present_value, payback_months, payback_months_discounted
from models.economics.forecast import FLAT, Forecast, Path, growth
from models.economics.ledger import PricedOffer
from models.economics.months import Month
from models.economics.periods import add_months
from models.economics.uncertainty import Odds, odds

Alternative = Literal["api", "self_host", "split", "switch_api_model"]


@dataclass(frozen=True)
class Comparison:
    """An alternative to today's placement. Money per month in the reporting currency; the mean of the last three complete months.

    savings_monthly: the tested saving of each month asked for, oldest first; None for a month that had no usage.
    saving_monthly: what is tested (best API - self-hosting, or the avoidable cost - best API), not by how much the bill falls.
    is_committed: commitments of its pools still run on the effective date, so that part of today's cost is not avoided by then.
    replicas: the base load's, of a split only.
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
    effective_date: date | None = None
    self_host_share: float = 0.0
    replicas: int | None = None


@dataclass(frozen=True)
class _Start:
    """When a move holds: the day, the first month ahead (from 1) that saves in full, and how long before it the switching cost falls due."""

    day: date
    month: int
    delay: int


Exchanges = Mapping[date, Exchange | None]


class Comparer:
    """Comparisons of one workload, over the complete months up to a decision."""

    def __init__(
        self,
        company: Company,
        workload: Workload,
        placement: str,
        months: Mapping[date, Month],
        periods: Sequence[date],
        factors: Factors,
        stakes: PoolStakes,
        next_quarter: date,
        forecast: Forecast | None = None,
    ) -> None:
        """`periods`: the complete months asked for, oldest first; `months`: the workload's months with usage; months ahead count from
        `next_quarter`, its first day. No forecast: the months ahead are like those behind.
        """
        self._company, self._workload, self._placement, self._factors = company, workload, placement, factors
        self._periods, self._months, self._stakes = list(periods), months, stakes
        self._next_quarter, self._forecast = next_quarter, forecast or FLAT

    @property
    def recent(self) -> list[Month]:
        """The months that money is the mean of."""
        return [self._months[period] for period in self._periods[-COMPLETE_MONTHS:] if period in self._months]

    def self_host(self, is_feasible: bool) -> Comparison | None:
        """Moving to self-hosting; None where any recent month's cost is unknown."""
        exchanges = self._exchanges(lambda month: to_self_host(month, self._placement, self._stakes))
        return self._compare("self_host", exchanges, self._start(), is_feasible=is_feasible, self_host_share=1.0)

    def api(self) -> list[Comparison]:
        """Moving to the best eligible API, from any date that makes sense; empty where any recent month's cost is unknown."""
        exchanges = self._exchanges(lambda month: to_api(month, self._placement, self._stakes))
        return self._dated("api", exchanges)

    def split(self, window: WorkloadHours, hours: int, is_feasible: bool, *, is_burst_given: bool = False) -> list[Comparison]:
        """Self-hosting the base load of the window (so many hours, empty ones too); empty where the cheapest is all on one side, or unknown.

        is_burst_given: the cheapest that leaves work to the API, even where replicas for all of it, without any spare, would cost less.
        """
        target = self._company.assumptions.utilisation_target
        plan = plan_split(self.recent, self._placement, self._stakes, window, hours, target, is_burst_given=is_burst_given)
        if plan is None:
            return []
        exchanges = self._exchanges(lambda month: to_split(month, self._placement, self._stakes, plan))
        return self._dated("split", exchanges, is_feasible=is_feasible, plan=plan)

    def switches(self) -> list[Comparison]:
        """Every other eligible API that has a price in each recent month, the largest saving first. Changing the model costs nothing here."""
        keys = {(offer.provider, offer.model) for month in self.recent for offer in month.api.offers if offer.is_eligible and not offer.is_incumbent}
        found = []
        for provider, model in sorted(keys):
            exchanges = self._exchanges(lambda month, key=(provider, model): to_other_model(month, *key))  # type: ignore[misc]
            offers = [offer for offer in self.recent[-1].api.offers if (offer.provider, offer.model) == (provider, model)]
            comparison = self._compare("switch_api_model", exchanges, self._start(delay=0), offer=offers[-1] if offers else None)
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

    def _exchanges(self, of: Callable[[Month], Exchange | None]) -> Exchanges:
        asked = {*self._periods, *(month.month for month in self.recent)}
        return {period: of(self._months[period]) for period in sorted(asked) if period in self._months}

    def _start(self, delay: int | None = None) -> _Start:
        """As soon as the deployment allows."""
        delay = math.ceil(self._workload.migration.months) if delay is None else delay
        return _Start(add_months(self._next_quarter, delay), delay + 1, delay)

    def _starts(self) -> list[_Start]:
        """As soon as possible, and on the day after each commitment that ends later than that."""
        soonest = self._start()
        starts = [soonest]
        for ends in self._stakes.expiries(self.recent):
            day = ends + timedelta(days=1)
            if day > soonest.day:
                months = (day.year - self._next_quarter.year) * 12 + day.month - self._next_quarter.month + (day.day > 1)
                starts.append(_Start(day, months + 1, soonest.delay))
        return starts

    def _dated(self, alternative: Alternative, exchanges: Exchanges, *, is_feasible: bool = True, plan: SplitPlan | None = None) -> list[Comparison]:
        """The comparison once for each day on which leaving the pools may start; what keeps or takes up GPUs strands no commitment."""
        leaves = any(exchange is not None and exchange.kept_cost is not None for exchange in exchanges.values())
        found = [
            self._compare(
                alternative,
                exchanges,
                start,
                is_feasible=is_feasible,
                self_host_share=plan.self_host_share if plan else 0.0,
                replicas=plan.replicas if plan else None,
            )
            for start in (self._starts() if leaves else [self._start()])
        ]
        return [comparison for comparison in found if comparison is not None]

    def _compare(
        self,
        alternative: Alternative,
        exchanges: Exchanges,
        start: _Start,
        *,
        is_feasible: bool = True,
        offer: PricedOffer | None = None,
        self_host_share: float = 0.0,
        replicas: int | None = None,
    ) -> Comparison | None:
        recent = [exchanges[month.month] for month in self.recent]
        known = [exchange for exchange in recent if exchange is not None]
        if not known or len(known) < len(recent):
            return None
        rate = float(self._company.assumptions.discount_rate)
        first_month = add_months(self._next_quarter, start.month - 1)
        stranded = {period: self._stranded(exchange, first_month) for period, exchange in exchanges.items() if exchange is not None}
        savings = {period: exchange.saving - stranded[period] for period, exchange in exchanges.items() if exchange is not None}
        held = math.fsum(stranded[exchange.month.month] for exchange in known) / len(known)
        saving = math.fsum(savings[exchange.month.month] for exchange in known) / len(known)
        drawn = np.mean([exchange.drawn(self._factors) for exchange in known], axis=0) - held
        outlay = self._switching_cost(alternative)
        return Comparison(
            alternative=alternative,
            alternative_cost_monthly=math.fsum(exchange.after.total for exchange in known) / len(known),
            savings_monthly=tuple(savings.get(period) for period in self._periods),
            saving_monthly=saving,
            odds=odds(drawn),
            switching_cost=outlay,
            dead_band_monthly=dead_band_monthly(outlay, rate, round(self._company.assumptions.decision.dead_band_months)),
            payback_months=payback_months(outlay, saving),
            payback_months_discounted=payback_months_discounted(outlay, saving, rate),
            npv=self._npv(alternative, outlay, known, start),
            is_feasible=is_feasible,
            is_committed=held > 0,
            offer=offer,
            effective_date=start.day,
            self_host_share=self_host_share,
            replicas=replicas,
        )

    def _switching_cost(self, alternative: Alternative) -> float:
        """The migration; from self-hosted to anything that uses an API the way back, which has a cost of its own (2.11)."""
        if alternative == "switch_api_model":
            return 0.0
        is_way_back = alternative == "api" or self._placement == SELF_HOST
        return float(self._workload.migration.back_cost if is_way_back else self._workload.migration.cost)

    def _stranded(self, exchange: Exchange, ahead: date) -> float:
        """What commitments hold of its saving in a month ahead."""
        return 0.0 if exchange.kept_cost is None else self._stakes.stranded(exchange.month, ahead, exchange.kept_cost)

    def _growth(self, alternative: Alternative) -> Path:
        """Volume ahead on the safe side: the upper bound where an API takes it all, the lower one where GPUs are bought for it (2.14)."""
        paths = {"api": self._forecast.high, "self_host": self._forecast.low, "split": self._forecast.low, "switch_api_model": FLAT.middle}
        return paths[alternative]

    def _npv(self, alternative: Alternative, outlay: float, known: list[Exchange], start: _Start) -> float:
        """NPV over t = first month .. min(horizon, planned life); the outlay falls due with the deployment's start (2.9).

        API prices and those of rented GPUs fall by their erosion a year, volume grows as forecast, commitments are sunk while they run. While a
        move is being made nothing is saved: running both sides for that long is part of what the migration costs.
        """
        assumptions, life = self._company.assumptions, self._workload.questions.planned_life_months
        api_erosion, gpu_erosion = float(assumptions.api_price_erosion), float(assumptions.gpu_price_erosion)
        path = self._growth(alternative)
        end = min(float(assumptions.horizon_months), float(life.answer)) if life is not None else float(assumptions.horizon_months)
        parts = {}
        for volume in sorted(set(path)):
            at = [exchange.at(volume) for exchange in known]
            parts[volume] = Ahead(*(math.fsum(each) / len(at) for each in zip(*at, strict=True)))
        rate = float(assumptions.discount_rate)
        savings = []
        for t in range(start.month, math.floor(end) + 1):
            ahead_of = parts[growth(path, t)]
            ahead = add_months(self._next_quarter, t - 1)
            stranded = [(self._stranded(exchange, ahead) / len(known), exchange.is_owned) for exchange in known]
            steady = ahead_of.steady - math.fsum(held for held, is_owned in stranded if is_owned)
            gpus = ahead_of.gpus - math.fsum(held for held, is_owned in stranded if not is_owned)  # a commitment's price stays what it is
            savings.append((t, steady + ahead_of.tokens * (1 - api_erosion) ** (t / 12) + gpus * (1 - gpu_erosion) ** (t / 12)))
        due = net_present_value(0.0, [(start.month - 1 - start.delay, outlay)], rate)
        return net_present_value(due, savings, rate)
