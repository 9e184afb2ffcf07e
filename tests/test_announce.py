"""What is said, and when: policies met by channels that are mute, by clocks that are set back, and by what was said."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings
from tests.streams import START, core


def twins(**block: Any) -> Twins:
    return core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}, **block}]))


def say(t: Twins, received: float, values: dict[str, float], *, at: float | None = None) -> Outputs:
    payload = json.dumps({"time": received if at is None else at, **values}).encode()
    return t.on_batch(Batch.of("plant/pump", payload, received))


def states(out: Outputs) -> list[dict[str, Any]]:
    return [json.loads(p) for group in out.publications for p in group.payloads if b'"states"' in p]


def test_a_channel_that_never_speaks_does_not_make_the_change_policy_publish_each_message() -> None:
    rng = random.Random(1)
    t = twins(channels={"v": {}, "mute": {}}, state={"policy": "change", "beyond": 4.0, "interval": 3600})
    published = sum(say(t, START + k, {"v": 20 + rng.gauss(0, 1)}).states for k in range(200))
    assert 1 <= published < 100
    assert say(t, START + 200, {"v": 20.0, "mute": 1.0}).states == 1  # now it is known


def test_the_change_policy_measures_from_what_was_published_last_whatever_the_cause() -> None:
    t = twins(
        model={"type": "level", "wander": 0.1},
        channels={"v": {"noise": 1.0}},
        state={"policy": "change", "beyond": 3.0, "interval": 5},
    )
    sent: list[float] = []
    for k in range(400):
        sent += [s["states"]["v"]["mean"] for s in states(say(t, START + k, {"v": 20 + k * 0.01}))]
    # A drift slower than the bound within each interval: what is published is due to the interval alone.
    assert len(sent) == 80


def test_what_is_not_known_of_a_mute_channel_is_null() -> None:
    t = twins(channels={"v": {}, "mute": {}})
    (state,) = states(say(t, START, {"v": 20.0}))
    assert state["channels"]["mute"] == {
        "reported": None,
        "expected": None,
        "std": None,
        "surprise": 0.0,
        "quality": "bad",
        "reason": "no reading yet",
    }
    assert state["states"]["mute"] == {"mean": None, "std": None}


@pytest.mark.parametrize("assets", [1, 20])
def test_states_and_forecasts_go_on_when_the_clock_is_set_back(assets: int) -> None:
    t = twins(state={"policy": "interval", "interval": 10}, forecast={"interval": 10}, time={"max_ahead": "7d"})

    def turn(received: float, at: float) -> Outputs:
        topics = [b"plant/pump%d" % k for k in range(assets)]
        payload = json.dumps({"time": at, "v": 20.0}).encode()
        return t.on_batch(Batch(topics, [payload] * assets, [received] * assets, bytes(assets)))

    for k in range(20):
        turn(START + k, START + k)
    outs = [turn(START - 86400 + k, START + 20 + k) for k in range(20)]
    assert sum(o.states for o in outs) == 2 * assets
    assert sum(o.forecasts for o in outs) == 2 * assets


def test_messages_that_arrive_at_one_time_bring_one_forecast() -> None:
    t = twins(forecast={"interval": 0.1})
    outs = [say(t, START + 0.3, {"v": 20.0}, at=START + k) for k in range(20)]
    assert sum(o.forecasts for o in outs) == 1
