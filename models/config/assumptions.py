"""The assumptions in force: the shipped defaults with the user's overrides on top, key by key. The shipped numbers are in models/reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from models.economics.finance import HOURS_PER_MONTH, capital_recovery_monthly, power_cost
from models.fields import Count, CurrencyCode, Day, Frozen, Money, NonNegative, Number, Positive, PositiveCount, Share, Text, unknown_name
from models.reference import (
    CategoryRule,
    GpuPrice,
    Instance,
    Profile,
    assumption_defaults,
    classification,
    gpu_prices,
    instances,
    profiles,
    staffing_defaults,
    staffing_presets,
)

_SHIPPED = {parameter.name: parameter for parameter in assumption_defaults()}


def _base(name: str) -> Any:
    return _SHIPPED[name].base


class AssumptionRow(NamedTuple):
    """One parameter in force, as published. `low` and `high` are None where an override lies outside the shipped range."""

    name: str
    low: Decimal | None
    base: Decimal
    high: Decimal | None
    unit: str
    source: str
    valid_from: date | None
    is_overridden: bool


class StaffingInForce(NamedTuple):
    """Engineering of a counterfactual self-hosted side: `fte` at `loaded_annual` each; `preset` is None where the user gave both."""

    fte: float
    loaded_annual: Decimal
    preset: str | None


class Peak(Frozen):
    """Which hour a fleet is provisioned for: the quantile of all hours of the month, times peak within the hour / its mean."""

    quantile: Share = _base("peak.quantile")
    burst_factor: Annotated[float, Number, Field(ge=1, allow_inf_nan=False)] = _base("peak.burst_factor")


class Staffing(Frozen):
    """Either people as such (`fte`, `loaded_annual`) or a preset for the first pool and one for any further."""

    fte: NonNegative | None = None
    loaded_annual: Money | None = None
    first_pool: Text = staffing_defaults()["first_pool"]
    next_pool: Text = staffing_defaults()["next_pool"]

    @field_validator("first_pool", "next_pool")
    @classmethod
    def _known_preset(cls, value: str) -> str:
        known = [preset.name for preset in staffing_presets()]
        if value not in known:
            raise unknown_name("a staffing preset: " + ", ".join(known), known)
        return value

    @model_validator(mode="after")
    def _either(self) -> Staffing:
        if (self.fte is None) != (self.loaded_annual is None):
            raise PydanticCustomError("staffing", "fte and loaded_annual together, or presets")
        if self.fte is not None and self.model_fields_set & {"first_pool", "next_pool"}:
            raise PydanticCustomError("staffing", "either fte and loaded_annual, or presets (first_pool, next_pool)")
        return self


class ApiOperations(Frozen):
    """People who look after the use of APIs, of the whole organisation."""

    fte: NonNegative = _base("api_operations.fte")
    loaded_annual: Money = _base("api_operations.loaded_annual")


class OverheadsAnnual(Frozen):
    """What a counterfactual self-hosted side costs beside GPUs and people, by category and year, in the reporting currency."""

    compliance_security: Money = _base("overheads_annual.compliance_security")
    observability: Money = _base("overheads_annual.observability")
    model_updates: Money = _base("overheads_annual.model_updates")
    capacity_planning: Money = _base("overheads_annual.capacity_planning")
    fine_tuning: Money = _base("overheads_annual.fine_tuning")
    storage_network: Money = _base("overheads_annual.storage_network")


class Decision(Frozen):
    """The tests that a move must pass."""

    min_probability: Share = _base("decision.min_probability")
    max_payback_months: NonNegative = _base("decision.max_payback_months")
    persistence_months: PositiveCount = _base("decision.persistence_months")
    dead_band_months: Positive = _base("decision.dead_band_months")
    min_days: Count = _base("decision.min_days")
    min_quality: NonNegative = _base("decision.min_quality")
    switch_margin: Share = _base("decision.switch_margin")


class Uncertainty(Frozen):
    """Sigmas of the lognormal factors of the Monte Carlo."""

    volume: NonNegative = _base("uncertainty.volume")
    throughput: NonNegative = _base("uncertainty.throughput")
    people: NonNegative = _base("uncertainty.people")


class TokenPrice(Frozen):
    """A price per million tokens. A missing cache price is the input price, a missing one-hour write is `cache_write`.

    `valid_to` is inclusive; no `currency` is the reporting one.
    """

    provider: Text
    model: Text
    input: Money
    output: Money
    cache_read: Money | None = None
    cache_write: Money | None = None
    cache_write_1h: Money | None = None
    service_tier: Text | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    currency: CurrencyCode | None = None

    @model_validator(mode="after")
    def _ordered(self) -> TokenPrice:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise PydanticCustomError("period", "valid_to on or after valid_from")
        return self


class PeopleRate(Frozen):
    """The standard rate of a role, loaded, for one FTE and year; no `currency` = the reporting one."""

    role: Text
    annual_rate: Money
    valid_from: Day | None = None
    currency: CurrencyCode | None = None


def _priced(price: GpuPrice, discount_rate: float) -> GpuPrice:
    """A GPU-hour of an owned machine at its capital recovery, rack and power (economics 2.8): having it costs the same in every hour."""
    machine = price.owned
    if machine is None:
        return price
    recovery = capital_recovery_monthly(float(machine.purchase_price), machine.life_months, float(discount_rate), float(machine.residual))
    power = power_cost(float(machine.power_kw), machine.pue, 1, float(machine.price_per_kwh))
    hourly = ((recovery + float(machine.rack_monthly)) / HOURS_PER_MONTH + power) / price.gpus_per_instance
    return price.model_copy(update={"price_per_gpu_hour": round(Decimal(hourly), 6)})


class Assumptions(Frozen):
    """Every assumption in force.

    `gpu_prices`, `profiles`, `categories` and `instances` hold the user's entries first and the shipped catalogue after them (a shipped GPU
    price or profile with a user's id is left out); of the other two the first that fits decides. `prices` and `people_rates` are the user's.
    """

    discount_rate: Share = _base("discount_rate")
    horizon_months: PositiveCount = _base("horizon_months")
    burden: Annotated[Decimal, Number, Field(ge=0, le=10, allow_inf_nan=False)] = _base("burden")
    utilisation_target: Annotated[float, Number, Field(gt=0, le=1)] = _base("utilisation_target")
    spare_replicas: Count = _base("spare_replicas")
    peak: Peak = Peak()
    staffing: Staffing = Staffing()
    api_operations: ApiOperations = ApiOperations()
    overheads_annual: OverheadsAnnual = OverheadsAnnual()
    api_price_erosion: Annotated[float, Number, Field(gt=-1, lt=1)] = _base("api_price_erosion")
    gpu_price_erosion: Annotated[float, Number, Field(gt=-1, lt=1)] = _base("gpu_price_erosion")
    decision: Decision = Decision()
    uncertainty: Uncertainty = Uncertainty()
    gpu_prices: tuple[GpuPrice, ...] = ()
    profiles: tuple[Profile, ...] = ()
    prices: tuple[TokenPrice, ...] = ()
    people_rates: tuple[PeopleRate, ...] = ()
    categories: tuple[CategoryRule, ...] = ()
    instances: tuple[Instance, ...] = ()

    @field_validator("gpu_prices")
    @classmethod
    def _with_shipped_prices(cls, value: tuple[GpuPrice, ...], info: ValidationInfo) -> tuple[GpuPrice, ...]:
        own = {price.id for price in value}
        rate = info.data.get("discount_rate", _base("discount_rate"))  # absent where it has an error of its own
        return (*(_priced(price, rate) for price in value), *(price for price in gpu_prices() if price.id not in own))

    @field_validator("profiles")
    @classmethod
    def _with_shipped_profiles(cls, value: tuple[Profile, ...]) -> tuple[Profile, ...]:
        own = {profile.id for profile in value}
        return (*value, *(profile for profile in profiles() if profile.id not in own))

    @field_validator("categories")
    @classmethod
    def _with_shipped_categories(cls, value: tuple[CategoryRule, ...]) -> tuple[CategoryRule, ...]:
        return (*value, *classification())

    @field_validator("instances")
    @classmethod
    def _with_shipped_instances(cls, value: tuple[Instance, ...]) -> tuple[Instance, ...]:
        return (*value, *instances())

    def staffing_for(self, has_pool: bool) -> StaffingInForce:
        """Engineering that a further self-hosted workload takes, by whether any pool is configured already."""
        if self.staffing.fte is not None and self.staffing.loaded_annual is not None:
            return StaffingInForce(self.staffing.fte, self.staffing.loaded_annual, None)
        name = self.staffing.next_pool if has_pool else self.staffing.first_pool
        preset = next(preset for preset in staffing_presets() if preset.name == name)
        return StaffingInForce(preset.fte, preset.loaded_annual, name)

    def rows(self) -> Iterator[AssumptionRow]:
        """Every parameter in force, shipped ones with their range, in the shipped order; staffing last."""
        for name, shipped in _SHIPPED.items():
            owner, _, key = name.rpartition(".")
            holder = getattr(self, owner) if owner else self
            base = Decimal(str(getattr(holder, key)))
            if key not in holder.model_fields_set:
                yield AssumptionRow(name, shipped.low, shipped.base, shipped.high, shipped.unit, shipped.source, shipped.date, False)
                continue
            brackets = shipped.low <= base <= shipped.high
            low, high = (shipped.low, shipped.high) if brackets else (None, None)
            yield AssumptionRow(name, low, base, high, shipped.unit, "configuration", None, True)
        yield from self._staffing_rows()

    def _staffing_rows(self) -> Iterator[AssumptionRow]:
        money = "reporting currency per FTE and year"
        if self.staffing.fte is not None and self.staffing.loaded_annual is not None:
            yield AssumptionRow("staffing.fte", None, Decimal(str(self.staffing.fte)), None, "FTE", "configuration", None, True)
            yield AssumptionRow("staffing.loaded_annual", None, self.staffing.loaded_annual, None, money, "configuration", None, True)
            return
        for key, name in (("first_pool", self.staffing.first_pool), ("next_pool", self.staffing.next_pool)):
            preset = next(preset for preset in staffing_presets() if preset.name == name)
            is_overridden = key in self.staffing.model_fields_set
            source = f"preset {name}: {preset.source}"
            fte = Decimal(str(preset.fte))
            yield AssumptionRow(f"staffing.{key}.fte", None, fte, None, "FTE", source, preset.date, is_overridden)
            yield AssumptionRow(f"staffing.{key}.loaded_annual", None, preset.loaded_annual, None, money, source, preset.date, is_overridden)
