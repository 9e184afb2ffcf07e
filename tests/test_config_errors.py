"""What is wrong with a configuration is listed whole, each error at its place and in words that help."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.build import duration_hook
from agent.config import Config
from agent.configfile import MAX_BYTES, load
from agent.validate import MAX_ERRORS, ConfigErrors

CONFIGS = Path(__file__).parents[1] / "configs"
GOOD = (CONFIGS / "twinned.yaml").read_text()
BLOCK = """\
site: s
assets:
  - topic: a/{asset}
    channels: {t: , u: }
"""


def errors(text: str) -> list[str]:
    """The lines of errors that a text gets."""
    with pytest.raises(ConfigErrors) as caught:
        load(Path("c.yaml"), text=text, environ={})
    return str(caught.value).splitlines()


def only_error(text: str) -> str:
    lines = errors(text)
    assert len(lines) == 1, lines
    return lines[0]


def test_the_ten_lines_are_enough() -> None:
    config = load(Path("c.yaml"), text=GOOD, environ={})
    assert config.mqtt.host == "broker.local"
    assert config.assets[0].channels["temperature"] is not None
    assert config.assets[0].channels["temperature"].unit == "degC"


def test_every_error_is_listed_at_its_place() -> None:
    text = """\
site: plant one
mqtt: {hst: x, port: 99999, keepalive: 10 parsecs, qos: "1"}
http:
  enabled: yes
  port: 1
  port: 2
log: {level: inof}
assets:
  - topic: plant/{Line}/x
    model: {type: tank, aera: 3}
    chanels:
      a: {}
  - topic: a/{asset}
    channels:
      temperature: {unit: 5, noise: -1, limits: {low: 5, high: 3}}
    known: [0123, off]
    alarms:
      x: {type: limt}
      y: {type: limit}
  - topic: a/x
    model: {type: linear, states: [a], channels: [x], A: [[1, 2]], C: [[1]], Q: [[1]]}
    channels: {x: , on: 5}
