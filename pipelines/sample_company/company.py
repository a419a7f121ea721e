"""Writes the whole company into an empty folder, and beside it truth.json: what was written, counted from the rows, and what must come out.

The product never reads truth.json. All sums in it are exact: tokens as integers, money as decimal text in its own currency.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from models.errors import ConfigError
from pipelines.sample_company import bills, invoices, labs_bills, logs, people, provider_reports, request_logs, telemetry
from pipelines.sample_company.configuration import write_configuration
from pipelines.sample_company.months import last_day, months_ending, name_of
from pipelines.sample_company.small_workloads import SMALL_WORKLOADS, Counted
from pipelines.sample_company.story import COMPANY, MONTHS, WORKLOADS
from pipelines.sample_company.writers import write_text


@dataclass(frozen=True)
class SampleCompany:
    """Where it lies and what it is good for: `config` to run, `truth` to compare with, `as_of` its newest day, `quarter` the one decided."""

    directory: Path
    config: Path
    truth: Path
    as_of: date
    quarter: str


def write_sample_company(directory: Path, last_month: date, seed: int = 7) -> SampleCompany:
    """Twelve months of a fictional company ending with the month that starts at `last_month`: same arguments, same bytes.

    Raises ConfigError if `last_month` is no first of a month, or if `directory` already holds anything: nobody's files are overwritten.
    """
    if last_month.day != 1:
        raise ConfigError("The sample company's last month must be given by its first day.", found=str(last_month), expected="a day 1")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(
            "The sample company needs a folder of its own.",
            where=str(directory),
            found="a folder that holds files" if directory.is_dir() else "a file",
            expected="an empty folder, or a name that does not exist yet",
            todo="name another folder",
        )
    months = months_ending(last_month, MONTHS)
    usage = logs.write_logs(directory, months, seed)

    american, european = bills.american_bill(months, seed), bills.european_bill(months, seed)
    bills.write_american_bill(directory, american)
    bills.write_european_bill(directory, european)

    rental, openai = invoices.rental_invoices(months), invoices.openai_invoices(months, usage)
    invoices.write_invoices(directory, "lambda.csv", rental)
    invoices.write_invoices(directory, "openai.csv", openai)

    second_account, google = labs_bills.write_aws_labs(directory, months), labs_bills.write_google(directory, months)
    by_the_hour = labs_bills.write_coreweave(directory, months)
    reports = [
        provider_reports.write_openai(directory, months),
        provider_reports.write_anthropic(directory, months),
        provider_reports.write_openrouter(directory, months),
    ]
    big_pool = ((row.hour, row.tokens) for row in usage if row.stream.labels.get("pool") == "core-70b" and row.hour.date() >= last_month)
    counted = [
        *(Counted(row.stream.workload, row.stream.source, row.hour.date(), row.tokens) for row in usage),
        *(row for _, told in reports for row in told),
        *request_logs.write_gateway(directory, months),
        *request_logs.write_bedrock(directory, months),
        *telemetry.write_metrics(directory, last_month, big_pool),
    ]

    machine = invoices.owned_machine(months)
    controls = invoices.control_totals((*american, *european, *second_account, *google), (*rental, *openai), months)
    invoices.write_machine(directory, machine)
    invoices.write_exchange_rates(directory, invoices.exchange_rates(months, seed))
    invoices.write_control_totals(directory, controls)

    people.write_people(directory, months)
    config = write_configuration(directory, months, machine.in_service)

    quarter = f"{last_month.year}-Q{(last_month.month + 2) // 3}"
    truth: dict[str, object] = {
        "company": COMPANY,
        "seed": seed,
        "months": [name_of(month) for month in months],
        "as_of": str(last_day(last_month)),
        "quarter": quarter,
        "money": {
            **_bill_truth((*american, *european, *second_account, *google, *by_the_hour)),
            **_bill_truth(line for bill, _ in reports for line in bill),
            **_invoice_truth((*rental, *openai)),
        },
        "logs": _log_truth(counted),
        "workloads": _workload_truth(counted),
        "pools": _pool_truth((*american, *european), rental, machine, months),
        "people": _people_truth(months),
        "controls": [
            {
                "issuer": control.issuer,
                "invoice_id": control.invoice_id,
                "period": name_of(control.month),
                "currency": control.currency,
                "control": str(control.amount),
                "billed": str(control.billed),
                "status": control.status,
            }
            for control in controls
        ],
    }
    write_text(directory / "truth.json", json.dumps(truth, indent=1, sort_keys=True) + "\n")
    return SampleCompany(directory, config, directory / "truth.json", last_day(last_month), quarter)


def _bill_truth(lines: Iterable[bills.BillLine]) -> dict[str, object]:
    """Per source and billing period: rows, billed and effective cost."""
    sums: dict[str, dict[str, tuple[int, Decimal, Decimal]]] = {}
    currencies: dict[str, str] = {}
    for line in lines:
        currencies[line.source] = line.currency
        periods = sums.setdefault(line.source, {})
        rows, billed, effective = periods.get(name_of(line.billing_month), (0, Decimal(0), Decimal(0)))
        periods[name_of(line.billing_month)] = (rows + 1, billed + line.billed, effective + line.effective)
    return {
        source: {
            "currency": currencies[source],
            "periods": {
                month: {"rows": rows, "billed": str(billed), "effective": str(effective)} for month, (rows, billed, effective) in periods.items()
            },
        }
        for source, periods in sums.items()
    }


def _invoice_truth(lines: Iterable[invoices.InvoiceLine]) -> dict[str, object]:
    """The same for invoices, where billed and effective are one."""
    return _bill_truth(
        bills.BillLine(line.invoice.source, line.invoice.month, line.invoice.month, line.invoice.currency, line.amount, line.amount, line.pool, {})
        for line in lines
    )


def _log_truth(counted: Sequence[Counted]) -> dict[str, object]:
    """Per source of usage and month: requests and tokens."""
    sources = sorted({row.source for row in counted})
    return {source: _months(row for row in counted if row.source == source) for source in sources}


def _workload_truth(counted: Sequence[Counted]) -> dict[str, object]:
    """Per workload: its months, and what the quarter must recommend; what nobody claims is `unattributed`."""
    workloads = (*WORKLOADS, *SMALL_WORKLOADS)
    expected = {workload.id: {"recommendation": workload.recommendation, "reason": workload.reason, "why": workload.why} for workload in workloads}
    return {
        identifier or "unattributed": {
            **expected.get(identifier or "", {}),
            "months": _months(row for row in counted if row.workload == identifier),
        }
        for identifier in (*expected, None)
    }


def _months(counted: Iterable[Counted]) -> dict[str, object]:
    """Requests are null where a report tells of tokens only."""
    sums = logs.tokens_by_month((row.day, row.tokens) for row in counted)
    return {name_of(month): {**asdict(tokens), "requests": tokens.requests or None} for month, tokens in sums.items()}


def _pool_truth(
    bill_lines: Iterable[bills.BillLine], invoice_lines: Iterable[invoices.InvoiceLine], machine: invoices.Machine, months: Sequence[date]
) -> dict[str, object]:
    """Per pool and charge month: effective cost of its GPU lines, and of its unused commitment apart. The machine's to 12 decimals."""
    gpu: dict[str, dict[str, Decimal]] = {}
    unused: dict[str, dict[str, Decimal]] = {}
    currencies = {machine.pool: machine.currency}
    lines = [(line.pool, line.charge_day, line.effective, line.currency, line.line.get("CommitmentDiscountStatus")) for line in bill_lines]
    lines += [(line.pool, line.invoice.month, line.amount, line.invoice.currency, None) for line in invoice_lines]
    for pool, day, effective, currency, status in lines:
        if pool is None:
            continue
        currencies[pool] = currency
        sums = (unused if status == "Unused" else gpu).setdefault(pool, {})
        sums[name_of(day)] = sums.get(name_of(day), Decimal(0)) + effective
    gpu[machine.pool] = {name_of(month): round(machine.cost_of(month), 12) for month in months}
    return {
        pool: {
            "currency": currencies[pool],
            "months": {
                month: {"gpu": str(cost), "commitment_unused": str(unused.get(pool, {}).get(month, Decimal(0)))} for month, cost in costs.items()
            },
        }
        for pool, costs in gpu.items()
    }


def _people_truth(months: Sequence[date]) -> dict[str, object]:
    """Per people source and month: FTE by `target/activity` and in all, to 12 decimals."""
    return {
        source: {name_of(month): _fte_text(people.fte_by_target(assignments, months, month)) for month in months}
        for source, assignments in (("employees", people.EMPLOYEES), ("contractors", people.CONTRACTORS))
    }


def _fte_text(fte: dict[str, Fraction]) -> dict[str, str]:
    totals = {**fte, "total": sum(fte.values(), Fraction(0))}
    return {key: f"{Decimal(value.numerator) / Decimal(value.denominator):.12f}" for key, value in totals.items()}
