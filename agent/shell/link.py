"""One connection to the broker: a stream, the wire over it, and paho on top, as long as it lasts.

paho's callbacks end here: what they say becomes plain values that the session reads after each call. An exception out
of paho, or whatever a broker sends, ends the connection and nothing else. When to connect again is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf
from select import POLLIN, POLLOUT, poll
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.config import Mqtt
from agent.shell.dial import default_port
from agent.shell.frames import Decoder, Encoder, pubacks
from agent.shell.stream import Stream
from agent.shell.wire import Counters, Wire
from agent.types import Reason, Reject

WILL_DELAY = 5
WINDOW_V3 = 20  # QoS 1 publications under way; MQTT 3.1.1 brokers do not say how many they take
WINDOW_V5 = 1000
MAX_PACKET = 1 << 28
SUBSCRIPTIONS_PER_PACKET = 8  # some hosted brokers refuse more
LINGER = 1.0  # seconds to let the broker read the farewell

KEEPALIVE_TIMEOUT = 0x8D
SESSION_TAKEN_OVER = 0x8E
DISCONNECT_WITH_WILL = 0x04


class Subscription(NamedTuple):
    """A topic filter, and the quality of service wanted for it."""

    filter: str
    qos: int


class Identity(NamedTuple):
    """Who connects, and what the broker is to say when it is gone."""

    client_id: str
    username: str | None
    password: str | None
    status_topic: str
    offline: bytes


class Accepted(NamedTuple):
    """The broker's CONNACK."""

    code: int  # 0: connected
    words: str  # of the code
    session_present: bool = False
    keepalive: int | None = None  # what the broker demands instead, where paho does not see to it


