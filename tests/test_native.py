"""Steps outside of Python: the same bits as emitted text, nothing beyond its columns, and nothing missed without them."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agent
from agent import native
from agent.alarms import relation, score, scored
from agent.bank import Bank
from agent.emitted import Emitted, prepare
from agent.expr import (
    Expr,
    const,
    exp,
    greater,
    lesser,
    magnitude,
    maximum,
    minimum,
    narrowed,
    sqrt,
    sym,
    where,
)
from agent.native import Column
from tests.oracles import component
from tests.services import settings as raw_settings
from tests.streams import START, Event, batch, bits, core, events
from tests.test_bank import COMPONENTS
from tests.test_joint import batch as related
from tests.test_joint import twins as siblings

needs_machine = pytest.mark.skipif(native.MACHINE is None, reason="the compiled steps were not built: no C compiler")


@contextmanager
def without_machine() -> Iterator[None]:
    """What is made in here runs as Python text."""
    caches = (score.program, score.plan_run, score.run, relation.program, scored._counting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "MACHINE", None)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


# -- expressions

NAMES = ("a", "b", "c", "d")
NARROW = frozenset("cd")
LOADS = {name: Column(name, "ac".find(name) >= 0, name in NARROW) for name in NAMES}
NUMBERS = ("x", "y")
leaves = st.sampled_from([*NAMES, *NUMBERS]).map(sym) | st.sampled_from([0.0, 1.0, -2.5, 1e-30, 1e30]).map(const)


def grown(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    pair = st.tuples(inner, inner)
    condition = st.builds(
        lambda kind, ab: ab[0] > ab[1] if kind == 0 else ab[0] >= ab[1] if kind == 1 else ab[0] < ab[1],
        st.integers(0, 2),
        pair,
    )
    both = st.builds(lambda a, b: a & b, condition, condition)
    return (
        pair.map(lambda ab: ab[0] + ab[1])
        | pair.map(lambda ab: ab[0] - ab[1])
        | pair.map(lambda ab: ab[0] * ab[1])
        | pair.map(lambda ab: ab[0] / maximum(magnitude(ab[1]), 1e-9))
        | pair.map(lambda ab: minimum(*ab))
        | pair.map(lambda ab: maximum(*ab))
        | inner.map(lambda a: maximum(a, 0.0))
        | inner.map(lambda a: lesser(magnitude(a), 3.0) + greater(magnitude(a), 1e-3))
        | inner.map(lambda a: sqrt(magnitude(a)))
        | inner.map(lambda a: exp(minimum(maximum(a + sym("x"), -50.0), 50.0)))
        | st.builds(lambda c, ab: where(c, *ab), condition | both, pair)
    )


expressions = st.recursive(leaves, grown, max_leaves=25)


@needs_machine
@settings(max_examples=150)
@given(
    st.lists(expressions, min_size=4, max_size=4),
    st.lists(expressions, min_size=1, max_size=2),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 4, 9, 64, 65, 150]),
)
def test_a_program_gives_the_bits_of_the_text(new: list[Expr], told: list[Expr], seed: int, count: int) -> None:
    stores = [(LOADS[name], e) for name, e in zip(NAMES, new, strict=True)]
    one = prepare("f", ("i", "j"), NUMBERS, LOADS, stores, told).made()
    each = prepare("f", ("i", "j"), NUMBERS, LOADS, stores, told).made()
    with without_machine():
        text = prepare("f", ("i", "j"), NUMBERS, LOADS, stores, told).made()
    rng = np.random.default_rng(seed)
    # Columns with room for rows that are left alone, which the indices go through in another order each.
    first = {name: _column(rng, count + 5, name) for name in NAMES}
    columns = [{name: column.copy() for name, column in first.items()} for _ in range(3)]
    i, j = rng.permutation(count + 5)[:count], rng.permutation(count + 5)[:count]
    x, y = rng.normal(size=count) * 10.0, np.round(rng.normal(size=count))
    with np.errstate(all="ignore"):
        for emitted, own in zip((one, each, text), columns, strict=True):
            emitted.bind(own)
        results = one.many(i, j, x, y)
        singly = [each.one(*at) for at in zip(i.tolist(), j.tolist(), x.tolist(), y.tolist(), strict=True)]
        expected = [np.broadcast_to(np.asarray(r, float), count) for r in text.many(i, j, x, y)]
    for got, each_got, want in zip(results, zip(*singly, strict=True), expected, strict=True):
        assert_same(got, want)
        assert_same(np.array(each_got), want)
    for name in NAMES:
        for own in columns[:2]:
            assert_same(own[name], columns[2][name])


def _column(rng: np.random.Generator, size: int, name: str) -> Any:
    values = np.where(rng.random(size) < 0.3, np.round(rng.normal(size=size)), rng.normal(size=size) * 100.0)
    return values.astype(np.float32 if name in NARROW else np.float64)


def assert_same(got: Any, want: Any) -> None:
    """To the bit, but for the sign and the payload of what is no number, and, where it is nothing, of zero: numpy leaves open
    which of two zeros is the larger."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    assert np.array_equal(got, want, equal_nan=True)


