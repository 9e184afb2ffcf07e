"""Emits the filter step of a component: predict to the reading's time, update with one scalar channel, learn noise.

What is written out is straight-line arithmetic on named columns, once for floats and once for arrays; `agent.bank`
owns the columns. Nothing here knows assets, topics or clocks.

    predict   x = F x + B u,  P = F P Fᵀ + Q                                  (Särkkä 2013, eq. 4.20)
    update    y = z - h x,  s = h P hᵀ + r,  k = P hᵀ/s,  x += k y,  P -= k (P hᵀ)ᵀ   (Bierman 1977, ch. V, scalar)

Noise that is not stated is learned:
    measurement  r follows min(y²/s, 9) towards its expectation, multiplicatively: a Huber-type scale that outliers
                 cannot drag (Huber and Ronchetti 2009, ch. 5); at first from the mean absolute difference, which
                 later still bounds it from above, so that a wild start is forgotten within some fifty readings
                 that move; at rest it is kept, since the bound below is of the same mean.
                 A reading that repeats the last one says that the value is within a move of it, and no more: at rest
                 r does not fall below the variance of what is spread evenly over the mean absolute difference, of
                 readings that differ, as it does not below that of the least such difference, the resolution.
    process      the ratio of process to measurement noise follows the lag-one correlation of the innovations,
                 which is zero only at the optimal gain (Mehra 1970, IEEE Trans. Automatic Control 15, 175-184).

Surprise is how improbable |y|/sqrt(s) is in the light of all such deviations before it: `agent.tail`.

The robust gate judges the innovation before the update. Beyond `GATE` the reading is not refused: its variance is
inflated until it sits at the gate. After `PERSIST` such readings in a row the twin takes the new level as its own,
and what it derived from the old one, such as the rate, is unknown again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.distribute import Plan
from agent.emitted import Prepared, prepare
from agent.expr import Expr, const, magnitude, maximum, minimum, sqrt, sym, where
from agent.models.base import Component
from agent.native import Column
from agent.tail import KNOTS, learned, most_claimed, surprise

GATE = 16.0  # normalised innovation squared: four standard deviations
PERSIST = 5.0  # gated readings in a row after which the level is taken over
WARM = 12.0  # readings whose absolute differences give the first variance
CLIP = 9.0
CLIP_MEAN = 0.9950072780220597  # E[min(chi²(1), 9)]
ALONE = 3.0  # what a gated reading counts for r when the one before was not gated: an outlier, not larger noise
RATIO_MIN, RATIO_MAX = 1e-8, 1e4
RATIO_START = 0.1
BELIED, SETTLED = 64.0, 50.0  # an interval this many times the present one is halved, in so many first readings
WARMED = 100.0  # readings after which nothing depends on there having been few, but for what may be claimed
LATE_PACE = 0.05  # of the mean absolute difference once warm, which bounds r from above
CAUTION = 1.15  # halving makes the first mean a little low
LARGEST = 1e6  # standard deviations beyond which a deviation says nothing more
UNMOVED = 1e-4  # variance over value squared while no difference has been seen
ABS_TO_VAR = 0.7853981633974483  # (sqrt(pi)/2)²: mean |z2-z1| of white noise to its variance


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of a component's columns. `state` is what re-filtering must restore; `output` is what a step reports."""

    state: tuple[str, ...]
    output: tuple[str, ...]

    @staticmethod
    def narrow(name: str) -> bool:
        """Whether float32 holds it as well: what is bounded, and knots, whose steps are far larger than what is left out."""
        return name[0] in "eok"


def layout(c: Component) -> Layout:
    n = len(c.states)
    names = [f"x{j}" for j in range(n)] + [f"p{j}_{k}" for j in range(n) for k in range(j, n)]
    names += [f"u{j}" for j, source in enumerate(c.inputs) if source.constant is None]
    names += ["T", "b", "d"]  # filter time, steps begun (0, 1, 2), usual interval
    if learns_process(c):
        names.append("g")
    if not solo(c):
        names += ["L"] + [f"t{k}" for k in range(len(c.channels))]  # the last entry's channel, each channel's last time
    for k in range(len(c.channels)):
        names += [f"r{k}", f"n{k}", f"o{k}", f"z{k}"]
        names += [f"e{k}"] if learns_process(c) else []
        names += [f"a{k}", f"q{k}"] if c.measurement[k] is None else []
        names += [f"k{k}_{j}" for j in range(KNOTS)]
    # expected, variance, nis, surprise
    outputs = [f"{name}{k}" for k in range(len(c.channels)) for name in ("y", "s", "i", "c")]
    return Layout(tuple(names), tuple(outputs))


