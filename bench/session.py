"""What the session costs, through a real Mosquitto: MQTT 5 and 3.1.1, QoS 1 and 0, HTTP beside it, one core for all.

Two agents are compared in turns, each on a broker of its own; ratios are medians of pairs. CPU is user and system time
of the agent's process. The driver is a process of its own (`bench.driver`), and so is who scrapes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.driver import STEP
from bench.figures import Figure
from bench.loop import HERE, build_echo, cpu
from tests.brokers import Mosquitto, free_port
from tests.chaos.actors import QuietMosquitto

ASSETS, MESSAGES = 1000, 60_000
MANY = 10_000  # assets where HTTP is asked
RATE, SECONDS = 2000, 15  # of a paced turn
FAST = "as fast as it goes"
TRIES = 60
WIRE = HERE.parent / "configs" / "bench" / "wire.yaml"
IN_FLIGHT = 1000  # unacknowledged messages that the broker allows

# Once a second, as Prometheus and a page that is left open would. Raw sockets as in the driver: on a machine that all share,
# what asking costs delays messages as much as what answering does.
_POLLER = """
import socket, sys, time
port, due, asked = int(sys.argv[1]), time.monotonic(), 0
while True:
    for path in ("/metrics", "/api/twins"):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
            head = sock.recv(1 << 18)
            assert head.split(b" ", 2)[1] == b"200", head
            while sock.recv(1 << 18):
                pass
    asked += 1
    print(asked, flush=True)
    due += 1.0
    time.sleep(max(0.0, due - time.monotonic()))
"""


class Run(NamedTuple):
    """A turn: CPU microseconds per message, answers per second, messages lost, and delays in seconds where it was paced."""

    cpu: float
    rate: float
    lost: int
    p50: float = 0.0
    p99: float = 0.0


class Contender:
    """A process that answers what a driver sends through a broker."""

    def __init__(self, broker: Mosquitto, command: list[str], answers: str, **settings: object) -> None:
        self._broker, self._answers = broker, answers
        self.http = free_port()
        fixed = {"MQTT__PORT": broker.port, "HTTP__PORT": self.http, "MQTT__SESSION_EXPIRY": "0s"}
        given = {f"TWINNED__{name}": str(value) for name, value in (fixed | settings).items()}
        self._process = subprocess.Popen(
            command, env=os.environ | given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._free = 0.0  # readings' times are later than those of the run before

    def run(self, messages: int, *, assets: int = ASSETS, qos: int = 0, rate: float = 0.0) -> Run:
        before = cpu(self._process.pid)
        command = [sys.executable, "-m", "bench.driver", str(self._broker.port), self._answers]
        start = max(time.time(), self._free)
        self._free = start + messages // assets * STEP + 1.0
        given = {"messages": messages, "assets": assets, "qos": qos, "rate": rate, "start": start}
        command += [f"--{name}={value}" for name, value in given.items()]
        out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent).stdout
        found: dict[str, Any] = json.loads(out)
        spent = (cpu(self._process.pid) - before) / messages * 1e6
        delays = (found["p50"], found["p99"]) if rate and found["returned"] else ()
        return Run(spent, found["rate"], messages - found["returned"], *delays)

    def warm(self, *, assets: int = ASSETS, qos: int = 0) -> None:
        """Until everything comes back, from then on it is at work; then once more, so that every asset has a filter."""
        for _ in range(TRIES):
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended with {self._process.returncode}")
            if self.run(assets, assets=assets, qos=qos).lost == 0:
                self.run(2 * assets, assets=assets, qos=qos)
                return
        raise RuntimeError("nothing comes back")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def agent(broker: Mosquitto, **settings: object) -> Iterator[Contender]:
    one = Contender(
        broker, [sys.executable, "-m", "agent", "run", "-c", str(WIRE)], "twinned/bench/+/state", **settings
    )
    try:
        yield one
    finally:
        one.stop()


def figures(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        newer, older = Side("MQTT 5", {"MQTT__PROTOCOL": "5"}), Side("3.1.1", {"MQTT__PROTOCOL": "3.1.1"})
        yield from _compare(home, newer, older, rounds)
        one = Side(f"QoS 1, {IN_FLIGHT} in flight", {"MQTT__QOS": 1}, qos=1)
        yield from _compare(home, one, Side("QoS 0", {"MQTT__QOS": 0}), rounds)
        yield from _http(home, rounds)
        yield from _one_core(home, rounds)


class Side(NamedTuple):
    """One of two that are compared: the agent's settings, and the QoS of what is sent."""

    name: str
    settings: Mapping[str, object]
    qos: int = 0


def _broker(home: Path) -> Mosquitto:
    return QuietMosquitto(home, f"max_inflight_messages {IN_FLIGHT}")


