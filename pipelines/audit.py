"""The invariants, run before anything is published: SQL files of `dbt_like_sql/checks` and what every published table must hold.

A check is a query that must return no rows. Not here: the invariants themselves where they are SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from models.config import Company
from models.errors import AuditFailed
from pipelines import sql_models
from pipelines.warehouse import one

EXAMPLES_MAX = 5


@dataclass(frozen=True)
class CheckResult:
    """One check: how many rows broke it, and some of them in words."""

    name: str
    description: str
    rows: int
    examples: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.rows == 0


def audit(con: duckdb.DuckDBPyConnection, company: Company, published: Mapping[str, Sequence[str]]) -> list[CheckResult]:
    """Every check's result. `published` maps table names to the columns that are their grain."""
    results = [_run(con, model.name.split(".")[1], model.description, model.text) for model in sql_models.stage("checks")]
    for table, grain in published.items():
        names = ", ".join(f'"{name}"' for name in grain)
        results.append(
            _run(
                con,
                f"{table}_grain",
                f"Must return no rows: one row per ({', '.join(grain)})",
                f"SELECT {names}, count(*) FROM marts.{table} GROUP BY {names} HAVING count(*) > 1",
            )
        )
        doubles = [name for name, kind in sql_models.table_columns(con, f"marts.{table}") if kind in ("DOUBLE", "FLOAT")]
        if doubles:
            broken = " OR ".join(f'NOT isfinite("{name}")' for name in doubles)
            results.append(
                _run(
                    con,
                    f"{table}_finite",
                    "Must return no rows: no NaN, no infinity",
                    f"SELECT {', '.join(doubles)} FROM marts.{table} WHERE {broken}",
                )
            )
        if "workload_id" in grain and table != "workloads":
            results.append(
                _run(
                    con,
                    f"{table}_workloads",
                    "Must return no rows: every workload is in workloads",
                    f"SELECT DISTINCT workload_id FROM marts.{table} WHERE workload_id NOT IN (SELECT workload_id FROM marts.workloads)",
                )
            )
    results.append(_refused_money(con, company))
    return results


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raises AuditFailed naming every check that did not pass."""
    failed = [result for result in results if not result.passed]
    if failed:
        raise AuditFailed(
            f"{len(failed)} of {len(results)} checks failed; nothing was published",
            found="; ".join(f"{result.name}: {result.rows} rows, such as ({'), ('.join(result.examples)})" for result in failed),
            expected="; ".join(result.description.removeprefix("Must return no rows: ") for result in failed),
            todo="correct the source or the configuration and run again; the published file is the last good one",
        )


def _run(con: duckdb.DuckDBPyConnection, name: str, description: str, sql: str) -> CheckResult:
    rows = con.execute(f"SELECT * FROM ({sql}) LIMIT {EXAMPLES_MAX}").fetchall()
    count = one(con, f"SELECT count(*) FROM ({sql})") if len(rows) == EXAMPLES_MAX else (len(rows),)
    return CheckResult(name, description, int(count[0]) if count else 0, tuple(", ".join(str(value) for value in row) for row in rows))


def _refused_money(con: duckdb.DuckDBPyConnection, company: Company) -> CheckResult:
    """A source may have `max_quarantined_pct` of its money refused, by amount; where refused amounts are unknown, by rows."""
    limits = {s.id: company.max_quarantined_pct if s.max_quarantined_pct is None else s.max_quarantined_pct for s in company.sources}
    totals = con.execute(
        # in the reporting currency; refused rows by their size, so that a refused charge and its refused refund don't hide each other
        "SELECT r.source_id, CAST(sum(abs(r.source_billed) + abs(r.source_effective)) AS DOUBLE), any_value(q.refused) FROM marts.reconciliation r "
        "JOIN (SELECT source_id, CAST(sum(abs(billed_cost) + abs(effective_cost)) AS DOUBLE) AS refused FROM ledger.quarantine GROUP BY 1) q "
        "USING (source_id) WHERE r.is_reporting_currency GROUP BY 1"
    ).fetchall()
    unknown = con.execute(
        "SELECT q.source_id, count(*), any_value(d.rows) FROM ledger.quarantine q JOIN (SELECT source_id, sum(row_count) AS rows "
        "FROM ledger.delivery WHERE superseded_at IS NULL AND kind NOT IN ('fx_rates', 'control_totals') GROUP BY 1) d USING (source_id) "
        "WHERE q.effective_cost IS NULL GROUP BY 1"
    ).fetchall()
    over: dict[str, str] = {}
    for source_id, total, refused in sorted(totals):
        pct = 100 * (refused or 0.0) / total if total else 0.0
        if pct > float(limits.get(source_id, company.max_quarantined_pct)):
            over[source_id] = f"{pct:.2f} % of its money is refused"
    for source_id, refused, rows in sorted(unknown):
        pct = 100 * refused / rows if rows else 0.0
        if pct > float(limits.get(source_id, company.max_quarantined_pct)):
            over.setdefault(source_id, f"{refused} of {rows} rows ({pct:.2f} %) are refused")
    examples = tuple(f"source {name}: {text}, allowed {limits[name]} %{_refused_rows(con, name)}" for name, text in over.items())
    return CheckResult("refused_money", "Must return no rows: no more of a source is in quarantine than max_quarantined_pct", len(over), examples)


def _refused_rows(con: duckdb.DuckDBPyConnection, source_id: str) -> str:
    """Some refused rows of a source, of unknown amount and of the largest first: the table that lists them all is not published."""
    rows = con.execute(
        "SELECT file, row_number, reasons FROM marts.quarantine WHERE source_id = ? "
        "ORDER BY abs(effective_cost) DESC NULLS FIRST, file, row_number LIMIT ?",
        [source_id, EXAMPLES_MAX],
    ).fetchall()
    return "".join(f"; {file} row {number}: {reasons}" for file, number, reasons in rows)
