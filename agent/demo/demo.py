"""The demo: starts a broker, the agent and a plant, shows what the agent says of it, and judges by what came back.

The agent is a process of its own, run as anyone would run it. Starting and stopping are `agent.demo.parts`', what
counts as proof is `agent.demo.watch`'s, how it looks is `agent.demo.table`'s.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from agent.demo.parts import PATIENCE, Child, DemoError, broker, free_port
from agent.demo.watch import Expected, Witness
from agent.shell.exits import Exit, ExitError

if TYPE_CHECKING:
    from rich.console import Console

HERE = Path(__file__).parent
_PREFIX = "twinned/demo"
_REFRESH = 0.25


def demo(seconds: float | None, *, broker: str = "auto") -> Exit:
    """Run it for so many seconds, or until Ctrl-C, and say what came of it.

    With `seconds` the exit code is a verdict: OK only if everything came back from the broker.
    """
    try:
        from rich.console import Console
    except ImportError:
        hint = "pip install 'twinned[demo]'"
        raise ExitError(Exit.ENVIRONMENT, f"the demo needs rich, which is not installed; hint: {hint}") from None
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 140  # nobody's window
    try:
        with _terminable(), ExitStack() as parts:
            return _Demo(console, parts, broker).run(seconds)
    except DemoError as error:
        raise ExitError(Exit.TEMPORARY, f"twinned demo: {error}") from None


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: with everything it started stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Demo:
    def __init__(self, console: Console, parts: ExitStack, which: str) -> None:
        self.console = console
        self.parts = parts
        self.which = which
        self.units = _units()
        self.expected = expected()
        self.witness = Witness(self.expected, _PREFIX, time.time)
        self.told = 0
        self.lines: list[str] = []

    def run(self, seconds: float | None) -> Exit:
        directory = Path(self.parts.enter_context(tempfile.TemporaryDirectory(prefix="twinned-demo-")))
        port, self.http = free_port(), free_port()
        name = self.parts.enter_context(broker(self.which, port, directory))
        self._subscribe(port)
        python = sys.executable
        given = ["--set", f"mqtt.port={port}", "--set", f"http.port={self.http}"]
        command = [python, "-m", "agent", "run", "-c", str(HERE / "agent.yaml"), *given]
        self.agent = self.parts.enter_context(Child("agent", command, directory / "agent.log"))
        self._await_agent()
        simulate = "from simulators.cli import main; raise SystemExit(main())"
        where = ["--host", "127.0.0.1", "--port", str(port)]
        command = [python, "-c", simulate, "run", str(HERE / "scenario.yaml"), *where]
        self.plant = self.parts.enter_context(Child("simulators", command, directory / "simulators.log"))
        self.witness.plant_started()
        kinds = len(set(self.expected.kinds.values()))
        self.heading = f"{len(self.expected.kinds)} assets of {kinds} kinds, through {name} on 127.0.0.1:{port}"
        interrupted = self._watch(seconds)
        return self._verdict(seconds, interrupted)

    def _subscribe(self, port: int) -> None:
        from paho.mqtt.client import Client, MQTTMessage, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        def connected(client: Client, *_: Any) -> None:
            client.subscribe(f"{_PREFIX}/#", qos=1)

        def received(client: Client, data: Any, message: MQTTMessage) -> None:
            self.witness.take(message.topic, bytes(message.payload))

        client = Client(CallbackAPIVersion.VERSION2, client_id="twinned-demo-witness", protocol=MQTTv311)
        client.on_connect = connected
        client.on_message = received
        try:
            client.connect("127.0.0.1", port, keepalive=30)
        except OSError as error:
            raise DemoError(f"no connection to the broker: {error}") from None
        client.loop_start()
        self.parts.callback(client.loop_stop)
        self.parts.callback(client.disconnect)

    def _await_agent(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self.witness.agent_online.wait(0.1):
            self.agent.check()
            if time.monotonic() > end:
                raise DemoError(f"the agent does not say it is online; the last it said:\n{self.agent.said()}")

    def _watch(self, seconds: float | None) -> bool:
        """Show what happens until the time is over; True when it was cut short by hand."""
        from rich.live import Live

        end = None if seconds is None else time.monotonic() + seconds
        show: Callable[[], None]
        try:
            with ExitStack() as screen:
                if self.console.is_terminal:
                    live = screen.enter_context(Live(self._picture(), console=self.console, auto_refresh=False))

                    def show() -> None:
                        live.update(self._picture(), refresh=True)

                else:
                    self.console.print(self.heading)
                    show = self._tell
                while end is None or time.monotonic() < end:
                    time.sleep(_REFRESH)
                    self.agent.check()
                    self.plant.check()
                    show()
        except KeyboardInterrupt:
            return True
        return False

    def _picture(self) -> Any:
        from agent.demo.table import picture

        self._new_events()
        hint = "" if self.lines else f"a fault comes to {self.expected.asset} soon; "
        foot = f"{hint}also see http://127.0.0.1:{self.http}/metrics and /api/twins; Ctrl-C ends"
        return picture(self.witness.look(), self.heading, [*self.lines[-3:], foot], self.units, self.console.width)

    def _tell(self) -> None:
        for line in self._new_events():
            self.console.print(line, soft_wrap=True)

    def _new_events(self) -> list[str]:
        fresh = self.witness.events[self.told :]
        self.told += len(fresh)
        lines = [f"{e.after:5.1f} s  {e.severity} alarm {e.state}: {e.text}" for e in fresh]
        self.lines += lines
        return lines

    def _verdict(self, seconds: float | None, interrupted: bool) -> Exit:
        from agent.demo.table import picture

        views = self.witness.look()
        self._tell()
        if not self.console.is_terminal:
            self.console.print(picture(views, self.heading, [], self.units, self.console.width))
        states, forecasts = sum(v.states for v in views.values()), sum(v.forecasts for v in views.values())
        delay, used = self.witness.delay(), self.agent.used()
        self.console.print(f"\n{states} states and {forecasts} forecasts came back from the broker", end="")
        self.console.print("" if delay is None else f", each {1000 * delay:.1f} ms (median) after its reading came in")
        if used is not None:
            self.console.print(f"the agent took {used[0]:.1f} s of CPU and {used[1]:.0f} MiB")
        for name in self.witness.fault_alarms():
            raised, cleared = self.witness.span(name)
            asset = self.expected.asset
            self.console.print(f"alarm {name} of {asset} was raised at {raised:.1f} s and cleared at {cleared:.1f} s")
        missing = self.witness.missing()
        for line in missing:
            self.console.print(f"did not come back: {line}", style="bold red", soft_wrap=True)
        if not missing:
            self.console.print("OK: states, forecasts and the alarm, raised and cleared, all came back", style="green")
        if seconds is None or interrupted:
            return Exit.OK
        return Exit.TEMPORARY if missing else Exit.OK


def expected() -> Expected:
    from simulators.scenario import load

    scenario = load(HERE / "scenario.yaml")
    fault = scenario.faults[0]
    return Expected({asset.name: asset.kind for asset in scenario.assets}, fault.asset, fault.channel)


def _units() -> Mapping[str, str]:
    from simulators.kinds import KINDS, find

    return {channel.name: channel.unit.replace("1", "") for kind in KINDS for channel in find(kind).channels}
