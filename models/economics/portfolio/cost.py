"""What a placement of all workloads costs, exactly: every hour of the window, whole replicas, whole instances.

Here: the fleets of a pool (2.1 for what is self-hosted, 2.12 for a base load whose rest goes to an API) and the sum over a portfolio. The
optimum's cost is always this one. Not here: which placement to choose (milp, optimum).

A shared fleet is sized for the busiest hour of what its members count for, each within its quota (capacity): so a workload by itself gets
2.1's fleet, to the replica, and no fleet is larger than those of its members together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.economics.capacity import Floats, gpus_bought, replicas_needed, whole, within_quota
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT, Pool, Portfolio, PortfolioWorkload

Sides = npt.NDArray[np.int8]
"""A placement: each workload's side, in order of their ids."""

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PoolCost:
    """One pool under a placement: its fleets, and the money of all that could be there: GPUs, and what is left to APIs.

    replicas: of those that are self-hosted as a whole, the spare included, and counted: what these count for, hour by hour, in replicas.
    base_load_replicas: of those that are split, and overflow: of each member's work what is beyond them.
    """

    cost: float
    replicas: int
    base_load_replicas: int
    gpus: int
    gpu_cost: float
    counted: Floats
    overflow: Floats

    @property
    def is_open(self) -> bool:
        """Whether anything is self-hosted there."""
        return self.gpus > 0


