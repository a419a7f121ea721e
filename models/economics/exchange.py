"""What is given up and what is taken instead, in one month: each alternative to today's placement as a pair of sides.

Here: which sides a comparison sets against each other (economics section 3, rule 8), with owned hardware at its capital recovery (2.8), and the
base load that a split keeps (2.12). Not here: means, odds and dates (comparison), what a side costs (api_side, self_hosted_side, split).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.economics.capacity import Floats, whole_array
from models.economics.commitments import PoolStakes
from models.economics.crossover import ApiSide, Counterfactual, Factors, Provisioned, SelfHostedSide
from models.economics.demand import API, SELF_HOST, WorkloadHours
from models.economics.months import Month, Side
from models.economics.split import SplitSide, cheapest_base_load, hourly_load


class Ahead(NamedTuple):
    """A month's saving, or cost, by which prices it follows in the months ahead: none, APIs' or rented GPUs'."""

    steady: float
    tokens: float
    gpus: float


@dataclass(frozen=True)
class Exchange:
    """One month's sides. steady: what is saved besides them whatever the volume (capital that only a decision counts).

    kept_cost: the GPUs that it keeps on its pools; None where it leaves no pool, so that commitments go on being used. is_owned: the GPUs
    that it is about are owned, so that falling prices of GPUs do not reach them.
    """

    month: Month
    before: tuple[Side, ...]
    after: Side | SplitSide
    steady: float = 0.0
    kept_cost: float | None = None
    is_owned: bool = False

    @property
    def saving(self) -> float:
        """The month's, before commitments."""
        return math.fsum(side.total for side in self.before) + self.steady - self.after.total

    def drawn(self, factors: Factors) -> Floats:
        """The saving under each draw, before commitments."""
        saving: Floats = np.sum([side.cost(factors) for side in self.before], axis=0) + self.steady - self.after.cost(factors)
        return saving

    def at(self, volume: float) -> Ahead:
        """The saving at so many times the month's volume."""
        given_up = [self._parts(side, volume) for side in self.before]
        taken = self._parts(self.after, volume)
        steady, tokens, gpus = (math.fsum(part) for part in zip(*given_up, strict=True))
        return Ahead(steady + self.steady - taken.steady, tokens - taken.tokens, gpus - taken.gpus)

    def _parts(self, side: Side | SplitSide, volume: float) -> Ahead:
        if isinstance(side, ApiSide):
            return Ahead(side.fixed, side.token_cost * volume, 0.0)
        if isinstance(side, SplitSide):
            tokens, gpus = side.tokens_at(volume), side.gpu_cost
        else:
            tokens, gpus = 0.0, side.capacity.cost_at(side.capacity.load * volume)
        fixed = side.people + side.other
        return Ahead(fixed + gpus, tokens, 0.0) if self.is_owned else Ahead(fixed, tokens, gpus)


def to_self_host(month: Month, placement: str, stakes: PoolStakes) -> Exchange | None:
    """Self-hosting instead of the best eligible API, or of all that a hybrid pays today. None where a cost is unknown."""
    before = _before_self_hosting(month, placement)
    if before is None or month.self_hosted.side is None:
        return None
    steady = 0.0 if placement == API else stakes.uplift_share(month)
    return Exchange(month, before, month.self_hosted.side, steady, is_owned=month.self_hosted.is_owned)


def to_api(month: Month, placement: str, stakes: PoolStakes) -> Exchange | None:
    """The best eligible API instead of the avoidable part of what is paid today. None where a cost is unknown."""
    if month.api.best_side is None:
        return None
    if month.provisioned is None:
        own = month.self_hosted.side if placement == SELF_HOST else None
        before = month.today if own is None else (own,)
        return Exchange(month, before, month.api.best_side) if before is not None else None
    if month.provisioned.avoidable is None or month.today is None:
        return None
    before = (month.provisioned.avoidable, *_on_api(month))
    return Exchange(month, before, month.api.best_side, stakes.uplift_avoided(month), kept_cost=0.0, is_owned=stakes.is_owned(month))


def to_other_model(month: Month, provider: str, model: str) -> Exchange | None:
    """Another API model instead of the incumbent, for all tokens; people and the rest stay. None where either has no price."""
    incumbent = next((offer.token_cost for offer in month.api.offers if offer.is_incumbent), None)
    other = next(
        (offer.token_cost for offer in month.api.offers if (offer.provider, offer.model) == (provider, model) and not offer.is_incumbent), None
    )
    best = month.api.best_side
    if incumbent is None or other is None or best is None:
        return None
    return Exchange(month, (ApiSide(incumbent, best.people, best.other),), ApiSide(other, best.people, best.other))


@dataclass(frozen=True)
class SplitPlan:
    """The base load that a split self-hosts in every month: `replicas` of them, whose share of the window's work is given."""

    replicas: int
    self_host_share: float
    on_pools: bool
    utilisation_target: float


