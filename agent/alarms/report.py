"""What is said of alarms: the one place where a change of an alarm becomes a publication.

An alarm explains itself: value, limit, expectation, since when, in numbers and in one sentence. When an alarm changes is
`agent.alarms.lifecycle`'s and `agent.alarms.operator`'s; the shape of the message, `agent.encode`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.alarms.lifecycle import Lifecycle
from agent.alarms.operator import Decisions, Deed, moment
from agent.alarms.rules import Absence, Flat, Rule, Watched
from agent.alarms.suspect import NOTHING, PROCESS, Finding
from agent.config import Groups as Settings
from agent.encode import ENCODER, AlarmMessage
from agent.rows import Rows
from agent.topics import safe_level
from agent.types import AlarmChange, AlarmState, Cause, Outputs, Publications, Transition

if TYPE_CHECKING:
    from agent.alarms.groups import Groups

GROUP_ALARM = "group_absence"


class Reporter:
    """Alarm messages of one block."""

    def __init__(self, model: str, rows: Rows, joint: Joint | None = None) -> None:
        """joint: what holds the channels against each other, where something does."""
        self.model = model
        self.rows = rows
        self.joint = joint

    def changed(
        self,
        alarm: Lifecycle,
        row: int,
        change: Transition,
        time: float,
        processed: float,
        *,
        cause: Cause,
        deed: Deed | None = None,
    ) -> AlarmChange:
        """An alarm changed: say everything one needs to know about it. deed: who did it, where it was a command."""
        name = self.rows.names[row]
        topic, payload = self._message(alarm, row, change, time, processed, cause, deed)
        by = "" if deed is None else deed.by
        return AlarmChange(name, alarm.name, alarm.severity, change, time, payload, topic, by)

    def standing(self, alarm: Lifecycle, row: int, processed: float, withheld: int) -> AlarmChange:
        """How an alarm stands, after so many changes that were not said."""
        change, deed = self._standing(alarm, row)
        time = float(alarm.since[row] if change is Transition.CLEARED else alarm.raised[row])
        if deed is not None:
            time = deed.time
        topic, payload = self._message(alarm, row, change, time, processed, Cause.TIME, deed, withheld)
        return AlarmChange(self.rows.names[row], alarm.name, alarm.severity, change, time, payload, topic)

    def again(self, alarm: Lifecycle, row: int, processed: float, out: Outputs) -> None:
        """Say once more how an alarm stands, with the same id: the broker has forgotten it."""
        change, deed = self._standing(alarm, row)
        time = float(alarm.raised[row]) if deed is None else deed.time
        topic, payload = self._message(alarm, row, change, time, processed, Cause.AGAIN, deed)
        out.publications.append(Publications((topic,), (payload,), 1, True))

    def _standing(self, alarm: Lifecycle, row: int) -> tuple[Transition, Deed | None]:
        return _led_to(alarm.state(row), alarm.operator.of(row))

    def _message(
        self,
        alarm: Lifecycle,
        row: int,
        change: Transition,
        time: float,
        processed: float,
        cause: Cause,
        deed: Deed | None,
        withheld: int = 0,
    ) -> tuple[bytes, bytes]:
        name, rule = self.rows.names[row], alarm.rule
        w = rule.subject(row) if isinstance(rule, Joint) else alarm.watched
        columns = w.bank.views
        absence, whole = isinstance(rule, Absence), isinstance(rule, Absence) and rule.whole_asset
        value = processed - rule.value(row) if absence else rule.value(row)
        reported = expected = std = math.nan
        if not absence:
            reported, expected = columns[f"z{w.channel}"][row], columns[f"y{w.channel}"][row]
            std = math.sqrt(max(columns[f"s{w.channel}"][row], 0.0))
        state, decided = alarm.state(row), alarm.operator.of(row)
        since = float(alarm.raised[row]) or math.nan  # NaN: never raised
        text = f"{name if whole else f'{name} {w.name}'}: {_words(change, state, time - since, decided.until, deed)}"
        found = self._found(w, row, rule) if state is AlarmState.ACTIVE and not absence else None
        if isinstance(rule, (Anomaly, Joint)) and change is Transition.RAISED:
            text += rule.explain(row)
        else:
            text += rule.words
        if state is AlarmState.ACTIVE and not absence:
            text += f"; reported {reported:.6g}, expected {expected:.6g} ± {std:.3g}{' ' + w.unit if w.unit else ''}"
        if found is not None and self.joint is not None and (suspected := self.joint.say(w.slot, found)):
            text += f"; {suspected}"
        seq = int(alarm.count[row])
        payload = ENCODER.encode(
            AlarmMessage(
                id=f"{name}/{alarm.name}/{seq}",
                alarm=alarm.name,
                asset=name,
                state=state.value,
                acknowledged=alarm.operator.acknowledged(row),
                acknowledged_at=None if decided.acknowledged is None else decided.acknowledged.time,
                until=decided.until if decided.shelved is not None else None,
                cause=cause.value,
                by="" if deed is None else deed.by,
                comment="" if deed is None else deed.comment,
                severity=alarm.severity.value,
                channel=None if whole else w.name,
                rule=rule.words,
                value=value,
                limit=rule.limit_of(row),
                value_unit=rule.unit,
                unit=w.unit,
                reported=reported,
                expected=expected,
                std=std,
                surprise=math.nan if absence else self.rows.views[f"surprise{w.slot}"][row],
                suspect=UNSET if found is None else found.suspect,
                since=since,
                time=time,
                processed=processed,
                seq=seq,
                model=self.model,
                message=alarm.message,
                text=text,
                withheld=withheld or UNSET,
            )
        )
        return self.rows.topic(row, b"/alarm/" + alarm.name.encode()), payload

    def _found(self, w: Watched, row: int, rule: Rule) -> Finding | None:
        """What its siblings say of a channel."""
        if self.joint is None or w.slot not in self.joint.position:
            return None
        found = self.joint.finding(w.slot, row) or NOTHING
        # A channel at rest did not change along with anything.
        at_rest = isinstance(rule, Flat) or (isinstance(rule, Anomaly) and rule.detector(row) == "flat")
        return NOTHING if at_rest and found.suspect == PROCESS else found


def _words(change: Transition, state: AlarmState, lasted: float, until: float, deed: Deed | None) -> str:
    """What happened, as the beginning of a sentence that ends with the rule."""
    by = f" by {deed.by}" if deed is not None and deed.by else ""
    match change:
        case Transition.RAISED:
            return ""
        case Transition.CLEARED:
            return f"cleared after {max(0.0, lasted):.6g} s: "
        case Transition.LATCHED:
            return "the condition is gone, latched until reset: "
        case Transition.SHELVED:
            return f"shelved until {moment(until)}{by}: "
        case Transition.UNSHELVED | Transition.ENABLED:
            return f"{'no longer shelved' if change is Transition.UNSHELVED else 'in service again'}{by}, {state}: "
        case Transition.DISABLED:
            return f"out of service{by}: "
    return f"{change}{by}: "


def _led_to(state: AlarmState, decided: Decisions) -> tuple[Transition, Deed | None]:
    """What led to the state of an alarm, and who did it."""
    states: dict[AlarmState, tuple[Transition, Deed | None]] = {
        AlarmState.ACKNOWLEDGED: (Transition.ACKNOWLEDGED, decided.acknowledged),
        AlarmState.LATCHED: (Transition.LATCHED, None),
        AlarmState.CLEARED: (Transition.CLEARED, None),
        AlarmState.SHELVED: (Transition.SHELVED, decided.shelved),
        AlarmState.DISABLED: (Transition.DISABLED, decided.disabled),
    }
    return states.get(state, (Transition.RAISED, None))


def rule_of(groups: Settings) -> str:
    """What a group's alarm watches, in words."""
    return f"{groups.share:.6g} of the assets behind it are silent, at least {groups.least}"


