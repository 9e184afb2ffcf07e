"""The witness: a subscriber that keeps what really came back from the broker, and says what did not.

It knows topics and messages as published, as any other consumer would, and nothing of the agent's insides.
"""

from __future__ import annotations

import json
import statistics
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_TREND = 28  # values shown as a line
_RECENT = 20_000  # delays kept for the median


class Expected(NamedTuple):
    """What must come back for the demo to have worked."""

    kinds: Mapping[str, str]  # asset to kind
    asset: str  # the one with the fault
    channel: str


class AlarmEvent(NamedTuple):
    """One change of an alarm, as it was published."""

    asset: str
    alarm: str
    state: str
    severity: str
    text: str
    after: float  # seconds since the plant was started


@dataclass(slots=True)
class View:
    """What is known of one asset."""

    kind: str
    states: int = 0
    forecasts: int = 0
    state: Mapping[str, Any] | None = None
    forecast: Mapping[str, Any] | None = None
    was_live: bool = False
    alarms: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # those that are active, by name
    trends: dict[str, deque[float]] = field(default_factory=dict)  # by channel


class Witness:
    """Takes messages from the broker's thread; everything it shows is a copy taken under its lock."""

    def __init__(self, expected: Expected, prefix: str, now: Callable[[], float]) -> None:
        self.expected = expected
        self.agent_online = threading.Event()
        self.messages = 0
        self.unreadable = 0
        self.events: list[AlarmEvent] = []
        self._now = now
        self._prefix = prefix
        self._began = now()
        self._lock = threading.Lock()
        self._views = {asset: View(kind) for asset, kind in expected.kinds.items()}
        self._delays: deque[float] = deque(maxlen=_RECENT)

    def plant_started(self) -> None:
        """From now on alarms are timed."""
        self._began = self._now()

    def take(self, topic: str, payload: bytes) -> None:
        """One message under `<prefix>/`."""
        levels = topic.removeprefix(self._prefix + "/").split("/")
        try:
            message = json.loads(payload)
        except ValueError:
            message = None
        with self._lock:
            self.messages += 1
            if not isinstance(message, dict):
                self.unreadable += 1
            elif levels == ["$status"]:
                if message.get("status") == "online":
                    self.agent_online.set()
            elif levels[0] in self._views and len(levels) >= 2:
                self._about(levels[0], self._views[levels[0]], levels[1:], message)

    def _about(self, asset: str, view: View, levels: list[str], message: dict[str, Any]) -> None:
        if levels == ["state"]:
            view.states += 1
            view.state = message
            view.was_live |= message["status"] == "live"
            for name, channel in message["channels"].items():
                if (value := channel.get("reported")) is not None:
                    view.trends.setdefault(name, deque(maxlen=_TREND)).append(value)
            if message["age"] == 0.0:
                self._delays.append(self._now() - message["processed"])
        elif levels == ["forecast"]:
            view.forecasts += 1
            view.forecast = message
        elif levels[0] == "alarm" and len(levels) == 2:
            if message["state"] == "active":
                view.alarms[levels[1]] = message
            else:
                view.alarms.pop(levels[1], None)
            after = self._now() - self._began
            if len(self.events) < 1000:
                self.events.append(
                    AlarmEvent(asset, levels[1], message["state"], message["severity"], message["text"], after)
                )

    def look(self) -> dict[str, View]:
        """All assets as they are now, safe to read at leisure."""
        with self._lock:
            return {
                asset: View(
                    v.kind,
                    v.states,
                    v.forecasts,
                    v.state,
                    v.forecast,
                    v.was_live,
                    dict(v.alarms),
                    {name: deque(trend) for name, trend in v.trends.items()},
                )
                for asset, v in self._views.items()
            }

    def delay(self) -> float | None:
        """Median seconds from a reading's arrival at the agent to its state in another client's hands."""
        with self._lock:
            return statistics.median(self._delays) if self._delays else None

    def fault_alarms(self) -> list[str]:
        """The alarms of the faulty channel that were raised and cleared again."""
        with self._lock:
            raised, done = set(), []
            for event in self.events:
                if event.asset == self.expected.asset and self.expected.channel in event.alarm:
                    if event.state == "active":
                        raised.add(event.alarm)
                    elif event.alarm in raised and event.alarm not in done:
                        done.append(event.alarm)
            return done

    def span(self, alarm: str) -> tuple[float, float]:
        """When that alarm of the faulty asset was first raised and then cleared, in seconds of the plant's time."""
        mine = [e for e in list(self.events) if (e.asset, e.alarm) == (self.expected.asset, alarm)]
        raised = next(e.after for e in mine if e.state == "active")
        return raised, next(e.after for e in mine if e.state == "cleared" and e.after >= raised)

    def missing(self) -> list[str]:
        """What has not come back from the broker, in words; empty when all is proven."""
        views = self.look()
        lines = []
        if not self.agent_online.is_set():
            lines.append("the agent's status on the broker")
        for what, lack in (
            ("states", [a for a, v in views.items() if not v.states]),
            ("a live state", [a for a, v in views.items() if v.states and not v.was_live]),
            ("forecasts", [a for a, v in views.items() if not v.forecasts]),
        ):
            if lack:
                shown = ", ".join(lack[:6]) + (", ..." if len(lack) > 6 else "")
                lines.append(f"{what} of {len(lack)} of {len(views)} assets: {shown}")
        if not self.fault_alarms():
            asset, channel = self.expected.asset, self.expected.channel
            raised = any(e.asset == asset and channel in e.alarm for e in list(self.events))
            lines.append(
                f"an alarm for the {channel} of {asset}, {'cleared again' if raised else 'raised and cleared'}"
            )
        if self.unreadable:
            lines.append(f"{self.unreadable} messages that are JSON objects")
        return lines
