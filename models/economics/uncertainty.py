"""How sure a comparison is: seeded draws through both sides' cost functions.

Here: formula 2.10's Monte Carlo and the closed form that tests its arithmetic. Not here: the cost functions (crossover).
The draws depend on the seed alone, so every workload and every month meets the same ones: common random numbers, in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from models.economics.capacity import Floats
from models.economics.crossover import Factors

DRAWS = 10_000

_LATTICE = 1.2207440846057596
"""The root of x^4 = x + 1: what the golden ratio is to one dimension, its powers are to three (Roberts' R sequence)."""


@dataclass(frozen=True)
class Spread:
    """Lognormal sigmas of the median-1 factors."""

    volume: float
    throughput: float
    people: float


@dataclass(frozen=True)
class Odds:
    """How often something is saved, and the saving's 5th, 50th and 95th percentile."""

    probability: float
    saving_p5: float
    saving_p50: float
    saving_p95: float


@lru_cache(maxsize=4)
def standard_normals(seed: int) -> Floats:
    """Standard normal draws (three factors x DRAWS): a lattice that fills the cube evenly, shifted at random by the seed.

    Evenness takes nearly all the noise out of a probability, which at 10,000 independent draws would still be 0.004.
    """
    shift = np.random.default_rng(seed).random((3, 1))
    uniform = (shift + np.arange(DRAWS) / _LATTICE ** np.array([[1.0], [2.0], [3.0]])) % 1.0
    quantile = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
    normals: Floats = quantile(np.clip(uniform, 1e-12, 1 - 1e-12))
    normals.flags.writeable = False
    return normals


def draw_factors(seed: int, spread: Spread) -> Factors:
    """Volume on API cost and on work, 1/throughput on work, people on all people cost."""
    volume, throughput, people = standard_normals(seed)
    volume_factor = np.exp(spread.volume * volume)
    return Factors(volume=volume_factor, work=volume_factor * np.exp(-spread.throughput * throughput), people=np.exp(spread.people * people))


def probability(savings: Floats) -> float:
    """How often something is saved."""
    return np.count_nonzero(savings > 0) / savings.size


def odds(savings: Floats) -> Odds:
    """Odds of a saving from its draws."""
    low, middle, high = (float(value) for value in np.quantile(savings, (0.05, 0.5, 0.95)))
    return Odds(probability(savings), low, middle, high)


def probability_closed_form(ratio: float, spread: Spread) -> float:
    """P = Phi(ln R / sigma) with R = API / SELF lognormal: the odds without steps, each factor on the whole of its side."""
    sigma = math.sqrt(spread.volume**2 + spread.throughput**2 + spread.people**2)
    if sigma == 0:
        return 1.0 if ratio > 1 else 0.0
    return NormalDist().cdf(math.log(ratio) / sigma)


def ratio_for_probability(probability: float, spread: Spread) -> float:
    """The R at which the closed form gives this probability."""
    sigma = math.sqrt(spread.volume**2 + spread.throughput**2 + spread.people**2)
    return math.exp(NormalDist().inv_cdf(probability) * sigma)
