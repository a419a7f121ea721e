"""What a workload's month costs, or would cost, on a commercial API.

Here: the incumbent and the best eligible API for all its tokens, and the people that an API takes. Not here: price lists and pricing (SQL),
the other side (self_hosted_side).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from models.config import Company, Workload
from models.economics.crossover import ApiSide
from models.economics.demand import API, Demand
from models.economics.finance import people_monthly
from models.economics.ledger import Ledger, Paid, PricedOffer

API_CATEGORIES = ("api_usage", "api_operations", "integration", "sovereignty_compliance")

Components = dict[str, float | None]
"""Cost by category; None where a category has no data."""


@dataclass(frozen=True)
class ApiMonth:
    """The API's view of a month.

    paid: what was paid on it, None where nothing ran on it or a token had no price; incumbent_token_cost: the tokens' part of that.
    best: the cheapest eligible offer for all the month's tokens, and `best_side` its cost; None with `reason` where there is none.
    assumed_people: of the people on either, its part of the organisation's API operations, where nobody is allocated to it.
    """

    offers: tuple[PricedOffer, ...]
    incumbent_token_cost: float | None
    paid: ApiSide | None
    best: PricedOffer | None
    best_side: ApiSide | None
    reason: str | None
    components: Components
    assumed_people: float


class ApiPricer:
    """The API side of every workload's month."""

    def __init__(self, company: Company, ledger: Ledger, demand: Mapping[tuple[str, date], Demand]) -> None:
        self._operations = company.assumptions.api_operations
        self._ledger, self._demand = ledger, demand
        self._workloads = {workload.id: workload for workload in company.workloads}
        self._people_weights: dict[date, dict[str, float]] = {}
        for (workload_id, month), asked in sorted(demand.items()):
            if workload_id in self._workloads and API in asked.sides and ledger.paid_on(workload_id, month, API).people is None:
                self._people_weights.setdefault(month, {})[workload_id] = max(self._incumbent_cost(workload_id, month) or 0.0, 0.0)

    def month(self, workload: Workload, month: date) -> ApiMonth:
        """One workload's month. Both what was paid and what the best API would take carry the same people."""
        demand = self._demand[(workload.id, month)]
        is_actual = API in demand.sides
        paid = self._ledger.paid_on(workload.id, month, API) if is_actual else Paid({}, None)
        offers = self._offers(workload, month, demand)
        best = best_offer(offers)
        incumbent = self._incumbent_cost(workload.id, month) if is_actual else None
        assumed = 0.0 if paid.people is not None else self._assumed_people(workload.id, month, demand, best)
        people = paid.people if paid.people is not None else assumed
        other = paid.other(("api_usage",))
        paid_side = ApiSide(incumbent, people, other) if incumbent is not None else None
        best_side = ApiSide(best.token_cost, people, other) if best is not None and best.token_cost is not None else None
        reason = None if best_side else ("no_price" if any(offer.is_eligible for offer in offers) else "no_candidate")
        components = _components(paid_side if is_actual else best_side, paid)
        return ApiMonth(offers, incumbent, paid_side, best, best_side, reason, components, assumed)

    def _incumbent_cost(self, workload_id: str, month: date) -> float | None:
        """What its own models were paid for tokens; None where any of it is unknown."""
        costs = [offer.token_cost for offer in self._ledger.offers.get((workload_id, month), ()) if offer.is_incumbent]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if costs and len(known) == len(costs) else None

    def _offers(self, workload: Workload, month: date, demand: Demand) -> tuple[PricedOffer, ...]:
        """One offer per API for all the month's tokens, the incumbent first.

        The incumbent may be several models: one offer at their sum, named after the dearest. Where only some of the tokens went to an API,
        it is taken to serve them all in proportion. A candidate's tokens per completed task are weighed against today's (2.5).
        """
        rows = self._ledger.offers.get((workload.id, month), ())
        incumbents = sorted((row for row in rows if row.is_incumbent), key=lambda row: (-(row.token_cost or 0.0), row.provider, row.model))
        is_actual = bool(incumbents) and API in demand.sides
        alone = incumbents[0] if is_actual and len(incumbents) == 1 else None
        offers = []
        if is_actual:
            cost = self._incumbent_cost(workload.id, month)
            scale = demand.tokens / demand.api_tokens if demand.api_tokens > 0 else 1.0
            offers.append(
                replace(
                    incumbents[0],
                    token_cost=None if cost is None else cost * scale,
                    is_frontier=any(row.is_frontier for row in incumbents),
                )
            )
        tokens_per_task = {(each.provider, each.model): float(each.tokens_per_task) for each in workload.candidates.api}
        today = todays_tokens_per_task(workload, demand)
        for row in rows:
            if row.is_incumbent or (alone and (row.provider, row.model) == (alone.provider, alone.model)):
                continue
            equivalence = tokens_per_task.get((row.provider, row.model), 1.0) / today
            offers.append(replace(row, token_cost=None if row.token_cost is None else row.token_cost * equivalence))
        return tuple(offers)

    def _assumed_people(self, workload_id: str, month: date, demand: Demand, best: PricedOffer | None) -> float:
        """Its part of the organisation's API operations: by API cost over the workloads on an API whose people nobody allocated, and itself."""
        monthly = people_monthly(float(self._operations.fte), float(self._operations.loaded_annual)) * demand.coverage.share
        weights = dict(self._people_weights.get(month, {}))
        weights.setdefault(workload_id, max((best.token_cost if best else None) or 0.0, 0.0))
        total = sum(weights[name] for name in sorted(weights))
        return monthly * (weights[workload_id] / total if total > 0 else 1 / len(weights))


def best_offer(offers: tuple[PricedOffer, ...]) -> PricedOffer | None:
    """The cheapest eligible offer with a price; the incumbent on a tie."""
    priced = [
        (offer.token_cost, not offer.is_incumbent, offer.provider, offer.model, offer)
        for offer in offers
        if offer.is_eligible and offer.token_cost is not None
    ]
    return min(priced, key=lambda each: each[:4])[4] if priced else None


def todays_tokens_per_task(workload: Workload, demand: Demand | None = None) -> float:
    """Tokens per completed task of what runs today: the self-hosted model's where nothing ran on an API, else the API model's (quality 1.0)."""
    candidate = workload.candidates.self_host
    if demand is not None and API not in demand.sides and candidate is not None:
        return float(candidate.tokens_per_task)
    return next((float(each.tokens_per_task) for each in workload.candidates.api if each.quality is not None and each.quality.score == 1), 1.0)


def _components(side: ApiSide | None, paid: Paid) -> Components:
    components: Components = {**dict.fromkeys(API_CATEGORIES), **paid.categories}
    components["api_usage"] = None if side is None else side.token_cost
    components["api_operations"] = None if side is None else side.people + paid.categories.get("api_operations", 0.0)
    return components
