"""What the portfolio's optimum is asked with: workloads, the pools they would share, the platform behind the pools.

Here: the values and what makes no sense among them. Not here: how months of use become these values, and what a placement costs (cost).
Money is per month in the reporting currency; work is replica-seconds per hour of one window that all workloads share.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.economics.capacity import Floats

API, SELF_HOST, SPLIT = 0, 1, 2
"""The sides that a workload can be placed on."""

Gate = Literal["free", "must_self_host", "must_api"]
Conflict = Literal["no_candidate", "no_price"]


@dataclass(frozen=True)
class Pool:
    """The fleet that the workloads of one model and profile would share.

    gpu_cost_monthly: one GPU over the window's hours, per month.
    usable_seconds_per_hour: work that a replica is given in an hour at most: 3,600 x u_max (2.1). burst_factor: peak within an hour / its mean,
    which a fleet for all of the work is provisioned for; a base load leaves bursts to an API.
    """

    id: str
    gpus_per_replica: int
    gpus_per_instance: int
    gpu_cost_monthly: float
    usable_seconds_per_hour: float
    spare_replicas: int
    burst_factor: float = 1.0


@dataclass(frozen=True)
class Platform:
    """What is there once, whoever uses it.

    The first pool takes the platform's people and the one set of overheads, each further one its own people. API operations: people who look
    after the use of APIs, as long as anything may go to one.
    """

    first_pool_people_monthly: float
    next_pool_people_monthly: float
    overheads_monthly: float
    api_operations_monthly: float = 0.0

    def cost(self, pools: int) -> float:
        """People and overheads of so many pools."""
        return self.first_pool_people_monthly + self.overheads_monthly + (pools - 1) * self.next_pool_people_monthly if pools else 0.0


@dataclass(frozen=True)
class PortfolioWorkload:
    """One workload's two sides.

    pool_id: the pool it could join, None without an eligible and feasible candidate. work_seconds: its work there in every hour of the
    window, in order, zeros included. api_cost_monthly: the best eligible API for all its tokens (`api_model` names it), None where there is
    none; in an hour it costs its part of the work. api_people_monthly: people who are gone when nothing of it is left on an API alone;
    api_operations_share_monthly: its part of the platform's API operations, which a view of it alone counts too.
    may_split: whether work beyond a base load may go to that API (2.12). The three of today are None where nobody knows them.
    A workload of which a cost is unknown belongs into no portfolio: leave it out and say so.
    """

    id: str
    pool_id: str | None
    work_seconds: Floats
    api_cost_monthly: float | None
    api_people_monthly: float = 0.0
    api_operations_share_monthly: float = 0.0
    api_model: str | None = None
    gate: Gate = "free"
    may_split: bool = False
    today_cost_monthly: float | None = None
    today_self_hosted: bool | None = None
    today_gpus: float | None = None

    @property
    def can_self_host(self) -> bool:
        """Whether gate and candidate let it into its pool."""
        return self.pool_id is not None and self.gate != "must_api"

    @property
    def can_api(self) -> bool:
        """Whether gate and prices let it onto an API."""
        return self.api_cost_monthly is not None and self.gate != "must_self_host"

    @property
    def can_split(self) -> bool:
        """Whether it may have its base load in the pool and the rest on an API."""
        return self.may_split and self.can_self_host and self.can_api

    @property
    def choices(self) -> tuple[int, ...]:
        """The sides that gate, candidate and prices allow."""
        allowed = ((API, self.can_api), (SELF_HOST, self.can_self_host), (SPLIT, self.can_split))
        return tuple(side for side, is_allowed in allowed if is_allowed)

    @property
    def api_total(self) -> float:
        """All of it on the best API, its own people included; 0 where it can't be there."""
        return (self.api_cost_monthly or 0.0) + self.api_people_monthly if self.can_api else 0.0

    @property
    def api_alone(self) -> float | None:
        """All of it on the best API in a view of it alone; None where it can't be there."""
        return self.api_total + self.api_operations_share_monthly if self.can_api else None

    @property
    def conflict(self) -> Conflict | None:
        """Why it can be placed nowhere, if that is so."""
        if self.can_api or self.can_self_host:
            return None
        return "no_price" if self.gate == "must_api" else "no_candidate"


@dataclass(frozen=True)
class Portfolio:
    """All of it. peak_quantile: which hour of the window a workload's own fleet would be provisioned for, as in 2.1 (linear between hours)."""

    workloads: tuple[PortfolioWorkload, ...]
    pools: tuple[Pool, ...]
    platform: Platform
    peak_quantile: float = 1.0

    def __post_init__(self) -> None:
        for pool in self.pools:
            amounts = (pool.gpu_cost_monthly, float(pool.spare_replicas))
            sizes = (pool.usable_seconds_per_hour, pool.burst_factor, float(pool.gpus_per_replica), float(pool.gpus_per_instance))
            if not _are_amounts(amounts) or not _are_amounts(sizes) or min(sizes) <= 0:
                raise ValueError(f"pool {pool.id}: prices and spare are finite and not negative, sizes above zero; found {pool}")
        if not _are_amounts(vars(self.platform).values()) or not 0 <= self.peak_quantile <= 1:
            raise ValueError(f"people and overheads are finite and not negative, the quantile in 0-1; found {self.platform}, {self.peak_quantile}")
        ids = Counter([workload.id for workload in self.workloads] + [pool.id for pool in self.pools])
        pool_ids, hours = {pool.id for pool in self.pools}, {workload.work_seconds.size for workload in self.workloads}
        if len(ids) != len(self.workloads) + len(self.pools) or len(hours) > 1:
            raise ValueError(f"ids once each and one window for all; found {[name for name, count in ids.items() if count > 1]}, hours {hours}")
        for workload in self.workloads:
            known = [workload.api_people_monthly, workload.api_cost_monthly or 0.0, workload.api_operations_share_monthly]
            known += [workload.today_cost_monthly or 0.0, workload.today_gpus or 0.0]
            is_work = bool(np.isfinite(workload.work_seconds).all() and (workload.work_seconds >= 0).all()) and workload.work_seconds.size > 0
            if not all(map(math.isfinite, known)) or min(known[:3]) < 0 or not is_work or workload.pool_id not in pool_ids | {None}:
                raise ValueError(f"workload {workload.id}: finite amounts, work in every hour, a pool that exists; found pool {workload.pool_id}")


def _are_amounts(values: Iterable[float]) -> bool:
    return all(math.isfinite(value) and value >= 0 for value in values)
