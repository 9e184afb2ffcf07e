"""YAML text as a tree of nodes that remember where they stand.

Syntax only: what a node means is for `agent.validate` to say, which knows the type that is expected at its place.
The tree is built from parser events, not with PyYAML's composer: libyaml's composer recurses and overflows the C stack
on deep nesting, and aliases can be counted here before anything expands them. No constructor runs, so no tag can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from agent.scalars import Trap, resolve

MAX_DEPTH: Final = 32
MAX_NODES: Final = 500_000  # with every alias counted as often as it is used
MAX_SYNTAX_ERRORS: Final = 100

SECRET_KEY: Final = re.compile(r"(?i)pass(?!word_file|words?_files)|secret|token|api_?key|credential")
WORD: Final = re.compile(r"[A-Za-z0-9_$-]{1,40}")


class ScalarNode:
    """One scalar. `raw` marks text from the command line or the environment, which knows no quotes."""

    __slots__ = ("column", "line", "plain", "raw", "secret", "source", "text")

    def __init__(
        self, text: str, source: str, line: int = 0, column: int = 0, plain: bool = False, *, raw: bool = False
    ) -> None:
        self.text = text
        self.source = source
        self.line = line
        self.column = column
        self.plain = plain
        self.raw = raw
        self.secret = False


class ListNode:
    """A list of nodes."""

    __slots__ = ("column", "items", "line", "secret", "size", "source")

    def __init__(self, source: str, line: int = 0, column: int = 0) -> None:
        self.items: list[Node] = []
        self.source = source
        self.line = line
        self.column = column
        self.size = 1
        self.secret = False


class MapNode:
    """Keys in order of appearance, each with the node of the key, for its position, and that of the value."""

    __slots__ = ("column", "line", "pairs", "secret", "size", "source")

    def __init__(self, source: str, line: int = 0, column: int = 0) -> None:
        self.pairs: dict[str, tuple[ScalarNode, Node]] = {}
        self.source = source
        self.line = line
        self.column = column
        self.size = 1
        self.secret = False


Node = ScalarNode | ListNode | MapNode


class SyntaxProblem(NamedTuple):
    """Something the text may not contain, whatever the types: position, what was expected, what stands there."""

    line: int
    column: int
    expected: str
    got: str
    hint: str


class Parsed(NamedTuple):
    """What could be read, None where that is nothing, and what is wrong with it as YAML."""

    root: Node | None
    problems: list[SyntaxProblem]
    complete: bool  # False: reading ended at the last of the problems


def parse(text: str, source: str, *, lines: bool = True) -> Parsed:
    """The tree of one YAML document. `lines=False` leaves positions out, for text that comes from no file."""
    builder = _Builder(source, lines)
    try:
        root = builder.document(text)
    except _TooDeepError:
        builder = _Builder(source, lines, slowly=True)
        root = builder.document(text)
    return Parsed(root, builder.problems, builder.complete)


class _StopError(Exception):
    """Reading on would only repeat the problem."""


class _TooDeepError(Exception):
    """The quick parser refuses the text for its nesting before it tells of what comes before that."""


class _Builder:
    """Events to nodes. The recursion is as deep as the text is nested, hence at most MAX_DEPTH."""

    def __init__(self, source: str, lines: bool, *, slowly: bool = False) -> None:
        """slowly: with the parser in Python, which looks no further ahead than it has to."""
        import yaml

        self.slowly = slowly

        self.yaml = yaml
        self.scalar_event, self.alias_event = yaml.ScalarEvent, yaml.AliasEvent
        self.list_end, self.map_end = yaml.SequenceEndEvent, yaml.MappingEndEvent
        self.source = source
        self.lines = lines
        self.problems: list[SyntaxProblem] = []
        self.anchors: dict[str, Node] = {}
        self.count = 0
        self.complete = False
        # Keys that were looked at before, because the same few come again and again.
        self.plain_keys: set[str] = set()
        self.secret_keys: dict[str, bool] = {}

    def document(self, text: str) -> Node | None:
        yaml = self.yaml
        loader: Any = yaml.SafeLoader if self.slowly else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        root: Node | None = None
        try:
            events = iter(yaml.parse(text, Loader=loader))
            for event in events:
                if isinstance(event, yaml.NodeEvent):
                    if root is not None:
                        raise self.stop(event, "one YAML document", "a second one", "remove the line `---`")
                    root = self.node(event, events, 1)
            self.complete = True
        except yaml.MarkedYAMLError as error:
            if not self.slowly and "nesting" in (error.problem or ""):
                raise _TooDeepError from None
            self.problems.append(self.from_parser(error))
        except (yaml.YAMLError, ValueError, OverflowError):  # the last two: what a \\U escape can do in pure Python
            bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
            before = text[: bad.start()] if bad else ""
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            hint = "write it as an escape in double quotes, or remove it"
            got = f"the control character {ascii(bad[0])[1:-1]}" if bad else "a character that YAML does not allow"
            self.problems.append(
                SyntaxProblem(*((line, column) if self.lines else (0, 0)), "printable text", got, hint)
            )
        except _StopError:
            pass
        return root

    def position(self, mark: Any) -> tuple[int, int]:
        return (mark.line + 1, mark.column + 1) if self.lines and mark is not None else (0, 0)

    def problem(self, line: int, column: int, expected: str, got: str, hint: str) -> None:
        self.problems.append(SyntaxProblem(line, column, expected, got, hint))
        if len(self.problems) >= MAX_SYNTAX_ERRORS:
            raise _StopError

    def stop(self, event: Any, expected: str, got: str, hint: str = "") -> _StopError:
        self.problem(*self.position(event.start_mark), expected, got, hint)
        return _StopError()

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        kind = type(event)
        line, column = self.position(event.start_mark)
        node: Node
        if kind is self.alias_event:
            known = self.anchors.get(event.anchor)
            if known is None:
                # The name is not shown: an unquoted password may begin with an asterisk.
                hint = "text that begins with * needs quotes"
                raise self.stop(event, "an anchor that is defined before", "an alias without one", hint)
            self.count += 1 if isinstance(known, ScalarNode) else known.size
            self.bound(event, depth)
            return known
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            self.bound(event, depth)
        if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
            self.problem(line, column, "a value without a tag", "a tag", "text that begins with ! needs quotes")
        if kind is self.scalar_event:
            node = ScalarNode(event.value, self.source, line, column, event.implicit[0])
        elif kind is self.yaml.SequenceStartEvent:
            node = self.list(ListNode(self.source, line, column), events, depth)
        else:
            node = self.map(MapNode(self.source, line, column), events, depth, event.flow_style)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def bound(self, event: Any, depth: int) -> None:
        """End the reading of a text that is nested too deep or too large once its aliases are expanded."""
        if depth > MAX_DEPTH:
            raise self.stop(event, f"at most {MAX_DEPTH} levels of nesting", "more")
        if self.count > MAX_NODES:
            hint = "use fewer aliases of aliases"
            raise self.stop(event, f"at most {MAX_NODES} values, aliases expanded", "more", hint)

    def list(self, node: ListNode, events: Iterator[Any], depth: int) -> ListNode:
        start = self.count
        for event in events:
            if type(event) is self.list_end:
                break
            node.items.append(self.node(event, events, depth + 1))
        node.size = self.count - start + 1
        return node

    def map(self, node: MapNode, events: Iterator[Any], depth: int, flow: bool) -> MapNode:
        start = self.count
        merged: list[Node] = []
        after_secret = False
        for event in events:
            if type(event) is self.map_end:
                break
            key = self.node(event, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            # In { } a comma ends an unquoted password, and the rest of it looks like a key.
            key.secret = key.secret or after_secret
            if isinstance(key, ScalarNode) and key.plain and key.text == "<<":
                merged += value.items if isinstance(value, ListNode) else [value]
            elif self.is_key(key, event) and isinstance(key, ScalarNode):
                if first := node.pairs.get(key.text):
                    where = f"{show_key(key)} twice, first in line {first[0].line}"
                    self.problem(key.line, key.column, "each key once", where, "remove one of the two")
                    continue
                node.pairs[key.text] = (key, value)
                if self.is_secret(key.text):
                    taint(value)
                    after_secret = flow
        for source in merged:
            if not isinstance(source, MapNode):
                self.problem(node.line, node.column, "a mapping to merge after <<", "something else", "")
                continue
            for text, pair in source.pairs.items():
                node.pairs.setdefault(text, pair)
        node.size = self.count - start + 1
        return node

    def is_key(self, key: Node, event: Any) -> bool:
        """Report a key that is no plain text to every reader of YAML."""
        if isinstance(key, ScalarNode) and key.plain and key.text in self.plain_keys:
            return True
        line, column = self.position(event.start_mark)
        if not isinstance(key, ScalarNode):
            self.problem(line, column, "a name as key", "a list" if isinstance(key, ListNode) else "a mapping", "")
            return False
        value = resolve(key.text) if key.plain else key.text
        if isinstance(value, str):
            if key.plain:
                self.plain_keys.add(value)
            return True
        hint = "write it in quotes" if key.secret else f'write "{show_text(key.text)}"'
        if isinstance(value, Trap):
            self.problem(line, column, "a text as key", show_key(key), f"{value.why}; {hint}")
        else:
            got = f"{show_key(key)}, which is no text" if key.text else "nothing"
            self.problem(line, column, "a text as key", got, hint)
        return False

    def is_secret(self, key: str) -> bool:
        secret = self.secret_keys.get(key)
        if secret is None:
            secret = self.secret_keys[key] = SECRET_KEY.search(key) is not None
        return secret

    def from_parser(self, error: Any) -> SyntaxProblem:
        """The parser's complaint, cut where it would quote more of the file than punctuation: that may be a secret."""
        problem = _QUOTED.sub("it", str(error.problem or "something else"))
        mark = error.problem_mark or error.context_mark
        context = ""
        if error.context and error.context_mark:
            begin = error.context_mark
            if "end of stream" in problem:
                mark = begin
            since = f" that begins in line {begin.line + 1}" if self.lines and begin.line != mark.line else ""
            context = f"{_QUOTED.sub('it', error.context)}{since}: "
        hint = next((advice for sign, advice in _ADVICE if sign in problem), "")
        return SyntaxProblem(*self.position(mark), "valid YAML", f"{context}{problem}", hint)


