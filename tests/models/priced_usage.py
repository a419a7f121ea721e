"""Usage priced by the product's own SQL, without files, sources or workloads around it.

Here: a warehouse that holds a few usage rows and price rows, built up to `allocation.usage_matched`. Not here: any expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from models.prices import ContextTier, Price, shipped_prices
from pipelines import sql_models
from pipelines.config_tables import fill_prices

NOON = datetime(2025, 11, 6, 12)
_STAGED = {
    "row_number": pl.Int64,
    "usage_at": pl.Datetime("us"),
    "requests": pl.Int64,
    **dict.fromkeys(("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"), pl.Int64),
    **dict.fromkeys(("output_tokens", "reasoning_tokens"), pl.Int64),
    "reported_cost": pl.Decimal(38, 12),
    "is_whole_day": pl.Boolean,
    "is_single_request": pl.Boolean,
    "reported_price_class": pl.Int32,
    "key_id": pl.UInt64,
    "provider": pl.String,
    "model": pl.String,
    "service_tier": pl.String,
}
_DEFAULTS: dict[str, Any] = dict.fromkeys(_STAGED, 0) | {
    "usage_at": NOON,
    "requests": 1,
    "reported_cost": None,
    "is_whole_day": False,
    "is_single_request": True,
    "reported_price_class": None,
    "service_tier": None,
}


def priced(rows: Sequence[Mapping[str, Any]], prices: Iterable[Price] | None = None, rate: str = "1") -> duckdb.DuckDBPyConnection:
    """A warehouse with `rows` of the api_usage feed (what a row leaves out is nothing), priced; each row has a key of its own, from 0 up.

    The shipped prices hold, or `prices` alone; a dollar is `rate` of the reporting currency.
    """
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for schema in ("staging", "config", "facts", "allocation"):
        con.execute(f"CREATE SCHEMA {schema}")
    filled = [_DEFAULTS | {"row_number": number, "key_id": number} | dict(row) for number, row in enumerate(rows)]
    con.register("rows", pl.DataFrame([[row[name] for name in _STAGED] for row in filled], schema=_STAGED, orient="row"))
    con.execute("CREATE TABLE staging.api_usage AS SELECT * FROM rows")
    con.execute("CREATE TABLE staging.refused (row_number BIGINT, reasons VARCHAR)")
    con.execute("CREATE TABLE config.delivery AS SELECT 'log' AS source_id, 'log.csv' AS delivery")
    con.execute("CREATE TABLE config.api_candidate (provider VARCHAR, model VARCHAR)")
    con.execute("CREATE TABLE config.context_tier (provider VARCHAR, model VARCHAR, threshold_1 BIGINT, threshold_2 BIGINT)")
    con.execute("CREATE TABLE config.pool (pool_id VARCHAR, seconds_per_input_token DOUBLE, seconds_per_output_token DOUBLE, context_seconds DOUBLE)")
    shipped, tiers = shipped_prices({(row["provider"], row["model"]) for row in filled})
    fill_prices(con, shipped if prices is None else list(prices))
    _fill_tiers(con, tiers)
    con.execute(
        "CREATE TABLE config.price_rate AS SELECT DISTINCT 'USD' AS currency, CAST(date_trunc('month', usage_at) AS DATE) AS month, "
        f"CAST({rate} AS DECIMAL(24, 12)) AS rate FROM staging.api_usage"
    )
    con.execute("CREATE TABLE facts.usage_key AS SELECT key_id, provider, model, service_tier FROM staging.api_usage")
    con.execute(
        "CREATE TABLE allocation.key_match AS SELECT 'usage' AS feed, key_id, CAST(usage_at AS DATE) AS usage_date, "
        "CAST(NULL AS VARCHAR) AS rule_id, CAST(NULL AS VARCHAR) AS pool_id, CAST(key_id AS VARCHAR) AS workload_id, 'row' AS match_id, "
        "'prod' AS environment FROM staging.api_usage"
    )
    for name in ("facts.usage_hourly", "allocation.token_price", "allocation.usage_matched"):
        sql_models.build(con, sql_models.models()[name])
    return con


def costs(con: duckdb.DuckDBPyConnection) -> list[Decimal | None]:
    """What each row costs, in the order in which they were given."""
    return [row[0] for row in con.execute("SELECT priced_cost FROM allocation.usage_matched ORDER BY CAST(workload_id AS BIGINT)").fetchall()]


def _fill_tiers(con: duckdb.DuckDBPyConnection, tiers: Sequence[ContextTier]) -> None:
    for tier in tiers:
        con.execute("INSERT INTO config.context_tier VALUES (?, ?, ?, ?)", [tier.provider, tier.model, tier.threshold_1, tier.threshold_2])
