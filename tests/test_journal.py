"""The journal's bytes: whatever moved the twins moves them again, to the bit; damaged bytes are refused."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.block import Samples
from agent.decode import Drive, Take
from agent.journal import JournalError, Made, Passed, Replay, Resumed, Taken, Turn, decode, encode
from agent.snapshot import SnapshotError, dump, load
from agent.twins import Twins
from tests.streams import Event, batch, bits, core, events


class Recorder:
    """Plays events on a core and keeps the turns that a journal would."""

    def __init__(self) -> None:
        self.twins = core()
        self.turns: list[Turn] = []

    def play(self, event: Event) -> None:
        before = [len(b) for b in self.twins.blocks]

        def record(steps: object, received: object) -> None:
            made = [
                Made(k, name, float(b.rows.columns["made"][row]))
                for k, (b, n) in enumerate(zip(self.twins.blocks, before, strict=True))
                for row, name in enumerate(list(b.rows.names)[n:], n)
            ]
            self.turns.append(Taken(steps, received, made))  # type: ignore[arg-type]  # as the core gives them

        if event.resumed:
            self.turns.append(Resumed(event.now))
            self.twins.resume(event.now)
        elif event.messages:
            self.twins.on_batch(batch(event), record)
        else:
            self.turns.append(Passed(event.now))
            self.twins.on_time(event.now)


def replayed(twins: Twins, turns: list[Turn], rng: random.Random) -> Twins:
    """The turns through bytes, in records of random length, into this core."""
    replay = Replay(twins)
    twins.mute(True)
    while turns:
        count = rng.choice((1, 3, 50))
        replay.add(decode(encode(turns[:count])))
        turns = turns[count:]
    replay.finish()
    twins.mute(False)
    assert replay.failures == 0
    return twins


@hypothesis_settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_a_stream_cut_anywhere_comes_back_from_snapshot_and_journal_to_the_same_bits(seed: int, share: float) -> None:
    rng = random.Random(seed)
    stream = events(seed, rng.choice((20, 120)))
    cut = int(share * len(stream))
    run = Recorder()
    for event in stream[:cut]:
        run.play(event)
    pieces = list(dump(run.twins.snapshot()))
    run.turns.clear()
    for event in stream[cut:]:
        run.play(event)
    back = core()
    assert back.restore(load(pieces)) == []
    assert bits(replayed(back, run.turns, rng)) == bits(run.twins)


def test_the_streams_of_these_tests_move_everything_that_a_twin_remembers() -> None:
    run = Recorder()
    reached: set[str] = set()
    for event in [e for seed in range(4) for e in events(seed, 200)]:
        run.play(event)
        for b in run.twins.blocks:
            reached |= {f"status {s}" for s in b.rows.columns["status"][: len(b)].tolist()}
            reached |= {f"{a.name} {p}" for a in b.alarms for p in a.phase[: len(b)].tolist()}
    drives = [s for t in run.turns if isinstance(t, Taken) for s in t.steps if isinstance(s, Drive)]
    late = [s for b in run.twins.blocks for s in b.banks if s.columns["b"].any()]
    assert drives
    assert late
    assert {"status 0", "status 1", "status 2", "status 3"} <= reached
    assert {"odd_flow 2", "flat_flow 2", "gone 2", "flow_high 1", "flow_high 2", "rate 1", "rate 2"} <= reached


def test_a_record_keeps_every_bit_of_every_number() -> None:
    nasty = [0.0, -0.0, 5e-324, 1.7976931348623157e308, -1e100, 0.1]
    samples = Samples([0, 0, 1, 1, 1, 2], [7, 0, 2**31 - 1, 3, 3, 3], nasty, [[1.5, None, -0.0, None, 2.0, 0.1]], (3,))
    turns: list[Turn] = [
        Taken([Take(1, samples), Drive(0, 2, 1, -5.0, 1e-300, 2)], [1.0, 2.0, 3.0], [Made(0, "Pümpe/1", math.pi)]),
        Passed(1e9),
        Taken([], [4.0, 4.0], [Made(1, "", 0.0)]),
        Resumed(-1.0),
    ]
    assert repr(decode(encode(turns))) == repr(turns)


def test_an_empty_record_is_no_turn() -> None:
    assert decode(encode([])) == []


def test_a_record_of_another_version_is_refused_with_its_version() -> None:
    with pytest.raises(JournalError, match="version 1, got 02"):
        decode(b"\x02" + encode([])[1:])


def test_a_damaged_record_is_refused_or_reads_as_turns_but_never_raises_anything_else() -> None:
    run = Recorder()
    for event in events(3, 30):
        run.play(event)
    good = encode(run.turns)
    refused = 0
    for at in range(0, len(good), 3):
        for bad in (good[:at], good[:at] + bytes((good[at] ^ 1 << at % 8,)) + good[at + 1 :]):
            try:
                decode(bad)
            except JournalError:
                refused += 1
    assert refused > len(good) / 2


def test_a_thousand_like_readings_are_fourteen_bytes_each() -> None:
    rng = random.Random(1)
    times = [1_700_000_000 + k * 0.001 for k in range(1000)]
    samples = Samples(list(range(1000)), list(range(1000)), times, [[round(rng.gauss(20, 1), 2) for _ in times]], (0,))
    record = encode([Taken([Take(0, samples)], [times[-1]] * 1000)])
    assert len(record) / 1000 < 14


def test_a_snapshot_with_a_piece_missing_or_too_many_is_refused() -> None:
    run = Recorder()
    for event in events(5, 40):
        run.play(event)
    pieces = list(dump(run.twins.snapshot()))
    assert len(pieces) > 1
    for wrong in (pieces[:-1], pieces[1:], [*pieces, pieces[-1]], [pieces[0]], []):
        with pytest.raises(SnapshotError):
            load(wrong)


def test_a_damaged_snapshot_is_refused_or_read_but_never_raises_anything_else() -> None:
    run = Recorder()
    for event in events(6, 20):
        run.play(event)
    pieces = list(dump(run.twins.snapshot()))
    refused = 0
    for number, piece in enumerate(pieces):
        for at in range(0, len(piece), max(1, len(piece) // 150)):
            bad = piece[:at] + bytes((piece[at] ^ 1 << at % 8,)) + piece[at + 1 :]
            try:
                load([*pieces[:number], bad, *pieces[number + 1 :]])
            except SnapshotError:
                refused += 1
    assert refused > 100
