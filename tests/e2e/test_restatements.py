"""What `restatements` says when something that was published changes: by how much, of what, and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from small_company import MONTHS, Place, bill_name, bill_row, bill_rows, usage_rows, write_rows

from pipelines.restatements import CHAIN

MAY, JUNE = MONTHS
COLUMNS = "period, source_id, workload_id, cost_category, cause, old_effective_cost, new_effective_cost, delta"
DATABASE = 11  # the line that is chat's, 100 USD


def restated(place: Place) -> list[tuple[object, ...]]:
    return place.query(f"SELECT {COLUMNS} FROM restatements ORDER BY restatement_number")


def correct_june(place: Place, cost: str) -> None:
    rows = bill_rows(JUNE)
    rows[DATABASE] |= {"BilledCost": cost, "EffectiveCost": cost}
    write_rows(place.folder / bill_name(JUNE), rows)


def test_nothing_is_restated_by_a_first_run_nor_by_the_same_again(published: Place) -> None:
    assert restated(published) == []
    assert published.run().code == 0
    assert restated(published) == []


def test_corrected_bill_tells_old_new_and_delta_of_its_workload_alone(published: Place) -> None:
    correct_june(published, "130.25")
    run_id = published.run().document["run_id"]
    assert restated(published) == [(JUNE, "cloud", "chat", "other_cloud", "source", Decimal(100), Decimal("130.25"), Decimal("30.25"))]
    assert published.query("SELECT DISTINCT run_id, after_close FROM restatements") == [(run_id, False)]


def test_restatements_stay_and_are_counted_on(published: Place) -> None:
    correct_june(published, "130.25")
    published.run()
    first = restated(published)
    assert published.run().code == 0
    assert restated(published) == first
    correct_june(published, "90")
    published.run()
    assert [row[5:] for row in restated(published)] == [
        (Decimal(100), Decimal("130.25"), Decimal("30.25")),
        (Decimal("130.25"), Decimal(90), Decimal("-40.25")),
    ]
    # the very inputs of the first run again
    correct_june(published, "100")
    published.run()
    assert published.query("SELECT restatement_number, delta FROM restatements ORDER BY 1") == [
        (1, Decimal("30.25")),
        (2, Decimal("-40.25")),
        (3, Decimal(10)),
    ]


def test_growth_of_a_period_is_no_restatement(published: Place) -> None:
    write_rows(published.folder / bill_name(JUNE), [*bill_rows(JUNE), bill_row(date(2026, 6, 25), 7, ServiceName="Bucket")])
    assert published.run().code == 0
    assert published.cost("source_id = 'cloud' AND billing_period = '2026-06-01'") == 373
    assert restated(published) == []


def test_correction_of_a_closed_period_lands_on_its_charge_day_and_in_its_own_billing_period(published: Place) -> None:
    late = bill_row(date(2026, 5, 3), -7, ServiceName="Bucket", ChargeClass="Correction", BillingPeriodStart="2026-06-01T00:00:00Z")
    write_rows(published.folder / bill_name(JUNE), [*bill_rows(JUNE), late], (*bill_rows(JUNE)[0], "ChargeClass"))
    assert published.run().code == 0
    assert published.query("SELECT usage_date, billing_period, effective_cost FROM cost_daily WHERE source_id = 'cloud' AND effective_cost = -7") == [
        (date(2026, 5, 3), JUNE, Decimal(-7))
    ]
    assert published.value("SELECT source_billed FROM reconciliation WHERE source_id = 'cloud' AND period = '2026-06-01'") == 359
    assert {row[0] for row in restated(published)} <= {JUNE}


def test_another_mapping_moves_cost_and_says_so(published: Place) -> None:
    published.edit("match: [{tag.workload: search}]", "match: [{tag.workload: search}, {service: Bucket}]")
    published.run()
    rows = {(row[0], row[2]): (row[4], row[7]) for row in restated(published) if row[1] == "cloud"}
    assert rows == {(month, workload): ("mapping", Decimal(sign)) for month in MONTHS for workload, sign in (("search", 10), ("unattributed", -10))}


def test_another_rate_restates_money_in_that_currency(published: Place) -> None:
    fx = published.folder / "fx.csv"
    fx.write_text(fx.read_text().replace("1.10", "1.11"))
    published.run()
    assert {(row[0], row[1], row[4]) for row in restated(published)} == {(MAY, "api-invoice", "fx")}
    assert sum(row[7] for row in restated(published)) == 1  # 100 EUR


def test_another_price_restates_what_only_a_price_says(published: Place) -> None:
    published.edit("    billed_by: api-invoice\n", "")
    published.run()
    before = len(restated(published))
    published.edit("input: 2, output: 10", "input: 3, output: 10")
    published.run()
    rows = [row for row in restated(published)[before:] if row[1] == "api-log"]
    assert {row[4] for row in rows} == {"price"}
    # 10 million tokens in a month at one dollar more
    assert [row[7] for row in rows] == [Decimal(10), Decimal(10)]


def test_vanished_file_is_a_restatement_to_nothing(published: Place) -> None:
    (published.folder / bill_name(MAY)).unlink()
    published.run()
    rows = [row for row in restated(published) if row[1] == "cloud"]
    assert {(row[0], row[4], row[6]) for row in rows} == {(MAY, "source", Decimal(0))}
    assert sum(row[7] for row in rows) == -366


def test_kill_between_ledger_and_swap_counts_nothing_twice(published: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    correct_june(published, "130.25")
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.run.publish", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        assert published.run().code == 1
    assert len(CHAIN.read(published.folder / "var")) == 1
    assert restated(published) == []
    published.run()
    assert [row[7] for row in restated(published)] == [Decimal("30.25")]
    assert len(CHAIN.read(published.folder / "var")) == 1


def test_workload_that_left_the_configuration_is_still_spoken_of(published: Place) -> None:
    text = published.configuration.read_text()
    head, tail = text.split("  - id: search\n", 1)
    published.configuration.write_text(head + "pools:" + tail.split("pools:", 1)[1])
    write_rows(
        published.folder / "logs/pool.csv", [row for month in MONTHS for row in usage_rows(month, provider="", model="llama-3.1-8b", pool="llama")]
    )
    assert published.run().code == 0
    assert "search" in {row[2] for row in restated(published)}
    assert published.value("SELECT name FROM workloads WHERE workload_id = 'search'") == "search"