def _compare(home: Path, one: Side, other: Side, rounds: int) -> Iterator[Figure]:
    """As fast as it goes, and at a rate; a pair of runs each, in turns."""
    fast: list[tuple[Run, Run]] = []
    paced: list[tuple[Run, Run]] = []
    with (
        _broker(home) as a,
        _broker(home) as b,
        agent(a, **one.settings) as left,
        agent(b, **other.settings) as right,
    ):
        sides = [(left, one.qos), (right, other.qos)]
        for contender, qos in sides:
            contender.warm(qos=qos)
        for turn in range(rounds):
            order = sides if turn % 2 else sides[::-1]
            for into, messages, rate in ((fast, MESSAGES, 0.0), (paced, RATE * 5, float(RATE))):
                runs = {c: c.run(messages, qos=qos, rate=rate) for c, qos in order}
                into.append((runs[left], runs[right]))
    for how, found in ((FAST, fast), (f"{RATE}/s", paced)):
        for k, side in enumerate((one, other)):
            yield from _figures(f"{side.name}, {how}", [pair[k] for pair in found], paced=how != FAST)
        ratio = statistics.median(x.cpu / y.cpu for x, y in found)
        yield Figure(f"{one.name} / {other.name.partition(',')[0]}, {how}: CPU", ratio, "×")


def _figures(name: str, runs: list[Run], *, paced: bool) -> Iterator[Figure]:
    yield Figure(f"{name}: CPU", statistics.median(r.cpu for r in runs), "µs/message")
    if paced:
        yield Figure(f"{name}: p50", statistics.median(r.p50 for r in runs) * 1e3, "ms")
        yield Figure(f"{name}: p99", statistics.median(r.p99 for r in runs) * 1e3, "ms")
    else:
        yield Figure(f"{name}: throughput", statistics.median(r.rate for r in runs), "messages/s")
    yield Figure(f"{name}: lost", sum(r.lost for r in runs), "messages")


@contextmanager
def polled(port: int) -> Iterator[None]:
    """Someone asks once a second; returns when he has been answered once, and fails when he was not answered to the end."""
    command = [sys.executable, "-c", _POLLER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as poller:
        try:
            if poller.stdout is None or not poller.stdout.readline():
                raise RuntimeError("nobody answers over HTTP")
            yield
            if poller.poll() is not None:
                raise RuntimeError("a question over HTTP was not answered")
        finally:
            poller.kill()


def _http(home: Path, rounds: int) -> Iterator[Figure]:
    """One agent, asked and left alone in turns."""
    pairs: list[tuple[Run, Run]] = []
    with _broker(home) as broker, agent(broker) as one:
        one.warm(assets=MANY)
        for turn in range(rounds):
            found: dict[bool, Run] = {}
            for asked in (True, False) if turn % 2 else (False, True):
                if asked:
                    with polled(one.http):
                        found[True] = one.run(RATE * SECONDS, assets=MANY, rate=RATE)
                else:
                    found[False] = one.run(RATE * SECONDS, assets=MANY, rate=RATE)
            pairs.append((found[True], found[False]))
    where = f"{MANY} assets, {RATE}/s"
    for name, column in (("with /metrics and /api/twins at 1 Hz", 0), ("without", 1)):
        yield from _figures(f"{where}, {name}", [pair[column] for pair in pairs], paced=True)
    yield Figure(f"{where}, with / without: p99", statistics.median(a.p99 / b.p99 for a, b in pairs), "×")
    yield Figure(f"{where}, with / without: CPU", statistics.median(a.cpu / b.cpu for a, b in pairs), "×")


@contextmanager
def one_core() -> Iterator[None]:
    """Everything started within runs on the first core that this process may use, as `taskset -c 0` has it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _one_core(home: Path, rounds: int) -> Iterator[Figure]:
    """Broker, driver and agent on one core, beside the echo where it can be built."""
    fast: dict[str, list[Run]] = {}
    paced: dict[str, list[Run]] = {}
    echo = build_echo(home)
    with one_core(), _broker(home) as a, _broker(home) as b, agent(a) as one:
        contenders = {"agent": one}
        if echo is not None:
            contenders["echo in C"] = Contender(b, [str(echo), str(b.port)], "twin/#")
        try:
            for contender in contenders.values():
                contender.warm()
            for _ in range(rounds):
                for name, contender in contenders.items():
                    fast.setdefault(name, []).append(contender.run(MESSAGES))
                    paced.setdefault(name, []).append(contender.run(RATE * 5, rate=RATE))
        finally:
            if echo is not None:
                contenders["echo in C"].stop()
    for name in contenders:
        yield from _figures(f"one core, {name}, {FAST}", fast[name], paced=False)
        yield from _figures(f"one core, {name}, {RATE}/s", paced[name], paced=True)
    if echo is not None:
        ratio = statistics.median(x.cpu / y.cpu for x, y in zip(fast["agent"], fast["echo in C"], strict=True))
        yield Figure(f"one core, agent / echo in C, {FAST}: CPU", ratio, "×")
