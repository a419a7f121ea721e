"""The sample company through the whole pipeline, against the truth that its generator kept beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from models.config import Company, load_company
from models.config.sources import SourceKind
from pipelines.execution import daily_run
from pipelines.sample_company import write_sample_company

LAST_MONTH = date(2026, 9, 1)
Sample = tuple[duckdb.DuckDBPyConnection, dict[str, Any], Company]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    directory = tmp_path_factory.mktemp("e2e") / "sample"
    written = write_sample_company(directory, LAST_MONTH)
    company = load_company(written.config)
    with daily_run(company, None, lambda _: None) as run:
        assert not run.refusals
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        yield con, json.loads(Path(written.truth).read_text()), company


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def test_every_bill_is_in_the_books_to_the_last_digit(sample: Sample) -> None:
    con, truth, _ = sample
    found = {
        (source, f"{period:%Y-%m}"): (billed, effective)
        for source, period, billed, effective in _rows(
            con, "SELECT source_id, period, source_billed, source_effective FROM reconciliation WHERE converted_from IS NULL"
        )
    }
    for source, money in truth["money"].items():
        for period, amounts in money["periods"].items():
            assert found[source, period] == (Decimal(amounts["billed"]), Decimal(amounts["effective"])), (source, period)
    assert _rows(con, "SELECT count(*) FROM reconciliation WHERE difference_billed <> 0 OR difference_effective <> 0") == [(0,)]
    assert _rows(con, "SELECT DISTINCT status FROM reconciliation") == [("ok",)]


def test_every_source_of_every_kind_was_read(sample: Sample) -> None:
    con, _, company = sample
    assert {source.kind for source in company.sources} == set(get_args(SourceKind))
    assert _rows(con, "SELECT DISTINCT source_id FROM ingestions ORDER BY 1") == [(source,) for source in sorted(s.id for s in company.sources)]
    assert _rows(con, "SELECT count(*) FROM quarantine") == [(0,)]


def test_small_bills_reach_their_workloads_whole(sample: Sample) -> None:
    """September 2026, by hand: what is written beside each figure in the tests of the sample company's files."""
    con, _, _ = sample
    found = _rows(
        con,
        "SELECT source_id, workload_id, cost_basis, sum(billed_cost), sum(effective_cost) FROM cost_daily "
        "WHERE billing_period = DATE '2026-09-01' AND source_id IN ('openai-reports', 'anthropic-reports', 'openrouter', 'team-gateway', "
        "'aws-labs', 'gcp', 'coreweave') GROUP BY ALL ORDER BY ALL",
    )
    assert found == [
        ("anthropic-reports", "press-briefings", "billed", Decimal("126.225"), Decimal("126.225")),
        ("aws-labs", "labs", "billed", Decimal("16.38"), Decimal("16.38")),
        ("coreweave", "labs", "rate_card", 0, Decimal("70.80")),
        ("gcp", "labs", "billed", Decimal("55.25"), Decimal("55.25")),
        ("openai-reports", "translation", "billed", Decimal("35.8545"), Decimal("35.8545")),
        ("openrouter", "labs", "billed", Decimal("2.10"), Decimal("2.10")),
        # 22 days x 4 calls x (20,000 at $0.59 + 2,000 at $0.79 a million)
        ("team-gateway", "labs", "priced", 0, Decimal("1.17744")),
    ]


def test_the_bill_pays_for_what_bedrocks_logs_tell(sample: Sample) -> None:
    con, _, _ = sample
    by_usage = "source_id = 'aws-labs' AND allocation_method = 'usage_share' AND billing_period = DATE '2026-09-01'"
    assert _rows(con, f"SELECT sum(effective_cost) FROM cost_daily WHERE {by_usage}") == [(4 * (Decimal("0.144") + Decimal("0.0192")),)]
    assert _rows(con, "SELECT count(*) FROM cost_daily WHERE source_id = 'bedrock'") == [(0,)]


