"""The demo: as a command from start to verdict, and its witness on messages made by hand."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from agent.configfile import load
from agent.demo.demo import HERE, expected
from agent.demo.parts import Child, DemoError, broker, find_mosquitto
from agent.demo.table import picture, spark
from agent.demo.watch import Expected, Witness
from agent.twins import Twins
from simulators import scenario

ROOT = Path(__file__).parent.parent
EXPECTED = Expected({"pump-1": "pump", "tank-1": "tank"}, "pump-1", "vibration")

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="Mosquitto is not installed")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witness(clock: Clock) -> Witness:
    return Witness(EXPECTED, "twinned/demo", clock)


def tell(witness: Witness, topic: str, **message: object) -> None:
    witness.take(f"twinned/demo/{topic}", json.dumps(message).encode())


def state(asset: str, status: str = "live", **channels: float) -> dict[str, object]:
    return {
        "time": 999.0,
        "processed": 999.5,
        "age": 0.0,
        "asset": asset,
        "status": status,
        "states": {name: {"mean": value, "std": 0.1} for name, value in channels.items()},
        "channels": {
            name: {"reported": value, "expected": value - 1, "std": 0.2, "surprise": 6.5}
            for name, value in channels.items()
        },
    }


def alarm(name: str, change: str, channel: str | None = "vibration") -> dict[str, object]:
    return {"alarm": name, "state": change, "severity": "warning", "channel": channel, "text": f"{name} {change}"}


def tell_all(witness: Witness) -> None:
    tell(witness, "$status", status="online")
    for asset in EXPECTED.kinds:
        tell(witness, f"{asset}/state", **state(asset, vibration=2.0, level=1.0))
        tell(witness, f"{asset}/forecast", channels={"vibration": [{"horizon": 30.0, "mean": 2.5}]})
    tell(witness, "pump-1/alarm/vibration_high", **alarm("vibration_high", "active"))
    tell(witness, "pump-1/alarm/vibration_high", **alarm("vibration_high", "cleared"))


def test_nothing_is_missing_when_everything_came_back(witness: Witness) -> None:
    tell_all(witness)
    assert witness.missing() == []
    assert witness.fault_alarms() == ["vibration_high"]


def test_what_did_not_come_back_is_named(witness: Witness) -> None:
    assert witness.missing() == [
        "the agent's status on the broker",
        "states of 2 of 2 assets: pump-1, tank-1",
        "forecasts of 2 of 2 assets: pump-1, tank-1",
        "an alarm for the vibration of pump-1, raised and cleared",
    ]
    tell(witness, "$status", status="offline")
    tell(witness, "pump-1/state", **state("pump-1", "learning", vibration=2.0))
    tell(witness, "tank-1/forecast", channels={})
    tell(witness, "pump-1/alarm/vibration_high", **alarm("vibration_high", "active"))
    assert witness.missing() == [
        "the agent's status on the broker",
        "states of 1 of 2 assets: tank-1",
        "a live state of 1 of 2 assets: pump-1",
        "forecasts of 1 of 2 assets: pump-1",
        "an alarm for the vibration of pump-1, cleared again",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        ["pump-1/alarm/vibration_high cleared"],
        ["pump-1/alarm/vibration_high cleared", "pump-1/alarm/vibration_high active"],
        ["pump-1/alarm/vibration_high active", "pump-1/alarm/surprise_vibration cleared"],
        ["tank-1/alarm/vibration_high active", "tank-1/alarm/vibration_high cleared"],
        ["pump-1/alarm/pressure_high active", "pump-1/alarm/pressure_high cleared"],
    ],
)
def test_an_alarm_counts_only_if_it_is_that_of_the_fault_and_first_raised(witness: Witness, changes: list[str]) -> None:
    for change in changes:
        topic, _, to = change.partition(" ")
        tell(witness, topic, **alarm(topic.rpartition("/")[2], to))
    assert witness.fault_alarms() == []


def test_an_alarm_is_timed_from_the_start_of_the_plant(witness: Witness, clock: Clock) -> None:
    clock.time += 5.0
    witness.plant_started()
    for seconds, change in ((10.0, "active"), (7.0, "cleared")):
        clock.time += seconds
        tell(witness, "pump-1/alarm/vibration_high", **alarm("vibration_high", change))
    assert witness.span("vibration_high") == (10.0, 17.0)


def test_the_delay_is_that_between_the_agent_and_another_client(witness: Witness, clock: Clock) -> None:
    assert witness.delay() is None
    for clock.time in (999.502, 999.504, 999.6):
        tell(witness, "pump-1/state", **state("pump-1", vibration=2.0))
    tell(witness, "pump-1/state", **(state("pump-1", "stale", vibration=2.0) | {"age": 30.0}))
    assert witness.delay() == pytest.approx(0.004)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{", b"1"])
def test_a_message_that_is_no_object_is_held_against_the_agent(witness: Witness, payload: bytes) -> None:
    tell_all(witness)
    witness.take("twinned/demo/pump-1/state", payload)
    assert witness.missing() == ["1 messages that are JSON objects"]


@pytest.mark.parametrize(("width", "has_kind"), [(80, False), (140, True)])
def test_the_table_shows_each_asset_with_its_numbers(witness: Witness, width: int, has_kind: bool) -> None:
    tell(witness, "pump-1/state", **state("pump-1", vibration=2.0))
    tell(witness, "pump-1/state", **state("pump-1", vibration=3.25))
    tell(witness, "pump-1/forecast", channels={"vibration": [{"horizon": 30.0, "mean": 4.5}]})
    tell(witness, "pump-1/alarm/vibration_high", **alarm("vibration_high", "active"))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(picture(witness.look(), "heading", ["a line"], {"vibration": "mm/s"}, width))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    row = next(line for line in lines if line.startswith("pump-1"))
    for word in ("live", "3.25 ± 0.1", " 2.25 ", " 6.5 ", " 4.5 ", "▁█", "vibration_high"):
        assert word in row
    assert ("mm/s" in row) == has_kind
    assert any(re.match(r"tank-1 .*silent", line) for line in lines)
    assert lines[0].strip() == "heading"
    assert "a line" in lines[-1]


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([1.0], "▄"), ([0.0, 7.0], "▁█"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([5, 5], "▄▄")]
)  # fmt: skip
def test_a_trend_runs_between_its_own_extremes(values: list[float], bars: str) -> None:
    assert spark(values) == bars


def test_the_demo_has_a_dozen_assets_of_four_kinds_and_a_fault_within_20_seconds() -> None:
    loaded = scenario.load(HERE / "scenario.yaml")
    assert len(loaded.assets) >= 12
    assert {asset.kind for asset in loaded.assets} == {"pump", "tank", "room", "battery"}
    assert all(fault.start + fault.duration <= 20.0 for fault in loaded.faults)
    assert expected().asset == loaded.faults[0].asset
    twins = Twins(load(HERE / "agent.yaml", environ={}))
    heard = [entry.template for entry in twins.decoder.entries]
    assert all(any(t.match(asset.topic.encode()) for t in heard) for asset in loaded.assets)


def test_a_process_that_ends_by_itself_is_shown_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no luck'); raise SystemExit(3)"]
    with Child("agent", command, tmp_path / "log") as child:
        child.process.wait(10)
        with pytest.raises(DemoError, match=r"the agent ended with 3; the last it said:\nno luck"):
            child.check()


def test_a_broker_that_is_asked_for_and_not_there_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.demo.parts.find_mosquitto", lambda: None)
    with pytest.raises(DemoError, match="expected mosquitto on the PATH"), broker("mosquitto", 1, tmp_path):
        pass


def demo(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, with its temporary files where they can be looked for."""
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )


