"""What a decision costs: `python -m bench.decide WORKLOADS FOLDER` decides that many workloads with a year of hourly demand.

The frames are what the pipeline's SQL would hand over: made here once, kept as Parquet, read in the process that is measured, so that its peak
memory is that of reading and deciding. Four of five workloads run on an API, the others share pools of ten. The result is one line of JSON.
Not here: ingestion (`bench.steps`) and the portfolio.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.steps import peak_bytes
from models.config import Company
from models.economics.decision import DecisionInputs, decide

AS_OF = date(2026, 9, 30)
FIRST_HOUR, LAST_HOUR = datetime(2025, 10, 1), datetime(2026, 9, 30, 23)
INPUT, OUTPUT = 1155, 211
"""Tokens of one request (Azure 2023 traces)."""

_CHUNK = 100
_WORKLOADS_PER_POOL = 10
_REPLICAS, _BILL = 8, 46_000.0
_WORK_HOURS_PER_REQUEST = 0.112421 / 3600


def company(workloads: int) -> Company:
    """The configuration: everyone answered, everyone could go either way."""
    candidate = {"model": "llama-3.3-70b", "profile": "llama-3.3-70b-fp8-h100x2", "gpu_price": "lambda-h100", "quality": {"score": 0.98}}
    answers = {"frontier_required": False, "data_must_stay": False, "engineering_capability": True, "planned_life_months": 36}
    given: list[dict[str, Any]] = [
        {
            "id": _name(number),
            "placement": "self_host" if _pool(number, workloads) else "api",
            "match": [{"workload": _name(number)}],
            "candidates": {"self_host": candidate, "api": [{"provider": "openai", "model": "gpt-4o", "quality": {"score": 1.0}}]},
            "questions": answers,
            "migration": {"cost": 60000, "months": 1},
        }
        for number in range(workloads)
    ]
    pools = sorted({pool for number in range(workloads) if (pool := _pool(number, workloads))})
    return Company.model_validate(
        {
            "company": "Bench",
            "currency": "USD",
            "sources": [{"id": "log", "kind": "request_log", "path": "usage.csv"}],
            "workloads": given,
            "pools": [
                {"id": pool, "model": "llama", "profile": candidate["profile"], "replicas": _REPLICAS, "match": [{"pool": pool}]} for pool in pools
            ],
            "assumptions": {"api_operations": {"fte": 0.5, "loaded_annual": 166667}},
            "file": Path("crossover.yaml"),
            "root": Path(),
            "sha256": "0" * 64,
        }
    )


def _name(number: int) -> str:
    return f"workload-{number:04}"


def _pool(number: int, workloads: int) -> str | None:
    return f"pool-{number // _WORKLOADS_PER_POOL:03}" if number < workloads // 5 else None


def make(folder: Path, workloads: int) -> None:
    """Hourly usage of every workload, a hundred to a file; a file that is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    hours = pl.datetime_range(FIRST_HOUR, LAST_HOUR, "1h", time_unit="us", eager=True)
    for first in range(0, workloads, _CHUNK):
        file = folder / f"usage-{workloads}-{first:04}.parquet"
        if not file.exists():
            numbers = range(first, min(first + _CHUNK, workloads))
            pl.concat([_usage(number, workloads, hours) for number in numbers]).write_parquet(file)


def _usage(number: int, workloads: int, hours: pl.Series) -> pl.DataFrame:
    chance = np.random.default_rng(number)
    day = 1 + 0.5 * np.sin(np.arange(len(hours)) * 2 * np.pi / 24)
    requests = np.floor(10 ** chance.uniform(2, 5) * day * chance.lognormal(0, 0.2, len(hours)))
    pool = _pool(number, workloads)
    return pl.DataFrame({"usage_hour": hours, "requests": requests}).select(
        pl.lit(_name(number)).alias("workload_id"),
        "usage_hour",
        pl.lit("self_host" if pool else "api").alias("side"),
        pl.lit(pool, dtype=pl.String).alias("pool_id"),
        "requests",
        input_uncached_tokens=pl.col("requests") * INPUT,
        cache_read_tokens=pl.lit(0.0),
        cache_write_tokens=pl.lit(0.0),
        output_tokens=pl.col("requests") * OUTPUT,
        attention_tokens=pl.col("requests") * OUTPUT * (INPUT + OUTPUT / 2),
    )


