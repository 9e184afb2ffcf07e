"""Brokers and bad networks for the tests: a private Mosquitto or amqtt, a scripted broker, and a proxy that misbehaves.

Everything listens on a free loopback port and ends with its `with` block. Nothing here knows the agent.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

PORTS, WORKERS = range(20_000, 32_000), 8
_ASKED = itertools.count()
PATIENCE = 20.0  # seconds until a test that waits gives up; only failures take that long


def free_port() -> int:
    """A port on which nothing listens now.

    It lies below those that the system gives to connections, and among those of this one of several test processes, so that
    nobody else takes it before it is used.
    """
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    mine = range(PORTS.start + worker % WORKERS, PORTS.stop, WORKERS)
    for _ in mine:
        port = mine[(os.getpid() + next(_ASKED)) % len(mine)]
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise OSError("every port is taken")


class Process:
    """A broker in a process of its own whose output can be waited for."""

    ends_within = 5.0  # seconds; then it is killed
    forced = False  # whether it had to be

    def __init__(self, command: Sequence[str], ready: str) -> None:
        self._command = list(command)
        self._ready = ready
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        mark = len(self._lines)
        self._ended = False
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        try:
            self.await_line(self._ready, since=mark)
        except BaseException:
            self.stop(kill=True)
            raise

    def stop(self, kill: bool = False) -> None:
        """End it, orderly or not."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(self.ends_within)
            self.forced = False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.forced = True
        if self._reader is not None:
            self._reader.join()
        if process.stdout is not None:
            process.stdout.close()

    def restart(self, kill: bool = False) -> None:
        self.stop(kill)
        self.start()

    def lines(self, since: int = 0) -> list[str]:
        """Its output so far."""
        with self._news:
            return self._lines[since:]

    def mark(self) -> int:
        """The present end of its output, for `since`."""
        with self._news:
            return len(self._lines)

    def await_line(self, pattern: str, since: int = 0) -> str:
        """The first line of its output after `since` in which the pattern is found."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for line in self._lines[since:]:
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"no line with {pattern!r} in the output:\n" + "".join(self._lines[-40:]))
                self._news.wait(left)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


class Mosquitto(Process):
    """A private Mosquitto.

    `persistence`: keeps sessions and retained messages across `restart`. `users`: name to password; anonymous clients
    are refused then. `tls`: from `certificates`; `mutual` demands a certificate of clients. `websockets`: speak MQTT
    over WebSockets on the port, and without on `plain_port`. `extra`: further lines of its configuration. The files live under `directory`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        persistence: bool = False,
        users: dict[str, str] | None = None,
        tls: Certificates | None = None,
        mutual: bool = False,
        websockets: bool = False,
        extra: Sequence[str] = (),
    ) -> None:
        if not self.installed():
            pytest.skip("Mosquitto and its clients are not installed")
        self.port = self.plain_port = port or free_port()
        home = directory / f"mosquitto-{self.port}"
        home.mkdir(parents=True, exist_ok=True)
        lines = ["per_listener_settings false", "log_type all", "log_dest stderr", "allow_zero_length_clientid true"]
        if persistence:
            lines += ["persistence true", f"persistence_location {home}/", "autosave_interval 0"]
            lines += ["autosave_on_changes false"]
        if users is None:
            lines.append("allow_anonymous true")
        else:
            passwords = home / "passwords"
            passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
            passwords.chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        lines.append("user root")
        if websockets:
            # Mosquitto 2.0.11 does not start with a WebSocket listener alone, and binds that one by interface only.
            self.plain_port = free_port()
            lines += [f"listener {self.plain_port} 127.0.0.1"]
            lines += [f"listener {self.port}", "bind_interface lo", "protocol websockets"]
        else:
            lines.append(f"listener {self.port} 127.0.0.1")
        if tls is not None:
            lines += [f"cafile {tls.authority}", f"certfile {tls.server}", f"keyfile {tls.server_key}"]
            lines += [f"require_certificate {'true' if mutual else 'false'}"]
        lines += extra
        conf = home / "mosquitto.conf"
        conf.write_text("\n".join(lines) + "\n")
        super().__init__(["mosquitto", "-c", str(conf)], r"mosquitto version .* running")

    @staticmethod
    def installed() -> bool:
        return all(shutil.which(name) for name in ("mosquitto", "mosquitto_pub", "mosquitto_sub"))


_AMQTT = """
import asyncio, sys
from amqtt.broker import Broker

async def main():
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:%d" % int(sys.argv[1])}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })
    await broker.start()
    print("amqtt ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Amqtt(Process):
    """A private amqtt broker."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__([sys.executable, "-W", "ignore", "-c", _AMQTT, str(self.port)], "amqtt ready")


