"""Clocks that are set: what was learned stays, nothing is kept out, nothing is raised, and the same bits come back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import Passed, Replay, Stepped, Taken, decode, encode
from agent.setback import SET_BACK
from agent.twins import Twins
from agent.types import Batch, Outputs, Reason
from tests.services import EVERY_CHANGE, settings
from tests.streams import ARRIVAL, START, bits, core

DAY = 86400.0
WEEK = 7 * DAY  # the alarms know the hours and the days of the week
# A second's rhythm and times that are whole: sums of such are exact, so that states can be compared to the bit.
PLANT = {
    "topic": "plant/{asset}",
    "learning": 4,
    "channels": {"v": {"limits": {"high": 24.0, "on_delay": 3.0, "off_delay": 2.0}}, "w": {}},
    "alarms": {
        "odd": {"type": "surprise", "threshold": 3.0},
        "flat": {"type": "flat", "duration": 5, "readings": 3, "tolerance": 0.01},
        "fast": {"type": "rate", "above": 0.5, "per": "1s", "on_delay": 1.0},
        "new": {"type": "anomaly", "false_alarms": 1, "per": "365d"},
    },
    "forecast": {"horizons": ["10s", "60s"]},
}
# What is kept for late readings; a twin that starts over forgets it.
RING = ("@position", "@time", "@value", "@entry", "@marks")


# Also, what all twins share and what follows the clock on the wall by its nature: budgets of alarms.
WALL = ("fleet", "floods")


def plant() -> Twins:
    return core(settings(assets=[PLANT], floods=EVERY_CHANGE))


def readings(count: int, assets: int, seed: int = 1) -> list[list[dict[str, float]]]:
    """By second and asset: noise, and now and then a level that is high or does not move."""
    rng = random.Random(seed)
    out = []
    for k in range(count):
        high, stuck = 6.0 if k % 40 > 30 else 0.0, k % 50 < 12
        out.append(
            [
                {"v": 20.0 if stuck else round(20 + high + rng.gauss(0, 0.2), 3), "w": round(rng.gauss(5, 1), 3)}
                for _ in range(assets)
            ]
        )
    return out


def played(
    twins: Twins,
    stream: list[list[dict[str, float]]],
    clock: Callable[[int], float],
    *,
    first: int = 0,
    timed: Callable[[int], float] | None = None,
) -> list[Outputs]:
    """A second's readings of all assets at a time, as they arrive by this clock."""
    out = []
    for k, now in enumerate(stream, first):
        own = {} if timed is None else {"time": timed(k)}
        messages = [(f"plant/a{n}".encode(), json.dumps({**own, **values}).encode()) for n, values in enumerate(now)]
        received = [clock(k)] * len(messages)
        out.append(twins.on_batch(Batch([t for t, _ in messages], [p for _, p in messages], received, bytes(len(now)))))
    return out


def rejected(out: list[Outputs]) -> list[Reason]:
    return [reject.reason for each in out for reject in each.rejects]


def moved(twins: Twins, by: float) -> str:
    """The whole state, as if all its event times had been told `by` seconds later."""
    for block in twins.blocks:
        block.setback._shift(list(range(len(block))), by)
    return bits(twins, without={*ARRIVAL, *RING, *WALL})


@pytest.mark.parametrize("assets", [1, 40], ids=["floats", "arrays"])
def test_a_stream_without_times_goes_on_as_if_the_clock_had_not_been_set_back(assets: int) -> None:
    stream = readings(120, assets)
    whole, cut = plant(), plant()
    played(whole, stream, lambda k: START + k)
    out = played(cut, stream, lambda k: START + k - (WEEK if k >= 70 else 0.0))
    assert rejected(out) == []
    assert [len(each.set_back) for each in out] == [assets if k == 70 else 0 for k in range(120)]
    assert set(out[70].set_back) == {WEEK}
    assert moved(cut, WEEK) == moved(whole, 0.0)


@pytest.mark.parametrize("by", [-WEEK, WEEK])
def test_a_step_that_was_seen_leaves_no_trace_but_in_times(by: float) -> None:
    stream = readings(120, 3)
    whole, stepped = plant(), plant()
    played(whole, stream, lambda k: START + k)
    out = played(stepped, stream[:70], lambda k: START + k)
    stepped.step(by, START + 69.5 + by)
    stepped.on_time(START + 69.5 + by)
    assert stepped.status_counts()["live"] == 3
    out += played(stepped, stream[70:], lambda k: START + k + by, first=70)
    assert rejected(out) == []
    assert sum(len(each.set_back) for each in out) == 0
    assert moved(stepped, -by) == moved(whole, 0.0)


