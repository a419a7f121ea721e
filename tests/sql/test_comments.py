"""Every published column is explained, in the order in which it is published, and `docs/tables.md` says the same as the finance file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest
import sqlglot

from models.config import load_company
from models.economics.crossover_tables import COST_COMPONENTS, CROSSOVER_MONTHLY, POOL_MARGINAL
from models.economics.curve import CROSSOVER_CURVE, CROSSOVER_INTERVALS, CROSSOVER_PRIORS
from models.economics.indicators import INDICATORS
from models.economics.market import NEGOTIATION_LIST, TIER_SHARES, VENDOR_CONCENTRATION
from models.economics.placement import RULES as DECISION_RULES
from models.economics.quarter_portfolio import PORTFOLIO_FLEETS, PORTFOLIO_QUARTERLY, PORTFOLIO_WORKLOADS
from models.economics.recommendations import QUESTIONS, RECOMMENDATIONS, RULES
from models.economics.red_flags import RED_FLAGS
from models.economics.scenarios import DECISION_SCENARIOS
from models.economics.sensitivity import DECISION_SENSITIVITY
from models.economics.split import LOAD_DURATION
from models.reference import cost_categories
from pipelines import sql_models
from pipelines.publish import comments
from pipelines.run import open_run
from pipelines.table_docs import FILE, MARKER, refreshed, table_docs

MARTS = {model.name.removeprefix("marts."): model for model in sql_models.stage("marts")}
DECISIONS = {
    "crossover_monthly": [*CROSSOVER_MONTHLY],
    "crossover_cost_components": [*COST_COMPONENTS],
    "crossover_curve": [*CROSSOVER_CURVE],
    "crossover_intervals": [*CROSSOVER_INTERVALS],
    "crossover_priors": [*CROSSOVER_PRIORS],
    "pool_marginal_monthly": [*POOL_MARGINAL],
    "decision_sensitivity": [*DECISION_SENSITIVITY],
    "decision_scenarios": [*DECISION_SCENARIOS],
    "load_duration": [*LOAD_DURATION],
    "workload_indicators": [*INDICATORS],
    "negotiation_list": [*NEGOTIATION_LIST],
    "vendor_concentration": [*VENDOR_CONCENTRATION],
    "tier_shares": [*TIER_SHARES],
    "portfolio_quarterly": [*PORTFOLIO_QUARTERLY],
    "portfolio_fleets": [*PORTFOLIO_FLEETS],
    "portfolio_workloads": [*PORTFOLIO_WORKLOADS],
    "placement_recommendations": [*RECOMMENDATIONS, "snapshot_id"],
    "placement_questions": [*QUESTIONS],
    "placement_rules": [*RULES],
    "red_flags": [*RED_FLAGS],
}
MONEY = re.compile(
    r"(\w*_cost|\w*cost_monthly|\w+_(billed|effective)|\w*amount|difference|saving_monthly\w*|npv|lock_in_premium|\w+_per_(million|thousand)\w*)"
)
NOT_MONEY = {"in_unit_cost", "gpu_hours_billed"}
ONE = {"thing": {"comment": "One row per thing.", "columns": {"kind": "a | b"}}}


def texts() -> Iterator[tuple[str, str]]:
    for table, said in comments().items():
        yield table, said["comment"]
        yield from ((f"{table}.{column}", meaning) for column, meaning in said["columns"].items())


@pytest.mark.parametrize("table", sorted(MARTS))
def test_a_mart_has_exactly_the_explained_columns_in_its_order(table: str) -> None:
    assert list(comments()[table]["columns"]) == sqlglot.parse_one(MARTS[table].text, dialect="duckdb").named_selects


@pytest.mark.parametrize("table", sorted(DECISIONS))
def test_a_decision_table_has_exactly_the_explained_columns_in_its_order(table: str) -> None:
    assert list(comments()[table]["columns"]) == DECISIONS[table]


def test_nothing_is_explained_that_is_not_published() -> None:
    assert sorted(comments()) == sorted([*MARTS, *DECISIONS])


def test_every_meaning_is_one_line_of_text() -> None:
    for name, text in texts():
        assert isinstance(text, str), name
        assert text == " ".join(text.split()) != "", name


def test_every_table_states_its_grain() -> None:
    assert [table for table, said in comments().items() if not said["comment"].startswith("One row per ")] == []


def test_every_amount_names_its_currency_or_unit() -> None:
    unnamed = [
        f"{table}.{column}"
        for table, said in comments().items()
        for column, meaning in said["columns"].items()
        if MONEY.fullmatch(column) and column not in NOT_MONEY and "currency" not in meaning
    ]
    assert unnamed == []


def test_every_share_says_that_it_is_one() -> None:
    shares = [(name, text) for name, text in texts() if re.search(r"\.\w*(_share|_utilisation|probability\w*)$", name)]
    assert [name for name, text in shares if "0-1" not in text] == []
    assert len(shares) >= 7


def test_every_rule_of_the_decision_is_named() -> None:
    assert comments()["placement_rules"]["columns"]["rule"].split(", ") == [name for name, _ in DECISION_RULES]


def test_cost_categories_given_as_examples_exist() -> None:
    known = {category.category for category in cost_categories()}
    for table in ("cost_daily", "cost_monthly", "crossover_cost_components"):
        examples = comments()[table]["columns"]["cost_category"].partition("such as ")[2].split(", ")
        assert set(examples) <= known, table


def test_the_document_is_up_to_date() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == refreshed(text, comments()), "run `python -m pipelines.table_docs`"


def test_a_document_is_written_below_its_introduction() -> None:
    assert refreshed(f"Ours.\n\n{MARKER}\nold", ONE) == f"Ours.\n\n{MARKER}\n\n{table_docs(ONE)}"
    assert table_docs(ONE).splitlines() == [
        "| table | what its rows are |",
        "|---|---|",
        "| [`thing`](#thing) | One row per thing. |",
        "",
        "## thing",
        "",
        "One row per thing.",
        "",
        "| column | meaning |",
        "|---|---|",
        "| `kind` | a \\| b |",
    ]


def test_a_document_without_the_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold this line"):
        refreshed("Ours.", ONE)


@pytest.fixture(scope="module")
def finance_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file of a company without any data: real tables, real types, no rows."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "bill").mkdir()
    (folder / "crossover.yaml").write_text("{company: Example AG, currency: USD, sources: [{id: bill, kind: focus, path: bill/}]}")
    company = load_company(folder / "crossover.yaml")
    with open_run(company, date(2026, 8, 31)) as run:
        run.prepare()
        run.settle_as_of()
        run.cost_people()
        for stage in ("allocation", "marts"):
            for _ in run.build(stage):
                pass
        run.decide()
        run.publish()
    with duckdb.connect(str(company.paths.finance), read_only=True) as con:
        yield con


def test_the_published_file_carries_every_meaning(finance_file: duckdb.DuckDBPyConnection) -> None:
    tables = finance_file.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
    columns = finance_file.execute("SELECT table_name || '.' || column_name, comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert {**dict(tables), **dict(columns)} == dict(texts())


def test_money_is_published_as_decimal(finance_file: duckdb.DuckDBPyConnection) -> None:
    types = finance_file.execute("SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert [row[:3] for row in types if "currency" in row[3] and MONEY.fullmatch(row[1]) and not row[2].startswith("DECIMAL")] == []


def test_the_queries_of_the_introduction_run(finance_file: duckdb.DuckDBPyConnection) -> None:
    queries = re.findall(r"```sql\n(.*?)```", FILE.read_text(encoding="utf-8").partition(MARKER)[0], re.DOTALL)
    assert len(queries) >= 8
    for statement in [statement for query in queries for statement in query.split(";\n") if statement.strip()]:
        finance_file.execute(statement).fetchall()
