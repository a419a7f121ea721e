"""Redress, "Open-source LLMs vs commercial AI": what its numbers come to."""

from __future__ import annotations

from models.economics.capacity import ReplicaRate, gpus_bought, replicas_needed
from models.economics.claims.claim import Claim, agrees, judged, usd, usd_range
from models.economics.crossover import SIZE_BANDS
from models.economics.finance import HOURS_PER_MONTH, people_monthly
from models.economics.market import TIERS, Band
from models.economics.pricing import token_cost
from models.reference import assumption_defaults, gpu_prices, profiles, staffing_presets

ARTICLE = "Redress"
FLEETS = {
    "small": ("llama-3.1-8b-fp8-h100x1", "aws-p5.4xlarge"),
    "medium": ("llama-3.3-70b-fp8-h100x2", "aws-p5.48xlarge"),
    "large": ("llama-3.1-405b-fp8-h100x8", "aws-p5.48xlarge"),
}
"""A size class's model and the instance that it is served on, of the shipped catalogue."""
CHAT = (1155, 211)
"""Input and output tokens of a request of real chat traffic (Azure 2023)."""


def redress() -> tuple[Claim, ...]:
    """The article's claims in its own order."""
    return (_annual_cost(), _margin(), _crossover_bands(), _tiers(), _hybrid())


def _annual_cost() -> Claim:
    published = (400_000, 1_200_000)
    preset = next(each for each in staffing_presets() if each.name == "redress")
    compliance = next(each for each in assumption_defaults() if each.name == "overheads_annual.compliance_security")
    parts = [
        [12 * _fleet_monthly(size) for size in ("small", "medium")],
        [people_monthly(fte, float(preset.loaded_annual)) * 12 for fte in (1.5, 3.0)],
        [float(compliance.low), float(compliance.high)],
    ]
    found = tuple(map(sum, zip(*parts, strict=True)))
    with_large = found[1] + 12 * (_fleet_monthly("large") - _fleet_monthly("medium"))
    return Claim(
        article=ARTICLE,
        place="section 3",
        claim="self-hosting costs $400 K to $1.2 M a year",
        published="$400 K-1.2 M",
        recomputed=f"{usd(found[0])}-{found[1]:,.0f} from its own kinds of cost",
        verdict=f"{judged(published, found, 0.05)} up to a medium model; a large one's fleet makes it {usd(with_large)}",
        arithmetic="GPUs of a small to a medium fleet (2.1: two replicas in whole instances, as in section 5 below: "
        f"{usd_range(*parts[0])}), its 1.5-3 engineers at {usd(float(preset.loaded_annual))} ({usd_range(*parts[1])}), compliance and "
        f"security ({usd_range(*parts[2])}); ends within 5 %. The article's own items are not recorded here: which fleets it means is assumed",
        figures=(*found, with_large),
    )


def _margin() -> Claim:
    bill, margin = 2_000_000, 0.15
    markup, contained = bill * margin, bill * margin / (1 + margin)
    return Claim(
        article=ARTICLE,
        place="section 4",
        claim="a margin of 15 % on $2 M is $300 K",
        published="$300,000",
        recomputed=f"{usd(markup)} on top of $2 M of usage; {usd(contained)} contained in a bill of $2 M",
        verdict="right" if agrees([markup], [contained]) else "define which: the margin lies on usage or within the bill",
        arithmetic="2 M x 0.15; 2 M x 0.15 / 1.15",
        figures=(markup, contained),
    )


def _fleet_monthly(size: str) -> float:
    """GPU cost of the smallest fleet with a spare: two replicas, in whole instances."""
    profile_id, price_id = FLEETS[size]
    profile = next(each for each in profiles() if each.id == profile_id)
    price = next(each for each in gpu_prices() if each.id == price_id)
    gpus = gpus_bought(replicas_needed(0, spare_replicas=1), profile.gpus_per_replica, price.gpus_per_instance)
    return gpus * float(price.price_per_gpu_hour) * HOURS_PER_MONTH


