"""Late readings of many rows at once: each put in its place, or told why not, as `agent.bank` does for one row.

Rows in which the same number of readings comes before and after the place are re-filtered together. What is here
decides and orders; filtering is the bank's, and keeping readings and marks the history's.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.history import BACKLOG

if TYPE_CHECKING:
    from agent.bank import Bank

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
MOST_NEWER = 8  # newer readings of a row up to which its backlog is placed from the mark


class Outcome(IntEnum):
    """What became of a reading."""

    USED = 0
    PLACED = 1  # used, by re-filtering: it was not the newest
    LATE = 2
    DUPLICATE = 3


def place_backlog(bank: Bank, rows: Rows, entry: int, times: Floats, values: Floats) -> Flags:
    """Place readings that follow the one placed last in their row; which of them were of that kind."""
    history = bank.history
    end, after = history.position[rows], history.backlog[rows]
    newer = end - after
    start = np.maximum(0, ((end - 1) // bank.half - 1) * bank.half)
    fits: Flags = (after > start) & (newer > 0) & (newer <= MOST_NEWER)
    fits &= times >= bank.columns["T"][rows] - bank.late
    if not fits.any():
        return fits
    fits &= history.marked_many(rows, BACKLOG, bank.state_at("T")) < times
    fits &= times < history.numbered(rows, after)[0]
    for count in np.unique(newer[fits]).tolist():
        k = np.flatnonzero(fits & (newer == count))
        chosen = rows[k]
        behind = [history.numbered(chosen, after[k] + j) for j in range(count)]
        if any((e != e[0]).any() for _, e, _ in behind):
            fits[k] = False
            continue
        history.rewind_many(chosen, BACKLOG, after[k], bank.state_columns)
        bank.apply_many(chosen, entry, times[k], values[k])
        _remember(bank, chosen)
        for t, e, z in behind:
            bank.apply_many(chosen, int(e[0]), t, z)
    return fits


def place(bank: Bank, rows: Rows, entry: int, times: Floats, values: Floats, few: int) -> NDArray[np.uint8]:
    """Place readings anywhere in the windows of their rows. Fewer than `few` alike go one by one."""
    history, half = bank.history, bank.half
    outcomes = np.full(len(rows), Outcome.PLACED, np.uint8)
    end = history.position[rows]
    start = np.maximum(0, ((end - 1) // half - 1) * half)
    numbers = start + np.arange(2 * half)[:, None]  # one column per row
    held = numbers < end
    t, e, z = (a.reshape(2 * half, -1) for a in history.numbered(np.tile(rows, 2 * half), numbers.reshape(-1)))
    same = t == times
    before = held & ((t < times) | (same & (e < entry)))
    late = times < bank.columns["T"][rows] - bank.late
    at_start = (start // half) & 1

    def marked(name: str) -> Floats:
        first, second = (history.marked_many(rows, slot, bank.state_at(name)) for slot in (0, 1))
        return np.where(at_start == 0, first, second)

    marked_time = marked("T")
    late |= times < marked_time
    at_mark = times == marked_time
    if bank.solo:
        twice = at_mark
    else:
        late |= at_mark & (entry <= marked("L"))
        twice = at_mark & (marked(f"t{entry}") == times) if entry < bank.measured else np.zeros(len(rows), bool)
    outcomes[late | (end == 0)] = Outcome.LATE
    outcomes[((held & same & (e == entry)).any(axis=0) | twice) & (end > 0)] = Outcome.DUPLICATE
    which = np.flatnonzero(outcomes == Outcome.PLACED)
    # From the second checkpoint where the reading comes after the one that follows it.
    skipped = np.where(before[half], half, 0)
    places = before.sum(axis=0) - skipped
    alike: dict[tuple[int, int, bytes], list[int]] = {}
    lengths = end - start - skipped
    for k, own in zip(which.tolist(), zip(lengths[which].tolist(), places[which].tolist(), strict=True), strict=True):
        entries = b"" if bank.solo else e[skipped[k] : skipped[k] + own[0], k].tobytes()
        alike.setdefault((*own, entries), []).append(k)
    for (length, index, _), group in alike.items():
        if len(group) < few:
            for k in group:
                outcomes[k] = bank.update(int(rows[k]), entry, float(times[k]), float(values[k]))
            continue
        these = np.array(group)
        chosen, first = rows[these], skipped[these]
        begin = start[these] + first
        slots = (begin // half) & 1
        for slot in (0, 1):
            of_slot = slots == slot
            if of_slot.any():
                history.rewind_many(chosen[of_slot], slot, begin[of_slot], bank.state_columns)
        for j in range(length + 1):
            if j == index:
                bank.apply_many(chosen, entry, times[these], values[these])
                _remember(bank, chosen)
            if j < length:
                at = first + j, these
                bank.apply_many(chosen, int(e[at][0]), t[at], z[at])
    return outcomes


def _remember(bank: Bank, rows: Rows) -> None:
    """Mark the state right after the reading that was just placed."""
    bank.history.mark_many(rows, BACKLOG, bank.state_columns)
    bank.history.backlog[rows] = bank.history.position[rows]
