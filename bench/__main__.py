"""`make bench`: what stage, validate and reduce cost, as ratios to DuckDB's own one GROUP BY within one run, and peak memory.

Floor and product are run in turn, each in a process of its own; the table shows medians. Only ratios mean anything from one machine to
another. Not here: what is measured (`bench.steps`) and on which files (`bench.data`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from models.economics.portfolio.optimum import GAP

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
STEP_SECONDS_MAX = 1800
GENAI_SAMPLE = 5000
DECIDED_WORKLOADS = 1000
LARGE_ROWS = 20_000_000
FLOOR_KEYS = {
    "focus": "charge day, service, sub-account, region, charge category, currency: exact DECIMAL(38,12) sums of billed, effective and list cost "
    "and of the consumed quantity",
    "requests": "hour, workload, model: sums of input, cached and output tokens",
}
TITLES = {"focus": "a month's bill in FOCUS (Parquet, 39 columns)", "requests": "a month's request log (Parquet)"}
_HEAD = """# Benchmarks

Printed by `make bench`; `python -m bench --write` keeps a run here. What is measured is stage + validate + reduce by the functions that a
run itself calls, with all the columns that matching needs, beside the least that DuckDB needs for the same files: one GROUP BY under the
same settings, each step in a process of its own that has read a small file before, in turn. Seconds are one machine's; ratios within a
run are what may be compared.
"""


@dataclass(frozen=True)
class Step:
    """The median of a step's runs; `peak_bytes` is the largest."""

    rows: int
    groups: int
    seconds: float
    processor_seconds: float
    land_seconds: float
    priced_seconds: float
    peak_bytes: int

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