def _hosted_bill_of_a_full_fleet() -> float:
    """What the medium fleet's tokens would cost on a hosted 70B (0.59/0.79), with every GPU of its instance at 80 % day and night, one spare."""
    profile = next(each for each in profiles() if each.id == FLEETS["medium"][0])
    rate = ReplicaRate(float(profile.prefill_tokens_per_second), float(profile.decode_tokens_per_second), float(profile.context_seconds))
    serving = 8 // profile.gpus_per_replica - 1
    requests = serving * 0.80 * 3600 * HOURS_PER_MONTH / rate.request_seconds(*CHAT)
    return token_cost({"input": requests * CHAT[0], "output": requests * CHAT[1]}, {"input": 0.59, "output": 0.79})


def _crossover_bands() -> Claim:
    people = {preset.name: people_monthly(float(preset.fte), float(preset.loaded_annual)) for preset in staffing_presets()}
    low, high = people["garnet"], people["redress"]
    found = {size: (_fleet_monthly(size) + low, _fleet_monthly(size) + high) for size in FLEETS}
    overlap = [found[size][0] <= band[1] and found[size][1] >= band[0] for size, _, band in SIZE_BANDS]
    hosted = _hosted_bill_of_a_full_fleet()
    premium_only = hosted < found["medium"][1]
    return Claim(
        article=ARTICLE,
        place="section 5",
        claim="self-hosting pays above $20-40 K, 50-100 K, 100-200 K+ of API a month for small, medium and large models",
        published="$20-40 K / 50-100 K / 100-200 K+",
        recomputed=" / ".join(usd_range(*found[size]) for size in FLEETS),
        verdict=("right" if all(overlap) else "wrong") + (", against premium APIs" if premium_only else ""),
        arithmetic="2.1: two replicas (one spare) of Llama-3.1-8B, 3.3-70B and 3.1-405B on H100 at $6.88/h in whole instances, people from "
        f"`garnet` to `redress`; on a hosted 70B at 0.59/0.79 the medium fleet's full capacity is worth only {usd(hosted)}",
        figures=tuple(amount for size in FLEETS for amount in found[size]),
    )


def _mid(band: Band) -> float:
    return (band[0] + band[1]) / 2


def _tiers() -> Claim:
    volume, spend = sum(_mid(tier.volume) for tier in TIERS), sum(_mid(tier.spend) for tier in TIERS)
    return Claim(
        article=ARTICLE,
        place="section 10",
        claim="shares of volume and spend of the three tiers",
        published="15-25/35-50/25-40 % and 40-60/30-40/10-20 %",
        recomputed=f"mid-points sum to {volume:.0%} of volume, {spend:.0%} of spend",
        verdict="right" if agrees([1, 1], [volume, spend]) else "inconsistent",
        arithmetic="sums of the bands' mid-points",
        figures=(volume, spend),
    )


def _hybrid() -> Claim:
    published, cheaper = (0.30, 0.50), 0.70
    commodity, frontier = TIERS[2], TIERS[0]
    saved = _mid(commodity.spend) * cheaper
    at_most = commodity.spend[1]
    # the same with tier 3's volume at tier 1's price per token on the all-API side
    on_frontier = _mid(commodity.volume) * _mid(frontier.spend) / _mid(frontier.volume)
    rest = sum(_mid(tier.spend) for tier in TIERS) - _mid(commodity.spend)
    saved_on_frontier = 1 - (rest + _mid(commodity.spend) * (1 - cheaper)) / (rest + on_frontier)
    holds = [published[0] <= share <= published[1] for share in (saved, saved_on_frontier)]
    return Claim(
        article=ARTICLE,
        place="section 10",
        claim="a hybrid saves 30-50 % against all-API",
        published="30-50 %",
        recomputed=f"{saved:.1%} ({at_most:.0%} if commodity work were free); {saved_on_frontier:.0%} if all-API ran it on the frontier model",
        verdict={(True, True): "right", (False, True): "assumption: all-API would run commodity work on the frontier model"}.get(
            (holds[0], holds[1]), "wrong"
        ),
        arithmetic="tier 3's share of spend x 70 % cheaper self-hosted, mid-points of its own bands; all of the band's upper end if it were free",
        figures=(saved, at_most, saved_on_frontier),
    )
