"""The published months: crossover_monthly and crossover_cost_components.

Here: rows and their schemas. Not here: the figures (months, crossover, uncertainty). A curve per month is a further table over the same sides.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from models.config import Company
from models.economics.crossover import Factors
from models.economics.demand import DemandBook, UsageHistory
from models.economics.months import Month, break_even, cost_ratio, status
from models.economics.periods import month_end
from models.economics.uncertainty import odds

CROSSOVER_MONTHLY = {
    "month": pl.Date,
    "workload_id": pl.String,
    "is_complete": pl.Boolean,
    "placement": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "days_covered": pl.Int64,
    "tokens_per_day": pl.Float64,
    "api_cost_monthly": pl.Float64,
    "best_api_cost_monthly": pl.Float64,
    "best_api_provider": pl.String,
    "best_api_model": pl.String,
    "self_host_cost_monthly": pl.Float64,
    "cost_ratio": pl.Float64,
    "replicas": pl.Float64,
    "gpus": pl.Float64,
    "token_utilisation": pl.Float64,
    "break_even_tokens_per_day": pl.Float64,
    "break_even_api_cost_monthly": pl.Float64,
    "break_even_utilisation": pl.Float64,
    "break_even_api_price_per_million": pl.Float64,
    "probability_self_host_cheaper": pl.Float64,
    "people_basis": pl.String,
    "price_basis": pl.String,
}

COST_COMPONENTS = {
    "month": pl.Date,
    "workload_id": pl.String,
    "side": pl.String,
    "cost_category": pl.String,
    "cost_monthly": pl.Float64,
}


def table(rows: list[dict[str, Any]], schema: dict[str, Any], grain: list[str]) -> pl.DataFrame:
    """Rows as a published table: its schema, sorted by its grain, what is not finite as null."""
    frame = pl.DataFrame(rows, schema=schema, orient="row").sort(grain)
    measures = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name, kind in schema.items() if kind == pl.Float64]
    return frame.with_columns(measures)


def crossover_monthly(company: Company, months: dict[str, list[Month]], demand: DemandBook, factors: Factors) -> pl.DataFrame:
    """One row per month and workload with usage."""
    workloads = {workload.id: workload for workload in company.workloads}
    rows = []
    for workload_id, owned in months.items():
        history = demand.histories.get(workload_id, UsageHistory(()))
        for month in owned:
            shortfall = history.shortfall(month_end(month.month), company.assumptions.decision.min_days)
            found, reason = status(company, workloads[workload_id], month, shortfall)
            rows.append({**_figures(month, factors), "status": found, "reason": reason})
            if rows[-1]["break_even_tokens_per_day"] is None and reason is None:
                rows[-1]["reason"] = "cost"
    return table(rows, CROSSOVER_MONTHLY, ["month", "workload_id"])


def _figures(month: Month, factors: Factors) -> dict[str, Any]:
    api, side, fleet = month.api.best_side, month.self_hosted.side, month.self_hosted.fleet
    best = month.api.best if api is not None else None
    meets = break_even(month)
    probability = odds(api.cost(factors) - side.cost(factors)).probability if api is not None and side is not None else None
    return {
        "month": month.month,
        "workload_id": month.workload_id,
        "is_complete": month.demand.coverage.is_complete,
        "placement": month.placement,
        "days_covered": month.demand.coverage.days,
        "tokens_per_day": month.demand.tokens / month.demand.coverage.days,
        "api_cost_monthly": month.api_cost,
        "best_api_cost_monthly": None if api is None else api.total,
        "best_api_provider": best.provider if best else None,
        "best_api_model": best.model if best else None,
        "self_host_cost_monthly": None if side is None else side.total,
        "cost_ratio": cost_ratio(month),
        "replicas": fleet.replicas if fleet else None,
        "gpus": fleet.gpus if fleet else None,
        "token_utilisation": fleet.token_utilisation if fleet else None,
        "break_even_tokens_per_day": meets.tokens_per_day,
        "break_even_api_cost_monthly": meets.api_cost_monthly,
        "break_even_utilisation": meets.utilisation,
        "break_even_api_price_per_million": meets.api_price_per_million,
        "probability_self_host_cheaper": probability,
        "people_basis": month.people_basis,
        "price_basis": best.price_basis if best else None,
    }


def cost_components(months: dict[str, list[Month]]) -> pl.DataFrame:
    """One row per month, workload, side and category; a category without data is a null."""
    rows = [
        {"month": month.month, "workload_id": month.workload_id, "side": side, "cost_category": category, "cost_monthly": cost}
        for owned in months.values()
        for month in owned
        for side, components in month.components.items()
        for category, cost in components.items()
    ]
    return table(rows, COST_COMPONENTS, ["month", "workload_id", "side", "cost_category"])