def test_sensors_whose_clock_was_set_back_with_the_agents_are_believed_again() -> None:
    twins = plant()
    stream = readings(100, 2)
    out = played(
        twins,
        stream,
        lambda k: START + k - (3600.0 if k >= 60 else 0),
        timed=lambda k: START + k - (3600.0 if k >= 60 else 0),
    )
    assert rejected(out) == []
    assert len(out[60].set_back) == 2
    assert {twin["time"] for twin in twins.summaries()} == {START + 99 - 3600}


def test_a_sensor_ahead_that_is_put_right_is_late_for_no_longer_than_max_ahead() -> None:
    twins = plant()
    out = played(twins, readings(200, 1), lambda k: START + k, timed=lambda k: START + k + (50.0 if k < 60 else 0.0))
    late = [k for k, each in enumerate(out) if each.rejects]
    assert late
    assert late[0] == 60
    assert late[-1] - late[0] < 60
    assert set(rejected(out)) <= {Reason.LATE, Reason.DUPLICATE}


def test_a_late_reading_is_late_where_the_newest_time_is_not_ahead() -> None:
    twins = plant()
    stream = readings(60, 1)
    played(twins, stream, lambda k: START + k, timed=lambda k: START + k)
    before = bits(twins)
    out = played(twins, stream[:1], lambda k: START + 60, timed=lambda k: START - 3600)
    assert rejected(out) == [Reason.LATE, Reason.LATE]
    assert bits(twins, without={"newest"}) == "\n".join(
        line for line in before.split("\n") if not line.startswith("/newest")
    )


def test_a_sensor_in_1970_or_far_ahead_moves_nothing() -> None:
    twins = plant()
    played(twins, readings(60, 1), lambda k: START + k, timed=lambda k: START + k)
    before = bits(twins, without={"newest"})
    out = played(twins, readings(1, 1), lambda k: START + 60, timed=lambda k: 86400.0)
    out += played(twins, readings(1, 1), lambda k: START + 60, timed=lambda k: START + 3600.0)
    assert set(rejected(out)) == {Reason.LATE, Reason.AHEAD}
    assert bits(twins, without={"newest"}) == before


def test_a_clock_that_is_set_back_and_forth_before_a_twin_speaks_is_nothing_to_it() -> None:
    stream = readings(30, 1)
    whole, other = plant(), plant()
    for twins in (whole, other):
        played(twins, stream[:20], lambda k: START + k)
    other.on_time(START - 3600)
    other.on_time(START + 19.5)
    out = []
    for twins in (whole, other):
        out = played(twins, stream[20:], lambda k: START + k, first=20)
    assert not any(each.set_back or each.rejects for each in out)
    assert bits(other, without={*ARRIVAL, *WALL}) == bits(whole, without={*ARRIVAL, *WALL})


@pytest.mark.parametrize("clock", ["on_time", "resume"])
def test_twins_that_slept_while_the_clock_was_set_back_are_remembered_until_they_speak(clock: str) -> None:
    twins = plant()
    stream = readings(60, 2)
    played(twins, stream[:30], lambda k: START + k)
    getattr(twins, clock)(START - 3600)
    restored = plant()
    assert restored.restore(twins.snapshot()) == []
    out = played(restored, stream[30:], lambda k: START - 3630 + k, first=30)
    assert rejected(out) == []
    assert [len(each.set_back) for each in out[:2]] == [2, 0]


def test_a_shared_input_goes_on_when_the_clock_is_set_back() -> None:
    room = {
        "topic": "room/{asset}",
        "model": {"type": "first_order", "tau": 60, "target": {"topic": "weather"}},
        "channels": {"air": {}},
    }
    twins = core(settings(assets=[room]))

    def say(now: float, topic: str, payload: bytes) -> Outputs:
        return twins.on_batch(Batch.of(topic, payload, now))

    for k in range(20):
        say(START + k, "weather", b"10")
        say(START + k + 0.5, "room/a", b'{"air": 20}')
    back = START - 3600
    assert not say(back, "weather", b"30").rejects
    assert not say(back + 0.5, "room/a", b'{"air": 20}').rejects
    assert not say(back + 1, "weather", b"31").rejects
    assert twins.blocks[0].banks[0].views["u0"][0] == 31.0


