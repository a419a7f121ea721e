"""Reading YAML and JSON without changing a value: every scalar stays the text that stands in the file, so that a price of `1.10`, an
account `0042` and a model `4.10` arrive as written and money never passes through a binary float. What a value means is not decided here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from models.errors import ConfigError

VALUES_MAX = 1_000_000  # with aliases expanded: a file of a few lines must not unfold into gigabytes

Key = str | int
KeyPath = tuple[Key, ...]


@dataclass(frozen=True)
class Document:
    """One file. `value` is made of dict, list, str and None; `lines` tells where each key path stands (none for JSON files)."""

    name: str
    value: object
    lines: dict[KeyPath, int]


def read_document(path: Path, name: str) -> Document:
    """Read one YAML or JSON file; `name` is what messages call it.

    Raises ConfigError: no such file, unreadable, not UTF-8, empty, not well-formed, a key given twice, a YAML tag.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("There is no such file.", where=name, found=f"nothing at {path}", todo="Correct the path or create the file.") from None
    except IsADirectoryError:
        raise ConfigError("This is a folder, not a file.", where=name, expected="a YAML or JSON file") from None
    except UnicodeDecodeError as error:
        raise ConfigError("This file is not UTF-8 text.", where=f"{name}, byte {error.start}", todo="Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError("This file can't be read.", where=name, found=error.strerror) from None
    try:
        document = _read_json(text, name) if path.suffix == ".json" else _read_yaml(text, name)
    except RecursionError:
        raise ConfigError("This file is nested too deeply.", where=name) from None
    if document.value is None:
        raise ConfigError("This file is empty.", where=name, expected="keys and values, see docs/configuration.md")
    return document


def _read_json(text: str, name: str) -> Document:
    if not text.strip():
        return Document(name, None, {})

    def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ConfigError("A key is given twice.", where=name, found=key, todo="Keep one.")
            seen.add(key)
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=mapping, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ConfigError("This is not valid JSON.", where=f"{name} line {error.lineno}", found=error.msg) from None
    return Document(name, _truth_as_text(value), {})


def _truth_as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: _truth_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_truth_as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


class _TextLoader(yaml.SafeLoader):
    """Composes nodes only; no plain scalar is taken for a number, a date or a truth value."""


_TextLoader.yaml_implicit_resolvers = {}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")}
_NULLS = {"", "~", "null", "Null", "NULL"}


def _read_yaml(text: str, name: str) -> Document:
    try:
        root = yaml.compose(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name} line {mark.line + 1}" if mark else name
        line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
        raise ConfigError(
            "This is not valid YAML.", where=where, found=error.problem or error.context, todo=_hint(error.problem or "", line)
        ) from None
    except yaml.reader.ReaderError as error:
        raise ConfigError("This is not valid YAML.", where=name, found=f"a character that YAML does not allow: U+{error.character:04X}") from None
    if root is None:
        return Document(name, None, {})
    builder = _Builder(name)
    return Document(name, builder.build(root, ()), builder.lines)


def _hint(problem: str, line: str) -> str | None:
    if "\\t" in problem:
        return "Indent with spaces: YAML does not allow tabs."
    if "${" in line:
        return "Within { } put quotes around a variable: '${NAME}'."
    if "could not find expected ':'" in problem:
        return "Look at this line and the one before it: a colon or a quote is missing."
    return None


class _Builder:
    """Turns YAML nodes into plain values, noting each one's line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.open_nodes: set[int] = set()
        self.values_built = 0

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.values_built += 1
        if self.values_built > VALUES_MAX:
            raise ConfigError("This file unfolds into too many values.", where=self.name, expected=f"at most {VALUES_MAX:,} values, aliases included")
        if node.tag not in _PLAIN_TAGS:
            raise ConfigError("YAML tags are not used here.", where=f"{self.name} line {line}", found=node.tag, todo="Write the plain value.")
        if isinstance(node, yaml.ScalarNode):
            return None if node.style is None and node.value in _NULLS else str(node.value)
        if id(node) in self.open_nodes:
            raise ConfigError("An alias contains itself.", where=f"{self.name} line {line}")
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, position)) for position, item in enumerate(node.value)]
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self.open_nodes.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError("A key must be a text.", where=f"{self.name} line {line}", found="a list or mapping as a key")
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                for part in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    values = self.build(part, path)
                    if not isinstance(values, dict):
                        raise ConfigError("`<<` merges mappings only.", where=f"{self.name} line {line}", found="a text or list")
                    merged = values | merged
                continue
            if key in own:
                first = self.lines[(*path, key)]
                raise ConfigError("A key is given twice.", where=f"{self.name} line {line}", found=f"{key}, also on line {first}", todo="Keep one.")
            self.lines[(*path, key)] = line
            own[key] = self.build(value_node, (*path, key))
        return merged | own
