"""The value of money over time: payback, NPV, capital recovery, the dead band of a switch.

Here: formulas 2.8, 2.9 and 2.11's dead band, and people's loaded cost (2.16). Not here: which costs go in, and what is decided with them.
A payback that never comes is None, not infinity. All amounts are in one currency; rates are per year unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

HOURS_PER_MONTH = 730
HOURS_PER_YEAR = 8760


def monthly_rate(discount_rate: float) -> float:
    """r_m = (1 + r)^(1/12) - 1: 15 % a year is 0.0117149 a month."""
    return math.expm1(math.log1p(discount_rate) / 12)


def _annuity_factor(discount_rate: float, months: int) -> float:
    """What a month costs to pay back 1 over `months`: r_m / (1 - (1 + r_m)^-n), at no interest 1 / n."""
    rate = monthly_rate(discount_rate)
    return 1 / months if rate == 0 else rate / -math.expm1(-months * math.log1p(rate))


def payback_months(outlay: float, saving_monthly: float) -> float | None:
    """Simple payback n = M / S; None where nothing is saved."""
    return outlay / saving_monthly if saving_monthly > 0 else None


def payback_months_discounted(outlay: float, saving_monthly: float, discount_rate: float) -> float | None:
    """n = -ln(1 - r_m M / S) / ln(1 + r_m); None where the saving never earns the outlay's interest (r_m M >= S)."""
    simple = payback_months(outlay, saving_monthly)
    rate = monthly_rate(discount_rate)
    if simple is None or rate * simple == 0:
        return simple
    if rate * simple >= 1:
        return None
    return -math.log1p(-rate * simple) / math.log1p(rate)


def net_present_value(outlay: float, savings: Iterable[tuple[int, float]], discount_rate: float) -> float:
    """NPV = -M + sum of S_t / (1 + r_m)^t over (t in months from now, S_t)."""
    growth = math.log1p(monthly_rate(discount_rate))
    return math.fsum([-outlay, *(saving * math.exp(-month * growth) for month, saving in savings)])


def capital_recovery_monthly(price: float, months: int, discount_rate: float, residual: float = 0.0) -> float:
    """Decision view of an owned machine: A = P r_m / (1 - (1 + r_m)^-n), with P less what the machine still fetches at its end, discounted."""
    end = math.exp(-months * math.log1p(monthly_rate(discount_rate)))
    return (price - residual * end) * _annuity_factor(discount_rate, months)


def straight_line_monthly(price: float, months: int, residual: float = 0.0) -> float:
    """Book view of an owned machine."""
    return (price - residual) / months


def power_cost(power_kw: float, pue: float, hours: float, price_per_kwh: float) -> float:
    """kW x PUE x hours x price per kWh."""
    return power_kw * pue * hours * price_per_kwh


def dead_band_monthly(switching_cost: float, discount_rate: float, months: int) -> float:
    """The saving per month below which a switch does not earn its cost back within `months` (2.11): M r_m / (1 - (1 + r_m)^-H)."""
    return switching_cost * _annuity_factor(discount_rate, months)


def loaded_annual(base_annual: float, burden: float) -> float:
    """What a person costs a year with the employer's burden on top (2.16)."""
    return base_annual * (1 + burden)


def people_monthly(fte: float, annual_loaded: float) -> float:
    """Monthly cost of `fte` people (2.16)."""
    return fte * annual_loaded / 12
