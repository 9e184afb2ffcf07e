"""What the broker says it dropped is counted and told; what it will not say costs nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.shell.events import Event
from agent.shell.shed import TOPIC, Shed
from agent.types import Asking, Batch
from tests.brokers import Mosquitto, Peer, ScriptedBroker, packet, publish
from tests.sessions import Loop, mqtt


def _batch(*messages: tuple[bytes, bytes]) -> Batch:
    topics, payloads = zip(*messages, strict=True)
    return Batch(topics, payloads, [float(k) for k in range(len(topics))], bytes(len(topics)))


def test_only_a_rise_is_told_also_over_a_restart_of_the_broker() -> None:
    events: list[Event] = []
    shed = Shed(wanted=True, events=events.append)
    rises = [shed.sift(_batch((TOPIC, b"%d" % count)))[1] for count in (700, 700, 705, 2, 2, 3)]
    assert rises == [0, 0, 5, 2, 0, 1]
    assert [event.fields["dropped"] for event in events] == [5, 2, 1]


@pytest.mark.parametrize("nonsense", [b"", b"-1", b"1.5", b"9" * 400, b"many", "\u0663".encode()])
def test_what_is_no_count_says_nothing(nonsense: bytes) -> None:
    shed = Shed(wanted=True, events=lambda event: pytest.fail(str(event)))
    assert shed.sift(_batch((TOPIC, b"5"), (TOPIC, nonsense), (TOPIC, b"5"))) == (None, 0)


def test_messages_around_the_count_keep_their_order_and_who_asks() -> None:
    who = Asking(b"answer/here")
    batch = _batch((b"a", b"1"), (TOPIC, b"5"), (b"b", b"2"), (b"c", b"3"))._replace(asking=[(0, who), (3, who)])
    others, _ = Shed(wanted=True, events=lambda event: None).sift(batch)
    assert others == Batch([b"a", b"b", b"c"], [b"1", b"2", b"3"], [0.0, 2.0, 3.0], [0, 0, 0], [(0, who), (2, who)])


@pytest.mark.broker
def test_what_mosquitto_sheds_is_counted_and_told_and_reaches_no_twin(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, extra=["sys_interval 1", "max_queued_messages 10"]) as broker:
        settings = mqtt(port=broker.port, watch_drops=True, session_expiry=0)
        with (
            Loop(settings, [("plant/#", 0)]).ready() as loop,
            Loop(mqtt(port=broker.port), [], client_id="s") as source,
        ):
            source.ready()
            with socket.create_connection(("127.0.0.1", broker.port)) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.sendall(packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x04deaf"))
                deaf.sendall(packet(0x82, b"\x00\x01\x00\x05flood\x00"))
                assert deaf.recv(4) == b"\x20\x02\x00\x00"
                while not loop.told("the broker drops messages"):
                    source.publish_all([b"flood"] * 20, [b"x" * 100_000] * 20)
                    loop.turn()
            assert loop.session.counters.shed > 0
            assert loop.messages == []


def test_a_refusal_is_silent_and_a_broker_that_hangs_up_instead_is_not_asked_again() -> None:
    asked: list[bytes] = []

    def accept(peer: Peer) -> None:
        peer.accept(v5=False)
        peer.grant(0, v5=False)

    def refuses(peer: Peer) -> None:
        accept(peer)
        body = peer.expect(8)
        asked.append(body[4:-1])
        peer.send(packet(0x90, body[:2] + b"\x80"))
        peer.send(publish(b"plant/a", b"1"))
        peer.expect(3)

    def hangs_up(peer: Peer) -> None:
        accept(peer)
        asked.append(peer.expect(8)[4:-1])

    def stays(peer: Peer) -> None:
        accept(peer)
        peer.expect(3)  # and no other SUBSCRIBE before the status
        peer.until_closed()

    with (
        ScriptedBroker(refuses, hangs_up, stays) as broker,
        Loop(mqtt(port=broker.port, protocol="3.1.1", watch_drops=True)) as loop,
    ):
        loop.until(lambda: loop.session.counters.connects == 3 and loop.session.subscribed)
        assert asked == [TOPIC, TOPIC]
        assert loop.messages == [("plant/a", b"1")]
        assert not loop.told("subscription refused")
