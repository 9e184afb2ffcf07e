"""The life of a twin: learning, live, coasting, stale and back; what it says at each turn is a prediction, and strict JSON."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.encode import schemas
from agent.twins import Twins
from agent.types import Batch, Outputs, Reason
from tests.services import settings
from tests.streams import START, bits, core


def plant(**block: Any) -> Twins:
    time = {"field": "t", "format": "s"}
    return core(
        settings(assets=[{"topic": "plant/{asset}", "time": time, "channels": {"c": {}}, "learning": 10, **block}])
    )


def say(twins: Twins, time: float, value: float, *, arrival: float | None = None, asset: str = "pump") -> Outputs:
    payload = json.dumps({"t": START + time, "c": value}).encode()
    return twins.on_batch(Batch.of(f"plant/{asset}", payload, START + (time if arrival is None else arrival)))


def strict(payload: bytes) -> dict[str, Any]:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not in the grammar of JSON (RFC 8259 §6)")

    out: dict[str, Any] = json.loads(payload, parse_constant=refuse)
    return out


@cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas()[kind])


def messages(out: Outputs, kind: str) -> list[dict[str, Any]]:
    found = []
    for group in out.publications:
        for topic, payload in zip(group.topics, group.payloads, strict=True):
            if topic.decode().split("/")[3] == kind:
                found.append(strict(payload))
                assert not [e.message for e in validator(kind).iter_errors(found[-1])]
    return found


def quiet(twins: Twins, since: float) -> list[tuple[float, str]]:
    """Nothing comes: when, in seconds since the start, which status is told. Time passes as the core asks for it."""
    told: list[tuple[float, str]] = []
    for _ in range(200):
        due = max(twins.next_time(), START + since)
        if due == math.inf:
            return told
        told += [(due - START, m["status"]) for m in messages(twins.on_time(due), "state")]
    raise AssertionError(f"the core keeps asking for time: {twins.next_time() - START}")


def live(**block: Any) -> tuple[Twins, list[str]]:
    """A twin after thirty readings, one a second, and the status it gave with each."""
    twins = plant(**block)
    rng = np.random.default_rng(2)
    statuses = [messages(say(twins, k, rng.normal(20.0, 1.0)), "state")[0]["status"] for k in range(30)]
    return twins, statuses


def test_a_twin_learns_for_the_stated_number_of_readings_and_is_live_then() -> None:
    _, statuses = live()
    assert statuses == ["learning"] * 9 + ["live"] * 21


def test_a_silent_twin_coasts_goes_stale_and_says_predictions_that_it_is_less_and_less_sure_of() -> None:
    twins, _ = live(silence={"coasting": 20, "stale": 300}, alarms={})
    last = twins.detail("pump")
    assert last is not None
    assert twins.next_time() <= START + 49
    assert twins.on_time(START + 48.9).publications == []
    (coasting,) = messages(twins.on_time(START + 49), "state")
    (stale,) = messages(twins.on_time(START + 329), "state")
    assert (coasting["status"], stale["status"]) == ("coasting", "stale")
    assert (coasting["time"], coasting["age"]) == (START + 49, 20.0)
    assert (stale["time"], stale["age"]) == (START + 329, 300.0)
    rate = last["states"]["c_rate"]["mean"]
    assert coasting["states"]["c"]["mean"] == pytest.approx(last["states"]["c"]["mean"] + 20 * rate)
    stds = [m["states"]["c"]["std"] for m in (last, coasting, stale)]
    assert stds[0] < stds[1] < stds[2]
    assert coasting["seq"] == 31
    assert twins.next_time() == math.inf
    assert twins.status_counts() == {"learning": 0, "live": 0, "coasting": 0, "stale": 1}


def test_looking_at_the_clock_does_not_move_the_filter() -> None:
    twins, _ = live(silence={"coasting": 20, "stale": 300})
    before = twins.blocks[0].banks[0].export([0])
    twins.on_time(START + 60)
    twins.on_time(START + 600)
    after = twins.blocks[0].banks[0].export([0])
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_a_twin_that_is_back_is_live_at_once() -> None:
    twins, _ = live(silence={"coasting": 20, "stale": 300}, alarms={})
    twins.on_time(START + 49)
    twins.on_time(START + 329)
    (state,) = messages(say(twins, 400, 20.0), "state")
    assert (state["status"], state["age"]) == ("live", 0.0)
    assert quiet(twins, 400) == [(420.0, "coasting"), (700.0, "stale")]


def test_without_stated_times_silence_is_measured_by_the_usual_interval() -> None:
    def turns(interval: float) -> list[float]:
        twins = plant(alarms={})
        for k in range(30):
            say(twins, k * interval, 20.0 + k % 2)
        return [time - 29 * interval for time, _ in quiet(twins, 29 * interval)]

    assert turns(0.1) == pytest.approx([5.0, 30.0], abs=1e-6)
    assert turns(60.0) == pytest.approx([300.0, 1200.0], rel=1e-6)


def test_a_known_asset_that_never_speaks_goes_stale_with_nothing_known() -> None:
    twins = plant(known=["quiet"], silence={"coasting": 20, "stale": 60})
    assert twins.next_time() == -math.inf
    assert messages(twins.on_time(START), "state") == []
    assert twins.next_time() == START + 60
    (state,) = messages(twins.on_time(START + 60), "state")
    assert (state["status"], state["asset"], state["time"], state["age"]) == ("stale", "quiet", None, None)
    assert state["states"] == {"c": {"mean": None, "std": None}, "c_rate": {"mean": None, "std": None}}
    assert state["channels"]["c"]["quality"] == "bad"


def test_a_learning_twin_that_falls_silent_goes_stale_and_learns_on() -> None:
    twins = plant(silence={"coasting": 20, "stale": 60})
    for k in range(3):
        say(twins, k, 20.0)
    (state,) = messages(twins.on_time(START + 62), "state")
    assert state["status"] == "stale"
    assert messages(say(twins, 100, 20.0), "state")[0]["status"] == "learning"


def test_silence_is_judged_by_arrival_so_a_sensor_with_a_wrong_clock_is_not_silent() -> None:
    twins = plant(silence={"coasting": 20, "stale": 60})
    for k in range(30):
        say(twins, k - 5000.0, 20.0 + k % 2, arrival=k)
    assert twins.on_time(START + 48).publications == []
    (state,) = messages(twins.on_time(START + 49), "state")
    assert (state["status"], state["time"]) == ("coasting", START - 5000 + 49)


def test_silence_while_nobody_listened_does_not_count() -> None:
    twins, _ = live(silence={"coasting": 20, "stale": 60}, alarms={})
    twins.resume(START + 1000)
    assert twins.on_time(START + 1000).publications == []
    assert quiet(twins, 1000) == [(1020.0, "coasting"), (1060.0, "stale")]


def test_each_way_to_refuse_a_reading_has_its_reason_and_leaves_the_twin_as_it_was() -> None:
    twins, _ = live(time={"field": "t", "format": "s", "late": 10, "max_ahead": 60})
    before = bits(twins, without={"newest"})
    for time, arrival, reason in (
        (29.0, 30.0, Reason.DUPLICATE),
        (3.5, 30.0, Reason.LATE),
        (200.0, 30.0, Reason.AHEAD),
    ):
        out = say(twins, time, 99.0, arrival=arrival)
        assert [r.reason for r in out.rejects] == [reason]
        assert out.publications == []
        assert out.readings == 0
        assert bits(twins, without={"newest"}) == before  # when it came is remembered, what it said is not


def test_two_twins_of_one_block_know_nothing_of_each_other() -> None:
    both, alone = plant(), plant()
    for k in range(40):
        say(both, k, 20.0 + k % 3, asset="a")
        say(both, k, -5.0 * k, asset="b")
        say(alone, k, 20.0 + k % 3, asset="a")
    assert both.detail("a") == alone.detail("a")


def test_a_retained_shared_input_reaches_an_asset_that_speaks_later() -> None:
    twins = plant(model={"type": "first_order", "tau": 10, "target": {"topic": "weather"}})
    out = twins.on_batch(Batch.of("weather", b"5", START - 100, retained=True))
    assert (out.readings, out.rejects) == (1, [])
    for k in range(3):
        say(twins, k, 20.0)
    assert twins.blocks[0].banks[0].views["u0"][0] == 5.0
    restored = plant(model={"type": "first_order", "tau": 10, "target": {"topic": "weather"}})
    restored.restore(twins.snapshot())
    say(restored, 4, 20.0, asset="newcomer")
    assert restored.blocks[0].banks[0].views["u0"][1] == 5.0


def test_a_changed_model_starts_over_and_what_did_not_change_is_kept() -> None:
    twins, _ = live()
    same, lines = twins.reconfigure(twins.config)
    assert lines == []
    assert bits(same) == bits(twins)
    other = plant(model="level")
    assert other.restore(twins.snapshot()) == ["block plant/{asset}: model changed, its twins start over"]
    assert len(other) == 0


SIZES = st.sampled_from([0.0, -0.0, 1e-300, 1e100, -1e100, 1e99, 5e-324]) | st.floats(-1e100, 1e100)
GAPS = st.sampled_from([0.0, 1e-6, 1.0, 1e3, 1e7])


@hypothesis_settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(
        [
            "level",
            "level_rate",
            {"type": "first_order", "tau": 5},
            {"type": "linear", "states": ["s"], "channels": ["c"], "A": [[0.5]], "C": [[1.0]], "Q": [[1.0]]},
        ]
    ),
    st.lists(st.tuples(SIZES, GAPS), min_size=1, max_size=40),
)
def test_whatever_is_read_what_is_published_is_strict_json_within_its_schema(
    model: Any, readings: list[tuple[float, float]]
) -> None:
    alarms = {
        "odd": {"type": "surprise", "threshold": 1.0},
        "high": {"type": "limit", "high": 1e50, "watch": "forecast", "within": "7d"},
        "fast": {"type": "rate", "above": 1.0, "below": -1.0},
        "flat": {"type": "flat", "duration": 0, "readings": 2},
        "any": {"type": "anomaly"},
    }
    twins = plant(model=model, alarms=alarms, learning=4, forecast={"interval": 0, "horizons": [1, "7d"]})
    time = 0.0
    for value, gap in readings:
        time += gap
        out = say(twins, time, value)
        assert messages(out, "state") or out.rejects
        messages(out, "forecast")
        messages(out, "alarm")
    for _ in range(4):
        due = twins.next_time()
        if math.isfinite(due):
            messages(twins.on_time(due), "state")
    strict(json.dumps(twins.detail("pump"), allow_nan=False).encode())
