"""The command line: each verb as a user calls it, its words and exit codes, and what it does not import."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from agent import __version__
from agent.cli import main
from agent.configfile import load
from agent.encode import schemas
from agent.topictable import table
from tests.brokers import Mosquitto, free_port

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(p for p in (ROOT / "configs").glob("**/*.yaml") if "scenarios" not in p.parts)
VERBS = ("check", "run", "schema", "explain", "replay", "demo")

SMALL = """\
site: s
assets:
  - topic: plant/{asset}
    channels:
      a: {unit: degC, limits: {high: 50}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "twinned.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("TWINNED"):
            monkeypatch.delenv(name)
    yield


pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_an_example_that_the_parser_takes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert re.search(rf"examples:\n  .*twinned {verb}", said)
    options = set(re.findall(r"(?<![\w-])--?[a-z]+", said.split("examples:")[1]))
    assert options <= set(re.findall(r"(?<![\w-])--?[a-z]+", said.split("examples:")[0])) | {"--kind"}


def test_the_command_without_a_verb_is_an_error_and_with_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n    {verb} " in said for verb in VERBS)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"twinned {__version__}\n"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_shipped_configuration_is_right(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = []
    if load(path, environ={}).mqtt.password_file is not None:
        secret = tmp_path / "password"
        secret.write_text("secret\n")
        secret.chmod(0o600)
        given = ["--set", f"mqtt.password_file={secret}", "--set", f"mqtt.tls.ca_file={secret}"]
    assert main(["check", "-c", str(path), *given]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"OK: {path}\nsite ")
    assert said.err == ""


def test_check_says_what_is_heard_modelled_and_published(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(config), "--set", "mqtt.host=broker.local", "--set", "assets[0]=1"]) != 0
    capsys.readouterr()
    assert main(["check", "-c", str(config), "--set", "mqtt.host=broker.local"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for line in (
        "site s, broker broker.local:1883",
        "HTTP on 127.0.0.1:9464",
        "assets 1: plant/{asset}  (json)",
        "model    level_rate/1; 30 readings to learn",
        "channel  a  degC",
        "plant/+  (QoS 0)",
        "twinned/s/<asset>/state  (QoS 0; for each message)",
        "twinned/s/<asset>/forecast  (QoS 0; 60 s, 600 s ahead, each 10 s)",
        "twinned/s/<asset>/alarm/<name>  (QoS 1, retained)",
        "twinned/s/$status  (QoS 1, retained)",
    ):
        assert line in lines, line
    assert any(line.startswith("alarm    a_high: a estimate above 50 degC (warning") for line in lines)
    assert any(line.startswith("alarm    anomaly: a ") for line in lines)


def test_every_error_of_a_configuration_is_listed_with_its_place(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(SMALL.replace("site: s", "sit: s").replace("high: 50", "high: hot") + "mqtt: {port: 0}\n")
    assert main(["check", "-c", str(config)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [re.split(r":\d+:\d+: ", line)[1].split(":")[0] for line in lines] == [
        "sit",
        "assets[0].channels.a.limits.high",
        "mqtt.port",
    ]
    assert all(re.match(rf"{re.escape(str(config))}:\d+:\d+: ", line) for line in lines)


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_configuration_that_is_not_there_is_one_line_and_78(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "-c", str(tmp_path / "none.yaml")]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert "no such file" in line


def test_a_secret_that_is_not_there_is_one_line_and_78(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--set", "mqtt.username=me", "--set", f"mqtt.password_file={config.parent / 'none'}"]
    assert main(["check", "-c", str(config), *given]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(str(config.parent / "none"))


def test_every_file_of_the_connection_that_is_not_there_is_a_line_and_78(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {key: str(config.parent / key) for key in ("ca_file", "cert_file", "key_file")}
    Path(files["cert_file"]).write_text("certificate")
    given = [f"--set=mqtt.tls.{key}={file}" for key, file in files.items()]
    given += ["--set", "mqtt.username=me", "--set", f"mqtt.password_file={config.parent / 'none'}"]
    for verb in ("check", "run"):
        assert main([verb, "-c", str(config), *given]) == 78
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3
        for line, name in zip(lines, ("ca_file", "key_file", "none"), strict=True):
            assert f"{config.parent / name}: expected " in line
            assert "no such file" in line


def test_the_configuration_may_come_from_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWINNED_CONFIG", str(config))
    monkeypatch.setenv("TWINNED__MQTT__PORT", "1999")
    assert main(["check"]) == 0
    assert "broker localhost:1999" in capsys.readouterr().out
    assert main(["check", "--set", "mqtt.port=2000"]) == 0, "the command line is stronger"
    assert "broker localhost:2000" in capsys.readouterr().out


@pytest.mark.parametrize("raw", ["mqtt.port", "=1", ""])
def test_an_override_without_a_key_or_value_is_explained(
    config: Path, capsys: pytest.CaptureFixture[str], raw: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "-c", str(config), "--set", raw])
    assert ended.value.code == 2
    assert "expected KEY=VALUE such as mqtt.port=1884" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected either a recording or --csv FILE"),
        (["a.jsonl", "--csv", "a.csv"], "expected either a recording or --csv FILE"),
        (["--csv", "a.csv"], "--csv also needs --asset and --time"),
        (["--csv", "a.csv", "--time", "t"], "--csv also needs --asset"),
        (["--csv", "a.csv", "--time", "t", "--asset", "x", "--delimiter", ";;"], "--delimiter: expected one character"),
    ],
)
def test_arguments_of_replay_that_do_not_go_together_are_explained(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["replay", "-c", str(config), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_schema_is_draft_07_and_takes_the_shipped_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    import yaml

    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator.check_schema(schema)
    for path in CONFIGS:
        jsonschema.Draft7Validator(schema).validate(yaml.safe_load(path.read_text()))


def test_what_is_published_is_as_its_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--messages"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == schemas()
    out = tmp_path / "out.jsonl"
    data = ROOT / "tests" / "data" / "replay"
    assert main(["replay", "-c", str(data / "twinned.yaml"), str(data / "recording.jsonl"), "--out", str(out)]) == 0
    seen = set()
    for line in out.read_text().splitlines():
        record = json.loads(line)
        kind = record["topic"].split("/")[3]
        seen.add(kind)
        strict = _strict(printed[kind])
        jsonschema.Draft202012Validator(strict).validate(json.loads(record["payload"]))
    assert seen == {"state", "forecast", "alarm"}


def _strict(schema: object) -> object:
    """The schema with objects closed, so that a field it does not know fails."""
    if isinstance(schema, dict):
        closed = {key: _strict(value) for key, value in schema.items()}
        if closed.get("type") == "object" and "properties" in closed:
            closed["additionalProperties"] = False
        return closed
    return [_strict(each) for each in schema] if isinstance(schema, list) else schema


def test_the_page_of_topics_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--topics"]) == 0
    printed = capsys.readouterr().out
    assert printed == table()
    page = (ROOT / "docs" / "reference" / "topics.md").read_text()
    assert page == printed, "run: python -m agent.topictable > docs/reference/topics.md"
    for name, schema in schemas().items():
        fields = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
        assert all(f"| `{field}` |" in page.split(f"\n## {name}\n")[1] for field in fields)


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )


HEAVY = {"rich", "amqtt", "filterpy", "scipy", "asyncio", "statsmodels", "matplotlib", "simulators"}
_LOADED = "import sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"


def test_run_imports_nothing_that_only_other_verbs_need() -> None:
    ended = _python(f"import agent.cli, agent.shell.commands, agent.shell.service, agent.schema; {_LOADED}")
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert "paho" in loaded, "the service was imported"
    assert not loaded & HEAVY


def test_what_costs_time_to_import_is_left_to_the_verbs() -> None:
    ended = _python(f"import agent.cli; {_LOADED}")
    assert ended.returncode == 0, ended.stderr
    assert not set(ended.stdout.split()) & (HEAVY | {"numpy", "msgspec", "yaml", "paho", "prometheus_client"})


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    ended = subprocess.run(
        f"'{sys.executable}' -m agent schema | head -c 20 >/dev/null; echo ${{PIPESTATUS[0]}}",
        check=False,
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")


def test_an_interrupted_verb_ends_without_a_traceback(config: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "replay", "-c", str(config), "-", "--out", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    record = {"topic": "plant/x", "payload": '{"a": 1}', "received": 1e9}
    # Enough to fill the buffer of the output, so that a first line shows the replay is under way.
    for k in range(400):
        process.stdin.write(json.dumps(record | {"received": 1e9 + k}).encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"topic":"twinned/s/x/state"')
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in said


@pytest.mark.broker
def test_the_command_runs_the_agent_and_ends_it_on_sigterm(config: Path, tmp_path: Path) -> None:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion

    with Mosquitto(tmp_path) as broker:
        http = free_port()
        given = ["--set", f"mqtt.port={broker.port}", "--set", f"http.port={http}", "--set", "mqtt.host=127.0.0.1"]
        agent = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "-c", str(config), *given],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        seen: list[MQTTMessage] = []

        def on_message(client: Client, data: object, message: MQTTMessage) -> None:
            seen.append(message)

        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.connect("127.0.0.1", broker.port)
        client.subscribe("twinned/#", qos=1)
        try:
            _until(client, lambda: any(json.loads(m.payload)["status"] == "online" for m in seen))
            client.publish("plant/x", '{"a": 21.5}', qos=1)
            _until(client, lambda: any(m.topic == "twinned/s/x/state" for m in seen))
            agent.send_signal(signal.SIGTERM)
            _until(client, lambda: json.loads(seen[-1].payload).get("status") == "offline")
            _, said = agent.communicate(timeout=10)
            assert agent.returncode == 0, said
        finally:
            client.disconnect()
            client.loop_write()
            if agent.poll() is None:
                agent.kill()
                agent.communicate()
        state = json.loads(next(m.payload for m in seen if m.topic.endswith("/state")))
        assert state["states"]["a"]["mean"] == 21.5


def _until(client: object, done: object) -> None:
    """Turn the client's loop until something is so."""
    import time

    end = time.monotonic() + 20.0
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to pass"
        client.loop(timeout=0.2)  # type: ignore[attr-defined]
