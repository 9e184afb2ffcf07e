"""One asset block: its twins as rows, from samples to innovations, judgement, alarms and publications.

Owns one bank per component of its model and sees each sample through: into the banks, past the alarms, and to what
is announced. It is pure: times come with the samples, or as `now`. Few samples go one by one on floats, many in
rounds on arrays, with the same result to the bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.alarms.joint import Joint
from agent.alarms.lifecycle import ACTIVE, Lifecycle
from agent.alarms.operator import Deed, Verb
from agent.alarms.report import Reporter
from agent.alarms.rules import Absence
from agent.announce import Announcer, tracked_states
from agent.bank import FEW, Bank, Outcome
from agent.build import Plan, lifecycles
from agent.quality import Quality
from agent.rows import GOOD, Rows
from agent.runs import LEAST, LOOKS, REPEATS, Runs
from agent.setback import SetBack
from agent.silence import Silence
from agent.types import Cause, Outputs, Reason, Reject, Said, Status, TraceRow, Transition

_REASONS = {Outcome.LATE: Reason.LATE, Outcome.DUPLICATE: Reason.DUPLICATE}
_GONE = (Transition.CLEARED, Transition.LATCHED)


class Samples(NamedTuple):
    """Decoded samples of one block, in order of arrival; columns of equal length."""

    message: list[int]  # position of the message in the batch
    rows: list[int]
    times: list[float]
    columns: list[list[float | None]]  # one per slot
    slots: tuple[int, ...]  # the channel slot of each column


class Arrivals(NamedTuple):
    """What is known of the messages of a batch."""

    received: Sequence[float]  # UTC seconds
    topics: Sequence[bytes]


class Round(NamedTuple):
    """Samples of different assets, as arrays of equal length."""

    rows: NDArray[np.intp]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    arrived: NDArray[np.float64]
    message: NDArray[np.intp]

    def at(self, k: NDArray[np.intp] | NDArray[np.bool_]) -> Round:
        return Round(self.rows[k], self.times[k], self.values[k], self.arrived[k], self.message[k])


class Block:
    """The twins of one asset block."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config
        self.model = plan.model
        window, late = plan.config.time.window, float(plan.config.time.late)
        self.banks = [Bank(c, robust=plan.robust, window=window, late=late) for c in plan.components]
        self.rows = Rows(len(plan.channels), tracked_states(plan), plan.prefix)
        self.alarms = lifecycles(plan, self.rows, self.banks)
        self.by_slot: list[list[Lifecycle]] = [[] for _ in plan.channels]
        self.together: list[Lifecycle] = []  # of all channels of an asset
        for alarm in self.alarms:
            if isinstance(alarm.rule, Joint):
                self.together.append(alarm)
                continue
            whole = isinstance(alarm.rule, Absence) and alarm.rule.whole_asset
            for slot in range(len(plan.channels)) if whole else (alarm.watched.slot,):
                self.by_slot[slot].append(alarm)
        self.announcer = Announcer(plan, self.rows, self.banks)
        joint = next((a.rule for a in self.together if isinstance(a.rule, Joint)), None)
        self.reporter = Reporter(plan.model, self.rows, joint)
        self.quality = Quality(self.rows, self.by_slot, joint, robust=plan.robust)
        self._held: list[tuple[Lifecycle, int, Transition, float, float]] = []  # changes told when all channels are in
        bands = self.announcer.forecaster.bands
        self.bands = [
            (bands[where[0]],) if bands and where is not None else () for _, where, _ in plan.shape
        ]  # by slot
        self.fleets = [(alarm, alarm.fleet) for alarm in self.alarms if alarm.fleet is not None]
        self.silence = Silence(plan.config.silence, self.rows, self.banks, self.alarms)
        self.setback = SetBack(self.rows, self.banks, self.alarms, bands, float(plan.config.time.max_ahead))
        self.runs = Runs(self)
        self._message = 0  # of the batch, that is worked on
        self._round: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None  # rows that are, and their messages
        self.tracing = False
        # Readings of one time are in the order of the filters' entries; in any other they would count as late.
        last = [max((entry for _, entry in targets), default=0) for targets in plan.targets]
        self.turn = {slot: turn for turn, slot in enumerate(sorted(range(len(last)), key=last.__getitem__))}

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, name: str, now: float) -> int:
        """A new twin, made at `now` (NaN: when time first passes); returns its row. The caller has checked the cap."""
        if len(self.rows) >= self.rows.capacity:
            for bank in self.banks:
                bank.grow(len(self.rows) + 1)
            capacity = self.banks[0].capacity
            self.rows.grow(capacity)
            for slot, ((b, entry), *_) in enumerate(self.plan.targets):
                if entry < self.banks[b].measured:
                    self.rows.share(f"surprise{slot}", self.banks[b].columns[f"c{entry}"])
            for alarm in self.alarms:
                alarm.grow(capacity)
            self.announcer.forecaster.grow(capacity)
            self.announcer.bind()
        row = self.rows.add(name, now)
        self.silence.expect(row, now)
        for _, fleet in self.fleets:
            fleet.expect(now)
        return row

    # -- taking samples

    def take(self, samples: Samples, arrivals: Arrivals, out: Outputs) -> None:
        """Work through the samples of a batch. Publications come out in the order of the messages."""
        if self.setback.marked:
            out.set_back += [back for _, back in self.setback.meet(samples, arrivals.received)]
        count = len(samples.rows)
        distinct = len(set(samples.rows)) if count >= FEW else 0
        while count >= max(LEAST, REPEATS * distinct) and self.runs.possible and not self.tracing:
            left = self.runs.take(samples, arrivals, out)
            if left is samples:
                break
            few = (count - len(left.rows)) * LOOKS < count
            late, samples = self.runs.overdue(left)
            if late.rows:
                self._take_floats(late, arrivals, out)
            count, distinct = len(samples.rows), len(set(samples.rows))
            if few or not late.rows:
                break
        if not count:
            self.announcer.flush(out)
            return
        # As many rounds as the busiest asset has samples: arrays pay where these hold enough rows on average.
        rounds = 1 if distinct == count or distinct < FEW else max(Counter(samples.rows).values())
        if self.tracing or distinct < FEW or count < rounds * FEW:
            self._take_floats(samples, arrivals, out)
        else:
            self._take_arrays(samples, distinct == count, arrivals, out)
        self.announcer.flush(out)

    def _take_floats(self, s: Samples, arrivals: Arrivals, out: Outputs) -> None:
        last = len(s.rows) - 1
        self._round = None
        columns = list(zip(s.slots, s.columns, strict=True))
        if len(columns) > 1:
            columns.sort(key=lambda c: self.turn[c[0]])
        used = False
        for k, (message, row, time) in enumerate(zip(s.message, s.rows, s.times, strict=True)):
            moved = False
            self._message = message
            for slot, column in columns:
                value = column[k]
                if value is not None:
                    moved |= self._take_value(slot, row, time, value, message, arrivals, out)
            if moved and self.together:
                self._relate(row, time, arrivals.received[message], out)
            used |= moved
            if k == last or s.message[k + 1] != message:
                if used:
                    received = arrivals.received[message]
                    if self.rows.views["status"][row] != Status.LIVE:
                        self._wake(row, received)
                    self.announcer.updated(message, row, received)
                used = False

    def _take_value(
        self, slot: int, row: int, time: float, value: float, message: int, arrivals: Arrivals, out: Outputs
    ) -> bool:
        """One reading of one channel; whether it was used."""
        where = self.plan.targets[slot]
        outcome = self._update(where, row, time, value)
        b, entry = where[0]
        bank = self.banks[b]
        if outcome == Outcome.LATE and self.setback.disbelieves(row, bank, arrivals.received[message]):
            out.set_back.append(self.setback.start_over(row, time))
            outcome = self._update(where, row, time, value)
        if outcome >= Outcome.LATE:
            detail = f"{self.plan.channels[slot].name} at {time!r}"
            out.rejects.append(Reject(arrivals.topics[message], _REASONS[outcome], detail))
        else:
            out.readings += 1
            out.late += outcome == Outcome.PLACED
            received = arrivals.received[message]
            views = self.rows.views
            views["seen"][row] = received
            if not views["time"][row] >= time:
                views["time"][row] = time
            if entry < bank.measured:
                self._judge(slot, row, bank, entry, time, received, outcome == Outcome.PLACED, out)
            else:
                views[f"quality{slot}"][row] = GOOD
        if self.tracing:
            out.trace.append(self._trace(slot, row, bank, entry, time, value, outcome))
        return outcome < Outcome.LATE

    def _update(self, where: Sequence[tuple[int, int]], row: int, time: float, value: float) -> Outcome:
        """Into each bank that takes it; what became of it in the first, whose channel it is."""
        outcome = Outcome.LATE
        for b, entry in reversed(where):
            outcome = self.banks[b].update(row, entry, time, value)
        return outcome

    def _judge(
        self, slot: int, row: int, bank: Bank, entry: int, time: float, received: float, placed: bool, out: Outputs
    ) -> None:
        nis = bank.views[f"i{entry}"][row]
        if not placed:  # else it is the newest reading's, which was counted when it came
            out.add_nis(bank.component.model, nis, 1)
            for bands in self.bands[slot]:
                bands.observe(row, entry, time, bank.views[f"z{entry}"][row])
        for alarm in self.by_slot[slot]:
            change = alarm.reading(row, time)
            if change is not None:
                self._read(alarm, row, change, time, received, out)
        if self.quality.mark(slot, row, bank, entry) and not placed:
            out.relearned.append((self.rows.names[row], self.plan.channels[slot].name))

    def _trace(
        self, slot: int, row: int, bank: Bank, entry: int, time: float, value: float, outcome: Outcome
    ) -> TraceRow:
        """A placed reading shows the innovation it had in its place, not that of the newest."""
        asset, name = self.rows.names[row], self.plan.channels[slot].name
        active = self.alarming(slot, row)
        if outcome >= Outcome.LATE or entry >= bank.measured:
            return TraceRow(time, asset, name, value, None, None, None, 0.0, 0.0, active)
        if outcome == Outcome.PLACED:
            expected, variance, nis, surprise = bank.placed
        else:
            expected, variance, nis, surprise = (bank.views[f"{c}{entry}"][row] for c in "ysic")
        score = max((a.rule.value(row) for a in self.by_slot[slot] if a.scores), default=0.0)
        std = math.sqrt(max(variance, 0.0))
        return TraceRow(time, asset, name, value, expected, std, nis, surprise, score, active)

    def alarming(self, slot: int, row: int) -> int:
        """1 while an alarm that watches this channel is active."""
        return int(any(a.phase[row] >= ACTIVE for a in self.by_slot[slot]))

    def _take_arrays(self, s: Samples, distinct: bool, arrivals: Arrivals, out: Outputs) -> None:
        """In rounds: no asset twice in a round, each asset's order kept."""
        rows, message = np.array(s.rows, np.intp), np.array(s.message, np.intp)
        whole = Round(rows, np.array(s.times), np.zeros(0), np.array(arrivals.received)[message], message)
        values = [
            (slot, np.array([math.nan if v is None else v for v in c] if None in c else c, float))
            for slot, c in sorted(zip(s.slots, s.columns, strict=True), key=lambda c: self.turn[c[0]])
        ]
        ends = np.append(message[1:] != message[:-1], True)
        single = bool(ends.all())
        taken: set[int] = set()  # messages of several samples of which one was used
        for k in [np.arange(len(rows))] if distinct else _rounds(s.rows):
            used = np.zeros(len(k), bool)
            self._round = rows[k], message[k]
            for slot, column in values:
                z = column[k]
                present = z == z
                which = k if present.all() else k[present]
                if len(which):
                    part = Round(rows[which], whole.times[which], column[which], whole.arrived[which], message[which])
                    used[present] |= self._take_column(slot, part, arrivals, out)
            if self.together and used.any():
                done = k[used]
                self._relate_many(rows[done], whole.times[done], whole.arrived[done], out)
            if not single:
                taken.update(message[k[used]].tolist())
                used = ends[k] & np.array([m in taken for m in message[k].tolist()], bool)
            if used.any():
                done = k if used.all() else k[used]
                self._finish(rows[done], message[done].tolist(), whole.arrived[done])

    def _take_column(self, slot: int, part: Round, arrivals: Arrivals, out: Outputs) -> NDArray[np.bool_]:
        """One channel's readings of a round; which of them were used."""
        codes: NDArray[np.uint8] | None = None
        for b, entry in reversed(self.plan.targets[slot]):
            codes = self.banks[b].update_many(part.rows, entry, part.times, part.values)
        used = in_order = np.ones(len(part.rows), bool)
        if codes is not None:
            self._believe_again(slot, part, codes, out)
            used = codes < Outcome.LATE
            name = self.plan.channels[slot].name
            for j in np.flatnonzero(~used).tolist():
                topic = arrivals.topics[int(part.message[j])]
                out.rejects.append(
                    Reject(topic, _REASONS[Outcome(int(codes[j]))], f"{name} at {float(part.times[j])!r}")
                )
            out.late += int((codes == Outcome.PLACED).sum())
            in_order = codes[used] == Outcome.USED
            part = part.at(used)
        if len(part.rows):
            out.readings += len(part.rows)
            c = self.rows.columns
            c["seen"][part.rows] = part.arrived
            newest = c["time"][part.rows]
            c["time"][part.rows] = np.where(newest >= part.times, newest, part.times)
            self._judge_many(slot, part, in_order, out)
        return used

    def _believe_again(self, slot: int, part: Round, codes: NDArray[np.uint8], out: Outputs) -> None:
        """Late readings of rows whose newest time cannot be believed are taken after all; `codes` is corrected."""
        where = self.plan.targets[slot]
        bank = self.banks[where[0][0]]
        for j in np.flatnonzero(codes == Outcome.LATE).tolist():
            row, time = int(part.rows[j]), float(part.times[j])
            if self.setback.disbelieves(row, bank, float(part.arrived[j])):
                out.set_back.append(self.setback.start_over(row, time))
                codes[j] = self._update(where, row, time, float(part.values[j]))

    def _judge_many(self, slot: int, part: Round, in_order: NDArray[np.bool_], out: Outputs) -> None:
        c, rows = self.rows.columns, part.rows
        b, entry = self.plan.targets[slot][0]
        bank = self.banks[b]
        if entry >= bank.measured:
            c[f"quality{slot}"][rows] = GOOD
            return
        nis = bank.columns[f"i{entry}"][rows]
        out.add_nis(bank.component.model, float(nis[in_order].sum()), int(in_order.sum()))
        for bands in self.bands[slot]:
            new = rows[in_order]
            bands.observe_many(new, entry, part.times[in_order], bank.columns[f"z{entry}"][new])
        for alarm in self.by_slot[slot]:
            for j, change in alarm.readings(rows, part.times):
                self._read(alarm, int(rows[j]), change, float(part.times[j]), float(part.arrived[j]), out)
        for row in rows[self.quality.mark_many(slot, rows, bank, entry) & in_order].tolist():
            out.relearned.append((self.rows.names[row], self.plan.channels[slot].name))

    def _relate(self, row: int, time: float, received: float, out: Outputs) -> None:
        """All channels of a sample are in: hold them against each other, then tell what changed."""
        for alarm in self.together:
            change = alarm.reading(row, time)
            if change is not None:
                self._held.append((alarm, row, change, time, received))
        self.quality.relate(row)
        self._release(out)

    def _relate_many(
        self, rows: NDArray[np.intp], times: NDArray[np.float64], arrived: NDArray[np.float64], out: Outputs
    ) -> None:
        """As `_relate`, for different rows."""
        for alarm in self.together:
            for j, change in alarm.readings(rows, times):
                self._held.append((alarm, int(rows[j]), change, float(times[j]), float(arrived[j])))
        self.quality.relate_many(rows)
        self._release(out)

    def _read(self, alarm: Lifecycle, row: int, change: Transition, time: float, received: float, out: Outputs) -> None:
        """A reading changed an alarm. Where siblings have a say in what is told, it waits for those of the same sample."""
        if self.together:
            self._held.append((alarm, row, change, time, received))
        else:
            self._changed(alarm, row, change, time, received, out, Cause.READING)

    def happened(
        self, alarm: Lifecycle, row: int, change: Transition, time: float, received: float, message: int, out: Outputs
    ) -> None:
        """A reading changed an alarm, and the row is shown as it was then."""
        self._round, self._message = None, message
        self._changed(alarm, row, change, time, received, out, Cause.READING)

    def _release(self, out: Outputs) -> None:
        for held in self._held:
            self._changed(*held, out, Cause.READING)
        self._held.clear()

    def _changed(
        self,
        alarm: Lifecycle,
        row: int,
        change: Transition,
        time: float,
        received: float,
        out: Outputs,
        cause: Cause,
        deed: Deed | None = None,
    ) -> None:
        """Every change of an alarm comes through here, and is said unless an operator wants to hear nothing of it."""
        if isinstance(alarm.rule, Absence) and change in _GONE:
            self.silence.expect(row, received)
        if cause is not Cause.COMMAND and change is not Transition.UNSHELVED and alarm.operator.hides(row):
            if isinstance(alarm.rule, Absence):
                out.said.append(Said(self._order(row), alarm, row, None, received, cause))
            return
        alarm.count[row] += 1
        told = self.reporter.changed(alarm, row, change, time, received, cause=cause, deed=deed)
        out.said.append(Said(self._order(row), alarm, row, told, received, cause))

    def _order(self, row: int) -> int:
        """The message of the batch that is worked on, of this row."""
        if self._round is None:
            return self._message
        rows, messages = self._round
        return int(messages[np.flatnonzero(rows == row)[0]])

    def reconfigured(self, alarm: Lifecycle, row: int, out: Outputs) -> None:
        """The configuration has let go of a latched alarm."""
        self._changed(alarm, row, Transition.RESET, math.nan, math.nan, out, Cause.CONFIGURATION)

    def act(self, alarm: Lifecycle, verb: Verb, row: int, deed: Deed, until: float, out: Outputs) -> bool:
        """An operator does something about one alarm of one twin; whether that changed anything."""
        self._round, self._message = None, 0
        change = alarm.act(verb, row, deed, until)
        if change is not None:
            self._changed(alarm, row, change, deed.time, deed.time, out, Cause.COMMAND, deed)
        return change is not None

    def _finish(self, rows: NDArray[np.intp], messages: list[int], arrived: NDArray[np.float64]) -> None:
        status = self.rows.columns["status"][rows]
        awake = status == Status.LIVE
        if not awake.all():
            asleep = ~awake
            self._wake_many(rows[asleep], status[asleep], arrived[asleep])
        self.announcer.updated_many(rows, messages, arrived)

    def _wake(self, row: int, received: float) -> None:
        """A twin that is learning, coasting or stale took a reading."""
        spoken = [n for bank in self.banks for k in range(bank.measured) if (n := bank.views[f"n{k}"][row]) > 0.0]
        learned = bool(spoken) and min(spoken) >= self.config.learning
        before = self.rows.views["status"][row]
        now = self.rows.views["status"][row] = Status.LIVE if learned else Status.LEARNING
        if now != before:
            self.silence.expect(row, received)

    def _wake_many(self, rows: NDArray[np.intp], before: NDArray[np.uint8], received: NDArray[np.float64]) -> None:
        """As `_wake`, for different rows."""
        fewest = np.full(len(rows), math.inf)
        for bank in self.banks:
            for k in range(bank.measured):
                count = bank.columns[f"n{k}"][rows]
                fewest = np.where(count > 0.0, np.minimum(fewest, count), fewest)
        learned = (fewest >= self.config.learning) & (fewest < math.inf)
        now = np.where(learned, Status.LIVE, Status.LEARNING)
        self.rows.columns["status"][rows] = now
        for j in np.flatnonzero(now != before).tolist():
            self.silence.expect(int(rows[j]), float(received[j]))

    # -- time

    def next_time(self) -> float:
        """Arrival-clock time at which `on_time` has something to do."""
        due = self.silence.due
        for alarm in self.alarms:
            if alarm.waiting:
                due = min(due, alarm.deadline(self.rows.lags))
            due = min(due, alarm.operator.due)
        for _, fleet in self.fleets:
            due = min(due, fleet.due)
        return due

    def on_time(self, now: float, out: Outputs) -> None:
        """What silence and the passing of time bring: coasting, stale, absence, delays that ran out."""
        self._round, self._message = None, 0
        for alarm in self.alarms:
            if alarm.waiting:
                for row, change, time in alarm.elapse(now, self.rows.lags):
                    self._changed(alarm, row, change, time, now, out, Cause.TIME)
            for row, change in alarm.unshelve(now):
                self._changed(alarm, row, change, now, now, out, Cause.TIME)
        for alarm, fleet in self.fleets:
            if now >= fleet.due:
                alarm.tally(now, len(self.rows))
            else:
                fleet.expect(now)
        if now >= self.silence.due:
            for row, _ in self.silence.pass_by(now):
                self.announcer.silent(row, now)
            self.announcer.flush(out)
            for alarm, rows in self.silence.absent(now):
                for row in rows:
                    absent = alarm.missing(row, now)
                    if absent is not None:
                        self._changed(alarm, row, absent, now, now, out, Cause.TIME)

    # -- an input that many assets share

    def drive(self, bank: int, entry: int, time: float, value: float, received: float = math.inf) -> bool:
        """A shared input's new value for every twin, also for those to come; whether any use could be made of it."""
        b = self.banks[bank]
        # What has no time of its own is news whenever it comes.
        believed = -math.inf if time == received else received + float(self.config.time.max_ahead)
        news = b.hold(entry, time, value, believed)
        size = len(self.rows)
        begun = np.flatnonzero(~np.isnan(b.columns["T"][:size])) if size else np.zeros(0, np.intp)
        if not len(begun):
            return news
        codes = b.update_many(begun, entry, np.full(len(begun), time), np.full(len(begun), value))
        return news or codes is None or bool((codes < Outcome.LATE).any())


def _rounds(rows: list[int]) -> list[NDArray[np.intp]]:
    """Positions of the samples, cut so that no row repeats within a round and each row's order holds."""
    turns: dict[int, int] = {}
    turn = []
    for row in rows:
        n = turns.get(row, 0)
        turn.append(n)
        turns[row] = n + 1
    numbers = np.array(turn)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
