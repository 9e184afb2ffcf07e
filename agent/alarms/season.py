"""The week: by how much a channel is usually off what it is at that time of any day, so that a Sunday is no shift.

Arithmetic on a few columns that `agent.alarms.anomaly` owns; no limits, no words. The score knows the hours of the day
(`agent.alarms.score`), and what it is given here is the reading less what the day of the week usually adds:

    mean      of a visit to one of the 84 two-hour slots of a week (UTC), against the first reading of all
    W         the usual mean of each slot: w <- w + (mean - w) / k, with k the weeks seen, at most `WEEKS`
    addition  W of the slot, less the mean of W over the days at the same time of day

Whether a week explains anything is found out by foretelling: each visit's mean is compared with W of its slot, and with
what the same time of all days says, both of weeks before. Only where the former misses by less than `EXPLAINS` of what
the latter does, over a week at least, is the addition taken off. For noise alone the ratio is above one, since the mean of
fewer visits foretells worse; so a signal without a week is scored as if there were none.

All is learned when a slot is left, from readings in order of arrival, and by the same arithmetic for one row and for many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOT = 7200.0  # seconds
DAY, DAYS = 12, 7
SLOTS = DAY * DAYS
WEEKS = 6.0  # over which a slot's mean is learned
MEMORY = 2.0 * SLOTS  # visits over which the misses are
ENOUGH = float(SLOTS)  # visits foretold, before a week can explain anything
EXPLAINS = 0.5
SETTLED = 24.0  # visits, after which a single one counts for no more than
MOST = 6.0  # usual misses
UNKNOWN = 0.0  # in W; a mean that is zero is kept as
ZERO = 1e-30

SLOTTED = ("W",)
ROW = ("ref", "sum", "count", "slot", "miss_day", "miss_week", "visits", "found", "week")
NARROW = frozenset(("count", "slot", "miss_day", "miss_week", "visits", "found", "W"))
Columns = Mapping[str, NDArray[Any]]


def start(name: str) -> float:
    """A column's value before the first reading."""
    return -1.0 if name == "slot" else 0.0


def slot_of(time: float) -> int:
    """The slot of the week at a time, UTC seconds."""
    return int(time // SLOT % SLOTS)


def slots_of(times: NDArray[np.float64]) -> NDArray[np.intp]:
    return (times // SLOT % SLOTS).astype(np.intp)


def pass_by(
    c: Columns, rows: NDArray[np.intp], times: NDArray[np.float64], values: NDArray[np.float64], *, always: bool
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Take one reading of each of different rows.

    Returns what the day of the week adds to each, and the rows of which a week was found with it, for the first time.
    """
    slots = slots_of(times)
    left = c["slot"][rows] != slots
    found = rows[:0]
    if left.any():
        found = enter(c, rows[left], slots[left], values[left], always=always)
    c["sum"][rows] += values - c["ref"][rows]
    c["count"][rows] += 1.0
    return c["week"][rows], found


def run(
    c: Columns,
    rows: NDArray[np.intp],
    ordinals: NDArray[np.intp],
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    always: bool,
) -> tuple[Columns, NDArray[np.float64]] | None:
    """As `pass_by` for many readings of each row, and without touching `c`: what it would be for these rows, and what the
    day of the week adds to each reading. None: a week was found. ordinals: which of `rows` each reading is of; of one row they are in order.
    """
    after = {name: c[name][..., rows] for name in (*ROW, *SLOTTED)}
    slots = slots_of(times)
    order = np.argsort(ordinals, kind="stable")
    row, slot = ordinals[order], slots[order]
    first = np.append(True, row[1:] != row[:-1])
    left = np.where(first, after["slot"][row] != slot, np.append(True, slot[1:] != slot[:-1]))
    visits = np.cumsum(left)
    visits -= (visits - left)[first][np.cumsum(first) - 1]  # of the row, from 0 or, where it leaves at once, 1
    added = np.empty(len(times))
    for visit in range(int(visits.max(initial=0)) + 1):
        here = visits == visit
        begins = order[here & left]
        if len(begins) and len(enter(after, ordinals[begins], slots[begins], values[begins], always=always)):
            return None
        at = order[here]
        np.add.at(after["sum"], ordinals[at], values[at] - after["ref"][ordinals[at]])
        np.add.at(after["count"], ordinals[at], np.float32(1.0))
        added[at] = after["week"][ordinals[at]]
    return after, added


def enter(
    c: Columns, rows: NDArray[np.intp], slots: NDArray[np.intp], values: NDArray[np.float64], *, always: bool
) -> NDArray[np.intp]:
    """Rows leave the slots they were in, which are learned, and begin to be in others.

    values: the reading of each that begins it. always: take the addition off whether a week explains anything or not.
    Returns the rows of which a week was found, for the first time.
    """
    with np.errstate(all="ignore"):
        begun = c["slot"][rows] >= 0.0
        c["ref"][rows] = np.where(begun, c["ref"][rows], values)
        _learn(c, rows[begun])
        c["sum"][rows], c["count"][rows], c["slot"][rows] = 0.0, 0.0, slots
        explains = (c["visits"][rows] >= ENOUGH) & (c["miss_week"][rows] < EXPLAINS * c["miss_day"][rows].astype(float))
        usual = c["W"][slots, rows].astype(float)
        addition = usual - _any_day(c, rows, slots)
        known = (usual != UNKNOWN) & (explains | always) & np.isfinite(addition)
        c["week"][rows] = np.where(known, addition, 0.0)
    found: NDArray[np.intp] = rows[known & (c["found"][rows] == 0.0)]
    c["found"][found] = 1.0
    return found


def _any_day(c: Columns, rows: NDArray[np.intp], slots: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean, over the days of which it is known, of what is usual at the time of day of these slots."""
    total, days = np.zeros(len(rows)), np.zeros(len(rows))
    for day in range(DAYS):
        usual = c["W"][slots % DAY + day * DAY, rows].astype(float)
        total = total + usual
        days = days + (usual != UNKNOWN)
    mean: NDArray[np.float64] = total / np.maximum(days, 1.0)
    return mean


def _learn(c: Columns, rows: NDArray[np.intp]) -> None:
    """What the visit that ends says of its slot, and of whether a week explains it."""
    slots = c["slot"][rows].astype(np.intp)
    mean = c["sum"][rows] / np.maximum(c["count"][rows].astype(float), 1.0)
    usual, visits = c["W"][slots, rows].astype(float), c["visits"][rows].astype(float)
    known = usual != UNKNOWN
    pace = np.maximum(1.0 / (visits + 1.0), 1.0 / MEMORY)
    for name, foretold in (("miss_day", _any_day(c, rows, slots)), ("miss_week", usual)):
        miss = c[name][rows].astype(float)
        size = np.abs(mean - foretold)
        size = np.where(visits >= SETTLED, np.minimum(size, miss * MOST), size)
        c[name][rows] = np.where(known, miss + (size - miss) * pace, miss)
    most = np.where(visits >= SETTLED, c["miss_week"][rows].astype(float) * MOST, np.inf)
    step = np.maximum(np.minimum(mean - usual, most), -most) / np.minimum(visits / SLOTS + 2.0, WEEKS)
    learned = np.where(known, usual + step, mean)
    c["W"][slots, rows] = np.where(np.abs(learned) < ZERO, ZERO, learned)
    c["visits"][rows] = np.where(known, visits + 1.0, visits)
