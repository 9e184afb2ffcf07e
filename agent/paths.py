"""Paths to a value inside a payload: `a.b[0].c`, or the JSON pointer `/a/b/0/c` (RFC 6901) for keys with dots in them.

A path is a tuple of keys and indexes. Which payload it is used on, and what the value must be, is not known here.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

MAX_LENGTH = 1024
MAX_STEPS = 100  # no deeper than a payload may be

_STEP = re.compile(r"([^.\[\]]+)|\[(0|[1-9][0-9]{0,8})\]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BEYOND = 10**9  # no array is that long
_STRAY_TILDE = re.compile(r"~(?![01])")


def parse(text: str) -> Path:
    """Read a path; raises ValueError that says what was expected, what was found and what to do."""
    if not text:
        raise ValueError("expected a path, got an empty one; hint: temperature, a.b[0].c or /a/b/0/c")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"expected a path of at most {MAX_LENGTH} characters, got {len(text)}")
    path = _pointer(text) if text.startswith("/") else _dotted(text)
    if len(path) > MAX_STEPS:
        raise ValueError(f"expected a path of at most {MAX_STEPS} steps, got {len(path)}")
    return path


def get(document: object, path: Path) -> object:
    """The value at a path; None where there is none, which is also what a null is."""
    for step in path:
        if type(document) is dict:
            document = document.get(step)
        elif type(document) is list:
            # A step of a pointer may mean a key or an index, RFC 6901 section 4: the payload decides.
            index = step if type(step) is int else _index(str(step))
            document = document[index] if index < len(document) else None
        else:
            return None
    return document


def _pointer(text: str) -> Path:
    if (stray := _STRAY_TILDE.search(text)) is not None:
        raise ValueError(
            f"expected ~0 (for ~) or ~1 (for /) in a JSON pointer, got {text[stray.start() : stray.start() + 2]!r} "
            f"in {text!r}; hint: write ~ as ~0"
        )
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def _index(step: str) -> int:
    return int(step) if _INDEX.fullmatch(step) is not None else _BEYOND


def _dotted(text: str) -> Path:
    path: list[str | int] = []
    position = 0
    while True:
        step = _STEP.match(text, position)
        if step is None or (step[2] is not None and text[position - 1 : position] == "."):
            raise ValueError(
                f"expected a key or an index such as [0] at character {position + 1} of {text!r}, got "
                f"{text[position : position + 1]!r}; hint: a key with a dot or bracket in it needs a JSON pointer, /a.b"
            )
        path.append(step[1] if step[2] is None else int(step[2]))
        position = step.end()
        if position == len(text):
            return tuple(path)
        if text[position] == ".":
            position += 1
        elif text[position] != "[":
            raise ValueError(
                f"expected . or [ at character {position + 1} of {text!r}, got {text[position]!r}; "
                "hint: a key with a dot or bracket in it needs a JSON pointer, /a.b"
            )
