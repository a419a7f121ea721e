"""A company small enough to check by hand: two months, one cloud bill, one API invoice in euros, two logs, six people.

Per month: the pool `llama` costs 10 days x 24 USD, its cluster's support 1 USD, chat's database 100 USD, nobody's bucket 10 USD, tax 20 USD, a
credit of -5 USD: 366 USD billed and effective. The API invoice is 100 EUR: 110 USD in May, 120 USD in June. Each of six engineers gives
half of the time at 240,000 USD a year: 10,000 USD a month each. Here too: the real command line, run on it in this process.
"""

from __future__ import annotations

import csv
import json
import sys
from calendar import monthrange
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from pipelines.cli import main

MONTHS = (date(2026, 5, 1), date(2026, 6, 1))
CLOUD_MONTHLY = 366
GPU_DAYS = range(1, 11)

CONFIGURATION = """\
company: Small
currency: USD
paths: {state: var, finance: out/finance.duckdb, reports: out/reports}
privacy: {min_people: 5}
sources:
  - {id: cloud, kind: focus, path: billing/}
  - {id: api-invoice, kind: invoice, path: invoices.csv}
  - id: api-log
    kind: request_log
    path: logs/api-*.csv
    grain: hour
    billed_by: api-invoice
  - {id: pool-log, kind: request_log, path: logs/pool.csv, grain: hour}
  - {id: people, kind: people, path: people.csv}
  - {id: fx, kind: fx_rates, path: fx.csv}
workloads:
  - id: chat
    name: Chat
    owner: cx
    cost_center: CC-1
    placement: api
    match: [{tag.workload: chat}]
    candidates:
      self_host: {model: llama-3.1-8b, profile: h100-8b, gpu_price: one, quality: {score: 0.97, evidence: eval-1}}
      api: [{provider: openai, model: gpt-4o, quality: {score: 1.0, evidence: incumbent}}]
    questions: {frontier_required: false, data_must_stay: false, engineering_capability: true, fine_tuning_required: false, planned_life_months: 36}
    migration: {cost: 1000, months: 1}
  - id: search
    name: Search
    owner: web
    cost_center: CC-2
    placement: self_host
    match: [{tag.workload: search}]
    candidates:
      self_host: {model: llama-3.1-8b, profile: h100-8b, gpu_price: one, quality: {score: 0.97, evidence: eval-1}}
      api: [{provider: openai, model: gpt-4o, quality: {score: 1.0, evidence: incumbent}}]
    questions: {frontier_required: false, data_must_stay: false, engineering_capability: true, fine_tuning_required: false, planned_life_months: 36}
    migration: {cost: 1000, months: 1}
pools:
  - {id: llama, model: llama-3.1-8b, profile: h100-8b, replicas: 1, match: [{tag.pool: llama}]}
assumptions:
  gpu_prices: [{id: one, gpu: H100, price_per_gpu_hour: 1, gpus_per_instance: 1}]
  profiles:
    - id: h100-8b
      model: llama-3.1-8b
      gpu: H100
      gpus_per_replica: 1
      prefill_tokens_per_second: 2000
      decode_tokens_per_second: 1000
      context_seconds: 0
  prices: [{provider: openai, model: gpt-4o, input: 2, output: 10, valid_from: 2024-08-06}]
"""

BILL_COLUMNS = (
    *("BilledCost", "EffectiveCost", "ListCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeDescription", "ConsumedQuantity", "ConsumedUnit", "ProviderName", "ServiceName", "ResourceId", "Tags"),
)
USAGE_COLUMNS = ("timestamp", "provider", "model", "workload", "pool", "requests", "input_tokens", "output_tokens")
INVOICE_COLUMNS = ("invoice_id", "provider", "invoice_date", "start", "end", "sku", "amount", "currency")
PEOPLE_COLUMNS = ("person_id", "role", "target", "activity", "start", "end", "allocation_pct", "annual_loaded", "currency")

Row = dict[str, object]


def write_company(folder: Path, months: tuple[date, ...] = MONTHS) -> Path:
    """Write the company's configuration and files below `folder`; returns the configuration's path."""
    for month in months:
        write_rows(folder / bill_name(month), bill_rows(month))
        write_rows(folder / api_log_name(month), usage_rows(month))
    write_rows(
        folder / "logs/pool.csv",
        [row for month in months for row in usage_rows(month, provider="", model="llama-3.1-8b", workload="search", pool="llama")],
    )
    write_rows(folder / "invoices.csv", [invoice_row(month) for month in months])
    write_rows(folder / "people.csv", people_rows())
    write_rows(
        folder / "fx.csv",
        [{"date": month, "base": "EUR", "quote": "USD", "rate": rate} for month, rate in zip(MONTHS, ("1.10", "1.20"), strict=True)],
    )
    configuration = folder / "crossover.yaml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    return configuration


def bill_name(month: date) -> str:
    return f"billing/{month:%Y-%m}.csv"


def api_log_name(month: date) -> str:
    return f"logs/api-{month:%Y-%m}.csv"


