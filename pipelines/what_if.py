"""`crossover whatif`: decide once more on what was read last, with some numbers changed, and say what that changes. Nothing is written.

The warehouse is opened read-only and its facts are seen through views of a database in memory, where allocation and decision run again.
Not here: reading changes into a configuration (`pipelines.changes`), what is printed (`pipelines.report`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from models.config import Company
from models.errors import ConfigError
from pipelines import sql_models
from pipelines.config_tables import write_assumptions, write_config, write_parameters, write_prices
from pipelines.decide import decide_placements
from pipelines.warehouse import SCHEMAS, connect, one

# What a run computes anew from facts and configuration; all else of the warehouse is only looked at.
_BUILT = ("config", "reference", "allocation", "marts", "checks", "published")
_KEPT_CONFIG = ("config.fx_monthly", "config.run", "config.closed_month", "config.price_finding")


@dataclass(frozen=True)
class WhatIf:
    """Recommendations as published and as they would be, one row per quarter and workload with both, and the month's crossovers likewise."""

    as_of: date
    recommendations: pl.DataFrame
    crossovers: pl.DataFrame


def what_if(company: Company, changed: Company) -> WhatIf:
    """Decide on the last run's facts with another configuration of the same sources. Raises ConfigError where nothing was published yet."""
    file = company.paths.state / "warehouse.duckdb"
    if not file.exists() or not company.paths.finance.exists():
        raise ConfigError("nothing is published yet", where=str(company.paths.finance), todo="`crossover run` first")
    with _copy_in_memory(company) as con:
        row = one(con, "SELECT as_of FROM ledger.run ORDER BY finished_at DESC NULLS LAST LIMIT 1")
        assert row is not None
        as_of: date = row[0]
        before, after = (_decided(con, version, as_of) for version in (company, changed))
        return WhatIf(as_of, *(_both(old, new, keys) for (old, keys), (new, _) in zip(before, after, strict=True)))


def _decided(con: duckdb.DuckDBPyConnection, company: Company, as_of: date) -> list[tuple[pl.DataFrame, list[str]]]:
    write_config(con, company)
    write_parameters(con, company, as_of)
    write_assumptions(con, company)
    write_prices(con, company)
    for model in sql_models.stage("allocation"):
        sql_models.build(con, model)
    decide_placements(con, company, as_of, "what-if")
    return [
        (con.sql("SELECT * FROM marts.placement_recommendations").pl(), ["quarter", "workload_id"]),
        (con.sql("SELECT * FROM marts.crossover_monthly").pl(), ["month", "workload_id"]),
    ]


def _both(old: pl.DataFrame, new: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return old.join(new, on=keys, how="full", coalesce=True, suffix="_if").sort(keys)


@contextmanager
def _copy_in_memory(company: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory whose facts and ledger are the warehouse's, seen through views."""
    with connect() as con:
        path = str(company.paths.state / "warehouse.duckdb").replace("'", "''")
        try:
            con.execute(f"ATTACH '{path}' AS warehouse (READ_ONLY)")
        except duckdb.IOException:
            raise ConfigError("another run is writing", where=path, todo="wait for it to end, then ask again") from None
        for schema in SCHEMAS:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'warehouse' ORDER BY ALL").fetchall()
        for schema, table in tables:
            name = f"{schema}.{table}"
            if schema not in _BUILT:
                con.execute(f'CREATE VIEW {schema}."{table}" AS SELECT * FROM warehouse.{schema}."{table}"')
            elif name in _KEPT_CONFIG:
                con.execute(f'CREATE TABLE {schema}."{table}" AS SELECT * FROM warehouse.{schema}."{table}"')
        yield con
