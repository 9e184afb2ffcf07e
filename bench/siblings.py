"""Channels against each other, on simulated plants: `python -m bench.siblings [--seeds N] [--json FILE]`.

For each kind of plant some assets that stay well, some whose sensor fails, and some whose process changes: what the
detectors of single channels raise, what the `joint` detector raises, and what is suspected. Readings go straight into
the core, without payloads. Sensor faults are those of `simulators.faults`; process changes are other parameters of the
same physics from the same moment on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.block import Arrivals, Samples
from agent.configfile import load
from agent.twins import Twins
from agent.types import Outputs
from simulators.base import Simulator, generator
from simulators.battery import Battery
from simulators.faults import EFFECTS, Moment
from simulators.pump import Pump
from simulators.room import Room
from simulators.tank import Tank

LEARNT, FAULTY = 12000, 1500  # readings of each channel before and during a fault
START = 1_780_000_000.0
Series = NDArray[np.float64]  # (readings, channels)


def _set(**factors: float) -> Callable[[Any], None]:
    """Other parameters: each multiplied by its factor."""

    def change(plant: Any) -> None:
        p = plant.parameters
        plant.parameters = dataclasses.replace(p, **{name: getattr(p, name) * by for name, by in factors.items()})

    return change


def _clog(pump: Any) -> None:
    pump.pipe_loss *= 1.6


PLANTS: dict[str, tuple[type[Simulator[Any]], float, dict[str, Callable[[Any], None]]]] = {
    "pump": (
        Pump,
        5.0,
        {
            "pipe clogs": _clog,
            "load falls": _set(load_low=0.75, load_high=0.75),
            "imbalance (one channel)": _set(vibration_rated=1.5),
        },
    ),
    "room": (
        Room,
        60.0,
        {
            "window opens": _set(air_changes=8.0, resistance=0.5),
            "heater fails": _set(power=0.0),
            "setpoint falls": _set(setpoint=0.8),
        },
    ),
    "tank": (Tank, 5.0, {"valve worn": _set(discharge=1.5), "pump weak": _set(fill=0.6), "demand": _set(opening=0.4)}),
    "battery": (
        Battery,
        5.0,
        {"load rises": _set(discharge=1.6), "cell aged": _set(series_resistance=2.0), "warm room": _set(ambient=1.5)},
    ),
}
SIZES = {"spike": 0.5, "step": 0.3, "drift": 0.5, "noise": 0.3, "stuck": 0.0}  # as shares of a channel's usual range


class Case(NamedTuple):
    group: str  # well, sensor or process
    what: str
    channel: str
    series: Series


def measured(kind: str, seed: int, change: Callable[[Any], None] | None = None) -> Series:
    """Readings of one asset; from `LEARNT` on of the changed plant."""
    plant, period, _ = PLANTS[kind]
    simulator = plant(plant.Parameters(), generator(seed, kind, "physics"), 0.0)
    rng = generator(seed, kind, "noise")
    out = np.empty((LEARNT + FAULTY, len(plant.channels)))
    for k in range(len(out)):
        if k == LEARNT and change is not None:
            change(simulator)
        truth = simulator.at(k * period)
        out[k] = [round(truth[c.name] + rng.gauss(0.0, c.noise), c.decimals) for c in plant.channels]
    return out


def cases(kind: str, seeds: int) -> Iterator[Case]:
    plant, _, changes = PLANTS[kind]
    for seed in range(seeds):
        well = measured(kind, seed)
        yield Case("well", "", "", well)
        for what, change in changes.items():
            yield Case("process", what, "", measured(kind, seed, change))
        for k, channel in enumerate(plant.channels):
            sizes = [(fault, size, size * channel.span) for fault, size in SIZES.items()]
            sizes += [(f"{fault}, 6 σ", 0.0, 6.0 * channel.noise) for fault in ("step", "drift") if channel.noise]
            for what, _, magnitude in sizes:
                effect, rng = EFFECTS[what.partition(",")[0]], generator(seed, kind, channel.name, what)
                series = well.copy()
                last = LEARNT + (FAULTY if effect.has_duration else 1)
                for at in range(LEARNT, last):
                    progress = min(1.0, (at + 1 - LEARNT) / (FAULTY / 2))
                    value = effect.alter(Moment(well[at, k], well[LEARNT - 1, k], magnitude, progress, rng))
                    series[at, k] = math.nan if value is None else value
                yield Case("sensor", what, channel.name, series)


def _core(kind: str) -> Twins:
    channels = "".join(f"      {c.name}: {{unit: {c.unit!r}}}\n" for c in PLANTS[kind][0].channels)
    text = (
        "site: bench\nmqtt: {host: localhost}\nassets:\n  - topic: bench/{asset}\n    channels:\n" + channels
        + "    state: {policy: never}\n    forecast: {horizons: []}\n"
    )  # fmt: skip
    return Twins(load(None, text=text, environ={}))


def _take(core: Twins, kind: str, data: NDArray[np.float64], first: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Readings (assets, times, channels) into the core; row, number of the reading and alarm of each that is raised."""
    (block,) = core.blocks
    rows, slots = list(range(len(data))), tuple(range(data.shape[2]))
    for k in range(data.shape[1]):
        times = [START + (first + k) * PLANTS[kind][1]] * len(rows)
        out = Outputs()
        columns: list[list[float | None]] = [data[:, k, s].tolist() for s in slots]
        block.take(Samples(rows, rows, times, columns, slots), Arrivals(times, [b""] * len(rows)), out)
        for said in out.said:
            alarm = json.loads(said.change.payload) if said.change is not None else {}
            if alarm.get("state") == "active":
                yield said.row, first + k, alarm


