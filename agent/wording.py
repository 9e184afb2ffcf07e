"""Words for errors: what was expected, what stands there, where, and what was probably meant.

Everything an error shows of a file passes through here, and is shortened, made printable, and left out where it may be
a secret. Nothing is validated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import inspect

from agent.config import Duration, Level, Name, Size
from agent.yamltree import WORD, ListNode, MapNode, Node, ScalarNode, show_text

Path = tuple["Path | None", str | int]  # the place in the configuration, innermost last; a chain costs no copying


def bare(type_: inspect.Type) -> inspect.Type:
    while isinstance(type_, inspect.Metadata):
        type_ = type_.type
    return type_


def describe(type_: inspect.Type) -> str:
    """What is expected, in words."""
    match bare(type_):
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            if pattern is not None:
                return PATTERNS.get(pattern, f"a text that matches {pattern}")
            return "a text" + _sized(least, most, "character", "characters")
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() as t:
            return "a whole number" + _range(t)
        case inspect.FloatType() as t:
            return "a number" + _range(t)
        case inspect.LiteralType() | inspect.EnumType() as t:
            return one_of(choices(t))
        case inspect.CustomType(cls=cls) if cls in (Duration, Size):
            return str(cls.EXPECTED)
        case inspect.ListType(min_length=least, max_length=most):
            return "a list" + _sized(least, most, "entry", "entries")
        case inspect.DictType(min_length=least, max_length=most):
            return "a mapping" + _sized(least, most, "key", "keys")
        case inspect.StructType():
            return "a mapping"
        case inspect.NoneType():
            return "nothing"
        case inspect.UnionType(types=types):
            return " or ".join(dict.fromkeys(describe(t) for t in types if not isinstance(bare(t), inspect.NoneType)))
        case _:
            return "a value"


def description(type_: inspect.Type) -> str:
    """The description a field was given in the typed model."""
    while isinstance(type_, inspect.Metadata):
        if text := (type_.extra_json_schema or {}).get("description"):
            return str(text)
        type_ = type_.type
    return ""


def got(node: Node) -> str:
    """What stands there, in a few words, and nothing of it where it may be a secret."""
    if node.secret:
        return "a value that is not shown"
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if not node.text and (node.plain or node.raw):
        return "nothing"
    return f"`{show_text(node.text)}`" if node.plain or node.raw else f'"{show_text(node.text)}"'


def show_path(path: Path | None) -> str:
    """The place as it is written in the documentation: `assets[0].channels.temperature`."""
    parts: list[str] = []
    while path is not None:
        path, key = path
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append("." + (show_text(key) if WORD.fullmatch(key) else f'"{show_text(key)}"'))
    return "".join(reversed(parts)).removeprefix(".")


def closest(text: str, options: Iterable[str]) -> str:
    """The option that was probably meant, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(text[:64].lower(), list(options), n=1)
    return found[0] if found else ""


def meant(text: str, options: Iterable[str]) -> str:
    """A hint at the option that was probably meant, or nothing."""
    guess = closest(text, options)
    return f"did you mean `{guess}`?" if guess else ""


def _pattern_of(alias: Any) -> tuple[str, str]:
    return alias.__metadata__[0].pattern, alias.__metadata__[0].description


# A pattern in words; the words stand where the pattern does, in agent.config.
PATTERNS: Final = dict(map(_pattern_of, (Name, Level)))


def choices(type_: inspect.Type) -> list[str]:
    if isinstance(type_, inspect.EnumType):
        return [str(member.value) for member in type_.cls]
    return [str(v) for v in type_.values] if isinstance(type_, inspect.LiteralType) else []


def one_of(choices: Iterable[str]) -> str:
    *most, last = [f"`{c}`" for c in choices]
    return f"{', '.join(most)} or {last}" if most else last


def _sized(least: int | None, most: int | None, one: str, many: str) -> str:
    if least is not None and most is not None:
        return f" of {least} to {most} {many}" if least != most else f" of {count(least, one, many)}"
    if least is not None:
        return f" of at least {count(least, one, many)}"
    return f" of at most {count(most, one, many)}" if most is not None else ""


def _range(type_: inspect.IntType | inspect.FloatType) -> str:
    if type_.ge is not None and type_.le is not None:
        return f" from {_number(type_.ge)} to {_number(type_.le)}"
    parts = [
        f"{words} {_number(bound)}"
        for words, bound in (
            ("of at least", type_.ge),
            ("above", type_.gt),
            ("of at most", type_.le),
            ("below", type_.lt),
        )
        if bound is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def empty(node: Node) -> str:
    empty = isinstance(node, ScalarNode) and not node.text and (node.plain or node.raw)
    return "write something below it, or leave the key out" if empty else ""
