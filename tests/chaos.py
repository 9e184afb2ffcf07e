"""Chaos: a real Mosquitto, a paced source over QoS 1, the agent as a process, and faults at random instants.

`python -m tests.chaos --kills 200` runs until so many faults have happened, stops the agent, and compares what it stored
with a core that took the same readings without interruption: states, covariances, learning, alarm states and sequence
numbers must be equal to the bit. What depends on when a reading arrived, and therefore differs, is named in
`tests.streams.ARRIVAL` and nothing else is left out. Every alarm change must have reached a subscriber with a persistent
session, in order. The seed is printed first; `--seed` draws the same faults in the same order again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from agent.config import Config
from agent.shell.recovery import recover
from agent.shell.store import Store
from agent.twins import Twins
from agent.types import Batch
from tests.brokers import Mosquitto, Proxy, free_port, publish
from tests.services import config, settings
from tests.streams import ARRIVAL, START, bits

ASSETS = 50
INTERVAL = 0.001  # seconds of event time between two readings
WINDOW = 500  # publications of the source that the broker has not acknowledged
CONFIGURED = {
    "topic": "plant/{asset}/telemetry",
    "time": {"field": "t", "format": "s", "max_ahead": 1e9},
    "channels": {"temperature": {"limits": {"high": 24.0, "deadband": 1.0}}},
    # Silence and forecasts follow the clock on the wall, which runs otherwise in an interrupted run.
    "silence": {"coasting": "10h", "stale": "20h"},
    "alarms": {
        "odd": {"type": "surprise", "threshold": 4.0},
        "flat": {"type": "flat", "duration": 1, "readings": 9},
        "new": {"type": "anomaly", "false_alarms": 10, "per": "1min"},
    },
}


class Reading(NamedTuple):
    topic: bytes
    payload: bytes


def readings(seed: int, count: int) -> list[Reading]:
    """The stream: fifty noisy walks that now and then jump, spike or stick, so that alarms come and go."""
    rng = random.Random(seed)
    level = [20.0] * ASSETS
    until = [0] * ASSETS  # an episode lasts until this reading
    kind = [""] * ASSETS
    out = []
    for k in range(count):
        asset = k % ASSETS
        if k >= until[asset]:
            kind[asset] = rng.choice(("high", "stuck", "spike")) if rng.random() < 0.003 else ""
            until[asset] = k + ASSETS * (1 if kind[asset] == "spike" else 30) if kind[asset] else k
        level[asset] += rng.gauss((20 - level[asset]) * 0.05, 0.05)
        value = round(level[asset] + rng.gauss(0, 0.1), 3)
        value += {"high": 6.0, "spike": 50.0}.get(kind[asset], 0.0)
        if kind[asset] == "stuck":
            value = 19.5
        payload = json.dumps({"t": round(START + k * INTERVAL, 6), "temperature": round(value, 3)})
        out.append(Reading(b"plant/a%d/telemetry" % asset, payload.encode()))
    return out


def uninterrupted(settled: Config, stream: Sequence[Reading]) -> tuple[Twins, list[str]]:
    """The core after the same readings, and the identifiers of its alarm changes in order."""
    twins = Twins(settled)
    changes: list[str] = []
    for start in range(0, len(stream), 1000):
        part = stream[start : start + 1000]
        batch = Batch([r.topic for r in part], [r.payload for r in part], [START + 1e6] * len(part), bytes(len(part)))
        for change in twins.on_batch(batch).alarms:
            changes.append(json.loads(change.payload)["id"])
    return twins, changes


class QuietMosquitto(Mosquitto):
    """Keeps sessions across a restart, queues without end, and logs no message."""

    def __init__(self, directory: Path, *extra: str) -> None:
        super().__init__(directory, persistence=True, extra=["max_queued_messages 0", *extra])
        conf = directory / f"mosquitto-{self.port}" / "mosquitto.conf"
        conf.write_text(conf.read_text().replace("log_type all", "log_type error\nlog_type information"))


class Source(threading.Thread):
    """Publishes the stream with QoS 1, in order, at a pace; after a broken connection from the first that the broker
    has not acknowledged. Messages may come twice, never in another order."""

    def __init__(self, port: int, stream: Sequence[Reading], rate: float) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._stream = stream
        self._rate = rate
        self._began = 0.0
        self._rewind: int | None = None
        self.acknowledged = 0  # readings from the start that the broker has
        self.held = threading.Event()  # sends nothing while set
        self.ended = threading.Event()

    def run(self) -> None:
        self._began = time.monotonic()
        while self.acknowledged < len(self._stream) and not self.ended.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), 2) as sock:
                    self._session(sock)
            except OSError:
                time.sleep(0.02)
        self.ended.set()

    def rewind(self, position: int) -> None:
        """Send again from here, over a new connection."""
        self._rewind = position

    def _session(self, sock: socket.socket) -> None:
        name = b"source"
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
        sock.sendall(b"\x10" + bytes((len(body),)) + body)
        if len(sock.recv(4)) != 4:
            raise OSError
        sent = self.acknowledged
        first = sent
        rest = b""
        sock.setblocking(False)
        with selectors.DefaultSelector() as ready:
            ready.register(sock, selectors.EVENT_READ)
            while self.acknowledged < len(self._stream) and not self.ended.is_set():
                if self._rewind is not None:
                    self.acknowledged, self._rewind = self._rewind, None
                    return
                due = int((time.monotonic() - self._began) * self._rate)
                end = min(due, self.acknowledged + WINDOW, len(self._stream))
                if end > sent and not self.held.is_set():
                    sock.setblocking(True)
                    sock.settimeout(5)
                    sock.sendall(
                        b"".join(
                            publish(r.topic, r.payload, first=0x32, packet_id=k % 65535 + 1)
                            for k, r in enumerate(self._stream[sent:end], sent)
                        )
                    )
                    sock.setblocking(False)
                    sent = end
                if ready.select(0.002):
                    data = sock.recv(65536)
                    if not data:
                        raise OSError
                    rest += data
                    whole = len(rest) // 4
                    self.acknowledged += whole
                    rest = rest[whole * 4 :]
                    assert first <= self.acknowledged <= sent


class Subscriber:
    """mosquitto_sub with a persistent session: hears every alarm change, and writes it down."""

    def __init__(self, port: int, file: Path) -> None:
        self._file = file
        command = ["mosquitto_sub", "-p", str(port), "-i", "hearer", "-c", "-q", "1", "-t", "twinned/test/+/alarm/+"]
        with file.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)

    def heard(self) -> list[str]:
        return [json.loads(line)["id"] for line in self._file.read_bytes().splitlines()]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class AgentProcess:
    """The agent, started again whenever it was killed."""

    def __init__(self, raw: dict[str, Any], home: Path) -> None:
        self._config = home / "agent.json"
        self._config.write_text(json.dumps(raw))
        self._port: int = raw["http"]["port"]
        self._stderr = (home / "stderr").open("ab")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(home / "notify"))
        self._notify.settimeout(30)
        self._environ = {**os.environ, "NOTIFY_SOCKET": str(home / "notify"), "OPENBLAS_NUM_THREADS": "1"}
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_after: list[float] = []  # seconds from start to READY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._notify.close()
        self._stderr.close()

    def start(self, *, ready: bool = True) -> None:
        self._drain()
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.services", str(self._config)],
            env=self._environ,
            stderr=self._stderr,
            cwd=Path(__file__).parent.parent,
        )
        if ready:
            while not self._notify.recv(4096).startswith(b"READY"):
                pass
            self.ready_after.append(time.monotonic() - began)

    def _drain(self) -> None:
        self._notify.setblocking(False)
        try:
            while True:
                self._notify.recv(4096)
        except BlockingIOError:
            self._notify.settimeout(30)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(30)

    def times(self) -> dict[str, float]:
        """Event time of the newest reading of each asset, as the agent says; nothing while it does not answer."""
        from urllib.request import urlopen

        try:
            with urlopen(f"http://127.0.0.1:{self._port}/api/twins?limit=1000", timeout=5) as answer:
                twins = json.loads(answer.read())["twins"]
        except (OSError, ValueError):
            return {}
        return {twin["asset"]: twin["time"] for twin in twins if twin["time"] is not None}


class Outcome(NamedTuple):
    """What a run came to."""

    faults: dict[str, int]
    readings: int
    seconds: float
    changes: int
    missing: list[str]
    out_of_order: int
    repeated: int
    equal: bool
    ready_after: list[float]
    differs: list[str]


FAULTS: dict[str, float] = {"kill": 1.0}
ALL_FAULTS: dict[str, float] = {
    "kill": 10.0,
    "kill while starting": 2.0,
    "stop and continue": 1.0,
    "cut": 1.0,
    "cut within a packet": 1.0,
    "trickle": 0.5,
    "restart the broker": 0.5,
    "kill the broker": 0.3,
}


def run(
    *, seed: int, faults: int, rate: float, mode: str, kinds: dict[str, float], home: Path, say: Callable[[str], None]
) -> Outcome:
    """One run until so many faults have happened and the rest of the readings were taken."""
    rng = random.Random(seed)
    budget = int((faults * 4.0 + 20) * rate)
    stream = readings(seed, budget)
    counts = dict.fromkeys(kinds, 0)
    with QuietMosquitto(home) as broker, Proxy(broker.port) as proxy:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": proxy.port, "qos": 1, "reconnect": {"min": "20ms", "max": "200ms"}},
            store={"mode": mode, "path": str(home / "twinned.db"), "snapshot_interval": "3s"},
            http={"port": free_port()},
            log={"level": "warning"},
            assets=[CONFIGURED],
        )
        subscriber = Subscriber(broker.port, home / "heard")
        source = Source(broker.port, stream, rate)
        try:
            with AgentProcess(raw, home) as agent:
                agent.start()
                time.sleep(0.3)
                began = time.monotonic()
                source.start()
                names = sorted(kinds)
                weights = [kinds[name] for name in names]
                while sum(counts.values()) < faults and not source.ended.is_set():
                    (name,) = rng.choices(names, weights)
                    time.sleep(rng.choice((0.02, 0.2, 0.6, 1.2)) * rng.random())
                    _fault(name, agent, broker, proxy, source, rng)
                    counts[name] += 1
                    if sum(counts.values()) % 20 == 0:
                        say(f"{sum(counts.values())} faults, {source.acknowledged} readings sent")
                published = source.acknowledged
                source.held.set()
                time.sleep(0.5)
                # What the source has on the way is part of the run: the broker will deliver it.
                stream = stream[: max(published, source.acknowledged)]
                seconds = time.monotonic() - began
                sent_rate = len(stream) / seconds
                say(f"{len(stream)} readings in {seconds:.1f} s ({sent_rate:.0f}/s); waiting for the agent")
                stream = list(_settle(agent, source, stream))
                source.ended.set()
                time.sleep(1.0)  # for the last alarm changes to be acknowledged
                code = agent.stop()
                assert code == 0, f"the agent left with {code}"
                ready_after = agent.ready_after
            time.sleep(0.5)
        finally:
            source.ended.set()
            subscriber.stop()
    heard = subscriber.heard()
    settled = config(raw)
    whole, changes = uninterrupted(settled, stream)
    store = Store(home / "twinned.db", max_bytes=1 << 28)
    found = recover(store, settled)
    store.abandon()
    assert not found.damage, found.damage
    ours, theirs = bits(found.twins, without=ARRIVAL).split("\n"), bits(whole, without=ARRIVAL).split("\n")
    differs = [f"{a[:300]} instead of {b[:300]}" for a, b in zip(ours, theirs, strict=False) if a != b]
    first = list(dict.fromkeys(heard))
    return Outcome(
        counts,
        len(stream),
        seconds,
        len(changes),
        sorted(set(changes) - set(heard)),
        _out_of_order(first),
        len(heard) - len(first),
        ours == theirs and set(heard) <= set(changes),
        ready_after,
        differs[:5],
    )


def _fault(name: str, agent: AgentProcess, broker: Mosquitto, proxy: Proxy, source: Source, rng: random.Random) -> None:
    if name == "kill":
        agent.kill()
        agent.start()
    elif name == "kill while starting":
        agent.kill()
        agent.start(ready=False)
        time.sleep(rng.uniform(0.1, 0.8))
        agent.kill()
        agent.start()
    elif name == "stop and continue":
        agent.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0.05, 1.0))
        agent.signal(signal.SIGCONT)
    elif name == "cut":
        proxy.cut()
    elif name == "cut within a packet":
        proxy.cut_after(rng.randrange(1, 20_000))
    elif name == "trickle":
        proxy.delay = 0.03
        time.sleep(0.5)
        proxy.delay = 0.0
    elif name == "restart the broker":
        broker.restart()
    elif name == "kill the broker":
        # What it has acknowledged to the source and not written is lost with it, so the source sends it again.
        source.held.set()
        broker.restart(kill=True)
        time.sleep(1.0)
        source.rewind(_taken(agent, source.acknowledged))
        source.held.clear()


def _taken(agent: AgentProcess, most: int) -> int:
    """How many readings from the start the agent has certainly taken."""
    deadline = time.monotonic() + 30
    while len(times := agent.times()) < ASSETS:
        if time.monotonic() > deadline:
            return 0
        time.sleep(0.1)
    return min(most, *(round((t - START) / INTERVAL) for t in times.values()))


def _settle(agent: AgentProcess, source: Source, stream: Sequence[Reading]) -> Sequence[Reading]:
    """Wait until the agent has taken the end of the stream; what the source still had under way belongs to it."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        stream = source._stream[: max(len(stream), source.acknowledged)]
        wanted = {f"a{k % ASSETS}": round(START + k * INTERVAL, 6) for k in range(len(stream) - ASSETS, len(stream))}
        if (times := agent.times()) == wanted:
            return stream
        if times and max(times.values()) > max(wanted.values()):
            newest = round((max(times.values()) - START) / INTERVAL) + 1
            stream = source._stream[:newest]
        time.sleep(0.2)
    raise AssertionError(f"the agent never took the end of the stream:\n{wanted}\n{times}")


