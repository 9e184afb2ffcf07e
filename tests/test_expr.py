"""Emitted arithmetic: floats and arrays to the same bit, what need not be computed is not, and what is decided is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.distribute import Order, Plan
from agent.expr import (
    Expr,
    compile_function,
    emit,
    greater,
    lesser,
    magnitude,
    maximum,
    minimum,
    settled,
    share,
    sqrt,
    sym,
    where,
)
from agent.kernel import Emitter
from agent.trajectory import sequence
from tests.test_bank import COMPONENTS

VALUES = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan])


def both(root: Expr, values: Mapping[str, float]) -> tuple[bytes, bytes]:
    names = list(values)
    floats = compile_function("f", emit("f", names, {}, [], [root], arrays=False), {}, arrays=False)
    arrays = compile_function("f", emit("f", names, {}, [], [root], arrays=True), {}, arrays=True)
    with np.errstate(all="ignore"):
        many = arrays(*(np.full(9, v) for v in values.values()))[0]
    return np.float64(floats(*values.values())[0]).tobytes(), np.float64(np.broadcast_to(many, 9)[4]).tobytes()


@given(VALUES, st.sampled_from([0.0, 1.0, -2.0, 99.0, 1e-30]))
def test_bounds_by_a_number_are_the_same_to_the_bit_on_floats_and_arrays(value: float, bound: float) -> None:
    for make in (minimum, maximum):
        one, many = both(make(sym("x"), bound), {"x": value})
        assert one == many
    assert both(maximum(sym("x"), 0.0), {"x": math.nan})[1] == np.float64(0.0).tobytes()


@given(st.floats(0.0, 1e300), st.floats(0.0, 1e300))
def test_the_quick_extremes_are_the_plain_ones_where_no_zero_is_negative(a: float, b: float) -> None:
    for quick, plain in ((lesser, minimum), (greater, maximum)):
        assert both(quick(sym("a"), sym("b")), {"a": a, "b": b}) == both(plain(sym("a"), sym("b")), {"a": a, "b": b})


@given(VALUES)
def test_magnitude_is_the_same_on_floats_and_arrays(value: float) -> None:
    one, many = both(magnitude(sym("x")), {"x": value})
    assert one == many == np.float64(abs(value)).tobytes()


def test_what_one_side_of_a_choice_needs_is_computed_there_only() -> None:
    shared = sqrt(sym("x"))  # of a negative number: an error, were it computed for nothing
    root = where(sym("x") >= 0.0, shared * shared + shared, sym("x"))
    f = compile_function("f", emit("f", ["x"], {}, [], [root], arrays=False), {}, arrays=False)
    assert f(4.0) == (6.0,)
    assert f(-4.0) == (-4.0,)
    nested = where(sym("x") > 1.0, where(sym("y") > 1.0, shared + shared, 1.0), where(sym("y") > 1.0, sym("x"), 2.0))
    g = compile_function("g", emit("g", ["x", "y"], {}, [], [nested], arrays=False), {}, arrays=False)
    assert [g(4.0, 2.0), g(4.0, 0.0), g(0.25, 2.0), g(-1.0, 0.0)] == [(4.0,), (1.0,), (0.25,), (2.0,)]


@given(st.integers(0, 400), st.integers(0, 500), st.lists(st.floats(0.0, 100.0), min_size=3, max_size=3))
def test_what_is_decided_by_a_count_is_left_out_and_nothing_else(least: int, more: int, others: list[float]) -> None:
    n, x, y = sym("n"), sym("x"), sym("y")
    pace = maximum(1.0 / (n + 1.0), 0.02)
    roots = [
        where(n < 12.0, x, where((n > 0.0) & (y > 3.0), y * pace, x + y)),
        minimum(pace * 3.0 - n * 0.001, 0.05),
        where((n >= 50.0) & (x > y), minimum(n, 99.0), maximum(2.0 - n / 100.0, 0.25)),
    ]
    fewer = settled(share(roots), {"n": float(least)})
    names = ("n", "x", "y")
    plain = compile_function("f", emit("f", names, {}, [], roots, arrays=False), {}, arrays=False)
    short = compile_function("f", emit("f", names, {}, [], fewer, arrays=False), {}, arrays=False)
    values = (float(least + more), *others[:2])
    assert plain(*values) == short(*values)


def test_a_filter_of_settled_rows_has_no_beginning() -> None:
    step, _ = Emitter(COMPONENTS["level_rate learned"], robust=True).step(0)
    source = [emit("f", (), {}, [], list(roots), arrays=False) for roots in (step.values(), _settle(step))]
    assert "n0 < 12.0" in source[0]
    assert "n0 <" not in source[1]
    assert len(source[1]) < 0.9 * len(source[0])


def _settle(step: Mapping[str, Expr]) -> Sequence[Expr]:
    return settled(share(list(step.values())), {"n0": 100.0})


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5)), min_size=1, max_size=60), st.booleans())
def test_a_plan_is_its_step_done_again_and_again(readings: list[tuple[int, float]], arrays: bool) -> None:
    """Counting, following, a column that changes seldom, one of another class, and one that nothing follows from."""
    x, n, mean, top, kept = (sym(name) for name in ("x", "n", "mean", "top", "kept"))
    often = where(sym("ends"), top, sym("block"))
    step = {
        "n": n + 1.0,
        "mean": mean + (x - mean) / (n + 1.0),
        "top": where(sym("ends"), 0.0, maximum(top, magnitude(x - mean))),
        "block": often,
        "hour": sym("hour") * 0.5 + x + kept,
        "shown": sqrt(magnitude(mean)) + sym("hour") + sym("block"),
    }
    plan = Plan(
        step, ("x", "ends"), {"told": mean * 2.0}, narrow=frozenset(("hour",)), classes={"hour": 1}, kept=("kept",),
        seldom=("block",), together=(("mean", "top"),),
    )  # fmt: skip
    rows = np.array([row for row, _ in readings])
    values = np.array([value for _, value in readings])
    s = sequence(rows, arrays=arrays)
    hours = (np.arange(len(rows)) // 7 % 3)[s.which]
    order, ordinals, of, _ = s.by_hour(hours)
    starts: dict[str, Any] = {name: np.zeros(len(s.rows)) for name in step} | {"kept": s.rows * 0.25}
    starts["hour"] = (ordinals * 10.0 + of).astype(np.float32)
    series = {"x": values[s.which], "ends": (s.rank + 1) % 3 == 0}
    columns, told = plan.compile(arrays=arrays)(starts, series, order)
    state: dict[int, dict[str, float]] = {k: dict.fromkeys(step, 0.0) for k in range(len(s.rows))}
    hour = {(int(o), int(h)): float(o * 10.0 + h) for o, h in zip(ordinals, of, strict=True)}
    single = compile_function(
        "f",
        emit("f", [*step, "kept", "x", "ends"], {}, [], [*step.values(), mean * 2.0], arrays=False),
        {},
        arrays=False,
    )
    for k in np.lexsort((s.rank, s.ordinal)).tolist():
        o, h = int(s.ordinal[k]), int(hours[k])
        old = state[o] | {"hour": hour[o, h]}
        new = single(*old.values(), s.rows[o] * 0.25, series["x"][k], bool(series["ends"][k]))
        state[o] = dict(zip(step, new, strict=False))
        hour[o, h] = state[o]["hour"] = float(np.float32(state[o]["hour"]))
        first = {name: len(starts[name]) for name in step}
        assert {name: float(columns[name][first[name] + k]) for name in step} == state[o]
        assert told["told"][k] == new[-1]
    assert isinstance(order, Order)
