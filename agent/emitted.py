"""Functions of rows that are written down as expressions, in whichever way they run here.

A function names columns, the indices by which it reaches them and the numbers it is given. `prepare` makes of it either
a program for the machine of `agent.native` or Python text for floats and for arrays (`agent.expr`); `made()` gives one
that is bound to columns of its own. All three give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType
from typing import Any, Protocol

from numpy.typing import NDArray

from agent import native
from agent.expr import Expr, compile_text, emit, scope
from agent.native import Column


class Emitted(Protocol):
    """A function with its columns."""

    one: Callable[..., tuple[Any, ...]]
    """`one(index, ..., number, ...)`: of one row."""

    def many(self, *places: Any) -> tuple[Any, ...]:
        """The same for several different rows: arrays of indices and numbers, an array for each result."""

    def bind(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Work on these columns from now on, by name."""


class Prepared(Protocol):
    """What is common to all that are made of a function."""

    def made(self) -> Emitted: ...


def prepare(
    name: str,
    indices: Sequence[str],
    numbers: Sequence[str],
    loads: Mapping[str, Column],
    stores: Sequence[tuple[Column, Expr]],
    returns: Sequence[Expr],
) -> Prepared:
    """`name(*indices, *numbers)`: load the columns that are asked for, compute, store, and return a tuple.

    loads: column of each symbol that is one; `Column.index` counts in `indices`.
    """
    if native.MACHINE is not None:
        with suppress(native.LimitError):
            return native.assemble(stores, returns, loads, numbers, len(indices))
    codes = []
    for arrays in (False, True):
        wide = ".astype(wide)" if arrays else ""  # arithmetic is in float64, as it is on floats
        text = {symbol: f"{c.name}_[{indices[c.index]}]{wide if c.narrow else ''}" for symbol, c in loads.items()}
        written = [(f"{c.name}_[{indices[c.index]}]", e) for c, e in stores]
        source = emit(name, (*indices, *numbers), text, written, returns, arrays=arrays)
        codes.append(compile_text(name, source))
    names = {column.name for column in loads.values()} | {column.name for column, _ in stores}
    return _Text(name, tuple(sorted(names)), *codes)


@dataclass(frozen=True, slots=True)
class _Text:
    """Code of a function, for one row and for many."""

    name: str
    columns: tuple[str, ...]
    floats: CodeType
    arrays: CodeType

    def made(self) -> Emitted:
        return _Functions(self)


class _Functions:
    """The two functions of a text."""

    def __init__(self, text: _Text) -> None:
        self._columns = text.columns
        self._floats, self._arrays = scope(arrays=False), scope(arrays=True)
        exec(text.floats, self._floats)  # noqa: S102 - built from this package's own expressions, never from input
        exec(text.arrays, self._arrays)  # noqa: S102 - the same
        self.one: Callable[..., tuple[Any, ...]] = self._floats[text.name]
        self._many: Callable[..., tuple[Any, ...]] = self._arrays[text.name]

    def many(self, *places: Any) -> tuple[Any, ...]:
        return self._many(*places)

    def bind(self, columns: Mapping[str, NDArray[Any]]) -> None:
        for name in self._columns:
            self._floats[f"{name}_"] = columns[name].data
            self._arrays[f"{name}_"] = columns[name]
