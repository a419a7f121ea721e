"""The board's word: `crossover decide` records what was decided on a published recommendation, for good.

A decision is a line of `state/ledger/decisions.jsonl`; of two for one quarter and workload the later holds. Not here: what came of it
(`dbt_like_sql/marts/decisions.sql`), cool-downs after a move (`models.economics`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from models.config import Company
from models.economics.switching import MOVES
from models.errors import ConfigError
from pipelines.decision_ledger import CHAIN
from pipelines.explain import resolve_workload
from pipelines.report import fetch_rows, open_finance
from pipelines.warehouse import writer_lock

WORDS = ("accept", "reject", "defer")
CHANGES = (*MOVES, "switch_api_model")


def record_decision(
    company: Company, workload: str, quarter: str, decision: str, decided_by: str, note: str
) -> tuple[dict[str, str], dict[str, str] | None]:
    """Append a decision on a published recommendation.

    Returns its line, and the one whose place it takes. Only a change of side or model promises a saving; staying promises none. Raises
    ConfigError where there is no such recommendation, or a word is unknown.
    """
    workload_id = resolve_workload(company, workload)
    if decision not in WORDS:
        raise ConfigError(f"{decision} is no decision", where="--decision", expected="one of " + ", ".join(WORDS))
    if not decided_by.strip():
        raise ConfigError("a decision needs somebody's name", where="--by", expected="who decided, such as --by 'placement board'")
    with open_finance(company) as con:
        found = fetch_rows(
            con,
            "SELECT r.recommendation, r.placement, r.saving_monthly, r.effective_date, r.snapshot_id FROM placement_recommendations r "
            "WHERE r.quarter = ? AND r.workload_id = ?",
            [quarter, workload_id],
        )
        quarters = [row["quarter"] for row in fetch_rows(con, "SELECT DISTINCT quarter FROM placement_recommendations ORDER BY 1")]
    if not found:
        raise ConfigError(
            f"there is no recommendation for {workload_id} in {quarter}", where=str(company.paths.finance), expected="one of " + ", ".join(quarters)
        )
    row = found[0]
    promised = ("saving_monthly", "effective_date") if row["recommendation"] in CHANGES else ()
    values = [
        *(quarter, workload_id, row["recommendation"], row["placement"] or "", decision, decided_by.strip()),
        datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
        note.strip(),
        *("" if row[name] is None or name not in promised else str(row[name]) for name in ("saving_monthly", "effective_date")),
        row["snapshot_id"],
    ]
    with writer_lock(company.paths.state):
        earlier = [line for line in CHAIN.read(company.paths.state) if (line["quarter"], line["workload_id"]) == (quarter, workload_id)]
        CHAIN.append(company.paths.state, [values])
    return dict(zip(CHAIN.fields, values, strict=True)), earlier[-1] if earlier else None
