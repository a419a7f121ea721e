"""From a file to a valid Company, or to one refusal that lists every problem. What is valid stands in the models beside this module."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from models.config.company import Company, Paths, Settings
from models.config.references import did_you_mean, reference_problems
from models.config.tree import Tree, read_tree
from models.errors import ConfigError
from models.fields import Dated, Frozen, History, condition_key
from models.reference import CategoryRule
from models.yaml_text import KeyPath

_PLAINER = {
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "decimal_type": "a number",
    "finite_number": "a finite number",
    "decimal_max_places": "at most 12 digits after the point",
    "decimal_max_digits": "at most 38 digits",
    "decimal_whole_digits": "at most 26 digits before the point",
    "too_short": "at least one entry",
    "path_type": "a path",
}
_FOLLOWS = "default_factory_not_called"  # a default that rests on another field, which has its own error
_CURRENCY_DEFAULTED = ("prices", "gpu_prices", "people_rates")


def load_company(path: Path, environ: Mapping[str, str] = os.environ) -> Company:
    """Read and validate a configuration.

    Raises ConfigError (exit code 2) with every problem found: where (file, line, key path), what was found, what is expected, the nearest
    known name. Values of environment variables are never shown.
    """
    tree = read_tree(path, environ)
    problems = list(tree.problems)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(_with_currency(tree.resolved))
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += [_problem(tree, detail) for detail in details if not _follows(detail, details) and not _is_unresolved(tree, detail["loc"])]
    problems += reference_problems(tree)
    if settings is not None:
        problems += _paths_problems(tree, settings.paths, path.parent)
    if problems or settings is None:
        raise _all_in_one(problems, path)
    root = path.absolute().parent
    paths = Paths(**{name: root / getattr(settings.paths, name) for name in Paths.model_fields})
    values = {name: getattr(settings, name) for name in Settings.model_fields} | {"paths": paths}
    return Company(**values, file=path.absolute(), root=root, sha256=_digest(settings))


def _all_in_one(problems: list[ConfigError], path: Path) -> ConfigError:
    if len(problems) == 1:
        return problems[0]
    return ConfigError(f"{path.name} has {len(problems)} problems:\n\n" + "\n\n".join(str(problem) for problem in problems))


def _with_currency(resolved: dict[str, Any]) -> dict[str, Any]:
    """The user's own prices and rates are in the reporting currency unless they say otherwise."""
    assumptions, currency = resolved.get("assumptions"), resolved.get("currency")
    if not isinstance(assumptions, dict) or not isinstance(currency, str):
        return resolved

    def filled(entries: Any) -> Any:
        if not isinstance(entries, list):
            return entries
        return [{"currency": currency} | entry if isinstance(entry, dict) else entry for entry in entries]

    return resolved | {"assumptions": {key: filled(value) if key in _CURRENCY_DEFAULTED else value for key, value in assumptions.items()}}


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether it would be gone with another problem: a default that rests on it, a list that is too short without the entry that is wrong."""
    inside = [other for other in details if other is not detail and other["loc"][: len(detail["loc"])] == detail["loc"]]
    return detail["type"] == _FOLLOWS or (detail["type"] == "too_short" and bool(inside))


def _is_unresolved(tree: Tree, loc: tuple[int | str, ...]) -> bool:
    return any(loc[:depth] in tree.unresolved for depth in range(1, len(loc) + 1))


def _problem(tree: Tree, detail: ErrorDetails) -> ConfigError:
    """One validation error in the words of a user, at the place the user wrote."""
    path = _written_path(tree, detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        key, known = str(path[-1]), _known_keys(detail["loc"][:-1])
        return ConfigError("Unknown key.", where=tree.where(path), found=key, expected=", ".join(known), todo=did_you_mean(key, known))
    if detail["type"] == "missing":
        return ConfigError("A required key is missing.", where=tree.where(path), expected=f"{path[-1]}: ...", todo="See docs/configuration.md.")
    if detail["type"] == "not_for_kind":
        return ConfigError("This key is not for a source of this kind.", where=tree.where(path), found=tree.shown(path), expected=detail["msg"])
    if detail["type"] == "unknown_name" and context.get("key"):
        key = context["key"]
        where = tree.where((*path, key))
        return ConfigError("Unknown key.", where=where, found=key, expected=context["expected"], todo=did_you_mean(key, context["known"]))
    existing = tree.existing(path)
    is_of_the_whole = isinstance(tree.at(existing), dict) and detail["type"] not in _PLAINER  # of several keys together: the text says which
    found = None if is_of_the_whole else tree.shown(existing)
    expected = _PLAINER.get(detail["type"]) or re.sub(r"^(Input should be |Value error, )", "", detail["msg"])
    known = context.get("known") or re.findall(r"'([^']*)'", expected if detail["type"] == "literal_error" else "")
    hint = did_you_mean(found, known) if found and known else None
    return ConfigError("This value can't be used.", where=tree.where(existing), found=found, expected=expected, todo=hint)


def _written_path(tree: Tree, loc: tuple[int | str, ...]) -> KeyPath:
    """The path as the user wrote it: conditions are flat keys of their entry there, and a question's plain value is its answer."""
    if "answer" in loc[:-1]:
        depth = loc.index("answer")
        question = tree.at(tree.existing(loc[:depth]))
        return loc if isinstance(question, dict) and "answer" in question else loc[:depth] + loc[depth + 1 :]
    if "conditions" not in loc[:-1]:
        return loc
    depth = loc.index("conditions")
    entry_path = loc[:depth]
    if tree.existing(entry_path) != entry_path or not isinstance(tree.at(entry_path), dict):
        return loc
    keys = [key for key in tree.at(entry_path) if condition_key(key, CategoryRule.more_condition_fields)]
    position = loc[depth + 1]
    return (*entry_path, keys[position]) if isinstance(position, int) and position < len(keys) else entry_path


def _known_keys(path: KeyPath) -> list[str]:
    """The keys that a mapping at a path may have, read off the models."""
    model: Any = Settings
    for key in path:
        annotation = model.model_fields[key].annotation if isinstance(key, str) and _is_model(model) and key in model.model_fields else model
        model = _innermost(annotation)
    if not _is_model(model):
        return []
    fields = [name for name in model.model_fields if name != "conditions"]
    return [*fields, *model.also_known, *(model.more_condition_fields if issubclass(model, CategoryRule) else ())]


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _innermost(annotation: Any) -> Any:
    """The model inside tuples, optionals and annotations; a history's entry is written as {value, valid_from}."""
    if _is_model(annotation):
        return annotation
    if get_origin(annotation) is History:
        return Dated
    models = [_innermost(part) for part in get_args(annotation)]
    return next((model for model in models if _is_model(model) and issubclass(model, Frozen)), None)


def _paths_problems(tree: Tree, paths: Paths, folder: Path) -> list[ConfigError]:
    """What finance opens must not lie in the private folder."""
    state = (folder / paths.state).resolve()
    inside = [name for name in ("finance", "reports") if (folder / getattr(paths, name)).resolve().is_relative_to(state)]
    expected = "a place outside paths.state, which is private"
    return [
        ConfigError(
            "This would be published into the private folder.", where=tree.where(("paths", name)), found=str(getattr(paths, name)), expected=expected
        )
        for name in inside
    ]


def _digest(settings: Settings) -> str:
    values = settings.model_dump(mode="python")
    canonical = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str | None:
    """Decimals, days and paths as their text; secrets not at all."""
    return None if isinstance(value, SecretStr) else str(value)
