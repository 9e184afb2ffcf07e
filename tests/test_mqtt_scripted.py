"""The session against brokers that refuse, forget, lie, hang or talk nonsense: scripted byte by byte."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from agent.shell.events import Event
from agent.shell.frames import FIRST_ID
from agent.shell.moderation import LASTING
from agent.shell.mqtt import RETRY_V5, Session, Subscription
from agent.types import Publications
from tests.brokers import Peer, ScriptedBroker, free_port, packet, publish, varint
from tests.sessions import Loop, mqtt

VERSIONS = pytest.mark.parametrize("v5", [True, False], ids=["5", "3.1.1"])


def _name(v5: bool) -> str:
    return "5" if v5 else "3.1.1"


def _level(connect: bytes) -> int:
    """The protocol level in the body of a CONNECT."""
    return connect[6]


def _published(peer: Peer) -> tuple[int, bytes, bytes, int]:
    """First byte, topic, what follows the identifier, and identifier of the client's next PUBLISH."""
    first, body = peer.packet()
    assert first >> 4 == 3
    end = 2 + int.from_bytes(body[:2], "big")
    if not first & 6:
        return first, body[2:end], body[end:], 0
    return first, body[2:end], body[end + 2 :], int.from_bytes(body[end : end + 2], "big")


def _confirm(peer: Peer, *, code: int = 0) -> bytes:
    """Take a QoS 1 PUBLISH and acknowledge it; returns its topic."""
    _, topic, _, packet_id = _published(peer)
    peer.send(packet(0x40, packet_id.to_bytes(2, "big") + (bytes((code,)) if code else b"")))
    return topic


def _welcome(
    peer: Peer, *, v5: bool, session: bool = False, properties: bytes = b"", codes: tuple[int, ...] = (0,)
) -> None:
    """Connect, subscribe and confirm `online`."""
    peer.accept(v5=v5, session=session, properties=properties)
    peer.grant(*codes, v5=v5)
    assert _confirm(peer).endswith(b"$status")


def _stay(peer: Peer) -> None:
    peer.until_closed()


@VERSIONS
def test_a_refused_subscription_is_named_and_asked_for_again(v5: bool) -> None:
    asked: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.accept(v5=v5)
        asked.append(peer.grant(0, 0x87 if v5 else 0x80, v5=v5))
        assert _confirm(peer).endswith(b"$status")
        asked.append(peer.grant(0x80, v5=v5))
        asked.append(peer.grant(0, v5=v5))
        assert _confirm(peer).endswith(b"$status")
        _stay(peer)

    filters = [("plant/#", 0), ("secret/#", 1)]
    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port, protocol=_name(v5)), filters) as loop:
        loop.until(lambda: loop.told("subscription refused"))
        assert loop.session.connected
        assert not loop.session.subscribed
        assert "'secret/#'" in loop.session.reason
        assert ("not authorized (0x87)" if v5 else "0x80") in loop.session.reason
        loop.ready()
        assert loop.session.reason == ""
        assert len(loop.told("subscription refused")) == 2
        assert loop.session.counters.connects == 1
    assert b"plant/#" in asked[0]
    assert all(b"secret/#" in body and b"plant/#" not in body for body in asked[1:])


def test_many_subscriptions_are_asked_for_in_small_packets_and_all_must_be_granted() -> None:
    counts: list[int] = []

    def script(peer: Peer) -> None:
        peer.accept(v5=True)
        for _ in range(3):
            body = peer.expect(8)
            counts.append(body.count(b"plant/"))
            peer.send(packet(0x90, body[:2] + b"\0" + bytes(counts[-1])))
        _confirm(peer)
        _stay(peer)

    filters = [(f"plant/{n}/#", 0) for n in range(20)]
    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port), filters).ready():
        assert counts == [8, 8, 4]


def test_an_answer_that_is_too_short_is_no_consent() -> None:
    def script(peer: Peer) -> None:
        peer.accept(v5=True)
        peer.grant(0, v5=True)
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port), [("a", 0), ("b", 0)]) as loop:
        loop.until(lambda: loop.told("subscription refused"))
        assert "'b'" in loop.session.reason


