"""The views that stage a delivery and the tables that its feed is reduced to.

`landing.<kind>` over the file, `staging.<kind>` from the SQL file's own text, `staging.<feed>` with what only this engine has: the hash that
names a row's text and the whole days of a charge. Not here: what is refused and how facts are filled (`pipelines.reduce`).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandera.polars as pa

from models.config import Company, Source
from models.contracts import feeds, telemetry_feeds
from models.contracts.raw import SHAPES, RawShape
from pipelines import sql_models
from pipelines.landing_view import SQL_TYPES, literal
from pipelines.warehouse import one


@dataclass(frozen=True)
class Feed:
    """How a feed is validated and reduced. Feeds without keys are validated in one frame and kept row by row."""

    name: str
    numbers: type[pa.DataFrameModel]
    keys: type[pa.DataFrameModel] | None
    facts: tuple[str, ...]  # SQL models; the first is the key table where there are keys


BILLING_LINE = Feed("billing_line", feeds.BillingLineNumbers, feeds.BillingLineKeys, ("facts.billing_key", "facts.billing_line"))
API_USAGE = Feed("api_usage", feeds.ApiUsageNumbers, feeds.ApiUsageKeys, ("facts.usage_key", "facts.usage_hourly", "facts.usage_burst"))
SERVING_USAGE = Feed(
    "serving_usage", telemetry_feeds.ServingUsageNumbers, telemetry_feeds.ServingUsageKeys, ("facts.serving_key", "facts.serving_hourly")
)
GPU_TELEMETRY = Feed("gpu_telemetry", telemetry_feeds.GpuTelemetryNumbers, telemetry_feeds.GpuTelemetryKeys, ("facts.gpu_key", "facts.gpu_hourly"))
FEEDS = {feed.name: feed for feed in (BILLING_LINE, API_USAGE, SERVING_USAGE, GPU_TELEMETRY)}
REFERENCE = {
    "fx_rates": (feeds.FxRates, "facts.fx_rate"),
    "owned_hardware": (feeds.OwnedHardware, "facts.owned_hardware"),
    "control_totals": (feeds.ControlTotals, "facts.control_total"),
    "rate_card": (feeds.RateCard, "facts.rate_card"),
}


# Stands for the source where a view is made of no delivery, to learn a table's columns.
_NO_SOURCE = Source.model_validate({"id": "none", "kind": "focus", "path": "none"})


def ensure_fact_tables(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Every fact table exists, empty where no source of its feed is configured, so that the SQL after it always runs."""
    for shape in SHAPES.values():
        if shape.feed != "people_allocation":
            stage_views(con, company, _NO_SOURCE, shape, "SELECT " + ", ".join(_null_columns(shape)) + " WHERE false")
            for name, text in fact_selects(shape):
                _ensure_table(con, name, text)