def _copied(saved: dict[str, Any], sources: list[int]) -> dict[str, Any]:
    """A snapshot whose rows are copies of these, so that what all cases of a plant share is learned once."""
    (old,) = saved["blocks"]
    at = np.array(sources)
    block = old | {"names": [f"a{k}" for k in range(len(sources))]}
    block["columns"] = {name: column[at] for name, column in old["columns"].items()}
    block["banks"] = [{name: column[..., at] for name, column in bank.items()} for bank in old["banks"]]
    block["bands"] = [{name: column[at] for name, column in bands.items()} for bands in old["bands"]]
    block["alarms"] = {
        name: alarm | {"rows": {key: column[at] for key, column in alarm["rows"].items()}}
        for name, alarm in old["alarms"].items()
    }
    del block["floods"]
    return saved | {"blocks": [block]}


def play(kind: str, several: list[Case], seeds: int) -> list[tuple[Case, int, dict[str, Any]]]:
    """Alarms that are raised, with the number of the reading."""
    well = [case for case in several if case.group == "well"]
    core = _core(kind)
    for k in range(seeds):
        core.blocks[0].add(f"a{k}", START)
    data = np.array([case.series for case in well])
    raised = [(well[row], k, alarm) for row, k, alarm in _take(core, kind, data[:, :LEARNT], 0)]
    sources = [seed for seed in range(seeds) for _ in range(len(several) // seeds)]
    copies = _core(kind)
    lines = copies.restore(_copied(core.snapshot(), sources))
    assert not lines, lines
    data = np.array([case.series[LEARNT:] for case in several])
    return raised + [(several[row], k, alarm) for row, k, alarm in _take(copies, kind, data, LEARNT)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=4, help="assets of each case")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("kinds", nargs="*", default=list(PLANTS))
    given = parser.parse_args()
    figures: dict[str, Any] = {}
    for kind in given.kinds:
        several = list(cases(kind, given.seeds))
        raised = play(kind, several, given.seeds)
        figures[kind] = report(kind, several, raised)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


def report(kind: str, several: list[Case], raised: list[tuple[Case, int, dict[str, Any]]]) -> dict[str, Any]:
    """A line for each fault: how many assets, in how many each kind of detector raised one, and what was suspected."""
    early = sum(k < LEARNT or case.group == "well" for case, k, _ in raised)
    judged = sum(case.group == "well" for case in several) * (LEARNT + FAULTY)
    print(f"{kind}: {early} alarms in {judged} readings of each channel without a fault")
    out: dict[str, Any] = {"without fault": {"alarms": early, "readings": judged}}
    heads = ("fault", "assets", "single", "joint", "delay", "sensor", "process", "unknown")
    print(f"  {heads[0]:<28}" + "".join(f"{head:>9}" for head in heads[1:]))
    names = [f"{c.group} {c.channel} {c.what}".replace("  ", " ") for c in several]
    for name in dict.fromkeys(n for n, c in zip(names, several, strict=True) if c.group != "well"):
        same = [c for n, c in zip(names, several, strict=True) if n == name]
        found = {"single": 0, "joint": 0}
        suspects: Counter[str] = Counter()
        delays = []
        for case in same:
            own = [(k, alarm) for c, k, alarm in raised if c is case and k >= LEARNT]
            suspects.update(alarm["suspect"] for _, alarm in own)
            together = [k - LEARNT for k, alarm in own if alarm["alarm"].endswith("_joint")]
            found["joint"] += bool(together)
            found["single"] += len(own) > len(together)
            delays += together[:1]
        delay = int(np.median(delays)) if delays else None
        calls = {s: suspects[s] for s in ("sensor", "process", "unknown")}
        out[name] = {"assets": len(same), **found, "delay": delay, **calls}
        cells = [len(same), found["single"], found["joint"], "-" if delay is None else delay, *calls.values()]
        print(f"  {name:<28}" + "".join(f"{cell:>9}" for cell in cells))
    sys.stdout.flush()
    return out


if __name__ == "__main__":
    main()
