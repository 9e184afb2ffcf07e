"""The command `twinned`: arguments to one verb each, errors to lines, lines to exit codes. No logic.

What a verb does is in `agent.shell.commands` and is imported only when it is asked for, so that `run` pays for
nothing that another verb needs. Exit codes are those of `agent.shell.exits`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from agent import __version__
from agent.shell.exits import Exit, ExitError

DEFAULT_CONFIG = "/etc/twinned/twinned.yaml"
DEEDS = ("acknowledge", "shelve", "unshelve", "disable", "enable", "reset")

_EPILOG = """\
examples:
  twinned demo                                  see it work, on this machine alone
  twinned check -c twinned.yaml                 is this configuration right, and what does it mean
  twinned run -c twinned.yaml
  twinned replay -c twinned.yaml recording.jsonl --out twins.jsonl

exit codes: 0 done; 1 something outside is in the way for now; 2 arguments or configuration wrong;
70 a bug; 78 a file that is needed is not there
"""
_CHECK = """\
examples:
  twinned check -c twinned.yaml
  twinned check -c twinned.yaml --set mqtt.host=broker.local
"""
_RUN = """\
examples:
  twinned run -c twinned.yaml
  TWINNED__MQTT__PORT=1884 twinned run -c twinned.yaml --set log.level=debug

SIGHUP reads the configuration again and keeps what the twins have learned; SIGTERM and SIGINT end the agent.
"""
_SCHEMA = """\
examples:
  twinned schema > twinned.schema.json          for editors that check and complete YAML
  twinned schema --messages                     JSON Schema of each message that is published
  twinned schema --topics                       the topics that are published, as a table
"""
_EXPLAIN = """\
examples:
  twinned explain pump-1                        why its alarms are what they are, and what it takes to clear them
  twinned explain pump-1 --json
  twinned explain pump-1 --url http://192.168.1.5:9464

The agent must be running: it is asked over HTTP, at the address that the configuration or --url says.
"""
_ALARMS = """\
examples:
  twinned alarms                                what is not normal, a line each
  twinned alarms --state unacknowledged --asset pump-1
  twinned alarms --json | jq .asset
"""
_ALARM = """\
examples:
  twinned alarm acknowledge pump-1 temperature_high --by anna
  twinned alarm shelve pump-1 --for 8h --comment 'new seal on Monday'
  twinned alarm unshelve pump-1

Without ALARM it is about all alarms of the asset. The agent must be running, and listen on loopback.
"""
_REPLAY = """\
examples:
  twinned replay -c twinned.yaml recording.jsonl --out twins.jsonl
  twinned-sim run --kind pump --out - | twinned replay -c twinned.yaml - --trace trace.csv
  twinned replay -c twinned.yaml --csv pump.csv --asset pump-1 --time datetime --delimiter ';' --trace trace.csv

