"""What moved the twins, as bytes and back: the steps of each turn, new twins, and the passing of time.

Pure and exact: a `Replay` of decoded bytes moves twins as the turns themselves did, to the bit. A record holds the
turns between two commits as columns, because a column of like numbers deflates to half of its size. Where records
are kept, and when, is the store's business; what a snapshot holds is `agent.snapshot`'s.

A record is a version byte, then deflated: the structure as msgpack with its length, then four columns (times, values,
arrivals as float64, rows and message counts as int32), each as differences where that helps and with the bytes of
equal significance together.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.alarms.commands import Command
from agent.alarms.operator import Verb
from agent.block import Arrivals, Samples
from agent.decode import Drive, Step, Take
from agent.deflate import deflated
from agent.sequences import Counted
from agent.twins import Twins
from agent.types import Outputs

VERSION = 1
MERGED = 8192  # samples of consecutive turns taken together in a replay
MAX_RECORD = 1 << 28


class Made(NamedTuple):
    """A twin that came to be in a turn."""

    block: int
    name: str
    time: float  # UTC seconds
    parent: str = ""  # the group that it is in from now on; also of a twin that there was


class Taken(NamedTuple):
    """A batch was assimilated."""

    steps: Sequence[Step]
    received: Sequence[float]  # one per message of the batch
    made: Sequence[Made] = ()


class Passed(NamedTuple):
    """`on_time` was called."""

    now: float


class Resumed(NamedTuple):
    """The agent came back after it was away: nobody was listening until now."""

    now: float


class Commanded(NamedTuple):
    """An operator's command was carried out."""

    command: Command
    now: float


class Stepped(NamedTuple):
    """The clock was set forward by so many seconds, to `now`."""

    by: float
    now: float


Turn = Taken | Passed | Resumed | Commanded | Stepped


class JournalError(ValueError):
    """A record that cannot be read."""


class _Take(msgspec.Struct, array_like=True, tag=0):
    block: int
    slots: list[int]
    count: int
    counted: list[tuple[int, list[int], list[int]]] = []  # sequence numbers; empty where none are configured


class _Drive(msgspec.Struct, array_like=True, tag=1):
    block: int
    bank: int
    entry: int
    message: int
    counted: list[tuple[int, list[int], list[int]]] = []


class _Taken(msgspec.Struct, array_like=True, tag=0):
    steps: list[_Take | _Drive]
    messages: int
    together: bool  # all messages arrived at one time
    made: list[tuple[int, str]]
    parents: list[str] = []  # of those made; left out where none has any


class _Passed(msgspec.Struct, array_like=True, tag=1):
    pass


class _Resumed(msgspec.Struct, array_like=True, tag=2):
    pass


class _Commanded(msgspec.Struct, array_like=True, tag=3):
    verb: Verb
    asset: str
    alarm: str
    lasts: float
    by: str
    comment: str
    id: str


class _Stepped(msgspec.Struct, array_like=True, tag=4):
    by: float


class _Record(msgspec.Struct, array_like=True):
    turns: list[_Taken | _Passed | _Resumed | _Commanded | _Stepped]
    sizes: tuple[int, int, int, int]  # of the columns: times, values, arrivals, integers


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Record)


# -- to bytes


def encode(turns: Iterable[Turn]) -> bytes:
    """One record of these turns."""
    said: list[_Taken | _Passed | _Resumed | _Commanded | _Stepped] = []
    times: list[float] = []
    values: list[float] = []
    arrivals: list[float] = []
    integers: list[int] = []
    for turn in turns:
        if isinstance(turn, Taken):
            said.append(_say(turn, times, values, arrivals, integers))
        else:
            arrivals.append(turn.now)
            said.append(_plain(turn))
    sizes = (len(times), len(values), len(arrivals), len(integers))
    head = _ENCODER.encode(_Record(said, sizes))
    body = b"".join(
        (
            len(head).to_bytes(4, "little"),
            head,
            _pack(_differences(np.array(times).view(np.uint64))),
            _pack(np.array(values)),
            _pack(_differences(np.array(arrivals).view(np.uint64))),
            _pack(_differences(np.array(integers, np.int32).view(np.uint32))),
        )
    )
    return bytes((VERSION,)) + deflated(body)


def _say(turn: Taken, times: list[float], values: list[float], arrivals: list[float], integers: list[int]) -> _Taken:
    steps: list[_Take | _Drive] = []
    for step in turn.steps:
        if isinstance(step, Take):
            s = step.samples
            steps.append(_Take(step.block, list(s.slots), len(s.rows), [(*c,) for c in step.counted]))
            times += s.times
            for column in s.columns:
                values.extend(math.nan if v is None else v for v in column)
            integers += s.rows
            integers += s.message
        else:
            counted = [(*c,) for c in step.counted]
            steps.append(_Drive(step.block, step.bank, step.entry, step.message, counted))
            times.append(step.time)
            values.append(step.value)
    received = turn.received
    together = not received or received.count(received[0]) == len(received)
    arrivals += received[:1] if together else received
    made = []
    for new in turn.made:
        made.append((new.block, new.name))
        arrivals.append(new.time)
    parents = [new.parent for new in turn.made] if any(new.parent for new in turn.made) else []
    return _Taken(steps, len(received), together, made, parents)


