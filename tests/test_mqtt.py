"""The session against real brokers: Mosquitto in its variants, and amqtt."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from agent.shell.stream import SocketStream
from agent.types import Publications
from tests.brokers import Amqtt, Certificates, Mosquitto, Proxy, free_port, send, subscriber
from tests.sessions import Loop, mqtt

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not Mosquitto.installed(), reason="Mosquitto is not installed"),
]


def _payloads(loop: Loop) -> list[bytes]:
    return [payload for _, payload in loop.messages]


def _nothing_waits(loop: Loop) -> bool:
    return not loop.session.wants_write() and loop.session.counters.pending == 0


def _has_messages(loop: Loop, count: int) -> bool:
    return len(loop.messages) >= count


def _has_line(broker: Mosquitto, words: str, since: int) -> bool:
    return any(words in line for line in broker.lines(since))


VERSIONS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1])
def test_messages_arrive_whole_in_order_and_once(broker: Mosquitto, protocol: str, qos: int) -> None:
    lines = [f"{n}:".encode() + b"x" * (n * 37 % 700) for n in range(1000)]
    settings = mqtt(port=broker.port, protocol=protocol, session_expiry=0)
    with Loop(settings, [("plant/#", qos)]).ready() as loop:
        assert loop.session.protocol == protocol
        send(broker.port, "-t", "plant/a", "-q", str(qos), "-l", input=b"\n".join(lines))
        loop.until(lambda: len(loop.messages) >= len(lines))
        assert loop.messages == [("plant/a", line) for line in lines]
        assert not any(loop.retained)
        assert loop.session.counters.received == len(lines)
        assert loop.session.reason == ""


def test_messages_that_the_clock_cannot_tell_apart_arrive_one_after_the_other(broker: Mosquitto) -> None:
    clock = [1.8e9]
    with Loop(mqtt(port=broker.port, session_expiry=0), now=lambda: clock[0]).ready() as loop:
        send(broker.port, "-t", "plant/a", "-l", input=b"\n".join([b"1"] * 500))
        loop.until(lambda: len(loop.messages) >= 500)
        assert all(a < b for a, b in pairwise(loop.received))
        assert 1.8e9 <= loop.received[0] < loop.received[-1] < 1.8e9 + 0.001
        clock[0] -= 3600.0
        send(broker.port, "-t", "plant/a", "-m", "1")
        loop.until(lambda: len(loop.messages) > 500)
        assert loop.received[-1] == clock[0]


@VERSIONS
def test_publications_of_both_qualities_arrive_whole_and_in_order(broker: Mosquitto, protocol: str) -> None:
    rng = random.Random(5)
    payloads = [b"%d " % n + rng.randbytes(rng.choice([0, 3, 150, 40_000])) for n in range(300)]
    topics = [b"out/%d" % (n % 7) for n in range(300)]
    settings = mqtt(port=broker.port, protocol=protocol, session_expiry=0)
    with (
        Loop(settings, [("out/#", 1)], client_id="sink").ready() as sink,
        Loop(settings, [], client_id="source").ready() as source,
    ):
        for qos in (0, 1):
            sink.messages.clear()
            acked = source.session.counters.acked
            assert source.session.publish([Publications(topics, payloads, qos, expiry=60)]) == 300
            source.session.flush()
            source.until(lambda: not source.session.wants_write())
            expected = acked + 300 * qos
            source.until(lambda n=expected: source.session.counters.acked == n)  # type: ignore[misc]  # bound on purpose
            sink.until(lambda: len(sink.messages) >= 300)
            assert [(t.encode(), p) for t, p in sink.messages] == list(zip(topics, payloads, strict=True))
        assert source.session.counters.pending == 0
        assert source.session.counters.dropped_out == 0


@VERSIONS
def test_retained_messages_are_marked_and_live_ones_are_not(broker: Mosquitto, protocol: str) -> None:
    topic = f"kept/{protocol}/a"
    send(broker.port, "-t", topic, "-m", "old", "-r")
    settings = mqtt(port=broker.port, protocol=protocol, session_expiry=0)
    with Loop(settings, [(f"kept/{protocol}/#", 0)]).ready() as loop:
        send(broker.port, "-t", topic, "-m", "new")
        loop.until(lambda: len(loop.messages) == 2)
        assert loop.messages == [(topic, b"old"), (topic, b"new")]
        assert loop.retained == [True, False]


def test_expiry_and_retention_of_a_publication_are_kept_by_the_broker(broker: Mosquitto) -> None:
    with Loop(mqtt(port=broker.port), [], client_id="source").ready() as loop:
        loop.publish("expiring/a", b"1", retain=True, expiry=100, qos=1)
        loop.until(lambda: loop.session.counters.pending == 0)
        arguments = ("-V", "5", "-t", "expiring/a", "-C", "1", "-F", "%r %E %p")
        with subscriber(broker.port, *arguments) as sink:
            assert sink.stdout is not None
            retained, expiry, payload = sink.stdout.readline().split()
    assert (retained, payload) == (b"1", b"1")
    assert 90 <= int(expiry) <= 100


@VERSIONS
def test_the_status_is_online_after_the_subscription_and_offline_after_a_clean_end(
    broker: Mosquitto, protocol: str
) -> None:
    settings = mqtt(port=broker.port, protocol=protocol, session_expiry=0)
    mark = broker.mark()
    with (
        Loop(settings, [("twinned/watched/$status", 1)], client_id="watcher").ready() as watcher,
        Loop(settings, client_id="watched").ready() as loop,
    ):
        subscribe = broker.await_line("Received SUBSCRIBE from watched", since=mark)
        online = broker.await_line("Received PUBLISH from watched .*status", since=mark)
        lines = broker.lines(mark)
        assert lines.index(subscribe) < lines.index(online)
        loop.session.stop(5)
        farewell = broker.await_line("Client watched|Received DISCONNECT from watched", since=mark)
        assert "Received DISCONNECT" in farewell
        watcher.until(lambda: len(watcher.messages) >= 2)
        said = [payload for payload, old in zip(_payloads(watcher), watcher.retained, strict=True) if not old]
        assert said == [b'{"status":"online"}', b'{"status":"offline"}']
        assert loop.session.fileno() == -1
        assert not loop.session.connected


@VERSIONS
def test_the_will_says_offline_when_the_agent_dies(broker: Mosquitto, protocol: str) -> None:
    # Without a kept session the broker does not wait for the agent to come back.
    settings = mqtt(port=broker.port, protocol=protocol, session_expiry=0)
    with (
        Loop(settings, [("twinned/dying/$status", 0)], client_id="watcher").ready() as watcher,
        Proxy(broker.port) as proxy,
        Loop(mqtt(port=proxy.port, protocol=protocol, session_expiry=0), client_id="dying").ready(),
    ):
        watcher.until(lambda: b'{"status":"online"}' in _payloads(watcher))
        watcher.messages.clear()
        proxy.cut()
        watcher.until(lambda: watcher.messages)
        assert watcher.messages == [("twinned/dying/$status", b'{"status":"offline"}')]


def test_a_stop_that_cannot_say_offline_leaves_that_to_the_will(broker: Mosquitto) -> None:
    settings = mqtt(port=broker.port, session_expiry=0)
    with (
        Loop(settings, [("twinned/hasty/$status", 0)], client_id="watcher").ready() as watcher,
        Proxy(broker.port) as proxy,
        Loop(mqtt(port=proxy.port, session_expiry=0), client_id="hasty").ready() as loop,
    ):
        watcher.until(lambda: b'{"status":"online"}' in _payloads(watcher))
        watcher.messages.clear()
        proxy.hold()
        mark = broker.mark()
        started = time.monotonic()
        loop.session.stop(0.2)
        assert time.monotonic() - started < 5
        proxy.release()
        broker.await_line("Received DISCONNECT from hasty", since=mark)
        watcher.until(lambda: len(watcher.messages) >= 2)
        # Once in words of its own, which the broker did not confirm in time, and once by the will.
        assert _payloads(watcher) == [b'{"status":"offline"}'] * 2


@VERSIONS
def test_a_broker_that_comes_late_is_found(tmp_path: Path, protocol: str) -> None:
    port = free_port()
    with Loop(mqtt(port=port, protocol=protocol)) as loop:
        loop.until(lambda: len(loop.told("nothing listens there")) >= 2)
        assert not loop.session.connected
        assert str(port) in loop.session.reason
        before = loop.session.protocol
        assert before is None
        with Mosquitto(tmp_path, port=port):
            loop.ready()
            assert loop.session.protocol == protocol
            assert loop.session.counters.connects == 1
            assert loop.session.counters.reconnects == 0


@VERSIONS
def test_a_restarted_broker_is_found_again_and_nothing_confirmed_is_lost(tmp_path: Path, protocol: str) -> None:
    with Mosquitto(tmp_path, persistence=True) as broker:
        settings = mqtt(port=broker.port, protocol=protocol)
        with Loop(settings, [("plant/#", 1)]).ready() as loop:
            send(broker.port, "-t", "plant/a", "-q", "1", "-m", "before")
            loop.until(lambda: loop.messages)
            broker.stop()
            loop.until(lambda: not loop.session.connected)
            assert loop.publish("alarm/a", b"raised while it was away", qos=1, retain=True) == 1
            assert loop.publish("state/a", b"of no use later") == 0
            assert loop.session.counters.pending == 1
            assert loop.session.counters.dropped_out == 1
            broker.start()
            loop.ready()
            with subscriber(broker.port, "-t", "alarm/a", "-C", "1") as sink:
                assert sink.stdout is not None
                assert sink.stdout.readline() == b"raised while it was away\n"
            send(broker.port, "-t", "plant/a", "-q", "1", "-m", "after")
            loop.until(lambda: len(loop.messages) >= 2)
            assert [payload for _, payload in loop.messages] == [b"before", b"after"]
            assert loop.session.counters.reconnects == 1
            assert loop.session.counters.disconnects == 1
            first, again = (e for e in loop.events if e.event == "connected to the broker")
            assert first.key != again.key, "the second would be held back as a repetition"


@VERSIONS
@pytest.mark.parametrize("remembers", [True, False])
def test_a_broker_that_comes_back_with_nothing_is_told_apart_from_one_that_remembers(
    tmp_path: Path, protocol: str, remembers: bool
) -> None:
    with (
        Mosquitto(tmp_path, persistence=remembers) as broker,
        Loop(mqtt(port=broker.port, protocol=protocol), [("plant/#", 1)]) as loop,
    ):
        assert not loop.session.take_forgotten()
        loop.ready()
        assert loop.session.take_forgotten(), "at the first meeting the broker knows nothing"
        assert not loop.session.take_forgotten(), "it is said once"
        broker.stop()
        loop.until(lambda: not loop.session.connected)
        assert not loop.session.take_forgotten()
        broker.start()
        loop.ready()
        assert loop.session.take_forgotten() is not remembers


@VERSIONS
def test_messages_of_a_kept_session_wait_for_the_agent(broker: Mosquitto, protocol: str) -> None:
    client_id = f"away-{protocol}"
    settings = mqtt(port=broker.port, protocol=protocol)
    with Loop(settings, [("waiting/#", 1)], client_id=client_id) as loop:
        loop.ready()
    send(broker.port, "-t", "waiting/a", "-q", "1", "-m", "while you were out")
    with Loop(settings, [("waiting/#", 1)], client_id=client_id) as loop:
        loop.until(lambda: loop.messages)
        assert loop.messages == [("waiting/a", b"while you were out")]


@VERSIONS
def test_a_message_is_only_acknowledged_when_the_agent_says_so(broker: Mosquitto, protocol: str) -> None:
    client_id = f"careful-{protocol}"
    settings = mqtt(port=broker.port, protocol=protocol)
    with Loop(settings, [("careful/#", 1)], client_id=client_id, acknowledge=False).ready() as loop:
        send(broker.port, "-t", "careful/a", "-q", "1", "-m", "1")
        loop.until(lambda: loop.messages)
    with Loop(settings, [("careful/#", 1)], client_id=client_id).ready() as loop:
        loop.until(lambda: loop.messages)
        assert loop.messages == [("careful/a", b"1")]
    with Loop(settings, [("careful/#", 1)], client_id=client_id).ready() as loop:
        send(broker.port, "-t", "careful/a", "-q", "1", "-m", "2")
        loop.until(lambda: loop.messages)
        assert loop.messages == [("careful/a", b"2")]


@VERSIONS
def test_a_connection_cut_in_the_middle_of_a_packet_loses_and_invents_nothing(broker: Mosquitto, protocol: str) -> None:
    lines = [b"%d " % n + b"x" * 300 for n in range(400)]
    with Proxy(broker.port) as proxy:
        settings = mqtt(port=proxy.port, protocol=protocol)
        with Loop(settings, [("cut/#", 1)], client_id=f"cut-{protocol}").ready() as loop:
            proxy.cut_after(20_000 + 123)
            send(broker.port, "-t", "cut/a", "-q", "1", "-l", input=b"\n".join(lines))
            loop.until(lambda: {payload for _, payload in loop.messages} >= set(lines))
            assert {payload for _, payload in loop.messages} == set(lines)
            assert loop.session.counters.reconnects == 1
            assert loop.session.counters.protocol_errors == 0
            assert proxy.connections == 2


def test_a_publication_whose_acknowledgement_was_lost_is_repeated_as_a_duplicate(broker: Mosquitto) -> None:
    with Proxy(broker.port) as proxy, Loop(mqtt(port=proxy.port), [], client_id="repeats").ready() as loop:
        proxy.hold()
        mark = broker.mark()
        loop.publish("repeated/a", b"1", qos=1)
        broker.await_line(r"Received PUBLISH from repeats \(d0, q1.*repeated/a", since=mark)
        proxy.release()
        proxy.cut()
        loop.until(lambda: loop.session.counters.reconnects == 1 and loop.session.counters.pending == 0)
        if loop.session.counters.sent > 3:
            broker.await_line(r"Received PUBLISH from repeats \(d1, q1.*repeated/a", since=mark)


@pytest.mark.parametrize("mutual", [False, True])
@VERSIONS
def test_tls_carries_everything(tmp_path: Path, certificates: Certificates, mutual: bool, protocol: str) -> None:
    tls = {"ca_file": str(certificates.authority)}
    if mutual:
        tls |= {"cert_file": str(certificates.client), "key_file": str(certificates.client_key)}
    payload = random.Random(1).randbytes(200_000)
    with Mosquitto(tmp_path, tls=certificates, mutual=mutual) as broker:
        settings = mqtt(port=broker.port, protocol=protocol, tls=tls, host="localhost")
        with Loop(settings, [("echo/#", 1)]).ready() as loop:
            topics = [b"echo/%d" % n for n in range(40)]
            assert loop.session.publish([Publications(topics, [payload] * 20 + [b"s"] * 20, qos=0)]) == 40
            loop.session.flush()
            loop.until(lambda: len(loop.messages) >= 40)
            assert loop.messages == [(t.decode(), payload if n < 20 else b"s") for n, t in enumerate(topics)]
            assert loop.session.counters.received == 40


def test_a_broker_with_the_wrong_certificate_is_not_believed(tmp_path: Path, certificates: Certificates) -> None:
    other = Certificates(tmp_path / "other")
    with Mosquitto(tmp_path, tls=certificates) as broker:
        for tls, words in (
            ({"ca_file": str(other.authority)}, "not trusted"),
            ({"ca_file": str(certificates.authority), "server_name": "elsewhere"}, "tls.server_name"),
            ({"ca_file": str(tmp_path / "none.pem")}, "No such file"),
            ({"ca_file": str(certificates.authority), "cert_file": str(certificates.authority)}, "tls.cert_file"),
        ):
            with Loop(mqtt(port=broker.port, host="localhost", tls=tls)) as loop:
                loop.until(lambda: loop.events)
                assert words in loop.session.reason
                assert loop.session.counters.connects == 0


def test_a_client_without_its_certificate_is_told_that_one_is_wanted(
    tmp_path: Path, certificates: Certificates
) -> None:
    with (
        Mosquitto(tmp_path, tls=certificates, mutual=True) as broker,
        Loop(mqtt(port=broker.port, tls={"ca_file": str(certificates.authority)}, protocol="5")) as loop,
    ):
        loop.until(lambda: loop.events)
        assert "certificate" in loop.session.reason


def test_tls_to_a_plain_port_and_plain_to_a_tls_port_are_explained(tmp_path: Path, certificates: Certificates) -> None:
    tls = {"ca_file": str(certificates.authority)}
    with Mosquitto(tmp_path) as plain, Loop(mqtt(port=plain.port, tls=tls)) as loop:
        loop.until(lambda: loop.events)
        assert "TLS" in loop.session.reason or "connection" in loop.session.reason
    with Mosquitto(tmp_path, tls=certificates) as encrypted, Loop(mqtt(port=encrypted.port, protocol="3.1.1")) as loop:
        loop.until(lambda: loop.events)
        assert "instead of answering CONNECT" in loop.session.reason
        assert "`mqtt.tls`" in loop.session.reason


@VERSIONS
def test_user_and_password_are_given_and_a_wrong_one_is_named_without_showing_it(tmp_path: Path, protocol: str) -> None:
    with Mosquitto(tmp_path, users={"agent": "s3cret-word"}) as broker:
        settings = mqtt(port=broker.port, protocol=protocol)
        with Loop(settings, secrets=("agent", "s3cret-word")).ready() as loop:
            assert loop.session.connected
        with Loop(settings, secrets=("agent", "wr0ng-word")) as loop:
            loop.until(lambda: len(loop.events) >= 2)
            assert "not authorized" in loop.session.reason or "bad user name" in loop.session.reason
            assert "mqtt.password_file" in loop.session.reason
            assert "wr0ng" not in str(loop.events) + repr(loop.session.reason)
            assert loop.session.counters.connects == 0


@VERSIONS
def test_websockets_carry_everything(tmp_path: Path, certificates: Certificates, protocol: str) -> None:
    payload = random.Random(1).randbytes(70_000)
    for tls in (None, certificates):
        settings = {"tls": {"ca_file": str(certificates.authority)}} if tls else {}
        with Mosquitto(tmp_path, websockets=True, tls=tls) as broker:
            config = mqtt(port=broker.port, protocol=protocol, transport="websockets", host="localhost", **settings)
            plain = mqtt(port=broker.plain_port)
            with (
                Loop(config, [("in/#", 1)], client_id="webbed").ready() as loop,
                Loop(plain, [("out/#", 1)], client_id="plain").ready() as other,
            ):
                # Mosquitto 2.0 writes 4 KiB each 100 ms to a WebSocket, so what comes is small.
                for source, sink, topic, payloads in (
                    (loop, other, b"out/", [payload, b"1", b"", payload[:126], payload[:65_536]]),
                    (other, loop, b"in/", [b"1", b"", payload[:126], payload[:300]]),
                ):
                    topics = [topic + b"%d" % n for n in range(len(payloads))]
                    expected = [(t.decode(), p) for t, p in zip(topics, payloads, strict=True)]
                    for qos in (0, 1):
                        sink.messages.clear()
                        assert source.session.publish([Publications(topics, payloads, qos=qos)]) == len(payloads)
                        source.until(partial(_nothing_waits, source))
                        sink.until(partial(_has_messages, sink, len(payloads)))
                        assert sink.messages == expected


def test_a_port_that_speaks_no_websocket_is_explained(broker: Mosquitto) -> None:
    with Loop(mqtt(port=broker.port, transport="websockets")) as loop:
        loop.until(lambda: loop.events)
        assert "WebSocket" in loop.session.reason


@pytest.mark.parametrize(("protocol", "spoken"), [("auto", "3.1.1"), ("3.1.1", "3.1.1")])
def test_amqtt_is_spoken_to_in_the_version_it_knows(protocol: str, spoken: str) -> None:
    with Amqtt() as broker, Loop(mqtt(port=broker.port, protocol=protocol), [("plant/#", 1)]).ready() as loop:
        assert loop.session.protocol == spoken
        send(broker.port, "-t", "plant/a", "-q", "1", "-m", "hello")
        loop.until(lambda: loop.messages)
        assert loop.messages == [("plant/a", b"hello")]
        loop.publish("plant/b", b"own", qos=1)
        loop.until(lambda: len(loop.messages) == 2 and loop.session.counters.pending == 0)


@VERSIONS
def test_a_second_client_with_the_same_id_is_named(broker: Mosquitto, protocol: str) -> None:
    settings = mqtt(port=broker.port, protocol=protocol, reconnect={"min": 0.05, "max": 0.2})
    with Loop(settings, client_id="twice") as one, Loop(settings, client_id="twice") as other:
        words = "another client uses the same client id"
        one.ready()

        def both() -> bool:
            other.turn(0.01)
            return bool(one.told(words) or other.told(words))

        one.until(both)
        event = (one.told(words) + other.told(words))[0]
        assert event.level == "error"
        assert event.fields["client_id"] == "twice"


@VERSIONS
def test_a_payload_over_the_limit_is_reported_and_does_not_stop_the_rest(broker: Mosquitto, protocol: str) -> None:
    settings = mqtt(port=broker.port, protocol=protocol, max_payload=1000, session_expiry=0)
    with Loop(settings, [("large/#", 1)]).ready() as loop:
        send(broker.port, "-t", "large/a", "-q", "1", "-s", input=b"x" * 3_000_000)
        send(broker.port, "-t", "large/b", "-q", "1", "-m", "small")
        loop.until(lambda: loop.messages)
        assert loop.messages == [("large/b", b"small")]
        assert [(reject.topic, reject.reason) for reject in loop.rejects] == [(b"large/a", "too_large")]
        assert loop.session.counters.oversize == 1
        # More of them than the broker keeps unacknowledged: they are acknowledged too.
        for _ in range(25):
            send(broker.port, "-t", "large/a", "-q", "1", "-s", input=b"x" * 1001)
        send(broker.port, "-t", "large/b", "-q", "1", "-m", "last")
        loop.until(lambda: len(loop.messages) == 2)
        assert len(loop.rejects) == 26


def test_an_idle_connection_is_kept_by_pings_and_a_dead_one_is_noticed(broker: Mosquitto) -> None:
    with Proxy(broker.port) as proxy, Loop(mqtt(port=proxy.port, keepalive=1), client_id="idle").ready() as loop:
        for _ in range(2):
            mark = broker.mark()
            loop.until(partial(_has_line, broker, "Received PINGREQ from idle", mark))
        assert loop.session.counters.disconnects == 0
        proxy.hold()
        loop.until(lambda: not loop.session.connected)
        assert "ping" in loop.session.reason
        proxy.cut()
        proxy.release()
        loop.ready()


def test_a_slow_reader_holds_up_the_broker_and_not_itself(broker: Mosquitto) -> None:
    settings = mqtt(port=broker.port, session_expiry=0)
    with Loop(settings, [("flood/#", 0)]).ready() as loop, Loop(settings, [], client_id="source").ready() as source:
        payload = b"x" * 1000
        for _ in range(20):
            topics = [b"flood/%d" % n for n in range(100)]
            source.publish_all(topics, [payload] * 100)
        loop.until(lambda: len(loop.messages) == 2000)
        assert loop.session.counters.bytes_in / loop.batches <= 1 << 18


def test_qos_0_beyond_what_may_wait_is_dropped_and_counted(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    def takes_nothing(self: SocketStream, parts: object) -> int:
        raise BlockingIOError

    with Proxy(broker.port) as proxy:
        settings = mqtt(port=proxy.port, max_outgoing=100_000)
        with Loop(settings, [], client_id="flooding").ready() as loop:
            topics, payloads = [b"f/%d" % n for n in range(1000)], [b"x" * 1000] * 1000
            with monkeypatch.context() as patch:
                patch.setattr(SocketStream, "send", takes_nothing)
                taken = loop.session.publish([Publications(topics, payloads)])
            assert 0 < taken < 100
            assert loop.session.counters.dropped_out == 1000 - taken
            assert loop.told("publications dropped")
            loop.until(lambda: not loop.session.wants_write())
            assert loop.session.publish([Publications(topics[:10], payloads[:10])]) == 10
