"""A bill that carries quantities only is priced by a rate card: CoreWeave's FOCUS export has hours of GPUs and no cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from small_company import BILL_COLUMNS, MONTHS, Place, bill_row, write_rows

MAY, JUNE = MONTHS
CARD = ("provider", "sku", "start", "end", "unit", "unit_price", "currency")
COLUMNS = tuple(name for name in (*BILL_COLUMNS, "SkuId") if name not in ("BilledCost", "EffectiveCost", "ListCost"))


def card(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {"provider": "CoreWeave", "sku": "h100-80gb", "start": "2026-05-01", "end": "", "unit": "Hour"}
    return row | {"unit_price": "6.155", "currency": "USD"} | changes


@pytest.fixture
def rated(unread: Place) -> Place:
    unread.edit("sources:", "sources:\n  - {id: coreweave, kind: focus, path: coreweave.csv}\n  - {id: card, kind: rate_card, path: card.csv}")
    hours = [
        bill_row(
            date(2026, 6, day),
            "",
            ProviderName="CoreWeave",
            SkuId="h100-80gb",
            ConsumedQuantity="8",
            ConsumedUnit="Hours",
            Tags='{"workload": "chat"}',
        )
        for day in (1, 2)
    ]
    write_rows(unread.folder / "coreweave.csv", hours, COLUMNS)
    write_rows(unread.folder / "card.csv", [card()], CARD)
    return unread


def costs(place: Place) -> list[tuple[object, ...]]:
    return place.query(
        "SELECT usage_date, workload_id, cost_basis, sum(billed_cost), sum(effective_cost) FROM cost_daily WHERE source_id = 'coreweave' "
        "GROUP BY ALL ORDER BY 1"
    )


def test_hours_without_a_cost_cost_what_the_card_says(rated: Place) -> None:
    assert rated.run().code == 0
    assert costs(rated) == [(date(2026, 6, day), "chat", "rate_card", Decimal(0), Decimal("49.24")) for day in (1, 2)]
    assert rated.query("SELECT source_billed, source_effective, difference_effective, status FROM reconciliation WHERE source_id = 'coreweave'") == [
        (Decimal(0), Decimal("98.48"), Decimal(0), "ok")
    ]


def test_a_large_line_is_no_trouble(rated: Place) -> None:
    """A fleet of a thousand GPUs, a month at once: 744,000 hours."""
    row = bill_row(date(2026, 6, 1), "", ProviderName="CoreWeave", SkuId="h100-80gb", ConsumedQuantity="744000", ConsumedUnit="Hours")
    write_rows(rated.folder / "coreweave.csv", [row], COLUMNS)
    write_rows(rated.folder / "card.csv", [card(currency="EUR")], CARD)
    assert rated.run().code == 0
    assert rated.cost("source_id = 'coreweave'") == Decimal("5495184")  # 744,000 x 6.155 x 1.20


def test_a_price_holds_from_its_first_day_until_before_its_end(rated: Place) -> None:
    write_rows(rated.folder / "card.csv", [card(end="2026-06-02"), card(start="2026-06-02", unit_price="5")], CARD)
    assert rated.run().code == 0
    assert [row[4] for row in costs(rated)] == [Decimal("49.24"), Decimal(40)]


def test_a_card_in_another_currency_is_converted_at_the_billing_months_rate(rated: Place) -> None:
    write_rows(rated.folder / "card.csv", [card(currency="EUR")], CARD)
    assert rated.run().code == 0
    assert [row[4] for row in costs(rated)] == [Decimal("59.088"), Decimal("59.088")]  # June's rate is 1.20


def test_hours_that_no_card_prices_are_told_and_not_taken_for_free(rated: Place) -> None:
    write_rows(rated.folder / "card.csv", [card(sku="a100")], CARD)
    assert rated.run().code == 0
    ((severity, rows, message),) = rated.query("SELECT severity, rows, message FROM data_quality WHERE check_name = 'no_rate'")
    assert (severity, rows) == ("error", 2)
    assert "h100-80gb per Hours" in message


def test_without_any_card_an_export_without_costs_is_refused(rated: Place) -> None:
    rated.edit("\n  - {id: card, kind: rate_card, path: card.csv}", "")
    outcome = rated.run()
    assert outcome.code == 3
    assert "missing columns: BilledCost, EffectiveCost" in outcome.out + outcome.err
