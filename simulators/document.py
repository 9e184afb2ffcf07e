"""YAML text to plain values, remembering where each of them stood, and checks that collect every error.

Nothing here knows what a scenario is. Scalars are read by one small rule instead of YAML 1.1's many: null, true,
false, decimal numbers; everything else is text. So `no`, `on` and 1:30 mean what they look like.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import yaml

T = TypeVar("T")
D = TypeVar("D")
Path = tuple[str | int, ...]
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)\s*")
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_NODES = 100_000


class ScenarioError(ValueError):
    """A scenario that cannot be run: `errors` has one line for each thing that is wrong with it."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class Mismatch(ValueError):  # noqa: N818 - it is turned into an error with a place before anyone sees it
    """A value that is not what was expected; raised by the parsers below, placed by `Section`."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


@dataclass
class Findings:
    """The errors found so far, and where in the text each value stood."""

    name: str
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _found: list[tuple[tuple[int, int], str]] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """One line each, in the order of the text."""
        return [line for _, line in sorted(self._found, key=lambda found: found[0])]

    def add(self, path: Path, what: str, hint: str = "", mark: tuple[int, int] | None = None) -> None:
        mark = mark or self.marks.get(path, (0, 0))
        place = f"{self.name}:{mark[0]}:{mark[1]}" if mark[0] else self.name
        dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        self._found.append((mark, f"{place}: {dotted + ': ' if dotted else ''}{what}{f' ({hint})' if hint else ''}"))

    def mismatch(self, path: Path, expected: str, got: object, hint: str = "") -> None:
        self.add(path, f"expected {expected}, got {_shown(got)}", hint)

    def raise_any(self) -> None:
        if self.errors:
            raise ScenarioError(self.errors)


@dataclass
class Section:
    """A mapping whose keys are known; what is wrong with it goes into the findings."""

    findings: Findings
    path: Path
    values: Mapping[str, object]
    is_mapping: bool = True

    @classmethod
    def of(cls, findings: Findings, path: Path, raw: object, keys: Collection[str]) -> Section:
        if not isinstance(raw, Mapping):
            findings.mismatch(path, f"a mapping with the keys {', '.join(keys)}", raw)
            return cls(findings, path, {}, is_mapping=False)
        for key in raw:
            if key not in keys:
                close = difflib.get_close_matches(str(key), keys, n=1)
                hint = f"did you mean {close[0]!r}?" if close else ""
                findings.add((*path, key), f"unknown key, expected one of {', '.join(keys)}", hint)
        return cls(findings, path, raw)

    def take(self, key: str, parse: Callable[[object], T], default: D, *, required: bool = False) -> T | D:
        """The parsed value of `key`; the default where it is left out, and where it is wrong."""
        if key not in self.values:
            if required and self.is_mapping:
                self.findings.add(self.path, f"the key {key!r} is missing")
            return default
        raw = self.values[key]
        try:
            return parse(raw)
        except Mismatch as error:
            self.findings.mismatch((*self.path, key), error.expected, raw, error.hint)
            return default

    def items(self, key: str) -> list[tuple[Path, object]]:
        """The elements of the list at `key` with their paths."""
        raw = self.values.get(key, [])
        if not isinstance(raw, list):
            self.findings.mismatch((*self.path, key), "a list", raw)
            return []
        return [((*self.path, key, i), item) for i, item in enumerate(raw)]


def parse_yaml(text: str, findings: Findings) -> object:
    """The plain values of a YAML document; raises ScenarioError where it is none.

    Marks go into the findings, and so does a key that stands twice.
    """
    try:
        return _plain(yaml.compose(text, Loader=yaml.SafeLoader), (), findings)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            findings.marks[()] = (mark.line + 1, mark.column + 1)
        findings.add((), f"not YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:
        findings.add((), f"not YAML: {error}".splitlines()[0])
    except (OverflowError, RecursionError):
        findings.marks.clear()
        findings.add((), f"expected at most {_MOST_NODES} values, none inside itself")
    raise ScenarioError(findings.errors)


def _plain(node: yaml.Node | None, path: Path, findings: Findings) -> object:
    if node is None:
        return None
    if len(findings.marks) > _MOST_NODES:
        raise OverflowError
    findings.marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), findings) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            where: Path = (*path, key)
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in values:
                findings.add(where, "the key stands here a second time", mark=mark)
                continue
            values[key] = _plain(value_node, where, findings)
            findings.marks[where] = mark
        return values
    text = str(node.value)
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return _scalar(text) if plain else text


def _scalar(text: str) -> object:
    constants = {"": None, "~": None, "null": None, "true": True, "false": False}
    if text in constants:
        return constants[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def optional(parse: Callable[[object], T]) -> Callable[[object], T | None]:
    """Parser that lets null through."""
    return lambda raw: None if raw is None else parse(raw)


def number(low: float, high: float, unit: str = "") -> Callable[[object], float]:
    """Parser of a finite number within bounds."""
    words = f"a number{f' in {unit}' if unit not in ('', '1') else ''}"
    if low > -1e300 and high < 1e300:
        words += f" from {low:g} to {high:g}"
    elif low > -1e300:
        words += f" of at least {low:g}" if not unit else f", at least {low:g}"

    def parse(raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not max(low, -1e300) <= raw <= min(high, 1e300):
            raise Mismatch(words)
        return float(raw)

    return parse


def integer(low: int, high: int) -> Callable[[object], int]:
    """Parser of a whole number within bounds."""

    def parse(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise Mismatch(f"a whole number from {low} to {high}")
        return raw

    return parse


def text(raw: object) -> str:
    """Parser of text that is not empty."""
    if not isinstance(raw, str) or not raw:
        raise Mismatch("text")
    return raw


def choice(options: Collection[str]) -> Callable[[object], str]:
    """Parser of one word out of several."""

    def parse(raw: object) -> str:
        if raw not in options:
            close = difflib.get_close_matches(str(raw), options, n=1)
            raise Mismatch(f"one of {', '.join(options)}", f"did you mean {close[0]!r}?" if close else "")
        return str(raw)

    return parse


def duration(low: float = 0.0) -> Callable[[object], float]:
    """Parser of seconds: a number, or a number with its unit."""

    def parse(raw: object) -> float:
        seconds = -1.0
        if isinstance(raw, str) and (match := _DURATION.fullmatch(raw)):
            seconds = float(match[1]) * _SECONDS[match[2]]
        elif isinstance(raw, int | float) and not isinstance(raw, bool):
            seconds = float(raw)
        if not low <= seconds <= 1e9:
            least = f" of at least {low:g} s" if low else ""
            raise Mismatch(f"a duration{least} such as 500ms, 10s, 5min, 2h or 7d, or a number of seconds")
        return seconds

    return parse


def moment(raw: object) -> float:
    """Parser of UTC seconds: epoch seconds, or RFC 3339 with its offset; rounded to the millisecond."""
    seconds = -1.0
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        seconds = float(raw)
    elif isinstance(raw, str):
        try:
            parsed = datetime.fromisoformat(raw)
        except ValueError:
            parsed = None
        if parsed is not None and parsed.tzinfo is not None:
            seconds = parsed.timestamp()
    if not 0.0 <= seconds <= 2.5e11:
        raise Mismatch("a time such as 2026-01-31T06:00:00Z, epoch seconds, or now")
    return round(seconds, 3)
