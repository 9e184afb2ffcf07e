"""The readings of a chaos run, and what a core makes of them that nobody interrupts.

A stream is as long as one likes and takes no memory: its values repeat, its times go on. Nothing here knows processes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import NamedTuple

from agent.config import Config
from agent.twins import Twins
from agent.types import Batch
from tests.streams import ARRIVAL, START, bits

ASSETS = 50
INTERVAL = 0.001  # seconds of event time between two readings
PERIOD = 200_000  # readings after which the values repeat; a multiple of ASSETS
PART = 1000  # readings that the uninterrupted core takes at a time
CONFIGURED = {
    "topic": "plant/{asset}/telemetry",
    "time": {"field": "t", "format": "s", "max_ahead": 1e9},
    "channels": {"temperature": {"limits": {"high": 24.0, "deadband": 1.0}}},
    # Silence and forecasts follow the clock on the wall, which runs otherwise in an interrupted run.
    "silence": {"coasting": "10h", "stale": "20h"},
    "alarms": {
        "odd": {"type": "surprise", "threshold": 4.0},
        "flat": {"type": "flat", "duration": 1, "readings": 9},
        # What the twins learn together of their budget follows the clock as well: here, once a day.
        "new": {"type": "anomaly", "false_alarms": 1, "per": "365d"},
    },
}


class Reading(NamedTuple):
    topic: bytes
    payload: bytes


class Stream:
    """Fifty noisy walks that now and then jump, spike or stick, so that alarms come and go; each asset in its turn."""

    def __init__(self, seed: int, count: int) -> None:
        self._count = count
        self._values = _walks(seed, min(count, PERIOD))

    def __len__(self) -> int:
        return self._count

    def part(self, start: int, end: int) -> list[Reading]:
        values, n = self._values, len(self._values)
        return [
            Reading(
                b"plant/a%d/telemetry" % (k % ASSETS), b'{"t": %a, "temperature": %a}' % (time_of(k), values[k % n])
            )
            for k in range(start, min(end, self._count))
        ]

    def times(self, count: int) -> dict[str, float]:
        """Event time of the newest reading of each asset, after so many readings."""
        return {f"a{k % ASSETS}": time_of(k) for k in range(max(0, count - ASSETS), count)}


def time_of(number: int) -> float:
    return round(START + number * INTERVAL, 6)


def number_of(time: float) -> int:
    """Which reading has this event time."""
    return round((time - START) / INTERVAL)


def _walks(seed: int, count: int) -> list[float]:
    rng = random.Random(seed)
    level = [20.0] * ASSETS
    until = [0] * ASSETS  # an episode lasts until this reading
    kind = [""] * ASSETS
    out = []
    for k in range(count):
        asset = k % ASSETS
        if k >= until[asset]:
            kind[asset] = rng.choice(("high", "stuck", "spike")) if rng.random() < 0.003 else ""
            until[asset] = k + ASSETS * (1 if kind[asset] == "spike" else 30) if kind[asset] else k
        level[asset] += rng.gauss((20 - level[asset]) * 0.05, 0.05)
        value = round(level[asset] + rng.gauss(0, 0.1), 3)
        value += {"high": 6.0, "spike": 50.0}.get(kind[asset], 0.0)
        out.append(19.5 if kind[asset] == "stuck" else round(value, 3))
    return out


class Change(NamedTuple):
    """An alarm change that the readings bring about."""

    id: str
    cause: int  # number of a reading, at most PART before the one that caused it


class Oracle:
    """The core that nobody interrupts, as far as it has been taken."""

    def __init__(self, settled: Config, stream: Stream) -> None:
        self._settled, self.stream = settled, stream
        self._begin()

    def _begin(self) -> None:
        self.twins = Twins(self._settled)
        self.changes: list[Change] = []
        self.taken = 0

    def advance(self, count: int) -> None:
        """To the state after so many readings; from the start, where it is beyond."""
        if count < self.taken:
            self._begin()
        while self.taken < count:
            part = self.stream.part(self.taken, min(self.taken + PART, count))
            batch = Batch(
                [r.topic for r in part], [r.payload for r in part], [START + 1e6] * len(part), bytes(len(part))
            )
            for change in self.twins.on_batch(batch).alarms:
                self.changes.append(Change(json.loads(change.payload)["id"], self.taken))
            self.taken += len(part)

    def differences(self, twins: Twins) -> list[str]:
        """Where other twins are not the same to the bit; what says when a reading arrived is left out."""
        ours, theirs = bits(twins, without=ARRIVAL).split("\n"), bits(self.twins, without=ARRIVAL).split("\n")
        if len(ours) != len(theirs):
            return [f"{len(ours)} columns instead of {len(theirs)}"]
        return [f"{a[:300]} instead of {b[:300]}" for a, b in zip(ours, theirs, strict=True) if a != b]


def out_of_order(heard: Sequence[str]) -> int:
    """Changes that came after a later one of the same alarm; repeats are left out already."""
    newest: dict[str, int] = {}
    wrong = 0
    for one in heard:
        alarm, number = one.rsplit("/", 1)
        wrong += int(number) < newest.get(alarm, 0)
        newest[alarm] = max(newest.get(alarm, 0), int(number))
    return wrong
