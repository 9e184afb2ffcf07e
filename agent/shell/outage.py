"""What becomes of states and forecasts while the broker is away: dropped, the last of each kept, or all up to a size.

Kept in memory only, in order, the oldest dropped first and each drop counted. Alarm changes never come here: they are
owed, and `agent.shell.durable` keeps them. Nothing here sends anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.config import Outage as Settings
from agent.types import Publications

AT_ONCE = 1 << 18  # bytes released in a turn, so that fresh messages are not shut out
OVERHEAD = 200  # bytes of memory that keeping a message costs beside its topic and payload


class _Kept(NamedTuple):
    topic: bytes
    payload: bytes
    retain: bool
    until: float | None  # monotonic seconds; worthless after that


class Outage:
    """Stands between the core's publications of QoS 0 and a session that may not be connected."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[object, _Kept] = OrderedDict()  # by topic, or by number where all are kept
        self._number = 0
        self._bytes = 0
        self.dropped = 0  # for want of room, or because they expired
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on; what they do not allow to be kept any longer is dropped."""
        self._last = settings.keep == "last"
        self._most = int(settings.max_size) if settings.keep != "drop" else 0
        kept = list(self._kept.values())
        self._kept.clear()
        self._bytes = 0
        for each in kept:
            self._keep(each)

    def __len__(self) -> int:
        return len(self._kept)

    def through(self, groups: Sequence[Publications], *, connected: bool) -> Sequence[Publications]:
        """What may be handed to the session now; the rest is kept."""
        if not self._most or (connected and not self._kept):
            return groups
        now: list[Publications] = []
        for group in groups:
            if group.qos or group.owed:
                now.append(group)
                continue
            until = None if group.expiry is None else self._clock() + group.expiry
            for topic, payload in zip(group.topics, group.payloads, strict=True):
                self._keep(_Kept(topic, payload, group.retain, until))
        return now

    def release(self) -> list[Publications]:
        """Some of what was kept, oldest first, for a session that is connected."""
        out: list[Publications] = []
        size = 0
        while self._kept and size < AT_ONCE:
            _, kept = self._kept.popitem(last=False)
            self._bytes -= _size(kept)
            expiry = None
            if kept.until is not None:
                left = kept.until - self._clock()
                if left <= 0:
                    self.dropped += 1
                    continue
                expiry = int(left) + 1
            size += len(kept.topic) + len(kept.payload)
            out.append(Publications((kept.topic,), (kept.payload,), 0, kept.retain, expiry))
        return out

    def _keep(self, kept: _Kept) -> None:
        self._number += 1
        key: object = kept.topic if self._last else self._number
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= _size(before)
        self._kept[key] = kept
        self._bytes += _size(kept)
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)
            self.dropped += 1


def _size(kept: _Kept) -> int:
    return len(kept.topic) + len(kept.payload) + OVERHEAD
