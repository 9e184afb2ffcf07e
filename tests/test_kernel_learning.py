"""What the kernel learns of noise: on simulated truth, on awkward signals, and after the world has changed.

Signals are (readings × twins); each twin is an independent draw, so bounds hold for every one of them unless a mean
or a median is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.datasets import nile
from statsmodels.tsa.statespace.structural import UnobservedComponents

from agent.bank import Bank
from tests.oracles import Floats, bank_state, component, trend_noise

TWINS = 20
both_models = pytest.mark.parametrize("model", ["level", "level_rate"])


@dataclass(frozen=True)
class Course:
    """What a bank did over a signal, per reading and twin."""

    nis: Floats
    innovation: Floats  # standardised
    variance: Floats  # of the measurement, learned
    estimate: Floats

    def correlation(self, start: int) -> Floats:
        """Of neighbouring innovations."""
        e = self.innovation[start:]
        out: Floats = (e[1:] * e[:-1]).mean(axis=0) / (e * e).mean(axis=0)
        return out


def follow(model: str, signal: Floats, *, dt: float = 1.0) -> Course:
    twins = signal.shape[1]
    bank = Bank(component(model, {"c": None}), robust=True, window=64, late=30.0)
    bank.grow(twins)
    rows = np.arange(twins)
    course = []
    for k, z in enumerate(signal):
        assert bank.update_many(rows, 0, np.full(twins, k * dt), z) is None
        y, s, r, x = (bank.columns[name][:twins].copy() for name in ("y0", "s0", "r0", "x0"))
        course.append((bank.columns["i0"][:twins].copy(), (z - y) / np.sqrt(s), r, x))
    return Course(*(np.array(c) for c in zip(*course, strict=True)))


def white(seed: int, readings: int, level: float = 20.0, std: float = 1.0) -> Floats:
    return np.random.default_rng(seed).normal(level, std, (readings, TWINS))


def trend(seed: int, readings: int, wander: float, rate: float) -> Floats:
    """A level and rate that wander, seen with noise of variance one."""
    rng = np.random.default_rng(seed)
    q = trend_noise(wander, rate)(1.0)
    root = np.linalg.cholesky(q) if wander and rate else np.sqrt(np.diag(np.diag(q)))
    x, out = np.zeros((2, TWINS)), []
    for _ in range(readings):
        x = np.array([[1.0, 1.0], [0.0, 1.0]]) @ x + root @ rng.normal(size=(2, TWINS))
        out.append(x[0] + rng.normal(size=TWINS))
    return np.array(out)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.1, 1.0, 10.0])
def test_noise_learned_of_a_random_walk_is_near_the_truth(ratio: float, scale: float) -> None:
    rng = np.random.default_rng(round(ratio * 100))
    walk = np.cumsum(rng.normal(0.0, ratio**0.5, (1500, TWINS)), axis=0)
    course = follow("level", scale * (walk + rng.normal(size=walk.shape)))
    nis = course.nis[500:].mean(axis=0)
    assert 0.85 < nis.min() < nis.max() < 1.15
    assert np.abs(course.correlation(500)).max() < 0.15
    assert abs(course.correlation(500).mean()) < 0.1
    learned = course.variance[-1] / scale**2
    assert 0.6 < np.median(learned) < 1.6
    assert 0.4 < learned.min() < learned.max() < 2.5


@pytest.mark.parametrize(("wander", "rate"), [(0.0, 0.0), (0.0, 0.01), (0.3, 0.0), (0.3, 0.03), (1.0, 0.1)])
def test_noise_learned_of_a_wandering_trend_is_near_the_truth(wander: float, rate: float) -> None:
    course = follow("level_rate", trend(3, 1500, wander, rate))
    nis = course.nis[500:].mean(axis=0)
    assert 0.85 < nis.min() < nis.max() < 1.15
    assert np.abs(course.correlation(500)).max() < 0.15
    assert abs(course.correlation(500).mean()) < 0.1
    assert 0.6 < np.median(course.variance[-1]) < 1.6


@both_models
def test_after_the_first_readings_variances_are_right_on_average(model: str) -> None:
    course = follow(model, white(5, 130))
    assert 0.8 < course.nis[30:130].mean() < 1.3
    assert 0.5 < np.median(course.variance[30]) < 1.5


@both_models
def test_outliers_do_not_inflate_the_noise(model: str) -> None:
    signal = white(1, 1500)
    rng = np.random.default_rng(2)
    wild = rng.random(signal.shape) < 0.05
    signal[wild] += rng.choice([-20.0, 20.0], int(wild.sum()))
    course = follow(model, signal)
    assert np.median(course.variance[200:]) < 1.5
    assert course.variance[500:].max() < 2.0
    assert np.sqrt(((course.estimate[500:] - 20.0) ** 2).mean()) < 0.6


@both_models
@pytest.mark.parametrize("at", [0, 1, 5])
@pytest.mark.parametrize("far", [-1e3, 1e6])
def test_a_wild_start_is_forgotten(model: str, at: int, far: float) -> None:
    signal = white(7, 400)
    signal[at] = far
    course = follow(model, signal)
    assert np.median(course.variance[200]) < 10.0
    assert 0.6 < np.median(course.variance[-1]) < 1.5
    assert np.abs(course.estimate[200:] - 20.0).max() < 3.0


@both_models
def test_a_constant_signal_stays_plausible_when_it_first_moves(model: str) -> None:
    """Nothing was known of its noise: that it is a hundredth of its value is all that was claimed."""
    signal = np.full((400, TWINS), 20.0)
    signal[200:] = 20.1
    course = follow(model, signal)
    assert course.nis[:200].max() == 0.0
    assert course.nis[200].max() < 4.0
    assert np.abs(course.estimate[-1] - 20.1).max() < 0.01


@both_models
def test_a_quantised_signal_is_never_claimed_to_be_finer_than_its_quantum(model: str) -> None:
    signal = np.round(white(9, 1500, std=0.02), 1)
    course = follow(model, signal)
    moved = np.maximum.accumulate(signal != signal[0], axis=0)
    assert moved[-1].all()
    assert course.variance[moved].min() >= 0.0999**2 / 12.0
    assert course.nis[100:].max() < 40.0


@both_models
def test_a_step_is_taken_over_after_five_readings_and_a_spike_is_not(model: str) -> None:
    signal = white(11, 620)
    signal[500:] += 50.0
    signal[400] += 50.0
    course = follow(model, signal)
    assert (course.nis[500:505] > 16.0).all()
    assert np.abs(course.estimate[503] - 20.0).max() < 12.0
    assert np.abs(course.estimate[504] - 70.0).max() < 6.0
    assert np.median(np.abs(course.estimate[510] - 70.0)) < 1.5
    assert np.abs(course.estimate[400] - 20.0).max() < 3.0
    assert course.variance[620 - 1].max() < 3.0


def test_a_slope_that_breaks_is_followed_within_fifteen_readings() -> None:
    rising = np.concatenate([np.arange(600) * 10.0, np.full(200, 6000.0)])[:, None]
    course = follow("level_rate", rising + white(13, 800, level=0.0))
    assert (course.nis[601:604] > 16.0).mean() > 0.9
    assert np.abs(course.estimate[615:] - 6000.0).max() < 8.0
    assert (course.nis[615:] > 16.0).mean() < 0.01
    assert np.median(course.variance[700]) < 3.0


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["level", "level_rate", "first_order"]),
    st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1e9, -1e9, 1e-9]), min_size=1, max_size=60),
    st.floats(-1e6, 1e6),
    st.sampled_from([1.0, 60.0, 3600.0]),
)
def test_whatever_came_before_a_constant_level_is_acquired(
    model: str, before: list[float], level: float, dt: float
) -> None:
    chosen: str | dict[str, object] = {"type": "first_order", "tau": 10.0} if model == "first_order" else model
    bank = Bank(component(chosen, {"c": None}), robust=True, window=64, late=30.0)
    bank.grow(1)
    signal = [*before, *[level] * 400]
    for k, z in enumerate(signal):
        bank.update(0, 0, k * dt, z)
    x, p = bank_state(bank, [0])
    spread = max(abs(level), 1.0)
    assert abs(x[0, 0] - level) <= 0.1 * spread
    assert p[0, 0, 0] >= 0.0


def test_statsmodels_filters_the_nile_to_the_same_levels() -> None:
    """Durbin and Koopman (2012), Time Series Analysis by State Space Methods, §2.2: r = 15099, q = 1469.1."""
    flow = nile.load_pandas().data["volume"].to_numpy(float)
    r, q = 15099.0, 1469.1
    # Ours starts at the first reading, as if before it nothing had been known; for the second that is this prior.
    expected = UnobservedComponents(flow[1:], "llevel")
    expected.ssm.initialize_known(np.array([flow[0]]), np.array([[r + q]]))
    result = expected.filter([r, q])
    bank = Bank(component({"type": "level", "wander": q**0.5}, {"c": r**0.5}), robust=False, window=64, late=30.0)
    bank.grow(1)
    levels, variances, nis = [], [], []
    for year, z in enumerate(flow.tolist()):
        bank.update(0, 0, float(year), z)
        x, p = bank_state(bank, [0])
        levels.append(x[0, 0])
        variances.append(p[0, 0, 0])
        nis.append((bank.views["i0"][0], bank.views["s0"][0]))
    np.testing.assert_allclose(levels[1:], result.filtered_state[0], rtol=1e-10)
    np.testing.assert_allclose(variances[1:], result.filtered_state_cov[0, 0], rtol=1e-10)
    likelihood = -0.5 * sum(np.log(2 * np.pi * s) + i for i, s in nis[1:])
    assert likelihood == pytest.approx(result.llf_obs.sum(), rel=1e-10)
    assert variances[-1] == pytest.approx(4031.4, abs=1.5)  # the steady state in the book's figure 2.1


@both_models
def test_the_noise_of_a_signal_at_rest_is_known_no_better_the_longer_it_rests(model: str) -> None:
    """Moves of sizes of any fineness, each by itself, in the midst of readings that repeat."""
    rng = np.random.default_rng(31)
    signal = np.zeros((8000, TWINS))
    signal[::40] = rng.exponential(1.0, (200, TWINS))
    course = follow(model, signal)
    known = np.minimum(course.variance[400], 0.3**2 / 12.0)  # hardly ever is the mean of twenty moves below 0.3
    assert (course.variance[2000:] >= known * 0.5).all()
    deviations = np.abs(course.innovation)[::40]
    early, end = np.median(deviations[20:60], axis=0), np.median(deviations[-40:], axis=0)
    assert (end < early * 2.0).all()


def test_a_signal_that_moves_after_a_rest_is_as_uncertain_as_it_was_before_it() -> None:
    noise = white(32, 1000)
    course = follow("level", np.concatenate([noise, np.repeat(noise[-1:], 3000, axis=0), white(33, 100)]))
    before, after = course.variance[900:1000].mean(axis=0), course.variance[3999]
    assert (after > before / 40.0).all()  # down to the twelfth of a squared move, and no further
    assert (after < before).all()  # it is not thought to be larger either
