"""Names of rows, as bytes of one width in one piece of memory: a str and its place in a list take 70 bytes for 11 letters.

As wide as the longest name asks, up to what a str would take anyway. What is longer, or ends with a NUL, which numpy
does not tell from what it fills up with, is kept beside.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agent.columns import room

WIDEST = 64  # bytes
_STEP = 4  # bytes that the width grows by at least
_AT_ONCE = 1024  # names that are read together where all are wanted


class Names:
    """Rows' names, in UTF-8; only ever added."""

    def __init__(self) -> None:
        self._count = 0
        self._texts = np.zeros(0, f"S{_STEP}")
        self._item = self._texts.item
        self._others: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self._count

    def append(self, name: str) -> None:
        row, text = self._count, name.encode()
        if len(text) > WIDEST or text.endswith(b"\0"):
            self._others[row], text = text, b""
        width, capacity = self._texts.itemsize, len(self._texts)
        if len(text) > width or row >= capacity:
            width = max(width, (len(text) + _STEP - 1) // _STEP * _STEP)
            grown = np.zeros(room(capacity, row + 1) if row >= capacity else capacity, f"S{width}")
            grown[:row] = self._texts[:row]
            self._texts, self._item = grown, grown.item
        self._texts[row] = text
        self._count += 1

    def __getitem__(self, row: int) -> str:
        return self.encoded(row).decode()

    def __iter__(self) -> Iterator[str]:
        for low in range(0, self._count, _AT_ONCE):
            rows = np.arange(low, min(low + _AT_ONCE, self._count))
            yield from [text.decode() for text in self.encoded_many(rows)]

    def encoded(self, row: int) -> bytes:
        text: bytes = self._item(row)
        return text if text or row not in self._others else self._others[row]

    def encoded_many(self, rows: NDArray[np.intp]) -> list[bytes]:
        texts: list[bytes] = self._texts[rows].tolist()
        if self._others:
            for k in [k for k, text in enumerate(texts) if not text]:
                texts[k] = self._others.get(int(rows[k]), b"")
        return texts
