"""The anomaly alarm: what it finds and says, that it keeps its budget, and that it never stays shut."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent import snapshot
from agent.alarms.anomaly import Anomaly
from agent.alarms.score import DETECTORS, WIDEST
from agent.configfile import load
from agent.twins import Twins
from agent.types import AlarmChange, Batch, Transition

START = 1_780_000_000.0
PERIOD = 60.0
Values = Sequence[float] | NDArray[np.float64]

CONFIG = """
site: test
mqtt: {host: localhost}
assets:
  - topic: t/{asset}
    model: level
    channels: {v: {unit: bar}}
    state: {policy: never}
    forecast: {horizons: []}
    alarms: {anomaly: {type: anomaly, %s}}
"""


def twins(settings: str = "false_alarms: 1, per: 30d") -> Twins:
    return Twins(load(None, text=CONFIG % settings, environ={}))


def batch(readings: Iterable[tuple[str, float, float]]) -> Batch:
    """(asset, arrival, value) as one batch."""
    topics, payloads, received = [], [], []
    for asset, time, value in readings:
        topics.append(f"t/{asset}".encode())
        payloads.append(b'{"v": %r}' % value)
        received.append(time)
    return Batch(topics, payloads, received, [0] * len(topics))


def play(core: Twins, values: Values, start: int = 0, asset: str = "a") -> list[AlarmChange]:
    changes = []
    for k, value in enumerate(values, start):
        changes += core.on_batch(batch([(asset, START + k * PERIOD, float(value))])).alarms
    return changes


def rule(core: Twins) -> Anomaly:
    (alarm,) = core.blocks[0].alarms
    assert isinstance(alarm.rule, Anomaly)
    return alarm.rule


def learned(core: Twins) -> dict[str, bytes]:
    """All that the rule has learned of the twins that there are, to the bit."""
    count = len(core)
    return {name: column[:count].tobytes() for name, column in rule(core).columns.items()}


def noise(count: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(count)


def day(count: int) -> NDArray[np.float64]:
    swing: NDArray[np.float64] = 20.0 * np.sin(2.0 * np.pi * np.arange(count) * PERIOD / 86400.0)
    return swing


# The readings, where the fault begins in them, and what is said.
FAULTS: dict[str, tuple[Callable[[], Values], int, str]] = {
    # Ordinary for the day as a whole, but not for the night.
    "hour": (
        lambda: np.concatenate([day(5760) + noise(5760, 2), [day(5760)[-1] + 15.0] * 3]),
        5760,
        r"out of the ordinary for the time of day, usually .* bar at this hour; score [\d.]+ of [\d.]+",
    ),
    "sudden": (lambda: np.append(noise(3000), 30.0), 3000, r"30 bar came suddenly"),
    "shift": (
        lambda: np.concatenate([noise(3000), 3.5 + noise(40, 3)]),
        3000,
        r"the last 5 readings are off what is usual by [.\d]+ bar on average",
    ),
    "noise": (
        lambda: np.concatenate([noise(8000), 0.1 * noise(200, 3)]),
        8000,
        r"the noise changed: .* standard deviations",
    ),
    "flat": (lambda: np.concatenate([noise(3000), [0.25] * 40]), 3000, r"0.25 bar has not moved for \d+ readings"),
    "drift": (
        lambda: np.concatenate([noise(3000), noise(800, 3) + np.arange(800) * 0.005]),
        3000,
        r"the last 5 readings are at [.\d]+ bar on average, beyond every level held before, -[.\d]+ to [.\d]+ bar",
    ),
}


@pytest.mark.parametrize("detector", FAULTS)
def test_each_detector_finds_its_fault_and_says_what_it_saw(detector: str) -> None:
    make, onset, words = FAULTS[detector]
    values = make()
    core = twins(f"false_alarms: 1, per: 1d, detectors: [{detector}]")
    play(core, values[:onset])
    change = next(c for c in play(core, values[onset:], onset) if c.transition is Transition.RAISED)
    said = json.loads(change.payload)
    assert re.search(words, said["text"]), said["text"]
    assert said["value"] >= said["limit"] > 2.0


@pytest.mark.parametrize("detector", FAULTS)
def test_there_is_a_fault_for_each_detector_and_the_default_uses_all_but_drift(detector: str) -> None:
    assert set(FAULTS) == set(DETECTORS) == {*rule(twins()).detectors, "drift"}
    assert detector in DETECTORS


def evidence(core: Twins, values: Values, start: int) -> list[float]:
    """The rule's after each of the readings."""
    found = []
    for k, value in enumerate(values, start):
        play(core, [value], k)
        found.append(float(rule(core).views["raw"][0]))
    return found


def test_drift_has_nothing_to_say_between_levels_that_were_held_where_shift_has() -> None:
    slowly = np.concatenate([np.zeros(200), np.linspace(0.0, 8.0, 3000), np.full(1800, 8.0)])
    between = 4.0 + noise(60, 3)
    found = {}
    for detector in ("drift", "shift"):
        core = twins(f"false_alarms: 1, per: 1d, detectors: [{detector}]")
        play(core, slowly + noise(5000))
        found[detector] = evidence(core, between, 5000)
    assert max(found["shift"][:10]) > 3.16
    assert max(found["drift"]) == 0.0


