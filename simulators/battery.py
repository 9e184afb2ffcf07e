"""A lithium-ion cell that is discharged under a varying load, rests, is charged, rests, and so on.

    ds/dt  = I / (3600 Q)                           state of charge s; I > 0 charges
    V      = U(s) + I R0 + V1                       terminal voltage
    dV1/dt = (I R1 - V1) / τ1                       one resistor-capacitor pair, τ1 = R1 C1
    U(s)   = -1.031 exp(-35 s) + 3.685 + 0.2156 s - 0.1178 s² + 0.3201 s³
    dθ/dt  = (θa + Rt (I² R0 + V1²/R1) - θ) / τt    cell temperature θ, thermal resistance Rt

I in A, Q in Ah, V in V, θ in degC, s from 0 to 1. U(s) and the circuit are those of Chen and Rincón-Mora (2006, IEEE
Trans. Energy Convers. 21, 504), with constant resistors; the heat is the irreversible part of Bernardi, Pawlikowski
and Newman (1985, J. Electrochem. Soc. 132, 5). Charging is at constant current and ends below the voltage limit. The
current is held over a step, and everything else is then exact.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.base import Channel, Simulator, parameter, relax


def open_circuit(soc: float) -> float:
    """Open-circuit voltage in V at state of charge `soc`."""
    return -1.031 * math.exp(-35.0 * soc) + 3.685 + 0.2156 * soc - 0.1178 * soc**2 + 0.3201 * soc**3


@dataclass(frozen=True)
class BatteryParameters:
    capacity: float = parameter(2.5, "Ah", "capacity of the cell", low=1e-3)
    discharge: float = parameter(2.5, "A", "mean current of the load", low=0.0)
    load_swing: float = parameter(0.3, "1", "relative swing of the load", low=0.0, high=1.0)
    load_cycle: float = parameter(120.0, "s", "period of that swing", low=0.1)
    charge: float = parameter(1.25, "A", "charging current", low=0.0)
    soc_low: float = parameter(0.15, "1", "state of charge at which the load is taken off", low=0.0, high=1.0)
    soc_high: float = parameter(0.9, "1", "state of charge at which charging stops", low=0.0, high=1.0)
    rest: float = parameter(900.0, "s", "rest after each charge and discharge", low=0.0)
    series_resistance: float = parameter(0.03, "ohm", "R0", low=0.0)
    pair_resistance: float = parameter(0.015, "ohm", "R1", low=1e-6)
    pair_time: float = parameter(60.0, "s", "time constant R1 C1", low=0.01)
    ambient: float = parameter(23.0, "degC", "temperature of the surroundings", low=-60.0, high=80.0)
    thermal_resistance: float = parameter(12.0, "K/W", "from the cell to the surroundings", low=0.0)
    thermal_time: float = parameter(600.0, "s", "thermal time constant", low=0.01)

    def __post_init__(self) -> None:
        if not self.soc_low < self.soc_high:
            raise ValueError("soc_low < soc_high")


class Battery(Simulator[BatteryParameters]):
    """Lithium-ion cell in charge and discharge cycles."""

    Parameters = BatteryParameters
    channels = (
        Channel("voltage", "V", noise=0.002, decimals=4, span=0.5),
        Channel("current", "A", noise=0.01, decimals=3, span=3.0),
        Channel("soc", "1", noise=0.002, decimals=4, span=0.5),
        Channel("temperature", "degC", noise=0.1, decimals=2, span=10.0),
    )
    longest_step = 1.0

    def __init__(self, parameters: BatteryParameters, rng: random.Random, time: float) -> None:
        super().__init__(parameters, rng, time)
        p = parameters
        self.began = time
        self.phase = rng.uniform(0.0, 2.0 * math.pi)
        self.soc = p.soc_low + (p.soc_high - p.soc_low) * rng.uniform(0.5, 0.9)
        self.duty = -1  # -1 discharging, 0 resting, 1 charging
        self.after_rest = 1
        self.rest_left = 0.0
        self.current = self._current(time)
        self.pair_voltage = self.current * p.pair_resistance
        self.temperature = self._warmth()

    def _current(self, time: float) -> float:
        p = self.parameters
        if self.duty > 0:
            return p.charge
        if self.duty == 0:
            return 0.0
        swing = math.sin(2.0 * math.pi * (time - self.began) / p.load_cycle + self.phase)
        return -p.discharge * (1.0 + p.load_swing * swing)

    def _warmth(self) -> float:
        """Temperature at which the cell gives off all the heat it makes."""
        p = self.parameters
        heat = self.current**2 * p.series_resistance + self.pair_voltage**2 / p.pair_resistance
        return p.ambient + p.thermal_resistance * heat

    def _rest_before(self, duty: int) -> None:
        self.duty = 0
        self.after_rest = duty
        self.rest_left = self.parameters.rest

    def step(self, dt: float) -> None:
        p = self.parameters
        self.soc = min(1.0, max(0.0, self.soc + self.current * dt / (3600.0 * p.capacity)))
        self.temperature = relax(self.temperature, self._warmth(), p.thermal_time, dt)
        self.pair_voltage = relax(self.pair_voltage, self.current * p.pair_resistance, p.pair_time, dt)
        if self.duty < 0 and self.soc <= p.soc_low:
            self._rest_before(1)
        elif self.duty > 0 and self.soc >= p.soc_high:
            self._rest_before(-1)
        elif self.duty == 0:
            self.rest_left -= dt
            if self.rest_left <= 0.0:
                self.duty = self.after_rest
        self.current = self._current(self.time + dt)

    def truth(self) -> dict[str, float]:
        return {
            "voltage": open_circuit(self.soc) + self.current * self.parameters.series_resistance + self.pair_voltage,
            "current": self.current,
            "soc": self.soc,
            "temperature": self.temperature,
        }
