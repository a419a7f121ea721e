"""Formula 2.10 (economics.md's worked example)."""

from __future__ import annotations

import numpy as np
import pytest

from models.economics.uncertainty import DRAWS, Spread, draw_factors, odds, probability_closed_form, ratio_for_probability, standard_normals

SHIPPED = Spread(volume=0.25, throughput=0.20, people=0.15)


def test_closed_form() -> None:
    assert probability_closed_form(1.30, SHIPPED) == pytest.approx(0.7710, abs=5e-5)
    assert ratio_for_probability(0.8, SHIPPED) == pytest.approx(1.3466, abs=5e-5)


def test_without_spread_it_is_certain() -> None:
    nothing = Spread(0, 0, 0)
    assert (probability_closed_form(1.01, nothing), probability_closed_form(0.99, nothing)) == (1, 0)


@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.30, 1.3466, 2.0])
@pytest.mark.parametrize("seed", range(8))
def test_the_draws_meet_the_closed_form_without_steps(ratio: float, seed: int) -> None:
    factors = draw_factors(seed, SHIPPED)
    throughput = factors.work / factors.volume
    drawn = odds(ratio * factors.volume - throughput * factors.people).probability
    assert drawn == pytest.approx(probability_closed_form(ratio, SHIPPED), abs=0.005)


def test_the_seed_alone_decides_the_draws() -> None:
    again = draw_factors(5, SHIPPED)
    assert np.array_equal(draw_factors(5, SHIPPED).work, again.work)
    assert not np.array_equal(draw_factors(6, SHIPPED).work, again.work)


def test_factors_have_median_one() -> None:
    factors = draw_factors(5, SHIPPED)
    assert np.median(factors.volume) == pytest.approx(1, abs=1e-3)
    assert np.median(factors.people) == pytest.approx(1, abs=1e-3)
    assert factors.volume.size == DRAWS


def test_dimensions_are_unrelated() -> None:
    assert np.abs(np.corrcoef(standard_normals(5)) - np.eye(3)).max() < 0.03


def test_odds_of_a_saving() -> None:
    found = odds(np.linspace(-20, 80, 101))
    assert found.probability == pytest.approx(80 / 101)
    assert (found.saving_p5, found.saving_p50, found.saving_p95) == pytest.approx((-15, 30, 75))
