"""What each verb of the command line does, given everything it needs; argument parsing is `agent.cli`'s.

Whatever is wrong becomes an `ExitError` with the lines to show and the code to end with.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, TextIO

from agent.config import Config
from agent.configfile import CredentialError, Secrets, load, secrets
from agent.shell.exits import Exit, ExitError
from agent.validate import ConfigErrors

if TYPE_CHECKING:
    from agent.shell.replay import Summary
    from agent.shell.signals import Signals
    from agent.twins import Twins

Overrides = Sequence[tuple[str, str]]


def read_config(path: str, overrides: Overrides, environ: Mapping[str, str]) -> Config:
    """The configuration; raises ExitError with a line for each error."""
    try:
        return load(Path(path), overrides=overrides, environ=environ)
    except ConfigErrors as errors:
        missing = not os.access(path, os.R_OK)
        raise ExitError(Exit.ENVIRONMENT if missing else Exit.CONFIG, str(errors)) from None


def make_twins(config: Config, *, trace: bool = False) -> Twins:
    """The core for a configuration; raises ExitError."""
    from agent.build import PlanError
    from agent.shell.reload import plan_exit
    from agent.twins import Twins

    try:
        return Twins(config, trace=trace)
    except PlanError as error:
        raise plan_exit(error) from None


def credentials(config: Config, environ: Mapping[str, str]) -> Secrets:
    """What the broker is shown; raises ExitError with a line for each file of it that cannot be had."""
    lines = []
    tls = config.mqtt.tls
    for key in ("ca_file", "cert_file", "key_file") if tls is not None else ():
        path = getattr(tls, key)
        try:
            if path is not None:
                Path(path).open("rb").close()
        except OSError as error:
            lines.append(
                f"{path}: expected the PEM file of mqtt.tls.{key}, got {(error.strerror or str(error)).lower()}"
            )
    found = Secrets()
    try:
        found = secrets(config, environ)
    except CredentialError as error:
        lines.append(str(error))
    if lines:
        raise ExitError(Exit.ENVIRONMENT, "\n".join(lines))
    return found


def check(path: str, overrides: Overrides, environ: Mapping[str, str], out: TextIO) -> Exit:
    """`twinned check`."""
    from agent.shell.describe import describe

    config = read_config(path, overrides, environ)
    twins = make_twins(config)
    warnings = credentials(config, environ).warnings
    print(f"OK: {path}", *describe(config, twins), sep="\n", file=out)
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    return Exit.OK


def run(path: str, overrides: Overrides, environ: Mapping[str, str], stderr: TextIO, signals: Signals) -> Exit:
    """`twinned run`."""
    from agent.shell.service import Loaded, World
    from agent.shell.service import run as serve

    def loaded() -> Loaded:
        config = read_config(path, overrides, environ)
        found = credentials(config, environ)
        return Loaded(config, found.username, found.password, found.warnings)

    return serve(loaded, World(environ, stderr), signals)


def schema(what: Literal["configuration", "messages", "topics"], out: TextIO) -> Exit:
    """`twinned schema`."""
    if what == "topics":
        from agent.topictable import table

        print(table(), end="", file=out)
        return Exit.OK
    if what == "messages":
        from agent.encode import schemas

        value: object = schemas()
    else:
        from agent.schema import json_schema

        value = json_schema()
    print(json.dumps(value, indent=2, ensure_ascii=False), file=out)
    return Exit.OK


def explain(
    path: str,
    overrides: Overrides,
    environ: Mapping[str, str],
    *,
    asset: str,
    url: str | None,
    as_json: bool,
    out: TextIO,
) -> Exit:
    """`twinned explain`."""
    from agent.shell.explain import explain as show

    return show(_base(path, overrides, environ, url), asset, out, as_json=as_json)


def alarms(
    path: str,
    overrides: Overrides,
    environ: Mapping[str, str],
    *,
    url: str | None,
    states: Sequence[str],
    asset: str | None,
    as_json: bool,
    out: TextIO,
) -> Exit:
    """`twinned alarms`."""
    from agent.shell.alarms import show

    return show(_base(path, overrides, environ, url), states, asset, out, as_json=as_json)


def act(
    path: str,
    overrides: Overrides,
    environ: Mapping[str, str],
    *,
    url: str | None,
    verb: str,
    asset: str,
    alarm: str,
    words: Mapping[str, str],
    out: TextIO,
) -> Exit:
    """`twinned acknowledge` and its like."""
    from agent.shell.alarms import act as perform

    return perform(_base(path, overrides, environ, url), verb, asset, alarm, words, out)


def _base(path: str, overrides: Overrides, environ: Mapping[str, str], url: str | None) -> str:
    """Where the agent answers."""
    from agent.shell.asking import address

    return url if url is not None else address(read_config(path, overrides, environ).http)


class Table(NamedTuple):
    """A CSV file to replay, as the command line describes it."""

    path: str
    asset: str
    time: str
    delimiter: str


def replay(
    path: str,
    overrides: Overrides,
    environ: Mapping[str, str],
    *,
    recording: str | None,
    table: Table | None,
    out: str | None,
    trace: str | None,
    tell: TextIO,
) -> Exit:
    """`twinned replay`: of `recording`, or of `table` where that is given."""
    from agent.shell.replay import Summary

    config = read_config(path, overrides, environ)
    summary = Summary()
    try:
        with ExitStack() as files:
            twins = _play(files, config, summary, recording, table, out, trace)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExitError(Exit.TEMPORARY, f"replay stopped: {(error.strerror or str(error)).lower()}") from None
    print(*summary.lines(twins), sep="\n", file=tell)
    if summary.bad_lines and not summary.messages:
        raise ExitError(Exit.CONFIG, f"{recording}: expected JSON lines with topic, payload and received, got none")
    return Exit.OK


def _play(
    files: ExitStack,
    config: Config,
    summary: Summary,
    recording: str | None,
    table: Table | None,
    out: str | None,
    trace: str | None,
) -> Twins:
    from agent.shell.recording import ColumnError, CsvSource, json_lines
    from agent.shell.replay import Player, PublicationLines, replay_csv, replay_records
    from agent.shell.trace import Trace

    source = None
    if table is not None:
        _check_table(table)
        rows = _text(files, table.path, "r")
        try:
            source = CsvSource(rows, config, asset=table.asset, time=table.time, delimiter=table.delimiter)
        except ColumnError as error:
            raise ExitError(Exit.CONFIG, f"{table.path}: {error}") from None
        config = source.config
    twins = make_twins(config, trace=trace is not None)
    lines = None if recording is None else _bytes(files, recording, "rb")
    publish = None if out is None else PublicationLines(_bytes(files, out, "wb"))
    traced = None if trace is None else Trace(_text(files, trace, "w"))
    player = Player(twins, summary, publish)
    if source is not None and table is not None:
        replay_csv(source, table.asset, player, traced)
    elif lines is not None:
        replay_records(json_lines(lines), player, traced)
    return twins


def _check_table(table: Table) -> None:
    if len(table.delimiter) != 1 or table.delimiter in '"\r\n':
        raise ExitError(Exit.CONFIG, f"--delimiter: expected one character such as , or ;, got {table.delimiter!r}")
    bad = next((c for c in table.asset if c in "/+#\0"), None)
    if not table.asset or bad is not None or len(table.asset.encode()) > 1024:
        got = repr(table.asset[:60])
        raise ExitError(Exit.CONFIG, f"--asset: expected a name that can be one topic level, without / + #, got {got}")


def _text(files: ExitStack, path: str, mode: Literal["r", "w"]) -> TextIO:
    """A CSV file, or standard input or output for `-`; raises ExitError when it cannot be had."""
    if path == "-":
        return sys.stdin if mode == "r" else sys.stdout
    encoding = "utf-8-sig" if mode == "r" else "utf-8"
    with _explained(path):
        return files.enter_context(Path(path).open(mode, encoding=encoding, errors="surrogateescape", newline=""))


def _bytes(files: ExitStack, path: str, mode: Literal["rb", "wb"]) -> BinaryIO:
    """As `_text`, for JSON lines."""
    if path == "-":
        return sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
    with _explained(path):
        return files.enter_context(Path(path).open(mode))


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExitError(Exit.ENVIRONMENT, f"{path}: {(error.strerror or str(error)).lower()}") from None
