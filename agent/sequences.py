"""What makes a reading the same one where it carries a sequence number: which numbers were taken, for each sender.

Per asset and topic there is the newest number and which of those right behind it were taken. Pure: what is done with a
reading that comes again is `agent.decode`'s, and the numbers are journalled with the steps that they belong to, because
a replay decodes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

WINDOW = 64  # numbers behind the newest of which each is remembered
BEHIND = 1024  # numbers behind the newest that are old news, as the broker sends again after a broken connection
LARGEST = 2.0**53  # beyond it a JSON number need not be what the device wrote
_MASK = (1 << WINDOW) - 1


class Counted(NamedTuple):
    """Numbers that were taken in a turn: of which sequences (by position), in which rows."""

    sequences: int
    rows: list[int]
    numbers: list[int]


class Sequences:
    """The numbers of one kind of message, by row; `shared`: of one sender for all rows, which is row 0."""

    def __init__(self, number: int, path: str, *, shared: bool) -> None:
        self.number = number  # position among those of the decoder
        self.path = path
        self.shared = shared
        self._newest: dict[int, tuple[int, int]] = {}  # by row: newest number, and a bit for each at and behind it
        self._before: list[tuple[int, tuple[int, int] | None]] = []
        self._rows: list[int] = []
        self._numbers: list[int] = []

    def take(self, row: int, number: int) -> bool:
        """False: this one was taken before."""
        known = self._newest.get(row)
        now = after(known, number)
        if now is None:
            return False
        self._before.append((row, known))
        self._newest[row] = now
        self._rows.append(row)
        self._numbers.append(number)
        return True

    def taken(self) -> Counted | None:
        """What was taken since the last call."""
        if not self._rows:
            return None
        counted = Counted(self.number, self._rows, self._numbers)
        self._rows, self._numbers = [], []
        return counted

    def settle(self) -> None:
        """What was taken so far cannot be undone any more."""
        self._before.clear()

    def undo(self) -> None:
        """As if nothing had been taken since `settle`."""
        while self._before:
            row, known = self._before.pop()
            if known is None:
                del self._newest[row]
            else:
                self._newest[row] = known
        self._rows, self._numbers = [], []

    def repeat(self, rows: Iterable[int], numbers: Iterable[int]) -> None:
        """A replay takes what the run took that it repeats."""
        for row, number in zip(rows, numbers, strict=True):
            now = after(self._newest.get(row), number)
            if now is not None:
                self._newest[row] = now

    def export(self) -> dict[str, Any]:
        rows = sorted(self._newest)
        return {
            "path": self.path,
            "row": np.array(rows, np.int64),
            "number": np.array([self._newest[row][0] for row in rows], np.int64),
            "taken": np.array([self._newest[row][1] for row in rows], np.uint64),
        }

    def load(self, saved: Mapping[str, Any], rows: Mapping[int, int]) -> None:
        """`rows`: what has become of each row."""
        if saved["path"] != self.path:
            return
        columns = (saved[name].tolist() for name in ("row", "number", "taken"))
        for row, number, taken in zip(*columns, strict=True):
            now = row if self.shared else rows.get(row)
            if now is not None:
                self._newest[now] = (number, taken)


def after(known: tuple[int, int] | None, number: int) -> tuple[int, int] | None:
    """Newest number and bits when this one is taken, too; None where it was taken before.

    A number far behind the newest means that the device counts anew, because it restarted or its counter wrapped
    around; but one that is not small and not that far behind comes from a broker that sends again what it had under way.
    """
    if known is None:
        return number, 1
    newest, taken = known
    back = newest - number
    if back < 0:
        return number, (taken << -back | 1) & _MASK if back > -WINDOW else 1
    if back < WINDOW:
        return None if taken >> back & 1 else (newest, taken | 1 << back)
    if back <= BEHIND and number >= WINDOW:
        return None
    return number, 1
