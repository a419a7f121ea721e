"""The published months: crossover_monthly, crossover_cost_components and pool_marginal_monthly.

Here: rows and their schemas. Not here: the figures (months, crossover, uncertainty), the same sides over a range of volumes (curve).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from models.config import Company
from models.economics.crossover import Factors
from models.economics.demand import DemandBook, UsageHistory
from models.economics.months import Month, MonthBook, break_even, cost_ratio, status
from models.economics.periods import month_end
from models.economics.uncertainty import probability

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

POOL_MARGINAL = {
    "month": pl.Date,
    "pool_id": pl.String,
    "workload_id": pl.String,
    "average_cost": pl.Float64,
    "marginal_cost": pl.Float64,
    "cost_to_others": pl.Float64,
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
    odds = probability(api.cost(factors) - side.cost(factors)) if api is not None and side is not None else None
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
        "probability_self_host_cheaper": odds,
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


def pool_marginal_monthly(book: MonthBook) -> pl.DataFrame:
    """One row per month, pool and workload that worked it: its average cost, what its leaving saves, and the difference (2.6).

    average_cost: its share of the pool's work at the pool's bill, its people and its own overheads. marginal_cost: the replicas that the rest
    does not need, its own overheads, its people only where the pool empties. cost_to_others, what the others would have to carry, is below
    zero where its leaving frees more than it is charged. All null where no bill line pays for the pool. Of a workload on several pools,
    people and overheads go by the cost of its shares.
    """
    months = {(month.workload_id, month.month): month for owned in book.months.values() for month in owned}
    ledger, rows = book.ledger, []
    gpu_share = {
        (workload_id, month, pool): share * (figures.bill_cost or 0.0)
        for (workload_id, month, pool), share in sorted(ledger.work_shares.items())
        if share > 0 and (figures := ledger.pools.get((pool, month))) is not None
    }
    charged: dict[tuple[str, date], float] = {}
    for (workload_id, when, _), cost in gpu_share.items():
        charged[(workload_id, when)] = charged.get((workload_id, when), 0.0) + cost
    for (workload_id, when, pool), gpu in gpu_share.items():
        figures, month = ledger.pools[(pool, when)], months.get((workload_id, when))
        side = month.provisioned.side if month and month.provisioned else None
        part = gpu / charged[(workload_id, when)] if charged[(workload_id, when)] > 0 else 0.0
        people, overheads = (part * side.people, part * side.other) if side else (0.0, 0.0)
        avoided = book.self_hosted.avoided_part(workload_id, figures, book.demand.pool_hours.get((pool, when)))
        freed = (1.0 if avoided is None else avoided) * (figures.bill_cost or 0.0)
        average, marginal = gpu + people + overheads, freed + overheads + (people if avoided is None else 0.0)
        is_known = figures.bill_cost is not None
        rows.append(
            {
                "month": when,
                "pool_id": pool,
                "workload_id": workload_id,
                "average_cost": average if is_known else None,
                "marginal_cost": marginal if is_known else None,
                "cost_to_others": average - marginal if is_known else None,
            }
        )
    return table(rows, POOL_MARGINAL, ["month", "pool_id", "workload_id"])
