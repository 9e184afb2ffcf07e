"""The way of samples through a block: what is counted, and what a reading that is not used leaves behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings
from tests.streams import START, core


def twins(**block: Any) -> Twins:
    return core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}, **block}]))


def say(t: Twins, received: float, value: float, *, at: float, assets: int = 1) -> Outputs:
    topics = [b"plant/pump%d" % k for k in range(assets)]
    payload = json.dumps({"time": at, "v": value}).encode()
    return t.on_batch(Batch(topics, [payload] * assets, [received] * assets, bytes(assets)))


@pytest.mark.parametrize("assets", [1, 20])
def test_an_innovation_is_counted_once_however_many_late_readings_follow(assets: int) -> None:
    t = twins(time={"late": 1000, "window": 64})
    outs = [say(t, START + 2 * k, 20.0 + k % 3, at=START + 2 * k, assets=assets) for k in range(20)]
    assert sum(o.nis_count["level_rate"] for o in outs) == 20 * assets
    late = [say(t, START + 40, 20.0, at=START + 2 * k + 1, assets=assets) for k in range(10)]
    assert sum(o.late for o in late) == 10 * assets
    assert sum(sum(o.nis_count.values()) for o in late) == 0


def test_a_round_of_late_readings_alone_leaves_a_forecast_alarm_as_it_was() -> None:
    t = twins(
        model={"type": "linear", "states": ["x", "w"], "channels": ["v"]}
        | {"A": [[0, 1], [0, -0.1]], "C": [[1, 0]], "Q": [[0, 0], [0, 0.1]]},
        time={"late": 1000},
        learning=4,
        alarms={"hot": {"type": "limit", "high": 30, "watch": "forecast", "within": 10}},
    )
    for k in range(20):
        say(t, START + 2 * k, 20.0, at=START + 2 * k, assets=20)
    out = say(t, START + 40, 20.0, at=START + 31, assets=20)
    assert (out.late, out.alarms) == (20, [])
