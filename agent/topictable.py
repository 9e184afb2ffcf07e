"""The topics that the agent publishes, and the fields of each message, as a table made from the code.

`table` is what `twinned schema --topics` prints and what `docs/reference/topics.md` holds:
`python -m agent.topictable > docs/reference/topics.md`. The messages themselves are `agent.encode`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from agent.encode import schemas


class Topic(NamedTuple):
    """One kind of topic."""

    message: str  # its name in `agent.encode.MESSAGES`
    topic: str
    delivery: str
    when: str


TOPICS = (
    Topic(
        "state",
        "<prefix>/<site>/<asset>/state",
        "QoS and retained as `state` of the asset block says; expires after `state.expiry`",
        "as `state.policy` says, and when the twin falls silent",
    ),
    Topic(
        "forecast",
        "<prefix>/<site>/<asset>/forecast",
        "QoS and retained as `forecast` of the asset block says; expires after the longest horizon",
        "with a reading, at most each `forecast.interval`; not without `forecast.horizons`",
    ),
    Topic(
        "alarm",
        "<prefix>/<site>/<asset>/alarm/<name>",
        "QoS 1, retained",
        "when the alarm is raised, when it clears, and when somebody does something about it, not in between",
    ),
    Topic(
        "reply",
        "<prefix>/<site>/$reply/...",
        "QoS 1, expires after a minute; on the response topic and with the correlation data of the command, or on its `reply`",
        "when a command that asks for an answer has been carried out or refused",
    ),
    Topic(
        "status",
        "<prefix>/<site>/$status",
        "QoS 1, retained; the broker's will says `offline` when the agent is lost",
        "on connecting and on leaving",
    ),
    Topic(
        "flood",
        "<prefix>/<site>/$flood",
        "QoS 1, retained",
        "when changes of alarms begin to be withheld because of `floods.overall`, each `floods.overall.per` while they "
        "are, and when they no longer are",
    ),
)

_HEAD = """\
# Topics and messages

<!-- Made by `python -m agent.topictable > docs/reference/topics.md`; edit the types in agent/encode.py. -->

`<prefix>` is `twinned` unless configured otherwise. `<asset>` and `<site>` are one topic level whatever they are
called: `/ + # %`, control characters and a leading `$` are percent-encoded. All payloads are JSON objects; a number
that is not known yet is `null`. `twinned schema --messages` prints their JSON Schema.

| topic | delivery | when |
| --- | --- | --- |
"""


def table() -> str:
    """The page, in Markdown."""
    lines = [f"| `{t.topic}` | {t.delivery} | {t.when} |\n" for t in TOPICS]
    made = schemas()
    for t in TOPICS:
        lines += [f"\n## {t.message}\n\n`{t.topic}`\n", *_fields(made[t.message])]
    return _HEAD + "".join(lines)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    definitions: dict[str, Any] = schema.get("$defs", {})
    top = _followed(schema, definitions)
    yield from _rows(top)
    for name, definition in definitions.items():
        if definition is not top and "properties" in definition:
            yield f"\n`{name}`: {definition.get('description', '')}\n"
            yield from _rows(definition)


def _followed(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = definitions[schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _rows(definition: dict[str, Any]) -> Iterator[str]:
    yield "\n| field | type | meaning |\n| --- | --- | --- |\n"
    for name, field in definition["properties"].items():
        yield f"| `{name}` | {_type(field)} | {field.get('description', '')} |\n"


def _type(field: dict[str, Any]) -> str:
    """A JSON Schema type in a few words."""
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    kind: str = field.get("type", "any")
    if kind == "array":
        return f"array of {_type(field['items'])}"
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"by name: {_type(field['additionalProperties'])}"
    return kind


if __name__ == "__main__":
    print(table(), end="")
