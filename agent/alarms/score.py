"""One number per reading from several detectors: the arithmetic of the anomaly score, emitted for floats and arrays.

Knows columns by name and nothing of assets, limits or time; `agent.alarms.anomaly` owns the columns and the words.

Each detector turns what it watches into a statistic, and a tail learned from that statistic (`agent.tail`) turns it
into evidence, -log10 of how often the signal itself goes that far:

    hour    the reading against the level usual at this hour of the day, in spreads usual at this hour; on the first
            day against the level and the spread of all readings. A reading outside all that was ever seen counts
            more, by how far outside it is in terms of the range.
    sudden  the surprise of the innovation, which the filter's kernel has judged.
    shift   how far the last few readings are off the level usual at their hour, against the last few hundred.
    noise   the mean size of the last innovations against that of many.
    flat    readings that do not move, against how often they did, and only beyond the longest rest ever seen.
    drift   the last readings beyond every level that was ever held: how far, in terms of their noise, or what `shift`
            says there, which are two tests with a share each. Only where it is asked for: it is blind to what happens
            between levels that were held before.

Shift, drift and noise change slowly from one reading to the next, so what their tail learns from is the largest of each
block (declustering as in Coles 2001, §5.3), and evidence counts per block. The score is the evidence of the detector
that has most, each after its share of the budget of false alarms is taken off: -log10 min p/w, a weighted Bonferroni
bound (Genovese, Roeder and Wasserman 2006), so its tail probability is at most 10^-score.

After a peak the score stays at zero for `REST` readings unless it rises above the peak by `RISE`: an episode is told
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from agent.distribute import Plan
from agent.emitted import Prepared, prepare
from agent.expr import Expr, const, lift, magnitude, maximum, minimum, narrowed, sqrt, sym, where
from agent.native import Column
from agent.tail import KNOTS, SCORE, learned, most_claimed, surprise

HOURS = 24
# Of the budget, in proportion.
SHARE = {"hour": 0.5, "sudden": 0.2, "shift": 0.1, "noise": 0.02, "flat": 0.05, "drift": 0.1}
DETECTORS = tuple(SHARE)
MEMORY = 20.0  # visits to an hour over which its level and spread are learned
FLOOR = 0.35  # of the spread over all hours in the spread of each
UNSURE = 2.0  # spreads of all readings added while an hour was not yet seen on several days
ABSURD = 100.0  # spreads of all readings, beyond which a reading is learned as if it were as far,
EARLY, ABSURD_EARLY = 20.0, 1e4  # and how many before there were as many readings
SLACK = 5.0  # spreads a single reading may count for in the level and the spread of its hour
OUTSIDE, OUTSIDE_MOST = 4.0, 0.5  # evidence per range outside all that was seen, and ranges that count
SHIFT_FAST, SHIFT_SLOW = 5.0, 500.0  # readings
NOISE_FAST, NOISE_SLOW = 60.0, 2000.0
DRIFT_FAST, DRIFT_FIRST, DRIFT_HELD = 5.0, 60.0, 100.0  # readings
FAR, NEAR = 0.2, 0.8  # of what `drift` has: for how far beyond, and for what `shift` says there
HOURLY = (1.9, 3.3, 5.5, 9.0)  # first knots of deviations from what is usual at an hour, in spreads
SMOOTHED = (2.2, 3.2, 4.5, 6.0)  # first knots of block maxima of a smoothed statistic, in its standard deviations
FLAT_LEAST = 10.0  # readings at rest that are never flat
FLAT_MOST = 8.0  # evidence; a bound that grew with every reading would tell the same rest again and again
WARMED = NOISE_SLOW + NOISE_FAST  # readings after which nothing depends on there having been few, but for tails
FIRST = 3.0  # readings, of which any may be absurd
REST = 120.0  # readings in which an episode is told again only when the score rises,
RISE = 0.1  # and by at least this much
LEAST = 0.5  # scores below say nothing
LARGEST = 1e6  # a statistic beyond this says nothing more
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of which a slowly changing statistic's tail learns the largest: its columns."""

    knots: str
    largest: str
    readings: float


