"""The slope of a series with breaks, against SciPy's and against what was put in."""

from __future__ import annotations

import random

import pytest
from scipy.stats import theilslopes

from tests.trend import Sample, slope, thinned


def noisy(seed: int, count: int, rise: float, start: float = 0.0) -> list[Sample]:
    rng = random.Random(seed)
    return [Sample(start + 30.0 * k, 4e7 + rise * 30.0 * k + rng.gauss(0, 1e5)) for k in range(count)]


def test_of_one_segment_the_estimate_and_interval_are_those_of_scipy() -> None:
    samples = noisy(1, 60, 40.0)
    found = slope([samples])
    theirs = theilslopes([s.value for s in samples], [s.time for s in samples], alpha=0.95)
    assert found.estimate == pytest.approx(theirs.slope, rel=1e-12)
    # SciPy rounds to the next pair, here the interval is rounded outwards.
    assert found.low == pytest.approx(theirs.low_slope, rel=0.02)
    assert found.high == pytest.approx(theirs.high_slope, rel=0.02)
    assert found.low <= theirs.low_slope < theirs.high_slope <= found.high


def test_noise_without_a_trend_is_called_growth_as_seldom_as_the_interval_says() -> None:
    grows = sum(not slope([noisy(seed, 15, 0.0), noisy(seed + 1000, 15, 0.0)]).within_noise for seed in range(400))
    assert 1 <= grows <= 20, "one-sided, 2.5 % of 400 are ten"


def test_a_trend_is_found_though_each_segment_begins_where_the_last_did_not_end() -> None:
    segments = [noisy(k, 20, 200.0, 600.0 * k) for k in range(6)]
    found = slope(segments)
    assert not found.within_noise
    assert found.low < 200.0 < found.high
    assert (found.samples, found.segments) == (120, 6)


def test_a_step_between_segments_is_no_trend() -> None:
    higher = [Sample(s.time, s.value + 1e7) for s in noisy(8, 20, 0.0, 600.0)]
    assert slope([noisy(7, 20, 0.0), higher]).within_noise


def test_samples_that_are_all_the_same_have_no_slope() -> None:
    assert slope([[Sample(float(k), 5.0) for k in range(9)]])[:3] == (0.0, 0.0, 0.0)


def test_an_interval_is_replaced_by_its_medians() -> None:
    samples = [Sample(float(k), float(v)) for k, v in enumerate([1, 9, 2, 5, 5, 70])]
    assert thinned(samples, 3.0) == [Sample(1.0, 2.0), Sample(4.0, 5.0)]


def test_too_little_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="two samples"):
        slope([[Sample(1.0, 1.0)], []])
