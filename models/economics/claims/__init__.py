"""What five articles on self-hosting claim, recomputed with this product's own formulas: published, recomputed, verdict.

Here: the claims in the order of their articles. A reviewer will arrive with one of these numbers in hand. Not here: how the document is
written (`pipelines.claims_docs`), any number that a company's decision rests on.
"""

from __future__ import annotations

from models.economics.claims.claim import Claim
from models.economics.claims.hosting import garnet, goforapi, lyceum
from models.economics.claims.ivchenko import ivchenko
from models.economics.claims.redress import redress

ARTICLES = {
    "Ivchenko": "The hidden costs of “free” open source AI, February 2026",
    "goforapi": "Open-source models: one critical cost",
    "Garnet": "Open source LLMs for enterprise: the self-hosting calculus",
    "Lyceum": "Open source vs closed API: LLM cost comparison, June 2026",
    "Redress": "Open-source LLMs vs commercial AI: an enterprise comparison",
}
"""The articles by the name used for them."""


def claims() -> tuple[Claim, ...]:
    """Every claim, article by article."""
    return (*ivchenko(), *goforapi(), *garnet(), *lyceum(), *redress())


__all__ = ["ARTICLES", "Claim", "claims"]
