"""The log: one line per event on standard error, and repeats held back.

A small logger that is passed to whoever speaks, rather than a global one. Nothing here knows what is worth saying.
Text that came with a message from outside is escaped, so that a payload can neither forge a line nor drive a terminal.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Literal, TextIO

import msgspec

LEVELS = ("debug", "info", "warning", "error")
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "text", "json"]

MAX_VALUE = 1000  # characters of one field; a traceback may be longer
MAX_TRACEBACK = 8000
MAX_KEYS = 256

# syslog priorities, as journald reads them at the start of a line
_PRIORITY = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}
_COLOUR = {"debug": "\x1b[2m", "info": "", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET = "\x1b[0m"


class _Repeats:
    """What is remembered of an event that may come again."""

    __slots__ = ("event", "fields", "held", "level", "until")

    def __init__(self, until: float, level: Level, event: str, fields: Mapping[str, object]) -> None:
        self.until = until
        self.level: Level = level
        self.event = event
        self.fields = fields
        self.held = 0


class Logger:
    """Writes events. `monotonic` spaces repeats, `now` stamps lines (UTC seconds).

    An event is told apart from others by its words and by `key`; the same one is written once in `repeat_interval`,
    and `sweep` tells how often it came meanwhile. At most `MAX_KEYS` are told apart at a time; beyond that events are
    told apart by their words alone. Any thread may call it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        environ: Mapping[str, str],
        monotonic: Callable[[], float],
        now: Callable[[], float],
        level: Level = "info",
        format: Format = "auto",
        repeat_interval: float = 60.0,
    ) -> None:
        self._stream = stream
        self._environ = environ
        self._monotonic = monotonic
        self._now = now
        self._lock = Lock()
        self._repeats: dict[tuple[object, ...], _Repeats] = {}
        self._secrets: tuple[str, ...] = ()
        self.lines = dict.fromkeys(LEVELS, 0)
        self.suppressed = 0
        self.configure(level, format, repeat_interval)

    def configure(self, level: Level, format: Format, repeat_interval: float) -> None:
        """Change how it writes; also while running."""
        self._least = LEVELS.index(level)
        self._interval = repeat_interval
        terminal = _is_terminal(self._stream)
        systemd = not terminal and ("JOURNAL_STREAM" in self._environ or "INVOCATION_ID" in self._environ)
        self._json = format == "json" or (format == "auto" and systemd)
        self._priorities = _is_journal(self._stream, self._environ)
        self._colours = terminal and not self._json and "NO_COLOR" not in self._environ

    def hide(self, *secrets: str | None) -> None:
        """Texts that must never be written, whatever field they turn up in."""
        self._secrets = tuple(secret for secret in secrets if secret)

    def debug(self, event: str, *, key: object = None, **fields: object) -> None:
        self.log("debug", event, key, fields)

    def info(self, event: str, *, key: object = None, **fields: object) -> None:
        self.log("info", event, key, fields)

    def warning(self, event: str, *, key: object = None, **fields: object) -> None:
        self.log("warning", event, key, fields)

    def error(self, event: str, *, key: object = None, **fields: object) -> None:
        self.log("error", event, key, fields)

    def log(self, level: Level, event: str, key: object, fields: Mapping[str, object], times: int = 1) -> None:
        """Write the event, or hold it back as a repeat; `times` when it happened more often than once by now."""
        if LEVELS.index(level) < self._least:
            return
        with self._lock:
            if self._interval > 0 and self._is_held_back(level, event, key, fields, times):
                self.suppressed += times
            else:
                self._write(level, event, fields if times == 1 else {**fields, "times": times})

    def _is_held_back(self, level: Level, event: str, key: object, fields: Mapping[str, object], times: int) -> bool:
        whole = (level, event, key)
        repeats = self._repeats.get(whole)
        if repeats is None and len(self._repeats) >= MAX_KEYS:
            whole = (level, event, None)
            repeats = self._repeats.get(whole)
        time = self._monotonic()
        if repeats is not None:
            if time < repeats.until:
                repeats.held += times
                repeats.fields = fields
                return True
            if repeats.held:
                self._tell(repeats)
        if repeats is not None or len(self._repeats) < 2 * MAX_KEYS:
            self._repeats[whole] = _Repeats(time + self._interval, level, event, fields)
        return False

    def sweep(self, everything: bool = False) -> None:
        """Tell what was held back and is over; the loop calls it now and then, and at the end with `everything`."""
        time = self._monotonic()
        with self._lock:
            over = [(key, repeats) for key, repeats in self._repeats.items() if everything or repeats.until <= time]
            for key, repeats in over:
                del self._repeats[key]
                if repeats.held:
                    self._tell(repeats)

    def _tell(self, repeats: _Repeats) -> None:
        self._write(repeats.level, f"{repeats.event} (repeated)", {"times": repeats.held, **repeats.fields})

    def _write(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        line = self._as_json(level, event, fields) if self._json else self._as_text(level, event, fields)
        prefix = _PRIORITY[level] if self._priorities else ""
        self.lines[level] += 1
        try:
            self._stream.write(f"{prefix}{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody can be told that nobody listens; the twins go on

    def _as_text(self, level: Level, event: str, fields: Mapping[str, object]) -> str:
        words = [printable(self._text(event, MAX_VALUE))]
        for name, value in fields.items():
            text = printable(self._text(value, MAX_TRACEBACK if name == "traceback" else MAX_VALUE))
            if isinstance(value, (str, bytes)) and (not text or any(c in text for c in ' "=')):
                text = '"' + text.replace('"', '\\"') + '"'
            words.append(f"{name}={text}")
        body = " ".join(words)
        stamp = "" if self._priorities else rfc3339(self._now()) + " "
        if self._colours:
            return f"{_RESET}{stamp}{_COLOUR[level]}{level.upper():<7} {body}{_RESET}"
        return f"{stamp}{level.upper():<7} {body}"

    def _as_json(self, level: Level, event: str, fields: Mapping[str, object]) -> str:
        record: dict[str, object] = {"time": rfc3339(self._now()), "level": level}
        for name, value in {"event": event, **fields}.items():
            if value is None or isinstance(value, (bool, int, float)):
                record[name] = value
            else:
                # JSON escapes the ASCII control characters itself; escaping them twice would be unreadable.
                text = self._text(value, MAX_TRACEBACK if name == "traceback" else MAX_VALUE)
                record[name] = "".join(c if c < " " else printable(c) for c in text)
        return msgspec.json.encode(record).decode()

    def _text(self, value: object, limit: int) -> str:
        text = value[: 4 * limit].decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if len(text) <= limit else text[:limit] + "…"


def printable(text: str) -> str:
    """The text with everything escaped that is no visible character or plain space."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def rfc3339(time: float) -> str:
    """UTC with milliseconds; empty for a time that has no such form."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return ""


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False  # closed


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the very socket systemd connected to the journal, as `$JOURNAL_STREAM` names it."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, io.UnsupportedOperation):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
