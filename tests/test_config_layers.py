"""Command line over environment over credential over file over default; and secrets that nobody gets to see."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import Config
from agent.configfile import CredentialError, Secrets, load, secrets
from agent.validate import ConfigErrors

GOOD = """\
site: s
mqtt: {host: from-yaml, username: from-yaml}
assets:
  - topic: a/{asset}
    channels: {t: }
"""


def config(text: str = GOOD, environ: dict[str, str] | None = None, *overrides: tuple[str, str]) -> Config:
    return load(Path("c.yaml"), text=text, environ=environ or {}, overrides=overrides)


def errors(environ: dict[str, str] | None = None, *overrides: tuple[str, str], text: str = GOOD) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        config(text, environ, *overrides)
    return str(caught.value).splitlines()


def test_each_layer_lies_over_the_one_below(tmp_path: Path) -> None:
    (tmp_path / "mqtt-username").write_text("from-credential\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    bare = GOOD.replace("mqtt: {host: from-yaml, username: from-yaml}\n", "")
    assert config(bare).mqtt.username is None
    assert config().mqtt.username == "from-yaml"
    assert config(GOOD, environ).mqtt.username == "from-credential"
    environ["TWINNED__MQTT__USERNAME"] = "from-environment"
    assert config(GOOD, environ).mqtt.username == "from-environment"
    assert config(GOOD, environ, ("mqtt.username", "from-command")).mqtt.username == "from-command"
    assert config(GOOD, environ, ("mqtt.username", "a"), ("mqtt.username", "b")).mqtt.username == "b"
    assert config(GOOD, environ, ("mqtt.username", "b")).mqtt.host == "from-yaml"


def test_no_file_is_needed_where_everything_is_given_otherwise() -> None:
    environ = {"TWINNED__SITE": "s", "TWINNED__ASSETS": '[{"topic": "a/{asset}", "channels": {"t": {"unit": "K"}}}]'}
    made = load(None, environ=environ)
    assert made.assets[0].channels["t"] is not None
    assert made.assets[0].channels["t"].unit == "K"


def test_text_of_the_environment_takes_the_type_that_is_expected() -> None:
    environ = {
        "TWINNED__SITE": "007",
        "TWINNED__MQTT__PORT": "1884",
        "TWINNED__MQTT__PROTOCOL": "5",
        "TWINNED__MQTT__KEEPALIVE": "2min",
        "TWINNED__MQTT__CLIENT_ID": "on",
        "TWINNED__MQTT__USERNAME": "null",
        "TWINNED__MQTT__MAX_PAYLOAD": "64KiB",
        "TWINNED__MQTT__TLS__CA_FILE": "/ca.pem",
        "TWINNED__HTTP__ENABLED": "false",
        "TWINNED_CONFIG": "not ours",
    }
    made = config(GOOD, environ)
    assert (made.site, made.http.enabled, made.mqtt.host) == ("007", False, "from-yaml")
    mqtt = made.mqtt
    assert (mqtt.port, mqtt.protocol, mqtt.keepalive, mqtt.client_id) == (1884, "5", 120.0, "on")
    assert (mqtt.username, mqtt.max_payload) == (None, 65536)
    assert mqtt.tls is not None
    assert mqtt.tls.ca_file == "/ca.pem"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TWINNED__MQTT__PROT", "1", "mqtt.prot: expected a known key, got `prot` (did you mean `port`?)"),
        ("TWINNED__MQT__PORT", "1", "mqt: expected a known key, got `mqt` (did you mean `mqtt`?)"),
        ("TWINNED__MQTT__PORT", "x", "mqtt.port: expected a whole number from 1 to 65535, got `x`"),
        ("TWINNED__MQTT__PORT", "", "mqtt.port: expected"),
        ("TWINNED__MQTT", "x", "mqtt: expected a mapping, got `x`"),
        ("TWINNED__HTTP__ENABLED", "on", "http.enabled: expected true or false, got `on`"),
        ("TWINNED__ASSETS", "[{]", "assets: expected JSON, got "),
        ("TWINNED__ASSETS", "x", "assets: expected a list of at least 1 entry, got `x`"),
        ("TWINNED__ASSETS", '[{"topic": "a/{x}"}]', "assets[0]: expected the key `channels`: Measured quantities, by name"),
        ("TWINNED__ASSETS__0__TOPIC", "x", "assets.0.topic: expected a list as a whole, in JSON, got a part of one"),
        ("TWINNED__", "x", "expected a key such as mqtt.host, got an empty part"),
        ("TWINNED__mqtt__port", "1", "expected a variable in upper case, got lower case (write TWINNED__MQTT__PORT)"),
        ("TWINNED__SITE", "\udcff", "site: expected a name"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_named(name: str, value: str, expected: str) -> None:
    environ = {name: value} if value or name != "TWINNED__MQTT__PORT" else {name: "0"}
    (line,) = errors(environ)
    assert line.startswith(f"{name}: {expected}")


def test_a_wrong_option_is_named_beside_the_errors_of_the_file() -> None:
    lines = errors(None, ("http.port", "abc"), ("http..port", "1"), text=GOOD.replace("site: s", "site: 's s'"))
    assert lines == [
        "c.yaml:1:7: site: expected a name of letters, digits, _ . - (at most 64), got \"s s\"",
        "--set http..port: http..port: expected a key such as mqtt.host, got an empty part",
        "--set http.port: http.port: expected a whole number from 0 to 65535, got `abc`",
    ]  # fmt: skip


def test_a_layer_does_not_write_through_an_alias() -> None:
    text = "site: s\nmqtt: &a {reconnect: &b {min: 1s}}\nassets: [{topic: 'a/{asset}', channels: {t: }}]\n"
    made = config(text, {"TWINNED__MQTT__RECONNECT__MAX": "5s"})
    assert (made.mqtt.reconnect.min, made.mqtt.reconnect.max) == (1.0, 5.0)


def test_the_credential_of_systemd_is_the_password(tmp_path: Path) -> None:
    (tmp_path / "mqtt-password").write_text("hunter2\r\nsecond line\n")
    (tmp_path / "other").write_text("other")
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = secrets(config(GOOD, environ), environ)
    assert (found.username, found.password, found.warnings) == ("from-yaml", "hunter2", ())
    environ["TWINNED__MQTT__PASSWORD_FILE"] = str(tmp_path / "other")
    assert secrets(config(GOOD, environ), environ).password == "other"
    assert secrets(config(GOOD), {"CREDENTIALS_DIRECTORY": str(tmp_path)}).password == "hunter2"
    assert secrets(config(GOOD), {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}) == Secrets("from-yaml")


def test_a_password_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2")
    path.chmod(0o644)
    found = secrets(config(GOOD, None, ("mqtt.password_file", str(path))), {})
    assert found.password == "hunter2"
    assert found.warnings == (f"{path}: every user of this machine can read or change the password; chmod 600 {path}",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b"", "an empty first line"),
        (b"\nx", "an empty first line"),
        (b"\xff\xfe", "bytes that are not UTF-8"),
        (b"x" * 70000, "more than 65535 bytes"),
    ],
)
def test_a_password_that_cannot_be_had_is_said_in_one_line(content: bytes | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialError) as caught:
        secrets(config(GOOD, None, ("mqtt.password_file", str(path))), {})
    assert str(caught.value).startswith(f"{path}: expected the password of mqtt, got {why} (")
    assert "\n" not in str(caught.value)


def test_a_directory_is_no_password(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="got is a directory"):
        secrets(config(GOOD, None, ("mqtt.password_file", str(tmp_path))), {})


def test_a_user_name_that_cannot_be_read_is_an_error_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "mqtt-username").write_text("")
    (line,) = errors({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert line == f"{tmp_path}/mqtt-username: mqtt.username: expected a user name, got an empty first line"


def test_the_place_for_a_password_is_said() -> None:
    (line,) = errors(text=GOOD.replace("host:", "password: hunter2, host:"))
    assert line.endswith("(secrets are not kept here: put it in a file of its own, name that file in `password_file`)")


MARK = "Zq7"  # in no message of ours
SECRET = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=4, max_size=30).map(
    lambda s: f"{MARK}{s}{MARK}"
)
PLACES = (
    "site: s\npassword: %s\n",
    "site: s\nmqtt: {password: '%s'}\n",
    'site: s\nmqtt:\n  password: "%s"\n',
    "site: s\nmqtt:\n  password: %s\n  host: x\n",
    "site: s\nmqtt:\n  password: [%s]\n",
    "site: s\nmqtt:\n  password %s\n",
    "site: s\nmqtt: password %s\n",
    "site: s\nmqtt: {password=%s}\n",
    "site: s\nmqtt: {password: a,%s, 0123, on: , b: , b: }\n",
    "site: s\nmqtt:\n  password: |\n    %s\n",
    "site: s\nmqtt:\n  passwd: &a %s\n  host: [*a]\n  port: *a\n",
    "site: s\nmqtt:\n  auth: {user: x, password: {value: %s}}\n",
    "site: s\nassets:\n  - model: {type: level, token: %s}\n",
    "site: s\nassets:\n  - model: {type: level, wander: 'password %s'}\n",
    "site: s\nmqtt:\n  password: *%s\n",
    "site: s\nmqtt:\n  password: !%s\n",
    "site: s\nmqtt:\n  password: !%s!x\n",
    "site: s\nmqtt:\n  password: &%s\n",
    "site: s\nmqtt:\n  ? password\n  : %s\n",
    "site: s\npassword: '%s\n",
)


def said(text: str, environ: dict[str, str], *overrides: tuple[str, str]) -> str:
    try:
        made = config(text, environ, *overrides)
    except ConfigErrors as caught:
        return f"{caught} {caught!r} {caught.errors!r} {caught.args!r}"
    return repr(made)


@pytest.mark.parametrize("libyaml", [True, False])
@given(secret=SECRET, place=st.sampled_from(PLACES))
@settings(max_examples=150, deadline=None)
def test_a_secret_in_the_wrong_place_is_never_shown(secret: str, place: str, libyaml: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if not libyaml:
            patch.delattr("yaml.CSafeLoader", raising=False)
        assert MARK not in said(place % secret, {})


@given(secret=SECRET)
@settings(max_examples=25, deadline=None)
def test_a_secret_in_the_environment_or_on_the_command_line_is_never_shown(secret: str) -> None:
    for value in (secret, "[" + secret, "{" + secret + "}"):
        assert MARK not in said(GOOD, {"TWINNED__MQTT__PASSWORD": value})
        assert MARK not in said(GOOD, {"TWINNED__PASSWORD": value})
        assert MARK not in said(GOOD, {}, ("mqtt.password", value))


@given(secret=SECRET)
@settings(max_examples=20, deadline=None)
def test_the_password_itself_is_in_no_representation(secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("secret") / "password"
    path.write_text(secret)
    made = config(GOOD, None, ("mqtt.password_file", str(path)))
    found = secrets(made, {})
    assert found.password == secret
    assert MARK not in f"{found!r} {found} {made!r} {found.warnings}"