"""
    assert errors(text) == [
        "c.yaml:1:7: site: expected a name of letters, digits, _ . - (at most 64), got `plant one`",
        "c.yaml:2:8: mqtt.hst: expected a known key, got `hst` (did you mean `host`?)",
        "c.yaml:2:22: mqtt.port: expected a whole number from 1 to 65535, got `99999`",
        "c.yaml:2:40: mqtt.keepalive: expected a duration such as 250ms, 10s, 5min, 2h or 7d, or a number of seconds, "
        "got `10 parsecs`",
        'c.yaml:2:57: mqtt.qos: expected `0` or `1`, got "1" (remove the quotes)',
        "c.yaml:4:12: http.enabled: expected true or false, got `yes` (YAML 1.1 reads it as true; write true or false)",
        "c.yaml:6:3: expected each key once, got `port` twice, first in line 5 (remove one of the two)",
        "c.yaml:7:14: log.level: expected `debug`, `error`, `info` or `warning`, got `inof` (did you mean `info`?)",
        "c.yaml:9:12: assets[0].topic: expected a level name of lower-case letters, digits and _, "
        "got {Line} in 'plant/{Line}/x' ({line})",
        "c.yaml:10:25: assets[0].model.aera: expected a known key, got `aera` (did you mean `area`?)",
        "c.yaml:11:5: assets[0].chanels: expected a known key, got `chanels` (did you mean `channels`?)",
        'c.yaml:15:27: assets[1].channels.temperature.unit: expected a text of at most 32 characters, got `5` (write "5" '
        "in quotes)",
        "c.yaml:15:37: assets[1].channels.temperature.noise: expected a number above 0, got `-1`",
        "c.yaml:15:64: assets[1].channels.temperature.limits.high: expected a number above `low`, 5, got `3`",
        "c.yaml:16:13: assets[1].known[0]: expected a text, got `0123` (YAML 1.1 reads a leading zero as an octal number; "
        'write "0123" in quotes)',
        'c.yaml:16:19: assets[1].known[1]: expected a text, got `off` (YAML 1.1 reads it as false; write "off" in quotes)',
        "c.yaml:18:17: assets[1].alarms.x.type: expected `limit`, `rate`, `flat`, `absence`, `surprise` or `anomaly`, got `limt` "
        "(did you mean `limit`?)",
        "c.yaml:19:10: assets[1].alarms.y: expected `low`, `high`, or both, got a limit alarm without a limit",
        "c.yaml:20:12: assets[2].topic: expected a topic that names its asset, got none of its levels captured (capture "
        "one, as in plant/{asset}/telemetry, or give the block a `name`)",
        "c.yaml:21:58: assets[2].model.A: expected a 1×1 matrix, got 1×2",
        'c.yaml:22:21: expected a text as key, got `on` (YAML 1.1 reads it as true; write "on")',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "c.yaml:1:1: expected a mapping with `site` and `assets`, got nothing"),
        ("- 1", "c.yaml:1:1: expected a mapping with `site` and `assets`, got a list"),
        ("site", "c.yaml:1:1: expected a mapping with `site` and `assets`, got a single value"),
        ("a: [1,\nb: 2", "c.yaml:3:1: expected valid YAML, got while parsing a flow sequence that begins in line 1"),
        (
            'a: "x',
            "c.yaml:1:4: expected valid YAML, got while scanning a quoted scalar: found unexpected end of stream",
        ),
        ("a:\n\t- 1", "c.yaml:2:1: expected valid YAML, got while scanning for the next token: found character"),
        ("site: \x07", "c.yaml:1:7: expected printable text, got the control character \\x07"),
        ("a: *b", "c.yaml:1:4: expected an anchor that is defined before, got an alias without one"),
        ("a: &a [*a]", "c.yaml:1:8: expected an anchor that is defined before, got an alias without one"),
        ("--- {}\n--- {}", "c.yaml:2:5: expected one YAML document, got a second one (remove the line `---`)"),
        ("a: " + "[" * 33, "c.yaml:1:35: expected at most 32 levels of nesting, got more"),
        ("[" * 1_000_000, "c.yaml:1:33: expected at most 32 levels of nesting, got more"),
    ],
)
def test_text_that_is_no_configuration_at_all_is_refused_in_one_line(text: str, expected: str) -> None:
    assert only_error(text).startswith(expected)


def test_tags_construct_nothing() -> None:
    lines = errors(GOOD + "prefix: !!python/object/apply:os.getcwd []\n")
    assert lines[0].endswith("expected a value without a tag, got a tag (text that begins with ! needs quotes)")


def test_an_alias_bomb_ends_in_an_error_before_it_expands() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    assert "expected at most 500000 values, aliases expanded, got more" in only_error("\n".join(lines))


def test_anchors_aliases_and_merges_work_and_what_is_written_out_wins() -> None:
    text = """\
site: s
assets:
  - topic: a/{asset}
    channels:
      t: &base {unit: degC, noise: 0.1}
      u: {<<: *base, noise: 0.2}
      v: *base
