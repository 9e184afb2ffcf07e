"""One scalar: what plain text is to YAML, and the value it gives for a type.

Plain scalars are resolved by the rules that YAML 1.1 and YAML 1.2 (editors, JSON Schema) share. Where the two differ
(`on`, `0123`, `12:30:00`, `1_000`, dates) the result is a `Trap`, never a guess. Only `1e-9`, which PyYAML takes for
text, is a number here, as in JSON.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, NamedTuple

from msgspec import inspect

SCALARS: Final = (
    inspect.StrType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.LiteralType,
    inspect.EnumType,
    inspect.NoneType,
    inspect.CustomType,
)


class Trap(NamedTuple):
    """A plain scalar that means different things to different readers of YAML."""

    text: str
    why: str


_CORE: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YES: Final = frozenset(("yes", "Yes", "YES", "on", "On", "ON"))
_NO: Final = frozenset(("no", "No", "NO", "off", "Off", "OFF"))
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TRAPS: Final = (
    (re.compile(r"[-+]?0[0-9_]+"), "YAML 1.1 reads a leading zero as an octal number"),
    (re.compile(r"[-+]?0o[0-7_]+"), "only YAML 1.2 reads it as an octal number"),
    (re.compile(r"[-+]?0b[01_]+"), "only YAML 1.1 reads it as a binary number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "YAML 1.1 reads it as a number in base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"), "YAML 1.1 reads it as a date"),
    (
        re.compile(r"[-+]?0x[0-9a-fA-F_]+"),
        "it is not a hexadecimal number of at most 16 digits to every reader of YAML",
    ),
    (re.compile(r"(?=.*_)[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"), "only YAML 1.1 allows _ in a number"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), "YAML reads it as a number that is not finite"),
)


def resolve(text: str) -> bool | int | float | str | Trap | None:
    """What a plain scalar is to YAML 1.1 and 1.2 alike, or the Trap it is."""
    if text in _CORE:
        return _CORE[text]
    if text in _YES or text in _NO:
        return Trap(text, f"YAML 1.1 reads it as {'true' if text in _YES else 'false'}")
    if text[0] not in "+-.0123456789":
        return text
    if len(text) <= 64:
        if _DECIMAL.fullmatch(text):
            return int(text)
        if _HEX.fullmatch(text):
            return int(text, 16)
    if _FLOAT.fullmatch(text) and not _TRAPS[0][0].fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else Trap(text, "it is beyond the range of a number")
    for pattern, why in _TRAPS:
        if pattern.fullmatch(text):
            return Trap(text, why)
    return text


def convert(raw: Any, type_: inspect.Type) -> tuple[bool, Any]:
    """Whether this scalar is of that type, and the value."""
    match type_:
        case inspect.StrType():
            return isinstance(raw, str) and _is_text(raw, type_), raw
        case inspect.BoolType():
            return isinstance(raw, bool), raw
        case inspect.IntType():
            if isinstance(raw, float) and raw.is_integer():
                raw = int(raw)
            return type(raw) is int and _in_range(raw, type_), raw
        case inspect.FloatType():
            if type(raw) not in (int, float):
                return False, raw
            return _in_range(raw, type_), float(raw)
        case inspect.LiteralType():
            raw = int(raw) if isinstance(raw, float) and raw.is_integer() else raw
            return any(raw == v and type(raw) is type(v) for v in type_.values), raw
        case inspect.EnumType():
            matching = [member for member in type_.cls if member.value == raw]
            return bool(matching), matching[0] if matching else raw
        case inspect.NoneType():
            return raw is None, None
        case inspect.CustomType():
            cls: Any = type_.cls
            try:
                return True, cls.parse(raw)
            except ValueError:
                return False, raw
        case _:
            return False, raw


def _is_text(text: str, type_: inspect.StrType) -> bool:
    if not within(len(text), type_.min_length, type_.max_length) or "\x00" in text:
        return False
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # undecodable bytes of the environment
            return False
    # `$` would let a line feed slip through at the end.
    pattern = type_.pattern
    return pattern is None or re.search(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern, text) is not None


def within(size: int, least: int | None, most: int | None) -> bool:
    return (least is None or size >= least) and (most is None or size <= most)


def _in_range(number: float, type_: inspect.IntType | inspect.FloatType) -> bool:
    return (
        (type_.ge is None or number >= type_.ge)
        and (type_.gt is None or number > type_.gt)
        and (type_.le is None or number <= type_.le)
        and (type_.lt is None or number < type_.lt)
    )
