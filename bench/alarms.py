"""What false alarms one gets for those one stated, and which faults are found: the anomaly alarm over simulated months.

    rate      assets without faults for 30 days, a reading in 5 minutes, the default alarm: alarms raised, over those stated
    surprise  of the same readings, after the first third: how often it was as large, over how often it claims to be
    faults    after 20 days, each kind of `simulators.faults` in one channel of each asset, of six standard deviations of
              what the twin usually cannot foresee; found when the channel's alarm is raised before its time is up. An
              asset whose alarm is there when the fault begins has none that could be raised: counted apart
    cost      CPU time of the default alarm over the filter's, in turns of a reading from each of 1,000 assets, and its
              memory per channel

What the fleet has learned stands still while faults are tried: all assets of a fleet do not fail within four hours.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import yaml

from agent.block import Arrivals, Samples
from agent.configfile import load
from agent.decode import Take
from agent.twins import Twins
from agent.types import AlarmChange, Outputs, Transition
from bench import plants
from bench.figures import Figure
from bench.plants import Floats
from simulators.faults import EFFECTS, Moment

SEED = 1
ASSETS, DAYS, INTERVAL = 1000, 30, 300.0
HOUR = round(3600.0 / INTERVAL)  # readings
READINGS = round(DAYS * 86400.0 / INTERVAL)
LEARNED = READINGS * 2 // 3  # before faults are tried
SIZE = 6.0  # standard deviations
TURNS, PAIRS = 200, 5  # for the cost: turns of a run, and runs with and without the alarm
LEVELS = (1.0, 2.0, 3.0, 4.0)  # of surprise
CHANNEL = {"battery": "temperature", "pump": "temperature", "room": "temperature", "tank": "level"}
# Hours a fault lasts, and hours from its onset within which the alarm has to be raised.
TIMES: dict[str, tuple[int, int]] = {
    "spike": (0, 0),
    "step": (4, 4),
    "drift": (1, 2),
    "noise": (1, 1),
    "stuck": (4, 4),
    "dropout": (4, 4),
}


class Month(NamedTuple):
    """A run without faults."""

    name: str
    raised: list[int]  # moments
    surprises: Floats  # how often surprise was at least each of LEVELS, over how often it claims to be
    state: dict[str, object]  # after LEARNED readings


class Found(NamedTuple):
    kind: str
    share: float  # of the assets whose alarm was not raised already when the fault began
    already: int  # assets whose alarm was
    delay: float  # median, s


def core(name: str, *, alarms: bool = True) -> Twins:
    block: dict[str, object] = {"model": "level", "channels": {"value": {}}}
    if name in plants.KINDS:
        shipped = plants.blocks()[name]
        channels = {k: {kk: v for kk, v in c.items() if kk != "limits"} for k, c in shipped["channels"].items()}
        block = {"model": shipped["model"], "channels": channels}
    block |= {"topic": "bench/{asset}", "state": {"policy": "never"}, "forecast": {"horizons": []}, "learning": 100}
    block["alarms"] = {"anomaly": {"type": "anomaly"}, "silent": {"type": "absence"}} if alarms else {}
    text = yaml.safe_dump({"site": "bench", "mqtt": {"host": "localhost"}, "assets": [block]})
    return Twins(load(None, text=text, environ={}))


def turn(twins: Twins, k: int, values: dict[str, Sequence[float]], absent: set[int]) -> list[AlarmChange]:
    """All that passes until moment k, and its readings."""
    now = plants.START + (k + 1) * INTERVAL
    out = Outputs()
    changes = twins.on_time(now).alarms if twins.next_time() <= now else []
    rows = [row for row in range(len(twins)) if row not in absent]
    columns: list[list[float | None]] = [[float(column[row]) for row in rows] for column in values.values()]
    names = [c.name for c in twins.blocks[0].plan.channels]
    samples = Samples(
        list(range(len(rows))), rows, [now] * len(rows), columns, tuple(names.index(name) for name in values)
    )
    twins.assimilate([Take(0, samples)], Arrivals([now] * len(rows), [b""] * len(rows)), out)
    return [c for c in (*changes, *out.alarms) if c.transition is Transition.RAISED]


def month(name: str, data: dict[str, Floats]) -> Month:
    twins = core(name)
    readings, assets = next(iter(data.values())).shape
    for a in range(assets):
        twins.make(0, f"a{a}", plants.START)
    raised: list[int] = []
    above, judged = np.zeros(len(LEVELS)), 0
    state: dict[str, object] = {}
    for k in range(readings):
        if k == LEARNED:
            state = twins.snapshot()
        changes = turn(twins, k, {n: column[k].tolist() for n, column in data.items()}, set())
        raised += [k for change in changes if change.name != "silent"]
        if k >= readings // 3:
            for slot in range(len(data)):
                surprise = twins.blocks[0].rows.columns[f"surprise{slot}"][:assets]
                above += [(surprise >= level).sum() for level in LEVELS]
                judged += assets
    return Month(name, raised, above / judged * np.power(10.0, LEVELS), state)


def faulty(kind: str, column: Floats, onset: Sequence[int], size: Floats, lasts: int) -> tuple[Floats, list[set[int]]]:
    """The channel with a fault in each asset, and the assets whose readings are not sent, by moment."""
    out = column.copy()
    absent: list[set[int]] = [set() for _ in column]
    for a, first in enumerate(onset):
        rng = random.Random(f"{SEED}/{kind}/{a}")
        magnitude = size[a] * (1.0 if kind == "noise" else rng.choice((-1.0, 1.0)))
        for k in range(first, first + max(lasts, 1)):
            progress = (k - first + 1) / max(lasts, 1)
            said = EFFECTS[kind].alter(Moment(column[k, a], column[first - 1, a], magnitude, progress, rng))
            if said is None:
                absent[k].add(a)
            else:
                out[k, a] = said
    return out, absent


def faults(name: str, data: dict[str, Floats], state: dict[str, object]) -> Iterator[Found]:
    channel = CHANNEL.get(name, "value")
    assets = data[channel].shape[1]
    onset: Any = np.random.default_rng(SEED).integers(LEARNED + HOUR, LEARNED + 24 * HOUR, assets).tolist()
    size = SIZE * _unforeseen(name, data, state, channel)
    for kind, (lasts, within) in TIMES.items():
        twins = _restored(name, state)
        column, absent = faulty(kind, data[channel], onset, size, lasts * HOUR)
        found: dict[int, int] = {}
        already: set[int] = set()
        for k in range(LEARNED, LEARNED + 30 * HOUR):
            values = {n: (column if n == channel else c)[k].tolist() for n, c in data.items()}
            if kind != "dropout":
                already.update(a for a in range(assets) if onset[a] == k and _in_alarm(twins, channel, a))
            for change in turn(twins, k, values, absent[k]):
                a = int(change.asset[1:])
                mine = change.name == "silent" if kind == "dropout" else change.name.endswith(("anomaly", channel))
                if mine and onset[a] <= k <= onset[a] + within * HOUR:
                    found.setdefault(a, k - onset[a])
        delay = float(np.median(list(found.values()))) * INTERVAL if found else float("nan")
        yield Found(kind, len(found.keys() - already) / max(assets - len(already), 1), len(already), delay)


def _in_alarm(twins: Twins, channel: str, row: int) -> bool:
    """Whether the channel's anomaly alarm is there, so that it cannot be raised."""
    own = [a for a in twins.blocks[0].alarms if a.name.endswith(("anomaly", channel))]
    return any(a.present(row) for a in own)


