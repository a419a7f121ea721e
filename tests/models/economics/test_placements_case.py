"""The company of the placements case, decided from frames built here: the numbers were computed by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from models.config import load_company
from models.economics.decision import DecisionInputs, DecisionOutputs, decide

CASE = Path(__file__).resolve().parents[3] / "../shared/cases/placements"
pytestmark = pytest.mark.skipif(not CASE.exists(), reason="the case is not beside this repository")

MONTH = pl.col("day").dt.truncate("1mo").alias("month")
TABLES = ("crossover_monthly", "placement_recommendations", "placement_questions", "red_flags")


def _checks() -> list[dict[str, Any]]:
    checks = json.loads((CASE / "expected.json").read_text())["checks"] if CASE.exists() else []
    return [check for check in checks if any(f"from {table}" in check["sql"] for table in TABLES)]


@pytest.fixture(scope="module")
def decided() -> DecisionOutputs:
    company = load_company(CASE / "crossover.yaml", {})
    used = (
        pl.read_csv(CASE / "usage.csv", try_parse_dates=False)
        .with_columns(pl.col("hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us"), pl.col("pool").replace("", None))
        .select(
            pl.col("workload").alias("workload_id"),
            pl.col("hour").alias("usage_hour"),
            pl.when(pl.col("pool").is_null()).then(pl.lit("api")).otherwise(pl.lit("self_host")).alias("side"),
            pl.col("pool").alias("pool_id"),
            pl.col("requests").cast(pl.Float64),
            pl.col("input_tokens").cast(pl.Float64).alias("input_uncached_tokens"),
            pl.lit(0.0).alias("cache_read_tokens"),
            pl.lit(0.0).alias("cache_write_tokens"),
            pl.col("output_tokens").cast(pl.Float64),
            (pl.col("output_tokens") * (pl.col("input_tokens") + pl.col("output_tokens") / 2) / pl.col("requests")).alias("attention_tokens"),
        )
    )
    monthly = (
        used.with_columns(day=pl.col("usage_hour").dt.date())
        .group_by("workload_id", MONTH, "side", "pool_id")
        .agg(
            token_cost=(pl.col("input_uncached_tokens").sum() * 2.5 + pl.col("output_tokens").sum() * 10) / 1e6,
            tokens=pl.col("input_uncached_tokens").sum() + pl.col("output_tokens").sum(),
            worked=(
                pl.col("input_uncached_tokens").sum() / 14571.34
                + pl.col("output_tokens").sum() / 14089.74
                + 6.8357e-8 * pl.col("attention_tokens").sum()
            )
            / 3600,
        )
    )
    is_pool = pl.col("side") == "self_host"
    priced = monthly.select(
        "workload_id",
        "month",
        pl.lit("openai").alias("provider"),
        pl.lit("gpt-4o").alias("model"),
        pl.when(is_pool).then(pl.lit("candidate")).otherwise(pl.lit("incumbent")).alias("role"),
        "token_cost",
        "tokens",
        pl.lit(True).alias("is_eligible"),
        pl.lit(1.0).alias("quality_score"),
        pl.lit(False).alias("is_frontier"),
        pl.when(is_pool).then(pl.lit("list")).otherwise(pl.lit("paid")).alias("price_basis"),
    )
    bill = (
        pl.read_csv(CASE / "invoices.csv")
        .with_columns(day=pl.col("start").str.head(10).str.to_date())
        .group_by(pl.col("pool").alias("pool_id"), MONTH)
        .agg(pl.col("amount").sum().alias("bill_cost"), pl.col("quantity").sum().alias("gpu_hours"))
        .join(monthly.filter(is_pool), on=["pool_id", "month"])
        .with_columns(hours=pl.col("gpu_hours") / 2.0)
    )
    costs = [
        bill.select("workload_id", "month", "pool_id", cost_category=pl.lit("gpu_compute"), effective_cost=pl.col("bill_cost")),
        bill.select("workload_id", "month", "pool_id", cost_category=pl.lit("engineering_operations"), effective_cost=pl.lit(0.25 * 280000 / 12)),
    ]
    actual = pl.concat(costs).with_columns(
        side=pl.lit("self_host"),
        in_unit_cost=pl.lit(True),
        cost_basis=pl.when(pl.col("cost_category") == "gpu_compute").then(pl.lit("billed")).otherwise(pl.lit("people")),
    )
    return decide(
        DecisionInputs(
            company=company,
            as_of=date(2026, 9, 30),
            seed=1,
            usage_hourly=used,
            api_cost_monthly=priced,
            actual_cost_monthly=actual,
            pool_monthly=bill.select(
                "pool_id",
                "month",
                "bill_cost",
                replicas=pl.lit(1.0),
                gpus=pl.lit(2.0),
                covered_hours=pl.col("hours"),
                replica_hours_provisioned=pl.col("hours"),
                replica_hours_worked=pl.col("worked"),
                device_utilisation=pl.lit(None, dtype=pl.Float64),
            ),
            pool_workload_monthly=bill.select("pool_id", "workload_id", "month", replica_hours_worked=pl.col("worked"), work_share=pl.lit(1.0)),
            vendor_cost_monthly=bill.group_by("month").agg(pl.col("bill_cost").sum().alias("effective_cost")).with_columns(provider=pl.lit("lambda")),
        )
    )


@pytest.mark.parametrize("check", _checks(), ids=lambda check: check["name"])
def test_expected(decided: DecisionOutputs, check: dict[str, Any]) -> None:
    with duckdb.connect() as connection:
        for name in TABLES:
            connection.register(name, getattr(decided, name).to_arrow())
        (got,) = connection.execute(check["sql"]).fetchone() or (None,)
    if isinstance(got, bool):
        assert str(got).lower() == check["value"]
    elif isinstance(got, int | float):
        assert got == pytest.approx(float(check["value"]), abs=float(check["tolerance"]))
    else:
        assert got == check["value"]
