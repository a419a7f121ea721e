"""What `dagster dev` loads: the company's assets, jobs and schedule on the configuration of the command line.

The configuration is `$CROSSOVER_CONFIG` (`crossover ui` sets it), else `./crossover.yaml`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from models.config import Company, load_company
from pipelines.assets import RUN, build_assets
from pipelines.config_file import VARIABLE, config_file
from pipelines.jobs import backfill_assets, daily_schedule
from pipelines.run import Run, open_run


def build_definitions(company: Company) -> dg.Definitions:
    """All definitions of one company. A run of the daemon opens the warehouse for its whole length, as the command line does."""

    @dg.resource(description="The one writer on the warehouse; waits for nobody, so that two runs never interleave.")
    def run(context: dg.InitResourceContext) -> Iterator[Run]:
        log = context.log
        with open_run(company, progress=(log.info if log else print)) as opened:
            yield opened

    return dg.Definitions(
        assets=[*build_assets(company), *backfill_assets(company)],
        schedules=[daily_schedule()],
        resources={RUN: run},
        # a run that is launched from assets in the UI holds the one warehouse, too
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Loaded lazily, so that importing this module reads no configuration."""
    named = os.environ.get(VARIABLE)
    return build_definitions(load_company(config_file(Path(named) if named else None)))
