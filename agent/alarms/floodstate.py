"""The state of groups and limits as plain columns, and back: its share of the twins' snapshot.

What belongs to a twin is kept with its block, so that it follows the twin when the configuration changes. A snapshot
of before there were groups and limits has none of this, and brings none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from agent.alarms.floods import RANKS, Floods
from agent.alarms.groups import Group, Held
from agent.alarms.limits import Key, Waiting
from agent.types import Withheld

_CAUSES = tuple(Withheld)
_OF_GROUPS = -1


def export(floods: Floods) -> dict[str, Any]:
    """What belongs to no block."""
    groups, limits = floods.groups, floods.limits
    return {
        "settings": repr(floods.settings),
        "full": limits.full,
        "latest": floods.latest,
        "since": floods.since,
        "count": floods.count,
        "told": floods.told,
        "due": groups.due,
        "groups": [[g.name, g.stands, g.covers, g.since, g.count] for g in groups.groups],
        "marks": groups.operator.marks[: len(groups.groups)].copy(),
        "decisions": groups.operator.export(len(groups.groups)),
        "waiting": _waiting(floods, _OF_GROUPS),
        "spent": _spent(floods, _OF_GROUPS),
    }


def export_block(floods: Floods, block: int) -> dict[str, Any]:
    """What belongs to the twins of one block."""
    held = [(key, h.since, h.count, h.visible, 0) for key, h in floods.groups.held.items() if key[0] == block]
    return {
        "parent": floods.blocks[block].config.parent,
        "member": floods.groups.members(block),
        "held": _columns(floods, held),
        "waiting": _waiting(floods, block),
        "spent": _spent(floods, block),
    }


def _waiting(floods: Floods, block: int) -> dict[str, Any]:
    entries = [
        (key, w.since, w.count, w.visible, _CAUSES.index(w.cause))
        for key, w in floods.limits.waiting.items()
        if key[0] == block
    ]
    return _columns(floods, entries)


def _columns(floods: Floods, entries: Iterable[tuple[Key, float, int, bool, int]]) -> dict[str, Any]:
    ordered = sorted(entries)
    names = [a.name for a in floods.blocks[ordered[0][0][0]].alarms] if ordered and ordered[0][0][0] >= 0 else [""]
    return {
        "alarms": names,
        "alarm": np.array([key[1] for key, *_ in ordered], np.int32),
        "row": np.array([key[2] for key, *_ in ordered], np.int64),
        "since": np.array([since for _, since, *_ in ordered], np.float64),
        "count": np.array([count for *_, count, _, _ in ordered], np.int64),
        "visible": np.array([visible for *_, visible, _ in ordered], np.uint8),
        "cause": np.array([cause for *_, cause in ordered], np.uint8),
    }


def _spent(floods: Floods, block: int) -> dict[str, Any]:
    spent = sorted((row, full) for (b, row), full in floods.limits.spent.items() if b == block)
    return {
        "row": np.array([row for row, _ in spent], np.int64),
        "full": np.array([full for _, full in spent], np.float64),
    }


def load(floods: Floods, saved: Mapping[str, Any] | None) -> None:
    """Take over what belongs to no block; before any block."""
    if saved is None:
        return
    groups, limits = floods.groups, floods.limits
    groups.groups = [Group(*g) for g in saved["groups"]]
    groups.index = {g.name: k for k, g in enumerate(groups.groups)}
    groups.due = saved["due"]
    groups.make_room()
    stands = [g.stands for g in groups.groups]
    # Before there were marks, nobody could have acknowledged anything.
    groups.operator.marks[: len(stands)] = saved.get("marks", stands)
    groups.operator.load(saved.get("decisions", ()), {k: k for k in range(len(stands))})
    limits.full = saved["full"]
    floods.latest, floods.since = saved["latest"], saved["since"]
    floods.count, floods.told = saved["count"], saved["told"]
    same = range(len(groups.groups))
    _load_spent(floods, _OF_GROUPS, saved["spent"], dict(zip(same, same, strict=True)))
    rank = RANKS[floods.settings.groups.severity]
    for row, since, count, visible, cause in _rows(saved["waiting"]):
        limits.add((_OF_GROUPS, 0, row), Waiting(rank, since, count, _CAUSES[cause], bool(visible)))


def fit(floods: Floods, saved: Mapping[str, Any] | None) -> None:
    """After all blocks: under other settings no bucket is emptier than it can be, and all is looked at anew."""
    if saved is not None and saved["settings"] != repr(floods.settings):
        floods.limits.not_after(floods.latest)
        floods.look_again()


def load_block(
    floods: Floods, block: int, saved: Mapping[str, Any] | None, row_of: Mapping[int, int], kept: Iterable[str]
) -> None:
    """Take over what belongs to the twins of one block.

    row_of: the present row of each that is still there; kept: the alarms whose state is.
    """
    if saved is None:
        return
    b = floods.blocks[block]
    if saved["parent"] == b.config.parent:
        for row, group in enumerate(saved["member"].tolist()):
            if group >= 0 and row in row_of:
                floods.groups.put(block, row_of[row], group)
    else:
        floods.look_again()  # a group that nobody is in any more has nothing to stand for
    _load_spent(floods, block, saved["spent"], row_of)
    present = {a.name: (k, RANKS[a.severity]) for k, a in enumerate(b.alarms) if a.name in set(kept)}
    for what in ("held", "waiting"):
        names = saved[what]["alarms"]
        alarms = [names[k] for k in saved[what]["alarm"].tolist()]
        for name, (row, since, count, visible, cause) in zip(alarms, _rows(saved[what]), strict=True):
            if name not in present or row not in row_of:
                floods.look_again()
                continue
            number, rank = present[name]
            key = (block, number, row_of[row])
            if what == "waiting":
                floods.limits.add(key, Waiting(rank, since, count, _CAUSES[cause], bool(visible)))
            elif floods.groups.name_of(block, row_of[row]) is not None:
                floods.groups.held[key] = Held(rank, since, count, bool(visible))
            else:  # it is in no group any more, and nothing holds it
                floods.limits.add(key, Waiting(rank, since, count, Withheld.ASSET, bool(visible)))


def _load_spent(floods: Floods, block: int, saved: Mapping[str, Any], row_of: Mapping[int, int]) -> None:
    for row, full in zip(saved["row"].tolist(), saved["full"].tolist(), strict=True):
        if row in row_of:
            floods.limits.spent[block, row_of[row]] = full


def _rows(saved: Mapping[str, Any]) -> Iterable[tuple[int, float, int, int, int]]:
    return zip(*(saved[name].tolist() for name in ("row", "since", "count", "visible", "cause")), strict=True)


def unheard(saved: Mapping[str, Any] | None, alarm: str) -> set[int]:
    """Rows of which the broker held nothing but that this alarm is cleared, in what was saved of a block."""
    rows: set[int] = set()
    for what in ("held", "waiting") if saved is not None else ():
        held = saved[what]  # type: ignore[index]  # it is not None here
        for k, row, visible in zip(held["alarm"].tolist(), held["row"].tolist(), held["visible"].tolist(), strict=True):
            if held["alarms"][k] == alarm and not visible:
                rows.add(row)
    return rows
