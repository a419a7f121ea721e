"""What gateways, pools and applications logged: demand curves turned into rows, each log in the shape its system writes. No money.

`usage_of` makes the hours of one stream; `write_logs` writes them all and hands back the sums of what it wrote.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.sample_company.months import add_months, last_day, name_of
from pipelines.sample_company.story import STREAMS, Stream
from pipelines.sample_company.writers import write_csv, write_ndjson

LOCAL = ZoneInfo("Europe/Berlin")  # the search log writes local time without an offset, as many applications do


@dataclass(frozen=True)
class Tokens:
    """Requests and disjoint token buckets."""

    requests: int = 0
    input_uncached_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Tokens)))

    @property
    def input_tokens(self) -> int:
        """All input, cached or not: what OpenAI, Google and vLLM count as input."""
        return self.input_uncached_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True)
class Usage:
    """One hour of one stream; `hour` is UTC."""

    stream: Stream
    hour: datetime
    tokens: Tokens


def generator(seed: int, part: str) -> np.random.Generator:
    """The part's own random numbers: what other parts draw does not change them."""
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def usage_of(stream: Stream, months: Sequence[date], seed: int) -> tuple[Usage, ...]:
    """The stream's hours with requests, oldest first. Only uniform numbers are drawn and rounded, which every platform does alike."""
    traffic = stream.traffic
    random = generator(seed, f"{stream.source}/{stream.workload}/{sorted(stream.labels.items())}")
    end = last_day(months[-1])
    first = end - timedelta(days=stream.last_days - 1) if stream.last_days else months[stream.first_month]
    day_count = (end - first).days + 1
    noise = random.uniform(-traffic.spread, traffic.spread, (day_count, 24))
    size = random.uniform(-0.02, 0.02, (day_count, 24, 2))
    rows = []
    for day_number in range(day_count):
        day = first + timedelta(days=day_number)
        level = traffic.start_level + (1 - traffic.start_level) * day_number / (day_count - 1)
        level *= traffic.weekend_share if day.weekday() >= 5 else 1.0
        for hour in range(24):
            share = 1.0 if traffic.busy_from_hour <= hour < traffic.busy_to_hour else traffic.quiet_share
            requests = round(traffic.peak_requests_per_hour * level * share * (1 + noise[day_number, hour]))
            if requests == 0:
                continue
            input_tokens = round(requests * traffic.input_tokens * (1 + size[day_number, hour, 0]))
            cached, written = int(input_tokens * traffic.cached_share), int(input_tokens * traffic.cache_write_share)
            tokens = Tokens(
                requests=requests,
                input_uncached_tokens=input_tokens - cached - written,
                cache_read_tokens=cached,
                cache_write_tokens=written,
                output_tokens=round(requests * traffic.output_tokens * (1 + size[day_number, hour, 1])),
            )
            rows.append(Usage(stream, datetime(day.year, day.month, day.day, hour, tzinfo=UTC), tokens))
    return tuple(rows)


def _by_month(usage: Iterable[Usage], months: Sequence[date]) -> dict[date, list[Usage]]:
    grouped: dict[date, list[Usage]] = {month: [] for month in months}
    for row in usage:
        grouped[row.hour.date().replace(day=1)].append(row)
    return grouped


def _stamp(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H:%M:%SZ}"


def _write_openai(directory: Path, month: date, usage: Sequence[Usage]) -> None:
    """Input includes what came from the cache."""
    columns = ("hour", "project_id", "model", "num_requests", "input_tokens", "input_cached_tokens", "output_tokens")
    rows = [
        {
            "hour": _stamp(row.hour),
            "project_id": row.stream.labels["project_id"],
            "model": row.stream.labels["model"],
            "num_requests": row.tokens.requests,
            "input_tokens": row.tokens.input_tokens,
            "input_cached_tokens": row.tokens.cache_read_tokens,
            "output_tokens": row.tokens.output_tokens,
        }
        for row in usage
    ]
    write_csv(directory / "logs" / f"openai-{name_of(month)}.csv", columns, rows)


def _write_anthropic(directory: Path, month: date, usage: Sequence[Usage], renamed_on: date) -> None:
    """Input excludes what came from the cache; the code assistant still has its former name in the first months."""
    columns = (
        "hour",
        "workload",
        "environment",
        "model",
        "requests",
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens",
    )
    rows = []
    for row in usage:
        labels = row.stream.labels
        rows.append(
            {
                "hour": _stamp(row.hour),
                "workload": labels.get("former", labels["workload"]) if row.hour.date() < renamed_on else labels["workload"],
                "environment": "prod",
                "model": labels["model"],
                "requests": row.tokens.requests,
                "input_tokens": row.tokens.input_uncached_tokens,
                "cache_read_input_tokens": row.tokens.cache_read_tokens,
                "cache_creation_input_tokens": row.tokens.cache_write_tokens,
                "output_tokens": row.tokens.output_tokens,
            }
        )
    write_csv(directory / "logs" / f"anthropic-{name_of(month)}.csv", columns, rows)


