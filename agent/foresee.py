"""Forecasts: where each channel of a twin will be at the configured horizons, with a band that should hold 90 %.

The band is that of the reading to come: the predicted state's variance plus the channel's noise.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.bank import Bank
from agent.encode import ENCODER, ForecastMessage, HorizonValue

Z_BAND = 1.6448536269514722  # standard normal quantile of 0.95: a band of 90 %


class Forecaster:
    """Forecast messages of one block."""

    def __init__(self, banks: Sequence[Bank], horizons: Sequence[float], model: str) -> None:
        self.banks = banks
        self.horizons = tuple(horizons)
        self.model = model
        self.z = Z_BAND

    def ready(self, row: int) -> bool:
        """Whether any filter has heard twice: one reading tells nothing of where it goes."""
        return bool(self.horizons) and any(bank.views["b"][row] >= 2.0 for bank in self.banks)

    def write(self, row: int, time: float, processed: float, asset: str, seq: int) -> bytes:
        """The message of one row. time: event time (s) that the horizons count from."""
        channels: dict[str, list[HorizonValue]] = {}
        for bank in self.banks:
            at = 2 * len(bank.component.states)
            if bank.views["b"][row] < 2.0:
                continue
            lead = max(0.0, time - bank.views["T"][row])
            runs = [bank.ahead(row, lead + h)[at:] for h in self.horizons]
            for k, name in enumerate(bank.component.channels):
                values = []
                for h, out in zip(self.horizons, runs, strict=True):
                    mean, std = out[2 * k], max(out[2 * k + 1], 0.0) ** 0.5
                    values.append(HorizonValue(h, mean, std, mean - self.z * std, mean + self.z * std))
                channels[name] = values
        return ENCODER.encode(ForecastMessage(time, processed, asset, seq, self.model, channels))
