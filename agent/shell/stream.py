"""Connected byte streams as the wire sees them: TCP, TLS and WebSocket look the same from here on.

Non-blocking: `recv` and `send` raise BlockingIOError when the peer must act first, `recv` returns b"" at the end.
How a stream comes about is `dial`'s part; what is in it is the wire's.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

Part: TypeAlias = bytes | bytearray | memoryview
TLS_RECORD = 1 << 14


class Stream(Protocol):
    """What the wire needs of a connection."""

    at_once: int
    """Bytes that are worth handing to one `send`."""

    def recv(self, size: int) -> bytes: ...
    def send(self, parts: Sequence[Part]) -> int:
        """How many bytes of the parts, taken as one, are on their way."""

    def pending(self) -> bool:
        """Whether `recv` has more that the selector cannot see."""

    def unsent(self) -> bool:
        """Whether `send` took bytes that have not left yet, or waits to be called again."""

    def finish(self) -> None:
        """Say that nothing more will be sent; what comes can still be read."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SocketStream:
    """A plain or TLS socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self.at_once = 1 << 16 if self._tls is None else TLS_RECORD
        self._wants_write = False
        # The same for all that is received: `recv` would take as much as might come, and then as much as came.
        self._received = memoryview(bytearray())

    def recv(self, size: int) -> bytes:
        if size > len(self._received):
            self._received = memoryview(bytearray(size))
        try:
            return self._received[: self._socket.recv_into(self._received, size)].tobytes()
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            self._wants_write = True
            raise BlockingIOError from None

    def send(self, parts: Sequence[Part]) -> int:
        self._wants_write = False
        if not parts:
            return 0
        if self._tls is None:
            return self._socket.sendmsg(parts)
        try:
            return self._tls.send(parts[0] if len(parts) == 1 else b"".join(parts))
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            self._wants_write = True
            raise BlockingIOError from None

    def pending(self) -> bool:
        return self._tls is not None and self._tls.pending() > 0

    def unsent(self) -> bool:
        return self._wants_write

    def finish(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
