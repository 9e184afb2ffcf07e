"""Many steps of a recursion in one go: what does not depend on the step before is computed on arrays, the rest in loops.

A step is given as expressions: the new value of each column from the old ones and from what is read. Columns that need
each other's old values form a group (a strongly connected component of their dependencies), which has to be gone
through one step after the other; everything else is the same arithmetic for all steps at once. This is loop distribution
as compilers do it (Allen and Kennedy 2001, Optimizing Compilers for Modern Architectures, §2.5, §5.3). `+ - * /` and
`sqrt` round alike either way, so the outcome has the same bits as one step at a time.

Groups that do not need each other share a loop. A loop is written for floats, where each row is gone through by itself,
or for arrays, where a round is one step of each row. Columns hold, in this order, the values before the first step and
those after each; `before` says for each step where it finds the values it starts from. Columns belong to a class
(of a row, of an hour of a row), each with starting values and a `before` of its own. Nothing here knows filters or rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent import native
from agent.expr import Expr, Writer, exp_array, is_const, settled, share, write
from agent.native import Assembled, Column

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
_MADE = re.compile(r"\b_v[0-9]+l?\b")  # names of what was computed for all steps, and of lists of it


class Among(NamedTuple):
    """Some of the steps: those at which a column that mostly stays as it is changes. E events of q rows."""

    rows: Indices  # (q) where among the starting values those of each row are
    steps: Indices  # (E) in the order in which they are gone through
    order: Order
    latest: Indices  # (N) where, in the starting values followed by the events, the value after each step is


class Order(NamedTuple):
    """How the steps of a run follow each other. N steps; with the classes in the order of `Plan.classes`."""

    before: tuple[Indices, ...]  # (N) per class: where in its columns each step finds its starting values
    ranks: Floats  # (N) how many steps of the same row were made before
    firsts: Indices  # (N) where among the starting values of the first class those of its row are
    spans: Sequence[tuple[int, ...]]  # loops on floats: (first step, past the last, where each class starts)
    rounds: Sequence[tuple[int, int]]  # loops on arrays: (first step, past the last); rows of a round lead those before
    among: Callable[[Any], Among]  # the steps where a condition (N) holds, by rows


class Plan:
    """Emits `run(starts, series, order)` for one step. Returns the columns and the results asked for."""

    def __init__(
        self,
        step: Mapping[str, Expr],
        series: Sequence[str],
        results: Mapping[str, Expr],
        *,
        narrow: frozenset[str] = frozenset(),
        classes: Mapping[str, int] | None = None,
        kept: Sequence[str] = (),
        together: Sequence[Sequence[str]] = (),
        seldom: Sequence[str] = (),
        least: Mapping[str, float] | None = None,
    ) -> None:
        """step: new value of each column. series: names of what is read at each step. results: what else is told.

        narrow: columns kept as float32. classes: by column, where it is not 0. kept: columns that no step changes.
        together: columns that are gone through in one loop though they could do without. seldom: columns of class 0
        whose new value is `where(condition, ..., old)` with a condition that seldom holds and none of them is part of.
        least: what the starting values of columns that count are at least, for a run that is that much simpler.
        """
        self.seldom = frozenset(seldom)
        self.least = least or {}
        self.kept = kept
        shared = share(settled([*step.values(), *results.values()], self.least))
        self.step = dict(zip(step, shared, strict=False))
        self.results = dict(zip(results, shared[len(step) :], strict=True))
        self.series = series
        self.narrow = narrow
        self.classes = classes or {}
        self.kinds = 1 + max(self.classes.values(), default=0)
        self.names = list(step)
        self._bit = {name: 1 << k for k, name in enumerate(self.names)}
        self._needs: dict[int, int] = {}  # by expression: columns whose old values it is made of
        for root in shared:
            self._visit(root)
        self._levels, self._groups = self._order(together)

    def _visit(self, e: Expr) -> int:
        if id(e) not in self._needs:
            own = self._bit.get(e.name, 0) if e.op == "sym" else 0
            for a in e.args:
                own |= self._visit(a)
            self._needs[id(e)] = own
        return self._needs[id(e)]

    def _order(self, together: Sequence[Sequence[str]]) -> tuple[dict[str, int], dict[str, int]]:
        """By column: the loop it belongs to (0: none is needed), and its group as a set of columns."""
        direct = {name: self._needs[id(e)] for name, e in self.step.items()}
        reach = dict(direct)
        grown = True
        while grown:
            grown = False
            for name in self.names:
                wide = reach[name]
                for other in self.names:
                    if reach[name] & self._bit[other]:
                        wide |= reach[other]
                grown |= wide != reach[name]
                reach[name] = wide
        groups = {
            name: sum(self._bit[o] for o in self.names if reach[name] & self._bit[o] and reach[o] & self._bit[name])
            for name in self.names
        }
        for names in together:
            known = [name for name in names if name in groups]
            groups.update(dict.fromkeys(known, sum(self._bit[name] for name in known)))
        levels: dict[str, int] = {}

        def level(name: str) -> int:
            """Loops that have to be done before what needs this column's old values."""
            if name not in levels:
                levels[name] = 0  # its own group does not count
                # All of a group go by what any of them needs.
                outside = 0
                for own in self.names:
                    if own == name or groups[name] & self._bit[own]:
                        outside |= reach[own]
                outside &= ~groups[name]
                deepest = max((level(o) for o in self.names if outside & self._bit[o]), default=0)
                levels[name] = deepest + bool(groups[name] and not self.counts(name))
            return levels[name]

        return {name: level(name) for name in self.names}, groups

    def counts(self, name: str) -> bool:
        """Whether the column does nothing but count steps."""
        e = self.step[name]
        return (
            e.op == "+"
            and name not in self.narrow
            and not self.classes.get(name, 0)
            and e.args[0].op == "sym"
            and e.args[0].name == name
            and is_const(e.args[1], 1.0)
        )

    def compile(self, *, arrays: bool) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
        """`run(starts, series, order)`: starting values per column and what is read (N), by name; see `Order`.

        Returns each column (starting values, then N) and each result (N), by name.
        """
        if native.MACHINE is not None:
            with suppress(native.LimitError):
                return _Machine(self, assembled(self)).run
        source = _Source(self, arrays=arrays)
        scope: dict[str, Any] = {
            "nan": math.nan,
            "inf": math.inf,
            "sqrt": np.sqrt,
            "exp": exp_array,
            "root": math.sqrt,
            "power": math.exp,
            "narrowed": _narrowed,
            "kept": lambda value: float(np.float32(value)),
            "where": np.where,
            "fmin": np.fmin,
            "fmax": np.fmax,
            "wide": np.float64,
            "narrow": np.float32,
            "column": _column,
            "filled": _filled,
        }
        exec(compile(source.text(), "<emitted run>", "exec"), scope)  # noqa: S102 - source is built here from model data, never from input
        function: Callable[..., tuple[dict[str, Any], dict[str, Any]]] = scope["run"]
        return function


