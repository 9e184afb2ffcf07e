"""Many messages of one shape at once: the constant text between the numbers is cut out of one message and reused.

A template is learned from the very function that writes one message, by giving it values that are easily found again,
so that it cannot differ from it. Nothing here knows what the messages say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from agent import native

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(str).decode
_END = b"\0"  # between messages: never part of JSON, where it is escaped, nor of a topic
_TRIES = 8  # different sets of values that are easily found, should a name look like one of them


class Template(NamedTuple):
    """The text of a message around its values."""

    fragments: tuple[bytes, ...]  # one more than there are values
    columns: tuple[int, ...]  # which number stands at each place; -1: the text

    def fill(self, texts: Sequence[bytes], numbers: Sequence[float]) -> list[bytes]:
        """A message for each text; numbers: all of the first number, then all of the second, and so on."""
        return _woven(self.fragments, self.columns, texts, _ENCODE(numbers)[1:-1])


def _woven(
    fragments: tuple[bytes, ...], columns: tuple[int, ...], texts: Sequence[bytes], written: bytes
) -> list[bytes]:
    """A message for each text: fragments with the text, or one of its numbers, between each two. written: the numbers of
    all, column by column, with commas between."""
    if native.MACHINE is not None:
        woven: list[bytes] = native.MACHINE.weave(fragments, columns, texts, written)
        return woven
    count = len(texts)
    numbers = written.split(b",")
    width = 2 * len(fragments) - 1
    one = [b""] * width
    one[::2] = *fragments[:-1], fragments[-1] + _END
    pieces = one * count
    for place, column in enumerate(columns):
        pieces[2 * place + 1 :: width] = texts if column < 0 else numbers[column * count : (column + 1) * count]
    messages = b"".join(pieces).split(_END)
    del messages[-1]
    return messages


def learn(write: Callable[[str, list[float]], bytes], numbers: int) -> Template | None:
    """The template of what `write` makes of a text and that many numbers; None where it shows one not exactly once."""
    for attempt in range(_TRIES):
        text = f"text{attempt}found"
        values = [1.5e200 + (attempt * numbers + k) * 1e190 for k in range(numbers)]
        sample = write(text, values)
        marks = [_ENCODE(value) for value in values] + [text.encode()]
        if _END in sample or any(sample.count(mark) != 1 for mark in marks):
            continue
        places = sorted(range(len(marks)), key=lambda k: sample.index(marks[k]))
        fragments, rest = [], sample
        for k in places:
            fragment, rest = rest.split(marks[k])
            fragments.append(fragment)
        fragments.append(rest)
        return Template(tuple(fragments), tuple(-1 if k == numbers else k for k in places))
    return None


def quoted(text: str) -> bytes:
    """The text as it stands between the quotes of JSON."""
    return _ENCODE(text)[1:-1]


def unquoted(quoted: bytes) -> str:
    """The text that stands between quotes of JSON like this."""
    text: str = _DECODE(b'"' + quoted + b'"')
    return text


def joined(before: bytes, middles: Sequence[bytes], after: bytes) -> list[bytes]:
    """Each of the texts with the same before and after it; none of them holds NUL."""
    return _woven((before, after), (-1,), middles, b"")
