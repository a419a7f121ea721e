"""Changes of a configuration given on the command line: `--set gpu_prices.lambda-h100=5.10`, `--set prices.openai.gpt-4o.output=8`.

A change names an assumption, a GPU price by its id, or a field of a model's price; the result is validated as the file is. Not here: what
is done with the changed configuration (`pipelines.what_if`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from models.config import Assumptions, Company
from models.errors import ConfigError
from models.prices import STANDARD, Price, shipped_prices

_TOKEN_FIELDS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")


def changed_company(company: Company, changes: Sequence[str]) -> Company:
    """The company with each change, `PATH=NUMBER`, applied in turn. Raises ConfigError for a path that is none, or a value that can't be."""
    for change in changes:
        path, separator, text = change.partition("=")
        where = f"--set {change}"
        if not separator or not path:
            raise ConfigError("A change needs a path and a value.", where=where, expected="PATH=VALUE, such as gpu_prices.lambda-h100=5.10")
        parts = path.split(".")
        if parts[0] == "gpu_prices":
            company = _with(company, {"gpu_prices": _gpu_prices(company, ".".join(parts[1:]), _number(text, where), where)}, where)
        elif parts[0] == "prices":
            company = _with(company, {"prices": _prices(company, parts[1:], _number(text, where), where)}, where)
        else:
            company = _with(company, _nested(company.assumptions, parts, text, where), where)
    return company


def _number(text: str, where: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ConfigError("A value is no number.", where=where, found=text, expected="a number such as 5.10") from None


def _with(company: Company, values: dict[str, Any], where: str) -> Company:
    given = {name: getattr(company.assumptions, name) for name in company.assumptions.model_fields_set} | values
    try:
        assumptions = Assumptions.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigError("A value can't be.", where=where, found=str(problem.get("input")), expected=problem["msg"]) from None
    return company.model_copy(update={"assumptions": assumptions})


def _gpu_prices(company: Company, name: str, value: Decimal, where: str) -> tuple[Any, ...]:
    known = {price.id: price for price in company.assumptions.gpu_prices}
    if name not in known:
        raise _unknown("There is no such GPU price.", name, list(known), where)
    # the price in the currency that it has; as a mapping it is validated
    changed = known[name].model_dump(exclude={"owned"}) | {"price_per_gpu_hour": value}
    return tuple(changed if price.id == name else price for price in known.values())


def _prices(company: Company, parts: list[str], value: Decimal, where: str) -> tuple[Any, ...]:
    if len(parts) < 3 or parts[-1] not in _TOKEN_FIELDS:
        expected = "prices.PROVIDER.MODEL.FIELD, a field of " + ", ".join(_TOKEN_FIELDS)
        raise ConfigError("A price needs provider, model and field.", where=where, expected=expected)
    provider, model, field = parts[0], ".".join(parts[1:-1]), parts[-1]
    own = company.assumptions.prices
    if any((price.provider, price.model) == (provider, model) for price in own):
        return tuple(price.model_dump() | {field: value} if (price.provider, price.model) == (provider, model) else price for price in own)
    shipped, _ = shipped_prices({(provider, model)})
    standard = [price for price in shipped if price.service_tier == STANDARD and price.price_class == 0]
    if not standard:
        raise _unknown("There is no such price.", f"{provider} {model}", sorted({f"{p.provider} {p.model}" for p in own}), where)
    return (*own, *(_as_own(price, {field: value}) for price in standard))


def _as_own(price: Price, update: dict[str, Decimal]) -> dict[str, Any]:
    values = {name: getattr(price, name) for name in _TOKEN_FIELDS} | update
    dates = {"valid_from": price.valid_from, "valid_to": None}
    return {"provider": price.provider, "model": price.model, "currency": price.currency, **values, **dates}


def _nested(assumptions: Assumptions, parts: list[str], text: str, where: str) -> dict[str, Any]:
    """The top-level assumption with one number in it changed, as the file would give it."""
    if parts[0] not in Assumptions.model_fields:
        raise _unknown("There is no such assumption.", parts[0], ["gpu_prices.ID", "prices.PROVIDER.MODEL.FIELD", *Assumptions.model_fields], where)
    holder = getattr(assumptions, parts[0])
    if len(parts) == 1:
        return {parts[0]: text}
    fields = type(holder).model_fields if hasattr(type(holder), "model_fields") else {}
    if len(parts) > 2 or parts[1] not in fields:
        raise _unknown("There is no such assumption.", ".".join(parts), [f"{parts[0]}.{name}" for name in fields], where)
    return {parts[0]: {name: getattr(holder, name) for name in holder.model_fields_set} | {parts[1]: text}}


def _unknown(what: str, found: str, known: list[str], where: str) -> ConfigError:
    near = get_close_matches(found, known, n=1)
    return ConfigError(what, where=where, found=found, expected="one of " + ", ".join(known[:12]), todo=f"Did you mean {near[0]}?" if near else None)
