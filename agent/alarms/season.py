"""The week: by how much a channel is usually off what it is at that time of any day, so that a Sunday is no shift.

Arithmetic on a few columns that `agent.alarms.anomaly` owns; no limits, no words. The score knows the hours of the day
(`agent.alarms.score`), and what it is given here is the reading less what the day of the week usually adds:

    mean      of a visit to one of the slots of a week (UTC), against the row's reference (`agent.alarms.reference`)
    W         the usual mean of each slot: w <- w + (mean - w) / k, with k the weeks seen, at most `WEEKS`
    addition  W of the slot, less the mean of W over the days at the same time of day

Whether a week explains anything is found out by foretelling: each visit's mean is compared with W of its slot, and with
what the same time of all days says, both of weeks before. Only where the former misses by less than `EXPLAINS` of what
the latter does, over a week at least, is the addition taken off. For noise alone the ratio is above one, since the mean of
fewer visits foretells worse; so a signal without a week is scored as if there were none.

Most signals have no week, so they are looked at coarsely: a slot is a day, and nothing is taken off. Where the day of the
week explains the day's mean, the row begins anew with slots of two hours (`Weeks`), which have to explain for themselves.

All is learned when a slot is left, from readings in order of arrival, and by the same arithmetic for one row and for many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.columns import grown, room

DAYS = 7


class Grid(NamedTuple):
    """The slots of a week."""

    day: int  # slots a day
    slots: int
    seconds: float  # of a slot
    memory: float  # visits over which the misses are
    enough: float  # visits foretold, before a week can explain anything


def _grid(day: int) -> Grid:
    return Grid(day, DAYS * day, 86400.0 / day, 2.0 * DAYS * day, float(DAYS * day))


COARSE, FINE = _grid(1), _grid(12)
WEEKS = 6.0  # over which a slot's mean is learned
EXPLAINS = 0.5
COUNTS = 100.0**2  # a reading whose innovation, in variances, was more is no part of a visit's mean
SETTLED = 24.0  # visits, after which a single one counts for no more than
MOST = 6.0  # usual misses
UNKNOWN = 0.0  # in W; a mean that is zero is kept as
ZERO = 1e-30
WIDEST = 3e38  # what float32 holds
COUNTED = (WEEKS - 2.0) * FINE.slots  # visits, of which more say nothing more

NOWHERE = -1  # the slot before the first reading

SLOTTED = ("C",)  # W of the coarse slots
KINDS: dict[str, type[np.generic]] = {
    "ref": np.float64,
    "sum": np.float64,
    "count": np.float32,
    "slot": np.int8,
    "miss_day": np.float32,
    "miss_week": np.float32,
    "visits": np.uint16,
    "found": np.uint8,
    "week": np.float32,
    "C": np.float32,
}
ROW = tuple(name for name in KINDS if name not in SLOTTED)
Columns = Mapping[str, NDArray[Any]]
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def start(name: str) -> float:
    """A column's value before the first reading."""
    return {"slot": NOWHERE, "ref": math.nan}.get(name, 0.0)


class Weeks:
    """W of the fine slots, of the rows that have them: a place is given to each when it begins with them."""

    def __init__(self, place: NDArray[np.int32] | None = None, slots: NDArray[np.float32] | None = None) -> None:
        self.place: NDArray[np.int32] = np.zeros(0, np.int32) if place is None else place  # by row; 0: none
        self.slots: NDArray[np.float32] = np.zeros((FINE.slots, 1), np.float32) if slots is None else slots
        self.count = self.slots.shape[1] - 1
        self.places: Any = self.place.data

    def grow(self, capacity: int) -> None:
        self.place = grown({"place": self.place}, capacity)["place"]
        self.places = self.place.data

    def begin(self, rows: Rows) -> None:
        """Give these rows a place, with nothing known."""
        new = rows[self.place[rows] == 0]
        size = self.count + 1 + len(new)
        if size > self.slots.shape[1]:
            self.slots = grown({"W": self.slots}, room(self.slots.shape[1], size))["W"]
        self.place[new] = np.arange(self.count + 1, size)
        self.count = size - 1

    def some(self, rows: Rows) -> Weeks:
        """A copy for these rows, which are then 0, 1, ..."""
        at = self.place[rows]
        if not at.any():
            return Weeks(np.zeros(len(rows), np.int32))
        place = np.where(at > 0, np.arange(1, len(rows) + 1), 0).astype(np.int32)
        return Weeks(place, self.slots.take(np.append(0, at), axis=1))

    def put(self, rows: Rows, some: Weeks) -> None:
        """Take back what `some` gave, of rows that all had their places."""
        own = some.place > 0
        self.slots[:, self.place[rows[own]]] = some.slots[:, some.place[own]]

    def forget(self, rows: Rows) -> None:
        """Nothing is known of these rows, which keep their places."""
        self.slots[:, self.place[rows[self.place[rows] > 0]]] = UNKNOWN

    def move(self, rows: Rows, by: Floats) -> None:
        """Usual means are against another reference from now on."""
        own = self.place[rows] > 0
        at = self.place[rows[own]]
        self.slots[:, at] = moved(self.slots[:, at], by[own])

    def export(self, rows: Rows) -> dict[str, NDArray[Any]]:
        at = self.place[rows]
        return {"fine": (at > 0).astype(np.uint8), "W": self.slots[:, at].T} if at.any() else {}

    def load(self, rows: Rows, data: Mapping[str, NDArray[Any]]) -> None:
        self.place[rows] = 0
        if "fine" in data:
            own = data["fine"] > 0
            self.begin(rows[own])
            self.slots[:, self.place[rows[own]]] = data["W"][own].T


