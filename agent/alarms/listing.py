"""Alarms for those who look at them: how many are in which state, and which ones, page by page. Nothing changes here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.alarms.floods import Floods
from agent.alarms.lifecycle import ACTIVE, Lifecycle
from agent.alarms.operator import DISABLED, LATCHED, SHELVED, SUPPRESSED, UNACKNOWLEDGED, Deed
from agent.alarms.report import GROUP_ALARM, rule_of
from agent.block import Block
from agent.types import AlarmState, Withheld

UNACKED = "unacknowledged"  # no state, but what one asks for: all that waits to be acknowledged
FILTERS = (*(state.value for state in AlarmState), UNACKED)


def counts(blocks: Sequence[Block]) -> dict[AlarmState, int]:
    """Alarms of all twins by their state; of those that are cleared, none."""
    found: dict[AlarmState, int] = dict.fromkeys((s for s in AlarmState if s is not AlarmState.CLEARED), 0)
    for b in blocks:
        for alarm in b.alarms:
            rows = alarm.notable(len(b))
            if len(rows):
                for state in found:
                    found[state] += int(_in(alarm, rows, state).sum())
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
    standing = _standing(floods, wanted, asset)
    first = max(0, offset - total)
    some += standing[first : first + limit - len(some)]
    return total + len(standing), some


def _standing(floods: Floods, wanted: Collection[str], asset: str | None) -> list[dict[str, Any]]:
    """Alarms of groups that are active, JSON-able; nobody can acknowledge or shelve them."""
    if wanted and not {AlarmState.ACTIVE.value, UNACKED} & set(wanted):
        return []
    return [
        {
            "asset": group.name,
            "alarm": GROUP_ALARM,
            "state": AlarmState.ACTIVE.value,
            "present": True,
            "acknowledged": False,
            "withheld": floods.unheard_group(number),
            "severity": floods.settings.groups.severity.value,
            "rule": rule_of(floods.settings.groups),
            "seq": group.count,
            "since": group.since,
            **dict.fromkeys(("acknowledgement", "shelving", "until", "disabling")),
        }
        for number, group in enumerate(floods.groups.groups)
        if group.stands and asset in (None, group.name)
    ]


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
        "acknowledgement": _deed(decided.acknowledged),
        "shelving": _deed(decided.shelved),
        "until": decided.until if math.isfinite(decided.until) else None,
        "disabling": _deed(decided.disabled),
    }


def _deed(deed: Deed | None) -> dict[str, Any] | None:
    return None if deed is None else deed._asdict()
