"""MQTT frames as bytes: PUBLISH frames cut out of a stream, and put into one, thousands at a time.

Pure: no socket, no clock, no session. What is not a plain PUBLISH (QoS 0 or 1) or the acknowledgement of one of ours
is set aside byte for byte for the session's own decoder, which is also the judge of everything malformed in it.

Layouts are those of MQTT 3.1.1 §3.3, §3.4 and MQTT 5.0 §2.1.4, §2.2.2, §3.3, §3.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.types import Asking, Reason, Reject

# Packet identifiers below belong to the session (it subscribes a few times per connection), from here on to
# publications, so that neither has to know which the other has in use.
FIRST_ID = 0x1000
LAST_ID = 0xFFFF

MAX_CONTROL = 1 << 18  # a CONNACK, SUBACK or DISCONNECT beyond this is no honest one
MAX_PROPERTIES = 1 << 16
CACHED_LENGTHS = 4096

PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
_PUBACK = b"\x40\x02"


class Decoder:
    """Cuts a stream into frames; feed it whatever arrived.

    `topics`, `payloads` and `ids` (packet identifiers of QoS 1) are columns in order of arrival, `kept` the places of
    retained messages. `control` is what the session must read itself, whole packets only. `acks` are (identifier,
    reason code) of our publications. A message over the limit never fills a buffer: it becomes a `Reject`, and its
    identifier goes to `refused`. Once `error` is set the stream is lost, and the rest of it is ignored.

    After a packet for the session it cuts no further until `resume`, when the session has read `control` empty: what
    the session makes of that packet keeps its place among the messages, or ends the stream there.
    """

    def __init__(self, *, v5: bool, max_payload: int, answered: bytes = b"") -> None:
        """answered: beginning of the topics whose senders are told where they want an answer; empty: none."""
        self._v5 = v5
        self._answered = answered
        self.asking: list[tuple[int, Asking]] = []  # places of messages whose senders want an answer
        self._max_payload = max_payload
        self._parts: list[bytes] = []  # an incomplete frame at the end of what was fed
        self._have = 0
        self._need = 0
        self._skip = 0
        self.topics: list[bytes] = []
        self.payloads: list[bytes] = []
        self.kept: list[int] = []
        self.ids: list[bytes] = []
        self.control = bytearray()
        self.acks: list[tuple[int, int]] = []
        self.rejects: list[Reject] = []
        self.refused: list[bytes] = []
        self.error = ""

    def feed(self, data: bytes) -> None:
        """Take in the next piece of the stream, of any size."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            if skipped == len(data):
                return
            data = data[skipped:]
        if self.error:
            return
        if self._parts or self.control:
            self._parts.append(data)
            self._have += len(data)
            self.resume()
        else:
            self._take_in(data)

    def resume(self) -> bool:
        """Go on where a packet for the session was; False if there is nothing more to cut."""
        if self.control or self.error or not self._parts or self._have < self._need:
            return False
        self._take_in(b"".join(self._parts))
        return True

    def _take_in(self, data: bytes) -> None:
        end = self._cut(data)
        rest = data[end:]
        self._parts = [rest] if rest and not self.error else []
        self._have = len(rest)

    def add(self, topic: bytes, payload: bytes, retained: bool, packet_id: int) -> None:
        """A message that reached the session through its own decoder; identifier 0: nothing to acknowledge."""
        if retained:
            self.kept.append(len(self.topics))
        if packet_id:
            self.ids.append(packet_id.to_bytes(2, "big"))
        self.topics.append(topic)
        self.payloads.append(payload)

    def reject(self, reject: Reject, packet_id: int) -> None:
        """A message that nobody will be given; identifier 0: nothing to acknowledge."""
        self.rejects.append(reject)
        if packet_id:
            self.refused.append(packet_id.to_bytes(2, "big"))

    def take(self) -> tuple[list[bytes], list[bytes], Sequence[int]]:
        """The messages so far: topics, payloads, and 1 for each that was retained. They are forgotten here."""
        topics, payloads, kept = self.topics, self.payloads, self.kept
        retained: Sequence[int] = bytes(len(topics))
        if kept:
            marks = bytearray(len(topics))
            for place in kept:
                marks[place] = 1
            retained = marks
            self.kept = []
        self.topics, self.payloads = [], []
        return topics, payloads, retained

    def _cut(self, buf: bytes) -> int:
        """Take every whole frame; returns where the first incomplete one begins."""
        v5 = self._v5
        most = min(self._max_payload, 0x3FFF)
        add_topic, add_payload, add_id = self.topics.append, self.payloads.append, self.ids.append
        size = len(buf)
        i = 0
        # This loop is the price of a message. It looks ahead without asking how much is there: running off the end
        # means an incomplete frame. Whatever is not entirely ordinary falls through to `_one`.
        try:
            while True:
                first = buf[i]
                if first & 0xFD == 0x30:
                    n = buf[i + 1]
                    body = i + 2
                    if n >= 128:
                        n += (buf[body] << 7) - 128
                        body += 1
                    end = body + n
                    # A third length byte makes n at least 0x4000, and so beyond what is taken here.
                    if 2 < n <= most:
                        if end > size:
                            self._need = end - i
                            return i
                        start = body + 2
                        stop = start + (buf[body] << 8 | buf[body + 1])
                        if first == 0x30:
                            if v5:
                                if start < stop < end and not buf[stop]:
                                    add_topic(buf[start:stop])
                                    add_payload(buf[stop + 1 : end])
                                    i = end
                                    continue
                            elif start < stop <= end:
                                add_topic(buf[start:stop])
                                add_payload(buf[stop:end])
                                i = end
                                continue
                        elif v5:
                            if start < stop < end - 2 and not buf[stop + 2]:
                                add_topic(buf[start:stop])
                                add_payload(buf[stop + 3 : end])
                                add_id(buf[stop : stop + 2])
                                i = end
                                continue
                        elif start < stop < end - 1:
                            add_topic(buf[start:stop])
                            add_payload(buf[stop + 2 : end])
                            add_id(buf[stop : stop + 2])
                            i = end
                            continue
                after = self._one(buf, i)
                if after < 0:
                    return size if self.error else i
                i = after
                if self.control:
                    self._need = 0
                    return i
        except IndexError:
            self._need = size - i + 1
            return i

    def _one(self, buf: bytes, i: int) -> int:
        """Take the frame at `i`, whatever it is; returns where it ends, or -1 when it is incomplete or broken."""
        size = len(buf)
        n = 0
        body = i + 1
        for shift in (0, 7, 14, 21):
            if body >= size:
                self._need = size - i + 1
                return -1
            byte = buf[body]
            body += 1
            n |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            return self._fail("a packet length of more than four bytes")
        end = body + n
        kind = buf[i] >> 4
        if kind == 3:
            return self._publish(buf, i, body, end)
        if kind == 0:
            return self._fail("a packet of the forbidden type 0")
        if n > MAX_CONTROL:
            return self._fail(f"a control packet (type {kind}) of {n} bytes")
        if end > size:
            self._need = end - i
            return -1
        if buf[i] == 0x40 and (n == 2 or (n > 2 and self._v5)):
            packet_id = buf[body] << 8 | buf[body + 1]
            if packet_id >= FIRST_ID:
                self.acks.append((packet_id, buf[body + 2] if n > 2 else 0))
                return end
        self.control += buf[i:end]
        return end

    def _publish(self, buf: bytes, i: int, body: int, end: int) -> int:
        size = len(buf)
        n = end - body
        if n > self._max_payload:
            oversize = self._too_large(buf, i, body, end)
            if oversize:
                return oversize
        if end > size:
            self._need = end - i
            return -1
        first = buf[i]
        qos = first >> 1 & 3
        plain = qos < 2 and n > 2 and (qos == 1 or not first & 8)
        if plain:
            start = body + 2
            stop = start + (buf[body] << 8 | buf[body + 1])
            rest = stop + 2 * qos
            plain = start < stop and rest <= end
            if plain and self._v5:
                properties, rest = rest, end_of_properties(buf, rest, end)
                plain = rest >= 0
                if plain and self._answered and buf.startswith(self._answered, start, stop):
                    where = asking(buf, properties, rest)
                    if where is not None:
                        self.asking.append((len(self.topics), where))
        if not plain:
            self.control += buf[i:end]
            return end
        if first & 1:
            self.kept.append(len(self.topics))
        if qos:
            self.ids.append(buf[stop : stop + 2])
        self.topics.append(buf[start:stop])
        self.payloads.append(buf[rest:end])
        return end

    def _too_large(self, buf: bytes, i: int, body: int, end: int) -> int:
        """Skip the frame at `i` if its payload is over the limit; 0 if it is not, -1 if more bytes must come first."""
        size = len(buf)
        qos = buf[i] >> 1 & 3
        stop = rest = body + 2
        if rest <= min(size, end):
            stop += buf[body] << 8 | buf[body + 1]
            rest = stop + (2 if qos else 0)
        if rest > end:
            return self._fail("a topic longer than its packet")
        # Up to four bytes more say how long the properties are.
        ahead = min(rest + 4, end)
        if size < ahead:
            self._need = ahead - i
            return -1
        if self._v5:
            length, rest = _varint(buf, rest, end)
            if rest < 0:
                return self._fail("a message whose properties cannot be read")
            if length <= MAX_PROPERTIES:
                rest += length
        payload = end - rest
        if payload <= self._max_payload:
            return 0
        if qos > 1:
            return self._fail(f"a QoS {qos} message over the size limit, although none was subscribed to")
        detail = f"{payload} bytes, at most {self._max_payload} are allowed"
        packet_id = buf[stop] << 8 | buf[stop + 1] if qos else 0
        self.reject(Reject(buf[body + 2 : stop], Reason.TOO_LARGE, detail), packet_id)
        self._skip = max(0, end - size)
        return min(end, size)

    def _fail(self, error: str) -> int:
        self.error = error
        return -1


