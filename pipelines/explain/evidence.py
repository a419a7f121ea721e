"""What the published file holds about one workload's quarter, read once.

Not here: what it means (sentences), any figure that the file does not hold, or a mean or sum of such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from models.config import Company, Workload
from models.economics.demand import COMPLETE_MONTHS
from models.economics.periods import add_months, fiscal_quarters, month_end, month_of
from models.errors import ConfigError
from models.reference import cost_categories
from pipelines.explain.words import QUESTIONS, SIDES, UNKNOWN_COST, reason_text, span_text
from pipelines.report import fetch_rows, money

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What the published file holds about one workload's quarter.

    months: those of crossover_monthly that the decision rests on, oldest first; without any, the quarter's newest partial one (`is_complete` false).
    costs: cost by category, the mean of those months; None where a category has no data. sides_paid: where its tokens went in those months.
    """

    company: Company
    configured: Workload
    workload: Row
    quarters: list[str]
    run: Row
    decision: Row
    board: list[Row]
    rules: list[Row]
    questions: list[Row]
    months: list[Row]
    is_complete: bool
    costs: list[Row]
    sides_paid: list[str]
    api_people_newest: Decimal
    models: list[Row]
    pools: list[str]
    neighbours: list[str]
    sensitivity: list[Row]
    indicators: list[Row]
    portfolio: Row | None
    portfolio_costs: dict[str, Decimal | None]
    portfolio_gap: float | None
    flags: list[Row]
    findings: list[Row]
    trail_month: date | None
    trail: list[Row]
    files: list[Row]
    assumptions: dict[str, Decimal]

    @property
    def name(self) -> str:
        """What its readers call it."""
        return str(self.workload["name"])

    @property
    def newest(self) -> Row | None:
        """The newest of the months, which the break-evens are of."""
        return self.months[-1] if self.months else None

    @property
    def is_configuration_changed(self) -> bool:
        """Whether the file was computed with another configuration than today's."""
        return bool(self.run["config_sha256"] != self.company.sha256)

    @property
    def span(self) -> str:
        """The months that the figures are of, in words."""
        if self.newest is None:
            return "no month"
        whole = span_text([row["month"] for row in self.months])
        if not self.is_complete:
            return f"{self.newest['days_covered']} days of {whole}"
        return f"mean of {whole}" if len(self.months) > 1 else whole

    @property
    def per(self) -> str:
        """What a cost is for: a month, or the days of a partial one."""
        return "a month" if self.is_complete else f"in {self.span}"

    def amount(self, value: Any) -> str:
        """Money for a person: whole units, cents only where they matter."""
        return f"{money(value, 2 if abs(value) < 100 else 0)} {self.company.currency}"

    def mean(self, column: str) -> Decimal | None:
        """The mean of the months' column; None where any month's is unknown."""
        values = [row[column] for row in self.months]
        return None if not values or None in values else _millionths(sum(values) / len(values))

    def why_unknown(self, month: Row | None) -> str:
        """Why a cost of the month, or of the quarter, is not known."""
        if month is None:
            return f"it was not used in the {COMPLETE_MONTHS} complete months before the end of the data"
        return reason_text(month["reason"]) if month["reason"] in UNKNOWN_COST else "no data tells it"


