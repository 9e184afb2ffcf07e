"""Where to report: a node with its path, and the words of other modules' errors fitted to ours. No check is made here."""

from __future__ import annotations

import re
from typing import Final

from agent.topics import TopicTemplate
from agent.validate import Walk
from agent.wording import Path, got, show_path
from agent.yamltree import ListNode, MapNode, Node, shorten

Keys = tuple[str | int, ...]

_TEACHING: Final = re.compile(r"(?s)(?:(\w+): )?expected (.*?), got:? (.*?)(?:; hint: (.*))?")


class Place:
    """A node with its path, and how to report at a key below it."""

    __slots__ = ("node", "path", "walk")

    def __init__(self, walk: Walk, node: Node, path: Path | None) -> None:
        self.walk = walk
        self.node = node
        self.path = path

    def find(self, keys: Keys) -> tuple[Node, Path | None]:
        """The node at these keys, or the nearest above it that is there; the path is the full one."""
        node, path, there = self.node, self.path, True
        for key in keys:
            path = (path, key)
            if not there:
                continue
            if isinstance(node, MapNode) and key in node.pairs:
                node = node.pairs[str(key)][1]
            elif isinstance(node, ListNode) and isinstance(key, int) and key < len(node.items):
                node = node.items[key]
            else:
                there = False
        return node, path

    @property
    def label(self) -> str:
        """The path in words, such as assets[0]."""
        return show_path(self.path)

    def has(self, key: str) -> bool:
        return isinstance(self.node, MapNode) and key in self.node.pairs

    def report(self, keys: Keys, expected: str, found: str | None = None, hint: str = "") -> None:
        """`found` None: what stands at the keys."""
        node, path = self.find(keys)
        self.walk.error(node, path, expected, got(node) if found is None else found, hint)

    def teach(self, keys: Keys, message: str) -> None:
        """Report an error of another module in its own words, cut to the four parts of ours."""
        if m := _TEACHING.fullmatch(message):
            key, expected, found, hint = m.groups()
            node, _ = self.find((*keys, key)) if key else (None, None)
            below = (*keys, key) if key and node is not self.find(keys)[0] else keys
            self.report(
                below,
                expected if key is None or below != keys else f"{key}: {expected}",
                shorten(found, 200),
                hint or "",
            )
        else:
            self.report(keys, "settings that fit together", shorten(message, 200))


def said(error: Exception) -> str:
    """What an exception says; its kind where its words alone do not teach."""
    text = str(error)
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"


def parsed(place: Place, keys: Keys, text: str) -> TopicTemplate | None:
    try:
        return TopicTemplate.parse(text)
    except ValueError as error:
        place.teach(keys, str(error))
        return None
