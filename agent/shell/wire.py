"""The socket that paho is given: between it and the real connection, telemetry is taken out and put in, in bulk.

paho owns the session and sees every packet of it, byte for byte; PUBLISH frames and their acknowledgements never reach
it. What both sides write is appended to one queue, whole packets at a time, and leaves in few `send`s.
No session state is here, and no decision when to connect or what to say.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from agent.shell.frames import PINGREQ, PINGRESP, Decoder
from agent.shell.stream import TLS_RECORD, Stream

READ_SIZE = 1 << 16  # most that one turn of the loop takes in; the rest waits in the kernel, and so with the sender
SEND_SIZE = 1 << 16  # bytes waiting from which on they are sent before more is framed
MOST_PARTS = 64  # of what leaves in one `send`


@dataclass(slots=True)
class Counters:
    """What the session counts over its life, for the metrics; `pending` is a level, the others only grow."""

    connects: int = 0
    disconnects: int = 0
    reconnects: int = 0  # connects after the first
    received: int = 0  # messages
    sent: int = 0  # publications handed to the connection, repeats of QoS 1 included
    dropped_out: int = 0  # publications given up: not connected, too much waiting, expired, or not sendable
    acked: int = 0  # QoS 1 publications that the broker has
    refused_out: int = 0  # QoS 1 publications that the broker answered with an error
    pending: int = 0  # QoS 1 publications not yet acknowledged
    bytes_in: int = 0
    bytes_out: int = 0
    oversize: int = 0  # messages over `max_payload`
    protocol_errors: int = 0
    shed: int = 0  # messages that the broker says it dropped, for all its clients


class Wire:
    """Socket-like towards paho (`recv send close fileno setblocking`), bulk towards the session."""

    def __init__(self, stream: Stream, decoder: Decoder, counters: Counters) -> None:
        self._stream = stream
        self._decoder = decoder
        self._counters = counters
        self._out: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self._pinged = False
        self._size = TLS_RECORD
        self.closed = False  # by paho
        self.lost = ""  # why the connection is no more, in words

    # paho's side

    def recv(self, size: int) -> bytes:
        """The next bytes of a packet that is paho's."""
        control = self._decoder.control
        if not control:
            raise BlockingIOError
        data = bytes(control[:size])
        del control[:size]
        return data

    def send(self, data: bytes | bytearray) -> int:
        """A whole packet from paho; always taken entirely, so that packets never mix."""
        if data[:1] == PINGREQ[:1]:
            self._pinged = True
        self.write(bytes(data))
        return len(data)

    def close(self) -> None:
        """paho is done; the session decides what becomes of the stream."""
        self.closed = True

    def fileno(self) -> int:
        return self._stream.fileno()

    def setblocking(self, flag: bool) -> None:
        """Streams never block; there is nothing to set."""

    # the session's side

    def write(self, data: bytes) -> None:
        """Append whole packets; they leave with the next `flush`."""
        if data:
            self._out.append(data)
            self._waiting += len(data)

    def waiting(self) -> int:
        """Bytes that have not left yet."""
        return self._waiting

    def wants_write(self) -> bool:
        return not self.lost and (bool(self._out) or self._stream.unsent())

    def fill(self) -> bool:
        """Read what is there, up to about `READ_SIZE`, into the decoder; False if there was nothing."""
        total = 0
        stream, decoder = self._stream, self._decoder
        try:
            while total < READ_SIZE or stream.pending():
                size = min(self._size, READ_SIZE - total) if total < READ_SIZE else TLS_RECORD
                data = stream.recv(size)
                if not data:
                    self.lost = "the broker closed the connection"
                    break
                decoder.feed(data)
                total += len(data)
                if len(data) == size:
                    self._size = min(2 * self._size, READ_SIZE)
                elif not stream.pending():
                    # An ordinary socket is empty now; asking it would cost a system call to be told so. TLS hands out
                    # one record at a time, and what it has not read yet still wakes the selector.
                    break
        except BlockingIOError:
            pass
        except OSError as error:
            self.lost = f"the connection broke: {error.strerror or error}"
        if total == 0:
            return False
        self._counters.bytes_in += total
        if self._pinged:
            # Anything that arrives proves the broker alive, while the real answer may be queued behind megabytes of
            # telemetry; paho would take that for silence.
            self._pinged = False
            decoder.control += PINGRESP
        return True

    def flush(self) -> None:
        """Send what the connection takes now."""
        out = self._out
        total = 0
        try:
            if not out:
                self._stream.send(())
            while out:
                sent = self._stream.send(self._next())
                total += sent
                self._gone(sent)
        except BlockingIOError:
            pass
        except OSError as error:
            self.lost = f"the connection broke: {error.strerror or error}"
        self._waiting -= total
        self._counters.bytes_out += total

    def _next(self) -> list[bytes | memoryview]:
        """What leaves at once from the front of the queue, where it stays until it is gone: what a TLS connection did not take
        has to come again at its head, and no shorter."""
        parts: list[bytes | memoryview] = []
        size = 0
        for part in islice(self._out, MOST_PARTS):
            if parts and size + len(part) > self._stream.at_once:
                break
            parts.append(part)
            size += len(part)
        return parts

    def _gone(self, sent: int) -> None:
        """Take so many bytes off the front of the queue."""
        out = self._out
        while sent:
            part = out.popleft()
            if sent < len(part):
                out.appendleft(memoryview(part)[sent:])
                return
            sent -= len(part)
