"""QoS 1 publications until the broker has acknowledged them: a bounded table, in order, across connections.

No I/O: it frames what may be sent now, and is told what was acknowledged and when the connection was lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from agent.shell.frames import FIRST_ID, LAST_ID, Encoder


class Entry(NamedTuple):
    """One publication that the broker must confirm."""

    topic: bytes
    payload: bytes
    retain: bool
    until: float | None  # monotonic seconds; worthless after that
    packet_id: int  # 0: never sent in the present session
    number: int  # counts up over the life of the outbox
    owed: int = 0  # the store's number where it is kept there; such a one is never given up
    correlation: bytes | None = None  # of an answer


class Outbox:
    """At most `max_count` publications and `max_bytes`; beyond that the oldest that is not under way is given up."""

    def __init__(self, *, max_count: int, max_bytes: int, clock: Callable[[], float]) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._clock = clock
        self._queue: deque[Entry] = deque()
        self._flight: dict[int, Entry] = {}  # by packet identifier, in order of sending
        self._reserved: set[int] = set()  # identifiers of entries that wait to be sent again
        self._bytes = 0
        self._next_id = FIRST_ID
        self._next_number = 1
        self.settled: list[int] = []  # the store's numbers of those that the broker has, or will never take

    def __len__(self) -> int:
        return len(self._queue) + len(self._flight)

    def add(
        self,
        topic: bytes,
        payload: bytes,
        *,
        retain: bool,
        expiry: int | None,
        owed: int = 0,
        correlation: bytes | None = None,
    ) -> tuple[int, int]:
        """Queue one; returns its number (0: there is no place) and how many others were given up for it."""
        size = len(topic) + len(payload)
        dropped = 0
        if self._is_full(len(self), self._bytes + size):
            firm = [*self._flight.values(), *(entry for entry in self._queue if entry.owed)]
            # Of what it keeps the store hands over only so much at a time, so that needs no bound here.
            if not owed and self._is_full(len(firm), sum(len(e.topic) + len(e.payload) for e in firm) + size):
                return 0, 0
            while self._is_full(len(self), self._bytes + size) and self._give_up_oldest():
                dropped += 1
        number = self._next_number
        self._next_number += 1
        until = None if expiry is None else self._clock() + expiry
        self._queue.append(Entry(topic, payload, retain, until, 0, number, owed, correlation))
        self._bytes += size
        return number, dropped

    def send(self, encoder: Encoder, window: int, *, max_packet: int, retain_allowed: bool) -> tuple[list[bytes], int]:
        """Frames that may leave now with `window` publications under way, and how many were given up instead."""
        frames: list[bytes] = []
        dropped = 0
        while self._queue and len(self._flight) < window:
            entry = self._queue.popleft()
            expiry = None
            if entry.until is not None:
                left = entry.until - self._clock()
                if left <= 0:
                    self._forget(entry)
                    dropped += 1
                    continue
                expiry = int(left) + 1
            packet_id = entry.packet_id or self._free_id()
            frame = encoder.qos1(
                packet_id,
                entry.topic,
                entry.payload,
                retain=entry.retain and retain_allowed,
                duplicate=entry.packet_id > 0,
                expiry=expiry,
                correlation=entry.correlation,
            )
            if len(frame) > max_packet:
                self._settle(entry)
                dropped += 1
                continue
            self._reserved.discard(packet_id)
            self._flight[packet_id] = entry._replace(packet_id=packet_id)
            frames.append(frame)
        return frames, dropped

    def acknowledged(self, packet_id: int) -> Entry | None:
        """The broker has this one; None if it was not under way."""
        entry = self._flight.pop(packet_id, None)
        if entry is not None:
            self._settle(entry)
        return entry

    def holds(self, number: int) -> bool:
        """Whether this one is still to be acknowledged."""
        return any(entry.number == number for entry in (*self._flight.values(), *self._queue))

    def disconnected(self) -> None:
        """What was under way goes back to the front, to be sent again with its identifier."""
        self._queue.extendleft(reversed(self._flight.values()))
        self._reserved.update(self._flight)
        self._flight.clear()

    def forget_session(self) -> None:
        """The broker knows nothing of earlier identifiers: what is sent again is sent as new."""
        self._queue = deque(entry._replace(packet_id=0) for entry in self._queue)
        self._reserved.clear()

    def _is_full(self, count: int, size: int) -> bool:
        return count >= self._max_count or size > self._max_bytes

    def _give_up_oldest(self) -> bool:
        """Forget the oldest that is neither under way nor kept by the store; False if there is none."""
        for place, entry in enumerate(self._queue):
            if not entry.owed:
                del self._queue[place]
                self._forget(entry)
                return True
        return False

    def _settle(self, entry: Entry) -> None:
        if entry.owed:
            self.settled.append(entry.owed)
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        self._reserved.discard(entry.packet_id)
        self._bytes -= len(entry.topic) + len(entry.payload)

    def _free_id(self) -> int:
        while True:
            packet_id = self._next_id
            self._next_id = packet_id + 1 if packet_id < LAST_ID else FIRST_ID
            if packet_id not in self._flight and packet_id not in self._reserved:
                return packet_id
