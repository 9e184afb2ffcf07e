"""The store's file: journal, snapshots and owed alarm changes in one SQLite database, and what is wrong with it.

Only the file is here: tables, transactions, checksums, versions, damage. What is written when is `agent.shell.durable`'s;
what the bytes mean is `agent.journal`'s and `agent.snapshot`'s. Every row carries a checksum over its number and its
content, so that a flipped bit, or a row in another's place, is found and not believed.

SQLite runs in WAL mode with an exclusive lock: a second agent on the same file is told so, and no shared memory is
needed. Pages are small because the WAL repeats a whole page for each commit (docs/durability.md has the figures).
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from agent.shell.wal import Claim, claim

ASIDE = 3  # damaged files that are kept
APPLICATION = 0x7477696E  # "twin"
PAGE = 1024
WAL_PAGES = 4096  # pages in the WAL after which they are moved into the database
WAL_BYTES = 2 * PAGE * WAL_PAGES  # what the WAL may take, within the cap on the whole
MOST_ROWS = 1 << 40  # what no agent ever writes
PIECES = 1 << 20  # a piece's number is that of its snapshot times this, and counted from there

# Element k takes a file of version k to version k + 1; an empty file has version 0.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE twinned (version INTEGER NOT NULL, seal INTEGER NOT NULL)",
        "INSERT INTO twinned VALUES (0, 0)",
        "CREATE TABLE journal (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE snapshot (id INTEGER PRIMARY KEY, journal INTEGER NOT NULL, pieces INTEGER NOT NULL,"
        " config BLOB NOT NULL, seal INTEGER NOT NULL)",
        "CREATE TABLE piece (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
        "CREATE TABLE owed (id INTEGER PRIMARY KEY, topic BLOB NOT NULL, payload BLOB NOT NULL, seal INTEGER NOT NULL)",
    ),
    # The tables are the same; but records may hold commands and sequence numbers, which version 1 would call damage.
    (),
)

_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


class StoreError(Exception):
    """The file cannot be opened or written for now: a full or read-only disk."""


class DamagedError(Exception):
    """The file is not what was written; some of it may still be readable."""


class RefusedError(Exception):
    """The file is not for this agent: of a newer version, of another program, or (`busy`) in use."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy


class Owed(NamedTuple):
    """An alarm change that the broker has not acknowledged."""

    id: int
    topic: bytes
    payload: bytes


class SnapshotRow(NamedTuple):
    """A complete snapshot: its number, the last journal record it includes, and the configuration it belongs to."""

    id: int
    journal: int
    pieces: int
    config: bytes


