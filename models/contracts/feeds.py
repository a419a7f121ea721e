"""The pandera contracts of the feeds: which staged rows are valid.

A feed's rows are validated in two frames, because that is what keeps twenty million rows cheap: the distinct tuples of its text columns
(`*Keys`, one row per `key_id`) and, in batches, every row's numbers and dates (`*Numbers`, one row per `row_number`). Small feeds have one
frame. `violations` runs a contract on an eager frame and returns what to refuse, with reasons that a person can act on.
Not here: reading (`pipelines.landing_view`) and what spans rows of a feed (`models.economics.people`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import pandera.errors
import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

Money = Annotated[pl.Decimal, 38, 12]
Stamp = Annotated[pl.Datetime, "us", None]

CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
ACTIVITIES = ("operations", "product")
_CURRENCY = r"^[A-Z]{3}$"
# A row of more than this is no measurement; sums of such rows stay within what facts hold.
COUNT_MAX = 10**15


class _Contract(pa.DataFrameModel):
    class Config:
        strict = True


class BillingLineKeys(_Contract):
    """Text of a bill line: a known charge category and an ISO 4217 currency."""

    key_id: pl.UInt64
    charge_category: str = pa.Field(isin=CHARGE_CATEGORIES)
    currency: str = pa.Field(str_matches=_CURRENCY)
    provider: str


class BillingLineNumbers(_Contract):
    """Money and dates of a bill line. Negative amounts are legal; a missing one is not."""

    row_number: pl.Int64
    billed_cost: Money
    effective_cost: Money
    billing_period: pl.Date
    charge_start: Stamp
    charge_end: Stamp

    @pa.dataframe_check(error="charge_period")
    def charge_period(cls, data: PolarsData) -> pl.LazyFrame:
        """A charge period is half-open and not empty."""
        return data.lazyframe.select(pl.col("charge_start") < pl.col("charge_end"))


class ApiUsageKeys(_Contract):
    """Text of a usage row: its model is named."""

    key_id: pl.UInt64
    model: str


class ApiUsageNumbers(_Contract):
    """Disjoint token buckets of a usage row, none of them negative. How many requests made them may be unknown."""

    row_number: pl.Int64
    usage_at: Stamp
    requests: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX, nullable=True)
    input_uncached_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)
    cache_read_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)
    cache_write_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)
    cache_write_1h_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)
    output_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)
    reasoning_tokens: pl.Int64 = pa.Field(ge=0, le=COUNT_MAX)

    @pa.dataframe_check(error="one_hour_writes")
    def one_hour_writes(cls, data: PolarsData) -> pl.LazyFrame:
        """What is cached for an hour is a part of what is cached."""
        return data.lazyframe.select(pl.col("cache_write_1h_tokens") <= pl.col("cache_write_tokens"))


class PeopleAllocations(_Contract):
    """One effective-dated allocation of a person, who is known by a keyed hash only."""

    row_number: pl.Int64
    person_key: str
    role: str
    target_kind: str = pa.Field(isin=("workload", "pool", "platform"))
    target_id: str = pa.Field(nullable=True)
    activity: str = pa.Field(isin=ACTIVITIES)
    start_date: pl.Date
    end_date: pl.Date = pa.Field(nullable=True)
    allocation_pct: Money = pa.Field(ge=0, le=100)
    annual_base: Money = pa.Field(nullable=True, ge=0)
    annual_loaded: Money = pa.Field(nullable=True, ge=0)
    currency: str = pa.Field(str_matches=_CURRENCY)

    @pa.dataframe_check(error="period")
    def period(cls, data: PolarsData) -> pl.LazyFrame:
        """Inclusive dates: an end before its start is no period."""
        return data.lazyframe.select(pl.col("end_date").is_null() | (pl.col("start_date") <= pl.col("end_date")))

    @pa.dataframe_check(error="salary")
    def salary(cls, data: PolarsData) -> pl.LazyFrame:
        """Exactly one of base and loaded salary makes a cost."""
        return data.lazyframe.select(pl.col("annual_base").is_null() != pl.col("annual_loaded").is_null())


class FxRates(_Contract):
    """A rate is dated and positive."""

    row_number: pl.Int64
    rate_date: pl.Date
    base: str = pa.Field(str_matches=_CURRENCY)
    quote: str = pa.Field(str_matches=_CURRENCY)
    rate: Money = pa.Field(gt=0)


class OwnedHardware(_Contract):
    """An asset with its straight-line life and its running costs."""

    row_number: pl.Int64
    asset_id: str = pa.Field(unique=True)
    pool: str
    gpus: pl.Int64 = pa.Field(ge=0)
    purchase_price: Money = pa.Field(ge=0)
    currency: str = pa.Field(str_matches=_CURRENCY)
    in_service: pl.Date
    life_months: pl.Int64 = pa.Field(gt=0)
    residual: Money = pa.Field(ge=0)
    power_kw: Money = pa.Field(ge=0)
    pue: Money = pa.Field(ge=1)
    price_per_kwh: Money = pa.Field(ge=0)
    rack_monthly: Money = pa.Field(ge=0)


class ControlTotals(_Contract):
    """What finance's ledger says an invoice was."""

    row_number: pl.Int64
    issuer: str
    invoice_id: str = pa.Field(nullable=True)
    period: pl.Date
    amount: Money
    currency: str = pa.Field(str_matches=_CURRENCY)


