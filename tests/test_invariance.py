"""However a stream is cut into batches, the twins end at the same bits and have said the same things in the same order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bank import FEW
from agent.twins import Twins
from agent.types import Batch, Outputs, Reason
from tests.services import settings as raw_settings
from tests.streams import START, bits, core, events


class Arrived(NamedTuple):
    topic: bytes
    payload: bytes
    received: float


TIME = {"field": "t", "format": "s", "window": 16, "late": 20, "max_ahead": 1e6}
PLANT = raw_settings(
    assets=[
        {
            "topic": "pump/{asset}",
            "time": TIME,
            "channels": {
                "in": {},
                "level": {"limits": {"high": 21.0, "deadband": 0.5, "on_delay": 2.0, "off_delay": 1.0}},
                "heat": {"topic": "heat/{asset}", "scale": 0.1, "offset": 5.0, "model": "level"},
            },
            "model": {"type": "tank", "area": 4.0, "inflow": {"channel": "in"}, "outflow": {"topic": "drain"}},
            "learning": 5,
            "alarms": {
                "odd": {"type": "surprise", "threshold": 2.0, "readings": 3},
                "fast": {"type": "rate", "above": 3.0, "channel": "heat"},
                "flat": {"type": "flat", "duration": 3, "readings": 3, "tolerance": 0.2},
                "soon": {"type": "limit", "high": 30.0, "watch": "forecast", "within": 20, "channel": "level"},
                "out_of_the_ordinary": {"type": "anomaly"},
            },
            "state": {"policy": "change", "beyond": 0.5, "interval": 4},
            "forecast": {"interval": 3, "horizons": [1, 60]},
        },
        {
            "topic": "room/{asset}",
            "time": TIME,
            "model": {
                "type": "linear",
                "states": ["air", "wall"],
                "channels": ["air", "wall"],
                "inputs": [{"topic": "weather"}],
                "A": [[-0.1, 0.1], [0.05, -0.06]],
                "B": [[0.0], [0.01]],
                "C": [[1, 0], [0, 1]],
                "Q": [[0.01, 0], [0, 0.001]],
            },
            "channels": {"wall": {}, "air": {}},
            "learning": 5,
            "alarms": {"still": {"type": "absence", "after": 5}, "odd": {"type": "surprise", "threshold": 3.0}},
        },
    ]
)

TOPICS = st.sampled_from(
    [f"{kind}/{asset}" for kind in ("pump", "pump", "heat", "room") for asset in "abcdefghijkl"]
    + ["weather", "drain", "nowhere"]
)
VALUES = st.sampled_from([20.0, 20.5, 19.0, 25.0, 80.0, -3.0]) | st.floats(-100, 100)
MESSAGES = st.lists(
    st.tuples(
        TOPICS,
        VALUES,
        VALUES,
        st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0, 7.5, 60.0]),
        st.sampled_from([0.0, 0.25, 1.0]),
    ),
    min_size=1,
    max_size=150,
)


def stream(messages: Iterable[tuple[str, float, float, float, float]]) -> list[Arrived]:
    out, now = [], START
    for topic, one, other, late, gap in messages:
        now += gap
        kind = topic.split("/")[0]
        fields = {"pump": ("in", "level"), "heat": ("heat",), "room": ("air", "wall")}.get(kind, ())
        record = {"t": now - late, **dict(zip(fields, (one, other), strict=False))}
        payload = f"{one!r}" if kind in ("weather", "drain") else json.dumps(record)
        out.append(Arrived(topic.encode(), payload.encode(), now))
    return out


def play(messages: Sequence[Arrived], cuts: Iterable[int], twins: Twins | None = None) -> tuple[Twins, list[Outputs]]:
    """The messages in batches of these sizes; what is left at the end makes the last one."""
    twins = core(PLANT) if twins is None else twins
    outputs, at = [], 0
    for size in [*cuts, len(messages)]:
        part = messages[at : at + size]
        at += size
        if part:
            topics, payloads, received = zip(*part, strict=True)
            outputs.append(twins.on_batch(Batch(topics, payloads, received, bytes(len(part)))))
    return twins, outputs


def said(outputs: Iterable[Outputs]) -> dict[bytes, list[bytes]]:
    """Payloads in order, per asset and kind of message, which is what a subscriber can see of the order."""
    out: dict[bytes, list[bytes]] = defaultdict(list)
    for each in outputs:
        for group in each.publications:
            for topic, payload in zip(group.topics, group.payloads, strict=True):
                out[topic].append(payload)
    return out


def rejected(outputs: Iterable[Outputs]) -> list[tuple[bytes, Reason, str]]:
    return sorted((r.topic, r.reason, r.detail) for each in outputs for r in each.rejects)


def counted(outputs: Sequence[Outputs]) -> list[int]:
    names = ("messages", "readings", "late", "states", "forecasts")
    return [sum(getattr(each, name) for each in outputs) for name in names] + [sum(len(each.made) for each in outputs)]


@settings(max_examples=30, deadline=None)
@given(MESSAGES, st.lists(st.sampled_from([1, 2, 3, FEW, 40, 100]), max_size=12))
def test_a_stream_cut_anywhere_gives_the_same_state_and_says_the_same(
    messages: list[tuple[str, float, float, float, float]], cuts: list[int]
) -> None:
    arrived = stream(messages)
    one_by_one, first = play(arrived, [1] * len(arrived))
    cut, second = play(arrived, cuts)
    assert bits(cut) == bits(one_by_one)
    assert said(second) == said(first)
    assert rejected(second) == rejected(first)
    assert counted(second) == counted(first)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_stream_cut_anywhere_gives_the_same_state(seed: int) -> None:
    arrived = [
        Arrived(topic.encode(), p if isinstance(p, bytes) else json.dumps(p).encode(), event.now)
        for event in events(seed, 100)
        for topic, p in event.messages
    ]
    one_by_one, first = play(arrived, [1] * len(arrived), core())
    for size in (7, 64, 1000):
        cut, second = play(arrived, [size] * (len(arrived) // size), core())
        assert bits(cut) == bits(one_by_one)
        assert said(second) == said(first)
        assert counted(second) == counted(first)


@settings(max_examples=15, deadline=None)
@given(MESSAGES, st.integers(0, 150))
def test_a_core_restored_from_a_snapshot_goes_on_to_the_same_bits(
    messages: list[tuple[str, float, float, float, float]], at: int
) -> None:
    arrived = stream(messages)
    straight, first = play(arrived, [at])
    before, _ = play(arrived[:at], [])
    restored = core(PLANT)
    assert restored.restore(before.snapshot()) == []
    _, second = play(arrived[at:], [], restored)
    assert bits(restored) == bits(straight)
    if arrived[at:]:
        assert said(second) == said(first[-1:])


@settings(max_examples=15, deadline=None)
@given(MESSAGES)
def test_tracing_changes_nothing_but_the_trace(messages: list[tuple[str, float, float, float, float]]) -> None:
    arrived = stream(messages)
    plain, first = play(arrived, [])
    traced = core(PLANT)
    for block in traced.blocks:
        block.tracing = True
    _, second = play(arrived, [], traced)
    assert bits(traced) == bits(plain)
    assert said(second) == said(first)
    shared = sum(m.topic in (b"weather", b"drain") for m in arrived)
    used = sum(each.readings for each in second) + sum(
        r.reason in (Reason.LATE, Reason.DUPLICATE) for e in second for r in e.rejects
    )
    assert used - shared == sum(len(each.trace) for each in second)


def test_a_message_with_inputs_before_what_they_drive_is_filtered_once() -> None:
    """Equal times are in the filter's own order, so the order of channels in the file must not make readings late."""
    twins, outputs = play(stream([("pump/a", 1.0, 20.0, 0.0, 1.0)] * 30), [])
    assert sum(each.late for each in outputs) == 0
    assert sum(each.readings for each in outputs) == 60
    assert twins.detail("a") is not None
