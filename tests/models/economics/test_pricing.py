"""Formulas 2.3, 2.15 and 2.17 (economics.md's worked examples)."""

from __future__ import annotations

import pytest

from models.economics.pricing import blended_price_per_million, concentration, lock_in_premium, token_cost
from models.errors import ConfigError

REQUESTS = 15.768e6
GPT_4O = {"input": 2.50, "cache_read": 1.25, "output": 10.0}


def test_blended_price() -> None:
    assert blended_price_per_million([(75, 10), (25, 30)]) == 15


def test_gpt_4o() -> None:
    assert token_cost({"input": REQUESTS * 1155, "output": REQUESTS * 211}, GPT_4O) == pytest.approx(78_800.58)


def test_cached_input_at_its_own_price() -> None:
    tokens = {"input": REQUESTS * 1155 * 0.626, "cache_read": REQUESTS * 1155 * 0.374, "output": REQUESTS * 211}
    assert token_cost(tokens, GPT_4O) == pytest.approx(70_286.45, abs=0.01)


def test_a_hosted_70b() -> None:
    assert token_cost({"input": REQUESTS * 1155, "output": REQUESTS * 211}, {"input": 0.59, "output": 0.79}) == pytest.approx(13_373.47, abs=0.005)


def test_an_anthropic_request() -> None:
    prices = {"input": 3, "cache_write": 3.75, "output": 15}
    assert token_cost({"input": 3, "cache_write": 12_304, "output": 550}, prices) == pytest.approx(0.054399)


def test_a_bucket_without_a_price_is_refused() -> None:
    with pytest.raises(ConfigError, match="cache_read"):
        token_cost({"cache_read": 1}, {"input": 1})


def test_a_platform_margin_lies_on_top() -> None:
    assert token_cost({"input": 1e6}, {"input": 2}, platform_margin=0.15) == pytest.approx(2.30)


def test_a_routers_split() -> None:
    mixed = blended_price_per_million([(0.2661, 24.7), (0.7339, 0.24)])
    assert 24.7 / mixed == pytest.approx(3.66, abs=0.005)  # RouteLLM


def test_lock_in() -> None:
    assert lock_in_premium(1000, 15, 10) == 500
    assert concentration([0.7, 0.2, 0.1]) == pytest.approx(0.54)