def processes(tmp_path: Path) -> Iterator[str]:
    """Command lines of all processes that were started with this directory."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={tmp_path}".encode() in path.read_bytes():
                yield path.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue


@pytest.fixture
def finished(tmp_path: Path) -> Iterator[None]:
    """Afterwards nothing runs, and nothing is left behind."""
    yield
    assert list(processes(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


@needs_mosquitto
@pytest.mark.broker
@pytest.mark.usefixtures("finished")
def test_the_demo_proves_itself_and_leaves_nothing(tmp_path: Path) -> None:
    process = demo(tmp_path, "--seconds", "22")
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    assert err == ""
    assert "14 assets of 4 kinds, through Mosquitto on 127.0.0.1:" in out
    assert re.search(r"alarm vibration_high of pump-2 was raised at 1[0-9]\.\d s and cleared at 1[0-9]\.\d s", out)
    assert re.search(r"[1-9]\d\d+ states and [1-9]\d+ forecasts came back from the broker", out)
    assert "OK: states, forecasts and the alarm, raised and cleared, all came back" in out


@pytest.mark.broker
@pytest.mark.usefixtures("finished")
def test_a_demo_that_ends_too_early_says_what_is_missing(tmp_path: Path) -> None:
    process = demo(tmp_path, "--broker", "amqtt", "--seconds", "9")
    out, err = process.communicate(timeout=90)
    assert "through amqtt on 127.0.0.1:" in out, out + err
    assert [line for line in out.splitlines() if line.startswith("did not come back")] == [
        "did not come back: an alarm for the vibration of pump-2, raised and cleared"
    ]
    assert process.returncode == 1


@needs_mosquitto
@pytest.mark.broker
@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_told_to_end_stops_all_it_started(tmp_path: Path, number: signal.Signals) -> None:
    process = demo(tmp_path)
    assert process.stdout is not None
    assert "14 assets" in process.stdout.readline()
    assert len(list(processes(tmp_path))) == 4, "the demo, a broker, the agent and the plant"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, out + err
    assert "Traceback" not in err
    assert "came back from the broker" in out