def _refuse_as_v5(peer: Peer) -> None:
    assert _level(peer.expect(1)) == 5
    peer.send(b"\x20\x03\x00\x84\x00")


def _refuse_as_v3(peer: Peer) -> None:
    assert _level(peer.expect(1)) == 5
    peer.send(b"\x20\x02\x00\x01")


def _hang_up(peer: Peer) -> None:
    assert _level(peer.expect(1)) == 5


def _say_nothing(peer: Peer) -> None:
    assert _level(peer.expect(1)) == 5
    _stay(peer)


@pytest.mark.parametrize("refuse", [_refuse_as_v5, _refuse_as_v3, _hang_up, _say_nothing])
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1_from_then_on(refuse: Callable[[Peer], None]) -> None:
    levels: list[int] = []

    def welcome(peer: Peer) -> None:
        levels.append(_level(peer.accept(v5=False)))
        peer.grant(0, v5=False)
        _confirm(peer)

    def stay(peer: Peer) -> None:
        welcome(peer)
        _stay(peer)

    with ScriptedBroker(refuse, welcome, stay) as broker, Loop(mqtt(port=broker.port, connect_timeout=0.5)) as loop:
        loop.until(lambda: loop.session.counters.reconnects == 1 and loop.session.subscribed)
        assert loop.session.protocol == "3.1.1"
        assert levels == [4, 4]
        # It was not waited before the second attempt, and nobody needs to hear of it.
        assert len(loop.told("not connected")) == 1


def test_a_broker_that_closes_on_both_versions_is_asked_in_5_again() -> None:
    levels: list[int] = []

    def close(peer: Peer) -> None:
        levels.append(_level(peer.expect(1)))

    with ScriptedBroker(close, close, close, close) as broker, Loop(mqtt(port=broker.port)) as loop:
        loop.until(lambda: len(levels) == 4)
        assert levels == [5, 4, 5, 4]
        loop.until(lambda: "instead of answering CONNECT" in loop.session.reason)


def test_a_version_that_is_demanded_is_not_given_up() -> None:
    levels: list[int] = []

    def refuse(peer: Peer) -> None:
        levels.append(_level(peer.expect(1)))
        peer.send(b"\x20\x03\x00\x84\x00")

    with ScriptedBroker(refuse, refuse, refuse) as broker, Loop(mqtt(port=broker.port, protocol="5")) as loop:
        loop.until(lambda: len(levels) == 3)
        assert levels == [5, 5, 5]
        assert "unsupported protocol version (0x84)" in loop.session.reason


@pytest.mark.parametrize(("code", "hint"), [(0x86, "mqtt.username"), (0x87, "mqtt.password_file"), (0x85, "client_id")])
def test_a_refusal_says_its_reason_and_where_to_look(code: int, hint: str) -> None:
    def refuse(peer: Peer) -> None:
        peer.expect(1)
        peer.send(packet(0x20, bytes((0, code, 0))))

    with ScriptedBroker(refuse) as broker, Loop(mqtt(port=broker.port)) as loop:
        loop.until(lambda: loop.events)
        assert f"0x{code:02x}" in loop.session.reason
        assert hint in loop.session.reason


def test_the_connect_packet_says_what_was_configured() -> None:
    bodies: list[bytes] = []

    def script(peer: Peer) -> None:
        bodies.append(peer.accept(v5=True))
        _stay(peer)

    with ScriptedBroker(script) as broker:
        config = mqtt(port=broker.port, keepalive=17, session_expiry=7200, receive_maximum=333)
        with Loop(config, [], client_id="me", secrets=("user", "word")) as loop:
            loop.until(lambda: loop.session.connected)
    body = bodies[0]
    assert body[:7] == b"\x00\x04MQTT\x05"
    # user name, password, will retained with QoS 1, and no clean start
    assert body[7] == 0x80 | 0x40 | 0x20 | 0x08 | 0x04
    assert struct.unpack("!H", body[8:10])[0] == 17
    properties = body[11 : 11 + body[10]]
    assert b"\x11" + (7200).to_bytes(4, "big") in properties
    assert b"\x21" + (333).to_bytes(2, "big") in properties
    assert len(properties) == 5 + 3  # and nothing else, no topic alias above all
    assert b"\x18" + (5).to_bytes(4, "big") in body  # will delay
    assert body.endswith(b'twinned/me/$status\x00\x14{"status":"offline"}\x00\x04user\x00\x04word')


