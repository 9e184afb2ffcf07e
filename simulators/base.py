"""What every simulator is made of: channels, parameters, seeded random numbers, a state that advances in time.

The physics of each kind lives in its own file; schedules, faults and output live elsewhere. No clock, no I/O: time
is what the caller says it is, and every random number comes from a generator seeded by name.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured quantity: the sensor that reads it, and how far it moves in normal life."""

    name: str
    unit: str
    noise: float  # standard deviation of the sensor, in `unit`; 0 for a value the controller knows exactly
    decimals: int  # resolution of the sensor: readings are rounded to this many decimals
    span: float  # usual range in `unit`; random faults are sized by it


def parameter(default: float, unit: str, text: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A field of a `Parameters` dataclass: its default, unit, meaning, and the values it may take."""
    return field(default=default, metadata={"unit": unit, "text": text, "low": low, "high": high})


def generator(seed: int, *names: str) -> random.Random:
    """A random generator of its own for each name, so that adding an asset or a fault changes no other asset."""
    return random.Random("/".join((str(seed), *names)))  # noqa: S311 - reproducible noise, not secrets


class Wander:
    """An Ornstein-Uhlenbeck process: zero on average, standard deviation `std`, forgotten after `tau` seconds.

    Stepped by its exact transition (Gillespie 1996, Phys. Rev. E 54, 2084), so that the step length does not matter:

        x(t + dt) = x(t) exp(-dt/tau) + std sqrt(1 - exp(-2 dt/tau)) N(0, 1)
    """

    __slots__ = ("rng", "std", "tau", "value")

    def __init__(self, std: float, tau: float, rng: random.Random) -> None:
        self.std = std
        self.tau = tau
        self.rng = rng
        self.value = rng.gauss(0.0, std)

    def step(self, dt: float) -> float:
        decay = math.exp(-dt / self.tau)
        self.value = self.value * decay + self.std * math.sqrt(1.0 - decay * decay) * self.rng.gauss(0.0, 1.0)
        return self.value


def relax(value: float, towards: float, tau: float, dt: float) -> float:
    """First-order lag, exact for a constant target: dx/dt = (towards - x) / tau."""
    return towards + (value - towards) * math.exp(-dt / tau)


P = TypeVar("P")


class Simulator(ABC, Generic[P]):
    """One asset. A kind is a subclass with three class attributes and two methods, in one file of its own."""

    Parameters: ClassVar[type]  # frozen dataclass of `parameter(...)` fields
    channels: ClassVar[tuple[Channel, ...]]
    longest_step: ClassVar[float]  # seconds; the integration is cut so that no step is longer

    def __init__(self, parameters: P, rng: random.Random, time: float) -> None:
        self.parameters = parameters
        self.rng = rng
        self.time = time  # UTC seconds

    def at(self, time: float) -> dict[str, float]:
        """Advance to `time`, never backwards, and return the true state there."""
        gap = time - self.time
        if gap > 0.0:
            begin = self.time
            steps = math.ceil(gap / self.longest_step)
            dt = gap / steps
            for i in range(steps):
                self.time = begin + i * dt
                self.step(dt)
            self.time = time
        return self.truth()

    @abstractmethod
    def step(self, dt: float) -> None:
        """Integrate from `self.time` over `dt` seconds."""

    @abstractmethod
    def truth(self) -> dict[str, float]:
        """The true value of every channel, and of hidden states where they are worth knowing."""
