"""Scenario files: every mistake is named, with its place, what was expected, what was found, and what was meant."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.document import ScenarioError
from simulators.scenario import load

PUMP = {"kind": "pump", "name": "p"}
STEP = {"asset": "p", "channel": "flow", "kind": "step", "start": 1, "duration": 5, "magnitude": 1}


def errors(source):
    with pytest.raises(ScenarioError) as caught:
        load(source)
    return caught.value.errors


def without(mapping, key):
    return {k: v for k, v in mapping.items() if k != key}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sede": 3}, "sede: unknown key, expected one of seed, speed, .* (did you mean 'seed'?)"),
        ({"seed": -1}, "seed: expected a whole number from 0 to .*, got -1"),
        ({"seed": True}, "seed: expected a whole number from 0 to .*, got True"),
        ({"speed": 0}, "speed: expected a number of simulated seconds per second above 0, or max, got 0"),
        ({"speed": "fast"}, "speed: expected .*, got 'fast'"),
        ({"start": "2026-01-31 06:00"}, "start: expected a time such as 2026-01-31T06:00:00Z, .*, got '2026-01-31 06"),
        ({"duration": "1:30"}, "duration: expected a duration of at least 0.001 s such as .*, got '1:30'"),
        ({"duration": math.inf}, "duration: expected a duration .*, got inf"),
        ({"truth": "a/#"}, "truth: expected a topic without + or #, .*, got 'a/#'"),
        ({"assets": []}, "expected at least one element in the list 'assets'"),
        ({"assets": "pump"}, "assets: expected a list, got 'pump'"),
        ({"assets": ["pump"]}, "assets[0]: expected a mapping with the keys kind, count, .*, got 'pump'"),
        ({"assets": [{"name": "p"}]}, "assets[0]: the key 'kind' is missing"),
        ({"assets": [{"kind": "pmup"}]}, "assets[0].kind: expected one of battery, .* (did you mean 'pump'?)"),
        ({"assets": [{"kind": "no.such:Thing"}]}, "assets[0].kind: expected a plug-in that can be imported, .*"),
        ({"assets": [{"kind": "json:loads"}]}, "assets[0].kind: expected a subclass of simulators.base.Simulator .*"),
        ({"assets": [{**PUMP, "count": 0}]}, "assets[0].count: expected a whole number from 1 to 100000, got 0"),
        ({"assets": [{**PUMP, "count": 2}]}, "assets[0].name: expected a name .* and with {n}, {n:03d}, got 'p'"),
        ({"assets": [{**PUMP, "name": "a/b"}]}, "assets[0].name: expected a name .*, got 'a/b'"),
        ({"assets": [PUMP, PUMP]}, "assets[1]: expected names of their own, got 'p' a second time"),
        ({"assets": [{**PUMP, "period": "0s"}]}, "assets[0].period: expected a duration of at least 0.001 s .*"),
        ({"assets": [{**PUMP, "payload": "xml"}]}, "assets[0].payload: expected one of json, number, got 'xml'"),
        ({"assets": [{**PUMP, "topic": "a/+/b"}]}, "assets[0].topic: expected a topic without + or #, .*"),
        ({"assets": [{**PUMP, "topic": "a/{line}"}]}, "assets[0].topic: expected .* only {asset}, {kind} may .*"),
        ({"assets": [{**PUMP, "payload": "number", "topic": "a"}]}, "assets[0].topic: .* braces, with {channel}, .*"),
        (
            {"assets": [{**PUMP, "parameters": {"cylce": 3}}]},
            "assets[0].parameters.cylce: unknown key, .* (did you mean 'cycle'?)",
        ),
        (
            {"assets": [{**PUMP, "parameters": {"ambient": 900}}]},
            "assets[0].parameters.ambient: expected a number in degC from -60 to 80, got 900",
        ),
        (
            {"assets": [{**PUMP, "parameters": {"cycle": "slow"}}]},
            "assets[0].parameters.cycle: expected a number in s, at least 0.1, got 'slow'",
        ),
        (
            {"assets": [{**PUMP, "parameters": {"load_low": 1.5}}]},
            "assets[0].parameters: expected load_low <= load_high",
        ),
        ({"faults": [without(STEP, "asset")]}, "faults[0]: the key 'asset' is missing"),
        ({"faults": [without(STEP, "channel")]}, "faults[0]: the key 'channel' is missing"),
        ({"faults": [without(STEP, "magnitude")]}, "faults[0]: the key 'magnitude' is missing"),
        ({"faults": [without(STEP, "duration")]}, "faults[0]: the key 'duration' is missing"),
        ({"faults": [{**STEP, "asset": "q"}]}, "faults[0].asset: expected the name of an asset of .*, got 'q'"),
        ({"faults": [{**STEP, "channel": "flwo"}]}, "faults[0].channel: expected one of .* (did you mean 'flow'?)"),
        ({"faults": [{**STEP, "kind": "stpe"}]}, "faults[0].kind: expected one of spike, .* (did you mean 'step'?)"),
        ({"faults": [{**STEP, "kind": "spike"}]}, "faults[0].duration: a spike has no duration: a single reading .*"),
        ({"faults": [{**STEP, "kind": "stuck"}]}, "faults[0].magnitude: a stuck has no magnitude: .*"),
        ({"faults": [{**STEP, "kind": "noise", "magnitude": -1}]}, "faults[0].magnitude: expected a number .*, got -1"),
        (
            {"duration": 10, "faults": [{**STEP, "start": 10}]},
            "faults[0].start: expected a start before the end of the scenario at 10 s, got 10.0",
        ),
        (
            {"faults": [STEP, {**STEP, "start": 3, "kind": "drift"}]},
            "faults[1]: expected faults of one channel to follow each other, got a drift on 'flow' of 'p' during a step",
        ),
        ({"random_faults": 3}, "random_faults: expected a mapping with the keys rate, kinds, .*, got 3"),
        ({"random_faults": {}}, "random_faults: the key 'rate' is missing"),
        ({"random_faults": {"rate": 1, "kinds": ["stp"]}}, "random_faults.kinds: .* (did you mean 'step'?)"),
        ({"random_faults": {"rate": 1, "duration": [9, 3]}}, "random_faults.duration: expected the least before .*"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(change, said):
    (error,) = errors({"assets": [PUMP], **change})
    head, *rest = f"scenario: {said}".split(".*")
    assert error.startswith(head)
    position = len(head)
    for part in rest:
        position = error.index(part, position) + len(part)


def test_all_mistakes_of_a_file_are_named_in_its_order_with_line_and_column(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        "seed: -1\n"
        "assets:\n"
        "  - kind: pupm\n"
        "    perod: 3\n"
        "  - {kind: tank, parameters: {area: no}}\n"
        "faults:\n"
        "  - {asset: x, kind: step, start: on}\n"
        "seed: 2\n"
    )
    found = [line.removeprefix(f"{file}:").split(" ")[:2] for line in errors(str(file))]
    assert found == [
        ["1:1:", "seed:"],
        ["3:5:", "assets[0].kind:"],
        ["4:5:", "assets[0].perod:"],
        ["5:31:", "assets[1].parameters.area:"],
        ["7:5:", "faults[0]:"],
        ["7:5:", "faults[0]:"],
        ["7:28:", "faults[0].start:"],
        ["8:1:", "seed:"],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("assets: [1", "1:11: not YAML: expected ',' or ']'"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("", ": expected a mapping with the keys seed, "),
        ("- 1", ":1:1: expected a mapping with the keys seed, "),
        ("a: &a [*a]", ": expected at most 100000 values, none inside itself"),
        ("\0", ": not YAML: "),
        ("--- 1\n--- 2", "2:1: not YAML: but found another document"),
        ("[" * 3000, ": expected at most 100000 values, none inside itself"),
    ],
)
def test_a_file_that_is_no_scenario_at_all_says_so(tmp_path, text, said):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    (error,) = errors(file)
    assert said in error and error.startswith(str(file))


def test_a_file_that_grows_by_references_is_refused(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    file = tmp_path / "bomb.yaml"
    file.write_text("\n".join(lines))
    (error,) = errors(file)
    assert "expected at most 100000 values" in error


def test_a_file_that_is_not_utf8_or_not_there_says_so(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"seed: \xff")
    assert errors(file) == [f"{file}: not UTF-8 text"]
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.yaml")


def test_values_mean_what_they_look_like(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(
        "start: 2026-01-01T01:00:00+01:00\nduration: 1.5h\nspeed: max\ntruth: null\n"
        "assets: [{kind: pump, name: no, period: 250ms, parameters: {cycle: 1e2}}]\n"
        "faults: [{asset: 'no', kind: dropout, start: 1min, duration: 2}]\n"
    )
    scenario = load(file)
    assert scenario.start == 1_767_225_600.0
    assert (scenario.duration, scenario.speed, scenario.truth) == (5400.0, math.inf, None)
    (asset,) = scenario.assets
    assert (asset.name, asset.period, asset.topic) == ("no", 0.25, "plant/pump/no/telemetry")
    assert asset.parameters.cycle == 100.0
    assert [(f.channel, f.start, f.duration) for f in scenario.faults] == [
        (channel, 60.0, 2.0) for channel in ("vibration", "temperature", "pressure", "flow")
    ]


def test_names_are_numbered_as_their_template_says():
    scenario = load({"assets": [{"kind": "tank", "count": 11, "name": "t-{n:03d}"}, {"kind": "room", "count": 2}]})
    assert [a.name for a in scenario.assets][::5] == ["t-001", "t-006", "t-011"]
    assert scenario.assets[-1].name == "room-002"
    assert scenario.assets[-1].topic == "plant/room/room-002/telemetry"


TOP = ["seed", "speed", "start", "duration", "truth", "assets", "faults", "random_faults"]
KEYS = [*TOP, "kind", "count", "name", "period", "topic", "payload", "parameters", "asset", "channel", "rate", "kinds"]
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["pump", "step"])
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
blocks = st.fixed_dictionaries(
    {"kind": st.sampled_from(["pump", "tank", "x"])}, optional=dict.fromkeys(KEYS[9:], trees)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(TOP), trees, max_size=4), st.lists(blocks, max_size=2))
def test_any_mapping_is_a_scenario_or_a_list_of_errors(tree, assets):
    try:
        scenario = load({"assets": assets, **tree})
    except ScenarioError as error:
        assert error.errors
    else:
        assert scenario.assets
