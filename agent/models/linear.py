"""Any linear model, its matrices in YAML: continuous (A, B in 1/s) or discrete (A, B per step of a sample time).

    continuous   dx = (A x + B u) dt + dW,  E[dW dWᵀ] = Q dt        z = C x + v,  v ~ N(0, R)
    discrete     x_k+1 = A x_k + B u_k + w,  w ~ N(0, Q),  step `sample_time`

Continuous matrices are discretised for each elapsed time with Van Loan's block exponential (IEEE Trans. Automatic
Control 23, 1978, eq. 1.3 to 2.6), by scaling and squaring of a Taylor series (Moler and Van Loan, SIAM Review 45,
2003, method 3). Discrete ones are stepped the nearest whole number of sample times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta, field

from agent.config import Duration
from agent.models.base import ChannelInfo, Component, Noise, State
from agent.models.base import Settings as Base
from agent.models.first_order import Driver, source_of

Rows = list[list[float]]
_CACHED_INTERVALS = 512
_MOST_STEPS = 2.0**60  # taken by doubling, so at most 60 products

Discretisation = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]


class LinearSettings(Base, tag="linear", kw_only=True, frozen=True):
    """Any linear state-space model with its matrices given."""

    states: Annotated[list[str], Meta(min_length=1, max_length=12, description="Names of the states.")]
    channels: Annotated[list[str], Meta(min_length=1, description="Measured channels, one row of C each.")]
    A: Annotated[Rows, Meta(description="n×n: per second when continuous, per step when `sample_time` is given.")]
    C: Annotated[Rows, Meta(description="One row of n numbers per channel.")]
    Q: Annotated[Rows, Meta(description="n×n process noise: intensity per second, or covariance per step.")]
    B: Annotated[Rows, Meta(description="n×m, for the inputs.")] = field(default_factory=list)
    inputs: Annotated[list[float | Driver], Meta(description="One per column of B.")] = field(default_factory=list)
    R: Annotated[
        list[float] | None,
        Meta(description="Variance of each channel; default: the channel's `noise` squared, or learned."),
    ] = None
    sample_time: Annotated[Duration | None, Meta(description="Given: the matrices are discrete with this step.")] = None
    learn_process: Annotated[
        bool, Meta(description="Scale Q by what the innovations say; else it is kept as stated.")
    ] = False
    x0: Annotated[list[float] | None, Meta(description="First mean; default: what the first reading says.")] = None
    P0: Annotated[
        list[float] | None, Meta(description="First variances; default: 10,000 times the first channel's variance.")
    ] = None
    units: Annotated[list[str], Meta(description="Units of the states.")] = field(default_factory=list)


def expm(a: np.ndarray) -> np.ndarray:
    """Matrix exponential by scaling and squaring, Taylor series to machine precision. a: n×n, dimensionless."""
    norm = float(np.abs(a).sum(axis=1).max(initial=0.0))
    squarings = max(0, math.ceil(math.log2(norm / 0.25))) if norm > 0.25 else 0
    b = a / 2.0**squarings
    term = np.eye(len(a))
    total = term.copy()
    for k in range(1, 16):
        term = term @ b / k
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total


def van_loan(a: np.ndarray, b: np.ndarray, q: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F, B and Q of the elapsed time dt (s). a: n×n in 1/s, b: n×m, q: n×n intensity."""
    n, m = len(a), b.shape[1]
    upper = np.zeros((2 * n, 2 * n))
    upper[:n, :n], upper[:n, n:], upper[n:, n:] = -a, q, a.T
    # The block -A of a stable system grows without bound over a long gap: take well-conditioned pieces, then double.
    pieces = max(1, math.ceil(min(float(np.abs(a).sum(axis=1).max(initial=0.0)) * dt / 8.0, _MOST_STEPS)))
    step = expm(upper * (dt / pieces))
    f1 = step[n:, n:].T
    q1 = f1 @ step[:n, n:]
    drive = np.zeros((n + m, n + m))
    drive[:n, :n], drive[:n, n:] = a, b
    b1 = expm(drive * (dt / pieces))[:n, n:]
    return stepped(f1, b1, q1, pieces)


