"""goforapi, Garnet and Lyceum: what their numbers on running a model come to."""

from __future__ import annotations

from fnmatch import fnmatch

from models.economics.capacity import ReplicaRate, cost_per_million_tokens
from models.economics.claims.claim import Claim, agrees, judged, usd
from models.economics.crossover import break_even_price_per_million, break_even_utilisation
from models.economics.finance import HOURS_PER_MONTH, people_monthly
from models.economics.pricing import blended_price_per_million, token_cost
from models.reference import Profile, gpu_prices, instances, profiles, staffing_presets

DAYS_PER_MONTH = 365 / 12
CHAT = (1155, 211)
"""Input and output tokens of a request of real chat traffic (Azure 2023)."""
EVEN = (1000, 1000)


def _profile(name: str) -> Profile:
    return next(profile for profile in profiles() if profile.id == name)


def _rate(profile: Profile) -> ReplicaRate:
    return ReplicaRate(float(profile.prefill_tokens_per_second), float(profile.decode_tokens_per_second), float(profile.context_seconds))


def goforapi() -> tuple[Claim, ...]:
    """The article's claims."""
    found = (cost_per_million_tokens(3.50, 100), cost_per_million_tokens(3.50, 100, utilisation=0.30))
    a100 = _rate(_profile("llama-3.1-8b-fp16-a100x1"))
    batched = [a100.output_tokens_per_second(*shape) / 100 for shape in (EVEN, (5000, 500), (2048, 128))]
    blended = blended_price_per_million([(75, 10), (25, 30)])
    utilisation = break_even_utilisation(found[0], blended)
    assert utilisation is not None
    compute, tokens = 10.0, (1.5, 4.0)
    served = _rate(_profile("llama-3.3-70b-fp8-h100x2"))
    longer = tuple(served.request_seconds(CHAT[0], times * CHAT[1]) / served.request_seconds(*CHAT) for times in tokens)
    return (
        Claim(
            article="goforapi",
            place="",
            claim="$3.50 an hour at 100 tokens/s is $9.72/M, $32.40 at 30 % utilisation",
            published="$9.72; $32.40",
            recomputed=f"${found[0]:.4f}; ${found[1]:.4f}",
            verdict=f"{judged((9.72, 32.40), found, 0.001)} (100 tokens/s is {min(batched):.0f}-{max(batched):.0f}x below a batched A100)",
            arithmetic="2.2: price per hour / (tokens/s x 3,600) x 1 M, over the utilisation; the A100 serving Llama-3.1-8B FP16",
            figures=found,
        ),
        Claim(
            article="goforapi",
            place="",
            claim="75/25 of $10/$30 is a blended $15/M",
            published="$15.00",
            recomputed=f"${blended:.2f}; break-even at {utilisation:.1%} token utilisation",
            verdict=judged([15], [blended], 0.001),
            arithmetic="2.3 and 2.4 b: the full cost of $9.7222/M over the blended price",
            figures=(blended, utilisation),
        ),
        Claim(
            article="goforapi",
            place="",
            claim="open models take 10x more compute",
            published="10x compute",
            recomputed=f"{longer[0]:.1f}-{longer[1]:.1f}x compute: its source counts {tokens[0]}-{tokens[1]:.0f}x the output tokens per task",
            verdict="right" if longer[0] <= compute <= longer[1] else "wrong quantity: tokens, not compute",
            arithmetic="2.5 and 2.1: replica-seconds of a chat request with so many times its 211 output tokens, Llama-3.3-70B FP8 on two H100 "
            "(Nous Research, August 2025, on reasoning models; 10x only for simple knowledge questions)",
            figures=(*tokens, *longer),
        ),
    )