def main() -> None:
    """Make the files once, measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Rows per second and peak memory beside DuckDB's own GROUP BY.")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "crossover-bench", help="folder of the generated files")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the bill; the request log has twice as many")
    parser.add_argument("--runs", type=int, default=3, help="runs of each step")
    parser.add_argument("--csv", action="store_true", help="also ingest a gzipped CSV of a fifth of the bill's rows")
    parser.add_argument("--large", action="store_true", help="also ingest a period of 20 million rows and a gzipped CSV of 5 GB, for their memory")
    parser.add_argument("--write", action="store_true", help=f"keep the report in docs/{DOCUMENT.name}")
    asked = parser.parse_args()
    if asked.rows < GENAI_SAMPLE or asked.runs < 1:
        parser.error(f"at least {GENAI_SAMPLE} rows and one run")
    sections = [_HEAD, _circumstances()]
    for section in (_bill, _usage, *((_csv,) if asked.csv else ()), *((_large,) if asked.large else ())):
        sections.append(section(asked.data, asked.rows, asked.runs))
    sections.append(_portfolio())
    sections.append(_decide(asked.data / "decide"))
    report = "\n".join(sections)
    sys.stdout.write(report)
    if asked.write:
        DOCUMENT.write_text(report, encoding="utf-8")


def _bill(folder: Path, rows: int, runs: int) -> str:
    floor, product = _in_turn("focus", folder, rows, runs)
    return _section("focus", [("DuckDB's one GROUP BY (floor)", floor, "1.0"), _beside(product, floor)], product)


def _usage(folder: Path, rows: int, runs: int) -> str:
    floor, product = _in_turn("requests", folder, 2 * rows, runs)
    genai = _median([_run("genai", "requests", folder, 2 * rows) for _ in range(runs)])
    with_prices = product.rows / (product.seconds + product.priced_seconds)
    text = _section(
        "requests",
        [
            ("DuckDB's one GROUP BY (floor)", floor, "1.0"),
            _beside(product, floor),
            (f"genai_prices, row by row (sample of {GENAI_SAMPLE:,})", genai, ""),
        ],
        product,
    )
    return text + (
        f"\nStage + validate + reduce go through **{product.rows_per_second / genai.rows_per_second:,.0f} times** genai_prices' rows per second; "
        f"with their facts priced and allocated ({product.priced_seconds:.1f} s) {with_prices / genai.rows_per_second:,.0f} times.\n"
    )


def _csv(folder: Path, rows: int, runs: int) -> str:
    product = _median([_run("product", "focus-csv", folder, rows // 5) for _ in range(runs)])
    return (
        f"\n## The bill as a gzipped CSV, {product.rows:,} rows\n\n"
        f"Landing, which decodes it to Parquet, takes {product.land_seconds:.1f} s, stage + validate + reduce {product.seconds:.1f} s; "
        f"peak memory of both {_megabytes(product.peak_bytes)}.\n"
    )


def _large(folder: Path, rows: int, runs: int) -> str:
    """Memory is what counts here, so one run of each is enough."""
    period = _median([_run("product", "focus-period", folder, LARGE_ROWS)])
    text = _median([_run("product", "focus-large-csv", folder, LARGE_ROWS)])
    lines = [
        f"| {title} | {step.rows:,} | {step.land_seconds:.0f} | {step.seconds:.0f} | {_megabytes(step.peak_bytes)} |"
        for title, step in (("a period of Parquet chunks", period), ("one CSV.gz of 5 GB", text))
    ]
    head = "| delivery | rows | landing, seconds | stage + validate + reduce, seconds | peak memory |\n|---|--:|--:|--:|--:|"
    return f"\n## Large deliveries\n\n{head}\n" + "\n".join(lines) + "\n"


def _decide(folder: Path) -> str:
    sys.stderr.write(f"decide ({DECIDED_WORKLOADS:,} workloads)\n")
    command = [sys.executable, "-m", "bench.decide", str(DECIDED_WORKLOADS), str(folder)]
    subprocess.run([*command, "--make"], check=True, timeout=STEP_SECONDS_MAX)
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=STEP_SECONDS_MAX, text=True).stdout)
    took = f"{found['seconds']:.1f} s ({found['processor_seconds']:.1f} s of processor time), peak memory {_megabytes(found['peak_bytes'])}"
    return (
        f"\n## Deciding {found['workloads']:,} workloads, a year of hourly demand ({found['rows']:,} rows)\n\n{took}: every month's sides, curve and "
        "odds, every quarter's recommendation and scenarios, the open quarters' sensitivity.\n"
    )


def _portfolio() -> str:
    lines = [
        "\n## The portfolio's optimum: 500 workloads, 12 pools, the 2,190 hours of a quarter\n",
        f"Two pools at a time; asked for a gap of {GAP:.1%}. The gap is proven over all hours.\n",
        "| each one's quota | bursts to APIs | seconds | processor seconds | proven gap | peak memory |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for quantile, splits in ((1.0, False), (1.0, True), (0.99, False), (0.99, True)):
        sys.stderr.write(f"portfolio (quantile {quantile}{', splits' if splits else ''})\n")
        command = [sys.executable, "-m", "bench.portfolio", "--quantile", str(quantile), *(["--splits"] if splits else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=STEP_SECONDS_MAX, text=True)
        solved = json.loads(done.stdout)
        hour = "the peak hour" if quantile == 1 else f"the {quantile:.0%} hour"
        lines.append(
            f"| {hour} | {'allowed' if splits else 'none'} | {solved['seconds']:.1f} | {solved['processor_seconds']:.1f} | {solved['gap']:.2%} "
            f"| {_megabytes(solved['peak_bytes'])} |"
        )
    return "\n".join([*lines, ""])


def _in_turn(file: str, folder: Path, rows: int, runs: int) -> tuple[Step, Step]:
    _run("make", file, folder, rows)
    found = [(_run("floor", file, folder, rows), _run("product", file, folder, rows)) for _ in range(runs)]
    floors, products = [run[0] for run in found], [run[1] for run in found]
    sums = {(str(run["rows"]), str(run["checksum"])) for run in (*floors, *products)}
    if len(sums) != 1:
        raise SystemExit(f"floor and product disagree on {file}, so neither is worth measuring: (rows, sum) {sorted(sums)}")
    return _median(floors), _median(products)


def _run(step: str, file: str, folder: Path, rows: int) -> dict[str, float]:
    """One step in a fresh interpreter. This one stays small: Linux counts the memory of a process that forked into its child's peak."""
    sys.stderr.write(f"{step} {file} ({rows:,} rows)\n")
    command = [sys.executable, "-m", "bench.steps", step, file, str(folder), str(rows), "--sample", str(GENAI_SAMPLE)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=STEP_SECONDS_MAX, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _median(runs: list[dict[str, float]]) -> Step:
    def of(name: str, choose: Callable[[list[float]], float] = statistics.median) -> float:
        return choose([run[name] for run in runs])

    return Step(
        int(of("rows")),
        int(of("groups")),
        of("seconds"),
        of("processor_seconds"),
        of("land_seconds"),
        of("priced_seconds"),
        int(of("peak_bytes", max)),
    )


def _beside(product: Step, floor: Step) -> tuple[str, Step, str]:
    return "stage + validate + reduce", product, f"**{product.seconds / floor.seconds:.1f}**"


def _section(file: str, steps: list[tuple[str, Step, str]], product: Step) -> str:
    lines = [
        f"\n## {TITLES[file][0].upper()}{TITLES[file][1:]}, {product.rows:,} rows\n",
        f"Floor's key: {FLOOR_KEYS[file]}.\n",
        "| step | rows/s | seconds | times floor | processor seconds | groups | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {title} | {step.rows_per_second:,.0f} | {step.seconds:.2f} | {ratio} | {step.processor_seconds:.2f} | {step.groups:,} "
        f"| {_megabytes(step.peak_bytes)} |"
        for title, step, ratio in steps
    ]
    return "\n".join([*lines, f"\nLanding it (copy and hash) is not in this: {product.land_seconds:.1f} s.\n"])


def _circumstances() -> str:
    memory_limit = os.environ.get("CROSSOVER_MEMORY_LIMIT", "1500MB, the default")
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pandera", "genai-prices"))
    return (
        f"DuckDB's memory limit {memory_limit}; two threads of {os.cpu_count()} cores ({platform.machine()}); "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"


if __name__ == "__main__":
    main()
