"""Alarm changes that are owed to the broker: their numbers, and where each of them waits.

A change is numbered in the batch that caused it, stored with that batch, handed to the session, and forgotten when the
broker has acknowledged it. A bounded number is with the session at a time, the others wait in the store. What is
written, and when, is `agent.shell.durable`'s; here is only what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.shell.store import Owed, Store
from agent.types import Outputs, Publications

UNDER_WAY = 1000  # owed alarm changes handed to the session at a time; the others wait in the store
OWED_BYTES = 16_384  # of the cap for each owed alarm change that may wait; they take about 1 KiB


def most_owed(max_size: int) -> int:
    """How many may wait where the store may take so many bytes."""
    return max(UNDER_WAY, max_size // OWED_BYTES)


class OwedChanges:
    """`lost` is told how many were dropped, because too many wait."""

    def __init__(self, most: int, lost: Callable[[int], None]) -> None:
        self.most = most
        self._lost = lost
        self.next = 1
        self._fed = 0  # number of the last one handed to the session
        self._under_way: dict[int, Owed] = {}
        self._unsaved: dict[int, Owed] = {}
        self._done: list[int] = []  # acknowledged, and still in the store

    def __len__(self) -> int:
        return len(self._under_way) + max(0, self.next - 1 - self._fed)

    @property
    def forgettable(self) -> bool:
        """Whether the store holds some that the broker has."""
        return bool(self._done)

    # -- the beginning, and the end of a trouble

    def found(self, owed: Iterable[Owed]) -> None:
        """These are in the store, from before."""
        ids = [one.id for one in owed]
        self.next = max(ids, default=0) + 1
        self._fed = min(ids, default=1) - 1

    def keep(self, owed: Iterable[Owed]) -> None:
        """These were owed and are in no store now."""
        self._unsaved = {one.id: one for one in owed}

    def recall(self, known: set[int]) -> None:
        """A store holds only these: what the session has besides must be stored again."""
        unsaved = self._under_way | self._unsaved
        self._unsaved = {key: unsaved[key] for key in sorted(unsaved) if key not in known}

    # -- numbers

    def numbered(self, outputs: Sequence[Outputs]) -> list[Owed]:
        """Give each owed change of a turn its number."""
        owed: list[Owed] = []
        for out in outputs:
            for k, group in enumerate(out.publications):
                if group.owed:
                    out.publications[k] = self.number(group, owed)
        return owed

    def number(self, group: Publications, into: list[Owed]) -> Publications:
        """The same changes with their numbers, which go to `into`, too."""
        first = self.next
        self.next += len(group.topics)
        ids = range(first, self.next)
        for one in map(Owed, ids, group.topics, group.payloads):
            into.append(one)
            self._unsaved[one.id] = one
        while len(self._unsaved) > self.most:
            del self._unsaved[next(iter(self._unsaved))]
            self._lost(1)
        return group._replace(ids=ids)

    # -- within a transaction, and after it

    def write(self, store: Store, owed: Sequence[Owed]) -> None:
        """The new ones go into the store, those that the broker has leave it."""
        store.add_owed(owed)
        store.remove_owed(self._done)
        # The broker has been away for very long: of what waits, the newest counts.
        over = len(self) - self.most
        if over > 0:
            store.remove_owed(range(self._fed + 1, self._fed + over + 1))
            self._fed += over
            self._lost(over)

    def written(self, owed: Sequence[Owed]) -> None:
        """That transaction is committed."""
        self._done = []
        for one in owed:
            self._unsaved.pop(one.id, None)

    def write_all(self, store: Store) -> None:
        """As `write`, with all that the store does not hold yet."""
        store.remove_owed(self._done)
        store.add_owed(self._unsaved.values())

    def all_written(self) -> None:
        """That transaction is committed."""
        self._done = []
        self._unsaved.clear()

    # -- to the session and from it

    def hand_over(self, outputs: Sequence[Outputs], owed: Sequence[Owed]) -> None:
        """The session gets them at once, unless older ones wait or it has enough: then they wait in the store."""
        if self._fed == owed[0].id - 1 and len(self._under_way) + len(owed) <= UNDER_WAY:
            self._fed = owed[-1].id
            self._under_way.update((one.id, one) for one in owed)
            return
        for out in outputs:
            out.publications[:] = [group for group in out.publications if not group.owed]

    def feedable(self) -> bool:
        """Whether some wait in the store, and the session has room for them."""
        return self._fed < self.next - 1 and len(self._under_way) <= UNDER_WAY // 2

    def feed(self, store: Store) -> list[Publications]:
        """Those whose turn it is. Raises StoreError or DamagedError."""
        owed = store.owed(self._fed, UNDER_WAY - len(self._under_way))
        self._fed = owed[-1].id if owed else self.next - 1
        self._under_way.update((one.id, one) for one in owed)
        topics, payloads = [one.topic for one in owed], [one.payload for one in owed]
        return [Publications(topics, payloads, 1, True, owed=True, ids=[one.id for one in owed])] if owed else []

    def delivered(self, ids: Iterable[int]) -> None:
        """The broker has these."""
        for number in ids:
            self._under_way.pop(number, None)
            if self._unsaved.pop(number, None) is None:
                self._done.append(number)

    def forget_session(self) -> None:
        """The session is gone with what it had to deliver: all of it is handed over again."""
        self._fed = min(self._under_way, default=self._fed + 1) - 1
        self._under_way.clear()
