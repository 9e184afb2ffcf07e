"""The reference of the configuration, generated from the typed model: a page for reading, a YAML file for copying.

All words about a single field stand in `agent.config` and the models; only what holds for all of them is here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import NODEFAULT, UNSET, inspect

from agent.config import (
    AssetBlock,
    Config,
    Duration,
    LimitAlarm,
    RateAlarm,
    Size,
)
from agent.models import BUILT_IN
from agent.scalars import resolve
from agent.wording import bare, describe, description

_GENERATED: Final = "Generated from the typed model with `python -m agent.schema --write`; do not edit."

_INTRODUCTION: Final = """\
One YAML file. `twinned check -c FILE` lists every error in it with file, line and column;
[`configs/reference.yaml`](../../configs/reference.yaml) has every key with its default, and
[`configs/twinned.schema.json`](../../configs/twinned.schema.json) is the JSON Schema for editors.

**Where a value comes from.** The first of these that has it:

1. the command line, `--set mqtt.host=broker.local`;
2. the environment, `TWINNED__MQTT__HOST=broker.local`: the key in upper case, two underscores for each dot;
3. the systemd credentials `mqtt-username` and `mqtt-password`, where the unit loads them;
4. the YAML file;
5. the default.

Lists and mappings are given whole, as JSON, on the command line and in the environment.

**Secrets** never stand in the file, the environment or on the command line: `mqtt.password_file` names a file whose
first line is the password.

**Durations** are `250ms`, `10s`, `5min`, `2h`, `7d`, or a number of seconds. **Sizes** are `64KiB`, `10MB`, or a
number of bytes.

**YAML that readers take differently is refused** with an explanation instead of guessed at: `yes`, `no`, `on` and `off`
without quotes, numbers with a leading zero or `_`, times and dates without quotes, keys that are no text, a key given
twice. `&anchors`, `*aliases` and `<<` work.
"""

# Values that show what a field is for where its default does not; each must be valid beside the defaults.
_EXAMPLES: Final[dict[tuple[type, str], Any]] = {
    (Config, "$schema"): "twinned.schema.json",
    (Config, "site"): "plant-1",
    (AssetBlock, "topic"): "plant/{line}/{asset}/telemetry",
    (LimitAlarm, "high"): 80.0,
    (LimitAlarm, "watch"): "forecast",
    (RateAlarm, "above"): 0.5,
}
_ELSEWHERE: Final = "see its section"
_CHANNEL_NAME: Final = "temperature"
_ALARM_NAMES: Final = {
    "limit": "too_hot",
    "rate": "heats_quickly",
    "flat": "stuck",
    "absence": "silent",
    "surprise": "odd",
    "anomaly": "unusual",
}


def written(value: Any) -> Any:
    """A default as it would be written: plain data, durations and sizes with a unit."""
    if isinstance(value, Duration):
        return duration(value)
    if isinstance(value, Size):
        return next(
            (f"{value // n}{u}" for u, n in (("MiB", 2**20), ("KiB", 2**10)) if value and value % n == 0), int(value)
        )
    return [written(v) for v in value] if isinstance(value, list) else getattr(value, "value", value)


def duration(seconds: float) -> str:
    """With the largest unit that leaves a whole number."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds * 1000)}ms" if seconds else "0s"


def reference_markdown() -> str:
    """The reference page."""
    lines = ["# Configuration", "", f"<!-- {_GENERATED} -->", "", _INTRODUCTION]
    for title, info in _sections(inspect.type_info(Config), ""):
        lines += [f"## {title}", "", *_section(info)]
    lines += ["## Models", "", "`model: NAME`, or a mapping with `type: NAME` and these settings.", ""]
    places: dict[type, tuple[inspect.Type, list[str]]] = {}
    for name, model in BUILT_IN.items():
        info = inspect.type_info(model.Settings)
        lines += [f"### model: {name}", "", *_section(info)]
        for key, below in _below(info):
            places.setdefault(below.cls, (below, []))[1].append(f"{name}.{key}")
    for shared, used in places.values():
        lines += [f"### {', '.join(used)}", "", *_section(shared)]
    return "\n".join(lines).rstrip() + "\n"


def _section(info: inspect.Type) -> list[str]:
    lines = [(info.cls.__doc__ or "").strip(), ""] if isinstance(info, inspect.StructType) else []
    rows = []
    for f in info.fields if isinstance(info, inspect.StructType) else ():
        default = "required" if f.required else _default_words(f)
        cells = (f"`{f.encode_name}`", _type_words(f), default, description(f.type))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, "| key | what | default | meaning |", "| --- | --- | --- | --- |", *rows, ""] if rows else lines