def _plain(turn: Passed | Resumed | Commanded | Stepped) -> _Passed | _Resumed | _Commanded | _Stepped:
    if isinstance(turn, Commanded):
        return _Commanded(*turn.command)
    if isinstance(turn, Stepped):
        return _Stepped(turn.by)
    return _Passed() if isinstance(turn, Passed) else _Resumed()


def _pack(column: NDArray[np.float64] | NDArray[np.uint64] | NDArray[np.uint32]) -> bytes:
    """Bytes of equal significance together: those of numbers of like size hardly differ."""
    return column.view(np.uint8).reshape(-1, column.itemsize).T.tobytes() if len(column) else b""


def _differences(column: NDArray[np.uint64] | NDArray[np.uint32]) -> NDArray[np.uint64] | NDArray[np.uint32]:
    """Exact for any bits, since integers wrap around."""
    out = column.copy()
    out[1:] -= column[:-1]
    return out


# -- from bytes


def decode(record: bytes) -> list[Turn]:
    """The turns of a record. Raises JournalError where it is none."""
    if record[:1] != bytes((VERSION,)):
        raise JournalError(f"expected a journal record of version {VERSION}, got {record[:1].hex() or 'nothing'}")
    inflate = zlib.decompressobj()
    try:
        body = inflate.decompress(record[1:], MAX_RECORD)
        if not inflate.eof:
            raise JournalError("the record ends early")
        size = int.from_bytes(body[:4], "little")
        head = _DECODER.decode(body[4 : 4 + size])
        return _Reader(head, body[4 + size :]).turns()
    except (zlib.error, msgspec.DecodeError, ValueError, IndexError) as error:
        raise JournalError(f"a journal record that cannot be read: {error}") from None


class _Reader:
    """Columns are taken from their front, turn by turn, as they were written."""

    def __init__(self, record: _Record, body: bytes) -> None:
        self._record = record
        at = 0
        columns: list[NDArray[np.uint8]] = []
        for size, width in zip(record.sizes, (8, 8, 8, 4), strict=True):
            part = body[at : at + size * width]
            columns.append(np.ascontiguousarray(np.frombuffer(part, np.uint8).reshape(width, size).T))
            at += size * width
        if at != len(body):
            raise JournalError(f"expected {at} bytes of columns, got {len(body)}")
        times, values, arrivals, integers = columns
        self._times: list[float] = _sums(times.view(np.uint64)).view(np.float64).tolist()
        self._values: list[float] = values.view(np.float64).ravel().tolist()
        self._arrivals: list[float] = _sums(arrivals.view(np.uint64)).view(np.float64).tolist()
        self._integers: list[int] = _sums(integers.view(np.uint32)).view(np.int32).tolist()
        self._at = [0, 0, 0, 0]

    def turns(self) -> list[Turn]:
        out: list[Turn] = []
        for said in self._record.turns:
            if isinstance(said, _Taken):
                out.append(self._taken(said))
            else:
                (now,) = self._floats(2, self._arrivals, 1)
                if isinstance(said, _Commanded):
                    out.append(Commanded(Command(*msgspec.structs.astuple(said)), now))
                elif isinstance(said, _Stepped):
                    out.append(Stepped(said.by, now))
                else:
                    out.append(Passed(now) if isinstance(said, _Passed) else Resumed(now))
        if self._at != list(self._record.sizes):
            raise JournalError("columns and turns do not match")
        return out

    def _floats(self, column: int, of: list[float], count: int) -> list[float]:
        at = self._at[column]
        self._at[column] = at + count
        if count < 0 or at + count > len(of):
            raise JournalError("columns and turns do not match")
        return of[at : at + count]

    def _ints(self, count: int) -> list[int]:
        at = self._at[3]
        self._at[3] = at + count
        if at + count > len(self._integers):
            raise JournalError("columns and turns do not match")
        return self._integers[at : at + count]

    def _taken(self, said: _Taken) -> Taken:
        steps: list[Step] = []
        for step in said.steps:
            if isinstance(step, _Drive):
                (time,), (value,) = self._floats(0, self._times, 1), self._floats(1, self._values, 1)
                counted = tuple(Counted(*c) for c in step.counted)
                steps.append(Drive(step.block, step.bank, step.entry, time, value, step.message, counted))
                continue
            count = step.count
            times = self._floats(0, self._times, count)
            columns = [_present(self._floats(1, self._values, count)) for _ in step.slots]
            rows, message = self._ints(count), self._ints(count)
            samples = Samples(message, rows, times, columns, tuple(step.slots))
            steps.append(Take(step.block, samples, tuple(Counted(*c) for c in step.counted)))
        if said.together:
            received = self._floats(2, self._arrivals, min(said.messages, 1)) * said.messages
        else:
            received = self._floats(2, self._arrivals, said.messages)
        times = self._floats(2, self._arrivals, len(said.made))
        parents = said.parents or [""] * len(said.made)
        made = [Made(*new, time, parent) for new, time, parent in zip(said.made, times, parents, strict=True)]
        return Taken(steps, received, made)


