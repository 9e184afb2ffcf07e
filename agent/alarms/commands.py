"""Commands about alarms: what they may say, what they do to the twins, and what is answered.

Anything may arrive as a command; whatever it is, it becomes an answer, which teaches where it refuses. A command is
known by its id and what it is about, so that one which is delivered twice is done once. How commands arrive, and where
answers go, is the shell's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from agent.alarms.lifecycle import Lifecycle
from agent.alarms.operator import Deed, Verb
from agent.block import Block
from agent.config import Duration
from agent.encode import Answer, Told, Trouble
from agent.types import Outputs

ALL = "*"  # every alarm of the asset
REMEMBERED = 256  # commands that are known again when they come once more
MAX_ID, MAX_BY, MAX_COMMENT = 64, 64, 256  # characters
MAX_NAME = 1024

Result = Literal["done", "unchanged", "repeated", "refused", "retained"]
RESULTS: tuple[Result, ...] = ("done", "unchanged", "repeated", "refused", "retained")


class Command(NamedTuple):
    """What an operator wants done."""

    verb: Verb
    asset: str
    alarm: str  # or ALL
    lasts: float = 0.0  # of a shelving, seconds
    by: str = ""
    comment: str = ""
    id: str = ""  # of the sender's choice; empty: the command is never known again


class Refused(Exception):  # noqa: N818  # an answer, not a fault
    """A command that cannot be done."""

    def __init__(self, where: str, expected: str, got: str, hint: str = "", *, kind: str = "body") -> None:
        super().__init__(f"{where}: expected {expected}, got {got}")
        self.trouble = Trouble(where, expected, got, hint)
        self.kind = kind  # "body", "missing" (there is no such thing), or "state" (not now)

    def answer(self, verb: str, id: str = "", asset: str = "") -> Answer:
        return Answer(False, "refused", verb, id, asset, [], [], self.trouble)


# -- from bytes

_KEYS = ("asset", "alarm", "for", "by", "comment", "id", "reply")
_LIMITS = {"asset": MAX_NAME, "alarm": MAX_NAME, "by": MAX_BY, "comment": MAX_COMMENT, "id": MAX_ID, "reply": 65535}


class Wish(NamedTuple):
    """A payload as far as it could be read."""

    given: dict[str, Any]

    def text(self, key: str) -> str:
        """A text of the payload, or nothing: for an answer to a command that may be wrong elsewhere."""
        value = self.given.get(key, "")
        return value if isinstance(value, str) and len(value) <= _LIMITS[key] else ""


def read(payload: bytes, most: int) -> Wish:
    """The JSON object that a command is. Raises Refused."""
    if len(payload) > most:
        raise Refused("command", f"at most {most} bytes", f"{len(payload)} bytes", "see commands.max_payload")
    try:
        given = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("command", "a JSON object", f"what is none: {error}", _EXAMPLE) from None
    if not isinstance(given, dict):
        raise Refused("command", "a JSON object", _kind(given), _EXAMPLE)
    return Wish(given)


_EXAMPLE = 'for example {"asset": "pump1", "alarm": "overheat", "by": "anna"}'


def parse(verb: str, wish: Wish, max_shelve: float) -> Command:
    """The command of this name, checked as far as that goes without the twins. Raises Refused."""
    try:
        wanted = Verb(verb)
    except ValueError:
        raise Refused("verb", _one_of(Verb), _shown(verb), _meant(verb, Verb), kind="missing") from None
    for key in wish.given:
        if key not in _KEYS:
            raise Refused("command", f"the keys {', '.join(_KEYS)}", _shown(key), _meant(key, _KEYS))
    text = {key: _text(wish.given, key) for key in _LIMITS}
    for key in ("asset", "alarm"):
        if not text[key]:
            hint = "* means all alarms of the asset" if key == "alarm" else _EXAMPLE
            raise Refused(key, f"the name of an {key}", "none", hint)
    lasts = 0.0
    if wanted is Verb.SHELVE:
        lasts = _lasts(wish.given, max_shelve)
    elif "for" in wish.given:
        raise Refused("for", "no duration, as only shelving ends by itself", _shown(wish.given["for"]))
    return Command(wanted, text["asset"], text["alarm"], lasts, text["by"], text["comment"], text["id"])


def _text(given: dict[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise Refused(key, "a text", _kind(value))
    if len(value) > _LIMITS[key]:
        raise Refused(key, f"at most {_LIMITS[key]} characters", f"{len(value)}")
    return value


def _lasts(given: dict[str, Any], most: float) -> float:
    hint = f'such as "for": "8h", at most {most:g} s (commands.max_shelve)'
    if "for" not in given:
        raise Refused("for", "how long it is shelved", "nothing", hint)
    try:
        lasts = float(Duration.parse(given["for"]))
    except ValueError as error:
        raise Refused("for", str(error), _shown(given["for"]), hint) from None
    if not 0.0 < lasts <= most:
        raise Refused("for", f"more than nothing and at most {most:g} s", f"{lasts:g} s", hint)
    return lasts


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _shown(value: object) -> str:
    return ascii(value)[:100] if isinstance(value, str) else _kind(value)


def _one_of(names: Iterable[str]) -> str:
    some = list(names)
    return f"one of {', '.join(some[:20])}{' ...' if len(some) > 20 else ''}"


def _meant(text: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches  # here, because hardly anyone errs

    near = get_close_matches(text[:64], list(names), 3)
    return f"did you mean {' or '.join(near)}?" if near else ""


# -- to the twins


class Target(Protocol):
    """One alarm, of a twin or of a group, that a command is about."""

    @property
    def name(self) -> str: ...

    @property
    def words(self) -> str:
        """Its condition."""
        ...

    @property
    def held(self) -> bool:
        """Whether it is a latching alarm whose condition is there, so that no reset ends it."""
        ...

    def told(self) -> Told:
        """How it stands."""
        ...

    def act(self, verb: Verb, deed: Deed, until: float, out: Outputs) -> bool:
        """Do it; whether that changed anything."""
        ...


class OfTwin(NamedTuple):
    """An alarm of a twin."""

    block: Block
    alarm: Lifecycle
    row: int

    @property
    def name(self) -> str:
        return self.alarm.name

    @property
    def words(self) -> str:
        return self.alarm.rule.words

    @property
    def held(self) -> bool:
        return self.alarm.operator.latching and self.alarm.present(self.row)

    def told(self) -> Told:
        return Told(self.alarm.name, self.alarm.state(self.row), int(self.alarm.count[self.row]))

    def act(self, verb: Verb, deed: Deed, until: float, out: Outputs) -> bool:
        return self.block.act(self.alarm, verb, self.row, deed, until, out)


class Commands:
    """Carries commands out, and remembers those that may come again. Its state is part of the twins'."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, ...], None] = {}  # in their order, at most REMEMBERED

    def targets(self, command: Command, there: Sequence[Target] | None, near: Iterable[str]) -> list[Target]:
        """The alarms that it is about.

        there: all alarms of what has this name, None where nothing has; near: names of assets that may have been meant.
        Raises Refused.
        """
        if there is None:
            names = list(near)
            hint = f"did you mean {' or '.join(names)}?" if names else "GET /api/twins lists them"
            raise Refused("asset", "the name of an asset", _shown(command.asset), hint, kind="missing")
        if command.alarm == ALL:
            return list(there)
        found = [target for target in there if target.name == command.alarm]
        if not found:
            names = [target.name for target in there]
            expected = _one_of([*names, ALL]) if names else "an alarm, of which this asset has none"
            raise Refused("alarm", expected, _shown(command.alarm), _meant(command.alarm, names), kind="missing")
        if command.verb is Verb.RESET and found[0].held and not self.repeats(command):
            hint = "a latched alarm is reset once its condition is gone; acknowledge it until then"
            got = f"{found[0].told().state}: {found[0].words}"
            raise Refused("alarm", "one whose condition is gone", got, hint, kind="state")
        return found

    def repeats(self, command: Command) -> bool:
        return bool(command.id) and _key(command) in self.done

    def run(self, command: Command, now: float, targets: Iterable[Target], out: Outputs) -> Answer:
        """Do it. now: UTC seconds."""
        repeated = self.repeats(command)
        deed = Deed(now, command.by, command.comment)
        until = now + command.lasts if command.verb is Verb.SHELVE else -math.inf
        changed: list[Told] = []
        unchanged: list[Told] = []
        for target in targets:
            moved = not repeated and target.act(command.verb, deed, until, out)
            (changed if moved else unchanged).append(target.told())
        if command.id and not repeated:
            self.done[_key(command)] = None
            if len(self.done) > REMEMBERED:
                del self.done[next(iter(self.done))]
        result: Literal["done", "unchanged", "repeated"] = (
            "repeated" if repeated else "done" if changed else "unchanged"
        )
        return Answer(True, result, command.verb.value, command.id, command.asset, changed, unchanged)

    def export(self) -> list[list[str]]:
        return [list(key) for key in self.done]

    def load(self, saved: Iterable[Iterable[str]]) -> None:
        self.done = {tuple(key): None for key in saved}


def _key(command: Command) -> tuple[str, ...]:
    return command.id, command.verb.value, command.asset, command.alarm