def solo(c: Component) -> bool:
    """Whether one channel is all that ever arrives, so that the filter's time is the channel's."""
    return len(c.channels) == 1 and all(source.constant is not None for source in c.inputs)


def learns_process(c: Component) -> bool:
    return any(term.intensity is None for term in c.noises)


@dataclass(frozen=True, slots=True)
class Predicted:
    """Symbolic prediction: mean (n), covariance (upper triangle, by index pair), and per channel h x and h P hᵀ."""

    x: list[Expr]
    p: dict[tuple[int, int], Expr]


class Emitter:
    """Writes down the functions of one component: `prepare`d, they take a row, and return a tuple.

    Where the component is given by matrices of the elapsed time, their entries follow the numbers a function is given.
    """

    def __init__(self, component: Component, *, robust: bool) -> None:
        self.c = component
        self.robust = robust
        self.n = len(component.states)
        self.layout = layout(component)
        self._columns = {
            name: Column(name, narrow=self.layout.narrow(name)) for name in (*self.layout.state, *self.layout.output)
        }
        self._loads = {name: self._columns[name] for name in self.layout.state}
        entries = 2 * self.n * self.n + self.n * len(component.inputs)
        self._matrix = tuple(f"m{k}" for k in range(entries)) if component.discretise is not None else ()

    def _prepare(self, numbers: tuple[str, ...], stores: Mapping[str, Expr], returns: list[Expr]) -> Prepared:
        written = [(self._columns[name], value) for name, value in stores.items()]
        return prepare("step", ("i",), (*numbers, *self._matrix), self._loads, written, returns)

    def _matrices(self, dt: Expr) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]]:
        """F, B and Q as expressions of the elapsed time."""
        n, m = self.n, len(self.c.inputs)
        if self.c.discretise is not None:
            entry = iter(range(2 * n * n + n * m))
            f = [[sym(f"m{next(entry)}") for _ in range(n)] for _ in range(n)]
            b = [[sym(f"m{next(entry)}") for _ in range(m)] for _ in range(n)]
            d = [[sym(f"m{next(entry)}") for _ in range(n)] for _ in range(n)]
            scale = self._intensity(0)
            return f, b, [[scale * e for e in row] for row in d]
        f = [list(row) for row in self.c.transition(dt)]
        b = [list(row) for row in self.c.drive(dt)] if self.c.drive is not None else [[] for _ in range(n)]
        q: list[list[Any]] = [[const(0.0)] * n for _ in range(n)]
        for k, term in enumerate(self.c.noises):
            rows, scale = term.matrix(dt), self._intensity(k)
            for i in range(n):
                for j in range(i, n):
                    q[i][j] = q[i][j] + scale * rows[i][j]
        return f, b, q

    def _intensity(self, k: int) -> Expr:
        term = self.c.noises[k]
        if term.intensity is not None:
            return const(term.intensity)
        if self.c.discretise is not None:
            return sym("g")  # the stated matrix carries the units; only its scale is learned
        value = sym("g") * term.weight * sym("r0")
        for _ in range(term.order):
            value = value / sym("d")
        return value

    def predict(self, dt: Expr) -> Predicted:
        n = self.n
        f, b, q = self._matrices(dt)
        x = [sym(f"x{j}") for j in range(n)]
        p = {(j, k): sym(f"p{min(j, k)}_{max(j, k)}") for j in range(n) for k in range(n)}
        u = [const(s.constant) if s.constant is not None else sym(f"u{j}") for j, s in enumerate(self.c.inputs)]
        zero = const(0.0)
        new_x = []
        for j in range(n):
            value = zero
            for k in range(n):
                value = value + f[j][k] * x[k]
            for k, uk in enumerate(u):
                value = value + b[j][k] * uk
            new_x.append(value)
        fp = [[zero] * n for _ in range(n)]
        for j in range(n):
            for k in range(n):
                for m in range(n):
                    fp[j][k] = fp[j][k] + f[j][m] * p[m, k]
        new_p = {}
        for j in range(n):
            for k in range(j, n):
                value = zero
                for m in range(n):
                    value = value + fp[j][m] * f[k][m]
                if j == k and value.op == "+":
                    value = maximum(value, 0.0)  # a sum in which correlated terms cancel may round below zero
                new_p[j, k] = value + q[j][k]
        return Predicted(new_x, new_p)

    def observe(self, at: Predicted, channel: int) -> tuple[Expr, list[Expr], Expr]:
        """h x, P hᵀ (n) and h P hᵀ of one channel."""
        h = self.c.observe[channel]
        mean, variance = const(0.0), const(0.0)
        ph = []
        for j in range(self.n):
            mean = mean + at.x[j] * h[j]
            value = const(0.0)
            for k in range(self.n):
                value = value + at.p[min(j, k), max(j, k)] * h[k]
            ph.append(value)
        for j in range(self.n):
            variance = variance + ph[j] * h[j]
        return mean, ph, maximum(variance, 0.0) if sum(map(bool, h)) > 1 else variance

    def step_of(self, entry: int) -> Prepared:
        """`step(i, t, z, ...)`: one reading of an entry for row i at time t (s) with value z. Returns (soundness,).

        Entries are the channels, and behind them the inputs.
        """
        if entry >= len(self.c.channels):
            return self._input(entry - len(self.c.channels))
        new, sound = self.step(entry)
        return self._prepare(("t", "z"), new, [sound])

    def step(self, channel: int) -> tuple[dict[str, Expr], Expr]:
        """One reading z of one channel at time t (s): the columns after it, and whether they are sound.

        Soundness is infinite or NaN when any number went beyond float64: a variance does so before what it belongs to.
        """
        ch, h = channel, self.c.observe[channel]
        t, z = sym("t"), sym("z")
        dt = t - sym("T")
        at = self.predict(dt)
        mean, ph, hph = self.observe(at, ch)
        p = dict(at.p)
        count = sym(f"n{ch}")
        new: dict[str, Expr] = {}

        def put(name: str, value: Expr) -> None:
            new[name] = value

        y = z - mean
        r = sym(f"r{ch}")
        learned_r = self.c.measurement[ch] is None
        if learned_r:
            step = z - sym(f"z{ch}")
            size, mean_size, least = magnitude(step), sym(f"a{ch}"), sym(f"q{ch}")
            moved = (count > 0.0) & (size > 0.0)
            tick = where(moved, where(least > 0.0, minimum(size, least), size), least)
            # A first mean that later differences belie was an outlier's: halve it. A later outlier counts four means.
            belied = (size > 0.0) & (size * 16.0 < mean_size)
            early = mean_size + (minimum(size, where(count > 1.0, mean_size * 4.0, size)) - mean_size) / where(
                belied, minimum(count, 2.0), maximum(count, 1.0)
            )
            late = mean_size + (minimum(size, mean_size * 4.0) - mean_size) * LATE_PACE
            late = where(moved, where(mean_size > 0.0, late, size), mean_size)
            mean_size = where(count < WARM, where(count > 0.0, early, const(0.0)), late)
            floor = maximum(tick * tick / 12.0, z * z * 1e-16 + 1e-30)
            # Until the value has moved once, its noise is unknown: no more than a per cent of it is claimed.
            unknown = maximum(z * z, 1e-4) * UNMOVED
            warm = where(tick > 0.0, maximum(mean_size * mean_size * (CAUTION * ABS_TO_VAR), floor), unknown)
            most = maximum(mean_size * mean_size * (4.0 * ABS_TO_VAR), floor)
            r = where(count < WARM, warm, where(tick > 0.0, minimum(r, most), unknown))
            put(f"a{ch}", mean_size)
            put(f"q{ch}", tick)
        s = hph + r
        nis = y * y / s
        gated = None
        unit = [j for j, v in enumerate(h) if v] if sum(1 for v in h if v) == 1 and 1.0 in h else []
        s_used, r_used = s, r
        if self.robust:
            gated = nis > GATE
            run = sym(f"o{ch}") + 1.0
            takeover = gated & (run >= PERSIST)
            hh = sum(v * v for v in h)
            # Where a sum of states is seen, its variance is the small difference of large ones: float64 holds no more.
            bump = where(takeover, y * y if unit else minimum(y * y, s * 1e8), const(0.0))
            p = {(j, k): v + bump * (h[j] * h[k] / (hh * hh)) for (j, k), v in p.items()}
            for j, state in enumerate(self.c.states):
                if not h[j]:
                    # What the channel does not see directly led the filter here: it may be off by as much.
                    free = bump
                    for _ in range(2 * state.order):
                        free = free / sym("d")
                    p[j, j] = p[j, j] + free
            ph = [v + bump * (h[j] / hh) for j, v in enumerate(ph)]
            s_used = where(gated, where(takeover, s + bump, y * y / GATE), s)
            r_used = where(gated, where(takeover, r, s_used - hph), r)
            put(f"o{ch}", where(gated, where(takeover, const(0.0), run), const(0.0)))
        shrink = r_used / s_used
        k = [v / s_used for v in ph]
        for j in range(self.n):
            put(f"x{j}", at.x[j] + k[j] * y)
        for (i, j), v in p.items():
            if i in unit or j in unit:
                # With h a unit vector the observed row shrinks by r/s: the same value without the cancellation.
                less = v * shrink
            elif i == j:
                less = maximum(v - k[i] * ph[j], v * shrink)  # p - (ph)²/s >= p r/s, since (ph)² <= p hph
            else:
                less = v - k[i] * ph[j]
            put(f"p{i}_{j}", less)
        self._learn(put, ch, dt, y, s, nis, gated, r, learned_r)
        knots, size = [sym(f"k{ch}_{j}") for j in range(KNOTS)], minimum(sqrt(nis), LARGEST)
        put(f"c{ch}", minimum(surprise(size, knots), most_claimed(count)))
        for j, knot in enumerate(learned(size, count, knots)):
            put(f"k{ch}_{j}", knot)
        put("T", t)
        if not solo(self.c):
            put("L", const(float(ch)))
            put(f"t{ch}", t)
        put(f"n{ch}", count + 1.0)
        put(f"z{ch}", z)
        put(f"y{ch}", mean)
        put(f"s{ch}", s)
        put(f"i{ch}", nis)
        sound = nis
        for name, value in new.items():
            if name in {f"p{j}_{j}" for j in range(self.n)}:
                sound = sound + value
        return new, sound

    def _learn(
        self,
        put: Callable[[str, Expr], None],
        ch: int,
        dt: Expr,
        y: Expr,
        s: Expr,
        nis: Expr,
        gated: Expr | None,
        r: Expr,
        learned_r: bool,
    ) -> None:
        """Noise and the usual interval, after the update of channel `ch`."""
        count, d = sym(f"n{ch}"), sym("d")
        pace = maximum(1.0 / (count + 1.0), 0.02)
        # A device whose clock starts in 1970 and is then set shows decades once: that was no interval.
        pace = where((dt * BELIED < d) & (count < SETTLED), 0.5, pace)
        put("d", where(dt > 0.0, d + (minimum(dt, d * 10.0) - d) * pace, d))
        if learned_r:
            speed = maximum(1.0 / (count + 2.0), 0.01)
            clipped = minimum(nis, CLIP)
            if gated is not None:
                clipped = where(gated & (sym(f"o{ch}") < 1.0), const(ALONE), clipped)
            grown = r * (1.0 + (clipped / CLIP_MEAN - 1.0) * speed)
            tick, move, size = sym(f"q{ch}"), sym(f"a{ch}"), magnitude(sym("z") - sym(f"z{ch}"))
            resting = minimum(r, move * move / 12.0)
            least = maximum(tick * tick / 12.0, where(size > 0.0, 0.0, resting))
            put(f"r{ch}", where(count < WARM, r, maximum(grown, least)))
        if learns_process(self.c):
            e = y / sqrt(s)
            e = maximum(minimum(e, 2.0), -2.0)
            if gated is not None:
                e = where(gated, const(0.0), e)
            speed = maximum(2.0 / (count + 8.0), 0.02)
            push = maximum(e * sym(f"e{ch}") * speed, -0.5)
            ratio = sym("g") * (1.0 + push)
            put("g", where(count < 3.0, sym("g"), maximum(minimum(ratio, RATIO_MAX), RATIO_MIN)))
            put(f"e{ch}", e)

    def _input(self, index: int) -> Prepared:
        """Predict to t under the old input, then take the new one."""
        at = self.predict(sym("t") - sym("T"))
        new = {f"x{j}": v for j, v in enumerate(at.x)} | {f"p{j}_{k}": v for (j, k), v in at.p.items()}
        new |= {"T": sym("t"), "L": const(float(len(self.c.channels) + index)), f"u{index}": sym("z")}
        sound = const(0.0)
        for j in range(self.n):
            sound = sound + at.p[j, j]
        return self._prepare(("t", "z"), new, [sound])

    def ahead(self) -> Prepared:
        """`ahead(i, dt, ...)`: means (n), variances (n), then h x and h P hᵀ + r per channel, dt seconds from now."""
        at = self.predict(sym("dt"))
        returns = list(at.x) + [at.p[j, j] for j in range(self.n)]
        for ch in range(len(self.c.channels)):
            mean, _, hph = self.observe(at, ch)
            returns += [mean, hph + sym(f"r{ch}")]
        return self._prepare(("dt",), {}, returns)


def plan_run(emitter: Emitter, *, settled: bool) -> Plan:
    """Many steps of the one channel that is all that ever arrives: `agent.distribute`. Reads t and z; tells `sound`.

    settled: of rows that have had `WARMED` readings.
    """
    new, sound = emitter.step(0)
    kept = [name for name in emitter.layout.state if name not in new]
    narrow = frozenset(filter(emitter.layout.narrow, new))
    knots = [f"k0_{j}" for j in range(KNOTS)]
    return Plan(
        new,
        ("t", "z"),
        {"sound": sound},
        narrow=narrow,
        kept=kept,
        together=(knots,),
        least={"n0": WARMED} if settled else {},
    )
