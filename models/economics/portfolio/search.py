"""The search for the cheapest placement, pool by pool: local moves, then the program over representative hours until the gap is closed.

Here: which hours stand for the window, and when it is enough. Every loop ends after a number of rounds, never by a clock: the same portfolio
gives the same answer on any machine. Not here: the program and its bound (milp), what a placement costs (cost), results (optimum).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from models.economics.portfolio import milp
from models.economics.portfolio.cost import CostBook, PoolBook, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT
from models.economics.portfolio.milp import Ints, Representatives

EXCUSED_ROUNDS = 6
NARROWING_PASSES = 5
MAX_ROUNDS = 3
MAX_PASSES = 30
AT_ONCE = 2
"""Pools that are looked at together. A fixed number, not the machine's cores: it decides which pools are refined at all."""
SPARE_PEAKS = 60
"""Peak hours beyond those that the quantile may leave out; none where it leaves some out and workloads may split: the program grows too large."""
HOUR_GROUPS = 24


def search(book: CostBook, gap: float) -> tuple[Sides, float]:
    """The best placement found and the best bound proven: pool by pool, for they meet only in the platform's people and overheads."""
    with ThreadPoolExecutor(AT_ONCE) as workers:  # the solver works without Python's lock
        pools = list(workers.map(lambda pool: _OpenPool(pool, gap), book.pools))
        least_people = min(book.platform.next_pool_people_monthly, book.platform.cost(1))
        for _ in range(MAX_ROUNDS * len(pools) + 1):
            sides, cost = book.combined([pool.sides for pool in pools], [pool.cost for pool in pools])
            _, bound = book.combined([pool.sides for pool in pools], [pool.lower_bound for pool in pools])
            unproven = [pool for pool in pools if pool.can_be_refined and pool.relevant_gap(least_people) > 0]
            if cost - bound <= gap * cost or not unproven:
                break
            widest = sorted(unproven, key=lambda pool: -pool.relevant_gap(least_people))[:AT_ONCE]
            list(workers.map(_OpenPool.refine, widest))
    return sides, bound


class _OpenPool:
    """A pool's best placement with anything self-hosted there at all, and what no such placement is below."""

    def __init__(self, pool: PoolBook, gap: float) -> None:
        self._pool, self._gap, self._choices = pool, gap, pool.choices
        starts = [np.array([side if side in choices else choices[-1] for choices in pool.choices], dtype=np.int8) for side in (SELF_HOST, SPLIT)]
        self._is_split = bool((starts[1] == SPLIT).any())
        self.sides, self.cost = min((_improved(pool, start) for start in starts[: 1 + self._is_split]), key=lambda found: found[1])
        self.lower_bound, self.can_be_refined, self._rounds = 0.0, True, 0
        self._hours = _first_hours(pool, [starts[0], self.sides])
        self._settle(starts[0])
        self._settle(self.sides)

    def _settle(self, sides: Sides) -> None:
        """Better placements from the one given: with its own busiest hours excused the program is easy; then with those of what that finds."""
        count = 0 if self._is_split else _allowed_above(self._pool) - 1  # few hours count where bursts may go to an API
        for _ in range(EXCUSED_ROUNDS if count and (sides == SELF_HOST).any() else 0):
            self._hours = _more_hours(self._pool, self._hours, sides)
            told = replace(self._hours, excused=_busiest(self._pool, sides, SELF_HOST)[:count])
            found = milp.solve(self._pool, told, self._pool.choices, self.sides, self._gap / 2)
            if found.sides is None or not (found.sides != sides).any():
                break
            sides = found.sides
            self._take(sides)

    def relevant_gap(self, people_monthly: float) -> float:
        """What the bound leaves open, where opening the pool might pay at all."""
        if all(API in choices for choices in self._pool.choices):
            return min(self.cost, max(float(self._pool.api_total.sum()) - people_monthly, self.lower_bound)) - self.lower_bound
        return self.cost - self.lower_bound

    def refine(self) -> None:
        """One more solution of the relaxation, with the hours that the last one lacked, without the choices that can't improve on the best."""
        self._rounds += 1
        hours, cost = self._hours, self.cost
        for _ in range(NARROWING_PASSES):
            choices, bound = milp.narrowed(self._pool, hours, self._choices, self.sides, cost)
            self.lower_bound = min(max(self.lower_bound, bound), cost)
            if choices is None:
                self.lower_bound, self.can_be_refined = cost, False
                return
            if choices == self._choices:
                break
            self._choices = choices
        if self.cost - self.lower_bound <= self._gap * self.cost:
            return  # near enough without whole numbers, which take most of the time
        found = milp.solve(self._pool, hours, self._choices, self.sides, self._gap / 2)
        self.lower_bound = min(max(self.lower_bound, found.lower_bound), cost)
        if found.sides is not None:
            self._take(found.sides)
            self._hours = _more_hours(self._pool, hours, found.sides)
            self._settle(found.sides)
        self.can_be_refined = self._hours is not hours and self._rounds < MAX_ROUNDS

    def _take(self, sides: Sides) -> None:
        sides, cost = _improved(self._pool, sides)
        if cost < self.cost:
            self.sides, self.cost = sides, cost


