"""What systemd wants to be told, spoken by hand: sd_notify(3) is one datagram of `KEY=value` lines.

Outside systemd every call does nothing. No policy here: when to say what is the service's business.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

MAX_STATUS = 256


class Notifier:
    """Sends to `$NOTIFY_SOCKET`, and knows the watchdog's interval."""

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            # A supervisor that does not read must not hold up the loop for longer than a blink.
            self._socket.settimeout(0.2)
        self.watchdog = _watchdog(environ, os.getpid() if pid is None else pid)

    def ready(self, status: str) -> bool:
        """The configuration is loaded and the loop is about to turn."""
        return self._send("READY=1", _status(status))

    def status(self, status: str) -> bool:
        """One line in words for `systemctl status`."""
        return self._send(_status(status))

    def reloading(self, monotonic: float) -> bool:
        """A reload begins; systemd waits for the next `ready`. It orders the two by this monotonic time."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={int(monotonic * 1e6)}", _status("reading the configuration"))

    def stopping(self, status: str) -> bool:
        return self._send("STOPPING=1", _status(status))

    def alive(self) -> bool:
        """Feeds the watchdog."""
        return self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> bool:
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def _address(text: str) -> str | bytes | None:
    if text.startswith("/"):
        return text
    if text.startswith("@"):
        return b"\0" + os.fsencode(text[1:])  # the abstract namespace
    return None


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:MAX_STATUS]


def _watchdog(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds within which `alive` must be said, or None: no watchdog, or not for this process."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        return None
    return int(text) / 1e6
