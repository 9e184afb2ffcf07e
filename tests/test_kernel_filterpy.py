"""The emitted filter against filterpy and against simulated truth, model by model.

`TWINNED_LONG=1` runs the comparison over 10⁵ updates per model instead of a seventh of that.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from agent.bank import Bank
from tests.oracles import Floats, Oracle, Step, Textbook, band, bank_state, nees, relative_error, simulate, textbooks

STEPS = 1021 if os.environ.get("TWINNED_LONG") else 151
GROUPS, EACH = 10, 10
ASSETS = GROUPS * EACH
BOOKS = {book.name: book for book in textbooks()}
each_model = pytest.mark.parametrize("name", BOOKS)


def feed(book: Textbook, bank: Bank, steps: list[Step], rng: np.random.Generator | None = None) -> list[int]:
    """One step of each group into the bank, as rounds of many rows and of few. Returns the rows that were measured."""
    measured = []
    for entry in range(len(book.r) + book.inputs):
        groups = [g for g, s in enumerate(steps) if s.entry == entry]
        if not groups:
            continue
        rows = np.concatenate([np.arange(g * EACH, (g + 1) * EACH) for g in groups])
        times = np.repeat([steps[g].time for g in groups], EACH)
        values = np.concatenate([steps[g].values for g in groups])
        cut = len(rows) if rng is None else int(rng.integers(len(rows) + 1))
        for part in (slice(0, cut), slice(cut, None)):
            assert bank.update_many(rows[part], entry, times[part], values[part]) is None
        if entry < len(book.r):
            measured += rows.tolist()
    return measured


def streams(book: Textbook, seed: int, steps: int) -> list[list[Step]]:
    """Per step, one reading of each group of assets."""
    made = [simulate(book, np.random.default_rng([seed, g]), EACH, steps) for g in range(GROUPS)]
    return [[next(s) for s in made] for _ in range(steps)]


def compare(book: Textbook, readings: list[list[Step]], *, robust: bool) -> tuple[float, int, int]:
    """Largest relative error, updates compared, and how many of them the gate held back."""
    bank = book.bank(robust=robust)
    bank.grow(ASSETS)
    rng = np.random.default_rng(11)
    oracles: list[Oracle] = []
    worst, updates, gated = 0.0, 0, 0
    for steps in readings:
        intervals = bank.columns["d"][:ASSETS].tolist()
        feed(book, bank, steps, rng)
        if oracles:
            for row, oracle in enumerate(oracles):
                step = steps[row // EACH]
                oracle.take(step, float(step.values[row % EACH]), intervals[row])
                gated += oracle.nis > 16.0 and step.entry < len(book.r)
            worst = max(worst, relative_error(bank, range(ASSETS), oracles))
            updates += ASSETS
        elif bank.columns["b"][:ASSETS].min() >= 2.0:
            oracles = [Oracle(book, bank, row, robust=robust) for row in range(ASSETS)]
    return worst, updates, gated


@each_model
def test_the_filter_agrees_with_filterpy_over_long_random_runs(name: str) -> None:
    worst, updates, _ = compare(BOOKS[name], streams(BOOKS[name], 1, STEPS), robust=False)
    assert updates >= (STEPS - 1) * ASSETS * 0.9
    assert worst < 1e-9


@each_model
def test_the_robust_gate_is_filterpy_with_an_inflated_r(name: str) -> None:
    book = BOOKS[name]
    rng = np.random.default_rng(5)
    readings = []
    for k, steps in enumerate(streams(book, 2, 120)):
        shifted = []
        for step in steps:
            sigma = np.sqrt(book.r[step.entry]) if step.entry < len(book.r) else 0.0
            wild = np.where(rng.random(EACH) < 0.05, rng.normal(0.0, 12.0, EACH), 0.0)
            jump = 60.0 if k >= 60 else 0.0  # a step that persists, so that the take-over is compared as well
            shifted.append(
                Step(step.time, step.entry, step.values + sigma * (wild + jump), step.truth, step.f, step.q, step.b)
            )
        readings.append(shifted)
    worst, updates, gated = compare(book, readings, robust=True)
    assert updates > 80 * ASSETS
    assert gated > 0.01 * updates
    # A rate set free over a short interval makes P ill-conditioned for a step or two, which costs float64 its digits.
    assert worst < (0.05 if name == "tank" else 1e-6)


@each_model
def test_innovations_and_errors_of_simulated_truth_are_as_large_as_the_filter_says(name: str) -> None:
    """NIS and NEES lie in the 95 % band of their chi-square distributions. One seed in twenty would fall outside."""
    book = BOOKS[name]
    n = len(book.h[0])
    bank = book.bank()
    bank.grow(ASSETS)
    innovations: list[Floats] = []
    errors: list[Floats] = []
    for k, steps in enumerate(streams(book, 4, 300)):
        measured = feed(book, bank, steps)
        if k > 20 and measured:
            for entry in range(len(book.r)):
                rows = [r for r in measured if steps[r // EACH].entry == entry]
                innovations.append(bank.columns[f"i{entry}"][rows])
        if k % 100 == 99:
            x, p = bank_state(bank, range(ASSETS))
            errors.append(nees(x, p, np.concatenate([s.truth for s in steps], axis=1)))
    nis, error = np.concatenate(innovations), np.concatenate(errors) / n
    low, high = band(len(nis))
    assert low < nis.mean() < high
    low, high = band(len(error) * n)
    assert low < error.mean() < high
