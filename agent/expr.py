"""A tiny symbolic arithmetic: expressions that fold zeros and ones and are written out as Python source.

One expression graph is emitted twice, for floats and for float64 arrays. `+ - * /` and `sqrt` round alike in
both (IEEE 754), and `exp` goes element by element through the same C function, so both give the same bits.
Knows nothing of filters. Constant folding never changes the value of a finite expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np

Number = Any  # a float, an Expr or a float64 array: models are written once for all three

_BINARY = {"+", "-", "*", "/", ">", ">=", "<", "&"}
_EXTREMES = {"fmin": "<", "fmax": ">", "fmax0": ">"}


class Expr:
    """A node of the graph. Built by operators; compare nodes by identity."""

    __slots__ = ("args", "name", "op", "value")

    def __init__(self, op: str, args: tuple[Expr, ...] = (), name: str = "", value: float = 0.0) -> None:
        self.op = op
        self.args = args
        self.name = name
        self.value = value

    def __add__(self, other: Number) -> Expr:
        return _add(self, lift(other))

    def __radd__(self, other: Number) -> Expr:
        return _add(lift(other), self)

    def __sub__(self, other: Number) -> Expr:
        return _sub(self, lift(other))

    def __rsub__(self, other: Number) -> Expr:
        return _sub(lift(other), self)

    def __mul__(self, other: Number) -> Expr:
        return _mul(self, lift(other))

    def __rmul__(self, other: Number) -> Expr:
        return _mul(lift(other), self)

    def __truediv__(self, other: Number) -> Expr:
        return _div(self, lift(other))

    def __rtruediv__(self, other: Number) -> Expr:
        return _div(lift(other), self)

    def __neg__(self) -> Expr:
        return _sub(const(0.0), self)

    def __gt__(self, other: Number) -> Expr:
        return Expr(">", (self, lift(other)))

    def __ge__(self, other: Number) -> Expr:
        return Expr(">=", (self, lift(other)))

    def __lt__(self, other: Number) -> Expr:
        return Expr("<", (self, lift(other)))

    def __and__(self, other: Expr) -> Expr:
        return Expr("&", (self, other))


def sym(name: str) -> Expr:
    """A value known by name when the emitted code runs."""
    return Expr("sym", name=name)


def const(value: float) -> Expr:
    return Expr("const", value=float(value))


def lift(value: Number) -> Expr:
    return value if isinstance(value, Expr) else const(value)


def is_const(e: Expr, value: float | None = None) -> bool:
    return e.op == "const" and (value is None or e.value == value)


def _add(a: Expr, b: Expr) -> Expr:
    if is_const(a) and is_const(b):
        return const(a.value + b.value)
    if is_const(a, 0.0):
        return b
    if is_const(b, 0.0):
        return a
    return Expr("+", (a, b))


def _sub(a: Expr, b: Expr) -> Expr:
    if is_const(a) and is_const(b):
        return const(a.value - b.value)
    if is_const(b, 0.0):
        return a
    return Expr("-", (a, b))


def _mul(a: Expr, b: Expr) -> Expr:
    if is_const(a) and is_const(b):
        return const(a.value * b.value)
    if is_const(a, 0.0) or is_const(b, 0.0):
        return const(0.0)
    if is_const(a, 1.0):
        return b
    if is_const(b, 1.0):
        return a
    return Expr("*", (a, b))


def _div(a: Expr, b: Expr) -> Expr:
    if is_const(a) and is_const(b):
        return const(a.value / b.value)
    if is_const(a, 0.0):
        return const(0.0)
    if is_const(b, 1.0):
        return a
    return Expr("/", (a, b))


def sqrt(a: Expr) -> Expr:
    return Expr("sqrt", (a,))


def narrowed(a: Expr) -> Expr:
    """The value as float32 keeps it; for `agent.distribute` only."""
    return Expr("narrowed", (a,))


def where(condition: Expr, a: Number, b: Number) -> Expr:
    """`a` where the condition holds, else `b`; arrays evaluate both sides."""
    return Expr("where", (condition, lift(a), lift(b)))


def magnitude(a: Expr) -> Expr:
    return Expr("abs", (a,))


def minimum(a: Expr, b: Number) -> Expr:
    """The smaller one, `b` where they are equal or `a` is no number."""
    b = lift(b)
    if b.op == "const" and b.value != 0.0:
        return lesser(a, b)
    return where(a < b, a, b)


def maximum(a: Expr, b: Number) -> Expr:
    """The larger one, `b` where they are equal or `a` is no number."""
    b = lift(b)
    if b.op == "const":
        # Which of two zeros arrays give is left open; added to 0 they are one.
        return greater(a, b) if b.value != 0.0 else Expr("fmax0", (a,))
    return where(a > b, a, b)


def lesser(a: Expr, b: Number) -> Expr:
    """As `minimum`, for what is never both -0.0 and 0.0, with a `b` that is a number: much quicker on arrays."""
    return Expr("fmin", (a, lift(b)))


def greater(a: Expr, b: Number) -> Expr:
    """As `maximum`, for what `lesser` is for."""
    return Expr("fmax", (a, lift(b)))


def exp(value: Number) -> Number:
    """Exponential of a float, an expression or an array, the same bits in each."""
    if isinstance(value, Expr):
        return const(math.exp(value.value)) if is_const(value) else Expr("exp", (value,))
    if isinstance(value, np.ndarray):
        return exp_array(value)
    return math.exp(value)


def exp_array(values: np.ndarray) -> np.ndarray:
    """Element by element through the C library, because the vectorised one rounds differently."""
    return np.array(list(map(math.exp, values.tolist())))


def walk(roots: Iterable[Expr]) -> tuple[list[Expr], dict[int, int]]:
    """Nodes in dependency order, and how often each is used."""
    order: list[Expr] = []
    uses: dict[int, int] = {}

    def visit(e: Expr) -> None:
        seen = id(e) in uses
        uses[id(e)] = uses.get(id(e), 0) + 1
        if not seen:
            for a in e.args:
                visit(a)
            order.append(e)

    for r in roots:
        visit(r)
    return order, uses


def share(roots: Sequence[Expr]) -> list[Expr]:
    """The same expressions with equal subexpressions made one node, so that each is computed once."""
    table: dict[tuple[Any, ...], Expr] = {}
    new: dict[int, Expr] = {}
    order, _ = walk(roots)
    for e in order:
        args = tuple(new[id(a)] for a in e.args)
        key = (e.op, e.name, repr(e.value), tuple(map(id, args)))
        new[id(e)] = table.setdefault(key, Expr(e.op, args, e.name, e.value))
    return [new[id(r)] for r in roots]


def settled(roots: Sequence[Expr], least: Mapping[str, float]) -> list[Expr]:
    """What the expressions come to where these symbols are at least so large: choices that are decided then are made.

    `least` is for counts: positive whole numbers. Bounds are computed as the values are, and every operation is monotonic.
    """
    order, _ = walk(roots)
    new: dict[int, Expr] = {}
    bounds: dict[int, tuple[float, float]] = {}
    for e in order:
        args = [new[id(a)] for a in e.args]
        found = [bounds.get(id(a)) for a in args]
        known = [pair for pair in found if pair is not None]
        one: Expr | None = None
        if e.op == "where" and args[0].op == "const":
            one = args[1] if args[0].value else args[2]
        elif e.op == "&" and any(a.op == "const" for a in args):
            one = next((a for a in args if is_const(a, 0.0)), args[0] if args[1].op == "const" else args[1])
        elif e.op in (">", ">=", "<", "fmin", "fmax") and len(known) == 2:
            one = _decided(e.op, args, *known)
        if one is None:
            same = all(a is b for a, b in zip(args, e.args, strict=True))
            one = e if same else Expr(e.op, tuple(args), e.name, e.value)
            own = _bounds(one, least, known)
            if own is not None:
                bounds[id(one)] = own
        elif one.op == "const":
            bounds[id(one)] = one.value, one.value
        new[id(e)] = one
    return [new[id(r)] for r in roots]


def _decided(op: str, args: Sequence[Expr], a: tuple[float, float], b: tuple[float, float]) -> Expr | None:
    """The outcome, where these bounds leave but one."""
    if op == ">=":
        return const(1.0) if a[0] >= b[1] else const(0.0) if a[1] < b[0] else None
    less = op in ("<", "fmin")
    always, never = (a[1] < b[0], a[0] >= b[1]) if less else (a[0] > b[1], a[1] <= b[0])
    outcomes = args if op in ("fmin", "fmax") else (const(1.0), const(0.0))
    return outcomes[0] if always else outcomes[1] if never else None


def _bounds(e: Expr, least: Mapping[str, float], args: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Least and largest value, where they are known; args: of the operands, if all are."""
    if e.op == "const":
        return e.value, e.value
    if e.op == "sym":
        return (least[e.name], 2.0**53) if e.name in least else None
    if len(args) != len(e.args) or any(low < 0.0 for low, _ in args):
        return None
    if e.op == "+":
        return args[0][0] + args[1][0], args[0][1] + args[1][1]
    if e.op == "-":
        return args[0][0] - args[1][1], args[0][1] - args[1][0]
    if e.op == "*":
        return args[0][0] * args[1][0], args[0][1] * args[1][1]
    if e.op == "/" and args[1][0] > 0.0:
        return args[0][0] / args[1][1], args[0][1] / args[1][0]
    return None


