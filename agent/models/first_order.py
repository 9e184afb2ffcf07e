"""First-order lag: a quantity that relaxes with a time constant towards what drives it.

    dx = (g u - x)/tau dt + sqrt(q) dW,   z = x + v

    F(dt) = a,   B(dt) = g (1 - a),   Q(dt) = q tau/2 (1 - a²),   a = exp(-dt/tau)

u is a constant (ambient temperature), a channel of the same asset (a set point), or a topic. Without a stated
u the target is a second state that wanders, learned from the readings:

    F(dt) = [a 1-a; 0 1],   Q(dt) = q [tau/2 (1 - a²) 0; 0 0] + q_u [0 0; 0 dt]

Source: the Ornstein-Uhlenbeck process, Särkkä and Solin (2019), Applied Stochastic Differential Equations,
§6.2; Newton's law of cooling for the physical reading. The wander of an unknown target within one interval is
neglected in x, which holds for dt << tau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from agent.config import Duration, Positive
from agent.expr import Number, exp
from agent.models.base import ChannelInfo, Component, Matrix, Noise, Source, State
from agent.models.base import Settings as Base


class Driver(Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """An input that changes: a channel of the asset, or a topic that many assets share."""

    channel: Annotated[str | None, Meta(description="Channel of the same asset.")] = None
    topic: Annotated[
        str | None, Meta(description="Topic (no wildcards) whose value drives all assets of the block.")
    ] = None
    field: Annotated[
        str | None,
        Meta(description="Path of the value in that topic's JSON payload; default: the payload is the number."),
    ] = None


def source_of(driver: float | Driver) -> Source:
    """The input source a setting describes; ValueError when it names none or two."""
    if not isinstance(driver, Driver):
        return Source(constant=float(driver))
    if (driver.channel is None) == (driver.topic is None):
        raise ValueError("expected either channel or topic for the input")
    return Source(channel=driver.channel, topic=driver.topic, field=driver.field)


class FirstOrderSettings(Base, tag="first_order", kw_only=True, frozen=True):
    """Relaxes to a target with a time constant. For temperatures, pressures, anything that settles."""

    tau: Annotated[Duration, Meta(description="Time constant.")]
    target: Annotated[
        float | Driver | None,
        Meta(
            description="What it relaxes to: a number, or `{channel: ...}`, or `{topic: ...}`. Left out: learned as a state."
        ),
    ] = None
    gain: Annotated[float, Meta(description="The target is this times the input.")] = 1.0
    wander: Annotated[
        Positive | None, Meta(description="Standard deviation of the disturbance in one second. Left out: learned.")
    ] = None


class FirstOrder:
    name: ClassVar[str] = "first_order"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "channel"
    Settings: ClassVar[type[Base]] = FirstOrderSettings

    @staticmethod
    def build(settings: FirstOrderSettings, channels: Sequence[ChannelInfo]) -> Component:
        (channel,) = channels
        tau, gain = float(settings.tau), settings.gain
        if tau <= 0:
            raise ValueError(f"tau: expected a time constant above zero, got {tau:g} s")
        q = None if settings.wander is None else settings.wander**2

        def decay(dt: Number) -> Number:
            return exp(dt / -tau)

        def spread(dt: Number) -> Number:
            a = decay(dt)
            return (1.0 - a * a) * (tau / 2.0)

        if settings.target is not None:
            return Component(
                model="first_order",
                version=1,
                states=(State(channel.name, channel.unit),),
                channels=(channel.name,),
                observe=((1.0,),),
                transition=lambda dt: ((decay(dt),),),
                noises=(Noise(lambda dt: ((spread(dt),),), q, order=1),),
                inputs=(replace(source_of(settings.target), default=None),),
                drive=lambda dt: ((gain * (1.0 - decay(dt)),),),
                measurement=(channel.variance,),
                rates=(None,),
            )

        def transition(dt: Number) -> Matrix:
            a = decay(dt)
            return ((a, 1.0 - a), (0.0, 1.0))

        return Component(
            model="first_order",
            version=1,
            states=(
                State(channel.name, channel.unit),
                State(f"{channel.name}_target", channel.unit, prior=1e4, start=1.0),
            ),
            channels=(channel.name,),
            observe=((1.0, 0.0),),
            transition=transition,
            noises=(
                Noise(lambda dt: ((spread(dt), 0.0), (0.0, 0.0)), q, order=1),
                Noise(lambda dt: ((0.0, 0.0), (0.0, dt)), q, weight=1.0, order=1),
            ),
            measurement=(channel.variance,),
            rates=(None,),
        )

    @staticmethod
    def uses(settings: FirstOrderSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        target = settings.target
        return (), ((target.channel,) if isinstance(target, Driver) and target.channel else ())
