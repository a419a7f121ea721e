"""Formulas 2.1, 2.2 and 2.6. Numbers: economics.md's worked examples, and the TensorRT-LLM performance overview v0.17 and v1.0 (section 4)."""

from __future__ import annotations

import numpy as np
import pytest

from models.economics.capacity import (
    ReplicaRate,
    avoidable_replicas,
    cost_per_million_tokens,
    gpus_bought,
    load_replicas,
    peak_of_hours,
    replicas_needed,
    token_utilisation,
    weights_fit,
)
from models.economics.finance import HOURS_PER_MONTH

LLAMA_70B = ReplicaRate(14571.34, 14089.74, 6.8357e-8)  # Llama-3.3-70B FP8 on 2xH100


def test_replica_seconds_of_a_request() -> None:
    assert LLAMA_70B.request_seconds(1155, 211) == pytest.approx(0.112421, abs=5e-7)


def test_cached_input_needs_no_prefill() -> None:
    saved = LLAMA_70B.request_seconds(1155, 211) - LLAMA_70B.request_seconds(1155, 211, cache_hit_share=0.4)
    assert saved == pytest.approx(0.4 * 1155 / 14571.34)


def test_replicas_and_gpus_of_the_worked_example() -> None:
    load = load_replicas(12 * 3600 * 0.112421, burst_factor=1, utilisation_target=0.80)
    replicas = replicas_needed(load, spare_replicas=1)
    assert replicas == 3
    assert gpus_bought(replicas, gpus_per_replica=2, gpus_per_instance=1) == 6
    assert gpus_bought(replicas, 2, 1) * 3.99 * HOURS_PER_MONTH == pytest.approx(17476.20)


def test_whole_instances() -> None:
    assert gpus_bought(3, gpus_per_replica=2, gpus_per_instance=8) == 8
    assert gpus_bought(3, 2, 8) / 8 * 55.04 * HOURS_PER_MONTH == pytest.approx(40179.20)  # p5.48xlarge


def test_no_load_still_needs_one_replica() -> None:
    assert replicas_needed(0, spare_replicas=1) == 2


def test_binary_dust_buys_no_replica() -> None:
    assert replicas_needed(0.1 + 0.2 + 0.7, spare_replicas=0) == 1
    assert replicas_needed(2.0000000000000004, spare_replicas=0) == 2


def test_deepseeks_disclosed_nodes() -> None:
    a_day = ReplicaRate(73.7e3, 14.8e3).work_seconds(608e9, 168e9, 0)
    assert a_day / 86400 == pytest.approx(226.86, abs=0.005)
    assert 226.75 * 8 * 2 * 24 == 87072
    assert pytest.approx(562100) == 342e3 * 0.14 + 266e3 * 0.55 + 168e3 * 2.19
    assert pytest.approx(5.455, abs=0.0005) == (562027 - 87072) / 87072


def test_weights_must_fit() -> None:
    assert weights_fit(70, 80, 2)
    assert not weights_fit(140, 80, 2)  # 140 x 1.2 = 168 > 160
    assert weights_fit(None, 80, 2)


def test_utilisation_splits_a_price() -> None:
    used = token_utilisation(6 * 3600 * 0.112421, replicas=3, hours=1)
    assert used == pytest.approx(0.2248, abs=5e-5)
    assert 17476.20 * used == pytest.approx(3929.39, abs=0.1)
    assert 17476.20 * (1 - used) == pytest.approx(13546.81, abs=0.1)


def test_nothing_provisioned_has_no_utilisation() -> None:
    assert token_utilisation(1, replicas=0, hours=24) is None


def test_effective_price_per_million() -> None:
    assert cost_per_million_tokens(3.50, 100) == pytest.approx(9.7222, abs=5e-5)
    assert cost_per_million_tokens(3.50, 100, utilisation=0.30) == pytest.approx(32.4074, abs=5e-5)


def test_peak_counts_empty_hours_as_zero() -> None:
    work = np.array([3.0, 1.0, 2.0])
    assert peak_of_hours(work, hours=5, quantile=1) == 3
    assert peak_of_hours(work, hours=5, quantile=0.5) == 1  # of 0, 0, 1, 2, 3
    assert peak_of_hours(work, hours=5, quantile=0.9) == pytest.approx(float(np.quantile([0, 0, 1, 2, 3], 0.9)))
    assert peak_of_hours(work, hours=1000, quantile=0.99) == 0
    assert peak_of_hours(np.array([]), hours=5, quantile=0.99) == 0


