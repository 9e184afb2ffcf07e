"""Local linear trend: a level and its rate of change, seen through the level.

    dx0 = x1 dt + sqrt(q0) dW0,   dx1 = sqrt(q1) dW1,   z = x0 + v

    F(dt) = [1 dt; 0 1],   Q(dt) = q0 [dt 0; 0 0] + q1 [dt³/3 dt²/2; dt²/2 dt]

Sources: Bar-Shalom, Li and Kirubarajan (2001), Estimation with Applications to Tracking and Navigation,
§6.2.2 (continuous white noise acceleration); Harvey (1989) §2.3.6 for the local linear trend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from agent.config import Positive
from agent.models.base import ChannelInfo, Component, State, rate_unit, trend_noises
from agent.models.base import Settings as Base


class LevelRateSettings(Base, tag="level_rate", kw_only=True, frozen=True):
    """Level and rate of change. The default: follows trends and forecasts along them."""

    wander: Annotated[
        Positive | None,
        Meta(
            description="Standard deviation of the level's own wander in one second. Left out: learned, or zero when only `rate_wander` is stated."
        ),
    ] = None
    rate_wander: Annotated[
        Positive | None,
        Meta(
            description="Standard deviation of the rate's wander in one second, in units per second. Left out: learned, or zero when only `wander` is stated."
        ),
    ] = None


class LevelRate:
    name: ClassVar[str] = "level_rate"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "channel"
    Settings: ClassVar[type[Base]] = LevelRateSettings

    @staticmethod
    def build(settings: LevelRateSettings, channels: Sequence[ChannelInfo]) -> Component:
        (channel,) = channels
        return Component(
            model="level_rate",
            version=1,
            states=(
                State(channel.name, channel.unit),
                State(f"{channel.name}_rate", rate_unit(channel.unit), prior=1e4, order=1),
            ),
            channels=(channel.name,),
            observe=((1.0, 0.0),),
            transition=lambda dt: ((1.0, dt), (0.0, 1.0)),
            noises=trend_noises(settings.wander, settings.rate_wander),
            measurement=(channel.variance,),
            rates=(1,),
        )

    @staticmethod
    def uses(settings: LevelRateSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (), ()
