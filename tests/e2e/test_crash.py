"""A run that is killed at any moment harms nothing; nor does a client of the published file that is killed or goes on reading.

Runs are processes of their own, forked from one that has imported everything, so that the moments lie within the run and not in its imports.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from small_company import MONTHS, bill_name, bill_row, bill_rows, write_company, write_rows

LIMIT_SECONDS = 90
VOLATILE = {"run_id", "snapshot_id", "started_at", "finished_at", "ingested_at", "superseded_at", "product_version"}
CLOUD_BILLED = "SELECT CAST(sum(billed_cost) AS INTEGER) FROM cost_daily WHERE source_id = 'cloud'"
Contents = dict[str, list[str]]


@dataclass(frozen=True)
class Move:
    """Just before or just after a finished file is given its final name."""

    order: str
    name: str


@dataclass(frozen=True)
class Line:
    """Some time after a line of progress."""

    text: str
    seconds_later: float = 0.0


FIRST_RUN = (
    Move("before", "warehouse.duckdb"),
    Line("reading fx"),
    Line("reading cloud", 0.03),
    Line("cloud: 2026-05.csv"),
    Move("before", "people.parquet"),
    Move("after", "people.parquet"),
    Line("building allocation", 0.1),
    Move("before", "people_rates.jsonl"),  # rates are frozen just before the swap
    Move("before", "finance.duckdb"),
)
REPLACING_RUN = (
    Line("reading cloud", 0.02),
    Line("costing people", 0.05),
    Line("publishing", 0.05),
    Move("before", "finance.duckdb"),
    Move("after", "finance.duckdb"),
)


def test_a_run_killed_at_any_moment_leaves_the_published_file_and_the_next_run_whole(company: Path, undisturbed: tuple[Contents, Contents]) -> None:
    old, new = undisturbed
    for moment in FIRST_RUN:
        assert run(company, moment, stores_log=True) == -signal.SIGKILL, moment
        assert not finance(company).exists(), moment
    assert run(company, Move("after", "finance.duckdb")) == -signal.SIGKILL
    assert contents(company) == old, "published, then killed"
    assert run(company, stores_log=True) == 0
    assert contents(company) == old
    change(company)
    for moment in REPLACING_RUN:
        assert run(company, moment) == -signal.SIGKILL, moment
        assert contents(company) == (new if moment == Move("after", "finance.duckdb") else old), moment
    assert run(company) == 0
    assert contents(company) == new
    assert [path.name for path in finance(company).parent.iterdir()] == ["finance.duckdb"]


def test_a_dead_writing_client_and_a_living_reader_stand_beside_the_swap(company: Path) -> None:
    assert run(company) == 0
    before, billed = contents(company), query(company, CLOUD_BILLED)[0][0]
    wal = finance(company).with_name("finance.duckdb.wal")
    change(company, 500)
    assert run(company, Line("costing people")) == -signal.SIGKILL
    change(company, 1_000)
    dead_writer(company)
    assert wal.stat().st_size > 0
    assert contents(company) == before, "readers beside the dead client's log"
    with client(company, READER) as reader:
        assert run(company) == 0
        assert not wal.exists()
        assert ask(reader) == str(billed), "who has the old file open goes on reading it"
    assert query(company, CLOUD_BILLED) == [(billed + 1_000,)]
    assert query(company, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'foreign_table'") == [(0,)]
    assert query(company, "SELECT status FROM runs ORDER BY started_at") == [("published",), ("failed",), ("published",)]


# The run, in a process of its own.


def run(folder: Path, moment: Move | Line | None = None, *, stores_log: bool = False) -> int:
    """Exit code of `crossover run`, negative where a signal ended it. Dagster's log on disk takes as long as all else: only where asked for."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipelines.cli", "pipelines.report", "pipelines.execution"])
    process = context.Process(target=run_until, args=(folder / "crossover.yaml", log, moment, stores_log))
    process.start()
    process.join(LIMIT_SECONDS)
    assert process.exitcode is not None, f"still running: {log.read_text()}"
    assert moment or process.exitcode == 0, log.read_text()
    return process.exitcode


