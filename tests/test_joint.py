"""Channels of an asset held against each other: what is found, whom it is laid to, and that it can be repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.alarms import relation
from agent.alarms.joint import Joint
from agent.alarms.suspect import find
from agent.build import PlanError
from agent.journal import Replay, Taken, decode, encode
from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.services import settings
from tests.streams import alarms, bits, core

START = 1_780_000_000.0
PERIOD = 10.0
Rows = NDArray[np.float64]  # (times, channels)
PLANT = np.array([[1.0, 2.0, -0.5]])  # what one load does to the three channels


def twins(*, apart: bool = False, **anomaly: Any) -> Twins:
    """Three channels of one asset, in one message or each on a topic of its own."""
    block = {
        "topic": "p/{asset}/{channel}" if apart else "p/{asset}",
        "model": "level",
        "channels": {"flow": {"unit": "m3/h"}, "current": {"unit": "A"}, "pressure": {"unit": "bar"}},
        "time": {"field": "t", "format": "s", "window": 16, "late": 60},
        "state": {"policy": "never"},
        "forecast": {"horizons": []},
        "learning": 4,
        "alarms": {"anomaly": {"type": "anomaly", **anomaly}},
    }
    return core(settings(assets=[block]))


def joint(t: Twins) -> Joint:
    (rule,) = (a.rule for a in t.blocks[0].alarms if isinstance(a.rule, Joint))
    return rule


def plant(count: int, seed: int = 1) -> Rows:
    """A load that wanders far and slowly, and three channels that follow it, each with noise of its own."""
    rng = np.random.default_rng(seed)
    load = np.zeros(count)
    for k in range(1, count):
        load[k] = 0.98 * load[k - 1] + rng.normal()
    return 50.0 + 2.0 * load[:, None] * PLANT + rng.normal(size=(count, 3)) * np.array([0.5, 0.8, 0.3])


def batch(rows: Rows, start: int = 0, asset: str = "a") -> Batch:
    payloads = [
        json.dumps({"t": START + k * PERIOD, **dict(zip(("flow", "current", "pressure"), row, strict=True))}).encode()
        for k, row in enumerate(rows.tolist(), start)
    ]
    received = [START + k * PERIOD for k in range(start, start + len(rows))]
    return Batch([f"p/{asset}".encode()] * len(rows), payloads, received, bytes(len(rows)))


def play(t: Twins, rows: Rows, start: int = 0, asset: str = "a") -> list[dict[str, Any]]:
    """The alarms that are raised."""
    out = t.on_batch(batch(rows, start, asset))
    told = [json.loads(change.payload) for change in out.alarms]
    return [alarm for alarm in told if alarm["state"] == "active"]


# -- the arithmetic


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_floats_and_arrays_learn_the_same_bits(channels: int) -> None:
    rng = np.random.default_rng(3)
    count = 30
    mixed = rng.normal(size=(channels, channels))
    many = {name: np.full(count, relation.start(name)) for name in relation.names(channels)}
    single = {name: column.copy() for name, column in many.items()}
    arrays, floats = ({name: f.made() for name, f in relation.program(channels).items()} for _ in range(2))
    for functions, columns in ((arrays, many), (floats, single)):
        for function in functions.values():
            function.bind(columns)
    rows = np.arange(count)
    for k in range(500):
        z = (rng.normal(size=(count, channels)) @ mixed).T * 1e3 ** rng.integers(-1, 2)
        at_hand = (rng.random((channels, count)) > 0.1).astype(float)
        with np.errstate(all="ignore"):
            arrays["judge"].many(rows, np.full(count, 10.0 * k), *z, *at_hand)
        for row in range(count):
            floats["judge"].one(row, 10.0 * k, *z[:, row].tolist(), *at_hand[:, row].tolist())
        if k % 20 == 0:
            arrays["learn"].many(rows)
            for row in range(count):
                floats["learn"].one(row)
    assert many["evidence"].max() > 0.0
    for name, column in many.items():
        assert column.tobytes() == single[name].tobytes(), name


def test_what_is_judged_when_all_are_at_hand_is_what_masks_would_give() -> None:
    rng = np.random.default_rng(8)
    functions = []
    columns = []
    for _ in range(2):
        columns.append({name: np.full(5, relation.start(name)) for name in relation.names(4)})
        functions.append({name: f.made() for name, f in relation.program(4).items()})
        for function in functions[-1].values():
            function.bind(columns[-1])
    rows = np.arange(5)
    for k in range(400):
        z = (rng.normal(size=(5, 1)) + rng.normal(size=(5, 4))).T
        with np.errstate(all="ignore"):
            functions[0]["judge"].many(rows, np.full(5, float(k)), *z, *np.ones((4, 5)))
            arguments = () if columns[1]["whole"].all() else tuple(np.ones((4, 5)))
            functions[1]["judge" if arguments else "judge_all"].many(rows, np.full(5, float(k)), *z, *arguments)
    assert columns[1]["whole"].all()
    for name, column in columns[0].items():
        assert column.tobytes() == columns[1][name].tobytes(), name


def test_the_statistic_is_the_conditional_residual_that_linear_algebra_gives() -> None:
    t = twins(detectors=["joint"])
    rule = joint(t)
    play(t, plant(1000))
    v = {name: column[0] for name, column in rule.columns.items()}
    covariance = np.array([[v[f"S{min(j, k)}_{max(j, k)}"] for k in range(3)] for j in range(3)])
    mean = np.array([v[f"m{k}"] for k in range(3)])
    before = np.array([v[f"f{k}"] for k in range(3)])
    reading = plant(1001)[1000] + np.array([6.0, 0.0, 0.0])
    play(t, reading[None, :], 1000)
    smooth = before + (reading - before) / relation.FAST
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale) + relation.RIDGE * np.eye(3)
    expected = []
    for k in range(3):
        others = [j for j in range(3) if j != k]
        u = (smooth - mean) / scale
        slope = np.linalg.solve(correlation[np.ix_(others, others)], correlation[others, k])
        variance = correlation[k, k] - correlation[k, others] @ slope
        expected.append(abs(u[k] - slope @ u[others]) / np.sqrt(variance))
    assert rule.columns["B"][0] >= max(expected) * (1 - 1e-9)
    assert max(expected) == pytest.approx(expected[0])
    assert int(rule.columns["odd"][0]) == 1


def test_what_is_learned_are_the_means_and_covariances_of_the_smoothed_readings() -> None:
    t = twins(detectors=["joint"])
    rows = plant(3000)
    play(t, rows)
    smooth, at = [], rows[0]
    for k, row in enumerate(rows):
        at = at + (row - at) * max(1.0 / (k + 1), 1.0 / relation.FAST)
        smooth.append(at)
    expected = np.cov(np.array(smooth).T, bias=True)
    rule = joint(t)
    learned = np.array([[rule.columns[f"S{min(j, k)}_{max(j, k)}"][0] for k in range(3)] for j in range(3)])
    # A state that is improbable counts less, so the learned ones are a little smaller.
    assert np.allclose(learned / expected, 1.0, atol=0.25)
    assert np.allclose([rule.columns[f"m{k}"][0] for k in range(3)], np.mean(smooth, axis=0), rtol=0.05)


# -- what is found


def test_a_channel_that_goes_its_own_way_within_its_usual_range_is_found_though_no_channel_alone_is_unusual() -> None:
    t = twins(false_alarms=1, per="30d")
    rows = plant(6000)
    assert play(t, rows[:5000]) == []
    rows[5000:, 0] += np.minimum(np.arange(1000) / 300.0, 1.0) * 8.0  # a fifth of the range of the flow
    (alarm,) = play(t, rows[5000:5400], 5000)
    assert alarm["alarm"] == "anomaly_joint"
    assert alarm["channel"] == "flow"
    assert alarm["suspect"] == "sensor"
    assert "sensor of flow suspected" in alarm["text"]
    assert alarm["time"] - START - 5000 * PERIOD < 300 * PERIOD


def test_channels_that_move_along_are_a_change_of_the_process() -> None:
    t = twins(false_alarms=10, per="30d")
    rows = plant(6000)
    play(t, rows[:5000])
    rows[5000:] += 60.0 * PLANT  # far outside of all that was seen
    raised = play(t, rows[5000:5200], 5000)
    assert {alarm["channel"] for alarm in raised} >= {"flow", "current"}
    assert {alarm["suspect"] for alarm in raised} == {"process"}
    assert all("changed along with" in alarm["text"] for alarm in raised)


def test_a_channel_alone_far_out_is_its_sensor_and_one_sibling_that_says_so_is_not_enough() -> None:
    rows = plant(6000)
    rows[5000:, 0] += 60.0
    t = twins()
    play(t, rows[:5000])
    raised = play(t, rows[5000:5100], 5000)
    assert {alarm["suspect"] for alarm in raised if alarm["channel"] == "flow"} == {"sensor"}
    alone = rows.copy()
    alone[:, 2] = 50.0 + np.random.default_rng(7).normal(size=6000)  # now only the current knows the flow
    t = twins()
    play(t, alone[:5000])
    raised = play(t, alone[5000:5100], 5000)
    assert raised
    assert {alarm["suspect"] for alarm in raised} == {"unknown"}


def test_a_single_glitch_is_laid_to_the_sensor_at_once() -> None:
    t = twins()
    rows = plant(5001)
    rows[5000, 1] += 80.0
    play(t, rows[:5000])
    (alarm,) = [a for a in play(t, rows[5000:], 5000) if a["channel"] == "current" and a["alarm"] != "anomaly_joint"]
    assert alarm["suspect"] == "sensor"


def test_siblings_that_know_nothing_of_each_other_claim_nothing_and_raise_nothing_together() -> None:
    t = twins()
    rng = np.random.default_rng(5)
    rows = 50.0 + rng.normal(size=(4000, 3))
    rows[3000:, 0] += 30.0
    raised = play(t, rows)
    assert raised
    assert {alarm["suspect"] for alarm in raised} == {"unknown"}
    assert "anomaly_joint" not in {alarm["alarm"] for alarm in raised}


@pytest.mark.parametrize(
    ("off", "channel", "said"),
    [
        ((8.0, 0.0, 0.0), 0, "sensor"),
        ((8.0, 0.0, 0.0), 1, "unknown"),  # the fault is another's
        ((3.0, 3.0, 3.0), 0, "process"),  # all along
        ((0.2, 0.1, 0.0), 0, "unknown"),  # nothing is off
        ((8.0, -8.0, 0.0), 0, "process"),  # no one channel accounts for that
    ],
)
def test_of_what_is_off_only_one_explanation_may_be_left(off: tuple[float, ...], channel: int, said: str) -> None:
    covariance = np.full((3, 3), 0.99) + 0.01 * np.eye(3)
    found = find(channel, off, covariance.tolist(), [False] * 3, 2.4, 3.2)
    assert found is not None
    assert found.suspect == said


def test_the_expectation_of_a_finding_is_the_regression_on_the_siblings() -> None:
    rng = np.random.default_rng(2)
    covariance = np.cov(rng.normal(size=(4, 4)) @ rng.normal(size=(4, 500)))
    off = [1.0, -2.0, 0.5, 3.0]
    found = find(2, off, covariance.tolist(), [False] * 4, 2.4, 3.2)
    others = [0, 1, 3]
    slope = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, 2])
    assert found is not None
    assert found.off == pytest.approx(0.5 - slope @ np.array(off)[others], rel=0.05)
    assert found.std**2 == pytest.approx(covariance[2, 2] - slope @ covariance[others, 2], rel=0.05)


def test_a_new_way_of_going_together_is_learned_and_shuts_nothing() -> None:
    t = twins(false_alarms=1, per="30d")
    rows = plant(28000)
    rows[4000:, 0] += 15.0
    raised = play(t, rows)
    assert [a["alarm"] for a in raised].count("anomaly_joint") <= 3
    assert joint(t).columns["evidence"][0] < joint(t).threshold(0) / 2
    rows[:, 0] -= 15.0
    assert "anomaly_joint" in {a["alarm"] for a in play(t, rows[27000:27300], 28000)}


def test_no_more_false_alarms_than_the_budget_bears() -> None:
    t = twins(detectors=["joint"], false_alarms=1, per="1h")
    count, assets = 1500, 40
    data = [plant(count, seed) for seed in range(assets)]
    raised = 0
    for k in range(count):
        payloads = [
            json.dumps(
                dict(zip(("t", "flow", "current", "pressure"), (START + k * PERIOD, *d[k]), strict=True))
            ).encode()
            for d in data
        ]
        topics = [f"p/{a}".encode() for a in range(assets)]
        out = t.on_batch(Batch(topics, payloads, [START + k * PERIOD] * assets, bytes(assets)))
        raised += sum(json.loads(c.payload)["state"] == "active" for c in out.alarms)
    hours = count * PERIOD / 3600.0
    assert 0 < raised <= hours * assets


# -- who shares what


def test_the_channels_and_their_relation_share_one_budget() -> None:
    t = twins(false_alarms=4, per="1h")
    rates = [a.rule.rate for a in t.blocks[0].alarms]  # type: ignore[attr-defined]
    assert rates == [1 / 3600.0] * 4
    alone = twins(false_alarms=4, per="1h", detectors=["joint"])
    assert [a.name for a in alone.blocks[0].alarms] == ["anomaly_joint"]
    assert joint(alone).rate == 4 / 3600.0


def test_one_channel_has_no_relation_and_only_as_many_are_compared_as_allowed() -> None:
    def names(count: int, **anomaly: Any) -> tuple[list[str], int]:
        block = {
            "topic": "p/{asset}",
            "channels": {f"c{k}": {} for k in range(count)},
            "alarms": {"odd": {"type": "anomaly", **anomaly}},
        }
        made = core(settings(assets=[block])).blocks[0].alarms
        return [a.name for a in made], sum(len(a.rule.members) for a in made if isinstance(a.rule, Joint))

    assert names(1) == (["odd"], 0)
    assert names(3, joint_channels=2) == (["odd_c0", "odd_c1", "odd_c2", "odd_joint"], 2)
    assert names(20)[1] == 8
    assert names(3, channel="c1") == (["odd"], 0)
    for wrong in ({"channel": "c1", "detectors": ["joint"]}, {"detectors": ["joint"]}):
        with pytest.raises(PlanError, match="holds several channels against each other"):
            names(1 if "channel" not in wrong else 3, **wrong)


# -- channels with messages of their own


def say(t: Twins, slot: str, time: float, value: float, asset: str = "a") -> Outputs:
    payload = json.dumps({"t": time, slot: value}).encode()
    return t.on_batch(Batch.of(f"p/{asset}/{slot}", payload, time))


def test_channels_with_messages_of_their_own_are_judged_once_in_a_cycle() -> None:
    t = twins(apart=True, detectors=["joint"])
    counts = []
    for k in range(20):
        for n, slot in enumerate(("flow", "current", "pressure")):
            say(t, slot, START + 10.0 * k + n * 0.5, 50.0 + k % 3)
            counts.append(joint(t).columns["n"][0])
    # As soon as the usual intervals are known: with the last of the three.
    assert np.diff(counts[8:]).tolist() == [0.0, 0.0, 1.0] * 17
    assert joint(t).columns["d"][0] == pytest.approx(10.0, rel=0.15)


def test_a_channel_that_fell_silent_is_left_out_and_the_others_go_on() -> None:
    t = twins(apart=True, detectors=["joint"])
    for k in range(40):
        for slot in ("flow", "current", "pressure")[: 3 if k < 20 else 2]:
            say(t, slot, START + 10.0 * k, 50.0 + k % 3)
        if k == 21:  # it stands for itself for one and a half intervals
            before = {name: column[0] for name, column in joint(t).columns.items()}
    rule = joint(t)
    assert rule.columns["n"][0] == before["n"] + 18
    for name in ("m2", "f2", "S0_2", "S1_2", "S2_2", "at2"):
        assert rule.columns[name][0] == before[name]
    assert rule.columns["S0_1"][0] != before["S0_1"]


def test_a_slow_channel_stands_for_itself_until_it_reports_again() -> None:
    t = twins(apart=True, detectors=["joint"])
    for k in range(120):
        say(t, "flow", START + k, 50.0 + k % 3)
        say(t, "current", START + k, 50.0 - k % 3)
        if k % 10 == 0:
            say(t, "pressure", START + k, 50.0 + k % 7)
    rule = joint(t)
    assert rule.columns["n"][0] >= 90  # judged with the quick ones
    assert rule.columns["S0_2"][0] != 0.0


def test_a_late_reading_judges_nothing() -> None:
    t = twins(detectors=["joint"])
    rows = plant(400)
    keep = np.ones(400, bool)
    keep[395] = False
    payloads = batch(rows)
    for k in np.flatnonzero(keep).tolist():
        t.on_batch(Batch(*(column[k : k + 1] for column in payloads[:4])))
    before = {name: column[0] for name, column in joint(t).columns.items()}
    out = t.on_batch(Batch(payloads.topics[395:396], payloads.payloads[395:396], [START + 4001.0], b"\0"))
    assert out.late == 3
    assert {name: column[0] for name, column in joint(t).columns.items()} == before


# -- the same again


def messages(seed: int, *, apart: bool) -> list[tuple[bytes, bytes, float]]:
    """Thirty assets for some three hundred readings: faults, gaps, late and double messages among them."""
    rng = np.random.default_rng(seed)
    out = []
    data = [plant(320, 100 * seed + a) for a in range(30)]
    for a, rows in enumerate(data):
        rows[250 + a :, a % 3] += (0.0, 5.0, 40.0)[a % 3 if a % 2 else 2]
    for k in range(320):
        now = START + k * PERIOD
        for a, rows in enumerate(data):
            if rng.random() < 0.03:
                continue
            time = now - (25.0 if rng.random() < 0.02 else 0.0)
            values = dict(zip(("flow", "current", "pressure"), rows[k].tolist(), strict=True))
            if rng.random() < 0.03:
                del values["current"]
            if apart:
                for name in rng.permutation(list(values)).tolist():
                    payload = json.dumps({"t": time, name: values[name]}).encode()
                    out.append((f"p/{a}/{name}".encode(), payload, now))
            else:
                out.append((f"p/{a}".encode(), json.dumps({"t": time, **values}).encode(), now))
    return out


def run(t: Twins, stream: Sequence[tuple[bytes, bytes, float]], sizes: Iterable[int]) -> list[Outputs]:
    outputs, at = [], 0
    for size in sizes:
        part = stream[at : at + size]
        at += size
        if part:
            topics, payloads, received = zip(*part, strict=True)
            outputs.append(t.on_batch(Batch(topics, payloads, received, bytes(len(part)))))
    return outputs


def by_asset(outputs: Sequence[Outputs]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for identity in alarms(outputs):
        told.setdefault("/".join(identity.split("/")[:2]), []).append(identity)
    return told


@pytest.mark.parametrize("apart", [False, True])
def test_however_the_stream_is_cut_the_same_is_learned_and_said(apart: bool) -> None:
    stream = messages(1, apart=apart)
    plain = {"false_alarms": 5, "per": "1h"}
    straight = twins(apart=apart, **plain)
    first = run(straight, stream, [1] * len(stream))
    assert any("anomaly_joint" in key for key in by_asset(first))
    for size in (31, 700):
        cut = twins(apart=apart, **plain)
        second = run(cut, stream, [size] * (len(stream) // size + 1))
        assert bits(cut) == bits(straight)
        assert by_asset(second) == by_asset(first)
        payloads = Counter(c.payload for out in second for c in out.alarms)
        assert payloads == Counter(c.payload for out in first for c in out.alarms)


def test_a_core_restored_in_the_middle_and_a_replayed_journal_end_at_the_same_bits() -> None:
    stream = messages(2, apart=False)
    half = len(stream) // 2
    straight, restored, replayed = twins(), twins(), twins()
    record: list[Taken] = []
    before = straight.on_batch(_whole(stream[:half]))
    assert before.readings > 0
    restored.restore(straight.snapshot())
    replayed.restore(straight.snapshot())
    straight.on_batch(_whole(stream[half:]), lambda steps, received: record.append(Taken(steps, received)))
    restored.on_batch(_whole(stream[half:]))
    replay = Replay(replayed)
    replay.add(decode(encode(record)))
    replay.finish()
    assert replay.failures == 0
    assert bits(restored) == bits(straight)
    assert bits(replayed, without=("floods",)) == bits(straight, without=("floods",))


def _whole(stream: Sequence[tuple[bytes, bytes, float]]) -> Batch:
    topics, payloads, received = zip(*stream, strict=True)
    return Batch(topics, payloads, received, bytes(len(stream)))


def test_what_two_channels_learned_is_not_taken_for_what_three_have() -> None:
    two, three = twins(detectors=["joint"], joint_channels=2), twins(detectors=["joint"], joint_channels=3)
    play(two, plant(300))
    play(three, plant(300))
    wider, narrower = twins(detectors=["joint"], joint_channels=3), twins(detectors=["joint"], joint_channels=2)
    for new, old in ((wider, two), (narrower, three)):
        saved = old.snapshot()
        (rows,) = (a["rows"] for a in saved["blocks"][0]["alarms"].values())
        new.blocks[0].add("a", START)
        kept = {k.removeprefix("rule_"): v for k, v in rows.items() if k.startswith("rule_")}
        joint(new).load(np.array([0]), kept)
    assert joint(wider).columns["n"][0] == 0
    assert joint(narrower).columns["n"][0] == 300
