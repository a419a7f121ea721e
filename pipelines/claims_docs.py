"""`docs/claims.md`: what the articles claim, beside what comes out. Written anew by `python -m pipelines.claims_docs`.

Above the marker stands the introduction, written by hand; below it everything comes from `models.economics.claims`. Not here: the claims
themselves and their arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from models.economics.claims import ARTICLES, Claim, claims

FILE = Path(__file__).parents[1] / "docs" / "claims.md"
MARKER = "<!-- From here on written by `python -m pipelines.claims_docs` out of models/economics/claims: change it there. -->"
TAKEN_OVER = " (taken over)"
"""Follows a recomputed figure that is not derived here."""


def claims_docs(stated: Iterable[Claim], articles: Mapping[str, str]) -> str:
    """A section per article with a row per claim."""
    rows = list(stated)
    return "\n".join(_section(name, title, [claim for claim in rows if claim.article == name]) for name, title in articles.items())


def refreshed(text: str, stated: Iterable[Claim], articles: Mapping[str, str]) -> str:
    """The document with its hand-written introduction kept and the rest written anew. Raises ValueError where the marker is missing."""
    introduction, marker, _ = text.partition(MARKER)
    if not marker:
        raise ValueError(f"{FILE.name} must hold this line below its introduction: {MARKER}")
    return f"{introduction}{marker}\n\n{claims_docs(stated, articles)}"


def _section(name: str, title: str, rows: list[Claim]) -> str:
    head = ["| claim | published | recomputed | verdict | how |", "|---|---|---|---|---|"]
    return "\n".join([f"## {name}", "", f"{title}.", "", *head, *(_row(claim) for claim in rows), ""])


def _row(claim: Claim) -> str:
    where = f" ({claim.place})" if claim.place else ""
    recomputed = claim.recomputed + ("" if claim.is_rebuilt else TAKEN_OVER)
    cells = (claim.claim + where, claim.published, recomputed, claim.verdict, claim.arithmetic)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    FILE.write_text(refreshed(FILE.read_text(encoding="utf-8"), claims(), ARTICLES), encoding="utf-8")
