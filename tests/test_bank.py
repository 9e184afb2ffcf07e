"""A bank's rows: any order of arrival within the window, what comes too late or twice, and numbers at the edge of float64."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bank import FEW, Bank, Outcome
from agent.models.base import Component
from tests.oracles import component, textbooks

LINEAR: dict[str, object] = {
    "type": "linear",
    "states": ["a", "b"],
    "channels": ["one", "two"],
    "A": [[-0.1, 0.2], [0.0, -0.3]],
    "B": [[0.5], [0.0]],
    "inputs": [{"channel": "u"}],
    "C": [[1.0, 0.0], [1.0, -1.0]],
    "Q": [[0.1, 0.02], [0.02, 0.1]],
    "learn_process": True,
}
COMPONENTS: dict[str, Component] = {book.name: book.component for book in textbooks()} | {
    "level learned": component("level", {"c": None}),
    "level_rate learned": component("level_rate", {"c": None}),
    "first_order all learned": component({"type": "first_order", "tau": 12}, {"c": None}),
    "tank learned": component({"type": "tank", "area": 2.0, "inflow": {"channel": "in"}}, {"level": None}),
    "linear learned": component(LINEAR, {"one": None, "two": None}),
}
each_component = pytest.mark.parametrize("name", COMPONENTS)
WINDOW = 16


class Reading(NamedTuple):
    entry: int
    time: float
    value: float


def make(name: str, *, robust: bool = True, window: int = WINDOW, late: float = 1e9, rows: int = 1) -> Bank:
    bank = Bank(COMPONENTS[name], robust=robust, window=window, late=late)
    bank.grow(rows)
    return bank


class Plot:
    """A bank with rows to spare, because emitting one costs more than an example: each call takes untouched rows."""

    def __init__(self, name: str, *, robust: bool = True) -> None:
        self.bank = make(name, robust=robust, rows=2000)
        self.used = 0

    def rows(self, count: int = 1) -> range:
        if self.used + count > self.bank.size:
            self.bank.grow(2 * self.bank.size)
        self.used += count
        return range(self.used - count, self.used)


def feed(bank: Bank, readings: Iterable[Reading], row: int = 0) -> list[Outcome]:
    return [bank.update(row, r.entry, r.time, r.value) for r in readings]


def states(bank: Bank, row: int = 0) -> dict[str, bytes]:
    """The filter's state and the readings it may filter again, to the bit."""
    out = {name: bank.columns[name][row].tobytes() for name in bank.layout.state}
    start = bank.history.start(row)
    return out | {"readings": repr((start, bank.history.readings(row, start))).encode()}


