"""What `crossover run`, `check` and `status` print: for a person on a terminal, or one JSON document for a program.

Progress goes to standard error, the result to standard output. Not here: what is computed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from models.config import Company
from models.errors import CrossoverError
from pipelines.run import FAILED_RUN, Run

EXIT_REFUSED = 3
_ABOUT_DAYS = ("days_apart", "as_of_after_data")
"""Findings that make every recommendation doubtful: they are said where these are read."""

_MOVES = ("move_to_self_host", "move_to_api", "split", "switch_api_model", "escalate")


def run_and_report(company: Company, as_of: date | None, *, as_json: bool) -> int:
    """Run the daily job and print what it found. Returns the exit code: 0, or 3 where a source is stale or refused."""
    from pipelines.execution import daily_run

    with _progress(quiet=as_json) as progress, daily_run(company, as_of, progress) as run:
        document = _document(run)
    if as_json:
        print_json(document)
    else:
        _print_run(company, document)
    return int(document["exit_code"])


def check_sources(company: Company, *, as_json: bool) -> int:
    """Reach every source without ingesting. Returns 0, or 3 where one can't be reached."""
    from connectors.offers import reach

    rows = []
    for source in company.sources:
        row: dict[str, Any] = {"source": source.id, "kind": source.kind, "path": source.path, "files": None, "bytes": None, "problem": None}
        try:
            files, size_bytes = reach(source, company.root)
            row |= {"files": files, "bytes": size_bytes}
        except CrossoverError as error:
            row["problem"] = error.one_line
        rows.append(row)
    problems = sum(row["problem"] is not None for row in rows)
    code = EXIT_REFUSED if problems else 0
    if as_json:
        print_json({"configuration": str(company.file), "sources": rows, "exit_code": code})
        return code
    console = _console()
    console.print(f"[bold]{company.company}[/]: the configuration is valid ({company.file})")
    console.print(
        f"{len(company.sources)} sources, {len(company.workloads)} workloads, {len(company.pools)} pools, {len(company.rules)} rules, "
        f"reporting in {company.currency}"
    )
    table = plain_table("source", "kind", ">files", ">size", "problem")
    for row in rows:
        size = "" if row["bytes"] is None else _bytes(row["bytes"])
        table.add_row(row["source"], row["kind"], "" if row["files"] is None else str(row["files"]), size, row["problem"] or "reached")
    console.print(table)
    console.print("Next: [bold]crossover run[/]" if not problems else f"{problems} of {len(rows)} sources have problems.")
    return code


def show_status(company: Company, *, as_json: bool) -> int:
    """Sources, periods, freshness and open problems as of the published file. Returns 0, or 3 where a source is stale or refused."""
    with open_finance(company) as con:
        run = fetch_rows(con, "SELECT * FROM runs ORDER BY finished_at DESC NULLS LAST LIMIT 1")[0]
        sources = fetch_rows(
            con,
            "SELECT source_id AS source, count(DISTINCT delivery) AS deliveries, CAST(sum(rows) AS BIGINT) AS rows, min(period) AS first_period, "
            "max(period) AS last_period, max(ingested_at) AS last_read FROM ingestions WHERE superseded_at IS NULL GROUP BY 1 ORDER BY 1",
        )
        problems = fetch_rows(
            con, "SELECT severity, check_name, subject, rows, amount, message FROM data_quality WHERE severity <> 'info' ORDER BY ALL"
        )
        stale = [p["subject"] for p in problems if p["check_name"] in ("file_refused", "source_unreachable")]
        reconciled = fetch_rows(con, "SELECT status, count(*) AS rows FROM reconciliation GROUP BY 1 ORDER BY 1")
    code = EXIT_REFUSED if stale else 0
    failed = company.paths.state / FAILED_RUN
    failed_at = failed.read_text(encoding="utf-8") if failed.exists() else None
    if as_json:
        document = {"run": run, "failed_run_at": failed_at, "sources": sources, "problems": problems, "reconciliation": reconciled, "exit_code": code}
        print_json(document)
        return code
    console = _console()
    console.print(f"[bold]{company.company}[/]: {company.paths.finance}")
    if failed_at:
        console.print(f"[red]The run of {failed_at} UTC failed[/], so this is what the one before it published: `crossover run` says why.")
    console.print(f"run {run['run_id']}, as of {run['as_of']}, finished {run['finished_at']:%Y-%m-%d %H:%M} UTC, {run['status']}")
    table = plain_table("source", ">files", ">rows", "periods", "last read", "state")
    for source in sources:
        span = f"{source['first_period']:%Y-%m} to {source['last_period']:%Y-%m}" if source["first_period"] else "-"
        state = "[red]stale[/]" if source["source"] in stale else "fresh"
        table.add_row(source["source"], str(source["deliveries"]), f"{source['rows']:,}", span, f"{source['last_read']:%Y-%m-%d %H:%M}", state)
    console.print(table)
    console.print("reconciliation: " + ", ".join(f"{row['rows']} {row['status']}" for row in reconciled))
    if problems:
        table = plain_table("problem", "where", ">rows", ">amount", "what")
        for problem in problems:
            colour = "red" if problem["severity"] == "error" else "yellow"
            amount = "" if problem["amount"] is None else money(problem["amount"], 2)
            table.add_row(f"[{colour}]{problem['check_name']}[/]", problem["subject"], f"{problem['rows']:,}", amount, problem["message"])
        console.print(table)
    else:
        console.print("no open problems")
    return code


