"""A run: the steps of the daily job as plain functions over one warehouse connection, in the order in which the job calls them.

Sync, cost people, allocate, mart, decide, audit, publish. Dagster's assets (`pipelines.assets`) and nothing else call them; the command
line runs the same job. Not here: what a step computes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version

import duckdb
import polars as pl

from models.config import Company, Source
from models.errors import CrossoverError
from models.prices import list_version
from pipelines import sql_models
from pipelines.audit import CheckResult, audit
from pipelines.config_tables import write_assumptions, write_config, write_parameters, write_prices
from pipelines.decide import TABLES as DECISION_TABLES
from pipelines.decide import decide_placements
from pipelines.decision_ledger import CHAIN as DECISIONS
from pipelines.decision_ledger import load_decisions
from pipelines.deliveries import forget
from pipelines.ingest import KIND_ORDER, SourceSync, sync_source
from pipelines.month_close import closed_months, load_closes
from pipelines.payroll import cost_people
from pipelines.price_check import check_prices
from pipelines.publish import comments, publish
from pipelines.rate_ledger import RATES_IN_FORCE, freeze_rates
from pipelines.restatements import keep_restatements, load_published
from pipelines.staging import ensure_fact_tables
from pipelines.warehouse import one, warehouse, writer_lock

# What a table of the contract measures; its other columns are its grain.
FAILED_RUN = "failed_run"
"""A file of the state folder that says when the last run began, where it failed: what is published is then older."""

GRAINS: dict[str, tuple[str, ...]] = {
    "workloads": ("workload_id",),
    "cost_daily": (
        *("usage_date", "billing_period", "accounting_month", "workload_id", "environment", "source_id", "provider", "service", "region"),
        *("pool_id", "cost_category", "charge_category", "allocation_method", "cost_basis", "match_id"),
    ),
    "cost_monthly": ("month", "workload_id", "cost_category"),
    "usage_daily": ("usage_date", "workload_id", "environment", "source_id", "provider", "model", "service_tier", "side", "pool_id"),
    "unit_cost_monthly": ("month", "workload_id"),
    "pool_utilisation_daily": ("usage_date", "pool_id"),
    "workload_utilisation_monthly": ("month", "workload_id", "pool_id"),
    "crossover_monthly": ("month", "workload_id"),
    "crossover_cost_components": ("month", "workload_id", "side", "cost_category"),
    "crossover_curve": ("month", "workload_id", "volume_multiplier"),
    "crossover_intervals": ("month", "workload_id", "position"),
    "crossover_priors": ("month", "workload_id"),
    "pool_marginal_monthly": ("month", "pool_id", "workload_id"),
    "decision_sensitivity": ("quarter", "workload_id", "input"),
    "decision_scenarios": ("quarter", "workload_id", "scenario"),
    "placement_recommendations": ("quarter", "workload_id"),
    "placement_questions": ("quarter", "workload_id", "question"),
    "red_flags": ("month", "subject_kind", "subject_id", "flag"),
    "load_duration": ("quarter", "workload_id", "rank_hours"),
    "workload_indicators": ("quarter", "workload_id", "indicator"),
    "negotiation_list": ("quarter", "position"),
    "vendor_concentration": ("quarter", "provider"),
    "tier_shares": ("quarter", "tier"),
    "portfolio_quarterly": ("quarter", "scenario"),
    "portfolio_fleets": ("quarter", "profile", "gpu_price"),
    "portfolio_workloads": ("quarter", "workload_id"),
    "reconciliation": ("source_id", "period", "currency", "converted_from"),
    "invoice_reconciliation": ("issuer", "invoice_id", "period", "currency"),
    "placement_rules": ("quarter", "workload_id", "position"),
    "cost_trail": ("month", "workload_id", "cost_category", "source_id", "delivery", "match_id", "cost_basis"),
    "data_quality": ("run_id", "check_name", "subject", "severity", "message"),
    "quarantine": ("source_id", "file", "row_number", "period"),
    "decisions": ("quarter", "workload_id"),
    "track_record": ("quarter",),
    "restatements": ("restatement_number",),
    "ingestions": ("source_id", "period", "delivery", "version"),
    "prices": ("provider", "model", "service_tier", "price_class", "token_kind", "valid_from", "valid_to", "source"),
    "people_rates": ("role", "valid_from", "valid_to"),
    "assumptions": ("name",),
    "runs": ("run_id",),
}


@dataclass
class Run:
    """One run in progress: its connection, what it found so far, and how it tells of its progress."""

    company: Company
    con: duckdb.DuckDBPyConnection
    asked_as_of: date | None = None
    progress: Callable[[str], None] = lambda _: None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    syncs: list[SourceSync] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    published: dict[str, int] = field(default_factory=dict)
    people_rates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RATES_IN_FORCE))
    as_of: date | None = None
    run_id: str | None = None

    @property
    def refusals(self) -> list[str]:
        """What sources refused or didn't give, one line each."""
        return [line for sync in self.syncs for line in sync.refused]

    def sync(self, source: Source) -> SourceSync:
        """Bring one source up to date and remember what happened."""
        self.progress(f"reading {source.id} ({source.kind})")
        result = sync_source(self.con, self.company, source, self.progress)
        self.syncs.append(result)
        return result

    def prepare(self) -> None:
        """Configuration as tables; every fact table exists; what left the configuration leaves the facts."""
        write_config(self.con, self.company)
        load_closes(self.con, self.company)
        load_decisions(self.con, self.company)
        ensure_fact_tables(self.con, self.company)
        forget(self.con, [source.id for source in self.company.sources])

    def settle_as_of(self) -> date:
        """The day up to which decisions look, and with it the run's name: from what was read, never from a clock."""
        self.as_of = self.asked_as_of or newest_day(self.con)
        write_parameters(self.con, self.company, self.as_of)
        assumptions_version = write_assumptions(self.con, self.company)
        inputs = self.con.execute("SELECT source_id, delivery, sha256 FROM ledger.delivery WHERE superseded_at IS NULL ORDER BY ALL").fetchall()
        refused = self.con.execute("SELECT source_id, delivery, message FROM ledger.refusal ORDER BY ALL").fetchall()
        closes = [line["sha256"] for line in closed_months(self.company.paths.state).values()]
        decided = [line["sha256"] for line in DECISIONS.read(self.company.paths.state)]
        identity = [self.company.sha256, str(self.as_of), list_version(), version("crossover"), inputs, refused, *closes, *decided]
        self.run_id = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
        self.con.execute("CREATE OR REPLACE TABLE config.run AS SELECT CAST(? AS VARCHAR) AS run_id", [self.run_id])
        self.con.execute("DELETE FROM ledger.run WHERE run_id = ?", [self.run_id])
        self.con.execute("UPDATE ledger.run SET status = 'failed' WHERE status = 'running'")  # a killed run can't say so itself
        self.con.execute(
            "INSERT INTO ledger.run VALUES (?, ?, NULL, ?, ?, ?, ?, ?, 'running')",
            [self.run_id, self.started_at, self.as_of, version("crossover"), self.company.sha256, list_version(), assumptions_version],
        )
        return self.as_of

    def cost_people(self) -> None:
        """People at standard rates, per day."""
        self.progress("costing people at standard rates")
        self.people_rates = cost_people(self.con, self.company, self._day())

    def build(self, stage: str) -> Iterator[tuple[sql_models.SqlModel, int]]:
        """Run the SQL models of a stage in order; yields each with its row count."""
        self.progress(f"building {stage}")
        if stage == "allocation":
            write_prices(self.con, self.company)
        if stage == "marts":
            load_published(self.con, self.company, str(self.run_id))
        for model in sql_models.stage(stage):
            if not reads_the_decision(model):
                yield model, sql_models.build(self.con, model)
        if stage == "allocation":
            check_prices(self.con)

    def decide(self) -> dict[str, int]:
        """The decision's tables."""
        self.progress("comparing both sides of each workload")
        counts = decide_placements(self.con, self.company, self._day(), str(self.run_id))
        for model in sql_models.stage("marts"):
            if reads_the_decision(model):
                counts[model.name.removeprefix("marts.")] = sql_models.build(self.con, model)
        return counts

    def audit(self) -> list[CheckResult]:
        """Every invariant, before anything is published."""
        self.progress("auditing")
        self.checks = audit(self.con, self.company, {table: grain for table, grain in GRAINS.items() if table in comments()})
        if not all(check.passed for check in self.checks):
            self.con.execute("UPDATE ledger.run SET status = 'failed' WHERE run_id = ?", [self.run_id])
        return self.checks

    def publish(self) -> dict[str, int]:
        """Swap the new finance file in; the rates of people that are public from now on are frozen."""
        self.progress("publishing")
        status = "published with refusals" if self.refusals else "published"
        now = datetime.now(UTC).replace(tzinfo=None)
        self.con.execute("UPDATE ledger.run SET status = ?, finished_at = ? WHERE run_id = ?", [status, now, self.run_id])
        sql_models.build(self.con, sql_models.models()["marts.runs"])
        # before the swap: were it after, a kill in between would leave a public rate that a corrected salary could still move
        freeze_rates(self.company.paths.state, self.people_rates, self.company.currency)
        keep_restatements(self.con, self.company)
        self.published = publish(self.con, self.company.paths.finance)
        (self.company.paths.state / FAILED_RUN).unlink(missing_ok=True)
        return self.published

    def _day(self) -> date:
        if self.as_of is None:
            raise CrossoverError("the day up to which decisions look is not settled")
        return self.as_of


