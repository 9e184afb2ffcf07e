"""The MQTT session: connecting, subscribing, staying connected, and saying so; telemetry in batches both ways.

Everything here happens on the thread that calls it, and no call raises because of what a broker or the network does.
A connection is a `Link`; this is what outlives it. Nothing here knows what a payload means.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from enum import Enum
from math import ceil, inf
from typing import Literal

from agent.config import Mqtt
from agent.shell.dial import Dial, DialError, default_port
from agent.shell.events import Event
from agent.shell.frames import pubacks
from agent.shell.link import Accepted, Identity, Link, Subscription
from agent.shell.moderation import Moderation
from agent.shell.outgoing import Outgoing
from agent.shell.shed import TOPIC, Shed
from agent.shell.wire import READ_SIZE, Counters
from agent.types import Batch, Publications, Reason, Reject

__all__ = ["Counters", "Session", "Subscription"]

TICK = 2.0**-20  # seconds, between messages read in one go; times of this century hold it exactly
COARSE = 1.0  # seconds; a clock further back than this was set
STABLE = 10.0  # seconds a connection must have lasted to count as a good one
FLAPPING = 5.0  # seconds; three connections in a row that the broker ends sooner look like a second client
FLAPS = 3
V5_PATIENCE = 2.0  # seconds for the answer to CONNECT before 3.1.1 is tried
READ_ANYWAY = 1.0  # seconds between reads while the broker does not take what it is sent
RETRY_V5 = 3600.0  # seconds until a broker that refused MQTT 5 is asked again, at the next connection

UNSUPPORTED_VERSION = 0x84
HINTS = {0x85: "; see `mqtt.client_id`"} | dict.fromkeys((0x86, 0x87), "; see `mqtt.username`, `mqtt.password_file`")


class _Phase(Enum):
    WAITING = "for the next attempt"
    DIALING = "for a stream to the broker"
    CONNECTING = "for the answer to CONNECT"
    CONNECTED = "for nothing"
    STOPPED = "no more"


class Session:
    """The session with one broker. The service selects on `fileno`, and calls `on_time` when `next_time` is due.

    `fileno` may name another connection after any call, even with the same number: select afresh each turn.
    """

    def __init__(
        self,
        config: Mqtt,
        *,
        client_id: str,
        subscriptions: Sequence[Subscription],
        status_topic: str,
        online: Callable[[], bytes],
        offline: bytes,
        secrets: tuple[str | None, str | None],
        clock: Callable[[], float],
        now: Callable[[], float],
        random: random.Random,
        events: Callable[[Event], None],
        wake: Callable[[], None],
        answered: bytes = b"",
    ) -> None:
        """answered: beginning of the topics whose senders may want an answer."""
        self._config = config
        self._identity = Identity(client_id, *secrets, status_topic, offline)
        self._subscriptions = [Subscription(*subscription) for subscription in subscriptions]
        self._online = online
        self._clock = clock
        self._now = now
        self._random = random
        self._events = events
        self._wake = wake
        self._answered = answered
        self._where = f"{config.host}:{default_port(config)}"
        self._keepalive = min(ceil(config.keepalive), 0xFFFF)
        self._phase = _Phase.WAITING
        self._due = clock()  # end of the phase
        self._attempts = 0  # without a good connection since
        self._flaps = 0
        self._dial: Dial | None = None
        self._link: Link | None = None
        self._v5_refused: float | None = None
        self._v3_next = False  # MQTT 5 got no answer just now
        self._refused: dict[Subscription, str] = {}
        self._subscribe_attempts = 0
        self._subscribe_due = inf
        own = any(s.filter.startswith("$SYS") for s in self._subscriptions)
        self._shed = Shed(wanted=config.watch_drops and not own, events=events)
        self._crowded = int(config.max_outgoing) // 8
        self._read_due = -inf
        self._moderation = Moderation(float(config.gather))
        self._rejects: list[Reject] = []
        self._arrived = -inf  # UTC seconds, of the newest message
        self._reason = "not connected yet"
        self.counters = Counters()
        self._outgoing = Outgoing(config, self.counters, clock=clock, events=events)
        self.connected = False
        self.subscribed = False
        self._forgotten = False

    # what is known

    @property
    def protocol(self) -> Literal["5", "3.1.1"] | None:
        """The version spoken with the broker; None while not connected."""
        if self._link is None or not self.connected:
            return None
        return "5" if self._link.v5 else "3.1.1"

    @property
    def reason(self) -> str:
        """Why it is not connected and subscribed, in words; empty when it is."""
        return "" if self.connected and self.subscribed else self._reason

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the network."""
        return 0 if self._link is None else self._link.wire.waiting()

    @property
    def unacknowledged(self) -> int:
        """Messages of QoS 1 that were handed out and wait for `acknowledge`."""
        return 0 if self._link is None else len(self._link.decoder.ids)

    def take_settled(self) -> list[int]:
        """The store's numbers of publications that the broker has by now."""
        outbox = self._outgoing.outbox
        settled, outbox.settled = outbox.settled, []
        return settled

    def take_forgotten(self) -> bool:
        """Whether the broker has, since last asked, begun without what it knew: what it retained may be gone, too."""
        forgotten, self._forgotten = self._forgotten and self.subscribed, self._forgotten and not self.subscribed
        return forgotten

    def announce(self) -> None:
        """Say how it goes once more, because it goes otherwise."""
        if self._link is not None and self.connected and self._link.announced:
            self._say(self._online(), self._link)

    def take_rejects(self) -> list[Reject]:
        """Messages that the last `on_readable` refused unread."""
        rejects, self._rejects = self._rejects, []
        return rejects

    # what the loop waits for

    def fileno(self) -> int:
        """The descriptor to select on, -1 when there is none."""
        return -1 if self._link is None else self._link.stream.fileno()

    def wants_write(self) -> bool:
        """Whether `on_writable` should be called when the descriptor is writable."""
        return self._link is not None and self._link.wire.wants_write()

    def wants_read(self) -> bool:
        """Whether `on_readable` should be called when the descriptor is readable.

        Where messages come by the thousand, some milliseconds' worth of them is left to gather (`mqtt.gather`). While much
        waits to leave, what comes in is left to wait with the broker, since each message makes more; but for a turn a
        second, for the answers to pings and publications are among it.
        """
        link = self._link
        if link is None:
            return True
        due = self._moderation.due if link.wire.waiting() <= self._crowded else self._read_due
        return due == -inf or self._clock() >= due

    def next_time(self) -> float:
        """When `on_time` should be called, in seconds of `clock`; in the past if now."""
        if self._phase is _Phase.DIALING and self._dial is not None and self._dial.result() is not None:
            return 0.0
        if self._link is None:
            return self._due
        due = min(self._due, self._link.answer_due, self._link.misc_due, self._subscribe_due)
        reading = self._moderation.due if self._link.wire.waiting() <= self._crowded else self._read_due
        return due if reading <= self._clock() else min(due, reading)

    # what the loop does

    def on_readable(self) -> Batch | None:
        """Everything that has arrived, at most about 64 KiB; None if that is no message."""
        link = self._link
        if link is None:
            return None
        self._rejects = []
        if link.wire.waiting() > self._crowded:
            self._read_due = self._clock() + READ_ANYWAY
        before = self.counters.bytes_in
        link.wire.fill()
        self._work(link)
        decoder = link.decoder
        if decoder.rejects:
            self._rejects, decoder.rejects = decoder.rejects, []
            self.counters.oversize += sum(reject.reason is Reason.TOO_LARGE for reject in self._rejects)
        if not decoder.topics:
            return None
        asking, decoder.asking = decoder.asking, []
        topics, payloads, retained = decoder.take()
        self.counters.received += len(topics)
        # Neither side may be kept waiting for what the other one's next acknowledgement makes room for.
        awaited = bool(decoder.ids or self._outgoing.outbox)
        full = self.counters.bytes_in - before >= READ_SIZE
        self._moderation.read(len(topics), self._clock(), awaited=awaited, more=full)
        batch = Batch(topics, payloads, self._arrivals(len(topics)), retained, asking)
        if self._shed.wanted and TOPIC in topics:
            others, more = self._shed.sift(batch)
            self.counters.shed += more
            return others
        return batch

    def _arrivals(self, count: int) -> list[float]:
        """Times of arrival that differ, or a reading without a time of its own would count as one that came twice."""
        now = self._now()
        # A clock that was set back is followed; one that has not moved on since the last message is helped along.
        first = self._arrived + TICK if now <= self._arrived < now + COARSE else now
        self._arrived = first + (count - 1) * TICK
        return [first + k * TICK for k in range(count)]

    def on_writable(self) -> None:
        """Send what could not be sent before."""
        self.flush()

    def on_time(self) -> None:
        """Whatever is due: an attempt to connect, its end, a ping, a subscription to ask for again."""
        now = self._clock()
        link = self._link
        if self._phase is _Phase.WAITING and now >= self._due:
            self._start_dialing(now)
        elif self._phase is _Phase.DIALING and self._dial is not None:
            self._on_dialed(self._dial, now)
        elif link is not None:
            if now >= self._due:
                link.over = f"{self._where} accepted the connection, but did not answer CONNECT in time"
                self._lose(link)
            elif now >= link.answer_due:
                link.over = "the broker did not answer SUBSCRIBE in time"
                self._lose(link)
            else:
                if now >= link.misc_due:
                    link.misc(now)
                if now >= self._subscribe_due:
                    self._subscribe(link, list(self._refused))
                self._work(link)

    def drain(self) -> None:
        """From now on leave nothing to gather: the end is near."""
        self._moderation.stop()

    def publish(self, groups: Sequence[Publications]) -> int:
        """Hand over publications; returns how many were taken. They leave with `flush`.

        QoS 0 is given up when there is no connection or `max_outgoing` bytes wait; QoS 1 is kept until the broker
        has it, and only given up (oldest first) when a whole table of it waits. Both are counted.
        """
        return self._outgoing.publish(groups, self._link if self.connected else None)

    def acknowledge(self) -> None:
        """Tell the broker that every QoS 1 message handed out so far is safe; leaves with `flush`."""
        link = self._link
        if link is None or not link.decoder.ids:
            return
        ids, link.decoder.ids = link.decoder.ids, []
        link.wire.write(pubacks(ids))
        if link.wire.waiting() > 2 * self._config.max_outgoing + (1 << 20):
            link.over = "the broker sends, but does not read what it is sent"
            self._lose(link)

    def flush(self) -> None:
        """Send everything that waits, as far as the connection takes it."""
        link = self._link
        if link is not None:
            link.wire.flush()
            link.check()
            if link.over:
                self._lose(link)

    def stop(self, timeout: float) -> None:
        """Say offline, wait until the broker has that and all QoS 1 publications, disconnect; within about `timeout`."""
        deadline = self._clock() + timeout
        link = self._link
        if link is not None and self.connected:
            number = self._say(self._identity.offline, link)
            while self._outgoing.outbox and link.wait(deadline, self._clock):
                # Messages that still arrive are not taken: the broker keeps those of QoS 1 for the next session.
                link.wire.fill()
                link.decoder.take()
                link.work()
                self._outgoing.on_acknowledged(link)
            if not link.over:
                link.leave(deadline, self._clock, said=not self._outgoing.outbox.holds(number))
        if self._dial is not None:
            self._dial.abandon()
            self._dial = None
        if link is not None:
            link.stream.close()
            self._link = None
        self._phase = _Phase.STOPPED
        self._due = inf
        self.connected = self.subscribed = False
        self._reason = "stopped"

    # connecting

    def _start_dialing(self, now: float) -> None:
        if self._dial is not None and self._dial.running():
            # One at a time: a name server that hangs must not collect threads.
            self._retry(now, f"still waiting for the name {self._config.host!r} to be resolved")
            return
        self._dial = Dial(self._config, clock=self._clock, wake=self._wake)
        try:
            self._dial.start()
        except RuntimeError as error:
            self._dial = None
            self._retry(now, f"no thread to connect with: {error}")
            return
        self._phase = _Phase.DIALING
        self._due = now + self._config.connect_timeout

    def _on_dialed(self, dial: Dial, now: float) -> None:
        result = dial.result()
        if result is None:
            if now >= self._due:
                dial.abandon()
                self._retry(now, f"no connection to {self._where} in {self._config.connect_timeout:g} s")
            return
        self._dial = None
        if isinstance(result, DialError):
            self._v3_next = False
            self._retry(now, str(result))
            return
        link = self._link = Link(
            result, self._config, self.counters, self._identity, v5=self._wants_v5(now), answered=self._answered
        )
        self._moderation.begin()
        self._phase = _Phase.CONNECTING
        patience = float(self._config.connect_timeout)
        if link.v5 and self._config.protocol == "auto":
            patience = min(patience, V5_PATIENCE)
        self._due = now + patience
        link.connect(self._keepalive)
        self._work(link)

    def _wants_v5(self, now: float) -> bool:
        if self._config.protocol != "auto":
            return self._config.protocol == "5"
        refused = self._v5_refused is not None and now < self._v5_refused + RETRY_V5
        return not refused and not self._v3_next

    def _on_connack(self, link: Link, accepted: Accepted) -> None:
        now = self._clock()
        if accepted.code:
            link.over = f"{self._where} refuses the connection: {accepted.words}{HINTS.get(accepted.code, '')}"
            return
        if accepted.keepalive is not None:
            # paho before 2.2 does not follow the broker's wish, so the next CONNECT makes it ours.
            self._keepalive = accepted.keepalive
            self._attempts = 0
            link.over = f"the broker demands a keepalive of {accepted.keepalive} s; connecting again with it"
            return
        if self._v3_next:
            self._v3_next = False
            self._v5_refused = now
        if not accepted.session_present:
            self._outgoing.outbox.forget_session()
            self._forgotten = True
        self._phase = _Phase.CONNECTED
        self._due = inf
        link.since = now
        link.misc_due = now + link.misc_interval()
        self.connected = True
        self.counters.connects += 1
        self.counters.reconnects = self.counters.connects - 1
        self._reason = "waiting for the broker to confirm the subscriptions"
        # Told apart by the attempts before it: of a broker that is back nobody should hear a minute later.
        self._tell("info", "connected to the broker", key=self._attempts, broker=self._where, protocol=self.protocol)
        # Always, even into a kept session: the broker may have an older set of filters. MQTT 5 is asked not to replay
        # retained messages for subscriptions it has; 3.1.1 replays them, and they arrive marked as retained.
        self._refused = {}
        self._subscribe_attempts = 0
        self._subscribe(link, self._subscriptions)

    def _subscribe(self, link: Link, wanted: Sequence[Subscription]) -> None:
        self._subscribe_due = inf
        link.answer_due = self._clock() + self._config.connect_timeout
        link.subscribe(wanted)

    def _on_suback(self, link: Link) -> None:
        """Every SUBSCRIBE was answered."""
        link.answer_due = inf
        answers, link.answers = link.answers, {}
        for subscription, refusal in answers.items():
            self._refused.pop(subscription, None)
            if refusal:
                self._refused[subscription] = refusal
        was_subscribed = self.subscribed
        self.subscribed = not self._refused
        if self._refused:
            subscription, why = next(iter(self._refused.items()))
            more = f" and {len(self._refused) - 1} more" if len(self._refused) > 1 else ""
            self._reason = f"the broker refuses the subscription to {subscription.filter!r}{more}: {why}"
            self._tell("error", "subscription refused", key=subscription.filter, reason=self._reason)
            self._subscribe_due = self._clock() + self._backoff(self._subscribe_attempts)
            self._subscribe_attempts += 1
        if not link.announced or self.subscribed > was_subscribed:
            if not link.announced and self._shed.wanted:
                link.watch(TOPIC.decode())
            link.announced = True
            self._say(self._online(), link)

    def _say(self, status: bytes, link: Link) -> int:
        topic = self._identity.status_topic.encode()
        number, _ = self._outgoing.outbox.add(topic, status, retain=True, expiry=None)
        self._outgoing.send(link)
        return number

    # staying connected

    def _work(self, link: Link) -> None:
        """Let the link handle what came, and draw the conclusions."""
        link.work()
        if link.accepted is not None and self._phase is _Phase.CONNECTING:
            self._on_connack(link, link.accepted)
            link.work()
        if link.decoder.acks:
            self._outgoing.on_acknowledged(link)
        if self.connected and not link.over and link.answer_due < inf and not link.unanswered():
            self._on_suback(link)
        if link.wire.waiting() and not link.over:
            link.wire.flush()
            link.check()
        if link.over:
            self._lose(link)

    def _lose(self, link: Link) -> None:
        """The connection is over; go on as befits what it was."""
        now = self._clock()
        why = link.over
        if self._phase is _Phase.CONNECTING and link.accepted is None and link.wire.lost:
            why = f"{self._where} broke the connection instead of answering CONNECT{self._tls_hint()}"
        link.stream.close()
        self._link = None
        self._outgoing.outbox.disconnected()
        self._shed.disconnected(unanswered=link.watching is not None)
        self._subscribe_due = inf
        if self._phase is _Phase.CONNECTING and self._falls_back(link, now):
            self._phase = _Phase.WAITING
            self._due = now
            self._reason = why
            return
        if self.connected:
            self.connected = self.subscribed = False
            self.counters.disconnects += 1
            self._judge(link, now - link.since)
        self._retry(now, why)

    def _tls_hint(self) -> str:
        if self._config.tls is None:
            return "; does it want `mqtt.tls`?"
        return "" if self._config.tls.cert_file else "; does it want a certificate, `mqtt.tls.cert_file`?"

    def _falls_back(self, link: Link, now: float) -> bool:
        """Whether to try again at once with MQTT 3.1.1."""
        was_fallback, self._v3_next = self._v3_next, False
        if not link.v5 or self._config.protocol != "auto" or was_fallback:
            return False
        if link.accepted is None:
            # Some brokers close on an MQTT 5 CONNECT without a word, amqtt does not even close. It is only remembered
            # if 3.1.1 fares better.
            self._v3_next = True
            return True
        if link.accepted.code == UNSUPPORTED_VERSION:
            self._v5_refused = now
            return True
        return False

    def _judge(self, link: Link, lasted: float) -> None:
        if lasted >= STABLE:
            self._attempts = 0
        self._flaps = self._flaps + 1 if lasted < FLAPPING and link.by_broker() else 0
        event = "another client uses the same client id; each must have its own (`mqtt.client_id`)"
        if link.taken_over:
            sign = "the broker says that it took over the session"
        elif self._flaps >= FLAPS:
            sign = f"the broker ended the last {self._flaps} connections within seconds"
        else:
            return
        self._tell("error", event, client_id=self._identity.client_id, sign=sign)

    def _retry(self, now: float, why: str) -> None:
        wait = self._backoff(self._attempts)
        self._attempts += 1
        self._phase = _Phase.WAITING
        self._due = now + wait
        self._reason = why
        event = "not connected to the broker"
        self._tell("warning", event, key=why, broker=self._where, reason=why, retry_in=round(wait, 1))

    def _backoff(self, attempts: int) -> float:
        wait = min(float(self._config.reconnect.max), self._config.reconnect.min * 2.0 ** min(attempts, 32))
        return wait * self._random.uniform(0.5, 1.0)

    def _tell(
        self, level: Literal["info", "warning", "error"], event: str, *, key: object = None, **fields: object
    ) -> None:
        self._events(Event(level, event, key, fields))
