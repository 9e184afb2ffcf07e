"""An open tank: filled by a pump between two level switches, emptied through a valve whose demand varies.

    A dh/dt = qi - qo                               mass balance of a liquid that does not compress
    qo      = y(t) Cd a sqrt(2 g h)                 Torricelli, discharge coefficient Cd, orifice a, opening y
    dqi/dt  = (u qn - qi) / τ                       the pump runs up and down in τ; u = 1 below `switch_low`
                                                    until `switch_high`, and then 0
    y(t)    = opening (1 + swing sin(2π t/cycle + phase)) within 0 and 1

h in m, q in m3/s, A and a in m². White, Fluid Mechanics, ch. 3. Stepped by the midpoint rule. A tank filled to its
rim spills what is over: the level stays, and neither meter sees it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.base import Channel, Simulator, parameter, relax

_GRAVITY = 9.80665  # m/s²


@dataclass(frozen=True)
class TankParameters:
    area: float = parameter(4.0, "m2", "cross-section of the tank", low=1e-4)
    height: float = parameter(3.0, "m", "height of the rim", low=0.01)
    switch_low: float = parameter(1.0, "m", "level at which filling starts", low=0.0)
    switch_high: float = parameter(2.0, "m", "level at which filling stops", low=0.0)
    fill: float = parameter(0.012, "m3/s", "flow of the filling pump", low=0.0)
    fill_time: float = parameter(8.0, "s", "time constant of the filling pump", low=0.01)
    orifice: float = parameter(0.002, "m2", "area of the open outlet valve", low=0.0)
    discharge: float = parameter(0.62, "1", "discharge coefficient of the valve", low=0.0, high=1.0)
    opening: float = parameter(0.8, "1", "mean opening of the valve", low=0.0, high=1.0)
    swing: float = parameter(0.2, "1", "relative swing of the opening with the demand", low=0.0, high=1.0)
    cycle: float = parameter(900.0, "s", "period of the demand", low=0.1)

    def __post_init__(self) -> None:
        if not self.switch_low < self.switch_high <= self.height:
            raise ValueError("switch_low < switch_high <= height")


class Tank(Simulator[TankParameters]):
    """Tank between an inflow and an outflow."""

    Parameters = TankParameters
    channels = (
        Channel("level", "m", noise=0.003, decimals=4, span=1.0),
        Channel("inflow", "m3/s", noise=1e-4, decimals=6, span=0.012),
        Channel("outflow", "m3/s", noise=1e-4, decimals=6, span=0.012),
    )
    longest_step = 1.0

    def __init__(self, parameters: TankParameters, rng: random.Random, time: float) -> None:
        super().__init__(parameters, rng, time)
        p = parameters
        self.began = time
        self.phase = rng.uniform(0.0, 2.0 * math.pi)
        self.level = p.switch_low + (p.switch_high - p.switch_low) * rng.uniform(0.2, 0.8)
        self.filling = rng.random() < 0.5
        self.inflow = p.fill * self.filling
        self.outflow = self._outflow(self.level, time)

    def _outflow(self, level: float, time: float) -> float:
        p = self.parameters
        demand = p.opening * (1.0 + p.swing * math.sin(2.0 * math.pi * (time - self.began) / p.cycle + self.phase))
        return min(1.0, max(0.0, demand)) * p.discharge * p.orifice * math.sqrt(2.0 * _GRAVITY * max(0.0, level))

    def step(self, dt: float) -> None:
        p = self.parameters
        inflow = relax(self.inflow, p.fill * self.filling, p.fill_time, dt / 2)
        middle = self.level + (self.inflow - self.outflow) / p.area * dt / 2
        outflow = self._outflow(middle, self.time + dt / 2)
        self.level = min(p.height, max(0.0, self.level + (inflow - outflow) / p.area * dt))
        self.inflow = relax(self.inflow, p.fill * self.filling, p.fill_time, dt)
        self.outflow = self._outflow(self.level, self.time + dt)
        if self.level <= p.switch_low:
            self.filling = True
        elif self.level >= p.switch_high:
            self.filling = False

    def truth(self) -> dict[str, float]:
        return {"level": self.level, "inflow": self.inflow, "outflow": self.outflow}
