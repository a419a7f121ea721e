"""The little SQL runner: the files of `dbt_like_sql/` as a graph of tables. The only module that imports sqlglot.

One SELECT a file, the path is the table (`allocation/cost.sql` is `allocation.cost`), dependencies are read out of the SQL, and the
file's own text is what the database executes. Not here: which tables are published (`pipelines.publish`) and what a failed check means
(`pipelines.audit`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb
    from sqlglot import exp

STAGES = ("staging", "facts", "allocation", "marts", "checks")


@dataclass(frozen=True)
class SqlModel:
    """One file: `name` is `stage.table`, `text` what is executed, `description` its first comment, `dependencies` the tables it reads."""

    name: str
    text: str
    description: str
    dependencies: tuple[str, ...]

    @property
    def stage(self) -> str:
        return self.name.split(".")[0]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def models() -> dict[str, SqlModel]:
    """Every SQL model by name, in the order in which they can be run. Raises ValueError for a file that is not one qualified SELECT."""
    found: dict[str, SqlModel] = {}
    for stage in STAGES:
        for file in sorted((f for f in files("dbt_like_sql").joinpath(stage).iterdir() if f.name.endswith(".sql")), key=lambda f: f.name):
            name = f"{stage}.{file.name.removesuffix('.sql')}"
            text = file.read_text(encoding="utf-8")
            found[name] = SqlModel(name, text, _description(name, text), _dependencies(name, text))
    graph = {name: [d for d in model.dependencies if d in found] for name, model in found.items()}
    try:
        order = list(TopologicalSorter(dict(sorted(graph.items()))).static_order())
    except CycleError as error:
        raise ValueError(f"SQL models depend on each other in a circle: {' -> '.join(error.args[1])}") from None
    return {name: found[name] for name in order}


def stage(*names: str) -> list[SqlModel]:
    """The models of the given stages, in the order in which they can be run."""
    return [model for model in models().values() if model.stage in names]


def build(con: duckdb.DuckDBPyConnection, model: SqlModel) -> int:
    """Materialise one model as a table, from the file's own text. Returns its row count."""
    con.execute(f"CREATE OR REPLACE TABLE {model.name} AS {model.text}")
    row = con.execute(f"SELECT count(*) FROM {model.name}").fetchall()
    return int(row[0][0])


def table_columns(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    """Column names and types of a table or view."""
    return [(str(column[0]), str(column[1])) for column in con.execute(f"DESCRIBE {name}").fetchall()]


def lineage(model: SqlModel, schema: Mapping[str, Iterable[str]]) -> dict[str, list[tuple[str, str]]]:
    """Per output column the (table, column) pairs it is made of, through all CTEs.

    `schema` maps `stage.table` to the columns of the tables that the model reads.
    """
    from sqlglot import exp
    from sqlglot.lineage import lineage as trace
    from sqlglot.optimizer.qualify import qualify

    nested: dict[str, object] = {}
    spaces: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in schema.items():
        space, _, table = name.partition(".")
        spaces.setdefault(space, {})[table] = dict.fromkeys(columns, "unknown")
    nested.update(spaces)
    tree = qualify(_parse(model.name, model.text), schema=nested, dialect="duckdb", validate_qualify_columns=False)
    found: dict[str, list[tuple[str, str]]] = {}
    for column in tree.named_selects:
        leaves = set()
        for node in trace(column, tree, schema=nested, dialect="duckdb", copy=False).walk():
            if isinstance(node.expression, exp.Table) and not node.downstream:
                leaves.add((f"{node.expression.db}.{node.expression.name}", node.name.split(".")[-1].strip('"')))
        found[column] = sorted(leaves)
    return found


def _parse(name: str, text: str) -> exp.Query:
    import sqlglot
    from sqlglot import exp

    statements = sqlglot.parse(text, dialect="duckdb")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ValueError(f"{name}: a model is exactly one SELECT, found {len(statements)} statements")
    return statements[0]


def _description(name: str, text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    if not lines or not lines[0].startswith(("One row per", "Must return no rows")):
        raise ValueError(f"{name}: the first line must be `-- One row per (...)` or `-- Must return no rows: ...`")
    return " ".join(lines)


def _dependencies(name: str, text: str) -> tuple[str, ...]:
    from sqlglot import exp

    tree = _parse(name, text)
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not table.db and (table.name in ctes or not table.name):
            continue
        if not table.db:
            raise ValueError(f"{name}: table {table.name} has no schema; write stage.table")
        found.add(f"{table.db}.{table.name}")
    return tuple(sorted(found))
