"""What becomes of each change of an alarm: said now, said later, or not at all.

Every change passes here once, in the order of the messages that caused it, so that it does not matter how a stream is
cut into batches. It is held while its group stands for it (`agent.alarms.groups`), and waits while too much is said
already (`agent.alarms.limits`). What waits is said as it is when its turn comes, which is only when time passes. In
the end the broker holds of each alarm what is true of it. While changes wait because of all alarms together, a retained
message says so. What is said, and how, is `agent.alarms.report`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from agent.alarms.groups import Groups, Held
from agent.alarms.lifecycle import Lifecycle
from agent.alarms.limits import Key, Limits, Waiting
from agent.alarms.operator import Deed, Verb
from agent.alarms.report import GROUP_ALARM, GroupReporter, rule_of
from agent.alarms.rules import Absence
from agent.config import Floods as Settings
from agent.encode import ENCODER, FloodMessage, Told
from agent.types import AlarmChange, AlarmState, Cause, Outputs, Publications, Said, Severity, Transition, Withheld

if TYPE_CHECKING:
    from agent.block import Block

RANKS = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_OF_GROUPS = -1  # stands for the block in the keys of groups' own alarms
_SET_BACK = 1.0  # seconds: a clock that shows that much less was set, and did not just tick unevenly
_REMINDER = 1.0  # seconds, at least, between two messages about one flood


class OfGroup(NamedTuple):
    """The alarm of a group, as a command can be about it (`agent.alarms.commands.Target`)."""

    floods: Floods
    group: int

    @property
    def name(self) -> str:
        return GROUP_ALARM

    @property
    def words(self) -> str:
        return rule_of(self.floods.settings.groups)

    @property
    def held(self) -> bool:
        return False  # it does not latch

    def told(self) -> Told:
        groups = self.floods.groups
        return Told(GROUP_ALARM, groups.state(self.group), groups.groups[self.group].count)

    def act(self, verb: Verb, deed: Deed, until: float, out: Outputs) -> bool:
        return self.floods.act(self.group, verb, deed, until, out)


class Floods:
    """The groups and limits of one agent."""

    def __init__(self, settings: Settings, blocks: Sequence[Block], prefix: bytes) -> None:
        self.settings = settings
        self.blocks = blocks
        self.limits = Limits(settings.asset, settings.overall)
        self.groups = Groups(settings.groups, blocks)
        self.reporter = GroupReporter(self.groups, prefix)
        self.topic = prefix + b"$flood"
        self.latest = -math.inf  # arrival of the newest change
        self.since = math.nan  # when the present flood began; NaN: there is none
        self.count = 0  # changes withheld in it
        self.told = -math.inf  # when it was last told
        self._look = False  # something may be due now, whatever the deadlines say
        self._numbers = {id(alarm): (k, n) for k, b in enumerate(blocks) for n, alarm in enumerate(b.alarms)}

    # -- a change

    def settle(self, out: Outputs, *, first: bool = False) -> None:
        """Of the changes that `out` has gathered, those that may be said are. first: before its other publications."""
        passed: list[AlarmChange] = []
        for each in sorted(out.said, key=lambda said: said.order):
            absence = isinstance(each.alarm.rule, Absence)
            if absence:
                self.groups.look(each.received)
            if each.change is None:
                continue
            number, of = self._numbers[id(each.alarm)]
            why = self._why_not((number, of, each.row), each, each.change.transition, absence=absence)
            if why is None:
                passed.append(each.change)
            else:
                self._withhold(why, 1, out)
        out.said.clear()
        out.alarms += passed
        at = 0 if first else len(out.publications)
        out.publications[at:at] = [Publications((c.topic,), (c.payload,), 1, True, owed=True) for c in passed]

    def _why_not(self, key: Key, each: Said, change: Transition, *, absence: bool) -> Withheld | None:
        if each.cause in (Cause.COMMAND, Cause.CONFIGURATION):
            self._forget(key)
            return None
        self._pass_time(each.received)
        if self.groups.again(key):
            return Withheld.GROUP
        if self.limits.again(key):
            return self.limits.waiting[key].cause
        raised = change is Transition.RAISED
        rank, visible = RANKS[each.alarm.severity], not raised or each.alarm.operator.latching
        if absence and raised and self.groups.holds(key, rank, each.received, visible=visible):
            return Withheld.GROUP
        return self.limits.offer(key, rank, each.received, 1, visible=visible)

    def _forget(self, key: Key) -> None:
        """Somebody else says how this alarm stands."""
        self.groups.held.pop(key, None)
        if key in self.limits.waiting:
            self.limits.drop(key)

    def _withhold(self, why: Withheld, count: int, out: Outputs) -> None:
        out.withheld[why] = out.withheld.get(why, 0) + count
        if why is Withheld.OVERALL:
            self.count += count

    # -- time

    def look_again(self) -> None:
        """The clock may have been set back, or the twins be others."""
        self._look = True
        self.groups.due = -math.inf

    def resume(self, now: float) -> None:
        """Nobody was listening until now."""
        self._pass_time(now)
        self.groups.resume(now)

    def next_time(self) -> float:
        """Arrival-clock time at which `on_time` has something to do."""
        if self._look:
            return -math.inf
        due = min(self.groups.due, self.groups.operator.due)
        if not (self.limits or self.flooded):
            return due
        if self.limits.flooded and not self.flooded:
            return -math.inf
        due = min(due, self.limits.next_time())
        if self.flooded:
            due = min(due, self.told + max(_REMINDER, float(self.settings.overall.per)))
            if not self.limits.flooded:
                due = min(due, self.limits.full - self.limits.overall.burst / 2.0)
        return due

    @property
    def flooded(self) -> bool:
        return self.since == self.since

    def on_time(self, now: float, out: Outputs) -> None:
        """What has waited long enough is said."""
        self._look = False
        self._pass_time(now)
        for found, what in self.groups.judge(now):
            if isinstance(what, Held):
                assert isinstance(found, tuple)  # noqa: S101  for the type checker: it is an absence's key
                self._let_go(found, what, now, out)
            else:
                assert isinstance(found, int)  # noqa: S101  for the type checker: it is a group's number
                self._group_changed(found, now, out, visible=not what)
        for group in self.groups.operator.ended(now):
            self.groups.operator.unshelve(group, present=self.groups.groups[group].stands)
            self._group_changed(group, now, out, visible=True, hidden=False)
        for key, waiting in self.limits.release(now, self._needed):
            self._say(key, waiting.count, now, out)
        self._tell_flood(now, out)

    def _let_go(self, key: Key, held: Held, now: float, out: Outputs) -> None:
        if not self._needed(key, held):
            return
        why = self.limits.offer(key, held.rank, now, held.count, visible=held.visible)
        if why is None:
            self._say(key, held.count, now, out)
        else:
            self._withhold(why, 1, out)

    def _group_changed(
        self, group: int, now: float, out: Outputs, *, visible: bool, hidden: bool | None = None
    ) -> None:
        """A group's alarm has changed by itself. visible: whether the broker holds anything other than that it is cleared."""
        if self.groups.operator.hides(group) if hidden is None else hidden:
            return
        self.groups.groups[group].count += 1
        key = (_OF_GROUPS, 0, group)
        if self.limits.again(key):
            why: Withheld | None = self.limits.waiting[key].cause
        else:
            rank = RANKS[self.settings.groups.severity]
            why = self.limits.offer(key, rank, now, 1, visible=visible)
        if why is None:
            self._say(key, 1, now, out)
        else:
            self._withhold(why, 1, out)

    def act(self, group: int, verb: Verb, deed: Deed, until: float, out: Outputs) -> bool:
        """An operator does something about a group's alarm; whether that changed anything. It is told at once."""
        change = self.groups.operator.act(verb, group, deed, until, present=self.groups.groups[group].stands)
        if change is None:
            return False
        self.groups.groups[group].count += 1
        self._forget((_OF_GROUPS, 0, group))
        self._publish(self.reporter.changed(group, change, deed.time, Cause.COMMAND, deed), out)
        return True

    def _needed(self, key: Key, what: Held | Waiting) -> bool:
        """Whether there is anything to say: not of what came and went without anybody having heard of it."""
        if what.visible:
            return True
        if key[0] == _OF_GROUPS:
            return self.groups.state(key[2]) is not AlarmState.CLEARED
        return self.blocks[key[0]].alarms[key[1]].state(key[2]) is not AlarmState.CLEARED

    def _say(self, key: Key, count: int, now: float, out: Outputs) -> None:
        if key[0] == _OF_GROUPS:
            change = self.reporter.standing(key[2], now, count - 1)
        else:
            block = self.blocks[key[0]]
            change = block.reporter.standing(block.alarms[key[1]], key[2], now, count - 1)
        self._publish(change, out)

    def _publish(self, change: AlarmChange, out: Outputs) -> None:
        out.alarms.append(change)
        out.publications.append(Publications((change.topic,), (change.payload,), 1, True, owed=True))

    def _tell_flood(self, now: float, out: Outputs) -> None:
        limits, per = self.limits, float(self.settings.overall.per)
        if limits.flooded and not self.flooded:
            self.since = now
        elif self.flooded and not limits.flooded and limits.full - limits.overall.burst / 2.0 <= now:
            self._publish_flood(now, out, ended=True)
            self.since, self.count = math.nan, 0
            return
        elif not self.flooded:
            self.count = 0
            return
        elif now < self.told + max(_REMINDER, per):
            return
        self._publish_flood(now, out, ended=False)

    def _publish_flood(self, now: float, out: Outputs, *, ended: bool) -> None:
        self.told = now
        overall = self.settings.overall
        message = FloodMessage(
            status="calm" if ended else "flood",
            time=now,
            since=self.since,
            withheld=self.count,
            waiting=len(self.limits.waiting),
            limit=f"{overall.changes} changes of alarms in {float(overall.per):g} s, {overall.burst} at once",
        )
        out.publications.append(Publications((self.topic,), (ENCODER.encode(message),), 1, True, owed=True))

    def _pass_time(self, now: float) -> None:
        if now < self.latest - _SET_BACK:
            self.limits.not_after(now)
            self.groups.not_after(now)
            self.since, self.told = min(self.since, now) if self.flooded else self.since, min(self.told, now)
        self.latest = now

    # -- what others look at

    def unheard(self, alarm: Lifecycle, row: int) -> Withheld | None:
        """Why the broker does not hold this alarm as it is; None where it does."""
        key = (*self._numbers[id(alarm)], row)
        if key in self.groups.held:
            return Withheld.GROUP
        waiting = self.limits.waiting.get(key)
        return None if waiting is None else waiting.cause

    def unheard_group(self, group: int) -> Withheld | None:
        """The same of a group's alarm."""
        waiting = self.limits.waiting.get((_OF_GROUPS, 0, group))
        return None if waiting is None else waiting.cause

    def silenced(self) -> Iterable[tuple[Lifecycle, int]]:
        """Alarms that are active without the broker holding anything of it, with their rows."""
        unsaid: list[tuple[Key, Held | Waiting]] = [*self.groups.held.items(), *self.limits.waiting.items()]
        for key, what in unsaid:
            if not what.visible and key[0] != _OF_GROUPS:
                yield self.blocks[key[0]].alarms[key[1]], key[2]

    def waiting(self) -> dict[str, int]:
        """How many alarms are not told at present, by cause."""
        counts = dict.fromkeys((w.value for w in Withheld), 0)
        counts[Withheld.GROUP.value] = len(self.groups.held)
        for waiting in self.limits.waiting.values():
            counts[waiting.cause.value] += 1
        return counts

    def again(self, now: float, out: Outputs) -> None:
        """Every group's alarm that is not plainly normal once more, for a broker that has forgotten what it retained."""
        for g in self.groups.notable():
            if self.groups.state(g) is not AlarmState.CLEARED and self.unheard_group(g) is None:
                change = self.reporter.standing(g, now, 0, Cause.AGAIN)
                out.publications.append(Publications((change.topic,), (change.payload,), 1, True))
