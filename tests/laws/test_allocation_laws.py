"""What holds of every bill and every log: allocation conserves, order does not matter, a re-run changes nothing, a zero-cost row changes
nothing, and a line of many days is the sum of its days.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tiny_company import TinyCompany, focus_line, invoice_line, pool, tags, tiny_company, usage, workload

Row = dict[str, object]
FIRST = date(2026, 5, 1)
CRUMB = Decimal("0.000000001")
# An example costs a run of the pipeline however many rows it has: few examples of many rows, always the same ones.
law = settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

amounts = st.one_of(
    st.integers(-(10**6), 10**9).map(lambda cents: Decimal(cents) / 100), st.integers(-(10**15), 10**17).map(lambda crumbs: Decimal(crumbs) / 10**12)
)
days = st.integers(0, 45).map(lambda number: (FIRST + timedelta(number)).isoformat())
OWNERS = [
    {"Tags": tags(workload="a")},
    {"Tags": tags(workload="b")},
    {"Tags": tags(pool="p")},
    {"Tags": tags(pool="q"), "CommitmentDiscountStatus": "Unused"},
    {"Tags": tags(pool="q")},
    {"Tags": tags(workload="b"), "ServiceName": "Azure OpenAI"},
    {"ServiceName": "by-cost"},
    {"ServiceName": "by-work"},
    {"ServiceName": "even"},
    {"ServiceName": "nobody's"},
]


@st.composite
def bill_lines(draw: st.DrawFn, currencies: Sequence[str] = ("USD", "EUR")) -> Row:
    day, amount = draw(days), draw(amounts)
    hour = draw(st.none() | st.integers(0, 22))
    columns: Row = {**draw(st.sampled_from(OWNERS)), "BillingCurrency": draw(st.sampled_from(currencies))}
    if hour is not None:
        columns["hours"] = (hour, hour + 1)
    else:
        columns["until"] = (date.fromisoformat(day) + timedelta(draw(st.sampled_from([1, 1, 2, 3, 31])))).isoformat()
    line = focus_line(day, amount, **columns)
    return line | {"EffectiveCost": draw(amounts) if draw(st.booleans()) else amount}


@st.composite
def usage_rows(draw: st.DrawFn) -> Row:
    time = f"{draw(days)}T{draw(st.integers(0, 23)):02}:15:00Z"
    where: Row = draw(
        st.sampled_from([{}, {"model": "gpt-4o-mini"}, {"pool": "p", "model": "llama"}, {"pool": "q", "model": "llama"}, {"project": "gateway"}])
    )
    return usage(time, draw(st.sampled_from(["a", "b", None])), draw(st.integers(0, 10**8)), **where)


@st.composite
def invoice_lines(draw: st.DrawFn) -> Row:
    start = draw(days)
    end = (date.fromisoformat(start) + timedelta(draw(st.sampled_from([1, 7, 31])))).isoformat()
    return invoice_line(start, end, str(draw(amounts)), sku=draw(st.sampled_from(["gpt-4o", "gpt-4o-mini", "tokens", "fee"])))


@dataclass(frozen=True)
class Month:
    """What a company's files hold."""

    bill: list[Row]
    invoices: list[Row]
    log: list[Row]


def months(bill: st.SearchStrategy[Row] | None = None) -> st.SearchStrategy[Month]:
    def some(row: st.SearchStrategy[Row]) -> st.SearchStrategy[list[Row]]:
        return st.lists(row, min_size=10, max_size=30)

    return st.builds(Month, some(bill_lines() if bill is None else bill), some(invoice_lines()), some(usage_rows()))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyCompany]:
    folder = tmp_path_factory.mktemp("laws")
    (folder / "bill").mkdir()
    among = {"by-cost": {"among": "all", "by": "cost"}, "by-work": {"among": "self_hosted", "by": "work"}, "even": {"among": "api", "by": "even"}}
    rules: list[dict[str, Any]] = [{"id": name, "match": [{"service": name}], "split": split} for name, split in among.items()]
    rules.append({"id": "gateway", "match": [{"project": "gateway"}], "split": {"by": "weights", "weights": {"a": 1, "b": 2}}})
    with tiny_company(
        folder,
        [
            {"id": "bill", "kind": "focus", "path": "bill/"},
            {"id": "openai", "kind": "invoice", "path": "openai.csv"},
            {"id": "log", "kind": "request_log", "path": "log.csv", "billed_by": "openai"},
            {"id": "fx", "kind": "fx_rates", "path": "fx.csv"},
        ],
        {
            "bill/one.csv": [focus_line("2026-05-01", 1)],
            "openai.csv": [invoice_line("2026-05-01", "2026-05-02", 1)],
            "log.csv": [usage("2026-05-01T00:00:00Z", "a", 1)],
            "fx.csv": [
                {"date": "2026-05-01", "base": "EUR", "quote": "USD", "rate": "1.0837"},
                {"date": "2026-06-01", "base": "EUR", "quote": "USD", "rate": "1.17"},
            ],
        },
        as_of="2026-07-31",
        workloads=[
            workload("a", match=[{"tag.workload": "a"}, {"sku": "fee"}]),
            workload("b", "hybrid", match=[{"tag.workload": "b"}]),
        ],
        pools=[pool("p"), pool("q", replicas=2, idle="owner:b")],
        rules=rules,
    ) as made:
        yield made