@st.composite
def clocks(draw: st.DrawFn) -> list[float]:
    """Times of arrival, a second apart, with steps back and forth in between."""
    steps = draw(
        st.dictionaries(st.integers(5, 39), st.sampled_from([-3e8, -DAY, -100.0, -2.5, -1.25, 0.25, 50.0, 1e7]))
    )
    now, out = START, []
    for k in range(40):
        now += 1.0 + steps.get(k, 0.0)
        out.append(now)
    return out


@hypothesis.settings(max_examples=20, deadline=None)
@given(clock=clocks(), cuts=st.randoms(use_true_random=False), assets=st.sampled_from([1, 30]))
def test_whatever_the_clock_does_readings_without_times_are_used_cut_anywhere_and_replayed_to_the_same_bits(
    clock: list[float], cuts: random.Random, assets: int
) -> None:
    stream = readings(40, assets)
    whole = plant()
    turns: list[Taken] = []
    out = []
    for k, now in enumerate(stream):
        topics = [b"plant/a%d" % n for n in range(assets)]
        payloads = [json.dumps(values).encode() for values in now]
        made: list[tuple[int, str, float]] = []
        batch = Batch(topics, payloads, [clock[k]] * assets, bytes(assets))
        steps_of: list[Taken] = []
        out.append(whole.on_batch(batch, lambda steps, received, into=steps_of: into.append(Taken(steps, received))))
        made = out[-1].made
        turns += [turn._replace(made=[_made(*one) for one in made]) for turn in steps_of]
    assert rejected(out) == []
    assert whole.summaries()[0]["time"] == clock[-1]

    one_by_one = plant()
    for k, now in enumerate(stream):
        at = 0
        while at < assets:
            end = min(assets, at + cuts.choice((1, 3, 30)))
            part = [json.dumps(values).encode() for values in now[at:end]]
            topics = [b"plant/a%d" % n for n in range(at, end)]
            one_by_one.on_batch(Batch(topics, part, [clock[k]] * len(part), bytes(len(part))))
            at = end
    assert bits(one_by_one) == bits(whole)

    again = plant()
    replay = Replay(again)
    replay.add(decode(encode(turns)))
    replay.finish()
    assert replay.failures == 0
    assert bits(again, without={"due", "seq"}) == bits(whole, without={"due", "seq"})


def test_silence_after_a_set_back_is_noticed_alike_by_a_run_its_replay_and_one_restored_before_it() -> None:
    plant = settings(assets=[{**PLANT, "alarms": {"gone": {"type": "absence", "after": 20}}}], floods=EVERY_CHANGE)
    stream = readings(40, 3)
    turns: list[Any] = []

    def go_on(twins: Twins, record: list[Any] | None) -> None:
        topics = [b"plant/a%d" % n for n in range(3)]
        for k, now in enumerate(stream[30:]):
            payloads = [json.dumps(values).encode() for values in now]
            batch = Batch(topics, payloads, [START - DAY + k] * 3, bytes(3))
            twins.on_batch(batch, None if record is None else lambda *taken: turns.append(Taken(*taken)))
        for later in (15.0, 45.0):
            turns.append(Passed(START - DAY + later))
            twins.on_time(START - DAY + later)

    run = core(plant)
    played(run, stream[:30], lambda k: START + k)
    run.on_time(START + 30)
    saved = run.snapshot()
    restored, replayed = core(plant), core(plant)
    assert restored.restore(saved) == replayed.restore(saved) == []
    go_on(run, turns)
    assert run.active_alarms()["warning"] == 6
    replay = Replay(replayed)
    replay.add(decode(encode(turns)))
    replay.finish()
    go_on(restored, None)
    assert bits(restored) == bits(run)
    assert bits(replayed) == bits(run)


def _made(block: int, name: str, time: float) -> Any:
    from agent.journal import Made

    return Made(block, name, time)


def test_a_step_is_journalled_to_the_bit() -> None:
    steps = [Stepped(-3600.000000123, START), Stepped(0.1 + 0.2, START + 7)]
    assert decode(encode(steps)) == steps
    assert SET_BACK == 1.0
