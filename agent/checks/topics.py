"""Checks of topics: each channel is heard in one place, each block gets its messages, and none of them is our own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.checks.place import Keys, Place, parsed
from agent.config import AssetBlock, Config
from agent.topics import TopicTemplate, check_asset_name

Templates = list[tuple[Keys, TopicTemplate]]


class Heard(NamedTuple):
    """A block, where it stands, and the topics it hears, as far as they could be read."""

    block: AssetBlock
    place: Place
    templates: Templates


def topics(block: AssetBlock, place: Place) -> Templates:
    """Each channel is heard somewhere, in one place, and every topic names the asset in the same way."""
    own = {name: c.topic for name, c in block.channels.items() if c is not None and c.topic is not None}
    templates: Templates = []
    main: TopicTemplate | None = None
    if block.topic is not None:
        main = parsed(place, ("topic",), block.topic)
        if main is not None:
            templates.append((("topic",), main))
    else:
        for name in block.channels:
            if name not in own:
                hint = "give the block a `topic`, or this channel one of its own"
                place.report(("channels", name), "a topic", "none", hint)
    for name, text in own.items():
        keys: Keys = ("channels", name, "topic")
        template = parsed(place, keys, text)
        if template is None:
            continue
        if "channel" in template.names:
            place.report(
                keys, "a topic of this channel alone", "{channel} in it", f"write {name} instead, or + for any level"
            )
        elif main is not None and "channel" in main.names:
            hint = "remove one of the two"
            place.report(keys, "no topic of its own, as the block's topic names the channel", hint=hint)
        else:
            templates.append((keys, template))
    for where, template in templates:
        try:
            check_asset_name(block.name, template.names)
        except ValueError as error:
            wrong_name = block.name is not None and template is templates[0][1]
            place.teach(("name",) if wrong_name else where, str(error))
        if block.parent is not None:
            try:
                check_asset_name(block.parent, template.names)
            except ValueError as error:
                place.teach(("parent",), str(error))
                break
    if block.name is None and len(templates) > 1:
        first = _asset_levels(templates[0][1])
        for where, template in templates[1:]:
            levels = _asset_levels(template)
            if levels and first and levels != first:
                hint = "or say how the asset is called with `name`"
                place.report(where, f"the levels {_braced(first)}, as elsewhere in the block", _braced(levels), hint)
    return templates


def _asset_levels(template: TopicTemplate) -> tuple[str, ...]:
    return tuple(name for name in template.names if name != "channel")


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def one_channel_per_topic(block: AssetBlock) -> bool:
    if block.topic is not None and "{channel}" in block.topic:
        return True
    return all(c is not None and c.topic is not None for c in block.channels.values())


class _Filters:
    """Subscription filters as a tree of levels, to ask which earlier one takes all messages of a later one."""

    def __init__(self) -> None:
        self.levels: dict[str, _Filters] = {}
        self.owner: str | None = None

    def add(self, levels: Sequence[str], owner: str) -> None:
        tree = self
        for level in levels:
            tree = tree.levels.setdefault(level, _Filters())
        tree.owner = tree.owner or owner

    def covering(self, levels: Sequence[str]) -> str | None:
        trees = [self]
        for level in levels:
            below: list[_Filters] = []
            for tree in trees:
                if "#" in tree.levels:
                    return tree.levels["#"].owner
                if level != "#":
                    below += [tree.levels[name] for name in dict.fromkeys((level, "+")) if name in tree.levels]
            trees = below
        owners = [tree.owner or (tree.levels["#"].owner if "#" in tree.levels else None) for tree in trees]
        return next((owner for owner in owners if owner), None)


def reached(blocks: Sequence[Heard]) -> None:
    """The first block whose topic matches takes a message: a later one must have something left."""
    tree = _Filters()
    for _, place, templates in blocks:
        for keys, template in templates:
            if owner := tree.covering(template.filter.split("/")):
                hint = "put the more specific topic first"
                place.report(keys, "a topic that no earlier block takes", f"one that {owner} takes", hint)
        for _, template in templates:
            tree.add(template.filter.split("/"), place.label)


def hears_itself(config: Config, blocks: Sequence[Heard]) -> None:
    """No subscription may match what the agent publishes."""
    root = [config.prefix, config.site]
    published = [[*root, "+", "state"], [*root, "+", "forecast"], [*root, "+", "alarm", "+"]]
    for _, place, templates in blocks:
        for keys, template in templates:
            levels = template.filter.split("/")
            if any(_overlap(levels, topic) for topic in published):
                hint = f"begin the topic with a level of its own, or choose another `prefix` than {config.prefix}"
                place.report(keys, "a topic that the agent does not publish under", hint=hint)


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether some topic matches both filters; only the first may end in #."""
    for i, level in enumerate(one):
        if level == "#":
            return True
        if i >= len(other) or (level != other[i] and "+" not in (level, other[i])):
            return False
    return len(one) == len(other)
