"""Measures the store: `python -m tests.durability`. The figures in docs/durability.md come from here.

`bytes`: bytes and time per reading for commits of a given size, in process. `assets`: the pause that a snapshot makes,
recovery, and the time from exec to READY, with ten thousand assets. `paced`: bytes per reading at steady rates through a
broker. `drain`: how fast a queue of QoS 1 messages is taken in each mode, with twenty in flight and more.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from agent.types import Batch
from tests.chaos.stream import CONFIGURED
from tests.durability_broker import drains, ready, steady, written
from tests.durables import Agent
from tests.services import settings
from tests.streams import START


def batches(assets: int, per_batch: int, count: int, channels: int = 1) -> list[Batch]:
    """Readings of all assets in turn, each every ten seconds."""
    rng = random.Random(1)
    out = []
    k = 0
    for _ in range(count):
        topics, payloads = [], []
        for _ in range(per_batch):
            at = round(START + 10 * (k // assets) + (k % assets) * 10 / assets, 3)
            values = {f"c{c}": round(rng.gauss(20, 1), 2) for c in range(channels)}
            topics.append(b"plant/a%d/telemetry" % (k % assets))
            payloads.append(json.dumps({"t": at, **values}).encode())
            k += 1
        out.append(Batch(topics, payloads, [at + 0.01] * per_batch, bytes(per_batch)))
    return out


def plant(channels: int, **store: Any) -> dict[str, Any]:
    block: dict[str, Any] = {**CONFIGURED, "channels": {f"c{c}": {} for c in range(channels)}, "alarms": {}}
    block |= {"max_assets": 20_000, "forecast": {"horizons": []}}
    return settings(assets=[block], store=store)


def work(agent: Agent, batch: Batch) -> float:
    """One batch as the loop works it; returns the longest turn in seconds."""
    began = time.perf_counter()
    out = [agent.twins.on_batch(batch, agent.durable.record)]
    agent.durable.commit(out, acknowledging=True)
    agent.time = time.monotonic()
    agent.durable.on_turn()
    return time.perf_counter() - began


def footprint(home: Path, mode: str, per_batch: int, channels: int, assets: int, count: int) -> None:
    """Bytes and time per reading in steady state, snapshots included."""
    agent = Agent(home / f"{mode}{per_batch}{channels}.db", mode, plant(channels))  # type: ignore[arg-type]  # a mode
    stream = batches(assets, per_batch, count, channels)
    warm = len(stream) // 5
    for batch in stream[:warm]:
        work(agent, batch)
    before, began, kept = written(), time.perf_counter(), agent.durable.counts.bytes
    for batch in stream[warm:]:
        work(agent, batch)
    seconds = time.perf_counter() - began
    after = written()
    total = (len(stream) - warm) * per_batch * channels
    print(
        f"{mode}, {per_batch} messages a batch, {channels} readings a message, {assets} assets: "
        f"{(agent.durable.counts.bytes - kept) / total:.1f} B journalled, {(after[0] - before[0]) / total:.0f} B written, "
        f"{(after[1] - before[1]) / total:.0f} B to storage per reading; {seconds / total * 1e6:.1f} us per reading; "
        f"{agent.durable.counts.snapshots} snapshots",
        flush=True,
    )
    agent.die()


def large(home: Path, assets: int, rounds: int) -> None:
    """Pause of a snapshot, and recovery from a snapshot and a full journal: in process, and from exec to READY."""
    path = home / "large.db"
    agent = Agent(path, "relaxed", plant(1))
    stream = batches(assets, 1000, 34 * assets // 1000)
    for batch in stream:
        work(agent, batch)
    began = time.perf_counter()
    agent.durable._begin_snapshot()
    pause = time.perf_counter() - began
    turns = []
    while agent.durable._snapshots.writing:
        began = time.perf_counter()
        agent.durable.on_turn()
        turns.append(time.perf_counter() - began)
    print(
        f"snapshot of {assets} assets: pause {pause * 1e3:.0f} ms, then {len(turns)} turns of "
        f"{sorted(turns)[len(turns) // 2] * 1e3:.1f} ms, longest {max(turns) * 1e3:.1f} ms; "
        f"{agent.durable._snapshots.written_bytes / 1e6:.1f} MB",
        flush=True,
    )
    agent.rest()
    more = batches(assets, 20, len(stream) * 50 + 100_000)[len(stream) * 50 :]
    for batch in more:
        if agent.durable._snapshots.due(0.0):
            break
        agent.twins.on_batch(batch, agent.durable.record)
        agent.durable.commit([], acknowledging=True)
    held = agent.durable._snapshots.records, agent.durable._snapshots.samples
    agent.die()
    raw = {**plant(1), "mqtt": {"port": 1}, "store": {"mode": "relaxed", "path": str(path)}, "log": {"level": "error"}}
    ready(home, raw, max(3, rounds))
    began = time.perf_counter()
    processor = time.process_time()
    back = Agent(path, "relaxed", plant(1))
    print(
        f"recovery of {assets} assets and a journal of {held[0]} records, {held[1]} readings: "
        f"{time.perf_counter() - began:.2f} s, {time.process_time() - processor:.2f} s of processor",
        flush=True,
    )
    back.die()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", nargs="*", choices=("bytes", "assets", "paced", "drain"), default=["bytes", "assets", "paced", "drain"]
    )
    parser.add_argument("--messages", type=int, default=80_000, help="in the broker's queue")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--modes", default="strict,relaxed", help="of the paced runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="twinned-durability-") as name:
        home = Path(name)
        if "bytes" in given.what:
            for mode, per_batch, channels, count in (
                ("strict", 20, 1, 8000),
                ("strict", 20, 4, 8000),
                ("strict", 200, 1, 4000),
                ("relaxed", 20, 1, 15000),
                ("relaxed", 1000, 1, 600),
            ):
                footprint(home, mode, per_batch, channels, 200, count)
        if "assets" in given.what:
            large(home, given.assets, given.rounds)
        if "paced" in given.what:
            steady(home, given.modes.split(","))
        if "drain" in given.what:
            drains(home, given.messages, given.rounds)


if __name__ == "__main__":
    main()
