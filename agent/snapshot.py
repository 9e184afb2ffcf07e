"""A snapshot of the twins as pieces of bytes, and back to the same bits: no pickle, nothing that can run.

The first piece is the structure as msgpack with every array replaced by its type and shape; the others are the
arrays' bytes in that order, deflated, a bounded piece at a time so that a busy loop can write one each turn.
Checksums, files and when a snapshot is taken are the store's business.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.deflate import deflated

VERSION = 1
SEGMENT = 8192  # elements of an array whose bytes are ordered by significance together
PIECE = 1 << 15  # bytes before deflation, about: a part of a column is not cut
MAX_PIECE = 1 << 30  # of the structure, which holds the assets' names
KINDS = "fiub"  # of numpy's types: plain numbers only


class SnapshotError(ValueError):
    """Pieces that cannot be put together again."""


class _Array(msgspec.Struct, array_like=True):
    kind: str
    shape: list[int]


def dump(saved: Mapping[str, Any]) -> Iterator[bytes]:
    """The pieces of a snapshot, made one by one while they are asked for."""
    arrays: list[NDArray[Any]] = []
    head = msgspec.msgpack.encode([VERSION, _without_arrays(saved, arrays)])
    yield deflated(head)
    arrays.reverse()
    parts: list[bytes] = []
    size = 0
    while arrays:
        flat = arrays.pop().ravel()
        for start in range(0, len(flat), SEGMENT):
            segment = flat[start : start + SEGMENT]
            parts.append(segment.view(np.uint8).reshape(-1, segment.itemsize).T.tobytes())
            size += len(parts[-1])
            if size >= PIECE:
                yield deflated(b"".join(parts))
                parts, size = [], 0
    if parts:
        yield deflated(b"".join(parts))


def _without_arrays(node: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(node, np.ndarray):
        if node.dtype.kind not in KINDS:
            raise TypeError(f"a snapshot holds columns of plain numbers, not {node.dtype.str}")
        arrays.append(np.ascontiguousarray(node))
        return {"@": _Array(node.dtype.str, list(node.shape))}
    if isinstance(node, Mapping):
        return {key: _without_arrays(value, arrays) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_without_arrays(value, arrays) for value in node]
    return node


def load(pieces: Iterable[bytes]) -> dict[str, Any]:
    """The snapshot of these pieces, in order. Raises SnapshotError where they are not all there or not right."""
    source = iter(pieces)
    try:
        head = msgspec.msgpack.decode(_inflate(next(source)))
        if not isinstance(head, list) or len(head) != 2 or head[0] != VERSION:
            raise SnapshotError(f"expected a snapshot of version {VERSION}")
        out = _with_arrays(head[1], _Bytes(source))
        if next(source, None) is not None:
            raise SnapshotError("more pieces than expected")
    except StopIteration:
        raise SnapshotError("pieces are missing") from None
    except (zlib.error, msgspec.DecodeError, TypeError, ValueError) as error:
        raise SnapshotError(f"a snapshot that cannot be read: {error}") from None
    if not isinstance(out, dict):
        raise SnapshotError("expected a mapping")
    return out


def _inflate(piece: bytes) -> bytes:
    inflate = zlib.decompressobj()
    data = inflate.decompress(piece, MAX_PIECE)
    if not inflate.eof:
        raise SnapshotError("a piece ends early")
    return data


class _Bytes:
    """The arrays' bytes as one stream across the pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._data = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at == len(self._data):
            piece = next(self._pieces, None)
            if piece is None:
                raise SnapshotError("pieces are missing")
            self._data, self._at = _inflate(piece), 0
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise SnapshotError("a piece is too short")
        self._at += size
        return part


def _with_arrays(node: Any, source: _Bytes) -> Any:
    if isinstance(node, dict):
        if node.keys() == {"@"}:
            return _array(msgspec.convert(node["@"], _Array), source)
        return {key: _with_arrays(value, source) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_arrays(value, source) for value in node]
    return node


def _array(said: _Array, source: _Bytes) -> NDArray[Any]:
    kind = np.dtype(said.kind)
    if kind.kind not in KINDS or any(n < 0 for n in said.shape):
        raise SnapshotError(f"an array of unknown type {said.kind!r}")
    size = 1
    for n in said.shape:
        size *= n
    parts = []
    for start in range(0, size, SEGMENT):
        count = min(SEGMENT, size - start)
        part = np.frombuffer(source.take(count * kind.itemsize), np.uint8).reshape(kind.itemsize, count)
        parts.append(np.ascontiguousarray(part.T).view(kind).ravel())
    return np.concatenate(parts).reshape(said.shape) if parts else np.zeros(said.shape, kind)
