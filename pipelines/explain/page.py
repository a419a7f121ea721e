"""The page on a terminal or in a pipe: headings, the sentences, the tables between them.

Not here: what is said (sentences).
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.explain.evidence import Row, is_zero
from pipelines.explain.words import (
    BASES,
    INPUTS,
    OUTCOMES,
    PROMISES,
    QUESTIONS,
    RECOMMENDATIONS,
    RULES,
    SIDES,
    day_text,
    label_text,
    match_text,
    quantity_text,
    reason_text,
    share_text,
    span_text,
    word,
)
from pipelines.report import money, plain_table

_SHOWN_ROWS = 10
_PAGE_WIDTH = 100


def print_page(document: Row) -> None:
    """Print the document. A terminal's width is used up to 100 columns; a pipe gets 100."""
    page = Console(highlight=False, emoji=False)
    page.width = min(page.width, _PAGE_WIDTH) if page.is_terminal else _PAGE_WIDTH
    said, workload, row = document["sentences"], document["workload"], document["recommendation"]
    owner = " ".join(f"({part})" for part in [", ".join(each for each in (workload["owner"], workload["cost_center"]) if each)] if part)
    verdict = word(RECOMMENDATIONS, row["recommendation"])
    page.print(Text.assemble((workload["name"], "bold"), f" {owner}: " if owner else ": ", (verdict, "bold green")))
    basis = f"data up to {day_text(document['as_of'])}, money in {document['currency']}"
    page.print(Text(f"{document['company']}, {document['quarter']} ({document['state']}), {basis}", "dim"))
    _section(page, "What is recommended", said["recommended"])
    _section(page, "Today", said["today"])
    if said["other"]:
        _section(page, "The other side", said["other"])
    if document["costs"]:
        title = "Both sides a month" if document["is_complete"] else "Both sides"
        _section(page, f"{title}, {document['span']}", [], _cost_table(document), said["costs"])
    if document["break_even"]:
        of_month = span_text([document["months"][-1]["month"]])
        _section(
            page, f"Break-even ({of_month})", said["break_even"], _break_even_table(document["break_even"]) if _has_break_even(document) else None
        )
    _section(page, "What a change is worth", said["worth"])
    _section(page, "The rules, in order; the first that decides binds", [], _rule_table(document["rules"], row["recommendation"]))
    _section(page, "The seven questions", [], _question_table(document["questions"]))
    if said["flips"]:
        _section(page, "What would decide it otherwise", said["flips"], _flip_table(document["sensitivity"]))
    if said["portfolio"]:
        _section(page, "Together with all others", said["portfolio"])
    if said["indicators"]:
        _section(page, "What else speaks for and against (it decides nothing)", said["indicators"])
    if said["red_flags"]:
        _section(page, "Red flags", said["red_flags"])
    if said["findings"]:
        _section(page, "Findings in its data", said["findings"])
    _section(page, "From the numbers back to their sources", said["trail"], _trail_table(document), _trail_rest(document))
    if document["files"]:
        _section(page, "The files behind them", [], _file_table(document["files"]))
    page.print()
    page.print(Text("To look at it yourself:", "bold"), Text(f"duckdb -readonly {document['finance']}"), soft_wrap=True)
    for query in document["queries"]:
        page.print(Text(f"  {query}"), soft_wrap=True)


def _section(page: Console, title: str, before: Sequence[str], table: Table | None = None, after: Sequence[str] = ()) -> None:
    page.print()
    page.print(Text(title, "bold"))
    _say(page, before)
    if table is not None and table.row_count:
        page.print(Padding(table, (0, 0, 0, 2), expand=False))
    _say(page, after)


