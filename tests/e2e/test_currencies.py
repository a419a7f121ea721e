"""Money in several currencies: converted once per row at the rate of its billing period's month, kept in its own beside it.

The API invoice is 100 EUR a month; rates are 1.10 for May and 1.20 for June unless a test says otherwise.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from small_company import MONTHS, Place, Row, bill_name, bill_row, bill_rows, crossover, invoice_row, write_rows

MAY, JUNE = MONTHS
JULY = date(2026, 7, 1)
INVOICE = "{id: api-invoice, kind: invoice, path: invoices.csv}"


def deliver_rates(place: Place, *rates: tuple[str, str, str, str]) -> None:
    """Exchange rates as (date, base, quote, rate)."""
    write_rows(place.folder / "fx.csv", [dict(zip(("date", "base", "quote", "rate"), rate, strict=True)) for rate in rates])


def deliver_invoices(place: Place, *rows: Row) -> None:
    write_rows(place.folder / "invoices.csv", list(rows))


def in_dollars(place: Place) -> dict[date, Decimal]:
    """The API invoice's money by billing period, as everyone reads it."""
    return dict(
        place.query(
            "SELECT billing_period, sum(billed_cost) FROM cost_daily WHERE source_id = 'api-invoice' AND cost_basis = 'billed' GROUP BY 1 ORDER BY 1"
        )
    )


def reconciled(place: Place, source: str = "api-invoice") -> list[tuple[Any, ...]]:
    return place.query(
        "SELECT period, currency, is_reporting_currency, source_billed, attributed_billed + unattributed_billed, quarantined_billed, "
        "difference_billed, difference_effective FROM reconciliation WHERE source_id = ? ORDER BY period, is_reporting_currency",
        source,
    )


def test_a_bill_in_euros_reconciles_in_both_currencies(published: Place) -> None:
    assert in_dollars(published) == {MAY: 110, JUNE: 120}
    assert reconciled(published) == [
        (MAY, "EUR", False, 100, 100, 0, 0, 0),
        (MAY, "USD", True, 110, 110, 0, 0, 0),
        (JUNE, "EUR", False, 100, 100, 0, 0, 0),
        (JUNE, "USD", True, 120, 120, 0, 0, 0),
    ]
    assert published.query("SELECT DISTINCT currency FROM reconciliation WHERE source_id = 'cloud'") == [("USD",)]


def test_each_row_is_rounded_once_and_half_to_even(unread: Place) -> None:
    """At 0.5 dollars a euro, 1e-12 and 3e-12 EUR lie halfway: they are 0 and 2e-12 USD. The sum of all, rounded once, would be 3e-12."""
    deliver_rates(unread, ("2026-05-01", "EUR", "USD", "0.5"))
    amounts = ("0.000000000001", "0.000000000001", "0.000000000001", "0.000000000003")
    deliver_invoices(unread, *(invoice_row(MAY, amount=amount) for amount in amounts), invoice_row(JUNE))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: Decimal("0.000000000002"), JUNE: 50}
    assert reconciled(unread)[:2] == [
        (MAY, "EUR", False, Decimal("0.000000000006"), Decimal("0.000000000006"), 0, 0, 0),
        (MAY, "USD", True, Decimal("0.000000000002"), Decimal("0.000000000002"), 0, 0, 0),
    ]


def test_a_correction_is_converted_at_its_billing_period_s_rate(unread: Place) -> None:
    """A charge of May that June's bill corrects is June's money."""
    late = bill_row(MAY, 10, BillingCurrency="EUR", ServiceName="Database", Tags='{"workload": "chat"}', ChargeClass="Correction")
    late |= {"BillingPeriodStart": "2026-06-01T00:00:00Z", "BillingPeriodEnd": "2026-07-01T00:00:00Z"}
    rows = [row | {"ChargeClass": ""} for row in bill_rows(JUNE)]
    write_rows(unread.folder / bill_name(JUNE), [*rows, late])
    assert unread.run().code == 0
    assert unread.cost("source_id = 'cloud' AND usage_date = '2026-05-01' AND billing_period = '2026-06-01'") == 12


@pytest.mark.parametrize(
    ("rates", "may", "june"),
    [
        ([("2026-04-20", "1.05"), ("2026-05-02", "1.50"), ("2026-05-31", "1.20")], "105", "120"),  # the last one on or before the first day
        ([("2026-05-01", "1.10"), ("2026-05-02", "1.50")], "110", "150"),  # dated on the first day itself; then none of June's own
        ([("2026-05-20", "1.30"), ("2026-05-10", "1.15"), ("2026-06-01", "1.20")], "115", "120"),  # the first one within the month
    ],
)
def test_a_month_has_one_rate(unread: Place, rates: list[tuple[str, str]], may: str, june: str) -> None:
    deliver_rates(unread, *((day, "EUR", "USD", rate) for day, rate in rates))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: Decimal(may), JUNE: Decimal(june)}


def test_a_rate_of_the_other_direction_serves(unread: Place) -> None:
    deliver_rates(unread, ("2026-05-01", "USD", "EUR", "0.8"), ("2026-06-01", "USD", "EUR", "0.9"))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: 125, JUNE: Decimal("111.1111111111")}  # 100 x 1.111111111111


def test_two_rates_on_a_day_are_a_finding_and_the_lower_one_is_taken(unread: Place) -> None:
    deliver_rates(unread, ("2026-05-01", "EUR", "USD", "1.12"), ("2026-05-01", "EUR", "USD", "1.10"), ("2026-06-01", "EUR", "USD", "1.20"))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: 110, JUNE: 120}
    ((subject, message),) = unread.query("SELECT subject, message FROM data_quality WHERE check_name = 'two_rates_on_a_day'")
    assert subject == "fx"
    assert "EUR to USD on 2026-05-01" in message


