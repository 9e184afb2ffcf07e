"""The anomaly score through a run: many readings of each of several rows at once, to the same bits as one by one.

As `agent.trajectory` is to a bank: `score_run` touches nothing, `keep` makes its end the state of the rule, `show` lets
the rule stand where it stood after some reading, so that it can say what it then said.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.alarms import reference, score, season
from agent.alarms.anomaly import CALM_READINGS, LEAST, Anomaly
from agent.distribute import Order, Plan
from agent.expr import sym, where
from agent.trajectory import Rows, Trajectory


class Scores(NamedTuple):
    """The columns of a rule through a run, as in `Trajectory`; those of hours by pairs of row and hour."""

    rule: Anomaly
    path: Trajectory
    columns: dict[str, Any]
    week: season.Ran | None
    hours: tuple[Rows, Rows, Rows]  # of each pair: row, hour, and where the last values are
    on: NDArray[np.bool_]  # (N)
    hold: NDArray[np.bool_]  # (N)

    def after(self, name: str) -> Any:
        return self.columns[name][len(self.path.sequence.rows) :]


def score_run(rule: Anomaly, path: Trajectory, hour_order: tuple[Order, Rows, Rows, Rows]) -> Scores | None:
    """Score the readings of a run of the watched filter. hour_order: `Sequence.by_hour`. None: as `agent.trajectory.run`."""
    s, k = path.sequence, rule.watched.channel
    order, ordinals, hours, last = hour_order
    fewest = rule.columns["n"][s.rows].min()
    if fewest < score.FIRST:
        return None
    settled = bool(fewest >= score.WARMED)
    names = score.plan_run(rule.detectors, weekly=rule.weekly, settled=settled).names
    pairs = s.rows[ordinals]
    starts = {
        name: rule.columns[name][hours, pairs] if name in score.HOUR else rule.columns[name][s.rows] for name in names
    }
    starts["ref"] = rule.columns["ref"][s.rows]
    count = starts["n"][s.ordinal] + order.ranks + 1.0
    interval = path.after("d")
    with np.errstate(all="ignore"):
        series = {"x": path.values, "c": path.after(f"c{k}"), "size": np.sqrt(path.after(f"i{k}"))}
        series["d"] = rule.interval(interval)
        week = None
        if rule.weekly:
            counts = path.after(f"i{k}") <= season.COUNTS
            week = season.run(
                rule.columns, rule.weeks, s.rows, s.ordinal, path.times, path.values, counts, always=rule.always
            )
            if week is None:
                return None
            series["added"] = week.added
        series |= {f"ends_{name}": count % block.readings == 0.0 for name, block in rule.blocks.items()}
        try:
            columns, told = score.run(rule.detectors, weekly=rule.weekly, settled=settled, arrays=s.arrays)(
                starts, series, order
            )
        except (ArithmeticError, ValueError):
            return None
        due = np.flatnonzero(count % reference.READINGS == 0.0)
        mean, spread = (columns[name][len(s.rows) :][due] for name in ("m", "S"))
        if reference.is_far(mean, spread, starts["ref"][s.ordinal[due]]).any():
            return None
    raw, scored = told["raw"], columns["score"][len(s.rows) :]
    is_calm = rule.are_calm(raw, interval)
    on = scored >= LEAST
    for j in np.flatnonzero(on).tolist():
        on[j] = scored[j] >= rule.threshold_of(float(interval[j]))
    counted, _ = _counting(arrays=s.arrays)({"calm": rule.columns["calm"][s.rows]}, {"is_calm": is_calm}, s.order())
    columns |= counted
    hold = on | (counted["calm"][len(s.rows) :] < CALM_READINGS)
    if rule.weekly:
        columns["week"] = np.append(rule.columns["week"][s.rows], series["added"])
    return Scores(rule, path, columns, week, (pairs, hours, last), on, hold)


@cache
def _counting(*, arrays: bool) -> Callable[..., Any]:
    """Calm readings in a row."""
    step = {"calm": where(sym("is_calm"), sym("calm") + 1.0, 0.0)}
    return Plan(step, ("is_calm",), {}, narrow=frozenset(("calm",))).compile(arrays=arrays)


def keep(scores: Scores) -> None:
    """The rule goes on from the end of the run."""
    s, rule = scores.path.sequence, scores.rule
    rows, hours, last = scores.hours
    if scores.week is not None:
        for name, column in scores.week.columns.items():
            rule.columns[name][..., s.rows] = column
        rule.weeks.put(s.rows, scores.week.weeks)
    for name, column in scores.columns.items():
        if name in score.HOUR:
            rule.columns[name][hours, rows] = column[last]
        else:
            rule.columns[name][s.rows] = column[len(s.rows) + s.last]


def show(scores: Scores, ordinal: int, at: int) -> None:
    """Set one row to what it was after its step number `at` of the run, but for what it learned of hours."""
    s, rule = scores.path.sequence, scores.rule
    for name, column in scores.columns.items():
        if name not in score.HOUR:
            rule.columns[name][s.rows[ordinal]] = column[len(s.rows) + at]
