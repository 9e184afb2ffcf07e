"""Scenarios as events: determinism, schedules, faults and their labels."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.base import Channel, Simulator, parameter
from simulators.faults import EFFECTS
from simulators.kinds import KINDS
from simulators.pace import paced
from simulators.run import events, labels
from simulators.scenario import load

START = 1_767_225_600.0
SCENARIOS = sorted((Path(__file__).parent.parent / "configs" / "scenarios").glob("*.yaml"))


def scenario(**keys):
    return load({"seed": 4, "start": START, "duration": "2min", "assets": [{"kind": "pump", "name": "p"}], **keys})


def telemetry(of):
    return [e for e in events(of) if e.announces is None]


def readings(of, channel, asset="p"):
    """Time and value of each reading of a channel, from the bytes that are sent."""
    sent = [(e.time, json.loads(e.payload)) for e in telemetry(of) if e.asset == asset]
    return {time: values[channel] for time, values in sent if channel in values}


@dataclasses.dataclass(frozen=True)
class StillParameters:
    value: float = parameter(1.0, "1", "what it says")


class Still(Simulator[StillParameters]):
    """A plug-in: two constants, one noisy, and a count of the integration steps of all instances."""

    Parameters = StillParameters
    channels = (Channel("a", "1", noise=0.0, decimals=6, span=1.0), Channel("b", "1", 0.1, 6, 1.0))
    longest_step = 1e9
    steps = 0

    def step(self, dt):
        Still.steps += 1

    def truth(self):
        return {"a": self.parameters.value, "b": 2.0}


STILL = f"{__name__}:Still"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_each_shipped_scenario_plays_the_same_bytes_twice(path):
    shipped = dataclasses.replace(load(path), start=START, duration=90.0)
    once, again = ([(e.time, e.topic, e.payload) for e in events(shipped)] for _ in range(2))
    assert once == again
    assert len(once) > 0
    other = [e.payload for e in events(dataclasses.replace(shipped, seed=99))]
    assert other != [payload for _, _, payload in once]


def test_a_scenario_is_shipped_for_each_kind_and_one_for_the_plant():
    assert {p.stem for p in SCENARIOS} == {*KINDS, "plant"}
    plant = load(next(p for p in SCENARIOS if p.stem == "plant"))
    assert len(plant.assets) >= 12
    assert {a.kind for a in plant.assets} == set(KINDS)
    (fault,) = plant.faults
    assert 8.0 <= fault.start <= 20.0 and fault.duration <= 30.0


def test_an_asset_says_the_same_whoever_else_speaks():
    alone = scenario()
    company = scenario(assets=[{"kind": "tank", "count": 3}, {"kind": "pump", "name": "p"}, {"kind": "room"}])
    assert list(events(alone)) == [e for e in events(company) if e.asset == "p"]


def test_the_order_is_that_of_time_in_milliseconds_and_equal_times_keep_a_fixed_order():
    many = scenario(assets=[{"kind": STILL, "count": 40, "period": "10ms", "name": "s{n}"}], duration=1)
    times = [e.time for e in events(many)]
    assert times == sorted(times)
    odd = scenario(assets=[{"kind": STILL, "period": 1 / 3}], duration=10)
    assert all(e.time == round(e.time, 3) for e in events(odd))
    assert len(set(times)) < len(times)
    assert list(events(many)) == list(events(many))


@pytest.mark.parametrize("period", [0.1, 1.0, 7.5, 60.0])
def test_each_asset_speaks_once_in_each_period(period):
    spoken = telemetry(scenario(assets=[{"kind": STILL, "count": 5, "period": period}], duration=120 * period))
    by_asset = defaultdict(list)
    for event in spoken:
        by_asset[event.asset].append(event.time)
    assert len(by_asset) == 5
    for times in by_asset.values():
        assert len(times) == 120
        assert all(b - a == pytest.approx(period, abs=0.0011) for a, b in itertools.pairwise(times))
    assert len({times[0] for times in by_asset.values()}) > 1


def test_hundreds_of_assets_cost_one_step_for_each_reading():
    Still.steps = 0
    many = scenario(assets=[{"kind": STILL, "count": 700, "period": 1}], duration=20)
    assert sum(1 for _ in events(many)) == 14_000
    assert Still.steps <= 14_000


def test_an_endless_scenario_is_as_long_as_one_cares_to_listen():
    endless = scenario(duration=None)
    finite = scenario()
    head = list(events(finite))
    assert list(itertools.islice(events(endless), len(head))) == head


def test_a_scenario_that_starts_now_asks_what_time_it_is():
    unbound = scenario(start="now")
    with pytest.raises(ValueError, match="scenario"):
        events(unbound)
    with pytest.raises(ValueError, match="scenario"):
        labels(unbound)
    assert next(events(unbound.at(START))) == next(events(scenario()))
    assert scenario().at(5.0).start == START


def test_each_channel_has_its_own_topic_when_payloads_are_numbers():
    assets = [{"kind": "tank", "name": "t", "payload": "number", "topic": "x/{asset}/{channel}"}]
    numbers = telemetry(scenario(assets=assets))
    objects = telemetry(scenario(assets=[{"kind": "tank", "name": "t"}]))
    assert len(numbers) == 3 * len(objects)
    for i, whole in enumerate(objects):
        fields = json.loads(whole.payload)
        assert fields.pop("ts") == whole.time
        parts = {e.topic: json.loads(e.payload) for e in numbers[3 * i : 3 * i + 3]}
        assert parts == {f"x/t/{channel}": value for channel, value in fields.items()}


def expected(kind, clean, held, magnitude, progress):
    """What a fault makes of a reading, written down a second time."""
    match kind:
        case "spike" | "step":
            return clean + magnitude
        case "drift":
            return clean + magnitude * progress
        case "stuck":
            return held
    raise AssertionError(kind)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(EFFECTS)),
    start=st.floats(0, 50),
    duration=st.floats(0.01, 40),
    period=st.floats(0.2, 5),
    magnitude=st.floats(0.5, 100),
    seed=st.integers(0, 1000),
)
def test_a_fault_does_what_its_label_says_and_nothing_outside_it(kind, start, duration, period, magnitude, seed):
    fault = {"asset": "p", "channel": "flow", "kind": kind, "start": start}
    if EFFECTS[kind].has_duration:
        fault["duration"] = duration
    if EFFECTS[kind].has_magnitude:
        fault["magnitude"] = magnitude
    base = {"assets": [{"kind": "pump", "name": "p", "period": period}], "duration": 60, "seed": seed}
    faulty, sound = scenario(**base, faults=[fault]), scenario(**base)
    clean, said = readings(sound, "flow"), readings(faulty, "flow")
    told = list(labels(faulty))
    if not told:
        assert clean == said
        assert start > max(clean) - START
        return
    (label,) = told
    inside = [t for t in clean if label.start <= t < label.end]
    assert inside[0] == label.start
    assert label.start >= START + start - 0.001
    assert (label.asset, label.channel, label.kind) == ("p", "flow", kind)
    if kind == "spike":
        assert len(inside) == 1
    for channel in ("vibration", "temperature", "pressure"):
        assert readings(sound, channel) == readings(faulty, channel)
    assert {t: v for t, v in clean.items() if t not in inside} == {t: v for t, v in said.items() if t not in inside}
    before = [v for t, v in clean.items() if t < label.start]
    held = before[-1] if before else clean[inside[0]]
    ends_inside = label.end <= max(clean)
    for i, time in enumerate(inside, start=1):
        if kind == "dropout":
            assert time not in said
        elif kind == "noise":
            assert abs(said[time] - clean[time]) < 6 * magnitude
        elif kind == "drift" and not ends_inside:
            assert clean[time] < said[time] <= clean[time] + magnitude + 0.01
        else:
            assert said[time] == pytest.approx(
                expected(kind, clean[time], held, magnitude, i / len(inside)), abs=0.0101
            )


def test_faults_that_meet_in_one_reading_add_up():
    spike = {"asset": "p", "channel": "flow", "kind": "spike", "magnitude": 5}
    sound = readings(scenario(), "flow")
    said = readings(scenario(faults=[{**spike, "start": 30.0}, {**spike, "start": 30.0}]), "flow")
    assert [said[t] - sound[t] for t in sound if said[t] != sound[t]] == pytest.approx([10.0])


def test_a_drop_of_gateway_leaves_the_last_word_for_a_sensor_that_sticks_after_it():
    gone = {"asset": "p", "kind": "dropout", "start": 30, "duration": 10}
    stuck = {"asset": "p", "channel": "flow", "kind": "stuck", "start": 40, "duration": 10}
    said = readings(scenario(faults=[gone, stuck]), "flow")
    before = [v for t, v in said.items() if t - START < 30]
    assert {v for t, v in said.items() if 40 <= t - START < 50} == {before[-1]}


def test_a_noise_fault_has_the_standard_deviation_it_states():
    fault = {"asset": "p", "channel": "flow", "kind": "noise", "start": 0, "duration": 4000, "magnitude": 7.0}
    noisy, sound = (readings(scenario(duration=4000, faults=f), "flow") for f in ([fault], []))
    extra = [noisy[t] - sound[t] for t in sound]
    assert statistics.pstdev(extra) == pytest.approx(7.0, rel=0.06)
    assert abs(statistics.fmean(extra)) < 0.6


def test_a_dropout_without_a_channel_silences_the_asset_and_is_told_for_each_channel():
    fault = {"asset": "p", "kind": "dropout", "start": 30, "duration": 20}
    silent, sound = scenario(faults=[fault]), scenario()
    told = list(labels(silent))
    assert {label.channel for label in told} == {"vibration", "temperature", "pressure", "flow"}
    (span,) = {(label.start, label.end) for label in told}
    assert [e for e in telemetry(sound) if not span[0] <= e.time < span[1]] == telemetry(silent)
    assert len(telemetry(sound)) - len(telemetry(silent)) == 20


def test_starts_and_ends_of_faults_are_told_on_their_topic_before_the_readings_they_touch():
    fault = {"asset": "p", "channel": "flow", "kind": "step", "start": 30, "duration": 20, "magnitude": 9}
    told = list(events(scenario(faults=[fault])))
    first, last = (i for i, e in enumerate(told) if e.announces is not None)
    assert told[first].topic == told[last].topic == "sim/truth/p"
    start, end = json.loads(told[first].payload), json.loads(told[last].payload)
    assert (start.pop("active"), end.pop("active")) == (True, False)
    assert start.pop("ts") == start["start"] == told[first + 1].time
    assert end.pop("ts") == end["end"] == told[last + 1].time
    (label,) = labels(scenario(faults=[fault]))
    assert start == end == label._asdict()
    assert [e.fault for e in told[first + 1 : last]] == ["step"] * 20
    assert told[first - 1].fault is None and told[last + 1].fault is None


def test_the_truth_of_a_message_is_the_state_without_noise_and_faults():
    fault = {"asset": "p", "channel": "flow", "kind": "step", "start": 30, "duration": 20, "magnitude": 9}
    faulty, sound = telemetry(scenario(faults=[fault])), telemetry(scenario())
    assert [e.truth for e in faulty] == [e.truth for e in sound]
    assert "speed" in faulty[0].truth


def test_no_truth_topic_no_announcements():
    fault = {"asset": "p", "kind": "dropout", "start": 30, "duration": 20}
    quiet = scenario(truth=None, faults=[fault])
    assert all(e.announces is None for e in events(quiet))
    assert len(list(labels(quiet))) == 4


def test_labels_are_those_of_the_announcements_in_the_same_order():
    many = scenario(
        assets=[{"kind": "pump", "count": 6}, {"kind": "battery", "count": 5, "period": 3}],
        duration="6h",
        random_faults={"rate": 4},
        faults=[{"asset": "pump-002", "kind": "dropout", "start": "1h", "duration": "10min"}],
    )
    announced = [e.announces for e in events(many) if e.announces is not None and e.announces.start == e.time]
    assert announced == list(labels(many))
    assert len(announced) > 100
    assert {label.kind for label in announced} == set(EFFECTS)


def test_random_faults_come_at_their_rate_and_never_two_at_a_time():
    rate, hours, assets = 2.0, 500.0, 40
    many = scenario(
        assets=[{"kind": STILL, "count": assets, "period": 10}],
        duration=hours * 3600,
        random_faults={"rate": rate, "duration": ["1min", "5min"], "magnitude": [0.5, 2.0]},
    )
    by_asset = defaultdict(list)
    for label in labels(many):
        by_asset[label.asset].append(label)
        if EFFECTS[label.kind].has_magnitude:
            assert 0.5 <= abs(label.magnitude) <= 2.0
    counts = [len(of) for of in by_asset.values()]
    # Three minutes of fault follow half an hour of waiting, on average.
    mean = hours / (1 / rate + 0.05)
    assert statistics.fmean(counts) == pytest.approx(mean, abs=5 * math.sqrt(mean / assets))
    for of in by_asset.values():
        assert all(a.end <= b.start + 10 for a, b in itertools.pairwise(of))
    kinds = Counter(label.kind for of in by_asset.values() for label in of)
    assert min(kinds.values()) > 0.9 * sum(kinds.values()) / len(EFFECTS)


def test_a_random_fault_gives_way_to_a_listed_one():
    listed = {"asset": "s", "channel": "a", "kind": "step", "start": "5h", "duration": "20h", "magnitude": 3}
    both = scenario(
        assets=[{"kind": STILL, "name": "s", "period": 10}],
        duration="50h",
        random_faults={"rate": 20, "kinds": ["step"]},
        faults=[listed],
    )
    during = [e for e in telemetry(both) if 5 * 3600 <= e.time - START < 25 * 3600]
    assert {json.loads(e.payload)["a"] for e in during} == {4.0}
    assert {label.channel for e in during for label in e.faults} == {"a", "b"}
    outside = [e for e in telemetry(both) if e.time - START > 25 * 3600 + 300]
    assert {label.channel for e in outside for label in e.faults} == {"a", "b"}


class FakeClock:
    """Time that passes only by waiting."""

    def __init__(self):
        self.now = 100.0
        self.waits = []
        self.stopped = False

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_events_wait_for_their_time_divided_by_the_speed(speed):
    clock = FakeClock()
    of = scenario()
    taken = []
    for event in paced(
        events(of), START, speed, stopping=lambda: clock.stopped, wait=clock.wait, clock=lambda: clock.now
    ):
        taken.append(event)
        assert clock.now - 100.0 == pytest.approx((event.time - START) / speed, abs=1e-6)
    assert taken == list(events(of))


def test_as_fast_as_possible_never_waits_and_a_stop_ends_between_two_events():
    clock = FakeClock()
    taken = []
    for event in paced(
        events(scenario()), START, math.inf, stopping=lambda: clock.stopped, wait=clock.wait, clock=lambda: clock.now
    ):
        taken.append(event)
        clock.stopped = len(taken) == 7
    assert len(taken) == 7
    assert clock.waits == []


def test_a_stop_during_a_wait_sends_nothing_more():
    clock = FakeClock()

    def wait(seconds):
        clock.stopped = True

    of = paced(events(scenario()), START, 1e-3, stopping=lambda: clock.stopped, wait=wait, clock=lambda: clock.now)
    assert list(of) == []
