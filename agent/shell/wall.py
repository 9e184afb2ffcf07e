"""Tells a clock on the wall that was set from time that passes.

Time that passes shows on the monotonic clock, too. What a step means is the core's (`agent.setback`).
"""

from __future__ import annotations

from collections.abc import Callable

LEAST = 1.0  # seconds; less is for the clock's own discipline, which mostly slews
SURE = 0.01  # seconds between two looks at the monotonic clock within which one at the other is at that time
TRIES = 10


class Wall:
    """The clock on the wall, watched."""

    def __init__(self, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._now, self._monotonic = now, monotonic
        self._ahead = self._look()
        self.steps = 0

    def step(self, now: float, monotonic: float) -> float:
        """Seconds that the clock was set forward (below 0: back) since the last call; 0 when it was not.

        The two times may have been read one after the other, with a pause in between.
        """
        if abs(now - monotonic - self._ahead) < LEAST:
            self._ahead = now - monotonic
            return 0.0
        before, self._ahead = self._ahead, self._look()
        by = self._ahead - before
        if abs(by) < LEAST:
            return 0.0
        self.steps += 1
        return by

    def _look(self) -> float:
        """How far it is ahead of the monotonic clock."""
        for _ in range(TRIES):
            before = self._monotonic()
            now = self._now()
            after = self._monotonic()
            if after - before < SURE:
                break
        return now - (before + after) / 2.0
