"""Alarms for those who look at them: how many are in which state, and which ones, page by page. Nothing changes here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms.floods import Floods
from agent.alarms.lifecycle import ACTIVE, Lifecycle
from agent.alarms.operator import DISABLED, LATCHED, SHELVED, SUPPRESSED, UNACKNOWLEDGED, Decisions, Deed
from agent.alarms.report import GROUP_ALARM, rule_of
from agent.block import Block
from agent.types import AlarmState, Withheld

UNACKED = "unacknowledged"  # no state, but what one asks for: all that waits to be acknowledged
FILTERS = (*(state.value for state in AlarmState), UNACKED)


def counts(floods: Floods) -> dict[AlarmState, int]:
    """Alarms of all twins and groups by their state; of those that are cleared, none."""
    found: dict[AlarmState, int] = dict.fromkeys((s for s in AlarmState if s is not AlarmState.CLEARED), 0)
    for b in floods.blocks:
        for alarm in b.alarms:
            rows = alarm.notable(len(b))
            if len(rows):
                for state in found:
                    found[state] += int(_in(alarm, rows, state).sum())
    for group in floods.groups.notable():
        if (state := floods.groups.state(group)) in found:
            found[state] += 1
    return found


def page(
    floods: Floods, wanted: Collection[str], asset: str | None, offset: int, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many alarms are in the states that are wanted, and some of them. None wanted: all but those plainly normal."""
    total = 0
    some: list[dict[str, Any]] = []
    for b, alarm, rows in _matching(floods.blocks, wanted, asset):
        first = max(0, offset - total)
        some += [
            describe(b, alarm, row, floods.unheard(alarm, row))
            for row in rows[first : first + limit - len(some)].tolist()
        ]
        total += len(rows)
    of_groups = _of_groups(floods, wanted, asset)
    first = max(0, offset - total)
    some += of_groups[first : first + limit - len(some)]
    return total + len(of_groups), some


def _of_groups(floods: Floods, wanted: Collection[str], asset: str | None) -> list[dict[str, Any]]:
    """Alarms of groups in the states that are wanted, JSON-able. None wanted: all but those plainly normal."""
    groups = floods.groups
    if asset is not None:
        numbers = [groups.index[asset]] if asset in groups.index else []
    else:
        numbers = list(range(len(groups.groups))) if AlarmState.CLEARED in wanted else groups.notable()
    found = [_of_group(floods, g) for g in numbers]
    if not wanted and asset is not None:
        return found
    states = set(wanted or FILTERS) - (set() if wanted else {AlarmState.CLEARED})
    hidden = (AlarmState.SHELVED, AlarmState.DISABLED)
    return [
        a
        for a in found
        if a["state"] in states or (UNACKED in states and not a["acknowledged"] and a["state"] not in hidden)
    ]


def _of_group(floods: Floods, number: int) -> dict[str, Any]:
    groups, settings = floods.groups, floods.settings.groups
    group, decided = groups.groups[number], groups.operator.of(number)
    return {
        "asset": group.name,
        "alarm": GROUP_ALARM,
        "state": groups.state(number).value,
        "present": group.stands,
        "acknowledged": groups.operator.acknowledged(number),
        "withheld": floods.unheard_group(number),
        "severity": settings.severity.value,
        "rule": rule_of(settings),
        "seq": group.count,
        "since": group.since if group.stands else None,
        **_decided(decided),
    }


def _matching(
    blocks: Sequence[Block], wanted: Collection[str], asset: str | None
) -> Iterator[tuple[Block, Lifecycle, NDArray[np.intp]]]:
    for b in blocks:
        if asset is not None and asset not in b.rows.row_of:
            continue
        for alarm in b.alarms:
            if asset is not None:
                rows = np.array([b.rows.row_of[asset]], np.intp)
            elif AlarmState.CLEARED in wanted:
                rows = np.arange(len(b))
            else:
                rows = alarm.notable(len(b))
            if wanted or asset is None:
                chosen = np.zeros(len(rows), bool)
                for state in wanted or FILTERS:
                    if wanted or state != AlarmState.CLEARED:
                        chosen |= _in(alarm, rows, state)
                rows = rows[chosen]
            yield b, alarm, rows


def _in(alarm: Lifecycle, rows: NDArray[np.intp], state: str) -> NDArray[np.bool_]:
    """Which rows are in a state; the same as `agent.alarms.operator.state_of`, for many."""
    marks = alarm.operator.marks[rows]
    present = alarm.phase[rows] >= ACTIVE
    unacknowledged = (marks & UNACKNOWLEDGED) != 0
    shown = (marks & SUPPRESSED) == 0
    latched = (marks & LATCHED) != 0
    found: NDArray[np.bool_] = {
        AlarmState.ACTIVE.value: shown & present & unacknowledged,
        AlarmState.ACKNOWLEDGED.value: shown & present & ~unacknowledged,
        AlarmState.LATCHED.value: shown & ~present & latched,
        AlarmState.CLEARED.value: shown & ~present & ~latched,
        AlarmState.SHELVED.value: (marks & SUPPRESSED) == SHELVED,
        AlarmState.DISABLED.value: (marks & DISABLED) != 0,
        UNACKED: shown & unacknowledged,
    }[str(state)]
    return found


def describe(b: Block, alarm: Lifecycle, row: int, withheld: Withheld | None) -> dict[str, Any]:
    """One alarm of one twin, JSON-able. withheld: why it is not published as it is."""
    decided = alarm.operator.of(row)
    present = alarm.present(row)
    return {
        "asset": b.rows.names[row],
        "alarm": alarm.name,
        "state": alarm.state(row).value,
        "present": present,
        "acknowledged": alarm.operator.acknowledged(row),
        "withheld": None if withheld is None else withheld.value,
        "severity": alarm.severity.value,
        "rule": alarm.rule.words,
        "seq": int(alarm.count[row]),
        "since": float(alarm.raised[row]) if present or alarm.operator.marked(row) & LATCHED else None,
        **_decided(decided),
    }


def _decided(decided: Decisions) -> dict[str, Any]:
    """What is in force, who decided it, and why."""
    return {
        "acknowledgement": _deed(decided.acknowledged),
        "shelving": _deed(decided.shelved),
        "until": decided.until if math.isfinite(decided.until) else None,
        "disabling": _deed(decided.disabled),
    }


def _deed(deed: Deed | None) -> dict[str, Any] | None:
    return None if deed is None else deed._asdict()
