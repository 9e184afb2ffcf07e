"""Random walk: a level that wanders, seen with noise.

    dx = sqrt(q) dW,   z = x + v            F = 1,   Q(dt) = q dt

Source: the local level model, Harvey (1989), Forecasting, Structural Time Series Models, eq. 2.3.1, in
continuous time. Forecasts stay at the last level, their variance grows with q · horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from agent.config import Positive
from agent.models.base import ChannelInfo, Component, Noise, State
from agent.models.base import Settings as Base


class LevelSettings(Base, tag="level", kw_only=True, frozen=True):
    """Random walk of a level. For quantities that hold their value between changes."""

    wander: Annotated[
        Positive | None, Meta(description="Standard deviation of the level's wander in one second. Left out: learned.")
    ] = None


class Level:
    name: ClassVar[str] = "level"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "channel"
    Settings: ClassVar[type[Base]] = LevelSettings

    @staticmethod
    def build(settings: LevelSettings, channels: Sequence[ChannelInfo]) -> Component:
        (channel,) = channels
        q = None if settings.wander is None else settings.wander**2
        return Component(
            model="level",
            version=1,
            states=(State(channel.name, channel.unit),),
            channels=(channel.name,),
            observe=((1.0,),),
            transition=lambda dt: ((1.0,),),
            noises=(Noise(lambda dt: ((dt,),), q, order=1),),
            measurement=(channel.variance,),
            rates=(None,),
        )

    @staticmethod
    def uses(settings: LevelSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (), ()