def _varint(buf: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable byte integer and where it ends; -1 for an end when there is none."""
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= end:
            break
        byte = buf[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            # A longer form than needed is malformed: leave it to the judge.
            return (value, at) if byte or not shift else (0, -1)
    return 0, -1


def end_of_properties(buf: bytes, at: int, end: int) -> int:
    """Where the properties of a PUBLISH end, or -1 if they are not all ordinary ones.

    Ordinary are those of MQTT 5.0 §3.3.2.3 but the topic alias, which is never offered.
    """
    length, at = _varint(buf, at, end)
    if at < 0 or at + length > end:
        return -1
    end = at + length
    seen = 0
    while at < end:
        identifier = buf[at]
        at += 1
        if seen >> identifier & 1:
            return -1
        if identifier == 0x02:  # message expiry interval
            at += 4
        elif identifier == 0x01:  # payload format indicator
            if at < end and buf[at] > 1:
                return -1
            at += 1
        elif identifier == 0x0B:  # subscription identifier
            value, at = _varint(buf, at, end)
            if at < 0 or value == 0:
                return -1
            continue  # may come several times
        elif identifier in (0x03, 0x08, 0x09):  # content type, response topic, correlation data
            at = _end_of_string(buf, at, end, text=identifier != 0x09)
        elif identifier == 0x26:  # user property
            at = _end_of_string(buf, at, end, text=True)
            if at > 0:
                at = _end_of_string(buf, at, end, text=True)
            if at < 0:
                return -1
            continue  # may come several times
        else:
            return -1
        if at < 0:
            return -1
        seen |= 1 << identifier
    return end if at == end else -1


def asking(buf: bytes, at: int, end: int) -> Asking | None:
    """Response topic and correlation data (MQTT 5.0 §3.3.2.3.5 and .6) of properties that are all ordinary."""
    topic: bytes | None = None
    correlation: bytes | None = None
    _, at = _varint(buf, at, end)
    while at < end:
        identifier = buf[at]
        at += 1
        if identifier in (0x01, 0x02):
            at += 1 if identifier == 0x01 else 4
        elif identifier == 0x0B:
            _, at = _varint(buf, at, end)
        else:
            after = _end_of_string(buf, at, end, text=False)
            if identifier == 0x08:
                topic = buf[at + 2 : after]
            elif identifier == 0x09:
                correlation = buf[at + 2 : after]
            elif identifier == 0x26:
                after = _end_of_string(buf, after, end, text=False)
            at = after
    return None if topic is None else Asking(topic, correlation)


def _end_of_string(buf: bytes, at: int, end: int, *, text: bool) -> int:
    start = at + 2
    if start > end:
        return -1
    stop = start + (buf[at] << 8 | buf[at + 1])
    if stop > end:
        return -1
    if text:
        try:
            string = buf[start:stop].decode()
        except UnicodeDecodeError:
            return -1
        if "\0" in string or "\ufeff" in string:
            return -1
    return stop


def pubacks(ids: Sequence[bytes]) -> bytes:
    """The acknowledgements of these packet identifiers."""
    return _PUBACK + _PUBACK.join(ids) if ids else b""


class _Heads(dict[int, bytes]):
    """First byte and remaining length of a frame, by the latter."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = bytes((first,))

    def __missing__(self, n: int) -> bytes:
        head = self._first + encode_varint(n)
        if n < CACHED_LENGTHS:
            self[n] = head
        return head


class _Lengths(dict[int, bytes]):
    """Two-byte lengths."""

    def __missing__(self, n: int) -> bytes:
        length = n.to_bytes(2, "big")
        if n < CACHED_LENGTHS:
            self[n] = length
        return length


class Encoder:
    """Frames publications for one version of the protocol; keeps the length bytes it has made."""

    PIECES = 5

    def __init__(self, *, v5: bool) -> None:
        self._v5 = v5
        self._heads = (_Heads(0x30), _Heads(0x31))
        self._lengths = _Lengths()

    def properties(self, expiry: int | None, correlation: bytes | None = None) -> bytes:
        """The properties of a publication, with their length; nothing where MQTT 5 is not spoken."""
        if not self._v5:
            return b""
        if expiry is None and correlation is None:
            return b"\x00"
        data = b"" if expiry is None else b"\x02" + min(max(expiry, 0), 0xFFFFFFFF).to_bytes(4, "big")
        if correlation is not None:
            data += b"\x09" + len(correlation).to_bytes(2, "big") + correlation
        return encode_varint(len(data)) + data

    def qos0(
        self, topics: Sequence[bytes], payloads: Sequence[bytes], *, retain: bool, expiry: int | None
    ) -> list[bytes]:
        """Pieces of the frames, `PIECES` to a message. OverflowError or ValueError: a topic or frame is too long."""
        heads, lengths, properties = self._heads[retain], self._lengths, self.properties(expiry)
        more = 2 + len(properties)
        pieces: list[bytes] = []
        add = pieces.append
        for topic, payload in zip(topics, payloads, strict=True):
            n = len(topic)
            add(heads[n + more + len(payload)])
            add(lengths[n])
            add(topic)
            add(properties)
            add(payload)
        return pieces

    def qos1(
        self,
        packet_id: int,
        topic: bytes,
        payload: bytes,
        *,
        retain: bool,
        duplicate: bool,
        expiry: int | None,
        correlation: bytes | None = None,
    ) -> bytes:
        """One frame to be acknowledged."""
        properties = self.properties(expiry, correlation)
        n = 4 + len(topic) + len(properties) + len(payload)
        first = bytes((0x32 | retain | duplicate << 3,))
        length = len(topic).to_bytes(2, "big")
        return first + encode_varint(n) + length + topic + packet_id.to_bytes(2, "big") + properties + payload


def encode_varint(n: int) -> bytes:
    """A remaining length (at most 268,435,455)."""
    if not 0 <= n < 1 << 28:
        raise ValueError(f"an MQTT packet holds at most 268435455 bytes, got {n}")
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def sendable(topics: Sequence[bytes]) -> bool:
    """Whether a broker will take all of these topics. One with a wildcard or NUL would cost the connection."""
    together = b"".join(topics)
    return not (b"+" in together or b"#" in together or b"\0" in together or b"" in topics)
