"""What leaving a pool frees a workload of: commitments (economics 2.7) and owned hardware (2.8)."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_companies import ANSWERED, company, row, workload
from test_decision import POOL, on_pool, recommended

from models.economics.commitments import OWNED_HARDWARE, Stake, capital_uplift, days_share, stranded_cost
from models.economics.decision import DecisionInputs, decide
from models.economics.finance import capital_recovery_monthly
from models.economics.months import MonthBook
from models.economics.recommendations import Review, reviews
from models.economics.uncertainty import Spread, draw_factors

GPUS = 2 * 3.99 * 24 * 92 / 3  # of one replica, mean of July to September
PEOPLE = 70_000 / 12
API = 803.11824 * 92 / 93
AMOUNT = st.floats(0, 1e6)


def bound(*commitments: tuple[str, float]) -> dict[str, Any]:
    return {**POOL, "commitments": [{"ends": ends, "monthly": monthly} for ends, monthly in commitments]}


def alone(pool: dict[str, Any], configured: dict[str, Any] | None = None, people: bool = True, **assumptions: Any) -> DecisionInputs:
    """tags by itself on one replica: 5,870 a month of GPUs and 5,833 of people against an API of 795."""
    given_inputs = on_pool({"tags": 432}, pool=pool, **assumptions)
    changed = company([configured or workload("tags", "self_host")], [pool], **assumptions)
    paid = given_inputs.actual_cost_monthly
    return replace(given_inputs, company=changed, actual_cost_monthly=paid if people else paid.filter(pl.col("cost_basis") != "people"))


def reviewed(given_inputs: DecisionInputs, hardware: pl.DataFrame | None = None) -> Review:
    factors = draw_factors(7, Spread(0.25, 0.2, 0.15))
    return reviews(given_inputs.company, MonthBook(given_inputs), factors, given_inputs.as_of, owned_hardware=hardware)[-1]


def annuity(months: range) -> float:
    return math.fsum(1.15 ** (-t / 12) for t in months)


def test_what_is_committed_is_not_avoided_until_it_ends() -> None:
    moves = recommended(decide(alone(bound(("2027-03-31", 5000)))), "tags")
    assert (moves["recommendation"], moves["effective_date"]) == ("move_to_api", date(2026, 11, 1))  # people alone are worth it
    assert moves["saving_monthly"] == pytest.approx(GPUS - 5000 + PEOPLE - API)
    after = GPUS + PEOPLE - API
    # October passes with the move, November to March save less by 5,000, then all of it up to the 36th month
    assert moves["npv"] == pytest.approx(-60_000 + (after - 5000) * annuity(range(2, 7)) + after * annuity(range(7, 37)))


def test_the_price_of_a_commitment_does_not_fall_with_those_of_other_gpus() -> None:
    """Of the pool's bill only what is beyond 5,000 gets cheaper by 30 % a year up to March; after it all of it does."""
    moves = recommended(decide(alone(bound(("2027-03-31", 5000)), gpu_price_erosion=0.3)), "tags")
    fixed = PEOPLE - API
    cheaper = [(fixed + (GPUS - (5000 if t <= 6 else 0)) * 0.7 ** (t / 12)) * 1.15 ** (-t / 12) for t in range(2, 37)]
    assert moves["effective_date"] == date(2026, 11, 1)
    assert moves["npv"] == pytest.approx(-60_000 + math.fsum(cheaper))


def test_a_move_that_would_pay_twice_waits_for_the_expiry() -> None:
    free = {"fte": 0, "loaded_annual": 0}
    given_inputs = alone(bound(("2027-03-31", 6000)), workload("tags", "self_host", migration={"cost": 20_000, "months": 1}), False, staffing=free)
    moves = recommended(decide(given_inputs), "tags")
    assert (moves["recommendation"], moves["effective_date"]) == ("move_to_api", date(2027, 4, 1))
    assert moves["saving_monthly"] == pytest.approx(GPUS - API)
    # the switching cost falls due a month before: at the end of the fifth month
    assert moves["npv"] == pytest.approx(-20_000 * 1.15 ** (-5 / 12) + (GPUS - API) * annuity(range(7, 37)))
    dates = [(each.effective_date, round(each.saving_monthly)) for each in reviewed(given_inputs).case.alternatives]
    assert dates == [(date(2026, 11, 1), round(-API)), (date(2027, 4, 1), round(GPUS - API))]


def test_a_commitment_that_ends_within_a_month_frees_the_month_by_its_days() -> None:
    free = {"fte": 0, "loaded_annual": 0}
    pool = bound(("2027-01-15", 6000))
    moves = recommended(decide(alone(pool, workload("tags", "self_host", migration={"cost": 20_000, "months": 1}), False, staffing=free)), "tags")
    assert moves["effective_date"] == date(2027, 1, 16)


def test_a_commitment_that_ends_before_the_move_can_be_made_binds_nothing() -> None:
    for ends in ("2026-08-31", "2026-10-31"):
        moves = recommended(decide(alone(bound((ends, 5000)))), "tags")
        assert (moves["effective_date"], moves["saving_monthly"]) == (date(2026, 11, 1), pytest.approx(GPUS + PEOPLE - API))


