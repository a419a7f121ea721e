"""The words: every value of the contract's vocabularies as a person would say it, and numbers and days as one would write them.

Not here: sentences about a workload (sentences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

RECOMMENDATIONS = {
    "stay_on_api": "stay on the API",
    "stay_self_hosted": "stay self-hosted",
    "stay_hybrid": "stay on both sides",
    "move_to_self_host": "move to self-hosting",
    "move_to_api": "move to an API",
    "split": "self-host the base load and send the peaks to an API",
    "switch_api_model": "stay on APIs with another model",
    "escalate": "let people decide",
    "insufficient_data": "no recommendation yet",
}

DECIDED = {"accept": "accepted", "reject": "rejected", "defer": "put off"}

REASONS = {
    "sovereignty": "its data must not leave, whatever that costs",
    "conflict": "its data must not leave, but another requirement forbids self-hosting or makes it impossible",
    "data": "answers or data are missing",
    "life": "it is not planned to live long enough for the move to pay",
    "frontier": "it needs a frontier model, and those are on APIs only",
    "quality": "the self-hosted candidate is not good enough on the workload's own evaluation",
    "capability": "there is no team that could run it on GPUs",
    "cost": "nothing else binds it, so cost decides",
    "no_price": "some of its tokens have no known price",
    "no_pool_cost": "no bill line pays for its GPUs, so nobody knows what they cost",
    "no_candidate": "nothing is configured that could serve it on the other side",
    "days": "its history is too short",
    "coverage": "it is used on too few days to judge",
    "hybrid": "it stays on both sides, where the rules leave it",
    "dead_band": "the saving is too small to earn back what switching costs",
    "persistence": "the saving was not there in each of the last months",
    "probability": "it is too uncertain that the change saves anything",
    "payback": "the change takes too long to pay back",
    "cool_down": "another move was accepted in one of the two quarters before",
    "npv": "over its life the change is worth less than it costs",
    "capacity": "the candidate does not fit the GPUs that it is planned for, or serves nothing on them",
}

QUESTIONS = {
    "monthly_volume": "How much volume?",
    "frontier_required": "Is a frontier model required?",
    "data_must_stay": "Must its data stay in house?",
    "engineering_capability": "Is there a team to run it?",
    "fine_tuning_required": "Tuned on own data?",
    "sla": "What are its users promised?",
    "planned_life_months": "How long will it be needed?",
}

RULES = {
    "conflict": "Must the data stay while something forbids it?",
    "sovereignty": "Must the data stay?",
    "data": "Are answers, usage or today's cost missing?",
    "frontier": "Is a frontier model required?",
    "capability": "Is there no team to run it?",
    "quality": "Is no self-hosted candidate good enough?",
    "life": "Will it end before a move has paid?",
    "cost": "What does cost say?",
}

ALTERNATIVES = {
    "api": "moving to an API",
    "self_host": "moving to self-hosting",
    "split": "self-hosting the base load",
    "switch_api_model": "another API model",
}

FLAGS = {
    "low_utilisation": "only {share} of its capacity did work (limit {threshold:.0%})",
    "busy_but_underused": "its GPUs report to be {share} busy (limit {threshold:.0%}) while they do little work",
    "sovereignty_breach": "{share} of its tokens went to an API although its data must stay",
    "long_payback": "with interest the change pays back after {value:.1f} months (limit {threshold:.0f})",
    "team_outgrows_volume": "its people cost {value:.2f} times those of the three months before, its volume is {threshold:.2f} times theirs",
    "operations_share": "{share} of engineering time goes to operations (limit {threshold:.0%})",
    "quality_drop": "the self-hosted model scores {value:.2f} on its evaluation (limit {threshold:.2f})",
    "gpus_over_plan": "it uses {value:.1f} GPUs where {threshold:.0f} were planned",
    "fine_tuning_over_plan": "fine-tuning has cost {value:,.0f} this fiscal year where {threshold:,.0f} were planned",
}

INDICATORS = {
    "sustained_volume": "volume above its break-even for a year",
    "sovereignty": "data that must stay",
    "existing_team": "a team that can run it",
    "custom_model": "a model tuned on own data",
    "low_latency": "answers promised within 100 ms",
    "strategic": "strategic importance",
    "low_volume": "volume below its break-even",
    "variable_volume": "volume that varies from day to day",
    "little_expertise": "little expertise",
    "uncertain_use_case": "an uncertain use case",
    "time_pressure": "time pressure",
    "compliance_by_provider": "compliance that a provider makes simpler",
    "capital_limits": "limits on capital",
}

INPUTS = {
    "volume": "tokens a day",
    "api_price": "API price per million tokens",
    "gpu_price": "GPU price per hour",
    "throughput": "throughput, times the profile's",
    "people": "people who run it, a month",
    "overheads": "overheads, a month",
    "api_people": "people for the API, a month",
    "utilisation_target": "share of a replica's capacity that is planned with",
    "spare_replicas": "spare replicas",
    "peak.burst_factor": "peak within the hour, times its mean",
    "migration_cost": "cost of the switch, once",
}
"""The inputs of decision_sensitivity."""

UNKNOWN_COST = ("no_price", "no_pool_cost", "no_candidate", "capacity")
"""The reasons for which a side's cost is not known."""

