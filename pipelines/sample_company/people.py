"""Who worked on what: invented people, effective-dated, in two exports (employees as CSV, contractors as a workbook).

No names, only numbers of staff. Rows begin with the data: people cost nothing before the first month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from pipelines.sample_company.months import add_months, days_of, last_day
from pipelines.sample_company.writers import Cell, write_csv, write_xlsx


@dataclass(frozen=True)
class Assignment:
    """A person on a target. Month numbers count from the first month of the data; `to_month` None = beyond its end."""

    person: str
    role: str
    target: str
    activity: str
    percent: int
    annual: int
    currency: str
    from_month: int = 0
    from_day: int = 1
    to_month: int | None = None
    to_day: int | None = None

    def start(self, months: Sequence[date]) -> date:
        """First day."""
        return months[self.from_month].replace(day=self.from_day)

    def end(self, months: Sequence[date]) -> date:
        """Last day, included; three months beyond the data where nobody has planned an end."""
        if self.to_month is None:
            return last_day(add_months(months[-1], 3))
        month = months[self.to_month]
        return month.replace(day=self.to_day) if self.to_day else last_day(month)


# One salary each, base, without the employer's burden. Somebody joins in the fifth month, somebody leaves in the eighth, one salary rises.
EMPLOYEES: tuple[Assignment, ...] = (
    Assignment("E-1001", "ml_engineer", "pool:core-70b", "operations", 60, 118_000, "EUR"),
    Assignment("E-1001", "ml_engineer", "workload:document-extraction", "product", 30, 118_000, "EUR"),
    Assignment("E-1002", "ml_engineer", "platform", "operations", 40, 112_000, "EUR"),
    Assignment("E-1002", "ml_engineer", "workload:meeting-notes", "product", 40, 112_000, "EUR"),
    Assignment("E-1003", "ml_engineer", "pool:tagger-8b", "operations", 35, 109_000, "EUR"),
    Assignment("E-1003", "ml_engineer", "pool:vault-8b", "operations", 30, 109_000, "EUR"),
    Assignment("E-1004", "ml_engineer", "workload:support-chat", "operations", 20, 124_000, "EUR"),
    Assignment("E-1004", "ml_engineer", "workload:support-chat", "product", 60, 124_000, "EUR"),
    Assignment("E-1005", "ml_engineer", "workload:code-assistant", "operations", 20, 105_000, "EUR", from_month=4, from_day=16),
    Assignment("E-1005", "ml_engineer", "workload:code-assistant", "product", 80, 105_000, "EUR", from_month=4, from_day=16),
    Assignment("E-1006", "ml_engineer", "pool:core-70b", "operations", 50, 115_000, "EUR", to_month=7, to_day=20),
    Assignment("E-1007", "platform_engineer", "platform", "operations", 50, 98_000, "EUR", to_month=5),
    Assignment("E-1007", "platform_engineer", "platform", "operations", 50, 103_000, "EUR", from_month=6),
    Assignment("E-1008", "platform_engineer", "pool:core-70b", "operations", 30, 96_000, "EUR"),
    Assignment("E-1009", "platform_engineer", "pool:vault-8b", "operations", 20, 94_000, "EUR"),
    Assignment("E-1010", "data_scientist", "workload:strategy-research", "product", 70, 101_000, "EUR"),
    Assignment("E-1011", "product_manager", "workload:support-chat", "product", 40, 99_000, "EUR"),
)
# What the agencies charge a year, all in.
CONTRACTORS: tuple[Assignment, ...] = (
    Assignment("C-2001", "ml_engineer", "workload:policy-summaries", "product", 50, 165_000, "GBP"),
    Assignment("C-2002", "platform_engineer", "platform", "operations", 30, 190_000, "CHF", from_month=2, from_day=10, to_month=9),
    Assignment("C-2003", "data_scientist", "workload:hr-helpdesk", "product", 25, 150_000, "USD", from_month=3),
)


def fte_by_target(assignments: Sequence[Assignment], months: Sequence[date], month: date) -> dict[str, Fraction]:
    """FTE of the month by `target/activity`: days covered / days of the month x allocation, exact."""
    sums: dict[str, Fraction] = {}
    for assignment in assignments:
        first, last = max(assignment.start(months), month), min(assignment.end(months), last_day(month))
        if last < first:
            continue
        key = f"{assignment.target}/{assignment.activity}"
        fte = Fraction((last - first).days + 1, days_of(month)) * Fraction(assignment.percent, 100)
        sums[key] = sums.get(key, Fraction(0)) + fte
    return dict(sorted(sums.items()))


def write_people(directory: Path, months: Sequence[date]) -> None:
    """`hr/allocations.csv` with the HR system's own column names and `hr/contractors.xlsx` with ours."""
    columns = ("employee_number", "job_family", "assigned_to", "activity", "valid_from", "valid_to", "percent", "base_salary", "currency")
    employees = [
        {
            "employee_number": row.person,
            "job_family": row.role,
            "assigned_to": row.target,
            "activity": row.activity,
            "valid_from": row.start(months),
            "valid_to": row.end(months),
            "percent": row.percent,
            "base_salary": row.annual,
            "currency": row.currency,
        }
        for row in EMPLOYEES
    ]
    write_csv(directory / "hr" / "allocations.csv", columns, employees)
    contractor_columns = ("person_id", "role", "target", "activity", "start", "end", "allocation_pct", "annual_loaded", "currency")
    contractors: list[dict[str, Cell]] = [
        {
            "person_id": row.person,
            "role": row.role,
            "target": row.target,
            "activity": row.activity,
            "start": row.start(months),
            "end": row.end(months),
            "allocation_pct": row.percent,
            "annual_loaded": row.annual,
            "currency": row.currency,
        }
        for row in CONTRACTORS
    ]
    write_xlsx(directory / "hr" / "contractors.xlsx", "Contractors", contractor_columns, contractors)
