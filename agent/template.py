"""Many messages of one shape at once: the constant text between the numbers is cut out of one message and reused.

A template is learned from the very function that writes one message, by giving it values that are easily found again,
so that it cannot differ from it. Nothing here knows what the messages say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(str).decode
_END = b"\0"  # between messages: never part of JSON, where it is escaped, nor of a topic
_TRIES = 8  # different sets of values that are easily found, should a name look like one of them


class Template(NamedTuple):
    """The text of a message around its values."""

    fragments: tuple[bytes, ...]  # one more than there are values; the last one ends with the mark
    text: int  # position among the values of the one that is text
    order: tuple[int, ...]  # which number stands at each position, the text left out

    def fill(self, texts: Sequence[bytes], numbers: Sequence[float]) -> list[bytes]:
        """A message for each text; numbers: all of the first number, then all of the second, and so on."""
        count = len(texts)
        written = _ENCODE(numbers)[1:-1].split(b",")
        width = 2 * len(self.fragments) - 1
        one = [b""] * width
        one[::2] = self.fragments
        pieces = one * count
        pieces[2 * self.text + 1 :: width] = texts
        places = [k for k in range(len(self.fragments) - 1) if k != self.text]
        for place, number in zip(places, self.order, strict=True):
            pieces[2 * place + 1 :: width] = written[number * count : (number + 1) * count]
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
        fragments.append(rest + _END)
        return Template(tuple(fragments), places.index(numbers), tuple(k for k in places if k != numbers))
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
    return (before + (after + _END + before).join(middles) + after).split(_END) if middles else []
