"""The clock on the wall is set while the agent runs: the watcher alone, the loop around it, and the process."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from agent.shell.wall import Wall, elapsed
from tests.brokers import Mosquitto, free_port, send
from tests.chaos.actors import Clock
from tests.services import Bench, Supervised, await_answer, batch, settings
from tests.services import Clock as Pretended

HOUR = 3600.0
PLANT = {
    "topic": "plant/{asset}/telemetry",
    "learning": 4,
    "channels": {"temperature": {}},
    "alarms": {"gone": {"type": "absence", "after": 10}},
    "silence": {"coasting": 5, "stale": 8},
}


@pytest.mark.parametrize("by", [-HOUR, -1.5, 2.0, 56 * 365 * 86400.0])
def test_a_step_is_told_once_and_time_that_passes_is_none(by: float) -> None:
    now, monotonic = Pretended(1e9), Pretended(50.0)
    wall = Wall(now, monotonic)
    for _ in range(5):
        now.time, monotonic.time = now.time + 700.0, monotonic.time + 700.0
        assert wall.step(now.time, monotonic.time) == 0.0
    now.time += by
    assert wall.step(now.time, monotonic.time) == by
    assert wall.step(now.time, monotonic.time) == 0.0
    assert wall.steps == 1


def test_a_clock_that_is_slewed_or_that_runs_otherwise_is_not_set() -> None:
    now, monotonic = Pretended(1e9), Pretended(50.0)
    wall = Wall(now, monotonic)
    for _ in range(1000):
        now.time, monotonic.time = now.time + 2.001, monotonic.time + 2.0
        assert wall.step(now.time, monotonic.time) == 0.0


def test_a_machine_that_slept_had_no_clock_set_and_what_was_silent_meanwhile_is_missed() -> None:
    with Bench(settings(assets=[PLANT])) as bench:
        for _ in range(10):
            bench.pass_time(1.0)
            bench.turn(batch(("a", 20.0), received=bench.now.time))
        bench.sleep(HOUR)
        bench.pass_time(1.0)
        bench.turn()
        assert "the clock was set" not in bench.stderr.getvalue()
        assert bench.service.twins.active_alarms()["warning"] == 1


def test_time_that_passes_is_told_by_a_clock_that_goes_on_while_the_machine_sleeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda clock: {time.CLOCK_BOOTTIME: 12.5}[clock])
    assert elapsed() == 12.5


def test_a_pause_between_two_looks_is_no_step() -> None:
    now, monotonic = Pretended(1e9), Pretended(50.0)
    wall = Wall(now, monotonic)
    before = now.time
    now.time, monotonic.time = now.time + 30.0, monotonic.time + 30.0  # stopped after looking at the one
    assert wall.step(before, monotonic.time) == 0.0
    assert wall.step(now.time, monotonic.time) == 0.0


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_silence_is_noticed_in_its_time_whatever_the_clock_was_set_to(by: float) -> None:
    with Bench(settings(assets=[PLANT])) as bench:
        for _ in range(10):
            bench.pass_time(1.0)
            bench.turn(batch(("a", 20.0), received=bench.now.time))
        bench.now.time += by
        raised = 0.0
        for k in range(40):
            bench.pass_time(0.5)
            bench.turn()
            if bench.service.twins.active_alarms()["warning"] and not raised:
                raised = 0.5 * (k + 1)
        assert raised == pytest.approx(10.0, abs=1.0)
        assert bench.stderr.getvalue().count("the clock was set") == 1
        assert f"seconds={by:.1f}" in bench.stderr.getvalue()


def test_a_delay_takes_its_time_though_the_clock_is_set_forward() -> None:
    block = {
        "topic": "plant/{asset}/telemetry",
        "learning": 4,
        "channels": {"temperature": {"limits": {"high": 30.0, "on_delay": 20.0}}},
    }
    with Bench(settings(assets=[block])) as bench:
        for k in range(20):
            bench.pass_time(1.0)
            bench.turn(batch(("a", 20.0 if k < 10 else 90.0), received=bench.now.time))
        since = 0.5 * 0
        bench.now.time += HOUR
        for k in range(100):
            bench.pass_time(0.5)
            bench.turn()
            if bench.service.twins.active_alarms()["warning"]:
                since = 0.5 * (k + 1)
                break
        assert 8.0 < since < 20.0


@pytest.mark.broker
def test_a_process_whose_clock_is_set_back_and_forth_goes_on_and_remembers_it(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    port = free_port()
    with Mosquitto(tmp_path) as broker:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": broker.port, "qos": 1},
            http={"port": port},
            store={"mode": "strict", "path": str(tmp_path / "twinned.db")},
            assets=[{**PLANT, "alarms": {}, "silence": {}}],
        )

        def seen() -> float:
            (twin,) = json.loads(await_answer(port, "/api/twins", lambda status, _: status == 200))["twins"]
            time: float = twin["time"]
            return time

        def say(count: int) -> None:
            for k in range(count):
                send(broker.port, "-q", "1", "-t", "plant/a/telemetry", "-m", f'{{"temperature": {20 + k % 3}}}')

        def used(count: int) -> None:
            line = f'twinned_readings_total{{result="used"}} {count:.1f}'.encode()
            await_answer(port, "/metrics", lambda status, body: status == 200 and line in body)

        with Supervised(raw, TEST_CLOCK=str(clock.path)) as agent:
            agent.await_notice("READY")
            await_answer(port, "/readyz", lambda status, _: status == 200)
            say(10)
            used(10)
            before = seen()
            clock.step(-2 * HOUR)
            say(10)
            used(20)
            assert seen() == pytest.approx(before - 2 * HOUR, abs=60)
            clock.step(5 * HOUR)
            say(10)
            used(30)
            assert seen() == pytest.approx(before + 5 * HOUR, abs=60)
            agent.signal(signal.SIGTERM)  # a kill might leave the last readings to be delivered again
            assert agent.wait() == 0
        clock.step(-HOUR)  # while it is away: nobody sees it
        with Supervised(raw, TEST_CLOCK=str(clock.path)) as agent:
            agent.await_notice("READY")
            await_answer(port, "/readyz", lambda status, _: status == 200)
            say(10)
            used(10)
            assert seen() == pytest.approx(before - HOUR, abs=60)
    clock.close()
