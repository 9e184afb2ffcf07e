"""The command `twinned-sim`: arguments to a scenario and an output, errors to one line each and an exit status.

Exit status: 0 done, or ended by SIGINT or SIGTERM; 1 no output possible; 2 arguments or scenario wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from simulators.document import Findings, Mismatch, ScenarioError, duration, integer
from simulators.faults import EFFECTS
from simulators.kinds import KINDS, find
from simulators.output import Address, Broker, Lines, Output, OutputError
from simulators.pace import Stop, paced
from simulators.run import events
from simulators.scenario import TRUTH_TOPIC, Scenario, load, parse_speed, parse_start

T = TypeVar("T")

_RUN_EXAMPLES = """\
examples:
  twinned-sim run configs/scenarios/plant.yaml
  twinned-sim run plant.yaml --host broker.local --username sim --password-file secret
  twinned-sim run --kind pump --count 12 --period 500ms --duration 1h --out pumps.jsonl --truth faults.jsonl
  twinned-sim run --kind tank --out - | head

With a speed above 1 and a start of now, event times run ahead of the clock: start early enough, or let the
receiver go by the time of arrival.
"""
_LIST_EXAMPLE = """\
example:
  twinned-sim list pump
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.verb(arguments)
        return status
    except ScenarioError as error:
        print(*error.errors, sep="\n", file=sys.stderr)
        return 2
    except OutputError as error:
        print(f"twinned-sim: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has seen enough. Python would still flush standard output at exit and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"twinned-sim: cannot go on: {error.strerror or error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twinned-sim",
        description="Simulated sensors with known physics, noise and faults.",
        epilog=_RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    run = verbs.add_parser(
        "run",
        help="simulate a scenario, to a broker or a file",
        description="Simulate a scenario, or some assets of one kind, to an MQTT broker or as JSON lines.",
        epilog=_RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.set_defaults(verb=_run)
    run.add_argument("scenario", nargs="?", metavar="SCENARIO", help="scenario file (YAML)")
    run.add_argument("--kind", help=f"without a file: {', '.join(KINDS)}, or a plug-in as module:attribute")
    run.add_argument("--count", type=_typed(integer(1, 100_000)), default=1, help="how many of the kind (default 1)")
    run.add_argument("--period", type=_typed(duration(1e-3)), default=1.0, help="between readings (default 1s)")
    run.add_argument("--seed", type=_typed(integer(0, 2**63 - 1)), help="of all random numbers")
    run.add_argument("--start", type=_typed(parse_start), default=argparse.SUPPRESS, help="RFC 3339 time, or now")
    run.add_argument(
        "--duration", type=_typed(duration(1e-3)), help="such as 90s or 1h; default: endless, 1h to a file"
    )
    run.add_argument(
        "--speed", type=_typed(parse_speed), help="simulated seconds per second, or max; default: 1, max to a file"
    )
    run.add_argument("--truth", metavar="FILE", help="write labels of faults here instead of to their topic")
    run.add_argument("--states", metavar="FILE", help="also write the true state at each message here")
    output = run.add_argument_group("output")
    where = output.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="FILE", help="JSON lines with topic, payload, received; - is standard output")
    where.add_argument("--host", default="localhost", help="broker (default localhost)")
    output.add_argument("--port", type=_typed(integer(1, 65535)), help="default 1883, or 8883 with --tls-ca")
    output.add_argument("--username", help="user at the broker")
    output.add_argument("--password-file", metavar="FILE", help="file whose first line is the password")
    output.add_argument("--qos", type=int, choices=(0, 1), default=0, help="quality of service (default 0)")
    output.add_argument("--tls-ca", metavar="FILE", help="encrypt, and trust this authority (PEM)")
    listing = verbs.add_parser(
        "list",
        help="list the kinds, their channels and parameters, and the faults",
        description="List the kinds of simulators with their channels and parameters, and the kinds of faults.",
        epilog=_LIST_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.set_defaults(verb=_list)
    listing.add_argument("kind", nargs="?", help="only this kind; also a plug-in as module:attribute")
    return parser


def _typed(parse: Callable[[object], T]) -> Callable[[str], T]:
    """An argparse type from a parser of scenario values, with the same words when it fails."""

    def convert(raw: str) -> T:
        value: object = raw
        with contextlib.suppress(ValueError):
            value = float(raw)
        with contextlib.suppress(ValueError):
            value = int(raw)
        try:
            return parse(value)
        except Mismatch as error:
            raise argparse.ArgumentTypeError(f"expected {error.expected}, got {raw!r}") from error

    return convert


def _run(arguments: argparse.Namespace) -> int:
    scenario = _scenario(arguments)
    speed = scenario.speed
    if speed is None:
        speed = math.inf if arguments.out else 1.0
    if arguments.out and math.isinf(speed) and scenario.duration is None:
        scenario = dataclasses.replace(scenario, duration=3600.0)
    start = scenario.start
    assert start is not None  # noqa: S101 - `at` has set it
    with Stop() as stop, contextlib.ExitStack() as files:
        labels = files.enter_context(Lines(arguments.truth)) if arguments.truth else None
        states = files.enter_context(Lines(arguments.states)) if arguments.states else None
        output = files.enter_context(_output(arguments, stop, prompt=not math.isinf(speed)))
        written: tuple[str, float] | None = None
        for event in paced(events(scenario), start, speed, stopping=lambda: stop.requested, wait=stop.wait):
            if event.announces is None:
                output.send(event)
                if states is not None and written != (event.asset, event.time):
                    written = (event.asset, event.time)
                    states.state(event)
            elif labels is None:
                output.send(event)
            elif event.announces.start == event.time:
                labels.label(event.announces)
    return 0


def _scenario(arguments: argparse.Namespace) -> Scenario:
    if (arguments.scenario is None) == (arguments.kind is None):
        raise ScenarioError(["twinned-sim: expected either a scenario file or --kind (see twinned-sim run --help)"])
    if arguments.scenario is not None:
        try:
            scenario = load(arguments.scenario)
        except OSError as error:
            raise OutputError(f"cannot read {arguments.scenario}: {error.strerror}") from error
    else:
        block = {"kind": arguments.kind, "count": arguments.count, "period": arguments.period}
        scenario = load({"assets": [block]})
    given: dict[str, Any] = {
        name: value
        for name in ("seed", "start", "duration", "speed")
        if (value := getattr(arguments, name, None)) is not None or (name == "start" and "start" in arguments)
    }
    if arguments.truth and scenario.truth is None:
        given["truth"] = TRUTH_TOPIC
    return dataclasses.replace(scenario, **given).at(time.time())


@contextlib.contextmanager
def _output(arguments: argparse.Namespace, stop: Stop, *, prompt: bool) -> Iterator[Output]:
    if arguments.out:
        with Lines(arguments.out, prompt=prompt) as lines:
            yield lines
        return
    password = None
    if arguments.password_file:
        try:
            password = Path(arguments.password_file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise OutputError(
                f"cannot read the password in {arguments.password_file}: {getattr(error, 'strerror', None) or error}"
            ) from error
    port = arguments.port or (8883 if arguments.tls_ca else 1883)
    address = Address(arguments.host, port, arguments.username, password, arguments.qos, arguments.tls_ca)
    broker = Broker(address, lambda line: print(f"twinned-sim: {line}", file=sys.stderr), lambda: stop.requested)
    with broker:
        yield broker
    if broker.lost:
        print(f"twinned-sim: {broker.lost} messages were not delivered", file=sys.stderr)


def _list(arguments: argparse.Namespace) -> int:
    for kind in (arguments.kind,) if arguments.kind else KINDS:
        try:
            simulator = find(kind)
        except Mismatch as error:
            findings = Findings("twinned-sim")
            findings.mismatch(("kind",), error.expected, kind, error.hint)
            raise ScenarioError(findings.errors) from None
        print(f"{kind}: {(simulator.__doc__ or '').strip().splitlines()[0]}")
        print("  channels")
        for c in simulator.channels:
            print(f"    {c.name:20} {c.unit:6} noise {c.noise:g}")
        print("  parameters")
        for f in dataclasses.fields(simulator.Parameters):
            print(f"    {f.name:20} {f.default:<10g} {f.metadata['unit']:6} {f.metadata['text']}")
        print()
    print("faults")
    for name, effect in EFFECTS.items():
        print(f"  {name:10} {effect.text}")
    return 0
