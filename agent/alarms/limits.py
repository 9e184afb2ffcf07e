"""How many changes of alarms may be said: a bucket of tokens per asset and one over all, and what waits for tokens.

A bucket is kept as the time at which it will be full again (the generic cell rate algorithm of ITU-T I.371, annex A):
one number, and none for an asset whose bucket is full. A change that finds no token waits; what is said in the end is
what the alarm is then, so an alarm waits once, however often it changes. Critical ones are said first, then those that
have waited longest. Times are of the arrival clock. What is said, and how, is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from agent.config import RateLimit
from agent.types import Withheld

Key = tuple[int, int, int]  # block, alarm, row
Asset = tuple[int, int]  # block, row
_ROUNDING = 1e-4  # seconds, so that a burst of many at one time, each rounded, is not cut short by one
_SPENT = 1024  # buckets of assets, beyond which those that are full again are forgotten


class Bucket(NamedTuple):
    """The rate of a limit, without its state."""

    interval: float  # seconds in which a token comes
    burst: float  # seconds in which all but one of them come

    @staticmethod
    def of(limit: RateLimit) -> Bucket:
        interval = float(limit.per) / limit.changes
        return Bucket(interval, interval * (limit.burst - 1) + _ROUNDING)

    def opens(self, full: float) -> float:
        """When there is a token. full: when the bucket is full again."""
        return full - self.burst

    def taken(self, full: float, now: float) -> float:
        """When it is full again, after a token was taken now."""
        return max(full, now) + self.interval


@dataclass(slots=True)
class Waiting:
    """An alarm that has changed and waits to be said."""

    rank: int  # of its severity: the lowest goes first
    since: float
    count: int  # changes that were not said
    cause: Withheld
    visible: bool  # whether the broker holds anything of it other than that it is cleared


class Limits:
    """The buckets, and the alarms that wait."""

    def __init__(self, asset: RateLimit, overall: RateLimit) -> None:
        self.asset, self.overall = Bucket.of(asset), Bucket.of(overall)
        self.full = -math.inf  # when the bucket over all is full again
        self.spent: dict[Asset, float] = {}  # when the bucket of an asset is full again, where it is not
        self.waiting: dict[Key, Waiting] = {}
        self._of_asset: dict[Asset, int] = {}  # how many alarms of an asset wait
        self._ready: list[tuple[int, float, Key]] = []  # wait for the bucket over all
        self._later: list[tuple[float, Key]] = []  # wait for the bucket of their asset until then

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @property
    def flooded(self) -> bool:
        """Whether any wait for the bucket over all."""
        self._tidy()
        return bool(self._ready)

    def offer(self, key: Key, rank: int, now: float, count: int, *, visible: bool) -> Withheld | None:
        """An alarm that does not wait has changed: None where it may be said now, else why not; then it waits.

        count: changes that were not said, this one included if it is not.
        """
        asset = (key[0], key[2])
        if asset in self._of_asset or self._opens(asset) > now:
            cause = Withheld.ASSET
        elif self.flooded or self.overall.opens(self.full) > now:
            cause = Withheld.OVERALL
        else:
            self._take(asset, now)
            return None
        self.add(key, Waiting(rank, now, count, cause, visible))
        return cause

    def add(self, key: Key, waiting: Waiting) -> None:
        """Have an alarm wait, as it did before."""
        asset = (key[0], key[2])
        self.waiting[key] = waiting
        self._of_asset[asset] = self._of_asset.get(asset, 0) + 1
        self._queue(key, waiting, asset)

    def again(self, key: Key) -> bool:
        """An alarm has changed once more: whether it waits, and so must this change."""
        waiting = self.waiting.get(key)
        if waiting is not None:
            waiting.count += 1
        return waiting is not None

    def drop(self, key: Key) -> None:
        """It has nothing more to say."""
        del self.waiting[key]
        asset = (key[0], key[2])
        self._of_asset[asset] -= 1
        if not self._of_asset[asset]:
            del self._of_asset[asset]

    def next_time(self) -> float:
        """When the next one may be said."""
        self._tidy()
        due = self.overall.opens(self.full) if self._ready else math.inf
        return min(due, self._later[0][0]) if self._later else due

    def release(self, now: float, needed: Callable[[Key, Waiting], bool]) -> Iterator[tuple[Key, Waiting]]:
        """Those whose turn has come by now, in their order; they wait no more, and their tokens are taken.

        needed: whether there is anything to be said of it; if not, it waits no more and leaves its token to others.
        """
        self._bring(now)
        while self.flooded and self.overall.opens(self.full) <= now:
            key = heappop(self._ready)[2]
            waiting, asset = self.waiting[key], (key[0], key[2])
            if not needed(key, waiting):
                self.drop(key)
                continue
            if (opens := self._opens(asset)) > now:
                waiting.cause = Withheld.ASSET
                heappush(self._later, (opens, key))
                continue
            self.drop(key)
            self._take(asset, now)
            yield key, waiting

    def _bring(self, now: float) -> None:
        """Those whose asset has a token join the others."""
        again: list[tuple[float, Key]] = []
        while self._later:
            at, key = self._later[0]
            opens = self._opens((key[0], key[2]))
            if at > now and opens > now:
                break
            heappop(self._later)
            waiting = self.waiting.get(key)
            if waiting is None or waiting.cause is not Withheld.ASSET:
                continue
            if opens > now:
                again.append((opens, key))
            else:
                waiting.cause = Withheld.OVERALL
                heappush(self._ready, (waiting.rank, waiting.since, key))
        for each in again:
            heappush(self._later, each)

    def _tidy(self) -> None:
        """The first in each queue is one that waits there still."""
        while self._ready and not self._waits(self._ready[0][2], Withheld.OVERALL, self._ready[0][1]):
            heappop(self._ready)
        while self._later and not self._waits(self._later[0][1], Withheld.ASSET):
            heappop(self._later)

    def _waits(self, key: Key, cause: Withheld, since: float | None = None) -> bool:
        waiting = self.waiting.get(key)
        return waiting is not None and waiting.cause is cause and since in (None, waiting.since)

    def not_after(self, now: float) -> None:
        """The clock was set back to now: no bucket can be emptier than one that has just been emptied."""
        self.full = min(self.full, now + self.overall.burst + self.overall.interval)
        most = now + self.asset.burst + self.asset.interval
        self.spent = {asset: min(full, most) for asset, full in self.spent.items()}
        for waiting in self.waiting.values():
            waiting.since = min(waiting.since, now)
        self._rebuild()

    def _rebuild(self) -> None:
        self._ready, self._later = [], []
        for key, waiting in self.waiting.items():
            self._queue(key, waiting, (key[0], key[2]))

    def _queue(self, key: Key, waiting: Waiting, asset: Asset) -> None:
        if len(self._ready) + len(self._later) > 2 * len(self.waiting) + 64:  # most of them wait no more
            self._rebuild()
            return
        if waiting.cause is Withheld.OVERALL:
            heappush(self._ready, (waiting.rank, waiting.since, key))
        else:
            heappush(self._later, (self._opens(asset), key))

    def _opens(self, asset: Asset) -> float:
        return self.asset.opens(self.spent.get(asset, -math.inf))

    def _take(self, asset: Asset, now: float) -> None:
        if self.overall.interval > 0.0:
            self.full = self.overall.taken(self.full, now)
        if self.asset.interval > 0.0:
            self.spent[asset] = self.asset.taken(self.spent.get(asset, -math.inf), now)
        if len(self.spent) > _SPENT and not len(self.spent) & (len(self.spent) - 1):
            self.spent = {a: full for a, full in self.spent.items() if full > now}
