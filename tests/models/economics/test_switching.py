"""No flip-flop (economics 2.11): the cool-down after a move, and three years of noisy demand around the break-even, decided quarter by quarter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_companies import ACTUAL_COLUMNS, POOL_COLUMNS, SHARE_COLUMNS, company, frame, inputs, priced, usage, workload
from test_decision import POOL, on_pool

from models.economics.decision import DecisionInputs
from models.economics.demand import API
from models.economics.months import MonthBook
from models.economics.periods import add_months, days_in_month, month_end
from models.economics.recommendations import Review, reviews
from models.economics.switching import DECISIONS, AcceptedMove, accepted_move, position, quarter_name
from models.economics.uncertainty import Spread, draw_factors

FACTORS = draw_factors(7, Spread(0.25, 0.2, 0.15))


def decisions(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=DECISIONS, orient="row")


def test_quarters_are_in_order() -> None:
    assert position("2027-Q1") - position("2026-Q4") == 1
    assert [quarter_name(position(name)) for name in ("2026-Q1", "2026-Q4")] == ["2026-Q1", "2026-Q4"]


ACCEPTED = ("2026-Q2", "tags", "move_to_self_host", "accept")


@pytest.mark.parametrize(("quarter", "cools"), [("2026-Q1", False), ("2026-Q2", False), ("2026-Q3", True), ("2026-Q4", True), ("2027-Q1", False)])
def test_a_move_cools_down_for_two_quarters(quarter: str, cools: bool) -> None:
    expected = AcceptedMove("move_to_self_host", "2026-Q2", "2026-Q4") if cools else None
    assert accepted_move(decisions(ACCEPTED), "tags", quarter) == expected


@pytest.mark.parametrize(
    "other",
    [
        ("2026-Q2", "chat", "move_to_self_host", "accept"),
        ("2026-Q2", "tags", "move_to_self_host", "reject"),
        ("2026-Q2", "tags", "move_to_self_host", "defer"),
        ("2026-Q2", "tags", "stay_on_api", "accept"),
        ("2026-Q2", "tags", "switch_api_model", "accept"),
    ],
)
def test_only_an_accepted_move_of_its_own_cools_down(other: tuple[str, str, str, str]) -> None:
    assert accepted_move(decisions(other), "tags", "2026-Q3") is None
    assert accepted_move(None, "tags", "2026-Q3") is None
    assert accepted_move(decisions(), "tags", "2026-Q3") is None


@pytest.mark.parametrize("word", ["reject", "defer"])
def test_a_move_that_is_taken_back_no_longer_counts(word: str) -> None:
    again = ("2026-Q3", "tags", ACCEPTED[2], word)
    assert accepted_move(decisions(ACCEPTED, again), "tags", "2026-Q4") is None
    other_way = ("2026-Q3", "tags", "split", word)
    assert accepted_move(decisions(ACCEPTED, other_way), "tags", "2026-Q4") is not None


def test_the_latest_of_two_moves_counts() -> None:
    both = decisions(("2026-Q3", "tags", "move_to_api", "accept"), ACCEPTED)
    assert accepted_move(both, "tags", "2026-Q4") == AcceptedMove("move_to_api", "2026-Q3", "2027-Q1")


def reviewed(given_inputs: DecisionInputs, made: pl.DataFrame | None = None) -> Review:
    return reviews(given_inputs.company, MonthBook(given_inputs), FACTORS, given_inputs.as_of, decisions=made)[-1]


def test_a_pool_just_moved_to_is_not_left_again_for_its_cost() -> None:
    given_inputs = on_pool({"tags": 432})
    assert reviewed(given_inputs).recommendation_row["recommendation"] == "move_to_api"
    stays = reviewed(given_inputs, decisions(ACCEPTED)).recommendation_row
    assert (stays["recommendation"], stays["reason"], stays["binding_gate"]) == ("stay_self_hosted", "cool_down", "cost")
    assert stays["flips_if"] == "2026-Q4 is over: until then nothing else is moved after the move_to_self_host accepted in 2026-Q2."
    assert (stays["alternative"], stays["effective_date"]) == ("api", None)


BREAK_EVEN = 9_406
"""Requests an hour at which gpt-4o and two replicas with their people cost the same, about 17.5 thousand a month."""


@dataclass
class Story:
    """A workload's life: what it asks for each month, where it ran, what was decided."""

    requests: dict[date, float]
    placements: list[tuple[date, str]] = field(default_factory=lambda: [(date(2023, 1, 1), API)])
    made: list[tuple[str, str, str, str]] = field(default_factory=list)

    def placed(self, month: date) -> str:
        return [placement for since, placement in self.placements if since <= month][-1]

    def inputs(self, as_of: date) -> DecisionInputs:
        """What is known on that day, of the last seven months."""
        months = [month for month in sorted(self.requests) if add_months(as_of, -7) < month <= as_of]
        used, prices, actual, pools, shares = [], [], [], [], []
        for month in months:
            on_api = self.placed(month) == API
            each = usage("chat", self.requests[month], month, month_end(month), pool=None if on_api else "p")
            used.append(each)
            prices.append(priced(each, "openai", "gpt-4o", 2.5, 10, "incumbent" if on_api else "candidate"))
            if on_api:
                continue
            hours = days_in_month(month) * 24
            gpus = {"gpu_compute": ("billed", 2 * 2 * 3.99 * hours), "engineering_operations": ("people", 70_000 / 12)}
            actual += [
                {"workload_id": "chat", "month": month, "side": "self_host", "cost_category": category, "cost_basis": basis, "pool_id": "p"}
                | {"effective_cost": cost, "in_unit_cost": True}
                for category, (basis, cost) in gpus.items()
            ]
            pools.append(
                {"pool_id": "p", "month": month, "bill_cost": gpus["gpu_compute"][1], "replicas": 2, "gpus": 4, "covered_hours": hours}
                | {"replica_hours_provisioned": 2 * hours, "replica_hours_worked": 5.0, "device_utilisation": None}
            )
            shares.append({"pool_id": "p", "workload_id": "chat", "month": month, "replica_hours_worked": 5.0, "work_share": 1.0})
        placement: Any = [{"value": value, "valid_from": since.isoformat()} for since, value in self.placements]
        configured = workload("chat", placement=placement)
        return inputs(
            company([configured], [POOL]),
            as_of,
            used,
            prices,
            frame(actual, ACTUAL_COLUMNS),
            frame(pools, POOL_COLUMNS),
            frame(shares, SHARE_COLUMNS),
        )

    def live(self) -> None:
        """Quarter by quarter: what is recommended is accepted and done on its effective date."""
        for month in sorted(self.requests):
            if month.month % 3 == 0 and month > min(self.requests):
                row = reviewed(self.inputs(month_end(month)), decisions(*self.made)).recommendation_row
                target = {"move_to_self_host": "self_host", "move_to_api": API}.get(row["recommendation"])
                if target and target != self.placements[-1][1]:
                    self.made.append((row["quarter"], "chat", row["recommendation"], "accept"))
                    self.placements.append((row["effective_date"], target))

    @property
    def switches(self) -> list[tuple[date, str]]:
        return self.placements[1:]

    @property
    def naive_switches(self) -> int:
        """What a threshold alone would have done: each month on the side that was cheaper in the month before."""
        sides = [requests > BREAK_EVEN for _, requests in sorted(self.requests.items())]
        return sum(one != other for one, other in zip([False, *sides], sides, strict=False))