def test_no_more_is_under_way_than_the_broker_takes() -> None:
    seen: list[bytes] = []
    go = threading.Event()

    def script(peer: Peer) -> None:
        _welcome(peer, v5=True, properties=b"\x21\x00\x02")
        first = [_published(peer) for _ in range(2)]
        seen.extend(topic for _, topic, _, _ in first)
        assert go.wait(10)
        # Answered the other way round, which a broker may do.
        for _, _, _, packet_id in reversed(first):
            peer.send(packet(0x40, packet_id.to_bytes(2, "big")))
        for _ in range(3):
            seen.append(_confirm(peer))
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)).ready() as loop:
        topics = [b"t/%d" % n for n in range(5)]
        assert loop.session.publish([Publications(topics, [b"x"] * 5, qos=1)]) == 5
        loop.until(lambda: len(seen) == 2)
        for _ in range(5):
            loop.turn(0.01)
        assert loop.session.counters.sent == 1 + 2
        assert loop.session.counters.pending == 5
        go.set()
        loop.until(lambda: loop.session.counters.pending == 0)
        assert seen == topics
        assert loop.session.counters.acked == 6


@pytest.mark.parametrize("kept", [True, False])
@VERSIONS
def test_what_was_not_confirmed_is_sent_again_in_order(v5: bool, kept: bool) -> None:
    before: list[tuple[int, bytes, bytes, int]] = []
    after: list[tuple[int, bytes, bytes, int]] = []

    def lose(peer: Peer) -> None:
        _welcome(peer, v5=v5)
        before.append(_published(peer))
        peer.send(packet(0x40, before[0][3].to_bytes(2, "big")))
        before.extend(_published(peer) for _ in range(3))

    def keep(peer: Peer) -> None:
        peer.accept(v5=v5, session=kept)
        peer.grant(0, v5=v5)
        for _ in range(5):
            after.append(_published(peer))
            peer.send(packet(0x40, after[-1][3].to_bytes(2, "big")))
        _stay(peer)

    with ScriptedBroker(lose, keep) as broker:
        loop = Loop(mqtt(port=broker.port, protocol=_name(v5)))
        with loop.ready():
            topics = [b"t/%d" % n for n in range(4)]
            loop.session.publish([Publications(topics, topics, qos=1, retain=True)])
            loop.until(lambda: loop.session.counters.disconnects == 1)
            loop.publish("t/4", b"later", qos=1)
            loop.until(lambda: loop.session.counters.pending == 0 and loop.session.counters.acked > 5)
    alarms = [row for row in after if not row[1].endswith(b"$status")]
    assert [row[1] for row in alarms] == [b"t/1", b"t/2", b"t/3", b"t/4"]
    duplicates = [bool(row[0] & 8) for row in alarms]
    assert duplicates == ([True, True, True, False] if kept else [False] * 4)
    if kept:
        assert [row[3] for row in alarms[:3]] == [row[3] for row in before[1:]]
    assert len({row[3] for row in after}) == 5
    assert all(row[3] >= FIRST_ID for row in after)


def test_a_publication_that_the_broker_refuses_is_counted_and_not_repeated() -> None:
    def script(peer: Peer) -> None:
        _welcome(peer, v5=True)
        _confirm(peer, code=0x87)
        _confirm(peer)
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)).ready() as loop:
        loop.publish("forbidden/a", b"1", qos=1)
        loop.publish("allowed/a", b"1", qos=1)
        loop.until(lambda: loop.session.counters.pending == 0)
        assert loop.session.counters.refused_out == 1
        assert loop.session.counters.acked == 2
        assert loop.told("refuses a publication")[0].fields == {"topic": "forbidden/a", "code": "0x87"}


