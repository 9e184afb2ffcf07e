"""What is owed to the broker is counted by what waits, however long the agent has run before."""

from __future__ import annotations

from pathlib import Path

from agent.shell.owed import UNDER_WAY, OwedChanges
from agent.shell.store import Owed, Store
from agent.types import Outputs, Publications

OLD = 50_000  # changes that an agent has had acknowledged


def changes(count: int) -> Outputs:
    topics, payloads = [b"t%d" % k for k in range(count)], [b"{}"] * count
    return Outputs(publications=[Publications(topics, payloads, 1, True, owed=True)])


def happen(owed: OwedChanges, store: Store, count: int) -> list[int]:
    """So many changes, stored; the numbers of those that the session is given at once."""
    out = changes(count)
    new = owed.numbered([out])
    with store.transaction(sync=False):
        owed.write(store, new)
    owed.written(new)
    owed.hand_over([out], new)
    return [number for group in out.publications for number in group.ids]


def test_after_a_restart_old_numbers_are_not_taken_for_changes_that_wait(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", max_bytes=1 << 26)
    with store.transaction(sync=False):
        store.add_owed([Owed(OLD, b"t", b"{}"), Owed(OLD + 1, b"u", b"{}")])
    lost: list[int] = []
    owed = OwedChanges(UNDER_WAY, lost.append)
    owed.found(store.owed())
    assert len(owed) == 2
    assert happen(owed, store, 1) == []  # older ones wait
    assert len(owed) == 3
    assert [list(group.ids) for group in owed.feed(store)] == [[OLD, OLD + 1, OLD + 2]]
    assert lost == []
    store.close()


def test_a_new_session_is_owed_what_the_old_one_did_not_deliver_and_no_more(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", max_bytes=1 << 26)
    lost: list[int] = []
    owed = OwedChanges(UNDER_WAY, lost.append)
    for _ in range(4):
        owed.delivered(happen(owed, store, UNDER_WAY))
    under_way = happen(owed, store, 3)
    owed.delivered(under_way[:1])
    owed.forget_session()
    assert len(owed) == 2
    assert happen(owed, store, 1) == []
    assert [list(group.ids) for group in owed.feed(store)] == [[*under_way[1:], under_way[-1] + 1]]
    owed.delivered(range(under_way[1], under_way[-1] + 2))
    owed.forget_session()
    assert len(owed) == 0
    assert not owed.feedable()
    assert lost == []
    store.close()


def test_without_a_store_no_more_wait_than_may_whatever_comes_at_once() -> None:
    lost: list[int] = []
    owed = OwedChanges(UNDER_WAY, lost.append)
    owed.numbered([changes(UNDER_WAY + 7)])
    assert sum(lost) == 7
    assert len(owed._unsaved) == UNDER_WAY
