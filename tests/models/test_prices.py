"""The shipped price list as dated rows, checked by hand against providers' published prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from models.prices import BUCKETS, FIRST_DAY, Price, shipped_prices

D = Decimal


def price_of(provider: str, model: str, day: str = "2026-11-20", tier: str = "standard", price_class: int = 0) -> Price | None:
    prices, _ = shipped_prices([(provider, model)])
    at = date.fromisoformat(day)
    held = [
        price
        for price in prices
        if (price.service_tier, price.price_class) == (tier, price_class)
        and price.valid_from <= at
        and (price.valid_to is None or at < price.valid_to)
    ]
    assert len(held) < 2
    return held[0] if held else None


def buckets(price: Price | None) -> list[Decimal | None]:
    assert price is not None
    return [getattr(price, name) for name in BUCKETS]


def test_a_write_that_lives_an_hour_costs_twice_the_input():
    # Anthropic's prompt caching: 5-minute writes 1.25, 1-hour writes 2, reads 0.1 times the base input price
    assert buckets(price_of("anthropic", "claude-haiku-4-5")) == [D("1"), D("0.1"), D("1.25"), D("2"), D("5")]


def test_a_batch_costs_half():
    assert buckets(price_of("anthropic", "claude-haiku-4-5", tier="batch")) == [D("0.5"), D("0.05"), D("0.625"), D("1"), D("2.5")]


def test_a_faster_answer_is_a_tier_of_its_own():
    fast, standard = price_of("anthropic", "claude-opus-5", tier="fast"), price_of("anthropic", "claude-opus-5")
    assert (fast and fast.input, standard and standard.input) == (D("10"), D("5"))


@pytest.mark.parametrize(("price_class", "expected"), [(0, ["3", "0.3", "3.75", "6", "15"]), (1, ["6", "0.6", "7.5", "12", "22.5"])])
def test_a_long_context_costs_more_in_every_bucket(price_class, expected):
    assert buckets(price_of("anthropic", "claude-sonnet-4-5", price_class=price_class)) == [D(value) for value in expected]


def test_before_a_tier_is_listed_its_first_price_holds():
    assert buckets(price_of("openai", "gpt-4o", "2024-11-01", "batch"))[0] == D("1.25")


def test_what_is_bought_from_another_provider_has_no_known_tiers():
    # Azure's entry for gpt-4o is OpenAI's: its batch price isn't
    assert price_of("azure", "gpt-4o", tier="batch") is None
    assert price_of("azure", "gpt-4o") is not None


def test_of_a_price_that_depends_on_the_hour_the_dearest_is_taken():
    # DeepSeek's nights cost half or a quarter: 0.135 and 0.55 for deepseek-chat
    assert buckets(price_of("deepseek", "deepseek-chat")) == [D("0.27"), D("0.07"), None, None, D("1.1")]


def test_what_the_list_charges_apart_is_named():
    price = price_of("google", "gemini-2.5-flash")
    assert price is not None
    assert {"input_audio", "web_searches"} <= set(price.apart)


@pytest.mark.parametrize("pair", [("openai", "no-such-model"), ("no-such-provider", "gpt-4o")])
def test_an_unknown_model_has_no_price(pair):
    assert shipped_prices([pair]) == ([], [])


def test_every_listed_price_has_one_row_a_day_and_covers_all_time():
    from genai_prices.data import providers

    prices, _ = shipped_prices([(provider.id, model.id) for provider in providers for model in provider.models])
    spans: dict[tuple[object, ...], list[Price]] = {}
    for price in prices:
        spans.setdefault((price.provider, price.model, price.service_tier, price.price_class), []).append(price)
    assert len(spans) > 1000
    for rows in spans.values():
        assert rows[0].valid_from == FIRST_DAY
        assert [row.valid_to for row in rows] == [*(row.valid_from for row in rows[1:]), None]
