"""Tells a clock on the wall that was set from time that passes.

Time that passes shows on a clock that nobody sets, too. It has to be one that goes on while the machine sleeps: the
monotonic one stands still then, and waking up would look like a clock that was set. What a step means is the core's
(`agent.setback`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST = 1.0  # seconds; less is for the clock's own discipline, which mostly slews
SURE = 0.01  # seconds between two looks at the clock that nobody sets within which one at the other is at that time
TRIES = 10


def elapsed() -> float:
    """Seconds since the machine was started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Wall:
    """The clock on the wall, watched."""

    def __init__(self, now: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._now, self._elapsed = now, elapsed
        self._ahead = self._look()
        self.steps = 0

    def step(self, now: float, elapsed: float) -> float:
        """Seconds that the clock was set forward (below 0: back) since the last call; 0 when it was not.

        The two times may have been read one after the other, with a pause in between.
        """
        if abs(now - elapsed - self._ahead) < LEAST:
            self._ahead = now - elapsed
            return 0.0
        before, self._ahead = self._ahead, self._look()
        by = self._ahead - before
        if abs(by) < LEAST:
            return 0.0
        self.steps += 1
        return by

    def _look(self) -> float:
        """How far it is ahead of the clock that nobody sets."""
        for _ in range(TRIES):
            before = self._elapsed()
            now = self._now()
            after = self._elapsed()
            if after - before < SURE:
                break
        return now - (before + after) / 2.0