def _out_of_order(heard: Sequence[str]) -> int:
    """Changes that came after a later one of the same alarm; repeats are left out already."""
    newest: dict[str, int] = {}
    wrong = 0
    for one in heard:
        alarm, number = one.rsplit("/", 1)
        wrong += int(number) < newest.get(alarm, 0)
        newest[alarm] = max(newest.get(alarm, 0), int(number))
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--kills", type=int, default=0, help="only kill -9 of the agent, so many times")
    parser.add_argument("--faults", type=int, default=100, help="faults of all kinds, so many")
    parser.add_argument("--rate", type=float, default=1000.0, help="readings a second")
    parser.add_argument("--mode", choices=("strict", "relaxed"), default="strict")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="twinned-chaos-") as home:
        outcome = run(
            seed=given.seed,
            faults=given.kills or given.faults,
            rate=given.rate,
            mode=given.mode,
            kinds=FAULTS if given.kills else ALL_FAULTS,
            home=Path(home),
            say=lambda line: print(line, flush=True),
        )
        stderr = (Path(home) / "stderr").read_text()
    ready = sorted(outcome.ready_after)
    print("faults:", ", ".join(f"{count} {name}" for name, count in outcome.faults.items()))
    print(f"readings: {outcome.readings} in {outcome.seconds:.1f} s, {outcome.readings / outcome.seconds:.0f} a second")
    print(
        f"alarm changes: {outcome.changes}, heard twice {outcome.repeated}, missing {len(outcome.missing)}, "
        f"out of order {outcome.out_of_order}"
    )
    print(f"start to READY: median {ready[len(ready) // 2]:.2f} s, longest {ready[-1]:.2f} s")
    print("state equal to that of an uninterrupted run:", "yes" if outcome.equal else "NO")
    for line in outcome.differs:
        print(" ", line)
    errors = [line for line in stderr.splitlines() if "internal error" in line or "damaged" in line]
    for line in errors[:5]:
        print(" ", line)
    lost = outcome.missing and not outcome.faults.get("kill the broker")
    return 0 if outcome.equal and not lost and not outcome.out_of_order and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