def test_a_pools_servers_tell_of_work_that_no_log_explains(sample: Sample) -> None:
    con, _, _ = sample
    nightly = "SELECT pool_id, workload_id, requests, input_uncached_tokens, output_tokens, count(*) FROM usage_daily WHERE source_id = 'metrics'"
    assert _rows(con, f"{nightly} GROUP BY ALL") == [("core-70b", "unattributed", 20, 10_000, 1_000, 30)]
    ((device,),) = _rows(
        con, "SELECT avg(device_utilisation) FROM pool_utilisation_daily WHERE pool_id = 'core-70b' AND usage_date >= DATE '2026-09-01'"
    )
    assert device == pytest.approx((10 * 0.60 + 14 * 0.48) / 24)


def test_every_token_reaches_its_workload(sample: Sample) -> None:
    con, truth, _ = sample
    buckets = ("requests", "input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    found = {
        (workload, f"{month:%Y-%m}"): dict(zip(buckets, values, strict=True))
        for workload, month, *values in _rows(
            con,
            f"SELECT workload_id, date_trunc('month', usage_date), {', '.join(f'CAST(sum({b}) AS BIGINT)' for b in buckets)} "
            "FROM usage_daily GROUP BY ALL",
        )
    }
    expected = {
        (workload, month): tokens for workload, told in truth["workloads"].items() for month, tokens in told["months"].items() if any(tokens.values())
    }
    assert found == expected


def test_pools_cost_what_their_bills_say(sample: Sample) -> None:
    con, truth, _ = sample
    for pool, told in truth["pools"].items():
        if told["currency"] != "USD":
            continue
        for month, amounts in told["months"].items():
            (gpu,) = _rows(
                con,
                "SELECT coalesce(sum(served_cost + idle_cost), 0) FROM pool_utilisation_daily "
                f"WHERE pool_id = '{pool}' AND strftime(usage_date, '%Y-%m') = '{month}'",
            )[0]
            assert gpu == Decimal(amounts["gpu"]), (pool, month)


def test_recommendations_are_the_ones_that_the_story_tells(sample: Sample) -> None:
    con, truth, _ = sample
    found = {
        workload: (recommendation, reason)
        for workload, recommendation, reason in _rows(
            con, f"SELECT workload_id, recommendation, reason FROM placement_recommendations WHERE quarter = '{truth['quarter']}'"
        )
    }
    expected = {workload: (told["recommendation"], told["reason"]) for workload, told in truth["workloads"].items() if "recommendation" in told}
    assert {workload: found[workload] for workload in expected} == expected
    assert len(expected) >= 16


def test_the_ledger_ties_but_for_the_one_invoice_that_differs(sample: Sample) -> None:
    con, truth, _ = sample
    found = {
        (issuer, invoice, f"{period:%Y-%m}"): status
        for issuer, invoice, period, status in _rows(
            con, "SELECT issuer, invoice_id, period, status FROM invoice_reconciliation WHERE status <> 'no_control'"
        )
    }
    expected = {(told["issuer"], told["invoice_id"] or None, told["period"]): told["status"] for told in truth["controls"]}
    assert found == expected
    assert sorted(set(found.values())) == ["differs", "ties"]


def test_people_are_costed_by_fte_at_standard_rates(sample: Sample) -> None:
    """A month's cost of people is its FTE, as written, at rates between the lowest and the highest that are published for that month."""
    con, truth, _ = sample
    months = _rows(
        con,
        "SELECT strftime(usage_date, '%Y-%m'), source_id, sum(effective_cost) FROM cost_daily WHERE cost_basis = 'people' GROUP BY ALL ORDER BY ALL",
    )
    assert len(months) >= 12
    for month, source, cost in months:
        ((low, high),) = _rows(con, f"SELECT min(value), max(value) FROM people_rates WHERE '{month}-15' BETWEEN valid_from AND valid_to")
        fte = Decimal(truth["people"][source][month]["total"])
        assert fte * low / 12 - 1 < cost < fte * high / 12 + 1, (month, source)
