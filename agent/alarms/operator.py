"""What operators have decided about one alarm: acknowledged, latched, shelved, out of service.

Whether the condition is there is `agent.alarms.lifecycle`'s; here is what people make of it, and what is shown of both
together. After ISA-18.2-2016 §5.2 and IEC 62682:2022 §5.2: a returned alarm may wait to be acknowledged, a latched one to
be reset, a shelved one comes back by itself. Per row there is one byte; who did what, and why, is kept for the few rows
of which there is something to keep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.types import AlarmState, Transition

UNACKNOWLEDGED, LATCHED, SHELVED, DISABLED = 1, 2, 4, 8  # bits of a row's mark
SUPPRESSED = SHELVED | DISABLED


class Verb(StrEnum):
    """What an operator can do about an alarm."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    DISABLE = "disable"
    ENABLE = "enable"
    RESET = "reset"


class Deed(NamedTuple):
    """Who decided something, when (UTC seconds), and what was said about it."""

    time: float
    by: str = ""
    comment: str = ""


class Decisions(NamedTuple):
    """What is in force for one row."""

    acknowledged: Deed | None = None  # of the present episode
    shelved: Deed | None = None
    until: float = -math.inf  # when shelving ends, UTC seconds
    disabled: Deed | None = None


NONE = Decisions()


class Operator:
    """The marks and decisions of all rows of one alarm."""

    def __init__(self, *, latching: bool) -> None:
        self.latching = latching
        self.marks: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.decisions: dict[int, Decisions] = {}  # of the rows that have any: bounded by the rows
        self.due = math.inf  # no shelving ends before this
        self._view = self.marks.data

    def grow(self, capacity: int) -> None:
        fresh = np.zeros(capacity, np.uint8)
        fresh[: len(self.marks)] = self.marks
        self.marks = fresh
        self._view = fresh.data

    # -- what is shown

    def hides(self, row: int) -> bool:
        """Whether nothing is said while the condition comes and goes."""
        return bool(self._view[row] & SUPPRESSED)

    def marked(self, row: int) -> int:
        return int(self._view[row])

    def acknowledged(self, row: int) -> bool:
        """Whether nothing waits to be acknowledged."""
        return not self._view[row] & UNACKNOWLEDGED

    def state(self, row: int, *, present: bool) -> AlarmState:
        """As it is published. present: whether the condition is there."""
        return state_of(int(self._view[row]), present=present)

    def of(self, row: int) -> Decisions:
        return self.decisions.get(row, NONE)

    # -- the condition comes and goes

    def on_raise(self, row: int) -> None:
        self._view[row] = (self._view[row] | UNACKNOWLEDGED) & ~LATCHED
        self._decide(row, self.of(row)._replace(acknowledged=None))

    def on_clear(self, row: int) -> Transition:
        if self.latching:
            # Also while shelved: a latching alarm is there so that nothing comes and goes unseen.
            self._view[row] |= LATCHED
            return Transition.LATCHED
        if self.hides(row):
            self._view[row] &= ~UNACKNOWLEDGED
        self._decide(row, self.of(row)._replace(acknowledged=None))
        return Transition.CLEARED

    # -- what people do

    def act(self, verb: Verb, row: int, deed: Deed, until: float, *, present: bool) -> Transition | None:
        """Do it; None where that changes nothing. present: whether the condition is there."""
        mark, decided = int(self._view[row]), self.of(row)
        match verb:
            case Verb.ACKNOWLEDGE if mark & UNACKNOWLEDGED:
                self._view[row] = mark & ~UNACKNOWLEDGED
                if present or mark & LATCHED:
                    self._decide(row, decided._replace(acknowledged=deed))
                return Transition.ACKNOWLEDGED
            case Verb.SHELVE if not (mark & SHELVED and until == decided.until):
                self._view[row] = mark | SHELVED
                self._decide(row, decided._replace(shelved=deed, until=until))
                self.due = min(self.due, until)
                return Transition.SHELVED
            case Verb.UNSHELVE if mark & SHELVED:
                return self.unshelve(row, present=present)
            case Verb.DISABLE if not mark & DISABLED:
                self._view[row] = mark | DISABLED
                self._decide(row, decided._replace(disabled=deed))
                return Transition.DISABLED
            case Verb.ENABLE if mark & DISABLED:
                self._view[row] = mark & ~DISABLED
                self._decide(row, decided._replace(disabled=None))
                self._back(row, present=present)
                return Transition.ENABLED
            case Verb.RESET if mark & LATCHED:
                self._view[row] = mark & ~(LATCHED | UNACKNOWLEDGED)
                self._decide(row, decided._replace(acknowledged=None))
                return Transition.RESET
        return None

    def unshelve(self, row: int, *, present: bool) -> Transition:
        self._view[row] &= ~SHELVED
        self._decide(row, self.of(row)._replace(shelved=None, until=-math.inf))
        self._back(row, present=present)
        return Transition.UNSHELVED

    def _back(self, row: int, *, present: bool) -> None:
        """No longer hidden: a condition that is there is news, whoever has seen it before."""
        if present and not self.hides(row):
            self._view[row] |= UNACKNOWLEDGED
            self._decide(row, self.of(row)._replace(acknowledged=None))

    def _decide(self, row: int, decided: Decisions) -> None:
        if decided == NONE:
            self.decisions.pop(row, None)
        else:
            self.decisions[row] = decided

    def release(self, row: int) -> bool:
        """Nothing latches any more; whether this row was."""
        held = self.marked(row) & LATCHED
        if held:
            self._view[row] &= ~(LATCHED | UNACKNOWLEDGED)
            self._decide(row, self.of(row)._replace(acknowledged=None))
        return bool(held)

    # -- time

    def ended(self, now: float) -> list[int]:
        """Rows, in their order, whose shelving has run out by `now`."""
        if now < self.due:
            return []
        shelved = {row: d.until for row, d in self.decisions.items() if d.shelved is not None}
        self.due = min((until for until in shelved.values() if until > now), default=math.inf)
        return sorted(row for row, until in shelved.items() if until <= now)

    # -- snapshots

    def export(self, size: int) -> list[list[Any]]:
        """Decisions of the first `size` rows, in their order, as plain lists."""
        return [
            [
                row,
                *(None if d is None else list(d) for d in (held.acknowledged, held.shelved, held.disabled)),
                held.until,
            ]
            for row, held in sorted(self.decisions.items())
            if row < size
        ]

    def load(self, saved: list[list[Any]], row_of: Mapping[int, int], *, anew: bool = False) -> None:
        """Take over exported decisions; row_of: the present row of each saved one that is still there.

        anew: its settings are others now, so that no episode goes on, and none is acknowledged.
        """
        for row, *deeds, until in saved:
            if row in row_of:
                acknowledged, shelved, disabled = (None if deed is None else Deed(*deed) for deed in deeds)
                self._decide(row_of[row], Decisions(None if anew else acknowledged, shelved, until, disabled))
                if shelved is not None:
                    self.due = min(self.due, until)


def state_of(mark: int, *, present: bool) -> AlarmState:
    """What is published of a row with this mark."""
    if mark & DISABLED:
        return AlarmState.DISABLED
    if mark & SHELVED:
        return AlarmState.SHELVED
    if present:
        return AlarmState.ACTIVE if mark & UNACKNOWLEDGED else AlarmState.ACKNOWLEDGED
    return AlarmState.LATCHED if mark & LATCHED else AlarmState.CLEARED


def moment(time: float) -> str:
    """UTC seconds as people read them; empty where no calendar has them."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
