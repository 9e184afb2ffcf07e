"""What editors and readers are told of the configuration is what the loader does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from agent.config import Channel, Config
from agent.configfile import load
from agent.models import BUILT_IN
from agent.schema import GENERATED, json_schema, main, reference_markdown, reference_yaml
from agent.validate import ConfigErrors, Walk
from agent.wording import bare, description
from agent.yamltree import parse

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
SHIPPED = sorted([*CONFIGS.glob("*.yaml"), *CONFIGS.glob("bench/*.yaml")])
SCHEMA = json_schema()
PAGE = reference_markdown()
REFERENCE = reference_yaml()
SCHEMA_TEXT = json.dumps(SCHEMA)
CHECK = jsonschema.Draft7Validator(SCHEMA)


def plain(text: str) -> Any:
    """A text as the data that it is to YAML 1.2, for which the schema is written."""
    root = parse(text, "").root
    assert root is not None
    return Walk().anything(root, None)


def takes(text: str) -> bool:
    """Whether the loader does."""
    try:
        load(None, text=text, environ={})
    except ConfigErrors:
        return False
    return True


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_files_are_those_of_the_model(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name](), "run python -m agent.schema --write"


def test_the_schema_is_draft_07(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert main([]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(SCHEMA_TEXT)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_every_shipped_configuration_loads_and_is_valid_to_the_schema(path: Path) -> None:
    load(path, environ={})
    CHECK.validate(plain(path.read_text()))


def structs(type_: inspect.Type) -> Iterator[inspect.StructType]:
    """All structs in a type, with those inside them."""
    match bare(type_):
        case inspect.StructType() as struct:
            yield struct
            for field in struct.fields:
                yield from structs(field.type)
        case inspect.UnionType(types=types):
            for option in types:
                yield from structs(option)
        case inspect.ListType(item_type=inner) | inspect.DictType(value_type=inner):
            yield from structs(inner)


FIELDS = [(s, f) for s in structs(inspect.type_info(Config)) for f in s.fields]
SETTINGS = [(s, f) for m in BUILT_IN.values() for s in structs(inspect.type_info(m.Settings)) for f in s.fields]


@pytest.mark.parametrize(("struct", "field"), [*FIELDS, *SETTINGS], ids=lambda v: getattr(v, "encode_name", ""))
def test_every_field_is_described_in_the_schema_and_on_the_page(
    struct: inspect.StructType, field: inspect.Field
) -> None:
    words = description(field.type)
    assert words.endswith((".", "..."))
    assert f"| `{field.encode_name}` | " in PAGE
    assert f" | {words.replace('|', chr(92) + '|')} |" in PAGE
    assert json.dumps(words) in SCHEMA_TEXT


@pytest.mark.parametrize(("struct", "field"), FIELDS, ids=lambda v: getattr(v, "encode_name", ""))
def test_every_field_is_in_the_reference_file_with_its_words(struct: inspect.StructType, field: inspect.Field) -> None:
    lines = REFERENCE.splitlines()
    found = [i for i, line in enumerate(lines) if re.fullmatch(rf"[ #-]*{re.escape(field.encode_name)}:.*", line)]
    assert any(lines[i - 2].endswith(f"# {description(field.type)}") for i in found)


def switched_on(text: str) -> str:
    """The reference file with each `#key` made a key: # and no space, or # and the indentation below such a key."""
    return re.sub(r"^( *)#(?! [^ ])", r"\1", text, flags=re.MULTILINE)


def test_the_reference_file_loads_with_every_setting_switched_on() -> None:
    text = switched_on(reference_yaml())
    made = load(None, text=text, environ={})
    assert made.mqtt.tls is not None
    assert made.assets[0].channels["temperature"] is not None
    assert made.assets[0].channels["temperature"].limits is not None
    assert not isinstance(made.assets[0].alarms, msgspec.UnsetType)
    assert {type(alarm).__name__ for alarm in made.assets[0].alarms.values()} == {
        "LimitAlarm", "RateAlarm", "FlatAlarm", "AbsenceAlarm", "SurpriseAlarm", "AnomalyAlarm",
    }  # fmt: skip
    CHECK.validate(plain(text))


