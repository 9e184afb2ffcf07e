"""Readings that are absurd: one of them poisons nothing, and what came first is no reference for ever."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.alarms import reference, season
from agent.alarms.anomaly import Anomaly
from agent.types import Transition
from tests.test_anomaly import rule, twins
from tests.test_season import BUDGET, EVERY, PER_WEEK, WEEK, Floats, everything, play, shifts, times

COARSELY = 3  # of the readings of `times`
GLITCHES = (-32768.0, 1e9, 3.4e38)
# Weeks: the first reading, the second, looked at by the day, by slots of two hours, and found.
PLACES = (0.0, 1.0 / 336, 2.13, 3.3, 6.13)
FAULT = 25  # week in which the same time of the week is 12 higher for two hours


def plant(t: Floats, seed: int = 1) -> Floats:
    """Two days a week 10 lower, a small daily swing, noise of 0.5."""
    lower = np.isin(t // 86400.0 % 7.0, (2, 3))
    noise = 0.5 * np.random.default_rng(seed).standard_normal(len(t))
    made: Floats = 20.0 - 10.0 * lower + np.sin(t / 86400.0 * 2.0 * np.pi) + noise
    return made


@cache
def played(mode: str, place: float, value: float | None) -> tuple[Anomaly, list[float]]:
    """With a glitch at a place, or without: the rule at the end, and the weeks at which alarms were raised."""
    t = times(FAULT + 1.0)[::COARSELY]
    values, at = plant(t), round(place * PER_WEEK / COARSELY)
    fault = FAULT * PER_WEEK // COARSELY + at % (PER_WEEK // COARSELY)
    values[fault : fault + 4] += 12.0
    if value is not None:
        values[at] = value
    core = twins(f"{BUDGET}, season: {mode}")
    told = play(core, t, values[:, None], size=48, clock=False)
    return rule(core), [(c.time - t[0]) / WEEK for c in told if c.transition is Transition.RAISED]


@pytest.mark.parametrize("value", GLITCHES)
@pytest.mark.parametrize(("place", "mode"), [*((place, "auto") for place in PLACES), (2.13, "day"), (2.13, "week")])
def test_after_one_glitch_a_fault_at_the_same_time_of_the_week_is_heard_as_without_it(
    place: float, mode: str, value: float
) -> None:
    (without, usual), (glitched, raised) = played(mode, place, None), played(mode, place, value)
    began = FAULT + place % 1.0
    for told in (usual, raised):
        assert any(began - 0.001 <= at < began + 0.02 for at in told)
        assert len([at for at in told if place + 0.5 < at < began - 0.001]) <= 1  # a month bears one
    hour = round(place * PER_WEEK / COARSELY) * COARSELY * EVERY % 86400.0 // 3600.0
    b, c = without.columns, glitched.columns
    assert c["D"][int(hour), 0] == pytest.approx(b["D"][int(hour), 0], rel=0.15)
    assert c["S"][0] == pytest.approx(b["S"][0], rel=0.1)
    level, other = (float(one["L"][int(hour), 0] + one["ref"][0]) for one in (b, c))
    assert level == pytest.approx(other, abs=0.2)
    assert 0.0 < c["lo"][0] < c["hi"][0] < 40.0
    if mode != "day":
        assert c["found"][0] == 1


def test_a_sensor_that_is_wrong_for_its_first_hours_is_no_reference_for_ever() -> None:
    t = times(12.0)[::COARSELY]
    values = plant(t)
    values[:12] = 1e9
    core = twins(f"{BUDGET}, season: day")
    play(core, t, values[:, None], size=48, clock=False)
    c = rule(core).columns
    assert c["S"][0] < 3.0
    assert abs(c["ref"][0] - 20.0) < reference.FAR * c["S"][0]
    assert all(
        5.0 < c["L"][hour, 0] + c["ref"][0] < 30.0 for hour in range(6, 24)
    )  # not those of the hours it was wrong


def absurd_starts() -> tuple[Floats, Floats]:
    """Signals that start over with the fourth reading, that get another reference, more than once, and that do neither."""
    t, values = (column[:1200] for column in shifts(2.0))
    glitch, long, meter = values.copy(), values.copy(), np.arange(len(t)) * 1e6 + values * 1e-3
    glitch[1] = 3.4e38
    long[:10] = 1e12
    long[10:] *= 1e4
    meter[:3] = 0.0
    return t, np.stack([glitch, long, values, meter], axis=1)


@pytest.mark.parametrize("mode", ["auto", "none", "day", "week"])
def test_references_change_with_the_same_bits_however_a_stream_is_cut(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "FAR", 1.0)
    moved = []
    refer = reference._refer
    monkeypatch.setattr(reference, "_refer", lambda *args: (moved.extend(args[2].tolist()), refer(*args)))
    t, values = absurd_starts()
    one, runs, many = (twins(f"{BUDGET}, season: {mode}") for _ in range(3))
    told = play(one, t, values, clock=False)
    assert set(moved) == {0, 1, 2, 3}
    assert [c.payload for c in play(runs, t, values, size=40, clock=False)] == [c.payload for c in told]
    assert everything(runs, 4) == everything(one, 4)
    play(many, t, np.tile(values, 8), clock=False)
    assert everything(many, 4) == everything(one, 4)
    assert rule(one).columns["n"][:4].tolist() == [len(t) - 3.0, *[float(len(t))] * 3]


@pytest.mark.parametrize("first", [(20.0, 20.0, 1e9), (20.0, 1e9, 20.0), (1e9, 20.0, 20.0), (3.4e38, 1.0, 2.0)])
def test_a_row_starts_over_once(first: tuple[float, ...]) -> None:
    core = twins(BUDGET)
    t = times(0.1)
    counts = []
    for k in range(8):
        play(core, t[k : k + 1], np.array([[(*first, *first, 7.0, 7.0)[k]]]), clock=False)
        counts.append(int(rule(core).columns["n"][0]))
    assert counts == [1, 2, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("first", [(20.0, 20.5, 21.0), (20.0, 20.0, 20.0), (0.0, 50.0, 100.0), (-1e37, 0.0, 1e37)])
def test_a_row_whose_first_readings_are_no_two_against_one_goes_on(first: tuple[float, ...]) -> None:
    core = twins(BUDGET)
    play(core, times(0.1)[:3], np.array(first)[:, None], clock=False)
    assert rule(core).columns["n"][0] == 3


@examples(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40),
    st.floats(-1e6, 1e6),
    st.booleans(),
)
def test_levels_are_where_they_were_after_the_reference_has_moved(values: list[float], mean: float, fine: bool) -> None:
    core = twins(f"{BUDGET}, season: {'week' if fine else 'auto'}")
    t = times(2.0)[::40][: len(values)]
    play(core, t, np.array(values)[:, None], clock=False)
    c, weeks = rule(core).columns, rule(core).weeks
    assume(c["n"][0] > 0.0)  # it has not just started over

    def levels() -> dict[str, Any]:
        slots = weeks.slots[:, weeks.place[0]] if fine else c["C"][:, 0]
        total = c["sum"][0] + c["count"][0] * c["ref"][0]
        hours = np.where(c["K"][:, 0] > 0.0, c["L"][:, 0] + c["ref"][0], 0.0)
        return {"W": np.where(slots != season.UNKNOWN, slots + c["ref"][0], 0.0), "sum": total, "L": hours}

    before = levels()
    c["m"][0] = mean
    reference._refer(c, weeks, np.array([0]))
    assert c["ref"][0] == mean
    for name, value in levels().items():
        assert value == pytest.approx(before[name], abs=1e-6 * (1e3 + abs(mean)) * len(values))


def test_a_reading_is_learned_as_no_further_off_than_a_hundred_spreads() -> None:
    one, other = twins(BUDGET), twins(BUDGET)
    t = times(0.5)
    values = plant(t)
    values[-1] = 1e12
    play(one, t, values[:, None], clock=False)
    values[-1] = -3.4e38
    play(other, t, values[:, None], clock=False)
    a, b = rule(one).columns, rule(other).columns
    assert a["hi"][0] < 30.0
    assert b["lo"][0] > 0.0
    for name in ("f", "s", "m"):  # as far one way as the other
        assert abs(a[name][0]) < 1e3
        assert abs(b[name][0]) < 1e3
    assert a["count"][0] == b["count"][0]
    assert EVERY * (a["count"][0] + 1.0) <= 86400.0