def reads_the_decision(model: sql_models.SqlModel) -> bool:
    """Whether a mart is made of the decision's tables, which come after all other marts, or of such a mart."""
    made = {f"marts.{table}" for table in DECISION_TABLES}
    models = sql_models.models()
    return any(name in made or (name in models and name.startswith("marts.") and reads_the_decision(models[name])) for name in model.dependencies)


def sources_in_order(company: Company) -> list[Source]:
    """Sources as they are read: exchange rates first, then in the configuration's order."""
    return sorted(company.sources, key=lambda source: KIND_ORDER.get(source.kind, 1))


def newest_day(con: duckdb.DuckDBPyConnection) -> date:
    """The newest usage or charge date in the facts. Raises CrossoverError where there is neither."""
    row = one(
        con,
        "SELECT max(day) FROM (SELECT max(charge_date + (charge_days - 1)) AS day FROM facts.billing_line "
        "UNION ALL SELECT CAST(max(usage_hour) AS DATE) FROM facts.usage_hourly)",
    )
    if row is None or row[0] is None:
        refused = con.execute(
            "SELECT source_id, reasons, count(*) AS rows FROM ledger.quarantine GROUP BY ALL ORDER BY rows DESC, source_id, reasons LIMIT 3"
        ).fetchall()
        raise CrossoverError(
            "no source has any bill line or usage, so there is nothing to compute",
            where="sources",
            found="; ".join(f"{source}: {rows:,} rows refused: {reasons}" for source, reasons, rows in refused) or None,
            todo="mend what was refused, or add a source: `crossover check` reaches every one of them",
        )
    day: date = row[0]
    return day


@contextmanager
def open_run(company: Company, as_of: date | None = None, progress: Callable[[str], None] = lambda _: None) -> Iterator[Run]:
    """The one writer's run on the company's warehouse. Raises WriterBusy where another run is at it."""
    with writer_lock(company.paths.state), warehouse(company.paths.state) as con:
        run = Run(company, con, as_of, progress)
        try:
            yield run
        except Exception:
            (company.paths.state / FAILED_RUN).write_text(run.started_at.isoformat(timespec="minutes", sep=" "), encoding="utf-8")
            raise
