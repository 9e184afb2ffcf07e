"""States and forecasts while the broker is away: what is kept, in which order, and what is given up and counted."""

from __future__ import annotations

from typing import Any

import pytest

from agent.config import Outage as Settings
from agent.config import Size
from agent.shell.outage import AT_ONCE, Outage
from agent.shell.views import snapshot_of
from agent.types import Publications
from tests.services import Bench, Clock, batch, settings


def outage(clock: Clock | None = None, **options: Any) -> Outage:
    return Outage(Settings(**options), clock=clock or Clock(0.0))


def group(*names: str, qos: int = 0, **options: Any) -> Publications:
    return Publications([n[0].encode() for n in names], [n.encode() for n in names], qos, **options)


def payloads(groups: list[Publications]) -> list[str]:
    return [payload.decode() for group in groups for payload in group.payloads]


def test_while_connected_everything_goes_through_untouched() -> None:
    groups = [group("a1", "b1")]
    for keep in ("drop", "last", "all"):
        assert outage(keep=keep).through(groups, connected=True) is groups


def test_by_default_nothing_is_kept() -> None:
    one = outage()
    groups = [group("a1")]
    assert one.through(groups, connected=False) is groups
    assert len(one) == 0


def test_all_are_kept_in_their_order_and_fresh_ones_wait_behind_them() -> None:
    one = outage(keep="all")
    assert one.through([group("a1", "b1"), group("a2", retain=True)], connected=False) == []
    assert one.through([group("b2")], connected=True) == []
    released = one.release()
    assert payloads(released) == ["a1", "b1", "a2", "b2"]
    assert [each.retain for each in released] == [False, False, True, False]
    fresh = [group("a3")]
    assert one.through(fresh, connected=True) is fresh


def test_of_each_topic_the_last_is_kept() -> None:
    one = outage(keep="last")
    one.through([group("a1", "b1", "a2", "c1", "a3")], connected=False)
    assert payloads(one.release()) == ["b1", "c1", "a3"]
    assert one.dropped == 0


def test_alarm_changes_and_qos_1_never_wait_here() -> None:
    one = outage(keep="all")
    certain = [group("a1", qos=1), group("b1", qos=1, owed=True)]
    assert one.through([*certain, group("c1")], connected=False) == certain
    assert payloads(one.release()) == ["c1"]


@pytest.mark.parametrize("keep", ["last", "all"])
def test_beyond_the_size_the_oldest_go_first_and_are_counted(keep: str) -> None:
    one = outage(keep=keep, max_size=Size(1000))
    for k in range(26):
        one.through([group(chr(97 + k) + "1")], connected=False)
    kept = payloads(one.release())
    assert kept == [chr(97 + k) + "1" for k in range(26 - len(kept), 26)]
    assert 2 <= len(kept) < 10
    assert len(kept) + one.dropped == 26


def test_what_expired_meanwhile_is_not_sent() -> None:
    clock = Clock(0.0)
    one = outage(clock, keep="all")
    one.through([group("a1", expiry=10), group("b1", expiry=100)], connected=False)
    clock.time = 50.0
    (left,) = one.release()
    assert (payloads([left]), left.expiry, one.dropped) == (["b1"], 51, 1)


def test_a_great_heap_is_released_in_pieces() -> None:
    one = outage(keep="all")
    one.through([Publications([b"t"] * 10, [bytes(AT_ONCE // 4)] * 10)], connected=False)
    sizes = []
    while len(one):
        sizes.append(len(one.release()))
    assert sizes == [4, 4, 2]


def test_the_loop_keeps_what_it_may_and_says_it_when_the_broker_is_back() -> None:
    with Bench(settings(store={"outage": {"keep": "all"}})) as bench:
        bench.session.connected = False
        bench.turn(batch(("a", 20.0), ("b", 30.0)))
        assert bench.session.topics() == []
        assert snapshot_of(bench.service)["twinned_outage_kept_messages"] == 2
        bench.session.connected = True
        bench.turn()
        assert bench.session.topics() == ["twinned/test/a/state", "twinned/test/b/state"]
        assert snapshot_of(bench.service)["twinned_outage_kept_messages"] == 0


def test_other_settings_keep_what_they_allow_in_its_order() -> None:
    outage = Outage(Settings(keep="all"), clock=lambda: 0.0)
    for k in range(6):
        outage.through([Publications((b"t%d" % (k % 2),), (b"%d" % k,))], connected=False)
    outage.configure(Settings(keep="last"))
    assert (len(outage), outage.dropped) == (2, 0)
    outage.configure(Settings(keep="all", max_size=Size(210)))
    assert [g.payloads for g in outage.release()] == [(b"5",)]
    outage.configure(Settings(keep="drop"))
    assert outage.through([Publications((b"t",), (b"x",))], connected=False)
    assert not outage
