"""The real command line, run in this process on a small company; the same folder for every test, so that no path in its state changes."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from small_company import write_company

from pipelines.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document that --json promises."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def source(self, name: str) -> dict[str, Any]:
        """What the document says of a source."""
        found: dict[str, Any] = next(source for source in self.document["sources"] if source["source"] == name)
        return found


@dataclass(frozen=True)
class Place:
    """A company's folder, with what it has published."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "crossover.yaml"

    @property
    def finance(self) -> Path:
        return self.folder / "out/finance.duckdb"

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the published file."""
        with duckdb.connect(str(self.finance), read_only=True) as con:
            return con.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, *parameters: object) -> Any:
        """The only value of a query on the published file."""
        ((found,),) = self.query(sql, *parameters)
        return found

    def cost(self, condition: str) -> Decimal:
        """Effective cost of cost_daily under a condition; a sum of nothing is 0."""
        found: Decimal = self.value(f"SELECT coalesce(sum(effective_cost), 0) FROM cost_daily WHERE {condition}")
        return found

    def edit(self, old: str, new: str) -> None:
        """Replace a text that stands once in the configuration."""
        text = self.configuration.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.configuration.write_text(text.replace(old, new), encoding="utf-8")


    def run(self, *arguments: object) -> Outcome:
        """`crossover run --json` on this company."""
        return crossover("run", "--json", "--config", self.configuration, *arguments)

    def rows(self, table: str, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a published table in order, less some columns."""
        kept = f" EXCLUDE ({', '.join(without)})" if without else ""
        return self.query(f"SELECT *{kept} FROM {table} ORDER BY ALL")


def crossover(*arguments: object, keep_event_log: bool = False) -> Outcome:
    """The console script with the given arguments. Only --debug may show a traceback.

    Dagster's log of events is in memory unless `keep_event_log`: on disk it takes longer than all else of a small run.
    """
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["crossover", *map(str, arguments)])
        if not keep_event_log:
            patch.setattr(dg.DagsterInstance, "from_config", lambda _: dg.DagsterInstance.ephemeral())
        with pytest.raises(SystemExit) as exit_:
            main()
    if "--debug" not in arguments:
        assert "Traceback" not in out.getvalue() + err.getvalue()
    return Outcome(int(exit_.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The company's folder and a copy of it as the first good run left it."""
    folder, copy = tmp_path_factory.mktemp("company") / "small", tmp_path_factory.mktemp("snapshot") / "small"
    outcome = crossover("run", "--json", "--config", write_company(folder), keep_event_log=True)
    assert outcome.code == 0, outcome
    shutil.copytree(folder, copy)
    return folder, copy


@pytest.fixture
def published(snapshot: tuple[Path, Path]) -> Place:
    """The company after one good run; whatever the test before did to it is undone."""
    folder, copy = snapshot
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    return Place(folder)


@pytest.fixture
def unread(tmp_path: Path) -> Place:
    """The company's files and configuration before any run."""
    write_company(tmp_path)
    return Place(tmp_path)
