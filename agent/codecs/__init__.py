"""Payload formats: what a codec is, and how one is found by name.

A codec turns the bytes of one payload into samples, and knows no topic, asset or clock. One file per format; a format
of your own is one file anywhere and one line, an entry point in the group `twinned.codecs` or `module:attribute` in
the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol, cast

from agent.config import Payload, Time
from agent.types import Columns, Decoded

GROUP = "twinned.codecs"


class Codec(Protocol):
    """Reads payloads of one format. Pure: the same bytes give the same result, whatever came before."""

    def decode(self, payload: bytes) -> Decoded:
        """The samples in a payload, and what had to be left out of it.

        Any bytes give a result or a `DecodeError`, and no other exception. DecodeError: no part could be read.
        """
        ...

    def columns(self, payloads: Sequence[bytes]) -> Columns | None:
        """The same as `decode` of each, for a batch in which every payload is one sample without errors, quickly.

        None when any payload is otherwise: then each is decoded on its own. A codec that has no fast way, which is
        what a class derived from this one starts with, always answers None.
        """
        return None


Builder = Callable[[Payload, Time, Sequence[str]], Codec]

BUILT_IN = {
    "json": "agent.codecs.json:JsonCodec",
    "number": "agent.codecs.number:NumberCodec",
    "csv": "agent.codecs.csv:CsvCodec",
}


def build(payload: Payload, time: Time, fields: Sequence[str]) -> Codec:
    """The codec for an asset block; `fields` are the paths of the values, in the order of a sample's values.

    Raises ValueError that says what was expected, what was found and what to do.
    """
    if not fields:
        raise ValueError("expected at least one field to read, got none; hint: a block has at least one channel")
    if payload.sequence is not None and payload.format == "number":
        raise ValueError(
            "expected no `sequence` with `format: number`, whose payload is the value alone; hint: json or csv"
        )
    builder = _builder(payload.format)
    try:
        codec = builder(payload, time, fields)
    except TypeError as error:
        raise ValueError(
            f"expected a codec at {payload.format!r}, got: {error}; hint: it is called with (payload, time, fields)"
        ) from error
    for verb in ("decode", "columns"):
        if not callable(getattr(codec, verb, None)):
            raise ValueError(
                f"expected a codec with decode and columns from {payload.format!r}, got {type(codec).__name__} "
                f"without {verb}; hint: derive it from agent.codecs.Codec"
            )
    return codec


def _builder(name: str) -> Builder:
    target = BUILT_IN.get(name, name if ":" in name else None)
    found: object
    if target is not None:
        module, _, attribute = target.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"expected a codec at {name!r}, got: {error}; hint: module:attribute") from error
    else:
        found = _entry_point(name)
    if not callable(found):
        raise ValueError(
            f"expected a codec class or function at {name!r}, got {type(found).__name__}; "
            "hint: it is called with (payload, time, fields)"
        )
    return cast("Builder", found)


def _entry_point(name: str) -> object:
    from importlib.metadata import entry_points  # slow to import, and only plug-ins need it

    installed = entry_points(group=GROUP)
    for entry in installed:
        if entry.name == name:
            return entry.load()
    known = ", ".join([*BUILT_IN, *sorted(entry.name for entry in installed)])
    raise ValueError(
        f"expected a payload format ({known}), got {name!r}; hint: a codec of your own is module:attribute"
    )
