"""The configuration and the shipped reference facts as tables, so that SQL can join them: schemas `config` and `reference`.

Not here: what a configuration may say (`models.config`) and what the tables are used for (`dbt_like_sql/allocation`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from models.config import Company
from models.fields import Conditions, History
from models.prices import BUCKETS, FIRST_DAY, STANDARD, STANDARD_SPELLINGS, Price, shipped_prices
from models.reference import cost_categories
from pipelines.fx import monthly_rates
from pipelines.warehouse import one

_TABLES = {
    "config.source": "source_id VARCHAR, kind VARCHAR, billed_by VARCHAR, is_prepaid BOOLEAN, max_quarantined_pct DECIMAL(9, 4)",
    "config.workload": "workload_id VARCHAR, name VARCHAR, owner VARCHAR, cost_center VARCHAR, placement VARCHAR, size_class VARCHAR, tier INTEGER, "
    "planned_life_months DOUBLE",
    "config.workload_name": "workload_name VARCHAR, workload_id VARCHAR",
    "config.workload_history": "workload_id VARCHAR, valid_from DATE, valid_to DATE, owner VARCHAR, cost_center VARCHAR, placement VARCHAR",
    "config.pool": "pool_id VARCHAR, model VARCHAR, profile VARCHAR, idle_policy VARCHAR, idle_owner VARCHAR, gpus_per_replica INTEGER, "
    "seconds_per_input_token DOUBLE, seconds_per_output_token DOUBLE, context_seconds DOUBLE",
    "config.pool_replicas": "pool_id VARCHAR, replicas DECIMAL(38, 9), valid_from DATE, valid_to DATE",
    "config.match_entry": "entry_id INTEGER, owner_kind VARCHAR, owner_id VARCHAR, entry_number INTEGER, entry_rank INTEGER, environment VARCHAR, "
    "valid_from DATE, valid_to DATE, positive_conditions INTEGER",
    "config.match_condition": "entry_id INTEGER, condition_number INTEGER, field VARCHAR, pattern VARCHAR, is_negated BOOLEAN",
    "config.rule": "rule_id VARCHAR, among VARCHAR, split_by VARCHAR, category VARCHAR",
    "config.rule_member": "rule_id VARCHAR, workload_id VARCHAR, weight DECIMAL(38, 12)",
    "config.instance": "instance_rank INTEGER, pattern VARCHAR, gpu VARCHAR, gpus INTEGER",
    "config.api_candidate": "workload_id VARCHAR, provider VARCHAR, model VARCHAR, quality_score DOUBLE, is_eligible BOOLEAN, is_frontier BOOLEAN",
    "reference.cost_category": "cost_category VARCHAR, side VARCHAR, in_unit_cost BOOLEAN, description VARCHAR",
}
_ROWS_PER_INSERT = 200
_PRICES = {
    **dict.fromkeys(("provider", "model", "service_tier"), "VARCHAR"),
    "price_class": "INTEGER",
    **dict.fromkeys(BUCKETS, "DECIMAL(24, 12)"),
    "currency": "VARCHAR",
    "valid_from": "DATE",
    "valid_to": "DATE",
    "source": "VARCHAR",
    "precedence": "INTEGER",
}


def write_config(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Make the configuration's tables hold exactly this configuration."""
    rows: dict[str, list[Sequence[object]]] = {name: [] for name in _TABLES}
    default_pct = company.max_quarantined_pct
    for source in company.sources:
        limit = default_pct if source.max_quarantined_pct is None else source.max_quarantined_pct
        rows["config.source"].append((source.id, source.kind, source.billed_by, source.prepaid, limit))
    last = date.max
    for workload in company.workloads:
        life = workload.questions.planned_life_months
        latest = [history.at(last) for history in (workload.owner, workload.cost_center, workload.placement)]
        rows["config.workload"].append(
            (workload.id, workload.name, *latest, workload.size_class, workload.tier, None if life is None else float(life.answer))
        )
        rows["config.workload_name"] += [(name, workload.id) for name in (workload.id, *workload.aliases)]
        for since, until in _spans(workload.owner, workload.cost_center, workload.placement):
            at = since or FIRST_DAY
            rows["config.workload_history"].append(
                (workload.id, since, until, workload.owner.at(at), workload.cost_center.at(at), workload.placement.at(at))
            )
        for candidate in workload.candidates.api:
            score = candidate.quality.score if candidate.quality else None
            is_eligible = score is not None and score >= company.assumptions.decision.min_quality
            rows["config.api_candidate"].append((workload.id, candidate.provider, candidate.model, score, is_eligible, candidate.frontier))
    profiles = {profile.id: profile for profile in company.assumptions.profiles}
    for pool in company.pools:
        profile = profiles[pool.profile]
        seconds = (1 / profile.prefill_tokens_per_second, 1 / profile.decode_tokens_per_second, profile.context_seconds)
        rows["config.pool"].append((pool.id, pool.model, pool.profile, pool.idle_policy, pool.idle_owner, profile.gpus_per_replica, *seconds))
        for since, until in _spans(pool.replicas):
            rows["config.pool_replicas"].append((pool.id, Decimal(str(pool.replicas.at(since or FIRST_DAY))), since, until))
    for rule in company.rules:
        among = rule.split.among
        listed = among if isinstance(among, tuple) else ()
        group = "listed" if listed else {"self_hosted": "self_host"}.get(str(among), str(among))
        rows["config.rule"].append((rule.id, group, rule.split.by, rule.category))
        rows["config.rule_member"] += [(rule.id, name, rule.split.weights.get(name, Decimal(1))) for name in listed]
    entries, conditions = _match_rows(company)
    rows["config.match_entry"], rows["config.match_condition"] = entries, conditions
    rows["config.instance"] = [
        (rank, instance.pattern.lower(), instance.gpu, instance.gpus) for rank, instance in enumerate(company.assumptions.instances, 1)
    ]
    rows["reference.cost_category"] = [(c.category, c.side, c.in_unit_cost, c.description) for c in cost_categories()]
    for name, columns in _TABLES.items():
        _fill(con, name, columns, rows[name])


