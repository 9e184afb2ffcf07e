"""The store as the loop uses it, without a loop: a core and its store side by side, on pretended time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Literal, Self

from agent.shell.durable import Durable
from agent.shell.events import Event as Said
from agent.twins import Twins
from agent.types import Outputs, Publications
from tests.services import EVERY_CHANGE
from tests.streams import START, Event, batch, configuration, plant


class Agent:
    """Plays events as the loop does. `publish` stands for the session: it keeps what it is given and acknowledges
    it when told to."""

    def __init__(
        self,
        path: Path,
        mode: Literal["strict", "relaxed"] = "strict",
        raw: dict[str, Any] | None = None,
        wall: float = START,
        **options: Any,
    ) -> None:
        self.said: list[Said] = []
        self.time = 1000.0
        self.wall = wall
        # The store's tests owe many changes of few alarms; limits have tests of their own.
        raw = raw or plant() | {"floods": EVERY_CHANGE}
        # Most tests are about what one batch comes to; those about gathering say so.
        self.config = configuration({**raw, "store": {"gather": 0, **raw.get("store", {})}})
        self.durable = Durable(
            self.config.store,
            mode,
            path,
            clock=lambda: self.time,
            now=lambda: self.wall,
            events=self.said.append,
            **options,
        )
        self.twins: Twins
        self.twins, self.lines = self.durable.recover(self.config)
        self.published: list[Publications] = []
        self.acknowledged = 0
        self._unacknowledged = 0

    def play(self, event: Event, *, qos1: bool = True) -> list[Outputs]:
        """One turn of the loop."""
        self.wall = event.now
        self.time += 0.01
        if event.messages:
            out = [self.twins.on_batch(batch(event), self.durable.record)]
        else:
            self.durable.passed(event.now)
            out = [self.twins.on_time(event.now)]
        self._unacknowledged += len(event.messages)
        self.durable.commit(out, acknowledging=self._unacknowledged if qos1 else 0)
        for each in out:
            self.published += each.publications
        self._acknowledge()
        self.turn()
        return out

    def turn(self) -> None:
        self.published += self.durable.on_turn()
        self._acknowledge()

    def _acknowledge(self) -> None:
        if not self.durable.holds_back:
            self.acknowledged += self._unacknowledged
            self._unacknowledged = 0

    def rest(self, seconds: float = 0.0) -> None:
        """Time passes until the store has nothing to do."""
        self.time += seconds
        for _ in range(10_000):
            self.turn()
            if self.durable.next_time() > self.time:
                return
        raise AssertionError("the store is never done")

    def deliver(self, count: int | None = None) -> list[int]:
        """The broker acknowledges the first so many of the owed publications; returns their numbers."""
        ids = [number for group in self.published if group.owed for number in group.ids][:count]
        self.durable.delivered(ids)
        self.published = [group for group in self.published if not set(group.ids) <= set(ids)]
        return ids

    def owed(self) -> list[bytes]:
        """Payloads of the owed publications that were handed to the session, in order."""
        return [payload for group in self.published if group.owed for payload in group.payloads]

    def die(self) -> None:
        """Let go of the file without storing anything. SQLite tidies up, which a kill does not: see `copied`."""
        if self.durable._store is not None:
            self.durable._store.abandon()

    def resume(self) -> None:
        """What a start does to the twins, done to these for comparison."""
        self.twins.resume(self.wall)

    def close(self) -> None:
        self.durable.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()


def copied(path: Path, to: Path) -> Path:
    """The files as a kill would leave them at this moment: SQLite is not asked."""
    to.mkdir(exist_ok=True)
    for name in (path.name, path.name + "-wal"):
        target = to / name
        source = path.with_name(name)
        if source.exists():
            target.write_bytes(source.read_bytes())
        else:
            target.unlink(missing_ok=True)
    return to / path.name


def flip(data: bytes, rng: random.Random) -> bytes:
    """One bit is another."""
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
