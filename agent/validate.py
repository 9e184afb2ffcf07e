"""The typed walk: a tree of nodes and a msgspec type give the typed value, and every error there is.

It knows types and positions, not what a configuration means: that is `agent.checks`. It reads no file.
msgspec.convert stops at the first error and knows no line; this walk gives the same values (a test compares the two).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct, inspect

from agent.scalars import SCALARS, Trap, convert, resolve, within
from agent.wording import (
    Path,
    bare,
    choices,
    closest,
    count,
    describe,
    description,
    empty,
    got,
    meant,
    one_of,
    show_path,
)
from agent.yamltree import SECRET_KEY, ListNode, MapNode, Node, ScalarNode, show_key, show_text

MAX_ERRORS: Final = 1000


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing that is wrong, where, and what to do. `line` is 0 where the value did not come from a file."""

    file: str
    line: int
    column: int
    path: str
    expected: str
    got: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        place = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {place}expected {self.expected}, got {self.got}{hint}"


class ConfigErrors(ValueError):  # noqa: N818  it holds many
    """Everything that is wrong with a configuration, one line each."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = list(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        lines = [str(e) for e in self.errors[:MAX_ERRORS]]
        if len(self.errors) > MAX_ERRORS:
            lines.append(f"and more: the list ends after {MAX_ERRORS} errors")
        return "\n".join(lines)


class Invalid:
    """Stands for a value that could not be made; the reason is in the list of errors."""


INVALID: Final = Invalid()


class TooMany(Exception):  # noqa: N818  a signal between this walk and its caller
    """The list of errors is full."""


@dataclass(slots=True)
class _Shape:
    """What the walk needs of a Struct, looked up once per class."""

    cls: type[Struct]
    fields: dict[str, tuple[str, inspect.Type]]  # by the name in YAML: attribute, type
    required: tuple[str, ...]
    tag_field: str | None
    tag: str | None
    descriptions: dict[str, str]


OnStruct = Callable[[type[Struct], dict[str, Any], Struct | None, MapNode, Path | None], None]


@dataclass(slots=True)
class Walk:
    """Walks trees and collects errors.

    `on_struct` sees each struct after its fields: its type, the values that are valid, the struct itself when all are.
    """

    on_struct: OnStruct = lambda *_: None
    errors: list[ConfigError] = field(default_factory=list)
    _shapes: dict[type, _Shape] = field(default_factory=dict)
    _unions: dict[int, tuple[inspect.Type, ...]] = field(default_factory=dict)

    def error(self, node: Node, path: Path | None, expected: str, got: str, hint: str = "") -> Invalid:
        self.errors.append(ConfigError(node.source, node.line, node.column, show_path(path), expected, got, hint))
        if len(self.errors) > MAX_ERRORS:
            raise TooMany
        return INVALID

    def value(self, node: Node, type_: inspect.Type, path: Path | None) -> Any:
        """The value of that type, or INVALID with the reasons added to `errors`."""
        handler = _HANDLERS.get(type(type_ := bare(type_)))
        if handler is not None:
            return handler(self, node, type_, path)
        if not isinstance(type_, SCALARS) or getattr(type_, "cls", None) is object:
            # Any, or a type that only a plug-in uses: msgspec has the last word when the plug-in is built.
            return self.anything(node, path)
        if isinstance(node, ScalarNode):
            return self.scalar(node, type_, path)
        return self.error(node, path, describe(type_), got(node))

    def scalar(self, node: ScalarNode, type_: inspect.Type, path: Path | None) -> Any:
        text = node.text
        takes_text = isinstance(type_, inspect.StrType | inspect.EnumType) or (
            isinstance(type_, inspect.LiteralType) and isinstance(type_.values[0], str)
        )
        raw: Any = text if not node.plain and (takes_text or not node.raw) else resolve(text)
        if isinstance(raw, Trap):
            return self.error(node, path, describe(type_), got(node), f"{raw.why}; {_advice(node, type_)}")
        fine, value = convert(raw, type_)
        if fine:
            return value
        hint = ""
        if takes_text and not isinstance(raw, str) and raw is not None:
            hint = _quoted(node)
        elif takes_text and isinstance(raw, str) and not isinstance(type_, inspect.StrType):
            hint = meant(raw, choices(type_))
        elif not node.plain and not node.raw and convert(resolve(text), type_)[0]:
            hint = "remove the quotes"
        return self.error(node, path, describe(type_), got(node), hint)

    def union(self, node: Node, type_: inspect.UnionType, path: Path | None) -> Any:
        options = self._unions.get(id(type_))  # types live as long as the walk
        if options is None:
            options = self._unions[id(type_)] = tuple(bare(t) for t in type_.types)
        fitting = [t for t in options if _fits(node, t)]
        if not fitting:
            return self.error(node, path, describe(type_), got(node))
        if isinstance(node, ScalarNode) and len(fitting) > 1:
            raw: Any = node.text if not node.plain and not node.raw else resolve(node.text)
            if raw is None and any(isinstance(t, inspect.NoneType) for t in fitting):
                return None
            fitting = [t for t in fitting if not isinstance(t, inspect.NoneType)]
            for option in fitting[:-1]:
                fine, value = convert(raw, option)
                if fine:
                    return value
            if len(fitting) > 1 and not isinstance(raw, Trap) and not convert(raw, fitting[-1])[0]:
                return self.error(node, path, describe(type_), got(node))
            return self.value(node, fitting[-1], path)
        tagged = [t for t in fitting if isinstance(t, inspect.StructType) and t.tag_field]
        if isinstance(node, MapNode) and len(tagged) > 1:
            return self.tagged(node, tagged, path)
        return self.value(node, fitting[0], path)

    def tagged(self, node: MapNode, types: list[inspect.StructType], path: Path | None) -> Any:
        tag_field = types[0].tag_field or ""
        tags = [str(t.tag) for t in types]
        pair = node.pairs.get(tag_field)
        if pair is None:
            return self.error(node, path, f"the key `{tag_field}`: {one_of(tags)}", "a mapping without it")
        wanted = pair[1]
        for type_ in types:
            if isinstance(wanted, ScalarNode) and wanted.text == type_.tag:
                return self.struct(node, type_, path)
        hint = meant(wanted.text, tags) if isinstance(wanted, ScalarNode) else ""
        return self.error(wanted, (path, tag_field), one_of(tags), got(wanted), hint)

    def shape(self, type_: inspect.StructType) -> _Shape:
        shape = self._shapes.get(type_.cls)
        if shape is None:
            shape = self._shapes[type_.cls] = _Shape(
                type_.cls,
                {f.encode_name: (f.name, bare(f.type)) for f in type_.fields},
                tuple(f.encode_name for f in type_.fields if f.required),
                type_.tag_field,
                str(type_.tag),
                {f.encode_name: description(f.type) for f in type_.fields},
            )
        return shape

    def struct(self, node: Node, type_: inspect.StructType, path: Path | None) -> Any:
        if not isinstance(node, MapNode):
            return self.error(node, path, describe(type_), got(node), empty(node))
        shape = self.shape(type_)
        values: dict[str, Any] = {}
        fine = True
        guesses: set[str] = set()
        for key, (where, child) in node.pairs.items():
            known = shape.fields.get(key)
            if known is not None:
                value = self.value(child, known[1], (path, key))
                if value is INVALID:
                    fine = False
                else:
                    values[known[0]] = value
            elif key == shape.tag_field:
                if not (isinstance(child, ScalarNode) and child.text == shape.tag):
                    self.error(child, (path, key), f"`{shape.tag}`", got(child))
                    fine = False
            else:
                fine = False
                guesses.add(self.unknown(where, key, shape, path))
        for key in shape.required:
            # A slip of the pen is reported once, as the unknown key it is.
            if key not in node.pairs and key not in guesses:
                self.error(
                    node, path, f"the key `{key}`: {shape.descriptions[key]}".rstrip(".: "), "a mapping without it"
                )
                fine = False
        made = shape.cls(**values) if fine else None
        self.on_struct(shape.cls, values, made, node, path)
        return INVALID if made is None else made

    def unknown(self, where: ScalarNode, key: str, shape: _Shape, path: Path | None) -> str:
        """Report a key that is not of this mapping; returns the key that was probably meant."""
        keys = [*shape.fields, *([shape.tag_field] if shape.tag_field else [])]
        renamed = [name for name, (attribute, _) in shape.fields.items() if attribute == key]
        guess = renamed[0] if renamed else closest(key, keys)
        if SECRET_KEY.search(key):
            place = (
                "name that file in `password_file`" if "password_file" in shape.fields else "not in the configuration"
            )
            hint = f"secrets are not kept here: put it in a file of its own, {place}"
        elif guess:
            hint = f"did you mean `{guess}`?"
        else:
            hint = f"known: {', '.join(k for k in keys if k != '$schema')}"
        self.error(where, path if where.secret else (path, key), "a known key", show_key(where), hint)
        return guess

    def list(self, node: Node, type_: inspect.ListType, path: Path | None) -> Any:
        if not isinstance(node, ListNode):
            return self.error(node, path, describe(type_), got(node), empty(node) or "write it in [ ]")
        item = bare(type_.item_type)
        values = [self.value(child, item, (path, i)) for i, child in enumerate(node.items)]
        if not within(len(values), type_.min_length, type_.max_length):
            return self.error(node, path, describe(type_), count(len(values), "entry", "entries"))
        return INVALID if INVALID in values else values

    def dict(self, node: Node, type_: inspect.DictType, path: Path | None) -> Any:
        if not isinstance(node, MapNode):
            return self.error(node, path, describe(type_), got(node), empty(node))
        key_type, value_type = bare(type_.key_type), bare(type_.value_type)
        values: dict[str, Any] = {}
        fine = True
        for key, (where, child) in node.pairs.items():
            if not convert(key, key_type)[0]:
                self.error(where, (path, key), f"{describe(key_type)} as key", f"`{show_text(key)}`")
                fine = False
            value = values[key] = self.value(child, value_type, (path, key))
            fine = fine and value is not INVALID
        if not within(len(values), type_.min_length, type_.max_length):
            return self.error(node, path, describe(type_), count(len(values), "key", "keys"))
        return values if fine else INVALID

    def anything(self, node: Node, path: Path | None) -> Any:
        """Plain data where no type is known."""
        if isinstance(node, ListNode):
            items = [self.anything(child, (path, i)) for i, child in enumerate(node.items)]
            return INVALID if INVALID in items else items
        if isinstance(node, MapNode):
            pairs = {key: self.anything(child, (path, key)) for key, (_, child) in node.pairs.items()}
            return INVALID if INVALID in pairs.values() else pairs
        value = resolve(node.text) if node.plain else node.text
        if isinstance(value, Trap):
            hint = f"{value.why}; {_quoted(node)}, or a plain number, true or false"
            return self.error(node, path, "a value that all readers of YAML take alike", got(node), hint)
        return value


_HANDLERS: Final[dict[type, Callable[[Walk, Node, Any, Path | None], Any]]] = {
    inspect.UnionType: Walk.union,
    inspect.StructType: Walk.struct,
    inspect.ListType: Walk.list,
    inspect.DictType: Walk.dict,
}


def _fits(node: Node, type_: inspect.Type) -> bool:
    """Whether a node of this shape can be of that type at all."""
    if isinstance(node, MapNode):
        return isinstance(type_, inspect.StructType | inspect.DictType)
    if isinstance(node, ListNode):
        return isinstance(type_, inspect.ListType)
    if isinstance(type_, inspect.NoneType):
        return not (node.text and not node.plain and not node.raw) and resolve(node.text) is None
    return isinstance(type_, SCALARS)


def _quoted(node: ScalarNode) -> str:
    return "write it in quotes" if node.secret else f'write "{show_text(node.text)}" in quotes'


def _advice(node: ScalarNode, type_: inspect.Type) -> str:
    """What to write instead of a trap."""
    if isinstance(type_, inspect.BoolType):
        return "write true or false"
    if isinstance(type_, inspect.IntType | inspect.FloatType):
        return "write a plain decimal number"
    return _quoted(node)