def load(c: Columns, weeks: Weeks, rows: Rows, data: Mapping[str, NDArray[Any]], *, always: bool) -> None:
    """Take over what was exported; what is of before there were seasons begins anew."""
    if "slot" not in data:
        return
    data = dict(data)
    if "C" not in data:  # all had fine slots then: kept where they have proved themselves
        kept = (data["slot"] != NOWHERE) if always else (data["found"] > 0)
        rows, data = rows[kept], {name: data[name][kept] for name in (*ROW, "W")}
        data |= {"fine": np.ones(len(rows), np.uint8), "C": np.zeros((len(rows), COARSE.slots))}
    data["visits"] = np.minimum(data["visits"], COUNTED)
    for name in (*ROW, *SLOTTED):
        c[name][..., rows] = data[name].T
    weeks.load(rows, data)


def moved(usual: NDArray[np.float32], by: Floats) -> Floats:
    """W (slots, rows), against a reference that is lower by as much as given (rows)."""
    return np.where(usual != UNKNOWN, _kept(usual.astype(float) + by), UNKNOWN)


def _kept(usual: Floats) -> Floats:
    """As W has it."""
    bounded = np.clip(usual, -WIDEST, WIDEST)
    return np.where(np.abs(bounded) < ZERO, ZERO, bounded)