class _Paho(Client):
    """paho's client on our wire."""

    def __init__(self, wire: Wire, client_id: str, v5: bool, clean: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if v5 else clean,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._wire = wire

    def _create_socket(self) -> Wire:
        return self._wire


class Link:
    """A connection. Call `work` after the stream was read; `over` says why it has come to its end, once it has."""

    def __init__(
        self, stream: Stream, config: Mqtt, counters: Counters, identity: Identity, *, v5: bool, answered: bytes = b""
    ) -> None:
        clean = float(config.session_expiry) == 0
        self._config = config
        self._counters = counters
        self._clean = clean
        self._asked: dict[int, list[Subscription]] = {}  # SUBSCRIBE packets that have no answer yet
        self.v5 = v5
        self.stream = stream
        self.decoder = Decoder(v5=v5, max_payload=config.max_payload, answered=answered)
        self.encoder = Encoder(v5=v5)
        self.wire = Wire(stream, self.decoder, counters)
        self._leaving = False
        self.over = ""
        self.accepted: Accepted | None = None
        self.taken_over = False
        self.answers: dict[Subscription, str] = {}  # what the broker said of each: nothing, or why it refuses
        self.answer_due = inf
        self.misc_due = inf
        self.since = 0.0
        self.announced = False
        self.watching: int | None = None  # packet identifier of a subscription that may fail
        self.window = WINDOW_V5 if v5 else WINDOW_V3
        self.max_packet = MAX_PACKET
        self.max_qos = 1
        self.retain_allowed = True
        client = self._client = _Paho(self.wire, identity.client_id, v5, clean)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if identity.username is not None:
            client.username_pw_set(identity.username, identity.password)
        will = None
        if v5 and not clean:
            # A reconnect within this time takes up the session, and nobody hears of the gap.
            will = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            will.WillDelayInterval = WILL_DELAY
        client.will_set(identity.status_topic, identity.offline, qos=1, retain=True, properties=will)

    # what the session asks for

    def connect(self, keepalive: int) -> None:
        """Send CONNECT."""
        host, port = self._config.host, default_port(self._config)
        client = self._client
        if not self.v5:
            self._guarded(lambda: client.connect(host, port, keepalive))
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = min(ceil(self._config.session_expiry), 0xFFFFFFFF)
        properties.ReceiveMaximum = self._config.receive_maximum
        self._guarded(lambda: client.connect(host, port, keepalive, clean_start=self._clean, properties=properties))

    def subscribe(self, wanted: Sequence[Subscription]) -> None:
        """Ask for these; what the broker says of each turns up in `answers`."""
        for i in range(0, len(wanted), SUBSCRIPTIONS_PER_PACKET):
            part = list(wanted[i : i + SUBSCRIPTIONS_PER_PACKET])
            self._guarded(lambda part=part: self._subscribe(part))  # type: ignore[misc]  # bound on purpose

    def unanswered(self) -> int:
        """SUBSCRIBE packets that the broker has not answered."""
        return len(self._asked)

    def misc(self, now: float) -> None:
        """Whatever paho does by the clock: it pings, and ends the connection when nothing came back."""
        self.misc_due = now + self.misc_interval()
        self._guarded(self._client.loop_misc)

    def misc_interval(self) -> float:
        """Seconds between calls of `misc`: often enough to ping in time."""
        keepalive = self._client.keepalive
        return min(max(keepalive / 4, 0.25), 5.0) if keepalive else 60.0

    def work(self) -> None:
        """Let paho read what is its own and write what it wants to; then see whether this is the end."""
        decoder, client, wire = self.decoder, self._client, self.wire
        while not wire.closed and not self.over:
            if decoder.control:
                # paho before 2.2 does not read a DISCONNECT that has a reason and hardly more.
                self.taken_over = self.v5 and bytes(decoder.control[:3]) in (b"\xe0\x01\x8e", b"\xe0\x02\x8e")
                self._guarded(client.loop_read)
            elif not decoder.resume():
                break
        if client.want_write() and not wire.closed:
            self._guarded(client.loop_write)
        if decoder.refused:
            wire.write(pubacks(decoder.refused))
            decoder.refused = []
        self.check()

    def check(self) -> None:
        """Notice an end that came without paho."""
        if self.over or self._leaving:
            return
        if self.decoder.error:
            self._counters.protocol_errors += 1
            self.over = f"the broker sent {self.decoder.error}"
        elif self.wire.lost:
            self.over = self.wire.lost
        elif self.wire.closed:
            self._counters.protocol_errors += 1
            self.over = "the broker broke the protocol"

    def by_broker(self) -> bool:
        """Whether it was the broker, or the network, that ended it."""
        return bool(self.wire.lost) or self.taken_over

    def wait(self, deadline: float, clock: Callable[[], float]) -> bool:
        """Wait until the stream can be read or written, for a moment at most, and send; False when time is over."""
        left = deadline - clock()
        if left <= 0 or self.over:
            return False
        waiting = poll()
        waiting.register(self.stream.fileno(), POLLIN | (POLLOUT if self.wire.wants_write() else 0))
        waiting.poll(min(left, 0.1) * 1000)
        self.wire.flush()
        self.check()
        return True

    def leave(self, deadline: float, clock: Callable[[], float], *, said: bool) -> None:
        """DISCONNECT, such that the broker publishes the will if it was not `said` that we go offline."""
        if not said and not self.v5:
            return  # 3.1.1 has no other way to leave the will behind than to just go
        self._leaving = True
        code = None if said else ReasonCode(PacketTypes.DISCONNECT, identifier=DISCONNECT_WITH_WILL)
        self._guarded(lambda: self._client.disconnect(reasoncode=code))
        self.wire.flush()
        end = max(min(deadline, clock() + LINGER), clock() + 0.1)
        while self.wire.wants_write() and self.wait(end, clock):
            pass
        # Closing with unread bytes in the buffer resets the connection, and the farewell may be lost with it.
        self.stream.finish()
        while not self.wire.lost and self.wait(end, clock):
            self.wire.fill()
            self.decoder.take()
            self.decoder.control.clear()

    def watch(self, filter: str) -> None:
        """Subscribe to something that is not needed: `watching` until there is an answer, which may be a refusal."""
        _, self.watching = self._client.subscribe(filter, 0)

    # what paho says

    def _subscribe(self, part: list[Subscription]) -> None:
        if self.v5:
            # A kept session keeps its subscriptions too, and asking for them again must not replay what is retained.
            keep = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            _, packet_id = self._client.subscribe(
                [(s.filter, SubscribeOptions(qos=s.qos, retainHandling=keep)) for s in part]
            )
        else:
            _, packet_id = self._client.subscribe([(s.filter, s.qos) for s in part])
        if packet_id is not None:
            self._asked[packet_id] = part

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        limits: dict[str, Any] = {} if properties is None else properties.json()  # type: ignore[no-untyped-call]  # paho leaves it untyped
        self.window = min(self.window, limits.get("ReceiveMaximum", 0xFFFF))
        self.max_packet = limits.get("MaximumPacketSize", MAX_PACKET)
        self.max_qos = limits.get("MaximumQoS", 1)
        self.retain_allowed = bool(limits.get("RetainAvailable", 1))
        keepalive = limits.get("ServerKeepAlive")
        if keepalive == client.keepalive:
            keepalive = None
        self.accepted = Accepted(code.value, _say(code), flags.session_present, keepalive)

    def _on_disconnect(self, client: Client, _: Any, flags: DisconnectFlags, code: ReasonCode | None, *__: Any) -> None:
        if self.over or self.accepted is None or self.accepted.code:
            return
        if flags.is_disconnect_packet_from_server:
            self.taken_over = self.taken_over or (code is not None and code.value == SESSION_TAKEN_OVER)
            words = "session taken over (0x8e)" if self.taken_over else _say(code)
            self.over = f"the broker ended the connection: {words}"
        elif code is not None and code.value == KEEPALIVE_TIMEOUT:
            self.over = "the broker did not answer a ping in time"
        elif code is not None and code.is_failure:
            self._counters.protocol_errors += 1
            self.over = f"the broker broke the protocol: {_say(code)}"

    def _on_subscribe(self, client: Client, _: Any, packet_id: int, codes: list[ReasonCode], *__: Any) -> None:
        if packet_id == self.watching:
            self.watching = None
        for i, subscription in enumerate(self._asked.pop(packet_id, ())):
            if i < len(codes):
                self.answers[subscription] = _say(codes[i]) if codes[i].is_failure else ""
            else:
                self.answers[subscription] = "its answer does not mention it"

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        """A message that was not plain enough for the wire."""
        packet_id = message.mid if message.qos == 1 else 0
        if message.qos == 2:
            client.ack(message.mid, 2)
        try:
            topic = message.topic.encode()
        except UnicodeError:
            # paho does not hand out a topic that is no text, so nobody can be told which.
            self.decoder.reject(Reject(b"", Reason.MALFORMED, "the topic is not UTF-8"), packet_id)
            return
        self.decoder.add(topic, bytes(message.payload), message.retain, packet_id)

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            self._counters.protocol_errors += 1
            self.over = f"what the broker sent could not be handled: {error!r}"


def _say(code: ReasonCode | None) -> str:
    return "no reason given" if code is None else f"{str(code).lower()} (0x{code.value:02x})"
