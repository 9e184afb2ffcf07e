"""A payload that is nothing but a number, `21.5`: one value, at the time of its arrival."""

from __future__ import annotations

from collections.abc import Sequence

from agent.codecs import Codec
from agent.config import Payload, Time
from agent.types import Columns, Decoded, DecodeError, Reason, Sample
from agent.values import LIMIT, number, numeric, shown

# float() also reads nan, inf, digits of other scripts and underscores; none of them is made of these only
PLAIN = b"0123456789+-.eE \t\r\n"


class NumberCodec(Codec):
    """Reads one number written in ASCII, with or without space around it."""

    def __init__(self, payload: Payload, time: Time, fields: Sequence[str]) -> None:
        if len(fields) != 1:
            raise ValueError(
                f"expected one channel for `format: number`, got {len(fields)} ({', '.join(fields)}); "
                "hint: {channel} in the topic, or a topic for each channel"
            )
        if time.field not in (None, "arrival"):
            raise ValueError(
                f"expected no time field for `format: number`, got {time.field!r}; hint: a bare number counts at its arrival"
            )

    def decode(self, payload: bytes) -> Decoded:
        try:
            text = payload.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise DecodeError(Reason.MALFORMED, f"expected a number, got no UTF-8 at byte {error.start}") from None
        if not text:
            raise DecodeError(Reason.EMPTY, "expected a number, got an empty payload")
        if numeric(text) is None:
            raise DecodeError(Reason.MALFORMED, f"expected a number, got {shown(text)}")
        return Decoded([Sample(None, (number(text),))])

    def columns(self, payloads: Sequence[bytes]) -> Columns | None:
        values = plain_numbers(payloads)
        return None if not values else Columns([None] * len(values), [values])


def plain_numbers(cells: Sequence[bytes]) -> list[float] | None:
    """All cells as numbers; None when any is none or is out of range."""
    if b"".join(cells).translate(None, PLAIN):
        return None
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    # neither of the two can be NaN, so the extremes speak for all
    return values if values and min(values) >= -LIMIT and max(values) <= LIMIT else None
