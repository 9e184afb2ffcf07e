"""The twins of one block as rows: names, topics, and the columns that belong to the whole asset.

Rows are only ever added. `columns` are arrays for many rows, `views` the same memory for one row at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.columns import grown
from agent.names import Names
from agent.template import quoted
from agent.topics import safe_level

# Codes of the quality columns, in the order of encode.QUALITIES and encode.REASONS; snapshots hold them.
GOOD, UNCERTAIN, BAD, STUCK, INCONSISTENT, RELEARNED = range(6)


class Index(Mapping[str, int]):
    """Rows by their names: open addressing with linear probing, which keeps no name and no number twice."""

    def __init__(self, names: Names | Sequence[str]) -> None:
        """names: of the rows that are added, at their places."""
        self._names = names
        self._count = 0
        self._clear(16)

    def _clear(self, size: int) -> None:
        """size: a power of two."""
        self._table = np.full(size, -1, np.int32)
        self._view = self._table.data
        self._mask = size - 1

    def add(self, row: int) -> None:
        """A row whose name is not there yet."""
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._clear(2 * len(self._table))
            for each in range(row):
                self._put(each)
        self._put(row)

    def _put(self, row: int) -> None:
        at = hash(self._names[row]) & self._mask
        while self._view[at] >= 0:
            at = (at + 1) & self._mask
        self._view[at] = row

    def __getitem__(self, name: str) -> int:
        names, view, mask = self._names, self._view, self._mask
        at = hash(name) & mask
        while (row := view[at]) >= 0:
            if names[row] == name:
                return row
            at = (at + 1) & mask
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return self._count


class Rows:
    """Names and whole-asset columns of one block."""

    def __init__(self, channels: int, tracked: int, prefix: bytes) -> None:
        """channels: how many; tracked: states whose last published mean is kept; prefix: of every topic."""
        self.names = Names()
        self.row_of = Index(self.names)
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
        self._shared: set[str] = set()

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str, now: float) -> int:
        """Name a new row; the caller grows the columns first."""
        row = len(self.names)
        self.names.append(name)
        self.row_of.add(row)
        safe, text = safe_level(name).encode(), quoted(name)
        if not safe == text == name.encode():
            self._unusual[row] = safe, text
        self.views["made"][row] = now
        return row

    def grow(self, capacity: int) -> None:
        own = {name: column for name, column in self.columns.items() if name not in self._shared}
        self.columns.update(grown(own, capacity, _start))
        self.views.update((name, self.columns[name].data) for name in own)
        self.capacity = capacity

    def share(self, name: str, column: NDArray[Any]) -> None:
        """Show a column that a bank keeps as one of these."""
        self._shared.add(name)
        self.columns[name], self.views[name] = column, column.data

    def topic(self, row: int, suffix: bytes) -> bytes:
        """`<prefix>/<site>/<asset><suffix>`, safe whatever the asset is called."""
        return self.addressed(row, suffix)[1]

    def addressed(self, row: int, suffix: bytes) -> tuple[str, bytes]:
        """The name of a row, and `topic` of it."""
        text = self.names.encoded(row)
        safe, _ = self._unusual.get(row) or (text, b"")
        return text.decode(), self.prefix + safe + suffix

    def spelled(self, rows: NDArray[np.intp]) -> tuple[list[bytes], list[bytes]]:
        """The names of these rows as levels of a topic, and as they stand in JSON."""
        safe = self.names.encoded_many(rows)
        if not self._unusual:
            return safe, safe
        found = [(k, self._unusual[row]) for k, row in enumerate(rows.tolist()) if row in self._unusual]
        texts = safe.copy()
        for k, (level, text) in found:
            safe[k], texts[k] = level, text
        return safe, texts

    def lags(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Arrival minus event time of the newest reading: turns event times into arrival times. 0 before the first."""
        lag: NDArray[np.float64] = self.columns["seen"][rows] - self.columns["time"][rows]
        return np.where(np.isnan(lag), 0.0, lag)


def _start(name: str) -> float:
    if name in ("seen", "time") or name.startswith("sent"):
        return math.nan
    return BAD if name.startswith("quality") else 0.0
