"""The twins of one block as rows: names, topics, and the columns that belong to the whole asset.

Rows are only ever added. `columns` are arrays for many rows, `views` the same memory for one row at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.columns import grown
from agent.template import quoted
from agent.topics import safe_level

# Codes of the quality columns, in the order of encode.QUALITIES and encode.REASONS; snapshots hold them.
GOOD, UNCERTAIN, BAD, STUCK, INCONSISTENT, RELEARNED = range(6)


class Rows:
    """Names and whole-asset columns of one block."""

    def __init__(self, channels: int, tracked: int, prefix: bytes) -> None:
        """channels: how many; tracked: states whose last published mean is kept; prefix: of every topic."""
        self.names: list[str] = []
        self.row_of: dict[str, int] = {}
        # Names as a level of a topic and as they stand in JSON, where these are not just their bytes.
        self._unusual: dict[int, tuple[bytes, bytes]] = {}
        self.prefix = prefix
        self.capacity = 0
        self.columns: dict[str, NDArray[Any]] = {
            "seen": np.zeros(0),  # arrival of the newest reading, UTC seconds
            "made": np.zeros(0),  # when the twin came to be
            "time": np.zeros(0),  # event time of the newest reading
            "forecast": np.zeros(0),  # when the next forecast is due
            "published": np.zeros(0),  # when a state was last published
            "status": np.zeros(0, np.uint8),
            "back": np.zeros(0, np.uint8),  # 1: the newest time is of a clock that was set back (`agent.setback`)
            "seq": np.zeros(0, np.int64),
        }
        for slot in range(channels):
            self.columns[f"surprise{slot}"] = np.zeros(0)
            self.columns[f"quality{slot}"] = np.zeros(0, np.uint8)
        for k in range(tracked):
            self.columns[f"sent{k}"] = np.zeros(0)
        self.views: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str, now: float) -> int:
        """Name a new row; the caller grows the columns first."""
        row = len(self.names)
        self.names.append(name)
        self.row_of[name] = row
        safe, text = safe_level(name).encode(), quoted(name)
        if not safe == text == name.encode():
            self._unusual[row] = safe, text
        self.views["made"][row] = now
        return row

    def grow(self, capacity: int) -> None:
        self.columns.update(grown(self.columns, capacity, _start))
        self.views.update((name, column.data) for name, column in self.columns.items())
        self.capacity = capacity

    def topic(self, row: int, suffix: bytes) -> bytes:
        """`<prefix>/<site>/<asset><suffix>`, safe whatever the asset is called."""
        safe, _ = self._unusual.get(row) or (self.names[row].encode(), b"")
        return self.prefix + safe + suffix

    def spelled(self, rows: Sequence[int]) -> tuple[list[str], list[bytes], list[bytes]]:
        """The names of these rows; the same as levels of a topic, and as they stand in JSON."""
        names = [self.names[row] for row in rows]
        safe = [name.encode() for name in names]
        if not self._unusual:
            return names, safe, safe
        found = [(k, self._unusual[row]) for k, row in enumerate(rows) if row in self._unusual]
        texts = safe.copy()
        for k, (level, text) in found:
            safe[k], texts[k] = level, text
        return names, safe, texts

    def lags(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Arrival minus event time of the newest reading: turns event times into arrival times. 0 before the first."""
        lag: NDArray[np.float64] = self.columns["seen"][rows] - self.columns["time"][rows]
        return np.where(np.isnan(lag), 0.0, lag)


def _start(name: str) -> float:
    if name in ("seen", "time") or name.startswith("sent"):
        return math.nan
    return BAD if name.startswith("quality") else 0.0
