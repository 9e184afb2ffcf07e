"""`twinned-sim`: files, standard output, a real broker, signals, and what it says when it cannot."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from simulators.cli import main
from simulators.kinds import KINDS, find
from simulators.output import Address, Broker, OutputError
from simulators.run import events, labels
from simulators.scenario import load

START = 1_767_225_600.0
BATTERY = Path(__file__).parent.parent / "configs" / "scenarios" / "battery.yaml"
COMMAND = [sys.executable, "-c", "import sys; from simulators.cli import main; sys.exit(main())"]
WAIT = 20.0


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Mosquitto:
    """A broker of this test's own, on loopback."""

    def __init__(self, directory: Path, extra: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self.config = directory / "mosquitto.conf"
        self.config.write_text(f"user root\nmax_queued_messages 0\nlistener {self.port} 127.0.0.1\n{extra}\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(["mosquitto", "-c", self.config], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if " running" in line:
                return
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.stderr.close()
        self.process.wait()


@pytest.fixture
def mosquitto(tmp_path):
    brokers = []

    def start(*arguments):
        brokers.append(Mosquitto(tmp_path, *arguments))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.stop()


class Subscriber:
    """Everything a broker delivers, in order."""

    def __init__(self, port: int, qos: int = 0) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda _client, _data, m: self.messages.put((m.topic, m.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(WAIT)

    def take(self, count: int) -> list[tuple[str, bytes]]:
        return [self.messages.get(timeout=WAIT) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_the_same_bytes_in_another_process_at_another_pace(tmp_path):
    arguments = ["run", str(BATTERY), "--start", "2026-01-01T00:00:00Z", "--duration", "30min"]
    fast, paced = tmp_path / "fast.jsonl", tmp_path / "paced.jsonl"
    assert main([*arguments, "--out", str(fast)]) == 0
    subprocess.run(
        [*COMMAND, *arguments, "--out", str(paced), "--speed", "20000"],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "99"},
    )
    assert fast.read_bytes() == paced.read_bytes()
    scenario = dataclasses.replace(load(BATTERY), start=START, duration=1800.0)
    assert lines(fast) == [
        {"topic": e.topic, "payload": e.payload.decode(), "received": e.time} for e in events(scenario)
    ]
    assert any(line["topic"] == "sim/truth/cell-001" for line in lines(fast))


def test_labels_and_states_go_to_files_of_their_own(tmp_path):
    out, truth, states = (tmp_path / name for name in ("out.jsonl", "truth.jsonl", "states.jsonl"))
    arguments = ["run", str(BATTERY), "--start", str(START), "--out", str(out), "--truth", str(truth)]
    assert main([*arguments, "--states", str(states)]) == 0
    scenario = dataclasses.replace(load(BATTERY), start=START)
    assert lines(truth) == [label._asdict() for label in labels(scenario)]
    assert len(lines(truth)) > 1
    said = lines(out)
    assert not [line for line in said if line["topic"].startswith("sim/")]
    for line, state in zip(said[:500], lines(states)[:500], strict=True):
        voltage = json.loads(line["payload"]).get("voltage")
        assert (state["time"], state["asset"]) == (line["received"], line["topic"].split("/")[2])
        assert voltage is None or voltage == pytest.approx(state["voltage"], abs=0.012)


def test_true_states_are_written_once_where_each_channel_has_a_topic(tmp_path):
    scenario, states, out = (tmp_path / name for name in ("s.yaml", "states.jsonl", "out.jsonl"))
    scenario.write_text("duration: 10s\nassets: [{kind: tank, count: 2, payload: number}]")
    assert main(["run", str(scenario), "--out", str(out), "--states", str(states)]) == 0
    assert (len(lines(out)), len(lines(states))) == (60, 20)


def test_a_kind_needs_no_file(capsys):
    assert main(["run", "--kind", "pump", "--count", "12", "--period", "2s", "--duration", "6s", "--out", "-"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(said) == 36
    assert {line["topic"] for line in said} == {f"plant/pump/pump-{n:03d}/telemetry" for n in range(1, 13)}
    assert set(json.loads(said[0]["payload"])) == {"ts", "vibration", "temperature", "pressure", "flow"}


def test_a_file_without_a_stated_duration_holds_an_hour(tmp_path):
    out = tmp_path / "out.jsonl"
    assert main(["run", "--kind", "tank", "--period", "1min", "--out", str(out)]) == 0
    assert len(lines(out)) == 60


def test_another_seed_is_another_story(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    for out, seed in ((one, "1"), (two, "2")):
        assert main(["run", str(BATTERY), "--start", "0", "--duration", "60", "--seed", seed, "--out", str(out)]) == 0
    assert one.read_bytes() != two.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_cleanly_between_two_lines(number):
    arguments = ["run", "--kind", "pump", "--count", "50", "--period", "50ms", "--speed", "1", "--out", "-"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen([*COMMAND, *arguments], **pipes) as process:
        first = process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert errors == b""
    assert all("payload" in json.loads(line) for line in [first, *rest.splitlines()])
    assert rest == b"" or rest.endswith(b"\n")


def test_whoever_watches_sees_each_reading_as_it_comes():
    arguments = ["run", "--kind", "pump", "--period", "100ms", "--speed", "1", "--out", "-"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, bufsize=0) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=WAIT)
    assert rest.count(b"\n") < 30, "a full buffer would hold some fifty lines"


def test_a_signal_also_ends_a_long_wait():
    code = "from simulators.pace import Stop\nwith Stop() as s: print('now', flush=True); print(s.wait(3600))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=WAIT)[0] == b"True\n"
        finally:
            process.kill()


def test_a_reader_that_leaves_is_no_error():
    arguments = ["run", "--kind", "pump", "--duration", "10h", "--out", "-"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(WAIT) == 0
    assert errors == b""


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["run"], 2, "expected either a scenario file or --kind"),
        (["run", "x.yaml", "--kind", "pump"], 2, "expected either a scenario file or --kind"),
        (["run", "no-such.yaml"], 1, "cannot read no-such.yaml: No such file or directory"),
        (["run", "--kind", "pmup", "--out", "-"], 2, "did you mean 'pump'?"),
        (["run", "--kind", "pump", "--out", "/no/such/file"], 1, "cannot write /no/such/file: No such file"),
        (["run", "--kind", "pump", "--out", "/dev/full"], 1, "cannot go on: No space left on device"),
        (["run", "--kind", "pump", "--password-file", "/no/such"], 1, "cannot read the password in /no/such: No such"),
        (["list", "pmup"], 2, "kind: expected one of battery, pump, room, tank, or a plug-in"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments, status, said, capsys):
    assert main(arguments) == status
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--duration", "soon", "expected a duration of at least 0.001 s such as 500ms"),
        ("--speed", "0", "or max, got '0'"),
        ("--start", "yesterday", "expected a time such as 2026-01-31T06:00:00Z"),
        ("--count", "1.5", "expected a whole number from 1 to 100000, got '1.5'"),
    ],
)
def test_a_wrong_argument_is_refused_in_the_words_of_the_scenario(option, value, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "--kind", "pump", option, value])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_the_list_names_every_kind_channel_parameter_and_fault(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    for kind in KINDS:
        assert f"\n{kind}: " in f"\n{said}"
        for part in (*find(kind).channels, *dataclasses.fields(find(kind).Parameters)):
            assert f"    {part.name} " in said
    assert "  dropout    no readings" in said


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["list", "--help"]])
def test_each_help_shows_an_example(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "  twinned-sim " in capsys.readouterr().out


@pytest.mark.broker
@pytest.mark.parametrize("qos", [0, 1])
def test_a_broker_delivers_every_message_of_the_scenario(tmp_path, mosquitto, qos):
    port = mosquitto().port
    arguments = ["run", str(BATTERY), "--start", str(START), "--duration", "30min", "--speed", "max"]
    sent = [(e.topic, e.payload) for e in events(dataclasses.replace(load(BATTERY), start=START, duration=1800.0))]
    with Subscriber(port, qos) as subscriber:
        assert main([*arguments, "--host", "127.0.0.1", "--port", str(port), "--qos", str(qos)]) == 0
        assert subscriber.take(len(sent)) == sent
    assert len(sent) > 3600


@pytest.mark.broker
def test_a_broker_with_passwords_lets_in_who_has_one(tmp_path, mosquitto, capsys):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "sim", "secret"], check=True, capture_output=True)
    port = str(mosquitto(f"allow_anonymous false\npassword_file {passwords}").port)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("secret\n")
    wrong.write_text("guess\n")
    arguments = ["run", "--kind", "pump", "--duration", "1s", "--speed", "max", "--host", "127.0.0.1", "--port", port]
    assert main([*arguments, "--username", "sim", "--password-file", str(right)]) == 0
    assert capsys.readouterr().err == ""
    assert main([*arguments, "--username", "sim", "--password-file", str(wrong)]) == 1
    assert f"no session with the broker at 127.0.0.1:{port}: Not authorized" in capsys.readouterr().err


@pytest.mark.broker
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_broker_with_tls_must_show_a_certificate_of_the_stated_authority(tmp_path, mosquitto):
    for name in ("ours", "other"):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
            check=True,
            capture_output=True,
        )
    port = mosquitto(f"allow_anonymous true\ncertfile {tmp_path / 'ours.pem'}\nkeyfile {tmp_path / 'ours.key'}").port
    arguments = ["run", "--kind", "pump", "--duration", "1s", "--speed", "max"]
    arguments += ["--host", "127.0.0.1", "--port", str(port), "--tls-ca"]
    assert main([*arguments, str(tmp_path / "ours.pem")]) == 0
    refused = subprocess.run(
        [*COMMAND, *arguments, tmp_path / "other.pem"], check=False, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "self-signed certificate" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.broker
def test_a_broker_that_goes_away_costs_messages_but_not_the_run(mosquitto):
    broker = mosquitto()
    told: queue.Queue[str] = queue.Queue()
    one = next(events(load({"start": START, "assets": [{"kind": "pump"}]})))
    with Broker(Address("127.0.0.1", broker.port), told.put, lambda: False) as output:
        broker.stop()
        assert "lost" in told.get(timeout=WAIT)
        output.send(one)
        assert output.lost == 1
        broker.start()
        assert told.get(timeout=WAIT).endswith("is back")
        with Subscriber(broker.port) as subscriber:
            output.send(one)
            assert subscriber.take(1) == [(one.topic, one.payload)]
    assert output.lost == 1


@pytest.mark.broker
def test_messages_of_qos_1_outlive_the_loss_of_the_broker(mosquitto):
    broker = mosquitto()
    told: queue.Queue[str] = queue.Queue()
    several = list(events(load({"start": START, "duration": 50, "assets": [{"kind": "pump"}]})))
    with Broker(Address("127.0.0.1", broker.port, qos=1), told.put, lambda: False) as output:
        broker.stop()
        assert "lost" in told.get(timeout=WAIT)
        for event in several:
            output.send(event)
        broker.start()
        assert told.get(timeout=WAIT).endswith("is back")
    assert output.lost == 0


def test_no_broker_at_all_is_said_in_a_line(capsys):
    port = free_port()
    with pytest.raises(OutputError, match=f"no connection to the broker at 127.0.0.1:{port}: Connection refused"):
        Broker(Address("127.0.0.1", port), print, lambda: False).__enter__()
    assert main(["run", "--kind", "pump", "--host", "127.0.0.1", "--port", str(port)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
