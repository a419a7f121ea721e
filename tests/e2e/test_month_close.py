"""A closed month: what is booked in it stands, what comes late is booked in the first open month, rates don't move."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from small_company import MONTHS, Place, bill_name, bill_rows, crossover, write_rows

MAY, JUNE = MONTHS
DATABASE = 11


def command(place: Place, name: str, month: str) -> tuple[int, str]:
    outcome = crossover(name, month, "--config", place.configuration)
    return outcome.code, outcome.out + outcome.err


def correct_may(place: Place, cost: str) -> None:
    rows = bill_rows(MAY)
    rows[DATABASE] |= {"BilledCost": cost, "EffectiveCost": cost}
    write_rows(place.folder / bill_name(MAY), rows)


def booked(place: Place) -> dict[date, Decimal]:
    return dict(place.query("SELECT accounting_month, sum(effective_cost) FROM cost_daily WHERE source_id = 'cloud' GROUP BY 1"))


def test_late_correction_is_booked_in_the_first_open_month_and_stays_on_its_day(published: Place) -> None:
    months = published.rows("cost_monthly")
    assert command(published, "close", "2026-05")[0] == 0
    assert published.run().code == 0
    assert published.rows("cost_monthly") == months
    correct_may(published, "130.25")
    assert published.run().code == 0
    assert booked(published) == {MAY: Decimal(366), JUNE: Decimal("396.25")}
    assert published.query(
        "SELECT usage_date, billing_period, accounting_month, effective_cost FROM cost_daily WHERE service = 'Database' ORDER BY 1, 3"
    ) == [(MAY, MAY, MAY, Decimal(100)), (MAY, MAY, JUNE, Decimal("30.25")), (JUNE, JUNE, JUNE, Decimal(100))]
    assert published.cost("source_id = 'cloud' AND billing_period = '2026-05-01'") == Decimal("396.25")
    assert published.query("SELECT delta, after_close FROM restatements WHERE source_id = 'cloud'") == [(Decimal("30.25"), True)]


def test_closed_months_rate_never_changes(published: Place) -> None:
    assert command(published, "close", "2026-05")[0] == 0
    fx = published.folder / "fx.csv"
    fx.write_text(fx.read_text().replace("1.10", "1.50").replace("1.20", "1.30"))
    assert published.run().code == 0
    assert dict(published.query("SELECT billing_period, sum(effective_cost) FROM cost_daily WHERE source_id = 'api-invoice' GROUP BY 1")) == {
        MAY: Decimal(110),
        JUNE: Decimal(130),
    }


def test_reopened_month_follows_its_sources_again(published: Place) -> None:
    command(published, "close", "2026-05")
    correct_may(published, "130.25")
    published.run()
    assert command(published, "reopen", "2026-05")[0] == 0
    published.run()
    assert booked(published) == {MAY: Decimal("396.25"), JUNE: Decimal(366)}


def test_months_are_closed_in_order_once_and_when_they_are_over(published: Place) -> None:
    code, said = command(published, "close", "2026-06")
    assert code == 2
    assert "2026-05 is still open" in said
    assert "2026-07 is not over in the data" in command(published, "close", "2026-07")[1]
    assert command(published, "close", "2026-05")[0] == 0
    assert "closed already" in command(published, "close", "2026-05")[1]
    code, said = command(published, "reopen", "2026-04")
    assert code == 2
    assert "the newest closed month is 2026-05" in said


def test_closed_rows_that_were_tampered_with_stop_the_run(published: Place) -> None:
    command(published, "close", "2026-05")
    file = published.folder / "var/ledger/closed/2026-05.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    outcome = published.run()
    assert outcome.code == 1
    assert "are not as they were closed" in outcome.out + outcome.err


def test_nothing_is_closed_on_rates_that_were_never_published(published: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    fx = published.folder / "fx.csv"
    fx.write_text(fx.read_text().replace("1.10", "1.50"))
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.run.publish", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        assert published.run().code == 1
    code, said = command(published, "close", "2026-05")
    assert code == 2
    assert "the last run was not published" in said
    assert published.run().code == 0
    assert command(published, "close", "2026-05")[0] == 0
