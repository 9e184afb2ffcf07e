"""Routing: which messages make twins, and which reach an input that twins share."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.twins import Twins
from agent.types import Batch, Outputs, Reason
from tests.services import settings
from tests.streams import START, bits, core

DRIVEN = {"type": "first_order", "tau": 60, "target": {"topic": "plant/weather"}}


def twins(**block: Any) -> Twins:
    return core(settings(assets=[{"topic": "plant/{asset}", "channels": {"v": {}}, **block}]))


def say(t: Twins, payload: bytes, *, topic: str = "plant/pump", retained: bool = False) -> Outputs:
    return t.on_batch(Batch.of(topic, payload, START, retained))


@pytest.mark.parametrize(
    ("payload", "retained", "reason"),
    [
        (b'{"v": 20}', True, Reason.RETAINED),
        (b'{"time": 1800000000, "v": 20}', False, Reason.AHEAD),
        (b'{"v": "x"}', False, Reason.WRONG_TYPE),
        (b"{", False, Reason.MALFORMED),
    ],
)
def test_a_message_that_holds_no_reading_for_it_makes_no_twin(payload: bytes, retained: bool, reason: Reason) -> None:
    t = twins()
    out = say(t, payload, retained=retained)
    assert [r.reason for r in out.rejects] == [reason]
    assert (len(t), out.discovered) == (0, 0)
    assert say(t, b'{"v": 20}').discovered == 1


def test_a_retained_message_with_a_time_of_its_own_makes_a_twin_unless_the_block_refuses_it() -> None:
    payload = b'{"time": 1600000000, "v": 20}'
    assert say(twins(), payload, retained=True).discovered == 1
    assert say(twins(retained="refuse"), payload, retained=True).discovered == 0


@pytest.mark.parametrize("block", [{"known": ["pump"], "discover": False}, {"known": ["pump"], "max_assets": 1}, {}])
def test_an_input_reaches_its_twins_also_where_its_topic_looks_like_that_of_an_asset(block: dict[str, Any]) -> None:
    t = twins(model=DRIVEN, **block)
    say(t, b'{"time": 1699999990, "v": 20}')
    out = say(t, b"5.5", topic="plant/weather")
    assert (out.readings, out.rejects) == (1, [])
    assert list(t.blocks[0].rows.names) == ["pump"]
    assert t.blocks[0].banks[0].columns["u0"][0] == 5.5


SAMPLE = st.tuples(
    st.floats(-5.0, 400.0) | st.none(), st.floats(0.0, 50.0) | st.none(), st.integers(0, 30) | st.none()
).map(lambda each: _sample(*each))


def _sample(time: float | None, value: float | None, number: int | None) -> dict[str, float]:
    found = {"time": None if time is None else START + time, "v": value, "n": number}
    return {key: each for key, each in found.items() if each is not None}


@pytest.mark.parametrize("payload", [{}, {"sequence": "n"}], ids=["by time", "by number"])
@given(st.lists(st.tuples(st.integers(0, 2), st.lists(SAMPLE, max_size=5)), min_size=1, max_size=8))
def test_arrays_in_bulk_are_the_same_as_one_by_one(
    payload: dict[str, Any], messages: list[tuple[int, list[dict[str, float]]]]
) -> None:
    together, apart = (twins(payload=payload, time={"max_ahead": "5min"}) for _ in range(2))
    topics = [b"plant/a%d" % asset for asset, _ in messages]
    payloads = [msgspec.json.encode(samples) for _, samples in messages]
    received = [START + k * 2.0**-20 for k in range(len(messages))]
    batch = Batch(topics, payloads, received, bytes(len(topics)))
    for lane in apart.decoder.lanes:
        lane.codec.columns = lambda payloads: None  # type: ignore[method-assign]
    one, other = together.on_batch(batch), apart.on_batch(batch)
    assert sorted(map(repr, one.rejects)) == sorted(map(repr, other.rejects))
    assert (one.readings, one.publications) == (other.readings, other.publications)
    assert bits(together) == bits(apart)
