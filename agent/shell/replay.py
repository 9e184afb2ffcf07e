"""Replay: a recording through the same core as live, with no broker and no clock.

The time of the core is derived from the recording: before a message that arrived at t is taken, everything that was
due until t happens. So the same recording and configuration give the same bytes, however fast it is read. Reading
recordings is `agent.shell.recording`'s; the trace's columns are `agent.shell.trace`'s.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from agent.encode import ENCODER
from agent.shell.recording import BadLine, CsvSource, Record
from agent.shell.trace import Trace
from agent.twins import Twins
from agent.types import Batch, Outputs, Publications, Reason, Reject, TraceRow, Transition

_STUCK_STEP = 1e-3  # seconds by which time is pushed on when a deadline does not pass at its own time


@dataclass(slots=True)
class Summary:
    """What a replay came to."""

    messages: int = 0
    readings: int = 0
    late: int = 0
    states: int = 0
    forecasts: int = 0
    raised: int = 0
    cleared: int = 0
    rejects: Counter[Reason] = field(default_factory=Counter)
    first_rejects: dict[Reason, Reject] = field(default_factory=dict)
    bad_lines: int = 0
    first_bad_line: BadLine | None = None
    began: float | None = None
    ended: float | None = None

    def add(self, out: Outputs) -> None:
        self.messages += out.messages
        self.readings += out.readings
        self.late += out.late
        self.states += out.states
        self.forecasts += out.forecasts
        for reject in out.rejects:
            self.reject(reject)
        for change in out.alarms:
            if change.transition is Transition.RAISED:
                self.raised += 1
            elif change.transition in (Transition.CLEARED, Transition.LATCHED):
                self.cleared += 1

    def reject(self, reject: Reject) -> None:
        self.rejects[reject.reason] += 1
        self.first_rejects.setdefault(reject.reason, reject)

    def bad_line(self, bad: BadLine) -> None:
        self.bad_lines += 1
        self.first_bad_line = self.first_bad_line or bad

    def lines(self, twins: Twins) -> Iterator[str]:
        """The summary in words, a line for each subject."""
        span = ""
        if self.began is not None and self.ended is not None:
            span = f", {_utc(self.began)} to {_utc(self.ended)}"
        yield f"{self.messages} messages{span}"
        late = f" ({self.late} of them late, put in their place)" if self.late else ""
        yield f"{self.readings} readings used{late}, {sum(self.rejects.values())} rejects"
        for reason, count in sorted(self.rejects.items()):
            first = self.first_rejects[reason]
            yield f"  {reason} {count}, first: {first.topic.decode(errors='backslashreplace')}: {first.detail}"
        if self.first_bad_line is not None:
            yield f"  {self.bad_lines} lines are no records, first: line {self.first_bad_line.line}: {self.first_bad_line.reason}"
        statuses = ", ".join(f"{count} {status}" for status, count in twins.status_counts().items() if count)
        yield f"{len(twins)} twins{': ' if statuses else ''}{statuses}"
        yield f"{self.states} states, {self.forecasts} forecasts, alarms {self.raised} raised and {self.cleared} cleared"


def _utc(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Player:
    """Feeds one core with records and the time between them."""

    def __init__(self, twins: Twins, summary: Summary, publish: Callable[[Outputs, float], None] | None) -> None:
        self.twins = twins
        self.summary = summary
        self._publish = publish
        self._max_payload = int(twins.config.mqtt.max_payload)
        self._now = -math.inf

    def take(self, record: Record) -> Outputs:
        """Let time pass until the record arrived, then take it."""
        topic, payload, received, retained = record
        summary = self.summary
        if summary.began is None:
            summary.began = summary.ended = received
        elif received > summary.ended:  # type: ignore[operator]  # set with `began`
            summary.ended = received
        if self.twins.next_time() <= received:
            self._pass_time(received)
        if len(payload) > self._max_payload:
            # A payload of this size never reaches the core of a running agent: its session refuses it.
            detail = f"{len(payload)} bytes, mqtt.max_payload is {self._max_payload}"
            out = Outputs(messages=1, rejects=[Reject(topic, Reason.TOO_LARGE, detail)])
        else:
            out = self.twins.on_batch(Batch((topic,), (payload,), (received,), (retained,)))
        self._hand_on(out, received)
        return out

    def _pass_time(self, until: float) -> None:
        """Everything that falls due until `until`, each at its own time."""
        step = _STUCK_STEP
        while (due := self.twins.next_time()) <= until:
            if due <= self._now and self._now > -math.inf:
                # Rounding can leave a deadline a hair behind the time it was met at; a live clock moves on by itself.
                due = min(until, self._now + step)
                if due <= self._now:
                    return
                step *= 2.0
            else:
                step = _STUCK_STEP
            self._now = due if due > -math.inf else until
            self._hand_on(self.twins.on_time(self._now), self._now)

    def _hand_on(self, out: Outputs, now: float) -> None:
        self.summary.add(out)
        if self._publish is not None and out.publications:
            self._publish(out, now)


def replay_records(records: Iterable[Record | BadLine], player: Player, trace: Trace | None) -> None:
    """Play JSON lines."""
    for record in records:
        if isinstance(record, BadLine):
            player.summary.bad_line(record)
            continue
        out = player.take(record)
        if trace is not None and out.trace:
            trace.write(out.trace)


def replay_csv(source: CsvSource, asset: str, player: Player, trace: Trace | None) -> None:
    """Play the rows of a CSV file; the trace has each channel of each row, whether it was used or not."""
    channels = list(zip(source.channels, source.scale, strict=True))
    (block,) = player.twins.blocks

    def alarming(slot: int) -> int:
        row = block.rows.row_of.get(asset)
        return 0 if row is None else block.alarming(slot, row)

    for row in source.rows():
        if row.record is not None:
            out = player.take(row.record)
        else:
            out = Outputs(messages=1, rejects=[row.reject] if row.reject is not None else [])
            player.summary.add(out)
        if trace is None:
            continue
        if len(out.trace) == len(channels):
            trace.write(out.trace)
        else:
            blank = TraceRow(row.time, asset, "", None, None, None, None, 0.0, 0.0, 0)
            trace.write_whole(out.trace, blank, channels, row.cells, alarming)


class PublicationLines:
    """Publications as JSON lines, in the format that replay reads, with their delivery options."""

    def __init__(self, file: BinaryIO) -> None:
        self._write = file.write

    def __call__(self, out: Outputs, now: float) -> None:
        for group in out.publications:
            self._write(b"".join(_lines(group, now)))


def _lines(group: Publications, now: float) -> Iterator[bytes]:
    options: dict[str, object] = {"received": now, "qos": group.qos, "retain": group.retain}
    if group.expiry is not None:
        options["expiry"] = group.expiry
    for topic, payload in zip(group.topics, group.payloads, strict=True):
        yield ENCODER.encode({"topic": topic.decode(), "payload": payload.decode()} | options) + b"\n"