def _say(page: Console, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        page.print(Text(fill(sentence, page.width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)), soft_wrap=True)


def _add(table: Table, *cells: str, style: str | None = None) -> None:
    """A row of plain text: nothing that a source or a configuration says is markup."""
    table.add_row(*map(Text, cells), style=style)


def _cost_table(document: Row) -> Table:
    paid = document["sides_paid"]
    sides = sorted(SIDES, key=lambda side: side not in paid)
    table = plain_table("what for", *(f">{SIDES[side]}, {'paid' if side in paid else 'would be'}" for side in sides))
    known = [row for row in document["costs"] if row["api"] is not None or row["self_host"] is not None]
    for row in known:
        if not is_zero(row):
            _add(table, label_text(row["cost_category"]), *("" if row[side] is None else money(row[side], 2) for side in sides))
    totals = [[row[side] for row in known if row[side] is not None] for side in sides]
    _add(table, "together", *(money(sum(each), 2) if each else "unknown" for each in totals), style="bold")
    return table


def _has_break_even(document: Row) -> bool:
    return any(row["break_even"] is not None for row in document["break_even"])


def _break_even_table(rows: list[Row]) -> Table:
    shown = {
        "tokens_per_day": ("tokens a day", quantity_text),
        "token_utilisation": ("share of GPU capacity at work", share_text),
        "api_price_per_million": ("API price per million tokens", lambda value: money(value, 4 if abs(value) < 1 else 2)),
    }
    table = plain_table("measure", ">now", ">break-even")
    for row in rows:
        label, text = shown[row["measure"]]
        _add(table, label, "unknown" if row["now"] is None else text(row["now"]), "none" if row["break_even"] is None else text(row["break_even"]))
    return table


def _flip_table(rows: list[Row]) -> Table:
    """Each input alone: from which value on all of it on the other side would pass its tests, or would no longer."""
    table = plain_table("one thing alone", ">today", ">turns at")
    for row in rows:
        _add(table, word(INPUTS, row["input"]), *(money(row[name], 2 if abs(row[name]) < 1000 else 0) for name in ("base", "flip_value")))
    return table


def _rule_table(rules: list[Row], recommendation: str) -> Table:
    table = plain_table("", "rule", "asks", "outcome")
    for row in rules:
        said = "" if row["recommendation"] is None else word(RECOMMENDATIONS, row["recommendation"])
        because = "" if row["reason"] in (None, row["rule"]) else f", because {reason_text(row['reason'])}"
        switch = ", with another model" if row["recommendation"] == "stay_on_api" and recommendation == "switch_api_model" else ""
        outcome = {
            "decides": f"decides: {said}{switch}{because}",
            "passes": "passes",
            "not_reached": f"not asked; would say: {said}{because}" if said else "not asked; nothing to say",
        }[row["outcome"]]
        _add(table, str(row["position"]), row["rule"], word(RULES, row["rule"]), outcome, style="bold" if row["outcome"] == "decides" else None)
    return table


def _question_table(questions: list[Row]) -> Table:
    table = plain_table("question", "answer", "outcome", "evidence", "answered by")
    for row in questions:
        _add(
            table,
            word(QUESTIONS, row["question"]),
            _answer(row),
            word(OUTCOMES, row["outcome"]),
            row["evidence"] or ("" if row["answer"] is None else "none given"),
            row["owner"] or "not named",
            style="bold" if row["outcome"] == "binds" else None,
        )
    return table


def _answer(row: Row) -> str:
    if row["answer"] is None:
        return "nothing measured" if row["question"] == "monthly_volume" else "nobody has answered"
    if row["question"] == "planned_life_months":
        return f"{row['answer']} months"
    if row["question"] == "sla":
        promises = [part.rpartition(" ") for part in row["answer"].split(", ")]
        return ", ".join(PROMISES.get(name, f"{name} {{}}").format(value) for name, _, value in promises)
    return str(row["answer"])


def _trail_table(document: Row) -> Table:
    table = plain_table("what for", ">amount", "known from", "file", ">row", "claimed by")
    shown = [row for row in document["trail"] if row["effective_cost"]][:_SHOWN_ROWS]
    for row in shown:
        first = "" if row["first_row_number"] is None else f"{row['first_row_number']:,}"
        of_source = [each["delivery"] for each in document["files"] if each["source_id"] == row["source_id"]]
        file = row["delivery"] or (of_source[0] if len(of_source) == 1 else f"{row['source_id']}: {len(of_source)} files")
        known = word(BASES, row["cost_basis"])
        _add(table, label_text(row["cost_category"]), money(row["effective_cost"], 2), known, file, first, match_text(row["match_id"]))
    return table


def _trail_rest(document: Row) -> list[str]:
    rest = [row["effective_cost"] for row in document["trail"] if row["effective_cost"]][_SHOWN_ROWS:]
    lines = [f"and {len(rest)} smaller lines, together {money(sum(rest), 2)}"] if rest else []
    if any(row["first_row_number"] is not None for row in document["trail"]):
        lines.append("row: the first one in that file, from 1, a header not counted. claimed by: # is the n-th entry of the match list.")
    return lines


def _file_table(files: list[Row]) -> Table:
    table = plain_table("source", "file", ">bytes", "SHA-256", "read (UTC)")
    for row in files[:_SHOWN_ROWS]:
        _add(table, row["source_id"], row["delivery"], f"{row['bytes']:,}", f"{row['sha256'][:16]}...", f"{row['ingested_at']:%Y-%m-%d %H:%M}")
    if len(files) > _SHOWN_ROWS:
        _add(table, "", f"and {len(files) - _SHOWN_ROWS} more", "", "", "")
    return table