def demand(seed: int, levels: list[float], noise: float = 0.2) -> dict[date, float]:
    """Twelve months of each level (times the break-even) with lognormal noise from month to month, the hardest kind to tell from a trend."""
    drawn = np.random.default_rng(seed).normal(size=12 * len(levels))
    return {add_months(date(2023, 1, 1), n): BREAK_EVEN * levels[n // 12] * float(np.exp(noise * each)) for n, each in enumerate(drawn)}


@pytest.mark.parametrize("seed", range(4))
def test_noise_around_the_break_even_moves_nothing(seed: int) -> None:
    story = Story(demand(seed, [1.0, 1.0, 1.0]))
    story.live()
    assert story.switches == []
    assert story.naive_switches >= 10  # a threshold would have moved it back and forth, at 60,000 each


@pytest.mark.parametrize("seed", range(4))
def test_a_real_change_moves_it_once(seed: int) -> None:
    story = Story(demand(seed, [0.5, 2.5, 2.5]))
    story.live()
    assert [side for _, side in story.switches] == ["self_host"]
    assert date(2024, 3, 1) <= story.switches[0][0] <= date(2025, 6, 1)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back_are_two_real_changes(seed: int) -> None:
    story = Story(demand(seed, [2.5, 2.5, 0.3, 0.3]))
    story.live()
    assert [side for _, side in story.switches] == ["self_host", API]
    assert story.switches[0][0] < date(2025, 1, 1) < date(2025, 4, 1) <= story.switches[1][0]


def test_the_break_even_of_the_story_is_one() -> None:
    """Both sides of a month at the break-even are within a tenth of the dead band's 2,882 of each other."""
    month = next(iter(MonthBook(Story({date(2023, 1, 1): float(BREAK_EVEN)}).inputs(date(2023, 1, 31))).months["chat"]))
    assert month.self_hosted.side is not None
    assert month.api.best_side is not None
    per_day = (month.self_hosted.side.total - month.api.best_side.total) / 31 * 365 / 12
    assert abs(per_day) < 300


def test_an_untouched_story_reads_no_decisions() -> None:
    story = Story(demand(0, [2.5]))
    given_inputs = story.inputs(date(2023, 12, 31))
    assert reviewed(given_inputs).recommendation_row == reviewed(given_inputs, decisions()).recommendation_row
