"""Measures the store from outside, on a process: start to READY, and with a broker rates and bytes. See `tests.durability`."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from tests.brokers import free_port
from tests.chaos.actors import AgentProcess, QuietMosquitto, Source
from tests.chaos.stream import CONFIGURED, Stream
from tests.services import settings

WARM = 3.0  # seconds before a paced run is measured


def written(process: int | str = "self") -> tuple[int, int]:
    """Bytes that a process handed to the system, and those that went to storage."""
    lines = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
    return int(lines["wchar"]), int(lines["write_bytes"])


def processor(process: int) -> float:
    """Seconds of processor that a process took."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(home: Path, mode: str, in_flight: int, stream: Stream) -> float:
    """Messages a second out of a broker's queue."""
    home.mkdir()
    with QuietMosquitto(home, f"max_inflight_messages {in_flight}") as broker:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": broker.port, "qos": 1, "receive_maximum": in_flight},
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
    return rate


def drains(home: Path, messages: int, rounds: int) -> None:
    """All modes in turn, several rounds, and what share of the rate without a store is left."""
    stream = Stream(1, messages)
    for in_flight in (20, 1000):
        rates: dict[str, list[float]] = {"off": [], "relaxed": [], "strict": []}
        for number in range(rounds):
            for mode, found in rates.items():
                found.append(drain(home / f"{mode}{in_flight}-{number}", mode, in_flight, stream))
        off = rates.pop("off")
        print(f"{in_flight} in flight, off: median {statistics.median(off):.0f} messages a second")
        for mode, found in rates.items():
            shares = [a / b for a, b in zip(found, off, strict=True)]
            print(
                f"{in_flight} in flight, {mode}: median {statistics.median(found):.0f} messages a second, "
                f"{statistics.median(shares):.0%} of that without a store ({min(shares):.0%} to {max(shares):.0%})",
                flush=True,
            )


class _Seen(NamedTuple):
    messages: float
    commits: float
    handed: int
    stored: int
    processor: float
    time: float


def paced(
    home: Path,
    mode: str,
    rate: float,
    *,
    mqtt: dict[str, Any],
    alarms: bool,
    gather: str = "200ms",
    seconds: float = 10,
) -> None:
    """Bytes to storage of each reading while messages of QoS 1 come at a steady rate."""
    home.mkdir()
    block = CONFIGURED if alarms else {**CONFIGURED, "channels": {"temperature": {}}, "alarms": {}}
    stream = Stream(1, int(rate * (seconds + WARM + 5)))
    with QuietMosquitto(home) as broker:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": broker.port, "qos": 1, **mqtt},
            store={"mode": mode, "path": str(home / "twinned.db"), "gather": gather},
            http={"port": free_port()},
            log={"level": "warning"},
            assets=[block],
        )
        with AgentProcess(raw, home) as agent:
            agent.start()
            while not _metric(raw, "twinned_mqtt_subscribed"):
                time.sleep(0.05)
            assert agent.process is not None
            number = agent.process.pid

            def look() -> _Seen:
                messages, commits = _metric(raw, "twinned_messages_total"), _metric(raw, "twinned_store_commits_total")
                return _Seen(messages, commits, *written(number), processor(number), time.monotonic())

            source = Source(broker.port, stream, rate)
            source.start()
            time.sleep(WARM)
            before = look()
            time.sleep(seconds)
            after = look()
            source.ended.set()
            source.join()
            agent.stop()
    count = after.messages - before.messages
    print(
        f"{mode}, {rate:.0f} a second, {mqtt or 'MQTT 5'}, gather {gather}, {'with' if alarms else 'without'} alarms: "
        f"took {count / (after.time - before.time):.0f} a second, {count / (after.commits - before.commits):.0f} a "
        f"commit, {(after.stored - before.stored) / count:.0f} B to storage each, "
        f"{(after.processor - before.processor) / count * 1e6:.0f} us of processor each",
        flush=True,
    )


def ready(home: Path, raw: dict[str, Any], rounds: int) -> None:
    """From exec to READY=1, with the store that is there; killed each time, so that it stays as it is."""
    (home / "agent.json").write_text(json.dumps(raw))
    address = str(home / "ready")
    walls, spent = [], []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(60)
        for _ in range(rounds):
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "run", "-c", str(home / "agent.json")],
                env={**os.environ, "NOTIFY_SOCKET": address},
            )
            try:
                while not notify.recv(4096).startswith(b"READY"):
                    pass
                walls.append(time.monotonic() - began)
                spent.append(processor(process.pid))
            finally:
                process.kill()
                process.wait()
    print(
        f"exec to READY: median {statistics.median(walls):.2f} s, {min(walls):.2f} to {max(walls):.2f} s; "
        f"{statistics.median(spent):.2f} s of processor",
        flush=True,
    )


def steady(home: Path, modes: Sequence[str]) -> None:
    """Rates that sensors keep up for years, in MQTT 5 and with Mosquitto's twenty in flight."""
    number = 0
    for rate in (1000.0, 3000.0):
        for mode in modes:
            for mqtt in ({}, {"protocol": "3.1.1"}):
                for alarms in (False, True):
                    number += 1
                    paced(home / f"paced{number}", mode, rate, mqtt=mqtt, alarms=alarms)


def _metric(raw: dict[str, Any], name: str) -> float:
    try:
        with urlopen(f"http://127.0.0.1:{raw['http']['port']}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
    except OSError:
        pass
    return 0.0
