"""One measured number, and how CPU time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from agent.build import duration_hook
from agent.config import Config


class Figure(NamedTuple):
    name: str
    value: float
    unit: str


def cpu(work: Callable[[], object], count: int, rounds: int) -> float:
    """Median microseconds of this process's CPU that one of `count` items costs, after a warm-up."""
    work()
    taken = []
    for _ in range(rounds):
        start = time.process_time_ns()
        work()
        taken.append((time.process_time_ns() - start) / 1e3 / count)
    return statistics.median(taken)


def once(work: Callable[[], object], count: int) -> float:
    """Microseconds of this process's CPU that one of `count` items costs; for work that cannot be repeated."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e3 / count


def config(**block: object) -> Config:
    """One asset block with one channel, `temperature`, and whatever else is asked for."""
    base: dict[str, object] = {
        "topic": "plant/{line}/{asset}/telemetry",
        "name": "{asset}",
        "channels": {"temperature": {"unit": "degC"}},
        "forecast": {"horizons": []},
    }
    built: Config = msgspec.convert({"site": "bench", "assets": [base | block]}, Config, dec_hook=duration_hook)
    return built
