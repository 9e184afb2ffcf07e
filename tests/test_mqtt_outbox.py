"""The table of QoS 1 publications: bounded, in order, and each identifier used once at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.shell.frames import FIRST_ID, LAST_ID, Encoder
from agent.shell.outbox import Outbox
from tests.brokers import publish

COUNT, BYTES = 12, 400


def _identifier(frame: bytes) -> int:
    """Of a frame whose topic has one byte."""
    return int.from_bytes(frame[5:7], "big")


def _send(outbox: Outbox, window: int = 100, max_packet: int = 10_000) -> list[bytes]:
    return outbox.send(Encoder(v5=False), window, max_packet=max_packet, retain_allowed=True)[0]


def test_a_frame_is_what_the_standard_says() -> None:
    outbox = Outbox(max_count=9, max_bytes=999, clock=lambda: 0.0)
    outbox.add(b"t", b"payload", retain=True, expiry=None)
    assert _send(outbox) == [publish(b"t", b"payload", first=0x33, packet_id=FIRST_ID)]


def test_what_has_expired_is_not_sent_and_what_remains_of_the_time_is_said() -> None:
    time = 100.0
    outbox = Outbox(max_count=9, max_bytes=999, clock=lambda: time)
    for expiry in (5, 60, None):
        outbox.add(b"t", b"%d" % (expiry or 0), retain=False, expiry=expiry)
    time = 110.5
    frames, dropped = outbox.send(Encoder(v5=True), 9, max_packet=999, retain_allowed=True)
    assert dropped == 1
    assert frames == [
        publish(b"t", b"60", first=0x32, packet_id=FIRST_ID, properties=b"\x02" + (50).to_bytes(4, "big")),
        publish(b"t", b"0", first=0x32, packet_id=FIRST_ID + 1, properties=b""),
    ]
    assert len(outbox) == 2


def test_a_packet_over_the_brokers_limit_is_given_up() -> None:
    outbox = Outbox(max_count=9, max_bytes=999, clock=lambda: 0.0)
    outbox.add(b"t", b"x" * 50, retain=False, expiry=None)
    outbox.add(b"t", b"y", retain=False, expiry=None)
    frames, dropped = outbox.send(Encoder(v5=False), 9, max_packet=20, retain_allowed=True)
    assert dropped == 1
    assert [frame[-1:] for frame in frames] == [b"y"]
    assert len(outbox) == 1


def test_the_oldest_gives_way_but_not_what_is_under_way() -> None:
    outbox = Outbox(max_count=3, max_bytes=999, clock=lambda: 0.0)
    numbers = [outbox.add(b"t", b"%d" % n, retain=False, expiry=None)[0] for n in range(3)]
    assert len(_send(outbox, window=1)) == 1
    newest, dropped = outbox.add(b"t", b"3", retain=False, expiry=None)
    assert dropped == 1
    assert [outbox.holds(number) for number in (*numbers, newest)] == [True, False, True, True]
    _send(outbox, window=3)
    assert outbox.add(b"t", b"4", retain=False, expiry=None) == (0, 0)


def test_something_larger_than_the_whole_table_has_no_place_and_costs_no_other_for_nothing() -> None:
    outbox = Outbox(max_count=9, max_bytes=100, clock=lambda: 0.0)
    outbox.add(b"t", b"x", retain=False, expiry=None)
    assert outbox.add(b"t", b"x" * 200, retain=False, expiry=None) == (0, 0)
    assert len(outbox) == 1


def test_identifiers_wrap_around_past_those_in_use() -> None:
    outbox = Outbox(max_count=9, max_bytes=999, clock=lambda: 0.0)
    outbox.add(b"t", b"stays", retain=False, expiry=None)
    assert [_identifier(frame) for frame in _send(outbox)] == [FIRST_ID]
    seen = set()
    for _ in range(LAST_ID - FIRST_ID + 5):
        outbox.add(b"t", b"goes", retain=False, expiry=None)
        (frame,) = _send(outbox)
        seen.add(_identifier(frame))
        assert outbox.acknowledged(_identifier(frame)) is not None
    assert seen == set(range(FIRST_ID + 1, LAST_ID + 1))


@given(st.integers(0, 0xFFFF))
def test_an_acknowledgement_of_nothing_is_nothing(packet_id: int) -> None:
    assert Outbox(max_count=1, max_bytes=1, clock=lambda: 0.0).acknowledged(packet_id) is None


class Deliveries(RuleBasedStateMachine):
    """Against a list: what was added, in order, until it was acknowledged or dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(max_count=COUNT, max_bytes=BYTES, clock=lambda: 0.0)
        self.next = 0
        self.waiting: list[bytes] = []
        self.under_way: dict[int, bytes] = {}
        self.earlier: dict[bytes, int] = {}  # identifiers given in this session of the broker

    @rule(size=st.integers(0, 90))
    def add(self, size: int) -> None:
        payload = b"%06d" % self.next + b"x" * size
        self.next += 1
        number, dropped = self.outbox.add(b"t", payload, retain=False, expiry=None)
        for gone in self.waiting[:dropped]:
            self.earlier.pop(gone, None)
        del self.waiting[:dropped]
        if number:
            self.waiting.append(payload)

    @rule(window=st.integers(0, 6))
    def send(self, window: int) -> None:
        frames = _send(self.outbox, window)
        room = max(0, window - len(self.under_way))
        assert len(frames) == min(room, len(self.waiting))
        for frame in frames:
            payload, packet_id = frame[7:], _identifier(frame)
            assert payload == self.waiting.pop(0)
            assert packet_id not in self.under_way
            assert bool(frame[0] & 8) == (payload in self.earlier)
            assert self.earlier.setdefault(payload, packet_id) == packet_id
            self.under_way[packet_id] = payload
        assert len(set(self.earlier.values())) == len(self.earlier)

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        if self.under_way:
            packet_id = data.draw(st.sampled_from(sorted(self.under_way)))
            payload = self.under_way.pop(packet_id)
            del self.earlier[payload]
            entry = self.outbox.acknowledged(packet_id)
            assert entry is not None
            assert entry.payload == payload

    @rule(kept=st.booleans())
    def reconnect(self, kept: bool) -> None:
        self.outbox.disconnected()
        self.waiting[:0] = self.under_way.values()
        self.under_way.clear()
        if not kept:
            self.outbox.forget_session()
            self.earlier.clear()

    @invariant()
    def it_is_bounded_and_complete(self) -> None:
        held = [*self.under_way.values(), *self.waiting]
        assert len(self.outbox) == len(held) <= COUNT
        assert sum(map(len, held)) + len(held) <= BYTES


TestDeliveries = Deliveries.TestCase