def _write_google(directory: Path, month: date, usage: Sequence[Usage]) -> None:
    columns = ("hour", "key", "model", "requests", "prompt_tokens", "cached_content_tokens", "candidate_tokens")
    rows = [
        {
            "hour": _stamp(row.hour),
            "key": row.stream.labels["key"],
            "model": row.stream.labels["model"],
            "requests": row.tokens.requests,
            "prompt_tokens": row.tokens.input_tokens,
            "cached_content_tokens": row.tokens.cache_read_tokens,
            "candidate_tokens": row.tokens.output_tokens,
        }
        for row in usage
    ]
    write_csv(directory / "logs" / f"google-{name_of(month)}.csv", columns, rows)


def _write_pools(directory: Path, month: date, usage: Sequence[Usage]) -> None:
    columns = ("hour", "workload", "pool", "model", "requests", "input_tokens", "output_tokens")
    rows = [
        {
            "hour": _stamp(row.hour),
            **row.stream.labels,
            "requests": row.tokens.requests,
            "input_tokens": row.tokens.input_tokens,
            "output_tokens": row.tokens.output_tokens,
        }
        for row in usage
    ]
    write_csv(directory / "logs" / f"pools-{name_of(month)}.csv", columns, rows)


def _write_summaries(directory: Path, usage: Sequence[Usage]) -> None:
    """The nightly export of one application: one row a day."""
    days: dict[date, Tokens] = {}
    for row in usage:
        days[row.hour.date()] = days.get(row.hour.date(), Tokens()) + row.tokens
    columns = ("day", "requests", "input_tokens", "output_tokens")
    rows = [
        {"day": day.isoformat(), "requests": tokens.requests, "input_tokens": tokens.input_tokens, "output_tokens": tokens.output_tokens}
        for day, tokens in days.items()
    ]
    write_csv(directory / "logs" / "policy-summaries.csv", columns, rows)


def _write_search(directory: Path, month: date, usage: Sequence[Usage]) -> None:
    """One row a request, in local time: the hour's sums are dealt out so that they add up to it again."""
    rows = []
    for row in usage:
        tokens, count = row.tokens, row.tokens.requests
        for number in range(count):
            moment = (row.hour + timedelta(seconds=3600 * number // count)).astimezone(LOCAL)
            rows.append(
                {
                    "time": f"{moment:%Y-%m-%dT%H:%M:%S}",
                    "prompt_tokens": _share(tokens.input_tokens, number, count),
                    "cached_tokens": _share(tokens.cache_read_tokens, number, count),
                    "completion_tokens": _share(tokens.output_tokens, number, count),
                }
            )
    write_ndjson(directory / "logs" / f"search-{name_of(month)}.ndjson", rows)


def _share(total: int, number: int, count: int) -> int:
    """The `number`-th of `count` whole parts of `total`; together they are the total."""
    return total * (number + 1) // count - total * number // count


def write_logs(directory: Path, months: Sequence[date], seed: int) -> tuple[Usage, ...]:
    """Writes every log under `logs/`, one file a month (the nightly export: one in all), and returns all hours written."""
    usage = sorted((row for stream in STREAMS for row in usage_of(stream, months, seed)), key=lambda row: row.hour)
    by_source = {source: tuple(row for row in usage if row.stream.source == source) for source in {stream.source for stream in STREAMS}}
    for month, rows in _by_month(by_source["gateway-openai"], months).items():
        _write_openai(directory, month, rows)
    for month, rows in _by_month(by_source["gateway-anthropic"], months).items():
        _write_anthropic(directory, month, rows, renamed_on=add_months(months[0], 4))
    for month, rows in _by_month(by_source["gateway-google"], months).items():
        _write_google(directory, month, rows)
    for month, rows in _by_month(by_source["pool-logs"], months).items():
        _write_pools(directory, month, rows)
    for month, rows in _by_month(by_source["search-log"], months).items():
        _write_search(directory, month, rows)
    _write_summaries(directory, by_source["summaries-log"])
    return tuple(usage)


def tokens_by_month(counted: Iterable[tuple[date, Tokens]]) -> dict[date, Tokens]:
    """Requests and tokens by calendar month, UTC."""
    sums: dict[date, Tokens] = {}
    for day, tokens in counted:
        month = day.replace(day=1)
        sums[month] = sums.get(month, Tokens()) + tokens
    return sums
