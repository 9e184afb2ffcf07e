"""The snapshot that is being written, a piece a turn, and when the next one is due.

What a snapshot holds is `agent.snapshot`'s, the file is `agent.shell.store`'s, and what happens when the disk fails is
`agent.shell.durable`'s: methods that write raise StoreError or DamagedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent import snapshot
from agent.config import Store as Settings
from agent.shell.counts import Counts
from agent.shell.store import SnapshotRow, Store
from agent.twins import Twins

MAX_REPLAY = 1.0  # seconds that replaying the journal may take, by the estimates below
RECORD_SECONDS, SAMPLE_SECONDS = 1e-4, 3e-6
PRUNED = 64  # rows removed in a turn
CROWDED = 0.6  # share of the cap at which older history goes early


class Snapshots:
    """Snapshots of one store, and how much was journalled since the newest."""

    def __init__(self, settings: Settings, clock: Callable[[], float], counts: Counts) -> None:
        self.settings = settings
        self._clock = clock
        self._counts = counts
        self._pieces: Iterator[bytes] | None = None
        self._pruning = False
        self._row = SnapshotRow(0, 0, 0, b"")  # the one that is being written, or was written last
        self.written_bytes = self._writing_bytes = 0
        self._due = 0.0
        self.bytes = self.records = self.samples = 0  # journalled since the newest was begun

    @property
    def busy(self) -> bool:
        """Whether `turn` has something to do."""
        return self._pieces is not None or self._pruning

    @property
    def writing(self) -> bool:
        return self._pieces is not None

    def journalled(self, samples: int, size: int) -> None:
        """A record was committed."""
        self.records += 1
        self.samples += samples
        self.bytes += size

    def due(self, now: float) -> bool:
        """Whether it is time for the next."""
        if not self.records:
            return False
        if self.records * RECORD_SECONDS + self.samples * SAMPLE_SECONDS >= MAX_REPLAY:
            return True
        return now >= self._due and self.bytes >= self.written_bytes

    def begin(self, store: Store, twins: Twins, journal: int, identity: bytes) -> None:
        """Take the twins as they are after this journal record; `turn` writes them."""
        number = store.last_snapshot() + 1
        if store.used() > CROWDED * self.settings.max_size:
            _prune(store)
        self._row = SnapshotRow(number, journal, 0, identity)
        self._pieces = snapshot.dump(twins.snapshot())
        self._writing_bytes = 0
        self._begun()

    def shrink(self, store: Store) -> None:
        """Make the file as small as it can be: the newest snapshot is all of the history that is kept."""
        _prune(store)
        store.shrink()

    def turn(self, store: Store) -> None:
        """Write a piece, or remove some of what is not needed any more."""
        if self._pieces is None:
            with store.transaction(sync=False):
                self._pruning = store.prune(2, PRUNED)
            return
        row = self._row
        piece = next(self._pieces, None)
        with store.transaction(sync=piece is None):
            if piece is None:
                store.complete(row)
            else:
                store.add_piece(row.id, row.pieces, piece)
        if piece is None:
            self._completed()
        else:
            self._writing_bytes += len(piece)
            self._row = row._replace(pieces=row.pieces + 1)

    def write(self, store: Store, twins: Twins, journal: int, identity: bytes) -> None:
        """One in one go, within the caller's transaction, who calls `written` after it."""
        row = SnapshotRow(store.last_snapshot() + 1, journal, 0, identity)
        self._writing_bytes = 0
        for piece in snapshot.dump(twins.snapshot()):
            store.add_piece(row.id, row.pieces, piece)
            row = row._replace(pieces=row.pieces + 1)
            self._writing_bytes += len(piece)
        store.complete(row)
        self._row = row

    def written(self) -> None:
        self._begun()
        self._completed()

    def drop(self) -> None:
        """What is being written is of no use any more."""
        self._pieces = None

    def abandon(self) -> None:
        """There is nothing to write to."""
        self._pieces, self._pruning = None, False

    def _begun(self) -> None:
        self.bytes = self.records = self.samples = 0

    def _completed(self) -> None:
        self._pieces = None
        self._pruning = True
        self.written_bytes = self._writing_bytes
        self._due = self._clock() + self.settings.snapshot_interval
        self._counts.snapshots += 1
        self._counts.bytes += self.written_bytes


def _prune(store: Store) -> None:
    while store.prune(1, PRUNED):
        pass
