"""Published tables, reproduced with this product's formulas (economics section 4)."""

from __future__ import annotations

import pytest

from models.economics.capacity import ReplicaRate, cost_per_million_tokens
from models.economics.finance import payback_months, people_monthly, power_cost
from models.economics.pricing import token_cost
from models.reference import assumption_defaults, gpus, profiles

# Pan & Wang, arXiv 2509.18101: prices per million in and out; a card's price and kW; 160 h a month at $0.15/kWh
APIS = {"GPT-5": (1.25, 10), "Opus 4": (15, 75), "Sonnet 4": (3, 15), "Grok 4": (3, 15)}
A100, RTX_5090 = (15_000, 0.400), (2_000, 0.575)
PAN_WANG = {
    "Kimi-K2": (A100, 16, 506.9, (69.3, 8.7, 44.0, 44.0)),
    "Qwen3-235B": (A100, 4, 253.4, (34.0, 4.3, 21.8, 21.8)),
    "gpt-oss-120B": (A100, 2, 139.4, (30.9, 3.9, 19.8, 19.8)),
    "Llama-3.3-70B": (A100, 1, 120.4, (17.8, 2.3, 11.4, 11.4)),
    "EXAONE 32B": (RTX_5090, 1, 126.7, (2.26, 0.3, 1.4, 1.4)),
    "Magistral 24B": (RTX_5090, 1, 95.0, (3.0, 0.4, 1.9, 1.9)),
}
PAN_WANG_CELLS = [(model, api, months) for model, row in PAN_WANG.items() for api, months in zip(APIS, row[3], strict=True)]


def pan_wang_api_monthly(model: str, api: str) -> float:
    """One third of the capacity as input, two thirds as output."""
    capacity = PAN_WANG[model][2] * 1e6
    return token_cost({"input": capacity / 3, "output": 2 * capacity / 3}, dict(zip(("input", "output"), APIS[api], strict=True)))


def pan_wang_months(model: str, api: str, people: float = 0.0) -> float | None:
    (price, power_kw), count, _, _ = PAN_WANG[model]
    return payback_months(count * price, pan_wang_api_monthly(model, api) - power_cost(count * power_kw, 1, 160, 0.15) - people)


@pytest.mark.parametrize(("model", "api", "published"), PAN_WANG_CELLS)
def test_pan_and_wang(model: str, api: str, published: float) -> None:
    assert pan_wang_months(model, api) == pytest.approx(published, rel=0.015, abs=0.05)


def test_pan_and_wang_has_24_cells() -> None:
    assert len(PAN_WANG_CELLS) == 24


def test_with_a_quarter_of_an_engineer_it_never_pays_back() -> None:
    engineer = people_monthly(0.25, 280_000)
    assert engineer == pytest.approx(5_833.33, abs=0.005)
    assert pan_wang_api_monthly("Llama-3.3-70B", "GPT-5") == pytest.approx(853, abs=0.5)  # what that payback of 17.8 months replaces
    assert pan_wang_months("Llama-3.3-70B", "GPT-5", people=engineer) is None


# Patil, arXiv 2606.11690: Llama-3.1-8B on one H100 at $6.98/h, 256 tokens out; $/M output by requests per second, and at saturation
PATIL_HOUR, PATIL_OUTPUT = 6.98, 256
PATIL = {
    "FP16": (6_238, {1: 7.599, 5: 1.542, 10: 0.787, 25: 0.368, 50: 0.317}, 0.3108),
    "FP8": (8_155, {1: 7.592, 5: 1.534, 10: 0.778, 25: 0.337, 50: 0.255}, 0.2378),
}
PATIL_POINTS = [(precision, rate, price) for precision, row in PATIL.items() for rate, price in row[1].items()]


def patil_offered(precision: str, rate: float) -> float:
    """The price if all that is offered were delivered, up to saturation."""
    saturation = PATIL[precision][0]
    return cost_per_million_tokens(PATIL_HOUR, saturation, utilisation=min(rate * PATIL_OUTPUT / saturation, 1.0))


@pytest.mark.parametrize("precision", PATIL)
def test_patil_at_saturation(precision: str) -> None:
    saturation, _, published = PATIL[precision]
    assert cost_per_million_tokens(PATIL_HOUR, saturation) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(("precision", "rate", "published"), [point for point in PATIL_POINTS if point[1] <= 10])
def test_patil_below_saturation(precision: str, rate: int, published: float) -> None:
    # a fixed number of requests has a tail, so what was delivered lies 0.4 % of the offered load per request/s below it
    assert patil_offered(precision, rate) <= published
    assert patil_offered(precision, rate) == pytest.approx(published, rel=0.004 * rate)


@pytest.mark.parametrize(("precision", "rate", "published"), PATIL_POINTS)
def test_patils_price_is_never_below_the_offered_load(precision: str, rate: int, published: float) -> None:
    assert patil_offered(precision, rate) <= published