"""
    channels = load(Path("c.yaml"), text=text, environ={}).assets[0].channels
    assert [(c.unit, c.noise) for c in channels.values() if c is not None] == [
        ("degC", 0.1),
        ("degC", 0.2),
        ("degC", 0.1),
    ]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("on", "YAML 1.1 reads it as true"),
        ("No", "YAML 1.1 reads it as false"),
        ("12:30:00", "YAML 1.1 reads it as a number in base 60"),
        ("0123", "YAML 1.1 reads a leading zero as an octal number"),
        ("0o17", "only YAML 1.2 reads it as an octal number"),
        ("0b11", "only YAML 1.1 reads it as a binary number"),
        ("1_000", "only YAML 1.1 allows _ in a number"),
        ("2024-01-31", "YAML 1.1 reads it as a date"),
        ("2024-01-31T12:00:00Z", "YAML 1.1 reads it as a date"),
        (".nan", "YAML reads it as a number that is not finite"),
        ("-.Inf", "YAML reads it as a number that is not finite"),
        ("1e999", "it is beyond the range of a number"),
    ],
)
@pytest.mark.parametrize("key", ["unit", "noise"])
def test_what_readers_of_yaml_take_differently_is_refused_with_the_reason(key: str, value: str, why: str) -> None:
    line = only_error(BLOCK.replace("t: ", f"t: {{{key}: {value}}}"))
    assert f"c.yaml:4:{22 + len(key)}: assets[0].channels.t.{key}: expected a " in line
    assert f"got `{value}` ({why}; write " in line


@pytest.mark.parametrize("value", ["on", "12:30:00", "0123", "2024-01-31", ".nan"])
def test_the_same_in_quotes_is_text(value: str) -> None:
    config = load(Path("c.yaml"), text=BLOCK.replace("t: ", f"t: {{unit: '{value}'}}"), environ={})
    assert config.assets[0].channels["t"] is not None
    assert config.assets[0].channels["t"].unit == value


@pytest.mark.parametrize(
    "key", ["on", "NO", "0123", "12:30", "1", "2024-01-31", "null", "true", "1.5", "[a]", "{a: b}", '""']
)
def test_a_key_is_text_to_every_reader_or_refused(key: str) -> None:
    assert any(
        " key, got " in line and line.startswith("c.yaml:4:16") for line in errors(BLOCK.replace("t: ", f"{key}: "))
    )


def test_nan_is_no_number() -> None:
    assert only_error(BLOCK.replace("t: ", "t: {noise: NaN}")).endswith("expected a number above 0, got `NaN`")


def test_the_yaml_name_of_a_renamed_field_is_suggested() -> None:
    text = BLOCK + '    alarms: {hot: {type: limit, high: 3, "on": forecast}}\n'
    assert only_error(text).endswith("hot.on: expected a known key, got `on` (did you mean `watch`?)")


ALARM = "    alarms: {a: %s}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BLOCK + ALARM % "{type: limit}", "4:0|assets[0].alarms.a: expected `low`, `high`, or both"),
        (BLOCK + ALARM % "{type: limit, low: 3, high: 3}", "assets[0].alarms.a.high: expected a number above `low`, 3, got `3`"),
        (BLOCK + ALARM % "{type: limit, low: 1, high: 3, deadband: 2}", "a.deadband: expected less than the distance between the limits, 2, got `2`"),
        (BLOCK + ALARM % "{type: limit, low: 1, within: 5min}", "a.within: expected `watch: forecast` beside it, got `watch: estimate`"),
        (BLOCK + ALARM % "{type: limit, low: 1, watch: forecast, within: 0}", "a.within: expected a duration above zero, got `0`"),
        (BLOCK + ALARM % "{type: rate}", "alarms.a: expected `above`, `below`, or both, got a rate alarm without a rate"),
        (BLOCK + ALARM % "{type: rate, above: 1, below: 2}", "a.above: expected a number above `below`, 2, got `1`"),
        (BLOCK + ALARM % "{type: rate, above: 1, per: 0s}", "a.per: expected a duration above zero, got `0s`"),
        (BLOCK + ALARM % "{type: flat, duration: 0}", "a.duration: expected a duration above zero, got `0`"),
        (BLOCK + ALARM % "{type: absence, after: 0}", "a.after: expected a duration above zero, got `0`"),
        (BLOCK + ALARM % "{type: surprise, channel: tt}", "a.channel: expected a channel of this block (`t`, `u`), got `tt`"),
        (BLOCK + ALARM % "{}", "alarms.a: expected the key `type`: `limit`, `rate`, `flat`, `absence`, `surprise` or `anomaly`, got a mapping without it"),
        (BLOCK.replace("t: ", "t: {limits: {high: 3}}") + "    alarms: {t_high: {type: limit, channel: u, low: 1}}\n",
         "alarms.t_high: expected a name that no other alarm has, got `t_high`, the name of `channels.t.limits.high`, too"),
        (BLOCK.replace("t: ", "t: {limits: {lowlow: 3, highhigh: 2}}"), "limits.highhigh: expected a number above `lowlow`, 3, got `2`"),
        (BLOCK.replace("t: ", "t: {scale: 0}"), "t.scale: expected a number other than zero, got `0`"),
        (BLOCK + "    forecast: {horizons: [0s, 1min, 60]}\n", "forecast.horizons[0]: expected a duration above zero, got `0s`"),
        (BLOCK + "    forecast: {horizons: [0s, 1min, 60]}\n", "forecast.horizons[2]: expected each horizon once, got 60s twice"),
        (BLOCK + "    silence: {coasting: 10s, stale: 10s}\n", "silence.stale: expected more than `coasting`, 10s, got `10s`"),
        (BLOCK + "    state: {interval: 0}\n", "state.interval: expected a duration above zero, got `0`"),
        (BLOCK + "    known: [x, y, x]\n", "known[2]: expected each asset once, got `x` twice"),
        (BLOCK + "    known: ['']\n", 'known[0]: expected the name of an asset, got ""'),
        (BLOCK + "    known: [x, y]\n    max_assets: 1\n", "max_assets: expected at least as many as there are in `known`, 2, got `1`"),
        (BLOCK + "    discover: false\n", "discover: expected assets in `known`, or `discover: true`, got no asset that could ever be"),
        (BLOCK + "    model: levl\n", "assets[0].model: expected a model (level, level_rate, first_order, tank, linear), got `levl` (did you mean `level`?)"),
        (BLOCK + "    model: no.such.module:Model\n", "assets[0].model: expected a model (level"),
        (BLOCK + "    model: tank\n", "model: expected settings with this model: area, got `tank` (write {type: tank, area: ...})"),
        (BLOCK + "    model: {type: tank, area: -1}\n", "model.area: expected a number above 0, got `-1`"),
        (BLOCK + "    model: {type: tank, area: 1, level: x}\n", "assets[0].model: expected a channel of this block (t, u), got 'x'"),
        (BLOCK + "    model: {type: first_order, tau: 0s}\n", "model.tau: expected a time constant above zero, got 0 s"),
        (BLOCK + "    model: {type: first_order, tau: 5s, target: {channel: t, topic: x}}\n", "model.target: expected either `channel` or `topic`, got both"),
        (BLOCK + "    model: {type: first_order, tau: 5s, target: {topic: x/+}}\n", "target.topic: expected one topic, without wildcards or {levels}, got `x/+`"),
        (BLOCK + "    model: {tau: 3}\n", "assets[0].model: expected the key `type`: the name of a model, got a mapping without it"),
        (BLOCK.replace("t: ", "t: {model: {type: tank, area: 1, level: t}}"), "channels.t.model"),
        (BLOCK + "    payload: {format: jsn}\n", "assets[0].payload: expected a payload format (json, number, csv), got 'jsn'"),
        (BLOCK + "    payload: {format: number}\n", "payload.format: expected a topic for each channel, got several channels in one plain number"),
        (BLOCK.replace("t: ", "t: {field: 'a..b'}"), "assets[0].payload: expected "),
        (BLOCK.replace("a/{asset}", "a/#/{asset}"), "assets[0].topic: expected # only as the last level"),
        (BLOCK.replace("a/{asset}", "a/b"), "assets[0].topic: expected a topic that names its asset"),
        (BLOCK + "    name: '{line}'\n", "assets[0].name: expected a captured level ({asset}), got '{line}' in '{line}'"),
        (BLOCK.replace("  - topic: a/{asset}\n    channels", "  - channels"), "channels.t: expected a topic, got none"),
        (BLOCK.replace("t: ", "t: {topic: 'b/{line}/{asset}'}"), "t.topic: expected the levels {asset}, as elsewhere in the block, got {line}, {asset}"),
        (BLOCK.replace("t: ", "t: {topic: 'b/{asset}/{channel}'}"), "t.topic: expected a topic of this channel alone, got {channel} in it"),
        (BLOCK.replace("a/{asset}", "a/{asset}/{channel}").replace("t: ", "t: {topic: 'b/{asset}'}"), "t.topic: expected no topic of its own"),
        (BLOCK.replace("a/{asset}", "'#'") + "    name: x\n", "topic: expected a topic that the agent does not publish under, got \"#\""),
        (BLOCK.replace("a/{asset}", "twinned/s/{asset}/+"), "topic: expected a topic that the agent does not publish under"),
        (BLOCK + BLOCK.split("assets:\n")[1], "assets[1].topic: expected a topic that no earlier block takes, got one that assets[0] takes"),
        (BLOCK + BLOCK.split("assets:\n")[1].replace("a/{", "b/{") + "    known: [x]\n  - {topic: 'c/{asset}', channels: {t: }, known: [x]}\n",
         "assets[2].known[0]: expected each asset in one block, got `x`, which assets[1] has, too"),
        (BLOCK + "    parent: gw1\n", "assets[0].parent: expected an `absence` alarm in `alarms`, for the group to stand for, got none (for example"),
        (BLOCK + "    parent: '{gateway}'\n    alarms: {gone: {type: absence}}\n", "assets[0].parent: expected a captured level ({asset}), got '{gateway}' in '{gateway}'"),
        (BLOCK + "    alarms: {group_absence: {type: absence}}\n", "alarms.group_absence: expected another name, as the alarms of groups have this one"),
        ("floods: {groups: {share: 0}}\n" + BLOCK, "floods.groups.share: expected a number above 0 and of at most 1, got `0`"),
        ("floods: {asset: {changes: 0}}\n" + BLOCK, "floods.asset.changes: expected a whole number from 1 to 1000000, got `0`"),
        ("mqtt: {host: ' '}\n" + BLOCK, "mqtt.host: expected the name or address of the broker"),
        ("mqtt: {gather: 1s}\n" + BLOCK, "mqtt.gather: expected a duration of at most 100ms, got `1s`"),
        ("mqtt: {keepalive: 0}\n" + BLOCK, "mqtt.keepalive: expected a duration from 1s to 65535s, got `0`"),
        ("mqtt: {keepalive: 200y}\n" + BLOCK, "mqtt.keepalive: expected a duration such as"),
        ("mqtt: {reconnect: {min: 5s, max: 1s}}\n" + BLOCK, "mqtt.reconnect.max: expected at least `min`, 5s, got 1s"),
        ("mqtt: {tls: {cert_file: x}}\n" + BLOCK, "mqtt.tls.cert_file: expected `key_file` beside it, got `cert_file` alone"),
        ("mqtt: {password_file: x}\n" + BLOCK, "mqtt.password_file: expected `username` beside it, got a password only"),
        ("mqtt: {max_payload: 0}\n" + BLOCK, "mqtt.max_payload: expected a size above zero, got `0`"),
        ("mqtt: {path: mqtt}\n" + BLOCK, "mqtt.path: expected a path that begins with /, got `mqtt`"),
        ("mqtt:\n" + BLOCK, "mqtt: expected a mapping, got nothing (write something below it, or leave the key out)"),
    ],
)  # fmt: skip
def test_a_configuration_that_makes_no_sense_is_refused_at_the_setting(text: str, expected: str) -> None:
    lines = errors(text)
    wanted = expected.split("|")[-1]
    assert any(wanted in line for line in lines), lines
    assert all(line.startswith("c.yaml:") for line in lines)


def test_a_more_specific_block_may_come_first_and_a_literal_topic_may_follow_another() -> None:
    blocks = "".join(
        f"  - {{topic: '{t}', channels: {{t: }}}}\n" for t in ("a/b/{asset}", "a/{line}/{asset}", "c/{x}/+", "d/{x}/#")
    )
    assert len(load(Path("c.yaml"), text="site: s\nassets:\n" + blocks, environ={}).assets) == 4


def test_a_number_payload_may_carry_one_channel_per_topic() -> None:
    text = BLOCK.replace("a/{asset}", "a/{asset}/{channel}") + "    payload: {format: number}\n"
    assert load(Path("c.yaml"), text=text, environ={}).assets[0].payload.format == "number"


def test_the_list_of_errors_is_bounded() -> None:
    lines = errors("site: s\nassets: [" + "1, " * (3 * MAX_ERRORS) + "]")
    assert len(lines) == MAX_ERRORS + 1
    assert lines[-1] == f"and more: the list ends after {MAX_ERRORS} errors"


def test_a_file_that_cannot_be_read_gets_one_line(tmp_path: Path) -> None:
    def line(path: Path) -> str:
        with pytest.raises(ConfigErrors) as caught:
            load(path, environ={})
        return str(caught.value).removeprefix(str(path))

    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "latin").write_bytes("site: a\nmqtt: {host: caf\xe9}".encode("latin-1"))
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + BLOCK.encode())
    assert line(tmp_path / "no") == ": expected a configuration file, got no such file (give its path with -c)"
    assert line(tmp_path) == ": expected a configuration file, got is a directory"
    assert line(tmp_path / "large").startswith(": expected at most 4 MiB, got more")
    assert line(tmp_path / "latin") == ":2:17: expected UTF-8 text, got the byte 0xe9 (save the file as UTF-8)"
    assert load(tmp_path / "bom", environ={}).site == "s"


def check_any_text(text: str) -> None:
    """A Config or ConfigErrors with a printable line for each error, and nothing else."""
    try:
        config = load(Path("c.yaml"), text=text, environ={})
    except ConfigErrors as caught:
        lines = str(caught).split("\n")
        assert len(lines) == len(caught.errors) > 0
        assert all(line.startswith("c.yaml:") and len(line) < 1000 for line in lines)
        assert all(line.replace("\u00a0", " ").isprintable() for line in lines)
    else:
        assert isinstance(config, Config)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_configuration_or_errors(text: str) -> None:
    check_any_text(text)


REFERENCE = (CONFIGS / "reference.yaml").read_text().splitlines(keepends=True)
SETTINGS = [line for line in REFERENCE if not line.lstrip().startswith("# ")]
PIECES = st.sampled_from(
    [*"{}[]:,-?&*!|>'\"%@` \t\n#~", "<<", "on", "0123", "null", ".inf", "1e999", "\x00", "é", "9" * 50]
)


@given(
    st.lists(st.tuples(st.integers(0, len("".join(SETTINGS)) - 1), st.integers(0, 30), PIECES), min_size=1, max_size=4)
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_configuration_gives_a_configuration_or_errors(edits: list[tuple[int, int, str]]) -> None:
    text = "".join(SETTINGS)
    for place, cut, piece in edits:
        text = text[:place] + piece + text[place + cut :]
    check_any_text(text)


@given(st.text(max_size=100), st.integers(0, len(GOOD)))
@settings(max_examples=60, deadline=None)
def test_without_libyaml_any_text_gives_a_configuration_or_errors(text: str, place: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        check_any_text(GOOD[:place] + text + GOOD[place:])


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\ud800"', "a: !<x> 1", "? [a, b]\n: c", "%TAG ! x\n--- a"])
def test_without_libyaml_the_odd_corners_of_yaml_are_errors(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    check_any_text(text)


def hook(kind: type, raw: object) -> object:
    return raw if kind is object else duration_hook(kind, raw)


class Yaml12(yaml.SafeLoader):
    """PyYAML, but 1e-9 is a number, as it is to YAML 1.2, JSON and us."""


Yaml12.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+\Z"), [*"+-0123456789"]
)
SHIPPED = sorted([*CONFIGS.glob("*.yaml"), *CONFIGS.glob("bench/*.yaml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_the_values_are_those_of_msgspec(path: Path) -> None:
    data = yaml.load(path.read_text(), Loader=Yaml12)
    assert load(path, environ={}) == msgspec.convert(data, Config, dec_hook=hook)
