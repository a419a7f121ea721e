"""From the month's figures to the quarter's recommendation: frames in, published tables out.

Here: what `decide` takes and gives. The economics behind it lives in its neighbours (months, capacity, crossover, uncertainty, finance,
placement). Not here: reading, writing, allocation and pricing of what was paid; those come in as frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from models.config import Company
from models.economics.crossover_tables import cost_components, crossover_monthly, table
from models.economics.months import MonthBook
from models.economics.recommendations import QUESTIONS, RECOMMENDATIONS, RULES, reviews
from models.economics.red_flags import red_flags
from models.economics.uncertainty import Spread, draw_factors


@dataclass(frozen=True)
class DecisionInputs:
    """Everything a decision knows. Money is Float64 in the reporting currency; a null is unknown, never zero. Columns beyond these are ignored.

    usage_hourly: workload_id, usage_hour (Datetime us, naive UTC), side ('api', 'self_host'), pool_id (null on an API), requests,
        input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, attention_tokens (the sum of O (I + O/2) over requests).
        Only rows up to as-of; hours without usage are absent.
    api_cost_monthly: workload_id, month (of use), provider, model, role ('incumbent', 'candidate'), token_cost (null where any token has no
        price), is_eligible, quality_score, is_frontier, price_basis ('paid', 'negotiated', 'list').
    actual_cost_monthly: workload_id, month (of use), side, cost_category, cost_basis, pool_id, effective_cost, in_unit_cost.
    pool_monthly: pool_id, month, bill_cost (null without a bill line), replicas (mean provisioned), gpus, covered_hours,
        replica_hours_provisioned, replica_hours_worked, device_utilisation (0-1, null where nobody measures it).
    pool_workload_monthly: pool_id, workload_id, month, replica_hours_worked, work_share.
    """

    company: Company
    as_of: date
    seed: int
    usage_hourly: pl.DataFrame
    api_cost_monthly: pl.DataFrame
    actual_cost_monthly: pl.DataFrame
    pool_monthly: pl.DataFrame
    pool_workload_monthly: pl.DataFrame


@dataclass(frozen=True)
class DecisionOutputs:
    """The published tables of the same names (without snapshot_id), sorted by their grain. No NaN, no infinity.

    `placement_rules` (quarter, workload_id, position, rule, outcome, recommendation, reason) keeps every rule's outcome beside the recommendation.
    """

    crossover_monthly: pl.DataFrame
    crossover_cost_components: pl.DataFrame
    placement_recommendations: pl.DataFrame
    placement_questions: pl.DataFrame
    placement_rules: pl.DataFrame
    red_flags: pl.DataFrame


def decide(inputs: DecisionInputs) -> DecisionOutputs:
    """The months with usage of each configured workload, then a recommendation per quarter (economics sections 2 and 3).

    The same inputs give the same outputs, whatever the order of their rows.
    """
    company, sigmas = inputs.company, inputs.company.assumptions.uncertainty
    book = MonthBook(inputs)
    factors = draw_factors(inputs.seed, Spread(float(sigmas.volume), float(sigmas.throughput), float(sigmas.people)))
    reviewed = reviews(company, book, factors, inputs.as_of)
    # early in a quarter its last complete month is also the last quarter's: the later review speaks for it
    described = {
        (review.workload_id, review.recent[-1].month): review.described
        for review in reviewed
        if review.described and review.recent and review.placement.verdict.recommendation != "insufficient_data"
    }
    grain = ["quarter", "workload_id"]
    return DecisionOutputs(
        crossover_monthly=crossover_monthly(company, book.months, book.demand, factors),
        crossover_cost_components=cost_components(book.months),
        placement_recommendations=table([review.recommendation_row for review in reviewed], RECOMMENDATIONS, grain),
        placement_questions=table([row for review in reviewed for row in review.question_rows], QUESTIONS, [*grain, "question"]),
        placement_rules=table([row for review in reviewed for row in review.rule_rows], RULES, [*grain, "position"]),
        red_flags=red_flags(company, book.months, book.ledger, described),
    )
