"""Messages are committed together as long as that holds nobody up, whatever window the broker keeps."""

from __future__ import annotations

import random
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.shell.gather import ENOUGH, Gather
from agent.snapshot import dump, load
from tests.durables import Agent, copied
from tests.services import settings
from tests.streams import START, Event, bits, core, plant
from tests.test_durable import quiet, raise_alarms

LONGEST = 0.2


class Flow:
    """A broker that holds a queue filled at a rate, and sends so many unacknowledged messages at most."""

    def __init__(self, rate: float, window: float, seconds: float, travel: float = 0.0002) -> None:
        gather = Gather(LONGEST)
        now, sent, waiting = 0.0, 0, 0
        free = 0.0  # when the broker has heard of the last acknowledgement
        self.sizes: list[int] = []
        self.waits: list[float] = []
        since = inf
        while now < seconds:
            ready = int(now * rate) - sent
            more = min(ready, int(min(window, 1e9)) - waiting) if now >= free else 0
            if more:
                sent += more
                waiting += more
                since = min(since, now)
                gather.arrived(waiting, now)
            if waiting and now >= gather.due:
                gather.committed(now)
                self.sizes.append(waiting)
                self.waits.append(now - since)
                waiting, since = 0, inf
                free = now + travel
            now += 0.0001
        self.rate = sum(self.sizes) / seconds


@pytest.mark.parametrize("window", [inf, 1000])
@pytest.mark.parametrize("rate", [100, 1000])
def test_messages_are_gathered_for_as_long_as_they_may(rate: int, window: float) -> None:
    flow = Flow(rate, window, 5.0)
    assert max(flow.waits) < LONGEST + 0.001
    assert sum(flow.sizes) / len(flow.sizes) > 0.9 * min(ENOUGH, rate * LONGEST)


@pytest.mark.parametrize("window", [1, 2, 20, 32, 100])
def test_a_broker_that_stops_after_a_few_messages_is_found_out_and_not_held_up(window: int) -> None:
    flow = Flow(1e9, window, 10.0)
    assert flow.waits[0] == pytest.approx(LONGEST, abs=0.001)
    assert max(flow.waits[2:]) <= 0.0031
    assert set(flow.sizes) == {window}


@pytest.mark.parametrize("rate", [50, 300, 3000])
def test_with_twenty_in_flight_no_more_than_their_share_is_lost(rate: int) -> None:
    flow = Flow(rate, 20, 10.0)
    assert flow.rate > 0.97 * rate
    assert sum(flow.sizes) / len(flow.sizes) > 0.9 * min(20, rate * LONGEST)


def test_a_window_that_grew_is_found_out_again() -> None:
    gather = Gather(LONGEST)
    now = 0.0
    for _ in range(5):
        gather.arrived(20, now)
        now = gather.due
        gather.committed(now)
        now += 0.001
    assert gather.due == inf
    gather.arrived(20, now)
    assert gather.due == now
    gather.committed(now)
    gather.arrived(10, now + 0.001)
    gather.arrived(25, now + 0.002)
    assert now + 0.002 < gather.due <= now + 0.006
    gather.arrived(40, now + 0.003)
    assert now + 0.003 < gather.due <= now + 0.007


def test_a_pause_of_the_senders_is_not_taken_for_a_broker_that_stopped() -> None:
    gather = Gather(LONGEST)
    now = 0.0
    for _ in range(20):  # a hundred messages each second
        gather.arrived(100, now)
        assert gather.due == now + LONGEST
        gather.committed(gather.due)
        now += 1.0


def test_enough_messages_wait_for_no_more() -> None:
    gather = Gather(LONGEST)
    gather.arrived(ENOUGH, 5.0)
    assert gather.due == 5.0


# With the store


CALM = {
    "topic": "pump/{asset}",
    "time": {"field": "t", "format": "s"},
    "channels": {"flow": {}},
    "alarms": {},
    "forecast": {"horizons": []},
}


def reading(time: float) -> Event:
    return Event(time, [("pump/x", {"t": time, "flow": 20.0})])


def busy_plant() -> dict[str, Any]:
    raw = plant()
    raw["assets"][0]["state"] = {"policy": "update"}
    return raw


