"""What the broker says it dropped: its own count among `$SYS`, where it keeps one there as Mosquitto does.

QoS 0 that a broker sheds leaves no other trace with the one who should have had it. The count is of all its clients.
Asking for it is never worth a connection: a refusal is silent, and a broker that hangs up instead is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.shell.events import Event
from agent.types import Batch

TOPIC = b"$SYS/broker/publish/messages/dropped"


class Shed:
    """Follows the count over connections and restarts of the broker."""

    def __init__(self, *, wanted: bool, events: Callable[[Event], None]) -> None:
        self.wanted = wanted
        self._events = events
        self._before: int | None = None  # what the broker said last

    def disconnected(self, *, unanswered: bool) -> None:
        """The connection is gone. unanswered: it was before the broker had said anything to the subscription."""
        self.wanted = self.wanted and not unanswered

    def sift(self, batch: Batch) -> tuple[Batch | None, int]:
        """The batch without what the broker says of itself, and how many messages more it has dropped."""
        places = [k for k, topic in enumerate(batch.topics) if topic == TOPIC]
        more = sum(self._rise(batch.payloads[k]) for k in places)
        kept = sorted(set(range(len(batch.topics))) - set(places))
        if not kept:
            return None, more
        new = {k: place for place, k in enumerate(kept)}
        asking = [(new[k], who) for k, who in batch.asking if k in new]
        topics, payloads = [batch.topics[k] for k in kept], [batch.payloads[k] for k in kept]
        received, retained = [batch.received[k] for k in kept], [batch.retained[k] for k in kept]
        return Batch(topics, payloads, received, retained, asking), more

    def _rise(self, payload: bytes) -> int:
        if not (payload.isdigit() and len(payload) < 20):
            return 0
        count, before = int(payload), self._before
        self._before = count
        # A smaller count is that of a broker that has started anew.
        more = 0 if before is None else count - before if count >= before else count
        if more:
            event = "the broker drops messages"
            why = "its queues are full: of all its clients, one reads too slowly"
            self._events(Event("warning", event, None, {"dropped": more, "reason": why}))
        return more
