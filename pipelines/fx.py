"""Monthly exchange rates into the reporting currency (contract section 1, `fx_rates`).

A month's rate is the last one dated on or before its first day, else the first one within it; the rate of the other direction serves
where the direct one is missing. Not here: who is converted when (`facts/billing_line.sql`, `pipelines.payroll`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import duckdb

from pipelines.warehouse import one

RATE_STEP = Decimal("0.000000000001")


def monthly_rates(con: duckdb.DuckDBPyConnection, reporting: str, pairs: Iterable[tuple[str, date]]) -> list[tuple[str, date, Decimal]]:
    """The rates in force for the given (currency, first day of a month) pairs; a pair without any rate is left out.

    A closed month's rate is the one that it was closed with.
    """
    found = []
    for currency, month in sorted(set(pairs)):
        closed = one(con, "SELECT rate FROM ledger.closed_rate WHERE currency = ? AND month = ?", [currency, month])
        rate = Decimal(closed[0]) if closed else _rate(con, currency, reporting, month)
        if rate is None:
            inverse = _rate(con, reporting, currency, month)
            if inverse is not None:
                with localcontext() as context:
                    context.prec = 60
                    rate = (1 / inverse).quantize(RATE_STEP, ROUND_HALF_EVEN)
        if rate is not None:
            found.append((currency, month, rate))
    return found


def write_monthly_rates(con: duckdb.DuckDBPyConnection, rates: Iterable[tuple[str, date, Decimal]]) -> None:
    """Make `config.fx_monthly` hold exactly these rates."""
    con.execute("DELETE FROM config.fx_monthly")
    for row in rates:
        con.execute("INSERT INTO config.fx_monthly VALUES (?, ?, ?)", list(row))


def _rate(con: duckdb.DuckDBPyConnection, base: str, quote: str, month: date) -> Decimal | None:
    # min(rate) decides between two rates of one day independently of the order of arrival; the duplicate is a finding.
    row = one(
        con,
        "SELECT min(rate) FROM facts.fx_rate WHERE base = ? AND quote = ? AND rate_date <= ? GROUP BY rate_date ORDER BY rate_date DESC LIMIT 1",
        [base, quote, month],
    ) or one(
        con,
        "SELECT min(rate) FROM facts.fx_rate WHERE base = ? AND quote = ? AND rate_date > ? AND rate_date < CAST(? AS DATE) + INTERVAL 1 MONTH "
        "GROUP BY rate_date ORDER BY rate_date LIMIT 1",
        [base, quote, month, month],
    )
    return Decimal(row[0]) if row else None