def _inputs(folder: Path, workloads: int) -> DecisionInputs:
    files = [pl.read_parquet(file) for file in sorted(folder.glob(f"usage-{workloads}-*.parquet"))]
    by_month = pl.col("usage_hour").dt.date().dt.truncate("1mo").alias("month")
    # a workload is in one file: grouped at once, or read at once, they would take several times their memory
    months = pl.concat([file.group_by("workload_id", "side", "pool_id", by_month).agg(pl.col("requests").sum()) for file in files])
    usage = pl.concat(files, rechunk=False)
    flags = {"is_eligible": pl.lit(True), "quality_score": pl.lit(1.0), "is_frontier": pl.lit(False)}
    tokens = (pl.col("requests") * INPUT, pl.col("requests") * OUTPUT)
    offers = [
        months.select(
            "workload_id",
            "month",
            provider=pl.lit(provider),
            model=pl.lit(model),
            role=pl.when((pl.col("side") == "api") & (provider == "openai")).then(pl.lit("incumbent")).otherwise(pl.lit("candidate")),
            token_cost=(tokens[0] * into + tokens[1] * out) / 1e6,
            tokens=tokens[0] + tokens[1],
            **flags,
            price_basis=pl.lit("list"),
        )
        for provider, model, into, out in (("openai", "gpt-4o", 2.5, 10.0), ("groq", "llama-3.3-70b-versatile", 0.59, 0.79))
    ]
    shares = months.filter(side="self_host").select(
        "pool_id",
        "workload_id",
        "month",
        replica_hours_worked=pl.col("requests") * _WORK_HOURS_PER_REQUEST,
        work_share=pl.col("requests") / pl.col("requests").sum().over("pool_id", "month"),
    )
    hours = pl.col("month").dt.month_end().dt.day().cast(pl.Float64) * 24
    pools = shares.group_by("pool_id", "month").agg(pl.col("replica_hours_worked").sum()).sort("pool_id", "month")
    return DecisionInputs(
        company=company(workloads),
        as_of=AS_OF,
        seed=1,
        usage_hourly=usage,
        api_cost_monthly=pl.concat(offers),
        actual_cost_monthly=shares.select(
            "workload_id",
            "month",
            side=pl.lit("self_host"),
            cost_category=pl.lit("gpu_compute"),
            cost_basis=pl.lit("billed"),
            pool_id="pool_id",
            effective_cost=pl.col("work_share") * _BILL,
            in_unit_cost=pl.lit(True),
        ),
        pool_monthly=pools.with_columns(
            bill_cost=pl.lit(_BILL),
            replicas=pl.lit(float(_REPLICAS)),
            gpus=pl.lit(2.0 * _REPLICAS),
            covered_hours=hours,
            replica_hours_provisioned=hours * _REPLICAS,
            device_utilisation=pl.lit(None, dtype=pl.Float64),
        ),
        pool_workload_monthly=shares,
        vendor_cost_monthly=months.group_by("month").agg(effective_cost=pl.col("requests").sum()).with_columns(provider=pl.lit("openai")),
    )


def measure(folder: Path, workloads: int) -> dict[str, float]:
    """Seconds to decide, and the process's peak memory: the frames and all."""
    inputs = _inputs(folder, workloads)
    rows, start, processor = inputs.usage_hourly.height, time.perf_counter(), time.process_time()
    decide(inputs)
    return {
        "workloads": workloads,
        "rows": rows,
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - processor,
        "peak_bytes": peak_bytes(),
    }


def main() -> None:
    """Make the frames if they are missing, or measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--make", action="store_true", help="only make the frames")
    asked = parser.parse_args()
    if asked.make:
        make(asked.folder, asked.workloads)
        return
    sys.stdout.write(json.dumps(measure(asked.folder, asked.workloads)) + "\n")


if __name__ == "__main__":
    main()
