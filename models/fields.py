"""The small types that configuration and shipped reference data are made of: texts, ids, numbers, days, globs, dated values.

What a company's configuration consists of stands in models/config; the shipped facts in models/reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Frozen(BaseModel):
    """A value that refuses unknown keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    also_known: ClassVar[tuple[str, ...]] = ()  # keys that a user may write although no field has their name


def unknown_name(expected: str, known: Iterable[str], key: str | None = None) -> PydanticCustomError:
    """The error for a name outside a closed list, which travels along so that the message can offer the nearest. `key`: it is a mapping's key."""
    return PydanticCustomError("unknown_name", "{expected}", {"expected": expected, "known": list(known), "key": key})


def _as_number(value: object) -> object:
    """Numbers arrive as the text of the file and are read as decimals, never through a binary float."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "a number")
    if isinstance(value, str):
        try:
            number = Decimal(value.strip())
        except InvalidOperation:
            raise PydanticCustomError("number", "a number") from None
        if not number.is_finite():
            raise PydanticCustomError("number", "a finite number")
        return number
    return value


def _as_day(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif type(value) is date:
        return value
    raise PydanticCustomError("day", "a day, such as 2026-01-31")


def _check_id(value: str) -> str:
    if re.search(r"[\s#:]", value):
        raise PydanticCustomError("id", "an id without spaces, # or :")
    return value


def _check_currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise PydanticCustomError("currency", "a currency code of three capital letters, such as USD")
    return value


Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1), AfterValidator(_check_id)]
CurrencyCode = Annotated[str, AfterValidator(_check_currency)]
Day = Annotated[date, BeforeValidator(_as_day)]
Number = BeforeValidator(_as_number)
Money = Annotated[Decimal, Number, Field(ge=0, allow_inf_nan=False, max_digits=38, decimal_places=12)]  # what DECIMAL(38,12) holds
Price = Annotated[Decimal, Number, Field(gt=0, allow_inf_nan=False, max_digits=38, decimal_places=12)]
Percent = Annotated[Decimal, Number, Field(ge=0, le=100, allow_inf_nan=False)]
Share = Annotated[float, Number, Field(ge=0, le=1, allow_inf_nan=False)]
NonNegative = Annotated[float, Number, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Number, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Number, Field(ge=0)]
PositiveCount = Annotated[int, Number, Field(ge=1)]


T = TypeVar("T")


class Dated(Frozen, Generic[T]):
    """A value and the day it starts to hold; without one it holds from the beginning."""

    value: T
    valid_from: Day | None = None


class History(tuple[Dated[T], ...], Generic[T]):
    """Dated values in the order of their days. Written as one plain value or as a list of {value, valid_from}."""

    def at(self, day: date) -> T:
        """The value in force on a day; before the first day the first value. Raises LookupError when there is none at all."""
        if not self:
            raise LookupError("this history is empty")
        in_force = [entry.value for entry in self if entry.valid_from is None or entry.valid_from <= day]
        return in_force[-1] if in_force else self[0].value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (value_type,) = get_args(source)
        entries = core_schema.tuple_variable_schema(handler.generate_schema(Dated.__class_getitem__(value_type)))
        ordered = core_schema.no_info_after_validator_function(cls._in_order, entries)
        return core_schema.no_info_before_validator_function(cls._as_entries, ordered)

    @staticmethod
    def _as_entries(value: object) -> object:
        return value if isinstance(value, list | tuple) else [{"value": value}]

    @classmethod
    def _in_order(cls, entries: tuple[Dated[T], ...]) -> History[T]:
        days = [entry.valid_from or date.min for entry in entries]
        if len(set(days)) < len(days):
            raise PydanticCustomError("dated", "one value for each valid_from")
        return cls(sorted(entries, key=lambda entry: entry.valid_from or date.min))


# What a condition can speak of. Usage rows know the second group too; the shipped classification also service_category.
BILL_FIELDS = (
    *("source", "workload", "pool", "provider", "billing_account", "sub_account", "service", "region", "resource", "sku", "description"),
    *("charge_category", "charge_class", "commitment_id", "invoice_id"),
)
USAGE_FIELDS = ("project", "workspace", "api_key", "user", "team", "model")
KEYED_FIELDS = ("tag", "metadata")
NEGATION = "not."


class Condition(Frozen):
    """A row's `field` (see CONDITION_KEYS) matches the glob `pattern` (`*`, `?`, `[...]`), or with `negated` does not."""

    field: str
    pattern: Text
    negated: bool = False


def condition_key(key: str, also: tuple[str, ...] = ()) -> tuple[str, bool] | None:
    """A condition's key as (field, negated); None where it is no condition's key."""
    field = key.removeprefix(NEGATION)
    keyed, dot, name = field.partition(".")
    known = field in BILL_FIELDS or field in USAGE_FIELDS or field in also or (keyed in KEYED_FIELDS and dot and name)
    return (field, key != field) if known else None


CONDITION_KEYS = (*BILL_FIELDS, *USAGE_FIELDS, "tag.KEY", "metadata.KEY", "not.X")


class Conditions(Frozen):
    """What an entry that is written as flat conditions has in common: `{service: "Datadog*", not.region: "eu-*"}`. All must hold."""

    also_known = CONDITION_KEYS
    more_condition_fields: ClassVar[tuple[str, ...]] = ()

    conditions: tuple[Condition, ...]

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        """Flat keys become `conditions`; what is no condition's key stays and is refused as unknown unless it is a field."""
        if not isinstance(value, Mapping) or isinstance(value.get("conditions"), tuple):
            return value
        if "conditions" in value:
            raise PydanticCustomError("conditions", "the conditions themselves as keys, such as service: or tag.workload:")
        parsed = {key: condition_key(key, cls.more_condition_fields) for key in value}
        conditions = [{"field": found[0], "negated": found[1], "pattern": value[key]} for key, found in parsed.items() if found]
        return {key: value[key] for key, found in parsed.items() if not found} | {"conditions": conditions}

    @model_validator(mode="after")
    def _at_least_one(self) -> Conditions:
        if not self.conditions:
            raise PydanticCustomError("no_condition", "at least one condition, such as source, service or tag.workload")
        return self
