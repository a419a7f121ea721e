"""The portable subset of SQL in which staging and facts are written, so that they give the same rows on DuckDB and on Spark.

Here: what the subset allows, why what is left out differs, and the same text for Spark. An allow-list: what nobody has compared on both
engines is a finding. Not here: the files (`dbt_like_sql/staging`, `dbt_like_sql/facts`) and the graph that they form (`pipelines.sql_models`).
Spark is meant with ANSI mode on and `decimalOperations.allowPrecisionLoss` off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from pipelines.sql_models import SqlModel

PORTABLE_STAGES = ("staging", "facts")


@dataclass(frozen=True)
class Finding:
    """One place in a SQL file that may not mean the same on both engines."""

    model: str
    line: int
    found: str
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.model}, line {self.line}: {self.found}: {self.why}; {self.instead}"


# Compared on both engines: they have one meaning wherever they stand.
_PORTABLE: frozenset[type[exp.Expr]] = frozenset({
    # the frame of a query
    exp.Select, exp.From, exp.Where, exp.Group, exp.Having, exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Distinct, exp.Table, exp.TableAlias,
    # names and values
    exp.Column, exp.Identifier, exp.Alias, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Var, exp.DataTypeParam,
    # logic and comparison
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Case, exp.If, exp.Coalesce,
    # numbers and text
    exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs, exp.Lower, exp.Upper, exp.Substring, exp.DPipe,
    exp.Min, exp.Max, exp.Count,
})  # fmt: skip

_CAST_TYPES = frozenset({"VARCHAR", "TEXT", "BOOLEAN", "INT", "BIGINT", "DOUBLE", "DATE", "TIMESTAMPNTZ", "DECIMAL"})
_WHOLE_TYPES = frozenset({"INT", "BIGINT"})
_EXTRACTED = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE"})
# Columns that the contracts type as DECIMAL, by the unit that ends their names.
_DECIMAL_COLUMN = re.compile(r"(^|_)(cost|quantity|amount|price|rate)$")
_WITHOUT_SECONDS = re.compile(r"[T ]\d{1,2}(:\d{2})?(Z|[+-].*)?$")

_DATE_PARTS = ("weekdays are numbered from another day and weeks are cut otherwise", "shape days after the facts")
# Known traps, by node or by name of the function: why it differs, and what to write.
_TRAPS: dict[type[exp.Expr] | str, tuple[str, str]] = {
    exp.Avg: ("the mean of DECIMAL is DOUBLE here and DECIMAL there", "sum and count"),
    exp.IntDiv: ("division of whole numbers differs in type and below zero", "CAST(... AS DOUBLE) / CAST(... AS DOUBLE)"),
    exp.TryCast: ("what it accepts differs, and as JSON it parses here and quotes there", "let the landing view read the type"),
    exp.DayOfWeek: _DATE_PARTS,
    exp.DayOfWeekIso: _DATE_PARTS,
    exp.WeekOfYear: _DATE_PARTS,
    exp.Glob: ("Spark has no GLOB", "LIKE"),
    exp.RegexpLike: ("the dialects of regular expressions differ", "LIKE, IN or lower"),
    exp.Round: ("DOUBLE and DECIMAL are rounded otherwise at ties", "round_even"),
    exp.JSONExtractScalar: ("paths and nulls of JSON differ", "parse after the facts"),
    exp.JSONExtract: ("paths and nulls of JSON differ", "parse after the facts"),
    exp.Interval: ("a DATE plus an interval is a TIMESTAMP here and a DATE there", "whole days computed before the staging view"),
    exp.Window: ("row numbers and frames depend on order, which is not kept", "GROUP BY"),
    exp.Qualify: ("Spark has no QUALIFY", "GROUP BY"),
    exp.Order: ("the order of nulls differs", "no order: facts are sets"),
    exp.Star: ("it follows whatever columns there are", "the columns by name"),
    "HASH": ("each engine has its own hash", "the key that the staging view gives"),
    "JSON_VALID": ("Spark has no json_valid", "parse after the facts"),
}


def lint(model: SqlModel) -> list[Finding]:
    """What of a model is outside the portable subset, in the order of its text."""
    tree = sqlglot.parse_one(model.text, dialect="duckdb")
    found = [Finding(model.name, _line(node), node.sql(dialect="duckdb", comments=False)[:60], *reason) for node, reason in _outside(tree)]
    return sorted(found, key=lambda finding: finding.line)


def spark_sql(model: SqlModel) -> str:
    """The model for Spark: transpiled, with half-even rounding under its name there. Only for a model without findings."""
    tree = sqlglot.parse_one(model.text, dialect="duckdb")
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name.upper() == "ROUND_EVEN":
            node.set("this", "BROUND")
    return tree.sql(dialect="spark", pretty=True, comments=False)


def _outside(tree: exp.Expr) -> Iterator[tuple[exp.Expr, tuple[str, str]]]:
    for node in tree.walk():
        reason = _reason(node)
        if reason is not None:
            yield node, reason


def _reason(node: exp.Expr) -> tuple[str, str] | None:
    """Why a node is outside the subset, and what to write; None where it is inside."""
    if isinstance(node, exp.Group) and node.args.get("all"):
        return "it follows whatever columns there are", "the columns by name"
    if type(node) in _PORTABLE:
        return None
    match node:
        case exp.Anonymous() if node.name.upper() == "ROUND_EVEN":
            return None
        case exp.Star() if isinstance(node.parent, exp.Count):
            return None
        case exp.Cast() if type(node) is exp.Cast:
            return _cast_reason(node)
        case exp.DataType():
            return None  # judged with its cast
        case exp.Sum():
            return None if _is_decimal(node.this) else ("a sum of BIGINT is HUGEINT here and overflows there", "sum(CAST(... AS DECIMAL(38, 0)))")
        case exp.Div():
            return None if _is_double(node.this) and _is_double(node.expression) else (
                "a quotient of DECIMAL is DOUBLE here and DECIMAL there",
                "CAST(... AS DOUBLE) / CAST(... AS DOUBLE), and never of money",
            )  # fmt: skip
        case exp.TimestampTrunc() | exp.DateTrunc():
            return (
                None
                if isinstance(node.parent, exp.Cast)
                else ("date_trunc of a DATE is TIMESTAMP on one engine only", "CAST(date_trunc(...) AS DATE)")
            )
        case exp.Extract():
            return None if node.name.upper() in _EXTRACTED else _DATE_PARTS
        case exp.Like():
            return None if "\\" not in node.expression.name else ("a backslash escapes there and not here", "a pattern without one")
        case exp.Join():
            is_plain = not node.args.get("method") and node.kind in ("", "INNER", "CROSS") and node.side in ("", "LEFT")
            return None if is_plain else ("only inner, cross and left joins are the same; ASOF passes through and fails there", "a join by equality")
    named = _TRAPS.get(node.name.upper()) if isinstance(node, exp.Anonymous) else _TRAPS.get(type(node))
    return named or ("nobody has compared it on both engines", "what the subset has, or add it with a parity test")


def _cast_reason(node: exp.Cast) -> tuple[str, str] | None:
    name = node.to.this.value
    if name not in _CAST_TYPES:
        return (
            f"{node.to.sql(dialect='duckdb')} is not the same type on both",
            "VARCHAR, BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL(p, s), DATE or TIMESTAMP",
        )
    if name in _WHOLE_TYPES and not _is_whole(node.this):
        return "a cast to a whole number rounds here and truncates there", "a cast of DECIMAL(38, 0), of a count or of a whole number"
    if name == "TIMESTAMPNTZ" and node.this.is_string and _WITHOUT_SECONDS.search(node.this.name):
        return "a time without seconds is read by one engine only", "a timestamp with seconds"
    return None


def _is_whole(node: exp.Expr) -> bool:
    """Whether a value can have no decimals, as far as its text tells."""
    if isinstance(node, exp.Cast):
        places = node.to.expressions
        return bool(node.to.this.value in _WHOLE_TYPES) or (node.to.this.value == "DECIMAL" and len(places) == 2 and places[1].name == "0")
    return isinstance(node, exp.Null | exp.Count) or bool(node.is_int) or (isinstance(node, exp.Sum | exp.Min | exp.Max) and _is_whole(node.this))


def _is_decimal(node: exp.Expr) -> bool:
    """Whether a value is DECIMAL, as far as its text and the names of its columns tell."""
    match node:
        case exp.Cast():
            return bool(node.to.this.value == "DECIMAL")
        case exp.Column():
            return bool(_DECIMAL_COLUMN.search(node.name))
        case exp.Case():
            values = [*(branch.args["true"] for branch in node.args["ifs"]), *([node.args["default"]] if node.args.get("default") else [])]
            return all(isinstance(value, exp.Null) or _is_decimal(value) for value in values)
        case exp.Coalesce():
            return all(_is_decimal(value) for value in (node.this, *node.expressions))
        case exp.Add() | exp.Sub() | exp.Mul():
            return _is_decimal(node.this) and _is_decimal(node.expression)
        case exp.Paren() | exp.Neg():
            return _is_decimal(node.this)
        case exp.Anonymous():
            return node.name.upper() == "ROUND_EVEN" and _is_decimal(node.expressions[0])
    return False


def _is_double(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and bool(node.to.this.value == "DOUBLE")


def _line(node: exp.Expr) -> int:
    """The line on which a node stands. The parser notes lines at names only: the nearest name's, in the node or else around it."""
    around: exp.Expr | None = node
    while around is not None:
        lines = [int(part.meta["line"]) for part in around.walk() if "line" in part.meta]
        if lines:
            return min(lines)
        around = around.parent
    return 1
