"""The first two readings of a row: its level from the first, the spread of its rates from the second.

On floats for one row and on arrays for many, to the same bits. Which readings are the first, and the ordinary step that
follows, are `agent.bank`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.kernel import UNMOVED

if TYPE_CHECKING:
    from agent.bank import Bank

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def begin(bank: Bank, row: int, entry: int, time: float, value: float) -> bool:
    """The first two readings: set the state from the first, the spread of rates from the second.

    Returns whether the ordinary step follows.
    """
    c, v = bank.component, bank.views
    begun = v["b"][row]
    if entry >= bank.measured:
        if begun == 0:
            v[f"u{entry - bank.measured}"][row] = value
            v["T"][row], v["L"][row] = time, float(entry)
            return False
        return True
    if begun == 0:
        first(bank, row, entry, time, value)
        return True
    dt = time - v["T"][row]
    if dt > 0.0:
        v["b"][row] = 2
        v["d"][row] = dt
        r = _first_variance(bank, row, entry, value)
        for j, s in enumerate(c.states):
            if c.initial is None and (s.order or v[f"p{j}_{j}"][row] == 0.0):
                scale = s.prior
                for _ in range(s.order):
                    scale = scale / dt / dt
                v[f"p{j}_{j}"][row] = scale * r
    return True


def first(bank: Bank, row: int, entry: int, time: float, value: float) -> None:
    """Set the state of an empty row from a measured reading."""
    c, v = bank.component, bank.views
    h = c.observe[entry]
    hh = sum(e * e for e in h)
    stated = c.measurement[entry]
    if stated is None:
        v[f"r{entry}"][row] = _unknown_variance(value)
    r = v[f"r{entry}"][row]
    if c.initial is not None:
        for j, (mean, variance) in enumerate(zip(*c.initial, strict=True)):
            v[f"x{j}"][row], v[f"p{j}_{j}"][row] = mean, variance
    else:
        reference = c.measurement[0] if c.measurement[0] is not None else r
        for j, s in enumerate(c.states):
            v[f"x{j}"][row] = value * h[j] / hh if h[j] else value * s.start
            v[f"p{j}_{j}"][row] = r / hh if h[j] else (0.0 if s.order else s.prior * reference)
    for k, source in enumerate(c.inputs):
        if source.constant is None and v[f"u{k}"][row] != v[f"u{k}"][row]:
            v[f"u{k}"][row] = value if source.default is None else source.default
    v["T"][row] = time
    v["b"][row] = 1


def _first_variance(bank: Bank, row: int, entry: int, value: float) -> float:
    """The measurement variance as two readings tell it; also the level's, which the first alone could not."""
    v = bank.views
    stated = bank.component.measurement[entry]
    if stated is not None:
        return stated
    before = v[f"z{entry}"][row]
    if before != before:  # the two are of different channels
        return _unknown_variance(value)
    step = value - before
    r: float = max(step * step / 2.0, value * value * 1e-16 + 1e-30) if step else v[f"r{entry}"][row]
    if bank.component.initial is None:
        spread(bank, row, entry, r)
    return r


def spread(bank: Bank, row: int, entry: int, r: float) -> None:
    """The variance of what a channel sees, when one reading of variance `r` is all that is known of it."""
    h = bank.component.observe[entry]
    for j, e in enumerate(h):
        if e:
            bank.views[f"p{j}_{j}"][row] = r / sum(w * w for w in h)


def begin_many(bank: Bank, rows: Rows, entry: int, times: Floats, values: Floats) -> None:
    """As `begin`, for different rows that have begun fewer than two steps."""
    c, columns = bank.component, bank.columns
    new = columns["b"][rows] == 0
    first = rows[new]
    if entry >= bank.measured:
        columns[f"u{entry - bank.measured}"][first] = values[new]
        columns["T"][first], columns["L"][first] = times[new], float(entry)
        return
    elapsed = times - columns["T"][rows]
    later = ~new & (elapsed > 0.0)
    if len(first):
        _first_many(bank, first, entry, times[new], values[new])
    second, dt = rows[later], elapsed[later]
    if not len(second):
        return
    columns["b"][second] = 2
    columns["d"][second] = dt
    r = _first_variance_many(bank, second, entry, values[later])
    if c.initial is None:
        for j, s in enumerate(c.states):
            column = columns[f"p{j}_{j}"]
            unknown = np.ones(len(second), bool) if s.order else column[second] == 0.0
            scale = np.full(len(second), s.prior)
            for _ in range(s.order):
                scale = scale / dt / dt
            column[second[unknown]] = (scale * r)[unknown]


def _first_many(bank: Bank, rows: Rows, entry: int, times: Floats, values: Floats) -> None:
    """As `first`, for different rows."""
    c, columns = bank.component, bank.columns
    h = c.observe[entry]
    hh = sum(e * e for e in h)
    if c.measurement[entry] is None:
        columns[f"r{entry}"][rows] = _unknown_variances(values)
    r = columns[f"r{entry}"][rows]
    if c.initial is not None:
        for j, (mean, variance) in enumerate(zip(*c.initial, strict=True)):
            columns[f"x{j}"][rows], columns[f"p{j}_{j}"][rows] = mean, variance
    else:
        reference = c.measurement[0] if c.measurement[0] is not None else r
        for j, s in enumerate(c.states):
            columns[f"x{j}"][rows] = values * h[j] / hh if h[j] else values * s.start
            columns[f"p{j}_{j}"][rows] = r / hh if h[j] else (0.0 if s.order else s.prior * reference)
    for k, source in enumerate(c.inputs):
        if source.constant is None:
            column = columns[f"u{k}"]
            default = values if source.default is None else source.default
            column[rows] = np.where(np.isnan(column[rows]), default, column[rows])
    columns["T"][rows] = times
    columns["b"][rows] = 1


def _first_variance_many(bank: Bank, rows: Rows, entry: int, values: Floats) -> Floats:
    """As `_first_variance`, for different rows."""
    stated = bank.component.measurement[entry]
    if stated is not None:
        return np.full(len(rows), stated)
    before = bank.columns[f"z{entry}"][rows]
    step = values - before
    least, known = values * values * 1e-16 + 1e-30, bank.columns[f"r{entry}"][rows]
    r = np.where(step != 0.0, np.maximum(step * step / 2.0, least), known)
    same_channel = before == before
    if bank.component.initial is None and same_channel.any():
        spread_many(bank, rows[same_channel], entry, r[same_channel])
    return np.where(same_channel, r, _unknown_variances(values))


def spread_many(bank: Bank, rows: Rows, entry: int, r: Floats) -> None:
    """As `spread`, for different rows."""
    h = bank.component.observe[entry]
    for j, e in enumerate(h):
        if e:
            bank.columns[f"p{j}_{j}"][rows] = r / sum(w * w for w in h)


def _unknown_variance(value: float) -> float:
    """One reading says nothing of its noise: until the second, claim no more than a per cent of the value."""
    return max(value * value, 1e-4) * UNMOVED


def _unknown_variances(values: Floats) -> Floats:
    """As `_unknown_variance`, of many."""
    return np.maximum(values * values, 1e-4) * UNMOVED
