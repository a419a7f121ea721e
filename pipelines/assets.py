"""Dagster's view of a run: one asset key per source, fact table, SQL model, decision table and the published file, one step per stage.

Assets only call `pipelines.run.Run` and record what it says: row counts, column schemas, lineage, totals, checks. Not here: jobs and
schedules (`pipelines.jobs`), anything computed.

No `from __future__ import annotations` here: dagster reads the annotations of `context` as they stand.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from models.config import Company
from pipelines import sql_models
from pipelines.audit import CheckResult
from pipelines.decide import TABLES as DECISION_TABLES
from pipelines.lineage import Lineage, column_lineage
from pipelines.run import Run, reads_the_decision, sources_in_order
from pipelines.staging import REFERENCE
from pipelines.warehouse import one

RUN = "run"
REFERENCES = tuple(table.split(".")[1] for _, table in REFERENCE.values())
FACTS = (
    "billing_key",
    "billing_line",
    "usage_key",
    "usage_hourly",
    "usage_burst",
    "serving_key",
    "serving_hourly",
    "gpu_key",
    "gpu_hourly",
    *REFERENCES,
)
PEOPLE = ("people_day", "people_rate")
FINANCE = dg.AssetKey(["finance"])
INVARIANTS = tuple(model.name.split(".")[1] for model in sql_models.stage("checks"))


def build_assets(company: Company) -> list[dg.AssetsDefinition]:
    """The company's assets: its sources differ, the rest is the same for everyone."""
    sources = sources_in_order(company)
    source_specs = [dg.AssetSpec(["sources", s.id], group_name="sources", kinds={s.kind}, description=f"{s.kind} at {s.path}") for s in sources]
    fact_specs = [dg.AssetSpec(["facts", table], group_name="facts", deps=[spec.key for spec in source_specs], kinds={"duckdb"}) for table in FACTS]
    people_specs = [
        dg.AssetSpec(
            ["facts", table], group_name="facts", deps=[dg.AssetKey(["facts", "fx_rate"]), dg.AssetKey(["facts", "usage_hourly"])], kinds={"duckdb"}
        )
        for table in PEOPLE
    ]
    allocation_specs = [_model_spec(model) for model in sql_models.stage("allocation")]
    mart_specs = [_model_spec(model) for model in sql_models.stage("marts")]
    decision_inputs = [dg.AssetKey(model.name.split(".")) for model in sql_models.stage("allocation") if ".decision_" in model.name]
    decision_specs = [dg.AssetSpec(["marts", table], group_name="decision", deps=decision_inputs, kinds={"duckdb"}) for table in DECISION_TABLES]
    audited = dg.AssetKey(["marts", "cost_daily"])

    @dg.multi_asset(name="sync", specs=[*source_specs, *fact_specs], required_resource_keys={RUN})
    def sync(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Fetch what changed, validate it, reduce it to facts."""
        run: Run = context.resources.run
        run.prepare()
        for source in sources:
            result = run.sync(source)
            yield dg.MaterializeResult(
                asset_key=["sources", source.id],
                metadata={
                    "deliveries offered": result.offered,
                    "deliveries reduced": result.reduced,
                    "rows reduced": result.rows,
                    "periods changed": ", ".join(result.periods) or "none",
                    "refused": "; ".join(result.refused) or "nothing",
                },
                tags={f"period_{number}": period for number, period in enumerate(result.periods[:10], 1)},
            )
        run.settle_as_of()
        for table in FACTS:
            yield dg.MaterializeResult(asset_key=["facts", table], metadata=_table_metadata(run, f"facts.{table}"))

    @dg.multi_asset(name="people", specs=people_specs, required_resource_keys={RUN})
    def people(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """People at standard rates; persons stay in the private landing folder."""
        run: Run = context.resources.run
        run.cost_people()
        for table in PEOPLE:
            yield dg.MaterializeResult(asset_key=["facts", table], metadata=_table_metadata(run, f"facts.{table}"))

    @dg.multi_asset(name="allocation", specs=allocation_specs, required_resource_keys={RUN})
    def allocation(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Facts to workloads, zero-sum."""
        run: Run = context.resources.run
        for model, _ in run.build("allocation"):
            yield dg.MaterializeResult(asset_key=model.name.split("."), metadata=_table_metadata(run, model.name))

    @dg.multi_asset(
        name="marts",
        specs=[*mart_specs, *decision_specs],
        check_specs=[
            *(dg.AssetCheckSpec(name, asset=audited, blocking=True, description=_check_description(name)) for name in INVARIANTS),
            dg.AssetCheckSpec("published_tables", asset=audited, blocking=True, description="Grain, finite numbers, known workloads, refused money."),
        ],
        required_resource_keys={RUN},
    )
    def marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """The tables that are published, the decision among them, and the invariants that they must hold."""
        run: Run = context.resources.run
        for _ in run.build("marts"):
            pass
        run.decide()
        lineage = column_lineage(run.con, run.company.paths.state)
        models = [model.name for model in sql_models.stage("marts")]
        after = [model.name for model in sql_models.stage("marts") if reads_the_decision(model)]
        for name in (*(name for name in models if name not in after), *(f"marts.{table}" for table in DECISION_TABLES), *after):
            yield dg.MaterializeResult(asset_key=name.split("."), metadata=_table_metadata(run, name, lineage))
        results = run.audit()
        for result in results:
            if result.name in INVARIANTS:
                yield _check_result(result.name, audited, [result])
        yield _check_result("published_tables", audited, [result for result in results if result.name not in INVARIANTS])

    @dg.asset(
        key=FINANCE,
        group_name="publication",
        deps=[*(spec.key for spec in mart_specs), *(spec.key for spec in decision_specs)],
        required_resource_keys={RUN},
        kinds={"duckdb"},
    )
    def finance(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        """The file that finance opens, swapped in as a whole."""
        run: Run = context.resources.run
        counts = run.publish()
        return dg.MaterializeResult(
            metadata={"file": str(run.company.paths.finance), "as of": str(run.as_of), **{f"rows {t}": n for t, n in counts.items()}}
        )

    return [sync, people, allocation, marts, finance]


def _model_spec(model: sql_models.SqlModel) -> dg.AssetSpec:
    built = ("facts", "allocation", "marts")
    deps = [dg.AssetKey(name.split(".")) for name in model.dependencies if name.split(".")[0] in built]
    return dg.AssetSpec(model.name.split("."), group_name=model.stage, deps=deps, description=model.description, kinds={"duckdb", "sql"})


def _table_metadata(run: Run, name: str, lineage: Lineage | None = None) -> dict[str, Any]:
    """Row count, columns, their lineage, and the totals of money: what the UI shows of a table."""
    columns = sql_models.table_columns(run.con, name)
    count = one(run.con, f"SELECT count(*) FROM {name}")
    metadata: dict[str, Any] = {
        "dagster/row_count": int(count[0]) if count else 0,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(column, kind) for column, kind in columns]),
    }
    money = [column for column, kind in columns if kind.startswith("DECIMAL") and column in ("billed_cost", "effective_cost")]
    for column in money:
        total = one(run.con, f"SELECT sum({column}) FROM {name}")
        metadata[f"total {column}"] = str(total[0] if total else None)
    if lineage and name in lineage:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=dg.AssetKey(table.split(".")), column_name=source) for table, source in pairs]
                for column, pairs in lineage[name].items()
            }
        )
    return metadata


def _check_description(name: str) -> str:
    return sql_models.models()[f"checks.{name}"].description


def _check_result(name: str, asset: dg.AssetKey, results: list[CheckResult]) -> dg.AssetCheckResult:
    failed = [result for result in results if not result.passed]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not failed,
        metadata={
            "checks": len(results),
            "rows that break it": sum(result.rows for result in results),
            "examples": "; ".join(f"{r.name}: {example}" for r in failed for example in r.examples) or "none",
        },
    )
