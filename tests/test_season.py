"""The week in the anomaly alarm: found where there is one, left alone where there is none, and learned to the same bits."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent import snapshot
from agent.alarms import season
from agent.block import Arrivals, Samples
from agent.decode import Take
from agent.twins import Twins
from agent.types import AlarmChange, Outputs, Transition
from tests.test_anomaly import START, rule, twins

Floats = NDArray[np.float64]
WEEK = 7 * 86400.0
EVERY = 600.0  # seconds between readings
PER_WEEK = round(WEEK / EVERY)
ALL = np.array([True])
BUDGET = "false_alarms: 1, per: 30d"


def times(weeks: float) -> Floats:
    return START - START % WEEK + EVERY * np.arange(round(weeks * PER_WEEK))


def at_work(t: Floats) -> NDArray[np.bool_]:
    """From 7 to 17 on five of seven days (of weeks that begin on a Thursday, as those since 1970 do)."""
    day, hour = (t // 86400.0 + 4.0) % 7.0, t % 86400.0 / 3600.0
    working: NDArray[np.bool_] = (day >= 1) & (day <= 5) & (hour >= 7) & (hour < 17)
    return working


def shifts(weeks: float, seed: int = 1) -> tuple[Floats, Floats]:
    t = times(weeks)
    return t, 20.0 + 8.0 * at_work(t) + 0.5 * np.random.default_rng(seed).standard_normal(len(t))


def columns(rows: int) -> dict[str, NDArray[Any]]:
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(season.ROW, (rows,))
    shapes |= dict.fromkeys(season.SLOTTED, (season.COARSE.slots, rows))
    return {name: np.full(shape, season.start(name), season.KINDS[name]) for name, shape in shapes.items()}


def weeks(rows: int) -> season.Weeks:
    made = season.Weeks()
    made.grow(rows)
    return made


def ratio(t: Floats, values: Floats, *, always: bool = False) -> float:
    """How far the week misses, over how far the day does; above all bounds before enough was foretold.

    Where the day of the week does not explain the day's mean, that is of the coarse slots.
    """
    c, fine, row = columns(1), weeks(1), np.array([0])
    for k in range(len(t)):
        season.pass_by(c, fine, row, t[k : k + 1], values[k : k + 1], ALL, always=always)
    grid = season.FINE if fine.place[0] else season.COARSE
    return float(c["miss_week"][0] / c["miss_day"][0]) if c["visits"][0] >= grid.enough else 9.0


def play(core: Twins, t: Floats, values: Floats, size: int = 1, *, clock: bool = True) -> list[AlarmChange]:
    """values (moment, asset), in batches of as many moments as `size`; time passes before each, if there is a clock."""
    count, changes = values.shape[1], []
    for a in range(count):
        core.make(0, f"a{a}", START)
    for low in range(0, len(t), size):
        moments = t[low : low + size].tolist()
        if clock and core.next_time() <= moments[0]:
            core.on_time(moments[0])
        stamps = [moment for moment in moments for _ in range(count)]
        out = Outputs()
        column: list[float | None] = list(values[low : low + size].ravel().tolist())
        samples = Samples(list(range(len(stamps))), list(range(count)) * len(moments), stamps, [column], (0,))
        core.assimilate([Take(0, samples)], Arrivals(stamps, [b""] * len(stamps)), out)
        changes += out.alarms
    return changes


def raised(changes: list[AlarmChange]) -> list[str]:
    return [json.loads(c.payload)["text"] for c in changes if c.transition is Transition.RAISED]


def everything(core: Twins, rows: int) -> dict[str, bytes]:
    """All that the rule has learned of the first rows, to the bit."""
    return {name: column.tobytes() for name, column in rule(core).export(np.arange(rows)).items()}


def test_a_week_of_shifts_is_found_in_four_and_days_alone_miss_by_five_times_as_much() -> None:
    assert ratio(*shifts(4.2)) < 0.2
    assert ratio(*shifts(2.2), always=True) < 0.2


def when_found(t: Floats, values: Floats, *, always: bool = False) -> float:
    """Weeks until the day of the week is taken off; infinite where it never is."""
    c, fine, row = columns(1), weeks(1), np.array([0])
    for k in range(len(t)):
        _, found = season.pass_by(c, fine, row, t[k : k + 1], values[k : k + 1], ALL, always=always)
        if len(found) and not always:
            return float((t[k] - t[0]) / WEEK)
        if c["week"][0] != 0.0:
            return float((t[k] - t[0]) / WEEK)
    return np.inf


@pytest.mark.parametrize("seed", range(5))
def test_a_week_is_found_after_four_of_which_two_are_looked_at_by_the_day(seed: int) -> None:
    assert 3.9 < when_found(*shifts(5.0, seed)) < 4.2
    assert when_found(*shifts(3.0, seed), always=True) < 1.2


@examples(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 9))
def test_rows_have_places_of_their_own_in_whatever_order_they_get_them(order: list[int], other: int) -> None:
    some = weeks(10)
    held: dict[int, Floats] = {}
    rng = np.random.default_rng(len(order))
    for row in order:
        some.begin(np.array([row]))
        held[row] = rng.standard_normal(season.FINE.slots).astype(np.float32)
        some.slots[:, some.place[row]] = held[row]
    rows = np.array([*range(10)])[::-1]
    again, copied = weeks(10), weeks(10)
    again.begin(np.array([other]))
    again.load(rows, some.export(rows))
    copied.load(np.arange(10), again.export(np.arange(10)))
    part = copied.some(rows)
    for row in range(10):
        assert (some.place[row] > 0) == (again.place[row] > 0) == (part.place[9 - row] > 0) == (row in held)
        if row in held:
            assert again.slots[:, again.place[row]].tolist() == held[row].tolist()
            assert part.slots[:, part.place[9 - row]].tolist() == held[row].tolist()
    part.slots[:] *= 2.0
    copied.put(rows, part)
    for row, values in held.items():
        assert copied.slots[:, copied.place[row]].tolist() == (2.0 * values).tolist()


def test_a_week_is_found_in_the_end_of_a_machine_that_stood_still_at_first() -> None:
    t, values = shifts(16.0)
    values[: 4 * PER_WEEK] = 20.0
    assert when_found(t, values) < 16.0


@pytest.mark.parametrize("value", [1e300, -1e39, 3e38, 1e-40])
def test_numbers_beyond_what_is_kept_say_nothing(value: float) -> None:
    t, shift = shifts(3.0)
    c, fine, row = columns(1), weeks(1), np.array([0])
    for k, up in enumerate((shift > 24.0).tolist()):
        said = np.array([value if up else -value])
        added, _ = season.pass_by(c, fine, row, t[k : k + 1], said, ALL, always=True)
        assert np.isfinite(added).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_signal_without_a_week_has_none(seed: int) -> None:
    t, rng = times(8.0), np.random.default_rng(seed)
    daily = 5.0 * np.sin(2.0 * np.pi * t / 86400.0) + rng.standard_normal(len(t))
    wandering = np.cumsum(rng.standard_normal(len(t)))
    for values in (daily, wandering, rng.standard_t(2, len(t))):
        assert ratio(t, values) > season.EXPLAINS


@pytest.mark.parametrize(("mode", "heard"), [("auto", True), ("week", True), ("day", False), ("none", False)])
def test_work_on_a_sunday_is_an_alarm_where_the_week_is_known(mode: str, heard: bool) -> None:
    t, values = shifts(6.0)
    sunday = (t > t[0] + 5 * WEEK) & ((t // 86400.0 + 4.0) % 7.0 == 0) & (t % 86400.0 // 3600.0 == 10)
    values[sunday] += 8.0
    changes = play(twins(f"{BUDGET}, season: {mode}"), t, values[:, None])
    texts = raised([c for c in changes if c.time >= t[sunday][0]])
    assert bool(texts) == heard
    if heard:
        assert len(texts) == 1
        assert re.search(
            r"2[789]\.\d+ bar is out .* usually (19|20)\.\d+ ± \d\.\d+ bar at this hour of the week", texts[0]
        )


def test_usual_weeks_raise_no_more_than_is_borne_once_they_are_known() -> None:
    core = twins(BUDGET)
    t, values = shifts(11.0)
    half = 5 * PER_WEEK
    play(core, t[:half], values[:half, None])
    assert len(raised(play(core, t[half:], values[half:, None]))) <= 2  # in six weeks, of which a month bears one


def test_a_sensor_that_is_stuck_over_the_end_of_a_slot_is_still_one_rest() -> None:
    core = twins(f"{BUDGET}, detectors: [flat]")
    t, values = shifts(5.0)
    assert rule(core).weekly
    play(core, t, values[:, None])
    assert rule(core).columns["found"][0] == 1
    more = t[-1] + EVERY * np.arange(1, 37)
    (text,) = raised(play(core, more, np.full((36, 1), values[-1])))[:1]
    assert "has not moved for" in text
    assert rule(core).columns["r"][0] == 36.0


@pytest.mark.parametrize("mode", ["auto", "none", "day", "week"])
def test_a_stream_cut_anywhere_learns_the_same_week(mode: str) -> None:
    t, values = shifts(4.4)
    both = np.stack([values, values[::-1], np.full(len(t), 7.0)], axis=1)
    one, runs, single = (twins(f"{BUDGET}, season: {mode}") for _ in range(3))
    told = play(one, t, both, clock=False)
    assert [c.payload for c in play(runs, t, both, size=40, clock=False)] == [c.payload for c in told]
    assert everything(runs, 3) == everything(one, 3)
    play(single, t, both[:, :1], clock=False)
    assert everything(single, 1) == everything(one, 1)
    if mode in ("auto", "week"):
        assert rule(one).columns["found"][:3].tolist() == [1, 1, mode == "week"]
        assert (rule(one).weeks.place[:3] > 0).tolist() == [True, True, mode == "week"]


def test_rows_on_arrays_learn_the_same_week_as_one_on_floats() -> None:
    t, values = (column[::3] for column in shifts(4.4))
    many, one = twins(BUDGET), twins(BUDGET)
    play(many, t, np.stack([values] * 24, axis=1), clock=False)
    play(one, t, values[:, None], clock=False)
    assert everything(many, 1) == everything(one, 1)
    assert rule(one).columns["found"][0] == 1


@examples(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([60.0, 7200.0, 30_000.0, 6 * 86400.0])), max_size=80),
    st.integers(0, 79),
)
def test_a_run_of_readings_is_the_same_as_one_after_the_other(moves: list[tuple[int, float]], cut: int) -> None:
    rng = np.random.default_rng(len(moves))
    clock = [START, START + 5000.0, START + 2 * 86400.0]
    rows, stamps = [], []
    for row, step in moves:
        clock[row] += step
        rows.append(row)
        stamps.append(clock[row])
    values = rng.normal(20.0, 5.0, len(moves))
    one, many = columns(3), columns(3)
    own, theirs = weeks(3), weeks(3)
    added = [
        float(season.pass_by(one, own, np.array([row]), np.array([t]), values[k : k + 1], ALL, always=True)[0][0])
        for k, (row, t) in enumerate(zip(rows, stamps, strict=True))
    ]
    found: list[float] = []
    for part in (slice(0, cut), slice(cut, None)):
        if rows[part]:
            names, ordinals = np.unique(rows[part], return_inverse=True)
            run = season.run(
                many,
                theirs,
                names,
                ordinals,
                np.array(stamps[part]),
                values[part],
                np.ones(len(rows[part]), bool),
                always=True,
            )
            if run is None:  # a week is found: that is for whoever goes one by one
                for k in range(len(moves))[part]:
                    which = np.array(rows[k : k + 1]), np.array(stamps[k : k + 1])
                    got, _ = season.pass_by(many, theirs, *which, values[k : k + 1], ALL, always=True)
                    found += got.tolist()
                continue
            for name, column in run.columns.items():
                many[name][..., names] = column
            theirs.put(names, run.weeks)
            found += run.added.tolist()
    assert found == added
    assert {name: column.tobytes() for name, column in many.items()} == {n: c.tobytes() for n, c in one.items()}
    every = np.arange(3)
    assert {name: column.tobytes() for name, column in theirs.export(every).items()} == {
        name: column.tobytes() for name, column in own.export(every).items()
    }


@pytest.mark.parametrize("weeks", [1.5, 3.2, 4.5])  # looked at by the day, closely, and found
def test_what_was_learned_of_the_week_comes_back_with_a_snapshot_and_with_one_of_before_begins_anew(
    weeks: float,
) -> None:
    t, values = (column[::3] for column in shifts(5.0))
    whole, before, after, old = (twins(BUDGET) for _ in range(4))
    play(whole, t, values[:, None])
    half = round(len(t) * weeks / 5.0)
    play(before, t[:half], values[:half, None])
    assert not after.restore(snapshot.load(snapshot.dump(before.snapshot())))
    play(after, t[half:], values[half:, None])
    assert everything(after, 1) == everything(whole, 1)
    saved = before.snapshot()
    (alarm,) = saved["blocks"][0]["alarms"].values()
    assert ("rule_W" in alarm["rows"]) == (weeks > 2.0)
    alarm["rows"]["rule_L"] = alarm["rows"]["rule_L"] + alarm["rows"]["rule_ref"][:, None]
    for name in (*season.ROW, *season.SLOTTED, "fine", "W"):
        alarm["rows"].pop(f"rule_{name}", None)
    assert not old.restore(saved)
    assert rule(old).columns["n"][0] == half
    assert rule(old).columns["slot"][0] == season.NOWHERE
    assert rule(old).weeks.place[0] == 0


def test_a_week_that_was_found_before_days_were_looked_at_alone_is_kept_and_others_begin_anew() -> None:
    t, values = shifts(5.0)
    both = np.stack([values, np.full(len(t), 7.0)], axis=1)
    known, new = twins(BUDGET), twins(BUDGET)
    play(known, t, both)
    saved = known.snapshot()
    (alarm,) = saved["blocks"][0]["alarms"].values()
    rows = alarm["rows"]
    del rows["rule_C"], rows["rule_fine"]
    rows["rule_L"] = rows["rule_L"] + rows["rule_ref"][:, None]
    for name in ("slot", "found", "visits", "week"):
        rows[f"rule_{name}"] = rows[f"rule_{name}"].astype(float)
    rows["rule_visits"][0] = 1e6
    assert not new.restore(saved)
    for name, column in rule(known).export(np.array([0])).items():
        got = rule(new).export(np.array([0]))[name]
        assert got == pytest.approx(np.full(1, season.COUNTED) if name == "visits" else column, abs=1e-6)
    assert rule(new).columns["slot"][1] == season.NOWHERE
    assert rule(new).weeks.place[:2].tolist() == [1, 0]


def test_a_channel_takes_no_more_than_a_kibibyte() -> None:
    core = twins(BUDGET)
    core.make(0, "a", START)
    (alarm,) = core.blocks[0].alarms
    capacity = len(alarm.phase)
    life = sum(getattr(alarm, name).nbytes for name in ("phase", "since", "raised", "count", "last"))
    assert (life + alarm.operator.marks.nbytes + sum(c.nbytes for c in rule(core).columns.values())) / capacity <= 1024
