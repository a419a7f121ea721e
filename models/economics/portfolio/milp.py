"""The portfolio as a mixed-integer program over the hours that turn out to count, solved by HiGHS, pool by pool.

Here: a relaxation of one pool that grows by what its own solutions lacked: peak hours, one by one, and what APIs take at least beyond a base
load, each time over all hours in one row (Benders' cuts: the overflow's cost is convex in who is placed and in the replicas). Both only leave
demands out, so its bound is never above the true optimum, whichever rows it has; what its placement really costs is `cost`'s to say. Not here:
how often to ask (search).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np
import numpy.typing as npt

from models.economics.capacity import Floats
from models.economics.portfolio.cost import PoolBook, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT

MAX_NODES = 100
"""The search ends here at the latest. A clock would let a slow machine answer otherwise."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Relaxed:
    """A solution of the relaxation: of each member how much is self-hosted as a whole and how much split, 0 or 1 unless it was solved without
    whole numbers; the base load's replicas; and what no placement is below."""

    hosted: Floats
    split: Floats
    base_replicas: float
    lower_bound: float

    @property
    def sides(self) -> Sides:
        """The placement, of a solution in whole numbers."""
        return np.where(self.hosted > 0.5, SELF_HOST, np.where(self.split > 0.5, SPLIT, API)).astype(np.int8)


@dataclass(frozen=True)
class LeastOverflow:
    """What APIs take at least beyond a base load: the sum of each split member's part less that of each replica. Exact where it was taken."""

    by_member: Floats
    per_replica: float


class Relaxation:
    """One pool with at least one of its members self-hosted or split: what its GPUs and its members' APIs cost together, at least.

    Its unit of money is `scale`.
    """

    def __init__(self, pool: PoolBook, start_cost: float) -> None:
        self._pool = pool
        self._scale = max(start_cost, pool.closed_cost / 1e3, 1e-9) / 1e4  # the solver's tolerances are absolute
        self._peaks: list[int] = []
        self._overflows: dict[tuple[bytes, float], LeastOverflow] = {}

    def learn(self, hosted: Floats, split: Floats, base_replicas: Sequence[float]) -> bool:
        """Take in the busiest hour of what is hosted, and what overflows such base loads; whether anything of it was new."""
        known = len(self._peaks) + len(self._overflows)
        if hosted.any():
            peak = int(np.argmax(hosted @ self._pool.counted))
            self._peaks += [peak] if peak not in self._peaks else []
        for replicas in base_replicas if split.any() else ():
            self._overflows.setdefault((split.tobytes(), replicas), least_overflow(self._pool, split, replicas))
        return len(self._peaks) + len(self._overflows) > known

    def relaxed(self) -> Relaxed | None:
        """Without whole numbers. None: the solver came to no end."""
        program, columns, base = self._program()
        solved = program.relaxed(self._offset)
        return None if solved is None else self._solution(*solved, columns, base)

    def solve(self, start: Sides, gap: float) -> Relaxed | None:
        """In whole numbers, beginning from a placement; `gap` is the relative one at which the search may end. None: nothing was found."""
        program, columns, base = self._program()
        begin = [float(start[position] == side) for position, side in columns]
        values, bound = program.solve(self._offset, gap, (list(columns.values()), begin))
        return None if values is None else self._solution(values, bound, columns, base)

    @property
    def _offset(self) -> float:
        return self._pool.closed_cost / self._scale

    def _solution(self, values: Floats, bound: float, columns: dict[tuple[int, int], int], base: int | None) -> Relaxed:
        shares = np.zeros((3, len(self._pool.members)))
        for (position, side), column in columns.items():
            shares[side, position] = np.clip(values[column], 0.0, 1.0)
        return Relaxed(shares[SELF_HOST], shares[SPLIT], 0.0 if base is None else float(values[base]), bound * self._scale)

    def _program(self) -> tuple[_Program, dict[tuple[int, int], int], int | None]:
        """The program, its columns by member and side, and that of the base load's replicas."""
        pool, program, base = self._pool, _Program(), None
        columns: dict[tuple[int, int], int] = {}
        for side in (SELF_HOST, SPLIT):
            who = [position for position, sides in enumerate(pool.choices) if side in sides]
            for position in who:
                columns[(position, side)] = program.binary(-pool.api_total[position] / self._scale, lower=float(pool.choices[position] == (side,)))
            placed = np.array([columns[(position, side)] for position in who])
            if who and side == SELF_HOST:
                self._add_provisioned(program, who, placed)
            elif who:
                base = self._add_base_load(program, who, placed)
        for position in range(len(pool.members)):
            sides = [columns[key] for key in ((position, SELF_HOST), (position, SPLIT)) if key in columns]
            program.at_most(sides, [1.0] * len(sides), 1.0)
        program.at_most(list(columns.values()), [-1.0] * len(columns), -1.0)
        return program, columns, base

    def _add_provisioned(self, program: _Program, who: list[int], placed: Ints) -> None:
        """What is self-hosted as a whole: replicas for the busiest hour of what its members count for, and the spare (2.1)."""
        replicas = _fleet(program, self._pool, placed, self._pool.pool.spare_replicas, self._scale)
        for hour in self._peaks:
            program.at_most([*placed, replicas], [*self._pool.counted[who, hour], -1.0])

    def _add_base_load(self, program: _Program, who: list[int], placed: Ints) -> int:
        """What is split: replicas without a spare; what is beyond them goes to the workloads' APIs (2.12)."""
        replicas, overflow = _fleet(program, self._pool, placed, 0, self._scale), program.column(1.0)
        for least in self._overflows.values():
            program.at_most([*placed, replicas, overflow], [*least.by_member[who] / self._scale, -least.per_replica / self._scale, -1.0])
        return replicas