NEVER_PAID_BACK = "the change saves money but never pays back with interest (limit {threshold:.0f} months)"

BASES = {
    "billed": "bill",
    "priced": "tokens x price",
    "accrued": "tokens x price, no bill yet",
    "rate_card": "rate card",
    "amortised": "own hardware",
    "people": "FTE x rate",
}

OUTCOMES = {"binds": "decides", "passes": "no obstacle", "recorded": "noted only", "unanswered": "unanswered"}

PLACES = {"api": "on a commercial API", "self_host": "on self-hosted GPUs", "hybrid": "both on a commercial API and on self-hosted GPUs"}

SIDES = {"api": "API", "self_host": "self-hosted"}

PRICES = {"paid": "the price paid today", "negotiated": "a negotiated price", "list": "list price"}

PROMISES = {"p99_latency_ms": "99% of answers within {} ms", "availability_pct": "{}% available"}


def word(vocabulary: Mapping[str, str], name: str) -> str:
    """The name in words; one that the vocabulary does not know stays as it is."""
    return vocabulary.get(name, name)


def match_text(match_id: str) -> str:
    """What decided on the workload."""
    kind, _, rest = match_id.partition(":")
    name, _, entry = rest.partition("#")
    return {
        "row": "the row itself",
        "none": "nobody",
        "rule": f"rule {name}",
        "pool": f"pool {name} #{entry}",
        "workload": f"its match #{entry}",
    }.get(kind, match_id)


def reason_text(reason: str) -> str:
    """A reason as a clause after "because"."""
    kind, _, question = reason.partition(":")
    return f"nobody has answered: {word(QUESTIONS, question)}" if kind == "unanswered" else word(REASONS, kind)


def plain_text(text: str) -> str:
    """The published sentence with the vocabularies' names in words."""
    for name, words in {**RECOMMENDATIONS, **QUESTIONS}.items():
        if "_" in name:
            text = text.replace(name, f'"{words}"')
    return text


def label_text(category: str) -> str:
    """A cost category as words."""
    return " ".join(word.upper() if word in ("gpu", "api") else word for word in category.split("_"))


def odds_text(probability: float) -> str:
    """A probability; a simulation never proves 0 or 1."""
    return "more than 99%" if probability > 0.99 else "less than 1%" if probability < 0.01 else f"{probability:.0%}"


def share_text(share: float) -> str:
    """A share (0-1) as a percentage."""
    return "under 0.1%" if 0 < share < 0.001 else f"{share:.1%}".replace(".0%", "%")


def quantity_text(number: float) -> str:
    """A large number as one would say it."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {word}"
    return f"{number:,.0f}"


def count_text(number: float, thing: str) -> str:
    """So many things."""
    return f"{number:g} {thing}{'' if number == 1 else 's'}"


def day_text(day: date) -> str:
    """A day as one would write it."""
    return f"{day.day} {day:%B %Y}"


def span_text(months: Sequence[date]) -> str:
    """Months in a row, by their first days."""
    first, last = months[0], months[-1]
    if first == last:
        return f"{last:%B %Y}"
    return f"{first:%B} to {last:%B %Y}" if first.year == last.year else f"{first:%B %Y} to {last:%B %Y}"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
