"""The published curve, its intervals and priors: drawn from the worked example of August 2026 (744 hours)."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from small_companies import GPT, SELF_HOST, inputs, priced, row, usage, workload
from small_companies import company as configured_company
from test_decision import AS_OF, AUGUST, JUNE, on_api, on_pool
from test_economic_laws import APIS, SIDES, two_sided

from models.economics.crossover import MAX_TREADS, ApiSide, Counterfactual, SelfHostedSide, cheaper_intervals, robust_break_even
from models.economics.curve import ANCHORS, curve_multipliers
from models.economics.decision import DecisionInputs, decide


def august_curve(given_inputs: DecisionInputs, workload_id: str = "chat") -> pl.DataFrame:
    return decide(given_inputs).crossover_curve.filter(month=AUGUST, workload_id=workload_id)


def test_the_curve_passes_through_the_month() -> None:
    decided = decide(on_api())
    month = row(decided.crossover_monthly, workload_id="chat", month=AUGUST)
    today = row(decided.crossover_curve, workload_id="chat", month=AUGUST, volume_multiplier=1.0)
    for column in ("tokens_per_day", "api_cost_monthly", "best_api_cost_monthly", "self_host_cost_monthly"):
        assert today[column] == pytest.approx(month[column])


def test_the_curve_crosses_at_the_break_even() -> None:
    decided = decide(on_api())
    volume = row(decided.crossover_monthly, workload_id="chat", month=AUGUST)["break_even_tokens_per_day"]
    curve = decided.crossover_curve.filter(month=AUGUST)
    gap = curve["best_api_cost_monthly"] - curve["self_host_cost_monthly"]
    assert gap.filter(curve["tokens_per_day"] < volume * (1 - 1e-9)).max() < 0
    assert gap.filter(curve["tokens_per_day"] > volume * (1 + 1e-9)).min() > 0


def test_a_step_is_drawn_with_both_its_ends() -> None:
    # load 1.686: the third replica's step ends at 2 / 1.686 of today's volume, where another 2 GPUs are bought
    curve = august_curve(on_api())
    steps = curve.filter(pl.col("volume_multiplier").is_between(1.1, 1.2))
    assert steps["volume_multiplier"].to_list() == pytest.approx([1.18602, 1.18602], abs=1e-5)
    assert steps["self_host_cost_monthly"].diff()[1] == pytest.approx(2 * 3.99 * 744)


def test_the_incumbent_and_the_best_api_are_two_lines() -> None:
    used = usage("chat", 43200, JUNE, AS_OF)
    prices = [priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent"), priced(used, "groq", "llama", 0.25, 1.0)]
    twice = row(decide(inputs(configured_company([workload("chat")]), AS_OF, [used], prices)).crossover_curve, month=AUGUST, volume_multiplier=2.0)
    assert twice["api_cost_monthly"] == pytest.approx(2 * 80_311.824)
    assert twice["best_api_cost_monthly"] == pytest.approx(0.2 * 80_311.824)


def test_a_side_nobody_knows_is_null_on_the_curve() -> None:
    alone = workload("chat", candidates={"api": [GPT]})
    curve = august_curve(on_api(configured=alone))
    assert curve["self_host_cost_monthly"].null_count() == curve.height == len(ANCHORS)
    given_inputs = on_api(configured=alone)
    unpriced = given_inputs.api_cost_monthly.with_columns(token_cost=pl.lit(None, dtype=pl.Float64))
    assert august_curve(DecisionInputs(**{**vars(given_inputs), "api_cost_monthly": unpriced})).is_empty()


def test_intervals_of_a_pool_that_grows() -> None:
    # its tenth of one paid replica is enough up to 2.35 times today's volume; then a whole one is dearer than the API until 7.46 times
    found = decide(on_pool({"big": 4320, "tags": 432})).crossover_intervals.filter(month=AUGUST, workload_id="tags")
    assert found["position"].to_list() == [1, 2]
    assert found["volume_multiplier_to"].to_list() == [pytest.approx(found["volume_multiplier_to"][0]), None]
    month = row(decide(on_pool({"big": 4320, "tags": 432})).crossover_monthly, workload_id="tags", month=AUGUST)
    assert found["tokens_per_day_from"][1] == pytest.approx(month["break_even_tokens_per_day"])


def test_the_prior_stands_beside_the_break_even() -> None:
    candidate = {**SELF_HOST, "profile": "llama-3.3-70b-fp8-h100x2", "tokens_per_task": 2.0}
    given_inputs = on_api(configured=workload("chat", candidates={"self_host": candidate, "api": [GPT]}))
    prior = row(decide(given_inputs).crossover_priors, month=AUGUST)
    assert (prior["size_class"], prior["parameters_billions"], prior["tokens_per_task_ratio"]) == ("medium", 70, 2.0)
    assert (prior["prior_api_spend_usd_low"], prior["prior_api_spend_usd_high"]) == (50_000, 100_000)
    assert prior["break_even_api_cost_monthly"] < 50_000
    # 3.92 replicas: 17,708 is earned at v = 0.22, the second replica from 0.255 on costs 23,645, earned again at 0.29
    assert (prior["against_prior"], prior["intervals"]) == ("below", 2)


def test_without_a_size_there_is_no_prior() -> None:
    prior = row(decide(on_api()).crossover_priors, month=AUGUST)
    assert (prior["size_class"], prior["prior_api_spend_usd_low"], prior["against_prior"]) == (None, None, None)
    sized = row(decide(on_api(configured=workload("chat", size_class="small"))).crossover_priors, month=AUGUST)
    assert (sized["size_class"], sized["prior_api_spend_usd_low"]) == ("small", 20_000)


def test_many_steps_are_bounded() -> None:
    # an API just dearer than a replica's own work: V_robust lies some 100,000 replicas away
    side, api = SelfHostedSide(Counterfactual(1.0, 1, 1, 1, 100.0), people=50_000), ApiSide(100.5)
    intervals = cheaper_intervals(side, api)
    assert robust_break_even(side, api) == pytest.approx(100_000, rel=0.01)
    assert intervals[-1] == (robust_break_even(side, api), math.inf)
    assert len(intervals) <= MAX_TREADS


@pytest.mark.parametrize("requests", [0.0, 1e-9, 1e12])
def test_hostile_volumes_have_a_curve_of_numbers(requests: float) -> None:
    decided = decide(two_sided(requests, 1.0))
    for table in (decided.crossover_curve, decided.crossover_intervals, decided.crossover_priors, decided.pool_marginal_monthly):
        for column in table.select(pl.selectors.float()):
            assert column.drop_nulls().is_finite().all(), column.name
    assert decided.crossover_curve.filter(workload_id="chat", month=date(2026, 8, 1)).height >= len(ANCHORS)


def gap_at(side: SelfHostedSide, api: ApiSide, volume: float) -> float:
    return side.at(volume) - api.token_cost * volume - api.fixed


@given(SIDES, APIS)
@settings(max_examples=150, deadline=None)
def test_every_crossing_drawn_is_bracketed(side: SelfHostedSide, api: ApiSide) -> None:
    points = curve_multipliers(side, api)
    assert points.size <= 60
    assert np.all(np.diff(points) > 0)
    intervals = cheaper_intervals(side, api)
    start = intervals[-1][0] if intervals else 0.0
    if start == 0.0 or (len(intervals) > 1 and (start - intervals[-2][1]) * side.capacity.load < 1e-6):  # nearer than the curve's points are
        return
    before, after = points[points < start], points[points >= start]
    slack = 1e-6 * (side.at(1) + api.total + side.at(float(start)) + 1)
    assert gap_at(side, api, float(before[-1])) >= -slack
    assert gap_at(side, api, float(after[0])) <= slack


@given(SIDES, APIS)
@settings(max_examples=100, deadline=None)
def test_the_api_rises_along_the_curve_and_self_hosting_never_falls(side: SelfHostedSide, api: ApiSide) -> None:
    points = curve_multipliers(side, api)
    assert np.all(np.diff(api.token_cost * points + api.fixed) >= 0)
    assert np.all(np.diff([side.at(float(point)) for point in points]) >= -1e-9 * side.at(float(points[-1])))


@given(SIDES, APIS)
@settings(max_examples=100, deadline=None)
def test_the_last_interval_starts_at_the_robust_break_even(side: SelfHostedSide, api: ApiSide) -> None:
    robust, intervals = robust_break_even(side, api), cheaper_intervals(side, api)
    assert all(left <= right for left, right in intervals)
    assert all(before[1] <= after[0] * (1 + 1e-9) for before, after in pairwise(intervals))
    if robust is None:
        assert all(math.isfinite(stop) for _, stop in intervals)
    else:
        assert intervals[-1] == (robust, math.inf)
