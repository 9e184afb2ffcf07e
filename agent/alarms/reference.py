"""What a row's levels are kept against: `ref`, which begins as the first reading and must not stay if that was absurd.

The levels of hours (`agent.alarms.score`) and of the slots of a week (`agent.alarms.season`) are float32 against it, as fine
as they should be where it is about as far off as what the signal spans. Two things are put right, for whole rows and in
order of arrival, whether readings come one by one or in runs:

    the first three readings    where two of them agree and one is more than `score.ABSURD` times as far from both as they
                                are apart, all that was learned of them is forgotten, once; the next reading is the first
    every `READINGS`            where the mean of all readings is `FAR` times their spread off the reference, it becomes
                                the reference, and levels move by the difference

The second is for a sensor that was wrong for longer than that, and for meters that count up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms import score, season
from agent.alarms.season import Columns, Rows, Weeks

READINGS = 60.0
FAR = 1e4  # float32 keeps a level to 6e-4 spreads then
FORGOT = -1.0  # in `cause`, which no score of the first three readings sets


def check(c: Columns, weeks: Weeks, rows: Rows) -> None:
    """After a reading of these rows, by which they have had the first three, or a multiple of `READINGS`."""
    with np.errstate(all="ignore"):
        new = c["n"][rows] == score.FIRST
        first, others = rows[new], rows[~new]
        if len(first):
            _start_over(c, weeks, first[_is_absurd(c, first)])
        far = others[is_far(c["m"][others], c["S"][others], c["ref"][others])]
        if len(far):
            _refer(c, weeks, far)


def check_one(c: Columns, v: Mapping[str, Any], weeks: Weeks, row: int) -> None:
    """As `check`, of one row. v: the columns as memory of one row after the other."""
    mean = v["m"][row]
    if v["n"][row] != score.FIRST:
        spread = v["S"][row]
        if spread > 0.0 and abs(mean - v["ref"][row]) > spread * FAR:
            check(c, weeks, np.array([row]))
        return
    low, high = v["lo"][row], v["hi"][row]
    middle = mean * score.FIRST - low - high
    apart = max(min(middle - low, high - middle), 0.0) if middle == middle else math.inf
    if high - low > apart * score.ABSURD and v["cause"][row] != FORGOT:
        for name in score.STARTS:
            if name in v and name != "top" and name not in score.HOUR:
                v[name][row] = score.STARTS[name]
        for name in score.HOUR:
            c[name][:, row] = score.STARTS[name]
        v["cause"][row] = FORGOT
        if "slot" in c:
            for name in season.ROW + season.SLOTTED:
                c[name][..., row] = season.start(name)
            if weeks.places[row]:
                weeks.forget(np.array([row]))


def is_far(mean: NDArray[Any], spread: NDArray[Any], ref: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the reference is too far off."""
    spread = spread.astype(np.float32).astype(float)
    far: NDArray[np.bool_] = (spread > 0.0) & (np.abs(mean - ref) > spread * FAR)
    return far


def _is_absurd(c: Columns, rows: Rows) -> NDArray[np.bool_]:
    low, high = c["lo"][rows], c["hi"][rows]
    middle = c["m"][rows] * score.FIRST - low - high
    apart = np.maximum(np.minimum(middle - low, high - middle), 0.0)
    absurd: NDArray[np.bool_] = (high - low > apart * score.ABSURD) & (c["cause"][rows] != FORGOT)
    return absurd


def _start_over(c: Columns, weeks: Weeks, rows: Rows) -> None:
    for name, value in score.STARTS.items():
        if name in c and name != "top":  # the fleet has yet to count it
            c[name][..., rows] = value
    c["cause"][rows] = FORGOT
    if "slot" in c:
        for name in season.ROW + season.SLOTTED:
            c[name][..., rows] = season.start(name)
        weeks.forget(rows)


def _refer(c: Columns, weeks: Weeks, rows: Rows) -> None:
    by = c["ref"][rows] - c["m"][rows]
    c["ref"][rows] = c["m"][rows]
    levels = c["L"][:, rows].astype(float) + by
    c["L"][:, rows] = np.where(c["K"][:, rows] > 0.0, np.clip(levels, -score.WIDEST, score.WIDEST), 0.0)
    if "slot" in c:
        c["sum"][rows] += by * c["count"][rows].astype(float)
        c["C"][:, rows] = season.moved(c["C"][:, rows], by)
        weeks.move(rows, by)
