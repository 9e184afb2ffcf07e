"""Independent oracles for the filters: the models' equations written out by hand, simulated truth, and filterpy.

Nothing here takes F, Q, B, h or r from the agent's models: that is what makes it an oracle. No test lives here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from filterpy.kalman import KalmanFilter
from numpy.typing import NDArray
from scipy.stats import chi2

from agent.bank import Bank
from agent.build import model_settings
from agent.models.base import ChannelInfo, Component

Floats = NDArray[np.float64]
GATE, PERSIST = 16.0, 5


@dataclass(frozen=True)
class Textbook:
    """A model with stated noise, its matrices by hand, and the component the agent builds from the same settings.

    f(dt) n×n, q(dt) n×n, b(dt) n×m with dt in s; h: one row per channel; r: variance per channel; u0: inputs at first.
    """

    name: str
    component: Component
    f: Callable[[float], Floats]
    q: Callable[[float], Floats]
    h: Floats
    r: Floats
    b: Callable[[float], Floats]
    inputs: int = 0
    start: tuple[Floats, Floats] | None = None  # mean and covariance the truth is drawn from, where the model states it
    step: float | None = None  # times are multiples of this

    def bank(self, *, robust: bool = False, window: int = 64, late: float = 30.0) -> Bank:
        return Bank(self.component, robust=robust, window=window, late=late)


def component(model: str | dict[str, object], noises: dict[str, float | None]) -> Component:
    """What the agent builds from these settings and channels (name -> standard deviation of the sensor)."""
    found, settings = model_settings(model, ("model",))
    built: Component = found.build(settings, [ChannelInfo(n, "", s) for n, s in noises.items()])
    return built


def _constant_rate(dt: float) -> Floats:
    return np.array([[1.0, dt], [0.0, 1.0]])


def trend_noise(level: float, rate: float) -> Callable[[float], Floats]:
    def q(dt: float) -> Floats:
        cross = rate**2 * dt**2 / 2
        return np.array([[level**2 * dt + rate**2 * dt**3 / 3, cross], [cross, rate**2 * dt]])

    return q


def _nothing(n: int) -> Callable[[float], Floats]:
    return lambda dt: np.zeros((n, 0))


def level(wander: float = 0.3, noise: float = 0.7) -> Textbook:
    return Textbook(
        "level",
        component({"type": "level", "wander": wander}, {"c": noise}),
        lambda dt: np.eye(1),
        lambda dt: np.array([[wander**2 * dt]]),
        np.array([[1.0]]),
        np.array([noise**2]),
        _nothing(1),
    )


def level_rate(wander: float = 0.1, rate: float = 0.02, noise: float = 0.5) -> Textbook:
    return Textbook(
        "level_rate",
        component({"type": "level_rate", "wander": wander, "rate_wander": rate}, {"c": noise}),
        _constant_rate,
        trend_noise(wander, rate),
        np.array([[1.0, 0.0]]),
        np.array([noise**2]),
        _nothing(2),
    )


def first_order(target: str, tau: float = 12.0, gain: float = 1.5, wander: float = 0.2, noise: float = 0.3) -> Textbook:
    """target: `constant`, `driven` or `learned`."""
    settings: dict[str, object] = {"type": "first_order", "tau": tau, "wander": wander}

    def spread(dt: float) -> float:
        return float(wander**2 * tau / 2 * -np.expm1(-2 * dt / tau))

    def lag(dt: float) -> float:
        return float(np.exp(-dt / tau))

    if target == "learned":
        return Textbook(
            "first_order learned",
            component(settings, {"c": noise}),
            lambda dt: np.array([[lag(dt), 1 - lag(dt)], [0.0, 1.0]]),
            lambda dt: np.array([[spread(dt), 0.0], [0.0, wander**2 * dt]]),
            np.array([[1.0, 0.0]]),
            np.array([noise**2]),
            _nothing(2),
        )
    constant = target == "constant"
    settings |= {"gain": gain, "target": 20.0 if constant else {"channel": "setpoint"}}
    return Textbook(
        f"first_order {target}",
        component(settings, {"c": noise}),
        lambda dt: np.array([[lag(dt)]]),
        lambda dt: np.array([[spread(dt)]]),
        np.array([[1.0]]),
        np.array([noise**2]),
        lambda dt: np.array([[gain * (1 - lag(dt))]]) * (20.0 if constant else 1.0),
        inputs=0 if constant else 1,
    )


def tank(area: float = 2.0, wander: float = 0.001, leak: float = 1e-4, noise: float = 0.02) -> Textbook:
    settings: dict[str, object] = {
        "type": "tank",
        "area": area,
        "wander": wander,
        "leak_wander": leak,
        "inflow": {"channel": "in"},
        "outflow": {"channel": "out"},
    }
    return Textbook(
        "tank",
        component(settings, {"level": noise}),
        _constant_rate,
        trend_noise(wander, leak),
        np.array([[1.0, 0.0]]),
        np.array([noise**2]),
        lambda dt: np.array([[dt / area, -dt / area], [0.0, 0.0]]),
        inputs=2,
    )


def linear_continuous() -> Textbook:
    """A damped oscillator with a drifting bias: three states, three sensors of which two see mixtures, one input."""
    a = np.array([[0.0, 1.0, 0.0], [-0.5, -0.2, 0.1], [0.0, 0.0, -0.05]])
    b = np.array([[0.0], [0.4], [0.0]])
    c = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.5, 1.0, -1.0]])
    q = np.array([[0.01, 0.002, 0.0], [0.002, 0.04, 0.0], [0.0, 0.0, 0.02]])
    r = np.array([0.04, 0.09, 0.25])
    x0, p0 = np.array([1.0, 0.5, -2.0]), np.array([4.0, 1.0, 2.0])
    settings: dict[str, object] = {
        "type": "linear",
        "states": ["position", "speed", "bias"],
        "channels": ["a", "b", "c"],
        "inputs": [{"channel": "force"}],
        "R": r.tolist(),
        "x0": x0.tolist(),
        "P0": p0.tolist(),
    } | {k: m.tolist() for k, m in {"A": a, "B": b, "C": c, "Q": q}.items()}
    # In the eigenvectors' coordinates the integrals have a closed form, unlike the series that the agent sums.
    roots, v = np.linalg.eig(a)
    w = np.linalg.inv(v)
    sums = roots[:, None] + roots[None, :]
    intensity = w @ q @ w.T

    def transition(dt: float) -> Floats:
        out: Floats = (v @ np.diag(np.exp(roots * dt)) @ w).real
        return out

    def spread(dt: float) -> Floats:
        out: Floats = (v @ (intensity * np.expm1(sums * dt) / sums) @ v.T).real
        return (out + out.T) / 2

    def drive(dt: float) -> Floats:
        out: Floats = (v @ np.diag(np.expm1(roots * dt) / roots) @ w @ b).real
        return out

    return Textbook(
        "linear continuous",
        component(settings, dict.fromkeys("abc")),
        transition,
        spread,
        c,
        r,
        drive,
        inputs=1,
        start=(x0, np.diag(p0)),
    )


def linear_discrete(sample_time: float = 0.5) -> Textbook:
    """A slow second-order system per step of half a second, two sensors, a constant input."""
    a = np.array([[0.98, 0.1], [-0.05, 0.95]])
    b = np.array([[0.02], [0.3]])
    c = np.array([[1.0, 0.0], [0.3, -1.5]])
    q = np.array([[0.01, 0.001], [0.001, 0.02]])
    r = np.array([0.16, 0.5])
    x0, p0 = np.array([0.0, 1.0]), np.array([2.0, 2.0])
    settings: dict[str, object] = {
        "type": "linear",
        "states": ["one", "two"],
        "channels": ["a", "b"],
        "inputs": [0.7],
        "sample_time": sample_time,
        "R": r.tolist(),
        "x0": x0.tolist(),
        "P0": p0.tolist(),
    } | {k: m.tolist() for k, m in {"A": a, "B": b, "C": c, "Q": q}.items()}

    def walk(dt: float) -> tuple[Floats, Floats, Floats]:
        f, g, cov = np.eye(2), np.zeros((2, 1)), np.zeros((2, 2))
        for _ in range(round(dt / sample_time)):
            f, g, cov = a @ f, a @ g + b, a @ cov @ a.T + q
        return f, g, cov

    return Textbook(
        "linear discrete",
        component(settings, dict.fromkeys("ab")),
        lambda dt: walk(dt)[0],
        lambda dt: walk(dt)[2],
        c,
        r,
        lambda dt: walk(dt)[1] * 0.7,
        start=(x0, np.diag(p0)),
        step=sample_time,
    )


def textbooks() -> list[Textbook]:
    return [
        level(),
        level_rate(),
        first_order("constant"),
        first_order("driven"),
        first_order("learned"),
        tank(),
        linear_continuous(),
        linear_discrete(),
    ]


@dataclass(frozen=True)
class Step:
    """One reading of each of several assets that share their times: entry 0.. are channels, then inputs."""

    time: float
    entry: int
    values: Floats  # per asset
    truth: Floats  # n × assets
    f: Floats
    q: Floats
    b: Floats


def simulate(book: Textbook, rng: np.random.Generator, assets: int, steps: int) -> Iterator[Step]:
    """Truth and readings of asynchronous channels and inputs, dt from milliseconds to half a minute, and zero."""
    channels, n = len(book.r), len(book.h[0])
    entries = channels + book.inputs
    if book.start is None:
        x = rng.normal(0.0, 2.0, (n, assets)) * np.array([[1.0]] + [[1e-3]] * (n - 1))
    else:
        x = book.start[0][:, None] + np.linalg.cholesky(book.start[1]) @ rng.normal(size=(n, assets))
    u = np.zeros((max(book.inputs, 1), assets)) if book.inputs else np.ones((1, assets))
    time, entry = 1000.0, -1
    for k in range(steps):
        dt = 0.0 if k == 0 else float(np.exp(rng.uniform(np.log(1e-3), np.log(30.0))))
        if book.step is not None:
            dt = book.step * round(min(dt, 12.0) / book.step)
        if k and (dt == 0.0 or rng.random() < 0.1) and entry + 1 < entries:
            dt, entry = 0.0, int(rng.integers(entry + 1, entries))  # another channel at the same time
        else:
            dt = dt if dt > 0.0 or k == 0 else (book.step or 1.0)
            entry = k if 0 < k < entries and book.inputs else int(rng.integers(entries)) if k else 0
        # Differences of large times are what a filter sees, so the truth moves by exactly those.
        dt = (time + dt) - time
        time += dt
        f, q, b = book.f(dt), book.q(dt), book.b(dt)
        noise = np.linalg.cholesky(q + 1e-300 * np.eye(n)) if dt else np.zeros((n, n))
        x = f @ x + noise @ rng.normal(size=(n, assets))
        if b.size:
            x = x + b @ u
        if entry < channels:
            values = book.h[entry] @ x + np.sqrt(book.r[entry]) * rng.normal(size=assets)
        else:
            values = rng.normal(1.0, 0.5, assets)
        yield Step(time, entry, values, x.copy(), f, q, b)
        if entry >= channels:
            u[entry - channels] = values


class Oracle:
    """filterpy, one object per asset, fed scalar by scalar. Adopts the first state and then goes on by itself.

    Clear of filterpy's faults: z is 1×1, F, Q and R are set for each call, the noise is never NaN or None.
    """

    def __init__(self, book: Textbook, bank: Bank, row: int, *, robust: bool = False) -> None:
        start, covariance = bank_state(bank, [row])
        x, p, n = start[:, 0], covariance[:, :, 0], len(start)
        u = [[bank.columns[f"u{j}"][row]] for j in range(book.inputs)] or [[1.0]]
        self.book, self.robust, self.u = book, robust, np.array(u)
        self.filter = KalmanFilter(dim_x=n, dim_z=1)
        self.filter.x, self.filter.P = x.reshape(n, 1).astype(np.longdouble), p.astype(np.longdouble)
        self.filter.inv = lambda s: 1.0 / s
        self.rows = [h.reshape(1, n) for h in book.h]
        self.gated = [int(bank.columns[f"o{k}"][row]) for k in range(len(book.r))]
        self.nis = 0.0

    def take(self, step: Step, value: float, interval: float = 1.0) -> None:
        """interval: the usual time between readings, by which a rate is freed when a new level is taken over."""
        k = self.filter
        k.predict(u=self.u, B=step.b, F=step.f, Q=step.q) if step.b.size else k.predict(F=step.f, Q=step.q)
        channels = len(self.rows)
        if step.entry >= channels:
            self.u[step.entry - channels] = value
            return
        h, r = self.rows[step.entry], float(self.book.r[step.entry])
        z = np.array([[value]])
        y = value - (h @ k.x).item()
        hph = (h @ k.P @ h.T).item()
        self.nis = y * y / (hph + r)
        if self.robust:
            if self.nis <= GATE:
                self.gated[step.entry] = 0
            else:
                self.gated[step.entry] += 1
                if self.gated[step.entry] >= PERSIST:
                    self.gated[step.entry] = 0
                    along = h / (h @ h.T)
                    unseen = [
                        0.0 if h[0, j] else y * y / interval ** (2 * s.order)
                        for j, s in enumerate(self.book.component.states)
                    ]
                    k.P = k.P + y * y * (along.T @ along) + np.diag(unseen)
                else:
                    r = y * y / GATE - hph
        k.update(z, R=np.array([[r]]), H=h)


def bank_state(bank: Bank, rows: Sequence[int]) -> tuple[Floats, Floats]:
    """Means (n × rows) and full covariances (n × n × rows) of a bank."""
    n, r = len(bank.component.states), np.asarray(rows)
    x = np.array([bank.columns[f"x{j}"][r] for j in range(n)])
    p = np.array([[bank.columns[f"p{min(j, k)}_{max(j, k)}"][r] for k in range(n)] for j in range(n)])
    return x, p


def relative_error(bank: Bank, rows: Sequence[int], oracles: Sequence[Oracle]) -> float:
    """Largest difference of means and covariances, each relative to the value or to what its deviations span."""
    x, p = bank_state(bank, rows)
    ox = np.array([o.filter.x[:, 0] for o in oracles]).T
    op = np.array([o.filter.P for o in oracles]).transpose(1, 2, 0)
    std = np.sqrt(np.einsum("jjr->jr", op))
    ex = np.abs(x - ox) / np.maximum(np.abs(ox), std)
    ep = np.abs(p - op) / (std[:, None] * std[None, :])
    return float(max(ex.max(), ep.max()))


def band(freedom: float, probability: float = 0.95) -> tuple[float, float]:
    """Central band of a chi-square variable divided by its degrees of freedom."""
    low, high = chi2.ppf([(1 - probability) / 2, (1 + probability) / 2], freedom) / freedom
    return float(low), float(high)


def nees(x: Floats, p: Floats, truth: Floats) -> Floats:
    """Normalised estimation error squared of each asset (chi-square with n degrees of freedom)."""
    error = (truth - x).T
    solved: Any = np.linalg.solve(p.transpose(2, 0, 1), error[:, :, None])[:, :, 0]
    out: Floats = np.einsum("rj,rj->r", error, solved)
    return out
