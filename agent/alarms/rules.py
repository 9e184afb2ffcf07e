"""What alarms watch: each rule turns the state of a channel into two conditions, `on` and `hold`.

`on` raises the alarm, `hold` keeps it (within the deadband). The same expressions serve one row (floats from the
columns' views) and many rows (arrays), so a rule has one `conditions`. Rules that remember something do it in
columns of their own. Delays, learning and the changes themselves are the life cycle's, in `agent.alarms.lifecycle`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.bank import Bank
from agent.config import AbsenceAlarm, FlatAlarm, LimitAlarm, RateAlarm, SurpriseAlarm
from agent.judge import quantile
from agent.rows import Rows

Index = Any  # one row number, or an array of them
Condition = Any  # bool, or an array of bools


@dataclass(frozen=True, slots=True)
class Watched:
    """The channel a rule looks at: its filter, and the columns its judgement left."""

    block: Rows  # surprise by slot, arrival times
    bank: Bank
    channel: int  # within the bank
    slot: int  # within the block
    name: str
    unit: str

    def estimate(self, columns: Any, i: Index) -> Any:
        """h x: the channel's value as the filter sees it."""
        value: Any = None
        for j, h in enumerate(self.bank.component.observe[self.channel]):
            if h:
                term = columns[f"x{j}"][i] if h == 1.0 else columns[f"x{j}"][i] * h
                value = term if value is None else value + term
        return value


class Rule(Protocol):
    """What the life cycle needs of a rule."""

    words: str  # what the rule is, for the alarm's text
    unit: str  # of its value and the number that is compared with

    def grow(self, capacity: int) -> None: ...
    def observe(self, row: int, time: float) -> None: ...
    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None: ...
    def shift(self, rows: Index, by: float) -> None: ...  # event times that are remembered go on by so many seconds
    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]: ...
    def value(self, row: int) -> float: ...  # what is looked at; for an absence, when it was last heard

    def limit_of(self, row: int) -> float | None: ...  # the number it is compared with, where there is one
    def clears(self, row: int) -> str: ...  # what `hold` still waits for to end, in words and numbers
    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]: ...
    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None: ...


class Memory:
    """Named float columns that grow with the block, for rules that remember."""

    def __init__(self, names: Sequence[str], start: float = 0.0) -> None:
        self.start = start
        self.columns: dict[str, NDArray[np.float64]] = {name: np.zeros(0) for name in names}
        self.views: dict[str, Any] = {}

    def grow(self, capacity: int) -> None:
        for name, old in self.columns.items():
            fresh = np.full(capacity, self.start)
            fresh[: len(old)] = old
            self.columns[name] = fresh
            self.views[name] = fresh.data

    def shift(self, rows: Index, by: float, *names: str) -> None:
        for name in names:
            self.columns[name][rows] += by

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {name: column[rows] for name, column in self.columns.items()}

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        for name, column in self.columns.items():
            column[rows] = data[name]


def _nearer(value: float, low: float | None, high: float | None) -> float | None:
    """Of two limits the one that the value is beyond, or closer to."""
    if low is None or high is None:
        return high if low is None else low
    return high if value > (low + high) / 2.0 else low


class _Stateless:
    def grow(self, capacity: int) -> None:
        """Nothing is remembered."""

    def observe(self, row: int, time: float) -> None:
        """Nothing is remembered."""

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        """Nothing is remembered."""

    def shift(self, rows: Index, by: float) -> None:
        """Nothing is remembered."""

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {}

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        """Nothing was remembered."""


