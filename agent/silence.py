"""Silence is information: when a twin that hears nothing coasts, goes stale, or is absent.

Judged on the arrival clock, so that a sensor with a wrong clock is not taken for a silent one. `due` is when to look
again: hardly ever later than the next change, since readings mostly move that further away.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agent.alarms.lifecycle import ACTIVE, FALLING, NORMAL, Lifecycle
from agent.alarms.rules import Absence
from agent.bank import Bank
from agent.config import Silence as Settings
from agent.rows import Rows
from agent.types import Status

COAST_INTERVALS, STALE_INTERVALS = 5.0, 20.0
COAST_LEAST, STALE_LEAST = 5.0, 30.0
LOOK_LEAST = 1.0  # seconds between looks at what is absent already


class Silence:
    """Deadlines of one block's twins."""

    def __init__(self, settings: Settings, rows: Rows, banks: list[Bank], alarms: list[Lifecycle]) -> None:
        self.rows = rows
        self.banks = banks
        self.coasting = None if settings.coasting is None else float(settings.coasting)
        self.stale = None if settings.stale is None else float(settings.stale)
        self.absences = [(a, a.rule) for a in alarms if isinstance(a.rule, Absence)]
        self.due = math.inf
        self.resumed = -math.inf  # before this time nobody was listening

    def expect(self, row: int, now: float) -> None:
        """A twin was made or woke up at `now`; NaN: at the next `pass_by`."""
        waits = [self._after(self.coasting, COAST_LEAST, COAST_INTERVALS, row)]
        waits.append(self._after(self.stale, STALE_LEAST, STALE_INTERVALS, row))
        waits += [rule.after for _, rule in self.absences if rule.after is not None]
        self.due = -math.inf if math.isnan(now) else min(self.due, now + min(waits))

    def look_again(self) -> None:
        """The clock was set back: deadlines by what it said before would come too late."""
        self.due = -math.inf

    def step(self, by: float) -> None:
        """The clock was set forward by so many seconds."""
        self.resumed += by
        for _, rule in self.absences:
            rule.memory.columns["heard"][: len(self.rows)] += by
        self.due = -math.inf

    def resume(self, now: float) -> None:
        """The agent was away until `now`, so silence counts from there."""
        self.resumed = max(self.resumed, now)
        self.due = -math.inf

    def allowed(self, rule: Absence, row: int) -> float:
        """How long this twin may be silent before the rule finds it absent."""
        return self._after(self.stale, STALE_LEAST, STALE_INTERVALS, row) if rule.after is None else rule.after

    def _after(self, stated: float | None, least: float, intervals: float, row: int) -> float:
        if stated is not None:
            return stated
        usual = max((b.views["d"][row] for b in self.banks if b.views["b"][row] >= 2.0), default=0.0)
        return max(least, intervals * usual)

    def pass_by(self, now: float) -> list[tuple[int, Status]]:
        """Twins whose status changes by `now`; sets it, and works out when to look again."""
        size, c = len(self.rows), self.rows.columns
        c["made"][:size] = np.where(np.isnan(c["made"][:size]), now, c["made"][:size])
        self._not_after(now)
        seen = np.where(np.isnan(c["seen"][:size]), c["made"][:size], c["seen"][:size])
        seen = np.maximum(seen, self.resumed)
        usual = np.zeros(size)
        for bank in self.banks:
            usual = np.maximum(usual, np.where(bank.columns["b"][:size] >= 2.0, bank.columns["d"][:size], 0.0))

        def after(stated: float | None, least: float, intervals: float) -> NDArray[np.float64]:
            return np.maximum(least, intervals * usual) if stated is None else np.full(size, stated)

        coast = after(self.coasting, COAST_LEAST, COAST_INTERVALS)
        stale = after(self.stale, STALE_LEAST, STALE_INTERVALS)
        status = c["status"][:size]
        silent = now - seen
        to_stale = (silent >= stale) & (status != Status.STALE)
        to_coast = (silent >= coast) & (status == Status.LIVE) & ~to_stale
        status[to_coast], status[to_stale] = Status.COASTING, Status.STALE
        wait = np.where(
            status == Status.LIVE, np.minimum(coast, stale), np.where(status == Status.STALE, math.inf, stale)
        )
        if self.coasting is None or self.stale is None:
            # Readings that come quicker than they used to bring the deadline forward, and nobody says so.
            wait = np.where(wait < math.inf, np.minimum(wait, now - seen + np.maximum(STALE_LEAST, usual)), wait)
        self.due = float((seen + wait).min(initial=math.inf))
        for alarm, rule in self.absences:
            if rule.after is not None:
                ahead = self._heard(rule, size) + rule.after
                # What is absent already is looked at again when it has spoken: see `expect`.
                ahead = ahead[(status != Status.LEARNING) & (alarm.phase[:size] != ACTIVE)]
                ahead = np.where(ahead > now, ahead, now + LOOK_LEAST)
                self.due = min(self.due, float(ahead.min(initial=math.inf)))
        changes = [(row, Status.COASTING) for row in np.flatnonzero(to_coast).tolist()]
        return changes + [(row, Status.STALE) for row in np.flatnonzero(to_stale).tolist()]

    def _not_after(self, now: float) -> None:
        """Nothing was heard later than now; where it seems so, the clock has been set back, and silence counts from now."""
        size = len(self.rows)
        columns = [self.rows.columns["seen"], self.rows.columns["made"]]
        for column in columns + [rule.memory.columns["heard"] for _, rule in self.absences]:
            np.minimum(column[:size], now, out=column[:size])
        self.resumed = min(self.resumed, now)

    def _heard(self, rule: Absence, size: int) -> NDArray[np.float64]:
        heard = rule.memory.columns["heard"][:size]
        return np.maximum(np.where(np.isnan(heard), self.rows.columns["made"][:size], heard), self.resumed)

    def _unsettled(self, alarm: Lifecycle, rule: Absence, size: int) -> NDArray[np.bool_]:
        """Rows that have spoken, but too seldom to know how often they do. (What never spoke is missed all the same.)"""
        watched = rule.watched
        if rule.whole_asset:
            counts = [bank.columns[f"n{k}"][:size] for bank in self.banks for k in range(bank.measured)]
        else:
            counts = [watched.bank.columns[f"n{watched.channel}"][:size]]
        most = np.max(counts, axis=0)
        unsettled: NDArray[np.bool_] = (most > 0.0) & (most < alarm.learning)
        return unsettled

    def absent(self, now: float) -> list[tuple[Lifecycle, list[int]]]:
        """Rows that each absence alarm finds missing by `now`; none that is still learning."""
        size = len(self.rows)
        status = self.rows.columns["status"][:size]
        found = []
        for alarm, rule in self.absences:
            if rule.after is None:
                missing = (status == Status.STALE) & ~self._unsettled(alarm, rule, size)
            else:
                missing = (now - self._heard(rule, size) >= rule.after) & (status != Status.LEARNING)
            waits = (alarm.phase[:size] == NORMAL) | (alarm.phase[:size] == FALLING)
            found.append((alarm, np.flatnonzero(missing & waits).tolist()))
        return found