def slot_of(time: float, *, fine: bool) -> int:
    """The slot of the week at a time, UTC seconds."""
    return int(time // FINE.seconds % FINE.slots) if fine else int(time // COARSE.seconds % COARSE.slots)


def slots_of(times: Floats, fine: Flags | None) -> Rows:
    """fine: which of them are of rows with fine slots; None: none is."""
    if fine is None or not fine.any():
        return (times // COARSE.seconds % COARSE.slots).astype(np.intp)
    by_day, slots = (times // g.seconds % g.slots for g in (COARSE, FINE))
    return np.where(fine, slots, by_day).astype(np.intp)


def pass_by(
    c: Columns, weeks: Weeks, rows: Rows, times: Floats, values: Floats, counts: Flags, *, always: bool
) -> tuple[Floats, Rows]:
    """Take one reading of each of different rows. counts: whether it is learned from (`COUNTS`).

    Returns what the day of the week adds to each, and the rows of which a week was found with it, for the first time.
    """
    left = c["slot"][rows] != slots_of(times, weeks.place[rows] > 0 if weeks.count else None)
    found = rows[:0]
    if left.any():
        found, _ = enter(c, weeks, rows[left], times[left], values[left], always=always)
    learned = rows[counts]
    c["sum"][learned] += values[counts] - c["ref"][learned]
    c["count"][learned] += np.float32(1.0)
    return c["week"][rows].astype(float), found


class Ran(NamedTuple):
    """What many readings make of some rows."""

    columns: Columns
    weeks: Weeks
    added: Floats  # by reading: what the day of the week adds


def run(
    c: Columns, weeks: Weeks, rows: Rows, ordinals: Rows, times: Floats, values: Floats, counts: Flags, *, always: bool
) -> Ran | None:
    """As `pass_by` for many readings of each row, and without touching anything: what it would be for these rows.

    ordinals: which of `rows` each reading is of; of one row they are in order. None: a week was found, or is looked at
    more closely from now on.
    """
    after = {name: c[name][..., rows] for name in (*ROW, *SLOTTED)}
    own = weeks.some(rows)
    slots = slots_of(times, own.place[ordinals] > 0)
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
        if len(begins):
            found, begun = enter(after, own, ordinals[begins], times[begins], values[begins], always=always)
            if len(found) or len(begun):
                return None
        at = order[here]
        added[at] = after["week"][ordinals[at]]
        at = at[counts[at]]
        np.add.at(after["sum"], ordinals[at], values[at] - after["ref"][ordinals[at]])
        np.add.at(after["count"], ordinals[at], np.float32(1.0))
    return Ran(after, own, added)


def enter_first(v: Mapping[str, Any], row: int, slot: int, value: float) -> None:
    """As `enter`, of one row that was in no slot yet and begins with the coarse ones. v: memory of the columns."""
    if v["ref"][row] != v["ref"][row]:
        v["ref"][row] = value
    v["sum"][row], v["count"][row], v["slot"][row] = 0.0, 0.0, slot


def enter(c: Columns, weeks: Weeks, rows: Rows, times: Floats, values: Floats, *, always: bool) -> tuple[Rows, Rows]:
    """Rows leave the slots they were in, which are learned, and begin to be in others.

    times, values: of the reading of each that begins it. always: have fine slots at once, and take the addition off
    whether a week explains anything or not.
    Returns the rows of which a week was found, for the first time, and those that begin with fine slots.
    """
    found = up = rows[:0]
    with np.errstate(all="ignore"):
        begun = c["slot"][rows] != NOWHERE
        c["ref"][rows] = np.where(np.isnan(c["ref"][rows]), values, c["ref"][rows])
        fine = weeks.place[rows] > 0
        coarse, close = rows[~fine], rows[fine]
        if len(coarse):
            learned = rows[begun & ~fine]
            _learn(COARSE, c, c["C"], learned, learned)
            up = coarse if always else coarse[_explains(COARSE, c, coarse)]
            if len(up):
                weeks.begin(up)
                for name in ("miss_day", "miss_week", "visits", "C"):
                    c[name][..., up] = 0
        if len(close):
            learned = rows[begun & fine]
            _learn(FINE, c, weeks.slots, learned, weeks.place[learned])
        slots = slots_of(times, weeks.place[rows] > 0)
        c["sum"][rows], c["count"][rows], c["slot"][rows] = 0.0, 0.0, slots
        if len(close):
            at, own = weeks.place[close], slots[fine]
            usual = weeks.slots[own, at].astype(float)
            addition = usual - _any_day(FINE, weeks.slots, at, own)
            known = (usual != UNKNOWN) & (_explains(FINE, c, close) | always) & np.isfinite(addition.astype(np.float32))
            c["week"][close] = np.where(known, addition, 0.0)
            found = close[known & (c["found"][close] == 0)]
            c["found"][found] = 1
    return found, up


def _explains(grid: Grid, c: Columns, rows: Rows) -> Flags:
    explains: Flags = c["miss_week"][rows] < EXPLAINS * c["miss_day"][rows].astype(float)
    return explains & (c["visits"][rows] >= grid.enough)


def _any_day(grid: Grid, usually: NDArray[Any], at: NDArray[Any], slots: Rows) -> Floats:
    """The mean, over the days of which it is known, of what is usual at the time of day of these slots.

    usually: W, by slots and places; at: the places.
    """
    total, days = np.zeros(len(at)), np.zeros(len(at))
    for day in range(DAYS):
        usual = usually[slots % grid.day + day * grid.day, at].astype(float)
        total = total + usual
        days = days + (usual != UNKNOWN)
    mean: Floats = total / np.maximum(days, 1.0)
    return mean


def _learn(grid: Grid, c: Columns, usually: NDArray[Any], rows: Rows, at: NDArray[Any]) -> None:
    """What the visit that ends says of its slot, and of whether a week explains it. usually, at: as in `_any_day`."""
    heard = c["count"][rows] > 0.0
    rows, at = rows[heard], at[heard]
    slots = c["slot"][rows].astype(np.intp)
    mean = c["sum"][rows] / c["count"][rows].astype(float)
    usual, visits = usually[slots, at].astype(float), c["visits"][rows].astype(float)
    known = usual != UNKNOWN
    pace = np.maximum(1.0 / (visits + 1.0), 1.0 / grid.memory)
    for name, foretold in (("miss_day", _any_day(grid, usually, at, slots)), ("miss_week", usual)):
        miss = c[name][rows].astype(float)
        size = np.minimum(np.abs(mean - foretold), WIDEST)
        size = np.where((visits >= SETTLED) & (miss > 0.0), np.minimum(size, miss * MOST), size)
        c[name][rows] = np.where(known, miss + (size - miss) * pace, miss)
    most = c["miss_week"][rows].astype(float) * MOST
    most = np.where((visits >= SETTLED) & (most > 0.0), most, np.inf)
    step = np.maximum(np.minimum(mean - usual, most), -most) / np.minimum(visits / grid.slots + 2.0, WEEKS)
    usually[slots, at] = _kept(np.where(known, usual + step, mean))
    c["visits"][rows] = np.where(known, np.minimum(visits + 1.0, COUNTED), visits)