def test_what_the_broker_cannot_do_is_not_asked_of_it() -> None:
    rows: list[tuple[int, bytes, bytes, int]] = []

    def script(peer: Peer) -> None:
        # At most 200 bytes, QoS 0, nothing retained.
        peer.accept(v5=True, properties=b"\x27\x00\x00\x00\xc8\x24\x00\x25\x00")
        peer.grant(0, v5=True)
        while len(rows) < 4:
            rows.append(_published(peer))
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)) as loop:
        loop.until(lambda: loop.session.subscribed)
        group = Publications((b"a", b"big", b"c"), (b"1", b"x" * 200, b"3"), retain=True)
        assert loop.session.publish([group]) == 2
        assert loop.session.publish([Publications((b"d",), (b"4",), qos=1)]) == 1
        loop.session.flush()
        loop.until(lambda: len(rows) == 4)
        assert [(row[0], row[1]) for row in rows if not row[1].endswith(b"$status")] == [
            (0x30, b"a"),
            (0x30, b"c"),
            (0x30, b"d"),
        ]
        assert loop.session.counters.dropped_out == 1
        assert "takes no packets of this size" in str(loop.told("publications dropped")[0].fields)


def test_a_keepalive_that_the_broker_demands_is_kept() -> None:
    seconds: list[int] = []
    pinged = threading.Event()

    def script(peer: Peer) -> None:
        # paho 2.2 follows at once, 2.1 not: then the session connects again.
        seconds.append(struct.unpack("!H", peer.expect(1)[8:10])[0])
        peer.send(b"\x20\x06\x00\x00\x03\x13\x00\x01")
        peer.grant(0, v5=True)
        _confirm(peer)
        peer.expect(12)
        pinged.set()
        _stay(peer)

    with ScriptedBroker(script, script) as broker, Loop(mqtt(port=broker.port, keepalive=60)) as loop:
        loop.ready().until(pinged.is_set)
        assert seconds in ([60], [60, 1])


def test_a_session_taken_over_names_the_client_id_at_once() -> None:
    def script(peer: Peer) -> None:
        _welcome(peer, v5=True)
        peer.send(b"\xe0\x01\x8e")
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port), client_id="mine").ready() as loop:
        loop.until(lambda: loop.told("another client uses the same client id"))
        event = loop.told("another client uses the same client id")[0]
        assert event.fields["client_id"] == "mine"
        assert "session taken over (0x8e)" in loop.session.reason


def test_three_short_connections_in_3_1_1_look_like_a_second_client_and_two_do_not() -> None:
    welcome = partial(_welcome, v5=False)
    with (
        ScriptedBroker(welcome, welcome, welcome) as broker,
        Loop(mqtt(port=broker.port, protocol="3.1.1"), client_id="mine") as loop,
    ):
        loop.until(lambda: loop.session.counters.disconnects == 2)
        assert not loop.told("another client")
        loop.until(lambda: loop.session.counters.disconnects == 3)
        assert loop.told("another client uses the same client id")[0].fields["client_id"] == "mine"


@VERSIONS
@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x30\xff\xff\xff\xff\xff",
        b"\x00\x00",
        b"\xf0\x00",
        b"\x30\x03\x00\x09t",
        b"\x20\x00",
        b"\x90\x01\x00",
        b"\xd0\x05hello",
    ],
)
def test_nonsense_ends_the_connection_and_no_more(v5: bool, nonsense: bytes) -> None:
    option = b"" if v5 else None

    def talk(peer: Peer) -> None:
        _welcome(peer, v5=v5)
        peer.send(publish(b"plant/a", b"good", properties=option) + nonsense)
        _stay(peer)

    def welcome(peer: Peer) -> None:
        _welcome(peer, v5=v5)
        _stay(peer)

    with ScriptedBroker(talk, welcome) as broker, Loop(mqtt(port=broker.port, protocol=_name(v5))) as loop:
        loop.until(lambda: loop.session.counters.reconnects == 1 and loop.session.subscribed)
        assert loop.messages == [("plant/a", b"good")]
        assert loop.session.counters.protocol_errors == 1
        assert loop.told("the broker") or loop.told("what the broker sent")


