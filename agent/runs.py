"""Samples of the same assets in one batch, taken as runs: each asset's readings through filter, score, alarms and messages.

One sample after the other costs tens of microseconds, nearly all of it the way through the layers. Here a batch goes
through each layer once. First everything is worked out and nothing touched; where a reading is late, or goes beyond what
numbers hold, its row is left to `agent.block`. Then the few moments at which something happens (an alarm, a forecast, a
forecast that is compared) are gone through with the row set to what it was at that moment, and at last the end of each run
becomes the state. The outcome is the same to the bit as one sample at a time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent import trajectory
from agent.alarms import scored
from agent.alarms.anomaly import Anomaly
from agent.alarms.lifecycle import ACTIVE, NORMAL, Lifecycle
from agent.alarms.rules import Absence, Limit, Rate
from agent.bank import FEW
from agent.trajectory import Trajectory
from agent.types import Outputs, Status, Transition

if TYPE_CHECKING:
    from agent.block import Arrivals, Block, Samples

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
LEAST = 80  # readings in runs below which going one by one is quicker: `python -m bench scale`
LOOKS = 16  # a run that takes less than this part of a batch is the last: each looks at all that is left
REPEATS = 4  # samples of an asset, on average, below which rounds of different assets are quicker


class Judged(NamedTuple):
    """One alarm through a run: its conditions at each step."""

    alarm: Lifecycle
    on: NDArray[np.bool_]
    hold: NDArray[np.bool_]
    scores: scored.Scores | None


class Run(NamedTuple):
    """One channel of a block through a batch."""

    slot: int
    path: Trajectory
    samples: Rows  # (N) the sample of each step
    judged: list[Judged]
    codes: NDArray[np.uint8]  # (N) quality
    relearned: NDArray[np.bool_]  # (N)


class Ends(NamedTuple):
    """Messages of which something was used, row by row and in order: where they end."""

    samples: Rows
    rows: Rows
    messages: Rows
    arrived: Floats


class Runs:
    """Takes the samples of one block, where its model and its alarms allow."""

    def __init__(self, block: Block) -> None:
        self.block = block
        rules = [a.rule for alarms in block.by_slot for a in alarms]
        self.possible = (
            not block.together
            and block.config.state.policy != "change"
            and all(bank.runs for bank in block.banks)
            and all(len(targets) == 1 for targets in block.plan.targets)
            # An alarm of several channels sees their readings in turn, and a run goes through one after the other.
            and sum(map(len, block.by_slot)) == len(set(chain.from_iterable(block.by_slot)))
            and all(map(_foreseeable, rules))
        )

    def take(self, s: Samples, arrivals: Arrivals, out: Outputs) -> Samples:
        """Take what can be taken as runs; the samples that are left, which are the same where none can."""
        rows, times, messages = np.array(s.rows, np.intp), np.array(s.times), np.array(s.message, np.intp)
        whole = self._eligible(rows, times, messages)
        if int(whole.sum()) < LEAST:
            return s
        k = np.flatnonzero(whole)
        columns = {slot: _numbers(column)[k] for slot, column in zip(s.slots, s.columns, strict=True)}
        arrived = np.array(arrivals.received)[messages[k]]
        runs = self._work_out(rows[k], times[k], columns, arrived)
        if runs is None:
            return s
        self._commit(runs, rows[k], times[k], messages[k], arrived, out)
        return _without(s, whole)

    def overdue(self, s: Samples) -> tuple[Samples, Samples]:
        """Of what is left, the first messages of each row if they are late; and the rest."""
        newest = self.block.rows.views["time"]
        late = np.zeros(len(s.rows), bool)
        open_, passed = -1, set()
        for k, (message, row, time) in enumerate(zip(s.message, s.rows, s.times, strict=True)):
            if row not in passed and (message == open_ or time <= newest[row]):
                late[k], open_ = True, message
            else:
                passed.add(row)
        return _without(s, ~late), _without(s, late)

    def _eligible(self, rows: Rows, times: Floats, messages: Rows) -> NDArray[np.bool_]:
        """Samples of rows that are live and come more than once, up to the first message that is not in order."""
        names, number, counts = trajectory.distinct(rows)
        good = (counts > 1) & (self.block.rows.columns["status"][names] == Status.LIVE)
        newest = np.full(len(names), -math.inf)
        for bank in self.block.banks:
            good &= bank.columns["b"][names] == 2.0
            newest = np.maximum(newest, bank.columns["T"][names])
        for alarm in self.block.alarms:
            if alarm.in_order:
                newest = np.maximum(newest, alarm.last[names])
        order = np.argsort(number, kind="stable")
        row, time = number[order], times[order]
        head = np.append(True, row[1:] != row[:-1])
        late = ~(time > np.where(head, newest[row], np.append(-math.inf, time[:-1])))
        until = np.full(len(names), len(rows) + int(messages.max()))
        np.minimum.at(until, row[late], messages[order][late])
        chosen: NDArray[np.bool_] = good[number] & (messages < until[number])
        return chosen

    # -- what becomes of it, without touching anything

    def _work_out(self, rows: Rows, times: Floats, columns: dict[int, Floats], arrived: Floats) -> list[Run] | None:
        block, runs = self.block, []
        for slot in sorted(columns, key=block.turn.__getitem__):
            values = columns[slot]
            present = values == values
            if not present.any():
                continue
            samples = np.arange(len(rows)) if present.all() else np.flatnonzero(present)
            ((b, _),) = block.plan.targets[slot]
            s = trajectory.sequence(rows[samples], few=FEW)
            samples = samples[s.which]
            order = s.order()
            path = trajectory.run(block.banks[b], s, order, times[samples], values[samples])
            if path is None:
                return None
            judged = []
            for alarm in block.by_slot[slot]:
                one = self._judge(alarm, path, order)
                if one is None:
                    return None
                judged.append(one)
            rests = [
                [one.scores.after(name) for name in ("r", "R", "o")]
                for one in judged
                if one.scores is not None and "flat" in one.scores.rule.detectors
            ]
            gated = path.after("o0") if "o0" in path.columns else None
            codes, relearned = block.quality.mark_run(path.after("i0"), gated, rests)
            runs.append(Run(slot, path, samples, judged, codes, relearned))
        return runs

    def _judge(self, alarm: Lifecycle, path: Trajectory, order: Any) -> Judged | None:
        rule, size = alarm.rule, len(path.times)
        if isinstance(rule, Anomaly):
            scores = scored.score_run(rule, path, path.sequence.by_hour(rule.hours_of(path.times)))
            return None if scores is None else Judged(alarm, scores.on, scores.hold, scores)
        if isinstance(rule, Absence):
            return Judged(alarm, np.zeros(size, bool), np.zeros(size, bool), None)
        shown = {name: path.after(name) for name in path.columns}
        on, hold = rule.conditions(shown, slice(None))
        return Judged(alarm, np.broadcast_to(on, size), np.broadcast_to(hold, size), None)

    # -- and then it is so

    def _commit(
        self, runs: list[Run], rows: Rows, times: Floats, messages: Rows, arrived: Floats, out: Outputs
    ) -> None:
        block = self.block
        c = block.rows.columns
        used = np.zeros(len(rows), bool)
        for run in runs:
            used[run.samples] = True
        ends = _ends(rows, messages, arrived, used)
        places = [_places(run, ends, len(rows)) for run in runs]
        latest = _latest(rows, times, used, c["time"])
        gathered = self._gather(runs, places, ends)
        sequence, want = block.announcer.count_run(ends.rows, ends.arrived)
        self._alarms(runs, messages, arrived, latest, out)
        self._forecasts(runs, places, ends, latest, sequence)
        for run in runs:
            self._keep(run, arrived, out)
        last = np.append(ends.rows[1:] != ends.rows[:-1], True)
        c["seen"][ends.rows[last]] = ends.arrived[last]
        c["time"][ends.rows[last]] = latest[ends.samples[last]]
        c["seq"][ends.rows[last]] = sequence[last]
        shown = gathered if want.all() else {name: column[want] for name, column in gathered.items()}
        block.announcer.updated_run(
            ends.rows[want], ends.messages[want], ends.arrived[want], latest[ends.samples[want]], sequence[want], shown
        )

    def _keep(self, run: Run, arrived: Floats, out: Outputs) -> None:
        """The ends of the runs become the state."""
        block, path = self.block, run.path
        s = path.sequence
        bank = block.banks[block.plan.targets[run.slot][0][0]]
        nis = path.after("i0")
        out.add_nis(bank.component.model, float(nis.sum()), len(nis))
        out.readings += len(nis)
        trajectory.keep(bank, path)
        c = block.rows.columns
        c[f"quality{run.slot}"][s.rows] = run.codes[s.last]
        for one in run.judged:
            if one.scores is not None:
                scored.keep(one.scores)
            if isinstance(one.alarm.rule, Absence):
                heard = one.alarm.rule.memory.columns["heard"]
                heard[s.rows] = arrived[run.samples[s.last]]
            if one.alarm.in_order:
                one.alarm.last[s.rows] = path.times[s.last]
        name = block.plan.channels[run.slot].name
        again = np.flatnonzero(run.relearned)
        for step in again[np.argsort(run.samples[again], kind="stable")].tolist():
            out.relearned.append((block.rows.names[s.rows[s.ordinal[step]]], name))

    def _gather(self, runs: list[Run], places: list[Rows], ends: Ends) -> dict[str, Any]:
        """The columns that state messages show, as they were at the ends."""
        block = self.block
        of_bank = {block.plan.targets[run.slot][0][0]: (run, at) for run, at in zip(runs, places, strict=True)}
        of_slot = {run.slot: (run, at) for run, at in zip(runs, places, strict=True)}
        shown: dict[str, Any] = {}
        for name in block.announcer.encoder.names:
            kind = name.rstrip("0123456789")
            if kind in ("surprise", "quality"):
                slot = int(name[len(kind) :])
                column, found = block.rows.columns[name], of_slot.get(slot)
                after = None if found is None else found[0].codes if kind == "quality" else found[0].path.after("c0")
            else:
                b, _, own = name[1:].partition("_")
                column, found = block.banks[int(b)].columns[own], of_bank.get(int(b))
                after = None if found is None or own not in found[0].path.columns else found[0].path.after(own)
            if found is None or after is None:
                shown[name] = column[ends.rows]
            else:
                at = found[1]
                shown[name] = after[at] if (at >= 0).all() else np.where(at >= 0, after[at], column[ends.rows])
        return shown

    # -- moments at which something happens

    def _alarms(self, runs: list[Run], messages: Rows, arrived: Floats, latest: Floats, out: Outputs) -> None:
        block, told = self.block, []
        for turn, run in enumerate(runs):
            s = run.path.sequence
            bank = block.banks[block.plan.targets[run.slot][0][0]]
            learned = run.path.after("n0")
            for number, one in enumerate(run.judged):
                alarm = one.alarm
                for ordinal, step, change in _changes(one, s, learned >= alarm.learning, run.path.times):
                    row, sample = int(s.rows[ordinal]), int(run.samples[step])
                    trajectory.show(bank, run.path, ordinal, step)
                    if one.scores is not None:
                        scored.show(one.scores, ordinal, step)
                    views = block.rows.views
                    views["seen"][row], views["time"][row] = arrived[sample], latest[sample]
                    at = len(out.said)
                    if isinstance(alarm.rule, Absence):
                        alarm.rule.memory.views["heard"][row] = arrived[sample]
                    times = float(run.path.times[step]), float(arrived[sample])
                    block.happened(alarm, row, change, *times, int(messages[sample]), out)
                    told += [(sample, turn, number, said) for said in out.said[at:]]
                    del out.said[at:]
        told.sort(key=lambda each: each[:3])
        out.said += [said for *_, said in told]

    def _forecasts(
        self, runs: list[Run], places: list[Rows], ends: Ends, latest: Floats, sequence: NDArray[np.int64]
    ) -> None:
        """Forecasts that are compared with what came, and new ones, in the order of the samples."""
        block = self.block
        moments: dict[int, list[tuple[Run, Any]]] = {}
        for run in runs:
            s = run.path.sequence
            for bands in block.bands[run.slot]:
                due = bands.due.columns["due0"][s.rows]
                for ordinal in np.flatnonzero(run.path.times[s.last] >= due).tolist():
                    moments.setdefault(int(s.rows[ordinal]), []).append((run, bands))
        new = np.zeros(0, np.intp)
        if block.announcer.forecaster.horizons:
            due = block.announcer.foresight_due(ends.arrived, block.rows.columns["forecast"][ends.rows])
            new = ends.rows[due]
        for row in sorted({*moments, *new.tolist()}):
            self._foresee(row, moments.get(row, ()), runs, places, ends, latest, sequence)

    def _foresee(
        self,
        row: int,
        looks: Sequence[tuple[Run, Any]],
        runs: list[Run],
        places: list[Rows],
        ends: Ends,
        latest: Floats,
        sequence: NDArray[np.int64],
    ) -> None:
        block = self.block
        banks, targets = block.banks, block.plan.targets
        low, high = np.searchsorted(ends.rows, (row, row + 1)).tolist()
        waiting: list[tuple[int, int, Iterator[Any]]] = []
        for turn, (run, bands) in enumerate(looks):
            waiting.append((turn, 0, _looks(run, bands, row, banks[targets[run.slot][0][0]])))
        waiting.append((len(runs), 0, self._announced(row, low, high, runs, places, ends, latest, sequence)))
        # Each says for which sample it will act next, and acts when it is asked again.
        asked = [(next(acts, None), turn, acts) for turn, _, acts in waiting]
        while live := [each for each in asked if each[0] is not None]:
            first = min(live, key=lambda each: (each[0], each[1]))
            asked.remove(first)
            asked.append((next(first[2], None), first[1], first[2]))

    def _announced(
        self,
        row: int,
        low: int,
        high: int,
        runs: list[Run],
        places: list[Rows],
        ends: Ends,
        latest: Floats,
        sequence: NDArray[np.int64],
    ) -> Iterator[int]:
        """New forecasts of a row, which are made when the sample told is reached."""
        block = self.block
        views, announcer = block.rows.views, block.announcer
        at = low if announcer.forecaster.horizons else high
        while at < high:
            due = announcer.foresight_due(ends.arrived[at:high], views["forecast"][row])
            if not due.any():
                return
            at += int(np.argmax(due))
            yield int(ends.samples[at])
            for run, place in zip(runs, places, strict=True):
                s = run.path.sequence
                ordinal = np.flatnonzero(s.rows == row)
                if len(ordinal):
                    bank = block.banks[block.plan.targets[run.slot][0][0]]
                    trajectory.show(bank, run.path, int(ordinal[0]), int(place[at]))
            views["time"][row], views["seq"][row] = latest[ends.samples[at]], sequence[at]
            announcer.foresee(int(ends.messages[at]), row, float(ends.arrived[at]))
            at += 1


def _looks(run: Run, bands: Any, row: int, bank: Any) -> Iterator[int]:
    """Looks of `agent.bands` at readings of a row, each of which is taken when the sample told is reached."""
    s = run.path.sequence
    ordinal = int(np.flatnonzero(s.rows == row)[0])
    steps = s.steps(ordinal)
    times = run.path.times[steps].tolist()
    at = 0
    while (at := bisect_left(times, bands.due.views["due0"][row], at)) < len(times):
        step = int(steps[at])
        yield int(run.samples[step])
        trajectory.show(bank, run.path, ordinal, step)
        bands.observe(row, 0, times[at], float(run.path.values[step]))
        at += 1


def _changes(
    one: Judged, s: trajectory.Sequence, learned: NDArray[np.bool_], times: Floats
) -> Iterator[tuple[int, int, Transition]]:
    """(ordinal, step, change) where an alarm changes, row by row; told at the very moment, before it goes on."""
    alarm = one.alarm
    phase = alarm.phase[s.rows][s.ordinal]
    look = np.where(phase == NORMAL, one.on, (phase != ACTIVE) | ~one.hold)
    for ordinal in np.unique(s.ordinal[look]).tolist():
        row = int(s.rows[ordinal])
        for step in s.steps(ordinal).tolist():
            on, hold = bool(one.on[step]), bool(one.hold[step])
            if alarm.phase[row] == NORMAL and not on:
                continue
            change = alarm.move(row, on and bool(learned[step]), hold, float(times[step]))
            if change is not None:
                yield ordinal, step, change


def _foreseeable(rule: Any) -> bool:
    """Whether the rule's conditions follow from the columns of its filter alone, or its run is known."""
    if isinstance(rule, Limit):
        return rule.on != "forecast"
    if isinstance(rule, Rate):
        return rule.state is not None
    return isinstance(rule, (Anomaly, Absence))