@needs_machine
def test_what_is_kept_as_float32_is_rounded_where_it_is_said() -> None:
    f = prepare("f", ("i",), ("x",), {}, [(Column("a"), narrowed(sym("x")))], []).made()
    column = np.zeros(1)
    f.bind({"a": column})
    f.one(0, 0.1)
    assert column[0] == float(np.float32(0.1)) != 0.1


# -- filters, scores, whole cores


@needs_machine
@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("name", COMPONENTS)
def test_a_bank_is_the_same_with_and_without(name: str, robust: bool) -> None:
    rng = np.random.default_rng(5)
    size = 40
    with without_machine():
        plain = Bank(COMPONENTS[name], robust=robust, window=16, late=1e9)
        plain.grow(size)
    quick = Bank(COMPONENTS[name], robust=robust, window=16, late=1e9)
    quick.grow(size)
    clock = np.zeros(size)
    for k in range(150):
        entry = int(rng.choice(plain.entries))
        count = int(rng.choice([1, 5, 30]))
        rows = rng.permutation(size)[:count]
        clock[rows] += rng.choice([0.25, 1.0, 60.0], count)
        times = np.where(rng.random(count) < 0.1, clock[rows] - rng.uniform(0, 5, count), clock[rows])
        values = rng.normal(size=count) * np.where(rng.random(count) < 0.05, 30.0, 1.0) + 5.0
        if rng.random() < 0.2:
            values = np.round(values)
        outcomes = [bank.update_many(rows, entry, times, values) for bank in (plain, quick)]
        assert np.array_equal(*[np.zeros(count) if o is None else o for o in outcomes])
        if k % 10 == 0:
            ahead = [bank.ahead_many(rows, np.full(count, 7.5)) for bank in (plain, quick)]
            for one, other in zip(*ahead, strict=True):
                assert_same(one, other)
            row = int(rows[0])
            assert np.array_equal(plain.ahead(row, 2.0), quick.ahead(row, 2.0), equal_nan=True)
    first, second = plain.export(range(size)), quick.export(range(size))
    for column in first:
        assert np.asarray(first[column]).tobytes() == np.asarray(second[column]).tobytes(), column


@needs_machine
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_plant_is_the_same_with_and_without(seed: int) -> None:
    def lived() -> tuple[str, list[Any]]:
        twins, said = core(), []
        for event in events(seed, 120):
            if event.messages:
                out = twins.on_batch(batch(event))
                said += [out.states, out.alarms, out.forecasts]
            else:
                twins.on_time(event.now)
        return bits(twins), said

    with without_machine():
        plain = lived()
    assert lived() == plain


@needs_machine
@pytest.mark.parametrize("assets", [1, 6, 60])
def test_what_comes_in_runs_is_the_same_with_and_without(assets: int) -> None:
    block = {"topic": "p/{asset}", "time": {"field": "t", "format": "s"}, "channels": {"c": {}}, "learning": 5}

    def lived() -> tuple[str, list[Any]]:
        twins, said = core(raw_settings(assets=[block])), []
        rng = np.random.default_rng(7)
        for k in range(12):
            messages = []
            for n, asset in enumerate(rng.integers(0, assets, 350).tolist()):
                value = 20.0 + float(rng.normal()) * (9.0 if n == 70 else 1.0)
                messages.append((f"p/a{asset}", {"t": START + 400.0 * k + n, "c": round(value, 2)}))
            out = twins.on_batch(batch(Event(START + 400.0 * (k + 1), messages)))
            said += [out.states, out.alarms]
        return bits(twins), said

    with without_machine():
        plain = lived()
    assert lived() == plain


