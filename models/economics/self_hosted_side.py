"""What a workload's month costs, or would cost, on GPUs of one's own.

Here: the fleet it would need (2.1) with assumed people and overheads, what its pools cost it, and the part that leaving them would save
(2.6). Not here: bills and their allocation (SQL), the other side (api_side).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from models.config import Company, SelfHostCandidate, Workload
from models.economics.api_side import Components
from models.economics.capacity import (
    Floats,
    ReplicaRate,
    avoidable_replicas,
    gpus_bought,
    load_replicas,
    peak_of_hours,
    replicas_needed,
    token_utilisation,
    weights_fit,
    weights_gb,
    within_quota,
)
from models.economics.crossover import Counterfactual, Provisioned, SelfHostedSide
from models.economics.demand import SELF_HOST, Demand, PoolHours
from models.economics.finance import people_monthly
from models.economics.ledger import Ledger, PoolMonth
from models.economics.periods import month_of
from models.reference import gpus as known_gpus

GPU_CATEGORIES = ("gpu_compute", "gpu_idle", "commitment_unused")
SELF_HOST_CATEGORIES = (
    *GPU_CATEGORIES,
    "storage_network",
    "engineering_operations",
    "model_updates",
    "fine_tuning",
    "compliance_security",
    "observability",
    "capacity_planning",
)


@dataclass(frozen=True)
class Fleet:
    """The replicas behind a self-hosted side and how well they are used: on an actual side the pool's, of which work_share_gpus is its part."""

    replicas: float
    gpus: float
    token_utilisation: float | None
    work_share_gpus: float


@dataclass(frozen=True)
class SelfHostedMonth:
    """A self-hosted view of a month. `side` is None with a `reason` where nobody knows its cost; `avoidable` only where it was paid.

    is_feasible: whether its replica works at all; a cost is known of one that does not, too. burst_factor: what a fleet was sized with.
    is_owned: its GPUs would be bought, so that falling prices do not reach them.
    """

    side: SelfHostedSide | None
    reason: str | None
    fleet: Fleet | None
    components: Components
    avoidable: SelfHostedSide | None = None
    is_feasible: bool = True
    burst_factor: float | None = None
    is_owned: bool = False


