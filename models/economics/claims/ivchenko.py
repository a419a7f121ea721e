"""Ivchenko, "The hidden costs of free open source AI", February 2026: what its numbers come to."""

from __future__ import annotations

from models.economics.claims.claim import Claim, agrees, judged, times_apart, usd
from models.economics.crossover import break_even_volume_linear
from models.economics.finance import HOURS_PER_YEAR, loaded_annual, payback_months_discounted, power_cost
from models.economics.pricing import token_cost
from models.reference import gpu_prices

ARTICLE = "Ivchenko"
DISCOUNT_RATE = 0.15
FIXED_ANNUAL, API_PRICE, OWN_PRICE = 700_000, 10.0, 0.15
"""Section 8.2's example: fixed cost a year of self-hosting, API price and own marginal cost per million tokens."""


def ivchenko() -> tuple[Claim, ...]:
    """The article's claims in its own order."""
    return (
        _api_bill(),
        _instance_year(),
        _power(),
        _team(),
        _update_hours(),
        _long_payback(),
        _break_even(),
        _table_of_break_evens(),
        _tokens_a_year(),
        _discounting(),
        _threshold(),
    )


def _api_bill() -> Claim:
    published = (1.8e6, 5.4e6)
    found = tuple(token_cost({"input": 10e6 * 365}, {"input": price}) for price in (3, 15))
    return Claim(
        article=ARTICLE,
        place="section 1",
        claim="10 M tokens a day at $3-15/M cost $1.8-5.4 M a year",
        published="$1.8-5.4 M a year",
        recomputed=f"{usd(found[0])}-{found[1]:,.0f} a year",
        verdict=judged(published, found),
        arithmetic="2.3: 10 M x 365 days x $3 and $15 per million",
        figures=found,
    )


def _instance_year() -> Claim:
    published = (287_065, 181_419, 129_560)
    found = tuple(price * HOURS_PER_YEAR for price in (32.77, 20.71, 14.79))
    today = next(float(price.price_per_gpu_hour) * price.gpus_per_instance for price in gpu_prices() if price.id == "aws-p4d.24xlarge")
    fall = f"on-demand has since fallen to ${today:,.2f}/h, {usd(today * HOURS_PER_YEAR)} a year"
    return Claim(
        article=ARTICLE,
        place="section 3.2",
        claim="a p4d instance costs $287,065 a year, $181,419 and $129,560 reserved for one and three years",
        published="$287,065 / 181,419 / 129,560",
        recomputed=" / ".join(f"{amount:,.0f}" for amount in found),
        verdict=f"{judged(published, found, 1e-4)} ({fall})",
        arithmetic="$32.77, $20.71 and $14.79 an hour x 8,760 hours",
        figures=found,
    )


def _power() -> Claim:
    server = power_cost(10.2, 1.4, HOURS_PER_YEAR, 0.12)
    times_too_high = (3.2, 7.6)
    return Claim(
        article=ARTICLE,
        place="table 2",
        claim="power and cooling of a server",
        published="its table's amounts",
        recomputed=f"{usd(server)} a year for a server of eight H100; the table's amounts are {times_too_high[0]}-{times_too_high[1]}x its own "
        "kW x PUE x hours x $/kWh",
        verdict="wrong" if min(times_too_high) > 1 else "right",
        arithmetic="2.8: 10.2 kW x PUE 1.4 x 8,760 h x $0.12; the table's own amounts are not recorded here",
        figures=(server, *times_too_high),
        is_rebuilt=False,
    )


def _team() -> Claim:
    published = 1_430_000
    found = tuple(loaded_annual(1_060_000, burden) for burden in (0.35, 0.40, 0.45))
    matching = [amount for amount in found if agrees([published], [amount])]
    return Claim(
        article=ARTICLE,
        place="section 4.1",
        claim="a team of $1,060,000 in base salaries x 1.35-1.45 costs about $1,430,000",
        published="about $1,430,000",
        recomputed=f"{usd(found[0])}-{found[-1]:,.0f}",
        verdict={0: "wrong", len(found): "right"}.get(len(matching), "low end only" if matching == [found[0]] else "in part"),
        arithmetic=f"2.16: $1,060,000 x 1.35, x 1.40 ({usd(found[1])}) and x 1.45",
        figures=found,
    )


def _update_hours() -> Claim:
    hours, published, other_rate = (280, 760), (56_000, 152_000), 100
    rate = published[0] / hours[0]
    found = tuple(each * rate for each in hours)
    at_other = tuple(each * other_rate for each in hours)
    return Claim(
        article=ARTICLE,
        place="section 5.1",
        claim="an update cycle of 280-760 hours costs $56,000-152,000",
        published="$56,000-152,000",
        recomputed=f"{usd(found[0])}-{found[1]:,.0f} at ${rate:,.0f} an hour; {usd(at_other[0])}-{at_other[1]:,.0f} at its table 6's ${other_rate}",
        verdict=judged(published, found) if rate == other_rate else "inconsistent: two hourly rates",
        arithmetic="hours x rate",
        figures=(*found, *at_other),
    )


