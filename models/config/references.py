"""What no single entry can tell: ids given twice and names that lead nowhere. Works on the tree, so that it finds them beside other mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from models.config.sources import MONEY_KINDS
from models.config.tree import Tree
from models.config.workloads import AMONG_GROUPS
from models.errors import ConfigError
from models.reference import gpu_prices, profiles
from models.yaml_text import KeyPath

Named = tuple[KeyPath, str]

# Where a kind is configured: when that file can't be read, what names it is not to blame.
_SECTION_OF = {
    "source": "sources",
    "source of money": "sources",
    "workload": "workloads",
    "pool": "pools",
    "profile": "assumptions",
    "GPU price": "assumptions",
}


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The known name most like the given one, upper and lower case alike; None when none is near."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(given: str, known: Iterable[str]) -> str | None:
    """A hint for a message; None when nothing is near, or when the name came out of a variable."""
    name = None if "${" in given else nearest(given, known)
    return f"Did you mean {name}?" if name else None


def reference_problems(tree: Tree) -> list[ConfigError]:
    """Every id given twice and every name that leads nowhere."""
    return [*_duplicates(tree), *_dangling(tree)]


def _duplicates(tree: Tree) -> Iterator[ConfigError]:
    aliases = [((*path, "aliases", at), name) for path, entry in _entries(tree, "workloads") for at, name in _texts(entry.get("aliases"))]
    yield from _twice(tree, "workload", [*_ids(tree, "workloads"), *aliases])
    for section, kind in (("sources", "source"), ("pools", "pool"), ("rules", "rule")):
        yield from _twice(tree, kind, _ids(tree, section))
    for section, kind in (("gpu_prices", "GPU price"), ("profiles", "profile")):
        yield from _twice(tree, kind, _ids(tree, "assumptions", section))
    prices = [(path, _identity(entry, "provider", "model", "service_tier", "valid_from")) for path, entry in _entries(tree, "assumptions", "prices")]
    yield from _twice(tree, "price", prices)
    rates = [(path, _identity(entry, "role", "valid_from")) for path, entry in _entries(tree, "assumptions", "people_rates")]
    yield from _twice(tree, "people rate", rates)


def _twice(tree: Tree, kind: str, names: Iterable[Named]) -> Iterator[ConfigError]:
    first: dict[str, KeyPath] = {}
    for path, name in names:
        if name in first:
            expected = f"one {kind} of this name"
            yield ConfigError(
                f"A {kind} is given twice.", where=tree.where(path), found=f"{name}, also at {tree.where(first[name])}", expected=expected
            )
        first.setdefault(name, path)


def _dangling(tree: Tree) -> Iterator[ConfigError]:
    sources = [name for _, name in _ids(tree, "sources")]
    workloads = [name for _, name in _ids(tree, "workloads")]
    pools = [name for _, name in _ids(tree, "pools")]
    row_names = workloads + [name for _, entry in _entries(tree, "workloads") for _, name in _texts(entry.get("aliases"))]
    money = [entry["id"] for _, entry in _entries(tree, "sources") if entry.get("kind") in MONEY_KINDS and isinstance(entry.get("id"), str)]
    profile_ids = [name for _, name in _ids(tree, "assumptions", "profiles")] + [profile.id for profile in profiles()]
    price_ids = [name for _, name in _ids(tree, "assumptions", "gpu_prices")] + [price.id for price in gpu_prices()]

    for path, source in _entries(tree, "sources"):
        own = source.get("id")
        yield from _missing(tree, _at(source, path, "billed_by"), "source of money", [name for name in money if name != own])
        constants = source.get("constants")
        if isinstance(constants, dict):
            yield from _missing(tree, _at(constants, (*path, "constants"), "workload"), "workload", row_names)
            yield from _missing(tree, _at(constants, (*path, "constants"), "pool"), "pool", pools)
    for path, workload in _entries(tree, "workloads"):
        candidates = workload.get("candidates")
        own_side = candidates.get("self_host") if isinstance(candidates, dict) else None
        if isinstance(own_side, dict):
            at = (*path, "candidates", "self_host")
            yield from _missing(tree, _at(own_side, at, "profile"), "profile", profile_ids)
            yield from _missing(tree, _at(own_side, at, "gpu_price"), "GPU price", price_ids)
            yield from _missing(tree, _at(own_side, at, "pool"), "pool", pools)
            yield from _other_profile(tree, own_side, at)
    for path, pool in _entries(tree, "pools"):
        yield from _missing(tree, _at(pool, path, "profile"), "profile", profile_ids)
        for at, idle in _at(pool, path, "idle"):
            if idle.startswith("owner:") and idle != "owner:":
                yield from _missing(tree, [(at, idle.removeprefix("owner:"))], "workload", workloads)
    for path, rule in _entries(tree, "rules"):
        split = rule.get("split")
        if isinstance(split, dict):
            named = [((*path, "split", "among", at), name) for at, name in _texts(split.get("among"))]
            if not isinstance(split.get("among"), list) and split.get("among") not in AMONG_GROUPS and isinstance(split.get("weights"), dict):
                named = [((*path, "split", "weights", name), name) for name in split["weights"]]
            yield from _missing(tree, named, "workload", workloads)
    for section in ("workloads", "pools", "rules"):
        for path, _ in _entries(tree, section):
            for at, entry in _entries(tree, *path, "match"):
                literal = [named for key in ("source", "not.source") for named in _at(entry, at, key) if not re.search(r"[*?\[]", named[1])]
                yield from _missing(tree, literal, "source", sources)


def _other_profile(tree: Tree, candidate: dict[str, Any], path: KeyPath) -> Iterator[ConfigError]:
    """A candidate that would join a pool whose replicas are of another kind."""
    for _, pool in _entries(tree, "pools"):
        if pool.get("id") == candidate.get("pool") and isinstance(pool.get("profile"), str) and pool["profile"] != candidate.get("profile"):
            yield ConfigError(
                "A candidate can't join a pool of another profile.",
                where=tree.where((*path, "pool")),
                found=f"profile {candidate.get('profile')}; pool {pool['id']} has {pool['profile']}",
                expected=f"profile: {pool['profile']}",
                todo="Name the pool's profile, or leave `pool` out to weigh a fleet of its own.",
            )


def _missing(tree: Tree, names: Iterable[Named], kind: str, known: list[str]) -> Iterator[ConfigError]:
    for path, name in names:
        if name in known or path in tree.unresolved or (_SECTION_OF[kind],) in tree.unresolved:
            continue
        written = tree.shown(tree.existing(path)) or ""
        hint = did_you_mean(name if written.endswith(name) or path[-1] == name else "${", known)
        found = name if path[-1] == name else written
        offered = ", ".join(sorted(set(known))[:12]) + (", ..." if len(set(known)) > 12 else "") if known else "none is configured"
        yield ConfigError(f"There is no such {kind}.", where=tree.where(path), found=found, expected=f"a {kind}: {offered}", todo=hint)


def _entries(tree: Tree, *path: str | int) -> list[tuple[KeyPath, dict[str, Any]]]:
    """The mappings of the list at a path, whatever else may be wrong."""
    if tree.existing(path) != path:
        return []
    node = tree.at(path, resolved=True)
    return [((*path, position), entry) for position, entry in enumerate(node if isinstance(node, list) else []) if isinstance(entry, dict)]


def _ids(tree: Tree, *path: str) -> list[Named]:
    return [named for at, entry in _entries(tree, *path) for named in _at(entry, at, "id")]


def _at(entry: dict[str, Any], path: KeyPath, key: str) -> list[Named]:
    value = entry.get(key)
    return [((*path, key), value)] if isinstance(value, str) and value else []


def _texts(node: object) -> list[tuple[int, str]]:
    return [(position, name) for position, name in enumerate(node if isinstance(node, list) else []) if isinstance(name, str)]


def _identity(entry: dict[str, Any], *keys: str) -> str:
    return " ".join(str(entry.get(key)) for key in keys if entry.get(key) is not None)