@needs_machine
def test_channels_are_held_against_each_other_the_same_with_and_without() -> None:
    def lived() -> str:
        twins = siblings()
        rng = np.random.default_rng(4)
        for k in range(6):
            load = rng.normal(size=(150, 1)).cumsum(axis=0)
            rows = load + rng.normal(size=(150, 3)) * 0.1
            twins.on_batch(related(rows, 150 * k))
        return bits(twins)

    with without_machine():
        plain = lived()
    assert lived() == plain


# -- what it refuses


def made(stores: Any = (), results: Any = (), **loads: Column) -> Emitted:
    return native.assemble(stores, results, loads, ("x",), 1).made()


@needs_machine
def test_rows_beyond_the_columns_are_refused() -> None:
    f = made([(Column("a"), sym("a") + sym("x"))], [sym("a")], a=Column("a"))
    column = np.zeros(3)
    with pytest.raises(ValueError, match="bound"):
        f.one(0, 1.0)
    f.bind({"a": column})
    for row in (3, -1, 10**9):
        with pytest.raises(IndexError, match="below 3"):
            f.one(row, 1.0)
        with pytest.raises(IndexError, match="below 3"):
            f.many(np.array([0, row]), np.ones(2))
    with pytest.raises(ValueError, match="expected 2 numbers"):
        f.many(np.array([0, 1]), np.ones(3))
    with pytest.raises(TypeError):
        f.many(np.array([0.0, 1.0]), np.ones(2))
    assert not column.any()
    f.one(2, 1.5)
    assert column.tolist() == [0.0, 0.0, 1.5]


@needs_machine
def test_columns_of_another_kind_are_refused() -> None:
    f = made([(Column("a"), sym("x"))], a=Column("a"))
    for wrong in (np.zeros(3, np.float32), np.zeros(3, np.int64), np.zeros(6)[::2], "text"):
        with pytest.raises((TypeError, ValueError, BufferError)):
            f.bind({"a": wrong})  # type: ignore[dict-item]
        with pytest.raises(ValueError, match="bound"):
            f.one(0, 1.0)
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        f.bind({"a": read_only})


