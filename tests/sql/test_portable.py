"""Staging and facts stay inside the subset of SQL that gives the same rows on DuckDB and on Spark."""

from __future__ import annotations

import pytest
import sqlglot

from pipelines import sql_models
from pipelines.sql_models import SqlModel
from pipelines.sql_portability import PORTABLE_STAGES, lint, spark_sql

MODELS = {model.name: model for model in sql_models.stage(*PORTABLE_STAGES)}


def model(select: str) -> SqlModel:
    return SqlModel("facts.sample", f"-- One row per (sample).\n{select}", "", ())


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_file_is_portable(name: str) -> None:
    assert [str(finding) for finding in lint(MODELS[name])] == []


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_file_can_be_said_in_spark(name: str) -> None:
    text = spark_sql(MODELS[name])
    assert sqlglot.parse_one(text, dialect="spark").named_selects == sqlglot.parse_one(MODELS[name].text, dialect="duckdb").named_selects
    assert "ROUND_EVEN" not in text


@pytest.mark.parametrize(
    "expression",
    [
        "sum(t.billed_cost)",
        "sum(coalesce(t.list_cost, t.billed_cost))",
        "sum(CASE WHEN t.is_known THEN round_even(t.billed_cost * t.rate, 12) END)",
        "CAST(sum(CAST(t.requests AS DECIMAL(38, 0))) AS BIGINT)",
        "CAST(count(*) AS BIGINT)",
        "CAST(t.output_tokens AS DOUBLE) / CAST(t.requests AS DOUBLE)",
        "CAST(date_trunc('month', t.started_at) AS DATE)",
        "extract(HOUR FROM t.started_at)",
        "CAST(NULL AS INTEGER)",
        "CAST('2026-05-01T00:00:00' AS TIMESTAMP)",
        "lower(t.name) LIKE 'pool:%' OR t.name IN ('a', 'b')",
    ],
)
def test_the_subset(expression: str) -> None:
    assert lint(model(f"SELECT {expression} AS x FROM staging.t AS t")) == []


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        ("t.billed_cost / t.quantity", "CAST(... AS DOUBLE)"),
        ("t.billed_cost / CAST(2 AS DOUBLE)", "CAST(... AS DOUBLE)"),
        ("t.requests // 2", "CAST(... AS DOUBLE)"),
        ("sum(t.requests)", "DECIMAL(38, 0)"),
        ("sum(CAST(t.requests AS BIGINT))", "DECIMAL(38, 0)"),
        ("sum(CASE WHEN t.is_known THEN 1 ELSE 0 END)", "DECIMAL(38, 0)"),
        ("avg(t.billed_cost)", "sum and count"),
        ("hash(t.name)", "the key"),
        ("json_valid(t.tags)", "after the facts"),
        ("TRY_CAST(t.tags AS JSON)", "landing view"),
        ("t.tags ->> '$.team'", "after the facts"),
        ("CAST(t.tags AS JSON)", "VARCHAR"),
        ("CAST(t.requests AS HUGEINT)", "BIGINT"),
        ("CAST(t.amount AS BIGINT)", "DECIMAL(38, 0)"),
        ("CAST(t.amount AS FLOAT)", "DOUBLE"),
        ("CAST(t.started_at AS TIMESTAMPTZ)", "TIMESTAMP"),
        ("CAST('2026-05-01T10:20' AS TIMESTAMP)", "with seconds"),
        ("date_trunc('month', t.started_at)", "CAST(date_trunc"),
        ("dayofweek(t.day)", "after the facts"),
        ("extract(DOW FROM t.day)", "after the facts"),
        ("extract(week FROM t.day)", "after the facts"),
        ("t.day + INTERVAL 1 DAY", "whole days"),
        ("round(t.billed_cost, 2)", "round_even"),
        ("t.name GLOB 'a*'", "LIKE"),
        ("t.name LIKE 'a\\_b'", "without one"),
        ("regexp_matches(t.name, 'a')", "LIKE"),
        ("list_contains(t.names, 'a')", "parity test"),
        ("arg_min(t.name, t.day)", "parity test"),
        ("row_number() OVER (PARTITION BY t.name)", "GROUP BY"),
        ("current_date", "parity test"),
        ("epoch_us(t.started_at)", "parity test"),
        ("t.*", "by name"),
    ],
)
def test_what_differs_is_found(expression: str, instead: str) -> None:
    findings = lint(model(f"SELECT\n    t.id,\n    {expression} AS x\nFROM staging.t AS t"))
    assert any(instead in finding.instead for finding in findings), findings
    assert {(finding.model, finding.line) for finding in findings} == {("facts.sample", 4)}


@pytest.mark.parametrize(
    ("tail", "instead"),
    [
        ("ASOF JOIN config.rate AS r ON t.day >= r.day", "by equality"),
        ("FULL JOIN config.rate AS r ON t.day = r.day", "by equality"),
        ("POSITIONAL JOIN config.rate AS r", "by equality"),
        ("GROUP BY ALL", "by name"),
        ("ORDER BY t.id", "no order"),
        ("LIMIT 1", "parity test"),
        ("QUALIFY row_number() OVER () = 1", "GROUP BY"),
    ],
)
def test_clauses_that_differ_are_found(tail: str, instead: str) -> None:
    assert any(instead in finding.instead for finding in lint(model(f"SELECT t.id FROM staging.t AS t {tail}")))


def test_a_finding_says_where_what_why_and_what_instead() -> None:
    (finding,) = lint(model("SELECT hash(t.name) AS x FROM staging.t AS t"))
    assert str(finding) == "facts.sample, line 2: HASH(t.name): each engine has its own hash; the key that the staging view gives"