def assembled(plan: Plan) -> Assembled:
    """The whole step for the machine of `agent.native`: for each class the index before and the one after, then the row's
    own. Raises as `native.assemble`."""
    loads = {n: Column(n, 2 * plan.classes.get(n, 0), n in plan.narrow) for n in plan.names}
    loads |= {name: Column(name, 2 * plan.kinds) for name in plan.kept}
    stores = [(Column(n, 2 * plan.classes.get(n, 0) + 1, n in plan.narrow), e) for n, e in plan.step.items()]
    return native.assemble(stores, list(plan.results.values()), loads, plan.series, 2 * plan.kinds + 1)


class _Machine:
    """A run outside of Python: the whole step, one after the other, or round by round."""

    def __init__(self, plan: Plan, program: Assembled) -> None:
        self._plan = plan
        self._first = [next(n for n in plan.names if plan.classes.get(n, 0) == kind) for kind in range(plan.kinds)]
        self._steps = program.made()

    def run(
        self, starts: Mapping[str, Any], series: Mapping[str, Any], order: Order
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        plan, steps = self._plan, len(order.ranks)
        columns = {n: _column(starts[n], steps, np.float32 if n in plan.narrow else np.float64) for n in plan.names}
        kept = {name: np.ascontiguousarray(starts[name], np.float64) for name in plan.kept}
        indices: list[Any] = []
        for before, first in zip(order.before, self._first, strict=True):
            indices += [before, len(starts[first])]
        ends = np.array([high for _, high in order.rounds], np.intp) if order.rounds else np.arange(1, steps + 1)
        self._steps.bind(columns | kept)
        try:
            given = [series[name] for name in plan.series]
            told = self._steps.run([*indices, order.firsts], given, steps, ends)
        finally:
            self._steps.release()
        return columns, dict(zip(plan.results, told, strict=True))


def _column(start: Any, steps: int, kind: Any) -> Any:
    """A column with its starting values in front."""
    out = np.empty(len(start) + steps, kind)
    out[: len(start)] = start
    return out


def _filled(start: Any, events: Any, latest: Indices) -> Any:
    """A column that changed at some steps only."""
    return np.concatenate((start, np.concatenate((start, events))[latest]))


def _forgetting(lines: Sequence[str]) -> list[str]:
    """The same statements; what was computed is let go after its last use, so that its memory serves again."""
    last: dict[str, int] = {}
    for k, line in enumerate(lines):
        last.update(dict.fromkeys(_MADE.findall(line), k))
    out: list[str] = []
    gone: list[str] = []
    for k, line in enumerate(lines):
        if gone and not line.startswith(" "):
            out.append(f"del {', '.join(gone)}")
            gone = []
        out.append(line)
        gone += [name for name in dict.fromkeys(_MADE.findall(line)) if last[name] == k]
    return out


def _narrowed(values: Any) -> Any:
    return values.astype(np.float32).astype(np.float64)


class _Source:
    """The text of one `run`."""

    def __init__(self, plan: Plan, *, arrays: bool) -> None:
        self.plan = plan
        self.arrays = arrays
        self.lines: list[str] = []
        self.written: dict[int, str] = {}
        self.after: dict[int, str] = {}  # by expression: the column that holds it
        self.done: set[str] = set()
        self.count = 0
        self.listed: set[str] = set()

    def text(self) -> str:
        plan = self.plan
        self.lines += [f"{name} = series[{name!r}]" for name in plan.series]
        self.lines.append("steps = len(order.ranks)")
        for kind in range(plan.kinds):
            first = next(name for name in plan.names if plan.classes.get(name, 0) == kind)
            self.lines.append(f"_m{kind} = len(starts[{first!r}])")
        for name in plan.names:
            self.column(name)
        told = [f"{name!r}: {self.value(e)}" for name, e in plan.results.items()]
        columns = [f"{name!r}: {name}_" for name in plan.names]
        self.lines.append(f"return {{{', '.join(columns)}}}, {{{', '.join(told)}}}")
        return "def run(starts, series, order):\n" + "".join(f"    {x}\n" for x in _forgetting(self.lines))

    def name(self) -> str:
        self.count += 1
        return f"_v{self.count}"

    def value(self, e: Expr) -> str:
        """Text of the expression for all steps at once."""
        known = self.written.get(id(e))
        if known is not None:
            return known
        if e.op == "const":
            text = repr(e.value) if math.isfinite(e.value) else "nan"
        elif e.op == "sym":
            if e.name in self.plan.step:
                self.column(e.name)
            elif e.name in self.plan.kept and e.name not in self.done:
                self.done.add(e.name)
                self.lines.append(f"{e.name} = starts[{e.name!r}][order.firsts]")
            text = e.name
        elif id(e) in self.after:
            column = self.after[id(e)]
            text = self.name()
            self.lines.append(f"{text} = {column}_[_m{self.plan.classes.get(column, 0)}:]")
        else:
            source = write(e.op, [self.value(a) for a in e.args], True)
            text = self.name()
            self.lines.append(f"{text} = {source}")
        self.written[id(e)] = text
        return text

    def value_among(self, e: Expr, known: dict[int, str]) -> str:
        """As `value`, for the steps of `_some` alone."""
        if id(e) not in known:
            own = id(e) not in self.written and id(e) not in self.after and e.op not in ("sym", "const")
            source = (
                write(e.op, [self.value_among(a, known) for a in e.args], True)
                if own
                else f"{self.value(e)}[_some.steps]"
            )
            if e.op == "const":
                known[id(e)] = self.value(e)
            else:
                known[id(e)] = self.name()
                self.lines.append(f"{known[id(e)]} = {source}")
        return known[id(e)]

    def column(self, name: str) -> None:
        """Makes sure that `name` (old values) and `name_` (the column) are there."""
        plan = self.plan
        if name in self.done:
            return
        kind = "narrow" if name in plan.narrow else "wide"
        if plan.counts(name):
            self.done.add(name)
            self.lines.append(f"{name} = starts[{name!r}][order.firsts] + order.ranks")
            self.lines.append(f"{name}_ = column(starts[{name!r}], steps, wide)")
            self.lines.append(f"{name}_[_m{self.plan.classes.get(name, 0)}:] = {name} + 1.0")
            return
        if not plan._groups[name]:
            value = self.value(plan.step[name])
            self.done.add(name)
            self.lines.append(f"{name}_ = column(starts[{name!r}], steps, {kind})")
            self.lines.append(f"{name}_[_m{self.plan.classes.get(name, 0)}:] = {value}")
            self.old(name)
            return
        level = plan._levels[name]
        members = [o for o in plan.names if plan._levels[o] == level and plan._groups[o] and not plan.counts(o)]
        parts: dict[int, list[str]] = {}
        for o in members:
            parts.setdefault(id(plan.step[o].args[0]) if o in plan.seldom else 0, []).append(o)
        for condition, part in parts.items():
            self.loop(part, plan.step[part[0]].args[0] if condition else None)

    def old(self, name: str) -> None:
        """Its old values, if anything is made of them."""
        if not any(needs & self.plan._bit[name] for needs in self.plan._needs.values()):
            return
        wider = ".astype(wide)" if name in self.plan.narrow else ""
        self.lines.append(f"{name} = {name}_[order.before[{self.plan.classes.get(name, 0)}]]{wider}")

    def loop(self, members: list[str], condition: Expr | None) -> None:
        """One loop that goes through the groups of these columns, or through the steps where the condition holds."""
        plan = self.plan
        own = sum(plan._bit[name] for name in members)
        taken: dict[str, str] = {}  # text of what was computed beforehand -> its name in the loop
        rewritten: dict[int, Expr] = {}
        among: dict[int, str] = {}
        if condition is not None:
            self.lines.append(f"_some = order.among({self.value(condition)})")

        def inner(e: Expr) -> Expr:
            if id(e) not in rewritten:
                if e.op == "const" or (e.op == "sym" and e.name in members):
                    rewritten[id(e)] = e
                elif plan._needs[id(e)] & own:
                    # On floats these are other functions than on arrays.
                    op = e.op if self.arrays else {"sqrt": "root", "exp": "power", "narrowed": "kept"}.get(e.op, e.op)
                    rewritten[id(e)] = Expr(op, tuple(map(inner, e.args)), e.name, e.value)
                else:
                    text = self.value(e) if condition is None else self.value_among(e, among)
                    rewritten[id(e)] = Expr("sym", name=taken.setdefault(text, f"{text}i"))
            return rewritten[id(e)]

        roots = [inner(plan.step[name] if condition is None else plan.step[name].args[1]) for name in members]
        self.done.update(members)
        writer = Writer(roots, {}, arrays=self.arrays, prefix="_w")
        body = writer.lines()
        # All are computed from old values before any is replaced.
        body += [f"{name}_n = {writer.text[id(r)]}" for name, r in zip(members, roots, strict=True)]
        self.put_loop(members, taken, body, condition)
        for name in members:
            self.old(name)
            if name not in plan.narrow:
                self.after[id(plan.step[name])] = name

    def put_loop(self, members: list[str], taken: Mapping[str, str], body: list[str], condition: Expr | None) -> None:
        put, kinds = self.lines.append, {n: "narrow" if n in self.plan.narrow else "wide" for n in members}
        write = self._rounds if self.arrays else self._spans
        if condition is None:
            for name in members:
                put(f"{name}_ = column(starts[{name!r}], steps, {kinds[name]})")
            write(members, taken, body, "order", "_m")
            return
        put("_e0 = len(_some.rows)")
        for name in members:
            put(f"{name}_ = column(starts[{name!r}][_some.rows], len(_some.steps), {kinds[name]})")
        write(members, taken, body, "_some.order", "_e")
        for name in members:
            put(f"{name}_ = filled(starts[{name!r}], {name}_[_e0:], _some.latest)")

    def _spans(self, members: list[str], taken: Mapping[str, str], body: list[str], order: str, m: str) -> None:
        """On floats: one row after the other."""
        plan, put = self.plan, self.lines.append
        for name in members:
            put(f"{name}_o = {name}_.data")
        for text in taken:
            if text not in self.listed:
                self.listed.add(text)
                put(f"{text}l = {text}.tolist()")
        kinds = plan.kinds if order == "order" else 1
        put(f"for low, high, {', '.join(f'_s{k}' for k in range(kinds))} in {order}.spans:")
        for name in members:
            put(f"    {name} = {name}_o[_s{plan.classes.get(name, 0)}]")
        numbers = f"range(low + {m}0, high + {m}0)"
        if taken:
            put(
                f"    for _a0, {', '.join(taken.values())} in zip({', '.join([numbers, *(f'{t}l[low:high]' for t in taken)])}):"
            )
        else:
            put(f"    for _a0 in {numbers}:")
        for kind in sorted({plan.classes.get(name, 0) for name in members} - {0}):
            put(f"        _a{kind} = _a0 + ({m}{kind} - {m}0)")
        for line in body:
            put(f"        {line}")
        for name in members:
            at = f"{name}_o[_a{plan.classes.get(name, 0)}]"
            if name in plan.narrow:
                put(f"        {at} = {name}_n")
                put(f"        {name} = {at}")
            else:
                put(f"        {at} = {name} = {name}_n")

    def _rounds(self, members: list[str], taken: Mapping[str, str], body: list[str], order: str, m: str) -> None:
        """On arrays: a step of each row, then the next of each row that has one."""
        plan, put = self.plan, self.lines.append
        for name in members:
            if not plan.classes.get(name, 0):
                put(f"{name} = {name}_[:{m}0]" + (".astype(wide)" if name in plan.narrow else ""))
        put(f"for low, high in {order}.rounds:")
        for name in members:
            kind = plan.classes.get(name, 0)
            if kind:
                wider = ".astype(wide)" if name in plan.narrow else ""
                put(f"    {name} = {name}_[{order}.before[{kind}][low:high]]{wider}")
            else:
                put(f"    {name} = {name}[:high - low]")
        for text, name in taken.items():
            put(f"    {name} = {text}[low:high]")
        for line in body:
            put(f"    {line}")
        for name in members:
            at = f"{m}{plan.classes.get(name, 0)}"
            put(f"    {name}_[{at} + low:{at} + high] = {name}_n")
            if name in plan.narrow:
                put(f"    {name} = {name}_n.astype(narrow).astype(wide)")
            else:
                put(f"    {name} = {name}_n")
