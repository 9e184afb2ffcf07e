"""The filter step: one row, banks of rows, runs of one row, and filterpy's object for comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from agent.bank import Bank
from agent.distribute import Plan
from agent.kernel import plan_run
from agent.models import ChannelInfo
from agent.models.level import Level, LevelSettings
from agent.models.level_rate import LevelRate, LevelRateSettings
from agent.trajectory import sequence
from bench.figures import Figure, cpu

STEPS = 5000
RUN = 800  # readings: what 64 KiB of telemetry hold


def _banks() -> Iterator[tuple[str, Any]]:
    stated = ChannelInfo("z", "", 0.2)
    learned = ChannelInfo("z")
    yield "level, n = 1, stated noise", lambda: Level.build(LevelSettings(wander=0.1), [stated])
    yield (
        "level_rate, n = 2, stated noise",
        lambda: LevelRate.build(LevelRateSettings(wander=0.1, rate_wander=0.01), [stated]),
    )
    yield "level_rate, n = 2, learned noise", lambda: LevelRate.build(LevelRateSettings(), [learned])


def figures(rounds: int) -> Iterator[Figure]:
    for name, component in _banks():
        robust = "learned" in name
        bank = Bank(component(), robust=robust, window=64, late=30.0)
        bank.grow(1)
        clock = iter(range(1, 1 << 40))

        def one(bank: Bank = bank, clock: Iterator[int] = clock) -> None:
            update = bank.update
            for _ in range(STEPS):
                t = next(clock)
                update(0, 0, float(t), 20.0 + t % 7 * 0.1)

        def alone(bank: Bank = bank, clock: Iterator[int] = clock) -> None:
            step = bank.steps[0].one
            for _ in range(STEPS):
                t = next(clock)
                step(0, float(t), 20.0 + t % 7 * 0.1)

        yield Figure(f"{name}: one row, with its place in order and its ring", cpu(one, STEPS, rounds), "µs/update")
        yield Figure(f"{name}: one row, the step alone", cpu(alone, STEPS, rounds), "µs/update")
        for tails in (True, False):
            what = "" if tails else ", without calibrated surprise"
            yield Figure(
                f"{name}: runs of {RUN} of one row{what}", _run(component(), robust, tails, rounds), "µs/update"
            )
        for size in (100, 1000, 10_000):
            many = Bank(component(), robust=robust, window=64, late=30.0)
            many.grow(size)
            rows, z = np.arange(size), 20.0 + np.arange(size) % 7 * 0.1
            turns = max(10, 100_000 // size)
            clock = iter(range(1, 1 << 40))

            def bulk(
                many: Bank = many, rows: Any = rows, z: Any = z, clock: Iterator[int] = clock, turns: int = turns
            ) -> None:
                for _ in range(turns):
                    many.update_many(rows, 0, np.full(len(rows), float(next(clock))), z)

            def steps(
                many: Bank = many, rows: Any = rows, z: Any = z, clock: Iterator[int] = clock, turns: int = turns
            ) -> None:
                step = many.steps[0].many
                with np.errstate(all="ignore"):
                    for _ in range(turns):
                        step(rows, np.full(len(rows), float(next(clock))), z)

            yield Figure(f"{name}: bank of {size}", cpu(bulk, turns * size, rounds), "µs/update")
            yield Figure(f"{name}: bank of {size}, the step alone", cpu(steps, turns * size, rounds), "µs/update")
    yield Figure("filterpy KalmanFilter, n = 2", cpu(_filterpy(), 1000, rounds), "µs/update")


def _run(component: Any, robust: bool, tails: bool, rounds: int) -> float:
    """Microseconds per update of one row that takes many readings at once, expectation, variance and NIS included."""
    bank = Bank(component, robust=robust, window=64, late=30.0)
    bank.grow(1)
    for t in range(200):
        bank.update(0, 0, float(t), 20.0 + t % 7 * 0.1)
    plan = plan_run(bank.emitter, settled=True)
    if not tails:
        step = {name: e for name, e in plan.step.items() if name[0] not in "kc"}
        plan = Plan(step, ("t", "z"), plan.results, narrow=frozenset(("o0",)), kept=plan.kept)
    go = plan.compile(arrays=False)
    s = sequence(np.zeros(RUN, np.intp), arrays=False)
    order = s.order()
    starts = {name: bank.columns[name][:1] for name in (*plan.names, *plan.kept)}
    series = {"t": 200.0 + np.arange(RUN), "z": 20.0 + np.arange(RUN) % 7 * 0.1}

    def work() -> None:
        with np.errstate(all="ignore"):
            go(starts, series, order)

    return cpu(lambda: [work() for _ in range(10)], 10 * RUN, rounds)


def _filterpy() -> Any:
    from filterpy.kalman import KalmanFilter

    kf = KalmanFilter(2, 1)
    kf.H = np.array([[1.0, 0.0]])
    kf.R *= 0.04

    def work() -> None:
        for k in range(1000):
            kf.F = np.array([[1.0, 1.0], [0.0, 1.0]])
            kf.Q = np.array([[0.01, 0.005], [0.005, 0.01]])
            kf.predict()
            kf.update(np.array([[20.0 + k % 7 * 0.1]]))

    return work
