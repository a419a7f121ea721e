"""The daily job, run in this process: what `crossover run` is.

The very same job that the daemon runs, with the run opened here, so that the caller can read what it found. Not here: printing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg

from models.config import Company
from pipelines.assets import RUN
from pipelines.audit import raise_if_failed
from pipelines.definitions import build_definitions
from pipelines.jobs import DAILY
from pipelines.run import Run, open_run

_SETTINGS = """# Written by Crossover. One run at a time; nothing is sent anywhere.
telemetry: {enabled: false}
nux: {enabled: false}
"""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def dagster_home(company: Company) -> Path:
    """The folder of Dagster's own storage, beside the warehouse, with its settings written where they are missing."""
    home = company.paths.state / "dagster"
    company.paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.mkdir(exist_ok=True, mode=0o700)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_SETTINGS, encoding="utf-8")
    return home


@contextmanager
def daily_run(company: Company, as_of: date | None, progress: Callable[[str], None]) -> Iterator[Run]:
    """Run the daily job to its end and yield the finished run, its warehouse still open.

    Raises AuditFailed where a blocking check did not pass, and whatever a step raised.
    """
    with warnings.catch_warnings(), open_run(company, as_of, progress) as run:
        warnings.simplefilter("ignore")  # dagster's own beta and deprecation notices are not the user's
        job = build_definitions(company).resolve_job_def(DAILY)
        with dg.DagsterInstance.from_config(str(dagster_home(company))) as instance:
            try:
                job.execute_in_process(run_config=_QUIET, instance=instance, resources={RUN: run})
            except dg.DagsterError:
                raise_if_failed(run.checks)  # a failed blocking check, in our words
                raise
        yield run
