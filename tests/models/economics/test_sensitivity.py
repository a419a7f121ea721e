"""The tornado and its flips: each flip is found again by deciding anew on either side of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_companies import ASSUMPTIONS, inputs, priced, row, usage, workload
from small_companies import company as configured_company
from test_decision import AS_OF, JUNE, on_api, on_pool
from test_economic_laws import two_sided

from models.economics.decision import DecisionInputs, DecisionOutputs, decide
from models.economics.explanation import flip_sentence
from models.economics.sensitivity import DECISION_SENSITIVITY


def input_row(decided: DecisionOutputs, name: str, workload_id: str = "chat") -> dict[str, Any]:
    return row(decided.decision_sensitivity, quarter="2026-Q3", workload_id=workload_id, input=name)


def passes(given_inputs: DecisionInputs) -> bool:
    """Whether the rules themselves let all of it move to self-hosting."""
    return bool(input_row(decide(given_inputs), "volume")["passes"])


def at_gpu_price(price: float) -> DecisionInputs:
    return on_api(gpu_prices=[{**ASSUMPTIONS["gpu_prices"][0], "price_per_gpu_hour": f"{price:.6f}"}])


def at_throughput(times: float) -> DecisionInputs:
    profile = ASSUMPTIONS["profiles"][0]
    speeds = {name: profile[name] * times for name in ("prefill_tokens_per_second", "decode_tokens_per_second")}
    return on_api(profiles=[{**profile, **speeds, "context_seconds": profile["context_seconds"] / times}])


def at_api_price(times: float, requests: float = 43200) -> DecisionInputs:
    used = usage("chat", requests, JUNE, AS_OF)
    prices = [priced(used, "openai", "gpt-4o", 2.5 * times, 10 * times, "incumbent")]
    return inputs(configured_company([workload("chat")]), AS_OF, [used], prices)


def test_a_tornado_row() -> None:
    # 6 GPUs over July, August and September: 736 hours in the mean
    gpu = input_row(decide(on_api()), "gpu_price")
    assert (gpu["alternative"], gpu["unit"], gpu["base"], gpu["passes"]) == ("self_host", "USD per GPU-hour", pytest.approx(3.99), True)
    assert (gpu["low"], gpu["high"]) == (pytest.approx(3.99), pytest.approx(12.29))  # the dearest H100 of the catalogue
    assert gpu["saving_base"] - gpu["saving_high"] == pytest.approx((12.29 - 3.99) * 6 * 736)


def test_the_saving_is_the_recommendations() -> None:
    decided = decide(on_api())
    moves = row(decided.placement_recommendations, quarter="2026-Q3")
    savings = decided.decision_sensitivity.filter(quarter="2026-Q3")["saving_base"]
    assert savings.to_list() == pytest.approx([moves["saving_monthly"]] * savings.len())


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("gpu_price", at_gpu_price),
        ("throughput", at_throughput),
        ("people", lambda monthly: on_api(staffing={"fte": 1, "loaded_annual": monthly * 12})),
        ("utilisation_target", lambda target: on_api(utilisation_target=target)),
        ("peak.burst_factor", lambda burst: on_api(peak={"quantile": 0.99, "burst_factor": burst})),
        ("migration_cost", lambda cost: on_api(configured=workload("chat", migration={"cost": cost, "months": 1}))),
    ],
)
def test_beyond_its_flip_the_alternative_fails(name: str, changed: Any) -> None:
    flip = input_row(decide(on_api()), name)
    outwards = 1.002 if flip["flip_value"] > flip["base"] else 1 / 1.002
    assert passes(changed(flip["flip_value"] / outwards))
    assert not passes(changed(flip["flip_value"] * outwards))


def test_beyond_the_api_prices_flip_the_alternative_fails() -> None:
    flip = input_row(decide(on_api()), "api_price")
    times = flip["flip_value"] / flip["base"]
    assert times < 1
    assert passes(at_api_price(times * 1.002))
    assert not passes(at_api_price(times / 1.002))


def test_beyond_the_volumes_flip_the_alternative_fails() -> None:
    flip = input_row(decide(on_api()), "volume")
    requests = 43200 * flip["flip_value"] / flip["base"]
    assert passes(on_api(requests=requests * 1.002))
    assert not passes(on_api(requests=requests / 1.002))


def test_a_stay_has_the_flip_that_would_make_it_a_move() -> None:
    flip = input_row(decide(on_api(requests=4320)), "api_price")
    assert (flip["passes"], flip["flip_value"] > flip["base"]) == (False, True)
    times = flip["flip_value"] / flip["base"]
    assert [passes(at_api_price(times * factor, requests=4320)) for factor in (1 / 1.002, 1.002)] == [False, True]


def test_spare_replicas_flip_at_a_whole_number() -> None:
    flip = input_row(decide(on_api()), "spare_replicas")["flip_value"]
    assert flip == round(flip)
    assert [passes(on_api(spare_replicas=round(flip) - less)) for less in (1, 0)] == [True, False]


def test_what_costs_nothing_has_no_effect() -> None:
    overheads = input_row(decide(on_api()), "overheads")
    assert (overheads["base"], overheads["flip_value"], overheads["reason"]) == (0, None, "no_effect")


def test_where_the_weights_do_not_fit_no_price_helps() -> None:
    profile = {**ASSUMPTIONS["profiles"][0], "weights_gb": 140, "gpu_memory_gb": 80}
    rows = decide(on_api(profiles=[profile])).decision_sensitivity.filter(quarter="2026-Q3")
    assert rows["flip_value"].null_count() == rows.height
    assert set(rows["reason"]) == {"capacity"}


def test_a_self_hosted_workload_is_weighed_against_the_best_api() -> None:
    decided = decide(on_pool({"tags": 432}))
    price = input_row(decided, "api_price", "tags")
    assert (price["alternative"], price["passes"]) == ("api", True)
    assert price["flip_value"] > price["base"]
    assert input_row(decided, "gpu_price", "tags")["base"] == pytest.approx(3.99)


def test_closed_quarters_are_no_longer_weighed() -> None:
    since = usage("chat", 43200, date(2026, 1, 1), AS_OF)
    decided = decide(inputs(configured_company([workload("chat")]), AS_OF, [since], [priced(since, "openai", "gpt-4o", 2.5, 10, "incumbent")]))
    assert decided.decision_scenarios["quarter"].unique().sort().to_list() == ["2026-Q1", "2026-Q2", "2026-Q3"]
    assert decided.decision_sensitivity["quarter"].unique().sort().to_list() == ["2026-Q2", "2026-Q3"]


def test_the_nearest_flips_in_words() -> None:
    said = row(decide(on_api()).placement_recommendations, quarter="2026-Q3")["flips_if"]
    assert "unless" in said
    assert "the GPU price rises above" in said or "the API price falls below" in said
    assert flip_sentence([], "USD") == ""


def test_a_stay_says_what_would_have_to_change() -> None:
    said = row(decide(on_api(requests=4320)).placement_recommendations, quarter="2026-Q3")["flips_if"]
    assert "A move to self-hosting would pass if" in said


@given(st.floats(500, 60_000), st.floats(0.3, 3))
@settings(max_examples=10, deadline=None)
def test_flips_lie_on_the_side_that_hurts(requests: float, price: float) -> None:
    rows = decide(two_sided(requests, price)).decision_sensitivity.filter(quarter="2026-Q3", workload_id="chat")
    assert rows.schema == pl.Schema(DECISION_SENSITIVITY)
    for each in rows.filter(pl.col("flip_value").is_not_null(), pl.col("input").is_in(["gpu_price", "people", "api_price"])).iter_rows(named=True):
        is_higher = each["flip_value"] > each["base"]
        hurts_upwards = each["input"] != "api_price"
        assert is_higher == (hurts_upwards == each["passes"])


@pytest.mark.parametrize("requests", [0.0, 1e-9, 1e12])
@pytest.mark.parametrize("price", [0.0, 1e-6, 1e6])
def test_hostile_inputs_give_numbers_or_reasons(requests: float, price: float) -> None:
    rows = decide(two_sided(requests, price)).decision_sensitivity
    for column in rows.select(pl.selectors.float()):
        assert column.drop_nulls().is_finite().all(), column.name
    assert rows.filter(pl.col("flip_value").is_null() & pl.col("reason").is_null()).is_empty()


def test_measured_bursts_size_the_fleet() -> None:
    given_inputs = on_api(peak={"quantile": 0.99})
    months = sorted(month for _, month in decide(given_inputs).crossover_monthly.select("workload_id", "month").iter_rows())
    logged = replace(given_inputs, burst_monthly=pl.DataFrame([{"workload_id": "chat", "month": month, "burst_factor": 3.0} for month in months]))
    assert input_row(decide(logged), "peak.burst_factor")["base"] == pytest.approx(3)
    assert input_row(decide(given_inputs), "peak.burst_factor")["base"] == pytest.approx(1.25)
    configured = replace(logged, company=on_api(peak={"quantile": 0.99, "burst_factor": 1.5}).company)
    assert input_row(decide(configured), "peak.burst_factor")["base"] == pytest.approx(1.5)