def test_average_and_marginal() -> None:
    # economics 2.6: replicas of 1,000 usable units at $2,000, N+1
    def cost(units: float) -> int:
        return replicas_needed(units / 1000, spare_replicas=1) * 2000

    assert cost(1800) == 6000
    assert (cost(1950) - cost(1800), 150 / 1950 * cost(1950)) == (0, pytest.approx(461.54, abs=0.005))
    assert (cost(2100) - cost(1800), 300 / 2100 * cost(2100)) == (2000, pytest.approx(1142.86, abs=0.005))


def test_leaving_saves_what_the_rest_does_not_need() -> None:
    assert avoidable_replicas(4, load_of_the_rest=1.8, spare_replicas=1) == 1
    assert avoidable_replicas(3, load_of_the_rest=1.8, spare_replicas=1) == 0
    assert avoidable_replicas(2, load_of_the_rest=1.8, spare_replicas=1) == 0  # leaving can't buy replicas
    assert avoidable_replicas(4, load_of_the_rest=None, spare_replicas=1) == 4


# model and hardware: output tokens/s at 1k/1k, 5k/500, 2048/128; Tp, Td, c (FP8 unless said)
TENSORRT = {
    "Llama-3.1-8B H100x1": ((15220, 3459, 3450), (70109, 68001, 2.550e-8)),
    "Llama-3.1-8B FP16 A100x1": ((3787, 825, 800), (16300, 15145, 1.009e-7)),
    "Llama-3.1-8B L40Sx1": ((4055, 981, 1067), (26039, 21484, 1.197e-7)),
    "Mistral-7B H100x1": ((16036, 3591, 3642), (76010, 78918, 2.572e-8)),
    "Llama-3.3-70B H100x2": ((4205, 898, 762), (14571, 14090, 6.836e-8)),
    "Llama-3.3-70B H200x1": ((2909, 566, 442), (8318, 9115, 9.351e-8)),
    "Llama-3.1-70B FP16 A100x8": ((3320, 696, 542), (10308, 9384, 6.585e-8)),
    "Llama-3.1-405B H100x8": ((2919, 610, 453), (8560, 7353, 7.015e-8)),
    "Mixtral-8x7B H100x2": ((15771, 3646, 3334), (70905, 50717, 2.079e-8)),
    "Mixtral-8x22B H100x8": ((16573, 3645, 2795), (53546, 39812, 1.191e-8)),
}


@pytest.mark.parametrize("name", TENSORRT)
def test_the_fits_reproduce_nvidias_tables(name: str) -> None:
    published, rate = TENSORRT[name]
    shapes = ((1000, 1000), (5000, 500), (2048, 128))
    errors = [abs(ReplicaRate(*rate).output_tokens_per_second(*shape) / value - 1) for shape, value in zip(shapes, published, strict=True)]
    assert sum(errors) / 3 < 0.05  # economics, finding 3: mean error of 0.9-4.9 %


def test_patils_device_utilisation_is_not_token_utilisation() -> None:
    # arXiv 2606.11690: 1 request/s of 256 output tokens on an H100 that saturates at 6,238 tokens/s is 78 % device-busy
    assert pytest.approx(0.041, abs=0.0005) == 256 / 6238


@pytest.mark.parametrize(("saturation", "at_saturation"), [(6238, 0.3108), (8155, 0.2378)])
def test_patils_price_at_saturation(saturation: float, at_saturation: float) -> None:
    assert cost_per_million_tokens(6.98, saturation) == pytest.approx(at_saturation, abs=5e-5)


@pytest.mark.parametrize(
    ("rate", "fp16", "fp8", "tolerance"),
    [(1, 7.599, 7.592, 0.005), (5, 1.542, 1.534, 0.02), (10, 0.787, 0.778, 0.04)],
)
def test_patils_effective_prices_below_saturation(rate: int, fp16: float, fp8: float, tolerance: float) -> None:
    # what is offered is an upper bound of what was measured to be delivered
    for published, saturation in ((fp16, 6238), (fp8, 8155)):
        offered = cost_per_million_tokens(6.98, saturation, utilisation=rate * 256 / saturation)
        assert published * (1 - tolerance) <= offered <= published


def test_mlperf_supports_the_usable_share() -> None:
    # MLPerf Inference v4.1, Llama-2-70B: server / offline tokens per second
    ratios = [21605.79 / 24524.9, 29228.22 / 31302.7, 10755.59 / 11264.4]
    assert all(0.87 <= ratio <= 0.97 for ratio in ratios)