def bill_rows(month: date) -> list[Row]:
    """Fifteen lines of one day each: the pool's ten days, then support, database, bucket, tax, credit."""
    gpu = [bill_row(month.replace(day=day), 24, ResourceId="i-gpu", Tags='{"pool": "llama"}', ServiceName="GPU Compute") for day in GPU_DAYS]
    return [
        *gpu,
        bill_row(month, 1, Tags='{"workload": "search"}', ServiceName="Support"),
        bill_row(month, 100, Tags='{"workload": "chat"}', ServiceName="Database"),
        bill_row(month, 10, ServiceName="Bucket"),
        bill_row(month, 20, ChargeCategory="Tax", ServiceName="Tax"),
        bill_row(month, -5, ChargeCategory="Credit", ServiceName="Credit"),
    ]


def bill_row(day: date, cost: object, **changes: object) -> Row:
    """A FOCUS line of one day that is billed, effective and listed at `cost`."""
    first = day.replace(day=1)
    row: Row = dict.fromkeys(BILL_COLUMNS, "")
    row |= {"BilledCost": cost, "EffectiveCost": cost, "ListCost": cost, "BillingCurrency": "USD", "ChargeCategory": "Usage"}
    row |= {"BillingPeriodStart": f"{first}T00:00:00Z", "BillingPeriodEnd": f"{following_month(first)}T00:00:00Z"}
    row |= {"ChargePeriodStart": f"{day}T00:00:00Z", "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z"}
    return row | {"ProviderName": "Cloud One", "ChargeDescription": changes.get("ServiceName", "")} | changes


def usage_rows(month: date, scale: int = 1, **changes: object) -> list[Row]:
    """A hundred hours: ten of each of the month's first ten days, 100 requests of 1,000 tokens in and 100 out each."""
    return [usage_row(f"{month.replace(day=day)}T{hour:02}:00:00Z", scale, **changes) for day in GPU_DAYS for hour in range(8, 18)]


def usage_row(timestamp: str, scale: int = 1, **changes: object) -> Row:
    row: Row = {"timestamp": timestamp, "provider": "openai", "model": "gpt-4o", "workload": "chat", "pool": ""}
    return row | {"requests": 100 * scale, "input_tokens": 100_000 * scale, "output_tokens": 10_000 * scale} | changes


def invoice_row(month: date, **changes: object) -> Row:
    following = following_month(month)
    row: Row = {"invoice_id": f"INV-{month:%m}", "provider": "openai", "invoice_date": following, "sku": "gpt-4o", "amount": 100, "currency": "EUR"}
    return row | {"start": f"{month}T00:00:00Z", "end": f"{following}T00:00:00Z"} | changes


def people_rows() -> list[Row]:
    """Two engineers of chat, three of the pool, one of the platform; half of the time each."""
    targets = ("workload:chat", "workload:chat", "pool:llama", "pool:llama", "pool:llama", "platform")
    return [person_row(f"person-{number}", target) for number, target in enumerate(targets, 1)]


def person_row(person_id: str, target: str, **changes: object) -> Row:
    row: Row = {"person_id": person_id, "role": "ml_engineer", "target": target, "activity": "operations", "start": "2026-05-01", "end": "2026-06-30"}
    return row | {"allocation_pct": 50, "annual_loaded": 240_000, "currency": "USD"} | changes


def write_rows(file: Path, rows: list[Row], columns: tuple[str, ...] | None = None) -> None:
    """Write a CSV; its columns are those of the first row unless given."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, columns or tuple(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def following_month(month: date) -> date:
    return month + timedelta(days=monthrange(month.year, month.month)[1])


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document that --json promises."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def source(self, name: str) -> dict[str, Any]:
        """What the document says of a source."""
        found: dict[str, Any] = next(source for source in self.document["sources"] if source["source"] == name)
        return found


@dataclass(frozen=True)
class Place:
    """A company's folder, with what it has published."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "crossover.yaml"

    @property
    def finance(self) -> Path:
        return self.folder / "out/finance.duckdb"

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the published file."""
        with duckdb.connect(str(self.finance), read_only=True) as con:
            return con.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, *parameters: object) -> Any:
        """The only value of a query on the published file."""
        ((found,),) = self.query(sql, *parameters)
        return found

    def cost(self, condition: str) -> Decimal:
        """Effective cost of cost_daily under a condition; a sum of nothing is 0."""
        found: Decimal = self.value(f"SELECT coalesce(sum(effective_cost), 0) FROM cost_daily WHERE {condition}")
        return found

    def edit(self, old: str, new: str) -> None:
        """Replace a text that stands once in the configuration."""
        text = self.configuration.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.configuration.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *arguments: object) -> Outcome:
        """`crossover run --json` on this company."""
        return crossover("run", "--json", "--config", self.configuration, *arguments)

    def rows(self, table: str, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a published table in order, less some columns."""
        kept = f" EXCLUDE ({', '.join(without)})" if without else ""
        return self.query(f"SELECT *{kept} FROM {table} ORDER BY ALL")


def crossover(*arguments: object) -> Outcome:
    """The console script with the given arguments. Only --debug may show a traceback.

    What only the web interface shows (Dagster's log on disk, column lineage) takes longer than all else of a small run: left out.
    """
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["crossover", *map(str, arguments)])
        patch.setattr(dg.DagsterInstance, "from_config", lambda _: dg.DagsterInstance.ephemeral())
        patch.setattr("pipelines.assets.column_lineage", lambda *_: {})
        with pytest.raises(SystemExit) as exit_:
            main()
    if "--debug" not in arguments:
        assert "Traceback" not in out.getvalue() + err.getvalue()
    return Outcome(int(exit_.value.code or 0), out.getvalue(), err.getvalue())