def _restored(name: str, state: dict[str, object]) -> Twins:
    twins = core(name)
    twins.restore(state)
    for alarm in twins.blocks[0].alarms:
        if alarm.fleet is not None:
            alarm.fleet.due = float("inf")
    return twins


def _unforeseen(name: str, data: dict[str, Floats], state: dict[str, object], channel: str) -> Floats:
    """Standard deviation of the innovations of each asset without a fault."""
    twins = _restored(name, state)
    block = twins.blocks[0]
    slot = [c.name for c in block.plan.channels].index(channel)
    bank, entry = block.plan.targets[slot][0]
    columns = block.banks[bank].columns
    innovations = []
    for k in range(LEARNED, LEARNED + 30 * HOUR):
        turn(twins, k, {n: c[k].tolist() for n, c in data.items()}, set())
        innovations.append((columns[f"z{entry}"] - columns[f"y{entry}"])[: len(twins)])
    spread: Floats = np.array(innovations).std(axis=0)
    return spread


def spike_bound() -> float:
    """Spikes that a detector finds which knows the noise is normal, its size and the level, at the same budget."""
    normal = NormalDist()
    limit = normal.inv_cdf(1.0 - INTERVAL / (DAYS * 86400.0) / 2.0)
    return normal.cdf(SIZE - limit)


