"""Who takes part in a chaos run: broker, source, subscriber, the agent as a process, its disk and its clock.

Each is a thing that a fault can be done to; which faults there are is in `faults`.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.brokers import Mosquitto, publish
from tests.chaos.stream import Stream, number_of

WINDOW = 500  # publications of the source that the broker has not acknowledged
PATIENCE = 60.0  # seconds for the agent to come to what is expected of it


class QuietMosquitto(Mosquitto):
    """Keeps sessions across a restart, queues without end, and logs no message."""

    ends_within = PATIENCE  # to write down a long queue takes its time

    def __init__(self, directory: Path, *extra: str) -> None:
        super().__init__(directory, persistence=True, extra=["max_queued_messages 0", *extra])
        self._kept = directory / f"mosquitto-{self.port}" / "mosquitto.db"
        conf = self._kept.with_name("mosquitto.conf")
        conf.write_text(conf.read_text().replace("log_type all", "log_type error\nlog_type information"))

    def forget(self) -> None:
        """Between a stop and a start: lose all sessions, what is queued and what is retained."""
        self._kept.unlink(missing_ok=True)

    def forget_client(self, client_id: str) -> None:
        """Drop one client's session, and what is queued for it."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(_connect(client_id.encode(), clean=True))
            if sock.recv(4)[3:] != b"\0":
                raise OSError(f"the broker does not welcome {client_id}")
            sock.sendall(b"\xe0\x00")
            sock.recv(1)  # until the broker has closed, and so forgotten


def _connect(name: bytes, *, clean: bool) -> bytes:
    body = b"\x00\x04MQTT\x04" + (b"\x02" if clean else b"\x00") + b"\x00\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + bytes((len(body),)) + body


class Source(threading.Thread):
    """Publishes the stream with QoS 1, in order, at a pace; after a broken connection from the first that the broker
    has not acknowledged. Messages may come twice, never in another order."""

    def __init__(self, port: int, stream: Stream, rate: float) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._stream = stream
        self._rate = rate
        self._began = 0.0
        self._rewind: int | None = None
        self.acknowledged = 0  # readings from the start that the broker has
        self.furthest = 0  # that it ever had
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
        """Send again from here, over a new connection; returns when that is so."""
        self._rewind = position
        deadline = time.monotonic() + PATIENCE
        while self._rewind is not None and not self.ended.is_set():
            if time.monotonic() > deadline:
                raise AssertionError("the source cannot reach the broker")
            time.sleep(0.005)

    def _session(self, sock: socket.socket) -> None:
        sock.sendall(_connect(b"source", clean=True))
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
                    self.furthest = max(self.furthest, self.acknowledged)
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
                            for k, r in enumerate(self._stream.part(sent, end), sent)
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
        with self._file.open("rb") as lines:
            return [json.loads(line)["id"] for line in lines]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class Clock:
    """The agent's clock on the wall, as a number of seconds that it is ahead of ours; `tests.services` reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w+b")
        self._file.write(bytes(8))
        self._file.flush()
        self._map = mmap.mmap(self._file.fileno(), 8)

    def step(self, ahead: float) -> None:
        struct.pack_into("<d", self._map, 0, ahead)

    def close(self) -> None:
        self._map.close()
        self._file.close()


class Disk:
    """Where the store is: a small file system of its own where this process may mount one, else a directory."""

    BYTES = 64 << 20

    def __init__(self, home: Path) -> None:
        self.path = home / "disk"
        self.path.mkdir()
        self._filler = self.path / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.BYTES}", "twinned-chaos", str(self.path)]
        self.own = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """From now on no file on it grows."""
        assert self.own, "only a file system of its own may be filled"
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        filler.write(b"x" * size)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        if self.own:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)


class Vitals(NamedTuple):
    """What a process takes of its machine."""

    resident: int  # bytes
    anonymous: int  # bytes of these that belong to no file, and so to this process alone
    descriptors: int
    threads: int


class AgentProcess:
    """The agent, started again whenever it was killed."""

    def __init__(self, raw: dict[str, Any], home: Path, **environ: str) -> None:
        self._config = home / "agent.json"
        self._config.write_text(json.dumps(raw))
        self._url = f"http://127.0.0.1:{raw['http']['port']}"
        self._log = home / "stderr"
        # By way of a pipe: a limit on the size of files must not silence the agent.
        reading, self._stderr = os.pipe()
        self._copier = threading.Thread(target=self._copy, args=(reading,), daemon=True)
        self._copier.start()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(home / "notify"))
        self._notify.settimeout(PATIENCE)
        self._environ = {**os.environ, "NOTIFY_SOCKET": str(home / "notify"), **unit_environment(), **environ}
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_after: list[float] = []  # seconds from start to READY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._notify.close()
        os.close(self._stderr)
        self._copier.join(PATIENCE)

    def _copy(self, reading: int) -> None:
        with open(reading, "rb", buffering=0) as pipe, self._log.open("ab", buffering=0) as log:
            while data := pipe.read(65536):
                log.write(data)

    def start(self, *, ready: bool = True) -> None:
        self._drain()
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.services", str(self._config)],
            env=self._environ,
            stderr=self._stderr,
            cwd=Path(__file__).parents[2],
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
            self._notify.settimeout(PATIENCE)

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

    def limit_files(self, most: int) -> None:
        """Let it write no file beyond so many bytes; a limit goes with the process it was set for."""
        assert self.process is not None
        if self.process.poll() is not None:
            return
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def vitals(self) -> Vitals | None:
        """None while it is not there."""
        if self.process is None or self.process.poll() is not None:
            return None
        proc = Path(f"/proc/{self.process.pid}")
        try:
            status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
            resident, anonymous = (int(status[name].removesuffix(" kB")) << 10 for name in ("VmRSS", "RssAnon"))
            return Vitals(resident, anonymous, _entries(proc / "fd"), _entries(proc / "task"))
        except (OSError, KeyError):
            return None

    # -- what it says

    def mark(self) -> int:
        """The present end of its log, for `said`."""
        return self._log.stat().st_size if self._log.exists() else 0

    def said(self, since: int = 0) -> list[str]:
        with self._log.open("rb") as log:
            log.seek(since)
            return log.read().decode().splitlines()

    def times(self) -> dict[str, float]:
        """Event time of the newest reading of each asset, as the agent says; nothing while it does not answer."""
        try:
            twins = json.loads(self._get("/api/twins?limit=1000"))["twins"]
        except (OSError, ValueError):
            return {}
        return {twin["asset"]: twin["time"] for twin in twins if twin["time"] is not None}

    def position(self) -> int:
        """How many readings from the start it has taken."""
        return max((number_of(t) + 1 for t in self.times().values()), default=0)

    def subscribed(self) -> bool:
        try:
            self._get("/readyz")
        except (HTTPError, OSError):
            return False
        return True

    def stores(self) -> bool:
        """Whether its store takes what it is given."""
        try:
            return b"\ntwinned_store_up 1.0" in self._get("/metrics")
        except OSError:
            return False

    def _get(self, path: str) -> bytes:
        with urlopen(self._url + path, timeout=5) as answer:
            body: bytes = answer.read()
            return body


def unit_environment() -> dict[str, str]:
    """What the shipped unit sets for the agent, so that what is measured here is how it runs there."""
    unit = (Path(__file__).parents[2] / "systemd" / "twinned.service").read_text()
    return dict(re.findall(r"^Environment=(\w+)=(\S+)$", unit, re.MULTILINE))


def _entries(directory: Path) -> int:
    return sum(1 for _ in directory.iterdir())
