"""A scenario as a stream of events in event time: one schedule heap, no clock and no I/O.

The same scenario and start give the same events, byte for byte, wherever they go and however fast they are taken.
Each asset draws from generators of its own, so what one asset says does not depend on which others there are.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from simulators.base import generator
from simulators.faults import EFFECTS, Fault, Label, Moment, Planned, arrivals, lay, plan
from simulators.scenario import Asset, Scenario


class Event(NamedTuple):
    """One message, with what is true at that moment."""

    time: float  # UTC seconds, to the millisecond
    topic: str
    payload: bytes
    asset: str
    truth: Mapping[str, float]  # the true state, also of channels the message leaves out
    faults: tuple[Label, ...] = ()  # faults that touch this message's readings, or kept one out of it
    announces: Label | None = None  # the fault whose start or end this message tells; None: a measurement

    @property
    def fault(self) -> str | None:
        """Kind of the first fault in this message, if any."""
        return self.faults[0].kind if self.faults else None


class _Active(NamedTuple):
    planned: Planned
    label: Label
    held: float


class _Line:
    """One asset on its schedule: physics, then sensors, then faults, then messages."""

    def __init__(self, scenario: Scenario, start: float, asset: Asset) -> None:
        self.asset = asset
        self.start = start
        self.seed = scenario.seed
        self.phase = _phase(scenario, asset)
        self.truth_topic = scenario.truth and scenario.truth.replace("{asset}", asset.name)
        self.simulator = asset.simulator(asset.parameters, generator(scenario.seed, asset.name, "physics"), start)
        self.sensors = generator(scenario.seed, asset.name, "sensors")
        self.plan = _plan(scenario, asset)
        self.upcoming = next(self.plan, None)
        self.active: list[_Active] = []
        self.said: dict[str, float] = {}

    def offset(self, k: int) -> float:
        """Seconds after the start at which reading `k` falls due."""
        return self.phase + k * self.asset.period

    def events(self, k: int) -> Iterator[Event]:
        """The messages that are due with reading `k`; to be asked for each k in turn."""
        time = _time(self.start, self.offset(k))
        truth = self.simulator.at(time)
        clean = {
            c.name: round(truth[c.name] + self.sensors.gauss(0.0, c.noise), c.decimals) for c in self.simulator.channels
        }
        if self.active:
            for ended in [a for a in self.active if a.planned.last <= k]:
                self.active.remove(ended)
                yield from self._announce(time, truth, ended.label, active=False)
        while self.upcoming is not None and self.upcoming.first <= k:
            fault = self.upcoming.fault
            label = _label(self.start, self.phase, self.asset, self.upcoming)
            held = self.said.get(fault.channel, clean[fault.channel])
            self.active.append(_Active(self.upcoming, label, held))
            yield from self._announce(time, truth, label, active=True)
            self.upcoming = next(self.plan, None)
        values, faults = self._faulty(k, clean) if self.active else (clean, {})
        self.said.update(values)
        yield from self._messages(time, truth, values, faults)

    def _faulty(self, k: int, clean: dict[str, float]) -> tuple[dict[str, float], dict[str, list[Label]]]:
        values: dict[str, float | None] = dict(clean)
        faults: dict[str, list[Label]] = {}
        decimals = {c.name: c.decimals for c in self.simulator.channels}
        for (first, last, fault), label, held in self.active:
            faults.setdefault(fault.channel, []).append(label)
            value = values[fault.channel]
            if value is not None:
                progress = (k - first + 1) / (last - first)
                rng = generator(self.seed, self.asset.name, fault.channel, fault.kind, str(k))
                altered = EFFECTS[fault.kind].alter(Moment(value, held, fault.magnitude, progress, rng))
                values[fault.channel] = altered if altered is None else round(altered, decimals[fault.channel])
        return {name: value for name, value in values.items() if value is not None}, faults

    def _messages(
        self, time: float, truth: Mapping[str, float], values: dict[str, float], faults: dict[str, list[Label]]
    ) -> Iterator[Event]:
        asset = self.asset
        if asset.format == "json":
            if values:
                payload = _json({"ts": time, **values})
                labels = tuple(label for of_channel in faults.values() for label in of_channel)
                yield Event(time, asset.topic, payload, asset.name, truth, labels)
            return
        for channel, value in values.items():
            topic = asset.topic.replace("{channel}", channel)
            yield Event(time, topic, repr(value).encode(), asset.name, truth, tuple(faults.get(channel, ())))

    def _announce(self, time: float, truth: Mapping[str, float], label: Label, *, active: bool) -> Iterator[Event]:
        if self.truth_topic:
            payload = _json({"ts": time, **label._asdict(), "active": active})
            yield Event(time, self.truth_topic, payload, self.asset.name, truth, (), label)


def events(scenario: Scenario) -> Iterator[Event]:
    """All messages of a scenario in the order of their times; without end where the scenario has no duration."""
    return _events(scenario, _start(scenario))


def _events(scenario: Scenario, start: float) -> Iterator[Event]:
    lines = [_Line(scenario, start, asset) for asset in scenario.assets]
    ends = [_readings(scenario, asset) for asset in scenario.assets]
    heap = [(line.offset(0), number, 0) for number, line in enumerate(lines) if ends[number] > 0]
    heapq.heapify(heap)
    while heap:
        _, number, k = heap[0]
        line = lines[number]
        yield from line.events(k)
        if k + 1 < ends[number]:
            heapq.heapreplace(heap, (line.offset(k + 1), number, k + 1))
        else:
            heapq.heappop(heap)


def labels(scenario: Scenario) -> Iterator[Label]:
    """The truth about all faults in the order of their starts; without end if random ones come without end."""
    start = _start(scenario)

    def of(number: int, asset: Asset) -> Iterator[tuple[float, int, Label]]:
        phase = _phase(scenario, asset)
        for planned in _plan(scenario, asset):
            yield phase + planned.first * asset.period, number, _label(start, phase, asset, planned)

    merged = heapq.merge(*(of(number, asset) for number, asset in enumerate(scenario.assets)), key=lambda x: x[:2])
    return (label for _, _, label in merged)


def _start(scenario: Scenario) -> float:
    if scenario.start is None:
        raise ValueError("the scenario starts now, and this is no place to ask what time it is: use scenario.at(time)")
    return scenario.start


def _time(start: float, offset: float) -> float:
    return round(start + offset, 3)


def _phase(scenario: Scenario, asset: Asset) -> float:
    """Seconds by which the asset lags the start: real devices do not all speak at the full second."""
    return math.floor(generator(scenario.seed, asset.name, "schedule").random() * asset.period * 1000.0) / 1000.0


def _readings(scenario: Scenario, asset: Asset) -> float:
    """How many readings of the asset fall into the scenario."""
    if scenario.duration is None:
        return math.inf
    return math.ceil((scenario.duration - _phase(scenario, asset)) / asset.period)


def _plan(scenario: Scenario, asset: Asset) -> Iterator[Planned]:
    phase = _phase(scenario, asset)

    def laid(fault: Fault) -> Planned:
        return lay(fault, phase, asset.period)

    coming: Iterator[Fault] = iter(())
    if scenario.random_faults is not None:
        rng = generator(scenario.seed, asset.name, "faults")
        coming = arrivals(asset.name, asset.simulator.channels, scenario.random_faults, rng)
    listed = [laid(f) for f in scenario.faults if f.asset == asset.name]
    return plan(listed, map(laid, coming), _readings(scenario, asset))


def _label(start: float, phase: float, asset: Asset, planned: Planned) -> Label:
    fault = planned.fault
    return Label(
        asset.name,
        fault.channel,
        fault.kind,
        _time(start, phase + planned.first * asset.period),
        _time(start, phase + planned.last * asset.period),
        fault.magnitude,
    )


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
