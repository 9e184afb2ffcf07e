"""One asset block: its twins as rows, from samples to innovations, judgement, alarms and publications.

A block owns one bank per component of its model, and columns of its own for what belongs to the whole asset. It is
pure: times come with the samples, or as `now`. Routing and decoding happen before it, in `agent.decode`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.alarms.lifecycle import Lifecycle
from agent.alarms.rules import Absence, Watched
from agent.bank import FEW, Bank, Outcome
from agent.build import Plan, lifecycles
from agent.encode import ENCODER, AlarmMessage, StateEncoder
from agent.foresee import Forecaster
from agent.judge import surprise, surprises
from agent.kernel import GATE
from agent.topics import safe_level
from agent.types import STATUS_NAMES, AlarmChange, Outputs, Publications, Reason, Reject, Status, TraceRow, Transition

COAST_INTERVALS, STALE_INTERVALS = 5.0, 20.0
COAST_LEAST, STALE_LEAST = 5.0, 30.0
GOOD, UNCERTAIN, BAD = 0, 1, 2
_REASONS = {Outcome.LATE: Reason.LATE, Outcome.DUPLICATE: Reason.DUPLICATE}


class Samples(NamedTuple):
    """Decoded samples of one block, in order of arrival; columns of equal length."""

    message: list[int]  # position of the message in the batch
    rows: list[int]
    times: list[float]
    columns: list[list[float | None]]  # one per field of the lane
    slots: tuple[int, ...]  # the channel slot of each column


class Pending(NamedTuple):
    """Publications gathered while a batch is worked on, put in message order at the end."""

    messages: list[int]
    topics: list[bytes]
    payloads: list[bytes]


class Block:
    """The twins of one asset block."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config
        robust = plan.config.gate == "robust"
        window, late = plan.config.time.window, float(plan.config.time.late)
        self.banks = [Bank(c, robust=robust, window=window, late=late) for c in plan.components]
        self.names: list[str] = []
        self.row_of: dict[str, int] = {}
        self.safe: list[bytes] = []
        self.columns: dict[str, NDArray[Any]] = {
            "seen": np.zeros(0),  # arrival of the newest reading
            "made": np.zeros(0),  # when the twin came to be
            "time": np.zeros(0),  # event time of the newest reading
            "forecast": np.zeros(0),  # when the next forecast is due
            "published": np.zeros(0),  # when a state was last published
            "status": np.zeros(0, np.uint8),
            "seq": np.zeros(0, np.int64),
        }
        for slot in range(len(plan.channels)):
            self.columns[f"surprise{slot}"] = np.zeros(0)
            self.columns[f"quality{slot}"] = np.zeros(0, np.uint8)
        self.policy = plan.config.state.policy
        self.tracked = sum(len(c.states) for c in plan.components) if self.policy == "change" else 0
        for k in range(self.tracked):
            self.columns[f"sent{k}"] = np.zeros(0)
        self.views: dict[str, Any] = {}
        self.capacity = 0
        self.alarms = lifecycles(plan, self)
        self.by_slot: list[list[Lifecycle]] = [[] for _ in plan.channels]
        for alarm in self.alarms:
            if isinstance(alarm.rule, Absence) and alarm.rule.whole_asset:
                for slot in range(len(plan.channels)):
                    self.by_slot[slot].append(alarm)
            else:
                self.by_slot[alarm.watched.slot].append(alarm)
        self.model = plan.model
        self.encoder = StateEncoder(self.banks, plan.shape, plan.model)
        self.forecaster = Forecaster(self.banks, [float(h) for h in plan.config.forecast.horizons], plan.model)
        self.prefix = plan.prefix
        self.due = math.inf
        self.tracing = False
        self._mixed: Pending = Pending([], [], [])
        self._foreseen: Pending = Pending([], [], [])

    def __len__(self) -> int:
        return len(self.names)

    # -- rows

    def add(self, name: str, now: float) -> int:
        """A new twin; returns its row. The caller has checked the cap."""
        row = len(self.names)
        self.names.append(name)
        self.row_of[name] = row
        self.safe.append(safe_level(name).encode())
        if row >= self.capacity:
            self._grow(row + 1)
        for bank in self.banks:
            bank.size = row + 1
        self.views["made"][row] = now
        self.due = min(self.due, now + self._first_deadline(row)) if now == now else -math.inf
        return row

    def _first_deadline(self, row: int) -> float:
        """Shortest silence after which something about this row may change."""
        waits = [self._coast_after(row), self._stale_after(row)]
        waits += [a.rule.after for a in self.alarms if isinstance(a.rule, Absence) and a.rule.after is not None]
        return min(waits)

    def _grow(self, size: int) -> None:
        for bank in self.banks:
            bank.grow(max(size, self.capacity + 1))
        self.capacity = self.banks[0].capacity
        for name, old in self.columns.items():
            fresh = np.zeros(self.capacity, old.dtype)
            if name in ("seen", "time") or name.startswith("sent"):
                fresh[len(old) :] = math.nan
            if name.startswith("quality"):
                fresh[len(old) :] = BAD
            fresh[: len(old)] = old
            self.columns[name] = fresh
            self.views[name] = memoryview(fresh)
        for alarm in self.alarms:
            alarm.grow(self.capacity)
        self.encoder.bind(self.columns, self.views)

    # -- taking samples

    def take(self, samples: Samples, received: Sequence[float], topics: Sequence[bytes], out: Outputs) -> None:
        """Work through the samples of one lane in a batch. Outputs are in the order of the messages."""
        count = len(samples.rows)
        self._mixed, self._foreseen = Pending([], [], []), Pending([], [], [])
        distinct = len(set(samples.rows)) if count >= FEW else 0
        if self.tracing or count < FEW or count > distinct * 16 or distinct < FEW:
            self._take_floats(samples, received, topics, out)
        else:
            self._take_arrays(samples, distinct, received, topics, out)
        state, forecast = self.config.state, self.config.forecast
        self._emit(self._mixed, out, state.qos, state.retain, None if state.expiry is None else max(1, int(state.expiry)))
        longest = int(max(self.forecaster.horizons, default=0.0)) or None
        self._emit(self._foreseen, out, forecast.qos, forecast.retain, longest)
        out.states += len(self._mixed.topics)
        out.forecasts += len(self._foreseen.topics)

    @staticmethod
    def _emit(pending: Pending, out: Outputs, qos: int, retain: bool, expiry: int | None) -> None:
        if not pending.topics:
            return
        topics, payloads = pending.topics, pending.payloads
        if any(a > b for a, b in zip(pending.messages, pending.messages[1:], strict=False)):
            order = sorted(range(len(topics)), key=pending.messages.__getitem__)
            topics, payloads = [topics[k] for k in order], [payloads[k] for k in order]
        out.publications.append(Publications(topics, payloads, qos, retain, expiry))

    def _take_floats(self, s: Samples, received: Sequence[float], topics: Sequence[bytes], out: Outputs) -> None:
        targets = [self.plan.targets[slot] for slot in s.slots]
        last = len(s.rows) - 1
        used_in_message = False
        for k, (message, row, time) in enumerate(zip(s.message, s.rows, s.times, strict=True)):
            used = False
            for slot, column, where in zip(s.slots, s.columns, targets, strict=True):
                value = column[k]
                if value is not None:
                    used |= self._take_value(message, row, slot, where, time, value, received[message], topics, out)
            used_in_message |= used
            if k == last or s.message[k + 1] != message:
                if used_in_message:
                    self._finish(message, row, time, received[message], out)
                used_in_message = False

    def _take_value(
        self,
        message: int,
        row: int,
        slot: int,
        where: Sequence[tuple[int, int]],
        time: float,
        value: float,
        received: float,
        topics: Sequence[bytes],
        out: Outputs,
    ) -> bool:
        outcome = Outcome.LATE
        for b, entry in where:
            outcome = self.banks[b].update(row, entry, time, value)
        if outcome >= Outcome.LATE:
            out.rejects.append(Reject(topics[message], _REASONS[outcome], f"{self.plan.channels[slot].name} at {time!r}"))
            if self.tracing:
                out.trace.append(TraceRow(time, self.names[row], self.plan.channels[slot].name, value, None, None, None, 0.0, 0.0, 0))
            return False
        out.readings += 1
        out.late += outcome == Outcome.PLACED
        views = self.views
        views["seen"][row] = received
        newest = views["time"][row]
        if not newest >= time:
            views["time"][row] = time
        b, entry = where[0]
        bank = self.banks[b]
        if entry < bank.measured:
            nis = bank.views[f"i{entry}"][row]
            out.nis_sum[bank.component.model] = out.nis_sum.get(bank.component.model, 0.0) + nis
            out.nis_count[bank.component.model] = out.nis_count.get(bank.component.model, 0) + 1
            views[f"surprise{slot}"][row] = surprise(nis)
            views[f"quality{slot}"][row] = UNCERTAIN if nis > GATE and self.plan.robust else GOOD
            for alarm in self.by_slot[slot]:
                change = alarm.reading(row, time)
                if change is not None:
                    self._change(alarm, row, change, time, received, out)
            if self.tracing:
                self._trace(row, slot, bank, entry, time, value, outcome, out)
        else:
            views[f"quality{slot}"][row] = GOOD
            if self.tracing:
                out.trace.append(TraceRow(time, self.names[row], self.plan.channels[slot].name, value, None, None, None, 0.0, 0.0, 0))
        return True

    def _trace(self, row: int, slot: int, bank: Bank, entry: int, time: float, value: float, outcome: Outcome, out: Outputs) -> None:
        """A placed reading shows the innovation it had in its place, not that of the newest."""
        if outcome == Outcome.PLACED:
            expected, variance, nis = bank.placed
        else:
            expected, variance, nis = (bank.views[f"{c}{entry}"][row] for c in "ysi")
        score = max((a.rule.value(row) for a in self.by_slot[slot] if a.scores), default=0.0)
        active = any(a.phase[row] >= 2 for a in self.by_slot[slot])
        name = self.plan.channels[slot].name
        out.trace.append(TraceRow(time, self.names[row], name, value, expected, math.sqrt(max(variance, 0.0)), nis, surprise(nis), score, int(active)))

    def _take_arrays(self, s: Samples, distinct: int, received: Sequence[float], topics: Sequence[bytes], out: Outputs) -> None:
        """Rounds: no asset twice in a round, each asset's order kept."""
        rows, times = np.array(s.rows, np.intp), np.array(s.times)
        message = np.array(s.message, np.intp)
        arrived = np.array(received)[message]
        values = [np.array([math.nan if v is None else v for v in c]) if None in c else np.array(c, float) for c in s.columns]
        ends = np.append(message[1:] != message[:-1], True)
        if distinct == len(rows):
            rounds = [np.arange(len(rows))]
        else:
            seen: dict[int, int] = {}
            turn = []
            for row in s.rows:
                n = seen.get(row, 0)
                turn.append(n)
                seen[row] = n + 1
            order = np.argsort(np.array(turn), kind="stable")
            rounds = np.split(order, np.flatnonzero(np.diff(np.array(turn)[order])) + 1)
        taken: set[int] = set()  # messages of which a reading was used, where they have several samples
        single = bool(ends.all())
        for k in rounds:
            used = np.zeros(len(k), bool)
            for slot, column in zip(s.slots, values, strict=True):
                z = column[k]
                present = ~np.isnan(z)
                which = k if present.all() else k[present]
                if len(which):
                    ok = self._take_column(which, slot, rows, times, column, arrived, message, topics, out)
                    used[present] |= ok
            finish = used
            if not single:
                taken.update(message[k[used]].tolist())
                finish = ends[k] & np.array([m in taken for m in message[k].tolist()], bool)
            if finish.any():
                f = k[finish]
                self._finish_many(rows[f], message[f].tolist(), times[f], arrived[f], out)

    def _take_column(
        self,
        k: NDArray[np.intp],
        slot: int,
        rows: NDArray[np.intp],
        times: NDArray[np.float64],
        column: NDArray[np.float64],
        arrived: NDArray[np.float64],
        message: NDArray[np.intp],
        topics: Sequence[bytes],
        out: Outputs,
    ) -> NDArray[np.bool_]:
        """One channel's readings of a round; which of them were used."""
        r, t, z = rows[k], times[k], column[k]
        codes: NDArray[np.uint8] | None = None
        where = self.plan.targets[slot]
        for b, entry in where:
            codes = self.banks[b].update_many(r, entry, t, z)
        ok = np.ones(len(k), bool)
        if codes is not None:
            ok = codes < Outcome.LATE
            name = self.plan.channels[slot].name
            for j in np.flatnonzero(~ok).tolist():
                reason = _REASONS[Outcome(int(codes[j]))]
                out.rejects.append(Reject(topics[int(message[k[j]])], reason, f"{name} at {float(t[j])!r}"))
            out.late += int((codes == Outcome.PLACED).sum())
            r, t, k = r[ok], t[ok], k[ok]
            if not len(r):
                return ok
        out.readings += len(r)
        columns = self.columns
        columns["seen"][r] = arrived[k]
        newest = columns["time"][r]
        columns["time"][r] = np.where(newest >= t, newest, t)
        b, entry = where[0]
        bank = self.banks[b]
        if entry >= bank.measured:
            columns[f"quality{slot}"][r] = GOOD
            return ok
        nis = bank.columns[f"i{entry}"][r]
        model = bank.component.model
        out.nis_sum[model] = out.nis_sum.get(model, 0.0) + float(nis.sum())
        out.nis_count[model] = out.nis_count.get(model, 0) + len(r)
        columns[f"surprise{slot}"][r] = surprises(nis)
        columns[f"quality{slot}"][r] = (nis > GATE) * UNCERTAIN if self.plan.robust else GOOD
        for alarm in self.by_slot[slot]:
            for j, change in alarm.readings(r, t):
                self._change(alarm, int(r[j]), change, float(t[j]), float(arrived[k[j]]), out)
        return ok

    # -- after a message's last sample

    def _finish(self, message: int, row: int, time: float, received: float, out: Outputs) -> None:
        v = self.views
        if v["status"][row] != Status.LIVE:
            self._wake(row, received)
        if self._wants(row, received):
            seq = v["seq"][row] = v["seq"][row] + 1
            v["published"][row] = received
            newest = v["time"][row]
            payload = self.encoder.write(
                newest, received, 0.0, self.names[row], STATUS_NAMES[v["status"][row]], seq, self.encoder.gather(row)
            )
            self._mixed.messages.append(message)
            self._mixed.topics.append(self.topic(row, b"/state"))
            self._mixed.payloads.append(payload)
        if self.forecaster.horizons and not received < v["forecast"][row]:
            self._foresee(message, row, received)

    def _finish_many(
        self,
        rows: NDArray[np.intp],
        messages: list[int],
        times: NDArray[np.float64],
        arrived: NDArray[np.float64],
        out: Outputs,
    ) -> None:
        c = self.columns
        status = c["status"][rows]
        for j in np.flatnonzero(status != Status.LIVE).tolist():
            self._wake(int(rows[j]), float(arrived[j]))
        want = self._want_many(rows, arrived)
        chosen = rows if want is None else rows[want]
        if len(chosen):
            at = arrived if want is None else arrived[want]
            seq = c["seq"][chosen] + 1
            c["seq"][chosen] = seq
            c["published"][chosen] = at
            write, names, safe, prefix = self.encoder.write, self.names, self.safe, self.prefix
            live = [STATUS_NAMES[s] for s in c["status"][chosen].tolist()]
            listed = chosen.tolist()
            self._mixed.payloads.extend(
                [
                    write(t, p, 0.0, names[r], s, q, g)
                    for t, p, r, s, q, g in zip(
                        c["time"][chosen].tolist(), at.tolist(), listed, live, seq.tolist(), self.encoder.gather_many(chosen), strict=True
                    )
                ]
            )
            self._mixed.topics.extend([prefix + safe[r] + b"/state" for r in listed])
            self._mixed.messages.extend(messages if want is None else [m for m, w in zip(messages, want.tolist(), strict=True) if w])
        if self.forecaster.horizons:
            for j in np.flatnonzero(~(arrived < c["forecast"][rows])).tolist():
                self._foresee(messages[j], int(rows[j]), float(arrived[j]))

    def topic(self, row: int, suffix: bytes) -> bytes:
        return self.prefix + self.safe[row] + suffix

    def _foresee(self, message: int, row: int, received: float) -> None:
        v = self.views
        v["forecast"][row] = received + float(self.config.forecast.interval)
        self._foreseen.messages.append(message)
        self._foreseen.topics.append(self.topic(row, b"/forecast"))
        self._foreseen.payloads.append(self.forecaster.write(row, 0.0, v["time"][row], received, self.names[row], v["seq"][row]))

    def _wants(self, row: int, received: float) -> bool:
        """Whether the policy asks for a state message now."""
        if self.policy == "update":
            return True
        if self.policy == "never":
            return False
        due = received - self.views["published"][row] >= self.config.state.interval or self.views["seq"][row] == 0
        if self.policy == "interval":
            return due
        return due or self._moved(row)

    def _moved(self, row: int) -> bool:
        values = self.encoder.gather(row)
        beyond = self.config.state.beyond
        moved = False
        for k in range(self.tracked):
            mean, std = values[2 * k], values[2 * k + 1]
            moved |= not abs(mean - self.views[f"sent{k}"][row]) <= beyond * std
        if moved:
            for k in range(self.tracked):
                self.views[f"sent{k}"][row] = values[2 * k]
        return moved

    def _want_many(self, rows: NDArray[np.intp], arrived: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """As `_wants` for many rows; None: all of them."""
        if self.policy == "update":
            return None
        return np.array([self._wants(r, a) for r, a in zip(rows.tolist(), arrived.tolist(), strict=True)], bool)

    def _wake(self, row: int, received: float) -> None:
        """A twin that is learning, coasting or stale took a reading."""
        learning = self.config.learning
        counts = [bank.views[f"n{k}"][row] for bank in self.banks for k in range(bank.measured)]
        spoken = [n for n in counts if n > 0.0]
        learned = bool(spoken) and min(spoken) >= learning
        self.views["status"][row] = Status.LIVE if learned else Status.LEARNING
        if learned:
            self.due = min(self.due, received + self._first_deadline(row))

    # -- alarms

    def _change(self, alarm: Lifecycle, row: int, change: Transition, time: float, received: float, out: Outputs) -> None:
        name = self.names[row]
        w: Watched = alarm.watched
        columns = w.bank.views
        value = alarm.rule.value(row)
        seq = int(alarm.count[row])
        since = float(alarm.raised[row])
        raised = change is Transition.RAISED
        unit = w.unit
        reported, expected = columns[f"z{w.channel}"][row], columns[f"y{w.channel}"][row]
        std = max(columns[f"s{w.channel}"][row], 0.0) ** 0.5
        whole = isinstance(alarm.rule, Absence)
        subject = name if whole and alarm.rule.whole_asset else f"{name} {w.name}"  # type: ignore[attr-defined]
        if raised:
            text = f"{subject}: {alarm.rule.words}"
            if not whole:
                text += f"; reported {reported:.6g}, expected {expected:.6g} ± {std:.3g}{' ' + unit if unit else ''}"
        else:
            text = f"{subject}: cleared after {max(0.0, time - since):.6g} s: {alarm.rule.words}"
        payload = ENCODER.encode(
            AlarmMessage(
                id=f"{name}/{alarm.name}/{seq}",
                alarm=alarm.name,
                asset=name,
                state="active" if raised else "cleared",
                severity=alarm.severity.value,
                channel=None if whole and alarm.rule.whole_asset else w.name,  # type: ignore[attr-defined]
                rule=alarm.rule.words,
                value=value,
                limit=alarm.rule.limit,
                unit=unit,
                reported=reported,
                expected=expected,
                std=std,
                surprise=self.views[f"surprise{w.slot}"][row],
                since=since,
                time=time,
                processed=received,
                seq=seq,
                model=self.model,
                message=alarm.message,
                text=text,
            )
        )
        topic = self.topic(row, b"/alarm/" + alarm.name.encode())
        out.alarms.append(AlarmChange(name, alarm.name, alarm.severity, change, time, payload, topic))
        out.publications.append(Publications((topic,), (payload,), 1, True))

    # -- time

    def _interval(self, row: int) -> float:
        """The twin's usual time between readings, in seconds, once it has heard two."""
        return max((bank.views["d"][row] for bank in self.banks if bank.views["b"][row] >= 2.0), default=0.0)

    def _coast_after(self, row: int) -> float:
        stated = self.config.silence.coasting
        return float(stated) if stated is not None else max(COAST_LEAST, COAST_INTERVALS * self._interval(row))

    def _stale_after(self, row: int) -> float:
        stated = self.config.silence.stale
        return float(stated) if stated is not None else max(STALE_LEAST, STALE_INTERVALS * self._interval(row))

    def _offset(self, row: int) -> float:
        """Arrival minus event time of the newest reading: turns event times into arrival times."""
        v = self.views
        seen, time = v["seen"][row], v["time"][row]
        return float(seen - time) if seen == seen and time == time else 0.0

    def next_time(self) -> float:
        """Arrival-clock time at which `on_time` has something to do."""
        best = self.due
        for alarm in self.alarms:
            if alarm.waiting:
                best = min(best, alarm.deadline(self._offset))
        return best

    def on_time(self, now: float, out: Outputs) -> None:
        """What silence and the passing of time bring: coasting, stale, absence, delays that ran out."""
        for alarm in self.alarms:
            if alarm.waiting:
                for row, change, time in alarm.elapse(now, self._offset):
                    self._change(alarm, row, change, time, now, out)
        if now >= self.due:
            self._silences(now, out)

    def _silences(self, now: float, out: Outputs) -> None:
        size = len(self.names)
        c = self.columns
        c["made"][:size] = np.where(np.isnan(c["made"][:size]), now, c["made"][:size])
        seen = np.where(np.isnan(c["seen"][:size]), c["made"][:size], c["seen"][:size])
        silent = now - seen
        interval = np.zeros(size)
        for bank in self.banks:
            interval = np.maximum(interval, np.where(bank.columns["b"][:size] >= 2.0, bank.columns["d"][:size], 0.0))
        s = self.config.silence
        coast = np.full(size, float(s.coasting)) if s.coasting is not None else np.maximum(COAST_LEAST, COAST_INTERVALS * interval)
        stale = np.full(size, float(s.stale)) if s.stale is not None else np.maximum(STALE_LEAST, STALE_INTERVALS * interval)
        status = c["status"][:size]
        to_stale = (silent >= stale) & (status != Status.STALE)
        to_coast = (silent >= coast) & (status == Status.LIVE) & ~to_stale
        self._mixed = Pending([], [], [])
        for rows, new in ((to_coast, Status.COASTING), (to_stale, Status.STALE)):
            for row in np.flatnonzero(rows).tolist():
                c["status"][row] = new
                self._publish_silent(row, now)
        state = self.config.state
        self._emit(self._mixed, out, state.qos, state.retain, None)
        out.states += len(self._mixed.topics)
        waits = np.where(status == Status.LIVE, np.minimum(coast, stale), np.where(status == Status.STALE, math.inf, stale))
        self.due = float((seen + waits).min(initial=math.inf))
        for alarm in self.alarms:
            if isinstance(alarm.rule, Absence):
                for row, change, time in alarm.absent(now, c["status"], size):
                    self._change(alarm, row, change, time, now, out)
                self.due = min(self.due, self._next_absence(alarm, now, size))

    def _next_absence(self, alarm: Lifecycle, now: float, size: int) -> float:
        rule = alarm.rule
        assert isinstance(rule, Absence)
        if rule.after is None:
            return math.inf
        heard = rule.memory.columns["heard"][:size]
        heard = np.where(np.isnan(heard), self.columns["made"][:size], heard) + rule.after
        ahead = heard[(alarm.phase[:size] == 0) & (self.columns["status"][:size] != Status.LEARNING)]
        return float(np.maximum(ahead, now + 0.001).min(initial=math.inf))

    def _publish_silent(self, row: int, now: float) -> None:
        """A state message without a reading: the prediction for now, never the last value as if it were new."""
        v = self.views
        if self.policy == "never":
            return
        seen = v["seen"][row]
        heard = seen == seen
        gap = max(0.0, now - seen) if heard else 0.0
        time = v["time"][row] + gap if heard else math.nan
        values = list(self.encoder.gather(row))
        at = 0
        for bank in self.banks:
            n = len(bank.component.states)
            if bank.views["b"][row] > 0.0:
                out = bank.ahead(row, max(0.0, time - bank.views["T"][row]))
                for j in range(n):
                    values[at + 2 * j], values[at + 2 * j + 1] = out[j], max(out[n + j], 0.0) ** 0.5
            else:
                for j in range(n):
                    values[at + 2 * j] = values[at + 2 * j + 1] = math.nan
            at += 2 * n
        seq = v["seq"][row] = v["seq"][row] + 1
        v["published"][row] = now
        age = now - seen if heard else math.nan
        self._mixed.messages.append(len(self._mixed.messages))
        self._mixed.topics.append(self.topic(row, b"/state"))
        self._mixed.payloads.append(
            self.encoder.write(time, now, age, self.names[row], STATUS_NAMES[v["status"][row]], seq, values)
        )

    # -- an input that many assets share

    def drive(self, bank: int, entry: int, time: float, value: float) -> bool:
        """A shared input's new value for every twin; whether any of them took it."""
        size = len(self.names)
        if not size:
            return False
        rows = np.arange(size)
        codes = self.banks[bank].update_many(rows, entry, np.full(size, time), np.full(size, value))
        return codes is None or bool((codes < Outcome.LATE).any())
