"""The quarterly decision: eight rules in order, the first that decides binds.

Here: the rules of economics section 3, each a small function, over one workload's case. Cost is the last rule, so it can't override a gate.
Not here: where a case's numbers come from (comparison, months) and how a decision is told (recommendations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from models.economics.comparison import Alternative, Comparison
from models.economics.demand import API, SELF_HOST
from models.economics.switching import AcceptedMove

MIN_LIFE_MONTHS = 12
"""Below this planned life nothing is moved to self-hosting (economics, section 3, rules 1 and 7)."""

Recommendation = Literal[
    "stay_on_api",
    "stay_self_hosted",
    "stay_hybrid",
    "move_to_self_host",
    "move_to_api",
    "split",
    "switch_api_model",
    "escalate",
    "insufficient_data",
]

_STAY: dict[str, Recommendation] = {"api": "stay_on_api", "self_host": "stay_self_hosted", "hybrid": "stay_hybrid"}
_MOVE: dict[Alternative, Recommendation] = {"api": "move_to_api", "self_host": "move_to_self_host", "split": "split"}

GATING_QUESTIONS = ("data_must_stay", "frontier_required", "engineering_capability", "planned_life_months")


@dataclass(frozen=True)
class Answers:
    """The gating answers; None where nobody has answered."""

    data_must_stay: bool | None
    frontier_required: bool | None
    engineering_capability: bool | None
    planned_life_months: float | None

    @property
    def first_unanswered(self) -> str | None:
        """The first gating question without an answer."""
        return next((question for question in GATING_QUESTIONS if getattr(self, question) is None), None)


@dataclass(frozen=True)
class Thresholds:
    """What a move must pass (assumptions.decision)."""

    min_probability: float
    max_payback_months: float
    persistence_months: int


@dataclass(frozen=True)
class Case:
    """All that the rules look at.

    shortfall, today_unknown, alternatives_unknown: why the data is too little, why nobody knows today's cost, why nobody knows any
    alternative's. alternatives: an alternative may be there more than once, with other effective dates. switch, frontier_switch: the API
    model to change to, of those that pass the margin in every month. cooling: the earlier move that still forbids others.
    """

    placement: str
    answers: Answers
    has_candidate: bool
    is_candidate_eligible: bool
    is_candidate_feasible: bool
    shortfall: str | None
    today_unknown: str | None
    alternatives: tuple[Comparison, ...]
    alternatives_unknown: str | None
    switch: Comparison | None
    frontier_switch: Comparison | None
    thresholds: Thresholds
    cooling: AcceptedMove | None = None

    @property
    def stay(self) -> Recommendation:
        """What not moving is called."""
        return _STAY[self.placement]

    @property
    def on_api(self) -> bool:
        """Whether it is declared to run on an API alone."""
        return self.placement == API


@dataclass(frozen=True)
class Verdict:
    """What a rule says, why, and the comparison that it rests on, if it rests on one."""

    recommendation: Recommendation
    reason: str
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Outcome:
    """One rule's place in the decision: `decides`, `passes`, or `not_reached` with what it would have said."""

    rule: str
    outcome: Literal["decides", "passes", "not_reached"]
    verdict: Verdict | None


@dataclass(frozen=True)
class Placement:
    """The decision: the verdict, the rule that bound it, what cost alone would have said (None: unknown), and every rule's outcome."""

    verdict: Verdict
    binding_gate: str
    would_have_been: Recommendation | None
    outcomes: tuple[Outcome, ...]


def conflict(case: Case) -> Verdict | None:
    """Rule 1: data that must stay, where something else forbids that it does."""
    answers = case.answers
    if not answers.data_must_stay:
        return None
    has_no_host = case.placement != SELF_HOST and not case.is_candidate_eligible
    is_too_short = case.on_api and answers.planned_life_months is not None and answers.planned_life_months < MIN_LIFE_MONTHS
    if answers.frontier_required or answers.engineering_capability is False or has_no_host or is_too_short:
        return Verdict("escalate", "conflict")
    return None


def sovereignty(case: Case) -> Verdict | None:
    """Rule 2: data that must stay is self-hosted, whatever it costs."""
    if not case.answers.data_must_stay:
        return None
    if case.placement == SELF_HOST:
        return Verdict(case.stay, "sovereignty")
    if case.answers.first_unanswered:
        return None
    if not case.is_candidate_feasible:
        return Verdict("escalate", "capacity")
    return Verdict("move_to_self_host", "sovereignty")


def data(case: Case) -> Verdict | None:
    """Rule 3: no answer, too little data, or an unknown cost of the actual side."""
    question = case.answers.first_unanswered
    reason = f"unanswered:{question}" if question else case.shortfall or case.today_unknown
    return Verdict("insufficient_data", reason) if reason else None


def frontier(case: Case) -> Verdict | None:
    """Rule 4: a frontier model is only on an API."""
    return _to_api(case, "frontier") if case.answers.frontier_required else None


def capability(case: Case) -> Verdict | None:
    """Rule 5: without a team, the API."""
    return _to_api(case, "capability") if case.answers.engineering_capability is False else None


