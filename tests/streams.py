"""Random streams for the journal, the store and their kin: a plant with a bit of everything, and what happens to it.

A stream is a list of events; `play` puts them through a core and tells a recorder what a journal must know. `bits` is
a core's whole state as text, so that two cores can be compared to the bit, NaN included.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from agent.config import Config, Duration, Size
from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings

START = 1_700_000_000.0
# Columns that say when something arrived or was said. A run that was interrupted hears the same readings later.
ARRIVAL = frozenset(
    ("seen", "made", "forecast", "published", "rule_heard", "due", "resumed", "latest", "newest", "back")
)


LEVEL = {"type": "level", "wander": 100.0}  # follows each reading closely, so that a limit is met when the reading is


def following(alarms: dict[str, Any], **block: Any) -> dict[str, Any]:
    """A block of one channel whose estimate is its reading, with these alarms."""
    return {
        "topic": "plant/{asset}",
        "time": {"field": "t", "format": "s"},
        "model": LEVEL,
        "channels": {"c": {"noise": 0.01, "unit": "degC"}},
        "learning": 4,
        "gate": "none",
        "alarms": alarms,
        "silence": {"coasting": 1000, "stale": 2000},
    } | block


def plant() -> dict[str, Any]:
    """Several blocks, models, lanes, alarms and policies; small windows and delays, so that little happens often."""
    time = {"field": "t", "format": "s", "window": 16, "late": 20, "max_ahead": 1e6}
    pump = {
        "topic": "pump/{asset}",
        "time": time,
        "channels": {
            "flow": {"limits": {"high": 22.0, "deadband": 0.5, "on_delay": 2.0}},
            "heat": {"topic": "heat/{asset}", "noise": 0.5},
        },
        "learning": 4,
        "known": ["one"],
        "alarms": {
            "odd": {"type": "surprise", "threshold": 2.0},
            "new": {"type": "anomaly", "false_alarms": 50, "per": "1h"},
            "flat": {"type": "flat", "duration": 3, "readings": 3, "tolerance": 0.2},
            "gone": {"type": "absence", "after": 40},
        },
        "state": {"policy": "change", "beyond": 1.0, "interval": 30},
        "forecast": {"interval": 3},
        "silence": {"coasting": 20, "stale": 60},
    }
    room = {
        "topic": "room/{asset}",
        "time": time,
        "model": {"type": "first_order", "tau": 60, "target": {"topic": "weather"}},
        "channels": {"air": {}},
        "learning": 4,
        "alarms": {"rate": {"type": "rate", "above": 0.3, "on_delay": 1.0}, "odd": {"type": "surprise", "readings": 4}},
    }
    return settings(assets=[pump, room])


class Event(NamedTuple):
    """Messages that arrive together at a time, or, without any, the passing of time."""

    now: float
    messages: Sequence[tuple[str, Mapping[str, Any] | bytes]] = ()
    resumed: bool = False


def events(seed: int, count: int) -> list[Event]:
    """A stream: in order, late, twice, wrong, many at once, and silence."""
    rng = random.Random(seed)
    now, out = START, []
    said: list[tuple[str, Mapping[str, Any]]] = []
    for _ in range(count):
        now += rng.choice((0.1, 0.5, 1.0, 1.0, 30.0 if rng.random() < 0.2 else 2.0))
        kind = rng.random()
        if kind < 0.15:
            out.append(Event(now, resumed=kind < 0.02))
            continue
        messages: list[tuple[str, Mapping[str, Any] | bytes]] = []
        for _ in range(rng.choice((1, 1, 2, 5, 30))):
            if said and rng.random() < 0.1:
                messages.append(rng.choice(said[-40:]))
                continue
            time = round(now - rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 25))), 2)
            asset = f"a{rng.randrange(12)}" if rng.random() < 0.9 else "one"
            topic = rng.choice(("pump/" + asset, "pump/" + asset, "heat/" + asset, "room/" + asset))
            if rng.random() < 0.05:
                messages.append((topic, b"{"))
                continue
            if rng.random() < 0.1:
                messages.append(("weather", b"%d" % rng.randrange(15, 25)))
                continue
            value = rng.choice((20.0, 20 + rng.gauss(0, 1), 20 + math.sin(now / 50) * 4, 40.0))
            name = {"p": "flow", "h": "heat", "r": "air"}[topic[0]]
            said.append((topic, {"t": time, name: round(value, 3)}))
            messages.append(said[-1])
        out.append(Event(now, messages))
    return out


def batch(event: Event) -> Batch:
    payloads = [p if isinstance(p, bytes) else json.dumps(p).encode() for _, p in event.messages]
    topics = [topic.encode() for topic, _ in event.messages]
    return Batch(topics, payloads, [event.now] * len(topics), bytes(len(topics)))


def core(raw: dict[str, Any] | None = None) -> Twins:
    return Twins(configuration(raw or plant()))


def configuration(raw: dict[str, Any]) -> Config:
    def convert(kind: type, value: object) -> object:
        return kind.parse(value) if kind in (Duration, Size) else value

    return msgspec.convert(raw, Config, dec_hook=convert)


def bits(twins: Twins, *, without: Collection[str] = ()) -> str:
    """The whole state, comparable to the bit, but for what is named in `without`."""
    lines: list[str] = []

    def walk(path: str, node: Any) -> None:
        name = path.rsplit("/", 1)[-1]
        if name in without:
            return
        if isinstance(node, Mapping):
            for key in sorted(node):
                walk(f"{path}/{key}", node[key])
        elif isinstance(node, list):
            for k, value in enumerate(node):
                walk(f"{path}/{k}", value)
        elif isinstance(node, np.ndarray):
            lines.append(f"{path} {node.dtype} {node.shape} {np.ascontiguousarray(node).tobytes().hex()}")
        else:
            lines.append(f"{path} {node!r}")

    walk("", twins.snapshot())
    return "\n".join(lines)


def alarms(out: Sequence[Outputs]) -> list[str]:
    """Identifiers of the alarm changes, in order."""
    return [json.loads(change.payload)["id"] for each in out for change in each.alarms]
