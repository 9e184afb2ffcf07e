"""The wire: bulk decoding and encoding of PUBLISH, beside paho's own decoder, under any cutting of the stream."""

from __future__ import annotations

import contextlib
import random
import socket
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.shell.frames import FIRST_ID, Decoder, Encoder, encode_varint, end_of_properties, pubacks, sendable
from agent.shell.link import Identity, Link
from agent.shell.stream import Part, SocketStream
from agent.shell.wire import READ_SIZE, Counters, Wire
from agent.types import Asking, Reason
from tests.brokers import packet, publish, varint
from tests.paho_oracle import acknowledged_in, connack, paho_reads
from tests.sessions import mqtt

LIMIT = 1 << 18

topics = st.one_of(st.binary(max_size=12), st.text("abc/+é", min_size=1, max_size=200).map(str.encode))
payloads = st.one_of(st.binary(max_size=60), st.sampled_from([100, 127, 128, 1000, 16_384]).map(lambda n: b"x" * n))
ids = st.integers(1, 0xFFFF)


def _string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


properties = st.lists(
    st.one_of(
        st.just(b"\x01\x01"),
        st.integers(0, 2**32 - 1).map(lambda n: b"\x02" + n.to_bytes(4, "big")),
        st.text(max_size=9).map(lambda t: b"\x03" + _string(t.encode())),
        st.text(max_size=9).map(lambda t: b"\x08" + _string(t.encode())),
        st.binary(max_size=9).map(lambda t: b"\x09" + _string(t)),
        st.integers(1, 300_000).map(lambda n: b"\x0b" + varint(n)),
        st.tuples(st.text(max_size=9), st.text(max_size=99)).map(
            lambda t: b"\x26" + _string(t[0].encode()) + _string(t[1].encode())
        ),
        st.integers(0, 9).map(lambda n: b"\x23" + n.to_bytes(2, "big")),
        st.binary(max_size=4),
    ),
    max_size=4,
).map(b"".join)


def _messages(v5: bool) -> st.SearchStrategy[bytes]:
    firsts = st.sampled_from([0x30, 0x30, 0x31, 0x32, 0x32, 0x33, 0x3A, 0x3B, 0x38])
    options = st.one_of(st.just(b""), properties) if v5 else st.none()
    return st.builds(
        lambda first, topic, payload, packet_id, option: publish(
            topic, payload, first=first, packet_id=packet_id, properties=option
        ),
        firsts,
        topics,
        payloads,
        ids,
        options,
    )


controls = st.one_of(
    st.just(b"\xd0\x00"),
    st.just(b"\xc0\x00"),
    ids.map(lambda i: packet(0x40, i.to_bytes(2, "big"))),
    ids.map(lambda i: packet(0x90, i.to_bytes(2, "big") + b"\x00")),
)


def _streams(v5: bool) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.one_of(_messages(v5), _messages(v5), _messages(v5), controls), max_size=12)


def _decode(stream: bytes, *, v5: bool, cuts: list[int] | None = None, limit: int = LIMIT) -> tuple[Decoder, bytes]:
    """The decoder after the stream, fed in pieces, and what it set aside on the way."""
    decoder = Decoder(v5=v5, max_payload=limit)
    aside = bytearray()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or ()), len(stream)]
    for start, stop in pairwise(edges):
        decoder.feed(stream[start:stop])
        while True:
            aside += decoder.control
            decoder.control.clear()
            if not decoder.resume():
                break
    return decoder, bytes(aside)


def _everything(decoder: Decoder, aside: bytes) -> tuple[object, ...]:
    columns = decoder.take()
    retained = list(columns[2])
    return *columns[:2], retained, decoder.ids, decoder.acks, decoder.rejects, decoder.refused, decoder.error, aside


