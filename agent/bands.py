"""How wide a forecast's band has to be, learned from how earlier forecasts came out.

A model's own variance is honest one step ahead; far out it depends on what no model of two states knows: how long a
slope lasts, where a level turns round. So each channel keeps one forecast per horizon in mind and compares it with
the first reading after its time: error e, standard deviation s by the model. The factor on s has two parts,

    k   = sqrt(m) q
    m  += (min(e²/s², 9 m) - m) max(1 / (n + 3), 1 / 50)        the size of errors: quick, but by their squares
    q  *= exp(g (1 - 0.1)) where |e| > 1.645 k s, else exp(-0.1 g)    their 0.9 quantile, whatever their shape

(the second is Robbins & Monro 1951, on a logarithm). Only readings in order are looked at, in event time, so the same
readings give the same factors. Publishing is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms.rules import Memory
from agent.bank import Bank

Z_BAND = 1.6448536269514722  # standard normal quantile of 0.95: a band of 90 %
OUTSIDE = 0.1  # share of readings outside it
GAIN = 0.1  # g
PRIOR = 3.0  # comparisons that the model's own variance counts for
MEMORY = 50.0  # comparisons that m goes back
FAR = 9.0  # of m: what an error's square counts for at most
LEAST, MOST = 1e-6, 1e6  # m
CORRECTION = math.log(10.0)  # |log q|
CYCLE = 16.0  # usual intervals from one comparison to the next, at least
# Pauses of changing length, or a signal with a period of one horizon would always be seen at the same phase.
SPREAD, GOLDEN = 0.5, (math.sqrt(5.0) - 1.0) / 2.0
TOLERANCE = 0.25  # of the horizon: a reading that comes later than that says little of the forecast


class Bands:
    """The factors of one bank's channels at the horizons of its block."""

    def __init__(self, bank: Bank, horizons: Sequence[float], learning: int) -> None:
        """horizons: seconds ahead, not empty; learning: readings of a channel before its forecasts are looked at."""
        self.bank = bank
        self.horizons = tuple(horizons)
        self.learning = float(learning)
        self.keys = [[f"{c}_{h:g}" for h in self.horizons] for c in range(bank.measured)]
        self.due = Memory([f"due{c}" for c in range(bank.measured)], -math.inf)  # event time of the next look
        each = [f"{name}{key}" for keys in self.keys for key in keys for name in ("at", "mean", "std")]
        self.pending = Memory(each, math.nan)
        self.factor = Memory([f"{name}{key}" for keys in self.keys for key in keys for name in ("log", "count")])
        self.square = Memory([f"square{key}" for keys in self.keys for key in keys], 1.0)

    def grow(self, capacity: int) -> None:
        for memory in (self.due, self.pending, self.factor, self.square):
            memory.grow(capacity)

    def width(self, row: int, channel: int, horizon: int) -> float:
        """k: what the model's standard deviation of this channel at this horizon is multiplied by."""
        return self._width(row, self.keys[channel][horizon])

    def _width(self, row: int, key: str) -> float:
        return math.sqrt(self.square.views[f"square{key}"][row]) * math.exp(self.factor.views[f"log{key}"][row])

    def observe(self, row: int, channel: int, time: float, value: float) -> None:
        """A reading in order was taken into this row at event time `time`."""
        if time >= self.due.views[f"due{channel}"][row]:
            self._look(row, channel, time, value)

    def observe_many(
        self, rows: NDArray[np.intp], channel: int, times: NDArray[np.float64], values: NDArray[np.float64]
    ) -> None:
        """As `observe`, for different rows."""
        due = times >= self.due.columns[f"due{channel}"][rows]
        if due.any():
            for k in np.flatnonzero(due).tolist():
                self._look(int(rows[k]), channel, float(times[k]), float(values[k]))

    def _look(self, row: int, channel: int, time: float, value: float) -> None:
        bank, pending = self.bank, self.pending.views
        if bank.views[f"n{channel}"][row] < self.learning:
            return
        usual = bank.views["d"][row]
        offset = 2 * len(bank.component.states) + 2 * channel
        soonest = math.inf
        for h, key in zip(self.horizons, self.keys[channel], strict=True):
            at, begun = pending[f"at{key}"], pending[f"mean{key}"]
            if time >= at[row] and begun[row] == begun[row]:
                if time - at[row] <= max(TOLERANCE * h, usual):
                    self._compare(row, key, abs(value - begun[row]), pending[f"std{key}"][row])
                begun[row] = math.nan
                pause = h * SPREAD * (self.factor.views[f"count{key}"][row] * GOLDEN % 1.0)
                at[row] += max(pause, CYCLE * usual - h)
            if not time < at[row]:
                out = bank.ahead(row, h)
                begun[row], pending[f"std{key}"][row] = out[offset], math.sqrt(max(out[offset + 1], 0.0))
                at[row] = time + h
            soonest = min(soonest, at[row])
        self.due.views[f"due{channel}"][row] = soonest

    def _compare(self, row: int, key: str, error: float, std: float) -> None:
        log, count = self.factor.views[f"log{key}"], self.factor.views[f"count{key}"]
        square = self.square.views[f"square{key}"]
        outside = error > Z_BAND * self._width(row, key) * std
        moved = log[row] + GAIN * ((1.0 if outside else 0.0) - OUTSIDE)
        log[row] = min(max(moved, -CORRECTION), CORRECTION)
        if std > 0.0:
            m = square[row]
            far = min(error / std, 1e3)  # its square stays finite
            m += (min(far * far, FAR * m) - m) * max(1.0 / (count[row] + PRIOR), 1.0 / MEMORY)
            square[row] = min(max(m, LEAST), MOST)
        count[row] += 1.0

    def shift(self, rows: int | NDArray[np.intp], by: float) -> None:
        """All event times of these rows are `by` seconds later."""
        for name, column in (*self.due.columns.items(), *self.pending.columns.items()):
            if name.startswith(("due", "at")):
                column[rows] += by

    # -- snapshots

    def export(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        return {k: v for memory in (self.pending, self.factor, self.square) for k, v in memory.export(rows).items()}

    def load(self, rows: NDArray[np.intp], data: dict[str, Any]) -> None:
        """Takes over what was learned for the horizons that are still there; the others begin anew."""
        for memory in (self.pending, self.factor, self.square):
            for name, column in memory.columns.items():
                if name in data:
                    column[rows] = data[name]
        for c, keys in enumerate(self.keys):
            soonest = np.min([self.pending.columns[f"at{key}"][rows] for key in keys], axis=0)
            self.due.columns[f"due{c}"][rows] = np.where(np.isnan(soonest), -math.inf, soonest)