def test_drift_tells_a_level_that_was_not_held_after_one_that_was() -> None:
    core = twins("false_alarms: 1, per: 1d, detectors: [drift]")
    play(core, np.concatenate([noise(600), 10.0 + noise(2400, 2)]))
    assert not play(core, noise(200, 3), 3000)
    raised = [c for c in play(core, noise(200, 3) - 8.0, 3200) if c.transition is Transition.RAISED]
    assert raised[0].time < START + 3210 * PERIOD


@pytest.mark.parametrize("at", [3, 10, 19, 25, 1500])
def test_an_absurd_reading_is_no_level_for_drift(at: int) -> None:
    values = noise(3000)
    values[at] = 1e9
    core = twins("false_alarms: 1, per: 1d, detectors: [drift]")
    play(core, values)
    assert rule(core).views["qh"][0] < 1.5
    raised = [c for c in play(core, 8.0 + noise(20, 3), 3000) if c.transition is Transition.RAISED]
    assert [c.time <= START + 3002 * PERIOD for c in raised] == [True]


def test_drift_knows_the_levels_of_readings_also_where_a_week_is_taken_off() -> None:
    count = 12 * 7 * 24
    times = START + np.arange(count) * 3600.0
    works = (times // 86400 + 3) % 7 < 5
    core = twins("false_alarms: 1, per: 1d, detectors: [drift], season: week")
    for time, value in zip(times.tolist(), (np.where(works, 50.0, 20.0) + noise(count)).tolist(), strict=True):
        core.on_batch(batch([("a", time, value)]))
    v = rule(core).views
    assert abs(v["week"][0]) > 5.0
    assert 18.0 < v["ql"][0] < 45.0 < v["qh"][0] < 52.0
    newest = np.where(works[-1], 50.0, 20.0)
    assert v["p"][0] == pytest.approx(newest, abs=2.0)


@pytest.mark.parametrize("scale", [1e39, 1e60])
def test_what_drift_learns_stays_a_number(scale: float) -> None:
    core = twins("false_alarms: 1, per: 1d, detectors: [drift]")
    play(core, noise(200) * scale)
    assert all(np.isfinite(rule(core).columns[name][0]) for name in ("p", "q", "e", "ql", "qh", "M", "X3"))


def test_a_warm_afternoon_is_no_alarm() -> None:
    assert not play(twins("false_alarms: 1, per: 1d"), day(7200) + noise(7200))


def test_without_faults_there_are_no_more_alarms_than_the_budget_bears() -> None:
    core = twins("false_alarms: 1, per: 4h")
    rng = np.random.default_rng(5)
    names = [f"a{k}" for k in range(100)]
    raised = 0
    for k in range(1200):  # 100 assets over 20 hours: 500 false alarms would be borne
        values = rng.standard_t(3, len(names)).tolist()
        time = START + k * PERIOD
        out = core.on_batch(batch((name, time, value) for name, value in zip(names, values, strict=True)))
        raised += sum(change.transition is Transition.RAISED for change in out.alarms)
    assert 10 < raised < 500


def test_a_smaller_budget_asks_for_a_higher_score() -> None:
    thresholds = []
    for budget in ("false_alarms: 1, per: 1h", "false_alarms: 1, per: 1d", "false_alarms: 1, per: 30d"):
        core = twins(budget)
        play(core, noise(200))
        thresholds.append(rule(core).threshold(0))
    assert thresholds == sorted(set(thresholds))
    # One false alarm in a day of 1,440 readings.
    assert thresholds[1] == pytest.approx(np.log10(1440.0), abs=0.02)


def test_an_alarm_ends_when_what_raised_it_is_usual_and_the_next_fault_is_told() -> None:
    core = twins("false_alarms: 1, per: 1d")
    values = np.concatenate([noise(3000), 30.0 + noise(3000, 2), 90.0 + noise(500, 3)])
    changes = play(core, values)
    first = [c for c in changes if c.time < START + 6000 * PERIOD]
    assert [c.transition for c in first] == [Transition.RAISED, Transition.CLEARED]
    assert first[1].time < START + 4000 * PERIOD
    assert any(c.transition is Transition.RAISED for c in changes if c.time >= START + 6000 * PERIOD)


def test_an_episode_is_told_once() -> None:
    rng = np.random.default_rng(4)
    values = noise(3000)
    values = np.concatenate([values, np.where(rng.random(100) < 0.3, 40.0, noise(100, 5))])
    changes = play(twins("false_alarms: 1, per: 1d"), values)
    assert [c.transition for c in changes if c.time < START + 3100 * PERIOD] == [Transition.RAISED]


def fleet(seed: int) -> list[tuple[str, float, float]]:
    rng = np.random.default_rng(seed)
    return [
        (f"a{k}", START + t * PERIOD, float(v))
        for t in range(150)
        for k, v in enumerate(rng.standard_t(2, 24).round(1).tolist())
    ]


def test_a_stream_cut_anywhere_gives_the_same_scores() -> None:
    readings = fleet(7)
    rng = np.random.default_rng(8)
    one, other = twins("false_alarms: 1, per: 1h"), twins("false_alarms: 1, per: 1h")
    said = [c.payload for r in readings for c in one.on_batch(batch([r])).alarms]
    said_in_batches = []
    cuts = np.unique(np.append(rng.integers(0, len(readings), 60), (0, len(readings)))).tolist()
    for begin, end in pairwise(cuts):
        said_in_batches += [c.payload for c in other.on_batch(batch(readings[begin:end])).alarms]
    assert learned(one) == learned(other)
    assert said
    assert sorted(said) == sorted(said_in_batches)


def test_a_snapshot_brings_back_every_bit() -> None:
    readings = fleet(9)
    whole = twins("false_alarms: 1, per: 1h")
    before = twins("false_alarms: 1, per: 1h")
    half = len(readings) // 2
    whole.on_batch(batch(readings[:half]))
    before.on_batch(batch(readings[:half]))
    after = twins("false_alarms: 1, per: 1h")
    assert not after.restore(snapshot.load(snapshot.dump(before.snapshot())))
    assert learned(after) == learned(before)
    said: list[Any] = [core.on_batch(batch(readings[half:])).alarms for core in (whole, after)]
    assert said[0] == said[1]
    assert learned(after) == learned(whole)


def test_numbers_at_the_end_of_their_range_break_nothing() -> None:
    core = twins()
    extremes = [0.0, 1e100, -1e100, 0.0, 0.0, 1e-100, 1e100] * 60
    play(core, extremes)
    assert all(np.isfinite(column[:1]).all() for column in rule(core).columns.values())


def test_what_a_channel_learns_stays_below_a_kilobyte() -> None:
    core = twins()
    play(core, noise(10))
    columns = rule(core).columns
    assert sum(column[0].nbytes for column in columns.values()) <= 1024


def test_small_departures_from_a_large_level_are_judged_as_those_from_zero() -> None:
    near, far = twins("false_alarms: 1, per: 1d"), twins("false_alarms: 1, per: 1d")
    values = 1e-3 * np.concatenate([noise(6000, 4), [9.0]])
    raised = [c for c in play(far, 1e6 + values) if c.transition is Transition.RAISED]
    assert len(raised) == len([c for c in play(near, values) if c.transition is Transition.RAISED])
    assert [c.time for c in raised][-1] == START + 6000 * PERIOD
    levels = rule(far).columns["ref"][0] + rule(far).columns["L"][:, 0].astype(float)
    known = rule(near).columns["K"][:, 0] > 0.0
    expected = rule(near).columns["ref"][0] + rule(near).columns["L"][:, 0].astype(float)
    # A hundredth of a thousandth of the noise, of which float64 itself leaves out a part at this level.
    assert np.abs(levels - 1e6 - expected)[known].max() < 1e-8


@pytest.mark.parametrize("season", ["auto", "none"])
def test_levels_of_hours_that_were_stored_by_themselves_are_taken_over(season: str) -> None:
    settings = f"false_alarms: 1, per: 1d, season: {season}"
    whole, before, after = twins(settings), twins(settings), twins(settings)
    values = 1000.0 + day(3000) + noise(3000, 5)
    play(whole, values)
    play(before, values[:2000])
    saved = before.snapshot()
    (alarm,) = saved["blocks"][0]["alarms"].values()
    rows = alarm["rows"]
    seen = rows["rule_K"] > 0.0
    ref = rows["rule_ref"] if season == "auto" else rows.pop("rule_ref")
    rows["rule_L"] = np.where(seen, rows["rule_L"].astype(float) + ref[:, None], 0.0)
    assert not after.restore(snapshot.load(snapshot.dump(saved)))
    play(after, values[2000:], 2000)
    for name in ("L", "D", "H0", "m", "lo", "hi"):
        own = [rule(core).columns[name][..., 0].astype(float) for core in (after, whole)]
        if name == "L":
            own = [
                levels + rule(core).columns["ref"][0] * (levels != 0.0)
                for levels, core in zip(own, (after, whole), strict=True)
            ]
        assert own[0] == pytest.approx(own[1], rel=1e-4)


@pytest.mark.parametrize("level", [1e100, -1e100])
def test_what_was_usual_beyond_what_is_kept_is_told_as_far_as_that(level: float) -> None:
    core, stored = twins(), twins()
    values = level * (1.0 + 1e-3 * noise(3000))
    play(core, [*values, 3.0 * level])
    columns = rule(core).columns
    assert columns["usual"][0] == pytest.approx(math.copysign(WIDEST, level))
    assert columns["spread"][0] == pytest.approx(WIDEST)
    # As it was stored when it was kept in full.
    play(stored, [1.0])
    row, wide = np.array([0]), {"usual": np.array([level]), "spread": np.array([1e97])}
    rule(stored).load(row, rule(core).export(row) | wide)
    for name in wide:
        assert rule(stored).columns[name][0] == columns[name][0]
