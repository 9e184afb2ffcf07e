"""The log: a line per event, repeats held back, nothing from outside that could forge a line or drive a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.shell.logs import MAX_KEYS, Format, Level, Logger


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def logger(
    stream: io.TextIOBase,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    level: Level = "debug",
    format: Format = "text",
    repeat_interval: float = 60.0,
) -> Logger:
    return Logger(
        stream,  # type: ignore[arg-type]  # StringIO is a TextIO in all that matters
        environ=environ or {},
        monotonic=clock or Clock(),
        now=lambda: 1_700_000_000.25,
        level=level,
        format=format,
        repeat_interval=repeat_interval,
    )


def test_an_event_is_one_line_with_its_time_level_words_and_fields() -> None:
    out = io.StringIO()
    logger(out).warning("message rejected", topic="a/b", reason="malformed", detail="not JSON", size=12, rate=0.5)
    assert out.getvalue() == (
        '2023-11-14T22:13:20.250Z WARNING message rejected topic=a/b reason=malformed detail="not JSON" '
        "size=12 rate=0.5\n"
    )


def test_json_lines_carry_the_same_and_keep_numbers_as_numbers() -> None:
    out = io.StringIO()
    logger(out, format="json").error("broker lost", host="b", attempts=3, wait=1.5, final=False, cause=None)
    assert json.loads(out.getvalue()) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "error",
        "event": "broker lost",
        "host": "b",
        "attempts": 3,
        "wait": 1.5,
        "final": False,
        "cause": None,
    }


def test_events_below_the_level_are_not_written() -> None:
    out = io.StringIO()
    log = logger(out, level="warning")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.configure("debug", "text", 60)
    log.debug("d")
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["c", "d"]
    assert log.lines == {"debug": 1, "info": 0, "warning": 1, "error": 0}


def test_a_repeat_is_held_back_and_told_once_with_its_number_when_the_interval_is_over() -> None:
    out, clock = io.StringIO(), Clock()
    log = logger(out, clock=clock)
    for number in range(1000):
        log.warning("message rejected", key="malformed", topic=f"t{number}")
    assert len(out.getvalue().splitlines()) == 1
    assert log.suppressed == 999
    clock.time += 59.9
    log.sweep()
    assert len(out.getvalue().splitlines()) == 1
    clock.time += 0.2
    log.sweep()
    log.sweep()
    assert out.getvalue().splitlines()[1:] == [
        "2023-11-14T22:13:20.250Z WARNING message rejected (repeated) times=999 topic=t999"
    ]


def test_a_repeat_after_the_interval_is_written_after_what_was_held_back_before_it() -> None:
    out, clock = io.StringIO(), Clock()
    log = logger(out, clock=clock)
    log.info("up", n=1)
    log.info("up", n=2)
    clock.time += 61
    log.info("up", n=3)
    assert [line.partition("INFO    ")[2] for line in out.getvalue().splitlines()] == [
        "up n=1",
        "up (repeated) times=1 n=2",
        "up n=3",
    ]


def test_different_keys_are_different_events() -> None:
    out = io.StringIO()
    log = logger(out)
    log.warning("message rejected", key="late")
    log.warning("message rejected", key="malformed")
    assert len(out.getvalue().splitlines()) == 2


def test_at_the_end_everything_held_back_is_told() -> None:
    out = io.StringIO()
    log = logger(out)
    log.info("up")
    log.info("up")
    log.sweep(everything=True)
    assert "times=1" in out.getvalue()


def test_without_a_repeat_interval_every_event_is_written() -> None:
    out = io.StringIO()
    log = logger(out, repeat_interval=0)
    for _ in range(5):
        log.info("up")
    assert len(out.getvalue().splitlines()) == 5


def test_more_keys_than_the_table_holds_write_no_more_than_the_table_holds() -> None:
    out, clock = io.StringIO(), Clock()
    log = logger(out, clock=clock)
    for number in range(20 * MAX_KEYS):
        log.warning("message rejected", key=number)
    assert len(out.getvalue().splitlines()) == MAX_KEYS + 1
    clock.time += 61
    log.sweep()
    assert len(out.getvalue().splitlines()) == MAX_KEYS + 2  # one line tells of all that shared the last place
    assert f"times={19 * MAX_KEYS - 1}" in out.getvalue()


@given(st.text(), st.text() | st.binary())
def test_no_text_from_outside_makes_a_second_line_or_an_unprintable_character(event: str, value: str | bytes) -> None:
    out = io.StringIO()
    logger(out).info("rejected", topic=value, detail=event)
    line = out.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()


@given(st.text() | st.binary())
def test_any_text_from_outside_makes_one_valid_json_line(value: str | bytes) -> None:
    out = io.StringIO()
    logger(out, format="json").info("rejected", topic=value)
    assert out.getvalue().count("\n") == 1
    assert out.getvalue()[:-1].isprintable()
    assert set(json.loads(out.getvalue())) == {"time", "level", "event", "topic"}


def test_a_quoted_value_cannot_end_its_own_quotes() -> None:
    out = io.StringIO()
    logger(out).info("rejected", topic='x" level=error event="forged')
    assert 'topic="x\\" level=error event=\\"forged"' in out.getvalue()


def test_a_long_value_is_cut() -> None:
    out = io.StringIO()
    logger(out).info("rejected", topic=b"x" * 10**6)
    assert len(out.getvalue()) < 1200


def test_a_traceback_is_one_line_too() -> None:
    out = io.StringIO()
    logger(out).error("internal error", traceback="Traceback:\n  File x\nValueError: y")
    assert out.getvalue().count("\n") == 1
    assert "Traceback:\\n  File x\\nValueError: y" in out.getvalue()


@pytest.mark.parametrize("format", ["text", "json"])
@given(secret=st.text(alphabet=st.characters(codec="utf-8"), min_size=6))
def test_a_secret_is_never_written_whatever_field_it_is_in(format: Format, secret: str) -> None:
    out = io.StringIO()
    log = logger(out, format=format)
    log.hide(secret, None)
    log.info("login", password=secret, note=f"tried {secret} twice", error=ValueError(secret))
    assert out.getvalue().count("***") == 3
    plain = logger(io.StringIO(), format=format)
    plain.info("login", password="***", note="tried *** twice", error="***")  # the line as if it had no secret at all
    assert re.sub(r'"\*\*\*"|\*\*\*', "*", out.getvalue()) == re.sub(
        r'"\*\*\*"|\*\*\*',
        "*",
        plain._stream.getvalue(),  # type: ignore[attr-defined]
    )


def test_under_the_journal_lines_carry_a_priority_and_are_json(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        log = logger(
            stream, environ={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}", "INVOCATION_ID": "1"}, format="auto"
        )
        log.error("broken")
        log.info("mended")
        stream.seek(0)
        first, second = stream.read().splitlines()
    assert first.startswith('<3>{"time"')
    assert second.startswith('<6>{"time"')


def test_a_redirected_unit_gets_json_without_priorities(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        logger(stream, environ={"JOURNAL_STREAM": "1:1", "INVOCATION_ID": "1"}, format="auto").info("up")
        stream.seek(0)
        assert json.loads(stream.read())["event"] == "up"


def test_a_terminal_gets_text_in_colour_unless_it_asks_for_none() -> None:
    for environ, coloured in (({"INVOCATION_ID": "1"}, True), ({"NO_COLOR": "1"}, False)):
        parent, child = pty.openpty()
        with os.fdopen(child, "w") as stream:
            logger(stream, environ=environ, format="auto").error("broken")
            text = os.read(parent, 4096).decode()
        os.close(parent)
        assert ("\x1b[31m" in text) is coloured
        assert "ERROR   broken" in text


def test_a_pipe_gets_plain_text() -> None:
    out = io.StringIO()
    logger(out, format="auto").error("broken")
    assert out.getvalue() == "2023-11-14T22:13:20.250Z ERROR   broken\n"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    log = logger(stream)
    log.error("broken")
    log.error("pipe")
    assert log.lines["error"] == 2
    with pytest.raises(BrokenPipeError):
        stream.close()
    log.error("closed")


def test_lines_of_several_threads_do_not_mix() -> None:
    out = io.StringIO()
    log = logger(out, repeat_interval=0)

    def speak() -> None:
        for _ in range(200):
            log.info("x" * 50)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line.partition("INFO    ")[2] for line in out.getvalue().splitlines()} == {"x" * 50}
    assert log.lines["info"] == 800