def deliver(company: TinyCompany, month: Month, names: tuple[str, str] = ("one", "two")) -> None:
    """The month's files, the bill in two parts of these names; allocated."""
    for file in (company.folder / "bill").iterdir():
        file.unlink()
    half = (len(month.bill) + 1) // 2
    for name, rows in zip(names, (month.bill[:half], month.bill[half:]), strict=True):
        if rows:
            company.deliver(f"bill/{name}.csv", rows)
    company.deliver("openai.csv", month.invoices or [invoice_line("2026-07-01", "2026-07-02", 0)])
    company.deliver("log.csv", month.log)
    company.allocate()


def cost(company: TinyCompany) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    """`cost_daily` less the rows of nothing at all: billed, effective and list cost by everything else."""
    rows = company.ask("SELECT * FROM marts.cost_daily WHERE billed_cost <> 0 OR effective_cost <> 0 OR list_cost <> 0")
    return {row[:-3]: row[-3:] for row in rows}


@law
@given(months())
def test_allocation_conserves_every_source_s_money(company: TinyCompany, month: Month) -> None:
    deliver(company, month)
    told: defaultdict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in month.bill:
        key = ("bill", str(row["BillingPeriodStart"])[:7], str(row["BillingCurrency"]))
        told[key] = [told[key][0] + Decimal(str(row["BilledCost"])), told[key][1] + Decimal(str(row["EffectiveCost"]))]
    for row in month.invoices:
        key = ("openai", str(row["start"])[:7], "USD")
        told[key] = [total + Decimal(str(row["amount"])) for total in told[key]]
    found = company.ask(
        "SELECT source_id, strftime(billing_period, '%Y-%m'), currency, sum(source_billed_cost), sum(source_effective_cost) FROM allocation.cost "
        "WHERE line_kind = 'bill' GROUP BY ALL"
    )
    assert {row[:3]: list(row[3:]) for row in found} == dict(told)


@law
@given(months(), st.randoms(use_true_random=False))
def test_order_of_rows_and_files_does_not_matter(company: TinyCompany, month: Month, chance: random.Random) -> None:
    deliver(company, month)
    before = cost(company)
    half = (len(month.bill) + 1) // 2
    parts = [chance.sample(rows, len(rows)) for rows in (month.bill[:half], month.bill[half:], month.invoices, month.log)]
    deliver(company, Month(parts[0] + parts[1], parts[2], parts[3]), names=("two", "one"))
    assert cost(company) == before


@law
@given(months())
def test_a_re_run_changes_nothing(company: TinyCompany, month: Month) -> None:
    deliver(company, month)
    before = cost(company)
    company.run.prepare()
    company.allocate()
    assert cost(company) == before
    assert sum(sync.reduced for sync in company.run.syncs) == 0


@law
@example(
    Month([focus_line("2026-05-01", 6, ServiceName="even")], [], [usage("2026-05-01T09:00:00Z", "a", 1000)]),
    [focus_line("2026-05-01", 0, **OWNERS[5])],
)
@given(months(), st.lists(bill_lines(), min_size=5, max_size=20))
def test_a_zero_cost_row_changes_nothing(company: TinyCompany, month: Month, zeros: list[Row]) -> None:
    deliver(company, month)
    before = cost(company)
    free = [row | {"BilledCost": 0, "EffectiveCost": 0} for row in zeros]
    half = (len(month.bill) + 1) // 2
    # the old rows stay in their files: a part of a line is rounded within its file
    parts = (free[:1] + month.bill[:half], month.bill[half:] + free[1:])
    company.deliver("bill/one.csv", parts[0])
    if parts[1]:
        company.deliver("bill/two.csv", parts[1])
    company.allocate()
    assert cost(company) == before


@law
@given(months(bill_lines(currencies=["USD"])))
def test_a_line_of_many_days_is_the_sum_of_its_days(company: TinyCompany, month: Month) -> None:
    deliver(company, month)
    before = cost(company)
    columns = "k.tags, k.service, k.commitment_status, d.billing_period, d.usage_date, d.first_hour, d.billed_cost, d.effective_cost, d.list_cost"
    found = company.ask(f"SELECT {columns} FROM allocation.bill_day d JOIN facts.billing_key k USING (key_id) WHERE d.source_id = 'bill'")
    daily = [
        focus_line(
            day.isoformat(),
            billed,
            **({} if hour is None else {"hours": (hour, hour + 1)}),
            **{"Tags": tagged, "ServiceName": service, "CommitmentDiscountStatus": status, "BillingPeriodStart": f"{period}T00:00:00Z"},
            **{"EffectiveCost": effective, "ListCost": listed},
        )
        for tagged, service, status, period, day, hour, billed, effective, listed in found
    ]
    deliver(company, Month(daily, month.invoices, month.log))
    after = cost(company)
    # parts are rounded line by line, so only crumbs may differ
    for key in before | after:
        for old, new in zip(before.get(key, (Decimal(0),) * 3), after.get(key, (Decimal(0),) * 3), strict=True):
            assert abs(old - new) < CRUMB, key
