"""What is written when: the loop's side of the store.

The order is: a batch is worked on, what moved the twins is committed, then what came of it is published, then the
batch is acknowledged. Snapshots are written a piece a turn. When the disk fails, the agent goes on in memory and says
so; as soon as the disk takes a snapshot again, all is as before. Where things are written is `agent.shell.store`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Literal

from agent import snapshot
from agent.config import Config
from agent.config import Store as Settings
from agent.decode import Step, Take
from agent.journal import Made, Passed, Resumed, Taken, Turn, encode
from agent.shell.events import Event
from agent.shell.exits import Exit, ExitError
from agent.shell.recovery import Recovered, copy_of, identity, recover
from agent.shell.store import DamagedError, Owed, RefusedError, SnapshotRow, Store, StoreError, set_aside
from agent.twins import Twins
from agent.types import Outputs, Publications

MAX_SAMPLES = 10_000  # samples that wait for a commit: bounds memory, and what a power cut can take
MAX_REPLAY = 1.0  # seconds that replaying the journal may take, by the estimates below
RECORD_SECONDS, SAMPLE_SECONDS = 1e-4, 3e-6
UNDER_WAY = 1000  # owed alarm changes handed to the session at a time; the others wait in the store
OWED_BYTES = 16_384  # of the cap for each owed alarm change that may wait; they take about 1 KiB
RETRY_LEAST, RETRY_MOST = 1.0, 60.0
PRUNED = 64  # rows removed in a turn
CROWDED = 0.6  # share of the cap at which older history goes early


class Counts:
    """What the store counts, for the metrics."""

    def __init__(self) -> None:
        self.commits = 0
        self.samples = 0  # journalled
        self.bytes = 0  # of journal records and snapshots, before SQLite writes them twice
        self.snapshots = 0
        self.failures = 0
        self.damaged = 0  # files set aside
        self.lost = 0  # owed alarm changes forgotten because nothing could be written
        self.recovered_readings = 0


class Durable:
    """The store as the loop sees it. No method raises because of a disk, but `recover` may refuse a file."""

    def __init__(
        self,
        settings: Settings,
        mode: Literal["strict", "relaxed"],
        path: Path,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        events: Callable[[Event], None],
        open_store: Callable[..., Store] = Store,
    ) -> None:
        self._settings = settings
        self._strict = mode == "strict"
        self._path = path
        self._clock, self._now, self._events = clock, now, events
        self._open = partial(open_store, max_bytes=int(settings.max_size))
        self._unread = False  # there is a file, and what it holds is not known
        self._store: Store | None = None
        self.trouble = ""  # why nothing is stored at present
        self.counts = Counts()
        self._retry_due, self._retry_wait = inf, RETRY_LEAST
        # the journal
        self._twins: Twins
        self._identity = b""
        self._rows: list[int] = []  # per block: how many twins the journal knows
        self._turns: list[Turn] = []
        self._samples = 0
        self._last = 0  # number of the last record
        self._commit_due = inf
        self._sync_due = inf
        # snapshots
        self._pieces: Iterator[bytes] | None = None
        self._written = SnapshotRow(0, 0, 0, b"")  # the one that is being written, or was written last
        self._written_bytes = self._writing_bytes = 0
        self._snapshot_due = 0.0
        self._since_bytes = self._since_records = self._since_samples = 0
        self._pruning = False
        # owed alarm changes
        self._most_owed = max(UNDER_WAY, int(settings.max_size) // OWED_BYTES)
        self._next_owed = 1
        self._fed = 0  # number of the last one handed to the session
        self._under_way: dict[int, Owed] = {}
        self._unsaved: dict[int, Owed] = {}
        self._done: list[int] = []  # acknowledged, and still in the store

    @property
    def holds_back(self) -> bool:
        """Whether nothing may be acknowledged now, because it is not stored."""
        return self._strict and bool(self.trouble)

    def next_time(self) -> float:
        """Monotonic time at which `on_turn` has something to do."""
        if self.trouble:
            return self._retry_due
        if self._pieces is not None or self._pruning or self._feedable():
            return 0.0
        return min(self._commit_due, self._sync_due)

    def size(self) -> int:
        """Bytes on the disk."""
        return 0 if self._store is None else self._store.size()

    def owed(self) -> int:
        """Alarm changes that the broker has not acknowledged."""
        return len(self._under_way) + max(0, self._next_owed - 1 - self._fed)

    # -- the beginning

    def recover(self, config: Config) -> tuple[Twins, list[str]]:
        """The twins as they were, and what starts over. Raises ExitError where the file is not for this agent."""
        began = self._clock()
        self._identity = identity(config)
        try:
            store = self._open(self._path)
        except RefusedError as error:
            code = Exit.TEMPORARY if error.busy else Exit.ENVIRONMENT
            raise ExitError(code, f"store: {self._path}: {error}") from None
        except DamagedError as error:
            return self._started_over(config, [str(error)])
        except StoreError as error:
            return self._read_only(config, error)
        found = recover(store, config)
        self._take_over(found)
        if found.damage:
            store.abandon()
            self._last = 0
            self._set_aside(found.damage)
            self._restart(found.owed)
        else:
            self._store = store
            if found.continues:
                self._twins.resume(now := self._now())
                self._note(Resumed(now))
            else:
                self._restart(None)
        if found.last:
            fields = {"twins": len(found.twins), "readings": found.readings, "seconds": round(self._clock() - began, 3)}
            self._events(Event("info", "state recovered", None, fields))
        return found.twins, found.lines

    def _take_over(self, found: Recovered) -> None:
        self._adopt(found.twins)
        self.counts.recovered_readings = found.readings
        self._last = found.last
        self._next_owed = max((one.id for one in found.owed), default=0) + 1

    def _read_only(self, config: Config, error: StoreError) -> tuple[Twins, list[str]]:
        """The disk takes nothing, but what it holds may still be read."""
        lines: list[str] = []
        self._unread = self._path.exists()
        if self._unread:
            try:
                with copy_of(self._path, self._open) as store:
                    found = recover(store, config)
            except (StoreError, DamagedError, RefusedError) as reading:
                lines = [f"what is stored cannot be read now ({reading}): all twins start over"]
            else:
                self._unread = False
                self._take_over(found)
                self._twins.resume(self._now())
                self._unsaved = {one.id: one for one in found.owed}
                self._fail(error)
                return found.twins, found.lines
        self._adopt(Twins(config))
        self._fail(error)
        return self._twins, lines

    def _started_over(self, config: Config, damage: list[str]) -> tuple[Twins, list[str]]:
        self._adopt(Twins(config))
        self._set_aside(damage)
        self._restart([])
        return self._twins, ["no snapshot can be read: all twins start over"]

    def _restart(self, owed: list[Owed] | None) -> None:
        """Begin with a snapshot of what the twins are now; `owed` None: the store has them already."""
        self._twins.resume(self._now())
        if owed:
            self._unsaved = {one.id: one for one in owed}
        self._snapshot_now(gap=True)

    def _set_aside(self, damage: Sequence[str]) -> None:
        self.counts.damaged += 1
        stamp = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%SZ")
        fields: dict[str, object] = {"file": str(self._path), "damage": "; ".join(damage)}
        try:
            fields["moved_to"] = str(set_aside(self._path, stamp))
        except OSError as error:
            fields["moved_to"] = f"nowhere: {error.strerror}"
        self._events(
            Event("error", "the store is damaged: it is moved aside, and what could be read is kept", None, fields)
        )

    def adopt(self, config: Config, twins: Twins) -> None:
        """Go on with other twins, under another configuration."""
        self._commit(())
        self._identity = identity(config)
        self._adopt(twins)
        if not self.trouble:
            self._snapshot_now(gap=True)

    def _adopt(self, twins: Twins) -> None:
        self._twins = twins
        self._rows = [len(b) for b in twins.blocks]
        self._turns, self._samples = [], 0
        self._pieces = None

    # -- a turn of the loop

    def record(self, steps: Sequence[Step], received: Sequence[float]) -> None:
        """A batch is about to be assimilated: what `Twins.on_batch` is given to tell."""
        made: list[Made] = []
        for k, b in enumerate(self._twins.blocks):
            if len(b) > self._rows[k]:
                times = b.rows.columns["made"]
                made += [Made(k, b.rows.names[row], float(times[row])) for row in range(self._rows[k], len(b))]
                self._rows[k] = len(b)
        if steps or made:
            self._samples += sum(
                len(s.samples.rows) * len(s.samples.columns) if isinstance(s, Take) else 1 for s in steps
            )
            self._note(Taken(steps, received, made))

    def passed(self, now: float) -> None:
        """`on_time` is about to be called."""
        self._note(Passed(now))

    def commit(self, outputs: Sequence[Outputs], *, acknowledging: bool) -> None:
        """Before anything of this is published: store what has to be, and number what is owed.

        acknowledging: messages of QoS 1 wait for their acknowledgement.
        """
        owed: list[Owed] = []
        said = False
        for out in outputs:
            said = said or bool(out.publications)
            for k, group in enumerate(out.publications):
                if group.owed:
                    out.publications[k] = self._numbered(group, owed)
        if owed or (said and self._strict) or acknowledging or self._samples >= MAX_SAMPLES:
            self._commit(owed)
        if owed:
            self._hand_over(outputs, owed)

    def on_turn(self) -> list[Publications]:
        """What is not about a batch; returns owed alarm changes that have their turn."""
        now = self._clock()
        if self.trouble:
            if now >= self._retry_due:
                self._recover_from_trouble()
            return []
        if (self._turns or self._done) and now >= self._commit_due:
            self._commit(())
        if now >= self._sync_due:
            self._sync()
        if self._pieces is not None:
            self._write_piece(self._pieces)
        elif self._pruning:
            self._prune()
        elif self._due(now):
            self._begin_snapshot()
        return self._feed()

    def delivered(self, ids: Sequence[int]) -> None:
        """The broker has these owed alarm changes."""
        for number in ids:
            self._under_way.pop(number, None)
            if self._unsaved.pop(number, None) is None:
                self._done.append(number)
                self._commit_due = min(self._commit_due, self._clock() + self._settings.commit_interval)

    def forget_session(self) -> None:
        """The session is gone with what it had to deliver: all of it is handed over again."""
        self._commit(())
        self._under_way.clear()
        self._fed = 0

    def close(self) -> None:
        """Store everything, and let go of the file."""
        if not self.trouble:
            self._commit(())
        if not self.trouble and self._since_records:
            self._snapshot_now(gap=False)
        if self._store is not None:
            try:
                self._store.close()
            except (StoreError, DamagedError) as error:
                self._fail(error)
            self._store = None

    # -- committing

    def _note(self, turn: Turn) -> None:
        if self.trouble:
            self._samples = 0
            return
        if not self._turns:
            self._commit_due = self._clock() + self._settings.commit_interval
        self._turns.append(turn)

    def _commit(self, owed: Sequence[Owed]) -> None:
        turns, samples, done = self._turns, self._samples, self._done
        store = self._store
        if not (turns or owed or done) or self.trouble or store is None:
            return
        self._turns, self._samples = [], 0
        record = encode(turns) if turns else b""
        try:
            with store.transaction(sync=self._strict):
                if turns:
                    store.add_record(self._last + 1, record)
                store.add_owed(owed)
                store.remove_owed(done)
                self._drop_oldest(store)
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return
        self._done, self._commit_due = [], inf
        if not self._strict:
            self._sync_due = min(self._sync_due, self._clock() + self._settings.commit_interval)
        if turns:
            self._last += 1
            self._since_records += 1
            self._since_samples += samples
            self._since_bytes += len(record)
        self.counts.commits += 1
        self.counts.samples += samples
        self.counts.bytes += len(record)
        for one in owed:
            self._unsaved.pop(one.id, None)

    def _sync(self) -> None:
        self._sync_due = inf
        try:
            if self._store is not None:
                self._store.sync()
        except StoreError as error:
            self._fail(error)

    # -- owed alarm changes

    def _numbered(self, group: Publications, owed: list[Owed]) -> Publications:
        first = self._next_owed
        self._next_owed += len(group.topics)
        ids = range(first, self._next_owed)
        for one in map(Owed, ids, group.topics, group.payloads):
            owed.append(one)
            self._unsaved[one.id] = one
        if len(self._unsaved) > self._most_owed:
            del self._unsaved[next(iter(self._unsaved))]
            self._tell_lost(1)
        return group._replace(ids=ids)

    def _drop_oldest(self, store: Store) -> None:
        """The broker has been away for very long: of what waits, the newest counts."""
        over = self.owed() - self._most_owed
        if over > 0:
            store.remove_owed(range(self._fed + 1, self._fed + over + 1))
            self._fed += over
            self._tell_lost(over)

    def _tell_lost(self, count: int) -> None:
        self.counts.lost += count
        fields = {"dropped": count, "most": self._most_owed}
        self._events(
            Event("warning", "too many alarm changes wait for the broker: the oldest are dropped", None, fields)
        )

    def _hand_over(self, outputs: Sequence[Outputs], owed: list[Owed]) -> None:
        """The session gets them at once, unless older ones wait or it has enough: then they wait in the store."""
        if self._fed == owed[0].id - 1 and len(self._under_way) + len(owed) <= UNDER_WAY:
            self._fed = owed[-1].id
            self._under_way.update((one.id, one) for one in owed)
            return
        for out in outputs:
            out.publications[:] = [group for group in out.publications if not group.owed]

    def _feedable(self) -> bool:
        return self._fed < self._next_owed - 1 and len(self._under_way) <= UNDER_WAY // 2

    def _feed(self) -> list[Publications]:
        if self.trouble or self._store is None or not self._feedable():
            return []
        try:
            owed = self._store.owed(self._fed, UNDER_WAY - len(self._under_way))
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return []
        self._fed = owed[-1].id if owed else self._next_owed - 1
        self._under_way.update((one.id, one) for one in owed)
        topics, payloads = [one.topic for one in owed], [one.payload for one in owed]
        return [Publications(topics, payloads, 1, True, owed=True, ids=[one.id for one in owed])] if owed else []

    # -- snapshots

    def _due(self, now: float) -> bool:
        if not self._since_records:
            return False
        if self._since_records * RECORD_SECONDS + self._since_samples * SAMPLE_SECONDS >= MAX_REPLAY:
            return True
        return now >= self._snapshot_due and self._since_bytes >= self._written_bytes

    def _begin_snapshot(self) -> None:
        self._commit(())
        store = self._store
        if self.trouble or store is None:
            return
        try:
            number = store.last_snapshot() + 1
            if store.used() > CROWDED * self._settings.max_size:
                while store.prune(1, PRUNED):
                    pass
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return
        self._written = SnapshotRow(number, self._last, 0, self._identity)
        self._pieces = snapshot.dump(self._twins.snapshot())
        self._writing_bytes = 0
        # From here on the journal counts towards the next one.
        self._since_bytes = self._since_records = self._since_samples = 0

    def _write_piece(self, pieces: Iterator[bytes]) -> None:
        assert self._store is not None  # noqa: S101  for the type checker: there are no pieces without a store
        row = self._written
        piece = next(pieces, None)
        try:
            with self._store.transaction(sync=piece is None):
                if piece is None:
                    self._store.complete(row)
                else:
                    self._store.add_piece(row.id, row.pieces, piece)
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return
        if piece is None:
            self._completed()
        else:
            self._writing_bytes += len(piece)
            self._written = row._replace(pieces=row.pieces + 1)

    def _completed(self) -> None:
        self._pieces = None
        self._pruning = True
        self._written_bytes = self._writing_bytes
        self._snapshot_due = self._clock() + self._settings.snapshot_interval
        self.counts.snapshots += 1
        self.counts.bytes += self._written_bytes

    def _prune(self) -> None:
        assert self._store is not None  # noqa: S101  for the type checker: only a snapshot in the store makes it prune
        try:
            with self._store.transaction(sync=False):
                self._pruning = self._store.prune(2, PRUNED)
        except (StoreError, DamagedError) as error:
            self._fail(error)

    def _snapshot_now(self, *, gap: bool) -> None:
        """In one go. `gap`: the journal before it belongs to other twins, and must not be replayed into what follows."""
        try:
            if self._store is None:
                self._store = self._open(self._path)
            self._write_snapshot(self._store, clear=False, gap=gap)
        except (StoreError, DamagedError, RefusedError) as error:
            self._fail(error)

    def _write_snapshot(self, store: Store, *, clear: bool, gap: bool) -> None:
        farewells = [group for group in self._twins.take_farewells() if group.owed]
        for group in farewells:
            self._numbered(group, [])
        # A number left out ends a replay that begins at an older snapshot.
        journal = max(self._last, store.last_record()) + gap
        row = SnapshotRow(store.last_snapshot() + 1, journal, 0, self._identity)
        self._writing_bytes = 0
        with store.transaction(sync=True):
            if clear:
                store.clear()
            for piece in snapshot.dump(self._twins.snapshot()):
                store.add_piece(row.id, row.pieces, piece)
                row = row._replace(pieces=row.pieces + 1)
                self._writing_bytes += len(piece)
            store.complete(row)
            store.remove_owed(self._done)
            store.add_owed(self._unsaved.values())
        self._done, self._commit_due, self._sync_due = [], inf, inf
        self._unsaved.clear()
        self._written = row
        self._last = row.journal
        self._rows = [len(b) for b in self._twins.blocks]
        self._turns, self._samples = [], 0
        self._since_bytes = self._since_records = self._since_samples = 0
        self._completed()

    # -- trouble

    def _fail(self, error: Exception) -> None:
        """Go on in memory."""
        self.counts.failures += 1
        damaged = isinstance(error, DamagedError)
        if self._store is not None:
            self._store.abandon()
            self._store = None
            if damaged:
                self._set_aside([str(error)])
        self._turns, self._samples, self._pieces, self._pruning = [], 0, None, False
        self._commit_due = self._sync_due = inf
        self._retry_due = self._clock() + self._retry_wait
        self._retry_wait = min(2 * self._retry_wait, RETRY_MOST)
        if not self.trouble:
            self._events(Event("error", "nothing can be stored: going on in memory", None, {"reason": str(error)}))
        self.trouble = str(error) or type(error).__name__

    def _recover_from_trouble(self) -> None:
        if self._unread:
            self._set_aside(["it could not be read at the start"])
            self._unread = False
        try:
            self._store = self._open(self._path)
            known = {one.id for one in self._store.owed()}
            # What the session has and the store may not.
            unsaved = self._under_way | self._unsaved
            self._unsaved = {key: unsaved[key] for key in sorted(unsaved) if key not in known}
            self._write_snapshot(self._store, clear=True, gap=True)
        except DamagedError as error:
            if self._store is None:
                self._set_aside([str(error)])
            self._fail(error)
            self._retry_due = self._clock()
            return
        except (StoreError, RefusedError) as error:
            self._fail(error)
            return
        self.trouble = ""
        self._retry_wait, self._retry_due = RETRY_LEAST, inf
        self._events(Event("info", "everything is stored again", None, {}))