SHIFT_BLOCK = Block("F", "B", 10.0)
NOISE_BLOCK = Block("V", "N", 60.0)
DRIFT_BLOCK = Block("X", "M", 10.0)
BLOCKS = {"shift": SHIFT_BLOCK, "noise": NOISE_BLOCK, "drift": DRIFT_BLOCK}
ROW = (
    *("n", "m", "S", "g", "lo", "hi", "z"),  # readings, mean, spread, spread within hours, range, last reading
    "ref",  # a reading or a mean, against which levels of hours are
    *("f", "s", "v", "B"),  # shift: fast and slow mean, variance of their difference, largest of the block
    *("a", "b", "w", "N"),  # noise: the same of the innovations' size
    *("o", "r", "R"),  # flat: how often the reading moves, readings at rest, the most at rest
    *(f"{name}{k}" for name in ("H", "F", "V") for k in range(KNOTS)),  # knots of hour, shift, noise
    *("raw", "peak", "rest", "score", "top"),  # top: highest since the fleet last counted; -1 without any
    *("cause", "usual", "spread"),  # of the last score: detector, and level and spread usual at its hour
)
DRIFT = (
    *("p", "q", "e"),  # fast and held mean, mean distance of readings from the former
    *("ql", "qh", "M"),  # least and largest held mean; largest of the block
    *(f"X{k}" for k in range(KNOTS)),
)
OF_LEVEL = tuple(f"{name}{k}" for name in ("H", "F") for k in range(KNOTS))  # knots of how far a level is off
HOUR = ("L", "D", "K")  # per hour of the day: level less `ref`, spread, readings
# Kept as float32: what is bounded, or a size that a step moves by far more than float32 leaves out. Not levels, nor
# averages of them: a step of a slow average is smaller than the last digit of a large level would be. Those of the
# hours are against `ref` (`agent.alarms.reference`), and about as large as what the signal spans.
NARROW = frozenset(
    (
        *(f"{name}{k}" for name in ("H", "F", "V", "X") for k in range(KNOTS)),
        *"SgBabwNorRLDKMe",
        "raw",
        "peak",
        "rest",
        "top",
        "cause",
        "usual",
        "spread",
    )
)
WIDEST = 3e38  # what float32 holds


def start(name: str) -> float:
    """A column's value before the first reading."""
    if name[0] in "HFVX" and name[1:].isdigit():
        return (HOURLY if name[0] == "H" else SMOOTHED)[int(name[1:])]
    return {"o": 1.0, "top": -1.0, "ref": math.nan}.get(name, 0.0)


STARTS = MappingProxyType({name: start(name) for name in ROW + DRIFT + HOUR})


def columns_of(detectors: Sequence[str]) -> tuple[str, ...]:
    """Of a row, with these detectors."""
    return ROW + DRIFT if "drift" in detectors else ROW


def blocks_of(detectors: Sequence[str]) -> dict[str, Block]:
    """What these detectors learn by blocks, by name: `drift` asks `shift`."""
    needed = {*detectors, "shift"} if "drift" in detectors else {*detectors}
    return {name: block for name, block in BLOCKS.items() if name in needed}


def _knots(name: str) -> list[Expr]:
    return [sym(f"{name}{k}") for k in range(KNOTS)]


def _ratio(a: Expr, b: Expr) -> Expr:
    return minimum(a / maximum(b, TINY), LARGEST)


