"""What a recommendation says in words: what would flip it, and the seven questions with what became of them.

Here: plain sentences over a decided case. Not here: any decision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from models.config import Company, ServiceLevel, Workload
from models.economics.comparison import Comparison
from models.economics.demand import API, COMPLETE_MONTHS, MIN_WEEKDAY_COVERAGE
from models.economics.months import Month, break_even
from models.economics.placement import MIN_LIFE_MONTHS, Case, Placement

DECLARED_RATIO = 2.0
"""Declared volume beyond this multiple of the measured one is pointed out (economics 2.14)."""

_BOUND_BY = {
    "conflict": ("data_must_stay", "frontier_required", "engineering_capability", "planned_life_months"),
    "sovereignty": ("data_must_stay",),
    "data": ("monthly_volume",),
    "frontier": ("frontier_required",),
    "capability": ("engineering_capability",),
    "life": ("planned_life_months",),
    "cost": ("monthly_volume",),
}


def flips_if(company: Company, case: Case, decision: Placement, described: Comparison | None, recent: list[Month]) -> str:
    """The nearest change that would change the recommendation, as far as rules and tests tell."""
    sentence = _by_gate(company, case, decision, described, recent)
    costs_others = recent[-1].leaving_costs_others if recent else 0.0
    if costs_others > 0.5 and described is not None and described.alternative == "api":
        sentence += f" Leaving would load {costs_others:,.0f} {company.currency} a month onto the others on its pools."
    return sentence.strip()


def _by_gate(company: Company, case: Case, decision: Placement, described: Comparison | None, recent: list[Month]) -> str:
    gate, reason = decision.binding_gate, decision.verdict.reason
    cost_alone = f" Cost alone says {decision.would_have_been}." if decision.would_have_been and gate != "cost" else ""
    if gate == "conflict":
        return "The data may leave, or what stands against keeping it here no longer holds." + cost_alone
    if gate == "sovereignty":
        needs = "A replica of the candidate can be made to fit" if reason == "capacity" else "The data no longer has to stay"
        return f"{needs}.{cost_alone}"
    if gate == "data":
        return _missing(company, reason) + cost_alone
    if gate == "frontier":
        return "Frontier capability is no longer required." + cost_alone
    if gate == "capability":
        return "There is a team that can run it." + cost_alone
    if gate == "quality":
        threshold = f"{float(company.assumptions.decision.min_quality):g}"
        return f"A self-hosted candidate reaches a quality of {threshold} on the workload's own evaluation." + cost_alone
    if gate == "life":
        return f"It is planned to live {MIN_LIFE_MONTHS} months or more, and longer than the payback." + cost_alone
    return _missing(company, reason) if decision.verdict.recommendation == "insufficient_data" else _cost(company, case, decision, described, recent)


def _missing(company: Company, reason: str) -> str:
    kind, _, question = reason.partition(":")
    min_days = company.assumptions.decision.min_days
    return {
        "unanswered": f"The question {question} is answered.",
        "days": f"There are {min_days} days of usage and {COMPLETE_MONTHS} complete months.",
        "coverage": f"There is usage on {MIN_WEEKDAY_COVERAGE:.0%} of the weekdays and in each of the last {COMPLETE_MONTHS} complete months.",
        "no_price": "Every token used has a price.",
        "no_pool_cost": "The bill lines that pay for its pools are matched to them.",
        "no_candidate": "There is a candidate on the other side.",
        "capacity": "A replica of the candidate serves any tokens at all.",
    }.get(kind, "What is missing becomes known.")


def _cost(company: Company, case: Case, decision: Placement, described: Comparison | None, recent: list[Month]) -> str:
    """The failed test with its threshold; empty where cost itself decides: what flips that is decision_sensitivity's."""
    reason, currency = decision.verdict.reason, company.currency
    compared = decision.verdict.comparison or described
    tests = company.assumptions.decision
    if compared is not None and reason != "cost":
        band = f"{compared.dead_band_monthly:,.0f}"
        discounted = compared.payback_months_discounted
        payback = "never" if discounted is None else f"{discounted:.1f} months"
        return {
            "dead_band": f"The saving of {compared.saving_monthly:,.0f} {currency} a month exceeds the switch's {band}.",
            "persistence": f"The saving exceeds {band} {currency} in each of the last {tests.persistence_months} complete months.",
            "probability": f"The odds of saving, now {compared.odds.probability:.0%}, reach {float(tests.min_probability):.0%}.",
            "payback": f"The discounted payback, now {payback}, falls to {float(tests.max_payback_months):g} months.",
            "npv": f"The net present value, now {compared.npv:,.0f} {currency}, is above zero.",
            "capacity": "The candidate's weights fit its replica.",
        }.get(reason, "")
    return ""


def break_even_sentence(placement: str, recent: Sequence[Month], *, moves: bool) -> str:
    """Where the sides change places, where no single input is known to flip the recommendation. moves: it is to leave the side it is on."""
    if placement != API:
        return f"What leaving its pools would avoid {'no longer ' if moves else ''}exceeds what the API costs."
    month = recent[-1]
    volume, measured = break_even(month).tokens_per_day, month.demand.tokens / month.demand.coverage.days
    if volume is None:
        return "The API's price per token rises or self-hosting gets cheaper: at this mix no volume makes self-hosting the cheaper side for good."
    if volume <= 0:
        return "The API's price per token falls: at today's prices self-hosting is the cheaper side at any volume."
    direction, side = ("below", "dearer") if measured > volume else ("above", "cheaper")
    share = f" ({volume / measured:,.2f} times today's)" if measured > 0 else ""
    return f"Volume goes {direction} {volume:,.0f} tokens a day{share}, where self-hosting becomes the {side} side."


