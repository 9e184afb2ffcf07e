"""What is stored comes back, whatever happened in between; what is owed to the broker stays owed until it has it."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.shell.exits import Exit, ExitError
from agent.shell.owed import OWED_BYTES, UNDER_WAY
from agent.shell.places import placed
from agent.shell.store import MIGRATIONS, Store, StoreError
from agent.twins import Twins
from tests.durables import Agent, copied
from tests.services import EVERY_CHANGE, config, settings
from tests.streams import ARRIVAL, START, Event, alarms, batch, bits, configuration, core, events, plant

Mode = Literal["strict", "relaxed"]
BUSY = settings()["assets"]  # one block whose states are said with each message
INTERRUPTED = {"silence": {"coasting": "1h", "stale": "2h"}, "forecast": {"horizons": []}}


def quiet(seed: int, count: int) -> list[Event]:
    """A stream without what the store itself brings in."""
    return [event for event in events(seed, count) if not event.resumed]


def raise_alarms(agent: Agent, count: int) -> None:
    """Alarms go up and down until so many changes are owed."""
    time, changes = agent.wall, 0
    for _ in range(6):
        time += 1
        agent.play(Event(time, [("pump/x", {"t": time, "flow": 20.0 + time % 2 / 10})]))
    while changes < count:
        for value in (40.0, 20.0):
            for _ in range(8):
                time += 1
                out = agent.play(Event(time, [("pump/x", {"t": time, "flow": value})]))
                changes += sum(len(each.alarms) for each in out)


def ids(payloads: list[bytes]) -> list[str]:
    return [json.loads(payload)["id"] for payload in payloads]


# What comes back


@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), mode=st.sampled_from(["strict", "relaxed"]))
def test_a_kill_after_any_commit_brings_back_the_state_of_that_commit(tmp_path: Path, seed: int, mode: Mode) -> None:
    rng = random.Random(seed)
    path = tmp_path / f"{seed}-{mode}.db"
    path.unlink(missing_ok=True)

    def compare() -> None:
        reference = Twins(agent.config)
        reference.restore(agent.twins.snapshot())
        with Agent(copied(path, tmp_path / "copy")) as back:
            reference.resume(back.wall)
            assert (back.lines, back.durable.counts.damaged) == ([], 0)
            assert bits(back.twins) == bits(reference)

    with Agent(path, mode) as agent:
        for event in quiet(seed, 50):
            agent.play(event, qos1=rng.random() < 0.8)
            if rng.random() < 0.1:
                agent.rest(400.0)
            if rng.random() < 0.15 and not agent.durable._turns:
                compare()
        agent.rest(1.0)
        compare()


@pytest.mark.parametrize("mode", ["strict", "relaxed"])
def test_killed_between_any_two_steps_and_redelivered_the_state_is_that_of_an_uninterrupted_run(
    tmp_path: Path, mode: Mode
) -> None:
    """Kills fall before the commit, after it, and after the publications; the broker sends again what it must."""
    raw = plant() | {"floods": EVERY_CHANGE}  # how full a bucket is follows the clock on the wall
    for block in raw["assets"]:
        block |= {"silence": {"coasting": "1h", "stale": "2h"}, "forecast": {"horizons": []}}
    raw["assets"][0]["alarms"].pop("gone")
    raw["assets"][0]["state"] = {"policy": "update"}
    raw["assets"][0]["channels"]["flow"]["limits"].pop("on_delay")
    raw["assets"][1]["alarms"]["rate"].pop("on_delay")
    rng = random.Random(7)
    stream = [e for e in quiet(11, 300) if e.messages and not any(topic == "weather" for topic, _ in e.messages)]
    whole = core(raw)
    changes: list[str] = []
    for event in stream:
        changes += alarms([whole.on_batch(batch(event))])

    path = tmp_path / "t.db"
    agent = Agent(path, mode, raw)
    heard: list[str] = []
    kills = 0
    while stream:
        fate = rng.random()
        if fate < 0.7:
            agent.play(stream.pop(0))
            if fate < 0.1:
                agent.rest(400.0)
            if fate < 0.4:
                heard += ids(agent.owed())
                agent.deliver()
            continue
        kills += 1
        if fate < 0.8:  # assimilated, not committed
            agent.twins.on_batch(batch(stream[0]), agent.durable.record)
        elif fate < 0.9:  # committed, not acknowledged: the message stays with the broker
            agent.play(stream[0])
        else:  # acknowledged, and what was owed may or may not have been delivered
            agent.play(stream.pop(0))
        heard += ids(agent.owed()) if rng.random() < 0.5 else []
        copy = copied(path, tmp_path / "kept")
        agent.die()
        for name in (path.name, path.name + "-wal"):
            path.with_name(name).unlink(missing_ok=True)
            if copy.with_name(name).exists():
                shutil.copy(copy.with_name(name), path.with_name(name))
        agent = Agent(path, mode, raw)
        assert (agent.lines, agent.durable.counts.damaged) == ([], 0)
        agent.rest()
    heard += ids(agent.owed())
    agent.die()
    assert kills > 40
    assert bits(agent.twins, without=ARRIVAL) == bits(whole, without=ARRIVAL)
    assert list(dict.fromkeys(heard)) == changes
    assert changes


def test_what_was_taken_in_relaxed_mode_is_on_the_disk_after_a_second_without_being_asked(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db", "relaxed") as agent:
        agent.play(Event(START, [("pump/x", {"t": START, "flow": 1.0})]), qos1=False)
        with Agent(copied(tmp_path / "t.db", tmp_path / "copy")) as back:
            assert len(back.twins) == 1
        agent.rest(1.0)
        with Agent(copied(tmp_path / "t.db", tmp_path / "copy")) as back:
            assert list(back.twins.blocks[0].rows.names) == ["one", "x"]


def test_silence_while_the_agent_was_away_raises_nothing_and_makes_nobody_stale(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db") as agent:
        for k in range(10):
            agent.play(Event(START + k, [("pump/x", {"t": START + k, "flow": 20.0 + k % 2})]))
        assert agent.twins.status_counts()["live"] == 1
    with Agent(tmp_path / "t.db", wall=START + 86400.0) as agent:
        assert agent.play(Event(START + 86401.0))[0].alarms == []
        assert agent.twins.status_counts()["live"] == 1
        out = agent.play(Event(START + 86400.0 + 41.0))[0]
        assert [change.name for change in out.alarms] == ["gone"] * len(out.alarms) != []


def test_an_alarm_stays_active_with_its_first_time_and_its_number(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db") as agent:
        raise_alarms(agent, 1)
        while not agent.twins.active_alarms()["warning"]:
            raise_alarms(agent, 1)
        before = [a.export(np.arange(2)) for a in agent.twins.blocks[0].alarms]
    with Agent(tmp_path / "t.db") as back:
        after = [a.export(np.arange(2)) for a in back.twins.blocks[0].alarms]
        assert str(after) == str(before)
        assert back.play(Event(back.wall + 1))[0].alarms == []


# What is owed to the broker


def test_owed_changes_leave_the_store_only_when_the_broker_has_them_and_come_again_in_order(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with Agent(path) as agent:
        raise_alarms(agent, 6)
        first = ids(agent.owed())
        delivered = agent.deliver(2)
        assert len(delivered) == 2
        agent.rest(1.0)
    with Agent(path) as back:
        back.rest()
        assert ids(back.owed()) == first[2:]
        back.deliver()
        back.rest(1.0)
        assert back.durable.owed() == 0
    with Agent(path) as back:
        back.rest()
        assert back.owed() == []


def test_more_owed_than_a_session_takes_wait_in_the_store_and_keep_their_order(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db", "relaxed") as agent:
        raise_alarms(agent, UNDER_WAY + 200)
        total = agent.durable.owed()
        heard = ids(agent.owed())
        assert len(heard) == UNDER_WAY
        while agent.durable.owed():
            agent.deliver(UNDER_WAY // 3)
            before = agent.owed()
            agent.rest()
            heard += ids(agent.owed()[len(before) :])
        assert len(heard) == len(set(heard)) == total
        for alarm in {number.rsplit("/", 1)[0] for number in heard}:
            changes = [int(number.rsplit("/", 1)[1]) for number in heard if number.startswith(alarm + "/")]
            assert changes == list(range(1, len(changes) + 1))


def test_a_new_session_is_given_again_what_the_old_one_did_not_deliver(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db") as agent:
        raise_alarms(agent, 4)
        whole = ids(agent.owed())
        agent.deliver(1)
        agent.published.clear()
        agent.durable.forget_session()
        agent.rest()
        assert ids(agent.owed()) == whole[1:]


def test_clearing_an_alarm_that_is_no_longer_configured_is_owed_like_any_change(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with Agent(path) as agent:
        while not agent.twins.active_alarms()["warning"]:
            raise_alarms(agent, 1)
        agent.deliver()
        agent.rest(1.0)
        active = agent.twins.active_alarms()["warning"]
    raw = plant()
    raw["assets"][0]["alarms"] = {}
    raw["assets"][0]["channels"]["flow"].pop("limits")
    with Agent(path, raw=raw):
        pass  # killed before it could say so
    with Agent(path, raw=raw) as back:
        back.rest()
        states = [json.loads(payload)["state"] for payload in back.owed()]
        assert states == ["cleared"] * active


# A configuration that changed meanwhile


def test_a_changed_block_starts_over_and_says_why_while_the_others_keep_what_they_know(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with Agent(path) as agent:
        for event in quiet(3, 60):
            agent.play(event)
        rooms = agent.twins.snapshot()["blocks"][1]
    raw = plant()
    raw["assets"][0]["model"] = "level"
    raw["assets"].reverse()
    with Agent(path, raw=raw) as back:
        assert back.lines[0] == "block pump/{asset}: model changed, its twins start over"
        room = back.twins.snapshot()["blocks"][0]
        assert room["names"] == rooms["names"]
        for name in rooms["banks"][0]:
            assert room["banks"][0][name].tobytes() == rooms["banks"][0][name].tobytes()
        expected = bits(back.twins)
        later = START + 1e6
        back.play(Event(later, [("room/a1", {"t": later, "air": 20.0})]))
    with Agent(path, raw=raw) as again:
        assert again.lines == []
        assert bits(again.twins) != expected


def test_a_reload_begins_with_a_snapshot_so_that_a_kill_after_it_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    raw = plant()
    raw["assets"][0]["known"] = ["zero", "one"]  # every row has another number
    with Agent(path) as agent:
        for event in quiet(4, 40):
            agent.play(event)
        changed = configuration(raw)
        agent.twins, lines = agent.twins.reconfigure(changed)
        agent.durable.adopt(changed, agent.twins, "strict")
        assert lines == []
        for event in quiet(5, 40):
            agent.play(event)
        agent.resume()
        with Agent(copied(path, tmp_path / "copy"), raw=raw, wall=agent.wall) as back:
            assert (back.lines, back.durable.counts.damaged) == ([], 0)
            assert bits(back.twins) == bits(agent.twins)


# A disk that fails


class Disk:
    """Opens stores that fail on request, as SQLite says that they do."""

    def __init__(self) -> None:
        self.full = False

    def __call__(self, path: Path, *, max_bytes: int) -> Store:
        disk = self

        class Failing(Store):
            def _check(self) -> None:
                if disk.full:
                    raise StoreError("database or disk is full")

            def transaction(self, *, sync: bool) -> Any:
                self._check()
                return super().transaction(sync=sync)

        if disk.full:
            raise StoreError("unable to open database file")
        return Failing(path, max_bytes=max_bytes)


@pytest.mark.parametrize("mode", ["strict", "relaxed"])
def test_a_full_disk_is_said_survived_in_memory_and_made_good_by_itself(tmp_path: Path, mode: Mode) -> None:
    disk = Disk()
    path = tmp_path / "t.db"
    stream = quiet(8, 120)
    with Agent(path, mode, open_store=disk) as agent:
        for event in stream[:40]:
            agent.play(event)
        disk.full = True
        agent.play(Event(stream[40].now, [("pump/x", {"t": stream[40].now, "flow": 20.0})]))
        assert agent.durable.trouble
        before = agent.acknowledged
        for event in stream[40:80]:
            agent.play(event)
        assert (agent.acknowledged == before) is (mode == "strict")
        assert [e.level for e in agent.said if "going on in memory" in e.event] == ["error"]
        disk.full = False
        agent.rest(120.0)
        assert not agent.durable.trouble
        assert agent.said[-1].event == "everything is stored again"
        for event in stream[80:]:
            agent.play(event)
        heard = ids(agent.owed())
        agent.rest(1.0)
        with Agent(copied(path, tmp_path / "copy"), mode, wall=agent.wall) as back:
            agent.resume()
            back.rest()
            assert bits(back.twins) == bits(agent.twins)
            assert ids(back.owed()) == heard


def test_what_the_broker_got_while_the_disk_was_full_is_not_owed_afterwards(tmp_path: Path) -> None:
    disk = Disk()
    with Agent(tmp_path / "t.db", open_store=disk) as agent:
        raise_alarms(agent, 2)
        disk.full = True
        raise_alarms(agent, 2)
        agent.deliver()
        disk.full = False
        agent.rest(120.0)
        assert agent.durable.owed() == 0
    with Agent(tmp_path / "t.db") as back:
        back.rest()
        assert back.owed() == []


def test_a_disk_that_is_full_from_the_start_is_no_reason_not_to_start(tmp_path: Path) -> None:
    disk = Disk()
    disk.full = True
    with Agent(tmp_path / "t.db", open_store=disk) as agent:
        raise_alarms(agent, 2)
        heard = ids(agent.owed())
        assert agent.acknowledged == 0
        disk.full = False
        agent.rest(120.0)
        assert agent.durable.trouble == ""
        with Agent(copied(tmp_path / "t.db", tmp_path / "copy")) as back:
            back.rest()
            assert ids(back.owed()) == heard


def test_a_directory_that_is_not_there_is_reported_and_tried_again(tmp_path: Path) -> None:
    with Agent(tmp_path / "away" / "t.db") as agent:
        raise_alarms(agent, 1)
        assert "unable to open" in agent.durable.trouble
        (tmp_path / "away").mkdir()
        agent.rest(120.0)
        assert agent.durable.trouble == ""
        assert (tmp_path / "away" / "t.db").exists()


def test_a_file_that_can_only_be_read_gives_its_state_and_is_written_again_when_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with Agent(path) as agent:
        raise_alarms(agent, 3)
        heard = ids(agent.owed())
        copied(path, tmp_path / "copy")
        agent.resume()
        expected = bits(agent.twins)
    path = tmp_path / "copy" / "t.db"

    def read_only(at: Path, *, max_bytes: int) -> Store:
        if at == path and blocked:
            raise StoreError("attempt to write a readonly database")
        return Store(at, max_bytes=max_bytes)

    blocked = [True]
    with Agent(path, wall=agent.wall, open_store=read_only) as back:
        assert bits(back.twins) == expected
        assert back.durable.holds_back
        blocked.clear()
        back.rest(120.0)
        assert back.durable.trouble == ""
        assert ids(back.owed()) == heard


def test_of_endless_changes_that_nobody_takes_the_newest_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    raw = plant() | {"store": {"max_size": 32 * 2**20}, "floods": EVERY_CHANGE}
    with Agent(tmp_path / "t.db", "relaxed", raw) as agent:
        most = 32 * 2**20 // OWED_BYTES
        raise_alarms(agent, most + 500)
        assert agent.durable.owed() <= most
        lost = agent.durable.counts.lost
        assert lost >= 400
        heard = len(agent.owed())
        while agent.durable.owed():
            agent.deliver()
            agent.rest()
            heard += len(agent.owed())
        assert heard + lost == agent.durable._owed.next - 1


def test_a_file_that_the_system_lets_grow_no_further_is_survived_and_goes_on_when_it_may_again(tmp_path: Path) -> None:
    """A limit of the kernel's, so that it is SQLite which finds out, wherever it happens to write."""
    path = tmp_path / "t.db"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Agent(path, "strict") as agent:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
            time = START
            while not agent.durable.trouble:
                time += 1
                agent.play(Event(time, [(f"pump/p{k}", {"t": time, "flow": time % 7 + k}) for k in range(40)]))
                assert time < START + 2000, "the limit was never met"
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
            agent.rest(60.0)
            assert agent.durable.trouble
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with Agent(copied(path, tmp_path / "then")) as then:
            assert then.durable.counts.damaged == 0
            assert len(then.twins) == 41
        agent.rest(60.0)
        assert not agent.durable.trouble
        agent.play(Event(time + 1, [("pump/p0", {"t": time + 1, "flow": 3.0})]))
        agent.resume()
        with Agent(copied(path, tmp_path / "copy"), wall=agent.wall) as back:
            assert bits(back.twins) == bits(agent.twins)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_full_and_then_read_only_file_system_is_survived(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], check=False, capture_output=True
    ).returncode:
        pytest.skip("no mounts here")
    try:
        with Agent(mount / "t.db", "strict") as agent:
            time = START
            while not agent.durable.trouble:
                time += 1
                agent.play(Event(time, [(f"pump/p{k}", {"t": time, "flow": time % 7 + k}) for k in range(40)]))
                assert time < START + 3000, "it was never full"
            assert "full" in agent.durable.trouble or "I/O" in agent.durable.trouble
            subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True)
            agent.rest(60.0)
            assert not agent.durable.trouble
            agent.play(Event(time + 1, [("pump/p0", {"t": time + 1, "flow": 3.0})]))
            agent.resume()
            expected, wall = bits(agent.twins), agent.wall
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        with Agent(mount / "t.db", "strict", wall=wall) as back:
            assert back.durable.trouble
            assert bits(back.twins) == expected
            subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
            back.rest(60.0)
            assert not back.durable.trouble
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def test_history_goes_before_the_cap_is_reached(tmp_path: Path) -> None:
    raw = plant() | {"store": {"max_size": 32 * 2**20, "snapshot_interval": 0}}
    rng = random.Random(1)
    with Agent(tmp_path / "t.db", "relaxed", raw) as agent:
        time = START
        for _ in range(120):
            time += 60
            readings = [(f"pump/p{k}", {"t": time, "flow": rng.random()}) for k in range(1500)]
            agent.play(Event(time, readings))
            agent.rest(1.0)
            agent.deliver()
        assert agent.durable.counts.snapshots > 3
        assert [event.fields for event in agent.said if event.level == "error"] == []
        assert agent.durable.size() < 32 * 2**20


