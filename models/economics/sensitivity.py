"""How a recommendation hangs on each input: decision_sensitivity, a tornado with the value at which each input flips it (economics 2.10).

Here: one input at a time: the tested saving at its low and high, and by bisection the value at which rule 8's tests of the alternative turn.
Not here: the tests as functions of an input (tested), the inputs themselves and several at once (scenarios).
The alternative is all of the other side: self-hosting for what runs on an API or on both, the best API for what is self-hosted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.comparison import Comparison
from models.economics.crossover import Factors
from models.economics.months import Month
from models.economics.placement import Thresholds, first_failed_test
from models.economics.scenarios import REACH, SPARE_MAX, TODAY, Input
from models.economics.tested import LINEAR, Tested, Tests, tested_month
from models.economics.uncertainty import DRAWS

DECISION_SENSITIVITY = {
    "quarter": pl.String,
    "workload_id": pl.String,
    "input": pl.String,
    "alternative": pl.String,
    "unit": pl.String,
    "low": pl.Float64,
    "base": pl.Float64,
    "high": pl.Float64,
    "saving_low": pl.Float64,
    "saving_base": pl.Float64,
    "saving_high": pl.Float64,
    "passes": pl.Boolean,
    "flip_value": pl.Float64,
    "reason": pl.String,
}

_VOLUME_STEPS = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, REACH)
"""Volume is the one input along which a saving rises and falls with the steps, so its nearest flip is looked for between these multiples."""

_BISECTIONS_MAX = 60
_EXACT, _CLOSE = 1e-9, 1e-4
"""How near a flip is found, relative: where arithmetic decides it, and where the odds through the steps do."""


def _bisect(holds: Callable[[float], bool], good: float, bad: float) -> tuple[float, float]:
    """A value that holds and one that does not, next to each other."""
    for _ in range(_BISECTIONS_MAX):
        if abs(good - bad) <= _EXACT * max(abs(good), abs(bad)):
            break
        middle = (good + bad) / 2
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return good, bad


def _where_odds_turn(margin: Callable[[float], float], good: float, bad: float) -> float:
    """Where the odds fall below what is asked for: false position with halved weights (Illinois), as every draw of a fleet costs time."""
    above, below, kept = margin(good), margin(bad), 0
    for _ in range(_BISECTIONS_MAX):
        if abs(good - bad) <= _CLOSE * max(abs(good), abs(bad)) or above < 1 / DRAWS:
            break
        share = min(max(above / (above - below), 0.02), 0.98)
        middle = good + share * (bad - good)
        found = margin(middle)
        if found >= 0:
            good, above, below = middle, found, below / 2 if kept > 0 else below
            kept = 1
        else:
            bad, below, above = middle, found, above / 2 if kept < 0 else above
            kept = -1
    return (good + bad) / 2 if abs(good - bad) <= _CLOSE * max(abs(good), abs(bad)) else good


def _turn(tests: Tests, good: float, bad: float) -> float:
    """Between a factor that passes and one that fails, where it turns. The odds are drawn only where arithmetic does not decide it."""
    if not tests.holds(bad):
        passing, failing = _bisect(tests.holds, good, bad)
        if tests.odds_margin(passing) >= 0:
            return (passing + failing) / 2
        bad = passing
    return _where_odds_turn(tests.odds_margin, good, bad)


def _nearest_turn(tests: Tests, is_passing: bool, ways: Sequence[Sequence[float]]) -> float | None:
    """The factor nearest to 1 at which the tests turn, along each way from 1 outwards."""
    found = []
    for way in ways:
        for inside, outside in pairwise(way):
            if tests.passes(outside) != is_passing:
                found.append(_turn(tests, *((inside, outside) if is_passing else (outside, inside))))
                break
    return min(found, key=lambda factor: abs(math.log(max(factor, 1e-300))), default=None)


def _flips(tested: Tested, found: Sequence[Input], is_passing: bool) -> dict[str, float]:
    """By input, the nearest value at which the alternative's tests turn. Inputs of one field turn at one factor."""
    factors: dict[str, float | None] = {}
    flips = {}
    for each in found:
        if each.base <= 0 and each.field != "spare_replicas":
            continue
        tests = tested.along(each.field)
        if each.field == "spare_replicas":
            counts = sorted(range(int(SPARE_MAX) + 1), key=lambda count: (abs(count - each.base), count))
            flip = next((float(count) for count in counts if tests.passes(count - each.base) != is_passing), None)
        else:
            if each.field not in factors:
                steps = _VOLUME_STEPS if each.field == "volume" else (1.0, REACH)
                downwards = [1.0, 0.0] if each.field in LINEAR else [1 / step for step in steps]
                factors[each.field] = _nearest_turn(tests, is_passing, (downwards, steps))
            factor = factors[each.field]
            flip = each.value(factor) if factor is not None and factor > 0 else None
        if flip is not None and each.bounds[0] <= flip <= each.bounds[1]:
            flips[each.name] = flip
    return flips


def sensitivity_rows(
    company: Company,
    workload: Workload,
    inputs: Sequence[Input],
    placement: str,
    asked: Sequence[Month | None],
    comparison: Comparison,
    thresholds: Thresholds,
    factors: Factors,
    key: dict[str, Any],
) -> list[dict[str, Any]]:
    """One row per input; none where a month asked for had no usage or an unknown cost.

    asked: the months of comparison.savings_monthly, oldest first; None where there was no usage. flip_value is null with its reason:
    no_effect (today it is 0), never (no value within its bounds turns the tests), or the test that fails whatever this input is (capacity).
    """
    months = [month for month in asked if month is not None]
    parts = [each for month in months if (each := tested_month(month, placement)) is not None]
    if not parts or len(parts) < len(asked) or len(parts) < thresholds.persistence_months:
        return []
    tested = Tested(company, workload, parts, comparison, thresholds, factors)
    failed, outlay = first_failed_test(comparison, thresholds), comparison.switching_cost
    by_outlay = tested.along_outlay()
    is_passing = by_outlay.passes(outlay)
    blocked = failed if is_passing != (failed is None) else None
    flips = {} if blocked else _flips(tested, inputs, is_passing)
    base = tested.saving(TODAY)
    if not blocked:
        for towards in (0.0, REACH * max(outlay, abs(base), 1.0)):
            if by_outlay.passes(towards) != is_passing:
                flips["migration_cost"] = _turn(by_outlay, *((outlay, towards) if is_passing else (towards, outlay)))
    migration = Input("migration_cost", company.currency, outlay, None, None, "", (0.0, math.inf))
    return [
        {
            **key,
            "input": each.name,
            "alternative": comparison.alternative,
            "unit": each.unit,
            "low": each.low,
            "base": each.base,
            "high": each.high,
            "saving_low": base if each.low is None else tested.saving(each.change(each.low)),
            "saving_base": base,
            "saving_high": base if each.high is None else tested.saving(each.change(each.high)),
            "passes": failed is None,
            "flip_value": flips.get(each.name),
            "reason": None if each.name in flips else blocked or ("no_effect" if each.base == 0 and each.name in LINEAR else "never"),
        }
        for each in (*inputs, migration)
    ]
