"""From the allocation's tables to the decision's: reads frames, calls `models.economics.decision`, writes tables of `marts`.

Not here: any formula (`models.economics`), any allocation (`dbt_like_sql`).
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from models.config import Company
from models.economics.decision import DecisionInputs, decide
from models.errors import CrossoverError
from pipelines.fx import monthly_rates

# One seed for every run: the same inputs give the same odds.
SEED = 20260101
TABLES = (
    *("crossover_monthly", "crossover_cost_components", "crossover_curve", "crossover_intervals", "crossover_priors", "pool_marginal_monthly"),
    *("placement_recommendations", "placement_questions", "placement_rules", "red_flags", "decision_sensitivity", "decision_scenarios"),
    *("load_duration", "workload_indicators", "negotiation_list", "vendor_concentration", "tier_shares"),
    *("portfolio_quarterly", "portfolio_fleets", "portfolio_workloads"),
)


def decide_placements(con: duckdb.DuckDBPyConnection, company: Company, as_of: date, snapshot_id: str) -> dict[str, int]:
    """Replace the decision's tables; returns their row counts."""

    def frame(name: str) -> pl.DataFrame:
        table: pl.DataFrame = con.sql(f"SELECT * FROM allocation.{name}").pl()
        return table

    outputs = decide(
        DecisionInputs(
            company=_in_reporting_currency(con, company, as_of),
            as_of=as_of,
            seed=SEED,
            usage_hourly=frame("decision_usage_hourly"),
            burst_monthly=frame("decision_burst_monthly"),
            api_cost_monthly=frame("decision_api_cost"),
            actual_cost_monthly=frame("decision_actual_cost"),
            pool_monthly=frame("decision_pool_monthly"),
            pool_workload_monthly=frame("decision_pool_workload"),
            vendor_cost_monthly=frame("decision_vendor_cost"),
            decisions=con.sql("SELECT quarter, workload_id, recommendation, decision FROM ledger.decision").pl(),
            owned_hardware=frame("decision_owned_hardware"),
        )
    )
    counts = {}
    for name in TABLES:
        table: pl.DataFrame = getattr(outputs, name)
        if name == "placement_recommendations":
            table = table.with_columns(snapshot_id=pl.lit(snapshot_id))
        con.register("decided", table)
        columns = ", ".join(_column(column, dtype) for column, dtype in table.schema.items())
        con.execute(f"CREATE OR REPLACE TABLE marts.{name} AS SELECT {columns} FROM decided")
        con.unregister("decided")
        counts[name] = len(table)
    return counts


def _in_reporting_currency(con: duckdb.DuckDBPyConnection, company: Company, as_of: date) -> Company:
    """The company with its GPU prices in the reporting currency, at the rate of as-of's month (shipped prices are in dollars).

    Raises CrossoverError where a candidate's GPU price can't be converted: a comparison without it would be silently one-sided.
    """
    month, needed = as_of.replace(day=1), {w.candidates.self_host.gpu_price for w in company.workloads if w.candidates.self_host}
    foreign = {price.currency for price in company.assumptions.gpu_prices} - {company.currency}
    rates = {currency: rate for currency, _, rate in monthly_rates(con, company.currency, [(currency, month) for currency in foreign])}
    prices = []
    for price in company.assumptions.gpu_prices:
        if price.currency == company.currency:
            prices.append(price)
        elif price.currency in rates:
            converted = price.price_per_gpu_hour * rates[price.currency]
            prices.append(price.model_copy(update={"price_per_gpu_hour": converted, "currency": company.currency}))
        elif price.id in needed:
            raise CrossoverError(
                f"GPU price {price.id} is in {price.currency} and can't be compared",
                where="assumptions.gpu_prices",
                expected=f"an exchange rate from {price.currency} to {company.currency} for {month:%Y-%m} in a source of kind fx_rates",
                todo=f"add the rate, or give the price in {company.currency} with `currency: {company.currency}`",
            )
    return company.model_copy(update={"assumptions": company.assumptions.model_copy(update={"gpu_prices": tuple(prices)})})


def _column(name: str, dtype: pl.DataType) -> str:
    """Money of a projection leaves as DECIMAL in steps of a millionth; ratios and odds stay DOUBLE."""
    is_money = dtype == pl.Float64 and (
        name.endswith(("_cost", "_monthly", "_p5", "_p50", "_p95", "_per_million"))
        or name in ("npv", "migration_cost", "cost_to_others", "lock_in_premium")
        or name.startswith("saving_")
    )
    return f'CAST(round("{name}", 6) AS DECIMAL(38, 6)) AS "{name}"' if is_money else f'"{name}"'
