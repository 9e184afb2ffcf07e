"""What the demo starts and must stop again: processes with a log each, and a broker, whichever there is.

Everything listens on loopback only, on ports that were free, keeps its files under one temporary directory, and is a
context manager that leaves nothing running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 20.0  # seconds that something may take to start


class DemoError(Exception):
    """The demo cannot go on; lines for the user."""


def free_port() -> int:
    """A loopback port on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def await_port(port: int, alive: Callable[[], bool]) -> bool:
    """Wait until something takes connections there; False when it does not."""
    end = time.monotonic() + PATIENCE
    while alive() and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


class Child:
    """A process of the demo, its output in a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = command
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            # A session of its own, so that Ctrl-C comes to the demo alone, which then ends all in order.
            self.process = subprocess.Popen(  # noqa: S603  commands are the demo's own
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def alive(self) -> bool:
        return self.process.poll() is None

    def check(self) -> None:
        """Raise DemoError when it has ended by itself."""
        code = self.process.poll()
        if code is not None:
            raise DemoError(f"the {self.name} ended with {code}; the last it said:\n{self.said()}")

    def said(self) -> str:
        """The end of its output."""
        return self._log.read_text(errors="replace")[-2000:].strip()

    def used(self) -> tuple[float, float] | None:
        """Seconds of CPU and MiB of memory; None where /proc is not there."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            return None
        seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return seconds, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def find_mosquitto() -> str | None:
    """The program, also where Debian puts it, which is not on every user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


@contextmanager
def broker(which: str, port: int, directory: Path) -> Iterator[str]:
    """A broker on the port, by its name: Mosquitto where it is installed, else amqtt in this process."""
    program = find_mosquitto()
    if which == "mosquitto" and program is None:
        raise DemoError("expected mosquitto on the PATH, got none; hint: leave --broker out, or install it")
    if program is not None and which != "amqtt":
        config = directory / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        with Child("broker", [program, "-c", str(config)], directory / "broker.log") as child:
            if not await_port(port, child.alive):
                child.check()
                raise DemoError(f"the broker does not take connections; the last it said:\n{child.said()}")
            yield "Mosquitto"
    else:
        with _Amqtt(port):
            yield "amqtt"


class _Amqtt:
    """amqtt on an event loop in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ready = threading.Event()
        self._trouble: Exception | None = None

    def __enter__(self) -> Self:
        for name in ("amqtt", "transitions"):
            log = logging.getLogger(name)
            log.addHandler(logging.NullHandler())
            log.propagate = False
        self._thread = threading.Thread(target=self._run, name="amqtt", daemon=True)
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise DemoError("the broker in this process does not start")
        if self._trouble is not None:
            self._thread.join()
            raise DemoError(f"the broker in this process does not start: {self._trouble}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # amqtt's own, about its plugins
            try:
                asyncio.run(self._serve())
            except Exception as error:
                self._trouble = error
            finally:
                self._ready.set()

    async def _serve(self) -> None:
        try:
            from amqtt.broker import Broker
        except ImportError:
            hint = "install mosquitto, or `pip install 'twinned[demo]'` for a broker in this process"
            raise DemoError(f"neither mosquitto nor amqtt is installed; hint: {hint}") from None
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        plugins: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self._port}"}
        server = Broker({"listeners": {"default": listener}, "plugins": plugins})
        await server.start()
        self._ready.set()
        await self._end.wait()
        await server.shutdown()
