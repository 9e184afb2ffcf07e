"""The typed model turned outward: JSON Schema for editors, and with `agent.reference` the reference page and file.

`python -m agent.schema --write` writes the generated files; a test fails when they are stale. Nothing here is needed
by a running agent.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, inspect

from agent.config import Config, Duration, Size
from agent.models import BUILT_IN
from agent.reference import reference_markdown, reference_yaml, written
from agent.wording import bare, description

__all__ = ["GENERATED", "json_schema", "reference_markdown", "reference_yaml"]

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The configuration as JSON Schema, draft-07: the newest that editors' YAML plug-ins read."""
    definitions: dict[str, Schema] = {}
    root = _struct(inspect.type_info(Config), definitions)
    for name, model in BUILT_IN.items():
        info = inspect.type_info(model.Settings)
        definitions[f"model {name}"] = _struct(info, definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "twinned",
        **root,
        "definitions": dict(sorted(definitions.items())),
    }


def _struct(info: inspect.Type, definitions: dict[str, Schema]) -> Schema:
    assert isinstance(info, inspect.StructType)  # noqa: S101  for the type checker: every caller has one
    properties: dict[str, Schema] = {}
    required = [f.encode_name for f in info.fields if f.required]
    if info.tag_field:
        properties[info.tag_field] = {"const": info.tag, "description": "Which kind this is."}
        required.insert(0, info.tag_field)
    for f in info.fields:
        schema = _model_choice() if f.encode_name == "model" else _schema(f.type, definitions)
        if "$ref" in schema:  # its siblings would be ignored
            schema = {"allOf": [schema]}
        if text := description(f.type):
            schema["description"] = text
        if f.default is not NODEFAULT and f.default is not None:
            schema["default"] = written(f.default)
        properties[f.encode_name] = schema
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if doc := (info.cls.__doc__ or "").strip():
        schema["description"] = doc
    if required:
        schema["required"] = required
    return schema


def _model_choice() -> Schema:
    """A model by name, or with settings: those of a built-in one are known, those of a plug-in are not."""
    cases = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {"$ref": f"#/definitions/model {name}".replace(" ", "%20")},
        }
        for name in BUILT_IN
    ]
    settings = {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}, "allOf": cases}
    return {"anyOf": [{"type": "string"}, settings, {"type": "null"}]}


def _schema(type_: inspect.Type, definitions: dict[str, Schema]) -> Schema:
    match bare(type_):
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            return _present({"type": "string", "minLength": least, "maxLength": most, "pattern": pattern})
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType() as t:
            return {"type": "integer", **_range(t)}
        case inspect.FloatType() as t:
            return {"type": "number", **_range(t)}
        case inspect.NoneType():
            return {"type": "null"}
        case inspect.LiteralType(values=values):
            return {"enum": list(values)}
        case inspect.EnumType(cls=cls):
            return {"enum": [member.value for member in cls]}
        case inspect.CustomType(cls=cls) if cls is Duration:
            bounds = {"minimum": 0, "maximum": Duration.LONGEST}
            return {"type": ["string", "number"], "pattern": Duration.PATTERN.pattern, **bounds}
        case inspect.CustomType(cls=cls) if cls is Size:
            bounds = {"minimum": 0, "maximum": Size.LARGEST}
            return {"type": ["string", "integer"], "pattern": Size.PATTERN.pattern, **bounds}
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            items = {"type": "array", "items": _schema(item, definitions)}
            return _present({**items, "minItems": least, "maxItems": most})
        case inspect.DictType(key_type=key, value_type=value, min_length=least, max_length=most):
            names = {k: v for k, v in _schema(key, definitions).items() if k != "type"}
            entries = {"type": "object", "additionalProperties": _schema(value, definitions)}
            return _present({**entries, "propertyNames": names or None, "minProperties": least, "maxProperties": most})
        case inspect.StructType() as t:
            name = t.cls.__name__
            if name not in definitions:
                definitions[name] = {}  # holds the place, should a struct ever contain itself
                definitions[name] = _struct(t, definitions)
            return {"$ref": f"#/definitions/{name}"}
        case inspect.UnionType(types=types):
            return _union([_schema(t, definitions) for t in types])
        case _:
            return {}


def _union(options: list[Schema]) -> Schema:
    """Any of them; a scalar that may be null is one schema of two types, which editors explain better."""
    null = {"type": "null"}
    others = [option for option in options if option != null]
    if len(others) == len(options):
        return {"anyOf": options}
    if len(others) == 1:
        if "enum" in others[0]:
            return {"enum": [*others[0]["enum"], None]}
        if isinstance(kind := others[0].get("type"), str | list):
            return {**others[0], "type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    return {"anyOf": [*others, null]}


def _range(type_: inspect.IntType | inspect.FloatType) -> Schema:
    return _present(
        {"minimum": type_.ge, "exclusiveMinimum": type_.gt, "maximum": type_.le, "exclusiveMaximum": type_.lt}
    )


def _present(schema: Mapping[str, Any]) -> Schema:
    return {key: value for key, value in schema.items() if value is not None}


def schema_text() -> str:
    """The JSON Schema as a file."""
    data = msgspec.json.encode(json_schema(), enc_hook=lambda v: v.value if isinstance(v, Enum) else str(v))
    return msgspec.json.format(data, indent=2).decode() + "\n"


GENERATED: Final = {
    "configs/twinned.schema.json": schema_text,
    "configs/reference.yaml": reference_yaml,
    "docs/reference/configuration.md": reference_markdown,
}


def main(arguments: list[str]) -> int:
    """Write the generated files, or the schema to standard output."""
    if arguments != ["--write"]:
        sys.stdout.write(schema_text())
        return 0
    root = Path(__file__).parents[1]
    for name, text in GENERATED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
