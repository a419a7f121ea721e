"""Jobs and schedules: the daily job over all assets, and a back-fill job per source over its months. Not here: what they do (`pipelines.assets`).

No `from __future__ import annotations` here: dagster reads the annotations of `context` as they stand.
"""

from datetime import date

import dagster as dg

from models.config import Company, Source
from pipelines.assets import RUN
from pipelines.ingest import sync_source
from pipelines.run import Run, sources_in_order

DAILY = "daily"
# Exports are refreshed overnight; six in the morning UTC is before the day's first reader.
DAILY_CRON = "0 6 * * *"
BACKFILL_FROM = "2023-01-01"


def daily_schedule() -> dg.ScheduleDefinition:
    """The daily job over all assets, in one process (a step's own process would cost more than its work); on as soon as the daemon is."""
    job = dg.define_asset_job(
        DAILY, selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor, description="Everything, from sources to finance.duckdb."
    )
    return dg.ScheduleDefinition(
        name="daily_at_six", job=job, cron_schedule=DAILY_CRON, execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
    )


def backfill_jobs(company: Company) -> list[dg.JobDefinition]:
    """One job per source that has periods: re-reduces the deliveries that hold the partition's month, changed or not."""
    return [_backfill(source) for source in sources_in_order(company) if source.kind in ("focus", "invoice", "request_log")]


def _backfill(source: Source) -> dg.JobDefinition:
    name = "".join(c if c.isalnum() else "_" for c in source.id)

    @dg.op(name=f"reduce_{name}", required_resource_keys={RUN})
    def reduce(context: dg.OpExecutionContext) -> None:
        run: Run = context.resources.run
        run.prepare()
        result = sync_source(run.con, run.company, source, context.log.info, only_period=date.fromisoformat(context.partition_key))
        context.log.info(f"{result.reduced} of {result.offered} deliveries reduced, {result.rows} rows")
        if result.refused:
            raise dg.Failure("; ".join(result.refused))

    @dg.job(
        name=f"backfill_{name}",
        partitions_def=dg.MonthlyPartitionsDefinition(BACKFILL_FROM, end_offset=1),
        executor_def=dg.in_process_executor,
        description=f"Reduce a month of {source.id} again; the daily job then allocates and publishes.",
    )
    def backfill() -> None:
        reduce()

    return backfill