class _Step:
    """Gathers what is stored while the detectors are written down."""

    def __init__(self, *, weekly: bool, begun: bool) -> None:
        """begun: there was a reading before."""
        self.new: dict[str, Expr] = {}
        self.n = sym("n")
        self.x = sym("x")
        self.ref = sym("ref")
        if not begun:
            self.ref = where(self.n > 0.0, self.ref, self.x)
            self.put("ref", self.ref)
        self.added = sym("added") if weekly else const(0.0)
        self.z = self.x - self.added
        self.bounded = self.z  # what is learned of the reading
        self.pace = 1.0 / (self.n + 1.0)

    def put(self, name: str, value: Expr) -> None:
        if name in ("S", "g", "D", "L", "e"):
            value = minimum(value, WIDEST)
        if name == "L":
            value = maximum(value, -WIDEST)
        self.new[name] = value

    def follow(self, name: str, value: Expr, readings: Expr | float, pace: Expr | None = None) -> Expr:
        """An average of `value` over as many readings as given, or while they are fewer over all; pace: one over how many
        these are, where that is not all readings.
        """
        old = sym(name)
        new = old + (value - old) * maximum(self.pace if pace is None else pace, 1.0 / lift(readings))
        self.put(name, new)
        return new

    def hour(self) -> tuple[Expr, Expr, Expr, Expr]:
        """Evidence, the usual level and spread, and how far the reading, or what is learned of it, is off the level."""
        n, z = self.n, self.z
        per_visit = maximum(3600.0 / maximum(sym("d"), 1e-3), 1.0)
        seen, level, spread = sym("K"), sym("L") + self.ref, sym("D")
        mean = sym("m")
        within, overall = sym("g"), sym("S")
        # What is learned from a reading is bounded from the fourth on; the first three: `agent.alarms.reference`.
        most = overall * where(n < EARLY, ABSURD_EARLY, ABSURD)
        most = where(n < FIRST, WIDEST, where(most > 0.0, most, WIDEST))
        high_off, low_off = z - mean > most, mean - z > most
        z = where(high_off, mean + most, where(low_off, mean - most, z))
        self.follow("m", z, per_visit * HOURS)
        usual = where(n > 0.0, (seen * level + mean) / (seen + 1.0), z)
        self.bounded = z
        off, size = z - usual, magnitude(z - usual)
        visits = seen / per_visit
        scale = spread + within * FLOOR + overall * UNSURE / (1.0 + visits * visits)
        statistic = where(n > 3.0, where(scale > 0.0, _ratio(magnitude(self.z - usual), scale), 0.0), 0.0)
        knots = _knots("H")
        evidence = minimum(surprise(statistic, knots), most_claimed(n))
        for k, knot in enumerate(learned(statistic, n, knots, SCORE)):
            self.put(f"H{k}", where(n > 3.0, knot, knots[k]))
        low, high = sym("lo"), sym("hi")
        outside = _ratio(maximum(self.z - high, low - self.z), high - low)
        outside = where(n > 0.0, where(high > low, minimum(maximum(outside, 0.0), OUTSIDE_MOST), 0.0), 0.0)
        self.put("lo", where(n > 0.0, where(low_off, low, minimum(low, z)), z))
        self.put("hi", where(n > 0.0, where(high_off, high, maximum(high, z)), z))
        self.put("K", seen + 1.0)
        slack = spread * SLACK + within * 0.1
        pace = maximum(1.0 / (seen + 1.0), 1.0 / (per_visit * MEMORY))
        settled = seen >= 8.0
        self.put("D", spread + (where(settled, minimum(size, slack), size) - spread) * pace)
        step = z - level
        step = where(settled, maximum(minimum(step, slack), 0.0 - slack), step)
        self.put("L", sym("L") + step * pace)
        early = n < EARLY
        self.follow("g", where(early, size, minimum(size, within * 8.0)), 1000.0)
        far = where(n > 0.0, magnitude(z - mean), 0.0)
        self.follow("S", where(early, far, minimum(far, overall * 8.0)), per_visit * HOURS)
        return evidence + outside * OUTSIDE, usual, scale, off

    def smoothed(self, statistic: Expr, ready: Expr, block: Block) -> Expr:
        """Evidence of a statistic that changes slowly, per reading, from the largest of each block of readings."""
        knots = _knots(block.knots)
        evidence = minimum(surprise(statistic, knots), most_claimed(self.n / block.readings))
        self.put(block.largest, maximum(sym(block.largest), where(ready, statistic, 0.0)))
        return where(ready, where(statistic > knots[0], evidence + math.log10(block.readings), 0.0), 0.0)

    def shift(self, off: Expr) -> Expr:
        """`off`: the reading less the level usual at its hour, so that a warm afternoon is no shift."""
        n, slow, variance = self.n, sym("s"), sym("v")
        apart = self.follow("f", off, SHIFT_FAST) - where(n > 0.0, slow, off)
        self.follow("s", off, SHIFT_SLOW)
        square = apart * apart
        self.follow("v", where(n > 100.0, minimum(square, variance * 16.0), square), SHIFT_SLOW)
        statistic = _ratio(magnitude(apart), sqrt(variance))
        return self.smoothed(statistic, (n > 20.0) & (variance > 0.0), SHIFT_BLOCK)

    def noise(self) -> Expr:
        n, size = self.n, minimum(sym("size"), 8.0)
        slow, variance = sym("b"), sym("w")
        fast = self.follow("a", size, NOISE_FAST)
        self.follow("b", size, NOISE_SLOW)
        apart = (fast - slow) * 2.0 / (fast + slow + 0.05)  # close to log(fast / slow)
        square = apart * apart
        square = where(n > 2.0 * NOISE_FAST, minimum(square, variance * 16.0), square)
        judged = n - NOISE_FAST  # the mean of fewer says nothing of how it usually differs
        pace = maximum(1.0 / maximum(judged, 1.0), 1.0 / const(NOISE_SLOW))
        self.put("w", where(judged > 0.0, variance + (square - variance) * pace, 0.0))
        statistic = _ratio(magnitude(apart), sqrt(variance))
        return self.smoothed(statistic, (n > 3.0 * NOISE_FAST) & (variance > 0.0), NOISE_BLOCK)

    def flat(self) -> Expr:
        n, often, run, most = self.n, sym("o"), sym("r"), sym("R")
        moved = where(n > 0.0, where(self.x > sym("z"), 1.0, where(self.x < sym("z"), 1.0, 0.0)), 1.0)
        now = where(moved > 0.0, 0.0, run + 1.0)
        self.put("r", now)
        self.put("R", maximum(most, where(moved > 0.0, run, 0.0)))
        self.put("o", where(run >= FLAT_LEAST, often, often + (moved - often) * maximum(self.pace, 1.0 / const(500.0))))
        # -log10(1 - often), from below: often (6 - often) / (6 - 4 often) / ln 10
        each = often * (6.0 - often) / (6.0 - often * 4.0) / math.log(10.0)
        # Told when the rest is twice the longest, and again at twice that and so on: not with every reading anew.
        reach = maximum(most * 2.0, FLAT_LEAST)
        told = where(now > reach, 1.0, 0.0)
        for times in (2.0, 4.0, 8.0):
            told = where(now > reach * times, times, told)
        return minimum(minimum(told * reach * each, FLAT_MOST), most_claimed(n))

    def drift(self, off: Expr) -> Expr:
        """`off`: as for `shift`. Levels are of the reading itself, whatever is usual at its hour or day: which of them a
        signal holds is a matter of the plant. The first readings, of which an absurd one would be a level, are left out.
        """
        n, z = self.n, self.bounded + self.added
        pace, known = 1.0 / (maximum(n - EARLY, 0.0) + 1.0), n > DRIFT_FIRST
        level, mean = self.follow("p", z, DRIFT_FAST, pace), self.follow("q", z, DRIFT_HELD, pace)
        low, high, noise = sym("ql"), sym("qh"), sym("e")
        self.follow("e", magnitude(z - level), SHIFT_SLOW, pace)
        self.put("ql", where(known, minimum(low, mean), mean))
        self.put("qh", where(known, maximum(high, mean), mean))
        beyond = maximum(level - high, low - level)
        far = self.smoothed(_ratio(maximum(beyond, 0.0), noise), known & (noise > 0.0), DRIFT_BLOCK)
        shift = where(known & (beyond > 0.0), self.shift(off), 0.0)
        return maximum(far + math.log10(FAR), shift + math.log10(NEAR))

    def episode(self, raw: Expr) -> Expr:
        """The score as it is told: `raw` where it rises above what was told in this episode, else zero."""
        resting = sym("rest") > 0.0
        peak = where(resting, sym("peak"), 0.0)
        told = raw > where(resting, sym("peak") + RISE, LEAST)
        score = where(told, raw, 0.0)
        self.put("peak", where(told, raw, peak))
        self.put("rest", where(told, REST, maximum(sym("rest") - 1.0, 0.0)))
        self.put("raw", raw)
        self.put("score", score)
        self.put("top", maximum(sym("top"), score))
        return told