class Limit(_Stateless):
    """Beyond a limit: the estimate, the reading, or the forecast `within` seconds ahead."""

    def __init__(self, spec: LimitAlarm, watched: Watched) -> None:
        self.watched = watched
        self.unit = watched.unit
        self.on = spec.on
        self.low, self.high, self.band = spec.low, spec.high, spec.deadband
        self.within = float(spec.within)
        self.z = quantile(spec.confidence)
        bounds = [
            f"below {spec.low:g}" if spec.low is not None else "",
            f"above {spec.high:g}" if spec.high is not None else "",
        ]
        beyond = " or ".join(b for b in bounds if b)
        unit = f" {watched.unit}" if watched.unit else ""
        subject = {"estimate": "estimate", "reading": "reading", "forecast": f"forecast within {self.within:g} s"}[
            spec.on
        ]
        self.words = f"{subject} {beyond}{unit}"

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        if self.on == "forecast":
            return self._ahead(i)
        v = columns[f"z{self.watched.channel}"][i] if self.on == "reading" else self.watched.estimate(columns, i)
        on: Condition = False
        hold: Condition = False
        if self.high is not None:
            on, hold = v > self.high, v > self.high - self.band
        if self.low is not None:
            on, hold = on | (v < self.low), hold | (v < self.low + self.band)
        return on, hold

    def _ahead(self, i: Index) -> tuple[Condition, Condition]:
        """Crossing is looked for now, half way and at the end, which finds any crossing of a monotonic forecast."""
        bank, at = self.watched.bank, 2 * len(self.watched.bank.component.states) + 2 * self.watched.channel
        on: Condition = False
        hold: Condition = False
        many = isinstance(i, np.ndarray)
        for dt in (0.0, self.within / 2.0, self.within):
            out = bank.ahead_many(i, np.full(len(i), dt)) if many else bank.ahead(i, dt)
            mean: Any = out[at]
            margin: Any = self.z * (np.sqrt(out[at + 1]) if many else out[at + 1] ** 0.5) if self.z else 0.0
            if self.high is not None:
                on, hold = on | (mean - margin > self.high), hold | (mean - margin > self.high - self.band)
            if self.low is not None:
                on, hold = on | (mean + margin < self.low), hold | (mean + margin < self.low + self.band)
        return on, hold

    def _excess(self, value: float) -> float:
        above = value - self.high if self.high is not None else -math.inf
        below = self.low - value if self.low is not None else -math.inf
        return max(above, below)

    def limit_of(self, row: int) -> float | None:
        return _nearer(self.value(row), self.low, self.high)

    def clears(self, row: int) -> str:
        unit = f" {self.watched.unit}" if self.watched.unit else ""
        ends = [f"down to {self.high - self.band:g}{unit}"] if self.high is not None else []
        ends += [f"up to {self.low + self.band:g}{unit}"] if self.low is not None else []
        if len(ends) == 2 and self.high is not None and self.low is not None:
            ends = [f"from {self.low + self.band:g} to {self.high - self.band:g}{unit}"]
        what = {
            "estimate": "the estimate is",
            "reading": "a reading is",
            "forecast": f"the forecast for the next {self.within:g} s"
            + (f", {self.z:.3g} standard deviations to the safe side," if self.z else "")
            + " is",
        }[self.on]
        limits = " and ".join(f"{v:g}" for v in (self.low, self.high) if v is not None)
        band = f", deadband {self.band:g}" if self.band else ""
        return f"once {what} {ends[0]} (limit {limits}{band})"

    def value(self, row: int) -> float:
        columns = self.watched.bank.views
        if self.on == "reading":
            return float(columns[f"z{self.watched.channel}"][row])
        if self.on == "forecast":
            at = 2 * len(self.watched.bank.component.states) + 2 * self.watched.channel
            means = [self.watched.bank.ahead(row, dt)[at] for dt in (0.0, self.within / 2.0, self.within)]
            return max(means, key=self._excess)
        return float(self.watched.estimate(columns, row))


