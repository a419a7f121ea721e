"""The configuration as written, before anything is known of its meaning: files put together, environment variables read, and for every
key path the file and line it came from. Its messages never show what a variable holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ConfigError
from models.yaml_text import KeyPath, read_document

INCLUDABLE = ("workloads", "pools", "rules", "assumptions")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOUND_CHARACTERS_MAX = 80


@dataclass
class Tree:
    """`raw` is what the files say, `resolved` the same with `${NAME}` replaced; `unresolved` are the paths whose variable is missing."""

    raw: dict[str, Any]
    resolved: dict[str, Any]
    places: Mapping[KeyPath, str]
    file: str
    problems: list[ConfigError] = field(default_factory=list)
    unresolved: set[KeyPath] = field(default_factory=set)

    def existing(self, path: KeyPath) -> KeyPath:
        """The longest beginning of a path that the user wrote."""
        node: Any = self.raw
        for depth, key in enumerate(path):
            is_there = key in node if isinstance(node, dict) else isinstance(node, list) and isinstance(key, int) and key < len(node)
            if not is_there:
                return path[:depth]
            node = node[key]
        return path

    def at(self, path: KeyPath, *, resolved: bool = False) -> Any:
        """The value at an existing path, as written or with its variables read."""
        node: Any = self.resolved if resolved else self.raw
        for key in path:
            node = node[key]
        return node

    def where(self, path: KeyPath) -> str:
        """`crossover.yaml line 12, sources[0].kind`"""
        existing = self.existing(path)
        known = next((existing[:depth] for depth in range(len(existing), 0, -1) if existing[:depth] in self.places), ())
        return ", ".join(part for part in (self.places.get(known, self.file), key_text(path)) if part)

    def shown(self, path: KeyPath) -> str | None:
        """What stands at an existing path, short and without secrets."""
        value = self.at(path)
        if is_secret(path):
            return None
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return f"a list of {len(value)}"
        if value is None:
            return "nothing"
        return value if 0 < len(value) <= _FOUND_CHARACTERS_MAX else f"{value[:_FOUND_CHARACTERS_MAX]}..." if value else "an empty text"


def key_text(path: KeyPath) -> str:
    """`("workloads", 2, "placement")` as `workloads[2].placement`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def is_secret(path: KeyPath) -> bool:
    """Whether a path holds a secret or an address that may carry one."""
    return len(path) >= 3 and path[0] == "sources" and path[2] in ("api_key", "base_url", "endpoint_url")


def read_tree(path: Path, environ: Mapping[str, str]) -> Tree:
    """Read a configuration and the files it names.

    Problems of one value (a missing variable, a literal secret, a broken included file) are collected in the tree; a main file that can't be
    read at all raises ConfigError.
    """
    main = read_document(path, path.name)
    if not isinstance(main.value, dict):
        found = "a list" if isinstance(main.value, list) else "a text"
        raise ConfigError("This is not a configuration.", where=path.name, found=found, expected="keys and values, such as company: Example AG")
    raw: dict[str, Any] = dict(main.value)
    places = {at: f"{path.name} line {line}" for at, line in main.lines.items()}
    tree = Tree(raw, {}, places, path.name)
    for section in INCLUDABLE:
        if isinstance(raw.get(section), str):
            _include(tree, places, section, path.parent, environ)
    for key, value in raw.items():
        tree.resolved[key] = _resolve(tree, value, (key,), environ)
    _refuse_literal_secrets(tree)
    return tree


def _include(tree: Tree, places: dict[KeyPath, str], section: str, folder: Path, environ: Mapping[str, str]) -> None:
    name = _resolve(tree, tree.raw.pop(section), (section,), environ)
    if (section,) in tree.unresolved:
        return
    try:
        document = read_document(folder / name, name)
    except ConfigError as error:
        named_at = f"{error.where}, named by {section} in {places.get((section,), tree.file)}"
        tree.problems.append(ConfigError(error.what, where=named_at, found=error.found, expected=error.expected, todo=error.todo))
        tree.unresolved.add((section,))
        return
    tree.raw[section] = document.value
    places[(section,)] = name
    places.update({(section, *at): f"{name} line {line}" for at, line in document.lines.items()})


def _resolve(tree: Tree, value: Any, path: KeyPath, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(tree, item, (*path, key), environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(tree, item, (*path, position), environ) for position, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    for name in _VARIABLE.findall(value) or [value]:
        if not _VARIABLE_NAME.fullmatch(name):
            found = None if is_secret(path) else value
            tree.problems.append(ConfigError("This is no environment variable.", where=tree.where(path), found=found, expected="${NAME}"))
            tree.unresolved.add(path)
        elif name not in environ:
            todo = f"Set it before the run: export {name}=..."
            tree.problems.append(ConfigError(f"The environment variable {name} is not set.", where=tree.where(path), todo=todo))
            tree.unresolved.add(path)
    return value if path in tree.unresolved else _VARIABLE.sub(lambda match: environ[match[1]], value)


def _refuse_literal_secrets(tree: Tree) -> None:
    sources = tree.raw.get("sources")
    for position, source in enumerate(sources if isinstance(sources, list) else ()):
        key = source.get("api_key") if isinstance(source, dict) else None
        if isinstance(key, str) and not _VARIABLE.fullmatch(key):
            path: KeyPath = ("sources", position, "api_key")
            todo = "Put the secret into an environment variable, name it here, and renew it: it has stood in a file."
            problem = ConfigError("A secret stands in the file.", where=tree.where(path), expected="${NAME}", todo=todo)
            tree.problems.append(problem)
            tree.unresolved.add(path)
