"""The portfolio as a mixed-integer program over representative hours, solved by HiGHS.

Here: a relaxation. It knows some of the hours one by one, which only leaves demands out, and all of them as means of groups of hours, which
keeps every total and smooths overflow, never above what it is. So its bound is never above the true optimum, whichever hours were taken;
what its placement really costs is `cost`'s to say, over every hour. Not here: which hours, and how often (optimum).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np
import numpy.typing as npt

from models.economics.capacity import Floats
from models.economics.portfolio.cost import Booleans, PoolBook, Sides
from models.economics.portfolio.inputs import API, SELF_HOST, SPLIT

MAX_NODES = 100
"""The search ends here at the latest. A clock would let a slow machine answer otherwise."""

EXACT_EXCEEDING = 3

Ints = npt.NDArray[np.int64]

Choices = list[tuple[int, ...]]
"""The sides that are open to each member of a pool."""


@dataclass(frozen=True)
class Representatives:
    """A pool's representative hours: `peaks` stand for themselves, `groups` (of each hour, its group's number) for their mean.

    busiest: all hours, those with most work first. excused: which hours may be above the quantile; None leaves that to the program. Telling
    it makes a harder problem that is solved faster: good for placements, no good for a bound.
    """

    busiest: Ints
    peaks: Ints
    groups: Ints
    excused: Ints | None = None


@dataclass(frozen=True)
class Bound:
    """The best placement found, None if none was, and what no placement is below."""

    sides: Sides | None
    lower_bound: float


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

    def relaxed(self, offset: float) -> tuple[Floats, Floats, float] | None:
        """Without whole numbers: the columns, their reduced costs and the objective; None where nothing is feasible."""
        highs = self._highs(offset, [False] * len(self.cost), {})
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = highs.getSolution()
        return np.array(solution.col_value), np.array(solution.col_dual), float(highs.getInfo().objective_function_value)

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


def solve(pool: PoolBook, hours: Representatives, choices: Choices, start: Sides, gap: float) -> Bound:
    """One pool's relaxation: GPUs and APIs of its members where at least one of them is self-hosted or split.

    choices: the sides still open to each member. start: a placement to begin from. gap: the relative one at which the search may end.
    """
    scale, program, columns = _pool_program(pool, hours, choices, start)
    begin = [float(start[position] == side) for position, side in columns]
    values, bound = program.solve(float(pool.api_total.sum()) / scale, gap, (list(columns.values()), begin))
    if values is None:
        return Bound(None, bound * scale)
    found = np.full(len(pool.members), API, dtype=np.int8)
    for (position, side), column in columns.items():
        if values[column] > 0.5:
            found[position] = side
    return Bound(found, bound * scale)


def narrowed(pool: PoolBook, hours: Representatives, choices: Choices, start: Sides, cost: float) -> tuple[Choices | None, float]:
    """The choices that could still lead below `cost`, None where there are none, and a bound.

    By reduced costs: what the linear program would lose by a choice, on top of what it costs already.
    """
    scale, program, columns = _pool_program(pool, hours, choices, start)
    relaxed = program.relaxed(float(pool.api_total.sum()) / scale)
    if relaxed is None:
        return None, cost
    values, duals, bound = relaxed
    left = [set(sides) for sides in choices]
    for (position, side), column in columns.items():
        if bound + abs(duals[column]) <= cost / scale * (1 + 1e-9):
            continue
        if values[column] < 1e-6:
            left[position].discard(side)
        elif values[column] > 1 - 1e-6:
            left[position] &= {side}
    return ([tuple(sorted(sides)) for sides in left] if all(left) else None), bound * scale


def _pool_program(pool: PoolBook, hours: Representatives, choices: Choices, start: Sides) -> tuple[float, _Program, dict[tuple[int, int], int]]:
    """The unit of its money, the program, and its columns by member and side."""
    scale = max(pool.cost(start).cost, 1e-9) / 1e4  # the solver's tolerances are absolute
    program = _Program()
    columns: dict[tuple[int, int], int] = {}
    for side in (SELF_HOST, SPLIT):
        who = [position for position, sides in enumerate(choices) if side in sides]
        forced = [choices[position] == (side,) for position in who]
        for position, is_forced in zip(who, forced, strict=True):
            columns[(position, side)] = program.binary(-pool.api_total[position] / scale, lower=float(is_forced))
        placed = np.array([columns[(position, side)] for position in who])
        if who and side == SELF_HOST:
            _provisioned(program, pool, hours, np.array(who), np.array(forced), placed, scale)
        elif who:
            _base_load(program, pool, hours, np.array(who), placed, scale)
    for position in range(len(pool.members)):
        sides = [columns[key] for key in ((position, SELF_HOST), (position, SPLIT)) if key in columns]
        program.at_most(sides, [1.0] * len(sides), 1.0)
    program.at_most(list(columns.values()), [-1.0] * len(columns), -1.0)
    return scale, program, columns


def _fleet(program: _Program, pool: PoolBook, placed: Ints, spare: int, scale: float) -> tuple[int, int]:
    """A fleet's switch and its replicas (without spares): whole instances, at least one replica where anything is placed."""
    is_used, replicas = program.binary(), program.column(is_integer=True)
    instances = program.column(pool.pool.gpus_per_instance * pool.pool.gpu_cost_monthly / scale, is_integer=True)
    program.at_most([is_used, replicas], [1.0, -1.0])
    for column in placed:
        program.at_most([int(column), is_used], [1.0, -1.0])
    per_instance = pool.pool.gpus_per_replica / pool.pool.gpus_per_instance
    program.at_most([replicas, is_used, instances], [per_instance, per_instance * spare, -1.0])
    return is_used, replicas


