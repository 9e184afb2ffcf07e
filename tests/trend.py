"""Whether a series that restarts now and then has a trend: Sen's slope within segments, with its confidence interval.

The estimate is the median of the slopes of all pairs of samples of the same segment. The interval is that of the
seasonal Kendall slope (Gilbert 1987, Statistical Methods for Environmental Pollution Monitoring, 17.2.1; Hirsch, Slack
and Smith 1982), segments standing for seasons: the variance of Kendall's S, summed over segments, says how many of the
sorted slopes lie within. It takes samples for independent; so neighbours are replaced by their median first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from math import ceil, floor, sqrt
from statistics import NormalDist, median
from typing import NamedTuple


class Sample(NamedTuple):
    time: float
    value: float


class Slope(NamedTuple):
    """Of the series, in its unit a second."""

    estimate: float
    low: float
    high: float
    samples: int
    segments: int

    @property
    def within_noise(self) -> bool:
        """Whether no growth can be told from none."""
        return self.low <= 0.0


def thinned(samples: Iterable[Sample], interval: float) -> list[Sample]:
    """One sample for each interval: the medians of what lies within."""
    groups = (list(group) for _, group in groupby(samples, key=lambda s: s.time // interval))
    return [Sample(median(s.time for s in g), median(s.value for s in g)) for g in groups]


def slope(segments: Sequence[Sequence[Sample]], confidence: float = 0.95) -> Slope:
    """Raises ValueError where no segment has two samples at different times."""
    slopes: list[float] = []
    variance = 0.0
    for segment in segments:
        assert all(a.time < b.time for a, b in pairwise(segment)), "a segment is sorted by time"
        slopes += [(b.value - a.value) / (b.time - a.time) for k, a in enumerate(segment) for b in segment[k + 1 :]]
        n = len(segment)
        variance += n * (n - 1) * (2 * n + 5) / 18
        for tied in _ties(segment):
            variance -= tied * (tied - 1) * (2 * tied + 5) / 18
    if not slopes:
        raise ValueError("expected a segment of two samples or more, got none; hint: let it run longer")
    slopes.sort()
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * sqrt(variance)
    low = max(0, floor((len(slopes) - reach) / 2) - 1)  # counted from one there
    high = min(len(slopes) - 1, ceil((len(slopes) + reach) / 2))
    return Slope(median(slopes), slopes[low], slopes[high], sum(map(len, segments)), sum(len(s) > 1 for s in segments))


def _ties(segment: Sequence[Sample]) -> list[int]:
    values = sorted(s.value for s in segment)
    return [n for _, group in groupby(values) if (n := len(list(group))) > 1]