def write_parameters(con: duckdb.DuckDBPyConnection, company: Company, as_of: date) -> None:
    """The one-row table of a run's parameters."""
    con.execute(
        "CREATE OR REPLACE TABLE config.parameters AS SELECT CAST(? AS DATE) AS as_of, CAST(? AS VARCHAR) AS reporting_currency, "
        "CAST(? AS INTEGER) AS fiscal_year_starts",
        [as_of, company.currency, company.fiscal_year_starts],
    )


def write_assumptions(con: duckdb.DuckDBPyConnection, company: Company) -> str:
    """`config.assumption`, every parameter in force; returns the digest that names this set of assumptions."""
    rows = [tuple(row) for row in company.assumptions.rows()]
    _fill(
        con,
        "config.assumption",
        "name VARCHAR, low DECIMAL(38, 12), base DECIMAL(38, 12), high DECIMAL(38, 12), unit VARCHAR, source VARCHAR, valid_from DATE, "
        "is_overridden BOOLEAN",
        rows,
    )
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def write_prices(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """`config.price` for every (provider, model) that usage or a candidate names, and the rates of the prices' currencies."""
    pairs = {(str(p), str(m)) for p, m in con.execute("SELECT DISTINCT provider, model FROM facts.usage_key WHERE provider IS NOT NULL").fetchall()}
    pairs |= {(candidate.provider, candidate.model) for workload in company.workloads for candidate in workload.candidates.api}
    prices, _ = shipped_prices(pairs)
    prices += _own_prices(company)
    fill_prices(con, prices)
    months = {row[0] for row in con.execute("SELECT DISTINCT CAST(date_trunc('month', usage_hour) AS DATE) FROM facts.usage_hourly").fetchall()}
    months |= {
        row[0]
        for row in con.execute(
            "SELECT DISTINCT CAST(date_trunc('month', s.d) AS DATE) FROM facts.owned_hardware h CROSS JOIN config.parameters p, "
            "generate_series(date_trunc('month', h.in_service), p.as_of, INTERVAL 1 MONTH) s (d)"
        ).fetchall()
    }
    if one(con, "SELECT 1 FROM facts.rate_card LIMIT 1"):
        months |= {row[0] for row in con.execute("SELECT DISTINCT billing_period FROM facts.billing_line").fetchall()}
    currencies = {p.currency for p in prices} | {row[0] for row in con.execute("SELECT DISTINCT currency FROM facts.rate_card").fetchall()}
    currencies |= {row[0] for row in con.execute("SELECT DISTINCT currency FROM facts.owned_hardware").fetchall()}
    foreign = sorted(currencies - {company.currency})
    rates = monthly_rates(con, company.currency, [(c, m) for c in foreign for m in sorted(months)])
    rates += [(company.currency, m, Decimal(1)) for m in sorted(months)]
    _fill(con, "config.price_rate", "currency VARCHAR, month DATE, rate DECIMAL(24, 12)", rates)


def fill_prices(con: duckdb.DuckDBPyConnection, prices: Iterable[Price]) -> None:
    """`config.price` holds exactly these prices, per million tokens in their own currencies."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _PRICES.items())
    _fill(con, "config.price", columns, [tuple(getattr(price, name) for name in _PRICES) for price in prices])


def _own_prices(company: Company) -> list[Price]:
    rows = []
    for price in company.assumptions.prices:
        tier = price.service_tier or STANDARD
        rows.append(
            Price(
                price.provider,
                price.model,
                STANDARD if tier in STANDARD_SPELLINGS else tier,
                0,
                price.input,
                price.cache_read,
                price.cache_write,
                price.cache_write_1h,
                price.output,
                currency=price.currency or company.currency,
                valid_from=price.valid_from or FIRST_DAY,
                valid_to=price.valid_to + timedelta(days=1) if price.valid_to else None,
                source="configuration",
                precedence=0,
            )
        )
    return rows


def _match_rows(company: Company) -> tuple[list[Sequence[object]], list[Sequence[object]]]:
    entries: list[Sequence[object]] = []
    conditions: list[Sequence[object]] = []
    owners: list[tuple[str, str, Iterable[Conditions]]] = [("rule", rule.id, rule.match) for rule in company.rules]
    owners += [("pool", pool.id, pool.match) for pool in company.pools]
    owners += [("workload", workload.id, workload.match) for workload in company.workloads]
    owners += [("category", entry.category, (entry,)) for entry in company.assumptions.categories]
    for kind, owner, matches in owners:
        for number, entry in enumerate(matches, 1):
            entry_id = len(entries) + 1
            positive = sum(not condition.negated for condition in entry.conditions)
            dates = (getattr(entry, "environment", None), getattr(entry, "valid_from", None), getattr(entry, "valid_to", None))
            entries.append((entry_id, kind, owner, number, entry_id, *dates, positive))
            for position, condition in enumerate(entry.conditions, 1):
                conditions.append((entry_id, position, _field(condition.field), condition.pattern.lower(), condition.negated))
    return entries, conditions


def _field(field: str) -> str:
    """Keys of tags and metadata are compared in lower case, as all values are: providers' spellings drift in case."""
    prefix, dot, key = field.partition(".")
    return f"{prefix}.{key.lower()}" if dot else field


def _spans(*histories: History[Any]) -> list[tuple[date | None, date | None]]:
    """The half-open spans in which no history changes; the first starts where the first value does (None: always)."""
    starts = sorted({entry.valid_from or FIRST_DAY for history in histories for entry in history})
    return [(None if start == FIRST_DAY else start, starts[number + 1] if number + 1 < len(starts) else None) for number, start in enumerate(starts)]


def _fill(con: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Sequence[Sequence[object]]) -> None:
    con.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        chunk = rows[start : start + _ROWS_PER_INSERT]
        marks = ", ".join(["(" + ", ".join("?" * len(chunk[0])) + ")"] * len(chunk))
        con.execute(f"INSERT INTO {name} VALUES {marks}", [value for row in chunk for value in row])
