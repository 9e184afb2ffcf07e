"""A store that was cut, overwritten or flipped: the agent starts, says so, and knows nothing that was never true."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.shell.store import DamagedError, SnapshotRow, Store, set_aside
from agent.shell.wal import claim
from tests.durables import Agent, copied, flip
from tests.streams import Event, bits, events

RESUMED = frozenset(("due", "resumed", "newest", "latest"))  # what a start itself changes


class History(NamedTuple):
    """A store's files, every state it has ever stood for, and when it ended."""

    path: Path
    states: list[str]
    wall: float


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Two snapshots, a journal since each, part of it still in the WAL, and alarm changes that are owed."""
    home = tmp_path_factory.mktemp("history")
    states: list[str] = []
    with Agent(home / "t.db", "relaxed") as agent:
        states.append(bits(agent.twins, without=RESUMED))

        def play(stream: list[Event]) -> None:
            for event in stream:
                agent.play(event)
                agent.durable._commit(())
                states.append(bits(agent.twins, without=RESUMED))

        stream = [event for event in events(21, 130) if not event.resumed]
        for start in (0, 50):
            play(stream[start : start + 50])
            agent.durable._begin_snapshot()
            agent.rest()
            store = agent.durable._store
            assert store is not None
            if not start:
                store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        play(stream[100:])
        assert agent.durable.counts.snapshots == 3
        assert agent.durable.owed() > 5
        yield History(copied(home / "t.db", home / "copy"), states, agent.wall)


def started(history: History, home: Path, database: bytes, wal: bytes | None) -> Agent:
    """An agent on these files."""
    home.mkdir(exist_ok=True)
    for old in home.iterdir():
        old.unlink()
    (home / "t.db").write_bytes(database)
    if wal is not None:
        (home / "t.db-wal").write_bytes(wal)
    return Agent(home / "t.db", "relaxed", wall=history.wall)


def judged(history: History, agent: Agent) -> bool:
    """Whether it knows all; fails when it knows something that never was, or less than all without a word."""
    state = bits(agent.twins, without=RESUMED)
    assert state in history.states
    complete = state == history.states[-1]
    if not complete:
        assert agent.durable.counts.damaged, "a state was lost and nothing was said"
    agent.play(Event(agent.wall + 1e6, [("pump/x", {"t": agent.wall + 1e6, "flow": 20.0})]))
    assert not agent.durable.trouble
    return complete


def files(history: History) -> tuple[bytes, bytes]:
    wal = history.path.with_name("t.db-wal")
    return history.path.read_bytes(), wal.read_bytes()


def test_the_undamaged_files_give_the_last_state(history: History, tmp_path: Path) -> None:
    with started(history, tmp_path / "x", *files(history)) as agent:
        assert judged(history, agent)
        assert agent.durable.counts.damaged == 0


@pytest.mark.parametrize("part", ["database", "wal", "all in the database"])
def test_a_flipped_bit_anywhere_is_found_or_does_not_matter(history: History, tmp_path: Path, part: str) -> None:
    rng = random.Random(part)
    database, wal = files(history)
    if part == "all in the database":
        with started(history, tmp_path / "x", database, wal) as agent:
            store = agent.durable._store
            assert store is not None
            store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database, wal = (tmp_path / "x" / "t.db").read_bytes(), b""
    found = 0
    for _ in range(50):
        bad = (database, flip(wal, rng)) if part == "wal" else (flip(database, rng), wal)
        with started(history, tmp_path / "x", *bad) as agent:
            judged(history, agent)
            found += agent.durable.counts.damaged
    # Much of a file is free, or a snapshot that a newer one has replaced, or repeated in the WAL.
    assert found >= 10


@pytest.mark.parametrize("part", ["database", "wal"])
def test_a_file_cut_anywhere_gives_an_earlier_state_or_a_fresh_start(
    history: History, tmp_path: Path, part: str
) -> None:
    rng = random.Random(part)
    database, wal = files(history)
    whole = database if part == "database" else wal
    for end in [0, 1, 31, 32, 99, 1024, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(15))]:
        bad = (whole[:end], wal) if part == "database" else (database, whole[:end])
        with started(history, tmp_path / "x", *bad) as agent:
            state = bits(agent.twins, without=RESUMED)
            # A WAL that ends early is what a power cut leaves, and nothing that was on the disk is missing then.
            assert state in history.states
            agent.play(Event(agent.wall + 1e6, [("pump/x", {"t": agent.wall + 1e6, "flow": 20.0})]))
            assert not agent.durable.trouble


def test_pages_of_zeros_or_of_noise_are_found(history: History, tmp_path: Path) -> None:
    rng = random.Random(4)
    database, wal = files(history)
    for _ in range(25):
        at = rng.randrange(len(database) // 1024) * 1024
        page = bytes(1024) if rng.random() < 0.5 else rng.randbytes(1024)
        with started(history, tmp_path / "x", database[:at] + page + database[at + 1024 :], wal) as agent:
            judged(history, agent)


def test_a_damaged_file_is_moved_aside_with_the_time_and_the_state_goes_on_in_a_new_one(
    history: History, tmp_path: Path
) -> None:
    database, _ = files(history)
    at = database.index(b"SQLite format 3")
    with started(history, tmp_path / "x", database[:at] + b"x" + database[at + 1 :], None) as agent:
        (aside,) = (tmp_path / "x").glob("*damaged*")
        stamp = datetime.fromtimestamp(history.wall, UTC)
        assert aside.name == f"t.db.damaged-{stamp:%Y%m%dT%H%M%SZ}"
        assert aside.read_bytes()[1:] == database[1:]
        assert [e.level for e in agent.said] == ["error"]
        assert agent.lines == ["no snapshot can be read: all twins start over"]
        agent.play(Event(agent.wall + 1, [("pump/x", {"t": agent.wall, "flow": 20.0})]))
        expected = bits(agent.twins, without=RESUMED)
    with Agent(tmp_path / "x" / "t.db", wall=history.wall) as back:
        assert bits(back.twins, without=RESUMED) == expected


def test_of_damaged_files_the_newest_are_kept_with_their_logs(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    other = tmp_path / "other.db.damaged-20260101T000000Z"
    other.write_bytes(b"not ours")
    for day in range(1, 8):
        path.write_bytes(bytes([day]))
        path.with_name("t.db-wal").write_bytes(bytes([day]))
        set_aside(path, f"2026010{day}T000000Z")
    kept = sorted(p.name for p in tmp_path.glob("t.db*"))
    assert kept == [f"t.db.damaged-2026010{day}T000000Z{log}" for day in (5, 6, 7) for log in ("", "-wal")]
    assert (tmp_path / kept[-2]).read_bytes() == b"\x07"
    assert other.exists()


def test_with_the_newest_snapshot_damaged_the_one_before_and_its_journal_give_the_same_state(
    history: History, tmp_path: Path
) -> None:
    home = tmp_path / "x"
    with started(history, home, *files(history)) as agent:
        store = agent.durable._store
        assert store is not None
        newest, older = store.snapshots()
        with store.transaction(sync=False):
            store._db.execute("UPDATE piece SET data = zeroblob(10) WHERE id = ?", (newest.id << 20,))
    with Agent(home / "t.db", wall=history.wall) as back:
        assert older.journal < newest.journal
        assert back.durable.counts.damaged == 1
        assert bits(back.twins, without=RESUMED) == history.states[-1]


def test_a_journal_record_that_is_missing_ends_the_replay_there(history: History, tmp_path: Path) -> None:
    home = tmp_path / "x"
    with started(history, home, *files(history)) as agent:
        store = agent.durable._store
        assert store is not None
        gone = store.snapshots()[0].journal + 5
        with store.transaction(sync=False):
            store._db.execute("DELETE FROM journal WHERE id = ?", (gone,))
    with Agent(home / "t.db", wall=history.wall) as back:
        (said,) = [e for e in back.said if e.level == "error"]
        assert f"journal record {gone} is missing; what was journalled from there on is lost" in str(said.fields)
        assert (
            bits(back.twins, without=RESUMED) == history.states[history.states.index(bits(back.twins, without=RESUMED))]
        )
        assert bits(back.twins, without=RESUMED) != history.states[-1]


def test_rows_in_the_place_of_others_are_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", max_bytes=1 << 26)
    with store.transaction(sync=False):
        store.add_record(1, b"one")
        store.add_record(2, b"two")
        store.add_piece(1, 0, b"piece")
        store.complete(SnapshotRow(1, 0, 1, b"config"))
    assert dict(store.records(0)) == {1: b"one", 2: b"two"}
    assert list(store.pieces(store.snapshots()[0])) == [b"piece"]
    with store.transaction(sync=False):
        store._db.execute("UPDATE journal SET record = (SELECT record FROM journal WHERE id = 2) WHERE id = 1")
    with pytest.raises(DamagedError, match="number 1"):
        list(store.records(0))
    with store.transaction(sync=False):
        store._db.execute("UPDATE snapshot SET journal = 2")
    assert store.snapshots() == []
    assert store.unsound() == ["a snapshot is not what was written"]
    store.close()


def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", max_bytes=1 << 26)

    def write() -> None:
        with store.transaction(sync=True):
            store.add_record(1, b"one")
            store.add_record(1, b"again")

    with pytest.raises(DamagedError):
        write()
    assert list(store.records(0)) == []
    store.close()


def test_a_log_without_damage_claims_what_it_holds_and_one_that_is_not_there_nothing(
    history: History, tmp_path: Path
) -> None:
    wal = history.path.with_name("t.db-wal")
    assert claim(tmp_path / "none") == (0, True)
    whole = claim(wal)
    assert whole.sound
    assert 0 < whole.frames <= (wal.stat().st_size - 32) // (1024 + 24)
    assert not whole.lost(whole.frames)
    assert whole.lost(whole.frames - 1)
