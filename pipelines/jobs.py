"""Jobs and schedules: the daily job over all assets, and per source an asset with partitions to back-fill it by. Not here: what they do.

No `from __future__ import annotations` here: dagster reads the annotations of `context` as they stand.
"""

from datetime import timedelta
from typing import Any

import dagster as dg

from models.config import USAGE_KINDS, Company, Source
from pipelines.assets import RUN
from pipelines.ingest import sync_source
from pipelines.run import Run, sources_in_order

DAILY = "daily"
BACKFILL = "backfill"
# Exports are refreshed overnight; six in the morning UTC is before the day's first reader.
DAILY_CRON = "0 6 * * *"
BACKFILL_FROM = "2023-01-01"
# Bills are replaced by the month, usage and metrics by the day.
_BY_MONTH = ("focus", "aws_cur2", "gcp_billing", "invoice")
_BY_DAY = (*USAGE_KINDS, "prometheus")


def daily_schedule() -> dg.ScheduleDefinition:
    """The daily job over all assets, in one process (a step's own process would cost more than its work); on as soon as the daemon is."""
    job = dg.define_asset_job(
        DAILY,
        selection=dg.AssetSelection.all() - dg.AssetSelection.groups(BACKFILL),
        executor_def=dg.in_process_executor,
        description="Everything, from sources to finance.duckdb.",
    )
    return dg.ScheduleDefinition(
        name="daily_at_six", job=job, cron_schedule=DAILY_CRON, execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
    )


def backfill_assets(company: Company) -> list[dg.AssetsDefinition]:
    """One asset per source that has periods; any range of its partitions is one run."""
    return [_backfill(source) for source in sources_in_order(company) if source.kind in (*_BY_MONTH, *_BY_DAY)]


def _backfill(source: Source) -> dg.AssetsDefinition:
    partitions = dg.MonthlyPartitionsDefinition if source.kind in _BY_MONTH else dg.DailyPartitionsDefinition

    @dg.asset(
        key=[BACKFILL, source.id],
        group_name=BACKFILL,
        partitions_def=partitions(BACKFILL_FROM, end_offset=1),
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={RUN},
        kinds={source.kind},
        description=f"Read the deliveries of {source.id} that hold these days again, changed or not; the daily job then allocates and publishes.",
    )
    def backfill(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        run: Run = context.resources.run
        window = context.partition_time_window
        first, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
        run.prepare()
        result = sync_source(run.con, run.company, source, context.log.info, only=(first, last))
        if result.refused:
            raise dg.Failure("; ".join(result.refused))
        return dg.MaterializeResult(
            metadata={"deliveries offered": result.offered, "deliveries reduced": result.reduced, "rows reduced": result.rows}
        )

    return backfill
