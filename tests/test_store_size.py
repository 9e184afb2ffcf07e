"""A limit that is lowered makes the store's file smaller, at a reload and at a start, and costs nothing but history."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from agent.shell.store import PAGE, WAL_BYTES, Store, StoreError
from tests.durables import Agent, copied
from tests.services import EVERY_CHANGE
from tests.streams import START, Event, bits, configuration, plant

ASSETS, ALARMS = 400, 20
LARGE, SMALL = 64 * 2**20, WAL_BYTES + 500 * PAGE


def settings(max_size: int) -> dict[str, Any]:
    return plant() | {"store": {"max_size": max_size, "gather": 0}, "floods": EVERY_CHANGE}


def grown(path: Path, **options: Any) -> Agent:
    """An agent whose file holds some snapshots, a journal, and alarm changes that the broker does not have."""
    agent, rng = Agent(path, "relaxed", settings(LARGE), **options), random.Random(1)
    for turn in range(12):
        now = START + turn
        flows = [40.0 if turn > 9 and k < ALARMS else rng.uniform(19.0, 21.0) for k in range(ASSETS)]
        agent.play(Event(now, [(f"pump/p{k}", {"t": now, "flow": flow}) for k, flow in enumerate(flows)]))
        if turn % 3 == 0:
            agent.durable._begin_snapshot()
            agent.rest()
    assert agent.durable.owed() > ALARMS
    agent.durable.settle()
    return agent


def size(path: Path) -> int:
    return sum(one.stat().st_size for one in (path, path.with_name(path.name + "-wal")) if one.exists())


def lower(agent: Agent) -> None:
    """A reload with the smaller limit, and nothing else."""
    config = configuration(settings(SMALL))
    agent.twins, lines = agent.twins.reconfigure(config)
    assert lines == []
    agent.durable.adopt(config, agent.twins, "relaxed")


def words(agent: Agent) -> list[str]:
    return [event[1] for event in agent.said]


def test_a_limit_lowered_by_a_reload_makes_the_file_smaller_and_a_kill_after_it_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with grown(path) as agent:
        owed = agent.durable.owed()
        assert size(path) > SMALL - WAL_BYTES
        lower(agent)
        assert size(path) <= SMALL - WAL_BYTES
        assert words(agent).count("the store was made smaller") == 1
        agent.play(Event(START + 13, [("pump/p0", {"t": START + 13, "flow": 20.0})]))
        agent.durable.settle()
        agent.resume()
        with Agent(copied(path, tmp_path / "copy"), "relaxed", settings(SMALL), wall=agent.wall) as back:
            assert back.durable.counts.damaged == 0
            assert bits(back.twins) == bits(agent.twins)
            assert back.durable.owed() >= owed


def test_a_limit_lowered_while_the_agent_was_away_makes_the_file_smaller_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with grown(path) as agent:
        owed, wall = agent.durable.owed(), agent.wall
        agent.resume()
        expected = bits(agent.twins)
        at = copied(path, tmp_path / "copy")
    with Agent(at, "relaxed", settings(SMALL), wall=wall) as back:
        assert size(at) <= SMALL - WAL_BYTES
        assert words(back).count("the store was made smaller") == 1
        assert (bits(back.twins), back.durable.owed()) == (expected, owed)
        back.durable.settle()
        again = copied(at, tmp_path / "again")
    with Agent(again, "relaxed", settings(SMALL), wall=wall) as once_more:
        assert "the store was made smaller" not in words(once_more)
        assert (bits(once_more.twins), once_more.durable.owed()) == (expected, owed)


def test_a_limit_lowered_together_with_what_makes_the_twins_start_over_makes_the_file_smaller(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with grown(path) as agent:
        owed, wall = agent.durable.owed(), agent.wall
        at = copied(path, tmp_path / "copy")
    changed = settings(SMALL)
    changed["assets"][0]["learning"] = 5
    with Agent(at, "relaxed", changed, wall=wall) as back:
        assert back.durable.trouble == ""
        assert size(at) <= SMALL - WAL_BYTES
        assert words(back).count("the store was made smaller") == 1
        assert back.durable.owed() >= owed


def test_a_file_within_its_limit_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with grown(path) as agent:
        config = configuration(settings(LARGE - 1))
        agent.durable.adopt(config, agent.twins, "relaxed")
        assert "the store was made smaller" not in words(agent)
    with Agent(path, "relaxed", settings(LARGE), wall=agent.wall) as back:
        assert "the store was made smaller" not in words(back)


@pytest.mark.parametrize("written", [False, True])
def test_a_disk_without_room_for_it_keeps_what_is_stored_wherever_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    """Before anything is written anew, and when all is in the log and not in the file yet."""
    path = tmp_path / "t.db"

    def full(store: Store) -> None:
        if written:
            store._db.execute("VACUUM")
        raise StoreError("database or disk is full (SQLITE_FULL)")

    monkeypatch.setattr(Store, "shrink", full)
    with grown(path) as agent:
        lower(agent)
        assert agent.durable.trouble == ""
        assert "the store could not be made smaller" in words(agent)
        agent.play(Event(START + 13, [("pump/p0", {"t": START + 13, "flow": 20.0})]))
        agent.durable.settle()
        agent.resume()
        with Agent(copied(path, tmp_path / "copy"), "relaxed", settings(LARGE), wall=agent.wall) as back:
            assert bits(back.twins) == bits(agent.twins)
