"""Formula 2.4: economics.md's worked examples, and break-evens on staircases checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.economics.crossover import (
    ApiSide,
    Counterfactual,
    Provisioned,
    SelfHostedSide,
    break_even_price_per_million,
    break_even_utilisation,
    break_even_volume_linear,
    cheaper_intervals,
    robust_break_even,
    size_class,
)


def own_fleet(load: float = 0.5, people: float = 0, spare: int = 0, per_instance: int = 1, per_replica: int = 1, gpu: float = 100) -> SelfHostedSide:
    return SelfHostedSide(Counterfactual(load, spare, per_replica, per_instance, gpu), people)


def test_linear_form() -> None:
    millions = break_even_volume_linear(700_000, 0, 10, 0.15)
    assert millions == pytest.approx(71_066, abs=0.5)
    assert millions / 365 == pytest.approx(194.7, abs=0.05)
    assert break_even_volume_linear(700_000, 0, 0.10, 0.15) is None


def test_break_even_utilisation() -> None:
    assert break_even_utilisation(9.7222, 15) == pytest.approx(0.648, abs=5e-4)
    assert break_even_utilisation(16, 15) is None


def test_break_even_price() -> None:
    assert break_even_price_per_million(17_476.20 + 5833.33, 21_539.09) == pytest.approx(1.0822, abs=5e-5)
    assert break_even_price_per_million(1, 0) is None


def test_the_worked_example() -> None:
    # 2 replicas of 2 GPUs at 3.99 over August's 744 h and 5,833.33 of people against 80,311.82: crosses at 17,707.57
    side = SelfHostedSide(Counterfactual(1.686, 1, 2, 1, 3.99 * 744), 70_000 / 12)
    assert side.total == pytest.approx(23_644.69, abs=0.005)
    assert robust_break_even(side, ApiSide(80_311.824)) == pytest.approx(17_707.5733 / 80_311.824, abs=1e-6)


def test_it_crosses_on_the_first_step() -> None:
    assert robust_break_even(own_fleet(), ApiSide(200)) == pytest.approx(0.5)  # 100 = 200 v, well below v = 2


def test_people_on_the_api_side_move_the_crossing() -> None:
    assert robust_break_even(own_fleet(people=50), ApiSide(200, people=30)) == pytest.approx(0.6)  # 150 = 200 v + 30


def test_several_crossings_the_last_one_is_robust() -> None:
    # SELF = 100 n + 40 on (n - 1, n], API = 120 v: dearer at the start of each step up to n = 7 (740 > 720), not from n = 8 on (840 = 840)
    assert robust_break_even(own_fleet(load=1, people=40), ApiSide(120)) == pytest.approx(740 / 120)


def test_the_intervals_by_hand() -> None:
    # SELF = 140, 240, 340, 440 on (0,1], (1,2], (2,3], (3,4]; API = 120 v
    intervals = cheaper_intervals(own_fleet(load=1, people=40), ApiSide(120), until=4)
    assert [tuple(round(edge, 4) for edge in interval) for interval in intervals] == [(2.0, 2), (2.8333, 3), (3.6667, 4)]


def test_cheaper_at_any_volume() -> None:
    assert robust_break_even(own_fleet(people=0), ApiSide(300, people=1000)) == 0.0


def test_an_api_cheaper_than_a_replicas_own_work_is_never_beaten() -> None:
    assert robust_break_even(own_fleet(load=1), ApiSide(99)) is None


def test_equal_slopes_with_a_head_start() -> None:
    assert robust_break_even(own_fleet(load=1), ApiSide(100, people=200)) == 0.0
    assert robust_break_even(own_fleet(load=1), ApiSide(100, people=50)) is None


def test_whole_instances_make_longer_steps() -> None:
    # 8 GPUs an instance, 2 a replica: 800 per 4 replicas; API 300 per replica: the step to the second instance is paid at 1600/300 replicas
    side = own_fleet(load=1, per_instance=8, per_replica=2)
    assert robust_break_even(side, ApiSide(300)) == pytest.approx(1600 / 300)


def test_no_volume_has_no_break_even() -> None:
    assert robust_break_even(own_fleet(load=0), ApiSide(200)) is None
    assert robust_break_even(own_fleet(), ApiSide(0, people=1000)) is None


def test_the_floor_of_provisioned_replicas() -> None:
    capacity = Provisioned(load=0.5, floor=1.5, capacity_monthly=150, replica_cost=100)
    assert [float(capacity.capacity_cost(np.array([need]))[0]) for need in (0, 0.5, 1.5, 1.51, 2, 2.1)] == [150, 150, 150, 200, 200, 300]


def test_a_floor_below_todays_need_keeps_serving_it() -> None:
    capacity = Provisioned(load=1.2, floor=1.0, capacity_monthly=100, replica_cost=100)
    assert [float(capacity.capacity_cost(np.array([need]))[0]) for need in (1.2, 2.0, 2.1)] == [100, 100, 200]


def test_break_even_of_what_is_provisioned() -> None:
    side = SelfHostedSide(Provisioned(load=0.1, floor=2, capacity_monthly=200, replica_cost=100), people=50)
    assert side.total == 250
    assert robust_break_even(side, ApiSide(20)) == pytest.approx(12.5)  # 250 = 20 v, with room up to v = 20


def test_size_bands_are_half_open() -> None:
    assert [size_class(billions) for billions in (8, 13.99, 14, 74, 75, 671)] == ["small", "small", "medium", "medium", "large", "large"]
