"""Which samples of a series count, and what lies between two of them. Pure functions on arrays of milliseconds.

One rule serves overlapping chunks, chunks saved twice and replicas of a highly available Prometheus: the first observer is believed, the next
one only where the first was blind. A counter is the server's, whoever reads it, so going over from one observer to another inside a gap
neither makes nor loses tokens: the increase over the gap is the same, only cut finer. Merging their samples would not do: a replica whose
clock or scrape is late shows a value below the one before it, which reads as a restart and counts everything twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Positions = NDArray[np.int64]

# A gap is longer than this many scrape intervals; as long does a gauge's value hold at most.
GAP_INTERVALS = 3
HOUR_MS = 3_600_000


def chosen(at: Times, observers: Sequence[Sequence[Positions]], interval_ms: int, carried_ms: int | None) -> Positions:
    """The positions in `at` of the samples that count, in time order.

    `observers` are the series' observers, first the one to be believed, each with the positions of its files' samples in time order;
    `interval_ms` is the scrape interval; `carried_ms` is the time of the last sample before these.
    """
    have = np.empty(0, np.int64)
    for files in observers:
        mine, overlapping = _one_after_the_other(at, files, interval_ms)
        for extra in overlapping:
            mine = _filled(at, mine, extra, interval_ms, None)
        have = _filled(at, have, mine, interval_ms, carried_ms) if have.size else mine
    return have


def _one_after_the_other(at: Times, files: Sequence[Positions], interval_ms: int) -> tuple[Positions, list[Positions]]:
    """The samples of files by which one observer went on in time, and the parts of files that lie beside these."""
    taken: list[Positions] = []
    beside: list[Positions] = []
    end_ms = -1
    for file in sorted(files, key=lambda positions: int(at[positions[0]])):
        start = int(np.searchsorted(at[file], end_ms + max(interval_ms // 2, 1))) if taken else 0
        if start:
            beside.append(file[:start])
        if start < file.size:
            taken.append(file[start:])
            end_ms = int(at[file[-1]])
    return np.concatenate(taken), beside


def _filled(at: Times, have: Positions, more: Positions, interval_ms: int, carried_ms: int | None) -> Positions:
    """`have`, and of `more` what lies in its gaps, half an interval away from it at least."""
    known = at[have] if carried_ms is None else np.concatenate([[carried_ms], at[have]])
    times = at[more]
    right = np.searchsorted(known, times)
    before = np.where(right > 0, times - known[np.maximum(right - 1, 0)], -1)
    after = np.where(right < known.size, known[np.minimum(right, known.size - 1)] - times, -1)
    # an end that is open has no distance: -1 keeps out of both comparisons
    is_clear = ((before < 0) | (2 * before >= interval_ms)) & ((after < 0) | (2 * after >= interval_ms)) & (before != 0) & (after != 0)
    is_gap = np.maximum(before, 0) + np.maximum(after, 0) > GAP_INTERVALS * interval_ms
    both = np.concatenate([have, more[is_clear & is_gap]])
    return both[np.argsort(at[both], kind="stable")]


def scrape_interval_ms(at: Times, files: Sequence[Positions], carried_ms: int | None) -> int | None:
    """The median time between two samples of one file, the lower of two; None where there is one sample alone."""
    gaps = np.concatenate([np.empty(0, np.int64), *(np.diff(at[file]) for file in files)])
    if not gaps.size:  # a sample a file
        gaps = np.diff(np.unique(at if carried_ms is None else np.append(at, carried_ms)))
    gaps = np.sort(gaps[gaps > 0])
    return int(gaps[(gaps.size - 1) // 2]) if gaps.size else None


def cut_by_hour(start: Times, end: Times) -> tuple[Positions, Times, Times]:
    """Spans of time cut at full hours: the position of the span that each piece is of, the piece's start and its end."""
    pieces = np.maximum((end - 1) // HOUR_MS - start // HOUR_MS, 0) + 1
    span = np.repeat(np.arange(start.size), pieces)
    nth = np.arange(span.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    hour = start[span] // HOUR_MS + nth
    return span, np.maximum(start[span], hour * HOUR_MS), np.minimum(end[span], (hour + 1) * HOUR_MS)
