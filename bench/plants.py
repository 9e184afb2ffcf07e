"""Readings without and with faults for `bench.alarms`: the bundled simulators, and noises of a known kind.

Everything is drawn from the seed that is given, as arrays of (time, asset); nothing here knows the agent's code.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from simulators.base import generator
from simulators.kinds import find

Floats = NDArray[np.float64]

START = 1.7e9  # UTC seconds, 22:13:20 of a Tuesday
STEP = 30.0  # seconds: the longest step of the simulators here; with their own, 30 days would take hours
KINDS = ("battery", "pump", "room", "tank")
PLANT = Path(__file__).parents[1] / "configs" / "plant.yaml"


def blocks() -> dict[str, dict[str, Any]]:
    """The shipped plant's asset blocks by kind, with the models they come with."""
    found = {}
    for block in yaml.safe_load(PLANT.read_text())["assets"]:
        found[block["topic"].split("/")[1]] = block
    return found


def _normal(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    return rng.standard_normal(size)


def _laplace(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    return rng.laplace(0.0, 0.5**0.5, size)


def _student(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    return rng.standard_t(3, size) / 3.0**0.5


def _autocorrelated(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """x(k) = 0.95 x(k-1) + sqrt(1 - 0.95²) N(0, 1)."""
    out = rng.standard_normal(size)
    for k in range(1, size[0]):
        out[k] = 0.95 * out[k - 1] + (1.0 - 0.95**2) ** 0.5 * out[k]
    return out


# Each of standard deviation 1.
NOISES: Mapping[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "normal": _normal,
    "Laplace": _laplace,
    "Student's t, 3 d.f.": _student,
    "AR(1), 0.95": _autocorrelated,
}


def noise(kind: str, assets: int, readings: int, seed: int) -> dict[str, Floats]:
    return {"value": NOISES[kind](np.random.default_rng([seed, list(NOISES).index(kind)]), (readings, assets))}


def plant(kind: str, channels: list[str], assets: int, readings: int, interval: float, seed: int) -> dict[str, Floats]:
    """Each channel's readings of simulated assets, every `interval` seconds, with the sensors' noise and resolution."""
    jobs = [(kind, channels, readings, interval, seed, f"{kind}{n}") for n in range(assets)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        runs = pool.map(_run, jobs, chunksize=8)
    return {name: np.stack([run[:, k] for run in runs], axis=1) for k, name in enumerate(channels)}


def _run(job: tuple[str, list[str], int, float, int, str]) -> Floats:
    kind, channels, readings, interval, seed, name = job
    simulator = find(kind)
    coarse = type(simulator.__name__, (simulator,), {"longest_step": STEP})
    asset = coarse(simulator.Parameters(), generator(seed, name, "physics"), START)
    sensors = generator(seed, name, "sensors")
    said = [c for c in simulator.channels if c.name in channels]
    said.sort(key=lambda c: channels.index(c.name))
    out = np.empty((readings, len(said)))
    for k in range(readings):
        truth = asset.at(START + (k + 1) * interval)
        for j, c in enumerate(said):
            out[k, j] = round(truth[c.name] + sensors.gauss(0.0, c.noise), c.decimals)
    return out
