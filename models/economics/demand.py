"""What a workload asks for: tokens, work and peaks per month, and whether that is enough to decide on.

Here: hourly usage turned into the demand of each workload's covered month (2.1), the data-sufficiency test and the last 90 days that a
forecast and a base load look at (2.14). Not here: money, and what the months ahead ask for (forecast).
A month's figures cover its own days only: from the workload's first usage to the month's end or as-of, whichever comes first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from models.economics.capacity import Floats, ReplicaRate
from models.economics.periods import complete_months, days_in_month, month_end

API, SELF_HOST = "api", "self_host"

COMPLETE_MONTHS = 3
"""Decisions look at the last three complete months (economics, section 3)."""

MIN_WEEKDAY_COVERAGE = 0.60
"""Usage on fewer of the weekdays between first and last usage is too little (economics 2.14)."""

WINDOW_DAYS = 90
"""What a forecast and a base load look back on, in days (economics 2.14)."""

_TOKENS = ["input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"]
_MEASURES = ["requests", *_TOKENS, "attention_tokens"]


@dataclass(frozen=True)
class Coverage:
    """The part of a month that a workload's figures stand for."""

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """Days covered."""
        return (self.last_day - self.first_day).days + 1

    @property
    def hours(self) -> int:
        """Hours covered."""
        return self.days * 24

    @property
    def share(self) -> float:
        """Days covered / days of the month: the part of a monthly assumption that counts."""
        return self.days / days_in_month(self.first_day)

    @property
    def is_complete(self) -> bool:
        """Whether that is the whole month."""
        return self.days == days_in_month(self.first_day)


@dataclass(frozen=True)
class Demand:
    """One workload's month. Work is hourly replica-seconds, hours without usage left out.

    counterfactual_work: all its tokens on its self-hosted candidate; None where no such replica works.
    provisioned_work: the tokens that its pools served, at their own rates.
    """

    coverage: Coverage
    tokens: float
    api_tokens: float
    self_hosted_tokens: float
    sides: frozenset[str]
    pools: tuple[str, ...]
    counterfactual_work: Floats | None
    provisioned_work: Floats


@dataclass(frozen=True)
class UsageHistory:
    """The days on which a workload was used, in order, and the tokens of each."""

    days: tuple[date, ...]
    tokens: tuple[float, ...] = ()

    def until(self, last: date) -> UsageHistory:
        """What was known on that day."""
        known = bisect_right(self.days, last)
        return UsageHistory(self.days[:known], self.tokens[:known])

    def daily_tokens(self, until: date, days: int = WINDOW_DAYS) -> Floats:
        """Tokens of each of the last days up to that one, oldest first; those without usage are 0, those before the first usage left out."""
        if not self.tokens or until < self.days[0]:
            return np.zeros(0)
        daily = np.zeros(min(days, (until - self.days[0]).days + 1))
        for day, tokens in zip(self.days, self.tokens, strict=True):
            back = (until - day).days
            if 0 <= back < daily.size:
                daily[daily.size - 1 - back] = tokens
        return daily

    def complete_months(self, until: date, count: int = COMPLETE_MONTHS) -> list[date]:
        """The last `count` whole calendar months since the first usage that ended by then, oldest first."""
        return [month for month in complete_months(until, count) if self.days and month >= self.days[0]]

    def shortfall(self, until: date, min_days: int) -> str | None:
        """Why that is too little to decide on: `days`, `coverage`, or None (2.14)."""
        days = self.until(until).days
        if not days or (days[-1] - days[0]).days + 1 < min_days:
            return "days"
        months = self.complete_months(until)
        if len(months) < COMPLETE_MONTHS:
            return "days"
        weekdays = int(np.busday_count(days[0], days[-1] + timedelta(days=1)))
        used = sum(day.weekday() < 5 for day in days)
        if weekdays and used < MIN_WEEKDAY_COVERAGE * weekdays:
            return "coverage"
        is_used = all(bisect_left(days, month) < bisect_right(days, month_end(month)) for month in months)
        return None if is_used else "coverage"


@dataclass(frozen=True)
class PoolHours:
    """A pool's month: each workload's hourly work, aligned on the `hours` in which the pool worked (datetime64[h])."""

    hours: npt.NDArray[np.datetime64]
    work_by_workload: Mapping[str, Floats]

    def rest_without(self, workload_id: str) -> Floats | None:
        """The hourly work of the others; None where nobody else works there."""
        others = [work for other, work in sorted(self.work_by_workload.items()) if other != workload_id and float(work.sum()) > 0]
        return np.sum(others, axis=0) if others else None


