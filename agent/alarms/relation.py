"""How the channels of one asset usually go together, and how far they now are from that: straight-line arithmetic.

Emitted once for floats and once for arrays, like the score; `agent.alarms.joint` owns the columns, the rows and the
words. Knows channels by number and nothing of how readings come together.

    f <- f + (z - f)/FAST            each channel's reading z, smoothed
    u  = (f - m)/sqrt(S)             off its mean m, in its own standard deviations
    R  = correlations, R = L D L'    over the channels that are at hand; the others count as where they usually are
    t² = w²/p, w = R⁻¹ u, p = diag R⁻¹

t is how far a channel is off what its siblings say, in standard deviations of that difference: the conditional
residual of a normal distribution (Anderson 2003, §2.5), and t² is how much of the squared Mahalanobis distance
u' R⁻¹ u goes away when the channel is left out. The statistic is the largest t among the channels of which the others
tell at least the share `INFORMED` of the variance. So a channel that goes its own way never counts here: how far it
is off by itself is what the detectors of single channels judge.

m and S follow slowly. A state that is improbable counts less, so that it bends neither, yet a state that stays is
learned: weights as of the t-type M-estimator (Maronna 1976, Annals of Statistics 4, 51-67). The statistic changes slowly
from one judgement to the next, so its tail (`agent.tail`) learns from the largest of each block, and of
several blocks in a row beyond the knot for one in a hundred only from the first: an episode is one event (declustering
by runs: Coles 2001, §5.3.2), else the tail would climb along with a slow fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

from agent.emitted import Prepared, prepare
from agent.expr import Expr, const, maximum, minimum, sqrt, sym, where
from agent.native import Column
from agent.tail import KNOTS, SCORE, learned, most_claimed, surprise

FAST = 10.0  # judgements over which readings are smoothed
MEMORY = 4000.0  # judgements over which means and covariances are learned
WARM = 200.0  # judgements before the first that counts
BLOCK = 20.0  # judgements of which the tail learns the largest
INFORMED = 0.3  # least share of a channel's variance that its siblings tell
CLIP = 4.0  # squared distance per channel from which a state counts less
NEAR = 0.81  # of the largest t², from which a channel is among those that are odd
BELIED = 64.0  # an interval this many times the present one is halved
RIDGE = 1e-4  # added to each correlation with itself: no two channels tell each other better than this
STILL = 1e-18  # of the squared mean: a channel with less variance does not move
TINY = 1e-300
GROWTH = 1.2  # of a knot in an episode at most, so that a fault does not deafen the tail for later ones,
EARLY = 10.0  # and by up to as much again in about so many first blocks
START_KNOTS = (2.4, 3.2, 4.0, 4.8)  # close to what normal noise gives for the largest of a few channels and a block

_LOG_BLOCK = math.log10(BLOCK)


def names(channels: int) -> tuple[str, ...]:
    """Columns of the relation between so many channels."""
    ks = range(channels)
    pairs = [f"S{j}_{k}" for j in ks for k in range(j, channels)]
    return (
        *(f"m{k}" for k in ks),
        *(f"f{k}" for k in ks),
        *pairs,
        *("n", "T", "d", "whole", "B", "episode", "evidence", "odd"),
        *(f"K{k}" for k in range(KNOTS)),
    )


def start(name: str) -> float:
    """A column's value before the first judgement; a mean is unknown until its channel speaks."""
    if name[0] == "K":
        return START_KNOTS[int(name[1:])]
    return math.nan if name[0] in "mfT" else 0.0


@cache
def program(channels: int) -> dict[str, Prepared]:
    """`judge(i, t, z0.., a0..)`: readings of row i at time t (s), and 1 for each that is at hand, else 0; `judge_all(i, t,
    z0..)`, the same to the bit where all are at hand and were before (`whole`), at two thirds of the cost; and `learn(i)`,
    for rows whose block ends with it. The first two return the evidence.
    """
    loads = {name: Column(name) for name in names(channels)}
    functions = {}
    for name, whole in (("judge", False), ("judge_all", True)):
        stores, evidence = _judgement(channels, whole=whole)
        given = [f"z{k}" for k in range(channels)] + ([] if whole else [f"a{k}" for k in range(channels)])
        written = [(loads[column], value) for column, value in stores]
        functions[name] = prepare(name, ("i",), ("t", *given), loads, written, [evidence])
    largest, blocks = sym("B"), sym("n") / BLOCK
    knots = [sym(f"K{k}") for k in range(KNOTS)]
    most = GROWTH + EARLY / (blocks + EARLY)
    beyond = largest > knots[1]
    same = beyond & (sym("episode") > 0.0)
    after = [
        (loads[f"K{k}"], where(same, old, minimum(new, old * most)))
        for k, (old, new) in enumerate(zip(knots, learned(largest, blocks, knots, SCORE), strict=True))
    ]
    after += [(loads["episode"], where(beyond, 1.0, 0.0)), (loads["B"], const(0.0))]
    functions["learn"] = prepare("learn", ("i",), (), loads, after, [])
    return functions


