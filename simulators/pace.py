"""Events at the pace of a clock, and signals that end a run between two events rather than inside one.

The only simulator code that waits. What the events are is decided elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any

from simulators.run import Event


class Stop:
    """SIGINT and SIGTERM as a flag that also ends a wait at once. A context manager, for the main thread."""

    def __init__(self) -> None:
        self.requested = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until a signal; True if the run is to end."""
        if not self.requested and select.select([self._read], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                os.read(self._read, 64)
        return self.requested


def paced(
    events: Iterable[Event],
    start: float,
    speed: float,
    *,
    stopping: Callable[[], bool],
    wait: Callable[[float], object],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """The events, each no sooner than it falls due at `speed` simulated seconds per second, until `stopping`.

    `wait` may return early, as that of `Stop` and of `threading.Event` do when the run is to end.
    """
    began = clock()
    for event in events:
        if not math.isinf(speed):
            due = began + (event.time - start) / speed
            while not stopping() and (left := due - clock()) > 0.0:
                wait(left)
        if stopping():
            return
        yield event
