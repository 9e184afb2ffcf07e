"""What a model is: data and small functions of elapsed time, from which the kernel is emitted.

A model instance describes one *component* of a twin: a few states, the channels that observe them, the inputs
that drive them. Its functions take `dt` in seconds as a float, an array or a symbolic expression and use only
`+ - * /` and `agent.expr.exp`, so the same lines serve the emitted filter, the tests' oracles and the reader.

Continuous-discrete linear Gaussian model (Särkkä, Bayesian Filtering and Smoothing, ch. 4 and 6):

    x(t+dt) = F(dt) x(t) + B(dt) u + w,   w ~ N(0, Q(dt)),   Q(dt) = sum over noise terms of q_j D_j(dt)
    z       = h x + v,                    v ~ N(0, r)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from agent.expr import Number

Matrix = Sequence[Sequence[Number]]


@dataclass(frozen=True, slots=True)
class State:
    """One state variable. `prior` and `order` give its first variance: prior · r / dt^(2·order), r that of the first channel.

    `start` gives the first mean of a state that the channel does not see, as a multiple of the first reading.
    """

    name: str
    unit: str = ""
    prior: float = 1.0
    order: int = 0
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Noise:
    """One term of the process noise: intensity q_j times `matrix(dt)`.

    `intensity` None: learned, as weight · ratio · r / d^order with the twin's ratio, the variance r of its first
    channel and its usual interval d.
    """

    matrix: Callable[[Number], Matrix]
    intensity: float | None = None
    weight: float = 1.0
    order: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input's values come from: a constant, a channel of the same asset, or a topic of its own.

    `default` holds until the first value arrives; None: the first reading of the component's first channel.
    """

    constant: float | None = None
    default: float | None = 0.0
    channel: str | None = None
    topic: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A model made ready for one asset block: all that the kernel, the bank and the encoder need.

    transition(dt) -> F, n×n; drive(dt) -> B, n×m; observe: one row h (n) per channel.
    discretise(dt) -> (F, B, D) as flat float sequences replaces the symbolic functions where F has no closed form.
    """

    model: str
    version: int
    states: tuple[State, ...]
    channels: tuple[str, ...]
    observe: tuple[tuple[float, ...], ...]
    transition: Callable[[Number], Matrix]
    noises: tuple[Noise, ...]
    inputs: tuple[Source, ...] = ()
    drive: Callable[[Number], Matrix] | None = None
    measurement: tuple[float | None, ...] = ()  # variance of each channel, None: learned
    rates: tuple[int | None, ...] = ()  # per channel: index of the state that is its rate of change
    discretise: Callable[[float], tuple[Sequence[float], Sequence[float], Sequence[float]]] | None = None
    initial: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # mean (n) and variances (n) where stated
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.states)
        if not (len(self.observe) == len(self.channels) == len(self.measurement) == len(self.rates)):
            raise ValueError(f"model {self.model}: observe, measurement and rates need one entry per channel")
        if any(len(h) != n for h in self.observe):
            raise ValueError(f"model {self.model}: each row of observe needs {n} numbers")

    @property
    def label(self) -> str:
        return f"{self.model}/{self.version}"


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """What a model is told of a channel: its name, unit, and its stated noise (standard deviation) if any."""

    name: str
    unit: str = ""
    noise: float | None = None

    @property
    def variance(self) -> float | None:
        return None if self.noise is None else self.noise * self.noise


class Settings(Struct, kw_only=True, forbid_unknown_fields=True, frozen=True, tag_field="type"):
    """Base of each model's settings; the tag is the model's name in YAML."""


class Model(Protocol):
    """A model plug-in: a class with these attributes, registered in one line."""

    name: ClassVar[str]
    version: ClassVar[int]
    scope: ClassVar[str]  # "channel": one component per channel; "asset": one component over several channels
    Settings: ClassVar[type[Settings]]

    @staticmethod
    def build(settings: Any, channels: Sequence[ChannelInfo]) -> Component:
        """The component for these channels. Raises ValueError (expected, got, hint) on settings that make no sense."""
        ...

    @staticmethod
    def uses(settings: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Channel names the settings refer to: (measured, inputs). A channel-scoped model gives only inputs."""
        ...


def trend_noises(wander: float | None, rate_wander: float | None) -> tuple[Noise, Noise]:
    """Process noise of a level and its rate: q0 [dt 0; 0 0] + q1 [dt³/3 dt²/2; dt²/2 dt].

    Standard deviations of the wander in one second. Both None: learned; one None: zero.
    Source: Bar-Shalom, Li and Kirubarajan (2001), §6.2.2.
    """
    stated = wander is not None or rate_wander is not None
    return (
        Noise(lambda dt: ((dt, 0.0), (0.0, 0.0)), (wander or 0.0) ** 2 if stated else None, order=1),
        Noise(
            lambda dt: ((dt * dt * dt / 3.0, dt * dt / 2.0), (dt * dt / 2.0, dt)),
            (rate_wander or 0.0) ** 2 if stated else None,
            weight=0.01,
            order=3,
        ),
    )


def rate_unit(unit: str) -> str:
    return f"{unit}/s" if unit else "1/s"