def stepped(a: np.ndarray, b: np.ndarray, q: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F, B and Q of a whole number of discrete steps, by doubling: O(log steps)."""
    n, m = len(a), b.shape[1]
    f, g, cov = np.eye(n), np.zeros((n, m)), np.zeros((n, n))
    pf, pg, pq = a, b, q
    while steps:
        if steps & 1:
            f, g, cov = pf @ f, pf @ g + pg, pf @ cov @ pf.T + pq
        pf, pg, pq = pf @ pf, pf @ pg + pg, pf @ pq @ pf.T + pq
        steps >>= 1
    return f, g, (cov + cov.T) / 2.0


def _matrix(name: str, rows: Rows, height: int, width: int) -> np.ndarray:
    if len(rows) != height or any(len(r) != width for r in rows):
        got = f"{len(rows)}×{'/'.join(sorted({str(len(r)) for r in rows})) or 0}"
        raise ValueError(f"{name}: expected a {height}×{width} matrix, got {got}")
    array = np.array(rows, dtype=float).reshape(height, width)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers")
    return array


def discretiser(
    a: np.ndarray, b: np.ndarray, q: np.ndarray, sample_time: float | None
) -> Callable[[float], Discretisation]:
    """dt -> (F, B, Q) flattened row by row, remembered for the intervals that recur (bounded)."""

    @lru_cache(maxsize=_CACHED_INTERVALS)
    def discretise(dt: float) -> Discretisation:
        with np.errstate(all="ignore"):  # an unstable model over a long gap overflows, and the bank starts it over
            if sample_time is None:
                f, g, cov = van_loan(a, b, q, dt)
            else:
                f, g, cov = stepped(a, b, q, round(min(dt / sample_time, _MOST_STEPS)))
        return tuple(f.ravel().tolist()), tuple(g.ravel().tolist()), tuple(cov.ravel().tolist())

    return discretise


class Linear:
    name: ClassVar[str] = "linear"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "asset"
    Settings: ClassVar[type[Base]] = LinearSettings

    @staticmethod
    def build(settings: LinearSettings, channels: Sequence[ChannelInfo]) -> Component:
        n, m = len(settings.states), len(settings.inputs)
        a = _matrix("A", settings.A, n, n)
        c = _matrix("C", settings.C, len(settings.channels), n)
        q = _matrix("Q", settings.Q, n, n)
        b = _matrix("B", settings.B, n, m) if m else np.zeros((n, 0))
        if not m and settings.B:
            raise ValueError("B: expected `inputs`, one per column of B, got none")
        if len(set(settings.states)) != n:
            raise ValueError("states: expected names that differ")
        if not np.array_equal(q, q.T) or float(np.linalg.eigvalsh(q).min()) < -1e-12 * max(1.0, float(np.abs(q).max())):
            raise ValueError("Q: expected a symmetric positive semi-definite matrix")
        if not c.any(axis=1).all():
            raise ValueError("C: expected at least one number other than zero in each row")
        stated = settings.R
        if stated is not None and (len(stated) != len(channels) or min(stated) <= 0):
            raise ValueError(f"R: expected {len(channels)} variances above zero, got {stated}")
        for key, values in (("x0", settings.x0), ("P0", settings.P0)):
            if values is not None and len(values) != n:
                raise ValueError(f"{key}: expected {n} numbers, got {len(values)}")
        if settings.P0 is not None and min(settings.P0) < 0:
            raise ValueError("P0: expected variances, none below zero")
        if (settings.x0 is None) != (settings.P0 is None):
            raise ValueError("x0 and P0: expected both or neither")
        if settings.sample_time is not None and settings.sample_time <= 0:
            raise ValueError("sample_time: expected a step above zero")
        units = settings.units or [""] * n
        if len(units) != n:
            raise ValueError(f"units: expected {n} of them, got {len(units)}")
        return Component(
            model="linear",
            version=1,
            states=tuple(State(s, u, prior=1e4) for s, u in zip(settings.states, units, strict=True)),
            channels=tuple(settings.channels),
            observe=tuple(tuple(row) for row in c.tolist()),
            transition=lambda dt: np.array(_discretise(dt)[0]).reshape(n, n).tolist(),
            noises=(
                Noise(
                    lambda dt: np.array(_discretise(dt)[2]).reshape(n, n).tolist(),
                    None if settings.learn_process else 1.0,
                ),
            ),
            inputs=tuple(source_of(d) for d in settings.inputs),
            drive=(lambda dt: np.array(_discretise(dt)[1]).reshape(n, m).tolist()) if m else None,
            measurement=tuple(stated) if stated is not None else tuple(ch.variance for ch in channels),
            rates=(None,) * len(channels),
            discretise=(_discretise := discretiser(a, b, q, settings.sample_time)),
            initial=(tuple(settings.x0), tuple(settings.P0)) if settings.x0 and settings.P0 else None,
        )

    @staticmethod
    def uses(settings: LinearSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(settings.channels), tuple(
            d.channel for d in settings.inputs if isinstance(d, Driver) and d.channel
        )
