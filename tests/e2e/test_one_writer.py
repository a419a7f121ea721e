"""One writer: the command line and Dagster's daemon share a lock. And what the daemon finds: assets, job, schedule, checks with numbers."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from small_company import crossover, write_company

from models.config import Company, load_company
from models.errors import WriterBusy
from pipelines.definitions import build_definitions
from pipelines.jobs import BACKFILL, DAILY, backfill_assets

STAGES = {"sources", "facts", "allocation", "marts", "decision", "publication"}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
HOLDER = """
import sys, time
from pathlib import Path
from pipelines.warehouse import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return load_company(write_company(tmp_path))


@contextmanager
def another_writer(company: Company) -> Iterator[None]:
    """Another process holds the lock; it is killed at the end, as a crashed run would be."""
    arguments = [sys.executable, "-c", HOLDER, str(company.paths.state)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def no_lineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the web interface alone, and slower than all else of a small run."""
    monkeypatch.setattr("pipelines.assets.column_lineage", lambda *_: {})


def daily(company: Company) -> dg.ExecuteInProcessResult:
    """The daily job as the daemon runs it: with its own resource, which opens the warehouse. Its log is not for a test's output."""
    with dg.DagsterInstance.ephemeral() as instance:
        return build_definitions(company).resolve_job_def(DAILY).execute_in_process(instance=instance, run_config=QUIET)


def test_a_second_run_ends_at_once(company: Company) -> None:
    with another_writer(company):
        began = time.monotonic()
        outcome = crossover("run", "--config", company.file)
        assert time.monotonic() - began < 30
    assert outcome.code == 1
    assert "another run is writing" in outcome.err
    assert str(company.paths.state / "writer.lock") in outcome.err
    assert "do:" in outcome.err
    assert not (company.paths.state / "warehouse.duckdb").exists()


def test_the_daemon_takes_the_same_lock_and_a_dead_writer_holds_none(company: Company) -> None:
    with another_writer(company), pytest.raises((WriterBusy, dg.DagsterError)) as refused:
        daily(company)
    causes = [refused.value, refused.value.__cause__]
    assert any(isinstance(cause, WriterBusy) for cause in causes)
    assert not company.paths.finance.exists()
    result = daily(company)
    assert result.success
    assert company.paths.finance.exists()
    evaluations = result.get_asset_check_evaluations()
    assert {evaluation.check_name for evaluation in evaluations} >= {"money_conserved", "shares_sum_to_one", "published_tables"}
    for evaluation in evaluations:
        assert evaluation.passed
        assert evaluation.metadata["rows that break it"].value == 0
        assert isinstance(evaluation.metadata["checks"].value, int)
        assert evaluation.metadata["checks"].value > 0
    rows = {each.asset_key.path[-1]: each.materialization.metadata for each in result.get_asset_materialization_events()}
    assert rows["cost_daily"]["dagster/row_count"].value > 0
    assert "total effective_cost" in rows["cost_daily"]


def test_what_the_daemon_loads(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import definitions

    monkeypatch.setenv("CROSSOVER_CONFIG", str(company.file))
    monkeypatch.chdir(company.root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = definitions.defs.load() if hasattr(definitions.defs, "load") else definitions.defs()
    dg.Definitions.validate_loadable(loaded)
    graph = loaded.resolve_asset_graph()
    assert {graph.get(key).group_name for key in graph.materializable_asset_keys} == {*STAGES, BACKFILL}
    sources = {key.path[1] for key in graph.materializable_asset_keys if key.path[0] == "sources"}
    assert sources == {source.id for source in company.sources}
    assert all(graph.get(check).blocking for check in graph.asset_check_keys)
    (schedule,) = loaded.schedules or []
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == DAILY
    assert isinstance(graph.get(dg.AssetKey([BACKFILL, "cloud"])).partitions_def, dg.MonthlyPartitionsDefinition)
    assert isinstance(graph.get(dg.AssetKey([BACKFILL, "api-log"])).partitions_def, dg.DailyPartitionsDefinition)


def backfilled(company: Company, source: str, first: str, last: str) -> dict[str, object]:
    """Back-fill a range of a source's partitions as the UI does: one run. The metadata of its materialisation, by name."""
    asset = next(a for a in backfill_assets(company) if a.key == dg.AssetKey([BACKFILL, source]))
    definitions = build_definitions(company)
    job = dg.define_asset_job("one_run", selection=[asset.key])
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    with dg.DagsterInstance.ephemeral() as instance:
        done = (
            dg.Definitions(assets=[asset], jobs=[job], resources=definitions.resources, executor=dg.in_process_executor)
            .resolve_job_def("one_run")
            .execute_in_process(instance=instance, run_config=QUIET, tags=tags)
        )
        assert done.success
        events = [e.event_specific_data.materialization for e in done.all_events if e.event_type_value == "ASSET_MATERIALIZATION"]
    return {name: value.value for name, value in events[0].metadata.items()} | {"partitions": len(events)}


def test_a_year_of_days_is_backfilled_in_one_run(company: Company) -> None:
    assert daily(company).success
    found = backfilled(company, "api-log", "2025-07-01", "2026-06-30")
    assert found == {"deliveries offered": 2, "deliveries reduced": 2, "rows reduced": 200, "partitions": 365}


def test_a_backfill_of_days_reduces_what_holds_them_and_nothing_else(company: Company) -> None:
    assert daily(company).success
    assert backfilled(company, "api-log", "2026-06-03", "2026-06-04")["deliveries reduced"] == 1
    assert backfilled(company, "api-log", "2026-06-20", "2026-06-20")["deliveries reduced"] == 0
    assert backfilled(company, "cloud", "2026-05-01", "2026-05-01")["rows reduced"] == 15