def _improved(pool: PoolBook, sides: Sides) -> tuple[Sides, float]:
    """Moved one workload at a time as long as that saves money and leaves the pool open."""
    sides, now = sides.copy(), pool.cost(sides)
    for _ in range(MAX_PASSES):
        before = now.cost
        for position, choices in enumerate(pool.choices):
            for side in choices:
                if side == sides[position]:
                    continue
                moved = pool.moved(sides, now, position, side)
                if moved.is_open and moved.cost < now.cost * (1 - 1e-12):
                    sides[position] = side
                    now = pool.cost(sides)  # anew: sums that only ever change gather dust
        if now.cost == before:
            break
    return sides, now.cost


def _allowed_above(pool: PoolBook) -> int:
    """One more than the hours that may be above the quantile."""
    return pool.hours - math.floor(pool.quantile * (pool.hours - 1))


def _busiest(pool: PoolBook, sides: Sides, side: int) -> Ints:
    """Hours by the pooled work of those on that side, the busiest first, the earliest of equals."""
    return np.argsort(-pool.load[sides == side].sum(axis=0), kind="stable")


def _grouped(order: Ints, groups: int) -> Ints:
    """Each hour's group: the busiest hours one by one for a quarter of the groups, the rest in even parts."""
    alone = min(groups // 4, order.size)
    numbers = np.empty(order.size, dtype=np.int64)
    numbers[order[:alone]] = np.arange(alone)
    for number, hours in enumerate(np.array_split(order[alone:], max(1, min(groups - alone, order.size - alone))), start=alone):
        numbers[hours] = number
    return numbers


def _first_hours(pool: PoolBook, placements: Sequence[Sides]) -> Representatives:
    is_hard = _allowed_above(pool) > 1 and any(SPLIT in choices for choices in pool.choices)
    count = _allowed_above(pool) + (0 if is_hard else SPARE_PEAKS)
    peaks = np.unique(np.concatenate([_busiest(pool, sides, SELF_HOST)[:count] for sides in placements]))
    return Representatives(_busiest(pool, placements[1], SELF_HOST), peaks, _grouped(_busiest(pool, placements[0], SELF_HOST), HOUR_GROUPS))


def _more_hours(pool: PoolBook, known: Representatives, sides: Sides) -> Representatives:
    """Also the peaks of what the program placed, and twice the groups; the same object where nothing is added."""
    peaks, groups = known.peaks, known.groups
    if (sides == SELF_HOST).any():
        peaks = np.union1d(peaks, _busiest(pool, sides, SELF_HOST)[: _allowed_above(pool)])
    if (sides == SPLIT).any() and int(groups.max()) + 1 < pool.hours:
        groups = _grouped(_busiest(pool, sides, SPLIT), 2 * (int(groups.max()) + 1))
    return known if peaks.size == known.peaks.size and groups is known.groups else Representatives(known.busiest, peaks, groups)
