"""Small companies and frames to decide on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from models.config import Company
from models.economics.decision import DecisionInputs

ANSWERED = {
    "frontier_required": False,
    "data_must_stay": False,
    "engineering_capability": True,
    "fine_tuning_required": False,
    "sla": {"p99_latency_ms": 1500, "availability_pct": 99},
    "planned_life_months": 36,
}
SELF_HOST = {"model": "llama", "profile": "two", "gpu_price": "h100", "quality": {"score": 0.98}}
GPT = {"provider": "openai", "model": "gpt-4o", "quality": {"score": 1.0}}
ASSUMPTIONS: dict[str, Any] = {
    "peak": {"quantile": 0.99, "burst_factor": 1.0},
    "staffing": {"fte": 0.25, "loaded_annual": 280000},
    "api_operations": {"fte": 0, "loaded_annual": 0},
    "api_price_erosion": 0,
    "overheads_annual": dict.fromkeys(
        ["compliance_security", "observability", "model_updates", "capacity_planning", "fine_tuning", "storage_network"], 0
    ),
    "gpu_prices": [{"id": "h100", "gpu": "H100", "price_per_gpu_hour": "3.99", "gpus_per_instance": 1}],
    "profiles": [
        {
            "id": "two",
            "model": "llama",
            "gpu": "H100",
            "gpus_per_replica": 2,
            "prefill_tokens_per_second": 14571.34,
            "decode_tokens_per_second": 14089.74,
            "context_seconds": 6.8357e-8,
        }
    ],
}

INPUT, OUTPUT = 1155, 211
"""Tokens of one request of the worked example (economics 2.1)."""

API_COLUMNS = {
    "workload_id": pl.String,
    "month": pl.Date,
    "provider": pl.String,
    "model": pl.String,
    "role": pl.String,
    "token_cost": pl.Float64,
    "is_eligible": pl.Boolean,
    "quality_score": pl.Float64,
    "is_frontier": pl.Boolean,
    "price_basis": pl.String,
    "tokens": pl.Float64,
}
ACTUAL_COLUMNS = {
    "workload_id": pl.String,
    "month": pl.Date,
    "side": pl.String,
    "cost_category": pl.String,
    "cost_basis": pl.String,
    "pool_id": pl.String,
    "effective_cost": pl.Float64,
    "in_unit_cost": pl.Boolean,
}
POOL_COLUMNS = {
    "pool_id": pl.String,
    "month": pl.Date,
    "bill_cost": pl.Float64,
    "replicas": pl.Float64,
    "gpus": pl.Float64,
    "covered_hours": pl.Float64,
    "replica_hours_provisioned": pl.Float64,
    "replica_hours_worked": pl.Float64,
    "device_utilisation": pl.Float64,
}
SHARE_COLUMNS = {"pool_id": pl.String, "workload_id": pl.String, "month": pl.Date, "replica_hours_worked": pl.Float64, "work_share": pl.Float64}
VENDOR_COLUMNS = {"month": pl.Date, "provider": pl.String, "effective_cost": pl.Float64}


def workload(workload_id: str, placement: str = "api", **more: Any) -> dict[str, Any]:
    """An answered workload that could go either way."""
    return {
        "id": workload_id,
        "owner": f"team-{workload_id}",
        "placement": placement,
        "match": [{"workload": workload_id}],
        "candidates": {"self_host": SELF_HOST, "api": [GPT]},
        "questions": ANSWERED,
        "migration": {"cost": 60000, "months": 1},
        **more,
    }


def company(workloads: list[dict[str, Any]], pools: list[dict[str, Any]] | None = None, starts: int = 1, **assumptions: Any) -> Company:
    """A valid configuration around these workloads."""
    return Company.model_validate(
        {
            "company": "Small",
            "currency": "USD",
            "fiscal_year_starts": starts,
            "sources": [{"id": "log", "kind": "request_log", "path": "usage.csv"}],
            "workloads": workloads,
            "pools": pools or [],
            "assumptions": {**ASSUMPTIONS, **assumptions},
            "file": Path("crossover.yaml"),
            "root": Path(),
            "sha256": "0" * 64,
        }
    )


def usage(workload_id: str, requests_per_hour: float, first: date, last: date, pool: str | None = None, hours: range = range(8, 20)) -> pl.DataFrame:
    """The same requests in each of these hours of every day."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    stamps = [datetime(day.year, day.month, day.day, hour) for day in days for hour in hours]
    return pl.DataFrame({"usage_hour": stamps}, schema={"usage_hour": pl.Datetime("us")}).select(
        pl.lit(workload_id).alias("workload_id"),
        "usage_hour",
        pl.lit("self_host" if pool else "api").alias("side"),
        pl.lit(pool, dtype=pl.String).alias("pool_id"),
        pl.lit(float(requests_per_hour)).alias("requests"),
        pl.lit(float(requests_per_hour * INPUT)).alias("input_uncached_tokens"),
        pl.lit(0.0).alias("cache_read_tokens"),
        pl.lit(0.0).alias("cache_write_tokens"),
        pl.lit(float(requests_per_hour * OUTPUT)).alias("output_tokens"),
        pl.lit(requests_per_hour * OUTPUT * (INPUT + OUTPUT / 2)).alias("attention_tokens"),
    )