def test_a_commitment_beyond_the_horizon_keeps_it_where_only_its_end_would_pay() -> None:
    free = {"fte": 0, "loaded_annual": 0}
    stays = recommended(decide(alone(bound(("2029-12-31", 6000)), people=False, staffing=free)), "tags")
    assert stays["recommendation"] == "stay_self_hosted"
    assert stays["effective_date"] is None


def test_each_expiry_is_a_date_to_move_on() -> None:
    pool = bound(("2027-03-31", 3000), ("2026-12-31", 3000))
    dates = [each.effective_date for each in reviewed(alone(pool)).case.alternatives]
    assert dates == [date(2026, 11, 1), date(2027, 1, 1), date(2027, 4, 1)]


def test_a_gate_moves_it_on_the_date_that_is_worth_most() -> None:
    free = {"fte": 0, "loaded_annual": 0}
    no_team = workload("tags", "self_host", questions={**ANSWERED, "engineering_capability": False}, migration={"cost": 900_000, "months": 1})
    moves = recommended(decide(alone(bound(("2027-03-31", 6000)), no_team, False, staffing=free)), "tags")
    assert (moves["recommendation"], moves["binding_gate"], moves["effective_date"]) == ("move_to_api", "capability", date(2027, 4, 1))
    assert moves["npv"] < 0  # cost never overrides the gate


def test_what_the_others_on_the_pool_use_of_a_commitment_is_not_lost() -> None:
    shared = {**POOL, "replicas": 4, "commitments": [{"ends": "2027-03-31", "monthly": 10_000}]}
    given_inputs = on_pool({"big": 43200, "tags": 432}, replicas=4, pool=shared)  # the others need 2 + 1 of the 4 replicas: 17.6 thousand
    used = next(each for each in reviewed(given_inputs).case.alternatives if each.alternative == "api")
    assert used.saving_monthly == pytest.approx(GPUS - API, rel=1e-3)
    assert not used.is_committed


@given(AMOUNT, AMOUNT, AMOUNT, AMOUNT)
def test_never_more_is_lost_than_would_be_avoided(bill: float, avoided: float, committed: float, kept: float) -> None:
    stake = Stake(bill, min(avoided, bill))
    lost = stranded_cost(stake, committed, kept)
    assert 0 <= lost <= stake.avoided_cost
    assert stranded_cost(stake, 0.0, kept) == 0
    assert lost <= stranded_cost(stake, committed)


def test_the_part_of_a_month() -> None:
    march = date(2026, 3, 1)
    assert days_share(date.min, date(2026, 3, 31), march) == 1
    assert days_share(date.min, date(2026, 3, 15), march) == pytest.approx(15 / 31)
    assert days_share(date(2026, 3, 31), date.max, march) == pytest.approx(1 / 31)
    assert days_share(date.min, date(2026, 2, 28), march) == days_share(date(2026, 4, 1), date.max, march) == 0


ASSET = {"pool_id": "p", "in_service": date(2025, 1, 1), "life_months": 36, "purchase_price": 320_000.0, "residual": 0.0}


def test_capital_recovery_of_owned_hardware() -> None:
    assert capital_uplift(ASSET, date(2026, 7, 1), 0.15) == pytest.approx(10_945.84 - 8_888.89, abs=0.01)
    assert capital_uplift(ASSET, date(2024, 12, 1), 0.15) == 0
    assert capital_uplift(ASSET, date(2028, 1, 1), 0.15) == 0  # its life is over
    assert capital_uplift(ASSET, date(2026, 7, 1), 0.0) == pytest.approx(0)


def test_what_a_machine_still_fetches_is_not_recovered() -> None:
    # 100 now, 100 back after a year at 10 %: interest alone
    recovered = capital_recovery_monthly(100, 12, 0.10, residual=100)
    assert recovered == pytest.approx(100 * (1.10 ** (1 / 12) - 1))


def test_a_decision_counts_owned_hardware_at_its_capital_recovery() -> None:
    hardware = pl.DataFrame([{**ASSET, "purchase_price": 160_000.0}], schema=OWNED_HARDWARE)
    books, capital = reviewed(alone(POOL)), reviewed(alone(POOL), hardware)
    uplift = (10_945.84 - 8_888.89) / 2
    assert books.described is not None
    assert capital.described is not None
    assert capital.described.saving_monthly == pytest.approx(books.described.saving_monthly + uplift, abs=0.01)
    assert capital.recommendation_row["current_cost_monthly"] == books.recommendation_row["current_cost_monthly"]  # what is paid stays the books'


def test_an_asset_with_a_gap_is_no_asset() -> None:
    hardware = pl.DataFrame([{**ASSET, "purchase_price": None}, {**ASSET, "life_months": 0}], schema=OWNED_HARDWARE)
    assert reviewed(alone(POOL), hardware).described == reviewed(alone(POOL)).described


def test_an_asset_of_another_pool_changes_nothing() -> None:
    hardware = pl.DataFrame([{**ASSET, "pool_id": "elsewhere"}], schema=OWNED_HARDWARE)
    assert reviewed(alone(POOL), hardware).described == reviewed(alone(POOL)).described


def test_without_commitments_there_is_one_date() -> None:
    assert [each.effective_date for each in reviewed(alone(POOL)).case.alternatives] == [date(2026, 11, 1)]
    decided = row(decide(alone(POOL)).placement_recommendations, workload_id="tags", quarter="2026-Q3")
    assert decided["saving_monthly"] == pytest.approx(decided["current_cost_monthly"] - decided["alternative_cost_monthly"])
