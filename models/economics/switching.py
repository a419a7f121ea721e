"""No flip-flop: what an earlier decision still forbids (economics 2.11).

Here: the cool-down after an accepted move. The dead band, the persistence over complete months and the way back's own cost are tests of rule 8
(placement, finance). Not here: where decisions are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

COOL_DOWN_QUARTERS = 2
"""So many quarters after a move nothing is moved elsewhere for its cost (economics 2.11)."""

MOVES = ("move_to_self_host", "move_to_api", "split")
"""The recommendations that move a workload; another model on the same side moves nothing."""

DECISIONS = {"quarter": pl.String, "workload_id": pl.String, "recommendation": pl.String, "decision": pl.String}


@dataclass(frozen=True)
class AcceptedMove:
    """A move that was decided on: in which quarter, and the last quarter in which it keeps others from happening."""

    recommendation: str
    quarter: str
    until_quarter: str


def accepted_move(decisions: pl.DataFrame | None, workload_id: str, quarter: str) -> AcceptedMove | None:
    """The latest move of the workload that was accepted in one of the COOL_DOWN_QUARTERS before the quarter and not taken back since.

    decisions: quarter, workload_id, recommendation, decision ('accept', 'reject', 'defer'); further columns are ignored.
    """
    latest = _latest(decisions, quarter).get(workload_id)
    if latest is None or position(quarter) - latest[0] > COOL_DOWN_QUARTERS:
        return None
    place, recommendation = latest
    return AcceptedMove(recommendation, quarter_name(place), quarter_name(place + COOL_DOWN_QUARTERS))


def _latest(decisions: pl.DataFrame | None, quarter: str) -> dict[str, tuple[int, str]]:
    if decisions is None or decisions.is_empty():
        return {}
    found: dict[str, tuple[int, str]] = {}
    moves = decisions.filter(pl.col("recommendation").is_in(MOVES)).select("workload_id", "quarter", "recommendation", "decision")
    for workload_id, place, recommendation, decision in sorted((row[0], position(row[1]), *row[2:]) for row in moves.iter_rows()):
        if place >= position(quarter):
            continue
        if decision == "accept":
            found[workload_id] = (place, recommendation)
        elif found.get(workload_id, (place, ""))[1] == recommendation:
            del found[workload_id]  # what was accepted is recommended again, and now rejected or put off
    return found


def position(quarter: str) -> int:
    """A quarter's place in time: 2026-Q3 is one after 2026-Q2."""
    year, _, number = quarter.partition("-Q")
    return int(year) * 4 + int(number) - 1


def quarter_name(place: int) -> str:
    """The quarter at that place."""
    return f"{place // 4}-Q{place % 4 + 1}"


def cool_down_ends(move: AcceptedMove) -> str:
    """What ends a cool-down, in a sentence."""
    return f"{move.until_quarter} is over: until then nothing else is moved after the {move.recommendation} accepted in {move.quarter}."
