"""A heated room: one thermal mass behind one resistance, a thermostat with hysteresis, a day cycle outdoors.

    C dT/dt = (To - T) / R + u P                    temperature T, heater u in {0, 1}
    To(t)   = mean + swing cos(2π (t - 15 h) / 24 h) + weather(t)
    dv/dt   = n (vo - v) + g / V                    vapour density v, air changes n, moisture source g
    RH      = 100 v / vs(T)                         capped at saturation: the surplus condenses

T, To in degC, R in K/W, C in J/K, P in W, v in g/m3, n in 1/s. The first-order grey-box model of Bacher and Madsen
(2011, Energy and Buildings 43, 1511); saturation by the Magnus formula with the coefficients of Alduchov and
Eskridge (1996, J. Appl. Meteorol. 35, 601). Temperature and vapour are stepped exactly for inputs held over a step.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.base import Channel, Simulator, Wander, parameter, relax

_DAY = 86400.0
_WARMEST = 15 * 3600.0  # UTC time of day


def saturation(temperature: float) -> float:
    """Vapour density of saturated air in g/m3 at `temperature` degC."""
    pressure = 610.94 * math.exp(17.625 * temperature / (temperature + 243.04))  # Pa
    return 2.16679 * pressure / (temperature + 273.15)


@dataclass(frozen=True)
class RoomParameters:
    resistance: float = parameter(0.02, "K/W", "thermal resistance to the outdoors", low=1e-6)
    capacity: float = parameter(1.5e6, "J/K", "heat capacity of the room", low=1.0)
    power: float = parameter(2000.0, "W", "heater power when it is on", low=0.0)
    setpoint: float = parameter(21.0, "degC", "middle of the thermostat's band", low=-40.0, high=100.0)
    hysteresis: float = parameter(0.8, "K", "width of the thermostat's band", low=0.0)
    outdoor_mean: float = parameter(5.0, "degC", "outdoor temperature, mean of the day", low=-80.0, high=60.0)
    outdoor_swing: float = parameter(5.0, "K", "outdoor temperature, half its range over the day", low=0.0, high=40.0)
    weather: float = parameter(0.8, "K", "outdoor temperature, standard deviation of its wander", low=0.0, high=20.0)
    weather_time: float = parameter(6 * 3600.0, "s", "outdoor temperature, how long a wander lasts", low=1.0)
    outdoor_humidity: float = parameter(75.0, "%", "outdoor relative humidity at the mean temperature", 0.0, 100.0)
    air_changes: float = parameter(0.5, "1/h", "air changes with the outdoors", low=0.0)
    moisture: float = parameter(60.0, "g/h", "vapour given off by the people in the room", low=0.0)
    volume: float = parameter(50.0, "m3", "air volume of the room", low=0.1)


class Room(Simulator[RoomParameters]):
    """Heated room with a thermostat."""

    Parameters = RoomParameters
    channels = (
        Channel("temperature", "degC", noise=0.1, decimals=2, span=5.0),
        Channel("outdoor", "degC", noise=0.2, decimals=2, span=15.0),
        Channel("heating", "W", noise=0.0, decimals=0, span=2000.0),
        Channel("humidity", "%", noise=0.5, decimals=1, span=30.0),
    )
    longest_step = 10.0

    def __init__(self, parameters: RoomParameters, rng: random.Random, time: float) -> None:
        super().__init__(parameters, rng, time)
        p = parameters
        self.weather = Wander(p.weather, p.weather_time, rng)
        self.outdoor = self._outdoor(time)
        self.temperature = p.setpoint + p.hysteresis * rng.uniform(-0.5, 0.5)
        self.heating = rng.random() < 0.5
        self.vapour_outdoor = saturation(p.outdoor_mean) * p.outdoor_humidity / 100.0
        source = p.moisture / p.volume / p.air_changes if p.air_changes else 0.0
        self.vapour = min(self.vapour_outdoor + source, saturation(self.temperature))

    def _outdoor(self, time: float) -> float:
        p = self.parameters
        cycle = math.cos(2.0 * math.pi * (time - _WARMEST) / _DAY)
        return p.outdoor_mean + p.outdoor_swing * cycle + self.weather.value

    def step(self, dt: float) -> None:
        p = self.parameters
        balance = self.outdoor + p.resistance * p.power * self.heating
        self.temperature = relax(self.temperature, balance, p.resistance * p.capacity, dt)
        if self.temperature >= p.setpoint + p.hysteresis / 2:
            self.heating = False
        elif self.temperature <= p.setpoint - p.hysteresis / 2:
            self.heating = True

        if p.air_changes:
            balance = self.vapour_outdoor + p.moisture / p.volume / p.air_changes
            self.vapour = relax(self.vapour, balance, 3600.0 / p.air_changes, dt)
        else:
            self.vapour += p.moisture / p.volume * dt / 3600.0
        self.vapour = min(self.vapour, saturation(self.temperature))

        self.weather.step(dt)
        self.outdoor = self._outdoor(self.time + dt)

    def truth(self) -> dict[str, float]:
        return {
            "temperature": self.temperature,
            "outdoor": self.outdoor,
            "heating": self.parameters.power * self.heating,
            "humidity": 100.0 * self.vapour / saturation(self.temperature),
        }