@st.composite
def arrivals(draw: st.DrawFn, entries: Sequence[int]) -> tuple[list[Reading], list[Reading]]:
    """Distinct readings in the order of their times, and in an order of arrival that the window can put right."""
    ticks = draw(
        st.lists(st.tuples(st.integers(0, 60), st.sampled_from(entries)), min_size=2, max_size=70, unique=True)
    )
    value = st.floats(-1e3, 1e3)
    ordered = [Reading(entry, 100.0 + tick / 4, draw(value)) for tick, entry in sorted(ticks)]
    # Half a window of newer readings before it is what a late one can always be placed behind.
    delays = draw(st.lists(st.integers(0, WINDOW // 2 - 1), min_size=len(ordered), max_size=len(ordered)))
    arrived = [ordered[k] for k in sorted(range(len(ordered)), key=lambda k: (k + delays[k], k))]
    return ordered, arrived


@each_component
def test_any_order_of_arrival_within_the_window_gives_the_state_of_the_sorted_order(name: str) -> None:
    plots = {robust: Plot(name, robust=robust) for robust in (True, False)}

    @settings(max_examples=25, deadline=None)
    @given(arrivals(plots[True].bank.entries), st.booleans())
    def check(readings: tuple[list[Reading], list[Reading]], robust: bool) -> None:
        plot = plots[robust]
        one, other = plot.rows(2)
        assert set(feed(plot.bank, readings[0], one)) == {Outcome.USED}
        assert set(feed(plot.bank, readings[1], other)) <= {Outcome.USED, Outcome.PLACED}
        assert states(plot.bank, one) == states(plot.bank, other)

    check()


@each_component
def test_late_readings_of_many_rows_at_once_are_placed_as_one_by_one(name: str) -> None:
    plot = Plot(name)
    bank = plot.bank

    @settings(max_examples=15, deadline=None)
    @given(st.lists(arrivals(bank.entries), min_size=1, max_size=3))
    def check(courses: list[tuple[list[Reading], list[Reading]]]) -> None:
        alone, together = plot.rows(len(courses)), np.array(plot.rows(2 * FEW))
        for row, (_, arrived) in zip(alone, courses, strict=True):
            feed(bank, arrived, row)
        course_of = np.arange(2 * FEW) % len(courses)
        for turn in range(max(len(arrived) for _, arrived in courses)):
            now = [arrived[turn] if turn < len(arrived) else None for _, arrived in courses]
            for entry in bank.entries:
                chosen = np.array([r is not None and r.entry == entry for r in now])[course_of]
                if chosen.any():
                    readings = [r for r in (now[c] for c in course_of[chosen]) if r is not None]
                    times, values = np.array([r.time for r in readings]), np.array([r.value for r in readings])
                    bank.update_many(together[chosen], entry, times, values)
        for row, course in zip(together.tolist(), course_of.tolist(), strict=True):
            assert states(bank, row) == states(bank, alone[course])

    check()


@each_component
def test_a_reading_that_comes_twice_changes_nothing(name: str) -> None:
    plot = Plot(name)

    @settings(max_examples=20, deadline=None)
    @given(arrivals(plot.bank.entries), st.integers(1, WINDOW // 2), st.sampled_from([0.0, 1.0]))
    def check(readings: tuple[list[Reading], list[Reading]], back: int, other: float) -> None:
        ordered, arrived = readings
        (row,) = plot.rows()
        feed(plot.bank, arrived, row)
        before = states(plot.bank, row)
        again = ordered[-min(back, len(ordered))]
        assert feed(plot.bank, [again._replace(value=again.value + other)], row) == [Outcome.DUPLICATE]
        assert states(plot.bank, row) == before

    check()


@each_component
def test_a_reading_from_before_the_window_is_late_and_changes_nothing(name: str) -> None:
    entries = make(name).entries
    bank = make(name, late=1e9)
    feed(bank, [Reading(entries[k % len(entries)], 100.0 + k, float(k % 3)) for k in range(2 * bank.window)])
    before = states(bank)
    for entry in entries:
        assert feed(bank, [Reading(entry, 110.25, 5.0)]) == [Outcome.LATE]
    assert states(bank) == before


def test_a_reading_older_than_the_stated_lateness_is_late_even_where_the_window_would_hold_it() -> None:
    bank = make("level", late=5.0)
    feed(bank, [Reading(0, 100.0 + k, 1.0) for k in range(8)])
    assert feed(bank, [Reading(0, 101.5, 1.0), Reading(0, 102.5, 1.0)]) == [Outcome.LATE, Outcome.PLACED]


def test_equal_times_of_different_channels_are_all_used_in_any_order() -> None:
    together = [Reading(entry, 5.0, float(entry)) for entry in make("linear continuous").entries]
    first, last = make("linear continuous"), make("linear continuous")
    start = Reading(0, 1.0, 0.5)
    assert feed(first, [start, *together]) == [Outcome.USED] * 5
    assert feed(last, [start, *reversed(together)]) == [Outcome.USED, Outcome.USED, *[Outcome.PLACED] * 3]
    assert states(first) == states(last)


@each_component
def test_rows_exported_and_loaded_go_on_to_the_same_bits(name: str) -> None:
    rng = random.Random(4)
    entries = make(name).entries
    readings = [
        Reading(rng.choice(entries), 100.0 + k + rng.choice([0.0, -3.5]), rng.gauss(0.0, 3.0)) for k in range(80)
    ]
    bank = make(name, rows=3)
    feed(bank, readings[:50], row=2)
    copy = make(name, rows=30)
    copy.load([17], bank.export([2]))
    assert feed(copy, readings[50:], row=17) == feed(bank, readings[50:], row=2)
    assert states(copy, 17) == states(bank, 2)


def test_saved_columns_of_another_model_are_refused() -> None:
    saved = make("level").export([0])
    with pytest.raises(ValueError, match="another layout"):
        make("level_rate").load([0], saved)


@each_component
@pytest.mark.parametrize("window", [8, 64])
def test_a_row_saved_with_another_window_goes_on_and_only_what_came_before_is_late(name: str, window: int) -> None:
    bank, wider = make(name), make(name, window=window)
    readings = [Reading(bank.entries[k % len(bank.entries)], 100.0 + k, float(k % 5)) for k in range(90)]
    feed(bank, readings[:50])
    wider.load([0], bank.export([0]))
    assert all((wider.columns[n][0] == bank.columns[n][0]) | np.isnan(bank.columns[n][0]) for n in bank.columns)
    assert feed(wider, [readings[47], readings[49]._replace(time=148.5)]) == [Outcome.LATE] * 2
    late = [*readings[50:56], readings[57], readings[56], *readings[58:]]
    assert feed(wider, late) == feed(bank, late)
    assert all((wider.columns[n][0] == bank.columns[n][0]) | np.isnan(bank.columns[n][0]) for n in bank.columns)


def test_growing_keeps_every_row() -> None:
    bank, alone = make("level_rate learned"), make("level_rate learned")
    readings = [Reading(0, 100.0 + k, float(k % 5)) for k in range(20)]
    feed(bank, readings)
    feed(alone, readings)
    for size in (17, 100, 5000):
        bank.grow(size)
        assert states(bank) == states(alone)
        assert np.isnan(bank.columns["T"][1:size]).all()
    more = [Reading(0, 118.5, 1.0), Reading(0, 130.0, 2.0)]
    assert feed(bank, more) == feed(alone, more) == [Outcome.PLACED, Outcome.USED]
    assert states(bank) == states(alone)


def test_an_input_held_for_all_reaches_rows_of_any_age() -> None:
    bank = make("first_order driven")
    assert bank.hold(1, 10.0, 70.0)
    assert not bank.hold(1, 9.0, 10.0)
    assert not bank.hold(1, 10.0, 10.0)
    bank.grow(100)
    for row in (0, 99):
        feed(bank, [Reading(0, 20.0, 1.0)], row)
        assert bank.views["u0"][row] == 70.0
    assert bank.hold(1, 30.0, 80.0)
    assert [bank.views["u0"][row] for row in (0, 50, 99)] == [70.0, 80.0, 70.0]


EXTREMES = [0.0, -0.0, 1e-300, -1e-300, 5e-324, 1e100, -1e100, 1e99, 1e-10]


def torture(seed: int, entries: Sequence[int]) -> list[Reading]:
    """Values of any size, gaps from a nanosecond to thirty thousand years, times that go back or stand still."""
    rng = random.Random(seed)
    time, out = 1e9, []
    for _ in range(200):
        kind = rng.random()
        if kind < 0.1:
            at = time - 10 ** rng.uniform(-9, 3)
        elif kind < 0.2:
            at = time
        else:
            at = time = time + 10 ** rng.uniform(-9, rng.choice([1, 1, 12]))
        size = rng.random()
        value = (
            rng.gauss(0, 1)
            if size < 0.3
            else rng.choice(EXTREMES)
            if size < 0.5
            else rng.choice([-1, 1]) * 10 ** rng.uniform(-100, 100)
        )
        out.append(Reading(rng.choice(entries), at, value))
    return out


@each_component
@pytest.mark.parametrize("robust", [True, False])
def test_no_numbers_break_a_row_and_floats_and_arrays_still_agree(name: str, robust: bool) -> None:
    plot = Plot(name, robust=robust)
    bank, n = plot.bank, len(COMPONENTS[name].states)
    bank.late = 1e13
    for seed in range(5):
        alone, *others = plot.rows(FEW + 3)
        every = np.array(others)
        for r in torture(seed, bank.entries):
            code = bank.update(alone, r.entry, r.time, r.value)
            codes = bank.update_many(every, r.entry, np.full(len(every), r.time), np.full(len(every), r.value))
            assert code == (0 if codes is None else codes[3])
            if bank.views["b"][alone] > 0:
                assert all(np.isfinite(bank.views[f"x{j}"][alone]) for j in range(n))
                assert all(0.0 <= bank.views[f"p{j}_{j}"][alone] < np.inf for j in range(n))
        saved = bank.export([alone, *others])
        for column, values in saved.items():
            assert all(values[..., 0].tobytes() == values[..., k].tobytes() for k in (1, FEW)), column


def test_a_model_that_explodes_over_a_long_gap_starts_over_at_the_next_reading() -> None:
    unstable = component(
        {"type": "linear", "states": ["a"], "channels": ["one"], "A": [[1.0]], "C": [[1.0]], "Q": [[1.0]]}, {"one": 1.0}
    )
    bank = Bank(unstable, robust=True, window=WINDOW, late=1e9)
    bank.grow(1)
    feed(bank, [Reading(0, 0.0, 1.0), Reading(0, 1.0, 2.7), Reading(0, 1e6, 5.0)])
    assert (bank.views["x0"][0], bank.views["p0_0"][0]) == (5.0, 1.0)
    assert feed(bank, [Reading(0, 0.5, 1.0)]) == [Outcome.LATE]
    assert feed(bank, [Reading(0, 1e6 + 1, 13.0)]) == [Outcome.USED]
    assert np.isfinite(bank.views["x0"][0])
