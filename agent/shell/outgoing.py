"""What the agent publishes, on its way to the wire: QoS 0 in bulk, QoS 1 through the outbox, and what is given up.

Every publication that does not reach the broker is counted here. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.config import Mqtt
from agent.shell.events import Event
from agent.shell.frames import Encoder, sendable
from agent.shell.link import MAX_PACKET, Link
from agent.shell.outbox import Outbox
from agent.shell.wire import SEND_SIZE, Counters
from agent.types import Publications

MAX_PENDING = 10_000
MAX_PAYLOAD = 1 << 27
AT_ONCE = 32 * Encoder.PIECES  # pieces joined at once: 16 KiB of state messages, of which several leave together


class Outgoing:
    """Publishes over the link it is given; without one, QoS 0 is dropped and QoS 1 waits."""

    def __init__(
        self, config: Mqtt, counters: Counters, *, clock: Callable[[], float], events: Callable[[Event], None]
    ) -> None:
        self._max_outgoing = int(config.max_outgoing)
        self._counters = counters
        self._events = events
        self.outbox = Outbox(max_count=MAX_PENDING, max_bytes=self._max_outgoing, clock=clock)

    def publish(self, groups: Sequence[Publications], link: Link | None) -> int:
        """How many were taken."""
        taken = 0
        for group in groups:
            fine = group if sendable(group.topics) else self._without_unsendable(group)
            taken += self._qos0(fine, link) if fine.qos == 0 else self._qos1(fine, link)
        return taken

    def send(self, link: Link) -> None:
        """Put as much of the outbox on the wire as the broker allows to be under way."""
        frames, dropped = self.outbox.send(
            link.encoder, link.window, max_packet=link.max_packet, retain_allowed=link.retain_allowed
        )
        if frames:
            link.wire.write(b"".join(frames))
        self._counters.sent += len(frames)
        self._counters.dropped_out += dropped
        self._counters.pending = len(self.outbox)

    def on_acknowledged(self, link: Link) -> None:
        """Take the broker's acknowledgements, and send what they make room for."""
        acks, link.decoder.acks = link.decoder.acks, []
        for packet_id, code in acks:
            entry = self.outbox.acknowledged(packet_id)
            if entry is None:
                continue
            if code < 0x80:
                self._counters.acked += 1
            else:
                self._counters.refused_out += 1
                topic = entry.topic.decode(errors="replace")
                event = "the broker refuses a publication"
                self._events(Event("error", event, code, {"topic": topic, "code": f"0x{code:02x}"}))
        self.send(link)

    def _qos0(self, group: Publications, link: Link | None) -> int:
        if link is None:
            self._counters.dropped_out += len(group.topics)
            return 0
        retain = group.retain and link.retain_allowed
        try:
            pieces = link.encoder.qos0(group.topics, group.payloads, retain=retain, expiry=group.expiry)
        except (ValueError, OverflowError):
            return self._one_by_one(group, link)
        taken = len(group.topics)
        if link.max_packet < MAX_PACKET:
            pieces = self._fitting(pieces, self._max_outgoing - link.wire.waiting(), link.max_packet)
            taken = len(pieces) // Encoder.PIECES
        for i in range(0, len(pieces), AT_ONCE):
            data = b"".join(pieces[i : i + AT_ONCE])
            room = self._max_outgoing - link.wire.waiting()
            if len(data) > room:
                left = len(pieces[i:]) // Encoder.PIECES
                fitting = self._fitting(pieces[i:], room, link.max_packet)
                link.wire.write(b"".join(fitting))
                taken -= left - len(fitting) // Encoder.PIECES
                break
            link.wire.write(data)
            if link.wire.waiting() >= SEND_SIZE:
                link.wire.flush()  # so that what is framed is not piled up, and the broker can begin
        self._counters.sent += taken
        return taken

    def _fitting(self, pieces: list[bytes], room: int, max_packet: int) -> list[bytes]:
        """Pieces of the frames that the broker takes and that fit into `room` bytes."""
        taken: list[bytes] = []
        too_large = 0
        for i in range(0, len(pieces), Encoder.PIECES):
            frame = pieces[i : i + Encoder.PIECES]
            size = sum(map(len, frame))
            if size > max_packet:
                too_large += 1
                continue
            if size > room:
                break
            room -= size
            taken += frame
        count = len(taken) // Encoder.PIECES
        dropped = len(pieces) // Encoder.PIECES - count
        self._counters.dropped_out += dropped
        if too_large:
            self._tell_dropped("the broker says that it takes no packets of this size", too_large)
        if dropped > too_large:
            self._tell_dropped("the network or the broker takes them too slowly", dropped - too_large)
        return taken

    def _one_by_one(self, group: Publications, link: Link) -> int:
        """One of them cannot be framed: find it, and send the others."""
        if len(group.topics) == 1:
            self._drop(group.topics[0])
            return 0
        rows = zip(group.topics, group.payloads, strict=True)
        return sum(self._qos0(group._replace(topics=(t,), payloads=(p,)), link) for t, p in rows)

    def _qos1(self, group: Publications, link: Link | None) -> int:
        if link is not None and link.max_qos == 0:
            # This broker acknowledges nothing.
            self.outbox.settled += group.ids
            return self._qos0(group._replace(qos=0), link)
        taken = dropped = 0
        ids = group.ids or (0,) * len(group.topics)
        for topic, payload, owed in zip(group.topics, group.payloads, ids, strict=True):
            if len(topic) > 0xFFFF or len(payload) > MAX_PAYLOAD:
                self._drop(topic)
                continue
            number, others = self.outbox.add(
                topic, payload, retain=group.retain, expiry=group.expiry, owed=owed, correlation=group.correlation
            )
            taken += number > 0
            dropped += others + (number == 0)
        if dropped:
            self._counters.dropped_out += dropped
            self._tell_dropped("too many of QoS 1 wait for the broker", dropped)
        self._counters.pending = len(self.outbox)
        if link is not None:
            self.send(link)
        return taken

    def _without_unsendable(self, group: Publications) -> Publications:
        topics: list[bytes] = []
        payloads: list[bytes] = []
        for topic, payload in zip(group.topics, group.payloads, strict=True):
            if sendable((topic,)):
                topics.append(topic)
                payloads.append(payload)
            else:
                self._drop(topic)
        return group._replace(topics=topics, payloads=payloads, ids=())

    def _drop(self, topic: bytes) -> None:
        self._counters.dropped_out += 1
        fields = {"topic": topic[:200].decode(errors="replace")}
        self._events(Event("error", "publication dropped: MQTT has no place for this topic or size", None, fields))

    def _tell_dropped(self, why: str, dropped: int) -> None:
        self._events(Event("warning", "publications dropped", why, {"reason": why, "dropped": dropped}))