class PoolBook:
    """One pool and the workloads that may join it, with their work in replicas (usable work of one in an hour = 1)."""

    def __init__(self, pool: Pool, members: list[int], workloads: list[PortfolioWorkload], quantile: float) -> None:
        self.pool = pool
        self.hours: int = workloads[members[0]].work_seconds.size
        self.members = np.array(members, dtype=np.int64)
        self.load: Floats = np.array([workloads[member].work_seconds for member in members]) / pool.usable_seconds_per_hour
        self.counted: Floats = np.array([within_quota(load, self.hours, quantile) for load in self.load]) * pool.burst_factor
        """What a member counts for in the fleet of those that are self-hosted as a whole, burst within the hour included."""
        self.api_total = np.array([workloads[member].api_total for member in members])
        self.closed_cost = float(self.api_total.sum())
        """With all of its members on APIs."""
        self.works: Floats = self.load.sum(axis=1)
        works = self.works
        tokens = np.array([workloads[member].api_cost_monthly or 0.0 for member in members])
        self.price: Floats = np.divide(tokens, works, out=np.zeros_like(works), where=works > 0)
        """What an API takes for an hour's work of one replica, by workload: what overflows costs its part of the work."""
        self.choices = [workloads[member].choices for member in members]
        self.cheapest_first = np.argsort(self.price, kind="stable")
        replicas, instance = pool.gpus_per_replica, pool.gpus_per_instance
        self.step_replicas = max(1, instance // replicas) if max(replicas, instance) % min(replicas, instance) == 0 else 1
        self.is_even = self.step_replicas > 1 or replicas % instance == 0

    def cost(self, sides: Sides) -> PoolCost:
        """The pool under its members' sides."""
        return self._priced(sides, self.counted[sides == SELF_HOST].sum(axis=0), *self._bursting(sides == SPLIT))

    def _bursting(self, split: Booleans) -> tuple[int, Floats]:
        """The base load of those that are split, and what overflows it."""
        if not split.any():
            return 0, np.zeros(len(self.members))
        base = self.base_load(split)
        return base, self.overflow(split, base)

    def _priced(self, sides: Sides, counted: Floats, base: int, overflow: Floats) -> PoolCost:
        replicas = self.replicas(counted) if (sides == SELF_HOST).any() else 0
        gpus = self.gpus(replicas) + self.gpus(base)
        gpu_cost = gpus * self.pool.gpu_cost_monthly
        left_to_apis = float(self.api_total[sides == API].sum()) + float(overflow @ self.price)
        return PoolCost(gpu_cost + left_to_apis, replicas, base, gpus, gpu_cost, counted, overflow)

    def moved(self, sides: Sides, now: PoolCost, position: int, side: int) -> PoolCost:
        """The pool with one member on another side; `sides` are those of `now`."""
        counted = now.counted
        if sides[position] == SELF_HOST and side != SELF_HOST:
            counted = counted - self.counted[position]
        elif sides[position] != SELF_HOST and side == SELF_HOST:
            counted = counted + self.counted[position]
        changed = sides.copy()
        changed[position] = side
        is_split = SPLIT in (sides[position], side)
        base, overflow = self._bursting(changed == SPLIT) if is_split else (now.base_load_replicas, now.overflow)
        return self._priced(changed, counted, base, overflow)

    def replicas(self, counted: Floats) -> int:
        """Replicas for what members count for together, the spare included (2.1)."""
        return replicas_needed(float(counted.max()), self.pool.spare_replicas)

    def gpus(self, replicas: int) -> int:
        """GPUs of so many replicas, in whole instances."""
        return gpus_bought(replicas, self.pool.gpus_per_replica, self.pool.gpus_per_instance)

    def overflow(self, who: Booleans, replicas: int) -> Floats:
        """What of each member's work is beyond so many replicas, over the window: the cheapest on an API goes there first."""
        order, stacked = self._stacked(who)
        beyond = stacked[-1] - replicas
        over = beyond > 0
        gone = np.zeros(len(self.members))
        gone[order] = np.diff(np.minimum(stacked[:, over], beyond[over]).sum(axis=1), prepend=0.0)
        return gone

    def base_load(self, who: Booleans) -> int:
        """The replicas, at least one and without a spare, at which GPUs and overflow together cost least (2.12)."""
        order, stacked = self._stacked(who)
        dearer_than_next = -np.diff(self.price[order], append=0.0)

        def cost(steps: int) -> float:
            replicas = steps * self.step_replicas
            beyond = stacked[-1] - replicas
            over = beyond > 0
            overflow = np.minimum(stacked[:, over], beyond[over]).sum(axis=1)
            return self.gpus(replicas) * self.pool.gpu_cost_monthly + float(overflow @ dearer_than_next)

        low, high = 1, max(1, whole(float(stacked[-1].max()) / self.step_replicas))
        if not self.is_even:
            return min(range(low, high + 1), key=cost)
        while low < high:  # convex: every further step saves no more than the one before
            middle = (low + high) // 2
            low, high = (low, middle) if cost(middle) <= cost(middle + 1) else (middle + 1, high)
        return low * self.step_replicas

    def _stacked(self, who: Booleans) -> tuple[npt.NDArray[np.int64], Floats]:
        """Those members, the cheapest on an API first, and their work piled up in that order, hour by hour."""
        order = self.cheapest_first[who[self.cheapest_first]]
        return order, np.cumsum(self.load[order], axis=0)


class CostBook:
    """A whole portfolio's costs. Workloads and pools are in order of their ids, whatever order they came in."""

    def __init__(self, portfolio: Portfolio) -> None:
        self.workloads = sorted(portfolio.workloads, key=lambda workload: workload.id)
        self.platform = portfolio.platform
        self.pools: list[PoolBook] = []
        self.pool_of = np.full(len(self.workloads), -1)
        for pool in sorted(portfolio.pools, key=lambda pool: pool.id):
            members = [index for index, workload in enumerate(self.workloads) if workload.can_self_host and workload.pool_id == pool.id]
            if members:
                self.pool_of[members] = len(self.pools)
                self.pools.append(PoolBook(pool, members, self.workloads, portfolio.peak_quantile))
        self.outside = float(sum(workload.api_total for workload in self.workloads if not workload.can_self_host))
        """What stays on APIs whatever is chosen."""

    def all_on(self, side: int) -> Sides:
        """Everybody on that side, where allowed."""
        return np.array([side if side in workload.choices else workload.choices[0] for workload in self.workloads], dtype=np.int8)

    def combined(self, open_sides: list[Sides], open_costs: list[float]) -> tuple[Sides, float]:
        """The cheapest choice of pools to open, given each pool's sides and GPU and API cost when open: the placement and its cost.

        Pools meet only in the platform: the first one opened costs its own price, every further one the same. API operations are not in the cost.
        """
        closed, numbers = self.all_on(API), range(len(self.pools))
        must_open = [bool((closed[pool.members] != API).any()) for pool in self.pools]
        saving = [self.pools[n].closed_cost - open_costs[n] - self.platform.next_pool_people_monthly for n in numbers]
        ranked = sorted(numbers, key=lambda n: (not must_open[n], -saving[n], n))
        opened = {n for place, n in enumerate(ranked) if place == 0 or must_open[n] or saving[n] > 0}  # the first takes the platform's people
        cost = self.outside + self.platform.cost(len(opened)) + sum(open_costs[n] if n in opened else self.pools[n].closed_cost for n in numbers)
        none_opened = self.outside + sum(pool.closed_cost for pool in self.pools)
        if not any(must_open) and none_opened <= cost:
            return closed, none_opened
        for n in opened:
            closed[self.pools[n].members] = open_sides[n]
        return closed, cost

    def pool_costs(self, sides: Sides) -> list[PoolCost]:
        """Each pool under a placement."""
        return [pool.cost(sides[pool.members]) for pool in self.pools]

    def api_operations(self, sides: Sides) -> float:
        """The people who look after APIs, as long as anything may go to one: all but what is self-hosted as a whole."""
        return self.platform.api_operations_monthly if (sides != SELF_HOST).any() else 0.0

    def total(self, sides: Sides, pools: list[PoolCost]) -> float:
        """GPUs, people, overheads and APIs together."""
        used = sum(pool.cost for pool in pools) + self.outside
        return used + self.platform.cost(sum(pool.is_open for pool in pools)) + self.api_operations(sides)

    def each_alone(self) -> Sides:
        """Everybody on the side that is cheaper for it by itself, where allowed."""
        costs = [self.alone(index) for index in range(len(self.workloads))]
        is_hosted = [cost is not None and (w.api_alone is None or cost[0] < w.api_alone) for w, cost in zip(self.workloads, costs, strict=True)]
        return np.where(is_hosted, SELF_HOST, API).astype(np.int8)

    def alone(self, index: int) -> tuple[float, int] | None:
        """Cost and GPUs of self-hosting one workload by itself, with the platform's people and overheads; None where it can't be."""
        if self.pool_of[index] < 0:
            return None
        pool = self.pools[self.pool_of[index]]
        gpus = pool.gpus(pool.replicas(pool.counted[np.searchsorted(pool.members, index)]))
        return gpus * pool.pool.gpu_cost_monthly + self.platform.cost(1), gpus

    def moved(self, sides: Sides, pools: list[PoolCost], index: int, side: int) -> tuple[float, list[PoolCost]]:
        """The total, and its pools, with one workload on another side and all others where they are."""
        number = int(self.pool_of[index])
        members = self.pools[number].members
        moved = self.pools[number].moved(sides[members], pools[number], int(np.searchsorted(members, index)), side)
        costs = [*pools[:number], moved, *pools[number + 1 :]]
        after = sides.copy()
        after[index] = side
        return self.total(after, costs), costs