def write(op: str, args: Sequence[str], arrays: bool) -> str:
    if op in _BINARY:
        word = "and" if op == "&" and not arrays else op
        return f"({args[0]} {word} {args[1]})"
    if op in _EXTREMES:
        a, b = (*args, "0.0")[:2]
        if not arrays:
            return f"({a} if {a} {_EXTREMES[op]} {b} else {b})"
        return f"(fmax({a}, 0.0) + 0.0)" if op == "fmax0" else f"{op}({a}, {b})"
    if op == "where":
        return f"where({', '.join(args)})" if arrays else f"({args[1]} if {args[0]} else {args[2]})"
    return f"{op}({args[0]})"


class Block:
    """Statements that run together: all of them, or those of one side of a `where`. Nodes from last to first."""

    __slots__ = ("depth", "nodes", "parent")

    def __init__(self, parent: Block | None = None) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.nodes: list[Expr] = []


def _common(a: Block, b: Block) -> Block:
    """The innermost block that both are part of."""
    while a is not b:
        if a.depth < b.depth:
            a, b = b, a
        assert a.parent is not None  # noqa: S101  for the type checker: all come from one outermost block
        a = a.parent
    return a


def arranged(
    order: Sequence[Expr], roots: Sequence[Expr], *, lazy: bool
) -> tuple[Block, dict[int, tuple[Block, Block]]]:
    """Where each node is computed: the outermost block, and both sides of each `where` by its id.

    order: of `walk`. lazy: what only one side of a `where` needs is computed in a block of that side.
    """
    outermost = Block()
    sides: dict[int, tuple[Block, Block]] = {}
    wanted: dict[int, Block] = {id(r): outermost for r in roots}
    for e in reversed(order):
        block = wanted[id(e)]
        block.nodes.append(e)
        places = [block] * len(e.args)
        if e.op == "where" and lazy:
            sides[id(e)] = both = Block(block), Block(block)
            places = [block, *both]
        for a, place in zip(e.args, places, strict=True):
            wanted[id(a)] = _common(wanted[id(a)], place) if id(a) in wanted else place
    return outermost, sides


