"""All twins of one component: a struct of columns, one row per asset, and the readings' order within each row.

Owns the numbers and nothing else: no topics, no alarms, no clock. A reading comes as (row, entry, time, value),
where entry 0..C-1 is a measured channel and C.. an input. One row at a time runs the kernel on floats, many rows
at once on arrays; both give the same bits.

Late readings are exact. Each row keeps a ring of its last readings, `window` of each entry, and two checkpoints of its
state, half a ring apart. A reading that belongs before the newest one is put in its place and the row is filtered again from
the checkpoint before it, so the arrival order within the window leaves no trace. Equal times are ordered by channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.beginning import begin, begin_many, first, spread, spread_many
from agent.columns import grown, room
from agent.distribute import Plan
from agent.emitted import Emitted
from agent.history import BACKLOG, History
from agent.kernel import WARMED, Emitter, learns_process, plan_run, solo
from agent.late import Outcome, place, place_backlog
from agent.models.base import Component
from agent.tail import START

__all__ = ["FEW", "Bank", "Floats", "Outcome", "Rows"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
FEW = 20  # rows in a round below which floats are quicker than arrays: `python -m bench core`


class Bank:
    """Columns of one component. Rows are never moved."""

    def __init__(self, component: Component, *, robust: bool, window: int, late: float) -> None:
        """window: readings of each entry that are kept; late: seconds."""
        self.component = component
        self.late = late
        self.size = 0
        self.capacity = 0
        self.emitter = Emitter(component, robust=robust)
        self.layout = self.emitter.layout
        self.measured = len(component.channels)
        self.solo = solo(component)
        inputs = [k for k, s in enumerate(component.inputs) if s.constant is None]
        self.entries = [*range(self.measured), *(self.measured + k for k in inputs)]
        self.window = window * len(self.entries)
        self.half = self.window // 2
        self.held: dict[int, tuple[float, float]] = {}  # time and value of inputs that all rows share
        self.columns: dict[str, Floats] = {}
        self.views: dict[str, Any] = {}
        self.history = History(self.window, [self._kind(name) for name in self.layout.state], single=self.solo)
        self.steps: dict[int, Emitted] = {}  # by entry
        self._runs: dict[tuple[bool, bool], tuple[Plan, Callable[..., Any]]] = {}
        # expected, variance, nis and surprise of the late reading placed last, in its place
        self.placed = (0.0, 0.0, 0.0, 0.0)

    # -- storage

    def grow(self, size: int) -> None:
        """Make room for `size` rows; new rows are empty twins."""
        if size > self.capacity:
            self._reallocate(room(self.capacity, size))
        self.size = max(self.size, size)

    def _reallocate(self, capacity: int) -> None:
        names = self.layout.state + self.layout.output
        columns = self.columns or {name: np.zeros(0, self._kind(name)) for name in names}
        self.columns.update(grown(columns, capacity, self._start))
        self.views.update((name, column.data) for name, column in self.columns.items())
        self.history.grow(capacity)
        self.capacity = capacity
        self._state_views = [self.views[name] for name in self.layout.state]
        self.state_columns = [self.columns[name] for name in self.layout.state]
        self._compile()

    def _kind(self, name: str) -> type[np.generic]:
        if name == "b":
            return np.uint8
        return np.float32 if self.layout.narrow(name) else np.float64

    def _start(self, name: str) -> float:
        if name[0] == "u":
            return self.held.get(int(name[1:]), (0.0, math.nan))[1]
        if name == "T" or (name[0] in "tyzs" and name[1:].isdigit()):
            return math.nan
        if name == "d":
            return 1.0
        if name == "g":
            from agent.kernel import RATIO_START

            return RATIO_START
        if name[0] == "k":
            return START[int(name.partition("_")[2])]
        if name[0] == "r" and name[1:].isdigit():
            stated = self.component.measurement[int(name[1:])]
            return stated if stated is not None else 0.0
        return 0.0

    def _compile(self) -> None:
        if not self.steps:
            self.steps = {entry: self.emitter.step_of(entry).made() for entry in self.entries}
            self._ahead = self.emitter.ahead().made()
            self._one = {entry: step.one for entry, step in self.steps.items()}
        for emitted in (*self.steps.values(), self._ahead):
            emitted.bind(self.columns)

    # -- one row, on floats

    def update(self, row: int, entry: int, time: float, value: float) -> Outcome:
        """Take one reading into its row. Returns what became of it; the output columns hold the innovation."""
        last = self.views["T"][row]
        if time > last or last != last:
            self._apply(row, entry, time, value)
            return Outcome.USED
        if time == last:
            newest = 0.0 if self.solo else self.views["L"][row]
            if entry > newest:
                self._apply(row, entry, time, value)
                return Outcome.USED
        return self._place(row, entry, time, value)

    def _apply(self, row: int, entry: int, time: float, value: float) -> None:
        position = self.history.position_view[row]
        if not position % self.half:
            self.history.mark(row, self.history.slot_of(position), self._state_views)
        self.history.append(row, entry, time, value)
        begun = self.views["b"][row]
        if begun < 2.0 and not begin(self, row, entry, time, value):
            return
        if self.component.discretise is None:
            (sound,) = self._one[entry](row, time, value)
        else:
            (sound,) = self._one[entry](row, time, value, *self._matrices(time - self.views["T"][row]))
        if sound - sound != 0.0:
            self._reset(row, entry, time, value)
        elif begun == 0.0 and self.component.initial is None:
            # The state is this reading, which the step then took for a second one that says the same.
            spread(self, row, entry, self.views[f"r{entry}"][row])

    def _matrices(self, dt: float) -> tuple[float, ...]:
        if self.component.discretise is None:
            return ()
        f, b, d = self.component.discretise(dt)
        return (*f, *b, *d)

    def _matrices_many(self, dt: Floats) -> list[Floats]:
        """Their entries, an array each."""
        if self.component.discretise is None:
            return []
        return list(np.ascontiguousarray(np.array([self._matrices(x) for x in dt.tolist()]).T))

    def _reset(self, row: int, entry: int, time: float, value: float) -> None:
        """Numbers beyond what float64 holds: start the row over at this reading, rather than stay at NaN for ever."""
        for name in self.layout.state:
            self.columns[name][row] = self._start(name)
        if entry < self.measured:
            first(self, row, entry, time, value)
            v = self.views
            if not self.solo:
                v["L"][row], v[f"t{entry}"][row] = float(entry), time
            v[f"n{entry}"][row] = 1.0
            v[f"z{entry}"][row] = v[f"y{entry}"][row] = value
            v[f"s{entry}"][row] = v[f"r{entry}"][row]
            v[f"i{entry}"][row] = v[f"c{entry}"][row] = 0.0
        # The ring begins anew, so that no late reading reaches back beyond the present state.
        self.history.position_view[row] = 0
        self.history.backlog_view[row] = 0

    def shift(self, rows: int | Rows, by: float) -> None:
        """All times of these rows are `by` seconds later, as they should have been told. Their rings begin anew."""
        for name in self.layout.state:
            if name == "T" or (name[0] == "t" and name[1:].isdigit()):
                self.columns[name][rows] += by
        for index, (_, value) in self.held.items():
            self.columns[f"u{index}"][rows] = value
        self.history.position[rows] = 0
        self.history.backlog[rows] = 0

    # -- inputs that all rows share

    def hold(self, entry: int, time: float, value: float, believed: float = math.inf) -> bool:
        """Keep an input's value for rows that have taken nothing yet, or are yet to be made; whether it is news.

        A time held that is beyond `believed` was told by a clock that has been set back, and stands in nobody's way.
        """
        index = entry - self.measured
        if index in self.held and time <= self.held[index][0] <= believed:
            return False
        self.held[index] = time, value
        if self.capacity:
            self.columns[f"u{index}"][np.isnan(self.columns["T"])] = value
        return True

    # -- late readings

    def _place(self, row: int, entry: int, time: float, value: float) -> Outcome:
        """Put a reading that is not the newest in its place, or say why not."""
        history = self.history
        end = history.position_view[row]
        if end == 0:
            return Outcome.LATE
        start = history.start(row)
        if self._follows_backlog(row, entry, time, start):
            begin, slot = history.backlog_view[row], BACKLOG
            if time < self.views["T"][row] - self.late:
                return Outcome.LATE
        else:
            refused = self._refused(row, entry, time, start)
            if refused is not None:
                return refused
            middle = start + self.half
            begin = middle if middle < end and history.readings(row, middle)[0][:2] < (time, entry) else start
            slot = history.slot_of(begin)
        replay = history.readings(row, begin)
        place = next(k for k, (t, e, _) in enumerate(replay) if (t, e) > (time, entry))
        replay.insert(place, (time, entry, value))
        history.rewind(row, slot, begin, self._state_views)
        for k, (t, e, z) in enumerate(replay):
            self._apply(row, e, t, z)
            if k == place:
                history.mark(row, BACKLOG, self._state_views)
                history.backlog_view[row] = history.position_view[row]
                if entry < self.measured:
                    v = self.views
                    self.placed = (v[f"y{entry}"][row], v[f"s{entry}"][row], v[f"i{entry}"][row], v[f"c{entry}"][row])
        return Outcome.PLACED

    def _follows_backlog(self, row: int, entry: int, time: float, start: int) -> bool:
        """Whether the reading belongs right after the one placed last, whose state is still marked."""
        after = self.history.backlog_view[row]
        if not start < after < self.history.position_view[row]:
            return False
        before, behind = self.history.readings(row, after - 1)[:2]
        return before[:2] < (time, entry) < behind[:2]

    def _refused(self, row: int, entry: int, time: float, start: int) -> Outcome | None:
        """Why a reading cannot be placed: it is there already, or older than what can be re-filtered."""
        if any(t == time and e == entry for t, e, _ in self.history.readings(row, start)):
            return Outcome.DUPLICATE
        mark_time = self._marked(row, start, "T")
        if mark_time == mark_time:
            newest = 0.0 if self.solo else self._marked(row, start, "L")
            if time == mark_time and (
                self.solo or (entry < self.measured and self._marked(row, start, f"t{entry}") == time)
            ):
                return Outcome.DUPLICATE
            if (time, float(entry)) <= (mark_time, newest):
                return Outcome.LATE
        return Outcome.LATE if time < self.views["T"][row] - self.late else None

    def _marked(self, row: int, number: int, name: str) -> float:
        return self.history.marked(row, self.history.slot_of(number), self.layout.state.index(name))

    # -- many rows, on arrays

    def update_many(self, rows: Rows, entry: int, times: Floats, values: Floats) -> NDArray[np.uint8] | None:
        """One reading of one entry for each of several different rows. Returns outcomes, or None when all were used."""
        if len(rows) < FEW:
            codes = [
                self.update(r, entry, t, z)
                for r, t, z in zip(rows.tolist(), times.tolist(), values.tolist(), strict=True)
            ]
            return np.array(codes, np.uint8) if any(codes) else None
        last = self.columns["T"][rows]
        ordinary = (times > last) | (last != last)
        if not self.solo:
            ordinary |= (times == last) & (entry > self.columns["L"][rows])
        if ordinary.all():
            self.apply_many(rows, entry, times, values)
            return None
        if ordinary.any():
            self.apply_many(rows[ordinary], entry, times[ordinary], values[ordinary])
        outcomes = np.zeros(len(rows), np.uint8)
        rest = np.flatnonzero(~ordinary)
        if len(rest) >= FEW:
            placed = place_backlog(self, rows[rest], entry, times[rest], values[rest])
            outcomes[rest[placed]] = Outcome.PLACED
            rest = rest[~placed]
        if len(rest) >= FEW:
            outcomes[rest] = place(self, rows[rest], entry, times[rest], values[rest], FEW)
        else:
            for k in rest.tolist():
                outcomes[k] = self.update(int(rows[k]), entry, float(times[k]), float(values[k]))
        return outcomes if outcomes.any() else None

    def apply_many(self, rows: Rows, entry: int, times: Floats, values: Floats) -> None:
        """Filter one reading of one entry, which comes after all others, in each of several different rows."""
        position = self.history.position[rows]
        due = position % self.half == 0
        if due.any():
            slots = (position // self.half) & 1
            for slot in (0, 1):
                chosen = rows[due & (slots == slot)]
                if len(chosen):
                    self.history.mark_many(chosen, slot, self.state_columns)
        self.history.append_many(rows, entry, times, values)
        begun = self.columns["b"][rows]
        young = begun < 2.0
        if young.any():
            begin_many(self, rows[young], entry, times[young], values[young])
            if entry >= self.measured:
                used = begun > 0.0
                rows, times, values, begun = rows[used], times[used], values[used], begun[used]
                if not len(rows):
                    return
        with np.errstate(all="ignore"):
            step = self.steps[entry].many
            if self.component.discretise is None:
                (sound,) = step(rows, times, values)
            else:
                (sound,) = step(rows, times, values, *self._matrices_many(times - self.columns["T"][rows]))
            broken = sound - sound != 0.0
        if broken.any():
            for k in np.flatnonzero(broken).tolist():
                self._reset(int(rows[k]), entry, float(times[k]), float(values[k]))
        if self.component.initial is None:
            fresh = rows[(begun == 0.0) & ~broken]
            if len(fresh):
                spread_many(self, fresh, entry, self.columns[f"r{entry}"][fresh])

    @property
    def runs(self) -> bool:
        """Whether many readings of a row can be taken at once: `agent.trajectory`."""
        return self.solo and self.component.discretise is None

    def running(self, rows: Rows, *, arrays: bool) -> tuple[Plan, Callable[..., Any]]:
        """What a run of these rows does, and the function that does it, made when it is first asked for."""
        settled = bool(self.columns["n0"][rows].min() >= WARMED)
        if (settled, arrays) not in self._runs:
            plan = plan_run(self.emitter, settled=settled)
            self._runs[settled, arrays] = plan, plan.compile(arrays=arrays)
        return self._runs[settled, arrays]

    def state_at(self, name: str) -> int:
        """Where a column is among those of the state."""
        return self.layout.state.index(name)

    # -- looking ahead

    def ahead(self, row: int, dt: float) -> tuple[float, ...]:
        """State means (n), state variances (n), then mean and variance of each channel's reading, dt seconds after T."""
        return self._ahead.one(row, dt, *self._matrices(dt))

    def ahead_many(self, rows: Rows, dt: Floats) -> list[Floats]:
        """`ahead` for several rows at once; each element is an array over the rows."""
        with np.errstate(all="ignore"):
            out = self._ahead.many(rows, dt, *self._matrices_many(dt))
        return [np.broadcast_to(np.asarray(v, float), len(rows)) for v in out]

    # -- whole rows, for snapshots

    def export(self, rows: Sequence[int]) -> dict[str, Any]:
        """Everything of these rows as columns: what `load` takes back bit for bit."""
        r = np.asarray(rows, np.intp)
        out: dict[str, Any] = {name: column[r] for name, column in self.columns.items()}
        return out | self.history.export(r)

    def load(self, rows: Sequence[int], data: dict[str, Any]) -> None:
        """Set these rows to what `export` gave. Raises ValueError when the columns are others."""
        r = np.asarray(rows, np.intp)
        if not set(self.columns) <= set(data):
            raise ValueError(f"bank of {self.component.label}: the saved columns are of another layout")
        self.history.load(r, data)
        for name, column in self.columns.items():
            column[r] = data[name]

    @property
    def learns(self) -> bool:
        return learns_process(self.component) or any(m is None for m in self.component.measurement)
