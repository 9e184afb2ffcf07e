"""What re-filtering needs: each row's last readings in a ring, and copies of its state at chosen places.

Two checkpoints, half a window apart, bound how far back a reading can be placed. A third copy, the backlog mark, is
the state right after the reading that was placed last: a device that sends what it kept while it was away sends it
in order, and its next reading belongs exactly there. Knows columns, not filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.columns import grown

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
BACKLOG = 2  # slot of the backlog mark; 0 and 1 are the checkpoints


class History:
    """Rings and marks of one bank. With a single entry none need be kept."""

    def __init__(self, window: int, states: Sequence[type[np.generic]], *, single: bool) -> None:
        """window: readings that are kept; states: the types of the columns that make up a row's state."""
        self.window = window
        self.half = window // 2
        self.capacity = 0
        self.position: NDArray[np.int64] = np.zeros(0, np.int64)  # readings taken so far; the next one's number
        self.backlog: NDArray[np.int64] = np.zeros(0, np.int64)  # number after the reading placed last; 0: none
        self._rings: dict[str, NDArray[Any]] = {"time": np.zeros((window, 0)), "value": np.zeros((window, 0))}
        if not single:
            self._rings["entry"] = np.zeros((window, 0), np.uint8)
        self._marks: list[dict[str, Floats]] = [{}, {}, {}]
        self._listed: list[list[Floats]] = [[], [], []]  # the same
        self._states = states
        self._single = single

    def grow(self, capacity: int) -> None:
        fresh = grown({"position": self.position, "backlog": self.backlog, **self._rings}, capacity)
        self.position, self.backlog = fresh.pop("position"), fresh.pop("backlog")
        self._rings = fresh
        self._marks = [grown(slot, capacity) for slot in self._marks]
        self._listed = [list(slot.values()) for slot in self._marks]
        self.capacity = capacity
        self.position_view, self.backlog_view = self.position.data, self.backlog.data
        self._time, self._value = fresh["time"].reshape(-1), fresh["value"].reshape(-1)
        self._time_view: Any = self._time.data  # of floats, which the type of a memoryview cannot say
        self._value_view: Any = self._value.data
        if not self._single:
            self._entry = fresh["entry"].reshape(-1)
            self._entry_view = self._entry.data

    # -- readings

    def append(self, row: int, entry: int, time: float, value: float) -> None:
        position = self.position_view[row]
        at = (position % self.window) * self.capacity + row
        self._time_view[at] = time
        self._value_view[at] = value
        if not self._single:
            self._entry_view[at] = entry
        self.position_view[row] = position + 1

    def append_many(self, rows: Rows, entry: int, times: Floats, values: Floats) -> None:
        position = self.position[rows]
        at = (position % self.window) * self.capacity + rows
        self._time[at] = times
        self._value[at] = values
        if not self._single:
            self._entry[at] = entry
        self.position[rows] = position + 1

    def put(self, rows: Rows, numbers: NDArray[np.int64], times: Floats, values: Floats) -> None:
        """Keep the readings with these numbers, of a single entry; where the next one goes is not changed."""
        at = (numbers % self.window) * self.capacity + rows
        self._time[at] = times
        self._value[at] = values

    def start(self, row: int) -> int:
        """Number of the oldest reading from which the row can be re-filtered."""
        end = self.position_view[row]
        return max(0, ((end - 1) // self.half - 1) * self.half)

    def readings(self, row: int, start: int) -> list[tuple[float, int, float]]:
        """(time, entry, value) from number `start` on."""
        at = [(k % self.window) * self.capacity + row for k in range(start, self.position_view[row])]
        if self._single:
            return [(self._time_view[k], 0, self._value_view[k]) for k in at]
        return [(self._time_view[k], self._entry_view[k], self._value_view[k]) for k in at]

    def numbered(self, rows: Rows, numbers: NDArray[np.int64]) -> tuple[Floats, NDArray[np.uint8], Floats]:
        """Times, entries and values of one reading per row."""
        at = (numbers % self.window) * self.capacity + rows
        entries = np.zeros(len(rows), np.uint8) if self._single else self._entry[at]
        return self._time[at], entries, self._value[at]

    # -- copies of the state

    def slot_of(self, number: int) -> int:
        """Checkpoint slot of the state before reading `number`, a multiple of half a window."""
        return (number // self.half) & 1

    def _ready(self, slot: int) -> list[Floats]:
        if not self._marks[slot]:
            self._marks[slot] = grown({str(k): np.zeros(0, kind) for k, kind in enumerate(self._states)}, self.capacity)
            self._listed[slot] = list(self._marks[slot].values())
        return self._listed[slot]

    def mark(self, row: int, slot: int, views: Sequence[Any]) -> None:
        for mark, view in zip(self._ready(slot), views, strict=True):
            mark[row] = view[row]

    def mark_many(self, rows: Rows, slot: int, columns: Sequence[Floats]) -> None:
        for mark, column in zip(self._ready(slot), columns, strict=True):
            mark[rows] = column[rows]

    def mark_as(self, rows: Rows, slot: int, states: Sequence[Any]) -> None:
        """states: what to mark, one array over the rows for each column of the state."""
        for mark, state in zip(self._ready(slot), states, strict=True):
            mark[rows] = state

    def marked(self, row: int, slot: int, state: int) -> float:
        return float(self._ready(slot)[state][row])

    def marked_many(self, rows: Rows, slot: int, state: int) -> Floats:
        return self._ready(slot)[state][rows]

    def rewind(self, row: int, slot: int, number: int, views: Sequence[Any]) -> None:
        """Bring back the state before reading `number`, which `slot` holds."""
        for mark, view in zip(self._ready(slot), views, strict=True):
            view[row] = mark[row]
        self.position_view[row] = number

    def rewind_many(self, rows: Rows, slot: int, numbers: NDArray[np.int64], columns: Sequence[Floats]) -> None:
        for mark, column in zip(self._ready(slot), columns, strict=True):
            column[rows] = mark[rows]
        self.position[rows] = numbers

    # -- snapshots: the backlog mark only saves work, so it is not kept

    def export(self, rows: Rows) -> dict[str, Any]:
        out: dict[str, Any] = {"@position": self.position[rows]}
        out |= {f"@{name}": ring[:, rows] for name, ring in self._rings.items()}
        out["@marks"] = np.array([mark[rows] for slot in (0, 1) for mark in self._ready(slot)])
        return out

    def load(self, rows: Rows, data: dict[str, Any]) -> None:
        """Take over what `export` gave. A ring of another length begins anew: nothing from before it can be placed."""
        if self.backlog.any():
            self.backlog[rows] = 0
        if len(data["@time"]) != self.window:
            self.position[rows] = 0
            return
        for name, ring in self._rings.items():
            ring[:, rows] = data[f"@{name}"]
        self.position[rows] = data["@position"]
        marks = [mark for slot in (0, 1) for mark in self._ready(slot)]
        for mark, saved in zip(marks, data["@marks"], strict=True):
            mark[rows] = saved