@dataclass(frozen=True)
class WorkloadHours:
    """A workload's hours with usage in order (datetime64[h]), and its work in each: replica-seconds, as in `Demand`."""

    hours: npt.NDArray[np.datetime64]
    counterfactual_work: Floats | None
    provisioned_work: Floats

    def between(self, first: date, last: date) -> WorkloadHours:
        """The hours of these days, both included."""
        start, stop = np.searchsorted(self.hours, [np.datetime64(first, "h"), np.datetime64(last + timedelta(days=1), "h")])
        counterfactual = None if self.counterfactual_work is None else self.counterfactual_work[start:stop]
        return WorkloadHours(self.hours[start:stop], counterfactual, self.provisioned_work[start:stop])


@dataclass(frozen=True)
class DemandBook:
    """Every workload's demand, history and hours, and every pool's hours."""

    demand: Mapping[tuple[str, date], Demand] = field(default_factory=dict)
    histories: Mapping[str, UsageHistory] = field(default_factory=dict)
    pool_hours: Mapping[tuple[str, date], PoolHours] = field(default_factory=dict)
    hours: Mapping[str, WorkloadHours] = field(default_factory=dict)

    def window(self, workload_id: str, until: date) -> tuple[WorkloadHours | None, int]:
        """The hours with usage of the last 90 days, and how many hours those days have since the first usage; none before it (2.14)."""
        used = self.histories.get(workload_id)
        if used is None or used.days[0] > until:
            return None, 0
        first = max(used.days[0], until - timedelta(days=WINDOW_DAYS - 1))
        return self.hours[workload_id].between(first, until), 24 * ((until - first).days + 1)


def _rates_frame(key: str, rates: Mapping[str, ReplicaRate], prefix: str) -> pl.DataFrame:
    usable = {name: rate for name, rate in sorted(rates.items()) if rate.is_usable}
    return pl.DataFrame(
        {
            key: list(usable),
            f"{prefix}_prefill": [rate.prefill_tokens_per_second for rate in usable.values()],
            f"{prefix}_decode": [rate.decode_tokens_per_second for rate in usable.values()],
            f"{prefix}_context": [rate.context_seconds for rate in usable.values()],
        },
        schema={key: pl.String, f"{prefix}_prefill": pl.Float64, f"{prefix}_decode": pl.Float64, f"{prefix}_context": pl.Float64},
    )


def _work(prefix: str, equivalence: pl.Expr) -> pl.Expr:
    """Replica-seconds of a row; `equivalence`: tokens there per token here for the same task (2.5), attention by its square."""
    prefill = pl.col("input_uncached_tokens") + pl.col("cache_write_tokens")
    linear = prefill / pl.col(f"{prefix}_prefill") + pl.col("output_tokens") / pl.col(f"{prefix}_decode")
    return equivalence * linear + equivalence**2 * pl.col(f"{prefix}_context") * pl.col("attention_tokens")


