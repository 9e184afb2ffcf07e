"""The whole core, bytes to bytes: decode, filter, judge, alarms, state message. No broker, no socket."""

from __future__ import annotations

from collections.abc import Iterator

from agent.twins import Twins
from agent.types import Batch
from bench.figures import Figure, config, cpu

START = 1.7e9


def batches(assets: int, readings: int, size: int, first: int = 0) -> list[Batch]:
    """`readings` of each asset, one a second, cut into batches of `size` messages."""
    out = []
    total = assets * readings
    for low in range(0, total, size):
        numbers = range(low, min(total, low + size))
        times = [START + first + k // assets for k in numbers]
        topics = [b"plant/line1/asset%06d/telemetry" % (k % assets) for k in numbers]
        values = [20.5 + k % 7 * 0.1 for k in numbers]
        payloads = [b'{"ts":%.6f,"temperature":%.3f}' % tv for tv in zip(times, values, strict=True)]
        out.append(Batch(topics, payloads, times, bytes(len(topics))))
    return out


def _figure(assets: int, size: int, rounds: int) -> Figure:
    readings = max(1, 40_000 // assets) if assets > 1 else 5000
    learning = 2 if assets > 10_000 else 40
    twins = Twins(config(max_assets=1_000_000))
    for batch in batches(assets, learning, 1000):
        twins.on_batch(batch)
    prepared = iter([batches(assets, readings, size, first=100 + k * readings) for k in range(rounds + 1)])

    def work() -> None:
        for batch in next(prepared):
            twins.on_batch(batch)

    return Figure(f"{assets} assets, batches of {size}", cpu(work, readings * assets, rounds), "µs/message")


def figures(rounds: int) -> Iterator[Figure]:
    for assets, size in ((1000, 1000), (1000, 300), (1000, 64), (1000, 1), (1, 300), (100, 300), (100_000, 300)):
        yield _figure(assets, size, rounds)