def test_without_a_rate_money_waits_in_its_own_currency_and_comes_in_with_the_rate(unread: Place) -> None:
    unread.edit(INVOICE, INVOICE.replace("}", ", max_quarantined_pct: 100}"))
    deliver_rates(unread, ("2026-06-01", "EUR", "USD", "1.20"))
    assert unread.run().code == 0
    assert in_dollars(unread) == {JUNE: 120}
    assert unread.query("SELECT file, row_number, reasons, currency, billed_cost, effective_cost FROM quarantine") == [
        ("invoices.csv", 1, "no exchange rate from EUR to USD for 2026-05", "EUR", 100, 100)
    ]
    assert reconciled(unread)[0] == (MAY, "EUR", False, 100, 0, 100, 0, 0)
    assert unread.query("SELECT rows FROM data_quality WHERE subject = 'api-invoice' AND check_name = 'rows_refused'") == [(1,)]

    deliver_rates(unread, ("2026-05-01", "EUR", "USD", "1.10"), ("2026-06-01", "EUR", "USD", "1.20"))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: 110, JUNE: 120}
    assert unread.query("SELECT * FROM quarantine") == []
    assert reconciled(unread)[:2] == [(MAY, "EUR", False, 100, 100, 0, 0, 0), (MAY, "USD", True, 110, 110, 0, 0, 0)]


def test_too_much_money_without_a_rate_stops_the_run_and_says_which_rate(published: Place) -> None:
    deliver_invoices(published, *map(invoice_row, MONTHS), invoice_row(JULY, currency="CHF"))
    outcome = published.run()
    assert outcome.code == 1
    assert "invoices.csv row 3: no exchange rate from CHF to USD for 2026-07" in outcome.out + outcome.err
    assert in_dollars(published) == {MAY: 110, JUNE: 120}


def test_where_every_row_lacks_a_rate_the_first_run_says_so(unread: Place) -> None:
    unread.edit("currency: USD", "currency: CHF")
    deliver_rates(unread, ("2026-05-01", "EUR", "USD", "1.10"))
    outcome = unread.run()
    assert outcome.code == 1
    assert "no exchange rate from EUR to CHF for 2026-05" in outcome.out + outcome.err


def test_a_corrected_rate_restates_open_months_only(published: Place) -> None:
    assert crossover("close", "2026-05", "--config", published.configuration).code == 0
    deliver_rates(published, ("2026-05-01", "EUR", "USD", "1.50"), ("2026-06-01", "EUR", "USD", "1.30"))
    assert published.run().code == 0
    assert in_dollars(published) == {MAY: 110, JUNE: 130}
    assert published.query("SELECT DISTINCT period, cause, delta FROM restatements WHERE source_id = 'api-invoice'") == [(JUNE, "fx", 10)]
    assert reconciled(published)[1] == (MAY, "USD", True, 110, 110, 0, 0, 0)
    # also for money that only now arrives for the closed month
    deliver_invoices(published, *map(invoice_row, MONTHS), invoice_row(MAY, amount=10))
    assert published.run().code == 0
    assert in_dollars(published) == {MAY: 121, JUNE: 130}


def test_a_rate_that_comes_after_the_close_lets_money_into_the_open_month(unread: Place) -> None:
    unread.edit(INVOICE, INVOICE.replace("}", ", max_quarantined_pct: 100}"))
    deliver_rates(unread, ("2026-06-01", "EUR", "USD", "1.20"))
    assert unread.run().code == 0
    assert crossover("close", "2026-05", "--config", unread.configuration).code == 0
    deliver_rates(unread, ("2026-05-01", "EUR", "USD", "1.10"), ("2026-06-01", "EUR", "USD", "1.20"))
    assert unread.run().code == 0
    assert in_dollars(unread) == {MAY: 110, JUNE: 120}
    booked = "SELECT accounting_month, sum(billed_cost) FROM cost_daily WHERE source_id = 'api-invoice' AND billed_cost <> 0 GROUP BY 1"
    assert unread.query(booked) == [(JUNE, 230)]


def test_one_bill_of_two_currencies_reconciles_in_each(unread: Place) -> None:
    euros = bill_row(JUNE, 40, BillingCurrency="EUR", ServiceName="Database", Tags='{"workload": "chat"}')
    write_rows(unread.folder / bill_name(JUNE), [*bill_rows(JUNE), euros])
    assert unread.run().code == 0
    assert unread.cost("source_id = 'cloud' AND billing_period = '2026-06-01'") == 366 + 48
    assert unread.query(
        "SELECT currency, converted_from, source_billed, difference_billed FROM reconciliation WHERE source_id = 'cloud' AND period = ? ORDER BY ALL",
        JUNE,
    ) == [("EUR", None, 40, 0), ("USD", "EUR", 48, 0), ("USD", None, 366, 0)]


def test_an_invoice_ties_in_its_own_currency(unread: Place) -> None:
    unread.edit("  - {id: fx,", "  - {id: ledger, kind: control_totals, path: ledger.csv}\n  - {id: fx,")
    totals = [{"issuer": "openai", "invoice_id": f"INV-{month:%m}", "period": f"{month:%Y-%m}", "amount": 100, "currency": "EUR"} for month in MONTHS]
    write_rows(unread.folder / "ledger.csv", totals)
    assert unread.run().code == 0
    found = unread.query("SELECT invoice_id, currency, billed_amount, status FROM invoice_reconciliation WHERE issuer = 'openai' ORDER BY 1")
    assert found == [("INV-05", "EUR", 100, "ties"), ("INV-06", "EUR", 100, "ties")]