def _type_words(f: inspect.Field) -> str:
    words = "a model's name or a mapping" if f.encode_name == "model" else describe(f.type)
    if f.encode_name == "topic":
        words = "a topic template"
    match bare(f.type):
        case inspect.DictType():
            words = words.replace("a mapping", "a mapping from names")
        case inspect.CustomType(cls=cls):
            words = "a duration" if cls is Duration else "a size"
        case inspect.UnionType(types=types) if any(getattr(bare(t), "cls", None) is Duration for t in types):
            words = "a duration"
    return words


def _default_words(f: inspect.Field) -> str:
    default = _default(f)
    if default is UNSET or default is None:
        return ""
    return _ELSEWHERE if hasattr(default, "__struct_fields__") else f"`{_flow(written(default))}`"


def _default(f: inspect.Field) -> Any:
    if f.default is not NODEFAULT:
        return f.default
    return f.default_factory() if f.default_factory is not NODEFAULT else UNSET


def _below(info: inspect.Type) -> Iterator[tuple[str, inspect.StructType]]:
    """The structs inside a struct, with the key they stand under."""
    for f in info.fields if isinstance(info, inspect.StructType) else ():
        for struct in _structs(f.type):
            name = f.encode_name
            outer = bare(f.type)
            if isinstance(outer, inspect.ListType):
                name += "[]"
            elif isinstance(outer, inspect.DictType):
                name += ".NAME"
            yield name + (f" (type: {struct.tag})" if struct.tag_field else ""), struct


def _structs(type_: inspect.Type) -> Iterator[inspect.StructType]:
    match bare(type_):
        case inspect.StructType() as struct:
            yield struct
        case inspect.UnionType(types=types):
            for option in types:
                yield from _structs(option)
        case inspect.ListType(item_type=item):
            yield from _structs(item)
        case inspect.DictType(value_type=value):
            yield from _structs(value)


def _sections(info: inspect.Type, path: str) -> Iterator[tuple[str, inspect.Type]]:
    yield path or "The whole file", info
    for name, struct in _below(info):
        yield from _sections(struct, f"{path}.{name}" if path else name)


def reference_yaml() -> str:
    """Every key with its description, what it takes, and its default. It loads as it is, and with every `#key` switched on."""
    head = [
        "# yaml-language-server: $schema=twinned.schema.json",
        f"# {_GENERATED}",
        "# Every key there is, with its default or, where that says little, an example.",
        "# A line that begins with # and no space after it is a setting to switch on.",
        "",
    ]
    return "\n".join([*head, *_mapping(inspect.type_info(Config))]).rstrip() + "\n"


def _mapping(info: inspect.Type) -> list[str]:
    lines: list[str] = []
    if not isinstance(info, inspect.StructType):
        return lines
    for f in info.fields:
        default = _default_words(f).strip("`")
        note = "; required" if f.required else f"; default: {default}" if default not in ("", _ELSEWHERE) else ""
        lines += [f"# {description(f.type)}", f"# {_type_words(f)}{note}", *_entry(info.cls, f)]
        if info.cls is Config:
            lines.append("")
    return lines


def _entry(owner: type, f: inspect.Field) -> list[str]:
    key = f.encode_name
    if (owner, key) in _EXAMPLES:
        return [f"{key}: {_flow(_EXAMPLES[owner, key])}"]
    structs = list(_structs(f.type))
    if not structs:
        default = _default(f)
        return [f"{key}: {'null' if default is UNSET else _flow(written(default))}"]
    match bare(f.type):
        case inspect.ListType():
            body = _mapping(structs[0])
            first = next(i for i, line in enumerate(body) if not line.startswith("#"))
            return [f"{key}:", *_indent(body[:first]), f"  - {body[first]}", *_indent(_indent(body[first + 1 :]))]
        case inspect.DictType() if owner is AssetBlock and key == "alarms":
            lines = [f"{key}:"]
            for struct in structs:
                lines += _indent(
                    [f"{_ALARM_NAMES[str(struct.tag)]}:", f"  # {struct.cls.__doc__}", f"  type: {struct.tag}"]
                )
                lines += _indent(_indent(_mapping(struct)))
            return lines
        case inspect.DictType():
            return [f"{key}:", f"  {_CHANNEL_NAME}:", *_indent(_indent(_mapping(structs[0])))]
    body = [f"{key}:", *_indent(_mapping(structs[0]))]
    return body if f.default_factory is not NODEFAULT else [f"#{line}" for line in body]


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, list):
        return f"[{', '.join(_flow(v) for v in value)}]"
    if (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z0-9/.][A-Za-z0-9_./{}-]*", value)
        and isinstance(resolve(value), str)
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
