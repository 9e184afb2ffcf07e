"""Resident memory of the agent: what it takes to begin with, and per further asset. Each figure is of a process of its own.

*Fresh* assets have reported twice. *Full* ones have reported 48 times in a day, so that their rings, both checkpoints
and the hours of their anomaly alarm are in use: what a twin takes for good.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.twins import Twins
from agent.types import Batch
from bench.figures import Figure
from tests.brokers import Mosquitto, packet, publish

SIZES = (1000, 10_000, 100_000)  # further ones
FRESH, FULL = 2, 48
HALF_HOUR = 1800.0
START = 1.7e9
WIRE = Path(__file__).parent.parent / "configs" / "bench" / "wire.yaml"

# As the agent does it: thrifty from the beginning, settled after the start. A small load comes first, so that what any
# message needs is there.
_GROWTH = """
import sys
from agent.shell.memory import settle, thrift
from agent.twins import Twins
from bench.figures import config
from bench.memory import fill, resident
thrift()
assets, readings = int(sys.argv[1]), int(sys.argv[2])
fill(twins := Twins(config(max_assets=1_000_000)), 100, 60)
settle()
fill(twins, 100, 10, first=60)
before = resident("self")[0]
fill(twins, 100 + assets, readings, first=70)
print((resident("self")[0] - before) / assets)
"""


def resident(pid: int | str) -> tuple[int, int]:
    """KiB in memory: in all, and of these the process's own, which no file holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    return int(said["VmRSS"].split()[0]), int(said["RssAnon"].split()[0])


def reading(asset: int, number: int) -> tuple[bytes, bytes]:
    value = 20.5 + (asset * 7 + number * 13) % 11 * 0.1
    time = START + number * HALF_HOUR
    return b"plant/line1/asset%06d/telemetry" % asset, b'{"ts":%.6f,"temperature":%.3f}' % (time, value)


def fill(twins: Twins, assets: int, readings: int, first: int = 0) -> None:
    """A reading of each asset every half hour."""
    for number in range(first, first + readings):
        for low in range(0, assets, 500):
            messages = [reading(k, number) for k in range(low, min(low + 500, assets))]
            topics, payloads = [t for t, _ in messages], [p for _, p in messages]
            twins.on_batch(Batch(topics, payloads, [START + number * HALF_HOUR] * len(topics), bytes(len(topics))))


def _agent(assets: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Memory of an agent that has connected, and after a full load of so many assets."""
    command = [sys.executable, "-m", "agent", "run", "-c", str(WIRE)]
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as broker:
        env = dict(os.environ, TWINNED__MQTT__PORT=str(broker.port), TWINNED__HTTP__PORT="0")
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                assert process.stderr is not None
                while b"connected to the broker" not in process.stderr.readline():
                    pass
                time.sleep(1.0)
                started = resident(process.pid)
                _send(broker.port, assets)
                _until_idle(process.pid)
                return started, resident(process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(10)


def _send(port: int, assets: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench"))
        sock.recv(4)
        for number in range(FULL):
            for low in range(0, assets, 200):
                sock.sendall(b"".join(publish(*reading(k, number)) for k in range(low, min(low + 200, assets))))


def _until_idle(pid: int) -> None:
    """Until a second passes in which the process has done next to nothing."""
    before = -1.0
    while (now := _ticks(pid)) - before > 2:
        before = now
        time.sleep(1.0)


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return float(fields[11]) + float(fields[12])


def figures(rounds: int) -> Iterator[Figure]:
    """Memory hardly varies from run to run, so each is measured once, whatever `rounds`."""
    started, loaded = _agent(1000)
    for when, (whole, own) in (("connected", started), ("1000 assets, full", loaded)):
        yield Figure(f"agent, {when}", whole / 1024, "MiB")
        yield Figure(f"agent, {when}: its own, without libraries", own / 1024, "MiB")
    for assets in SIZES:
        for name, readings in (("fresh", FRESH), ("full", FULL)):
            command = [sys.executable, "-c", _GROWTH, str(assets), str(readings)]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            yield Figure(f"each of {assets} further assets, {name}", float(out), "KiB/asset")
