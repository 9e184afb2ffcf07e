"""The service under test: in this process around a pretended session, or as a process of its own under a supervisor.

Run as a program (`python -m tests.services CONFIG.json`) it is that process: the service with a configuration from a
JSON file, read anew for each reload. The command line has tests of its own.
"""

from __future__ import annotations

import io
import json
import mmap
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec

from agent.config import Config, Duration, Size
from agent.shell.exits import Exit, ExitError
from agent.shell.logs import Logger
from agent.shell.mqtt import Session
from agent.shell.service import Loaded, Service, World, run
from agent.shell.signals import Signals
from agent.shell.systemd import Notifier
from agent.shell.wire import Counters
from agent.types import Batch, Publications, Reject

PATIENCE = 20.0  # seconds until a test that waits gives up; only failures take that long
PLANT = {"topic": "plant/{asset}/telemetry", "channels": {"temperature": {"unit": "degC"}}}
# For tests that look at each single change of an alarm: no limit to how many are published.
EVERY_CHANGE = {kind: {"changes": 1, "per": 0, "burst": 1} for kind in ("asset", "overall")}


def settings(**sections: Any) -> dict[str, Any]:
    """A configuration as in a file: one family of assets, HTTP off, whatever `sections` say on top."""
    return {"site": "test", "http": {"enabled": False}, "assets": [PLANT], **sections}


def config(raw: dict[str, Any]) -> Config:
    def convert(kind: type, value: object) -> object:
        if kind in (Duration, Size):
            return kind.parse(value)
        raise NotImplementedError(kind)

    return msgspec.convert(raw, Config, dec_hook=convert)


def batch(*messages: tuple[str, object], received: float = 1000.0) -> Batch:
    """Messages as (asset, temperature) or (topic with a slash, payload)."""
    topics, payloads = [], []
    for name, value in messages:
        topics.append((name if "/" in name else f"plant/{name}/telemetry").encode())
        payloads.append(value if isinstance(value, bytes) else json.dumps({"temperature": value}).encode())
    return Batch(topics, payloads, [received] * len(topics), [0] * len(topics))


class Clock:
    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


class PretendedSession:
    """Stands in for the session: what arrives is put in by the test, what leaves is kept, in order."""

    def __init__(self, settings: object, **arguments: Any) -> None:
        self.settings = settings
        self.arguments = arguments
        self.counters = Counters()
        self.connected = self.subscribed = True
        self.reason = ""
        self.queued_bytes = 0
        self.unacknowledged = False
        self.forgotten = False
        self.settled: list[int] = []
        self.due = float("inf")
        self.arrived: list[Batch | list[Reject]] = []
        self.calls: list[str] = []
        self.published: list[Publications] = []
        self._rejects: list[Reject] = []
        self._reader, self._writer = socket.socketpair()

    def arrive(self, *items: Batch | list[Reject]) -> None:
        self.arrived += items
        self._writer.send(b"x" * len(items))

    def fileno(self) -> int:
        return self._reader.fileno()

    def wants_read(self) -> bool:
        return True

    def wants_write(self) -> bool:
        return False

    def next_time(self) -> float:
        return self.due

    def on_time(self) -> None:
        self.due = float("inf")
        self.calls.append("on_time")

    def on_readable(self) -> Batch | None:
        self._reader.recv(1)
        item = self.arrived.pop(0)
        if isinstance(item, Batch):
            return item
        self._rejects = item
        return None

    def take_forgotten(self) -> bool:
        forgotten, self.forgotten = self.forgotten, False
        return forgotten

    def take_rejects(self) -> list[Reject]:
        rejects, self._rejects = self._rejects, []
        return rejects

    def publish(self, groups: Sequence[Publications]) -> int:
        self.calls.append("publish")
        self.published += groups
        return sum(len(group.topics) for group in groups)

    def acknowledge(self) -> None:
        self.calls.append("acknowledge")

    def take_settled(self) -> list[int]:
        settled, self.settled = self.settled, []
        return settled

    def drain(self) -> None:
        pass

    def announce(self) -> None:
        self.calls.append("announce")

    def flush(self) -> None:
        self.calls.append("flush")

    def stop(self, timeout: float) -> None:
        self.calls.append("stop")
        self._reader.close()
        self._writer.close()

    def topics(self) -> list[str]:
        return [topic.decode() for group in self.published for topic in group.topics]


