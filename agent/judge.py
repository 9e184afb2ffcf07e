"""How improbable a reading was: surprise from its normalised innovation squared.

    surprise = -log10 P(chi²(1) >= nis) = -log10 erfc(sqrt(nis / 2))

3 means one reading in a thousand is at least this far off. For a tail too small for float64 the leading term of
its asymptotic series is used (Abramowitz and Stegun 1964, eq. 7.1.23), so that surprise keeps rising.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOST = 99.0  # surprise beyond this says nothing more
_SERIES_FROM = 1200.0
_HALF_LOG10_PI_HALF = 0.5 * math.log10(math.pi / 2.0)
_LOG10_E = math.log10(math.e)


def surprise(nis: float) -> float:
    """Surprise of one normalised innovation squared; 0 where there was none (NaN)."""
    if not nis > 0.0:
        return 0.0
    if nis > _SERIES_FROM:
        return min(MOST, nis / 2.0 * _LOG10_E + 0.5 * math.log10(nis) + _HALF_LOG10_PI_HALF)
    return min(MOST, max(0.0, -math.log10(math.erfc(math.sqrt(nis / 2.0)))))


def surprises(nis: NDArray[np.float64]) -> NDArray[np.float64]:
    """`surprise` of each element, the same bits."""
    return np.array([surprise(v) for v in nis.tolist()])


def quantile(probability: float) -> float:
    """Standard normal quantile, for forecast bands. Raises ValueError outside (0, 1)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
