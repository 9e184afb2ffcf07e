"""Five hundred assets behind a gateway that dies and returns, with a real Mosquitto and the agent as a process."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, free_port, packet, publish, subscriber
from tests.services import Supervised, await_answer, settings

ASSETS = 500
ROUNDS = 6
GROUP = b"twinned/test/gw1/alarm/group_absence"


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    name = b"gateway"
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(packet(0x10, body))
        assert sock.recv(4)[3] == 0
        yield sock


def speak(sock: socket.socket, http: int, rounds: int, before: int) -> None:
    """All assets speak, so many times; a round is sent when the one before was taken, of which there were so many."""
    for k in range(rounds):
        values = [(b"plant/gw1/a%d" % j, b"%.2f" % (20 + 0.1 * ((j * 7 + k * 13) % 11))) for j in range(ASSETS)]
        sock.sendall(b"".join(publish(topic, value) for topic, value in values))
        metric(http, f'twinned_readings_total{{result="used"}} {(before + k + 1) * ASSETS:.1f}')


def metric(http: int, line: str) -> None:
    await_answer(http, "/metrics", lambda _, body: f"\n{line}\n".encode() in body)


@pytest.mark.broker
def test_a_gateway_that_dies_and_returns_is_one_alarm_raised_and_cleared(tmp_path: Path) -> None:
    http = free_port()
    with Mosquitto(tmp_path) as broker:
        raw = settings(
            mqtt={"host": "127.0.0.1", "port": broker.port},
            http={"port": http},
            store={"mode": "strict", "path": str(tmp_path / "twinned.db")},
            floods={"groups": {"wait": 1}},
            assets=[
                {
                    "topic": "plant/{gateway}/{asset}",
                    "name": "{asset}",
                    "parent": "{gateway}",
                    "payload": {"format": "number"},
                    "channels": {"temperature": {}},
                    "learning": 4,
                    "silence": {"coasting": 30, "stale": 60},
                    "alarms": {"gone": {"type": "absence", "after": 4}},
                }
            ],
        )
        with Supervised(raw) as agent, connected(broker.port) as gateway:
            agent.await_notice("READY=1")
            await_answer(http, "/readyz", lambda status, _: status == 200)
            with subscriber(broker.port, "-t", "twinned/test/+/alarm/+", "-q", "1", "-F", "%t %p") as hearer:
                assert hearer.stdout is not None
                speak(gateway, http, ROUNDS, 0)
                topic, payload = hearer.stdout.readline().split(b" ", 1)
                assert topic == GROUP
                raised = json.loads(payload)
                assert (raised["state"], raised["value"], raised["seq"]) == ("active", ASSETS, 1)
                metric(http, 'twinned_active_alarms{severity="critical"} 1.0')
                metric(http, 'twinned_active_alarms{severity="warning"} 0.0')
                metric(http, f'twinned_alarms_withheld{{cause="group"}} {ASSETS:.1f}')
                why = json.loads(await_answer(http, "/api/twins/a7/explain", lambda status, _: status == 200))
                assert why["alarms"][0]["withheld"] == "group"
                agent.process.kill()
                agent.process.wait()
                with Supervised(raw) as again:
                    again.await_notice("READY=1")
                    await_answer(http, "/readyz", lambda status, _: status == 200)
                    speak(gateway, http, 2, 0)
                    topic, payload = hearer.stdout.readline().split(b" ", 1)
                    while json.loads(payload)["id"] == raised["id"]:  # what was not acknowledged before the kill
                        topic, payload = hearer.stdout.readline().split(b" ", 1)
                    assert topic == GROUP
                    cleared = json.loads(payload)
                    assert (cleared["state"], cleared["seq"]) == ("cleared", 2)
                    metric(http, 'twinned_alarms_withheld{cause="group"} 0.0')
                    metric(http, "twinned_absent_groups 0.0")
            with subscriber(broker.port, "-t", "twinned/test/+/alarm/+", "-W", "1", "-F", "%t") as late:
                assert late.stdout is not None
                assert late.stdout.read().splitlines() == [GROUP], "nothing else was ever retained"
