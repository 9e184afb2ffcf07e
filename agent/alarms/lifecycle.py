"""The life of an alarm: normal, waiting to be raised, active, waiting to clear.

One `Lifecycle` is one alarm of one block: a rule, its delays, and a phase per row. A change comes out only when the
condition has come or gone; while it lasts nothing is repeated, and nothing is raised while a channel learns.
After ISA-18.2-2016 §5.2 and IEC 62682:2022 §5.2, of which this is the process's part; `agent.alarms.operator` is the
operator's. Whether a change is said at all is decided where it becomes a publication, in `agent.block`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms.anomaly import Anomaly
from agent.alarms.operator import SUPPRESSED, Deed, Operator, Verb
from agent.alarms.rules import Absence, Index, Rule, Surprise, Watched
from agent.columns import grown
from agent.config import Alarm
from agent.types import AlarmState, Severity, Transition

NORMAL, RISING, ACTIVE, FALLING = range(4)
Lags = Callable[[NDArray[np.intp]], NDArray[np.float64]]
_COLUMNS = ("phase", "since", "raised", "count", "last")


class Lifecycle:
    """One alarm of one block over all its rows."""

    def __init__(self, name: str, spec: Alarm, rule: Rule, watched: Watched, learning: int) -> None:
        self.name = name
        self.spec = spec
        self.rule = rule
        self.watched = watched
        self.severity = Severity(spec.severity)
        self.message = spec.message
        self.on_delay, self.off_delay = float(spec.on_delay), float(spec.off_delay)
        self.learning = float(learning)
        self.scores = isinstance(rule, (Surprise, Anomaly))  # its value is the score shown in traces
        self.fleet = rule.fleet if isinstance(rule, Anomaly) else None
        self.waiting: dict[int, None] = {}  # rows in RISING or FALLING: bounded by the rows
        self.active = 0
        self.phase: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.since: NDArray[np.float64] = np.zeros(0)  # when the present phase began
        self.raised: NDArray[np.float64] = np.zeros(0)  # when it was last raised
        self.count: NDArray[np.int64] = np.zeros(0, np.int64)  # changes so far: the alarm's sequence number
        self.last: NDArray[np.float64] = np.zeros(0)  # event time of the newest reading judged
        self.in_order = not isinstance(rule, Absence)
        self.operator = Operator(latching=spec.latched)

    @property
    def identity(self) -> str:
        """What the alarm's state depends on: while it stays the same, the state is carried over."""
        # As `repr` wrote it before there was what the condition does not depend on, and before there were seasons.
        apart = {"latched", "season"} if hasattr(self.rule, "members") else {"latched", "joint_channels"}
        if getattr(self.spec, "season", None) == "auto":
            apart.add("season")
        kept = [k for k in self.spec.__struct_fields__ if k not in apart]
        said = ", ".join(f"{k}={getattr(self.spec, k)!r}" for k in kept)
        return f"({type(self.spec).__name__}({said}), {self.watched.name!r})"

    def grow(self, capacity: int) -> None:
        columns = {name: getattr(self, name) for name in _COLUMNS}
        for name, column in grown(columns, capacity, lambda name: -math.inf if name == "last" else 0.0).items():
            setattr(self, name, column)
        self._phase = self.phase.data
        self.operator.grow(capacity)
        self.rule.grow(capacity)

    def reading(self, row: int, time: float) -> Transition | None:
        """A reading of the watched channel was taken into this row at event time `time`.

        A late one has corrected the state, which the next in order is judged by: going back in time, alarms would be
        raised and cleared over what has passed.
        """
        if self.in_order:
            if time <= self.last[row]:
                return None
            self.last[row] = time
        self.rule.observe(row, time)
        columns = self.watched.bank.views
        on, hold = self.rule.conditions(columns, row)
        phase = self._phase[row]
        if phase == NORMAL and not on:
            return None
        if columns[f"n{self.watched.channel}"][row] < self.learning:
            on = False
        return self.move(row, bool(on), bool(hold), time)

    def readings(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> list[tuple[int, Transition]]:
        """As `reading`, for different rows. Returns (position in `rows`, change)."""
        if not self.in_order:
            return self._judge_many(rows, times)
        newer = times > self.last[rows]
        if newer.all():
            self.last[rows] = times
            return self._judge_many(rows, times)
        which = np.flatnonzero(newer)
        if not len(which):
            return []
        self.last[rows[which]] = times[which]
        return [(int(which[k]), change) for k, change in self._judge_many(rows[which], times[which])]

    def _judge_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> list[tuple[int, Transition]]:
        self.rule.observe_many(rows, times)
        columns = self.watched.bank.columns
        on, hold = self.rule.conditions(columns, rows)
        phase = self.phase[rows]
        look = np.where(phase == NORMAL, on, (phase != ACTIVE) | ~np.asarray(hold))
        if not look.any():
            return []
        changes = []
        learned = columns[f"n{self.watched.channel}"][rows] >= self.learning
        for k in np.flatnonzero(look).tolist():
            change = self.move(int(rows[k]), bool(on[k]) and bool(learned[k]), bool(hold[k]), float(times[k]))
            if change is not None:
                changes.append((k, change))
        return changes

    def move(self, row: int, on: bool, hold: bool, time: float) -> Transition | None:
        """What follows from the conditions after a reading at event time `time`."""
        phase = self._phase[row]
        if phase == NORMAL:
            if on and self.on_delay <= 0.0:
                return self._raise(row, time)
            if on:
                self._enter(row, RISING, time)
        elif phase == RISING:
            if on and time - self.since[row] >= self.on_delay:
                return self._raise(row, time)
            if not on:
                self._enter(row, NORMAL, time)
        elif hold:
            if phase == FALLING:
                self._enter(row, ACTIVE, time)
        elif self.off_delay <= 0.0 or (phase == FALLING and time - self.since[row] >= self.off_delay):
            return self._clear(row, time)
        elif phase == ACTIVE:
            self._enter(row, FALLING, time)
        return None

    def _enter(self, row: int, phase: int, time: float) -> None:
        self._phase[row] = phase
        self.since[row] = time
        if phase in (RISING, FALLING):
            self.waiting[row] = None
        else:
            self.waiting.pop(row, None)

    def _raise(self, row: int, time: float) -> Transition:
        self._enter(row, ACTIVE, time)
        self.raised[row] = time
        self.active += 1
        self.operator.on_raise(row)
        return Transition.RAISED

    def _clear(self, row: int, time: float) -> Transition:
        self._enter(row, NORMAL, time)
        self.active -= 1
        return self.operator.on_clear(row)

    def shift(self, rows: Index, by: float) -> None:
        """All event times of these rows are `by` seconds later; an absence is judged by the other clock."""
        if not isinstance(self.rule, Absence):
            self._shift(rows, by)
            self.last[rows] += by
            self.rule.shift(rows, by)

    def step(self, by: float) -> None:
        """The clock that arrivals are told by was set forward by so many seconds."""
        if self.fleet is not None:
            self.fleet.due += by
        if isinstance(self.rule, Absence):
            self._shift(slice(None), by)

    def _shift(self, rows: Index, by: float) -> None:
        for column in (self.since, self.raised):
            column[rows] += np.where(column[rows] != 0.0, by, 0.0)  # 0: never

    # -- what people do

    def present(self, row: int) -> bool:
        """Whether the condition is there."""
        return bool(self._phase[row] >= ACTIVE)

    def state(self, row: int) -> AlarmState:
        """As it is published."""
        return self.operator.state(row, present=self.present(row))

    def notable(self, size: int) -> NDArray[np.intp]:
        """Rows, of the first `size`, that are not plainly normal: the condition is there, or somebody has decided."""
        return np.flatnonzero((self.phase[:size] >= ACTIVE) | (self.operator.marks[:size] != 0))

    def act(self, verb: Verb, row: int, deed: Deed, until: float) -> Transition | None:
        """Do it; None where that changes nothing."""
        return self.operator.act(verb, row, deed, until, present=self.present(row))

    def unshelve(self, now: float) -> list[tuple[int, Transition]]:
        """Shelvings that have run out by `now` end. Returns (row, change)."""
        return [(row, self.operator.unshelve(row, present=self.present(row))) for row in self.operator.ended(now)]

    # -- what passes with time alone

    def _waits(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Rows that wait for a delay to run out, in their order, and the delay of each."""
        rows = np.fromiter(self.waiting, np.intp, len(self.waiting))
        rows.sort()
        return rows, np.where(self.phase[rows] == RISING, self.on_delay, self.off_delay)

    def deadline(self, lags: Lags) -> float:
        """Arrival-clock time of the next delay that runs out. lags: arrival minus event time of rows."""
        rows, delays = self._waits()
        return float((self.since[rows] + delays + lags(rows)).min(initial=math.inf))

    def elapse(self, now: float, lags: Lags) -> list[tuple[int, Transition, float]]:
        """Delays that have run out by `now` (arrival clock). Returns (row, change, event time)."""
        rows, delays = self._waits()
        times = now - lags(rows)
        changes = []
        for k in np.flatnonzero(times - self.since[rows] >= delays).tolist():
            row, time = int(rows[k]), float(times[k])
            change = self._raise(row, time) if self._phase[row] == RISING else self._clear(row, time)
            changes.append((row, change, time))
        return changes

    def missing(self, row: int, now: float) -> Transition | None:
        """An absence rule found this row missing at `now` (arrival clock)."""
        if self._phase[row] == FALLING:
            self._enter(row, ACTIVE, now)
            return None
        return self._raise(row, now)

    def tally(self, now: float, rows: int) -> None:
        """What the twins that share this alarm learn from each other is due."""
        if isinstance(self.rule, Anomaly):
            self.rule.tally(now, rows, self.learning)

    # -- snapshots

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        own = {
            "phase": self.phase[rows],
            "since": self.since[rows],
            "raised": self.raised[rows],
            "count": self.count[rows],
            "last": self.last[rows],
            "mark": self.operator.marks[rows],
        }
        return own | {f"rule_{k}": v for k, v in self.rule.export(rows).items()}

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        self.active -= int((self.phase[rows] >= ACTIVE).sum())
        for name in _COLUMNS:
            getattr(self, name)[rows] = data[name]
        # Before there were marks, nobody could have acknowledged anything.
        self.operator.marks[rows] = data["mark"] if "mark" in data else self.phase[rows] >= ACTIVE
        self.active += int((self.phase[rows] >= ACTIVE).sum())
        for row, phase in zip(rows.tolist(), self.phase[rows].tolist(), strict=True):
            if phase in (RISING, FALLING):
                self.waiting[row] = None
        self.rule.load(rows, {k[5:]: v for k, v in data.items() if k.startswith("rule_")})

    def begin_anew(self, rows: NDArray[np.intp], data: Mapping[str, Any], told: NDArray[np.intp]) -> None:
        """Its settings are others now: what is told of it is counted on, and who wanted to hear nothing of it does not.

        told: rows of which one more change was told, which ended the alarm as it was.
        """
        self.count[rows] = data["count"]
        self.count[told] += 1
        self.operator.marks[rows] = data["mark"] & SUPPRESSED if "mark" in data else 0