@pytest.mark.parametrize("v5", [False, True])
@settings(deadline=None)
@given(data=st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(v5: bool, data: st.DataObject) -> None:
    stream = b"".join(data.draw(_streams(v5)))
    limit = data.draw(st.sampled_from([LIMIT, 300, 20, 1]))
    cuts = data.draw(st.lists(st.integers(0, 1 << 20), max_size=40))
    whole = _everything(*_decode(stream, v5=v5, limit=limit))
    assert _everything(*_decode(stream, v5=v5, cuts=cuts, limit=limit)) == whole


@pytest.mark.parametrize("v5", [False, True])
def test_a_stream_fed_byte_by_byte_gives_the_same_messages(v5: bool) -> None:
    option = b"\x02\x00\x00\x00\x09" if v5 else None
    frames = [
        publish(b"plant/a", b"1" * n, first=first, packet_id=9, properties=option)
        for n in (0, 1, 120, 200, 17_000)
        for first in (0x30, 0x33, 0x3A)
    ]
    stream = b"\xd0\x00".join(frames)
    assert _everything(*_decode(stream, v5=v5, cuts=list(range(len(stream))))) == _everything(*_decode(stream, v5=v5))


class _Ours:
    """A `Link` over a socket pair, given a stream in pieces; the counterpart of the oracle."""

    def __init__(self, v5: bool) -> None:
        self.broker, client = socket.socketpair()
        for sock in (self.broker, client):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        self.counters = Counters()
        identity = Identity("oracle", None, None, "status", b"offline")
        stream = SocketStream(client)
        self.link = Link(stream, mqtt(), self.counters, identity, v5=v5)
        self.link.connect(60)
        self.link.wire.flush()
        self.broker.recv(1 << 16)
        self.written = b""

    def give(self, data: bytes) -> None:
        self.broker.sendall(data)
        self.turn()

    def turn(self) -> None:
        self.link.wire.fill()
        self.link.work()

    def finish(self) -> None:
        self.broker.shutdown(socket.SHUT_WR)
        while not self.link.over:
            self.turn()
        self.link.wire.flush()
        self.link.stream.close()
        with contextlib.suppress(ConnectionResetError):
            while data := self.broker.recv(1 << 20):
                self.written += data
        self.broker.close()

    def verdict(self) -> tuple[list[tuple[bytes, bytes, bool]], list[int], bool]:
        names, values, retained = self.link.decoder.take()
        rows = zip(names, values, map(bool, retained), strict=True)
        messages = [row for row in rows if _is_text(row[0])]
        acknowledged = acknowledged_in(self.written + pubacks(self.link.decoder.ids))
        return messages, sorted(acknowledged), self.counters.protocol_errors > 0


def _is_text(topic: bytes) -> bool:
    try:
        topic.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("v5", [False, True])
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_stream_means_to_the_wire_what_it_means_to_paho(v5: bool, data: st.DataObject) -> None:
    stream = bytearray(b"".join(data.draw(_streams(v5))))
    for _ in range(data.draw(st.integers(0, 3))):
        if stream:
            at = data.draw(st.integers(0, len(stream) - 1))
            stream[at] = data.draw(st.integers(0, 255))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    ours = _Ours(v5)
    try:
        ours.give(connack(v5))
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            if start < stop and not ours.link.over:
                ours.give(bytes(stream[start:stop]))
    finally:
        ours.finish()
    expected = paho_reads(bytes(stream), v5=v5)
    messages, acknowledged, malformed = ours.verdict()
    assert messages == expected.messages
    # What cannot become right the wire refuses at once, paho when the packet is complete.
    assert malformed == expected.malformed or (malformed and ours.link.decoder.error)
    # What is refused unread is acknowledged at once, and so before the others.
    assert acknowledged == sorted(expected.acknowledged)


@pytest.mark.parametrize("v5", [False, True])
def test_what_is_published_in_bulk_arrives_at_paho_as_it_was(v5: bool) -> None:
    rng = random.Random(3)
    names = [b"t/%d/" % i + b"n" * rng.choice([0, 1, 90, 130, 5000]) for i in range(300)]
    values = [rng.randbytes(rng.choice([0, 1, 70, 127, 128, 16_500])) for _ in names]
    encoder = Encoder(v5=v5)
    for retain, expiry in ((False, None), (True, None), (True, 77)):
        for some in (slice(0, 1), slice(0, 30), slice(30, 90)):
            pieces = encoder.qos0(names[some], values[some], retain=retain, expiry=expiry)
            assert len(pieces) == Encoder.PIECES * len(names[some])
            expected = [(name, value, retain) for name, value in zip(names[some], values[some], strict=True)]
            assert paho_reads(b"".join(pieces), v5=v5).messages == expected


@pytest.mark.parametrize("v5", [False, True])
def test_a_confirmed_publication_arrives_at_paho_with_its_identifier(v5: bool) -> None:
    encoder = Encoder(v5=v5)
    frames = [
        encoder.qos1(0x1234 + n, b"alarm/x", b"y" * n, retain=True, duplicate=bool(n), expiry=5 if n else None)
        for n in (0, 200)
    ]
    read = paho_reads(b"".join(frames), v5=v5)
    assert read.messages == [(b"alarm/x", b"", True), (b"alarm/x", b"y" * 200, True)]
    assert read.acknowledged == [0x1234, 0x1234 + 200]
    assert frames[0][0] == 0x33
    assert frames[1][0] == 0x3B


@given(st.integers(0, 2**28 - 1))
def test_a_length_is_encoded_as_the_standard_has_it(n: int) -> None:
    encoded = encode_varint(n)
    assert sum((byte & 127) << 7 * i for i, byte in enumerate(encoded)) == n
    assert len(encoded) == (1 if n < 128 else 2 if n < 16_384 else 3 if n < 2_097_152 else 4)
    assert [byte > 127 for byte in encoded] == [True] * (len(encoded) - 1) + [False]


def test_a_length_that_no_packet_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="268435455"):
        encode_varint(1 << 28)


