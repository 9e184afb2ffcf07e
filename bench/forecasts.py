"""How many readings fall inside the band that was forecast for them: `python -m bench.forecasts [HOURS]`.

The bundled simulators without faults, four assets each, a reading every two seconds, and forecasts of one and ten
minutes; the first third of a run is for learning. A band that holds what it says holds 0.9.
"""

from __future__ import annotations

import json
import random
import sys
from bisect import bisect_left
from collections import defaultdict

import msgspec

from agent.build import duration_hook
from agent.config import Config
from agent.twins import Twins
from agent.types import Batch
from simulators.kinds import KINDS, find

ASSETS = 4
PERIOD = 2.0
START = 1_700_000_000.0
Key = tuple[str, float]  # channel, horizon


def shares(kind: str, hours: float, seed: int = 1) -> dict[Key, tuple[float, int]]:
    """Per channel and horizon: share of readings inside the band, and of how many."""
    simulator = find(kind)
    channels = simulator.channels
    block = {"topic": "p/{asset}", "channels": {c.name: {} for c in channels}, "alarms": {}}
    core = Twins(msgspec.convert({"site": "bench", "assets": [block]}, Config, dec_hook=duration_hook))
    assets = [simulator(simulator.Parameters(), random.Random(f"{seed}/{k}"), START) for k in range(ASSETS)]
    noise = random.Random(seed)
    times: list[float] = []
    readings: dict[tuple[str, str], list[float]] = defaultdict(list)
    forecasts = []
    for k in range(int(hours * 3600.0 / PERIOD)):
        time = START + k * PERIOD
        times.append(time)
        payloads = []
        for number, asset in enumerate(assets):
            truth = asset.at(time)
            values = {c.name: round(truth[c.name] + noise.gauss(0.0, c.noise), c.decimals) for c in channels}
            for name, value in values.items():
                readings[f"a{number}", name].append(value)
            payloads.append(json.dumps({"time": time, **values}).encode())
        topics = [b"p/a%d" % number for number in range(ASSETS)]
        for group in core.on_batch(Batch(topics, payloads, [time] * ASSETS, [0] * ASSETS)).publications:
            for topic, payload in zip(group.topics, group.payloads, strict=True):
                if topic.endswith(b"/forecast"):
                    forecasts.append(json.loads(payload))
    hits: dict[Key, list[bool]] = defaultdict(list)
    for forecast in forecasts[len(forecasts) // 3 :]:
        for name, values in forecast["channels"].items():
            for value in values:
                at = bisect_left(times, forecast["time"] + value["horizon"])
                if at < len(times):
                    reading = readings[forecast["asset"], name][at]
                    hits[name, value["horizon"]].append(value["low"] <= reading <= value["high"])
    return {key: (sum(inside) / len(inside), len(inside)) for key, inside in sorted(hits.items())}


if __name__ == "__main__":
    for kind in KINDS:
        for (name, horizon), (share, count) in shares(kind, float(sys.argv[1]) if sys.argv[1:] else 12.0).items():
            print(f"{kind:8} {name:12} {horizon:4g} s  {share:.3f}  of {count}")