class SelfHostedPricer:
    """The self-hosted side of every workload's month."""

    def __init__(self, company: Company, ledger: Ledger, as_of: date, bursts: Mapping[tuple[str, date], float] | None = None) -> None:
        """`bursts`: by workload and month, the measured peak within busy hours / their mean; a configured burst_factor goes before."""
        self._assumptions = company.assumptions
        self._bursts = {} if bursts is None or "burst_factor" in company.assumptions.peak.model_fields_set else bursts
        self._has_pool = bool(company.pools)
        self._profiles = {profile.id: profile for profile in company.assumptions.profiles}
        self._gpu_prices = {price.id: price for price in company.assumptions.gpu_prices}
        self._gpu_memory_gb = {gpu.gpu: gpu.memory_gb for gpu in known_gpus()}
        self._ledger, self._as_of = ledger, as_of

    def rate(self, profile_id: str) -> ReplicaRate:
        """How fast a replica of the profile works."""
        profile = self._profiles[profile_id]
        return ReplicaRate(profile.prefill_tokens_per_second, profile.decode_tokens_per_second, profile.context_seconds)

    def is_feasible(self, candidate: SelfHostCandidate | None) -> bool:
        """Whether a replica of the candidate works at all: it serves tokens and its weights fit."""
        if candidate is None:
            return False
        profile = self._profiles[candidate.profile]
        weights = profile.weights_gb or weights_gb(profile.parameters_billions, profile.precision)
        memory = profile.gpu_memory_gb or self._gpu_memory_gb.get(profile.gpu)
        return self.rate(candidate.profile).is_usable and weights_fit(weights, memory, profile.gpus_per_replica)

    def counterfactual(self, workload: Workload, demand: Demand) -> SelfHostedMonth:
        """All the month's tokens on a fleet of its own (2.1 with the spare); people and overheads are assumed, by days covered."""
        candidate = workload.candidates.self_host
        unknown: Components = dict.fromkeys(SELF_HOST_CATEGORIES)
        if candidate is None:
            return SelfHostedMonth(None, "no_candidate", None, unknown)
        if demand.counterfactual_work is None:
            return SelfHostedMonth(None, "capacity", None, unknown)
        profile, price = self._profiles[candidate.profile], self._gpu_prices[candidate.gpu_price]
        hours, share = demand.coverage.hours, demand.coverage.share
        burst = self._bursts.get((workload.id, month_of(demand.coverage.first_day)), float(self._assumptions.peak.burst_factor))
        capacity = Counterfactual(
            load=self.load(demand.counterfactual_work, hours, burst),
            spare_replicas=self._assumptions.spare_replicas,
            gpus_per_replica=profile.gpus_per_replica,
            gpus_per_instance=price.gpus_per_instance,
            gpu_cost=float(price.price_per_gpu_hour) * hours,
        )
        replicas = replicas_needed(capacity.load, capacity.spare_replicas)
        gpus = gpus_bought(replicas, profile.gpus_per_replica, price.gpus_per_instance)
        utilisation = token_utilisation(float(demand.counterfactual_work.sum()), replicas, hours)
        overheads = {category: float(annual) / 12 * share for category, annual in self._assumptions.overheads_annual}
        people = self._staffing(share)
        served = gpus * capacity.gpu_cost * min(utilisation or 0.0, 1.0)
        components: Components = {
            **unknown,
            **overheads,
            "gpu_compute": served,
            "gpu_idle": gpus * capacity.gpu_cost - served,
            "engineering_operations": people,
        }
        side = SelfHostedSide(capacity, people, sum(overheads.values()))
        return SelfHostedMonth(
            side, None, Fleet(replicas, gpus, utilisation, gpus), components, None, self.is_feasible(candidate), burst, price.owned is not None
        )

    def provisioned(self, workload: Workload, month: date, demand: Demand, pool_hours: Mapping[tuple[str, date], PoolHours]) -> SelfHostedMonth:
        """What its pools cost it: paid, with its work share of their replicas as the floor of any volume."""
        paid = self._ledger.paid_on(workload.id, month, SELF_HOST)
        components: Components = {**dict.fromkeys(SELF_HOST_CATEGORIES), **paid.categories}
        pools = {pool: figures for pool in demand.pools if (figures := self._ledger.pools.get((pool, month))) is not None}
        shares = {pool: self._ledger.work_share(workload.id, month, pool) for pool in pools}
        fleet = _pools_fleet(pools, shares)
        if not demand.pools or len(pools) < len(demand.pools) or any(figures.bill_cost is None for figures in pools.values()):
            return SelfHostedMonth(None, "no_pool_cost", fleet, components)
        hours = demand.coverage.hours
        load = self.load(demand.provisioned_work, hours)
        floor = sum(shares[pool] * figures.replicas for pool, figures in pools.items())
        share_hours = sum(shares[pool] * figures.hours_provisioned for pool, figures in pools.items())
        share_cost = sum(shares[pool] * (figures.bill_cost or 0.0) for pool, figures in pools.items())
        replica_cost = share_cost / share_hours * hours if share_hours > 0 else 0.0
        people = paid.people if paid.people is not None else self._staffing(demand.coverage.share)
        other = paid.other(GPU_CATEGORIES)
        gpu_paid = sum(paid.categories.get(category, 0.0) for category in GPU_CATEGORIES)
        components["engineering_operations"] = people + paid.categories.get("engineering_operations", 0.0)

        avoided_gpu, is_emptied = 0.0, True
        for pool, figures in pools.items():
            part = self.avoided_part(workload.id, figures, pool_hours.get((pool, month)))
            avoided_gpu += (1.0 if part is None else part) * (figures.bill_cost or 0.0)
            is_emptied = is_emptied and part is None
        return SelfHostedMonth(
            side=SelfHostedSide(Provisioned(load, floor, gpu_paid, replica_cost), people, other),
            reason=None,
            fleet=fleet,
            components=components,
            avoidable=SelfHostedSide(Provisioned(load, floor, avoided_gpu, replica_cost), people if is_emptied else 0.0, other),
        )

    def avoided_part(self, workload_id: str, figures: PoolMonth, pool_hours: PoolHours | None) -> float | None:
        """The part of a pool's bill that its leaving saves; None where it leaves the pool empty (2.6)."""
        rest = pool_hours.rest_without(workload_id) if pool_hours else None
        if rest is None:
            return None
        if figures.replicas <= 0:
            return 0.0
        load = self.load(rest, round(figures.covered_hours))
        return avoidable_replicas(figures.replicas, load, self._assumptions.spare_replicas) / figures.replicas

    def load(self, work_seconds: Floats, hours: int, burst: float | None = None) -> float:
        """Replicas that the peak of the hourly work needs, before rounding (2.1); without `burst` the assumed one."""
        peak = peak_of_hours(work_seconds, hours, float(self._assumptions.peak.quantile))
        return load_replicas(
            peak, float(self._assumptions.peak.burst_factor) if burst is None else burst, float(self._assumptions.utilisation_target)
        )

    def within_quota(self, work_seconds: Floats, hours: int) -> Floats:
        """Hourly work as it counts in a fleet that is shared (capacity)."""
        return within_quota(work_seconds, hours, float(self._assumptions.peak.quantile))

    def _staffing(self, share: float) -> float:
        fte, loaded_annual, _ = self._assumptions.staffing_for(self._has_pool)
        return people_monthly(float(fte), float(loaded_annual)) * share


def _pools_fleet(pools: Mapping[str, PoolMonth], shares: Mapping[str, float]) -> Fleet:
    provisioned = sum(figures.hours_provisioned for figures in pools.values())
    return Fleet(
        replicas=sum(figures.replicas for figures in pools.values()),
        gpus=sum(figures.gpus for figures in pools.values()),
        token_utilisation=sum(figures.hours_worked for figures in pools.values()) / provisioned if provisioned > 0 else None,
        work_share_gpus=sum(shares[pool] * figures.gpus for pool, figures in pools.items()),
    )