def cost() -> tuple[float, float]:
    """Of the default alarm: microseconds per reading over the filter, and bytes per channel."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    data = plants.noise("normal", ASSETS, TURNS * 2, SEED)["value"].tolist()
    cores = {alarms: core("normal", alarms=alarms) for alarms in spent}
    for twins in cores.values():
        for a in range(ASSETS):
            twins.make(0, f"a{a}", plants.START)
        for k in range(TURNS):
            turn(twins, k, {"value": data[k]}, set())
    for pair in range(PAIRS):
        for alarms, twins in cores.items():
            before = time.process_time()
            for k in range(TURNS):
                turn(twins, TURNS * (pair + 1) + k, {"value": data[TURNS + k]}, set())
            spent[alarms].append(time.process_time() - before)
    over = min(spent[True]) - min(spent[False])
    (alarm,) = (a for a in cores[True].blocks[0].alarms if a.name == "anomaly")
    size = sum(c.nbytes for c in alarm.rule.columns.values()) + alarm.operator.marks.nbytes
    size += sum(getattr(alarm, name).nbytes for name in ("phase", "since", "raised", "count", "last"))
    return over / (TURNS * ASSETS) * 1e6, size / len(alarm.phase)


def readings(name: str, assets: int, keep: Path | None) -> dict[str, Floats]:
    if name not in plants.KINDS:
        return plants.noise(name, assets, READINGS, SEED)
    file = keep / f"{name}-{assets}.npz" if keep is not None else None
    if file is not None and file.exists():
        with np.load(file) as saved:
            return {channel: saved[channel] for channel in saved.files}
    data = plants.plant(name, list(plants.blocks()[name]["channels"]), assets, READINGS, INTERVAL, SEED)
    if file is not None:
        np.savez(file, allow_pickle=False, **data)
    return data


def figures(rounds: int, plots: Path | None = None, keep: Path | None = None) -> Iterator[Figure]:
    """rounds: not used, a month is enough; plots: where to draw; keep: where simulated readings are kept for next time."""
    yield Figure("seed", SEED, "")
    months: list[Month] = []
    sizes: list[int] = []
    mix = 0
    for name in (*plants.KINDS, *plants.NOISES):
        assets = ASSETS // len(plants.KINDS) if name in plants.KINDS else ASSETS // len(plants.NOISES)
        data = readings(name, assets, keep)
        run = month(name, data)
        months.append(run._replace(state={}))
        sizes.append(assets)
        mix += len(run.raised) * (name in plants.KINDS)
        yield Figure(f"{name}: {assets} assets, alarms over those stated", len(run.raised) / assets, "")
        for level, ratio in zip(LEVELS, run.surprises.tolist(), strict=True):
            yield Figure(f"{name}: surprise of {level:g}, observed over nominal", ratio, "")
        if name in plants.KINDS or name == "normal":
            for kind, share, already, delay in faults(name, data, run.state):
                yield Figure(f"{name}: {kind} found", share * 100.0, "%")
                yield Figure(f"{name}: {kind}, in alarm already", already, "")
                yield Figure(f"{name}: {kind}, median delay", delay, "s")
    yield Figure(f"mix of all plants: {ASSETS} assets, alarms over those stated", mix / ASSETS, "")
    per_reading, size = cost()
    yield Figure("cost of the alarm over the filter, per reading", per_reading, "us")
    yield Figure("memory of the alarm, per channel", size, "bytes")
    yield Figure("normal: spikes an ideal detector finds", spike_bound() * 100.0, "%")
    if plots is not None:
        from bench import plot

        plot.rate(months, sizes, READINGS, plots / "alarms-rate.svg")
        plot.surprise(months, LEVELS, plots / "alarms-surprise.svg")
