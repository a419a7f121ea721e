"""From the month's figures to the quarter's recommendation: frames in, published tables out.

Here: what `decide` takes and gives. The economics behind it lives in its neighbours (months, capacity, crossover, uncertainty, finance,
placement). Not here: reading, writing, allocation and pricing of what was paid; those come in as frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from models.config import Company, Workload
from models.economics.crossover import Factors
from models.economics.crossover_tables import cost_components, crossover_monthly, pool_marginal_monthly, table
from models.economics.curve import crossover_curve, crossover_intervals, crossover_priors
from models.economics.demand import API, COMPLETE_MONTHS, SELF_HOST, UsageHistory
from models.economics.explanation import break_even_sentence, flip_sentence
from models.economics.indicators import workload_indicators
from models.economics.market import negotiation_list, tier_shares, vendor_concentration
from models.economics.months import MonthBook
from models.economics.periods import add_months
from models.economics.placement import best_dates
from models.economics.quarter_portfolio import quarter_portfolios
from models.economics.recommendations import QUESTIONS, RECOMMENDATIONS, RULES, Review, load_durations, reviews
from models.economics.red_flags import red_flags
from models.economics.scenarios import DECISION_SCENARIOS, Ranges, inputs_of, ranges_in_force, scenario_rows
from models.economics.sensitivity import DECISION_SENSITIVITY, sensitivity_rows
from models.economics.switching import MOVES
from models.economics.uncertainty import Spread, draw_factors

MONTHS_PER_QUARTER = 3


@dataclass(frozen=True)
class DecisionInputs:
    """Everything a decision knows. Money is Float64 in the reporting currency; a null is unknown, never zero. Columns beyond these are ignored.

    usage_hourly: workload_id, usage_hour (Datetime us, naive UTC), side ('api', 'self_host'), pool_id (null on an API), requests,
        input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, attention_tokens (the sum of O (I + O/2) over requests).
        Only rows up to as-of; hours without usage are absent.
    burst_monthly: workload_id, month, burst_factor: measured peak within the busiest hours / their mean, where the logs tell it (2.1).
    api_cost_monthly: workload_id, month (of use), provider, model, role ('incumbent', 'candidate'), token_cost (null where any token has no
        price), is_eligible, quality_score, is_frontier, price_basis ('paid', 'negotiated', 'list').
    actual_cost_monthly: workload_id, month (of use), side, cost_category, cost_basis, pool_id, effective_cost, in_unit_cost.
    pool_monthly: pool_id, month, bill_cost (null without a bill line), replicas (mean provisioned), gpus, covered_hours,
        replica_hours_provisioned, replica_hours_worked, device_utilisation (0-1, null where nobody measures it).
    pool_workload_monthly: pool_id, workload_id, month, replica_hours_worked, work_share.
    vendor_cost_monthly: month, provider, effective_cost: what was paid to each vendor of models and GPUs.
    decisions: quarter, workload_id, recommendation, decision: the board's word that holds for each.
    owned_hardware: pool_id, in_service, life_months, purchase_price, residual (null where no rate converts them).
    """

    company: Company
    as_of: date
    seed: int
    usage_hourly: pl.DataFrame
    api_cost_monthly: pl.DataFrame
    actual_cost_monthly: pl.DataFrame
    pool_monthly: pl.DataFrame
    pool_workload_monthly: pl.DataFrame
    vendor_cost_monthly: pl.DataFrame
    burst_monthly: pl.DataFrame | None = None
    decisions: pl.DataFrame | None = None
    owned_hardware: pl.DataFrame | None = None


@dataclass(frozen=True)
class DecisionOutputs:
    """The published tables of the same names (without snapshot_id), sorted by their grain. No NaN, no infinity.

    `placement_rules` (quarter, workload_id, position, rule, outcome, recommendation, reason) keeps every rule's outcome beside the recommendation.
    """

    crossover_monthly: pl.DataFrame
    crossover_cost_components: pl.DataFrame
    crossover_curve: pl.DataFrame
    crossover_intervals: pl.DataFrame
    crossover_priors: pl.DataFrame
    pool_marginal_monthly: pl.DataFrame
    placement_recommendations: pl.DataFrame
    placement_questions: pl.DataFrame
    placement_rules: pl.DataFrame
    red_flags: pl.DataFrame
    decision_sensitivity: pl.DataFrame
    decision_scenarios: pl.DataFrame
    load_duration: pl.DataFrame
    workload_indicators: pl.DataFrame
    negotiation_list: pl.DataFrame
    vendor_concentration: pl.DataFrame
    tier_shares: pl.DataFrame
    portfolio_quarterly: pl.DataFrame
    portfolio_fleets: pl.DataFrame
    portfolio_workloads: pl.DataFrame


def decide(inputs: DecisionInputs) -> DecisionOutputs:
    """The months with usage of each configured workload, then a recommendation per quarter (economics sections 2 and 3).

    The same inputs give the same outputs, whatever the order of their rows.
    """
    company, sigmas = inputs.company, inputs.company.assumptions.uncertainty
    book = MonthBook(inputs)
    factors = draw_factors(inputs.seed, Spread(float(sigmas.volume), float(sigmas.throughput), float(sigmas.people)))
    reviewed = reviews(company, book, factors, inputs.as_of, decisions=inputs.decisions, owned_hardware=inputs.owned_hardware)
    # early in a quarter its last complete month is also the last quarter's: the later review speaks for it
    described = {
        (review.workload_id, review.recent[-1].month): review.described
        for review in reviewed
        if review.described and review.recent and review.placement.verdict.recommendation != "insufficient_data"
    }
    workloads = {workload.id: workload for workload in company.workloads}
    ranges = ranges_in_force(company)
    weighed = [_weighed(company, ranges, workloads[review.workload_id], book, review, factors, inputs.as_of) for review in reviewed]
    grain = ["quarter", "workload_id"]
    months = crossover_monthly(company, book.months, book.demand, factors)
    asked = [(review.workload_id, review.quarter) for review in reviewed]
    portfolio = quarter_portfolios(company, book, reviewed, inputs.as_of)
    return DecisionOutputs(
        crossover_monthly=months,
        crossover_cost_components=cost_components(book.months),
        crossover_curve=crossover_curve(book.months),
        crossover_intervals=crossover_intervals(book.months),
        crossover_priors=crossover_priors(company, book.months),
        pool_marginal_monthly=pool_marginal_monthly(book),
        placement_recommendations=table([each.recommendation_row for each in weighed], RECOMMENDATIONS, grain),
        placement_questions=table([row for review in reviewed for row in review.question_rows], QUESTIONS, [*grain, "question"]),
        placement_rules=table([row for review in reviewed for row in review.rule_rows], RULES, [*grain, "position"]),
        red_flags=red_flags(company, book.months, book.ledger, described),
        decision_sensitivity=table([row for each in weighed for row in each.sensitivity_rows], DECISION_SENSITIVITY, [*grain, "input"]),
        decision_scenarios=table([row for each in weighed for row in each.scenario_rows], DECISION_SCENARIOS, [*grain, "scenario"]),
        load_duration=load_durations(reviewed),
        workload_indicators=workload_indicators(company, asked, inputs.as_of, book.demand.histories, months),
        negotiation_list=negotiation_list(company, inputs.api_cost_monthly),
        vendor_concentration=vendor_concentration(company, inputs.vendor_cost_monthly),
        tier_shares=tier_shares(company, book.demand.demand, inputs.actual_cost_monthly),
        portfolio_quarterly=portfolio.quarterly,
        portfolio_fleets=portfolio.fleets,
        portfolio_workloads=portfolio.workloads,
    )


@dataclass(frozen=True)
class _Weighed:
    """A review's published row with what would flip it at the end, and the tables behind that."""

    recommendation_row: dict[str, Any]
    sensitivity_rows: list[dict[str, Any]]
    scenario_rows: list[dict[str, Any]]


