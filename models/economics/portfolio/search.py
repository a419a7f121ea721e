"""The search for the cheapest placement: the pools' relaxations, the widest gap first, until the gap is closed.

Here: what the relaxation is told, and when it is enough. Every loop ends after a number of rounds, never by a clock: the same portfolio
gives the same answer on any machine. Not here: the program and its bound (milp), what a placement costs (cost), results (optimum).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models.economics.portfolio.cost import CostBook, PoolBook, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT
from models.economics.portfolio.milp import Relaxation

LINEAR_ROUNDS = 40
MAX_ROUNDS = 30
AT_ONCE = 2
"""Pools that are looked at together. A fixed number, not the machine's cores: it decides which pools are refined at all."""


def search(book: CostBook, gap: float) -> tuple[Sides, float]:
    """The best placement found and the best bound proven: pool by pool, for they meet only in the platform's people and overheads."""
    with ThreadPoolExecutor(AT_ONCE) as workers:  # the solver works without Python's lock
        alone = book.each_alone()
        pools = list(workers.map(lambda pool: _OpenPool(pool, alone[pool.members], gap), book.pools))
        least_people = min(book.platform.next_pool_people_monthly, book.platform.cost(1))
        for _ in range(MAX_ROUNDS * len(pools) + 1):
            sides, cost = book.combined([pool.sides for pool in pools], [pool.cost for pool in pools])
            _, bound = book.combined([pool.sides for pool in pools], [pool.lower_bound for pool in pools])
            unproven = [pool for pool in pools if pool.can_be_refined and pool.relevant_gap(least_people) > 0]
            if cost - bound <= gap * cost or not unproven:
                break
            widest = sorted(unproven, key=lambda pool: -pool.relevant_gap(least_people))[:AT_ONCE]
            list(workers.map(_OpenPool.refine, widest))
    return _with_api_operations(book, sides, cost, bound)


def _with_api_operations(book: CostBook, sides: Sides, cost: float, bound: float) -> tuple[Sides, float]:
    """The placement and the bound with the people who look after APIs: one placement alone does without them, nothing left on any API."""
    bound += book.platform.api_operations_monthly
    hosted = book.all_on(SELF_HOST)
    if (hosted != SELF_HOST).any():
        return sides, bound
    without = book.total(hosted, book.pool_costs(hosted))
    return (hosted if without <= cost + book.api_operations(sides) else sides), min(bound, without)


class _OpenPool:
    """A pool's best placement with anything self-hosted there at all, and what no such placement is below."""

    def __init__(self, pool: PoolBook, alone: Sides, gap: float) -> None:
        self._pool, self._gap = pool, gap
        starts = [np.array([side if side in choices else choices[-1] for choices in pool.choices], dtype=np.int8) for side in (SELF_HOST, SPLIT)]
        least = np.array([choices[0] for choices in pool.choices], dtype=np.int8)
        # so that no portfolio costs more than each for itself, or than all that may be on APIs, however wide the gap
        starts += [start for start in (alone, least) if (start != API).any()]
        self.sides, self.cost = min(((start, pool.cost(start).cost) for start in starts), key=lambda found: found[1])
        self.lower_bound, self.can_be_refined, self._rounds = 0.0, True, 0
        self._relaxation = Relaxation(pool, self.cost)
        for start in starts:
            self._learn(start)
        for _ in range(LINEAR_ROUNDS):
            found = self._relaxation.relaxed()
            if found is None:
                break
            is_nearer = found.lower_bound > self.lower_bound + gap / 100 * self.cost
            self.lower_bound = min(max(self.lower_bound, found.lower_bound), self.cost)
            if not self._relaxation.learn(found.hosted, found.split, [found.base_replicas]) or not is_nearer:
                break

    def relevant_gap(self, people_monthly: float) -> float:
        """What the bound leaves open, where opening the pool might pay at all."""
        if all(API in choices for choices in self._pool.choices):
            return min(self.cost, max(self._pool.closed_cost - people_monthly, self.lower_bound)) - self.lower_bound
        return self.cost - self.lower_bound

    def refine(self) -> None:
        """One more solution in whole numbers, from which the relaxation learns what it lacked."""
        self._rounds += 1
        found = self._relaxation.solve(self.sides, self._gap / 2)
        self.can_be_refined = found is not None and self._rounds < MAX_ROUNDS
        if found is None:
            return
        self.lower_bound = min(max(self.lower_bound, found.lower_bound), self.cost)
        self.can_be_refined &= self._learn(found.sides, round(found.base_replicas))
        cost = self._pool.cost(found.sides).cost
        if cost < self.cost:
            self.sides, self.cost = found.sides, cost

    def _learn(self, sides: Sides, *base_replicas: float) -> bool:
        """Tell the relaxation of a placement, with the base load that is best for it and others; whether anything was new to it."""
        hosted, split = (sides == SELF_HOST).astype(np.float64), (sides == SPLIT).astype(np.float64)
        best = [float(self._pool.base_load(sides == SPLIT))] if split.any() else []
        return self._relaxation.learn(hosted, split, [*base_replicas, *best])