def least_overflow(pool: PoolBook, split: Floats, replicas: float) -> LeastOverflow:
    """At so much of each member and so many replicas, by the dual of what is cheapest in each hour: a replica-hour less costs there what the
    dearest member takes of which anything overflows."""
    order = pool.cheapest_first
    stacked = np.cumsum(pool.load[order] * split[order, np.newaxis], axis=0)
    beyond = stacked[-1] - replicas
    over = np.flatnonzero(beyond > 0)
    dearest = np.minimum((stacked[:, over] < beyond[over]).sum(axis=0), len(order) - 1)
    price = pool.price[order][dearest]
    by_member = (pool.load[:, over] * np.minimum(price, pool.price[:, np.newaxis])).sum(axis=1)
    return LeastOverflow(by_member, float(price.sum()))


def _fleet(program: _Program, pool: PoolBook, placed: Ints, spare: int, scale: float) -> int:
    """The column of a fleet's replicas before the spare is added: whole instances, at least one replica where anything is placed."""
    is_used, replicas = program.binary(), program.column(is_integer=True)
    instances = program.column(pool.pool.gpus_per_instance * pool.pool.gpu_cost_monthly / scale, is_integer=True)
    program.at_most([is_used, replicas], [1.0, -1.0])
    for column in placed:
        program.at_most([int(column), is_used], [1.0, -1.0])
    per_instance = pool.pool.gpus_per_replica / pool.pool.gpus_per_instance
    program.at_most([replicas, is_used, instances], [per_instance, per_instance * spare, -1.0])
    return replicas


@dataclass
class _Program:
    """Columns and rows as they are added; costs are in the objective's own unit."""

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    is_integer: list[bool] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    indices: list[npt.NDArray[np.int32]] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)

    def column(self, cost: float = 0.0, lower: float = 0.0, upper: float = math.inf, is_integer: bool = False) -> int:
        """A new variable's number."""
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.is_integer.append(is_integer)
        return len(self.cost) - 1

    def binary(self, cost: float = 0.0, lower: float = 0.0) -> int:
        """A new yes or no."""
        return self.column(cost, lower, 1.0, True)

    def at_most(self, columns: Sequence[int] | Ints, values: Sequence[float] | Floats, upper: float = 0.0) -> None:
        """A row: sum of values x columns <= upper."""
        coefficients = np.asarray(values, dtype=np.float64)
        kept = coefficients != 0
        self.indices.append(np.asarray(columns, dtype=np.int32)[kept])
        self.values.append(coefficients[kept])
        self.row_upper.append(upper)
        self.starts.append(self.starts[-1] + int(kept.sum()))

    def solve(self, offset: float, gap: float, start: tuple[list[int], list[float]]) -> tuple[Floats | None, float]:
        """The solution's columns, None where none was found, and the proven bound."""
        highs = self._highs(offset, self.is_integer, {"mip_rel_gap": gap, "mip_max_nodes": MAX_NODES})
        highs.setSolution(len(start[0]), np.array(start[0], dtype=np.int32), np.array(start[1]))
        highs.run()
        info = highs.getInfo()
        is_found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        return np.array(highs.getSolution().col_value) if is_found else None, float(info.mip_dual_bound)

    def relaxed(self, offset: float) -> tuple[Floats, float] | None:
        """Without whole numbers: the columns and the objective; None where the solver came to no end."""
        highs = self._highs(offset, [False] * len(self.cost), {})
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(highs.getSolution().col_value), float(highs.getInfo().objective_function_value)

    def _highs(self, offset: float, is_integer: list[bool], options: dict[str, float]) -> highspy.Highs:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_, lp.offset_ = len(self.cost), len(self.row_upper), offset
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(self.cost), np.array(self.lower), np.array(self.upper)
        lp.row_lower_, lp.row_upper_ = np.full(len(self.row_upper), -highspy.kHighsInf), np.array(self.row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self.starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.concatenate(self.indices)
        lp.a_matrix_.value_ = np.concatenate(self.values)
        if any(is_integer):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[each] for each in is_integer]
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in {"output_flag": False, "threads": 1, "random_seed": 0, **options}.items():
            if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
                raise RuntimeError(f"HiGHS does not take {name} = {value}")
        if highs.passModel(lp) == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS refused the portfolio's program")
        return highs