def _step(detectors: tuple[str, ...], *, weekly: bool, begun: bool = False) -> tuple[_Step, Expr]:
    """The columns after a reading, and the evidence of it. begun: it is not the first one."""
    s = _Step(weekly=weekly, begun=begun)
    hour, usual, spread, off = s.hour()
    make = {"hour": lambda: hour, "sudden": lambda: sym("c"), "shift": lambda: s.shift(off)}
    make |= {"noise": s.noise, "flat": s.flat, "drift": lambda: s.drift(off)}
    budget = sum(SHARE[name] for name in detectors)
    raw, cause = const(0.0), const(0.0)
    for name in detectors:
        own = make[name]() + math.log10(SHARE[name] / budget)
        cause = where(own > raw, float(DETECTORS.index(name)), cause)
        raw = maximum(own, raw)
    told = s.episode(raw)
    s.put("cause", where(told & (s.n >= FIRST), cause, sym("cause")))
    s.put("usual", where(told, maximum(minimum(usual + s.added, WIDEST), -WIDEST), sym("usual")))
    s.put("spread", where(told, minimum(spread, WIDEST), sym("spread")))
    s.put("z", s.x)
    s.put("n", s.n + 1.0)
    return s, raw


def _column(name: str) -> Column:
    return Column(name, 1 if name in HOUR else 0, name in NARROW)


