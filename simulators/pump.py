"""A centrifugal pump at varying speed, on a pipe with static head; one load cycle drives all four channels.

    n(t)  = (low + high)/2 + (high - low)/2 sin(2π t/cycle + phase) + wander(t)      speed, 1 = rated
    p     = n² p0 - a Q²                                                             pump curve
    p     = ps + b Q²                                                                pipe
    dθ/dt = (θa + Δθ n³ - θ) / τ                                                     winding temperature θ
    v     = sqrt(v0² + (v1 n²)²)                                                     vibration, RMS

p in bar, Q in m3/h, θ in degC, v in mm/s; a and b follow from the rated point. Pump curve scaled by the affinity
laws, hence shaft power and so the loss as n³ (Gülich, Centrifugal Pumps, ch. 3 and 4); one thermal time constant as
in IEC 60034-1; the force of an imbalance grows as n², and independent vibrations add as squares (ISO 20816-1 reads
the result: below 2.3 mm/s is a new machine). Where n² p0 <= ps the pump does not lift the water, and nothing flows.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.base import Channel, Simulator, Wander, parameter, relax


@dataclass(frozen=True)
class PumpParameters:
    cycle: float = parameter(600.0, "s", "period of the load cycle", low=0.1)
    load_low: float = parameter(0.7, "1", "lowest speed of the cycle; 1 is rated", low=0.0, high=2.0)
    load_high: float = parameter(1.0, "1", "highest speed of the cycle", low=0.0, high=2.0)
    wander: float = parameter(0.005, "1", "standard deviation of the speed about its cycle", low=0.0, high=0.2)
    wander_time: float = parameter(30.0, "s", "how long such a wander lasts", low=0.01)
    shutoff_pressure: float = parameter(6.0, "bar", "pressure at rated speed against a closed valve", low=0.01)
    rated_pressure: float = parameter(4.5, "bar", "pressure at rated speed and flow", low=0.01)
    rated_flow: float = parameter(40.0, "m3/h", "flow at rated speed", low=0.01)
    static_pressure: float = parameter(1.0, "bar", "pressure of the pipe without flow", low=0.0)
    ambient: float = parameter(25.0, "degC", "temperature of the surroundings", low=-60.0, high=80.0)
    rise: float = parameter(45.0, "K", "steady temperature rise at rated speed", low=0.0)
    thermal_time: float = parameter(900.0, "s", "thermal time constant", low=0.01)
    vibration_floor: float = parameter(0.3, "mm/s", "vibration at standstill: the neighbours", low=0.0)
    vibration_rated: float = parameter(1.8, "mm/s", "vibration of the imbalance at rated speed", low=0.0)

    def __post_init__(self) -> None:
        if not self.static_pressure < self.rated_pressure < self.shutoff_pressure:
            raise ValueError("static_pressure < rated_pressure < shutoff_pressure")
        if self.load_low > self.load_high:
            raise ValueError("load_low <= load_high")


class Pump(Simulator[PumpParameters]):
    """Centrifugal pump under a load cycle."""

    Parameters = PumpParameters
    channels = (
        Channel("vibration", "mm/s", noise=0.05, decimals=3, span=2.0),
        Channel("temperature", "degC", noise=0.2, decimals=2, span=30.0),
        Channel("pressure", "bar", noise=0.02, decimals=3, span=3.0),
        Channel("flow", "m3/h", noise=0.3, decimals=2, span=20.0),
    )
    longest_step = 5.0

    def __init__(self, parameters: PumpParameters, rng: random.Random, time: float) -> None:
        super().__init__(parameters, rng, time)
        p = parameters
        self.began = time
        self.phase = rng.uniform(0.0, 2.0 * math.pi)
        self.wander = Wander(p.wander, p.wander_time, rng)
        self.pump_loss = (p.shutoff_pressure - p.rated_pressure) / p.rated_flow**2
        self.pipe_loss = (p.rated_pressure - p.static_pressure) / p.rated_flow**2
        self.speed = self._speed(time)
        self.temperature = p.ambient + p.rise * self.speed**3

    def _speed(self, time: float) -> float:
        p = self.parameters
        swing = math.sin(2.0 * math.pi * (time - self.began) / p.cycle + self.phase)
        return max(0.0, (p.load_low + p.load_high + (p.load_high - p.load_low) * swing) / 2.0 + self.wander.value)

    def step(self, dt: float) -> None:
        p = self.parameters
        self.temperature = relax(self.temperature, p.ambient + p.rise * self.speed**3, p.thermal_time, dt)
        self.wander.step(dt)
        self.speed = self._speed(self.time + dt)

    def truth(self) -> dict[str, float]:
        p = self.parameters
        lift = self.speed**2 * p.shutoff_pressure - p.static_pressure
        flow = math.sqrt(max(0.0, lift) / (self.pump_loss + self.pipe_loss))
        return {
            "vibration": math.hypot(p.vibration_floor, p.vibration_rated * self.speed**2),
            "temperature": self.temperature,
            "pressure": p.static_pressure + self.pipe_loss * flow**2,
            "flow": flow,
            "speed": self.speed,
        }