def find(con: duckdb.DuckDBPyConnection, company: Company, workload_id: str, quarter: str | None) -> Evidence:
    """Read it. Raises ConfigError for a quarter, or a workload, that the file has no recommendation for."""
    decisions = fetch_rows(con, "SELECT * FROM placement_recommendations WHERE workload_id = ? ORDER BY quarter", [workload_id])
    if not decisions:
        raise ConfigError(
            f"workload {workload_id} is not in the published file", where=str(company.paths.finance), todo="`crossover run` takes it in"
        )
    quarters = [row["quarter"] for row in decisions]
    decision = decisions[-1] if quarter is None else next((row for row in decisions if row["quarter"] == quarter), None)
    if decision is None:
        raise ConfigError(f"there is no decision on {workload_id} for that quarter", found=quarter, expected=", ".join(quarters))
    key = [workload_id, decision["quarter"]]
    run = fetch_rows(con, "SELECT * FROM runs ORDER BY run_id = ? DESC, finished_at DESC NULLS LAST LIMIT 1", [decision["snapshot_id"]])[0]
    months, is_complete, last_day = _months(con, company, workload_id, decision["quarter"], run["as_of"])
    first, last = (months[0]["month"], months[-1]["month"]) if months else (last_day, month_of(last_day))
    within = [workload_id, first, month_end(last)]
    pools, neighbours = _pools(con, within)
    models = fetch_rows(
        con,
        "SELECT side, provider, model, CAST(sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS BIGINT) AS tokens "
        "FROM usage_daily WHERE workload_id = ? AND usage_date BETWEEN ? AND ? GROUP BY ALL ORDER BY tokens DESC, provider, model",
        within,
    )
    trail_month = last if months else _newest_paid(con, workload_id, last_day)
    trail, files = _trail(con, workload_id, trail_month)
    scenarios = fetch_rows(con, "SELECT scenario, cost_monthly, gap FROM portfolio_quarterly WHERE quarter = ?", key[1:])
    subjects = [workload_id, *pools, *sorted({row["source_id"] for row in trail})]
    return Evidence(
        company=company,
        configured=next(each for each in company.workloads if each.id == workload_id),
        workload=fetch_rows(con, "SELECT * FROM workloads WHERE workload_id = ?", [workload_id])[0],
        quarters=quarters,
        run=run,
        decision=decision,
        board=fetch_rows(
            con,
            "SELECT quarter, recommendation, decision, decided_by, decided_at, note FROM decisions WHERE workload_id = ? AND quarter <= ? "
            "ORDER BY quarter",
            key,
        ),
        rules=fetch_rows(
            con, "SELECT * EXCLUDE (quarter, workload_id) FROM placement_rules WHERE workload_id = ? AND quarter = ? ORDER BY position", key
        ),
        questions=_in_order(
            fetch_rows(con, "SELECT * EXCLUDE (quarter, workload_id) FROM placement_questions WHERE workload_id = ? AND quarter = ?", key),
            "question",
            QUESTIONS,
        ),
        months=months,
        is_complete=is_complete,
        costs=_costs(con, within, len(months)) if months else [],
        api_people_newest=_api_people(con, workload_id, last),
        sides_paid=sorted({row["side"] for row in models}),
        models=models,
        pools=pools,
        neighbours=neighbours,
        sensitivity=fetch_rows(
            con,
            "SELECT * EXCLUDE (quarter, workload_id) FROM decision_sensitivity WHERE workload_id = ? AND quarter = ? AND flip_value IS NOT NULL "
            "ORDER BY CASE WHEN base > 0 AND flip_value > 0 THEN abs(ln(flip_value / base)) ELSE 1e9 END, input",
            key,
        ),
        indicators=fetch_rows(
            con, "SELECT * EXCLUDE (quarter, workload_id) FROM workload_indicators WHERE workload_id = ? AND quarter = ? ORDER BY ALL", key
        ),
        portfolio=next(
            iter(fetch_rows(con, "SELECT * EXCLUDE (quarter, workload_id) FROM portfolio_workloads WHERE workload_id = ? AND quarter = ?", key)), None
        ),
        portfolio_costs={row["scenario"]: row["cost_monthly"] for row in scenarios},
        portfolio_gap=next((row["gap"] for row in scenarios if row["gap"] is not None), None),
        flags=_flags(con, workload_id, pools, first, last_day),
        findings=fetch_rows(
            con,
            "SELECT severity, check_name, subject, CAST(sum(rows) AS BIGINT) AS rows, sum(amount) AS amount, message FROM data_quality "
            "WHERE severity <> 'info' AND list_contains(CAST(? AS VARCHAR[]), subject) GROUP BY ALL ORDER BY ALL",
            [subjects],
        ),
        trail_month=trail_month,
        trail=trail,
        files=files,
        assumptions={row["name"]: row["base"] for row in fetch_rows(con, "SELECT name, base FROM assumptions")},
    )


def _months(con: duckdb.DuckDBPyConnection, company: Company, workload_id: str, quarter: str, as_of: date) -> tuple[list[Row], bool, date]:
    """The months of use that the quarter's money is the mean of, whether they are complete, and the last day that it looks at."""
    rows = fetch_rows(con, "SELECT * EXCLUDE (workload_id) FROM crossover_monthly WHERE workload_id = ? ORDER BY month", [workload_id])
    first = rows[0]["month"] if rows else as_of
    bounds = next(each for each in fiscal_quarters(min(first, as_of), as_of, company.fiscal_year_starts) if each.name == quarter)
    last_day = min(bounds.last_day, as_of)
    newest = month_of(last_day) if last_day == month_end(last_day) else add_months(month_of(last_day), -1)
    complete = [row for row in rows if row["is_complete"] and add_months(newest, 1 - COMPLETE_MONTHS) <= row["month"] <= newest]
    if complete:
        return complete, True, last_day
    return [row for row in rows if bounds.first_day <= row["month"] <= last_day][-1:], False, last_day


