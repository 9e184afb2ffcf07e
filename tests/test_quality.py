"""What is said of the quality of each reading, and why; also when a twin took a new level for its own."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from agent.shell.logs import Logger
from agent.shell.tally import Tally
from agent.shell.telling import tell_outputs
from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings
from tests.streams import core

START = 1_780_000_000.0
NOISE = np.random.default_rng(4).normal(size=5000)


def twins(**block: Any) -> Twins:
    channels = block.pop("channels", {"v": {}})
    return core(
        settings(assets=[{"topic": "p/{asset}", "model": "level", "channels": channels, "learning": 4, **block}])
    )


def say(t: Twins, k: int, *assets: str, **values: float) -> Outputs:
    """One message of each asset, in one batch."""
    payload = json.dumps({"time": START + k, **values}).encode()
    names = assets or ("a",)
    return t.on_batch(
        Batch([f"p/{a}".encode() for a in names], [payload] * len(names), [START + k] * len(names), bytes(len(names)))
    )


def told(out: Outputs, asset: str = "a") -> dict[str, Any]:
    """The channels of the state message of this asset."""
    states = {topic: payload for p in out.publications for topic, payload in zip(p.topics, p.payloads, strict=True)}
    channels: dict[str, Any] = json.loads(states[f"twinned/test/{asset}/state".encode()])["channels"]
    return channels


def quality(out: Outputs, channel: str = "v", asset: str = "a") -> tuple[str, str | None]:
    said = told(out, asset)[channel]
    return said["quality"], said.get("reason")


MANY = tuple(f"a{k}" for k in range(40))


@pytest.mark.parametrize("assets", [("a",), MANY])
def test_an_improbable_reading_is_uncertain_and_the_fifth_in_a_row_is_a_level_relearned(
    assets: tuple[str, ...],
) -> None:
    t = twins()
    for k in range(100):
        out = say(t, k, *assets, v=20.0 + NOISE[k])
    assert quality(out, asset=assets[0]) == ("good", None)
    assert "reason" not in told(out, assets[0])["v"]
    said, relearned = [], []
    for k in range(100, 108):
        out = say(t, k, *assets, v=60.0 + NOISE[k])
        said.append(quality(out, asset=assets[-1]))
        relearned.append(out.relearned)
    assert said[:4] == [("uncertain", "improbable")] * 4
    assert said[4] == ("uncertain", "relearned")
    assert said[5:] == [("good", None)] * 3
    assert relearned == [[]] * 4 + [[(a, "v") for a in assets]] + [[]] * 3


def test_without_a_gate_nothing_is_improbable() -> None:
    t = twins(gate="none")
    for k in range(100):
        say(t, k, v=20.0 + NOISE[k])
    assert quality(say(t, 100, v=60.0)) == ("good", None)


def test_a_relearned_level_is_counted_and_told() -> None:
    tally, lines = Tally(), io.StringIO()
    log = Logger(lines, environ={}, monotonic=lambda: 0.0, now=lambda: START, format="json")
    out = Outputs(relearned=[("a", "v"), ("b", "v")])
    tally.outputs(out)
    tell_outputs(log, out, range(2))
    assert tally.snapshot()["twinned_relearned_levels_total"] == 2
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["asset"], second["asset"]) == ("a", "b")
    assert "took their level for its own" in first["event"]


@pytest.mark.parametrize("assets", [("a",), MANY])
@pytest.mark.parametrize(
    "alarms", [{"odd": {"type": "anomaly"}}, {"still": {"type": "flat", "readings": 12, "duration": 10}}]
)
def test_a_reading_that_stays_where_none_ever_did_is_stuck(alarms: dict[str, Any], assets: tuple[str, ...]) -> None:
    t = twins(alarms=alarms)
    for k in range(200):
        say(t, k, *assets, v=20.0 + NOISE[k])
    said = [quality(say(t, k, *assets, v=20.25), asset=assets[3 % len(assets)]) for k in range(200, 220)]
    assert said[:9] == [("good", None)] * 9
    assert said[13:] == [("uncertain", "stuck")] * 7
    assert quality(say(t, 220, *assets, v=20.5), asset=assets[0]) == ("good", None)


def test_a_channel_that_often_rests_is_not_stuck() -> None:
    t = twins(alarms={"odd": {"type": "anomaly"}})
    said = [quality(say(t, k, v=float(k // 15))) for k in range(600)]
    assert ("uncertain", "stuck") not in said[200:]


def test_a_silent_channel_has_no_reading_yet() -> None:
    t = twins(channels={"v": {}, "w": {}})
    assert quality(say(t, 0, v=1.0), "w") == ("bad", "no reading yet")


@pytest.mark.parametrize("assets", [("a",), MANY])
def test_a_reading_that_siblings_contradict_is_inconsistent_and_theirs_are_good(assets: tuple[str, ...]) -> None:
    t = twins(channels={"u": {}, "v": {}, "w": {}}, alarms={"odd": {"type": "anomaly", "detectors": ["joint"]}})
    load = np.convolve(NOISE, np.ones(30), mode="same")
    own = np.random.default_rng(9).normal(size=(5000, 3)) * 0.5
    said = []
    for k in range(1600):
        fault = 12.0 if k >= 1500 else 0.0
        u, v, w = (load[k] * np.array([1.0, 2.0, -1.0]) + own[k]).tolist()
        out = say(t, k, *assets, u=u + fault, v=v, w=w)
        if k >= 1000:
            said.append(tuple(quality(out, c, assets[-1])[1] for c in "uvw"))
    assert sum(reasons != (None, None, None) for reasons in said[:500]) <= 5
    assert ("inconsistent", None, None) in said[500:530]
    assert all(reasons[1:] == (None, None) for reasons in said[500:530])
    assert t.detail(assets[0])["channels"]["v"]["quality"] == "good"  # type: ignore[index]


def test_quality_and_reason_are_in_the_detail_of_a_twin() -> None:
    t = twins()
    for k in range(100):
        say(t, k, v=20.0 + NOISE[k])
    detail = t.detail("a")
    assert detail is not None
    assert "reason" not in detail["channels"]["v"]
    say(t, 100, v=60.0)
    detail = t.detail("a")
    assert detail is not None
    assert (detail["channels"]["v"]["quality"], detail["channels"]["v"]["reason"]) == ("uncertain", "improbable")