@cache
def program(detectors: tuple[str, ...], *, weekly: bool) -> dict[str, Prepared]:
    """`step(i, j, x, added, c, size, d)`: one reading x of row i, whose hour is at j, with what the day of the week adds to
    it (`weekly`; not looked at otherwise), its surprise, its |innovation| in standard deviations, and the usual interval
    (s); and `learn_shift(i)` and so on for each of `blocks_of`, for rows whose block ends with it.
    """
    s, raw = _step(detectors, weekly=weekly)
    own = columns_of(detectors)
    loads = {name: _column(name) for name in own + HOUR}
    written = [(loads[name], value) for name, value in s.new.items()]
    functions = {"step": prepare("step", ("i", "j"), ("x", "added", "c", "size", "d"), loads, written, [raw])}
    for name, block in blocks_of(detectors).items():
        knots, largest = _knots(block.knots), sym(block.largest)
        stores = [(loads[block.largest], const(0.0))]
        for k, knot in enumerate(learned(largest, s.n / block.readings, knots, SCORE)):
            stores.append((loads[f"{block.knots}{k}"], knot))
        of_row = {column: loads[column] for column in own}
        functions[f"learn_{name}"] = prepare(f"learn_{name}", ("i",), (), of_row, stores, [])
    return functions


@cache
def plan_run(detectors: tuple[str, ...], *, weekly: bool, settled: bool) -> Plan:
    """Many readings in one go: `agent.distribute`. Reads what `step` does, and `ends_shift` and so on: whether that
    block ends with the reading. Tells `raw`. Columns of hours are class 1. settled: of rows that have had `WARMED`
    readings; all have had one.
    """
    s, raw = _step(detectors, weekly=weekly, begun=True)
    for name, block in blocks_of(detectors).items():
        ends = sym(f"ends_{name}")
        largest = s.new[block.largest]
        kept = narrowed(largest) if block.largest in NARROW else largest
        knots = _knots(block.knots)
        for k, knot in enumerate(learned(kept, s.new["n"] / block.readings, knots, SCORE)):
            s.new[f"{block.knots}{k}"] = where(ends, knot, knots[k])
        s.new[block.largest] = where(ends, 0.0, largest)
    series = (
        "x",
        *(("added",) if weekly else ()),
        "c",
        "size",
        "d",
        *(f"ends_{name}" for name in blocks_of(detectors)),
    )
    narrow, hours = frozenset(name for name in s.new if name in NARROW), dict.fromkeys(HOUR, 1)
    tails = [
        [f"{name}{k}" for k in range(KNOTS)] for name in ("H", "F", "V", *(("X",) if "drift" in detectors else ()))
    ]
    least = {"n": WARMED} if settled else {}
    seldom = [name for tail in tails[1:] for name in tail]
    return Plan(
        s.new,
        series,
        {"raw": raw},
        narrow=narrow,
        classes=hours,
        together=tails,
        seldom=seldom,
        least=least,
        kept=("ref",),
    )


@cache
def run(detectors: tuple[str, ...], *, weekly: bool, settled: bool, arrays: bool) -> Callable[..., Any]:
    """What `plan_run` emits."""
    return plan_run(detectors, weekly=weekly, settled=settled).compile(arrays=arrays)
