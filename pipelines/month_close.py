"""Closing a month: its booked costs and its exchange rates stand; what arrives later for its days is booked in the first open month.

A close is a line of `state/ledger/closes.jsonl`, which names the hash of the month's rows of `cost_daily` as they were published
(`state/ledger/closed/YYYY-MM.parquet`). Reopening is another line. Not here: the booking itself (`dbt_like_sql/marts/cost_daily.sql`).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from connectors.private_files import private_folder, temporary_file
from models.config import Company
from models.economics.periods import month_end
from models.errors import ConfigError, CrossoverError
from pipelines.chain import Chain
from pipelines.fx import monthly_rates
from pipelines.warehouse import connect, one, warehouse, writer_lock

CHAIN = Chain(
    "closes",
    ("month", "action", "at", "currency", "rates", "rows_sha256"),
    "month closes",
    "every month is then open again, and what was booked in it follows the sources",
)


def closed_months(state: Path) -> dict[date, dict[str, str]]:
    """The closed months, oldest first, each with the line that closed it."""
    closed: dict[date, dict[str, str]] = {}
    for line in CHAIN.read(state):
        month = date.fromisoformat(line["month"])
        if line["action"] == "close":
            closed[month] = line
        else:
            closed.pop(month, None)
    return dict(sorted(closed.items()))


def load_closes(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Closed months, their rates and their booked costs as tables, for the run. Raises CrossoverError where a file was changed."""
    con.execute("CREATE OR REPLACE TABLE config.closed_month (month DATE)")
    con.execute("DELETE FROM ledger.closed_rate")
    con.execute("DELETE FROM ledger.closed_cost")
    for month, line in closed_months(company.paths.state).items():
        con.execute("INSERT INTO config.closed_month VALUES (?)", [month])
        if line["currency"] == company.currency:
            for currency, rate in json.loads(line["rates"]).items():
                con.execute("INSERT INTO ledger.closed_rate VALUES (?, ?, ?)", [currency, month, rate])
        file = _rows_file(company.paths.state, month)
        if not file.exists() or _sha256(file) != line["rows_sha256"]:
            raise CrossoverError(
                "the booked costs of a closed month are not as they were closed",
                where=str(file),
                found="another file" if file.exists() else "no such file",
                todo=f"restore it from a backup, or `crossover reopen {month:%Y-%m}`",
            )
        con.execute("INSERT INTO ledger.closed_cost BY NAME SELECT * FROM read_parquet(?)", [str(file)])


def close_month(company: Company, month: date) -> int:
    """Close a published, complete month after all before it. Returns the number of rows booked. Raises ConfigError with what is in the way."""
    state, finance = company.paths.state, company.paths.finance
    with writer_lock(state):
        closed = closed_months(state)
        if month in closed:
            raise ConfigError(f"{month:%Y-%m} is closed already", todo=f"`crossover reopen {month:%Y-%m}` opens it again")
        if not finance.exists():
            raise ConfigError("nothing is published yet", where=str(finance), todo="`crossover run` first")
        with connect() as con:
            con.execute(f"ATTACH '{str(finance).replace(chr(39), chr(39) * 2)}' AS finance (READ_ONLY)")
            as_of = one(con, "SELECT as_of, run_id FROM finance.runs ORDER BY finished_at DESC LIMIT 1")
            if as_of is None or as_of[0] < month_end(month):
                raise ConfigError(
                    f"{month:%Y-%m} is not over in the data",
                    found=f"data up to {as_of[0] if as_of else 'no day'}",
                    todo="close a month when all its days have been published",
                )
            months = [row[0] for row in con.execute("SELECT DISTINCT accounting_month FROM finance.cost_daily ORDER BY 1").fetchall()]
            earlier = [other for other in months if other < month and other not in closed]
            if earlier:
                raise ConfigError(
                    f"months are closed in order, and {earlier[0]:%Y-%m} is still open",
                    todo=f"`crossover close {earlier[0]:%Y-%m}` first",
                )
            file = _rows_file(state, month)
            private_folder(file.parent)
            with temporary_file(file.parent, file.name) as temporary:
                con.execute(
                    f"COPY (SELECT * FROM finance.cost_daily WHERE accounting_month = DATE '{month}' ORDER BY ALL) "
                    f"TO '{str(temporary).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)"
                )
                temporary.chmod(0o600)
                temporary.replace(file)
            rows = one(con, "SELECT count(*) FROM finance.cost_daily WHERE accounting_month = ?", [month])
        with warehouse(state) as con:
            newest = one(con, "SELECT run_id FROM ledger.run ORDER BY started_at DESC LIMIT 1")
            if newest is None or newest[0] != as_of[1]:
                raise ConfigError(
                    "the last run was not published, and its exchange rates may be others", todo="`crossover run` until it publishes, then close"
                )
            rates = _rates(con, company, month)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        CHAIN.append(state, [[month.isoformat(), "close", now, company.currency, json.dumps(rates, sort_keys=True), _sha256(file)]])
    return int(rows[0]) if rows else 0


def reopen_month(company: Company, month: date) -> None:
    """Open the newest closed month again: its costs follow the sources from the next run on. Raises ConfigError where it can't be."""
    state = company.paths.state
    with writer_lock(state):
        closed = closed_months(state)
        newest = max(closed, default=None)
        if month != newest:
            raise ConfigError(
                f"{month:%Y-%m} can't be reopened",
                found=f"the newest closed month is {newest:%Y-%m}" if newest else "no month is closed",
                expected="the newest closed month: what came late for it is booked in the month after",
                todo=f"`crossover reopen {newest:%Y-%m}` first" if month in closed and newest else "nothing is to do",
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        CHAIN.append(state, [[month.isoformat(), "reopen", now, company.currency, "{}", ""]])


def _rates(con: duckdb.DuckDBPyConnection, company: Company, month: date) -> dict[str, str]:
    known = con.execute("SELECT DISTINCT base FROM facts.fx_rate UNION SELECT DISTINCT quote FROM facts.fx_rate ORDER BY 1").fetchall()
    pairs = [(str(currency), month) for (currency,) in known if currency != company.currency]
    return {currency: str(rate) for currency, _, rate in monthly_rates(con, company.currency, pairs)}


def _rows_file(state: Path, month: date) -> Path:
    return state / "ledger" / "closed" / f"{month:%Y-%m}.parquet"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
