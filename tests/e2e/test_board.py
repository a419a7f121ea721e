"""The board's word and what came of it; and what would be if a number were another."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from small_company import Place, crossover

QUARTER = "2026-Q2"


def decide(place: Place, workload: str, *more: str) -> tuple[int, str]:
    outcome = crossover("decide", workload, "--config", place.configuration, *more)
    return outcome.code, outcome.out + outcome.err


def what_if(place: Place, *changes: str) -> dict[str, Any]:
    outcome = crossover("whatif", "--json", "--config", place.configuration, *(word for change in changes for word in ("--set", change)))
    assert outcome.code == 0, outcome
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def digests(place: Place) -> dict[str, str]:
    """Every file of state and output but the lock, with its hash."""
    files = [f for root in ("var", "out") for f in (place.folder / root).rglob("*") if f.is_file() and f.name != "writer.lock"]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class TestDecide:
    def test_a_decision_is_published_by_the_next_run(self, published: Place) -> None:
        code, said = decide(published, "chat", "--quarter", QUARTER, "--decision", "accept", "--by", "placement board", "--note", "as shown")
        assert code == 0
        assert "Recorded: chat, 2026-Q2" in said
        assert published.run().code == 0
        ((decision, by, note, projected, realised),) = published.query(
            "SELECT decision, decided_by, note, projected_saving_monthly, realised_saving_monthly FROM decisions WHERE workload_id = 'chat'"
        )
        assert (decision, by, note, realised) == ("accept", "placement board", "as shown", None)
        assert projected is None  # it stays where it is: no saving was promised
        assert published.query("SELECT decisions, accepted, measured, hit_rate FROM track_record") == [(1, 1, 0, None)]

    def test_the_later_of_two_decisions_holds(self, published: Place) -> None:
        said = [decide(published, "chat", "--quarter", QUARTER, "--decision", word, "--by", "board")[1] for word in ("defer", "reject")]
        assert ["It takes the place of defer by board." in each for each in said] == [False, True]
        published.run()
        assert published.query("SELECT decision, note FROM decisions") == [("reject", None)]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("chat", "--quarter", "2020-Q1", "--decision", "accept", "--by", "b"), "there is no recommendation for chat in 2020-Q1"),
            (("chta", "--quarter", QUARTER, "--decision", "accept", "--by", "b"), "chat (the nearest name)"),
            (("chat", "--quarter", QUARTER, "--decision", "yes", "--by", "b"), "one of accept, reject, defer"),
            (("chat", "--quarter", QUARTER, "--decision", "accept", "--by", " "), "needs somebody's name"),
        ],
    )
    def test_what_is_refused(self, published: Place, arguments: tuple[str, ...], said: str) -> None:
        code, text = decide(published, *arguments)
        assert code == 2
        assert said in text


class TestWhatIf:
    def test_nothing_changed_changes_nothing_and_nothing_is_written(self, published: Place) -> None:
        before = digests(published)
        document = what_if(published, "discount_rate=0.15")
        assert [row["changes"] for row in document["workloads"]] == [False, False]
        assert digests(published) == before

    def test_a_dearer_price_of_the_other_side_shows_in_the_alternative(self, published: Place) -> None:
        """Search's other side is gpt-4o: 10 million tokens in at 2 and one million out at 10 USD a month; at 20 it is 10 more."""
        document = what_if(published, "prices.openai.gpt-4o.output=20")
        row = next(row for row in document["workloads"] if row["workload_id"] == "search")
        assert row["changes"]
        before, after = (Decimal(row[side]["alternative_cost_monthly"]) for side in ("published", "if"))
        assert after - before == pytest.approx(Decimal(10))

    def test_a_gpu_price_shows_on_the_side_that_would_rent_one(self, published: Place) -> None:
        document = what_if(published, "gpu_prices.one=2")
        row = next(row for row in document["workloads"] if row["workload_id"] == "chat")
        before, after = (Decimal(row[side]["alternative_cost_monthly"]) for side in ("published", "if"))
        # a replica and its spare at one dollar more, of a month of 30 or 31 days
        assert float(after - before) == pytest.approx(2 * 730, rel=0.03)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("gpu_prices.onee=2", "Did you mean one?"),
            ("gpu_prices.one=cheap", "A value is no number."),
            ("gpu_prices.one=-3", "A value can't be."),
            ("gpu_prices.one=nan", "A value can't be."),
            ("prices.openai.gpt-4o.output=-8", "A value can't be."),
            ("discount_rate=15", "less than or equal to 1"),
            ("discount_rat=0.1", "Did you mean discount_rate?"),
            ("decision.min_probability=2", "A value can't be."),
            ("prices.openai.gpt-4o=8", "A price needs provider, model and field."),
            ("prices.openai.no-such-model.input=8", "There is no such price."),
            ("discount_rate", "A change needs a path and a value."),
        ],
    )
    def test_what_is_refused(self, published: Place, change: str, said: str) -> None:
        outcome = crossover("whatif", "--config", published.configuration, "--set", change)
        assert outcome.code == 2
        assert said in outcome.err + outcome.out

    def test_before_any_run_there_is_nothing_to_ask(self, unread: Place) -> None:
        outcome = crossover("whatif", "--config", unread.configuration, "--set", "discount_rate=0.1")
        assert outcome.code == 2
        assert "nothing is published yet" in outcome.err
