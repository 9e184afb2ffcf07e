"""Why an alarm is what it is: present numbers, since when, and what it would take to clear, in words and as data.

Reads what rules and life cycles hold at this moment and changes nothing. How an alarm is told when it changes is
`agent.alarms.report`'s; how this is shown to people, the shell's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from agent.alarms.anomaly import Anomaly
from agent.alarms.joint import Joint
from agent.alarms.lifecycle import ACTIVE, FALLING, NORMAL, RISING, Lifecycle
from agent.alarms.operator import Decisions, moment
from agent.alarms.rules import Absence
from agent.rows import Rows
from agent.types import AlarmState, Withheld

_WITHHELD = {
    Withheld.ASSET.value: "too many changes of this asset's alarms",
    Withheld.OVERALL.value: "too many changes of all alarms together",
    Withheld.GROUP.value: "its group stands for it, or may soon",
}
STATES = {NORMAL: "normal", RISING: "rising", ACTIVE: "active", FALLING: "falling"}


def explain(alarm: Lifecycle, row: int, rows: Rows, now: float, withheld: Withheld | None = None) -> dict[str, Any]:
    """One alarm of one twin, JSON-able. now: arrival clock; withheld: why it is not told as it is."""
    rule = alarm.rule
    w = rule.subject(row) if isinstance(rule, Joint) else alarm.watched
    absence = rule if isinstance(rule, Absence) else None
    whole = absence is not None and absence.whole_asset
    phase = int(alarm.phase[row])
    columns = w.bank.views
    readings = int(columns[f"n{w.channel}"][row])
    raised = phase >= ACTIVE
    since = float(alarm.raised[row]) if raised else None
    numbers: dict[str, float | None] = dict.fromkeys(("value", "limit", "reported", "expected", "std", "surprise"))
    if absence is not None:
        numbers |= {"value": now - absence.heard(row), "limit": absence.limit_of(row)}
    elif readings:
        numbers = {
            "value": rule.evidence(row) if isinstance(rule, Anomaly) else rule.value(row),
            "limit": rule.limit_of(row),
            "reported": columns[f"z{w.channel}"][row],
            "expected": columns[f"y{w.channel}"][row],
            "std": math.sqrt(max(columns[f"s{w.channel}"][row], 0.0)),
            "surprise": rows.views[f"surprise{w.slot}"][row],
        }
    known = {name: None if v is None or not math.isfinite(v) else v for name, v in numbers.items()}
    lag = rows.views["seen"][row] - rows.views["time"][row]
    event_now = now - lag if lag == lag and absence is None else now
    record: dict[str, Any] = {
        "alarm": alarm.name,
        "state": STATES[phase],
        "published": alarm.state(row).value,
        "withheld": None if withheld is None else withheld.value,
        "severity": alarm.severity.value,
        "channel": None if whole else w.name,
        "rule": rule.words,
        "detector": rule.detector(row) if isinstance(rule, Anomaly) else "joint" if isinstance(rule, Joint) else None,
        **known,
        "unit": rule.unit,
        "since": since,
        "seconds": None if since is None else max(0.0, event_now - since),
        "clears": _clears(alarm, row, phase, event_now),
    }
    return record | {"text": _text(alarm, row, record, readings, event_now, w.unit)}


def _clears(alarm: Lifecycle, row: int, phase: int, now: float) -> str | None:
    reset = ", once somebody resets it" if alarm.operator.latching else ""
    if phase == FALLING:
        left = alarm.off_delay - (now - float(alarm.since[row]))
        return (
            f"in {max(0.0, left):.6g} s, unless its condition comes back before that{reset and ', and then'}{reset[1:]}"
        )
    if phase < ACTIVE:
        return "once somebody resets it" if alarm.state(row) is AlarmState.LATCHED else None
    words = alarm.rule.clears(row)
    lasting = f", for {alarm.off_delay:g} s" if alarm.off_delay > 0.0 else ""
    return f"{words}{lasting}{reset and ', and then'}{reset[1:]}"


def _text(alarm: Lifecycle, row: int, r: dict[str, Any], readings: int, now: float, reported: str) -> str:
    """The whole of it in a sentence. reported: the unit of the channel's readings."""
    state, absence = r["state"], isinstance(alarm.rule, Absence)
    words = [f"{alarm.rule.words}: {_present(r, absence=absence)}"]
    if not absence and readings < alarm.learning:
        return f"not judged yet, {readings} of {alarm.learning:g} readings to learn from; {words[0]}"
    if r["detector"] is not None and state in ("active", "falling"):
        words.append(f"told by the detector `{r['detector']}`")
    if state == "rising":
        left = alarm.on_delay - (now - float(alarm.since[row]))
        words.append(f"raised in {max(0.0, left):.6g} s unless its condition goes before that")
    if r["expected"] is not None and state != "normal":
        unit = f" {reported}" if reported else ""
        words.append(
            f"reported {r['reported']:.6g}{unit}, expected {r['expected']:.6g} ± {r['std']:.3g}, "
            f"surprise {r['surprise']:.3g}"
        )
    if r["seconds"] is not None:
        words.append(f"active for {r['seconds']:.6g} s, clears {r['clears']}")
    elif r["clears"] is not None:
        words.append(f"its condition is gone, clears {r['clears']}")
    words += _decided(alarm.operator.of(row))
    if r["withheld"] is not None:
        words.append(f"not told as it is: {_WITHHELD[r['withheld']]}")
    return "; ".join(words)


def _decided(decided: Decisions) -> Iterator[str]:
    """What somebody has decided about it, who, and why."""
    for verb, deed in (
        ("acknowledged", decided.acknowledged),
        (f"shelved until {moment(decided.until)}", decided.shelved),
        ("out of service", decided.disabled),
    ):
        if deed is not None:
            # Others wrote these words: nothing in them may pass for ours, or move a terminal's cursor.
            by = f" by {_plain(deed.by)}" if deed.by else ""
            yield f"{verb}{by}{f' ({_plain(deed.comment)})' if deed.comment else ''}"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() and c != ";" else " " for c in text)


def _present(r: dict[str, Any], *, absence: bool) -> str:
    if r["value"] is None:
        return "no reading yet"
    unit = f" {r['unit']}" if r["unit"] else ""
    value = f"now {r['value']:.6g}{unit}"
    if r["limit"] is None:
        return value
    return f"{value} of {r['limit']:.6g}{unit}" if absence or not unit else f"{value}, limit {r['limit']:.6g}{unit}"