def _provisioned(program: _Program, pool: PoolBook, hours: Representatives, who: Ints, forced: Booleans, placed: Ints, scale: float) -> None:
    """What is self-hosted as a whole: replicas for the quantile of the pooled hours, and the spare (2.1).

    The quantile lies between two order statistics; each is a level that no more than its number of hours exceed. Far from the top they are
    neighbours, and the lower one is enough for a bound.
    """
    _, replicas = _fleet(program, pool, placed, pool.pool.spare_replicas, scale)
    load = pool.load[who] * pool.pool.burst_factor
    if hours.excused is not None:
        for hour in np.setdiff1d(hours.peaks, hours.excused):
            program.at_most([*placed, replicas], [*load[:, hour], -1.0])
        return
    position = pool.quantile * (pool.hours - 1)
    below = math.floor(position)
    part, exceeding = position - below, pool.hours - 1 - below
    levels = [(exceeding, 1 - part), (exceeding - 1, part)] if part > 0 and exceeding <= EXACT_EXCEEDING else [(exceeding, 1.0)]
    heights = [program.column() for _ in levels]
    program.at_most([*heights, replicas], [*(share for _, share in levels), -1.0])
    certain = load[forced].sum(axis=0)
    for height, (count, _) in zip(heights, levels, strict=True):
        excused = []
        for hour in hours.peaks:
            slack = _above(load[~forced], certain, int(hour), count) if count else 0.0
            columns, values = [*placed, height], [*load[:, hour], -1.0]
            if slack > 0:
                excused.append(program.binary())
                columns, values = [*columns, excused[-1]], [*values, -slack]
            program.at_most(columns, values)
        if len(excused) > count:
            program.at_most(excused, [1.0] * len(excused), float(count))
    # whichever hours are excused: in those that are left a workload brings at least what it brings in as many of its own slackest ones
    for size in sorted({min(exceeding + 8 * 4**power, pool.hours) for power in range(5)}) if exceeding else []:
        kept = np.sort(np.vstack([load, certain])[:, hours.busiest[:size]], axis=1)[:, : size - exceeding].mean(axis=1)
        program.at_most([*placed[~forced], heights[0]], [*kept[:-1][~forced], -1.0], -float(kept[-1]))


def _above(load: Floats, certain: Floats, hour: int, count: int) -> float:
    """How far an hour can be above the level that `count` hours exceed, whoever joins what is certain: above its nearest count + 1 hours."""
    ahead = certain[hour] - certain + np.maximum(load[:, [hour]] - load, 0.0).sum(axis=0)
    return float(max(np.partition(ahead, count)[count], 0.0))


def _base_load(program: _Program, pool: PoolBook, hours: Representatives, who: Ints, placed: Ints, scale: float) -> None:
    """What is split: replicas without a spare; what is beyond them goes to the workloads' APIs, group of hours by group of hours (2.12)."""
    _, replicas = _fleet(program, pool, placed, 0, scale)
    load, price = pool.load[who], pool.price[who] / scale
    for group in range(int(hours.groups.max()) + 1):
        inside = hours.groups == group
        mean, count = load[:, inside].mean(axis=1), int(inside.sum())
        if mean.sum() <= 1:
            continue  # the first replica does it
        beyond = np.array([program.column(price[position] * count, upper=mean[position]) for position in range(len(who))])
        program.at_most([*placed, *beyond, replicas], [*mean, *[-1.0] * len(who), -1.0])
        for position in range(len(who)):
            program.at_most([int(beyond[position]), int(placed[position])], [1.0, -mean[position]])
