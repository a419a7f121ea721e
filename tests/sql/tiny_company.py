"""A company of a few rows: its files written, its sources synced and its money allocated, without Dagster and without decisions.

Here: how rows become files and a run up to the marts. Not here: any expectation.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from models.config import load_company
from pipelines import sql_models
from pipelines.run import Run, open_run, sources_in_order

ONE_GPU = {
    "id": "one-gpu",
    "model": "llama",
    "gpu": "H100",
    "gpus_per_replica": 1,
    "prefill_tokens_per_second": 1000,
    "decode_tokens_per_second": 1000,
    "context_seconds": 0,
}
"""1,000 tokens are one replica-second, so that work can be counted by hand."""

TWO_GPUS = ONE_GPU | {"id": "two-gpus", "gpus_per_replica": 2}

PRICES = [
    {"provider": "openai", "model": "gpt-4o", "input": "2.50", "output": "10.00", "valid_from": "2024-01-01"},
    {"provider": "openai", "model": "gpt-4o-mini", "input": "0.15", "output": "0.60", "valid_from": "2024-01-01"},
]


def focus_line(day: str, amount: str | int | Decimal, **columns: object) -> dict[str, object]:
    """One FOCUS row of a whole day, or of `hours` = (first, last) of it, or up to `until` (exclusive); any column can be given."""
    first, last = columns.pop("hours", (0, 24))  # type: ignore[misc]
    end = columns.pop("until", None) or (day if last < 24 else _next(day))
    return {
        "BilledCost": amount,
        "EffectiveCost": amount,
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{day[:7]}-01T00:00:00Z",
        "ChargePeriodStart": f"{day}T{first:02}:00:00Z",
        "ChargePeriodEnd": f"{end}T{last % 24:02}:00:00Z",
        "ChargeCategory": "Usage",
        "ProviderName": "Cloud One",
        **columns,
    }


def usage(time: str, workload: str | None, tokens: int, **columns: object) -> dict[str, object]:
    """One usage row of `tokens` uncached input tokens of gpt-4o; on a pool where `pool` is given."""
    return {"timestamp": time, "workload": workload, "provider": "openai", "model": "gpt-4o", "input_tokens": tokens, "output_tokens": 0, **columns}


def invoice_line(start: str, end: str, amount: str | int, **columns: object) -> dict[str, object]:
    """One invoice row of openai from `start` to `end` (exclusive)."""
    return {"invoice_id": "INV", "provider": "openai", "start": start, "end": end, "amount": amount, "currency": "USD", **columns}


def workload(name: str, placement: str = "api", **keys: object) -> dict[str, object]:
    return {"id": name, "placement": placement, **keys}


def pool(name: str, **keys: object) -> dict[str, object]:
    """A pool of one replica, paid for by what is tagged with its name."""
    return {"id": name, "model": "llama", "profile": "one-gpu", "replicas": 1, "match": [{"tag.pool": name}], **keys}


def tags(**values: str) -> str:
    return json.dumps(values)


def _next(day: str) -> str:
    return date.fromordinal(date.fromisoformat(day).toordinal() + 1).isoformat()


@dataclass(repr=False)
class TinyCompany:
    """A company whose warehouse is open."""

    folder: Path
    run: Run

    def deliver(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write `rows` as the CSV file `name`, in place of what it held."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)

    def allocate(self) -> None:
        """Sync every source, cost people, and build every table up to the marts. Refusals and broken invariants are errors."""
        self.run.syncs.clear()
        for source in sources_in_order(self.run.company):
            self.run.sync(source)
        assert not self.run.refusals
        self.run.settle_as_of()
        self.run.cost_people()
        for stage in ("allocation", "marts"):
            for _ in self.run.build(stage):
                pass
        broken = {model.name: self.ask(model.text) for model in sql_models.stage("checks")}
        assert not any(broken.values()), broken

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.run.con.execute(sql).fetchall()

    def effective(self, where: str, by: str = "workload_id") -> dict[Any, Decimal]:
        """Effective cost of `cost_daily` by one column (or several, as tuples)."""
        rows = self.ask(f"SELECT {by}, sum(effective_cost) FROM marts.cost_daily WHERE {where} GROUP BY ALL ORDER BY ALL")
        return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in rows}

    def findings(self) -> dict[tuple[str, str], int]:
        """Rows by check and subject of `data_quality`."""
        return {(name, subject): rows for name, subject, rows in self.ask("SELECT check_name, subject, rows FROM marts.data_quality")}


@contextmanager
def tiny_company(
    folder: Path,
    sources: Sequence[Mapping[str, object]],
    files: Mapping[str, Sequence[Mapping[str, object]]],
    as_of: str | None = None,
    **configuration: Any,
) -> Iterator[TinyCompany]:
    """The company of these sources, files and keys of `crossover.yaml`, allocated."""
    assumptions = {"profiles": [ONE_GPU, TWO_GPUS], "prices": PRICES, **configuration.pop("assumptions", {})}
    text = json.dumps({"company": "Tiny", "currency": "USD", "sources": sources, "assumptions": assumptions, **configuration})
    (folder / "crossover.yaml").write_text(text, encoding="utf-8")
    with open_run(load_company(folder / "crossover.yaml"), date.fromisoformat(as_of) if as_of else None) as run:
        company = TinyCompany(folder, run)
        for name, rows in files.items():
            company.deliver(name, rows)
        run.prepare()
        company.allocate()
        yield company
