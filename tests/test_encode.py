"""Published messages: what is not known is null, and each keeps to its schema; made by the real core."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from agent.config import Config
from agent.encode import schemas
from agent.twins import Twins
from agent.types import Batch
from tests.services import config, settings

TWO = {"topic": "plant/{asset}", "channels": {"a": {}, "b": {}}, "forecast": {"horizons": [60.0], "interval": 0.0}}


def two_channels(**more: Any) -> Config:
    return config(settings(assets=[TWO | more]))


def published(twins: Twins, *messages: tuple[float, dict[str, float]], together: bool) -> list[tuple[str, Any]]:
    """Everything said about these messages of the assets x and y, in one batch or one by one."""
    size = len(messages) if together else 1
    batches = [
        Batch(
            [b"plant/x", b"plant/y"] * size,
            [json.dumps(payload).encode() for _, payload in part for _ in "xy"],
            [time for time, _ in part for _ in "xy"],
            [0, 0] * size,
        )
        for part in (messages[k : k + size] for k in range(0, len(messages), size))
    ]
    return [
        (topic.decode(), json.loads(payload))
        for batch in batches
        for group in twins.on_batch(batch).publications
        for topic, payload in zip(group.topics, group.payloads, strict=True)
    ]


@pytest.mark.parametrize("together", [False, True])
def test_a_state_that_was_never_measured_is_null_and_not_zero(together: bool) -> None:
    said = published(Twins(two_channels()), (1000.0, {"b": 5.0}), (1001.0, {"b": 5.1}), together=together)
    states = [message["states"] for topic, message in said if topic == "twinned/test/x/state"]
    assert states[0]["a"] == states[0]["a_rate"] == {"mean": None, "std": None}
    assert states[0]["b"]["mean"] == 5.0
    assert states[0]["b_rate"] == {"mean": None, "std": None}
    assert states[1]["a"] == {"mean": None, "std": None}
    assert states[1]["b_rate"]["std"] > 0.0


@pytest.mark.parametrize("together", [False, True])
def test_a_channel_that_was_never_measured_has_no_forecast(together: bool) -> None:
    said = published(Twins(two_channels()), (1000.0, {"b": 5.0}), (1001.0, {"b": 5.1}), together=together)
    forecast = next(message["channels"] for topic, message in said if topic == "twinned/test/x/forecast")
    assert list(forecast) == ["b"]


def test_each_message_keeps_to_its_schema() -> None:
    alarm = {"high": {"type": "limit", "channel": "b", "high": 7.0, "watch": "reading"}}
    twins = Twins(two_channels(learning=4, alarms=alarm))
    readings = [(1000.0 + t, {"b": 9.0 if t > 20 else 5.0 + t % 3}) for t in range(30)]
    said = published(twins, *readings, together=False)
    seen = set()
    for topic, message in said:
        kind = topic.split("/")[3]
        jsonschema.validate(message, schemas()[kind])
        seen.add(kind)
    assert seen == {"state", "forecast", "alarm"}