@pytest.mark.parametrize("v5", [False, True])
@pytest.mark.parametrize("first", [0x30, 0x32, 0x3B])
@pytest.mark.parametrize("limit", [1, 64, 127, 128, 300, 16_383, 16_384, 100_000])
def test_the_limit_is_on_the_payload_and_exact(v5: bool, first: int, limit: int) -> None:
    option = b"\x03" + _string(b"text/plain") if v5 else None
    frames = [publish(b"t", b"x" * n, first=first, packet_id=5, properties=option) for n in (limit, limit + 1, limit)]
    decoder, aside = _decode(b"".join(frames), v5=v5, limit=limit)
    names, values, _ = decoder.take()
    assert [len(value) for value in values] == [limit, limit]
    assert len(names) == 2
    assert [(r.topic, r.reason) for r in decoder.rejects] == [(b"t", Reason.TOO_LARGE)]
    assert str(limit + 1) in decoder.rejects[0].detail
    assert decoder.refused == ([b"\x00\x05"] if first & 6 else [])
    assert decoder.ids == ([b"\x00\x05"] * 2 if first & 6 else [])
    assert not aside


@pytest.mark.parametrize("v5", [False, True])
def test_a_huge_message_is_skipped_without_being_held(v5: bool) -> None:
    option = b"" if v5 else None
    huge = publish(b"big", bytes(20 << 20), first=0x32, packet_id=7, properties=option)
    after = publish(b"small", b"1", properties=option)
    pieces = [huge[i : i + (1 << 16)] for i in range(0, len(huge), 1 << 16)]
    decoder = Decoder(v5=v5, max_payload=1000)
    tracemalloc.start()
    for piece in pieces:
        decoder.feed(piece)
    decoder.feed(after)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 19
    assert decoder.take()[:2] == ([b"small"], [b"1"])
    assert decoder.refused == [b"\x00\x07"]
    assert len(decoder.rejects) == 1


def test_a_large_message_in_small_pieces_costs_no_more_than_its_length() -> None:
    frame = publish(b"big", bytes(4 << 20))
    decoder = Decoder(v5=False, max_payload=8 << 20)
    joined = 0
    for i in range(0, len(frame), 1000):
        decoder.feed(frame[i : i + 1000])
        joined += len(decoder.topics)
    assert joined == 1
    assert len(decoder.take()[1][0]) == 4 << 20


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
        (b"\x00\x00", "type 0"),
        (b"\x90" + varint(1 << 20), "control packet"),
        (b"\x34" + varint(1 << 20) + b"\x00\x01t\x00\x01", "QoS 2"),
        (b"\x30" + varint(3000) + b"\xff\xff" + b"t" * 2998, "topic longer"),
    ],
)
def test_a_stream_beyond_repair_is_given_up_with_a_reason_and_without_growing(stream: bytes, words: str) -> None:
    decoder = Decoder(v5=False, max_payload=1000)
    decoder.feed(publish(b"t", b"good") + stream + b"z" * 70_000)
    assert words in decoder.error
    assert decoder.take()[:2] == ([b"t"], [b"good"])
    for _ in range(10):
        decoder.feed(publish(b"t", b"late"))
    assert decoder.take()[0] == []
    assert decoder.resume() is False


@pytest.mark.parametrize("v5", [False, True])
def test_acknowledgements_of_publications_never_reach_paho_and_all_others_do(v5: bool) -> None:
    ours = packet(0x40, FIRST_ID.to_bytes(2, "big"))
    refused = packet(0x40, (FIRST_ID + 1).to_bytes(2, "big") + b"\x97") if v5 else b""
    pahos = packet(0x40, (FIRST_ID - 1).to_bytes(2, "big"))
    decoder, aside = _decode(ours + pahos + refused, v5=v5)
    assert decoder.acks == [(FIRST_ID, 0)] + ([(FIRST_ID + 1, 0x97)] if v5 else [])
    assert aside == pahos