# A file that is not for this agent


def test_a_second_agent_on_the_same_file_is_told_so(tmp_path: Path) -> None:
    with Agent(tmp_path / "t.db"), pytest.raises(ExitError, match="another process has it open") as error:
        Agent(tmp_path / "t.db")
    assert error.value.code is Exit.TEMPORARY


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = (*MIGRATIONS, ("CREATE TABLE future (x)",))
    Store(tmp_path / "t.db", max_bytes=1 << 26, migrations=newer).close()
    before = (tmp_path / "t.db").read_bytes()
    with pytest.raises(
        ExitError, match=rf"has version {len(newer)}, written by a newer twinned; .* up to {len(MIGRATIONS)}"
    ) as error:
        Agent(tmp_path / "t.db")
    assert error.value.code is Exit.ENVIRONMENT
    assert (tmp_path / "t.db").read_bytes() == before


def test_a_store_of_an_older_version_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with Agent(path) as agent:
        for event in quiet(9, 40):
            agent.play(event)
        agent.resume()
    newer = (*MIGRATIONS, ("CREATE TABLE future (x INTEGER)", "INSERT INTO future VALUES (7)"))

    def open_newer(at: Path, *, max_bytes: int) -> Store:
        return Store(at, max_bytes=max_bytes, migrations=newer)

    with Agent(path, wall=agent.wall, open_store=open_newer) as back:
        assert bits(back.twins) == bits(agent.twins)
    with pytest.raises(ExitError, match=f"has version {len(newer)}"):
        Agent(path)


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    import sqlite3

    db = sqlite3.connect(tmp_path / "t.db")
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    before = (tmp_path / "t.db").read_bytes()
    with pytest.raises(ExitError, match="belongs to another program"):
        Agent(tmp_path / "t.db")
    assert (tmp_path / "t.db").read_bytes() == before


# Where it is


@pytest.mark.parametrize(
    ("store", "state", "expected"),
    [
        ({}, None, None),
        ({}, "/var/lib/twinned", ("relaxed", Path("/var/lib/twinned/twinned.db"))),
        ({}, "/a:/b", ("relaxed", Path("/a/twinned.db"))),
        ({"path": "/x/y.db"}, "/a", ("relaxed", Path("/x/y.db"))),
        ({"mode": "strict"}, "/a", ("strict", Path("/a/twinned.db"))),
        ({"mode": "off"}, "/a", None),
    ],
)
def test_the_store_is_where_the_settings_or_systemd_say(
    store: dict[str, Any], state: str | None, expected: tuple[Mode, Path] | None
) -> None:
    assert placed(config(settings(store=store)).store, state) == expected


def test_a_mode_without_a_place_is_a_configuration_error() -> None:
    with pytest.raises(ExitError, match=r"expected a place to store, got strict without one; set `store\.path`"):
        placed(config(settings(store={"mode": "strict"})).store, None)
