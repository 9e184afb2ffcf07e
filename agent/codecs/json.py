"""JSON payloads: an object, an array of objects, or an array somewhere inside, each with its own time.

Values may lie at any path. Payloads that hold one plain sample, which nearly all do, are decoded in bulk by a typed
decoder made for the configured fields; `JsonCodec.decode` reads all others, and gives the same results for those.
Beyond RFC 8259, NaN and Infinity, which many programs write, are understood, so that the values beside them count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, TypeAlias, cast

from msgspec import DecodeError as MsgspecError
from msgspec import Meta, Struct, ValidationError, defstruct, field
from msgspec.json import Decoder

from agent import paths, times
from agent.codecs import Codec
from agent.config import Payload, Time
from agent.paths import Path
from agent.types import Columns, Decoded, DecodeError, Reason, Sample
from agent.values import LIMIT, are_text, number, shown

TIME_FIELDS = ("time", "ts", "timestamp")  # where a time is looked for when the configuration names none

_BOM = b"\xef\xbb\xbf"
_Finite: TypeAlias = Annotated[float, Meta(ge=-LIMIT, le=LIMIT)]
# Keys to either the number of a column or the keys below.
_Tree: TypeAlias = "dict[str, int | _Tree]"
# The same of a record: what reads a field, and where it goes.
_Reads: TypeAlias = "list[tuple[Callable[[object], object], int | _Reads]]"


class JsonCodec(Codec):
    """Reads JSON; `fields` are paths, relative to the sample."""

    def __init__(self, payload: Payload, time: Time, fields: Sequence[str]) -> None:
        self._names = tuple(fields)
        self._fields = tuple(paths.parse(name) for name in fields)
        self._samples = None if payload.samples is None else paths.parse(payload.samples)
        self._max_samples = payload.max_samples
        self._max_depth = payload.max_depth
        self._form = time.format
        if time.field == "arrival":
            self._times: tuple[Path, ...] = ()
        else:
            self._times = tuple(paths.parse(name) for name in (TIME_FIELDS if time.field is None else (time.field,)))
        self._read: Callable[[bytes], object] = Decoder().decode
        self._bulk = _Bulk.of(self._fields, self._times) if self._samples is None else None

    def decode(self, payload: bytes) -> Decoded:
        payload = payload.removeprefix(_BOM)
        if not payload.strip():
            raise DecodeError(Reason.EMPTY, "expected JSON, got an empty payload")
        document = self._document(payload)
        items, several = self._items(document)
        envelope = document if self._samples is not None else None
        samples: list[Sample] = []
        errors: list[DecodeError] = []
        for i, item in enumerate(items):
            where = f"samples[{i}]" if several else ""
            try:
                sample = self._sample(item, envelope, where, errors)
            except DecodeError as error:
                errors.append(error.within(where) if several else error)
            else:
                if sample is not None:
                    samples.append(sample)
        return Decoded(samples, errors)

    def columns(self, payloads: Sequence[bytes]) -> Columns | None:
        bulk = self._bulk
        if bulk is None or not payloads:
            return None
        if payloads[0][:1] == b"[":
            return self._columns_of_arrays(bulk, payloads)
        if not self._is_shallow_text(payloads):
            return None
        columns = bulk.columns(payloads)
        return None if columns is None else self._columns(bulk, columns, len(payloads), None)

    def _columns_of_arrays(self, bulk: _Bulk, payloads: Sequence[bytes]) -> Columns | None:
        """Arrays of plain samples without anything below them, none of them empty or too long."""
        joined = b"".join(payloads)
        brackets = joined.count(b"{") + joined.count(b"[")
        if self._max_depth < 2 or not are_text(payloads, joined):
            return None
        found = bulk.columns_of_arrays(payloads)
        # An array opens one bracket and each of its objects another, so if these are all, nothing lies below.
        if found is None or brackets != len(payloads) + sum(found[1]):
            return None
        columns, counts = found
        if not 0 < min(counts) <= max(counts) <= self._max_samples:
            return None
        return self._columns(bulk, columns, sum(counts), counts)

    def _columns(
        self, bulk: _Bulk, columns: Sequence[Sequence[object]], rows: int, counts: Sequence[int] | None
    ) -> Columns | None:
        values = [columns[slot] for slot in bulk.value_slots]
        if _some_row_is_empty(values):
            return None
        try:
            arrived = self._time_column([columns[slot] for slot in bulk.time_slots], rows)
        except DecodeError:
            return None
        return Columns(arrived, cast("list[Sequence[float | None]]", values), counts)

    def _is_shallow_text(self, payloads: Sequence[bytes]) -> bool:
        """Whether all payloads are UTF-8 and within the depth limit; the typed decoder does not look where it skips."""
        joined = b"".join(payloads)
        # An object opens at least one bracket, so no more than one each means one each.
        if joined.count(b"{") + joined.count(b"[") > len(payloads) and any(
            payload.count(b"{") + payload.count(b"[") > self._max_depth for payload in payloads
        ):
            return False
        return are_text(payloads, joined)

    def _time_column(self, candidates: Sequence[Sequence[object]], rows: int) -> Sequence[float | None]:
        present = [column for column in candidates if not (column[0] is None and column.count(None) == rows)]
        if not present:
            return [None] * rows
        first = cast("Sequence[float | str | None]", present[0])
        if len(present) > 1 and None in first:
            first = [next((raw for raw in row if raw is not None), None) for row in zip(*present, strict=True)]
        return times.column(first, self._form)

    def _document(self, payload: bytes) -> object:
        try:
            document = self._read(payload)
        except RecursionError:
            raise DecodeError(Reason.TOO_DEEP, f"expected at most {self._max_depth} levels, got far more") from None
        except (MsgspecError, UnicodeDecodeError):
            document = _tolerant(payload, self._max_depth)
        brackets = payload.count(b"{") + payload.count(b"[")
        if brackets > self._max_depth and _is_deeper(document, self._max_depth):
            raise DecodeError(Reason.TOO_DEEP, f"expected at most {self._max_depth} levels, got more")
        return document

    def _items(self, document: object) -> tuple[list[object], bool]:
        """The samples as they stand in the document, and whether it is an array that holds them."""
        if self._samples is not None:
            document = paths.get(document, self._samples)
            if document is None:
                raise DecodeError(Reason.MISSING, "expected the configured path of samples, got a payload without it")
        if type(document) is not list:
            return [document], False
        if not document:
            raise DecodeError(Reason.MISSING, "expected samples, got an empty array")
        if len(document) > self._max_samples:
            raise DecodeError(Reason.TOO_MANY, f"expected at most {self._max_samples} samples, got {len(document)}")
        return document, True

    def _sample(self, item: object, envelope: object, where: str, errors: list[DecodeError]) -> Sample | None:
        if type(item) is not dict and type(item) is not list:
            hint = "" if where else "; hint: a bare number is `format: number`"
            raise DecodeError(Reason.WRONG_TYPE, f"expected an object, got {shown(item)}{hint}")
        prefix = f"{where}." if where else ""
        values: list[float | None] = []
        found = False
        for i, path in enumerate(self._fields):
            raw = paths.get(item, path)
            value = None
            if raw is not None:
                found = True
                try:
                    value = number(raw)
                except DecodeError as error:
                    errors.append(error.within(f"{prefix}{self._names[i]}"))
            values.append(value)
        if not found:
            raise DecodeError(Reason.MISSING, f"expected {_names_shown(self._names)}, got {_keys_shown(item)}")
        if all(value is None for value in values):
            return None
        return Sample(self._time(item, envelope), tuple(values))

    def _time(self, item: object, envelope: object) -> float | None:
        for holder in (item, envelope):
            for path in self._times:
                raw = paths.get(holder, path)
                if raw is not None:
                    return times.seconds(raw, self._form)
        return None


class _Bulk:
    """A typed decoder for payloads of one sample, and where its columns come out."""

    def __init__(self, tree: _Tree, value_slots: list[int], time_slots: list[int]) -> None:
        self.value_slots = value_slots
        self.time_slots = time_slots
        self._reads = _reads(tree)
        self._values = set(value_slots)
        self._width = len(self._values) + len(time_slots)
        raw = float | str | None
        strict = _record(tree, self._values, _Finite | None, raw)
        self._strict = Decoder(strict).decode
        self._arrays = Decoder(list[strict]).decode  # type: ignore[valid-type]  # a type made just now
        # Tried second, because then each value must be looked at: true and false, and numbers in quotes.
        self._wide = Decoder(_record(tree, self._values, _Finite | bool | str | None, raw)).decode

    @classmethod
    def of(cls, fields: Sequence[Path], time_paths: Sequence[Path]) -> _Bulk | None:
        """The decoder for these paths; None where they take more than the keys of nested objects."""
        tree: _Tree = {}
        slots: dict[Path, int] = {}
        for path in (*dict.fromkeys(fields), *time_paths):
            node = tree
            for step in path[:-1]:
                below = node.setdefault(str(step), {})
                if not isinstance(below, dict):
                    return None
                node = below
            # A digit of a pointer may be an index, an int is one; and a path cannot be a value and hold one.
            if any(isinstance(step, int) or step.isdecimal() for step in path) or str(path[-1]) in node:
                return None
            node[str(path[-1])] = slots[path] = len(slots)
        try:
            return cls(tree, [slots[path] for path in fields], [slots[path] for path in time_paths])
        except ValueError:  # keys that need escapes in JSON cannot be named to the typed decoder
            return None

    def columns(self, payloads: Sequence[bytes]) -> list[Sequence[object]] | None:
        """One column per slot, values as floats and times as they stand; None when any payload is unusual."""
        columns: list[Sequence[object]] = [()] * self._width
        try:
            try:
                _spread(list(map(self._strict, payloads)), self._reads, columns)
            except ValidationError:
                _spread(list(map(self._wide, payloads)), self._reads, columns)
                for slot in self._values:
                    columns[slot] = [None if raw is None else number(raw) for raw in columns[slot]]
        except (MsgspecError, DecodeError, RecursionError):
            return None
        return columns

    def columns_of_arrays(self, payloads: Sequence[bytes]) -> tuple[list[Sequence[object]], list[int]] | None:
        """As `columns`, of payloads that are arrays of objects, and how many there are in each."""
        columns: list[Sequence[object]] = [()] * self._width
        try:
            arrays = cast("list[list[object]]", list(map(self._arrays, payloads)))
        except (MsgspecError, RecursionError):
            return None
        records = list(chain.from_iterable(arrays))
        if records:
            _spread(records, self._reads, columns)
        return columns, list(map(len, arrays))


def _record(tree: _Tree, values: set[int], value: object, time: object) -> type[Struct]:
    members: list[tuple[str, object, object]] = []
    keys: dict[str, str] = {}
    for i, (key, below) in enumerate(tree.items()):
        keys[f"f{i}"] = key
        if isinstance(below, dict):
            kind = _record(below, values, value, time)
            members.append((f"f{i}", kind, field(default_factory=kind)))
        else:
            members.append((f"f{i}", value if below in values else time, None))
    # Nothing in a record can refer back to it, so the garbage collector need not look at thousands of them.
    return defstruct("Record", members, rename=keys, gc=False)


def _reads(tree: _Tree) -> _Reads:
    return [
        (attrgetter(f"f{k}"), _reads(below) if isinstance(below, dict) else below)
        for k, below in enumerate(tree.values())
    ]


def _spread(records: Sequence[object], reads: _Reads, columns: list[Sequence[object]]) -> None:
    for read, to in reads:
        column = list(map(read, records))
        if isinstance(to, int):
            columns[to] = column
        else:
            _spread(column, to, columns)


def _some_row_is_empty(columns: Sequence[Sequence[object]]) -> bool:
    if None not in columns[0]:
        return False
    nothing = (None,) * len(columns)
    return nothing in zip(*columns, strict=True)


def _tolerant(payload: bytes, max_depth: int) -> object:
    """JSON with what the fast decoder refuses: NaN, infinities, numbers of any size, half surrogate pairs."""
    import json  # only for payloads that are out of the ordinary

    try:
        return json.loads(payload.decode(), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise DecodeError(Reason.MALFORMED, f"expected UTF-8, got something else at byte {error.start}") from None
    except RecursionError:
        raise DecodeError(Reason.TOO_DEEP, f"expected at most {max_depth} levels, got far more") from None
    except ValueError as error:
        raise DecodeError(Reason.MALFORMED, f"expected JSON: {error}") from None


def _integer(digits: str) -> int | float:
    # int() refuses thousands of digits, and reading them takes quadratic time
    return int(digits) if len(digits) < 400 else float(digits)


def _is_deeper(document: object, limit: int) -> bool:
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(limit):
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return False
    return True


def _names_shown(names: Sequence[str]) -> str:
    return " or ".join(names[:4]) + (" or ..." if len(names) > 4 else "")


def _keys_shown(item: object) -> str:
    if not isinstance(item, dict):
        return shown(item)
    keys = [key if key.isidentifier() and key.isascii() and len(key) < 40 else shown(key) for key in list(item)[:8]]
    return f"an object with {', '.join(keys)}{', ...' if len(item) > 8 else ''}" if keys else "an empty object"