def test_what_is_unusual_keeps_its_place_among_the_messages() -> None:
    ours = _Ours(v5=False)
    ours.give(connack(False) + publish(b"a", b"1") + publish(b"b", b"2", first=0x38) + publish(b"c", b"3"))
    ours.finish()
    assert ours.verdict()[0] == [(b"a", b"1", False), (b"b", b"2", False), (b"c", b"3", False)]


def test_nothing_after_a_malformed_packet_is_believed() -> None:
    ours = _Ours(v5=False)
    malformed = packet(0x30, b"\x00\xff" + b"t")
    ours.give(connack(False) + publish(b"a", b"1") + malformed + publish(b"c", b"3"))
    assert ours.link.over
    assert ours.counters.protocol_errors == 1
    ours.finish()
    assert ours.verdict()[0] == [(b"a", b"1", False)]


def test_a_batch_of_one_and_of_many_mark_the_retained_ones() -> None:
    decoder, _ = _decode(publish(b"a", b"1") + publish(b"b", b"2", first=0x31) + publish(b"c", b"3"), v5=False)
    assert list(decoder.take()[2]) == [0, 1, 0]
    decoder.feed(publish(b"a", b"1"))
    assert list(decoder.take()[2]) == [0]


@given(st.lists(st.integers(0, 0xFFFF).map(lambda i: i.to_bytes(2, "big")), max_size=20))
def test_acknowledgements_are_one_packet_each(some: list[bytes]) -> None:
    assert pubacks(some) == b"".join(packet(0x40, i) for i in some)


@pytest.mark.parametrize(
    ("block", "fine"),
    [
        (b"\x00", True),
        (varint(5) + b"\x02\x00\x00\x00\x01", True),
        (varint(4) + b"\x02\x00\x00\x00", False),
        (varint(3) + b"\x23\x00\x01", False),  # a topic alias
        (varint(2) + b"\x01\x02", False),  # neither bytes nor text
        (varint(2) + b"\x0b\x00", False),
        (varint(10) + b"\x02\x00\x00\x00\x01\x02\x00\x00\x00\x01", False),  # twice
        (varint(4) + b"\x0b\x01\x0b\x02", True),
        (varint(4) + b"\x03\x00\x01\x00", False),  # NUL in a string
        (varint(9) + b"\x26\x00\x01a\x00\x03b\xc3", False),
        (b"\x80\x00", False),  # a longer form than needed
        (b"\x05\x02", False),
        (b"", False),
    ],
)
def test_only_ordinary_properties_are_passed_over(block: bytes, fine: bool) -> None:
    assert end_of_properties(block, 0, len(block)) == (len(block) if fine else -1)


@given(
    topic=st.none() | st.sampled_from(["r", "twinned/x/$reply/y"]),
    correlation=st.none() | st.binary(max_size=200),
    expiry=st.none() | st.integers(0, 2**32 - 1),
    text=st.none() | st.integers(0, 1),
    pairs=st.lists(st.tuples(st.sampled_from(["a", "bc"]), st.sampled_from(["", "d"])), max_size=3),
    kind=st.none() | st.just("application/json"),
    cut=st.integers(1, 400),
)
def test_where_an_answer_is_wanted_is_read_as_paho_wrote_it(
    topic: str | None,
    correlation: bytes | None,
    expiry: int | None,
    text: int | None,
    pairs: list[tuple[str, str]],
    kind: str | None,
    cut: int,
) -> None:
    written = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    given = {
        "ResponseTopic": topic,
        "CorrelationData": correlation,
        "MessageExpiryInterval": expiry,
        "PayloadFormatIndicator": text,
        "ContentType": kind,
    }
    for name, value in given.items():
        if value is not None:
            setattr(written, name, value)
    for pair in pairs:
        written.UserProperty = pair
    block = written.pack()  # type: ignore[no-untyped-call]  # paho leaves it untyped
    frames = [
        packet(0x32, len(name).to_bytes(2, "big") + name + b"\0\7" + block + b"{}") for name in (b"other", b"$c/shelve")
    ]
    stream = b"".join(frames)
    decoder = Decoder(v5=True, max_payload=1000, answered=b"$c/")
    decoder.feed(stream[:cut])
    if stream[cut:]:
        decoder.feed(stream[cut:])
    assert decoder.topics == [b"other", b"$c/shelve"]
    assert decoder.asking == ([] if topic is None else [(1, Asking(topic.encode(), correlation))])