def quality(case: Case) -> Verdict | None:
    """Rule 6: on an API without an eligible self-hosted candidate."""
    if not case.on_api or case.is_candidate_eligible:
        return None
    return Verdict(case.stay, "quality" if case.has_candidate else "no_candidate")


def life(case: Case) -> Verdict | None:
    """Rule 7: cost would move it to self-hosting, or its base load, but it won't live to see that pay."""
    verdict, planned = cost(case), case.answers.planned_life_months
    buys = verdict.recommendation == "move_to_self_host" or (verdict.recommendation == "split" and case.placement != SELF_HOST)
    if planned is None or not buys or verdict.comparison is None:
        return None
    payback = verdict.comparison.payback_months_discounted
    if planned < MIN_LIFE_MONTHS or (payback is not None and planned < payback):
        return Verdict(case.stay, "life", verdict.comparison)
    return None


def cost(case: Case) -> Verdict:
    """Rule 8: the alternative that passes every test, the larger saving of two; else stay, with the first failed test."""
    if not case.alternatives:
        return Verdict("insufficient_data", case.alternatives_unknown or case.today_unknown or "no_candidate")
    ranked = sorted(best_dates(case), key=lambda comparison: (-comparison.saving_monthly, comparison.alternative))
    for comparison in ranked:
        if first_failed_test(comparison, case.thresholds) is None and not _is_cooling(case, comparison):
            return Verdict(_MOVE[comparison.alternative], "cost", comparison)
    cooled = next((comparison for comparison in ranked if first_failed_test(comparison, case.thresholds) is None), None)
    if cooled is not None:
        return Verdict(case.stay, "cool_down", cooled)
    return Verdict(case.stay, first_failed_test(ranked[0], case.thresholds) or "cost", ranked[0])


RULES: tuple[tuple[str, Callable[[Case], Verdict | None]], ...] = (
    ("conflict", conflict),
    ("sovereignty", sovereignty),
    ("data", data),
    ("frontier", frontier),
    ("capability", capability),
    ("quality", quality),
    ("life", life),
    ("cost", cost),
)


def first_failed_test(comparison: Comparison, thresholds: Thresholds) -> str | None:
    """The first test of rule 8 that the alternative fails, or None."""
    savings = comparison.savings_monthly[-thresholds.persistence_months :]
    persists = len(savings) == thresholds.persistence_months and all(
        saving is not None and saving > comparison.dead_band_monthly for saving in savings
    )
    payback = comparison.payback_months_discounted
    tests = (
        ("cost", comparison.saving_monthly > 0),
        ("dead_band", comparison.saving_monthly > comparison.dead_band_monthly),
        ("persistence", persists),
        ("probability", comparison.odds.probability >= thresholds.min_probability),
        ("payback", payback is not None and payback <= thresholds.max_payback_months),
        ("npv", comparison.npv > 0),
        ("capacity", comparison.is_feasible),
    )
    return next((name for name, passed in tests if not passed), None)


def best_dates(case: Case) -> list[Comparison]:
    """Each alternative once: from the date of the highest NPV, of those on which it passes every test if there are any (2.7)."""

    def rank(comparison: Comparison) -> tuple[bool, float]:
        return first_failed_test(comparison, case.thresholds) is None, comparison.npv

    kinds = sorted({comparison.alternative for comparison in case.alternatives})
    return [max((comparison for comparison in case.alternatives if comparison.alternative == kind), key=rank) for kind in kinds]


def worth_most(alternatives: Iterable[Comparison]) -> Comparison | None:
    """The one of the highest NPV, the first of several: the date for a move that a gate asks for whatever it costs (rules 4 and 5)."""
    return max(alternatives, key=lambda comparison: comparison.npv, default=None)


def place(case: Case) -> Placement:
    """The rules in order. Every later rule's opinion is kept as well."""
    outcomes: list[Outcome] = []
    bound: tuple[str, Verdict] | None = None
    for name, rule in RULES:
        verdict = rule(case)
        if bound is None and verdict is not None:
            bound = (name, verdict)
            outcomes.append(Outcome(name, "decides", verdict))
        else:
            outcomes.append(Outcome(name, "not_reached" if bound else "passes", verdict))
    assert bound is not None, "the last rule always decides"
    gate, verdict = bound
    would_have_been = None
    if case.alternatives and case.today_unknown is None:
        would_have_been = _or_switch(case, cost(case), "cost").recommendation
    return Placement(_or_switch(case, verdict, gate), gate, would_have_been, tuple(outcomes))


def _is_cooling(case: Case, comparison: Comparison) -> bool:
    """Whether an earlier move forbids this one. That move itself may still be on its way: it may be recommended again."""
    return case.cooling is not None and case.cooling.recommendation != _MOVE[comparison.alternative]


def _to_api(case: Case, reason: str) -> Verdict:
    return Verdict(case.stay if case.on_api else "move_to_api", reason)


def _or_switch(case: Case, verdict: Verdict, gate: str) -> Verdict:
    """Staying on an API becomes a change of its model where a cheaper one passes; for frontier work only to a frontier model."""
    if verdict.recommendation != "stay_on_api":
        return verdict
    switch = case.frontier_switch if gate == "frontier" else case.switch
    return verdict if switch is None else Verdict("switch_api_model", verdict.reason, switch)
