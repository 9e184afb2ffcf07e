"""Runs: many readings of each of several rows at once, as `agent.bank` takes them one by one, to the same bits.

A `Sequence` says which step of which row comes where; `run` goes through the filter without touching the bank, so that it
can be left alone where something turns out to be out of the ordinary; `keep` makes it the state of the bank. Only banks
with one channel and nothing else have runs, and only for readings that are in order in rows that have begun.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.distribute import Among, Order

if TYPE_CHECKING:
    from agent.bank import Bank

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
HOURS = 24
DENSE = 8  # times as many rows as readings, up to which counting them is quicker than sorting


class Sequence(NamedTuple):
    """N steps of m rows, in the order in which they are gone through."""

    rows: Rows  # (m) those with most steps first
    which: Rows  # (N) position of each step among what the sequence was made of
    ordinal: Rows  # (N) of its row among `rows`
    rank: Rows  # (N) steps of its row before it
    last: Rows  # (m) the last step of each row
    before: Rows  # (N) m + the step of the same row before it, or its row's ordinal
    arrays: bool  # round by round rather than row by row

    def steps(self, ordinal: int) -> Rows:
        """The steps of one row, in order."""
        if not self.arrays:
            last = int(self.last[ordinal])
            return np.arange(last - int(self.rank[last]), last + 1)
        begins = np.flatnonzero(self.ordinal == 0)
        return begins[: int(self.rank[self.last[ordinal]]) + 1] + ordinal

    def order(self) -> Order:
        """Without hours."""
        ranks = self.rank.astype(np.float64)
        if self.arrays:
            return Order((self.before,), ranks, self.ordinal, (), self._rounds(), self.among)
        ends = np.append(np.flatnonzero(self.rank == 0), len(self.rank))
        spans = list(zip(ends[:-1].tolist(), ends[1:].tolist(), range(len(self.rows)), strict=True))
        return Order((self.before,), ranks, self.ordinal, spans, (), self.among)

    def _rounds(self) -> list[tuple[int, int]]:
        ends = np.append(np.flatnonzero(self.ordinal == 0), len(self.rank)).tolist()
        return list(pairwise(ends))

    def among(self, chosen: NDArray[np.bool_]) -> Among:
        """Of the steps, those chosen (N)."""
        steps = np.flatnonzero(chosen)
        own = self.ordinal[steps]
        some = _sequence(own, np.bincount(own, minlength=len(self.rows)), self.arrays)
        at = steps[some.which]
        event = np.full(len(chosen), -1)
        event[at] = np.arange(len(at))
        by_row = np.lexsort((self.rank, self.ordinal)) if self.arrays else np.arange(len(chosen))
        found, numbers = event[by_row], np.arange(len(chosen))
        latest = np.maximum.accumulate(np.where(found >= 0, numbers, -1))
        begun = latest >= numbers - self.rank[by_row]
        places = np.empty(len(chosen), np.intp)
        places[by_row] = np.where(begun, len(self.rows) + found[latest], self.ordinal[by_row])
        return Among(some.rows, at, some.order(), places)

    def by_hour(self, hours: Rows) -> tuple[Order, Rows, Rows, Rows]:
        """With columns of hours of rows as class 1. hours (N): of the day, 0 to 23, of each step.

        Also returns, of each of H pairs of row and hour: the row's ordinal, the hour, and H + its last step.
        """
        if (hours == hours[:1]).all():  # most runs: then pairs are the rows in their order
            plain, first = self.order(), hours[:1]
            order = plain._replace(before=(self.before, self.before), spans=[(*span, span[-1]) for span in plain.spans])
            ordinals = np.arange(len(self.rows))
            return order, ordinals, np.repeat(first, len(ordinals)), len(ordinals) + self.last
        pairs, pair = np.unique(self.ordinal * HOURS + hours, return_inverse=True)
        size = len(pairs)
        sorted_ = np.lexsort((self.rank, pair))
        first = np.append(True, pair[sorted_][1:] != pair[sorted_][:-1])
        earlier = np.empty(len(pair), np.intp)
        earlier[sorted_] = np.where(first, pair[sorted_], size + np.roll(sorted_, 1))
        last = size + sorted_[np.append(np.flatnonzero(first)[1:] - 1, len(pair) - 1)]
        plain = self.order()
        spans = plain.spans
        if not self.arrays:
            cut = np.append(True, (self.rank[1:] == 0) | (hours[1:] != hours[:-1]))
            at = np.flatnonzero(cut)
            ends = np.append(at[1:], len(pair))
            spans = list(zip(at.tolist(), ends.tolist(), self.before[at].tolist(), earlier[at].tolist(), strict=True))
        order = Order((self.before, earlier), plain.ranks, self.ordinal, spans, plain.rounds, self.among)
        return order, pairs // HOURS, pairs % HOURS, last


def sequence(rows: Rows, *, arrays: bool | None = None, few: int = 0) -> Sequence:
    """rows: of each reading, in order of arrival.

    arrays: whether to go round by round; None: where rounds hold at least `few` rows on average.
    """
    names, inverse, counts = distinct(rows)
    if arrays is None:
        arrays = len(rows) >= few * int(counts.max())
    found = _sequence(inverse, counts, arrays)
    return found._replace(rows=names[found.rows])


def distinct(rows: Rows) -> tuple[Rows, Rows, Rows]:
    """The different rows in ascending order, which of them each is, and how often each comes."""
    most = int(rows.max(initial=0))
    if most > DENSE * len(rows):
        return np.unique(rows, return_inverse=True, return_counts=True)
    often = np.bincount(rows, minlength=most + 1)
    names = np.flatnonzero(often)
    number = np.empty(most + 1, np.intp)
    number[names] = np.arange(len(names))
    return names, number[rows], often[names]


def _sequence(numbers: Rows, counts: Rows, arrays: bool) -> Sequence:
    """numbers: of the row of each step, in order of arrival, from 0; counts: how many steps each row has."""
    total = len(numbers)
    longest = np.argsort(-counts, kind="stable") if len(counts) > 1 else np.zeros(1, np.intp)
    counts = counts[longest]
    size = int(np.count_nonzero(counts))
    longest, counts = longest[:size], counts[:size]
    if size <= 1:
        ordinal, which = np.zeros(total, np.intp), np.arange(total)
    else:
        place = np.empty(int(longest.max()) + 1, np.intp)
        place[longest] = np.arange(size)
        ordinal = place[numbers]
        which = np.argsort(ordinal, kind="stable")  # row by row
        ordinal = ordinal[which]
    heads = np.cumsum(counts) - counts
    rank = np.arange(total) - heads[ordinal]
    if not arrays:
        before = size + np.arange(total) - 1
        before[heads] = np.arange(size)
        return Sequence(longest, which, ordinal, rank, heads + counts - 1, before, False)
    # Rows with most steps are first, so that those of a round have the first places in it.
    begins = np.append(0, np.cumsum(np.bincount(rank)))
    by_round = np.empty(total, np.intp)
    by_round[begins[rank] + ordinal] = np.arange(total)
    which, rank, ordinal = which[by_round], rank[by_round], ordinal[by_round]
    before = np.where(rank > 0, size + begins[rank - 1] + ordinal, ordinal)
    return Sequence(longest, which, ordinal, rank, begins[counts - 1] + np.arange(size), before, True)


class Trajectory(NamedTuple):
    """The columns of a bank through a run: m values to begin with, then one after each step."""

    sequence: Sequence
    columns: dict[str, Any]
    times: Floats  # (N)
    values: Floats  # (N)

    def after(self, name: str) -> Any:
        return self.columns[name][len(self.sequence.rows) :]


def run(bank: Bank, s: Sequence, order: Order, times: Floats, values: Floats) -> Trajectory | None:
    """Filter readings at `times` (s), later than all before in their rows. None: some number went beyond float64."""
    plan, go = bank.running(s.rows, arrays=s.arrays)
    starts = {name: bank.columns[name][s.rows] for name in (*plan.names, *plan.kept)}
    try:
        with np.errstate(all="ignore"):
            columns, told = go(starts, {"t": times, "z": values}, order)
            sound = told["sound"] - told["sound"]
    except (ArithmeticError, ValueError):  # what floats say where arrays give infinity or NaN
        return None
    return Trajectory(s, columns, times, values) if (sound == 0.0).all() else None


def keep(bank: Bank, path: Trajectory) -> None:
    """The bank goes on from the end of the run, with the readings in its history."""
    s, history = path.sequence, bank.history
    size = len(s.rows)
    numbers = history.position[s.rows][s.ordinal] + s.rank
    ends = history.position[s.rows] + s.rank[s.last] + 1
    recent = np.flatnonzero(numbers >= ends[s.ordinal] - bank.window)
    history.put(s.rows[s.ordinal[recent]], numbers[recent], path.times[recent], path.values[recent])
    due = recent[numbers[recent] % bank.half == 0]
    for slot in (0, 1):
        marked = due[(numbers[due] // bank.half) & 1 == slot]
        if len(marked):
            states = [
                path.columns[name][s.before[marked]]
                if name in path.columns
                else bank.columns[name][s.rows[s.ordinal[marked]]]
                for name in bank.layout.state
            ]
            history.mark_as(s.rows[s.ordinal[marked]], slot, states)
    history.position[s.rows] = ends
    for name, column in path.columns.items():
        bank.columns[name][s.rows] = column[size + s.last]


def show(bank: Bank, path: Trajectory, ordinal: int, at: int) -> None:
    """Set one row to what it was after its step number `at` of the run, or before the first one where `at` is below 0."""
    row, place = path.sequence.rows[ordinal], ordinal if at < 0 else len(path.sequence.rows) + at
    for name, column in path.columns.items():
        bank.columns[name][row] = column[place]