def agent_of(path: Path, mode: str, gather: float = 0.1, raw: dict[str, Any] | None = None) -> Agent:
    raw = {**(raw or settings(assets=[CALM])), "store": {"gather": gather}}
    return Agent(path, mode, raw)  # type: ignore[arg-type]  # a mode


def test_in_strict_mode_nothing_is_said_or_acknowledged_before_the_common_commit(tmp_path: Path) -> None:
    with agent_of(tmp_path / "t.db", "strict") as agent:
        for k in range(5):
            agent.play(reading(START + k))
            assert (agent.published, agent.acknowledged, agent.durable.counts.commits) == ([], 0, 0)
        assert agent.durable.next_time() == pytest.approx(1000.11)
        agent.time += 0.1
        agent.turn()
        assert (agent.acknowledged, agent.durable.counts.commits) == (5, 1)
        topics = [topic for group in agent.published for topic in group.topics]
        assert len(topics) >= 5
        assert agent.durable.next_time() > agent.time


def test_in_relaxed_mode_states_are_said_at_once_and_acknowledgements_wait(tmp_path: Path) -> None:
    with agent_of(tmp_path / "t.db", "relaxed") as agent:
        agent.play(reading(START))
        assert (len(agent.published), agent.acknowledged, agent.durable.counts.commits) == (1, 0, 0)
        agent.time += 0.1
        agent.turn()
        assert (agent.acknowledged, agent.durable.counts.commits) == (1, 1)


def test_an_alarm_waits_for_nothing_and_takes_what_waits_along_in_order(tmp_path: Path) -> None:
    with agent_of(tmp_path / "t.db", "strict", 1000.0, busy_plant()) as agent:
        raise_alarms(agent, 1)
        assert agent.durable.counts.commits >= 1
        groups = [group.owed for group in agent.published]
        assert True in groups
        times = [p for group in agent.published if not group.owed for p in group.payloads]
        assert len(times) > 5
        assert agent.acknowledged > 5


def test_when_the_agent_leaves_what_waits_is_committed_and_said(tmp_path: Path) -> None:
    with agent_of(tmp_path / "t.db", "strict") as agent:
        agent.play(reading(START))
        agent.durable.settle()
        agent.turn()
        assert (len(agent.published), agent.acknowledged) == (1, 1)


def test_without_a_disk_nobody_is_gathered(tmp_path: Path) -> None:
    (tmp_path / "t.db").mkdir()
    with agent_of(tmp_path / "t.db", "relaxed") as agent:
        assert agent.durable.trouble
        agent.play(reading(START))
        assert (len(agent.published), agent.acknowledged) == (1, 1)


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), mode=st.sampled_from(["strict", "relaxed"]))
def test_after_a_kill_all_that_was_acknowledged_or_in_strict_mode_said_is_there(
    tmp_path: Path, seed: int, mode: str
) -> None:
    """What is stored is the state after some prefix of the events: at least all that were acknowledged."""
    rng = random.Random(seed)
    path = tmp_path / f"{seed}-{mode}.db"
    path.unlink(missing_ok=True)
    stream = [event for event in quiet(seed, 60) if event.messages]
    cut = rng.randrange(20, len(stream))
    raw = busy_plant()
    with agent_of(path, mode, rng.choice((0.02, 0.05, 0.2)), raw) as agent:
        states = [
            (0, list(dump(core(raw).snapshot())))
        ]  # at the start and after each event, and how many messages are in it
        count = 0
        for event in stream[:cut]:
            agent.play(event)
            count += len(event.messages)
            states.append((count, list(dump(agent.twins.snapshot()))))
        acknowledged = agent.acknowledged
        said = len([1 for group in agent.published for _ in group.topics])
        with agent_of(copied(path, tmp_path / "copy"), mode, raw=raw) as back:
            assert (back.lines, back.durable.counts.damaged) == ([], 0)
            found = bits(back.twins)

            def alike(pieces: list[bytes]) -> bool:
                reference = core(raw)
                assert reference.restore(load(pieces)) == []
                reference.resume(back.wall)
                return bits(reference) == found

            number = next((so_many for so_many, pieces in reversed(states) if alike(pieces)), None)
            assert number is not None
            assert number >= acknowledged
            if mode == "strict" and said:
                assert number > 0