@pytest.mark.parametrize(
    ("precision", "rate", "delivered", "of_offered", "of_saturation"),
    [("FP16", 25, 5_269, 0.823, 0.845), ("FP16", 50, 6_116, 0.478, 0.9805), ("FP8", 25, 5_753, 0.899, 0.706), ("FP8", 50, 7_604, 0.594, 0.932)],
)
def test_near_saturation_patil_needs_the_delivered_throughput(
    precision: str, rate: int, delivered: float, of_offered: float, of_saturation: float
) -> None:
    # 25 and 50 requests/s are beyond what an offered load tells: a queue stands, and token utilisation is what was delivered / saturation
    saturation, published, _ = PATIL[precision]
    tokens_per_second = PATIL_HOUR / published[rate] / 3600 * 1e6
    assert tokens_per_second == pytest.approx(delivered, abs=1)
    assert tokens_per_second / (rate * PATIL_OUTPUT) == pytest.approx(of_offered, abs=5e-4)
    assert tokens_per_second / saturation == pytest.approx(of_saturation, abs=6e-4)
    assert cost_per_million_tokens(PATIL_HOUR, saturation, utilisation=of_saturation) == pytest.approx(published[rate], rel=1e-3)


# MLPerf Inference v4.1, Llama-2-70B: tokens per second offline and as a server
MLPERF = {"8xH100": (24_524.9, 21_605.79, 0.881), "8xH200": (31_302.7, 29_228.22, 0.934), "1xB200": (11_264.4, 10_755.59, 0.955)}


@pytest.mark.parametrize("system", MLPERF)
def test_mlperf_server_over_offline(system: str) -> None:
    offline, server, share = MLPERF[system]
    assert server / offline == pytest.approx(share, abs=5e-4)
    assert 0.87 <= server / offline <= 0.97


def test_mlperf_supports_the_usable_share() -> None:
    usable = next(parameter for parameter in assumption_defaults() if parameter.name == "utilisation_target")
    assert float(usable.base) == 0.80
    assert all(float(usable.base) < server / offline for offline, server, _ in MLPERF.values())


# NVIDIA TensorRT-LLM performance overview v0.17 and v1.0: output tokens/s at maximum load, by input/output; Tp, Td, c; mean error of the fit
SHAPES = ((1000, 1000), (5000, 500), (2048, 128))
TENSORRT = {
    "llama-3.1-8b-fp8-h100x1": ((15_220, 3_459, 3_450), (70_109, 68_001, 2.550e-8)),
    "llama-3.1-8b-fp16-a100x1": ((3_787, 825, 800), (16_300, 15_145, 1.009e-7)),
    "llama-3.1-8b-fp8-l40sx1": ((4_055, 981, 1_067), (26_039, 21_484, 1.197e-7)),
    "mistral-7b-fp8-h100x1": ((16_036, 3_591, 3_642), (76_010, 78_918, 2.572e-8)),
    "llama-3.3-70b-fp8-h100x2": ((4_205, 898, 762), (14_571, 14_090, 6.836e-8)),
    "llama-3.3-70b-fp8-h200x1": ((2_909, 566, 442), (8_318, 9_115, 9.351e-8)),
    "llama-3.1-70b-fp16-a100x8": ((3_320, 696, 542), (10_308, 9_384, 6.585e-8)),
    "llama-3.1-405b-fp8-h100x8": ((2_919, 610, 453), (8_560, 7_353, 7.015e-8)),
    "mixtral-8x7b-fp8-h100x2": ((15_771, 3_646, 3_334), (70_905, 50_717, 2.079e-8)),
    "mixtral-8x22b-fp8-h100x8": ((16_573, 3_645, 2_795), (53_546, 39_812, 1.191e-8)),
}


def fit_errors(profile_id: str) -> list[float]:
    """Relative error at each shape, signed."""
    published, (prefill, decode, context) = TENSORRT[profile_id]
    rate = ReplicaRate(prefill, decode, context)
    return [rate.output_tokens_per_second(*shape) / measured - 1 for shape, measured in zip(SHAPES, published, strict=True)]


@pytest.mark.parametrize("profile_id", TENSORRT)
def test_a_fit_reproduces_its_row(profile_id: str) -> None:
    errors = [abs(error) for error in fit_errors(profile_id)]
    assert sum(errors) / 3 <= 0.0495
    assert max(errors) <= 0.075


def test_the_fits_mean_errors_are_those_stated() -> None:
    # over all shapes of NVIDIA's tables the fits' mean errors are 0.9-4.9 %; at these three they are no larger
    means = [sum(abs(error) for error in fit_errors(profile_id)) / 3 for profile_id in TENSORRT]
    assert (min(means), max(means)) == pytest.approx((0.0070, 0.0436), abs=5e-5)


def test_the_catalogue_ships_these_fits() -> None:
    shipped = {profile.id: profile for profile in profiles()}
    assert set(TENSORRT) == set(shipped)
    for profile_id, (_, (prefill, decode, context)) in TENSORRT.items():
        profile = shipped[profile_id]
        found = (profile.prefill_tokens_per_second, profile.decode_tokens_per_second, profile.context_seconds)
        assert [float(each) for each in found] == pytest.approx([prefill, decode, context], rel=1e-4)


def test_a_shipped_replica_holds_its_weights() -> None:
    memory = {gpu.gpu: float(gpu.memory_gb) for gpu in gpus()}
    for profile in profiles():
        assert profile.weights_gb is not None
        assert float(profile.weights_gb) * 1.2 <= memory[profile.gpu] * profile.gpus_per_replica, profile.id