class RateCard(_Contract):
    """A dated price of a SKU, for bills that carry quantities only."""

    row_number: pl.Int64
    provider: str
    sku: str
    start_date: pl.Date = pa.Field(nullable=True)
    end_date: pl.Date = pa.Field(nullable=True)
    unit: str
    unit_price: Money = pa.Field(ge=0)
    currency: str = pa.Field(str_matches=_CURRENCY)

    @pa.dataframe_check(error="price_period")
    def price_period(cls, data: PolarsData) -> pl.LazyFrame:
        """A half-open period, open on either side where a date is missing."""
        return data.lazyframe.select(pl.col("start_date").is_null() | pl.col("end_date").is_null() | (pl.col("start_date") < pl.col("end_date")))

    @pa.dataframe_check(error="two_prices")
    def two_prices(cls, data: PolarsData) -> pl.LazyFrame:
        """A SKU has one price a day: a period that begins before an earlier one of it has ended, is refused."""
        ends = pl.col("end_date").fill_null(date.max).cum_max().shift(1)
        before = ends.over("provider", "sku", "unit", order_by=["start_date", "row_number"])
        return data.lazyframe.select(before.is_null() | (before <= pl.col("start_date").fill_null(date.min)))


# What a failed check means, in a sentence: contract column (or frame check) -> check -> words. `*` serves any check of the column.
_WORDS = {
    "charge_category": f"charge category is none of {', '.join(CHARGE_CATEGORIES)}",
    "currency": "currency is no ISO 4217 code of three capital letters",
    "base": "base currency is no ISO 4217 code of three capital letters",
    "quote": "quote currency is no ISO 4217 code of three capital letters",
    "charge_period": "the charge period does not start before it ends",
    "requests": "requests is negative",
    "input_uncached_tokens": "uncached input tokens are negative (cached tokens above the input, or a negative count)",
    "cache_read_tokens": "cached tokens are negative",
    "cache_write_tokens": "cache-write tokens are negative",
    "cache_write_1h_tokens": "one-hour cache-write tokens are negative",
    "one_hour_writes": "more tokens are cached for an hour than are cached",
    "output_tokens": "output tokens are negative",
    "reasoning_tokens": "reasoning tokens are negative",
    "increase": "the count is negative or above what can be",
    "level": "the level is negative or above what can be",
    "share": "a share is not between 0 and 1",
    "seconds": "the time is not within an hour",
    "memory_used_mib": "memory is negative",
    "device": "neither gpu nor UUID names the device",
    "target_kind": "target is neither `workload:ID`, `pool:ID` nor `platform`",
    "activity": f"activity is none of {', '.join(ACTIVITIES)}",
    "allocation_pct": "allocation is not between 0 and 100 %",
    "period": "the period ends before it starts",
    "salary": "exactly one of annual_base and annual_loaded must be given",
    "annual_base": "salary is negative",
    "annual_loaded": "salary is negative",
    "rate": "rate is not above zero",
    "price_period": "the price's period does not start before it ends",
    "two_prices": "an earlier price of the same SKU and unit has not ended yet",
    "unit_price": "the price is negative",
    "asset_id": "the asset is given twice",
    "pue": "power usage effectiveness is below 1",
    "life_months": "life is not above zero months",
}


def violations(contract: type[pa.DataFrameModel], frame: pl.DataFrame, identity: str) -> pl.DataFrame:
    """The rows of an eager `frame` that break `contract`: columns `identity` (as in the frame) and `reason`, one row per broken check.

    Raises TypeError where the frame itself isn't of the contract's shape (a null index in pandera's report): staging made it, so that
    is a defect of ours and never a bad row.
    """
    try:
        contract.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].null_count():
            raise TypeError(f"staged frame does not fit {contract.__name__}: {cases['check'].unique().sort().to_list()}") from None
        index = pl.Series("index", cases["index"].to_list(), dtype=pl.Int64)
        reasons = [
            f"{column} is missing"
            if check == "not_nullable"
            else f"{column} is above {COUNT_MAX:,}"
            if check.startswith("less_than_or_equal_to") and column in ApiUsageNumbers.to_schema().columns
            else _WORDS.get(check, _WORDS.get(column, f"{column}: {check}"))
            for column, check in zip(cases["column"].to_list(), cases["check"].to_list(), strict=True)
        ]
        found = pl.DataFrame({identity: frame[identity].gather(index), "reason": reasons})
        return found.unique().sort(identity, "reason")
    return pl.DataFrame(schema={identity: frame.schema[identity], "reason": pl.String})
