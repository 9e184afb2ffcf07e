"""What is said of alarms: the one place where a change of an alarm becomes a publication.

An alarm explains itself: value, limit, expectation, since when, in numbers and in one sentence. When an alarm changes is
`agent.alarms.lifecycle`'s; the shape of the message, `agent.encode`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agent.alarms.anomaly import Anomaly
from agent.alarms.lifecycle import Lifecycle
from agent.alarms.rules import Absence
from agent.encode import ENCODER, AlarmMessage
from agent.rows import Rows
from agent.topics import safe_level
from agent.types import AlarmChange, Outputs, Publications, Transition


class Reporter:
    """Alarm messages of one block."""

    def __init__(self, model: str, rows: Rows) -> None:
        self.model = model
        self.rows = rows

    def changed(
        self,
        alarm: Lifecycle,
        row: int,
        change: Transition,
        time: float,
        processed: float,
        out: Outputs,
        *,
        again: bool = False,
    ) -> None:
        """An alarm was raised or cleared: say everything one needs to know about it."""
        name, w = self.rows.names[row], alarm.watched
        columns = w.bank.views
        raised = change is Transition.RAISED
        seq, since = int(alarm.count[row]), float(alarm.raised[row])
        absence = isinstance(alarm.rule, Absence)
        whole = isinstance(alarm.rule, Absence) and alarm.rule.whole_asset
        unit = "s" if absence else w.unit
        value = processed - alarm.rule.value(row) if absence else alarm.rule.value(row)
        reported = expected = std = math.nan
        if not absence:
            reported, expected = columns[f"z{w.channel}"][row], columns[f"y{w.channel}"][row]
            std = math.sqrt(max(columns[f"s{w.channel}"][row], 0.0))
        text = f"{name if whole else f'{name} {w.name}'}: "
        if not raised:
            text += f"cleared after {max(0.0, time - since):.6g} s: "
        anomaly = alarm.rule if isinstance(alarm.rule, Anomaly) else None
        text += anomaly.explain(row) if anomaly is not None and raised else alarm.rule.words
        if raised and not absence:
            text += f"; reported {reported:.6g}, expected {expected:.6g} ± {std:.3g}{' ' + w.unit if w.unit else ''}"
        payload = ENCODER.encode(
            AlarmMessage(
                id=f"{name}/{alarm.name}/{seq}",
                alarm=alarm.name,
                asset=name,
                state="active" if raised else "cleared",
                severity=alarm.severity.value,
                channel=None if whole else w.name,
                rule=alarm.rule.words,
                value=value,
                limit=alarm.rule.limit_of(row),
                unit=unit,
                reported=reported,
                expected=expected,
                std=std,
                surprise=math.nan if absence else self.rows.views[f"surprise{w.slot}"][row],
                since=since,
                time=time,
                processed=processed,
                seq=seq,
                model=self.model,
                message=alarm.message,
                text=text,
            )
        )
        topic = self.rows.topic(row, b"/alarm/" + alarm.name.encode())
        if not again:
            out.alarms.append(AlarmChange(name, alarm.name, alarm.severity, change, time, payload, topic))
        out.publications.append(Publications((topic,), (payload,), 1, True, owed=not again))

    def again(self, alarm: Lifecycle, row: int, processed: float, out: Outputs) -> None:
        """Say once more that an alarm is active, with the same id: the broker has forgotten it."""
        since = float(alarm.raised[row])
        self.changed(alarm, row, Transition.RAISED, since, processed, out, again=True)


def farewell(saved: Mapping[str, Any], alarm: str, row: int, since: float, seq: int) -> tuple[bytes, bytes]:
    """Topic and payload that clear an alarm which was active in a snapshot and is no longer configured."""
    name, old = saved["names"][row], saved["alarms"][alarm]
    topic = saved["prefix"] + safe_level(name).encode() + b"/alarm/" + alarm.encode()
    message = AlarmMessage(
        id=f"{name}/{alarm}/{seq}",
        alarm=alarm,
        asset=name,
        state="cleared",
        severity=old["severity"],
        channel=None,
        rule=old["rule"],
        value=None,
        limit=None,
        unit="",
        reported=None,
        expected=None,
        std=None,
        surprise=None,
        since=since,
        time=None,
        processed=None,
        seq=seq,
        model=saved["model"],
        message="",
        text=f"{name}: no longer watched: {old['rule']}",
    )
    return topic, ENCODER.encode(message)