def _long_payback() -> Claim:
    published, simple = 6.2, 6.18
    # a year as the period: at this rate the formula's month has exactly the interest of a year
    yearly = payback_months_discounted(simple, 1, (1 + DISCOUNT_RATE) ** 12 - 1)
    monthly = payback_months_discounted(simple * 12, 1, DISCOUNT_RATE)
    assert yearly is not None
    assert monthly is not None
    left_out = agrees([published], [simple]) and not agrees([published], [yearly])
    return Claim(
        article=ARTICLE,
        place="section 7.3",
        claim="break-even after 6.2 years",
        published="6.2 years",
        recomputed=f"{simple} years simple; {yearly:.1f} at its own 15 %, paid at each year's end ({monthly / 12:.1f} paid monthly)",
        verdict="discounting left out" if left_out else judged([published], [yearly]),
        arithmetic="2.9: n = -ln(1 - r M/S) / ln(1 + r), M/S its own outlay over its own yearly saving",
        figures=(simple, yearly, monthly / 12),
    )


def _yearly_break_even() -> float:
    """Section 8.2's break-even, million tokens a year."""
    millions = break_even_volume_linear(FIXED_ANNUAL, 0, API_PRICE, OWN_PRICE)
    assert millions is not None
    return millions


def _break_even() -> Claim:
    millions = _yearly_break_even()
    return Claim(
        article=ARTICLE,
        place="section 8.2",
        claim="700,000/(10 - 0.15) = 71 M tokens a year = 195,000 a day",
        published="71 M a year; 195,000 a day",
        recomputed=f"{millions:,.0f} M a year; {millions / 365:,.1f} M a day",
        verdict=f"{judged((71e6, 195e3), (millions * 1e6, millions * 1e6 / 365))} (units: prices are per million tokens)",
        arithmetic="2.4 a: fixed cost over the price difference, in million tokens",
        figures=(millions, millions / 365),
    )


def _table_of_break_evens() -> Claim:
    published, found = (167e3, 310e3, 603e3, 1.37e6), (166.9e6, 310.5e6, 602.7e6, 1369.9e6)
    carried = tuple(token_cost({"input": daily * 365}, {"input": API_PRICE - OWN_PRICE}) for daily in (published[0], published[-1]))
    return Claim(
        article=ARTICLE,
        place="table 9",
        claim="break-even at 167 K, 310 K, 603 K and 1.37 M tokens a day",
        published="167 K / 310 K / 603 K / 1.37 M a day",
        recomputed=f"as published it carries {usd(carried[0])}-{carried[1]:,.0f} of fixed cost a year; "
        + " / ".join(f"{each / 1e6:,.1f}" for each in found)
        + " M a day",
        verdict=f"{judged(published, found)} (the same slip of units as in section 8.2)",
        arithmetic="2.3: tokens a year x section 8.2's $10 - 0.15 per million; the volumes: 2.4 a on the table's own costs and prices, which are not "
        "recorded here",
        figures=(*carried, *found),
        is_rebuilt=False,
    )


def _tokens_a_year() -> Claim:
    found = 200_000 * 365
    working_days = 50e6 / 200_000
    return Claim(
        article=ARTICLE,
        place="section 8.2",
        claim="200,000 tokens a day are 50 M a year",
        published="50 M a year",
        recomputed=f"{found / 1e6:,.0f} M a year",
        verdict=judged([50e6], [found]),
        arithmetic=f"200,000 x 365; 50 M would be {working_days:,.0f} days, and the section's other figures use 365",
        figures=(found,),
    )


def _discounting() -> Claim:
    simple = (18, 24, 36)
    found = []
    for months in simple:
        discounted = payback_months_discounted(months, 1, DISCOUNT_RATE)
        assert discounted is not None
        found.append(discounted)
    added = [discounted - months for months, discounted in zip(simple, found, strict=True)]
    within = [24 <= months <= 36 for months in added]
    return Claim(
        article=ARTICLE,
        place="section 8.3",
        claim="discounting at 15 % adds two to three years to a break-even of 18-36 months",
        published="24-36 months more",
        recomputed=", ".join(f"{months} -> {discounted:.1f}" for months, discounted in zip(simple, found, strict=True)) + " months",
        verdict="right" if all(within) else f"wrong for its own range: {min(added):.0f}-{max(added):.0f} months more",
        arithmetic="2.9: n = -ln(1 - r_m M/S) / ln(1 + r_m), r_m = 1.15^(1/12) - 1",
        figures=tuple(found),
    )


def _threshold() -> Claim:
    api_year = token_cost({"input": 0.5e6 * 365}, {"input": API_PRICE})
    needed = _yearly_break_even() / 365 * 1e6
    return Claim(
        article=ARTICLE,
        place="section 9.1",
        claim="self-host above 500 K tokens a day",
        published="500 K a day",
        recomputed=f"{usd(api_year)} of API a year at $10/M, against {usd(FIXED_ANNUAL)} of fixed cost; even at {needed / 1e6:,.1f} M a day",
        verdict="right" if api_year >= FIXED_ANNUAL else f"wrong by {times_apart([0.5e6], [needed])} (the slip of units again)",
        arithmetic="2.3 and 2.4 a with section 8.2's costs and prices",
        figures=(api_year, needed),
    )
