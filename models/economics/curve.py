"""Both sides of each month over a range of volumes: crossover_curve, crossover_intervals and crossover_priors.

Here: at which multiples of the measured volume the curve is drawn, the intervals in which self-hosting is cheaper, and the published prior of
the size class beside the result (economics 2.4, 2.5). Not here: the two cost functions and where they cross (crossover).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from models.config import Company, Workload
from models.economics.api_side import todays_tokens_per_task
from models.economics.capacity import Floats
from models.economics.crossover import SIZE_BANDS, ApiSide, SelfHostedSide, cheaper_intervals, size_class
from models.economics.crossover_tables import table
from models.economics.demand import API, SELF_HOST
from models.economics.months import Month, break_even

CROSSOVER_CURVE = {
    "month": pl.Date,
    "workload_id": pl.String,
    "volume_multiplier": pl.Float64,
    "tokens_per_day": pl.Float64,
    "api_cost_monthly": pl.Float64,
    "best_api_cost_monthly": pl.Float64,
    "self_host_cost_monthly": pl.Float64,
}
CROSSOVER_INTERVALS = {
    "month": pl.Date,
    "workload_id": pl.String,
    "position": pl.Int64,
    "volume_multiplier_from": pl.Float64,
    "volume_multiplier_to": pl.Float64,
    "tokens_per_day_from": pl.Float64,
    "tokens_per_day_to": pl.Float64,
}
CROSSOVER_PRIORS = {
    "month": pl.Date,
    "workload_id": pl.String,
    "size_class": pl.String,
    "parameters_billions": pl.Float64,
    "tokens_per_task_ratio": pl.Float64,
    "break_even_api_cost_monthly": pl.Float64,
    "prior_api_spend_usd_low": pl.Float64,
    "prior_api_spend_usd_high": pl.Float64,
    "against_prior": pl.String,
    "intervals": pl.Int64,
}

ANCHORS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Multiples of the measured volume at which every curve has a point."""

_EDGES_MAX, _CROSSINGS_MAX, INTERVALS_MAX = 12, 6, 40
"""Steps nearest to the measured volume and edges of intervals that a curve shows: at most 12 + 2 x 12 + 2 x 6 points. Intervals kept of a month."""

_EDGES_WITHIN = (0.05, 20.0)
"""Multiples of the measured volume beyond which a step is too far off to be drawn."""

_EDGE_WINDOW = 200
"""Replicas below and above the measured need among which the nearest steps are looked for."""

_BEYOND = 1e-6
"""How far beyond a step's edge its next point lies, in replicas: more than the binary dust that a need is forgiven."""


def curve_multipliers(side: SelfHostedSide | None, api: ApiSide | None) -> Floats:
    """The volumes at which a month's curve is drawn, as ascending multiples of the measured one: at most 48.

    The anchors; both ends of the steps nearest to the measured volume; both sides of the crossings nearest to it, V_robust always among them.
    """
    points = list(ANCHORS)
    if side is not None and side.capacity.load > 0:
        points += _step_edges(side)
        if api is not None:
            points += _around_crossings(side, api)
    return np.unique(np.array(points))


def _step_edges(side: SelfHostedSide) -> list[float]:
    """The last point of each step near v = 1 and the first of the next; only where the cost does step up."""
    load = side.capacity.load
    needs = side.capacity.tops(max(0, side.capacity.tread(load) - _EDGE_WINDOW) + np.arange(2.0 * _EDGE_WINDOW))
    needs = needs[(needs >= load * _EDGES_WITHIN[0]) & (needs <= load * _EDGES_WITHIN[1])]
    needs = needs[side.capacity.capacity_cost(needs + _BEYOND) > side.capacity.capacity_cost(needs)]
    edges = sorted(needs.tolist(), key=lambda need: abs(math.log(need / load)))[:_EDGES_MAX]
    return [point for need in edges for point in (need / load, (need + _BEYOND) / load)]


def _around_crossings(side: SelfHostedSide, api: ApiSide) -> list[float]:
    load = side.capacity.load
    intervals = cheaper_intervals(side, api)
    starts = [point for start, _ in intervals if start > 0 for point in (_just_before(side, start), start)]
    stops = [stop + beyond / load for _, stop in intervals for beyond in (0.0, _BEYOND) if 0 < stop < math.inf]
    nearest = sorted(starts[:-2] + stops, key=lambda point: abs(math.log(point))) if starts or stops else []
    return starts[-2:] + nearest[: 2 * _CROSSINGS_MAX - 2]


def _just_before(side: SelfHostedSide, start: float) -> float:
    """A point on the same step, where self-hosting is still dearer."""
    load = side.capacity.load
    need = start * load
    tread = side.capacity.tread(need)
    edge = side.capacity.top(tread - 1) if tread else 0.0
    return max(start * (1 - 1e-6), (edge + need) / 2 / load)


def _incumbent(month: Month) -> ApiSide | None:
    """What crossover_monthly calls api_cost_monthly, as a function of volume."""
    return month.api.paid if API in month.demand.sides and month.placement != SELF_HOST else month.api.best_side