_WORDS = {
    "volume": ("volume", "{:,.0f} tokens a day"),
    "api_price": ("the API price", "{:,.2f} {currency} per million tokens"),
    "gpu_price": ("the GPU price", "{:,.2f} {currency} an hour"),
    "throughput": ("throughput", "{:,.2f} times the profile's"),
    "people": ("the platform's people", "{:,.0f} {currency} a month"),
    "overheads": ("overheads", "{:,.0f} {currency} a month"),
    "api_people": ("the API's people", "{:,.0f} {currency} a month"),
    "migration_cost": ("the switch's cost", "{:,.0f} {currency}"),
}
_NEAREST = 3


def flip_sentence(rows: Sequence[dict[str, Any]], currency: str, *, is_alone: bool = True) -> str:
    """The nearest flips in words: `Stays true unless the GPU price rises above 5.10 USD an hour, ...`; empty where nothing flips.

    rows: of decision_sensitivity, one workload and quarter. is_alone: no split can overtake all of it before.
    """
    flips = [row for row in rows if row["flip_value"] is not None and row["input"] in _WORDS and row["base"] > 0]
    nearest = sorted(flips, key=lambda row: abs(math.log(max(row["flip_value"], 1e-9) / row["base"])))[:_NEAREST]
    if not nearest:
        return ""
    said = []
    for row in nearest:
        name, amount = _WORDS[row["input"]]
        direction = "rises above" if row["flip_value"] > row["base"] else "falls below"
        said.append(f"{name} {direction} {amount.format(row['flip_value'], currency=currency)}")
    listed = " or ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    side = "the API" if nearest[0]["alternative"] == "api" else "self-hosting"
    if not nearest[0]["passes"]:
        return f"A move to {side} would pass if {listed}."
    if is_alone:
        return f"Stays true unless {listed}."
    return f"All of it on {side} passes its tests unless {listed}; a base load with the rest on an API may overtake it before."


def question_rows(workload: Workload, case: Case, decision: Placement, recent: list[Month], until: date) -> list[dict[str, Any]]:
    """The seven questions (Redress sec. 9): answer, evidence, owner, and the outcome: binds, passes, recorded, unanswered."""
    bound = _BOUND_BY.get(decision.binding_gate, ())
    rows = [
        _volume_row(
            workload, recent, until, "binds" if "monthly_volume" in bound and not decision.verdict.reason.startswith("unanswered") else "passes"
        )
    ]
    questions = workload.questions
    for name, question in (
        ("frontier_required", questions.frontier_required),
        ("data_must_stay", questions.data_must_stay),
        ("engineering_capability", questions.engineering_capability),
        ("fine_tuning_required", questions.fine_tuning_required),
        ("sla", questions.sla),
        ("planned_life_months", questions.planned_life_months),
    ):
        if question is None:
            rows.append({"question": name, "answer": None, "evidence": None, "owner": None, "outcome": "unanswered"})
            continue
        outcome = (
            "recorded"
            if name in ("fine_tuning_required", "sla")
            else "binds"
            if name in bound and _stands_against(case, decision.binding_gate, name)
            else "passes"
        )
        rows.append({"question": name, "answer": _text(question.answer), "evidence": question.evidence, "owner": question.owner, "outcome": outcome})
    return rows


def _stands_against(case: Case, gate: str, question: str) -> bool:
    """Whether the answer is one that binds: in a conflict not every gating answer does."""
    answers = case.answers
    return {
        "frontier_required": answers.frontier_required is True,
        "data_must_stay": answers.data_must_stay is True,
        "engineering_capability": answers.engineering_capability is False,
        "planned_life_months": gate == "life" or (case.on_api and (answers.planned_life_months or 0) < MIN_LIFE_MONTHS),
    }.get(question, False)


def _volume_row(workload: Workload, recent: list[Month], until: date, outcome: str) -> dict[str, Any]:
    owner = workload.owner.at(until)
    if not recent:
        return {"question": "monthly_volume", "answer": None, "evidence": None, "owner": owner, "outcome": "unanswered"}
    measured = sum(month.demand.tokens for month in recent) / sum(month.demand.coverage.days for month in recent)
    volume = break_even(recent[-1]).tokens_per_day
    none = "no break-even at this mix" if workload.candidates.self_host or recent[-1].provisioned else "no self-hosted candidate to compare with"
    meets = none if volume is None else f"break-even {volume:,.0f}"
    evidence = f"measured in {recent[0].month:%Y-%m} to {recent[-1].month:%Y-%m}"
    declared = workload.declared_tokens_per_day
    if declared is not None and measured > 0:
        ratio = float(declared) / measured
        evidence += f"; declared {float(declared):,.0f} ({ratio:.1f} times the measured{', check it' if ratio > DECLARED_RATIO else ''})"
    return {
        "question": "monthly_volume",
        "answer": f"{measured:,.0f} tokens a day; {meets}",
        "evidence": evidence,
        "owner": owner,
        "outcome": outcome,
    }


def _text(answer: object) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, int | float):
        return f"{answer:g}"
    if isinstance(answer, ServiceLevel):
        return ", ".join(f"{name} {value:g}" for name, value in answer if value is not None)
    return str(answer)
