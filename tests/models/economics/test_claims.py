"""The articles' claims: the recomputed numbers of economics section 5 as literals, the verdicts that follow, and the document."""

from __future__ import annotations

import pytest

from models.economics.claims import ARTICLES, Claim, claims
from models.economics.claims.claim import agrees, judged, times_apart
from pipelines.claims_docs import FILE, MARKER, TAKEN_OVER, claims_docs, refreshed

CLAIMS = claims()


def claim(article: str, words: str) -> Claim:
    (found,) = [each for each in CLAIMS if each.article == article and words in each.claim]
    return found


# article, words of the claim, recomputed figures (economics section 5), tolerance, how the verdict begins
SECTION_5 = [
    ("Ivchenko", "10 M tokens a day", (10_950, 54_750), 0, "wrong by 99-164x"),
    ("Ivchenko", "700,000/", (71_066, 194.7), 5e-4, "wrong by 1,000x (units"),
    ("Ivchenko", "167 K, 310 K", (600.40675, 4925.4925, 166.9e6, 310.5e6, 602.7e6, 1369.9e6), 1e-9, "wrong by 1,000x"),
    ("Ivchenko", "200,000 tokens a day", (73e6,), 0, "wrong by 1.5x"),
    ("Ivchenko", "500 K tokens a day", (1_825, 194.7e6), 5e-4, "wrong by 389x"),
    ("Ivchenko", "discounting", (20.3, 28.3, 47.0), 2.5e-3, "wrong for its own range"),
    ("Ivchenko", "p4d", (287_065, 181_419, 129_560), 1e-5, "right (on-demand has since fallen to $21.96/h"),
    ("Ivchenko", "team", (1_431_000, 1_484_000, 1_537_000), 1e-9, "low end only"),
    ("Ivchenko", "update cycle", (56_000, 152_000, 28_000, 76_000), 0, "inconsistent"),
    ("Ivchenko", "power", (15_011.136, 3.2, 7.6), 1e-9, "wrong"),
    ("Ivchenko", "6.2 years", (6.18, 18.7, 14.5), 5e-3, "discounting left out"),
    ("goforapi", "100 tokens/s", (9.7222, 32.4074), 1e-5, "right"),
    ("goforapi", "75/25", (15.00, 0.648), 5e-4, "right"),
    # s = 1,155/14,571 + O (1/14,090 + 6.836e-8 (1,155 + O/2)): 0.11242 for 211, 0.13014 for 316.5, 0.23015 for 844 tokens out
    ("goforapi", "10x", (1.5, 4, 1.1576, 2.0472), 1e-4, "wrong quantity"),
    ("Garnet", "$15-25 K", (9_167, 13_833), 5e-5, "not reproducible"),
    ("Garnet", "50 M tokens", (9.86, 16.44), 5e-4, "holds for premium prices only"),
    ("Garnet", "p4d", (8,), 0, "wrong product"),
    # section 5 says $9.3/M and 0.4-1.4 %, of inputs that it does not give; these are the shipped catalogue's L40S
    ("Lyceum", "150-300 M", (9.3, 0.004, 0.014), 0.12, "wrong"),
    ("Lyceum", "prompt", (0.01450, 0.00325, 0.008875), 1e-9, "right, caching ignored"),
    # section 5 says 15.9-45 K, 59-72 K and 131-167 K, of inputs that it does not give; these are the shipped catalogue's fleets
    ("Redress", "above $20-40 K", (15_878, 41_295, 46_013, 71_429, 86_192, 111_608), 1e-4, "right, against premium APIs"),
    # section 5 says 430 K-1.18 M, of inputs that it does not give: 2 x 6.88 and 8 x 6.88 x 8,760, 1.5 and 3 x 166,667, 50,000 and 200,000;
    # a large model's two replicas are 16 GPUs
    ("Redress", "$400 K to $1.2 M", (420_538, 1_182_151, 1_664_302), 1e-5, "right up to a medium model"),
    ("Redress", "margin", (300_000, 260_870), 1e-5, "define which"),
    ("Redress", "three tiers", (0.95, 1.00), 1e-9, "inconsistent"),
    ("Redress", "hybrid", (0.105, 0.20, 0.462), 1e-3, "assumption"),
]


@pytest.mark.parametrize(("article", "words", "figures", "tolerance", "verdict"), SECTION_5)
def test_recomputed(article: str, words: str, figures: tuple[float, ...], tolerance: float, verdict: str) -> None:
    found = claim(article, words)
    assert found.figures == pytest.approx(figures, rel=max(tolerance, 1e-12))
    assert found.verdict.startswith(verdict)


def test_every_claim_is_tested_once() -> None:
    assert len(CLAIMS) == len(SECTION_5) == len({each.claim for each in CLAIMS})
    assert {each.article for each in CLAIMS} == set(ARTICLES)


def test_what_is_taken_over_says_why() -> None:
    taken_over = [each for each in CLAIMS if not each.is_rebuilt]
    assert [(each.article, each.place) for each in taken_over] == [
        ("Ivchenko", "table 2"),
        ("Ivchenko", "table 9"),
    ]
    for each in taken_over:
        assert "not recorded here" in " ".join(each.arithmetic.split())


def test_a_verdict_follows_from_the_numbers() -> None:
    assert judged([100, 200], [100.9, 199]) == "right"
    assert judged([100, 200], [100, 300]) == "wrong by 1.0-1.5x"
    assert judged([150], [300]) == judged([300], [150]) == "wrong by 2.0x"
    assert times_apart([1e3], [1.001e6]) == "1,000x"
    assert not agrees([1, 2], [1, 2.1])
    with pytest.raises(ValueError, match="zip"):
        agrees([1], [1, 2])


def test_the_document_is_up_to_date() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == refreshed(text, CLAIMS, ARTICLES), "run `python -m pipelines.claims_docs`"


def test_the_document_explains_its_numbers() -> None:
    introduction = FILE.read_text(encoding="utf-8").partition(MARKER)[0]
    assert TAKEN_OVER.strip().strip("()") in introduction


def test_a_section_per_article() -> None:
    one = Claim("A", "table 1", "x | y", "1", "2", "wrong by 2.0x", "1 + 1", (2.0,), is_rebuilt=False)
    assert claims_docs([one], {"A": "Its title"}).splitlines() == [
        "## A",
        "",
        "Its title.",
        "",
        "| claim | published | recomputed | verdict | how |",
        "|---|---|---|---|---|",
        "| x \\| y (table 1) | 1 | 2 (taken over) | wrong by 2.0x | 1 + 1 |",
    ]


def test_a_document_without_the_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold this line"):
        refreshed("Ours.", CLAIMS, ARTICLES)