def _weighed(company: Company, ranges: Ranges, workload: Workload, book: MonthBook, review: Review, factors: Factors, as_of: date) -> _Weighed:
    """One input at a time and several at once, on the same months as the review; nothing where nobody knows the alternative's cost.

    Only the as-of quarter and the one before are open to decisions: what would flip an older one is no longer looked for.
    """
    key = {"quarter": review.quarter.name, "workload_id": review.workload_id}
    case, row, rows = review.case, review.recommendation_row, []
    if not review.recent:
        return _Weighed(row, [], [])
    sentence = ""
    inputs = inputs_of(company, ranges, workload, review.recent, case.placement)
    other_side = API if case.placement == SELF_HOST else SELF_HOST
    is_open = add_months(review.quarter.first_day, 2 * MONTHS_PER_QUARTER) > as_of
    comparison = next((each for each in best_dates(case) if each.alternative == other_side), None)
    if comparison is not None and is_open:
        history = book.demand.histories.get(workload.id, UsageHistory(()))
        count = max(COMPLETE_MONTHS, case.thresholds.persistence_months)
        asked = [review.months.get(period) for period in history.complete_months(min(review.quarter.last_day, as_of), count)]
        rows = sensitivity_rows(company, workload, inputs, case.placement, asked, comparison, case.thresholds, factors, key)
        is_alone = other_side == API and all(each.alternative != "split" for each in case.alternatives)
        sentence = flip_sentence(rows, company.currency, is_alone=is_alone)
    if review.placement.binding_gate == "cost":
        if not sentence and review.placement.verdict.reason == "cost":
            moves = review.placement.verdict.recommendation in MOVES
            sentence = break_even_sentence(case.placement, review.recent, moves=moves)
        row = {**row, "flips_if": " ".join(part for part in (row["flips_if"], sentence) if part)}
    return _Weighed(row, rows, scenario_rows(inputs, case.placement, review.recent, key))