class GroupReporter:
    """Alarm messages of groups."""

    def __init__(self, groups: Groups, prefix: bytes) -> None:
        self.groups = groups
        self.prefix = prefix

    def standing(self, group: int, now: float, withheld: int, cause: Cause = Cause.TIME) -> AlarmChange:
        """How a group's alarm stands, after so many changes that were not said."""
        change, deed = _led_to(self.groups.state(group), self.groups.operator.of(group))
        return self.changed(group, change, now, cause, deed, withheld)

    def changed(
        self, group: int, change: Transition, now: float, cause: Cause, deed: Deed | None, withheld: int = 0
    ) -> AlarmChange:
        """A group's alarm changed: how it stands. deed: who did it, where somebody did."""
        g, settings = self.groups.groups[group], self.groups.settings
        tally = self.groups.tally()
        members, silent = int(tally.members[group]), int(tally.silent[group])
        names = self.groups.named(group)
        state, decided = self.groups.state(group), self.groups.operator.of(group)
        if change is Transition.CLEARED:
            text = f"{g.name}: back after {max(0.0, now - g.since):.6g} s, "
        else:
            text = f"{g.name}: {_words(change, state, now - g.since, decided.until, deed)}"
        text += f"{silent} of {members} assets behind it are silent"
        if silent:
            more = f" and {silent - len(names)} more" if silent > len(names) else ""
            text += f": {', '.join(names)}{more}"
        topic = self.prefix + safe_level(g.name).encode() + b"/alarm/" + GROUP_ALARM.encode()
        by = "" if deed is None else deed.by
        message = AlarmMessage(
            id=f"{g.name}/{GROUP_ALARM}/{g.count}",
            alarm=GROUP_ALARM,
            asset=g.name,
            state=state.value,
            acknowledged=self.groups.operator.acknowledged(group),
            acknowledged_at=None if decided.acknowledged is None else decided.acknowledged.time,
            until=decided.until if decided.shelved is not None else None,
            cause=cause.value,
            by=by,
            comment="" if deed is None else deed.comment,
            severity=settings.severity.value,
            channel=None,
            rule=rule_of(settings),
            value=silent,
            limit=max(settings.least, math.ceil(settings.share * members - 1e-9)),
            value_unit="assets",
            unit="",
            reported=None,
            expected=None,
            std=None,
            surprise=None,
            since=g.since,
            time=now if deed is None else deed.time,
            processed=now,
            seq=g.count,
            model="",
            message="",
            text=text,
            withheld=withheld or UNSET,
            assets=names,
        )
        payload = ENCODER.encode(message)
        return AlarmChange(g.name, GROUP_ALARM, settings.severity, change, message.time or now, payload, topic, by)


def farewell(saved: Mapping[str, Any], alarm: str, row: int, since: float, seq: int) -> tuple[bytes, bytes]:
    """Topic and payload that clear an alarm which a snapshot holds and which is no longer configured."""
    name, old = saved["names"][row], saved["alarms"][alarm]
    topic = saved["prefix"] + safe_level(name).encode() + b"/alarm/" + alarm.encode()
    message = AlarmMessage(
        id=f"{name}/{alarm}/{seq}",
        alarm=alarm,
        asset=name,
        state="cleared",
        acknowledged=True,
        acknowledged_at=None,
        until=None,
        cause=Cause.CONFIGURATION.value,
        by="",
        comment="",
        severity=old["severity"],
        channel=None,
        rule=old["rule"],
        value=None,
        limit=None,
        value_unit="",
        unit="",
        reported=None,
        expected=None,
        std=None,
        surprise=None,
        since=since or None,
        time=None,
        processed=None,
        seq=seq,
        model=saved["model"],
        message="",
        text=f"{name}: no longer watched: {old['rule']}",
    )
    return topic, ENCODER.encode(message)
