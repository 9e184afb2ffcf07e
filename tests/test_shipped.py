"""Each shipped configuration runs: its own simulators speak, and every asset becomes a twin with states and forecasts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent import configfile
from agent.twins import Twins
from agent.types import Batch
from simulators.run import events
from simulators.scenario import load
from tests.brokers import PATIENCE, Certificates, Mosquitto, free_port

ROOT = Path(__file__).parent.parent
START = 1_700_000_000.0
PLANTS = ["battery", "plant", "pump", "room", "tank"]


@pytest.mark.parametrize("plant", PLANTS)
def test_a_plant_of_simulators_becomes_live_twins_and_no_reading_is_refused(plant: str) -> None:
    twins = Twins(configfile.load(ROOT / f"configs/{plant}.yaml", environ={}))
    scenario = load(ROOT / f"configs/scenarios/{plant}.yaml").at(START)
    longest = max(family.period for family in scenario.assets)
    scenario = replace(scenario, duration=60 * longest, faults=(), random_faults=None, truth=None)
    assets, states, forecasts, refused = set(), 0, 0, []
    for event in events(scenario):
        out = twins.on_batch(Batch.of(event.topic, event.payload, event.time))
        assets.add(event.asset)
        states += out.states
        forecasts += out.forecasts
        refused += out.rejects
        for group in out.publications:
            for payload in group.payloads:
                json.loads(payload, parse_constant=lambda token: pytest.fail(f"{token} is no JSON"))
    assert refused == []
    assert len(twins) == len(assets)
    assert twins.status_counts()["live"] == len(assets)
    assert states >= len(assets)
    assert forecasts >= len(assets)


def test_every_shipped_configuration_is_either_a_plant_or_known_here() -> None:
    others = {"reference", "tls", "twinned"}
    assert {p.stem for p in (ROOT / "configs").glob("*.yaml")} == {*PLANTS, *others}


@pytest.mark.parametrize("name", ["reference", "twinned"])
def test_the_ten_lines_and_the_reference_take_a_reading(name: str) -> None:
    config = configfile.load(ROOT / f"configs/{name}.yaml", environ=dict(os.environ))
    twins = Twins(config)
    template = config.assets[0].topic
    assert template is not None
    topic = template.replace("{", "").replace("}", "")
    channel = next(iter(config.assets[0].channels))
    out = twins.on_batch(Batch.of(topic, json.dumps({"ts": START, channel: 21.5}).encode(), START))
    assert (out.readings, out.states, out.rejects) == (1, 1, [])


@pytest.mark.broker
def test_the_encrypted_configuration_meets_a_broker_that_asks_for_certificate_and_password(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "certificates")
    secret = tmp_path / "mqtt-password"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    with Mosquitto(tmp_path, tls=certificates, users={"twinned": "correct horse"}) as broker:
        given = {
            "mqtt.host": "localhost",
            "mqtt.port": str(broker.port),
            "mqtt.password_file": str(secret),
            "mqtt.tls.ca_file": str(certificates.authority),
            "http.port": str(free_port()),
        }
        command = [sys.executable, "-m", "agent", "run", "-c", str(ROOT / "configs/tls.yaml")]
        for key, value in given.items():
            command += ["--set", f"{key}={value}"]
        agent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            assert agent.stderr is not None
            said = []
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                said.append(agent.stderr.readline())
                if "connected to the broker" in said[-1] and "not connected" not in said[-1]:
                    break
            assert "INFO" in said[-1] and "connected to the broker" in said[-1], "".join(said)
            agent.send_signal(signal.SIGTERM)
            _, rest = agent.communicate(timeout=10)
            assert agent.returncode == 0, rest
            assert "correct horse" not in "".join(said) + rest
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