def _sums(column: NDArray[np.uint64] | NDArray[np.uint32]) -> NDArray[np.uint64] | NDArray[np.uint32]:
    out = np.empty(column.size, column.dtype)
    np.cumsum(column.ravel(), out=out)
    return out


def _present(column: list[float]) -> list[float | None]:
    """No reading is NaN, so NaN stands for one that is not there."""
    return [None if v != v else v for v in column]


# -- back into twins


class Replay:
    """Moves twins as turns did. What they say is for nobody.

    Consecutive batches are taken together, which changes no bit (batch invariance) and costs a fraction.
    """

    def __init__(self, twins: Twins) -> None:
        self.twins = twins
        self.readings = 0
        self.failures = 0  # exceptions out of the core; the run that is repeated had the same
        self._gathered: list[Taken] = []
        self._count = 0

    def add(self, turns: Iterable[Turn]) -> None:
        """Take the next turns; some may wait until `finish`."""
        for turn in turns:
            plain = isinstance(turn, Taken) and all(isinstance(s, Take) for s in turn.steps)
            if not plain or self._count >= MERGED or self._clock_was_set_back(turn):
                self.finish()
            if isinstance(turn, Taken):
                for step in turn.steps:
                    self.twins.decoder.count(step.counted)
                self._gathered.append(turn)
                self._count += sum(len(s.samples.rows) for s in turn.steps if isinstance(s, Take))
                if not plain:
                    self.finish()
            elif isinstance(turn, Passed):
                self._guarded(self.twins.on_time, turn.now)
            elif isinstance(turn, Commanded):
                self._guarded(lambda told: self.twins.on_command(*told), turn)
            elif isinstance(turn, Stepped):
                self.twins.step(*turn)
            else:
                self.twins.resume(turn.now)

    def _clock_was_set_back(self, turn: Turn) -> bool:
        """Whether a turn's arrivals begin before those of the last one that waits ended: within a batch they go on."""
        before = self._gathered[-1].received if self._gathered else ()
        return bool(before) and isinstance(turn, Taken) and bool(turn.received) and turn.received[0] < before[-1]

    def finish(self) -> None:
        """Take what waits."""
        gathered, self._gathered, self._count = self._gathered, [], 0
        if gathered and not self._guarded(self._take, gathered) and len(gathered) > 1:
            # What was taken before the failure comes as a duplicate now, and is dropped as one.
            for turn in gathered:
                self._guarded(self._take, [turn])

    def _guarded(self, call: Callable[[Any], object], argument: object) -> bool:
        try:
            call(argument)
        except Exception:
            self.failures += 1
            return False
        return True

    def _take(self, turns: list[Taken]) -> None:
        for turn in turns:
            for new in turn.made:
                self.twins.make(*new)
        received = [r for turn in turns for r in turn.received]
        steps: Sequence[Step] = turns[0].steps if len(turns) == 1 else _merged(turns)
        out = Outputs()
        self.twins.assimilate(steps, Arrivals(received, [b""] * len(received)), out)
        self.readings += out.readings


def _merged(turns: list[Taken]) -> Sequence[Step]:
    """Their steps as few, in the order of the turns: those of a block that name the same slots become one."""
    merged: list[Take] = []
    newest: dict[int, Take] = {}  # by block
    offset = 0
    for turn in turns:
        for step in turn.steps:
            assert isinstance(step, Take)  # noqa: S101  for the type checker: `replay` merges no others
            s = step.samples
            message = [offset + m for m in s.message]
            last = newest.get(step.block)
            if last is not None and last.samples.slots == s.slots:
                into = last.samples
                into.message.extend(message)
                into.rows.extend(s.rows)
                into.times.extend(s.times)
                for column, more in zip(into.columns, s.columns, strict=True):
                    column.extend(more)
            else:
                fresh = Samples(message, list(s.rows), list(s.times), [list(c) for c in s.columns], s.slots)
                newest[step.block] = Take(step.block, fresh)
                merged.append(newest[step.block])
        offset += len(turn.received)
    return merged