def crossover_curve(months: dict[str, list[Month]]) -> pl.DataFrame:
    """One row per month, workload and volume; a side that nobody knows is null, a month of which no side is known has no curve."""
    columns: dict[str, list[Any]] = {name: [] for name in CROSSOVER_CURVE}
    lengths: list[int] = []
    drawn: list[Month] = []
    for owned in months.values():
        for month in owned:
            side, best, incumbent = month.self_hosted.side, month.api.best_side, _incumbent(month)
            if side is None and best is None and incumbent is None:
                continue
            volumes = curve_multipliers(side, best)
            nothing = np.full(volumes.size, np.nan)
            drawn.append(month)
            lengths.append(volumes.size)
            columns["volume_multiplier"].append(volumes)
            columns["tokens_per_day"].append(volumes * (month.demand.tokens / month.demand.coverage.days))
            for name, line in (("api_cost_monthly", incumbent), ("best_api_cost_monthly", best)):
                columns[name].append(nothing if line is None else line.token_cost * volumes + line.people + line.other)
            cost = nothing if side is None else side.capacity.capacity_cost(side.capacity.load * volumes) + side.people + side.other
            columns["self_host_cost_monthly"].append(cost)
    if not drawn:
        return table([], CROSSOVER_CURVE, ["month", "workload_id", "volume_multiplier"])
    repeats = pl.Series(lengths)
    owners = pl.select(
        month=pl.Series([month.month for month in drawn], dtype=pl.Date).repeat_by(repeats).explode(),
        workload_id=pl.Series([month.workload_id for month in drawn]).repeat_by(repeats).explode(),
    )
    measures = [pl.Series(name, np.concatenate(columns[name])) for name in CROSSOVER_CURVE if columns[name]]
    finite = [pl.when(pl.col(each.name).is_finite()).then(pl.col(each.name)).alias(each.name) for each in measures]
    return owners.with_columns(measures).with_columns(finite).sort("month", "workload_id", "volume_multiplier")


def crossover_intervals(months: dict[str, list[Month]]) -> pl.DataFrame:
    """One row per month, workload and interval of volumes in which self-hosting costs no more than the best API; the last one may be open.

    Of more than INTERVALS_MAX intervals the first ones and the last are kept; crossover_priors counts them all.
    """
    rows = []
    for owned in months.values():
        for month in owned:
            tokens = month.demand.tokens / month.demand.coverage.days
            found = list(enumerate(_intervals(month), start=1))
            for position, (start, stop) in found[: INTERVALS_MAX - 1] + found[INTERVALS_MAX - 1 :][-1:]:
                rows.append(
                    {
                        "month": month.month,
                        "workload_id": month.workload_id,
                        "position": position,
                        "volume_multiplier_from": start,
                        "volume_multiplier_to": stop if math.isfinite(stop) else None,
                        "tokens_per_day_from": start * tokens,
                        "tokens_per_day_to": stop * tokens if math.isfinite(stop) else None,
                    }
                )
    return table(rows, CROSSOVER_INTERVALS, ["month", "workload_id", "position"])


def _intervals(month: Month) -> list[tuple[float, float]]:
    side, api = month.self_hosted.side, month.api.best_side
    return cheaper_intervals(side, api) if side is not None and api is not None and side.capacity.load > 0 else []


def crossover_priors(company: Company, months: dict[str, list[Month]]) -> pl.DataFrame:
    """One row per month and workload with both sides known: the break-even beside the size class's prior (2.4), and kappa (2.5)."""
    parameters = {profile.id: profile.parameters_billions for profile in company.assumptions.profiles}
    rows = []
    for workload in company.workloads:
        candidate = workload.candidates.self_host
        billions = parameters.get(candidate.profile) if candidate else None
        name = workload.size_class or (size_class(billions) if billions is not None else None)
        low, high = next((prior for band, _, prior in SIZE_BANDS if band == name), (None, None))
        for month in months.get(workload.id, []):
            if month.self_hosted.side is None or month.api.best_side is None:
                continue
            meets = break_even(month).api_cost_monthly
            rows.append(
                {
                    "month": month.month,
                    "workload_id": workload.id,
                    "size_class": name,
                    "parameters_billions": billions,
                    "tokens_per_task_ratio": _kappa(workload),
                    "break_even_api_cost_monthly": meets,
                    "prior_api_spend_usd_low": low,
                    "prior_api_spend_usd_high": high,
                    "against_prior": _against(meets, low, high) if company.currency == "USD" and month.demand.coverage.is_complete else None,
                    "intervals": len(_intervals(month)),
                }
            )
    return table(rows, CROSSOVER_PRIORS, ["month", "workload_id"])


def _kappa(workload: Workload) -> float | None:
    """Tokens of the self-hosted candidate per token of today's API model for the same completed task (2.5)."""
    candidate = workload.candidates.self_host
    return float(candidate.tokens_per_task) / todays_tokens_per_task(workload) if candidate else None


def _against(break_even_spend: float | None, low: float | None, high: float | None) -> str | None:
    if break_even_spend is None or low is None or high is None:
        return None
    return "below" if break_even_spend < low else "above" if break_even_spend > high else "within"
