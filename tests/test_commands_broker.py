"""Commands through a real broker, in both versions of the protocol, as an operator's tools send them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.brokers import PATIENCE, Mosquitto, free_port
from tests.services import Supervised, await_answer, settings

pytestmark = pytest.mark.broker

PLANT = {
    "topic": "plant/{asset}/telemetry",
    "channels": {"temperature": {"limits": {"high": 30.0, "latched": True}}},
    "learning": 4,
    "alarms": {},
}
ALARM = "temperature_high"
HOT = (20.0, 21.0, 20.0, 21.0, 20.0, *[99.0] * 8)
DOCS = Path(__file__).parent.parent / "docs" / "alarms.md"


class Desk:
    """An operator's client, which hears answers and alarms."""

    def __init__(self, port: int, version: Literal["5", "3.1.1"]) -> None:
        self.v5 = version == "5"
        protocol = MQTTProtocolVersion.MQTTv5 if self.v5 else MQTTProtocolVersion.MQTTv311
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=protocol)
        self.heard: list[tuple[str, dict[str, Any], bytes | None, bool]] = []
        self.news = threading.Condition()
        subscribed = threading.Event()
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([("twinned/test/$reply/#", 1), ("twinned/test/+/alarm/+", 1)])
        self.client.loop_start()
        assert subscribed.wait(PATIENCE)

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None) if message.properties else None
        with self.news:
            self.heard.append((message.topic, json.loads(message.payload), correlation, message.retain))
            self.news.notify_all()

    def ask(self, verb: str, command: dict[str, Any], *, retain: bool = False, correlation: bytes = b"\0\1") -> None:
        properties = None
        if self.v5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.ResponseTopic = "twinned/test/$reply/desk"
            properties.CorrelationData = correlation
        else:
            command = {**command, "reply": "twinned/test/$reply/desk"}
        topic = f"twinned/test/$command/{verb}"
        told = self.client.publish(topic, json.dumps(command), qos=1, retain=retain, properties=properties)
        told.wait_for_publish(PATIENCE)

    def await_that(self, topic: str, count: int = 1) -> list[tuple[dict[str, Any], bytes | None]]:
        """So many messages under a topic that ends like this."""

        def found() -> list[tuple[dict[str, Any], bytes | None]]:
            return [(payload, correlation) for name, payload, correlation, _ in self.heard if name.endswith(topic)]

        with self.news:
            assert self.news.wait_for(lambda: len(found()) >= count, PATIENCE), self.heard
            return found()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def agent(broker: Mosquitto, version: str = "auto", store: Path | None = None) -> Iterator[tuple[Supervised, int]]:
    """The agent as a process, ready, and the port of its HTTP server."""
    port = free_port()
    raw = settings(
        mqtt={"port": broker.port, "protocol": version, "qos": 1},
        http={"port": port},
        assets=[PLANT],
        store={"mode": "strict", "path": str(store)} if store else {},
    )
    with Supervised(raw) as running:
        running.await_notice("READY=1")
        await_answer(port, "/readyz", lambda status, _: status == 200)
        yield running, port
        if running.process.poll() is None:
            running.signal(signal.SIGTERM)
            assert running.wait() == 0


def heat(desk: Desk) -> None:
    """The alarm is raised."""
    for value in HOT:
        desk.client.publish("plant/a/telemetry", json.dumps({"temperature": value}), qos=1).wait_for_publish(PATIENCE)
    assert desk.await_that(f"/alarm/{ALARM}")[0][0]["state"] == "active"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_an_operator_asks_and_is_answered(tmp_path: Path, version: Literal["5", "3.1.1"]) -> None:
    with Mosquitto(tmp_path) as broker, agent(broker, version):
        desk = Desk(broker.port, version)
        heat(desk)
        desk.ask("acknowledge", {"asset": "a", "alarm": ALARM, "by": "anna", "id": "1"})
        ((answer, correlation),) = desk.await_that("$reply/desk")
        assert (answer["ok"], answer["id"], answer["changed"][0]["state"]) == (True, "1", "acknowledged")
        assert correlation == (b"\0\1" if version == "5" else None)
        assert desk.await_that(f"/alarm/{ALARM}", 2)[1][0]["by"] == "anna"
        desk.ask("reset", {"asset": "a", "alarm": ALARM})
        (refused, _) = desk.await_that("$reply/desk", 2)[1]
        assert (refused["ok"], refused["error"]["where"]) == (False, "alarm")
        desk.close()


