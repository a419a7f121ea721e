"""How the house is built: which package may import what, what stays unloaded, how a SQL file begins and ends."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipelines import sql_models

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "connectors", "pipelines")
# What each package leaves to the others.
FORBIDDEN = {
    "models": {"connectors", "pipelines", "dbt_like_sql", "dagster", "duckdb", "sqlglot"},
    "connectors": {"pipelines", "dbt_like_sql", "dagster", "duckdb", "sqlglot"},
    "pipelines": set[str](),
}
SQLGLOT = {"pipelines/sql_models.py", "pipelines/sql_portability.py"}
HEAVY = ("dagster", "duckdb", "polars", "pandera", "pyarrow")

MODULES = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SQL_FILES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "dbt_like_sql").rglob("*.sql"))]


def imported(module: str) -> set[str]:
    """Top-level names of everything a module imports, anywhere in it; relative imports are of its own package."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    return set(_imported(tree, module.split("/")[0]))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield package if node.level else str(node.module).split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    assert not imported(module) & FORBIDDEN[module.split("/")[0]]


@pytest.mark.parametrize("module", MODULES)
def test_sqlglot_stays_in_two_modules(module: str) -> None:
    assert "sqlglot" not in imported(module) or module in SQLGLOT


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_lives_in_it(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    assert not source or ast.get_docstring(ast.parse(source)), "a module starts with a docstring"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        "sys.argv = ['crossover', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


@pytest.mark.parametrize("file", SQL_FILES)
def test_a_sql_file_begins_with_its_grain(file: str) -> None:
    first = (ROOT / file).read_text(encoding="utf-8").splitlines()[0]
    is_check = file.startswith("dbt_like_sql/checks/")
    assert first.startswith("-- Must return no rows: " if is_check else "-- One row per ("), first


@pytest.mark.parametrize("file", SQL_FILES)
def test_a_final_select_names_its_columns(file: str) -> None:
    tree = sqlglot.parse_one((ROOT / file).read_text(encoding="utf-8"), dialect="duckdb")
    assert isinstance(tree, exp.Query)
    assert not tree.is_star
    assert "*" not in tree.named_selects


def test_every_sql_file_is_a_model() -> None:
    assert sorted(f"{name.split('/')[1]}.{Path(name).stem}" for name in SQL_FILES) == sorted(sql_models.models())


def test_stages_read_only_what_comes_before_them() -> None:
    order = {stage: number for number, stage in enumerate(sql_models.STAGES)}
    backwards = {
        (model.name, dependency)
        for model in sql_models.models().values()
        for dependency in model.dependencies
        if order.get(dependency.split(".")[0], -1) > order[model.stage]
    }
    assert not backwards
