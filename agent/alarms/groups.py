"""One alarm for a dead gateway: when a group stands for its absent members, and when a member is told on its own.

A group is all assets whose block names it as their `parent`. It stands for its members while most of them are absent,
or while the twin of its own name is. An absence within a group is held until the group stands for it, or until another
member has spoken after it was found missing, which proves that it is alone in that: however the members' deadlines
differ, a gateway that dies is one alarm. When the group comes back, each member that does not has as long for it as it
is ever allowed to be silent. All this is judged when time passes, never within a batch. Times are of the arrival clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.alarms.lifecycle import ACTIVE, Lifecycle
from agent.alarms.limits import Key
from agent.alarms.operator import Operator
from agent.alarms.rules import Absence
from agent.config import Groups as Settings
from agent.types import AlarmState, Status

if TYPE_CHECKING:
    from agent.block import Block

LOOK_LEAST = 1.0  # seconds between looks for a sign of life
CLEARED = 0.5  # of the share, below which a group is back
NAMED = 5  # members that a group's alarm names
_DEEPEST = 16  # groups within groups
_NEAR = 1e-9  # a share of 0.8 is reached by 4 of 5, however that is rounded


@dataclass(slots=True)
class Held:
    """An absence that is not told, because its group stands for it or soon may."""

    rank: int  # of its severity
    since: float  # when it was found missing, or would have been since its group came back
    count: int  # changes that were not said
    visible: bool  # whether the broker holds anything of it other than that it is cleared


@dataclass(slots=True)
class Group:
    """What is remembered of one group."""

    name: str
    stands: bool = False  # by its share: its alarm is active
    covers: bool = False  # it stands, or the twin of its name is absent
    since: float = 0.0  # when its alarm was last raised
    count: int = 0  # changes of its alarm that were to be told


class Tally(NamedTuple):
    """How it is with the members, by group."""

    members: NDArray[np.intp]  # that have learned
    silent: NDArray[np.intp]
    life: NDArray[np.float64]  # when one of them was last heard


class Parent(NamedTuple):
    """The twin that is called as its group."""

    missing: bool
    heard: float


class Groups:
    """All groups of an agent, and the absences that they hold."""

    def __init__(self, settings: Settings, blocks: Sequence[Block]) -> None:
        self.settings = settings
        self.wait = float(settings.wait)
        self.blocks = blocks
        self.groups: list[Group] = []
        self.index: dict[str, int] = {}
        self.operator = Operator(latching=False)  # what people have decided about the groups' alarms, by group
        self.held: dict[Key, Held] = {}
        self.due = math.inf
        self._of: list[NDArray[np.int32]] = [np.zeros(0, np.int32) for _ in blocks]  # group of each row, -1: none
        self._deciding = [_deciding(b) for b in blocks]

    # -- who is in which

    def join(self, block: int, row: int, name: str) -> None:
        """A row is a member of the group of this name, unless it would be its own parent."""
        if self._under(name, self.blocks[block].rows.names[row]):
            return
        if name not in self.index:
            self.index[name] = len(self.groups)
            self.groups.append(Group(name))
            self.make_room()
        self.put(block, row, self.index[name])

    def make_room(self) -> None:
        """There are as many marks as groups, at least."""
        if len(self.groups) > len(self.operator.marks):
            self.operator.grow(max(64, 2 * len(self.groups)))

    def put(self, block: int, row: int, group: int) -> None:
        """A row is a member of the group of this number."""
        of = self._of[block]
        if row >= len(of):
            fresh = np.full(max(64, 2 * row), -1, np.int32)
            fresh[: len(of)] = of
            self._of[block] = of = fresh
        of[row] = group

    def members(self, block: int) -> NDArray[np.int32]:
        """The group of each row, -1: none; shorter than the rows where the last are in none."""
        of = self._of[block][: len(self.blocks[block])]
        inside = np.flatnonzero(of >= 0)
        return of[: inside[-1] + 1 if len(inside) else 0].copy()

    def name_of(self, block: int, row: int) -> str | None:
        """The group that a row is in."""
        of = self._of[block]
        return self.groups[of[row]].name if row < len(of) and of[row] >= 0 else None

    def _under(self, group: str, asset: str) -> bool:
        """Whether the group is, or is within, one that is called as the asset."""
        name: str | None = group
        for _ in range(_DEEPEST):
            if name is None or name == asset:
                break
            at = self._twin(name)
            name = None if at is None else self.name_of(*at)
        return name is not None

    def _twin(self, name: str) -> tuple[int, int] | None:
        for k, block in enumerate(self.blocks):
            row = block.rows.row_of.get(name)
            if row is not None:
                return k, row
        return None

    # -- what is held

    def look(self, now: float) -> None:
        """An absence came or went."""
        self.due = min(self.due, now)

    def holds(self, key: Key, rank: int, now: float, *, visible: bool) -> bool:
        """An absence was raised: whether it is held."""
        if self.name_of(key[0], key[2]) is None:
            return False
        self.held[key] = Held(rank, now, 1, visible)
        self.look(now)
        return True

    def again(self, key: Key) -> bool:
        """An alarm has changed once more: whether it is held, and so must this change be."""
        held = self.held.get(key)
        if held is not None:
            held.count += 1
        return held is not None

    def resume(self, now: float) -> None:
        """Nobody was listening until now, so nobody can have spoken."""
        for held in self.held.values():
            held.since = max(held.since, now)
        self.due = -math.inf

    def not_after(self, now: float) -> None:
        """The clock was set back to now."""
        for key, held in self.held.items():
            held.since = min(held.since, now + self._allowed(key))
        self.due = -math.inf

    # -- judging

    def judge(self, now: float) -> Iterator[tuple[int, bool] | tuple[Key, Held]]:
        """What comes of it by now: (group, whether raised) of its alarm, (key, held) of absences that are held no more.

        A held absence that has gone again comes out as well: it is the caller's to see that there is nothing to say.
        """
        if now < self.due:
            return
        self.due = math.inf
        waiting: dict[int, list[Key]] = {}
        for key in sorted(self.held):
            waiting.setdefault(int(self._of[key[0]][key[2]]), []).append(key)
        tally = self.tally()
        for g, group in enumerate(self.groups):
            keys = waiting.get(g, [])
            if not (keys or group.covers):
                continue
            parent = self._parent(group.name)
            gone = parent is not None and parent.missing
            if group.covers and not (group.stands or gone):
                self._wait_anew(keys, now)
            if group.stands != self._stands(g, group, tally, parent, keys, now):
                group.stands = not group.stands
                if group.stands:
                    group.since = now
                    self.operator.on_raise(g)
                else:
                    self.operator.on_clear(g)
                    self._wait_anew(keys, now)
                yield g, group.stands
            group.covers = group.stands or gone
            if group.covers:
                continue
            for key in keys:
                held = self.held[key]
                if not self._absent(key) or self._alone(g, held, tally, parent, now):
                    del self.held[key]
                    yield key, held
                else:
                    self.due = min(self.due, max(held.since + self.wait, now + max(LOOK_LEAST, self.wait)))

    def _wait_anew(self, keys: list[Key], now: float) -> None:
        """Their group is back: each has as long to follow as it may be silent."""
        for key in keys:
            self.held[key].since = now + self._allowed(key)

    def _stands(self, g: int, group: Group, tally: Tally, parent: Parent | None, keys: list[Key], now: float) -> bool:
        members, silent = int(tally.members[g]), int(tally.silent[g])
        if group.stands:
            return silent > 0 and silent >= self.settings.share * CLEARED * members
        since = min((self.held[key].since for key in keys), default=math.inf)
        if since > now or members < self.settings.least or silent < self.settings.share * members - _NEAR:
            return False
        # A parent that has not spoken since may well be what is absent; then its own alarm will say so.
        return parent is None or (not parent.missing and parent.heard > since)

    def _alone(self, g: int, held: Held, tally: Tally, parent: Parent | None, now: float) -> bool:
        """Whether this absence is no part of a greater one."""
        if tally.members[g] < self.settings.least:
            if parent is None:
                return True
            life = parent.heard
        else:
            life = float(tally.life[g])
        return now >= held.since + self.wait and life > held.since

    def tally(self) -> Tally:
        """Count the members of all groups."""
        size = len(self.groups)
        members, silent, life = np.zeros(size, np.intp), np.zeros(size, np.intp), np.full(size, -math.inf)
        for k, block in enumerate(self.blocks):
            rows = self._members(k)
            if len(rows):
                of = self._of[k][rows]
                quiet = self._silent(k)[rows]
                learned = quiet | (block.rows.columns["status"][rows] != Status.LEARNING)
                members += np.bincount(of[learned], minlength=size)
                silent += np.bincount(of[quiet], minlength=size)
                seen = block.rows.columns["seen"][rows]
                np.maximum.at(life, of, np.where(np.isnan(seen), -math.inf, seen))
        return Tally(members, silent, life)

    def named(self, g: int) -> list[str]:
        """The first few of the members that are silent."""
        names: list[str] = []
        for k, block in enumerate(self.blocks):
            rows = self._members(k)
            found = rows[(self._of[k][rows] == g) & self._silent(k)[rows]]
            names += [block.rows.names[row] for row in found[: NAMED - len(names)].tolist()]
        return names

    def standing(self) -> int:
        """How many alarms of groups are raised, whatever people have decided about them."""
        return sum(group.stands for group in self.groups)

    def state(self, g: int) -> AlarmState:
        """A group's alarm as it is published."""
        return self.operator.state(g, present=self.groups[g].stands)

    def notable(self) -> list[int]:
        """Groups whose alarms are not plainly normal."""
        marks = self.operator.marks
        return [g for g, group in enumerate(self.groups) if group.stands or marks[g]]

    def _members(self, block: int) -> NDArray[np.intp]:
        of = self._of[block]
        return np.flatnonzero(of[: len(self.blocks[block])] >= 0)

    def _silent(self, block: int) -> NDArray[np.bool_]:
        """Rows that are absent as a whole."""
        size = len(self.blocks[block])
        phases = [alarm.phase[:size] == ACTIVE for alarm in self._deciding[block]]
        return np.logical_and.reduce(phases) if phases else np.zeros(size, bool)

    def _parent(self, name: str) -> Parent | None:
        """The twin of this name, if it can be absent."""
        at = self._twin(name)
        if at is None or not self._deciding[at[0]]:
            return None
        k, row = at
        columns = self.blocks[k].rows.views
        missing = all(alarm.phase[row] == ACTIVE for alarm in self._deciding[k])
        if not missing and columns["status"][row] == Status.LEARNING:
            return None
        return Parent(missing, columns["seen"][row])

    def _absent(self, key: Key) -> bool:
        return bool(self.blocks[key[0]].alarms[key[1]].phase[key[2]] == ACTIVE)

    def _allowed(self, key: Key) -> float:
        """How long a member may be silent before it is missing."""
        block = self.blocks[key[0]]
        rule = block.alarms[key[1]].rule
        return block.silence.allowed(rule, key[2]) if isinstance(rule, Absence) else 0.0


def _deciding(block: Block) -> list[Lifecycle]:
    """The alarms that are all active while a whole asset is absent: that of the asset, or those of its channels."""
    absences = [a for a in block.alarms if isinstance(a.rule, Absence)]
    whole = [a for a in absences if isinstance(a.rule, Absence) and a.rule.whole_asset]
    return whole[:1] or absences
