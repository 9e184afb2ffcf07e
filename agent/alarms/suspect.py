"""A sensor or the process: what the siblings of a channel say when something is off.

Plain arithmetic on a few numbers, done only when an alarm is told or asked about. Each channel in turn is supposed to
be the one whose sensor fails; what is left without it either goes together as usual or does not (analytical redundancy
with one residual per sensor, each blind to its own: Gertler 1998, Fault Detection and Diagnosis in Engineering Systems,
ch. 3). A sensor is suspected where one supposition holds and all others fail, the siblings are where they usually are, and
not only one of them bears witness. Where none holds, or where all goes together although the channel is far from
usual, it is the process. In all other cases nothing is claimed.

A change of the process that shows in one channel only looks like its sensor, and no arithmetic on readings tells the two
apart: hence "suspected".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from agent.alarms.relation import RIDGE

SENSOR: Literal["sensor"] = "sensor"
PROCESS: Literal["process"] = "process"
UNKNOWN: Literal["unknown"] = "unknown"
TOLD = 0.5  # least share of the channel's variance that its siblings tell, for anything to be claimed
MOVED = 1.5  # standard deviations from usual that are a departure, where siblings moved along
EXPLAINED = 0.5  # most of a departure that siblings may leave unexplained when they moved along


class Finding(NamedTuple):
    """What siblings say of one channel."""

    suspect: Literal["sensor", "process", "unknown"]
    off: float  # how far the channel is off what its siblings say, in the channel's unit
    std: float  # of that, usually
    by: tuple[int, ...]  # the siblings that tell most of it, most telling first
    alone: bool = True  # that nothing but this channel is off is not excluded


NOTHING = Finding(UNKNOWN, math.nan, math.nan, ())


def find(
    channel: int,
    off: Sequence[float],
    covariance: Sequence[Sequence[float]],
    moved: Sequence[bool],
    ordinary: float,
    odd: float,
) -> Finding | None:
    """What the siblings say of `channel`; None where it or they do not move or are not at hand.

    off: of each channel, from where it usually is. covariance: of these; 0 on the diagonal leaves a channel out.
    moved: which channels are off by what is usual of each by itself. ordinary, odd: standard deviations from what siblings say that are nothing special, and that are.
    """
    there = [k for k, row in enumerate(covariance) if row[k] > 0.0]
    if channel not in there or len(there) < 2:
        return None
    at = there.index(channel)
    scale = [math.sqrt(covariance[k][k]) for k in there]
    u = [off[k] / s for k, s in zip(there, scale, strict=True)]
    correlation = [
        [1.0 + RIDGE if j == k else covariance[there[j]][there[k]] / (scale[j] * scale[k]) for k in range(len(there))]
        for j in range(len(there))
    ]
    p = _inverse(correlation)
    if p is None:
        return None
    w = [sum(a * b for a, b in zip(row, u, strict=True)) for row in p]
    residual = w[at] / p[at][at]
    # What a sibling says of the channel is -p_jk/p_kk for each of its own standard deviations.
    telling = sorted((k for k in range(len(there)) if k != at), key=lambda k: -abs(p[at][k]))
    by = tuple(there[k] for k in telling if abs(p[at][k]) >= 0.3 * abs(p[at][telling[0]]))
    std = scale[at] / math.sqrt(p[at][at])
    left = [_largest_without(k, w, p) for k in range(len(there))]
    suspect = _suspect(at, u, w, p, left, ordinary, odd)
    if suspect == SENSOR and not _told_without(telling[0], at, p):
        suspect = UNKNOWN
    elif suspect == SENSOR and any(moved[k] for k in by):
        # Siblings have left their usual range, where the relation was learned: only the direction can be trusted.
        suspect = PROCESS if residual * u[at] < EXPLAINED * u[at] * u[at] else UNKNOWN
    return Finding(suspect, residual * scale[at], std, by, left[at] < odd)


def _suspect(
    at: int,
    u: Sequence[float],
    w: Sequence[float],
    p: Sequence[Sequence[float]],
    left: Sequence[float],
    ordinary: float,
    odd: float,
) -> Literal["sensor", "process", "unknown"]:
    channels = range(len(u))
    residual = w[at] / p[at][at]
    if 1.0 - 1.0 / (p[at][at] * (1.0 + RIDGE)) < TOLD:
        return UNKNOWN
    if max(abs(w[k]) / math.sqrt(p[k][k]) for k in channels) <= ordinary:
        moved_along = abs(u[at]) >= MOVED and abs(residual) <= EXPLAINED * abs(u[at])
        return PROCESS if moved_along else UNKNOWN
    possible = [k for k in channels if left[k] < odd]
    if not possible:
        return PROCESS
    return SENSOR if possible == [at] and left[at] <= ordinary else UNKNOWN


def _told_without(witness: int, at: int, p: Sequence[Sequence[float]]) -> bool:
    """Whether the channel is told well enough by the others when the one that tells most of it is left out."""
    return 1.0 - 1.0 / ((p[at][at] - p[at][witness] ** 2 / p[witness][witness]) * (1.0 + RIDGE)) >= TOLD


def _largest_without(channel: int, w: Sequence[float], p: Sequence[Sequence[float]]) -> float:
    """The largest t when one channel is left out: the inverse of a smaller matrix, by its Schur complement."""
    largest = 0.0
    for k, row in enumerate(p):
        if k != channel:
            share = row[channel] / p[channel][channel]
            variance = row[k] - share * row[channel]
            if variance > 0.0:
                largest = max(largest, abs(w[k] - share * w[channel]) / math.sqrt(variance))
    return largest


def _inverse(matrix: Sequence[Sequence[float]]) -> list[list[float]] | None:
    """By Gauss and Jordan; None where a pivot is not positive, which no covariance has."""
    n = len(matrix)
    rows = [[*row, *(1.0 if j == k else 0.0 for k in range(n))] for j, row in enumerate(matrix)]
    for k in range(n):
        pivot = rows[k][k]
        if not pivot > 0.0:
            return None
        rows[k] = [value / pivot for value in rows[k]]
        for j in range(n):
            if j != k:
                factor = rows[j][k]
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[k], strict=True)]
    return [row[n:] for row in rows]