class Rate:
    """Changing too quickly: the model's rate where it has one, else the slope between two estimates."""

    def __init__(self, spec: RateAlarm, watched: Watched) -> None:
        self.watched = watched
        per = float(spec.per)
        self.above = None if spec.above is None else spec.above / per
        self.below = None if spec.below is None else spec.below / per
        self.band = spec.deadband / per
        self.per = per
        self.state = watched.bank.component.rates[watched.channel]
        self.memory = Memory(("estimate", "time", "slope"), float("nan"))
        bounds = [
            f"falls faster than {spec.below:g}" if spec.below is not None else "",
            f"rises faster than {spec.above:g}" if spec.above is not None else "",
        ]
        unit = f" {watched.unit}" if watched.unit else ""
        self.words = f"{' or '.join(b for b in bounds if b)}{unit} per {per:g} s"
        self.unit = f"{watched.unit} per {per:g} s".strip()

    def grow(self, capacity: int) -> None:
        if self.state is None:
            self.memory.grow(capacity)

    def observe(self, row: int, time: float) -> None:
        if self.state is not None:
            return
        m = self.memory.views
        now = self.watched.estimate(self.watched.bank.views, row)
        dt = time - m["time"][row]
        if dt > 0.0:
            m["slope"][row] = (now - m["estimate"][row]) / dt
        if not dt <= 0.0:
            m["estimate"][row], m["time"][row] = now, time

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        if self.state is not None:
            return
        m = self.memory.columns
        now = self.watched.estimate(self.watched.bank.columns, rows)
        dt = times - m["time"][rows]
        with np.errstate(all="ignore"):
            m["slope"][rows] = np.where(dt > 0.0, (now - m["estimate"][rows]) / dt, m["slope"][rows])
        newer = ~(dt <= 0.0)
        m["estimate"][rows[newer]], m["time"][rows[newer]] = now[newer], times[newer]

    def shift(self, rows: Index, by: float) -> None:
        if self.state is None:
            self.memory.shift(rows, by, "time")

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        if self.state is not None:
            v = columns[f"x{self.state}"][i]
        else:
            v = (self.memory.columns if isinstance(i, np.ndarray) else self.memory.views)["slope"][i]
        on: Condition = False
        hold: Condition = False
        if self.above is not None:
            on, hold = v > self.above, v > self.above - self.band
        if self.below is not None:
            on, hold = on | (v < self.below), hold | (v < self.below + self.band)
        return on, hold

    def limit_of(self, row: int) -> float | None:
        scale = self.per
        below, above = (None if v is None else v * scale for v in (self.below, self.above))
        return _nearer(self.value(row), below, above)

    def clears(self, row: int) -> str:
        unit = f" {self.watched.unit}" if self.watched.unit else ""
        ends = [f"at least {(self.below + self.band) * self.per:g}"] if self.below is not None else []
        ends += [f"at most {(self.above - self.band) * self.per:g}"] if self.above is not None else []
        band = f" (deadband {self.band * self.per:g})" if self.band else ""
        return f"once its rate is {' and '.join(ends)}{unit} per {self.per:g} s{band}"

    def value(self, row: int) -> float:
        v = self.memory.views["slope"][row] if self.state is None else self.watched.bank.views[f"x{self.state}"][row]
        return float(v) * self.per

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {} if self.state is not None else self.memory.export(rows)

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        if self.state is None:
            self.memory.load(rows, data)


class Flat:
    """Readings arrive but do not move."""

    def __init__(self, spec: FlatAlarm, watched: Watched) -> None:
        self.watched = watched
        self.unit = watched.unit
        self.tolerance, self.readings, self.duration = spec.tolerance, float(spec.readings), float(spec.duration)
        self.memory = Memory(("anchor", "since", "count", "last"), float("nan"))
        unit = f" {watched.unit}" if watched.unit else ""
        self.words = f"reading has not moved by more than {spec.tolerance:g}{unit} for {self.duration:g} s"

    def grow(self, capacity: int) -> None:
        self.memory.grow(capacity)

    def observe(self, row: int, time: float) -> None:
        m = self.memory.views
        z = self.watched.bank.views[f"z{self.watched.channel}"][row]
        if abs(z - m["anchor"][row]) <= self.tolerance:
            m["count"][row] += 1.0
        else:
            m["anchor"][row], m["since"][row], m["count"][row] = z, time, 1.0
        m["last"][row] = time

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        m = self.memory.columns
        z = self.watched.bank.columns[f"z{self.watched.channel}"][rows]
        same = np.abs(z - m["anchor"][rows]) <= self.tolerance
        m["count"][rows] = np.where(same, m["count"][rows] + 1.0, 1.0)
        moved = rows[~same]
        m["anchor"][moved], m["since"][moved] = z[~same], times[~same]
        m["last"][rows] = times

    def shift(self, rows: Index, by: float) -> None:
        self.memory.shift(rows, by, "since", "last")

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        m = self.memory.columns if isinstance(i, np.ndarray) else self.memory.views
        on = (m["count"][i] >= self.readings) & (m["last"][i] - m["since"][i] >= self.duration)
        return on, on

    def limit_of(self, row: int) -> float | None:
        return None

    def clears(self, row: int) -> str:
        unit = f" {self.watched.unit}" if self.watched.unit else ""
        return f"once a reading is more than {self.tolerance:g}{unit} away from {self.value(row):g}{unit}"

    def value(self, row: int) -> float:
        return float(self.memory.views["anchor"][row])

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return self.memory.export(rows)

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        self.memory.load(rows, data)