@contextmanager
def open_finance(company: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only. Raises CrossoverError where there is none yet, or one without what is asked for: of an older version."""
    file: Path = company.paths.finance
    if not file.exists():
        raise CrossoverError("nothing has been published yet", where=str(file), todo="`crossover run` reads the sources and writes it")
    con = duckdb.connect(str(file), read_only=True)
    try:
        yield con
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise CrossoverError(
            "the published file lacks what this version reads",
            where=str(file),
            found=str(error).splitlines()[0],
            todo="`crossover run` writes it anew with this version",
        ) from error
    finally:
        con.close()


def print_json(document: dict[str, Any]) -> None:
    """One JSON document; money as text, so that no digit is lost."""
    Console(highlight=False, soft_wrap=True, markup=False).print(json.dumps(document, default=str, indent=1))


def money(amount: Decimal | float, places: int = 0) -> str:
    """An amount for a person: thousands apart, no sign before a zero."""
    return f"{amount:z,.{places}f}"


def _document(run: Run) -> dict[str, Any]:
    """All that a run found, in one value: what is printed and what --json gives."""
    con = run.con
    refused = run.refusals
    month = fetch_rows(con, "SELECT max(month) AS month FROM marts.crossover_monthly WHERE is_complete")
    last = month[0]["month"] or (run.as_of.replace(day=1) if run.as_of else None)
    workloads = con.execute(
        "SELECT workload_id, sum(effective_cost), sum(effective_cost) FILTER (WHERE cost_category = 'gpu_idle') FROM marts.cost_monthly "
        "WHERE month = ? GROUP BY 1 ORDER BY 2 DESC",
        [last],
    ).fetchall()
    return {
        "status": "published with refusals" if refused else "published",
        "exit_code": EXIT_REFUSED if refused else 0,
        "company": run.company.company,
        "currency": run.company.currency,
        "run_id": run.run_id,
        "as_of": run.as_of,
        "finance": str(run.company.paths.finance),
        "sources": [
            {
                "source": s.source_id,
                "offered": s.offered,
                "changed": s.reduced,
                "withdrawn": s.withdrawn,
                "rows": s.rows,
                "periods": s.periods,
                "refused": s.refused,
            }
            for s in run.syncs
        ],
        "money": fetch_rows(
            con,
            "SELECT sum(attributed_effective) AS attributed, sum(unattributed_effective) AS unattributed, sum(quarantined_effective) AS quarantined "
            "FROM marts.reconciliation WHERE is_reporting_currency",
        )[0],
        **_quarantine(con),
        "month": last,
        "workloads": [{"workload": w, "effective_cost": cost, "idle_cost": idle} for w, cost, idle in workloads],
        "recommendations": fetch_rows(
            con,
            "SELECT quarter, state, workload_id AS workload, placement, recommendation, reason, binding_gate, current_cost_monthly, saving_monthly, "
            "probability, payback_months FROM marts.placement_recommendations "
            "WHERE quarter = (SELECT max(quarter) FROM marts.placement_recommendations) ORDER BY workload_id",
        ),
        "findings": fetch_rows(
            con, "SELECT severity, check_name, subject, rows, amount, message FROM marts.data_quality WHERE severity <> 'info' ORDER BY ALL"
        ),
        "checks": [{"check": c.name, "passed": c.passed, "rows": c.rows} for c in run.checks],
        "tables": run.published,
    }


def _quarantine(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows wait in quarantine, and how many of them carry money that can't be told in the reporting currency."""
    ((rows, unknown),) = con.execute("SELECT count(*), count(*) FILTER (WHERE effective_cost IS NULL) FROM ledger.quarantine").fetchall()
    return {"quarantined_rows": rows, "quarantined_unknown": unknown}


def _print_run(company: Company, found: dict[str, Any]) -> None:
    console = _console()
    currency = found["currency"]
    console.print(f"\n[bold]{found['company']}[/], as of {found['as_of']} (run {found['run_id']})\n")
    table = plain_table("source", ">files", ">changed", ">rows read", "periods read", title="What was read")
    for source in found["sources"]:
        periods = f"{source['periods'][0]} to {source['periods'][-1]}" if len(source["periods"]) > 1 else "".join(source["periods"])
        changed = str(source["changed"]) if source["changed"] else "-"
        table.add_row(source["source"], str(source["offered"]), changed, f"{source['rows']:,}" if source["rows"] else "-", periods)
    console.print(table)
    for source in found["sources"]:
        for line in source["refused"]:
            console.print(f"[red]refused[/] {source['source']}: {line}", highlight=False)
    total = found["money"]
    parts = [(name, total[name] or Decimal(0)) for name in ("attributed", "unattributed", "quarantined")]
    waiting = f" ({found['quarantined_rows']:,} rows, some of unknown amount)" if found["quarantined_unknown"] else ""
    said = ", ".join(f"{money(amount, 2)} {currency} {name}" for name, amount in parts)
    console.print(f"\n[bold]Every cent[/]: {said}{waiting}; differences: none\n")
    if found["workloads"]:
        table = plain_table("workload", f">{currency} effective", ">of it idle", title=f"What it cost in {found['month']:%B %Y}")
        for row in found["workloads"]:
            table.add_row(row["workload"], money(row["effective_cost"], 2), money(row["idle_cost"], 2) if row["idle_cost"] else "")
        console.print(table)
    recommendations = found["recommendations"]
    if recommendations:
        quarter = f"{recommendations[0]['quarter']}, {recommendations[0]['state']}"
        table = plain_table(
            "workload",
            "today",
            "recommendation",
            "why",
            f">{currency}/month",
            ">odds",
            title=f"Where each belongs ({quarter}), and what a change saves",
        )
        for row in recommendations:
            moves = row["recommendation"] in _MOVES
            saves = money(row["saving_monthly"]) if row["saving_monthly"] is not None else ""
            odds = f"{row['probability']:.0%}" if row["probability"] is not None else ""
            named = f"[bold green]{row['recommendation']}[/]" if moves else row["recommendation"]
            table.add_row(row["workload"], row["placement"] or "", named, row["reason"] or "", saves, odds)
        console.print(table)
    if found["findings"]:
        for row in found["findings"]:
            if row["check_name"] in _ABOUT_DAYS:
                console.print(f"[yellow]{row['subject']}[/]: {row['message']}", highlight=False)
        errors = sum(row["severity"] == "error" for row in found["findings"])
        console.print(f"{len(found['findings'])} findings ({errors} errors) in table data_quality: [bold]crossover status[/] lists them")
    console.print(f"\nResults: [bold]{short_path(company.paths.finance)}[/] ({len(found['tables'])} tables, each column with its meaning)")
    flag = "" if company.file.name == "crossover.yaml" and company.root == Path.cwd() else f" --config {short_path(company.file)}"
    if recommendations:
        # the most money first: it is what a reader asks about
        first = max(recommendations, key=lambda row: (row["recommendation"] in _MOVES, row["saving_monthly"] or 0))["workload"]
        console.print(f"Next: [bold]crossover explain {first}{flag}[/] tells why; [bold]crossover ui{flag}[/] shows the pipeline")


def short_path(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, plain lines elsewhere, nothing where a program listens."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        with console.status("starting") as spinner:
            yield lambda text: spinner.update(text)
    else:
        yield lambda text: console.print(text, soft_wrap=True, markup=False)


def _console() -> Console:
    console = Console(highlight=False)
    # a pipe has no width: as wide as the tables need
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, 160))


def plain_table(*columns: str, title: str | None = None) -> Table:
    """A plain table; a column name that starts with > is right-aligned."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return table


def fetch_rows(con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """A query's rows, each by column name."""
    result = con.execute(sql, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
