"""Tokens times prices in the product's SQL: one-hour writes, reported context tiers, and what has no price."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from priced_usage import costs, priced

from models.contracts.feeds import ApiUsageNumbers, violations
from models.prices import FIRST_DAY, Price, shipped_prices
from pipelines import sql_models
from pipelines.config_tables import fill_prices

D = Decimal
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
MILLION = 1_000_000
OWN = Price("own", "model", "standard", 0, D(1), None, None, None, D(5), "USD", FIRST_DAY, None, "configuration", 0)
OWN_MODEL = {"provider": "own", "model": "model"}


def test_a_one_hour_write_costs_its_own_price():
    rows = [SONNET | {"cache_write_tokens": 1_000, "cache_write_1h_tokens": hour} for hour in (0, 400, 1_000)]
    # 3.75 and 6 per million
    assert costs(priced(rows)) == [D("0.00375"), D("0.00465"), D("0.006")]


def test_hour_rows_carry_the_one_hour_writes():
    con = priced([SONNET | {"cache_write_tokens": 1_000, "cache_write_1h_tokens": 400}])
    for table in ("facts.usage_hourly", "allocation.usage_matched"):
        assert con.execute(f"SELECT cache_write_tokens, cache_write_1h_tokens FROM {table}").fetchall() == [(1_000, 400)]


@pytest.mark.parametrize(
    ("given_prices", "expected"),
    [
        ({"cache_write": D("1.25"), "cache_write_1h": D(2)}, "0.00325"),
        ({"cache_write": D("1.25")}, "0.0025"),
        ({}, "0.002"),
    ],
)
def test_a_price_that_is_not_given_is_that_of_the_shorter_write_then_the_input(given_prices, expected):
    row = OWN_MODEL | {"cache_write_tokens": 2_000, "cache_write_1h_tokens": 1_000}
    assert costs(priced([row], [replace(OWN, **given_prices)])) == [D(expected)]


def test_a_bucket_without_a_price_makes_the_cost_unknown_and_never_zero():
    priceless = replace(OWN, output=None)
    rows = [
        OWN_MODEL | {"input_uncached_tokens": MILLION, "output_tokens": output, "reported_cost": cost}
        for output, cost in ((0, None), (1, None), (1, D(7)))
    ]
    assert costs(priced(rows, [priceless])) == [D(1), None, D(7)]


@pytest.mark.parametrize("bucket", ["input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"])
def test_a_model_without_a_price_has_an_unknown_cost(bucket):
    assert costs(priced([OWN_MODEL | {bucket: 1}], [])) == [None]


def test_a_one_hour_write_without_any_price_is_unknown():
    assert costs(priced([OWN_MODEL | {"cache_write_tokens": 1, "cache_write_1h_tokens": 1}], [replace(OWN, input=None)])) == [None]


def test_a_request_is_priced_by_its_own_context():
    rows = [SONNET | {"input_uncached_tokens": tokens} for tokens in (200_000, 200_001)]
    # 3 and 6 per million
    assert costs(priced(rows)) == [D("0.6"), D("1.200006")]


def test_a_sum_that_knows_its_context_tier_is_priced_by_it():
    day = SONNET | {"requests": 40, "is_single_request": False, "input_uncached_tokens": MILLION}
    con = priced([day | {"reported_price_class": known} for known in (None, 0, 1)])
    assert costs(con) == [D(3), D(3), D(6)]
    assert con.execute("SELECT is_tier_unknown FROM facts.usage_hourly ORDER BY key_id").fetchall() == [(True,), (False,), (False,)]


def test_a_sum_without_a_count_of_requests_is_not_one_huge_request():
    day = SONNET | {"requests": 0, "is_single_request": False, "input_uncached_tokens": MILLION, "output_tokens": MILLION}
    assert priced([day]).execute("SELECT attention_tokens FROM facts.usage_hourly").fetchall() == [(0,)]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {name: st.integers(0, 10**9) for name in ("input_uncached_tokens", "cache_read_tokens", "short", "long", "output_tokens")}
        ),
        min_size=1,
        max_size=5,
    )
)
def test_cost_is_the_sum_of_each_bucket_at_its_price(usages):
    rows = [
        SONNET | {name: n for name, n in usage.items() if name.endswith("_tokens")}
        | {"cache_write_tokens": usage["short"] + usage["long"], "cache_write_1h_tokens": usage["long"], "reported_price_class": 0}
        for usage in usages
    ]  # fmt: skip
    prices = {"input_uncached_tokens": D(3), "cache_read_tokens": D("0.3"), "short": D("3.75"), "long": D(6), "output_tokens": D(15)}
    assert costs(priced(rows)) == [sum(prices[name] * count for name, count in usage.items()) / MILLION for usage in usages]


def test_more_one_hour_writes_than_writes_are_refused():
    counts = dict.fromkeys(ApiUsageNumbers.to_schema().columns, 0) | {"requests": 1, "usage_at": datetime(2026, 5, 1)}
    rows = [counts | {"row_number": n, "cache_write_tokens": 5, "cache_write_1h_tokens": hour} for n, hour in enumerate((5, 6, -1))]
    frame = pl.DataFrame(rows).with_columns(pl.col("usage_at").cast(pl.Datetime("us")))
    assert violations(ApiUsageNumbers, frame, "row_number").rows() == [
        (1, "more tokens are cached for an hour than are cached"),
        (2, "one-hour cache-write tokens are negative"),
    ]


def test_a_rule_splits_writes_so_that_the_long_ones_stay_a_part():
    con = priced([SONNET | {"cache_write_tokens": 5, "cache_write_1h_tokens": 4}])
    con.execute("UPDATE allocation.usage_matched SET rule_id = 'shared', workload_id = NULL")
    con.execute(
        "CREATE TABLE allocation.usage_rule_share AS SELECT 'shared' AS rule_id, DATE '2025-11-01' AS month, w AS workload_id, "
        "CAST(CASE w WHEN 'a' THEN 0.4 ELSE 0.2 END AS DECIMAL(38, 18)) AS share FROM (VALUES ('a'), ('b'), ('c'), ('d')) AS v (w)"
    )
    no_rest = ", ".join(
        f"CAST(NULL AS {kind}) AS {name}"
        for kind, names in {
            "VARCHAR": ("source_id", "pool_id", "model"),
            "DATE": ("usage_date", "month"),
            "TIMESTAMP": ("usage_hour",),
            "BIGINT": ("requests", "input_uncached_tokens", "cache_read_tokens", "output_tokens"),
            "DECIMAL(38, 9)": ("attention_tokens", "replica_seconds"),
        }.items()
        for name in names
    )
    con.execute(f"CREATE TABLE allocation.serving_rest AS SELECT {no_rest} WHERE false")
    sql_models.build(con, sql_models.models()["allocation.usage"])
    rows = con.execute("SELECT workload_id, cache_write_tokens, cache_write_1h_tokens FROM allocation.usage ORDER BY 1").fetchall()
    assert rows == [("a", 5, 4), ("b", 0, 0), ("c", 0, 0), ("d", 0, 0)]


def test_a_candidate_is_compared_at_its_own_price_of_long_writes():
    con = priced([SONNET | {"cache_write_tokens": MILLION, "cache_write_1h_tokens": 400_000}])
    con.execute("CREATE OR REPLACE TABLE config.api_candidate AS SELECT 'alpha' AS workload_id, 'anthropic' AS provider, 'claude-haiku-4-5' AS model")
    fill_prices(con, shipped_prices([("anthropic", "claude-haiku-4-5")])[0])
    con.execute("CREATE TABLE allocation.usage AS SELECT * REPLACE ('alpha' AS workload_id) FROM allocation.usage_matched")
    con.execute("CREATE TABLE allocation.cost (usage_date DATE, workload_id VARCHAR, cost_category VARCHAR, effective_cost DECIMAL(38, 12))")
    con.execute("CREATE TABLE config.parameters AS SELECT DATE '2025-11-30' AS as_of")
    for name in ("allocation.token_price", "allocation.api_candidate_cost"):
        sql_models.build(con, sql_models.models()[name])
    # 1.25 and 2 per million
    assert con.execute("SELECT token_cost FROM allocation.api_candidate_cost WHERE role = 'candidate'").fetchall() == [(pytest.approx(1.55),)]
