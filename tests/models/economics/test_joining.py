"""A workload on a fleet that others share costs what the fleet costs more with it (economics 2.6), and the recommendation follows that."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from small_companies import INPUT, OUTPUT, SELF_HOST, company, inputs, priced, row, usage, workload
from test_decision import AS_OF, AUGUST, DAYS, JULY, JUNE, POOL, SEPTEMBER, on_pool, recommended

from models.economics.crossover import ApiSide, Counterfactual, SelfHostedSide, robust_break_even
from models.economics.decision import DecisionInputs, decide
from models.economics.joining import fleet_to_join
from models.economics.switching import DECISIONS

POOL_GPUS = sum(2 * 3.99 * DAYS[month] * 24 for month in (JULY, AUGUST, SEPTEMBER)) / 3
"""One replica of the pool, the mean month."""


def test_the_worked_example_of_a_shared_pool() -> None:
    """Replicas of 1,000 usable units at 2,000, N+1, others' peak 1,800: 150 more cost nothing, 300 more a replica (2.6)."""
    fleet = Counterfactual(0.15, 1, 1, 1, 2000.0, others=1.8)
    assert [fleet.cost_at(need) for need in (0.0, 0.15, 0.2, 0.3, 1.2, 1.3)] == [0, 0, 0, 2000, 2000, 4000]


def test_replicas_that_are_there_anyway_cost_nothing() -> None:
    fleet = Counterfactual(0.15, 1, 1, 1, 2000.0, others=1.8, provisioned=4.0)
    assert [fleet.cost_at(need) for need in (1.2, 1.3)] == [0, 2000]
    assert fleet.first_top == pytest.approx(1.2)


def test_the_break_even_on_a_shared_fleet() -> None:
    """What fits beside the others, 0.2, is free; then each further unit of load takes a replica at 2,000."""
    side = SelfHostedSide(Counterfactual(1.0, 1, 1, 1, 2000.0, others=1.8))
    assert robust_break_even(side, ApiSide(1000.0)) is None
    assert robust_break_even(side, ApiSide(2500.0)) == pytest.approx(6000 / 2500)  # on the tread to 3.2, which costs 6,000
    assert robust_break_even(side, ApiSide(1e6)) == 0


def beside(pool: dict[str, Any] = POOL, replicas: int = 4, candidate: dict[str, Any] | None = None, bill: bool = True) -> DecisionInputs:
    """Also `chat` on gpt-4o at a tenth of the worked example, beside the pool of `tags`."""
    given = on_pool({"tags": 432}, replicas=replicas, bill=bill, pool=pool)
    used = usage("chat", 4320, JUNE, AS_OF)
    joins = workload("chat", candidates={"self_host": {**SELF_HOST, "pool": "p", **(candidate or {})}, "api": []})
    return DecisionInputs(
        **{
            **vars(given),
            "company": company([workload("tags", "self_host"), joins], [pool]),
            "usage_hourly": pl.concat([given.usage_hourly, used]),
            "api_cost_monthly": pl.concat([given.api_cost_monthly, priced(used, "openai", "gpt-4o", 2.5, 10, "incumbent")]),
        }
    )


def test_room_on_a_pool_is_free_for_who_joins_it() -> None:
    decided = decide(beside())
    joins = recommended(decided)
    api = sum(4320 * 12 * days * (INPUT * 2.5 + OUTPUT * 10) / 1e6 for month, days in DAYS.items() if month != JUNE) / 3
    assert (joins["recommendation"], joins["saving_basis"]) == ("move_to_self_host", "in_portfolio")
    assert joins["alternative_cost_monthly"] == 0
    assert joins["saving_monthly"] == pytest.approx(api)
    assert joins["saving_alone_monthly"] == pytest.approx(api - 2 * POOL_GPUS - 70_000 / 12)  # one replica and its spare, its own people
    assert joins["saving_alone_monthly"] < 0
    month = row(decided.crossover_monthly, workload_id="chat", month=AUGUST)
    assert month["status"] == "below"  # the stand-alone view


def test_without_naming_the_pool_it_is_weighed_alone() -> None:
    alone = recommended(decide(beside(candidate={"pool": None})))
    assert (alone["recommendation"], alone["reason"], alone["saving_basis"]) == ("stay_on_api", "cost", "stand_alone")
    assert alone["saving_alone_monthly"] == alone["saving_monthly"]


