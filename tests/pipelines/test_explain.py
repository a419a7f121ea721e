"""What `crossover explain` says about a small published file whose numbers can be added up by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from models.config import Company, load_company
from models.economics.placement import GATING_QUESTIONS, RULES, Recommendation
from models.errors import ConfigError, CrossoverError
from pipelines.explain import explain_workload, explanation, resolve_workload, words
from pipelines.publish import comments

JULY, AUGUST, SEPTEMBER = (date(2026, month, 1) for month in (7, 8, 9))
CONFIGURATION = """
company: Small
currency: EUR
sources: [{id: gateway, kind: request_log, path: usage.csv}, {id: bill, kind: focus, path: bill.csv}]
workloads:
  - {id: chat, aliases: [chat-v1], name: "Chat [beta]", placement: api, match: [{workload: chat}]}
  - {id: search, placement: api, match: [{workload: search}]}
"""
REASONS = (
    "sovereignty life frontier quality capability cost conflict no_price no_pool_cost no_candidate days coverage dead_band persistence probability "
    "payback npv capacity"
)
FLAGS = (
    "low_utilisation busy_but_underused sovereignty_breach long_payback team_outgrows_volume operations_share quality_drop gpus_over_plan "
    "fine_tuning_over_plan"
)


def month(first_day: date, **changes: Any) -> dict[str, Any]:
    return {
        "month": first_day,
        "workload_id": "chat",
        "is_complete": True,
        "placement": "api",
        "status": "above",
        "days_covered": 30,
        "tokens_per_day": 2_000_000.0,
        "api_cost_monthly": Decimal(900),
        "best_api_cost_monthly": Decimal(900),
        "best_api_provider": "openai",
        "best_api_model": "gpt-4o",
        "self_host_cost_monthly": Decimal(300),
        "cost_ratio": 3.0,
        "replicas": 2.0,
        "gpus": 4.0,
        "token_utilisation": 0.3,
        "break_even_tokens_per_day": 500_000.0,
        "break_even_utilisation": 0.1,
        "break_even_api_price_per_million": Decimal(5),
        "people_basis": "assumed",
        "price_basis": "paid",
        **changes,
    }


def decision(quarter: str, **changes: Any) -> dict[str, Any]:
    return {
        "quarter": quarter,
        "workload_id": "chat",
        "state": "final",
        "placement": "api",
        "recommendation": "move_to_self_host",
        "reason": "cost",
        "binding_gate": "cost",
        "would_have_been": "move_to_self_host",
        "current_cost_monthly": Decimal(900),
        "alternative": "self_host",
        "alternative_cost_monthly": Decimal(300),
        "saving_monthly": Decimal(600),
        "saving_monthly_p5": Decimal(400),
        "saving_monthly_p50": Decimal(590),
        "saving_monthly_p95": Decimal(800),
        "probability": 0.87,
        "migration_cost": Decimal(1200),
        "payback_months": 2.0,
        "payback_months_discounted": 2.1,
        "npv": Decimal(15000),
        "effective_date": date(2026, 11, 1),
        "self_host_share": 1.0,
        "flips_if": "The question data_must_stay is answered. Cost alone says stay_on_api.",
        "snapshot_id": "r1",
        **changes,
    }


NOTHING_KNOWN = dict.fromkeys(
    (
        *("would_have_been", "current_cost_monthly", "alternative", "alternative_cost_monthly", "saving_monthly", "saving_monthly_p5"),
        *("saving_monthly_p50", "saving_monthly_p95", "probability", "migration_cost", "payback_months", "payback_months_discounted", "npv"),
        *("effective_date", "self_host_share"),
    )
)


def published() -> dict[str, list[dict[str, Any]]]:
    """Chat on an API: 900 a month, of which 840 for 60 million tokens and 60 for people. Search has never been used."""
    months = (JULY, AUGUST, SEPTEMBER)
    search = {"workload_id": "search", "recommendation": "insufficient_data", "reason": "days", "binding_gate": "data"}
    cost = {"workload_id": "chat"}
    line = {"workload_id": "chat", "source_id": "gateway", "cost_category": "api_usage", "match_id": "row", "cost_basis": "priced"}
    usage = {"workload_id": "chat", "side": "api", "provider": "openai", "model": "gpt-4o"}
    tokens = {"input_uncached_tokens": 50, "cache_read_tokens": 30, "cache_write_tokens": 0, "output_tokens": 20}
    delivery = {"files": 1, "bytes": 10, "rows": 3, "ingested_at": datetime(2026, 10, 1, 8), "version": 1}
    question = {"quarter": "2026-Q3", "workload_id": "chat", "outcome": "passes"}
    rule = {"quarter": "2026-Q3", "workload_id": "chat", "outcome": "passes"}
    turn = {"quarter": "2026-Q3", "workload_id": "chat"}
    says = {"quarter": "2026-Q3", "workload_id": "chat"}
    flag = {"subject_kind": "workload", "subject_id": "chat", "flag": "sovereignty_breach", "value": 0.25, "threshold": 0.0}
    return {
        "workloads": [{"workload_id": "chat", "name": "Chat [beta]", "owner": "cx"}, {"workload_id": "search", "name": "search"}],
        "runs": [{"run_id": "r1", "as_of": date(2026, 9, 30), "finished_at": datetime(2026, 10, 1), "config_sha256": "?"}],
        "placement_recommendations": [
            decision("2026-Q2", recommendation="insufficient_data", reason="days", binding_gate="data", **NOTHING_KNOWN),
            decision("2026-Q3"),
            decision("2026-Q3", **NOTHING_KNOWN | search),
        ],
        "placement_rules": [
            {**rule, "position": 1, "rule": "conflict"},
            {**rule, "position": 2, "rule": "cost", "outcome": "decides", "recommendation": "move_to_self_host", "reason": "cost"},
        ],
        "placement_questions": [
            {**question, "question": "sla", "answer": "p99_latency_ms 800, availability_pct 99.5", "outcome": "recorded"},
            {**question, "question": "data_must_stay", "answer": None, "outcome": "unanswered"},
        ],
        "crossover_monthly": [month(date(2026, 6, 1), best_api_cost_monthly=Decimal(1)), *map(month, months)],
        "crossover_cost_components": [
            *({**cost, "month": each, "side": "api", "cost_category": "api_usage", "cost_monthly": Decimal(840)} for each in months),
            *({**cost, "month": each, "side": "api", "cost_category": "api_operations", "cost_monthly": Decimal(60)} for each in months),
            *({**cost, "month": each, "side": "api", "cost_category": "integration", "cost_monthly": None} for each in months),
            *({**cost, "month": each, "side": "self_host", "cost_category": "gpu_compute", "cost_monthly": Decimal(300)} for each in months),
            *({**cost, "month": each, "side": "self_host", "cost_category": "observability", "cost_monthly": Decimal(0)} for each in months),
        ],
        "usage_daily": [{**usage, **tokens, "usage_date": AUGUST}],
        "workload_utilisation_monthly": [{"month": AUGUST, "workload_id": "other", "pool_id": "p", "replica_hours_worked": 1.0}],
        "decision_sensitivity": [
            {**turn, "input": "volume", "base": 2_000_000.0, "flip_value": 700_000.0},
            {**turn, "input": "gpu_price", "base": 3.99, "flip_value": 5.1},
            {**turn, "input": "overheads", "base": 0.0, "flip_value": None},
        ],
        "workload_indicators": [
            {**says, "indicator": "existing_team", "direction": "for", "holds": True},
            {**says, "indicator": "sovereignty", "direction": "for", "holds": False},
            {**says, "indicator": "time_pressure", "direction": "against", "holds": None},
        ],
        "portfolio_workloads": [
            {
                **{"quarter": "2026-Q3", "workload_id": "chat", "placement": "self_host"},
                **{"saving_alone_monthly": Decimal(-50), "saving_in_portfolio_monthly": Decimal(450)},
            },
            {"quarter": "2026-Q3", "workload_id": "search", "left_out": "days"},
        ],
        "portfolio_quarterly": [
            {"quarter": "2026-Q3", "scenario": "today", "cost_monthly": Decimal(900), "gap": None},
            {"quarter": "2026-Q3", "scenario": "optimum", "cost_monthly": Decimal(500), "gap": 0.004},
        ],
        "decisions": [],
        "red_flags": [{**flag, "month": AUGUST}, {**flag, "month": SEPTEMBER}],
        "data_quality": [
            {"severity": "warning", "check_name": "tier_unknown", "subject": "gateway", "rows": 7, "amount": Decimal(5), "message": "base"}
        ],
        "cost_trail": [
            {**line, "month": SEPTEMBER, "effective_cost": Decimal(840)},
            {
                **line,
                "month": SEPTEMBER,
                "cost_category": "tax",
                "source_id": "bill",
                "delivery": "bill.csv",
                "match_id": "rule:vat",
                "cost_basis": "billed",
                "source_rows": 30,
                "first_row_number": 41,
                "effective_cost": Decimal(16),
            },
        ],
        "ingestions": [
            {**delivery, "source_id": "gateway", "period": SEPTEMBER, "delivery": "september.csv", "sha256": "aa" * 32},
            {**delivery, "source_id": "gateway", "period": AUGUST, "delivery": "august.csv", "sha256": "bb" * 32},
            {**delivery, "source_id": "bill", "period": AUGUST, "delivery": "bill.csv", "sha256": "cc" * 32, "version": 2},
            {**delivery, "source_id": "bill", "period": AUGUST, "delivery": "bill.csv", "sha256": "dd" * 32, "superseded_at": datetime(2026, 10, 1)},
        ],
        "assumptions": [
            {"name": "decision.min_days", "base": Decimal(90)},
            {"name": "discount_rate", "base": Decimal("0.15")},
            {"name": "horizon_months", "base": Decimal(36)},
        ],
    }


TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", Decimal: "DECIMAL(38, 6)", date: "DATE", datetime: "TIMESTAMP", str: "VARCHAR"}


def write(company: Company, tables: dict[str, list[dict[str, Any]]]) -> None:
    """The tables as they are published: the columns are those of the comments, what a row leaves out is null."""
    company.paths.finance.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(company.paths.finance)) as con:
        con.begin()
        for name, rows in tables.items():
            columns = list(comments()[name]["columns"])
            assert {column for row in rows for column in row} <= set(columns), name
            kinds = {column: next((type(row[column]) for row in rows if row.get(column) is not None), str) for column in columns}
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {TYPES[kinds[column]]}' for column in columns)})")
            for row in rows:
                con.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", [row.get(column) for column in columns])
        con.commit()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    file = tmp_path / "crossover.yaml"
    file.write_text(CONFIGURATION)
    return load_company(file)


@pytest.fixture
def con(company: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    write(company, published())
    with duckdb.connect(str(company.paths.finance), read_only=True) as connection:
        yield connection


def page_of(company: Company, capsys: pytest.CaptureFixture[str], workload: str = "chat", quarter: str | None = None) -> str:
    explain_workload(company, workload, quarter, as_json=False)
    return capsys.readouterr().out


def test_every_word_of_the_vocabularies_is_said() -> None:
    assert set(words.RECOMMENDATIONS) == set(get_args(Recommendation))
    assert set(words.RULES) == {name for name, _ in RULES}
    assert set(REASONS.split()) <= set(words.REASONS)
    assert set(FLAGS.split()) == set(words.FLAGS)
    assert set(GATING_QUESTIONS) <= set(words.QUESTIONS)
    assert words.reason_text("unanswered:data_must_stay") == "nobody has answered: Must its data stay in house?"


@pytest.mark.parametrize("name", ["chat", "chat-v1"])
def test_an_alias_is_the_workload(company: Company, name: str) -> None:
    assert resolve_workload(company, name) == "chat"


def test_an_unknown_workload_is_refused_with_the_nearest_name(company: Company) -> None:
    with pytest.raises(ConfigError, match="there is no workload Serach") as refused:
        resolve_workload(company, "Serach")
    assert refused.value.expected == "search (the nearest name)"
    with pytest.raises(ConfigError) as refused:
        resolve_workload(company, "zzz")
    assert refused.value.expected == "one of chat, search"


def test_an_unknown_quarter_is_refused_with_those_there_are(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    with pytest.raises(ConfigError) as refused:
        explanation(con, company, "chat", "2027-Q1")
    assert refused.value.found == "2027-Q1"
    assert refused.value.expected == "2026-Q2, 2026-Q3"


def test_without_a_published_file_it_says_how_to_get_one(company: Company) -> None:
    with pytest.raises(CrossoverError, match="crossover run"):
        explain_workload(company, "chat", None, as_json=False)


def test_a_file_of_an_older_version_says_how_to_get_a_new_one(company: Company) -> None:
    write(company, published())
    with duckdb.connect(str(company.paths.finance)) as con:
        con.execute("DROP TABLE decision_sensitivity")
    with pytest.raises(CrossoverError, match="lacks what this version reads") as refused:
        explain_workload(company, "chat", None, as_json=False)
    assert "decision_sensitivity" in (refused.value.found or "")
    assert "crossover run" in (refused.value.todo or "")


def test_a_workload_newer_than_the_file_is_refused(company: Company) -> None:
    tables = published()
    tables["placement_recommendations"] = tables["placement_recommendations"][:2]
    write(company, tables)
    with pytest.raises(ConfigError, match="workload search is not in the published file"):
        explain_workload(company, "search", None, as_json=False)


def test_a_move_is_told_with_its_money_odds_and_date(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    said = explanation(con, company, "chat", None)["sentences"]
    assert said["recommended"][0] == "Chat [beta] runs on a commercial API and should move to self-hosting."
    assert said["recommended"][2] == (
        "It saves 600 EUR a month, for 1,200 EUR once (paid back after 2.0 months), and can be in force on 1 November 2026."
    )
    assert said["today"][0] == "It costs 900 EUR a month, people included (mean of July to September 2026)."
    assert "The odds that it saves anything are 87%." in said["worth"][1]
    assert "between 400 EUR (p5) and 800 EUR (p95)" in said["worth"][1]
    assert said["flips"] == ['The question "Must its data stay in house?" is answered. Cost alone says "stay on the API".']


def test_another_model_is_not_argued_for_with_what_speaks_against_moving(company: Company) -> None:
    tables = published()
    tables["placement_recommendations"] = [
        {**row, "recommendation": "switch_api_model", "reason": "dead_band", "binding_gate": "cost"} if row["workload_id"] == "chat" else row
        for row in tables["placement_recommendations"]
    ]
    write(company, tables)
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        said = explanation(con, company, "chat", None)["sentences"]["recommended"][1]
    assert said.startswith("Why: it stays on an API, because the saving is too small to earn back what switching costs, but another API model ")


def test_the_boards_word_is_told_up_to_the_quarter(company: Company) -> None:
    said = {"workload_id": "chat", "recommendation": "move_to_self_host", "decided_by": "board", "decided_at": datetime(2026, 7, 3)}
    words_of = [{**said, "quarter": "2026-Q2", "decision": "accept", "note": "as shown"}, {**said, "quarter": "2026-Q3", "decision": "reject"}]
    write(company, {**published(), "decisions": words_of})
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        by_quarter = {quarter: explanation(con, company, "chat", quarter)["sentences"]["recommended"] for quarter in ("2026-Q2", "2026-Q3")}
    first = 'On 2026-Q2\'s "move to self-hosting" the board said: accepted by board on 3 July 2026: as shown.'
    assert [line for line in by_quarter["2026-Q2"] if "the board said" in line] == [first]
    second = 'On 2026-Q3\'s "move to self-hosting" the board said: rejected by board on 3 July 2026.'
    assert [line for line in by_quarter["2026-Q3"] if "the board said" in line] == [first, second]


def test_what_turns_the_answer_comes_nearest_first(con: duckdb.DuckDBPyConnection, company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["input"] for row in explanation(con, company, "chat", None)["sensitivity"]] == ["gpu_price", "volume"]
    page = page_of(company, capsys)
    assert re.search(r"GPU price per hour +3\.99 +5\.10\n +tokens a day +2,000,000 +700,000\n", page)


def test_the_portfolio_is_told_beside_the_stand_alone_view(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    assert explanation(con, company, "chat", None)["sentences"]["portfolio"] == [
        "If all workloads were placed anew, together and as cheaply as their gates allow, it would be self-hosted.",
        "Self-hosted beside the others there it would save 450 EUR a month against its API, "
        "with a fleet of its own it would cost 50.00 EUR a month more.",
        "All workloads together cost 900 EUR a month today and 500 EUR placed so (proven to be within 0.4% of the cheapest).",
        "That leaves out what moving costs once and what is committed, and assumes a platform team: the recommendation goes before it.",
    ]
    assert explanation(con, company, "search", None)["sentences"]["portfolio"] == [
        "It is left out of the portfolio's optimum, because its history is too short."
    ]


def test_indicators_say_what_is_known_and_what_is_not(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    assert explanation(con, company, "chat", None)["sentences"]["indicators"] == [
        "For self-hosting: a team that can run it.",
        "Nobody knows or has said: time pressure.",
    ]


def worth_of(company: Company, **changes: Any) -> list[str]:
    tables = published()
    tables["placement_recommendations"] = [decision("2026-Q3", **changes)]
    write(company, tables)
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        sentences: list[str] = explanation(con, company, "chat", None)["sentences"]["worth"]
        return sentences


def test_what_joins_a_shared_fleet_is_told_with_what_it_would_be_alone(company: Company) -> None:
    assert worth_of(company, saving_basis="in_portfolio", saving_alone_monthly=Decimal(-250))[1] == (
        "That is what a fleet that others share costs more with it: its people and overheads are there already. "
        "With a fleet of its own it would cost 250 EUR a month more."
    )


def test_what_leaves_a_shared_fleet_is_told_with_what_stays(company: Company) -> None:
    leaves = {"placement": "self_host", "alternative": "api", "recommendation": "move_to_api", "saving_basis": "in_portfolio"}
    assert worth_of(company, **leaves, alternative_cost_monthly=Decimal(100))[1] == (
        "Leaving avoids only 700 EUR of today's 900 EUR a month: what others on its pools need and what commitments still hold goes on being paid."
    )


def test_costs_are_the_mean_of_the_months_that_the_decision_rests_on(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    document = explanation(con, company, "chat", None)
    assert [row["month"] for row in document["months"]] == [JULY, AUGUST, SEPTEMBER]
    costs = {row["cost_category"]: (row["api"], row["self_host"]) for row in document["costs"]}
    assert costs["api_usage"] == (Decimal(840), None)
    assert sum(api for api, _ in costs.values() if api is not None) == document["recommendation"]["current_cost_monthly"]
    assert document["sentences"]["costs"] == [
        "Zero, as assumed or paid: observability.",
        "Without data and therefore not counted, which is not the same as zero: integration.",
    ]


def test_the_api_price_beside_its_break_even_leaves_people_out(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    price = next(row for row in explanation(con, company, "chat", None)["break_even"] if row["measure"] == "api_price_per_million")
    assert price["now"] == pytest.approx(840 / 60)
    assert price["break_even"] == 5


def test_the_trail_names_each_file_in_force_with_its_hash(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    document = explanation(con, company, "chat", None)
    assert [(row["cost_category"], row["first_row_number"]) for row in document["trail"]] == [("api_usage", None), ("tax", 41)]
    assert [(row["source_id"], row["delivery"], row["sha256"]) for row in document["files"]] == [
        ("bill", "bill.csv", "cc" * 32),
        ("gateway", "september.csv", "aa" * 32),
    ]
    assert document["sentences"]["trail"] == [
        "In September 2026 the sources hold 856.00 EUR for it; 16.00 of it is the same on either side and in no comparison:"
    ]


def test_the_queries_on_the_page_run(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    trail, _, ingestions = explanation(con, company, "chat", None)["queries"]
    assert len(con.execute(trail).fetchall()) == 2
    assert len(con.execute(ingestions).fetchall()) == 4


def test_a_flag_is_raised_once_with_its_newest_month(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    assert explanation(con, company, "chat", None)["sentences"]["red_flags"] == [
        "Chat [beta], September 2026: 25% of its tokens went to an API although its data must stay; raised in 1 of the months before, too."
    ]


def test_what_is_unknown_is_said_with_its_reason(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    said = explanation(con, company, "search", None)["sentences"]
    assert said["recommended"][1] == "Why: its history is too short: a decision asks for 90 days and 3 complete months of usage."
    assert said["today"] == [
        "What it costs a month is unknown for this decision, because it was not used in the 3 complete months before the end of the data."
    ]
    assert said["worth"][0].startswith("What a change would be worth is unknown, because it was not used")


def test_a_side_without_a_candidate_is_unknown_for_that_reason(company: Company) -> None:
    tables = published()
    unknown = {"self_host_cost_monthly": None, "cost_ratio": None, "replicas": None, "gpus": None, "break_even_tokens_per_day": None}
    tables["crossover_monthly"] = [month(each, reason="no_candidate", **unknown) for each in (JULY, AUGUST, SEPTEMBER)]
    write(company, tables)
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        said = explanation(con, company, "chat", None)["sentences"]
    because = "because nothing is configured that could serve it on the other side."
    assert said["other"][0] == f"What self-hosting would cost is unknown, {because}"
    assert said["break_even"] == [f"There is no break-even, {because}"]


def test_a_partial_month_is_named_as_one(company: Company) -> None:
    tables = published()
    tables["crossover_monthly"] = [month(SEPTEMBER, is_complete=False, days_covered=12)]
    write(company, tables)
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        said = explanation(con, company, "chat", None)["sentences"]
    assert said["today"][0] == "It has no complete month of use yet: the figures below are those of 12 days of September 2026."
    assert "would cost 300 EUR in 12 days of September 2026" in said["other"][0]


def test_both_sides_of_a_hybrid_are_paid(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    tables = published()
    tables["placement_recommendations"] = [decision("2026-Q3", placement="hybrid", recommendation="split", alternative="split")]
    tables["crossover_monthly"] = [month(each, placement="hybrid") for each in (JULY, AUGUST, SEPTEMBER)]
    tables["usage_daily"].append({**tables["usage_daily"][0], "side": "self_host", "provider": None, "model": "llama"})
    tables["workload_utilisation_monthly"].append({"month": AUGUST, "workload_id": "chat", "pool_id": "p", "replica_hours_worked": 3.0})
    write(company, tables)
    page = page_of(company, capsys)
    assert "both on a commercial API and on self-hosted GPUs and should self-host the base load" in " ".join(page.split())
    assert "It runs on pool p, shared with other." in page
    assert "API, paid  self-hosted, paid" in page


@pytest.mark.parametrize(("workload", "quarter"), [("chat", None), ("chat", "2026-Q2"), ("search", None)])
def test_the_page_fits_and_holds_no_none(
    con: duckdb.DuckDBPyConnection, company: Company, capsys: pytest.CaptureFixture[str], workload: str, quarter: str | None
) -> None:
    page = page_of(company, capsys, workload, quarter)
    assert "None" not in page
    assert all(len(line) <= 100 for line in page.splitlines() if "SELECT" not in line and "duckdb -readonly" not in line)


def test_names_are_no_markup(con: duckdb.DuckDBPyConnection, company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(company, capsys, "chat-v1")
    assert page.startswith("Chat [beta] (cx): move to self-hosting\nSmall, 2026-Q3 (final), data up to 30 September 2026, money in EUR\n")
    assert "99% of answers within 800 ms" in page


def test_json_is_one_document_with_money_as_text(con: duckdb.DuckDBPyConnection, company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    explain_workload(company, "chat", "2026-Q3", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["recommendation"]["saving_monthly"] == "600.000000"
    assert document["sentences"]["recommended"][0] == "Chat [beta] runs on a commercial API and should move to self-hosting."
    assert document["configuration_changed"] is True
