"""What operators do about the alarm of a group: as with any other alarm, and its assets stay quiet behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.alarms.commands import Command, Refused
from agent.alarms.listing import counts, page
from agent.alarms.operator import Verb
from agent.encode import Answer
from agent.journal import Commanded, Made, Passed, Replay, Taken, Turn, decode, encode
from agent.types import AlarmState, Batch
from tests.durables import Agent, copied
from tests.streams import START, Event, bits, core
from tests.test_floods import GROUP, Site, names

TOPIC = f"gw1/alarm/{GROUP}"


def dead(count: int = 4) -> Site:
    """A gateway whose assets have fallen silent."""
    site = Site()
    site.learn(*names(count))
    site.pass_time(60)
    assert site.story() == [(TOPIC, "active")]
    return site


def command(site: Site, verb: Verb, alarm: str = GROUP, asset: str = "gw1", **more: Any) -> Answer:
    out, answer = site.twins.on_command(Command(verb, asset, alarm, **more), site.now)
    site.take(out)
    return answer


def listed(site: Site, *states: str, asset: str | None = None) -> list[tuple[str, str]]:
    total, alarms = page(site.twins.floods, states, asset, 0, 100)
    assert total == len(alarms)
    return [(alarm["alarm"], alarm["state"]) for alarm in alarms]


def test_a_group_is_acknowledged_until_it_is_back_and_its_next_death_is_news() -> None:
    site = dead()
    answer = command(site, Verb.ACKNOWLEDGE, by="anna", comment="on my way")
    assert [(told.alarm, told.state, told.seq) for told in answer.changed] == [(GROUP, "acknowledged", 2)]
    message = site.retained[TOPIC]
    assert (message["state"], message["acknowledged"], message["seq"]) == ("acknowledged", True, 2)
    assert (message["cause"], message["by"], message["comment"]) == ("command", "anna", "on my way")
    assert (message["acknowledged_at"], message["time"]) == (site.now, site.now)
    assert message["text"] == "gw1: acknowledged by anna: 4 of 4 assets behind it are silent: a0, a1, a2, a3"
    assert command(site, Verb.ACKNOWLEDGE, by="bert").result == "unchanged"
    assert listed(site, "acknowledged") == [(GROUP, "acknowledged")]
    assert counts(site.twins.floods)[AlarmState.ACKNOWLEDGED] == 1
    site.say(100, *names(4))
    site.pass_time(101)
    assert (site.retained[TOPIC]["state"], site.retained[TOPIC]["acknowledged"]) == ("cleared", True)
    assert listed(site, asset="gw1") == [(GROUP, "cleared")]
    assert GROUP not in dict(listed(site))
    site.pass_time(200)
    message = site.retained[TOPIC]
    assert (message["state"], message["acknowledged"], message["seq"]) == ("active", False, 4)


def test_a_group_that_came_back_unseen_waits_to_be_acknowledged() -> None:
    site = dead()
    site.say(100, *names(4))
    site.pass_time(101)
    assert (site.retained[TOPIC]["state"], site.retained[TOPIC]["acknowledged"]) == ("cleared", False)
    assert (GROUP, "cleared") in listed(site, "unacknowledged")
    command(site, Verb.ACKNOWLEDGE)
    assert (site.retained[TOPIC]["state"], site.retained[TOPIC]["acknowledged"]) == ("cleared", True)
    assert (GROUP, "cleared") not in listed(site, "unacknowledged")


@pytest.mark.parametrize("verb", [Verb.SHELVE, Verb.DISABLE])
def test_nothing_is_said_of_a_gateway_at_work_and_nothing_of_what_is_behind_it(verb: Verb) -> None:
    site = dead()
    command(site, verb, lasts=500.0, by="anna")
    hidden = "shelved" if verb is Verb.SHELVE else "disabled"
    assert site.retained[TOPIC]["state"] == hidden
    said = len(site.said)
    for k in range(3):
        site.say(100.0 + 60.0 * k, *names(4))
        site.pass_time(150.0 + 60.0 * k)
    assert site.twins.floods.groups.standing() == 1
    assert len(site.said) == said
    assert listed(site, asset="gw1") == [(GROUP, hidden)]
    if verb is Verb.SHELVE:
        site.pass_time(570)
    else:
        command(site, Verb.ENABLE)
    message = site.retained[TOPIC]
    assert (message["state"], message["acknowledged"], message["seq"]) == ("active", False, 3)
    assert message["cause"] == ("time" if verb is Verb.SHELVE else "command")
    assert set(site.retained) == {TOPIC}


def test_a_reset_changes_nothing_as_it_does_not_latch() -> None:
    assert command(dead(), Verb.RESET).result == "unchanged"


def test_all_alarms_of_a_gateway_are_those_of_its_twin_and_of_its_group() -> None:
    site = Site(topic="plant/{gateway}/{asset}")
    site.learn(*names(4))
    site.learn("gw1", gateway="site", start=5.0)
    alarms = [told.alarm for told in command(site, Verb.DISABLE, alarm="*").changed]
    assert alarms == ["gone", GROUP]
    with pytest.raises(Refused, match=f"one of gone, {GROUP}"):
        command(site, Verb.DISABLE, alarm="groupabsence")
    with pytest.raises(Refused, match="an asset"):
        command(site, Verb.DISABLE, asset="gw2")


def test_a_broker_that_forgot_is_told_who_had_acknowledged_and_not_of_what_is_over() -> None:
    site = dead()
    command(site, Verb.ACKNOWLEDGE, by="anna")
    (said,) = site.twins.active_again(site.now).publications
    assert said.topics == (f"twinned/test/{TOPIC}".encode(),)
    for part in (b'"state":"acknowledged"', b'"by":"anna"', b'"seq":2', b'"cause":"again"'):
        assert part in said.payloads[0]
    site.say(100, *names(4))
    site.pass_time(101)
    assert site.twins.active_again(site.now).publications == []


def test_what_a_limit_withheld_of_a_group_is_told_by_the_command_and_not_again() -> None:
    none = {"changes": 1, "per": 3600, "burst": 1}
    site = Site(floods={"asset": none, "overall": none})
    site.learn(*names(4))
    site.pass_time(60)
    site.say(61, *names(4))
    site.pass_time(90)
    assert (site.twins.floods.unheard_group(0), len(site.story())) == ("overall", 1) or site.withheld
    command(site, Verb.ACKNOWLEDGE)
    assert site.twins.floods.unheard_group(0) is None
    seq = site.retained[TOPIC]["seq"]
    site.pass_time(8000)
    assert site.retained[TOPIC]["seq"] == seq


def test_a_snapshot_of_before_groups_could_be_acknowledged_is_taken_over() -> None:
    site = dead()
    saved = site.twins.snapshot()
    for name in ("marks", "decisions"):
        del saved["floods"][name]
    twins = core(site.raw)
    assert twins.restore(saved) == []
    assert bits(twins) == bits(site.twins)


def test_what_was_decided_about_a_group_survives_a_kill(tmp_path: Path) -> None:
    raw = Site(known=names(4)).raw

    def spoken(at: float) -> Event:
        return Event(START + at, [(f"plant/gw1/a{k}", {"time": START + at, "v": 20.0}) for k in range(4)])

    with Agent(tmp_path / "t.db", raw=raw) as agent:
        for k in range(6):
            agent.play(spoken(float(k)))
        agent.play(Event(START + 22.0))
        for verb in (Verb.ACKNOWLEDGE, Verb.SHELVE):
            order = Command(verb, "gw1", GROUP, lasts=3600.0 if verb is Verb.SHELVE else 0.0, by="anna", id="7")
            out, _ = agent.twins.on_command(order, START + 23.0, agent.durable.commanded)
            agent.durable.commit([out], acknowledging=1)
        agent.play(Event(START + 30.0))
        with Agent(copied(tmp_path / "t.db", tmp_path / "copy"), raw=raw, wall=START + 30.0) as other:
            agent.twins.resume(START + 30.0)
            assert bits(other.twins) == bits(agent.twins)
            assert other.twins.floods.groups.state(0) is AlarmState.SHELVED
            assert other.twins.floods.groups.operator.of(0).shelved is not None


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.5, 3.0, 12.0, 70.0]),
        st.sets(st.sampled_from(names(4)), max_size=4),
        st.sampled_from([None, *Verb]),
    ),
    max_size=14,
)


def truth(site: Site) -> str:
    return str(site.twins.floods.groups.state(0).value)


def act(site: Site, turns: list[Turn], steps: Sequence[tuple[float, set[str], Verb | None]]) -> None:
    """Assets speak and somebody acts, in turn; each step with a restart from its snapshot if `turns` is none."""
    at = 5.0

    def record(steps: Any, received: Any) -> None:
        block, group = site.twins.blocks[0], site.twins.floods.groups.name_of
        fresh = [
            Made(0, block.rows.names[row], float(block.rows.columns["made"][row]), group(0, row) or "")
            for row in range(len({m.name for t in turns if isinstance(t, Taken) for m in t.made}), len(block))
        ]
        turns.append(Taken(steps, received, fresh))

    def speak(at: float, assets: Sequence[str]) -> None:
        while (due := site.twins.next_time()) <= START + at:
            site.now = max(due, site.now + 0.001)
            turns.append(Passed(site.now))
            site.take(site.twins.on_time(site.now))
        site.now = max(site.now, START + at)
        if assets:
            payload = b'{"time": %r, "v": 20.0}' % site.now
            topics = [f"plant/gw1/{asset}".encode() for asset in assets]
            size = len(topics)
            site.take(site.twins.on_batch(Batch(topics, [payload] * size, [site.now] * size, bytes(size)), record))

    for k in range(5):
        speak(float(k), names(4))
    for wait, assets, verb in steps:
        at += wait
        speak(at, sorted(assets))
        if verb is not None:
            order = Command(verb, "gw1", GROUP, lasts=30.0 if verb is Verb.SHELVE else 0.0)
            out, _ = site.twins.on_command(order, site.now, lambda *told: turns.append(Commanded(*told)))
            site.take(out)
        assert site.retained.get(TOPIC, {"state": "cleared"})["state"] == truth(site)


@examples(max_examples=40, deadline=None)
@given(STEPS)
def test_the_broker_holds_what_is_true_whatever_people_do_and_a_journal_repeats_it_to_the_bit(
    steps: list[tuple[float, set[str], Verb | None]],
) -> None:
    site = Site()
    turns: list[Turn] = []
    act(site, turns, steps)
    again = core(site.raw)
    replay = Replay(again)
    replay.add(decode(encode(turns)))
    replay.finish()
    assert replay.failures == 0
    assert bits(again) == bits(site.twins)
    restored = core(site.raw)
    assert restored.restore(site.twins.snapshot()) == []
    for core_now in (restored, site.twins):
        for later in (0.0, 31.0, 100.0):
            core_now.on_time(site.now + later)
    assert bits(restored) == bits(site.twins)
