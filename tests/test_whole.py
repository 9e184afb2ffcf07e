"""One score for an asset: it reaches its threshold when one of its anomaly alarms does, and not before."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.configfile import load
from agent.shell.explain import lines
from agent.twins import Twins
from agent.types import Batch

START, PERIOD = 1_780_000_000.0, 60.0
CONFIG = """
site: test
mqtt: {host: localhost}
assets:
  - topic: t/{asset}
    model: level
    channels: {flow: {}, pressure: {}, current: {}}
    state: {policy: never}
    forecast: {horizons: []}
    alarms: %s
"""


def pump(alarms: str = "{anomaly: {type: anomaly, false_alarms: 1, per: 1d}}") -> Twins:
    return Twins(load(None, text=CONFIG % alarms, environ={}))


def play(core: Twins, values: Any, first: int = 0) -> None:
    """values (moment, channel)."""
    for k, row in enumerate(values, first):
        payload = json.dumps(dict(zip(("flow", "pressure", "current"), map(float, row), strict=True))).encode()
        core.on_batch(Batch([b"t/a"], [payload], [START + k * PERIOD], [0]))


def together(count: int, seed: int = 1) -> Any:
    """Three channels that follow one load."""
    rng = np.random.default_rng(seed)
    load = np.cumsum(rng.standard_normal(count)) * 0.05
    load -= np.linspace(0.0, load[-1], count)
    return 20.0 + load[:, None] * np.array([1.0, 2.0, 0.5]) + 0.1 * rng.standard_normal((count, 3))


def explained(core: Twins, moment: int) -> dict[str, Any]:
    found = core.explain("a", START + moment * PERIOD)
    assert found is not None
    json.dumps(found, allow_nan=False)
    return found


def test_an_asset_that_is_learning_has_no_score_and_one_without_anomaly_alarms_never_has() -> None:
    core, other = pump(), pump("{high: {type: limit, channel: flow, high: 99}}")
    for twins in (core, other):
        play(twins, together(5))
        assert explained(twins, 5)["score"] is None
        assert not any("anomaly score" in line for line in lines(explained(twins, 5)))
    play(core, together(60)[5:], 5)
    assert explained(core, 60)["score"] is not None
    detail = core.detail("a")
    assert detail is not None
    assert detail["score"] == explained(core, 60)["score"]


def test_the_threshold_is_what_the_budget_of_the_whole_asset_leaves_to_a_reading() -> None:
    core = pump()
    play(core, together(300))
    assert explained(core, 300)["score"]["threshold"] == pytest.approx(-math.log10(PERIOD / 86400.0), abs=0.01)


def test_the_score_reaches_its_threshold_when_and_only_when_a_part_reaches_its_own() -> None:
    core = pump()
    values = together(1500)
    values[1200::37, 0] += np.linspace(0.0, 3.0, len(values[1200::37]))
    values[1450:, 1] += 2.0
    block = core.blocks[0]
    reached = {True: 0, False: 0}
    for k in range(len(values)):
        play(core, values[k : k + 1], k)
        if k < 400:
            continue
        parts = {
            alarm.name: (rule.evidence(0) if isinstance(rule, Anomaly) else rule.value(0)) - rule.threshold(0)
            for alarm in block.alarms
            if isinstance(rule := alarm.rule, (Anomaly, Joint))
        }
        assert len(parts) == 4
        score = explained(core, k)["score"]
        assert (score["value"] >= score["threshold"]) == (max(parts.values()) >= 0.0)
        assert score["alarm"] in (None, max(parts, key=lambda name: parts[name]))
        reached[max(parts.values()) >= 0.0] += 1
    assert min(reached.values()) > 5


def test_people_read_what_it_comes_from() -> None:
    core = pump()
    values = together(600)
    values[-1, 0] += 5.0
    play(core, values)
    found = explained(core, 600)
    line = list(lines(found))[1]
    assert line.startswith("  anomaly score ")
    assert f" of {found['score']['threshold']:.3g}, from anomaly_flow (`" in line
    assert found["score"]["value"] > found["score"]["threshold"]
