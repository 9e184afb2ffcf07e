"""When the session reads: at once while little comes, in larger helpings while much does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.shell.moderation import ENOUGH, LASTING, WORTH, Moderation

LONGEST = 0.02


class Stream:
    """Messages that come at an even rate, and a reader that is free for new ones `work` seconds after each helping."""

    def __init__(self, rate: float, work: float, longest: float = LONGEST) -> None:
        self.moderation = Moderation(longest)
        self.rate, self.work = rate, work
        self.now = 1000.0
        self.taken = 0
        self.helpings: list[int] = []
        self.waits: list[float] = []

    def run(self, seconds: float, *, awaited: bool = False, most: int = 10**9) -> None:
        """most: messages that one helping can hold."""
        end = self.now + seconds
        while self.now < end:
            self.now = max(self.now, self.moderation.due, 1000.0 + (self.taken + 1) / self.rate)
            waiting = int((self.now - 1000.0) * self.rate) - self.taken
            count = min(waiting, most)
            self.taken += count
            self.helpings.append(count)
            self.moderation.read(count, self.now, awaited=awaited, more=count == most)
            self.waits.append(self.moderation.due - self.now)
            self.now += self.work


def test_little_is_read_at_once() -> None:
    stream = Stream(0.9 * WORTH / LONGEST, 1e-4)
    stream.run(2.0)
    assert max(stream.waits) < 0.0


def test_much_is_read_in_helpings() -> None:
    stream = Stream(20_000.0, 2e-4)
    stream.run((LASTING + 1) * LONGEST)
    before = len(stream.helpings)
    stream.run(2.0)
    assert min(stream.helpings[before:]) >= 0.9 * 20_000 * LONGEST
    assert len(stream.helpings) - before < 1.2 * 2.0 / LONGEST


def test_who_cannot_keep_up_never_waits() -> None:
    stream = Stream(50_000.0, 0.03)
    stream.run(2.0)
    assert max(stream.waits) < 0.03


def test_no_more_than_enough_is_waited_for() -> None:
    stream = Stream(100_000.0, 2e-4)
    stream.run((LASTING + 1) * LONGEST)
    before = len(stream.helpings)
    stream.run(2.0)
    assert min(stream.helpings[before:]) > 0.8 * ENOUGH
    assert max(stream.helpings[before:]) < 1.2 * ENOUGH


def test_a_helping_that_does_not_hold_what_gathered_is_followed_by_the_next_at_once() -> None:
    """Or large messages would be read slower than they come, and the broker's queue grow until it drops some."""
    stream = Stream(20_000.0, 2e-4)
    stream.run(2.0, most=218)
    waiting = (stream.now - 1000.0) * stream.rate - stream.taken
    assert waiting <= 20_000 * (LONGEST + 1e-3)


def test_one_burst_is_no_stream() -> None:
    moderation = Moderation(LONGEST)
    moderation.read(1, 10.0, awaited=False)
    moderation.read(400, 11.0, awaited=False)
    assert moderation.due < 11.0


@given(st.integers(1, 2000), st.floats(0.03, 1.0))
def test_a_sender_that_was_held_up_is_read_at_once(rate: int, held: float) -> None:
    """What it says at once afterwards is no quick stream, however much it is."""
    moderation, now = Moderation(LONGEST), 10.0
    for _ in range(200):
        now += 1.0 / rate
        moderation.read(1, now)
    now += held
    left = int(rate * held)
    while left > 0:
        moderation.read(min(left, 100), now)
        assert moderation.due < now
        left, now = left - 100, now + 0.002
    for _ in range(200):
        now += 1.0 / rate
        moderation.read(1, now)
        assert moderation.due < now


def test_who_waits_for_acknowledgements_is_read_at_once() -> None:
    stream = Stream(20_000.0, 2e-4)
    stream.run(1.0)
    assert stream.waits[-1] > 0.0
    before = len(stream.waits)
    stream.run(1.0, awaited=True)
    assert max(stream.waits[before:]) < 0.0


def test_another_connection_is_read_at_once() -> None:
    stream = Stream(20_000.0, 2e-4)
    stream.run(1.0)
    assert stream.moderation.due > stream.now
    stream.moderation.begin()
    assert stream.moderation.due < stream.now
    stream.moderation.read(1, stream.now)
    assert stream.moderation.due < stream.now


def test_a_stream_that_ends_is_forgotten() -> None:
    stream = Stream(20_000.0, 2e-4)
    stream.run(1.0)
    later = stream.now + 5.0
    stream.moderation.read(3, later, awaited=False)
    assert stream.moderation.due < later


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0.0, 1.0), st.booleans()), max_size=60),
    st.sampled_from([0.0, 0.005, LONGEST, 1.0]),
)
def test_nothing_is_left_for_longer_than_said(reads: list[tuple[int, float, bool]], longest: float) -> None:
    moderation, now = Moderation(longest), 5.0
    for count, gap, awaited in reads:
        now += gap
        moderation.read(count, now, awaited=awaited)
        assert moderation.due <= now + longest
        if awaited or longest == 0.0:
            assert moderation.due < now
    moderation.stop()
    assert moderation.due < now
