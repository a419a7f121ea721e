"""Formulas 2.8, 2.9, 2.11 and 2.16 (economics.md's worked examples); Pan & Wang, arXiv 2509.18101 (section 4)."""

from __future__ import annotations

import pytest

from models.economics.finance import (
    capital_recovery_monthly,
    dead_band_monthly,
    loaded_annual,
    monthly_rate,
    net_present_value,
    payback_months,
    payback_months_discounted,
    people_monthly,
    power_cost,
    straight_line_monthly,
)


def test_monthly_rate() -> None:
    assert monthly_rate(0.15) == pytest.approx(0.0117149, abs=5e-8)


def test_payback_simple_and_discounted() -> None:
    assert payback_months(120_000, 15_000) == 8
    assert payback_months_discounted(120_000, 15_000, 0.15) == pytest.approx(8.449, abs=5e-4)


@pytest.mark.parametrize(("simple", "discounted"), [(12, 13.0), (18, 20.3), (24, 28.3), (36, 47.0), (48, 70.9)])
def test_discounting_stretches_a_payback(simple: float, discounted: float) -> None:
    assert payback_months_discounted(simple, 1, 0.15) == pytest.approx(discounted, abs=0.05)


def test_the_red_flag_of_24_months_is_20_8_simple() -> None:
    assert payback_months_discounted(20.8, 1, 0.15) == pytest.approx(24, abs=0.05)


@pytest.mark.parametrize("saving", [0.0, -1.0])
def test_no_saving_never_pays_back(saving: float) -> None:
    assert payback_months(1000, saving) is None
    assert payback_months_discounted(1000, saving, 0.15) is None


def test_a_saving_below_the_interest_never_pays_back() -> None:
    assert payback_months_discounted(1000, 1000 * monthly_rate(0.15), 0.15) is None


def test_without_interest_discounted_is_simple() -> None:
    assert payback_months_discounted(120_000, 15_000, 0) == 8
    assert dead_band_monthly(120_000, 0, 24) == 5000


def test_net_present_value() -> None:
    assert net_present_value(120_000, [(month, 15_000) for month in range(1, 25)], 0.15) == pytest.approx(192_238.24, abs=0.005)


def test_owned_hardware() -> None:
    assert capital_recovery_monthly(320_000, 36, 0.15) == pytest.approx(10_945.84, abs=0.005)
    assert straight_line_monthly(320_000, 36) == pytest.approx(8888.89, abs=0.005)
    assert power_cost(10.2, 1.4, 8760, 0.12) == pytest.approx(15_010.9, abs=0.5)  # 15,011.14 exactly


def test_dead_band() -> None:
    assert dead_band_monthly(120_000, 0.15, 24) == pytest.approx(5764.83, abs=0.005)


def test_a_person() -> None:
    assert people_monthly(0.30, loaded_annual(185_000, 0.40)) == pytest.approx(6475)


@pytest.mark.parametrize(("burden", "team"), [(0.35, 1_431_000), (0.40, 1_484_000), (0.45, 1_537_000)])
def test_ivchenkos_team(burden: float, team: float) -> None:
    assert loaded_annual(1_060_000, burden) == pytest.approx(team)


API = {"GPT-5": (1.25, 10), "Opus 4": (15, 75), "Sonnet 4": (3, 15), "Grok 4": (3, 15)}
A100, RTX_5090 = (15_000, 0.400), (2_000, 0.575)  # price, kW
# model: hardware, count, capacity [M tokens/month], months to break even against each API
PAN_WANG = {
    "Kimi-K2": (A100, 16, 506.9, (69.3, 8.7, 44.0, 44.0)),
    "Qwen3-235B": (A100, 4, 253.4, (34.0, 4.3, 21.8, 21.8)),
    "gpt-oss-120B": (A100, 2, 139.4, (30.9, 3.9, 19.8, 19.8)),
    "Llama-3.3-70B": (A100, 1, 120.4, (17.8, 2.3, 11.4, 11.4)),
    "EXAONE 32B": (RTX_5090, 1, 126.7, (2.26, 0.3, 1.4, 1.4)),
    "Magistral 24B": (RTX_5090, 1, 95.0, (3.0, 0.4, 1.9, 1.9)),
}


def pan_wang_months(model: str, api: str, people: float = 0.0) -> float | None:
    (price, power_kw), count, capacity, _ = PAN_WANG[model]
    price_in, price_out = API[api]
    api_cost = capacity / 3 * price_in + 2 * capacity / 3 * price_out
    return payback_months(count * price, api_cost - power_cost(count * power_kw, 1, 160, 0.15) - people)


@pytest.mark.parametrize("model", PAN_WANG)
def test_pan_and_wangs_table(model: str) -> None:
    for api, published in zip(API, PAN_WANG[model][3], strict=True):
        assert pan_wang_months(model, api) == pytest.approx(published, rel=0.015, abs=0.05)


def test_with_a_quarter_of_an_engineer_it_never_pays_back() -> None:
    assert pan_wang_months("Llama-3.3-70B", "GPT-5", people=people_monthly(0.25, 280_000)) is None


def test_what_that_payback_replaces() -> None:
    # economics, finding 6: an API bill of $853 a month
    assert pytest.approx(853, abs=0.5) == 120.4 / 3 * 1.25 + 2 * 120.4 / 3 * 10
