"""Forecasts: where each channel of a twin will be at the configured horizons, with a band that should hold 90 %.

The band is that of the reading to come: the predicted state's variance plus the channel's noise, times a factor that
`agent.bands` learns from how earlier forecasts came out.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.bands import Z_BAND, Bands
from agent.bank import Bank
from agent.encode import ENCODER, ForecastMessage, HorizonValue


class Forecaster:
    """Forecast messages of one block."""

    def __init__(self, banks: Sequence[Bank], horizons: Sequence[float], model: str, learning: int) -> None:
        """horizons: seconds ahead; learning: readings of a channel before its forecasts are judged."""
        self.banks = banks
        self.horizons = tuple(horizons)
        self.model = model
        self.bands = [Bands(bank, self.horizons, learning) for bank in banks] if self.horizons else []

    def grow(self, capacity: int) -> None:
        for bands in self.bands:
            bands.grow(capacity)

    def ready(self, row: int) -> bool:
        """Whether any filter has heard twice: one reading tells nothing of where it goes."""
        return bool(self.horizons) and any(bank.views["b"][row] >= 2.0 for bank in self.banks)

    def write(self, row: int, time: float, processed: float, asset: str, seq: int) -> bytes:
        """The message of one row. time: event time (s) that the horizons count from."""
        channels: dict[str, list[HorizonValue]] = {}
        for bank, bands in zip(self.banks, self.bands, strict=True):
            at = 2 * len(bank.component.states)
            if bank.views["b"][row] < 2.0:
                continue
            lead = max(0.0, time - bank.views["T"][row])
            runs = [bank.ahead(row, lead + h)[at:] for h in self.horizons]
            for k, name in enumerate(bank.component.channels):
                values = []
                for j, (h, out) in enumerate(zip(self.horizons, runs, strict=True)):
                    mean, std = out[2 * k], max(out[2 * k + 1], 0.0) ** 0.5 * bands.width(row, k, j)
                    values.append(HorizonValue(h, mean, std, mean - Z_BAND * std, mean + Z_BAND * std))
                channels[name] = values
        return ENCODER.encode(ForecastMessage(time, processed, asset, seq, self.model, channels))