def test_a_retained_command_is_for_nobody(tmp_path: Path) -> None:
    """It reaches an agent that subscribes after it was sent."""
    with Mosquitto(tmp_path) as broker:
        desk = Desk(broker.port, "3.1.1")
        desk.ask("disable", {"asset": "a", "alarm": "*"}, retain=True)
        with agent(broker) as (_, port):
            heat(desk)
            metrics = await_answer(
                port, "/metrics", lambda _, body: b'result="retained",verb="disable"} 1' in body.replace(b"1.0", b"1")
            )
            assert metrics
            assert [topic for topic, *_ in desk.heard if "$reply" in topic] == []
        desk.close()


def test_killed_between_a_command_and_its_answer_it_is_done_once_and_answered(tmp_path: Path) -> None:
    """The command waits at the broker while the agent is dead, and comes again when it was taken but not acknowledged."""
    with Mosquitto(tmp_path) as broker:
        desk = Desk(broker.port, "5")
        command = {"asset": "a", "alarm": ALARM, "for": "1h", "by": "anna", "id": "once"}
        with agent(broker, store=tmp_path / "t.db") as (running, _):
            heat(desk)
            os.kill(running.process.pid, signal.SIGSTOP)
            desk.ask("shelve", command)
            os.kill(running.process.pid, signal.SIGKILL)
            running.wait()
        with agent(broker, store=tmp_path / "t.db") as (running, _):
            desk.await_that("$reply/desk")
            os.kill(running.process.pid, signal.SIGKILL)
            running.wait()
        with agent(broker, store=tmp_path / "t.db"):
            desk.ask("shelve", command, correlation=b"again")
            answers = desk.await_that("$reply/desk", 2)
            while answers[-1][1] != b"again":
                answers = desk.await_that("$reply/desk", len(answers) + 1)
            assert [answer["result"] for answer, _ in answers] == ["done"] + ["repeated"] * (len(answers) - 1)
            told = {message["id"]: message["state"] for message, _ in desk.await_that(f"/alarm/{ALARM}", 2)}
            assert told == {f"a/{ALARM}/1": "active", f"a/{ALARM}/2": "shelved"}
        desk.close()


def test_the_examples_of_the_page_on_alarms_do_what_it_says(tmp_path: Path) -> None:
    section = DOCS.read_text().partition("## Acting on an alarm")[2].partition("\n## ")[0]
    examples = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    commands = [line for block in examples for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    assert sum(line.startswith("mosquitto_") for line in commands) >= 2
    assert sum(line.startswith("curl") for line in commands) >= 2
    with Mosquitto(tmp_path) as broker, agent(broker) as (_, port):
        desk = Desk(broker.port, "5")
        for value in HOT:
            payload = json.dumps({"temperature": value})
            desk.client.publish("plant/pump1/telemetry", payload, qos=1).wait_for_publish(PATIENCE)
        desk.await_that(f"pump1/alarm/{ALARM}")
        for line in commands:
            here = line.replace("9464", str(port)).replace("plant7", "test")
            here = re.sub(r"^(mosquitto_\w+)", rf"\1 -p {broker.port} ", here)
            done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, timeout=PATIENCE, check=False)
            assert done.returncode == 0, (here, done.stderr)
            if line.startswith(("curl", "mosquitto_rr")):
                answer = json.loads(done.stdout)
                assert answer.get("ok", True) is True, (here, answer)
        states = [message["state"] for message, _ in desk.await_that(f"pump1/alarm/{ALARM}", 4)]
        assert states[:2] == ["active", "acknowledged"]
        assert {"shelved", "disabled"} & set(states)
        desk.close()
