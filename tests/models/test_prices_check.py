"""Every run compares its prices with what the list's own package charges."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from priced_usage import priced

from pipelines.price_check import SAMPLE_MAX, check_prices

HAIKU = {"provider": "anthropic", "model": "claude-haiku-4-5", "input_uncached_tokens": 1}
IN_NOVEMBER = datetime(2026, 11, 20, 12)


def findings(con):
    found = check_prices(con)
    stored = con.execute("SELECT check_name, subject, severity, rows FROM config.price_finding ORDER BY ALL").fetchall()
    assert stored == sorted((finding.check_name, finding.subject, finding.severity, finding.rows) for finding in found)
    return stored


@pytest.mark.parametrize(
    "row",
    [
        HAIKU,
        HAIKU | {"service_tier": "batch"},
        {"provider": "anthropic", "model": "claude-opus-5", "service_tier": "fast"},
        {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_uncached_tokens": 200_001},
        {"provider": "openai", "model": "gpt-4o"},
        {"provider": "openai", "model": "gpt-5.4", "service_tier": "priority"},
        {"provider": "openai", "model": "text-embedding-3-small"},
        {"provider": "google", "model": "gemini-2.5-pro", "input_uncached_tokens": 200_001},
        {"provider": "azure", "model": "gpt-4o"},
        {"provider": "aws", "model": "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    ],
    ids=lambda row: " ".join(map(str, row.values())),
)
def test_the_shipped_prices_are_what_the_package_charges(row):
    con = priced([row | {"usage_at": IN_NOVEMBER}])
    assert con.execute("SELECT count(*) FROM allocation.token_price").fetchall() == [(1,)]
    assert findings(con) == []


def test_a_converted_price_may_be_rounded_and_no_more():
    con = priced([HAIKU | {"usage_at": IN_NOVEMBER}], rate="0.853219")
    assert con.execute("SELECT cache_write_price FROM allocation.token_price").fetchall() == [(Decimal("0.000001066524"),)]
    assert findings(con) == []


@pytest.mark.parametrize("column", ["input_price", "cache_read_price", "cache_write_price", "cache_write_1h_price", "output_price"])
def test_a_tampered_price_is_found(column):
    con = priced([HAIKU | {"usage_at": IN_NOVEMBER}, HAIKU | {"usage_at": IN_NOVEMBER, "model": "claude-sonnet-4-5"}])
    con.execute(f"UPDATE allocation.token_price SET {column} = {column} + 0.000000001 WHERE model = 'claude-haiku-4-5'")
    assert findings(con) == [("price_differs", "log", "error", 1)]
    assert "anthropic claude-haiku-4-5 on 2026-11-20 costs" in check_prices(con)[0].message


def test_a_price_of_the_configuration_is_not_compared():
    con = priced([HAIKU])
    con.execute("UPDATE allocation.token_price SET input_price = 9, price_source = 'configuration'")
    assert findings(con) == []


def test_a_batch_before_its_first_listed_day_has_the_first_price_and_says_so():
    con = priced([HAIKU | {"service_tier": "batch"}])
    assert con.execute("SELECT input_price FROM allocation.token_price").fetchall() == [(Decimal("0.0000005"),)]
    assert findings(con) == [("price_before_first_date", "log", "info", 1)]


def test_a_price_that_depends_on_the_hour_says_so():
    assert findings(priced([{"provider": "deepseek", "model": "deepseek-chat"}])) == [("price_by_hour", "log", "warning", 1)]


def test_a_fee_for_each_request_is_not_passed_over():
    assert findings(priced([{"provider": "perplexity", "model": "sonar"}])) == [("price_incomplete", "log", "warning", 1)]


def test_one_hour_writes_without_a_price_of_their_own_say_so():
    row = {"provider": "google", "model": "claude-4-sonnet", "cache_write_tokens": 2, "cache_write_1h_tokens": 2, "usage_at": IN_NOVEMBER}
    assert findings(priced([row, row | {"cache_write_1h_tokens": 0}])) == [("unknown_price", "log", "warning", 1)]


def test_the_sample_is_bounded_and_the_same_every_time():
    days = [
        HAIKU | {"usage_at": datetime(2026, month, day), "model": model}
        for model in ("claude-haiku-4-5", "claude-opus-5")
        for month in (1, 11)
        for day in (1, 2, 3)
    ]
    con = priced(days)
    # every day another price: each is a sample of its own
    con.execute("UPDATE allocation.token_price SET input_price = input_price + CAST(dayofyear(usage_date) AS DECIMAL(18, 12)) * 0.000001")
    assert len(check_prices(con)) == len(days) <= SAMPLE_MAX
    assert check_prices(con) == check_prices(con)
