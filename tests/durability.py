"""Measures the store: `python -m tests.durability`. The figures in docs/durability.md come from here.

In process: bytes and time per reading, the pause that a snapshot makes, and recovery, with ten thousand assets. With a
broker: how fast a queue of QoS 1 messages is drained in each mode, with Mosquitto's default of 20 in flight and more.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from agent.types import Batch
from tests.brokers import free_port
from tests.chaos.actors import AgentProcess, QuietMosquitto, Source
from tests.chaos.stream import CONFIGURED, Stream
from tests.durables import Agent
from tests.services import settings
from tests.streams import START


def written(process: int | str = "self") -> tuple[int, int]:
    """Bytes that a process handed to the system, and those that went to storage."""
    lines = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
    return int(lines["wchar"]), int(lines["write_bytes"])


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


def large(home: Path, assets: int) -> None:
    """Pause of a snapshot, and recovery from a snapshot and a full journal."""
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
    began = time.perf_counter()
    processor = time.process_time()
    back = Agent(path, "relaxed", plant(1))
    print(
        f"recovery of {assets} assets and a journal of {held[0]} records, {held[1]} readings: "
        f"{time.perf_counter() - began:.2f} s, {time.process_time() - processor:.2f} s of processor",
        flush=True,
    )
    back.die()


def drain(home: Path, mode: str, in_flight: int, stream: Stream, qos: int = 1) -> None:
    """Messages a second out of a broker's queue."""
    home.mkdir()
    with QuietMosquitto(home, f"max_inflight_messages {in_flight}") as broker:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": broker.port, "qos": qos, "receive_maximum": in_flight},
            store={"mode": mode, "path": str(home / "twinned.db")},
            http={"port": free_port()},
            log={"level": "warning"},
            assets=[CONFIGURED],
        )
        with AgentProcess(raw, home) as agent:
            agent.start()
            while not _metric(raw, "twinned_mqtt_subscribed"):
                time.sleep(0.05)
            agent.stop()
            source = Source(broker.port, stream, 1e9)
            source.start()
            source.join()
            agent.start()
            samples: list[tuple[float, float]] = []
            while not samples or samples[-1][1] < len(stream):
                samples.append((time.monotonic(), _metric(raw, "twinned_messages_total")))
                time.sleep(0.1)
            steady = [s for s in samples if 0.1 * len(stream) < s[1] < 0.95 * len(stream)] or samples
            rate = (steady[-1][1] - steady[0][1]) / max(1e-9, steady[-1][0] - steady[0][0])
            commits = _metric(raw, "twinned_store_commits_total")
            assert agent.process is not None
            storage = written(agent.process.pid)[1]
            agent.stop()
    print(
        f"{mode}, {in_flight} in flight: {rate:.0f} messages a second, "
        + (f"{len(stream) / commits:.0f} a commit, {storage / len(stream):.0f} B to storage each" if commits else ""),
        flush=True,
    )


def _metric(raw: dict[str, Any], name: str) -> float:
    try:
        with urlopen(f"http://127.0.0.1:{raw['http']['port']}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
    except OSError:
        pass
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000, help="in the broker's queue")
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--broker", action="store_true", help="only what needs a broker")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="twinned-durability-") as name:
        home = Path(name)
        for mode, per_batch, channels, count in (
            ()
            if given.broker
            else (
                ("strict", 20, 1, 8000),
                ("strict", 20, 4, 8000),
                ("strict", 200, 1, 4000),
                ("relaxed", 20, 1, 15000),
                ("relaxed", 1000, 1, 600),
            )
        ):
            footprint(home, mode, per_batch, channels, 200, count)
        if not given.broker:
            large(home, given.assets)
        stream = Stream(1, given.messages)
        for mode, in_flight in (
            ("off", 20), ("relaxed", 20), ("strict", 20), ("off", 1000), ("relaxed", 1000), ("strict", 1000),
        ):  # fmt: skip
            drain(home / f"{mode}{in_flight}", mode, in_flight, stream)


if __name__ == "__main__":
    main()