@dataclass(frozen=True)
class _SplitMonth:
    """What a split of a month is made of. gpu_cost: of so many replicas over the month; fixed_side: the self-hosting whose people it keeps."""

    work: Floats
    gpu_cost: Callable[[Floats], Floats]
    fixed_side: SelfHostedSide
    token_cost: float


def plan_split(
    recent: list[Month],
    placement: str,
    stakes: PoolStakes,
    window: WorkloadHours,
    hours: int,
    utilisation_target: float,
    *,
    is_burst_given: bool = False,
) -> SplitPlan | None:
    """The cheapest base load of the window's work at the recent months' prices.

    None where all on one side costs less (is_burst_given: all on the API) or anything is unknown; also where recent months were on pools
    in part: a workload that is just moving has no base load yet.
    """
    on_pools = placement == SELF_HOST
    parts = [_split_month(month, stakes, on_pools) for month in recent]
    known = [part for part in parts if part is not None]
    work = window.provisioned_work if on_pools else window.counterfactual_work
    apis = [month.api.best_side for month in recent if month.api.best_side is not None]
    worked = math.fsum(float(part.work.sum()) for part in known)
    if not known or len(known) < len(parts) or work is None or worked <= 0 or hours <= 0:
        return None
    load = hourly_load(work, hours, utilisation_target)
    per_hour = math.fsum(month.demand.coverage.hours for month in recent) / len(recent) / hours
    tokens = math.fsum(part.token_cost for part in known) / worked * float(work.sum()) * per_hour

    def gpu_cost(replicas: Floats) -> Floats:
        mean: Floats = np.mean([part.gpu_cost(replicas) for part in known], axis=0)
        return mean

    base = cheapest_base_load(
        load,
        gpu_cost,
        fixed=math.fsum(part.fixed_side.fixed for part in known) / len(known),
        token_cost=tokens,
        api_cost=tokens + math.fsum(api.fixed for api in apis) / len(apis),
        is_burst_given=is_burst_given,
    )
    return SplitPlan(base.replicas, base.self_host_share, on_pools, utilisation_target) if base else None


def to_split(month: Month, placement: str, stakes: PoolStakes, plan: SplitPlan) -> Exchange | None:
    """The plan's replicas with the rest on the best eligible API, instead of the best API, of all that a hybrid pays, or of the avoidable part
    of a self-hosted workload's cost (its people stay). None where a cost is unknown.
    """
    part = _split_month(month, stakes, plan.on_pools)
    if part is None:
        return None
    gpu_cost = float(part.gpu_cost(np.array([float(plan.replicas)]))[0])
    stays = sum(side.total for side in _on_api(month)) if plan.on_pools else 0.0
    load = hourly_load(part.work, month.demand.coverage.hours, plan.utilisation_target)
    side = SplitSide(load, plan.replicas, gpu_cost, part.token_cost, part.fixed_side.people, part.fixed_side.other + stays)
    if not plan.on_pools:
        before = _before_self_hosting(month, placement)
        steady = 0.0 if placement == API else stakes.uplift_share(month)
        return None if before is None else Exchange(month, before, side, steady, is_owned=month.self_hosted.is_owned)
    if month.provisioned is None or month.provisioned.avoidable is None:
        return None
    given_up = replace(month.provisioned.avoidable, people=part.fixed_side.people)
    return Exchange(month, (given_up, *_on_api(month)), side, stakes.uplift_avoided(month), kept_cost=gpu_cost, is_owned=stakes.is_owned(month))


def _split_month(month: Month, stakes: PoolStakes, on_pools: bool) -> _SplitMonth | None:
    """On pools at their own cost per replica, else on the candidate's GPUs in whole instances. None where the month is not of that kind."""
    best, asked = month.api.best_side, month.demand
    if best is None:
        return None
    if on_pools:
        paid = month.provisioned.side if month.provisioned else None
        if paid is None or not isinstance(paid.capacity, Provisioned) or asked.tokens <= 0:
            return None
        replica_cost = paid.capacity.replica_cost * stakes.uplift_ratio(month)
        tokens = best.token_cost * asked.self_hosted_tokens / asked.tokens
        return _SplitMonth(asked.provisioned_work, lambda replicas: replicas * replica_cost, paid, tokens)
    side = month.self_hosted.side
    if side is None or not isinstance(side.capacity, Counterfactual) or asked.counterfactual_work is None:
        return None
    capacity = side.capacity

    def gpu_cost(replicas: Floats) -> Floats:
        return whole_array(replicas * capacity.gpus_per_replica / capacity.gpus_per_instance) * capacity.gpus_per_instance * capacity.gpu_cost

    return _SplitMonth(asked.counterfactual_work, gpu_cost, side, best.token_cost)


def _before_self_hosting(month: Month, placement: str) -> tuple[Side, ...] | None:
    """What self-hosting is weighed against: the best eligible API; all that is paid, of a hybrid."""
    if placement not in (API, SELF_HOST):
        return month.today
    return (month.api.best_side,) if month.api.best_side else None


def _on_api(month: Month) -> tuple[ApiSide, ...]:
    return tuple(side for side in month.today or () if isinstance(side, ApiSide))
