"""Times out of payloads: epoch seconds, ms, µs and ns, and RFC 3339, all to UTC seconds.

A time of day without an offset is UTC. A time must lie in 1970-01-01 .. 2200-01-01. No clock is read here, and how
far from its arrival a reading may be is decided elsewhere.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Literal

from agent.types import DecodeError, Reason
from agent.values import numeric, shown

Format = Literal["auto", "s", "ms", "us", "ns", "rfc3339"]

END = 7258118400.0  # 2200-01-01T00:00:00Z

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
# Where one unit ends for `auto`. Each is the year 5138 in the smaller and 1973 in the larger unit.
_S, _MS, _US = 1e11, 1e14, 1e17

_RFC3339 = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?\s*",
    re.ASCII,
)
# What nearly every device writes; the standard library reads it four times as fast, to the same bits.
_USUAL = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_LONGEST = 100  # characters of a date and time; matching a pattern against far more takes time
_FRACTION = 12  # digits that are read: a double of seconds resolves a quarter of a microsecond


def rfc3339(text: str) -> float:
    """UTC seconds of an RFC 3339 date and time; raises ValueError.

    Beyond the letter of it: a missing offset is UTC, the offset may lack its colon or minutes, the fraction may follow
    a comma. A leap second, 23:59:60 UTC, is the first second of the next day.
    """
    if _USUAL.fullmatch(text) is not None:
        return datetime.datetime.fromisoformat(text).timestamp()
    m = _RFC3339.fullmatch(text) if len(text) <= _LONGEST else None
    if m is None:
        raise ValueError("expected a date and time such as 2026-01-31T12:00:00Z")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = m.groups()
    whole = (datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * 86400
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("hour must be in 0..23, minute in 0..59, second in 0..59")
    whole += hours * 3600 + minutes * 60 + seconds
    if sign is not None:
        east, past = int(offset_hours), int(offset_minutes or 0)
        if east > 23 or past > 59:
            raise ValueError("offset must be within 23:59")
        offset = east * 3600 + past * 60
        whole += offset if sign == "-" else -offset
    if seconds == 60 and whole % 86400:
        raise ValueError("a leap second ends a day of UTC")
    if fraction is None:
        return float(whole)
    digits = fraction[:_FRACTION]
    # Division of integers rounds once, so that the result is the double nearest to what was written.
    scale: int = 10 ** len(digits)
    return (whole * scale + int(digits)) / scale


def seconds(raw: object, form: Format) -> float:
    """UTC seconds of a time as it stands in a payload; raises DecodeError."""
    if type(raw) is str:
        value = numeric(raw) if form != "rfc3339" else None
        if value is None:
            return _from_text(raw, form)
    elif type(raw) is float or type(raw) is int:
        if form == "rfc3339":
            raise _bad(raw, "an RFC 3339 string")
        try:
            value = float(raw)
        except OverflowError:
            raise _bad(raw, "a time") from None
    else:
        raise _bad(raw, "a time")
    result = value / (_PER_SECOND[form] if form != "auto" else _per_second(value))
    if 0.0 <= result < END:
        return result
    raise _bad(raw, "a time within 1970 .. 2200" if form == "auto" else f"epoch {form} within 1970 .. 2200")


def column(raws: Sequence[float | str | None], form: Format) -> Sequence[float | None]:
    """`seconds` of each entry, None for None; raises DecodeError when any is bad. No float may be NaN."""
    if not raws:
        return []
    try:
        low, high = min(raws), max(raws)  # type: ignore[type-var]  # a mixture raises TypeError
    except TypeError:
        return [None if raw is None else seconds(raw, form) for raw in raws]
    if type(low) is not float or type(high) is not float or form == "rfc3339":
        return [None if raw is None else seconds(raw, form) for raw in raws]
    # Usually all are of one unit, and looking at the two ends is enough.
    if form in ("auto", "s") and low >= 0.0 and high < END:
        return raws  # type: ignore[return-value]  # floats: had there been a string, min would have raised
    unit = _per_second(low) if form == "auto" else _PER_SECOND[form]
    if low >= 0.0 and high / unit < END and (form != "auto" or _per_second(high) == unit):
        return [raw / unit for raw in raws]  # type: ignore[operator]  # floats, as above
    return [seconds(raw, form) for raw in raws]


def _per_second(value: float) -> float:
    if value < _S:
        return 1.0
    if value < _MS:
        return 1e3
    return 1e6 if value < _US else 1e9


def _from_text(text: str, form: Format) -> float:
    if form not in ("auto", "rfc3339"):
        raise _bad(text, f"epoch {form}")
    try:
        result = rfc3339(text)
    except ValueError as error:
        raise _bad(text, "epoch time or RFC 3339" if form == "auto" else "RFC 3339", str(error)) from None
    if 0.0 <= result < END:
        return result
    raise _bad(text, "a time within 1970 .. 2200")


def _bad(raw: object, expected: str, why: str = "") -> DecodeError:
    return DecodeError(Reason.BAD_TIME, f"expected {expected}, got {shown(raw)}{f' ({why})' if why else ''}")
