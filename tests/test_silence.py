"""Silence: deadlines are met when a twin's rhythm changes, alarms come and go, and the clock is set back."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agent.twins import Twins
from agent.types import Batch
from tests.services import settings
from tests.streams import START, core


class Plant:
    """One core, its alarm changes and states, and a clock that only goes by what the core asks for."""

    def __init__(self, **block: Any) -> None:
        self.twins: Twins = core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}, **block}]))
        self.changes: list[tuple[float, str]] = []
        self.rng = random.Random(3)

    def say(self, received: float, *, at: float | None = None, asset: str = "pump") -> None:
        payload = {"time": received if at is None else at, "v": 20 + self.rng.gauss(0, 1)}
        out = self.twins.on_batch(Batch.of(f"plant/{asset}", json.dumps(payload).encode(), received))
        self.changes += [(round(received - START, 3), change.transition.value) for change in out.alarms]

    def pass_time(self, since: float, until: float) -> None:
        """From one time to another, looking when the core asks for it."""
        now, looks = since, 0
        while (due := self.twins.next_time()) <= until:
            now = max(due, now + 0.001)
            out = self.twins.on_time(now)
            self.changes += [(round(now - START, 2), change.transition.value) for change in out.alarms]
            looks += 1
            assert looks < 5000, "the core asks for a look that brings nothing"

    def status(self) -> dict[str, int]:
        return {name: count for name, count in self.twins.status_counts().items() if count}


def test_an_asset_that_falls_silent_again_while_its_absence_waits_to_clear_stays_absent() -> None:
    plant = Plant(
        alarms={"gone": {"type": "absence", "after": 10, "off_delay": 60}}, silence={"coasting": 5, "stale": 30}
    )
    for k in range(40):
        plant.say(START + k)
    plant.pass_time(START + 39, START + 60)
    plant.say(START + 60)
    plant.pass_time(START + 60, START + 5000)
    assert plant.changes == [(49.0, "raised")]


def test_an_asset_that_speaks_once_in_a_long_silence_is_absent_again_as_soon_as_before() -> None:
    plant = Plant(alarms={"gone": {"type": "absence", "after": 10}}, silence={"coasting": 3600, "stale": 7200})
    for k in range(40):
        plant.say(START + k)
    plant.pass_time(START + 39, START + 56)
    plant.say(START + 56)
    plant.pass_time(START + 56, START + 9000)
    assert plant.changes == [(49.0, "raised"), (56, "cleared"), (66.0, "raised")]


def test_a_twin_whose_readings_come_quicker_than_before_coasts_as_early_as_its_new_rhythm_asks_for() -> None:
    plant = Plant(learning=4)
    for k in range(20):
        plant.say(START + 3600 * k)
        plant.pass_time(START + 3600 * k, START + 3600 * k)
    now = START + 3600 * 19
    for k in range(1, 1001):
        plant.say(now + k)
        plant.pass_time(now + k, now + k)
    now += 1000
    assert plant.status() == {"live": 1}
    plant.pass_time(now, now + 3600)  # no later than one of the old intervals
    assert plant.status() == {"stale": 1}


@pytest.mark.parametrize("set_back", [3600.0, 366 * 86400.0])
def test_silence_is_noticed_when_the_clock_was_set_back(set_back: float) -> None:
    plant = Plant(alarms={"gone": {"type": "absence", "after": 10}}, time={"max_ahead": "400d"})
    for k in range(40):
        plant.say(START + k)
        plant.say(START + k, asset="fan")
    back = START - set_back
    for k in range(40):
        plant.say(back + k, at=START + 40 + k)
        plant.pass_time(back + k, back + k)
    plant.pass_time(back + 39, back + 60)
    assert plant.status() == {"stale": 1, "coasting": 1}
    (fan, pump) = plant.changes
    assert [c for _, c in plant.changes] == ["raised", "raised"]
    assert START + fan[0] - back == pytest.approx(10.0, abs=1.0)
    assert START + pump[0] - back == pytest.approx(49.0, abs=1.0)


def test_an_empty_block_looks_after_a_restart_when_it_would_have_without_one() -> None:
    plant = Plant()
    plant.twins.resume(START)
    back = core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}}]))
    back.restore(plant.twins.snapshot())
    assert [b.silence.due for b in back.blocks] == [b.silence.due for b in plant.twins.blocks]


def test_a_device_whose_first_time_is_in_1970_is_missed_as_soon_as_any_other() -> None:
    plant = Plant()
    plant.say(START - 1, at=5.0)
    for k in range(120):
        plant.say(START + k)
        plant.pass_time(START + k, START + k)
    assert plant.status() == {"live": 1}
    plant.pass_time(START + 119, START + 119 + 20 * 60)
    assert plant.status() == {"stale": 1}


def test_a_device_whose_first_time_is_in_1970_has_a_rate_within_some_hundred_readings() -> None:
    t = core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}}]))
    rng = random.Random(5)
    for k in range(-1, 300):
        payload = {"time": START + k if k >= 0 else 5.0, "v": 20 + 0.5 * k + rng.gauss(0, 0.1)}
        t.on_batch(Batch.of("plant/pump", json.dumps(payload).encode(), START + k))
    (bank,) = t.blocks[0].banks
    assert bank.columns["d"][0] == pytest.approx(1.0, abs=0.5)
    assert bank.columns["x1"][0] == pytest.approx(0.5, abs=0.1)


def test_a_new_asset_with_seldom_readings_is_not_called_absent_before_its_rhythm_is_known() -> None:
    plant = Plant(learning=4, alarms={"gone": {"type": "absence"}})
    plant.twins.on_time(START)
    for k in range(1, 9):
        plant.say(START + 300 * k)
        plant.pass_time(START + 300 * k, START + 300 * k + 299)
    assert plant.changes == []
    plant.pass_time(START + 2400, START + 90000)
    assert [change for _, change in plant.changes] == ["raised"]


def test_a_configured_asset_that_never_speaks_is_absent() -> None:
    plant = Plant(known=["pump"], alarms={"gone": {"type": "absence"}})
    plant.twins.on_time(START)
    plant.pass_time(START, START + 100)
    assert plant.changes == [(30.0, "raised")]
