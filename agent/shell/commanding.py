"""Commands on their way in and answers on their way out, over MQTT and HTTP, around `agent.alarms.commands`.

An agent that publishes wherever it is told to would lend its rights at the broker to anyone, so answers go only where
answers belong. A retained command is an order from another day, and is not carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from agent.alarms.commands import RESULTS, Command, Refused, Result, Wish, parse, read
from agent.alarms.operator import Verb
from agent.config import Config
from agent.encode import ENCODER, Answer
from agent.shell.events import Event
from agent.shell.frames import sendable
from agent.types import Asking, Batch, Outputs, Publications

if TYPE_CHECKING:
    from agent.twins import Twins

ANSWER_EXPIRY = 60  # seconds: nobody waits longer
MAX_REPLY = 512  # bytes of a topic that an answer goes to
UNKNOWN = "unknown"  # stands for any verb that is none
Record = Callable[[Command, float], None]


class Reply(NamedTuple):
    """Where an answer goes."""

    topic: bytes
    correlation: bytes | None


class Commanding:
    """What the service asks for commands. `counts` is by verb and result."""

    def __init__(self, config: Config, now: Callable[[], float], events: Callable[[Event], None]) -> None:
        self.counts = {(verb, result): 0 for verb in (*Verb, UNKNOWN) for result in RESULTS}
        self._now, self._events = now, events
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over another configuration; what was counted stays."""
        root = f"{config.prefix}/{config.site}"
        self._settings = config.commands
        self._topic = f"{root}/$command/".encode()
        self._filters = [wanted.split("/") for wanted in (f"{root}/$reply/#", *config.commands.reply_to)]

    # -- over MQTT

    def on_messages(self, twins: Twins, batch: Batch, places: Sequence[int], record: Record | None) -> list[Outputs]:
        """The messages of a batch that are commands, and what comes of them."""
        asking = dict(batch.asking)
        return [self._on_message(twins, batch, k, asking.get(k), record) for k in places]

    def _on_message(
        self, twins: Twins, batch: Batch, place: int, asking: Asking | None, record: Record | None
    ) -> Outputs:
        name = batch.topics[place].removeprefix(self._topic).decode(errors="replace")
        if batch.retained[place]:
            self._count(name, "retained")
            self._tell("a retained command is not carried out", name, "publish commands without retain")
            return Outputs()
        wish = Wish({})
        out = Outputs()
        try:
            wish = read(batch.payloads[place], int(self._settings.max_payload))
            reply = self._reply(asking, wish)
        except Refused as refused:
            reply, answer = self._reply_where_it_may(asking), self._refuse(name, wish, refused)
        else:
            out, answer = self._run(twins, name, wish, record)
        if reply is not None:
            payload = ENCODER.encode(answer)
            out.publications.append(
                Publications((reply.topic,), (payload,), 1, expiry=ANSWER_EXPIRY, correlation=reply.correlation)
            )
        return out

    def _reply(self, asking: Asking | None, wish: Wish) -> Reply | None:
        """Where the answer is wanted. Raises Refused where it may not go."""
        given = wish.given.get("reply", "")
        if asking is None and not given:
            return None
        topic = (
            asking.topic if asking is not None else given.encode(errors="replace") if isinstance(given, str) else b""
        )
        if not self._may_go(topic):
            shown = ascii(topic.decode(errors="replace"))[:100]
            hint = "or list a filter for it in commands.reply_to"
            raise Refused("reply", f"a topic under {'/'.join(self._filters[0][:-1])}/", shown, hint)
        return Reply(topic, None if asking is None else asking.correlation)

    def _reply_where_it_may(self, asking: Asking | None) -> Reply | None:
        return Reply(*asking) if asking is not None and self._may_go(asking.topic) else None

    def _may_go(self, topic: bytes) -> bool:
        if not 0 < len(topic) <= MAX_REPLY or not sendable((topic,)):
            return False
        try:
            levels = topic.decode().split("/")
        except UnicodeDecodeError:
            return False
        return any(_matches(wanted, levels) for wanted in self._filters)

    # -- over HTTP

    def on_request(
        self, twins: Twins, verb: str, asset: str, alarm: str, body: bytes, record: Record | None
    ) -> tuple[Outputs, Answer, str]:
        """A command that came as a request; with its answer comes the kind of trouble there was, empty for none."""
        try:
            wish = read(body, int(self._settings.max_payload))
            for key, value in (("asset", asset), ("alarm", alarm)):
                if wish.given.setdefault(key, value) != value:
                    raise Refused(key, f"{value!r}, as in the path", ascii(wish.given[key])[:100], "leave it out")
            if "reply" in wish.given:
                raise Refused("reply", "none, as the answer comes as this request's", "one", "leave it out")
            command = parse(verb, wish, float(self._settings.max_shelve))
            out, answer = twins.on_command(command, self._now(), record)
        except Refused as refused:
            return Outputs(), self._refuse(verb, Wish({"asset": asset}), refused), refused.kind
        self._count(verb, answer.result)
        return out, answer, ""

    # -- both

    def _run(self, twins: Twins, verb: str, wish: Wish, record: Record | None) -> tuple[Outputs, Answer]:
        try:
            command = parse(verb, wish, float(self._settings.max_shelve))
            out, answer = twins.on_command(command, self._now(), record)
        except Refused as refused:
            return Outputs(), self._refuse(verb, wish, refused)
        self._count(verb, answer.result)
        return out, answer

    def _refuse(self, verb: str, wish: Wish, refused: Refused) -> Answer:
        self._count(verb, "refused")
        self._tell("a command is refused", verb, str(refused))
        return refused.answer(verb[:32], wish.text("id"), wish.text("asset"))

    def _count(self, verb: str, result: Result) -> None:
        self.counts[verb if (verb, result) in self.counts else UNKNOWN, result] += 1

    def _tell(self, event: str, verb: str, why: str) -> None:
        self._events(Event("warning", event, verb[:32], {"verb": verb[:32], "why": why}))


def _matches(wanted: list[str], levels: list[str]) -> bool:
    """Whether a topic filter (MQTT 5.0 §4.7) takes a topic, both by their levels."""
    if wanted[0] in ("+", "#") and levels[0].startswith("$"):
        return False
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