def _judgement(channels: int, *, whole: bool) -> tuple[list[tuple[str, Expr]], Expr]:
    """What a judgement stores, and its evidence. whole: all channels are at hand, and none for the first time."""
    ks = range(channels)
    stores: list[tuple[str, Expr]] = []

    def put(name: str, value: Expr) -> None:
        stores.append((name, value))

    def if_here(k: int, a: Expr, b: Expr | float) -> Expr:
        return a if whole else where(sym(f"a{k}") > 0.0, a, b)

    n = sym("n")
    z, before, mean = [sym(f"z{k}") for k in ks], [sym(f"f{k}") for k in ks], [sym(f"m{k}") for k in ks]
    if not whole:
        for k in ks:
            first = (sym(f"a{k}") > 0.0) & (where(mean[k] >= mean[k], 0.0, 1.0) > 0.0)
            before[k], mean[k] = where(first, z[k], before[k]), where(first, z[k], mean[k])
            # The others' past says nothing of how a channel that speaks for the first time goes with them.
            n = where(first, 0.0, n)
        present = const(1.0)
        for k in ks:
            present = present * sym(f"a{k}")
        put("whole", where(present > 0.0, 1.0, sym("whole")))
    pace = maximum(1.0 / (n + 1.0), 1.0 / MEMORY)
    quick = maximum(1.0 / (n + 1.0), 1.0 / FAST)
    off = []
    for k in ks:
        smooth = if_here(k, before[k] + (z[k] - before[k]) * quick, before[k])
        put(f"f{k}", smooth)
        off.append(if_here(k, smooth - mean[k], 0.0))
    own = [sym(f"S{k}_{k}") for k in ks]
    moves = [own[k] > mean[k] * mean[k] * STILL + TINY for k in ks]
    inverse = [where(moves[k], if_here(k, 1.0 / sqrt(maximum(own[k], TINY)), 0.0), 0.0) for k in ks]
    u = [off[k] * inverse[k] for k in ks]
    distance, t2, informed = _weigh(u, lambda j, k: sym(f"S{j}_{k}") * inverse[j] * inverse[k], channels)
    weight = where(n > 2.0 * FAST, minimum(CLIP * channels / maximum(distance, TINY), 1.0), 1.0)
    drag = sqrt(weight) * pace
    for k in ks:
        put(f"m{k}", if_here(k, mean[k] + off[k] * drag, mean[k]))
        for j in range(k + 1):
            old = sym(f"S{j}_{k}")
            put(f"S{j}_{k}", if_here(j, if_here(k, old + (off[j] * off[k] * weight - old) * pace, old), old))
    largest = const(0.0)
    told = [where(informed[k], t2[k], 0.0) for k in ks]
    for k in ks:
        largest = maximum(largest, told[k])
    odd = const(0.0)
    for k in ks:
        odd = odd + where((told[k] > 0.0) & (told[k] >= largest * NEAR), float(2**k), 0.0)
    put("odd", odd)
    ready = n > WARM
    statistic = where(ready, sqrt(largest), 0.0)
    knots = [sym(f"K{k}") for k in range(KNOTS)]
    evidence = minimum(surprise(statistic, knots), most_claimed(n / BLOCK)) + _LOG_BLOCK
    told_now = where(statistic > knots[0], evidence, 0.0)
    put("evidence", told_now)
    put("B", maximum(sym("B"), statistic))
    put("n", n + 1.0)
    usual, gap = sym("d"), sym("t") - sym("T")
    # An interval of decades, from a clock that starts in 1970, is soon forgotten.
    nearer = where(
        gap * BELIED < usual, usual * 0.5, usual + (minimum(gap, usual * 10.0) - usual) * maximum(pace, 0.05)
    )
    put("d", where(gap > 0.0, where(usual > 0.0, nearer, gap), usual))
    put("T", sym("t"))
    return stores, told_now


def _weigh(u: Sequence[Expr], r: Callable[[int, int], Expr], channels: int) -> tuple[Expr, list[Expr], list[Expr]]:
    """u' R⁻¹ u; t² of each channel; and whether the others tell enough of it. r: correlation of j < k."""
    ks = range(channels)
    pivot: list[Expr] = []
    lower: dict[tuple[int, int], Expr] = {}
    for k in ks:
        for j in range(k):
            value = r(j, k)
            for m in range(j):
                value = value - lower[j, m] * lower[k, m] * pivot[m]
            lower[k, j] = value / pivot[j]
        value = const(1.0 + RIDGE)
        for m in range(k):
            value = value - lower[k, m] * lower[k, m] * pivot[m]
        # Pairs that were not always at hand together may not fit each other exactly.
        pivot.append(maximum(value, RIDGE) if k else value)
    forward: list[Expr] = []
    for k in ks:
        value = u[k]
        for m in range(k):
            value = value - lower[k, m] * forward[m]
        forward.append(value)
    scaled = [forward[k] / pivot[k] for k in ks]
    distance = const(0.0)
    for k in ks:
        distance = distance + forward[k] * scaled[k]
    inverse: dict[tuple[int, int], Expr] = {}  # of L, below its unit diagonal
    for j in ks:
        for k in range(j + 1, channels):
            value = lower[k, j]
            for m in range(j + 1, k):
                value = value + lower[k, m] * inverse[m, j]
            inverse[k, j] = const(0.0) - value
    t2, informed = [], []
    for j in ks:
        w, p = scaled[j], 1.0 / pivot[j]
        for k in range(j + 1, channels):
            w = w + inverse[k, j] * scaled[k]
            p = p + inverse[k, j] * inverse[k, j] / pivot[k]
        t2.append(w * w / p)
        informed.append(p * ((1.0 - INFORMED) * (1.0 + RIDGE)) > 1.0)
    return distance, t2, informed
