"""Limits: never more than the bucket holds in any time, the critical first, and nothing waits for ever or in vain."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.alarms.limits import Bucket, Key, Limits, Waiting
from agent.config import Duration, RateLimit
from agent.types import Withheld

SLOW = RateLimit(changes=6, per=Duration(60), burst=3)
WIDE = RateLimit(changes=1000, per=Duration(1), burst=1000)
CRITICAL, WARNING = 0, 1


def needed(key: Key, waiting: Waiting) -> bool:
    return True


def drain(limits: Limits, until: float) -> Iterator[tuple[float, Key]]:
    """What is released when, looking only when the limits ask for it."""
    now, looks = 0.0, 0
    while (due := limits.next_time()) <= until:
        now = max(now, due)
        released = list(limits.release(now, needed))
        for key, _ in released:
            yield now, key
        looks += 1
        assert looks < 10_000, "a look that brings nothing"


def within(limit: RateLimit, times: list[float]) -> bool:
    """Whether no span of time holds more than the bucket and what flows into it. Counted the long way."""
    pace = limit.changes / float(limit.per)
    return all(
        last - first + 1 <= limit.burst + (times[last] - times[first]) * pace + 1e-3
        for first in range(len(times))
        for last in range(first, len(times))
    )


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.1, 1.0, 7.0, 40.0]), st.integers(0, 3), st.integers(0, 2), st.sampled_from([0, 1])
    ),
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(CHANGES, st.booleans())
def test_no_span_of_time_holds_more_than_a_bucket_and_everything_is_said_in_the_end(
    changes: list[tuple[float, int, int, int]], sparse: bool
) -> None:
    """sparse: time is looked at only when something happens, as if nothing else woke the agent."""
    limits = Limits(SLOW, RateLimit(changes=12, per=Duration(60), burst=5))
    now, said, waited = 0.0, [], set()
    for gap, asset, alarm, rank in changes:
        now += gap
        if not sparse:
            said += [(t, key) for t, key in drain(limits, now)]
            waited -= {key for _, key in said}
        key = (0, alarm, asset)
        if limits.again(key):
            continue
        if limits.offer(key, rank, now, 1, visible=True) is None:
            said.append((now, key))
        else:
            waited.add(key)
    tail = list(drain(limits, 1e9)) if not sparse else [(max(t, now), k) for t, k in drain(limits, 1e9)]
    said += tail
    assert not limits
    assert {key for _, key in tail} >= waited if not sparse else True
    if not sparse:
        assert within(limits_of(12, 5), [t for t, _ in said])
        for asset in range(4):
            assert within(SLOW, [t for t, key in said if key[2] == asset])


def limits_of(changes: int, burst: int) -> RateLimit:
    return RateLimit(changes=changes, per=Duration(60), burst=burst)


def test_after_a_calm_time_a_burst_passes_and_then_the_rate() -> None:
    limits = Limits(SLOW, WIDE)
    times = [k * 0.5 for k in range(200)]
    passed = [t for k, t in enumerate(times) if limits.offer((0, k, 0), WARNING, t, 1, visible=True) is None]
    assert passed == [0.0, 0.5, 1.0]
    assert [t for t, _ in drain(limits, 45.0)][:3] == pytest.approx([10.0, 20.0, 30.0], abs=1e-3)


def test_critical_alarms_go_first_and_then_those_that_have_waited_longest() -> None:
    limits = Limits(WIDE, RateLimit(changes=1, per=Duration(1), burst=1))
    assert limits.offer((0, 0, 9), WARNING, 0.0, 1, visible=True) is None
    for k, rank in enumerate((WARNING, WARNING, CRITICAL, 2, CRITICAL)):
        assert limits.offer((0, 0, k), rank, 0.1 * k + 0.1, 1, visible=True) is Withheld.OVERALL
    assert [key[2] for _, key in drain(limits, 60.0)] == [2, 4, 0, 1, 3]


def test_what_waits_is_not_overtaken_by_what_comes_when_there_is_a_token_again() -> None:
    limits = Limits(WIDE, RateLimit(changes=1, per=Duration(1), burst=1))
    limits.offer((0, 0, 0), WARNING, 0.0, 1, visible=True)
    limits.offer((0, 0, 1), WARNING, 0.1, 1, visible=True)
    assert limits.offer((0, 0, 2), WARNING, 5.0, 1, visible=True) is Withheld.OVERALL
    assert [key[2] for key, _ in limits.release(5.0, needed)] == [1]


def test_an_asset_that_chatters_holds_up_no_other() -> None:
    limits = Limits(SLOW, RateLimit(changes=60, per=Duration(60), burst=10))
    for k in range(100):
        key = (0, 0, 0)
        if not limits.again(key):
            limits.offer(key, CRITICAL, 0.01 * k, 1, visible=True)
    assert not limits.flooded
    assert limits.offer((0, 0, 1), WARNING, 2.0, 1, visible=True) is None


def test_an_alarm_that_came_and_went_unheard_leaves_its_token_to_others() -> None:
    limits = Limits(WIDE, RateLimit(changes=1, per=Duration(10), burst=1))
    for k in range(4):
        limits.offer((0, 0, k), WARNING, 0.0, 1, visible=False)
    released = [key[2] for key, _ in limits.release(10.0, lambda key, _: key[2] == 3)]
    assert released == [3]
    assert not limits


def test_a_bucket_is_never_emptier_than_empty_when_the_clock_is_set_back() -> None:
    limits = Limits(SLOW, RateLimit(changes=6, per=Duration(60), burst=3))
    for k in range(9):
        limits.offer((0, k, 0), WARNING, 1e6, 1, visible=True)
    limits.not_after(100.0)
    times = [t for t, _ in drain(limits, 300.0)]
    assert len(times) == 6
    assert times[0] <= 110.0
    assert within(SLOW, times)


def test_a_limit_without_a_time_lets_everything_pass_and_remembers_nothing() -> None:
    free = RateLimit(changes=1, per=Duration(0), burst=1)
    limits = Limits(free, free)
    assert all(limits.offer((0, k % 3, k % 7), WARNING, 5.0, 1, visible=True) is None for k in range(1000))
    assert (limits.spent, limits.full) == ({}, -float("inf"))


def test_memory_is_bounded_by_the_alarms_however_often_they_wait_and_are_forgotten() -> None:
    limits = Limits(SLOW, limits_of(12, 5))
    rng = random.Random(5)
    for k in range(20_000):
        key = (0, rng.randrange(3), rng.randrange(20))
        if limits.again(key):
            if rng.random() < 0.5:
                limits.drop(key)
        else:
            limits.offer(key, WARNING, k * 1e-3, 1, visible=True)
    assert len(limits.waiting) <= 60
    assert len(limits._ready) + len(limits._later) <= 2 * 60 + 65


@pytest.mark.parametrize("changes", [1, 7, 1000])
def test_a_bucket_that_is_emptied_is_full_again_after_as_many_intervals(changes: int) -> None:
    bucket = Bucket.of(RateLimit(changes=changes, per=Duration(60), burst=5))
    full = -float("inf")
    for _ in range(5):
        assert bucket.opens(full) <= 100.0
        full = bucket.taken(full, 100.0)
    assert bucket.opens(full) > 100.0
    assert full == pytest.approx(100.0 + 5 * 60 / changes)