def stage_views(con: duckdb.DuckDBPyConnection, company: Company, source: Source, shape: RawShape, view: str, delivery: str = "") -> None:
    """Bind `landing.<kind>`, `staging.<kind>` and `staging.<feed>` to one delivery, with its parameters in one-row tables."""
    con.execute(
        "CREATE OR REPLACE TABLE config.delivery AS SELECT CAST(? AS VARCHAR) AS source_id, CAST(? AS VARCHAR) AS delivery, "
        "CAST(? AS VARCHAR) AS reporting_currency, CAST(? AS BOOLEAN) AS input_includes_cache, CAST(? AS VARCHAR) AS grain, "
        "CAST(? AS BOOLEAN) AS is_prepaid, CAST(? AS DECIMAL(38, 12)) AS cost_where_none",
        [
            source.id,
            delivery,
            company.currency,
            bool(source.input_includes_cache),
            source.grain,
            source.prepaid,
            0 if has_rate_cards(company) else None,
        ],
    )
    con.execute("CREATE TABLE IF NOT EXISTS staging.refused (row_number BIGINT, reasons VARCHAR)")
    con.execute("CREATE TABLE IF NOT EXISTS config.hourly_key (key_id UBIGINT)")
    con.execute("CREATE TABLE IF NOT EXISTS config.fx_monthly (currency VARCHAR, month DATE, rate DECIMAL(24, 12))")
    con.execute("CREATE TABLE IF NOT EXISTS config.context_tier (provider VARCHAR, model VARCHAR, threshold_1 BIGINT, threshold_2 BIGINT)")
    con.execute(f"CREATE OR REPLACE VIEW landing.{shape.name} AS {view}")
    con.execute(f"CREATE OR REPLACE VIEW staging.{shape.name} AS {sql_models.models()[f'staging.{shape.name}'].text}")
    if shape.feed == "billing_line":
        # Row keys and whole days are this engine's own functions, so they stand here and not in the portable SQL files.
        # A division is dear and a long charge rare, so it stands behind a comparison.
        lasts = "(epoch_us(s.charge_end) - epoch_us(s.charge_start))"
        once = "s.charge_frequency = 'One-Time' OR s.charge_category = 'Purchase'"
        con.execute(
            f"CREATE OR REPLACE VIEW staging.billing_line AS SELECT s.*, {literal(source.id)} AS source_id, "
            f"hash({_key_columns('facts.billing_key', source)}) AS key_id, "
            f"CAST(CASE WHEN {lasts} <= 86400000000 OR {once} THEN 1 ELSE ({lasts} + 86399999999) // 86400000000 END AS INTEGER) AS charge_days, "
            f"CAST(CASE WHEN {lasts} <= 3600000000 THEN 1 ELSE ({lasts} + 3599999999) // 3600000000 END AS BIGINT) AS charge_hours "
            f"FROM staging.{shape.name} s"
        )
    elif shape.feed in FEEDS:
        con.execute(
            f"CREATE OR REPLACE VIEW staging.{shape.feed} AS SELECT s.*, {literal(source.id)} AS source_id, "
            f"hash({_key_columns(FEEDS[shape.feed].facts[0], source)}) AS key_id FROM staging.{shape.name} s"
        )


def has_rate_cards(company: Company) -> bool:
    """Whether any source prices bills that carry quantities only."""
    return any(source.kind == "rate_card" for source in company.sources)


def _key_columns(model: str, source: Source) -> str:
    """What a key's hash is made of: the select list of its key model, less the hash itself."""
    select = sql_models.models()[model].text.split("SELECT DISTINCT", 1)[1].split("FROM", 1)[0]
    names = [name.strip().split(".")[1] for name in select.split(",")]
    return ", ".join(literal(source.id) if name == "source_id" else f"s.{name}" for name in names if name != "key_id")


def fact_selects(shape: RawShape) -> list[tuple[str, str]]:
    """The fact tables of a shape's feed with the SELECT that fills each."""
    if shape.feed in FEEDS:
        return [(name, sql_models.models()[name].text) for name in FEEDS[shape.feed].facts]
    table = REFERENCE[shape.name][1]
    return [
        (
            table,
            f"SELECT d.source_id, d.delivery, s.* EXCLUDE (unreadable) FROM staging.{shape.name} s CROSS JOIN config.delivery d "
            "LEFT JOIN staging.refused r ON r.row_number = s.row_number WHERE r.row_number IS NULL",
        )
    ]


def _ensure_table(con: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    """Make a fact table from its SELECT; one whose columns changed with the product is dropped (its deliveries are all reduced again)."""
    wanted = [(str(c[0]), str(c[1])) for c in con.execute(f"DESCRIBE SELECT * FROM ({text})").fetchall()]
    schema, _, table = name.partition(".")
    exists = one(con, "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [schema, table])
    if exists and exists[0] and sql_models.table_columns(con, name) != wanted:
        con.execute(f"DROP TABLE {name}")
        exists = None
    if not exists or not exists[0]:
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM ({text}) LIMIT 0")


def _null_columns(shape: RawShape) -> list[str]:
    nulls = [f'CAST(NULL AS {SQL_TYPES[column.type]}) AS "{column.name}"' for column in shape.columns]
    return ["CAST(NULL AS BIGINT) AS row_number", *nulls, "CAST(0 AS BIGINT) AS unreadable"]
