"""How improbable a deviation is: a tail learned from the deviations themselves, as straight-line expressions.

What lives here is arithmetic on a few columns, emitted by `agent.kernel` and `agent.alarms.score`; no rows, no
channels. A Gaussian tail is off by a factor of ten and more on real signals, so the size of deviation that one
reading in 10, 100, 1,000 and 10,000 exceeds is tracked: four *knots*. Each rises by a step when it is exceeded and
falls by so little otherwise that it stands still only where it is exceeded at its own rate:

    log q  <-  log q + log(1 + e) (1{a > q} - p)        (Robbins and Monro 1951; as a guarantee on the long-run
                                                         rate for any signal: Gibbs and Candès 2021, §2.2)

    surprise = -log10 of the tail probability, linear in `a` between the knots, and beyond the last one at the slope
    between the last two: an exponential tail.

A step hardly passes what was just seen, so that one anomaly cannot deafen the tail for long, and what a twin claims is
bounded by how much it has seen (`most_claimed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.expr import Expr, const, greater, lesser, maximum, minimum, sqrt, where

RATES = (0.1, 0.01, 0.001, 0.0001)  # a knot for each power of ten
START = (1.9, 3.5, 7.0, 10.0)  # standard deviations: heavier than most signals, so that early claims are modest
QUICK = 10.0  # steps are up to 1 + QUICK times as large while a knot has hardly had a chance to be exceeded
STEP_MOST = 2.0
FAR = 0.5  # a deviation beyond the knot by more than (1 / FAR)² pulls it further, to FAR of their geometric mean
FAR_MOST = 3.0  # times the knot, so that one glitch of a million does not deafen the tail for a day
LEAST = 0.5  # of the first knot: a signal without noise has no tail to learn
APART = 1.2  # least ratio of the first two knots
SPACING = (0.1, 0.5)  # least distance of the next two, in terms of the distance before: tails no lighter than this
CLAIM_BASE, CLAIM_GROWTH = 2.5, 6.0
MOST = 99.0  # surprise beyond this says nothing more
KNOTS = len(RATES)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a knot follows what exceeds it."""

    steps: tuple[float, ...]  # of each knot, relative
    beyond: float  # how far past the deviation just seen a step may go


SURPRISE = Pace((0.05, 0.1, 0.3, 0.3), 1.25)  # of innovations
SCORE = Pace((0.05, 0.1, 0.3, 0.5), 1.3)  # of what comes in episodes, each of which tells a knot several times


def most_claimed(count: Expr) -> Expr:
    """The largest surprise that `count` readings allow: about 3.5 after 30, 5 after 200, 8 after 1,000."""
    return minimum(sqrt(maximum(count, 0.0)) / CLAIM_GROWTH + CLAIM_BASE, MOST)


def surprise(deviation: Expr, knots: Sequence[Expr]) -> Expr:
    """-log10 of how often a deviation is at least this large."""
    value = deviation / knots[0]
    low = knots[0]
    for k, high in enumerate(knots[1:], 1):
        value = where(deviation > low, k + (deviation - low) / (high - low), value)
        low = high
    return minimum(value, MOST)


def learned(deviation: Expr, count: Expr, knots: Sequence[Expr], pace: Pace = SURPRISE) -> list[Expr]:
    """The knots after this deviation; `count` deviations were seen before it."""
    out: list[Expr] = []
    for k, (rate, most, knot) in enumerate(zip(RATES, pace.steps, knots, strict=True)):
        step = minimum(most + (most * QUICK) / (1.0 + count * (10.0 * rate)), STEP_MOST)
        # log(1 + e) as e (6 + e) / (6 + 4 e), within 1 % up to e = 1: the same bits from floats and arrays
        fall = 1.0 - step * (6.0 + step) / (6.0 + step * 4.0) * rate
        # Deviations are not negative, knots are positive, and both are numbers.
        far = lesser(sqrt(knot * deviation) * FAR, knot * FAR_MOST)
        rise = greater(lesser(knot + knot * step, deviation * pace.beyond), far)
        if k == 0:
            least: Expr = const(LEAST)
        elif k == 1:
            least = out[0] * APART
        else:
            least = out[k - 1] + (out[k - 1] - out[k - 2]) * SPACING[k - 2]
        out.append(greater(where(deviation > knot, rise, knot * fall), least))
    return out
