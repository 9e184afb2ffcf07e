"""How the cost of a message grows: with assets, with one asset that says everything, with samples per message.

The core alone, bytes to bytes. Each ratio is the median of pairs taken in turns, so that a busy machine cancels out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from agent.twins import Twins
from agent.types import Batch
from bench.core import START, batches
from bench.figures import Figure, config, once

SIZE = 800  # messages in a turn: what 64 KiB of telemetry hold
MESSAGES = 8_000


def _warm(assets: int) -> Twins:
    twins = Twins(config(max_assets=1_000_000))
    for batch in batches(assets, 20 if assets < 10_000 else 2, 1000):
        twins.on_batch(batch)
    return twins


def _load(assets: int) -> Callable[[], float]:
    """One run of in-order messages; returns CPU microseconds per message."""
    twins, told = _warm(assets), iter(range(100, 1 << 30, max(1, MESSAGES // assets) + 1))

    def run() -> float:
        turns = batches(assets, max(1, MESSAGES // assets), SIZE, first=next(told))[: MESSAGES // SIZE]
        count = sum(len(turn.topics) for turn in turns)
        return once(lambda: [twins.on_batch(turn) for turn in turns], count)

    return run


def samples(count: int, run: int) -> list[Batch]:
    """Two turns of 100 messages each, one of each of 200 assets, that hold so many readings; `run` counts up."""
    first = START + 1000.0 + 2000.0 * run
    items = [b'{"ts":%.3f,"temperature":%.3f}' % (first + k, 20.5 + k % 7 * 0.1) for k in range(count)]
    payload = b"[" + b",".join(items) + b"]" if count > 1 else items[0]
    turns = []
    for low in (0, 100):
        topics = [b"plant/line1/asset%06d/telemetry" % (low + k) for k in range(100)]
        turns.append(Batch(topics, [payload] * 100, [first + count] * 100, bytes(100)))
    return turns


def _samples(count: int) -> Callable[[], float]:
    twins, told = _warm(200), iter(range(1, 1 << 30))

    def run() -> float:
        turns = samples(count, next(told))
        return once(lambda: [twins.on_batch(turn) for turn in turns], 200)

    return run


PAIRS: tuple[tuple[str, Callable[[], Callable[[], float]], Callable[[], Callable[[], float]]], ...] = (
    ("100,000 assets, of 100", lambda: _load(100_000), lambda: _load(100)),
    ("all messages of one asset, of spread over 1,000", lambda: _load(1), lambda: _load(1000)),
    ("a message of 50 samples, of one", lambda: _samples(50), lambda: _samples(1)),
)


def figures(rounds: int) -> Iterator[Figure]:
    for name, one, other in PAIRS:
        first, second = one(), other()
        pairs = [(first(), second()) for _ in range(rounds + 1)][1:]
        yield Figure(name, statistics.median(a / b for a, b in pairs), "× CPU per message")
        yield Figure(f"  that is {name.split(', of ')[0]}", statistics.median(a for a, _ in pairs), "µs/message")
