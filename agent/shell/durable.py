"""What is written when: the loop's side of the store.

The order is: a batch is worked on, what moved the twins is committed, then what came of it is published, then the
batch is acknowledged. A commit may wait a while for more messages, and then what follows it waits, too: in `strict` all
that is said, in `relaxed` only acknowledgements. Snapshots are written a piece a turn. When the disk fails, the agent
goes on in memory and says so; as soon as the disk takes a snapshot again, all is as before. Where things are written is
`agent.shell.store`'s, what is owed to the broker `agent.shell.owed`'s, and how a snapshot is written
`agent.shell.snapshots`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Literal, TypeVar

from agent.alarms.commands import Command
from agent.config import Config
from agent.config import Store as Settings
from agent.decode import Step, Take
from agent.journal import Commanded, Made, Passed, Resumed, Stepped, Taken, Turn, encode
from agent.shell.counts import Counts
from agent.shell.events import Event
from agent.shell.exits import Exit, ExitError
from agent.shell.gather import Gather
from agent.shell.owed import OwedChanges, most_owed
from agent.shell.recovery import Recovered, copy_of, identity, recover
from agent.shell.snapshots import Snapshots
from agent.shell.store import DamagedError, Owed, RefusedError, Store, StoreError, set_aside
from agent.twins import Twins
from agent.types import Outputs, Publications

MAX_SAMPLES = 10_000  # samples that wait for a commit: bounds memory, and what a power cut can take
RETRY_LEAST, RETRY_MOST = 1.0, 60.0
T = TypeVar("T")


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
        self._opened = open_store
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
        self._gather = Gather(settings.gather)
        self._held: list[Publications] = []  # in strict: what is said once the turns above are committed
        self._snapshots = Snapshots(settings, clock, self.counts)
        self._owed = OwedChanges(most_owed(settings.max_size), self._tell_lost)

    @property
    def mode(self) -> Literal["strict", "relaxed"]:
        return "strict" if self._strict else "relaxed"

    @property
    def path(self) -> Path:
        return self._path

    @property
    def holds_back(self) -> bool:
        """Whether nothing may be acknowledged now, because it is not stored, or not yet."""
        return (self._strict and bool(self.trouble)) or self._gather.due < inf

    @property
    def holds_words(self) -> bool:
        """Whether something waits for the next commit before it is published."""
        return bool(self._held)

    def next_time(self) -> float:
        """Monotonic time at which `on_turn` has something to do."""
        if self._held and self._gather.due == inf:
            return 0.0
        if self.trouble:
            return min(self._retry_due, self._gather.due)
        if self._snapshots.busy or self._owed.feedable():
            return 0.0
        return min(self._commit_due, self._sync_due, self._gather.due)

    def size(self) -> int:
        """Bytes on the disk."""
        return 0 if self._store is None else self._store.size()

    def owed(self) -> int:
        """Alarm changes that the broker has not acknowledged."""
        return len(self._owed)

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
            self._on_store(self._make_room)
            if found.continues:
                self._twins.resume(now := self._now())
                self._note(Resumed(now))
            else:
                self._restart(None)
            self._fit()
        if found.last:
            fields = {"twins": len(found.twins), "readings": found.readings, "seconds": round(self._clock() - began, 3)}
            self._events(Event("info", "state recovered", None, fields))
        return found.twins, found.lines

    def _take_over(self, found: Recovered) -> None:
        self._adopt(found.twins)
        self.counts.recovered_readings = found.readings
        self._last = found.last
        self._owed.found(found.owed)

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
                self._owed.keep(found.owed)
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
            self._owed.keep(owed)
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

    def adopt(self, config: Config, twins: Twins, mode: Literal["strict", "relaxed"]) -> None:
        """Go on with other twins, under another configuration. `path` is the only setting that needs a restart."""
        self._commit(())
        self._configure(config.store, mode)
        self._identity = identity(config)
        self._adopt(twins)
        if not self.trouble:
            self._snapshot_now(gap=True)
            self._fit()

    def _configure(self, settings: Settings, mode: Literal["strict", "relaxed"]) -> None:
        # A change to `strict` holds from here on, since the snapshot that follows waits for the disk.
        most = max(int(settings.max_size), int(self._settings.max_size))  # until the twins are stored: see `_fit`
        self._settings, self._strict = settings, mode == "strict"
        self._gather = Gather(settings.gather)
        self._snapshots.settings = settings
        self._owed.most = most_owed(settings.max_size)
        self._open = partial(self._opened, max_bytes=int(settings.max_size))
        self._on_store(lambda store: store.limit(most))

    def _adopt(self, twins: Twins) -> None:
        self._twins = twins
        self._rows = [len(b) for b in twins.blocks]
        self._turns, self._samples = [], 0
        self._snapshots.drop()

    # -- a turn of the loop

    def record(self, steps: Sequence[Step], received: Sequence[float]) -> None:
        """A batch is about to be assimilated: what `Twins.on_batch` is given to tell."""
        made: list[Made] = []
        for (k, row), name in self._twins.joined.items():
            if row < self._rows[k]:
                rows = self._twins.blocks[k].rows
                made.append(Made(k, rows.names[row], float(rows.columns["made"][row]), name))
        for k, b in enumerate(self._twins.blocks):
            if len(b) > self._rows[k]:
                times = b.rows.columns["made"]
                parent = self._twins.floods.groups.name_of
                made += [
                    Made(k, b.rows.names[row], float(times[row]), parent(k, row) or "")
                    for row in range(self._rows[k], len(b))
                ]
                self._rows[k] = len(b)
        if steps or made:
            self._samples += sum(
                len(s.samples.rows) * len(s.samples.columns) if isinstance(s, Take) else 1 for s in steps
            )
            self._note(Taken(steps, received, made))

    def passed(self, now: float) -> None:
        """`on_time` is about to be called."""
        self._note(Passed(now))

    def stepped(self, by: float, now: float) -> None:
        """The clock was set."""
        self._note(Stepped(by, now))

    def commanded(self, command: Command, now: float) -> None:
        """An operator's command is about to be carried out."""
        self._note(Commanded(command, now))

    def commit(self, outputs: Sequence[Outputs], *, acknowledging: int) -> None:
        """Before anything of this is published: store what has to be, and number what is owed.

        acknowledging: how many messages of QoS 1 wait for their acknowledgement. Publications that must wait for a
        later commit are taken out of `outputs`; a later `commit` puts them in again, or `on_turn` returns them.
        """
        owed = self._owed.numbered(outputs)
        said = any(out.publications for out in outputs)
        if owed or self._samples >= MAX_SAMPLES:
            self._commit(owed)
        elif acknowledging or (said and self._strict):
            self._commit_together(outputs, acknowledging)
        if owed:
            self._owed.hand_over(outputs, owed)
        if self._held and self._gather.due == inf:
            outputs[0].publications[:0] = self._held
            self._held = []

    def _commit_together(self, outputs: Sequence[Outputs], acknowledging: int) -> None:
        """Commit now or a little later, when more has come."""
        now = self._clock()
        if self._gather.longest and not self.trouble:
            self._gather.arrived(acknowledging, now)
        if now >= self._gather.due or self._gather.due == inf:
            self._commit(())
        elif self._strict:
            for out in outputs:
                self._held += out.publications
                out.publications = []

    def on_turn(self) -> list[Publications]:
        """What is not about a batch; returns what may be said now: what waited for a commit, or for its turn."""
        now = self._clock()
        if now >= self._gather.due:
            self._commit(())
        if self.trouble:
            if now >= self._retry_due:
                self._recover_from_trouble()
            return self._let_go()
        if (self._turns or self._owed.forgettable) and now >= self._commit_due:
            self._commit(())
        if now >= self._sync_due:
            self._sync()
        if self._snapshots.busy:
            self._on_store(self._snapshots.turn)
        elif self._snapshots.due(now):
            self._begin_snapshot()
        return self._let_go() + self._feed()

    def settle(self) -> None:
        """Commit what is gathered: what waits for it is said by the next `on_turn`."""
        self._commit(())

    def _let_go(self) -> list[Publications]:
        if not self._held or self._gather.due < inf:
            return []
        held, self._held = self._held, []
        return held

    def delivered(self, ids: Sequence[int]) -> None:
        """The broker has these owed alarm changes."""
        self._owed.delivered(ids)
        if self._owed.forgettable:
            self._commit_due = min(self._commit_due, self._clock() + self._settings.commit_interval)

    def forget_session(self) -> None:
        """The session is gone with what it had to deliver: all of it is handed over again."""
        self._commit(())
        self._owed.forget_session()

    def close(self) -> None:
        """Store everything, and let go of the file."""
        if not self.trouble:
            self._commit(())
        if not self.trouble and self._snapshots.records:
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
        turns, samples = self._turns, self._samples
        store = self._store
        if self._gather.due < inf:
            self._gather.committed(self._clock())
        if not (turns or owed or self._owed.forgettable) or self.trouble or store is None:
            return
        self._turns, self._samples = [], 0
        record = encode(turns) if turns else b""
        try:
            with store.transaction(sync=self._strict):
                if turns:
                    store.add_record(self._last + 1, record)
                self._owed.write(store, owed)
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return
        self._owed.written(owed)
        self._commit_due = inf
        if not self._strict:
            self._sync_due = min(self._sync_due, self._clock() + self._settings.commit_interval)
        if turns:
            self._last += 1
            self._snapshots.journalled(samples, len(record))
        self.counts.commits += 1
        self.counts.samples += samples
        self.counts.bytes += len(record)

    def _sync(self) -> None:
        self._sync_due = inf
        self._on_store(lambda store: store.sync())

    def _tell_lost(self, count: int) -> None:
        self.counts.lost += count
        fields = {"dropped": count, "most": self._owed.most}
        self._events(
            Event("warning", "too many alarm changes wait for the broker: the oldest are dropped", None, fields)
        )

    def _feed(self) -> list[Publications]:
        if self.trouble or not self._owed.feedable():
            return []
        return self._on_store(self._owed.feed) or []

    # -- snapshots

    def _begin_snapshot(self) -> None:
        self._commit(())
        if not self.trouble:
            self._on_store(lambda store: self._snapshots.begin(store, self._twins, self._last, self._identity))

    def _on_store(self, act: Callable[[Store], T]) -> T | None:
        try:
            return None if self._store is None else act(self._store)
        except (StoreError, DamagedError) as error:
            self._fail(error)
            return None

    def _make_room(self, store: Store) -> None:
        """Where there is more than `max_size` allows, a snapshot must fit in beside it before `_fit` can end that."""
        most = int(self._settings.max_size)
        if store.limit(most):
            store.limit(self.size() + most)

    def _fit(self) -> None:
        """Give back what a lowered `max_size` no longer allows: history before the newest snapshot."""
        before, most = self.size(), int(self._settings.max_size)
        if not self._on_store(lambda store: store.limit(most)):
            return
        self._on_store(self._make_room)
        self._snapshot_now(gap=False)
        try:
            if self._store is None:
                return
            self._snapshots.shrink(self._store)
            fields = {"before": before, "bytes": self.size()}
            self._events(Event("info", "the store was made smaller", None, fields))
        except StoreError as error:
            self._events(Event("warning", "the store could not be made smaller", None, {"reason": str(error)}))
        except DamagedError as error:
            self._fail(error)
        self._on_store(lambda store: store.limit(most))

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
            self._owed.number(group, [])
        # A number left out ends a replay that begins at an older snapshot.
        journal = max(self._last, store.last_record()) + gap
        with store.transaction(sync=True):
            if clear:
                store.clear()
            self._snapshots.write(store, self._twins, journal, self._identity)
            self._owed.write_all(store)
        self._owed.all_written()
        self._snapshots.written()
        self._commit_due = self._sync_due = inf
        self._last = journal
        self._rows = [len(b) for b in self._twins.blocks]
        self._turns, self._samples = [], 0

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
        self._turns, self._samples = [], 0
        self._snapshots.abandon()
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
            # What the session has and the store may not.
            self._owed.recall({one.id for one in self._store.owed()})
            self._make_room(self._store)
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
        self._fit()
