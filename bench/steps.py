"""One measurement in a process of its own, so that its peak memory is its own: `python -m bench.steps STEP FOLDER ROWS`.

The product's steps are called where they live, in `pipelines`; the floor is DuckDB's one GROUP BY under the same settings and with the
product's own reader of numbers. The result is one line of JSON. Not here: how often a step is run and what is made of its result.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import genai_prices

from bench import data
from connectors.landing import LandedDelivery, land
from models.config import load_company
from models.contracts.raw import SHAPES
from pipelines import ingest
from pipelines.landing_view import landing_view_sql
from pipelines.run import open_run
from pipelines.warehouse import connect, one

_COMPANY = """
company: Bench
currency: USD
paths: {{state: var, finance: out/finance.duckdb, reports: out/reports}}
sources:
  - {{id: first, kind: {kind}, path: "{first}"{settings}}}
  - {{id: measured, kind: {kind}, path: "{file}"{settings}}}
workloads:
  - {{id: one, name: One of them, owner: bench, cost_center: CC-1, placement: api, match: [{{tag.workload: w1}}, {{workload: workload-1}}]}}
"""
_FLOORS = {
    "focus": """
        SELECT CAST("ChargePeriodStart" AS DATE) AS day, "ServiceName", "SubAccountId", "RegionId", "ChargeCategory", "BillingCurrency",
            count(*) AS row_count, sum("BilledCost") AS checksum, sum("EffectiveCost") AS effective_cost, sum("ListCost") AS list_cost,
            sum("ConsumedQuantity") AS consumed_quantity
        FROM ({rows}) GROUP BY ALL""",
    "request_log": """
        SELECT date_trunc('hour', "timestamp") AS hour, workload, model, count(*) AS row_count, sum(input_tokens) AS input_tokens,
            sum(cached_tokens) AS cached_tokens, sum(output_tokens) AS checksum
        FROM ({rows}) GROUP BY ALL""",
}
_FACTS = {"focus": ("facts.billing_line", "source_billed_cost"), "request_log": ("facts.usage_hourly", "output_tokens")}
FIRST_ROWS = 1000


@dataclass
class Measurement:
    """Seconds of wall and processor time. `checksum` is a sum over all rows (billed cost, output tokens), on which all steps must agree."""

    rows: int
    groups: int = 0
    checksum: str = ""
    seconds: float = 0.0
    processor_seconds: float = 0.0
    land_seconds: float = 0.0
    priced_seconds: float = 0.0
    peak_bytes: int = 0


class Stopwatch:
    """Seconds of wall and of processor time spent in `with watch.running():`, all threads included."""

    def __init__(self) -> None:
        self.seconds = self.processor_seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start, processor_start = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - start
        self.processor_seconds += time.process_time() - processor_start


def floor(kind: str, first: Path, file: Path) -> Measurement:
    """DuckDB's one GROUP BY over the file into a table on disk: numbers read as the product reads them, text as it stands.

    `first` is a small file that is read before the clock starts, so that what a process loads once isn't counted.
    """
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(dir=file.parent) as folder, closing(connect(Path(folder) / "floor.duckdb", Path(folder))) as con:
        physical = {str(row[0]): str(row[1]) for row in con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()}

        def group(read: Path, table: str) -> None:
            rows = landing_view_sql(SHAPES[kind], [read], physical, where=read.name, columns={}, constants={}, timezone="UTC", plain=physical)
            con.execute(f"CREATE TABLE {table} AS {_FLOORS[kind].format(rows=rows)}")

        group(first, "first")
        with watch.running():
            group(file, "floor")
        return _measured(con, "floor", "checksum", watch)


def product(kind: str, first: Path, file: Path) -> Measurement:
    """Stage, validate and reduce one file as a run does, after a small `first` one. Landing is timed apart; so is pricing and allocating."""
    all_of_it, landing, pricing = Stopwatch(), Stopwatch(), Stopwatch()

    def timed_land(*given: Any) -> LandedDelivery:
        with landing.running():
            return land(*given)

    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        configuration = Path(folder) / "crossover.yaml"
        settings = ", input_includes_cache: true" if kind == "request_log" else ""
        configuration.write_text(_COMPANY.format(kind=kind, first=first.resolve(), file=file.resolve(), settings=settings))
        company = load_company(configuration)
        with open_run(company, date.fromisoformat(f"{data.MONTH}-31")) as run:
            run.prepare()
            run.sync(company.sources[0])
            with mock.patch.object(ingest, "land", timed_land), all_of_it.running():
                synced = run.sync(company.sources[1])
            if synced.refused:
                raise SystemExit("\n".join(synced.refused))
            all_of_it.seconds -= landing.seconds
            all_of_it.processor_seconds -= landing.processor_seconds
            table, checksum = _FACTS[kind]
            result = _measured(run.con, f"(FROM {table} WHERE source_id = 'measured')", checksum, all_of_it)
            with pricing.running():
                run.settle_as_of()
                run.cost_people()
                for _ in run.build("allocation"):
                    pass
    result.land_seconds, result.priced_seconds = landing.seconds, pricing.seconds
    return result


def genai(file: Path, sample_rows: int) -> Measurement:
    """genai_prices.calc_price, a call per request, on the log's first rows."""
    with duckdb.connect() as con:
        sample = con.execute(
            'SELECT "timestamp", provider, model, input_tokens, cached_tokens, output_tokens FROM read_parquet(?) LIMIT ?', [str(file), sample_rows]
        ).fetchall()
    requests = [(at.replace(tzinfo=UTC), provider, model, int(i), int(c), int(o)) for at, provider, model, i, c, o in sample]
    watch, total = Stopwatch(), 0
    for at, provider, model, *_ in requests[:100]:  # what is computed once a model is not counted against it
        genai_prices.calc_price(genai_prices.Usage(), model, provider_id=provider, genai_request_timestamp=at)
    with watch.running():
        for at, provider, model, input_tokens, cached_tokens, output_tokens in requests:
            usage = genai_prices.Usage(input_tokens=input_tokens, cache_read_tokens=cached_tokens, output_tokens=output_tokens)
            genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
            total += output_tokens
    return Measurement(len(requests), len(requests), str(total), watch.seconds, watch.processor_seconds, peak_bytes=peak_bytes())


def peak_bytes() -> int:
    """The largest resident size of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _measured(con: duckdb.DuckDBPyConnection, table: str, checksum: str, watch: Stopwatch) -> Measurement:
    row = one(con, f"SELECT CAST(sum(row_count) AS BIGINT), count(*), CAST(sum({checksum}) AS VARCHAR) FROM {table}")
    assert row is not None
    return Measurement(row[0], row[1], row[2], watch.seconds, watch.processor_seconds, peak_bytes=peak_bytes())


def main() -> None:
    """Run one step and write its measurement as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=("make", "floor", "product", "genai"))
    parser.add_argument("file", choices=tuple(data.FILES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--sample", type=int, default=0)
    asked = parser.parse_args()
    first, file = (data.FILES[asked.file](asked.folder, rows) for rows in (FIRST_ROWS, asked.rows))
    kind = "request_log" if asked.file == "requests" else "focus"
    result = Measurement(asked.rows)
    if asked.step == "floor":
        result = floor(kind, first, file)
    elif asked.step == "product":
        result = product(kind, first, file)
    elif asked.step == "genai":
        result = genai(file, asked.sample)
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main()