def test_whatever_a_broker_says_the_session_lives_on() -> None:
    rng = random.Random(11)
    connections = 60

    def babble(peer: Peer) -> None:
        level = _level(peer.expect(1))
        stream = bytearray()
        for _ in range(rng.randrange(1, 12)):
            kind = rng.randrange(16) << 4 | rng.choice([0, 0, 2, rng.randrange(16)])
            stream += packet(kind, rng.randbytes(rng.choice([0, 1, 2, 3, 5, 30])))
        if rng.random() < 0.8:
            peer.send(packet(0x20, b"\x00\x00\x00" if level == 5 else b"\x00\x00"))
        if rng.random() < 0.5:
            stream[rng.randrange(len(stream))] = rng.randrange(256)
        peer.send(bytes(stream))

    with (
        ScriptedBroker(*[babble] * connections) as broker,
        Loop(mqtt(port=broker.port, connect_timeout=0.5, reconnect={"min": 0.001, "max": 0.002})) as loop,
    ):
        loop.until(lambda: broker.served >= connections, 60)
        assert loop.session.counters.connects > 10
        assert loop.publish("still/alive", b"1", qos=1) == 1


def test_a_broker_that_does_not_answer_subscribe_is_left() -> None:
    def script(peer: Peer) -> None:
        peer.accept(v5=True)
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port, connect_timeout=0.2)) as loop:
        loop.until(lambda: loop.session.counters.disconnects == 1)
        assert "did not answer SUBSCRIBE" in loop.session.reason


def test_a_broker_that_accepts_and_says_nothing_is_left() -> None:
    def script(peer: Peer) -> None:
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port, connect_timeout=0.2, protocol="3.1.1")) as loop:
        loop.until(lambda: loop.events)
        assert "did not answer CONNECT in time" in loop.session.reason


def test_acknowledgements_that_nobody_reads_do_not_pile_up() -> None:
    stop = threading.Event()

    def script(peer: Peer) -> None:
        _welcome(peer, v5=False)
        frames = publish(b"plant/a", b"", first=0x32, packet_id=1) * 10_000
        while not stop.is_set():
            peer.send(frames)

    with ScriptedBroker(script) as broker:
        config = mqtt(port=broker.port, protocol="3.1.1", max_outgoing=10_000)
        # Who is not listened to listens once a second: those seconds are skipped.
        skipped = 0
        with Loop(config, clock=lambda: time.monotonic() + skipped) as loop:

            def left() -> bool:
                nonlocal skipped
                skipped += loop.batches > 0
                return bool(loop.told("does not read what it is sent"))

            loop.until(left)
            stop.set()
            assert loop.session.counters.disconnects == 1


def test_who_is_not_listened_to_listens_less_and_loses_nothing() -> None:
    listen, read = threading.Event(), []

    def script(peer: Peer) -> None:
        _welcome(peer, v5=True)
        peer.send(publish(b"plant/a", b"1", properties=b""))
        listen.wait(60)
        while len(read) < 1000:
            first, topic, _payload, _ = _published(peer)
            if first == 0x30:
                read.append(topic)
        peer.send(publish(b"plant/b", b"2", properties=b""))
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port, max_outgoing="16MiB")).ready() as loop:
        loop.until(lambda: len(loop.messages) == 1)
        session = loop.session
        sent = 0
        while session.queued_bytes <= (16 << 20) // 2:  # far more than is asked for, as the kernel takes more by and by
            assert sent < 900
            sent += session.publish([Publications([b"s/%d" % sent], [b"x" * 100_000])])
            session.flush()
        assert session.on_readable() is None
        assert not session.wants_read()  # for about a second, of which the next turn need not wait
        assert session.next_time() <= time.monotonic() + 1.0
        loop.until(session.wants_read)  # the answers to pings must be seen
        assert session.queued_bytes > (16 << 20) // 8
        session.publish([Publications([b"s/%d" % k for k in range(sent, 1000)], [b"y"] * (1000 - sent))])
        listen.set()
        loop.until(lambda: len(loop.messages) == 2)
        assert session.counters.dropped_out == 0
        assert read == [b"s/%d" % k for k in range(1000)]