@pytest.mark.parametrize("expiry", [None, 60])
def test_an_answer_carries_the_correlation_it_was_asked_with(expiry: int | None) -> None:
    for v5 in (True, False):
        encoder = Encoder(v5=v5)
        frame = encoder.qos1(
            0x1234, b"r", b"{}", retain=False, duplicate=False, expiry=expiry, correlation=b"\0" * 200 + b"\xff"
        )
        assert paho_reads(frame, v5=v5).messages == [(b"r", b"{}", False)]
        found = end_of_properties(frame, 8, len(frame))
        assert (found > 0) is v5
        if v5:
            assert frame[found:] == b"{}"
            assert frame[:found].endswith(b"\x09\x00\xc9" + b"\0" * 200 + b"\xff")


def test_topics_that_would_cost_the_connection_are_told_apart() -> None:
    assert sendable([b"a/b", b"c"])
    assert sendable([])
    for bad in (b"", b"a/+", b"#", b"a\0b"):
        assert not sendable([b"good", bad])


class _Trickle:
    """A stream that takes and gives a few bytes at a time."""

    at_once = 100

    def __init__(self, sizes: Iterator[int], incoming: bytes = b"") -> None:
        self._sizes = sizes
        self._incoming = incoming
        self.written = b""

    def recv(self, size: int) -> bytes:
        n = next(self._sizes)
        if n == 0:
            raise BlockingIOError
        data, self._incoming = self._incoming[: min(n, size)], self._incoming[min(n, size) :]
        if not data:
            raise BlockingIOError
        return data

    def send(self, parts: Sequence[Part]) -> int:
        data = b"".join(parts)
        n = min(next(self._sizes), len(data))
        if n == 0:
            raise BlockingIOError
        self.written += data[:n]
        return n

    def pending(self) -> bool:
        return False

    def unsent(self) -> bool:
        return False

    def finish(self) -> None: ...

    def fileno(self) -> int:
        return 0

    def close(self) -> None: ...


@given(
    st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=300)), max_size=20),
    st.lists(st.integers(0, 40), min_size=1).filter(any),
)
def test_partial_sends_lose_nothing_and_mix_nothing(writes: list[tuple[bool, bytes]], sizes: list[int]) -> None:
    def forever() -> Iterator[int]:
        while True:
            yield from sizes

    stream = _Trickle(forever())
    counters = Counters()
    wire = Wire(stream, Decoder(v5=False, max_payload=100), counters)
    expected = b""
    for by_paho, data in writes:
        if by_paho:
            assert wire.send(bytearray(data)) == len(data)
        else:
            wire.write(data)
        expected += data
        wire.flush()
    while wire.wants_write():
        wire.flush()
    assert stream.written == expected
    assert counters.bytes_out == len(expected)
    assert wire.waiting() == 0


@pytest.mark.parametrize(
    "parts", [[b"x" * (3 << 16)], [b"%04d" % k for k in range(5000)], [b"a", b"b" * (1 << 16), b"c", b"d"]]
)
def test_parts_of_any_size_and_number_leave_whole_and_in_order(parts: list[bytes]) -> None:
    far, near = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    wire = Wire(SocketStream(near), Decoder(v5=False, max_payload=100), Counters())
    for part in parts:
        wire.write(part)
    whole, got = b"".join(parts), b""
    wire.flush()
    while len(got) < len(whole):
        assert not wire.lost
        got += far.recv(1 << 16)
        wire.flush()
    assert got == whole
    assert not wire.waiting()
    assert not wire.wants_write()
    far.close()
    near.close()


def test_one_turn_reads_no_more_than_it_should_however_much_is_there() -> None:
    ours = _Ours(v5=False)
    ours.broker.setblocking(False)
    frame = publish(b"plant/a", b"x" * 100)
    sent = 0
    try:
        while True:
            sent += ours.broker.send(frame * 1000)
    except BlockingIOError:
        pass
    assert sent > READ_SIZE
    longest = 0
    before = 0
    while before < sent:
        assert ours.link.wire.fill()
        longest = max(longest, ours.counters.bytes_in - before)
        before = ours.counters.bytes_in
    assert READ_SIZE // 2 < longest <= READ_SIZE
    assert len(ours.link.decoder.take()[0]) == sent // len(frame)
    ours.finish()


def test_telemetry_that_keeps_coming_proves_the_broker_alive_before_its_pong() -> None:
    ours = _Ours(v5=False)
    ours.give(connack(False))
    ours.link.wire.send(b"\xc0\x00")
    ours.link.wire.flush()
    ours.broker.sendall(publish(b"a", b"1"))
    ours.link.wire.fill()
    assert bytes(ours.link.decoder.control) == b"\xd0\x00"
    ours.link.work()
    assert ours.link.over == ""
    ours.broker.sendall(publish(b"a", b"2"))
    ours.link.wire.fill()
    assert not ours.link.decoder.control
    ours.finish()
