"""A dead gateway is one alarm, a flood is read in small doses, and in the end the broker holds what is true."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.alarms.listing import page
from agent.journal import Made as New
from agent.journal import Passed, Replay, Taken, decode, encode
from agent.twins import Twins
from agent.types import Batch, Outputs
from tests.durables import Agent, copied
from tests.services import settings
from tests.streams import START, Event, bits, core

GROUP = "group_absence"


class Site:
    """Assets that speak over gateways, on a clock that looks when the core asks for it, and what a broker retains."""

    def __init__(self, after: float = 10.0, floods: dict[str, Any] | None = None, **block: Any) -> None:
        block = {
            "topic": "plant/{gateway}/{asset}",
            "name": "{asset}",
            "parent": "{gateway}",
            "channels": {"v": {"noise": 1.0}},
            "learning": 4,
            "silence": {"coasting": 1000, "stale": 2000},
            "alarms": {"gone": {"type": "absence", "after": after}},
        } | block
        self.raw = settings(assets=[block], **({} if floods is None else {"floods": floods}))
        self.twins: Twins = core(self.raw)
        self.now = START
        self.said: list[tuple[float, str, dict[str, Any]]] = []  # s since the start, topic below the site, message
        self.retained: dict[str, dict[str, Any]] = {}
        self.withheld: dict[str, int] = {}

    def take(self, out: Outputs) -> None:
        for group in out.publications:
            for topic, payload in zip(group.topics, group.payloads, strict=True):
                below = topic.decode().removeprefix("twinned/test/")
                if "/alarm/" in below or below == "$flood":
                    assert (group.qos, group.retain, group.owed) == (1, True, True)
                    message = json.loads(payload)
                    self.said.append((round(self.now - START, 3), below, message))
                    self.retained[below] = message
        for cause, count in out.withheld.items():
            self.withheld[cause.value] = self.withheld.get(cause.value, 0) + count

    def pass_time(self, until: float) -> None:
        """To this many seconds since the start, looking when the core asks for it."""
        looks = 0
        while (due := self.twins.next_time()) <= START + until:
            self.now = max(due, self.now + 0.001)
            self.take(self.twins.on_time(self.now))
            looks += 1
            assert looks < 20_000, "the core asks for looks that bring nothing"
        self.now = max(self.now, START + until)

    def say(self, at: float, *assets: str, gateway: str = "gw1", value: float = 20.0) -> None:
        """Each of them speaks, in one batch."""
        self.pass_time(at)
        topics = [f"plant/{gateway}/{asset}".encode() for asset in assets]
        payload = json.dumps({"time": self.now, "v": value}).encode()
        size = len(topics)
        self.take(self.twins.on_batch(Batch(topics, [payload] * size, [self.now] * size, bytes(size))))

    def learn(self, *assets: str, gateway: str = "gw1", start: float = 0.0) -> None:
        for k in range(5):
            self.say(start + k, *assets, gateway=gateway)

    def story(self) -> list[tuple[str, str]]:
        return [(topic, message.get("state", message.get("status"))) for _, topic, message in self.said]


def names(count: int) -> list[str]:
    return [f"a{k}" for k in range(count)]


def test_five_hundred_assets_behind_a_gateway_that_dies_are_one_alarm_and_none_when_it_returns() -> None:
    site = Site()
    site.learn(*names(500))
    site.pass_time(60)
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]
    (_, _, message) = site.said[0]
    assert (message["asset"], message["alarm"], message["value"], message["limit"], message["seq"]) == (
        "gw1", GROUP, 500, 400, 1,
    )  # fmt: skip
    assert message["assets"] == names(5)
    assert message["text"] == "gw1: 500 of 500 assets behind it are silent: a0, a1, a2, a3, a4 and 495 more"
    assert site.withheld == {"group": 500}
    for k in range(10):
        site.say(100 + k, *names(500))
    site.pass_time(200)
    assert site.story()[1:2] == [(f"gw1/alarm/{GROUP}", "cleared")]
    assert site.said[1][2]["text"].startswith("gw1: back after 86")
    # And it dies again.
    site.pass_time(1000)
    assert site.story()[2:] == [(f"gw1/alarm/{GROUP}", "active")]


def test_assets_whose_deadlines_differ_are_one_alarm_all_the_same() -> None:
    site = Site(after=10)
    rng = random.Random(1)
    site.learn(*names(100))
    for asset in sorted(names(100), key=lambda _: rng.random()):
        site.say(5 + rng.random() * 0.0 + site.now - START - 5 + 0.09, asset)  # the last reading of each, over 9 s
    site.pass_time(120)
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]


def test_one_asset_that_falls_silent_among_others_is_told_on_its_own_after_the_wait() -> None:
    site = Site()
    site.learn(*names(10))
    for k in range(5, 40):
        site.say(k, *names(9))
    assert site.story() == [("a9/alarm/gone", "active")]
    at, _, message = site.said[0]
    assert at == pytest.approx(4 + 10 + 5, abs=1.1)  # deadline, wait, and a look for the others' signs of life
    assert message["value"] == pytest.approx(at - 4, abs=0.01)
    assert message["since"] == pytest.approx(START + 14, abs=0.01)
    assert "withheld" not in message
    site.say(40, *names(10))
    assert site.story()[1:] == [("a9/alarm/gone", "cleared")]


def test_a_group_that_is_too_small_holds_nothing() -> None:
    site = Site()
    site.learn(*names(2))
    site.pass_time(60)
    assert [s for _, s in site.story()] == ["active", "active"]
    assert [at for at, _, _ in site.said] == pytest.approx([14, 14], abs=0.01)


def test_what_stays_away_when_the_gateway_is_back_is_told_after_the_time_it_is_allowed() -> None:
    site = Site()
    site.learn(*names(10))
    site.pass_time(50)
    for k in range(50, 100):
        site.say(k, *names(9))
    assert site.story() == [
        (f"gw1/alarm/{GROUP}", "active"),
        (f"gw1/alarm/{GROUP}", "cleared"),
        ("a9/alarm/gone", "active"),
    ]
    assert site.said[1][0] == pytest.approx(50, abs=1.1)
    assert site.said[2][0] == pytest.approx(50 + 10 + 5, abs=2.1)


def test_a_gateway_that_comes_back_for_a_moment_only_is_two_alarms_not_hundreds() -> None:
    site = Site()
    site.learn(*names(50))
    site.pass_time(50)
    site.say(50, *names(40))
    site.pass_time(200)
    assert site.story() == [(f"gw1/alarm/{GROUP}", state) for state in ("active", "cleared", "active")]


def test_each_gateway_has_an_alarm_of_its_own() -> None:
    site = Site()
    site.learn(*names(10), gateway="gw1")
    site.learn(*(f"b{k}" for k in range(10)), gateway="gw2", start=5.0)
    for k in range(10, 60):
        site.say(k, *(f"b{k}" for k in range(10)), gateway="gw2")
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]


def test_a_share_that_is_silent_is_enough_and_less_is_not() -> None:
    for silent, story in ((8, [(f"gw1/alarm/{GROUP}", "active")]), (7, None)):
        site = Site()
        site.learn(*names(10))
        for k in range(5, 12):
            site.say(k, *names(10 - silent))
        site.pass_time(14.5)
        for k in range(15, 60):
            site.say(k, *names(10 - silent))
        if story is not None:
            assert site.story() == story
            assert site.said[0][2]["value"] == 8
        else:
            assert sorted(site.story()) == [(f"a{k}/alarm/gone", "active") for k in range(3, 10)]


def test_the_gateways_own_twin_stands_for_its_assets() -> None:
    gateway = {
        "topic": "gateways/{asset}",
        "channels": {"load": {"noise": 1.0}},
        "learning": 4,
        "silence": {"coasting": 1000, "stale": 2000},
        "alarms": {"down": {"type": "absence", "after": 30}},
    }
    site = Site()
    site.raw["assets"].append(gateway)
    site.twins = core(site.raw)

    def beat(at: float) -> None:
        site.pass_time(at)
        payload = json.dumps({"time": site.now, "load": 1.0}).encode()
        site.take(site.twins.on_batch(Batch.of("gateways/gw1", payload, site.now)))

    for k in range(6):
        beat(k)
        site.say(k, *names(20))
    site.pass_time(200)
    assert site.story() == [("gw1/alarm/down", "active")], (
        "the assets are found missing first, and wait for their gateway"
    )
    assert site.said[0][0] == pytest.approx(35, abs=0.1)
    beat(200)
    for k in range(200, 240):
        beat(k)
        site.say(k, *names(19))
    assert site.story()[1:] == [("gw1/alarm/down", "cleared"), ("a19/alarm/gone", "active")]
    for k in range(240, 300):
        beat(k)
    assert site.story()[3:] == [(f"gw1/alarm/{GROUP}", "active")], "it speaks, but nothing behind it does"


@examples(max_examples=25, deadline=None)
@given(
    st.integers(3, 40),
    st.floats(0, 1),
    st.lists(st.floats(0.0, 0.95), min_size=40, max_size=40),
    st.lists(st.sampled_from([5.0, 8.0, 20.0, 60.0]), min_size=40, max_size=40),
    st.randoms(use_true_random=False),
)
def test_a_gateway_that_dies_is_one_alarm_whenever_each_was_heard_last_and_however_long_each_may_be_silent(
    count: int, spread: float, lasts: list[float], allowed: list[float], rng: random.Random
) -> None:
    """Blocks with deadlines from 5 s to a minute share the gateway; nobody is overdue when it dies."""
    kinds = sorted(set(allowed[:count]))
    blocks = [
        {
            "topic": f"plant/k{int(kind)}/{{gateway}}/{{asset}}",
            "name": "{asset}",
            "parent": "{gateway}",
            "channels": {"v": {"noise": 1.0}},
            "learning": 4,
            "silence": {"coasting": 1000, "stale": 2000},
            "alarms": {"gone": {"type": "absence", "after": kind}},
        }
        for kind in kinds
    ]
    site = Site()
    site.raw = settings(assets=blocks)
    site.twins = core(site.raw)
    assets = [f"a{k}" for k in range(count)]

    def speak(k: int, at: float) -> None:
        site.pass_time(at)
        topic = f"plant/k{int(allowed[k])}/gw1/{assets[k]}"
        payload = json.dumps({"time": site.now, "v": 20.0}).encode()
        site.take(site.twins.on_batch(Batch.of(topic, payload, site.now)))

    for turn in range(5):
        for k in range(count):
            speak(k, turn * 0.5 + k * 0.001)
    for turn in range(3):
        for k in range(count):
            speak(k, 3.0 + turn * 1.5 + k * 0.001)
    dies = 10.0
    for when, k in sorted((dies - lasts[k] * min(allowed[k], 3.0) * spread, k) for k in range(count)):
        speak(k, when)
    site.pass_time(300)
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]
    order = list(range(count))
    rng.shuffle(order)
    for turn in range(100):
        for j, k in enumerate(order):
            speak(k, 300 + turn * 2 + j * 0.01)
    assert site.story()[1:] == [(f"gw1/alarm/{GROUP}", "cleared")]


CHATTER = {
    "channels": {"v": {"noise": 0.01}},
    "model": {"type": "level", "wander": 100.0},
    "gate": "none",
    "alarms": {
        "high": {"type": "limit", "high": 30.0, "watch": "reading"},
        "worst": {"type": "limit", "high": 90.0, "watch": "reading", "severity": "critical"},
        "gone": {"type": "absence", "after": 30},
    },
}
TIGHT = {"asset": {"changes": 6, "per": 60, "burst": 4}, "overall": {"changes": 30, "per": 60, "burst": 10}}


def test_a_chattering_alarm_is_told_at_the_rate_of_its_asset_with_what_was_withheld() -> None:
    site = Site(floods=TIGHT, **CHATTER)
    site.learn("a")
    for k in range(300):
        site.say(5 + k, "a", value=40.0 if k % 2 == 0 else 20.0)
    site.pass_time(330)
    told = [(at, m) for at, topic, m in site.said if topic == "a/alarm/high"]
    assert 4 + 28 <= len(told) <= 4 + 33
    at_once = [m for _, m in told if m["cause"] == "reading"]
    assert len(at_once) + site.withheld["asset"] == 300, "each change is told or counted"
    assert any(m.get("withheld", 0) > 2 for _, m in told)
    assert [m["seq"] for _, m in told] == sorted({m["seq"] for _, m in told})
    assert site.retained["a/alarm/high"]["state"] == "cleared"
    assert "$flood" not in site.retained


def test_a_flood_is_announced_told_in_doses_the_critical_first_and_ends() -> None:
    site = Site(floods=TIGHT, **CHATTER)
    site.learn(*names(60))
    site.say(10, *names(60), value=40.0)
    site.say(11, "a59", value=95.0)
    alarms = [(at, topic) for at, topic, _ in site.said if topic != "$flood"]
    assert len(alarms) == 10
    for at in range(20, 200, 20):
        site.say(at, *(a for a in names(60) if a != "a59"), value=40.0)
        site.say(at, "a59", value=95.0)
    site.pass_time(205)
    alarms = [(at, topic) for at, topic, _ in site.said if topic != "$flood"]
    assert alarms[10][1] == "a59/alarm/worst"
    assert {topic for _, topic in alarms} == {f"{a}/alarm/high" for a in names(60)} | {"a59/alarm/worst"}
    assert all(message["state"] == "active" for topic, message in site.retained.items() if topic != "$flood")
    flood = [m for _, topic, m in site.said if topic == "$flood"]
    assert [m["status"] for m in flood] == ["flood", "flood", "calm"]
    assert flood[0]["since"] == pytest.approx(START + 10, abs=0.01)
    assert flood[-1]["withheld"] == 50
    assert site.withheld == {"overall": 50, "asset": 1}, "an asset that waits already has its own limit to thank for"
    assert flood[-1]["waiting"] == 0


def truth(site: Site) -> dict[str, str]:
    """What the broker should hold of each alarm, where that is not plainly nothing."""
    twins, out = site.twins, {}
    for block in twins.blocks:
        for alarm in block.alarms:
            for row, name in enumerate(block.rows.names):
                out[f"{name}/alarm/{alarm.name}"] = alarm.state(row).value
    return out


EVENTS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.5, 1.0, 3.0, 20.0]), st.integers(0, 255), st.sampled_from([20.0, 40.0, 95.0])),
    min_size=1,
    max_size=60,
)


def scattered(mask: int) -> list[str]:
    return [f"a{k}" for k in range(8) if mask >> k & 1]


@examples(max_examples=30, deadline=None)
@given(EVENTS)
def test_in_the_end_the_broker_holds_of_each_alarm_what_is_true(events: list[tuple[float, int, float]]) -> None:
    site = Site(floods=TIGHT, **CHATTER)
    site.learn(*names(8))
    at = 5.0
    for gap, mask, value in events:
        at += gap
        if mask:
            site.say(at, *scattered(mask), value=value)
    site.pass_time(at + 3600)
    covered = site.retained.get(f"gw1/alarm/{GROUP}", {}).get("state") == "active"
    for topic, state in truth(site).items():
        held = site.retained.get(topic, {}).get("state", "cleared")
        if covered and topic.endswith("/gone"):
            assert state == "active"
        else:
            assert held == state, topic
    counts = {a: [at for at, topic, _ in site.said if topic.startswith(f"{a}/alarm/")] for a in names(8)}
    for times in [*counts.values(), [at for at, topic, _ in site.said if topic != "$flood"]]:
        limit = TIGHT["asset"] if times in counts.values() else TIGHT["overall"]
        for i, first in enumerate(times):
            for j in range(i, len(times)):
                assert j - i + 1 <= limit["burst"] + (times[j] - first + 0.002) * limit["changes"] / 60 + 1e-3


# -- the same bits, however it is cut, stored and repeated


def steps(events: Sequence[tuple[float, int, float]]) -> Iterator[tuple[float, list[str], float]]:
    at = 5.0
    for gap, mask, value in events:
        at += gap
        yield at, scattered(mask), value


def batches(site: Site, at: float, assets: Sequence[str], value: float, size: int) -> Iterator[Batch]:
    topics = [f"plant/gw1/{asset}".encode() for asset in assets]
    payload = json.dumps({"time": START + at, "v": value}).encode()
    for k in range(0, len(topics), size):
        some = topics[k : k + size]
        yield Batch(some, [payload] * len(some), [START + at] * len(some), bytes(len(some)))


@examples(max_examples=15, deadline=None)
@given(EVENTS, st.sampled_from([1, 2, 5]))
def test_a_flood_cut_anywhere_into_batches_says_the_same(events: list[tuple[float, int, float]], size: int) -> None:
    whole, cut = Site(floods=TIGHT, **CHATTER), Site(floods=TIGHT, **CHATTER)
    for site, most in ((whole, 100), (cut, size)):
        for at, assets, value in [*((float(k), names(8), 20.0) for k in range(5)), *steps(events)]:
            site.now = START + at
            site.take(site.twins.on_time(site.now))
            for part in batches(site, at, assets, value, most):
                site.take(site.twins.on_batch(part))
    assert bits(cut.twins) == bits(whole.twins)
    assert cut.said == whole.said
    assert cut.withheld == whole.withheld


@examples(max_examples=15, deadline=None)
@given(EVENTS, st.integers(0, 60))
def test_a_core_restored_in_the_middle_of_a_flood_goes_on_to_the_same_bits(
    events: list[tuple[float, int, float]], at: int
) -> None:
    straight, other = Site(floods=TIGHT, **CHATTER), Site(floods=TIGHT, **CHATTER)
    for site in (straight, other):
        site.learn(*names(8))
        for k, (when, assets, value) in enumerate(steps(events)):
            if site is other and k == at:
                restored = core(site.raw)
                assert restored.restore(site.twins.snapshot()) == []
                assert bits(restored) == bits(site.twins)
                assert restored.next_time() == site.twins.next_time()
                site.twins = restored
            if assets:
                site.say(when, *assets, value=value)
    straight.pass_time(500)
    other.pass_time(500)
    assert bits(other.twins) == bits(straight.twins)
    assert other.said == straight.said


@examples(max_examples=15, deadline=None)
@given(EVENTS)
def test_a_journal_of_a_flood_is_repeated_to_the_same_bits(events: list[tuple[float, int, float]]) -> None:
    site = Site(floods=TIGHT, **CHATTER)
    turns: list[Taken | Passed] = []
    known = 0

    def record(steps: Any, received: Any) -> None:
        nonlocal known
        block = site.twins.blocks[0]
        group = site.twins.floods.groups.name_of
        made = [
            New(0, block.rows.names[row], float(block.rows.columns["made"][row]), group(0, row) or "")
            for row in range(known, len(block))
        ]
        known = len(block)
        turns.append(Taken(steps, received, made))

    for at, assets, value in [*((float(k), names(8), 20.0) for k in range(5)), *steps(events)]:
        while (due := site.twins.next_time()) <= START + at:
            site.now = max(due, site.now + 0.001)
            turns.append(Passed(site.now))
            site.twins.on_time(site.now)
        for part in batches(site, at, assets, value, 100):
            site.twins.on_batch(part, record)
    again = core(site.raw)
    replay = Replay(again)
    replay.add(decode(encode(turns)))
    replay.finish()
    assert replay.failures == 0
    assert bits(again) == bits(site.twins)


def test_a_twin_that_was_known_before_it_spoke_joins_its_group_when_it_does() -> None:
    site = Site(known=["a0", "a1", "a2", "a3"])
    assert site.twins.floods.groups.name_of(0, 0) is None
    site.learn("a0", "a1", "a2", "a3")
    site.pass_time(60)
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]


def test_a_twin_that_is_called_as_its_own_group_is_in_none() -> None:
    site = Site(parent="{asset}")
    site.learn("a")
    assert site.twins.floods.groups.name_of(0, 0) is None
    site.pass_time(60)
    assert site.story() == [("a/alarm/gone", "active")]


def test_groups_within_each_other_never_hide_everybody() -> None:
    site = Site()
    site.learn("y", gateway="x")
    site.learn("x", gateway="y", start=5.0)
    groups = site.twins.floods.groups
    assert [groups.name_of(0, row) for row in range(2)] == ["x", None]
    site.pass_time(200)
    assert site.story() == [("x/alarm/gone", "active")]


def test_a_group_whose_assets_are_configured_away_is_cleared_at_the_broker() -> None:
    site = Site()
    site.learn(*names(10))
    site.pass_time(60)
    assert site.retained[f"gw1/alarm/{GROUP}"]["state"] == "active"
    raw = {**site.raw, "assets": [{**site.raw["assets"][0], "topic": "elsewhere/{gateway}/{asset}"}]}
    site.twins, _ = site.twins.reconfigure(core(raw).config)
    site.pass_time(61)
    assert site.retained[f"gw1/alarm/{GROUP}"]["state"] == "cleared"
    assert not [t for t in site.retained if t.endswith("/gone")], "what was never told is not taken back"


def test_the_alarm_of_a_group_is_listed_with_the_others() -> None:
    site = Site()
    site.learn(*names(4))
    site.pass_time(60)
    total, alarms = page(site.twins.floods, (), None, 0, 10)
    assert (total, [alarm["asset"] for alarm in alarms]) == (5, [*names(4), "gw1"])
    assert set(alarms[4]) == set(alarms[0])
    assert page(site.twins.floods, (), None, 4, 10) == (5, alarms[4:])
    assert page(site.twins.floods, (), None, 3, 1) == (5, alarms[3:4])
    assert page(site.twins.floods, ("active",), "gw1", 0, 10) == (1, alarms[4:])
    assert page(site.twins.floods, ("shelved",), None, 0, 10) == (0, [])
    told = site.retained[f"gw1/alarm/{GROUP}"]
    same = ("asset", "alarm", "state", "severity", "rule", "seq", "since")
    assert [alarms[4][key] for key in same] == [told[key] for key in same]
    site.say(100, *names(4))
    site.pass_time(101)
    assert page(site.twins.floods, ("active",), None, 0, 10) == (0, [])


def test_a_group_that_no_asset_is_in_any_more_is_cleared_and_its_assets_tell_for_themselves() -> None:
    site = Site()
    site.learn(*names(10))
    site.pass_time(60)
    raw = {**site.raw, "assets": [{k: v for k, v in site.raw["assets"][0].items() if k != "parent"}]}
    site.twins, lines = site.twins.reconfigure(core(raw).config)
    assert lines == []
    site.pass_time(61)
    assert {topic: message["state"] for topic, message in site.retained.items()} == {
        f"gw1/alarm/{GROUP}": "cleared",
        **{f"{name}/alarm/gone": "active" for name in names(10)},
    }


def test_a_snapshot_of_before_there_were_groups_is_taken_over() -> None:
    site = Site()
    site.learn(*names(4))
    saved = site.twins.snapshot()
    del saved["floods"]
    for block in saved["blocks"]:
        del block["floods"]
    twins = core(site.raw)
    assert twins.restore(saved) == []
    assert len(twins) == 4


def test_an_alarm_that_a_flood_withholds_is_not_said_again_to_a_broker_that_forgot() -> None:
    site = Site()
    site.learn(*names(10))
    site.pass_time(60)
    topics = [t for group in site.twins.active_again(site.now).publications for t in group.topics]
    assert topics == [f"twinned/test/gw1/alarm/{GROUP}".encode()]


@pytest.mark.parametrize("seen", [True, False], ids=["as the loop sees it", "seen by nobody but the readings"])
def test_a_clock_that_is_set_back_neither_shuts_the_limits_nor_holds_an_absence_for_ever(seen: bool) -> None:
    site = Site(floods=TIGHT, **CHATTER)
    site.learn(*names(8))
    for k in range(40):
        site.say(10 + k * 0.1, "a0", value=40.0 if k % 2 == 0 else 20.0)
    assert site.twins.floods.limits
    before = len(site.said)
    by = START - 86_400.0 - site.now
    site.now += by
    if seen:
        site.twins.step(by, site.now)
    payload = json.dumps({"time": START + 20 if seen else site.now, "v": 40.0}).encode()
    site.take(site.twins.on_batch(Batch.of("plant/gw1/a0", payload, site.now)))
    for _ in range(40):
        site.now += 1.0
        if site.twins.next_time() <= site.now:
            site.take(site.twins.on_time(site.now))
    assert len(site.said) > before
    assert site.retained["a0/alarm/high"]["state"] == truth(site)["a0/alarm/high"]


def test_groups_that_known_twins_joined_come_back_after_a_kill(tmp_path: Path) -> None:
    raw = Site(known=["a0", "a1", "a2", "a3"]).raw

    def spoken(at: float) -> Event:
        return Event(START + at, [(f"plant/gw1/a{k}", {"time": START + at, "v": 20.0}) for k in range(4)])

    with Agent(tmp_path / "t.db", raw=raw) as agent:
        for k in range(6):
            agent.play(spoken(float(k)))
        agent.play(Event(START + 16.0))
        agent.play(Event(START + 22.0))
        assert [json.loads(p)["asset"] for p in agent.owed()] == ["gw1"]
        expected = agent.twins
        with Agent(copied(tmp_path / "t.db", tmp_path / "copy"), raw=raw, wall=START + 22.0) as other:
            expected.resume(START + 22.0)
            assert bits(other.twins) == bits(expected)
            assert [other.twins.floods.groups.name_of(0, row) for row in range(4)] == ["gw1"] * 4


def test_a_parent_that_is_configured_later_is_joined_with_the_next_message() -> None:
    site = Site(parent=None)
    site.learn(*names(5))
    raw = {**site.raw, "assets": [{**site.raw["assets"][0], "parent": "{gateway}"}]}
    site.twins, lines = site.twins.reconfigure(core(raw).config)
    assert lines == []
    site.say(6, *names(5))
    site.pass_time(60)
    assert site.story() == [(f"gw1/alarm/{GROUP}", "active")]


def test_what_waits_is_carried_over_when_the_limits_change() -> None:
    site = Site(floods=TIGHT, **CHATTER)
    site.learn(*names(30))
    site.say(10, *names(30), value=40.0)
    assert len(site.said) == 10
    wide = {kind: {"changes": 1, "per": 0, "burst": 1} for kind in ("asset", "overall")}
    site.twins, lines = site.twins.reconfigure(core({**site.raw, "floods": wide}).config)
    assert lines == []
    site.pass_time(10.1)
    assert len([topic for _, topic, _ in site.said if topic.endswith("/high")]) == 30
