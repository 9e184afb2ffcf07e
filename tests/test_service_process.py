"""The service as a process under a supervisor, with a real broker: signals, notifications, exit codes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from agent.shell.exits import Exit
from tests.brokers import Mosquitto, free_port
from tests.services import PLANT, Supervised, await_answer, get, settings

RECONNECT = {"min": 0.05, "max": 0.1}


def plant(broker: int, http: int, **sections: object) -> dict[str, object]:
    mqtt = {"host": "127.0.0.1", "port": broker, "reconnect": RECONNECT}
    return settings(**{"mqtt": mqtt, "http": {"port": http}, **sections})


def publish(port: int, topic: str, payload: object) -> None:
    command = ["mosquitto_pub", "-p", str(port), "-t", topic, "-m", json.dumps(payload)]
    subprocess.run(command, check=True, timeout=20)


def retained(port: int, topic: str) -> dict[str, object]:
    command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", "1", "-W", "10"]
    output = subprocess.run(command, check=True, timeout=20, capture_output=True).stdout
    found: dict[str, object] = json.loads(output)
    return found


def metric(port: int, line: str) -> None:
    await_answer(port, "/metrics", lambda _, body: f"\n{line}\n".encode() in body)


def test_it_is_ready_without_a_broker_and_says_what_it_waits_for() -> None:
    http = free_port()
    with Supervised(plant(free_port(), http)) as agent:
        notice = agent.await_notice("READY=1")
        assert notice[1].startswith("STATUS=not ready")
        body = await_answer(http, "/readyz", lambda status, body: b"nothing listens" in body)
        assert json.loads(body)["ready"] is False
        assert get(http, "/healthz")[0] == 200
        assert "nothing listens there" in agent.await_notice("STATUS=not ready: no connection to")[0]
        agent.signal(signal.SIGTERM)
        assert agent.wait() == Exit.OK


@pytest.mark.broker
def test_it_connects_when_the_broker_comes_and_twins_appear(tmp_path: Path) -> None:
    broker, http = free_port(), free_port()
    with Supervised(plant(broker, http)) as agent:
        agent.await_notice("READY=1")
        with Mosquitto(tmp_path, port=broker):
            await_answer(http, "/readyz", lambda status, _: status == 200)
            assert retained(broker, "twinned/test/$status")["status"] == "online"
            publish(broker, "plant/pump-1/telemetry", {"temperature": 21.5})
            body = await_answer(http, "/api/twins/pump-1", lambda status, _: status == 200)
            assert json.loads(body)["channels"]["temperature"]["reported"] == 21.5
            assert json.loads(get(http, "/api/twins")[1])["total"] == 1
            metric(http, 'twinned_readings_total{result="used"} 1.0')
            assert agent.await_notice("STATUS=connected")


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_says_offline_and_ends_well_within_five_seconds(tmp_path: Path, number: int) -> None:
    http = free_port()
    with Mosquitto(tmp_path) as broker, Supervised(plant(broker.port, http)) as agent:
        agent.await_notice("READY=1")
        await_answer(http, "/readyz", lambda status, _: status == 200)
        asked = time.monotonic()
        agent.signal(number)
        assert agent.await_notice("STOPPING=1")
        assert agent.wait() == Exit.OK
        assert time.monotonic() - asked < 5
        assert retained(broker.port, "twinned/test/$status")["status"] == "offline"
        assert agent.stderr().splitlines()[-1].endswith("stopped messages=0 readings=0")


@pytest.mark.broker
def test_stopping_while_the_broker_hangs_still_ends_in_time(tmp_path: Path) -> None:
    http = free_port()
    with Mosquitto(tmp_path) as broker, Supervised(plant(broker.port, http)) as agent:
        await_answer_ready(agent, http)
        process = broker._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            agent.signal(signal.SIGTERM)
            asked = time.monotonic()
            assert agent.wait() == Exit.OK
            assert time.monotonic() - asked < 5
        finally:
            process.send_signal(signal.SIGCONT)


def await_answer_ready(agent: Supervised, http: int) -> None:
    agent.await_notice("READY=1")
    await_answer(http, "/readyz", lambda status, _: status == 200)


@pytest.mark.broker
def test_a_reload_is_announced_and_keeps_the_twins(tmp_path: Path) -> None:
    http = free_port()
    with Mosquitto(tmp_path) as broker, Supervised(plant(broker.port, http)) as agent:
        await_answer_ready(agent, http)
        publish(broker.port, "plant/pump-1/telemetry", {"temperature": 21.5})
        before = await_answer(http, "/api/twins/pump-1", lambda status, _: status == 200)
        more = {"topic": "hall/{asset}", "channels": {"humidity": {}}}
        agent.write(plant(broker.port, http, assets=[PLANT, more]))
        asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        agent.signal(signal.SIGHUP)
        reloading = agent.await_notice("RELOADING=1")
        assert int(reloading[1].removeprefix("MONOTONIC_USEC=")) >= asked
        agent.await_notice("READY=1")
        metric(http, 'twinned_config_reloads_total{result="success"} 1.0')
        assert get(http, "/api/twins/pump-1")[1] == before
        await_answer(http, "/readyz", lambda status, _: status == 200)
        publish(broker.port, "hall/h1", {"humidity": 40})
        await_answer(http, "/api/twins/h1", lambda status, _: status == 200)
        publish(broker.port, "plant/pump-1/telemetry", {"temperature": 21.6})
        metric(http, 'twinned_readings_total{result="used"} 3.0')


def test_a_reload_of_a_bad_file_is_refused_and_the_agent_runs_on() -> None:
    http = free_port()
    with Supervised(plant(free_port(), http)) as agent:
        agent.await_notice("READY=1")
        agent.write('{"site": 5}')
        agent.signal(signal.SIGHUP)
        agent.await_notice("RELOADING=1")
        agent.await_notice("READY=1")
        metric(http, 'twinned_config_reloads_total{result="failure"} 1.0')
        metric(http, "twinned_config_last_reload_successful 0.0")
        assert "configuration refused, the old one stays" in agent.stderr()
        assert agent.process.poll() is None


def test_a_hang_up_while_it_starts_is_a_reload_and_no_death() -> None:
    with Supervised(plant(free_port(), free_port()), TEST_HANG_UP_WHILE_LOADING="1") as agent:
        agent.await_notice("READY=1")
        agent.await_notice("RELOADING=1")
        agent.await_notice("READY=1")
        agent.signal(signal.SIGTERM)
        assert agent.wait() == Exit.OK


def test_the_watchdog_is_fed_while_nothing_happens() -> None:
    with Supervised(plant(free_port(), free_port()), WATCHDOG_USEC="400000") as agent:
        agent.await_notice("READY=1")
        for _ in range(4):
            agent.await_notice("WATCHDOG=1")
        assert agent.process.poll() is None


def test_a_wrong_configuration_lists_everything_and_ends_with_2() -> None:
    with Supervised({"site": 5}) as agent:
        assert agent.wait() == Exit.CONFIG
        first, second = agent.stderr().splitlines()
        assert "ERROR   config.json: Expected `str`, got `int`" in first
        assert second.endswith("config.json: and a second line")


def test_a_model_that_does_not_exist_ends_with_2() -> None:
    raw = settings(assets=[{"topic": "p/{asset}", "model": "no_such", "channels": {"t": {}}}])
    with Supervised(raw) as agent:
        assert agent.wait() == Exit.CONFIG
        (line,) = agent.stderr().splitlines()
        assert "no_such" in line


def test_a_port_in_use_is_one_line_and_ends_with_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Supervised(plant(free_port(), taken.getsockname()[1])) as agent:
            assert agent.wait() == Exit.TEMPORARY
            (line,) = agent.stderr().splitlines()
            assert "http: cannot listen on 127.0.0.1:" in line
            assert "Address already in use" in line


def test_a_missing_credential_is_one_line_and_ends_with_78() -> None:
    with Supervised(settings(mqtt={"password_file": "/nowhere/password"})) as agent:
        assert agent.wait() == Exit.ENVIRONMENT
        (line,) = agent.stderr().splitlines()
        assert "mqtt.password_file: No such file or directory: /nowhere/password" in line
