"""The portfolio's optimum at size, in a process of its own: `python -m bench.portfolio`. The result is one line of JSON.

Here: a made-up organisation over a quarter, drawn from a seed, and the measurement. Not here: the report (`bench.__main__`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from bench.steps import peak_bytes
from models.economics.portfolio.inputs import Gate, Platform, Pool, Portfolio, PortfolioWorkload
from models.economics.portfolio.optimum import optimise

HOURS = 2190
POOLS = 12
SEED = 20260930


@dataclass(frozen=True)
class Solved:
    """How long the optimum took, and how near it is proven to be."""

    workloads: int
    hours: int
    seconds: float
    processor_seconds: float
    peak_bytes: int
    status: str
    gap: float
    all_api: float
    optimum: float
    self_hosted_workloads: int
    gpus: int


def organisation(workloads: int, seed: int, splits: bool, quantile: float) -> Portfolio:
    """Workloads of very different sizes, in three time zones, with working hours, noise and rare bursts; a tenth must be on one side."""
    draw = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    pools = tuple(
        Pool(f"pool-{number:02d}", *((2, 1), (1, 1), (8, 8), (2, 8))[number % 4], float(draw.uniform(1500, 4500)), 3600 * 0.8, 1, 1.25)
        for number in range(POOLS)
    )
    found = []
    for number in range(workloads):
        zone, day_share = int(draw.choice([0, 8, 16])), draw.uniform(0.2, 0.95)
        of_day, of_week = (hour + zone) % 24, ((hour + zone) // 24) % 7
        shape = (1 - day_share) + day_share * np.clip(np.sin((of_day - 6) / 14 * np.pi), 0, None) * np.where(of_week < 5, 1.0, 0.3)
        bursts = np.where(draw.random(HOURS) < 0.005, draw.uniform(2, 10), 1.0)
        work = 3600 * draw.lognormal(-1.5, 1.4) * shape * draw.lognormal(0, 0.25, HOURS) * bursts
        gate: Gate = "must_self_host" if number % 20 == 0 else "must_api" if number % 20 == 1 else "free"
        found.append(
            PortfolioWorkload(
                id=f"workload-{number:03d}",
                pool_id=pools[int(draw.integers(POOLS))].id,
                work_seconds=work,
                api_cost_monthly=float(work.sum() / 3600 / 3 * draw.lognormal(2.6, 0.7)),
                api_people_monthly=float(draw.uniform(0, 500)),
                gate=gate,
                may_split=splits,
            )
        )
    return Portfolio(tuple(found), pools, Platform(2.25 * 166_667 / 12, 0.25 * 280_000 / 12, 207_000 / 12), peak_quantile=quantile)


def main() -> None:
    """Solve once and say how it went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workloads", type=int, default=500)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--splits", action="store_true", help="every workload may burst to its API")
    parser.add_argument("--quantile", type=float, default=1.0, help="the hour that fleets are provisioned for")
    asked = parser.parse_args()
    portfolio = organisation(asked.workloads, asked.seed, asked.splits, asked.quantile)
    optimise(organisation(10, asked.seed, asked.splits, asked.quantile))  # what a process loads once
    start, processor_start = time.perf_counter(), time.process_time()
    result = optimise(portfolio)
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    all_api, optimum = (next(each for each in result.scenarios if each.name == name) for name in ("all_api", "optimum"))
    assert result.gap is not None
    assert all_api.cost_monthly is not None
    assert optimum.cost_monthly is not None
    solved = Solved(
        asked.workloads,
        HOURS,
        seconds,
        processor_seconds,
        peak_bytes(),
        result.status,
        result.gap,
        all_api.cost_monthly,
        optimum.cost_monthly,
        optimum.self_hosted_workloads or 0,
        int(optimum.gpus or 0),
    )
    sys.stdout.write(json.dumps(asdict(solved)) + "\n")


if __name__ == "__main__":
    main()
