"""What holds of every delivery: only what a source offers at the end counts, however it came to be there and however often it was read.

Whole marts are compared, less the tables that tell a history (runs, ingestions, restatements) and what says that something was withdrawn.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_company import TinyCompany, pool, tiny_company, workload

from pipelines import sql_models
from pipelines.run import sources_in_order

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from delivery_trees import (
    FIRST_RUN,
    JULY,
    JUNE,
    MAY,
    SECOND_RUN,
    Row,
    Tree,
    aws_export,
    azure_part,
    azure_run,
    csv_gz,
    focus_line,
    gcp_line,
    gcp_parquet,
    lay,
    ndjson,
    snappy,
)

# An example costs several runs of the pipeline: few of them, of many rows, always the same ones.
law = settings(max_examples=2, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SOURCES = [{"id": "bills", "kind": "focus", "path": "tree/bills/"}, {"id": "gcp", "kind": "gcp_billing", "path": "tree/gcp/"}]
HISTORY = ("runs", "ingestions", "restatements")
FIRST = focus_line(date(2026, 5, 1), "1")

amounts = st.decimals(-1000, 100_000, places=12).map(lambda amount: f"{amount:f}")


@st.composite
def lines(draw: st.DrawFn, month: date = JUNE) -> Row:
    """A line of the month: of a workload, of a pool by the hour, a correction of the month before, or one that can't be accepted."""
    day = month + timedelta(draw(st.integers(0, 27)))
    kind = draw(st.sampled_from(["day", "day", "pool", "correction", "bad"]))
    line = focus_line(day, draw(amounts), draw(st.sampled_from(["a", "b", "nobody"])))
    if kind == "pool":
        start = line["ChargePeriodStart"] + timedelta(hours=draw(st.integers(0, 23)))
        line |= {"ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(hours=1), "Tags": {"pool": "p"}}
    elif kind == "correction":
        line |= {"ChargeClass": "Correction", "ChargePeriodStart": line["ChargePeriodStart"] - timedelta(30)}
    elif kind == "bad":
        line["ChargeCategory"] = "Usages"
    return line


def some(month: date = JUNE) -> st.SearchStrategy[list[Row]]:
    return st.lists(lines(month), min_size=1, max_size=8)


gcp_rows = st.lists(
    st.builds(
        lambda cost, credits, owner, month: gcp_line(cost, credits, owner, month=month),
        st.floats(-100, 1000),
        st.lists(st.floats(-10, 0), max_size=3),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["202606", "202607"]),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """What lay there once, and what is added or overwritten later: every layout, each with a restatement and with leftovers."""
    once = {
        **below("bills/aws", aws_export([csv_gz(draw(some(MAY)))], MAY, FIRST_RUN)),
        **below("bills/aws", aws_export([csv_gz(draw(some())) for _ in range(3)], JUNE, FIRST_RUN, sizes=draw(st.booleans()))),
        **below("bills/new", aws_export([snappy(draw(some()))], JUNE, FIRST_RUN, ending="snappy.parquet", create_new=True, name="new")),
        **azure(draw(some()), FIRST_RUN, "2026-06-10T05:00:00Z"),
        **partition("202606", draw(gcp_rows)),
        "bills/vendor/june.csv.gz": csv_gz(draw(some())),
    }
    later = {
        **below("bills/aws", aws_export([csv_gz(draw(some())) for _ in range(2)], JUNE, SECOND_RUN, sizes=draw(st.booleans()))),
        **below("bills/new", aws_export([snappy(draw(some()))], JUNE, SECOND_RUN, ending="snappy.parquet", create_new=True, name="new")),
        **azure(draw(some()), SECOND_RUN, "2026-07-02T05:00:00Z"),
        **azure(draw(some(JULY)), SECOND_RUN[:-1] + "7", "2026-07-02T05:00:01Z", JULY),
        **partition("202606", draw(gcp_rows)),
        **partition("202607", draw(gcp_rows)),
        "bills/vendor/june.csv.gz": csv_gz(draw(some())),
    }
    return once, later


def below(folder: str, tree: Tree) -> Tree:
    return {f"{folder}/{name}": data for name, data in tree.items()}


def azure(rows: Sequence[Row], run: str, submitted: str, month: date = JUNE) -> Tree:
    return below("bills/azure", azure_run([azure_part(rows), azure_part(rows[:1])], len(rows) + 1, run, submitted, month=month))


def partition(month: str, rows: Sequence[Row]) -> Tree:
    half = len(rows) // 2
    files = {"part-0.json": ndjson(rows[:half])} if half else {}
    return below(f"gcp/invoice_month={month}", {**files, "part-1.parquet": gcp_parquet(rows[half:])})


@contextmanager
def reader(folder: Path) -> Iterator[TinyCompany]:
    """A company that has read nothing yet but one line."""
    folder.mkdir(parents=True)
    start = {"bills/first.csv.gz": csv_gz([FIRST]), "gcp/first.json": ndjson([gcp_line(1.0)])}
    lay(start, folder / "tree")
    workloads = [workload("a", match=[{"tag.workload": "a"}]), workload("b", match=[{"tag.workload": "b"}])]
    with tiny_company(folder, SOURCES, {}, as_of="2026-07-31", workloads=workloads, pools=[pool("p")]) as company:
        yield company


def read(company: TinyCompany) -> None:
    """One run up to the marts. What is refused on the way is refused: only the invariants must hold."""
    company.run.syncs.clear()
    company.run.prepare()
    for source in sources_in_order(company.run.company):
        company.run.sync(source)
    company.run.settle_as_of()
    company.run.cost_people()
    for stage in ("allocation", "marts"):
        for _ in company.run.build(stage):
            pass
    broken = {model.name: company.ask(model.text) for model in sql_models.stage("checks")}
    assert not any(broken.values()), broken


def marts(company: TinyCompany) -> dict[str, list[tuple[Any, ...]]]:
    names = [name for (name,) in company.ask("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts' ORDER BY 1")]
    found = {}
    for name in sorted(set(names) - set(HISTORY)):
        where = " WHERE check_name <> 'file_withdrawn'" if name == "data_quality" else ""
        found[name] = company.ask(f"SELECT * FROM marts.{name}{where} ORDER BY ALL")
    assert {"cost_daily", "cost_monthly", "reconciliation", "quarantine", "cost_trail", "data_quality"} <= found.keys()
    return found


@pytest.fixture(scope="module")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
    """A company with a past: whatever it reads, it has read other things before."""
    with reader(tmp_path_factory.mktemp("seasoned") / "company") as company:
        yield company


def from_scratch(tree: Tree, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    with reader(folder) as company:
        lay(tree, company.folder / "tree")
        read(company)
        return marts(company)


@law
@given(histories(), st.randoms(use_true_random=False))
def test_only_what_lies_there_at_the_end_counts(
    seasoned: TinyCompany, tmp_path_factory: pytest.TempPathFactory, history: tuple[Tree, Tree], chance: random.Random
) -> None:
    """Files come one by one, in any order, manifests before their data too, and are read in between: half-written, mixed, not there yet."""
    once, later = history
    tree: Tree = {}
    for writes in (once, later):
        names = chance.sample(sorted(writes), len(writes))
        stop = chance.randrange(len(names))
        for number, name in enumerate(names):
            tree[name] = writes[name]
            if number in (stop, len(names) - 1):
                lay(tree, seasoned.folder / "tree")
                read(seasoned)
    assert not seasoned.run.refusals
    assert marts(seasoned) == from_scratch(once | later, tmp_path_factory.mktemp("fresh") / "company")


@law
@given(histories())
def test_a_delivery_that_is_read_twice_is_read_once(seasoned: TinyCompany, history: tuple[Tree, Tree]) -> None:
    """Again as it is; again when every file was copied anew; and all of it after half of it was gone."""
    tree = history[0] | history[1]
    lay(tree, seasoned.folder / "tree")
    read(seasoned)
    before = marts(seasoned)
    read(seasoned)
    assert marts(seasoned) == before
    assert sum(sync.reduced for sync in seasoned.run.syncs) == 0
    lay(tree, seasoned.folder / "tree")
    read(seasoned)
    assert marts(seasoned) == before
    assert sum(sync.reduced for sync in seasoned.run.syncs) == 0
    lay({name: data for number, (name, data) in enumerate(sorted(tree.items())) if number % 2}, seasoned.folder / "tree")
    read(seasoned)
    lay(tree, seasoned.folder / "tree")
    read(seasoned)
    assert marts(seasoned) == before


@law
@given(st.lists(some(), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_in_which_a_manifest_names_its_files_says_nothing(seasoned: TinyCompany, chunks: list[list[Row]], chance: random.Random) -> None:
    tree = aws_export([csv_gz(chunk) for chunk in chunks], JUNE, FIRST_RUN)
    lay(below("bills", tree) | {"gcp/first.json": ndjson([gcp_line(1.0)])}, seasoned.folder / "tree")
    read(seasoned)
    before = marts(seasoned)
    (manifest,) = (name for name in tree if "metadata" in name)
    text = tree[manifest].decode()
    named = [f'"s3://finance-exports/exports/{name}"' for name in tree if name != manifest]
    assert ", ".join(named) in text
    other = text.replace(", ".join(named), ", ".join(chance.sample(named, len(named)))).replace(FIRST_RUN, SECOND_RUN)
    # as if it were never read in the first order
    lay({"bills/first.csv.gz": csv_gz([FIRST]), "gcp/first.json": ndjson([gcp_line(1.0)])}, seasoned.folder / "tree")
    read(seasoned)
    seasoned.run.con.execute("DELETE FROM ledger.delivery WHERE delivery LIKE 'daily/%'")
    lay(below("bills", tree | {manifest: other.encode()}) | {"gcp/first.json": ndjson([gcp_line(1.0)])}, seasoned.folder / "tree")
    read(seasoned)
    assert marts(seasoned) == before


def test_money_is_the_sum_of_its_lines(seasoned: TinyCompany) -> None:
    """So that the laws are not held by nothing."""
    tree = aws_export([csv_gz([focus_line(date(2026, 6, 1), "1.5", "a")]), csv_gz([focus_line(date(2026, 6, 2), "2", "b")])], JUNE, FIRST_RUN)
    lay(below("bills", tree) | {"gcp/first.json": ndjson([gcp_line(1.0, [-0.25])])}, seasoned.folder / "tree")
    read(seasoned)
    assert seasoned.effective("true", "source_id, workload_id") == {
        ("bills", "a"): Decimal("1.5"),
        ("bills", "b"): 2,
        ("gcp", "unattributed"): Decimal("0.75"),
    }
