"""Forecast bands hold nine readings in ten, whatever the model thinks of its own variance."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from agent.twins import Twins
from agent.types import Batch
from tests.services import config, settings
from tests.streams import bits

START = 1_700_000_000.0
Signal = Callable[[random.Random], Iterator[float]]


def steady(rng: random.Random) -> Iterator[float]:
    while True:
        yield 20.0 + rng.gauss(0.0, 0.5)


def walk(rng: random.Random) -> Iterator[float]:
    x = 20.0
    while True:
        x += rng.gauss(0.0, 0.1)
        yield x + rng.gauss(0.0, 0.3)


def cycle(rng: random.Random) -> Iterator[float]:
    """Its period is the longer horizon: seen once in a period it would be at the same phase always, here an easy one."""
    k = 0
    while True:
        k += 1
        yield 20.0 + 5.0 * math.sin(2.0 * math.pi * (k / 200.0 + 0.125)) + rng.gauss(0.0, 0.2)


def twins() -> Twins:
    block = {
        "topic": "p/{asset}",
        "channels": {"v": {}},
        "alarms": {},
        "time": {"field": "t"},
        "forecast": {"horizons": [30, 200], "interval": 7},
    }
    return Twins(config(settings(assets=[block])))


def message(k: int, value: float) -> Batch:
    time = START + k
    return Batch.of("p/a", json.dumps({"t": time, "v": value}).encode(), time)


@pytest.mark.parametrize("signal", [steady, walk, cycle])
def test_nine_readings_in_ten_fall_inside_the_band_at_every_horizon(signal: Signal) -> None:
    inside: dict[float, list[bool]] = defaultdict(list)
    for seed in range(3):
        values = signal(random.Random(seed))
        core, readings, forecasts = twins(), [], []
        for k in range(12_000):
            readings.append(next(values))
            for group in core.on_batch(message(k, readings[-1])).publications:
                forecasts += [
                    json.loads(payload)
                    for topic, payload in zip(group.topics, group.payloads, strict=True)
                    if topic.endswith(b"/forecast")
                ]
        for forecast in forecasts[len(forecasts) // 3 :]:
            for at in forecast["channels"]["v"]:
                k = round(forecast["time"] - START + at["horizon"])
                if k < len(readings):
                    inside[at["horizon"]].append(at["low"] <= readings[k] <= at["high"])
    shares = {horizon: sum(hits) / len(hits) for horizon, hits in inside.items()}
    assert set(shares) == {30.0, 200.0}
    for share in shares.values():
        # Forecasts overlap, so that some hundred of them are independent: three standard deviations of those.
        assert share == pytest.approx(0.9, abs=0.09), shares


def test_what_bands_have_learned_comes_back_to_the_bit() -> None:
    values = walk(random.Random(7))
    stream = [message(k, next(values)) for k in range(900)]
    whole, first = twins(), twins()
    for batch in stream:
        whole.on_batch(batch)
    for batch in stream[:611]:
        first.on_batch(batch)
    second = twins()
    assert second.restore(first.snapshot()) == []
    for batch in stream[611:]:
        second.on_batch(batch)
    assert bits(second) == bits(whole)
    bands = second.blocks[0].announcer.forecaster.bands[0]
    assert bands.width(0, 0, 0) != 1.0


def test_many_assets_in_one_batch_learn_as_one_by_one() -> None:
    rngs = [random.Random(seed) for seed in range(40)]
    together, apart = twins(), twins()
    for k in range(300):
        time = START + k
        payloads = [json.dumps({"t": time, "v": 20.0 + rng.gauss(0.0, 1.0)}).encode() for rng in rngs]
        topics = [b"p/a%d" % a for a in range(len(rngs))]
        together.on_batch(Batch(topics, payloads, [time] * 40, [0] * 40))
        for topic, payload in zip(topics, payloads, strict=True):
            apart.on_batch(Batch((topic,), (payload,), (time,), (0,)))
    assert bits(together) == bits(apart)


def test_a_gap_is_not_held_against_the_forecast_before_it() -> None:
    core = twins()
    for k in range(60):
        core.on_batch(message(k, 20.0 + 0.1 * (k % 3)))
    bands = core.blocks[0].announcer.forecaster.bands[0]
    before = [bands.width(0, 0, h) for h in (0, 1)]
    core.on_batch(message(5000, 90.0))
    assert [bands.width(0, 0, h) for h in (0, 1)] == before