class Writer:
    """Writes expressions down as statements; on floats, what only one side of a `where` needs is computed there."""

    def __init__(self, roots: Sequence[Expr], loads: Mapping[str, str], *, arrays: bool, prefix: str = "v") -> None:
        """roots: with equal parts shared (`share`). loads: symbol -> source text that reads it. prefix: of new names."""
        self.prefix = prefix
        self.loads = loads
        self.arrays = arrays
        self.text: dict[int, str] = {}
        order, self.uses = walk(roots)
        if not arrays:
            for e in order:
                if e.op in _EXTREMES:  # its operands are written twice
                    self.uses.update((id(a), self.uses[id(a)] + 1) for a in e.args)
        self._temporaries = 0
        self._outermost, self._sides = arranged(order, roots, lazy=not arrays)

    def lines(self) -> list[str]:
        """The statements; `text` then tells how to write each root."""
        return self._lines(self._outermost)

    def _lines(self, block: Block) -> list[str]:
        text, lines = self.text, []
        for e in reversed(block.nodes):
            if e.op == "const":
                text[id(e)] = repr(e.value) if math.isfinite(e.value) else "nan"
                continue
            if e.op == "sym":
                text[id(e)] = e.name
                if e.name in self.loads:
                    lines.append(f"{e.name} = {self.loads[e.name]}")
                continue
            if id(e) in self._sides:
                yes, no = (self._lines(side) for side in self._sides[id(e)])
                if yes or no:
                    self._temporaries += 1
                    name = text[id(e)] = f"{self.prefix}{self._temporaries}"
                    for word, side, value in ((f"if {text[id(e.args[0])]}", yes, 1), ("else", no, 2)):
                        lines += [f"{word}:", *(f"    {x}" for x in side), f"    {name} = {text[id(e.args[value])]}"]
                    continue
            source = write(e.op, [text[id(a)] for a in e.args], self.arrays)
            if self.uses[id(e)] > 1 or len(source) > 200:
                self._temporaries += 1
                lines.append(f"{self.prefix}{self._temporaries} = {source}")
                source = f"{self.prefix}{self._temporaries}"
            text[id(e)] = source
        return lines