def garnet() -> tuple[Claim, ...]:
    """The article's claims."""
    cards, salaries = (2 * 2_500, 2 * 4_000), (200_000, 280_000)
    items = tuple(card + people_monthly(0.25, salary) for card, salary in zip(cards, salaries, strict=True))
    published = (15_000, 25_000)
    millions = 50 * DAYS_PER_MONTH
    needed = tuple(amount / millions for amount in published)
    instance = next(each for each in instances() if fnmatch("p4d.24xlarge", each.pattern))
    return (
        Claim(
            article="Garnet",
            place="",
            claim="self-hosting a 70B model costs $15-25 K a month",
            published="$15,000-25,000",
            recomputed=f"{usd(items[0])}-{items[1]:,.0f}",
            verdict="right" if agrees(published, items) else "not reproducible from its own items",
            arithmetic="two A100 at $2,500-4,000 a month and a quarter of an engineer at $200,000-280,000 a year",
            figures=items,
        ),
        Claim(
            article="Garnet",
            place="",
            claim="the crossover lies at 50 M tokens a day",
            published="50 M a day",
            recomputed=f"equals $15-25 K a month only at ${needed[0]:.2f}-{needed[1]:.2f}/M blended",
            verdict="holds for premium prices only" if needed[0] > _blended(2.50, 10) else "right",
            arithmetic=f"2.4 c: cost over 50 M x 365/12 days; chat on gpt-4o at 2.50/10 is ${_blended(2.50, 10):.2f}/M",
            figures=needed,
        ),
        Claim(
            article="Garnet",
            place="",
            claim="one A100 80 GB is an AWS p4d",
            published="1 x A100 80 GB",
            recomputed=f"{instance.gpus} x {instance.gpu} GB, sold whole",
            verdict="right" if (instance.gpus, instance.gpu) == (1, "A100-80") else "wrong product",
            arithmetic="the shipped catalogue of instances",
            figures=(float(instance.gpus),),
        ),
    )


def lyceum() -> tuple[Claim, ...]:
    """The article's claims."""
    return (_small_volumes(), _shorter_prompt())


def _small_volumes() -> Claim:
    profile = _profile("llama-3.1-8b-fp8-l40sx1")
    price = next(float(each.price_per_gpu_hour) for each in gpu_prices() if each.id == "aws-g6e.xlarge")
    preset = next(each for each in staffing_presets() if each.name == "lyceum")
    people = people_monthly(float(preset.fte), float(preset.loaded_annual))
    cost = price * HOURS_PER_MONTH + people
    needed = break_even_price_per_million(cost, 300)
    assert needed is not None
    shares = tuple(volume / _capacity_monthly(_rate(profile), *shape) for volume, shape in ((150e6, CHAT), (300e6, EVEN)))
    dearest = _blended(5, 25)
    return Claim(
        article="Lyceum",
        place="",
        claim="150-300 M tokens a month break even at high utilisation",
        published="150-300 M a month",
        recomputed=f"needs at least ${needed:.1f}/M blended; {shares[0]:.1%} to {shares[1]:.1%} of the card's capacity",
        verdict="wrong" if needed > dearest and max(shares) < 0.5 else "right",
        arithmetic=f"2.4 c and 2.2: an L40S at ${price}/h and the article's 15 hours of engineering a month ({usd(people)}): "
        f"{usd(cost)} over 300 M tokens; Llama-3.1-8B at chat's shape and at 1,000/1,000; chat on claude opus 4.5 at 5/25 is ${dearest:.2f}/M",
        figures=(needed, *shares),
    )


def _shorter_prompt() -> Claim:
    prices = {"input": 2.50, "cache_read": 1.25, "output": 10.0}
    found = tuple(token_cost({"input": prompt, "output": 200}, prices) for prompt in (5000, 500))
    cached = token_cost({"input": 500, "cache_read": 4500, "output": 200}, prices)
    return Claim(
        article="Lyceum",
        place="",
        claim="a prompt of 500 instead of 5,000 tokens (+200 out) at 2.50/10 costs $0.00325 instead of $0.0145",
        published="$0.0145 -> $0.00325",
        recomputed=f"${found[0]:.5f} -> ${found[1]:.5f}; caching alone gives ${cached:.6f}",
        verdict=f"{judged((0.0145, 0.00325), found)}, caching ignored",
        arithmetic="2.3: 4,500 of the 5,000 tokens read from the cache at 1.25/M",
        figures=(*found, cached),
    )


def _blended(price_in: float, price_out: float) -> float:
    """Price per million tokens of chat's mix."""
    return blended_price_per_million([(CHAT[0], price_in), (CHAT[1], price_out)])


def _capacity_monthly(rate: ReplicaRate, input_tokens: int, output_tokens: int) -> float:
    """Tokens in and out that one saturated replica serves in a month."""
    return (input_tokens + output_tokens) / rate.request_seconds(input_tokens, output_tokens) * 3600 * HOURS_PER_MONTH