def run_until(configuration: Path, log: Path, moment: Move | Line | None, stores_log: bool) -> None:
    """The new process: `crossover run`, with the moment of its death laid in its way."""
    from pipelines import assets
    from pipelines.cli import main

    assets.column_lineage = lambda *_: {}  # for the web interface alone, and slower than all else of a small run
    if not stores_log:
        dg.DagsterInstance.from_config = lambda _: dg.DagsterInstance.ephemeral()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if isinstance(moment, Move):
        die_at_move(moment)
    if isinstance(moment, Line):
        sys.stderr = DyingText(moment)
    sys.argv = ["crossover", "run", "--config", str(configuration)]
    main()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_move(moment: Move) -> None:
    """Die around the os.replace that gives a file this name."""
    replace = os.replace

    def dying_replace(source: str | Path, target: str | Path) -> None:
        if Path(target).name == moment.name and moment.order == "before":
            die()
        replace(source, target)
        if Path(target).name == moment.name:
            die()

    os.replace = dying_replace


class DyingText(io.StringIO):
    """A standard error that kills its process some time after the line was written."""

    def __init__(self, moment: Line) -> None:
        super().__init__()
        self.moment = moment

    def write(self, text: str) -> int:
        if self.moment.text in text:
            if self.moment.seconds_later == 0:
                die()
            threading.Timer(self.moment.seconds_later, die).start()
        return len(text)


# Companies and what they publish.


@pytest.fixture
def company(tmp_path: Path) -> Path:
    write_company(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contents, Contents]:
    """What runs publish that nobody kills, before and after the change, each from an empty state."""
    folders = [tmp_path_factory.mktemp("undisturbed"), tmp_path_factory.mktemp("undisturbed")]
    for folder in folders:
        write_company(folder)
    change(folders[1])
    assert [run(folder) for folder in folders] == [0, 0]
    return contents(folders[0]), contents(folders[1])


def change(folder: Path, cost: int = 1_000) -> None:
    """A correction of the bill: one more line."""
    write_rows(folder / bill_name(MONTHS[1]), [*bill_rows(MONTHS[1]), bill_row(MONTHS[1], cost, ServiceName="Database")])


def finance(folder: Path) -> Path:
    return folder / "out/finance.duckdb"


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(finance(folder)), read_only=True) as con:
        return con.execute(sql).fetchall()


def contents(folder: Path) -> Contents:
    """Our published tables (each has a comment) as sorted rows, without what names the run and its times."""
    with duckdb.connect(str(finance(folder)), read_only=True) as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE comment IS NOT NULL ORDER BY 1").fetchall()
        found = {}
        for (table,) in tables:
            columns = [f'"{name}"' for name, *_ in con.execute(f"DESCRIBE {table}").fetchall() if name not in VOLATILE]
            if table not in ("runs", "ingestions", "restatements"):  # what happened, not what is
                found[table] = sorted(map(repr, con.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()))
    return found


# Others who open the published file.

WRITER = """
import sys, time, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("CREATE TABLE foreign_table AS SELECT 42 AS answer FROM range(1000)")
print("written", flush=True)
time.sleep(600)
"""
READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
for question in sys.stdin:
    print(con.execute(question).fetchall()[0][0], flush=True)
"""


@contextmanager
def client(folder: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has opened the published file; killed at the end."""
    arguments = [sys.executable, "-c", program, str(finance(folder))]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def dead_writer(folder: Path) -> None:
    """Somebody made the file writable, wrote a table, died."""
    finance(folder).chmod(0o644)
    with client(folder, WRITER):
        pass


def ask(reader: subprocess.Popen[str]) -> str:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(CLOUD_BILLED + "\n")
    reader.stdin.flush()
    return reader.stdout.readline().strip()
