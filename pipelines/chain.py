"""Append-only, hash-chained files of `state/ledger/`: what can't be computed again.

One JSON object a line, each with the sha256 of the line before it, so that a line that was changed, left out or put in shows. Not here: what
the lines mean (`pipelines.rate_ledger`, `pipelines.restatements`, `pipelines.month_close`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.private_files import private_writer, settle, temporary_file
from models.errors import CrossoverError


@dataclass(frozen=True)
class Chain:
    """A file of lines with the same fields, all text; `holds` says of what, `otherwise` what happens without it."""

    name: str
    fields: tuple[str, ...]
    holds: str
    otherwise: str

    def file(self, state: Path) -> Path:
        """Where the chain of a state folder is."""
        return state / "ledger" / f"{self.name}.jsonl"

    def read(self, state: Path) -> list[dict[str, str]]:
        """Every line, each checked against the one before it. Raises CrossoverError where one was changed."""
        file = self.file(state)
        if not file.exists():
            return []
        lines: list[dict[str, str]] = []
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            line = _parsed(text)
            previous = lines[-1]["sha256"] if lines else ""
            if set(line) != {*self.fields, "previous", "sha256"} or line["previous"] != previous or line["sha256"] != self._digest(line):
                raise CrossoverError(
                    f"the ledger of {self.holds} was changed after it was written",
                    where=f"{file}, line {number}",
                    found="a line that does not fit its own sha256 and that of the line before",
                    expected="the lines as earlier runs wrote them",
                    todo=f"restore the file from a backup; without one, remove it: {self.otherwise}",
                )
            lines.append(line)
        return lines

    def append(self, state: Path, rows: Sequence[Sequence[str]]) -> None:
        """Add lines, given as the values of the fields. The file is replaced as a whole: a kill leaves the old lines or all of them."""
        if not rows:
            return
        lines = self.read(state)
        for values in rows:
            line = dict(zip(self.fields, values, strict=True)) | {"previous": lines[-1]["sha256"] if lines else ""}
            lines.append(line | {"sha256": self._digest(line)})
        file = self.file(state)
        with temporary_file(file.parent, file.name) as temporary:
            with private_writer(temporary) as target:
                target.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
            settle(temporary, file)

    def _digest(self, line: dict[str, str]) -> str:
        """The sha256 of a line without its own: of its fields and of the line before it."""
        content = {name: line.get(name) for name in (*self.fields, "previous")}
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _parsed(text: str) -> dict[str, str]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) and all(isinstance(value, str) for value in line.values()) else {}
