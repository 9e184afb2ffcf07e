"""Turns the loop of a `Session` for the tests, and keeps what came out of it."""

from __future__ import annotations

import random
import select
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from agent.config import Mqtt
from agent.shell.events import Event
from agent.shell.mqtt import Session, Subscription
from agent.types import Publications, Reject
from tests.brokers import PATIENCE

FAST = {"reconnect": {"min": 0.02, "max": 0.1}, "connect_timeout": 5.0}


def mqtt(**settings: Any) -> Mqtt:
    """Settings of the session, as from a file, on loopback and with short waits."""
    import msgspec

    from agent.config import Duration, Size

    def convert(kind: type, value: object) -> object:
        if kind in (Duration, Size):
            return kind.parse(value)
        raise NotImplementedError

    return msgspec.convert({"host": "127.0.0.1", "watch_drops": False, **FAST, **settings}, Mqtt, dec_hook=convert)


class Loop:
    """A session and the loop around it; `until` turns it until something is so."""

    def __init__(
        self,
        config: Mqtt,
        subscriptions: Sequence[tuple[str, int]] = (("plant/#", 0),),
        *,
        client_id: str = "twinned-test",
        secrets: tuple[str | None, str | None] = (None, None),
        acknowledge: bool = True,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reader, self._writer = socket.socketpair()
        self._acknowledge = acknowledge
        self._clock = clock
        self.events: list[Event] = []
        self.messages: list[tuple[str, bytes]] = []
        self.retained: list[bool] = []
        self.received: list[float] = []
        self.rejects: list[Reject] = []
        self.batches = 0
        self.session = Session(
            config,
            client_id=client_id,
            subscriptions=[Subscription(*s) for s in subscriptions],
            status_topic=f"twinned/{client_id}/$status",
            online=lambda: b'{"status":"online"}',
            offline=b'{"status":"offline"}',
            secrets=secrets,
            clock=clock,
            now=now,
            random=random.Random(7),
            events=self.events.append,
            wake=self._wake,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A clock that the test moves stands still now, and would never come to an end of waiting for the broker to close.
        self.session.stop(0.5 if self._clock is time.monotonic else 0.0)
        self._reader.close()
        self._writer.close()

    def _wake(self) -> None:
        self._writer.send(b"\0")

    def turn(self, longest: float = 0.25) -> None:
        """One turn: wait for the socket, a deadline or a wake-up, and do what is due."""
        session = self.session
        waiting = select.poll()
        waiting.register(self._reader.fileno(), select.POLLIN)
        fileno = session.fileno()
        if fileno >= 0:
            events = select.POLLIN * session.wants_read() | select.POLLOUT * session.wants_write()
            waiting.register(fileno, events)
        left = min(max(session.next_time() - self._clock(), 0), longest)
        for ready, what in waiting.poll(left * 1000):
            if ready == self._reader.fileno():
                self._reader.recv(4096)
            elif what & ~select.POLLOUT:
                self._read()
            else:
                session.on_writable()
        if self._clock() >= session.next_time():
            session.on_time()
        session.flush()

    def _read(self) -> None:
        batch = self.session.on_readable()
        self.rejects += self.session.take_rejects()
        if batch is None:
            return
        assert len(batch.topics) == len(batch.payloads) == len(batch.received) == len(batch.retained) > 0
        self.batches += 1
        self.messages += zip((t.decode() for t in batch.topics), batch.payloads, strict=True)
        self.retained += map(bool, batch.retained)
        self.received += batch.received
        if self._acknowledge:
            self.session.acknowledge()

    def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> Self:
        """Turn until the condition holds."""
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline:
                state = f"connected={self.session.connected} subscribed={self.session.subscribed} {self.session.reason}"
                raise AssertionError(f"it did not come about: {state}\n{self.session.counters}\n{self.events[-10:]}")
            self.turn()
        return self

    def ready(self) -> Self:
        """Turn until it is connected and subscribed, and the broker has its `online`."""
        return self.until(lambda: self.session.subscribed and self.session.counters.pending == 0)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, expiry: int | None = None
    ) -> int:
        group = Publications((topic.encode(),), (payload,), qos, retain, expiry)
        taken = self.session.publish([group])
        self.session.flush()
        return taken

    def told(self, words: str) -> list[Event]:
        """The events whose text or fields have these words."""
        return [event for event in self.events if words in event.event or words in str(event.fields)]

    def publish_all(self, topics: Sequence[bytes], payloads: Sequence[bytes]) -> None:
        """Publish with QoS 0, and turn until everything has left."""
        self.session.publish([Publications(topics, payloads)])
        self.session.flush()
        self.until(lambda: not self.session.wants_write())
