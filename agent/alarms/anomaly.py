"""The anomaly alarm: one score per channel from several detectors, against a threshold that a budget sets.

    threshold = -log10 of (false alarms per reading that the budget leaves to one channel) + offset

The score's tail probability is at most 10^-score (`agent.alarms.score`), so without the offset no more than the stated
number of readings come up by chance; with it, as many as stated do (`agent.alarms.fleet`). What is learned lives in the
rule's own columns, in order of arrival: a late reading is put in its place in the filter, but the score leaves it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms import reference, score, season
from agent.alarms.fleet import Fleet
from agent.alarms.rules import Condition, Index, Watched
from agent.columns import grown
from agent.config import AnomalyAlarm
from agent.emitted import Emitted

CALM_SHARE = 0.5  # of the threshold, below which a reading is calm
CALM_READINGS = 10.0  # in a row that end an alarm
_SURELY = 1.0 - 1e-9  # of a bound, so that no rounding of a logarithm matters
CALM_LEAST = 1.0  # a score below is calm whatever the threshold
_NOMINAL = 2.0  # least threshold before the fleet's offset: less than one reading in a hundred
_SEASON = frozenset((*season.ROW, *season.SLOTTED)) - {"ref"}
LEAST = 1.5  # whatever the budget and the fleet, a lower score raises no alarm


class Anomaly:
    """Readings that are out of the ordinary, whichever way they are."""

    unit = ""  # its value is a score

    def __init__(self, spec: AnomalyAlarm, watched: Watched, channels: int) -> None:
        """channels: how many channels of the asset share the budget."""
        self.watched = watched
        self.rate = spec.false_alarms / float(spec.per) / channels  # per second
        self.fleet = Fleet(self.rate)
        self.season = spec.season
        self.weekly = spec.season in ("auto", "week")  # the days of the week are told apart, or may be
        self._bins = score.HOURS if spec.season == "none" else 1  # of the day that are one
        self.detectors = tuple(name for name in score.DETECTORS if name in spec.detectors)
        self.blocks = score.blocks_of(self.detectors)
        count, per = spec.false_alarms, float(spec.per)
        self.words = f"out of the ordinary, at {count:g} false alarm{'s' if count != 1 else ''} in {_span(per)}"
        self.columns: dict[str, NDArray[Any]] = {"calm": np.zeros(0, np.float32)}
        self.columns["often"] = np.zeros(0, np.float32)  # how often it was above the threshold, fading
        for name in score.columns_of(self.detectors) + score.HOUR:
            shape = (score.HOURS, 0) if name in score.HOUR else (0,)
            self.columns[name] = np.zeros(shape, np.float32 if name in score.NARROW else np.float64)
        for name, kind in season.KINDS.items() if self.weekly else ():
            self.columns[name] = np.zeros((season.COARSE.slots, 0) if name in season.SLOTTED else (0,), kind)
        self.weeks = season.Weeks()
        self._capacity = 0
        self.views: dict[str, Any] = {}
        self._emitted: dict[str, Emitted] = {}

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        self.columns = grown(self.columns, capacity, _start)
        if self.weekly:
            self.weeks.grow(capacity)
        self.views.update((name, column.reshape(-1).data) for name, column in self.columns.items())
        if not self._emitted:
            functions = score.program(self.detectors, weekly=self.weekly)
            self._emitted = {name: function.made() for name, function in functions.items()}
            self._step = self._emitted["step"].one
        flat = {name: column.reshape(-1) for name, column in self.columns.items()}
        for function in self._emitted.values():
            function.bind(flat)

    def hours_of(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Of the day, UTC, or all the same."""
        return (times % 86400.0 // 3600.0).astype(np.intp) // self._bins

    def interval(self, usual: Any) -> Any:
        """What the score takes for the usual seconds between readings: where all hours are one, a visit is a day."""
        return usual / self._bins

    @property
    def always(self) -> bool:
        return self.season == "week"

    def observe(self, row: int, time: float) -> None:
        k, bank, v = self.watched.channel, self.watched.bank.views, self.views
        reading = bank[f"z{k}"][row]
        added = 0.0
        if self.weekly:
            fine = self.weeks.places[row] > 0
            if v["slot"][row] != (slot := season.slot_of(time, fine=fine)):
                if v["slot"][row] == season.NOWHERE and not fine and not self.always:
                    season.enter_first(v, row, slot, reading)
                else:
                    one = np.array([row]), np.array([time]), np.array([reading])
                    self._forget(season.enter(self.columns, self.weeks, *one, always=self.always)[0])
            if bank[f"i{k}"][row] <= season.COUNTS:
                v["sum"][row] += reading - v["ref"][row]
                v["count"][row] += 1.0
            added = v["week"][row]
        (raw,) = self._step(
            row,
            int(time % 86400.0 // 3600.0) // self._bins * self._capacity + row,
            reading,
            added,
            bank[f"c{k}"][row],
            math.sqrt(bank[f"i{k}"][row]),
            bank["d"][row] / self._bins,
        )
        n = v["n"][row]
        for name, block in self.blocks.items():
            if n % block.readings == 0.0:
                self._emitted[f"learn_{name}"].one(row)
        # Below this nothing is anything but calm, so the threshold is asked for where it matters only.
        calm = raw < CALM_LEAST or raw < self.threshold(row) * CALM_SHARE
        v["calm"][row] = v["calm"][row] + 1.0 if calm else 0.0
        if n == score.FIRST or n % reference.READINGS == 0.0:
            reference.check_one(self.columns, v, self.weeks, row)

    def observe_many(self, rows: NDArray[np.intp], times: NDArray[np.float64]) -> None:
        k, bank, c = self.watched.channel, self.watched.bank.columns, self.columns
        readings = bank[f"z{k}"][rows]
        added: NDArray[np.float64] | None = None
        if self.weekly:
            counts = bank[f"i{k}"][rows] <= season.COUNTS
            added, found = season.pass_by(c, self.weeks, rows, times, readings, counts, always=self.always)
            self._forget(found)
        with np.errstate(all="ignore"):
            (raw,) = self._emitted["step"].many(
                rows,
                self.hours_of(times) * self._capacity + rows,
                readings,
                added,
                bank[f"c{k}"][rows],
                np.sqrt(bank[f"i{k}"][rows]),
                self.interval(bank["d"][rows]),
            )
            for name, block in self.blocks.items():
                full = c["n"][rows] % block.readings == 0.0
                if full.any():
                    self._emitted[f"learn_{name}"].many(rows[full])
        calm = self.are_calm(raw, bank["d"][rows])
        c["calm"][rows] = np.where(calm, c["calm"][rows] + 1.0, 0.0)
        due = (c["n"][rows] == score.FIRST) | (c["n"][rows] % reference.READINGS == 0.0)
        if due.any():
            reference.check(c, self.weeks, rows[due])

    def _forget(self, rows: NDArray[np.intp]) -> None:
        """What is unusual was learned without the week that has been found: it would take months to be forgotten."""
        for name in score.OF_LEVEL if len(rows) else ():
            self.columns[name][rows] = score.start(name)

    def shift(self, rows: Index, by: float) -> None:
        """No time is remembered here: a reading that is late is not shown (`agent.alarms.lifecycle`)."""

    def threshold(self, row: int) -> float:
        """The score at which this row's alarm is raised."""
        return self.threshold_of(self.watched.bank.views["d"][row])

    def threshold_of(self, interval: float) -> float:
        """As `threshold`, by the usual seconds between readings."""
        return max(LEAST, self._nominal(interval) + self.fleet.offset) if interval > 0.0 else score.LARGEST

    def are_calm(self, raw: NDArray[np.float64], intervals: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which scores are calm, at these usual seconds between readings; both of the same length."""
        calm: NDArray[np.bool_] = raw < CALM_LEAST
        if not calm.all():
            # The rarer the readings, the lower the threshold; so most are calm whichever is theirs.
            longest = float(intervals.max())
            if longest < math.inf:
                calm |= raw < self.threshold_of(longest) * CALM_SHARE * _SURELY
            for j in np.flatnonzero(~calm).tolist():
                calm[j] = raw[j] < self.threshold_of(float(intervals[j])) * CALM_SHARE
        return calm

    def _nominal(self, interval: float) -> float:
        """The threshold by the score's own claim. interval: usual seconds between readings."""
        return max(_NOMINAL, -math.log10(self.rate * interval))

    def tally(self, now: float, rows: int, learning: float) -> None:
        """Let the fleet learn from what the first `rows` rows scored since it last did."""
        c, bank = self.columns, self.watched.bank.columns
        interval = bank["d"][:rows]
        # What is learning cannot raise an alarm: the time since the last step has to count in full.
        known = bank[f"n{self.watched.channel}"][:rows] * interval >= learning * interval + self.fleet.length
        heard = np.flatnonzero((c["top"][:rows] >= 0.0) & (interval > 0.0) & known)
        nominal = np.array(list(map(self._nominal, interval[heard].tolist())))
        spans = np.maximum(interval[heard] / self.fleet.length, 1.0)
        distances = np.where(c["top"][heard] > 0.0, c["top"][heard] - nominal, -np.inf)
        c["often"][heard] = self.fleet.step(now, distances, spans, c["often"][heard])
        c["top"][:rows] = -1.0

    def limit_of(self, row: int) -> float | None:
        return self.threshold(row)

    def clears(self, row: int) -> str:
        left = CALM_READINGS - min(self.views["calm"][row], CALM_READINGS)
        what = f"{left:g} more reading{'s' if left != 1.0 else ''} in a row" if left else "a reading"
        return f"after {what} with evidence below {self.threshold(row) * CALM_SHARE:.3g} (half of the threshold)"

    def evidence(self, row: int) -> float:
        """What the last reading says, whether an episode has told as much before or not."""
        return float(self.views["raw"][row])

    def detector(self, row: int) -> str | None:
        """The detector that told the present episode; None where there is none."""
        return score.DETECTORS[int(max(self.views["cause"][row], 0.0))] if self.views["peak"][row] > 0.0 else None

    def conditions(self, columns: Any, i: Index) -> tuple[Condition, Condition]:
        if not isinstance(i, np.ndarray):
            told = self.views["score"][i]
            on = told >= LEAST and told >= self.threshold(i)
            return on, on or self.views["calm"][i] < CALM_READINGS
        told = self.columns["score"][i]
        many = told >= LEAST
        for j in np.flatnonzero(many).tolist():
            many[j] = told[j] >= self.threshold(int(i[j]))
        return many, many | (self.columns["calm"][i] < CALM_READINGS)

    def value(self, row: int) -> float:
        return float(self.views["score"][row])

    def explain(self, row: int) -> str:
        """What triggered, in words and numbers."""
        w, v = self.watched, self.views
        unit = f" {w.unit}" if w.unit else ""
        reading, told, threshold = v["z"][row], v["score"][row], self.threshold(row)
        cause = score.DETECTORS[int(max(v["cause"][row], 0.0))]
        when = "" if self.season == "none" else " at this hour"
        if self.weekly and v["week"][row] != 0.0:
            when += " of the week"
        usual = f"usually {v['usual'][row]:.6g} ± {v['spread'][row]:.3g}{unit}{when}"
        said: dict[str, Callable[[], str]] = {
            "hour": lambda: (
                f"{reading:.6g}{unit} is out of the ordinary{' for the time of day' if when else ''}, {usual}"
            ),
            "sudden": lambda: f"{reading:.6g}{unit} came suddenly",
            "shift": lambda: (
                f"the last {score.SHIFT_FAST:g} readings are off what is usual by {v['f'][row]:.3g}{unit} on "
                f"average, those before by {v['s'][row]:.3g}"
            ),
            "noise": lambda: (
                f"the noise changed: the last {score.NOISE_FAST:g} readings are off by "
                f"{v['a'][row]:.3g} standard deviations on average, usually by {v['b'][row]:.3g}"
            ),
            "flat": lambda: (
                f"{reading:.6g}{unit} has not moved for {v['r'][row]:g} readings, at most {v['R'][row]:g} before"
            ),
            "drift": lambda: (
                f"the last {score.DRIFT_FAST:g} readings are at {v['p'][row]:.6g}{unit} on average, beyond "
                f"every level held before, {v['ql'][row]:.6g} to {v['qh'][row]:.6g}{unit}"
            ),
        }
        return f"{said[cause]()}; score {told:.3g} of {threshold:.3g}"

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {name: column[..., rows].T for name, column in self.columns.items()} | (
            self.weeks.export(rows) if self.weekly else {}
        )

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        if "L" in data and data["L"].dtype == np.float64:
            data = _referred(data)
        for name, column in self.columns.items():
            if name in data and name not in _SEASON:  # what was stored before there were fleets lacks `top` and `often`
                kept = data[name].T
                narrower = column.dtype == np.float32 and kept.dtype != np.float32
                column[..., rows] = np.clip(kept, -score.WIDEST, score.WIDEST) if narrower else kept
        if self.weekly:
            season.load(self.columns, self.weeks, rows, data, always=self.always)


def _referred(data: dict[str, Any]) -> dict[str, Any]:
    """What was stored when levels of hours stood for themselves, with these against a reading."""
    ref = np.where(data["n"] > 0.0, data["z"], math.nan)
    if "ref" in data:
        ref = np.where(data["slot"] != season.NOWHERE, data["ref"], ref)
    levels = np.where(data["K"] > 0.0, data["L"] - ref[:, None], 0.0)
    return data | {"ref": ref, "L": np.clip(levels, -score.WIDEST, score.WIDEST)}


def _start(name: str) -> float:
    """A column's value before the first reading."""
    return season.start(name) if name in season.ROW else score.start(name)


def _span(seconds: float) -> str:
    for one, many, size in (("a day", "days", 86400.0), ("an hour", "hours", 3600.0), ("a minute", "minutes", 60.0)):
        if seconds >= size:
            return one if seconds == size else f"{seconds / size:g} {many}"
    return f"{seconds:g} s"
