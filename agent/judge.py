"""What the judging parts share: quantiles of the standard normal distribution. How improbable a reading was is `agent.tail`'s."""

from __future__ import annotations


def quantile(probability: float) -> float:
    """Standard normal quantile, for forecast bands. Raises ValueError outside (0, 1)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
