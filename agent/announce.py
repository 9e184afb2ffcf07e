"""What a block says of its twins: which messages its policies ask for, in which order, with which delivery options.

States and forecasts of a batch are gathered and come out in the order of the messages that caused them. The words and
numbers of each message are `agent.encode`'s and `agent.foresee`'s; what is said of alarms, `agent.alarms.report`'s.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.bank import Bank
from agent.build import Plan
from agent.encode import StateEncoder
from agent.foresee import Forecaster
from agent.rows import Rows
from agent.template import joined
from agent.types import STATUS_NAMES, Outputs, Publications

_SET_BACK = 1.0  # seconds: a clock that shows that much less was set, and did not just tick unevenly


class Pending(NamedTuple):
    """Publications of one kind gathered while a batch is worked on; parallel columns."""

    messages: list[int]  # position in the batch of the message that caused it
    topics: list[bytes]
    payloads: list[bytes]

    def emit(self, out: Outputs, qos: int, retain: bool, expiry: int | None) -> int:
        """Hand over, in the order of the messages; returns how many."""
        topics, payloads = list(self.topics), list(self.payloads)
        if len(topics) > 1 and self.messages != sorted(self.messages):
            order = sorted(range(len(topics)), key=self.messages.__getitem__)
            topics, payloads = [topics[k] for k in order], [payloads[k] for k in order]
        if topics:
            out.publications.append(Publications(topics, payloads, qos, retain, expiry))
        for column in self:
            column.clear()
        return len(topics)


class Announcer:
    """State and forecast messages of one block."""

    def __init__(self, plan: Plan, rows: Rows, banks: list[Bank]) -> None:
        self.rows = rows
        self.banks = banks
        self.model = plan.model
        self.state = plan.config.state
        self.forecast = plan.config.forecast
        self.encoder = StateEncoder(banks, plan.shape, plan.model)
        self.forecaster = Forecaster(
            banks, [float(h) for h in self.forecast.horizons], plan.model, plan.config.learning
        )
        self.tracked = tracked_states(plan)
        self.paced = self.state.policy in ("interval", "change")  # when a state was last published matters
        self.muted = False  # count what would be said, but write nothing
        self._states = Pending([], [], [])
        self._forecasts = Pending([], [], [])

    def bind(self) -> None:
        self.encoder.bind(self.rows.columns, self.rows.views)

    def flush(self, out: Outputs) -> None:
        """End of a batch: what was gathered goes out."""
        state, forecast = self.state, self.forecast
        expiry = None if state.expiry is None else max(1, int(state.expiry))
        if self._states.topics:
            out.states += self._states.emit(out, state.qos, state.retain, expiry)
        if self._forecasts.topics:
            longest = math.ceil(max(self.forecaster.horizons))
            out.forecasts += self._forecasts.emit(out, forecast.qos, forecast.retain, longest)

    # -- after a message's last sample

    def updated(self, message: int, row: int, received: float) -> None:
        """A message was taken into this row."""
        v = self.rows.views
        if self._wants(row, received):
            seq = v["seq"][row] = v["seq"][row] + 1
            if self.paced:
                v["published"][row] = received
            if not self.muted:
                self._write(message, row, received, seq)
        if self.forecaster.horizons and self.foresight_due(received, v["forecast"][row]) and self.forecaster.ready(row):
            self.foresee(message, row, received)

    def _write(self, message: int, row: int, received: float, seq: int) -> None:
        v = self.rows.views
        status = STATUS_NAMES[v["status"][row]]
        values = self.encoder.gather(row)
        name, topic = self.rows.addressed(row, b"/state")
        payload = self.encoder.write(v["time"][row], received, 0.0, name, status, seq, values)
        self._states.messages.append(message)
        self._states.topics.append(topic)
        self._states.payloads.append(payload)

    def updated_many(self, rows: NDArray[np.intp], messages: list[int], received: NDArray[np.float64]) -> None:
        """As `updated`, for different rows."""
        c = self.rows.columns
        chosen, at, causes = rows, received, messages
        if self.state.policy != "update":
            want = np.array([self._wants(r, a) for r, a in zip(rows.tolist(), received.tolist(), strict=True)], bool)
            chosen, at = rows[want], received[want]
            causes = [m for m, w in zip(messages, want.tolist(), strict=True) if w]
        if len(chosen):
            seq = c["seq"][chosen] + 1
            c["seq"][chosen] = seq
            if self.paced:
                c["published"][chosen] = at
        if len(chosen) and not self.muted:
            safe, texts = self.rows.spelled(chosen)
            columns = c["status"][chosen], c["time"][chosen], at, seq
            self._states.payloads.extend(self.encoder.write_many(chosen, texts, *columns))
            self._states.topics.extend(joined(self.rows.prefix, safe, b"/state"))
            self._states.messages.extend(causes)
        if self.forecaster.horizons:
            for k in np.flatnonzero(self.foresight_due(received, c["forecast"][rows])).tolist():
                if self.forecaster.ready(int(rows[k])):
                    self.foresee(messages[k], int(rows[k]), float(received[k]))

    def foresight_due(self, received: Any, due: Any) -> Any:
        """Whether a forecast is due, of one row or of many; also when a clock that was set back put it off too far."""
        return (received >= due) | (received < due - (float(self.forecast.interval) + _SET_BACK))

    def foresee(self, message: int, row: int, received: float) -> None:
        """Publish a forecast, and say when the next is due."""
        v = self.rows.views
        v["forecast"][row] = received + float(self.forecast.interval)
        if self.muted:
            return
        name, topic = self.rows.addressed(row, b"/forecast")
        seq = v["seq"][row]
        self._forecasts.messages.append(message)
        self._forecasts.topics.append(topic)
        self._forecasts.payloads.append(self.forecaster.write(row, v["time"][row], received, name, seq))

    # -- after many messages of the same rows: `agent.runs`

    def count_run(self, rows: NDArray[np.intp], received: NDArray[np.float64]) -> tuple[NDArray[np.int64], Any]:
        """Messages of these rows, row by row: their states' numbers, and which of them the policy asks for."""
        c, v = self.rows.columns, self.rows.views
        if self.state.policy == "never":
            return c["seq"][rows], np.zeros(len(rows), bool)
        heads = np.append(True, rows[1:] != rows[:-1])
        if self.state.policy == "update":
            begins = np.flatnonzero(heads)
            place = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
            return c["seq"][rows] + 1 + place, np.ones(len(rows), bool)
        sequence, want = np.empty(len(rows), np.int64), np.zeros(len(rows), bool)
        for k, (row, at) in enumerate(zip(rows.tolist(), received.tolist(), strict=True)):
            want[k] = self._wants(row, at)
            if want[k]:
                v["seq"][row] += 1
                v["published"][row] = at
            sequence[k] = v["seq"][row]
        return sequence, want

    def updated_run(
        self,
        rows: NDArray[np.intp],
        messages: NDArray[np.intp],
        received: NDArray[np.float64],
        times: NDArray[np.float64],
        sequence: NDArray[np.int64],
        shown: dict[str, Any],
    ) -> None:
        """Write the states of these rows as they were. shown: the columns that the encoder reads (`names`), at each."""
        if len(rows) and not self.muted:
            safe, texts = self.rows.spelled(rows)
            columns = self.rows.columns["status"][rows], times, received, sequence
            self._states.payloads.extend(self.encoder.write_many(None, texts, *columns, shown=shown))
            self._states.topics.extend(joined(self.rows.prefix, safe, b"/state"))
            self._states.messages.extend(messages.tolist())

    def _wants(self, row: int, received: float) -> bool:
        """Whether the policy asks for a state message now."""
        policy, v = self.state.policy, self.rows.views
        if policy == "update":
            return True
        if policy == "never":
            return False
        # A last time that lies ahead was told by a clock that has been set back since.
        due = v["seq"][row] == 0 or not -_SET_BACK <= received - v["published"][row] < self.state.interval
        return due if policy == "interval" else self._moved(row, due)

    def _moved(self, row: int, due: bool) -> bool:
        """Whether a state is due, or has moved by more than the bound since it was last published; remembers it if so."""
        means, v = self.encoder.gather(row)[: 2 * self.tracked], self.rows.views
        for k in range(self.tracked):
            mean, sent = means[2 * k], v[f"sent{k}"][row]
            # What is not known yet has not moved.
            due |= abs(mean - sent) > self.state.beyond * means[2 * k + 1] or (mean == mean and sent != sent)
        if due:
            for k in range(self.tracked):
                v[f"sent{k}"][row] = means[2 * k]
        return due

    # -- without a reading

    def silent(self, row: int, now: float) -> None:
        """The status changed because nothing came: publish the prediction for now, never the last value as if new."""
        if self.state.policy == "never":
            return
        v = self.rows.views
        age = now - v["seen"][row]  # NaN before the first reading, and so is all that follows from it
        time = v["time"][row] + max(0.0, age)
        values = list(self.encoder.gather(row))
        at = 0
        for bank in self.banks:
            n = len(bank.component.states)
            begun = bank.views["b"][row] > 0.0
            ahead = bank.ahead(row, max(0.0, time - bank.views["T"][row])) if begun else (math.nan,) * (2 * n)
            for j in range(n):
                values[at + 2 * j] = ahead[j]
                values[at + 2 * j + 1] = math.sqrt(ahead[n + j]) if ahead[n + j] > 0.0 else math.nan
            at += 2 * n
        seq = v["seq"][row] = v["seq"][row] + 1
        if self.paced:
            v["published"][row] = now
        status, (name, topic) = STATUS_NAMES[v["status"][row]], self.rows.addressed(row, b"/state")
        self._states.messages.append(len(self._states.messages))
        self._states.topics.append(topic)
        self._states.payloads.append(self.encoder.write(time, now, age, name, status, seq, values))


def tracked_states(plan: Plan) -> int:
    """How many states the `change` policy compares with what was last published."""
    return sum(len(c.states) for c in plan.components) if plan.config.state.policy == "change" else 0
