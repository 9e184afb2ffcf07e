"""From the store to the twins: the newest good snapshot, and the journal since, through the same core.

Nothing is published here and nothing is written. Damage is survived and told: what comes back is always a state that
the twins once had, and never one in which a reading counts twice or a number is not what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from agent import snapshot
from agent.build import PlanError
from agent.config import Config, Duration, Size
from agent.journal import JournalError, Replay, decode
from agent.shell.store import DamagedError, Owed, SnapshotRow, Store, StoreError
from agent.twins import Twins

T = TypeVar("T")


class Recovered(NamedTuple):
    """What the store held."""

    twins: Twins
    lines: list[str]  # what starts over, and why
    damage: list[str]  # what could not be read
    owed: list[Owed]
    records: int  # replayed
    readings: int
    last: int  # number of the last journal record there is, replayed or not
    continues: bool  # whether the journal can go on from here; if not, a snapshot must come first


def identity(config: Config) -> bytes:
    """All of a configuration that twins are made from; what the journal and snapshots are bound to."""
    # Not sorted: the order of channels and blocks is the order of columns.
    made_from = {"site": config.site, "prefix": config.prefix, "floods": config.floods, "assets": config.assets}
    return msgspec.json.encode(made_from, enc_hook=_plain)


def recover(store: Store, config: Config) -> Recovered:
    """The twins as they were, made to fit the present configuration. Raises PlanError where that cannot be built."""
    damage: list[str] = []
    if store.tail_lost:
        damage.append("commits at the end of the write-ahead log cannot be read")
    _try(store.check, damage)
    for line in _try(store.unsound, damage) or ():
        damage.append(line)
    rows = _try(store.snapshots, damage) or []
    owed = _try(store.owed, damage) or []
    last = _try(store.last_record, damage) or 0
    for row in rows:
        attempt = _Attempt(store, row, config)
        if attempt.run(damage):
            return Recovered(
                attempt.twins, attempt.lines, damage, owed, attempt.records, attempt.readings, last,
                row.config == identity(config) and not attempt.lines and not damage,
            )  # fmt: skip
    lines = ["no snapshot can be read: all twins start over"] if rows or damage else []
    return Recovered(Twins(config), lines, damage, owed, 0, 0, last, False)


class _Attempt:
    """One snapshot, and the journal since."""

    def __init__(self, store: Store, row: SnapshotRow, config: Config) -> None:
        self._store = store
        self._row = row
        self._config = config
        self.twins: Twins
        self.lines: list[str] = []
        self.records = 0
        self.readings = 0

    def run(self, damage: list[str]) -> bool:
        """False where this snapshot is of no use."""
        try:
            saved = snapshot.load(self._store.pieces(self._row))
        except (DamagedError, StoreError, snapshot.SnapshotError) as error:
            damage.append(str(error))
            return False
        same = self._row.config == identity(self._config)
        before = self._config if same else _config(self._row.config)
        try:
            # The journal fits the twins of the configuration that it was written under, and no others.
            self.twins = Twins(before or self._config)
            lines = self.twins.restore(saved)
        except PlanError:
            if same:
                raise
            before = None
            self.twins = Twins(self._config)
            lines = self.twins.restore(saved)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            damage.append(f"snapshot {self._row.id} is of another shape: {error}")
            return False
        self.lines += lines
        if lines or before is None:
            self.lines.append("what was journalled since the last snapshot does not fit any more, and is left out")
        else:
            self._replay(damage)
        if not same and before is not None:
            self.twins, lines = self.twins.reconfigure(self._config)
            self.lines += lines
        return True

    def _replay(self, damage: list[str]) -> None:
        replay = Replay(self.twins)
        self.twins.mute(True)
        try:
            for number, record in self._store.records(self._row.journal):
                replay.add(decode(record))
                self.records = number - self._row.journal
        except (DamagedError, StoreError, JournalError) as error:
            damage.append(f"{error}; what was journalled from there on is lost")
        replay.finish()
        self.twins.mute(False)
        self.readings = replay.readings
        if replay.failures:
            self.lines.append(f"{replay.failures} batches failed in the replay as they did before; please report this")


@contextmanager
def copy_of(path: Path, open_store: Callable[[Path], Store]) -> Iterator[Store]:
    """A store opened as a copy elsewhere, for a disk that can be read but not written. Raises StoreError."""
    from shutil import copyfile
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix="twinned-") as home:
            copy = Path(home) / path.name
            copyfile(path, copy)
            wal = path.with_name(path.name + "-wal")
            if wal.exists():
                copyfile(wal, copy.with_name(copy.name + "-wal"))
            store = open_store(copy)
            try:
                yield store
            finally:
                store.abandon()
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from None


def _try(call: Callable[[], T], damage: list[str]) -> T | None:
    try:
        return call()
    except (DamagedError, StoreError) as error:
        damage.append(str(error))
        return None


def _config(data: bytes) -> Config | None:
    """The configuration as it was; None where this version cannot read it."""
    try:
        return msgspec.json.decode(data, type=Config, dec_hook=_parsed)
    except (msgspec.DecodeError, ValueError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, Duration):
        return float(value)
    if isinstance(value, Size):
        return int(value)
    raise NotImplementedError(f"cannot write a {type(value).__name__}")


def _parsed(kind: type, raw: object) -> object:
    return kind.parse(raw) if kind in (Duration, Size) else raw