def test_the_reference_file_states_the_defaults() -> None:
    made = load(None, text=reference_yaml(), environ={})
    bare_minimum = "site: plant-1\nassets:\n  - {topic: 'plant/{line}/{asset}/telemetry', channels: {temperature: }}\n"
    default = load(None, text=bare_minimum, environ={})
    assert (made.mqtt, made.http, made.log, made.prefix) == (default.mqtt, default.http, default.log, default.prefix)
    ours, theirs = msgspec.structs.asdict(made.assets[0]), msgspec.structs.asdict(default.assets[0])
    assert ours.pop("channels")["temperature"] == Channel()
    assert {k: v for k, v in ours.items() if k != "alarms"} == {
        k: v for k, v in theirs.items() if k not in ("alarms", "channels")
    }


BASE: dict[str, Any] = plain(switched_on(reference_yaml()))
BLOCK = ("assets", 0)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from places(data[key], (*path, key))


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """BASE with one value in the place of another."""
    data: dict[str, Any] = json.loads(json.dumps(BASE))
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("site",), None),
        (("site",), "a b"),
        (("site",), 5),
        (("prefix",), "a/b"),
        (("prefix",), "$a"),
        (("mqtt", "prot"), 1),
        (("mqtt", "port"), 0),
        (("mqtt", "port"), "1883"),
        (("mqtt", "qos"), 2),
        (("mqtt", "protocol"), 5),
        (("mqtt", "keepalive"), "10 parsecs"),
        (("mqtt", "keepalive"), -1),
        (("mqtt", "keepalive"), True),
        (("mqtt", "max_payload"), "1.5MB"),
        (("mqtt", "tls", "verify"), False),
        (("mqtt", "password"), "x"),
        (("http", "enabled"), "yes"),
        (("log", "level"), "inof"),
        (("assets",), []),
        (("assets",), {}),
        ((*BLOCK, "channels"), {}),
        ((*BLOCK, "channels"), {"a b": {}}),
        ((*BLOCK, "channels", "temperature", "noise"), 0),
        ((*BLOCK, "alarms", "too_hot", "type"), "limt"),
        ((*BLOCK, "alarms", "too_hot", "on"), "forecast"),
        ((*BLOCK, "alarms", "too_hot", "confidence"), 1),
        ((*BLOCK, "alarms", "odd"), {"threshold": 3}),
        ((*BLOCK, "forecast", "horizons"), ["1min"] * 17),
        ((*BLOCK, "model"), {"type": "tank"}),
        ((*BLOCK, "model"), {"type": "tank", "area": 1, "level": "temperature", "aera": 1}),
        ((*BLOCK, "model"), {"type": "first_order", "tau": "x"}),
        ((*BLOCK, "model"), {"area": 1}),
        ((*BLOCK, "model"), 5),
        ((*BLOCK, "payload", "delimiter"), ";;"),
        ((*BLOCK, "time", "window"), 63),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_schema_and_by_the_loader(path: tuple[Any, ...], value: Any) -> None:
    data = changed(path, value)
    assert not CHECK.is_valid(data)
    assert not takes(json.dumps(data))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mqtt", "port"), 1884.0),
        (("mqtt", "keepalive"), 12.5),
        (("mqtt", "keepalive"), " 1.5 min "),
        (("mqtt", "tls"), {}),
        (("mqtt", "tls"), None),
        ((*BLOCK, "channels", "temperature"), None),
        ((*BLOCK, "channels", "temperature", "noise"), 1),
        ((*BLOCK, "model"), {"type": "tank", "area": 1, "level": "temperature"}),
        ((*BLOCK, "model"), {"type": "first_order", "tau": "5min", "target": {"topic": "weather/outdoor"}}),
        ((*BLOCK, "alarms"), {}),
        ((*BLOCK, "qos"), None),
    ],
)
def test_a_right_configuration_is_taken_by_the_schema_and_by_the_loader(path: tuple[Any, ...], value: Any) -> None:
    data = changed(path, value)
    CHECK.validate(data)
    load(None, text=json.dumps(data), environ={})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "a/b", "1min", "64KiB", "json", "5", "level", "tank", "$x", "a b", "temperature", "update"]),
    st.lists(st.sampled_from([0, "1min", "x", None, {}]), max_size=3),
    st.dictionaries(st.sampled_from(["type", "x", "min", "on", "a b"]), st.sampled_from([0, "level", "limit", None, {}]), max_size=2),
)  # fmt: skip


@given(st.sampled_from(sorted(places(BASE), key=str)), VALUES)
@settings(max_examples=300, deadline=None)
def test_what_the_loader_takes_the_schema_takes(path: tuple[Any, ...], value: Any) -> None:
    data = changed(path, value)
    if takes(json.dumps(data)):
        CHECK.validate(data)
