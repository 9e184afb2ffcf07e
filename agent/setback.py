"""Clocks that are set back: which twins' newest time can no longer be believed, and how these go on.

A twin's time is that of its newest reading, and a reading that is older is late. So a newest time that lies ahead, told
by a clock that has been set back since, would keep everything out until the old time returns. Two cases:

- The newest reading had no time of its own, and the clock it arrived by was set back. Such twins are marked when that
  is noticed, and the next reading, if it is timed by arrival, too, is the next in order whatever its time.
- A late reading meets a newest time that is further ahead of its arrival than `max_ahead`: it would not be taken now.

The twin then starts over in time and in nothing else: all event times that it remembers go back by as much as makes
the new reading come one usual interval after the newest. What was learned stays, delays go on, and the readings kept
for late ones are forgotten. Nothing here reads a clock: arrivals are in the journal, and a replay does the same.

A clock that is set while the agent runs is seen to be (`agent.shell.wall`): then all that was told by it is moved by
just as much, back or forth, and neither silence nor any delay notices. The cases above are for what nobody saw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from agent.alarms.lifecycle import Lifecycle
from agent.alarms.rules import Index
from agent.bands import Bands
from agent.bank import Bank
from agent.rows import Rows

SET_BACK = 1.0  # seconds: a clock that shows that much less was set, and did not just tick unevenly
LEAST = (
    1e-3  # seconds between the newest reading and the next: times of this century resolve a quarter of a microsecond
)


class Sampled(Protocol):
    """Of samples, what is needed here."""

    @property
    def message(self) -> Sequence[int]: ...
    @property
    def rows(self) -> Sequence[int]: ...
    @property
    def times(self) -> Sequence[float]: ...


class SetBack:
    """The twins of one block, and the clock."""

    def __init__(
        self, rows: Rows, banks: Sequence[Bank], alarms: Sequence[Lifecycle], bands: Sequence[Bands], max_ahead: float
    ) -> None:
        self._rows, self._banks, self._alarms, self._bands = rows, banks, alarms, bands
        self._max_ahead = max_ahead
        self.marked = 0  # rows that are

    def count(self) -> None:
        """Rows were restored."""
        self.marked = int(np.count_nonzero(self._rows.columns["back"][: len(self._rows)]))

    def mark(self, now: float) -> None:
        """The clock was set back, to `now`: the newest time of which twins is one that it told before?"""
        c, size = self._rows.columns, len(self._rows)
        times = c["time"][:size]
        # Bit-equal to its arrival only when it was taken from there.
        c["back"][:size] |= (times == c["seen"][:size]) & (times > now)
        self.count()

    def meet(self, samples: Sampled, received: Sequence[float]) -> list[tuple[int, float]]:
        """Rows that start over before these samples are taken, and by how many seconds they go back."""
        back, newest = self._rows.views["back"], self._rows.views["time"]
        moved = []
        for message, row, time in zip(samples.message, samples.rows, samples.times, strict=True):
            if back[row]:
                back[row] = 0
                self.marked -= 1
                if time == received[message] and time <= newest[row]:
                    moved.append((row, self.start_over(row, time)))
        return moved

    def disbelieves(self, row: int, bank: Bank, received: float) -> bool:
        """Whether the newest time of a row cannot be believed, now that a late reading arrived at `received`."""
        newest: float = bank.views["T"][row]
        return newest > received + self._max_ahead

    def start_over(self, row: int, time: float) -> float:
        """The next reading of this row will have this time. Returns by how many seconds the row goes back."""
        newest, usual = -math.inf, 1.0
        for bank in self._banks:
            v = bank.views
            if v["T"][row] > newest:
                newest, usual = v["T"][row], v["d"][row]
        by = time - max(usual, LEAST) - newest
        self._shift(row, by)
        return -by

    def step(self, by: float) -> None:
        """The clock was seen to be set forward (or, below 0, back) by so many seconds: nothing else changed.

        What arrived did so at another time by the present clock, and what took its time from its arrival, too.
        """
        c, size = self._rows.columns, len(self._rows)
        self._shift(np.flatnonzero(c["time"][:size] == c["seen"][:size]), by)
        for name in ("seen", "made"):
            c[name][:size] += by
        for name in ("published", "forecast"):
            if c[name][:size].any():  # else they are not used, and what was never written takes no memory
                c[name][:size] += by
        for alarm in self._alarms:
            alarm.step(by)

    def _shift(self, rows: Index, by: float) -> None:
        """All event times of these rows are so many seconds later."""
        for bank in self._banks:
            bank.shift(rows, by)
        for alarm in self._alarms:
            alarm.shift(rows, by)
        for bands in self._bands:
            bands.shift(rows, by)
        self._rows.columns["time"][rows] += by
