"""A workload's case: what the rules of a quarter look at, put together from months and configuration.

Here: which alternatives there are to compare, and which one is told beside a decision. Not here: the rules (placement), what a comparison is
made of (comparison).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from models.config import Company, Workload
from models.economics.comparison import Comparer, Comparison
from models.economics.demand import API, SELF_HOST, UsageHistory, WorkloadHours
from models.economics.months import Month, MonthBook
from models.economics.placement import Answers, Case, Placement, Thresholds, best_dates, cost, first_failed_test, worth_most
from models.economics.switching import AcceptedMove


def build_case(
    company: Company, workload: Workload, book: MonthBook, comparer: Comparer, placement: str, until: date, cooling: AcceptedMove | None
) -> Case:
    """What the rules look at, with the data up to a day. placement: where it is declared to run then; cooling: an earlier move."""
    decision, candidate, questions = company.assumptions.decision, workload.candidates.self_host, workload.questions
    feasible = book.self_hosted.is_feasible(candidate)
    shortfall = book.demand.histories.get(workload.id, UsageHistory(())).shortfall(until, decision.min_days)
    recent = comparer.recent
    thresholds = Thresholds(float(decision.min_probability), float(decision.max_payback_months), decision.persistence_months)
    alternatives = comparer.api() if placement != API else []
    if placement != SELF_HOST and (whole := comparer.self_host(feasible)) is not None:
        alternatives.append(whole)
    alternatives += _splits(comparer, book.demand.window(workload.id, until), placement, feasible, thresholds, alternatives)
    margin = float(decision.switch_margin)
    switches = [switch for switch in comparer.switches() if comparer.passes_margin(switch, margin)]
    unknown = [month.self_hosted.reason or month.api.reason for month in recent if month.self_hosted.reason or month.api.reason]
    return Case(
        placement=placement,
        answers=Answers(
            data_must_stay=questions.data_must_stay.answer if questions.data_must_stay else None,
            frontier_required=questions.frontier_required.answer if questions.frontier_required else None,
            engineering_capability=questions.engineering_capability.answer if questions.engineering_capability else None,
            planned_life_months=float(questions.planned_life_months.answer) if questions.planned_life_months else None,
        ),
        has_candidate=candidate is not None,
        is_candidate_eligible=_is_eligible(company, workload, book, recent),
        is_candidate_feasible=feasible,
        shortfall=shortfall,
        today_unknown=next((month.today_reason for month in recent if month.today_reason), None),
        alternatives=tuple(alternatives),
        alternatives_unknown=unknown[0] if unknown else shortfall,
        switch=switches[0] if switches else None,
        frontier_switch=next((switch for switch in switches if switch.offer is not None and switch.offer.is_frontier), None),
        thresholds=thresholds,
        cooling=cooling,
    )


def _is_eligible(company: Company, workload: Workload, book: MonthBook, recent: Sequence[Month]) -> bool:
    """Whether its self-hosted candidate is good enough: by the workload's own evaluation, or because it serves some of it today."""
    candidate = workload.candidates.self_host
    if candidate is None:
        return False
    served = {pool.id for pool in company.pools if pool.model == candidate.model}
    if any(book.ledger.work_share(workload.id, month.month, pool_id) > 0 for month in recent for pool_id in sorted(served)):
        return True
    return candidate.quality is not None and candidate.quality.score >= company.assumptions.decision.min_quality


def _splits(
    comparer: Comparer,
    hours_of_window: tuple[WorkloadHours | None, int],
    placement: str,
    feasible: bool,
    thresholds: Thresholds,
    others: list[Comparison],
) -> list[Comparison]:
    """The split at 2.12's optimum, where that is inside.

    Where it is not, because replicas for all work cost least as long as none is a spare, self-hosting as a whole may still fail over its
    spare, just when a dearer API has made it that optimum. Then the base load below it counts if it passes, or a dearer API would turn a
    move into a stay.
    """
    window, hours = hours_of_window
    if window is None:
        return []
    inside = comparer.split(window, hours, feasible or placement == SELF_HOST)
    if inside or placement == SELF_HOST or any(first_failed_test(other, thresholds) is None for other in others):
        return inside
    below = comparer.split(window, hours, feasible, is_burst_given=True)
    return [comparison for comparison in below if first_failed_test(comparison, thresholds) is None]


def described_alternative(case: Case, decision: Placement, comparer: Comparer) -> Comparison | None:
    """The alternative that the row describes: the recommended one, else the best of those that anybody knows."""
    verdict = decision.verdict
    wanted = {"move_to_api": "api", "move_to_self_host": "self_host"}.get(verdict.recommendation)
    if verdict.recommendation in ("split", "switch_api_model") or (verdict.comparison and verdict.comparison.alternative == wanted):
        return verdict.comparison
    if wanted is not None:
        return worth_most(comparison for comparison in case.alternatives if comparison.alternative == wanted)
    if not case.on_api:
        return cost(case).comparison
    known = best_dates(case)
    known += [switch for switch in comparer.switches()[:1] if switch.saving_monthly > 0 or not known]
    return min(known, key=lambda comparison: (comparison.alternative_cost_monthly, comparison.alternative), default=None)