def test_a_full_pool_grows_at_its_own_cost() -> None:
    """One replica serves both at 0.17 of its target, but the spare that 2.1 asks for is missing already: nothing is added for it."""
    assert recommended(decide(beside(replicas=1)))["alternative_cost_monthly"] == 0
    big = beside(replicas=2)
    busy = usage("chat", 43200, JUNE, AS_OF)
    crowd = pl.concat([big.usage_hourly.filter(pl.col("workload_id") != "chat"), busy])
    joined = recommended(decide(DecisionInputs(**{**vars(big), "usage_hourly": crowd})))
    assert joined["alternative_cost_monthly"] == pytest.approx(POOL_GPUS)  # 1.70 of load beside the others' 0.02: 2 + 1 replicas, 2 are there


def test_what_of_it_is_on_the_pool_already_is_not_counted_twice() -> None:
    """Half of it on the API, half on the pool's two replicas: all of it, 1.70 of load beside 0.02, takes one replica more."""
    given = beside(replicas=2)
    halves = [usage("chat", 21600, JUNE, AS_OF), usage("chat", 21600, JUNE, AS_OF, pool="p")]
    used = pl.concat([given.usage_hourly.filter(pl.col("workload_id") != "chat"), *halves])
    joined = recommended(decide(DecisionInputs(**{**vars(given), "usage_hourly": used})))
    assert joined["alternative_cost_monthly"] == pytest.approx(POOL_GPUS)


def test_a_pool_without_a_bill_has_no_known_cost_for_who_joins() -> None:
    unknown = recommended(decide(beside(bill=False)))
    assert (unknown["recommendation"], unknown["reason"]) == ("insufficient_data", "no_pool_cost")


def accepted(quarter: str, workload_id: str = "big", recommendation: str = "move_to_self_host", decision: str = "accept") -> pl.DataFrame:
    return pl.DataFrame([(quarter, workload_id, recommendation, decision)], schema=DECISIONS, orient="row")


def two(decisions: pl.DataFrame | None) -> DecisionInputs:
    """`big` pays for a fleet of its own, `chat` does not."""
    used = [usage("big", 43200, JUNE, AS_OF), usage("chat", 4320, JUNE, AS_OF)]
    prices = [priced(each, "openai", "gpt-4o", 2.5, 10, "incumbent") for each in used]
    given = inputs(company([workload("big"), workload("chat")]), AS_OF, used, prices)
    return DecisionInputs(**{**vars(given), "decisions": decisions})


def test_an_accepted_move_builds_the_fleet_that_others_join() -> None:
    assert recommended(decide(two(None)))["recommendation"] == "stay_on_api"
    joins = recommended(decide(two(accepted("2026-Q2"))))
    assert (joins["recommendation"], joins["saving_basis"]) == ("move_to_self_host", "in_portfolio")
    assert joins["alternative_cost_monthly"] == 0  # 1.69 and 0.17 replicas of load fit on two, the spare and the people are there


@pytest.mark.parametrize(
    "decisions",
    [
        accepted("2026-Q3"),
        accepted("2025-Q4"),  # not built in two quarters
        accepted("2026-Q2", decision="reject"),
        pl.concat([accepted("2026-Q1"), accepted("2026-Q2", decision="defer")]),
        accepted("2026-Q2", recommendation="split"),
        accepted("2026-Q2", "chat"),
    ],
)
def test_what_is_not_an_accepted_move_of_another_workload_builds_nothing(decisions: pl.DataFrame) -> None:
    assert recommended(decide(two(decisions)))["saving_basis"] == "stand_alone"


def test_who_goes_to_a_pool_builds_no_fleet() -> None:
    given = two(accepted("2026-Q2"))
    named = workload("big", candidates={"self_host": {**SELF_HOST, "pool": "p"}, "api": []})
    configured = company([named, workload("chat")], [POOL])
    assert fleet_to_join(configured, configured.workloads[1], given.decisions, "2026-Q3") is None


def test_leaving_a_shared_pool_is_weighed_in_the_portfolio() -> None:
    left = recommended(decide(on_pool({"big": 4320, "tags": 432})), "tags")
    assert left["saving_basis"] == "in_portfolio"
    assert left["saving_alone_monthly"] == pytest.approx(left["current_cost_monthly"] - left["alternative_cost_monthly"])


def test_the_order_of_rows_changes_nothing_for_who_joins() -> None:
    given = beside()
    shuffled = DecisionInputs(**{**vars(given), "usage_hourly": given.usage_hourly.sample(fraction=1, shuffle=True, seed=1)})
    assert recommended(decide(given)) == recommended(decide(shuffled))
