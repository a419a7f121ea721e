"""How much volume lies ahead: a log-linear trend over the last weeks, with its 80 % bounds.

Here: formula 2.14's forecast as growth g_t, which the net present value of a move multiplies volume with (2.9). Section 3 keeps money, and with
it saving and payback, at the mean of the last complete months; so the forecast binds through the NPV alone. A move to self-hosting takes the
lower bound, a move to an API the upper one: neither is made on hope. Not here: what a volume costs (crossover, split).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.economics.capacity import Floats
from models.economics.demand import UsageHistory

MONTHS_AHEAD = 3
"""The trend is followed for so many months and flat after that (economics 2.14)."""

_WEEKS_PER_MONTH = 365.25 / 12 / 7

_T_90 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372)
"""Student's t, quantile 0.90 for 1 to 10 degrees of freedom: 80 % lie between it and its negative. 90 days have 12 whole weeks, so 10 at most."""

_LOG_BOUND = 20.0
"""No trend is followed beyond e^20 times today's volume, or below its inverse: a bound for what a few wild weeks make of it."""

Path = tuple[float, ...]


@dataclass(frozen=True)
class Forecast:
    """Volume of each month ahead / mean volume of the months that money is the mean of; the last one stands for all later months."""

    low: Path
    middle: Path
    high: Path


FLAT = Forecast((1.0,), (1.0,), (1.0,))
"""The months ahead are like those behind."""


def growth(path: Path, month: int) -> float:
    """g_t of the month, counted from 1."""
    return path[min(month, len(path)) - 1]


def weekly_totals(history: UsageHistory, until: date) -> Floats:
    """Tokens of the whole weeks within the last 90 days up to that day, oldest first."""
    daily = history.daily_tokens(until)
    weeks = daily.size // 7
    totals: Floats = daily[daily.size - 7 * weeks :].reshape(weeks, 7).sum(axis=1)
    return totals


def forecast(weekly: Floats, weekly_mean: float) -> Forecast | None:
    """The growth ahead of weekly totals, relative to `weekly_mean`; None where fewer than three weeks had usage or nothing was used.

    log(total) = a + b x week by least squares; the bounds are those of the 80 % prediction interval. A week without usage has no logarithm:
    the trend is of the others, and counts for their share of the weeks.
    """
    used = np.flatnonzero(weekly > 0)
    if used.size < 3 or weekly_mean <= 0:
        return None
    weeks, logs = used.astype(np.float64), np.log(weekly[used])
    centre, mean = float(weeks.mean()), float(logs.mean())
    spread = float(((weeks - centre) ** 2).sum())
    slope = float(((weeks - centre) * (logs - mean)).sum()) / spread
    freedom = used.size - 2
    error = math.sqrt(float(((logs - mean - slope * (weeks - centre)) ** 2).sum()) / freedom)
    base = math.log(weekly_mean) - math.log(used.size / weekly.size)
    ahead = weekly.size - 0.5 + (np.arange(MONTHS_AHEAD) + 0.5) * _WEEKS_PER_MONTH  # the middle of each month; a week's is its number
    middle = mean + slope * (ahead - centre) - base
    width = _T_90[min(freedom, len(_T_90)) - 1] * error * np.sqrt(1 + 1 / used.size + (ahead - centre) ** 2 / spread)
    return Forecast(_path(middle - width), _path(middle), _path(middle + width))


def _path(logs: Iterable[float]) -> Path:
    return tuple(math.exp(min(max(each, -_LOG_BOUND), _LOG_BOUND)) for each in logs)