def test_unsendable_publications_are_dropped_and_the_others_leave() -> None:
    rows: list[bytes] = []

    def script(peer: Peer) -> None:
        _welcome(peer, v5=True)
        while len(rows) < 4:
            rows.append(_published(peer)[1])
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)).ready() as loop:
        topics = [b"a", b"b/+", b"", b"c", b"t" * 65_536, b"d"]
        assert loop.session.publish([Publications(topics, [b"1"] * 6)]) == 3
        assert loop.session.publish([Publications([b"#", b"e", b"t" * 70_000], [b"1"] * 3, qos=1)]) == 1
        loop.session.flush()
        loop.until(lambda: len(rows) == 4)
        assert rows == [b"a", b"c", b"d", b"e"]
        assert loop.session.counters.dropped_out == 5


def test_an_empty_publish_is_nothing() -> None:
    with Loop(mqtt(port=free_port())) as loop:
        assert loop.session.publish([]) == 0
        assert loop.session.publish([Publications((), ())]) == 0
        assert loop.session.counters.dropped_out == 0


class _Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class _Bench:
    """A session whose time stands still until it is told."""

    def __init__(self, port: int, seed: int = 1, **settings: object) -> None:
        self.clock = _Clock()
        self.woken = threading.Event()
        self.events: list[Event] = []
        reconnect = {"min": 1, "max": 60}
        self.session = Session(
            mqtt(port=port, **{"reconnect": reconnect, **settings}),
            client_id="bench",
            subscriptions=[Subscription("plant/#", 0)],
            status_topic="status",
            online=lambda: b"online",
            offline=b"offline",
            secrets=(None, None),
            clock=self.clock,
            now=lambda: 0.0,
            random=random.Random(seed),
            events=self.events.append,
            wake=self.woken.set,
        )

    def due(self) -> None:
        """Go to the next deadline, and do what is due; an attempt to connect is waited for."""
        self.clock.time = max(self.clock.time, self.session.next_time())
        self.woken.clear()
        self.session.on_time()


@pytest.mark.parametrize("seed", range(5))
def test_waits_between_attempts_double_up_to_the_cap_with_jitter(seed: int) -> None:
    bench = _Bench(free_port(), seed)
    waits = []
    assert bench.session.next_time() <= bench.clock.time
    for _ in range(9):
        bench.due()
        assert bench.woken.wait(10)
        assert bench.session.next_time() <= bench.clock.time
        bench.session.on_time()
        waits.append(bench.session.next_time() - bench.clock.time)
    bench.session.stop(0)
    for n, wait in enumerate(waits):
        longest = min(60, 2**n)
        assert longest / 2 <= wait <= longest
    assert len({round(wait, 3) for wait in waits}) == 9
    assert bench.session.next_time() == float("inf")


def test_a_name_server_that_hangs_holds_up_neither_the_loop_nor_more_than_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    asked: list[str] = []

    def hang(host: str, *arguments: object, **options: object) -> list[object]:
        asked.append(host)
        assert release.wait(20)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    bench = _Bench(1, host="nowhere.example")
    bench.due()
    started = time.monotonic()
    for _ in range(20):
        bench.due()
    assert time.monotonic() - started < 5
    assert asked == ["nowhere.example"]
    assert "nowhere.example" in bench.session.reason
    release.set()
    bench.session.stop(0)


def test_an_attempt_that_succeeds_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    resolve = socket.getaddrinfo
    closed = threading.Event()

    def slow(host: str, port: int, **options: int) -> object:
        assert release.wait(20)
        return resolve(host, port, **options)

    def script(peer: Peer) -> None:
        assert peer.until_closed() == b""
        closed.set()

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with ScriptedBroker(script) as broker:
        bench = _Bench(broker.port)
        bench.due()
        bench.session.stop(0)
        assert bench.session.fileno() == -1
        release.set()
        assert closed.wait(10)
        assert not bench.woken.is_set()