def shorten(text: str, limit: int = 40) -> str:
    """Text that fits in one line of a message, whatever is in it."""
    safe = (
        text
        if text.isascii() and text.isprintable()
        else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    )
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


def show_text(text: str) -> str:
    """Text in one short line; a whole phrase that speaks of a secret may contain it."""
    return "text that is not shown" if SECRET_KEY.search(text) and not WORD.fullmatch(text) else shorten(text)


def show_key(key: ScalarNode) -> str:
    """A key as errors name it."""
    return "a key that is not shown" if key.secret else f"`{show_text(key.text)}`"


def taint(node: Node) -> None:
    """Mark a node and all below it as secret."""
    if not node.secret:
        node.secret = True
        if isinstance(node, ListNode):
            for item in node.items:
                taint(item)
        elif isinstance(node, MapNode):
            for _, value in node.pairs.values():
                taint(value)


_QUOTED: Final = re.compile(r"""'[^'\s]*\w[^'\s]*'|"[^"]*\w[^"]*\"""")
_ADVICE: Final = (
    ("mapping values are not allowed", "text that holds a colon and a space needs quotes; check the indentation"),
    ("\\t", "indent with spaces, not with tabs"),
    (
        "cannot start any token",
        "indent with spaces, not with tabs; text that begins with a special character such as % or @ needs quotes",
    ),
    ("did not find expected key", "check the indentation, and the quotes and brackets above"),
    ("could not find expected ':'", "a key needs a colon and a space after it; check the indentation"),
    ("unexpected end of stream", "a quote or a bracket is not closed"),
    ("did not find expected '-' indicator", "check the indentation of the list"),
)
