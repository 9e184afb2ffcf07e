"""The same steps outside of Python: expressions as a program of the register machine in `steps.c`.

`agent.expr` writes expressions down as Python text, for floats and for arrays; here they become instructions instead, and
the outcome has the same bits. Whether there is such a machine is decided when the package is built: where no C compiler
was found, `MACHINE` is None and the text runs. Nothing here knows filters, alarms or twins.

Registers are handed out in one pass over the instructions: one is free again after the last use of what it holds. What
only one side of a `where` needs is jumped over where no row of those worked on takes that side. A column is stored as
soon as its new value is there and its old one is not asked for any more, so that few registers are in use at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.expr import Block, Expr, arranged, share, walk

FORMAT = 2  # of programs: a module that was built from another `steps.c` is left alone

MACHINE: ModuleType | None
try:
    from agent import _steps as MACHINE  # noqa: N812 - it may not be there
except ImportError:
    MACHINE = None
if MACHINE is not None and getattr(MACHINE, "FORMAT", 0) != FORMAT:
    MACHINE = None

Floats = NDArray[np.float64]


def flavour() -> str:
    """How steps run here, in a word."""
    return "python" if MACHINE is None else "compiled"


WORTH = 3  # instructions of one side of a `where` from which on jumping over them pays


@dataclass(frozen=True, slots=True)
class Column:
    """Where a symbol is loaded from or stored to: a column, by name, through an index, by number."""

    name: str
    index: int = 0
    narrow: bool = False  # kept as float32


_Row = tuple[str, int, int, int, int, int]  # operation, to, a, b, c, d


@dataclass(slots=True)
class _Code:
    """Instructions while they are gathered: operands are values by number, or what the operation takes."""

    rows: list[_Row] = field(default_factory=list)
    constants: dict[str, int] = field(default_factory=dict)
    values: int = 0

    def put(self, op: str, to: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        self.rows.append((op, to, a, b, c, d))
        return to

    def new(self) -> int:
        self.values += 1
        return self.values - 1

    def constant(self, value: float) -> int:
        """Values of constants are numbered below zero."""
        value = value if math.isfinite(value) else math.nan
        return self.constants.setdefault(repr(value), -1 - len(self.constants))


_ARITY = {
    "mul_add": 3,
    "mul_sub": 3,
    "sub_mul": 3,
    "where": 3,
    "where>": 4,
    "where>=": 4,
    "where<": 4,
    "sqrt": 1,
    "abs": 1,
    "exp": 1,
    "narrowed": 1,
    "store64": 1,
    "store32": 1,
    "result": 1,
}
_ARITY |= {"skip_none": 1, "skip_all": 1, "load64": 0, "load32": 0, "series": 0}
_SETS_NOTHING = frozenset(("store64", "store32", "result", "skip_none", "skip_all"))


@dataclass(frozen=True, slots=True)
class Assembled:
    """A program, and what it is to be given; `Steps` runs it."""

    code: bytes
    constants: bytes
    registers: int
    columns: tuple[Column, ...]
    indices: int
    series: int
    results: int

    @property
    def widths(self) -> bytes:
        """Bytes of a number, by column."""
        return bytes(4 if column.narrow else 8 for column in self.columns)

    def made(self) -> Steps:
        return Steps(self)


def assemble(
    stores: Sequence[tuple[Column, Expr]],
    results: Sequence[Expr],
    loads: Mapping[str, Column],
    series: Sequence[str],
    indices: int = 1,
) -> Assembled:
    """The program of a step: what it stores and tells, from columns and from what is given with each step.

    loads: column of each symbol that is one. series: symbols that are given. indices: by how many a step is told where in
    its columns it is. Raises RuntimeError where there is no machine, LimitError where it is too small.
    """
    if MACHINE is None:
        raise RuntimeError("expected the compiled steps of this package, which were not built")
    writer = _Writer(stores, results, loads, series)
    rows, registers = _allotted(writer.code)
    try:
        assembled = Assembled(
            np.array([(MACHINE.CODES[op], *operands) for op, *operands in rows], np.uint16).tobytes(),
            np.array([float(text) for text in writer.code.constants]).tobytes(),
            registers,
            tuple(writer.columns),
            indices,
            len(series),
            len(results),
        )
        assembled.made()
    except (ValueError, OverflowError) as error:  # the latter from numpy, of what two bytes do not hold
        raise LimitError(str(error)) from None
    return assembled


class LimitError(Exception):
    """The machine is too small for a program, which then has to run as text."""


class Steps:
    """A program with columns of its own."""

    def __init__(self, assembled: Assembled) -> None:
        """Raises RuntimeError where there is no machine."""
        if MACHINE is None:
            raise RuntimeError("expected the compiled steps of this package, which were not built")
        a = assembled
        self._program = MACHINE.Program(a.code, a.constants, a.registers, a.widths, a.indices, a.series, a.results)
        self.translated: bool = self._program.translated
        """Whether the package was built with this program as C (`agent.translate`), so that single rows take no interpreter."""
        self._names = [column.name for column in a.columns]
        self._indices, self._results = a.indices, a.results
        self.one = self._program.one
        """`one(index, ..., number, ...)`: a step of one row. Returns the results."""

    def bind(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """The memory of the columns, by name: contiguous, and of the same kinds as ever."""
        self._program.bind([columns[name] for name in self._names])

    def release(self) -> None:
        """Let go of the columns, which then cost no memory on this account."""
        self._program.release()

    def many(self, *places: Any) -> tuple[Floats, ...]:
        """`many(rows, ..., numbers, ...)`: a step of each of several different rows, none of which needs what another
        stores. Returns the results, an array each."""
        return self.run(places[: self._indices], places[self._indices :], len(places[0]))

    def run(
        self, indices: Sequence[Any], series: Sequence[Any], count: int, ends: NDArray[np.intp] | None = None
    ) -> tuple[Floats, ...]:
        """`count` steps. indices: an array each, or the first of consecutive numbers. series: an array each.

        ends: where rounds end, of which the steps need nothing of each other; None: there is one round.
        """
        results = tuple([np.empty(count) for _ in range(self._results)])
        given = tuple([None if s is None else np.ascontiguousarray(s, np.float64) for s in series])
        places = tuple([i if isinstance(i, int) else _indices(i) for i in indices])
        self._program.many(count, places, given, results, ends)
        return results


def _indices(given: Any) -> NDArray[np.intp]:
    return np.ascontiguousarray(given).astype(np.intp, casting="same_kind", copy=False)


class _Writer:
    """Puts the instructions down."""

    def __init__(
        self,
        stores: Sequence[tuple[Column, Expr]],
        results: Sequence[Expr],
        loads: Mapping[str, Column],
        series: Sequence[str],
    ) -> None:
        self._loads, self._series = loads, {name: k for k, name in enumerate(series)}
        self.columns: dict[Column, int] = {}
        self.code = _Code()
        self._value: dict[int, int] = {}  # by expression
        roots = share([e for _, e in stores] + list(results))
        order, uses = walk(roots)
        self._joined = _joined(order, uses)
        self._outermost, self._sides = arranged(order, roots, lazy=True)
        self._unread = Counter(loads[e.name].name for e in order if e.op == "sym" and e.name not in self._series)
        self._due: dict[int, list[Column]] = {}
        for (column, _), root in zip(stores, roots, strict=False):
            self._due.setdefault(id(root), []).append(column)
        self._waiting: list[tuple[int, Column]] = []
        self._write(self._outermost)
        self._unread.clear()
        self._store()
        for k, root in enumerate(roots[len(stores) :]):
            self.code.put("result", k, self._value[id(root)])

    def _write(self, block: Block) -> None:
        """Instructions of a block, in order."""
        code = self.code
        for e in reversed(block.nodes):
            if id(e) in self._joined:
                continue  # written where it is used
            if id(e) in self._sides:
                self._choose(e)
            elif e.op == "const":
                self._value[id(e)] = code.constant(e.value)
            elif e.op == "sym":
                self._value[id(e)] = self._symbol(e.name)
            else:
                self._value[id(e)] = self._operation(e)
            for column in self._due.get(id(e), ()):
                self._waiting.append((self._value[id(e)], column))
            if block is self._outermost:  # in a side it would be jumped over
                self._store()

    def _operation(self, e: Expr) -> int:
        op, arguments = e.op, list(e.args)
        if id(arguments[-1]) in self._joined and len(arguments) == 2:
            op, arguments = "mul_add" if op == "+" else "sub_mul", [*arguments[1].args, arguments[0]]
        elif id(arguments[0]) in self._joined:
            op, arguments = "mul_add" if op == "+" else "mul_sub", [*arguments[0].args, arguments[1]]
        values = [self._value[id(a)] for a in arguments]
        if op == "fmax0":
            op, values = "fmax", [*values, self.code.constant(0.0)]
        return self.code.put(op, self.code.new(), *values)

    def _store(self) -> None:
        """What waits, and is of columns that nobody reads any more."""
        waiting, self._waiting = self._waiting, []
        for value, column in waiting:
            if self._unread[column.name]:
                self._waiting.append((value, column))
            else:
                self.code.put("store32" if column.narrow else "store64", self._number(column), value, column.index)

    def _number(self, column: Column) -> int:
        return self.columns.setdefault(column, len(self.columns))

    def _symbol(self, name: str) -> int:
        code = self.code
        if name in self._series:
            return code.put("series", code.new(), self._series[name])
        column = self._loads[name]
        self._unread[column.name] -= 1
        return code.put("load32" if column.narrow else "load64", code.new(), self._number(column), column.index)

    def _choose(self, e: Expr) -> None:
        """A `where`, whose sides are left out where no row needs them."""
        code, test = self.code, e.args[0]
        joined = id(test) in self._joined
        start = len(code.rows)
        condition = code.new() if joined else self._value[id(test)]
        left_out = False
        for word, side in zip(("skip_none", "skip_all"), self._sides[id(e)], strict=True):
            at = len(code.rows)
            code.put(word, 0, condition)
            self._write(side)
            length = len(code.rows) - at - 1
            if length < WORTH:
                del code.rows[at]
            else:
                code.rows[at] = (word, 0, condition, length, 0, 0)
                left_out = True
        sides = [self._value[id(a)] for a in e.args[1:]]
        if joined:
            compared = [self._value[id(a)] for a in test.args]
            if not left_out:
                self._value[id(e)] = code.put(f"where{test.op}", code.new(), *compared, *sides)
                return
            left, right = compared
            code.rows.insert(start, (test.op, condition, left, right, 0, 0))
        self._value[id(e)] = code.put("where", code.new(), condition, *sides)


def _joined(order: Sequence[Expr], uses: Mapping[int, int]) -> frozenset[int]:
    """Expressions that become part of the one that uses them: products in sums, comparisons in choices."""
    found = set()
    for e in order:
        if e.op in ("+", "-"):
            # At most one, and of two the right one: on the left there is often a sum that is still being waited for.
            product = next((a for a in reversed(e.args) if a.op == "*" and uses[id(a)] == 1), None)
            if product is not None:
                found.add(id(product))
        elif e.op == "where" and e.args[0].op in (">", ">=", "<") and uses[id(e.args[0])] == 1:
            found.add(id(e.args[0]))
    return frozenset(found)


def _allotted(code: _Code) -> tuple[list[_Row], int]:
    """Registers for values: the same instructions with registers in them, and how many there are."""
    last: dict[int, int] = {}
    for k, (op, _, *operands) in enumerate(code.rows):
        last.update(dict.fromkeys(operands[: _ARITY.get(op, 2)], k))
    known = len(code.constants)
    register: dict[int, int] = {-1 - k: k for k in range(known)}
    free: list[int] = []
    count = known
    rows: list[_Row] = []
    for k, (op, to, *operands) in enumerate(code.rows):
        arity = _ARITY.get(op, 2)
        own = [register[v] for v in operands[:arity]]
        for value in dict.fromkeys(operands[:arity]):
            if value >= 0 and last[value] == k:
                free.append(register[value])
        if op not in _SETS_NOTHING:
            if not free:
                free.append(count)
                count += 1
            register[to] = free.pop()
            if to not in last:  # nobody asks for it
                free.append(register[to])
        a, b, c, d = (*own, *operands[arity:])
        rows.append((op, to if op in _SETS_NOTHING else register[to], a, b, c, d))
    return rows, max(count, 1)