def test_mqtt_5_is_tried_again_an_hour_after_it_was_refused() -> None:
    levels: list[int] = []

    def refuse(peer: Peer) -> None:
        levels.append(_level(peer.expect(1)))
        peer.send(b"\x20\x02\x00\x01")

    def close(peer: Peer) -> None:
        levels.append(_level(peer.expect(1)))

    with ScriptedBroker(refuse, close, close, close) as broker:
        bench = _Bench(broker.port, reconnect={"min": 1, "max": 1})
        for n in range(4):
            if n == 3:
                bench.clock.time += RETRY_V5
            bench.due()
            assert bench.woken.wait(10)
            bench.session.on_time()
            deadline = time.monotonic() + 10
            while bench.session.fileno() >= 0 and time.monotonic() < deadline:
                bench.session.on_readable()
        bench.session.stop(0)
    assert levels == [5, 4, 4, 5]


def test_a_message_of_quality_2_from_an_older_session_is_taken_once() -> None:
    answers: list[int] = []

    def script(peer: Peer) -> None:
        _welcome(peer, v5=True, session=True)
        peer.send(publish(b"plant/a", b"1", first=0x34, packet_id=9, properties=b""))
        answers.append(peer.packet()[0] >> 4)
        peer.send(packet(0x62, b"\x00\x09"))
        answers.append(peer.packet()[0] >> 4)
        _stay(peer)

    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)).ready() as loop:
        loop.until(lambda: len(answers) == 2)
        assert loop.messages == [("plant/a", b"1")]
        assert answers == [5, 7]


def test_properties_of_every_kind_do_not_disturb_the_payload() -> None:
    block = b"\x01\x01" + b"\x02\x00\x00\x00\x05" + b"\x03\x00\x01j" + b"\x26\x00\x01k\x00\x01v" * 40 + b"\x0b\x81\x01"

    def script(peer: Peer) -> None:
        _welcome(peer, v5=True)
        peer.send(
            publish(b"plant/a", b"1", properties=block)
            + publish(b"plant/b", b"2", first=0x32, packet_id=3, properties=block)
        )
        assert peer.expect(4) == b"\x00\x03"
        _stay(peer)

    assert len(varint(len(block))) == 2
    with ScriptedBroker(script) as broker, Loop(mqtt(port=broker.port)).ready() as loop:
        loop.until(lambda: len(loop.messages) == 2)
        assert loop.messages == [("plant/a", b"1"), ("plant/b", b"2")]


HELPINGS = LASTING + 2
TOTALS = range(300, 300 * HELPINGS + 1, 300)


def _in_helpings(go: list[threading.Event], peer: Peer) -> None:
    _welcome(peer, v5=False)
    for event in go:
        event.wait(60)
        peer.send(publish(b"plant/a", b"1") * 300)
    _stay(peer)


@pytest.mark.parametrize("gather", [0, "20ms"])
def test_what_comes_by_the_thousand_is_left_to_gather(gather: str) -> None:
    """A clock that the test moves: one helping and as many as have to be quick make a rate, and the next is waited for."""
    now, go = time.monotonic(), [threading.Event() for _ in range(HELPINGS)]
    with (
        ScriptedBroker(partial(_in_helpings, go)) as broker,
        Loop(mqtt(port=broker.port, protocol="3.1.1", gather=gather), clock=lambda: now) as loop,
    ):
        session = loop.ready().session
        for event, total in zip(go, TOTALS, strict=True):
            event.set()
            if total == TOTALS[-1]:
                assert session.wants_read() is (gather == 0)
                assert (now < session.next_time() <= now + 0.02) is (gather != 0)
                now += 0.025
                assert session.wants_read()
            loop.until(lambda total=total: len(loop.messages) == total)
            now += 0.025 if total < TOTALS[-2] else 0.0


def test_at_the_end_nothing_is_left_to_gather() -> None:
    now, go = time.monotonic(), [threading.Event() for _ in range(HELPINGS)]
    with (
        ScriptedBroker(partial(_in_helpings, go)) as broker,
        Loop(mqtt(port=broker.port, protocol="3.1.1"), clock=lambda: now) as loop,
    ):
        session = loop.ready().session
        for event, total in zip(go[:-1], TOTALS[:-1], strict=True):
            event.set()
            loop.until(lambda total=total: len(loop.messages) == total)
            now += 0.025 if total < TOTALS[-2] else 0.0
        assert not session.wants_read()
        session.drain()
        go[-1].set()
        loop.until(lambda: len(loop.messages) == TOTALS[-1])