class Drawn:
    """Programs at random over two columns, two indices and two series; some of them with operands that are not there."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def below(self, size: int) -> int:
        return int(self.rng.integers(0, max(1, size)))

    def program(self) -> tuple[bytes, int]:
        assert native.MACHINE is not None
        names = list(native.MACHINE.CODES)
        wrong = 1 if self.rng.random() < 0.3 else 0
        length, registers = self.below(25), 3 + self.below(6)
        known, rows = [0, 1], []
        for k in range(length):
            op = self.below(len(names) + wrong)
            name = names[op] if op < len(names) else ""
            to = 2 + self.below(registers - 2 + wrong)
            a, b, c, d = (self.below(registers + 1) if wrong else known[self.below(len(known))] for _ in range(4))
            if name.startswith("load"):
                a, b = int(name == "load32"), self.below(2 + wrong)
            elif name.startswith("store"):
                to, b = int(name == "store32"), self.below(2 + wrong)
            elif name == "series":
                a = self.below(2 + wrong)
            elif name == "result":
                to = self.below(2 + wrong)
            elif name.startswith("skip"):
                b = self.below(length - k + wrong)
            rows.append((op, to, a, b, c, d))
            if not name.startswith(("store", "result", "skip")):
                known.append(to)
        return np.array(rows, np.uint16).reshape(-1, 6).tobytes(), registers


@needs_machine
def test_no_program_reaches_beyond_what_there_is() -> None:
    """What is accepted runs without touching what lies beside its columns, whichever rows it is given."""
    assert native.MACHINE is not None
    drawn, accepted, refused = Drawn(9), 0, 0
    for _ in range(4000):
        raw, registers = drawn.program()
        try:
            program = native.MACHINE.Program(raw, np.array([1.0, 0.0]).tobytes(), registers, bytes([8, 4]), 2, 2, 2)
        except ValueError as error:
            assert "expected a program" in str(error)
            refused += 1
            continue
        accepted += len(raw) > 0
        size = 1 + drawn.below(200)
        wide, narrow = np.full(size + 16, 7.0), np.full(size + 16, 7.0, np.float32)
        program.bind([wide[8:-8], narrow[8:-8]])
        for row in (drawn.below(size), size, -1):
            if 0 <= row < size:
                assert len(program.one(row, drawn.below(size), 2.0, -2.0)) == 2
            else:
                with pytest.raises(IndexError):
                    _reach(program, row)
        rows = drawn.rng.permutation(size)
        first = drawn.below(size)
        count = size - first
        ends = None if drawn.below(2) else np.sort(drawn.rng.integers(0, count + 1, 5))
        numbers = (drawn.rng.normal(size=count), drawn.rng.normal(size=count))
        program.many(count, (rows[first:], first), numbers, (np.empty(count), np.empty(count)), ends)
        for column in (wide, narrow):
            assert (column[:8] == 7.0).all()
            assert (column[-8:] == 7.0).all()
    assert accepted > 500
    assert refused > 500


def _reach(program: Any, row: int) -> None:
    """Raises IndexError where the program has anything to do with the first index, and if not, too."""
    program.one(row, 0, 2.0, -2.0)
    raise IndexError


@needs_machine
def test_arguments_that_run_other_code_cannot_pull_away_what_is_used() -> None:
    small = native.assemble([(Column("a"), sym("a") + sym("x"))], [sym("a")], {"a": Column("a")}, ("x",)).made()
    deep: Expr = sym("x")
    for _ in range(40):
        deep = sqrt(deep * deep + deep) + deep
    large = native.assemble([(Column("a"), deep)], [deep] * 30, {}, ("x",)).made()
    column, other = np.ones(5), np.ones(5)
    small.bind({"a": column})
    large.bind({"a": other})

    class Number:
        def __float__(self) -> float:
            raise AssertionError("expected not to be asked")

    class Index:
        def __index__(self) -> int:
            large.one(0, 2.0)
            small.bind({"a": other[:1]})
            return 3

    with pytest.raises(TypeError, match="expected a number"):
        small.one(0, Number())
    with pytest.raises(IndexError, match="below 1"):
        small.one(Index(), 1.0)

    class Columns(list[Any]):
        def __getitem__(self, k: Any) -> Any:
            return super().__getitem__(k)

        def __iter__(self) -> Iterator[Any]:
            small.bind({"a": column})
            yield other[:2]
            yield "one too many"

    assert native.MACHINE is not None
    with pytest.raises(ValueError, match="expected 1 columns, got 2"):
        small._program.bind(Columns())
    assert small.one(4, 1.0) == (1.0,)  # what was bound before still is
    for count in (-1, 1 << 61, 1 << 70):
        with pytest.raises((ValueError, OverflowError)):
            small._program.many(count, (0,), (np.ones(1),), (np.ones(1),), None)
    for widths in (b"\0", b"\x05"):
        with pytest.raises(ValueError, match="expected a program"):
            native.MACHINE.Program(b"", b"", 1, widths, 1, 1, 0)


@needs_machine
def test_what_the_collector_runs_in_between_changes_no_result() -> None:
    deep: Expr = sym("x")
    for k in range(30):
        deep = deep + float(k)
    told = native.assemble([], [sym("x") + float(k) for k in range(30)], {}, ("x",)).made()
    told.bind({})
    other = native.assemble([], [deep] * 40, {}, ("x",)).made()
    other.bind({})

    class Garbage:
        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            other.one(0, 1e9)

    before = gc.get_threshold()
    try:
        gc.set_threshold(5)
        for k in range(300):
            Garbage()
            assert told.one(0, float(k)) == tuple(float(k + j) for j in range(30))
    finally:
        gc.set_threshold(*before)


def linear(states: int, channels: int, inputs: int) -> dict[str, Any]:
    a = [[-0.1 if i == j else 0.001 * (i - j) for j in range(states)] for i in range(states)]
    names = [f"s{k}" for k in range(states)]
    return {
        "type": "linear",
        "states": names,
        "channels": [f"c{k}" for k in range(channels)],
        "inputs": [{"channel": f"u{k}"} for k in range(inputs)],
        "A": a,
        "B": [[0.1 * (i + j) for j in range(inputs)] for i in range(states)],
        "C": [[1.0 if j == k % states else 0.0 for j in range(states)] for k in range(channels)],
        "Q": [[0.1 if i == j else 0.0 for j in range(states)] for i in range(states)],
    }


@pytest.mark.parametrize(("states", "channels", "inputs"), [(12, 2, 4), (3, 2, 64)])
def test_the_largest_models_run(states: int, channels: int, inputs: int) -> None:
    made = component(linear(states, channels, inputs), {f"c{k}": 0.5 for k in range(channels)})
    bank = Bank(made, robust=True, window=16, late=10.0)
    bank.grow(30)
    rows = np.arange(30)
    for k in range(5):
        for entry in bank.entries:
            bank.update_many(rows, entry, np.full(30, float(k)), rows * 0.1 + k)
    assert np.isfinite(bank.columns["x0"]).all()
    assert bank.columns["n0"].min() == 5.0


@needs_machine
def test_what_is_too_large_for_the_machine_runs_as_text() -> None:
    names = [f"x{k}" for k in range(5000)]
    sums = [sym(name) for name in names]
    while len(sums) > 1:
        sums = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)] + sums[len(sums) // 2 * 2 :]
    (total,) = sums
    with pytest.raises(native.LimitError):
        native.assemble([], [total], {}, names)
    f = prepare("f", ("i",), names, {}, [], [total]).made()
    assert f.one(0, *[1.0] * 5000) == (5000.0,)


@needs_machine
def test_a_column_that_goes_by_another_name_is_read_before_it_is_stored() -> None:
    loads = {"old": Column("a"), "again": Column("a", 1)}
    stores = [(Column("a"), sym("x")), (Column("b"), sym("old") * 2.0), (Column("c"), sym("again") + sym("old"))]
    f = prepare("f", ("i", "j"), ("x",), loads, stores, []).made()
    columns = {name: np.full(1, 5.0) for name in "abc"}
    f.bind(columns)
    f.one(0, 0, 7.0)
    assert [columns[name][0] for name in "abc"] == [7.0, 10.0, 10.0]


@needs_machine
def test_rounds_are_gone_through_one_after_the_other() -> None:
    """Steps of later rounds see what earlier ones stored: a sum along a chain, in rounds of any size."""
    chain = native.assemble([(Column("a", 1), sym("a") + sym("x"))], [], {"a": Column("a", 0)}, ("x",), 2).made()
    for rows, ends in ((1, range(1, 31)), (10, range(10, 31, 10)), (3, range(3, 31, 3))):
        column = np.zeros(rows + 30)
        chain.bind({"a": column})
        chain.run([np.arange(30), rows], [np.arange(30.0)], 30, np.array(list(ends)))
        want = [sum(range(k % rows, k + 1, rows)) for k in range(30)]
        assert column[rows:].tolist() == want
    with pytest.raises(ValueError, match="in order"):
        chain.run([np.arange(30), 3], [np.arange(30.0)], 30, np.array([20, 10]))


MISSING = 'sys.modules["agent._steps"] = None'
STALE = "import types; sys.modules['agent._steps'] = types.ModuleType('agent._steps')"


@pytest.mark.parametrize("case", [MISSING, STALE])
def test_without_it_everything_runs_in_python(case: str) -> None:
    script = f"""
import sys
{case}
from agent import native
from tests.streams import batch, core, events
assert native.MACHINE is None
twins = core()
print(sum(twins.on_batch(batch(e)).readings for e in events(1, 30) if e.messages))
"""
    root = Path(agent.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert int(done.stdout) > 20