class Surprise:
    """Readings that are improbable, singly or averaged over the last few."""

    unit = ""

    def __init__(self, spec: SurpriseAlarm, watched: Watched) -> None:
        self.watched = watched
        self.threshold = spec.threshold
        self.pace = 2.0 / (spec.readings + 1.0)
        self.readings = spec.readings
        self.single = spec.readings == 1
        # However improbable they are, about half of the readings have to be: exactly that from a mean of nothing on.
        self.most = math.inf if self.single else spec.threshold / (1.0 - (1.0 - self.pace) ** (spec.readings / 2.0))
        self.memory = Memory(("mean",))
        over = "" if self.single else f", averaged over {spec.readings} readings"
        self.words = f"improbable reading: surprise at or above {spec.threshold:g}{over}"

    def grow(self, capacity: int) -> None:
        self.memory.grow(capacity)

    def observe(self, row: int, time: float) -> None:
        m = self.memory.views["mean"]
        new = self.watched.block.views[f"surprise{self.watched.slot}"][row]
        m[row] = new if self.single else m[row] + (min(new, self.most) - m[row]) * self.pace

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        m = self.memory.columns["mean"]
        new = self.watched.block.columns[f"surprise{self.watched.slot}"][rows]
        m[rows] = new if self.single else m[rows] + (np.minimum(new, self.most) - m[rows]) * self.pace

    def shift(self, rows: Index, by: float) -> None:
        """No times are remembered."""

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        v = (self.memory.columns if isinstance(i, np.ndarray) else self.memory.views)["mean"][i]
        return v >= self.threshold, v >= self.threshold / 2.0

    def limit_of(self, row: int) -> float | None:
        return self.threshold

    def clears(self, row: int) -> str:
        what = "the surprise of a reading" if self.single else f"the mean surprise of the last {self.readings} readings"
        return f"once {what} is below {self.threshold / 2.0:g} (half of {self.threshold:g})"

    def value(self, row: int) -> float:
        return float(self.memory.views["mean"][row])

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return self.memory.export(rows)

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        self.memory.load(rows, data)


class Absence:
    """No reading of the channel, or of the whole asset, for too long. Judged by arrival, not by the readings' times."""

    unit = "s"

    def __init__(self, spec: AbsenceAlarm, watched: Watched, *, whole_asset: bool) -> None:
        self.watched = watched
        self.after = None if spec.after is None else float(spec.after)
        self.whole_asset = whole_asset
        self.memory = Memory(("heard",), float("nan"))
        subject = "the asset" if whole_asset else watched.name
        self.words = (
            f"no reading of {subject} for {self.after:g} s"
            if self.after is not None
            else f"no reading of {subject}, the twin is stale"
        )

    def grow(self, capacity: int) -> None:
        self.memory.grow(capacity)

    def observe(self, row: int, time: float) -> None:
        self.memory.views["heard"][row] = self.watched.block.views["seen"][row]

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        self.memory.columns["heard"][rows] = self.watched.block.columns["seen"][rows]

    def shift(self, rows: Index, by: float) -> None:
        """Only arrivals are remembered."""

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        """A reading just came, so nothing is absent."""
        if isinstance(i, np.ndarray):
            none = np.zeros(len(i), bool)
            return none, none
        return False, False

    def heard(self, row: int) -> float:
        heard = float(self.memory.views["heard"][row])
        return heard if heard == heard else float(self.watched.block.views["made"][row])

    def limit_of(self, row: int) -> float | None:
        return self.after

    def clears(self, row: int) -> str:
        return f"when the next reading of {'the asset' if self.whole_asset else self.watched.name} arrives"

    def value(self, row: int) -> float:
        return self.heard(row)

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return self.memory.export(rows)

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        self.memory.load(rows, data)
