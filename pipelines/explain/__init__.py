"""`crossover explain`: one workload's recommendation as a person would explain it, and the way from its numbers back to files and rows.

Here: which workload and quarter are meant, and the document that both the page and --json are. Only the published file is read; the
configuration resolves names and tells the candidate and the assumed people. Not here: any decision or figure of its own.
"""

from __future__ import annotations

from difflib import get_close_matches

import duckdb

from models.config import Company
from models.errors import ConfigError
from pipelines.explain import prospects, sentences
from pipelines.explain.evidence import Row, find
from pipelines.explain.page import print_page
from pipelines.explain.words import plain_text
from pipelines.report import open_finance, print_json, short_path


def explain_workload(company: Company, workload: str, quarter: str | None, *, as_json: bool) -> None:
    """Print one workload's recommendation, of the latest quarter unless one is named.

    Raises ConfigError for a workload or quarter that there is none of, CrossoverError where nothing has been published.
    """
    workload_id = resolve_workload(company, workload)
    with open_finance(company) as con:
        document = explanation(con, company, workload_id, quarter)
    if as_json:
        print_json(document)
    else:
        print_page(document)


def resolve_workload(company: Company, name: str) -> str:
    """The id of the workload that goes, or went, by that name. Raises ConfigError with the nearest known name."""
    known = company.workload_ids
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1, cutoff=0.5) or get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    raise ConfigError(
        f"there is no workload {name}",
        where=str(company.file),
        expected=f"{near[0]} (the nearest name)" if near else "one of " + ", ".join(sorted({*known.values()})),
    )


def explanation(con: duckdb.DuckDBPyConnection, company: Company, workload_id: str, quarter: str | None) -> Row:
    """All that the page says, as one document: the published rows that it rests on, and under `sentences` what they mean, by section."""
    found = find(con, company, workload_id, quarter)
    return {
        "workload": found.workload,
        "quarter": found.decision["quarter"],
        "state": found.decision["state"],
        "quarters": found.quarters,
        "company": company.company,
        "currency": company.currency,
        "as_of": found.run["as_of"],
        "run_id": found.run["run_id"],
        "finance": short_path(company.paths.finance),
        "configuration_changed": found.is_configuration_changed,
        "months": found.months,
        "is_complete": found.is_complete,
        "span": found.span,
        "sentences": {
            "recommended": sentences.recommended(found),
            "today": sentences.today(found),
            "other": sentences.other(found),
            "costs": sentences.cost_notes(found),
            "break_even": sentences.break_even_notes(found),
            "worth": prospects.worth(found),
            "portfolio": prospects.portfolio(found),
            "indicators": prospects.indicators(found),
            "flips": [plain_text(found.decision["flips_if"])] if found.decision["flips_if"] else [],
            "red_flags": sentences.red_flags(found),
            "findings": [f"{row['subject']}: {row['message']} ({row['rows'] or 0:,} rows)" for row in found.findings],
            "trail": sentences.trail_notes(found),
        },
        "recommendation": found.decision,
        "sides_paid": found.sides_paid,
        "costs": found.costs,
        "break_even": sentences.break_even(found),
        "rules": found.rules,
        "questions": found.questions,
        "sensitivity": found.sensitivity,
        "indicators": found.indicators,
        "portfolio": found.portfolio,
        "red_flags": found.flags,
        "findings": found.findings,
        "trail_month": found.trail_month,
        "trail": found.trail,
        "files": found.files,
        "queries": sentences.queries(found),
    }
