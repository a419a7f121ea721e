"""The ledger of the board's decisions, `state/ledger/decisions.jsonl`, as a table. Not here: recording one (`pipelines.board`)."""

from __future__ import annotations

import duckdb

from models.config import Company
from pipelines.chain import Chain

CHAIN = Chain(
    "decisions",
    ("quarter", "workload_id", "recommendation", "placement", "decision", "decided_by", "decided_at", "note", "projected_saving_monthly",
     "effective_date", "run_id"),
    "the board's decisions",
    "what was decided is then no longer known, nor what came of it",
)  # fmt: skip
_TYPES = {"projected_saving_monthly": "DECIMAL(38, 6)", "effective_date": "DATE", "decided_at": "TIMESTAMP"}


def load_decisions(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """`ledger.decision`: the decision that holds for each quarter and workload."""
    columns = ", ".join(f"{name} {_TYPES.get(name, 'VARCHAR')}" for name in CHAIN.fields)
    con.execute(f"CREATE OR REPLACE TABLE ledger.decision ({columns})")
    latest = {(line["quarter"], line["workload_id"]): line for line in CHAIN.read(company.paths.state)}
    names = company.workload_ids
    for (_, workload_id), line in sorted(latest.items()):
        # history follows a workload to its new name
        values = [names.get(workload_id, workload_id) if name == "workload_id" else line[name] or None for name in CHAIN.fields]
        con.execute(f"INSERT INTO ledger.decision VALUES ({', '.join('?' for _ in CHAIN.fields)})", values)
