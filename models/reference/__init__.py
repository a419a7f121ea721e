"""The shipped facts: parameters with their range, prices of GPUs, capacities, classification of bill lines. Each row carries source and date.

The facts stand in the YAML files beside this module; here is their shape and the reading of it. What a user lays on top is in models/config.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from models.errors import ConfigError
from models.fields import Conditions, CurrencyCode, Day, Frozen, Id, Money, NonNegative, Number, Positive, PositiveCount, Price, Text, unknown_name
from models.yaml_text import read_document

Side = Literal["api", "self_host", "neutral"]


class CostCategory(Frozen):
    """One category of cost, the side of the comparison it stands on, and whether it counts in unit cost."""

    category: Id
    side: Side
    in_unit_cost: bool
    description: Text


class Parameter(Frozen):
    """One number of the shipped assumptions under its dotted name, with the range it plausibly lies in."""

    name: Text
    low: Annotated[Decimal, Number]
    base: Annotated[Decimal, Number]
    high: Annotated[Decimal, Number]
    unit: Text
    source: Text
    date: Day


class StaffingPreset(Frozen):
    """Engineering of a self-hosted platform: `fte` people at `loaded_annual` each, in the reporting currency."""

    name: Id
    fte: NonNegative
    loaded_annual: Money
    source: Text
    date: Day


class Gpu(Frozen):
    """A GPU's memory and, where known, its all-in power draw."""

    gpu: Id
    memory_gb: Positive
    power_kw: Positive | None = None
    source: Text
    date: Day


class OwnedMachine(Frozen):
    """A machine that would be bought, one instance's worth of GPUs: money in the price's currency, power of all of it."""

    purchase_price: Price
    life_months: PositiveCount = 36
    residual: Money = Decimal(0)
    power_kw: NonNegative
    pue: Annotated[float, Number, Field(ge=1, allow_inf_nan=False)]
    price_per_kwh: NonNegative
    rack_monthly: Money = Decimal(0)


class GpuPrice(Frozen):
    """The price of one GPU for one hour where GPUs are bought in instances of `gpus_per_instance`.

    Rented, it is given; of an `owned` machine the assumptions in force work it out (models/config): it rests on their discount rate.
    """

    id: Id
    gpu: Id
    price_per_gpu_hour: Annotated[Price, Field(validate_default=False)] = Decimal(0)
    owned: OwnedMachine | None = None
    gpus_per_instance: PositiveCount = 1
    currency: CurrencyCode = "USD"
    source: Text | None = None
    date: Day | None = None

    @model_validator(mode="before")
    @classmethod
    def _either(cls, given: object) -> object:
        if isinstance(given, dict) and ("price_per_gpu_hour" in given) == ("owned" in given):
            raise PydanticCustomError("gpu_price", "either price_per_gpu_hour or owned")
        return given


class Profile(Frozen):
    """What one replica of a model can do at maximum load.

    A request takes input / prefill + output / decode + context x output x (input + output / 2) seconds; weights are parameters x bytes.
    """

    id: Id
    model: Text
    gpu: Id
    gpus_per_replica: PositiveCount
    prefill_tokens_per_second: Positive
    decode_tokens_per_second: Positive
    context_seconds: NonNegative = 0.0
    weights_gb: Positive | None = None
    gpu_memory_gb: Positive | None = None
    parameters_billions: Positive | None = None
    precision: Text | None = None
    source: Text | None = None
    date: Day | None = None


class Instance(Frozen):
    """How many GPUs a billed instance has: `pattern` is a glob over the bill's SKU or description, upper and lower case alike."""

    pattern: Text
    gpu: Id
    gpus: PositiveCount
    source: Text | None = None
    date: Day | None = None


class CategoryRule(Conditions):
    """Bill lines that meet all `conditions` (globs, upper and lower case alike) are of `category`. The first rule that fits decides."""

    more_condition_fields = ("service_category",)

    category: Id

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        return check_category(value)


@cache
def cost_categories() -> tuple[CostCategory, ...]:
    """Every category of cost there is."""
    return tuple(CostCategory.model_validate(row) for row in _rows("cost_categories.yaml", "categories"))


def check_category(value: str) -> str:
    """The value itself when it is a category of cost; else a validation error that knows the others."""
    known = [row.category for row in cost_categories()]
    if value not in known:
        raise unknown_name("a category of cost: " + ", ".join(known), known)
    return value


@cache
def classification() -> tuple[CategoryRule, ...]:
    """The ordered rules by which a bill line gets its category; what none fits is other_cloud."""
    return tuple(CategoryRule.model_validate(row) for row in _rows("classification.yaml", "rules"))


@cache
def instances() -> tuple[Instance, ...]:
    """GPUs per billed instance, in order: the first pattern that fits decides."""
    return tuple(Instance.model_validate(row) for row in _dated_rows("instances.yaml", "instances"))


@cache
def assumption_defaults() -> tuple[Parameter, ...]:
    """Every shipped parameter with low, base, high, unit, source and date. Names are dotted: `peak.quantile`."""
    return tuple(Parameter.model_validate(row) for row in _rows("assumptions.yaml", "parameters"))


@cache
def staffing_presets() -> tuple[StaffingPreset, ...]:
    """The published views of how many engineers a self-hosted platform takes. They differ about 90-fold."""
    return tuple(StaffingPreset.model_validate(row) for row in _rows("assumptions.yaml", "staffing_presets"))


@cache
def staffing_defaults() -> Mapping[str, str]:
    """The preset for the first pool and for any further one: {first_pool, next_pool}."""
    names = _file("assumptions.yaml")["staffing"]
    assert isinstance(names, dict)
    return names


@cache
def gpus() -> tuple[Gpu, ...]:
    """Memory and power of the GPUs that prices, profiles and instances speak of."""
    return tuple(Gpu.model_validate(row) for row in _rows("assumptions.yaml", "gpus"))


@cache
def gpu_prices() -> tuple[GpuPrice, ...]:
    """On-demand prices of GPUs."""
    return tuple(GpuPrice.model_validate(row) for row in _dated_rows("assumptions.yaml", "gpu_prices"))


@cache
def profiles() -> tuple[Profile, ...]:
    """Measured capacities at maximum load (TensorRT-LLM); a benchmark of one's own goes before."""
    return tuple(Profile.model_validate(row) for row in _dated_rows("assumptions.yaml", "profiles"))


@cache
def _file(name: str) -> Mapping[str, object]:
    value = read_document(Path(__file__).with_name(name), name).value
    if not isinstance(value, dict):
        raise ConfigError("A shipped reference file is damaged.", where=name, todo="Install Crossover again.")
    return value


def _rows(name: str, section: str) -> list[dict[str, object]]:
    rows = _file(name).get(section)
    if not isinstance(rows, list):
        raise ConfigError("A shipped reference file is damaged.", where=f"{name}, {section}", todo="Install Crossover again.")
    return rows


def _dated_rows(name: str, section: str) -> list[dict[str, object]]:
    """Rows that name their source by a key of the file's `sources`, where its full name and date stand once."""
    sources = _file(name)["sources"]
    assert isinstance(sources, dict)
    return [row | sources[row["source"]] for row in _rows(name, section)]


__all__ = [
    "CategoryRule",
    "CostCategory",
    "Gpu",
    "GpuPrice",
    "Instance",
    "Parameter",
    "Profile",
    "Side",
    "StaffingPreset",
    "assumption_defaults",
    "check_category",
    "classification",
    "cost_categories",
    "gpu_prices",
    "gpus",
    "instances",
    "profiles",
    "staffing_defaults",
    "staffing_presets",
]