def priced(used: pl.DataFrame, provider: str, model: str, price_in: float, price_out: float, role: str = "candidate", **more: Any) -> pl.DataFrame:
    """All tokens of the usage at these prices per million, by workload and month."""
    flags = {"is_eligible": True, "quality_score": 1.0, "is_frontier": False, "price_basis": "paid" if role == "incumbent" else "list", **more}
    return (
        used.group_by("workload_id", pl.col("usage_hour").dt.date().dt.truncate("1mo").alias("month"))
        .agg(
            token_cost=(pl.col("input_uncached_tokens").sum() * price_in + pl.col("output_tokens").sum() * price_out) / 1e6,
            tokens=pl.col("input_uncached_tokens").sum() + pl.col("output_tokens").sum(),
        )
        .with_columns(
            *(pl.lit(value).alias(name) for name, value in flags.items()),
            pl.lit(provider).alias("provider"),
            pl.lit(model).alias("model"),
            pl.lit(role).alias("role"),
        )
        .select(list(API_COLUMNS))
        .sort("workload_id", "month")
    )


def frame(rows: list[dict[str, Any]], columns: dict[str, Any]) -> pl.DataFrame:
    """Rows as one of the input frames."""
    return pl.DataFrame(rows, schema=columns, orient="row")


def inputs(
    configured: Company,
    as_of: date,
    used: list[pl.DataFrame],
    prices: list[pl.DataFrame] | None = None,
    actual: pl.DataFrame | None = None,
    pools: pl.DataFrame | None = None,
    shares: pl.DataFrame | None = None,
) -> DecisionInputs:
    """Inputs from what there is; the rest is empty."""
    empty = usage("none", 0, date(2026, 1, 1), date(2026, 1, 1)).clear()
    return DecisionInputs(
        company=configured,
        as_of=as_of,
        seed=7,
        usage_hourly=pl.concat([empty, *used]),
        api_cost_monthly=pl.concat([frame([], API_COLUMNS), *(prices or [])]),
        actual_cost_monthly=frame([], ACTUAL_COLUMNS) if actual is None else actual,
        pool_monthly=frame([], POOL_COLUMNS) if pools is None else pools,
        pool_workload_monthly=frame([], SHARE_COLUMNS) if shares is None else shares,
        vendor_cost_monthly=frame([], VENDOR_COLUMNS),
    )


def row(table: pl.DataFrame, **keys: Any) -> dict[str, Any]:
    """The one row with these keys."""
    return table.row(by_predicate=pl.all_horizontal(pl.col(name) == value for name, value in keys.items()), named=True)