def _numbers(column: Sequence[float | None]) -> Floats:
    """NaN where there is none."""
    return np.array([math.nan if v is None else v for v in column] if None in column else column, float)


def _without(s: Samples, taken: NDArray[np.bool_]) -> Samples:
    keep = np.flatnonzero(~taken).tolist()
    return type(s)(
        [s.message[k] for k in keep],
        [s.rows[k] for k in keep],
        [s.times[k] for k in keep],
        [[column[k] for k in keep] for column in s.columns],
        s.slots,
    )


def _ends(rows: Rows, messages: Rows, arrived: Floats, used: NDArray[np.bool_]) -> Ends:
    order = np.argsort(rows, kind="stable")
    row, message = rows[order], messages[order]
    ends = np.flatnonzero(np.append((row[1:] != row[:-1]) | (message[1:] != message[:-1]), True))
    begins = np.append(0, ends[:-1] + 1)
    some = np.add.reduceat(used[order].astype(np.intp), begins) > 0
    at = order[ends[some]]
    return Ends(at, rows[at], messages[at], arrived[at])


def _places(run: Run, ends: Ends, count: int) -> Rows:
    """For each end, the last step of its row up to there; -1 where there is none."""
    s = run.path.sequence
    step = np.full(count, -1)
    step[run.samples] = np.arange(len(run.samples))
    own = step[ends.samples]
    if (own >= 0).all():
        return own
    rows = s.rows[s.ordinal]
    order = np.lexsort((run.samples, rows))
    key = rows[order] * count + run.samples[order]
    at = np.searchsorted(key, ends.rows * count + ends.samples, side="right") - 1
    found = (at >= 0) & (rows[order][at] == ends.rows)
    return np.where(found, order[at], -1)


def _latest(rows: Rows, times: Floats, used: NDArray[np.bool_], newest: Floats) -> Floats:
    """The newest event time of each sample's row, once the sample is in; samples of a row are in order."""
    before = newest[rows]
    own = np.where(used, times, -math.inf)
    if not used.all():
        order = np.argsort(rows, kind="stable")
        row, seen = rows[order], own[order]
        heads = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        for low, high in zip(heads.tolist(), [*heads[1:].tolist(), len(row)], strict=True):
            seen[low:high] = np.maximum.accumulate(seen[low:high])
        own = np.empty_like(own)
        own[order] = seen
    return np.where(before >= own, before, own)
