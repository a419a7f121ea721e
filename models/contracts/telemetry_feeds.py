"""The pandera contracts of what serving engines and GPUs say of themselves. `models.contracts.feeds` has the other feeds and runs them all."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from models.contracts.feeds import COUNT_MAX, Money, Stamp

ENGINES = ("vllm", "tgi", "sglang")


class _Contract(pa.DataFrameModel):
    class Config:
        strict = True


class ServingUsageKeys(_Contract):
    """A server: what its metrics' labels say of it."""

    key_id: pl.UInt64
    engine: str = pa.Field(isin=ENGINES)
    labels: str


class ServingUsageNumbers(_Contract):
    """What a counter rose by between two samples, or a level at one; neither is ever negative."""

    row_number: pl.Int64
    usage_at: Stamp
    increase: pl.Int64 = pa.Field(nullable=True, ge=0, le=COUNT_MAX)
    level: pl.Int64 = pa.Field(nullable=True, ge=0, le=COUNT_MAX)


class GpuTelemetryKeys(_Contract):
    """A GPU, or an instance of one, and who had it: nobody where it is idle."""

    key_id: pl.UInt64
    gpu: str = pa.Field(nullable=True)
    uuid: str = pa.Field(nullable=True)

    @pa.dataframe_check(error="device")
    def device(cls, data: PolarsData) -> pl.LazyFrame:
        """Without a name two GPUs would be one."""
        return data.lazyframe.select(pl.col("gpu").is_not_null() | pl.col("uuid").is_not_null())


class GpuTelemetryNumbers(_Contract):
    """A share of 0 to 1, or MiB of memory, and the seconds of an hour that it held."""

    row_number: pl.Int64
    usage_at: Stamp
    seconds: Money = pa.Field(ge=0, le=3600)
    share: Money = pa.Field(nullable=True, ge=0, le=1)
    memory_used_mib: Money = pa.Field(nullable=True, ge=0)
