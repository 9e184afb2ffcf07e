"""What the judging parts share: quantiles of the standard normal distribution. How improbable a reading was is `agent.tail`'s."""

from __future__ import annotations


def quantile(probability: float) -> float:
    """Standard normal quantile, for forecast bands. Raises ValueError outside (0, 1)."""
    if probability == 0.5:
        return 0.0
    from statistics import NormalDist  # 0.4 MiB that a daemon without such an alarm can do without

    return NormalDist().inv_cdf(probability)
