"""What the first version stored still opens: `tests/data/snapshot/first.msgpack`, written by it.

It kept 64 readings of each filter and everything in float64; its configuration is that of `tests.streams`, with the
default window.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from agent.snapshot import load
from agent.twins import Twins
from tests.streams import batch, core, events, plant

FIRST = Path(__file__).parent / "data" / "snapshot" / "first.msgpack"


def first() -> dict[str, Any]:
    stored: dict[str, Any] = msgspec.msgpack.decode(FIRST.read_bytes())
    return stored


def restored() -> tuple[Twins, list[str]]:
    raw = plant()
    for block in raw["assets"]:
        block["time"] = {key: value for key, value in block["time"].items() if key != "window"}
    twins = core(raw)
    return twins, twins.restore(load(first()["pieces"]))


def test_every_twin_goes_on_with_its_estimates_and_its_alarms() -> None:
    twins, lines = restored()
    assert lines == []
    assert {name: (twins.detail(name) or {})["states"] for name in first()["states"]} == first()["states"]
    assert twins.active_alarms() == first()["active"]


def test_the_stream_that_follows_is_taken() -> None:
    twins, _ = restored()
    latest = max(float(block.rows.columns["seen"].max(initial=0.0)) for block in twins.blocks)
    used = 0
    for event in events(12, 100):
        if event.messages:
            later = event._replace(now=event.now + latest, messages=_shifted(event.messages, latest))
            used += twins.on_batch(batch(later)).readings
    assert used > 50


def _shifted(messages: Any, by: float) -> list[Any]:
    return [
        (t, {**p, "t": p["t"] + by} if isinstance(p, dict) and isinstance(p.get("t"), float) else p)
        for t, p in messages
    ]