class Store:
    """An open store. Every method raises StoreError or DamagedError where the disk or the file fails."""

    def __init__(self, path: Path, *, max_bytes: int, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        """Open or create. Raises RefusedError, too."""
        self._path = path
        self._sync: bool | None = None
        self.tail_lost = False  # commits at the end of the WAL were unreadable
        try:
            whole = not path.exists() or path.stat().st_size % PAGE == 0
            claimed = claim(path.with_name(path.name + "-wal"))
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from None
        with _translating():
            # The loop's thread only; but the interpreter may close it from another.
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with _translating():
                self._prepare(migrations, claimed, max_bytes)
            if not whole:
                raise DamagedError("the file ends within a page")
        except BaseException:
            self.abandon()
            raise

    def _prepare(self, migrations: Sequence[Sequence[str]], claimed: Claim, max_bytes: int) -> None:
        run = self._db.execute
        try:
            run("PRAGMA locking_mode=EXCLUSIVE")
            empty = not run("SELECT count(*) FROM sqlite_master").fetchone()[0]
            version = 0 if empty else self._version()
            if version > len(migrations):
                raise RefusedError(
                    f"the file has version {version}, written by a newer twinned; this one knows versions up to "
                    f"{len(migrations)}: install the newer one, or give this one a `store.path` of its own"
                )
            if empty:
                run(f"PRAGMA page_size={PAGE}")
                run("PRAGMA journal_mode=DELETE")  # a page size takes effect only outside of WAL mode
            mode = run("PRAGMA journal_mode=WAL").fetchone()[0]
            if mode != "wal":
                raise StoreError(f"expected the journal mode wal, got {mode}: does the file system lock files?")
            run(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            run(f"PRAGMA journal_size_limit={WAL_BYTES}")
            run("PRAGMA cell_size_check=ON")
            self.limit(max_bytes)
            run("PRAGMA cache_size=-1024")
            run("PRAGMA temp_store=MEMORY")
            found = run("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self.tail_lost = claimed.lost(max(0, found[1]))
            if version < len(migrations):
                with self.transaction(sync=True):
                    for statement in (s for step in migrations[version:] for s in step):
                        run(statement)
                    run(f"PRAGMA application_id={APPLICATION}")
                    run("UPDATE twinned SET version = ?, seal = ?", (len(migrations), _seal_of(len(migrations))))
            else:
                # Takes the lock now rather than at the first batch.
                run("BEGIN EXCLUSIVE")
                run("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                message = "another process has it open: each agent needs a `store.path` of its own"
                raise RefusedError(message, busy=True) from None
            raise

    def _version(self) -> int:
        try:
            rows = self._db.execute("SELECT version, seal FROM twinned").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            if self._db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION:
                raise DamagedError("the table with the version is missing") from None
            raise RefusedError("the file belongs to another program") from None
        if len(rows) != 1 or rows[0][1] != _seal_of(rows[0][0]):
            raise DamagedError("the version is not what was written")
        version: int = rows[0][0]
        return version

    # -- reading

    def check(self) -> None:
        """Raises DamagedError where pages or trees are not sound: a row may be missing without a trace otherwise."""
        with _reading():
            said = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise DamagedError(said)

    def snapshots(self) -> list[SnapshotRow]:
        """Complete snapshots whose row is sound, newest first."""
        with _reading():
            rows = self._db.execute(
                "SELECT id, journal, pieces, config, seal FROM snapshot ORDER BY id DESC"
            ).fetchall()
        return [SnapshotRow(*row[:4]) for row in rows if row[4] == _seal_of(*row[:4])]

    def pieces(self, row: SnapshotRow) -> Iterator[bytes]:
        """The pieces of a snapshot, in order."""
        for number in range(row.pieces):
            key = row.id * PIECES + number
            with _reading():
                found = self._db.execute("SELECT data FROM piece WHERE id = ?", (key,)).fetchone()
            if found is None:
                raise DamagedError(f"piece {number} of snapshot {row.id} is missing")
            yield _unsealed(key, found[0], "a piece of a snapshot")

    def records(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Journal records after this number, in order and without a gap."""
        expected = after + 1
        with _reading():
            cursor = self._db.execute("SELECT id, record FROM journal WHERE id > ? ORDER BY id", (after,))
            for key, record in cursor:
                if key != expected:
                    raise DamagedError(f"journal record {expected} is missing")
                yield key, _unsealed(key, record, "a journal record")
                expected += 1

    def last_record(self) -> int:
        """Number of the newest journal record; 0: none was ever written."""
        with _reading():
            newest = self._db.execute(
                "SELECT max(coalesce((SELECT max(id) FROM journal), 0), coalesce((SELECT max(journal) FROM snapshot), 0))"
            ).fetchone()[0]
            return _plausible(newest)

    def last_snapshot(self) -> int:
        """Highest number of a snapshot, complete or not; 0: none."""
        with _reading():
            snapshot, piece = self._db.execute(
                "SELECT coalesce((SELECT max(id) FROM snapshot), 0), coalesce((SELECT max(id) FROM piece), 0)"
            ).fetchone()
            return max(_plausible(snapshot), _plausible(piece // PIECES))

    def owed(self, after: int = 0, limit: int = -1) -> list[Owed]:
        """Alarm changes the broker has not acknowledged and whose row is sound, oldest first."""
        with _reading():
            rows = self._db.execute(
                "SELECT id, topic, payload, seal FROM owed WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            ).fetchall()
        return [Owed(*row[:3]) for row in rows if row[3] == _seal_of(*row[:3])]

    def unsound(self) -> list[str]:
        """What was found of snapshots and owed alarm changes, but is not what was written; pieces are not looked at."""
        with _reading():
            count = self._db.execute("SELECT (SELECT count(*) FROM snapshot), (SELECT count(*) FROM owed)").fetchone()
        lines = []
        if count[0] > len(self.snapshots()):
            lines.append("a snapshot is not what was written")
        if count[1] > len(self.owed()):
            lines.append("an owed alarm change is not what was written, and is lost")
        return lines

    def used(self) -> int:
        """Bytes of the database that hold something."""
        with _reading():
            pages = self._db.execute("PRAGMA page_count").fetchone()[0]
            free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        return int(pages - free) * PAGE

    def size(self) -> int:
        """Bytes on disk, with the WAL."""
        total = 0
        for name in (self._path.name, self._path.name + "-wal"):
            with suppress(OSError):
                total += self._path.with_name(name).stat().st_size
        return total

    # -- writing

    @contextmanager
    def transaction(self, *, sync: bool) -> Iterator[None]:
        """What is written within is there as a whole or not at all; with `sync`, on return it is on the disk."""
        with _translating():
            if sync != self._sync:
                self._db.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
                self._sync = sync
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def sync(self) -> None:
        """Have on the disk what was committed without waiting for it."""
        try:
            # SQLite locks the database, never the WAL, so closing this descriptor gives up no lock of its.
            with self._path.with_name(self._path.name + "-wal").open("rb") as wal:
                os.fsync(wal.fileno())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from None

    def add_record(self, key: int, record: bytes) -> None:
        with _translating():
            self._db.execute("INSERT INTO journal VALUES (?, ?)", (key, _sealed(key, record)))

    def add_owed(self, owed: Iterable[Owed]) -> None:
        with _translating():
            self._db.executemany("INSERT INTO owed VALUES (?, ?, ?, ?)", ((*one, _seal_of(*one)) for one in owed))

    def remove_owed(self, keys: Iterable[int]) -> None:
        with _translating():
            self._db.executemany("DELETE FROM owed WHERE id = ?", ((key,) for key in keys))

    def clear_owed(self) -> None:
        with _translating():
            self._db.execute("DELETE FROM owed")

    def add_piece(self, snapshot: int, number: int, data: bytes) -> None:
        key = snapshot * PIECES + number
        with _translating():
            self._db.execute("INSERT INTO piece VALUES (?, ?)", (key, _sealed(key, data)))

    def complete(self, row: SnapshotRow) -> None:
        """All pieces of this snapshot are there: from now on it counts."""
        with _translating():
            self._db.execute("INSERT INTO snapshot VALUES (?, ?, ?, ?, ?)", (*row, _seal_of(*row)))

    def limit(self, max_bytes: int) -> bool:
        """Take no more than so many bytes, the WAL included. True: there are more already; only `shrink` gives them back."""
        most = max(64, (max_bytes - WAL_BYTES) // PAGE)
        with _translating():
            # SQLite answers with the limit that holds, which is never below the size of the file.
            return int(self._db.execute(f"PRAGMA max_page_count={most}").fetchone()[0]) > most

    def shrink(self) -> None:
        """Give back to the disk what holds nothing; takes as much, in memory and in the WAL, as what is held."""
        with _translating():
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def clear(self) -> None:
        """Forget everything but what is owed; what is written next in the same transaction takes its place."""
        with _translating():
            for table in ("journal", "snapshot", "piece"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608  fixed names

    def prune(self, keep: int, limit: int) -> bool:
        """Remove some of what the newest `keep` snapshots do not need; False when nothing is left to remove."""
        with _translating():
            rows = self._db.execute(
                "SELECT id, journal FROM snapshot ORDER BY id DESC LIMIT 1 OFFSET ?", (keep - 1,)
            ).fetchone()
            if rows is None:
                return False
            oldest, journal = rows
            run = self._db.execute
            removed = run("DELETE FROM snapshot WHERE id < ?", (oldest,)).rowcount
            for table, below in (("journal", journal + 1), ("piece", oldest * PIECES)):
                removed += run(
                    f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id < ? ORDER BY id LIMIT ?)",  # noqa: S608  fixed names
                    (below, limit),
                ).rowcount
        return removed > 0

    def close(self) -> None:
        """Move the WAL into the database, and let go of the file."""
        try:
            with _translating():
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        with suppress(sqlite3.Error):
            self._db.close()


def set_aside(path: Path, stamp: str) -> Path:
    """Move a file and its WAL out of the way; returns the new name. Raises OSError.

    stamp: sorts as time does. Of the files that were set aside the newest `ASIDE` are kept, or a disk that damages one
    after another would fill up with them.
    """
    beginning = f"{path.name}.damaged-"
    aside = path.with_name(beginning + stamp)
    path.rename(aside)
    with suppress(FileNotFoundError):
        path.with_name(path.name + "-wal").rename(aside.with_name(aside.name + "-wal"))
    known = {one.name.removesuffix("-wal") for one in path.parent.iterdir() if one.name.startswith(beginning)}
    for name in sorted(known)[:-ASIDE]:
        for old in (path.with_name(name), path.with_name(name + "-wal")):
            old.unlink(missing_ok=True)
    return aside


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _DAMAGE:
            raise DamagedError(str(error)) from None
        if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
            # SQLite's words for a read-only disk and a broken one are the same; its code is not.
            raise StoreError(f"{error} ({error.sqlite_errorname})") from None
        # Wrong types, missing tables or columns, rows that are there twice: not what was written.
        raise DamagedError(str(error)) from None


@contextmanager
def _reading() -> Iterator[None]:
    """As `_translating`; and what was read need not be of the type that was written."""
    try:
        with _translating():
            yield
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedError(f"a value of another type than was written: {error}") from None


def _plausible(number: object) -> int:
    """A row's number, as long as others can follow it."""
    if not isinstance(number, int) or not 0 <= number < MOST_ROWS:
        raise DamagedError(f"a row has the number {number!r}")
    return number


def _sealed(key: int, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(key.to_bytes(8, "little"))).to_bytes(4, "little") + data


def _unsealed(key: int, data: object, what: str) -> bytes:
    if not isinstance(data, bytes) or _sealed(key, data[4:])[:4] != data[:4]:
        raise DamagedError(f"{what} is not what was written (number {key})")
    return data[4:]


def _seal_of(*fields: object) -> int:
    return zlib.crc32(repr(fields).encode())