class Bench:
    """A service in this process, on pretended time, with pretended sessions; the core is real."""

    def __init__(self, raw: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> None:
        self.raw = raw or settings()
        self.password: str | None = None
        self.monotonic, self.elapsed, self.now = Clock(500.0), Clock(700.0), Clock(1000.0)
        self.stderr = io.StringIO()
        self.sessions: list[PretendedSession] = []
        self.signals = Signals()
        world = World(
            environ or {},
            self.stderr,
            self.monotonic,
            self.now,
            random.Random(1),
            cast("Callable[..., Session]", self._make_session),
            self.elapsed,
        )
        self.log = Logger(self.stderr, environ={}, monotonic=self.monotonic, now=self.now, repeat_interval=60)
        self.notifier = Notifier(environ or {})
        self.service = Service(self._load, world, self.signals, self.log, self.notifier)
        self.service.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.service.server is not None:
            self.service.server.stop()
        if "stop" not in self.session.calls:
            self.session.stop(0)
        self.signals.close()
        self.notifier.close()

    def _load(self) -> Loaded:
        return Loaded(config(self.raw), "user", self.password)

    def _make_session(self, settings: object, **arguments: Any) -> PretendedSession:
        self.sessions.append(PretendedSession(settings, **arguments))
        return self.sessions[-1]

    @property
    def session(self) -> PretendedSession:
        return self.sessions[-1]

    def turn(self, *items: Batch | list[Reject]) -> None:
        """One turn that finds these on the wire (one item a turn, as it is with a wire)."""
        for item in items:
            self.session.arrive(item)
            self.service.turn(0.0)
        if not items:
            self.service.turn(0.0)

    def pass_time(self, seconds: float) -> None:
        self.monotonic.time += seconds
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """The machine is suspended: the monotonic clock stands still."""
        self.elapsed.time += seconds
        self.now.time += seconds


class Supervised:
    """The service as a process, with a notify socket as systemd gives it, on a free HTTP port."""

    def __init__(self, raw: dict[str, Any], **environ: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="twinned-")
        home = Path(self._home.name)
        self.config = home / "config.json"
        self._stderr = home / "stderr"
        self.write(raw)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(home / "notify"))
        self._socket.settimeout(PATIENCE)
        with self._stderr.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.services", str(self.config)],
                env={**os.environ, "NOTIFY_SOCKET": str(home / "notify"), **environ},
                stderr=stderr,
                cwd=Path(__file__).parent.parent,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._socket.close()
        self._home.cleanup()

    def write(self, raw: dict[str, Any] | str) -> None:
        self.config.write_text(raw if isinstance(raw, str) else json.dumps(raw))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def await_notice(self, start: str) -> list[str]:
        """The lines of the next notification that begins like this; others are passed over."""
        while True:
            try:
                lines = self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"no {start} from the service:\n{self.stderr()}") from None
            if lines[0].startswith(start):
                return lines

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def stderr(self) -> str:
        return self._stderr.read_text()


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def await_answer(port: int, path: str, accept: Callable[[int, bytes], bool]) -> bytes:
    """The first answer that is accepted; asked again until then."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status, body = get(port, path)
        if accept(status, body):
            return body
        assert time.monotonic() < deadline, f"{path} still says {status}: {body.decode()[:2000]}"
        time.sleep(0.02)


def _load(path: Path) -> Loaded:
    if os.environ.get("TEST_HANG_UP_WHILE_LOADING"):
        os.kill(os.getpid(), signal.SIGHUP)
    try:
        raw = json.loads(path.read_text())
        password = None
        if (file := raw.get("mqtt", {}).get("password_file")) is not None:
            password = Path(file).read_text()
        return Loaded(config(raw), None, password)
    except (ValueError, msgspec.ValidationError) as error:
        raise ExitError(Exit.CONFIG, f"{path.name}: {error}\n{path.name}: and a second line") from None
    except OSError as error:
        raise ExitError(Exit.ENVIRONMENT, f"mqtt.password_file: {error.strerror}: {error.filename}") from None


def _world() -> World:
    """The real one; with TEST_CLOCK, its clock on the wall is ahead by the number of seconds in that file, at any time."""
    path = os.environ.get("TEST_CLOCK")
    if path is None:
        return World(os.environ, sys.stderr)
    with Path(path).open("rb") as file:
        ahead = memoryview(mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)).cast("d")
    return World(os.environ, sys.stderr, now=lambda: time.time() + ahead[0])


if __name__ == "__main__":
    sys.exit(run(lambda: _load(Path(sys.argv[1])), _world()))