class Certificates:
    """An authority, a server certificate for localhost and 127.0.0.1, and a client certificate, as PEM files."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.authority, authority_key = directory / "ca.pem", directory / "ca.key"
        self._openssl(
            "req",
            "-x509",
            *self._new_key(authority_key),
            "-out",
            str(self.authority),
            "-days",
            "2",
            "-subj",
            "/CN=test",
        )
        self.server, self.server_key = self._signed("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.client, self.client_key = self._signed("client", "extendedKeyUsage=clientAuth")

    def _signed(self, name: str, extension: str) -> tuple[Path, Path]:
        certificate, key, request = (self._directory / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
        extensions = self._directory / f"{name}.ext"
        extensions.write_text(extension + "\n")
        self._openssl("req", *self._new_key(key), "-out", str(request), "-subj", f"/CN={name}")
        authority = ["-CA", str(self.authority), "-CAkey", str(self._directory / "ca.key"), "-CAcreateserial"]
        self._openssl(
            "x509",
            "-req",
            "-in",
            str(request),
            *authority,
            "-days",
            "2",
            "-extfile",
            str(extensions),
            "-out",
            str(certificate),
        )
        return certificate, key

    @staticmethod
    def _new_key(path: Path) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]

    @staticmethod
    def _openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Proxy:
    """Stands between a client and a broker, and can cut, hold back and truncate what flows to the client."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Condition()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._left: int | None = None  # bytes to the client until the cut
        self._held = False
        self.delay = 0.0  # seconds that each piece to the client is late
        self.connections = 0

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Break all connections now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def cut_after(self, count: int) -> None:
        """Break the connections when this many more bytes have gone to the client, in the middle of whatever it is."""
        with self._lock:
            self._left = count

    def hold(self) -> None:
        """Let nothing more through to the client."""
        with self._lock:
            self._held = True

    def release(self) -> None:
        with self._lock:
            self._held = False
            self._lock.notify_all()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, broker))
            self._spawn(self._pump, client, broker, False)
            self._spawn(self._pump, broker, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, to_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if to_client:
                    data = self._spoil(data)
                    if self.delay:
                        time.sleep(self.delay)
                sink.sendall(data)
                if to_client and self._left == 0:
                    with self._lock:
                        self._left = None
                    break
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if to_client:
            sink.close()
            source.close()

    def _spoil(self, data: bytes) -> bytes:
        with self._lock:
            while self._held:
                self._lock.wait(1)
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
            return data


class ScriptedBroker:
    """Accepts connections one after the other, and hands each to the next of the scripts.

    A script gets a `Peer`; the connection is closed when it returns. When there are no more scripts, connections are
    accepted and closed at once.
    """

    def __init__(self, *scripts: Callable[[Peer], None]) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None
        self._current: socket.socket | None = None
        self.served = 0  # scripts that have ended

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for sock in (self._listener, self._current):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        scripts = iter(self._scripts)
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._current = sock
            with sock:
                sock.settimeout(PATIENCE)
                script = next(scripts, None)
                if script is None:
                    continue
                try:
                    script(Peer(sock))
                except OSError:
                    pass  # the client is gone: its test knows whether that is right
                except BaseException as failure:
                    self._error = failure
                self.served += 1


class Peer:
    """The broker's end of one connection, packet by packet."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = b""

    def packet(self) -> tuple[int, bytes]:
        """First byte and body of the client's next packet; ConnectionError at the end."""
        first = self._exactly(1)[0]
        n = shift = 0
        while True:
            byte = self._exactly(1)[0]
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self._exactly(n)

    def expect(self, kind: int) -> bytes:
        """The body of the next packet, which must be of this type."""
        first, body = self.packet()
        assert first >> 4 == kind, f"expected a packet of type {kind}, got {first >> 4} with {body!r}"
        return body

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def until_closed(self) -> bytes:
        """Everything until the client closes."""
        received = self._buffer
        while data := self._socket.recv(65536):
            received += data
        return received

    def accept(self, *, v5: bool, properties: bytes = b"", session: bool = False) -> bytes:
        """Take CONNECT and welcome the client; returns the body of CONNECT."""
        body = self.expect(1)
        if v5:
            self.send(packet(0x20, bytes((session, 0)) + varint(len(properties)) + properties))
        else:
            self.send(packet(0x20, bytes((session, 0))))
        return body

    def grant(self, *codes: int, v5: bool) -> bytes:
        """Take SUBSCRIBE and answer with these codes; returns its body."""
        body = self.expect(8)
        self.send(packet(0x90, body[:2] + (b"\0" if v5 else b"") + bytes(codes)))
        return body

    def _exactly(self, n: int) -> bytes:
        while len(self._buffer) < n:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the client closed")
            self._buffer += data
        out, self._buffer = self._buffer[:n], self._buffer[n:]
        return out


def varint(n: int) -> bytes:
    out = bytearray()
    while True:
        n, low = n >> 7, n & 127
        out.append(low | (128 if n else 0))
        if not n:
            return bytes(out)


def packet(first: int, body: bytes) -> bytes:
    """One MQTT packet."""
    return bytes((first,)) + varint(len(body)) + body


def publish(
    topic: bytes, payload: bytes, *, first: int = 0x30, packet_id: int = 0, properties: bytes | None = None
) -> bytes:
    """A PUBLISH packet; `properties` without their length, None for MQTT 3.1.1."""
    body = struct.pack("!H", len(topic)) + topic
    if first & 6:
        body += struct.pack("!H", packet_id)
    if properties is not None:
        body += varint(len(properties)) + properties
    return packet(first, body + payload)


@contextlib.contextmanager
def subscriber(port: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """mosquitto_sub with these arguments."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()  # told to end, it may wait for a broker that does not answer
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def send(port: int, *arguments: str, input: bytes | None = None) -> None:
    """mosquitto_pub with these arguments, to its end."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), *arguments]
    subprocess.run(command, input=input, check=True, timeout=PATIENCE)
