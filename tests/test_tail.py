"""Surprise means what it says: the rates of a learned tail, on noise of known and of unknown kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.expr import compile_function, emit, minimum, sym
from agent.tail import KNOTS, START, learned, most_claimed, surprise

Floats = NDArray[np.float64]
KNOT_NAMES = [f"k{k}" for k in range(KNOTS)]


def tails(columns: dict[str, Any], *, arrays: bool) -> Callable[..., Any]:
    """`step(i, a)`: the surprise of deviation a in row(s) i, which then learn from it."""
    a, n, knots = sym("a"), sym("n"), [sym(name) for name in KNOT_NAMES]
    stores = list(zip([f"{name}_[i]" for name in KNOT_NAMES], learned(a, n, knots), strict=True))
    stores.append(("n_[i]", n + 1.0))
    loads = {name: f"{name}_[i]" for name in [*KNOT_NAMES, "n"]}
    told = minimum(surprise(a, knots), most_claimed(n))
    return compile_function(
        "step", emit("step", ("i", "a"), loads, stores, [told], arrays=arrays), columns, arrays=arrays
    )


def columns(rows: int) -> dict[str, Floats]:
    made = {f"k{k}_": np.full(rows, START[k]) for k in range(KNOTS)}
    return made | {"n_": np.zeros(rows)}


def surprises(deviations: Floats) -> Floats:
    """Surprise of each deviation; a row of `deviations` is a moment, a column a channel."""
    step = tails(columns(deviations.shape[1]), arrays=True)
    rows = np.arange(deviations.shape[1])
    with np.errstate(all="ignore"):
        return np.array([step(rows, a)[0] for a in deviations])


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "laplace": lambda rng, size: rng.laplace(0.0, 0.7, size),
    "student": lambda rng, size: rng.standard_t(3, size),
    "lognormal": lambda rng, size: rng.lognormal(0.0, 1.0, size),
}


@pytest.mark.parametrize("noise", NOISES)
def test_three_means_one_in_a_thousand_whatever_the_noise(noise: str) -> None:
    drawn = np.abs(NOISES[noise](np.random.default_rng(11), (8000, 200)))
    told = surprises(drawn)[1000:]
    assert 0.6e-3 < (told >= 3.0).mean() < 1.3e-3
    assert (told >= 4.0).mean() < 1.5e-4


@pytest.mark.parametrize("noise", ["laplace", "student", "lognormal"])
def test_the_gaussian_tail_of_the_same_noise_is_off_by_more_than_a_factor_of_three(noise: str) -> None:
    """What the learned tail is there for."""
    drawn = np.abs(NOISES[noise](np.random.default_rng(12), (4000, 100)))
    assert (drawn / np.sqrt((drawn**2).mean()) > 3.2905).mean() > 3e-3


def test_a_channel_that_has_seen_little_claims_little() -> None:
    drawn = np.abs(np.random.default_rng(13).standard_normal((201, 50)))
    drawn[30] = drawn[200] = 1e9
    told = surprises(drawn)
    assert (told[30] < 3.6).all()
    assert ((told[200] > 3.0) & (told[200] < 5.0)).all()


def test_one_glitch_does_not_deafen() -> None:
    drawn = np.abs(np.random.default_rng(14).standard_normal((6000, 50)))
    drawn[3000] = 1e6
    drawn[5999] = 40.0
    told = surprises(drawn)
    assert (told[3000] > 5.0).all()
    assert (told[5999] > 3.0).all()


def test_a_change_of_scale_is_learned_and_then_no_surprise() -> None:
    drawn = np.abs(np.random.default_rng(15).standard_normal((12000, 100)))
    drawn[4000:] *= 5.0
    told = surprises(drawn)
    assert (told[4000:4100] >= 3.0).mean() > 0.01
    assert (told[8000:] >= 3.0).mean() < 1.5e-3


def test_floats_and_arrays_agree_to_the_bit() -> None:
    drawn = np.abs(np.random.default_rng(16).standard_t(2, (2000, 9)))
    many, one = columns(9), columns(9)
    arrays = tails(many, arrays=True)
    floats = tails({name: column.data for name, column in one.items()}, arrays=False)
    rows = np.arange(9)
    for a in drawn:
        together = arrays(rows, a)[0]
        alone = [floats(row, value)[0] for row, value in enumerate(a.tolist())]
        assert together.tobytes() == np.array(alone).tobytes()
    assert all(many[name].tobytes() == one[name].tobytes() for name in many)
