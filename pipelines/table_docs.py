"""`docs/tables.md`: what stands in the finance file, for people who query it. Written anew by `python -m pipelines.table_docs`.

Above the marker stands the introduction, written by hand; below it everything comes from `dbt_like_sql/comments.yaml`, as the comments in
the finance file do. Not here: those meanings themselves, and publication (`pipelines.publish`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.publish import TableComment, comments

FILE = Path(__file__).parents[1] / "docs" / "tables.md"
MARKER = "<!-- From here on written by `python -m pipelines.table_docs` out of dbt_like_sql/comments.yaml: change it there. -->"


def table_docs(tables: Mapping[str, TableComment]) -> str:
    """A section per table with a row per column, in the order of the finance file, under a list of them all."""
    index = [f"| [`{name}`](#{name}) | {_cell(said['comment'])} |" for name, said in tables.items()]
    sections = [_section(name, said) for name, said in tables.items()]
    return "\n".join(["| table | what its rows are |", "|---|---|", *index, "", "\n".join(sections)])


def refreshed(text: str, tables: Mapping[str, TableComment]) -> str:
    """The document with its hand-written introduction kept and the rest written anew. Raises ValueError where the marker is missing."""
    introduction, marker, _ = text.partition(MARKER)
    if not marker:
        raise ValueError(f"{FILE.name} must hold this line below its introduction: {MARKER}")
    return f"{introduction}{marker}\n\n{table_docs(tables)}"


def _section(name: str, said: TableComment) -> str:
    rows = [f"| `{column}` | {_cell(meaning)} |" for column, meaning in said["columns"].items()]
    return "\n".join([f"## {name}", "", said["comment"], "", "| column | meaning |", "|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(refreshed(FILE.read_text(encoding="utf-8"), comments()), encoding="utf-8")