def emit(
    name: str,
    parameters: Sequence[str],
    loads: Mapping[str, str],
    stores: Sequence[tuple[str, Expr]],
    returns: Sequence[Expr],
    *,
    arrays: bool,
) -> str:
    """Source of a function: bind the symbols in `loads` that are needed, compute, store, return a tuple.

    loads: symbol -> source text that reads it. stores: (source text that is assigned to, expression).
    """
    roots = share([e for _, e in stores] + list(returns))
    writer = Writer(roots, loads, arrays=arrays)
    lines, text = writer.lines(), writer.text
    lines += [f"w{k} = {text[id(r)]}" for k, r in enumerate(roots[: len(stores)])]
    lines += [f"{target} = w{k}" for k, (target, _) in enumerate(stores)]
    values = [text[id(r)] for r in roots[len(stores) :]]
    lines.append(f"return ({', '.join(values)}{',' if len(values) == 1 else ''})")
    return f"def {name}({', '.join(parameters)}):\n" + "".join(f"    {x}\n" for x in lines)


def scope(*, arrays: bool) -> dict[str, Any]:
    """The helpers that emitted text calls by name."""
    names: dict[str, Any] = {"nan": math.nan}
    if arrays:
        names |= {"exp": exp_array, "sqrt": np.sqrt, "where": np.where, "wide": np.float64}
        return names | {"fmin": np.fmin, "fmax": np.fmax}
    return names | {"exp": math.exp, "sqrt": math.sqrt}


def compile_text(name: str, source: str) -> CodeType:
    return compile(source, f"<emitted {name}>", "exec")


def compile_function(name: str, source: str, names: Mapping[str, Any], *, arrays: bool) -> Callable[..., Any]:
    """Turn emitted source into a function; `names` are the columns and helpers it refers to."""
    space = scope(arrays=arrays) | dict(names)
    exec(compile_text(name, source), space)  # noqa: S102 - source is built here from model data, never from input
    function: Callable[..., Any] = space[name]
    return function