def _costs(con: duckdb.DuckDBPyConnection, within: Sequence[object], months: int) -> list[Row]:
    """Both sides beside each other by category, in the order of the shipped categories; the mean of the months, None without data."""
    sums = fetch_rows(
        con,
        "SELECT cost_category, sum(cost_monthly) FILTER (WHERE side = 'api') AS api, "
        "sum(cost_monthly) FILTER (WHERE side = 'self_host') AS self_host "
        "FROM crossover_cost_components WHERE workload_id = ? AND month BETWEEN ? AND ? GROUP BY ALL",
        within,
    )
    meanings = {each.category: each.description for each in cost_categories()}
    return [
        {
            "cost_category": row["cost_category"],
            **{side: None if row[side] is None else _millionths(row[side] / months) for side in SIDES},
            "meaning": meanings.get(row["cost_category"], ""),
        }
        for row in _in_order(sums, "cost_category", meanings)
    ]


def _api_people(con: duckdb.DuckDBPyConnection, workload_id: str, month: date) -> Decimal:
    """The people of the month's API side, 0 where it has none."""
    found = con.execute(
        "SELECT cost_monthly FROM crossover_cost_components "
        "WHERE workload_id = ? AND month = ? AND side = 'api' AND cost_category = 'api_operations'",
        [workload_id, month],
    ).fetchone()
    return Decimal(found[0] or 0) if found else Decimal(0)


def _pools(con: duckdb.DuckDBPyConnection, within: Sequence[object]) -> tuple[list[str], list[str]]:
    """The pools that it worked on, and the other workloads that did."""
    rows = fetch_rows(
        con,
        "SELECT DISTINCT pool_id, workload_id = ? AS is_own, workload_id FROM workload_utilisation_monthly "
        "WHERE month BETWEEN ? AND ? AND replica_hours_worked > 0",
        within,
    )
    pools = {row["pool_id"] for row in rows if row["is_own"]}
    return sorted(pools), sorted({row["workload_id"] for row in rows if not row["is_own"] and row["pool_id"] in pools})


def _newest_paid(con: duckdb.DuckDBPyConnection, workload_id: str, until: date) -> date | None:
    found = con.execute("SELECT max(month) FROM cost_trail WHERE workload_id = ? AND month <= ?", [workload_id, until]).fetchone()
    return found[0] if found else None


def _trail(con: duckdb.DuckDBPyConnection, workload_id: str, month: date | None) -> tuple[list[Row], list[Row]]:
    """The month's money, line by line of cost_trail, and the files behind it: the delivery named, else what its source delivered for that month."""
    rows = fetch_rows(
        con,
        "SELECT * EXCLUDE (workload_id) FROM cost_trail WHERE workload_id = ? AND month = ? "
        "ORDER BY effective_cost DESC, cost_category, source_id, delivery, match_id, cost_basis",
        [workload_id, month],
    )
    files = fetch_rows(
        con,
        "SELECT DISTINCT i.source_id, i.delivery, i.version, i.bytes, i.sha256, i.ingested_at FROM ingestions AS i "
        "INNER JOIN cost_trail AS t ON i.source_id = t.source_id "
        "AND (i.delivery = t.delivery OR (t.delivery IS NULL AND (i.period = t.month OR i.period IS NULL))) "
        "WHERE t.workload_id = ? AND t.month = ? AND i.superseded_at IS NULL ORDER BY i.source_id, i.delivery",
        [workload_id, month],
    )
    return rows, files


def _flags(con: duckdb.DuckDBPyConnection, workload_id: str, pools: list[str], first: date, last: date) -> list[Row]:
    """Red flags on the workload and its pools, once each: the newest month's, and in how many months it was raised."""
    rows = fetch_rows(
        con,
        "SELECT month, subject_kind, subject_id, flag, value, threshold FROM red_flags WHERE month BETWEEN ? AND ? "
        "AND ((subject_kind = 'workload' AND subject_id = ?) OR (subject_kind = 'pool' AND list_contains(CAST(? AS VARCHAR[]), subject_id))) "
        "ORDER BY month",
        [month_of(first), last, workload_id, pools],
    )
    newest: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row["subject_kind"], row["subject_id"], row["flag"])
        newest[key] = {**row, "months": newest[key]["months"] + 1 if key in newest else 1}
    return [newest[key] for key in sorted(newest)]


def _in_order(rows: list[Row], column: str, order: Iterable[str]) -> list[Row]:
    """Rows in the order of a vocabulary, what it does not know last."""
    place = {name: position for position, name in enumerate(order)}
    return sorted(rows, key=lambda row: (place.get(row[column], len(place)), row[column]))


def _millionths(amount: Any) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.000001"))


def is_zero(row: Row) -> bool:
    """Whether a category has data, and all of it says zero."""
    known = [row[side] for side in SIDES if row[side] is not None]
    return bool(known) and not any(known)
