"""What `crossover whatif` prints: what stays, what changes. Not here: what is computed (`pipelines.what_if`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from models.config import Company
from pipelines.changes import changed_company
from pipelines.explain import resolve_workload
from pipelines.report import _console as console_of
from pipelines.report import money, plain_table, print_json
from pipelines.what_if import what_if

_COMPARED = ("recommendation", "reason", "alternative", "saving_monthly", "probability", "current_cost_monthly", "alternative_cost_monthly")


def show_what_if(company: Company, changes: Sequence[str], workload: str | None, *, as_json: bool) -> None:
    """Print what the changes would do to the latest quarter's recommendations. Raises ConfigError for changes that can't be."""
    changed = changed_company(company, changes)
    only = resolve_workload(company, workload) if workload else None
    found = what_if(company, changed)
    rows = [_row(row) for row in _latest(found.recommendations, only).iter_rows(named=True)]
    if as_json:
        print_json({"company": company.company, "as_of": found.as_of, "changes": list(changes), "currency": company.currency, "workloads": rows})
        return
    console = console_of()
    console.print(f"[bold]{company.company}[/]: what if {', '.join(changes)}, on the data up to {found.as_of:%d %B %Y}. Nothing is written.")
    console.print("The money is what a change of side or model saves.\n")
    moved = [row for row in rows if row["changes"]]
    if not moved:
        console.print("Nothing changes: every recommendation, saving and probability stays as it is.")
        return
    table = plain_table("workload", "recommended", "would be", "why", f">{company.currency}/month", ">would be", ">odds", ">would be")
    for row in moved:
        now, then = row["published"], row["if"]
        other = then["recommendation"] != now["recommendation"]
        named = f"[bold]{then['recommendation']}[/]" if other else "the same"
        table.add_row(
            row["workload_id"], now["recommendation"], named, then["reason"] or "",
            *(_money(side["saving_monthly"]) for side in (now, then)), *(_share(side["probability"]) for side in (now, then)),
        )  # fmt: skip
    console.print(table)
    others = sum(row["published"]["recommendation"] != row["if"]["recommendation"] for row in rows)
    console.print(f"\n{others or 'None'} of {len(rows)} recommendations would change, the money or the odds of {len(moved)}.")


def _latest(recommendations: pl.DataFrame, workload_id: str | None) -> pl.DataFrame:
    latest = recommendations.filter(pl.col("quarter") == pl.col("quarter").max())
    return latest.filter(pl.col("workload_id") == workload_id) if workload_id else latest


def _row(row: dict[str, Any]) -> dict[str, Any]:
    now, then = ({name: row[f"{name}{suffix}"] for name in _COMPARED} for suffix in ("", "_if"))
    return {"workload_id": row["workload_id"], "quarter": row["quarter"], "published": now, "if": then, "changes": now != then}


def _money(value: float | None) -> str:
    return "" if value is None else money(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
