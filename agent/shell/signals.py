"""Signals and wake-ups as something the loop can wait for.

A signal handler here only notes the signal and makes a socket readable; what a signal means is decided by the loop.
This module imports next to nothing, so that `install` can run before anything slow is imported: until then a SIGHUP
would kill the process.
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from types import FrameType


class Signals:
    """A socket that turns readable when a signal arrives or another thread calls `wake`."""

    HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._noted: list[int] = []
        self._previous: dict[int, object] = {}

    def install(self) -> None:
        """Take over SIGTERM, SIGINT and SIGHUP. Main thread only, as Python allows it nowhere else."""
        # The wake-up descriptor makes `poll` return; the Python handler notes which signal it was. Reading the number
        # from the socket instead would lose a signal when wake-ups have filled its buffer.
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self.HANDLED:
            self._previous[number] = signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.note(number)

    def note(self, number: int) -> None:
        """What the handler does; also the way in for tests and for a service that runs off the main thread."""
        if number not in self._noted:
            self._noted.append(number)
        self.wake()

    def wake(self) -> None:
        """Let the loop turn now. Callable from any thread, any number of times."""
        # An error means the buffer is full, so the loop is going to wake anyway, or that the loop is gone.
        with suppress(OSError):
            self._writer.send(b"\0")

    def fileno(self) -> int:
        return self._reader.fileno()

    def take(self) -> list[int]:
        """The signals noted since the last call, in order; empties the socket."""
        with suppress(BlockingIOError):
            while len(self._reader.recv(4096)) == 4096:
                pass
        if not self._noted:
            return []
        noted, self._noted = self._noted, []
        return noted

    def close(self) -> None:
        """Give the signals back as they were."""
        if self._previous:
            signal.set_wakeup_fd(-1)
            for number, handler in self._previous.items():
                signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned
            self._previous.clear()
        self._reader.close()
        self._writer.close()
