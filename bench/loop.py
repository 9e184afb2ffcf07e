"""A closed loop through a real Mosquitto: the agent, a plain paho + filterpy script and a C echo, in turns.

A driver publishes telemetry as fast as the broker takes it and counts what comes back; CPU is user and system time of
the contender's process. The echo needs a C compiler and libmosquitto's headers, and is left out where they are not.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from tests.brokers import packet, publish
from tests.chaos.actors import QuietMosquitto

ASSETS, MESSAGES, SLOW = 1000, 60_000, 6_000
HERE = Path(__file__).parent


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken, of the user and of the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def _count(
    port: int, wanted: str, messages: int, done: threading.Event, ready: threading.Event, seen: list[float]
) -> None:
    """Count what arrives under `wanted`/#, until all has or nothing comes for a while."""
    command = ["mosquitto_sub", "-p", str(port), "-t", f"{wanted}/#", "-F", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sub:
        ready.set()
        count = 0
        while count < messages and sub.stdout is not None:
            chunk = os.read(sub.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            count += chunk.count(b".")
            seen[:] = [count, time.monotonic()]
        sub.kill()
    done.set()


def drive(port: int, answers: str, messages: int, first: float) -> tuple[int, float]:
    """Publish and count; returns (messages that came back, of them per second)."""
    done, ready, seen = threading.Event(), threading.Event(), [0.0, time.monotonic()]
    counter = threading.Thread(target=_count, args=(port, answers, messages, done, ready, seen), daemon=True)
    counter.start()
    ready.wait(10)
    time.sleep(0.5)  # the subscription has no sign of its own here
    frames = [
        publish(
            b"plant/line1/asset%05d/telemetry" % (k % ASSETS),
            b'{"ts":%.3f,"temperature":%.3f}' % (first + k // ASSETS, 20.5 + k % 7 * 0.1),
        )
        for k in range(messages)
    ]
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench"))
        sock.recv(4)
        for k in range(0, messages, 200):
            sock.sendall(b"".join(frames[k : k + 200]))
        while not done.wait(1.0) and time.monotonic() - seen[1] < 5.0:
            pass
    count, last = seen
    return int(count), count / max(last - start, 1e-9)


def _contenders(port: int, folder: Path) -> Iterator[tuple[str, list[str], str, int]]:
    agent = [sys.executable, "-m", "agent", "run", "-c", str(HERE.parent / "configs/bench/wire.yaml")]
    yield "agent", agent, "twinned", MESSAGES
    yield "paho + filterpy", [sys.executable, str(HERE / "plain.py"), str(port)], "twin", SLOW
    if (echo := build_echo(folder)) is not None:
        yield "echo in C", [str(echo), str(port)], "twin", MESSAGES


def build_echo(folder: Path) -> Path | None:
    """The echo, built there; None without a compiler or libmosquitto's headers."""
    compiler, echo = shutil.which("cc"), folder / "echo"
    if compiler is None:
        return None
    command = [compiler, "-O2", str(HERE / "echo.c"), "-lmosquitto", "-o", str(echo)]
    return None if subprocess.run(command, capture_output=True, check=False).returncode else echo


def figures(rounds: int) -> Iterator[Figure]:
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, QuietMosquitto(Path(folder)) as broker:
        for _ in range(rounds):
            for name, command, answers, messages in _contenders(broker.port, Path(folder)):
                found.setdefault(name, []).append(_measure(broker.port, command, answers, messages))
    for name, runs in found.items():
        cpu, rate, rss, lost = (statistics.median(column) for column in zip(*runs, strict=True))
        yield Figure(f"{name}: CPU", cpu, "µs/message")
        yield Figure(f"{name}: throughput", rate, "messages/s")
        yield Figure(f"{name}: resident memory", rss, "MiB")
        yield Figure(f"{name}: lost", lost, "messages")
        if name != "agent":
            ratio = statistics.median(a[0] / b[0] for a, b in zip(found["agent"], runs, strict=True))
            yield Figure(f"agent / {name}: CPU per message, median of pairs", ratio, "×")


def _measure(port: int, command: list[str], answers: str, messages: int) -> tuple[float, float, float, float]:
    env = dict(os.environ, TWINNED__MQTT__PORT=str(port), TWINNED__HTTP__PORT="0")
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            now = time.time() - 2 * MESSAGES / ASSETS
            for attempt in range(30):
                if drive(port, answers, ASSETS, now + attempt)[0] >= ASSETS:
                    break
            before = cpu(process.pid)
            count, rate = drive(port, answers, messages, now + 40)
            return (cpu(process.pid) - before) / messages * 1e6, rate, _rss(process.pid), float(messages - count)
        finally:
            process.terminate()
            process.wait(10)
