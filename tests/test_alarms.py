"""Each alarm rule from reading to payload: raised, held, cleared, delayed, repeated never; one twin or many alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import jsonschema
import numpy as np
import pytest

from agent.bank import FEW
from agent.encode import schemas
from agent.twins import Twins
from agent.types import Batch, Outputs, Severity, Transition
from tests.services import EVERY_CHANGE, settings
from tests.streams import LEVEL, START, bits, core, following

MANY = [f"m{k}" for k in range(2 * FEW)]
Change = tuple[float, str, str]  # seconds since the start, alarm, state


class World:
    """The same readings into a core of one twin and into one of many, which must say the same of each."""

    def __init__(self, alarms: dict[str, Any], **block: Any) -> None:
        block = following(alarms, **block)
        self.raw = settings(assets=[block], floods=EVERY_CHANGE)
        self.one, self.many = core(self.raw), core(self.raw)
        self.changes: list[Change] = []
        self.payloads: list[dict[str, Any]] = []

    def say(self, time: float, value: float | dict[str, float], *, arrival: float | None = None) -> list[Change]:
        """A reading of every twin at this time (s since the start); what changed."""
        values = value if isinstance(value, dict) else {"c": value}
        payload = json.dumps({"t": START + time, **values}).encode()
        now = START + (time if arrival is None else arrival)
        topics = [f"plant/{name}".encode() for name in MANY]
        size = len(topics)
        return self._same(
            self.one.on_batch(Batch(topics[:1], [payload], [now], [0])),
            self.many.on_batch(Batch(topics, [payload] * size, [now] * size, bytes(size))),
        )

    def wait(self, time: float) -> list[Change]:
        """Nothing comes until this time."""
        return self._same(self.one.on_time(START + time), self.many.on_time(START + time))

    def _same(self, one: Outputs, many: Outputs) -> list[Change]:
        found = [(c.time - START, c.name, str(c.transition)) for c in one.alarms]
        for name in MANY:
            assert [(c.time - START, c.name, str(c.transition)) for c in many.alarms if c.asset == name] == found
        for change in one.alarms:
            payload = json.loads(change.payload, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))
            jsonschema.validate(payload, schemas()["alarm"])
            assert payload["state"] == ("active" if change.transition is Transition.RAISED else "cleared")
            assert change.topic == b"twinned/test/m0/alarm/" + change.name.encode()
            assert any(
                (change.topic, change.payload) in zip(p.topics, p.payloads, strict=True) and p.retain and p.qos == 1
                for p in one.publications
            )
            self.payloads.append(payload)
        self.changes += found
        return found

    def course(self, values: Iterable[float], start: float = 0.0, step: float = 1.0) -> list[Change]:
        return [change for k, v in enumerate(values) for change in self.say(start + k * step, v)]


HIGH = {"hot": {"type": "limit", "high": 30.0}}


def test_a_limit_alarm_is_raised_once_held_and_cleared() -> None:
    world = World(HIGH)
    assert world.course([20, 20, 20, 20, 20, 31, 32, 33, 31, 29, 28, 31]) == [
        (5.0, "hot", "raised"),
        (9.0, "hot", "cleared"),
        (11.0, "hot", "raised"),
    ]
    first, second, third = world.payloads
    assert [p["seq"] for p in world.payloads] == [1, 2, 3]
    assert len({p["id"] for p in world.payloads}) == 3
    assert first["value"] == pytest.approx(31.0, abs=0.01)
    assert (first["limit"], first["value_unit"], first["channel"], first["reported"]) == (30.0, "degC", "c", 31.0)
    assert first["expected"] == pytest.approx(20.0, abs=0.01)
    assert first["since"] == second["since"] == START + 5
    assert third["since"] == START + 11
    assert "m0 c: estimate above 30 degC; reported 31, expected 20" in first["text"]
    assert second["text"].startswith("m0 c: cleared after 4 s")


def test_no_alarm_is_raised_while_a_channel_learns() -> None:
    world = World(HIGH, learning=10)
    assert world.course([31.0] * 12) == [(9.0, "hot", "raised")]


def test_a_deadband_holds_the_alarm_until_the_value_is_well_inside() -> None:
    world = World(
        {
            "hot": {"type": "limit", "high": 30.0, "deadband": 2.0},
            "cold": {"type": "limit", "low": 10.0, "deadband": 2.0},
        }
    )
    changes = world.course([20] * 4 + [31, 29, 28.5, 31, 27.5, 29, 9, 11, 12.5, 11])
    assert changes == [(4, "hot", "raised"), (8, "hot", "cleared"), (10, "cold", "raised"), (12, "cold", "cleared")]


def test_an_alarm_waits_for_its_on_delay_and_a_shorter_excursion_raises_nothing() -> None:
    world = World({"hot": {"type": "limit", "high": 30.0, "on_delay": 3.0}})
    assert world.course([20] * 4 + [31, 31, 31, 20, 31, 31, 31, 31, 31]) == [(11.0, "hot", "raised")]


def test_an_alarm_waits_for_its_off_delay_and_a_relapse_is_no_second_alarm() -> None:
    world = World({"hot": {"type": "limit", "high": 30.0, "off_delay": 3.0}})
    assert world.course([20] * 4 + [31, 20, 20, 31, 20, 20, 20, 20, 20]) == [
        (4.0, "hot", "raised"),
        (11.0, "hot", "cleared"),
    ]


def test_delays_run_out_without_readings() -> None:
    world = World({"hot": {"type": "limit", "high": 30.0, "on_delay": 5.0, "off_delay": 7.0}})
    world.course([20] * 4 + [31])
    assert world.one.next_time() == world.many.next_time() == START + 9
    assert world.wait(8.9) == []
    assert world.wait(9.0) == [(9.0, "hot", "raised")]
    assert world.say(10.0, 20.0) == []
    assert world.one.next_time() == START + 17
    assert world.wait(17.5) == [(17.5, "hot", "cleared")]
    assert world.wait(100.0) == []


def test_delays_count_in_event_time_when_readings_arrive_late_by_a_constant() -> None:
    world = World({"hot": {"type": "limit", "high": 30.0, "on_delay": 5.0}})
    for k, value in enumerate([20] * 4 + [31]):
        world.say(k, value, arrival=k + 100.0)
    assert world.one.next_time() == START + 109
    assert world.wait(109.0) == [(9.0, "hot", "raised")]


def test_the_four_limits_of_a_channel_are_alarms_of_their_own() -> None:
    limits = {"lowlow": 0, "low": 10, "high": 30, "highhigh": 40, "deadband": 1}
    world = World({}, channels={"c": {"noise": 0.01, "limits": limits}})
    world.course([20] * 4 + [31, 41, 35, 20, 9, -1, 20])
    assert world.changes == [
        (4, "c_high", "raised"),
        (5, "c_highhigh", "raised"),
        (6, "c_highhigh", "cleared"),
        (7, "c_high", "cleared"),
        (8, "c_low", "raised"),
        (9, "c_lowlow", "raised"),
        (10, "c_lowlow", "cleared"),
        (10, "c_low", "cleared"),
    ]
    severities = {p["alarm"]: p["severity"] for p in world.payloads}
    assert severities == {"c_low": "warning", "c_high": "warning", "c_lowlow": "critical", "c_highhigh": "critical"}


def test_a_limit_on_the_reading_ignores_what_the_filter_makes_of_it() -> None:
    slow = {"type": "level", "wander": 1e-6}
    watched = {"raw": {"type": "limit", "high": 30.0, "watch": "reading"}, "smooth": {"type": "limit", "high": 30.0}}
    world = World(watched, model=slow)
    assert world.course([20] * 10 + [31, 20]) == [(10, "raw", "raised"), (11, "raw", "cleared")]


FORECAST = {"soon": {"type": "limit", "high": 80.0, "watch": "forecast", "within": "10min", "severity": "critical"}}


def test_a_forecast_alarm_says_that_a_limit_will_be_crossed() -> None:
    world = World(FORECAST, model={"type": "level_rate", "rate_wander": 1e-6}, channels={"c": {"noise": 0.05}})
    rng = np.random.default_rng(1)
    slope = 0.05  # per second: 80 is 600 s away at 50
    values = [20 + slope * t + rng.normal(0.0, 0.05) for t in range(0, 1200, 10)]
    changes = world.course(values, step=10.0)
    assert [c[1:] for c in changes] == [("soon", "raised")]
    assert 20 + slope * changes[0][0] == pytest.approx(50.0, abs=2.0)
    assert world.payloads[0]["value"] == pytest.approx(80.0, abs=2.0)
    assert world.payloads[0]["severity"] == "critical"
    assert world.payloads[0]["rule"] == "forecast within 600 s above 80"


def test_a_forecast_alarm_that_wants_more_confidence_comes_later() -> None:
    def crossing(confidence: float) -> float:
        alarm = {"soon": FORECAST["soon"] | {"confidence": confidence}}
        world = World(alarm, model={"type": "level_rate", "rate_wander": 1e-4}, channels={"c": {"noise": 0.05}})
        return world.course([20 + 0.05 * t for t in range(0, 1200, 10)], step=10.0)[0][0]

    assert crossing(0.5) + 20.0 < crossing(0.95)


def test_a_forecast_alarm_finds_a_crossing_that_is_over_by_the_end() -> None:
    """A first-order lag towards a low target: beyond the limit now, inside it within the time looked at."""
    world = World(
        {"soon": {"type": "limit", "high": 80.0, "watch": "forecast", "within": 600}},
        model={"type": "first_order", "tau": 20, "target": 20.0, "wander": 100.0},
    )
    assert world.course([20] * 5 + [90]) == [(5.0, "soon", "raised")]


@pytest.mark.parametrize("model", [LEVEL, {"type": "level_rate", "rate_wander": 10.0}])
def test_a_rate_alarm_with_and_without_a_state_for_the_rate(model: dict[str, Any]) -> None:
    alarms = {
        "fast": {"type": "rate", "above": 120.0, "per": "1min", "deadband": 60.0},
        "drop": {"type": "rate", "below": -120.0, "per": "1min"},
    }
    world = World(alarms, model=model)
    up = [20.0] * 6 + [20.0 + 4.0 * k for k in range(1, 6)]
    changes = world.course([*up, *[40.0] * 6, *[40.0 - 5.0 * k for k in range(1, 5)], *[20.0] * 6])
    assert [c[1:] for c in changes] == [
        ("fast", "raised"),
        ("fast", "cleared"),
        ("drop", "raised"),
        ("drop", "cleared"),
    ]
    raised = [c[0] for c in changes]
    assert 6.0 <= raised[0] <= 8.0
    assert 17.0 <= raised[2] <= 18.0
    assert world.payloads[0]["value"] > 120.0
    assert world.payloads[0]["limit"] == 120.0
    assert (world.payloads[0]["value_unit"], world.payloads[0]["unit"]) == ("degC per 60 s", "degC")


def test_a_score_has_no_unit_and_the_readings_beside_it_keep_theirs() -> None:
    channels = {"c": {"unit": "degC"}}
    world = World({"odd": {"type": "surprise", "threshold": 2.0}}, model="level_rate", channels=channels)
    world.course([20.0 + 0.01 * (k % 3) for k in range(60)] + [90.0])
    assert (world.payloads[-1]["alarm"], world.payloads[-1]["value_unit"], world.payloads[-1]["unit"]) == (
        "odd",
        "",
        "degC",
    )


def test_a_flat_alarm_needs_time_and_readings_and_ends_with_the_first_move() -> None:
    world = World({"stuck": {"type": "flat", "duration": 10, "readings": 5, "tolerance": 0.1}})
    assert world.course([20, 21, 20, 21], step=1.0) == []
    assert world.course([20.0, 20.05, 19.95, 20.0], start=4.0, step=4.0) == []
    assert world.say(20.0, 20.0) == [(20.0, "stuck", "raised")]
    assert world.say(24.0, 20.08) == []
    assert world.say(28.0, 20.3) == [(28.0, "stuck", "cleared")]


def test_an_absence_alarm_of_the_asset_and_of_a_channel() -> None:
    alarms = {"gone": {"type": "absence", "after": 30}, "mute": {"type": "absence", "after": 10, "channel": "b"}}
    world = World(alarms, channels={"a": {"noise": 0.1}, "b": {"noise": 0.1}})
    for k in range(6):
        world.say(k, {"a": 1.0, "b": 2.0})
    for k in range(6, 14):
        world.say(k, {"a": 1.0})
        assert world.wait(k + 0.5) == []
    assert world.one.next_time() <= START + 15
    assert world.wait(15.0) == [(15.0, "mute", "raised")]
    assert world.payloads[0]["channel"] == "b"
    assert world.payloads[0]["text"] == "m0 b: no reading of b for 10 s"
    told = {k: world.payloads[0][k] for k in ("value", "limit", "value_unit", "reported", "expected", "surprise")}
    assert told == {
        "value": 10.0,
        "limit": 10.0,
        "value_unit": "s",
        "reported": None,
        "expected": None,
        "surprise": None,
    }
    assert world.wait(42.9) == []
    assert world.wait(43.0) == [(43.0, "gone", "raised")]
    assert world.payloads[1]["channel"] is None
    assert world.wait(1000.0) == []
    assert world.say(1001.0, {"a": 1.0}) == [(1001.0, "gone", "cleared")]
    assert world.say(1002.0, {"a": 1.0, "b": 2.0}) == [(1002.0, "mute", "cleared")]


def test_of_two_limits_the_alarm_names_the_one_that_was_crossed() -> None:
    rules = {"range": {"type": "limit", "low": 10, "high": 30}}
    for level, limit in ((0.0, 10.0), (40.0, 30.0)):
        world = World(rules, channels={"c": {"noise": 0.1}})
        world.course([20.0] * 6 + [level] * 6)
        assert [p["limit"] for p in world.payloads] == [limit]


def test_an_absence_alarm_without_a_time_follows_the_stale_twin() -> None:
    world = World({"gone": {"type": "absence"}}, silence={"coasting": 10, "stale": 40})
    world.course([20.0] * 5)
    assert world.wait(43.9) == []
    assert world.wait(44.0) == [(44.0, "gone", "raised")]
    assert world.say(50.0, 20.0) == [(50.0, "gone", "cleared")]


def test_a_twin_that_still_learns_is_not_reported_absent() -> None:
    world = World({"gone": {"type": "absence", "after": 5}}, learning=10)
    world.course([20.0] * 3)
    assert world.wait(20.0) == []


def noise(count: int, seed: int = 3) -> list[float]:
    return [float(v) for v in np.random.default_rng(seed).normal(20.0, 1.0, count)]


def test_a_surprise_alarm_reacts_to_a_single_improbable_reading() -> None:
    world = World({"odd": {"type": "surprise", "threshold": 4.0}}, model="level", channels={"c": {}}, gate="robust")
    assert world.course(noise(400)) == []
    assert world.say(400.0, 60.0) == [(400.0, "odd", "raised")]
    assert world.payloads[0]["surprise"] >= 4.0
    assert world.say(401.0, 20.0) == [(401.0, "odd", "cleared")]


def test_a_surprise_alarm_over_several_readings_leaves_a_single_one_alone() -> None:
    alarms = {"odd": {"type": "surprise", "threshold": 2.2, "readings": 8}}
    world = World(alarms, model="level", channels={"c": {}}, gate="none")
    assert world.course([*noise(400), 60.0, *noise(30, 4)]) == []
    rng = np.random.default_rng(5)
    changes = world.course(rng.choice([-40.0, 80.0], 12).tolist(), start=500.0)
    assert [c[1:] for c in changes] == [("odd", "raised")]
    assert 502.0 < changes[0][0] < 511.0


@pytest.mark.parametrize("readings", [2, 8, 31])
def test_a_surprise_alarm_over_several_readings_needs_half_of_them_however_improbable(readings: int) -> None:
    world = World(
        {"odd": {"type": "surprise", "threshold": 3.0, "readings": readings}}, model="level", channels={"c": {}}
    )
    assert world.course(noise(400)) == []
    changes = world.course([1e6 * (-3.0) ** k for k in range(12)] + noise(40), start=500.0)
    raised = [time for time, _, what in changes if what == "raised"]
    assert not raised or raised[0] >= 500.0 + readings / 2 - 1
    assert raised or readings == 31


def test_an_alarm_survives_a_snapshot_and_clears_as_the_same_alarm() -> None:
    alarms = HIGH | {
        "stuck": {"type": "flat", "duration": 3, "readings": 3},
        "slow": {"type": "limit", "high": 30, "on_delay": 60},
    }
    world = World(alarms)
    world.course([20] * 4 + [31] * 8)
    detail = world.one.detail("m0")
    assert detail is not None
    assert {a["alarm"] for a in detail["alarms"] if a["state"] == "active"} == {"hot", "stuck"}
    restored = core(world.raw)
    assert restored.restore(world.one.snapshot()) == []
    assert bits(restored) == bits(world.one)
    assert restored.active_alarms() == {"info": 0, "warning": 2, "critical": 0}
    assert restored.next_time() <= START + 64
    world.one = restored
    assert world.wait(64.0) == [(64.0, "slow", "raised")]
    assert {c[1:] for c in world.say(65.0, 20.0)} == {("hot", "cleared"), ("stuck", "cleared"), ("slow", "cleared")}
    assert restored.active_alarms()["warning"] == 0


def test_a_changed_alarm_starts_over_and_says_so() -> None:
    world = World(HIGH)
    world.course([20] * 4 + [31] * 3)
    changed = settings(assets=[world.raw["assets"][0] | {"alarms": {"hot": {"type": "limit", "high": 25.0}}}])
    new = core(changed)
    assert new.restore(world.one.snapshot()) == ["alarm hot changed and starts over"]
    assert new.active_alarms()["warning"] == 0
    farewell = new.on_time(START + 10)
    cleared = [json.loads(p) for group in farewell.publications for p in group.payloads if b'"alarm"' in p]
    assert [(c["alarm"], c["state"], c["seq"]) for c in cleared] == [("hot", "cleared", 2)]


def test_a_late_reading_corrects_the_state_but_raises_and_clears_nothing() -> None:
    world = World(
        HIGH | {"stuck": {"type": "flat", "duration": 4, "readings": 3}, "fast": {"type": "rate", "above": 4.0}}
    )
    world.course([20, 21, 22, 23, 24, 25], step=1.0)
    assert world.say(3.5, 99.0, arrival=6.0) == []
    assert world.say(6.0, 26.0) == []
    assert world.say(7.0, 31.0) == [(7.0, "hot", "raised"), (7.0, "fast", "raised")]


def test_active_alarms_are_counted_by_severity() -> None:
    world = World(
        {
            "hot": {"type": "limit", "high": 30.0, "severity": "info"},
            "cold": {"type": "limit", "low": 10.0, "severity": "critical"},
        }
    )
    world.course([20] * 4 + [31])
    assert world.one.active_alarms() == {Severity.INFO: 1, Severity.WARNING: 0, Severity.CRITICAL: 0}
    assert world.many.active_alarms()["info"] == len(MANY)
    world.say(5.0, 5.0)
    assert world.one.active_alarms() == {"info": 0, "warning": 0, "critical": 1}


def test_words_of_ones_own_and_the_rule_are_in_the_alarm() -> None:
    world = World({"hot": {"type": "limit", "high": 30.0, "low": -5.0, "message": "close the valve"}})
    world.course([20] * 4 + [31])
    assert world.payloads[0]["message"] == "close the valve"
    assert world.payloads[0]["rule"] == "estimate below -5 or above 30 degC"


def test_the_default_is_one_alarm_for_each_channel_and_one_for_all_and_none_where_they_are_turned_off() -> None:
    def names(**block: Any) -> list[str]:
        twins: Twins = core(settings(assets=[{"topic": "plant/{asset}", "channels": {"a": {}, "b": {}}, **block}]))
        return [alarm.name for alarm in twins.blocks[0].alarms]

    assert names() == ["anomaly_a", "anomaly_b", "anomaly_joint"]
    assert names(alarms={}) == []