A recording holds one JSON object per line: {"topic": "plant/1/telemetry", "payload": "...", "received": 1769860800.0},
with "payload_base64" in place of "payload" where the bytes are no UTF-8. A CSV file has a header; the columns of the
channels are found by the channels' configured fields, and a time without an offset is UTC.
"""
_DEMO = """\
examples:
  twinned demo                                  until Ctrl-C
  twinned demo --seconds 40                     unattended: exit 0 only if everything came back from the broker
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.verb(arguments)
        sys.stdout.flush()
    except ExitError as error:
        print(error.message, file=sys.stderr)
        return error.code
    except BrokenPipeError:
        # The reader has seen enough. Python would still flush standard output at exit, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twinned",
        description="A digital-twin agent for the edge: sensor messages in; states, forecasts and alarms out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"twinned {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str, act: Callable[[argparse.Namespace], int], text: str, epilog: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(
            name,
            help=text[0].lower() + text[1:-1],
            description=text,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.set_defaults(verb=act)
        return verb

    _add_config(add("check", _check, "Check a configuration and say what it means.", _CHECK))
    _add_config(add("run", _run, "Run the agent.", _RUN))
    schema = add("schema", _schema, "Print the JSON Schema of the configuration, or of what is published.", _SCHEMA)
    which = schema.add_mutually_exclusive_group()
    which.add_argument("--messages", action="store_true", help="of the published messages instead")
    which.add_argument("--topics", action="store_true", help="the table of topics instead")
    explain = add(
        "explain", _explain, "Ask a running agent why an asset has its alarms, and what would end them.", _EXPLAIN
    )
    explain.add_argument("asset", metavar="ASSET", help="name of the asset")
    _add_asking(explain)
    explain.add_argument("--json", dest="as_json", action="store_true", help="the answer as JSON, for programs")
    alarms = add("alarms", _alarms, "List the alarms of a running agent that are not normal.", _ALARMS)
    alarms.add_argument("--state", metavar="STATE", action="append", default=[], help="only in this state; repeatable")
    alarms.add_argument("--asset", metavar="ASSET", help="all alarms of this asset")
    alarms.add_argument("--json", dest="as_json", action="store_true", help="a JSON object a line, for programs")
    _add_asking(alarms)
    alarm = add("alarm", _alarm, "Acknowledge, shelve, disable or reset an alarm of a running agent.", _ALARM)
    alarm.add_argument("deed", metavar="DEED", choices=DEEDS, help=f"{', '.join(DEEDS[:-1])} or {DEEDS[-1]}")
    alarm.add_argument("asset", metavar="ASSET", help="name of the asset")
    alarm.add_argument("alarm", metavar="ALARM", nargs="?", default="*", help="name of the alarm (default: all)")
    alarm.add_argument("--for", dest="for", metavar="DURATION", help="how long it is shelved, such as 8h")
    alarm.add_argument("--by", metavar="NAME", help="who does it; kept and published")
    alarm.add_argument("--comment", metavar="WORDS", help="why; kept and published")
    _add_asking(alarm)
    replay = add("replay", _replay, "Play a recording through the twins, without a broker.", _REPLAY)
    _add_config(replay)
    replay.add_argument("recording", nargs="?", metavar="RECORDING", help="file of JSON lines; - is standard input")
    replay.add_argument("--out", metavar="FILE", help="write what would be published here, as JSON lines")
    replay.add_argument("--trace", metavar="FILE", help="write one CSV row per reading here: expected, surprise, alarm")
    table = replay.add_argument_group("a CSV file instead of a recording")
    table.add_argument("--csv", metavar="FILE", help="rows of readings under a header; - is standard input")
    table.add_argument("--asset", help="name of the asset that the rows are of")
    table.add_argument("--time", metavar="COLUMN", help="column of the time")
    table.add_argument("--delimiter", default=",", metavar="CHAR", help="between the cells (default a comma)")
    demo = add("demo", _demo, "See it work: a broker, a plant with a fault, the agent, and what comes of it.", _DEMO)
    demo.add_argument("--seconds", type=_seconds, metavar="N", help="end after this many seconds with a verdict")
    demo.add_argument("--broker", choices=("auto", "mosquitto", "amqtt"), default="auto", help=argparse.SUPPRESS)
    return parser


def _add_asking(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--url", metavar="URL", help="where the agent answers, instead of the configuration's `http`")
    _add_config(verb)


def _add_config(verb: argparse.ArgumentParser) -> None:
    default = os.environ.get("TWINNED_CONFIG") or DEFAULT_CONFIG
    verb.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=default,
        help=f"configuration (default: $TWINNED_CONFIG, or {DEFAULT_CONFIG})",
    )
    verb.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        type=_override,
        default=[],
        help="set one value, such as mqtt.host=broker.local; as often as needed",
    )


def _override(raw: str) -> tuple[str, str]:
    key, equals, value = raw.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE such as mqtt.port=1884, got {raw!r}")
    return key, value


def _seconds(raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 1.0 <= value <= 86400.0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds from 1 to 86400, got {raw!r}")
    return value


def _check(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import check

    return check(arguments.config, arguments.overrides, os.environ, sys.stdout)


def _run(arguments: argparse.Namespace) -> int:
    from agent.shell.signals import Signals

    # Before anything slow is imported: until then a SIGHUP would kill the process.
    signals = Signals()
    signals.install()
    try:
        from agent.shell.commands import run

        return run(arguments.config, arguments.overrides, os.environ, sys.stderr, signals)
    finally:
        signals.close()


def _schema(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import schema

    return schema("messages" if arguments.messages else "topics" if arguments.topics else "configuration", sys.stdout)


def _explain(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import explain

    return explain(
        arguments.config,
        arguments.overrides,
        os.environ,
        asset=arguments.asset,
        url=arguments.url,
        as_json=arguments.as_json,
        out=sys.stdout,
    )


def _alarms(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import alarms

    return alarms(
        arguments.config,
        arguments.overrides,
        os.environ,
        url=arguments.url,
        states=arguments.state,
        asset=arguments.asset,
        as_json=arguments.as_json,
        out=sys.stdout,
    )


def _alarm(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import act

    given = vars(arguments)
    return act(
        arguments.config,
        arguments.overrides,
        os.environ,
        url=arguments.url,
        verb=arguments.deed,
        asset=arguments.asset,
        alarm=arguments.alarm,
        words={key: given[key] for key in ("for", "by", "comment") if given[key] is not None},
        out=sys.stdout,
    )


def _replay(arguments: argparse.Namespace) -> int:
    from agent.shell.commands import Table, replay

    if (arguments.recording is None) == (arguments.csv is None):
        raise ExitError(Exit.CONFIG, "twinned replay: expected either a recording or --csv FILE (see --help)")
    table = None
    if arguments.csv is not None:
        missing = [f"--{name}" for name in ("asset", "time") if getattr(arguments, name) is None]
        if missing:
            raise ExitError(Exit.CONFIG, f"twinned replay: --csv also needs {' and '.join(missing)} (see --help)")
        table = Table(arguments.csv, arguments.asset, arguments.time, arguments.delimiter)
    return replay(
        arguments.config,
        arguments.overrides,
        os.environ,
        recording=arguments.recording,
        table=table,
        out=arguments.out,
        trace=arguments.trace,
        tell=sys.stderr,
    )


def _demo(arguments: argparse.Namespace) -> int:
    from agent.demo.demo import demo

    return demo(arguments.seconds, broker=arguments.broker)


if __name__ == "__main__":
    raise SystemExit(main())