def demand_book(
    usage_hourly: pl.DataFrame,
    as_of: date,
    candidate_rates: Mapping[str, ReplicaRate],
    pool_rates: Mapping[str, ReplicaRate],
    task_equivalence: Mapping[str, float],
) -> DemandBook:
    """The book of all usage up to as-of.

    candidate_rates: by workload id, its self-hosted candidate's replica; pool_rates: by pool id; task_equivalence: by workload id, tokens
    of the self-hosted candidate per token measured on an API. A row on a pool is its own tokens already.
    """
    if usage_hourly.is_empty():
        return DemandBook()
    equivalence = pl.DataFrame(
        {"workload_id": sorted(task_equivalence), "equivalence": [task_equivalence[name] for name in sorted(task_equivalence)]},
        schema={"workload_id": pl.String, "equivalence": pl.Float64},
    )
    rows = (
        usage_hourly.select("workload_id", "usage_hour", "side", pl.col("pool_id").cast(pl.String), *(pl.col(c).cast(pl.Float64) for c in _MEASURES))
        .with_columns(pl.col(_MEASURES).fill_null(0.0), day=pl.col("usage_hour").dt.date())
        .filter(pl.col("day") <= as_of)
        .sort("workload_id", "usage_hour", "side", "pool_id", *_MEASURES)  # sums of floats follow the order of rows
        .with_columns(month=pl.col("day").dt.truncate("1mo"), tokens=pl.sum_horizontal(_TOKENS))
        .join(_rates_frame("workload_id", candidate_rates, "candidate"), on="workload_id", how="left")
        .join(_rates_frame("pool_id", pool_rates, "pool"), on="pool_id", how="left")
        .join(equivalence, on="workload_id", how="left")
        .with_columns(
            counterfactual_work=_work("candidate", pl.when(pl.col("side") == API).then(pl.col("equivalence").fill_null(1.0)).otherwise(1.0)),
            provisioned_work=pl.when(pl.col("side") == SELF_HOST).then(_work("pool", pl.lit(1.0))).fill_null(0.0),
        )
    )
    daily = rows.group_by("workload_id", "day").agg(pl.col("tokens").sum()).sort("workload_id", "day")
    histories = {
        workload: UsageHistory(tuple(days), tuple(tokens))
        for workload, days, tokens in daily.group_by("workload_id", maintain_order=True).agg("day", "tokens").iter_rows()
    }
    hours = _hours(rows, candidate_rates)
    return DemandBook(_demand(rows, histories, hours, as_of), histories, _pool_hours(rows), hours)


def _hours(rows: pl.DataFrame, candidate_rates: Mapping[str, ReplicaRate]) -> dict[str, WorkloadHours]:
    hourly = (
        rows.group_by("workload_id", "usage_hour")
        .agg(pl.col("counterfactual_work", "provisioned_work").sum())
        .sort("workload_id", "usage_hour")
        .partition_by("workload_id", as_dict=True)
    )
    book = {}
    for (workload,), hours in hourly.items():
        rate = candidate_rates.get(workload)
        book[workload] = WorkloadHours(
            hours=hours["usage_hour"].to_numpy().astype("datetime64[h]"),
            counterfactual_work=hours["counterfactual_work"].to_numpy() if rate is not None and rate.is_usable else None,
            provisioned_work=hours["provisioned_work"].to_numpy(),
        )
    return book


def _demand(
    rows: pl.DataFrame, histories: Mapping[str, UsageHistory], hours: Mapping[str, WorkloadHours], as_of: date
) -> dict[tuple[str, date], Demand]:
    on_api = pl.col("side") == API
    months = rows.group_by("workload_id", "month").agg(
        pl.col("tokens").sum(),
        pl.col("tokens").filter(on_api).sum().alias("api_tokens"),
        pl.col("tokens").filter(~on_api).sum().alias("self_hosted_tokens"),
        pl.col("side").unique().alias("sides"),
        pl.col("pool_id").filter(~on_api).drop_nulls().unique().sort().alias("pools"),
    )
    book = {}
    for row in months.sort("workload_id", "month").iter_rows(named=True):
        workload, month = row["workload_id"], row["month"]
        worked = hours[workload].between(month, month_end(month))
        book[(workload, month)] = Demand(
            coverage=Coverage(max(month, histories[workload].days[0]), min(month_end(month), as_of)),
            tokens=row["tokens"],
            api_tokens=row["api_tokens"],
            self_hosted_tokens=row["self_hosted_tokens"],
            sides=frozenset(row["sides"]),
            pools=tuple(row["pools"]),
            counterfactual_work=worked.counterfactual_work,
            provisioned_work=worked.provisioned_work,
        )
    return book


def _pool_hours(rows: pl.DataFrame) -> dict[tuple[str, date], PoolHours]:
    hours = (
        rows.filter(pl.col("pool_id").is_not_null() & (pl.col("side") == SELF_HOST))
        .group_by("pool_id", "month", "workload_id", "usage_hour")
        .agg(pl.col("provisioned_work").sum())
    )
    book = {}
    for (pool, month), group in sorted(hours.partition_by("pool_id", "month", as_dict=True).items(), key=lambda item: item[0]):
        wide = group.pivot("workload_id", index="usage_hour", values="provisioned_work").sort("usage_hour").fill_null(0.0)
        hour = wide["usage_hour"].to_numpy().astype("datetime64[h]")
        book[(pool, month)] = PoolHours(hour, {name: wide[name].to_numpy() for name in wide.columns if name != "usage_hour"})
    return book
