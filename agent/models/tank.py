"""Tank: a level that integrates inflow minus outflow, with an unmeasured leak or supply.

    dx0 = (u_in - u_out)/A dt + x1 dt + sqrt(q0) dW0,   dx1 = sqrt(q1) dW1,   z = x0 + v

    F(dt) = [1 dt; 0 1],   B(dt) = [dt/A -dt/A; 0 0],   Q as in level_rate

x0 is the level in m, x1 the rate at which level goes missing (a leak is negative) in m/s, A the area in m².
Source: conservation of volume; the disturbance state is the usual unknown-input augmentation, e.g. Simon
(2006), Optimal State Estimation, §10.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from agent.config import Positive
from agent.models.base import ChannelInfo, Component, State, rate_unit, trend_noises
from agent.models.base import Settings as Base
from agent.models.first_order import Driver, source_of


class TankSettings(Base, tag="tank", kw_only=True, frozen=True):
    """Level from inflow and outflow; what does not add up is estimated as a leak."""

    area: Annotated[
        Positive,
        Meta(description="Cross-section: flow units over this give level units per second (m³/s over m² gives m/s)."),
    ]
    level: Annotated[str, Meta(description="Channel that measures the level.")] = "level"
    inflow: Annotated[float | Driver, Meta(description="Inflow: a number, `{channel: ...}` or `{topic: ...}`.")] = 0.0
    outflow: Annotated[float | Driver, Meta(description="Outflow: a number, `{channel: ...}` or `{topic: ...}`.")] = 0.0
    wander: Annotated[
        Positive | None,
        Meta(description="Standard deviation of the level's own wander in one second. Left out: learned."),
    ] = None
    leak_wander: Annotated[
        Positive | None, Meta(description="Standard deviation of the leak's wander in one second. Left out: learned.")
    ] = None


class Tank:
    name: ClassVar[str] = "tank"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "asset"
    Settings: ClassVar[type[Base]] = TankSettings

    @staticmethod
    def build(settings: TankSettings, channels: Sequence[ChannelInfo]) -> Component:
        (level,) = channels
        per_area = 1.0 / settings.area
        return Component(
            model="tank",
            version=1,
            states=(
                State(level.name, level.unit),
                State("leak", rate_unit(level.unit), prior=1e2, order=1),
            ),
            channels=(level.name,),
            observe=((1.0, 0.0),),
            transition=lambda dt: ((1.0, dt), (0.0, 1.0)),
            noises=trend_noises(settings.wander, settings.leak_wander),
            inputs=(source_of(settings.inflow), source_of(settings.outflow)),
            drive=lambda dt: ((dt * per_area, dt * -per_area), (0.0, 0.0)),
            measurement=(level.variance,),
            rates=(None,),
        )

    @staticmethod
    def uses(settings: TankSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        inputs = (settings.inflow, settings.outflow)
        return (settings.level,), tuple(d.channel for d in inputs if isinstance(d, Driver) and d.channel)
