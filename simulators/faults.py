"""Sensor faults: what each kind does to a reading, and which readings of an asset it does it to.

A fault alters what the sensor says, never the physics. It acts on whole readings, so its label is exact: `start` is
the time of the first reading it touches, `end` that of the first one it no longer touches. No schedules of events
and no output here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from simulators.base import Channel


class Label(NamedTuple):
    """The truth about one fault."""

    asset: str
    channel: str
    kind: str
    start: float  # UTC seconds of the first reading affected
    end: float  # UTC seconds of the first reading not affected any more
    magnitude: float  # in the channel's unit; 0 where the kind has none


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as a scenario asks for it; times are seconds after the start of the scenario."""

    asset: str
    channel: str
    kind: str
    start: float
    duration: float
    magnitude: float


@dataclass(frozen=True, slots=True)
class RandomFaults:
    """Faults that come by themselves, at most one at a time per asset."""

    rate: float  # mean number per asset and hour of faultless time
    kinds: tuple[str, ...]
    duration: tuple[float, float]  # seconds, shortest and longest
    magnitude: tuple[float, float]  # smallest and largest, as a share of the channel's usual range


class Moment(NamedTuple):
    """One reading under a fault, and all that a fault may look at."""

    value: float  # what the sensor would say without the fault
    held: float  # the last thing it said before the fault
    magnitude: float
    progress: float  # share of the fault's readings so far, this one included: above 0, up to 1
    rng: random.Random


class Effect(NamedTuple):
    """What a kind of fault does, and which settings it takes."""

    alter: Callable[[Moment], float | None]  # None: the reading is not sent
    text: str
    has_magnitude: bool = True
    has_duration: bool = True


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "spike": Effect(
            lambda m: m.value + m.magnitude, "a single reading is off by the magnitude", has_duration=False
        ),
        "drift": Effect(lambda m: m.value + m.magnitude * m.progress, "the error grows evenly up to the magnitude"),
        "step": Effect(lambda m: m.value + m.magnitude, "readings are off by the magnitude"),
        "stuck": Effect(lambda m: m.held, "the last reading is repeated", has_magnitude=False),
        "dropout": Effect(lambda _: None, "no readings", has_magnitude=False),
        "noise": Effect(lambda m: m.value + m.rng.gauss(0.0, m.magnitude), "extra noise, the magnitude is its std"),
    }
)


class Planned(NamedTuple):
    """A fault laid on the readings of its asset: it touches the readings `first` to `last` - 1."""

    first: int
    last: int
    fault: Fault


def lay(fault: Fault, phase: float, period: float) -> Planned:
    """Find the readings, at `phase + k * period`, that fall into the fault's span; always at least one."""
    first = max(0, math.ceil((fault.start - phase) / period))
    if not EFFECTS[fault.kind].has_duration:
        return Planned(first, first + 1, fault)
    return Planned(first, max(first + 1, math.ceil((fault.start + fault.duration - phase) / period)), fault)


def arrivals(
    asset: str, channels: tuple[Channel, ...], random_faults: RandomFaults, rng: random.Random
) -> Iterator[Fault]:
    """The random faults of one asset, without end: a Poisson process that pauses while a fault lasts."""
    if random_faults.rate <= 0.0:
        return
    now = 0.0
    while True:
        now += rng.expovariate(random_faults.rate / 3600.0)
        kind = rng.choice(random_faults.kinds)
        channel = rng.choice(channels)
        duration = rng.uniform(*random_faults.duration)
        magnitude = round(rng.uniform(*random_faults.magnitude) * channel.span, channel.decimals)
        if kind != "noise" and rng.random() < 0.5:
            magnitude = -magnitude
        effect = EFFECTS[kind]
        yield Fault(asset, channel.name, kind, now, duration, magnitude if effect.has_magnitude else 0.0)
        now += duration


def plan(listed: list[Planned], random_planned: Iterator[Planned], until: float) -> Iterator[Planned]:
    """All faults of one asset in the order of their first readings, up to reading `until`.

    A random fault gives way to a listed one on the same channel, so that what was asked for is what happens.
    """
    waiting = sorted(listed, key=lambda p: p.first)
    for candidate in random_planned:
        if candidate.first >= until:
            break
        while waiting and waiting[0].first <= candidate.first:
            yield waiting.pop(0)
        if not any(
            p.fault.channel == candidate.fault.channel and p.first < candidate.last and candidate.first < p.last
            for p in listed
        ):
            yield candidate
    for left in waiting:
        if left.first < until:
            yield left
